//! `docs/what-differs.md`, held against a server: every refusal that it lists, and every test that it names.

use std::collections::BTreeSet;
use std::path::Path;

use baton_rules::{Refusal, Surface};
use baton_wire::GraphError;

use serde_json::Value;

use crate::world::World;

const PAGE: &str = include_str!("../../../../docs/what-differs.md");
const WIRE: &str = include_str!("../../../../docs/protocol/wire.md");

/// The rows of a section's table, each as its cells.
fn rows(section: &str) -> Vec<Vec<String>> {
    let text = PAGE.split("\n## ").find(|part| part.starts_with(section)).unwrap();
    let rows = text.lines().filter(|line| line.starts_with("| ")).skip(2);
    rows.map(|line| line.trim_matches('|').split(" | ").map(|cell| cell.trim().to_owned()).collect())
        .collect()
}

#[tokio::test]
async fn what_is_refused_is_refused_as_the_page_says() {
    let w = World::start().await;
    w.writes("2001", "ann").await;
    let rows = rows("Refused");
    assert!(rows.len() > 15, "{rows:?}");
    for row in rows {
        let [call, _, code] = row.as_slice() else { panic!("{row:?}") };
        let call = call.trim_matches('`');
        let (method, rest) = call.split_once(' ').unwrap();
        let (path, body) =
            rest.split_once(" {").map_or((rest, None), |(path, body)| (path, Some(format!("{{{body}"))));
        let request = w.client.request(method.parse().unwrap(), w.with_token(path, "market-bot"));
        let reply = match body {
            Some(body) => w.send(request.json(&serde_json::from_str::<Value>(&body).unwrap())).await,
            None => w.send(request).await,
        };
        let (found, subcode) = reply.code();
        let found = subcode.map_or(found.to_string(), |subcode| format!("{found} / {subcode}"));
        assert_eq!(&found, code, "{call}: {}", reply.text);
    }
}

#[test]
fn the_tests_that_the_page_names_are_there() {
    let mut sources = String::new();
    for file in std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/http_surface")).unwrap() {
        let path = file.unwrap().path();
        if path.extension().is_some_and(|kind| kind == "rs") {
            sources += &std::fs::read_to_string(path).unwrap();
        }
    }
    for row in rows("Answered otherwise") {
        let [what, _, test] = row.as_slice() else { panic!("{row:?}") };
        let name = format!("fn {}(", test.trim_matches('`'));
        assert!(sources.contains(&name), "{what}: there is no {name}");
    }
}

/// The errors of wire.md 6.3: `10 / 2018300`, `190`. A row may have several of either.
fn of_the_platform() -> BTreeSet<String> {
    let (_, text) = WIRE.split_once("\n### 6.3 Codes").unwrap();
    let (text, _) = text.split_once("\nNot found").unwrap();
    let rows = text.lines().filter(|line| line.starts_with("| ")).skip(1);
    rows.flat_map(|row| {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        let codes: Vec<&str> = cells[0].split(',').map(str::trim).collect();
        let subcodes: Vec<&str> = cells[1].split('/').map(str::trim).collect();
        let pair = |code: &str, subcode: &str| match subcode {
            "" | "–" => code.to_owned(),
            subcode => format!("{code} / {subcode}"),
        };
        codes.iter().flat_map(|code| subcodes.iter().map(|subcode| pair(code, subcode))).collect::<Vec<_>>()
    })
    .collect()
}

/// Those that are given here.
fn given() -> BTreeSet<String> {
    let both = [Surface::Messenger, Surface::Instagram];
    let refusals = Refusal::ALL.iter().flat_map(|(why, _)| both.map(|on| GraphError::of(*why, on)));
    let all = refusals.chain(GraphError::every());
    all.flat_map(|error| {
        let (code, subcode) = (error.code.to_string(), error.subcode.map(|subcode| subcode.to_string()));
        let pair = subcode.as_ref().map_or(code.clone(), |subcode| format!("{code} / {subcode}"));
        // The table has subcodes of the handover on their own.
        [Some(pair), subcode].into_iter().flatten()
    })
    .collect()
}

#[test]
fn every_error_of_the_platform_is_given_or_said_to_be_none() {
    let never: Vec<String> = rows("Errors that never come")
        .iter()
        .flat_map(|row| row[0].split(", ").map(str::to_owned).collect::<Vec<_>>())
        .collect();
    let given = given();
    let wrong: Vec<&String> = never.iter().filter(|error| given.contains(*error)).collect();
    // A fault on purpose has any code.
    assert_eq!(wrong, ["551"], "given, and said to be none");
    let missing: BTreeSet<String> = of_the_platform()
        .into_iter()
        .filter(|error| !given.contains(error) && !never.contains(error))
        .collect();
    assert_eq!(missing, BTreeSet::new());
    let unknown: Vec<&String> = never.iter().filter(|error| !of_the_platform().contains(*error)).collect();
    assert!(unknown.is_empty(), "no errors of the platform: {unknown:?}");
}
