//! What only a file can go through: two processes, another program's file, bits that flip, a process that is
//! gone from one moment to the next.

#![expect(clippy::unwrap_used, reason = "the helpers of a test may unwrap like the test")]

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use baton_rules::{AppId, Cause, Channel, Form, Notice, PageId, Surface, Thread, ThreadKey, Timestamp};
use baton_store::sqlite::{Options, SqliteStore};
use baton_store::{
    Batch, Cursor, Decide, JournalRow, KeptClock, Person, Position, Remembered, Round, Settings, Store,
    StoreError, Stream, Wanted, stream_of,
};
use bytes::Bytes;
use futures_util::future::join_all;

const NOW: Timestamp = Timestamp(1_790_000_000_000);

struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        Place(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("baton.db")
    }

    fn open(&self) -> SqliteStore {
        self.try_open().unwrap()
    }

    fn try_open(&self) -> Result<SqliteStore, StoreError> {
        SqliteStore::open(&self.path(), Options { streams: 4, ..Options::default() })
    }

    /// Every file there except for the lock, with its content.
    fn files(&self) -> Vec<(PathBuf, Vec<u8>)> {
        files(self.0.path())
    }
}

fn files(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = (entries.filter(|path| path.extension() != Some("lock".as_ref())))
        .map(|path| (path.clone(), std::fs::read(path).unwrap()))
        .collect();
    files.sort();
    files
}

fn person(number: usize) -> ThreadKey {
    let page = PageId::new(104).unwrap();
    ThreadKey { page, surface: Surface::Messenger, person: format!("P{number}").parse().unwrap() }
}

/// A person writes.
async fn say(store: &SqliteStore, number: usize) -> Result<Batch, StoreError> {
    write(store, number, 400, Vec::new()).await
}

/// A person writes so many bytes, and these hear it.
async fn write(
    store: &SqliteStore,
    number: usize,
    bytes: usize,
    notices: Vec<Notice>,
) -> Result<Batch, StoreError> {
    let key = person(number);
    let stream = stream_of(&key, store.streams());
    let wanted = Wanted { now: Some(NOW), threads: vec![key.clone()], ..Wanted::default() };
    let decide: Decide = Box::new(move |found| {
        let position = found.head.next();
        let row = JournalRow {
            position,
            chain: Some(key.clone().into()),
            previous: found.threads.get(&key).map(|kept| kept.last),
            at: found.now,
            rule: "HOP-MSG-1".into(),
            via: None,
            cause: Cause::Message,
            by: None,
            event: None,
            notices: notices.clone(),
            whole: Bytes::from(vec![b'x'; bytes]),
            reduced: None,
            context: None,
            after: Thread::default(),
        };
        let kept = Remembered { thread: Thread::default(), last: position, last_message_at: found.now };
        Batch { rows: vec![Arc::new(row)], threads: vec![(key.clone(), kept)], ..Batch::default() }
    });
    store.commit(stream, wanted, decide).await
}

/// A database with something in it, closed.
async fn filled() -> Place {
    let place = Place::new();
    let store = place.open();
    for number in 0..300 {
        say(&store, number % 50).await.unwrap();
    }
    store.close().await.unwrap();
    place
}

fn change(place: &Place, sql: &str) {
    let db = rusqlite::Connection::open(place.path()).unwrap();
    db.execute_batch(sql).unwrap();
}

/// Opening fails with these words, and leaves everything as it was.
fn is_refused(place: &Place, words: &str) -> StoreError {
    let before = place.files();
    let error = place.try_open().map(|_| ()).unwrap_err();
    let text = error.to_string();
    assert!(text.contains(words), "{text}");
    assert!(text.contains("baton.db"), "it says which file: {text}");
    assert!(place.files() == before, "nothing was changed");
    assert_eq!(SqliteStore::migrate(&place.path(), Options::default()).unwrap_err(), error);
    assert_eq!(SqliteStore::pending(&place.path()).unwrap_err(), error);
    assert!(place.files() == before, "nothing was changed by asking");
    error
}

#[tokio::test]
async fn a_second_process_is_refused() {
    let place = Place::new();
    let store = place.open();
    say(&store, 1).await.unwrap();
    let error = place.try_open().map(|_| ()).unwrap_err();
    let expected =
        format!("another baton is using {}: stop it or choose another --data", place.path().display());
    assert_eq!(error, StoreError::CannotOpen(expected));
    say(&store, 1).await.unwrap();
    store.close().await.unwrap();
    assert_eq!(place.open().conversation(&person(1), None, 10).await.unwrap().len(), 2);
}

#[tokio::test]
async fn only_the_owner_may_read_it() {
    let place = Place::new();
    let store = place.open();
    say(&store, 1).await.unwrap();
    let files: Vec<_> = std::fs::read_dir(place.0.path()).unwrap().map(|entry| entry.unwrap()).collect();
    let mut names: Vec<_> = files.iter().map(|file| file.file_name().into_string().unwrap()).collect();
    names.sort();
    assert_eq!(names, ["baton.db", "baton.db-shm", "baton.db-wal", "baton.db.lock"]);
    for file in files {
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{file:?}");
    }
    store.close().await.unwrap();
    let names: Vec<_> = place.files().into_iter().map(|(path, _)| path).collect();
    assert_eq!(names, [place.path()], "closed, it is one file");
}

#[test]
fn where_there_is_no_folder_the_message_says_so() {
    let place = Place::new();
    let path = place.0.path().join("none").join("baton.db");
    let error = SqliteStore::open(&path, Options::default()).map(|_| ()).unwrap_err();
    assert!(
        error.to_string().ends_with("there is no such folder: make it or choose another --data"),
        "{error}"
    );
}

#[test]
fn the_number_of_streams_has_limits() {
    for streams in [0, 4097] {
        let place = Place::new();
        let error = SqliteStore::open(&place.path(), Options { streams, ..Options::default() })
            .map(|_| ())
            .unwrap_err();
        assert!(error.to_string().contains("streams is 1 to 4096"), "{error}");
        assert_eq!(place.files(), []);
    }
}

#[tokio::test]
async fn the_number_of_streams_and_the_key_stay() {
    let place = Place::new();
    let store = place.open();
    let key = store.key();
    assert_ne!(key, [0; 32]);
    drop(store);
    let store = SqliteStore::open(&place.path(), Options { streams: 9, ..Options::default() }).unwrap();
    assert_eq!((store.streams(), store.key()), (4, key));
    assert_ne!(Place::new().open().key(), key);
}

#[tokio::test]
async fn the_last_stream_there_may_be_is_kept_apart() {
    let place = Place::new();
    let store = SqliteStore::open(&place.path(), Options { streams: 4096, ..Options::default() }).unwrap();
    let number = (0..).find(|number| stream_of(&person(*number), 4096) == Stream(4095)).unwrap();
    say(&store, number).await.unwrap();
    drop(store);
    let store = place.open();
    let row = store.row(Stream(4095), Position(1)).await.unwrap().unwrap();
    assert_eq!(row.thread(), Some(&person(number)));
    assert_eq!(store.heads().await.unwrap().iter().filter(|head| head.0 > 0).count(), 1);
}

#[tokio::test]
async fn a_newer_schema_is_refused() {
    let place = filled().await;
    change(&place, "INSERT INTO migrations SELECT max(number) + 1, 'later', x'00' FROM migrations");
    let error = is_refused(&place, "was made by a newer baton (schema ");
    assert!(matches!(error, StoreError::CannotOpen(_)));
}

/// Takes back what every migration after the first did.
const TO_THE_FIRST: &str = "ALTER TABLE threads ADD COLUMN side INTEGER NOT NULL DEFAULT 208;
         CREATE INDEX threads_newest ON threads (side, last_message_at, thread); DROP TABLE newest; DROP TABLE thread_log;
         DELETE FROM meta WHERE name = 'folding'; DROP TABLE page_chains; ALTER TABLE cursors DROP COLUMN start; ALTER TABLE journal RENAME COLUMN chain TO thread;
         ALTER TABLE parked RENAME COLUMN chain TO thread; ALTER TABLE dead_letters RENAME COLUMN chain TO thread;
         DROP TABLE team; DROP TABLE audit;
         DROP TABLE control; DROP TABLE past_pages; DROP TABLE changes;
         CREATE TABLE control (stream INTEGER NOT NULL, thread TEXT NOT NULL, at INTEGER NOT NULL, position INTEGER NOT NULL,
             rule TEXT NOT NULL, via TEXT, cause TEXT NOT NULL, by INTEGER, owner_from INTEGER, owner_to INTEGER,
             expires_at INTEGER, metadata TEXT, PRIMARY KEY (stream, thread, at, position)) STRICT, WITHOUT ROWID;
         CREATE TABLE refusals (stream INTEGER NOT NULL, thread TEXT NOT NULL, minute INTEGER NOT NULL, by INTEGER NOT NULL,
             rule TEXT NOT NULL, at INTEGER NOT NULL, why TEXT NOT NULL, cause TEXT NOT NULL, metadata TEXT,
             times INTEGER NOT NULL, PRIMARY KEY (stream, thread, minute, by, rule)) STRICT, WITHOUT ROWID;
         DROP TABLE people; DROP TABLE ad_counts; DROP TABLE assets;
         DROP TABLE attempts; DROP TABLE resends; DROP TABLE delivery_health;
         ALTER TABLE dead_letters DROP COLUMN expired; DELETE FROM migrations WHERE number > 1";

#[tokio::test]
async fn an_older_schema_is_brought_up_to_date() {
    let place = filled().await;
    change(&place, TO_THE_FIRST);
    let (key, stream) = (person(1), stream_of(&person(1), 4).0);
    let thread = format!("{}/m/{}", key.page, key.person);
    change(
        &place,
        &format!(
            "INSERT INTO control VALUES ({stream}, '{thread}', 5, 1, 'MCR-PASS-1', NULL, 'pass', 11, 11, 12, NULL, 'x');
             INSERT INTO refusals VALUES ({stream}, '{thread}', 0, 11, 'R-1', 5, 'E-SELF', 'pass', NULL, 3);
             INSERT INTO refusals VALUES ({stream}, '{thread}', 0, 0, 'R-2', 7, 'E-SELF', 'message', NULL, 1)"
        ),
    );
    let store = place.open();
    let kept = store.control(&key, None, 10).await.unwrap();
    let told: Vec<_> = kept.iter().map(|row| (&*row.rule, row.by.is_some(), row.refused.is_some())).collect();
    assert_eq!(told, [("R-2", false, true), ("MCR-PASS-1", true, false), ("R-1", true, true)]);
    let ann = Person { name: Some("Ann".to_owned()), ..Person::default() };
    assert_eq!(store.person(&person(1)).await.unwrap(), Person::default());
    store.keep_person(&person(1), ann.clone()).await.unwrap();
    assert_eq!(store.person(&person(1)).await.unwrap(), ann);
    assert!(store.thread(&person(1)).await.unwrap().is_some());
    store.close().await.unwrap();
}

#[tokio::test]
async fn migrating_says_what_it_does_and_looking_does_nothing() {
    let place = filled().await;
    let latest = SqliteStore::pending(&place.path()).unwrap();
    assert_eq!((latest.from, &latest.steps), (Some(latest.to), &Vec::new()));
    change(&place, TO_THE_FIRST);

    let before = place.files();
    let pending = SqliteStore::pending(&place.path()).unwrap();
    assert_eq!((pending.from, pending.to, pending.steps.len()), (Some(1), latest.to, latest.to - 1));
    assert_eq!(pending.steps[0], "0002_people");
    assert!(place.files() == before, "nothing was changed");
    assert_eq!(SqliteStore::migrate(&place.path(), Options::default()).unwrap(), pending);
    assert_eq!(SqliteStore::migrate(&place.path(), Options::default()).unwrap(), latest);
    let store = place.open();
    assert!(store.thread(&person(1)).await.unwrap().is_some());
    assert_eq!(store.threads(person(1).page, Surface::Messenger, None, 100).await.unwrap().len(), 50);
}

#[tokio::test]
async fn migrating_makes_what_is_not_there_and_looking_does_not() {
    let place = Place::new();
    let pending = SqliteStore::pending(&place.path()).unwrap();
    assert_eq!((pending.from, pending.steps.len()), (None, pending.to));
    assert_eq!(place.files(), []);
    assert_eq!(
        SqliteStore::migrate(&place.path(), Options { streams: 3, ..Options::default() }).unwrap(),
        pending
    );
    let store = place.open();
    assert_eq!(store.streams(), 3);
    // A server that runs is in nobody's way who only looks.
    assert_eq!(SqliteStore::pending(&place.path()).unwrap().from, Some(pending.to));
    let second = SqliteStore::migrate(&place.path(), Options::default()).unwrap_err();
    assert!(second.to_string().contains("another baton is using"), "{second}");
}

#[tokio::test]
async fn a_changed_schema_is_refused() {
    let place = filled().await;
    change(&place, "UPDATE migrations SET checksum = x'00'");
    let error = is_refused(&place, "has another schema than this baton");
    assert!(matches!(error, StoreError::CannotOpen(_)));
}

#[test]
fn another_programs_file_is_refused() {
    let place = Place::new();
    change(&place, "CREATE TABLE notes (text TEXT); PRAGMA application_id = 5;");
    let error = is_refused(&place, "is a database of another program");
    assert!(matches!(error, StoreError::CannotOpen(_)));
}

#[test]
fn what_is_no_database_is_refused() {
    for (content, words) in [
        (&b""[..], "is empty"),
        (b"hello", "is not a database"),
        (&[b'x'; 9000], "is not a database"),
        (b"SQLite format 3\0\x10", "is cut off"),
    ] {
        let place = Place::new();
        std::fs::write(place.path(), content).unwrap();
        let error = is_refused(&place, words);
        assert!(matches!(error, StoreError::Damaged(_)));
    }
}

#[tokio::test]
async fn a_file_that_was_cut_off_is_refused() {
    for keep in [0.2, 0.5, 0.9] {
        let place = filled().await;
        let length = place.path().metadata().unwrap().len();
        let file = std::fs::OpenOptions::new().write(true).open(place.path()).unwrap();
        file.set_len((length as f64 * keep) as u64).unwrap();
        let error = is_refused(&place, "malformed");
        assert!(matches!(error, StoreError::Damaged(_)));
    }
}

#[test]
fn a_log_without_its_database_is_refused() {
    let place = Place::new();
    let store = place.open();
    let log = std::fs::read(place.0.path().join("baton.db-wal")).unwrap();
    drop(store);
    std::fs::remove_file(place.path()).unwrap();
    std::fs::write(place.0.path().join("baton.db-wal"), [log, vec![1]].concat()).unwrap();
    is_refused(&place, "put the database back");
}

#[tokio::test]
async fn parts_that_disagree_are_refused() {
    let wrong = [
        ("UPDATE streams SET head = head + 1 WHERE stream = 2", "streams.head of row 2"),
        ("DELETE FROM streams WHERE stream = 3", "meta.value of row streams"),
        ("UPDATE meta SET value = x'0102' WHERE name = 'key'", "meta.value of row key"),
        ("DELETE FROM meta WHERE name = 'streams'", "meta.value of row streams"),
        ("INSERT INTO apps VALUES (11, 0, '{}')", "apps.document of row 11"),
        ("DROP TABLE migrations", "migrations"),
    ];
    for (sql, words) in wrong {
        let place = filled().await;
        change(&place, sql);
        let error = place.try_open().map(|_| ()).unwrap_err();
        assert!(error.to_string().contains(words), "{sql}: {error}");
    }
}

#[tokio::test]
async fn a_row_that_cannot_be_is_named_and_stops_nobody_else() {
    let place = filled().await;
    change(&place, "UPDATE threads SET state = x'6300' WHERE thread = '104/m/P1'");
    let store = place.open();
    let expected = "threads.state of row 104/m/P1: is of a version that this program does not know";
    let damaged = StoreError::Damaged(expected.to_owned());
    assert_eq!(store.thread(&person(1)).await.unwrap_err(), damaged);
    let answers = join_all((0..50).map(|number| say(&store, number))).await;
    for (number, answer) in answers.into_iter().enumerate() {
        match number {
            1 => assert_eq!(answer.unwrap_err(), damaged),
            _ => assert_eq!(answer.unwrap().rows.len(), 1),
        }
    }
    let last = store.thread(&person(2)).await.unwrap().unwrap().last;
    let stream = stream_of(&person(2), 4);
    store.close().await.unwrap();
    let id = (u64::from(stream.0) << 48) + last.0;
    change(&place, &format!("UPDATE journal SET meta = x'01ff' WHERE id = {id}"));
    let error = place.open().conversation(&person(2), None, 10).await.unwrap_err();
    let expected = format!("journal.meta of row {}/{}: cannot be read", stream.0, last.0);
    assert_eq!(error, StoreError::Damaged(expected));
}

/// Flips bits all over the file: whatever is read is right or an error, and nothing ends in a panic.
#[tokio::test]
async fn flipped_bits_bring_nothing_down() {
    let place = filled().await;
    let whole = std::fs::read(place.path()).unwrap();
    let mut refused = 0;
    for number in 0..40_usize {
        let mut bytes = whole.clone();
        for flip in 0..30 {
            let at = (number * 7919 + flip * 104_729) % bytes.len();
            bytes[at] ^= 1 << (flip % 8);
        }
        let other = Place::new();
        std::fs::write(other.path(), &bytes).unwrap();
        let Ok(store) = other.try_open() else {
            refused += 1;
            continue;
        };
        for person_number in 0..50 {
            let _ = store.conversation(&person(person_number), None, 100).await;
            let _ = say(&store, person_number).await;
        }
        for stream in 0..4 {
            let _ = store.read(AppId::PAGE_INBOX, Stream(stream), Position(0), 1000).await;
        }
    }
    assert!(refused > 0);
}

#[tokio::test]
async fn large_rows_are_read_a_few_at_a_time() {
    let place = Place::new();
    let store = place.open();
    let app = AppId::PAGE_INBOX;
    let hears = Notice { app, channel: Channel::Messaging, form: Form::Whole, context: false };
    for _ in 0..11 {
        write(&store, 1, 1 << 20, vec![hears]).await.unwrap();
    }
    let stream = stream_of(&person(1), store.streams());
    let (mut lengths, mut after) = (Vec::new(), Position(0));
    while after < Position(11) {
        let slice = store.read(app, stream, after, 1000).await.unwrap();
        assert_eq!(slice.rows.last().map(|row| row.position), Some(slice.scanned));
        assert_eq!(slice.rows.first().map(|row| row.position), Some(after.next()));
        lengths.push(slice.rows.len());
        after = slice.scanned;
    }
    assert_eq!(lengths, [4, 4, 3], "4 MiB at once, or one row");
}

#[tokio::test]
async fn what_comes_together_shares_a_commit() {
    let place = Place::new();
    let store = place.open();
    assert_eq!(store.commits(), 0);
    say(&store, 0).await.unwrap();
    assert_eq!(store.commits(), 1);
    let answers = join_all((0..500).map(|number| say(&store, number))).await;
    assert!(answers.iter().all(Result::is_ok));
    let commits = store.commits() - 1;
    assert!((2..100).contains(&commits), "500 batches of at most 256 a commit took {commits} commits");
}

#[tokio::test]
async fn a_round_rides_in_one_of_the_next_commits() {
    let place = Place::new();
    let store = place.open();
    let app = baton_store::App {
        id: AppId::new(11).unwrap(),
        name: "app".to_owned(),
        secret: baton_store::Secret::new("s"),
        webhook_url: None,
        verify_token: None,
        verified: false,
        human_agent: false,
        live: true,
        testers: Vec::new(),
        max_batch: 1,
        compat: Vec::new(),
        subscribed: Vec::new(),
    };
    let app = Arc::new(app);
    store
        .configure(
            NOW,
            Box::new(move |_| Ok(Settings::new(0, vec![Arc::clone(&app)], Vec::new()))),
            Box::new(|_| Vec::new()),
        )
        .await
        .unwrap();
    let cursor =
        |served| Cursor { app: AppId::new(11).unwrap(), stream: Stream(0), served: Position(served) };
    let round = |served| Round { cursors: vec![cursor(served)], ..Round::default() };
    let before = store.commits();
    let rounds = join_all((0..20).map(|served| store.settle(round(served))));
    let (rounds, said) = futures_util::join!(rounds, say(&store, 1));
    assert!(rounds.iter().all(Result::is_ok) && said.is_ok());
    assert!(store.commits() - before <= 2, "twenty rounds waited, and rode together");
    // Where nothing comes, it does not wait for long.
    let before = store.commits();
    store.settle(round(30)).await.unwrap();
    assert_eq!(store.commits(), before + 1);
    assert_eq!(store.cursors(AppId::new(11).unwrap()).await.unwrap()[0], cursor(30));
    // Where commits never end, one takes it along.
    let before = store.commits();
    let mut settled = store.settle(round(40));
    for number in 2.. {
        if futures_util::poll!(&mut settled).is_ready() {
            break;
        }
        say(&store, number).await.unwrap();
    }
    assert!(store.commits() - before <= 18, "{} commits", store.commits() - before);
    assert_eq!(store.cursors(AppId::new(11).unwrap()).await.unwrap()[0], cursor(40));
}

/// The files as they stand while it runs are what a process that was killed leaves behind.
#[tokio::test]
async fn what_was_acknowledged_is_there_after_a_kill() {
    let place = Place::new();
    let store = place.open();
    for number in 0..40 {
        say(&store, number).await.unwrap();
        store.keep_clock(KeptClock { offset: number as i64, frozen: None }).await.unwrap();
        if number % 13 != 0 {
            continue;
        }
        let other = Place::new();
        for (path, content) in place.files() {
            std::fs::write(other.0.path().join(path.file_name().unwrap()), content).unwrap();
        }
        let restarted = other.open();
        for known in 0..=number {
            assert_eq!(restarted.conversation(&person(known), None, 10).await.unwrap().len(), 1);
        }
        assert_eq!(restarted.kept_clock().await.unwrap().unwrap().offset, number as i64);
        say(&restarted, 0).await.unwrap();
    }
}

#[tokio::test]
async fn a_database_that_was_half_made_is_made_anew() {
    let place = Place::new();
    std::fs::write(place.0.path().join("baton.db.making"), b"half").unwrap();
    std::fs::write(place.0.path().join("baton.db.making-journal"), b"half").unwrap();
    let store = place.open();
    say(&store, 1).await.unwrap();
    store.close().await.unwrap();
    assert_eq!(place.files().len(), 1);
}

#[tokio::test]
async fn who_asked_and_went_away_is_still_done() {
    let place = Place::new();
    let store = place.open();
    for number in 0..20 {
        // Polled once, so that it is handed over, and dropped before the answer.
        let asked = say(&store, number);
        tokio::select! { biased; _ = asked => {}, () = std::future::ready(()) => {} }
    }
    store.close().await.unwrap();
    let store = place.open();
    for number in 0..20 {
        assert_eq!(store.conversation(&person(number), None, 10).await.unwrap().len(), 1);
    }
}

#[tokio::test]
async fn a_backup_is_whole_and_of_one_moment_while_others_write() {
    let place = Place::new();
    let store = Arc::new(place.open());
    for number in 0..200 {
        say(&store, number % 50).await.unwrap();
    }
    let acknowledged = store.heads().await.unwrap();
    let to = place.0.path().join("copy.db");
    let (from, target) = (place.path(), to.clone());
    let copying = tokio::task::spawn_blocking(move || SqliteStore::copy(&from, &target));
    let mut number = 200;
    while !copying.is_finished() {
        say(&store, number % 50).await.unwrap();
        number += 1;
    }
    let bytes = copying.await.unwrap().unwrap();
    assert_eq!(bytes, to.metadata().unwrap().len());
    assert_eq!(to.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    say(&store, 1).await.unwrap();
    let copy = SqliteStore::open(&to, Options::default()).unwrap();
    assert_eq!((copy.streams(), copy.key()), (store.streams(), store.key()));
    let (heads, now) = (copy.heads().await.unwrap(), store.heads().await.unwrap());
    let between =
        heads.iter().zip(&acknowledged).zip(&now).all(|((copy, before), now)| before <= copy && copy <= now);
    assert!(between && heads != now, "{acknowledged:?} {heads:?} {now:?}");
    // Every row up to a head is there, and a restored database goes on where it stands.
    for (stream, head) in heads.iter().enumerate() {
        let stream = Stream(u16::try_from(stream).unwrap());
        for position in 1..=head.0 {
            assert!(copy.row(stream, Position(position)).await.unwrap().is_some());
        }
    }
    say(&copy, 1).await.unwrap();
    copy.close().await.unwrap();
}

#[tokio::test]
async fn a_backup_takes_no_files_place_and_leaves_nothing_half_made() {
    let place = filled().await;
    let other = place.0.path().join("other");
    std::fs::write(&other, "precious").unwrap();
    let before = place.files();
    let refused = |from: &Path, to: &Path, words: &str| {
        let error = SqliteStore::copy(from, to).unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    };
    refused(&place.path(), &other, "it is there already");
    refused(&place.path(), &place.path(), "it is there already");
    refused(&place.path(), &place.0.path().join("nowhere/copy.db"), "nowhere");
    refused(&place.0.path().join("none.db"), &place.0.path().join("copy.db"), "there is no such database");
    refused(&other, &place.0.path().join("copy.db"), "other");
    assert!(place.files() == before, "nothing was changed");
    // One that was cut off, and so would be found out at a restore, is found out now.
    let half = place.0.path().join("half.db");
    let whole = std::fs::read(place.path()).unwrap();
    std::fs::write(&half, &whole[..whole.len() / 2]).unwrap();
    assert!(SqliteStore::copy(&half, &place.0.path().join("copy.db")).is_err());
    assert!(!place.0.path().join("copy.db").exists() && !place.0.path().join("copy.db.making").exists());
}
