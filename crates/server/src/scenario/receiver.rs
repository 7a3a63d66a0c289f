//! The webhook address of the apps that a scenario plays: it takes whatever comes. What they hear is read from
//! the server's own account of its deliveries.

use std::collections::HashMap;

use axum::Router;
use axum::extract::Query;
use axum::http::StatusCode;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::task::AbortHandle;

use crate::cli::Failure;

/// What the platform must say when it asks whether the address is theirs.
pub(super) const VERIFY_TOKEN: &str = "scenario";

/// An address that answers for every app that is played.
pub(super) struct Receiver {
    /// Its URL, without a path.
    pub(super) url: String,
    serving: AbortHandle,
}

impl Receiver {
    pub(super) async fn open() -> Result<Self, Failure> {
        let cannot = |error: std::io::Error| Failure::new("the apps have no address to listen on").why(error);
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.map_err(cannot)?;
        let url = format!("http://{}", listener.local_addr().map_err(cannot)?);
        let router = Router::new().route("/{app}", get(handshake).post(|| async { StatusCode::OK }));
        let serving = tokio::spawn(async move { axum::serve(listener, router).await }).abort_handle();
        Ok(Self { url, serving })
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn handshake(Query(query): Query<HashMap<String, String>>) -> Result<String, StatusCode> {
    if query.get("hub.verify_token").is_some_and(|token| token == VERIFY_TOKEN) {
        Ok(query.get("hub.challenge").cloned().unwrap_or_default())
    } else {
        Err(StatusCode::FORBIDDEN)
    }
}
