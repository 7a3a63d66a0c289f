//! The handle: what the server may ask of the engine.

use std::collections::{BTreeSet, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use baton_rules::{AppId, OwnerSeen, PageId, Surface, Thread, ThreadKey, Timestamp, standing, thread_owner};
use baton_store::{
    Change, ConfigureError, Configured, Cursor, JournalRow, Listed, Position, Round, Settings, Slice, Store,
    StoreError, Stream, Wanted, stream_of,
};
use baton_wire::{MessageId, webhook};
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use tokio::sync::{broadcast, mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::activity::{Activity, ActivityKind};
use crate::batch::Prepared;
use crate::clock::{Clock, ClockRefused, ClockState};
use crate::committer::{self, Job};
use crate::delivery::{self, Delivery};
use crate::history::{self, HistoryEntry};
use crate::receipt::{Failure, Receipt, Request, Requested, ThreadSeen};
use crate::retry::Profile;
use crate::transport::Transport;

/// Rows of each stream that are kept in memory near its head: delivery that keeps up never reads the store.
const RECENT: usize = 4_096;
/// Lines of activity that a listener may be behind before it misses some.
const ACTIVITY: usize = 1_024;
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
    /// Whether an app that is not verified is asked again when something is to be delivered (`dev`).
    pub verify_again: bool,
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
    /// When the last message of either side was.
    pub last_message_at: Timestamp,
}

/// Which threads of a page are wanted.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Owned by this app.
    pub owner: Option<AppId>,
    /// `idle` or `active`.
    pub active: Option<bool>,
    /// In this folder.
    pub folder: Option<baton_rules::Folder>,
}

/// What committers, delivery and the handle share.
pub(crate) struct Shared {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) transport: Arc<dyn Transport>,
    pub(crate) policy: Policy,
    pub(crate) key: [u8; 32],
    pub(crate) delivery: Delivery,
    pub(crate) tasks: TaskTracker,
    pub(crate) stopping: CancellationToken,
    pub(crate) activity: broadcast::Sender<Arc<Activity>>,
    random: Mutex<SmallRng>,
    heads: Vec<AtomicU64>,
    recent: Vec<Mutex<VecDeque<Arc<JournalRow>>>>,
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

    /// Rows were committed: delivery may have them.
    pub(crate) fn committed(self: &Arc<Self>, stream: Stream, rows: &[Arc<JournalRow>]) {
        let (Some(last), Some(recent)) = (rows.last(), self.recent.get(usize::from(stream.0))) else {
            return;
        };
        {
            let mut recent = recent.lock().unwrap_or_else(PoisonError::into_inner);
            // A change of settings wrote a row of its own in between: memory must have no gap, so it starts anew.
            let follows = recent.back().is_none_or(|last| last.position.next() == rows[0].position);
            if !follows {
                recent.clear();
            }
            recent.extend(rows.iter().cloned());
            let over = recent.len().saturating_sub(RECENT);
            recent.drain(..over);
        }
        self.heads[usize::from(stream.0)].fetch_max(last.position.0, Ordering::AcqRel);
        let apps: BTreeSet<AppId> =
            rows.iter().flat_map(|row| &row.notices).map(|notice| notice.app).collect();
        for app in apps {
            delivery::wake(self, app);
        }
    }

    /// The settings changed: the row of the change stands in every stream, and is nobody's to hear.
    pub(crate) fn configured(&self, configured: &Configured) {
        for (head, position) in self.heads.iter().zip(&configured.positions) {
            head.fetch_max(position.0, Ordering::AcqRel);
        }
    }

    /// Learns of rows that were written although the store said that they were not: the answer to a commit
    /// may be lost. Whoever may have to hear of them is woken.
    pub(crate) async fn catch_up(self: &Arc<Self>) -> Result<(), StoreError> {
        let mut moved = false;
        for (known, head) in self.heads.iter().zip(self.store.heads().await?) {
            moved |= known.fetch_max(head.0, Ordering::AcqRel) < head.0;
        }
        if moved {
            for app in &self.store.settings().apps {
                delivery::wake(self, app.id);
            }
        }
        Ok(())
    }

    /// Rows for an app from memory; none where they are not all there.
    pub(crate) fn recent(&self, app: AppId, stream: Stream, after: Position, limit: usize) -> Option<Slice> {
        let recent = self.recent.get(usize::from(stream.0))?;
        let recent = recent.lock().unwrap_or_else(PoisonError::into_inner);
        let first = recent.front().filter(|row| row.position <= after.next())?.position;
        let skip = usize::try_from(after.next().0 - first.0).ok()?;
        let looked = recent.iter().skip(skip).take(limit);
        let scanned = looked.clone().next_back()?.position;
        let rows = looked.filter(|row| row.notices.iter().any(|notice| notice.app == app)).cloned().collect();
        Some(Slice { rows, scanned })
    }

    /// Tells listeners that something happened.
    pub(crate) fn tell(&self, kind: ActivityKind) {
        // Nobody listening is no error.
        let _ = self.activity.send(Arc::new(Activity { at: self.clock.now(), kind }));
    }
}

/// The engine's handle. Cheap to clone.
#[derive(Clone)]
pub struct Engine {
    shared: Arc<Shared>,
    committers: Arc<Mutex<Vec<mpsc::Sender<Job>>>>,
}

impl Engine {
    /// Starts committers, and delivery of what is pending.
    pub async fn start(parts: Parts) -> Result<Self, StoreError> {
        let streams = parts.store.streams();
        let heads = parts.store.heads().await?;
        let (activity, _) = broadcast::channel(ACTIVITY);
        let waiting = parts.policy.waiting.max(1);
        let shared = Arc::new(Shared {
            key: parts.store.key(),
            store: parts.store,
            clock: parts.clock,
            transport: parts.transport,
            policy: parts.policy,
            delivery: Delivery::default(),
            tasks: TaskTracker::new(),
            stopping: CancellationToken::new(),
            activity,
            random: Mutex::new(SmallRng::seed_from_u64(parts.seed)),
            heads: heads.iter().map(|head| AtomicU64::new(head.0)).collect(),
            recent: heads.iter().map(|_| Mutex::default()).collect(),
        });
        let committers = (0..streams)
            .map(|stream| {
                let (jobs, taken) = mpsc::channel(waiting);
                shared.tasks.spawn(committer::run(Arc::clone(&shared), Stream(stream), taken));
                jobs
            })
            .collect();
        for app in &shared.store.settings().apps {
            delivery::wake(&shared, app.id);
        }
        Ok(Self { shared, committers: Arc::new(Mutex::new(committers)) })
    }

    /// Decides, and answers when the decision is durable.
    pub async fn submit(&self, request: Request) -> Result<Receipt, Failure> {
        let creator = self.creator(&request).await?;
        let stream = stream_of(&request.thread, self.shared.store.streams());
        let jobs = {
            let committers = self.committers.lock().unwrap_or_else(PoisonError::into_inner);
            committers.get(usize::from(stream.0)).cloned()
        };
        let Some(jobs) = jobs else { return Err(Failure::Stopping) };
        let (reply, answer) = oneshot::channel();
        let told = (self.shared.activity.receiver_count() > 0).then(|| request.thread.clone());
        jobs.try_send(Job { prepared: Prepared { request, creator }, reply }).map_err(
            |error| match error {
                mpsc::error::TrySendError::Full(_) => Failure::Busy,
                mpsc::error::TrySendError::Closed(_) => Failure::Stopping,
            },
        )?;
        drop(jobs);
        let answer = answer.await.unwrap_or(Err(Failure::Stopping));
        if let (Err(Failure::Refused { refused, thread, .. }), Some(key)) = (&answer, told) {
            let owner = thread.owner.and_then(AppId::new);
            self.shared.tell(ActivityKind::Refusal { thread: key, refused: *refused, owner });
        }
        answer
    }

    /// The app that made the button that a person tapped: the one that sent the message it stands in.
    async fn creator(&self, request: &Request) -> Result<Option<AppId>, StoreError> {
        let Requested::Person(event) = &request.what else { return Ok(None) };
        let Some(button) = event.button() else { return Ok(None) };
        let store = &self.shared.store;
        if let Some(mid) = button.mid {
            let Some((stream, position)) = MessageId::place(&self.shared.key, mid) else { return Ok(None) };
            let row = store.row(Stream(stream), Position(position)).await?;
            let own = row.filter(|row| row.thread.as_ref() == Some(&request.thread));
            return Ok(own.and_then(|row| row.by));
        }
        let mut before = None;
        let mut looked = 0;
        while looked < BUTTONS {
            let rows = store.conversation(&request.thread, before, 100).await?;
            let made =
                |row: &&Arc<JournalRow>| row.by.is_some() && webhook::has_button(&row.whole, button.payload);
            if let Some(row) = rows.iter().find(made) {
                return Ok(row.by);
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

    /// Changes the settings; verifies addresses that are new, and delivers by the new settings.
    pub async fn configure(&self, change: Change) -> Result<Configured, ConfigureError> {
        let configured = match self.shared.store.configure(self.shared.clock.now(), change).await {
            Ok(configured) => configured,
            Err(error) => {
                // It may have been written all the same; if that cannot be seen now, the next commit shows it.
                let _ = self.shared.catch_up().await;
                return Err(error);
            }
        };
        if configured.positions.is_empty() {
            return Ok(configured);
        }
        self.shared.configured(&configured);
        self.start_addresses(&configured).await?;
        for app in &configured.after.apps {
            let before = configured.before.app(app.id);
            let new_address = app.webhook_url.is_some()
                && before.is_none_or(|before| {
                    before.webhook_url != app.webhook_url || before.verify_token != app.verify_token
                });
            if new_address && !app.verified {
                self.verify(app.id).await;
            }
            delivery::wake(&self.shared, app.id);
        }
        self.shared.tell(ActivityKind::Settings { version: configured.after.version });
        Ok(configured)
    }

    /// An app that had no address got nothing until now: it is served from the change on.
    async fn start_addresses(&self, configured: &Configured) -> Result<(), StoreError> {
        let mut cursors = Vec::new();
        for app in &configured.after.apps {
            let had = configured.before.app(app.id).map(|before| before.webhook_url.is_some());
            if app.webhook_url.is_some() && had == Some(false) {
                for (stream, served) in configured.positions.iter().enumerate() {
                    let stream = Stream(u16::try_from(stream).unwrap_or_default());
                    cursors.push(Cursor { app: app.id, stream, served: *served });
                }
            }
        }
        if cursors.is_empty() {
            Ok(())
        } else {
            self.shared.store.settle(Round { cursors, ..Round::default() }).await
        }
    }

    /// Asks an app's address to verify itself now: `None`, or why it failed.
    pub async fn verify(&self, app: AppId) -> Option<String> {
        let failed = delivery::verify(&self.shared, app, self.shared.draw()).await;
        delivery::wake(&self.shared, app);
        failed
    }

    /// The time.
    pub fn now(&self) -> Timestamp {
        self.shared.clock.now()
    }

    /// The virtual clock; refused where the clock is the system's.
    pub fn clock(&self) -> Result<ClockState, ClockRefused> {
        self.shared.clock.as_virtual().map(crate::VirtualClock::state).ok_or(ClockRefused::NotVirtual)
    }

    /// Moves the virtual clock to a moment and keeps it there over a restart; answers with the clock and how
    /// many due rows ran. Control that lapses on the way is seen when a thread is next looked at; nothing runs
    /// for it, and nothing else is due by itself before surveys are sent.
    pub async fn set_clock(&self, to: Timestamp) -> Result<(ClockState, u64), ClockFailure> {
        let clock = self.shared.clock.as_virtual().ok_or(ClockRefused::NotVirtual)?;
        let was = clock.now();
        clock.set(to)?;
        self.shared.store.keep_clock(clock.kept()).await?;
        self.shared.tell(ActivityKind::Clock { was });
        Ok((clock.state(), 0))
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

    /// A thread, if the person ever wrote.
    pub async fn thread(&self, key: &ThreadKey) -> Result<Option<ThreadState>, StoreError> {
        let remembered = self.shared.store.thread(key).await?;
        Ok(remembered.and_then(|remembered| self.state(Listed { key: key.clone(), remembered })))
    }

    fn state(&self, listed: Listed) -> Option<ThreadState> {
        let settings = self.settings();
        let routing = settings.routing(listed.key.page, listed.key.surface)?;
        let stands = standing(routing, &listed.remembered.thread, self.now());
        Some(ThreadState {
            key: listed.key,
            seen: ThreadSeen::of(stands.owner, stands.expires_at),
            thread: stands.thread,
            last_message_at: listed.remembered.last_message_at,
        })
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
            found.extend(
                listed.into_iter().filter_map(|listed| self.state(listed)).filter(|state| filter.fits(state)),
            );
        }
        found.truncate(limit);
        Ok(found)
    }

    /// What an app sees of a thread's owner; none where the person never wrote.
    pub async fn owner(&self, key: &ThreadKey, caller: AppId) -> Result<Option<OwnerSeen>, StoreError> {
        let remembered = self.shared.store.thread(key).await?;
        let settings = self.settings();
        let routing = settings.routing(key.page, key.surface);
        Ok(remembered
            .zip(routing)
            .map(|(remembered, routing)| thread_owner(routing, &remembered.thread, caller, self.now())))
    }

    /// A thread's history, newest first: not after `until`, from the entry number `skip` on.
    pub async fn history(
        &self,
        key: &ThreadKey,
        until: Option<Timestamp>,
        skip: usize,
        limit: usize,
    ) -> Result<Vec<HistoryEntry>, StoreError> {
        history::read(&self.shared, key, until, skip, limit).await
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
        self.shared.activity.subscribe()
    }

    /// Whether it can commit: for `/readyz`.
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
        self.owner.is_none_or(|wanted| owner == Some(wanted))
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
