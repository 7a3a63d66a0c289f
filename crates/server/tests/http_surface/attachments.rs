//! Files in messages: by address, by id, and with the call; and where they lie afterwards.

use serde_json::{Value, json};

use crate::expect;
use crate::world::{OPERATOR, Reply, World};

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\xffbytes";

/// A multipart body of texts, with a file somewhere between them.
fn body(texts: &[(&str, Value)], mime: &str, file: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    for (index, (name, value)) in texts.iter().enumerate() {
        if index == 1 {
            body.extend(format!("--x\r\nContent-Disposition: form-data; name=\"filedata\"; filename=\"f\"\r\nContent-Type: {mime}\r\n\r\n").bytes());
            body.extend(file);
            body.extend(b"\r\n");
        }
        body.extend(
            format!("--x\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n").bytes(),
        );
    }
    body.extend(b"--x--\r\n");
    body
}

async fn post(w: &World, path: &str, kind: &str, mime: &str, file: &[u8]) -> Reply {
    let message = json!({"attachment": {"type": kind, "payload": {"is_reusable": true}}});
    let texts = [("recipient", json!({"id": "ann"})), ("message", message)];
    let request = w.client.post(w.with_token(path, "market-bot"));
    w.send(request.header("content-type", "multipart/form-data; boundary=x").body(body(&texts, mime, file)))
        .await
}

/// What the last echo shows.
async fn shown(w: &World) -> Value {
    let messages = w.get("/baton/v1/pages/2001/threads/ann/messages?limit=1").await.json();
    messages["data"][0]["content"].clone()
}

fn address(w: &World, content: &Value) -> String {
    let url = content["attachments"][0]["payload"]["url"].as_str().unwrap();
    url.replace("http://baton.test", &w.base)
}

#[tokio::test]
async fn a_file_is_sent_kept_and_shown() {
    let w = World::start().await;
    w.writes("2001", "ann").await;
    let sent = post(&w, "/v19.0/me/messages", "image", "image/png", PNG).await;
    assert_eq!(sent.status, 200, "{}", sent.text);
    let keys: Vec<String> = sent.json().as_object().unwrap().keys().cloned().collect();
    assert_eq!(keys, ["recipient_id", "message_id", "attachment_id"]);
    let id = sent.json()["attachment_id"].as_str().unwrap().to_owned();
    assert!(id.len() == 16 && id.bytes().all(|byte| byte.is_ascii_digit()), "{id}");
    let content = shown(&w).await;
    assert_eq!(
        (&content["mid"], &content["attachments"][0]["type"]),
        (&sent.json()["message_id"], &json!("image"))
    );
    let file = w.client.get(address(&w, &content)).send().await.unwrap();
    for (name, value) in [
        ("content-type", "image/png"),
        ("content-disposition", "inline"),
        ("x-content-type-options", "nosniff"),
        ("content-security-policy", "default-src 'none'; sandbox"),
        ("content-length", "15"),
    ] {
        assert_eq!(file.headers()[name], value, "{name}");
    }
    assert_eq!(file.bytes().await.unwrap(), PNG);
    // By its id, by any app of the page, again; the same file is the same asset.
    let again = |token: &'static str| {
        let message = json!({"attachment": {"type": "image", "payload": {"attachment_id": id}}});
        w.call(token, "/me/messages", json!({"recipient": {"id": "ann"}, "message": message}))
    };
    assert_eq!(again("market-bot").await.status, 200);
    assert_eq!(address(&w, &shown(&w).await), address(&w, &content));
    assert_eq!(again("market-desk").await.status, 200);
    let kept = post(&w, "/me/message_attachments", "image", "image/png", PNG).await;
    assert_eq!(kept.json(), json!({"attachment_id": id}));
    let other = post(&w, "/me/message_attachments", "image", "image/png", b"another").await;
    assert_ne!(other.json()["attachment_id"], json!(id));
    // Nobody else's: another page knows nothing of it.
    w.writes("2002", "ann").await;
    let foreign = again("garage-bot").await;
    assert_eq!(foreign.code(), (100, Some(2_018_074)), "{}", foreign.text);
    // An id is good for 90 days.
    w.post("/baton/v1/clock", json!({"advance": "90d"})).await;
    w.writes("2001", "ann").await;
    assert_eq!(again("market-bot").await.code(), (100, Some(2_018_074)));
}

#[tokio::test]
async fn a_file_may_come_with_a_payload_of_nothing_as_php_writes_it() {
    let w = World::start().await;
    w.writes("2001", "ann").await;
    let message = json!({"attachment": {"type": "image", "payload": []}});
    let texts = [("recipient", json!({"id": "ann"})), ("message", message)];
    let request = w.client.post(w.with_token("/v2.6/me/messages", "market-bot"));
    let request = request.header("content-type", "multipart/form-data; boundary=x");
    let sent = w.send(request.body(body(&texts, "image/png", PNG))).await;
    assert_eq!(sent.status, 200, "{}", sent.text);
    assert_eq!(shown(&w).await["attachments"][0]["type"], "image");
}

#[tokio::test]
async fn an_address_is_kept_as_it_is() {
    let w = World::start().await;
    w.writes("2001", "ann").await;
    let url = "https://cdn.test/a.mp4?x=1";
    let message = |reusable: bool| json!({"attachment": {"type": "video", "payload": {"url": url, "is_reusable": reusable}}});
    let send = |message: Value| {
        w.call("market-bot", "/me/messages", json!({"recipient": {"id": "ann"}, "message": message}))
    };
    let once = send(message(false)).await;
    assert_eq!((once.status, once.json().get("attachment_id")), (200, None), "{}", once.text);
    assert_eq!(shown(&w).await["attachments"], json!([{"type": "video", "payload": {"url": url}}]));
    let kept = send(message(true)).await.json()["attachment_id"].clone();
    let uploaded = w.call("market-bot", "/me/message_attachments", json!({"message": message(true)})).await;
    assert_eq!(uploaded.json(), json!({"attachment_id": kept}));
    send(json!({"attachment": {"type": "video", "payload": {"attachment_id": kept}}})).await;
    assert_eq!(shown(&w).await["attachments"], json!([{"type": "video", "payload": {"url": url}}]));
    // In a media template it is a number, as the platform's echo has it.
    let media = |kind: &str| json!({"attachment": {"type": "template", "payload": {"template_type": "media", "elements": [{"media_type": kind, "attachment_id": kept}]}}});
    assert_eq!(send(media("video")).await.status, 200);
    let number: u64 = kept.as_str().unwrap().parse().unwrap();
    assert_eq!(shown(&w).await["attachments"][0]["payload"]["elements"][0]["attachment_id"], number);
    for (message, subcode) in [
        (media("image"), 2_018_047),
        (json!({"attachment": {"type": "image", "payload": {"attachment_id": kept}}}), 2_018_047),
        (json!({"attachment": {"type": "image", "payload": {"attachment_id": "1"}}}), 2_018_074),
        (
            json!({"attachment": {"type": "template", "payload": {"template_type": "media", "elements": [{"media_type": "image", "attachment_id": "x"}]}}}),
            2_018_074,
        ),
    ] {
        let reply = send(message).await;
        assert_eq!(reply.code(), (100, Some(subcode)), "{}", reply.text);
    }
}

#[tokio::test]
async fn files_have_limits_and_types() {
    let limits = baton_server::config::Limits { upload: 10 * 1024 * 1024, ..Default::default() };
    let w = World::with(limits).await;
    let keep = async |kind: &str, mime: &str, file: &[u8]| {
        post(&w, "/me/message_attachments", kind, mime, file).await
    };
    let large = vec![b'x'; 8 * 1024 * 1024 + 1];
    assert_eq!(keep("image", "image/png", &large).await.code(), (100, Some(2_018_109)));
    assert_eq!(keep("image", "image/png", &large[1..]).await.status, 200);
    assert_eq!(keep("file", "application/pdf", &large).await.status, 200);
    for (kind, mime, file) in [
        ("image", "video/mp4", PNG),
        ("video", "image/png", PNG),
        ("audio", "text/html", PNG),
        ("file", "text/plain", b"" as &[u8]),
    ] {
        assert_eq!(keep(kind, mime, file).await.code(), (100, Some(2_018_047)), "{kind} {mime}");
    }
    expect!(
        keep("file", "text/plain", &[b'x'; 11 * 1024 * 1024]).await,
        400,
        "limits.upload",
        "\"code\":100"
    );
    let unsaid = w
        .call("market-bot", "/me/message_attachments", json!({"message": {"attachment": {"type": "image"}}}))
        .await;
    expect!(unsaid, 400, "filedata must come with the call");
    assert_eq!(w.read("market-bot", "/me/message_attachments").await.code(), (100, Some(33)));
}

#[tokio::test]
async fn what_could_run_is_a_download() {
    let w = World::start().await;
    w.writes("2001", "ann").await;
    for mime in ["text/html", "image/svg+xml", "application/pdf", "application/javascript"] {
        let kind = if mime.starts_with("image") { "image" } else { "file" };
        assert_eq!(post(&w, "/me/messages", kind, mime, b"<script>").await.status, 200, "{mime}");
        let url = address(&w, &shown(&w).await);
        let file = w.client.get(url).send().await.unwrap();
        let header = |name: &str| file.headers()[name].to_str().unwrap().to_owned();
        assert_eq!(
            (header("content-type").as_str(), header("content-disposition").as_str()),
            ("application/octet-stream", "attachment"),
            "{mime}"
        );
        assert_eq!(header("x-content-type-options"), "nosniff");
    }
    for path in ["/media/none", "/media/", "/media/a/b"] {
        assert_eq!(w.get(path).await.slug(), "not-found", "{path}");
    }
}

#[tokio::test]
async fn a_refused_send_keeps_its_words_and_a_repeat_its_answer() {
    let w = World::start().await;
    w.writes("2002", "ann").await;
    let send = |token: &str, file: &[u8]| {
        let message = json!({"attachment": {"type": "image", "payload": {"is_reusable": true}}});
        let texts = [("recipient", json!({"id": "ann"})), ("message", message)];
        let request = w.client.post(w.with_token("/me/messages", token)).header("idempotency-key", "once");
        let request = request.header("content-type", "multipart/form-data; boundary=x");
        w.send(request.body(body(&texts, "image/png", file)))
    };
    assert_eq!(send("garage-desk", PNG).await.code(), (10, Some(2_018_300)));
    let first = send("garage-bot", PNG).await;
    assert_eq!((first.status, send("garage-bot", PNG).await.text), (200, first.text));
    expect!(send("garage-bot", b"another").await, 400, "used before with another body");
}

#[tokio::test]
async fn replies_and_reactions_are_about_messages_of_the_conversation() {
    let w = World::start().await;
    let heard = w.writes("2001", "ann").await.json()["message_id"].clone();
    let elsewhere = w.writes("2001", "ben").await.json()["message_id"].clone();
    let send = |mid: &Value| {
        w.call(
            "market-bot",
            "/me/messages",
            json!({"recipient": {"id": "ann"}, "message": {"text": "yes"}, "reply_to": {"mid": mid}}),
        )
    };
    let said = send(&heard).await.json()["message_id"].clone();
    assert_eq!(shown(&w).await["reply_to"], json!({"mid": heard, "is_self_reply": false}));
    assert_eq!(send(&said).await.status, 200);
    assert_eq!(shown(&w).await["reply_to"], json!({"mid": said, "is_self_reply": true}));
    for mid in [&elsewhere, &json!("m_none")] {
        expect!(send(mid).await, 400, "reply_to[mid] is no message of this conversation");
    }
    let react = |action: &str, mid: &Value| {
        w.call("market-bot", "/me/messages", json!({"recipient": {"id": "ann"}, "sender_action": action, "payload": {"message_id": mid, "reaction": "love"}}))
    };
    for action in ["react", "UNREACT"] {
        assert_eq!(react(action, &heard).await.text, r#"{"recipient_id":"ann"}"#);
        expect!(
            react(action, &elsewhere).await,
            400,
            "payload[message_id] is no message of this conversation"
        );
    }
}

#[tokio::test]
async fn a_file_is_shown_for_ninety_days() {
    let w = World::start().await;
    w.writes("2001", "ann").await;
    assert_eq!(post(&w, "/me/messages", "image", "image/png", PNG).await.status, 200);
    let url = address(&w, &shown(&w).await);
    for (advance, status) in [("89d", 200), ("2d", 404)] {
        assert_eq!(w.post("/baton/v1/clock", json!({"advance": advance})).await.status, 200);
        assert_eq!(w.client.get(&url).send().await.unwrap().status(), status, "{advance} later");
    }
}

/// A multipart body of a batch, with files under these names.
fn batch(items: &Value, files: &[&str]) -> Vec<u8> {
    let part =
        |head: &str, text: &str| format!("--x\r\nContent-Disposition: form-data; {head}\r\n\r\n{text}\r\n");
    let mut body = String::new();
    for name in files {
        body += &part(&format!("name=\"{name}\"; filename=\"{name}.pdf\""), &format!("bytes of {name}"));
    }
    body += &part("name=\"batch\"", &items.to_string());
    body += "--x--\r\n";
    body.into_bytes()
}

#[tokio::test]
async fn the_items_of_a_batch_take_their_files_by_name() {
    let w = World::start().await;
    w.writes("2001", "ann").await;
    let message = "recipient={id:ann}&message={attachment:{type:file,payload:{}}}";
    let item = |files: &str| json!({"method": "POST", "relative_url": "me/messages", "body": message, "attached_files": files});
    let items = json!([item("source0"), item("source1"), item("source9"), item("source0,source1")]);
    let post = async |path: &str, body: Vec<u8>| {
        let request = w.client.post(w.with_token(path, "market-bot"));
        w.send(request.header("content-type", "multipart/form-data; boundary=x").body(body)).await
    };
    let answers = post("/v19.0/", batch(&items, &["source0", "source1"])).await.json();
    let codes: Vec<&Value> = answers.as_array().unwrap().iter().map(|item| &item["code"]).collect();
    assert_eq!(codes, [200, 200, 400, 400], "{answers}");
    assert!(answers[2]["body"].as_str().unwrap().contains("under the name source9"), "{answers}");
    assert!(answers[3]["body"].as_str().unwrap().contains("takes one file"), "{answers}");
    let messages = w.get("/baton/v1/pages/2001/threads/ann/messages?limit=2").await.json();
    for (index, expected) in [(0, "bytes of source1"), (1, "bytes of source0")] {
        let file = w.client.get(address(&w, &messages["data"][index]["content"]));
        assert_eq!(w.send(file).await.text, expected, "{messages}");
    }
    let several = post("/me/message_attachments", batch(&json!([]), &["a", "b"])).await;
    expect!(several, 400, "more than one file");
    let two = [("recipient", json!({"id": "ann"})), ("message", json!({"attachment": {"type": "file"}}))];
    let mut twice = body(&two, "application/pdf", b"one");
    let end = twice.len() - b"--x--\r\n".len();
    twice.truncate(end);
    twice.extend(
        b"--x\r\nContent-Disposition: form-data; name=\"other\"; filename=\"o\"\r\n\r\ntwo\r\n--x--\r\n",
    );
    expect!(post("/me/messages", twice).await, 400, "more than one file");
}

#[tokio::test]
async fn a_file_is_not_read_for_a_token_that_is_nobodys() {
    let limits = baton_server::config::Limits { upload: 32_768, uploads: 32_768, ..Default::default() };
    let w = World::with(limits).await;
    w.writes("2001", "ann").await;
    // It says that it has as much as it may, and never sends it: whoever has a token is waited for.
    let head = |token: &str| {
        format!(
            "POST /me/message_attachments?access_token={token} HTTP/1.1\r\nHost: b\r\nContent-Type: multipart/form-data; boundary=x\r\nContent-Length: 32768\r\nConnection: close\r\nExpect: 100-continue\r\n\r\n"
        )
    };
    let refused = w.raw(head("wrong").as_bytes()).await;
    assert!(refused.starts_with("HTTP/1.1 400") && refused.contains("\"code\":190"), "{refused}");
    // One takes all the room there is; the next waits for it, and gets it.
    let mut first = tokio::net::TcpStream::connect(w.base.trim_start_matches("http://")).await.unwrap();
    tokio::io::AsyncWriteExt::write_all(&mut first, head("market-bot").as_bytes()).await.unwrap();
    let mut asked = [0; 25];
    tokio::io::AsyncReadExt::read_exact(&mut first, &mut asked).await.unwrap();
    assert!(asked.starts_with(b"HTTP/1.1 100"), "it is being read");
    let large = [PNG, &[0; 20_000]].concat();
    let second = post(&w, "/me/message_attachments", "image", "image/png", &large);
    tokio::pin!(second);
    tokio::select! {
        biased;
        reply = &mut second => panic!("there was no room: {}", reply.text),
        alive = w.read("market-bot", "/me") => assert_eq!(alive.status, 200, "others are served meanwhile"),
    }
    drop(first);
    assert_eq!(second.await.status, 200);
}

/// Brings a file for the Inbox.
async fn brought(w: &World, page: &str, mime: &str, file: &[u8]) -> Reply {
    let request = w.client.post(w.url(&format!("/baton/v1/pages/{page}/attachments")));
    w.send(request.bearer_auth(OPERATOR).header("content-type", mime).body(file.to_vec())).await
}

#[tokio::test]
async fn somebody_in_the_inbox_sends_a_file() {
    let w = World::start().await;
    w.writes("2001", "ann").await;
    let kept = brought(&w, "2001", "image/png; x=1", PNG).await;
    assert_eq!((kept.status, &kept.json()["type"]), (201, &json!("image")), "{}", kept.text);
    let id = kept.json()["attachment_id"].clone();
    let act = json!({"action": "reply", "attachment_id": id});
    let would = w.post("/baton/v1/pages/2001/threads/ann/dry-run", json!({"inbox": act})).await;
    assert_eq!(would.status, 200, "{}", would.text);
    assert!(shown(&w).await.get("attachments").is_none(), "asking sends nothing");
    let sent = w.post("/baton/v1/pages/2001/threads/ann/inbox", act.clone()).await;
    assert_eq!(sent.status, 200, "{}", sent.text);
    let content = shown(&w).await;
    assert_eq!(content["mid"], sent.json()["message_id"]);
    assert_eq!(content["attachments"], json!([{"type": "image", "payload": {"url": kept.json()["url"]}}]));
    let file = w.client.get(address(&w, &content)).send().await.unwrap();
    assert_eq!(file.bytes().await.unwrap(), PNG);
    // An app may use the same file: it is one asset.
    let again = post(&w, "/me/message_attachments", "image", "image/png", PNG).await;
    assert_eq!(again.json()["attachment_id"], id);
    for (mime, kind) in
        [("video/mp4", "video"), ("audio/ogg", "audio"), ("application/pdf", "file"), ("", "file")]
    {
        assert_eq!(brought(&w, "2001", mime, PNG).await.json()["type"], kind, "{mime}");
    }
}

#[tokio::test]
async fn somebody_in_the_inbox_offers_choices() {
    let w = World::start().await;
    w.writes("2001", "ann").await;
    let replies = json!([{"content_type": "text", "title": "Small", "payload": "S"}]);
    let message = json!({"text": "Which size?", "quick_replies": replies});
    let act = json!({"action": "reply", "message": message});
    let would = w.post("/baton/v1/pages/2001/threads/ann/dry-run", json!({"inbox": act})).await;
    assert_eq!((would.status, &would.json()["rule"]), (200, &json!("MCR-INBOX-1")), "{}", would.text);
    let sent = w.post("/baton/v1/pages/2001/threads/ann/inbox", act).await;
    assert_eq!(sent.status, 200, "{}", sent.text);
    let content = shown(&w).await;
    assert_eq!((&content["text"], &content["quick_replies"]), (&json!("Which size?"), &replies));
    let button = json!({"type": "web_url", "title": "Shop", "url": "https://shop.example/"});
    let payload = json!({"template_type": "button", "text": "All our pots", "buttons": [button]});
    let message = json!({"attachment": {"type": "template", "payload": payload}});
    let sent = w
        .post("/baton/v1/pages/2001/threads/ann/inbox", json!({"action": "reply", "message": message}))
        .await;
    assert_eq!(sent.status, 200, "{}", sent.text);
    assert_eq!(shown(&w).await["attachments"][0]["payload"]["buttons"], json!([button]));
}

#[tokio::test]
async fn what_the_inbox_cannot_send_is_refused_where_it_stands() {
    let w = World::start().await;
    w.writes("2001", "ann").await;
    w.writes("2002", "ann").await;
    let foreign = brought(&w, "2002", "image/png", PNG).await.json()["attachment_id"].clone();
    let (bad, unknown) = ((400, "bad-body"), (404, "nothing-known"));
    for (act, pointer, why) in [
        (json!({"action": "reply", "attachment_id": foreign}), "/attachment_id", unknown),
        (json!({"action": "reply", "attachment_id": "01"}), "/attachment_id", unknown),
        (json!({"action": "reply", "attachment_id": ""}), "/attachment_id", bad),
        (json!({"action": "reply", "attachment_id": foreign, "text": "and words"}), "/text", bad),
        (json!({"action": "reply"}), "/text", bad),
        (json!({"action": "reply", "message": "hello"}), "/message", bad),
        (json!({"action": "reply", "message": {}}), "/message", bad),
        (json!({"action": "reply", "message": {"attachment": {"type": "template"}}}), "/message", bad),
        (json!({"action": "reply", "message": {"text": "x"}, "text": "y"}), "/text", bad),
        (
            json!({"action": "reply", "message": {"text": "x"}, "attachment_id": foreign}),
            "/attachment_id",
            bad,
        ),
        (json!({"action": "done", "message": {"text": "x"}}), "/message", bad),
        (json!({"action": "done", "attachment_id": foreign}), "/attachment_id", bad),
    ] {
        for (path, body, at) in
            [("inbox", act.clone(), ""), ("dry-run", json!({"inbox": act.clone()}), "/inbox")]
        {
            let refused = w.post(&format!("/baton/v1/pages/2001/threads/ann/{path}"), body).await;
            assert_eq!((refused.status, refused.slug().as_str()), why, "{act}: {}", refused.text);
            assert_eq!(refused.json()["errors"][0]["pointer"], format!("{at}{pointer}"), "{act}");
        }
    }
    let empty = brought(&w, "2001", "image/png", b"").await;
    assert_eq!((empty.status, empty.slug().as_str()), (400, "bad-body"));
    let large = brought(&w, "2001", "image/png", &vec![0; 8 * 1024 * 1024 + 1]).await;
    assert_eq!((large.status, large.slug().as_str()), (413, "too-large"));
    let missing = brought(&w, "2009", "image/png", PNG).await;
    assert_eq!((missing.status, missing.slug().as_str()), (404, "unknown-page"));
}
