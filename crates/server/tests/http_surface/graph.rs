//! The Graph API: whole answers of the main calls, and who may call what.

use serde_json::{Value, json};

use crate::expect;
use crate::world::{ACCOUNT, BOT, DESK, World, without_ids};

fn to(person: &str) -> Value {
    json!({"recipient": {"id": person}})
}

fn text(person: &str) -> Value {
    json!({"recipient": {"id": person}, "messaging_type": "RESPONSE", "message": {"text": "hi"}})
}

#[tokio::test]
async fn whole_answers_of_conversation_routing() {
    let w = World::start().await;
    w.writes("2001", "ann").await;
    let mut all = Vec::new();
    for (title, reply) in [
        ("the default app sends", w.call("market-bot", "/v19.0/me/messages", text("ann")).await),
        (
            "it passes",
            w.call(
                "market-bot",
                "/v19.0/me/pass_thread_control",
                json!({"recipient": {"id": "ann"}, "target_app_id": DESK}),
            )
            .await,
        ),
        ("it sends without control", w.call("market-bot", "/v19.0/me/messages", text("ann")).await),
        (
            "the owner asks who has control",
            w.read("market-desk", "/v19.0/me/thread_owner?recipient=ann").await,
        ),
        ("the default app asks", w.read("market-bot", "/2001/thread_owner?recipient=ann").await),
        ("another app asks", w.read("market-draft", "/2001/thread_owner?recipient=ann").await),
        ("take is no more", w.call("market-desk", "/me/take_thread_control", to("ann")).await),
        ("the owner releases", w.call("market-desk", "/me/release_thread_control", to("ann")).await),
        ("twice", w.call("market-desk", "/me/release_thread_control", to("ann")).await),
    ] {
        all.push(format!("## {title}\n{}", reply.shown()));
    }
    insta::assert_snapshot!(without_ids(&all.join("\n\n")));
}

#[tokio::test]
async fn whole_answers_of_the_handover_protocol() {
    let w = World::start().await;
    w.writes("2002", "ann").await;
    let mut all = Vec::new();
    for (title, reply) in [
        ("the primary owns after a message", w.read("garage-bot", "/me/thread_owner?recipient=ann").await),
        ("the other app sends", w.call("garage-desk", "/me/messages", text("ann")).await),
        ("the other app takes", w.call("garage-desk", "/me/take_thread_control", to("ann")).await),
        (
            "it requests",
            w.call(
                "garage-desk",
                "/me/request_thread_control",
                json!({"recipient": {"id": "ann"}, "metadata": "please"}),
            )
            .await,
        ),
        (
            "the primary passes",
            w.call(
                "garage-bot",
                "/me/pass_thread_control",
                json!({"recipient": {"id": "ann"}, "target_app_id": 222}),
            )
            .await,
        ),
        (
            "it extends",
            w.call(
                "garage-desk",
                "/me/extend_thread_control",
                json!({"recipient": {"id": "ann"}, "duration": 604_800}),
            )
            .await,
        ),
        (
            "it says something",
            w.call(
                "garage-desk",
                "/me/pass_thread_metadata",
                json!({"recipient": {"id": "ann"}, "target_app_id": BOT, "metadata": "psst"}),
            )
            .await,
        ),
        ("the primary sends without control", w.call("garage-bot", "/me/messages", text("ann")).await),
        ("the primary takes", w.call("garage-bot", "/me/take_thread_control", to("ann")).await),
        ("the primary releases", w.call("garage-bot", "/me/release_thread_control", to("ann")).await),
        ("nobody owns", w.read("garage-bot", "/me/thread_owner?recipient=ann").await),
        (
            "the other app, with numbers, takes",
            w.call("garage-desk", "/me/take_thread_control", to("ann")).await,
        ),
    ] {
        all.push(format!("## {title}\n{}", reply.shown()));
    }
    insta::assert_snapshot!(without_ids(&all.join("\n\n")));
}

#[tokio::test]
async fn a_trace_id_is_in_body_and_header() {
    let w = World::start().await;
    let reply = w.call("market-bot", "/v2.6/me/messages", text("nobody")).await;
    let id = reply.json()["error"]["fbtrace_id"].as_str().unwrap().to_owned();
    assert!(id.len() >= 11, "{id}");
    assert_eq!(reply.header("x-fb-trace-id"), id);
    assert_eq!(reply.header("facebook-api-version"), "v2.6");
    assert_eq!(reply.header("content-type"), "application/json; charset=UTF-8");
    assert!(
        reply.text.starts_with("{\"error\":{\"message\":\"(#100) No matching user found\""),
        "{}",
        reply.text
    );
    let another = w.call("market-bot", "/me/messages", text("nobody")).await;
    assert_ne!(another.header("x-fb-trace-id"), id);
}

type Row = (&'static str, &'static str, Value, (u64, Option<u64>), &'static str);

#[tokio::test]
async fn errors_by_table() {
    let w = World::start().await;
    w.writes("2001", "ann").await;
    w.writes("2002", "ann").await;
    let pass = "/me/pass_thread_control";
    let send = "/me/messages";
    #[rustfmt::skip]
    let table: Vec<Row> = vec![
        // token, path, body, code, part of the answer
        ("",             send, text("ann"),                     (104, None), "An access token is required"),
        ("wrong",        send, text("ann"),                     (190, None), "Invalid OAuth access token"),
        ("market-bot",   "/2002/messages", text("ann"),         (100, Some(33)), "Object with ID '2002' does not exist"),
        ("market-bot",   "/999/messages", text("ann"),          (100, Some(33)), "Object with ID '999' does not exist"),
        ("market-bot",   "/999x/messages", text("ann"),         (100, Some(33)), "GraphMethodException"),
        ("market-bot",   "/me/nothing", text("ann"),            (2500, None), "Unknown path components: /nothing"),
        ("market-bot",   "/me/messages/more", text("ann"),      (2500, None), "Unknown path components: /messages/more"),
        ("market-bot",   "/me/thread_owner", to("ann"),         (100, Some(33)), "Unsupported post request."),
        ("market-bot",   "/me", to("ann"),                      (100, Some(33)), "Unsupported post request."),
        ("market-bot",   "/", to("ann"),                        (100, Some(33)), "Unsupported post request."),
        ("market-bot",   send, json!({}),                       (100, None), "The parameter recipient is required"),
        ("market-bot",   send, to("ann"),                       (100, None), "param message must be non-empty."),
        ("market-bot",   send, text("a b"),                     (100, None), "recipient[id]"),
        ("market-bot",   send, text("bob"),                     (100, Some(2_018_001)), "No matching user found"),
        ("market-bot",   pass, json!({"recipient": {"id": "ann"}, "target_app_id": "444"}), (100, Some(2_018_164)), "Incorrect App ID."),
        ("market-bot",   pass, json!({"recipient": {"id": "ann"}, "target_app_id": 444}),   (100, Some(2_018_164)), "Incorrect App ID."),
        ("market-bot",   pass, json!({"recipient": {"id": "ann"}, "target_app_id": "Desk"}), (100, None), "target_app_id"),
        ("market-bot",   pass, json!({"recipient": {"id": "ann"}, "metadata": "x".repeat(2001)}), (100, None), "metadata"),
        ("market-desk",  pass, to("ann"),                       (100, None), "not the thread owner"),
        ("garage-desk",  send, text("ann"),                     (10, Some(2_018_300)), "another app is controlling this thread now"),
        ("garage-bot",   "/me/extend_thread_control", json!({"recipient": {"id": "ann"}, "duration": 604_801}), (100, None), "duration"),
        ("garage-draft", "/me/take_thread_control", to("ann"),  (200, None), "MODERATE"),
        ("market-draft", send, text("ann"),                     (200, Some(2_018_028)), "until pages_messaging permission is reviewed"),
        ("market-draft", send, text("tester"),                  (100, Some(2_018_001)), "No matching user found"),
    ];
    for (token, path, body, code, part) in table {
        let reply = w.call(token, path, body.clone()).await;
        let what = format!("{token} {path} {body}: {}", reply.text);
        assert_eq!((reply.status, reply.code()), (400, code), "{what}");
        assert!(reply.text.contains(part), "{part:?} not in {what}");
        assert!(reply.text.starts_with("{\"error\":{"), "{what}");
    }
}

#[tokio::test]
async fn a_foreign_page_is_like_none() {
    let w = World::start().await;
    let foreign = w.call("market-bot", "/2002/messages", text("ann")).await;
    let none = w.call("market-bot", "/2999/messages", text("ann")).await;
    let alike = |reply: &crate::world::Reply, id: &str| {
        let mut error = reply.json()["error"].clone();
        error["fbtrace_id"] = Value::Null;
        (reply.status, error.to_string().replace(id, "ID"))
    };
    assert_eq!(alike(&foreign, "2002"), alike(&none, "2999"));
}

#[tokio::test]
async fn bad_tokens_are_challenged() {
    let w = World::start().await;
    let reply = w.call("wrong", "/me/messages", text("ann")).await;
    assert_eq!(
        reply.header("www-authenticate"),
        "OAuth \"Facebook Platform\" \"invalid_token\" \"Invalid OAuth access token - Cannot parse access token\""
    );
    let reply = w.call("garage-draft", "/me/take_thread_control", to("ann")).await;
    assert!(reply.header("www-authenticate").contains("\"insufficient_scope\""));
    let reply = w.call("market-bot", "/me/messages", text("nobody")).await;
    assert!(
        reply.header("www-authenticate").contains("\"invalid_request\" \"(#100) No matching user found\"")
    );
    assert_eq!(w.read("market-bot", "/me").await.header("www-authenticate"), "");
}

#[tokio::test]
async fn permission_comes_before_parameters_and_token_before_all() {
    let w = World::start().await;
    // The task is missing, the recipient too, and the person never wrote.
    let reply = w.call("garage-draft", "/me/pass_thread_control", json!({})).await;
    assert_eq!(reply.code(), (200, None), "{}", reply.text);
    let reply = w.call("wrong", "/me/pass_thread_control", json!({})).await;
    assert_eq!(reply.code(), (190, None), "{}", reply.text);
    // A token in the query string is looked at though the body cannot be read.
    let request = |token: &str| {
        let url = w.with_token("/me/messages", token);
        w.client.post(url).header("content-type", "application/json").body("{")
    };
    assert_eq!(w.send(request("wrong")).await.code(), (190, None));
    expect!(w.send(request("market-bot")).await, 400, "not valid JSON", "\"code\":100");
    // thread_control in Conversation Routing needs MANAGE; a plain send does not.
    let put = w
        .put(
            "/baton/v1/routing",
            "application/toml",
            &crate::world::ROUTING
                .replace("token = \"market-bot\"", "token = \"market-bot\", tasks = [\"MESSAGING\"]"),
        )
        .await;
    assert_eq!(put.status, 200, "{}", put.text);
    w.writes("2001", "ann").await;
    assert_eq!(w.call("market-bot", "/me/messages", text("ann")).await.status, 200);
    let mut body = text("ann");
    body["thread_control"] = json!({"payload": "release_thread_control"});
    expect!(w.call("market-bot", "/me/messages", body).await, 400, "\"code\":200", "MANAGE");
    expect!(w.read("market-bot", "/me/thread_owner?recipient=ann").await, 400, "MANAGE");
}

#[tokio::test]
async fn a_token_without_the_permission_may_nothing() {
    let w = World::start().await;
    let routing = crate::world::ROUTING
        .replace("permissions = [\"pages_messaging\"]", "permissions = [\"instagram_manage_messages\"]");
    assert_eq!(w.put("/baton/v1/routing", "application/toml", &routing).await.status, 200);
    w.writes("2002", "ann").await;
    expect!(
        w.call("garage-draft", "/me/messages", text("ann")).await,
        400,
        "\"code\":200",
        "pages_messaging"
    );
}

#[tokio::test]
async fn plain_words_name_the_owner_only_to_who_may_know() {
    let w = World::start().await;
    w.writes("2002", "ann").await;
    let words = |reply: &crate::world::Reply| {
        reply.json()["error"]["error_user_msg"].as_str().unwrap_or_default().to_owned()
    };
    let handover = words(&w.call("garage-desk", "/me/messages", text("ann")).await);
    assert_eq!(
        handover,
        "\"Sales bot\" controls this conversation until 2026-01-02T00:00:00.000Z. request_thread_control asks for \
         control; once it is released or has lapsed, every app may send."
    );
    w.writes("2001", "ann").await;
    let routed = w
        .call(
            "market-bot",
            "/me/pass_thread_control",
            json!({"recipient": {"id": "ann"}, "target_app_id": "222"}),
        )
        .await;
    assert_eq!(routed.status, 200);
    // Draft is neither owner nor default app: it does not learn who has control.
    let draft = w.call("market-draft", "/me/pass_thread_control", to("ann")).await;
    assert_eq!(
        words(&draft),
        "Another app controls this conversation until 2026-01-02T00:00:00.000Z. It must pass or release control first. \
         An app that an operator allows to take control of conversations (take_control) takes control by sending."
    );
    // What the Handover Protocol has and this page has not: what works instead depends on who asks.
    let asks = async |token: &str| words(&w.call(token, "/me/request_thread_control", to("ann")).await);
    let owner = asks("market-desk").await;
    assert!(
        owner.ends_with("That is this app: it can send, pass_thread_control and release_thread_control."),
        "{owner}"
    );
    let other = asks("market-draft").await;
    assert!(other.starts_with("Another app controls this conversation until 2026-01-02"), "{other}");
    assert!(other.ends_with("takes control by sending."), "{other}");
    w.writes("2001", "bob").await;
    let allowed = words(&w.call("market-desk", "/me/take_thread_control", to("bob")).await);
    assert!(allowed.ends_with("a message that it sends takes control."), "{allowed}");
    assert!(!draft.text.contains("Desk") && !draft.text.contains("222"), "{}", draft.text);
    let default = words(&w.call("market-bot", "/me/messages", text("ann")).await);
    assert!(default.starts_with("\"Desk\" controls this conversation until 2026-01-02"), "{default}");
}

#[tokio::test]
async fn what_clients_read_at_start_up() {
    let w = World::start().await;
    #[rustfmt::skip]
    let table = [
        ("market-bot", "/me",                                         json!({"name": "Market", "id": "2001"})),
        ("market-bot", "/v25.0/2001/?fields=id,name",                 json!({"name": "Market", "id": "2001"})),
        ("market-bot", "/me?fields=id",                               json!({"id": "2001"})),
        ("market-bot", "/me?fields=name,%20unheard_of",               json!({"name": "Market", "id": "2001"})),
        ("market-bot", "/me?fields=%5B%22name%22%5D",                 json!({"name": "Market", "id": "2001"})),
        ("market-bot", "/me?fields=instagram_business_account%7Bid%7D", json!({"instagram_business_account": {"id": ACCOUNT}, "id": "2001"})),
        ("market-bot", "/me?fields=messaging_feature_status",
            json!({"messaging_feature_status": {"hop_v2": false, "msgr_multi_app": true, "ig_multi_app": false}, "id": "2001"})),
        ("garage-bot", "/2002?fields=messaging_feature_status",
            json!({"messaging_feature_status": {"hop_v2": true, "msgr_multi_app": false, "ig_multi_app": false}, "id": "2002"})),
    ];
    for (token, path, body) in table {
        let reply = w.read(token, path).await;
        assert_eq!((reply.status, reply.text), (200, body.to_string()), "{path}");
    }
}

#[tokio::test]
async fn instagram_by_its_account_and_by_the_page() {
    let w = World::start().await;
    w.writes(ACCOUNT, "iggy").await;
    w.writes(ACCOUNT, "both").await;
    w.writes("2001", "both").await;
    let id = |reply: &crate::world::Reply| reply.json()["message_id"].as_str().unwrap_or_default().to_owned();
    for (path, person, start) in [
        (format!("/{ACCOUNT}/messages"), "iggy", "aWdf"),
        ("/me/messages".to_owned(), "iggy", "aWdf"),
        ("/2001/messages".to_owned(), "iggy", "aWdf"),
        (format!("/{ACCOUNT}/messages"), "both", "aWdf"),
        ("/me/messages".to_owned(), "both", "m_"),
    ] {
        let reply = w.call("market-bot", &path, text(person)).await;
        assert!(id(&reply).starts_with(start), "{path} {person}: {}", reply.text);
    }
    let unknown = w.call("market-bot", &format!("/{ACCOUNT}/messages"), text("nobody")).await;
    assert_eq!(unknown.code(), (100, Some(2_534_014)), "{}", unknown.text);
    let reply =
        w.read("market-bot", &format!("/{ACCOUNT}?fields=username,user_id,messaging_feature_status")).await;
    let status = json!({"hop_v2": false, "msgr_multi_app": true, "ig_multi_app": false});
    let body =
        json!({"username": "market", "user_id": ACCOUNT, "messaging_feature_status": status, "id": ACCOUNT});
    assert_eq!(reply.json(), body);
    // The account of another page is as unknown as any.
    let foreign = w.call("garage-bot", &format!("/{ACCOUNT}/messages"), text("iggy")).await;
    assert_eq!(foreign.code(), (100, Some(33)), "{}", foreign.text);
    // Each surface has its threads.
    let people = |list: Value| list["data"].as_array().unwrap().len();
    assert_eq!(people(w.get(&format!("/baton/v1/pages/{ACCOUNT}/threads")).await.json()), 2);
    assert_eq!(people(w.get("/baton/v1/pages/2001/threads").await.json()), 1);
}
