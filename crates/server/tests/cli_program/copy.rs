//! `baton copy`: what was kept in a file is served from PostgreSQL, and the other way round.

use std::process::Stdio;

use baton_pgtest::Server as Postgres;
use serde_json::json;

use super::support::{Server, World, bearer, http, mode};

const ROUTING: &str = "[[pages]]\nid = \"2001\"\nname = \"Market\"\n";

/// What was said in Ada's conversation, as the server says that uses a database.
fn served(world: &World, database: &str, data: &str) -> String {
    let listen = ["serve", "--json", "--listen", "127.0.0.1:0", "--data", data];
    let mut command = world.command(&listen);
    command.env("BATON_DATABASE", database).env("BATON_OPERATOR_TOKEN", "operator-of-the-copy");
    let server = Server::start(&mut command);
    let path = format!("{}/baton/v1/pages/2001/threads/ada", server.url);
    let ask = |more: &str| http("GET", &format!("{path}{more}"), &[bearer("operator-of-the-copy")], "").body;
    let said = [ask(""), ask("/messages"), ask("/history")].join("\n");
    server.stop();
    said
}

/// A server with a conversation of two messages.
fn conversing() -> (World, Server) {
    let world = World::new();
    let serve = world.serve(&[]);
    let file = world.write("routing.toml", ROUTING);
    assert_eq!(world.run(&["apply", "-f", &file]).code, 0);
    for text in ["first", "second"] {
        assert_eq!(world.run(&["send", "2001", "ada", text]).code, 0);
    }
    (world, serve)
}

#[test]
fn a_database_moves_to_postgresql_and_back() {
    let (world, serve) = conversing();
    let first = format!("sqlite://{}", world.path("home/.local/share/baton/baton.db").display());
    let second = format!("sqlite://{}", world.path("second.db").display());
    let database = Postgres::shared().database();
    let used = world.run(&["copy", "--from", &first, "--to", &database]);
    assert_eq!(used.code, 1, "{}", used.out);
    assert!(used.err.contains("another baton is using"), "{}", used.err);
    serve.stop();
    let before = served(&world, &first, &world.path("one").display().to_string());
    assert!(before.contains("first") && before.contains("second"), "{before}");

    let copied = world.run(&["copy", "--from", &first, "--to", &database]);
    assert_eq!(copied.code, 0, "{}", copied.err);
    assert!(copied.out.contains("in 16 streams, read back and compared"), "{}", copied.out);
    // What it is at, on the other stream.
    assert!(copied.err.contains("journal\n") && copied.err.contains("threads\n"), "{}", copied.err);
    assert_eq!(served(&world, &database, &world.path("two").display().to_string()), before);
    let again = world.run(&["copy", "--from", &first, "--to", &database]);
    assert_eq!(again.code, 1, "{}", again.out);
    assert!(again.err.contains("is there already"), "{}", again.err);

    // Back, from the database of the settings.
    let mut back = world.command(&["copy", "--to", &second, "--json"]);
    let back = super::support::said(&back.env("BATON_DATABASE", &database).output().unwrap());
    assert_eq!((back.code, back.err.as_str()), (0, ""));
    let told: serde_json::Value = serde_json::from_str(&back.out).unwrap();
    assert_eq!((&told["streams"], &told["rows"]["threads"]), (&json!(16), &json!(1)), "{told}");
    assert_eq!(mode(&world.path("second.db")), 0o600);
    assert_eq!(served(&world, &second, &world.path("three").display().to_string()), before);
}

/// Begins to copy, and kills it as soon as it is known to be in the middle.
fn killed(world: &World, from: &str, to: &str, is_in_the_middle: impl Fn() -> bool) {
    let mut command = world.command(&["copy", "--from", from, "--to", to]);
    let mut copying = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    while !is_in_the_middle() {
        assert_eq!(copying.try_wait().unwrap(), None, "it ended before");
    }
    copying.kill().unwrap();
    assert!(!copying.wait().unwrap().success());
}

#[test]
fn a_copy_that_is_killed_leaves_none_and_can_be_made_again() {
    let (world, serve) = conversing();
    serve.stop();
    let first = format!("sqlite://{}", world.path("home/.local/share/baton/baton.db").display());
    let second = format!("sqlite://{}", world.path("second.db").display());
    let before = served(&world, &first, &world.path("one").display().to_string());
    assert!(before.contains("first") && before.contains("second"), "{before}");

    // Into PostgreSQL, where rows of the journal take their time.
    let postgres = Postgres::shared();
    let database = postgres.database();
    let name = database.rsplit('/').next().unwrap();
    postgres.slow(name, "baton.journal", 0.5);
    killed(&world, &first, &database, || postgres.is_slowed(name));
    let nothing = world.run(&["copy", "--from", &database, "--to", &second]);
    assert_eq!(nothing.code, 1, "{}", nothing.out);
    assert!(nothing.err.contains("nothing of Baton's in it"), "{}", nothing.err);
    postgres.hurry(name);
    assert_eq!(served(&world, &first, &world.path("two").display().to_string()), before, "it is what it was");
    let again = world.run(&["copy", "--from", &first, "--to", &database]);
    assert_eq!(again.code, 0, "{}", again.err);
    assert_eq!(served(&world, &database, &world.path("three").display().to_string()), before);

    // And back, where a table of those in the middle is kept from whoever reads.
    std::thread::scope(|scope| {
        let held = scope.spawn(|| postgres.hold(name, "baton.seen", 3.0));
        while !postgres.is_held(name, "baton.seen") {}
        killed(&world, &database, &second, || postgres.waiting(name, "baton.seen") > 0);
        held.join().unwrap();
    });
    assert!(!world.path("second.db").exists());
    assert_eq!(
        served(&world, &database, &world.path("four").display().to_string()),
        before,
        "it is what it was"
    );
    let again = world.run(&["copy", "--from", &database, "--to", &second]);
    assert_eq!(again.code, 0, "{}", again.err);
    assert_eq!(served(&world, &second, &world.path("five").display().to_string()), before);
    let left = std::fs::read_dir(world.directory.path()).unwrap().map(|entry| entry.unwrap().file_name());
    let left: Vec<_> = left.filter(|name| name.to_string_lossy().contains("making")).collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn what_cannot_be_copied_is_said() {
    let world = World::new();
    let file = |name: &str| format!("sqlite://{}", world.path(name).display());
    let database = Postgres::shared().database();
    for (words, code, why) in [
        (vec!["copy"], 2, "from where, and where to?"),
        (vec!["copy", "--from", "baton.db", "--to", &database], 2, "with the whole path"),
        (vec!["copy", "--from", &file("none.db"), "--to", &database], 1, "none.db is not there"),
        (vec!["copy", "--from", &file("none.db"), "--to", &file("other.db")], 1, "`baton backup`"),
        (vec!["copy", "--from", &database, "--to", &database], 1, "pg_dump"),
        (vec!["copy", "--from", &database, "--to", &file("other.db")], 1, "nothing of Baton's in it"),
    ] {
        let said = world.run(&words);
        assert_eq!(said.code, code, "{words:?}: {}", said.err);
        assert!(said.err.contains(why), "{words:?}: {}", said.err);
    }
    assert!(!world.path("none.db").exists() && !world.path("other.db").exists());
}
