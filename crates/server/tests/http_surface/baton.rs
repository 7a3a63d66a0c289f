//! Baton's own API: people's events, threads, history, the desk, the clock.

use serde_json::{Value, json};

use crate::expect;
use crate::world::{BOT, DESK, OPERATOR, World, without_ids};

fn message(text: &str) -> Value {
    json!({"type": "message", "message": {"text": text}})
}

const ANN: &str = "/baton/v1/pages/2001/people/ann/events";

#[tokio::test]
async fn a_persons_event_is_answered_whole() {
    let w = World::start().await;
    let mut event = message("hello");
    event["entry"] = json!({"type": "ad", "ad_id": "9001"});
    event["event_id"] = json!("first");
    let reply = w.post(ANN, event).await;
    assert_eq!(reply.header("content-type"), "application/json");
    insta::assert_snapshot!(without_ids(&reply.shown()));
}

#[tokio::test]
async fn an_event_without_an_id_is_given_one() {
    let w = World::start().await;
    let (one, other) = (w.writes("2001", "ann").await.json(), w.writes("2001", "ann").await.json());
    let id = one["event_id"].as_str().unwrap();
    assert_eq!((id.len(), &id[14..15]), (36, "4"), "{id}");
    assert_ne!(one["event_id"], other["event_id"]);
    assert_ne!(one["message_id"], other["message_id"]);
}

#[tokio::test]
async fn a_repeated_event_gets_the_first_answer() {
    let w = World::start().await;
    let event = json!({"type": "message", "message": {"text": "hello"}, "event_id": "e1"});
    let first = w.post(ANN, event.clone()).await;
    // The same fields in another order, by the other path.
    let repeat = r#"{"event_id": "e1", "person": "ann", "message": {"text": "hello"}, "type": "message"}"#;
    let again = w.post_bytes("/baton/v1/pages/2001/events", repeat).await;
    assert_eq!((again.status, again.json()), (200, first.json()));
    let messages = w.get("/baton/v1/pages/2001/threads/ann/messages").await.json();
    assert_eq!(messages["data"].as_array().unwrap().len(), 1);
    // The same key of another person, and on another page, is another key.
    assert_eq!(w.post("/baton/v1/pages/2001/people/bob/events", event.clone()).await.status, 200);
    assert_eq!(w.post("/baton/v1/pages/2002/people/ann/events", event.clone()).await.status, 200);
    // With another body it is refused.
    let other = json!({"type": "message", "message": {"text": "bye"}, "event_id": "e1"});
    let reply = w.post(ANN, other).await;
    assert_eq!((reply.status, reply.slug().as_str()), (409, "event-id-reused"), "{}", reply.text);
}

#[tokio::test]
async fn a_refused_event_names_its_rule() {
    let w = World::start().await;
    let mut event = message("hello");
    event["entry"] = json!({"type": "ad", "ad_id": "9002"});
    let reply = w.post(ANN, event).await;
    assert_eq!(reply.header("content-type"), "application/problem+json");
    insta::assert_snapshot!(without_ids(&reply.shown()));
}

#[tokio::test]
async fn many_events_are_independent_and_answered_in_order() {
    let w = World::start().await;
    let body = json!([
        {"person": "ann", "type": "message", "message": {"text": "1"}},
        {"person": "a b", "type": "message", "message": {"text": "2"}},
        {"person": "bob", "type": "nonsense"},
        {"type": "message", "message": {"text": "4"}},
        {"person": "bob", "type": "message", "message": {"text": "5"}, "entry": {"type": "ad", "ad_id": "9002"}},
        7,
        {"person": "ann", "type": "message", "message": {"text": "7"}},
    ]);
    let reply = w.post("/baton/v1/pages/2001/events", body).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    let answers = reply.json();
    let status = |index: usize| answers[index]["status"].as_u64().unwrap_or(200);
    assert_eq!((0..7).map(status).collect::<Vec<_>>(), [200, 400, 400, 400, 409, 400, 200], "{answers:#}");
    assert_eq!(answers[1]["errors"][0]["pointer"], "/1/person");
    assert_eq!(answers[2]["errors"][0]["pointer"], "/2/type");
    assert_eq!(answers[4]["rule"], "AD-4");
    // Ann's two messages in the order in which they stand.
    let said = w.get("/baton/v1/pages/2001/threads/ann/messages").await.json();
    let texts: Vec<&Value> =
        said["data"].as_array().unwrap().iter().map(|item| &item["content"]["text"]).collect();
    assert_eq!(texts, ["7", "1"]);
    assert_eq!(w.post("/baton/v1/pages/2001/events", json!([])).await.text, "[]");
    let many: Vec<Value> = (0..1000)
        .map(|n| json!({"person": format!("p{n}"), "type": "message", "message": {"text": "x"}}))
        .collect();
    let reply = w.post("/baton/v1/pages/2001/events", json!(many)).await;
    assert!(
        reply.json().as_array().unwrap().iter().all(|answer| answer["rule"] == "MCR-MSG-1"),
        "{}",
        reply.text
    );
    let many: Vec<Value> = (0..1001).map(|_| json!(1)).collect();
    let reply = w.post("/baton/v1/pages/2001/events", json!(many)).await;
    assert_eq!((reply.status, reply.slug().as_str()), (413, "too-many-events"));
}

#[tokio::test]
async fn bad_input_by_table() {
    let w = World::start().await;
    w.writes("2001", "ann").await;
    let events = ANN;
    let inbox = "/baton/v1/pages/2001/threads/ann/inbox";
    #[rustfmt::skip]
    let table: Vec<(&str, Value, u16, &str, &str)> = vec![
        // path, body, status, slug, part of the answer
        ("/baton/v1/pages/2999/people/ann/events", message("x"), 404, "unknown-page", "2999"),
        ("/baton/v1/pages/shop/people/ann/events", message("x"), 400, "bad-id", "\"/page\""),
        ("/baton/v1/pages/2001/people/a%20b/events", message("x"), 400, "bad-id", "\"/person\""),
        ("/baton/v1/pages/2001/people/%FF/events", message("x"), 400, "bad-id", "UTF-8"),
        (events, json!([]), 400, "bad-body", "object"),
        (events, json!({}), 400, "bad-body", "\"/type\""),
        (events, json!({"type": "message"}), 400, "bad-body", "\"/message\""),
        (events, json!({"type": "message", "message": {"text": "x"}, "ad_id": "1"}), 400, "bad-body", "\"/ad_id\""),
        (events, json!({"type": "message", "message": {"txt": "x"}}), 400, "bad-body", "\"/message/txt\""),
        (events, json!({"type": "message", "message": {"text": "x"}, "person": "bob"}), 400, "bad-body", "\"/person\""),
        (events, json!({"type": "message", "message": {"text": "x"}, "event_id": 7}), 400, "bad-body", "\"/event_id\""),
        (events, json!({"type": "message", "message": {"text": "x"}, "entry": {"type": "ad", "ad_id": 9001}}), 400, "bad-body", "\"/entry/ad_id\""),
        ("/baton/v1/pages/2001/events", message("x"), 400, "bad-body", "\"/person\""),
        ("/baton/v1/pages/2001/events", json!({"person": 5, "type": "message", "message": {"text": "x"}}), 400, "bad-body", "\"/person\""),
        ("/baton/v1/pages/2001/threads/bob/inbox", json!({"action": "done"}), 404, "unknown-person", "bob"),
        (inbox, json!({}), 400, "bad-body", "\"/action\""),
        (inbox, json!({"action": "sing"}), 400, "bad-body", "move_to_main"),
        (inbox, json!({"action": "reply"}), 400, "bad-body", "\"/text\""),
        (inbox, json!({"action": "reply", "text": ""}), 400, "bad-body", "must not be empty"),
        (inbox, json!({"action": "reply", "text": "x".repeat(2001)}), 400, "bad-body", "2000"),
        (inbox, json!({"action": "pass"}), 400, "bad-body", "\"/app_id\""),
        (inbox, json!({"action": "pass", "app_id": 111}), 400, "bad-body", "write \\\"111\\\""),
        (inbox, json!({"action": "pass", "app_id": "Desk"}), 400, "bad-body", "\"/app_id\""),
        (inbox, json!({"action": "done", "text": "x", "a/b": 1}), 400, "bad-body", "\"/a~1b\""),
        (inbox, json!({"action": "pass", "app_id": "444"}), 409, "refused", "\"subcode\":2018164"),
        ("/baton/v1/clock", json!({}), 400, "bad-body", "one of advance, set, freeze"),
        ("/baton/v1/clock", json!({"advance": "soon"}), 400, "bad-body", "\"/advance\""),
        ("/baton/v1/clock", json!({"advance": 5}), 400, "bad-body", "\"/advance\""),
        ("/baton/v1/clock", json!({"set": "soon"}), 400, "bad-body", "\"/set\""),
        ("/baton/v1/clock", json!({"freeze": "yes"}), 400, "bad-body", "\"/freeze\""),
        ("/baton/v1/clock", json!({"advance": "1h", "freeze": true}), 400, "bad-body", "only one of"),
        ("/baton/v1/clock", json!({"set": "2025-01-01T00:00:00Z"}), 409, "clock-back", "never goes back"),
        ("/baton/v1/nothing", json!({}), 404, "not-found", "/baton/v1/nothing"),
        ("/baton/v1", json!({}), 404, "not-found", "/baton/v1"),
        ("/baton/v1/", json!({}), 404, "not-found", "/baton/v1"),
        ("/baton/v1/pages/2001/threads", json!({}), 405, "method-not-allowed", "POST"),
    ];
    for (path, body, status, slug, part) in table {
        let reply = w.post(path, body.clone()).await;
        let what = format!("{path} {body}: {}", reply.text);
        assert_eq!((reply.status, reply.slug().as_str()), (status, slug), "{what}");
        assert!(reply.text.contains(part), "{part:?} not in {what}");
        assert_eq!(reply.header("content-type"), "application/problem+json", "{what}");
        assert_eq!(reply.json()["status"], status, "{what}");
        let page = w.get(&format!("/problems/{slug}")).await;
        assert_eq!(page.status, 200, "{slug}");
    }
}

#[tokio::test]
async fn bad_query_parameters_by_table() {
    let w = World::start().await;
    w.writes("2001", "ann").await;
    let threads = "/baton/v1/pages/2001/threads";
    for (query, part) in [
        ("?limit=0", "\"/limit\""),
        ("?limit=201", "1 to 200"),
        ("?limit=many", "\"/limit\""),
        ("?owner=Desk", "\"/owner\""),
        ("?state=busy", "idle, active"),
        ("?folder=spam", "general, main, done"),
        ("?after=abc", "\"/after\""),
        ("?onwer=111", "onwer"),
        ("?limit=0&state=busy", "\"/state\""),
    ] {
        let reply = w.get(&format!("{threads}{query}")).await;
        assert_eq!((reply.status, reply.slug().as_str()), (400, "bad-parameter"), "{query}: {}", reply.text);
        assert!(reply.text.contains(part), "{part:?} not in {}", reply.text);
    }
    expect!(w.get("/baton/v1/pages/2001/threads/ann/history?at=now").await, 400, "\"/at\"");
}

#[tokio::test]
async fn only_the_operator_comes_in() {
    let w = World::start().await;
    let url = w.url("/baton/v1/routing");
    let get = |value: Option<&str>| {
        let request = w.client.get(&url);
        value.map_or(w.client.get(&url), |value| request.header("authorization", value))
    };
    for value in [
        None,
        Some("Bearer wrong"),
        Some("Bearer "),
        Some("operator-token"),
        Some("Basic operator-token"),
        Some("Bearer market-bot"),
    ] {
        let reply = w.send(get(value)).await;
        assert_eq!((reply.status, reply.slug().as_str()), (401, "unauthorized"), "{value:?}");
        assert_eq!(reply.header("www-authenticate"), "Bearer realm=\"baton\"");
    }
    assert_eq!(w.send(get(Some("bearer operator-token"))).await.status, 200);
    // Nor is anything told about what is there.
    for path in ["/baton/v1/nothing", "/baton/v1", "/baton/v1/apps", "/baton/v1/pages/2999/threads"] {
        assert_eq!(w.send(w.client.get(w.url(path))).await.status, 401, "{path}");
    }
}

#[tokio::test]
async fn threads_and_their_history() {
    let w = World::start().await;
    w.writes("2001", "ann").await;
    let passed = w
        .call(
            "market-bot",
            "/me/pass_thread_control",
            json!({"recipient": {"id": "ann"}, "target_app_id": DESK, "metadata": "over to you"}),
        )
        .await;
    assert_eq!(passed.status, 200, "{}", passed.text);
    let refused = w
        .call("market-bot", "/me/messages", json!({"recipient": {"id": "ann"}, "message": {"text": "hi"}}))
        .await;
    assert_eq!(refused.status, 400);
    let reply = w.post("/baton/v1/clock", json!({"advance": "25h"})).await;
    assert_eq!(
        reply.json(),
        json!({"now": "2026-01-02T01:00:00.000Z", "was": "2026-01-01T00:00:00.000Z", "frozen": true, "ran": 0})
    );
    let inbox = w.post("/baton/v1/pages/2001/threads/ann/inbox", json!({"action": "move_to_main"})).await;
    assert_eq!(inbox.status, 200, "{}", inbox.text);
    let mut shown = Vec::new();
    for path in ["threads/ann", "threads", "threads/ann/history", "threads/ann/messages"] {
        let reply = w.get(&format!("/baton/v1/pages/2001/{path}")).await;
        assert_eq!(reply.status, 200, "{}", reply.text);
        shown.push(format!("## {path}\n{}", serde_json::to_string_pretty(&reply.json()).unwrap()));
    }
    insta::assert_snapshot!(without_ids(&shown.join("\n\n")));
    // As of a moment.
    let then = w.get("/baton/v1/pages/2001/threads/ann/history?at=2026-01-01T00:00:00Z").await.json();
    let now = w.get("/baton/v1/pages/2001/threads/ann/history").await.json();
    assert!(then["data"].as_array().unwrap().len() < now["data"].as_array().unwrap().len());
    for path in ["threads/bob", "threads/bob/history", "threads/bob/messages"] {
        let reply = w.get(&format!("/baton/v1/pages/2001/{path}")).await;
        assert_eq!((reply.status, reply.slug().as_str()), (404, "unknown-person"), "{path}");
    }
}

/// Follows `next` to the end: every item once, no part longer than asked.
async fn all(w: &World, path: &str, limit: usize) -> Vec<Value> {
    let mut found = Vec::new();
    let mut after = String::new();
    for _ in 0..100 {
        let join = if path.contains('?') { '&' } else { '?' };
        let reply = w.get(&format!("{path}{join}limit={limit}{after}")).await.json();
        let data = reply["data"].as_array().unwrap();
        assert!(data.len() <= limit);
        found.extend(data.iter().cloned());
        match reply["next"].as_str() {
            Some(next) => {
                assert_eq!(data.len(), limit);
                after = format!("&after={next}");
            }
            None => return found,
        }
    }
    panic!("the list has no end")
}

#[tokio::test]
async fn lists_are_read_in_parts() {
    let w = World::start().await;
    for n in 0..7 {
        w.writes("2001", &format!("p{n}")).await;
        w.post("/baton/v1/clock", json!({"advance": "1s"})).await;
    }
    let people = |list: Vec<Value>| {
        list.iter().map(|thread| thread["person_id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let newest_first: Vec<String> = (0..7).rev().map(|n| format!("p{n}")).collect();
    let threads = "/baton/v1/pages/2001/threads";
    for limit in [1, 2, 3, 6, 7, 8] {
        assert_eq!(people(all(&w, threads, limit).await), newest_first, "{limit}");
    }
    let body = json!({"recipient": {"id": "p3"}, "target_app_id": DESK});
    assert_eq!(w.call("market-bot", "/me/pass_thread_control", body).await.status, 200);
    assert_eq!(people(all(&w, &format!("{threads}?owner={DESK}"), 1).await), ["p3"]);
    assert_eq!(people(all(&w, &format!("{threads}?owner={BOT}"), 2).await).len(), 6);
    assert_eq!(people(all(&w, &format!("{threads}?state=idle"), 2).await), Vec::<String>::new());
    assert_eq!(people(all(&w, &format!("{threads}?state=active&folder=general"), 2).await).len(), 7);
    for _ in 0..4 {
        w.writes("2001", "p3").await;
        w.post("/baton/v1/clock", json!({"advance": "1s"})).await;
    }
    let messages = "/baton/v1/pages/2001/threads/p3/messages";
    assert_eq!(w.get(messages).await.json()["data"].as_array().unwrap().len(), 5);
    for limit in [1, 2, 4, 5, 6] {
        let ids: std::collections::HashSet<String> =
            all(&w, messages, limit).await.iter().map(|item| item["message_id"].to_string()).collect();
        assert_eq!(ids.len(), 5, "{limit}");
    }
    for (token, to) in
        [("market-desk", BOT), ("market-bot", DESK), ("market-desk", BOT), ("market-bot", DESK)]
    {
        let body = json!({"recipient": {"id": "p3"}, "target_app_id": to});
        assert_eq!(w.call(token, "/me/pass_thread_control", body).await.status, 200);
        w.post("/baton/v1/clock", json!({"advance": "1s"})).await;
    }
    let history = "/baton/v1/pages/2001/threads/p3/history";
    let whole = w.get(history).await.json();
    assert_eq!(whole["data"].as_array().unwrap().len(), 5);
    for limit in [1, 2, 3] {
        assert_eq!(json!(all(&w, history, limit).await), whole["data"], "{limit}");
    }
    let moved = json!({"action": "move_to_main"});
    assert_eq!(w.post("/baton/v1/pages/2001/threads/p4/inbox", moved).await.status, 200);
    assert_eq!(people(all(&w, &format!("{threads}?owner=inbox"), 1).await), ["p4"]);
    assert_eq!(w.post("/baton/v1/pages/2001/threads/p4/inbox", json!({"action": "done"})).await.status, 200);
    assert_eq!(people(all(&w, &format!("{threads}?owner=inbox"), 1).await), Vec::<String>::new());
}

#[tokio::test]
async fn the_desk_acts_and_is_refused() {
    let w = World::start().await;
    w.writes("2002", "ann").await;
    let inbox = "/baton/v1/pages/2002/threads/ann/inbox";
    let reply = w.post(inbox, json!({"action": "pass", "app_id": DESK})).await;
    assert_eq!((reply.status, reply.slug().as_str()), (409, "refused"), "{}", reply.text);
    assert!(reply.json()["rule"].as_str().unwrap().starts_with("HOP-"), "{}", reply.text);
    for (act, cause) in [
        (json!({"action": "move_to_main"}), "inbox_main"),
        (json!({"action": "reply", "text": "Hello from the desk"}), "send"),
        (json!({"action": "pass", "app_id": DESK, "metadata": "yours"}), "pass"),
    ] {
        let reply = w.post(inbox, act).await;
        assert_eq!(reply.status, 200, "{cause}: {}", reply.text);
        assert!(reply.json()["event_id"].is_string());
    }
    let thread = w.get("/baton/v1/pages/2002/threads/ann").await.json();
    assert_eq!(thread["owner_app_id"], DESK);
    let said = w.get("/baton/v1/pages/2002/threads/ann/messages").await.json();
    assert_eq!(said["data"][0]["from"], "inbox");
    assert_eq!(said["data"][0]["content"]["text"], "Hello from the desk");
}

#[tokio::test]
async fn the_clock_is_shown_frozen_and_run() {
    let w = World::start().await;
    let frozen = json!({"now": "2026-01-01T00:00:00.000Z", "frozen": true});
    assert_eq!(w.get("/baton/v1/clock").await.json(), frozen);
    let set = w.post("/baton/v1/clock", json!({"set": "2026-01-01T12:00:00+01:00"})).await.json();
    assert_eq!((set["now"].as_str(), set["ran"].as_u64()), (Some("2026-01-01T11:00:00.000Z"), Some(0)));
    let run = w.post("/baton/v1/clock", json!({"freeze": false})).await.json();
    assert_eq!(run["frozen"], false);
    let freeze = w.post("/baton/v1/clock", json!({"freeze": true})).await.json();
    assert_eq!(freeze["frozen"], true);
}

#[tokio::test]
async fn the_systems_clock_is_not_moved() {
    let w = World::empty(baton_server::config::Limits::default(), false).await;
    for reply in [w.get("/baton/v1/clock").await, w.post("/baton/v1/clock", json!({"advance": "1h"})).await] {
        assert_eq!((reply.status, reply.slug().as_str()), (409, "clock-not-virtual"));
    }
}

#[tokio::test]
async fn what_happens_between_two_parts_of_a_history_repeats_nothing_and_hides_nothing() {
    let w = World::start().await;
    w.writes("2002", "ann").await;
    // The clock stands still, so all of it is of one moment.
    let pass = async |from: &str, to: &str| {
        let body = json!({"recipient": {"id": "ann"}, "target_app_id": to});
        expect!(w.call(from, "/me/pass_thread_control", body).await, 200, "true");
    };
    // Three refusals: it may neither send nor take nor release.
    let body = json!({"recipient": {"id": "ann"}, "message": {"text": "hi"}});
    assert_ne!(w.call("garage-desk", "/me/messages", body).await.status, 200);
    let body = json!({"recipient": {"id": "ann"}});
    assert_ne!(w.call("garage-desk", "/me/take_thread_control", body.clone()).await.status, 200);
    assert_ne!(w.call("garage-desk", "/me/release_thread_control", body).await.status, 200);
    pass("garage-bot", DESK).await;
    pass("garage-desk", BOT).await;
    let history = "/baton/v1/pages/2002/threads/ann/history";
    let whole = w.get(history).await.json()["data"].clone();
    let causes: Vec<&str> =
        whole.as_array().unwrap().iter().map(|one| one["cause"].as_str().unwrap()).collect();
    assert_eq!(causes, ["pass", "pass", "release", "take", "send", "message"]);

    let (mut walked, mut next) = (Vec::new(), Some(String::new()));
    while let Some(after) = next.take() {
        let part = w.get(&format!("{history}?limit=1{after}")).await.json();
        walked.extend(part["data"].as_array().unwrap().clone());
        next = part["next"].as_str().map(|next| format!("&after={next}"));
        pass("garage-bot", DESK).await;
        pass("garage-desk", BOT).await;
        assert!(walked.len() < 50, "it never ends: {walked:?}");
    }
    assert_eq!(json!(walked), whole);
}

#[tokio::test]
async fn each_refusal_is_in_the_history_with_what_it_said() {
    let w = World::start().await;
    w.writes("2002", "ann").await;
    // The clock stands still, and an app that gets it wrong once gets it wrong again.
    for said in ["one", "two", "three"] {
        let body = json!({"recipient": {"id": "ann"}, "target_app_id": BOT, "metadata": said});
        assert_ne!(w.call("garage-desk", "/me/pass_thread_control", body).await.status, 200);
    }
    let history = w.get("/baton/v1/pages/2002/threads/ann/history?limit=3").await.json();
    let told: Vec<_> =
        history["data"].as_array().unwrap().iter().map(|one| one["metadata"].as_str().unwrap()).collect();
    assert_eq!(told, ["three", "two", "one"]);
}

#[tokio::test]
async fn only_messages_move_the_time_of_the_last_one() {
    let w = World::start().await;
    w.writes("2002", "ann").await;
    let thread = "/baton/v1/pages/2002/threads/ann";
    let before = w.get(thread).await.json()["last_message_at"].clone();
    expect!(w.post("/baton/v1/clock", json!({"advance": "2h"})).await, 200, "now");
    let happens = async |event: Value| {
        expect!(w.post("/baton/v1/pages/2002/people/ann/events", event).await, 200, "rule");
        w.get(thread).await.json()["last_message_at"].clone()
    };
    assert_eq!(happens(json!({"type": "read", "read": {"watermark": 1}})).await, before);
    assert_eq!(happens(json!({"type": "optin", "optin": {"ref": "x"}})).await, before);
    assert_ne!(happens(json!({"type": "message", "message": {"text": "hello"}})).await, before);
}

#[tokio::test]
async fn what_settings_did_to_a_conversation_is_in_its_history() {
    let w = World::start().await;
    w.writes("2001", "ann").await;
    let call = json!({"recipient": {"id": "ann"}, "target_app_id": "333"});
    let history = "/baton/v1/pages/2001/threads/ann/history";
    let change = async |body: Value| {
        let request = w.client.patch(w.url("/baton/v1/pages/2001")).bearer_auth(OPERATOR).json(&body);
        expect!(w.send(request).await, 200, "2001");
    };
    change(json!({"messenger": {"default_app": "Desk"}})).await;
    // Refused at the place of the change, at which a part of the list may end.
    assert_ne!(w.call("market-draft", "/me/pass_thread_control", call.clone()).await.status, 200);
    change(json!({"name": "The market"})).await;
    expect!(w.call("market-desk", "/me/pass_thread_control", call).await, 200, "true");
    let gone = w.client.delete(w.url("/baton/v1/apps/333")).bearer_auth(OPERATOR);
    assert!(w.send(gone).await.status < 300);
    let told = async |query: &str| {
        let entries = all(&w, &format!("{history}{query}"), 1).await;
        let entry = |one: &Value| {
            let of = |name: &str| one[name].as_str().unwrap_or("-").to_owned();
            [of("cause"), of("rule"), of("from_app_id"), of("to_app_id")].join(" ")
        };
        entries.iter().map(entry).collect::<Vec<_>>()
    };
    let whole = [
        "settings MODE-4 333 222",
        "pass MCR-PASS-2 222 333",
        "pass MCR-PASS-3 - -",
        "settings MODE-5 111 222",
    ];
    assert_eq!(told("").await[..4], whole);
    expect!(w.post("/baton/v1/clock", json!({"advance": "1h"})).await, 200, "now");
    w.writes("2001", "ann").await;
    assert_eq!(told("?at=2026-01-01T00:00:00Z").await[..4], whole);
}
