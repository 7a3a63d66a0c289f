//! WH-HOP-1, through the router, the engine and a receiver: the owner after a pass or take is told in each
//! entry by whom and with what, in the Handover Protocol, in `messaging`, unless its app does not want it.

use serde_json::{Value, json};

use crate::receiver::{change, with_receivers};
use crate::world::{DESK, World};

async fn calls(w: &World, token: &str, edge: &str, body: Value) {
    let reply = w.call(token, &format!("/me/{edge}"), body).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
}

#[tokio::test]
async fn wh_hop_1_the_owner_after_a_pass_is_told_by_an_entry_level_list() {
    let (w, mut bot, mut desk) = with_receivers().await;
    w.writes("2002", "ann").await;
    let first = bot.next_with("messaging", "message").await;
    assert_eq!(first.get("hop_context"), None, "nobody passed or took: {first}");
    let pass =
        json!({"recipient": {"id": "ann"}, "target_app_id": DESK, "metadata": "over to \"you\" \u{e4}"});
    calls(&w, "garage-bot", "pass_thread_control", pass).await;
    w.writes("2002", "ann").await;
    let heard = desk.next_with("messaging", "message").await;
    assert_eq!(heard["hop_context"], json!([{"app_id": 222, "metadata": "over to \"you\" \u{e4}"}]));
    assert!(heard["messaging"][0].get("hop_context").is_none(), "beside `messaging`, never in it");
    let overheard = bot.next_with("standby", "message").await;
    assert_eq!(overheard.get("hop_context"), None, "never in standby: {overheard}");

    // A take says so to who took, with what it said.
    calls(&w, "garage-bot", "take_thread_control", json!({"recipient": {"id": "ann"}})).await;
    w.writes("2002", "ann").await;
    let taken = bot.next_with("messaging", "message").await;
    assert_eq!(taken["hop_context"], json!([{"app_id": 111, "metadata": ""}]));
    let overheard = desk.next_with("standby", "message").await;
    assert_eq!(overheard.get("hop_context"), None, "{overheard}");
}

#[tokio::test]
async fn wh_hop_1_an_app_may_do_without() {
    let (w, mut bot, mut desk) = with_receivers().await;
    change(&w, DESK, |app| app.compat.push("no-hop-context".to_owned())).await;
    w.writes("2002", "ann").await;
    let pass = json!({"recipient": {"id": "ann"}, "target_app_id": DESK});
    calls(&w, "garage-bot", "pass_thread_control", pass.clone()).await;
    w.writes("2002", "ann").await;
    let heard = desk.next_with("messaging", "message").await;
    assert_eq!(heard.get("hop_context"), None, "{heard}");
    // The switch is one app's.
    calls(&w, "garage-bot", "take_thread_control", json!({"recipient": {"id": "ann"}})).await;
    w.writes("2002", "ann").await;
    let mut heard = bot.next_with("messaging", "message").await;
    while heard.get("hop_context").is_none() {
        heard = bot.next_with("messaging", "message").await;
    }
    assert_eq!(heard["hop_context"], json!([{"app_id": 111, "metadata": ""}]));
}

#[tokio::test]
async fn wh_hop_1_conversation_routing_has_none() {
    let (w, _bot, mut desk) = with_receivers().await;
    w.writes("2001", "ann").await;
    let pass = json!({"recipient": {"id": "ann"}, "target_app_id": DESK, "metadata": "over to you"});
    calls(&w, "market-bot", "pass_thread_control", pass).await;
    w.writes("2001", "ann").await;
    let heard = desk.next_with("messaging", "message").await;
    assert_eq!(heard.get("hop_context"), None, "{heard}");
}
