//! The apps: counts what arrives, by path, and adds up the numbers of the messages, so that one that came twice does not
//! make up for one that never came.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::{Method, Request, Response, StatusCode};
use memchr::memmem;
use ring::hmac;

use crate::http::{SIGNATURE, respond, serve, signature};
use crate::{Options, Result};

/// What stands before a message's number.
const NUMBER: &[u8] = b"#";
const DIGITS: usize = 16;

/// What came to one path.
#[derive(Default)]
struct Counts {
    requests: AtomicU64,
    events: AtomicU64,
    sum: AtomicU64,
    bytes: AtomicU64,
    bad_signatures: AtomicU64,
}

struct Sink {
    delay: Duration,
    status: StatusCode,
    key: Option<hmac::Key>,
    event: memmem::Finder<'static>,
    paths: RwLock<HashMap<String, Arc<Counts>>>,
}

pub(crate) async fn run(options: Options) -> Result<()> {
    let key = match options.text("verify", "") {
        "" => None,
        secret => Some(hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes())),
    };
    let sink = Arc::new(Sink {
        delay: Duration::from_millis(options.get("delay-ms", 0)?),
        status: StatusCode::from_u16(options.get("status", 200)?)?,
        key,
        event: memmem::Finder::new(options.text("event", "\"mid\":")).into_owned(),
        paths: RwLock::default(),
    });
    let answer = move |request: Request<Incoming>| {
        let sink = Arc::clone(&sink);
        async move { if request.method() == Method::GET { sink.tell(&request) } else { sink.take(request).await } }
    };
    serve(options.text("listen", "127.0.0.1:9100"), answer).await
}

impl Sink {
    fn counts(&self, path: &str) -> Arc<Counts> {
        if let Some(known) = self.paths.read().unwrap_or_else(PoisonError::into_inner).get(path) {
            return Arc::clone(known);
        }
        let mut paths = self.paths.write().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(paths.entry(path.to_owned()).or_default())
    }

    /// The counts of a path, or the handshake of a webhook's address.
    fn tell(&self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        let query = request.uri().query().unwrap_or_default();
        if let Some(challenge) = query.split('&').find_map(|pair| pair.strip_prefix("hub.challenge=")) {
            return respond(StatusCode::OK, challenge.to_owned());
        }
        let counts = self.counts(request.uri().path());
        let get = |count: &AtomicU64| count.load(Relaxed);
        let json = format!(
            r#"{{"requests":{},"events":{},"sum":{},"bytes":{},"bad_signatures":{}}}"#,
            get(&counts.requests),
            get(&counts.events),
            get(&counts.sum),
            get(&counts.bytes),
            get(&counts.bad_signatures)
        );
        respond(StatusCode::OK, json)
    }

    async fn take(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let header = request.headers().get(SIGNATURE).cloned();
        let counts = self.counts(request.uri().path());
        let Ok(body) = request.into_body().collect().await else {
            return respond(StatusCode::BAD_REQUEST, "");
        };
        let body = body.to_bytes();
        if !self.delay.is_zero() {
            tokio::time::sleep(self.delay).await;
        }
        if let Some(key) = &self.key {
            let expected = signature(key, &body);
            if header.is_none_or(|header| header != expected) {
                counts.bad_signatures.fetch_add(1, Relaxed);
            }
        }
        counts.requests.fetch_add(1, Relaxed);
        if self.status.is_success() {
            counts.events.fetch_add(self.event.find_iter(&body).count() as u64, Relaxed);
            counts.sum.fetch_add(numbers(&body), Relaxed);
        }
        counts.bytes.fetch_add(body.len() as u64, Relaxed);
        respond(self.status, "")
    }
}

/// The numbers of the messages in a body, added up.
fn numbers(body: &[u8]) -> u64 {
    let number = |at: usize| {
        let digits = body.get(at + NUMBER.len()..at + NUMBER.len() + DIGITS)?;
        std::str::from_utf8(digits).ok()?.parse().ok()
    };
    memmem::find_iter(body, NUMBER).filter_map(number).fold(0, u64::wrapping_add)
}
