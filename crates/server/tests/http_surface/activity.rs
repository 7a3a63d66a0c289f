//! `GET /activity`: the list, and live.

use std::time::Duration;

use baton_server::config::Limits;
use serde_json::{Value, json};

use crate::expect;
use crate::listener::Listener;
use crate::receiver::change;
use crate::world::{BOT, DESK, OPERATOR, World};

const PATH: &str = "/baton/v1/activity";

async fn list(w: &World) -> Vec<Value> {
    w.get(&format!("{PATH}?limit=200")).await.json()["data"].as_array().unwrap().clone()
}

#[tokio::test]
async fn the_list_has_every_kind_newest_first() {
    let w = World::start().await;
    w.writes("2002", "ann").await;
    let send = json!({"recipient": {"id": "ann"}, "message": {"text": "hi"}});
    w.call("garage-desk", "/me/messages", send).await;
    w.post("/baton/v1/clock", json!({"advance": "25h"})).await;
    w.writes("2002", "ann").await;
    let lines = list(&w).await;
    let kinds: Vec<&str> = lines.iter().map(|line| line["event"].as_str().unwrap()).collect();
    assert_eq!(&kinds[..4], ["decision", "clock", "refusal", "decision"]);
    assert!(kinds[4..].iter().all(|kind| *kind == "settings"), "{kinds:?}");
    let without_id = |line: &Value| {
        let mut line = line.clone();
        assert!(line["id"].as_str().unwrap().contains('-'));
        line.as_object_mut().unwrap().shift_remove("id");
        line
    };
    let (late, early) = ("2026-01-02T01:00:00.000Z", "2026-01-01T00:00:00.000Z");
    assert_eq!(
        without_id(&lines[0]),
        json!({
            "event": "decision", "at": late, "page_id": "2002", "on": "messenger", "person_id": "ann",
            "rule": lines[0]["rule"], "via": null, "cause": "message",
            "by_app_id": null, "from_app_id": null, "to_app_id": BOT, "expires_at": "2026-01-03T01:00:00.000Z",
            "lapse": {"rule": "HOP-EXP-1", "at": "2026-01-02T00:00:00.000Z"},
            "events": [
                {"app_id": BOT, "channel": "messaging", "event": "messages"},
                {"app_id": DESK, "channel": "standby", "event": "messages"},
                {"app_id": "333", "channel": "standby", "event": "messages"},
            ],
        })
    );
    assert_eq!(without_id(&lines[1]), json!({"event": "clock", "at": late, "now": late, "was": early}));
    assert_eq!(
        without_id(&lines[2]),
        json!({
            "event": "refusal", "at": early, "page_id": "2002", "on": "messenger", "person_id": "ann",
            "rule": lines[2]["rule"], "via": null, "cause": "send", "by_app_id": DESK, "owner_app_id": BOT,
            "refused": {"code": 10, "subcode": 2_018_300},
        })
    );
    assert!(lines[2]["rule"].as_str().unwrap().starts_with("HOP-SEND-"));
    assert_eq!(
        without_id(&lines[4]),
        json!({
            "event": "settings", "at": early, "version": lines[4]["version"], "changed": [], "verification": null,
            "delivery": null, "events": [],
        })
    );
    // In pages, to the end, once each.
    let (mut walked, mut next) = (Vec::new(), Some(String::new()));
    while let Some(after) = next.take() {
        let part = w.get(&format!("{PATH}?limit=2{after}")).await.json();
        walked.extend(part["data"].as_array().unwrap().clone());
        next = part["next"].as_str().map(|next| format!("&after={next}"));
    }
    assert_eq!(walked, lines);
    expect!(w.get(&format!("{PATH}?owner=1")).await, 400, "unknown parameter");
    expect!(w.get(&format!("{PATH}?after=beef")).await, 400, "is not a `next` of this list");
    expect!(w.send(w.client.get(w.url(PATH))).await, 401, "operator token");
}

#[tokio::test]
async fn deliveries_and_verifications_are_told_without_secrets() {
    let w = World::start().await;
    change(&w, BOT, |app| {
        app.webhook_url = Some("http://receiver.test/hook?key=hidden-key".to_owned());
        app.verify_token = Some(baton_store::Secret::new("hidden-token"));
        app.verified = false;
    })
    .await;
    change(&w, BOT, |app| app.verified = true).await;
    w.writes("2002", "ann").await;
    let mut listener = Listener::open(&w, PATH, Some("0-0")).await;
    let delivery = loop {
        let (_, event, data) = listener.next().await.unwrap();
        if event == "delivery" {
            break data;
        }
    };
    assert_eq!(delivery["app_id"], BOT);
    assert_eq!((&delivery["channel"], &delivery["status"]), (&json!("messaging"), &Value::Null));
    assert_eq!(
        delivery["events"],
        json!([{"page_id": "2002", "on": "messenger", "person_id": "ann", "event": "messages"}])
    );
    assert!(delivery["error"].is_string() && delivery["duration_ms"].is_u64(), "{delivery}");
    assert!(delivery["next_attempt_at"].is_string(), "{delivery}");
    let lines = list(&w).await;
    let verification = lines.iter().find(|line| line["verification"].is_object()).unwrap();
    assert_eq!(verification["event"], "settings");
    assert_eq!(verification["verification"]["app_id"], BOT);
    assert_eq!(verification["verification"]["verified"], false);
    let all = w.get(&format!("{PATH}?limit=200")).await.text;
    for secret in ["hidden", "market-bot", "garage-bot", "test_secret", OPERATOR] {
        assert!(!all.contains(secret), "{secret} in {all}");
    }
}

#[tokio::test]
async fn live_lines_come_in_order_and_go_on_where_a_listener_was() {
    let w = World::start().await;
    w.writes("2002", "before").await;
    let mut listener = Listener::open(&w, PATH, None).await;
    for person in ["a", "b", "c", "d"] {
        w.writes("2002", person).await;
    }
    let seen = listener.take(4).await;
    let people: Vec<&str> = seen.iter().map(|(_, _, data)| data["person_id"].as_str().unwrap()).collect();
    assert_eq!(people, ["a", "b", "c", "d"], "what was before is not told");
    let mut listed = list(&w).await;
    listed.truncate(4);
    listed.reverse();
    assert_eq!(
        seen.iter().map(|(_, _, data)| data.clone()).collect::<Vec<_>>(),
        listed,
        "data is as in the list"
    );
    assert!(seen.iter().all(|(id, event, data)| data["id"] == **id && event == "decision"));
    drop(listener);

    w.writes("2002", "e").await;
    let mut again = Listener::open(&w, PATH, Some(&seen[1].0)).await;
    w.writes("2002", "f").await;
    let rest = again.take(4).await;
    let people: Vec<&str> = rest.iter().map(|(_, _, data)| data["person_id"].as_str().unwrap()).collect();
    assert_eq!(people, ["c", "d", "e", "f"], "nothing twice, nothing missing");
}

#[tokio::test]
async fn what_was_missed_is_said() {
    let w = World::start().await;
    w.writes("2002", "ann").await;
    let first = list(&w).await[0]["id"].as_str().unwrap().to_owned();
    let (run, number) = first.split_once('-').unwrap();
    let number: usize = number.parse().unwrap();
    for _ in 0..1_010 {
        w.engine.freeze_clock(true).await.unwrap();
    }
    // A thousand are kept: after the first line, ten are gone.
    let mut listener = Listener::open(&w, PATH, Some(&first)).await;
    let (id, event, data) = listener.next().await.unwrap();
    assert_eq!((id.as_str(), event.as_str(), &data["missed"]), ("", "missed", &json!(10)), "{data}");
    let lines = listener.take(1_000).await;
    assert_eq!(lines[0].0, format!("{run}-{}", number + 11));
    assert_eq!(lines[999].0, format!("{run}-{}", number + 1_010));
    // The oldest that is kept can still be resumed after, and just before it nothing is missing.
    for (last, missed) in [(number + 11, false), (number + 10, false), (number + 9, true)] {
        let mut listener = Listener::open(&w, PATH, Some(&format!("{run}-{last}"))).await;
        let (_, event, _) = listener.next().await.unwrap();
        assert_eq!(event == "missed", missed, "{last}");
    }
    // Of another run, of the future, or of nothing: nobody knows how much.
    for last in [format!("00000000000000ff-{number}"), format!("{run}-999999"), "what".to_owned()] {
        let mut listener = Listener::open(&w, PATH, Some(&last)).await;
        let (_, event, data) = listener.next().await.unwrap();
        assert_eq!((event.as_str(), &data["missed"]), ("missed", &Value::Null), "{last}");
        assert_eq!(listener.next().await.unwrap().0, format!("{run}-{}", number + 11));
    }
    assert_eq!(list(&w).await.len(), 200);
}

#[tokio::test]
async fn only_so_many_listen_and_the_list_is_always_there() {
    let w = World::with(Limits { listeners: 2, ..Limits::default() }).await;
    let first = Listener::open(&w, PATH, None).await;
    let _second = Listener::open(&w, PATH, None).await;
    let full = Listener::ask(&w, PATH, None).await;
    assert_eq!(full.status(), 503);
    assert_eq!(full.headers()["retry-after"], "1");
    let text = full.text().await.unwrap();
    assert!(text.contains("/problems/too-many-listeners") && text.contains("limits.listeners"), "{text}");
    assert_eq!(w.get(PATH).await.status, 200);
    drop(first);
    let mut tries = 0;
    while Listener::ask(&w, PATH, None).await.status() != 200 {
        tries += 1;
        assert!(tries < 200, "the place of a listener that went away stays taken");
        tokio::time::timeout(Duration::from_millis(20), std::future::pending::<()>()).await.unwrap_err();
    }
}

#[tokio::test]
async fn a_listener_that_reads_nothing_holds_nothing_up() {
    let w = World::start().await;
    let slow = Listener::open(&w, PATH, None).await;
    for _ in 0..3_000 {
        w.engine.freeze_clock(true).await.unwrap();
    }
    w.writes("2002", "ann").await;
    drop(slow);
}

#[tokio::test]
async fn listeners_end_at_once_when_the_server_stops() {
    let w = World::start().await;
    let mut listener = Listener::open(&w, PATH, None).await;
    let stopped = w.stopping();
    // Heartbeats go on for ever: only a limit on the whole shows that nothing else does.
    let ended = tokio::time::timeout(Duration::from_secs(3), listener.next()).await;
    assert!(ended.unwrap().is_none());
    tokio::time::timeout(Duration::from_secs(3), stopped)
        .await
        .expect("it waited for a listener")
        .unwrap()
        .unwrap();
}

#[tokio::test]
async fn a_heartbeat_every_quarter_of_a_minute_while_nothing_happens() {
    let w = World::start().await;
    let mut response = Listener::ask(&w, PATH, None).await;
    w.writes("2002", "ann").await;
    let line = response.chunk().await.unwrap().unwrap();
    assert!(line.starts_with(b"id: "), "{line:?}");
    // From here on time passes only when nobody has anything to do.
    tokio::time::pause();
    for beat in 0..4 {
        let soon = tokio::time::timeout(Duration::from_millis(14_900), response.chunk()).await;
        assert!(soon.is_err(), "before heartbeat {beat}: {soon:?}");
        let then = tokio::time::timeout(Duration::from_millis(200), response.chunk()).await;
        assert_eq!(then.expect("no heartbeat").unwrap().unwrap(), ": alive\n\n", "a comment, and no event");
    }
    tokio::time::resume();
    w.writes("2002", "ann").await;
    let line = response.chunk().await.unwrap().unwrap();
    assert!(line.starts_with(b"id: "), "it still listens: {line:?}");
}

#[tokio::test]
async fn a_change_of_settings_says_which_and_none_of_their_values() {
    let w = World::start().await;
    let change = json!({"human_agent": true, "secret": "a-secret-that-nobody-reads"});
    let done = w.send(w.client.patch(w.url("/baton/v1/apps/111")).bearer_auth(OPERATOR).json(&change)).await;
    assert_eq!(done.status, 200, "{}", done.text);
    let told = w.get(PATH).await;
    let line =
        told.json()["data"].as_array().unwrap().iter().find(|one| one["version"].is_u64()).unwrap().clone();
    assert_eq!(line["changed"], json!(["/apps/111/human_agent", "/apps/111/secret"]), "{line}");
    assert!(!told.text.contains("nobody-reads"));
    // The same again changes nothing, and is not told.
    let settings = |one: &&Value| one["event"] == "settings" && one["version"].is_u64();
    let before = list(&w).await.iter().filter(settings).count();
    w.send(w.client.patch(w.url("/baton/v1/apps/111")).bearer_auth(OPERATOR).json(&change)).await;
    assert_eq!(list(&w).await.iter().filter(settings).count(), before);
}
