//! Every error as a client gets it, over HTTP: status, headers and body, on both surfaces.

use std::fmt::Write as _;

use axum::http::HeaderMap;
use baton_rules::{Refusal, Surface};
use baton_wire::GraphError;

use super::usage::Seen;
use super::{VERSION, rendered};

const TRACE: &str = "AbCdEfGhIjK";

/// An answer: its status and body, and its headers without those that all have alike.
async fn shown(error: GraphError, seen: &Seen) -> (HeaderMap, String) {
    let response = rendered(Err(error.into()), VERSION, TRACE.to_owned(), false, seen);
    let (mut parts, body) = response.into_parts();
    let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
    let challenge = parts.headers.remove("www-authenticate");
    let challenge = challenge.as_ref().map_or("", |value| value.to_str().unwrap());
    let text = format!("{} [{challenge}]\n{}\n", parts.status, std::str::from_utf8(&body).unwrap());
    (parts.headers, text)
}

#[tokio::test]
async fn every_error_as_it_goes_out() {
    let seen = Seen::default();
    let (common, _) = shown(GraphError::internal(), &seen).await;
    let mut all = String::new();
    for (name, value) in &common {
        writeln!(all, "{name}: {}", value.to_str().unwrap()).unwrap();
    }
    let both = [Surface::Messenger, Surface::Instagram];
    let refused =
        Refusal::ALL.iter().flat_map(|(refusal, id)| both.map(|on| (*id, GraphError::of(*refusal, on))));
    let others = GraphError::every().into_iter().map(|error| ("no rule", error));
    let mut last = String::new();
    for (name, error) in refused.chain(others) {
        let (headers, text) = shown(error.clone(), &seen).await;
        assert_eq!(headers, common, "{name}");
        // To a token of an account, as graph.instagram.com has it: another type, and no challenge.
        let (_, instagram) = shown(error, &Seen::default().by(true)).await;
        let (status, body) = text.split_once(" [").unwrap();
        let (_, body) = body.split_once("]\n").unwrap();
        assert_eq!(
            instagram,
            format!("{status} []\n{}", body.replace("OAuthException", "IGApiException")),
            "{name}"
        );
        if text != last {
            write!(all, "\n{name}: {text}").unwrap();
        }
        last = text;
    }
    insta::assert_snapshot!(all);
}
