//! The Graph API: whatever path at the root is not one of Baton's own. Here is the table of edges, each with
//! a file named after it, and what every call goes through: version, body, parameters, token, headers.
//!
//! To add an edge: a file in `graph/`, a line in [`route`], a body in `wire::requests`.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use baton_rules::{AppId, Rule};
use baton_wire::GraphError;
use baton_wire::params::{Limits, Params};
use serde_json::Value;

use crate::caller::{AppCaller, Caller};
use crate::problem::{self, Problem};
use crate::serve::Shared;
use crate::serve::body::{self, Unread};
use crate::serve::log::Note;

mod app;
mod conversations;
mod extend_thread_control;
mod messages;
mod node;
mod pass_thread_control;
mod pass_thread_metadata;
mod person;
mod plain;
mod release_thread_control;
mod request_thread_control;
mod secondary_receivers;
mod subscribed_apps;
mod subscriptions;
mod take_thread_control;
mod thread_owner;

pub(crate) use plain::in_plain_words;

/// The version that answers name when the path has none.
const VERSION: &str = "v25.0";
/// Words at the root that are Baton's, and no node of a graph.
const RESERVED: &[&str] = &["baton", "healthz", "readyz", "problems"];
/// The same, of parts that are not built.
const NOT_BUILT: &[&str] = &["console", "chat", "metrics", "docs", "openapi.json"];

/// What a call is answered with.
pub(crate) struct Answer {
    pub(crate) body: Value,
    pub(crate) rule: Option<Box<str>>,
}

/// What a call that only does something answers: a boolean, where a document prints a text (API-5, C-12).
fn success() -> Value {
    serde_json::json!({"success": true})
}

/// An error, and the rule that it comes from where one decided.
pub(crate) struct Wrong {
    pub(crate) error: GraphError,
    pub(crate) rule: Option<Rule>,
}

impl From<GraphError> for Wrong {
    fn from(error: GraphError) -> Self {
        Self { error, rule: None }
    }
}

/// Answers a call.
pub(crate) async fn answer(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let path = request.uri().path().to_owned();
    let (version, components) = split(&path);
    let first = components.first().copied().unwrap_or_default();
    if RESERVED.contains(&first) || first.contains('.') && !NOT_BUILT.contains(&first) {
        return Problem::new(&problem::NOT_FOUND)
            .detail(format!("there is nothing at {path}"))
            .into_response();
    }
    if NOT_BUILT.contains(&first) {
        return Problem::new(&problem::NOT_BUILT)
            .detail(format!("/{first} is not built yet"))
            .into_response();
    }
    let trace = shared.ids.trace();
    let (parts, body) = request.into_parts();
    let call = Received {
        shared,
        method: parts.method,
        components,
        query: parts.uri.query().unwrap_or_default().to_owned(),
        headers: parts.headers,
    };
    let body = body::read(&call.headers, body, call.shared.limits.body).await;
    let (answered, always_ok) = call.answer(body).await;
    rendered(answered, version, trace, always_ok)
}

/// `/v19.0/me/messages/` → `v19.0`, `me`, `messages`. Any version is a label and refused never (API-1).
fn split(path: &str) -> (&str, Vec<&str>) {
    let mut components: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let is_version = |part: &str| {
        part.strip_prefix('v').is_some_and(|number| {
            number.starts_with(|first: char| first.is_ascii_digit())
                && number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
        })
    };
    match components.first().copied() {
        Some(first) if is_version(first) => {
            components.remove(0);
            (first, components)
        }
        Some(_) | None => (VERSION, components),
    }
}

/// Where an app is shown to people: its id below this server's address.
fn link(public_url: &str, app: AppId) -> String {
    format!("{public_url}/{app}")
}

/// A call as it came in.
struct Received<'a> {
    shared: Arc<Shared>,
    method: Method,
    components: Vec<&'a str>,
    query: String,
    headers: HeaderMap,
}

impl Received<'_> {
    /// The answer, and whether the client wants status 200 whatever it is.
    async fn answer(&self, body: Result<bytes::Bytes, Unread>) -> (Result<Answer, Wrong>, bool) {
        match self.params(body) {
            Ok(params) => {
                let always_ok = params.text("suppress_http_code").is_some_and(|text| text == "1");
                (self.decide(params).await, always_ok)
            }
            // The token comes before the parameters (API-10), where it can be seen without them.
            Err(wrong) => {
                let query = Params::read(&self.query, None, b"", self.limits()).unwrap_or_default();
                let seen = Caller::token(&self.headers, &self.query, &query);
                let bad = |token: String| match AppCaller::of(&self.shared, &token) {
                    Some(app) => app.err().map(Wrong::from),
                    None => Caller::known(&self.shared, &token, &query).err(),
                };
                (Err(seen.and_then(bad).unwrap_or(wrong.into())), false)
            }
        }
    }

    fn limits(&self) -> Limits {
        Limits { depth: self.shared.limits.depth, fields: self.shared.limits.form_fields }
    }

    fn params(&self, body: Result<bytes::Bytes, Unread>) -> Result<Params, GraphError> {
        let body = body.map_err(|unread| match unread {
            Unread::TooLarge(limit) => GraphError::parameter(format!(
                "The body is larger than {limit} bytes (limits.body). Send less at once, or raise the limit"
            )),
            Unread::TooSlow => GraphError::parameter(format!(
                "The body did not arrive within {} seconds",
                body::TIME.as_secs()
            )),
            Unread::Broken => GraphError::parameter("The body did not arrive whole"),
        })?;
        let kind = self.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        Params::read(&self.query, kind, &body, self.limits())
    }

    async fn decide(&self, params: Params) -> Result<Answer, Wrong> {
        // Clients that cannot send every method send POST (or GET) and say what they mean.
        let said = params.text("method").map(|text| text.trim().to_ascii_uppercase());
        let tunnels = self.method == Method::POST || self.method == Method::GET;
        let method = said.filter(|text| tunnels && ["GET", "POST", "DELETE"].contains(&text.as_str()));
        let method = method.as_deref().unwrap_or(self.method.as_str());
        let (node, edge) = match self.components.as_slice() {
            [] if params.get("batch").is_some() => return Err(GraphError::not_built("A batch").into()),
            [] => return Err(GraphError::unknown_node(method, "").into()),
            [node] => (*node, ""),
            [node, edge] => (*node, *edge),
            [_, rest @ ..] => {
                return Err(GraphError::unknown_path(&format!("/{}", rest.join("/"))).into());
            }
        };
        let token = Caller::token(&self.headers, &self.query, &params);
        if let Some(app) = token.and_then(|token| AppCaller::of(&self.shared, &token)) {
            return app_route(&app?, &params, method, node, edge).await;
        }
        let mut caller = Caller::of(&self.shared, &self.headers, &self.query, &params)?;
        if caller.goes_to(node) {
            return route(&caller, &params, method, node, edge).await;
        }
        // What is neither the page nor its account may be somebody who writes to it.
        match (method, edge, node.parse()) {
            ("GET" | "HEAD", "", Ok(person)) => person::get(&caller, &params, person).await,
            (_, _, Ok(_) | Err(_)) => Err(GraphError::unknown_node(method, node).into()),
        }
    }
}

/// The table of edges.
async fn route(
    caller: &Caller,
    params: &Params,
    method: &str,
    node: &str,
    edge: &str,
) -> Result<Answer, Wrong> {
    match (method, edge) {
        ("GET" | "HEAD", "") => node::get(caller, params),
        ("GET" | "HEAD", "thread_owner") => thread_owner::get(caller, params).await,
        ("GET" | "HEAD", "secondary_receivers") => secondary_receivers::get(caller, params),
        ("GET" | "HEAD", "conversations") => conversations::get(caller, params).await,
        ("GET" | "HEAD", "subscribed_apps") => subscribed_apps::get(caller),
        ("POST", "subscribed_apps") => subscribed_apps::post(caller, params).await,
        ("DELETE", "subscribed_apps") => subscribed_apps::delete(caller).await,
        ("POST", "messages") => messages::post(caller, params).await,
        ("POST", "pass_thread_control") => pass_thread_control::post(caller, params).await,
        ("POST", "take_thread_control") => take_thread_control::post(caller, params).await,
        ("POST", "request_thread_control") => request_thread_control::post(caller, params).await,
        ("POST", "release_thread_control") => release_thread_control::post(caller, params).await,
        ("POST", "extend_thread_control") => extend_thread_control::post(caller, params).await,
        ("POST", "pass_thread_metadata") => pass_thread_metadata::post(caller, params).await,
        (
            _,
            ""
            | "thread_owner"
            | "secondary_receivers"
            | "conversations"
            | "subscribed_apps"
            | "messages"
            | "pass_thread_control"
            | "take_thread_control"
            | "request_thread_control"
            | "release_thread_control"
            | "extend_thread_control"
            | "pass_thread_metadata",
        ) => Err(GraphError::unknown_node(method, node).into()),
        (_, unknown) => Err(GraphError::unknown_path(&format!("/{unknown}")).into()),
    }
}

/// The table of edges for an app access token.
async fn app_route(
    caller: &AppCaller,
    params: &Params,
    method: &str,
    node: &str,
    edge: &str,
) -> Result<Answer, Wrong> {
    let reads = matches!(method, "GET" | "HEAD");
    match (node, edge) {
        ("me", _) => return Err(GraphError::no_current_user().into()),
        ("debug_token", "") if reads => return app::debug_token(caller, params),
        (id, _) if id == caller.app().id.to_string() => {}
        _ => return Err(GraphError::unknown_node(method, node).into()),
    }
    match (method, edge) {
        ("GET" | "HEAD", "") => Ok(app::get(caller)),
        ("GET" | "HEAD", "subscriptions") => Ok(subscriptions::get(caller)),
        ("POST", "subscriptions") => subscriptions::post(caller, params).await,
        ("DELETE", "subscriptions") => subscriptions::delete(caller, params).await,
        (_, "" | "subscriptions") => Err(GraphError::unknown_node(method, node).into()),
        (_, unknown) => Err(GraphError::unknown_path(&format!("/{unknown}")).into()),
    }
}

fn rendered(answered: Result<Answer, Wrong>, version: &str, trace: String, always_ok: bool) -> Response {
    let (status, body, rule, challenge) = match answered {
        Ok(Answer { body, rule }) => (StatusCode::OK, body.to_string().into_bytes(), rule, None),
        Err(Wrong { error, rule }) => {
            let status = StatusCode::from_u16(error.status).unwrap_or(StatusCode::BAD_REQUEST);
            (status, error.body(&trace), rule.map(|rule| rule.0.into()), challenge(&error))
        }
    };
    let status = if always_ok { StatusCode::OK } else { status };
    let mut response = (status, body).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json; charset=UTF-8"));
    headers.insert(
        header::CACHE_CONTROL,
        HeaderValue::from_static("private, no-cache, no-store, must-revalidate"),
    );
    headers.extend(challenge.map(|value| (header::WWW_AUTHENTICATE, value)));
    let labels = [
        ("facebook-api-version", version),
        ("x-fb-trace-id", &trace),
        ("x-fb-request-id", &trace),
        ("x-fb-debug", &trace),
        ("x-fb-rev", "1"),
    ];
    for (name, value) in labels {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
    response.extensions_mut().insert(Note { rule, trace: Some(trace.into()) });
    response
}

/// The `WWW-Authenticate` that goes with an error (wire.md 6.2).
fn challenge(error: &GraphError) -> Option<HeaderValue> {
    let word = match (error.kind, error.code) {
        ("OAuthException", 102 | 104 | 190) => "invalid_token",
        ("OAuthException", 200) => "insufficient_scope",
        ("OAuthException", 1 | 2) => return None,
        ("OAuthException", _) => "invalid_request",
        _ => return None,
    };
    let shown = |letter: char| if letter.is_ascii_graphic() || letter == ' ' { letter } else { '?' };
    let text: String = error.message.chars().map(shown).map(|c| if c == '"' { '\'' } else { c }).collect();
    HeaderValue::from_str(&format!("OAuth \"Facebook Platform\" \"{word}\" \"{text}\"")).ok()
}
