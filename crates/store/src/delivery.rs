//! What is remembered of delivery: how far each app has been served, what waits, what was given up, what is to be
//! sent again, and how each app does.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use baton_rules::{AppId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{Attempt, Chain, JournalRow, Position, Stream};

/// Where a row stands: for an app, the name of a webhook event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Place {
    /// The stream.
    pub stream: Stream,
    /// The position in it.
    pub position: Position,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.stream.0, self.position.0)
    }
}

/// A text that is no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is not <stream>-<position>")]
pub struct NoPlace;

impl FromStr for Place {
    type Err = NoPlace;

    fn from_str(text: &str) -> Result<Self, NoPlace> {
        let (stream, position) = text.split_once('-').ok_or(NoPlace)?;
        let place = Place {
            stream: Stream(stream.parse().map_err(|_| NoPlace)?),
            position: Position(position.parse().map_err(|_| NoPlace)?),
        };
        // One name for each: no signs, no leading zeros.
        if place.to_string() == text { Ok(place) } else { Err(NoPlace) }
    }
}

/// Up to where an app has been served in a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// The app.
    pub app: AppId,
    /// The stream.
    pub stream: Stream,
    /// Everything up to here is served, parked or given up.
    pub served: Position,
}

/// A conversation that waits out its failures: a cursor of its own.
#[derive(Clone, Debug, PartialEq)]
pub struct Parked {
    /// The app.
    pub app: AppId,
    /// The stream.
    pub stream: Stream,
    /// The conversation, or what else it is.
    pub chain: Chain,
    /// Its first row that is not served.
    pub next: Position,
    /// Tries so far at that row.
    pub attempts: u32,
    /// When the first of them was.
    pub since: Timestamp,
    /// When the next try is due.
    pub due: Timestamp,
}

/// A webhook event that was given up: kept, visible, replayable.
#[derive(Clone, Debug, PartialEq)]
pub struct DeadLetter {
    /// The app.
    pub app: AppId,
    /// The stream.
    pub stream: Stream,
    /// The row.
    pub position: Position,
    /// What it is a part of.
    pub chain: Chain,
    /// When it was given up.
    pub at: Timestamp,
    /// How many tries it got.
    pub attempts: u32,
    /// Why the last one failed.
    pub reason: Box<str>,
    /// Whether it was given up because it was too old, and not for how it was answered.
    pub expired: bool,
}

impl DeadLetter {
    /// The event.
    pub const fn place(&self) -> Place {
        Place { stream: self.stream, position: self.position }
    }
}

/// The outcome of a delivery round, at once.
#[derive(Clone, Debug, Default)]
pub struct Round {
    /// Cursors that moved.
    pub cursors: Vec<Cursor>,
    /// Conversations that are parked now, or parked anew.
    pub park: Vec<Parked>,
    /// Conversations that are no longer parked.
    pub unpark: Vec<(AppId, Stream, Chain)>,
    /// Events that were given up.
    pub dead: Vec<DeadLetter>,
    /// Events that are no longer to be sent again.
    pub resent: Vec<Resent>,
    /// How tries went.
    pub attempts: Vec<Attempt>,
    /// How apps do.
    pub health: Vec<(AppId, DeliveryHealth)>,
}

/// Rows of a stream that an app must hear.
#[derive(Clone, Debug)]
pub struct Slice {
    /// The rows, in order.
    pub rows: Vec<Arc<JournalRow>>,
    /// Up to where was looked: there is nothing else for the app on the way there.
    pub scanned: Position,
}

impl Slice {
    /// As much of it as stands up to a position.
    #[must_use]
    pub fn up_to(mut self, until: Position) -> Self {
        self.rows.retain(|row| row.position <= until);
        self.scanned = self.scanned.min(until);
        self
    }
}

/// Events of an app that are to be sent again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resend {
    /// The app.
    pub app: AppId,
    /// An address; empty: the app's own, whatever that is when it is sent.
    pub to: Box<str>,
    /// The events.
    pub places: Vec<Place>,
    /// When somebody wanted it.
    pub at: Timestamp,
}

/// The apps that something is to be sent again for, and where to ([`Resend::to`]).
pub type Errands = Vec<(AppId, Box<str>)>;

/// An event that is no longer to be sent again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resent {
    /// The app.
    pub app: AppId,
    /// Where to, as in [`Resend::to`].
    pub to: Box<str>,
    /// The event.
    pub place: Place,
    /// Whether it arrived: then it is no dead letter any more, if it went to the app itself.
    pub arrived: bool,
}

/// How much an app has to hear.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lag {
    /// Events.
    pub events: u64,
    /// When the first of them was committed.
    pub oldest: Option<Timestamp>,
    /// Up to where was looked.
    pub scanned: Position,
}

/// What became of an event.
#[derive(Clone, Debug, PartialEq)]
pub struct Tried {
    /// The event.
    pub place: Place,
    /// The tries that are kept, oldest first.
    pub attempts: Vec<Attempt>,
    /// It was given up.
    pub dead: Option<DeadLetter>,
    /// It is to be sent to the app again.
    pub again: bool,
}

/// How the delivery to an app stands, as far as it is kept.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DeliveryState {
    /// How it does.
    pub health: DeliveryHealth,
    /// Conversations that are parked.
    pub parked: u64,
    /// Events that were given up.
    pub dead: u64,
    /// Events that were given up because they were too old.
    pub expired: u64,
    /// Events that are to be sent again, by where to ([`Resend::to`]).
    pub again: Vec<(Box<str>, u64)>,
}

/// How an app does, as it is kept. What a newer version keeps beside it is passed over: two may use one database.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct DeliveryHealth {
    /// When a webhook last arrived, in milliseconds.
    pub delivered_at: Option<i64>,
    /// Since when nothing but failures, in milliseconds.
    pub failing_since: Option<i64>,
    /// The same by a clock that no advance moves.
    pub failing_since_lived: Option<i64>,
    /// When the last of these failures was, by that clock.
    pub failed_lived: Option<i64>,
    /// When, by that clock, nodes were there again after none was: before that time was left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub back_lived: Option<i64>,
    /// Somebody was told that it fails.
    pub alerted: bool,
    /// The last failure.
    pub last_failure: Option<LastFailure>,
    /// Delivery was stopped.
    pub disabled: Option<Disabled>,
    /// When somebody last let it go on, in milliseconds.
    pub resumed_at: Option<i64>,
}

impl DeliveryHealth {
    /// Somebody is there again after nobody was: that time is nobody's failure. How long the app had failed until the last
    /// try counts on from now, by the clock that no advance moves.
    pub fn back(&mut self, lived: i64) {
        if let Some(since) = self.failing_since_lived {
            let failed = self.failed_lived.map_or(0, |last| last - since);
            (self.failing_since_lived, self.failed_lived) = (Some(lived - failed), Some(lived));
            self.back_lived = self.back_lived.max(Some(lived));
        }
    }

    /// The same, said by who did not know that nobody was there.
    fn known_back(&self, at: Option<i64>) -> Self {
        let mut known = self.clone();
        if let Some(at) = at.filter(|at| self.back_lived < Some(*at)) {
            if self.failed_lived < Some(at) {
                known.back(at);
            } else {
                // It failed since then too: how much of the time before was nobody's is not known.
                known.failing_since_lived = self.failing_since_lived.max(Some(at));
            }
        }
        known.back_lived = at;
        known
    }

    /// What two nodes know of an app together: it fails since what arrived last at either of them, and is stopped if either
    /// of them stopped it after somebody last let it go on.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        let newest = |of: fn(&Self) -> Option<i64>| of(self).max(of(other));
        let back_lived = newest(|one| one.back_lived);
        let (one, other) = (&self.known_back(back_lived), &other.known_back(back_lived));
        let newest = |of: fn(&Self) -> Option<i64>| of(one).max(of(other));
        let (delivered_at, resumed_at) = (newest(|one| one.delivered_at), newest(|one| one.resumed_at));
        let last_failure = [&one.last_failure, &other.last_failure].into_iter().flatten();
        let last_failure = last_failure.max_by_key(|failure| failure.at).cloned();
        let disabled = [&one.disabled, &other.disabled].into_iter().flatten();
        let disabled = disabled.max_by_key(|disabled| disabled.at).cloned();
        let disabled = disabled.filter(|disabled| Some(disabled.at) > resumed_at);
        let good = delivered_at.max(resumed_at);
        let still = last_failure.as_ref().is_none_or(|failure| Some(failure.at) > good);
        let failing = [one, other].into_iter().filter(|_| still);
        let (mut since, mut since_lived, mut lived) = (None, None, None);
        for (one, begun) in failing.filter_map(|one| Some((one, one.failing_since?))) {
            let later = good.map_or(0, |good| (good - begun).max(0));
            since = Some(since.map_or(begun + later, |at: i64| at.min(begun + later)));
            // The other clock may have been advanced meanwhile, or nobody was there: not after its last failure.
            let begun_lived =
                one.failing_since_lived.map(|at| (at + later).min(one.failed_lived.unwrap_or(at)));
            since_lived = since_lived.into_iter().chain(begun_lived).min();
            lived = lived.max(one.failed_lived);
        }
        Self {
            delivered_at,
            failing_since: since,
            failing_since_lived: since_lived,
            failed_lived: lived,
            back_lived,
            alerted: (since.is_some() || disabled.is_some()) && (one.alerted || other.alerted),
            last_failure,
            disabled,
            resumed_at,
        }
    }
}

/// A failure, as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastFailure {
    /// When, in milliseconds.
    pub at: i64,
    /// The status; none where there was no answer.
    pub status: Option<u16>,
    /// What went wrong.
    pub error: Box<str>,
}

/// Why delivery was stopped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Disabled {
    /// When, in milliseconds.
    pub at: i64,
    /// Why, for people.
    pub reason: Box<str>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fails(since: i64, last: i64) -> DeliveryHealth {
        DeliveryHealth {
            failing_since: Some(since),
            failing_since_lived: Some(since),
            failed_lived: Some(last),
            last_failure: Some(LastFailure { at: last, status: Some(500), error: "no".into() }),
            ..DeliveryHealth::default()
        }
    }

    fn arrived(at: i64) -> DeliveryHealth {
        DeliveryHealth { delivered_at: Some(at), ..DeliveryHealth::default() }
    }

    /// Both ways round, which must be one.
    fn both(one: &DeliveryHealth, other: &DeliveryHealth) -> DeliveryHealth {
        let together = one.and(other);
        assert_eq!(together, other.and(one));
        assert_eq!(together, together.and(one).and(other), "saying it again changes nothing");
        together
    }

    #[test]
    fn an_app_fails_since_what_arrived_last_at_any_node() {
        let longer = both(&fails(10, 30), &fails(20, 40));
        assert_eq!(
            (longer.failing_since, longer.failing_since_lived, longer.failed_lived),
            (Some(10), Some(10), Some(40))
        );
        let between = both(&fails(10, 30), &arrived(25));
        assert_eq!((between.failing_since, between.failing_since_lived), (Some(25), Some(25)));
        let since = both(&fails(10, 30), &arrived(35));
        assert_eq!((since.failing_since, since.failed_lived, since.alerted), (None, None, false));
        assert_eq!(since.last_failure.map(|failure| failure.at), Some(30));
        assert_eq!(both(&fails(10, 30), &DeliveryHealth::default()), fails(10, 30));
    }

    #[test]
    fn time_for_which_nobody_was_there_is_left_out_whoever_says_the_old_again() {
        let old = fails(10, 30);
        let mut back = old.clone();
        back.back(1_000);
        assert_eq!((back.failing_since_lived, back.failed_lived), (Some(980), Some(1_000)));
        assert_eq!(both(&old, &back), back, "who was paused all the while does not know");
        let later = DeliveryHealth { failed_lived: Some(1_007), ..back.clone() };
        assert_eq!(both(&old, &later).failing_since_lived, Some(980));
        // Who failed since without knowing has counted some of that time.
        let through = fails(10, 1_005);
        assert_eq!(both(&through, &back).failing_since_lived, Some(980));
        let other = DeliveryHealth { back_lived: Some(1_000), ..DeliveryHealth::default() };
        assert_eq!(both(&through, &other).failing_since_lived, Some(1_000));
        // One that began to fail since then.
        assert_eq!(both(&fails(1_003, 1_005), &other).failing_since_lived, Some(1_003));
        // What arrived somewhere since then ends it, as ever; by the clock that no advance moves nothing is negative.
        let arrives =
            both(&DeliveryHealth { last_failure: fails(0, 1_009).last_failure, ..back }, &arrived(1_005));
        assert_eq!((arrives.failing_since, arrives.failing_since_lived), (Some(1_005), Some(1_000)));
        let mut well = DeliveryHealth::default();
        well.back(5);
        assert_eq!(well, DeliveryHealth::default());
    }

    #[test]
    fn an_app_is_stopped_if_any_node_stopped_it_until_somebody_lets_it_go_on() {
        let disabled = Some(Disabled { at: 30, reason: "failures".into() });
        let stopped = DeliveryHealth { disabled, alerted: true, ..fails(10, 30) };
        assert_eq!(both(&stopped, &arrived(5)).disabled.map(|disabled| disabled.at), Some(30));
        let resumed = DeliveryHealth { resumed_at: Some(40), ..DeliveryHealth::default() };
        let goes_on = both(&stopped, &resumed);
        assert_eq!((goes_on.disabled, goes_on.failing_since, goes_on.alerted), (None, None, false));
    }
}
