//! The reference: signs what it gets and posts it to each app. It answers after every app has answered, or before, and
//! then may fold what waits for an app into one body.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{self as client, SendRequest};
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use ring::hmac;
use tokio::net::TcpStream;
use tokio::sync::mpsc;

use crate::http::{SIGNATURE, respond, serve, signature, split_url};
use crate::{DEFAULT_SECRET, Options, Result};

/// One recipient, with its idle keep-alive connections.
struct App {
    authority: String,
    path: String,
    key: hmac::Key,
    idle: Mutex<Vec<SendRequest<Full<Bytes>>>>,
}

impl App {
    fn new(url: &str, secret: &str) -> Result<Self> {
        let (authority, path) = split_url(url)?;
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
        Ok(Self { authority, path, key, idle: Mutex::default() })
    }

    async fn connection(&self) -> Result<SendRequest<Full<Bytes>>> {
        loop {
            // Its own statement, so the lock is not held over the wait.
            let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let Some(mut sender) = idle else { break };
            if sender.ready().await.is_ok() {
                return Ok(sender);
            }
        }
        let stream = TcpStream::connect(&self.authority).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = client::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        Ok(sender)
    }

    async fn post(&self, body: Bytes) -> Result<()> {
        let request = Request::builder()
            .method(Method::POST)
            .uri(self.path.as_str())
            .header("host", self.authority.as_str())
            .header("content-type", "application/json")
            .header(SIGNATURE, signature(&self.key, &body))
            .body(Full::new(body))?;
        let mut sender = self.connection().await?;
        let mut response = sender.send_request(request).await?;
        while let Some(frame) = response.frame().await {
            frame?;
        }
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(sender);
        match response.status() {
            StatusCode::OK => Ok(()),
            status => Err(format!("the app answered {status}").into()),
        }
    }
}

/// Bodies waiting for one app; each worker owns one queue and posts in order.
struct Outbox {
    workers: Vec<mpsc::Sender<Bytes>>,
    next: AtomicUsize,
}

impl Outbox {
    fn start(app: &Arc<App>, connections: usize, depth: usize, batch: usize) -> Self {
        let start_worker = |_| {
            let (sender, receiver) = mpsc::channel(depth);
            tokio::spawn(drain(app.clone(), receiver, batch));
            sender
        };
        Self { workers: (0..connections).map(start_worker).collect(), next: AtomicUsize::new(0) }
    }

    /// Waits where the queue is full, so a run measures what is sustained.
    async fn push(&self, body: Bytes) {
        let worker = self.next.fetch_add(1, Relaxed) % self.workers.len();
        let _ = self.workers[worker].send(body).await;
    }
}

async fn drain(app: Arc<App>, mut queue: mpsc::Receiver<Bytes>, batch: usize) {
    let mut bodies = Vec::with_capacity(batch);
    while queue.recv_many(&mut bodies, batch).await > 0 {
        if let Err(error) = app.post(fold(&mut bodies)).await {
            eprintln!("delivery: {error}");
        }
    }
}

/// Makes one envelope of many by joining what stands in their outer arrays.
fn fold(bodies: &mut Vec<Bytes>) -> Bytes {
    if let [_] = bodies[..] {
        return bodies.pop().unwrap_or_default();
    }
    let mut folded = BytesMut::with_capacity(bodies.iter().map(Bytes::len).sum());
    for (index, body) in bodies.drain(..).enumerate() {
        let start = memchr::memchr(b'[', &body).map_or(0, |at| at + 1);
        let end = memchr::memrchr(b']', &body).unwrap_or(body.len());
        folded.extend_from_slice(if index == 0 { &body[..start] } else { b"," });
        folded.extend_from_slice(&body[start..end]);
    }
    folded.extend_from_slice(b"]}");
    folded.freeze()
}

pub(crate) async fn run(options: Options) -> Result<()> {
    let secret = options.text("secret", DEFAULT_SECRET);
    let urls = options.text("to", "http://127.0.0.1:9100/0").split(',');
    let apps: Vec<_> = urls.map(|url| App::new(url, secret).map(Arc::new)).collect::<Result<_>>()?;
    let connections = options.get("connections", 16)?;
    let depth = options.get("depth", 1024)?;
    let batch = options.get("batch", 1)?;
    let outboxes: Arc<[Outbox]> = match options.text("ack", "after") {
        "after" => Arc::default(),
        "before" => apps.iter().map(|app| Outbox::start(app, connections, depth, batch)).collect(),
        other => return Err(format!("--ack is after or before, not {other}").into()),
    };
    let apps: Arc<[Arc<App>]> = apps.into();
    serve(options.text("listen", "127.0.0.1:9000"), move |request| {
        let (apps, outboxes) = (apps.clone(), outboxes.clone());
        async move {
            let Ok(body) = request.into_body().collect().await else {
                return respond(StatusCode::BAD_REQUEST, "");
            };
            let body = body.to_bytes();
            for outbox in outboxes.iter() {
                outbox.push(body.clone()).await;
            }
            if outboxes.is_empty() {
                let posts = apps.iter().map(|app| app.post(body.clone()));
                for result in futures_util::future::join_all(posts).await {
                    if let Err(error) = result {
                        return respond(StatusCode::BAD_GATEWAY, error.to_string());
                    }
                }
            }
            respond(StatusCode::OK, "{}")
        }
    })
    .await
}
