//! Limits, broken requests, stopping, and what is around the two surfaces.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use baton_server::config::Limits;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use crate::expect;
use crate::world::{OPERATOR, World};

const EVENTS: &str = "/baton/v1/pages/2001/people/ann/events";

fn nested(depth: usize) -> String {
    format!(
        "{{\"type\":\"message\",\"message\":{{\"text\":\"x\",\"nlp\":{}{}}}}}",
        "[".repeat(depth - 2),
        "]".repeat(depth - 2)
    )
}

#[tokio::test]
async fn a_body_over_a_limit_is_named_by_it() {
    let w = World::start().await;
    let large = format!("{{\"type\":\"{}\"}}", "x".repeat(1024 * 1024));
    let reply = w.post_bytes(EVENTS, large.clone()).await;
    assert_eq!((reply.status, reply.slug().as_str()), (413, "too-large"), "{}", reply.text);
    assert!(reply.text.contains("limits.body") && reply.text.contains("1048576"), "{}", reply.text);
    let graph = w
        .client
        .post(w.url("/me/messages?access_token=market-bot"))
        .header("content-type", "application/json");
    expect!(w.send(graph.body(large)).await, 400, "limits.body", "\"code\":100");
    // Up to the limit it is read.
    let text = "x".repeat(1024 * 1024 - 11);
    let reply = w.post_bytes(EVENTS, format!("{{\"type\":\"{text}\"}}")).await;
    assert_eq!(reply.slug(), "bad-body");
}

#[tokio::test]
async fn a_large_body_is_refused_before_it_is_sent_where_the_client_waits() {
    let w = World::start().await;
    let head = |path: &str| {
        format!(
            "POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {OPERATOR}\r\nContent-Length: 2000000\r\n\
             Expect: 100-continue\r\nConnection: close\r\n\r\n"
        )
    };
    let answer = w.raw(head(EVENTS).as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 413 ") && answer.contains("/problems/too-large"), "{answer}");
    let answer = w.raw(head("/me/messages?access_token=market-bot").as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 400 ") && answer.contains("\"code\":100"), "{answer}");
}

#[tokio::test]
async fn bodies_that_cannot_be_read_by_table() {
    let w = World::start().await;
    let deep = nested(65);
    let very_deep = "[".repeat(100_000);
    #[rustfmt::skip]
    let table: Vec<(&str, &[u8], &str)> = vec![
        ("nothing",              b"", "bad-body"),
        ("half of it",           b"{\"type\":", "not-json"),
        ("a form",               b"type=message", "not-json"),
        ("two values",           b"{} {}", "not-json"),
        ("not UTF-8",            b"{\"type\":\"\xff\"}", "not-utf8"),
        ("half a surrogate",     br#"{"type":"\ud800"}"#, "not-json"),
        ("too deep",             deep.as_bytes(), "too-deep"),
        ("deep, and never shut", very_deep.as_bytes(), "too-deep"),
        ("a text",               b"\"x\"", "bad-body"),
    ];
    for (name, body, slug) in table {
        let reply = w.post_bytes(EVENTS, body.to_vec()).await;
        assert_eq!((reply.status, reply.slug().as_str()), (400, slug), "{name}: {}", reply.text);
        if name == "nothing" {
            // Several clients send a JSON type with nothing: here that is a call without parameters.
            continue;
        }
        let graph = w
            .client
            .post(w.url("/me/messages?access_token=market-bot"))
            .header("content-type", "application/json");
        let reply = w.send(graph.body(body.to_vec())).await;
        assert_eq!((reply.status, reply.code().0), (400, 100), "{name}: {}", reply.text);
    }
    expect!(w.post_bytes(EVENTS, nested(64)).await, 200, "MCR-MSG-1");
}

#[tokio::test]
async fn forms_have_limits_too() {
    let w = World::start().await;
    let post = |body: String| {
        let request = w.client.post(w.url("/me/messages?access_token=market-bot"));
        w.send(request.header("content-type", "application/x-www-form-urlencoded").body(body))
    };
    let many: Vec<String> = (0..1001).map(|n| format!("a{n}=1")).collect();
    expect!(post(many.join("&")).await, 400, "limits.form_fields", "\"code\":100");
    expect!(post(format!("a{}=1", "[b]".repeat(70))).await, 400, "limits.depth", "\"code\":100");
    expect!(post("a=%ff".to_owned()).await, 400, "not valid UTF-8", "\"code\":100");
}

#[tokio::test]
async fn limits_are_settings() {
    let w = World::with(Limits { body: 4096, depth: 3, ..Limits::default() }).await;
    let reply = w.post_bytes(EVENTS, vec![b' '; 4097]).await;
    assert!(reply.slug() == "too-large" && reply.text.contains("4096"), "{}", reply.text);
    assert_eq!(w.post_bytes(EVENTS, "[[[[]]]]").await.slug(), "too-deep");
}

#[tokio::test]
async fn what_a_limit_refuses_names_its_setting() {
    let limits = Limits { metadata: 5, events: 2, event_id: 3, ..Limits::default() };
    let w = World::with(limits).await;
    let event = |id: &str| json!({"type": "message", "message": {"text": "x"}, "event_id": id});
    expect!(w.post(EVENTS, event("abc")).await, 200, "MCR-MSG-1");
    expect!(w.post(EVENTS, event("abcd")).await, 400, "limits.event_id", "/event_id");
    let dry = "/baton/v1/pages/2001/threads/ann/dry-run";
    expect!(w.post(dry, json!({"event": event("abcd")})).await, 400, "limits.event_id", "/event/event_id");
    let mut many = vec![event("a"); 3];
    many.iter_mut().for_each(|event| event["person"] = json!("ann"));
    expect!(w.post("/baton/v1/pages/2001/events", json!(many)).await, 413, "limits.events");
    let pass = |said: &str| json!({"recipient": {"id": "ann"}, "target_app_id": "222", "metadata": said});
    expect!(w.call("market-bot", "/me/pass_thread_control", pass("123456")).await, 400, "limits.metadata");
    let by_desk = |said: &str| json!({"action": "pass", "app_id": "222", "metadata": said});
    let inbox = "/baton/v1/pages/2001/threads/ann/inbox";
    expect!(w.post(inbox, by_desk("123456")).await, 400, "limits.metadata", "/metadata");
    assert_eq!(w.call("market-bot", "/me/pass_thread_control", pass("12345")).await.status, 200);
}

/// Somebody who sends a large body as far as this, and then waits.
async fn slow(w: &World, path: &str, header: &str, sent: usize) -> TcpStream {
    let mut stream = TcpStream::connect(w.base.trim_start_matches("http://")).await.unwrap();
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: x\r\n{header}Content-Type: application/json\r\nContent-Length: 100000\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(&vec![b' '; sent]).await.unwrap();
    stream
}

/// A message that an app sends, of some 40,000 bytes, with a token in its body.
fn large(token: &str) -> String {
    let said = json!({"recipient": {"id": "ann"}, "message": {"text": "x"}, "access_token": token});
    format!("{said}{}", " ".repeat(40_000))
}

#[tokio::test]
async fn large_bodies_of_strangers_share_a_room_and_hold_up_nobody_else() {
    let w = World::with(Limits { bodies: 65_536, ..Limits::default() }).await;
    w.writes("2001", "ann").await;
    let post = |path: &str, header: (&str, &str), body: String| {
        let request = w.client.post(w.url(path)).header("content-type", "application/json");
        w.send(request.header(header.0.to_owned(), header.1.to_owned()).body(body))
    };
    let none = ("x-none", "");
    assert_eq!(post("/me/messages", none, large("market-bot")).await.status, 200);
    for header in ["", "Authorization: Bearer of-nobody\r\n"] {
        let slow = slow(&w, "/me/messages", header, 60_000).await;
        let refused = loop {
            let reply = post("/me/messages", none, large("market-bot")).await;
            if reply.status != 200 {
                break reply;
            }
        };
        assert_eq!((refused.status, refused.code()), (500, (2, None)), "{}", refused.text);
        assert_eq!(refused.json()["error"]["is_transient"], true);
        let password = json!({"name": "x", "password": "y".repeat(40_000)}).to_string();
        let reply = post("/baton/v1/session", none, password).await;
        assert_eq!((reply.status, reply.slug().as_str(), reply.header("retry-after")), (503, "busy", "1"));
        let wrong = post("/me/messages?access_token=wrong", none, large("market-bot")).await;
        assert_eq!((wrong.status, wrong.code().0), (400, 190), "{}", wrong.text);
        // Whoever is known, and whatever is small.
        let small = large("market-bot").trim_end().to_owned();
        assert_eq!(post("/me/messages", none, small).await.status, 200);
        assert_eq!(post("/me/messages?access_token=market-bot", none, large("")).await.status, 200);
        let bearer = ("authorization", "Bearer market-bot");
        assert_eq!(post("/me/messages", bearer, large("")).await.status, 200);
        let event = format!("{}{}", json!({"type": "message", "message": {"text": "x"}}), " ".repeat(40_000));
        expect!(w.post_bytes(EVENTS, event).await, 200, "MCR-MSG-");
        drop(slow);
        // It is given back. A token in the body is the caller's, whatever the header says.
        let other = ("authorization", "Bearer of-nobody");
        while post("/me/messages", other, large("market-bot")).await.status != 200 {}
    }
}

#[tokio::test]
async fn large_bodies_of_who_is_known_share_a_room_too() {
    let w = World::with(Limits { bodies: 65_536, ..Limits::default() }).await;
    let operator = format!("Authorization: Bearer {OPERATOR}\r\n");
    for (path, header) in [(EVENTS, operator.as_str()), ("/me/messages?access_token=market-bot", "")] {
        let slow = slow(&w, path, header, 60_000).await;
        let event = format!("{{\"type\":\"{}\"}}", "x".repeat(40_000));
        let refused = loop {
            let reply = w.post_bytes(EVENTS, event.clone()).await;
            if reply.status != 400 {
                break reply;
            }
        };
        assert_eq!((refused.status, refused.slug().as_str()), (503, "busy"), "{}", refused.text);
        drop(slow);
        while w.post_bytes(EVENTS, event.clone()).await.status != 400 {}
    }
}

#[tokio::test]
async fn a_large_body_is_not_asked_for_where_the_address_has_a_wrong_token() {
    let w = World::start().await;
    let head = |token: &str, length: usize| {
        format!(
            "POST /me/messages?access_token={token} HTTP/1.1\r\nHost: b\r\nContent-Type: application/json\r\n\
             Content-Length: {length}\r\nConnection: close\r\nExpect: 100-continue\r\n\r\n"
        )
    };
    for token in ["wrong", "111%7Cwrong"] {
        let refused = w.raw(head(token, 100_000).as_bytes()).await;
        assert!(refused.starts_with("HTTP/1.1 400") && refused.contains("\"code\":190"), "{refused}");
    }
    let mut known = TcpStream::connect(w.base.trim_start_matches("http://")).await.unwrap();
    known.write_all(head("market-bot", 100_000).as_bytes()).await.unwrap();
    let mut asked = [0; 12];
    known.read_exact(&mut asked).await.unwrap();
    assert_eq!(&asked, b"HTTP/1.1 100");
}

/// A request on a connection that stays open.
async fn on(stream: &mut TcpStream) {
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"}") {
        assert_ne!(stream.read_buf(&mut answer).await.unwrap(), 0, "closed after {answer:?}");
    }
    assert!(answer.starts_with(b"HTTP/1.1 200 "), "{answer:?}");
}

#[tokio::test]
async fn more_connections_than_allowed_wait() {
    // Nothing was asked of this server yet, so that no connection of the client's pool is open.
    let w = World::empty(Limits { connections: 2, ..Limits::default() }, true).await;
    let address = w.base.trim_start_matches("http://");
    let mut first = TcpStream::connect(address).await.unwrap();
    let mut second = TcpStream::connect(address).await.unwrap();
    on(&mut first).await;
    on(&mut second).await;
    let mut third = TcpStream::connect(address).await.unwrap();
    third.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.unwrap();
    for _ in 0..20 {
        on(&mut first).await;
        on(&mut second).await;
    }
    let waits = third.try_read(&mut [0; 1]).unwrap_err();
    assert_eq!(waits.kind(), std::io::ErrorKind::WouldBlock, "two are open, and the third was served");
    drop(first);
    let mut answer = String::new();
    let reading = third.read_to_string(&mut answer);
    tokio::time::timeout(Duration::from_secs(20), reading).await.expect("its turn comes").unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    on(&mut second).await;
}

/// Everything that can be done is done: a clock that stands still goes on only when nobody has anything to do.
async fn quiet() {
    tokio::time::timeout(Duration::from_millis(1), std::future::pending::<()>()).await.unwrap_err();
}

/// A client that asks for some megabytes, more than the machine keeps for it, and reads nothing of them.
async fn asks_and_does_not_read(w: &World) -> TcpStream {
    for _ in 0..250 {
        w.engine.freeze_clock(true).await.unwrap();
    }
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let mut stream = socket.connect(w.base.trim_start_matches("http://").parse().unwrap()).await.unwrap();
    let request = format!(
        "GET /baton/v1/activity?limit=200 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {OPERATOR}\r\n\r\n"
    );
    stream.write_all(request.repeat(400).as_bytes()).await.unwrap();
    stream
}

/// Reads until this was heard, or for so many seconds.
async fn hears(
    stream: &mut TcpStream,
    what: &str,
    seconds: u64,
) -> Result<String, tokio::time::error::Elapsed> {
    let mut heard = Vec::new();
    let reading = async {
        while !String::from_utf8_lossy(&heard).contains(what) {
            assert_ne!(stream.read_buf(&mut heard).await.unwrap(), 0, "it ended");
        }
    };
    tokio::time::timeout(Duration::from_secs(seconds), reading).await?;
    Ok(String::from_utf8_lossy(&heard).into_owned())
}

#[tokio::test]
async fn an_answer_that_nobody_reads_is_given_up_and_a_listener_to_whom_nothing_happens_is_not() {
    // Nothing was asked of this server yet, so that no connection of the client's pool is open.
    let w = World::empty(Limits { connections: 2, ..Limits::default() }, true).await;
    let address = w.base.trim_start_matches("http://");
    let mut listener = TcpStream::connect(address).await.unwrap();
    let listen = format!(
        "GET /baton/v1/activity HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {OPERATOR}\r\nAccept: text/event-stream\r\n\r\n"
    );
    listener.write_all(listen.as_bytes()).await.unwrap();
    hears(&mut listener, "\r\n\r\n", 10).await.unwrap();
    let stalled = asks_and_does_not_read(&w).await;
    let mut third = TcpStream::connect(address).await.unwrap();
    third.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.unwrap();
    tokio::time::pause();
    quiet().await;
    let early = hears(&mut third, "200 OK", 28).await;
    assert!(early.is_err(), "both places are taken: {early:?}");
    hears(&mut third, "200 OK", 5).await.expect("a client that does not read keeps its place");
    drop((stalled, third));
    // The listener has heard nothing but that its connection lives, and goes on.
    tokio::time::timeout(Duration::from_secs(300), std::future::pending::<()>()).await.unwrap_err();
    hears(&mut listener, "nothing more", 1).await.unwrap_err();
    w.engine.freeze_clock(false).await.unwrap();
    hears(&mut listener, "event: clock", 1).await.expect("it still listens");
}

#[tokio::test]
async fn a_client_that_does_not_read_does_not_hold_up_the_stop() {
    let w = World::start().await;
    let stream = asks_and_does_not_read(&w).await;
    tokio::time::pause();
    quiet().await;
    let engine = w.engine.clone();
    let mut served = w.stopping();
    let early = tokio::time::timeout(Duration::from_secs(7), &mut served).await;
    assert!(early.is_err(), "requests that are under way may end: {early:?}");
    let ended = tokio::time::timeout(Duration::from_secs(2), served).await;
    ended.expect("a client that does not read holds up the stop").unwrap().unwrap();
    // With what the last deliveries may take it is less than ten seconds.
    let stop = engine.stop(Duration::from_millis(1_500));
    tokio::time::timeout(Duration::from_secs(1), stop).await.expect("nothing is to be delivered");
    drop(stream);
}

#[tokio::test]
async fn broken_requests_are_refused_by_the_protocol() {
    let w = World::start().await;
    let answer = w.raw(b"this is no http\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    let header = "x".repeat(4 * 1024 * 1024);
    let answer = w.raw(format!("GET / HTTP/1.1\r\nHost: x\r\nX: {header}\r\n\r\n").as_bytes()).await;
    // Whoever is still sending may see the connection break before the answer.
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 431 "), "{answer}");
    // The next one is served.
    expect!(w.get("/healthz").await, 200, "ok");
}

#[tokio::test]
async fn a_head_that_never_ends_is_cut_off() {
    let w = World::start().await;
    let answer = w.raw(b"GET / HTTP/1.1\r\nHost: x\r\n").await;
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 408 "), "{answer}");
}

#[tokio::test]
async fn a_body_that_never_ends_is_cut_off_and_says_why() {
    let w = World::start().await;
    let head = "Host: x\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{";
    for (path, token, status, named) in [
        ("/baton/v1/pages/2001/people/ann/events", OPERATOR, "408", "/problems/too-slow"),
        ("/me/messages", "market-bot", "400", "\"code\":100"),
    ] {
        let mut stream = TcpStream::connect(w.base.trim_start_matches("http://")).await.unwrap();
        let request = format!("POST {path} HTTP/1.1\r\nAuthorization: Bearer {token}\r\n{head}");
        stream.write_all(request.as_bytes()).await.unwrap();
        tokio::time::pause();
        quiet().await;
        let mut answer = vec![0; 4096];
        let reading = tokio::time::timeout(Duration::from_secs(60), stream.read(&mut answer));
        let count = reading.await.expect("a body may not take a minute").unwrap();
        tokio::time::resume();
        let answer = String::from_utf8_lossy(&answer[..count]).into_owned();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")) && answer.contains(named), "{answer}");
    }
    expect!(w.get("/healthz").await, 200, "ok");
}

#[tokio::test]
async fn what_is_around() {
    let w = World::start().await;
    expect!(w.get("/").await, 200, "\"name\":\"Baton\"", "http://baton.test/baton/v1");
    expect!(w.get("/healthz").await, 200, "ok");
    expect!(w.get("/readyz").await, 200, "ready");
    expect!(w.get("/problems").await, 200, "/problems/unknown-page");
    for (path, status, slug) in [
        ("/problems/none", 404, "not-found"),
        ("/baton", 404, "not-found"),
        ("/baton/v2/pages", 404, "not-found"),
        ("/favicon.ico", 404, "not-found"),
        ("/metrics/x", 404, "not-found"),
        ("/healthz/more", 404, "not-found"),
    ] {
        let reply = w.get(path).await;
        assert_eq!((reply.status, reply.slug().as_str()), (status, slug), "{path}: {}", reply.text);
    }
    let reply = w.send(w.client.delete(w.url("/healthz"))).await;
    assert_eq!(
        (reply.status, reply.slug().as_str(), reply.header("allow")),
        (405, "method-not-allowed", "GET,HEAD")
    );
    let reply = w.send(w.client.delete(w.url("/baton/v1/clock")).bearer_auth(OPERATOR)).await;
    assert_eq!((reply.status, reply.header("allow")), (405, "GET,HEAD,POST"));
    // No other path is anything but the Graph API's, whatever the method.
    for method in ["GET", "PUT", "PATCH", "DELETE", "OPTIONS", "PURGE"] {
        let request =
            w.client.request(method.parse().unwrap(), w.url("/some/thing/else?access_token=market-bot"));
        expect!(w.send(request).await, 400, "{\"error\":{", "2500");
        let request =
            w.client.request(method.parse().unwrap(), w.url("/me/messages?access_token=market-bot"));
        expect!(w.send(request).await, 400, "{\"error\":{", "\"error_subcode\":33");
    }
}

#[tokio::test]
async fn request_ids_are_taken_over_or_made() {
    let w = World::start().await;
    let get = |id: &str| w.client.get(w.url("/healthz")).header("x-request-id", id);
    assert_eq!(w.send(get("mine-1")).await.header("x-request-id"), "mine-1");
    let long = "x".repeat(129);
    for odd in ["with space", "semi;colon", long.as_str()] {
        let made = w.send(get(odd)).await.header("x-request-id").to_owned();
        assert_eq!(made.len(), 36, "{odd}: {made}");
    }
}

/// What is logged by all tests that run meanwhile.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_line_of_log_says_all_but_tokens() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt().json().with_writer(move || writer.clone()).finish();
    tracing::subscriber::set_global_default(subscriber).unwrap();
    let w = World::start().await;
    w.writes("2002", "ann").await;
    let body = json!({"recipient": {"id": "ann"}, "message": {"text": "x"}});
    let request =
        w.client.post(w.with_token("/v19.0/me/messages", "garage-desk")).header("x-request-id", "r-1");
    let reply = w.send(request.json(&body)).await;
    let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    let lines: Vec<serde_json::Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let line = lines.iter().map(|line| &line["fields"]).find(|fields| fields["request_id"] == "r-1").unwrap();
    assert_eq!(line["method"], "POST");
    assert_eq!(line["path"], "/v19.0/me/messages");
    assert_eq!(line["status"], 400);
    assert_eq!(line["rule"], "HOP-SEND-3");
    assert_eq!(line["trace_id"], reply.header("x-fb-trace-id"));
    assert!(line["ms"].is_u64());
    for secret in ["garage-desk", OPERATOR, "test_secret"] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
}

#[tokio::test]
async fn a_request_under_way_ends_when_the_server_stops() {
    let w = World::start().await;
    let body = json!({"type": "message", "message": {"text": "last"}}).to_string();
    let (first, rest) = body.split_at(10);
    let mut stream = TcpStream::connect(w.base.trim_start_matches("http://")).await.unwrap();
    let head = format!(
        "POST {EVENTS} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {OPERATOR}\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(format!("{head}{first}").as_bytes()).await.unwrap();
    // The request has arrived when another one, later, was answered.
    expect!(w.get("/healthz").await, 200, "ok");
    let (engine, address) = (w.engine.clone(), w.base.trim_start_matches("http://").to_owned());
    let served = w.stopping();
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert!(!served.is_finished(), "it waits for the request");
    stream.write_all(rest.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.contains("MCR-MSG-1"), "{answer}");
    tokio::time::timeout(Duration::from_secs(5), served).await.unwrap().unwrap().unwrap();
    assert!(TcpStream::connect(address).await.is_err(), "nobody listens any more");
    engine.stop(Duration::from_secs(1)).await;
}

#[tokio::test]
async fn it_is_not_ready_before_it_is_started() {
    let w = World::start().await;
    w.started.store(false, std::sync::atomic::Ordering::Release);
    let ready = w.get("/readyz").await;
    assert_eq!((ready.status, ready.slug().as_str()), (503, "starting"));
    w.started.store(true, std::sync::atomic::Ordering::Release);
    expect!(w.get("/readyz").await, 200, "ready");
    w.stop().await;
}

#[tokio::test]
async fn without_an_engine_it_says_try_again() {
    let w = World::start().await;
    w.writes("2001", "ann").await;
    w.engine.stop(Duration::from_secs(1)).await;
    let ready = w.get("/readyz").await;
    assert_eq!((ready.status, ready.slug().as_str(), ready.header("retry-after")), (503, "stopping", "1"));
    let event = w.post(EVENTS, json!({"type": "message", "message": {"text": "x"}})).await;
    assert_eq!((event.status, event.slug().as_str()), (503, "stopping"), "{}", event.text);
    let sent = w
        .call("market-bot", "/me/messages", json!({"recipient": {"id": "ann"}, "message": {"text": "x"}}))
        .await;
    assert_eq!((sent.status, sent.code()), (500, (2, None)), "{}", sent.text);
    assert_eq!(sent.json()["error"]["is_transient"], true);
    expect!(w.get("/healthz").await, 200, "ok");
    w.stop().await;
}

#[tokio::test]
async fn a_request_whose_end_can_be_read_in_two_ways_hides_no_other() {
    let w = World::start().await;
    let hidden = "GET /baton/v1/hidden HTTP/1.1\r\nHost: x\r\n\r\n";
    let post = "POST /baton/v1/nothing HTTP/1.1\r\nHost: x\r\n";
    let length = hidden.len();
    for (head, refused) in [
        // The first one's end is the chunks', and then the connection's.
        (format!("Content-Length: {length}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), false),
        (format!("Transfer-Encoding: chunked\r\nContent-Length: {length}\r\n\r\n0\r\n\r\n"), false),
        (format!("Content-Length: 0\r\nContent-Length: {length}\r\n\r\n"), true),
        (format!("Content-Length: 0, {length}\r\n\r\n"), true),
        (format!("Content-Length: +{length}\r\n\r\n"), true),
        ("Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n".to_owned(), true),
        ("X-Folded: a\r\n Content-Length: 0\r\n\r\n".to_owned(), true),
        ("Content-Length : 0\r\n\r\n".to_owned(), true),
    ] {
        let answer = w.raw(format!("{post}{head}{hidden}").as_bytes()).await;
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{head}: {answer}");
        assert_eq!(answer.starts_with("HTTP/1.1 400 "), refused, "{head}: {answer}");
    }
}

#[tokio::test]
async fn pages_of_strangers_read_nothing() {
    let w = World::start().await;
    for path in ["/me?access_token=market-bot", "/baton/v1/pages", "/baton/v1/activity?limit=1", "/nothing"] {
        for method in [reqwest::Method::GET, reqwest::Method::OPTIONS] {
            let request =
                w.client.request(method.clone(), w.url(path)).header("origin", "https://stranger.test");
            let request = request.header("access-control-request-method", "GET").bearer_auth(OPERATOR);
            let answer = request.send().await.unwrap();
            let opened = answer.headers().keys().find(|name| name.as_str().starts_with("access-control-"));
            assert_eq!(opened, None, "{method} {path}");
        }
    }
}
