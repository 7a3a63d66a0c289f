//! The table of threads in SQLite lags behind what was committed: whatever happens meanwhile, everybody sees threads and
//! lists as they are. Judged by the store in memory, whose table lags behind nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use baton_rules::{Surface, ThreadKey, Timestamp};
use baton_store::memory::MemoryStore;
use baton_store::sqlite::{Options, SqliteStore};
use baton_store::{Batch, Decide, Listed, Remembered, Store, StoreError, stream_of};
use futures_util::future::join_all;
use proptest::prelude::*;
use rusqlite::Connection;

use crate::made::{STREAMS, at, page, person, row, say, wants};

const PEOPLE: usize = 12;

#[derive(Clone, Debug)]
enum Step {
    /// Somebody writes, so many seconds after the last one.
    Says(usize, i64),
    /// Everybody of these writes at once.
    AllSay(Vec<usize>),
    /// A thread changes without a message: it stays where it is in the list.
    Changes(usize),
    /// The process is killed: what a new one finds are the files as they are.
    Kill,
    /// It is closed and opened again, perhaps to lag behind otherwise.
    Restart(u32),
    /// A backup takes the place of the database.
    Restore,
}

fn a_step() -> impl Strategy<Value = Step> {
    let who = 0..PEOPLE;
    prop_oneof![
        8 => (who.clone(), 0..3_i64).prop_map(|(who, later)| Step::Says(who, later)),
        4 => proptest::collection::vec(who.clone(), 1..PEOPLE).prop_map(Step::AllSay),
        3 => who.prop_map(Step::Changes),
        2 => Just(Step::Kill),
        1 => (1..40_u32).prop_map(Step::Restart),
        1 => Just(Step::Restore),
    ]
}

/// A database with the one in memory that judges it.
struct Told {
    folder: tempfile::TempDir,
    lagging: u32,
    store: SqliteStore,
    judge: MemoryStore,
    now: i64,
}

fn opened(folder: &Path, lagging: u32) -> SqliteStore {
    SqliteStore::open(&folder.join("baton.db"), Options { streams: STREAMS, lagging }).unwrap()
}

fn changes(key: ThreadKey) -> Decide {
    Box::new(move |found| {
        let Some(kept) = found.threads.get(&key) else { return Batch::default() };
        let row = row(&key, found.head.next(), Some(kept.last), found.now);
        let mut now = Remembered { last: row.position, ..kept.clone() };
        now.thread.length_days = now.thread.length_days % 7 + 1;
        Batch { rows: vec![Arc::new(row)], threads: vec![(key.clone(), now)], ..Batch::default() }
    })
}

impl Told {
    fn new(lagging: u32) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = opened(folder.path(), lagging);
        Told { folder, lagging, store, judge: MemoryStore::new(STREAMS, [7; 32]), now: 0 }
    }

    async fn happens(&mut self, step: &Step) {
        match step {
            Step::Says(who, later) => {
                self.now += later;
                self.both(&[*who]).await;
            }
            Step::AllSay(who) => self.both(who).await,
            Step::Changes(who) => {
                let key = person(*who);
                let stream = stream_of(&key, STREAMS);
                let wanted = || wants(at(self.now), std::slice::from_ref(&key));
                self.store.commit(stream, wanted(), changes(key.clone())).await.unwrap();
                self.judge.commit(stream, wanted(), changes(key.clone())).await.unwrap();
            }
            Step::Kill => {
                let folder = tempfile::tempdir().unwrap();
                for entry in std::fs::read_dir(self.folder.path()).unwrap() {
                    let path = entry.unwrap().path();
                    std::fs::copy(&path, folder.path().join(path.file_name().unwrap())).unwrap();
                }
                self.store = opened(folder.path(), self.lagging);
                self.folder = folder;
            }
            Step::Restart(lagging) => {
                self.store.close().await.unwrap();
                lags_behind_nothing(self.folder.path());
                self.lagging = *lagging;
                self.store = opened(self.folder.path(), self.lagging);
            }
            Step::Restore => {
                let folder = tempfile::tempdir().unwrap();
                let copy = folder.path().join("baton.db");
                SqliteStore::copy(&self.folder.path().join("baton.db"), &copy).unwrap();
                self.store = opened(folder.path(), self.lagging);
                self.folder = folder;
            }
        }
    }

    /// People write, those of a stream together, and the streams at once.
    async fn both(&self, who: &[usize]) {
        let mut by_stream: BTreeMap<_, Vec<ThreadKey>> = BTreeMap::new();
        for key in who.iter().copied().map(person) {
            by_stream.entry(stream_of(&key, STREAMS)).or_default().push(key);
        }
        let said = by_stream.values().map(|keys| say(&self.store, at(self.now), keys));
        join_all(said).await;
        for keys in by_stream.values() {
            say(&self.judge, at(self.now), keys).await;
        }
    }

    /// Threads, lists in pages of any length, and conversations are as they should be.
    async fn is_right(&self) {
        for key in (0..PEOPLE).map(person) {
            let thread = self.store.thread(&key).await.unwrap();
            assert_eq!(thread, self.judge.thread(&key).await.unwrap());
            let last = self.store.conversation(&key, None, 1).await.unwrap();
            assert_eq!(last.first().map(|row| row.position), thread.map(|kept| kept.last));
        }
        for limit in [1, 2, 5, PEOPLE + 1] {
            assert_eq!(pages(&self.store, limit).await.unwrap(), pages(&self.judge, limit).await.unwrap());
        }
    }
}

/// A list, read in pages.
async fn pages(store: &dyn Store, limit: usize) -> Result<Vec<Listed>, StoreError> {
    let mut listed: Vec<Listed> = Vec::new();
    loop {
        let after = listed.last().map(|last| (last.remembered.last_message_at, last.key.clone()));
        let some = store.threads(page(104), Surface::Messenger, after, limit).await?;
        if some.is_empty() {
            return Ok(listed);
        }
        listed.extend(some);
    }
}

/// The tables of a closed database say the same, and nothing is left to be folded.
fn lags_behind_nothing(folder: &Path) {
    let db = Connection::open(folder.join("baton.db")).unwrap();
    let count = |sql: &str| db.query_row(sql, [], |row| row.get::<_, u64>(0)).unwrap();
    assert_eq!(count("SELECT count(*) FROM thread_log"), 0);
    assert_eq!(count("SELECT count(*) FROM newest"), count("SELECT count(*) FROM threads"));
    let strays = "SELECT count(*) FROM newest LEFT JOIN threads
                  ON threads.thread = newest.thread AND threads.last_message_at = newest.at
                  WHERE threads.thread IS NULL";
    assert_eq!(count(strays), 0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn nobody_sees_that_the_table_lags_behind(
        lagging in 1..40_u32,
        steps in proptest::collection::vec(a_step(), 1..60),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut told = Told::new(lagging);
            for step in &steps {
                told.happens(step).await;
                told.is_right().await;
            }
            told.store.close().await.unwrap();
            lags_behind_nothing(told.folder.path());
        });
    }
}

/// While some write, others read the list: all are in it, each once, in order, however the tables are just being folded.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_list_is_whole_while_it_is_being_folded() {
    let told = Told::new(3);
    told.both(&(0..PEOPLE).collect::<Vec<_>>()).await;
    let store: Arc<SqliteStore> = Arc::new(told.store);
    let is_over = Arc::new(AtomicBool::new(false));
    let reads = (0..3).map(|_| {
        let (store, is_over) = (Arc::clone(&store), Arc::clone(&is_over));
        tokio::spawn(async move {
            let mut reads = 0;
            while !is_over.load(Ordering::Relaxed) {
                let list = store.threads(page(104), Surface::Messenger, None, PEOPLE + 1).await.unwrap();
                let places: Vec<(Timestamp, String)> = list
                    .iter()
                    .map(|listed| (listed.remembered.last_message_at, listed.key.person.to_string()))
                    .collect();
                assert!(places.is_sorted_by(|one, next| one > next), "{places:?}");
                let people: BTreeSet<_> = places.iter().map(|(_, person)| person).collect();
                assert_eq!((people.len(), list.len()), (PEOPLE, PEOPLE), "{places:?}");
                reads += 1;
            }
            reads
        })
    });
    let reads: Vec<_> = reads.collect();
    for second in 1..400 {
        let key = person((second * 5) % PEOPLE);
        say(&*store, at(second as i64), std::slice::from_ref(&key)).await;
    }
    is_over.store(true, Ordering::Relaxed);
    for read in reads {
        assert!(read.await.unwrap() > 0);
    }
}

/// A log of which a part is missing or damaged is not taken for a whole one.
#[tokio::test]
async fn a_damaged_log_is_refused() {
    for (sql, words) in [
        ("DELETE FROM thread_log WHERE number = 3", "thread_log.number of row 4: is not the next one"),
        ("DELETE FROM thread_log WHERE number = 1", "thread_log.number of row 2: is not the next one"),
        (
            "UPDATE thread_log SET changes = x'0163' WHERE number = 2",
            "thread_log.changes of row 2: cannot be read",
        ),
        (
            "UPDATE thread_log SET changes = x'07' WHERE number = 2",
            "is of a version that this program does not know",
        ),
    ] {
        let mut told = Told::new(1000);
        for who in 0..6 {
            told.both(&[who]).await;
        }
        // As a kill leaves them: closing would fold them.
        told.happens(&Step::Kill).await;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("baton.db");
        SqliteStore::copy(&told.folder.path().join("baton.db"), &path).unwrap();
        Connection::open(&path).unwrap().execute_batch(sql).unwrap();
        let options = Options { streams: STREAMS, ..Options::default() };
        let error = SqliteStore::open(&path, options).map(drop).unwrap_err();
        assert!(matches!(error, StoreError::Damaged(_)) && error.to_string().contains(words), "{error}");
    }
}
