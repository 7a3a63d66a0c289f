//! Threads that changed and are not in their tables yet, in memory: what everybody overlays the tables with. One
//! generation takes changes; the one before it is being folded and does not change any more. Nothing here reads or
//! writes a file.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use baton_rules::Timestamp;

use crate::{Position, Stream};

/// A place in the lists, which are in this order.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    /// The page's side.
    pub(super) side: u64,
    /// When the last message was.
    pub(super) at: Timestamp,
    pub(super) thread: Arc<str>,
    pub(super) stream: Stream,
}

/// A thread as it is to be in the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Changed {
    /// Its page's side.
    pub(super) side: u64,
    /// Its last row.
    pub(super) last: Position,
    /// When its last message was.
    pub(super) at: Timestamp,
    /// Where the list in the file has it, once everything older is folded; none where it is new.
    pub(super) listed: Option<Timestamp>,
    /// Its state, as it is written.
    pub(super) state: Box<[u8]>,
}

/// Changed threads, in each order in which they are folded.
#[derive(Debug, Default)]
pub(super) struct Generation {
    /// By stream and key.
    threads: Vec<BTreeMap<Arc<str>, Changed>>,
    /// All of them, where they stand in the lists.
    arrivals: BTreeSet<Place>,
    /// The places in the file's lists that they leave.
    leavings: BTreeSet<Place>,
    /// How often one of them changed.
    pub(super) changes: usize,
    /// The last row of the log with a change of one of them.
    pub(super) up_to: u64,
}

impl Generation {
    pub(super) fn get(&self, stream: Stream, thread: &str) -> Option<&Changed> {
        self.threads.get(usize::from(stream.0))?.get(thread)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.arrivals.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.arrivals.len()
    }

    /// Takes a thread's next state. Where the file lists it is the same for all its states of a generation.
    pub(super) fn put(&mut self, stream: Stream, thread: &Arc<str>, changed: Changed) {
        let index = usize::from(stream.0);
        if self.threads.len() <= index {
            self.threads.resize_with(index + 1, BTreeMap::new);
        }
        let Some(threads) = self.threads.get_mut(index) else { return };
        let Changed { side, at, listed, .. } = changed;
        let place = |at| Place { side, at, thread: Arc::clone(thread), stream };
        match threads.entry(Arc::clone(thread)) {
            Entry::Occupied(mut before) => {
                let before = before.insert(changed);
                self.arrivals.remove(&place(before.at));
            }
            Entry::Vacant(new) => {
                new.insert(changed);
            }
        }
        if let Some(listed) = listed {
            if listed == at {
                self.leavings.remove(&place(listed));
            } else {
                self.leavings.insert(place(listed));
            }
        }
        self.arrivals.insert(place(at));
        self.changes += 1;
    }

    /// Threads in the order of the table, after one.
    pub(super) fn threads_after(
        &self,
        after: Option<&(Stream, Arc<str>)>,
    ) -> impl Iterator<Item = (Stream, &Arc<str>, &Changed)> {
        let (first, begin) = match after {
            Some((stream, thread)) => (*stream, Bound::Excluded(&**thread)),
            None => (Stream(0), Bound::Unbounded),
        };
        let streams = (0..).map(Stream).zip(&self.threads).skip(usize::from(first.0));
        streams.flat_map(move |(stream, threads)| {
            let begin = if stream == first { begin } else { Bound::Unbounded };
            threads
                .range::<str, _>((begin, Bound::Unbounded))
                .map(move |(thread, changed)| (stream, thread, changed))
        })
    }

    /// Places that are left, in order, after one.
    pub(super) fn leavings_after(&self, after: Option<&Place>) -> impl Iterator<Item = &Place> {
        self.leavings.range(beyond(after))
    }

    /// Places that are taken, in order, after one.
    pub(super) fn arrivals_after(&self, after: Option<&Place>) -> impl Iterator<Item = &Place> {
        self.arrivals.range(beyond(after))
    }

    /// Frees some of what it holds, of each kind as many: to free it all at once would take a while.
    pub(super) fn drain(&mut self, most: usize) {
        // There are as many arrivals as threads, and no more leavings.
        for _ in 0..most.min(self.arrivals.len()) {
            self.arrivals.pop_first();
            self.leavings.pop_first();
            while self.threads.last().is_some_and(BTreeMap::is_empty) {
                self.threads.pop();
            }
            self.threads.last_mut().and_then(BTreeMap::pop_first);
        }
    }
}

fn beyond(after: Option<&Place>) -> (Bound<&Place>, Bound<&Place>) {
    (after.map_or(Bound::Unbounded, Bound::Excluded), Bound::Unbounded)
}

/// What the writer shares with whoever looks.
#[derive(Debug, Default)]
pub(super) struct Lagging(RwLock<Generations>);

/// The generations at a moment.
#[derive(Debug, Default)]
pub(super) struct Generations {
    /// How often a generation was frozen or had been folded: while it stays, whatever changes in the file's tables is of
    /// threads that are here.
    pub(super) epoch: u64,
    pub(super) active: Generation,
    pub(super) frozen: Option<Generation>,
}

impl Generations {
    /// A thread, if the table lags behind in it.
    pub(super) fn get(&self, stream: Stream, thread: &str) -> Option<&Changed> {
        self.active.get(stream, thread).or_else(|| self.frozen.as_ref()?.get(stream, thread))
    }

    /// The first places of a side before one, the newest first.
    pub(super) fn newest(&self, side: u64, before: Option<&Place>, most: usize) -> Vec<Place> {
        let end = |side| Place { side, at: Timestamp(i64::MIN), thread: Arc::from(""), stream: Stream(0) };
        let (begin, beyond) = (end(side), end(side + 1));
        let range = (Bound::Included(&begin), Bound::Excluded(before.unwrap_or(&beyond)));
        let mut places: Vec<Place> = self.active.arrivals.range(range).rev().take(most).cloned().collect();
        if let Some(frozen) = &self.frozen {
            // What is older than all that was found is not looked at: most of it changed again.
            let enough = (places.len() == most).then(|| places.last().cloned()).flatten();
            let older = frozen.arrivals.range(range).rev();
            let newer = older.take_while(|place| enough.as_ref().is_none_or(|last| *place > last));
            let unchanged = newer.filter(|place| self.active.get(place.stream, &place.thread).is_none());
            places.extend(unchanged.take(most).cloned());
            places.sort_unstable_by(|one, other| other.cmp(one));
            places.truncate(most);
        }
        places
    }
}

impl Lagging {
    pub(super) fn new(active: Generation, frozen: Option<Generation>) -> Self {
        Self(RwLock::new(Generations { epoch: 0, active, frozen }))
    }

    pub(super) fn read(&self) -> RwLockReadGuard<'_, Generations> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn change<T>(&self, change: impl FnOnce(&mut Generations) -> T) -> T {
        change(&mut self.0.write().unwrap_or_else(PoisonError::into_inner))
    }
}
