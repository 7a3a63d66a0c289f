//! A whole engine over a store in memory, with receivers that are down, then up, or never answer.

#![expect(clippy::unwrap_used, reason = "the helpers of a test may unwrap like the test")]

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use baton_engine::{
    Answer, Clock, ClockRefused, Engine, Failure, Parts, Policy, Profile, Request, Requested, SendError,
    Transport, VirtualClock, Which,
};
use baton_rules::build::{app, person};
use baton_rules::{Fields, PageId, Surface, ThreadKey, Timestamp};
use baton_store::memory::MemoryStore;
use baton_store::{
    App, Changing, Connection, KeptClock, KeptMoveToMain, Page, Secret, Settings, Side, Store, Token,
};
use baton_wire::inbound::PersonEvent;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use serde_json::Value;
use tokio::sync::{Notify, mpsc};
use tokio::time::timeout;

const NOW: Timestamp = Timestamp(1_767_225_600_000);

/// A receiver that is there or not, or takes everything and never answers.
struct Receiver {
    up: AtomicBool,
    silent: AtomicBool,
    /// Of whom nothing is taken.
    refused: Mutex<Option<&'static str>>,
    /// What is answered only when the gate opens.
    held: Mutex<Option<&'static str>>,
    gate: Notify,
    /// What was tried: who wrote what.
    tried: mpsc::UnboundedSender<(String, String)>,
}

impl Transport for Receiver {
    fn is_forbidden(&self, _: &str) -> Option<SendError> {
        None
    }

    fn vet(&self, _: &str) -> BoxFuture<'_, Result<(), SendError>> {
        Box::pin(async { Ok(()) })
    }

    fn post(
        &self,
        _: &str,
        _: Vec<(&'static str, String)>,
        body: Bytes,
    ) -> BoxFuture<'_, Result<Answer, SendError>> {
        Box::pin(async move {
            let body: Value = serde_json::from_slice(&body).unwrap();
            let text = |path: &str| body.pointer(path).and_then(Value::as_str).unwrap().to_owned();
            let item = "/entry/0/messaging/0";
            let said = (text(&format!("{item}/sender/id")), text(&format!("{item}/message/text")));
            let refused = self.refused.lock().unwrap().is_some_and(|who| who == said.0);
            let held = self.held.lock().unwrap().is_some_and(|what| what == said.1);
            self.tried.send(said).unwrap();
            if held {
                self.gate.notified().await;
            }
            if refused {
                return Ok(Answer { status: 503, body: Bytes::new(), retry_after: None });
            }
            if self.silent.load(Ordering::SeqCst) {
                std::future::pending::<()>().await;
            }
            if self.up.load(Ordering::SeqCst) {
                Ok(Answer { status: 200, body: Bytes::new(), retry_after: None })
            } else {
                Err(SendError::Failed("connection refused".to_owned()))
            }
        })
    }

    fn get(&self, _: &str) -> BoxFuture<'_, Result<Answer, SendError>> {
        Box::pin(async { Ok(Answer { status: 404, body: Bytes::new(), retry_after: None }) })
    }
}

fn settings() -> Settings {
    let connection = Connection {
        app: app("bot"),
        generation: 1,
        tokens: vec![Token {
            hash: "bot".to_owned(),
            tasks: Vec::new(),
            permissions: vec!["pages_messaging".to_owned()],
        }],
        fields: vec![Fields::MESSAGES.names().next().unwrap().to_owned()],
        standby_messenger: true,
        standby_instagram: true,
        take_control: false,
    };
    let bot = App {
        id: app("bot"),
        name: "bot".to_owned(),
        secret: Secret::new("secret"),
        webhook_url: Some("https://bot.test/hook".to_owned()),
        verify_token: None,
        verified: true,
        human_agent: false,
        live: true,
        testers: Vec::new(),
        max_batch: 1,
        compat: Vec::new(),
        subscribed: Vec::new(),
    };
    let page = Page {
        id: PageId::new(1).unwrap(),
        name: "a page".to_owned(),
        messaging_enabled: true,
        inbox_move_to_main: KeptMoveToMain::Take,
        messenger: Side { primary_receiver: Some(app("bot")), ..Side::default() },
        instagram: None,
        connections: vec![connection],
        links: Vec::new(),
        ads: Vec::new(),
        had_default: false,
    };
    Settings::new(0, vec![Arc::new(bot)], vec![Arc::new(page)])
}

/// A virtual clock, and time that passes by itself only as the test says.
struct Time {
    shown: VirtualClock,
    lived_ms: AtomicI64,
}

impl Time {
    fn set(&self, to: Timestamp) -> Result<(), ClockRefused> {
        self.shown.set(to)
    }
}

impl Clock for Time {
    fn now(&self) -> Timestamp {
        self.shown.now()
    }

    fn sleep_until(&self, at: Timestamp) -> BoxFuture<'_, ()> {
        self.shown.sleep_until(at)
    }

    fn lived_ms(&self) -> i64 {
        self.lived_ms.load(Ordering::SeqCst)
    }

    fn as_virtual(&self) -> Option<&VirtualClock> {
        Some(&self.shown)
    }
}

struct Node {
    engine: Engine,
    store: MemoryStore,
    clock: Arc<Time>,
    receiver: Arc<Receiver>,
    tried: mpsc::UnboundedReceiver<(String, String)>,
}

/// A node over this store, its clock standing still; its receiver is down.
async fn node(store: &MemoryStore, at: Timestamp) -> Node {
    node_by(store, at, Profile::NeverDisable).await
}

/// The same, with this patience.
async fn node_by(store: &MemoryStore, at: Timestamp, profile: Profile) -> Node {
    let (sender, tried) = mpsc::unbounded_channel();
    let receiver = Arc::new(Receiver {
        up: AtomicBool::new(false),
        silent: AtomicBool::new(false),
        refused: Mutex::default(),
        held: Mutex::default(),
        gate: Notify::new(),
        tried: sender,
    });
    let shown = VirtualClock::new(KeptClock { offset: 0, frozen: Some(at) });
    let clock = Arc::new(Time { shown, lived_ms: AtomicI64::new(0) });
    let parts = Parts {
        store: Arc::new(store.reopen()),
        clock: Arc::clone(&clock) as Arc<dyn Clock>,
        transport: Arc::clone(&receiver) as Arc<dyn Transport>,
        policy: Policy { profile, in_flight: 4, read_ahead: 100, waiting: 100, eager: false },
        seed: 1,
    };
    let engine = Engine::start(parts).await.unwrap();
    Node { engine, store: store.reopen(), clock, receiver, tried }
}

async fn disk() -> MemoryStore {
    let store = MemoryStore::new(2, [1; 32]);
    let silent = Box::new(|_: &Changing<'_>| Vec::new());
    store.configure(NOW, Box::new(|_: &Settings| Ok(settings())), silent).await.unwrap();
    store
}

fn thread(name: &str) -> ThreadKey {
    ThreadKey { page: PageId::new(1).unwrap(), surface: Surface::Messenger, person: person(name) }
}

impl Node {
    async fn say(&self, name: &str, text: &str) -> Result<(), Failure> {
        let thread = thread(name);
        let what = Requested::Person(PersonEvent::of_text(text));
        self.engine.submit(Request { thread, what, key: None }).await.map(|_| ())
    }

    /// What is tried next; the virtual clock goes on by a quarter of a minute whenever nothing happens.
    async fn next(&mut self) -> (String, String) {
        loop {
            // Time is paused: this ends at once when there is nothing else to do.
            match timeout(Duration::from_millis(10), self.tried.recv()).await {
                Ok(tried) => return tried.unwrap(),
                Err(_) => self.clock.set(Timestamp(self.clock.now().0 + 15_000)).unwrap(),
            }
        }
    }

    /// What is served until so much was.
    async fn served(&mut self, count: usize) -> Vec<(String, String)> {
        let mut served = Vec::new();
        while served.len() < count {
            served.push(self.next().await);
        }
        served
    }
}

fn of(name: &str, said: &[(String, String)]) -> Vec<String> {
    said.iter().filter(|(who, _)| who == name).map(|(_, text)| text.clone()).collect()
}

#[tokio::test(start_paused = true)]
async fn a_receiver_that_was_down_gets_everything_in_order() {
    let disk = disk().await;
    let mut node = node(&disk, NOW).await;
    for (name, text) in [("ann", "1"), ("bob", "2"), ("ann", "3"), ("ann", "4"), ("bob", "5")] {
        node.say(name, text).await.unwrap();
    }
    for _ in 0..6 {
        let (_, text) = node.next().await;
        assert!(["1", "2"].contains(&&*text), "{text} is behind what was not served");
    }
    node.receiver.up.store(true, Ordering::SeqCst);
    let served = node.served(5).await;
    assert_eq!(of("ann", &served), ["1", "3", "4"]);
    assert_eq!(of("bob", &served), ["2", "5"]);
    node.engine.stop(Duration::from_secs(10)).await;
}

#[tokio::test(start_paused = true)]
async fn what_was_served_is_not_served_again_after_a_stop() {
    let disk = disk().await;
    let mut first = node(&disk, NOW).await;
    first.receiver.up.store(true, Ordering::SeqCst);
    first.say("ann", "1").await.unwrap();
    first.served(1).await;
    first.engine.stop(Duration::from_secs(10)).await;
    assert!(matches!(first.say("ann", "2").await, Err(Failure::Stopping)));

    let mut second = node(&disk, first.clock.now()).await;
    second.receiver.up.store(true, Ordering::SeqCst);
    second.say("ann", "3").await.unwrap();
    assert_eq!(second.next().await.1, "3");
    second.engine.stop(Duration::from_secs(10)).await;
}

#[tokio::test(start_paused = true)]
async fn what_was_served_of_a_parked_conversation_is_not_served_again_after_a_stop() {
    let disk = disk().await;
    let mut first = node(&disk, NOW).await;
    first.receiver.up.store(true, Ordering::SeqCst);
    *first.receiver.refused.lock().unwrap() = Some("ann");
    for (name, text) in [("ann", "1"), ("bob", "2"), ("ann", "3"), ("ann", "4"), ("ann", "5")] {
        first.say(name, text).await.unwrap();
    }
    while first.store.parked(app("bot")).await.unwrap().is_empty() {
        first.next().await;
    }
    // It walks on, and the stop comes while the third of its events is under way.
    *first.receiver.refused.lock().unwrap() = None;
    *first.receiver.held.lock().unwrap() = Some("4");
    while first.next().await.1 != "4" {}
    let stopping = first.engine.clone();
    let stop = tokio::spawn(async move { stopping.stop(Duration::from_secs(10)).await });
    tokio::task::yield_now().await;
    first.receiver.gate.notify_one();
    stop.await.unwrap();

    let mut second = node(&disk, first.clock.now()).await;
    second.receiver.up.store(true, Ordering::SeqCst);
    assert_eq!(second.next().await, ("ann".to_owned(), "5".to_owned()));
    second.engine.stop(Duration::from_secs(10)).await;
}

#[tokio::test(start_paused = true)]
async fn a_receiver_that_hangs_does_not_hold_up_the_end() {
    let disk = disk().await;
    let mut first = node(&disk, NOW).await;
    first.receiver.silent.store(true, Ordering::SeqCst);
    first.say("ann", "1").await.unwrap();
    first.next().await;
    let grace = Duration::from_secs(10);
    let stop = first.engine.stop(grace);
    timeout(grace + Duration::from_secs(1), stop).await.expect("it stops within the grace");
    let kept = first.store.cursors(app("bot")).await.unwrap();
    assert!(kept.iter().any(|cursor| cursor.served < disk_head(&disk, cursor.stream.0)), "{kept:?}");

    let mut second = node(&disk, first.clock.now()).await;
    second.receiver.up.store(true, Ordering::SeqCst);
    assert_eq!(second.next().await.1, "1", "what was not served is sent after the next start");
    second.engine.stop(grace).await;
}

fn disk_head(disk: &MemoryStore, stream: u16) -> baton_store::Position {
    let heads = futures_util::FutureExt::now_or_never(disk.heads()).unwrap().unwrap();
    heads[usize::from(stream)]
}

#[tokio::test(start_paused = true)]
async fn a_stop_with_nothing_under_way_is_quick() {
    let disk = disk().await;
    let node = node(&disk, NOW).await;
    node.say("ann", "1").await.unwrap();
    // The receiver is down and the clock stands still: the retry would come in a second that never comes.
    timeout(Duration::from_secs(1), node.engine.stop(Duration::from_secs(10))).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_app_that_fails_for_too_long_is_stopped_and_gets_everything_when_it_is_resumed() {
    const HOUR: i64 = 3_600_000;
    let disk = disk().await;
    let mut node = node_by(&disk, NOW, Profile::Meta).await;
    for text in ["one", "two"] {
        node.say("ann", text).await.unwrap();
    }
    assert_eq!(node.next().await.1, "one");
    // The failure is heard after it was tried.
    while node.engine.app_health(app("bot")).await.unwrap().kept.failing_since.is_none() {
        tokio::task::yield_now().await;
    }
    node.clock.lived_ms.store(HOUR, Ordering::SeqCst);
    assert_eq!(node.next().await.1, "one");
    while node.engine.app_health(app("bot")).await.unwrap().kept.disabled.is_none() {
        tokio::task::yield_now().await;
    }
    node.say("ann", "three").await.unwrap();
    node.clock.set(Timestamp(NOW.0 + 48 * HOUR)).unwrap();
    assert!(timeout(Duration::from_secs(60), node.tried.recv()).await.is_err(), "nothing more is tried");
    // Also not by another process.
    node.engine.stop(Duration::from_secs(1)).await;
    let mut node = node_by(&disk, Timestamp(NOW.0 + 49 * HOUR), Profile::Meta).await;
    assert!(timeout(Duration::from_secs(60), node.tried.recv()).await.is_err(), "nothing more is tried");
    node.receiver.up.store(true, Ordering::SeqCst);
    assert_eq!(node.engine.resume(app("bot")).await.unwrap(), 3);
    assert_eq!(of("ann", &node.served(3).await), ["one", "two", "three"]);
}

#[tokio::test(start_paused = true)]
async fn what_is_to_be_sent_again_is_sent_by_the_next_process() {
    let disk = disk().await;
    let mut node = node(&disk, NOW).await;
    node.receiver.up.store(true, Ordering::SeqCst);
    for text in ["one", "two", "three"] {
        node.say("ann", text).await.unwrap();
    }
    node.say("bob", "else").await.unwrap();
    node.served(4).await;
    node.receiver.up.store(false, Ordering::SeqCst);
    let which = Which::Of(thread("ann"));
    assert_eq!(node.engine.resend(app("bot"), &which, None).await.unwrap(), 3);
    assert_eq!(node.next().await.1, "one");
    node.engine.stop(Duration::from_secs(1)).await;
    let mut node = node_by(&disk, node.clock.now(), Profile::NeverDisable).await;
    node.receiver.up.store(true, Ordering::SeqCst);
    assert_eq!(of("ann", &node.served(3).await), ["one", "two", "three"]);
    node.engine.stop(Duration::from_secs(1)).await;
    let mut node = node_by(&disk, node.clock.now(), Profile::NeverDisable).await;
    assert!(timeout(Duration::from_secs(60), node.tried.recv()).await.is_err(), "and only once");
}
