//! `baton doctor` against receivers of every kind: nothing is found of a good one, and of each bad one its cause.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::bot::{Does, Request, answers, bot, good};
use super::support::{Server, World, bearer, http};
use super::transcript::Transcript;

const SHOP: &str = r#"
[[apps]]
id = "111"
name = "Sales bot"
secret = "sales-secret"
webhook_url = "http://127.0.0.1:1/hook"
verify_token = "ring"

[[apps]]
id = "222"
name = "Nowhere"

[[pages]]
id = "2001"
name = "Shop"
messenger = { default_app = "Sales bot" }
connections = [{ app = "Sales bot", token = "sales-token" }]
"#;

fn shop(world: &World) -> Server {
    let file = world.write("home/routing.toml", SHOP);
    let mut command =
        world.command(&["dev", "--json", "--ephemeral", "--listen", "127.0.0.1:0", "-f", &file]);
    // So that one that hangs does not hang the test.
    Server::start(command.env("BATON_DELIVERY__TIMEOUT", "3s"))
}

/// What is found of a receiver: exit code, causes.
fn examined(world: &World, url: &str, patience: &str) -> (i32, Vec<String>) {
    let said = world.run(&["doctor", "111", "--url", url, "--patience", patience, "--json"]);
    assert_eq!(said.err, "");
    let report: Value =
        serde_json::from_str(&said.out).unwrap_or_else(|error| panic!("{error}: {}", said.out));
    let findings = report["findings"].as_array().unwrap();
    for finding in findings {
        assert!(
            ["what", "why", "do"]
                .iter()
                .all(|key| finding[*key].as_str().is_some_and(|text| text.len() > 10))
        );
    }
    (said.code, findings.iter().map(|one| one["cause"].as_str().unwrap().to_owned()).collect())
}

/// A bot that answers messages by the Graph API; `remembers` those that it has seen.
fn talking(url: &str, remembers: bool) -> impl Fn(&Request) -> Does + Send + 'static {
    let (url, seen) = (url.to_owned(), Arc::new(Mutex::new(HashSet::new())));
    move |request: &Request| {
        let done = good(request);
        if request.is_post && request.is_signed() {
            let item = request.item();
            let is_new = seen.lock().unwrap().insert(item["message"]["mid"].to_string());
            if item["message"]["text"] == "hello"
                && item["message"]["is_echo"].is_null()
                && (is_new || !remembers)
            {
                let said = json!({"recipient": item["sender"], "message": {"text": "hi"}}).to_string();
                let url = format!("{url}/v25.0/me/messages");
                // Beside its answer, as bots do.
                std::thread::spawn(move || http("POST", &url, &[bearer("sales-token")], &said));
            }
        }
        done
    }
}

#[test]
fn nothing_is_found_of_a_good_receiver_and_nobody_is_written_to() {
    let world = World::new();
    let dev = shop(&world);
    let url = bot(talking(&dev.url, true));
    assert_eq!(examined(&world, &url, "3s"), (0, vec![]));
    let operator: Value =
        serde_json::from_slice(&std::fs::read(world.path("run/baton/server.json")).unwrap()).unwrap();
    let token = operator["operator_token"].as_str().unwrap();
    let threads = http("GET", &format!("{}/baton/v1/pages/2001/threads", dev.url), &[bearer(token)], "");
    assert_eq!(threads.body, r#"{"data":[],"next":null}"#);
    let told = http("GET", &format!("{}/baton/v1/apps/111/webhooks", dev.url), &[bearer(token)], "");
    assert_eq!(told.body, r#"{"data":[],"next":null}"#);
    dev.stop();
}

#[test]
fn a_bot_that_answers_twice_is_found_out() {
    let world = World::new();
    let dev = shop(&world);
    let url = bot(talking(&dev.url, false));
    assert_eq!(examined(&world, &url, "3s"), (1, vec!["answers_twice".to_owned()]));
    dev.stop();
}

#[test]
fn the_bots_of_the_demo_are_good_receivers() {
    let world = World::new();
    let mut dev = world.dev(&["--ephemeral"]);
    // Its story is over: what is said now, the bots say to the doctor.
    dev.until(|line| line["rule"] == "MCR-INBOX-3");
    for name in ["Support bot", "Marketing bot", "Help desk"] {
        let said = world.run(&["doctor", name, "--patience", "3s"]);
        assert_eq!((said.code, said.err.as_str()), (0, ""), "{name}: {}", said.out);
    }
    dev.stop();
}

#[test]
fn each_bad_receiver_is_told_its_cause() {
    let world = World::new();
    let dev = shop(&world);
    let unless_post = |request: &Request, does: Does| if request.is_post { does } else { good(request) };
    let posts = |does: fn() -> Does| move |request: &Request| unless_post(request, does());
    let on = |part: &'static str, does: fn() -> Does| {
        move |request: &Request| {
            if request.is_post && request.body.contains(part) { does() } else { good(request) }
        }
    };
    // A port that nobody is given, as the system gives those above 1023.
    let free = "127.0.0.1:1";
    let signature_of_others = |request: &Request| {
        if request.is_post && request.body.contains("\\u") { answers(401) } else { good(request) }
    };
    let down = Arc::new(Mutex::new(false));
    let fragile = move |request: &Request| {
        let mut down = down.lock().unwrap();
        *down |= request.body.contains("something_new");
        if *down { Does::Closes } else { good(request) }
    };
    let lax = |request: &Request| if request.is_post { answers(200) } else { good(request) };
    let generous = |request: &Request| match request.is_post {
        true => good(request),
        false => Does::Answers(200, request.parameter("hub.challenge").to_owned()),
    };
    let quoting = |request: &Request| match request.is_post {
        true => good(request),
        false => Does::Answers(200, format!("\"{}\"", request.parameter("hub.challenge"))),
    };
    let suspicious = |request: &Request| if request.is_post { good(request) } else { answers(403) };
    let deaf_to_get = |request: &Request| if request.is_post { good(request) } else { answers(404) };
    let bad: [(&str, String); 16] = [
        ("signature_not_checked", bot(lax)),
        ("takes_unsigned", bot(lax)),
        ("any_verify_token", bot(generous)),
        ("wrong_challenge", bot(quoting)),
        ("wrong_verify_token", bot(suspicious)),
        ("no_verification", bot(deaf_to_get)),
        ("refuses_its_signature", bot(posts(|| answers(403)))),
        ("no_such_path", bot(posts(|| answers(404)))),
        ("fails", bot(posts(|| answers(500)))),
        ("redirects", bot(posts(|| Does::Redirects))),
        ("closes_the_connection", bot(posts(|| Does::Closes))),
        ("hangs", bot(posts(|| Does::Hangs))),
        ("unreachable", format!("http://{free}/hook")),
        ("crashes_on_standby", bot(on("\"standby\"", || Does::Closes))),
        ("fails_on_an_event", bot(on("\"reaction\"", || answers(500)))),
        ("signature_of_other_bytes", bot(signature_of_others)),
    ];
    for (cause, url) in bad {
        let (code, found) = examined(&world, &url, "0s");
        assert!(found.iter().any(|one| one == cause), "{cause}: {found:?}");
        assert_eq!(code, i32::from(cause != "any_verify_token"), "{cause}: {found:?}");
        let side: Vec<&String> =
            found.iter().filter(|one| *one != cause && *one != "no_answer_seen").collect();
        let expected: &[&str] = match cause {
            "signature_not_checked" => &["takes_unsigned"],
            "takes_unsigned" => &["signature_not_checked"],
            // Each way in is looked at.
            "unreachable" => &["unreachable"],
            _ => &[],
        };
        assert!(side.iter().all(|one| expected.contains(&one.as_str())), "{cause}: {found:?}");
    }
    let (code, found) = examined(&world, &bot(fragile), "0s");
    assert_eq!((code, found.last().map(String::as_str)), (1, Some("went_down")), "{found:?}");
    dev.stop();
}

#[test]
fn the_screen_says_what_why_and_what_to_do() {
    let world = World::new();
    let dev = shop(&world);
    let mut screen = Transcript::new(&world);
    let url = bot(|request| {
        if request.is_post && request.body.contains("\"standby\"") {
            answers(500)
        } else if request.is_post {
            answers(200)
        } else {
            good(request)
        }
    });
    screen.varies(&url, "<bot>");
    screen.run(&["doctor", "Sales bot", "--url", &url, "--patience", "0s"]);
    screen.run(&["doctor", "Nowhere"]);
    screen.run(&["doctor", "Sals bot"]);
    let text = screen.text();
    // How long the bot took is another thing each time.
    let lines = text.lines().map(|line| match line.rsplit_once(" in ") {
        Some((before, after)) if after.ends_with(" ms") => format!("{before} in … ms"),
        _ => line.to_owned(),
    });
    insta::assert_snapshot!(lines.collect::<Vec<_>>().join("\n"));
    dev.stop();
}
