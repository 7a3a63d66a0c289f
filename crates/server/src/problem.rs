//! Errors of Baton's own API: RFC 9457 problem documents. The kinds are a fixed list, each readable at the
//! address that is its `type`. To add one: a constant below, and its place in [`ALL`].

use axum::extract::Path;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use baton_engine::Failure;
use baton_rules::{Refusal, Refused, Surface};
use baton_store::{SettingsRefused, StoreError};
use baton_wire::GraphError;
use baton_wire::inbound::FieldError;
use serde_json::{Map, Value, json};

use crate::serve::log::Note;

/// A kind of problem.
#[derive(Debug)]
pub(crate) struct Kind {
    slug: &'static str,
    status: StatusCode,
    title: &'static str,
    /// What it means and what to do, for whoever reads its page.
    about: &'static str,
}

macro_rules! kinds {
    ($($name:ident = $slug:literal, $status:ident, $title:literal, $about:literal;)*) => {
        $(pub(crate) const $name: Kind = Kind {
            slug: $slug, status: StatusCode::$status, title: $title, about: $about,
        };)*
        /// Every kind.
        const ALL: &[&Kind] = &[$(&$name),*];
    };
}

kinds! {
    UNAUTHORIZED = "unauthorized", UNAUTHORIZED, "the operator token is missing or wrong",
        "Baton's own API takes `Authorization: Bearer <operator token>`. The token stands in server.json in the \
         data directory, or is what BATON_OPERATOR_TOKEN said when the server started; `baton token operator` \
         makes another one for its next start. Page access tokens are for the Graph API only.";
    NOT_FOUND = "not-found", NOT_FOUND, "there is nothing at this path",
        "Check the path. Baton's own API is below /baton/v1, the Graph API is at the root.";
    METHOD_NOT_ALLOWED = "method-not-allowed", METHOD_NOT_ALLOWED, "this path does not take this method",
        "The header `Allow` names the methods that it takes.";
    NOT_BUILT = "not-built", NOT_IMPLEMENTED, "not built yet",
        "This part of the API is described but not built in this version. Nothing was done.";
    UNKNOWN_PAGE = "unknown-page", NOT_FOUND, "there is no such page",
        "The path names a page by its id for its Messenger conversations, or by the id of its linked Instagram \
         account for those on Instagram. `GET /baton/v1/routing` lists the pages.";
    UNKNOWN_APP = "unknown-app", NOT_FOUND, "there is no such app",
        "The path names an app by its id, or by its name. `GET /baton/v1/apps` lists them.";
    EXISTS = "exists", CONFLICT, "there is one already",
        "An id or a name of an app or page names one. Change what is there with PATCH, or take another name.";
    PRECONDITION_FAILED = "precondition-failed", PRECONDITION_FAILED, "it is not what `If-Match` says",
        "Somebody changed it since it was read. Read it again, and send the change with the `ETag` that it has \
         now. Nothing changed.";
    UNKNOWN_PERSON = "unknown-person", NOT_FOUND, "this person has never written to the page",
        "A person is known from their first event on. Check the person's id and the page's; the same person has \
         different ids on Messenger and on Instagram.";
    BAD_ID = "bad-id", BAD_REQUEST, "an id is not one",
        "Page and app ids are digits without leading zeros; a person id is 1 to 64 of A-Z a-z 0-9 _ and -.";
    BAD_PARAMETER = "bad-parameter", BAD_REQUEST, "a query parameter is not as it must be",
        "Each entry of `errors` names a parameter of the query string, and says what would be right.";
    BAD_BODY = "bad-body", BAD_REQUEST, "the body is not as it must be",
        "Each entry of `errors` has a JSON pointer to what is wrong, and says what would be right. Unknown fields \
         are refused, so that a misspelt one is not silently ignored. Nothing was done.";
    NOT_UTF8 = "not-utf8", BAD_REQUEST, "the body is not UTF-8",
        "Send JSON (or TOML, for the routing) encoded as UTF-8. `detail` says where the first wrong byte is.";
    NOT_JSON = "not-json", BAD_REQUEST, "the body is not JSON",
        "`detail` says at which line and column reading stopped.";
    NOT_TOML = "not-toml", BAD_REQUEST, "the body is not TOML",
        "`detail` says where reading stopped. JSON is taken too, with `Content-Type: application/json`.";
    TOO_DEEP = "too-deep", BAD_REQUEST, "the body nests too deep",
        "Objects and arrays may nest to the depth of the setting `limits.depth`.";
    TOO_LARGE = "too-large", PAYLOAD_TOO_LARGE, "the body is too large",
        "Send less at once, or raise the setting that `detail` names. Nothing was done.";
    TOO_MANY_EVENTS = "too-many-events", PAYLOAD_TOO_LARGE, "too many events at once",
        "Send at most 1,000 events in one request. Nothing was done.";
    TOO_SLOW = "too-slow", REQUEST_TIMEOUT, "the body took too long to arrive",
        "A body must arrive within 30 seconds. Nothing was done; send it again.";
    BROKEN_BODY = "broken-body", BAD_REQUEST, "the body did not arrive whole",
        "The connection or the framing of the body broke. Nothing was done; send it again.";
    UNSUPPORTED_MEDIA_TYPE = "unsupported-media-type", UNSUPPORTED_MEDIA_TYPE, "the body's type is not taken here",
        "The routing is taken as `Content-Type: application/toml` or `application/json`.";
    REFUSED = "refused", CONFLICT, "the rules refuse this",
        "`rule` is the row of the specification that refuses, `refused` the code that an app would see in the \
         Graph API. Nothing changed.";
    EVENT_ID_REUSED = "event-id-reused", CONFLICT, "this event id was used with another body",
        "An `event_id` names one event of one person on one page for 72 hours. Send the same body to get the first \
         answer again, or take another id for another event.";
    SETTINGS_REFUSED = "settings-refused", CONFLICT, "the rules refuse these settings",
        "Each entry of `errors` names the rule and the place in what was sent. Nothing changed.";
    CLOCK_NOT_VIRTUAL = "clock-not-virtual", CONFLICT, "the clock is the system's",
        "Only a virtual clock is shown, moved or frozen here: `baton dev` has one, and `baton serve` with \
         `clock = \"virtual\"`.";
    CLOCK_BACK = "clock-back", CONFLICT, "the clock never goes back",
        "Ask `GET /baton/v1/clock` for the time and set a later one. To start over, use a new data directory.";
    CLOCK_TOO_FAR = "clock-too-far", CONFLICT, "the clock ends with the year 9999",
        "Set or advance it to a time before the year 10000.";
    STARTING = "starting", SERVICE_UNAVAILABLE, "the server is starting",
        "It answers, and is still given what it was started with. Ask again in a moment.";
    UNAVAILABLE = "unavailable", SERVICE_UNAVAILABLE, "the store cannot write now",
        "Try again after the seconds in `Retry-After`, with the same `event_id`: then it is done once, whatever \
         became of this try. The server's log says why: a full disk is \
         the usual reason.";
    BUSY = "busy", SERVICE_UNAVAILABLE, "more is waiting than is kept waiting",
        "Nothing was done; try again after the seconds in `Retry-After`, with fewer requests at once.";
    TOO_MANY_LISTENERS = "too-many-listeners", SERVICE_UNAVAILABLE, "as many listen as may",
        "Each listener to what happens holds a connection: end one, or raise the setting `limits.listeners`. The \
         list, `GET /baton/v1/activity` without `Accept: text/event-stream`, is always there.";
    STOPPING = "stopping", SERVICE_UNAVAILABLE, "the server is stopping",
        "Nothing was done; try again when it is back.";
}

/// A problem document. Boxed, because results carry it.
#[derive(Debug)]
pub(crate) struct Problem(Box<Content>);

#[derive(Debug)]
struct Content {
    kind: &'static Kind,
    detail: Option<String>,
    errors: Vec<Value>,
    more: Map<String, Value>,
    rule: Option<Box<str>>,
}

impl Problem {
    pub(crate) fn new(kind: &'static Kind) -> Self {
        let (errors, more) = (Vec::new(), Map::new());
        Self(Box::new(Content { kind, detail: None, errors, more, rule: None }))
    }

    /// A body with these mistakes.
    pub(crate) fn bad_body(errors: Vec<FieldError>) -> Self {
        errors.into_iter().fold(Self::new(&BAD_BODY), |all, error| all.error(&error.pointer, error.detail))
    }

    /// What happened, this time.
    #[must_use]
    pub(crate) fn detail(mut self, text: impl Into<String>) -> Self {
        self.0.detail = Some(text.into());
        self
    }

    /// One thing that is wrong, and where.
    #[must_use]
    pub(crate) fn error(mut self, pointer: &str, detail: impl Into<String>) -> Self {
        self.0.errors.push(json!({"pointer": pointer, "detail": detail.into()}));
        self
    }

    /// A refusal by the rules.
    pub(crate) fn refused(refused: Refused, surface: Surface) -> Self {
        if refused.why == Refusal::UnknownPerson {
            return Self::new(&UNKNOWN_PERSON).with("rule", refused.rule.0).ruled(refused.rule.0);
        }
        let graph = GraphError::of(refused.why, surface);
        let text = match graph.plain {
            Some((title, text)) => format!("{title}. {text}"),
            None => graph.message,
        };
        Self::new(&REFUSED)
            .detail(text)
            .with("rule", refused.rule.0)
            .with("via", refused.via.map(|rule| rule.0))
            .with("refused", json!({"code": graph.code, "subcode": graph.subcode}))
            .ruled(refused.rule.0)
    }

    /// A refusal of a call before the rules of threads are asked (API-14).
    pub(crate) fn refused_before(rule: &'static str, graph: GraphError) -> Self {
        Self::new(&REFUSED)
            .with("rule", rule)
            .with("via", Value::Null)
            .with("refused", json!({"code": graph.code, "subcode": graph.subcode}))
            .detail(graph.message)
            .ruled(rule)
    }

    /// The same, where what was read stands at a pointer within the body.
    #[must_use]
    pub(crate) fn within(mut self, at: &str) -> Self {
        for error in &mut self.0.errors {
            let pointer = error.get("pointer").and_then(Value::as_str).unwrap_or_default();
            error["pointer"] = json!(format!("{at}{pointer}"));
        }
        self
    }

    /// The rule that decided, for the log.
    fn ruled(mut self, rule: &str) -> Self {
        self.0.rule = Some(rule.into());
        self
    }

    fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0.more.insert(name.to_owned(), value.into());
        self
    }

    /// The document. `below` stands before the pointers: where in the request's body this part begins.
    pub(crate) fn document(&self, below: &str) -> Value {
        let Content { kind, detail, errors, more, rule: _ } = &*self.0;
        let mut document = Map::new();
        document.insert("type".to_owned(), json!(format!("/problems/{}", kind.slug)));
        document.insert("title".to_owned(), json!(kind.title));
        document.insert("status".to_owned(), json!(kind.status.as_u16()));
        document.insert("detail".to_owned(), json!(detail.as_deref().unwrap_or(kind.about)));
        document.extend(more.clone());
        if !errors.is_empty() {
            let mut errors = errors.clone();
            for error in &mut errors {
                let pointer = error.get("pointer").and_then(Value::as_str).unwrap_or_default();
                error["pointer"] = json!(format!("{below}{pointer}"));
            }
            document.insert("errors".to_owned(), errors.into());
        }
        Value::Object(document)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = self.0.kind.status;
        let mut response = (status, self.document("").to_string()).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"baton\""));
        }
        response.extensions_mut().insert(Note { rule: self.0.rule, trace: None });
        response
    }
}

impl From<Failure> for Problem {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Refused { refused, surface, .. } => Self::refused(refused, surface),
            Failure::NoPage => Self::new(&UNKNOWN_PAGE),
            Failure::KeyReused => Self::new(&EVENT_ID_REUSED),
            Failure::Store(error) => error.into(),
            // Only a caller who was let in by settings is ever told so, and asks again.
            Failure::SettingsChanged | Failure::Busy => Self::new(&BUSY),
            Failure::Stopping => Self::new(&STOPPING),
        }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Closed => Self::new(&STOPPING),
            StoreError::Unavailable(_) | StoreError::Damaged(_) | StoreError::CannotOpen(_) => {
                // What is wrong inside is for the log; a client cannot act on it.
                tracing::error!(%error, "the store failed");
                Self::new(&UNAVAILABLE)
            }
        }
    }
}

impl From<Vec<SettingsRefused>> for Problem {
    fn from(refused: Vec<SettingsRefused>) -> Self {
        let rule = refused.iter().find_map(|refused| refused.rule.clone());
        let mut problem = match &rule {
            Some(rule) => Self::new(&SETTINGS_REFUSED).with("rule", rule.as_str()).ruled(rule),
            None => Self::new(&BAD_BODY),
        };
        problem.0.errors = (refused.into_iter())
            .map(|one| match one.rule {
                Some(rule) => json!({"pointer": one.pointer, "detail": one.detail, "rule": rule}),
                None => json!({"pointer": one.pointer, "detail": one.detail}),
            })
            .collect();
        problem
    }
}

/// A path that does not take a method.
pub(crate) fn wrong_method(method: &Method, path: &str) -> Problem {
    Problem::new(&METHOD_NOT_ALLOWED).detail(format!("{path} does not take {method}"))
}

/// `GET /problems`: every kind.
pub(crate) async fn list() -> String {
    let line = |kind: &&Kind| format!("{}  /problems/{}\n", kind.status.as_u16(), kind.slug);
    ALL.iter().map(line).collect()
}

/// `GET /problems/{slug}`: a kind, for people.
pub(crate) async fn page(slug: Path<String>) -> Result<String, Problem> {
    let kind = ALL.iter().find(|kind| kind.slug == *slug).ok_or(Problem::new(&NOT_FOUND))?;
    Ok(format!("{} ({})\n\n{}\n", kind.title, kind.status.as_u16(), kind.about))
}
