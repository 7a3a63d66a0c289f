//! Errors of Baton's own API: RFC 9457 problem documents. The kinds are a fixed list, each readable at the
//! address that is its `type`. To add one: a constant below, and its place in [`ALL`].

use axum::extract::Path;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use baton_engine::Failure;
use baton_rules::{Refused, Surface};
use baton_store::{SettingsRefused, StoreError};
use baton_wire::GraphError;
use baton_wire::inbound::FieldError;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Serialize;

use crate::api::values::Codes;
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

impl Kind {
    /// Its name.
    pub(crate) const fn slug(&self) -> &'static str {
        self.slug
    }

    /// The status that it comes with.
    pub(crate) const fn status(&self) -> StatusCode {
        self.status
    }

    /// What it is, in a line.
    pub(crate) const fn title(&self) -> &'static str {
        self.title
    }

    /// What `type` says.
    pub(crate) fn address(&self) -> String {
        format!("/problems/{}", self.slug)
    }

    /// A document of this kind, with nothing to tell but the kind.
    pub(crate) fn example(&'static self) -> Document {
        Problem::new(self).document("")
    }
}

macro_rules! kinds {
    ($($name:ident = $slug:literal, $status:ident, $title:literal, $about:literal;)*) => {
        $(pub(crate) const $name: Kind = Kind {
            slug: $slug, status: StatusCode::$status, title: $title, about: $about,
        };)*
        /// Every kind.
        pub(crate) const ALL: &[&Kind] = &[$(&$name),*];
    };
}

kinds! {
    UNAUTHORIZED = "unauthorized", UNAUTHORIZED, "who calls is not known",
        "Baton's own API takes `Authorization: Bearer <operator token>`. The token stands in server.json in the \
         data directory, or is what BATON_OPERATOR_TOKEN said when the server started; `baton token operator` \
         makes another one for its next start. People sign in to the console instead, and their browser shows a \
         session, which ends after a while. Page access tokens are for the Graph API only.";
    FORBIDDEN = "forbidden", FORBIDDEN, "this role may not do this",
        "Operators may do everything, viewers read, agents read conversations and answer in the Inbox. An operator \
         changes a member's role in the console's settings.";
    FROM_ELSEWHERE = "from-elsewhere", FORBIDDEN, "another site asked this",
        "What a browser does by its session must be asked by the console itself: from the same origin, and with the \
         header `X-Baton-Console` where something changes. If a proxy stands before Baton, it must hand on `Host` \
         as it was, or `public_url` must name the address that browsers use.";
    TOO_MANY_TRIES = "too-many-tries", TOO_MANY_REQUESTS, "too many wrong tries",
        "Wait the seconds in `Retry-After`. The operator token is not slowed down in `Authorization`.";
    TOO_MANY_MEMBERS = "too-many-members", CONFLICT, "there are as many members as may be",
        "Remove somebody who no longer signs in.";
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
    NO_ADDRESS = "no-address", CONFLICT, "the app has no address",
        "Its `webhook_url` is not set. Set it, or name another: in `url`, or in `to` where events are sent again. \
         Nothing was sent.";
    UNKNOWN_DELIVERY = "unknown-delivery", NOT_FOUND, "the app has no such event",
        "A delivery's id is the one in the list, `GET /baton/v1/apps/{app}/deliveries`. It may also \
         have been given up for its age.";
    TOO_MANY_RESENDS = "too-many-resends", CONFLICT, "too much would be to be sent again at once",
        "At most 100,000 events of an app can wait to be sent again, to at most 16 addresses other than its own. Ask \
         for fewer, or wait until some have been sent: `GET /baton/v1/apps/{app}/health` has their number.";
    EXISTS = "exists", CONFLICT, "there is one already",
        "An id or a name of an app or page names one. Change what is there with PATCH, or take another name.";
    PRECONDITION_FAILED = "precondition-failed", PRECONDITION_FAILED, "it is not what `If-Match` says",
        "Somebody changed it since it was read. Read it again, and send the change with the `ETag` that it has \
         now. Nothing changed.";
    UNKNOWN_PERSON = "unknown-person", NOT_FOUND, "this person has never written to the page",
        "A person is known from their first event on. Check the person's id and the page's; the same person has \
         different ids on Messenger and on Instagram.";
    NOTHING_KNOWN = "nothing-known", NOT_FOUND, "nothing is known by this id",
        "`GET /baton/v1/explain/{id}` takes the id of a message (`m_…`, `aWdf…`) or of a webhook (`msg_…`) of this \
         database, and the `fbtrace_id` of one of the last 1,000 calls of the Graph API since the server started.";
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
    CONTROL_MOVED = "control-moved", CONFLICT, "another one has control than was said",
        "`if_owner` named who had control when this was decided upon; since then control has moved. `detail` says who \
         has it now. Nothing was done.";
    EVENT_ID_REUSED = "event-id-reused", CONFLICT, "this event id was used with another body",
        "An `event_id` names one event of one person on one page for 72 hours. Send the same body to get the first \
         answer again, or take another id for another event.";
    SETTINGS_REFUSED = "settings-refused", CONFLICT, "the rules refuse these settings",
        "Each entry of `errors` names the rule and the place in what was sent. Nothing changed.";
    ONLY_TOKEN = "only-token", CONFLICT, "it is the only token of this app on this page",
        "Without any the app would be connected and could not call. Make another first, or disconnect the app.";
    CLOCK_NOT_VIRTUAL = "clock-not-virtual", CONFLICT, "the clock is the system's",
        "Only a virtual clock is shown, moved or frozen here: `baton dev` has one, and `baton serve` with \
         `clock = \"virtual\"`.";
    ONE_NODE = "one-node", CONFLICT, "the database is one server's own",
        "Nodes are listed where several may use a database, which is PostgreSQL. A server with an SQLite file is the only \
         one that uses it.";
    FAULTS_OFF = "faults-off", CONFLICT, "nothing goes wrong on purpose here",
        "Faults are for development: only where the clock is virtual, as in `baton dev`, may things go wrong on \
         purpose.";
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

/// What went wrong, as RFC 9457 has it. `type` is one of a fixed list, and can be read at the address that it is.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "Problem")]
pub(crate) struct Document {
    /// Which kind of problem: `/problems/` and its name.
    #[schemars(schema_with = "types")]
    r#type: String,
    /// What the kind means.
    title: &'static str,
    /// The HTTP status.
    status: u16,
    /// What happened this time, and what to do.
    detail: String,
    /// The row of the specification that refused, where one did.
    #[serde(skip_serializing_if = "Option::is_none")]
    rule: Option<String>,
    /// What else a refusal by the rules tells.
    #[serde(flatten)]
    refusal: Option<Refusal>,
    /// What is wrong, one by one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<Mistake>,
}

/// What else a refusal by the rules tells.
#[derive(Clone, Debug, Serialize, JsonSchema)]
struct Refusal {
    /// The row that the rule refers to.
    #[schemars(schema_with = "text_or_null")]
    via: Option<&'static str>,
    /// What an app would see.
    refused: Codes,
}

/// A text that is said even where it is null, unlike what else may be absent from an answer.
fn text_or_null(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"anyOf": [{"type": "string"}, {"enum": [null]}]})
}

/// One thing that is wrong, and where.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "Mistake")]
struct Mistake {
    /// Where: a JSON pointer into the body; of a query string or a path, `/` and the parameter's name.
    pointer: String,
    /// What is wrong, and what would be right.
    detail: String,
    /// The rule that refuses it, where one does.
    #[serde(skip_serializing_if = "Option::is_none")]
    rule: Option<String>,
}

fn types(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    let all: Vec<String> = ALL.iter().map(|kind| kind.address()).collect();
    schemars::json_schema!({"type": "string", "format": "uri-reference", "enum": all})
}

/// A problem document in the making. Boxed, because results carry it.
#[derive(Debug)]
pub(crate) struct Problem(Box<Content>);

#[derive(Debug)]
struct Content {
    kind: &'static Kind,
    detail: Option<String>,
    errors: Vec<Mistake>,
    rule: Option<Box<str>>,
    refusal: Option<Refusal>,
    retry_after: Option<u64>,
}

impl Problem {
    pub(crate) fn new(kind: &'static Kind) -> Self {
        let (errors, rule, refusal) = (Vec::new(), None, None);
        Self(Box::new(Content { kind, detail: None, errors, rule, refusal, retry_after: None }))
    }

    /// The HTTP status.
    pub(crate) fn status(&self) -> u16 {
        self.0.kind.status.as_u16()
    }

    /// In how many seconds it may be tried again.
    #[must_use]
    pub(crate) fn retry_after(mut self, seconds: u64) -> Self {
        self.0.retry_after = Some(seconds);
        self
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
        self.0.errors.push(Mistake { pointer: pointer.to_owned(), detail: detail.into(), rule: None });
        self
    }

    /// A refusal by the rules.
    pub(crate) fn refused(refused: Refused, surface: Surface) -> Self {
        if refused.why == baton_rules::Refusal::UnknownPerson {
            return Self::new(&UNKNOWN_PERSON).ruled(refused.rule.0);
        }
        let graph = GraphError::of(refused.why, surface);
        let told = Refusal { via: refused.via.map(|rule| rule.0), refused: (&graph).into() };
        let text = match graph.plain {
            Some((title, text)) => format!("{title}. {text}"),
            None => graph.message,
        };
        Self::new(&REFUSED).detail(text).ruled(refused.rule.0).telling(told)
    }

    /// The same, where what was read stands at a pointer within the body.
    #[must_use]
    pub(crate) fn within(mut self, at: &str) -> Self {
        for error in &mut self.0.errors {
            error.pointer.insert_str(0, at);
        }
        self
    }

    /// The rule that decided: for the client, and for the log.
    fn ruled(mut self, rule: &str) -> Self {
        self.0.rule = Some(rule.into());
        self
    }

    fn telling(mut self, refusal: Refusal) -> Self {
        self.0.refusal = Some(refusal);
        self
    }

    /// The document. `below` stands before the pointers: where in the request's body this part begins.
    pub(crate) fn document(&self, below: &str) -> Document {
        let Content { kind, detail, errors, rule, refusal, retry_after: _ } = &*self.0;
        let mut errors = errors.clone();
        for error in &mut errors {
            error.pointer.insert_str(0, below);
        }
        Document {
            r#type: kind.address(),
            title: kind.title,
            status: kind.status.as_u16(),
            detail: detail.clone().unwrap_or_else(|| kind.about.to_owned()),
            rule: rule.as_deref().map(str::to_owned),
            refusal: refusal.clone(),
            errors,
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = self.0.kind.status;
        let mut response = (status, axum::Json(self.document(""))).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        match self.0.retry_after {
            Some(seconds) => drop(headers.insert(header::RETRY_AFTER, seconds.into())),
            None if status == StatusCode::SERVICE_UNAVAILABLE => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
            }
            None => {}
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
            Failure::ControlMoved { thread } => Self::new(&CONTROL_MOVED).detail(match thread.owner {
                Some(owner) => format!("app {owner} has control now"),
                None => "nobody has control now".to_owned(),
            }),
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
            Some(rule) => Self::new(&SETTINGS_REFUSED).ruled(rule),
            None => Self::new(&BAD_BODY),
        };
        let mistake =
            |one: SettingsRefused| Mistake { pointer: one.pointer, detail: one.detail, rule: one.rule };
        problem.0.errors = refused.into_iter().map(mistake).collect();
        problem
    }
}

/// A path that does not take a method.
pub(crate) fn wrong_method(method: &Method, path: &str) -> Problem {
    Problem::new(&METHOD_NOT_ALLOWED).detail(format!("{path} does not take {method}"))
}

/// Every kind, as `docs/reference/problems.md` has them.
#[cfg(test)]
fn reference() -> String {
    let mut text = String::from(
        "# Problems\n\nThe errors of Baton's own API are problem documents (RFC 9457). This is the fixed list that their \
         `type` is from; each is\nreadable at that address on any server, too. The Graph API's errors are the \
         platform's, and none of these.\n",
    );
    for kind in ALL {
        text.push_str(&format!(
            "\n## {}\n\n`{}`, status {}: {}.\n\n{}\n",
            kind.slug,
            kind.address(),
            kind.status.as_u16(),
            kind.title,
            kind.about
        ));
    }
    text
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

#[cfg(test)]
mod tests {
    use std::path::Path;

    #[test]
    fn the_reference_is_what_is_answered() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/problems.md");
        let is = std::fs::read_to_string(&path).unwrap_or_default();
        let must_be = super::reference();
        if is != must_be {
            let made = path.with_extension("md.new");
            std::fs::write(&made, &must_be).unwrap();
            panic!(
                "docs/reference/problems.md is not what the code says: look at {} and move it there",
                made.display()
            );
        }
    }
}
