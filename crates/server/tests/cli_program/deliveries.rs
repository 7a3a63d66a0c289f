//! What became of what an app was told: `deliveries`, and what `send`, `wait --delivered` and `explain` say of it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use serde_json::Value;

use super::bot::{answers, bot, good};
use super::screens::SHOP;
use super::support::{Server, World};
use super::transcript::Transcript;

/// What the bot answers to the webhooks of a person; 200 where nothing is said.
#[derive(Clone, Default)]
struct Answers(Arc<Mutex<HashMap<&'static str, u16>>>);

impl Answers {
    fn to(&self, person: &'static str, status: u16) {
        self.0.lock().unwrap().insert(person, status);
    }
}

/// The shop at nine in the morning for ever, with a bot that answers as it is told to; its address.
fn shop(world: &World) -> (Server, Answers, String) {
    let told = Answers::default();
    let known = told.clone();
    let url = bot(move |request| {
        if !request.is_post || !request.is_signed() {
            return good(request);
        }
        let person = request.item()["sender"]["id"].as_str().unwrap().to_owned();
        answers(known.0.lock().unwrap().get(person.as_str()).copied().unwrap_or(200))
    });
    let with = format!("secret = \"sales-secret\"\nwebhook_url = \"{url}\"\nverify_token = \"ring\"");
    let file = world.write("home/routing.toml", &SHOP.replace("secret = \"sales-secret\"", &with));
    let dev = world.dev(&["--ephemeral", "-f", &file]);
    assert_eq!(world.run(&["clock", "freeze"]).code, 0);
    assert_eq!(world.run(&["clock", "set", "2030-01-01T09:00:00Z"]).code, 0);
    (dev, told, url)
}

/// What is sent, by its message's id.
fn send(world: &World, person: &str, text: &str) -> String {
    let sent = world.json(&["send", "Shop", person, text, "--json"]);
    sent["message_id"].as_str().unwrap().to_owned()
}

/// The bot's delivery of a message, as `explain` has it, once it has come so far.
fn delivery(world: &World, message: &str, is: impl Fn(&Value) -> bool) -> Value {
    for _ in 0..500 {
        let told = world.json(&["explain", message, "--json"]);
        let apps = told["apps"].as_array().unwrap();
        let bot = apps.iter().find(|app| app["app_id"] == "111").unwrap();
        if is(&bot["delivery"]) {
            return bot["delivery"].clone();
        }
    }
    panic!("it never came so far: {}", world.json(&["explain", message, "--json"]));
}

fn has_failed(delivery: &Value) -> bool {
    delivery["attempts"].as_array().is_some_and(|attempts| !attempts.is_empty())
}

/// A screen without how long the bot took, what its requests are signed with, and when it is tried again: that is
/// drawn.
fn settled(screen: &Transcript<'_>) -> String {
    let text = screen.text();
    let mut lines = Vec::new();
    for line in text.lines() {
        // What comes meanwhile has the bot tried once more.
        let tried = |line: &str| {
            let (before, after) = line.split_once(", tried ")?;
            let (_, after) = after.split_once(": ")?;
            Some(format!("{before}, tried …: {after}"))
        };
        let line = &tried(line).unwrap_or_else(|| line.to_owned());
        let words: Vec<&str> = line.split(' ').collect();
        let settled: Vec<&str> = (0..words.len())
            .map(|at| {
                let is = |near: Option<usize>, what: &str| {
                    near.and_then(|near| words.get(near))
                        .is_some_and(|word| word.trim_end_matches(',') == what)
                };
                let is_time = words[at].len() >= 5 && words[at].as_bytes()[2] == b':';
                if is(Some(at + 1), "ms") {
                    "…"
                } else if is_time && (is(at.checked_sub(1), "at") || is(at.checked_sub(1), "again")) {
                    "<soon>"
                } else {
                    words[at]
                }
            })
            .collect();
        let line = settled.join(" ");
        lines.push(match line.split_once("signature") {
            Some((before, after)) => {
                let name = after.split_once(": ").map_or(after, |(name, _)| name);
                format!("{before}signature{name}: …")
            }
            None => line,
        });
    }
    lines.join("\n")
}

#[test]
fn deliveries() {
    let world = World::new();
    let (dev, told, url) = shop(&world);
    let mut screen = Transcript::new(&world);
    screen.varies(&url, "<bot>");
    let first = delivery(&world, &send(&world, "ada", "hello"), |one| one["state"] == "delivered");
    told.to("eve", 503);
    let second = delivery(&world, &send(&world, "eve", "anybody there?"), has_failed);
    let id = first["id"].as_str().unwrap();
    screen.run(&["deliveries", "list", "Sales bot"]);
    screen.run(&["deliveries", "list", "Sales bot", "--state", "pending"]);
    screen.run(&["deliveries", "list", "Sales bot", "--state", "parked"]);
    screen.run(&["deliveries", "dead-letters", "Sales bot"]);
    screen.run(&["deliveries", "list", "Desk", "--limit", "1"]);
    screen.run(&["deliveries", "show", "Sales bot", id]);
    screen.run(&["deliveries", "resend", "Sales bot", id]);
    screen.run(&["deliveries", "resend", "Sales bot", "--page", "Shop", "--person", "ada", "--json"]);
    told.to("eve", 200);
    screen.run(&["deliveries", "resume", "Sales bot"]);
    delivery(&world, second["message_id"].as_str().unwrap(), |one| one["state"] == "delivered");
    screen.run(&["deliveries", "list", "Sales bot", "--state", "pending"]);
    // Nothing to send it to, not there, no state, nothing named.
    screen.run(&["deliveries", "resend", "Desk", "--since", "2030-01-01T00:00:00Z"]);
    screen.run(&["deliveries", "resend", "Sales bot", "15-999999"]);
    screen.run(&["deliveries", "resend", "Sales bot", id, "--to", "http://10.0.0.1/hook"]);
    screen.run(&["deliveries", "show", "Sales bot", "15-999999"]);
    screen.run(&["deliveries", "list", "Sales bots"]);
    screen.run(&["deliveries", "list", "Sales bot", "--state", "lost"]);
    screen.run(&["deliveries", "resend", "Sales bot"]);
    insta::assert_snapshot!(settled(&screen));
    dev.stop();
}

#[test]
fn whether_it_arrived_is_told_by_send_wait_and_explain() {
    let world = World::new();
    let (dev, told, url) = shop(&world);
    let mut screen = Transcript::new(&world);
    screen.varies(&url, "<bot>");
    let wait = ["wait", "--app", "Sales bot", "--event", "messages", "--delivered", "--person"];
    let first = send(&world, "ada", "hello");
    screen.run(&[&wait[..], &["ada"]].concat());
    screen.run(&["explain", &first]);
    told.to("eve", 500);
    delivery(&world, &send(&world, "eve", "hello?"), has_failed);
    screen.run(&["send", "Shop", "eve", "anybody there?"]);
    screen.run(&[&wait[..], &["eve", "--timeout", "1s"]].concat());
    // Of two, the first is tried and the second waits for it.
    screen.run(&["explain", &send(&world, "eve", "anybody?")]);
    let listed = world.json(&["deliveries", "list", "Sales bot", "--state", "pending", "--json"]);
    let failed = listed.as_array().unwrap().iter().find(|one| has_failed(one)).unwrap();
    screen.run(&["explain", failed["message_id"].as_str().unwrap()]);
    // Whoever has no address is asked nothing.
    screen.run(&["wait", "--app", "Desk", "--event", "messages", "--delivered", "--timeout", "1s"]);
    screen.run(&["wait", "--app", "Desk", "--event", "reads", "--delivered", "--timeout", "1s"]);
    let text = settled(&screen);
    dev.stop();
    insta::assert_snapshot!(text);
}

#[test]
fn an_answer_that_comes_later_is_waited_for() {
    let world = World::new();
    let (dev, told, _) = shop(&world);
    told.to("eve", 500);
    delivery(&world, &send(&world, "eve", "hello"), has_failed);
    let arguments =
        ["wait", "--app", "Sales bot", "--event", "messages", "--delivered", "--json", "--timeout"];
    let missed = world.run(&[&arguments[..], &["1s"]].concat());
    let said: Value = serde_json::from_str(&missed.out).unwrap();
    assert_eq!((missed.code, &said["found"]), (1, &Value::Null));
    assert_eq!(said["instead"][0]["delivery"]["attempts"][0]["status"], 500, "{said}");
    let mut waiting = world.command(&[&arguments[..], &["30s"]].concat());
    let waiting = waiting.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
    let waiting = waiting.spawn().unwrap();
    told.to("eve", 204);
    assert_eq!(world.run(&["deliveries", "resume", "Sales bot"]).code, 0);
    let found = super::support::said(&waiting.wait_with_output().unwrap());
    assert_eq!((found.code, found.err.as_str()), (0, ""));
    let found: Value = serde_json::from_str(&found.out).unwrap();
    let last = found["delivery"]["attempts"].as_array().unwrap().last().unwrap().clone();
    assert_eq!((&found["person_id"], &last["status"]), (&Value::from("eve"), &Value::from(204)), "{found}");
    dev.stop();
}
