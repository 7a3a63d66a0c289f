//! TIMER-1 to TIMER-3 from outside: control that is not answered for goes back, and a request is granted at once.

use serde_json::{Value, json};

use crate::expect;
use crate::world::{OPERATOR, Reply, World};

async fn patch(w: &World, page: &str, body: Value) -> Reply {
    let request = w.client.patch(w.url(&format!("/baton/v1/pages/{page}"))).bearer_auth(OPERATOR);
    w.send(request.json(&body)).await
}

async fn history(w: &World, page: &str) -> Vec<Value> {
    let told = w.get(&format!("/baton/v1/pages/{page}/threads/ann/history")).await.json();
    told["data"].as_array().unwrap().clone()
}

#[tokio::test]
async fn timer_1_control_goes_back_to_the_default_app_without_an_answer() {
    let w = World::start().await;
    let timed =
        patch(&w, "2001", json!({"messenger": {"default_app": "Sales bot", "answer_within": "90m"}})).await;
    assert_eq!(
        (timed.status, &timed.json()["messenger"]["answer_within"]),
        (200, &json!("90m")),
        "{}",
        timed.text
    );
    w.writes("2001", "ann").await;
    let pass = json!({"recipient": {"id": "ann"}, "target_app_id": "222"});
    assert_eq!(w.call("market-bot", "/me/pass_thread_control", pass).await.status, 200);
    let before = w.get("/baton/v1/pages/2001/threads/ann").await.json();
    w.post("/baton/v1/clock", json!({"advance": "89m"})).await;
    let still = w.get("/baton/v1/pages/2001/threads/ann").await.json();
    assert_eq!((&still["owner_app_id"], &still["expires_at"]), (&json!("222"), &before["expires_at"]));
    w.post("/baton/v1/clock", json!({"advance": "2m"})).await;
    let after = w.get("/baton/v1/pages/2001/threads/ann").await.json();
    assert_eq!((&after["owner_app_id"], &after["expires_at"]), (&json!("111"), &Value::Null), "{after:#}");
    w.writes("2001", "ann").await;
    let told = history(&w, "2001").await;
    let lapse = told.iter().find(|entry| entry["cause"] == "expiry").unwrap();
    assert_eq!((&lapse["rule"], &lapse["at"]), (&json!("TIMER-1"), &before["expires_at"]), "{lapse:#}");
    assert_eq!((&lapse["from_app_id"], &lapse["to_app_id"]), (&json!("222"), &json!("111")));
}

#[tokio::test]
async fn timer_2_an_answer_ends_the_time() {
    let w = World::start().await;
    patch(&w, "2001", json!({"messenger": {"default_app": "Sales bot", "answer_within": "15m"}})).await;
    w.writes("2001", "ann").await;
    let pass = json!({"recipient": {"id": "ann"}, "target_app_id": "222"});
    w.call("market-bot", "/me/pass_thread_control", pass).await;
    let said = json!({"recipient": {"id": "ann"}, "message": {"text": "Here I am."}});
    assert_eq!(w.call("market-desk", "/me/messages", said).await.status, 200);
    w.post("/baton/v1/clock", json!({"advance": "2h"})).await;
    assert_eq!(w.get("/baton/v1/pages/2001/threads/ann").await.json()["owner_app_id"], "222");
}

#[tokio::test]
async fn timer_3_a_request_is_granted_at_once() {
    let w = World::start().await;
    let grant = json!([{"from": "Sales bot", "to": "Desk"}]);
    let body = json!({"messenger": {"primary_receiver": "Sales bot", "grant": grant}});
    let granted = patch(&w, "2002", body).await;
    assert_eq!(
        granted.json()["messenger"]["grant"],
        json!([{"from": "111", "to": "222"}]),
        "{}",
        granted.text
    );
    w.writes("2002", "ann").await;
    let request = json!({"recipient": {"id": "ann"}, "metadata": "a refund"});
    assert_eq!(w.call("garage-desk", "/me/request_thread_control", request).await.status, 200);
    let thread = w.get("/baton/v1/pages/2002/threads/ann").await.json();
    assert_eq!((&thread["owner_app_id"], &thread["requests"]), (&json!("222"), &json!([])), "{thread:#}");
    let told = history(&w, "2002").await;
    assert_eq!(
        (&told[0]["rule"], &told[0]["metadata"]),
        (&json!("TIMER-3"), &json!("a refund")),
        "{told:#?}"
    );
    // An app that goes takes its grants with it.
    let gone = w.client.delete(w.url("/baton/v1/apps/222")).bearer_auth(OPERATOR);
    assert_eq!(w.send(gone).await.status, 204);
    assert_eq!(w.get("/baton/v1/pages/2002").await.json()["messenger"]["grant"], Value::Null);
}

#[tokio::test]
async fn what_timers_must_be() {
    let w = World::start().await;
    let side = |more: Value| {
        let mut side = json!({"default_app": "Sales bot"});
        side.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({"messenger": side})
    };
    for (more, pointer) in [
        (json!({"answer_within": "59s"}), "/messenger/answer_within"),
        (json!({"answer_within": "31d"}), "/messenger/answer_within"),
        (json!({"answer_within": "soon"}), "/messenger/answer_within"),
        (json!({"grant": [{"from": "Desk", "to": "Nobody"}]}), "/messenger/grant/0/to"),
        (json!({"grant": [{"from": "Desk", "to": "Desk"}]}), "/messenger/grant/0/to"),
        (
            json!({"grant": [{"from": "Desk", "to": "inbox"}, {"from": "Desk", "to": "inbox"}]}),
            "/messenger/grant/1",
        ),
    ] {
        expect!(patch(&w, "2001", side(more)).await, 400, pointer);
    }
}
