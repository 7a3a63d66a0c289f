//! What is kept of delivery, in memory.

use std::sync::Arc;

use baton_rules::{AppId, Timestamp};

use super::{Image, Served};
use crate::rows::chain_text;
use crate::{
    Cursor, DeadLetter, DeliveryState, JournalRow, Parked, Place, Position, Resend, Round, Slice, StoreError,
    Stream, Tried,
};

fn hears(app: AppId) -> impl Fn(&&Arc<JournalRow>) -> bool {
    move |row| row.notices.iter().any(|notice| notice.app == app)
}

impl Image {
    pub(super) fn read(
        &self,
        app: AppId,
        stream: Stream,
        after: Position,
        limit: usize,
    ) -> Result<Slice, StoreError> {
        let log = self.log(stream)?;
        let skipped = usize::try_from(after.0.saturating_sub(log.gone.0)).unwrap_or(usize::MAX);
        let looked: Vec<_> = log.rows.iter().skip(skipped).take(limit).collect();
        let nothing = if limit == 0 { after } else { after.max(log.head()) };
        let scanned = looked.last().map_or(nothing, |row| row.position);
        Ok(Slice { rows: looked.into_iter().filter(hears(app)).cloned().collect(), scanned })
    }

    pub(super) fn read_back(
        &self,
        app: AppId,
        stream: Stream,
        before: Position,
        limit: usize,
    ) -> Result<Slice, StoreError> {
        let Some(begun) = self.cursors.get(&(app, stream)) else {
            return Ok(Slice { rows: Vec::new(), scanned: Position(0) });
        };
        let own = |row: &&Arc<JournalRow>| row.position > begun.start && row.position < before;
        let looked: Vec<_> = self.log(stream)?.rows.iter().rev().filter(own).take(limit).collect();
        let last = looked.last().filter(|_| looked.len() == limit);
        let scanned = last.map_or(Position(0), |row| row.position);
        Ok(Slice { rows: looked.into_iter().filter(hears(app)).cloned().collect(), scanned })
    }

    pub(super) fn cursors(&self, app: AppId) -> Vec<Cursor> {
        let own = self.cursors.iter().filter(|((of, _), _)| *of == app);
        own.map(|((app, stream), kept)| Cursor { app: *app, stream: *stream, served: kept.served }).collect()
    }

    pub(super) fn parked(&self, app: AppId) -> Vec<Parked> {
        let own = self.parked.values().filter(|parked| parked.app == app);
        let mut own: Vec<Parked> = own.cloned().collect();
        own.sort_by_cached_key(|parked| (parked.due, parked.stream, chain_text(&parked.chain)));
        own
    }

    pub(super) fn dead_letters(
        &self,
        app: AppId,
        before: Option<(Timestamp, Place)>,
        limit: usize,
    ) -> Vec<DeadLetter> {
        let own = self.dead.values().filter(|dead| dead.app == app);
        let own = own.filter(|dead| before.is_none_or(|before| (dead.at, dead.place()) < before));
        let mut own: Vec<DeadLetter> = own.cloned().collect();
        own.sort_by_key(|dead| std::cmp::Reverse((dead.at, dead.place())));
        own.truncate(limit);
        own
    }

    pub(super) fn tried(&self, app: AppId, place: Place) -> Tried {
        let key = (app, place);
        Tried {
            place,
            attempts: self.attempts.get(&key).cloned().unwrap_or_default(),
            dead: self.dead.get(&key).cloned(),
            again: self.resends.contains(&(app, "".into(), place)),
        }
    }

    pub(super) fn delivery_state(&self, app: AppId) -> DeliveryState {
        let mut state = DeliveryState {
            health: self.health.get(&app).cloned().unwrap_or_default(),
            ..DeliveryState::default()
        };
        state.parked = self.parked.keys().filter(|(of, _, _)| *of == app).count() as u64;
        for dead in self.dead.values().filter(|dead| dead.app == app) {
            let sum = if dead.expired { &mut state.expired } else { &mut state.dead };
            *sum += 1;
        }
        for (_, to, _) in self.resends.iter().filter(|(of, _, _)| *of == app) {
            match state.again.last_mut().filter(|(last, _)| last == to) {
                Some((_, count)) => *count += 1,
                None => state.again.push((to.clone(), 1)),
            }
        }
        state
    }

    pub(super) fn settle(&mut self, round: Round) {
        let settings = Arc::clone(&self.settings);
        let known = |app: AppId| settings.app(app).is_some();
        for cursor in round.cursors.into_iter().filter(|cursor| known(cursor.app)) {
            let begin = Served { served: cursor.served, start: Position(0) };
            let kept = self.cursors.entry((cursor.app, cursor.stream)).or_insert(begin);
            kept.served = kept.served.max(cursor.served);
        }
        for (app, stream, chain) in round.unpark {
            self.parked.remove(&(app, stream, chain_text(&chain)));
        }
        for parked in round.park.into_iter().filter(|parked| known(parked.app)) {
            let begin = self.cursors.get(&(parked.app, parked.stream)).map(|kept| kept.start);
            if begin.is_some_and(|begin| parked.next <= begin) {
                continue;
            }
            self.parked.insert((parked.app, parked.stream, chain_text(&parked.chain)), parked);
        }
        for resent in round.resent {
            if resent.arrived && resent.to.is_empty() {
                self.dead.remove(&(resent.app, resent.place));
            }
            self.resends.remove(&(resent.app, resent.to, resent.place));
        }
        let dead = round.dead.into_iter().filter(|dead| known(dead.app));
        self.dead.extend(dead.map(|dead| ((dead.app, dead.place()), dead)));
        for attempt in round.attempts {
            self.attempts.entry((attempt.app, attempt.place)).or_default().push(attempt);
        }
        self.health.extend(round.health.into_iter().filter(|(app, _)| known(*app)));
    }

    pub(super) fn resend(&mut self, resend: &Resend) -> u64 {
        if self.settings.app(resend.app).is_none() {
            return 0;
        }
        let rows = resend.places.iter().map(|place| (resend.app, resend.to.clone(), *place));
        rows.map(|row| u64::from(self.resends.insert(row))).sum()
    }

    pub(super) fn resends(
        &self,
        app: AppId,
        to: &str,
        stream: Stream,
        after: Position,
        limit: usize,
    ) -> Result<Slice, StoreError> {
        let own = self.resends.iter().filter(|(of, at, place)| {
            *of == app && **at == *to && place.stream == stream && place.position > after
        });
        let positions: Vec<Position> = own.map(|(_, _, place)| place.position).take(limit).collect();
        let scanned = positions.last().copied().unwrap_or(after);
        let log = self.log(stream)?;
        Ok(Slice { rows: positions.into_iter().filter_map(|at| log.row(at)).cloned().collect(), scanned })
    }

    /// Forgets what is kept of the delivery to apps, but their cursors.
    pub(super) fn forget_delivery(&mut self, keep: impl Fn(AppId) -> bool) {
        self.parked.retain(|(app, _, _), _| keep(*app));
        self.dead.retain(|(app, _), _| keep(*app));
        self.resends.retain(|(app, _, _)| keep(*app));
        self.health.retain(|app, _| keep(*app));
    }
}
