//! A thread's history as it is read: changes of control, refusals and lapses, newest first. The lapse that nobody has
//! stumbled on yet and what changes of settings did are told too, though no row says so.

use std::collections::VecDeque;
use std::sync::Arc;

use baton_rules::{AppId, Cause, Lapse, Resettled, Routing, ThreadKey, Timestamp, resettled, standing};
use baton_store::{
    ControlPlace, ControlRow, JournalRow, Page, PastPage, Position, Remembered, StoreError, routing,
    stream_of,
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

/// Changes of a page's settings that are looked at for one part of a history: so many at once, and at most. Hardly any
/// conversation is older than some of its page's.
const CHANGES: usize = 16;
const MOST_CHANGES: usize = 1_024;

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
    let settings = shared.store.settings();
    let of = |page: &Option<Arc<Page>>| match page {
        Some(page) => routing(page, key.surface, &settings),
        None => Routing::new(key.surface),
    };
    let mut talk = Talk::of(key);
    let mut found = Vec::new();
    // A change is the first of what stands at its place.
    let (at, position, number) = before;
    let mut end = (at, if number > 0 { position.next() } else { position });
    for _ in 0..MOST_CHANGES / CHANGES {
        let changes = shared.store.past_pages(key.page, stream, end, CHANGES).await?;
        for past in &changes {
            if oldest.is_some_and(|oldest| (past.at, past.position, 0) < oldest) {
                return Ok(found);
            }
            let before = talk.newest(shared, |row| row.position < past.position).await?;
            let before = match before {
                Some(row) => Some(row.after.clone()),
                None => {
                    talk.quiet(shared).await?.filter(|kept| kept.last < past.position).map(|kept| kept.thread)
                }
            };
            let Some(before) = before else { return Ok(found) };
            let moved = resettled(&of(&past.before), &of(&past.after), &before, past.at);
            found.extend(moved.map(|moved| HistoryEntry::from((past, moved))));
            if found.len() == limit {
                return Ok(found);
            }
        }
        match changes.last() {
            Some(last) if changes.len() == CHANGES => end = (last.at, last.position),
            Some(_) | None => break,
        }
    }
    Ok(found)
}

/// A conversation, read backwards for one row after the other.
struct Talk<'a> {
    key: &'a ThreadKey,
    /// What was read and may be wanted, newest first.
    rows: VecDeque<Arc<JournalRow>>,
    /// The oldest row that was read.
    read: Option<Position>,
}

impl<'a> Talk<'a> {
    const fn of(key: &'a ThreadKey) -> Self {
        Self { key, rows: VecDeque::new(), read: None }
    }

    /// The thread as it is kept, if it has been quiet for so long that no row of it is: then it has stood so since
    /// before the oldest row that is.
    async fn quiet(&self, shared: &Shared) -> Result<Option<Remembered>, StoreError> {
        if self.read.is_some() {
            return Ok(None);
        }
        shared.store.thread(self.key).await
    }

    /// The newest row that is wanted; what is newer is not looked at again.
    async fn newest(
        &mut self,
        shared: &Shared,
        is_wanted: impl Fn(&JournalRow) -> bool,
    ) -> Result<Option<Arc<JournalRow>>, StoreError> {
        loop {
            while let Some(row) = self.rows.front() {
                if is_wanted(row) {
                    return Ok(Some(Arc::clone(row)));
                }
                self.rows.pop_front();
            }
            self.rows = shared.store.conversation(self.key, self.read, PIECE).await?.into();
            match self.rows.back() {
                Some(oldest) => self.read = Some(oldest.position),
                None => return Ok(None),
            }
        }
    }
}

/// A lapse up to a moment that no row tells of yet.
async fn open_lapse(shared: &Shared, key: &ThreadKey, at: Timestamp) -> Result<Option<Lapse>, StoreError> {
    let settings = shared.store.settings();
    let Some(routing) = settings.routing(key.page, key.surface) else { return Ok(None) };
    let mut talk = Talk::of(key);
    let thread = match talk.newest(shared, |row| row.at <= at).await? {
        Some(row) => Some(row.after.clone()),
        // When its last row was is not known any more, but that it is as old as what is deleted.
        None if at.0 >= shared.clock.now().0.saturating_sub(shared.policy.keep.events_ms) => {
            talk.quiet(shared).await?.map(|kept| kept.thread)
        }
        None => None,
    };
    Ok(thread.and_then(|thread| standing(routing, &thread, at).lapse))
}
