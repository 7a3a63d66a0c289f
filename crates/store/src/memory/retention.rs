//! Deleting what is too old, in memory.

use baton_rules::{AppId, Timestamp};

use super::Image;
use crate::check::seen_until;
use crate::retention::{Forgotten, Oldest, Sieve, Standings, TooOld};
use crate::rows::chain_text;
use crate::{StoreError, Stream};

impl Image {
    pub(super) fn oldest(&self) -> Oldest {
        let first = |log: &super::Log| log.rows.front().map(|row| (row.position, row.at));
        Oldest {
            rows: self.logs.iter().map(first).collect(),
            control: self.control.values().flat_map(|rows| rows.keys()).map(|(at, _, _)| *at).min(),
            seen: self.seen_by_age.first().map(|(at, _)| *at),
        }
    }

    fn standings(&self, stream: Stream) -> Standings {
        let is_reached = |app: AppId| self.settings.app(app).is_some_and(|app| app.webhook_url.is_some());
        let served = self.cursors.iter().filter(|((app, of), _)| *of == stream && is_reached(*app));
        let parked = self.parked.iter().filter(|((app, of, _), _)| *of == stream && is_reached(*app));
        Standings {
            served: served.map(|((app, _), kept)| (*app, kept.served)).collect(),
            parked: parked.map(|((app, _, chain), kept)| ((*app, chain.clone()), kept.next)).collect(),
        }
    }

    pub(super) fn forget(
        &mut self,
        stream: Stream,
        old: &TooOld,
        limit: usize,
    ) -> Result<Forgotten, StoreError> {
        let standings = self.standings(stream);
        let mut sieve = Sieve::new(old, &standings);
        let looked = (self.log(stream)?.rows.iter().take(limit))
            .take_while(|row| {
                let apps: Vec<AppId> = row.notices.iter().map(|notice| notice.app).collect();
                let chain = row.chain.as_ref().map(chain_text);
                sieve.goes((row.position, row.at), chain.as_deref(), &apps)
            })
            .count();
        let mut forgotten = sieve.forgotten;
        forgotten.more = looked == limit;
        let Some(gone) = forgotten.up_to else { return Ok(forgotten) };
        if let Some(log) = self.logs.get_mut(usize::from(stream.0)) {
            log.rows.drain(..looked);
            log.gone = gone;
        }
        self.dead.retain(|(_, place), _| place.stream != stream || place.position > gone);
        self.attempts.retain(|(_, place), _| place.stream != stream || place.position > gone);
        for ((_, of, _), parked) in &mut self.parked {
            if *of == stream && parked.next <= gone {
                (parked.next, parked.attempts) = (gone.next(), 0);
            }
        }
        self.resends.retain(|(app, _, place)| {
            let stays = place.stream != stream || place.position > gone;
            if !stays {
                *forgotten.expired.entry(*app).or_default() += 1;
            }
            stays
        });
        Ok(forgotten)
    }

    pub(super) fn forget_history(&mut self, until: Timestamp, now: Timestamp, limit: usize) -> u64 {
        let old = self.control.iter().flat_map(|(thread, rows)| {
            rows.keys().filter(|(at, _, _)| *at <= until).map(|place| (*place, thread.clone()))
        });
        let mut old: Vec<_> = old.collect();
        old.sort();
        old.truncate(limit);
        for (place, thread) in &old {
            if let Some(rows) = self.control.get_mut(thread) {
                rows.remove(place);
            }
        }
        self.control.retain(|_, rows| !rows.is_empty());
        let mut keys = 0;
        while keys < limit
            && self.seen_by_age.first().is_some_and(|(at, _)| *at <= seen_until(now))
            && let Some((_, key)) = self.seen_by_age.pop_first()
        {
            self.seen.remove(&key);
            keys += 1;
        }
        (old.len() + keys) as u64
    }
}
