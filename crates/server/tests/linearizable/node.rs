//! The server under test: the real one over a real socket and a real SQLite file, with a clock that moves only when
//! it is told to.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use baton_engine::{Engine, HttpTransport, Member, Parts, Policy, Profile, Vetting, VirtualClock};
use baton_rules::{Surface, ThreadKey, Timestamp};
use baton_server::config::Limits;
use baton_server::routing_file::{Mint, RoutingInput, apply};
use baton_server::serve;
use baton_store::sqlite::{Options, SqliteStore};
use baton_store::{JournalRow, KeptClock, Position, Secret, Store, Stream};
use serde_json::Value;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::history::Talk;
use crate::journal::Journal;
use crate::model::State;
use crate::page::PageState;
use crate::witness::Witness;

/// 2026-01-01T00:00:00.000Z
pub(crate) const START: i64 = 1_767_225_600_000;
/// Few, so that different threads meet in one batch.
pub(crate) const STREAMS: u16 = 3;
/// Longer than a busy machine makes a webhook wait: one that was answered is never sent again.
const PATIENCE: Duration = Duration::from_secs(60);
/// Of one of several: shorter than they are in trouble.
const LEASE: Duration = Duration::from_secs(1);
pub(crate) const OPERATOR: &str = "operator-token";

/// A running server.
pub(crate) struct Node {
    pub(crate) base: String,
    pub(crate) store: Arc<Witness>,
    engine: Engine,
    stop: oneshot::Sender<()>,
    served: JoinHandle<std::io::Result<()>>,
    /// The database, gone when the test ends.
    folder: Option<TempDir>,
}

impl Node {
    pub(crate) async fn start(seed: u64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("baton.db");
        // Few threads may lag behind their table, so that those of a short story are folded many times.
        let options = Options { streams: STREAMS, lagging: 5 };
        let opening = move || SqliteStore::open(&path, options).unwrap();
        let store = Arc::new(tokio::task::spawn_blocking(opening).await.unwrap());
        let store = Arc::new(Witness::new(store, seed, Arc::default()));
        Self { folder: Some(folder), ..Self::over(store, clock(), seed).await }
    }

    /// One over this store.
    pub(crate) async fn over(store: Arc<Witness>, clock: Arc<VirtualClock>, seed: u64) -> Self {
        let vetting = Vetting { allowed: vec!["127.0.0.0/8".parse().unwrap()] };
        let policy = Policy {
            profile: Profile::NeverDisable,
            in_flight: 4,
            read_ahead: 100,
            waiting: 4096,
            eager: false,
            keep: baton_engine::Keep::default(),
            traces: false,
        };
        let parts = Parts {
            store: Arc::clone(&store) as Arc<dyn Store>,
            clock,
            transport: Arc::new(HttpTransport::new(vetting, PATIENCE).unwrap()),
            policy,
            seed,
            member: Member { lease: LEASE, ..Member::default() },
        };
        let engine = Engine::start(parts).await.unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let state = serve::State {
            engine: engine.clone(),
            operator_token: Secret::new(OPERATOR),
            viewer_token: None,
            start_link: None,
            wall: Arc::new(baton_engine::SystemClock),
            tls: None,
            limits: Limits::default(),
            public_url: base.clone(),
            version: "0.0.0",
            started: Arc::new(AtomicBool::new(true)),
            mint: Mint::seeded([9; 32]),
        };
        let (stop, stopped) = oneshot::channel();
        let served = tokio::spawn(serve::run(listener, state, async {
            let _ = stopped.await;
        }));
        Self { base, store, engine, stop, served, folder: None }
    }

    /// The settings that the story begins with.
    pub(crate) async fn set_up(&self, file: Value) {
        let change = move |settings: &baton_store::Settings| {
            let input = RoutingInput::from_json(&file)?;
            Ok(apply(&input, settings, false, &mut Mint::seeded([5; 32]))?.settings)
        };
        self.engine.configure(Box::new(change)).await.unwrap();
    }

    /// How everything stands now, when nobody asks for anything.
    pub(crate) async fn stands(&self, talks: &[Talk]) -> State {
        stands(&*self.store, self.engine.now(), talks).await
    }

    /// The clock goes on.
    pub(crate) async fn advance(&self, by_ms: i64) {
        self.engine.advance_clock(by_ms).await.unwrap();
    }

    /// Everything that was written.
    pub(crate) async fn journal(&self) -> Journal {
        Journal { streams: rows(&*self.store).await, changes: self.store.changes() }
    }

    pub(crate) async fn stop(self) {
        self.stop.send(()).unwrap();
        self.served.await.unwrap().unwrap();
        self.engine.stop(Duration::from_secs(5)).await;
        drop(self.folder);
    }
}

/// The clock that every story begins with.
pub(crate) fn clock() -> Arc<VirtualClock> {
    Arc::new(VirtualClock::new(KeptClock { offset: 0, frozen: Some(Timestamp(START)) }))
}

/// How everything stands in a store.
pub(crate) async fn stands(store: &dyn Store, now: Timestamp, talks: &[Talk]) -> State {
    let settings = store.settings();
    let pages = settings.pages.iter().map(|page| PageState::of(&settings, page)).collect();
    let (version, pages) = (settings.version, Arc::new(pages));
    let mut state = State { now, version, pages, threads: std::collections::BTreeMap::new() };
    for talk in talks {
        let key = ThreadKey { page: talk.0, surface: Surface::Messenger, person: talk.1.clone() };
        if let Some(known) = store.thread(&key).await.unwrap() {
            state.threads.insert(talk.clone(), Arc::new(known.thread));
        }
    }
    state
}

/// Every row of a store, by stream.
pub(crate) async fn rows(store: &dyn Store) -> Vec<Vec<Arc<JournalRow>>> {
    let mut streams = Vec::new();
    for (number, head) in (0..).zip(store.heads().await.unwrap()) {
        let mut rows = Vec::new();
        for position in 1..=head.0 {
            rows.push(store.row(Stream(number), Position(position)).await.unwrap().unwrap());
        }
        streams.push(rows);
    }
    streams
}
