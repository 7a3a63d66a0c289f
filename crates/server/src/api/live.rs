//! Answers without an end: server-sent events, for as many listeners as the limits allow. A listener that went away is
//! noticed by a comment that cannot be written.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::{StreamExt, stream};
use tokio::sync::OwnedSemaphorePermit;

use crate::door::{self, Caller};
use crate::problem::{self, Problem};
use crate::serve::Shared;

/// How often a connection on which nothing happens shows that it lives.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// Whether whoever asks wants to go on listening.
pub(super) fn is_wanted(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    accepted.into_iter().any(|value| value.to_ascii_lowercase().contains("text/event-stream"))
}

/// A place among those that listen; it is free again when it is dropped.
pub(super) fn place(shared: &Shared) -> Result<OwnedSemaphorePermit, Problem> {
    Arc::clone(&shared.listeners).try_acquire_owned().map_err(|_| {
        let most = shared.limits.listeners;
        Problem::new(&problem::TOO_MANY_LISTENERS).detail(format!("{most} listen already (limits.listeners)"))
    })
}

/// The id of the last event that was seen, if one is said.
pub(super) fn last_seen(headers: &HeaderMap) -> Option<&[u8]> {
    headers.get("last-event-id").map(HeaderValue::as_bytes).filter(|seen| !seen.is_empty())
}

/// Whoever listens.
pub(super) trait Listens: Send + 'static {
    /// What happens next; none when nothing more does.
    fn next(&mut self) -> impl Future<Output = Option<Event>> + Send;
}

/// The answer: what a listener hears, as long as whoever asked is let in as they were, and not held back by a proxy.
pub(super) fn streamed(shared: &Arc<Shared>, caller: Caller, listener: impl Listens) -> Response {
    let events = stream::unfold(listener, |mut listener| async {
        let event = listener.next().await?;
        Some((event, listener))
    });
    let events = events.take_until(Box::pin(door::gone(Arc::clone(shared), caller)));
    let alive = KeepAlive::new().interval(HEARTBEAT).text("alive");
    let events = events.map(Ok::<_, Infallible>);
    let mut response = Sse::new(events).keep_alive(alive).into_response();
    let unbuffered = HeaderName::from_static("x-accel-buffering");
    response.headers_mut().insert(unbuffered, HeaderValue::from_static("no"));
    response
}
