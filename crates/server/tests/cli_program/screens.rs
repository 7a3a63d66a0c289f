//! What each command prints, as text and as JSON, when it goes well and when it does not. The clock stands
//! still, ids are chosen; what a change of these screens means for somebody who reads them, or for a script,
//! is seen in the difference.

use std::io::{BufRead, BufReader, Read};
use std::process::Stdio;

use super::support::{Server, World, bearer, http};
use super::transcript::{Transcript, without_random_words};

pub(super) const SHOP: &str = r#"
[[apps]]
id = "111"
name = "Sales bot"
secret = "sales-secret"

[[apps]]
id = "222"
name = "Desk"
secret = "desk-secret"
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
token = "desk-token"
take_control = true

[[pages.links]]
ref = "spring"
app = "Desk"

[[pages.ads]]
id = "9001"
name = "Spring sale"
template = '{"message": {"receiving_app_id": 222}}'

[[pages.ads]]
id = "9002"
name = "Old sale"
status = "draft"
template = '{"message": {"receiving_app_id": 222}}'
"#;

/// A platform on which the shop runs, at nine in the morning for ever.
pub(super) fn shop(world: &World) -> Server {
    let file = world.write("home/routing.toml", SHOP);
    let dev = world.dev(&["--ephemeral", "-f", &file]);
    assert_eq!(world.run(&["clock", "freeze"]).code, 0);
    assert_eq!(world.run(&["clock", "set", "2030-01-01T09:00:00Z"]).code, 0);
    dev
}

#[test]
fn send() {
    let world = World::new();
    let dev = shop(&world);
    let mut screen = Transcript::new(&world);
    screen.run(&["send", "2001", "ada", "hello"]);
    screen.run(&["send", "Shop", "ada", "is it still on?", "--ad", "9001"]);
    screen.run(&["send", "Shop", "bob", "--get-started"]);
    screen.run(&["send", "Shop", "bob", "--link", "spring"]);
    screen.run(&["send", "Shop", "bob", "M, please", "--quick-reply", "SIZE_M"]);
    screen.run(&["send", "Shop", "bob", "--postback", "GONE"]);
    screen.run(&["send", "Shop", "ada", "hello again", "--json"]);
    // Refused by a rule, not there, not an id, nothing to send, contradictions.
    screen.run(&["send", "Shop", "ada", "hi", "--ad", "9002"]);
    screen.run(&["send", "Shop", "ada", "hi", "--ad", "9002", "--json"]);
    screen.run(&["send", "Shopp", "ada", "hi"]);
    screen.run(&["send", "2002", "ada", "hi"]);
    screen.run(&["send", "Shop", "a b", "hi"]);
    screen.run(&["send", "Shop", "ada"]);
    screen.run(&["send", "Shop", "ada", "hi", "--ad", "9001", "--link", "spring"]);
    screen.run(&["send", "Shop"]);
    insta::assert_snapshot!(screen.text());
    dev.stop();
}

#[test]
fn comment() {
    let world = World::new();
    let dev = shop(&world);
    let mut screen = Transcript::new(&world);
    screen.run(&["comment", "Shop", "77_1", "ada", "do you have it in blue?"]);
    screen.run(&["comment", "2001", "77_1", "ada", "in red?", "--post", "2001_77", "--json"]);
    screen.run(&["comment", "Shop", "77_1", "--remove"]);
    // Gone, not an id, nothing said, contradictions.
    screen.run(&["comment", "Shop", "77_1", "--remove"]);
    screen.run(&["comment", "Shop", "7 7", "ada", "hi"]);
    screen.run(&["comment", "Shop", "77_1", "ada"]);
    screen.run(&["comment", "Shop", "77_1", "ada", "hi", "--remove"]);
    insta::assert_snapshot!(screen.text());
    dev.stop();
}

#[test]
fn thread() {
    let world = World::new();
    let dev = shop(&world);
    for arguments in [
        &["send", "Shop", "ada", "hello", "--ad", "9001"][..],
        &["clock", "advance", "25h"],
        &["send", "Shop", "ada", "anybody there?"],
        &["send", "Shop", "ada", "--link", "spring"],
    ] {
        assert_eq!(world.run(arguments).code, 0, "{arguments:?}");
    }
    // Nothing can be entered by this ad, so that a refusal is seen too.
    assert_eq!(world.run(&["send", "Shop", "ada", "hi", "--ad", "9002"]).code, 1);
    let mut screen = Transcript::new(&world);
    screen.run(&["thread", "show", "Shop", "ada"]);
    screen.run(&["thread", "show", "2001", "ada", "--json"]);
    screen.run(&["thread", "explain", "Shop", "ada"]);
    screen.run(&["thread", "explain", "Shop", "ada", "--at", "2030-01-01T10:00:00Z"]);
    screen.run(&["thread", "explain", "Shop", "ada", "--json"]);
    screen.run(&["thread", "explain", "Shop", "ada", "--at", "yesterday"]);
    screen.run(&["thread", "show", "Shop", "nobody"]);
    screen.run(&["thread", "explain", "Shop", "nobody", "--json"]);
    screen.run(&["thread", "show", "Nowhere", "ada"]);
    screen.run(&["thread", "look", "Shop", "ada"]);
    insta::assert_snapshot!(screen.text());
    dev.stop();
}

#[test]
fn clock() {
    let world = World::new();
    let dev = shop(&world);
    let mut screen = Transcript::new(&world);
    screen.run(&["clock"]);
    screen.run(&["clock", "show", "--json"]);
    screen.run(&["clock", "advance", "1h30m"]);
    screen.run(&["clock", "advance", "24h", "--json"]);
    screen.run(&["clock", "set", "2030-01-03T09:00:00Z"]);
    screen.run(&["clock", "set", "2029-12-31T09:00:00Z"]);
    screen.run(&["clock", "advance", "soon"]);
    screen.run(&["clock", "advence", "1h"]);
    insta::assert_snapshot!(screen.text());
    dev.stop();
}

#[test]
fn apply() {
    let world = World::new();
    let dev = world.dev(&["--ephemeral", "--no-demo"]);
    let mut screen = Transcript::new(&world);
    world.write("home/routing.toml", SHOP);
    screen.run(&["apply", "-f", "routing.toml", "--dry-run"]);
    screen.run(&["apply", "-f", "routing.toml"]);
    screen.run(&["apply", "-f", "routing.toml"]);
    screen.run(&["apply", "-f", "routing.toml", "--json"]);
    // Ada is the default app's, Bob the Desk's until tomorrow.
    assert_eq!(world.run(&["send", "Shop", "ada", "hello"]).code, 0);
    assert_eq!(world.run(&["send", "Shop", "bob", "hello", "--ad", "9001"]).code, 0);
    let other = SHOP
        .replace("default_app = \"Sales bot\"", "default_app = \"Desk\"")
        .replace("app = \"Desk\"\ntoken = \"desk-token\"\n", "app = \"Desk\"\nfields = [\"messages\"]\n")
        .replace("name = \"Spring sale\"", "name = \"Summer sale\"")
        .replace("secret = \"sales-secret\"", "secret = \"another\"");
    let other = other.split("[[pages.links]]").next().unwrap().to_owned();
    world.write("home/other.toml", &other);
    screen.run(&["apply", "-f", "other.toml", "--dry-run"]);
    screen.run(&["apply", "-f", "other.toml"]);
    world.write("home/none.json", "{}");
    screen.run(&["apply", "-f", "none.json", "--prune", "--dry-run"]);
    screen.run(&["apply", "-f", "none.json", "--prune", "--json", "--dry-run"]);
    screen.run(&["apply", "-f", "none.json", "--prune"]);
    world.write(
        "home/new.toml",
        "[[apps]]\nid = \"333\"\nname = \"New\"\nsecret = \"s\"\n[[pages]]\nid = \"2003\"\n\
        name = \"Garage\"\n[[pages.connections]]\napp = \"New\"\n",
    );
    screen.run(&["apply", "-f", "new.toml"]);
    insta::assert_snapshot!(screen.text());
    dev.stop();
}

#[test]
fn apply_refused() {
    let world = World::new();
    let dev = world.dev(&["--ephemeral", "--no-demo"]);
    let mut screen = Transcript::new(&world);
    world.write(
        "home/keys.toml",
        &SHOP.replace("secret = \"sales-secret\"", "secrt = \"x\"\nsecret = \"env:GONE\""),
    );
    screen.run(&["apply", "-f", "keys.toml"]);
    world.write(
        "home/rules.toml",
        &SHOP.replace("[[pages.connections]]\napp = \"Sales bot\"\ntoken = \"sales-token\"\n", ""),
    );
    screen.run(&["apply", "-f", "rules.toml", "--dry-run"]);
    screen.run(&["apply", "-f", "rules.toml", "--json"]);
    world.write("home/broken.toml", "[[apps]]\nname = \n");
    screen.run(&["apply", "-f", "broken.toml"]);
    world.write("home/broken.json", "{\n  \"apps\": [}\n");
    screen.run(&["apply", "-f", "broken.json"]);
    screen.run(&["apply", "-f", "gone.toml"]);
    screen.run(&["apply"]);
    // Said by a server that reads no files: at which line it stands is known all the same.
    let server = world.serve(&["--data", &world.path("strict").display().to_string()]);
    world.write(
        "home/private.toml",
        "[[apps]]\nname = \"Bot\"\n\n[[apps]]\nname = \"Desk\"\nwebhook_url = \"http://10.1.2.3/hook\"\n",
    );
    screen.run(&["apply", "-f", "private.toml", "--data", &world.path("strict").display().to_string()]);
    server.stop();
    insta::assert_snapshot!(screen.text());
    dev.stop();
}

#[test]
fn token() {
    let world = World::new();
    let dev = shop(&world);
    let mut screen = Transcript::new(&world);
    let made = screen.run(&["token", "create", "--app", "Sales bot", "--page", "Shop"]);
    assert!(made.out.starts_with("EAA") && made.out.lines().count() == 1, "{}", made.out);
    let few = ["--tasks", "MODERATE,MESSAGING", "--permissions", "pages_messaging"];
    screen.run(&[&["token", "create", "--app", "222", "--page", "2001", "--json"], &few[..]].concat());
    screen.run(&["token", "create", "--app", "Sales", "--page", "Shop"]);
    screen.run(&["token", "create", "--app", "333", "--page", "Shop"]);
    screen.run(&["token", "create", "--app", "111", "--page", "Shop", "--tasks", "MODERAT"]);
    screen.run(&["token", "create", "--app", "111"]);
    let list = screen.run(&["token", "list", "--app", "111", "--page", "Shop"]);
    let oldest = list.out.lines().last().and_then(|line| line.split(' ').next()).unwrap().to_owned();
    screen.run(&["token", "revoke", "--app", "111", "--page", "Shop", &oldest]);
    screen.run(&["token", "revoke", "--app", "111", "--page", "Shop", &oldest]);
    screen.run(&["token", "list", "--app", "111", "--page", "Shop", "--json"]);
    screen.run_reading(&["token", "revoke", "--app", "111", "--page", "Shop", "-"], &made.out);
    screen.run(&["token", "operator"]);
    screen.run_with(&["token", "operator", "--json"], &[("BATON_OPERATOR_TOKEN", "chosen")]);
    insta::assert_snapshot!(screen.text());
    dev.stop();
}

#[test]
fn check() {
    let world = World::new();
    let mut screen = Transcript::new(&world);
    screen.run(&["check"]);
    world.write("home/routing.toml", SHOP);
    world.write("home/settings.toml", "listen = \"127.0.0.1:0\"\n\n[delivery]\ntimeout = \"2s\"\n");
    screen.run(&["check", "-c", "settings.toml", "-f", "routing.toml"]);
    let variables = [("BATON_LOG__LEVEL", "warn"), ("BATON_LOG__FROMAT", "json")];
    screen.run_with(&["check", "-c", "settings.toml"], &variables);
    world.write("home/wrong.toml", "lissten = \"x\"\n\n[delivery]\ntimeout = \"soon\"\n");
    let wrong = SHOP
        .replace("take_control = true", "take_controll = true")
        .replace("default_app = \"Sales bot\"", "default_app = \"Sales bt\"");
    world.write("home/wrong-routing.toml", &wrong);
    screen.run_with(&["check", "-c", "wrong.toml", "-f", "wrong-routing.toml"], &[("BATON_STREAMS", "many")]);
    screen.run(&["check", "-c", "wrong.toml", "-f", "wrong-routing.toml", "--json"]);
    let practice = SHOP
        .replace("default_app = \"Sales bot\"", "primary_receiver = \"Desk\"")
        .replace("human_agent = true", "human_agent = true\nwebhook_url = \"http://127.0.0.1:1/\"")
        .replace("secret = \"sales-secret\"", "secret = \"env:S\"\nwebhook_url = \"http://127.0.0.1:1/\"")
        .replace("token = \"sales-token\"", "fields = [\"messages\"]\ntake_control = true")
        .replace("token = \"desk-token\"", "standby = false");
    let practice = practice.split("[[pages.links]]").next().unwrap();
    world.write("home/practice.toml", practice);
    screen.run_with(&["check", "-f", "practice.toml"], &[("S", "secret")]);
    screen.run_with(&["check", "-f", "practice.toml", "--json"], &[("S", "secret")]);
    let open = practice.replace("primary_receiver = \"Desk\"", "");
    world.write("home/open.json", &serde_json::to_string(&open.parse::<toml::Table>().unwrap()).unwrap());
    screen.run_with(&["check", "-f", "open.json"], &[("S", "secret")]);
    // By these settings nothing goes to this machine, and by those it does.
    let local = "[[apps]]\nname = \"Bot\"\nwebhook_url = \"http://localhost:5001/hook\"\n[[apps]]\nname = \"Desk\"\n\
                 webhook_url = \"http://10.1.2.3/hook\"\n";
    world.write("home/local.toml", local);
    world.write("home/strict.toml", "");
    world.write("home/open.toml", "[delivery]\nallow_addresses = [\"127.0.0.0/8\"]\n");
    screen.run(&["check", "-c", "strict.toml", "-f", "local.toml"]);
    screen.run(&["check", "-c", "open.toml", "-f", "local.toml"]);
    screen.run(&["check", "-f", "local.toml"]);
    screen.run(&["check", "-c", "gone.toml", "-f", "gone.toml"]);
    world.write("home/broken.toml", "a = \n[b\n");
    screen.run(&["check", "-c", "broken.toml", "-f", "broken.toml"]);
    world.write("home/baton.toml", "listen = 3\n");
    screen.run(&["check"]);
    let tls = "tls_listen = \"127.0.0.1:0\"\ntls_certificate = \"no.pem\"\ntls_key = \"no.pem\"\n";
    world.write("home/tls.toml", tls);
    screen.run(&["check", "-c", "tls.toml"]);
    world.write("home/no.pem", "not PEM");
    screen.run(&["check", "-c", "tls.toml"]);
    screen.run(&["check", "--defaults", "--json"]);
    screen.run(&["check", "--defaults", "-c", "baton.toml"]);
    insta::assert_snapshot!(screen.text());
}

#[test]
fn the_defaults_are_a_file_to_begin_with() {
    let world = World::new();
    let defaults = world.run(&["check", "--defaults"]);
    assert_eq!((defaults.code, defaults.err.as_str()), (0, ""));
    assert_eq!(defaults.out, baton_server::config::DEFAULT_FILE);
    let file = world.write("home/baton.toml", &defaults.out);
    let checked = world.json(&["check", "-c", &file, "--json"]);
    assert_eq!((&checked["errors"], &checked["warnings"]), (&serde_json::json!([]), &serde_json::json!([])));
}

#[test]
fn check_with_a_server() {
    let world = World::new();
    let dev = shop(&world);
    let mut screen = Transcript::new(&world);
    screen.varies(&dev.url, "<url>");
    let garage = world.write(
        "home/garage.toml",
        "[[pages]]\nid = \"2002\"\nname = \"Garage\"\nmessenger = { primary_receiver = \"111\" }\n\
         connections = [{ app = \"111\", token = \"g1\" }, { app = \"222\", token = \"g2\" }]\n",
    );
    assert_eq!(world.run(&["apply", "-f", &garage]).code, 0);
    // At the Garage the Desk waits for Ada for a day; at the Shop the bot passes Bob on by the old edge.
    assert_eq!(world.run(&["send", "Garage", "ada", "hello"]).code, 0);
    assert_eq!(world.run(&["send", "Shop", "bob", "hello"]).code, 0);
    let graph = |edge: &str, token: &str, body: &str| {
        let answer = http("POST", &format!("{}/v25.0/me/{edge}", dev.url), &[bearer(token)], body);
        assert_eq!(answer.status, 200, "{}", answer.body);
    };
    graph("take_thread_control", "g1", r#"{"recipient": {"id": "ada"}}"#);
    graph("request_thread_control", "g2", r#"{"recipient": {"id": "ada"}}"#);
    graph("pass_thread_control", "sales-token", r#"{"recipient": {"id": "bob"}, "target_app_id": "222"}"#);
    for day in ["12h", "12h"] {
        assert_eq!(world.run(&["clock", "advance", day]).code, 0);
        assert_eq!(world.run(&["send", "Garage", "ada", "still there?"]).code, 0);
    }
    // A part of what runs there: on its own it would name apps that are not in it.
    world.write(
        "home/part.toml",
        "[[apps]]\nid = \"111\"\nname = \"Sales bot\"\nwebhook_url = \"http://127.0.0.1:1/\"\n",
    );
    screen.run(&["check", "-f", "part.toml", "--server", &dev.url]);
    screen.run(&["check", "-f", "part.toml", "--server", &dev.url, "--json"]);
    world.write("home/wrong.toml", "[[apps]]\nname = \"Sales bot\"\nwebhook_url = \"ftp://x\"\n");
    screen.run(&["check", "-f", "wrong.toml", "--server", &dev.url]);
    screen.run(&["check", "-f", "part.toml", "--server", &dev.url, "--token", "wrong"]);
    screen.run(&["check", "-f", "part.toml", "--server", "http://127.0.0.1:1", "--token", "x"]);
    insta::assert_snapshot!(screen.text());
    // Nothing was applied.
    let applied = world.json(&["apply", "-f", &world.write("home/none.json", "{}"), "--dry-run", "--json"]);
    assert_eq!(applied["changes"], serde_json::json!([]));
    dev.stop();
}

#[test]
fn migrate() {
    let world = World::new();
    let mut screen = Transcript::new(&world);
    let data = world.path("data");
    let data = data.to_str().unwrap();
    screen.run(&["migrate", "--data", data, "--dry-run"]);
    assert!(!world.path("data").exists(), "looking makes nothing");
    screen.run(&["migrate", "--data", data]);
    screen.run(&["migrate", "--data", data]);
    screen.run(&["migrate", "--data", data, "--json"]);
    let serve = world.serve(&["--data", data]);
    screen.run(&["migrate", "--data", data]);
    screen.run(&["migrate", "--data", data, "--dry-run", "--json"]);
    serve.stop();
    world.write("home/other.toml", &format!("database = \"sqlite://{data}/other.db\"\nstreams = 3\n"));
    screen.run(&["migrate", "-c", "other.toml"]);
    world.write("data/other.db", "this was a database once");
    screen.run(&["migrate", "-c", "other.toml"]);
    screen.run(&["migrate", "-c", "other.toml", "--dry-run"]);
    screen.run(&["migrate", "-c", "other.toml", "--json"]);
    insta::assert_snapshot!(screen.text());
}

#[test]
fn without_a_server_that_answers() {
    let world = World::new();
    let mut screen = Transcript::new(&world);
    screen.run(&["clock"]);
    screen.run(&["clock", "--json"]);
    screen.run(&["health"]);
    screen.run(&["send", "2001", "you", "hello", "--server", "http://127.0.0.1:1", "--token", "x"]);
    screen.run(&["send", "2001", "you", "hello", "--server", "http://127.0.0.1:1"]);
    screen.run(&["send", "2001", "you", "hello", "--server", "here", "--token", "x"]);
    let dev = world.dev(&["--ephemeral", "--no-demo"]);
    screen.varies(&dev.url, "<url>");
    screen.run(&["health"]);
    screen.run(&["health", "--json"]);
    screen.run(&["clock", "--token", "wrong"]);
    screen.run_with(&["clock", "--json"], &[("BATON_OPERATOR_TOKEN", "wrong")]);
    screen.run(&["send", "Shop", "you", "hello"]);
    dev.stop();
    screen.run(&["--nope"]);
    screen.run(&["clok"]);
    screen.run(&[]);
    screen.run(&["--help"]);
    insta::assert_snapshot!(screen.text());
}

/// What a server prints until a line with this in it, and then until it has ended.
fn server_screen(world: &World, arguments: &[&str], last: &str) -> String {
    let mut command = world.command(&[arguments, &["--listen", "127.0.0.1:0"]].concat());
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut screen = String::new();
    while !screen.lines().last().is_some_and(|line| line.contains(last)) {
        assert_ne!(out.read_line(&mut screen).unwrap(), 0, "it ended before {last:?}: {screen}");
    }
    let id = child.id().to_string();
    assert!(std::process::Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    out.read_to_string(&mut screen).unwrap();
    assert!(child.wait().unwrap().success(), "{screen}");
    let url = screen.split_whitespace().find(|word| word.starts_with("http://")).unwrap().to_owned();
    let url = url.trim_end_matches("/v25.0");
    let home = world.path("home");
    let known = [
        (url, "<url>"),
        (&*format!("ephemeral-{id}"), "ephemeral-<pid>"),
        (home.to_str().unwrap(), "~"),
        (world.directory.path().to_str().unwrap(), "<dir>"),
        (concat!("Baton ", env!("CARGO_PKG_VERSION")), "Baton <version>"),
    ];
    let screen = known.iter().fold(screen.clone(), |screen, (text, shown)| screen.replace(text, shown));
    let lines = screen.lines().map(|line| {
        let cut = ["ready in ", "virtual, "].into_iter().find_map(|mark| Some(line.find(mark)? + mark.len()));
        cut.map_or_else(|| line.to_owned(), |at| format!("{}…", &line[..at]))
    });
    without_random_words(&lines.collect::<Vec<_>>().join("\n"))
}

#[test]
fn serve() {
    let world = World::new();
    insta::assert_snapshot!(server_screen(&world, &["serve"], "clients"));
}

#[test]
fn dev_with_a_file() {
    let world = World::new();
    let file = world.write("home/routing.toml", SHOP);
    insta::assert_snapshot!(server_screen(&world, &["dev", "--ephemeral", "-f", &file], "baton send"));
}

#[test]
fn dev_with_nothing() {
    let world = World::new();
    insta::assert_snapshot!(server_screen(&world, &["dev", "--no-demo"], "baton apply"));
}
