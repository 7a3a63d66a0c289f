//! How much apps ask: the headers that say so, and the limits that settings may put.

use baton_server::config::Limits;
use serde_json::{Value, json};

use crate::world::{Reply, World};

fn header(reply: &Reply, name: &str) -> Value {
    serde_json::from_str(reply.header(name)).unwrap_or_default()
}

#[tokio::test]
async fn without_limits_nothing_is_used_up() {
    let w = World::start().await;
    for path in ["/me", "/17841400000001"] {
        let reply = w.read("market-bot", path).await;
        let zeros = json!({"call_count": 0, "total_cputime": 0, "total_time": 0});
        assert_eq!(header(&reply, "x-app-usage"), zeros);
        let (node, kind) =
            if path == "/me" { ("2001", "messenger") } else { ("17841400000001", "instagram") };
        let one = json!([{"type": kind, "call_count": 0, "total_cputime": 0, "total_time": 0, "estimated_time_to_regain_access": 0}]);
        assert_eq!(header(&reply, "x-business-use-case-usage"), json!({node: one}));
    }
    let of_app = w.read("111%7Ctest_secret", "/111").await;
    assert_eq!(of_app.header("x-business-use-case-usage"), "", "an app is no business's page");
}

#[tokio::test]
async fn an_app_that_asks_too_much_is_told_so() {
    let w = World::with(Limits { app_calls: 4, ..Limits::default() }).await;
    for percent in [25, 50, 75, 100] {
        let reply = w.read("market-bot", "/me").await;
        assert_eq!(header(&reply, "x-app-usage")["call_count"], percent);
    }
    let over = w.read("garage-bot", "/me").await;
    assert_eq!(
        (over.status, over.code()),
        (403, (4, None)),
        "another page's token of the same app: {}",
        over.text
    );
    assert_eq!(
        over.header("www-authenticate"),
        r#"OAuth "Facebook Platform" "invalid_request" "(#4) Application request limit reached""#
    );
    let error = &over.json()["error"];
    assert_eq!(
        (&error["is_transient"], &error["error_user_title"]),
        (&json!(true), &json!("Too many calls"))
    );
    assert!(
        error["error_user_msg"].as_str().unwrap().contains("allows 4 in an hour (limits.app_calls)"),
        "{error}"
    );
    let own = w.read("111%7Ctest_secret", "/111").await;
    assert_eq!(own.code(), (4, None), "its own token counts too");
    assert_eq!(w.read("market-desk", "/me").await.status, 200, "another app");
    w.post("/baton/v1/clock", json!({"advance": "2h"})).await;
    assert_eq!(header(&w.read("market-bot", "/me").await, "x-app-usage")["call_count"], 25);
}

#[tokio::test]
async fn a_page_and_its_messages_have_limits_of_their_own() {
    let w = World::with(Limits { page_calls: 2, ..Limits::default() }).await;
    let batch = json!({"batch": [{"relative_url": "me"}, {"relative_url": "17841400000001"}, {"relative_url": "me"}]});
    let items = w.call("market-bot", "/", batch).await.json();
    let codes: Vec<_> = items.as_array().unwrap().iter().map(|item| item["code"].clone()).collect();
    assert_eq!(codes, [200, 200, 400], "every item counts: {items}");
    assert!(items[2]["body"].as_str().unwrap().contains("\"code\":80006"), "{items}");
    let headers = items[2]["headers"].to_string();
    assert!(
        headers.contains("x-business-use-case-usage") && headers.contains("regain_access\\\":60"),
        "{headers}"
    );
    assert_eq!(w.read("market-bot", "/17841400000001").await.code(), (80002, None));
    assert_eq!(w.read("garage-bot", "/me").await.status, 200, "another page");

    let w = World::with(Limits { sends: 2, ..Limits::default() }).await;
    w.writes("2001", "ann").await;
    let message = json!({"recipient": {"id": "ann"}, "message": {"text": "hi"}});
    for status in [200, 200, 400] {
        let reply = w.call("market-bot", "/me/messages", message.clone()).await;
        assert_eq!(reply.status, status, "{}", reply.text);
        if status == 400 {
            assert_eq!(reply.code(), (613, None));
            assert!(reply.text.contains("(#613) Calls to this api have exceeded the rate limit."));
        }
    }
    w.post("/baton/v1/clock", json!({"advance": "3s"})).await;
    assert_eq!(w.call("market-bot", "/me/messages", message).await.status, 200);
}

#[tokio::test]
async fn a_token_of_an_account_speaks_of_the_account() {
    let w = World::start().await;
    let connection = json!({"token": "IGAAmarket", "fields": ["messages"]});
    let body = connection.to_string();
    let put = w.put("/baton/v1/pages/2001/connections/222", "application/json", &body).await;
    assert_eq!(put.status, 200, "{}", put.text);
    let made = w.post("/baton/v1/pages/17841400000001/connections/111/tokens", json!({})).await.json();
    let made = made["token"].as_str().unwrap().to_owned();
    assert!(made.starts_with("IGAA"), "asked for by the account's id: {made}");
    for token in ["IGAAmarket", &made] {
        let me = w.read(token, "/v22.0/me?fields=user_id,username").await;
        let account = json!({"user_id": "17841400000001", "username": "market", "id": "17841400000001"});
        assert_eq!(me.json(), account, "{}", me.text);
    }
    for reply in [
        w.read("IGAAmarket", "/me/nothing").await,
        w.read("IGAAwrong", "/me").await,
        w.call(
            "IGAAmarket",
            "/me/messages",
            json!({"recipient": {"id": "nobody"}, "message": {"text": "x"}}),
        )
        .await,
    ] {
        assert_eq!(reply.json()["error"]["type"], "IGApiException", "{}", reply.text);
    }
    w.writes("17841400000001", "iggy").await;
    for (message, sent) in [
        (json!({"attachment": {"type": "like_heart"}}), json!([{"type": "like_heart"}])),
        (
            json!({"attachment": {"type": "MEDIA_SHARE", "payload": {"id": 77}}}),
            json!([{"type": "media_share", "payload": {"id": "77"}}]),
        ),
        (
            json!({"attachments": [{"type": "image", "payload": {"url": "https://x.test/a.png"}}, {"type": "image", "payload": {"url": "https://x.test/b.png"}}], "metadata": "m"}),
            json!([{"type": "image", "payload": {"url": "https://x.test/a.png"}}, {"type": "image", "payload": {"url": "https://x.test/b.png"}}]),
        ),
    ] {
        let call = json!({"recipient": {"id": "iggy"}, "message": message});
        let reply = w.call("market-bot", "/17841400000001/messages", call.clone()).await;
        assert_eq!(reply.status, 200, "{}", reply.text);
        let shown = w.get("/baton/v1/pages/17841400000001/threads/iggy/messages?limit=1").await.json();
        assert_eq!(shown["data"][0]["content"]["attachments"], sent, "{shown}");
        w.writes("2001", "ann").await;
        let mut there = call;
        there["recipient"]["id"] = json!("ann");
        let refused = w.call("market-bot", "/2001/messages", there).await;
        assert!(refused.text.contains("is only for Instagram"), "{}", refused.text);
    }
}
