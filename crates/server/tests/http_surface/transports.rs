//! One call in every spelling that deployed clients use (clients.md, "Request reading").

use serde_json::json;

use crate::expect;
use crate::world::{Reply, World};

/// A call as a client writes it.
struct Spelling {
    name: &'static str,
    method: &'static str,
    path: String,
    headers: Vec<(&'static str, &'static str)>,
    body: String,
}

fn spelling(
    name: &'static str,
    path: impl Into<String>,
    kind: &'static str,
    body: impl Into<String>,
) -> Spelling {
    let headers = if kind.is_empty() { Vec::new() } else { vec![("content-type", kind)] };
    Spelling { name, method: "POST", path: path.into(), headers, body: body.into() }
}

async fn send(w: &World, spelling: &Spelling) -> Reply {
    let method = spelling.method.parse().unwrap();
    let mut request = w.client.request(method, w.url(&spelling.path)).body(spelling.body.clone());
    for (name, value) in &spelling.headers {
        request = request.header(*name, *value);
    }
    w.send(request).await
}

const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";

#[tokio::test]
async fn one_call_in_every_spelling() {
    let w = World::start().await;
    let token = "access_token=garage-bot";
    let body = json!({"recipient": {"id": "ann"}, "target_app_id": 222}).to_string();
    let with_token =
        json!({"access_token": "garage-bot", "recipient": {"id": "ann"}, "target_app_id": "222"});
    let edge = "/me/pass_thread_control";
    let encoded = "recipient=%7B%22id%22%3A%22ann%22%7D&target_app_id=222";
    let mut table = vec![
        spelling("token in the query", format!("{edge}?{token}"), JSON, &body),
        spelling("token in a JSON body", edge, JSON, with_token.to_string()),
        spelling(
            "JSON texts inside JSON",
            format!("{edge}?{token}"),
            JSON,
            r#"{"recipient":"{\"id\":\"ann\"}","target_app_id":222}"#,
        ),
        spelling("form of JSON texts", format!("{edge}?{token}"), FORM, encoded),
        spelling("token in a form", edge, FORM, format!("{encoded}&{token}")),
        spelling("brackets", format!("{edge}?{token}"), FORM, "recipient[id]=ann&target_app_id=222"),
        spelling(
            "escaped brackets",
            format!("{edge}?{token}"),
            FORM,
            "recipient%5Bid%5D=ann&target_app_id=222",
        ),
        spelling(
            "a form without a type",
            format!("{edge}?{token}"),
            "",
            "recipient[id]=ann&target_app_id=222",
        ),
        spelling("all in the query", format!("{edge}?{token}&{encoded}"), "", ""),
        spelling("an empty JSON body", format!("{edge}?{token}&{encoded}"), JSON, ""),
        spelling(
            "single quotes",
            format!("{edge}?{token}&recipient=%7B%27id%27:%27ann%27%7D&target_app_id=222"),
            "",
            "",
        ),
        spelling("no quotes", format!("{edge}?{token}&recipient=%7Bid:ann%7D&target_app_id=222"), "", ""),
        spelling(
            "nulls and unknown fields",
            format!("{edge}?{token}"),
            JSON,
            r#"{"recipient":{"id":"ann"},"target_app_id":"222","metadata":null,"id":"2002"}"#,
        ),
        spelling("POST as such", format!("{edge}?{token}&method=post"), JSON, &body),
        spelling("an old version", format!("/v2.6{edge}?{token}"), JSON, &body),
        spelling("a version without its letter", format!("/2.12{edge}?{token}"), JSON, &body),
        spelling("no node", format!("/v2.9/pass_thread_control?{token}"), JSON, &body),
        spelling("a version to come", format!("/v99.0{edge}?{token}"), JSON, &body),
        spelling("a slash at the end", format!("/v19.0{edge}/?{token}"), JSON, &body),
        spelling("slashes too many", format!("//v19.0/{edge}?{token}"), JSON, &body),
        spelling("the page by its id", format!("/2002/pass_thread_control?{token}"), JSON, &body),
    ];
    for header in ["Bearer garage-bot", "OAuth garage-bot", "bearer garage-bot"] {
        let mut spelling = spelling("token in the header", edge, JSON, &body);
        spelling.headers.push(("authorization", header));
        table.push(spelling);
    }
    let mut tunnel = spelling("GET that means POST", format!("{edge}?{token}&{encoded}&method=post"), "", "");
    tunnel.method = "GET";
    table.push(tunnel);
    for spelling in &table {
        w.writes("2002", "ann").await;
        let reply = send(&w, spelling).await;
        assert_eq!((reply.status, reply.text.as_str()), (200, "{\"success\":true}"), "{}", spelling.name);
        let back = w.call("garage-bot", "/me/take_thread_control", json!({"recipient": {"id": "ann"}})).await;
        assert_eq!(back.status, 200, "{}: {}", spelling.name, back.text);
    }
}

#[tokio::test]
async fn a_read_may_be_tunnelled_too() {
    let w = World::start().await;
    let request =
        w.client.post(w.url("/me")).header("content-type", FORM).body("method=get&access_token=market-bot");
    expect!(w.send(request).await, 200, "{\"name\":\"Market\",\"id\":\"2001\"}");
}

#[tokio::test]
async fn api_4_the_first_token_that_is_found_counts() {
    let w = World::start().await;
    let url = w.url("/me?access_token=market-bot");
    let request = w.client.get(&url).bearer_auth("garage-bot");
    expect!(w.send(request).await, 200, "\"2001\"");
    let request = w.client.get(w.url("/me?access_token=")).bearer_auth("garage-bot");
    expect!(w.send(request).await, 200, "\"2002\"");
    let request = w
        .client
        .post(w.url("/me?access_token=market-bot&method=get"))
        .json(&json!({"access_token": "wrong"}));
    expect!(w.send(request).await, 200, "\"2001\"");
}

#[tokio::test]
async fn the_proof_of_a_secret_is_checked_when_there() {
    let w = World::start().await;
    // HMAC-SHA256 of "market-bot" and of "market-bot|1767225600", with the key "test_secret".
    let proof = baton_wire::signature::proof("test_secret", "market-bot", None);
    let timed = baton_wire::signature::proof("test_secret", "market-bot", Some("1767225600"));
    let path = |proof: &str, more: &str| format!("/me?appsecret_proof={proof}{more}");
    expect!(w.read("market-bot", &path(&proof, "")).await, 200, "Market");
    expect!(w.read("market-bot", &path(&timed, "&appsecret_time=1767225600")).await, 200, "Market");
    let others = baton_wire::signature::proof("desk_secret", "market-bot", None);
    let of_another = baton_wire::signature::proof("test_secret", "human-desk", None);
    let strangers = [path(&others, ""), path(&of_another, "")];
    for wrong in strangers.into_iter().chain([
        path("00", ""),
        path(&proof, "&appsecret_time=1767225600"),
        path(&timed, ""),
    ]) {
        let reply = w.read("market-bot", &wrong).await;
        expect!(
            reply,
            400,
            "Invalid appsecret_proof provided in the API argument",
            "GraphMethodException",
            "\"code\":100"
        );
    }
}

#[tokio::test]
async fn a_client_may_ask_for_status_200() {
    let w = World::start().await;
    expect!(w.read("market-bot", "/me/nothing?suppress_http_code=1").await, 200, "{\"error\":{");
}
