//! What an app was told, what became of it, and telling it again.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use baton_store::{DeliveryHealth, Disabled, Round};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use crate::world::{ROUTING, START, World};

/// A webhook as it came.
#[derive(Debug)]
struct Came {
    said: String,
    headers: HeaderMap,
    body: String,
}

/// An address that answers what it is told to, by who wrote.
struct Bot {
    url: String,
    answers: Answers,
    came: mpsc::UnboundedReceiver<Came>,
}

type Answers = Arc<Mutex<HashMap<String, u16>>>;

async fn take(
    State((answers, came)): State<(Answers, mpsc::UnboundedSender<Came>)>,
    headers: HeaderMap,
    body: String,
) -> (StatusCode, &'static str) {
    let event: Value = serde_json::from_str(&body).unwrap();
    let item = &event["entry"][0]["messaging"][0];
    let who = item["sender"]["id"].as_str().unwrap();
    let status = answers.lock().unwrap().get(who).copied().unwrap_or(200);
    let said = item["message"]["text"].as_str().unwrap_or_default().to_owned();
    came.send(Came { said, headers, body }).unwrap();
    (StatusCode::from_u16(status).unwrap(), "so be it")
}

impl Bot {
    async fn start() -> Self {
        let (sender, came) = mpsc::unbounded_channel();
        let answers = Answers::default();
        let router = Router::new().route("/hook", post(take)).with_state((Arc::clone(&answers), sender));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, answers, came }
    }

    fn answers(&self, who: &str, status: u16) {
        self.answers.lock().unwrap().insert(who.to_owned(), status);
    }

    async fn next(&mut self) -> Came {
        tokio::time::timeout(Duration::from_secs(20), self.came.recv()).await.unwrap().unwrap()
    }

    async fn said(&mut self, count: usize) -> Vec<String> {
        let mut said = Vec::new();
        for _ in 0..count {
            said.push(self.next().await.said);
        }
        said
    }
}

/// A server whose bot has this address.
async fn world(bot: &Bot) -> World {
    let w = World::delivering().await;
    let secret = "secret = \"test_secret\"";
    let with = ROUTING.replace(secret, &format!("{secret}\nwebhook_url = \"{}\"", bot.url));
    assert_eq!(w.put("/baton/v1/routing", "application/toml", &with).await.status, 200);
    w
}

async fn says(w: &World, who: &str, text: &str) -> Value {
    let event = json!({"type": "message", "message": {"text": text}});
    let reply = w.post(&format!("/baton/v1/pages/2002/people/{who}/events"), event).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    reply.json()
}

async fn list(w: &World, query: &str) -> Vec<Value> {
    let reply = w.get(&format!("/baton/v1/apps/111/deliveries{query}")).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    reply.json()["data"].as_array().unwrap().clone()
}

/// Asks until it is so. The virtual clock goes on meanwhile, where it is told to.
async fn until(w: &World, advance: Option<&str>, query: &str, is: impl Fn(&[Value]) -> bool) -> Vec<Value> {
    for _ in 0..2_000 {
        let found = list(w, query).await;
        if is(&found) {
            return found;
        }
        if let Some(by) = advance {
            assert_eq!(w.post("/baton/v1/clock", json!({"advance": by})).await.status, 200);
        }
        tokio::task::yield_now().await;
    }
    panic!("it never was so: {:?}", list(w, query).await);
}

fn states(found: &[Value]) -> Vec<&str> {
    found.iter().map(|one| one["state"].as_str().unwrap()).collect()
}

async fn resend(w: &World, body: Value) -> u64 {
    let reply = w.post("/baton/v1/apps/111/resend", body).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    reply.json()["count"].as_u64().unwrap()
}

#[tokio::test]
async fn an_event_is_in_the_list_with_how_it_went_and_what_was_sent() {
    let mut bot = Bot::start().await;
    let w = world(&bot).await;
    let told = says(&w, "ann", "hello").await;
    let came = bot.next().await;
    let found = until(&w, None, "", |found| states(found) == ["delivered"]).await;
    let one = &found[0];
    assert_eq!((&one["page_id"], &one["person_id"]), (&json!("2002"), &json!("ann")));
    assert_eq!((&one["event"], &one["channel"]), (&json!("messages"), &json!("messaging")));
    assert_eq!(one["message_id"], told["message_id"]);
    let tries = one["attempts"].as_array().unwrap();
    assert_eq!(tries.len(), 1);
    assert_eq!((&tries[0]["status"], &tries[0]["error"]), (&json!(200), &Value::Null));
    assert_eq!(tries[0]["body_start"], "so be it");
    let explained =
        w.get(&format!("/baton/v1/explain/{}", told["message_id"].as_str().unwrap())).await.json();
    let apps = explained["apps"].as_array().unwrap();
    assert_eq!(apps.iter().find(|app| app["app_id"] == "111").unwrap()["delivery"], *one, "as in the list");
    let whole = w.get(&format!("/baton/v1/apps/111/deliveries/{}", one["id"].as_str().unwrap())).await.json();
    assert_eq!(whole["request"]["body"], came.body);
    assert_eq!(whole["request"]["url"], bot.url);
    for header in whole["request"]["headers"].as_array().unwrap() {
        let sent = came.headers.get(header["name"].as_str().unwrap()).unwrap();
        assert_eq!(header["value"], sent.to_str().unwrap(), "{header}");
    }
    assert_eq!(w.get("/baton/v1/apps/111/deliveries/0-999").await.slug(), "unknown-delivery");
    assert_eq!(w.get("/baton/v1/apps/111/deliveries/x").await.slug(), "unknown-delivery");
    assert_eq!(w.get("/baton/v1/apps/999/deliveries").await.slug(), "unknown-app");
    assert_eq!(w.get("/baton/v1/apps/111/deliveries?state=lost").await.slug(), "bad-parameter");
}

#[tokio::test]
async fn the_list_is_read_in_parts_newest_first() {
    let mut bot = Bot::start().await;
    let w = world(&bot).await;
    let mut wanted = Vec::new();
    for number in 0..7 {
        let who = format!("p{number}");
        wanted.push(says(&w, &who, "hello").await["message_id"].clone());
        // The clock stands still otherwise, and events of one moment have no order but their places'.
        w.post("/baton/v1/clock", json!({"advance": "1s"})).await;
    }
    bot.said(7).await;
    until(&w, None, "", |found| states(found) == ["delivered"; 7]).await;
    wanted.reverse();
    let (mut found, mut after) = (Vec::new(), String::new());
    loop {
        let part = w.get(&format!("/baton/v1/apps/111/deliveries?limit=3{after}")).await.json();
        let data = part["data"].as_array().unwrap();
        assert!(data.len() <= 3);
        found.extend(data.iter().map(|one| one["message_id"].clone()));
        match part["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => break,
        }
    }
    assert_eq!(found, wanted);
    assert_eq!(list(&w, "?state=pending").await, Vec::<Value>::new());
}

#[tokio::test]
async fn what_fails_waits_and_goes_out_at_once_when_it_is_resumed() {
    let mut bot = Bot::start().await;
    let w = world(&bot).await;
    bot.answers("ann", 503);
    says(&w, "ann", "one").await;
    says(&w, "ann", "two").await;
    let failed =
        |found: &[Value]| found.iter().any(|one| one["attempts"].as_array().is_some_and(|a| !a.is_empty()));
    let found = until(&w, None, "?state=pending", failed).await;
    assert_eq!(states(&found), ["pending", "pending"]);
    let first = found.iter().find(|one| !one["attempts"].as_array().unwrap().is_empty()).unwrap();
    assert_eq!(first["attempts"][0]["error"], "HTTP 503");
    assert_eq!(first["attempts"][0]["body_start"], "so be it");
    assert!(first["next_attempt_at"].as_str().unwrap() > first["attempts"][0]["at"].as_str().unwrap());
    let health = w.get("/baton/v1/apps/111/health").await.json();
    assert_eq!((&health["state"], &health["pending"]), (&json!("failing"), &json!(2)));
    assert_eq!(health["last_error"]["status"], 503);
    bot.answers("ann", 200);
    let resumed = w.post("/baton/v1/apps/111/resume", json!({})).await;
    assert_eq!((resumed.status, resumed.json()), (200, json!({"count": 2})));
    until(&w, None, "", |found| states(found) == ["delivered", "delivered"]).await;
    assert_eq!(bot.said(3).await, ["one", "one", "two"]);
    let health = w.get("/baton/v1/apps/111/health").await.json();
    assert_eq!((&health["state"], &health["pending"]), (&json!("ok"), &json!(0)));
    assert_eq!(health["failing_since"], Value::Null);
    assert!(health["last_delivered_at"].is_string() && health["p95_ms"].is_u64());
}

#[tokio::test]
async fn a_dead_letter_is_sent_again_with_the_same_id() {
    let mut bot = Bot::start().await;
    let w = world(&bot).await;
    bot.answers("ann", 400);
    says(&w, "ann", "poison").await;
    let first = bot.next().await;
    // Somebody else's arrives: it is not the app that fails. Only then are tries that change nothing given up.
    says(&w, "bob", "fine").await;
    let dead = loop {
        says(&w, "bob", "fine").await;
        let dead = list(&w, "?state=dead").await;
        if !dead.is_empty() {
            break dead;
        }
        w.post("/baton/v1/clock", json!({"advance": "20s"})).await;
        tokio::task::yield_now().await;
    };
    assert_eq!((dead.len(), &dead[0]["given_up"]["reason"]), (1, &json!("HTTP 400")));
    assert_eq!(dead[0]["attempts"].as_array().unwrap().len(), 6);
    assert_eq!(w.get("/baton/v1/apps/111/health").await.json()["dead"], 1);
    while bot.came.try_recv().is_ok() {}
    bot.answers("ann", 200);
    assert_eq!(resend(&w, json!({"ids": [dead[0]["id"]]})).await, 1);
    let again = loop {
        let came = bot.next().await;
        if came.said == "poison" {
            break came;
        }
    };
    assert_eq!(again.headers["webhook-id"], first.headers["webhook-id"]);
    assert_eq!(again.body, first.body);
    until(&w, None, "?state=dead", |found| found.is_empty()).await;
    let id = dead[0]["id"].as_str().unwrap();
    let one = w.get(&format!("/baton/v1/apps/111/deliveries/{id}")).await.json();
    assert_eq!((&one["state"], one["attempts"].as_array().unwrap().len()), (&json!("delivered"), 7));
}

#[tokio::test]
async fn a_conversation_or_everything_since_a_moment_goes_out_again_in_order() {
    let (mut bot, mut other) = (Bot::start().await, Bot::start().await);
    let w = world(&bot).await;
    for text in ["one", "two", "three"] {
        says(&w, "ann", text).await;
    }
    w.post("/baton/v1/clock", json!({"advance": "1h"})).await;
    let since = says(&w, "ann", "four").await["at"].clone();
    says(&w, "bob", "five").await;
    bot.said(5).await;
    until(&w, None, "", |found| states(found) == ["delivered"; 5]).await;
    assert_eq!(resend(&w, json!({"page_id": "2002", "person_id": "ann"})).await, 4);
    assert_eq!(bot.said(4).await, ["one", "two", "three", "four"]);
    assert_eq!(resend(&w, json!({"since": since, "to": other.url})).await, 2);
    let mut said = other.said(2).await;
    said.sort_unstable();
    assert_eq!(said, ["five", "four"]);
    let tried = |found: &[Value]| {
        found
            .iter()
            .any(|one| one["attempts"].as_array().unwrap().iter().any(|a| a["to"] == json!(other.url)))
    };
    let found = until(&w, None, "", tried).await;
    assert_eq!(states(&found), ["delivered"; 5]);
    assert!(bot.came.try_recv().is_err(), "what goes elsewhere does not go to the app");
}

#[tokio::test]
async fn what_cannot_be_sent_again_is_refused() {
    let bot = Bot::start().await;
    let w = world(&bot).await;
    for (body, pointer) in [
        (json!({}), ""),
        (json!({"ids": ["0-1"], "since": "2030-01-01T00:00:00Z"}), ""),
        (json!({"ids": []}), "/ids"),
        (json!({"ids": ["0-1", "01-1"]}), "/ids/1"),
        (json!({"ids": ["0-999"]}), "/ids/0"),
        (json!({"since": "yesterday"}), "/since"),
        (json!({"page_id": "2002"}), "/person_id"),
        (json!({"page_id": "7", "person_id": "ann"}), "/page_id"),
        (json!({"since": "2030-01-01T00:00:00Z", "to": "http://10.0.0.1/"}), "/to"),
        (json!({"since": "2030-01-01T00:00:00Z", "to": "http://169.254.169.254/"}), "/to"),
        (json!({"since": "2030-01-01T00:00:00Z", "to": "nonsense"}), "/to"),
        (json!({"since": "2030-01-01T00:00:00Z", "too": "x"}), "/too"),
    ] {
        let reply = w.post("/baton/v1/apps/111/resend", body.clone()).await;
        assert_eq!((reply.status, reply.slug().as_str()), (400, "bad-body"), "{body}: {}", reply.text);
        assert_eq!(reply.json()["errors"][0]["pointer"], pointer, "{body}");
    }
    let nowhere = w.post("/baton/v1/apps/222/resend", json!({"since": "2030-01-01T00:00:00Z"})).await;
    assert_eq!((nowhere.status, nowhere.slug().as_str()), (409, "no-address"));
    let health = w.get("/baton/v1/apps/222/health").await.json();
    assert_eq!((&health["state"], &health["verified"]), (&json!("no_address"), &json!(false)));
}

#[tokio::test]
async fn an_app_that_was_stopped_says_why_and_gets_everything_when_it_is_resumed() {
    let mut bot = Bot::start().await;
    let w = world(&bot).await;
    let reason = "nothing but failures for 2160 minutes; the last one: HTTP 503";
    let disabled = Some(Disabled { at: START, reason: reason.into() });
    let health = vec![("111".parse().unwrap(), DeliveryHealth { disabled, ..DeliveryHealth::default() })];
    let w = w.again_with(Round { health, ..Round::default() }).await;
    says(&w, "ann", "one").await;
    let health = w.get("/baton/v1/apps/111/health").await.json();
    assert_eq!((&health["state"], &health["pending"]), (&json!("disabled"), &json!(1)));
    assert_eq!(health["disabled"], json!({"since": "2026-01-01T00:00:00.000Z", "reason": reason}));
    assert_eq!(states(&list(&w, "").await), ["pending"]);
    let resumed = w.post("/baton/v1/apps/111/resume", json!({})).await;
    assert_eq!((resumed.status, resumed.json()), (200, json!({"count": 1})));
    assert_eq!(bot.next().await.said, "one");
    let health = w.get("/baton/v1/apps/111/health").await.json();
    assert_eq!(health["disabled"], Value::Null);
    let lines = w.get("/baton/v1/activity").await.json();
    let told = lines["data"].as_array().unwrap().iter().find_map(|line| line["delivery"].as_object());
    let told = told.unwrap();
    assert_eq!((&told["app_id"], &told["state"]), (&json!("111"), &json!("resumed")));
    assert!(told["reason"].as_str().unwrap().ends_with(reason), "{told:?}");
}

#[tokio::test]
async fn what_is_too_old_expires_and_says_so_everywhere() {
    let bot = Bot::start().await;
    let w = world(&bot).await;
    bot.answers("ann", 503);
    says(&w, "ann", "old").await;
    let expired = loop {
        // Somebody else's arrives: it is not the app that fails.
        says(&w, "bob", "fine").await;
        let expired = list(&w, "?state=expired").await;
        if !expired.is_empty() {
            break expired;
        }
        w.post("/baton/v1/clock", json!({"advance": "2h"})).await;
        tokio::task::yield_now().await;
    };
    assert_eq!((expired.len(), &expired[0]["given_up"]["reason"]), (1, &json!("HTTP 503")));
    let health = w.get("/baton/v1/apps/111/health").await.json();
    assert_eq!((&health["expired"], &health["dead"]), (&json!(1), &json!(0)));
    let lines = w.get("/baton/v1/activity?limit=200").await.json();
    let given_up = |line: &Value| line["event"] == "delivery" && line["given_up"] == "expired";
    assert!(lines["data"].as_array().unwrap().iter().any(given_up), "{lines}");
    bot.answers("ann", 200);
    assert_eq!(resend(&w, json!({"ids": [expired[0]["id"]]})).await, 1);
    until(&w, None, "?state=expired", |found| found.is_empty()).await;
}

#[tokio::test]
async fn an_address_that_is_not_public_is_refused_when_it_is_saved() {
    let bot = Bot::start().await;
    let w = world(&bot).await;
    for host in [
        "10.0.0.1",
        "169.254.169.254",
        "100.64.0.1",
        "224.0.0.1",
        "0.0.0.0",
        "0x0a000001",
        "167772161",
        "[::ffff:10.0.0.1]",
        "[64:ff9b::a00:1]",
        "[2002:a00:1::]",
        "[2001:0:a00:1::]",
        "[fd00::1]",
    ] {
        let body = json!({"webhook_url": format!("http://{host}/hook")}).to_string();
        let request = w.client.patch(w.url("/baton/v1/apps/111")).bearer_auth(crate::world::OPERATOR);
        let reply = w.send(request.header("content-type", "application/json").body(body)).await;
        assert_eq!((reply.status, reply.slug().as_str()), (400, "bad-body"), "{host}: {}", reply.text);
        assert_eq!(reply.json()["errors"][0]["pointer"], "/webhook_url");
    }
    let file = "[[apps]]\nid = \"111\"\nname = \"Sales bot\"\nwebhook_url = \"http://10.0.0.1/hook\"\n";
    for path in ["/baton/v1/routing", "/baton/v1/routing?dry_run=true"] {
        let reply = w.put(path, "application/toml", file).await;
        assert_eq!((reply.status, reply.slug().as_str()), (400, "bad-body"), "{path}: {}", reply.text);
        assert_eq!(reply.json()["errors"][0]["pointer"], "/apps/0/webhook_url", "its place in what was sent");
    }
    let new = json!({"name": "Another", "webhook_url": "http://[fe80::1]/"});
    assert_eq!(w.post("/baton/v1/apps", new).await.json()["errors"][0]["pointer"], "/webhook_url");
    assert_eq!(w.get("/baton/v1/apps/111").await.json()["webhook_url"], bot.url);
}
