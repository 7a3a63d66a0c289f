//! Reads a body within its limits, and lets go of what is too large in a way in which the client still hears
//! the answer. All bodies that are being read share a bound too: this is the only place where any of them is.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, header};
use bytes::Bytes;
use http_body_util::BodyExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::config::Limits;

/// How long a body may take.
pub(crate) const TIME: Duration = Duration::from_secs(30);
/// How much of a body that is not taken is read and thrown away. Whoever is cut off in the middle of sending
/// sees a broken connection and never the error that says why.
const THROWN_AWAY: usize = 8 * 1024 * 1024;
/// So much of a body needs no room: `limits.connections` bounds these. Nearly all bodies have less.
const SMALL: usize = 16 * 1024;
/// Bytes of one place in a room.
const PLACE: usize = 1024;

/// Why there is no body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unread<E> {
    /// It is larger than this.
    TooLarge(usize),
    /// It took longer than [`TIME`].
    TooSlow,
    /// The connection broke, or its framing is wrong.
    Broken,
    /// Too much of others is being read.
    NoRoom,
    /// Whoever sends it is refused, for this.
    Refused(E),
}

/// Whose body it is, as far as can be seen without it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Whose {
    /// Somebody's who has shown that they may call.
    Known,
    /// Perhaps nobody's: a token may be in it.
    Stranger,
}

/// What a body may bring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Plain,
    Files,
}

impl Kind {
    /// The setting that says how large it may be.
    pub(crate) const fn setting(self) -> &'static str {
        match self {
            Kind::Plain => "limits.body",
            Kind::Files => "limits.upload",
        }
    }
}

/// Room for the bodies that are being read, of which each takes as much as it has in memory. Strangers have a room of
/// their own, so that they fill nobody else's.
pub(crate) struct Bodies {
    body: usize,
    upload: usize,
    known: Room,
    strangers: Room,
    files: Room,
}

impl Bodies {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            body: limits.body,
            upload: limits.upload,
            known: Room::new(limits.bodies),
            strangers: Room::new(limits.bodies),
            files: Room::new(limits.uploads),
        }
    }

    /// How large a body may be.
    pub(crate) const fn largest(&self, kind: Kind) -> usize {
        match kind {
            Kind::Plain => self.body,
            Kind::Files => self.upload,
        }
    }

    /// A body, whole. Its room is given back when the last of its bytes goes. `whose` is asked when it needs room.
    pub(crate) async fn read<E>(
        &self,
        headers: &HeaderMap,
        mut body: Body,
        kind: Kind,
        whose: impl Future<Output = Result<Whose, E>>,
    ) -> Result<Bytes, Unread<E>> {
        let limit = self.largest(kind);
        let declared = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok());
        let declared = declared.and_then(|text| text.parse::<u64>().ok());
        let declared = declared.map(|length| usize::try_from(length).unwrap_or(usize::MAX));
        // A client that waits for leave to send hears of what is wrong at once.
        let waits = headers.contains_key(header::EXPECT);
        if waits && declared.is_some_and(|length| length > limit) {
            return Err(Unread::TooLarge(limit));
        }
        let most = declared.unwrap_or(limit).min(limit);
        let mut place = Place { bodies: self, kind, most, whose: Some(whose), taken: None };
        let mut wrong = None;
        // Of a form or JSON without a length it shows later whether it is large.
        let is_large = declared.map_or(kind == Kind::Files, |length| length > SMALL);
        if is_large && let Err(why) = place.admit().await {
            if waits {
                return Err(why);
            }
            wrong = Some(why);
        }
        let reading = async {
            if wrong.is_none() {
                match keep(&mut body, limit, &mut place).await {
                    Ok(kept) => return Ok(kept),
                    Err(why) => wrong = Some(why),
                }
            }
            place.taken = None;
            throw_away(&mut body).await;
            Err(())
        };
        let kept = tokio::time::timeout(TIME, reading).await;
        match (wrong, kept) {
            (Some(why), _) => Err(why),
            (None, Ok(Ok(kept))) => Ok(place.held(kept)),
            (None, Ok(Err(())) | Err(_)) => Err(Unread::TooSlow),
        }
    }
}

/// Reads a body to its end, into as much room as it needs.
async fn keep<E>(
    body: &mut Body,
    limit: usize,
    place: &mut Place<'_, impl Future<Output = Result<Whose, E>>>,
) -> Result<Vec<u8>, Unread<E>> {
    let mut kept = Vec::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| Unread::Broken)?.into_data() else { continue };
        let length = kept.len().saturating_add(data.len());
        if length > limit {
            return Err(Unread::TooLarge(limit));
        }
        if length > SMALL {
            place.grow(&mut kept, length).await?;
        }
        kept.extend_from_slice(&data);
    }
    Ok(kept)
}

async fn throw_away(body: &mut Body) {
    let mut length = 0_usize;
    while length <= THROWN_AWAY
        && let Some(Ok(frame)) = body.frame().await
    {
        length = length.saturating_add(frame.data_ref().map_or(0, Bytes::len));
    }
}

/// A body's place among all that are being read.
struct Place<'a, F> {
    bodies: &'a Bodies,
    kind: Kind,
    /// How much it may come to.
    most: usize,
    /// Asked once.
    whose: Option<F>,
    taken: Option<Taken<'a>>,
}

/// What a body has taken of a room.
struct Taken<'a> {
    room: &'a Room,
    permit: OwnedSemaphorePermit,
}

impl<E, F: Future<Output = Result<Whose, E>>> Place<'_, F> {
    /// Asks whose it is, unless that is known, and goes to the room for it. A file of somebody who may bring one waits
    /// there for as much as it needs, so that two that are half read never wait for each other.
    async fn admit(&mut self) -> Result<(), Unread<E>> {
        let Some(whose) = self.whose.take() else { return Ok(()) };
        let whose = whose.await.map_err(Unread::Refused)?;
        let (room, at_once) = match (whose, self.kind) {
            (Whose::Stranger, _) => (&self.bodies.strangers, 0),
            (Whose::Known, Kind::Plain) => (&self.bodies.known, 0),
            (Whose::Known, Kind::Files) => (&self.bodies.files, self.most),
        };
        let places = Arc::clone(&room.places).acquire_many_owned(room.of(at_once));
        match tokio::time::timeout(TIME, places).await {
            Ok(Ok(permit)) => self.taken = Some(Taken { room, permit }),
            Ok(Err(_)) | Err(_) => return Err(Unread::NoRoom),
        }
        Ok(())
    }

    /// Room for so many bytes: twice as much as before, but no more than the body may come to.
    async fn grow(&mut self, kept: &mut Vec<u8>, length: usize) -> Result<(), Unread<E>> {
        self.admit().await?;
        let capacity = if length <= kept.capacity() {
            kept.capacity()
        } else {
            length.max(self.most.min(kept.capacity().saturating_mul(2)))
        };
        self.taken.as_mut().and_then(|taken| taken.grow(capacity)).ok_or(Unread::NoRoom)?;
        kept.reserve_exact(capacity.saturating_sub(kept.len()));
        Ok(())
    }

    /// What was read, with its room.
    fn held(self, kept: Vec<u8>) -> Bytes {
        match self.taken {
            None => kept.into(),
            Some(taken) => Bytes::from_owner(Held { kept, _room: taken.permit }),
        }
    }
}

impl Taken<'_> {
    /// Takes what it lacks for so many bytes; none: there is not so much. Nobody waits here: all might, for each other.
    fn grow(&mut self, bytes: usize) -> Option<()> {
        let held = u32::try_from(self.permit.num_permits()).unwrap_or(u32::MAX);
        let more = self.room.of(bytes).saturating_sub(held);
        let more = Arc::clone(&self.room.places).try_acquire_many_owned(more).ok()?;
        self.permit.merge(more);
        Some(())
    }
}

/// A body with its room.
struct Held {
    kept: Vec<u8>,
    _room: OwnedSemaphorePermit,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.kept
    }
}

/// So many bytes, in places.
struct Room {
    places: Arc<Semaphore>,
    all: u32,
}

impl Room {
    fn new(bytes: usize) -> Self {
        let most = u32::try_from(Semaphore::MAX_PERMITS).unwrap_or(u32::MAX);
        let all = u32::try_from(bytes / PLACE).unwrap_or(most).clamp(1, most);
        Self { places: Arc::new(Semaphore::new(usize::try_from(all).unwrap_or(1))), all }
    }

    /// The places of so many bytes. One alone that is larger than the room has all of it.
    fn of(&self, bytes: usize) -> u32 {
        u32::try_from(bytes.div_ceil(PLACE)).unwrap_or(u32::MAX).min(self.all)
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::future::{pending, ready};

    use futures_util::stream::{self, StreamExt};

    use super::*;

    const KNOWN: Result<Whose, Infallible> = Ok(Whose::Known);
    const STRANGER: Result<Whose, Infallible> = Ok(Whose::Stranger);

    /// Room for 64 kB of each kind.
    fn bodies() -> Bodies {
        let all = 64 * 1024;
        Bodies::new(&Limits { body: all, upload: all, uploads: all, bodies: all, ..Limits::default() })
    }

    fn length(bytes: usize) -> HeaderMap {
        HeaderMap::from_iter([(header::CONTENT_LENGTH, bytes.into())])
    }

    /// So many bytes, in pieces of 1,000.
    fn body(bytes: usize) -> Body {
        let pieces = (0..bytes.div_ceil(1000)).map(move |n| vec![b'x'; 1000.min(bytes - 1000 * n)]);
        Body::from_stream(stream::iter(pieces.map(Ok::<_, Infallible>)))
    }

    fn free(room: &Room) -> usize {
        room.places.available_permits()
    }

    #[tokio::test]
    async fn a_small_body_needs_no_room_and_nobody_asks_whose_it_is() {
        let bodies = bodies();
        for headers in [length(SMALL), HeaderMap::new()] {
            let whose = pending::<Result<Whose, Infallible>>();
            let read = bodies.read(&headers, body(SMALL), Kind::Plain, whose).await.unwrap();
            assert_eq!((read.len(), free(&bodies.known), free(&bodies.strangers)), (SMALL, 64, 64));
        }
    }

    #[tokio::test]
    async fn a_large_body_has_its_room_until_the_last_of_its_bytes_goes() {
        let bodies = bodies();
        for headers in [length(40_000), HeaderMap::new()] {
            for (whose, kind, room) in [
                (KNOWN, Kind::Plain, &bodies.known),
                (KNOWN, Kind::Files, &bodies.files),
                (STRANGER, Kind::Plain, &bodies.strangers),
                (STRANGER, Kind::Files, &bodies.strangers),
            ] {
                let read = bodies.read(&headers, body(40_000), kind, ready(whose)).await.unwrap();
                assert_eq!(read, vec![b'x'; 40_000]);
                let held = 64 - free(room);
                assert!(held == 40 || headers.is_empty() && (40..=64).contains(&held), "{held}");
                let part = read.slice(..10);
                drop(read);
                assert_eq!(64 - free(room), held, "{kind:?}");
                drop(part);
                let all = [&bodies.known, &bodies.files, &bodies.strangers];
                assert_eq!(all.map(free), [64; 3], "{kind:?}");
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_finds_no_room_is_told_so_and_a_file_waits_for_it() {
        let bodies = bodies();
        let none = HeaderMap::new();
        let held = |kind, whose| bodies.read(&none, body(60_000), kind, ready(whose));
        for whose in [KNOWN, STRANGER] {
            let first = held(Kind::Plain, whose).await.unwrap();
            assert_eq!(held(Kind::Plain, whose).await, Err(Unread::NoRoom));
            drop(first);
            held(Kind::Plain, whose).await.unwrap();
        }
        let first = held(Kind::Files, KNOWN).await.unwrap();
        assert_eq!(held(Kind::Files, KNOWN).await, Err(Unread::NoRoom), "it waits, and not for ever");
        let (second, ()) = tokio::join!(held(Kind::Files, KNOWN), async { drop(first) });
        second.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_refused_is_thrown_away_and_takes_no_room() {
        let bodies = bodies();
        let refused = || ready(Err::<Whose, _>("nobody"));
        for headers in [length(60_000), HeaderMap::new()] {
            let slow = Body::from_stream(body(60_000).into_data_stream().chain(stream::pending()));
            let read = bodies.read(&headers, slow, Kind::Plain, refused()).await;
            assert_eq!(read, Err(Unread::Refused("nobody")));
        }
        let read = bodies.read(&length(70_000), body(70_000), Kind::Plain, ready(KNOWN)).await;
        assert_eq!(read, Err(Unread::TooLarge(65_536)));
        let slow = Body::from_stream(body(60_000).into_data_stream().chain(stream::pending()));
        assert_eq!(bodies.read(&length(65_000), slow, Kind::Plain, ready(KNOWN)).await, Err(Unread::TooSlow));
        assert_eq!([&bodies.known, &bodies.files, &bodies.strangers].map(free), [64; 3]);
    }
}
