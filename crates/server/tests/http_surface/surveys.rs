//! HOP-SURVEY-1 to 5 from outside: what an app that does not control the thread sends as a survey is held back,
//! and goes out by itself when control ends; the virtual clock says how much ran.

use serde_json::{Value, json};

use crate::receiver::{Receiver, change};
use crate::world::{BOT, DESK, OPERATOR, World};

async fn world() -> (World, Receiver, Receiver) {
    let w = World::delivering().await;
    let (bot, desk) = (Receiver::start("").await, Receiver::start("").await);
    for (app, receiver) in [(BOT, &bot), (DESK, &desk)] {
        let url = receiver.url.clone();
        change(&w, app, move |app| (app.webhook_url, app.verified) = (Some(url.clone()), true)).await;
    }
    (w, bot, desk)
}

fn survey(person: &str, title: &str) -> Value {
    let question = json!({"id": "q1", "type": "csat", "title": "Happy?"});
    json!({"recipient": {"id": person}, "message": {"attachment": {"type": "template", "payload": {
        "template_type": "customer_feedback", "title": title, "subtitle": "Tell us", "button_title": "Rate",
        "feedback_screens": [{"questions": [question]}],
        "business_privacy": {"url": "https://example.com/privacy"},
    }}}})
}

/// Sends a survey; returns its id.
async fn sends(w: &World, token: &str, person: &str, title: &str) -> String {
    let reply = w.call(token, "/me/messages", survey(person, title)).await;
    assert_eq!((reply.status, &reply.json()["recipient_id"]), (200, &json!(person)), "{}", reply.text);
    reply.json()["message_id"].as_str().unwrap().to_owned()
}

async fn clock(w: &World, turn: Value) -> Value {
    let reply = w.post("/baton/v1/clock", turn).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    reply.json()
}

/// The id and the title of the next survey that an app's own echo shows.
async fn echoed(desk: &mut Receiver) -> (String, String) {
    loop {
        let message = desk.next_with("messaging", "message").await["messaging"][0]["message"].clone();
        if message["is_echo"] == true {
            let title = message["attachments"][0]["payload"]["title"].as_str().unwrap().to_owned();
            return (message["mid"].as_str().unwrap().to_owned(), title);
        }
    }
}

async fn history(w: &World, person: &str) -> Vec<(String, String)> {
    let reply = w.get(&format!("/baton/v1/pages/2002/threads/{person}/history")).await.json();
    let text = |entry: &Value, key: &str| entry[key].as_str().unwrap_or_default().to_owned();
    reply["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| (text(entry, "rule"), text(entry, "cause")))
        .collect()
}

#[tokio::test]
async fn hop_survey_1_and_3_a_survey_waits_for_the_release() {
    let (w, _bot, mut desk) = world().await;
    w.writes("2002", "ann").await;
    let first = sends(&w, "garage-desk", "ann", "first").await;
    let second = sends(&w, "garage-desk", "ann", "second").await;
    let release =
        w.call("garage-bot", "/me/release_thread_control", json!({"recipient": {"id": "ann"}})).await;
    assert_eq!(release.status, 200, "{}", release.text);
    assert_eq!(echoed(&mut desk).await, (first, "first".to_owned()));
    assert_eq!(echoed(&mut desk).await, (second, "second".to_owned()));
}

#[tokio::test]
async fn the_clock_runs_what_is_due_in_due_order_and_says_how_much() {
    let (w, _bot, mut desk) = world().await;
    for (person, wait) in [("ann", "2h"), ("bob", "2h"), ("cyd", "0s")] {
        w.writes("2002", person).await;
        sends(&w, "garage-desk", person, person).await;
        assert_eq!(clock(&w, json!({"advance": wait})).await["ran"], 0);
    }
    // Ann's thread lapses at 24 hours, Bob's two later, Cyd's two after that.
    assert_eq!(clock(&w, json!({"advance": "20h"})).await["ran"], 1);
    assert_eq!(echoed(&mut desk).await.1, "ann");
    // Ten days at once: each runs at its own time, when it may still be sent.
    let turned = clock(&w, json!({"advance": "10d"})).await;
    assert_eq!((turned["ran"].as_u64(), turned["frozen"].as_bool()), (Some(2), Some(true)));
    assert_eq!(
        (&turned["was"], &turned["now"]),
        (&json!("2026-01-02T00:00:00.000Z"), &json!("2026-01-12T00:00:00.000Z"))
    );
    assert_eq!(echoed(&mut desk).await.1, "bob");
    assert_eq!(echoed(&mut desk).await.1, "cyd");
    assert_eq!(clock(&w, json!({"advance": "10d"})).await["ran"], 0, "nothing is left");
    let rows = w.get("/baton/v1/activity").await.json();
    let sent: Vec<_> =
        rows["data"].as_array().unwrap().iter().filter(|line| line["rule"] == "HOP-SURVEY-3").collect();
    let told = |line: &Value| (line["person_id"].clone(), line["lapse"]["at"].clone());
    assert_eq!(told(sent[0]), (json!("cyd"), json!("2026-01-02T04:00:00.000Z")));
    assert_eq!(told(sent[1]), (json!("bob"), json!("2026-01-02T02:00:00.000Z")));
}

#[tokio::test]
async fn hop_survey_5_what_cannot_be_sent_any_more_is_in_the_history() {
    let (w, _bot, _desk) = world().await;
    w.writes("2002", "ann").await;
    sends(&w, "garage-desk", "ann", "late").await;
    let extend = json!({"recipient": {"id": "ann"}, "duration": 604_800});
    assert_eq!(w.call("garage-bot", "/me/extend_thread_control", extend).await.status, 200);
    assert_eq!(clock(&w, json!({"advance": "8d"})).await["ran"], 1);
    let history = history(&w, "ann").await;
    assert_eq!(history[0], ("HOP-SURVEY-5".to_owned(), "send".to_owned()), "{history:?}");
    assert_eq!(history[1], ("HOP-EXP-1".to_owned(), "expiry".to_owned()), "{history:?}");
}

#[tokio::test]
async fn hop_survey_3_goes_out_when_the_owner_goes() {
    let (w, _bot, mut desk) = world().await;
    w.writes("2002", "ann").await;
    let own = sends(&w, "garage-desk", "ann", "now").await;
    let gone = w.send(w.client.delete(w.url(&format!("/baton/v1/apps/{BOT}"))).bearer_auth(OPERATOR)).await;
    assert!((200..300).contains(&gone.status), "{}", gone.text);
    assert_eq!(echoed(&mut desk).await.0, own);
}

#[tokio::test]
async fn mcr_survey_1_conversation_routing_holds_nothing_back() {
    let (w, _bot, _desk) = world().await;
    w.writes("2002", "ann").await;
    sends(&w, "garage-desk", "ann", "never").await;
    let url = w.url("/baton/v1/pages/2002");
    let routed = json!({"messenger": {"primary_receiver": null, "default_app": "Sales bot"}});
    assert_eq!(w.send(w.client.patch(url).bearer_auth(OPERATOR).json(&routed)).await.status, 200);
    // Moving the clock waits for what is due.
    clock(&w, json!({"advance": "1s"})).await;
    assert_eq!(history(&w, "ann").await[0], ("MCR-SURVEY-1".to_owned(), "send".to_owned()));
    let refused = w.call("garage-draft", "/me/messages", survey("ann", "no")).await;
    assert_eq!(refused.status, 400, "{}", refused.text);
}

#[tokio::test]
async fn surveys_that_are_due_at_once_share_commits() {
    let (w, _bot, _desk) = world().await;
    let people: Vec<String> = (0..24).map(|number| format!("p{number}")).collect();
    for person in &people {
        let said = json!({"type": "message", "message": {"text": "hello"}});
        assert_eq!(w.post(&format!("/baton/v1/pages/2002/people/{person}/events"), said).await.status, 200);
        sends(&w, "garage-desk", person, "How was it?").await;
    }
    let commits = async || {
        let page = w.get("/metrics").await.text;
        let line = page.lines().find_map(|line| line.strip_prefix("baton_commits_total ")).unwrap();
        line.parse::<u64>().unwrap()
    };
    let before = commits().await;
    let moved = clock(&w, json!({"advance": "48h"})).await;
    assert_eq!(moved["ran"], people.len());
    let made = commits().await - before;
    // Four streams; a commit each, and one more where some came while the first was under way.
    assert!((1..=8).contains(&made), "{made}");
}
