//! A file as an end of a copy. It is read under the lock that keeps servers away, and written beside its place.

use std::path::Path;

use rusqlite::types::{ToSqlOutput, Value as Cell, ValueRef};
use rusqlite::{Connection, ToSql, params, params_from_iter};
use tokio::sync::mpsc;

use super::{Copied, Derived, Facts, PIECE, Piece, Source as _, Sum, TABLES, Table, Value};
use crate::rows::damaged;
use crate::sqlite::{Options, SqliteStore, copying as own};
use crate::{Store as _, StoreError};

/// A file that is read, by a thread of its own.
pub(super) struct Source {
    facts: Facts,
    pieces: mpsc::Receiver<Result<Piece, StoreError>>,
}

/// Pieces that are read before they are wanted.
const AHEAD: usize = 4;

impl Source {
    /// Opens a file that no server uses, and brings it to this program's schema.
    pub(super) async fn open(path: &Path) -> Result<Source, StoreError> {
        if !path.try_exists().unwrap_or(false) {
            return Err(StoreError::CannotOpen(format!("{} is not there", path.display())));
        }
        let path = path.to_owned();
        // Opened as a server does, and closed: what was still to be written into tables is, then.
        let opening = path.clone();
        let store = blocking(move || SqliteStore::open(&opening, Options::default())).await?;
        store.close().await?;
        drop(store);
        let (db, lock) = blocking(move || own::read_alone(&path)).await?;
        let facts = facts(&db)?;
        let (sender, pieces) = mpsc::channel(AHEAD);
        let streams = facts.streams;
        tokio::task::spawn_blocking(move || {
            for table in TABLES {
                let read = read(&db, table, streams, &mut |rows| sender.blocking_send(Ok(rows)).is_ok());
                let ended = match read {
                    Ok(()) => sender.blocking_send(Ok(Vec::new())),
                    Err(error) => sender.blocking_send(Err(error)),
                };
                if ended.is_err() {
                    break;
                }
            }
            drop(lock);
        });
        Ok(Source { facts, pieces })
    }
}

impl super::Source for Source {
    fn facts(&self) -> &Facts {
        &self.facts
    }

    async fn next(&mut self) -> Result<Piece, StoreError> {
        let ended = || Err(StoreError::Unavailable("the file was not read to its end".to_owned()));
        self.pieces.recv().await.unwrap_or_else(ended)
    }
}

/// Reads a table, as long as somebody wants what is read.
fn read(
    db: &Connection,
    table: &Table,
    streams: u16,
    take: &mut dyn FnMut(Piece) -> bool,
) -> Result<(), StoreError> {
    let Table { name, columns, .. } = table;
    let without = usize::from(table.derives_first());
    let kept: Vec<&str> = columns.iter().map(|(column, _)| *column).skip(without).collect();
    let failed = |error: rusqlite::Error| own::told(&error);
    let mut statement = db.prepare(&format!("SELECT {} FROM {name}", quoted(&kept))).map_err(failed)?;
    let mut found = statement.query([]).map_err(failed)?;
    let mut rows = Vec::new();
    while let Some(row) = found.next().map_err(failed)? {
        let mut values = Vec::with_capacity(columns.len());
        for column in 0..kept.len() {
            values.push(value(row.get_ref(column).map_err(failed)?, name)?);
        }
        if let Some(second) = values.first()
            && let Some(first) = table.first(second, streams)?
        {
            values.insert(0, first);
        }
        rows.push(values);
        if rows.len() == PIECE && !take(std::mem::take(&mut rows)) {
            return Ok(());
        }
    }
    if !rows.is_empty() {
        take(rows);
    }
    Ok(())
}

/// `before`, `by` and the like are words of SQL too.
fn quoted(columns: &[&str]) -> String {
    columns.iter().map(|column| format!("\"{column}\"")).collect::<Vec<_>>().join(", ")
}

fn value(found: ValueRef<'_>, table: &str) -> Result<Value, StoreError> {
    let text = |text: &[u8]| String::from_utf8(text.to_vec());
    Ok(match found {
        ValueRef::Null => Value::Nothing,
        ValueRef::Integer(number) => Value::Int(number),
        ValueRef::Text(bytes) => {
            Value::Text(text(bytes).map_err(|error| damaged(table, "a text", "?", error))?)
        }
        ValueRef::Blob(bytes) => Value::Bytes(bytes.to_vec()),
        ValueRef::Real(_) => return Err(damaged(table, "a number", "?", "is not whole")),
    })
}

fn facts(db: &Connection) -> Result<Facts, StoreError> {
    let fact = |name: &str| -> Result<Option<Cell>, StoreError> {
        let sql = "SELECT value FROM meta WHERE name = ?1";
        match db.query_row(sql, [name], |row| row.get(0)) {
            Ok(found) => Ok(Some(found)),
            Err(rusqlite::Error::QueryReturnedNoRows) => Ok(None),
            Err(error) => Err(own::told(&error)),
        }
    };
    let number = |name: &str| -> Result<Option<i64>, StoreError> {
        Ok(match fact(name)? {
            Some(Cell::Integer(number)) => Some(number),
            Some(_) | None => None,
        })
    };
    let missing = |name: &str| damaged("meta", "value", name, "is missing");
    let streams = number("streams")?.and_then(|streams| u16::try_from(streams).ok());
    let Some(Cell::Blob(key)) = fact("key")? else { return Err(missing("key")) };
    let clock = match number("clock_offset")? {
        Some(offset) => Some((offset, number("clock_frozen")?)),
        None => None,
    };
    Ok(Facts {
        streams: streams.ok_or_else(|| missing("streams"))?,
        key,
        settings_version: number("settings_version")?.ok_or_else(|| missing("settings_version"))?,
        clock,
    })
}

/// Writes everything into a new file.
pub(super) async fn write(
    path: &Path,
    mut source: super::postgres::Source,
    mut told: impl FnMut(&'static str, u64) + Send,
) -> Result<Copied, StoreError> {
    let facts = source.facts().clone();
    let (at, streams) = (path.to_owned(), facts.streams);
    let draft = blocking(move || own::draft(&at, Options { streams, ..Options::default() })).await?;
    let written = async {
        let db = own::open_draft(&draft)?;
        let mut tables = Vec::new();
        let failed = |error: rusqlite::Error| own::told(&error);
        db.execute_batch("BEGIN; DELETE FROM streams").map_err(failed)?;
        write_facts(&db, &facts)?;
        for table in TABLES {
            let mut sum = Sum::default();
            loop {
                let rows = source.next().await?;
                if rows.is_empty() {
                    break;
                }
                rows.iter().for_each(|row| sum.add(row));
                rows.iter().try_for_each(|row| insert(&db, table, row))?;
                told(table.name, sum.rows);
            }
            tables.push((table, sum));
        }
        db.execute_batch("COMMIT").map_err(failed)?;
        db.close().map_err(|(_, error)| own::told(&error))?;
        read_back(&draft, &tables)?;
        let tables = tables.into_iter().map(|(table, sum)| (table.name, sum.rows)).collect();
        Ok(Copied { streams: facts.streams, tables })
    };
    match written.await {
        Ok(copied) => {
            let path = path.to_owned();
            blocking(move || own::publish(&draft, &path)).await?;
            Ok(copied)
        }
        Err(error) => {
            own::discard(&draft);
            Err(error)
        }
    }
}

fn write_facts(db: &Connection, facts: &Facts) -> Result<(), StoreError> {
    let sql = "INSERT OR REPLACE INTO meta (name, value) VALUES (?1, ?2)";
    let number = |name: &str, number: i64| db.execute(sql, params![name, number]).map(|_| ());
    let written = || -> rusqlite::Result<()> {
        db.execute(sql, params!["key", facts.key])?;
        number("settings_version", facts.settings_version)?;
        if let Some((offset, frozen)) = facts.clock {
            number("clock_offset", offset)?;
            if let Some(frozen) = frozen {
                number("clock_frozen", frozen)?;
            }
        }
        Ok(())
    };
    written().map_err(|error| own::told(&error))
}

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Value::Nothing => ValueRef::Null,
            Value::Int(number) => ValueRef::Integer(*number),
            Value::Text(text) => ValueRef::Text(text.as_bytes()),
            Value::Bytes(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

fn insert(db: &Connection, table: &Table, row: &[Value]) -> Result<(), StoreError> {
    let mut columns: Vec<&str> = table.columns.iter().map(|(column, _)| *column).collect();
    let mut values = row.to_vec();
    let no_place = || damaged(table.name, "stream", "?", "has no place");
    match table.derived {
        Derived::Nothing => {}
        Derived::StreamOfChain | Derived::StreamOfPage => {
            columns.remove(0);
            values.remove(0);
        }
        Derived::SideOfThread => {
            columns.remove(0);
            let side = values.remove(0);
            let [thread, _, _, at, _] = &values[..] else { return Err(no_place()) };
            put(db, "newest", &["side", "at", "thread"], &[side, at.clone(), thread.clone()])?;
        }
        Derived::JournalId => {
            let (Some(Value::Int(stream)), Some(Value::Int(position))) = (row.first(), row.get(1)) else {
                return Err(no_place());
            };
            columns.splice(0..2, ["id"]);
            values.splice(0..2, [Value::Int((stream << 48) | position)]);
        }
    }
    put(db, table.name, &columns, &values)
}

fn put(db: &Connection, table: &str, columns: &[&str], values: &[Value]) -> Result<(), StoreError> {
    let places = vec!["?"; values.len()].join(", ");
    let sql = format!("INSERT INTO {table} ({}) VALUES ({places})", quoted(columns));
    let mut statement = db.prepare_cached(&sql).map_err(|error| own::told(&error))?;
    statement.execute(params_from_iter(values.iter())).map_err(|error| own::told(&error))?;
    Ok(())
}

/// Reads what was written, as another program would.
fn read_back(draft: &Path, tables: &[(&'static Table, Sum)]) -> Result<(), StoreError> {
    let db = own::open_draft(draft)?;
    let streams = facts(&db)?.streams;
    for (table, written) in tables {
        let mut sum = Sum::default();
        read(&db, table, streams, &mut |rows| {
            rows.iter().for_each(|row| sum.add(row));
            true
        })?;
        written.must_be(sum, table, &draft.display())?;
    }
    Ok(())
}

/// Does what waits for a disk where it holds nobody up.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(StoreError::Unavailable(error.to_string())))
}
