//! Whoever listens to server-sent events, by hand.

use std::time::Duration;

use serde_json::Value;

use crate::world::{OPERATOR, World};

/// A listener: an event is `(id, event, data)`.
pub(crate) struct Listener {
    response: reqwest::Response,
    read: String,
}

impl Listener {
    pub(crate) async fn open(w: &World, path: &str, last: Option<&str>) -> Self {
        let response = Self::ask(w, path, last).await;
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self { response, read: String::new() }
    }

    pub(crate) async fn ask(w: &World, path: &str, last: Option<&str>) -> reqwest::Response {
        let request = w.client.get(w.url(path)).bearer_auth(OPERATOR).header("accept", "text/event-stream");
        let request = match last {
            Some(last) => request.header("last-event-id", last),
            None => request,
        };
        request.send().await.unwrap()
    }

    /// The next event; none at the end.
    pub(crate) async fn next(&mut self) -> Option<(String, String, Value)> {
        loop {
            if let Some((one, rest)) = self.read.split_once("\n\n") {
                let (one, rest) = (one.to_owned(), rest.to_owned());
                self.read = rest;
                let field = |name: &str| {
                    let line = one.lines().find_map(|line| line.strip_prefix(&format!("{name}: ")));
                    line.unwrap_or_default().to_owned()
                };
                if one.starts_with(':') {
                    continue;
                }
                return Some((field("id"), field("event"), serde_json::from_str(&field("data")).unwrap()));
            }
            let chunk = tokio::time::timeout(Duration::from_secs(20), self.response.chunk()).await.unwrap();
            self.read += std::str::from_utf8(&chunk.ok()??).unwrap();
        }
    }

    pub(crate) async fn take(&mut self, count: usize) -> Vec<(String, String, Value)> {
        let mut all = Vec::new();
        for _ in 0..count {
            all.push(self.next().await.unwrap());
        }
        all
    }
}
