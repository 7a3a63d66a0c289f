//! What a store does that meets another's work: it tries again, and where that does not help it says so in time. Each of
//! these troubles is a real one, made by a second session of the same server.

use std::pin::pin;
use std::slice;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::time::Duration;

use baton_pgtest::Server;
use baton_rules::ThreadKey;
use baton_store::postgres::PostgresStore;
use baton_store::{Decide, Store, StoreError, Stream, stream_of};
use futures_util::future::join_all;
use futures_util::{join, poll};
use tokio::sync::Notify;
use tokio::task::block_in_place;
use tokio::time::timeout;

use crate::made::{STREAMS, at, messages, person, persons_of, say, wants};
use crate::proxy::Proxy;
use crate::several::{database_of, open, open_with, session};

/// Longer than anything here takes that comes to an end.
const PATIENCE: Duration = Duration::from_secs(30);

/// Somebody says something, and this happens each time after that was decided and before it is written. How it ended, and
/// how often it was decided.
async fn say_while(
    store: &PostgresStore,
    key: &ThreadKey,
    happens: impl Fn(usize) + Send + Sync + 'static,
) -> (Result<(), StoreError>, usize) {
    let tries = Arc::new(AtomicUsize::new(0));
    let (own, counted) = ([key.clone()], Arc::clone(&tries));
    let decide: Decide = Box::new(move |found| {
        let number = counted.fetch_add(1, Ordering::SeqCst) + 1;
        block_in_place(|| happens(number));
        messages(&own, found)
    });
    let wanted = wants(at(9), slice::from_ref(key));
    let said = store.commit(stream_of(key, STREAMS), wanted, decide).await;
    (said.map(drop), tries.load(Ordering::SeqCst))
}

/// A database, and a conversation in which something was said.
async fn begun(server: &Server) -> (String, PostgresStore, ThreadKey) {
    let address = server.database();
    let store = open(&address).await;
    let key = person(1);
    say(&store, at(0), slice::from_ref(&key)).await;
    (address, store, key)
}

async fn said_to(store: &PostgresStore, key: &ThreadKey) -> usize {
    store.conversation(key, None, 100).await.unwrap().len()
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_that_wait_for_each_other_the_store_gives_way_and_tries_again() {
    let server = Server::shared();
    let (address, store, key) = begun(server).await;
    let other = session(&address).await;
    // It is the store that finds out.
    let locks = "SET deadlock_timeout = '1h'; BEGIN; SELECT FROM baton.threads FOR UPDATE";
    other.batch_execute(locks).await.unwrap();
    let decided = Arc::new(Notify::new());
    let heard = Arc::clone(&decided);
    let crossed = tokio::spawn(async move {
        heard.notified().await;
        other.batch_execute("SELECT FROM baton.streams FOR UPDATE; COMMIT").await
    });
    let database = database_of(&address).to_owned();
    let happens = move |number| {
        if number == 1 {
            decided.notify_one();
            // Until it waits for the store; then the store will wait for it.
            (0..1_000).any(|_| server.waiting(&database, "baton.streams FOR UPDATE") > 0);
        }
    };
    let said = timeout(PATIENCE, say_while(&store, &key, happens)).await.expect("it does not end");
    assert!(matches!(said, (Ok(()), 2)), "{said:?}");
    crossed.await.unwrap().unwrap();
    assert_eq!(said_to(&store, &key).await, 2);
    // A session's counts are known when it has ended.
    store.close().await.unwrap();
    let counted = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()";
    let is_counted = (0..500).any(|_| server.tell(database_of(&address), counted) == "1");
    assert!(is_counted, "there was none");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_serialized_is_tried_again_so_many_times() {
    let server = Server::shared();
    let address = server.database();
    let database = database_of(&address).to_owned();
    let proxy = Proxy::serializable(server.socket_folder().to_owned());
    let store = open(&proxy.address(&database)).await;
    let key = person(1);
    say(&store, at(0), slice::from_ref(&key)).await;
    // What the store has read is written by another before the store writes it.
    let another_writes = |times: usize| {
        let database = database.clone();
        move |number| {
            if number <= times {
                server.tell(&database, "UPDATE baton.threads SET state = state");
            }
        }
    };
    for times in [1, 4] {
        let said = say_while(&store, &key, another_writes(times)).await;
        assert!(matches!(said, (Ok(()), tries) if tries == times + 1), "{times}: {said:?}");
    }
    let (said, tries) = say_while(&store, &key, another_writes(usize::MAX)).await;
    assert!(matches!(&said, Err(StoreError::Unavailable(why)) if why.contains("40001")), "{said:?}");
    assert_eq!(tries, 5);
    assert_eq!(said_to(&store, &key).await, 3, "nothing of what was not answered is there");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_that_is_not_had_in_time_is_asked_for_again() {
    let server = Server::shared();
    let (address, store, key) = begun(server).await;
    let other = session(&address).await;
    other.batch_execute("BEGIN; SELECT FROM baton.threads FOR UPDATE; LOCK TABLE baton.team").await.unwrap();
    let again = Arc::new(Notify::new());
    let heard = Arc::clone(&again);
    let said = say_while(&store, &key, move |number| {
        if number == 2 {
            again.notify_one();
        }
    });
    let lets_go = async {
        heard.notified().await;
        // What waits by now and began lately is the second time that it is asked.
        let anew = "SELECT count(*) FROM pg_stat_activity
                    WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%baton.team%'
                        AND clock_timestamp() - query_start < interval '2 s'";
        while server.tell(database_of(&address), anew) == "0" {
            tokio::task::yield_now().await;
        }
        other.batch_execute("ROLLBACK").await.unwrap();
    };
    let all = async { join!(said, store.team(), lets_go) };
    let (said, team, ()) = timeout(PATIENCE, all).await.expect("one of them was not asked for again");
    assert!(matches!(said, (Ok(()), 2)), "{said:?}");
    team.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn who_never_gets_a_lock_is_told_so_in_time() {
    let address = Server::shared().database();
    let store = open(&address).await;
    let key = person(1);
    let other = session(&address).await;
    other.batch_execute("BEGIN; SELECT FROM baton.streams FOR UPDATE; LOCK TABLE baton.team").await.unwrap();
    let both = async { join!(say_while(&store, &key, |_| ()), store.team()) };
    let (said, team) =
        timeout(Duration::from_secs(11), both).await.expect("it takes longer than all tries may");
    assert!(matches!(said, (Err(StoreError::Unavailable(_)), 0)), "{said:?}");
    assert!(matches!(team, Err(StoreError::Unavailable(_))), "{team:?}");
    // From now on nobody waits for as long.
    let next = timeout(Duration::from_secs(4), say_while(&store, &key, |_| ())).await;
    let said = next.expect("it waits as long as before");
    assert!(matches!(said, (Err(StoreError::Unavailable(_)), 0)), "{said:?}");
    other.batch_execute("ROLLBACK").await.unwrap();
    say(&store, at(1), slice::from_ref(&key)).await;
    assert_eq!(said_to(&store, &key).await, 1, "nothing of what was not answered is there");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_waits_for_a_connection_gets_it_or_is_told_so_in_time() {
    let address = Server::shared().database();
    // Two of them write.
    let store = Arc::new(open_with(&address, 4).await);
    let held = Arc::new(Barrier::new(3));
    let both: Vec<_> = [Stream(0), Stream(1)]
        .map(|stream| {
            let (store, held) = (Arc::clone(&store), Arc::clone(&held));
            let happens = move |number| {
                if number == 1 {
                    held.wait();
                    held.wait();
                }
            };
            let key = persons_of(stream).next().unwrap();
            tokio::spawn(async move { say_while(&store, &key, happens).await })
        })
        .into();
    // Each has a connection, until they meet again.
    block_in_place(|| held.wait());
    let [third, fourth] = [Stream(2), Stream(3)].map(|stream| persons_of(stream).next().unwrap());
    let told = timeout(Duration::from_secs(5), say_while(&store, &third, |_| ())).await;
    let heads = store.heads().await;
    let mut waits = pin!(say_while(&store, &fourth, |_| ()));
    let waited = poll!(&mut waits).is_pending();
    block_in_place(|| held.wait());
    let (said, both) = join!(waits, join_all(both));
    let told = told.expect("it waits for as long as all tries may take");
    assert!(matches!(told, (Err(StoreError::Unavailable(_)), 0)), "{told:?}");
    assert!(heads.is_ok(), "who only looks has connections of its own: {heads:?}");
    assert!(waited && matches!(said, (Ok(()), 1)), "{said:?}");
    assert!(both.iter().all(|said| matches!(said, Ok((Ok(()), _)))), "{both:?}");
    say(&*store, at(1), &[third]).await;
}
