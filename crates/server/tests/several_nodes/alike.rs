//! The same random history comes to the same in a file, in PostgreSQL with one node, and in PostgreSQL with three among whom
//! everything is spread: every answer, who is in control, every entry of every history, every row of the journal, and
//! what each app is sent. The nodes come and go meanwhile, in order. And so does one that is copied in the middle, from a file
//! into PostgreSQL, and back.
//!
//! `ALIKE_SEEDS=100` plays seeds 1 to 100, `ALIKE_SEED=42` that one.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use baton_engine::{Clock, CommentId, Engine, Failure, Receipt, Remark, Request, VirtualClock};
use baton_pgtest::Server as Postgres;
use baton_rules::{ThreadKey, Timestamp};
use baton_store::postgres::Time;
use baton_store::sqlite::{Options, SqliteStore};
use baton_store::{Copied, End, KeptClock, Position, Settings, Store, Stream, copy};
use baton_testkit::operator;
use baton_testkit::people::{asked, somebodys, thread};
use baton_testkit::settings::{HANDOVER, ROUTING};
use baton_wire::MessageId;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use serde_json::Value;

use super::cluster::{Inbox, STREAMS, begins, conversation, entries, postgres, start};

const SEEDS: u64 = 3;
const STEPS: usize = 120;
/// People of each page.
const PEOPLE: usize = 4;
/// 2026-01-01T00:00:00.000Z
const START: Timestamp = Timestamp(1_767_225_600_000);
/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(120);

type Changes = Arc<dyn Fn(&Settings) -> Settings + Send + Sync>;

/// What happens; the number says at which node, of however many there are.
#[derive(Clone)]
enum Step {
    Ask(usize, Box<Request>),
    Change(usize, Changes),
    Comment(usize, CommentId, Remark),
    /// So many milliseconds go by, and what is due meanwhile happens at its time.
    Wait(i64),
    /// A node is stopped, and another comes in its place.
    Replace(usize),
    /// Everything is copied into a database of the other kind, and goes on there.
    Move,
}

fn history(seed: u64) -> Vec<Step> {
    let random = &mut SmallRng::seed_from_u64(seed);
    let mut before: Option<Box<Request>> = None;
    (0..STEPS)
        .map(|number| {
            let at = random.random_range(0..60);
            match random.random_range(0..100) {
                0..8 => Step::Change(at, Arc::new(operator::change(random))),
                8..12 => comment(random, at, number),
                12..22 => Step::Wait(match random.random_range(0..3) {
                    0 => random.random_range(0..2_000),
                    1 => random.random_range(0..8 * 3_600_000),
                    _ => 25 * 3_600_000,
                }),
                22..24 => Step::Replace(at),
                // Whoever was not answered asks again, and perhaps another node.
                24..30 if before.is_some() => Step::Ask(at, before.clone().unwrap()),
                _ => {
                    let whose = somebodys(random, PEOPLE);
                    let request = Box::new(asked(random, whose, number));
                    before = Some(request.clone()).filter(|request| request.key.is_some()).or(before.take());
                    Step::Ask(at, request)
                }
            }
        })
        .collect()
}

fn comment(random: &mut SmallRng, at: usize, number: usize) -> Step {
    let ThreadKey { page, surface, person } = somebodys(random, PEOPLE);
    let id = CommentId::of(page, surface, &format!("7_{}", random.random_range(0..3))).unwrap();
    let message = Some(format!("comment {number}"));
    let remark = Remark { person: person.as_str().into(), message, post: None, parent: None, live: false };
    Step::Comment(at, id, remark)
}

/// Where it is played.
enum Place {
    File(tempfile::TempDir),
    Postgres(String, usize),
}

/// What the file is called.
const FILE: &str = "baton.db";

impl Place {
    fn end(&self) -> End {
        match self {
            Self::File(folder) => End::File(folder.path().join(FILE)),
            Self::Postgres(database, _) => End::Postgres(Box::new(database.parse().unwrap())),
        }
    }
}

/// What came of it, in words that are the same wherever the same happened.
#[derive(Debug, PartialEq)]
struct Came {
    answers: Vec<String>,
    threads: Vec<String>,
    histories: Vec<String>,
    journal: Vec<String>,
    /// By app and conversation, in order.
    sent: BTreeMap<(String, String), Vec<String>>,
}

struct Play {
    place: Place,
    nodes: Vec<Engine>,
    /// A store that no node has, to look with.
    eye: Arc<dyn Store>,
    clock: Arc<VirtualClock>,
    inbox: Arc<Inbox>,
}

impl Play {
    async fn start(place: Place) -> Self {
        let clock = Arc::new(VirtualClock::new(KeptClock { offset: 0, frozen: Some(START) }));
        let play = Self::over(place, clock, Arc::default()).await;
        play.nodes[0].configure(Box::new(|_| Ok(begins()))).await.unwrap();
        play
    }

    /// Nodes over what is there.
    async fn over(place: Place, clock: Arc<VirtualClock>, inbox: Arc<Inbox>) -> Self {
        let (eye, count): (Arc<dyn Store>, usize) = match &place {
            Place::File(folder) => {
                let path = folder.path().join(FILE);
                let opening =
                    move || SqliteStore::open(&path, Options { streams: STREAMS, lagging: 5 }).unwrap();
                (Arc::new(tokio::task::spawn_blocking(opening).await.unwrap()), 1)
            }
            Place::Postgres(database, count) => (postgres(database, Time::Caller).await, *count),
        };
        let mut play = Self { place, nodes: Vec::new(), eye, clock, inbox };
        for _ in 0..count {
            let node = play.node().await;
            play.nodes.push(node);
        }
        play
    }

    async fn node(&self) -> Engine {
        let store = match &self.place {
            Place::File(_) => Arc::clone(&self.eye),
            Place::Postgres(database, _) => postgres(database, Time::Caller).await,
        };
        start(store, Arc::clone(&self.clock) as Arc<dyn Clock>, &self.inbox).await
    }

    fn at(&self, number: usize) -> &Engine {
        &self.nodes[number % self.nodes.len()]
    }

    /// The same, once everything was copied into a database of the other kind.
    async fn moved(self) -> Self {
        let Self { place, nodes, eye, clock, inbox } = self;
        let streams = eye.streams();
        for node in nodes {
            node.stop(PATIENCE).await;
        }
        // A file's is the node's too, which has closed it.
        let _ = eye.close().await;
        drop(eye);
        let next = match &place {
            Place::File(_) => Place::Postgres(Postgres::shared().database(), 1),
            Place::Postgres(..) => Place::File(tempfile::tempdir().unwrap()),
        };
        let Copied { streams: copied, tables } = copy(&place.end(), &next.end(), |_, _| {}).await.unwrap();
        assert!(copied == streams && tables.iter().any(|(table, rows)| *table == "journal" && *rows > 0));
        Self::over(next, clock, inbox).await
    }

    async fn step(&mut self, step: Step) -> String {
        match step {
            Step::Ask(at, request) => self.told(self.at(at).submit(*request).await),
            Step::Change(at, change) => {
                let applied = self.at(at).configure(Box::new(move |settings| Ok(change(settings)))).await;
                self.until(self.clock.now()).await;
                format!("{:?}", applied.unwrap().configured.positions)
            }
            Step::Comment(at, id, remark) => format!("{:?}", self.at(at).commented(id, remark).await),
            Step::Wait(milliseconds) => {
                self.until(Timestamp(self.clock.now().0 + milliseconds)).await;
                String::new()
            }
            Step::Replace(at) => {
                if let Place::Postgres(_, count) = self.place {
                    let gone = self.nodes.remove(at % count);
                    gone.stop(PATIENCE).await;
                    let node = self.node().await;
                    self.nodes.insert(at % count, node);
                }
                String::new()
            }
            Step::Move => panic!("who is moved is another"),
        }
    }

    /// An answer, without the one thing in it that is each database's own.
    fn told(&self, answer: Result<Receipt, Failure>) -> String {
        match answer {
            Ok(mut receipt) => {
                receipt.message_id = receipt.message_id.map(|id| self.plain(&id));
                format!("{receipt:?}")
            }
            Err(failure) => format!("{failure:?}"),
        }
    }

    /// The place of a message, in the place of its id.
    fn plain(&self, id: &str) -> String {
        match MessageId::place(&self.eye.key(), id) {
            Some((stream, position)) => format!("message {stream}-{position}"),
            None => id.to_owned(),
        }
    }

    /// What is due up to a moment happens, each at its own time, and then it is that moment.
    async fn until(&self, moment: Timestamp) {
        let looked = async {
            while let Some(due) = self.eye.due(moment, 1).await.unwrap().first() {
                let at = due.at.max(self.clock.now());
                self.clock.set(at).unwrap();
                while !self.eye.due(at, 1).await.unwrap().is_empty() {
                    tokio::task::yield_now().await;
                }
            }
        };
        tokio::time::timeout(PATIENCE, looked).await.unwrap();
        self.clock.set(moment.max(self.clock.now())).unwrap();
    }

    /// What came of it, once everything is delivered.
    async fn end(self, answers: Vec<String>) -> Came {
        let mut journal = Vec::new();
        let mut notices = 0;
        for (stream, head) in (0..).map(Stream).zip(self.eye.heads().await.unwrap()) {
            for position in 1..=head.0 {
                let row = self.eye.row(stream, Position(position)).await.unwrap().unwrap();
                notices += row.notices.len();
                let said = if row.whole.is_empty() { Value::Null } else { self.item(&row.whole) };
                journal.push(format!(
                    "{stream:?} {position} {:?} {:?} {:?} {} {:?} {:?} {:?} {:?} {said} {:?}",
                    row.chain,
                    row.previous,
                    row.at,
                    row.rule,
                    row.via,
                    row.by,
                    row.cause,
                    row.notices,
                    row.after
                ));
            }
        }
        let delivered = async {
            while entries(&self.inbox).len() < notices {
                self.inbox.news.notified().await;
            }
        };
        let all = tokio::time::timeout(PATIENCE, delivered).await;
        assert!(all.is_ok(), "{} of {notices} events were delivered", entries(&self.inbox).len());
        let (mut threads, mut histories) = (Vec::new(), Vec::new());
        for (page, number) in
            [HANDOVER, ROUTING].into_iter().flat_map(|page| (0..PEOPLE).map(move |n| (page, n)))
        {
            let key = thread(page, number);
            // Whichever node is asked says the same.
            let mut said: Vec<String> = Vec::new();
            for node in &self.nodes {
                said.push(format!("{:?}", node.thread(&key).await.unwrap()));
            }
            said.dedup();
            threads.append(&mut said);
            let history = self.nodes[0].history(&key, None, None, 10_000).await.unwrap();
            histories.extend(history.iter().map(|entry| format!("{} {entry:?}", key.person)));
        }
        let mut sent: BTreeMap<_, Vec<String>> = BTreeMap::new();
        for (app, mut entry) in entries(&self.inbox) {
            self.normal(&mut entry);
            sent.entry((app, conversation(&entry))).or_default().push(entry.to_string());
        }
        for node in self.nodes {
            node.stop(PATIENCE).await;
        }
        Came { answers, threads, histories, journal, sent }
    }

    fn item(&self, item: &[u8]) -> Value {
        let mut item = serde_json::from_slice(item).unwrap();
        self.normal(&mut item);
        item
    }

    /// Without ids that are each database's own.
    fn normal(&self, value: &mut Value) {
        match value {
            Value::String(text) => *text = self.plain(text),
            Value::Array(values) => values.iter_mut().for_each(|value| self.normal(value)),
            Value::Object(fields) => fields.values_mut().for_each(|value| self.normal(value)),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
}

async fn played(place: Place, history: &[Step]) -> Came {
    let mut play = Play::start(place).await;
    let mut answers = Vec::new();
    for step in history {
        match step {
            Step::Move => play = play.moved().await,
            step => answers.push(play.step(step.clone()).await),
        }
    }
    play.end(answers).await
}

/// The first thing in which two differ.
fn differ(one: &Came, other: &Came) -> Option<String> {
    let lists = [
        ("answer", &one.answers, &other.answers),
        ("thread", &one.threads, &other.threads),
        ("entry of a history", &one.histories, &other.histories),
        ("row", &one.journal, &other.journal),
    ];
    for (what, one, other) in lists {
        let most = one.len().max(other.len());
        let first = (0..most).find(|number| one.get(*number) != other.get(*number));
        if let Some(number) = first {
            return Some(format!("{what} {number}:\n{:?}\n{:?}", one.get(number), other.get(number)));
        }
    }
    let whose =
        one.sent.keys().chain(other.sent.keys()).find(|whose| one.sent.get(whose) != other.sent.get(whose));
    whose.map(|whose| format!("sent to {whose:?}:\n{:?}\n{:?}", one.sent.get(whose), other.sent.get(whose)))
}

fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name}={text} is not a number")))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_history_comes_to_the_same_everywhere() {
    let seeds = match number("ALIKE_SEED") {
        Some(seed) => seed..=seed,
        None => 1..=number("ALIKE_SEEDS").unwrap_or(SEEDS),
    };
    // What begins a server forks, and no file may be open then.
    let postgres = Postgres::shared();
    for seed in seeds {
        let mut history = history(seed);
        let one = played(Place::Postgres(postgres.database(), 1), &history).await;
        let three = played(Place::Postgres(postgres.database(), 3), &history).await;
        let file = played(Place::File(tempfile::tempdir().unwrap()), &history).await;
        assert_eq!(differ(&file, &one), None, "seed {seed}, one node");
        assert_eq!(differ(&file, &three), None, "seed {seed}, three nodes");
        // A third in a file, a third where that was copied to, and a third where that was.
        let mut moving = history.clone();
        moving.insert(2 * STEPS / 3, Step::Move);
        moving.insert(STEPS / 3, Step::Move);
        let moved = played(Place::File(tempfile::tempdir().unwrap()), &moving).await;
        assert_eq!(differ(&file, &moved), None, "seed {seed}, copied twice");
        assert!(file.sent.len() > 20 && file.histories.len() > 20, "seed {seed}: hardly anything happened");
        // And where one step is missing, that is seen.
        history.retain({
            let mut asks = 0;
            move |step| {
                asks += usize::from(matches!(step, Step::Ask(..)));
                !matches!(step, Step::Ask(..)) || asks != 30
            }
        });
        let other = played(Place::File(tempfile::tempdir().unwrap()), &history).await;
        assert!(other.journal != file.journal || other.answers != file.answers, "seed {seed}");
    }
}
