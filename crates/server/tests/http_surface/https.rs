//! HTTPS: the same server behind a second address, for whoever trusts its certificate.

use std::net::{IpAddr, Ipv4Addr};

use baton_server::serve::tls::{Acceptor, Door, Made, make};
use tokio::net::TcpListener;

use crate::world::World;

fn made(names: &[&str]) -> Made {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    make(&names, &[IpAddr::V4(Ipv4Addr::LOCALHOST)]).unwrap()
}

/// A client that trusts one authority and nobody else, and finds every name on this machine.
fn client(authority: &str, port: u16) -> reqwest::Client {
    let authority = reqwest::Certificate::from_pem(authority.as_bytes()).unwrap();
    let here = std::net::SocketAddr::from(([127, 0, 0, 1], port));
    reqwest::Client::builder()
        .tls_certs_only([authority])
        .no_proxy()
        .resolve("graph.facebook.com", here)
        .resolve("graph.instagram.com", here)
        .build()
        .unwrap()
}

#[tokio::test]
async fn who_trusts_the_authority_is_served_and_nobody_else() {
    let made = made(&["graph.facebook.com"]);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let w = World::secured(Door::new(
        listener,
        Acceptor::new(made.chain.as_bytes(), made.key.as_bytes()).unwrap(),
    ))
    .await;
    let trusting = client(&made.authority, port);
    for host in ["127.0.0.1", "localhost", "graph.facebook.com"] {
        let reply = trusting.get(format!("https://{host}:{port}/v25.0/me")).send().await.unwrap();
        assert_eq!(reply.status(), 400, "{host}");
        assert!(reply.text().await.unwrap().contains("\"code\":104"));
    }
    let other = trusting.get(format!("https://graph.instagram.com:{port}/me")).send().await;
    assert!(other.unwrap_err().is_connect(), "the certificate is for the names that were asked for");
    let another = client(&self::made(&["graph.facebook.com"]).authority, port);
    assert!(another.get(format!("https://localhost:{port}/me")).send().await.is_err(), "another authority");
    // Without TLS the other address answers as before, and this one does not.
    assert_eq!(w.send(w.client.get(w.url("/me"))).await.status, 400);
    assert!(reqwest::get(format!("http://127.0.0.1:{port}/me")).await.is_err());
    w.stop().await;
}

#[tokio::test]
async fn a_renewed_certificate_is_shown_to_who_connects_from_then_on() {
    let acceptor = |made: &Made| Acceptor::new(made.chain.as_bytes(), made.key.as_bytes()).unwrap();
    let (first, second) = (made(&[]), made(&[]));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://localhost:{}/me", listener.local_addr().unwrap().port());
    let door = Door::new(listener, acceptor(&first));
    let shown = door.shown();
    let w = World::secured(door).await;
    let (of_first, of_second) = (client(&first.authority, 0), client(&second.authority, 0));
    assert!(of_first.get(&url).send().await.is_ok());
    assert!(of_second.get(&url).send().await.is_err());
    shown.replace(acceptor(&second));
    assert!(of_second.get(&url).send().await.is_ok());
    assert!(of_first.get(&url).send().await.is_ok(), "who is connected stays");
    assert!(client(&first.authority, 0).get(&url).send().await.is_err());
    w.stop().await;
}

#[test]
fn what_is_no_certificate_says_so() {
    let (one, other) = (made(&[]), made(&[]));
    for (certificate, key) in
        [("nothing", one.key.as_str()), (&one.chain, "nothing"), (&one.chain, other.key.as_str())]
    {
        let wrong = Acceptor::new(certificate.as_bytes(), key.as_bytes()).err().unwrap().to_string();
        assert!(!wrong.is_empty(), "{wrong}");
    }
}
