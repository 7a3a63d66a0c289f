//! What handlers are given: the page or thread that a path names, and a body that is JSON within its limits.

use std::sync::Arc;

use axum::extract::{FromRequest, FromRequestParts, RawPathParams, Request};
use axum::http::request::Parts;
use baton_rules::{AppId, PageId, PersonId, Surface, ThreadKey};
use baton_wire::depth_of;
use bytes::Bytes;
use serde_json::Value;

use crate::problem::{self, Problem};
use crate::serve::Shared;
use crate::serve::body::{self, Unread};

/// A page's surface, from `{page}`: the page's id, or its Instagram account's.
pub(super) struct OnPage {
    pub(super) page: PageId,
    pub(super) surface: Surface,
}

/// A thread, from `{page}` and `{person}`. Whether the person ever wrote is another question.
pub(super) struct OnThread(pub(super) ThreadKey);

/// An app, from `{app}`: by its id, or its name. Whether it is on the page is another question.
pub(super) struct OnApp(pub(super) AppId);

/// What a path names by a text of its own: `{ref}` of a link, `{id}` of an ad.
pub(super) struct Named(pub(super) String);

/// The bytes of a body.
pub(super) struct Body(pub(super) Bytes);

/// A body that is JSON.
pub(super) struct Json(pub(super) Value);

/// A path parameter as text.
async fn parameter(parts: &mut Parts, shared: &Arc<Shared>, name: &str) -> Result<String, Problem> {
    let wrong = || Problem::new(&problem::BAD_ID).detail("the path is not valid UTF-8");
    let parameters = RawPathParams::from_request_parts(parts, shared).await.map_err(|_| wrong())?;
    let found = parameters.iter().find(|(key, _)| *key == name);
    found.map(|(_, value)| value.to_owned()).ok_or_else(wrong)
}

impl FromRequestParts<Arc<Shared>> for OnPage {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, shared: &Arc<Shared>) -> Result<Self, Problem> {
        let text = parameter(parts, shared, "page").await?;
        let id: PageId = text
            .parse()
            .map_err(|wrong| Problem::new(&problem::BAD_ID).error("/page", format!("{wrong}")))?;
        let settings = shared.engine.settings();
        let (page, surface) = settings.surface(id).ok_or_else(|| {
            Problem::new(&problem::UNKNOWN_PAGE)
                .detail(format!("no page and no Instagram account has the id {id}"))
        })?;
        Ok(Self { page: page.id, surface })
    }
}

impl FromRequestParts<Arc<Shared>> for OnApp {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, shared: &Arc<Shared>) -> Result<Self, Problem> {
        let text = parameter(parts, shared, "app").await?;
        let settings = shared.engine.settings();
        let id = text.parse::<AppId>().ok();
        let found = settings.apps.iter().find(|app| Some(app.id) == id || app.name == text);
        found.map(|app| Self(app.id)).ok_or_else(|| super::change::unknown_app(&text))
    }
}

impl FromRequestParts<Arc<Shared>> for Named {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, shared: &Arc<Shared>) -> Result<Self, Problem> {
        parameter(parts, shared, "name").await.map(Self)
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
        let bytes = body::read(&parts.headers, body, shared.limits.body).await;
        bytes.map(Self).map_err(|unread| match unread {
            Unread::TooLarge(limit) => Problem::new(&problem::TOO_LARGE).detail(format!(
                "the body is larger than {limit} bytes (limits.body): send less at once, or raise the limit"
            )),
            Unread::TooSlow => Problem::new(&problem::TOO_SLOW),
            Unread::Broken => Problem::new(&problem::BROKEN_BODY),
        })
    }
}

impl FromRequest<Arc<Shared>> for Json {
    type Rejection = Problem;

    async fn from_request(request: Request, shared: &Arc<Shared>) -> Result<Self, Problem> {
        let Body(bytes) = Body::from_request(request, shared).await?;
        json(text(&bytes)?, shared.limits.depth).map(Self)
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
pub(super) fn json(text: &str, limit: usize) -> Result<Value, Problem> {
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
