//! What a change of settings means for threads that are there: the MODE and SET rules from outside.

use baton_server::config::Limits;
use serde_json::{Value, json};

use crate::receiver::{Receiver, with_receivers};
use crate::world::{BOT, DESK, OPERATOR, ROUTING, Reply, World};

const TOML: &str = "application/toml";

async fn filed() -> World {
    World::as_filed(Limits::default()).await
}

async fn send(w: &World, method: &str, path: &str, body: Value) -> Reply {
    let request = w.client.request(method.parse().unwrap(), w.url(&format!("/baton/v1{path}")));
    w.send(request.bearer_auth(OPERATOR).json(&body)).await
}

async fn done(w: &World, method: &str, path: &str, body: Value) -> Value {
    let reply = send(w, method, path, body).await;
    assert!((200..300).contains(&reply.status), "{method} {path}: {}", reply.text);
    if reply.text.is_empty() { Value::Null } else { reply.json() }
}

async fn owner(w: &World, page: &str, person: &str) -> Value {
    w.get(&format!("/baton/v1/pages/{page}/threads/{person}")).await.json()["owner_app_id"].clone()
}

async fn pass(w: &World, token: &str, person: &str, to: &str) {
    let body = json!({"recipient": {"id": person}, "target_app_id": to});
    let reply = w.call(token, "/me/pass_thread_control", body).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
}

/// What `PUT /routing` would move, and what it then moves; both must be the same.
async fn moved(w: &World, routing: &str) -> Value {
    let dry = w.put("/baton/v1/routing?dry_run=true", TOML, routing).await;
    assert_eq!(dry.status, 200, "{}", dry.text);
    let put = w.put("/baton/v1/routing", TOML, routing).await;
    assert_eq!(put.status, 200, "{}", put.text);
    assert_eq!(dry.json()["threads_moved"], put.json()["threads_moved"]);
    put.json()["threads_moved"].clone()
}

/// The file, with the addresses of the receivers.
fn addressed(bot: &Receiver, desk: &Receiver) -> String {
    let with = |file: String, name: &str, url: &str| {
        file.replace(&format!("name = {name:?}\n"), &format!("name = {name:?}\nwebhook_url = {url:?}\n"))
    };
    with(with(ROUTING.to_owned(), "Sales bot", &bot.url), "Desk", &desk.url)
}

#[tokio::test]
async fn mode_1_the_mode_follows_from_the_settings_alone() {
    let w = filed().await;
    let rule = async |person: &str| w.writes("2002", person).await.json()["rule"].clone();
    assert_eq!(rule("ann").await, "HOP-MSG-1");
    done(&w, "PATCH", "/pages/2002", json!({"messenger": {"primary_receiver": null}})).await;
    assert_eq!(rule("bob").await, "HOP-MSG-2");
    done(&w, "PATCH", "/pages/2002", json!({"messenger": {"default_app": "inbox"}})).await;
    assert_eq!(rule("cleo").await, "MCR-MSG-1");
    // No call chooses it: what another mode has is refused whatever the call says.
    let take = json!({"recipient": {"id": "cleo"}, "mode": "HOP", "hop_v2": true});
    assert_eq!(w.call("garage-desk", "/me/take_thread_control", take).await.code().0, 100);
}

#[tokio::test]
async fn mode_2_the_first_default_app_subscribes_everybody_to_standby_and_later_ones_nobody() {
    let w = filed().await;
    let narrow = json!({"fields": ["messages"]});
    done(&w, "PUT", &format!("/pages/2002/connections/{DESK}"), narrow.clone()).await;
    let off = json!({"messenger": {"primary_receiver": null}});
    done(&w, "PATCH", "/pages/2002", off).await;
    let fields = async || {
        done(&w, "GET", &format!("/pages/2002/connections/{DESK}"), Value::Null).await["fields"].clone()
    };
    assert_eq!(fields().await, json!(["messages"]));
    done(&w, "PATCH", "/pages/2002", json!({"messenger": {"default_app": BOT}})).await;
    assert_eq!(fields().await, json!(["messages", "standby"]));
    done(&w, "PUT", &format!("/pages/2002/connections/{DESK}"), narrow).await;
    done(&w, "PATCH", "/pages/2002", json!({"messenger": {"default_app": null}})).await;
    done(&w, "PATCH", "/pages/2002", json!({"messenger": {"default_app": BOT}})).await;
    assert_eq!(fields().await, json!(["messages"]), "it was not the first");
}

#[tokio::test]
async fn mode_3_a_change_of_mode_tells_nobody_and_keeps_owners() {
    let (w, bot, mut desk) = with_receivers().await;
    let file = addressed(&bot, &desk);
    for person in ["ann", "bob", "cleo"] {
        w.writes("2002", person).await;
        desk.next_with("standby", "message").await;
    }
    pass(&w, "garage-bot", "ann", DESK).await;
    desk.next_with("messaging", "pass_thread_control").await;
    let release = json!({"recipient": {"id": "cleo"}});
    assert_eq!(w.call("garage-bot", "/me/release_thread_control", release).await.status, 200);
    let until = w.get("/baton/v1/pages/2002/threads/ann").await.json()["expires_at"].clone();
    // Bob's thread is the bot's, Cleo's nobody's: the desk is to be the default app.
    let routed = file.replace("primary_receiver = \"Sales bot\"", "default_app = \"Desk\"");
    assert_eq!(moved(&w, &routed).await, 1, "the idle one");
    assert_eq!(owner(&w, "2002", "ann").await, DESK);
    assert_eq!(owner(&w, "2002", "bob").await, BOT, "it keeps what it was given");
    assert_eq!(owner(&w, "2002", "cleo").await, DESK, "no thread is idle in Conversation Routing");
    let back = moved(&w, &file).await;
    assert_eq!(back, 1, "the idle one is nobody's again");
    let ann = w.get("/baton/v1/pages/2002/threads/ann").await.json();
    assert_eq!((&ann["owner_app_id"], &ann["expires_at"]), (&json!(DESK), &until));
    // Beside `app_roles`, what the desk hears next is what somebody says next.
    w.writes("2002", "ann").await;
    let next = loop {
        let webhook = desk.next().await;
        if webhook["entry"][0]["messaging"][0].get("app_roles").is_none() {
            break webhook;
        }
    };
    assert_eq!(next["entry"][0]["messaging"][0]["message"]["text"], "hello", "{next}");
}

#[tokio::test]
async fn mode_4_who_is_disconnected_while_it_owns_loses_the_thread_without_a_word() {
    let (w, mut bot, desk) = with_receivers().await;
    for page in ["2001", "2002"] {
        w.writes(page, "ann").await;
        bot.next_with("messaging", "message").await;
        pass(&w, if page == "2001" { "market-bot" } else { "garage-bot" }, "ann", DESK).await;
    }
    for page in ["2001", "2002"] {
        let path = format!("/pages/{page}/connections/{DESK}");
        done(&w, "DELETE", &path, Value::Null).await;
    }
    assert_eq!(owner(&w, "2001", "ann").await, BOT, "Conversation Routing: the default app");
    assert_eq!(owner(&w, "2002", "ann").await, Value::Null, "Handover: idle");
    let standing = w.writes("2002", "ann").await.json();
    assert_eq!((&standing["rule"], &standing["thread"]["owner_app_id"]), (&json!("HOP-MSG-1"), &json!(BOT)));
    let next = bot.next().await;
    assert_eq!(next["entry"][0]["messaging"][0]["message"]["text"], "hello", "{next}");
    // The same by the file: the connection that it does not name goes.
    w.writes("2001", "bob").await;
    let without =
        addressed(&bot, &desk).replace("    { app = \"Sales bot\", token = \"garage-bot\" },\n", "");
    let without = without.replace("messenger = { primary_receiver = \"Sales bot\" }\n", "");
    assert_eq!(moved(&w, &without).await, 1, "Ann's at Garage");
    assert_eq!(owner(&w, "2002", "ann").await, Value::Null);
    assert_eq!(w.writes("2002", "ann").await.json()["rule"], "HOP-MSG-2", "the primary receiver is gone");
}

#[tokio::test]
async fn mode_5_what_the_default_app_holds_is_the_present_default_apps() {
    let (w, bot, mut desk) = with_receivers().await;
    let file = addressed(&bot, &desk);
    for person in ["ann", "bob", "cleo"] {
        w.writes("2001", person).await;
        desk.next_with("standby", "message").await;
    }
    // Ann's is the bot's by fallback, Bob's by a pass, Cleo's is the desk's.
    pass(&w, "market-bot", "bob", DESK).await;
    pass(&w, "market-desk", "bob", BOT).await;
    pass(&w, "market-bot", "cleo", DESK).await;
    for _ in 0..2 {
        desk.next_with("messaging", "pass_thread_control").await;
    }
    let draft = file.replace("default_app = \"Sales bot\"", "default_app = \"Draft\"");
    assert_eq!(moved(&w, &draft).await, 2);
    assert_eq!(
        (owner(&w, "2001", "ann").await, owner(&w, "2001", "bob").await),
        (json!("333"), json!("333"))
    );
    assert_eq!(owner(&w, "2001", "cleo").await, DESK);
    let desks = file.replace("default_app = \"Sales bot\"", "default_app = \"Desk\"");
    assert_eq!(moved(&w, &desks).await, 2);
    assert_eq!(owner(&w, "2001", "bob").await, DESK);
    // Without a webhook: what the desk hears next is the next message.
    w.writes("2001", "ann").await;
    let next = desk.next().await;
    assert_eq!(next["entry"][0]["messaging"][0]["message"]["text"], "hello", "{next}");
}

#[tokio::test]
async fn mode_5_a_grant_of_an_old_connection_does_not_come_back() {
    let w = filed().await;
    for (page, token) in [("2001", "market-bot"), ("2002", "garage-bot")] {
        w.writes(page, "ann").await;
        pass(&w, token, "ann", DESK).await;
        let path = format!("/pages/{page}/connections/{DESK}");
        let kept = done(&w, "GET", &path, Value::Null).await;
        done(&w, "DELETE", &path, Value::Null).await;
        done(&w, "PUT", &path, kept).await;
    }
    assert_eq!(owner(&w, "2001", "ann").await, BOT);
    assert_eq!(owner(&w, "2002", "ann").await, Value::Null);
    // A change that leaves the connection there leaves its grants.
    pass(&w, "market-bot", "ann", DESK).await;
    done(&w, "PUT", &format!("/pages/2001/connections/{DESK}"), json!({"take_control": false})).await;
    assert_eq!(moved(&w, &ROUTING.replace("take_control = true", "take_control = false")).await, 0);
    assert_eq!(owner(&w, "2001", "ann").await, DESK);
}

#[tokio::test]
async fn set_1_set_2_set_4_what_a_call_refuses_changes_nothing() {
    let w = filed().await;
    let before = w.get("/baton/v1/routing").await.text;
    for (page, messenger, rule) in [
        ("2002", json!({"default_app": "Desk"}), "SET-2"),
        ("2001", json!({"primary_receiver": "Desk"}), "SET-2"),
        ("2002", json!({"primary_receiver": "inbox"}), "SET-2"),
        ("2002", json!({"organic_app": "Desk"}), "SET-4"),
    ] {
        let reply = send(&w, "PATCH", &format!("/pages/{page}"), json!({"messenger": messenger})).await;
        assert_eq!((reply.status, &reply.json()["rule"]), (409, &json!(rule)), "{}", reply.text);
    }
    for (method, path, body, rule) in [
        (
            "PATCH",
            "/pages/2001",
            json!({"messaging_enabled": false, "messenger": {"default_app": "Desk"}}),
            "SET-1",
        ),
        ("PUT", "/pages/2002/links/spring", json!({"app": "Desk"}), "SET-4"),
        ("POST", "/pages", json!({"name": "New", "messenger": {"default_app": "inbox"}}), "SET-1"),
        (
            "POST",
            "/pages",
            json!({"name": "New", "messenger": {"default_app": "Desk"}, "connections": [{"app": "Desk", "fields": ["standby"]}]}),
            "SET-1",
        ),
    ] {
        let reply = send(&w, method, path, body.clone()).await;
        assert_eq!((reply.status, &reply.json()["rule"]), (409, &json!(rule)), "{body}: {}", reply.text);
    }
    assert_eq!(w.get("/baton/v1/routing").await.text, before);
}

#[tokio::test]
async fn set_5_a_route_whose_app_is_not_connected_counts_as_unset() {
    let w = filed().await;
    done(&w, "PUT", "/pages/2001/links/spring", json!({"app": DESK})).await;
    done(&w, "PATCH", "/pages/2001", json!({"messenger": {"organic_app": DESK}})).await;
    let enters = async |person: &str, entry: Value| {
        let body = json!({"type": "message", "message": {"text": "x"}, "entry": entry});
        done(&w, "POST", &format!("/pages/2001/people/{person}/events"), body).await["rule"].clone()
    };
    let link = json!({"type": "link", "ref": "spring"});
    assert_eq!(enters("ann", link.clone()).await, "MCR-LINK-1");
    assert_eq!(enters("bob", json!({"type": "organic"})).await, "MCR-MSG-2");
    done(&w, "DELETE", &format!("/pages/2001/connections/{DESK}"), Value::Null).await;
    assert_eq!(enters("cleo", link.clone()).await, "MCR-LINK-3");
    assert_eq!(enters("dora", json!({"type": "organic"})).await, "MCR-MSG-1");
}

#[tokio::test]
async fn set_4_routes_from_before_are_kept_and_mean_nothing_without_a_default_app() {
    let w = filed().await;
    done(&w, "PUT", "/pages/2001/links/spring", json!({"app": DESK})).await;
    done(&w, "PATCH", "/pages/2001", json!({"messenger": {"default_app": null}})).await;
    let kept = done(&w, "GET", "/pages/2001/links/spring", Value::Null).await;
    assert_eq!(kept["app"], DESK);
    let entry =
        json!({"type": "message", "message": {"text": "x"}, "entry": {"type": "link", "ref": "spring"}});
    let entered = done(&w, "POST", "/pages/2001/people/ann/events", entry).await;
    assert_eq!((&entered["rule"], &entered["thread"]["state"]), (&json!("HOP-LINK-1"), &json!("idle")));
}
