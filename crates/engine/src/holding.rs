//! Which streams this node delivers, as long as that holds by its own watch. A store of one process is delivered whole
//! and for good.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use baton_store::Stream;

use crate::clock::Stopwatch;

/// What this node delivers.
pub(crate) struct Holding(Mutex<Held>);

struct Held {
    streams: Arc<BTreeSet<Stream>>,
    /// Grows with every change: who began by an older one begins nothing more.
    term: u64,
    /// Since when it holds, and for how many milliseconds; none: for good.
    until: Option<(Stopwatch, u64)>,
}

impl Held {
    fn has_run_out(&self) -> bool {
        self.until.as_ref().is_some_and(|(since, lasting_ms)| since.elapsed_ms() >= *lasting_ms)
    }
}

impl Holding {
    /// All of so many streams, for good.
    pub(crate) fn all(streams: u16) -> Self {
        let streams = Arc::new((0..streams).map(Stream).collect());
        Self(Mutex::new(Held { streams, term: 0, until: None }))
    }

    /// Nothing yet.
    pub(crate) fn nothing() -> Self {
        Self(Mutex::new(Held { streams: Arc::default(), term: 0, until: Some((Stopwatch::start(), 0)) }))
    }

    fn locked(&self) -> MutexGuard<'_, Held> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is delivered now, and the term of it; none: it has run out.
    pub(crate) fn now(&self) -> Option<(u64, Arc<BTreeSet<Stream>>)> {
        let held = self.locked();
        (!held.has_run_out()).then(|| (held.term, Arc::clone(&held.streams)))
    }

    /// Whether nothing was changed since a term began, and it still holds.
    pub(crate) fn is_term(&self, term: u64) -> bool {
        let held = self.locked();
        held.term == term && !held.has_run_out()
    }

    /// Whether a stream is delivered now.
    pub(crate) fn has(&self, stream: Stream) -> bool {
        self.now().is_some_and(|(_, streams)| streams.contains(&stream))
    }

    /// What was to be delivered last, whether or not it has run out.
    pub(crate) fn streams(&self) -> Arc<BTreeSet<Stream>> {
        Arc::clone(&self.locked().streams)
    }

    /// These are delivered from now on, for so long since a moment. Whether anything is to be begun or ended by that.
    pub(crate) fn set(&self, streams: BTreeSet<Stream>, since: Stopwatch, lasting_ms: u64) -> bool {
        let mut held = self.locked();
        let changed = *held.streams != streams;
        let goes_on = held.has_run_out();
        if changed {
            held.streams = Arc::new(streams);
            held.term += 1;
        }
        held.until = Some((since, lasting_ms));
        changed || goes_on
    }

    /// It turned out not to hold any more, whatever the watch says, which stands still in a machine that sleeps: nothing is
    /// begun until it is said anew what is held.
    pub(crate) fn end(&self) {
        self.locked().until = Some((Stopwatch::start(), 0));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(streams: &[u16]) -> BTreeSet<Stream> {
        streams.iter().copied().map(Stream).collect()
    }

    #[test]
    fn a_term_ends_with_a_change_and_when_it_runs_out() {
        let holding = Holding::all(2);
        assert!(holding.is_term(0) && holding.has(Stream(1)));
        assert!(holding.set(set(&[0]), Stopwatch::start(), 1_000_000));
        let (term, streams) = holding.now().unwrap();
        assert_eq!((holding.is_term(0), term, &*streams), (false, 1, &set(&[0])));
        assert!(!holding.set(set(&[0]), Stopwatch::start(), 0), "it is the same");
        assert!(!holding.is_term(term) && !holding.has(Stream(0)), "it has run out");
        assert_eq!(*holding.streams(), set(&[0]));
        assert!(holding.set(set(&[0]), Stopwatch::start(), 1_000_000), "what ended is to be begun again");
        assert!(holding.is_term(term));
        holding.end();
        assert!(!holding.is_term(term) && holding.set(set(&[0]), Stopwatch::start(), 1_000_000));
    }
}
