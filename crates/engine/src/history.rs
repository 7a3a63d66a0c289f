//! A thread's history as it is read: changes of control, refusals and lapses, newest first. The lapse that nobody has
//! stumbled on yet and what changes of settings did are told too, though no row says so.

use std::sync::Arc;

use baton_rules::{AppId, Cause, Lapse, Resettled, Routing, ThreadKey, Timestamp, resettled, standing};
use baton_store::{
    ControlPlace, ControlRow, JournalRow, Page, PastPage, Position, StoreError, routing, stream_of,
};

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
    /// Where it stands in the history: the next part of it goes on before there, whatever has come since.
    pub place: ControlPlace,
}

/// Changes of a page's settings that are looked at for one part of a history.
const MOST_CHANGES: usize = 1_000;

/// Rows of a conversation that are read at once when looking for the one of a moment.
const PIECE: usize = 200;

impl From<ControlRow> for HistoryEntry {
    fn from(row: ControlRow) -> Self {
        Self {
            place: row.place(),
            at: row.at,
            rule: row.rule,
            via: row.via,
            cause: row.cause.name(),
            by: row.by,
            from: row.from,
            to: row.to,
            expires_at: row.expires_at,
            metadata: row.metadata,
            refused: row.refused,
        }
    }
}

impl From<(&PastPage, Resettled)> for HistoryEntry {
    fn from((past, resettled): (&PastPage, Resettled)) -> Self {
        Self {
            place: (past.at, past.position, 0),
            at: past.at,
            rule: resettled.rule.0.into(),
            via: None,
            cause: Cause::Settings.name(),
            by: None,
            from: resettled.from,
            to: resettled.to,
            expires_at: resettled.expires_at,
            metadata: None,
            refused: None,
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
            // Whatever happened at that moment found control gone: it came after.
            place: (lapse.at, Position(0), 0),
        }
    }
}

/// Reads a part of a history, newest first: not after `until`, and before where the part before it ended.
pub(crate) async fn read(
    shared: &Shared,
    key: &ThreadKey,
    until: Option<Timestamp>,
    after: Option<ControlPlace>,
    limit: usize,
) -> Result<Vec<HistoryEntry>, StoreError> {
    let now = shared.clock.now();
    let until = until.map_or(now, |until| until.min(now));
    // Before the moment after: entries of `until` itself are in.
    let end = (Timestamp(until.0.saturating_add(1)), Position(0), 0);
    let before = after.map_or(end, |place| place.min(end));
    let control = shared.store.control(key, Some(before), limit).await?;
    let mut entries: Vec<HistoryEntry> = control.into_iter().map(Into::into).collect();
    let oldest = entries.last().map(|entry| entry.place).filter(|_| entries.len() == limit);
    entries.extend(resettled_between(shared, key, oldest, before, limit).await?);
    let lapse = open_lapse(shared, key, before.0.min(until)).await?.map(HistoryEntry::from);
    entries.extend(lapse.filter(|lapse| lapse.place < before));
    entries.sort_by_key(|entry| std::cmp::Reverse(entry.place));
    entries.truncate(limit);
    Ok(entries)
}

/// What changes of settings did to the thread between two places, newest first. Nobody wrote that down: it would take a row
/// for each thread of the page.
async fn resettled_between(
    shared: &Shared,
    key: &ThreadKey,
    oldest: Option<ControlPlace>,
    before: ControlPlace,
    limit: usize,
) -> Result<Vec<HistoryEntry>, StoreError> {
    let stream = stream_of(key, shared.store.streams());
    let past = shared.store.past_pages(key.page, stream, (before.0, before.1), MOST_CHANGES).await?;
    let settings = shared.store.settings();
    let of = |page: &Option<Arc<Page>>| match page {
        Some(page) => routing(page, key.surface, &settings.apps),
        None => Routing::new(key.surface),
    };
    let mut rows = Vec::new().into_iter().peekable();
    let mut newest: Option<Position> = None;
    let mut found = Vec::new();
    for past in
        past.iter().take_while(|past| oldest.is_none_or(|oldest| (past.at, past.position, 0) > oldest))
    {
        // The thread's newest row before the change: both go backwards.
        let row = loop {
            match rows.next_if(|row: &Arc<JournalRow>| row.position > past.position) {
                Some(row) => newest = Some(row.position),
                None if rows.peek().is_some() => break rows.peek(),
                None => {
                    let more = shared.store.conversation(key, newest, PIECE).await?;
                    if more.is_empty() {
                        break None;
                    }
                    rows = more.into_iter().peekable();
                }
            }
        };
        let Some(row) = row else { break };
        let moved = resettled(&of(&past.before), &of(&past.after), &row.after, past.at);
        found.extend(moved.map(|moved| HistoryEntry::from((past, moved))));
        if found.len() == limit {
            break;
        }
    }
    Ok(found)
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
