//! What handlers are given: the page or thread that a path names, and a body that is JSON within its limits.

use std::convert::Infallible;
use std::future::ready;
use std::sync::Arc;

use axum::extract::{FromRequest, FromRequestParts, RawPathParams, Request};
use axum::http::request::Parts;
use baton_rules::{AppId, PageId, PersonId, Surface, ThreadKey};
use baton_store::Settings;
use baton_wire::depth_of;
use bytes::Bytes;
use serde_json::{Value, json};

use super::operation::Operation;
use super::schemas::Schemas;
use super::values::{APP_ID, PAGE_ID, PERSON_ID};
use crate::door::Caller;
use crate::problem::{self, Problem};
use crate::routing_file::Item;
use crate::serve::Shared;
use crate::serve::body::{Kind, Unread, Whose};

/// A page's surface, from `{page}`: the page's id, or its Instagram account's.
pub(super) struct OnPage {
    pub(super) page: PageId,
    pub(super) surface: Surface,
}

/// A thread, from `{page}` and `{person}`. Whether the person ever wrote is another question.
pub(super) struct OnThread(pub(super) ThreadKey);

/// An app, from `{app}`: by its id, or its name. Whether it is on the page is another question.
pub(super) struct OnApp(pub(super) AppId);

/// A thing of the settings, from whichever of `{app}`, `{page}`, `{ref}` and `{ad}` a path has. Whether it is
/// there is another question.
pub(super) struct OnItem(pub(super) Item);

/// What a path names by a text of its own: `{name}`.
pub(super) struct Named(pub(super) String);

/// The bytes of a body.
pub(super) struct Body(pub(super) Bytes);

/// A body that is JSON.
pub(super) struct Json(pub(super) Value);

/// A path parameter as text.
pub(super) async fn parameter(
    parts: &mut Parts,
    shared: &Arc<Shared>,
    name: &str,
) -> Result<String, Problem> {
    let parameters = RawPathParams::from_request_parts(parts, shared).await.map_err(|_| not_utf8())?;
    let found = parameters.iter().find(|(key, _)| *key == name);
    found.map(|(_, value)| value.to_owned()).ok_or_else(not_utf8)
}

fn not_utf8() -> Problem {
    Problem::new(&problem::BAD_ID).detail("the path is not valid UTF-8")
}

/// What `{app}` is.
pub(super) const APP: &str = "The app's id, or its name.";

/// What an app is called in a path.
pub(super) fn app_shape(_: &mut Schemas) -> Value {
    json!({"type": "string", "minLength": 1})
}

/// An app's id, in a request.
pub(super) fn app_id() -> Value {
    json!({"type": "string", "pattern": APP_ID})
}

/// A moment, in a request.
pub(super) fn moment() -> Value {
    json!({"type": "string", "format": "date-time"})
}

impl OnPage {
    /// An operation whose path names a page.
    pub(super) fn named(operation: Operation) -> Operation {
        let about = "The page's id for its Messenger conversations, or its Instagram account's id for those on \
                     Instagram.";
        operation
            .named("page", about, |_| json!({"type": "string", "pattern": PAGE_ID}))
            .refuses([&problem::BAD_ID, &problem::UNKNOWN_PAGE])
    }
}

impl OnApp {
    /// An operation whose path names an app.
    pub(super) fn named(operation: Operation) -> Operation {
        operation.named("app", APP, app_shape).refuses([&problem::BAD_ID, &problem::UNKNOWN_APP])
    }
}

impl OnThread {
    /// An operation whose path names a thread.
    pub(super) fn named(operation: Operation) -> Operation {
        OnPage::named(operation).named(
            "person",
            "The person's id, as this page knows them.",
            |_| json!({"type": "string", "pattern": PERSON_ID}),
        )
    }
}

impl FromRequestParts<Arc<Shared>> for OnPage {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, shared: &Arc<Shared>) -> Result<Self, Problem> {
        let text = parameter(parts, shared, "page").await?;
        let id: PageId = text
            .parse()
            .map_err(|wrong| Problem::new(&problem::BAD_ID).error("/page", format!("{wrong}")))?;
        let found =
            |settings: &Settings| settings.surface(id).map(|(page, surface)| Self { page: page.id, surface });
        let unknown = || {
            Problem::new(&problem::UNKNOWN_PAGE)
                .detail(format!("no page and no Instagram account has the id {id}"))
        };
        shared.engine.find(found).await?.ok_or_else(unknown)
    }
}

impl FromRequestParts<Arc<Shared>> for OnApp {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, shared: &Arc<Shared>) -> Result<Self, Problem> {
        let text = parameter(parts, shared, "app").await?;
        let id = text.parse::<AppId>().ok();
        let found = |settings: &Settings| {
            settings.apps.iter().find(|app| Some(app.id) == id || app.name == text).map(|app| Self(app.id))
        };
        shared.engine.find(found).await?.ok_or_else(|| super::change::unknown_app(&text))
    }
}

impl FromRequestParts<Arc<Shared>> for Named {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, shared: &Arc<Shared>) -> Result<Self, Problem> {
        parameter(parts, shared, "name").await.map(Self)
    }
}

impl FromRequestParts<Arc<Shared>> for OnItem {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, shared: &Arc<Shared>) -> Result<Self, Problem> {
        let names = RawPathParams::from_request_parts(parts, shared).await.map_err(|_| not_utf8())?;
        let named = |name: &str| names.iter().find(|(key, _)| *key == name).map(|(_, text)| text.to_owned());
        let (has_page, has_app, link, ad) =
            (named("page").is_some(), named("app").is_some(), named("ref"), named("ad"));
        let app = if has_app { Some(OnApp::from_request_parts(parts, shared).await?.0) } else { None };
        let at = if has_page { Some(OnPage::from_request_parts(parts, shared).await?) } else { None };
        let item = match (at, app) {
            (None, Some(app)) => Item::App(app),
            (Some(at), Some(app)) => Item::Connection { page: at.page, app },
            (Some(at), None) => match (link, ad) {
                (Some(reference), _) => Item::Link { page: at.page, on: at.surface, reference },
                (None, Some(id)) => Item::Ad { page: at.page, on: at.surface, id },
                (None, None) => Item::Page(at.page),
            },
            (None, None) => return Err(Problem::new(&problem::NOT_FOUND)),
        };
        Ok(Self(item))
    }
}

impl FromRequestParts<Arc<Shared>> for OnThread {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, shared: &Arc<Shared>) -> Result<Self, Problem> {
        let text = parameter(parts, shared, "person").await?;
        let person: PersonId = text
            .parse()
            .map_err(|wrong| Problem::new(&problem::BAD_ID).error("/person", format!("{wrong}")))?;
        let OnPage { page, surface } = OnPage::from_request_parts(parts, shared).await?;
        Ok(Self(ThreadKey { page, surface, person }))
    }
}

impl FromRequest<Arc<Shared>> for Body {
    type Rejection = Problem;

    async fn from_request(request: Request, shared: &Arc<Shared>) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        read_body(shared, &parts, body, Kind::Plain).await.map(Self)
    }
}

/// A body, from whoever was let in, or who is to be.
pub(super) async fn read_body(
    shared: &Shared,
    parts: &Parts,
    body: axum::body::Body,
    kind: Kind,
) -> Result<Bytes, Problem> {
    let was_let_in = parts.extensions.get::<Caller>().is_some();
    let whose = ready(Ok(if was_let_in { Whose::Known } else { Whose::Stranger }));
    shared.bodies.read(&parts.headers, body, kind, whose).await.map_err(|unread| unread_body(unread, kind))
}

/// Why there is no body.
fn unread_body(unread: Unread<Infallible>, kind: Kind) -> Problem {
    let setting = kind.setting();
    match unread {
        Unread::TooLarge(limit) => Problem::new(&problem::TOO_LARGE).detail(format!(
            "the body is larger than {limit} bytes ({setting}): send less at once, or raise the limit"
        )),
        Unread::TooSlow => Problem::new(&problem::TOO_SLOW),
        Unread::Broken => Problem::new(&problem::BROKEN_BODY),
        Unread::NoRoom => Problem::new(&problem::BUSY)
            .detail("too much of other large bodies is being read (limits.bodies, limits.uploads)"),
        Unread::Refused(nobody) => match nobody {},
    }
}

impl FromRequest<Arc<Shared>> for Json {
    type Rejection = Problem;

    async fn from_request(request: Request, shared: &Arc<Shared>) -> Result<Self, Problem> {
        let Body(bytes) = Body::from_request(request, shared).await?;
        // No body says nothing, as an object without members does.
        if bytes.trim_ascii().is_empty() {
            return Ok(Self(json!({})));
        }
        as_json(text(&bytes)?, shared.limits.depth).map(Self)
    }
}

/// A body as text.
pub(super) fn text(bytes: &[u8]) -> Result<&str, Problem> {
    std::str::from_utf8(bytes).map_err(|wrong| {
        Problem::new(&problem::NOT_UTF8)
            .detail(format!("the byte at {} is not UTF-8: send the text as UTF-8", wrong.valid_up_to()))
    })
}

/// A text as JSON that nests no deeper than `limit`.
pub(super) fn as_json(text: &str, limit: usize) -> Result<Value, Problem> {
    if depth_of(text) > limit {
        return Err(Problem::new(&problem::TOO_DEEP)
            .detail(format!("the body nests deeper than {limit} levels (limits.depth)")));
    }
    serde_json::from_str(text)
        .map_err(|wrong| Problem::new(&problem::NOT_JSON).detail(format!("the body is not JSON: {wrong}")))
}

#[cfg(test)]
mod tests {
    use super::depth_of as depth;

    #[test]
    fn brackets_in_texts_are_not_nesting() {
        assert_eq!(depth(r#"{"a": [1, {"b": "[[[{{{\"[["}]}"#), 3);
        assert_eq!(depth("7"), 0);
        assert_eq!(depth("]]]["), 1);
    }
}
