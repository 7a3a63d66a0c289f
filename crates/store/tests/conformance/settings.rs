//! A change of settings stands in every stream, and what it tells apps right after it.

use std::sync::Arc;

use baton_rules::{Cause, Surface, Thread};
use baton_store::{
    Announce, Announcement, Chain, ConfigureError, Configured, Cursor, DeadLetter, Decide, Parked, PastPage,
    Position, Round, SettingsRefused, StoreError, Stream, stream_of,
};
use bytes::Bytes;
use futures_util::future::join_all;

use crate::disk::Disk;
use crate::made::{
    STREAMS, app, at, change_to, configure, dead, hears, messages, page, parked, person, persons_of, say,
    silent, streams, telling, wants,
};

every_store! {
    settings_stand_in_every_stream
    settings_that_do_not_change_leave_no_row
    what_a_page_was_is_kept_where_its_routing_changed
    what_a_change_tells_apps_stands_right_after_it
    what_cannot_be_told_is_a_change_that_is_not_made
    a_refused_change_changes_nothing
    settings_reach_the_next_decision
    a_deleted_app_loses_its_cursors
}

async fn settings_stand_in_every_stream(disk: Disk) {
    let store = disk.open().await;
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
    let store = disk.open().await;
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
    let store = disk.open().await;
    configure(&*store, at(0), &[11], &[104]).await;
    let heads = store.heads().await.unwrap();
    let same = configure(&*store, at(1), &[11], &[104]).await;
    assert_eq!(same.positions, Vec::new());
    assert_eq!((same.before.version, same.after.version), (1, 1));
    assert_eq!(store.heads().await.unwrap(), heads);
}

async fn what_a_change_tells_apps_stands_right_after_it(disk: Disk) {
    let store = disk.open().await;
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
    let store = disk.open().await;
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
    let store = disk.open().await;
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

async fn a_refused_change_changes_nothing(disk: Disk) {
    let store = disk.open().await;
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
    let store = disk.open().await;
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
    let store = disk.open().await;
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
