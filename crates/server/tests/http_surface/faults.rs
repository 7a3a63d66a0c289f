//! What goes wrong on purpose: `PUT /apps/{app}/faults`, and what an app then sees.

use baton_server::config::Limits;
use serde_json::{Value, json};

use crate::expect;
use crate::receiver::with_receivers;
use crate::world::{BOT, DESK, World};

fn path(app: &str) -> String {
    format!("/baton/v1/apps/{app}/faults")
}

async fn put(w: &World, app: &str, faults: Value) -> crate::world::Reply {
    w.put(&path(app), "application/json", &faults.to_string()).await
}

#[tokio::test]
async fn a_webhook_comes_twice_and_another_apps_once() {
    let (w, mut bot, mut desk) = with_receivers().await;
    assert_eq!(put(&w, BOT, json!({"duplicates": 1})).await.status, 200);
    w.writes("2001", "ann").await;
    let (first, again) = (bot.next_whole().await, bot.next_whole().await);
    assert_eq!((&first.1, &first.0["webhook-id"]), (&again.1, &again.0["webhook-id"]));
    assert_eq!(put(&w, BOT, json!({})).await.status, 200);
    w.writes("2001", "bob").await;
    let next = bot.next().await;
    assert_eq!(next["entry"][0]["messaging"][0]["sender"]["id"], "bob", "and no more than twice");
    assert_eq!(desk.next().await["entry"][0]["standby"][0]["sender"]["id"], "ann");
    assert_eq!(desk.next().await["entry"][0]["standby"][0]["sender"]["id"], "bob");
}

#[tokio::test]
async fn a_webhook_whose_answer_is_lost_comes_again_later() {
    let (w, mut bot, _desk) = with_receivers().await;
    put(&w, BOT, json!({"lost": 1})).await;
    w.writes("2001", "ann").await;
    let first = bot.next_whole().await;
    // It counts as failed; when the clock comes to it, it is tried again.
    let mut failed = false;
    while !failed {
        let lines = w.get("/baton/v1/activity?limit=200").await.json();
        failed = lines["data"].as_array().unwrap().iter().any(|line| {
            line["event"] == "delivery"
                && line["error"].as_str().is_some_and(|error| error.contains("on purpose"))
        });
    }
    put(&w, BOT, json!({})).await;
    w.post("/baton/v1/clock", json!({"advance": "1h"})).await;
    let again = bot.next_whole().await;
    assert_eq!(first.1, again.1);
    assert_eq!(first.0["webhook-id"], again.0["webhook-id"], "by which it is known again");
}

#[tokio::test]
async fn a_delay_is_by_the_servers_clock() {
    let (w, mut bot, mut desk) = with_receivers().await;
    put(&w, BOT, json!({"delay": 1, "delay_by": "2m"})).await;
    w.writes("2001", "ann").await;
    // The desk has it, the bot not yet; and nothing is told of the bot until the clock is there.
    desk.next().await;
    w.post("/baton/v1/clock", json!({"advance": "1m"})).await;
    let lines = w.get("/baton/v1/activity?limit=200").await.json();
    let told = |lines: &Value| {
        let lines = lines["data"].as_array().unwrap();
        lines.iter().any(|line| line["event"] == "delivery" && line["app_id"] == BOT)
    };
    assert!(!told(&lines), "{lines}");
    w.post("/baton/v1/clock", json!({"advance": "1m"})).await;
    assert_eq!(bot.next().await["entry"][0]["messaging"][0]["sender"]["id"], "ann");
}

#[tokio::test]
async fn conversations_overtake_each_other_and_none_itself() {
    let (w, mut bot, _desk) = with_receivers().await;
    put(&w, BOT, json!({"reorder": 0.5, "seed": 3})).await;
    for person in ["a", "b", "c", "d"] {
        for _ in 0..2 {
            w.writes("2001", person).await;
        }
    }
    // Until the last that is held back has come, the clock goes on.
    let (mut heard, mut mids) = (Vec::new(), Vec::new());
    let clock = async {
        loop {
            w.post("/baton/v1/clock", json!({"advance": "1s"})).await;
        }
    };
    tokio::pin!(clock);
    while heard.len() < 8 {
        tokio::select! {
            webhook = bot.next() => {
                let item = &webhook["entry"][0]["messaging"][0];
                heard.push(item["sender"]["id"].as_str().unwrap().to_owned());
                mids.push(item["message"]["mid"].as_str().unwrap().to_owned());
            }
            () = &mut clock => {}
        }
    }
    assert_eq!(mids.iter().collect::<std::collections::HashSet<_>>().len(), 8);
    let written = ["a", "a", "b", "b", "c", "c", "d", "d"];
    assert_ne!(heard, written, "some were overtaken");
    let told = w.get(&format!("/baton/v1/apps/{BOT}/webhooks")).await.json();
    for person in ["a", "b", "c", "d"] {
        let decided = told["data"].as_array().unwrap().iter().rev().filter(|one| one["person_id"] == person);
        let decided: Vec<&str> = decided.map(|one| one["message_id"].as_str().unwrap()).collect();
        let own = heard.iter().zip(&mids).filter(|(one, _)| *one == person).map(|(_, mid)| mid.as_str());
        assert_eq!(own.collect::<Vec<_>>(), decided, "each conversation in its order");
    }
}

#[tokio::test]
async fn calls_are_refused_with_the_code_that_is_wanted_and_nothing_is_done() {
    let w = World::start().await;
    w.writes("2002", "ann").await;
    let send = || {
        w.call("garage-bot", "/me/messages", json!({"recipient": {"id": "ann"}, "message": {"text": "hi"}}))
    };
    for (code, status) in [(2, 500), (613, 400), (190, 400), (32, 400)] {
        assert_eq!(put(&w, BOT, json!({"errors": 1, "error_code": code})).await.status, 200);
        let refused = send().await;
        assert_eq!((refused.status, refused.code().0), (status, code), "{}", refused.text);
        assert!(refused.text.contains("fault on purpose"), "{}", refused.text);
    }
    let messages = w.get("/baton/v1/pages/2002/threads/ann/messages").await.json();
    assert_eq!(messages["data"].as_array().unwrap().len(), 1, "only Ann has said anything");
    let other = json!({"recipient": {"id": "ann"}});
    assert_eq!(
        w.call("garage-desk", "/me/request_thread_control", other).await.status,
        200,
        "the desk's calls go well"
    );
    let request = w.client.delete(w.url(&path(BOT))).bearer_auth(crate::world::OPERATOR);
    assert_eq!(w.send(request).await.status, 204);
    assert_eq!(send().await.status, 200);
}

#[tokio::test]
async fn what_is_set_is_shown_and_what_is_wrong_is_said() {
    let w = World::start().await;
    let all = json!({
        "duplicates": 0.25, "lost": 0.5, "reorder": 1, "delay": 1, "delay_by": "2s", "slow": 0.125, "slow_by": "1m",
        "errors": 0, "error_code": 4, "seed": 7,
    });
    let shown = json!({
        "duplicates": 0.25, "lost": 0.5, "reorder": 1.0, "delay": 1.0, "delay_by_ms": 2_000, "slow": 0.125,
        "slow_by_ms": 60_000, "errors": 0.0, "error_code": 4, "seed": 7,
    });
    assert_eq!(put(&w, DESK, all).await.json(), shown);
    assert_eq!(w.get(&path("Desk")).await.json(), shown);
    assert_eq!(w.get(&path(BOT)).await.json()["duplicates"], 0.0);
    expect!(
        put(&w, BOT, json!({"duplicates": 1.5})).await,
        400,
        "/duplicates",
        "from 0 (never) to 1 (always)"
    );
    expect!(put(&w, BOT, json!({"delay": 1})).await, 400, "/delay_by", "by how much");
    expect!(put(&w, BOT, json!({"delay_by": "9d"})).await, 400, "/delay_by", "a day at most");
    expect!(put(&w, BOT, json!({"duplicate": 1})).await, 400, "/duplicate", "unknown field");
    expect!(put(&w, "999", json!({})).await, 404, "unknown-app");
}

#[tokio::test]
async fn beside_the_systems_clock_nothing_goes_wrong_on_purpose() {
    let w = World::empty(Limits::default(), false).await;
    let app = json!({"id": BOT, "name": "Sales bot"});
    assert_eq!(w.post("/baton/v1/apps", app).await.status, 201);
    expect!(put(&w, BOT, json!({"lost": 1})).await, 409, "/problems/faults-off", "baton dev");
    expect!(w.get(&path(BOT)).await, 409, "/problems/faults-off");
    let request = w.client.delete(w.url(&path(BOT))).bearer_auth(crate::world::OPERATOR);
    expect!(w.send(request).await, 409, "/problems/faults-off");
}
