//! `GET /{psid}`: what apps read of the people who write to their page (wire.md 5.4).

use serde_json::{Value, json};

use crate::world::{ACCOUNT, OPERATOR, World};

async fn known(w: &World, page: &str, person: &str, of: Value) {
    w.writes(page, person).await;
    let path = w.url(&format!("/baton/v1/pages/{page}/people/{person}"));
    let put = w.send(w.client.put(path).bearer_auth(OPERATOR).json(&of)).await;
    assert_eq!(put.status, 200, "{}", put.text);
}

#[tokio::test]
async fn a_person_is_shown_flat_with_what_is_known() {
    let w = World::start().await;
    let pic = "https://cdn.example/ann.png?ext=1767312000";
    let ann = json!({"name": "Ann Lee", "first_name": "Ann", "last_name": "Lee", "profile_pic": pic});
    known(&w, "2001", "ann", ann).await;
    for (path, body) in [
        ("/ann", json!({"first_name": "Ann", "last_name": "Lee", "profile_pic": pic, "id": "ann"})),
        ("/v2.6/ann?fields=name", json!({"name": "Ann Lee", "id": "ann"})),
        ("/ann?fields=first_name, last_name", json!({"first_name": "Ann", "last_name": "Lee", "id": "ann"})),
        ("/ann?fields=id,name,locale,timezone,gender,username", json!({"name": "Ann Lee", "id": "ann"})),
        ("/ann/?fields=%5B%22profile_pic%22%5D", json!({"profile_pic": pic, "id": "ann"})),
    ] {
        let reply = w.read("market-bot", path).await;
        assert_eq!((reply.status, reply.text.clone()), (200, body.to_string()), "{path}");
    }
    known(&w, ACCOUNT, "iggy", json!({"name": "Iggy", "username": "iggy_pop", "first_name": "I"})).await;
    let iggy = w.read("market-bot", "/iggy").await;
    assert_eq!(iggy.json(), json!({"name": "Iggy", "username": "iggy_pop", "id": "iggy"}));
}

#[tokio::test]
async fn what_is_said_of_somebody_before_they_write_is_known_and_begins_no_conversation() {
    let w = World::start().await;
    let path = "/baton/v1/pages/2001/people/ann";
    assert_eq!(w.get(path).await.slug(), "unknown-person");
    let put = w.send(w.client.put(w.url(path)).bearer_auth(OPERATOR).json(&json!({"name": "Ann Lee"}))).await;
    assert_eq!((put.status, put.json()["name"].clone()), (200, json!("Ann Lee")), "{}", put.text);
    assert_eq!(w.get(path).await.json(), put.json());
    assert_eq!(w.get("/baton/v1/pages/2001/threads").await.json()["data"], json!([]));
    assert_eq!(w.read("market-bot", "/ann").await.code(), (100, Some(33)), "to apps she is nobody yet");
    w.writes("2001", "ann").await;
    assert_eq!(
        w.read("market-bot", "/ann?fields=name").await.json(),
        json!({"name": "Ann Lee", "id": "ann"})
    );
}

#[tokio::test]
async fn a_person_is_the_pages_alone() {
    let w = World::start().await;
    known(&w, "2001", "ann", json!({"name": "Ann Lee"})).await;
    w.writes("2001", "bob").await;
    let bob = w.read("market-bot", "/bob").await;
    assert_eq!((bob.status, bob.text.as_str()), (200, r#"{"id":"bob"}"#), "of whom nothing is known");
    let both = w.read("market-bot", "/?ids=2001,bob&fields=id,name").await;
    assert_eq!(both.json(), json!({"2001": {"name": "Market", "id": "2001"}, "bob": {"id": "bob"}}));
    // Who writes to another page, and who is nobody, are the same.
    let error = |reply: &crate::world::Reply, id: &str| {
        let message = reply.json()["error"]["message"].as_str().unwrap().replace(&format!("'{id}'"), "ID");
        (reply.status, reply.code(), message)
    };
    let foreign = w.read("garage-bot", "/ann").await;
    assert_eq!(error(&foreign, "ann"), error(&w.read("garage-bot", "/nobody").await, "nobody"));
    assert_eq!(foreign.code(), (100, Some(33)));
    assert_eq!(w.read("wrong", "/ann").await.code().0, 190);
    assert_eq!(w.call("market-bot", "/ann", json!({})).await.code(), (100, Some(33)));
    assert_eq!(w.read("market-bot", "/ann/conversations").await.code(), (100, Some(33)));
    let permitted = w.read("garage-draft", "/ann").await;
    assert_eq!(permitted.code(), (100, Some(33)), "a task is not needed: {}", permitted.text);
}

#[tokio::test]
async fn the_menu_that_a_person_sees_is_told() {
    let w = World::start().await;
    let path = "/baton/v1/pages/2001/people/ada/menu";
    assert_eq!(w.get(path).await.json(), json!({"menu": null}));
    let orders = json!({"type": "postback", "title": "Orders", "payload": "ORDERS"});
    let menu = json!([{"locale": "default", "composer_input_disabled": false, "call_to_actions": [orders]}]);
    let profile = json!({"get_started": {"payload": "GO"}, "persistent_menu": menu});
    let set = w.call("market-bot", "/v25.0/me/messenger_profile", profile).await;
    assert_eq!(set.status, 200, "{}", set.text);
    let told = w.get(path).await.json();
    assert_eq!(told["menu"][0]["call_to_actions"][0]["title"], "Orders", "{told}");
    w.stop().await;
}
