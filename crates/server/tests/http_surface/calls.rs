//! What goes around a call of the Graph API: batches, several ids at once, what clients ask at start-up.

use serde_json::{Value, json};

use crate::expect;
use crate::world::World;

/// The bodies of a batch's items, read; `null` where one was left out.
fn bodies(batch: &Value) -> Vec<Value> {
    let body =
        |item: &Value| item["body"].as_str().map_or(Value::Null, |text| serde_json::from_str(text).unwrap());
    batch.as_array().unwrap().iter().map(body).collect()
}

fn codes(batch: &Value) -> Vec<u64> {
    batch.as_array().unwrap().iter().map(|item| item["code"].as_u64().unwrap_or_default()).collect()
}

#[tokio::test]
async fn a_batch_is_answered_item_by_item() {
    let w = World::start().await;
    w.writes("2001", "ann").await;
    let send = "recipient=%7B%22id%22%3A%22ann%22%7D&message=%7B%22text%22%3A%22a%20%26%20b%22%7D";
    let items = json!([
        {"method": "POST", "relative_url": "me/messages", "body": send},
        {"method": "post", "relative_url": "/v2.6/me/messages", "body": "recipient={\"id\":\"ann\"}&message={\"text\":\"a & b\"}"},
        {"method": "GET", "relative_url": "2001/?fields=id"},
        {"method": "GET", "relative_url": "me/thread_owner?recipient=ann"},
        {"method": "GET", "relative_url": "2002"},
        {"relative_url": "me?access_token=garage-bot&fields=name"},
        {"method": "POST", "relative_url": "me/messages", "body": "recipient={id:nobody}&message={text:hi}"},
        {"method": "GET"},
        {"method": "POST", "relative_url": "/", "body": "batch=[]"},
    ]);
    for (path, body) in [
        ("/v19.0/", json!({"batch": items})),
        ("/", json!({"batch": items.to_string()})),
        ("/me", json!({"batch": items, "include_headers": true})),
    ] {
        let reply = w.call("market-bot", path, body).await;
        assert_eq!(reply.status, 200, "{}", reply.text);
        let answers = reply.json();
        assert_eq!(codes(&answers), [200, 200, 200, 200, 400, 200, 400, 400, 400], "{}", reply.text);
        let read = bodies(&answers);
        assert_eq!(read[0]["recipient_id"], "ann");
        assert_ne!(read[0]["message_id"], read[1]["message_id"]);
        assert_eq!((&read[2], &read[5]), (&json!({"id": "2001"}), &json!({"name": "Garage", "id": "2002"})));
        assert_eq!(read[3]["data"][0]["thread_owner"]["app_id"], "111");
        assert_eq!(
            (&read[4]["error"]["error_subcode"], &read[6]["error"]["error_subcode"]),
            (&json!(33), &json!(2_018_001))
        );
        assert!(read[7]["error"]["message"].as_str().unwrap().contains("relative_url"));
        assert!(read[8]["error"]["message"].as_str().unwrap().contains("batch within a batch"));
        let headers = answers[6]["headers"].as_array().unwrap();
        let header =
            |name: &str| headers.iter().find(|one| one["name"] == name).map(|one| one["value"].clone());
        assert_eq!(header("content-type"), Some(json!("application/json; charset=UTF-8")));
        assert_eq!(header("x-fb-trace-id"), Some(read[6]["error"]["fbtrace_id"].clone()));
        let version = answers[1]["headers"].to_string();
        assert!(version.contains(r#"{"name":"facebook-api-version","value":"v2.6"}"#), "{version}");
    }
    let messages = w.get("/baton/v1/pages/2001/threads/ann/messages").await.json();
    let sent =
        messages["data"].as_array().unwrap().iter().filter(|one| one.to_string().contains("a & b")).count();
    assert_eq!(sent, 6, "{messages}");
}

#[tokio::test]
async fn a_batch_has_one_token_and_limits() {
    let w = World::start().await;
    let batch =
        |count: usize| json!({"batch": vec![json!({"relative_url": "me"}); count], "include_headers": false});
    let most = w.call("market-bot", "/", batch(50)).await.json();
    assert_eq!(most[49], json!({"code": 200, "body": r#"{"name":"Market","id":"2001"}"#}));
    expect!(w.call("market-bot", "/", batch(51)).await, 400, "Maximum batch size is 50", "\"code\":100");
    assert_eq!(w.call("wrong", "/", batch(1)).await.code(), (190, None));
    let none = w.send(w.client.post(w.url("/")).json(&batch(1))).await.json();
    assert_eq!((codes(&none), &bodies(&none)[0]["error"]["code"]), (vec![400], &json!(104)));
    let app = w.call("111%7Ctest_secret", "/", json!({"batch": [{"relative_url": "111"}]})).await.json();
    assert_eq!(bodies(&app)[0]["name"], "Sales bot");
    // A proof of the token stands in each item too, and is checked there.
    let proof = baton_wire::signature::proof("test_secret", "market-bot", None);
    let items = json!([{"relative_url": format!("me?appsecret_proof={proof}")}, {"relative_url": "me?appsecret_proof=00"}]);
    let proven =
        w.call("market-bot", &format!("/?appsecret_proof={proof}"), json!({"batch": items})).await.json();
    assert_eq!(codes(&proven), [200, 400], "{proven}");
}

#[tokio::test]
async fn items_of_a_batch_need_one_another() {
    let w = World::start().await;
    w.writes("2001", "ann").await;
    let items = json!([
        {"name": "page", "relative_url": "me?fields=id,name"},
        {"name": "loud", "relative_url": "{result=page:$.id}?fields=name", "omit_response_on_success": false},
        {"relative_url": "me", "depends_on": "loud"},
        {"name": "broken", "relative_url": "me/nothing"},
        {"relative_url": "me", "depends_on": "broken"},
        {"relative_url": "?ids={result=page:$.id}&fields=id"},
        {"relative_url": "me", "depends_on": "later"},
        {"name": "later", "relative_url": "me"},
        {"relative_url": "me/{result=page:$.none}"},
    ]);
    let answers = w.call("market-bot", "/", json!({"batch": items})).await.json();
    assert_eq!(answers[0], Value::Null, "left out, for others needed it and it succeeded");
    assert_eq!(codes(&answers), [0, 200, 200, 400, 400, 200, 400, 0, 400], "{answers}");
    let read = bodies(&answers);
    assert_eq!(read[1], json!({"name": "Market", "id": "2001"}));
    assert_eq!(read[5], json!({"2001": {"id": "2001"}}));
    for (index, part) in
        [(4, "broken of the batch failed"), (6, "has the name later"), (8, "{result=page:$.none}")]
    {
        let message = read[index]["error"]["message"].as_str().unwrap();
        assert!(message.contains(part), "{message}");
    }
}

#[tokio::test]
async fn a_batch_is_sent_once_for_each_key_and_item() {
    let w = World::start().await;
    w.writes("2001", "ann").await;
    let item = json!({"method": "POST", "relative_url": "me/messages", "body": "recipient={id:ann}&message={text:hi}"});
    let send = || {
        let request = w.client.post(w.with_token("/", "market-bot")).header("idempotency-key", "once");
        w.send(request.json(&json!({"batch": [item, item], "include_headers": false})))
    };
    let first = send().await.json();
    assert_eq!(codes(&first), [200, 200], "{first}");
    assert_ne!(first[0], first[1]);
    assert_eq!(send().await.json(), first);
    // A key of the greatest length is one in a batch too, and no other call's key is that of an item.
    let longest = "k".repeat(128);
    let request = w.client.post(w.with_token("/", "market-bot")).header("idempotency-key", &longest);
    let batch = w.send(request.json(&json!({"batch": [item], "include_headers": false}))).await.json();
    assert_eq!(codes(&batch), [200], "{batch}");
    let body = json!({"recipient": {"id": "ann"}, "message": {"text": "another"}});
    let alone = w.client.post(w.with_token("/me/messages", "market-bot")).header("idempotency-key", "once.0");
    assert_eq!(w.send(alone.json(&body)).await.status, 200);
}

#[tokio::test]
async fn several_ids_at_once() {
    let w = World::start().await;
    let both = w.read("market-bot", "/v19.0/?ids=2001,%20me&fields=name").await;
    let page = json!({"name": "Market", "id": "2001"});
    assert_eq!(both.json(), json!({"2001": page, "me": page}));
    assert_eq!(w.read("market-bot", "/?ids=2001,2002").await.code(), (100, Some(33)));
    expect!(w.read("market-bot", "/?ids=").await, 400, "ids must be a list");
    let many = vec!["me"; 51].join(",");
    expect!(w.read("market-bot", &format!("/?ids={many}")).await, 400, "Maximum: 50. Provided: 51.");
}

#[tokio::test]
async fn what_an_app_asks_about_itself_and_its_tokens() {
    let w = World::start().await;
    let itself = json!({"name": "Sales bot", "link": "http://baton.test/111", "id": "111"});
    assert_eq!(w.read("market-bot", "/v19.0/111").await.json(), itself);
    assert_eq!(w.read("market-bot", "/222").await.code(), (100, Some(33)), "another app's");
    let valid = |reply: &crate::world::Reply| reply.json()["data"]["is_valid"].clone();
    assert_eq!(valid(&w.read("market-bot", "/debug_token?input_token=garage-bot").await), true);
    assert_eq!(valid(&w.read("market-bot", "/debug_token?input_token=market-desk").await), false);
    let own = w.read("111%7Ctest_secret", "/debug_token?input_token=111%7Ctest_secret").await.json();
    assert_eq!((&own["data"]["type"], &own["data"]["is_valid"]), (&json!("APP"), &json!(true)));
    assert_eq!(valid(&w.read("market-bot", "/debug_token?input_token=222%7Cdesk_secret").await), false);
    let token =
        async |query: &str| w.send(w.client.get(w.url(&format!("/v19.0/oauth/access_token?{query}")))).await;
    let own = "client_id=111&client_secret=test_secret";
    let app = token(&format!("{own}&grant_type=client_credentials")).await;
    assert_eq!(app.json(), json!({"access_token": "111|test_secret", "token_type": "bearer"}));
    let page = token(&format!("{own}&grant_type=fb_exchange_token&fb_exchange_token=garage-bot")).await;
    assert_eq!(page.json(), json!({"access_token": "garage-bot", "token_type": "bearer"}));
    for (query, code, part) in [
        ("client_id=111&client_secret=wrong&grant_type=client_credentials", 1, "validating client secret"),
        ("client_id=999&client_secret=wrong&grant_type=client_credentials", 1, "validating client secret"),
        ("client_id=111&grant_type=client_credentials", 100, "client_secret is required"),
        (&format!("{own}&grant_type=authorization_code"), 100, "grant_type must be one of"),
        (own, 100, "grant_type must be one of"),
        (&format!("{own}&grant_type=fb_exchange_token&fb_exchange_token=market-desk"), 190, "Invalid OAuth"),
    ] {
        let reply = token(query).await;
        assert_eq!(reply.code(), (code, None), "{query}: {}", reply.text);
        assert!(reply.text.contains(part), "{query}: {}", reply.text);
    }
}

#[tokio::test]
async fn what_clients_ask_and_nobody_needs() {
    let w = World::start().await;
    for path in ["/me/nlp_configs?nlp_enabled=true"] {
        assert_eq!(w.call("market-bot", path, json!({})).await.text, r#"{"success":true}"#, "{path}");
    }
    for path in ["/111/activities", "/111/page_activities"] {
        let reply = w.call("111%7Ctest_secret", path, json!({"event": "CUSTOM_APP_EVENTS"})).await;
        assert_eq!(reply.text, r#"{"success":true}"#, "{path}");
    }
    for path in ["/me/messaging_feature_review", "/2001/insights?metric=x"] {
        assert_eq!(w.read("market-bot", path).await.text, r#"{"data":[]}"#, "{path}");
    }
    let token = w.read("market-bot", "/me?fields=access_token,instagram_business_account").await.json();
    assert_eq!(token["access_token"], "market-bot");
    expect!(
        w.read("market-bot", "/me/accounts").await,
        400,
        "nonexisting field (accounts) on node type (Page)"
    );
    for path in ["/111/activities", "/111/page_activities"] {
        assert_eq!(w.call("market-bot", path, json!({})).await.text, r#"{"success":true}"#, "{path}");
    }
    for (body, uri) in [
        (json!({"type": "standard", "image_size": 1000}), "http://baton.test/2001"),
        (json!({"data": {"ref": "a b"}}), "http://baton.test/2001?ref=a+b"),
    ] {
        assert_eq!(w.call("market-bot", "/me/messenger_codes", body).await.json(), json!({"uri": uri}));
    }
    expect!(w.call("market-bot", "/me/messenger_codes", json!({"type": "x"})).await, 400, "type must be");
    let alias = w.read("market-bot", "/v19.0/jaspers.market").await;
    assert_eq!((alias.status, alias.code()), (404, (803, None)), "{}", alias.text);
    let link = w.read("market-bot", "/me?fields=recipient&account_linking_token=x").await;
    assert_eq!(link.code(), (10303, None));
    let posted = w.call("market-bot", "/me?fields=recipient&account_linking_token=x", json!({})).await;
    assert_eq!(posted.code(), (10303, None));
    expect!(w.read("market-bot", "/me?fields=a%7B").await, 400, "\"code\":2500", "Syntax error");
}

#[tokio::test]
async fn a_multipart_call_may_be_larger_and_has_its_own_limit() {
    let limits = baton_server::config::Limits { body: 3000, upload: 9000, ..Default::default() };
    let w = World::with(limits).await;
    w.writes("2002", "ann").await;
    let part = |name: &str, text: &str| {
        format!("--x\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{text}\r\n")
    };
    let call = |body: String| {
        let request = w.client.post(w.url("/me/pass_thread_control"));
        w.send(request.header("content-type", "multipart/form-data; boundary=x").body(body))
    };
    let [token, person, app, more] = [
        part("access_token", "garage-bot"),
        part("recipient", "{\"id\":\"ann\"}"),
        part("target_app_id", "222"),
        part("unknown", &"x".repeat(5000)),
    ];
    expect!(call(format!("{more}{app}{person}{token}--x--\r\n")).await, 200, "{\"success\":true}");
    expect!(call(format!("{more}{more}{token}--x--\r\n")).await, 400, "limits.upload", "\"code\":100");
    expect!(call(format!("{token}{person}")).await, 400, "multipart body cannot be read", "\"code\":100");
}

#[tokio::test]
async fn every_answer_has_the_platforms_headers() {
    let w = World::start().await;
    for reply in [w.read("market-bot", "/v2.6/me").await, w.read("wrong", "/v2.6/me").await] {
        assert_eq!(reply.header("facebook-api-version"), "v2.6");
        for name in ["x-fb-trace-id", "x-fb-request-id", "x-fb-debug", "x-fb-rev"] {
            assert!(!reply.header(name).is_empty(), "{name}");
        }
        let usage: Value = serde_json::from_str(reply.header("x-app-usage")).unwrap();
        assert_eq!(usage, json!({"call_count": 0, "total_cputime": 0, "total_time": 0}));
    }
}
