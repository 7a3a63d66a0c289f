//! Opening a database: whose file it is, whether somebody else uses it, whether it is whole, and whether
//! this program is new enough for it. Nothing is changed before all of that is known.

use std::ffi::OsString;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use baton_rules::Timestamp;
use rand::TryRngCore;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, OptionalExtension, params};
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

use super::Options;
use super::folding::Threads;
use super::trouble::Trouble;
use super::write::{Head, State};
use crate::rows::damaged;
use crate::{App, Migration, Page, Position, Settings, StoreError};

/// Marks a database as Baton's own, in its header: "BTON".
const APPLICATION_ID: u32 = 0x4254_4F4E;

/// How much of a file is read to know whose it is.
const HEADER: usize = 100;

/// The stream is the upper 16 bits of a journal row's id, of which the first is the sign.
const MOST_STREAMS: u16 = 4096;

/// The schema, oldest first. What is here is never changed: a change is one more.
const MIGRATIONS: &[(&str, &str)] = &[
    ("0001_initial", include_str!("../../migrations/sqlite/0001_initial.sql")),
    ("0002_people", include_str!("../../migrations/sqlite/0002_people.sql")),
    ("0003_chains", include_str!("../../migrations/sqlite/0003_chains.sql")),
    ("0004_ad_counts", include_str!("../../migrations/sqlite/0004_ad_counts.sql")),
    ("0005_assets", include_str!("../../migrations/sqlite/0005_assets.sql")),
    ("0006_deliveries", include_str!("../../migrations/sqlite/0006_deliveries.sql")),
    ("0007_team", include_str!("../../migrations/sqlite/0007_team.sql")),
    ("0008_history", include_str!("../../migrations/sqlite/0008_history.sql")),
    ("0009_retention", include_str!("../../migrations/sqlite/0009_retention.sql")),
    ("0010_lagging_threads", include_str!("../../migrations/sqlite/0010_lagging_threads.sql")),
];

/// A database that is ready to be written.
pub(super) struct Opened {
    pub(super) db: Connection,
    /// Held as long as the database is used.
    pub(super) lock: File,
    pub(super) streams: u16,
    pub(super) key: [u8; 32],
    pub(super) state: State,
    pub(super) threads: Threads,
}

fn migration(from: Option<usize>) -> Migration {
    let steps = MIGRATIONS.iter().skip(from.unwrap_or(0)).map(|(name, _)| *name).collect();
    Migration { from, to: MIGRATIONS.len(), known: MIGRATIONS.len(), steps }
}

/// Opens, and makes what is not there.
pub(super) fn open(path: &Path, options: Options) -> Result<(Opened, Migration), StoreError> {
    let lock = lock(path)?;
    let is_there = match path.try_exists() {
        Ok(true) => true,
        Ok(false) => {
            make(path, options)?;
            false
        }
        Err(error) => return Err(cannot(path, error)),
    };
    check_header(path)?;
    let mut db = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE).map_err(|error| opening(path, error))?;
    let schema = schema(&db, path)?;
    migrate(&mut db, schema).map_err(|trouble| in_file(path, trouble))?;
    prepare_writer(&db).map_err(|error| opening(path, error))?;
    let (streams, key, state) = load(&db).map_err(|trouble| in_file(path, trouble))?;
    let threads = Threads::load(&db, streams, options.lagging).map_err(|trouble| in_file(path, trouble))?;
    let migration = migration(is_there.then_some(schema));
    Ok((Opened { db, lock, streams, key, state, threads }, migration))
}

/// Opens as [`open`] does, and closes again.
pub(super) fn bring_up(path: &Path, options: Options) -> Result<Migration, StoreError> {
    let (Opened { db, lock, .. }, migration) = open(path, options)?;
    // The last connection folds the log into the file.
    db.close().map_err(|(_, error)| opening(path, error))?;
    drop(lock);
    Ok(migration)
}

/// What [`open`] would do to the schema, from looking alone.
pub(super) fn look(path: &Path) -> Result<Migration, StoreError> {
    match path.try_exists() {
        Ok(true) => {}
        Ok(false) => return no_log_without_it(path).map(|()| migration(None)),
        Err(error) => return Err(cannot(path, error)),
    }
    check_header(path)?;
    let db = onlooker(path)?;
    let schema = schema(&db, path)?;
    if schema == MIGRATIONS.len() {
        examine(&db).map_err(|trouble| in_file(path, trouble))?;
    }
    Ok(migration(Some(schema)))
}

/// Copies a database as it stands at one moment into a new file, also while a server writes it; the copy is looked
/// through before it gets its name. Returns its size in bytes.
pub(super) fn copy(path: &Path, to: &Path) -> Result<u64, StoreError> {
    let taken = |what: &str| cannot(to, format!("{what}: a backup is written into a new file"));
    if !path.try_exists().map_err(|error| cannot(path, error))? {
        return Err(cannot(path, "there is no such database"));
    }
    if to.try_exists().map_err(|error| cannot(to, error))? {
        return Err(taken("it is there already"));
    }
    check_header(path)?;
    let db = onlooker(path)?;
    // What is written is another file; this one is open for reading alone.
    db.pragma_update(None, "query_only", false).map_err(|error| opening(path, error))?;
    schema(&db, path)?;
    let draft = beside(to, ".making");
    let file = OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&draft);
    let file = file.map_err(|error| cannot(&draft, error))?;
    let copied = || -> Result<u64, StoreError> {
        let name = draft.to_str().ok_or_else(|| cannot(&draft, "its name is not UTF-8"))?;
        db.execute("VACUUM INTO ?1", [name]).map_err(|error| opening(&draft, error))?;
        file.sync_all().map_err(|error| cannot(&draft, error))?;
        let copy = onlooker(&draft)?;
        let found: String = copy
            .query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))
            .map_err(|error| opening(&draft, error))?;
        if found != "ok" {
            return Err(StoreError::Damaged(format!("{}: {found}", path.display())));
        }
        examine(&copy).map_err(|trouble| in_file(&draft, trouble))?;
        drop(copy);
        // No other file may have come there meanwhile: a hard link takes no name that is taken.
        std::fs::hard_link(&draft, to).map_err(|error| match error.kind() {
            ErrorKind::AlreadyExists => taken("it is there already"),
            _ => cannot(to, error),
        })?;
        Ok(file.metadata().map_err(|error| cannot(to, error))?.len())
    };
    let copied = copied();
    let removed = std::fs::remove_file(&draft);
    let size = copied?;
    removed.map_err(|error| cannot(&draft, error))?;
    sync_folder(to)?;
    Ok(size)
}

/// Makes names in a file's folder durable.
fn sync_folder(path: &Path) -> Result<(), StoreError> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = File::open(folder.unwrap_or(Path::new(".")));
    folder.and_then(|folder| folder.sync_all()).map_err(|error| cannot(path, error))
}

/// Another connection that may write.
pub(super) fn writable(path: &Path) -> Result<Connection, StoreError> {
    let db = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE).map_err(|error| opening(path, error))?;
    prepare_writer(&db).map_err(|error| opening(path, error))?;
    Ok(db)
}

/// A connection that cannot write.
pub(super) fn reader(path: &Path) -> Result<Connection, StoreError> {
    let prepared = || -> Result<Connection, Trouble> {
        let db = connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        db.pragma_update(None, "query_only", true)?;
        db.pragma_update(None, "cache_size", -8 * 1024)?;
        Ok(db)
    };
    prepared().map_err(|error| opening(path, error))
}

/// A connection that leaves no trace. A reader of a database with a log makes the log's files where they are
/// not; where they are not, nobody writes, and the database can be read as if it never changed.
fn onlooker(path: &Path) -> Result<Connection, StoreError> {
    if beside(path, "-wal").exists() {
        return reader(path);
    }
    let mut address = String::from("file:");
    for byte in path.as_os_str().as_encoded_bytes() {
        match byte {
            b'/' | b'.' | b'-' | b'_' | b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => {
                address.push(char::from(*byte));
            }
            other => address.push_str(&format!("%{other:02X}")),
        }
    }
    address.push_str("?immutable=1");
    let access = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
    connect(Path::new(&address), access).map_err(|error| opening(path, error))
}

fn cannot(path: &Path, why: impl std::fmt::Display) -> StoreError {
    StoreError::CannotOpen(format!("cannot open {}: {why}", path.display()))
}

/// The file's name is part of what is wrong.
fn in_file(path: &Path, trouble: Trouble) -> StoreError {
    match trouble.into_error() {
        StoreError::Damaged(what) => StoreError::Damaged(format!("{}: {what}", path.display())),
        StoreError::Unavailable(what) => cannot(path, what),
        other @ (StoreError::CannotOpen(_) | StoreError::Closed) => other,
    }
}

fn opening(path: &Path, trouble: impl Into<Trouble>) -> StoreError {
    in_file(path, trouble.into())
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(ending);
    PathBuf::from(name)
}

/// Keeps a second process out. The file stays when the lock is let go: taking it away would let two in.
pub(super) fn lock(path: &Path) -> Result<File, StoreError> {
    let name = beside(path, ".lock");
    let file = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(&name);
    let file = file.map_err(|error| match error.kind() {
        ErrorKind::NotFound => cannot(path, "there is no such folder: make it or choose another --data"),
        ErrorKind::PermissionDenied => cannot(path, "this user may not write there"),
        _ => cannot(path, error),
    })?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::CannotOpen(format!(
            "another baton is using {}: stop it or choose another --data",
            path.display()
        ))),
        Err(TryLockError::Error(error)) => Err(cannot(path, error)),
    }
}

/// Makes a database beside its place and moves it there when it is whole: what stands at the place was never
/// half made.
fn make(path: &Path, options: Options) -> Result<(), StoreError> {
    let draft = draft(path, options)?;
    take_place(&draft, path)
}

/// Makes a database beside its place.
pub(super) fn draft(path: &Path, options: Options) -> Result<PathBuf, StoreError> {
    if !(1..=MOST_STREAMS).contains(&options.streams) {
        return Err(cannot(path, format!("the number of streams is 1 to {MOST_STREAMS}")));
    }
    no_log_without_it(path)?;
    let draft = beside(path, ".making");
    remove_draft(&draft)?;
    let file = OpenOptions::new().create_new(true).write(true).mode(0o600).open(&draft);
    drop(file.map_err(|error| cannot(&draft, error))?);
    fill(&draft, options)?;
    Ok(draft)
}

/// Takes away what was begun beside a database's place.
pub(super) fn remove_draft(draft: &Path) -> Result<(), StoreError> {
    for ending in ["", "-journal", "-wal", "-shm"] {
        match std::fs::remove_file(beside(draft, ending)) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(cannot(draft, error)),
            Ok(()) | Err(_) => {}
        }
    }
    Ok(())
}

/// Moves a database to its place.
pub(super) fn take_place(draft: &Path, path: &Path) -> Result<(), StoreError> {
    std::fs::rename(draft, path).map_err(|error| cannot(path, error))?;
    sync_folder(path)
}

/// A log whose database is not there has what nobody else has: no new database takes its place.
fn no_log_without_it(path: &Path) -> Result<(), StoreError> {
    let log = beside(path, "-wal");
    if log.metadata().is_ok_and(|log| log.len() > 0) {
        return Err(StoreError::Damaged(format!(
            "{} is there and {} is not: put the database back from where it was moved, or take the other \
             away to begin anew",
            log.display(),
            path.display()
        )));
    }
    Ok(())
}

/// Puts the schema and the facts of a new database into an empty file.
fn fill(draft: &Path, options: Options) -> Result<(), StoreError> {
    let mut key = [0; 32];
    rand::rngs::OsRng
        .try_fill_bytes(&mut key)
        .map_err(|error| cannot(draft, format!("the system has no randomness: {error}")))?;
    let made = || -> Result<(), Trouble> {
        let mut db = connect(draft, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        db.pragma_update(None, "page_size", 4096)?;
        db.pragma_update(None, "application_id", APPLICATION_ID)?;
        db.pragma_update(None, "synchronous", "FULL")?;
        let tx = db.transaction()?;
        tx.execute_batch(
            "CREATE TABLE migrations (
                 number   INTEGER NOT NULL PRIMARY KEY,
                 name     TEXT    NOT NULL,
                 checksum BLOB    NOT NULL
             ) STRICT;",
        )?;
        for number in 0..MIGRATIONS.len() {
            apply(&tx, number)?;
        }
        let fact = "INSERT INTO meta (name, value) VALUES (?1, ?2)";
        tx.execute(fact, params!["streams", options.streams])?;
        tx.execute(fact, params!["key", key])?;
        tx.execute(fact, params!["settings_version", 0])?;
        for stream in 0..options.streams {
            tx.execute("INSERT INTO streams (stream, head, last_at) VALUES (?1, 0, 0)", [stream])?;
        }
        tx.commit()?;
        db.close().map_err(|(_, error)| error)?;
        Ok(())
    };
    made().map_err(|error| opening(draft, error))
}

/// Looks at the file itself, before SQLite does and perhaps changes it.
fn check_header(path: &Path) -> Result<(), StoreError> {
    let denied = |error: std::io::Error| match error.kind() {
        ErrorKind::PermissionDenied => cannot(path, "this user may not read it"),
        _ => cannot(path, error),
    };
    let file = File::open(path).map_err(denied)?;
    let length = file.metadata().map_err(denied)?.len();
    let mut header = Vec::with_capacity(HEADER);
    file.take(HEADER as u64).read_to_end(&mut header).map_err(denied)?;
    let damaged = |what: &str| Err(StoreError::Damaged(format!("{} {what}", path.display())));
    let number = |at: usize| {
        let bytes = header.get(at..at + 4).and_then(|bytes| bytes.try_into().ok());
        bytes.map_or(0, u32::from_be_bytes)
    };
    if length == 0 {
        return damaged("is empty: put a backup in its place, or take the file away to begin anew");
    }
    if !header.starts_with(b"SQLite format 3\0") {
        return damaged("is not a database: put a backup in its place, or choose another --data");
    }
    if header.len() < HEADER {
        return damaged("is cut off within its first page: put a backup in its place");
    }
    if number(68) != APPLICATION_ID {
        return Err(cannot(path, "it is a database of another program; choose another --data"));
    }
    Ok(())
}

/// What every connection has.
fn connect(path: &Path, access: OpenFlags) -> rusqlite::Result<Connection> {
    let db = Connection::open_with_flags(path, access | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    db.busy_timeout(Duration::from_secs(5))?;
    db.set_prepared_statement_cache_capacity(64);
    // Plans by the statement alone: else SQLite plans one anew for each value that is compared with a key, which took
    // a third of the writer's time.
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    db.pragma_update(None, "trusted_schema", false)?;
    db.pragma_update(None, "cell_size_check", true)?;
    db.pragma_update(None, "foreign_keys", true)?;
    db.pragma_update(None, "temp_store", "MEMORY")?;
    Ok(db)
}

/// What makes a commit durable, and quick.
fn prepare_writer(db: &Connection) -> Result<(), Trouble> {
    let mode: String =
        db.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get::<_, String>(0))?;
    if !mode.eq_ignore_ascii_case("wal") {
        return Err(StoreError::Unavailable("this disk allows no write-ahead log".to_owned()).into());
    }
    db.pragma_update(None, "synchronous", "FULL")?;
    db.pragma_update(None, "cache_size", -64 * 1024)?;
    Ok(())
}

/// The schema of a database, if this program knows it.
fn schema(db: &Connection, path: &Path) -> Result<usize, StoreError> {
    let applied = applied(db).map_err(|trouble| in_file(path, trouble))?;
    if applied.len() > MIGRATIONS.len() {
        return Err(StoreError::CannotOpen(format!(
            "{} was made by a newer baton (schema {}, and this one knows {}): use that version or a newer one; \
             nothing was changed",
            path.display(),
            applied.len(),
            MIGRATIONS.len()
        )));
    }
    for (index, ((number, name, checksum), (own, sql))) in applied.iter().zip(MIGRATIONS).enumerate() {
        if *number != index + 1 || name != own || *checksum != digest(sql) {
            return Err(StoreError::CannotOpen(format!(
                "{} has another schema than this baton (step {number}, {name}): it was made by a version that \
                 was never released; nothing was changed",
                path.display()
            )));
        }
    }
    Ok(applied.len())
}

/// Brings the schema up to this program's, in one transaction.
fn migrate(db: &mut Connection, schema: usize) -> Result<(), Trouble> {
    if schema == MIGRATIONS.len() {
        return Ok(());
    }
    let tx = db.transaction()?;
    for number in schema..MIGRATIONS.len() {
        apply(&tx, number)?;
    }
    Ok(tx.commit()?)
}

fn applied(db: &Connection) -> Result<Vec<(usize, String, Vec<u8>)>, Trouble> {
    let mut statement = db.prepare("SELECT number, name, checksum FROM migrations ORDER BY number")?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn apply(db: &Connection, index: usize) -> Result<(), Trouble> {
    if let Some((name, sql)) = MIGRATIONS.get(index) {
        db.execute_batch(sql)?;
        let sql_row = "INSERT INTO migrations (number, name, checksum) VALUES (?1, ?2, ?3)";
        db.execute(sql_row, params![index + 1, name, digest(sql)])?;
    }
    Ok(())
}

fn digest(sql: &str) -> Vec<u8> {
    Sha256::digest(sql.as_bytes()).to_vec()
}

/// Reads all that opening reads, for the errors that it finds.
fn examine(db: &Connection) -> Result<(), Trouble> {
    let (streams, ..) = load(db)?;
    Threads::load(db, streams, 1).map(drop)
}

/// Reads what is kept in memory, and sees on the way whether the parts agree.
fn load(db: &Connection) -> Result<(u16, [u8; 32], State), Trouble> {
    let streams: u16 = fact(db, "streams")?;
    let key: Vec<u8> = fact(db, "key")?;
    let key = <[u8; 32]>::try_from(key.as_slice())
        .map_err(|_| damaged("meta", "value", "key", "is not 32 bytes long"))?;
    let heads = heads(db)?;
    if heads.len() != usize::from(streams) || !(1..=MOST_STREAMS).contains(&streams) {
        let wrong = format!("is {streams}, and the table of streams has {}", heads.len());
        return Err(damaged("meta", "value", "streams", wrong).into());
    }
    let version = fact(db, "settings_version")?;
    let apps = documents::<App>(db, "apps")?;
    let pages = documents::<Page>(db, "pages")?;
    let settings = Arc::new(Settings::new(version, apps, pages));
    Ok((streams, key, State { heads, settings }))
}

fn fact<T: rusqlite::types::FromSql>(db: &Connection, name: &str) -> Result<T, Trouble> {
    let found =
        db.query_row("SELECT value FROM meta WHERE name = ?1", [name], |row| row.get(0)).optional()?;
    found.ok_or_else(|| damaged("meta", "value", name, "is missing").into())
}

/// The streams' heads. The journal ends where the head says, unless all of a stream was given up for its age.
fn heads(db: &Connection) -> Result<Vec<Head>, Trouble> {
    let sql = "SELECT stream, head, last_at,
                   (SELECT id & 281474976710655 FROM journal
                    WHERE id > streams.stream << 48 AND id < (streams.stream + 1) << 48
                    ORDER BY id DESC LIMIT 1)
               FROM streams ORDER BY stream";
    let mut statement = db.prepare(sql)?;
    let mut rows = statement.query([])?;
    let mut heads = Vec::new();
    while let Some(row) = rows.next()? {
        let (stream, head): (usize, u64) = (row.get(0)?, row.get(1)?);
        if stream != heads.len() {
            return Err(damaged("streams", "stream", stream, "is not the next one").into());
        }
        let last: Option<u64> = row.get(3)?;
        if last.is_some_and(|last| last != head) {
            let wrong = format!("is {head}, and the journal ends at {}", last.unwrap_or_default());
            return Err(damaged("streams", "head", stream, wrong).into());
        }
        heads.push(Head { position: Position(head), last_at: Timestamp(row.get(2)?) });
    }
    Ok(heads)
}

/// A table of settings, in the order of making.
fn documents<T: DeserializeOwned>(db: &Connection, table: &str) -> Result<Vec<Arc<T>>, Trouble> {
    let mut statement = db.prepare(&format!("SELECT id, document FROM {table} ORDER BY ord"))?;
    let mut rows = statement.query([])?;
    let mut read = Vec::new();
    while let Some(row) = rows.next()? {
        let id: u64 = row.get(0)?;
        let text = row.get_ref(1)?.as_str().unwrap_or_default();
        let document = serde_json::from_str(text);
        read.push(Arc::new(document.map_err(|error| damaged(table, "document", id, error))?));
    }
    Ok(read)
}
