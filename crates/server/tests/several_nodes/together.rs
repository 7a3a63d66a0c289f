//! Several nodes over one database.

use std::time::Duration;

use baton_pgtest::Server as Postgres;
use serde_json::{Value, json};

use super::support::{Server, World, bearer, http};
use super::{apply, ask, owner, pass, pass_at, serve, value, write, write_to};

/// Longer than a node may stand still without noticing.
const STANDS_STILL: Duration = Duration::from_secs(6);

/// What a node says of those that are there: names, and how many streams each delivers.
fn nodes(node: &Server) -> Vec<(String, usize)> {
    let answer = value(&ask(node, "GET", "/baton/v1/nodes", &Value::Null));
    let there = answer["nodes"].as_array().unwrap().iter().filter(|one| one["there"] == true);
    there
        .map(|one| (one["name"].as_str().unwrap().to_owned(), one["streams"].as_array().unwrap().len()))
        .collect()
}

/// Asks until an answer is the one that is expected.
fn until<T: PartialEq + std::fmt::Debug>(expected: &T, ask: impl Fn() -> T) {
    let mut last = ask();
    for _ in 0..2_000 {
        if last == *expected {
            return;
        }
        last = ask();
    }
    assert_eq!(last, *expected);
}

fn named(shares: &[(&str, usize)]) -> Vec<(String, usize)> {
    shares.iter().map(|(name, streams)| ((*name).to_owned(), *streams)).collect()
}

#[test]
fn nodes_share_the_streams_and_one_takes_over_what_another_leaves() {
    let database = Postgres::shared().database();
    let (first, second) = (World::new(), World::new());
    let one = serve(&first, &database, &[("BATON_NODE", "one")]);
    assert_eq!(nodes(&one), named(&[("one", 16)]));
    let two = serve(&second, &database, &[("BATON_NODE", "two")]);
    until(&named(&[("one", 8), ("two", 8)]), || nodes(&two));
    let told = first.run(&["nodes", "--server", &two.url, "--token", super::OPERATOR]);
    assert_eq!((told.code, told.out.matches("delivers 8 streams").count()), (0, 2), "{}", told.out);
    assert!(told.out.contains("(this one)"), "{}", told.out);
    // One goes as a service manager wants it to, and the other has everything.
    one.stop();
    until(&named(&[("two", 16)]), || nodes(&two));
    let metrics = ask(&two, "GET", "/metrics", &Value::Null).body;
    until(&true, || metrics.contains("baton_delivered_streams 16") || nodes(&two).is_empty());
    two.stop();
}

#[test]
fn what_one_node_is_told_the_others_know() {
    let database = Postgres::shared().database();
    let (first, second) = (World::new(), World::new());
    let (one, two) = (serve(&first, &database, &[]), serve(&second, &database, &[]));
    apply(&first, &one);
    assert_eq!(write(&one, "ada", "Hello").status, 200);
    assert_eq!(pass(&two, "ada").status, 200);
    assert_eq!(
        (owner(&one, "ada"), owner(&two, "ada")),
        (json!("700000000000002"), json!("700000000000002"))
    );
    // Of two that would take control at once, whichever is asked, one has it: a key is one answer.
    let event = json!({"type": "message", "message": {"text": "Again"}, "event_id": "once"});
    let path = "/baton/v1/pages/2001/people/ada/events";
    let ids = [&one, &two].map(|node| value(&ask(node, "POST", path, &event))["message_id"].clone());
    assert!(ids[0].is_string() && ids[0] == ids[1], "{ids:?}");
    // A token counts at the other in the moment in which it is answered, as often as that is tried.
    for round in 0..20 {
        let path = "/baton/v1/pages/2001/connections/700000000000002/tokens";
        let made = value(&ask(&one, "POST", path, &json!({})));
        let me = format!("{}/v25.0/me?access_token={}", two.url, made["token"].as_str().unwrap());
        // Alone, in a batch, and where it is looked at before a body that is large.
        let batch = json!({"batch": [{"method": "GET", "relative_url": "me"}]}).to_string();
        let large = format!("{batch}{}", " ".repeat(20_000));
        let json = ("content-type", "application/json".to_owned());
        let known = match round % 3 {
            0 => http("GET", &me, &[], ""),
            1 => http("POST", &me, &[json], &batch),
            _ => http("POST", &me, &[json], &large),
        };
        assert_eq!(known.status, 200, "{round}: {}", known.body);
    }
    // And so does an app, in a file that names it and where something is only tried.
    for round in 0..20 {
        let name = format!("App {round}");
        let made = json!({"apps": [{"id": format!("{}", 900 + round), "name": name}]});
        assert_eq!(ask(&one, "PUT", "/baton/v1/routing", &made).status, 200);
        let on = json!({"pages": [{"id": "2001", "connections": [{"app": name}]}]});
        let tried = json!({"event": {"type": "message", "message": {"text": "Hello"}}, "routing": on});
        let tried = ask(&two, "POST", "/baton/v1/pages/2001/threads/ada/dry-run", &tried);
        assert_eq!(tried.status, 200, "{round}: {}", tried.body);
        let another = json!({"apps": [{"id": format!("{}", 950 + round), "name": format!("Other {round}")}]});
        assert_eq!(ask(&one, "PUT", "/baton/v1/routing", &another).status, 200);
        let on = json!({"pages": [{"id": "2001", "connections": [{"app": format!("Other {round}")}]}]});
        let put = ask(&two, "PUT", "/baton/v1/routing", &on);
        assert_eq!(put.status, 200, "{round}: {}", put.body);
        assert!(
            ask(&one, "GET", "/baton/v1/directory", &Value::Null).body.contains(&format!("Other {round}"))
        );
    }
    one.stop();
    two.stop();
}

#[test]
fn what_came_to_a_node_before_it_stood_still_it_does_not_begin() {
    let database = Postgres::shared().database();
    let (first, second) = (World::new(), World::new());
    let (one, two) = (serve(&first, &database, &[]), serve(&second, &database, &[]));
    apply(&first, &one);
    assert_eq!(write(&one, "ada", "Hello").status, 200);
    one.signal("-STOP");
    let (event, passing) = (one.url.clone(), one.url.clone());
    let writes = std::thread::spawn(move || write_to(&event, "ada", "asked of one that sleeps"));
    let passes = std::thread::spawn(move || pass_at(&passing, "ada"));
    // Whoever is tired of waiting asks another node.
    assert_eq!(write(&two, "ada", "asked of another").status, 200);
    std::thread::sleep(STANDS_STILL);
    one.signal("-CONT");
    let (writes, passes) = (writes.join().unwrap(), passes.join().unwrap());
    assert_eq!((writes.status, &value(&writes)["type"]), (503, &json!("/problems/busy")), "{}", writes.body);
    let error = value(&passes)["error"].clone();
    assert_eq!((&error["code"], &error["is_transient"]), (&json!(2), &json!(true)), "{}", passes.body);
    // A moment later it is as it was.
    until(&200, || write(&one, "ada", "asked of one that is awake").status);
    let said = ask(&one, "GET", "/baton/v1/pages/2001/threads/ada/messages", &Value::Null).body;
    assert!(said.contains("asked of another") && said.contains("that is awake"), "{said}");
    assert!(!said.contains("that sleeps"), "{said}");
    assert_eq!(owner(&two, "ada"), json!("700000000000001"), "and nothing was passed");
    one.stop();
    two.stop();
}

#[test]
fn a_virtual_clock_is_one_nodes_own() {
    let database = Postgres::shared().database();
    let world = World::new();
    let one = serve(&world, &database, &[("BATON_CLOCK", "virtual")]);
    let clock = ask(&one, "POST", "/baton/v1/clock", &json!({"advance": "25h"}));
    assert_eq!(clock.status, 200, "{}", clock.body);
    let mut second = world.command(&["serve", "--json", "--listen", "127.0.0.1:0"]);
    let refused = super::support::said(&second.env("BATON_DATABASE", &database).output().unwrap());
    assert_eq!(refused.code, 1);
    assert!(refused.err.contains("another Baton uses this database"), "{}", refused.err);
    one.stop();
}

#[test]
fn a_file_has_no_nodes() {
    let world = World::new();
    let node = world.serve(&["--token", super::OPERATOR]);
    let answer = http("GET", &format!("{}/baton/v1/nodes", node.url), &[bearer(super::OPERATOR)], "");
    assert_eq!((answer.status, value(&answer)["type"].clone()), (409, json!("/problems/one-node")));
    node.stop();
}
