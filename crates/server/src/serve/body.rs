//! Reads a body within its limits, and lets go of what is too large in a way in which the client still hears
//! the answer.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, header};
use baton_wire::GraphError;
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How long a body may take.
pub(crate) const TIME: Duration = Duration::from_secs(30);
/// How much of a body that is too large is read and thrown away. Whoever is cut off in the middle of sending
/// sees a broken connection and never the error that says why.
const THROWN_AWAY: usize = 8 * 1024 * 1024;

/// Why there is no body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unread {
    /// It is larger than this.
    TooLarge(usize),
    /// It took longer than [`TIME`].
    TooSlow,
    /// The connection broke, or its framing is wrong.
    Broken,
}

/// A body of at most `limit` bytes.
pub(crate) async fn read(headers: &HeaderMap, body: Body, limit: usize) -> Result<Bytes, Unread> {
    let length = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok());
    let declared = length.and_then(|text| text.parse::<u64>().ok()).unwrap_or_default();
    let waits = headers.contains_key(header::EXPECT);
    if waits && declared > u64::try_from(limit).unwrap_or(u64::MAX) {
        return Err(Unread::TooLarge(limit));
    }
    tokio::time::timeout(TIME, collect(body, limit)).await.unwrap_or(Err(Unread::TooSlow))
}

async fn collect(mut body: Body, limit: usize) -> Result<Bytes, Unread> {
    let mut kept = BytesMut::new();
    let mut length = 0_usize;
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| Unread::Broken)?.into_data() else { continue };
        length = length.saturating_add(data.len());
        if length <= limit {
            kept.extend_from_slice(&data);
        } else if length > limit.saturating_add(THROWN_AWAY) {
            break;
        } else {
            kept = BytesMut::new();
        }
    }
    if length > limit { Err(Unread::TooLarge(limit)) } else { Ok(kept.freeze()) }
}

/// Room for bodies that bring files: so many bytes are held at once, and whoever brings more waits.
pub(crate) struct Uploads {
    places: Arc<Semaphore>,
    all: u32,
}

/// Bytes of one place.
const PLACE: usize = 1024;

impl Uploads {
    pub(crate) fn new(bytes: usize) -> Self {
        let most = u32::try_from(Semaphore::MAX_PERMITS).unwrap_or(u32::MAX);
        let all = u32::try_from(bytes / PLACE).unwrap_or(most).clamp(1, most);
        Self { places: Arc::new(Semaphore::new(usize::try_from(all).unwrap_or(1))), all }
    }

    /// Room for a body: as much as it says it has, else as much as it may have. Waits as long as a body may take.
    pub(crate) async fn room(
        &self,
        headers: &HeaderMap,
        limit: usize,
    ) -> Result<OwnedSemaphorePermit, GraphError> {
        let length = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok());
        let declared = length.and_then(|text| text.parse::<usize>().ok()).unwrap_or(limit);
        let places = u32::try_from(declared.min(limit) / PLACE + 1).unwrap_or(u32::MAX).min(self.all);
        let room = Arc::clone(&self.places).acquire_many_owned(places);
        match tokio::time::timeout(TIME, room).await {
            Ok(Ok(room)) => Ok(room),
            Ok(Err(_)) | Err(_) => Err(GraphError::transient()),
        }
    }
}
