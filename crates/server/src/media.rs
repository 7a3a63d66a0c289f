//! Files that came with messages, to be shown by whoever knows their address. Nothing in them is ever run: what is no
//! picture, sound or film is a download.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use baton_rules::Timestamp;
use baton_store::{Asset, AssetKey, AssetKind};
use baton_wire::file_address;
use serde_json::Value;

use crate::problem::{self, Problem};
use crate::serve::Shared;

pub(crate) mod kept;

/// The first part of a file's path.
pub(crate) const ROOT: &str = "media";
/// What the key is for that addresses are made with.
pub(crate) const PURPOSE: &str = "addresses of files";

/// Types that a browser shows without running anything. SVG is none of them.
const SHOWN: &[&str] = &[
    "image/png",
    "image/jpeg",
    "image/gif",
    "image/webp",
    "image/avif",
    "audio/mpeg",
    "audio/mp4",
    "audio/aac",
    "audio/ogg",
    "audio/wav",
    "audio/webm",
    "video/mp4",
    "video/webm",
    "video/ogg",
    "video/quicktime",
];

/// How long a file is kept after it was last brought (wire.md 2.3), in seconds.
pub(crate) const KEPT: i64 = 90 * 24 * 60 * 60;

/// Whether a file's time is not over yet. What is over goes when the next file is kept.
pub(crate) fn is_kept(file: &Asset, now: Timestamp) -> bool {
    now < file.at.plus_seconds(KEPT)
}

pub(crate) async fn get(
    State(shared): State<Arc<Shared>>,
    Path(name): Path<String>,
) -> Result<Response, Problem> {
    let missing = || Problem::new(&problem::NOT_FOUND).detail("there is no such file, or no longer");
    let place = file_address::read(&shared.engine.secret(PURPOSE), &name);
    let (page, attachment) = place.ok_or_else(missing)?;
    let key = AssetKey { page, kind: AssetKind::Attachment, key: attachment.to_string().into() };
    let asset = shared.engine.asset(&key).await?.filter(|asset| is_kept(asset, shared.engine.now()));
    let asset = asset.ok_or_else(missing)?;
    let content = asset.content.ok_or_else(missing)?;
    let document: Value = serde_json::from_str(&asset.document).unwrap_or_default();
    let said = document["mime"].as_str().unwrap_or_default();
    let shown = SHOWN.iter().copied().find(|mime| *mime == said);
    let mut response = (StatusCode::OK, Body::from(content)).into_response();
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_TYPE, shown.unwrap_or("application/octet-stream")),
        (header::CONTENT_DISPOSITION, if shown.is_some() { "inline" } else { "attachment" }),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; sandbox"),
        (header::REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("cross-origin-resource-policy"), "cross-origin"),
        (header::CACHE_CONTROL, "private, max-age=86400, immutable"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    Ok(response)
}
