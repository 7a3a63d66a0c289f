//! Receivers of webhooks, good ones and others: an address that answers each request as it is told to.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};

use serde_json::Value;

/// A request, as far as a bot looks at it.
pub(crate) struct Request {
    pub(crate) is_post: bool,
    path: String,
    headers: Vec<(String, String)>,
    pub(crate) bytes: Vec<u8>,
    /// The body as text.
    pub(crate) body: String,
}

impl Request {
    fn read(stream: &TcpStream) -> Option<Self> {
        let mut reader = BufReader::new(stream);
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let path = line.split_whitespace().nth(1)?.to_owned();
        let is_post = line.starts_with("POST");
        let mut headers = Vec::new();
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).ok()?;
            let Some((name, value)) = line.trim_end().split_once(": ") else { break };
            headers.push((name.to_ascii_lowercase(), value.to_owned()));
        }
        let mut request = Self { is_post, path, headers, bytes: Vec::new(), body: String::new() };
        request.bytes = vec![0; request.header("content-length").parse().unwrap_or_default()];
        reader.read_exact(&mut request.bytes).ok()?;
        request.body = String::from_utf8_lossy(&request.bytes).into_owned();
        Some(request)
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value)
    }

    pub(crate) fn parameter(&self, name: &str) -> &str {
        let query = self.path.split_once('?').map_or("", |(_, query)| query);
        query.split('&').find_map(|pair| pair.strip_prefix(&format!("{name}="))).unwrap_or_default()
    }

    pub(crate) fn is_signed(&self) -> bool {
        baton_wire::signature::sign("sales-secret", self.body.as_bytes()).sha256
            == self.header("x-hub-signature-256")
    }

    /// The event.
    pub(crate) fn item(&self) -> Value {
        let body: Value = serde_json::from_str(&self.body).unwrap();
        let entry = &body["entry"][0];
        if entry["messaging"].is_array() {
            entry["messaging"][0].clone()
        } else {
            entry["standby"][0].clone()
        }
    }
}

/// What a bot does with a request.
pub(crate) enum Does {
    Answers(u16, String),
    Redirects,
    Closes,
    Hangs,
}

pub(crate) fn answers(status: u16) -> Does {
    Does::Answers(status, String::new())
}

/// As it should be.
pub(crate) fn good(request: &Request) -> Does {
    match (request.is_post, request.parameter("hub.verify_token") == "ring") {
        (false, true) => Does::Answers(200, request.parameter("hub.challenge").to_owned()),
        (true, _) if request.is_signed() => answers(200),
        (false, false) | (true, _) => answers(403),
    }
}

/// A bot's address.
pub(crate) fn bot(does: impl Fn(&Request) -> Does + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        let mut hanging = Vec::new();
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let Some(request) = Request::read(&stream) else { continue };
            let (status, more, body) = match does(&request) {
                Does::Answers(status, body) => (status, "", body),
                Does::Redirects => (302, "location: https://elsewhere.example/\r\n", String::new()),
                Does::Closes => continue,
                Does::Hangs => {
                    hanging.push(stream);
                    continue;
                }
            };
            let length = body.len();
            let answer = format!(
                "HTTP/1.1 {status} X\r\n{more}content-length: {length}\r\nconnection: close\r\n\r\n{body}"
            );
            // Whoever asked may be gone.
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    url
}
