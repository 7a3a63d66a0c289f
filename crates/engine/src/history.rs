//! A thread's history as it is read: changes of control, refusals and lapses, newest first, the lapse that
//! nobody has stumbled on yet included.

use std::sync::Arc;

use baton_rules::{AppId, Cause, Lapse, ThreadKey, Timestamp, standing};
use baton_store::{ControlRow, JournalRow, Position, RefusalRow, StoreError};

use crate::engine::Shared;

/// One entry.
#[derive(Clone, Debug, PartialEq)]
pub struct HistoryEntry {
    /// When.
    pub at: Timestamp,
    /// The rule.
    pub rule: Box<str>,
    /// The rule that it refers to.
    pub via: Option<Box<str>>,
    /// Why, by the contract's name.
    pub cause: &'static str,
    /// Who acted; none for a person or a lapse.
    pub by: Option<AppId>,
    /// The owner before.
    pub from: Option<AppId>,
    /// The owner after.
    pub to: Option<AppId>,
    /// When control lapses.
    pub expires_at: Option<Timestamp>,
    /// What the call said.
    pub metadata: Option<Box<str>>,
    /// The refusal's identifier in the catalogue (`E-SEND-OTHER`), where it was one.
    pub refused: Option<Box<str>>,
    /// How many like it were folded into one (refusals of the same minute).
    pub times: u32,
    /// Where it stands in its stream; none for a refusal, and for a lapse that no row tells of yet.
    pub position: Option<Position>,
}

/// The most entries of one moment that a part may have to pass over.
const MOST_TOLD: usize = 10_000;

/// Where a part of a history ended: the next one goes on after it, whatever has come since.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HistoryPlace {
    /// The moment of the last entry.
    pub at: Timestamp,
    /// Its position; zero where it has none, for those that have one stand before those of the same moment that
    /// have none.
    pub position: Position,
    /// How many of that moment without a position have been told.
    pub told: usize,
}

impl HistoryPlace {
    /// Where a part ends that began after `before`.
    pub fn after(entries: &[HistoryEntry], before: Option<Self>) -> Option<Self> {
        let last = entries.last()?;
        let at = last.at;
        if let Some(position) = last.position {
            return Some(Self { at, position, told: 0 });
        }
        let here = entries.iter().filter(|entry| entry.at == at && entry.position.is_none()).count();
        let earlier = before.filter(|before| before.at == at).map_or(0, |before| before.told);
        Some(Self { at, position: Position(0), told: here + earlier })
    }
}

/// Rows of a conversation that are read at once when looking for the one of a moment.
const PIECE: usize = 200;

impl From<ControlRow> for HistoryEntry {
    fn from(row: ControlRow) -> Self {
        Self {
            at: row.at,
            rule: row.rule,
            via: row.via,
            cause: row.cause.name(),
            by: row.by,
            from: row.from,
            to: row.to,
            expires_at: row.expires_at,
            metadata: row.metadata,
            refused: None,
            times: 1,
            position: Some(row.position),
        }
    }
}

impl From<RefusalRow> for HistoryEntry {
    fn from(row: RefusalRow) -> Self {
        Self {
            at: row.at,
            rule: row.rule,
            via: None,
            cause: row.cause.name(),
            by: row.by,
            from: None,
            to: None,
            expires_at: None,
            metadata: row.metadata,
            refused: Some(row.why),
            times: row.times,
            position: None,
        }
    }
}

impl From<Lapse> for HistoryEntry {
    fn from(lapse: Lapse) -> Self {
        Self {
            at: lapse.at,
            rule: lapse.rule.0.into(),
            via: None,
            cause: Cause::Expiry.name(),
            by: None,
            from: Some(lapse.from),
            to: lapse.to,
            expires_at: None,
            metadata: None,
            refused: None,
            times: 1,
            position: None,
        }
    }
}

/// Reads a part of a history, newest first: not after `until`, and after where the part before it ended.
pub(crate) async fn read(
    shared: &Shared,
    key: &ThreadKey,
    until: Option<Timestamp>,
    after: Option<HistoryPlace>,
    limit: usize,
) -> Result<Vec<HistoryEntry>, StoreError> {
    let now = shared.clock.now();
    let until = until.map_or(now, |until| until.min(now));
    // Before the moment after: entries of `until` itself are in.
    let next = |at: Timestamp| Timestamp(at.0.saturating_add(1));
    let (at, before, mut told) = match after {
        Some(place) => {
            let at = place.at.min(now);
            (at, (at, place.position), place.told.min(MOST_TOLD))
        }
        None => (until, (next(until), Position(0)), 0),
    };
    let control = shared.store.control(key, Some(before), limit).await?;
    let refusals = shared.store.refusals(key, Some(next(at)), limit.saturating_add(told)).await?;
    let mut others: Vec<HistoryEntry> = refusals.into_iter().map(HistoryEntry::from).collect();
    others.extend(open_lapse(shared, key, at).await?.map(HistoryEntry::from));
    others.sort_by_key(|entry| std::cmp::Reverse(entry.at));
    let mut entries: Vec<HistoryEntry> = control.into_iter().map(Into::into).collect();
    entries.extend(others.into_iter().filter(|other| {
        let is_told = other.at == at && told > 0;
        told -= usize::from(is_told);
        !is_told
    }));
    // Stable: of one moment, changes of control stand before refusals, each in the order of their commit.
    entries.sort_by_key(|entry| std::cmp::Reverse(entry.at));
    entries.truncate(limit);
    Ok(entries)
}

/// A lapse up to a moment that no row tells of yet.
async fn open_lapse(shared: &Shared, key: &ThreadKey, at: Timestamp) -> Result<Option<Lapse>, StoreError> {
    let settings = shared.store.settings();
    let Some(routing) = settings.routing(key.page, key.surface) else { return Ok(None) };
    let row = row_at(shared, key, at).await?;
    Ok(row.and_then(|row| standing(routing, &row.after, at).lapse))
}

/// The newest row of a conversation that is not after a moment.
async fn row_at(
    shared: &Shared,
    key: &ThreadKey,
    at: Timestamp,
) -> Result<Option<Arc<JournalRow>>, StoreError> {
    let mut before = None;
    loop {
        let rows = shared.store.conversation(key, before, PIECE).await?;
        if let Some(row) = rows.iter().find(|row| row.at <= at) {
            return Ok(Some(Arc::clone(row)));
        }
        match rows.last() {
            Some(last) if last.previous.is_some() => before = Some(last.position),
            Some(_) | None => return Ok(None),
        }
    }
}
