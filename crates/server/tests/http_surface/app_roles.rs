//! HOP-ROLE-1, WH-ROLE-1, WH-ROLE-2, through the router, the engine and receivers: a change of settings that
//! changes an app's role in the Handover Protocol is told to that app, and shown to whoever made it.

use serde_json::{Value, json};

use crate::receiver::{Receiver, change};
use crate::world::{BOT, DESK, OPERATOR, ROUTING, Reply, START, World};

async fn world() -> (World, Receiver, Receiver) {
    let w = World::delivering().await;
    let (bot, desk) = (Receiver::start("").await, Receiver::start("").await);
    for (app, receiver) in [(BOT, &bot), (DESK, &desk)] {
        let url = receiver.url.clone();
        change(&w, app, move |app| (app.webhook_url, app.verified) = (Some(url.clone()), true)).await;
    }
    (w, bot, desk)
}

async fn patch(w: &World, page: &str, body: Value) -> Reply {
    let url = w.url(&format!("/baton/v1/pages/{page}"));
    let reply = w.send(w.client.patch(url).bearer_auth(OPERATOR).json(&body)).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    reply
}

/// The webhook by which an app hears of its role.
fn told(page: &str, app: &str, roles: &[&str]) -> Value {
    let item = json!({"recipient": {"id": page}, "timestamp": START, "app_roles": {app: roles}});
    json!({"object": "page", "entry": [{"id": page, "time": START, "messaging": [item]}]})
}

/// What the newest changes of settings said to apps.
async fn shown(w: &World) -> Vec<Value> {
    let activity = w.get("/baton/v1/activity").await.json();
    let lines = activity["data"].as_array().unwrap().iter();
    let settings = lines.filter(|line| line["event"] == "settings" && !line["version"].is_null());
    settings.map(|line| line["events"].clone()).collect()
}

#[tokio::test]
async fn wh_role_1_each_app_hears_its_own_role() {
    let (w, mut bot, mut desk) = world().await;
    // Set anew: the two change places. Draft stays secondary and hears nothing; it has no address either.
    patch(&w, "2002", json!({"messenger": {"primary_receiver": "Desk"}})).await;
    assert_eq!(bot.next().await, told("2002", BOT, &["secondary_receiver"]));
    assert_eq!(desk.next().await, told("2002", DESK, &["primary_receiver"]));
    let event = |app: &str| {
        json!({"page_id": "2002", "on": "messenger", "person_id": null,
               "app_id": app, "channel": "messaging", "event": "app_roles"})
    };
    assert_eq!(shown(&w).await[0], json!([event(BOT), event(DESK)]));
    // Removed: an empty list, to all who had a role.
    patch(&w, "2002", json!({"messenger": {"primary_receiver": null}})).await;
    assert_eq!(bot.next().await, told("2002", BOT, &[]));
    assert_eq!(desk.next().await, told("2002", DESK, &[]));
    // Set from none.
    patch(&w, "2002", json!({"messenger": {"primary_receiver": "Sales bot"}})).await;
    assert_eq!(bot.next().await, told("2002", BOT, &["primary_receiver"]));
    assert_eq!(desk.next().await, told("2002", DESK, &["secondary_receiver"]));
    // What changes no role tells nobody anything: the next thing that they hear is a message.
    patch(&w, "2002", json!({"name": "The garage"})).await;
    assert_eq!(shown(&w).await[0], json!([]));
    w.writes("2002", "ann").await;
    assert_eq!(bot.next().await["entry"][0]["messaging"][0]["message"]["text"], "hello");
}

#[tokio::test]
async fn wh_role_2_conversation_routing_has_no_roles() {
    let (w, mut bot, _desk) = world().await;
    // From the Handover Protocol to Conversation Routing: roles end without a word.
    patch(&w, "2002", json!({"messenger": {"primary_receiver": null, "default_app": "Desk"}})).await;
    patch(&w, "2001", json!({"messenger": {"default_app": "Desk"}})).await;
    assert_eq!(shown(&w).await[..2], [json!([]), json!([])]);
    // And back: who comes from there has a new role.
    patch(&w, "2001", json!({"messenger": {"default_app": null, "primary_receiver": "Sales bot"}})).await;
    assert_eq!(bot.next().await, told("2001", BOT, &["primary_receiver"]));
}

#[tokio::test]
async fn an_app_that_is_connected_by_the_very_change_hears_its_role() {
    let (w, _bot, _desk) = world().await;
    let mut late = Receiver::start("").await;
    let app =
        format!("[[apps]]\nid = \"444\"\nname = \"Late\"\nsecret = \"s\"\nwebhook_url = \"{}\"\n", late.url);
    let connected = ROUTING.replace(
        "    { app = \"Desk\", token = \"garage-desk\" },",
        "    { app = \"Desk\", token = \"garage-desk\" },\n    { app = \"Late\", token = \"garage-late\" },",
    );
    // Named by id: their addresses are not in the file, so the other apps keep quiet here.
    let reply = w.put("/baton/v1/routing", "application/toml", &format!("{connected}\n{app}")).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    let event = json!({"page_id": "2002", "on": "messenger", "person_id": null,
                       "app_id": "444", "channel": "messaging", "event": "app_roles"});
    assert_eq!(reply.json()["notices"], json!([event]));
    assert_eq!(late.next().await, told("2002", "444", &["secondary_receiver"]));
}

#[tokio::test]
async fn an_app_that_wants_no_handover_events_hears_nothing_of_roles() {
    let (w, mut bot, mut desk) = world().await;
    let path = w.with_token("/me/subscribed_apps?subscribed_fields=messages,standby", "garage-desk");
    assert_eq!(w.send(w.client.post(path)).await.status, 200);
    patch(&w, "2002", json!({"messenger": {"primary_receiver": "Desk"}})).await;
    assert_eq!(bot.next().await, told("2002", BOT, &["secondary_receiver"]));
    w.writes("2002", "ann").await;
    assert_eq!(desk.next().await["entry"][0]["messaging"][0]["message"]["text"], "hello");
}
