//! What is decided is written with what it causes, in order and without gaps.

use std::collections::HashMap;
use std::sync::Arc;

use baton_rules::{Surface, ThreadKey};
use baton_store::{
    Asset, AssetChange, AssetKey, AssetKind, Batch, Chain, DeadLetter, Decide, JournalRow, Position,
    Remembered, Round, Seen, Store, StoreError, Stream, Wanted, stream_of,
};
use bytes::Bytes;
use futures_util::future::join_all;

use crate::disk::Disk;
use crate::made::{
    START, STREAMS, app, at, configure, dead, everything, hears, page, person, persons_of, row, say, seen,
    streams, thread, wants, write,
};

every_store! {
    a_new_store_is_empty
    positions_have_no_gaps_under_concurrent_commits
    a_wrong_batch_writes_nothing
    a_batch_that_fails_late_leaves_its_neighbours_alone
    an_unknown_stream_is_refused
    found_has_what_was_wanted
    a_conversation_is_a_chain
    a_conversation_is_walked_from_any_of_its_rows
    answers_to_keys_are_kept_for_three_days
    a_clock_that_steps_back_does_not_take_decisions_along
    reading_looks_at_so_many_rows
    what_callers_say_may_hold_any_character
}

async fn a_new_store_is_empty(disk: Disk) {
    let store = disk.open().await;
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
    let store = disk.open().await;
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

async fn a_wrong_batch_writes_nothing(disk: Disk) {
    let store = disk.open().await;
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
    let store = disk.open().await;
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
    let store = disk.open().await;
    let refused = write(&*store, at(0), Stream(STREAMS), Batch::default()).await;
    assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
}

async fn found_has_what_was_wanted(disk: Disk) {
    let store = disk.open().await;
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
    let store = disk.open().await;
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
    let store = disk.open().await;
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

async fn a_conversation_is_walked_from_any_of_its_rows(disk: Disk) {
    let store = disk.open().await;
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

async fn reading_looks_at_so_many_rows(disk: Disk) {
    let store = disk.open().await;
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

async fn a_clock_that_steps_back_does_not_take_decisions_along(disk: Disk) {
    let store = disk.open().await;
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
    let rest = Wanted { threads: vec![key.clone()], ..Wanted::default() };
    let no_clock: Decide = Box::new(|found| {
        assert_eq!(found.now, at(100), "who has no clock goes by the stream's");
        Batch::default()
    });
    store.commit(stream, rest, no_clock).await.unwrap();
    drop(store);
    let store = disk.open().await;
    say(&*store, at(50), own).await;
    say(&*store, at(101), own).await;
    assert_eq!(times(&*store).await, [101, 100, 100, 100], "the next process knows the time too");
    // Every stream has its own.
    let other = (0..).map(person).find(|key| stream_of(key, STREAMS) != stream).unwrap();
    assert_eq!(say(&*store, at(60), &[other]).await.rows[0].at, at(60));
}

async fn what_callers_say_may_hold_any_character(disk: Disk) {
    let store = disk.open().await;
    configure(&*store, at(0), &[11], &[104]).await;
    let (key, said) = (person(1), "\0 \u{1f600} ' \\ \u{202e}");
    let stream = stream_of(&key, STREAMS);
    let of = key.clone();
    let decide: Decide = Box::new(move |found| {
        let mut batch = everything(&of, found.head.next(), found.now);
        batch.control[0].metadata = Some(said.into());
        batch.seen[0].0.1 = said.into();
        batch.counted[0].ad = said.into();
        batch
    });
    store.commit(stream, wants(at(1), &[]), decide).await.unwrap();
    assert_eq!(store.control(&key, None, 9).await.unwrap()[1].metadata.as_deref(), Some(said));
    assert!(store.ad_counts(page(104), Surface::Messenger).await.unwrap().contains_key(said));
    let wanted = Wanted { seen: vec![(key.clone(), said.into())], ..wants(at(1), &[]) };
    let decide: Decide = Box::new(|found| {
        assert_eq!(found.seen.len(), 1);
        Batch::default()
    });
    store.commit(stream, wanted, decide).await.unwrap();
    let asset = AssetKey { page: page(104), kind: AssetKind::Comment, key: said.into() };
    let kept = Asset { key: asset.clone(), at: at(1), document: "{}".into(), content: None };
    store.change_assets(AssetChange { keep: vec![kept.clone()], ..AssetChange::default() }).await.unwrap();
    assert_eq!(store.asset(&asset).await.unwrap(), Some(kept));
    let gone = DeadLetter { reason: said.into(), ..dead(11, &key, 1, at(1)) };
    store.settle(Round { dead: vec![gone.clone()], ..Round::default() }).await.unwrap();
    assert_eq!(store.dead_letters(app(11), None, 9).await.unwrap(), [gone]);
}
