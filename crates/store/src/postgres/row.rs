//! Columns of PostgreSQL's rows, and their values: the database counts in 64 bits with a sign, and keeps bytes.

use std::error::Error;

use baton_rules::{AppId, ThreadKey, Timestamp};
use bytes::{Bytes, BytesMut};
use tokio_postgres::Row;
use tokio_postgres::types::{IsNull, ToSql, Type, accepts, to_sql_checked};

use super::trouble::Trouble;
use crate::rows::{self, damaged, decode_meta, decode_thread};
use crate::{Chain, JournalRow, Position, Remembered, Stream};

/// Bytes that are shared and not copied to be written.
#[derive(Debug)]
pub(super) struct Raw(pub(super) Bytes);

impl ToSql for Raw {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        out.extend_from_slice(&self.0);
        Ok(IsNull::No)
    }

    accepts!(BYTEA);
    to_sql_checked!();
}

/// A text that may hold any character, as it is kept.
pub(super) fn free(text: &str) -> Vec<u8> {
    text.as_bytes().to_vec()
}

/// A count, a position or an id, as it is kept: none of them reaches 2^63.
pub(super) fn big(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

pub(super) fn stream(stream: Stream) -> i32 {
    i32::from(stream.0)
}

/// Binds streams; none: all of them.
pub(super) fn streams(streams: Option<Vec<Stream>>) -> Option<Vec<i32>> {
    streams.map(|streams| streams.into_iter().map(stream).collect())
}

/// Binds a limit; what the database cannot count to is no limit.
pub(super) fn at_most(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

/// A number that is not negative.
pub(super) fn number(row: &Row, column: usize) -> Result<u64, Trouble> {
    unsigned(row.try_get(column)?, row, column)
}

pub(super) fn number_or_none(row: &Row, column: usize) -> Result<Option<u64>, Trouble> {
    let number: Option<i64> = row.try_get(column)?;
    number.map(|number| unsigned(number, row, column)).transpose()
}

fn unsigned(number: i64, row: &Row, column: usize) -> Result<u64, Trouble> {
    let name = || row.columns().get(column).map_or("", |column| column.name());
    Ok(u64::try_from(number).map_err(|_| damaged("a table", name(), number, "is negative"))?)
}

pub(super) fn position(row: &Row, column: usize) -> Result<Position, Trouble> {
    number(row, column).map(Position)
}

pub(super) fn time(row: &Row, column: usize) -> Result<Timestamp, Trouble> {
    Ok(Timestamp(row.try_get(column)?))
}

pub(super) fn stream_in(row: &Row, column: usize) -> Result<Stream, Trouble> {
    let number: i32 = row.try_get(column)?;
    Ok(Stream(u16::try_from(number).map_err(|_| damaged("a table", "stream", number, "is no stream"))?))
}

pub(super) fn bytes(row: &Row, column: usize) -> Result<Bytes, Trouble> {
    Ok(Bytes::copy_from_slice(row.try_get(column)?))
}

/// A text that was kept by [`free`].
pub(super) fn text_in(row: &Row, column: usize, table: &str) -> Result<Box<str>, Trouble> {
    let name = || row.columns().get(column).map_or("", |column| column.name());
    let bytes: &[u8] = row.try_get(column)?;
    let text = std::str::from_utf8(bytes).map_err(|wrong| damaged(table, name(), "?", wrong))?;
    Ok(text.into())
}

pub(super) fn app_in(row: &Row, column: usize, table: &str) -> Result<Option<AppId>, Trouble> {
    let number = number_or_none(row, column)?;
    let app = number.map(|number| rows::app(number).map_err(|wrong| damaged(table, "app", number, wrong)));
    Ok(app.transpose()?)
}

pub(super) fn thread_in(row: &Row, column: usize, table: &str) -> Result<ThreadKey, Trouble> {
    let text: &str = row.try_get(column)?;
    Ok(rows::thread_key(text).map_err(|wrong| damaged(table, "thread", text, wrong))?)
}

pub(super) fn chain_in(row: &Row, column: usize, table: &str) -> Result<Chain, Trouble> {
    let text: &str = row.try_get(column)?;
    Ok(rows::chain(text).map_err(|wrong| damaged(table, "chain", text, wrong))?)
}

/// The columns last, last_message_at and state, from a given one on.
pub(super) fn remembered(row: &Row, first: usize, thread: &str) -> Result<Remembered, Trouble> {
    let state = decode_thread(row.try_get(first + 2)?);
    Ok(Remembered {
        thread: state.map_err(|wrong| damaged("threads", "state", thread, wrong))?,
        last: position(row, first)?,
        last_message_at: time(row, first + 1)?,
    })
}

/// The columns of a journal row, as [`journal`] reads them.
pub(super) const JOURNAL: &str = "position, meta, chain, previous, at, whole, reduced, context";

pub(super) fn journal(stream: Stream, row: &Row) -> Result<JournalRow, Trouble> {
    let position = position(row, 0)?;
    let place = || format!("{}/{}", stream.0, position.0);
    let meta = decode_meta(row.try_get(1)?).map_err(|wrong| damaged("journal", "meta", place(), wrong))?;
    let chain: Option<&str> = row.try_get(2)?;
    let chain = chain.map(rows::chain).transpose();
    let perhaps = |column: usize| -> Result<Option<Bytes>, Trouble> {
        let found: Option<&[u8]> = row.try_get(column)?;
        Ok(found.map(Bytes::copy_from_slice))
    };
    Ok(JournalRow {
        position,
        chain: chain.map_err(|wrong| damaged("journal", "chain", place(), wrong))?,
        previous: number_or_none(row, 3)?.map(Position),
        at: time(row, 4)?,
        rule: meta.rule,
        via: meta.via,
        cause: meta.cause,
        by: meta.by,
        event: meta.event,
        notices: meta.notices,
        whole: bytes(row, 5)?,
        reduced: perhaps(6)?,
        context: perhaps(7)?,
        after: meta.after,
    })
}
