//! What every store does alike: what must hold of a batch before it is written, the journal row of a change
//! of settings, how long a caller's key is kept.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use baton_rules::{Cause, PageId, Surface, Thread, ThreadKey, Timestamp};
use bytes::Bytes;

use crate::{
    Announce, AssetChange, Batch, Chain, Changing, JournalRow, Page, Position, Settings, StoreError, Stream,
    stream_of,
};

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

/// A batch that would leave a hole, or write into another stream, is a mistake in the program: none of it
/// is written.
pub(crate) fn batch(batch: &Batch, stream: Stream, streams: u16, head: Position) -> Result<(), StoreError> {
    let wrong = |what: String| {
        tracing::error!(stream = stream.0, head = head.0, what, "a decision was not written");
        Err(StoreError::Unavailable(format!("a decision for stream {} is wrong: {what}", stream.0)))
    };
    if batch.rows.iter().any(|row| row.chain.is_none()) {
        return wrong("a row that is a part of nothing".to_owned());
    }
    let astray = |chain: &&Chain| chain.thread().is_none() && chain.stream(streams) != stream;
    if let Some(chain) = batch.rows.iter().filter_map(|row| row.chain.as_ref()).find(astray) {
        return wrong(format!("{chain:?} belongs to another stream"));
    }
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
    (batch.rows.iter().filter_map(|row| row.thread()))
        .chain(batch.threads.iter().map(|(key, _)| key))
        .chain(batch.control.iter().map(|row| &row.thread))
        .chain(batch.seen.iter().map(|((key, _), _)| key))
        .chain(batch.due.iter().map(|due| &due.thread))
        .chain(batch.undue.iter().map(|(key, _)| key))
}

/// Whether there is anything to write.
pub(crate) fn is_empty(batch: &Batch) -> bool {
    let Batch { rows, threads, control, seen, due, undue, counted, assets } = batch;
    let AssetChange { keep, forget, expire } = assets;
    rows.is_empty()
        && threads.is_empty()
        && control.is_empty()
        && seen.is_empty()
        && due.is_empty()
        && undue.is_empty()
        && counted.is_empty()
        && keep.is_empty()
        && forget.is_empty()
        && expire.is_none()
}

/// Where chains of pages end after a batch: their last rows in it.
pub(crate) fn page_rows(batch: &Batch) -> impl Iterator<Item = &Arc<JournalRow>> {
    batch.rows.iter().filter(|row| row.thread().is_none())
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
    Ok(Some(Settings::new(before.version + 1, wanted.apps, wanted.pages).following(before)))
}

/// The pages on which control may stand otherwise after a change.
pub(crate) fn rerouted(before: &Settings, after: &Settings) -> Vec<PageId> {
    let surfaces = [Surface::Messenger, Surface::Instagram];
    let differs = |page: &PageId| {
        surfaces.into_iter().any(|surface| before.routing(*page, surface) != after.routing(*page, surface))
    };
    before.pages.iter().map(|page| page.id).filter(differs).collect()
}

/// The rows that a change of settings leaves in a stream: its own, and right after it what it tells apps, each
/// with the one before it in its chain. `last` knows where a page's chain ends.
pub(crate) fn settings_rows<E: From<StoreError>>(
    change: &Changing<'_>,
    head: Position,
    announce: &Announce,
    last: impl Fn(&Chain) -> Result<Option<Position>, E>,
) -> Result<Vec<Arc<JournalRow>>, E> {
    let mut rows = vec![Arc::new(settings_row(head.next(), change.at))];
    let mut ends: HashMap<Chain, Position> = HashMap::new();
    for said in announce(change) {
        if said.chain.thread().is_some() || said.chain.stream(change.streams) != change.stream {
            let wrong =
                format!("a change of settings tells {:?} something in {:?}", said.chain, change.stream);
            return Err(StoreError::Unavailable(wrong).into());
        }
        let previous = match ends.get(&said.chain) {
            Some(end) => Some(*end),
            None => last(&said.chain)?,
        };
        let position = rows.last().map_or(head, |row| row.position).next();
        ends.insert(said.chain.clone(), position);
        rows.push(Arc::new(JournalRow {
            position,
            chain: Some(said.chain),
            previous,
            rule: said.rule,
            event: Some(said.event),
            notices: said.notices,
            whole: said.whole,
            ..settings_row(position, change.at)
        }));
    }
    Ok(rows)
}

/// The row that a change of settings leaves in every stream: nobody hears it.
fn settings_row(position: Position, at: Timestamp) -> JournalRow {
    JournalRow {
        position,
        chain: None,
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
