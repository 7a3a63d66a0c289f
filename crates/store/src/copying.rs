//! Copies everything from one kind of database into the other, row by row as it is kept: the streams stay as many as they
//! were, and every position, id and token what it was. What was written is read back and compared, before anybody sees it.

use std::fmt;
use std::path::PathBuf;

use crate::postgres::Address;
use crate::rows::{self, damaged};
use crate::{Chain, StoreError, Stream};

mod postgres;
mod sqlite;

/// One end of a copy.
#[derive(Clone, Debug)]
pub enum End {
    /// An SQLite file.
    File(PathBuf),
    /// A PostgreSQL database.
    Postgres(Box<Address>),
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            End::File(path) => path.display().fmt(f),
            End::Postgres(address) => address.fmt(f),
        }
    }
}

/// What was copied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copied {
    /// How many streams there are.
    pub streams: u16,
    /// How many rows each table has.
    pub tables: Vec<(&'static str, u64)>,
}

/// Copies a database that no server uses into one that is not there yet, or is empty. `told` hears of each table, when so
/// many rows of it are read.
///
/// # Errors
/// [`StoreError::CannotOpen`] where one of the two is used, is not there, or has something in it; [`StoreError::Damaged`]
/// where what was read back is not what was written. Nothing is left of the copy then.
pub async fn copy(
    from: &End,
    to: &End,
    told: impl FnMut(&'static str, u64) + Send,
) -> Result<Copied, StoreError> {
    match (from, to) {
        (End::File(path), End::Postgres(address)) => {
            let source = sqlite::Source::open(path).await?;
            postgres::write(address, source, told).await
        }
        (End::Postgres(address), End::File(path)) => {
            let source = postgres::Source::open(address).await?;
            sqlite::write(path, source, told).await
        }
        (End::File(_), End::File(_)) => {
            Err(StoreError::CannotOpen("a file is copied by `baton backup`".to_owned()))
        }
        (End::Postgres(_), End::Postgres(_)) => {
            Err(StoreError::CannotOpen("PostgreSQL is copied by its own tools, as pg_dump".to_owned()))
        }
    }
}

/// What is true of a whole database.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Facts {
    streams: u16,
    key: Vec<u8>,
    settings_version: i64,
    clock: Option<(i64, Option<i64>)>,
}

/// How a column is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// 64 bits.
    Int,
    /// 32 bits in PostgreSQL.
    Small,
    /// A number in SQLite.
    Bool,
    Text,
    /// A text that callers chose: bytes in PostgreSQL.
    Free,
    Bytes,
}

/// A value of any of them, or none.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Value {
    Nothing,
    Int(i64),
    Text(String),
    Bytes(Vec<u8>),
}

/// What SQLite's table does not have, since it follows from another column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Derived {
    Nothing,
    /// The stream of a chain; the chain is the second column.
    StreamOfChain,
    /// The stream of a page; the page is the second column.
    StreamOfPage,
    /// The side of a thread's page; the thread is the second column. A file lists a side's threads in a table of its own.
    SideOfThread,
    /// A journal's row is found by stream and position as one number.
    JournalId,
}

/// A table that both have.
#[derive(Debug)]
struct Table {
    name: &'static str,
    columns: &'static [(&'static str, Kind)],
    derived: Derived,
}

const fn table(name: &'static str, columns: &'static [(&'static str, Kind)]) -> Table {
    Table { name, columns, derived: Derived::Nothing }
}

/// All that is kept, but facts, what a migration knows of itself, and what only the nodes of a database need.
const TABLES: &[Table] = {
    use Kind::{Bool, Bytes, Free, Int, Small, Text};
    &[
        table("apps", &[("id", Int), ("ord", Small), ("document", Text)]),
        table("pages", &[("id", Int), ("ord", Small), ("document", Text)]),
        table("past_pages", &[("page", Int), ("version", Int), ("before", Text), ("after", Text)]),
        table("delivery_health", &[("app", Int), ("document", Text)]),
        table("team", &[("one", Bool), ("document", Text)]),
        table("audit", &[("number", Int), ("at", Int), ("document", Text)]),
        table("streams", &[("stream", Small), ("head", Int), ("last_at", Int)]),
        Table {
            name: "journal",
            columns: &[
                ("stream", Small),
                ("position", Int),
                ("chain", Text),
                ("previous", Int),
                ("at", Int),
                ("meta", Bytes),
                ("whole", Bytes),
                ("reduced", Bytes),
                ("context", Bytes),
            ],
            derived: Derived::JournalId,
        },
        Table {
            name: "threads",
            columns: &[
                ("side", Int),
                ("thread", Text),
                ("stream", Small),
                ("last", Int),
                ("last_message_at", Int),
                ("state", Bytes),
            ],
            derived: Derived::SideOfThread,
        },
        Table {
            name: "page_chains",
            columns: &[("stream", Small), ("chain", Text), ("last", Int)],
            derived: Derived::StreamOfChain,
        },
        table(
            "control",
            &[
                ("stream", Small),
                ("thread", Text),
                ("at", Int),
                ("position", Int),
                ("number", Small),
                ("rule", Text),
                ("via", Text),
                ("cause", Text),
                ("by", Int),
                ("owner_from", Int),
                ("owner_to", Int),
                ("expires_at", Int),
                ("metadata", Free),
                ("refused", Text),
            ],
        ),
        table("changes", &[("stream", Small), ("version", Int), ("position", Int), ("at", Int)]),
        table(
            "seen",
            &[
                ("stream", Small),
                ("thread", Text),
                ("key", Free),
                ("at", Int),
                ("fingerprint", Bytes),
                ("answer", Bytes),
            ],
        ),
        table(
            "due",
            &[
                ("stream", Small),
                ("thread", Text),
                ("number", Int),
                ("at", Int),
                ("app", Int),
                ("content", Bytes),
            ],
        ),
        table(
            "ad_counts",
            &[("stream", Small), ("side", Int), ("ad", Free), ("entries", Int), ("conversations", Int)],
        ),
        table("people", &[("stream", Small), ("thread", Text), ("document", Text)]),
        Table {
            name: "assets",
            columns: &[
                ("stream", Small),
                ("page", Int),
                ("kind", Text),
                ("key", Free),
                ("at", Int),
                ("document", Text),
                ("content", Bytes),
            ],
            derived: Derived::StreamOfPage,
        },
        table("cursors", &[("stream", Small), ("app", Int), ("served", Int), ("start", Int)]),
        table(
            "parked",
            &[
                ("stream", Small),
                ("app", Int),
                ("chain", Text),
                ("next", Int),
                ("attempts", Int),
                ("since", Int),
                ("due", Int),
            ],
        ),
        table(
            "dead_letters",
            &[
                ("stream", Small),
                ("app", Int),
                ("position", Int),
                ("chain", Text),
                ("at", Int),
                ("attempts", Int),
                ("reason", Free),
                ("expired", Bool),
            ],
        ),
        table(
            "attempts",
            &[("stream", Small), ("app", Int), ("bucket", Int), ("number", Int), ("tries", Bytes)],
        ),
        table(
            "resends",
            &[("stream", Small), ("app", Int), ("destination", Free), ("position", Int), ("at", Int)],
        ),
    ]
};

impl Table {
    /// The first column of a row that SQLite keeps without it; none where it keeps all.
    fn first(&self, second: &Value, streams: u16) -> Result<Option<Value>, StoreError> {
        let wrong = |wrong: &dyn fmt::Display| damaged(self.name, "stream", "?", wrong);
        let of = |Stream(stream): Stream| Some(Value::Int(i64::from(stream)));
        match (self.derived, second) {
            (Derived::Nothing | Derived::JournalId, _) => Ok(None),
            (Derived::StreamOfChain, Value::Text(text)) => {
                Ok(of(rows::chain(text).map_err(|error| wrong(&error))?.stream(streams)))
            }
            (Derived::StreamOfPage, Value::Int(page)) => {
                let page = page.to_string().parse().map_err(|_| wrong(&"has no page"))?;
                Ok(of(Chain::Page(page, baton_rules::Surface::Messenger).stream(streams)))
            }
            (Derived::SideOfThread, Value::Text(text)) => {
                let key = rows::thread_key(text).map_err(|error| wrong(&error))?;
                let side = i64::try_from(rows::side(key.page, key.surface)).map_err(|error| wrong(&error))?;
                Ok(Some(Value::Int(side)))
            }
            (Derived::StreamOfChain | Derived::StreamOfPage | Derived::SideOfThread, _) => {
                Err(wrong(&"does not follow from its row"))
            }
        }
    }

    /// Whether SQLite keeps it without its first column.
    const fn derives_first(&self) -> bool {
        matches!(self.derived, Derived::StreamOfChain | Derived::StreamOfPage | Derived::SideOfThread)
    }
}

/// Rows in any order, as one number: of what was read, and of what was read back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Sum {
    rows: u64,
    digests: u128,
}

impl Sum {
    fn add(&mut self, row: &[Value]) {
        use sha2::{Digest, Sha256};
        let mut digest = Sha256::new();
        let mut part = |kind: u8, bytes: &[u8]| {
            digest.update([kind]);
            digest.update((bytes.len() as u64).to_be_bytes());
            digest.update(bytes);
        };
        for value in row {
            match value {
                Value::Nothing => part(0, &[]),
                Value::Int(number) => part(1, &number.to_be_bytes()),
                Value::Text(text) => part(2, text.as_bytes()),
                Value::Bytes(bytes) => part(3, bytes),
            }
        }
        let digest = digest.finalize();
        let first = digest.iter().take(16).fold(0_u128, |sum, byte| (sum << 8) | u128::from(*byte));
        self.digests = self.digests.wrapping_add(first);
        self.rows += 1;
    }

    /// What was read back has to be this.
    fn must_be(self, read: Sum, table: &Table, to: &dyn fmt::Display) -> Result<(), StoreError> {
        if self == read {
            return Ok(());
        }
        Err(StoreError::Damaged(format!(
            "{to}: of the table {} {} rows were written and {} read back, or others than were written",
            table.name, self.rows, read.rows
        )))
    }
}

/// Rows that are read at once.
const PIECE: usize = 1_000;

/// Rows of a table, as far as they are read at once.
type Piece = Vec<Vec<Value>>;

/// Where a copy comes from. Nobody changes it meanwhile.
trait Source: Send {
    fn facts(&self) -> &Facts;

    /// The next rows of all tables, one table of [`TABLES`] after another; an empty piece ends each.
    fn next(&mut self) -> impl Future<Output = Result<Piece, StoreError>> + Send;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Store as _;
    use crate::postgres::PostgresStore;
    use crate::sqlite::SqliteStore;

    #[test]
    fn a_sum_tells_rows_apart_and_not_their_order() {
        let (one, other) = (vec![Value::Int(1), Value::Text("a".into())], vec![Value::Nothing]);
        let sum = |rows: &[&Vec<Value>]| {
            let mut sum = Sum::default();
            rows.iter().for_each(|row| sum.add(row));
            sum
        };
        assert_eq!(sum(&[&one, &other]), sum(&[&other, &one]));
        assert_ne!(sum(&[&one, &one]), sum(&[&one, &other]));
        assert_ne!(sum(&[&vec![Value::Text("a".into())]]), sum(&[&vec![Value::Bytes(b"a".to_vec())]]));
    }

    /// What is not copied as a table: facts are written one by one, the rest is of one kind of database only.
    const OTHERS: &[&str] =
        &["facts", "leases", "marks", "meta", "migrations", "nodes", "sqlite_sequence", "thread_log"];

    type Columns = std::collections::BTreeSet<(String, String)>;

    fn copied(leave_out: impl Fn(&Table, &str) -> bool) -> Columns {
        let each = |table: &'static Table| {
            table.columns.iter().map(move |(column, _)| (table, *column)).collect::<Vec<_>>()
        };
        let left = TABLES.iter().flat_map(each).filter(|(table, column)| !leave_out(table, column));
        left.map(|(table, column)| (table.name.to_owned(), column.to_owned())).collect()
    }

    #[tokio::test]
    async fn every_column_of_both_is_copied() {
        let (server, folder) = (baton_pgtest::Server::shared(), tempfile::tempdir().unwrap());
        let text = server.database();
        PostgresStore::migrate(&text.parse().unwrap(), Default::default()).await.unwrap();
        let sql = "SELECT table_name || ' ' || column_name FROM information_schema.columns
                   WHERE table_schema = 'baton' AND is_generated = 'NEVER'";
        let found = server.tell(text.rsplit('/').next().unwrap(), sql);
        let of =
            |line: &str| line.split_once(' ').map(|(table, column)| (table.to_owned(), column.to_owned()));
        let is_copied = |(table, _): &(String, String)| !OTHERS.contains(&table.as_str());
        let mut own = copied(|_, _| false);
        // SQLite keeps it once, and it is written into every stream.
        own.insert(("streams".to_owned(), "settings".to_owned()));
        assert_eq!(found.lines().filter_map(of).filter(is_copied).collect::<Columns>(), own);

        let file = folder.path().join("first.db");
        let store = SqliteStore::open(&file, Default::default()).unwrap();
        store.close().await.unwrap();
        drop(store);
        let db = rusqlite::Connection::open(&file).unwrap();
        let sql = "SELECT tables.name, columns.name FROM sqlite_master AS tables, pragma_table_info(tables.name) AS columns
                   WHERE tables.type = 'table'";
        let mut found = db.prepare(sql).unwrap();
        let found = found.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap().map(Result::unwrap);
        let derives = |table: &Table, column: &str| match table.derived {
            Derived::Nothing => false,
            Derived::StreamOfChain | Derived::StreamOfPage => column == "stream",
            Derived::SideOfThread => column == "side",
            Derived::JournalId => matches!(column, "stream" | "position"),
        };
        let mut own = copied(derives);
        own.insert(("journal".to_owned(), "id".to_owned()));
        own.extend(["side", "at", "thread"].map(|column| ("newest".to_owned(), column.to_owned())));
        assert_eq!(found.filter(is_copied).collect::<Columns>(), own);
    }
}
