//! The table of threads and the list of each page lag behind what was committed: a commit writes the threads that it
//! changed as one row of a log, and so a few bytes of each and not the pages that have it. They stay in memory
//! ([`Lagging`]) until they are folded into both tables: a slice of each in its own order with some of the commits, so
//! that threads that are neighbours in the file are written together. Why: `docs/decisions/0011-threads-lag.md`.

use std::collections::HashMap;
use std::sync::Arc;

use baton_rules::{ThreadKey, Timestamp};
use rusqlite::{Connection, OptionalExtension, params};

use super::lagging::{Changed, Generation, Generations, Lagging, Place};
use super::threads::{in_table, remembered, thread};
use super::trouble::Trouble;
use crate::rows::{
    ChangedThread, damaged, decode_changes, encode_changes, encode_thread, side, thread_key, thread_text,
};
use crate::{Found, Position, Remembered, Stream, stream_of};

/// So many slices are folded, at most, while as many changes come as make a generation.
const SLICES: usize = 256;

/// How much of each kind is folded at once when the store closes.
const AT_THE_END: usize = 8192;

/// The writer's side: what it changes, its log, and the folding.
pub(super) struct Threads {
    lagging: Arc<Lagging>,
    /// Changes that make a generation.
    most: usize,
    /// What the open transaction changed.
    pending: HashMap<Arc<str>, (Stream, Changed)>,
    /// Counts what any transaction changed.
    changes: u64,
    /// The number of the log's next row.
    next: u64,
    /// The first row of the log that is there, if there is one.
    first: u64,
    /// Changes since the last slice.
    since: usize,
    /// How far the frozen generation is folded.
    folded: Folded,
    /// A generation that is folded, until its memory is freed and its rows of the log are gone.
    spent: Option<Spent>,
    /// What the open transaction does about either.
    step: Option<Step>,
}

/// How far a generation is folded: up to where, in each order.
#[derive(Clone, Debug, Default)]
struct Folded {
    /// The database says which rows of the log it is in.
    is_noted: bool,
    thread: Option<(Stream, Arc<str>)>,
    leaving: Option<Place>,
    arrival: Option<Place>,
    is_whole: bool,
}

/// What is left of a generation.
struct Spent {
    generation: Generation,
    /// How much of it goes with a slice: places, and rows of the log.
    places: usize,
    rows: u64,
}

enum Step {
    Folded(Folded),
    /// Slices of the log are forgotten, and it begins with this row.
    Forgotten(usize, u64),
}

impl Threads {
    /// Reads the log: what the tables lag behind.
    pub(super) fn load(db: &Connection, streams: u16, most: u32) -> Result<Self, Trouble> {
        let sql = "SELECT value FROM meta WHERE name = 'folding'";
        let folding: u64 = db.query_row(sql, [], |row| row.get(0)).optional()?.unwrap_or(0);
        let (mut frozen, mut active) = (Generation::default(), Generation::default());
        let (mut first, mut next) = (None, folding + 1);
        let mut statement = db.prepare("SELECT number, changes FROM thread_log ORDER BY number")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let number: u64 = row.get(0)?;
            // The first one may be of what was folded and not forgotten yet.
            if number > next || first.is_some() && number != next {
                return Err(damaged("thread_log", "number", number, "is not the next one").into());
            }
            let wrong = |wrong| damaged("thread_log", "changes", number, wrong);
            let changes = row.get_ref(1)?.as_blob().unwrap_or_default();
            let generation = if number <= folding { &mut frozen } else { &mut active };
            for change in decode_changes(changes).map_err(wrong)? {
                let key = thread_key(change.thread).map_err(wrong)?;
                let stream = stream_of(&key, streams);
                generation.put(stream, &change.thread.into(), changed(&key, &change));
            }
            generation.up_to = number;
            first.get_or_insert(number);
            next = number + 1;
        }
        let frozen = (!frozen.is_empty()).then_some(frozen);
        let next = next.max(folding + 1);
        Ok(Self {
            lagging: Arc::new(Lagging::new(active, frozen)),
            most: usize::try_from(most.max(1)).unwrap_or(usize::MAX),
            pending: HashMap::new(),
            changes: 0,
            next,
            first: first.unwrap_or(next),
            since: 0,
            folded: Folded::default(),
            spent: None,
            step: None,
        })
    }

    /// What the tables lag behind, for whoever looks.
    pub(super) fn lagging(&self) -> Arc<Lagging> {
        Arc::clone(&self.lagging)
    }

    /// A thread as the open transaction has it.
    pub(super) fn find(
        &self,
        db: &Connection,
        stream: Stream,
        key: &ThreadKey,
    ) -> Result<Option<Remembered>, Trouble> {
        if !self.pending.is_empty() {
            let text = thread_text(key);
            if let Some((_, changed)) = self.pending.get(&*text) {
                return Ok(Some(remembered(changed, &text)?));
            }
        }
        thread(db, &self.lagging, stream, key)
    }

    /// Takes threads as a batch leaves them; where that fails, nothing of it.
    pub(super) fn change(
        &mut self,
        db: &Connection,
        stream: Stream,
        threads: &[(ThreadKey, Remembered)],
        found: &Found,
    ) -> Result<(), Trouble> {
        let mut changes = Vec::with_capacity(threads.len());
        for (key, Remembered { thread, last, last_message_at }) in threads {
            let text = thread_text(key);
            let changed = Changed {
                side: side(key.page, key.surface),
                last: *last,
                at: *last_message_at,
                listed: self.listed(db, stream, &text, found.threads.get(key))?,
                state: encode_thread(thread)?.into(),
            };
            changes.push((Arc::from(text), (stream, changed)));
        }
        self.changes += changes.len() as u64;
        self.pending.extend(changes);
        Ok(())
    }

    /// Counts what any transaction changed and did not write yet.
    pub(super) fn changes(&self) -> u64 {
        self.changes
    }

    /// Where the file's list will have a thread once everything older is folded.
    fn listed(
        &self,
        db: &Connection,
        stream: Stream,
        text: &str,
        before: Option<&Remembered>,
    ) -> Result<Option<Timestamp>, Trouble> {
        if let Some((_, changed)) = self.pending.get(text) {
            return Ok(changed.listed);
        }
        let Generations { active, frozen, .. } = &*self.lagging.read();
        if let Some(changed) = active.get(stream, text) {
            return Ok(changed.listed);
        }
        if let Some(changed) = frozen.as_ref().and_then(|frozen| frozen.get(stream, text)) {
            return Ok(Some(changed.at));
        }
        match before {
            Some(before) => Ok(Some(before.last_message_at)),
            None => Ok(in_table(db, stream, text)?.map(|kept| kept.last_message_at)),
        }
    }

    /// Writes what the transaction changed, and, when that is due, a slice of what changed before.
    pub(super) fn write(&mut self, db: &Connection) -> Result<(), Trouble> {
        if self.pending.is_empty() {
            return Ok(());
        }
        let changes = self.pending.iter().map(|(thread, (_, changed))| ChangedThread {
            thread,
            last: changed.last.0,
            at: changed.at.0,
            listed: changed.listed.map(|at| at.0),
            state: &changed.state,
        });
        let sql = "INSERT INTO thread_log (number, changes) VALUES (?1, ?2)";
        db.prepare_cached(sql)?.execute(params![self.next, encode_changes(changes)?])?;
        match (self.since + self.pending.len()) / self.every() {
            0 => Ok(()),
            slices => self.fold(db, slices),
        }
    }

    /// Changes from one slice to the next.
    fn every(&self) -> usize {
        (self.most / SLICES).max(1)
    }

    /// Slices in which a generation is folded, and in which it is forgotten then: the rest of the time is to spare.
    fn slices(&self) -> (usize, usize) {
        let all = self.most / self.every();
        ((all * 3 / 4).max(1), (all / 8).max(1))
    }

    fn fold(&mut self, db: &Connection, slices: usize) -> Result<(), Trouble> {
        self.step = if let Some(spent) = &self.spent {
            let rows = spent.rows.saturating_mul(slices as u64);
            Some(Step::Forgotten(slices, self.forget(db, spent.generation.up_to, rows)?))
        } else if let Some(frozen) = &self.lagging.read().frozen {
            let most = frozen.len().saturating_mul(slices).div_ceil(self.slices().0);
            Some(Step::Folded(fold(db, frozen, &self.folded, most)?))
        } else {
            None
        };
        Ok(())
    }

    /// Deletes rows of the log, up to one; returns which is first then.
    fn forget(&self, db: &Connection, up_to: u64, most: u64) -> Result<u64, Trouble> {
        let first = self.first.saturating_add(most).min(up_to + 1);
        db.prepare_cached("DELETE FROM thread_log WHERE number < ?1")?.execute([first])?;
        Ok(first)
    }

    /// The open transaction is on the disk: everybody may see what it changed.
    pub(super) fn publish(&mut self) {
        if !self.pending.is_empty() {
            self.since += self.pending.len();
            let (pending, number) = (std::mem::take(&mut self.pending), self.next);
            self.next += 1;
            self.lagging.change(|generations| {
                generations.active.up_to = number;
                for (thread, (stream, changed)) in pending {
                    generations.active.put(stream, &thread, changed);
                }
            });
        }
        match self.step.take() {
            None => {}
            Some(Step::Folded(folded)) => {
                self.since %= self.every();
                self.folded = folded;
                if self.folded.is_whole {
                    self.spend();
                }
            }
            Some(Step::Forgotten(slices, first)) => {
                self.since %= self.every();
                self.first = first;
                if let Some(spent) = &mut self.spent {
                    spent.generation.drain(spent.places.saturating_mul(slices));
                    if spent.generation.is_empty() && first > spent.generation.up_to {
                        self.spent = None;
                    }
                }
            }
        }
        if self.lagging.read().active.changes >= self.most {
            self.freeze();
        }
    }

    /// The tables have all of the frozen generation.
    fn spend(&mut self) {
        let Some(generation) = self.lagging.change(|generations| {
            generations.epoch += 1;
            generations.frozen.take()
        }) else {
            return;
        };
        let slices = self.slices().1;
        let rows = (generation.up_to + 1).saturating_sub(self.first).div_ceil(slices as u64);
        self.spent = Some(Spent { places: generation.len().div_ceil(slices), rows, generation });
    }

    /// Begins a new generation, unless there is still one before it.
    fn freeze(&mut self) {
        if self.spent.is_some() {
            return;
        }
        let is_frozen = self.lagging.change(|generations| {
            let can = generations.frozen.is_none();
            if can {
                generations.epoch += 1;
                generations.frozen = Some(std::mem::take(&mut generations.active));
            }
            can
        });
        if is_frozen {
            (self.folded, self.since) = (Folded::default(), 0);
        }
    }

    /// The open transaction failed.
    pub(super) fn undo(&mut self) {
        self.pending.clear();
        self.step = None;
    }

    /// Folds all there is, in transactions of its own: the tables of a database that was closed lag behind nothing.
    pub(super) fn fold_all(&mut self, db: &Connection) -> Result<(), Trouble> {
        loop {
            let is_frozen = self.lagging.read().frozen.is_some();
            if !is_frozen && self.spent.is_none() {
                if self.lagging.read().active.is_empty() {
                    return Ok(());
                }
                self.freeze();
            }
            db.execute_batch("BEGIN IMMEDIATE")?;
            let step = match (&self.spent, &self.lagging.read().frozen) {
                (Some(spent), _) => {
                    Step::Forgotten(usize::MAX, self.forget(db, spent.generation.up_to, u64::MAX)?)
                }
                (None, Some(frozen)) => Step::Folded(fold(db, frozen, &self.folded, AT_THE_END)?),
                (None, None) => Step::Folded(Folded::default()),
            };
            self.step = Some(step);
            db.execute_batch("COMMIT")?;
            self.publish();
        }
    }
}

/// Folds some of a generation: so much of each kind, in the order of each. What was folded before a crash and is not known
/// to be is folded once more, which changes nothing.
fn fold(db: &Connection, frozen: &Generation, from: &Folded, most: usize) -> Result<Folded, Trouble> {
    let mut folded = Folded { is_noted: true, is_whole: true, ..from.clone() };
    if !from.is_noted {
        let sql = "INSERT OR REPLACE INTO meta (name, value) VALUES ('folding', ?1)";
        db.prepare_cached(sql)?.execute([frozen.up_to])?;
    }
    let mut statement = db.prepare_cached(
        "INSERT INTO threads (stream, thread, last, last_message_at, state) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (stream, thread) DO UPDATE SET
             last = excluded.last, last_message_at = excluded.last_message_at, state = excluded.state",
    )?;
    let mut done = 0;
    for (stream, thread, changed) in frozen.threads_after(from.thread.as_ref()).take(most) {
        statement.execute(params![stream.0, thread, changed.last.0, changed.at.0, changed.state])?;
        folded.thread = Some((stream, Arc::clone(thread)));
        done += 1;
    }
    folded.is_whole &= done < most;

    let mut statement =
        db.prepare_cached("DELETE FROM newest WHERE side = ?1 AND at = ?2 AND thread = ?3")?;
    done = 0;
    for place in frozen.leavings_after(from.leaving.as_ref()).take(most) {
        statement.execute(params![place.side, place.at.0, place.thread])?;
        folded.leaving = Some(place.clone());
        done += 1;
    }
    folded.is_whole &= done < most;

    let mut statement = db
        .prepare_cached("INSERT INTO newest (side, at, thread) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING")?;
    done = 0;
    for place in frozen.arrivals_after(from.arrival.as_ref()).take(most) {
        statement.execute(params![place.side, place.at.0, place.thread])?;
        folded.arrival = Some(place.clone());
        done += 1;
    }
    folded.is_whole &= done < most;
    Ok(folded)
}

fn changed(key: &ThreadKey, change: &ChangedThread<'_>) -> Changed {
    Changed {
        side: side(key.page, key.surface),
        last: Position(change.last),
        at: Timestamp(change.at),
        listed: change.listed.map(Timestamp),
        state: change.state.into(),
    }
}
