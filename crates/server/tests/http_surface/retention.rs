//! What is left after months: who was in control, and the conversation itself; not what was said in it.

use serde_json::{Value, json};

use crate::world::{BOT, DESK, World};

fn lines(reply: &Value) -> Vec<Value> {
    reply["data"].as_array().unwrap().clone()
}

async fn history(w: &World) -> Vec<Value> {
    lines(&w.get("/baton/v1/pages/2001/threads/ann/history").await.json())
}

#[tokio::test]
async fn messages_go_after_a_month_and_everything_that_looks_for_them_says_so() {
    let w = World::start().await;
    let message = w.writes("2001", "ann").await.json();
    let id = message["message_id"].as_str().unwrap().to_owned();
    let pass = json!({"recipient": {"id": "ann"}, "target_app_id": DESK});
    assert_eq!(w.call("market-bot", "/me/pass_thread_control", pass).await.status, 200);
    let send = json!({"recipient": {"id": "ann"}, "message": {"text": "hi"}});
    assert_eq!(w.call("market-desk", "/me/messages", send).await.status, 200);
    let conversation = "/me/conversations?user_id=ann&fields=messages{message}";
    let said = |reply: &Value| reply["data"][0]["messages"]["data"].as_array().map_or(0, Vec::len);
    assert_eq!(said(&w.read("market-desk", conversation).await.json()), 2);
    let before = history(&w).await;
    assert!(before.iter().any(|entry| entry["cause"] == "pass" && entry["to_app_id"] == DESK), "{before:?}");

    assert_eq!(w.post("/baton/v1/clock", json!({"advance": "31d"})).await.status, 200);
    // Reads that begin at what is gone.
    let graph = w.read("market-desk", conversation).await;
    assert_eq!((graph.status, said(&graph.json())), (200, 0), "{}", graph.text);
    let one = w.read("market-desk", &format!("/{id}?fields=message")).await;
    assert_eq!((one.status, one.code().0), (400, 100), "{}", one.text);
    let explained = w.get(&format!("/baton/v1/explain/{id}")).await;
    assert_eq!((explained.status, explained.slug()), (404, "nothing-known".to_owned()), "{}", explained.text);
    for list in [format!("/baton/v1/apps/{BOT}/deliveries"), format!("/baton/v1/apps/{BOT}/webhooks")] {
        let reply = w.get(&list).await;
        assert_eq!((reply.status, lines(&reply.json()).len()), (200, 0), "{list}: {}", reply.text);
    }
    let health = w.get(&format!("/baton/v1/apps/{BOT}/health")).await.json();
    assert_eq!(health["pending"], 0, "{health}");
    assert_eq!(w.get("/baton/v1/statistics").await.status, 200);

    // What is left: the conversation, and what happened to it.
    let listed = w.get("/baton/v1/conversations").await.json();
    assert_eq!(lines(&listed).len(), 1, "{listed}");
    let thread = w.get("/baton/v1/pages/2001/threads/ann").await.json();
    assert_eq!((&thread["state"], &thread["owner_app_id"]), (&json!("active"), &json!(BOT)), "{thread}");
    let now = history(&w).await;
    assert_eq!((&now[0]["cause"], &now[0]["from_app_id"]), (&json!("expiry"), &json!(DESK)), "{now:?}");
    assert_eq!(now[1..], before);
    let at = w.get("/baton/v1/pages/2001/threads/ann/history?at=2026-01-01T00:00:00Z").await;
    assert_eq!(lines(&at.json()), before);

    // It goes on from where it stood.
    let again = w.writes("2001", "ann").await.json();
    assert_eq!(again["thread"]["owner_app_id"], BOT, "{again}");
    assert_eq!(said(&w.read("market-bot", conversation).await.json()), 1);
    let later = history(&w).await;
    assert_eq!(later[later.len() - now.len()..], now);

    // A year later nobody knows any more.
    assert_eq!(w.post("/baton/v1/clock", json!({"advance": "366d"})).await.status, 200);
    let left = history(&w).await;
    assert!(left.iter().all(|entry| entry["cause"] != "pass"), "{left:?}");
    assert_eq!(w.get("/baton/v1/pages/2001/threads/ann").await.status, 200);
}

#[tokio::test]
async fn a_settings_change_is_told_of_a_conversation_that_was_quiet_for_months() {
    let w = World::start().await;
    w.writes("2001", "ann").await;
    let pass = json!({"recipient": {"id": "ann"}, "target_app_id": DESK, "control_expiration": 604_800});
    assert_eq!(w.call("market-bot", "/me/pass_thread_control", pass).await.status, 200);
    let deleted = w.client.delete(w.url("/baton/v1/pages/2001/connections/222"));
    let deleted = w.send(deleted.bearer_auth(crate::world::OPERATOR)).await;
    assert!((200..300).contains(&deleted.status), "{}", deleted.text);
    let before = history(&w).await;
    assert!(before.iter().any(|entry| entry["cause"] == "settings"), "{before:?}");
    assert_eq!(w.post("/baton/v1/clock", json!({"advance": "90d"})).await.status, 200);
    assert_eq!(history(&w).await, before);
}
