//! How tries are kept: those of neighbouring rows that were recorded at once stand together in one row of the
//! database, compactly, so that remembering a try costs next to nothing of what it takes to make one.

use std::borrow::Cow;
use std::collections::BTreeMap;

use baton_rules::{AppId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::rows::Wrong;
use crate::{Place, Position, StoreError, Stream};

/// Rows of a stream whose tries stand together, as bits of the position.
const BUCKET_BITS: u32 = 8;
/// The version of what is written.
const VERSION: u8 = 1;

/// A try to deliver an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// The app.
    pub app: AppId,
    /// The event.
    pub place: Place,
    /// When it was answered, or given up.
    pub at: Timestamp,
    /// Which try it was, from 1; counted anew after a restart.
    pub number: u32,
    /// The HTTP status; none where there was no answer.
    pub status: Option<u16>,
    /// How long it took.
    pub duration_ms: u32,
    /// What went wrong; none: it arrived.
    pub error: Option<Box<str>>,
    /// How the answer's body begins.
    pub body_start: Box<str>,
    /// Where it was sent, if not to the app's own address.
    pub to: Option<Box<str>>,
}

impl Attempt {
    /// What tells it from other tries at the same event.
    pub fn key(&self) -> (Timestamp, u32, Option<&str>) {
        (self.at, self.number, self.to.as_deref())
    }
}

/// Where tries at an event are kept.
pub(crate) const fn bucket(position: Position) -> u64 {
    position.0 >> BUCKET_BITS
}

/// Tries by where they are kept.
pub(crate) fn sorted(attempts: &[Attempt]) -> BTreeMap<(AppId, Stream, u64), Vec<&Attempt>> {
    let mut sorted: BTreeMap<_, Vec<&Attempt>> = BTreeMap::new();
    for attempt in attempts {
        let key = (attempt.app, attempt.place.stream, bucket(attempt.place.position));
        sorted.entry(key).or_default().push(attempt);
    }
    sorted
}

/// Tries of one bucket, as they are written.
pub(crate) fn encode(attempts: &[&Attempt]) -> Result<Vec<u8>, StoreError> {
    let kept: Vec<Kept<'_>> = attempts.iter().map(|attempt| Kept::of(attempt)).collect();
    postcard::to_extend(&kept, vec![VERSION])
        .map_err(|error| StoreError::Unavailable(format!("tries cannot be written: {error}")))
}

/// Tries of one bucket, as they are read.
pub(crate) fn decode(app: AppId, stream: Stream, bucket: u64, bytes: &[u8]) -> Result<Vec<Attempt>, Wrong> {
    let [VERSION, rest @ ..] = bytes else { return Err("is of a version that this program does not know") };
    let kept: Vec<Kept<'_>> = postcard::from_bytes(rest).map_err(|_| "cannot be read")?;
    Ok(kept.into_iter().map(|kept| kept.attempt(app, stream, bucket)).collect())
}

/// The order of fields is the format: a change of it is a new version.
#[derive(Serialize, Deserialize)]
struct Kept<'a> {
    low: u8,
    at: i64,
    number: u32,
    status: Option<u16>,
    duration_ms: u32,
    #[serde(borrow)]
    error: Option<Cow<'a, str>>,
    #[serde(borrow)]
    body_start: Cow<'a, str>,
    #[serde(borrow)]
    to: Option<Cow<'a, str>>,
}

impl<'a> Kept<'a> {
    fn of(attempt: &'a Attempt) -> Self {
        let Attempt { app: _, place, at, number, status, duration_ms, error, body_start, to } = attempt;
        Self {
            // The rest of the position is the bucket's.
            low: (place.position.0 & 0xff) as u8,
            at: at.0,
            number: *number,
            status: *status,
            duration_ms: *duration_ms,
            error: error.as_deref().map(Cow::Borrowed),
            body_start: Cow::Borrowed(body_start),
            to: to.as_deref().map(Cow::Borrowed),
        }
    }

    fn attempt(self, app: AppId, stream: Stream, bucket: u64) -> Attempt {
        let position = Position((bucket << BUCKET_BITS) | u64::from(self.low));
        Attempt {
            app,
            place: Place { stream, position },
            at: Timestamp(self.at),
            number: self.number,
            status: self.status,
            duration_ms: self.duration_ms,
            error: self.error.map(Into::into),
            body_start: self.body_start.into(),
            to: self.to.map(Into::into),
        }
    }
}
