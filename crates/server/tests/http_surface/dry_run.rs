//! What would be decided, without doing it.

use baton_server::config::Limits;
use serde_json::{Value, json};

use crate::world::{BOT, DESK, World};

fn path(page: &str, person: &str) -> String {
    format!("/baton/v1/pages/{page}/threads/{person}/dry-run")
}

#[tokio::test]
async fn a_dry_run_says_what_the_same_would_be_answered_and_does_nothing() {
    let w = World::start().await;
    let event = json!({"type": "message", "message": {"text": "hello"}, "entry": {"type": "ad", "ad_id": "9001"}, "event_id": "e"});
    let dry = w.post(&path("2001", "ann"), json!({"event": event})).await;
    assert_eq!(dry.status, 200, "{}", dry.text);
    assert_eq!(w.get("/baton/v1/pages/2001/threads/ann").await.status, 404, "nobody wrote");
    let mut done = w.post("/baton/v1/pages/2001/people/ann/events", event).await.json();
    assert!(done["message_id"].is_string());
    done["message_id"] = Value::Null;
    assert_eq!(dry.json(), done);

    let calls = [
        (json!({"app_id": DESK, "call": "release"}), "MCR-REL-1"),
        (
            json!({"app_id": DESK, "call": "pass", "parameters": {"target_app_id": BOT, "metadata": "m"}}),
            "MCR-PASS-2",
        ),
        (json!({"app_id": DESK, "call": "send", "parameters": {"message": {"text": "x"}}}), "MCR-SEND-1"),
        (json!({"inbox": {"action": "reply", "text": "x"}}), "MCR-INBOX-1"),
    ];
    let before = w.get("/baton/v1/pages/2001/threads/ann").await.json();
    let history = w.get("/baton/v1/pages/2001/threads/ann/history").await.json();
    for (body, rule) in calls {
        let dry = w.post(&path("2001", "ann"), body.clone()).await;
        assert_eq!((dry.status, &dry.json()["rule"]), (200, &json!(rule)), "{body}: {}", dry.text);
    }
    assert_eq!(w.get("/baton/v1/pages/2001/threads/ann").await.json(), before);
    assert_eq!(w.get("/baton/v1/pages/2001/threads/ann/history").await.json(), history);
    let messages = w.get("/baton/v1/pages/2001/threads/ann/messages").await.json();
    assert_eq!(messages["data"].as_array().unwrap().len(), 1, "{messages:#}");
}

#[tokio::test]
async fn a_refused_dry_run_names_its_rule_and_leaves_no_trace() {
    let w = World::start().await;
    w.writes("2001", "ann").await;
    let refused = [
        (json!({"app_id": DESK, "call": "pass", "parameters": {"target_app_id": BOT}}), "MCR-PASS-3"),
        (json!({"app_id": DESK, "call": "take"}), "MCR-TAKE-1"),
        (json!({"app_id": "333", "call": "send", "parameters": {"message": {"text": "x"}}}), "API-14"),
        (
            json!({"event": {"type": "message", "message": {"text": "x"}, "entry": {"type": "ad", "ad_id": "9002"}}}),
            "AD-4",
        ),
    ];
    for (body, rule) in refused {
        let dry = w.post(&path("2001", "ann"), body.clone()).await;
        let answer = dry.json();
        assert_eq!(
            (dry.status, dry.slug().as_str(), &answer["rule"]),
            (409, "refused", &json!(rule)),
            "{body}: {}",
            dry.text
        );
        assert!(answer["refused"]["code"].is_u64(), "{}", dry.text);
    }
    let history = w.get("/baton/v1/pages/2001/threads/ann/history").await.json();
    assert!(
        history["data"].as_array().unwrap().iter().all(|entry| entry["refused"].is_null()),
        "{history:#}"
    );
}

#[tokio::test]
async fn bad_dry_runs_by_table() {
    let w = World::start().await;
    w.writes("2001", "ann").await;
    #[rustfmt::skip]
    let table: Vec<(&str, Value, u16, &str, &str)> = vec![
        // person, body, status, slug, part of the answer
        ("ann", json!({}), 400, "bad-body", "exactly one"),
        ("ann", json!({"event": {}, "inbox": {}}), 400, "bad-body", "exactly one"),
        ("ann", json!({"event": {"type": "nonsense"}}), 400, "bad-body", "\"/event/type\""),
        ("ann", json!({"event": {"type": "get_started"}, "x": 1}), 400, "bad-body", "\"/x\""),
        ("ann", json!({"inbox": {"action": "dance"}}), 400, "bad-body", "\"/inbox/action\""),
        ("bob", json!({"inbox": {"action": "done"}}), 404, "unknown-person", "bob"),
        ("bob", json!({"app_id": BOT, "call": "release"}), 404, "unknown-person", "API-9"),
        ("ann", json!({"app_id": BOT}), 400, "bad-body", "\"/call\""),
        ("ann", json!({"app_id": BOT, "call": "steal"}), 400, "bad-body", "pass, take"),
        ("ann", json!({"app_id": "444", "call": "take"}), 400, "bad-body", "not connected"),
        ("ann", json!({"app_id": BOT, "call": "take", "parameters": 3}), 400, "bad-body", "\"/parameters\""),
        ("ann", json!({"app_id": BOT, "call": "send"}), 400, "bad-body", "message must be non-empty"),
        ("ann", json!({"app_id": BOT, "call": "take", "parameters": {"recipient": {"id": "bob"}}}), 400, "bad-body", "\"/parameters/recipient\""),
    ];
    for (person, body, status, slug, part) in table {
        let reply = w.post(&path("2001", person), body.clone()).await;
        let what = format!("{person} {body}: {}", reply.text);
        assert_eq!((reply.status, reply.slug().as_str()), (status, slug), "{what}");
        assert!(reply.text.contains(part), "{part:?} not in {what}");
    }
}

/// The rules of the warnings of the present routing.
async fn warned(w: &World) -> Vec<(String, String)> {
    let routing = w.get("/baton/v1/routing").await.json();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let warnings = routing["warnings"].as_array().unwrap().iter();
    warnings.map(|one| (text(&one["rule"]), text(&one["pointer"]))).collect()
}

#[tokio::test]
async fn chk_6_warns_when_a_request_waits_for_a_day() {
    let w = World::as_filed(Limits::default()).await;
    w.writes("2002", "ann").await;
    let request = json!({"recipient": {"id": "ann"}, "metadata": "me"});
    let asked = w.call("garage-desk", "/me/request_thread_control", request).await;
    assert_eq!(asked.status, 200, "{}", asked.text);
    w.post("/baton/v1/clock", json!({"advance": "20h"})).await;
    w.writes("2002", "ann").await;
    // Extending is holding on.
    let extend = json!({"recipient": {"id": "ann"}, "duration": 86400});
    assert_eq!(w.call("garage-bot", "/me/extend_thread_control", extend).await.status, 200);
    w.post("/baton/v1/clock", json!({"advance": "239m"})).await;
    let waits = ("CHK-6".to_owned(), "/pages/2002/threads/ann".to_owned());
    assert!(!warned(&w).await.contains(&waits));
    w.post("/baton/v1/clock", json!({"advance": "1m"})).await;
    assert!(warned(&w).await.contains(&waits), "{:?}", warned(&w).await);
    let release = json!({"recipient": {"id": "ann"}});
    assert_eq!(w.call("garage-bot", "/me/release_thread_control", release).await.status, 200);
    assert!(!warned(&w).await.contains(&waits));
}

#[tokio::test]
async fn chk_7_warns_of_the_old_edges_in_conversation_routing() {
    let w = World::as_filed(Limits::default()).await;
    for page in ["2001", "2002"] {
        w.writes(page, "ann").await;
    }
    let control = json!({"recipient": {"id": "ann"}, "message": {"text": "x"}, "thread_control": {"control_type": "pass", "app_id": DESK}});
    assert_eq!(w.call("market-bot", "/me/messages", control).await.status, 200);
    let pass = json!({"recipient": {"id": "ann"}, "target_app_id": DESK});
    assert_eq!(w.call("garage-bot", "/me/pass_thread_control", pass).await.status, 200);
    let chk_7 =
        |all: Vec<(String, String)>| all.into_iter().filter(|(rule, _)| rule == "CHK-7").collect::<Vec<_>>();
    assert_eq!(chk_7(warned(&w).await), [], "the Send API, and the Handover Protocol");
    let release = json!({"recipient": {"id": "ann"}});
    assert_eq!(w.call("market-desk", "/me/release_thread_control", release).await.status, 200);
    assert_eq!(chk_7(warned(&w).await), [("CHK-7".to_owned(), format!("/pages/2001/connections/{DESK}"))]);
}

#[tokio::test]
async fn a_dry_run_supposes_other_settings_and_a_later_time() {
    let w = World::start().await;
    w.writes("2001", "ann").await;
    let replied = json!({"action": "reply", "text": "A day of mine"});
    assert_eq!(w.post("/baton/v1/pages/2001/threads/ann/inbox", replied).await.status, 200);
    let event = json!({"type": "message", "message": {"text": "hello"}});
    let mut file = w.get("/baton/v1/routing").await.json();
    let pages = file["pages"].as_array_mut().unwrap();
    pages.retain(|page| page["id"] == "2001");
    pages[0]["messenger"]["default_app"] = json!(DESK);
    let file = json!({"pages": file["pages"]});
    let (inbox, later) = ("263902037430900", "2099-01-01T00:00:00Z");
    for (supposed, owner) in [
        (json!({}), inbox),
        (json!({"at": later}), BOT),
        (json!({"routing": file}), inbox),
        (json!({"routing": file, "at": later}), DESK),
    ] {
        let mut body = supposed.clone();
        body["event"] = event.clone();
        let dry = w.post(&path("2001", "ann"), body).await;
        assert_eq!(dry.status, 200, "{supposed}: {}", dry.text);
        assert_eq!(dry.json()["thread"]["owner_app_id"], owner, "{supposed}");
    }
    // An app that only the supposed settings connect may be asked about under them.
    let mut without = file.clone();
    without["pages"][0]["connections"].as_array_mut().unwrap().retain(|one| one["app"] != DESK);
    without["pages"][0]["messenger"]["default_app"] = json!(BOT);
    let call = json!({"app_id": DESK, "call": "release", "routing": without});
    let dry = w.post(&path("2001", "ann"), call).await;
    assert_eq!((dry.status, dry.slug().as_str()), (400, "bad-body"), "{}", dry.text);
    // Nothing of it was done.
    assert_eq!(w.get("/baton/v1/pages/2001").await.json()["messenger"]["default_app"], BOT);
    assert_eq!(w.get("/baton/v1/pages/2001/threads/ann").await.json()["owner_app_id"], inbox);
}

#[tokio::test]
async fn what_cannot_be_supposed_is_refused_where_it_stands() {
    let w = World::start().await;
    w.writes("2001", "ann").await;
    for (supposed, pointer) in [
        (json!({"at": "2001-01-01T00:00:00Z"}), "/at"),
        (json!({"at": "tomorrow"}), "/at"),
        (json!({"routing": []}), "/routing"),
        (
            json!({"routing": {"pages": [{"id": "2001", "name": "Shop", "nonsense": 1}]}}),
            "/routing/pages/0/nonsense",
        ),
        (
            json!({"routing": {"pages": [{"id": "2001", "name": "Shop", "messenger": {"default_app": "Nobody"}}]}}),
            "/routing/pages/0/messenger/default_app",
        ),
    ] {
        let mut body = supposed.clone();
        body["event"] = json!({"type": "message", "message": {"text": "hello"}});
        let dry = w.post(&path("2001", "ann"), body).await;
        assert_eq!((dry.status, dry.slug().as_str()), (400, "bad-body"), "{supposed}: {}", dry.text);
        assert_eq!(dry.json()["errors"][0]["pointer"], pointer, "{supposed}");
    }
    // Whoever may ask learns nothing of the server's environment by it.
    let secret = json!({"apps": [{"name": "Spy", "secret": "env:A_NAME_THAT_NOBODY_SET"}]});
    let body = json!({"event": {"type": "message", "message": {"text": "hello"}}, "routing": secret});
    assert_eq!(w.post(&path("2001", "ann"), body).await.status, 200);
}
