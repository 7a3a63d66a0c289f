//! Webhooks over HTTP against receivers that mean no good: each attempt ends in time, reads a bounded answer,
//! follows nothing, and reaches nothing that it may not.

#![expect(clippy::unwrap_used, reason = "the helpers of a test may unwrap like the test")]

use std::net::SocketAddr;
use std::time::Duration;

use baton_engine::{Answer, HttpTransport, SendError, Transport, Vetting};
use bytes::Bytes;
use futures_util::FutureExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const TIMEOUT: Duration = Duration::from_millis(300);

fn local() -> HttpTransport {
    let allowed = vec!["127.0.0.0/8".parse().unwrap(), "::1/128".parse().unwrap()];
    HttpTransport::new(Vetting { allowed }, TIMEOUT).unwrap()
}

fn strict() -> HttpTransport {
    HttpTransport::new(Vetting::default(), TIMEOUT).unwrap()
}

/// A receiver that treats its one connection like this; answers with its address.
async fn receiver<F, R>(treat: F) -> SocketAddr
where
    F: FnOnce(TcpStream) -> R + Send + 'static,
    R: Future<Output = ()> + Send,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        treat(stream).await;
    });
    address
}

/// Reads a request up to the end of its body.
async fn request(stream: &mut TcpStream) -> String {
    let mut read = Vec::new();
    let mut piece = [0; 1024];
    loop {
        let text = String::from_utf8_lossy(&read).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            if body.len() >= length.map_or(0, |length| length.parse().unwrap()) {
                return text;
            }
        }
        let count = stream.read(&mut piece).await.unwrap();
        assert!(count > 0, "the request ended early");
        read.extend_from_slice(&piece[..count]);
    }
}

/// Answers with this, and then does nothing more, for ever.
async fn answers(text: &'static str) -> SocketAddr {
    receiver(move |mut stream| async move {
        request(&mut stream).await;
        stream.write_all(text.as_bytes()).await.unwrap();
        std::future::pending::<()>().await;
    })
    .await
}

async fn post(transport: &HttpTransport, url: &str) -> Result<Answer, SendError> {
    let headers = vec![
        ("content-type", "application/json".to_owned()),
        ("x-hub-signature-256", "sha256=00".to_owned()),
    ];
    transport.post(url, headers, Bytes::from_static(b"{\"object\":\"page\"}")).await
}

#[tokio::test]
async fn a_webhook_arrives_as_it_is() {
    let (sent, arrived) = tokio::sync::oneshot::channel();
    let at = receiver(|mut stream| async move {
        let request = request(&mut stream).await;
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 14\r\n\r\nEVENT_RECEIVED").await.unwrap();
        sent.send(request).unwrap();
    })
    .await;
    let answer = post(&local(), &format!("http://{at}/hook?x=1")).await.unwrap();
    assert_eq!(
        answer,
        Answer { status: 200, body: Bytes::from_static(b"EVENT_RECEIVED"), retry_after: None }
    );
    let request = arrived.await.unwrap();
    assert!(request.starts_with("POST /hook?x=1 HTTP/1.1\r\n"), "{request}");
    for line in ["content-type: application/json\r\n", "x-hub-signature-256: sha256=00\r\n"] {
        assert!(request.contains(line), "{line} is not in {request}");
    }
    assert!(request.ends_with("\r\n\r\n{\"object\":\"page\"}"), "{request}");
}

#[tokio::test]
async fn an_answer_with_an_error_is_an_answer() {
    for (text, status) in [
        ("HTTP/1.1 500 Oh\r\ncontent-length: 0\r\n\r\n", 500),
        ("HTTP/1.1 404 No\r\ncontent-length: 2\r\n\r\nno", 404),
        ("HTTP/1.1 204 Fine\r\n\r\n", 204),
    ] {
        let at = answers(text).await;
        assert_eq!(post(&local(), &format!("http://{at}/")).await.unwrap().status, status);
    }
}

#[tokio::test]
async fn whoever_never_answers_is_not_waited_for() {
    let silent = receiver(|mut stream| async move {
        request(&mut stream).await;
        std::future::pending::<()>().await;
    })
    .await;
    let answer = post(&local(), &format!("http://{silent}/")).await;
    assert_eq!(answer, Err(SendError::Timeout(TIMEOUT)));
}

#[tokio::test]
async fn a_head_that_does_not_end_in_time_is_no_answer() {
    for text in ["HTTP/1.1 200 OK\r\nx-slow: ", "HTTP/1.1 100 Continue\r\n\r\n"] {
        let at = answers(text).await;
        let answer = post(&local(), &format!("http://{at}/")).await;
        assert_eq!(answer, Err(SendError::Timeout(TIMEOUT)), "{text:?}");
    }
}

#[tokio::test]
async fn the_status_has_said_it_however_the_body_goes_on() {
    for text in ["HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf", "HTTP/1.1 500 x\r\n\r\nhalf"] {
        let status = if text.contains("200") { 200 } else { 500 };
        let stalls = answers(text).await;
        let breaks = receiver(move |mut stream| async move {
            request(&mut stream).await;
            stream.write_all(text.as_bytes()).await.unwrap();
        })
        .await;
        for at in [stalls, breaks] {
            let answer = post(&local(), &format!("http://{at}/")).await.unwrap();
            assert_eq!((answer.status, &answer.body[..]), (status, &b"half"[..]), "{text:?}");
        }
    }
}

#[tokio::test]
async fn an_endless_answer_is_cut_off() {
    for (head, more, status) in [
        ("HTTP/1.1 200 OK\r\n\r\n", "more and more", Some(200)),
        ("HTTP/1.1 200 OK\r\ncontent-length: 1000000000\r\n\r\n", "more and more", Some(200)),
        ("HTTP/1.1 200 OK\r\n", "x-more: and more\r\n", None),
        ("", "HTTP/1.1 100 Continue\r\n\r\n", None),
    ] {
        let at = receiver(move |mut stream| async move {
            request(&mut stream).await;
            let more = more.repeat(100);
            stream.write_all(head.as_bytes()).await.unwrap();
            // Until the other side has had enough.
            while stream.write_all(more.as_bytes()).await.is_ok() {}
        })
        .await;
        let answer = post(&local(), &format!("http://{at}/")).await;
        assert_eq!(answer.ok().map(|answer| answer.status), status, "{head:?}");
    }
}

#[tokio::test]
async fn only_the_beginning_of_an_answer_is_kept() {
    let at = receiver(|mut stream| async move {
        request(&mut stream).await;
        let body = "y".repeat(60_000);
        let head = "HTTP/1.1 200 OK\r\ncontent-length: 60000\r\n\r\n";
        stream.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
    })
    .await;
    let answer = post(&local(), &format!("http://{at}/")).await.unwrap();
    assert_eq!((answer.status, answer.body.len()), (200, 512));
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_is_not_followed() {
    let elsewhere = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target = elsewhere.local_addr().unwrap();
    for status in [301, 302, 307, 308] {
        let at = receiver(move |mut stream| async move {
            request(&mut stream).await;
            let text =
                format!("HTTP/1.1 {status} x\r\nlocation: http://{target}/\r\ncontent-length: 0\r\n\r\n");
            stream.write_all(text.as_bytes()).await.unwrap();
        })
        .await;
        assert_eq!(post(&local(), &format!("http://{at}/")).await.unwrap().status, status);
    }
    assert!(elsewhere.accept().now_or_never().is_none(), "somebody came to the other address");
}

#[tokio::test]
async fn a_connection_that_breaks_is_a_failure() {
    let reset = receiver(|mut stream| async move {
        request(&mut stream).await;
        // Nothing is read to its end: the system answers with a reset.
        stream.set_zero_linger().unwrap();
    })
    .await;
    let babble = receiver(|mut stream| async move {
        request(&mut stream).await;
        stream.write_all(b"220 mail.test ESMTP\r\n").await.unwrap();
    })
    .await;
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    for at in [reset, babble, nobody] {
        let answer = post(&local(), &format!("http://{at}/")).await;
        assert!(matches!(answer, Err(SendError::Failed(_))), "{answer:?}");
    }
}

#[tokio::test]
async fn what_may_not_be_reached_gets_no_packet() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let transport = strict();
    for host in [
        "127.0.0.1",
        "localhost",
        "2130706433",
        "0x7f.1",
        "0177.0.0.1",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "0.0.0.0",
        "user@127.0.0.1",
    ] {
        let url = format!("http://{host}:{port}/");
        for answer in [post(&transport, &url).await, transport.get(&url).await] {
            assert!(matches!(answer, Err(SendError::Forbidden(_))), "{host}: {answer:?}");
        }
    }
    for url in ["http://169.254.169.254/latest/meta-data", "http://10.0.0.1/", "http://[fd00::1]/"] {
        assert!(matches!(post(&transport, url).await, Err(SendError::Forbidden(_))), "{url}");
    }
    assert!(listener.accept().now_or_never().is_none(), "somebody came all the same");
}

#[tokio::test]
async fn what_is_no_web_address_is_a_failure() {
    for url in ["file:///etc/passwd", "gopher://127.0.0.1/", "not an address", "http://"] {
        let answer = post(&local(), url).await;
        assert!(matches!(answer, Err(SendError::Failed(_))), "{url}: {answer:?}");
    }
}

#[tokio::test]
async fn the_handshake_reads_the_answer() {
    let at = answers("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n123456789").await;
    let answer = local().get(&format!("http://{at}/?hub.challenge=123456789")).await.unwrap();
    assert_eq!(answer.body, Bytes::from_static(b"123456789"));
}
