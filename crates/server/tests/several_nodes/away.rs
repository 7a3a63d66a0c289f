//! The database goes, and comes back.

use baton_pgtest::{Keeping, Server as Postgres};
use serde_json::json;

use super::support::{World, http};
use super::{apply, pass, serve, value, write};

#[test]
fn while_the_database_is_away_calls_are_told_to_try_again_and_then_it_goes_on() {
    let postgres = Postgres::start(Keeping::Durable);
    let database = postgres.database().replace("baton@", "baton:s3cret@");
    let world = World::new();
    let node = serve(&world, &database, &[]);
    apply(&world, &node);
    assert_eq!(write(&node, "ada", "Hello").status, 200);
    let ready = || http("GET", &format!("{}/readyz", node.url), &[], "").status;
    assert_eq!(ready(), 200);
    postgres.stop();
    assert_eq!(ready(), 503);
    let refused = pass(&node, "ada");
    let error = value(&refused)["error"].clone();
    assert_eq!((&error["code"], &error["is_transient"]), (&json!(2), &json!(true)), "{}", refused.body);
    assert_eq!(write(&node, "ada", "Are you there?").status, 503);
    assert_eq!(http("GET", &format!("{}/healthz", node.url), &[], "").status, 200, "it lives");
    postgres.go_on();
    assert_eq!(write(&node, "ada", "Are you there now?").status, 200);
    assert_eq!((ready(), pass(&node, "ada").status), (200, 200));
    let said = node.stop();
    assert!(!said.contains("s3cret"), "{said}");
}
