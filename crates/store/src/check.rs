//! What every store does alike: what must hold of a batch before it is written, the journal row of a change
//! of settings, how long a caller's key is kept.

use std::collections::HashSet;
use std::sync::Arc;

use baton_rules::{Cause, Thread, ThreadKey, Timestamp};
use bytes::Bytes;

use crate::{App, Batch, JournalRow, Page, Position, Settings, StoreError, Stream, stream_of};

/// How long the answer to a caller's key is kept, in seconds.
const SEEN_SECONDS: i64 = 72 * 3600;

/// Whether an answer of this age still counts.
pub(crate) fn seen_counts(at: Timestamp, now: Timestamp) -> bool {
    now < at.plus_seconds(SEEN_SECONDS)
}

/// Answers of this moment and before no longer count.
pub(crate) fn seen_until(now: Timestamp) -> Timestamp {
    now.plus_seconds(-SEEN_SECONDS)
}

/// The minute in which refusals are folded.
pub(crate) fn minute(at: Timestamp) -> i64 {
    at.0.div_euclid(60_000)
}

/// A batch that would leave a hole, or write into another stream, is a mistake in the program: none of it
/// is written.
pub(crate) fn batch(batch: &Batch, stream: Stream, streams: u16, head: Position) -> Result<(), StoreError> {
    let wrong = |what: String| {
        tracing::error!(stream = stream.0, head = head.0, what, "a decision was not written");
        Err(StoreError::Unavailable(format!("a decision for stream {} is wrong: {what}", stream.0)))
    };
    let mut last = head;
    for row in &batch.rows {
        if row.position != last.next() {
            return wrong(format!("position {} where {} is next", row.position.0, last.next().0));
        }
        if row.previous.is_some_and(|previous| previous >= row.position) {
            return wrong(format!("row {} names a previous row that is not before it", row.position.0));
        }
        last = row.position;
    }
    if let Some((key, _)) = batch.threads.iter().find(|(_, remembered)| remembered.last > last) {
        return wrong(format!("thread {key:?} names a last row that is not there"));
    }
    match keys(batch).find(|key| stream_of(key, streams) != stream) {
        Some(key) => wrong(format!("thread {key:?} belongs to another stream")),
        None => Ok(()),
    }
}

fn keys(batch: &Batch) -> impl Iterator<Item = &ThreadKey> {
    (batch.rows.iter().filter_map(|row| row.thread.as_ref()))
        .chain(batch.threads.iter().map(|(key, _)| key))
        .chain(batch.control.iter().map(|row| &row.thread))
        .chain(batch.refusals.iter().map(|row| &row.thread))
        .chain(batch.seen.iter().map(|((key, _), _)| key))
        .chain(batch.due.iter().map(|due| &due.thread))
        .chain(batch.undue.iter().map(|(key, _)| key))
}

/// Whether there is anything to write.
pub(crate) fn is_empty(batch: &Batch) -> bool {
    let Batch { rows, threads, control, refusals, seen, due, undue, counted } = batch;
    rows.is_empty()
        && threads.is_empty()
        && control.is_empty()
        && refusals.is_empty()
        && seen.is_empty()
        && due.is_empty()
        && undue.is_empty()
        && counted.is_empty()
}

/// Settings that a change made: the next version, or none when nothing changed.
pub(crate) fn changed(before: &Settings, wanted: Settings) -> Result<Option<Settings>, StoreError> {
    if before.apps == wanted.apps && before.pages == wanted.pages {
        return Ok(None);
    }
    let mut apps = HashSet::new();
    let mut pages = HashSet::new();
    let page = |page: &Arc<Page>| page.id;
    if !wanted.apps.iter().all(|app| apps.insert(app.id))
        || !wanted.pages.iter().map(page).all(|id| pages.insert(id))
    {
        return Err(StoreError::Unavailable("a change of settings names an app or a page twice".to_owned()));
    }
    Ok(Some(Settings::new(before.version + 1, wanted.apps, wanted.pages)))
}

/// The row that a change of settings leaves in every stream: nobody hears it.
pub(crate) fn settings_row(position: Position, at: Timestamp) -> JournalRow {
    JournalRow {
        position,
        thread: None,
        previous: None,
        at,
        rule: "SETTINGS".into(),
        via: None,
        cause: Cause::Settings,
        by: None,
        event: None,
        notices: Vec::new(),
        whole: Bytes::new(),
        reduced: None,
        context: None,
        after: Thread::default(),
    }
}

/// Whether an app that was there without an address has one now: it got nothing until then, and is served
/// from the change on.
pub(crate) fn has_first_address(before: &Settings, app: &App) -> bool {
    app.webhook_url.is_some() && before.app(app.id).is_some_and(|before| before.webhook_url.is_none())
}
