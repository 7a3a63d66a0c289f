//! Lists of conversations with what a console shows of them, and the rules' own text.

use serde_json::{Value, json};

use crate::world::{ACCOUNT, BOT, DESK, World};

/// The people of a list, in its order, each with the id of their page's side.
fn people(list: &Value) -> Vec<String> {
    let name =
        |one: &Value| format!("{}/{}", one["page"].as_str().unwrap(), one["person"]["id"].as_str().unwrap());
    list["data"].as_array().unwrap().iter().map(name).collect()
}

async fn list(w: &World, query: &str) -> Value {
    let reply = w.get(&format!("/baton/v1/conversations{query}")).await;
    assert_eq!(reply.status, 200, "{query}: {}", reply.text);
    reply.json()
}

async fn later(w: &World) {
    assert_eq!(w.post("/baton/v1/clock", json!({"advance": "1m"})).await.status, 200);
}

/// Four people in turn: two on Market, one on Garage, one more on Market who came by the ad.
async fn four(w: &World) {
    w.writes("2001", "ann").await;
    later(w).await;
    w.writes("2002", "bob").await;
    later(w).await;
    w.writes("2001", "cid").await;
    later(w).await;
    let entry =
        json!({"type": "message", "message": {"text": "the ad"}, "entry": {"type": "ad", "ad_id": "9001"}});
    assert_eq!(w.post("/baton/v1/pages/2001/people/dora/events", entry).await.status, 200);
}

#[tokio::test]
async fn a_list_has_every_page_the_newest_first_with_name_and_last_line() {
    let w = World::start().await;
    four(&w).await;
    let known = json!({"name": "Ann Lee", "username": "ann.lee"}).to_string();
    w.put("/baton/v1/pages/2001/people/ann", "application/json", &known).await;
    let all = list(&w, "").await;
    assert_eq!(people(&all), ["2001/dora", "2001/cid", "2002/bob", "2001/ann"]);
    assert_eq!(all["next"], Value::Null);
    let dora = &all["data"][0];
    assert_eq!((&dora["owner_app_id"], &dora["on"]), (&json!(DESK), &json!("messenger")));
    assert_eq!(dora["last_line"]["text"], "the ad");
    assert_eq!(
        (&dora["last_line"]["from"], &dora["last_line"]["kind"]),
        (&json!("person"), &json!("message"))
    );
    let ann = &all["data"][3]["person"];
    assert_eq!(
        (&ann["name"], &ann["username"], &ann["first_name"]),
        (&json!("Ann Lee"), &json!("ann.lee"), &Value::Null)
    );
    w.post("/baton/v1/pages/2001/threads/ann/inbox", json!({"action": "reply", "text": "yes"})).await;
    let line = list(&w, "?q=ann").await["data"][0]["last_line"].clone();
    assert_eq!((&line["from"], &line["text"]), (&json!("inbox"), &json!("yes")));
}

#[tokio::test]
async fn filters_choose_by_page_owner_folder_words_and_who_waits() {
    let w = World::start().await;
    four(&w).await;
    let garage = w.post(
        "/baton/v1/pages/2002/threads/bob/dry-run",
        json!({"app_id": DESK, "call": "request", "parameters": {}}),
    );
    assert_eq!(garage.await.status, 200, "the desk may ask there");
    let asked =
        w.call("garage-desk", "/v21.0/me/request_thread_control", json!({"recipient": {"id": "bob"}})).await;
    assert_eq!(asked.status, 200, "{}", asked.text);
    w.post("/baton/v1/pages/2001/threads/cid/inbox", json!({"action": "done"})).await;
    let table = [
        ("?page=2001", vec!["2001/dora", "2001/cid", "2001/ann"]),
        ("?page=2002", vec!["2002/bob"]),
        (&format!("?page={ACCOUNT}"), vec![]),
        (&format!("?owner={DESK}"), vec!["2001/dora"]),
        (&format!("?owner={BOT}&page=2002"), vec!["2002/bob"]),
        ("?folder=done", vec!["2001/cid"]),
        ("?state=idle", vec![]),
        ("?waiting=true", vec!["2002/bob"]),
        ("?waiting=1", vec!["2002/bob"]),
        ("?waiting=0&owner=inbox", vec![]),
        ("?q=DOR", vec!["2001/dora"]),
        ("?q=nobody-at-all", vec![]),
        ("?order=expiry", vec!["2002/bob", "2001/dora"]),
    ];
    for (query, expected) in table {
        assert_eq!(people(&list(&w, query).await), expected, "{query}");
    }
    let counts = w.get("/baton/v1/conversations/counts?page=2001").await.json();
    assert_eq!(
        counts,
        json!({"all": 3, "general": 2, "main": 0, "done": 1, "waiting": 0, "at_least": false})
    );
    let wrong = w.get("/baton/v1/conversations?page=77&order=size&colour=red").await;
    assert_eq!((wrong.status, wrong.slug().as_str()), (400, "bad-parameter"));
    assert_eq!(wrong.json()["errors"].as_array().unwrap().len(), 3, "{}", wrong.text);
}

#[tokio::test]
async fn a_long_list_goes_on_where_it_ended_also_within_one_moment() {
    let w = World::start().await;
    // The clock stands still: all of one moment, on two pages.
    for (page, person) in
        [("2001", "a"), ("2001", "b"), ("2001", "c"), ("2002", "b"), ("2002", "c"), ("2002", "-")]
    {
        w.writes(page, person).await;
    }
    let whole = people(&list(&w, "").await);
    assert_eq!(whole.len(), 6);
    for limit in 1..6 {
        let mut found = Vec::new();
        let mut after = String::new();
        loop {
            let part = list(&w, &format!("?limit={limit}{after}")).await;
            found.extend(people(&part));
            let Some(next) = part["next"].as_str() else { break };
            after = format!("&after={next}");
        }
        assert_eq!(found, whole, "{limit} at a time");
    }
}

#[tokio::test]
async fn one_conversation_says_what_comes_after_and_when_one_may_write() {
    let w = World::start().await;
    four(&w).await;
    let path = |page: &str, person: &str| format!("/baton/v1/pages/{page}/conversations/{person}");
    let dora = w.get(&path("2001", "dora")).await.json();
    assert_eq!(dora["after_expiry"], json!({"owner_app_id": BOT, "rule": "MCR-EXP-1"}));
    assert_eq!(dora["window_closes_at"], "2026-01-02T00:03:00.000Z");
    assert_eq!(dora["inbox_window_closes_at"], "2026-01-08T00:03:00.000Z");
    let bob = w.get(&path("2002", "bob")).await.json();
    assert_eq!(bob["after_expiry"], json!({"owner_app_id": null, "rule": "HOP-EXP-1"}));
    let ann = w.get(&path("2001", "ann")).await.json();
    assert_eq!((&ann["expires_at"], &ann["after_expiry"]), (&Value::Null, &Value::Null));
    let nobody = w.get(&path("2001", "nobody")).await;
    assert_eq!((nobody.status, nobody.slug().as_str()), (404, "unknown-person"));
}

#[tokio::test]
async fn a_rule_is_answered_as_the_specification_has_it() {
    let w = World::start().await;
    let rule = w.get("/baton/v1/rules/MCR-AD-5").await.json();
    assert_eq!((&rule["id"], &rule["cells"][0]["title"]), (&json!("MCR-AD-5"), &json!("Event")));
    assert_eq!(rule["cells"][0]["text"], "user enters by ad naming A with a message");
    let unknown = w.get("/baton/v1/rules/MCR-AD-99").await;
    assert_eq!((unknown.status, unknown.slug().as_str()), (404, "not-found"));
}

#[tokio::test]
async fn the_console_is_served_without_the_token_and_its_calls_are_not() {
    let w = World::start().await;
    let page = w.send(w.client.get(w.url("/console/inbox/2001/ann"))).await;
    // Built or not, it is an answer of the console's own and not the Graph API's.
    assert!(page.text.contains("console") || page.text.contains("<base href=\"../../\""), "{}", page.text);
    assert!(page.header("content-type").starts_with("text/"), "{:?}", page.headers);
    assert_eq!(w.send(w.client.get(w.url("/baton/v1/conversations"))).await.status, 401);
}

#[tokio::test]
async fn a_search_goes_past_the_thousand_newest_and_on_where_it_ended() {
    let w = World::start().await;
    for (person, name) in [("first", "Wanted One"), ("second", "Somebody"), ("third", "Wanted Two")] {
        w.writes("2001", person).await;
        let known = json!({"name": name}).to_string();
        w.put(&format!("/baton/v1/pages/2001/people/{person}"), "application/json", &known).await;
    }
    later(&w).await;
    // Those who came since.
    for hundred in 0..11 {
        let event = |one: usize| json!({"person": format!("p{hundred}-{one}"), "type": "message", "message": {"text": "hello"}});
        let events: Vec<Value> = (0..100).map(event).collect();
        assert_eq!(w.post("/baton/v1/pages/2001/events", json!(events)).await.status, 200);
    }
    let part = list(&w, "?q=wanted&limit=1").await;
    assert_eq!(people(&part), ["2001/third"]);
    let rest = list(&w, &format!("?q=wanted&limit=1&after={}", part["next"].as_str().unwrap())).await;
    assert_eq!((people(&rest), &rest["next"]), (vec!["2001/first".to_owned()], &Value::Null));
}
