//! The verification of an address: an app whose address did not verify gets nothing until it does, and then
//! everything from where it stood.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::{Query, State};
use axum::routing::get;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use crate::world::{OPERATOR, ROUTING, World};

/// An address that knows a verify token, which can be changed, and shows who came by, in order.
struct Door {
    url: String,
    knows: Arc<Mutex<&'static str>>,
    came: mpsc::UnboundedReceiver<String>,
}

#[derive(Clone)]
struct Behind {
    knows: Arc<Mutex<&'static str>>,
    came: mpsc::UnboundedSender<String>,
}

async fn verify(State(behind): State<Behind>, Query(asked): Query<HashMap<String, String>>) -> String {
    let opens =
        asked["hub.mode"] == "subscribe" && asked["hub.verify_token"] == *behind.knows.lock().unwrap();
    behind.came.send(if opens { "opened".to_owned() } else { "refused".to_owned() }).unwrap();
    if opens { asked["hub.challenge"].clone() } else { "who are you?".to_owned() }
}

async fn take(State(behind): State<Behind>, body: String) {
    let body: Value = serde_json::from_str(&body).unwrap();
    let text = body["entry"][0]["messaging"][0]["message"]["text"].as_str().unwrap().to_owned();
    behind.came.send(text).unwrap();
}

impl Door {
    async fn start() -> Self {
        let (sender, came) = mpsc::unbounded_channel();
        let knows = Arc::new(Mutex::new("nothing yet"));
        let behind = Behind { knows: Arc::clone(&knows), came: sender };
        let router = Router::new().route("/hook", get(verify).post(take)).with_state(behind);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, knows, came }
    }

    fn learn(&self, token: &'static str) {
        *self.knows.lock().unwrap() = token;
    }

    /// The next ones to come by.
    async fn next(&mut self, count: usize) -> Vec<String> {
        let mut came = Vec::new();
        while came.len() < count {
            let next = tokio::time::timeout(Duration::from_secs(20), self.came.recv());
            came.push(next.await.unwrap_or_else(|_| panic!("only {came:?} came")).unwrap());
        }
        came
    }
}

async fn says(w: &World, text: &str) {
    let event = json!({"type": "message", "message": {"text": text}});
    assert_eq!(w.post("/baton/v1/pages/2002/people/ann/events", event).await.status, 200);
}

/// Puts the file in which the bot has an address and a verify token; warnings of an address that did not verify.
async fn put(w: &World, url: &str, token: &str) -> Vec<Value> {
    let secret = "secret = \"test_secret\"";
    let with = format!("{secret}\nwebhook_url = \"{url}\"\nverify_token = \"{token}\"");
    let put = w.put("/baton/v1/routing", "application/toml", &ROUTING.replace(secret, &with)).await;
    assert_eq!(put.status, 200, "{}", put.text);
    let warnings = put.json()["warnings"].as_array().unwrap().clone();
    warnings.into_iter().filter(|one| one["pointer"] == "/apps/111/webhook_url").collect()
}

#[tokio::test]
async fn who_does_not_verify_gets_nothing_until_it_does_and_then_everything() {
    let w = World::delivering().await;
    let mut door = Door::start().await;
    says(&w, "before there was an address").await;
    assert_eq!(put(&w, &door.url, "let me in").await.len(), 1, "the operator is told");
    says(&w, "one").await;
    assert_eq!(
        door.next(2).await,
        ["refused", "refused"],
        "it is asked again when there is something for it"
    );
    for text in ["two", "three"] {
        says(&w, text).await;
    }
    // Put again, and still nothing; then the address has learnt the token.
    assert_eq!(put(&w, &door.url, "let me in").await.len(), 1);
    assert_eq!(door.next(1).await, ["refused"]);
    door.learn("let me in");
    says(&w, "four").await;
    assert_eq!(put(&w, &door.url, "let me in").await, Vec::<Value>::new(), "the same file verifies again");
    says(&w, "five").await;
    assert_eq!(door.next(6).await, ["opened", "one", "two", "three", "four", "five"]);
}

#[tokio::test]
async fn who_does_not_verify_is_asked_again_later_and_when_somebody_says_so() {
    let w = World::delivering().await;
    let mut door = Door::start().await;
    assert_eq!(put(&w, &door.url, "let me in").await.len(), 1);
    says(&w, "one").await;
    assert_eq!(door.next(2).await, ["refused", "refused"]);
    let resumed = w.post("/baton/v1/apps/111/resume", json!({})).await.json();
    assert_eq!(resumed["count"], 1);
    assert!(
        resumed["not_verified"].as_str().unwrap().contains("the answer is not the challenge"),
        "{resumed}"
    );
    door.learn("let me in");
    assert_eq!(w.post("/baton/v1/clock", json!({"advance": "1m"})).await.status, 200);
    assert_eq!(door.next(3).await, ["refused", "opened", "one"]);

    // And at once where somebody knows that it has learnt.
    assert_eq!(put(&w, &door.url, "another").await.len(), 1);
    says(&w, "two").await;
    assert_eq!(door.next(2).await, ["refused", "refused"]);
    door.learn("another");
    assert_eq!(w.post("/baton/v1/apps/111/resume", json!({})).await.json(), json!({"count": 1}));
    assert_eq!(door.next(2).await, ["opened", "two"]);
}

#[tokio::test]
async fn another_verify_token_is_verified_anew() {
    let w = World::delivering().await;
    let mut door = Door::start().await;
    door.learn("let me in");
    assert_eq!(put(&w, &door.url, "let me in").await, Vec::<Value>::new());
    says(&w, "one").await;
    assert_eq!(door.next(2).await, ["opened", "one"]);
    // What has verified is not asked again by a file that changes nothing of it.
    assert_eq!(put(&w, &door.url, "let me in").await, Vec::<Value>::new());
    assert_eq!(put(&w, &door.url, "another").await.len(), 1);
    says(&w, "two").await;
    assert_eq!(door.next(2).await, ["refused", "refused"]);
    says(&w, "three").await;
    door.learn("another");
    assert_eq!(put(&w, &door.url, "another").await, Vec::<Value>::new());
    says(&w, "four").await;
    assert_eq!(door.next(4).await, ["opened", "two", "three", "four"]);
}

#[tokio::test]
async fn only_a_change_of_the_app_says_that_its_address_does_not_verify() {
    let w = World::delivering().await;
    let door = Door::start().await;
    assert_eq!(put(&w, &door.url, "let me in").await.len(), 1);
    for (path, change, warned) in [
        ("/baton/v1/apps/111", json!({"human_agent": true}), true),
        ("/baton/v1/apps/222", json!({"human_agent": true}), false),
        ("/baton/v1/pages/2002", json!({"inbox_move_to_main": "request"}), false),
    ] {
        let changed = w.send(w.client.patch(w.url(path)).bearer_auth(OPERATOR).json(&change)).await;
        assert_eq!(changed.status, 200, "{path}: {}", changed.text);
        assert_eq!(changed.json()["warnings"].is_array(), warned, "{path}: {}", changed.text);
    }
}

#[tokio::test]
async fn an_app_answers_whether_its_address_is_verified_and_what_is_read_can_be_given() {
    let mut door = Door::start().await;
    let w = World::delivering().await;
    put(&w, &door.url, "open").await;
    door.next(1).await;
    let app = |path: &'static str| w.get(path);
    assert_eq!(app("/baton/v1/apps/111").await.json()["verified"], false);
    door.learn("open");
    put(&w, &door.url, "open").await;
    let known = app("/baton/v1/apps/111").await;
    assert_eq!(known.json()["verified"], true);
    let list = app("/baton/v1/apps").await.json();
    assert!(list["data"].as_array().unwrap().iter().all(|app| app["verified"].is_boolean()), "{list}");
    let patch = w.client.patch(w.url("/baton/v1/apps/111")).bearer_auth(OPERATOR).json(&known.json());
    let patched = w.send(patch).await;
    assert_eq!((patched.status, &patched.json()["verified"]), (200, &json!(true)), "{}", patched.text);
    assert!(!w.get("/baton/v1/routing").await.text.contains("verified"), "the file has settings alone");
}
