//! WIN-13 to WIN-16 from outside: a channel brings an opt-in, and an app writes by what the person gave in it.

use serde_json::{Value, json};

use crate::world::{ACCOUNT, Reply, World};

async fn opts_in(w: &World, page: &str, person: &str, optin: Value) {
    let path = format!("/baton/v1/pages/{page}/people/{person}/events");
    let done = w.post(&path, json!({"type": "optin", "optin": optin})).await;
    assert_eq!(done.status, 200, "{}", done.text);
}

async fn sends(w: &World, token: &str, recipient: Value) -> Reply {
    let body = json!({"recipient": recipient, "message": {"text": "It is back in stock."}});
    w.call(token, "/me/messages", body).await
}

async fn later(w: &World, by: &str) {
    assert_eq!(w.post("/baton/v1/clock", json!({"advance": by})).await.status, 200);
}

#[tokio::test]
async fn win_13_who_ticked_a_checkbox_is_written_to_once_by_its_user_ref() {
    let w = World::start().await;
    let (box_1, box_2) = (json!({"user_ref": "box-1"}), json!({"user_ref": "box-2"}));
    for user_ref in ["box-1", "box-2"] {
        opts_in(&w, "2001", "cleo", json!({"ref": "r", "user_ref": user_ref})).await;
    }
    let sent = sends(&w, "market-bot", box_1.clone()).await;
    assert_eq!(sent.status, 200, "{}", sent.text);
    let keys: Vec<String> = sent.json().as_object().unwrap().keys().cloned().collect();
    assert_eq!(keys, ["message_id"], "nobody's id: the app knows none");
    let said = w.get("/baton/v1/pages/2001/threads/cleo/messages?limit=1").await.json();
    assert!(said.to_string().contains("It is back in stock."), "{said:#}");
    assert_eq!(sends(&w, "market-bot", box_1.clone()).await.code(), (10, Some(2_018_278)));
    let foreign = sends(&w, "garage-bot", box_1).await;
    assert_eq!(foreign.code(), (100, Some(2_018_001)), "another page's: {}", foreign.text);
    later(&w, "24h").await;
    assert_eq!(sends(&w, "market-bot", box_2).await.code(), (10, Some(2_018_278)), "too late");
}

#[tokio::test]
async fn win_14_a_one_time_token_is_good_for_one_message_within_a_year() {
    let w = World::start().await;
    let optin =
        |token: &str| json!({"type": "one_time_notif_req", "payload": "P", "one_time_notif_token": token});
    for token in ["T1", "T2"] {
        opts_in(&w, "2001", "cleo", optin(token)).await;
    }
    let to = |token: &str| json!({"one_time_notif_token": token});
    later(&w, "300d").await;
    let sent = sends(&w, "market-bot", to("T1")).await;
    assert_eq!((sent.status, &sent.json()["recipient_id"]), (200, &json!("cleo")), "{}", sent.text);
    assert_eq!(sends(&w, "market-bot", to("T1")).await.code(), (10, Some(2_018_278)));
    later(&w, "65d").await;
    assert_eq!(sends(&w, "market-bot", to("T2")).await.code(), (10, Some(2_018_278)), "a year is over");
    let with_control = json!({
        "recipient": to("T2"), "message": {"text": "x"}, "thread_control": {"payload": "release_thread_control"},
    });
    assert_eq!(w.call("market-bot", "/me/messages", with_control).await.code(), (100, None));
}

#[tokio::test]
async fn win_15_a_topic_is_told_of_as_often_as_the_person_wants() {
    let w = World::start().await;
    let optin = |more: Value| {
        let mut optin = json!({
            "type": "notification_messages", "payload": "P", "notification_messages_token": "N",
            "notification_messages_frequency": "WEEKLY",
        });
        optin.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        optin
    };
    // The world's clock stands at the beginning of 2026; the token ends on 1 March.
    let ends = json!({"token_expiry_timestamp": 1_772_323_200});
    opts_in(&w, ACCOUNT, "iggy", optin(json!({}))).await;
    opts_in(&w, "2001", "cleo", optin(ends.clone())).await;
    let to = || json!({"notification_messages_token": "N"});
    let sent = sends(&w, "market-bot", to()).await;
    assert_eq!((sent.status, &sent.json()["recipient_id"]), (200, &json!("cleo")), "{}", sent.text);
    later(&w, "6d").await;
    let early = sends(&w, "market-bot", to()).await;
    assert_eq!(early.code(), (4, Some(2_018_354)), "{}", early.text);
    later(&w, "1d").await;
    assert_eq!(sends(&w, "market-bot", to()).await.status, 200);
    let mut stop = ends.clone();
    stop["notification_messages_status"] = json!("STOP NOTIFICATIONS");
    opts_in(&w, "2001", "cleo", optin(stop)).await;
    assert_eq!(sends(&w, "market-bot", to()).await.code(), (10, Some(1_893_015)));
    opts_in(&w, "2001", "cleo", optin(ends)).await;
    later(&w, "60d").await;
    assert_eq!(sends(&w, "market-bot", to()).await.code(), (10, Some(2_018_278)), "the token has ended");
}
