//! Rules of the specification that show from outside alone, each by its identifier: how calls are made and
//! answered (API), who sees what (OWN, FS, Q), who may set what (SET-3), and the shape of control webhooks (WH).

use std::sync::Arc;

use baton_server::config::Limits;
use baton_store::{InstagramSide, Page, Settings, Side};
use serde_json::{Value, json};

use crate::expect;
use crate::receiver::with_receivers;
use crate::world::{ACCOUNT, BOT, DESK, World};

fn to(person: &str) -> Value {
    json!({"recipient": {"id": person}})
}

fn text(person: &str) -> Value {
    json!({"recipient": {"id": person}, "messaging_type": "RESPONSE", "message": {"text": "hi"}})
}

async fn thread(w: &World, page: &str, person: &str) -> Value {
    w.get(&format!("/baton/v1/pages/{page}/threads/{person}")).await.json()
}

#[tokio::test]
async fn api_1_a_path_has_any_version_or_none_and_me_is_the_tokens_page() {
    let w = World::start().await;
    w.writes("2001", "ann").await;
    let plain = w.read("market-bot", "/2001/thread_owner?recipient=ann").await;
    assert_eq!(plain.json()["data"][0]["thread_owner"]["app_id"], BOT);
    for prefix in ["", "/v2.6", "/v25.0", "/v99.0", "/v19"] {
        for node in ["me", "2001", "me/"] {
            let node = node.trim_end_matches('/');
            let reply = w.read("market-bot", &format!("{prefix}/{node}/thread_owner?recipient=ann")).await;
            assert_eq!((reply.status, &reply.text), (200, &plain.text), "{prefix}/{node}");
        }
    }
    // `me` is not the same place for everybody.
    assert_eq!(w.read("garage-bot", "/me?fields=id").await.text, r#"{"id":"2002"}"#);
    for path in ["/version/me?fields=id", "/vv25/me?fields=id", "/2002?fields=id"] {
        assert_eq!(w.read("market-bot", path).await.status, 400, "{path}");
    }
}

#[tokio::test]
async fn api_5_success_is_a_json_boolean() {
    let w = World::start().await;
    w.writes("2002", "ann").await;
    w.writes("2001", "ann").await;
    let pass = json!({"recipient": {"id": "ann"}, "target_app_id": DESK});
    let extend = json!({"recipient": {"id": "ann"}, "duration": 60});
    for (token, edge, body) in [
        ("garage-desk", "request_thread_control", to("ann")),
        ("garage-bot", "pass_thread_control", pass.clone()),
        ("garage-desk", "extend_thread_control", extend),
        ("garage-desk", "release_thread_control", to("ann")),
        ("market-bot", "pass_thread_control", pass),
        ("market-desk", "release_thread_control", to("ann")),
    ] {
        let reply = w.call(token, &format!("/me/{edge}"), body).await;
        assert_eq!((reply.status, reply.text.as_str()), (200, r#"{"success":true}"#), "{token} {edge}");
    }
    // A take in the Handover Protocol carries the owner too (C-11).
    let taken = w.call("garage-bot", "/me/take_thread_control", to("ann")).await.json();
    assert_eq!(taken["success"], true);
    assert_eq!(taken["data"][0]["thread_owner"]["app_id"], BOT);
}

#[tokio::test]
async fn api_7_a_refused_call_changes_nothing_and_is_heard_by_nobody() {
    let (w, _bot, mut desk) = with_receivers().await;
    w.writes("2002", "ann").await;
    assert_eq!(desk.next().await["entry"][0]["standby"][0]["message"]["text"], "hello");
    let messages = "/baton/v1/pages/2002/threads/ann/messages";
    let before = (thread(&w, "2002", "ann").await, w.get(messages).await.json());
    w.post("/baton/v1/clock", json!({"advance": "1m"})).await;
    let tagged = json!({"recipient": {"id": "ann"}, "message": {"text": "hi"}, "tag": "HUMAN_AGENT"});
    for (token, edge, body) in [
        ("garage-desk", "messages", text("ann")),
        ("garage-desk", "messages", tagged),
        ("garage-desk", "pass_thread_control", json!({"recipient": {"id": "ann"}, "target_app_id": DESK})),
        ("garage-desk", "take_thread_control", to("ann")),
        ("garage-desk", "release_thread_control", to("ann")),
        ("garage-desk", "extend_thread_control", json!({"recipient": {"id": "ann"}, "duration": 60})),
        ("garage-bot", "request_thread_control", to("ann")),
        ("garage-bot", "pass_thread_control", to("ann")),
        ("garage-bot", "extend_thread_control", json!({"recipient": {"id": "ann"}, "duration": 0})),
        ("garage-bot", "messages", json!({"recipient": {"id": "ann"}, "message": {}})),
    ] {
        let reply = w.call(token, &format!("/me/{edge}"), body.clone()).await;
        assert_eq!(reply.status, 400, "{token} {edge} {body}: {}", reply.text);
    }
    let after = (thread(&w, "2002", "ann").await, w.get(messages).await.json());
    assert_eq!(after, before);
    // The next webhook is what is said next.
    let body = json!({"type": "message", "message": {"text": "and now?"}});
    assert_eq!(w.post("/baton/v1/pages/2002/people/ann/events", body).await.status, 200);
    assert_eq!(desk.next().await["entry"][0]["standby"][0]["message"]["text"], "and now?");
}

#[tokio::test]
async fn api_8_metadata_is_passed_on_byte_for_byte_up_to_2000_characters() {
    let (w, mut bot, mut desk) = with_receivers().await;
    w.writes("2002", "ann").await;
    let said = " \"{}\" \\ / ä\u{1f44d}\n\t<&>' ";
    let longest = "ä".repeat(2000);
    let call = |metadata: &str| json!({"recipient": {"id": "ann"}, "metadata": metadata});
    let reply = w.call("garage-desk", "/me/request_thread_control", call(said)).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    let asked = bot.next_with("messaging", "request_thread_control").await;
    assert_eq!(asked["messaging"][0]["request_thread_control"]["metadata"], said);
    let mut pass = call(&longest);
    pass["target_app_id"] = json!(DESK);
    assert_eq!(w.call("garage-bot", "/me/pass_thread_control", pass.clone()).await.status, 200);
    let passed = desk.next_with("messaging", "pass_thread_control").await;
    assert_eq!(passed["messaging"][0]["pass_thread_control"]["metadata"], longest.as_str());
    for edge in ["pass", "take", "request", "release"] {
        let mut body = call(&format!("{longest}x"));
        body["target_app_id"] = json!(BOT);
        expect!(w.call("garage-desk", &format!("/me/{edge}_thread_control"), body).await, 400, "metadata");
    }
}

/// Garage's bot gets a token with these tasks.
async fn with_tasks(w: &World, page: &str, tasks: &[&str]) -> String {
    let path = format!("/baton/v1/pages/{page}/connections/{BOT}/tokens");
    let made = w.post(&path, json!({"tasks": tasks})).await;
    assert_eq!(made.status, 201, "{}", made.text);
    made.json()["token"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn api_12_each_call_needs_the_task_of_its_mode() {
    let w = World::as_filed(Limits::default()).await;
    for page in ["2001", "2002"] {
        w.writes(page, "ann").await;
    }
    // (page, the task that is needed, the calls)
    let handover = [
        "pass_thread_control",
        "take_thread_control",
        "request_thread_control",
        "release_thread_control",
        "extend_thread_control",
        "pass_thread_metadata",
    ];
    let routed = ["pass_thread_control", "release_thread_control"];
    for (page, task, edges, reads) in [
        ("2002", "MODERATE", &handover[..], &["thread_owner?recipient=ann", "secondary_receivers"][..]),
        ("2001", "MANAGE", &routed[..], &["thread_owner?recipient=ann"][..]),
    ] {
        let all = ["MODERATE", "MANAGE", "MESSAGING"];
        let others: Vec<&str> = all.into_iter().filter(|other| *other != task).collect();
        let without = with_tasks(&w, page, &others).await;
        let with = with_tasks(&w, page, &[task]).await;
        let is_denied =
            |reply: &crate::world::Reply| reply.code() == (200, None) && reply.text.contains(task);
        for edge in edges {
            // Nothing else about the call is right: what is denied is denied before (API-10).
            let path = format!("/me/{edge}");
            assert!(is_denied(&w.call(&without, &path, json!({})).await), "{page} {edge} without {task}");
            assert!(!is_denied(&w.call(&with, &path, json!({})).await), "{page} {edge} with {task}");
        }
        for edge in reads {
            assert!(is_denied(&w.read(&without, &format!("/me/{edge}")).await), "{page} {edge}");
            assert_eq!(w.read(&with, &format!("/me/{edge}")).await.status, 200, "{page} {edge}");
        }
        // A plain message needs none; one that moves control does where it may.
        assert_eq!(w.call(&without, "/me/messages", text("ann")).await.status, 200, "{page}");
        let mut moving = text("ann");
        moving["thread_control"] = json!({"control_type": "release"});
        let reply = w.call(&without, "/me/messages", moving).await;
        assert_eq!(is_denied(&reply), page == "2001", "{}", reply.text);
    }
}

#[tokio::test]
async fn api_14_an_app_that_is_not_live_reaches_its_testers_only() {
    let w = World::start().await;
    for page in ["2001", "2002"] {
        w.writes(page, "ann").await;
        w.writes(page, "tester").await;
    }
    let release = json!({"recipient": {"id": "tester"}});
    assert_eq!(w.call("garage-bot", "/me/release_thread_control", release).await.status, 200);
    let to_ann = w.call("garage-draft", "/me/messages", text("ann")).await;
    assert_eq!(to_ann.code(), (200, Some(2_018_028)), "{}", to_ann.text);
    assert_eq!(w.call("garage-draft", "/me/messages", text("tester")).await.status, 200);
    // It is about what is sent, and about this app.
    let pass = w.call("market-draft", "/me/pass_thread_control", to("ann")).await;
    assert_eq!(pass.code().0, 100, "{}", pass.text);
    assert_eq!(w.call("market-bot", "/me/messages", text("ann")).await.status, 200);
}

#[tokio::test]
async fn api_12_a_key_that_was_used_hides_no_denial() {
    let w = World::start().await;
    w.writes("2001", "ann").await;
    let without = with_tasks(&w, "2001", &["MESSAGING"]).await;
    let mut moving = text("ann");
    moving["thread_control"] = json!({"control_type": "release"});
    let send = async |token: &str, key: &str| {
        let request = w.client.post(w.url(&format!("/me/messages?access_token={token}")));
        w.send(request.header("Idempotency-Key", key).json(&moving)).await
    };
    assert_eq!(send("market-bot", "k").await.status, 200);
    for key in ["k", "not a key"] {
        let denied = send(&without, key).await;
        assert_eq!(denied.code(), (200, None), "{}", denied.text);
    }
}

#[tokio::test]
async fn api_12_api_14_what_a_caller_may_not_do_is_in_the_history() {
    let w = World::start().await;
    w.writes("2002", "ann").await;
    let mut take = to("ann");
    take["metadata"] = json!("mine");
    expect!(w.call("garage-draft", "/me/take_thread_control", take).await, 400, "MODERATE");
    expect!(w.call("garage-draft", "/me/messages", text("ann")).await, 400, "2018028");
    // What is wrong in itself is no part of it, and neither is what is only asked.
    expect!(w.call("garage-draft", "/me/take_thread_control", json!({})).await, 400, "MODERATE");
    expect!(w.read("garage-draft", "/me/thread_owner?recipient=ann").await, 400, "MODERATE");
    let history = w.get("/baton/v1/pages/2002/threads/ann/history").await.json();
    let told: Vec<_> = history["data"].as_array().unwrap().iter().take(3).collect();
    let of = |entry: &Value| {
        (entry["rule"].clone(), entry["cause"].clone(), entry["by_app_id"].clone(), entry["refused"].clone())
    };
    let draft = json!("333");
    assert_eq!(
        of(told[0]),
        (json!("API-14"), json!("send"), draft.clone(), json!({"code": 200, "subcode": 2_018_028}))
    );
    assert_eq!(of(told[1]), (json!("API-12"), json!("take"), draft, json!({"code": 200, "subcode": null})));
    assert_eq!(told[1]["metadata"], "mine");
    assert_eq!(told[2]["cause"], "message", "{history:#}");
    let activity = w.get("/baton/v1/activity?limit=2").await.json();
    assert!(activity["data"].as_array().unwrap().iter().all(|one| one["event"] == "refusal"), "{activity:#}");
}

/// Sets the default app of Market's account on Instagram, as no file can yet.
async fn default_on_instagram(w: &World, app: Option<&'static str>) {
    let change = move |settings: &Settings| {
        let market = |page: &Arc<Page>| {
            let mut page = Page::clone(page);
            if page.name == "Market" {
                let side = Side { default_app: app.map(|app| app.parse().unwrap()), ..Side::default() };
                let (id, username) = (ACCOUNT.parse().unwrap(), "market".to_owned());
                page.instagram = Some(InstagramSide { id, username, side });
            }
            Arc::new(page)
        };
        let pages = settings.pages.iter().map(market).collect();
        Ok(Settings::new(settings.version + 1, settings.apps.clone(), pages))
    };
    w.engine.configure(Box::new(change)).await.unwrap();
}

async fn status(w: &World, token: &str, node: &str) -> Value {
    let reply = w.read(token, &format!("/{node}?fields=messaging_feature_status")).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    reply.json()
}

#[tokio::test]
async fn fs_1_fs_3_messenger_has_conversation_routing_or_the_handover_protocol() {
    let w = World::start().await;
    let market = status(&w, "market-bot", "2001").await["messaging_feature_status"].clone();
    assert_eq!((&market["msgr_multi_app"], &market["hop_v2"]), (&json!(true), &json!(false)));
    let garage = status(&w, "garage-bot", "2002").await["messaging_feature_status"].clone();
    assert_eq!((&garage["msgr_multi_app"], &garage["hop_v2"]), (&json!(false), &json!(true)));
    // A default app that is not connected any more is none (MODE-4).
    let w = World::as_filed(Limits::default()).await;
    let gone = w.client.delete(w.url(&format!("/baton/v1/pages/2001/connections/{BOT}")));
    assert_eq!(w.send(gone.bearer_auth(crate::world::OPERATOR)).await.status, 204);
    let market = status(&w, "market-desk", "2001").await["messaging_feature_status"].clone();
    assert_eq!((&market["msgr_multi_app"], &market["hop_v2"]), (&json!(false), &json!(true)));
}

#[tokio::test]
async fn fs_2_instagram_has_conversation_routing_by_its_own_default_app() {
    let w = World::start().await;
    let flag =
        async || status(&w, "market-bot", "2001").await["messaging_feature_status"]["ig_multi_app"].clone();
    assert_eq!(flag().await, false, "Messenger's default app is not Instagram's");
    default_on_instagram(&w, Some(DESK)).await;
    assert_eq!(flag().await, true);
}

#[tokio::test]
async fn fs_4_three_booleans_and_the_id_always() {
    let w = World::start().await;
    for (token, node, id) in
        [("market-bot", "me", "2001"), ("market-bot", "2001", "2001"), ("garage-bot", "me", "2002")]
    {
        let body = status(&w, token, node).await;
        assert_eq!(body["id"], id, "{node}");
        let flags = body["messaging_feature_status"].as_object().unwrap();
        let names: Vec<&str> = flags.keys().map(String::as_str).collect();
        assert_eq!(names, ["hop_v2", "msgr_multi_app", "ig_multi_app"]);
        assert!(flags.values().all(Value::is_boolean), "{body}");
    }
}

#[tokio::test]
async fn fs_5_the_instagram_account_has_the_same_and_its_own_id() {
    let w = World::start().await;
    default_on_instagram(&w, Some(DESK)).await;
    let page = status(&w, "market-bot", "2001").await;
    let account = status(&w, "market-bot", ACCOUNT).await;
    assert_eq!(account["messaging_feature_status"], page["messaging_feature_status"]);
    assert_eq!((&account["id"], &page["id"]), (&json!(ACCOUNT), &json!("2001")));
}

#[tokio::test]
async fn own_8_an_owner_is_a_text_and_its_expiration_whole_seconds() {
    let w = World::start().await;
    w.writes("2002", "ann").await;
    let seen = w.read("garage-bot", "/me/thread_owner?recipient=ann").await;
    assert_eq!(seen.text, r#"{"data":[{"thread_owner":{"app_id":"111","expiration":1767312000}}]}"#);
    // An app that asked for numbers gets them (C-10); the object form of `recipient` is taken too.
    let seen = w.read("garage-desk", "/me/thread_owner?recipient=%7B%22id%22:%22ann%22%7D").await;
    assert_eq!(seen.text, r#"{"data":[{"thread_owner":{"app_id":111,"expiration":1767312000}}]}"#);
}

#[tokio::test]
async fn q_6_the_queue_is_the_operators_to_see_and_never_in_thread_owner() {
    let w = World::start().await;
    w.writes("2002", "ann").await;
    let request = json!({"recipient": {"id": "ann"}, "metadata": "me next"});
    assert_eq!(w.call("garage-desk", "/me/request_thread_control", request).await.status, 200);
    let waiting = json!([{"app_id": DESK, "at": "2026-01-01T00:00:00.000Z", "metadata": "me next"}]);
    assert_eq!(thread(&w, "2002", "ann").await["requests"], waiting);
    for token in ["garage-bot", "garage-desk"] {
        for path in ["/me/thread_owner?recipient=ann", "/me/conversations?fields=is_owner,requests,queue"] {
            let seen = w.read(token, path).await;
            assert_eq!(seen.status, 200, "{}", seen.text);
            assert!(!seen.text.contains("me next") && !seen.text.contains("requests"), "{}", seen.text);
        }
    }
}

#[tokio::test]
async fn set_3_settings_are_changed_by_operators_only() {
    let w = World::start().await;
    let before = w.get("/baton/v1/routing").await.text;
    for token in ["market-bot", "111|test_secret", "operator", ""] {
        for (method, path) in [
            ("PUT", "/routing"),
            ("POST", "/apps"),
            ("PATCH", "/apps/111"),
            ("DELETE", "/apps/111"),
            ("POST", "/pages"),
            ("PATCH", "/pages/2001"),
            ("DELETE", "/pages/2001"),
            ("PUT", "/pages/2001/connections/111"),
            ("DELETE", "/pages/2001/connections/111"),
            ("PUT", "/pages/2001/links/a"),
            ("DELETE", "/pages/2001/links/a"),
            ("PUT", "/pages/2001/ads/9001"),
            ("DELETE", "/pages/2001/ads/9001"),
            ("POST", "/pages/2001/connections/111/tokens"),
        ] {
            let url = w.url(&format!("/baton/v1{path}?access_token={token}"));
            let request = w.client.request(method.parse().unwrap(), url).bearer_auth(token);
            let reply = w.send(request.json(&json!({"name": "x"}))).await;
            assert_eq!(reply.status, 401, "{method} {path} with {token:?}: {}", reply.text);
        }
    }
    assert_eq!(w.get("/baton/v1/routing").await.text, before);
    // What the platform's own API has of settings is the calling app's, and no more: what it hears.
    let role = json!({"default_app_id": DESK, "take_control_allowed": true, "subscribed_fields": "messages"});
    assert_eq!(w.call("market-desk", "/me/subscribed_apps", role).await.status, 200);
    let page = w.get("/baton/v1/pages/2001").await.json();
    assert_eq!(page["messenger"]["default_app"], BOT);
}

/// Every control event of the Handover Protocol, as the apps got it: its name, and the whole webhook.
async fn control_events() -> Vec<(&'static str, Value)> {
    let (w, mut bot, mut desk) = with_receivers().await;
    w.writes("2002", "ann").await;
    let mut heard = Vec::new();
    let metadata = json!({"recipient": {"id": "ann"}, "target_app_id": DESK, "metadata": "m"});
    for (token, edge, event) in [
        ("garage-desk", "request_thread_control", "request_thread_control"),
        ("garage-bot", "pass_thread_metadata", "pass_thread_metadata"),
        ("garage-bot", "pass_thread_control", "pass_thread_control"),
        ("garage-bot", "take_thread_control", "take_thread_control"),
    ] {
        let reply = w.call(token, &format!("/me/{edge}"), metadata.clone()).await;
        assert_eq!(reply.status, 200, "{}", reply.text);
        let receiver = if token == "garage-desk" { &mut bot } else { &mut desk };
        loop {
            let webhook = receiver.next().await;
            if webhook.to_string().contains(&format!("\"{event}\"")) {
                heard.push((event, webhook));
                break;
            }
        }
    }
    heard
}

#[tokio::test]
async fn wh_1_wh_10_wh_11_a_control_event_stands_alone_in_messaging() {
    for (event, webhook) in control_events().await {
        let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
        assert_eq!(keys(&webhook), ["object", "entry"], "{webhook}");
        assert_eq!((&webhook["object"], webhook["entry"].as_array().unwrap().len()), (&json!("page"), 1));
        let entry = &webhook["entry"][0];
        assert_eq!(entry["id"], "2002");
        assert!(entry.get("standby").is_none() && entry.get("messaging_handovers").is_none(), "{webhook}");
        let items = entry["messaging"].as_array().unwrap();
        assert_eq!(items.len(), 1);
        assert_eq!(keys(&items[0]), ["sender", "recipient", "timestamp", event]);
    }
}

#[tokio::test]
async fn wh_3_wh_4_wh_5_who_when_and_which_apps_of_a_control_event() {
    for (event, webhook) in control_events().await {
        let entry = &webhook["entry"][0];
        let item = &entry["messaging"][0];
        assert_eq!((&item["sender"], &item["recipient"]), (&json!({"id": "ann"}), &json!({"id": "2002"})));
        // The clock stands: both times are its milliseconds.
        assert_eq!(
            (&item["timestamp"], &entry["time"]),
            (&json!(crate::world::START), &json!(crate::world::START))
        );
        let expected = match event {
            "request_thread_control" => json!({"requested_owner_app_id": DESK, "metadata": "m"}),
            "pass_thread_metadata" => json!({"sender_app_id": BOT, "metadata": "m"}),
            "pass_thread_control" => {
                json!({"previous_owner_app_id": BOT, "new_owner_app_id": DESK, "metadata": "m"})
            }
            _ => json!({"previous_owner_app_id": DESK, "new_owner_app_id": BOT, "metadata": "m"}),
        };
        assert_eq!(item[event], expected);
    }
}

#[tokio::test]
async fn wh_2_the_singular_spelling_subscribes_to_the_same_field() {
    let (w, _bot, mut desk) = with_receivers().await;
    let fields = json!({"subscribed_fields": ["messages", "messaging_handover", "messaging_referral"]});
    assert_eq!(w.call("garage-desk", "/me/subscribed_apps", fields).await.status, 200);
    let held = w.read("garage-desk", "/me/subscribed_apps").await.json();
    let plural = json!(["messages", "messaging_referrals", "messaging_handovers"]);
    assert_eq!(held["data"][0]["subscribed_fields"], plural);
    w.writes("2002", "ann").await;
    let pass = json!({"recipient": {"id": "ann"}, "target_app_id": DESK});
    assert_eq!(w.call("garage-bot", "/me/pass_thread_control", pass).await.status, 200);
    desk.next_with("messaging", "pass_thread_control").await;
}
