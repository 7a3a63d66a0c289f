//! `docs/what-differs.md`, held against a server: every refusal that it lists, and every test that it names.

use std::path::Path;

use serde_json::Value;

use crate::world::World;

const PAGE: &str = include_str!("../../../../docs/what-differs.md");

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
