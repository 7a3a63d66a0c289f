//! What every store must show, whatever it is made of: one suite, run over each.

#![expect(clippy::unwrap_used, reason = "the helpers of a test may unwrap like the test")]

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::future::Future;
use std::sync::Arc;

use baton_rules::{
    AppId, Cause, Channel, Folder, Form, Grant, Mode, Notice, PageId, Surface, Thread, ThreadKey, Timestamp,
};
use baton_store::memory::MemoryStore;
use baton_store::sqlite::{Options, SqliteStore};
use baton_store::{
    AdCounts, Announce, Announcement, App, Asset, AssetChange, AssetKey, AssetKind, Attempt, AuditLine,
    Batch, Chain, Change, ConfigureError, Configured, Connection, ControlRow, Counted, Cursor, DeadLetter,
    Decide, DeliveryHealth, Due, Found, Invitation, JournalRow, KeptClock, KeptMoveToMain, Member, Page,
    Parked, PastPage, Person, Place, Position, Remembered, Resend, Role, Round, Secret, Seen, Session,
    Settings, SettingsRefused, Side, Store, StoreError, Stream, Team, Token, Wanted, stream_of,
};
use bytes::Bytes;
use futures_util::future::join_all;

mod deliveries;

use deliveries::{
    a_stream_is_read_backwards_to_where_the_app_began, how_an_app_does_is_kept_and_goes_with_it,
    tries_are_found_by_what_they_were_for, what_is_sent_again_is_kept_until_it_arrives,
};

const STREAMS: u16 = 4;
const START: i64 = 1_790_000_000_000;

/// Where a store keeps its things, over one process and the next.
enum Disk {
    Sqlite(tempfile::TempDir),
    Memory(MemoryStore),
}

impl Disk {
    fn sqlite() -> Self {
        Disk::Sqlite(tempfile::tempdir().unwrap())
    }

    fn memory() -> Self {
        Disk::Memory(MemoryStore::new(STREAMS, [7; 32]))
    }

    fn open(&self) -> Arc<dyn Store> {
        match self {
            Disk::Sqlite(folder) => {
                let path = folder.path().join("baton.db");
                Arc::new(SqliteStore::open(&path, Options { streams: STREAMS }).unwrap())
            }
            Disk::Memory(store) => Arc::new(store.reopen()),
        }
    }
}

macro_rules! every_store {
    ($($name:ident)*) => {
        mod sqlite {
            $(#[tokio::test] async fn $name() { super::$name(super::Disk::sqlite()).await; })*
        }
        mod memory {
            $(#[tokio::test] async fn $name() { super::$name(super::Disk::memory()).await; })*
        }
    };
}

every_store! {
    a_new_store_is_empty
    positions_have_no_gaps_under_concurrent_commits
    a_wrong_batch_writes_nothing
    a_batch_that_fails_late_leaves_its_neighbours_alone
    an_unknown_stream_is_refused
    found_has_what_was_wanted
    a_conversation_is_a_chain
    answers_to_keys_are_kept_for_three_days
    settings_stand_in_every_stream
    settings_that_do_not_change_leave_no_row
    what_a_page_was_is_kept_where_its_routing_changed
    what_a_change_tells_apps_stands_right_after_it
    what_cannot_be_told_is_a_change_that_is_not_made
    a_conversation_is_walked_from_any_of_its_rows
    a_refused_change_changes_nothing
    settings_reach_the_next_decision
    a_deleted_app_loses_its_cursors
    reading_looks_at_so_many_rows
    rounds_are_kept
    control_is_paged_newest_first
    refusals_stand_among_the_changes_each_on_its_own
    due_rows_come_in_due_order
    what_a_thread_holds_back_is_found_with_it
    a_page_that_is_routed_otherwise_has_nothing_to_wait_for
    a_clock_that_steps_back_does_not_take_decisions_along
    threads_are_listed_newest_first
    the_clock_is_kept
    who_may_sign_in_is_kept_whole
    what_was_done_is_listed_newest_first
    assets_are_kept_by_page_kind_and_key
    what_is_too_old_goes_of_one_kind_only
    what_apps_kept_goes_with_its_page
    what_is_known_of_a_person_is_kept
    counts_of_ads_are_summed_over_streams
    reopening_gives_back_everything
    a_closed_store_is_closed
    a_stream_is_read_backwards_to_where_the_app_began
    tries_are_found_by_what_they_were_for
    what_is_sent_again_is_kept_until_it_arrives
    how_an_app_does_is_kept_and_goes_with_it
}

fn app(number: u64) -> AppId {
    AppId::new(number).unwrap()
}

fn page(number: u64) -> PageId {
    PageId::new(number).unwrap()
}

fn person(number: usize) -> ThreadKey {
    ThreadKey { page: page(104), surface: Surface::Messenger, person: format!("P{number}").parse().unwrap() }
}

fn at(seconds: i64) -> Timestamp {
    Timestamp(START + seconds * 1000)
}

fn hears(number: u64) -> Notice {
    Notice { app: app(number), channel: Channel::Messaging, form: Form::Whole, context: false }
}

/// Persons of one stream.
fn persons_of(stream: Stream) -> impl Iterator<Item = ThreadKey> {
    (0..).map(person).filter(move |key| stream_of(key, STREAMS) == stream)
}

fn row(key: &ThreadKey, position: Position, previous: Option<Position>, now: Timestamp) -> JournalRow {
    JournalRow {
        position,
        chain: Some(key.clone().into()),
        previous,
        at: now,
        rule: "HOP-MSG-1".into(),
        via: Some("CLK-1".into()),
        cause: Cause::Message,
        by: None,
        event: Some("messages".into()),
        notices: vec![hears(11), Notice { channel: Channel::Standby, form: Form::Reduced, ..hears(12) }],
        whole: Bytes::from(format!("{{\"at\":{}}}", position.0)),
        reduced: Some(Bytes::from_static(b"{}")),
        context: None,
        after: thread(now),
    }
}

fn thread(now: Timestamp) -> Thread {
    let grant = Grant { app: app(11), connection: 2, until: now.plus_seconds(86_400).whole_second() };
    Thread {
        control: Some(grant),
        length_days: 1,
        last_heard: Some(now),
        window_closes: Some(now.plus_seconds(86_400)),
        folder: Folder::Main,
        mode: Some(Mode::HandoverPrimary),
        ..Thread::default()
    }
}

/// What one message of each of these persons writes.
fn messages(keys: &[ThreadKey], found: &Found) -> Batch {
    let mut batch = Batch::default();
    let mut head = found.head;
    for key in keys {
        head = head.next();
        let written = batch.threads.iter().rev().find(|(of, _)| of == key).map(|(_, kept)| kept.last);
        let previous = written.or_else(|| found.threads.get(key).map(|kept| kept.last));
        batch.rows.push(Arc::new(row(key, head, previous, found.now)));
        batch.threads.retain(|(of, _)| of != key);
        let kept = Remembered { thread: thread(found.now), last: head, last_message_at: found.now };
        batch.threads.push((key.clone(), kept));
    }
    batch
}

fn wants(now: Timestamp, keys: &[ThreadKey]) -> Wanted {
    Wanted { now: Some(now), threads: keys.to_vec(), seen: Vec::new() }
}

/// Persons of one stream write a message each, in one batch.
async fn say(store: &dyn Store, now: Timestamp, keys: &[ThreadKey]) -> Batch {
    let stream = stream_of(&keys[0], STREAMS);
    let own = keys.to_vec();
    let decide: Decide = Box::new(move |found| messages(&own, found));
    store.commit(stream, wants(now, keys), decide).await.unwrap()
}

/// A batch whatever is found.
async fn write(store: &dyn Store, now: Timestamp, stream: Stream, batch: Batch) -> Result<Batch, StoreError> {
    store.commit(stream, wants(now, &[]), Box::new(move |_| batch.clone())).await
}

fn an_app(number: u64) -> Arc<App> {
    Arc::new(App {
        id: app(number),
        name: format!("app {number}"),
        secret: Secret::new("s3cret"),
        webhook_url: Some("https://example.org/webhook".to_owned()),
        verify_token: Some(Secret::new("t")),
        verified: true,
        human_agent: false,
        live: true,
        testers: vec!["P1".to_owned()],
        max_batch: 1,
        compat: Vec::new(),
        subscribed: vec!["messages".to_owned()],
    })
}

fn a_page(number: u64, apps: &[u64]) -> Arc<Page> {
    let connection = |id: &u64| Connection {
        app: app(*id),
        generation: 1,
        tokens: vec![Token {
            hash: format!("{number}-{id}"),
            tasks: vec!["MESSAGING".to_owned()],
            permissions: vec!["pages_messaging".to_owned()],
        }],
        fields: vec!["messages".to_owned()],
        standby_messenger: true,
        standby_instagram: true,
        take_control: true,
    };
    Arc::new(Page {
        id: page(number),
        name: "Page".to_owned(),
        messaging_enabled: true,
        inbox_move_to_main: KeptMoveToMain::Request,
        messenger: Side { primary_receiver: apps.first().copied().map(app), ..Side::default() },
        instagram: None,
        connections: apps.iter().map(connection).collect(),
        links: Vec::new(),
        ads: Vec::new(),
        had_default: false,
    })
}

fn change_to(apps: &[u64], pages: &[u64]) -> Change {
    let (apps, pages) = (apps.to_vec(), pages.to_vec());
    Box::new(move |_| {
        let kept = apps.iter().map(|id| an_app(*id)).collect();
        Ok(Settings::new(999, kept, pages.iter().map(|id| a_page(*id, &apps)).collect()))
    })
}

async fn configure(store: &dyn Store, now: Timestamp, apps: &[u64], pages: &[u64]) -> Configured {
    store.configure(now, change_to(apps, pages), silent()).await.unwrap()
}

/// Tells nobody anything.
fn silent() -> Announce {
    Box::new(|_| Vec::new())
}

/// Tells each of these apps of its role, on these chains.
fn telling(chains: &[Chain], apps: &[u64]) -> Announce {
    let (chains, apps) = (chains.to_vec(), apps.to_vec());
    Box::new(move |change| {
        let own = chains.iter().filter(|chain| chain.stream(change.streams) == change.stream);
        let told = |chain: &Chain, to: u64| Announcement {
            chain: chain.clone(),
            rule: "HOP-ROLE-1".into(),
            event: "app_roles".into(),
            notices: vec![hears(to)],
            whole: Bytes::from(format!("{{\"to\":{to},\"at\":{}}}", change.at.0)),
        };
        own.flat_map(|chain| apps.iter().map(move |to| told(chain, *to))).collect()
    })
}

fn streams() -> impl Iterator<Item = Stream> {
    (0..STREAMS).map(Stream)
}

async fn a_new_store_is_empty(disk: Disk) {
    let store = disk.open();
    assert_eq!(store.streams(), STREAMS);
    assert_eq!(store.settings().version, 0);
    assert_eq!(store.heads().await.unwrap(), vec![Position(0); 4]);
    assert_eq!(store.thread(&person(1)).await.unwrap(), None);
    assert_eq!(store.row(Stream(0), Position(1)).await.unwrap(), None);
    assert_eq!(store.conversation(&person(1), None, 10).await.unwrap(), Vec::new());
    assert_eq!(store.cursors(app(11)).await.unwrap(), Vec::new());
    assert_eq!(store.kept_clock().await.unwrap(), None);
    let slice = store.read(app(11), Stream(1), Position(0), 10).await.unwrap();
    assert_eq!((slice.rows.len(), slice.scanned), (0, Position(0)));
}

async fn positions_have_no_gaps_under_concurrent_commits(disk: Disk) {
    let store = disk.open();
    let mut commits = Vec::new();
    for round in 0..40 {
        for stream in streams() {
            let keys: Vec<_> = persons_of(stream).skip(round % 5).take(1 + round % 3).collect();
            let store = Arc::clone(&store);
            commits.push(async move { (stream, say(&*store, at(1), &keys).await) });
        }
    }
    let mut written: HashMap<Stream, Vec<u64>> = HashMap::new();
    for (stream, batch) in join_all(commits).await {
        written.entry(stream).or_default().extend(batch.rows.iter().map(|row| row.position.0));
    }
    let heads = store.heads().await.unwrap();
    for stream in streams() {
        let mut positions = written.remove(&stream).unwrap();
        positions.sort_unstable();
        let head = heads[usize::from(stream.0)];
        assert_eq!(positions, (1..=head.0).collect::<Vec<_>>(), "no gap, and nothing twice, in {stream:?}");
        let slice = store.read(app(11), stream, Position(0), 1000).await.unwrap();
        assert_eq!(slice.rows.iter().map(|row| row.position.0).collect::<Vec<_>>(), positions);
        assert_eq!(slice.scanned, head);
        // Each person's rows are one chain, and nothing is left out of it.
        let mut in_chains = 0;
        for key in persons_of(stream).take(8) {
            in_chains += store.conversation(&key, None, 1000).await.unwrap().len();
        }
        assert_eq!(in_chains, positions.len());
    }
}

fn everything(key: &ThreadKey, position: Position, now: Timestamp) -> Batch {
    Batch {
        rows: vec![Arc::new(row(key, position, None, now))],
        threads: vec![(
            key.clone(),
            Remembered { thread: thread(now), last: position, last_message_at: now },
        )],
        control: vec![control_row(key, now, position), refusal(key, now, position, "again")],
        seen: vec![((key.clone(), "k".into()), Seen { fingerprint: [1; 32], answer: Bytes::new(), at: now })],
        due: vec![due_row(key, 1, now)],
        undue: Vec::new(),
        counted: vec![counted(104, "9001", 1, 1)],
    }
}

async fn nothing_is_known(store: &dyn Store, key: &ThreadKey) {
    assert_eq!(store.thread(key).await.unwrap(), None);
    assert_eq!(store.conversation(key, None, 10).await.unwrap(), Vec::new());
    assert_eq!(store.control(key, None, 10).await.unwrap(), Vec::new());
    let due = store.due(at(1_000_000), 100).await.unwrap();
    assert!(due.iter().all(|due| due.thread != *key));
    assert_eq!(seen(store, at(0), key).await, None);
    let ads = store.ad_counts(page(104), Surface::Messenger).await.unwrap();
    assert_eq!(ads.get("9001"), None);
}

/// What was answered to the key "k" of a thread.
async fn seen(store: &dyn Store, now: Timestamp, key: &ThreadKey) -> Option<Seen> {
    let wanted = (key.clone(), "k".into());
    let found: Arc<std::sync::Mutex<Option<Seen>>> = Arc::default();
    let (of, to) = (wanted.clone(), Arc::clone(&found));
    let decide: Decide = Box::new(move |found| {
        *to.lock().unwrap() = found.seen.get(&of).cloned();
        Batch::default()
    });
    let wanted = Wanted { now: Some(now), threads: Vec::new(), seen: vec![wanted] };
    store.commit(stream_of(key, STREAMS), wanted, decide).await.unwrap();
    let found = found.lock().unwrap();
    found.clone()
}

async fn a_wrong_batch_writes_nothing(disk: Disk) {
    let store = disk.open();
    let key = person(1);
    let stream = stream_of(&key, STREAMS);
    let other = (0..).map(person).find(|key| stream_of(key, STREAMS) != stream).unwrap();
    let mut hole = everything(&key, Position(1), at(0));
    hole.rows.push(Arc::new(row(&key, Position(3), Some(Position(1)), at(0))));
    let mut astray = everything(&key, Position(1), at(0));
    astray.rows = vec![Arc::new(row(&key, Position(1), Some(Position(1)), at(0)))];
    let mut beyond = everything(&key, Position(1), at(0));
    beyond.rows.clear();
    let mut elsewhere = everything(&key, Position(1), at(0));
    elsewhere.threads.extend(everything(&other, Position(1), at(0)).threads);
    let wrong = [
        everything(&key, Position(2), at(0)),
        everything(&key, Position(0), at(0)),
        hole,
        astray,
        beyond,
        elsewhere,
    ];
    for batch in wrong {
        let refused = write(&*store, at(0), stream, batch).await;
        assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
        assert_eq!(store.heads().await.unwrap(), vec![Position(0); 4]);
        nothing_is_known(&*store, &key).await;
        nothing_is_known(&*store, &other).await;
    }
    // The stream is as good as new.
    write(&*store, at(0), stream, everything(&key, Position(1), at(0))).await.unwrap();
    assert_eq!(store.heads().await.unwrap()[usize::from(stream.0)], Position(1));
}

async fn a_batch_that_fails_late_leaves_its_neighbours_alone(disk: Disk) {
    let store = disk.open();
    let stream = Stream(2);
    let keys: Vec<_> = persons_of(stream).take(3).collect();
    // Two changes of control cannot stand at one place: found only when the second is written.
    let bad = keys[1].clone();
    let late: Decide = Box::new(move |found| {
        let mut batch = everything(&bad, found.head.next(), found.now);
        batch.control.push(batch.control[0].clone());
        batch
    });
    let (first, failed, last) = futures_util::join!(
        say(&*store, at(0), &keys[..1]),
        store.commit(stream, wants(at(0), &keys[1..2]), late),
        say(&*store, at(0), &keys[2..]),
    );
    assert!(failed.is_err());
    let mut positions = [first.rows[0].position.0, last.rows[0].position.0];
    positions.sort_unstable();
    assert_eq!(positions, [1, 2]);
    assert_eq!(store.heads().await.unwrap()[2], Position(2));
    nothing_is_known(&*store, &keys[1]).await;
    for key in [&keys[0], &keys[2]] {
        assert_eq!(store.conversation(key, None, 10).await.unwrap().len(), 1);
    }
}

async fn an_unknown_stream_is_refused(disk: Disk) {
    let store = disk.open();
    let refused = write(&*store, at(0), Stream(STREAMS), Batch::default()).await;
    assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
}

async fn found_has_what_was_wanted(disk: Disk) {
    let store = disk.open();
    let stream = Stream(1);
    let keys: Vec<_> = persons_of(stream).take(3).collect();
    say(&*store, at(5), &keys[..2]).await;
    let own = keys.clone();
    let decide: Decide = Box::new(move |found| {
        assert_eq!((found.head, found.now), (Position(2), at(9)));
        assert_eq!(found.threads.len(), 1, "the first exists and is not wanted, the third does not exist");
        let kept = Remembered { thread: thread(at(5)), last: Position(2), last_message_at: at(5) };
        assert_eq!(found.threads[&own[1]], kept);
        Batch::default()
    });
    let batch = store.commit(stream, wants(at(9), &keys[1..]), decide).await.unwrap();
    assert!(batch.rows.is_empty());
    assert_eq!(store.heads().await.unwrap()[1], Position(2));
}

async fn a_conversation_is_a_chain(disk: Disk) {
    let store = disk.open();
    let stream = Stream(3);
    let keys: Vec<_> = persons_of(stream).take(2).collect();
    for second in 0..6 {
        say(&*store, at(second), &keys).await;
    }
    let all = store.conversation(&keys[0], None, 100).await.unwrap();
    let places = |rows: &[Arc<JournalRow>]| rows.iter().map(|row| row.position.0).collect::<Vec<_>>();
    assert_eq!(places(&all), [11, 9, 7, 5, 3, 1]);
    assert_eq!(*all[5], row(&keys[0], Position(1), None, at(0)), "a row comes back as it was written");
    assert_eq!(*all[0], row(&keys[0], Position(11), Some(Position(9)), at(5)));
    let some = store.conversation(&keys[0], Some(Position(9)), 2).await.unwrap();
    assert_eq!(places(&some), [7, 5]);
    let between = store.conversation(&keys[0], Some(Position(8)), 2).await.unwrap();
    assert_eq!(places(&between), [7, 5], "before a place that is another thread's");
    assert_eq!(places(&store.conversation(&keys[0], Some(Position(1)), 2).await.unwrap()), [0; 0]);
    assert_eq!(store.conversation(&keys[0], None, 0).await.unwrap().len(), 0);
    let kept = store.thread(&keys[1]).await.unwrap().unwrap();
    assert_eq!(kept, Remembered { thread: thread(at(5)), last: Position(12), last_message_at: at(5) });
    assert_eq!(store.row(stream, Position(9)).await.unwrap(), Some(Arc::clone(&all[1])));
}

async fn answers_to_keys_are_kept_for_three_days(disk: Disk) {
    let store = disk.open();
    let key = person(1);
    let stream = stream_of(&key, STREAMS);
    let answer = |text: &'static str, now| Seen {
        fingerprint: [text.len() as u8; 32],
        answer: Bytes::from_static(text.as_bytes()),
        at: now,
    };
    let batch = |seen: Seen| Batch { seen: vec![((key.clone(), "k".into()), seen)], ..Batch::default() };
    write(&*store, at(0), stream, batch(answer("first", at(0)))).await.unwrap();
    assert_eq!(seen(&*store, at(60), &key).await, Some(answer("first", at(0))));
    let days = 72 * 3600;
    assert_eq!(seen(&*store, at(days - 1), &key).await, Some(answer("first", at(0))));
    assert_eq!(seen(&*store, at(days), &key).await, None);
    write(&*store, at(days), stream, batch(answer("second", at(days)))).await.unwrap();
    assert_eq!(seen(&*store, at(days), &key).await, Some(answer("second", at(days))));
    // Another key, other words, another thread: none of them is this one.
    let neighbour = persons_of(stream).find(|other| *other != key).unwrap();
    assert_eq!(seen(&*store, at(days), &neighbour).await, None);
}

async fn settings_stand_in_every_stream(disk: Disk) {
    let store = disk.open();
    let key = person(1);
    let stream = stream_of(&key, STREAMS);
    say(&*store, at(100), std::slice::from_ref(&key)).await;
    let done = configure(&*store, at(50), &[11, 12], &[104]).await;
    assert_eq!((done.before.version, done.after.version), (0, 1));
    assert_eq!(store.settings().version, 1);
    assert_eq!(store.settings().apps, done.after.apps);
    assert_eq!(done.positions, store.heads().await.unwrap());
    for other in streams() {
        let position = done.positions[usize::from(other.0)];
        assert_eq!(position, Position(if other == stream { 2 } else { 1 }));
        let row = store.row(other, position).await.unwrap().unwrap();
        assert_eq!((row.cause, row.chain.clone(), row.notices.len()), (Cause::Settings, None, 0));
        assert_eq!(row.at, if other == stream { at(100) } else { at(50) }, "time does not step back");
    }
    let starts = |of: u64, positions: Vec<Position>| -> Vec<Cursor> {
        let cursor = |(stream, served)| Cursor { app: app(of), stream, served };
        streams().zip(positions).map(cursor).collect()
    };
    assert_eq!(store.cursors(app(11)).await.unwrap(), starts(11, done.positions.clone()));
    say(&*store, at(200), &[key]).await;
    let later = configure(&*store, at(300), &[11, 12, 13], &[104]).await;
    assert_eq!(store.cursors(app(11)).await.unwrap(), starts(11, done.positions), "an old app's stay");
    assert_eq!(store.cursors(app(13)).await.unwrap(), starts(13, later.positions));
}

async fn what_a_page_was_is_kept_where_its_routing_changed(disk: Disk) {
    let store = disk.open();
    let stream = Stream(1);
    let neighbour = persons_of(stream).next().unwrap();
    say(&*store, at(100), &[neighbour]).await;
    let made = configure(&*store, at(50), &[11], &[104, 105]).await;
    let routed = configure(&*store, at(200), &[11, 12], &[104, 105]).await;
    let gone = configure(&*store, at(300), &[11, 12], &[105]).await;
    let end = (at(1_000), Position(u64::MAX >> 1));
    let all = store.past_pages(page(104), stream, end, 10).await.unwrap();
    let index = usize::from(stream.0);
    let past = |when, change: &Configured| PastPage {
        at: when,
        position: change.positions[index],
        before: change.before.page(page(104)).cloned(),
        after: change.after.page(page(104)).cloned(),
    };
    // That it was made is nothing to tell: nobody had written to it.
    assert_eq!(all, [past(at(300), &gone), past(at(200), &routed)]);
    assert!(all[0].after.is_none() && made.after.page(page(104)).is_some());
    let place = (all[0].at, all[0].position);
    assert_eq!(store.past_pages(page(104), stream, place, 10).await.unwrap(), all[1..]);
    assert_eq!(store.past_pages(page(104), stream, end, 1).await.unwrap(), all[..1]);
    assert_eq!(store.past_pages(page(105), stream, end, 10).await.unwrap().len(), 1);
}

async fn settings_that_do_not_change_leave_no_row(disk: Disk) {
    let store = disk.open();
    configure(&*store, at(0), &[11], &[104]).await;
    let heads = store.heads().await.unwrap();
    let same = configure(&*store, at(1), &[11], &[104]).await;
    assert_eq!(same.positions, Vec::new());
    assert_eq!((same.before.version, same.after.version), (1, 1));
    assert_eq!(store.heads().await.unwrap(), heads);
}

async fn what_a_change_tells_apps_stands_right_after_it(disk: Disk) {
    let store = disk.open();
    let own = Chain::Page(page(104), Surface::Messenger);
    let stream = own.stream(STREAMS);
    let other = Chain::Page(page(104), Surface::Instagram);
    let change = change_to(&[11, 12], &[104]);
    let done =
        store.configure(at(1), change, telling(&[own.clone(), other.clone()], &[11, 12])).await.unwrap();
    assert_eq!(done.told.len(), 4);
    let position = done.positions[usize::from(stream.0)];
    let told = store.chain(&own, None, 10).await.unwrap();
    let places: Vec<_> = told.iter().map(|row| (row.position.0 - position.0, row.previous)).collect();
    assert_eq!(places, [(2, Some(position.next())), (1, None)], "newest first, after the change itself");
    let first = told.last().unwrap();
    assert_eq!((first.thread(), first.chain.as_ref(), first.at), (None, Some(&own), at(1)));
    assert_eq!((&*first.rule, first.event.as_deref()), ("HOP-ROLE-1", Some("app_roles")));
    assert_eq!(
        (first.cause, &first.notices, &first.after),
        (Cause::Settings, &vec![hears(11)], &Thread::default())
    );
    assert!(done.told.contains(&(stream, Arc::clone(first))));
    // An app that the change made hears it: its cursor stands before it.
    let cursors = store.cursors(app(12)).await.unwrap();
    let cursor = cursors.iter().find(|cursor| cursor.stream == stream).unwrap();
    let heard = store.read(app(12), stream, cursor.served, 10).await.unwrap();
    assert_eq!(heard.rows.iter().map(|row| row.whole.clone()).collect::<Vec<_>>(), [told[0].whole.clone()]);
    // What is parked, given up and told later is of the same chain, also for the next process.
    let waits =
        Parked { chain: own.clone(), stream, next: told[0].position, ..parked(12, &person(1), at(9)) };
    let lost = DeadLetter { chain: own.clone(), stream, ..dead(11, &person(1), first.position.0, at(3)) };
    let round = Round { park: vec![waits.clone()], dead: vec![lost.clone()], ..Round::default() };
    store.settle(round).await.unwrap();
    drop(store);
    let store = disk.open();
    assert_eq!(store.parked(app(12)).await.unwrap(), [waits]);
    assert_eq!(store.dead_letters(app(11), None, 10).await.unwrap(), [lost]);
    let change = change_to(&[11], &[104]);
    let later = store.configure(at(2), change, telling(std::slice::from_ref(&own), &[11])).await.unwrap();
    let rows = store.chain(&own, None, 10).await.unwrap();
    let places: Vec<_> = rows.iter().map(|row| row.position).collect();
    assert_eq!(places, [later.told[0].1.position, told[0].position, told[1].position]);
    assert_eq!(store.chain(&own, Some(told[0].position), 1).await.unwrap(), told[..1]);
    assert_eq!(store.chain(&other, None, 10).await.unwrap().len(), 2);
    assert_eq!(store.chain(&Chain::Page(page(105), Surface::Messenger), None, 10).await.unwrap(), []);
    // Decisions go on right behind it.
    for key in persons_of(stream).take(1) {
        assert_eq!(say(&*store, at(3), &[key]).await.rows[0].position, places[0].next());
    }
}

async fn what_cannot_be_told_is_a_change_that_is_not_made(disk: Disk) {
    let store = disk.open();
    for chain in [Chain::Thread(person(1)), Chain::Page(page(104), Surface::Messenger)] {
        let wrong: Announce = Box::new(move |change| {
            // To the stream after its own.
            let of = chain.stream(change.streams).0 + u16::from(chain.thread().is_none());
            let told = Announcement {
                chain: chain.clone(),
                rule: "HOP-ROLE-1".into(),
                event: "app_roles".into(),
                notices: vec![hears(11)],
                whole: Bytes::new(),
            };
            (of % change.streams == change.stream.0).then_some(told).into_iter().collect()
        });
        let refused = store.configure(at(0), change_to(&[11], &[104]), wrong).await;
        assert!(matches!(refused, Err(ConfigureError::Store(StoreError::Unavailable(_)))), "{refused:?}");
    }
    assert_eq!(store.settings().version, 0);
    assert_eq!(store.heads().await.unwrap(), vec![Position(0); 4]);
    assert_eq!(store.cursors(app(11)).await.unwrap(), []);
}

async fn a_conversation_is_walked_from_any_of_its_rows(disk: Disk) {
    let store = disk.open();
    let keys: Vec<_> = persons_of(Stream(0)).take(2).collect();
    for second in 0..4 {
        say(&*store, at(second), &keys).await;
    }
    let all = store.conversation(&keys[0], None, 100).await.unwrap();
    assert_eq!(all.len(), 4);
    let chain = Chain::Thread(keys[0].clone());
    assert_eq!(store.chain(&chain, None, 100).await.unwrap(), all);
    assert_eq!(store.chain(&chain, Some(all[1].position), 2).await.unwrap(), all[1..3]);
    assert_eq!(store.chain(&Chain::Thread(person(1_000)), None, 100).await.unwrap(), []);
}

async fn a_refused_change_changes_nothing(disk: Disk) {
    let store = disk.open();
    configure(&*store, at(0), &[11], &[104]).await;
    let no =
        SettingsRefused { rule: Some("SET-2".to_owned()), pointer: "/x".to_owned(), detail: "no".to_owned() };
    let refusal = no.clone();
    let refused = store.configure(at(1), Box::new(move |_| Err(vec![refusal.clone()])), silent()).await;
    assert_eq!(refused.unwrap_err(), ConfigureError::Refused(vec![no]));
    let twice = store.configure(at(1), change_to(&[11, 11], &[104]), silent()).await;
    assert!(matches!(twice, Err(ConfigureError::Store(StoreError::Unavailable(_)))));
    assert_eq!(store.settings().version, 1);
    assert_eq!(store.heads().await.unwrap(), vec![Position(1); 4]);
}

async fn settings_reach_the_next_decision(disk: Disk) {
    let store = disk.open();
    let stream = Stream(0);
    let key = persons_of(stream).next().unwrap();
    let versions: Arc<std::sync::Mutex<Vec<(u64, u64)>>> = Arc::default();
    let commit = |_| {
        let (store, key, to) = (Arc::clone(&store), key.clone(), Arc::clone(&versions));
        async move {
            let own = [key.clone()];
            let decide: Decide = Box::new(move |found| {
                to.lock().unwrap().push((found.head.0, found.settings.version));
                messages(&own, found)
            });
            store.commit(stream, wants(at(0), &[key]), decide).await.unwrap();
        }
    };
    let before = join_all((0..5).map(commit));
    let changes = configure(&*store, at(0), &[11], &[104]);
    let after = join_all((0..5).map(commit));
    let (_, changed, _) = futures_util::join!(before, changes, after);
    // Whoever decided at or after the change's position knows it, and nobody before.
    let position = changed.positions[0].0;
    for (head, version) in versions.lock().unwrap().iter() {
        assert_eq!(*version, u64::from(*head >= position), "at {head}, the change at {position}");
    }
}

async fn a_deleted_app_loses_its_cursors(disk: Disk) {
    let store = disk.open();
    configure(&*store, at(0), &[11, 12], &[104, 105]).await;
    let key = person(1);
    let stream = stream_of(&key, STREAMS);
    let begin = store.cursors(app(12)).await.unwrap()[0].served;
    let waits = Parked { next: begin.next(), ..parked(12, &key, at(9)) };
    store.settle(Round { park: vec![waits.clone()], ..Round::default() }).await.unwrap();
    assert_eq!(store.parked(app(12)).await.unwrap(), std::slice::from_ref(&waits));
    let done = configure(&*store, at(1), &[11], &[105]).await;
    assert_eq!(store.cursors(app(12)).await.unwrap(), Vec::new());
    assert_eq!(store.parked(app(12)).await.unwrap(), Vec::new());
    assert_eq!(store.cursors(app(11)).await.unwrap().len(), 4);
    assert!(done.after.page(page(104)).is_none());
    // A round that was under way does not bring it back.
    let late = Cursor { app: app(12), stream, served: Position(2) };
    let round = Round { cursors: vec![late], park: vec![waits.clone()], ..Round::default() };
    store.settle(round).await.unwrap();
    assert_eq!(store.cursors(app(12)).await.unwrap(), Vec::new());
    assert_eq!(store.parked(app(12)).await.unwrap(), Vec::new());
    // The same id again is a new app: it hears what comes after.
    let again = configure(&*store, at(2), &[11, 12], &[105]).await;
    assert_eq!(store.cursors(app(12)).await.unwrap()[0].served, again.positions[0]);
    // What was under way to the old one is nothing to it, however late it comes.
    store.settle(Round { cursors: vec![late], park: vec![waits], ..Round::default() }).await.unwrap();
    let cursors = store.cursors(app(12)).await.unwrap();
    assert_eq!(cursors.iter().map(|cursor| cursor.served).collect::<Vec<_>>(), again.positions);
    assert_eq!(store.parked(app(12)).await.unwrap(), Vec::new());
    assert_ne!(again.after.begun(app(12)), done.before.begun(app(12)));
    assert_eq!(again.after.begun(app(11)), done.before.begun(app(11)));
}

async fn reading_looks_at_so_many_rows(disk: Disk) {
    let store = disk.open();
    let stream = Stream(1);
    let key = persons_of(stream).next().unwrap();
    for position in 1..=6 {
        let mut next = row(&key, Position(position), None, at(0));
        next.notices = if position % 3 == 0 { vec![hears(11), hears(12)] } else { vec![hears(12)] };
        let batch = Batch { rows: vec![Arc::new(next)], ..Batch::default() };
        write(&*store, at(0), stream, batch).await.unwrap();
    }
    let look = async |of: u64, after: u64, limit: usize| {
        let slice = store.read(app(of), stream, Position(after), limit).await.unwrap();
        (slice.rows.iter().map(|row| row.position.0).collect::<Vec<_>>(), slice.scanned.0)
    };
    assert_eq!(look(11, 0, 2).await, (vec![], 2), "rows for others are looked at, and passed over");
    assert_eq!(look(11, 2, 2).await, (vec![3], 4));
    assert_eq!(look(11, 4, 100).await, (vec![6], 6));
    assert_eq!(look(12, 0, 100).await, (vec![1, 2, 3, 4, 5, 6], 6));
    assert_eq!(look(12, 6, 100).await, (vec![], 6));
    assert_eq!(look(12, 60, 100).await, (vec![], 60));
    assert_eq!(look(12, 0, 0).await, (vec![], 0));
    assert_eq!(look(13, 0, 100).await, (vec![], 6));
    let other = store.read(app(12), Stream(0), Position(0), 100).await.unwrap();
    assert_eq!(other.scanned, Position(0), "a stream ends where the next one begins");
}

fn parked(of: u64, key: &ThreadKey, due: Timestamp) -> Parked {
    let stream = stream_of(key, STREAMS);
    let chain = key.clone().into();
    Parked { app: app(of), stream, chain, next: Position(3), attempts: 2, since: at(1), due }
}

fn dead(of: u64, key: &ThreadKey, position: u64, now: Timestamp) -> DeadLetter {
    DeadLetter {
        app: app(of),
        stream: stream_of(key, STREAMS),
        position: Position(position),
        chain: key.clone().into(),
        at: now,
        attempts: 6,
        reason: "500".into(),
        expired: false,
    }
}

async fn rounds_are_kept(disk: Disk) {
    let store = disk.open();
    configure(&*store, at(0), &[11, 12], &[104]).await;
    let keys = [person(1), person(2), person(3)];
    let moved = Cursor { app: app(11), stream: Stream(2), served: Position(9) };
    let waits = [parked(11, &keys[0], at(30)), parked(11, &keys[1], at(10)), parked(11, &keys[2], at(20))];
    let given_up = [dead(11, &keys[0], 1, at(1)), dead(11, &keys[1], 2, at(3)), dead(11, &keys[2], 3, at(2))];
    let round =
        Round { cursors: vec![moved], park: waits.to_vec(), dead: given_up.to_vec(), ..Round::default() };
    store.settle(round).await.unwrap();
    assert_eq!(store.cursors(app(11)).await.unwrap()[2], moved);
    let [late, soon, middle] = waits;
    assert_eq!(store.parked(app(11)).await.unwrap(), [soon.clone(), middle.clone(), late.clone()]);
    assert_eq!(store.parked(app(12)).await.unwrap(), []);
    let [oldest, newest, other] = given_up;
    assert_eq!(store.dead_letters(app(11), None, 10).await.unwrap(), [newest.clone(), other, oldest]);
    assert_eq!(store.dead_letters(app(11), None, 1).await.unwrap(), [newest]);
    assert_eq!(store.dead_letters(app(12), None, 10).await.unwrap(), []);

    // Parked anew, with a later try; and no longer parked.
    let anew = Parked { attempts: 3, due: at(40), ..soon };
    let round = Round {
        park: vec![anew.clone()],
        unpark: vec![(app(11), middle.stream, middle.chain)],
        ..Round::default()
    };
    store.settle(round).await.unwrap();
    assert_eq!(store.parked(app(11)).await.unwrap(), [late, anew]);
    store.settle(Round::default()).await.unwrap();
}

fn control_row(key: &ThreadKey, now: Timestamp, position: Position) -> ControlRow {
    ControlRow {
        thread: key.clone(),
        position,
        at: now,
        rule: "HOP-PASS-1".into(),
        via: None,
        cause: Cause::Pass,
        by: Some(app(11)),
        from: Some(app(11)),
        to: None,
        expires_at: Some(at(86_400)),
        metadata: Some("please".into()),
        number: 0,
        refused: None,
    }
}

async fn control_is_paged_newest_first(disk: Disk) {
    let store = disk.open();
    let stream = Stream(0);
    let keys: Vec<_> = persons_of(stream).take(2).collect();
    let mut all = Vec::new();
    for position in 1..=5 {
        let (mine, other) = (at(position as i64 / 2), Position(2 * position));
        let own = Position(2 * position - 1);
        let batch = Batch {
            rows: vec![Arc::new(row(&keys[0], own, None, mine)), Arc::new(row(&keys[1], other, None, mine))],
            control: vec![control_row(&keys[0], mine, own), control_row(&keys[1], mine, other)],
            ..Batch::default()
        };
        write(&*store, mine, stream, batch).await.unwrap();
        all.insert(0, control_row(&keys[0], mine, own));
    }
    assert_eq!(store.control(&keys[0], None, 100).await.unwrap(), all);
    let mut paged = Vec::new();
    let mut before = None;
    loop {
        let some = store.control(&keys[0], before, 2).await.unwrap();
        let Some(last) = some.last() else { break };
        before = Some(last.place());
        paged.extend(some);
    }
    assert_eq!(paged, all);
}

fn refusal(key: &ThreadKey, now: Timestamp, position: Position, said: &str) -> ControlRow {
    ControlRow {
        rule: "HOP-PASS-5".into(),
        from: None,
        expires_at: None,
        metadata: Some(said.into()),
        refused: Some("E-PASS-NOTOWNER".into()),
        ..control_row(key, now, position)
    }
}

async fn refusals_stand_among_the_changes_each_on_its_own(disk: Disk) {
    let store = disk.open();
    let stream = Stream(0);
    let keys: Vec<_> = persons_of(stream).take(2).collect();
    let (key, other) = (&keys[0], &keys[1]);
    // A clock that stands still: the order is told by the places alone. Nothing but a refusal moves no position.
    let changed = |position: u64| Batch {
        rows: vec![Arc::new(row(key, Position(position), None, at(0)))],
        control: vec![control_row(key, at(0), Position(position))],
        ..Batch::default()
    };
    let refused = |key: &ThreadKey, position: u64, said: &[&str]| Batch {
        control: said.iter().map(|said| refusal(key, at(0), Position(position), said)).collect(),
        ..Batch::default()
    };
    let batches = [
        refused(key, 0, &["a"]),
        changed(1),
        refused(key, 1, &["b", "c"]),
        refused(other, 1, &["of another"]),
        refused(key, 1, &["d"]),
        changed(2),
        refused(key, 2, &["e"]),
    ];
    for batch in batches {
        write(&*store, at(0), stream, batch).await.unwrap();
    }
    let told = |rows: &[ControlRow]| -> Vec<(u64, u32, String)> {
        let said =
            |row: &ControlRow| row.refused.as_ref().and(row.metadata.as_deref()).unwrap_or("").to_owned();
        rows.iter().map(|row| (row.position.0, row.number, said(row))).collect()
    };
    let all = store.control(key, None, 100).await.unwrap();
    let newest_first =
        [(2, 1, "e"), (2, 0, ""), (1, 3, "d"), (1, 2, "c"), (1, 1, "b"), (1, 0, ""), (0, 1, "a")];
    assert_eq!(told(&all), newest_first.map(|(position, number, said)| (position, number, said.to_owned())));
    for (index, last) in all.iter().enumerate() {
        let next = store.control(key, Some(last.place()), 2).await.unwrap();
        assert_eq!(next, all[index + 1..].iter().take(2).cloned().collect::<Vec<_>>());
    }
    assert_eq!(store.control(other, None, 100).await.unwrap().len(), 1);
}

fn due_row(key: &ThreadKey, number: u64, when: Timestamp) -> Due {
    Due {
        thread: key.clone(),
        number: Position(number),
        at: when,
        by: app(11),
        content: Bytes::from_static(b"survey"),
    }
}

async fn due_rows_come_in_due_order(disk: Disk) {
    let store = disk.open();
    let stream = Stream(0);
    let keys: Vec<_> = persons_of(stream).take(2).collect();
    let rows = [
        due_row(&keys[0], 1, at(30)),
        due_row(&keys[0], 2, at(10)),
        due_row(&keys[0], 3, at(10)),
        due_row(&keys[1], 1, at(20)),
    ];
    write(&*store, at(0), stream, Batch { due: rows.to_vec(), ..Batch::default() }).await.unwrap();
    let [last, first, second, third] = rows;
    let all = [first.clone(), second.clone(), third.clone(), last.clone()];
    assert_eq!(store.due(at(30), 100).await.unwrap(), all);
    assert_eq!(store.due(at(29), 100).await.unwrap(), all[..3]);
    assert_eq!(store.due(at(30), 2).await.unwrap(), all[..2]);
    assert_eq!(store.due(at(9), 100).await.unwrap(), []);
    // One is put off, one is done.
    let later = due_row(&keys[0], 2, at(40));
    let batch =
        Batch { due: vec![later.clone()], undue: vec![(keys[1].clone(), Position(1))], ..Batch::default() };
    write(&*store, at(0), stream, batch).await.unwrap();
    assert_eq!(store.due(at(100), 100).await.unwrap(), [second, last, later]);
}

/// Writes a thread that holds back what is due at these moments.
async fn hold(store: &dyn Store, key: &ThreadKey, due: &[Timestamp]) {
    let due: Vec<Due> = (1..).zip(due).map(|(number, when)| due_row(key, number, *when)).collect();
    let held = u16::try_from(due.len()).unwrap();
    let of = key.clone();
    let decide: Decide = Box::new(move |found| {
        let mut batch = messages(std::slice::from_ref(&of), found);
        batch.threads[0].1.thread.held = held;
        Batch { due: due.clone(), ..batch }
    });
    store.commit(stream_of(key, STREAMS), wants(at(0), std::slice::from_ref(key)), decide).await.unwrap();
}

async fn what_a_thread_holds_back_is_found_with_it(disk: Disk) {
    let store = disk.open();
    let keys: Vec<_> = persons_of(Stream(0)).take(3).collect();
    hold(&*store, &keys[0], &[at(30), at(10)]).await;
    hold(&*store, &keys[1], &[at(20)]).await;
    say(&*store, at(1), &keys[2..]).await;
    let found: Arc<std::sync::Mutex<HashMap<ThreadKey, Vec<Due>>>> = Arc::default();
    let to = Arc::clone(&found);
    let decide: Decide = Box::new(move |found| {
        *to.lock().unwrap() = found.due.clone();
        Batch::default()
    });
    let asked = [keys[0].clone(), keys[2].clone()];
    store.commit(Stream(0), wants(at(2), &asked), decide).await.unwrap();
    let own = vec![due_row(&keys[0], 1, at(30)), due_row(&keys[0], 2, at(10))];
    assert_eq!(
        *found.lock().unwrap(),
        HashMap::from([(keys[0].clone(), own)]),
        "in the order of their making"
    );
}

async fn a_page_that_is_routed_otherwise_has_nothing_to_wait_for(disk: Disk) {
    let store = disk.open();
    configure(&*store, at(0), &[11, 12], &[104, 1041]).await;
    let (one, other) = (person(1), ThreadKey { page: page(1041), ..person(1) });
    hold(&*store, &one, &[at(30), at(5)]).await;
    hold(&*store, &other, &[at(40)]).await;
    // A change of an app's name moves nothing; that page 104 lost an app does.
    let change: Change = Box::new(|settings| {
        let mut pages = settings.pages.clone();
        Arc::make_mut(&mut pages[0]).connections.pop();
        Ok(Settings::new(0, settings.apps.clone(), pages))
    });
    store.configure(at(10), change, silent()).await.unwrap();
    let times: Vec<_> =
        store.due(at(100), 10).await.unwrap().into_iter().map(|due| (due.thread, due.at)).collect();
    assert_eq!(times, [(one.clone(), at(5)), (one, at(10)), (other, at(40))]);
}

async fn a_clock_that_steps_back_does_not_take_decisions_along(disk: Disk) {
    let store = disk.open();
    let key = person(1);
    let own = std::slice::from_ref(&key);
    let times = async |store: &dyn Store| {
        let rows = store.conversation(&key, None, 10).await.unwrap();
        rows.iter().map(|row| (row.at.0 - START) / 1000).collect::<Vec<_>>()
    };
    say(&*store, at(100), own).await;
    say(&*store, at(40), own).await;
    assert_eq!(times(&*store).await, [100, 100]);
    let stream = stream_of(&key, STREAMS);
    let rest = Wanted { now: None, threads: vec![key.clone()], seen: Vec::new() };
    let no_clock: Decide = Box::new(|found| {
        assert_eq!(found.now, at(100), "who has no clock goes by the stream's");
        Batch::default()
    });
    store.commit(stream, rest, no_clock).await.unwrap();
    drop(store);
    let store = disk.open();
    say(&*store, at(50), own).await;
    say(&*store, at(101), own).await;
    assert_eq!(times(&*store).await, [101, 100, 100, 100], "the next process knows the time too");
    // Every stream has its own.
    let other = (0..).map(person).find(|key| stream_of(key, STREAMS) != stream).unwrap();
    assert_eq!(say(&*store, at(60), &[other]).await.rows[0].at, at(60));
}

async fn threads_are_listed_newest_first(disk: Disk) {
    let store = disk.open();
    for number in 0..30 {
        say(&*store, at((number as i64 * 7) % 11), &[person(number)]).await;
    }
    say(&*store, at(90), &[person(4)]).await;
    let elsewhere = [
        ThreadKey { page: page(105), ..person(1) },
        ThreadKey { surface: Surface::Instagram, ..person(1) },
        ThreadKey { page: page(1041), ..person(1) },
    ];
    for key in &elsewhere {
        say(&*store, at(200), std::slice::from_ref(key)).await;
    }
    let list = async |after, limit| store.threads(page(104), Surface::Messenger, after, limit).await.unwrap();
    let all = list(None, 100).await;
    assert_eq!(all.len(), 30);
    assert_eq!(all[0].key, person(4));
    assert!(all.is_sorted_by_key(|listed| std::cmp::Reverse(listed.remembered.last_message_at)));
    for listed in &all {
        assert_eq!(store.thread(&listed.key).await.unwrap().as_ref(), Some(&listed.remembered));
    }
    let mut paged = Vec::new();
    let mut after = None;
    loop {
        let some = list(after, 7).await;
        let Some(last) = some.last() else { break };
        after = Some((last.remembered.last_message_at, last.key.clone()));
        paged.extend(some);
    }
    assert_eq!(paged, all);
    assert_eq!(paged.iter().map(|listed| listed.key.clone()).collect::<BTreeSet<_>>().len(), 30);
    let instagram = store.threads(page(104), Surface::Instagram, None, 100).await.unwrap();
    assert_eq!(instagram.iter().map(|listed| &listed.key).collect::<Vec<_>>(), [&elsewhere[1]]);
}

async fn the_clock_is_kept(disk: Disk) {
    let store = disk.open();
    for clock in [
        KeptClock { offset: 86_400_000, frozen: Some(at(7)) },
        KeptClock { offset: -5, frozen: None },
        KeptClock::default(),
    ] {
        store.keep_clock(clock).await.unwrap();
        assert_eq!(store.kept_clock().await.unwrap(), Some(clock));
    }
}

async fn what_is_known_of_a_person_is_kept(disk: Disk) {
    let store = disk.open();
    let (one, other) = (person(1), person(2));
    let full = Person {
        name: Some("Zoë Ångström".to_owned()),
        first_name: Some("Zoë".to_owned()),
        last_name: Some("Ångström".to_owned()),
        username: Some(String::new()),
        profile_pic: None,
    };
    assert_eq!(store.person(&one).await.unwrap(), Person::default());
    store.keep_person(&one, full.clone()).await.unwrap();
    assert_eq!(store.person(&one).await.unwrap(), full);
    assert_eq!(store.person(&other).await.unwrap(), Person::default());
    // The same id on the other surface is another person.
    let elsewhere = ThreadKey { surface: Surface::Instagram, ..one.clone() };
    assert_eq!(store.person(&elsewhere).await.unwrap(), Person::default());
    store.keep_person(&one, Person { name: None, ..full.clone() }).await.unwrap();
    assert_eq!(store.person(&one).await.unwrap(), Person { name: None, ..full });
}

fn asset(of: u64, kind: AssetKind, key: &str, now: Timestamp) -> Asset {
    let key = AssetKey { page: page(of), kind, key: key.into() };
    Asset { key, at: now, document: "{\"name\":\"ä\"}".into(), content: None }
}

fn keeps(keep: Vec<Asset>) -> AssetChange {
    AssetChange { keep, ..AssetChange::default() }
}

async fn who_may_sign_in_is_kept_whole(disk: Disk) {
    let store = disk.open();
    assert_eq!(store.team().await.unwrap(), Team::default());
    let mut team = Team::default();
    let id = team.new_id();
    let password = Some(Secret::new("$argon2id$…"));
    team.members.push(Member { id, name: "Nadia".to_owned(), role: Role::Agent, password, since: at(1) });
    team.invitations.push(Invitation { hash: [1; 32], member: id, until: at(2) });
    let session =
        Session { id: 2, hash: [2; 32], member: id, since: at(3), seen: at(4), browser: "…".to_owned() };
    team.sessions.push(session);
    store.keep_team(team.clone()).await.unwrap();
    assert_eq!(store.team().await.unwrap(), team);
    team.sessions.clear();
    store.keep_team(team.clone()).await.unwrap();
    drop(store);
    assert_eq!(disk.open().team().await.unwrap(), team);
}

async fn what_was_done_is_listed_newest_first(disk: Disk) {
    let store = disk.open();
    let line = |number: i64| AuditLine {
        at: at(number),
        member: (number > 1).then_some(7),
        name: "Nadia".to_owned(),
        operation: "patchApp".to_owned(),
        path: "/apps/1".to_owned(),
        status: 200,
    };
    for number in 1..=5 {
        store.audit(line(number)).await.unwrap();
    }
    let listed = store.audited(None, 2).await.unwrap();
    assert_eq!(listed, vec![(5, line(5)), (4, line(4))]);
    let rest = store.audited(Some(4), 10).await.unwrap();
    assert_eq!(rest, vec![(3, line(3)), (2, line(2)), (1, line(1))]);
}

async fn assets_are_kept_by_page_kind_and_key(disk: Disk) {
    use AssetKind::{Label, Persona};
    let store = disk.open();
    let file = Asset {
        content: Some(Bytes::from([0, 255, 10].repeat(100_000))),
        ..asset(104, AssetKind::Attachment, "7", at(1))
    };
    let all =
        [asset(104, Persona, "1", at(0)), asset(104, Label, "1", at(0)), asset(105, Persona, "1", at(0))];
    store.change_assets(keeps(all.to_vec())).await.unwrap();
    store.change_assets(keeps(vec![file.clone()])).await.unwrap();
    for asset in all.iter().chain([&file]) {
        assert_eq!(store.asset(&asset.key).await.unwrap().as_ref(), Some(asset));
    }
    assert_eq!(store.asset(&asset(104, Persona, "2", at(0)).key).await.unwrap(), None);
    let listed = store.assets(page(104), AssetKind::Attachment, "", 10).await.unwrap();
    assert_eq!(listed, [Asset { content: None, ..file.clone() }], "a list has no bytes");
    // In the order of keys, after one, so many.
    let more = ["3", "2", "4"].map(|key| asset(104, Persona, key, at(2)));
    store.change_assets(keeps(more.to_vec())).await.unwrap();
    let keys = async |after: &str, limit| -> Vec<String> {
        let listed = store.assets(page(104), Persona, after, limit).await.unwrap();
        listed.into_iter().map(|asset| asset.key.key.into()).collect()
    };
    assert_eq!(keys("", 9).await, ["1", "2", "3", "4"]);
    assert_eq!(keys("1", 2).await, ["2", "3"]);
    assert_eq!(keys("4", 2).await, Vec::<String>::new());
    // What has the same key takes the place; what is forgotten is gone, and nothing else is.
    let again = Asset { document: "{}".into(), ..asset(104, Persona, "2", at(3)) };
    let forget = vec![all[0].key.clone(), asset(104, Persona, "none", at(0)).key];
    store.change_assets(AssetChange { keep: vec![again.clone()], forget, expire: None }).await.unwrap();
    assert_eq!(keys("", 9).await, ["2", "3", "4"]);
    store.close().await.unwrap();
    drop(store);
    let store = disk.open();
    assert_eq!(store.asset(&again.key).await.unwrap(), Some(again));
    assert_eq!(store.asset(&file.key).await.unwrap(), Some(file));
    for kept in &all[1..] {
        assert_eq!(store.asset(&kept.key).await.unwrap().as_ref(), Some(kept));
    }
}

async fn what_apps_kept_goes_with_its_page(disk: Disk) {
    use AssetKind::Persona;
    let store = disk.open();
    configure(&*store, at(0), &[11], &[104, 105]).await;
    let both = [asset(104, Persona, "1", at(0)), asset(105, Persona, "1", at(0))];
    store.change_assets(keeps(both.to_vec())).await.unwrap();
    configure(&*store, at(1), &[11], &[105]).await;
    // Made again, it is another page: nothing of what was kept about the old one is its.
    configure(&*store, at(2), &[11], &[104, 105]).await;
    assert_eq!(store.asset(&both[0].key).await.unwrap(), None);
    assert_eq!(store.asset(&both[1].key).await.unwrap().as_ref(), Some(&both[1]));
}

async fn what_is_too_old_goes_of_one_kind_only(disk: Disk) {
    use AssetKind::{Attachment, Persona};
    let store = disk.open();
    let old = [
        asset(104, Attachment, "1", at(0)),
        asset(105, Attachment, "1", at(1)),
        asset(104, Persona, "1", at(0)),
    ];
    store.change_assets(keeps(old.to_vec())).await.unwrap();
    let keep = vec![asset(104, Attachment, "2", at(2))];
    store
        .change_assets(AssetChange { keep, forget: Vec::new(), expire: Some((Attachment, at(1))) })
        .await
        .unwrap();
    let mut left = Vec::new();
    for (of, kind) in [(104, Attachment), (105, Attachment), (104, Persona)] {
        left.push(store.assets(page(of), kind, "", 9).await.unwrap().len());
    }
    assert_eq!(left, [1, 0, 1]);
}

fn counted(of: u64, ad: &str, entries: u64, conversations: u64) -> Counted {
    let counts = AdCounts { entries, conversations };
    Counted { page: page(of), surface: Surface::Messenger, ad: ad.into(), counts }
}

async fn counts_of_ads_are_summed_over_streams(disk: Disk) {
    let store = disk.open();
    let none = store.ad_counts(page(104), Surface::Messenger).await.unwrap();
    assert_eq!(none, HashMap::new());
    for stream in streams() {
        let counted =
            vec![counted(104, "9001", 1, 0), counted(104, "9001", 1, 1), counted(104, "9002", 0, 1)];
        write(&*store, at(0), stream, Batch { counted, ..Batch::default() }).await.unwrap();
    }
    let other = vec![
        counted(105, "9001", 7, 0),
        Counted { surface: Surface::Instagram, ..counted(104, "9001", 5, 0) },
    ];
    write(&*store, at(0), Stream(0), Batch { counted: other, ..Batch::default() }).await.unwrap();
    let sums = store.ad_counts(page(104), Surface::Messenger).await.unwrap();
    let sum = |entries, conversations| AdCounts { entries, conversations };
    assert_eq!(sums, HashMap::from([("9001".into(), sum(8, 4)), ("9002".into(), sum(0, 4))]));
    let sums = store.ad_counts(page(104), Surface::Instagram).await.unwrap();
    assert_eq!(sums, HashMap::from([("9001".into(), sum(5, 0))]));
}

fn a_try() -> Attempt {
    Attempt {
        app: app(11),
        place: Place { stream: Stream(1), position: Position(2) },
        at: at(3),
        number: 1,
        status: Some(500),
        duration_ms: 7,
        error: Some("HTTP 500".into()),
        body_start: "oh".into(),
        to: None,
    }
}

/// All that can be asked of a store, as a text.
async fn told(store: &dyn Store) -> String {
    let mut text = format!("{} {:?}\n", store.streams(), store.key());
    let mut add = |what: &dyn std::fmt::Debug| text.push_str(&format!("{what:?}\n"));
    let settings = store.settings();
    add(&(settings.version, &settings.apps, &settings.pages));
    for app in &settings.apps {
        // The debug form hides secrets, and they must come back too.
        add(&(app.secret.reveal(), app.verify_token.as_ref().map(Secret::reveal)));
    }
    let routing = settings.routing(page(104), Surface::Messenger);
    add(&routing);
    add(&settings.token("104-11").map(|(page, connection, _)| (page.id, connection.app)));
    add(&store.heads().await);
    let ads = store.ad_counts(page(104), Surface::Messenger).await;
    add(&ads.map(|ads| ads.into_iter().collect::<BTreeMap<_, _>>()));
    add(&store.kept_clock().await);
    add(&store.due(at(1_000_000), 100).await);
    add(&store.threads(page(104), Surface::Messenger, None, 100).await);
    for id in [11, 12].map(app) {
        add(&store.cursors(id).await);
        add(&store.parked(id).await);
        add(&store.dead_letters(id, None, 100).await);
        add(&store.delivery_state(id).await);
        add(&store.tried(id, vec![a_try().place]).await);
        for stream in streams() {
            add(&store.read(id, stream, Position(0), 100).await.map(|slice| (slice.rows, slice.scanned)));
        }
    }
    for key in (0..6).map(person) {
        add(&store.thread(&key).await);
        add(&store.person(&key).await);
        add(&store.conversation(&key, None, 100).await);
        add(&store.control(&key, None, 100).await);
        add(&seen(store, at(500), &key).await);
    }
    text
}

async fn reopening_gives_back_everything(disk: Disk) {
    let store = disk.open();
    configure(&*store, at(0), &[11, 12], &[104, 105]).await;
    for number in 0..6 {
        let key = person(number);
        let stream = stream_of(&key, STREAMS);
        let of = key.clone();
        let decide: Decide = Box::new(move |found| everything(&of, found.head.next(), found.now));
        store.commit(stream, wants(at(number as i64), &[]), decide).await.unwrap();
        say(&*store, at(60), &[key]).await;
    }
    let round = Round {
        cursors: vec![Cursor { app: app(11), stream: Stream(0), served: Position(2) }],
        park: vec![parked(11, &person(1), at(30))],
        dead: vec![dead(12, &person(2), 1, at(3))],
        attempts: vec![a_try()],
        health: vec![(app(11), DeliveryHealth { delivered_at: Some(7), ..DeliveryHealth::default() })],
        ..Round::default()
    };
    let resend = Resend { app: app(11), to: "x".into(), places: vec![a_try().place], at: at(4) };
    store.resend(resend).await.unwrap();
    store.settle(round).await.unwrap();
    store.keep_clock(KeptClock { offset: 5, frozen: Some(at(60)) }).await.unwrap();
    let known = Person { name: Some("Ann".to_owned()), ..Person::default() };
    store.keep_person(&person(1), known).await.unwrap();
    let before = told(&*store).await;
    drop(store);
    let store = disk.open();
    assert_eq!(told(&*store).await, before, "after a process that went without a word");
    store.close().await.unwrap();
    drop(store);
    let store = disk.open();
    assert_eq!(told(&*store).await, before, "after one that closed");
    // And it goes on.
    let done = configure(&*store, at(70), &[11], &[104]).await;
    assert_eq!(done.after.version, 2);
    say(&*store, at(80), &[person(1)]).await;
    assert_eq!(store.conversation(&person(1), None, 100).await.unwrap().len(), 3);
}

async fn a_closed_store_is_closed(disk: Disk) {
    let store = disk.open();
    configure(&*store, at(0), &[11], &[104]).await;
    let closing = Arc::clone(&store);
    let one = [person(1)];
    // What came before the close is still written.
    let (wrote, closed) = futures_util::join!(say(&*store, at(0), &one), later(closing.close()));
    assert_eq!(wrote.rows.len(), 1);
    closed.unwrap();
    fn is_closed<T: std::fmt::Debug>(answer: Result<T, StoreError>) {
        assert_eq!(answer.unwrap_err(), StoreError::Closed);
    }
    let key = person(1);
    is_closed(write(&*store, at(0), Stream(0), Batch::default()).await);
    is_closed(store.heads().await);
    is_closed(store.read(app(11), Stream(0), Position(0), 1).await.map(|slice| slice.scanned));
    is_closed(store.cursors(app(11)).await);
    is_closed(store.parked(app(11)).await);
    is_closed(store.dead_letters(app(11), None, 1).await);
    is_closed(store.settle(Round::default()).await);
    is_closed(store.read_back(app(11), Stream(0), Position(1), 1).await.map(|slice| slice.scanned));
    is_closed(store.lag(app(11), Stream(0), Position(1), 1).await);
    is_closed(store.tried(app(11), Vec::new()).await);
    is_closed(store.delivery_state(app(11)).await);
    is_closed(store.resends(app(11), "", Stream(0), Position(1), 1).await.map(|slice| slice.scanned));
    is_closed(store.errands().await);
    let resend = Resend { app: app(11), to: "".into(), places: Vec::new(), at: at(0) };
    is_closed(store.resend(resend).await);
    is_closed(store.row(Stream(0), Position(1)).await);
    is_closed(store.thread(&key).await);
    is_closed(store.threads(page(104), Surface::Messenger, None, 1).await);
    is_closed(store.conversation(&key, None, 1).await);
    is_closed(store.chain(&key.clone().into(), None, 1).await);
    is_closed(store.control(&key, None, 1).await);
    is_closed(store.due(at(0), 1).await);
    is_closed(store.ad_counts(page(104), Surface::Messenger).await);
    is_closed(store.person(&key).await);
    is_closed(store.keep_person(&key, Person::default()).await);
    is_closed(store.size().await);
    is_closed(store.kept_clock().await);
    is_closed(store.keep_clock(KeptClock::default()).await);
    is_closed(store.close().await);
    let refused = store.configure(at(0), change_to(&[], &[]), silent()).await;
    assert_eq!(refused.unwrap_err(), ConfigureError::Store(StoreError::Closed));
    // Another process opens it at once.
    assert_eq!(disk.open().conversation(&key, None, 10).await.unwrap().len(), 1);
}

/// Lets others go first, once.
async fn later<T>(what: impl Future<Output = T>) -> T {
    tokio::task::yield_now().await;
    what.await
}
