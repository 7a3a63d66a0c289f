//! One line of log for each request, and the id by which it is found again. Query strings are left out:
//! clients put tokens there.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;

use super::Shared;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// The longest request id that is taken over from a client.
const LONGEST_ID: usize = 128;

/// What a handler wants said about its answer.
#[derive(Clone, Default)]
pub(crate) struct Note {
    /// The rule that decided.
    pub(crate) rule: Option<Box<str>>,
    /// The `fbtrace_id`.
    pub(crate) trace: Option<Box<str>>,
}

/// Serves a request and says so.
pub(crate) async fn each(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    let given = request.headers().get(&REQUEST_ID).filter(|value| is_plain(value)).cloned();
    let id = given.or_else(|| HeaderValue::from_str(&shared.ids.uuid()).ok());
    let method = request.method().clone();
    let path = request.uri().path().to_owned();
    #[expect(clippy::disallowed_methods, reason = "how long an answer took is real time")]
    let begun = std::time::Instant::now();

    let mut response = next.run(request).await;

    let note = response.extensions().get::<Note>().cloned().unwrap_or_default();
    tracing::info!(
        %method,
        path,
        status = response.status().as_u16(),
        ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX),
        request_id = id.as_ref().and_then(|id| id.to_str().ok()),
        rule = note.rule.as_deref(),
        trace_id = note.trace.as_deref(),
        "request"
    );
    if let Some(id) = id {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    response
}

fn is_plain(value: &HeaderValue) -> bool {
    let allowed = |b: &u8| b.is_ascii_alphanumeric() || b"-_.:/+=".contains(b);
    (1..=LONGEST_ID).contains(&value.len()) && value.as_bytes().iter().all(allowed)
}
