//! What libraries still do that the platform has given up, or never had.

use serde_json::{Value, json};

use crate::expect;
use crate::world::World;

const OLD: &str = "/v2.6/me/thread_settings";
const PROFILE: &str = "/v25.0/me/messenger_profile";
const DONE: &str = r#"{"result":"success"}"#;

#[tokio::test]
async fn thread_settings_set_what_the_profile_shows() {
    let w = World::start().await;
    let set = async |body: Value| w.call("market-bot", OLD, body).await;
    let shown = async || w.read("market-bot", PROFILE).await.json()["data"][0].clone();
    let item = json!({"type": "postback", "title": "Talk", "payload": "TALK"});
    let domains = |action: &str, names: &[&str]| json!({"setting_type": "domain_whitelisting", "domain_action_type": action, "whitelisted_domains": names});
    let menu = json!({"setting_type": "call_to_actions", "thread_state": "existing_thread", "call_to_actions": [item]});
    expect!(set(menu.clone()).await, 400, "must set a Get Started button");
    for body in [
        json!({"setting_type": "greeting", "greeting": {"text": "Hi"}}),
        json!({"setting_type": "call_to_actions", "thread_state": "new_thread", "call_to_actions": [{"payload": "START"}]}),
        menu,
        domains("add", &["https://a.test", "https://b.test"]),
        domains("add", &["https://b.test", "https://c.test"]),
        domains("remove", &["https://a.test"]),
    ] {
        assert_eq!(set(body.clone()).await.text, DONE, "{body}");
    }
    let whole = json!({
        "greeting": [{"locale": "default", "text": "Hi"}],
        "get_started": {"payload": "START"},
        "persistent_menu": [{"locale": "default", "call_to_actions": [item]}],
        "whitelisted_domains": ["https://b.test", "https://c.test"],
    });
    assert_eq!(shown().await, whole);
    // Who set the menu hears its taps, as it does whichever way it was set.
    w.writes("2001", "ann").await;
    let tap = json!({"type": "menu", "menu": {"payload": "TALK"}});
    let tap = w.post("/baton/v1/pages/2001/people/ann/events", tap).await;
    assert_eq!((tap.status, &tap.json()["rule"]), (200, &json!("MCR-MENU-1")), "{}", tap.text);
    let unset =
        async |body: Value| w.send(w.client.delete(w.with_token(OLD, "market-bot")).json(&body)).await.text;
    for body in [
        json!({"setting_type": "greeting"}),
        json!({"setting_type": "call_to_actions", "thread_state": "existing_thread"}),
        json!({"setting_type": "call_to_actions", "thread_state": "new_thread"}),
    ] {
        assert_eq!(unset(body.clone()).await, DONE, "{body}");
    }
    assert_eq!(set(domains("remove", &["https://b.test", "https://c.test"])).await.text, DONE);
    assert_eq!(shown().await, Value::Null, "nothing is set, and no list is empty");
    // Where only the primary receiver sets the menu, it does so here.
    let menu = json!({"setting_type": "call_to_actions", "thread_state": "existing_thread", "call_to_actions": [item]});
    assert_eq!(w.call("garage-desk", OLD, menu).await.code(), (10, Some(2_018_171)));
}

#[tokio::test]
async fn a_batch_may_go_where_messages_go() {
    let w = World::start().await;
    w.writes("2001", "ann").await;
    let one = |text: &str| json!({"method": "POST", "relative_url": "me/messages", "body": format!("recipient%5Bid%5D=ann&message%5Btext%5D={text}")});
    let batch = json!({"batch": json!([one("b1"), one("b2")]).to_string()});
    let answers = w.call("market-bot", "/v2.12/me/messages", batch).await;
    assert_eq!(answers.status, 200, "{}", answers.text);
    let codes: Vec<Value> =
        answers.json().as_array().unwrap().iter().map(|one| one["code"].clone()).collect();
    assert_eq!(codes, [200, 200]);
}

#[tokio::test]
async fn menus_are_set_as_often_as_somebody_likes() {
    let w = World::start().await;
    for round in 0..12 {
        let body = json!({"get_started": {"payload": format!("START {round}")}});
        assert_eq!(w.call("market-bot", PROFILE, body).await.text, DONE);
    }
}

#[tokio::test]
async fn menus_lie_in_menus() {
    let w = World::start().await;
    let inner = json!({"type": "postback", "title": "Deep", "payload": "DEEP"});
    let items = json!([{"type": "nested", "title": "More", "call_to_actions": [inner]}]);
    let menu = json!([{"locale": "default", "call_to_actions": items}]);
    let body = json!({"get_started": {"payload": "START"}, "persistent_menu": menu});
    assert_eq!(w.call("market-bot", PROFILE, body).await.text, DONE);
    let tap = json!({"type": "menu", "menu": {"payload": "DEEP"}});
    let tap = w.post("/baton/v1/pages/2001/people/ann/events", tap).await.json();
    let heard = w.get("/baton/v1/pages/2001/threads/ann/messages?limit=1").await.json();
    assert_eq!(heard["data"][0]["content"]["title"], "Deep", "{tap:#}");
}

#[tokio::test]
async fn a_token_says_what_it_was_granted() {
    let w = World::start().await;
    let granted = w.read("garage-draft", "/v3.1/me/permissions").await;
    assert_eq!(granted.text, r#"{"data":[{"permission":"pages_messaging","status":"granted"}]}"#);
}
