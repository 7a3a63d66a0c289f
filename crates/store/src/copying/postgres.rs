//! A PostgreSQL database as an end of a copy. It is read as it stood at one moment, while no node is there, and written in
//! one transaction.

use std::pin::pin;

use deadpool_postgres::ClientWrapper;
use tokio_postgres::Row;
use tokio_postgres::binary_copy::BinaryCopyInWriter;
use tokio_postgres::types::{ToSql, Type};

use super::{Copied, Facts, Kind, PIECE, Piece, Source as _, Sum, TABLES, Table, Value};
use crate::StoreError;
use crate::postgres::{Address, Lent, Trouble, copying as own};
use crate::rows::damaged;

/// A database that is read.
pub(super) struct Source {
    lent: Lent,
    facts: Facts,
    /// The next table, and whether its cursor is open.
    table: usize,
    is_open: bool,
}

impl Source {
    /// Opens a database that no node uses.
    pub(super) async fn open(address: &Address) -> Result<Source, StoreError> {
        let lent = own::look_alone(address).await?;
        let facts = facts(lent.client()?).await?;
        Ok(Source { lent, facts, table: 0, is_open: false })
    }

    async fn piece(&mut self) -> Result<Piece, Trouble> {
        let Some(table) = TABLES.get(self.table) else { return Ok(Vec::new()) };
        let client = self.lent.client()?;
        if !self.is_open {
            let sql = format!(
                "DECLARE piece NO SCROLL CURSOR FOR SELECT {} FROM baton.{}",
                quoted(table),
                table.name
            );
            client.batch_execute(&sql).await?;
            self.is_open = true;
        }
        let found = client.query(&format!("FETCH {PIECE} FROM piece"), &[]).await?;
        if found.is_empty() {
            client.batch_execute("CLOSE piece").await?;
            (self.table, self.is_open) = (self.table + 1, false);
        }
        found.iter().map(|row| values(row, table)).collect()
    }
}

impl super::Source for Source {
    fn facts(&self) -> &Facts {
        &self.facts
    }

    async fn next(&mut self) -> Result<Piece, StoreError> {
        self.piece().await.map_err(Trouble::into_error)
    }
}

fn quoted(table: &Table) -> String {
    table.columns.iter().map(|(column, _)| format!("\"{column}\"")).collect::<Vec<_>>().join(", ")
}

fn values(row: &Row, table: &Table) -> Result<Vec<Value>, Trouble> {
    let mut values = Vec::with_capacity(table.columns.len());
    for (column, (name, kind)) in table.columns.iter().enumerate() {
        let value = match kind {
            Kind::Int => row.try_get::<_, Option<i64>>(column)?.map(Value::Int),
            Kind::Small => row.try_get::<_, Option<i32>>(column)?.map(|number| Value::Int(number.into())),
            Kind::Bool => row.try_get::<_, Option<bool>>(column)?.map(|is| Value::Int(is.into())),
            Kind::Text => row.try_get::<_, Option<String>>(column)?.map(Value::Text),
            Kind::Bytes => row.try_get::<_, Option<Vec<u8>>>(column)?.map(Value::Bytes),
            Kind::Free => match row.try_get::<_, Option<Vec<u8>>>(column)? {
                Some(bytes) => {
                    let text = String::from_utf8(bytes);
                    Some(Value::Text(text.map_err(|wrong| damaged(table.name, name, "?", wrong))?))
                }
                None => None,
            },
        };
        values.push(value.unwrap_or(Value::Nothing));
    }
    Ok(values)
}

async fn facts(client: &ClientWrapper) -> Result<Facts, StoreError> {
    let sql = "SELECT streams, key, settings_version, clock_offset, clock_frozen FROM baton.facts";
    let read = async {
        let row = client.query_one(sql, &[]).await?;
        let streams: i32 = row.try_get(0)?;
        let streams =
            u16::try_from(streams).map_err(|_| damaged("facts", "streams", 1, "is no number of streams"))?;
        let offset: Option<i64> = row.try_get(3)?;
        let frozen: Option<i64> = row.try_get(4)?;
        Ok::<_, Trouble>(Facts {
            streams,
            key: row.try_get(1)?,
            settings_version: row.try_get(2)?,
            clock: offset.map(|offset| (offset, frozen)),
        })
    };
    read.await.map_err(Trouble::into_error)
}

/// Writes everything into a database that is empty.
pub(super) async fn write(
    address: &Address,
    mut source: super::sqlite::Source,
    told: impl FnMut(&'static str, u64) + Send,
) -> Result<Copied, StoreError> {
    let lent = own::begin_in_new(address, source.facts().streams).await?;
    let copied = fill(lent.client()?, address, &mut source, told).await.map_err(Trouble::into_error)?;
    lent.give_back();
    Ok(copied)
}

async fn fill(
    client: &ClientWrapper,
    address: &Address,
    source: &mut super::sqlite::Source,
    mut told: impl FnMut(&'static str, u64) + Send,
) -> Result<Copied, Trouble> {
    let facts = source.facts().clone();
    client.batch_execute("DELETE FROM baton.streams").await?;
    let mut tables = Vec::new();
    // A stream's row names the version of the settings, which SQLite keeps once.
    client.batch_execute("ALTER TABLE baton.streams ALTER COLUMN settings SET DEFAULT 0").await?;
    for table in TABLES {
        let types: Vec<Type> = table.columns.iter().map(|(_, kind)| type_of(*kind)).collect();
        let sql = format!("COPY baton.{} ({}) FROM STDIN BINARY", table.name, quoted(table));
        let sink = client.copy_in(&sql).await?;
        let mut writer = pin!(BinaryCopyInWriter::new(sink, &types));
        let mut sum = Sum::default();
        loop {
            let rows = source.next().await?;
            if rows.is_empty() {
                break;
            }
            for row in &rows {
                sum.add(row);
                let values = row.iter().zip(table.columns);
                let values: Vec<Box<dyn ToSql + Sync + Send>> =
                    values.map(|(value, (_, kind))| bound(value, *kind)).collect();
                writer
                    .as_mut()
                    .write_raw(values.iter().map(|value| -> &(dyn ToSql + Sync) { value.as_ref() }))
                    .await?;
            }
            told(table.name, sum.rows);
        }
        writer.finish().await?;
        tables.push((table, sum));
    }
    client.batch_execute("ALTER TABLE baton.streams ALTER COLUMN settings DROP DEFAULT").await?;
    client.execute("UPDATE baton.streams SET settings = $1", &[&facts.settings_version]).await?;
    let (offset, frozen) = facts.clock.map_or((None, None), |(offset, frozen)| (Some(offset), frozen));
    let sql = "UPDATE baton.facts SET key = $1, settings_version = $2, clock_offset = $3, clock_frozen = $4,
                   last_audit = coalesce((SELECT max(number) FROM baton.audit), 0)";
    client.execute(sql, &[&facts.key, &facts.settings_version, &offset, &frozen]).await?;
    for (table, written) in &tables {
        let sum = read_back(client, table).await?;
        written.must_be(sum, table, address)?;
    }
    client.batch_execute("COMMIT").await?;
    let tables = tables.into_iter().map(|(table, sum)| (table.name, sum.rows)).collect();
    Ok(Copied { streams: facts.streams, tables })
}

async fn read_back(client: &ClientWrapper, table: &Table) -> Result<Sum, Trouble> {
    let sql = format!("DECLARE back NO SCROLL CURSOR FOR SELECT {} FROM baton.{}", quoted(table), table.name);
    client.batch_execute(&sql).await?;
    let mut sum = Sum::default();
    loop {
        let rows = client.query(&format!("FETCH {PIECE} FROM back"), &[]).await?;
        if rows.is_empty() {
            break;
        }
        for row in &rows {
            sum.add(&values(row, table)?);
        }
    }
    client.batch_execute("CLOSE back").await?;
    Ok(sum)
}

const fn type_of(kind: Kind) -> Type {
    match kind {
        Kind::Int => Type::INT8,
        Kind::Small => Type::INT4,
        Kind::Bool => Type::BOOL,
        Kind::Text => Type::TEXT,
        Kind::Free | Kind::Bytes => Type::BYTEA,
    }
}

fn bound(value: &Value, kind: Kind) -> Box<dyn ToSql + Sync + Send> {
    match (value, kind) {
        (Value::Int(number), Kind::Small) => Box::new(i32::try_from(*number).ok()),
        (Value::Int(number), Kind::Bool) => Box::new(*number != 0),
        (Value::Int(number), _) => Box::new(*number),
        (Value::Text(text), Kind::Text) => Box::new(text.clone()),
        (Value::Text(text), _) => Box::new(text.as_bytes().to_vec()),
        (Value::Bytes(bytes), _) => Box::new(bytes.clone()),
        (Value::Nothing, Kind::Int) => Box::new(None::<i64>),
        (Value::Nothing, Kind::Small) => Box::new(None::<i32>),
        (Value::Nothing, Kind::Bool) => Box::new(None::<bool>),
        (Value::Nothing, Kind::Text) => Box::new(None::<String>),
        (Value::Nothing, Kind::Free | Kind::Bytes) => Box::new(None::<Vec<u8>>),
    }
}
