//! What a database must show that several processes use, and that a network lies before.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use baton_pgtest::{Keeping, Server};
use baton_rules::{ThreadKey, Timestamp};
use baton_store::postgres::{Address, Options, PostgresStore, Time};
use baton_store::{
    Batch, Beat, Beaten, Cursor, Decide, DeliveryHealth, Disabled, Nodes, Person, Place, Position, Resend,
    Round, Store, StoreError, Stream, Team, stream_of,
};
use futures_util::future::join_all;
use tokio_postgres::NoTls;

use crate::made::{
    STREAMS, app, at, change_to, configure, everything, person, persons_of, say, seen, silent, streams,
    wants, write,
};
use crate::proxy::{Break, Proxy};

/// Long enough for a test never to see its end.
const LONG: Duration = Duration::from_secs(3600);

pub(crate) async fn open(address: &str) -> PostgresStore {
    open_with(address, 8).await
}

/// With so many connections.
pub(crate) async fn open_with(address: &str, connections: usize) -> PostgresStore {
    let address: Address = address.parse().unwrap();
    PostgresStore::open(&address, Options { streams: STREAMS, connections, time: Time::Caller })
        .await
        .unwrap()
}

/// Why it does not open.
async fn refused(address: &str) -> String {
    let address: Address = address.parse().unwrap();
    PostgresStore::open(&address, Options::default()).await.unwrap_err().to_string()
}

pub(crate) fn database_of(address: &str) -> &str {
    address.rsplit('/').next().unwrap()
}

/// A session beside the store's.
pub(crate) async fn session(address: &str) -> tokio_postgres::Client {
    let (client, connection) = tokio_postgres::connect(address, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

#[tokio::test]
async fn two_processes_decide_about_one_stream_one_after_another() {
    let address = Server::shared().database();
    let (one, other) = futures_util::join!(open(&address), open(&address));
    assert_eq!(one.key(), other.key(), "of two that come at once one makes the database");
    let key = person(1);
    let stream = stream_of(&key, STREAMS);
    let mut said = Vec::new();
    for _ in 0..20 {
        said.push(say(&one, at(1), std::slice::from_ref(&key)));
        said.push(say(&other, at(1), std::slice::from_ref(&key)));
    }
    join_all(said).await;
    for store in [&one, &other] {
        let rows = store.conversation(&key, None, 100).await.unwrap();
        let places: Vec<_> =
            rows.iter().rev().map(|row| (row.position.0, row.previous.map(|one| one.0))).collect();
        let expected: Vec<_> = (1..=40).map(|place| (place, (place > 1).then(|| place - 1))).collect();
        assert_eq!(places, expected, "each saw what the one before it had left");
        assert_eq!(store.heads().await.unwrap()[usize::from(stream.0)], Position(40));
    }
}

#[tokio::test]
async fn settings_that_another_process_changed_reach_the_next_decision() {
    let address = Server::shared().database();
    let (one, other) = (open(&address).await, open(&address).await);
    configure(&one, at(0), &[11], &[104]).await;
    assert_eq!(other.settings().version, 0, "it has not looked");
    let decide: Decide = Box::new(|found| {
        assert_eq!(found.settings.version, 1);
        assert!(found.settings.app(app(11)).is_some());
        Batch::default()
    });
    other.commit(Stream(2), wants(at(1), &[]), decide).await.unwrap();
    assert_eq!(other.settings().version, 1, "what a decision went by is known from then on");
    // A change goes by what the other one made; and a look at the heads tells of it too.
    let done = other.configure(at(2), change_to(&[11, 12], &[104]), silent()).await.unwrap();
    assert_eq!((done.before.version, done.after.version), (1, 2));
    one.heads().await.unwrap();
    assert_eq!(one.settings().version, 2);
}

#[tokio::test]
async fn streams_do_not_wait_for_each_other() {
    let address = Server::shared().database();
    let store = open(&address).await;
    let other = session(&address).await;
    other.batch_execute("BEGIN; SELECT FROM baton.streams WHERE stream <> 2 FOR UPDATE").await.unwrap();
    let key = persons_of(Stream(2)).next().unwrap();
    let batch = say(&store, at(0), &[key]).await;
    assert_eq!(batch.rows[0].position, Position(1));
    other.batch_execute("ROLLBACK").await.unwrap();
}

#[tokio::test]
async fn batches_into_a_new_database_read_no_table_as_a_whole() {
    let address = Server::shared().database();
    let store = open(&address).await;
    let keys: Vec<_> = persons_of(Stream(0)).take(30).collect();
    // More often than PostgreSQL plans a statement anew.
    for second in 0..20 {
        say(&store, at(second), &keys).await;
    }
    let counted = "SELECT sum(idx_scan) > 0, sum(seq_tup_read) FROM pg_stat_user_tables
                   WHERE schemaname = 'baton' AND relname IN ('threads', 'journal')";
    assert_eq!(when_known(&address, store, counted).await, "t|0");
}

#[tokio::test]
async fn batches_in_a_new_database_read_their_own_threads_and_no_others() {
    let address = Server::shared().database();
    let store = open(&address).await;
    let keys: Vec<_> = persons_of(Stream(0)).take(400).collect();
    say(&store, at(0), &keys).await;
    for second in 1..=20 {
        let decide: Decide = Box::new(|found| {
            assert_eq!(found.threads.len(), 3);
            Batch::default()
        });
        store.commit(Stream(0), wants(at(second), &keys[..3]), decide).await.unwrap();
    }
    // It knows nothing of the table when it plans, and to go through all of a stream looks as good to it then.
    let counted = "SELECT idx_scan > 0, idx_tup_read FROM pg_stat_user_indexes
                   WHERE schemaname = 'baton' AND indexrelname = 'threads_pkey'";
    assert_eq!(when_known(&address, store, counted).await, "t|60");
}

/// What PostgreSQL counted of a store's sessions: it is known when all of them have ended, which they do while this waits.
async fn when_known(address: &str, store: PostgresStore, counted: &str) -> String {
    store.close().await.unwrap();
    let open = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'baton'";
    for _ in 0..1_000 {
        if Server::shared().tell(database_of(address), open) == "0" {
            break;
        }
        tokio::task::yield_now().await;
    }
    Server::shared().tell(database_of(address), counted)
}

/// A commit whose connection breaks: it is answered as what happened, and happened once.
async fn a_broken_commit(plan: Break) {
    let address = Server::shared().database();
    let proxy = Proxy::to(Server::shared().socket_folder().to_owned());
    let store = open(&proxy.address(database_of(&address))).await;
    let key = person(1);
    for round in 1..=5 {
        proxy.break_at(plan);
        let batch = say(&store, at(round), std::slice::from_ref(&key)).await;
        assert!(proxy.broke());
        assert_eq!(batch.rows[0].position.0, round.cast_unsigned());
    }
    let rows = store.conversation(&key, None, 100).await.unwrap();
    assert_eq!(rows.iter().map(|row| row.position.0).collect::<Vec<_>>(), [5, 4, 3, 2, 1]);
    // What leaves no row in the journal has no other trace than its mark.
    proxy.break_at(plan);
    for number in 1..=3 {
        store
            .audit(baton_store::AuditLine {
                at: at(number),
                member: None,
                name: String::new(),
                operation: String::new(),
                path: String::new(),
                status: 200,
            })
            .await
            .unwrap();
    }
    assert!(proxy.broke());
    assert_eq!(store.audited(None, 10).await.unwrap().len(), 3, "not once more than it was asked for");
}

#[tokio::test]
async fn a_commit_that_did_not_arrive_is_made_again() {
    a_broken_commit(Break::BeforeCommit).await;
}

#[tokio::test]
async fn a_commit_whose_answer_was_lost_is_not_made_again() {
    a_broken_commit(Break::AfterCommit).await;
}

#[tokio::test]
async fn a_commit_that_never_arrives_is_given_up() {
    let address = Server::shared().database();
    let proxy = Proxy::to(Server::shared().socket_folder().to_owned());
    let store = open(&proxy.address(database_of(&address))).await;
    let key = person(1);
    proxy.break_at(Break::BeforeEachCommit);
    let failed = write(&store, at(0), stream_of(&key, STREAMS), everything(&key, Position(1), at(0))).await;
    assert!(matches!(failed, Err(StoreError::Unavailable(_))), "{failed:?}");
    proxy.break_at(Break::Nowhere);
    assert_eq!(say(&store, at(1), &[key]).await.rows[0].position, Position(1), "nothing of it was written");
}

#[tokio::test]
async fn a_process_whose_marks_were_taken_away_goes_on() {
    let server = Server::shared();
    let address = server.database();
    let store = open(&address).await;
    let key = person(1);
    server.tell(database_of(&address), "UPDATE baton.marks SET since = now() - interval '8 days'");
    open(&address).await.close().await.unwrap();
    assert_eq!(server.tell(database_of(&address), "SELECT count(*) FROM baton.marks"), "0");
    let person = Person { name: Some("Ann".to_owned()), ..Person::default() };
    store.keep_person(&key, person.clone()).await.unwrap();
    assert_eq!(store.person(&key).await.unwrap(), person);
    say(&store, at(1), &[key]).await;
}

#[tokio::test]
async fn connections_that_the_server_ends_are_nobodys_trouble() {
    let address = Server::shared().database();
    let store = open(&address).await;
    let key = person(1);
    say(&store, at(0), std::slice::from_ref(&key)).await;
    store.heads().await.unwrap();
    let other = session(&address).await;
    let ended = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                 WHERE datname = current_database() AND pid <> pg_backend_pid()";
    for second in 1..=3 {
        other.batch_execute(ended).await.unwrap();
        say(&store, at(second), std::slice::from_ref(&key)).await;
        assert_eq!(store.conversation(&key, None, 9).await.unwrap().len() as i64, second + 1);
    }
}

#[tokio::test]
async fn what_was_answered_survives_a_crash_of_the_server() {
    let server = Server::start(Keeping::Durable);
    let store = Arc::new(open(&server.database()).await);
    let writers = streams().map(|stream| {
        let (store, key) = (Arc::clone(&store), persons_of(stream).next().unwrap());
        tokio::spawn(until_it_fails(store, stream, key))
    });
    let writers: Vec<_> = writers.collect();
    // When some of it is written, and more is under way.
    while store.heads().await.unwrap().iter().any(|head| head.0 < 20) {}
    server.stop();
    let mut answered = Vec::new();
    for writer in writers {
        answered.push(writer.await.unwrap());
    }
    assert!(matches!(store.heads().await, Err(StoreError::Unavailable(_))));
    server.go_on();
    let heads = store.heads().await.unwrap();
    for ((stream, (key, last)), head) in streams().zip(answered).zip(heads) {
        assert!(head >= last, "{stream:?}: {last:?} was answered, and {head:?} is the last there");
        assert!(head.0 <= last.0 + 1, "one more may have been written than was answered");
        assert_eq!(store.conversation(&key, None, 1_000_000).await.unwrap().len() as u64, head.0);
        // And the same store goes on.
        let batch = say(&*store, at(9), &[key]).await;
        assert_eq!(batch.rows[0].position, head.next());
    }
}

/// Writes until it cannot; returns the last position that it was told of.
async fn until_it_fails(store: Arc<PostgresStore>, stream: Stream, key: ThreadKey) -> (ThreadKey, Position) {
    let mut last = Position(0);
    loop {
        let own = [key.clone()];
        let wanted = wants(at(1), &own);
        let decide: Decide = Box::new(move |found| crate::made::messages(&own, found));
        match store.commit(stream, wanted, decide).await {
            Ok(batch) => last = batch.rows[0].position,
            Err(StoreError::Unavailable(_)) => return (key, last),
            Err(other) => panic!("{other}"),
        }
    }
}

fn served(store_stream: Stream, position: u64) -> Round {
    let cursor = Cursor { app: app(11), stream: store_stream, served: Position(position) };
    Round { cursors: vec![cursor], ..Round::default() }
}

/// A node says that it is there; what it holds then.
async fn beat(store: &PostgresStore, beat: Beat) -> Beaten {
    Nodes::beat(store, beat).await.unwrap()
}

/// What a node says that stays for longer than the test.
fn there() -> Beat {
    Beat { name: "one".into(), version: "1".into(), lasting: LONG, ..Beat::default() }
}

fn set(streams: impl IntoIterator<Item = u16>) -> BTreeSet<Stream> {
    streams.into_iter().map(Stream).collect()
}

async fn cursor(store: &PostgresStore, stream: usize) -> u64 {
    store.cursors(app(11)).await.unwrap()[stream].served.0
}

#[tokio::test]
async fn a_stream_is_delivered_by_one_process_at_a_time() {
    let address = Server::shared().database();
    let (one, other) = (open(&address).await, open(&address).await);
    configure(&one, at(0), &[11], &[104]).await;
    let first = beat(&one, there()).await;
    assert_eq!((first.held.clone(), first.surplus, first.nodes), (set(0..STREAMS), set([]), 1));
    let second = beat(&other, there()).await;
    assert_eq!((second.held, second.nodes), (set([]), 2), "nothing is free");
    one.settle(served(Stream(1), 5)).await.unwrap();
    other.settle(served(Stream(1), 9)).await.unwrap();
    assert_eq!(cursor(&one, 1).await, 5, "what is not its own it does not write");
    // Who has too much is told, keeps it until its delivery has ended, and then lets it go.
    let told = beat(&one, there()).await;
    assert_eq!((told.held.len(), told.surplus.len()), (usize::from(STREAMS), usize::from(STREAMS) / 2));
    assert_eq!(beat(&other, there()).await.held, set([]));
    let kept = beat(&one, Beat { ended: told.surplus.clone(), ..there() }).await;
    assert_eq!((kept.held.clone(), kept.surplus), (&first.held - &told.surplus, set([])));
    assert_eq!(beat(&other, there()).await.held, told.surplus);
    let nodes = Nodes::nodes(&other).await.unwrap();
    let seen: Vec<_> = nodes.iter().map(|node| (node.is_this, node.streams.len())).collect();
    assert_eq!(seen, [(false, kept.held.len()), (true, told.surplus.len())]);
    // Decisions are anybody's.
    write(&other, at(1), Stream(1), Batch::default()).await.unwrap();
    one.close().await.unwrap();
    assert_eq!(beat(&other, there()).await.held, set(0..STREAMS), "who goes lets go");
    assert_eq!(Nodes::nodes(&other).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_name_that_comes_back_stands_for_its_former_self() {
    let address = Server::shared().database();
    let (killed, other) = (open(&address).await, open(&address).await);
    let names = async |store: &PostgresStore| {
        let nodes = Nodes::nodes(store).await.unwrap();
        nodes.iter().map(|node| (node.name.to_string(), node.there_for_ms > 0)).collect::<Vec<_>>()
    };
    let named = |name: &str| Beat { name: name.into(), ..there() };
    beat(&killed, Beat { lasting: Duration::ZERO, ..named("north") }).await;
    beat(&other, named("south")).await;
    let of = |name: &str, there: bool| (name.to_owned(), there);
    assert_eq!(names(&other).await, [of("north", false), of("south", true)], "one that is gone is told");
    let again = open(&address).await;
    beat(&again, named("north")).await;
    assert_eq!(names(&other).await, [of("north", true), of("south", true)]);
    // One that is there goes for no other that has its name.
    let namesake = open(&address).await;
    beat(&namesake, named("south")).await;
    assert_eq!(names(&other).await.len(), 3);
    again.close().await.unwrap();
    namesake.close().await.unwrap();
    assert_eq!(names(&other).await, [of("south", true)], "it was stopped as it should be");
}

#[tokio::test]
async fn who_lost_a_stream_without_knowing_writes_nothing_of_it() {
    let address = Server::shared().database();
    let (paused, other) = (open(&address).await, open(&address).await);
    configure(&paused, at(0), &[11], &[104]).await;
    // It runs out at once: as if the process had been paused for longer than it lasts.
    let short = Beat { lasting: Duration::ZERO, ..there() };
    assert_eq!(beat(&paused, short.clone()).await.held, set(0..STREAMS));
    paused.settle(served(Stream(0), 2)).await.unwrap();
    let all_but_the_last = Beat { shunned: set([STREAMS - 1]), ..short.clone() };
    assert_eq!(beat(&other, all_but_the_last).await.held, set(0..STREAMS - 1));
    other.settle(served(Stream(0), 3)).await.unwrap();
    let last = usize::from(STREAMS - 1);
    let both = Round {
        cursors: [served(Stream(0), 9).cursors, served(Stream(STREAMS - 1), 4).cursors].concat(),
        ..Round::default()
    };
    assert!(!paused.has_lost());
    paused.settle(both).await.unwrap();
    assert!(paused.has_lost(), "and it is told");
    assert_eq!((cursor(&other, 0).await, cursor(&other, last).await), (3, 4), "the other part is its own");
    // What another had is lost first, although nobody has it any more; then it can be had again.
    assert_eq!(beat(&paused, short.clone()).await.held, set([STREAMS - 1]));
    assert!(!paused.has_lost());
    assert_eq!(beat(&paused, short).await.held, set(0..STREAMS));
}

#[tokio::test]
async fn nodes_say_one_after_another_that_they_are_there() {
    let server = Server::shared();
    let address = server.database();
    let (one, other) = (open(&address).await, open(&address).await);
    // Both want to at once: nobody can take anything, and everybody can look.
    let third = session(&address).await;
    third.batch_execute("BEGIN; LOCK TABLE baton.leases IN EXCLUSIVE MODE").await.unwrap();
    let lets_go = async {
        while server.waiting(database_of(&address), "") < 2 {
            tokio::task::yield_now().await;
        }
        third.batch_execute("ROLLBACK").await.unwrap();
    };
    let (first, second, ()) = futures_util::join!(beat(&one, there()), beat(&other, there()), lets_go);
    let mut there = [&first, &second];
    there.sort_by_key(|beaten| beaten.nodes);
    assert_eq!(there.map(|beaten| beaten.nodes), [1, 2], "the second knows of the first");
    assert_eq!(there.map(|beaten| beaten.held.len()), [usize::from(STREAMS), 0]);
}

#[tokio::test]
async fn a_node_that_is_paused_while_it_says_that_it_is_there_holds_nobody_up() {
    let server = Server::shared();
    let address = server.database();
    let proxy = Proxy::to(server.socket_folder().to_owned());
    let paused = open(&proxy.address(database_of(&address))).await;
    let other = open(&address).await;
    proxy.break_at(Break::HoldsCommit);
    let goes_on = async {
        while !proxy.broke() {
            tokio::task::yield_now().await;
        }
        // Sooner than PostgreSQL ends what else stands open.
        tokio::time::timeout(Duration::from_secs(4), beat(&other, there())).await
    };
    let (late, first) = futures_util::join!(beat(&paused, there()), goes_on);
    let first = first.expect("it waits for the paused one");
    assert_eq!((first.nodes, first.held), (1, set(0..STREAMS)));
    assert_eq!((late.nodes, late.held), (2, set([])), "what it had looked at does not count any more");
}

#[tokio::test]
async fn a_stream_of_which_something_is_just_recorded_goes_to_nobody() {
    let server = Server::shared();
    let address = server.database();
    let (paused, other) = (open(&address).await, open(&address).await);
    configure(&paused, at(0), &[11], &[104]).await;
    // It runs out at once, and the node is just recording something.
    beat(&paused, Beat { lasting: Duration::ZERO, ..there() }).await;
    let third = session(&address).await;
    third.batch_execute("BEGIN; LOCK TABLE baton.cursors IN EXCLUSIVE MODE").await.unwrap();
    let takes = async {
        while server.waiting(database_of(&address), "baton.cursors") == 0 {
            tokio::task::yield_now().await;
        }
        let taken = tokio::time::timeout(Duration::from_secs(2), Nodes::beat(&other, there())).await;
        third.batch_execute("ROLLBACK").await.unwrap();
        taken
    };
    let (settled, taken) = futures_util::join!(paused.settle(served(Stream(0), 5)), takes);
    settled.unwrap();
    let taken = taken.expect("it waits for what is recorded").unwrap();
    assert_eq!(taken.held, set(1..STREAMS));
    assert_eq!(cursor(&other, 0).await, 5);
    // Then it can be had, and nothing can be recorded of it by who had it.
    assert_eq!(beat(&other, there()).await.held, set(0..STREAMS));
    paused.settle(served(Stream(0), 9)).await.unwrap();
    assert_eq!(cursor(&other, 0).await, 5);
}

#[tokio::test]
async fn who_goes_lets_go_of_nothing_that_is_anothers_by_now() {
    let address = Server::shared().database();
    let (paused, other, third) = (open(&address).await, open(&address).await, open(&address).await);
    beat(&paused, Beat { lasting: Duration::ZERO, ..there() }).await;
    assert_eq!(beat(&other, there()).await.held, set(0..STREAMS));
    paused.close().await.unwrap();
    assert_eq!(beat(&third, there()).await.held, set([]), "nothing is free");
    let nodes = Nodes::nodes(&other).await.unwrap();
    let held: usize = nodes.iter().filter(|node| node.is_this).map(|node| node.streams.len()).sum();
    assert_eq!(held, usize::from(STREAMS));
}

#[tokio::test]
async fn what_is_its_own_by_an_epoch_that_it_never_heard_of_is_taken_anew() {
    let server = Server::shared();
    let address = server.database();
    let store = open(&address).await;
    configure(&store, at(0), &[11], &[104]).await;
    assert_eq!(beat(&store, there()).await.held, set(0..STREAMS));
    let epoch = |asked: &str| server.tell(database_of(&address), asked);
    epoch("UPDATE baton.leases SET epoch = epoch + 1 WHERE stream = 1");
    store.settle(served(Stream(1), 5)).await.unwrap();
    assert!(store.has_lost());
    let others: BTreeSet<_> = streams().filter(|stream| *stream != Stream(1)).collect();
    assert_eq!(beat(&store, there()).await.held, others, "somebody may have had it in between");
    assert_eq!(beat(&store, there()).await.held, set(0..STREAMS));
    assert_eq!(epoch("SELECT epoch FROM baton.leases WHERE stream = 1"), "3");
    store.settle(served(Stream(1), 7)).await.unwrap();
    assert_eq!(cursor(&store, 1).await, 7);
}

#[tokio::test]
async fn what_is_due_and_to_be_sent_again_is_its_holders() {
    let address = Server::shared().database();
    let store = open(&address).await;
    configure(&store, at(0), &[11], &[104]).await;
    let key = persons_of(Stream(1)).next().unwrap();
    write(&store, at(0), Stream(1), everything(&key, Position(2), at(0))).await.unwrap();
    let place = Place { stream: Stream(1), position: Position(2) };
    let resend = Resend { app: app(11), to: "".into(), places: vec![place], at: at(0) };
    store.resend(resend).await.unwrap();
    let seen = async || {
        (store.due(at(i64::MAX / 2_000), 9).await.unwrap().len(), store.errands().await.unwrap().len())
    };
    let (due, errands) = seen().await;
    assert!(due > 0 && errands == 1);
    beat(&store, Beat { shunned: set([1]), ..there() }).await;
    assert_eq!(seen().await, (0, 0));
    beat(&store, there()).await;
    assert_eq!(seen().await, (due, errands));
}

#[tokio::test]
async fn who_must_be_alone_shares_with_nobody() {
    let address = Server::shared().database();
    let (one, other) = (open(&address).await, open(&address).await);
    let alone = Beat { alone: true, ..there() };
    beat(&one, alone.clone()).await;
    assert!(matches!(Nodes::beat(&other, there()).await, Err(StoreError::CannotOpen(_))));
    one.close().await.unwrap();
    beat(&other, there()).await;
    let third = open(&address).await;
    assert!(matches!(Nodes::beat(&third, alone).await, Err(StoreError::CannotOpen(_))));
}

#[tokio::test]
async fn what_one_node_says_of_an_app_does_not_wipe_what_another_said() {
    let address = Server::shared().database();
    let (one, other) = (open(&address).await, open(&address).await);
    configure(&one, at(0), &[11], &[104]).await;
    let say = async |store: &PostgresStore, health: DeliveryHealth| {
        store.settle(Round { health: vec![(app(11), health)], ..Round::default() }).await.unwrap();
    };
    let disabled = Some(Disabled { at: 30, reason: "failures".into() });
    say(&one, DeliveryHealth { disabled, ..DeliveryHealth::default() }).await;
    // Which is no stream's, and nothing that could be lost.
    beat(&one, there()).await;
    say(&other, DeliveryHealth { delivered_at: Some(20), ..DeliveryHealth::default() }).await;
    assert!(!other.has_lost());
    let kept = one.delivery_state(app(11)).await.unwrap().health;
    assert_eq!((kept.delivered_at, kept.disabled.is_some()), (Some(20), true));
    assert_eq!(Nodes::health(&one).await.unwrap(), [(app(11), kept)]);
    say(&other, DeliveryHealth::default()).await;
    assert_eq!(one.delivery_state(app(11)).await.unwrap().health, DeliveryHealth::default());
}

#[tokio::test]
async fn time_for_which_nobody_was_there_is_no_apps_failure() {
    let address = Server::shared().database();
    let (one, other) = (open(&address).await, open(&address).await);
    configure(&one, at(0), &[11], &[104]).await;
    let failing = DeliveryHealth {
        failing_since: Some(10),
        failing_since_lived: Some(10),
        failed_lived: Some(30),
        ..DeliveryHealth::default()
    };
    let say = async |store: &PostgresStore, health: &DeliveryHealth| {
        let health = vec![(app(11), health.clone())];
        store.settle(Round { health, ..Round::default() }).await.unwrap();
    };
    let kept_of = async |store: &PostgresStore| {
        let health = Nodes::health(store).await.unwrap().remove(0).1;
        (health.failing_since_lived, health.failed_lived)
    };
    assert_eq!(beat(&one, Beat { lived_ms: 5, ..there() }).await.back, Some(5), "it is the first");
    say(&one, &failing).await;
    // One that joins others, or says again that it is there, changes nothing.
    assert_eq!(beat(&other, Beat { lived_ms: 900, ..there() }).await.back, None);
    assert_eq!(beat(&one, Beat { lived_ms: 900, lasting: Duration::ZERO, ..there() }).await.back, None);
    other.close().await.unwrap();
    let other = open(&address).await;
    assert_eq!(kept_of(&other).await, (Some(10), Some(30)));
    // Nobody was there any more, and then somebody is.
    assert_eq!(beat(&other, Beat { lived_ms: 1_000, ..there() }).await.back, Some(1_000));
    assert_eq!(kept_of(&other).await, (Some(980), Some(1_000)));
    // Who slept through it says what it knew.
    say(&one, &failing).await;
    assert_eq!(kept_of(&other).await, (Some(980), Some(1_000)));
}

#[tokio::test]
async fn of_two_changes_of_the_team_at_once_one_is_told_so() {
    let address = Server::shared().database();
    let (one, other) = (open(&address).await, open(&address).await);
    let team = |id: u64| Team { last_id: id, ..Team::default() };
    let before = beat(&one, there()).await.team;
    let (first, second) = futures_util::join!(
        one.change_team(Team::default(), team(1)),
        other.change_team(Team::default(), team(2))
    );
    assert_ne!(first.unwrap(), second.unwrap());
    assert_ne!(beat(&one, there()).await.team, before, "the others see that it changed");
    let kept = one.team().await.unwrap();
    assert!(other.change_team(kept, team(3)).await.unwrap());
    assert_eq!(one.team().await.unwrap(), team(3));
}

#[tokio::test]
async fn the_time_that_decides_is_the_databases() {
    let address: Address = Server::shared().database().parse().unwrap();
    let options = Options { streams: STREAMS, connections: 8, time: Time::Database };
    let store = PostgresStore::open(&address, options).await.unwrap();
    let now = beat(&store, there()).await.now.unwrap();
    for wrong in [at(0), Timestamp(now.0 + 1_000_000_000)] {
        let decide: Decide = Box::new(move |found| {
            assert!((now.0..now.0 + 600_000).contains(&found.now.0), "{:?}", found.now);
            Batch::default()
        });
        store.commit(Stream(1), wants(wrong, &[]), decide).await.unwrap();
    }
}

#[tokio::test]
async fn a_database_that_it_cannot_use_is_left_alone() {
    let server = Server::shared();
    let address = server.database();
    let database = database_of(&address).to_owned();
    server.tell(&database, "CREATE SCHEMA baton; CREATE TABLE baton.kept (number integer)");
    let why = refused(&address).await;
    assert!(why.contains("another program's") && why.contains(&database), "{why}");
    assert_eq!(
        server.tell(&database, "SELECT count(*) FROM pg_class WHERE relnamespace = 'baton'::regnamespace"),
        "1"
    );

    let address = server.database();
    let database = database_of(&address).to_owned();
    let store = open(&address).await;
    say(&store, at(0), &[person(1)]).await;
    store.close().await.unwrap();
    // A newer program was there, whose schema this one can live with; then one that it cannot.
    server.go_further(&database);
    assert_eq!(open(&address).await.conversation(&person(1), None, 9).await.unwrap().len(), 1);
    server.tell(&database, "UPDATE baton.migrations SET needs = 2 WHERE number = 2");
    let why = refused(&address).await;
    assert!(why.contains("made by a newer baton (schema 2, and this one knows 1)"), "{why}");
    server.tell(
        &database,
        "DELETE FROM baton.migrations WHERE number = 2; UPDATE baton.migrations SET checksum = ''",
    );
    let why = refused(&address).await;
    assert!(why.contains("another schema than this baton (step 1, 0001_initial)"), "{why}");
}

#[tokio::test]
async fn an_address_that_leads_nowhere_says_so_and_tells_no_password() {
    let server = Server::shared();
    let missing = server.address("nobody_made_it").replace("baton@", "baton:s3cret@");
    let why = refused(&missing).await;
    assert!(why.contains("nobody_made_it") && why.contains("createdb") && !why.contains("s3cret"), "{why}");
    let why = refused("postgres://baton:s3cret@127.0.0.1:1/baton").await;
    assert!(why.contains("postgres://baton@127.0.0.1:1/baton") && !why.contains("s3cret"), "{why}");
    for wrong in
        ["postgres://", "postgres://host", "postgres://host/", "mysql://host/a", "postgres://host/a?x=s3cret"]
    {
        let why = wrong.parse::<Address>().unwrap_err();
        assert!(!why.is_empty() && !why.contains("s3cret"), "{wrong}: {why}");
    }
    let address: Address = "postgres://baton:s3cret@host/a?sslmode=verify-full".parse().unwrap();
    assert!(!format!("{address:?} {address}").contains("s3cret"));
}

#[tokio::test]
async fn a_database_that_is_not_whole_is_not_used() {
    let server = Server::shared();
    let wrong = [
        ("UPDATE baton.streams SET head = 7 WHERE stream = 2", "streams.head of row 2"),
        ("DELETE FROM baton.streams WHERE stream = 3", "facts.streams"),
        ("UPDATE baton.facts SET key = ''", "facts.key"),
        ("UPDATE baton.facts SET settings_version = 3", "streams.settings of row 0"),
    ];
    for (damage, expected) in wrong {
        let address = server.database();
        let store = open(&address).await;
        say(&store, at(0), &[persons_of(Stream(2)).next().unwrap()]).await;
        drop(store);
        server.tell(database_of(&address), damage);
        let why = refused(&address).await;
        assert!(why.contains("damaged") && why.contains(expected), "{damage}: {why}");
    }
    // What is found later is told then, and nothing is made up in its place.
    let address = server.database();
    let store = open(&address).await;
    let key = person(1);
    say(&store, at(0), std::slice::from_ref(&key)).await;
    server.tell(database_of(&address), "UPDATE baton.threads SET state = '\\x09'");
    assert!(matches!(store.thread(&key).await, Err(StoreError::Damaged(_))));
    assert_eq!(seen(&store, at(1), &key).await, None);
}
