//! The handle: what the server may ask of the engine.

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use baton_rules::{
    AppId, Cause, Lack, OwnerSeen, PageId, Surface, Thread, ThreadKey, Timestamp, standing, thread_owner,
};
use baton_store::{
    AdCounts, Batch, Chain, Change, Changing, ConfigureError, Configured, ControlPlace, DeliveryHealth,
    Found, JournalRow, Listed, Person, Position, Remembered, Round, Settings, Slice, Store, StoreError,
    Stream, Wanted, stream_of,
};
use baton_wire::{MessageId, webhook};
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use tokio::sync::{Semaphore, broadcast, mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::activity::{Activities, Activity, ActivityKind};
use crate::agreed::AgreedClock;
use crate::announce;
use crate::batch::{Prepared, decide_batch};
use crate::clock::{Clock, ClockRefused, ClockState};
use crate::committer::{self, Job};
use crate::delivery::{self, Delivery, Errand};
use crate::due::{self, Dues};
use crate::faults;
use crate::following::{self, Followed};
use crate::history::{self, HistoryEntry};
use crate::holding::Holding;
use crate::measures::Measures;
use crate::membership::{self, Member, Membership};
use crate::receipt::{Failure, Receipt, Request, Requested, Supposed, ThreadSeen};
use crate::retention::{self, Keep, Retention};
use crate::retry::Profile;
use crate::standstill::{self, Standstill};
use crate::trace::Trace;
use crate::transport::{SendError, Transport};
use crate::verification;

mod assets;
mod makers;
mod recent;
mod team;

use recent::Recent;

/// What the number of a run is drawn with, so that it has nothing to do with anything else that is drawn.
const RUN: u64 = 0x6261_746f_6e5f_7275;
/// How often a thread and the settings are read again until both are of one moment. A change of settings takes a
/// commit, and a row is said to be there right after its own.
const LOOKS: usize = 10_000;
/// How far back a button is looked for: rows of the conversation.
const BUTTONS: usize = 1_000;

/// What an engine is made of.
pub struct Parts {
    /// What remembers.
    pub store: Arc<dyn Store>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The way to apps.
    pub transport: Arc<dyn Transport>,
    /// How it delivers.
    pub policy: Policy,
    /// What its generator of jitter starts from; drawn once, at start-up.
    pub seed: u64,
    /// What it says of itself where several nodes use the store.
    pub member: Member,
}

/// How the engine delivers, and what it keeps waiting.
#[derive(Clone, Debug)]
pub struct Policy {
    /// How patient delivery is.
    pub profile: Profile,
    /// Webhooks to one app under way at once.
    pub in_flight: usize,
    /// Positions that delivery reads past what is served.
    pub read_ahead: u64,
    /// Actions that wait for a stream's next commit before more are refused.
    pub waiting: usize,
    /// Whether what is new for a conversation has what failed of it tried again at once (`dev`, whose clock may stand
    /// still).
    pub eager: bool,
    /// How long things are kept.
    pub keep: Keep,
    /// Whether webhooks say of which trace they are a part (`traceparent`).
    pub traces: bool,
}

/// A thread as it is shown.
#[derive(Clone, Debug, PartialEq)]
pub struct ThreadState {
    /// Whose.
    pub key: ThreadKey,
    /// Who controls it.
    pub seen: ThreadSeen,
    /// Everything else: folder, queue, windows; the lapse applied.
    pub thread: Thread,
    /// The thread as it is remembered: what it would be by other settings follows from this.
    pub kept: Thread,
    /// When the last message of either side was.
    pub last_message_at: Timestamp,
}

/// Which threads of a page are wanted.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Owned by.
    pub owner: Option<Owner>,
    /// `idle` or `active`.
    pub active: Option<bool>,
    /// In this folder.
    pub folder: Option<baton_rules::Folder>,
}

/// Whose threads are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// This app's.
    App(AppId),
    /// The inbox's, on whichever side of the page.
    Inbox,
}

/// What committers, delivery and the handle share.
pub(crate) struct Shared {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) clock: Arc<dyn Clock>,
    /// The same clock, where it is the store's; none: it is the node's own.
    pub(crate) agreed: Option<Arc<AgreedClock>>,
    pub(crate) transport: Arc<dyn Transport>,
    pub(crate) faults: Arc<faults::Table>,
    pub(crate) policy: Policy,
    pub(crate) key: [u8; 32],
    pub(crate) delivery: Delivery,
    pub(crate) holding: Holding,
    pub(crate) membership: Membership,
    /// What is known of streams that other nodes write too; none: nobody else does.
    pub(crate) followed: Option<Followed>,
    /// Room for as many batches as are worth committing at once.
    pub(crate) committing: Semaphore,
    pub(crate) dues: Dues,
    pub(crate) retention: Retention,
    pub(crate) standstill: Standstill,
    pub(crate) tasks: TaskTracker,
    pub(crate) stopping: CancellationToken,
    /// Changes with every commit, for whoever reads the journal as it grows.
    pub(crate) commits: watch::Sender<()>,
    activity: Activities,
    pub(crate) measures: Measures,
    /// Tells this run of the program from others: lines of activity are numbered anew in each.
    run: u64,
    random: Mutex<SmallRng>,
    heads: Vec<AtomicU64>,
    recent: Vec<Mutex<Recent>>,
}

impl Shared {
    /// A number to seed a generator with.
    pub(crate) fn draw(&self) -> u64 {
        self.random.lock().unwrap_or_else(PoisonError::into_inner).random()
    }

    /// The last committed position of a stream.
    pub(crate) fn head(&self, stream: Stream) -> Position {
        let head = self.heads.get(usize::from(stream.0));
        Position(head.map(|head| head.load(Ordering::Acquire)).unwrap_or_default())
    }

    /// Rows were committed here: delivery may have them.
    pub(crate) fn committed(self: &Arc<Self>, stream: Stream, batch: &Batch) {
        if !batch.due.is_empty() {
            self.dues.news.notify_one();
        }
        let (Some(first), Some(last)) = (batch.rows.first(), batch.rows.last()) else { return };
        self.wrote(stream, &batch.rows);
        if let Some(followed) = &self.followed {
            followed.wrote(stream, first.position, last.position);
        }
    }

    /// Rows are there, whichever node wrote them.
    pub(crate) fn wrote(self: &Arc<Self>, stream: Stream, rows: &[Arc<JournalRow>]) {
        let (Some(last), Some(recent)) = (rows.last(), self.recent.get(usize::from(stream.0))) else {
            return;
        };
        recent.lock().unwrap_or_else(PoisonError::into_inner).add(rows);
        self.heads[usize::from(stream.0)].fetch_max(last.position.0, Ordering::AcqRel);
        let apps: BTreeSet<AppId> =
            rows.iter().flat_map(|row| &row.notices).map(|notice| notice.app).collect();
        for app in apps {
            delivery::wake(self, app);
        }
        self.commits.send_replace(());
    }

    /// A stream goes further than was known.
    pub(crate) fn went_on(self: &Arc<Self>, stream: Stream, to: Position) {
        if let Some(head) = self.heads.get(usize::from(stream.0)) {
            head.fetch_max(to.0, Ordering::AcqRel);
        }
        if self.holding.has(stream) {
            // Whoever has just begun to deliver it may have looked before.
            self.store.settings().apps.iter().for_each(|app| delivery::wake(self, app.id));
        }
        self.commits.send_replace(());
    }

    /// What the node's own clock shows, where it goes by the store's.
    pub(crate) fn own_time(&self) -> Option<Timestamp> {
        self.agreed.as_ref().map(|agreed| agreed.own())
    }

    /// Changes the settings. The row of the change stands in every stream and is nobody's to hear; what it
    /// tells apps stands right after it.
    pub(crate) async fn configure(self: &Arc<Self>, change: Change) -> Result<Configured, ConfigureError> {
        let announce = Box::new(|change: &Changing<'_>| announce::roles(change));
        let mut known = match &self.followed {
            Some(followed) => Some(followed.settings().await),
            None => None,
        };
        let configured = self.store.configure(self.clock.now(), change, announce).await?;
        if let Some(known) = &mut known {
            // Another node may have been faster; what this one does it tells itself.
            following::changed_elsewhere(self, known, &configured.before);
            **known = Arc::clone(&configured.after);
        }
        let told = configured.told.iter().map(|(stream, row)| (*stream, row.position));
        let own = (0..).map(Stream).zip(configured.positions.iter().copied());
        for (stream, position) in own.chain(told) {
            if let Some(followed) = &self.followed {
                followed.wrote(stream, position, position);
            }
            if let Some(head) = self.heads.get(usize::from(stream.0)) {
                head.fetch_max(position.0, Ordering::AcqRel);
            }
        }
        self.dues.news.notify_one();
        self.commits.send_replace(());
        Ok(configured)
    }

    /// How apps do, as it is kept. For the time for which nobody was there no app failed: a store of several nodes, which
    /// knows whether anybody was, has left it out itself.
    async fn kept_health(&self) -> Result<Vec<(AppId, DeliveryHealth)>, StoreError> {
        let mut healths = Vec::new();
        for app in &self.store.settings().apps {
            let mut health = self.store.delivery_state(app.id).await?.health;
            if self.store.nodes().is_none() {
                health.back(self.clock.lived_ms());
            }
            healths.push((app.id, health));
        }
        Ok(healths)
    }

    /// Learns of rows that were written although the store said that they were not: the answer to a commit
    /// may be lost. Whoever may have to hear of them is woken.
    pub(crate) async fn catch_up(self: &Arc<Self>) -> Result<(), StoreError> {
        let mut moved = false;
        for (known, head) in self.heads.iter().zip(self.store.heads().await?) {
            moved |= known.fetch_max(head.0, Ordering::AcqRel) < head.0;
        }
        if moved {
            self.commits.send_replace(());
            self.dues.news.notify_one();
            for app in &self.store.settings().apps {
                delivery::wake(self, app.id);
            }
        }
        Ok(())
    }

    /// Rows for an app from memory; none where they are not all there.
    pub(crate) fn recent(&self, app: AppId, stream: Stream, after: Position, limit: usize) -> Option<Slice> {
        let recent = self.recent.get(usize::from(stream.0))?;
        recent.lock().unwrap_or_else(PoisonError::into_inner).slice(app, after, limit)
    }

    /// Rows of a stream are deleted: what is not there any more is not delivered from memory either.
    pub(crate) fn forgot(&self, stream: Stream, up_to: Position) {
        if let Some(recent) = self.recent.get(usize::from(stream.0)) {
            recent.lock().unwrap_or_else(PoisonError::into_inner).forget(up_to);
        }
        self.delivery.forgot(stream, up_to);
    }

    /// Whether anybody listens to what happens.
    pub(crate) fn has_listeners(&self) -> bool {
        self.activity.has_listeners()
    }

    /// Tells listeners what happened on another node, which counted it.
    pub(crate) fn heard(&self, kind: ActivityKind) {
        self.activity.heard(self.clock.now(), kind);
    }

    /// Tells listeners that something happened.
    pub(crate) fn tell(&self, kind: ActivityKind) {
        self.measures.count(&kind);
        self.activity.tell(self.clock.now(), kind);
    }
}

/// The engine's handle. Cheap to clone.
#[derive(Clone)]
pub struct Engine {
    shared: Arc<Shared>,
    committers: Arc<Mutex<Vec<mpsc::Sender<Job>>>>,
}

/// A change of settings that was made.
#[derive(Clone, Debug)]
pub struct Applied {
    /// The change.
    pub configured: Configured,
    /// The apps whose address did not verify, and why.
    pub unverified: Vec<(AppId, String)>,
}

impl Engine {
    /// Starts committers, and delivery of what is pending.
    pub async fn start(parts: Parts) -> Result<Self, StoreError> {
        let streams = parts.store.streams();
        let committing = Semaphore::new(parts.store.side_by_side());
        // All that can fail comes before the first task: one that was begun by a start that failed would go on beside
        // those of the next one.
        let heads = parts.store.heads().await?;
        let errands = parts.store.errands().await?;
        let waiting = parts.policy.waiting.max(1);
        let faults = Arc::<faults::Table>::default();
        let transport = if parts.clock.as_virtual().is_some() {
            let (clock, table) = (Arc::clone(&parts.clock), Arc::clone(&faults));
            Arc::new(faults::Faulty { inner: parts.transport, clock, table })
        } else {
            parts.transport
        };
        let (holding, followed) = match parts.store.nodes() {
            Some(_) => (Holding::nothing(), Some(Followed::from(&heads, parts.store.settings()))),
            None => (Holding::all(streams), None),
        };
        let is_agreed = parts.store.nodes().is_some() && parts.clock.as_virtual().is_none();
        let agreed = is_agreed.then(|| Arc::new(AgreedClock::by(Arc::clone(&parts.clock))));
        let clock = agreed.clone().map_or(parts.clock, |agreed| agreed as Arc<dyn Clock>);
        let shared = Arc::new(Shared {
            holding,
            followed,
            membership: Membership::new(parts.member),
            key: parts.store.key(),
            store: parts.store,
            clock,
            agreed,
            transport,
            faults,
            policy: parts.policy,
            delivery: Delivery::default(),
            committing,
            dues: Dues::default(),
            retention: Retention::default(),
            standstill: Standstill::default(),
            tasks: TaskTracker::new(),
            stopping: CancellationToken::new(),
            commits: watch::Sender::default(),
            activity: Activities::default(),
            measures: Measures::default(),
            run: SmallRng::seed_from_u64(parts.seed ^ RUN).random(),
            random: Mutex::new(SmallRng::seed_from_u64(parts.seed)),
            heads: heads.iter().map(|head| AtomicU64::new(head.0)).collect(),
            recent: heads.iter().map(|_| Mutex::default()).collect(),
        });
        // Nothing runs yet: where this node may not be there, it was not.
        membership::beat(&shared).await?;
        let healths = shared.kept_health().await?;
        let committers = (0..streams)
            .map(|stream| {
                let (jobs, taken) = mpsc::channel(waiting);
                shared.tasks.spawn(committer::run(Arc::clone(&shared), Stream(stream), taken));
                jobs
            })
            .collect();
        for (app, health) in healths {
            shared.delivery.health().insert(app, health);
            delivery::wake(&shared, app);
        }
        for (app, to) in errands {
            delivery::wake_for(&shared, Errand::again(app, &to));
        }
        let engine = Self { shared, committers: Arc::new(Mutex::new(committers)) };
        engine.shared.tasks.spawn(due::run(engine.clone()));
        engine.shared.tasks.spawn(retention::run(engine.clone()));
        engine.shared.tasks.spawn(standstill::run(Arc::clone(&engine.shared)));
        if engine.shared.followed.is_some() {
            engine.shared.tasks.spawn(membership::run(Arc::clone(&engine.shared)));
            engine.shared.tasks.spawn(following::run(Arc::clone(&engine.shared)));
        }
        Ok(engine)
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// The way to a stream's committer; none when the engine stops.
    pub(crate) fn committer(&self, stream: Stream) -> Option<mpsc::Sender<Job>> {
        let committers = self.committers.lock().unwrap_or_else(PoisonError::into_inner);
        committers.get(usize::from(stream.0)).cloned()
    }

    /// Decides, and answers when the decision is durable.
    pub async fn submit(&self, request: Request) -> Result<Receipt, Failure> {
        self.decided(request, None, None).await
    }

    /// The same, if the settings still have this version when it is decided, else
    /// [`Failure::SettingsChanged`]: who was let in by some settings is not heard under others.
    pub async fn submit_under(&self, version: u64, request: Request) -> Result<Receipt, Failure> {
        self.decided(request, Some(version), None).await
    }

    /// Refuses what a token that lacks something asks for, so that the thread's history has it: if the settings still
    /// have this version. Never done.
    pub async fn refuse_under(&self, version: u64, request: Request, lack: Lack) -> Failure {
        match self.decided(request, Some(version), Some(lack)).await {
            Err(failure) => failure,
            // Nothing that is lacking is done.
            Ok(_) => Failure::Stopping,
        }
    }

    async fn decided(
        &self,
        request: Request,
        under: Option<u64>,
        lack: Option<Lack>,
    ) -> Result<Receipt, Failure> {
        let times = self.shared.standstill.times();
        let (request, maker) = self.by_profile(request).await?;
        let creator = maker.or(self.creator(&request).await?);
        let stream = stream_of(&request.thread, self.shared.store.streams());
        let Some(jobs) = self.committer(stream) else { return Err(Failure::Stopping) };
        let (reply, answer) = oneshot::channel();
        let key = request.thread.clone();
        let prepared = Box::new(Prepared { request, creator, under, lack });
        jobs.try_send(Job::Ask { prepared, times, reply }).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => Failure::Busy,
            mpsc::error::TrySendError::Closed(_) => Failure::Stopping,
        })?;
        drop(jobs);
        let answer = answer.await.unwrap_or(Err(Failure::Stopping));
        if let Err(Failure::Refused { refused, thread, .. }) = &answer {
            let owner = thread.owner.and_then(AppId::new);
            self.shared.tell(ActivityKind::Refusal { thread: key, refused: *refused, owner });
        }
        answer
    }

    /// Decides without doing it: what [`submit`](Self::submit) would answer now, with nothing written and
    /// nobody told. A message that would be sent has no id yet.
    pub async fn dry_run(&self, request: Request) -> Result<Receipt, Failure> {
        self.would(request, None, Supposed::default()).await
    }

    /// The same, as if things were otherwise. The buttons that a person taps are those that were really sent.
    pub async fn dry_run_supposing(&self, request: Request, supposed: Supposed) -> Result<Receipt, Failure> {
        self.would(request, None, supposed).await
    }

    /// The same, if the settings have this version: what [`submit_under`](Self::submit_under) would answer.
    pub async fn dry_run_under(&self, version: u64, request: Request) -> Result<Receipt, Failure> {
        self.would(request, Some(version), Supposed::default()).await
    }

    async fn would(
        &self,
        request: Request,
        under: Option<u64>,
        supposed: Supposed,
    ) -> Result<Receipt, Failure> {
        let request = Request { key: None, ..request };
        let (request, maker) = self.by_profile(request).await?;
        let creator = maker.or(self.creator(&request).await?);
        let stream = stream_of(&request.thread, self.shared.store.streams());
        let (settings, remembered) = self.remembered(&request.thread).await?;
        let found = Found {
            now: supposed.at.unwrap_or_else(|| self.now()),
            settings: supposed.settings.unwrap_or(settings),
            head: self.shared.head(stream),
            threads: remembered.map(|known| (request.thread.clone(), known)).into_iter().collect(),
            seen: HashMap::new(),
            due: HashMap::new(),
            ends: HashMap::new(),
            assets: HashMap::new(),
        };
        let prepared = Prepared { request, creator, under, lack: None };
        let (_, _, outcomes) = decide_batch(&found, &[], &[prepared], stream, &self.shared.key);
        let answer = outcomes.into_iter().next().map_or(Err(Failure::Stopping), |outcome| outcome.answer);
        answer.map(|receipt| Receipt { message_id: None, ..receipt })
    }

    /// The app that made the button that a person tapped: the one that sent the message it stands in, or the
    /// receiving app of the ad whose template it stands in (AD-3).
    async fn creator(&self, request: &Request) -> Result<Option<AppId>, StoreError> {
        let Requested::Person(event) = &request.what else { return Ok(None) };
        let Some(button) = event.button() else { return Ok(None) };
        let store = &self.shared.store;
        if let Some(mid) = button.mid {
            let Some((stream, position)) = MessageId::place(&self.shared.key, mid) else { return Ok(None) };
            let row = store.row(Stream(stream), Position(position)).await?;
            let own = row.filter(|row| row.thread() == Some(&request.thread));
            return Ok(own.and_then(|row| row.by));
        }
        let settings = self.settings();
        let maker = |row: &Arc<JournalRow>| match row.cause {
            Cause::Ad => {
                let (id, key) = (webhook::ad_of(&row.whole)?, &request.thread);
                let ads = &settings.page(key.page)?.ads;
                let ad = ads.iter().find(|ad| ad.id == id && Surface::from(ad.on) == key.surface)?;
                ad.receiving_app.filter(|_| webhook::template_has_button(&ad.template, button.payload))
            }
            _ => row.by.filter(|_| webhook::has_button(&row.whole, button.payload)),
        };
        let mut before = None;
        let mut looked = 0;
        while looked < BUTTONS {
            let rows = store.conversation(&request.thread, before, 100).await?;
            if let Some(app) = rows.iter().find_map(maker) {
                return Ok(Some(app));
            }
            let Some(last) = rows.last() else { break };
            before = Some(last.position);
            looked += rows.len();
        }
        Ok(None)
    }

    /// The settings as they were last committed.
    pub fn settings(&self) -> Arc<Settings> {
        self.shared.store.settings()
    }

    /// Changes the settings, and delivers by the new ones. Addresses that are not verified are asked again, also
    /// when nothing changed: whoever says the same again wants to know whether it works now.
    pub async fn configure(&self, change: Change) -> Result<Applied, ConfigureError> {
        self.configure_telling(change, |_, _| Vec::new()).await
    }

    /// The same, and tells listeners which settings changed: `changed` names them, of those before and those after.
    pub async fn configure_telling(
        &self,
        change: Change,
        changed: impl Fn(&Settings, &Settings) -> Vec<Box<str>> + Send,
    ) -> Result<Applied, ConfigureError> {
        let configured = match self.shared.configure(change).await {
            Ok(configured) => configured,
            Err(error) => {
                // It may have been written all the same; if that cannot be seen now, the next commit shows it.
                let _ = self.shared.catch_up().await;
                return Err(error);
            }
        };
        if !configured.positions.is_empty() {
            self.forget_health(&configured).await;
            for app in configured.before.apps.iter().chain(&configured.after.apps) {
                delivery::wake(&self.shared, app.id);
            }
            let told = configured.told.iter().map(|(_, row)| Arc::clone(row)).collect();
            let changed = changed(&configured.before, &configured.after);
            self.shared.tell(ActivityKind::Settings { version: configured.after.version, changed, told });
        }
        Ok(Applied { configured, unverified: self.verify_addresses().await })
    }

    /// What was learnt of an app's address says nothing of another one.
    async fn forget_health(&self, configured: &Configured) {
        let address = |settings: &Settings, id: AppId| Some(settings.app(id)?.webhook_url.clone());
        let (before, after) = (&configured.before, &configured.after);
        let mut forgotten = Vec::new();
        self.shared.delivery.health().retain(|app, _| {
            let same = address(before, *app) == address(after, *app);
            forgotten.extend((!same).then(|| (*app, DeliveryHealth::default())));
            same
        });
        let round = Round { health: forgotten, ..Round::default() };
        if !round.health.is_empty()
            && let Err(error) = self.shared.store.settle(round).await
        {
            tracing::warn!(%error, "how apps did at their old addresses was not forgotten");
        }
    }

    /// Asks every address that is not verified to verify itself, all at once. Returns those that did not, and why.
    async fn verify_addresses(&self) -> Vec<(AppId, String)> {
        let settings = self.settings();
        let unverified = settings.apps.iter().filter(|app| app.webhook_url.is_some() && !app.verified);
        let asked = unverified.map(|app| async { Some((app.id, self.verify(app.id).await?)) });
        futures_util::future::join_all(asked).await.into_iter().flatten().collect()
    }

    /// Why no webhook may go to an address, as far as it says so itself: one that is written as numbers. Names are
    /// looked at whenever they are connected to.
    pub fn is_forbidden(&self, url: &str) -> Option<SendError> {
        self.shared.transport.is_forbidden(url)
    }

    /// Asks an address to verify itself before it is anybody's: `None`, or why it failed.
    pub async fn try_address(&self, url: &str, verify_token: &str) -> Option<String> {
        verification::handshake(&self.shared, url, verify_token, self.shared.draw()).await
    }

    /// Asks an app's address to verify itself now: `None`, or why it failed.
    pub async fn verify(&self, app: AppId) -> Option<String> {
        let failed = verification::verify(&self.shared, app, self.shared.draw()).await;
        if failed.is_none() {
            delivery::resume(&self.shared, app);
        }
        failed
    }

    /// The time.
    pub fn now(&self) -> Timestamp {
        self.shared.clock.now()
    }

    /// Waits until the clock shows a moment.
    pub async fn until(&self, at: Timestamp) {
        self.shared.clock.sleep_until(at).await;
    }

    /// The virtual clock; refused where the clock is the system's.
    pub fn clock(&self) -> Result<ClockState, ClockRefused> {
        self.shared.clock.as_virtual().map(crate::VirtualClock::state).ok_or(ClockRefused::NotVirtual)
    }

    /// Moves the virtual clock to a moment and keeps it there over a restart; answers with the clock and how
    /// much ran of what was due on the way. All of that runs at its own time, in due order. Control that lapses on
    /// the way is seen when a thread is next looked at; nothing runs for it.
    pub async fn set_clock(&self, to: Timestamp) -> Result<(ClockState, u64), ClockFailure> {
        self.move_clock(|_| to).await
    }

    /// The same, by a number of milliseconds.
    pub async fn advance_clock(&self, by_ms: i64) -> Result<(ClockState, u64), ClockFailure> {
        self.move_clock(|now| Timestamp(now.0.saturating_add(by_ms))).await
    }

    async fn move_clock(
        &self,
        to: impl FnOnce(Timestamp) -> Timestamp,
    ) -> Result<(ClockState, u64), ClockFailure> {
        let clock = self.shared.clock.as_virtual().ok_or(ClockRefused::NotVirtual)?;
        let _turn = self.shared.dues.turn.lock().await;
        let was = clock.now();
        let to = to(was);
        clock.may_be_set(to)?;
        let mut ran = 0;
        while let Some(at) = due::next(self).await?.filter(|at| *at <= to) {
            clock.set_at_least(at)?;
            self.shared.store.keep_clock(clock.kept()).await?;
            ran += due::run_due(self, at).await?;
        }
        clock.set_at_least(to)?;
        self.shared.store.keep_clock(clock.kept()).await?;
        self.shared.tell(ActivityKind::Clock { was });
        // Whoever moved it sees what is left; where that fails, the task tries again.
        if let Err(error) = retention::sweep(&self.shared).await {
            tracing::warn!(%error, "what is too old was not deleted");
        }
        Ok((clock.state(), ran))
    }

    /// Freezes the virtual clock, or lets it run.
    pub async fn freeze_clock(&self, frozen: bool) -> Result<ClockState, ClockFailure> {
        let clock = self.shared.clock.as_virtual().ok_or(ClockRefused::NotVirtual)?;
        let was = clock.now();
        if frozen {
            clock.freeze();
        } else {
            clock.run();
        }
        self.shared.store.keep_clock(clock.kept()).await?;
        self.shared.tell(ActivityKind::Clock { was });
        Ok(clock.state())
    }

    /// The trace of what was decided of a chain at a moment.
    pub fn trace(&self, chain: &Chain, at: Timestamp) -> Trace {
        Trace::of(&self.shared.key, chain, at)
    }

    /// A thread, if the person ever wrote.
    pub async fn thread(&self, key: &ThreadKey) -> Result<Option<ThreadState>, StoreError> {
        let (settings, remembered) = self.remembered(key).await?;
        Ok(remembered.and_then(|remembered| self.state(&settings, Listed { key: key.clone(), remembered })))
    }

    /// A thread, and the settings as they were when it stood so: what a change of settings did to it is seen
    /// with the change or not at all.
    async fn remembered(&self, key: &ThreadKey) -> Result<(Arc<Settings>, Option<Remembered>), StoreError> {
        let store = &self.shared.store;
        let stream = usize::from(stream_of(key, store.streams()).0);
        for _ in 0..LOOKS {
            let before = store.settings();
            let remembered = store.thread(key).await?;
            // A row may be seen before the store says that it is there, and the settings that it goes by too.
            let heads = store.heads().await?;
            let said = remembered
                .as_ref()
                .is_none_or(|known| heads.get(stream).is_some_and(|head| known.last <= *head));
            if said && store.settings().version == before.version {
                return Ok((before, remembered));
            }
            tokio::task::yield_now().await;
        }
        let text = format!("{LOOKS} times the thread of {} and the settings were of two moments", key.person);
        Err(StoreError::Unavailable(text))
    }

    fn state(&self, settings: &Settings, listed: Listed) -> Option<ThreadState> {
        let routing = settings.routing(listed.key.page, listed.key.surface)?;
        let stands = standing(routing, &listed.remembered.thread, self.now());
        Some(ThreadState {
            key: listed.key,
            seen: ThreadSeen::of(stands.owner, stands.expires_at),
            thread: stands.thread,
            kept: listed.remembered.thread,
            last_message_at: listed.remembered.last_message_at,
        })
    }

    /// What was counted for the ads of a page's surface (AD-6), by their ids.
    pub async fn ad_counts(
        &self,
        page: PageId,
        surface: Surface,
    ) -> Result<HashMap<Box<str>, AdCounts>, StoreError> {
        self.shared.store.ad_counts(page, surface).await
    }

    /// What is known of a person; none where the person never wrote.
    pub async fn person(&self, key: &ThreadKey) -> Result<Option<Person>, StoreError> {
        let known = self.shared.store.person(key).await?;
        let is_there = known != Person::default() || self.shared.store.thread(key).await?.is_some();
        Ok(is_there.then_some(known))
    }

    /// What is known of people, in their order; nothing where nobody ever said.
    pub async fn people(&self, keys: Vec<ThreadKey>) -> Result<Vec<Person>, StoreError> {
        self.shared.store.people(keys).await
    }

    /// Keeps what is known of a person, whether or not they have written.
    pub async fn keep_person(&self, key: &ThreadKey, person: Person) -> Result<(), StoreError> {
        self.shared.store.keep_person(key, person).await
    }

    /// A page's threads, the newest message first, after the last one of the page before.
    pub async fn threads(
        &self,
        page: PageId,
        surface: Surface,
        filter: &Filter,
        after: Option<(Timestamp, ThreadKey)>,
        limit: usize,
    ) -> Result<Vec<ThreadState>, StoreError> {
        let mut found = Vec::new();
        let mut after = after;
        while found.len() < limit {
            let listed = self.shared.store.threads(page, surface, after, limit.max(50)).await?;
            let Some(last) = listed.last() else { break };
            after = Some((last.remembered.last_message_at, last.key.clone()));
            let settings = self.settings();
            let states = listed.into_iter().filter_map(|listed| self.state(&settings, listed));
            found.extend(states.filter(|state| filter.fits(state)));
        }
        found.truncate(limit);
        Ok(found)
    }

    /// What an app that was let in by the settings of this version sees of a thread's owner; none where the
    /// person never wrote. [`Failure::SettingsChanged`] where the settings are others.
    pub async fn owner(
        &self,
        under: u64,
        key: &ThreadKey,
        caller: AppId,
    ) -> Result<Option<OwnerSeen>, Failure> {
        let (settings, remembered) = self.remembered(key).await?;
        if settings.version != under {
            return Err(Failure::SettingsChanged);
        }
        let routing = settings.routing(key.page, key.surface);
        Ok(remembered
            .zip(routing)
            .map(|(remembered, routing)| thread_owner(routing, &remembered.thread, caller, self.now())))
    }

    /// A part of a thread's history, newest first: not after `until`, and after where the part before it ended.
    pub async fn history(
        &self,
        key: &ThreadKey,
        until: Option<Timestamp>,
        after: Option<ControlPlace>,
        limit: usize,
    ) -> Result<Vec<HistoryEntry>, StoreError> {
        history::read(&self.shared, key, until, after, limit).await
    }

    /// A conversation's rows, newest first, before a position.
    pub async fn conversation(
        &self,
        key: &ThreadKey,
        before: Option<Position>,
        limit: usize,
    ) -> Result<Vec<Arc<JournalRow>>, StoreError> {
        self.shared.store.conversation(key, before, limit).await
    }

    /// What happens from now on; a slow listener misses lines.
    pub fn activity(&self) -> broadcast::Receiver<Arc<Activity>> {
        self.shared.activity.listen()
    }

    /// What happens on this node from now on; nothing of what others do.
    pub fn own_activity(&self) -> broadcast::Receiver<Arc<Activity>> {
        self.shared.activity.listen_to_own()
    }

    /// What happened last, oldest first, and what happens from then on: nothing is missing in between.
    pub fn activity_so_far(&self) -> (Vec<Arc<Activity>>, broadcast::Receiver<Arc<Activity>>) {
        self.shared.activity.listen_from()
    }

    /// Which run of the program the numbers of activity belong to.
    pub fn run(&self) -> u64 {
        self.shared.run
    }

    /// Whether the store takes commits: for `/readyz`. It writes nothing, so that asking costs nothing.
    pub async fn ready(&self) -> Result<(), StoreError> {
        let nothing = Box::new(|_: &baton_store::Found| baton_store::Batch::default());
        self.shared.store.commit(Stream(0), Wanted::default(), nothing).await.map(|_| ())
    }

    /// Takes nothing new, ends what is under way within `grace`, and closes the store. What is not
    /// delivered stays in the journal.
    pub async fn stop(&self, grace: Duration) {
        // Without a sender, committers end when what they took is answered.
        self.committers.lock().unwrap_or_else(PoisonError::into_inner).clear();
        self.shared.stopping.cancel();
        self.shared.tasks.close();
        if tokio::time::timeout(grace, self.shared.tasks.wait()).await.is_err() {
            tracing::warn!("some webhooks did not end in time; they are sent again after the next start");
        }
        if let Err(error) = self.shared.store.close().await {
            tracing::warn!(%error, "the store did not close");
        }
    }
}

impl Filter {
    fn fits(&self, state: &ThreadState) -> bool {
        let owner = state.seen.owner.and_then(AppId::new);
        let wanted = self.owner.map(|wanted| match wanted {
            Owner::App(app) => app,
            Owner::Inbox => state.key.surface.inbox(),
        });
        wanted.is_none_or(|wanted| owner == Some(wanted))
            && self.active.is_none_or(|wanted| owner.is_some() == wanted)
            && self.folder.is_none_or(|wanted| state.thread.folder == wanted)
    }
}

/// Why the clock was not moved.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ClockFailure {
    /// It was refused.
    #[error(transparent)]
    Refused(#[from] ClockRefused),
    /// The store could not keep it.
    #[error(transparent)]
    Store(#[from] StoreError),
}
