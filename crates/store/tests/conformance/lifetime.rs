//! What one process leaves to the next.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;

use baton_rules::Surface;
use baton_store::{
    Attempt, Batch, ConfigureError, Cursor, Decide, DeliveryHealth, KeptClock, Person, Place, Position,
    Resend, Round, Secret, Store, StoreError, Stream, TooOld, stream_of,
};

use crate::disk::Disk;
use crate::made::{
    STREAMS, app, at, change_to, configure, dead, everything, page, parked, person, say, seen, silent,
    streams, wants, write,
};

every_store! {
    reopening_gives_back_everything
    a_closed_store_is_closed
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
    let store = disk.open().await;
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
    let store = disk.open().await;
    assert_eq!(told(&*store).await, before, "after a process that went without a word");
    store.close().await.unwrap();
    drop(store);
    let store = disk.open().await;
    assert_eq!(told(&*store).await, before, "after one that closed");
    // And it goes on.
    let done = configure(&*store, at(70), &[11], &[104]).await;
    assert_eq!(done.after.version, 2);
    say(&*store, at(80), &[person(1)]).await;
    assert_eq!(store.conversation(&person(1), None, 100).await.unwrap().len(), 3);
}

async fn a_closed_store_is_closed(disk: Disk) {
    let store = disk.open().await;
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
    is_closed(store.oldest().await);
    let old = TooOld { rows: at(0), held: (at(0), Vec::new()) };
    is_closed(store.forget(Stream(0), old, 1).await);
    is_closed(store.forget_history(at(0), at(0), 1).await);
    is_closed(store.kept_clock().await);
    is_closed(store.keep_clock(KeptClock::default()).await);
    is_closed(store.close().await);
    let refused = store.configure(at(0), change_to(&[], &[]), silent()).await;
    assert_eq!(refused.unwrap_err(), ConfigureError::Store(StoreError::Closed));
    // Another process opens it at once.
    assert_eq!(disk.open().await.conversation(&key, None, 10).await.unwrap().len(), 1);
}

/// Lets others go first, once.
async fn later<T>(what: impl Future<Output = T>) -> T {
    tokio::task::yield_now().await;
    what.await
}
