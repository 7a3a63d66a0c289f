//! Every statement that reads.

use std::collections::HashMap;
use std::sync::Arc;

use baton_rules::{AppId, PageId, Surface, ThreadKey, Timestamp};
use bytes::Bytes;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::lagging::Lagging;
use super::threads;
use super::trouble::Trouble;
use crate::rows::{
    self, Wrong, app, cause, chain_text, damaged, decode_meta, hears, side, thread_key, thread_text,
};
use crate::{
    AdCounts, Chain, ControlPlace, ControlRow, Due, JournalRow, KeptClock, Page, PastPage, Person, Position,
    Seen, SeenKey, Slice, Stream,
};

/// A slice is no longer than this many bytes, about, so that large rows are not read by the thousand.
pub(super) const SLICE_BYTES: usize = 4 * 1024 * 1024;
/// Bits of a journal row's id that hold the position; the stream is above them.
const POSITION_BITS: u32 = 48;

/// A place in a stream as one number, in the order of the stream.
pub(super) fn journal_id(stream: Stream, position: Position) -> u64 {
    // Streams are at most 4,096, and 2^48 events of one stream are not reached.
    (u64::from(stream.0) << POSITION_BITS) | position.0
}

pub(super) fn position_of(id: u64) -> Position {
    Position(id & ((1 << POSITION_BITS) - 1))
}

/// A row's place for an error's text.
pub(super) fn place(id: u64) -> String {
    format!("{}/{}", id >> POSITION_BITS, position_of(id).0)
}

/// Binds a limit; what SQLite cannot count to is no limit.
pub(super) fn at_most(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

/// Rows of a statement, each made into something that may turn out damaged.
pub(super) fn all<T>(
    db: &Connection,
    sql: &str,
    values: impl rusqlite::Params,
    make: impl Fn(&Row<'_>) -> Result<T, Trouble>,
) -> Result<Vec<T>, Trouble> {
    let mut statement = db.prepare_cached(sql)?;
    let mut rows = statement.query(values)?;
    let mut made = Vec::new();
    while let Some(row) = rows.next()? {
        made.push(make(row)?);
    }
    Ok(made)
}

pub(super) fn seen(
    db: &Connection,
    stream: Stream,
    (thread, key): &SeenKey,
) -> Result<Option<Seen>, Trouble> {
    let sql = "SELECT at, fingerprint, answer FROM seen WHERE stream = ?1 AND thread = ?2 AND key = ?3";
    let mut statement = db.prepare_cached(sql)?;
    let text = thread_text(thread);
    let found = statement.query_row(params![stream.0, text, key], |row| {
        Ok((row.get::<_, i64>(0)?, row.get::<_, Vec<u8>>(1)?, row.get::<_, Vec<u8>>(2)?))
    });
    let Some((at, fingerprint, answer)) = found.optional()? else { return Ok(None) };
    let fingerprint = <[u8; 32]>::try_from(fingerprint.as_slice())
        .map_err(|_| damaged("seen", "fingerprint", format!("{text}/{key}"), "is not 32 bytes long"))?;
    Ok(Some(Seen { fingerprint, answer: Bytes::from(answer), at: Timestamp(at) }))
}

/// The columns of a journal row, as `journal_row` reads them.
pub(super) const JOURNAL: &str = "id, meta, chain, previous, at, whole, reduced, context";

pub(super) fn journal_row(row: &Row<'_>) -> Result<JournalRow, Trouble> {
    let id: u64 = row.get(0)?;
    let wrong = |column: &'static str| move |wrong: Wrong| damaged("journal", column, place(id), wrong);
    let meta = decode_meta(row.get_ref(1)?.as_blob().unwrap_or_default()).map_err(wrong("meta"))?;
    let chain = row.get_ref(2)?.as_str_or_null().map_err(|_| wrong("chain")("is not a text"))?;
    let bytes = |column: usize| -> Result<Option<Bytes>, Trouble> {
        Ok(row.get::<_, Option<Vec<u8>>>(column)?.map(Bytes::from))
    };
    Ok(JournalRow {
        position: position_of(id),
        chain: chain.map(rows::chain).transpose().map_err(wrong("chain"))?,
        previous: row.get::<_, Option<u64>>(3)?.map(Position),
        at: Timestamp(row.get(4)?),
        rule: meta.rule,
        via: meta.via,
        cause: meta.cause,
        by: meta.by,
        event: meta.event,
        notices: meta.notices,
        whole: bytes(5)?.unwrap_or_default(),
        reduced: bytes(6)?,
        context: bytes(7)?,
        after: meta.after,
    })
}

pub(super) fn slice(
    db: &Connection,
    to: AppId,
    stream: Stream,
    after: Position,
    limit: usize,
) -> Result<Slice, Trouble> {
    let sql = format!("SELECT {JOURNAL} FROM journal WHERE id > ?1 AND id < ?2 ORDER BY id LIMIT ?3");
    let mut statement = db.prepare_cached(&sql)?;
    let end = journal_id(Stream(stream.0 + 1), Position(0));
    let mut rows = statement.query(params![journal_id(stream, after), end, at_most(limit)])?;
    let mut slice = Slice { rows: Vec::new(), scanned: after };
    let mut bytes = 0;
    while bytes < SLICE_BYTES
        && let Some(row) = rows.next()?
    {
        let id: u64 = row.get(0)?;
        let meta = row.get_ref(1)?.as_blob().unwrap_or_default();
        // Most rows are other apps': they are passed over without being read.
        if hears(meta, to).map_err(|wrong| damaged("journal", "meta", place(id), wrong))? {
            let row = journal_row(row)?;
            bytes += row.weight();
            slice.rows.push(Arc::new(row));
        }
        slice.scanned = position_of(id);
    }
    if slice.scanned == after {
        slice.scanned = deleted_up_to(db, stream, after)?;
    }
    Ok(slice)
}

/// Up to where everything after a position is deleted: the stream's head, or the position itself where rows follow.
pub(super) fn deleted_up_to(db: &Connection, stream: Stream, after: Position) -> Result<Position, Trouble> {
    // One statement, so that nothing is committed between its parts.
    let sql = "SELECT max(head, ?2) FROM streams WHERE stream = ?1
               AND NOT EXISTS (SELECT 1 FROM journal WHERE id > ?3 AND id < ?4)";
    let end = journal_id(Stream(stream.0 + 1), Position(0));
    let mut statement = db.prepare_cached(sql)?;
    let mut rows = statement.query(params![stream.0, after.0, journal_id(stream, after), end])?;
    Ok(rows.next()?.map(|row| row.get(0)).transpose()?.map_or(after, Position))
}

pub(super) fn row(
    db: &Connection,
    stream: Stream,
    position: Position,
) -> Result<Option<JournalRow>, Trouble> {
    let sql = format!("SELECT {JOURNAL} FROM journal WHERE id = ?1");
    let mut statement = db.prepare_cached(&sql)?;
    let mut rows = statement.query([journal_id(stream, position)])?;
    rows.next()?.map(journal_row).transpose()
}

/// A thread's rows, from its newest or from before one that is known.
pub(super) fn conversation(
    db: &Connection,
    lagging: &Lagging,
    stream: Stream,
    key: &ThreadKey,
    before: Option<Position>,
    limit: usize,
) -> Result<Vec<Arc<JournalRow>>, Trouble> {
    let chain = Chain::Thread(key.clone());
    let known = before.map(|position| row(db, stream, position)).transpose()?.flatten();
    let newest = match known.filter(|row| row.chain.as_ref() == Some(&chain)) {
        Some(row) => row.previous,
        None => threads::thread(db, lagging, stream, key)?.map(|remembered| remembered.last),
    };
    walk(db, stream, &chain, newest, before, limit)
}

/// A chain's rows, from one of them on or from its newest.
pub(super) fn chain(
    db: &Connection,
    lagging: &Lagging,
    stream: Stream,
    chain: &Chain,
    newest: Option<Position>,
    limit: usize,
) -> Result<Vec<Arc<JournalRow>>, Trouble> {
    let newest = match (newest, chain) {
        (Some(newest), _) => Some(newest),
        (None, Chain::Thread(key)) => {
            threads::thread(db, lagging, stream, key)?.map(|remembered| remembered.last)
        }
        (None, Chain::Page(..)) => end(db, chain)?,
    };
    walk(db, stream, chain, newest, None, limit)
}

/// Where a page's chain ends.
pub(super) fn end(db: &Connection, chain: &Chain) -> Result<Option<Position>, Trouble> {
    let mut statement = db.prepare_cached("SELECT last FROM page_chains WHERE chain = ?1")?;
    let last = statement.query_row([chain_text(chain)], |row| row.get(0)).optional()?;
    Ok(last.map(Position))
}

/// Walks from a row of a chain to the ones before it; leaves out those that are not before a position.
fn walk(
    db: &Connection,
    stream: Stream,
    chain: &Chain,
    newest: Option<Position>,
    before: Option<Position>,
    limit: usize,
) -> Result<Vec<Arc<JournalRow>>, Trouble> {
    let mut next = newest;
    let mut rows = Vec::new();
    while let Some(position) = next.filter(|_| rows.len() < limit) {
        // A row that is not there any more was given up for its age: the conversation begins after it.
        let Some(row) = row(db, stream, position)? else { break };
        if row.chain.as_ref() != Some(chain) || row.previous.is_some_and(|previous| previous >= position) {
            let id = place(journal_id(stream, position));
            return Err(damaged("journal", "previous", id, "leads astray").into());
        }
        next = row.previous;
        if before.is_none_or(|before| position < before) {
            rows.push(Arc::new(row));
        }
    }
    Ok(rows)
}

/// An optional app in a column.
fn app_in(row: &Row<'_>, column: usize, table: &str, name: &str, at: &str) -> Result<Option<AppId>, Trouble> {
    let number = row.get::<_, Option<u64>>(column)?;
    Ok(number.map(app).transpose().map_err(|wrong| damaged(table, name, at, wrong))?)
}

pub(super) fn control(
    db: &Connection,
    stream: Stream,
    key: &ThreadKey,
    before: Option<ControlPlace>,
    limit: usize,
) -> Result<Vec<ControlRow>, Trouble> {
    let sql =
        "SELECT at, position, rule, via, cause, by, owner_from, owner_to, expires_at, metadata, number, refused
               FROM control
               WHERE stream = ?1 AND thread = ?2 AND (at, position, number) < (?3, ?4, ?5)
               ORDER BY at DESC, position DESC, number DESC LIMIT ?6";
    let text = thread_text(key);
    let (at, position, number) = before
        .map_or((i64::MAX, i64::MAX as u64, u32::MAX), |(at, position, number)| (at.0, position.0, number));
    all(db, sql, params![stream.0, text, at, position, number, at_most(limit)], |row| {
        let position: u64 = row.get(1)?;
        let id = format!("{}/{text}/{position}", stream.0);
        let owner = |column, name| app_in(row, column, "control", name, &id);
        let word = row.get_ref(4)?.as_str().unwrap_or_default();
        Ok(ControlRow {
            thread: key.clone(),
            position: Position(position),
            at: Timestamp(row.get(0)?),
            rule: row.get(2)?,
            via: row.get(3)?,
            cause: cause(word).map_err(|wrong| damaged("control", "cause", &id, wrong))?,
            by: owner(5, "by")?,
            from: owner(6, "owner_from")?,
            to: owner(7, "owner_to")?,
            expires_at: row.get::<_, Option<i64>>(8)?.map(Timestamp),
            metadata: row.get(9)?,
            number: row.get(10)?,
            refused: row.get(11)?,
        })
    })
}

/// A thread's key in a column.
fn thread_in(row: &Row<'_>, column: usize, table: &str) -> Result<ThreadKey, Trouble> {
    let text: String = row.get(column)?;
    Ok(thread_key(&text).map_err(|wrong| damaged(table, "thread", &text, wrong))?)
}

/// A chain in a column.
pub(super) fn chain_in(row: &Row<'_>, column: usize, table: &str) -> Result<Chain, Trouble> {
    let text: String = row.get(column)?;
    Ok(rows::chain(&text).map_err(|wrong| damaged(table, "chain", &text, wrong))?)
}

pub(super) fn past_pages(
    db: &Connection,
    page: PageId,
    stream: Stream,
    (at, position): (Timestamp, Position),
    limit: usize,
) -> Result<Vec<PastPage>, Trouble> {
    let sql = "SELECT changes.at, changes.position, past_pages.before, past_pages.after
               FROM past_pages JOIN changes ON changes.version = past_pages.version AND changes.stream = ?2
               WHERE page = ?1 AND (changes.at, changes.position) < (?3, ?4)
               ORDER BY past_pages.version DESC LIMIT ?5";
    let values = params![page.number(), stream.0, at.0, position.0, at_most(limit)];
    all(db, sql, values, |row| {
        let document = |column, name| -> Result<Option<Arc<Page>>, Trouble> {
            let text: Option<String> = row.get(column)?;
            let read = text.map(|text| serde_json::from_str(&text).map(Arc::new)).transpose();
            Ok(read.map_err(|wrong| damaged("past_pages", name, page.number(), wrong))?)
        };
        Ok(PastPage {
            at: Timestamp(row.get(0)?),
            position: Position(row.get(1)?),
            before: document(2, "before")?,
            after: document(3, "after")?,
        })
    })
}

pub(super) fn ad_counts(
    db: &Connection,
    page: PageId,
    surface: Surface,
) -> Result<HashMap<Box<str>, AdCounts>, Trouble> {
    let sql = "SELECT ad, sum(entries), sum(conversations) FROM ad_counts WHERE side = ?1 GROUP BY ad";
    let counts = all(db, sql, [side(page, surface)], |row| {
        Ok((row.get(0)?, AdCounts { entries: row.get(1)?, conversations: row.get(2)? }))
    })?;
    Ok(counts.into_iter().collect())
}

pub(super) fn person(db: &Connection, stream: Stream, key: &ThreadKey) -> Result<Person, Trouble> {
    let text = thread_text(key);
    let mut statement = db.prepare_cached("SELECT document FROM people WHERE stream = ?1 AND thread = ?2")?;
    let mut rows = statement.query(params![stream.0, text])?;
    let Some(row) = rows.next()? else { return Ok(Person::default()) };
    let document: String = row.get(0)?;
    Ok(serde_json::from_str(&document).map_err(|wrong| damaged("people", "document", &text, wrong))?)
}

pub(super) fn due(db: &Connection, until: Timestamp, limit: usize) -> Result<Vec<Due>, Trouble> {
    let sql = "SELECT thread, number, at, app, content FROM due
               WHERE at <= ?1 ORDER BY at, thread, number LIMIT ?2";
    all(db, sql, params![until.0, at_most(limit)], due_row)
}

/// What is due of one thread, whenever that is.
pub(super) fn due_of(db: &Connection, stream: Stream, key: &ThreadKey) -> Result<Vec<Due>, Trouble> {
    let sql = "SELECT thread, number, at, app, content FROM due
               WHERE stream = ?1 AND thread = ?2 ORDER BY number";
    all(db, sql, params![stream.0, thread_text(key)], due_row)
}

fn due_row(row: &Row<'_>) -> Result<Due, Trouble> {
    let thread = thread_in(row, 0, "due")?;
    let by = app(row.get(3)?).map_err(|wrong| damaged("due", "app", thread_text(&thread), wrong))?;
    let content: Vec<u8> = row.get(4)?;
    let (number, at) = (Position(row.get(1)?), Timestamp(row.get(2)?));
    Ok(Due { thread, number, at, by, content: Bytes::from(content) })
}

pub(super) fn clock(db: &Connection) -> Result<Option<KeptClock>, Trouble> {
    let sql = "SELECT name, value FROM meta WHERE name IN ('clock_offset', 'clock_frozen')";
    let facts = all(db, sql, [], |row| Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?)))?;
    let facts: HashMap<String, i64> = facts.into_iter().collect();
    let frozen = facts.get("clock_frozen").copied().map(Timestamp);
    Ok(facts.get("clock_offset").map(|offset| KeptClock { offset: *offset, frozen }))
}
