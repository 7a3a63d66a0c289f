//! What goes wrong inside of the writer, brought about from inside: a full disk, a disk that loses what it
//! took, a job that fails after it has written.

use std::future::Future;

use baton_rules::Thread;
use rusqlite::{Connection, ErrorCode, ffi, params};

use super::write::Tx;
use super::*;
use crate::KeptClock;

fn opened() -> (tempfile::TempDir, SqliteStore) {
    let folder = tempfile::tempdir().unwrap();
    let store =
        SqliteStore::open(&folder.path().join("baton.db"), Options { streams: 2, ..Options::default() })
            .unwrap();
    (folder, store)
}

fn failure(code: ErrorCode, extended_code: i32) -> Trouble {
    Trouble::Sqlite(rusqlite::Error::SqliteFailure(ffi::Error { code, extended_code }, None))
}

/// A job that writes a fact.
fn note(name: &'static str, size: usize) -> impl FnMut(&mut Tx<'_>) -> Result<(), Trouble> + Send + 'static {
    move |tx| {
        let sql = "INSERT INTO meta (name, value) VALUES (?1, ?2)";
        tx.db.execute(sql, params![name, vec![7_u8; size]])?;
        Ok(())
    }
}

async fn is_noted(store: &SqliteStore, name: &'static str) -> bool {
    let sql = "SELECT count(*) FROM meta WHERE name = ?1";
    let count = store.look(move |db: &Connection| Ok(db.query_row(sql, [name], |row| row.get::<_, u64>(0))?));
    count.await.unwrap() == 1
}

/// Moves a head in memory and in the table, and then fails.
fn moves_and_fails(
    trouble: fn() -> Trouble,
) -> impl FnMut(&mut Tx<'_>) -> Result<(), Trouble> + Send + 'static {
    move |tx| {
        tx.db.execute("UPDATE streams SET head = 99 WHERE stream = 0", [])?;
        tx.state.heads[0].position = Position(99);
        Err(trouble())
    }
}

async fn both<A, B>(first: impl Future<Output = A>, second: impl Future<Output = B>) -> (A, B) {
    futures_util::join!(first, second)
}

#[tokio::test]
async fn a_job_that_fails_after_writing_takes_no_other_with_it() {
    let (_folder, store) = opened();
    let fails = moves_and_fails(|| failure(ErrorCode::ConstraintViolation, 19));
    // As rounds, which wait for each other: so they are sure to share a transaction.
    let (first, (failed, last)) = both(
        store.write(1, false, note("first", 10)),
        both(store.write(1, false, fails), store.write(1, false, note("last", 10))),
    )
    .await;
    first.unwrap();
    last.unwrap();
    assert!(matches!(failed, Err(StoreError::Unavailable(_))), "{failed:?}");
    assert!(is_noted(&store, "first").await && is_noted(&store, "last").await);
    assert_eq!(store.heads().await.unwrap(), [Position(0), Position(0)]);
    let heads = store.write(1, true, |tx| Ok(tx.state.positions())).await.unwrap();
    assert_eq!(heads, [Position(0), Position(0)], "the writer forgot what was not written");
}

#[tokio::test]
async fn a_full_disk_is_told_and_outlived() {
    let (_folder, store) = opened();
    let limit = |pages: i64| {
        move |tx: &mut Tx<'_>| {
            Ok(tx.db.pragma_update_and_check(None, "max_page_count", pages, |row| row.get::<_, i64>(0))?)
        }
    };
    let pages = store.write(1, true, limit(1)).await.unwrap();
    let moves = |tx: &mut Tx<'_>| {
        tx.state.heads[0].position = Position(99);
        Ok(())
    };
    let (large, other) =
        both(store.write(1, false, moves), store.write(1, false, note("large", 4096 * 40))).await;
    assert!(matches!(large, Err(StoreError::Unavailable(_))), "{large:?}");
    assert!(matches!(&other, Err(StoreError::Unavailable(text)) if text.contains("full")), "{other:?}");
    assert!(!is_noted(&store, "large").await);
    assert_eq!(store.heads().await.unwrap(), [Position(0), Position(0)]);
    let heads = store.write(1, true, |tx| Ok(tx.state.positions())).await.unwrap();
    assert_eq!(heads, [Position(0), Position(0)]);
    store.write(1, true, limit(pages + 1000)).await.unwrap();
    store.write(1, true, note("large", 4096 * 40)).await.unwrap();
    assert!(is_noted(&store, "large").await);
}

#[tokio::test]
async fn after_a_failed_sync_nothing_is_written_any_more() {
    let (_folder, store) = opened();
    store.keep_clock(KeptClock { offset: 1, frozen: None }).await.unwrap();
    let fails = moves_and_fails(|| failure(ErrorCode::SystemIoFailure, ffi::SQLITE_IOERR_FSYNC));
    let (first, second) = both(store.write(1, false, note("first", 1)), store.write(1, false, fails)).await;
    for answer in [first, second] {
        assert!(matches!(&answer, Err(StoreError::Unavailable(text)) if text.contains("the disk failed")));
    }
    let later = store.keep_clock(KeptClock { offset: 2, frozen: None }).await;
    assert!(matches!(&later, Err(StoreError::Unavailable(text)) if text.contains("restart")), "{later:?}");
    // It can still be read, and closed.
    assert!(!is_noted(&store, "first").await);
    assert_eq!(store.kept_clock().await.unwrap().map(|clock| clock.offset), Some(1));
    store.close().await.unwrap();
}

#[tokio::test]
async fn a_thread_that_was_not_committed_is_not_in_memory_either() {
    let (_folder, store) = opened();
    let person = "P1".parse().unwrap();
    let key = ThreadKey { page: PageId::new(104).unwrap(), surface: Surface::Messenger, person };
    let stream = crate::stream_of(&key, 2);
    // A thread without a row: nothing is written before the transaction ends.
    let changes = |at: i64, trouble: Option<fn() -> Trouble>| {
        let key = key.clone();
        move |tx: &mut Tx<'_>| {
            let own = key.clone();
            let kept =
                Remembered { thread: Thread::default(), last: Position(0), last_message_at: Timestamp(at) };
            let decide: Decide =
                Box::new(move |_| Batch { threads: vec![(own.clone(), kept.clone())], ..Batch::default() });
            tx.commit(stream, &Wanted::default(), &decide)?;
            let found = tx.threads.find(tx.db, stream, &key)?.map(|kept| kept.last_message_at);
            assert_eq!(found, Some(Timestamp(at)), "its own transaction sees it");
            trouble.map_or(Ok(()), |trouble| Err(trouble()))
        }
    };
    let kept = async || store.thread(&key).await.unwrap().map(|kept| kept.last_message_at.0);
    let full = || failure(ErrorCode::DiskFull, ffi::SQLITE_FULL);
    let wrong = || failure(ErrorCode::ConstraintViolation, ffi::SQLITE_CONSTRAINT);
    assert!(store.write(1, true, changes(1, Some(full))).await.is_err());
    assert_eq!(kept().await, None);
    store.write(1, true, changes(2, None)).await.unwrap();
    // One that fails by itself takes nothing of itself into the next one's transaction, which it shares.
    let (failed, done) =
        both(store.write(1, false, changes(3, Some(wrong))), store.write(1, false, note("x", 1))).await;
    assert!(failed.is_err() && done.is_ok());
    assert_eq!(kept().await, Some(2));
    let list = store.threads(key.page, key.surface, None, 9).await.unwrap();
    assert_eq!(list.iter().map(|listed| listed.remembered.last_message_at.0).collect::<Vec<_>>(), [2]);
}

#[tokio::test]
async fn an_index_in_memory_that_has_no_room_is_not_the_end() {
    let (_folder, store) = opened();
    let fails = moves_and_fails(|| failure(ErrorCode::SystemIoFailure, ffi::SQLITE_IOERR_SHMSIZE));
    assert!(store.write(1, true, fails).await.is_err());
    store.write(1, true, note("later", 1)).await.unwrap();
}

#[tokio::test]
async fn the_log_is_folded_into_the_file_beside_the_writer_and_begins_anew() {
    let (folder, store) = opened();
    let length = |name: &str| folder.path().join(name).metadata().map_or(0, |file| file.len());
    let before = length("baton.db");
    // 70 MB in all, so that the limit of 64 MiB is passed once.
    for number in 0..35_u64 {
        let sql = "INSERT INTO meta (name, value) VALUES (?1, ?2)";
        let job = move |tx: &mut Tx<'_>| {
            tx.db.execute(sql, params![number.to_string(), vec![7_u8; 2_000_000]])?;
            Ok(())
        };
        store.write(1, true, job).await.unwrap();
    }
    // The writer goes on while that is done, and begins the log anew once it is.
    for number in 0..20_000_u64 {
        let name = format!("after {number}");
        let sql = "INSERT INTO meta (name, value) VALUES (?1, 1)";
        store.write(1, true, move |tx: &mut Tx<'_>| Ok(tx.db.execute(sql, [&name])?)).await.unwrap();
        if length("baton.db") > before + 60_000_000 && begun_anew(folder.path()) {
            assert!(length("baton.db-wal") < 120_000_000, "{}", length("baton.db-wal"));
            return;
        }
    }
    panic!("{} in the file, {} in the log", length("baton.db"), length("baton.db-wal"));
}

#[tokio::test]
async fn a_statement_is_prepared_once_whatever_its_values_are() {
    let (_folder, store) = opened();
    let again = |db: &Connection| -> Result<i32, Trouble> {
        let sql = "SELECT max(number) FROM attempts WHERE stream = ?1 AND app = ?2 AND bucket = ?3";
        let mut statement = db.prepare_cached(sql)?;
        for number in 0..3 {
            let _: Option<i64> = statement.query_row([number; 3], |row| row.get(0))?;
        }
        Ok(statement.get_status(rusqlite::StatementStatus::RePrepare))
    };
    assert_eq!(store.write(1, true, move |tx| again(tx.db)).await.unwrap(), 0);
    assert_eq!(store.look(again).await.unwrap(), 0);
}

/// Whether the log was begun anew: the fourth number of its header counts that.
fn begun_anew(folder: &std::path::Path) -> bool {
    let log = std::fs::read(folder.join("baton.db-wal")).unwrap();
    log.get(12..16).is_some_and(|count| count != [0; 4])
}
