//! `Idempotency-Key` on the Send API: a client that does not know whether its call arrived makes it again.

use serde_json::{Value, json};

use crate::expect;
use crate::world::{Reply, World};

async fn send(w: &World, token: &str, key: &str, text: &str) -> Reply {
    let body = json!({"recipient": {"id": "ann"}, "message": {"text": text}});
    let request = w.client.post(w.with_token("/me/messages", token)).header("Idempotency-Key", key);
    w.send(request.json(&body)).await
}

async fn said(w: &World) -> usize {
    let list = w.get("/baton/v1/pages/2002/threads/ann/messages").await.json();
    list["data"].as_array().unwrap().len()
}

#[tokio::test]
async fn the_same_key_and_body_are_one_call_with_one_answer() {
    let w = World::start().await;
    w.writes("2002", "ann").await;
    let before = said(&w).await;
    let first = send(&w, "garage-bot", "order-7", "hi").await;
    assert_eq!(first.status, 200, "{}", first.text);
    assert_eq!(send(&w, "garage-bot", "order-7", "hi").await.text, first.text);
    // By another way to say who calls, and in another order, it is the same body.
    let body = json!({"message": {"text": "hi"}, "recipient": {"id": "ann"}, "access_token": "garage-bot"});
    let again = w.client.post(w.url("/v19.0/2002/messages")).header("idempotency-key", "order-7").json(&body);
    assert_eq!(w.send(again).await.text, first.text);
    assert_eq!(said(&w).await, before + 1);

    let other = send(&w, "garage-bot", "order-7", "hello").await;
    expect!(&other, 400, "(#100) This Idempotency-Key was used before with another body");
    assert_eq!(other.code(), (100, None));
    assert_eq!(said(&w).await, before + 1);
    let next = send(&w, "garage-bot", "order-8", "hi").await;
    assert_ne!(next.json()["message_id"], first.json()["message_id"]);
}

#[tokio::test]
async fn a_key_is_one_apps_and_one_persons() {
    let w = World::start().await;
    w.writes("2001", "ann").await;
    let first = send(&w, "market-bot", "k", "hi").await;
    // The desk may take control by sending.
    let desk = send(&w, "market-desk", "k", "hi").await;
    assert_eq!((first.status, desk.status), (200, 200), "{}", desk.text);
    assert_ne!(first.json()["message_id"], desk.json()["message_id"]);
    // A person's event with the same words for an id is something else.
    let event = json!({"type": "message", "message": {"text": "hi"}, "event_id": "k"});
    let event = w.post("/baton/v1/pages/2001/people/ann/events", event).await;
    assert_eq!(event.status, 200, "{}", event.text);
}

#[tokio::test]
async fn a_refused_call_is_decided_anew_and_a_key_has_a_form() {
    let w = World::start().await;
    w.writes("2002", "ann").await;
    assert_eq!(send(&w, "garage-desk", "k", "hi").await.code(), (10, Some(2_018_300)));
    let pass = json!({"recipient": {"id": "ann"}, "target_app_id": "222"});
    assert_eq!(w.call("garage-bot", "/me/pass_thread_control", pass).await.status, 200);
    assert_eq!(send(&w, "garage-desk", "k", "hi").await.status, 200);
    for wrong in ["", " ", "a b", &"x".repeat(129)] {
        let reply = send(&w, "garage-desk", wrong, "hi").await;
        expect!(&reply, 400, "Idempotency-Key must be 1 to 128", "\"code\":100");
    }
    assert_eq!(send(&w, "garage-desk", &"x".repeat(128), "hi").await.status, 200);
    // It is kept as long as a person's event is: 72 hours.
    let now = send(&w, "garage-desk", "k", "hi").await.text;
    for (hours, same) in [("71h", true), ("2h", false)] {
        w.post("/baton/v1/clock", json!({"advance": hours})).await;
        w.writes("2002", "ann").await;
        let take: Value = json!({"recipient": {"id": "ann"}, "target_app_id": "222"});
        w.call("garage-bot", "/me/pass_thread_control", take).await;
        let reply = send(&w, "garage-desk", "k", "hi").await;
        assert_eq!(reply.status, 200, "{}", reply.text);
        assert_eq!(reply.text == now, same, "after {hours} more");
    }
}
