//! What developers keep open beside their bot: `trigger`, `wait`, `listen`, `explain`.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::process::{Child, ChildStdout, Stdio};

use serde_json::{Value, json};

use super::screens::shop;
use super::support::{World, bearer, http};
use super::transcript::Transcript;

/// A call of the Graph API, as one of the shop's apps makes it.
fn graph(url: &str, edge: &str, token: &str, body: &Value) -> (u16, Value) {
    let answer = http("POST", &format!("{url}/v25.0/me/{edge}"), &[bearer(token)], &body.to_string());
    (answer.status, serde_json::from_str(&answer.body).unwrap())
}

#[test]
fn trigger() {
    let world = World::new();
    let dev = shop(&world);
    let mut screen = Transcript::new(&world);
    screen.run(&["trigger", "--list"]);
    screen.run(&["trigger", "message", "Shop", "ada"]);
    screen.run(&["trigger", "message", "2001", "ada", "--set", "message.text=good morning", "--app", "Desk"]);
    screen.run(&[
        "trigger",
        "message",
        "2001",
        "ada",
        "--set",
        "entry.type=ad",
        "--set",
        "entry.ad_id=9001",
        "--print",
    ]);
    screen.run(&["trigger", "edit", "Shop", "ada", "--json"]);
    // About nothing yet; no such event; not taken; nothing to set there.
    screen.run(&["trigger", "reaction", "Shop", "ada"]);
    screen.run(&["trigger", "unsend", "Shop", "nobody"]);
    screen.run(&["trigger", "mesage", "Shop", "ada"]);
    screen.run(&["trigger", "message", "Shop", "ada", "--set", "message.txt=hi"]);
    screen.run(&["trigger", "message", "Shop", "ada", "--set", "message.text.deep=hi"]);
    screen.run(&["trigger", "message", "Shop", "ada", "--set", "message.text"]);
    screen.run(&["trigger", "message", "Shop"]);
    insta::assert_snapshot!(screen.text());
    dev.stop();
}

#[test]
fn every_event_that_is_listed_can_be_caused() {
    let world = World::new();
    let dev = shop(&world);
    assert_eq!(world.run(&["send", "Shop", "ada", "hello"]).code, 0);
    let buttons = json!({"type": "template", "payload": {"template_type": "button", "text": "Which?",
        "buttons": [{"type": "postback", "title": "This", "payload": "THIS"}]}});
    let replies = json!([{"content_type": "text", "title": "Yes", "payload": "YES"}]);
    for message in [json!({"attachment": buttons}), json!({"text": "So?", "quick_replies": replies})] {
        let (status, said) = graph(
            &dev.url,
            "messages",
            "sales-token",
            &json!({"recipient": {"id": "ada"}, "message": message}),
        );
        assert_eq!(status, 200, "{said}");
    }
    let listed = world.json(&["trigger", "--list", "--json"]);
    for event in listed.as_array().unwrap() {
        let name = event["event"].as_str().unwrap();
        let said = world.run(&["trigger", name, "Shop", "ada", "--json"]);
        assert_eq!((said.code, said.err.as_str()), (0, ""), "{name}");
    }
    let tapped = world.json(&["trigger", "postback", "Shop", "ada", "--app", "Sales bot", "--json"]);
    let body: Value = serde_json::from_str(tapped["webhook"]["body"].as_str().unwrap()).unwrap();
    assert_eq!(body["entry"][0]["messaging"][0]["postback"]["payload"], "THIS", "the newest button: {body}");
    dev.stop();
}

#[test]
fn wait() {
    let world = World::new();
    let dev = shop(&world);
    let mut screen = Transcript::new(&world);
    assert_eq!(world.run(&["send", "Shop", "ada", "hello"]).code, 0);
    let pass = json!({"recipient": {"id": "ada"}, "target_app_id": "222"});
    assert_eq!(graph(&dev.url, "pass_thread_control", "sales-token", &pass).0, 200);
    // It has happened already.
    screen.run(&["wait", "--app", "Desk", "--event", "pass_thread_control"]);
    screen.run(&[
        "wait",
        "--app",
        "Desk",
        "--event",
        "messages",
        "--channel",
        "standby",
        "--containing",
        "ell",
    ]);
    screen.run(&[
        "wait", "--app", "Desk", "--event", "messages", "--person", "ada", "--page", "Shop", "--json",
    ]);
    // It has not, whichever way one looks.
    for other in [
        &["--event", "messages", "--channel", "messaging"][..],
        &["--event", "messages", "--person", "bob"],
        &["--event", "messages", "--containing", "bye"],
        &["--event", "messages", "--since", "0s"],
        &["--event", "messaging_optins", "--json"],
    ] {
        screen.run(&[&["wait", "--app", "Desk", "--timeout", "1s"], other].concat());
    }
    assert_eq!(world.run(&["clock", "advance", "1h"]).code, 0);
    screen.run(&["wait", "--app", "Desk", "--event", "messages", "--timeout", "1s"]);
    screen.run(&["wait", "--app", "Desk", "--event", "messages", "--timeout", "1s", "--since", "2h"]);
    screen.run(&["wait", "--app", "Dsk", "--event", "messages"]);
    screen.run(&["wait", "--app", "Desk", "--event", "messages", "--timeout", "soon"]);
    screen.run(&["wait", "--app", "Desk", "--event", "messages", "--since", "soon"]);
    let text = screen.text();
    // What is signed has a message id in it, which is another one each time.
    let lines = text.lines().map(|line| match line.split_once("signature") {
        Some((before, after)) => {
            let name = after.split_once("\": ").map_or(after, |(name, _)| name);
            format!("{before}signature{name}\": \"…\"")
        }
        None => line.to_owned(),
    });
    insta::assert_snapshot!(lines.collect::<Vec<_>>().join("\n"));
    dev.stop();
}

#[test]
fn what_is_still_to_come_is_waited_for() {
    let world = World::new();
    let dev = shop(&world);
    let mut waiting =
        world.command(&["wait", "--app", "Sales bot", "--event", "messages", "--person", "eve", "--json"]);
    let waiting = waiting.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    assert_eq!(world.run(&["send", "Shop", "eve", "hello"]).code, 0);
    let said = super::support::said(&waiting.wait_with_output().unwrap());
    assert_eq!((said.code, said.err.as_str()), (0, ""));
    let heard: Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!((&heard["person_id"], &heard["channel"]), (&json!("eve"), &json!("messaging")));
    dev.stop();
}

/// A command that goes on until the test ends.
struct Listening {
    child: Child,
    out: BufReader<ChildStdout>,
}

impl Listening {
    fn start(world: &World, arguments: &[&str]) -> Self {
        let mut command = world.command(arguments);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        Self { child, out }
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        assert_ne!(self.out.read_line(&mut line).unwrap(), 0, "it ended");
        line.trim_end().to_owned()
    }

    /// Ends it as Ctrl-C does; what it said on standard error.
    fn stop(mut self) -> String {
        let id = self.child.id().to_string();
        assert!(std::process::Command::new("kill").args(["-INT", &id]).status().unwrap().success());
        let mut err = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
        assert_eq!(self.child.wait().unwrap().code(), Some(0), "{err}");
        err
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A receiver that answers each request with the next of these statuses, and tells what it was sent.
fn receiver(statuses: &'static [u16]) -> (String, std::sync::mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (sender, posts) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        for status in statuses {
            let (mut stream, _) = listener.accept().unwrap();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let (mut request, mut length) = (String::new(), 0);
            loop {
                let mut line = String::new();
                reader.read_line(&mut line).unwrap();
                if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap();
                }
                request += &line;
                if line == "\r\n" {
                    break;
                }
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).unwrap();
            request += std::str::from_utf8(&body).unwrap();
            let answer = format!("HTTP/1.1 {status} X\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            stream.write_all(answer.as_bytes()).unwrap();
            sender.send(request).unwrap();
        }
    });
    (address, posts)
}

#[test]
fn listen_shows_and_forwards_signed_what_an_app_without_an_address_is_told() {
    let world = World::new();
    let dev = shop(&world);
    let (address, posts) = receiver(&[200, 503]);
    // From the beginning on, so that it does not matter which of the two is faster.
    let forward = ["--since", "1d", "--forward-to", &format!("{address}/hook")];
    let mut listening = Listening::start(&world, &[&["listen", "--app", "Sales bot"][..], &forward].concat());
    assert_eq!(world.run(&["send", "Shop", "ada", "hello"]).code, 0);
    let line = listening.line();
    let (told, took) = line.rsplit_once("→ 200 ").unwrap();
    assert_eq!(told.trim_end(), "09:00:00  messages                  ada, Shop                 \"hello\"");
    assert!(took.ends_with(" ms"), "{line}");
    let post = posts.recv().unwrap();
    let (head, body) = post.split_once("\r\n\r\n").unwrap();
    let signature = baton_wire::signature::sign("sales-secret", body.as_bytes()).sha256;
    assert!(head.starts_with("POST /hook HTTP/1.1\r\n"), "{head}");
    assert!(head.to_ascii_lowercase().contains(&format!("x-hub-signature-256: {signature}\r\n")), "{head}");
    assert!(!post.contains("sales-secret"));
    assert_eq!(world.run(&["send", "Shop", "ada", "--postback", "MORE"]).code, 0);
    let line = listening.line();
    assert!(
        line.contains("messaging_postbacks") && line.contains("taps \"MORE\"") && line.contains("→ 503 "),
        "{line}"
    );
    // Nobody is there any more.
    posts.recv().unwrap();
    assert_eq!(world.run(&["send", "Shop", "ada", "again"]).code, 0);
    let line = listening.line();
    assert!(line.contains("→ ") && line.to_lowercase().contains("refused"), "{line}");
    let err = listening.stop();
    assert!(
        err.starts_with(&format!("listening to what Sales bot is told, forwarded to http://{address}/hook")),
        "{err}"
    );
    dev.stop();
}

#[test]
fn listen_prints_json_and_bodies_and_goes_on_when_the_server_is_back() {
    let world = World::new();
    let file = world.write("home/routing.toml", super::screens::SHOP);
    let data = world.path("data").display().to_string();
    let dev = world.dev(&["--data", &data, "-f", &file]);
    let at = dev.url.trim_start_matches("http://").to_owned();
    let run = |arguments: &[&str]| {
        let said = world.run(&[arguments, &["--data", &data]].concat());
        assert_eq!(said.code, 0, "{}", said.err);
    };
    let mut listening =
        Listening::start(&world, &["listen", "--app", "222", "--json", "--since", "1d", "--data", &data]);
    run(&["send", "Shop", "ada", "one"]);
    let first: Value = serde_json::from_str(&listening.line()).unwrap();
    assert_eq!((&first["channel"], &first["event"]), (&json!("standby"), &json!("messages")));
    assert!(first["body"].as_str().unwrap().contains("\"one\"") && first.get("forwarded").is_none());
    dev.stop();
    let mut command = world.command(&["dev", "--json", "--listen", &at, "--no-demo", "--data", &data]);
    let dev = super::support::Server::start(&mut command);
    run(&["send", "Shop", "ada", "two"]);
    let second: Value = serde_json::from_str(&listening.line()).unwrap();
    assert!(second["body"].as_str().unwrap().contains("\"two\""), "nothing twice, nothing missing: {second}");
    let err = listening.stop();
    assert!(err.contains("the server is gone") && err.contains("the server is back"), "{err}");
    let body = Listening::start(
        &world,
        &["listen", "--app", "222", "--print-body", "--since", "1d", "--data", &data],
    );
    let mut body = body;
    let shown: Vec<String> = (0..4).map(|_| body.line()).collect();
    assert!(
        shown[0].contains("messages standby")
            && shown[1].trim() == "{"
            && shown[2].contains("\"object\": \"page\""),
        "{shown:?}"
    );
    body.stop();
    dev.stop();
}

#[test]
fn explain() {
    let world = World::new();
    let file = world.write(
        "home/quiet.toml",
        &super::screens::SHOP
            .replace("token = \"desk-token\"\n", "token = \"desk-token\"\nstandby = false\n"),
    );
    let dev = shop(&world);
    let mut screen = Transcript::new(&world);
    let send = |text: &str| {
        world.json(&["send", "Shop", "ada", text, "--json"])["message_id"].as_str().unwrap().to_owned()
    };
    let first = send("hello");
    screen.run(&["explain", &first]);
    let said = json!({"recipient": {"id": "ada"}, "message": {"text": "may I?"}});
    let pass = json!({"recipient": {"id": "ada"}, "target_app_id": "222"});
    assert_eq!(graph(&dev.url, "pass_thread_control", "sales-token", &pass).0, 200);
    assert_eq!(world.run(&["clock", "advance", "1h"]).code, 0);
    screen.run(&["explain", &send("where is my order?")]);
    let (status, refused) = graph(&dev.url, "messages", "sales-token", &said);
    assert_eq!(status, 400, "{refused}");
    let trace = refused["error"]["fbtrace_id"].as_str().unwrap().to_owned();
    screen.varies(&trace, "<trace>");
    screen.run(&["explain", &trace]);
    assert_eq!(world.run(&["clock", "advance", "25h"]).code, 0);
    screen.run(&["explain", &trace]);
    assert_eq!(world.run(&["apply", "-f", &file]).code, 0);
    screen.run(&["explain", &send("anybody?")]);
    let (_, bad) = graph(&dev.url, "messages", "nobodys-token", &said);
    let trace = bad["error"]["fbtrace_id"].as_str().unwrap().to_owned();
    screen.varies(&trace, "<another trace>");
    screen.run(&["explain", &trace]);
    screen.run(&["explain", "nothing"]);
    screen.run(&["explain", "nothing", "--json"]);
    insta::assert_snapshot!(screen.text());
    dev.stop();
}
