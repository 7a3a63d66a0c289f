//! `POST /pages/{page}/attachments`: a file that somebody in the Inbox wants to send. Kept as those of apps are.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;

use super::input::{OnPage, read_body};
use super::operation::Operation;
use super::threads::READING;
use crate::door::Needs;
use crate::media::kept::{self, Unkept, What};
use crate::problem::{self, Problem};
use crate::serve::Shared;
use crate::serve::body::Kind;

/// A file that is kept for messages.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Attachment")]
struct Attachment {
    /// By which a reply names it. It follows from what is in the file.
    attachment_id: String,
    /// What it is sent as.
    #[serde(rename = "type")]
    #[schemars(extend("enum" = KINDS))]
    kind: String,
    /// Where it lies: whoever knows this sees the file.
    url: String,
}

/// What a file is sent as: the first whose name its media type begins with, or the last.
const KINDS: [&str; 4] = ["image", "video", "audio", "file"];

pub(super) fn operations() -> Vec<Operation> {
    let path = "/pages/{page}/attachments";
    vec![
        OnPage::named(Operation::post(path, "keepAttachment", post).needs(Needs::Answering))
            .says(
                "Threads",
                "Bring a file for an answer in the Inbox",
                "The body is the file, at most 8 MiB of a picture and 25 MiB of another; `Content-Type` says what it \
                 is, and it is sent as that. It is kept for 90 days. `attachment_id` is for a reply of this page.",
            )
            .takes_as("application/octet-stream", |_| json!({"type": "string", "format": "binary", "minLength": 1}), Vec::new())
            .answers::<Attachment>(StatusCode::CREATED, "It is kept.")
            .refuses([&problem::BUSY])
            .refuses(READING),
    ]
}

async fn post(
    State(shared): State<Arc<Shared>>,
    OnPage { page, .. }: OnPage,
    request: Request,
) -> Result<(StatusCode, axum::Json<Attachment>), Problem> {
    let (parts, bytes) = request.into_parts();
    let bytes = read_body(&shared, &parts, bytes, Kind::Files).await?;
    let mime = media_type(&parts.headers);
    let kind = KINDS.into_iter().find(|kind| mime.split('/').next() == Some(kind)).unwrap_or("file");
    let file = kept::keep(&shared, page, kind, What::File { mime: &mime, bytes: &bytes }).await;
    let file = file.map_err(|unkept| match unkept {
        Unkept::Empty => Problem::new(&problem::BAD_BODY).error("", "the file is empty"),
        Unkept::TooLarge => Problem::new(&problem::TOO_LARGE)
            .detail("a picture may have 8 MiB, another file 25 MiB: send a smaller one"),
        Unkept::OfAnotherKind => Problem::new(&problem::BAD_BODY).error("", "the file is of another kind"),
        Unkept::Store(error) => error.into(),
    })?;
    let answer = Attachment { attachment_id: file.id, kind: file.kind, url: file.url };
    Ok((StatusCode::CREATED, axum::Json(answer)))
}

/// What the file says it is, without parameters.
fn media_type(headers: &HeaderMap) -> String {
    let said = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    said.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}
