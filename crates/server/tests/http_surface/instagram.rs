//! Instagram through the router, the engine and real receivers: the names that are its own, its errors, and a page
//! with both surfaces, each in its own mode.

use serde_json::{Value, json};

use crate::expect;
use crate::stage::{ACCOUNT, MARKET, Stage};
use crate::world::{self, BOT, DESK, OPERATOR, Reply, World};

/// The one event of a webhook of the account, by its channel.
fn event(whole: &Value, channel: &str) -> Value {
    assert_eq!(
        (&whole["object"], &whole["entry"][0]["id"]),
        (&json!("instagram"), &json!(ACCOUNT)),
        "{whole}"
    );
    let event = whole["entry"][0][channel][0].clone();
    assert!(event.is_object(), "not in {channel}: {whole}");
    event
}

#[tokio::test]
async fn messages_and_referrals_have_instagrams_names() {
    let mut s = Stage::on_instagram("default_app = \"Sales bot\"").await;
    let by_ad =
        json!({"type": "message", "message": {"text": "buns?"}, "entry": {"type": "ad", "ad_id": "7001"}});
    assert_eq!(s.ann(by_ad).await["rule"], "ICR-AD-1");
    assert!(event(&s.market.next().await, "messaging")["pass_thread_control"].is_object());
    let said = event(&s.market.next().await, "messaging");
    assert_eq!(said["message"]["referral"]["ad_id"], "7001");
    assert!(said["message"]["mid"].as_str().unwrap().starts_with("aWdf"), "{said}");
    assert_eq!(event(&s.bot.next().await, "standby")["message"]["referral"]["source"], "ADS");
}

#[tokio::test]
async fn who_has_control_is_told_as_far_as_the_caller_may_know() {
    let s = Stage::on_instagram("default_app = \"Sales bot\"").await;
    s.writes().await;
    let whole = json!({"data": [{"thread_owner": {"app_id": BOT, "expiration": 1_767_312_000}}]});
    assert_eq!(s.owner("bot").await, whole, "OWN-1");
    let until = json!({"data": [{"thread_owner": {"expiration": 1_767_312_000}}]});
    assert_eq!(s.owner("desk").await, until, "OWN-2");
    s.later("24h").await;
    assert_eq!(s.owner("bot").await, json!({"data": []}), "OWN-3");
    expect!(s.says("desk").await, 400, "it's not the thread owner", "No app controls this conversation");

    let s = Stage::set("", "", "", "").await;
    s.writes().await;
    expect!(s.call("bot", "request_thread_control", json!({})).await, 200, "true");
    assert_eq!(s.owner("desk").await, until, "OWN-7");
}

#[tokio::test]
async fn without_a_default_app_instagram_has_errors_of_its_own() {
    let s = Stage::set("", "", "", "").await;
    s.writes().await;
    assert_eq!(s.call("desk", "take_thread_control", json!({})).await.code(), (27, None), "E-TAKE-OFF");
    expect!(s.call("bot", "request_thread_control", json!({})).await, 200, "true");
    assert_eq!(s.says("desk").await.code(), (100, Some(2_534_037)), "ZC-SEND-3");
    let both = json!({"message": {"text": "hi"}, "thread_control": {"control_type": "release"}});
    expect!(s.call("bot", "messages", both).await, 400, "thread_control is only available", "100");
    expect!(s.call("bot", "release_thread_control", json!({})).await, 200, "true");
    assert_eq!(s.call("bot", "release_thread_control", json!({})).await.code(), (100, Some(2_534_037)));
    let metadata = json!({"target_app_id": DESK, "metadata": "x"});
    expect!(s.call("bot", "pass_thread_metadata", metadata).await, 400, "100", "Handover Protocol");
}

#[tokio::test]
async fn take_release_and_the_inbox_in_conversation_routing() {
    let mut s = Stage::set("", ", default_app = \"Sales bot\"", ", take_control = true", "").await;
    s.writes().await;
    s.bot.next().await;
    assert_eq!(s.call("market", "take_thread_control", json!({})).await.code(), (10, None), "ICR-TAKE-3");
    let taken = s.call("desk", "take_thread_control", json!({"metadata": "mine"})).await;
    assert_eq!(
        taken.json(),
        json!({"success": true}),
        "no owner in the answer, unlike the Handover Protocol"
    );
    let control = json!({"previous_owner_app_id": BOT, "new_owner_app_id": DESK, "metadata": "mine"});
    assert_eq!(event(&s.bot.next().await, "messaging")["take_thread_control"], control, "WH-TAKE-1");
    expect!(s.call("desk", "release_thread_control", json!({})).await, 200, "true");

    let inbox = format!("/baton/v1/pages/{ACCOUNT}/threads/ann/inbox");
    let reply = s.w.post(&inbox, json!({"action": "reply", "text": "a person"})).await.json();
    assert_eq!(reply["rule"], "ICR-INBOX-2");
    assert_eq!(s.thread().await.0, "1217981644879628");
    let echo = event(&s.bot.next().await, "standby");
    assert_eq!(echo["message"]["app_id"], json!(1_217_981_644_879_628_u64), "told of no take: it was idle");
    expect!(
        s.w.read("bot", "/me/conversations?platform=instagram&fields=is_owner").await,
        200,
        "\"is_owner\":false"
    );
}

#[tokio::test]
async fn fields_have_instagrams_names() {
    let mut s = Stage::on_instagram("default_app = \"Sales bot\"").await;
    let heard = |answer: &Value| answer["notices"][0]["event"].as_str().unwrap_or_default().to_owned();
    assert_eq!(heard(&s.writes().await), "messages");
    let seen = s.ann(json!({"type": "read", "read": {"mid": "aWdfx"}})).await;
    assert_eq!((heard(&seen).as_str(), &seen["rule"]), ("messaging_seen", &json!("SB-1")));
    s.bot.next().await;
    // Only who listens to the field hears it; Instagram's spelling of it is accepted.
    let fields = json!({"subscribed_fields": ["messages", "messaging_seen", "messaging_referral"]});
    expect!(s.w.call("bot", "/me/subscribed_apps", fields).await, 200, "true");
    s.ann(json!({"type": "read", "read": {"mid": "aWdfy"}})).await;
    assert_eq!(event(&s.bot.next().await, "messaging")["read"], json!({"mid": "aWdfy"}));
    s.ann(json!({"type": "referral", "entry": {"type": "link", "ref": "spring"}})).await;
    let referral = event(&s.bot.next().await, "messaging")["referral"].clone();
    assert_eq!(referral, json!({"ref": "spring", "source": "IGME-SOURCE-LINK", "type": "OPEN_THREAD"}));
    // Echoes are of the field `messages`.
    expect!(s.says("bot").await, 200, "aWdf");
    assert_eq!(event(&s.bot.next().await, "messaging")["message"]["is_echo"], json!(true));
    let path = format!("/baton/v1/pages/{ACCOUNT}/people/ann/events");
    let delivery = json!({"type": "delivery", "delivery": {"mids": ["aWdfx"]}});
    expect!(s.w.post(&path, delivery).await, 400, "no delivery on Instagram", "/type");
}

#[tokio::test]
async fn each_surface_of_a_page_is_in_its_own_mode() {
    let messenger = "default_app = \"Sales bot\", profile = \"2025\"";
    let instagram = ", profile = \"legacy\", primary_receiver = \"Desk\"";
    let mut s = Stage::set(messenger, instagram, "", "").await;
    let on_messenger = s.w.writes("3001", "ann").await.json();
    assert_eq!((&on_messenger["rule"], &on_messenger["via"]), (&json!("M25-1"), &json!("ICR-MSG-1")));
    assert_eq!(s.writes().await["rule"], "HOP-MSG-1");
    let first = s.bot.next().await;
    assert_eq!((&first["object"], &first["entry"][0]["id"]), (&json!("page"), &json!("3001")), "{first}");
    assert!(event(&s.bot.next().await, "standby")["message"].is_object());
    let status = s.w.read("bot", "/me?fields=messaging_feature_status").await.json();
    let expected = json!({"hop_v2": false, "msgr_multi_app": true, "ig_multi_app": false});
    assert_eq!(status["messaging_feature_status"], expected, "FS-1 to FS-3");

    // Messenger by the page of 2025: its errors, idle after a release, no request.
    let page = |edge: &str| format!("/3001/{edge}");
    let about = json!({"recipient": {"id": "ann"}});
    let send = json!({"recipient": {"id": "ann"}, "message": {"text": "hi"}});
    assert_eq!(s.w.call("desk", &page("messages"), send).await.code(), (10, Some(2_018_300)));
    assert_eq!(s.w.call("desk", &page("request_thread_control"), about.clone()).await.code(), (27, None));
    expect!(s.w.call("bot", &page("release_thread_control"), about.clone()).await, 200, "true");
    let owner = s.w.read("bot", &page("thread_owner?recipient=ann")).await;
    assert_eq!(owner.json(), json!({"data": []}));

    // The Handover Protocol on Instagram: roles, and its own errors.
    assert_eq!(s.says("bot").await.code(), (10, Some(2_018_300)), "C-8");
    assert_eq!(s.call("bot", "take_thread_control", json!({})).await.code(), (10, None), "HOP-TAKE-3");
    let roles = s.w.read("desk", &format!("/{ACCOUNT}/secondary_receivers?fields=id")).await.json();
    assert_eq!(roles, json!({"data": [{"id": BOT}, {"id": MARKET}, {"id": "1217981644879628"}]}));
}

#[tokio::test]
async fn profile_2026_has_no_request_and_the_rest_of_conversation_routing() {
    let s = Stage::on_instagram("default_app = \"Sales bot\", profile = \"2026\"").await;
    s.writes().await;
    assert_eq!(s.call("desk", "request_thread_control", json!({})).await.code(), (27, None), "ICR-REQ-4");
    let passed = s.call("bot", "pass_thread_control", json!({"target_app_id": DESK})).await;
    assert_eq!(passed.json(), json!({"success": true}));
    let status = s.w.read("bot", &format!("/{ACCOUNT}?fields=messaging_feature_status")).await.json();
    assert_eq!(status["messaging_feature_status"]["ig_multi_app"], json!(true), "FS-2, FS-5");
}

#[tokio::test]
async fn standby_and_permissions_are_each_surfaces_own() {
    let desk = ", standby = { messenger = true, instagram = false }";
    let market = ", permissions = [\"pages_messaging\"]";
    let default = "default_app = \"Sales bot\"";
    let mut s = Stage::set(default, &format!(", {default}"), desk, market).await;
    let told = |answer: &Value| -> Vec<String> {
        let notices = answer["notices"].as_array().unwrap().iter();
        notices.map(|notice| notice["app_id"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(told(&s.writes().await), [BOT], "API-13: who may not is not connected there");
    assert_eq!(told(&s.w.writes("3001", "bea").await.json()), [BOT, DESK, MARKET]);
    assert_eq!(s.says("market").await.code(), (200, None), "E-PERM");
    assert_eq!(event(&s.bot.next().await, "messaging")["message"]["text"], "hello");
    assert_eq!(s.desk.next().await["object"], "page");
}

/// The rules and places that an operator is warned of.
async fn warned(s: &Stage, file: &str) -> Vec<(String, String)> {
    let put = s.w.put("/baton/v1/routing", "application/toml", file).await;
    assert_eq!(put.status, 200, "{}", put.text);
    let text = |warning: &Value, key: &str| warning[key].as_str().unwrap_or_default().to_owned();
    let put = put.json();
    let all = put["warnings"].as_array().unwrap().iter();
    all.map(|warning| (text(warning, "rule"), text(warning, "pointer"))).collect()
}

#[tokio::test]
async fn recommended_practice_is_for_both_sides_of_a_page() {
    let s = Stage::on_instagram("default_app = \"Sales bot\"").await;
    let file = r#"
        apps = [{ name = "One" }, { id = "502", name = "People", human_agent = true }]
        [[pages]]
        id = "5001"
        name = "Kiosk"
        messenger.default_app = "One"
        instagram = { id = "17841400005001", username = "kiosk" }
        [[pages.connections]]
        app = "One"
        [[pages.connections]]
        app = "People"
        fields = ["messages", "messaging_referrals", "messaging_handovers", "messaging_postbacks"]
        standby = { messenger = true, instagram = false }
    "#;
    let kiosk: Vec<_> =
        warned(&s, file).await.into_iter().filter(|(_, place)| place.contains("/5001")).collect();
    let place = |rule: &str, rest: &str| (rule.to_owned(), format!("/pages/5001/{rest}"));
    let expected = [
        place("CHK-1", "connections/502/fields"),
        place("CHK-4", "connections/502/standby"),
        place("CHK-5", "instagram"),
    ];
    assert_eq!(kiosk, expected, "what a connection has for both sides is told once");

    s.writes().await;
    expect!(s.call("bot", "extend_thread_control", json!({"duration": 604_800})).await, 200, "true");
    expect!(s.call("desk", "request_thread_control", json!({})).await, 200, "true");
    s.later("25h").await;
    let waits = ("CHK-6".to_owned(), format!("/pages/{ACCOUNT}/threads/ann"));
    assert!(warned(&s, file).await.contains(&waits));
}

#[tokio::test]
async fn the_accounts_settings_are_changed_one_by_one() {
    let s = Stage::on_instagram("default_app = \"Sales bot\"").await;
    let send = async |method: &str, path: &str, body: Value| -> Reply {
        let request =
            s.w.client.request(method.parse().unwrap(), s.w.url(&format!("/baton/v1/pages/{path}")));
        s.w.send(request.bearer_auth(OPERATOR).json(&body)).await
    };
    let link = send("PUT", &format!("{ACCOUNT}/links/spring"), json!({"app": "Desk"})).await;
    expect!(&link, 201, "\"on\":\"instagram\"");
    let ad = send("PUT", &format!("{ACCOUNT}/ads/7002"), json!({"name": "Pie"})).await;
    expect!(&ad, 201, "\"on\":\"instagram\"");
    let by_link =
        json!({"type": "message", "message": {"text": "hi"}, "entry": {"type": "link", "ref": "spring"}});
    assert_eq!(s.ann(by_link.clone()).await["rule"], "ICR-LINK-1");
    let on_messenger = s.w.post("/baton/v1/pages/3001/people/ann/events", by_link).await.json();
    assert_eq!(on_messenger["rule"], "HOP-LINK-1", "the link is one surface's: {on_messenger}");

    let change = json!({"instagram": {"default_app": "Desk", "ad_max_days": 10}});
    let changed = send("PATCH", "3001", change).await;
    assert_eq!(changed.status, 200, "{}", changed.text);
    let account = json!({"id": ACCOUNT, "username": "bakery", "default_app": DESK, "ad_max_days": 10, "ad_window_days": 1});
    assert_eq!(changed.json()["instagram"], account);
    // MODE-4: with its default app the account leaves Conversation Routing; the route stays and has no effect.
    let gone = send("DELETE", &format!("3001/connections/{DESK}"), Value::Null).await;
    assert_eq!(gone.status, 204, "{}", gone.text);
    assert_eq!(s.writes().await["rule"], "ZC-MSG-1");
    let page = s.w.get("/baton/v1/pages/3001").await.json();
    assert!(page["instagram"].get("default_app").is_none(), "{page}");

    let unlinked = send("PATCH", "3001", json!({"instagram": null, "links": [], "ads": []})).await;
    assert_eq!(unlinked.status, 200, "{}", unlinked.text);
    let unknown = s.w.get(&format!("/baton/v1/pages/{ACCOUNT}/threads")).await;
    assert_eq!(unknown.slug(), "unknown-page", "{}", unknown.text);
}

#[tokio::test]
async fn templates_are_taken_on_instagram_as_on_messenger() {
    let w = World::start().await;
    w.writes(world::ACCOUNT, "iggy").await;
    let button = json!({"type": "phone_number", "title": "Call", "payload": "+15105551234"});
    for payload in [
        json!({"template_type": "button", "text": "Well?", "buttons": [button]}),
        json!({"template_type": "coupon", "title": "t", "coupon_code": "SPRING"}),
    ] {
        let message = json!({"attachment": {"type": "template", "payload": payload}});
        let body = json!({"recipient": {"id": "iggy"}, "message": message});
        let sent = w.call("market-bot", &format!("/{}/messages", world::ACCOUNT), body).await;
        assert_eq!(sent.status, 200, "{}", sent.text);
    }
}
