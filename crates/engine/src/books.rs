//! What is known of a delivery while it runs, for its task and for whoever asks: how each event stands, and what is
//! not recorded yet.

use std::collections::VecDeque;
use std::sync::Arc;

use baton_rules::Timestamp;
use baton_store::Round;

use crate::lanes::Lanes;

/// Answers whose time is remembered.
const TIMED: usize = 256;

/// What a delivery knows.
#[derive(Default)]
pub(crate) struct Books {
    /// None before it is read, and when it stops.
    pub(crate) lanes: Option<Lanes>,
    pub(crate) unsettled: Unsettled,
    took_ms: VecDeque<u32>,
}

impl Books {
    /// An answer took so long.
    pub(crate) fn took(&mut self, ms: u32) {
        if self.took_ms.len() == TIMED {
            self.took_ms.pop_front();
        }
        self.took_ms.push_back(ms);
    }

    /// The time within which so many of a hundred of the last answers came.
    pub(crate) fn percentile_ms(&self, of_hundred: usize) -> Option<u32> {
        let mut sorted: Vec<u32> = self.took_ms.iter().copied().collect();
        sorted.sort_unstable();
        sorted.get((sorted.len() * of_hundred / 100).min(sorted.len().saturating_sub(1))).copied()
    }
}

/// Rounds are recorded one after another, and what was not recorded comes before what is newer: a cursor
/// that is recorded without the parked conversation it passed would lose that conversation.
#[derive(Default)]
pub(crate) struct Unsettled {
    pub(crate) round: Option<Round>,
    pub(crate) under_way: Option<Arc<Round>>,
    /// How the app does has changed.
    pub(crate) health: bool,
    /// Not before this: the store could not.
    pub(crate) again: Option<Timestamp>,
}

impl Unsettled {
    /// Something more to record.
    pub(crate) fn add(&mut self, newer: Round) {
        self.round = Some(match self.round.take() {
            Some(older) => joined(older, newer),
            None => newer,
        });
    }

    /// What was under way was not recorded.
    pub(crate) fn put_back(&mut self) {
        let Some(older) = self.under_way.take() else { return };
        // How the app does is told anew.
        self.health |= !older.health.is_empty();
        let older = Round { health: Vec::new(), ..Round::clone(&older) };
        self.round = Some(match self.round.take() {
            Some(newer) => joined(older, newer),
            None => older,
        });
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.round.is_none() && self.under_way.is_none() && !self.health
    }

    /// What is not recorded yet, oldest first.
    pub(crate) fn rounds(&self) -> impl Iterator<Item = &Round> {
        self.under_way.as_deref().into_iter().chain(&self.round)
    }
}

/// Two rounds as one. A store takes away what is no longer parked before it adds what is.
fn joined(mut older: Round, newer: Round) -> Round {
    for cursor in newer.cursors {
        match older.cursors.iter_mut().find(|moved| moved.stream == cursor.stream) {
            Some(moved) => *moved = cursor,
            None => older.cursors.push(cursor),
        }
    }
    for (app, stream, chain) in newer.unpark {
        older.park.retain(|parked| parked.chain != chain);
        older.unpark.push((app, stream, chain));
    }
    for parked in newer.park {
        older.park.retain(|before| before.chain != parked.chain);
        older.park.push(parked);
    }
    older.dead.extend(newer.dead);
    older.resent.extend(newer.resent);
    older.attempts.extend(newer.attempts);
    older
}
