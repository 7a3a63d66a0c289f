//! Several nodes over one PostgreSQL, each on a thread of its own: it can be killed as a process is, paused as one, and cut
//! from the database. What stands is read by a store that no node has.

use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use baton_engine::{Clock as _, VirtualClock};
use baton_pgtest::Server as Postgres;
use baton_store::postgres::{Options, PostgresStore, Time};
use baton_store::{Settings, Store};
use rand::Rng;
use rand::rngs::SmallRng;
use serde_json::{Value, json};
use tokio::sync::{mpsc as orders, oneshot};

use crate::history::{Recorder, Talk};
use crate::journal::Journal;
use crate::model::State;
use crate::node::{self, Node, OPERATOR, STREAMS};
use crate::way::Way;
use crate::witness::{Versions, Witness};

const NODES: usize = 3;
/// How long one is in trouble: longer than it is taken to be there.
const TROUBLE: Duration = Duration::from_millis(1_500);

/// What a node's thread is told.
enum Order {
    /// To stand still until the other end is dropped.
    Pause(mpsc::Receiver<()>),
    /// To stop as it should.
    Stop,
    /// To end at once, whatever is under way.
    Die,
}

/// One of them.
struct Member {
    base: String,
    way: Way,
    orders: orders::UnboundedSender<Order>,
    thread: JoinHandle<()>,
}

/// All of them.
pub(crate) struct Nodes {
    database: String,
    clock: Arc<VirtualClock>,
    wanted: Versions,
    eye: PostgresStore,
    members: Vec<Member>,
    http: reqwest::Client,
    seed: u64,
}

async fn open(address: &str) -> PostgresStore {
    let options = Options { streams: STREAMS, connections: 8, time: Time::Caller };
    PostgresStore::open(&address.parse().unwrap(), options).await.unwrap()
}

/// A node's life, on its own thread.
async fn live(
    address: String,
    (clock, wanted, seed): (Arc<VirtualClock>, Versions, u64),
    told: oneshot::Sender<String>,
    mut orders: orders::UnboundedReceiver<Order>,
) {
    let store = Arc::new(open(&address).await);
    let node = Node::over(Arc::new(Witness::new(store, seed, wanted)), clock, seed).await;
    told.send(node.base.clone()).unwrap();
    loop {
        match orders.recv().await {
            // The thread waits, and with it everything of the node.
            Some(Order::Pause(until)) => drop(until.recv()),
            Some(Order::Stop) => return node.stop().await,
            Some(Order::Die) | None => return,
        }
    }
}

impl Nodes {
    pub(crate) async fn start(seed: u64, http: reqwest::Client) -> Self {
        let address = Postgres::shared().database();
        let database = address.rsplit('/').next().unwrap().to_owned();
        let eye = open(&address).await;
        let (clock, wanted) = (node::clock(), Versions::default());
        let mut nodes = Self { database, clock, wanted, eye, members: Vec::new(), http, seed };
        for _ in 0..NODES {
            let member = nodes.member().await;
            nodes.members.push(member);
        }
        nodes
    }

    async fn member(&mut self) -> Member {
        let way = Way::to(Postgres::shared().socket_folder().to_owned());
        let address = way.address(&self.database);
        self.seed += 1;
        let made = (Arc::clone(&self.clock), Arc::clone(&self.wanted), self.seed);
        let (orders, taken) = orders::unbounded_channel();
        let (told, base) = oneshot::channel();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(live(address, made, told, taken));
        });
        Member { base: base.await.unwrap(), way, orders, thread }
    }

    pub(crate) fn bases(&self) -> Arc<[String]> {
        self.members.iter().map(|member| member.base.clone()).collect()
    }

    async fn ask(&self, path: &str, method: reqwest::Method, body: &Value) {
        let url = format!("{}/baton/v1{path}", self.members[0].base);
        let asked = self.http.request(method, url).bearer_auth(OPERATOR).json(body);
        let answer = asked.send().await.unwrap();
        assert_eq!(answer.status().as_u16(), 200, "{path}: {}", answer.text().await.unwrap());
    }

    /// The settings that the story begins with.
    pub(crate) async fn set_up(&self, file: &Value) {
        self.ask("/routing", reqwest::Method::PUT, file).await;
    }

    /// The clock goes on.
    pub(crate) async fn advance(&self, by_ms: i64) {
        let by = json!({"advance": format!("{by_ms}ms")});
        self.ask("/clock", reqwest::Method::POST, &by).await;
    }

    /// How everything stands now, when nobody asks for anything: what a node that is gone began has ended.
    pub(crate) async fn stands(&self, talks: &[Talk]) -> State {
        // A change waits for whatever was begun, also one that changes nothing.
        let same = Box::new(|settings: &Settings| Ok(settings.clone()));
        self.eye.configure(self.clock.now(), same, Box::new(|_| Vec::new())).await.unwrap();
        // It makes the newest settings known.
        self.eye.heads().await.unwrap();
        node::stands(&self.eye, self.clock.now(), talks).await
    }

    /// Everything that was written. What the settings were after each change is what was last wanted of that version.
    pub(crate) async fn journal(&self) -> Journal {
        let streams = node::rows(&self.eye).await;
        let wanted = self.wanted.lock().unwrap();
        let places: Vec<Vec<_>> = (streams.iter())
            .map(|rows| rows.iter().filter(|row| row.chain.is_none()).map(|row| row.position).collect())
            .collect();
        let changes = (0..places[0].len()).map(|change| {
            let at = places.iter().map(|places| places[change]).collect();
            (at, Arc::clone(&wanted[&(change as u64 + 1)]))
        });
        let changes = changes.collect();
        Journal { streams, changes }
    }

    /// One of them is killed, paused or cut from the database, or none, while everybody asks; and then all are there.
    pub(crate) async fn trouble(&mut self, recorder: &Recorder, random: &mut SmallRng) {
        let since = recorder.so_far();
        let when = since + random.random_range(4..24);
        while recorder.so_far() < when {
            tokio::task::yield_now().await;
        }
        let whose = random.random_range(0..NODES);
        let one = &self.members[whose];
        let lasts = || tokio::time::timeout(TROUBLE, std::future::pending::<()>());
        match random.random_range(0..4) {
            0 => {
                one.orders.send(Order::Die).unwrap();
                let next = self.member().await;
                let gone = std::mem::replace(&mut self.members[whose], next);
                tokio::task::spawn_blocking(|| gone.thread.join().unwrap()).await.unwrap();
            }
            1 => {
                let (goes_on, until) = mpsc::channel();
                one.orders.send(Order::Pause(until)).unwrap();
                let _ = lasts().await;
                drop(goes_on);
            }
            2 => {
                one.way.cut(true);
                let _ = lasts().await;
                one.way.cut(false);
            }
            _ => {}
        }
    }

    pub(crate) async fn stop(self) {
        for member in self.members {
            member.orders.send(Order::Stop).unwrap();
            tokio::task::spawn_blocking(|| member.thread.join().unwrap()).await.unwrap();
        }
        self.eye.close().await.unwrap();
    }
}
