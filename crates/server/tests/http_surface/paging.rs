//! Lists in pages, forwards and backwards, by the addresses that the answers have.

use serde_json::{Value, json};

use crate::world::World;

fn names(page: &Value, field: &str) -> Vec<String> {
    page["data"].as_array().unwrap().iter().map(|one| one[field].as_str().unwrap().to_owned()).collect()
}

/// Walks to the end and back to the beginning; every page on the way back must be the one that was seen before.
async fn there_and_back(w: &World, path: &str, field: &str) -> Vec<String> {
    let follow = async |url: &str| {
        assert!(url.starts_with("http://baton.test/v25.0/"), "absolute, and Baton's own: {url}");
        w.send(w.client.get(url.replace("http://baton.test", &w.base))).await.json()
    };
    let mut pages = vec![w.read("market-bot", path).await.json()];
    assert!(pages[0]["paging"].get("previous").is_none(), "{}", pages[0]);
    while let Some(next) = pages.last().and_then(|page| page["paging"]["next"].as_str()) {
        let page = follow(next).await;
        pages.push(page);
    }
    let mut back = pages.last().unwrap().clone();
    for expected in pages.iter().rev().skip(1) {
        back = follow(back["paging"]["previous"].as_str().unwrap()).await;
        assert_eq!(names(&back, field), names(expected, field));
        assert!(back["paging"]["next"].is_string(), "{back}");
    }
    assert!(back["paging"].get("previous").is_none(), "this is the beginning: {back}");
    pages.iter().flat_map(|page| names(page, field)).collect()
}

#[tokio::test]
async fn every_list_is_walked_there_and_back() {
    let w = World::start().await;
    for person in ["ann", "ben", "cem", "dee", "eve"] {
        w.writes("2001", person).await;
    }
    let people = there_and_back(&w, "/me/conversations?limit=2", "id").await;
    assert_eq!(people.len(), 5);
    for number in 0..6 {
        let message = json!({"recipient": {"id": "ann"}, "message": {"text": format!("no. {number}")}});
        assert_eq!(w.call("market-bot", "/me/messages", message).await.status, 200);
    }
    let ann = w.read("market-bot", "/me/conversations?user_id=ann").await.json()["data"][0]["id"].clone();
    let path = format!("/{}/messages?fields=message&limit=3", ann.as_str().unwrap());
    let said = there_and_back(&w, &path, "message").await;
    assert_eq!(said, ["no. 5", "no. 4", "no. 3", "no. 2", "no. 1", "no. 0", "hello"]);
    for name in ["a", "b", "c", "d"] {
        let persona = json!({"name": name, "profile_picture_url": "https://market.test/p.png"});
        assert_eq!(w.call("market-bot", "/me/personas", persona).await.status, 200);
        let label = w.call("market-bot", "/me/custom_labels", json!({"page_label_name": name})).await.json();
        let id = label["id"].as_str().unwrap().to_owned();
        assert_eq!(w.call("market-bot", &format!("/{id}/label"), json!({"user": "ann"})).await.status, 200);
    }
    for (path, field) in [
        ("/me/personas?limit=1", "name"),
        ("/me/custom_labels?limit=3", "page_label_name"),
        ("/ann/custom_labels?limit=2", "page_label_name"),
    ] {
        let mut all = there_and_back(&w, path, field).await;
        all.sort();
        assert_eq!(all, ["a", "b", "c", "d"], "{path}");
    }
    for path in ["/me/personas?after=1&before=2", "/me/conversations?before=x", "/me/conversations?limit=x"] {
        assert_eq!(w.read("market-bot", path).await.code(), (100, None), "{path}");
    }
}
