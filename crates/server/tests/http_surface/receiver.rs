//! An app's webhook address on this machine: answers the handshake, and shows what it was sent.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::routing::get;
use baton_store::{App, Settings};
use serde_json::Value;
use std::collections::HashMap;
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use crate::world::{BOT, DESK, World};

/// What an app was sent, in order.
pub(crate) struct Receiver {
    pub(crate) url: String,
    posts: mpsc::UnboundedReceiver<(HeaderMap, String)>,
}

impl Receiver {
    /// An address that knows a verify token.
    pub(crate) async fn start(verify_token: &'static str) -> Self {
        let (sent, posts) = mpsc::unbounded_channel();
        let answer = move |Query(asked): Query<HashMap<String, String>>| async move {
            let right = asked.get("hub.verify_token").is_some_and(|token| token == verify_token);
            if right { asked.get("hub.challenge").cloned().unwrap_or_default() } else { "no".to_owned() }
        };
        type Sent = mpsc::UnboundedSender<(HeaderMap, String)>;
        let take = |State(sent): State<Sent>, headers: HeaderMap, body: String| async move {
            sent.send((headers, body)).unwrap();
        };
        let router = Router::new().route("/hook", get(answer).post(take)).with_state(sent);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, posts }
    }

    /// The next webhook.
    pub(crate) async fn next(&mut self) -> Value {
        serde_json::from_str(&self.next_whole().await.1).unwrap()
    }

    /// The next webhook as it came: headers and bytes.
    pub(crate) async fn next_whole(&mut self) -> (HeaderMap, String) {
        let next = tokio::time::timeout(std::time::Duration::from_secs(20), self.posts.recv());
        next.await.unwrap().unwrap()
    }

    /// The entry of the next webhook whose event has this key, from `messaging` or `standby`.
    pub(crate) async fn next_with(&mut self, channel: &str, key: &str) -> Value {
        loop {
            let entry = self.next().await["entry"][0].clone();
            if entry[channel][0].get(key).is_some() {
                return entry;
            }
        }
    }
}

/// Changes an app as an operator would.
pub(crate) async fn change(world: &World, app: &'static str, to: impl Fn(&mut App) + Send + Sync + 'static) {
    let change = move |settings: &Settings| {
        let mut apps = settings.apps.clone();
        for known in apps.iter_mut().filter(|known| known.id.to_string() == app) {
            to(Arc::make_mut(known));
        }
        Ok(Settings::new(settings.version + 1, apps, settings.pages.clone()))
    };
    world.engine.configure(Box::new(change)).await.unwrap();
}

/// A server that delivers, and where the bot and the desk hear it.
pub(crate) async fn with_receivers() -> (World, Receiver, Receiver) {
    let w = World::delivering().await;
    let (bot, desk) = (Receiver::start("").await, Receiver::start("").await);
    for (app, receiver) in [(BOT, &bot), (DESK, &desk)] {
        let url = receiver.url.clone();
        change(&w, app, move |app| (app.webhook_url, app.verified) = (Some(url.clone()), true)).await;
    }
    (w, bot, desk)
}
