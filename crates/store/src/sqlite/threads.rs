//! Threads and the lists of them as everybody is to see them: the file's tables, which lag behind what was committed, and
//! over them what is in memory ([`Lagging`]).

use baton_rules::{ThreadKey, Timestamp};
use rusqlite::{Connection, Row, params};

use super::lagging::{Changed, Lagging, Place};
use super::read::{all, at_most};
use super::trouble::Trouble;
use crate::rows::{damaged, decode_thread, thread_key, thread_text};
use crate::{Listed, Position, Remembered, StoreError, Stream, stream_of};

/// A thread as everybody is to see it.
pub(super) fn thread(
    db: &Connection,
    lagging: &Lagging,
    stream: Stream,
    key: &ThreadKey,
) -> Result<Option<Remembered>, Trouble> {
    let text = thread_text(key);
    // Memory first: what is not there is in the table, and stays there.
    let changed = lagging.read().get(stream, &text).cloned();
    match changed {
        Some(changed) => Ok(Some(remembered(&changed, &text)?)),
        None => in_table(db, stream, &text),
    }
}

pub(super) fn in_table(db: &Connection, stream: Stream, text: &str) -> Result<Option<Remembered>, Trouble> {
    let sql = "SELECT last, last_message_at, state FROM threads WHERE stream = ?1 AND thread = ?2";
    let mut statement = db.prepare_cached(sql)?;
    let mut rows = statement.query(params![stream.0, text])?;
    let make = |row: &Row<'_>| -> Result<Remembered, Trouble> {
        let (last, at) = (Position(row.get(0)?), Timestamp(row.get(1)?));
        let state = row.get_ref(2)?.as_blob().unwrap_or_default();
        Ok(decoded(last, at, state, text)?)
    };
    rows.next()?.map(make).transpose()
}

pub(super) fn remembered(changed: &Changed, text: &str) -> Result<Remembered, StoreError> {
    decoded(changed.last, changed.at, &changed.state, text)
}

fn decoded(
    last: Position,
    last_message_at: Timestamp,
    state: &[u8],
    text: &str,
) -> Result<Remembered, StoreError> {
    let thread = decode_thread(state).map_err(|wrong| damaged("threads", "state", text, wrong))?;
    Ok(Remembered { thread, last, last_message_at })
}

/// A page's threads, the newest first, after one.
pub(super) fn list(
    db: &Connection,
    lagging: &Lagging,
    streams: u16,
    side: u64,
    after: Option<(Timestamp, ThreadKey)>,
    limit: usize,
) -> Result<Vec<Listed>, Trouble> {
    let before = after.map(|(at, key)| {
        let stream = stream_of(&key, streams);
        Place { side, at, thread: thread_text(&key).into(), stream }
    });
    loop {
        let epoch = lagging.read().epoch;
        // Everything in one transaction: the file as it stands at one moment.
        let tx = db.unchecked_transaction()?;
        tx.prepare_cached("SELECT 1 FROM streams LIMIT 1")?.exists([])?;
        let mut looking = Looking { db, lagging, streams, side, limit, epoch, found: Vec::new() };
        if let Some(listed) = looking.look(before.as_ref())? {
            return Ok(listed);
        }
    }
}

/// A look at a list: the file's at one moment, and over it what lags.
struct Looking<'a> {
    db: &'a Connection,
    lagging: &'a Lagging,
    streams: u16,
    side: u64,
    limit: usize,
    /// While this stays, the file differs from the truth only in threads that are in memory; and what came into memory
    /// stays there.
    epoch: u64,
    /// Places in the file's list of threads that were not in memory.
    found: Vec<Place>,
}

impl Looking<'_> {
    /// What the list has there; none if a generation changed meanwhile, and it must begin anew.
    fn look(&mut self, before: Option<&Place>) -> Result<Option<Vec<Listed>>, Trouble> {
        let mut chunk = self.limit.clamp(64, 1024);
        let mut looked_up_to = before.cloned();
        loop {
            let more = self.places(looked_up_to.as_ref(), chunk)?;
            let is_all = more.len() < chunk;
            if let Some(last) = more.last() {
                looked_up_to = Some(last.clone());
            }
            self.found.extend(more);
            let generations = self.lagging.read();
            if generations.epoch != self.epoch {
                return Ok(None);
            }
            self.found.retain(|place| generations.get(place.stream, &place.thread).is_none());
            let mut places = generations.newest(self.side, before, self.limit);
            places.extend(self.found.iter().take(self.limit).cloned());
            places.sort_unstable_by(|one, other| other.cmp(one));
            places.truncate(self.limit);
            // What the file has further down is of no interest once the list is full above it.
            let is_full = places.len() == self.limit && places.last() >= looked_up_to.as_ref();
            if is_all || is_full {
                let changed: Vec<_> = places
                    .into_iter()
                    .map(|place| {
                        let changed = generations.get(place.stream, &place.thread).cloned();
                        (place, changed)
                    })
                    .collect();
                drop(generations);
                return changed
                    .into_iter()
                    .map(|(place, changed)| self.listed(&place, changed))
                    .collect::<Result<_, _>>()
                    .map(Some);
            }
            drop(generations);
            chunk = (chunk * 2).min(1024);
        }
    }

    /// The file's list, after a place.
    fn places(&self, after: Option<&Place>, most: usize) -> Result<Vec<Place>, Trouble> {
        let newest = "SELECT at, thread FROM newest WHERE side = ?1 ORDER BY at DESC, thread DESC LIMIT ?2";
        let older = "SELECT at, thread FROM newest WHERE side = ?1 AND (at, thread) < (?3, ?4)
                     ORDER BY at DESC, thread DESC LIMIT ?2";
        let make = |row: &Row<'_>| {
            let text = row.get_ref(1)?.as_str().unwrap_or_default();
            let key = thread_key(text).map_err(|wrong| damaged("newest", "thread", text, wrong))?;
            let stream = stream_of(&key, self.streams);
            Ok(Place { side: self.side, at: Timestamp(row.get(0)?), thread: text.into(), stream })
        };
        match after {
            None => all(self.db, newest, params![self.side, at_most(most)], make),
            Some(Place { at, thread, .. }) => {
                all(self.db, older, params![self.side, at_most(most), at.0, thread], make)
            }
        }
    }

    fn listed(&self, place: &Place, changed: Option<Changed>) -> Result<Listed, Trouble> {
        let text = &place.thread;
        let key = thread_key(text).map_err(|wrong| damaged("newest", "thread", text, wrong))?;
        let remembered = match changed {
            Some(changed) => remembered(&changed, text)?,
            None => {
                let kept =
                    in_table(self.db, place.stream, text)?.filter(|kept| kept.last_message_at == place.at);
                kept.ok_or_else(|| damaged("newest", "at", text, "is not what the table of threads says"))?
            }
        };
        Ok(Listed { key, remembered })
    }
}
