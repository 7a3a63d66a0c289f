//! Nodes in this process: engines over one database, with a clock and receivers that a test has in its hand.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use baton_engine::{
    Answer, Clock, Engine, Keep, Member, Parts, Policy, Profile, SendError, SystemClock, Transport,
};
use baton_rules::Timestamp;
use baton_store::postgres::{Options, PostgresStore, Time};
use baton_store::{Settings, Store};
use baton_testkit::settings::first;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use serde_json::Value;
use tokio::sync::{Notify, watch};

/// Few, so that conversations meet in them.
pub(crate) const STREAMS: u16 = 5;
/// No failure here is waited out, so nodes may be slow.
const LEASE: Duration = Duration::from_secs(10);

/// How apps answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Mood {
    /// They take everything.
    #[default]
    Takes,
    /// They take nothing.
    Refuses,
    /// They do not answer until they are in another mood.
    Holds,
}

/// Whatever apps are sent: the address and the body, in order.
#[derive(Default)]
pub(crate) struct Inbox {
    arrived: Mutex<Vec<(String, Bytes)>>,
    mood: watch::Sender<Mood>,
    /// Something arrived.
    pub(crate) news: Notify,
}

impl Inbox {
    pub(crate) fn all(&self) -> Vec<(String, Bytes)> {
        self.arrived.lock().unwrap().clone()
    }

    /// Has apps answer so from now on, also what they have not answered yet; how much arrived before.
    pub(crate) fn answers(&self, mood: Mood) -> usize {
        let arrived = self.arrived.lock().unwrap();
        self.mood.send_replace(mood);
        arrived.len()
    }
}

/// Every event that was sent: to which app, wherever that was reached, and the entry.
pub(crate) fn entries(inbox: &Inbox) -> Vec<(String, Value)> {
    let mut entries = Vec::new();
    for (url, body) in inbox.all() {
        let (app, _) = url.split_once(".test/").unwrap();
        let body: Value = serde_json::from_slice(&body).unwrap();
        entries.extend(body["entry"].as_array().unwrap().iter().map(|entry| (app.to_owned(), entry.clone())));
    }
    entries
}

/// What an entry is about.
pub(crate) fn item(entry: &Value) -> &Value {
    ["messaging", "standby", "changes"].into_iter().find_map(|array| entry[array].get(0)).unwrap()
}

/// Whose an entry is: its page, and whoever in it is not the page.
pub(crate) fn conversation(entry: &Value) -> String {
    let page = entry["id"].as_str().unwrap();
    let parties = ["sender", "recipient"].map(|party| item(entry)[party]["id"].as_str().unwrap_or_default());
    let person = parties.into_iter().find(|party| *party != page).unwrap_or_default();
    format!("{page}/{person}")
}

/// The way of a node to an inbox.
struct Post(Arc<Inbox>);

impl Transport for Post {
    fn post(
        &self,
        url: &str,
        _: Vec<(&'static str, String)>,
        body: Bytes,
    ) -> BoxFuture<'_, Result<Answer, SendError>> {
        let mut arrived = self.0.arrived.lock().unwrap();
        arrived.push((url.to_owned(), body));
        let (mut mood, mut moods) = (*self.0.mood.borrow(), self.0.mood.subscribe());
        drop(arrived);
        self.0.news.notify_one();
        Box::pin(async move {
            if mood == Mood::Holds {
                mood = *moods.wait_for(|mood| *mood != Mood::Holds).await.unwrap();
            }
            let status = if mood == Mood::Takes { 200 } else { 500 };
            Ok(Answer { status, body: Bytes::new(), retry_after: None })
        })
    }

    fn is_forbidden(&self, _: &str) -> Option<SendError> {
        None
    }

    fn vet(&self, _: &str) -> BoxFuture<'_, Result<(), SendError>> {
        Box::pin(async { Ok(()) })
    }

    fn get(&self, url: &str) -> BoxFuture<'_, Result<Answer, SendError>> {
        panic!("no app here wants a handshake, and {url} was asked for one")
    }
}

/// A clock that is wrong by so many milliseconds, also in what it has lived.
#[derive(Default)]
pub(crate) struct Ahead(pub(crate) AtomicI64);

impl Clock for Ahead {
    fn now(&self) -> Timestamp {
        Timestamp(SystemClock.now().0 + self.0.load(Ordering::Acquire))
    }

    fn sleep_until(&self, at: Timestamp) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            SystemClock.sleep_until(Timestamp(at.0 - self.0.load(Ordering::Acquire))).await;
        })
    }

    fn lived_ms(&self) -> i64 {
        self.now().0
    }
}

/// A store of its own over a database.
pub(crate) async fn postgres(database: &str, time: Time) -> Arc<PostgresStore> {
    let options = Options { streams: STREAMS, connections: 8, time };
    Arc::new(PostgresStore::open(&database.parse().unwrap(), options).await.unwrap())
}

/// Names what changed by the two versions.
pub(crate) fn versions(before: &Settings, after: &Settings) -> Vec<Box<str>> {
    vec![format!("{}..{}", before.version, after.version).into()]
}

/// A node.
pub(crate) async fn start(store: Arc<dyn Store>, clock: Arc<dyn Clock>, inbox: &Arc<Inbox>) -> Engine {
    start_for(LEASE, store, clock, inbox).await
}

/// One that says at this pace that it is there.
pub(crate) async fn start_for(
    lease: Duration,
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    inbox: &Arc<Inbox>,
) -> Engine {
    let never = i64::MAX / 2;
    let policy = Policy {
        profile: Profile::NeverDisable,
        in_flight: 4,
        read_ahead: 50,
        waiting: 1_000,
        eager: false,
        keep: Keep { events_ms: never, undelivered_ms: never, control_ms: never, database_bytes: None },
        traces: false,
    };
    let member = Member { lease, names: versions, ..Member::default() };
    let transport = Arc::new(Post(Arc::clone(inbox)));
    Engine::start(Parts { store, clock, transport, policy, seed: 7, member }).await.unwrap()
}

/// The settings that nodes begin with: every app is verified, as nothing here is about that.
pub(crate) fn begins() -> Settings {
    let mut settings = first();
    for app in settings.apps.iter_mut().map(Arc::make_mut) {
        (app.verify_token, app.verified) = (None, true);
    }
    settings
}
