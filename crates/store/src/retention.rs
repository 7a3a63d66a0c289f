//! What is deleted for its age: journal rows with all that hangs on them, from the oldest on and only up to the first
//! that somebody still waits for; the history of control, later; answers to callers' keys. Each store does it in slices
//! that others write between.

use std::collections::{BTreeMap, HashMap};

use baton_rules::{AppId, Timestamp};

use crate::Position;

/// Which rows of a journal are too old.
#[derive(Clone, Debug)]
pub struct TooOld {
    /// Those of this moment and before, if every app that hears them has them.
    pub rows: Timestamp,
    /// Of those, the ones of this moment and before, whether or not these apps have them.
    pub held: (Timestamp, Vec<AppId>),
}

/// What was deleted of a journal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Forgotten {
    /// How many rows.
    pub rows: u64,
    /// Everything up to here is gone; none: nothing was deleted.
    pub up_to: Option<Position>,
    /// How many webhooks of each app that waited for them.
    pub expired: BTreeMap<AppId, u64>,
    /// There may be more that is too old: as much as was allowed was deleted.
    pub more: bool,
}

/// What is oldest of everything that is deleted for its age.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Oldest {
    /// The first row of each stream, by number, and when it was; none where a stream has none.
    pub rows: Vec<Option<(Position, Timestamp)>>,
    /// The first entry of any thread's history.
    pub control: Option<Timestamp>,
    /// The first answer to a caller's key.
    pub seen: Option<Timestamp>,
}

/// What a database takes on the disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Size {
    /// Bytes, its log included.
    pub bytes: u64,
    /// Bytes of these that hold nothing any more, and are used again before it grows.
    pub free: u64,
}

/// Where the apps stand in a stream whose events wait somewhere: those with an address.
#[derive(Debug, Default)]
pub(crate) struct Standings {
    /// Up to where each is served.
    pub(crate) served: HashMap<AppId, Position>,
    /// From where each waits for a chain that is parked.
    pub(crate) parked: HashMap<(AppId, String), Position>,
}

impl Standings {
    fn waits(&self, app: AppId, position: Position, chain: Option<&str>) -> bool {
        let Some(served) = self.served.get(&app) else { return false };
        let parked = || self.parked.get(&(app, chain?.to_owned()));
        position > *served || !self.parked.is_empty() && parked().is_some_and(|next| position >= *next)
    }
}

/// Rows of a stream, the oldest first, until one stays.
pub(crate) struct Sieve<'a> {
    old: &'a TooOld,
    standings: &'a Standings,
    /// What goes.
    pub(crate) forgotten: Forgotten,
}

impl<'a> Sieve<'a> {
    pub(crate) fn new(old: &'a TooOld, standings: &'a Standings) -> Self {
        Self { old, standings, forgotten: Forgotten::default() }
    }

    /// Whether the next row goes; if it does not, nothing after it does.
    pub(crate) fn goes(
        &mut self,
        (position, at): (Position, Timestamp),
        chain: Option<&str>,
        heard_by: &[AppId],
    ) -> bool {
        if at > self.old.rows {
            return false;
        }
        let waits = |app: &&AppId| self.standings.waits(**app, position, chain);
        let waiting: Vec<AppId> = heard_by.iter().filter(waits).copied().collect();
        let (until, given_up) = &self.old.held;
        if !waiting.iter().all(|app| at <= *until && given_up.contains(app)) {
            return false;
        }
        for app in waiting {
            *self.forgotten.expired.entry(app).or_default() += 1;
        }
        self.forgotten.rows += 1;
        self.forgotten.up_to = Some(position);
        true
    }
}
