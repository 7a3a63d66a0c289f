//! `PUT /routing` and `GET /routing`.

use baton_server::config::Limits;
use serde_json::{Value, json};

use crate::expect;
use crate::world::{DESK, OPERATOR, ROUTING, World};

const PATH: &str = "/baton/v1/routing";
const TOML: &str = "application/toml";

#[tokio::test]
async fn what_is_put_is_told_once_and_read_back_without_secrets() {
    let w = World::empty(Limits::default(), true).await;
    let routing = "[[apps]]\nname = \"Bot\"\n[[pages]]\nid = \"1\"\nname = \"P\"\n[[pages.connections]]\napp = \"Bot\"\n";
    let put = w.put(PATH, TOML, routing).await;
    assert_eq!(put.status, 200, "{}", put.text);
    let got = w.get(PATH).await;
    let keys = |body: &Value| body.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    let all = ["changes", "threads_moved", "moved", "warnings", "generated", "notices"];
    assert_eq!(keys(&put.json()), all);
    assert_eq!(keys(&got.json()), ["apps", "pages", "warnings"]);
    assert_eq!(got.json()["apps"][0]["name"], "Bot");
    assert_eq!(keys(&put.json()["changes"][0]), ["pointer", "from", "to"]);
    // The generated token works; it is told once and never again.
    let generated = put.json()["generated"].clone();
    let text = generated.to_string();
    let token = text.split('"').find(|part| part.starts_with("EAA")).unwrap().to_owned();
    expect!(w.read(&token, "/me").await, 200, "{\"name\":\"P\",\"id\":\"1\"}");
    assert!(!got.text.contains(&token), "{}", got.text);
    let again = w.put(PATH, TOML, routing).await.json();
    assert_eq!(
        (&again["changes"], again["generated"].to_string().contains("EAA")),
        (&json!([]), false),
        "{again:#}"
    );
    expect!(w.read(&token, "/me").await, 200, "\"1\"");
}

#[tokio::test]
async fn what_is_read_can_be_put() {
    let w = World::as_filed(Limits::default()).await;
    let got = w.get(PATH).await.json();
    let put = w.put(PATH, "application/json; charset=utf-8", &got.to_string()).await;
    assert_eq!(put.status, 200, "{}", put.text);
    assert_eq!(put.json()["changes"], json!([]), "{}", put.text);
    assert_eq!(w.get(PATH).await.json(), got);
}

#[tokio::test]
async fn a_dry_run_changes_nothing_and_counts_what_would_move() {
    let w = World::as_filed(Limits::default()).await;
    for person in ["ann", "bob", "cleo"] {
        w.writes("2001", person).await;
    }
    let pass = json!({"recipient": {"id": "bob"}, "target_app_id": DESK});
    assert_eq!(w.call("market-bot", "/me/pass_thread_control", pass).await.status, 200);
    let other = ROUTING.replace("default_app = \"Sales bot\"", "default_app = \"Desk\"");
    let dry = w.put(&format!("{PATH}?dry_run=true"), TOML, &other).await.json();
    // Ann's and Cleo's threads are the default app's; Bob's is the desk's before and after.
    assert_eq!(dry["threads_moved"], 2, "{dry:#}");
    let moves =
        |person| json!({"page_id": "2001", "person_id": person, "from_app_id": "111", "to_app_id": DESK});
    let mut moved = dry["moved"].as_array().unwrap().clone();
    moved.sort_by_key(|thread| thread["person_id"].to_string());
    assert_eq!(moved, [moves("ann"), moves("cleo")]);
    assert_eq!(dry["changes"][0]["pointer"], "/pages/2001/messenger/default_app");
    assert_eq!(w.get("/baton/v1/pages/2001/threads/ann").await.json()["owner_app_id"], "111");
    let put = w.put(PATH, TOML, &other).await.json();
    assert_eq!((&put["threads_moved"], &put["moved"]), (&json!(2), &dry["moved"]), "{put:#}");
    assert_eq!(w.get("/baton/v1/pages/2001/threads/ann").await.json()["owner_app_id"], DESK);
    // What would be made up is made up anew when it is done: nobody is told what would never be valid.
    let new = "[[apps]]\nname = \"New\"\n";
    let dry = w.put(&format!("{PATH}?dry_run=true"), TOML, new).await.json();
    assert_eq!(dry["generated"], json!({"apps": [], "pages": []}), "{dry:#}");
    assert!(!dry["changes"].as_array().unwrap().is_empty(), "{dry:#}");
    // A day later nobody has a live thread: nothing moves.
    w.post("/baton/v1/clock", json!({"advance": "2d"})).await;
    let back = w.put(&format!("{PATH}?dry_run=true"), TOML, ROUTING).await.json();
    assert_eq!(back["threads_moved"], 0, "{back:#}");
    // Without its page, what is live is nobody's.
    w.writes("2002", "ann").await;
    let only = "[[pages]]\nid = \"2001\"\n";
    let pruned = w.put(&format!("{PATH}?dry_run=true&prune=true"), TOML, only).await.json();
    assert_eq!(pruned["threads_moved"], 1, "{pruned:#}");
    let gone = json!({"page_id": "2002", "person_id": "ann", "from_app_id": "111", "to_app_id": null});
    assert_eq!(pruned["moved"], json!([gone]));
}

#[tokio::test]
async fn bad_routing_by_table() {
    let w = World::start().await;
    #[rustfmt::skip]
    let table = [
        // type, body, status, slug, part of the answer
        ("text/plain", "", 415, "unsupported-media-type", "application/toml or application/json"),
        ("", "", 415, "unsupported-media-type", "application/toml or application/json"),
        (TOML, "[[apps]\n", 400, "not-toml", "line 1"),
        (TOML, "[[appz]]\nname = \"x\"\n", 400, "bad-body", "apps"),
        (TOML, "[[apps]]\nid = 5\nname = \"x\"\n", 400, "bad-body", "\"/apps/0/id\""),
        (TOML, "[[apps]]\nname = \"inbox\"\n", 400, "bad-body", "\"/apps/0/name\""),
        (TOML, "[[pages]]\nid = \"2001\"\nmessenger = { default_app = \"Nobody\" }\n", 400, "bad-body", "Nobody"),
        (TOML, "[[pages]]\nid = \"2002\"\nmessenger = { primary_receiver = \"inbox\" }\n", 409, "settings-refused", "SET-2"),
        ("application/json", "{", 400, "not-json", "line 1"),
        ("application/json", "[]", 400, "bad-body", "pointer"),
        ("application/json", "{\"apps\": [{\"name\": 5}]}", 400, "bad-body", "\"/apps/0/name\""),
    ];
    let before = w.get(PATH).await.json();
    for (kind, body, status, slug, part) in table {
        let reply = w.put(PATH, kind, body).await;
        let what = format!("{kind} {body}: {}", reply.text);
        assert_eq!((reply.status, reply.slug().as_str()), (status, slug), "{what}");
        assert!(reply.text.contains(part), "{part:?} not in {what}");
    }
    let deep = format!("{{\"apps\": {}{}}}", "[".repeat(64), "]".repeat(64));
    let reply = w.put(PATH, "application/json", &deep).await;
    assert_eq!((reply.status, reply.slug().as_str()), (400, "too-deep"));
    let reply = w.put(&format!("{PATH}?dry-run=true"), TOML, "").await;
    assert_eq!((reply.status, reply.slug().as_str()), (400, "bad-parameter"));
    let reply = w.put(&format!("{PATH}?dry_run=yes"), TOML, "").await;
    assert_eq!((reply.status, reply.slug().as_str()), (400, "bad-parameter"));
    assert_eq!(w.get(PATH).await.json(), before, "nothing changed");
}

#[tokio::test]
async fn an_address_that_does_not_verify_is_reported() {
    let w = World::start().await;
    let routing = "[[apps]]\nid = \"111\"\nname = \"Sales bot\"\nwebhook_url = \"http://127.0.0.1:9/\"\nverify_token = \"v\"\n";
    let put = w.put(PATH, TOML, routing).await.json();
    let warnings = put["warnings"].as_array().unwrap();
    let told = warnings.iter().any(|one| {
        one["pointer"] == "/apps/111/webhook_url"
            && one["detail"].as_str().unwrap().contains("nobody is reached")
    });
    assert!(told, "{put:#}");
}

#[tokio::test]
async fn a_single_apps_address_that_does_not_verify_is_reported_with_the_app() {
    let w = World::start().await;
    let told = |app: &Value| {
        let pointer = format!("/apps/{}/webhook_url", app["id"].as_str().unwrap());
        let warnings = app["warnings"].as_array().unwrap();
        assert_eq!((warnings.len(), &warnings[0]["pointer"]), (1, &json!(pointer)), "{app:#}");
        assert_eq!(warnings[0]["rule"], Value::Null);
        assert!(warnings[0]["detail"].as_str().unwrap().contains("nobody is reached"), "{app:#}");
    };
    let url = "http://127.0.0.1:9/";
    let made =
        w.post("/baton/v1/apps", json!({"name": "New", "webhook_url": url, "verify_token": "v"})).await;
    assert_eq!(made.status, 201, "{}", made.text);
    told(&made.json());
    let patch = async |body: Value| {
        let path = w.url(&format!("/baton/v1/apps/{}", made.json()["id"].as_str().unwrap()));
        let patched = w.send(w.client.patch(path).bearer_auth(OPERATOR).json(&body)).await;
        assert_eq!(patched.status, 200, "{}", patched.text);
        patched.json()
    };
    told(&patch(json!({"name": "Newer"})).await);
    told(&patch(json!({"webhook_url": "http://127.0.0.1:9/other"})).await);
    assert!(patch(json!({"webhook_url": null})).await.get("warnings").is_none());
}
