//! The apps' webhook addresses: real listeners that write down what they are sent, in order, and now and then
//! refuse it, so that it must come again.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use baton_rules::AppId;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::Notify;

/// A webhook as it arrived.
#[derive(Clone, Debug)]
pub(crate) struct Arrived {
    pub(crate) app: AppId,
    pub(crate) body: Value,
    /// Whether it was answered with 200.
    pub(crate) accepted: bool,
}

/// What all receivers got, in order.
#[derive(Default)]
pub(crate) struct Mailbox {
    arrived: Mutex<Vec<Arrived>>,
    /// Something arrived.
    pub(crate) news: Notify,
}

impl Mailbox {
    pub(crate) fn all(&self) -> Vec<Arrived> {
        self.arrived.lock().unwrap().clone()
    }
}

struct Receiver {
    app: AppId,
    mailbox: Arc<Mailbox>,
    random: Mutex<SmallRng>,
}

/// Starts an app's receiver; its address.
pub(crate) async fn start(app: AppId, mailbox: Arc<Mailbox>, seed: u64) -> String {
    let random = Mutex::new(SmallRng::seed_from_u64(seed ^ app.number()));
    let router =
        Router::new().route("/hook", post(take)).with_state(Arc::new(Receiver { app, mailbox, random }));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    url
}

async fn take(State(receiver): State<Arc<Receiver>>, body: String) -> StatusCode {
    let accepted = !receiver.random.lock().unwrap().random_ratio(1, 30);
    let body = serde_json::from_str(&body).unwrap();
    receiver.mailbox.arrived.lock().unwrap().push(Arrived { app: receiver.app, body, accepted });
    receiver.mailbox.news.notify_one();
    if accepted { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }
}
