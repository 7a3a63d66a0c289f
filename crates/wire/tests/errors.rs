//! The error table, from outside: code, subcode, text and bytes of every refusal.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use baton_rules::{Refusal, Surface};
use baton_wire::GraphError;
use serde_json::{Value, json};

#[test]
fn the_table_is_the_catalogue() {
    let mut table = String::new();
    for (refusal, id) in Refusal::ALL {
        for surface in [Surface::Messenger, Surface::Instagram] {
            let error = GraphError::of(*refusal, surface);
            let line = format!(
                "{id} | {} | {} | {} | {} | {}",
                error.status,
                error.code,
                error.subcode.unwrap_or_default(),
                error.kind,
                error.message
            );
            if surface == Surface::Messenger {
                writeln!(table, "{line}").unwrap();
            } else if !table.ends_with(&format!("{line}\n")) {
                writeln!(table, "{line} (instagram)").unwrap();
            }
            assert!(error.message.starts_with(&format!("(#{}) ", error.code)), "{id}");
            assert!(!error.transient && error.plain.is_some(), "{id}");
        }
    }
    insta::assert_snapshot!(table);
}

#[test]
fn api_6_the_body_is_the_platforms() {
    // wire.md 6.1, with plain words for people behind it.
    let error = GraphError { plain: None, ..GraphError::of(Refusal::WindowClosed, Surface::Messenger) };
    let expected = r#"{"error":{"message":"(#10) This message is sent outside of allowed window. Learn more about the new policy here: https://developers.facebook.com/docs/messenger-platform/policy-overview","type":"OAuthException","code":10,"error_subcode":2018278,"fbtrace_id":"EJplcsCHuLu"}}"#;
    assert_eq!(String::from_utf8(error.body("EJplcsCHuLu")).unwrap(), expected);
    let with = error.with_plain("Too late", "Wait \"ä\"");
    let body: Value = serde_json::from_slice(&with.body("EJplcsCHuLu")).unwrap();
    assert_eq!(body["error"]["error_user_title"], "Too late");
    assert_eq!(body["error"]["error_user_msg"], "Wait \"ä\"");
    let keys: Vec<_> = body["error"].as_object().unwrap().keys().collect();
    let order =
        ["message", "type", "code", "error_subcode", "error_user_title", "error_user_msg", "fbtrace_id"];
    assert_eq!(keys, order);
}

#[test]
fn what_is_not_there_is_left_out() {
    let body: Value = serde_json::from_slice(&GraphError::token().body("AbCdEfGhIjK")).unwrap();
    let message = "Invalid OAuth access token - Cannot parse access token";
    assert_eq!(
        body,
        json!({"error": {"message": message, "type": "OAuthException", "code": 190, "fbtrace_id": "AbCdEfGhIjK"}})
    );
    let body: Value = serde_json::from_slice(&GraphError::transient().body("x")).unwrap();
    assert_eq!(body["error"]["is_transient"], true);
}

#[test]
fn calls_that_are_never_decided_have_errors_too() {
    let table = [
        (GraphError::parameter("Invalid parameter"), 400, 100, None, "(#100) Invalid parameter"),
        (GraphError::required("recipient"), 400, 100, None, "(#100) The parameter recipient is required"),
        (
            GraphError::message_and_action(),
            400,
            100,
            Some(2018014),
            "(#100) Cannot send both message and state at the same time.",
        ),
        (GraphError::no_token(), 400, 104, None, "An access token is required to request this resource."),
        (GraphError::permission(), 400, 200, None, "(#200) Permissions error"),
        (GraphError::unknown_path("/x"), 400, 2500, None, "Unknown path components: /x"),
        (GraphError::rate(), 400, 613, None, "(#613) Calls to this api have exceeded the rate limit."),
        (GraphError::internal(), 500, 1, Some(99), "An unknown error occurred."),
        (
            GraphError::transient(),
            500,
            2,
            None,
            "An unexpected error has occurred. Please retry your request later.",
        ),
    ];
    for (error, status, code, subcode, message) in table {
        assert_eq!((error.status, error.code, error.subcode), (status, code, subcode), "{message}");
        assert_eq!(error.to_string(), message);
        assert_eq!(error.kind, "OAuthException");
    }
    let node = GraphError::unknown_node("POST", "77");
    assert_eq!((node.code, node.subcode, node.kind), (100, Some(33), "GraphMethodException"));
    assert!(node.message.starts_with("Unsupported post request. Object with ID '77' does not exist"));
    assert_eq!(GraphError::wrong_proof().kind, "GraphMethodException");
}

#[test]
fn an_error_is_recognised_by_its_first_bytes() {
    // restfb looks for `"error` in the first 50 characters of a body that begins with a brace.
    for (refusal, _) in Refusal::ALL {
        assert!(
            GraphError::of(*refusal, Surface::Messenger).body("x").starts_with(br#"{"error":{"message":"#)
        );
    }
}

#[test]
fn every_error_that_no_rule_gives_in_bytes() {
    let shown = |error: &GraphError| {
        let body = String::from_utf8(error.body("AbCdEfGhIjK")).unwrap();
        format!("{} {body}\n", error.status)
    };
    insta::assert_snapshot!(GraphError::every().iter().map(shown).collect::<String>());
}

/// A constructor that nobody shows is an error without a golden file.
#[test]
fn every_error_is_one_of_every() {
    let source = include_str!("../src/errors.rs");
    let (_, list) = source.split_once("pub fn every()").unwrap();
    let (list, _) = list.split_once("\n    }\n").unwrap();
    let made = source.split("pub fn ").skip(1).filter(|text| {
        let head = text
            .lines()
            .take_while(|line| !line.ends_with('{'))
            .chain(text.lines().find(|line| line.ends_with('{')));
        head.collect::<String>().contains("-> Self")
    });
    let names: Vec<&str> = made.filter_map(|text| text.split('(').next()).collect();
    assert!(names.len() > 25, "{names:?}");
    for name in names.into_iter().filter(|name| !["of", "with_plain"].contains(name)) {
        assert!(list.contains(&format!("{name}(")), "{name} is not shown");
    }
}

/// The compiler demands a line of the table for each refusal, and this that the golden files show it.
#[test]
fn every_refusal_is_one_of_all() {
    let source = include_str!("../src/errors.rs");
    let made: BTreeSet<&str> = source
        .split("(R::")
        .skip(1)
        .filter_map(|text| text.split(|c: char| !c.is_ascii_alphanumeric()).next())
        .collect();
    let shown: Vec<String> = Refusal::ALL.iter().map(|(refusal, _)| format!("{refusal:?}")).collect();
    assert_eq!(made, shown.iter().map(String::as_str).collect());
}

#[test]
fn every_refusal_in_bytes() {
    let mut all = String::new();
    for (refusal, id) in Refusal::ALL {
        for surface in [Surface::Messenger, Surface::Instagram] {
            let body = String::from_utf8(GraphError::of(*refusal, surface).body("AbCdEfGhIjK")).unwrap();
            writeln!(all, "{id} {surface:?}\n{body}").unwrap();
        }
    }
    insta::assert_snapshot!(all);
}
