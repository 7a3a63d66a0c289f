//! The simulation itself: a story is the same each time, a few of them hold, and what a story cannot show is
//! shown here by hand.

use std::sync::{Arc, Mutex};

use baton_engine::{Clock, Engine, Failure, Parts, Policy, Profile, Request, Requested};
use baton_rules::Timestamp;
use baton_store::Store;
use baton_store::memory::MemoryStore;
use baton_testkit::clock::SimClock;
use baton_testkit::faults::{Crash, FaultyStore, Rates};
use baton_testkit::people::thread;
use baton_testkit::receivers::Receivers;
use baton_testkit::record::Record;
use baton_testkit::settings::{HANDOVER, first};
use baton_testkit::world::tell;
use baton_wire::inbound::PersonEvent;
use rand::SeedableRng;
use rand::rngs::SmallRng;

#[test]
fn stories_hold_and_are_the_same_each_time() {
    for seed in 1..=3 {
        let story = tell(seed, 1, false).unwrap();
        assert_eq!(story.broken, Vec::<String>::new(), "seed {seed}");
        assert!(story.crashes >= 3 && story.sent > 100, "seed {seed}: {story:?}");
        assert_eq!(tell(seed, 1, false).unwrap().hash, story.hash, "seed {seed}");
    }
    assert_ne!(tell(1, 1, false).unwrap().hash, tell(2, 1, false).unwrap().hash);
}

#[test]
fn what_was_written_is_delivered_though_the_store_said_that_it_was_not() {
    let start = Timestamp(1_767_225_600_000);
    let clock = SimClock::starting_at(start);
    let record = Record::new(true);
    let runtime = clock.runtime().unwrap();
    runtime.block_on(async {
        let disk = MemoryStore::new(1, [1; 32]);
        let configured =
            disk.configure(start, Box::new(|_| Ok(first())), Box::new(|_| Vec::new())).await.unwrap();
        record.configured(start, &configured);
        // Everything is done, and nothing is said to be.
        let rates = Rates { lost: 1.0, ..Rates::default() };
        let store = FaultyStore::new(&disk, &clock, &record, &Arc::new(Crash::default()), rates, 1);
        let receivers = Receivers {
            manners: Arc::default(),
            record: Arc::clone(&record),
            clock: Arc::clone(&clock),
            disk: disk.reopen(),
            in_flight: 4,
            random: Mutex::new(SmallRng::seed_from_u64(1)),
        };
        let policy = Policy {
            profile: Profile::NeverDisable,
            in_flight: 4,
            read_ahead: 100,
            waiting: 10,
            eager: false,
            keep: baton_engine::Keep::default(),
            traces: false,
        };
        let parts = Parts {
            store: Arc::new(store),
            clock: Arc::clone(&clock) as Arc<dyn Clock>,
            transport: Arc::new(receivers),
            policy,
            seed: 1,
            member: baton_engine::Member::default(),
        };
        let engine = Engine::start(parts).await.unwrap();
        let what = Requested::Person(PersonEvent::of_text("hello"));
        let asked = engine.submit(Request { thread: thread(HANDOVER, 1), what, key: None }).await;
        assert!(matches!(asked, Err(Failure::Store(_))), "{asked:?}");
        // Nobody asks anything else.
        clock.sleep(10_000).await;
        // The settings, the message, and perhaps that an address has verified itself meanwhile.
        assert!(disk.heads().await.unwrap()[0].0 >= 2);
    });
    let seen = record.seen();
    assert!(seen.tries.iter().any(|attempt| attempt.acked.is_some()), "{:?}", seen.tries);
    assert_eq!(seen.broken, Vec::<String>::new());
}
