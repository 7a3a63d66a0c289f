//! Switches of single apps, and the headers of webhooks, through the router, the engine and a receiver.

use baton_wire::signature;
use serde_json::{Value, json};

use crate::expect;
use crate::receiver::{Receiver, change};
use crate::world::{BOT, DESK, START, World};

async fn world() -> (World, Receiver, Receiver) {
    let w = World::delivering().await;
    let (bot, desk) = (Receiver::start("").await, Receiver::start("").await);
    for (app, receiver) in [(BOT, &bot), (DESK, &desk)] {
        let url = receiver.url.clone();
        change(&w, app, move |app| (app.webhook_url, app.verified) = (Some(url.clone()), true)).await;
    }
    (w, bot, desk)
}

async fn switch(w: &World, app: &'static str, name: &'static str) {
    change(w, app, move |app| app.compat.push(name.to_owned())).await;
}

#[tokio::test]
async fn an_empty_messaging_beside_standby_is_one_apps() {
    let (w, mut bot, mut desk) = world().await;
    switch(&w, DESK, "empty-messaging-beside-standby").await;
    w.writes("2002", "ann").await;
    let overheard = desk.next().await["entry"][0].clone();
    assert_eq!(
        (&overheard["messaging"], &overheard["standby"][0]["message"]["text"]),
        (&json!([]), &json!("hello"))
    );
    let heard = bot.next().await["entry"][0].clone();
    assert_eq!(heard.get("standby"), None);
    w.call(
        "garage-bot",
        "/me/pass_thread_control",
        json!({"recipient": {"id": "ann"}, "target_app_id": DESK}),
    )
    .await;
    let passed = desk.next().await["entry"][0].clone();
    assert_eq!(
        (passed.get("standby"), passed["messaging"].as_array().map(Vec::len)),
        (None, Some(1)),
        "{passed}"
    );
    w.writes("2002", "ann").await;
    let overheard = bot.next_with("standby", "message").await;
    assert_eq!(overheard.get("messaging"), None, "the other has the platform's form");
}

/// WH-5: app ids in events are texts, or numbers for the app that wants them.
#[tokio::test]
async fn wh_5_app_ids_are_numbers_for_who_wants_them() {
    let (w, mut bot, mut desk) = world().await;
    switch(&w, DESK, "app-ids-as-numbers").await;
    w.writes("2002", "ann").await;
    w.call(
        "garage-bot",
        "/me/pass_thread_control",
        json!({"recipient": {"id": "ann"}, "target_app_id": DESK}),
    )
    .await;
    let passed = desk.next_with("messaging", "pass_thread_control").await;
    let event = &passed["messaging"][0]["pass_thread_control"];
    assert_eq!((&event["previous_owner_app_id"], &event["new_owner_app_id"]), (&json!(111), &json!(222)));
    w.call(
        "garage-desk",
        "/me/pass_thread_control",
        json!({"recipient": {"id": "ann"}, "target_app_id": BOT}),
    )
    .await;
    let passed = bot.next_with("messaging", "pass_thread_control").await;
    let event = &passed["messaging"][0]["pass_thread_control"];
    assert_eq!((&event["previous_owner_app_id"], &event["new_owner_app_id"]), (&json!("222"), &json!("111")));
}

#[tokio::test]
async fn retired_tags_say_nothing_for_who_still_sends_them() {
    let w = World::start().await;
    w.writes("2001", "ann").await;
    let send = || {
        let body = json!({"recipient": {"id": "ann"}, "message": {"text": "hi"}, "messaging_type": "MESSAGE_TAG", "tag": "ACCOUNT_UPDATE"});
        w.call("market-bot", "/me/messages", body)
    };
    expect!(send().await, 400, "(#100) Invalid parameter");
    switch(&w, BOT, "retired-tags").await;
    assert_eq!(send().await.status, 200);
    w.post("/baton/v1/clock", json!({"advance": "25h"})).await;
    assert_eq!(send().await.code(), (10, Some(2_018_278)), "and open no window");
}

#[tokio::test]
async fn webhooks_carry_standard_headers_beside_the_platforms() {
    let (w, mut bot, _desk) = world().await;
    w.writes("2002", "ann").await;
    w.writes("2002", "ann").await;
    let mut ids = Vec::new();
    for _ in 0..2 {
        let (headers, body) = bot.next_whole().await;
        let header = |name: &str| headers[name].to_str().unwrap().to_owned();
        let signed = signature::sign("test_secret", body.as_bytes());
        assert_eq!((header("x-hub-signature"), header("x-hub-signature-256")), (signed.sha1, signed.sha256));
        let (id, at) = (header("webhook-id"), header("webhook-timestamp"));
        assert_eq!(at, (START / 1000).to_string());
        assert_eq!(
            header("webhook-signature"),
            signature::standard("test_secret", &id, &at, body.as_bytes())
        );
        assert!(serde_json::from_str::<Value>(&body).is_ok());
        ids.push(id);
    }
    assert_ne!(ids[0], ids[1], "each event has an id of its own");
}

#[tokio::test]
async fn an_app_without_a_secret_gets_no_signature() {
    let (w, mut bot, _desk) = world().await;
    change(&w, BOT, |app| app.secret = baton_store::Secret::new("")).await;
    w.writes("2002", "ann").await;
    let (headers, _) = bot.next_whole().await;
    for name in ["x-hub-signature", "x-hub-signature-256", "webhook-signature", "webhook-id"] {
        assert!(!headers.contains_key(name), "{name}");
    }
}
