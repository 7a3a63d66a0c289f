//! Control that lapses is written nowhere until somebody looks (decision 3): whoever watches is told when it happens all
//! the same.

use std::collections::{BTreeSet, HashMap, HashSet};

use baton_engine::{Engine, Filter, HistoryEntry};
use baton_rules::{Surface, ThreadKey, Timestamp};

/// Conversations of a page whose end of control is known from the start.
const KNOWN: usize = 1_000;

/// When control of which conversation lapses.
#[derive(Default)]
pub(super) struct Lapses {
    due: BTreeSet<(Timestamp, ThreadKey)>,
    until: HashMap<ThreadKey, Timestamp>,
    told: HashSet<(ThreadKey, Timestamp)>,
}

impl Lapses {
    /// Those of conversations that there are already.
    pub(super) async fn of(engine: &Engine) -> Self {
        let mut lapses = Self::default();
        for page in &engine.settings().pages {
            for surface in [Surface::Messenger, Surface::Instagram] {
                let threads = engine.threads(page.id, surface, &Filter::default(), None, KNOWN).await;
                for state in threads.unwrap_or_default() {
                    lapses.note(&state.key, state.seen.expires_at.map(Timestamp));
                }
            }
        }
        lapses
    }

    /// Control of a conversation lapses then, or does not.
    pub(super) fn note(&mut self, thread: &ThreadKey, until: Option<Timestamp>) {
        if let Some(before) = self.until.remove(thread) {
            self.due.remove(&(before, thread.clone()));
        }
        if let Some(until) = until {
            self.until.insert(thread.clone(), until);
            self.due.insert((until, thread.clone()));
        }
    }

    /// When the next one is.
    pub(super) fn next(&self) -> Option<Timestamp> {
        self.due.first().map(|(at, _)| *at)
    }

    /// Those that have lapsed, in their order, each told once.
    pub(super) async fn lapsed(&mut self, engine: &Engine) -> Vec<(ThreadKey, HistoryEntry)> {
        let now = engine.now();
        let mut lapsed = Vec::new();
        while let Some((at, thread)) = self.due.first().filter(|(at, _)| *at <= now).cloned() {
            self.note(&thread, None);
            let newest = engine.history(&thread, None, None, 1).await.unwrap_or_default();
            // Whoever wrote meanwhile may have changed it.
            let entry = newest.into_iter().find(|entry| entry.cause == "expiry" && entry.at == at);
            if let Some(entry) = entry.filter(|_| self.told.insert((thread.clone(), at))) {
                lapsed.push((thread, entry));
            }
        }
        lapsed
    }

    /// Whether a lapse is news: a decision that found it tells it only then.
    pub(super) fn is_news(&mut self, thread: &ThreadKey, at: Timestamp) -> bool {
        self.told.insert((thread.clone(), at))
    }
}
