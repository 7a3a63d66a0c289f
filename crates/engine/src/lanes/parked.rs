//! Conversations that are parked: the cursor passes them, and each walks on by itself, over its own chain, until it has
//! caught up with its lane.

use std::collections::HashMap;
use std::sync::Arc;

use baton_rules::Timestamp;
use baton_store::{Chain, JournalRow, Parked, Position, Stream};

use super::{Lanes, Source, Talk};
use crate::walk::Pieces;

/// Where a parked talk stands.
pub(super) struct Walk {
    /// Everything of the conversation up to here is done.
    pub(super) done: Position,
    /// The lane has passed rows of the conversation up to here.
    pub(super) passed: Position,
    /// What is recorded as its first row that is not served.
    pub(super) recorded: Position,
    pub(super) pieces: Pieces,
}

impl Lanes {
    /// Conversations that are parked: which, and what of each waits, after the first position and up to the second.
    pub(crate) fn parked(&self) -> impl Iterator<Item = (&Chain, Position, Position)> {
        self.talks
            .iter()
            .filter_map(|(chain, talk)| talk.parked.as_ref().map(|walk| (chain, walk.done, walk.passed)))
    }

    /// Rows of a parked conversation, as asked for by [`Step::Walk`]; `until` is the step's.
    pub(crate) fn walked(
        &mut self,
        chain: &Chain,
        until: Position,
        mut rows: Vec<Arc<JournalRow>>,
        pieces: Pieces,
    ) {
        self.under_way = self.under_way.saturating_sub(1);
        let app = self.app;
        self.keep(&mut rows);
        let Some(talk) = self.talks.get_mut(chain) else { return };
        talk.busy = false;
        let stream = self.lanes[talk.stream].stream;
        let Some(walk) = &mut talk.parked else { return };
        walk.pieces = pieces;
        if let Some(first) = rows.first() {
            let parked = Parked {
                app,
                stream,
                chain: chain.clone(),
                next: first.position,
                attempts: talk.failures,
                since: talk.since.unwrap_or(first.at),
                due: first.at,
            };
            // What is known of a row that failed before stands.
            let anew = talk.failures == 0;
            talk.queue = rows.into();
            // It has its turn already: what is read while there is no room for it leaves memory at once.
            self.ready.push_front(chain.clone());
            if anew {
                self.record_parked(parked);
            }
        } else if walk.passed > until {
            // The lane passed more of it meanwhile.
            walk.done = until;
            self.ready.push_back(chain.clone());
        } else {
            self.talks.remove(chain);
            self.record_rejoined(stream, chain);
        }
    }

    /// Of a parked conversation's rows, as many as there is room for, and the first; the rest is read again.
    fn keep(&mut self, rows: &mut Vec<Arc<JournalRow>>) {
        let (mut free, mut kept) = (self.free(), 0);
        for row in rows.iter() {
            let bytes = row.weight() as u64;
            if kept > 0 && !free.fits(bytes) {
                break;
            }
            free.remove(bytes);
            self.walking.add(bytes);
            kept += 1;
        }
        rows.truncate(kept);
    }

    /// The rows of a parked conversation could not be read: it is tried again at that moment.
    pub(crate) fn not_walked(&mut self, chain: &Chain, again: Timestamp) {
        self.under_way = self.under_way.saturating_sub(1);
        let Some(talk) = self.talks.get_mut(chain) else { return };
        talk.busy = false;
        self.waiting.insert((again, chain.clone()));
    }

    /// Leaves everything recorded as it stands, so that whoever goes on repeats nothing. What was served behind a
    /// row that is still open is behind the cursor only when that row's conversation is parked.
    pub(crate) fn stop(&mut self, now: Timestamp) {
        if self.source != Source::Journal {
            return;
        }
        let waiting: HashMap<Chain, Timestamp> =
            self.waiting.iter().map(|(due, chain)| (chain.clone(), *due)).collect();
        let open = |talk: &Talk| talk.queue.front().filter(|_| talk.parked.is_none()).map(|row| row.position);
        let behind =
            self.talks.iter().filter_map(|(chain, talk)| Some((open(talk)?, talk.stream, chain.clone())));
        let mut behind: Vec<_> = behind.filter(|(open, at, _)| *open < self.lanes[*at].ahead).collect();
        behind.sort_unstable();
        for (_, _, chain) in behind {
            let due = waiting.get(&chain).copied().unwrap_or(now);
            self.park(&chain, due);
        }
        self.record_progress(now);
    }

    /// Records how far parked conversations have come since they were last recorded. Not at each row: a stop
    /// records it, and a crash may repeat what was served since.
    pub(super) fn record_progress(&mut self, now: Timestamp) {
        let waiting: HashMap<&Chain, Timestamp> =
            self.waiting.iter().map(|(due, chain)| (chain, *due)).collect();
        let further = self.talks.iter().filter_map(|(chain, talk)| {
            let walk = talk.parked.as_ref().filter(|walk| walk.done.next() > walk.recorded)?;
            Some(Parked {
                app: self.app,
                stream: self.lanes[talk.stream].stream,
                chain: chain.clone(),
                next: walk.done.next(),
                attempts: talk.failures,
                since: talk.since.unwrap_or(now),
                due: waiting.get(chain).copied().unwrap_or(now),
            })
        });
        let mut further: Vec<Parked> = further.collect();
        // In an order that does not depend on how a map is laid out.
        further.sort_by(|a, b| a.chain.cmp(&b.chain));
        further.into_iter().for_each(|parked| self.record_parked(parked));
    }

    fn record_parked(&mut self, parked: Parked) {
        if let Some(walk) = self.talks.get_mut(&parked.chain).and_then(|talk| talk.parked.as_mut()) {
            walk.recorded = parked.next;
        }
        self.round.park.retain(|before| before.chain != parked.chain);
        self.round.park.push(parked);
    }

    fn record_rejoined(&mut self, stream: Stream, chain: &Chain) {
        self.round.park.retain(|before| before.chain != *chain);
        self.round.unpark.push((self.app, stream, chain.clone()));
    }

    /// Lets the lane pass a conversation, which walks on by itself from the row that failed.
    pub(super) fn park(&mut self, chain: &Chain, due: Timestamp) {
        if self.source != Source::Journal {
            return;
        }
        let (app, free) = (self.app, self.free());
        let Some(talk) = self.talks.get_mut(chain) else { return };
        let Some(next) = talk.queue.front().map(|row| row.position) else { return };
        let at = talk.stream;
        let lane = &mut self.lanes[at];
        if talk.parked.is_some() {
            talk.queue.iter().for_each(|row| self.walking.remove(row.weight() as u64));
        } else {
            let last = talk.queue.back().map_or(next, |row| row.position);
            let done = Position(next.0 - 1);
            talk.parked = Some(Walk { done, passed: last, recorded: next, pieces: Pieces::default() });
            for row in &talk.queue {
                lane.open.remove(&row.position);
                lane.held.remove(row.weight() as u64);
            }
        }
        // Only the row at hand stays in memory, if there is room for it: the others are read again when their time comes.
        talk.queue.truncate(1);
        match talk.queue.front().map(|row| row.weight() as u64) {
            Some(bytes) if free.fits(bytes) => self.walking.add(bytes),
            _ => talk.queue.clear(),
        }
        let parked = Parked {
            app,
            stream: lane.stream,
            chain: chain.clone(),
            next,
            attempts: talk.failures,
            since: talk.since.unwrap_or(due),
            due,
        };
        self.record_parked(parked);
        self.advance(at);
    }

    /// When a lane has read as far as it may, its oldest conversation is parked if it is failing: one
    /// conversation holds up no other.
    pub(super) fn crowded(&mut self) {
        if self.waiting.is_empty() || self.source != Source::Journal {
            return;
        }
        for at in 0..self.lanes.len() {
            while let Some((due, chain)) = self.stuck(at)
                && self.room(at, self.free()) == 0
            {
                self.park(&chain, due);
            }
        }
    }

    /// A lane's oldest conversation, if it waits out a failure. Not so when others fail too and none was served
    /// meanwhile: then it is the app.
    fn stuck(&self, at: usize) -> Option<(Timestamp, Chain)> {
        let (_, row) = self.lanes[at].open.first_key_value()?;
        let chain = row.chain.as_ref()?;
        let talk = self.talks.get(chain).filter(|talk| !talk.busy && talk.failures > 0)?;
        if self.health.several && self.health.served <= talk.served_before {
            return None;
        }
        self.waiting.iter().find(|(_, waits)| waits == chain).cloned()
    }
}
