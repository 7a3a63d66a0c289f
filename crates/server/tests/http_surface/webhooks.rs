//! `GET /apps/{app}/webhooks`: the list, and live.

use baton_wire::signature::{sign, standard};
use serde_json::{Value, json};

use crate::expect;
use crate::listener::Listener;
use crate::receiver::with_receivers;
use crate::world::{BOT, DESK, World};

fn path(app: &str) -> String {
    format!("/baton/v1/apps/{app}/webhooks")
}

async fn list(w: &World, app: &str, query: &str) -> Vec<Value> {
    let reply = w.get(&format!("{}?limit=200{query}", path(app))).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    reply.json()["data"].as_array().unwrap().clone()
}

/// Whose they are, those of the page itself left out.
fn people(webhooks: &[Value]) -> Vec<&str> {
    webhooks.iter().filter_map(|one| one["person_id"].as_str()).collect()
}

/// People write, a second after each other: at the same moment they could be in any order.
async fn write(w: &World, people: &[&str]) {
    for person in people {
        w.writes("2002", person).await;
        w.post("/baton/v1/clock", json!({"advance": "1s"})).await;
    }
}

#[tokio::test]
async fn what_is_shown_is_what_is_delivered_byte_for_byte() {
    let (w, mut bot, mut desk) = with_receivers().await;
    let event = json!({"type": "message", "message": {"text": "räksmörgås </b> 👍"}});
    w.post("/baton/v1/pages/2001/people/ann/events", event).await;
    for (app, receiver, secret) in [(BOT, &mut bot, "test_secret"), (DESK, &mut desk, "desk_secret")] {
        let (headers, body) = receiver.next_whole().await;
        let all = list(&w, app, "").await;
        let shown = all.iter().find(|one| one["event"] == "messages").unwrap();
        assert_eq!(shown["body"], body);
        // The clock stands still, so that signatures of a moment are the same too.
        for (name, value) in shown["headers"].as_object().unwrap() {
            assert_eq!(headers[name], value.as_str().unwrap(), "{name}");
        }
        let own = &shown["headers"];
        assert_eq!(own["x-hub-signature-256"], sign(secret, body.as_bytes()).sha256);
        let id = shown["webhook_id"].as_str().unwrap();
        let timestamp = own["webhook-timestamp"].as_str().unwrap();
        assert_eq!(own["webhook-signature"], standard(secret, id, timestamp, body.as_bytes()));
        assert!(!shown.to_string().contains(secret));
    }
    let all = list(&w, DESK, "").await;
    let standby = all.iter().find(|one| one["event"] == "messages").unwrap();
    assert_eq!(
        (&standby["channel"], &standby["event"], &standby["rule"], &standby["cause"], &standby["by_app_id"]),
        (&json!("standby"), &json!("messages"), &json!("MCR-MSG-1"), &json!("message"), &Value::Null)
    );
    let body: Value = serde_json::from_str(standby["body"].as_str().unwrap()).unwrap();
    assert_eq!(standby["message_id"], body["entry"][0]["standby"][0]["message"]["mid"]);
    assert_eq!((&standby["page_id"], &standby["person_id"]), (&json!("2001"), &json!("ann")));
}

#[tokio::test]
async fn an_app_without_an_address_is_shown_what_it_would_be_told() {
    let w = World::start().await;
    write(&w, &["a", "b", "c", "d", "e"]).await;
    let all = list(&w, BOT, "").await;
    assert_eq!(people(&all), ["e", "d", "c", "b", "a"], "newest first, whichever stream it is in");
    // In parts, to the end, once each.
    let (mut walked, mut next) = (Vec::new(), Some(String::new()));
    while let Some(after) = next.take() {
        let part = w.get(&format!("{}?limit=2{after}", path("Sales%20bot"))).await.json();
        walked.extend(part["data"].as_array().unwrap().clone());
        next = part["next"].as_str().map(|next| format!("&after={next}"));
    }
    assert_eq!(walked, all);
    expect!(w.get(&path("999")).await, 404, "unknown-app");
    expect!(w.get(&format!("{}?limit=0", path(BOT))).await, 400, "/limit");
    expect!(w.get(&format!("{}?since=soon", path(BOT))).await, 400, "/since", "30s");
    expect!(w.get(&format!("{}?after=beef", path(BOT))).await, 400, "is not a `next` of this list");
    expect!(w.send(w.client.get(w.url(&path(BOT)))).await, 401, "operator token");
}

#[tokio::test]
async fn since_is_a_moment_or_how_long_ago_by_the_servers_clock() {
    let w = World::start().await;
    w.writes("2002", "old").await;
    w.post("/baton/v1/clock", json!({"advance": "1h"})).await;
    w.writes("2002", "young").await;
    assert_eq!(people(&list(&w, BOT, "&since=30s").await), ["young"]);
    assert_eq!(people(&list(&w, BOT, "&since=1h").await), ["young", "old"]);
    assert_eq!(people(&list(&w, BOT, "&since=2026-01-01T00:00:01Z").await), ["young"]);
    let mut listener = Listener::open(&w, &format!("{}?since=2h", path(BOT)), None).await;
    w.post("/baton/v1/clock", json!({"advance": "1s"})).await;
    w.writes("2002", "new").await;
    // What it was told of the page itself, too.
    let heard: Vec<Value> = listener.take(4).await.into_iter().map(|(_, _, data)| data).collect();
    assert_eq!(people(&heard), ["old", "young", "new"], "oldest first, and on");
}

#[tokio::test]
async fn live_they_come_in_order_and_go_on_where_a_listener_was() {
    let w = World::start().await;
    write(&w, &["before"]).await;
    let mut listener = Listener::open(&w, &path(BOT), None).await;
    write(&w, &["a", "b", "c", "d"]).await;
    let seen = listener.take(4).await;
    let heard: Vec<Value> = seen.iter().map(|(_, _, data)| data.clone()).collect();
    assert_eq!(people(&heard), ["a", "b", "c", "d"], "what was before is not told");
    let mut listed = list(&w, BOT, "").await;
    listed.truncate(4);
    listed.reverse();
    // Signatures are of the moment at which it is told.
    let but_headers = |all: &[Value]| {
        let mut all = all.to_vec();
        all.iter_mut().for_each(|one| drop(one.as_object_mut().unwrap().shift_remove("headers")));
        all
    };
    assert_eq!(but_headers(&heard), but_headers(&listed), "data are as in the list");
    assert!(seen.iter().all(|(_, event, _)| event == "webhook"));
    drop(listener);

    w.writes("2002", "e").await;
    let mut again = Listener::open(&w, &path(BOT), Some(&seen[1].0)).await;
    w.writes("2002", "f").await;
    let rest: Vec<Value> = again.take(4).await.into_iter().map(|(_, _, data)| data).collect();
    let mut gone_on = people(&rest);
    gone_on.sort_unstable();
    assert_eq!(gone_on, ["c", "d", "e", "f"], "nothing twice, nothing missing");
}

#[tokio::test]
async fn only_what_this_app_is_told_and_the_end_of_an_app_ends_it() {
    let w = World::start().await;
    let mut listener = Listener::open(&w, &path(DESK), None).await;
    w.writes("2002", "ann").await;
    let send = json!({"recipient": {"id": "ann"}, "message": {"text": "hi"}});
    assert_eq!(w.call("garage-bot", "/me/messages", send).await.status, 200);
    let heard = listener.take(2).await;
    let events: Vec<&str> = heard.iter().map(|(_, _, data)| data["event"].as_str().unwrap()).collect();
    assert_eq!(events, ["messages", "message_echoes"]);
    assert!(heard.iter().all(|(_, _, data)| data["channel"] == "standby"));
    let request = w.client.delete(w.url(&format!("/baton/v1/apps/{DESK}")));
    assert_eq!(w.send(request.bearer_auth(crate::world::OPERATOR)).await.status, 204);
    assert!(listener.next().await.is_none());
}

#[tokio::test]
async fn an_id_of_another_database_is_said_to_be_none() {
    let w = World::start().await;
    for id in ["1.2", "9.9.9.9", "what"] {
        let mut listener = Listener::open(&w, &path(BOT), Some(id)).await;
        let (own, event, data) = listener.next().await.unwrap();
        assert_eq!((own.as_str(), event.as_str()), ("", "missed"), "{id}");
        assert!(data["detail"].is_string());
    }
}
