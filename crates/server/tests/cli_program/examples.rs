//! The programs of `examples`, as they are: bots against their scenario, and a channel from end to end.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use serde_json::{Value, json};

use super::support::{World, bearer, http};

/// A program that runs until it is dropped.
struct Program {
    process: Child,
    /// Where it says that it listens.
    url: String,
    /// What it prints goes on going somewhere: nothing of a few lines waits for a reader.
    _printed: BufReader<ChildStdout>,
}

impl Drop for Program {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

fn examples() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../examples")
}

/// Starts one, and waits until it listens.
fn start(interpreter: &str, file: &str, settings: &[(&str, &str)]) -> Program {
    let mut command = Command::new(interpreter);
    command.arg(examples().join(file)).env("PORT", "0").env("PYTHONDONTWRITEBYTECODE", "1");
    command.envs(settings.iter().copied()).stdout(Stdio::piped());
    let spawned = command.spawn();
    let mut process =
        spawned.unwrap_or_else(|error| panic!("{interpreter} is needed to run {file}: {error}"));
    let mut line = String::new();
    let mut printed = BufReader::new(process.stdout.take().unwrap());
    printed.read_line(&mut line).unwrap();
    let (_, url) = line.trim().split_once(" listens at ").unwrap();
    Program { url: url.to_owned(), process, _printed: printed }
}

/// An address on which nobody listens yet.
fn free() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

fn bot(interpreter: &str, file: &str, graph: &str) -> Program {
    let settings =
        [("GRAPH", graph), ("TOKEN", "EAA-bot"), ("SECRET", "bot-secret"), ("VERIFY", "bot-verify")];
    start(interpreter, file, &settings)
}

#[test]
fn bots_answer_and_hand_over_as_their_scenario_says() {
    let story = examples().join("bots/hand-over.toml").display().to_string();
    for (interpreter, file) in [("python3", "bots/bot.py"), ("node", "bots/bot.mjs")] {
        let free = free();
        let bot = bot(interpreter, file, &format!("http://{free}"));
        let app = format!("Bot={}", bot.url);
        let said = World::new().run(&["test", &story, "--listen", &free, "--app", &app]);
        assert_eq!((said.code, said.err.as_str()), (0, ""), "{file}: {}", said.out);
        assert!(said.out.ends_with("1 passed, 0 failed\n"), "{file}: {}", said.out);
    }
}

#[test]
fn the_doctor_finds_nothing_of_the_bots() {
    let world = World::new();
    let file = world.write(
        "home/routing.toml",
        r#"
[[apps]]
id = "111"
name = "Bot"
secret = "bot-secret"
webhook_url = "http://127.0.0.1:1/webhook"
verify_token = "bot-verify"

[[pages]]
id = "2001"
name = "Jasper's Market"
messenger.default_app = "Bot"
connections = [{ app = "Bot", token = "EAA-bot" }]
"#,
    );
    let dev = world.dev(&["--ephemeral", "-f", &file]);
    for (interpreter, file) in [("python3", "bots/bot.py"), ("node", "bots/bot.mjs")] {
        let bot = bot(interpreter, file, &dev.url);
        let said = world.run(&["doctor", "Bot", "--url", &bot.url, "--patience", "3s"]);
        assert_eq!((said.code, said.err.as_str()), (0, ""), "{file}: {}", said.out);
    }
    dev.stop();
}

#[test]
fn in_the_handover_protocol_bots_pass_to_whom_they_are_told_to_and_take_what_is_of_no_person() {
    let world = World::new();
    let story = world.write(
        "home/story.toml",
        r#"
title = "To the help desk by its id"

[settings]
apps = [
    { name = "Bot", secret = "bot-secret", verify_token = "bot-verify" },
    { name = "Help desk", id = "222" },
]

[[settings.pages]]
name = "Jasper's Market"
messenger.primary_receiver = "Bot"
connections = [{ app = "Bot", token = "EAA-bot" }, { app = "Help desk" }]

[[steps]]
person = "tess"
writes = "I want to talk to a person."

[[steps]]
awaits = "Bot"
sends = "One moment*"

[[steps]]
awaits = "Bot"
passes_to = "Help desk"
owner = "Help desk"
"#,
    );
    let roles =
        json!({"recipient": {"id": "2001"}, "timestamp": 1, "app_roles": {"111": ["primary_receiver"]}});
    let roles =
        json!({"object": "page", "entry": [{"id": "2001", "time": 1, "messaging": [roles]}]}).to_string();
    let signature = baton_wire::signature::sign("bot-secret", roles.as_bytes()).sha256;
    for (interpreter, file) in [("python3", "bots/bot.py"), ("node", "bots/bot.mjs")] {
        let free = free();
        let graph = format!("http://{free}");
        let settings = [
            ("GRAPH", &*graph),
            ("TOKEN", "EAA-bot"),
            ("SECRET", "bot-secret"),
            ("VERIFY", "bot-verify"),
            ("TARGET", "222"),
        ];
        let bot = start(interpreter, file, &settings);
        let answer = http("POST", &bot.url, &[("x-hub-signature-256", signature.clone())], &roles);
        assert_eq!(answer.status, 200, "{file}");
        let said = world.run(&["test", &story, "--listen", &free, "--app", &format!("Bot={}", bot.url)]);
        assert_eq!((said.code, said.err.as_str()), (0, ""), "{file}: {}", said.out);
    }
}

/// What somebody posts to this address; each is answered once it is told.
fn mailbox() -> (String, mpsc::Receiver<Value>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let (sender, posted) = mpsc::channel();
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            let mut reader = BufReader::new(connection.unwrap());
            let mut length = 0;
            let mut line = String::new();
            while reader.read_line(&mut line).unwrap() > 2 {
                if let Some(said) = line.to_lowercase().strip_prefix("content-length:") {
                    length = said.trim().parse().unwrap();
                }
                line.clear();
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).unwrap();
            if sender.send(serde_json::from_slice(&body).unwrap()).is_err() {
                return;
            }
            reader.get_mut().write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").unwrap();
        }
    });
    (url, posted)
}

#[test]
fn a_channel_of_ones_own_brings_people_in_and_answers_out() {
    let baton = free();
    let graph = format!("http://{baton}");
    let (deliver, delivered) = mailbox();
    let bot = bot("python3", "bots/bot.py", &graph);
    let settings = [
        ("BATON", &*graph),
        ("OPERATOR_TOKEN", "the-operator"),
        ("PAGE", "2001"),
        ("SECRET", "channel-secret"),
        ("VERIFY", "channel-verify"),
        ("DELIVER", &*deliver),
    ];
    let connector = start("python3", "channel/connector.py", &settings);
    let world = World::new();
    let routing = std::fs::read_to_string(examples().join("channel/routing.toml")).unwrap();
    let routing = routing.replace("http://127.0.0.1:5001/webhook", &bot.url);
    let routing = routing.replace("http://127.0.0.1:5003/webhook", &format!("{}/webhook", connector.url));
    let file = world.write("home/routing.toml", &routing);
    let mut dev = world.command(&["dev", "--json", "--ephemeral", "-f", &file, "--listen", &baton]);
    let dev = super::support::Server::start(dev.env("BATON_OPERATOR_TOKEN", "the-operator"));

    let says = |text: &str, id: &str| {
        let told = json!({"person": "ada", "text": text, "id": id}).to_string();
        let answer = http("POST", &format!("{}/said", connector.url), &[], &told);
        assert_eq!(answer.status, 200, "{}", answer.body);
        serde_json::from_str::<Value>(&answer.body).unwrap()["owner_app_id"].clone()
    };
    let heard = || {
        let told = delivered.recv_timeout(Duration::from_secs(60)).unwrap();
        assert_eq!(told["person"], "ada");
        told["text"].as_str().unwrap().to_owned()
    };
    assert_eq!(says("Do you have ferns?", "1"), "111");
    assert_eq!(heard(), "You said: Do you have ferns?");
    // The channel repeats itself; nobody hears it twice, or the next answer would be another one.
    assert_eq!(says("Do you have ferns?", "1"), "111");
    says("I want to talk to a person.", "2");
    assert_eq!(heard(), "One moment, a colleague will answer.");
    let desk = format!("{graph}/baton/v1/pages/2001/threads/ada/inbox");
    let reply = json!({"action": "reply", "text": "This is Nadia."}).to_string();
    let answer = http("POST", &desk, &[bearer("the-operator")], &reply);
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(heard(), "This is Nadia.");
    dev.stop();
}
