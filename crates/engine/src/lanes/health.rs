//! Whether the app as a whole answers, and what is sent to it while it does not.

use std::collections::BTreeSet;

use baton_rules::Timestamp;
use baton_store::Chain;

use super::{FAILING, Lanes, Step};

/// While an app fails altogether, a conversation that was not tried yet may be the probe this long after the
/// last failure, however long the pause: what arrives in the morning does not wait for the night's delays.
const UNTRIED_MS: i64 = 60_000;

/// Whether the app as a whole answers.
#[derive(Default)]
pub(super) struct Health {
    pub(super) served: u64,
    /// Failures since anything was served, and when the first of them was.
    pub(super) failures: u32,
    pub(super) since: Option<Timestamp>,
    /// The first talk to fail since, and whether others did too.
    pub(super) first: Option<Chain>,
    pub(super) several: bool,
    /// There was no answer at all.
    pub(super) silent: bool,
    /// When the last of them was.
    pub(super) last: Option<Timestamp>,
    /// No probe before this.
    pub(super) pause: Option<Timestamp>,
    /// The receiver wants to be left alone until then.
    pub(super) busy_until: Option<Timestamp>,
}

impl Health {
    pub(super) fn fails_altogether(&self) -> bool {
        (self.several || self.silent) && self.failures >= FAILING
    }

    /// Before when nothing is sent to the app, whatever waits.
    pub(super) fn held_until(&self) -> Option<Timestamp> {
        self.pause.filter(|_| self.fails_altogether()).max(self.busy_until)
    }
}

impl Lanes {
    /// While the app fails altogether: one webhook at a time, after a pause. None: send the probe now.
    pub(super) fn probe(&mut self, now: Timestamp) -> Option<Step> {
        if self.under_way > 0 {
            return Some(Step::Wait(None));
        }
        if let Some(pause) = self.health.pause.filter(|pause| now < *pause) {
            let untried = |chain: &Chain| self.talks.get(chain).is_some_and(|talk| talk.failures == 0);
            let Some(fresh) = self.ready.iter().position(untried) else {
                return Some(Step::Wait(Some(pause)));
            };
            // So far one conversation failed alone: another that was not tried yet tells at once whether it
            // is the app or the conversation.
            let last = self.health.last.filter(|_| self.health.several);
            let early = last.map_or(now, |last| Timestamp(last.0 + UNTRIED_MS));
            if now < early {
                return Some(Step::Wait(Some(early.min(pause))));
            }
            if let Some(chain) = self.ready.remove(fresh) {
                self.ready.push_front(chain);
            }
        } else if self.ready.is_empty()
            && let Some((_, chain)) = self.waiting.pop_first()
        {
            // A conversation that waits out its own delay may be the probe as well.
            self.ready.push_back(chain);
        }
        None
    }

    /// Whether anything else of the app was served since a conversation began to fail.
    pub(super) fn others_succeed(&self, chain: &Chain) -> bool {
        let served = self.health.served;
        self.talks.get(chain).is_some_and(|talk| talk.since.is_some() && served > talk.served_then)
    }

    /// The app answers again: what waits because it did not is tried now. What is parked waits for itself.
    pub(super) fn release(&mut self) {
        let talks = &self.talks;
        let parked = |chain: &Chain| talks.get(chain).is_some_and(|talk| talk.parked.is_some());
        let (waits, freed): (BTreeSet<_>, BTreeSet<_>) =
            std::mem::take(&mut self.waiting).into_iter().partition(|(_, chain)| parked(chain));
        self.waiting = waits;
        self.ready.extend(freed.into_iter().map(|(_, chain)| chain));
    }
}
