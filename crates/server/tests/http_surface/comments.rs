//! WIN-11 from outside: a channel brings a comment, and an app answers it in private.

use serde_json::{Value, json};

use crate::expect;
use crate::world::World;

const COMMENT: &str = "/baton/v1/pages/2002/comments/77_1";

fn to_comment(id: &str) -> Value {
    json!({"recipient": {"comment_id": id}, "message": {"text": "Yes, in blue."}})
}

#[tokio::test]
async fn win_11_a_comment_is_answered_in_private_once() {
    let w = World::start().await;
    let said = json!({"person_id": "cleo", "message": "In blue?"});
    let kept = w.put(COMMENT, "application/json", &said.to_string()).await;
    assert_eq!((kept.status, &kept.json()["answered"]), (200, &json!(false)), "{}", kept.text);
    assert_eq!(
        w.get("/baton/v1/pages/2002/threads/cleo").await.status,
        404,
        "a comment makes no conversation"
    );
    let sent = w.call("garage-desk", "/me/messages", to_comment("77_1")).await;
    assert_eq!((sent.status, &sent.json()["recipient_id"]), (200, &json!("cleo")), "{}", sent.text);
    let thread = w.get("/baton/v1/pages/2002/threads/cleo").await.json();
    assert_eq!(
        (&thread["owner_app_id"], &thread["window_closes_at"]),
        (&Value::Null, &Value::Null),
        "{thread:#}"
    );
    let heard = w.get("/baton/v1/pages/2002/threads/cleo/messages").await.json();
    assert!(heard.to_string().contains("Yes, in blue."), "{heard:#}");
    assert_eq!(w.get(COMMENT).await.json()["answered"], true);

    let again = w.call("garage-desk", "/me/messages", to_comment("77_1")).await;
    assert_eq!(again.code(), (100, Some(2_534_025)), "{}", again.text);
    let plain = json!({"recipient": {"id": "cleo"}, "message": {"text": "And red."}});
    assert_eq!(w.call("garage-desk", "/me/messages", plain).await.code().0, 10, "it opens no window");
    let unknown = w.call("garage-desk", "/me/messages", to_comment("77_2")).await;
    assert_eq!(unknown.code(), (100, Some(2_534_025)), "{}", unknown.text);
}

#[tokio::test]
async fn win_11_a_comment_is_closed_after_a_week() {
    let w = World::start().await;
    let said = json!({"person_id": "cleo"}).to_string();
    let kept = w.put(COMMENT, "application/json", &said).await.json();
    w.post("/baton/v1/clock", json!({"advance": "6d"})).await;
    let again = w.put(COMMENT, "application/json", &said).await.json();
    assert_eq!(
        (&again["at"], &again["closes_at"]),
        (&kept["at"], &kept["closes_at"]),
        "it came when it came"
    );
    w.post("/baton/v1/clock", json!({"advance": "1d"})).await;
    w.writes("2002", "cleo").await;
    let late = w.call("garage-desk", "/me/messages", to_comment("77_1")).await;
    assert_eq!(late.code(), (100, Some(2_534_025)), "{}", late.text);
    // Refused by the rules, so the person's history has it, and whoever watches hears of it.
    let history = w.get("/baton/v1/pages/2002/threads/cleo/history").await.json();
    let newest = &history["data"][0];
    assert_eq!((&newest["rule"], &newest["by_app_id"]), (&json!("WIN-11"), &json!("222")), "{history:#}");
    assert_eq!(newest["refused"], json!({"code": 100, "subcode": 2_534_025}));
    let activity = w.get("/baton/v1/activity").await.json();
    assert_eq!(activity["data"][0]["rule"], "WIN-11", "{activity:#}");
    assert_eq!(w.get(COMMENT).await.json()["closes_at"], kept["closes_at"]);
    w.post("/baton/v1/clock", json!({"advance": "23d"})).await;
    assert_eq!(w.get(COMMENT).await.slug(), "nothing-known");
    assert_eq!(
        w.call("garage-desk", "/me/messages", to_comment("77_1")).await.code(),
        (100, Some(2_534_025))
    );
}

#[tokio::test]
async fn win_11_two_comments_under_one_key_are_two_calls() {
    let w = World::start().await;
    for id in ["1", "2"] {
        let path = format!("/baton/v1/pages/2002/comments/{id}");
        w.put(&path, "application/json", &json!({"person_id": "cleo"}).to_string()).await;
    }
    let send = async |id: &str| {
        let request = w.client.post(w.url("/me/messages?access_token=garage-desk"));
        w.send(request.header("Idempotency-Key", "k").json(&to_comment(id))).await
    };
    let first = send("1").await;
    assert_eq!(first.status, 200, "{}", first.text);
    assert_eq!(send("1").await.json(), first.json(), "the same call gets the first answer");
    expect!(send("2").await, 400, "Idempotency-Key");
}

#[tokio::test]
async fn win_11_it_goes_into_no_thread_of_another_app() {
    let w = World::start().await;
    w.writes("2002", "cleo").await;
    let pass = json!({"recipient": {"id": "cleo"}, "target_app_id": "222"});
    assert_eq!(w.call("garage-bot", "/me/pass_thread_control", pass).await.status, 200);
    w.put(COMMENT, "application/json", &json!({"person_id": "cleo"}).to_string()).await;
    assert_eq!(w.call("garage-bot", "/me/messages", to_comment("77_1")).await.code(), (10, Some(2_018_300)));
    assert_eq!(w.call("garage-desk", "/me/messages", to_comment("77_1")).await.status, 200);
}

#[tokio::test]
async fn what_a_comment_must_have() {
    let w = World::start().await;
    let put = async |path: &str, body: Value| w.put(path, "application/json", &body.to_string()).await;
    expect!(put(COMMENT, json!({})).await, 400, "/person_id");
    expect!(put(COMMENT, json!({"person_id": "a b"})).await, 400, "/person_id");
    expect!(put(COMMENT, json!({"person_id": "ann", "text": "x"})).await, 400, "/text");
    expect!(put("/baton/v1/pages/2002/comments/a%2Fb", json!({"person_id": "ann"})).await, 400, "/name");
    expect!(put("/baton/v1/pages/9/comments/1", json!({"person_id": "ann"})).await, 404, "unknown-page");
    assert_eq!(put(COMMENT, json!({"person_id": "ann"})).await.status, 200);
    expect!(put(COMMENT, json!({"person_id": "bob"})).await, 409, "another person's");
    let moving = json!({"recipient": {"comment_id": "77_1"}, "message": {"text": "x"}, "thread_control": {"control_type": "release"}});
    expect!(w.call("garage-bot", "/me/messages", moving).await, 400, "moves no control");
}
