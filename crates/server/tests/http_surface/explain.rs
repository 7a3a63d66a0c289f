//! `GET /explain/{id}` and `GET /calls`: why it came out so.

use serde_json::{Value, json};

use crate::expect;
use crate::receiver::change;
use crate::world::{BOT, DESK, World};

async fn explain(w: &World, id: &str) -> Value {
    let reply = w.get(&format!("/baton/v1/explain/{id}")).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    reply.json()
}

fn of<'a>(told: &'a Value, app: &str) -> &'a Value {
    told["apps"].as_array().unwrap().iter().find(|one| one["app_id"] == app).unwrap()
}

#[tokio::test]
async fn a_message_says_who_was_told_how_and_who_was_not_and_why() {
    let w = World::start().await;
    w.writes("2001", "ann").await;
    let pass = json!({"recipient": {"id": "ann"}, "target_app_id": DESK});
    assert_eq!(w.call("market-bot", "/me/pass_thread_control", pass).await.status, 200);
    let connection = json!({"standby": false, "token": "market-draft"});
    let put =
        w.put("/baton/v1/pages/2001/connections/333", "application/json", &connection.to_string()).await;
    assert_eq!(put.status, 200, "{}", put.text);
    w.post("/baton/v1/clock", json!({"advance": "1h"})).await;
    let message = w.writes("2001", "ann").await.json();
    let id = message["message_id"].as_str().unwrap();

    let told = explain(&w, id).await;
    assert_eq!(told["thread"], json!({"page_id": "2001", "on": "messenger", "person_id": "ann"}));
    assert_eq!((&told["event"]["event"], &told["event"]["rule"]), (&json!("messages"), &message["rule"]));
    assert_eq!(told["event"]["content"]["message"]["text"], "hello");
    let since = json!({
        "owner_app_id": DESK, "expires_at": message["thread"]["expires_at"], "lapses_to_app_id": BOT, "since": "2026-01-01T00:00:00.000Z",
        "rule": "MCR-PASS-2", "cause": "pass", "by_app_id": BOT,
    });
    assert_eq!((&told["then"], &told["now"]), (&since, &since));
    assert_eq!(of(&told, DESK)["channel"], "messaging");
    assert_eq!((&of(&told, BOT)["channel"], &of(&told, BOT)["unheard"]), (&json!("standby"), &Value::Null));
    let draft = of(&told, "333");
    assert_eq!(
        (&draft["channel"], &draft["unheard"], &draft["rule"]),
        (&Value::Null, &json!("standby_off"), &json!("SB-1"))
    );
    // The same by the id of the webhook; and it is the webhook's.
    let webhook = of(&told, BOT)["webhook_id"].as_str().unwrap();
    let shown = w.get(&format!("/baton/v1/apps/{BOT}/webhooks?limit=1")).await.json();
    assert_eq!(shown["data"][0]["webhook_id"], webhook);
    let delivery = &of(&told, BOT)["delivery"];
    assert_eq!((&delivery["id"], &delivery["state"]), (&shown["data"][0]["delivery_id"], &json!("pending")));
    assert_eq!(draft["delivery"], Value::Null);
    assert_eq!(explain(&w, webhook).await["event"], told["event"]);
}

#[tokio::test]
async fn what_would_give_an_app_control_is_what_does() {
    let w = World::start().await;
    let message = w.writes("2002", "ann").await.json();
    let told = explain(&w, message["message_id"].as_str().unwrap()).await;
    assert_eq!(of(&told, BOT)["could"], json!(["messages", "take_thread_control"]));
    assert_eq!(of(&told, DESK)["could"], json!(["request_thread_control"]));
    assert_eq!(told["now"]["lapses_to_app_id"], Value::Null, "then it is nobody's");
    let recipient = json!({"recipient": {"id": "ann"}});
    assert_eq!(w.call("garage-desk", "/me/take_thread_control", recipient.clone()).await.status, 400);
    assert_eq!(w.call("garage-desk", "/me/request_thread_control", recipient).await.status, 200);
}

#[tokio::test]
async fn an_error_is_explained_by_its_trace() {
    let w = World::start().await;
    w.writes("2002", "ann").await;
    let send = json!({"recipient": {"id": "ann"}, "message": {"text": "secret words"}});
    let refused = w.call("garage-desk", "/me/messages", send.clone()).await;
    let trace = refused.json()["error"]["fbtrace_id"].as_str().unwrap().to_owned();
    let told = explain(&w, &trace).await;
    assert_eq!((&told["event"], &told["then"]["owner_app_id"]), (&Value::Null, &json!(BOT)));
    assert_eq!(
        told["call"],
        json!({
            "trace_id": trace, "at": "2026-01-01T00:00:00.000Z", "method": "POST", "edge": "messages",
            "app_id": DESK, "thread": {"page_id": "2002", "on": "messenger", "person_id": "ann"}, "status": refused.status,
            "refused": {"code": 10, "subcode": 2_018_300}, "rule": told["call"]["rule"], "message_id": null,
        })
    );
    assert!(told["call"]["rule"].as_str().unwrap().starts_with("HOP-SEND-"), "{told}");
    assert_eq!(told["apps"].as_array().unwrap().len(), 1, "it concerns whoever called");
    // What went well is explained too: by what it made.
    let sent = w.call("garage-bot", "/me/messages", send).await;
    let told = explain(&w, sent.header("x-fb-trace-id")).await;
    assert_eq!(told["call"]["message_id"], sent.json()["message_id"]);
    assert_eq!(told["event"]["by_app_id"], BOT);
    let calls = w.get("/baton/v1/calls").await;
    for secret in ["secret words", "garage-bot", "garage-desk", "test_secret"] {
        assert!(!calls.text.contains(secret), "{secret} in {}", calls.text);
    }
}

#[tokio::test]
async fn calls_are_listed_newest_first_by_app_and_person_also_those_of_a_batch() {
    let w = World::start().await;
    w.writes("2002", "ann").await;
    w.read("garage-bot", "/me?fields=name").await;
    w.read("nobodys", "/me").await;
    let batch = json!({"batch": [
        {"method": "POST", "relative_url": "me/messages", "body": "recipient={\"id\":\"ann\"}&message={\"text\":\"hi\"}"},
        {"method": "GET", "relative_url": "me"},
    ]});
    assert_eq!(w.call("garage-bot", "/", batch).await.status, 200);
    let all = w.get("/baton/v1/calls").await.json()["data"].as_array().unwrap().clone();
    let shown: Vec<(&Value, &Value, &Value)> =
        all.iter().map(|call| (&call["edge"], &call["app_id"], &call["status"])).collect();
    let (bot, ok) = (json!(BOT), json!(200));
    assert_eq!(shown[0], (&json!(""), &bot, &ok), "the batch itself comes last: {shown:?}");
    assert_eq!(shown[1], (&json!("me"), &bot, &ok));
    assert_eq!(shown[2], (&json!("messages"), &bot, &ok));
    assert_eq!((shown[3].1, shown[3].2), (&Value::Null, &json!(400)));
    assert_eq!(shown.len(), 5);
    let of_ann = w.get(&format!("/baton/v1/calls?person=ann&app={BOT}")).await.json();
    assert_eq!(of_ann["data"].as_array().unwrap().len(), 1, "{of_ann}");
    assert_eq!(w.get(&format!("/baton/v1/calls?app={DESK}")).await.json()["data"], json!([]));
    let (mut walked, mut next) = (Vec::new(), Some(String::new()));
    while let Some(after) = next.take() {
        let part = w.get(&format!("/baton/v1/calls?limit=2{after}")).await.json();
        walked.extend(part["data"].as_array().unwrap().clone());
        next = part["next"].as_str().map(|next| format!("&after={next}"));
    }
    assert_eq!(walked, all);
}

#[tokio::test]
async fn what_nobody_knows_is_said_to_be_unknown() {
    let w = World::start().await;
    for id in ["A00000000000000000000000", "m_nothing", "msg_111-0-999-1", "msg_111-99-1-1", "msg_", "x"] {
        expect!(w.get(&format!("/baton/v1/explain/{id}")).await, 404, "/problems/nothing-known", id);
    }
    change(&w, BOT, |app| app.name = "Renamed".to_owned()).await;
    // A row that is nobody's to hear: the change of settings itself.
    let told = explain(&w, "msg_111-0-1-1").await;
    assert_eq!((&told["thread"], &told["event"]["event"]), (&Value::Null, &Value::Null));
}
