//! WIN-11 and WH-CMT from outside: a channel brings a comment, apps are told, and one answers it in private.

use baton_wire::signature::sign;
use serde_json::{Value, json};

use crate::expect;
use crate::receiver::{Receiver, with_receivers};
use crate::world::{ACCOUNT, BOT, DESK, World};

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

/// Subscribes an app to these fields and no others, as it would itself.
async fn subscribe(w: &World, token: &str, fields: &str) {
    let node = if token.starts_with("IGAA") { ACCOUNT } else { "me" };
    let done = w.call(token, &format!("/{node}/subscribed_apps"), json!({"subscribed_fields": fields})).await;
    assert_eq!(done.json(), json!({"success": true}));
}

async fn comment(w: &World, page: &str, id: &str, said: Value) -> Value {
    let path = format!("/baton/v1/pages/{page}/comments/{id}");
    let kept = w.put(&path, "application/json", &said.to_string()).await;
    assert_eq!(kept.status, 200, "{}", kept.text);
    kept.json()
}

/// The next webhook of comments: its body, checked against its signature.
async fn changed(receiver: &mut Receiver, secret: &str) -> String {
    loop {
        let (headers, body) = receiver.next_whole().await;
        if body.contains("\"changes\"") {
            assert_eq!(headers["x-hub-signature-256"], sign(secret, body.as_bytes()).sha256);
            assert_eq!(headers["x-hub-signature"], sign(secret, body.as_bytes()).sha1);
            return body;
        }
    }
}

#[tokio::test]
async fn wh_cmt_1_apps_with_feed_hear_of_a_comment_of_its_change_and_of_its_end() {
    let (w, mut bot, mut desk) = with_receivers().await;
    subscribe(&w, "garage-bot", "feed").await;
    subscribe(&w, "garage-desk", "messages,feed").await;
    w.put("/baton/v1/pages/2002/people/cleo", "application/json", &json!({"name": "Cléo"}).to_string()).await;
    comment(&w, "2002", "77_1", json!({"person_id": "cleo", "message": "In 100% blau?"})).await;
    // Wrote once: what was said again as it was is told to nobody.
    comment(&w, "2002", "77_1", json!({"person_id": "cleo", "message": "In 100% blau?"})).await;
    w.post("/baton/v1/clock", json!({"advance": "1s"})).await;
    comment(&w, "2002", "77_1", json!({"person_id": "cleo", "message": "In red?"})).await;
    let gone = w.send(w.client.delete(w.url(COMMENT)).bearer_auth("operator-token")).await;
    assert_eq!((gone.status, &gone.json()["message"]), (200, &json!("In red?")), "{}", gone.text);
    let told = |time: i64, value: &str| {
        format!(
            r#"{{"object":"page","entry":[{{"time":{time},"id":"2002","changes":[{{"field":"feed","value":{value}}}]}}]}}"#
        )
    };
    let common = r#""comment_id":"77_1","post_id":"2002_77","parent_id":"2002_77","from":{"id":"cleo","name":"Cl\u00e9o"},"created_time":1767225600"#;
    let expected = [
        told(
            1_767_225_600,
            &format!(r#"{{"item":"comment","verb":"add",{common},"message":"In 100\u0025 blau?"}}"#),
        ),
        told(1_767_225_601, &format!(r#"{{"item":"comment","verb":"edited",{common},"message":"In red?"}}"#)),
        told(1_767_225_601, &format!(r#"{{"item":"comment","verb":"remove",{common}}}"#)),
    ];
    for (receiver, secret) in [(&mut bot, "test_secret"), (&mut desk, "desk_secret")] {
        for body in &expected {
            assert_eq!(changed(receiver, secret).await, *body);
        }
    }
    assert_eq!(
        w.call("garage-desk", "/me/messages", to_comment("77_1")).await.code(),
        (100, Some(2_534_025))
    );
    expect!(
        w.send(w.client.delete(w.url(COMMENT)).bearer_auth("operator-token")).await,
        404,
        "no such comment"
    );
}

#[tokio::test]
async fn wh_cmt_3_its_times_are_in_seconds() {
    let (w, mut bot, _desk) = with_receivers().await;
    subscribe(&w, "garage-bot", "feed").await;
    comment(&w, "2002", "77_1", json!({"person_id": "cleo", "message": "In red?"})).await;
    let body: Value = serde_json::from_str(&changed(&mut bot, "test_secret").await).unwrap();
    let entry = &body["entry"][0];
    let seconds = json!(crate::world::START / 1000);
    assert_eq!((&entry["time"], &entry["changes"][0]["value"]["created_time"]), (&seconds, &seconds));
}

#[tokio::test]
async fn wh_cmt_2_instagram_tells_comments_and_live_comments() {
    let (w, mut bot, mut desk) = with_receivers().await;
    for (token, fields) in [("market-bot", "messages,comments"), ("market-desk", "live_comments")] {
        subscribe(&w, token, fields).await;
    }
    let account = json!({"username": "cleo.c"});
    w.writes(ACCOUNT, "cleo").await;
    w.put(&format!("/baton/v1/pages/{ACCOUNT}/people/cleo"), "application/json", &account.to_string()).await;
    comment(&w, ACCOUNT, "18", json!({"person_id": "cleo", "message": "In blue?", "post_id": "17"})).await;
    comment(&w, ACCOUNT, "19", json!({"person_id": "cleo", "message": "Hi!", "post_id": "16", "live": true}))
        .await;
    let gone = format!("/baton/v1/pages/{ACCOUNT}/comments/18");
    assert_eq!(w.send(w.client.delete(w.url(&gone)).bearer_auth("operator-token")).await.status, 200);
    comment(&w, ACCOUNT, "20", json!({"person_id": "cleo", "message": "Me again", "parent_id": "19"})).await;
    let told = |field: &str, value: &str| {
        format!(
            r#"{{"object":"instagram","entry":[{{"time":1767225600,"id":"{ACCOUNT}","changes":[{{"field":"{field}","value":{value}}}]}}]}}"#
        )
    };
    let from = r#""from":{"id":"cleo","username":"cleo.c"}"#;
    let first = format!(
        r#"{{"id":"18",{from},"text":"In blue?","media":{{"id":"17","media_product_type":"FEED"}}}}"#
    );
    let live =
        format!(r#"{{"id":"19",{from},"text":"Hi!","media":{{"id":"16","media_product_type":"LIVE"}}}}"#);
    let last = format!(r#"{{"id":"20","parent_id":"19",{from},"text":"Me again"}}"#);
    assert_eq!(changed(&mut bot, "test_secret").await, told("comments", &first));
    assert_eq!(changed(&mut bot, "test_secret").await, told("comments", &last), "the end of one is not told");
    assert_eq!(changed(&mut desk, "desk_secret").await, told("live_comments", &live));
}

#[tokio::test]
async fn wh_cmt_1_it_is_seen_wherever_webhooks_are_seen() {
    let w = World::start().await;
    subscribe(&w, "garage-bot", "feed").await;
    comment(&w, "2002", "77_1", json!({"person_id": "cleo", "message": "In blue?"})).await;
    let newest = &w.get("/baton/v1/activity").await.json()["data"][0];
    assert_eq!(
        (&newest["event"], &newest["person_id"], &newest["rule"], &newest["events"]),
        (
            &json!("comment"),
            &json!("cleo"),
            &json!("WH-CMT-1"),
            &json!([{"app_id": BOT, "channel": "changes", "event": "feed"}])
        )
    );
    let listed = w.get(&format!("/baton/v1/apps/{BOT}/webhooks")).await.json();
    let webhook = &listed["data"][0];
    assert_eq!(
        (&webhook["event"], &webhook["channel"], &webhook["person_id"], &webhook["message_id"]),
        (&json!("feed"), &json!("changes"), &Value::Null, &Value::Null)
    );
    let delivery = &w.get(&format!("/baton/v1/apps/{BOT}/deliveries")).await.json()["data"][0];
    assert_eq!((&delivery["event"], &delivery["state"]), (&json!("feed"), &json!("pending")));
    let id = webhook["webhook_id"].as_str().unwrap();
    let told = w.get(&format!("/baton/v1/explain/{id}")).await.json();
    assert_eq!((&told["event"]["rule"], &told["thread"]), (&json!("WH-CMT-1"), &Value::Null), "{told:#}");
    let of = |app: &str| {
        let apps = told["apps"].as_array().unwrap();
        let own = apps.iter().find(|one| one["app_id"] == app).unwrap();
        (own["channel"].clone(), own["unheard"].clone(), own["field"].clone())
    };
    assert_eq!(of(BOT), (json!("changes"), Value::Null, Value::Null));
    assert_eq!(of(DESK), (Value::Null, json!("not_subscribed"), json!("feed")));
}

#[tokio::test]
async fn wh_cmt_1_what_was_accepted_is_told_after_a_restart() {
    let w = World::start().await;
    subscribe(&w, "garage-bot", "feed").await;
    comment(&w, "2002", "77_1", json!({"person_id": "cleo", "message": "In blue?"})).await;
    let w = w.again().await;
    comment(&w, "2002", "77_2", json!({"person_id": "cleo", "message": "In red?"})).await;
    comment(&w, "2002", "77_1", json!({"person_id": "cleo", "message": "In blue?"})).await;
    let listed = w.get(&format!("/baton/v1/apps/{BOT}/deliveries")).await.json();
    let feed = listed["data"].as_array().unwrap().iter().filter(|one| one["event"] == "feed");
    assert_eq!(feed.count(), 2, "each once: {listed:#}");
}
