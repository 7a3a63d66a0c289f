//! The simulation itself: a story is the same each time, a few of them hold, and what a story cannot show is
//! shown here by hand.

#![expect(clippy::unwrap_used, reason = "the helpers of a test may unwrap like the test")]

use std::sync::{Arc, Mutex};

use baton_engine::{ActivityKind, Clock, Engine, Failure, Parts, Policy, Profile, Request, Requested};
use baton_rules::Timestamp;
use baton_store::memory::MemoryStore;
use baton_store::{Settings, Store};
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

/// Runs a node on a disk that does its work by these rates; what a seed decides is how long each call takes.
fn run<F: Future<Output = ()>>(
    seed: u64,
    rates: Rates,
    story: impl FnOnce(Engine, Arc<SimClock>, MemoryStore) -> F,
) -> Arc<Record> {
    let start = Timestamp(1_767_225_600_000);
    let clock = SimClock::starting_at(start);
    let record = Record::new(true);
    let runtime = clock.runtime().unwrap();
    runtime.block_on(async {
        let disk = MemoryStore::new(1, [1; 32]);
        let configured =
            disk.configure(start, Box::new(|_| Ok(first())), Box::new(|_| Vec::new())).await.unwrap();
        record.configured(start, &configured);
        let store = FaultyStore::new(&disk, &clock, &record, &Arc::new(Crash::default()), rates, seed);
        let receivers = Receivers {
            manners: Arc::default(),
            record: Arc::clone(&record),
            clock: Arc::clone(&clock),
            disk: disk.reopen(),
            in_flight: 4,
            random: Mutex::new(SmallRng::seed_from_u64(seed)),
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
            seed,
            member: baton_engine::Member::default(),
        };
        let engine = Engine::start(parts).await.unwrap();
        story(engine, clock, disk).await;
    });
    record
}

async fn write(engine: &Engine, person: usize, text: &str) -> Result<(), Failure> {
    let what = Requested::Person(PersonEvent::of_text(text));
    engine.submit(Request { thread: thread(HANDOVER, person), what, key: None }).await.map(|_| ())
}

#[test]
fn what_was_written_is_delivered_though_the_store_said_that_it_was_not() {
    // Everything is done, and nothing is said to be.
    let rates = Rates { lost: 1.0, ..Rates::default() };
    let record = run(1, rates, async |engine, clock, disk| {
        let asked = write(&engine, 1, "hello").await;
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

#[test]
fn listeners_are_told_of_a_decision_before_its_delivery() {
    for seed in 1..=20 {
        let rates = Rates { slow: 60, ..Rates::default() };
        run(seed, rates, async |engine, clock, _| {
            let mut lines = engine.activity();
            // Whoever delivers is still looking at how far the settings' rows go when a message is written.
            let later = |settings: &Settings| {
                let (apps, mut pages) = (settings.apps.clone(), settings.pages.clone());
                Arc::make_mut(&mut pages[0]).name.push('!');
                Ok(Settings::new(settings.version + 1, apps, pages))
            };
            let (configured, written) =
                tokio::join!(engine.configure(Box::new(later)), write(&engine, 1, "hello"));
            assert!(configured.is_ok() && written.is_ok());
            clock.sleep(10_000).await;
            let (mut decided, mut delivered) = (0, 0);
            while let Ok(line) = lines.try_recv() {
                match &line.kind {
                    ActivityKind::Decision { .. } => decided += 1,
                    ActivityKind::Delivery { .. } => {
                        assert_eq!(decided, 1, "seed {seed}: nobody knows what was delivered");
                        delivered += 1;
                    }
                    _ => {}
                }
            }
            assert!(delivered > 0, "seed {seed}");
        });
    }
}
