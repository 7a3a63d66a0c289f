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
}

/// The most entries that are looked through for one answer.
const MOST: usize = 10_000;
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
        }
    }
}

/// Reads a history, newest first: not after `until`, from the entry number `skip` on.
pub(crate) async fn read(
    shared: &Shared,
    key: &ThreadKey,
    until: Option<Timestamp>,
    skip: usize,
    limit: usize,
) -> Result<Vec<HistoryEntry>, StoreError> {
    let wanted = skip.saturating_add(limit).min(MOST);
    let now = shared.clock.now();
    let until = until.map_or(now, |until| until.min(now));
    // Before the moment after: entries of `until` itself are in.
    let before = Timestamp(until.0.saturating_add(1));
    let control = shared.store.control(key, Some((before, Position(0))), wanted).await?;
    let refusals = shared.store.refusals(key, Some(before), wanted).await?;
    let mut entries: Vec<HistoryEntry> = control.into_iter().map(Into::into).collect();
    entries.extend(refusals.into_iter().map(HistoryEntry::from));
    entries.extend(open_lapse(shared, key, until).await?.map(HistoryEntry::from));
    // Stable: of one moment, changes of control stand before refusals, each in the order of their commit.
    entries.sort_by_key(|entry| std::cmp::Reverse(entry.at));
    Ok(entries.into_iter().skip(skip).take(limit).collect())
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
