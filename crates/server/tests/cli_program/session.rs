//! Whole sessions: a server, and its clients beside it.

use std::io::{BufRead, BufReader, Write};
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};

use super::support::{World, mode, said};

const SHOP: &str = r#"
[[apps]]
name = "Sales bot"
secret = "env:SALES_SECRET"
[[apps]]
name = "Desk"
human_agent = true
[[pages]]
id = "2001"
name = "Shop"
[pages.messenger]
default_app = "Sales bot"
[[pages.connections]]
app = "Sales bot"
token = "sales-token"
[[pages.connections]]
app = "Desk"
"#;

#[test]
fn the_demo_tells_its_story_and_then_answers_whoever_writes() {
    let world = World::new();
    let mut dev = world.dev(&["--ephemeral"]);
    let rules = [
        "MCR-AD-5",
        "MCR-SEND-1",
        "MCR-MSG-3",
        "MCR-TC-1",
        "MCR-SEND-8",
        "MCR-MSG-3",
        "MCR-SEND-8",
        "MCR-INBOX-1",
        "MCR-MSG-3",
        "MCR-INBOX-3",
    ];
    for rule in rules {
        let decided = dev.until(|line| line["event"] == "decision" || line["event"] == "refusal");
        assert_eq!((&decided["rule"], &decided["person_id"]), (&json!(rule), &json!("ada")), "{decided}");
    }

    let sent = world.json(&["send", "2001", "you", "a human, please", "--json"]);
    assert_eq!(sent["rule"], "MCR-MSG-1");
    let given = dev.until(|line| line["event"] == "decision" && line["cause"] == "pass");
    assert_eq!((&given["person_id"], &given["rule"]), (&json!("you"), &json!("MCR-PASS-2")));
    let answer = dev.until(|line| line["event"] == "decision" && line["cause"] == "send");
    assert_eq!(answer["by_app_id"], given["to_app_id"], "the desk answers: {answer}");

    let shown = world.json(&["thread", "show", "Jasper's Market", "you", "--json"]);
    assert_eq!(shown["owner_app_id"], given["to_app_id"]);
    let moved = world.json(&["clock", "advance", "24h", "--json"]);
    assert!(moved["now"].as_str() > moved["was"].as_str(), "{moved}");
    let lapsed = world.json(&["thread", "show", "2001", "you", "--json"]);
    assert_eq!((&lapsed["owner_app_id"], &lapsed["expires_at"]), (&given["from_app_id"], &Value::Null));
    let why = world.json(&["thread", "explain", "2001", "you", "--json"]);
    let rules: Vec<&str> =
        why["data"].as_array().unwrap().iter().filter_map(|one| one["rule"].as_str()).collect();
    assert_eq!(rules, ["MCR-EXP-1", "MCR-PASS-2"]);

    let text = world.run(&["thread", "explain", "2001", "ada"]);
    assert_eq!((text.code, text.err.as_str()), (0, ""));
    for part in ["MCR-AD-5", "→ Marketing bot until", "MCR-TC-1", "Inbox", "MCR-INBOX-3", "→ Support bot"]
    {
        assert!(text.out.contains(part), "{part} is not in\n{}", text.out);
    }
    assert!(!text.out.contains('\u{1b}'), "colours are for terminals");
    assert_eq!(dev.stop(), "", "the demo has nothing to complain of");
    let left: Vec<_> = std::fs::read_dir(world.path("run/baton")).unwrap().collect();
    assert!(left.is_empty(), "nothing is kept: {left:?}");
}

#[test]
fn a_file_is_applied_once_and_its_secrets_come_from_the_environment() {
    let world = World::new();
    let file = world.write("routing.toml", SHOP);
    let dev = world.dev(&["--ephemeral", "--no-demo"]);
    let unset = world.run(&["apply", "-f", &file]);
    assert_eq!((unset.code, unset.out.as_str()), (1, ""));
    assert!(
        unset.err.contains("routing.toml:4: /apps/0/secret: ") && unset.err.contains("`SALES_SECRET`"),
        "{}",
        unset.err
    );

    let apply = |arguments: &[&str]| {
        let all = [&["apply", "-f", &file], arguments].concat();
        said(&world.command(&all).env("SALES_SECRET", "s3cret").output().unwrap())
    };
    let dry = apply(&["--dry-run"]);
    assert!(dry.out.contains("would change") && !dry.out.contains("EAA"), "{}", dry.out);
    let first = apply(&[]);
    assert_eq!(first.code, 0, "{}", first.err);
    assert!(
        first.out.contains("+ /pages/2001  Shop") && first.out.contains("told only this once"),
        "{}",
        first.out
    );
    assert!(!first.out.contains("s3cret") && !first.out.contains("sales-token"), "{}", first.out);
    let again = apply(&["--prune"]);
    assert_eq!(again.out, "nothing changes: the server is as the file says\n");

    let sent = world.run(&["send", "Shop", "bob", "hi"]);
    assert_eq!(sent.code, 0, "{}", sent.err);
    assert!(
        sent.out.contains("MCR-MSG-1") && sent.out.contains("Sales bot, the default app"),
        "{}",
        sent.out
    );
    let refused = world.run(&["send", "Shop", "bob", "hi", "--ad", "77"]);
    assert_eq!((refused.code, refused.out.as_str()), (1, ""));
    assert!(refused.err.contains("rule AD-4"), "{}", refused.err);
    let nobody = world.run(&["thread", "show", "Shop", "nobody", "--json"]);
    assert_eq!((nobody.code, nobody.out.as_str()), (1, ""));
    dev.stop();
}

#[test]
fn a_receiver_that_does_not_verify_is_reported_and_stops_nothing() {
    let world = World::new();
    let address = "webhook_url = \"http://127.0.0.1:1/webhook\"\nverify_token = \"please\"\n";
    let text = SHOP.replace("secret = \"env:SALES_SECRET\"\n", address);
    let file = world.write("routing.toml", &text);
    let mut dev = world.dev(&["--ephemeral", "-f", &file]);
    assert_eq!(world.run(&["send", "2001", "bob", "hi"]).code, 0);
    let failed = dev.until(|line| line["verification"]["verified"] == false);
    assert!(failed["event"] == "settings" && failed["verification"]["error"].is_string(), "{failed}");
    dev.stop();
}

#[test]
fn what_is_kept_is_there_after_a_restart_and_only_its_owners() {
    let world = World::new();
    let data = world.path("data");
    let text = data.display().to_string();
    let file = world.write("routing.toml", &SHOP.replace("secret = \"env:SALES_SECRET\"\n", ""));
    let token = |world: &World| {
        let file: Value =
            serde_json::from_slice(&std::fs::read(world.path("data/server.json")).unwrap()).unwrap();
        file["operator_token"].as_str().unwrap().to_owned()
    };

    let dev = world.dev(&["--data", &text, "-f", &file]);
    assert_eq!(mode(&data), 0o700);
    for name in ["server.json", "operator-token", "dev.db"] {
        assert_eq!(mode(&data.join(name)), 0o600, "{name}");
    }
    let first = token(&world);
    world.json(&["send", "2001", "bob", "hi", "--json", "--data", &text]);
    world.json(&["clock", "advance", "3d", "--json", "--data", &text]);
    let begun = std::time::Instant::now();
    dev.stop();
    assert!(begun.elapsed() < Duration::from_secs(10));
    assert!(!data.join("server.json").exists());

    let dev = world.dev(&["--data", &text, "--no-demo"]);
    assert_eq!(token(&world), first, "clients need not be told anew");
    let shown = world.json(&["thread", "show", "Shop", "bob", "--json", "--data", &text]);
    let clock = world.json(&["clock", "--json", "--data", &text]);
    assert!(clock["now"].as_str() > shown["window_closes_at"].as_str(), "the clock is where it was: {clock}");

    let second = world.run(&["dev", "--no-demo", "--data", &text, "--listen", "127.0.0.1:0"]);
    assert_eq!(second.code, 1);
    assert!(second.err.contains("cannot open the database"), "{}", second.err);
    assert!(data.join("server.json").exists(), "the one that runs is not disturbed");
    dev.stop();
}

#[test]
fn the_demo_finds_its_apps_again() {
    let world = World::new();
    let mut dev = world.dev(&[]);
    dev.until(|line| line["rule"] == "MCR-INBOX-3");
    let apps = world.json(&["apply", "--json", "--dry-run", "-f", &world.write("none.json", "{}")]);
    assert_eq!(apps["changes"], json!([]));
    dev.stop();
    let mut dev = world.dev(&[]);
    let told = dev.until(|line| line["event"] == "decision");
    assert_eq!(told["rule"], "MCR-AD-5");
    dev.until(|line| line["rule"] == "MCR-INBOX-3");
    assert_eq!(dev.stop(), "");
}

#[test]
fn serve_has_the_systems_clock_and_takes_its_token_from_the_environment() {
    let world = World::new();
    let mut command = world.command(&["serve", "--json", "--listen", "127.0.0.1:0"]);
    let mut serve = super::support::Server::start(command.env("BATON_OPERATOR_TOKEN", "chosen"));
    let url = serve.url.clone();
    let clock = world.run(&["clock", "--server", &url, "--token", "chosen"]);
    assert_eq!(clock.code, 1);
    assert!(clock.err.contains("the clock is the system's"), "{}", clock.err);
    let wrong = world.run(&["clock", "--server", &url, "--token", "guessed"]);
    assert!(
        wrong.err.contains("does not take this operator token") && wrong.err.contains("BATON_OPERATOR_TOKEN"),
        "{}",
        wrong.err
    );
    let found = world.run(&["apply", "--dry-run", "-f", &world.write("none.toml", "")]);
    assert_eq!(found.out, "nothing changes: the server is as the file says\n", "{}", found.err);
    assert!(serve.url.starts_with("http://127.0.0.1:"));
    serve.url.clear();
    let log = serve.stop();
    assert!(!log.contains("chosen"), "{log}");
}

#[test]
fn a_file_may_come_from_standard_input() {
    let world = World::new();
    let dev = world.dev(&["--ephemeral", "--no-demo"]);
    let apply = |text: &str| {
        let mut command = world.command(&["apply", "-f", "-"]);
        let streams = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = streams.spawn().unwrap();
        child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        said(&child.wait_with_output().unwrap())
    };
    let applied = apply("[[pages]]\nid = \"2001\"\nname = \"Shop\"\n");
    assert!(applied.out.starts_with("+ /pages/2001  Shop\n"), "{} {}", applied.out, applied.err);
    let wrong = apply("[[pages]]\nid = \"2001\"\nnme = \"Shop\"\n");
    assert_eq!((wrong.code, wrong.out.as_str()), (1, ""));
    assert!(wrong.err.contains("standard input:3: /pages/0/nme: "), "{}", wrong.err);
    dev.stop();
}

#[test]
fn a_second_server_that_keeps_nothing_leaves_the_first_where_commands_find_it() {
    let world = World::new();
    let first = world.dev(&["--ephemeral", "--no-demo"]);
    let mut command = world.command(&["dev", "--ephemeral", "--no-demo", "--listen", "127.0.0.1:0"]);
    let mut second = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut screen = BufReader::new(second.stdout.take().unwrap()).lines().map_while(Result::ok);
    let line = screen.find(|line| line.contains("export BATON_DATA=")).unwrap();
    assert!(line.contains(&format!("the one at {}, which was there first", first.url)), "{line}");
    let place = line.split("BATON_DATA=").nth(1).unwrap().split_whitespace().next().unwrap();
    let found =
        |data: &[&str]| world.json(&[&["clock", "freeze", "--json"], data].concat())["frozen"].clone();
    assert_eq!(found(&["--data", place]), true);
    assert_eq!(world.json(&["clock", "--json"])["frozen"], false, "without it the first is found");
    let end = second.id().to_string();
    assert!(std::process::Command::new("kill").args(["-TERM", &end]).status().unwrap().success());
    second.wait().unwrap();
    assert_eq!(found(&[]), true, "the first is still found");
    first.stop();
}

#[test]
fn without_certificates_of_authorities_it_is_said_what_to_install() {
    let world = World::new();
    for arguments in [
        &["dev", "--ephemeral", "--no-demo", "--listen", "127.0.0.1:0"][..],
        &["clock", "--server", "http://127.0.0.1:1", "--token", "x"],
    ] {
        let mut command = world.command(arguments);
        let said =
            said(&command.env("SSL_CERT_FILE", "/nowhere").env("SSL_CERT_DIR", "/nowhere").output().unwrap());
        assert_eq!(said.code, 1, "{}", said.err);
        assert!(said.err.contains("error: cannot make an HTTP client for "), "{}", said.err);
        assert!(
            said.err.contains("the package ca-certificates") && !said.err.contains("builder error"),
            "{}",
            said.err
        );
    }
}
