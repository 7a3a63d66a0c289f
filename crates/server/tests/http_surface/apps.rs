//! The Graph API's other edges: receivers, subscriptions, sender actions, conversations.

use serde_json::{Value, json};

use crate::expect;
use crate::receiver::Receiver;
use crate::world::{ACCOUNT, DESK, Reply, World};

fn ids(reply: &Reply) -> Vec<String> {
    assert_eq!(reply.status, 200, "{}", reply.text);
    let data = reply.json()["data"].as_array().unwrap().clone();
    data.iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn secondary_receivers_are_the_primarys_to_see() {
    let w = World::start().await;
    let all = w.read("garage-bot", "/v19.0/me/secondary_receivers").await;
    assert_eq!(
        all.json(),
        json!({"data": [
            {"id": "222", "name": "Desk", "link": "http://baton.test/222"},
            {"id": "333", "name": "Draft", "link": "http://baton.test/333"},
            {"id": "263902037430900", "name": "Page Inbox", "link": "http://baton.test/263902037430900"},
        ]})
    );
    let names = w.read("garage-bot", "/2002/secondary_receivers?fields=id,name").await;
    assert_eq!(names.json()["data"][0], json!({"id": "222", "name": "Desk"}));
    let desk = w.read("garage-desk", "/me/secondary_receivers").await;
    assert_eq!(desk.code(), (10, Some(2_018_234)), "E-SECVIS: {}", desk.text);
    let routed = w.read("market-bot", "/me/secondary_receivers").await;
    expect!(routed, 400, "Handover Protocol APIs disabled for this page");
    let instagram = w.read("market-bot", &format!("/{ACCOUNT}/secondary_receivers")).await;
    assert_eq!(instagram.code(), (10, Some(2_018_171)), "E-ROLE: {}", instagram.text);
    // API-12: the call needs MODERATE.
    expect!(w.read("garage-draft", "/me/secondary_receivers").await, 400, "\"code\":200", "MODERATE");
    assert_eq!(w.call("garage-bot", "/me/secondary_receivers", json!({})).await.code(), (100, Some(33)));
}

#[tokio::test]
async fn an_app_says_itself_what_it_hears() {
    let w = World::start().await;
    let fields = async |token: &str| {
        let list = w.read(token, "/me/subscribed_apps").await.json();
        list["data"][0]["subscribed_fields"].clone()
    };
    let usual = fields("garage-desk").await;
    assert!(usual.as_array().unwrap().contains(&json!("standby")), "{usual}");
    // Without fields, as fbmessenger does it, what is there stays.
    assert_eq!(w.call("garage-desk", "/me/subscribed_apps", json!({})).await.text, r#"{"success":true}"#);
    assert_eq!(fields("garage-desk").await, usual);
    // The token in the body beside an array, as the Ruby library has it; what no webhook here has is kept.
    let body = json!({"access_token": "garage-desk", "subscribed_fields": ["messages", "messaging_handover", "feed"]});
    let reply = w.send(w.client.post(w.url("/me/subscribed_apps")).json(&body)).await;
    assert_eq!((reply.status, reply.text.as_str()), (200, r#"{"success":true}"#));
    let whole = w.read("garage-desk", "/v25.0/2002/subscribed_apps").await.json();
    let desk = json!({"category": "Business", "link": "http://baton.test/222", "name": "Desk", "id": "222",
        "subscribed_fields": ["messages", "messaging_handovers", "feed"]});
    assert_eq!(whole, json!({"data": [desk]}));
    let routing = w.get("/baton/v1/routing").await.json();
    let connections = routing["pages"][1]["connections"].as_array().unwrap().clone();
    let held = |app: &str| connections.iter().find(|one| one["app"] == app).unwrap()["fields"].clone();
    assert_eq!(held(DESK), json!(["messages", "messaging_handovers", "feed"]));
    assert_eq!(held("111"), usual, "the others hear what they heard");
    // It means what happens next: without `standby` the desk overhears nothing.
    let event = w.writes("2002", "ann").await.json();
    let heard = |event: &Value, app: &str| {
        event["notices"].as_array().unwrap().iter().any(|notice| notice["app_id"] == app)
    };
    assert!(heard(&event, "111") && !heard(&event, DESK), "{event}");

    let form = w.with_token("/me/subscribed_apps?method=delete", "garage-desk");
    assert_eq!(w.send(w.client.post(form)).await.text, r#"{"success":true}"#);
    assert_eq!(w.read("garage-desk", "/me/subscribed_apps").await.text, r#"{"data":[]}"#);
    w.call("garage-desk", "/me/subscribed_apps?subscribed_fields=messages,%20standby", json!({})).await;
    assert_eq!(fields("garage-desk").await, json!(["messages", "standby"]));
    assert_eq!(
        w.send(w.client.delete(w.with_token("/me/subscribed_apps", "garage-desk"))).await.text,
        r#"{"success":true}"#
    );
    w.call("garage-desk", "/me/subscribed_apps", json!({})).await;
    assert_eq!(fields("garage-desk").await, usual, "nothing was left: the usual ones");
    // The call wants the permission of the surface, and no task.
    assert_eq!(w.read("garage-draft", "/me/subscribed_apps").await.status, 200);
    let unpermitted = w.read("garage-draft", &format!("/{ACCOUNT}/subscribed_apps")).await;
    assert_eq!(unpermitted.code(), (100, Some(33)), "{}", unpermitted.text);
}

#[tokio::test]
async fn an_app_sets_its_address_with_its_own_token() {
    let w = World::delivering().await;
    let mut hook = Receiver::start("let me in").await;
    let app = "111%7Ctest_secret";
    assert_eq!(w.read(app, "/v19.0/111/subscriptions").await.text, r#"{"data":[]}"#);
    let body = |url: &str, token: &str| json!({"object": "page", "callback_url": url, "verify_token": token, "fields": "messages, messaging_postbacks"});
    let wrong = w.call(app, "/111/subscriptions", body(&hook.url, "guess")).await;
    expect!(&wrong, 400, "(#2200) Callback verification failed with the following errors: ");
    assert_eq!(wrong.code(), (2200, None));
    assert!(!wrong.text.contains("guess"), "{}", wrong.text);
    assert_eq!(w.read(app, "/111/subscriptions").await.text, r#"{"data":[]}"#, "nothing changed");

    let set = w.call(app, "/v19.0/111/subscriptions", body(&hook.url, "let me in")).await;
    assert_eq!((set.status, set.text.as_str()), (200, r#"{"success":true}"#));
    let held = w.read(app, "/111/subscriptions").await.json();
    let fields = json!([{"name": "messages", "version": "v25.0"}, {"name": "messaging_postbacks", "version": "v25.0"}]);
    let one =
        |object: &str| json!({"object": object, "callback_url": hook.url, "active": true, "fields": fields});
    assert_eq!(held, json!({"data": [one("page"), one("instagram")]}));
    // A page that is subscribed to without fields gets the app's own; webhooks come from now on.
    w.call("garage-bot", "/me/subscribed_apps", json!({})).await;
    let page = w.read("garage-bot", "/me/subscribed_apps").await.json();
    assert_eq!(page["data"][0]["subscribed_fields"], json!(["messages", "messaging_postbacks"]));
    w.writes("2002", "ann").await;
    assert_eq!(hook.next().await["entry"][0]["messaging"][0]["message"]["text"], "hello");

    // The routing file keeps what it does not have.
    assert_eq!(w.put("/baton/v1/routing", "application/json", r#"{"apps": []}"#).await.status, 200);
    assert_eq!(w.read(app, "/111/subscriptions").await.json(), held);
    let some =
        w.send(w.client.delete(w.with_token("/111/subscriptions?object=page&fields=messages", app))).await;
    assert_eq!(some.text, r#"{"success":true}"#);
    let left = w.read(app, "/111/subscriptions").await.json();
    assert_eq!(left["data"][0]["fields"], json!([{"name": "messaging_postbacks", "version": "v25.0"}]));
    w.send(w.client.delete(w.with_token("/111/subscriptions", app))).await;
    assert_eq!(w.read(app, "/111/subscriptions").await.text, r#"{"data":[]}"#);
}

#[tokio::test]
async fn an_app_token_is_for_its_app_alone() {
    let w = World::start().await;
    for token in ["111%7Cwrong", "111%7C", "%7C", "999%7Ctest_secret", "222%7Ctest_secret"] {
        assert_eq!(w.read(token, "/111/subscriptions").await.code(), (190, None), "{token}");
    }
    // A page access token may look like one.
    let routing = crate::world::ROUTING.replace("token = \"garage-desk\"", "token = \"111|test_secret?\"");
    assert_eq!(w.put("/baton/v1/routing", "application/toml", &routing).await.status, 200);
    assert_eq!(w.read("111%7Ctest_secret?", "/me").await.json()["name"], "Garage");
    let app = "111|test_secret";
    assert_eq!(w.read(app, "/222/subscriptions").await.code(), (100, Some(33)));
    assert_eq!(w.read(app, "/me/subscriptions").await.code(), (2500, None));
    assert_eq!(w.read(app, "/2001/thread_owner?recipient=ann").await.code(), (100, Some(33)));
    assert_eq!(w.read("market-bot", "/111/subscriptions").await.code(), (100, Some(33)));
    let itself = json!({"name": "Sales bot", "link": "http://baton.test/111", "id": "111"});
    // A proof of some other token is ignored beside it.
    assert_eq!(w.read(app, "/v19.0/111?appsecret_proof=00").await.json(), itself);
    for (body, part) in [
        (json!({}), "object is required"),
        (json!({"object": "user"}), "must be one of {page, instagram}"),
        (json!({"object": "page", "verify_token": "t"}), "callback_url is required"),
        (json!({"object": "page", "callback_url": "http://x/"}), "verify_token is required"),
        (json!({"object": "page", "callback_url": "ftp://x/", "verify_token": "t"}), "must start with http"),
        (json!({"object": "page", "callback_url": "hook", "verify_token": "t"}), "must be an address"),
    ] {
        expect!(w.call(app, "/111/subscriptions", body).await, 400, part, "\"code\":100");
    }
    let of = |token: &str| format!("/debug_token?input_token={token}");
    let data = w.read(app, &of("market-bot")).await.json()["data"].clone();
    assert_eq!(
        (&data["is_valid"], &data["app_id"], &data["profile_id"]),
        (&json!(true), &json!("111"), &json!("2001"))
    );
    for other in ["market-desk", "nonsense"] {
        let data = w.read(app, &of(other)).await.json()["data"].clone();
        assert_eq!((&data["is_valid"], data.get("app_id")), (&json!(false), None), "{other}");
    }
    assert_eq!(w.read(app, "/debug_token").await.code(), (100, None));
}

#[tokio::test]
async fn a_sender_action_is_the_owners_and_leaves_no_trace() {
    let w = World::start().await;
    w.writes("2001", "ann").await;
    let before = w.get("/baton/v1/pages/2001/threads/ann/history").await.text;
    let activity = w.get("/baton/v1/activity").await.text;
    let action = |name: &str| json!({"recipient": {"id": "ann"}, "sender_action": name, "message": null});
    for name in ["typing_on", "TYPING_OFF", "mark_seen"] {
        let reply = w.call("market-bot", "/me/messages", action(name)).await;
        assert_eq!((reply.status, reply.text.as_str()), (200, r#"{"recipient_id":"ann"}"#), "{name}");
    }
    let refused = w.call("market-draft", "/me/messages", action("typing_on")).await;
    assert_eq!(refused.code(), (200, Some(2_018_028)), "API-14: {}", refused.text);
    w.writes("2002", "ann").await;
    let other = w.call("garage-desk", "/me/messages", action("typing_on")).await;
    assert_eq!(other.code(), (10, Some(2_018_300)), "{}", other.text);
    let nobody = json!({"recipient": {"id": "nobody"}, "sender_action": "typing_on"});
    assert_eq!(w.call("market-bot", "/me/messages", nobody).await.code(), (100, Some(2_018_001)));
    expect!(
        w.call("market-bot", "/me/messages", action("react")).await,
        400,
        "The parameter payload is required"
    );
    // The desk would take control by sending; by typing it does not.
    assert_eq!(w.call("market-desk", "/me/messages", action("typing_on")).await.status, 200);
    assert_eq!(w.get("/baton/v1/pages/2001/threads/ann/history").await.text, before);
    let now = w.get("/baton/v1/activity").await.json()["data"].as_array().unwrap().clone();
    let kinds: Vec<&Value> =
        now.iter().filter(|line| line["page_id"] == "2001").map(|line| &line["event"]).collect();
    assert_eq!(kinds, ["decision"], "as before: {activity}");
    let garage = w.get("/baton/v1/pages/2002/threads/ann/history").await.text;
    assert!(!garage.contains("\"code\":10"), "a refusal of an action is no history: {garage}");
}

#[tokio::test]
async fn conversations_come_newest_first_in_pages() {
    let w = World::start().await;
    assert_eq!(w.read("market-bot", "/me/conversations").await.text, r#"{"data":[]}"#);
    for person in ["ann", "ben", "cem"] {
        w.writes("2001", person).await;
        w.post("/baton/v1/clock", json!({"advance": "1s"})).await;
    }
    w.writes(ACCOUNT, "iggy").await;
    let thread = baton_rules::ThreadKey {
        page: "2001".parse().unwrap(),
        surface: baton_rules::Surface::Messenger,
        person: "cem".parse().unwrap(),
    };
    let known = baton_store::Person { name: Some("Cem K.".to_owned()), ..baton_store::Person::default() };
    w.engine.keep_person(&thread, known).await.unwrap();
    let all =
        w.read("market-bot", "/v19.0/me/conversations?fields=id,updated_time,is_owner,participants").await;
    let list = all.json();
    let first = &list["data"][0];
    assert!(first["id"].as_str().unwrap().starts_with("t_"), "{first}");
    assert_eq!(first["updated_time"], "2026-01-01T00:00:02+0000");
    assert_eq!(first["is_owner"], true);
    assert_eq!(
        first["participants"]["data"],
        json!([
            {"name": "Cem K.", "email": "cem@facebook.com", "id": "cem"},
            {"name": "Market", "email": "2001@facebook.com", "id": "2001"},
        ])
    );
    let people: Vec<&Value> =
        list["data"].as_array().unwrap().iter().map(|one| &one["participants"]["data"][0]["id"]).collect();
    assert_eq!(people, ["cem", "ben", "ann"]);
    assert!(list["paging"].get("next").is_none() && list["paging"]["cursors"]["after"].is_string(), "{list}");
    // By pages, and the same ids.
    let mut walked = Vec::new();
    let mut next =
        Some(w.with_token("/me/conversations?platform=messenger&limit=1&fields=is_owner", "market-bot"));
    while let Some(url) = next.take() {
        let part = w.send(w.client.get(url.replace("http://baton.test", &w.base))).await;
        walked.extend(ids(&part));
        let following = part.json()["paging"]["next"].as_str().map(str::to_owned);
        assert!(following.as_ref().is_none_or(|url| url.starts_with("http://baton.test/v25.0/2001/conversations?access_token=")));
        next = following;
    }
    assert_eq!(walked, ids(&all));
    let one = w.read("market-desk", "/2001/conversations?user_id=ben&fields=is_owner").await;
    assert_eq!(one.json()["data"], json!([{"id": walked[1], "is_owner": false}]));
    // Only when asked for, and only in Conversation Routing.
    let plain = w.read("market-bot", "/me/conversations?limit=1").await.json();
    let keys: Vec<&String> = plain["data"][0].as_object().unwrap().keys().collect();
    assert_eq!(keys, ["id", "link", "updated_time"]);
    w.writes("2002", "ann").await;
    let garage = w.read("garage-bot", "/me/conversations?fields=is_owner,id").await;
    assert!(garage.json()["data"][0].get("is_owner").is_none(), "{}", garage.text);
    for path in [
        "/me/conversations?platform=instagram&fields=participants".to_owned(),
        format!("/{ACCOUNT}/conversations?fields=participants"),
    ] {
        let reply = w.read("market-bot", &path).await.json();
        assert_eq!(
            reply["data"][0]["participants"]["data"],
            json!([{"username": "iggy", "id": "iggy"}, {"username": "market", "id": ACCOUNT}])
        );
    }
    for (path, part) in [
        ("/me/conversations?platform=telegraph", "platform must be messenger or instagram"),
        ("/me/conversations?limit=0", "limit must be a positive number"),
        ("/me/conversations?after=x", "after must be a cursor"),
        ("/me/conversations?before=x", "before must be a cursor"),
    ] {
        expect!(w.read("market-bot", path).await, 400, part, "\"code\":100");
    }
    expect!(w.read("garage-bot", "/me/conversations?platform=instagram").await, 400, "no Instagram account");
}
