//! The Graph API: whatever path at the root is not one of Baton's own. Here is the table of edges, each with
//! a file named after it, and what every call goes through: version, body, parameters, token, headers.
//!
//! To add an edge: a file in `graph/`, a line in the table of [`edges`], a body in `wire::requests`.

use std::borrow::Cow;
use std::sync::{Arc, OnceLock};

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use baton_rules::{AppId, Rule};
use baton_wire::GraphError;
use baton_wire::params::{Limits, Params};
use serde_json::Value;

use crate::caller::{AppCaller, Caller, Once};
use crate::calls;
use crate::problem::{self, Problem};
use crate::serve::Shared;
use crate::serve::body::{self, Kind, Unread, Whose};
use crate::serve::log::Note;
use usage::Seen;

mod app;
mod batch;
mod conversations;
mod custom_labels;
mod custom_user_settings;
mod edges;
mod extend_thread_control;
mod ids;
mod invited;
mod kept;
mod message_attachments;
mod messages;
mod messenger_codes;
mod messenger_profile;
mod node;
mod oauth;
mod object;
mod paging;
mod pass_thread_control;
mod pass_thread_metadata;
mod person;
mod personas;
mod plain;
mod release_thread_control;
mod request_thread_control;
mod said;
mod secondary_receivers;
mod subscribed_apps;
mod subscriptions;
mod take_thread_control;
mod thread_owner;
mod thread_settings;
mod unlink_accounts;
pub(crate) mod usage;

pub(crate) use kept::Turns;
pub(crate) use plain::in_plain_words;

/// The version that answers name when the path has none.
const VERSION: &str = "v25.0";
/// Words at the root that are Baton's, and no node of a graph.
const RESERVED: &[&str] = &[
    "baton",
    "healthz",
    "readyz",
    "problems",
    "docs",
    "openapi.json",
    "console",
    "metrics",
    crate::media::ROOT,
];
/// The same, of parts that are not built.
const NOT_BUILT: &[&str] = &["chat"];

/// What a call is answered with.
pub(crate) struct Answer {
    pub(crate) body: Value,
    pub(crate) rule: Option<Box<str>>,
}

impl Answer {
    /// One that no rule decided.
    fn of(body: Value) -> Self {
        Self { body, rule: None }
    }
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

/// Whether a GET of the root with this query string is a call.
pub(crate) fn is_at_root(query: &str) -> bool {
    url::form_urlencoded::parse(query.as_bytes()).any(|(name, _)| name == "ids" || name == "method")
}

/// Answers a call.
pub(crate) async fn answer(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let path = request.uri().path().to_owned();
    let (version, components) = split(&path);
    let first = components.first().copied().unwrap_or_default();
    // What browsers ask for by themselves (`/favicon.ico`) is no node; who names a version speaks of one.
    let is_file = first.contains('.') && path.trim_start_matches('/').starts_with(first);
    if RESERVED.contains(&first) || is_file && !NOT_BUILT.contains(&first) {
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
        version,
        query: parts.uri.query().unwrap_or_default().to_owned(),
        headers: parts.headers,
        trace: trace.clone(),
    };
    let seen = OnceLock::new();
    let (answered, always_ok) = call.take(body, &seen).await;
    rendered(answered, version, trace, always_ok, &seen.into_inner().unwrap_or_default())
}

/// `/v19.0/me/messages/` → `v19.0`, `me`, `messages`. Any version is a label and refused never (API-1).
fn split(path: &str) -> (&str, Vec<&str>) {
    let mut components: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let is_number = |text: &str| {
        text.starts_with(|first: char| first.is_ascii_digit())
            && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
    };
    // Without its letter it needs its dot: anything else is a node's id.
    let is_version = |part: &str| match part.strip_prefix('v') {
        Some(number) => is_number(number),
        None => is_number(part) && part.contains('.'),
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
    version: &'a str,
    query: String,
    headers: HeaderMap,
    /// The `fbtrace_id` of its answer.
    trace: String,
}

impl Received<'_> {
    /// Reads the body and answers.
    async fn take(&self, body: Body, seen: &OnceLock<Seen>) -> (Result<Answer, Wrong>, bool) {
        if self.shared.engine.is_waking() {
            // It may have been asked before this node stood still, and of another one since.
            return (Err(GraphError::transient().into()), false);
        }
        // What few calls come to is boxed, so that every call's future is small.
        let whose = async { Box::pin(self.whose()).await };
        match self.shared.bodies.read(&self.headers, body, self.kind(), whose).await {
            Ok(body) => self.answer(&body, seen).await,
            Err(unread) => (Err(Box::pin(self.unread(unread)).await), false),
        }
    }

    /// Whose call it is, as far as that can be seen before its body: whoever has a wrong token in the address is refused.
    /// A token in the body comes before one in the header, so that one which is wrong says nothing yet.
    async fn whose(&self) -> Result<Whose, Wrong> {
        let query = self.in_query();
        if let Some(token) = Caller::token(&HeaderMap::new(), &self.query, &query) {
            return Caller::is_somebodys(&self.shared, &token, &query).await.map(|()| Whose::Known);
        }
        match Caller::token(&self.headers, &self.query, &query) {
            Some(token) if Caller::is_somebodys(&self.shared, &token, &query).await.is_ok() => {
                Ok(Whose::Known)
            }
            Some(_) | None => Ok(Whose::Stranger),
        }
    }

    fn in_query(&self) -> Params {
        let query = Params::read(&self.query, None, &bytes::Bytes::new(), limits(&self.shared));
        query.unwrap_or_default()
    }

    /// The error of a token in the query string or in the header that is wrong.
    async fn nobodys_token(&self) -> Option<Wrong> {
        let query = self.in_query();
        let token = Caller::token(&self.headers, &self.query, &query)?;
        Caller::is_somebodys(&self.shared, &token, &query).await.err()
    }

    /// The answer, and whether the client wants status 200 whatever it is.
    async fn answer(&self, body: &bytes::Bytes, seen: &OnceLock<Seen>) -> (Result<Answer, Wrong>, bool) {
        match Params::read(&self.query, self.content_type(), body, limits(&self.shared)) {
            Ok(params) => {
                let always_ok = params.text("suppress_http_code").is_some_and(|text| text == "1");
                let asked = Asked {
                    shared: &self.shared,
                    method: self.method.as_str(),
                    components: self.components.clone(),
                    version: self.version,
                    token: Caller::token(&self.headers, &self.query, &params),
                    once: self.headers.get("idempotency-key").map(|value| Once::of(value.as_bytes())),
                    params,
                    seen,
                };
                (asked.remembered(&self.trace).await, always_ok)
            }
            // The token comes before the parameters (API-10), where it can be seen without them.
            Err(wrong) => (Err(Box::pin(self.nobodys_token()).await.unwrap_or(wrong.into())), false),
        }
    }

    fn content_type(&self) -> Option<&str> {
        self.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok())
    }

    fn kind(&self) -> Kind {
        if Params::may_upload(self.content_type()) { Kind::Files } else { Kind::Plain }
    }

    /// The error of a body that was not read.
    async fn unread(&self, unread: Unread<Wrong>) -> Wrong {
        let error = match unread {
            Unread::Refused(wrong) => return wrong,
            // Whoever's it is, nobody has looked at it.
            Unread::NoRoom => return GraphError::transient().into(),
            Unread::TooLarge(limit) => {
                let setting = self.kind().setting();
                GraphError::parameter(format!(
                    "The body is larger than {limit} bytes ({setting}). Send less at once, or raise the limit"
                ))
            }
            Unread::TooSlow => GraphError::parameter(format!(
                "The body did not arrive within {} seconds",
                body::TIME.as_secs()
            )),
            Unread::Broken => GraphError::parameter("The body did not arrive whole"),
        };
        self.nobodys_token().await.unwrap_or(error.into())
    }
}

pub(crate) fn limits(shared: &Shared) -> Limits {
    let of = &shared.limits;
    Limits { depth: of.depth, fields: of.form_fields, metadata: of.metadata }
}

/// A call that is read: a request of its own, an item of a batch, or one of several ids.
struct Asked<'a> {
    shared: &'a Arc<Shared>,
    method: &'a str,
    components: Vec<&'a str>,
    version: &'a str,
    params: Params,
    token: Option<String>,
    /// `Idempotency-Key`.
    once: Option<Once>,
    /// What the answer's headers say of the caller.
    seen: &'a OnceLock<Seen>,
}

impl Asked<'_> {
    /// Decides, and remembers by the trace what was asked and how that was answered.
    async fn remembered(self, trace: &str) -> Result<Answer, Wrong> {
        let (shared, at) = (Arc::clone(self.shared), self.shared.engine.now());
        let call = (self.method, self.components.as_slice());
        let asked = calls::Asked::of(&shared, call, self.token.as_deref(), &self.params);
        // A batch within a batch is refused, so this goes one deep.
        let answered = Box::pin(self.decide()).await;
        match &answered {
            Ok(Answer { body, rule }) => shared.calls.remember((trace, at, asked), Ok(body), rule.as_deref()),
            Err(Wrong { error, rule }) => {
                shared.calls.remember((trace, at, asked), Err(error), rule.map(|rule| rule.0));
            }
        }
        answered
    }

    async fn decide(mut self) -> Result<Answer, Wrong> {
        // Clients that cannot send every method send POST (or GET) and say what they mean.
        let said = self.params.text("method").map(|text| text.trim().to_ascii_uppercase());
        let tunnels = self.method == "POST" || self.method == "GET";
        let said = said.filter(|text| tunnels && ["GET", "POST", "DELETE"].contains(&text.as_str()));
        let said = said.unwrap_or_else(|| self.method.to_owned());
        let method = if said == "HEAD" { "GET" } else { said.as_str() };
        let (node, edge) = match self.components.as_slice() {
            // `me` is where the batches of one library go, and where messages go those of another.
            [] | ["me"] | ["me", "messages"] if method == "POST" && self.params.get("batch").is_some() => {
                return batch::answer(&self).await;
            }
            [] if method == "GET" && self.params.get("ids").is_some() => return ids::answer(&self).await,
            ["oauth", "access_token"] if method == "GET" || method == "POST" => {
                return oauth::access_token(self.shared, &self.params);
            }
            [] => return Err(GraphError::unknown_node(method, "").into()),
            // One library posts to `/v2.9/messages`.
            [edge] if method == "POST" && edges::is_posted_to(edge) => ("me", *edge),
            [node] => (*node, ""),
            [node, edge] => (*node, *edge),
            [_, rest @ ..] => {
                return Err(GraphError::unknown_path(&format!("/{}", rest.join("/"))).into());
            }
        };
        self.params.has_one_upload()?;
        let token = self.token.take();
        let app = match token.as_deref() {
            Some(token) => AppCaller::found(self.shared, token).await?,
            None => None,
        };
        if let Some(app) = app {
            let (seen, within) = self.shared.usage.of_app(app.app().id, self.shared.engine.now());
            let _ = self.seen.set(seen);
            within?;
            return edges::of_app(&app, &self.params, method, node, edge).await;
        }
        let token = token.ok_or_else(GraphError::no_token)?;
        let instagram = Caller::is_instagram(&token);
        let known = Caller::found(self.shared, &token, &self.params).await;
        let known = known.inspect_err(|_| drop(self.seen.set(Seen::default().by(instagram))))?;
        if let Some(wrong) = crate::api::faults::of_call(self.shared, known.app_id()) {
            return Err(wrong.into());
        }
        let (caller, own) = Caller::of(self.shared, known, token, self.once.take(), node);
        let (app, page) = (caller.app().id, caller.page().id);
        let (seen, within) = self.shared.usage.of_page(app, page, caller.node(), self.shared.engine.now());
        let _ = self.seen.set(seen.by(instagram));
        within?;
        if own {
            edges::of_page(&caller, &mut self.params, method, node, edge).await
        } else {
            object::route(&caller, &self.params, method, node, edge).await
        }
    }
}

fn rendered(
    answered: Result<Answer, Wrong>,
    version: &str,
    trace: String,
    always_ok: bool,
    seen: &Seen,
) -> Response {
    let (status, body, rule, challenge) = match answered {
        Ok(Answer { body, rule }) => (StatusCode::OK, body.to_string().into_bytes(), rule, None),
        Err(Wrong { error, rule }) => {
            let error = if seen.instagram { error.of_instagram() } else { error };
            let status = StatusCode::from_u16(error.status).unwrap_or(StatusCode::BAD_REQUEST);
            (status, error.body(&trace), rule.map(|rule| rule.0.into()), challenge(&error))
        }
    };
    let status = if always_ok { StatusCode::OK } else { status };
    let mut response = (status, body).into_response();
    let headers = response.headers_mut();
    headers.extend(challenge.map(|value| (header::WWW_AUTHENTICATE, value)));
    for (name, value) in labels(version, &trace, seen) {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
    response.extensions_mut().insert(Note { rule, trace: Some(trace.into()) });
    response
}

/// The headers that every answer has, a batch's items too.
fn labels<'a>(
    version: &'a str,
    trace: &'a str,
    seen: &Seen,
) -> impl Iterator<Item = (&'static str, Cow<'a, str>)> {
    let all = [
        ("content-type", "application/json; charset=UTF-8".into()),
        ("cache-control", "private, no-cache, no-store, must-revalidate".into()),
        ("facebook-api-version", version.into()),
        ("x-fb-trace-id", trace.into()),
        ("x-fb-request-id", trace.into()),
        ("x-fb-debug", trace.into()),
        ("x-fb-rev", "1".into()),
        ("x-app-usage", seen.app_header().into()),
    ];
    let of_page = seen.page_header().map(|text| ("x-business-use-case-usage", text.into()));
    all.into_iter().chain(of_page)
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

#[cfg(test)]
mod golden;
