//! One line of log for each request, and the id by which it is found again. Query strings are left out:
//! clients put tokens there. So are parts of a path that look like a token, which end there by mistake.

use std::convert::Infallible;

use axum::Router;
use axum::http::{HeaderName, HeaderValue};
use axum::response::Response;
use hyper::Request;
use hyper::body::Incoming;
use tower::Service;

use super::ids::Ids;

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
pub(super) async fn each(
    ids: &Ids,
    mut router: Router,
    request: Request<Incoming>,
) -> Result<Response, Infallible> {
    let given = request.headers().get(&REQUEST_ID).filter(|value| is_plain(value)).cloned();
    let id = given.or_else(|| HeaderValue::try_from(ids.uuid()).ok());
    let said = tracing::enabled!(tracing::Level::INFO)
        .then(|| (request.method().clone(), without_tokens(request.uri().path())));
    #[expect(clippy::disallowed_methods, reason = "how long an answer took is real time")]
    let begun = std::time::Instant::now();

    let mut response = router.call(request).await?;

    if let Some((method, path)) = said {
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
    }
    if let Some(id) = id {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    Ok(response)
}

/// How tokens begin: pages' and apps' as the platform's do, and the operator's.
const TOKENS: [&str; 4] = ["EAA", "IGAA", "IGQ", "baton_"];

/// A path without what looks like a token, and without the name of a file, which is all that opens it. An app's own
/// token is `APP_ID|APP_SECRET`.
fn without_tokens(path: &str) -> String {
    let is_token = |part: &str| {
        let lower = part.to_ascii_lowercase();
        TOKENS.iter().any(|start| part.starts_with(start)) || part.contains('|') || lower.contains("%7c")
    };
    let is_file = path.strip_prefix('/').and_then(|path| path.split('/').next()) == Some(crate::media::ROOT);
    let parts = path.split('/').enumerate().map(|(place, part)| match part {
        _ if is_file && place > 1 => "(file)",
        part if is_token(part) => "(token)",
        part => part,
    });
    parts.collect::<Vec<_>>().join("/")
}

fn is_plain(value: &HeaderValue) -> bool {
    let allowed = |b: &u8| b.is_ascii_alphanumeric() || b"-_.:/+=".contains(b);
    (1..=LONGEST_ID).contains(&value.len()) && value.as_bytes().iter().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::without_tokens;

    #[test]
    fn what_looks_like_a_token_is_left_out_of_a_path() {
        for (path, logged) in [
            ("/v25.0/me/messages", "/v25.0/me/messages"),
            ("/v25.0/EAAx1/messages", "/v25.0/(token)/messages"),
            ("/v25.0/IGAAx1", "/v25.0/(token)"),
            ("/v25.0/111%7Csecret", "/v25.0/(token)"),
            ("/111|secret/x", "/(token)/x"),
            ("/baton/v1/baton_x", "/baton/v1/(token)"),
            ("/media/abcdef.png", "/media/(file)"),
            ("/", "/"),
        ] {
            assert_eq!(without_tokens(path), logged);
        }
    }
}
