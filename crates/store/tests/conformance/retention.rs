//! What is deleted for its age, and what keeps it.

use std::collections::BTreeMap;

use baton_rules::{AppId, ThreadKey, Timestamp};
use baton_store::{
    Attempt, Batch, Chain, ControlRow, Cursor, Forgotten, Parked, Place, Position, Resend, Round, Seen,
    Store, Stream, TooOld, Wanted,
};
use bytes::Bytes;

use crate::disk::Disk;
use crate::made::{app, at, configure, control_row, dead, parked, persons_of, refusal, say, write};

every_store! {
    what_every_app_has_is_deleted_for_its_age
    what_somebody_waits_for_stays_until_they_are_given_up
    what_hangs_on_a_row_goes_with_it
    a_slice_takes_no_more_than_it_may
    histories_outlive_what_was_said
    a_stream_that_lost_everything_goes_on
}

const STREAM: Stream = Stream(2);

fn two_persons() -> Vec<ThreadKey> {
    persons_of(STREAM).take(2).collect()
}

/// All of this moment and before, of nobody given up.
fn old(until: Timestamp) -> TooOld {
    TooOld { rows: until, held: (until, Vec::new()) }
}

async fn forget(store: &dyn Store, old: TooOld) -> Forgotten {
    store.forget(STREAM, old, 100).await.unwrap()
}

/// A change of settings at position 1, and two persons who write at each of five seconds: positions 2 to 11, which
/// both apps hear.
async fn a_talk(store: &dyn Store) {
    configure(store, at(0), &[11, 12], &[104]).await;
    for second in 1..=5 {
        say(store, at(second), &two_persons()).await;
    }
}

async fn serve(store: &dyn Store, of: u64, served: u64) {
    let cursor = Cursor { app: app(of), stream: STREAM, served: Position(served) };
    store.settle(Round { cursors: vec![cursor], ..Round::default() }).await.unwrap();
}

async fn rows(store: &dyn Store) -> Vec<u64> {
    let slice = store.read_back(app(11), STREAM, Position(100), 100).await.unwrap();
    let mut rows: Vec<u64> = slice.rows.iter().map(|row| row.position.0).collect();
    rows.reverse();
    rows
}

async fn what_every_app_has_is_deleted_for_its_age(disk: Disk) {
    let store = disk.open().await;
    a_talk(&*store).await;
    let keys = two_persons();
    serve(&*store, 11, 11).await;
    serve(&*store, 12, 11).await;
    assert_eq!(forget(&*store, old(at(-1))).await, Forgotten::default());
    let gone = forget(&*store, old(at(3))).await;
    assert_eq!(gone, Forgotten { rows: 7, up_to: Some(Position(7)), expired: BTreeMap::new(), more: false });
    assert_eq!(rows(&*store).await, [8, 9, 10, 11]);
    let oldest = store.oldest().await.unwrap();
    assert_eq!(oldest.rows[2], Some((Position(8), at(4))));
    assert_eq!(oldest.rows[1], Some((Position(1), at(0))), "other streams are left alone");

    // Whoever reads finds that it begins later: chains, streams, cursors from before.
    let talk = async |before: Option<u64>| {
        let rows = store.conversation(&keys[0], before.map(Position), 100).await.unwrap();
        rows.iter().map(|row| row.position.0).collect::<Vec<_>>()
    };
    assert_eq!(talk(None).await, [10, 8]);
    assert_eq!(talk(Some(10)).await, [8]);
    assert_eq!(talk(Some(8)).await, [0; 0]);
    assert_eq!(talk(Some(4)).await, [0; 0]);
    let chain = Chain::from(keys[0].clone());
    let walked = store.chain(&chain, None, 100).await.unwrap();
    assert_eq!(walked.last().unwrap().previous, Some(Position(6)), "a row is not changed by it");
    assert!(store.chain(&chain, Some(Position(6)), 100).await.unwrap().is_empty());
    assert_eq!(store.row(STREAM, Position(7)).await.unwrap(), None);
    let slice = store.read(app(11), STREAM, Position(0), 2).await.unwrap();
    let read: Vec<u64> = slice.rows.iter().map(|row| row.position.0).collect();
    assert_eq!((read, slice.scanned.0), (vec![8, 9], 9));
    assert_eq!(store.lag(app(11), STREAM, Position(0), 100).await.unwrap().oldest, Some(at(4)));
    let back = store.read_back(app(11), STREAM, Position(8), 100).await.unwrap();
    assert_eq!((back.rows.len(), back.scanned.0), (0, 0));
    assert_eq!(store.thread(&keys[0]).await.unwrap().unwrap().last, Position(10));

    // And so does whoever comes after a restart.
    store.close().await.unwrap();
    let store = disk.open().await;
    assert_eq!(store.oldest().await.unwrap(), oldest);
    assert_eq!(rows(&*store).await, [8, 9, 10, 11]);
    assert_eq!(say(&*store, at(6), &keys).await.rows[0].position, Position(12));
}

async fn what_somebody_waits_for_stays_until_they_are_given_up(disk: Disk) {
    let store = disk.open().await;
    a_talk(&*store).await;
    let keys = two_persons();
    serve(&*store, 11, 11).await;
    serve(&*store, 12, 4).await;
    // The first person's conversation is parked at position 6, behind app 11's cursor.
    let waits = Parked { next: Position(6), ..parked(11, &keys[0], at(9)) };
    store.settle(Round { park: vec![waits.clone()], ..Round::default() }).await.unwrap();
    assert_eq!(forget(&*store, old(at(5))).await.rows, 4, "app 12 has 4");
    serve(&*store, 12, 11).await;
    assert_eq!(forget(&*store, old(at(5))).await.rows, 1, "position 5 is the other person's");
    assert_eq!(rows(&*store).await, [6, 7, 8, 9, 10, 11]);

    let given_up = |until, apps: &[u64]| TooOld {
        rows: at(5),
        held: (until, apps.iter().map(|of| app(*of)).collect::<Vec<AppId>>()),
    };
    assert_eq!(forget(&*store, given_up(at(5), &[12])).await.rows, 0, "another app is");
    assert_eq!(forget(&*store, given_up(at(2), &[11])).await.rows, 0, "position 6 is of second 3");
    let gone = forget(&*store, given_up(at(3), &[11])).await;
    assert_eq!(
        gone,
        Forgotten { rows: 2, up_to: Some(Position(7)), expired: [(app(11), 1)].into(), more: false }
    );
    assert_eq!(rows(&*store).await, [8, 9, 10, 11], "8 is parked, and of second 4");
    let moved = Parked { next: Position(8), attempts: 0, ..waits };
    assert_eq!(store.parked(app(11)).await.unwrap(), [moved]);
    let gone = forget(&*store, given_up(at(5), &[11])).await;
    assert_eq!(
        gone,
        Forgotten { rows: 4, up_to: Some(Position(11)), expired: [(app(11), 2)].into(), more: false }
    );
}

async fn what_hangs_on_a_row_goes_with_it(disk: Disk) {
    let store = disk.open().await;
    a_talk(&*store).await;
    let keys = two_persons();
    serve(&*store, 11, 11).await;
    serve(&*store, 12, 11).await;
    let attempt = |position| Attempt {
        app: app(11),
        place: Place { stream: STREAM, position: Position(position) },
        at: at(9),
        number: 1,
        status: Some(500),
        duration_ms: 1,
        error: Some("HTTP 500".into()),
        body_start: "".into(),
        to: None,
    };
    let round = Round {
        dead: vec![dead(11, &keys[0], 4, at(9)), dead(11, &keys[0], 8, at(9))],
        attempts: vec![attempt(4), attempt(8)],
        ..Round::default()
    };
    store.settle(round).await.unwrap();
    let places: Vec<_> = [5, 9].map(|position| attempt(position).place).to_vec();
    let resend = Resend { app: app(12), to: "".into(), places: places.clone(), at: at(9) };
    assert_eq!(store.resend(resend).await.unwrap(), 2);
    let gone = forget(&*store, old(at(3))).await;
    assert_eq!(gone.expired, [(app(12), 1)].into(), "nobody gets again what is gone");
    let letters = store.dead_letters(app(11), None, 10).await.unwrap();
    assert_eq!(letters.iter().map(|letter| letter.position.0).collect::<Vec<_>>(), [8]);
    let again = store.resends(app(12), "", STREAM, Position(0), 10).await.unwrap();
    assert_eq!(again.rows.iter().map(|row| row.position.0).collect::<Vec<_>>(), [9]);
    let state = store.delivery_state(app(12)).await.unwrap();
    assert_eq!(state.again, [("".into(), 1)]);
    let tried = store.tried(app(11), vec![attempt(8).place]).await.unwrap();
    assert_eq!(tried[0].attempts, [attempt(8)]);

    // Tries are kept together: those of the first 256 rows go when the last of these does.
    for second in 0..130 {
        say(&*store, at(100 + second), &keys).await;
    }
    store.settle(Round { attempts: vec![attempt(260)], ..Round::default() }).await.unwrap();
    serve(&*store, 11, 271).await;
    serve(&*store, 12, 271).await;
    while forget(&*store, old(at(223))).await.more {}
    assert_eq!(store.oldest().await.unwrap().rows[2].unwrap().0, Position(260));
    let tried = store.tried(app(11), vec![attempt(8).place, attempt(260).place]).await.unwrap();
    assert_eq!(tried[0].attempts, []);
    assert_eq!(tried[1].attempts, [attempt(260)]);
}

async fn a_slice_takes_no_more_than_it_may(disk: Disk) {
    let store = disk.open().await;
    a_talk(&*store).await;
    serve(&*store, 11, 11).await;
    serve(&*store, 12, 11).await;
    let mut taken = Vec::new();
    loop {
        let gone = store.forget(STREAM, old(at(4)), 4).await.unwrap();
        taken.push(gone.rows);
        if !gone.more {
            break;
        }
    }
    assert_eq!(taken, [4, 4, 1]);
    assert_eq!(rows(&*store).await, [10, 11]);
}

async fn histories_outlive_what_was_said(disk: Disk) {
    let store = disk.open().await;
    a_talk(&*store).await;
    let key = two_persons().remove(0);
    let control: Vec<ControlRow> = vec![
        control_row(&key, at(1), Position(2)),
        control_row(&key, at(2), Position(4)),
        refusal(&key, at(3), Position(6), "no"),
        control_row(&key, at(5), Position(10)),
    ];
    let seen = (
        (key.clone(), "k".into()),
        Seen { fingerprint: [1; 32], answer: Bytes::from_static(b"ok"), at: at(5) },
    );
    let batch = Batch { control, seen: vec![seen], ..Batch::default() };
    write(&*store, at(5), STREAM, batch).await.unwrap();
    serve(&*store, 11, 11).await;
    serve(&*store, 12, 11).await;
    assert_eq!(forget(&*store, old(at(5))).await.rows, 11);
    let times = async || {
        let entries = store.control(&key, None, 100).await.unwrap();
        entries.iter().map(|entry| entry.at).collect::<Vec<_>>()
    };
    assert_eq!(times().await, [at(5), at(3), at(2), at(1)]);
    let oldest = store.oldest().await.unwrap();
    assert_eq!((oldest.control, oldest.seen, oldest.rows[2]), (Some(at(1)), Some(at(5)), None));
    assert_eq!(store.forget_history(at(3), at(5), 2).await.unwrap(), 2);
    assert_eq!(times().await, [at(5), at(3)]);
    assert_eq!(store.forget_history(at(3), at(5), 2).await.unwrap(), 1);
    assert_eq!(store.forget_history(at(3), at(5), 2).await.unwrap(), 0);
    assert_eq!(times().await, [at(5)]);

    // An answer to a key goes when it no longer counts.
    let wanted = Wanted { now: Some(at(5)), seen: vec![(key.clone(), "k".into())], ..Wanted::default() };
    let counts = async || {
        let found = std::sync::Arc::new(std::sync::Mutex::new(0));
        let look = std::sync::Arc::clone(&found);
        let decide = Box::new(move |found: &baton_store::Found| {
            *look.lock().unwrap() = found.seen.len();
            Batch::default()
        });
        store.commit(STREAM, wanted.clone(), decide).await.unwrap();
        *found.lock().unwrap()
    };
    let three_days = 3 * 86_400;
    assert_eq!(store.forget_history(at(3), at(4 + three_days), 2).await.unwrap(), 0);
    assert_eq!(counts().await, 1);
    assert_eq!(store.forget_history(at(3), at(5 + three_days), 2).await.unwrap(), 1);
    assert_eq!(counts().await, 0);
    assert_eq!(store.oldest().await.unwrap().seen, None);
}

async fn a_stream_that_lost_everything_goes_on(disk: Disk) {
    let store = disk.open().await;
    a_talk(&*store).await;
    let keys = two_persons();
    serve(&*store, 11, 11).await;
    serve(&*store, 12, 11).await;
    assert_eq!(forget(&*store, old(at(9))).await.rows, 11);
    assert_eq!(forget(&*store, old(at(9))).await, Forgotten::default());
    store.close().await.unwrap();
    let store = disk.open().await;
    assert_eq!(store.heads().await.unwrap()[2], Position(11));
    // Whoever stood before what is gone stands behind it, and nobody counts it as waiting.
    for (after, looked) in [(3, 11), (11, 11)] {
        let slice = store.read(app(11), STREAM, Position(after), 5).await.unwrap();
        assert_eq!((slice.rows.len(), slice.scanned), (0, Position(looked)));
        let lag = store.lag(app(11), STREAM, Position(after), 5).await.unwrap();
        assert_eq!((lag.events, lag.scanned), (0, Position(looked)));
    }
    let before = store.thread(&keys[0]).await.unwrap().unwrap();
    assert_eq!(before.last, Position(10), "the thread is as it was");
    let said = say(&*store, at(20), &keys).await;
    assert_eq!(said.rows[0].position, Position(12));
    assert_eq!(said.rows[0].previous, Some(Position(10)));
    let rows = store.conversation(&keys[0], None, 10).await.unwrap();
    assert_eq!(rows.len(), 1);
    let after = configure(&*store, at(30), &[11], &[104]).await;
    assert_eq!(after.positions[2], Position(14));
}
