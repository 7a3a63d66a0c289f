//! Webhooks over HTTP against receivers that mean no good: each attempt ends in time, reads a bounded answer,
//! follows nothing, and reaches nothing that it may not.

#![expect(clippy::unwrap_used, reason = "the helpers of a test may unwrap like the test")]

use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use baton_engine::{Answer, HttpTransport, Names, SendError, Transport, Vetting};
use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

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
async fn a_name_and_a_password_in_an_address_are_said_in_the_head_and_not_in_the_line() {
    for (user, said) in [
        ("ada:l%40velace@", Some("YWRhOmxAdmVsYWNl")),
        ("ada@", Some("YWRhOg==")),
        (":x@", Some("Ong=")),
        ("", None),
    ] {
        let (sent, arrived) = tokio::sync::oneshot::channel();
        let at = receiver(|mut stream| async move {
            let request = request(&mut stream).await;
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.unwrap();
            sent.send(request).unwrap();
        })
        .await;
        post(&local(), &format!("http://{user}{at}/hook#part")).await.unwrap();
        let request = arrived.await.unwrap();
        assert!(request.starts_with("POST /hook HTTP/1.1\r\n"), "{request}");
        assert!(request.contains(&format!("host: {at}\r\n")), "{request}");
        let line = request.lines().find_map(|line| line.strip_prefix("authorization: Basic "));
        assert_eq!(line, said, "{user}");
    }
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
async fn answers_that_are_no_http_are_failures() {
    for text in [
        "HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\nOKO",
        "HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 99999999999999999999999\r\n\r\n",
        "HTTP/1.1 2000 OK\r\n\r\n",
        "HTTP/9.9 200 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nno header at all\r\n\r\n",
        // An alert of TLS: something else listens there.
        "\u{15}\u{3}\u{3}\u{0}\u{2}\u{2}\u{28}",
        "\u{0}\u{0}\u{0}\u{0}\r\n\r\n",
    ] {
        let answer = post(&local(), &format!("http://{}/", answers(text).await)).await;
        assert!(matches!(answer, Err(SendError::Failed(_))), "{text:?}: {answer:?}");
    }
}

#[tokio::test]
async fn a_body_that_is_framed_wrongly_changes_nothing_about_its_status() {
    for text in [
        // Longer than it says, and chunks that are none.
        "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nOK and so on",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\nOK\r\n",
        "HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
    ] {
        let answer = post(&local(), &format!("http://{}/", answers(text).await)).await.unwrap();
        assert_eq!(answer.status, 200, "{text:?}");
    }
}

#[tokio::test]
async fn an_answer_that_comes_byte_by_byte_is_taken_while_it_is_in_time() {
    let at = receiver(|mut stream| async move {
        request(&mut stream).await;
        stream.set_nodelay(true).unwrap();
        for byte in b"HTTP/1.1 204 No Content\r\n\r\n" {
            stream.write_all(&[*byte]).await.unwrap();
            stream.flush().await.unwrap();
        }
        std::future::pending::<()>().await;
    })
    .await;
    assert_eq!(post(&local(), &format!("http://{at}/")).await.unwrap().status, 204);
}

#[tokio::test]
async fn whoever_takes_the_connection_and_nothing_else_is_not_waited_for() {
    // Accepted by the system alone; read by nobody, and with more to read than the system keeps.
    let deaf = receiver(|stream| async move {
        std::future::pending::<()>().await;
        drop(stream);
    })
    .await;
    let large = Bytes::from(vec![b'x'; 32 * 1024 * 1024]);
    let answer = local().post(&format!("http://{deaf}/"), Vec::new(), large).await;
    assert_eq!(answer, Err(SendError::Timeout(TIMEOUT)));
    let closes = receiver(|stream| async move { drop(stream) }).await;
    let answer = post(&local(), &format!("http://{closes}/")).await;
    assert!(matches!(answer, Err(SendError::Failed(_))), "{answer:?}");
}

#[tokio::test]
async fn a_receiver_of_https_that_speaks_no_tls_is_a_failure_or_not_waited_for() {
    let plain = receiver(|mut stream| async move {
        let mut hello = [0; 512];
        let count = stream.read(&mut hello).await.unwrap();
        assert!(count > 0 && hello[0] == 0x16, "a handshake of TLS begins so");
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
    })
    .await;
    let answer = post(&local(), &format!("https://{plain}/")).await;
    assert!(matches!(answer, Err(SendError::Failed(_))), "{answer:?}");
    let silent = receiver(|stream| async move {
        std::future::pending::<()>().await;
        drop(stream);
    })
    .await;
    assert_eq!(post(&local(), &format!("https://{silent}/")).await, Err(SendError::Timeout(TIMEOUT)));
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

/// A resolver that answers otherwise each time, as one does that means no good; the last answer stays.
struct Rebinding(Mutex<Vec<Vec<IpAddr>>>);

impl Names for Rebinding {
    fn addresses(&self, _: &str) -> BoxFuture<'static, std::io::Result<Vec<IpAddr>>> {
        let mut answers = self.0.lock().unwrap();
        let answer = if answers.len() > 1 { answers.remove(0) } else { answers[0].clone() };
        async move { Ok(answer) }.boxed()
    }
}

#[tokio::test]
async fn a_name_that_is_bound_anew_reaches_nothing_private() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://receiver.test:{}/hook", listener.local_addr().unwrap().port());
    let (public, own): (IpAddr, IpAddr) = ("1.1.1.1".parse().unwrap(), "127.0.0.1".parse().unwrap());
    let names = Arc::new(Rebinding(Mutex::new(vec![vec![public], vec![own]])));
    let transport = HttpTransport::resolving(Vetting::default(), TIMEOUT, names).unwrap();
    transport.vet(&url).await.unwrap();
    for _ in 0..2 {
        assert!(matches!(post(&transport, &url).await, Err(SendError::Forbidden(_))));
    }
    assert!(matches!(transport.vet(&url).await, Err(SendError::Forbidden(_))));
    assert!(listener.accept().now_or_never().is_none(), "nobody connected");
}

#[tokio::test]
async fn of_a_names_addresses_only_those_that_are_allowed_are_tried() {
    let private: IpAddr = "127.0.0.2".parse().unwrap();
    let allowed: IpAddr = "127.0.0.1".parse().unwrap();
    let listener = TcpListener::bind("127.0.0.2:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let names = Arc::new(Rebinding(Mutex::new(vec![vec![private, allowed]])));
    let vetting = Vetting { allowed: vec!["127.0.0.1/32".parse().unwrap()] };
    let transport = HttpTransport::resolving(vetting, TIMEOUT, names).unwrap();
    let url = format!("http://receiver.test:{port}/hook");
    assert!(
        matches!(post(&transport, &url).await, Err(SendError::Failed(_))),
        "nobody listens where it may go"
    );
    assert!(listener.accept().now_or_never().is_none(), "nobody connected");
}

/// Three apps on one host have as many webhooks under way as this, and more.
#[tokio::test]
async fn as_many_connections_are_kept_as_were_in_use() {
    const AT_ONCE: usize = 100;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let (made, all) = (Arc::new(AtomicUsize::new(0)), Arc::new(tokio::sync::Barrier::new(AT_ONCE)));
    let counted = Arc::clone(&made);
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            counted.fetch_add(1, Ordering::SeqCst);
            let all = Arc::clone(&all);
            tokio::spawn(async move {
                loop {
                    request(&mut stream).await;
                    all.wait().await;
                    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.unwrap();
                }
            });
        }
    });
    let transport = HttpTransport::new(
        Vetting { allowed: vec!["127.0.0.0/8".parse().unwrap()] },
        Duration::from_secs(60),
    )
    .unwrap();
    let mut before = 0;
    // One that was just in use may not be back yet when the next webhook looks for one.
    for _ in 0..10 {
        let answers = futures_util::future::join_all((0..AT_ONCE).map(|_| post(&transport, &url))).await;
        assert!(answers.iter().all(Result::is_ok));
        let now = made.load(Ordering::SeqCst);
        if now == before {
            return;
        }
        before = now;
    }
    panic!("{before} connections for {AT_ONCE} webhooks at once: each time some are made anew");
}

#[tokio::test]
async fn webhooks_share_a_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let connections = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&connections);
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            counted.fetch_add(1, Ordering::SeqCst);
            tokio::spawn(async move {
                loop {
                    request(&mut stream).await;
                    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nOK").await.unwrap();
                }
            });
        }
    });
    let transport = local();
    for _ in 0..10 {
        assert_eq!(post(&transport, &url).await.unwrap().status, 200);
    }
    assert_eq!(connections.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn how_long_a_receiver_wants_to_be_left_alone_is_read() {
    for (header, seconds) in [
        ("retry-after: 120\r\n", Some(120)),
        ("", None),
        ("retry-after: Wed, 21 Oct 2026 07:28:00 GMT\r\n", None),
        ("retry-after: -1\r\n", None),
    ] {
        let at = receiver(move |mut stream| async move {
            request(&mut stream).await;
            let answer = format!("HTTP/1.1 503 Busy\r\n{header}content-length: 0\r\n\r\n");
            stream.write_all(answer.as_bytes()).await.unwrap();
        })
        .await;
        let answer = post(&local(), &format!("http://{at}/")).await.unwrap();
        assert_eq!((answer.status, answer.retry_after), (503, seconds), "{header}");
    }
}

#[test]
fn this_machines_own_names_are_vetted_like_its_numbers() {
    let transport = |allowed: &str| {
        let vetting = Vetting { allowed: vec![allowed.parse().unwrap()] };
        HttpTransport::new(vetting, TIMEOUT).unwrap()
    };
    for url in ["http://localhost:5001/", "http://LOCALHOST./", "https://printer.localhost/"] {
        assert!(matches!(transport("10.0.0.0/8").is_forbidden(url), Some(SendError::Forbidden(_))), "{url}");
        assert_eq!(transport("127.0.0.0/8").is_forbidden(url), None, "{url}");
        assert_eq!(transport("::1/128").is_forbidden(url), None, "{url}");
    }
    // What other names lead to is seen when they are connected to.
    assert_eq!(transport("127.0.0.0/8").is_forbidden("http://localhost.example/"), None);
}

/// A receiver of https with this certificate; answers with its port.
async fn https(certificate: &rcgen::Certificate, key: &rcgen::KeyPair) -> u16 {
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap();
    let at = receiver(move |stream| async move {
        // Whoever does not like the certificate ends it here.
        let Ok(mut stream) = TlsAcceptor::from(Arc::new(config)).accept(stream).await else { return };
        let mut piece = [0; 1024];
        if stream.read(&mut piece).await.is_ok_and(|count| count > 0) {
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.unwrap();
            stream.flush().await.unwrap();
            std::future::pending::<()>().await;
        }
    })
    .await;
    at.port()
}

/// A webhook to `https://receiver.test`, which is on this machine.
async fn to_receiver_test(port: u16) -> Result<Answer, SendError> {
    let vetting = Vetting { allowed: vec!["127.0.0.0/8".parse().unwrap()] };
    let names = Arc::new(Rebinding(Mutex::new(vec![vec!["127.0.0.1".parse().unwrap()]])));
    let transport = HttpTransport::resolving(vetting, Duration::from_secs(10), names).unwrap();
    post(&transport, &format!("https://receiver.test:{port}/hook")).await
}

fn certificate(names: &[&str]) -> CertificateParams {
    CertificateParams::new(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()).unwrap()
}

fn authority() -> CertificateParams {
    let mut params = certificate(&[]);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params
}

/// Whom the machine trusts is asked for once in a process: the tests run in one of their own, which trusts an authority
/// that they make.
#[test]
fn a_receiver_has_a_certificate_that_is_in_time_for_its_name_and_of_an_authority() {
    let key = KeyPair::generate().unwrap();
    let own = authority().self_signed(&key).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (certificate, secret) = (folder.path().join("authority.pem"), folder.path().join("key.pem"));
    std::fs::write(&certificate, own.pem()).unwrap();
    std::fs::write(&secret, key.serialize_pem()).unwrap();
    let program = std::env::current_exe().unwrap();
    let run = std::process::Command::new(program)
        .args(["--exact", "certificates_are_judged"])
        .env("SSL_CERT_FILE", &certificate)
        .env("AUTHORITY_KEY", &secret)
        .env_remove("SSL_CERT_DIR")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&run.stdout);
    assert!(
        run.status.success() && said.contains("1 passed"),
        "{said}{}",
        String::from_utf8_lossy(&run.stderr)
    );
}

#[tokio::test]
async fn certificates_are_judged() {
    // It is the one before that runs it, with an authority.
    let Ok(secret) = std::env::var("AUTHORITY_KEY") else { return };
    let secret = std::fs::read_to_string(secret).unwrap();
    let issuer = Issuer::new(authority(), KeyPair::from_pem(&secret).unwrap());
    let key = KeyPair::generate().unwrap();
    let good = certificate(&["receiver.test"]).signed_by(&key, &issuer).unwrap();
    let answer = to_receiver_test(https(&good, &key).await).await;
    assert_eq!(answer.map(|answer| answer.status), Ok(200), "with a good one it arrives");

    let mut old = certificate(&["receiver.test"]);
    (old.not_before, old.not_after) = (date_time_ymd(2020, 1, 1), date_time_ymd(2021, 1, 1));
    let mut early = certificate(&["receiver.test"]);
    (early.not_before, early.not_after) = (date_time_ymd(4000, 1, 1), date_time_ymd(4001, 1, 1));
    for (params, words) in [
        (old, "the receiver's certificate has expired: "),
        (early, "the receiver's certificate is not valid: certificate not valid yet"),
        (certificate(&["other.test"]), "the receiver's certificate is for another name: "),
    ] {
        let wrong = params.signed_by(&key, &issuer).unwrap();
        let error = to_receiver_test(https(&wrong, &key).await).await.unwrap_err();
        assert!(error.to_string().starts_with(words), "{error}");
    }
    let mut own = certificate(&["receiver.test"]);
    own.distinguished_name.push(DnType::CommonName, "the receiver itself");
    let own = own.self_signed(&key).unwrap();
    let error = to_receiver_test(https(&own, &key).await).await.unwrap_err();
    assert!(error.to_string().contains("comes from nobody whom this machine trusts"), "{error}");
}

#[tokio::test]
async fn a_receiver_of_an_old_tls_is_a_failure() {
    let at = receiver(|mut stream| async move {
        let mut hello = [0; 512];
        assert!(stream.read(&mut hello).await.unwrap() > 0);
        // An alert, fatal: protocol_version.
        stream.write_all(&[0x15, 3, 1, 0, 2, 2, 70]).await.unwrap();
    })
    .await;
    let error = to_receiver_test(at.port()).await.unwrap_err();
    assert!(error.to_string().contains("ProtocolVersion"), "{error}");
}
