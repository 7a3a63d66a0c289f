//! What somebody sees who types `baton dev`: the first screen, the story, and a line for whatever happens; and the keys
//! of `baton listen`.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use serde_json::{Value, json};

use super::bot::{answers, bot};
use super::support::World;

struct Terminal {
    child: Child,
    lines: mpsc::Receiver<String>,
    seen: Vec<String>,
}

impl Terminal {
    fn new(world: &World) -> Self {
        let mut command = world.command(&["dev", "--ephemeral", "--listen", "127.0.0.1:0"]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || out.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        Self { child, lines, seen: Vec::new() }
    }

    /// The next line with this in it.
    fn until(&mut self, part: &str) -> String {
        loop {
            match self.lines.recv_timeout(Duration::from_secs(30)) {
                Ok(line) => self.seen.push(line),
                Err(error) => panic!("{error}: no {part:?} in\n{}", self.seen.join("\n")),
            }
            if let Some(line) = self.seen.last().filter(|line| line.contains(part)) {
                return line.clone();
            }
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A line of the log without its time, its columns apart.
fn columns(line: &str) -> Vec<&str> {
    line[10..].split("  ").map(str::trim).filter(|column| !column.is_empty()).collect()
}

/// An app of the demo does something, with nothing but its own page token.
fn graph(world: &World, url: &str, app: usize, body: &Value) -> (u16, Value) {
    let scratch = std::fs::read_dir(world.path("run/baton")).unwrap().map_while(Result::ok);
    let scratch = scratch.map(|entry| entry.path()).find(|path| path.is_dir()).unwrap();
    let demo: Value = serde_json::from_slice(&std::fs::read(scratch.join("demo.json")).unwrap()).unwrap();
    let token = demo[app]["token"].as_str().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let sent = client.post(format!("{url}/v25.0/me/messages")).bearer_auth(token).json(body).send();
        let answer = sent.await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    })
}

#[test]
fn the_first_screen_the_story_and_what_others_do() {
    let world = World::new();
    let mut terminal = Terminal::new(&world);
    let graph_api = terminal.until("Graph API");
    let url = graph_api.split_whitespace().nth(2).unwrap().trim_end_matches("/v25.0").to_owned();
    terminal.until("Your turn");
    let screen = terminal.seen.join("\n");
    for part in [
        "a local platform, ready in ",
        "Page       2001             Jasper's Market    Conversation Routing",
        "Support bot        default app",
        "Help desk          may take control",
        "Ad         9001             Spring sale        → Marketing bot",
        "Clock      virtual, ",
        "Ada taps the ad \"Spring sale\"",
    ] {
        assert!(screen.contains(part), "{part} is not in\n{screen}");
    }
    let token: Value =
        serde_json::from_slice(&std::fs::read(world.path("run/baton/server.json")).unwrap()).unwrap();
    assert!(
        !screen.contains(token["operator_token"].as_str().unwrap()),
        "the operator token is never printed"
    );

    // Every line of the log has its rule below the last one's.
    let log: Vec<&String> = terminal.seen.iter().filter(|line| line.get(2..3) == Some(":")).collect();
    assert_eq!(log.len(), 10, "{log:#?}");
    for line in &log {
        let rule = line.chars().skip(74).take(4).collect::<String>();
        assert_eq!(rule, "MCR-", "{line}");
    }
    let first = columns(log[0]);
    assert_eq!(first[..3], ["ada", "taps ad 9001: \"Is the sale still on?\"", "MCR-AD-5"]);
    assert!(first[3].starts_with("→ Marketing bot until "), "{first:?}");
    assert_eq!(
        columns(log[9]),
        ["Inbox → ada", "marks it as done", "MCR-INBOX-3", "→ Support bot (default)"]
    );

    let message = json!({"recipient": {"id": "ada"}, "message": {"text": "me again"}});
    let (status, error) = graph(&world, &url, 0, &message);
    assert_eq!((status, &error["error"]["code"]), (400, &json!(10)), "{error}");
    let refused = terminal.until("refused");
    assert_eq!(columns(&refused)[2..], ["MCR-SEND-3", "Support bot keeps control"]);
    assert!(columns(&refused)[1].starts_with("send refused: error 10/"), "{refused}");

    assert_eq!(world.run(&["send", "2001", "ada", "now", "--ad", "9001"]).code, 0);
    terminal.until("MCR-SEND-1");
    assert_eq!(world.run(&["clock", "advance", "25h"]).code, 0);
    let lapsed = terminal.until("control lapsed");
    assert_eq!(columns(&lapsed), ["ada", "control lapsed", "MCR-EXP-1", "→ Support bot (default)"]);
    assert!(terminal.seen[terminal.seen.len() - 2].starts_with("── "), "another day says which");
    assert!(terminal.until("clock").contains("moved forward by 1d 1h"), "what lapsed on the way comes first");
    assert_eq!(world.run(&["send", "2001", "ada", "hello"]).code, 0);
    let said = terminal.until("\"hello\"");
    assert_eq!(columns(&said)[2..], ["MCR-MSG-4", "Support bot (default)", "as MCR-MSG-1"]);
    let lapses = terminal.seen.iter().filter(|line| line.contains("control lapsed"));
    assert_eq!(lapses.count(), 1, "when somebody looks, it is no news");
}

/// A command at a terminal of its own: a pseudo terminal, whose keys are typed and whose screen is read.
struct AtTerminal {
    child: Child,
    keys: std::fs::File,
    screen: mpsc::Receiver<String>,
    seen: String,
}

impl AtTerminal {
    fn start(world: &World, arguments: &[&str]) -> Self {
        use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
        let keys = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&keys).unwrap();
        unlockpt(&keys).unwrap();
        let name = ptsname(&keys, Vec::new()).unwrap().into_string().unwrap();
        let other_end = std::fs::File::options().read(true).write(true).open(name).unwrap();
        let end = || Stdio::from(other_end.try_clone().unwrap());
        let child = world.command(arguments).stdin(end()).stdout(end()).stderr(end()).spawn().unwrap();
        let keys = std::fs::File::from(keys);
        let (mut reader, (sender, screen)) = (keys.try_clone().unwrap(), mpsc::channel());
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(count @ 1..) = reader.read(&mut bytes) {
                let text = String::from_utf8_lossy(&bytes[..count]).into_owned();
                if sender.send(text).is_err() {
                    return;
                }
            }
        });
        Self { child, keys, screen, seen: String::new() }
    }

    fn press(&mut self, key: &str) {
        self.keys.write_all(key.as_bytes()).unwrap();
    }

    /// What is shown up to the next place with this in it, without colours.
    fn until(&mut self, part: &str) -> String {
        loop {
            let plain = anstream::adapter::strip_str(&self.seen).to_string();
            if let Some(at) = plain.find(part) {
                let (shown, rest) = plain.split_at(at + part.len());
                let shown = shown.to_owned();
                self.seen = rest.to_owned();
                return shown;
            }
            match self.screen.recv_timeout(Duration::from_secs(30)) {
                Ok(more) => self.seen += &more,
                Err(error) => panic!("{error}: no {part:?} in\n{plain}"),
            }
        }
    }
}

impl Drop for AtTerminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn the_keys_of_listen_send_the_last_one_again_and_show_it_and_end_it() {
    let world = World::new();
    let dev = super::screens::shop(&world);
    let (posted, posts) = mpsc::channel();
    let url = bot(move |request| {
        posted.send(request.item()["message"]["text"].clone()).unwrap();
        answers(if request.is_signed() { 202 } else { 403 })
    });
    let mut listen =
        AtTerminal::start(&world, &["listen", "--app", "Sales bot", "--since", "1d", "--forward-to", &url]);
    listen.until("r again · b body · q quit");
    listen.press("r");
    listen.until("nothing came yet");
    assert_eq!(world.run(&["send", "Shop", "ada", "hello"]).code, 0);
    listen.until("\"hello\"");
    listen.until("→ 202 ");
    assert_eq!(posts.recv().unwrap(), "hello");
    listen.press("r");
    let again = listen.until("→ 202 ");
    assert!(again.contains("ada, Shop") && again.contains("\"hello\""), "{again}");
    assert_eq!(posts.recv().unwrap(), "hello", "the same, signed, once more");
    listen.press("b");
    let body = listen.until("\"text\": \"hello\"");
    assert!(body.contains("\"object\": \"page\""), "{body}");
    assert!(!body.trim_start().starts_with('b'), "what is typed is not shown: {body}");
    listen.press("x");
    listen.until("r: forward the last one again · b: its body · q: quit");
    listen.press("q");
    assert_eq!(listen.child.wait().unwrap().code(), Some(0));
    assert!(posts.try_recv().is_err(), "nothing else was posted");
    dev.stop();
}

#[test]
fn without_an_address_to_forward_to_the_last_one_is_shown_again() {
    let world = World::new();
    let dev = super::screens::shop(&world);
    let mut listen = AtTerminal::start(&world, &["listen", "--app", "Desk", "--since", "1d"]);
    listen.until("q quit");
    assert_eq!(world.run(&["send", "Shop", "ada", "hello"]).code, 0);
    listen.until("\"hello\"");
    listen.press("r");
    listen.until("nothing is forwarded: give --forward-to URL");
    listen.until("\"hello\"");
    listen.press("q");
    assert_eq!(listen.child.wait().unwrap().code(), Some(0));
    dev.stop();
}
