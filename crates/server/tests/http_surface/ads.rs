//! Ads from outside. AD-3: whose their buttons are. AD-6: what people do counts, once, and is told with the ad and
//! with its page.

use baton_server::config::Limits;
use serde_json::{Value, json};

use crate::world::{DESK, OPERATOR, ROUTING, World};

const AD: &str = "/baton/v1/pages/2001/ads/9001";

async fn enters(w: &World, person: &str, id: &str) {
    let event = json!({"type": "message", "message": {"text": "hi"}, "entry": {"type": "ad", "ad_id": "9001"}, "event_id": id});
    let reply = w.post(&format!("/baton/v1/pages/2001/people/{person}/events"), event).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
}

async fn counts(w: &World) -> (Value, Value) {
    let ad = w.get(AD).await.json();
    (ad["entries"].clone(), ad["conversations"].clone())
}

#[tokio::test]
async fn ad_3_a_button_of_the_template_leads_to_the_receiving_app_later_too() {
    let w = World::start().await;
    let buttons = json!([{"type": "postback", "title": "Sizes", "payload": "SIZES"}]);
    let payload = json!({"template_type": "button", "text": "Buns!", "buttons": buttons});
    let message = json!({
        "attachment": {"type": "template", "payload": payload},
        "receiving_app_id": 222,
        "receiving_app_control_expiration": 4,
    });
    let patch = json!({"ads": [{"on": "messenger", "id": "9001", "name": "Sale", "template": json!({"message": message}).to_string()}]});
    let patched =
        w.send(w.client.patch(w.url("/baton/v1/pages/2001")).bearer_auth(OPERATOR).json(&patch)).await;
    assert_eq!(patched.status, 200, "{}", patched.text);
    enters(&w, "ann", "a").await;
    let pass = json!({"recipient": {"id": "ann"}, "target_app_id": "111"});
    assert_eq!(w.call("market-desk", "/me/pass_thread_control", pass).await.status, 200);
    let tap = |payload: &str| json!({"type": "postback", "postback": {"title": "Sizes", "payload": payload}});
    let other = w.post("/baton/v1/pages/2001/people/ann/events", tap("COLOURS")).await.json();
    assert_eq!((&other["rule"], &other["thread"]["owner_app_id"]), (&json!("MCR-PB-3"), &json!("111")));
    let sizes = w.post("/baton/v1/pages/2001/people/ann/events", tap("SIZES")).await.json();
    assert_eq!((&sizes["rule"], &sizes["thread"]["owner_app_id"]), (&json!("MCR-PB-1"), &json!("222")));
    // Who never came by the ad never saw its button.
    let bob = w.post("/baton/v1/pages/2001/people/bob/events", tap("SIZES")).await.json();
    assert_eq!(bob["rule"], "MCR-PB-3");
}

#[tokio::test]
async fn ad_6_an_ad_answers_its_entries_and_conversations() {
    let w = World::start().await;
    assert_eq!(counts(&w).await, (json!(0), json!(0)));
    enters(&w, "ann", "a").await;
    enters(&w, "bob", "a").await;
    assert_eq!(counts(&w).await, (json!(2), json!(2)));
    enters(&w, "ann", "a").await;
    assert_eq!(counts(&w).await, (json!(2), json!(2)), "the same event again is no event");
    let event =
        json!({"type": "message", "message": {"text": "hi"}, "entry": {"type": "ad", "ad_id": "9001"}});
    let dry = w.post("/baton/v1/pages/2001/threads/cleo/dry-run", json!({"event": event})).await;
    assert_eq!(dry.status, 200, "{}", dry.text);
    let draft = json!({"type": "referral", "entry": {"type": "ad", "ad_id": "9002"}});
    assert_eq!(w.post("/baton/v1/pages/2001/people/ann/events", draft).await.status, 409);
    assert_eq!(counts(&w).await, (json!(2), json!(2)), "nor is what was not taken, or not done");

    // The desk has four days: what Ann opens on the second is the ad's, after its pass it is not.
    w.post("/baton/v1/clock", json!({"advance": "36h"})).await;
    w.writes("2001", "ann").await;
    assert_eq!(counts(&w).await, (json!(2), json!(3)));
    let pass = json!({"recipient": {"id": "ann"}, "target_app_id": "111"});
    assert_eq!(w.call("market-desk", "/me/pass_thread_control", pass).await.status, 200);
    w.post("/baton/v1/clock", json!({"advance": "36h"})).await;
    w.writes("2001", "ann").await;
    assert_eq!(counts(&w).await, (json!(2), json!(3)));

    let page = w.get("/baton/v1/pages/2001").await.json();
    let told: Vec<_> =
        page["ads"].as_array().unwrap().iter().map(|ad| (&ad["entries"], &ad["conversations"])).collect();
    assert_eq!(told, [(&json!(2), &json!(3)), (&json!(0), &json!(0))]);
    let pages = w.get("/baton/v1/pages").await.json();
    assert_eq!(pages["data"][1]["ads"][0]["conversations"], 3, "{pages:#}");
}

#[tokio::test]
async fn ad_6_counts_are_no_settings() {
    let w = World::as_filed(Limits::default()).await;
    let before = w.get(AD).await;
    enters(&w, "ann", "a").await;
    let after = w.get(AD).await;
    assert_eq!(after.header("etag"), before.header("etag"), "they do not count against another operator");
    let put = |path: &str, body: &Value| {
        let request =
            w.client.put(w.url(path)).bearer_auth(OPERATOR).header("if-match", before.header("etag"));
        w.send(request.json(body))
    };
    let mut body = after.json();
    body["entries"] = json!(99);
    let kept = put(AD, &body).await;
    assert_eq!(
        (kept.status, &kept.json()["entries"]),
        (200, &json!(1)),
        "what is read can be put: {}",
        kept.text
    );
    let page = w.get("/baton/v1/pages/2001").await.json();
    let request = w.client.patch(w.url("/baton/v1/pages/2001")).bearer_auth(OPERATOR);
    let patched = w.send(request.json(&json!({"ads": page["ads"]}))).await;
    assert_eq!((patched.status, &patched.json()["ads"][0]["entries"]), (200, &json!(1)), "{}", patched.text);
    let mut other = page.clone();
    (other["id"], other["name"], other["instagram"]) = (json!("2003"), json!("Copy"), Value::Null);
    let made = w.post("/baton/v1/pages", other).await;
    assert_eq!((made.status, &made.json()["ads"][0]["entries"]), (201, &json!(0)), "{}", made.text);
    let routing = w.get("/baton/v1/routing").await;
    assert!(!routing.text.contains("entries"), "the file has settings alone");
    assert_eq!(w.put("/baton/v1/routing", "application/toml", ROUTING).await.json()["changes"], json!([]));
    assert_eq!(after.json()["template"], w.get(AD).await.json()["template"]);
    assert_eq!(w.get("/baton/v1/pages/2001/threads/ann").await.json()["owner_app_id"], DESK);
}
