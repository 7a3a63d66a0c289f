//! One story: a machine with a disk, a node that is started on it again and again and dies in between, and
//! everybody who uses it. Everything in it follows from one number.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use baton_engine::{Clock, Engine, Keep, Parts, Policy, Profile};
use baton_rules::build::{app, name};
use baton_rules::{AppId, ThreadKey, Timestamp};
use baton_store::memory::MemoryStore;
use baton_store::{Settings, Store};
use futures_util::FutureExt;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use crate::clock::SimClock;
use crate::faults::{Crash, FaultyStore, Rates};
use crate::model::Model;
use crate::operator::operate;
use crate::people::{Crowd, Memory, thread};
use crate::receivers::{Manners, Receivers};
use crate::record::Record;
use crate::settings::{HANDOVER, ROUTING, apps_of, first};

/// When every story begins: 2026-01-01T00:00:00Z.
const BEGINNING: i64 = 1_767_225_600_000;
/// How long the last life waits for what is pending, in pieces of half an hour.
const PATIENCE: usize = 600;
/// How long nobody does anything at the end: longer than control lasts, and longer than every window.
const LULLS: [i64; 2] = [25 * 3_600_000, 9 * 24 * 3_600_000];
/// How often the node crashes at least.
const CRASHES: usize = 3;

/// What came of a story.
#[derive(Debug)]
pub struct Told {
    /// The number that it follows from.
    pub seed: u64,
    /// What is wrong; empty where nothing is.
    pub broken: Vec<String>,
    /// The hash of everything that happened, in order.
    pub hash: u64,
    /// What happened, or the tail of it.
    pub trace: Vec<String>,
    /// How often the node crashed.
    pub crashes: u32,
    /// How much was asked.
    pub asked: usize,
    /// How many webhooks' events were sent.
    pub sent: usize,
    /// How many rows were deleted for their age.
    pub forgotten: u64,
}

/// How a life of the node ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// The machine dies, at a write to the disk or at the end of its time.
    Crash,
    /// The node is stopped.
    Stop,
    /// There is no more trouble: everything is delivered, and the node is stopped.
    Calm,
}

struct World {
    record: Arc<Record>,
    disk: MemoryStore,
    manners: Arc<Mutex<BTreeMap<AppId, Manners>>>,
    poison: BTreeSet<(AppId, ThreadKey)>,
    memory: Arc<Mutex<Memory>>,
    policy: Policy,
    people: usize,
    think: i64,
    callers: u64,
    /// How often a write kills the machine, at most.
    dies: f64,
    random: SmallRng,
    now: Timestamp,
    /// The same without the jumps.
    lived: Timestamp,
}

/// Tells the story of a seed: `minutes` of trouble, and then calm. `all` keeps all of its trace.
pub fn tell(seed: u64, minutes: i64, all: bool) -> anyhow::Result<Told> {
    let mut world = World::new(seed, minutes, all);
    let lives = CRASHES + world.random.random_range(1..3);
    for life in 0..lives {
        let spare = life >= CRASHES && world.random.random_bool(0.5);
        let share = minutes.saturating_mul(60_000) / i64::try_from(lives)?;
        let length = world.random.random_range(share / 2..share + share / 2 + 1);
        world.live(if spare { End::Stop } else { End::Crash }, length)?;
        let down = world.random.random_range(0..60_000);
        (world.now, world.lived) = (Timestamp(world.now.0 + down), Timestamp(world.lived.0 + down));
    }
    world.calm_down();
    world.live(End::Calm, 30_000)?;
    world.judge();
    let seen = world.record.seen();
    let (broken, crashes, forgotten) = (seen.broken.clone(), seen.crashes, seen.forgotten);
    let (asked, sent) = (seen.ops.len(), seen.tries.len());
    drop(seen);
    let (hash, trace) = (world.record.hash(), world.record.trace());
    Ok(Told { seed, broken, hash, trace, crashes, asked, sent, forgotten })
}

impl World {
    fn new(seed: u64, minutes: i64, all: bool) -> Self {
        let mut random = SmallRng::seed_from_u64(seed);
        let record = Record::new(all);
        let mut key = [0; 32];
        random.fill(&mut key);
        let disk = MemoryStore::new(random.random_range(1..5), key);
        let begin = disk.configure(
            Timestamp(BEGINNING),
            Box::new(|_: &Settings| Ok(first())),
            Box::new(|_| Vec::new()),
        );
        if let Some(Ok(configured)) = begin.now_or_never() {
            record.configured(Timestamp(BEGINNING), &configured);
        }
        let profiles = [Profile::Patient, Profile::NeverDisable, Profile::Meta];
        let policy = Policy {
            profile: profiles[random.random_range(0..3)],
            in_flight: random.random_range(1..6),
            read_ahead: random.random_range(4..60),
            waiting: random.random_range(3..100),
            eager: random.random_bool(0.3),
            keep: keep(&mut random, minutes),
            traces: false,
        };
        let people = random.random_range(2..8);
        let (manners, poison) = manners(&mut random, minutes, people);
        Self {
            record,
            disk,
            manners: Arc::new(Mutex::new(manners)),
            poison,
            memory: Arc::default(),
            policy,
            people,
            think: random.random_range(200..2_500),
            callers: random.random_range(2..8),
            // So that many die of a write, and many live out their time.
            dies: 0.016 / f64::from(i32::try_from(minutes).unwrap_or(i32::MAX).max(4)),
            random,
            now: Timestamp(BEGINNING),
            lived: Timestamp(BEGINNING),
        }
    }

    /// No more trouble, but for the conversations that an app never takes.
    fn calm_down(&mut self) {
        let mut manners = self.manners.lock().unwrap_or_else(PoisonError::into_inner);
        for manner in manners.values_mut() {
            manner.flaky = 0.0;
            manner.outages.clear();
            manner.handshake_from = 0;
        }
    }

    fn rates(&mut self, end: End) -> Rates {
        if end == End::Calm {
            return Rates { slow: 4, ..Rates::default() };
        }
        let dies = self.random.random_range(0.0..self.dies);
        let dies = if end == End::Crash { dies } else { 0.0 };
        // Half of those that are stopped have a disk that only is slow: nothing of them is sent twice.
        let most = if end == End::Stop && self.random.random_bool(0.5) { 0.0 } else { 0.03 };
        Rates {
            fails: self.random.random::<f64>() * most,
            lost: self.random.random::<f64>() * most,
            dies_before: dies,
            dies_after: dies,
            slow: self.random.random_range(0..60),
        }
    }

    /// One life of the node.
    fn live(&mut self, end: End, length: i64) -> anyhow::Result<()> {
        self.record.born();
        self.record.note(self.now, format_args!("the node starts: {:?}", self.policy));
        let clock = SimClock::going_on(self.now, self.lived);
        let crash = Arc::new(Crash::default());
        let rates = self.rates(end);
        let seed = self.random.random();
        let store = FaultyStore::new(&self.disk, &clock, &self.record, &crash, rates, seed);
        let receivers = Receivers {
            manners: Arc::clone(&self.manners),
            record: Arc::clone(&self.record),
            clock: Arc::clone(&clock),
            disk: self.disk.reopen(),
            in_flight: self.policy.in_flight,
            random: Mutex::new(SmallRng::seed_from_u64(self.random.random())),
        };
        let node = Node {
            store: Arc::new(store),
            receivers: Arc::new(receivers),
            clock: Arc::clone(&clock),
            seed: self.random.random(),
        };
        let runtime = clock.runtime()?;
        let survived = runtime.block_on(async {
            tokio::select! {
                biased;
                () = crash.came() => false,
                alive = self.life(&node, end, length) => alive,
            }
        });
        // With the runtime everything dies that was under way.
        drop(runtime);
        (self.now, self.lived) = (clock.now(), clock.lived());
        if !survived {
            self.record.seen().crashes += 1;
        } else if rates.fails + rates.lost == 0.0 {
            self.record.stopped();
        }
        self.record.note(self.now, if survived { "the node has stopped" } else { "the node is dead" });
        Ok(())
    }

    /// Lives until it is stopped: true; or is at its end, to be killed.
    async fn life(&self, node: &Node, end: End, length: i64) -> bool {
        let until = Timestamp(node.clock.lived().0 + length);
        let Some(engine) = self.start(node, until).await else { return false };
        let crowd = Crowd {
            engine: engine.clone(),
            clock: Arc::clone(&node.clock),
            record: Arc::clone(&self.record),
            memory: Arc::clone(&self.memory),
            people: self.people,
            think: self.think,
        };
        for caller in 0..self.callers {
            tokio::spawn(crowd.clone().call(node.seed.wrapping_add(caller + 1), until));
        }
        match end {
            End::Crash | End::Stop => {
                tokio::spawn(operate(crowd, node.seed, until));
                node.clock.live_until(until).await;
            }
            End::Calm => {
                node.clock.live_until(until).await;
                crowd.insist().await;
                self.finish(node, &engine).await;
            }
        }
        if end != End::Crash {
            engine.stop(Duration::from_secs(10)).await;
        }
        end != End::Crash
    }

    async fn start(&self, node: &Node, until: Timestamp) -> Option<Engine> {
        loop {
            let parts = Parts {
                store: Arc::clone(&node.store) as Arc<dyn Store>,
                clock: Arc::clone(&node.clock) as Arc<dyn Clock>,
                transport: Arc::clone(&node.receivers) as Arc<dyn baton_engine::Transport>,
                policy: self.policy.clone(),
                seed: node.seed,
                member: baton_engine::Member::default(),
            };
            match Engine::start(parts).await {
                Ok(engine) => return Some(engine),
                Err(_) if node.clock.lived() < until => node.clock.sleep(1_000).await,
                Err(_) => return None,
            }
        }
    }

    /// Waits until everything is delivered that can be.
    async fn finish(&self, node: &Node, engine: &Engine) {
        crate::operator::everybody_back(engine).await;
        if let Some(wrong) = engine.verify(app("late")).await {
            self.record.broken(node.clock.now(), format_args!("late does not verify: {wrong}"));
        }
        // All control lapses, and what waits for that happens by itself: while it may, and when it is too late.
        for lull in LULLS {
            node.clock.jump(lull);
            node.clock.sleep(60_000).await;
        }
        for _ in 0..PATIENCE {
            node.clock.sleep(30 * 60_000).await;
            let pending = self.model(&self.record.seen()).pending();
            if pending.is_empty() {
                node.clock.sleep(60_000).await;
                return;
            }
        }
        let pending = self.model(&self.record.seen()).pending();
        let list = pending.iter().take(5).map(|(app, place)| format!("{} {place:?}", name(*app)));
        let list = list.collect::<Vec<_>>().join(", ");
        self.record.broken(node.clock.now(), format_args!("{} are never delivered: {list}", pending.len()));
    }

    fn model<'a>(&'a self, seen: &'a crate::record::Seen) -> Model<'a> {
        Model { seen, disk: &self.disk, poison: &self.poison }
    }

    /// Looks at everything when all is over.
    fn judge(&self) {
        let wrong = self.model(&self.record.seen()).check();
        for wrong in wrong {
            self.record.broken(self.now, wrong);
        }
        for role in apps_of(HANDOVER) {
            self.at_rest(app(role));
        }
        let crashes = usize::try_from(self.record.seen().crashes).unwrap_or_default();
        if crashes < CRASHES {
            self.record.broken(self.now, format_args!("there were only {crashes} crashes"));
        }
    }

    /// An app that has everything has nothing parked, and its cursors say so.
    fn at_rest(&self, app: AppId) {
        if self.poison.iter().any(|(poisoned, _)| *poisoned == app) {
            return;
        }
        let parked = self.disk.parked(app).now_or_never().and_then(Result::ok).unwrap_or_default();
        if let Some(parked) = parked.first() {
            self.record.broken(self.now, format_args!("{} still has parked {parked:?}", name(app)));
        }
        let cursors = self.disk.cursors(app).now_or_never().and_then(Result::ok).unwrap_or_default();
        for cursor in cursors {
            let seen = self.record.seen();
            let mut rows = seen.rows.get(&cursor.stream).into_iter().flatten();
            let last = rows.rfind(|row| row.notices.iter().any(|notice| notice.app == app));
            let behind = last.is_some_and(|row| row.position > cursor.served);
            drop(seen);
            if behind {
                self.record.broken(self.now, format_args!("{}'s {cursor:?} is behind", name(app)));
            }
        }
    }
}

struct Node {
    store: Arc<FaultyStore>,
    receivers: Arc<Receivers>,
    clock: Arc<SimClock>,
    seed: u64,
}

/// How long things are kept in a story: nothing that somebody waits for is ever given up, and the history stays, as what
/// happened is judged by it.
fn keep(random: &mut SmallRng, minutes: i64) -> Keep {
    let long = i64::MAX / 2;
    let events_ms = if random.random_bool(0.3) { long } else { random.random_range(0..minutes * 60_000) };
    Keep { events_ms, undelivered_ms: long, control_ms: long, database_bytes: None }
}

/// How receivers behave in a story, and which conversations they never take.
fn manners(
    random: &mut SmallRng,
    minutes: i64,
    people: usize,
) -> (BTreeMap<AppId, Manners>, BTreeSet<(AppId, ThreadKey)>) {
    let length = minutes * 60_000;
    let mut poison = BTreeSet::new();
    let mut all = BTreeMap::new();
    for role in apps_of(HANDOVER) {
        let app = app(role);
        let outages = (0..random.random_range(0..3)).map(|_| {
            let from = BEGINNING + random.random_range(0..length);
            (from, from + random.random_range(0..length))
        });
        let outages = outages.collect();
        let bad = random.random_bool(0.4).then(|| {
            let page = if random.random_bool(0.5) { HANDOVER } else { ROUTING };
            let thread = thread(page, random.random_range(0..people));
            let answer = [Some(500), Some(503), Some(410), None][random.random_range(0..4)];
            let ever = random.random_bool(0.3);
            if ever {
                poison.insert((app, thread.clone()));
            }
            let until = if ever { i64::MAX } else { BEGINNING + random.random_range(0..2 * length) };
            (thread, answer, until)
        });
        let manner = Manners {
            flaky: if random.random_bool(0.3) { 0.0 } else { random.random_range(0.0..0.4) },
            outages,
            poison: bad,
            handshake_from: BEGINNING + random.random_range(0..length),
            slow: random.random_range(0..1_500),
        };
        all.insert(app, manner);
    }
    (all, poison)
}
