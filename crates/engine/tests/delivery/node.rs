//! A node over a store in memory, with a receiver that is there or not.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use baton_engine::{
    Answer, Clock, ClockRefused, Engine, Failure, Keep, Parts, Policy, Profile, Request, Requested,
    SendError, Transport, VirtualClock,
};
use baton_rules::build::{app, person};
use baton_rules::{Fields, PageId, Surface, ThreadKey, Timestamp};
use baton_store::memory::MemoryStore;
use baton_store::sqlite::{Options, SqliteStore};
use baton_store::{
    App, Changing, Connection, KeptClock, KeptMoveToMain, Page, Secret, Settings, Side, Store, Token,
};
use baton_wire::inbound::PersonEvent;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use serde_json::Value;
use tokio::sync::{Notify, mpsc};
use tokio::time::timeout;

pub(crate) const NOW: Timestamp = Timestamp(1_767_225_600_000);

/// A receiver that is there or not, or takes everything and never answers.
pub(crate) struct Receiver {
    pub(crate) up: AtomicBool,
    pub(crate) silent: AtomicBool,
    /// Of whom nothing is taken.
    pub(crate) refused: Mutex<Option<&'static str>>,
    /// What is answered only when the gate opens.
    pub(crate) held: Mutex<Option<&'static str>>,
    pub(crate) gate: Notify,
    /// What was tried: who wrote what.
    pub(crate) tried: mpsc::UnboundedSender<(String, String)>,
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

pub(crate) fn settings() -> Settings {
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
pub(crate) struct Time {
    pub(crate) shown: VirtualClock,
    pub(crate) lived_ms: AtomicI64,
}

impl Time {
    pub(crate) fn set(&self, to: Timestamp) -> Result<(), ClockRefused> {
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

pub(crate) struct Node {
    pub(crate) engine: Engine,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) clock: Arc<Time>,
    pub(crate) receiver: Arc<Receiver>,
    pub(crate) tried: mpsc::UnboundedReceiver<(String, String)>,
}

/// A node over this store, its clock standing still; its receiver is down.
pub(crate) async fn node(store: &MemoryStore, at: Timestamp) -> Node {
    node_by(store, at, Profile::NeverDisable).await
}

/// The same, with this patience.
pub(crate) async fn node_by(store: &MemoryStore, at: Timestamp, profile: Profile) -> Node {
    node_keeping(store, at, profile, Keep::default()).await
}

/// The same, that keeps things for so long.
pub(crate) async fn node_keeping(store: &MemoryStore, at: Timestamp, profile: Profile, keep: Keep) -> Node {
    let mut node = node_over(Arc::new(store.reopen()), at, profile, keep).await;
    // It may be looked into when the node has stopped.
    node.store = Arc::new(store.reopen());
    node
}

/// The same, over any store.
async fn node_over(store: Arc<dyn Store>, at: Timestamp, profile: Profile, keep: Keep) -> Node {
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
        store: Arc::clone(&store),
        clock: Arc::clone(&clock) as Arc<dyn Clock>,
        transport: Arc::clone(&receiver) as Arc<dyn Transport>,
        policy: Policy {
            profile,
            in_flight: 4,
            read_ahead: 100,
            waiting: 100,
            eager: false,
            keep,
            traces: false,
        },
        seed: 1,
        member: baton_engine::Member::default(),
    };
    let engine = Engine::start(parts).await.unwrap();
    Node { engine, store, clock, receiver, tried }
}

pub(crate) async fn disk() -> MemoryStore {
    let store = MemoryStore::new(2, [1; 32]);
    configure(&store).await;
    store
}

/// A page and an app in a store that has nothing yet.
async fn configure(store: &dyn Store) {
    let silent = Box::new(|_: &Changing<'_>| Vec::new());
    store.configure(NOW, Box::new(|_: &Settings| Ok(settings())), silent).await.unwrap();
}

/// A database in a file: one in memory takes nothing of a disk.
pub(crate) struct File(tempfile::TempDir);

impl File {
    pub(crate) async fn new() -> Self {
        let file = File(tempfile::tempdir().unwrap());
        let store = file.open();
        configure(&store).await;
        store.close().await.unwrap();
        file
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("baton.db")
    }

    fn open(&self) -> SqliteStore {
        SqliteStore::open(&self.path(), Options { streams: 2, ..Options::default() }).unwrap()
    }

    /// What `baton backup` makes of it.
    pub(crate) fn copy(&self) -> Self {
        let copy = File(tempfile::tempdir().unwrap());
        SqliteStore::copy(&self.path(), &copy.path()).unwrap();
        copy
    }

    /// What it takes when it is closed.
    pub(crate) async fn bytes(&self) -> u64 {
        let store = self.open();
        let size = store.size().await.unwrap();
        store.close().await.unwrap();
        size.bytes - size.free
    }

    /// A node over it, with so many bytes for it; its receiver is down.
    pub(crate) async fn node(&self, at: Timestamp, most: Option<u64>) -> Node {
        let keep = Keep { database_bytes: most, ..Keep::default() };
        node_over(Arc::new(self.open()), at, Profile::NeverDisable, keep).await
    }
}

pub(crate) fn thread(name: &str) -> ThreadKey {
    ThreadKey { page: PageId::new(1).unwrap(), surface: Surface::Messenger, person: person(name) }
}

impl Node {
    pub(crate) async fn say(&self, name: &str, text: &str) -> Result<(), Failure> {
        let thread = thread(name);
        let what = Requested::Person(PersonEvent::of_text(text));
        self.engine.submit(Request { thread, what, key: None }).await.map(|_| ())
    }

    /// What is tried next; the virtual clock goes on by a quarter of a minute whenever nothing happens.
    pub(crate) async fn next(&mut self) -> (String, String) {
        loop {
            // Time is paused: this ends at once when there is nothing else to do.
            match timeout(Duration::from_millis(10), self.tried.recv()).await {
                Ok(tried) => return tried.unwrap(),
                Err(_) => self.clock.set(Timestamp(self.clock.now().0 + 15_000)).unwrap(),
            }
        }
    }

    /// What is served until so much was.
    pub(crate) async fn served(&mut self, count: usize) -> Vec<(String, String)> {
        let mut served = Vec::new();
        while served.len() < count {
            served.push(self.next().await);
        }
        served
    }
}

pub(crate) fn of(name: &str, said: &[(String, String)]) -> Vec<String> {
    said.iter().filter(|(who, _)| who == name).map(|(_, text)| text.clone()).collect()
}
