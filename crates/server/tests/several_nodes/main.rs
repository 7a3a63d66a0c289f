//! PostgreSQL under all of it: the program as one node, while the database is away, and as several; and several nodes in this
//! process, where a test has their clock and receivers in its hand. A program of its own, like the store's tests over
//! PostgreSQL: starting a server forks.

#![expect(clippy::unwrap_used, reason = "the helpers of a test may unwrap like the test")]

#[expect(dead_code, reason = "shared with the tests of the command line, which use all of it")]
#[path = "../cli_program/support.rs"]
mod support;

mod alike;
mod away;
mod cluster;
mod known;
mod leases;
mod members;
mod together;

use std::collections::BTreeSet;
use std::path::Path;

use baton_pgtest::Server as Postgres;
use serde_json::{Value, json};
use support::{Answer, Server, World, bearer, http};

/// The operator token of every node here.
const OPERATOR: &str = "operator-of-these-nodes";
/// An app's token on a page.
const TOKEN: &str = "EAA-2001-700000000000001";
const ROUTING: &str = r#"
[[apps]]
id = "700000000000001"
name = "First bot"
secret = "secret-of-the-first"
[[apps]]
id = "700000000000002"
name = "Second bot"
secret = "secret-of-the-second"
[[pages]]
id = "2001"
name = "Shop"
messenger.primary_receiver = "First bot"
[[pages.connections]]
app = "First bot"
token = "EAA-2001-700000000000001"
[[pages.connections]]
app = "Second bot"
"#;

/// Starts `baton serve` over a database.
fn serve(world: &World, database: &str, more: &[(&str, &str)]) -> Server {
    let mut command = world.command(&["serve", "--json", "--listen", "127.0.0.1:0"]);
    command.env("BATON_DATABASE", database).env("BATON_OPERATOR_TOKEN", OPERATOR).env("BATON_LEASE", "2s");
    Server::start(command.envs(more.iter().copied()))
}

/// Asks Baton's own API.
fn ask(node: &Server, method: &str, path: &str, body: &Value) -> Answer {
    let text = if body.is_null() { String::new() } else { body.to_string() };
    http(method, &format!("{}{path}", node.url), &[bearer(OPERATOR)], &text)
}

/// Makes a node run what the routing file says.
fn apply(world: &World, node: &Server) {
    let file = world.write("routing.toml", ROUTING);
    let said = world.run(&["apply", "-f", &file, "--server", &node.url, "--token", OPERATOR]);
    assert_eq!(said.code, 0, "{}", said.err);
}

/// A person writes.
fn write(node: &Server, person: &str, text: &str) -> Answer {
    write_to(&node.url, person, text)
}

fn write_to(url: &str, person: &str, text: &str) -> Answer {
    let event = json!({"type": "message", "message": {"text": text}});
    let url = format!("{url}/baton/v1/pages/2001/people/{person}/events");
    http("POST", &url, &[bearer(OPERATOR)], &event.to_string())
}

/// The first app passes control to the second.
fn pass(node: &Server, person: &str) -> Answer {
    pass_at(&node.url, person)
}

fn pass_at(url: &str, person: &str) -> Answer {
    let asked =
        json!({"recipient": {"id": person}, "target_app_id": "700000000000002", "access_token": TOKEN});
    http("POST", &format!("{url}/v25.0/me/pass_thread_control"), &[], &asked.to_string())
}

/// Who has control of a person's conversation, as a node says.
fn owner(node: &Server, person: &str) -> Value {
    let answer = ask(node, "GET", &format!("/baton/v1/pages/2001/threads/{person}"), &Value::Null);
    assert_eq!(answer.status, 200, "{}", answer.body);
    serde_json::from_str::<Value>(&answer.body).unwrap()["owner_app_id"].clone()
}

fn value(answer: &Answer) -> Value {
    serde_json::from_str(&answer.body).unwrap()
}

#[test]
fn one_node_serves_from_postgresql() {
    let postgres = Postgres::shared();
    let database = postgres.database().replace("baton@", "baton:s3cret@");
    let world = World::new();
    let node = serve(&world, &database, &[]);
    let shown = node.ready["database"].as_str().unwrap().to_owned();
    assert!(shown.starts_with("postgres://baton@") && !shown.contains("s3cret"), "{shown}");
    apply(&world, &node);
    assert_eq!(write(&node, "ada", "Hello").status, 200);
    assert_eq!(pass(&node, "ada").status, 200);
    let before = owner(&node, "ada");
    let run = |arguments: &[&str]| {
        support::said(&world.command(arguments).env("BATON_DATABASE", &database).output().unwrap())
    };
    let refused = run(&["backup", "copy.db"]);
    assert_eq!(refused.code, 2);
    assert!(refused.err.contains("pg_dump") && !refused.err.contains("s3cret"), "{}", refused.err);
    let migrated = run(&["migrate"]);
    assert_eq!(migrated.code, 0, "{}", migrated.err);
    assert!(migrated.out.contains("nothing to do") && !migrated.out.contains("s3cret"), "{}", migrated.out);
    assert_eq!(run(&["check"]).code, 0);
    let said = node.stop();
    assert!(!said.contains("s3cret"), "{said}");
    // What was written is there for the next one.
    let node = serve(&world, &database, &[]);
    assert_eq!(owner(&node, "ada"), before);
    node.stop();
    // Also where a newer version was there meanwhile, with whose schema this one goes on.
    postgres.go_further(database.rsplit('/').next().unwrap());
    let node = serve(&world, &database, &[]);
    assert_eq!(owner(&node, "ada"), before);
    let migrated = run(&["migrate"]);
    assert_eq!(migrated.code, 0, "{}", migrated.err);
    assert!(migrated.out.contains("has schema 2, of a newer version; this one knows 1"), "{}", migrated.out);
    node.stop();
}

#[test]
fn the_scenarios_that_are_shipped_hold_in_postgresql_too() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/scenarios");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let files: BTreeSet<_> =
        files.filter(|path| path.extension().is_some_and(|extension| extension == "toml")).collect();
    assert!(files.len() > 5);
    for file in files {
        let world = World::new();
        let name = file.display().to_string();
        let said = world.run(&["test", &name, "--database", &Postgres::shared().database()]);
        assert_eq!((said.code, said.err.as_str()), (0, ""), "{name}: {}", said.out);
        assert!(said.out.ends_with("1 passed, 0 failed\n"), "{}", said.out);
    }
}
