//! Nodes in this process: engines over one database, with a clock and receivers that a test has in its hand.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use baton_engine::{Answer, Clock, Engine, Keep, Member, Parts, Policy, Profile, SendError, Transport};
use baton_store::postgres::{Options, PostgresStore, Time};
use baton_store::{Settings, Store};
use baton_testkit::settings::first;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use tokio::sync::Notify;

/// Few, so that conversations meet in them.
pub(crate) const STREAMS: u16 = 5;
/// No failure here is waited out, so nodes may be slow.
const LEASE: Duration = Duration::from_secs(10);

/// Whatever apps are sent, all of which they take: the address and the body, in order.
#[derive(Default)]
pub(crate) struct Inbox {
    arrived: Mutex<Vec<(String, Bytes)>>,
    /// Something arrived.
    pub(crate) news: Notify,
}

impl Inbox {
    pub(crate) fn all(&self) -> Vec<(String, Bytes)> {
        self.arrived.lock().unwrap().clone()
    }
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
        self.0.arrived.lock().unwrap().push((url.to_owned(), body));
        self.0.news.notify_one();
        Box::pin(async { Ok(Answer { status: 200, body: Bytes::new(), retry_after: None }) })
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
