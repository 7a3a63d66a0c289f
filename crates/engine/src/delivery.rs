//! The loops that deliver: rows after a cursor, signed, posted, settled. One task for each app with something
//! pending, and one for each address that something is sent to again; an app with nothing pending has none. What to
//! do next is decided in `lanes`, which is pure.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use baton_rules::{AppId, Channel, Timestamp};
use baton_store::{
    App, Attempt, Chain, Cursor, DeliveryHealth, Disabled, JournalRow, LastFailure, Nodes, Place, Position,
    Round, Slice, StoreError, Stream,
};
use bytes::Bytes;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use tokio::sync::{Notify, mpsc};

use crate::activity::{ActivityKind, Carried, Standing};
use crate::books::Books;
use crate::clock::Stopwatch;
use crate::engine::Shared;
use crate::lanes::{Answered, Bounds, Item, Lanes, Source, Step};
use crate::retry::Profile;
use crate::trace::Trace;
use crate::verification::verify;
use crate::walk::{PIECE, Pieces};
use crate::webhook::Webhook;

/// How long an app's task stays when nothing is pending, so that a trickle does not start it anew each time.
const LINGER_MS: i64 = 2_000;
/// What the events that an app waits for may weigh in memory.
const HELD_BYTES: u64 = 16 * 1024 * 1024;
/// How long to wait when the store cannot do what is asked of it.
const STORE_MS: i64 = 1_000;
/// Failures of an event that are each kept; of those after them, every so many.
const KEPT_FAILURES: u32 = 20;
/// How much of an answer's body is kept of a failure, and of a webhook that arrived.
const FAILED_BODY: usize = 512;
const SERVED_BODY: usize = 64;

/// Which deliveries have a task, and how apps do.
#[derive(Default)]
pub(crate) struct Delivery {
    tasks: Mutex<HashMap<Errand, Task>>,
    health: Mutex<HashMap<AppId, DeliveryHealth>>,
}

/// What a task is there for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Errand {
    pub(crate) app: AppId,
    pub(crate) source: Source,
}

impl Errand {
    /// What is new for an app.
    pub(crate) const fn news(app: AppId) -> Self {
        Self { app, source: Source::Journal }
    }

    /// What is sent again, to this address; empty: the app's own.
    pub(crate) fn again(app: AppId, to: &str) -> Self {
        Self { app, source: Source::Resends(to.into()) }
    }

    /// Whether it goes to the app itself.
    fn is_apps_own(&self) -> bool {
        match &self.source {
            Source::Journal => true,
            Source::Resends(to) => to.is_empty(),
        }
    }
}

struct Task {
    wake: Arc<Notify>,
    books: Arc<Mutex<Books>>,
    /// News came since the task last looked: it may not end.
    news: bool,
}

impl Delivery {
    fn tasks(&self) -> MutexGuard<'_, HashMap<Errand, Task>> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How apps do, as far as anything was ever heard of them.
    pub(crate) fn health(&self) -> MutexGuard<'_, HashMap<AppId, DeliveryHealth>> {
        self.health.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the task of an errand knows, if it has one.
    pub(crate) fn books(&self, errand: &Errand) -> Option<Arc<Mutex<Books>>> {
        self.tasks().get(errand).map(|task| Arc::clone(&task.books))
    }

    /// Has the lanes of an errand do something, if they are there.
    pub(crate) fn with_lanes(&self, errand: &Errand, run: impl FnOnce(&mut Lanes)) {
        if let Some(books) = self.books(errand)
            && let Some(lanes) = &mut books.lock().unwrap_or_else(PoisonError::into_inner).lanes
        {
            run(lanes);
        }
    }

    /// The streams that some task has lanes in.
    pub(crate) fn streams(&self) -> BTreeSet<Stream> {
        let mut streams = BTreeSet::new();
        self.each_lanes(|lanes| streams.extend(lanes.streams()));
        streams
    }

    /// Events that were read and wait, and when the oldest of them was committed.
    pub(crate) fn waiting(&self) -> (u64, Option<Timestamp>) {
        let (mut events, mut oldest) = (0, None);
        self.each_lanes(|lanes| {
            let (waiting, since) = lanes.waiting();
            events += waiting;
            oldest = [oldest, since].into_iter().flatten().min();
        });
        (events, oldest)
    }

    /// Rows of a stream are deleted: no task sends what it has read of them.
    pub(crate) fn forgot(&self, stream: Stream, up_to: Position) {
        self.each_lanes(|lanes| lanes.forget(stream, up_to));
    }

    fn each_lanes(&self, mut look: impl FnMut(&mut Lanes)) {
        let books: Vec<_> = self.tasks().values().map(|task| Arc::clone(&task.books)).collect();
        for books in books {
            if let Some(lanes) = &mut books.lock().unwrap_or_else(PoisonError::into_inner).lanes {
                look(lanes);
            }
        }
    }

    /// Whether news came since the task of an errand last looked.
    fn has_news(&self, errand: &Errand) -> bool {
        self.tasks().get(errand).is_some_and(|task| task.news)
    }
}

/// Wakes the task of what is new for an app, or starts it.
pub(crate) fn wake(shared: &Arc<Shared>, app: AppId) {
    wake_for(shared, Errand::news(app));
}

/// Has everything of an app tried at once, as if nothing had failed so far.
pub(crate) fn resume(shared: &Arc<Shared>, app: AppId) {
    for errand in [Errand::news(app), Errand::again(app, "")] {
        shared.delivery.with_lanes(&errand, Lanes::resume);
        wake_for(shared, errand);
    }
}

/// Wakes the task of an errand, or starts it.
pub(crate) fn wake_for(shared: &Arc<Shared>, errand: Errand) {
    if shared.stopping.is_cancelled() {
        return;
    }
    let mut tasks = shared.delivery.tasks();
    if let Some(task) = tasks.get_mut(&errand) {
        task.news = true;
        task.wake.notify_one();
        return;
    }
    let (wake, books) = (Arc::new(Notify::new()), Arc::default());
    let task = Task { wake: Arc::clone(&wake), books: Arc::clone(&books), news: false };
    tasks.insert(errand.clone(), task);
    drop(tasks);
    let seed = shared.draw();
    let worker = Worker::new(Arc::clone(shared), errand, (wake, books), seed);
    shared.tasks.spawn(worker.run());
}

struct Worker {
    shared: Arc<Shared>,
    errand: Errand,
    wake: Arc<Notify>,
    books: Arc<Mutex<Books>>,
    random: SmallRng,
    reports: mpsc::UnboundedSender<Report>,
    reported: mpsc::UnboundedReceiver<Report>,
    /// Where the streams of what is sent again end, as far as that was seen.
    ends: HashMap<Stream, Position>,
    /// The app as it was reached before.
    reached: Option<Arc<App>>,
}

/// What comes back to the loop.
enum Report {
    Answer(Box<Reported>),
    Settled(Result<(), StoreError>),
}

/// A webhook's answer.
struct Reported {
    items: Vec<Item>,
    answer: Answered,
    reason: String,
    status: Option<u16>,
    took_ms: u64,
    sent: Bytes,
    said: Bytes,
}

impl Worker {
    fn new(
        shared: Arc<Shared>,
        errand: Errand,
        (wake, books): (Arc<Notify>, Arc<Mutex<Books>>),
        seed: u64,
    ) -> Self {
        let (reports, reported) = mpsc::unbounded_channel();
        let random = SmallRng::seed_from_u64(seed);
        Self { shared, errand, wake, books, random, reports, reported, ends: HashMap::new(), reached: None }
    }

    async fn run(mut self) {
        loop {
            if let Some(task) = self.shared.delivery.tasks().get_mut(&self.errand) {
                // What came until now is seen by what follows.
                task.news = false;
            }
            match self.deliver().await {
                Ok(()) => {
                    let mut tasks = self.shared.delivery.tasks();
                    match tasks.get_mut(&self.errand) {
                        Some(task) if task.news && !self.shared.stopping.is_cancelled() => {}
                        Some(_) | None => {
                            tasks.remove(&self.errand);
                            return;
                        }
                    }
                }
                Err(error) => {
                    tracing::warn!(app = %self.errand.app, %error, "delivery waits for the store");
                    if !self.wait(self.later()).await {
                        self.shared.delivery.tasks().remove(&self.errand);
                        return;
                    }
                }
            }
        }
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the lanes say; the default where there are none.
    fn lanes<T: Default>(&self, ask: impl FnOnce(&mut Lanes) -> T) -> T {
        self.books().lanes.as_mut().map(ask).unwrap_or_default()
    }

    /// Delivers until nothing is pending, or the engine stops. Fails only before anything is under way.
    async fn deliver(&mut self) -> Result<(), StoreError> {
        let Some((app, begun)) = self.deliverable() else { return Ok(()) };
        let Some((term, streams)) = self.shared.holding.now() else { return Ok(()) };
        let mut lanes = self.load(&app, &streams).await?;
        // What failed by the old way is no reason to wait with the new one.
        if self.reached.replace(Arc::clone(&app)).is_some_and(|before| !is_reached_alike(&app, &before)) {
            lanes.resume();
        }
        self.books().lanes = Some(lanes);
        while self.step((&app, begun, term)).await {}
        self.flush().await;
        self.books().lanes = None;
        Ok(())
    }

    /// Takes up where the last task stopped, in the streams that this node delivers.
    async fn load(&mut self, app: &App, streams: &BTreeSet<Stream>) -> Result<Lanes, StoreError> {
        let (id, source) = (self.errand.app, self.errand.source.clone());
        let bounds = Bounds {
            in_flight: self.shared.policy.in_flight.max(1),
            read_ahead: self.shared.policy.read_ahead.max(1),
            bytes: HELD_BYTES,
            max_batch: usize::from(app.max_batch.max(1)),
            profile: self.shared.policy.profile,
            eager: self.shared.policy.eager,
        };
        let store = &self.shared.store;
        if source == Source::Journal {
            let (mut cursors, mut parked) = (store.cursors(id).await?, store.parked(id).await?);
            cursors.retain(|cursor| streams.contains(&cursor.stream));
            parked.retain(|parked| streams.contains(&parked.stream));
            return Ok(Lanes::new(id, source, bounds, &cursors, parked));
        }
        self.ends.clear();
        let begin = |stream: &Stream| Cursor { app: id, stream: *stream, served: Position(0) };
        let cursors: Vec<Cursor> = streams.iter().map(begin).collect();
        Ok(Lanes::new(id, source, bounds, &cursors, Vec::new()))
    }

    /// Where a stream ends, as far as is known.
    fn head(&self) -> impl Fn(Stream) -> Position {
        move |stream| match &self.errand.source {
            Source::Journal => self.shared.head(stream),
            Source::Resends(_) => self.ends.get(&stream).copied().unwrap_or(Position(u64::MAX)),
        }
    }

    /// One step. False: nothing is under way, and nothing is to be done now. Once the app is reached otherwise
    /// than when delivery `began`, nothing new is begun: what was learnt of the old address says nothing of
    /// the new one, and an app that was deleted and made again has nothing of the old one's. The same where more is
    /// to be sent again: it may stand before what was read; and where the streams that this node delivers are others.
    async fn step(&mut self, began: (&App, u64, u64)) -> bool {
        while let Ok(report) = self.reported.try_recv() {
            self.take(report);
        }
        self.settle();
        let more = self.errand.source != Source::Journal && self.shared.delivery.has_news(&self.errand);
        let app = self.deliverable().filter(|_| !more && !self.shared.stopping.is_cancelled());
        let app = app.filter(|(app, begun)| is_reached_alike(app, began.0) && *begun == began.1);
        let app = app.filter(|_| self.shared.holding.is_term(began.2));
        let Some((app, _)) = app else {
            if self.lanes(|lanes| lanes.under_way()) == 0 {
                return false;
            }
            self.next_report().await;
            return true;
        };
        let now = self.shared.clock.now();
        let step = match self.books().lanes.as_mut() {
            Some(lanes) => {
                lanes.set_max_batch(usize::from(app.max_batch));
                lanes.next(now, self.head())
            }
            None => return false,
        };
        match step {
            Step::Post(items) => {
                if self.verified(&app).await {
                    self.post(&app, items);
                } else {
                    let (now, jitter) = (self.shared.clock.now(), self.random.random());
                    self.lanes(|lanes| lanes.unverified(&items, now, jitter));
                }
            }
            Step::Read { stream, after, limit } => match self.read(stream, after, limit).await {
                Ok(slice) => {
                    if slice.scanned == after {
                        self.ends.insert(stream, after);
                    }
                    self.lanes(|lanes| lanes.loaded(stream, &slice));
                }
                Err(error) => {
                    tracing::warn!(app = %self.errand.app, %error, "delivery waits for the store");
                    self.pause(Some(self.later()), false).await;
                }
            },
            Step::Walk { chain, after, until, mut pieces } => {
                match self.walk(&chain, (after, until), &mut pieces).await {
                    Ok(rows) => self.lanes(|lanes| lanes.walked(&chain, until, rows, pieces)),
                    Err(error) => {
                        let app = self.errand.app;
                        tracing::warn!(%app, %error, "a parked conversation waits for the store");
                        let again = self.later();
                        self.lanes(|lanes| lanes.not_walked(&chain, again));
                    }
                }
            }
            Step::Wait(due) => {
                let idle =
                    self.lanes(|lanes| lanes.is_idle(self.head())) && self.books().unsettled.is_empty();
                // What is sent again comes seldom: its task does not linger.
                return !(idle && self.errand.source != Source::Journal) && self.pause(due, idle).await;
            }
        }
        true
    }

    fn later(&self) -> Timestamp {
        Timestamp(self.shared.clock.now().0 + STORE_MS)
    }

    /// The app, with the address that this errand goes to, and when delivery to it began; none where there is
    /// nowhere to deliver to, or nothing may be delivered.
    fn deliverable(&self) -> Option<(Arc<App>, u64)> {
        let settings = self.shared.store.settings();
        let app = settings.app(self.errand.app)?;
        let begun = settings.begun(self.errand.app);
        if let Source::Resends(to) = &self.errand.source
            && !to.is_empty()
        {
            let to = Some(to.to_string());
            return Some((
                Arc::new(App { webhook_url: to, verified: true, max_batch: 1, ..App::clone(app) }),
                begun,
            ));
        }
        let disabled =
            self.shared.delivery.health().get(&app.id).is_some_and(|health| health.disabled.is_some());
        if app.webhook_url.is_none() || disabled {
            return None;
        }
        match self.errand.source {
            Source::Journal => Some((Arc::clone(app), begun)),
            // An event that is sent again is a message of its own, with its own id.
            Source::Resends(_) => Some((Arc::new(App { max_batch: 1, ..App::clone(app) }), begun)),
        }
    }

    /// Waits for news, an answer or a moment. False: nothing came of a long wait with nothing pending.
    async fn pause(&mut self, due: Option<Timestamp>, idle: bool) -> bool {
        let until = match self.books().unsettled.again {
            _ if idle => Some(Timestamp(self.shared.clock.now().0 + LINGER_MS)),
            Some(again) => Some(due.map_or(again, |due| due.min(again))),
            None => due,
        };
        let resting = self.lanes(|lanes| lanes.under_way()) == 0;
        tokio::select! {
            biased;
            Some(report) = self.reported.recv() => {
                self.take(report);
                true
            }
            () = self.wake.notified() => true,
            () = self.shared.stopping.cancelled(), if resting => true,
            () = sleep(&self.shared, until) => !idle,
        }
    }

    /// Waits until a moment; false when the engine stops meanwhile.
    async fn wait(&self, until: Timestamp) -> bool {
        tokio::select! {
            biased;
            () = self.shared.stopping.cancelled() => false,
            () = sleep(&self.shared, Some(until)) => true,
        }
    }

    async fn next_report(&mut self) {
        if let Some(report) = self.reported.recv().await {
            self.take(report);
        }
    }

    fn take(&mut self, report: Report) {
        match report {
            Report::Answer(reported) => self.answered(&reported),
            Report::Settled(Ok(())) => {
                self.books().unsettled.under_way = None;
                if self.shared.store.nodes().is_some_and(Nodes::has_lost) {
                    self.shared.holding.end();
                }
            }
            Report::Settled(Err(error)) => {
                tracing::warn!(app = %self.errand.app, %error, "where delivery stands was not recorded");
                let again = Some(self.later());
                let mut books = self.books();
                books.unsettled.put_back();
                books.unsettled.again = again;
            }
        }
    }

    fn answered(&mut self, reported: &Reported) {
        let (now, jitter) = (self.shared.clock.now(), self.random.random());
        let became = {
            let mut books = self.books();
            let books = &mut *books;
            books.took(u32::try_from(reported.took_ms).unwrap_or(u32::MAX));
            let Some(lanes) = books.lanes.as_mut() else { return };
            let attempts: Vec<Attempt> =
                reported.items.iter().filter_map(|item| self.attempt(item, lanes, reported, now)).collect();
            let became = lanes.answered(&reported.items, &reported.answer, &reported.reason, now, jitter);
            books.unsettled.add(Round { attempts, ..Round::default() });
            books.unsettled.health |= self.errand.is_apps_own();
            became
        };
        self.note_health(reported, now);
        let events = (reported.items.iter())
            .map(|item| Carried {
                chain: item.chain.clone(),
                event: item.row.event.clone().unwrap_or_default(),
                at: item.row.at,
            })
            .collect();
        self.shared.tell(ActivityKind::Delivery {
            app: self.errand.app,
            events,
            channel: reported.items.first().map_or(Channel::Messaging, |item| item.notice.channel),
            status: reported.status,
            error: (reported.answer != Answered::Served).then(|| reported.reason.as_str().into()),
            duration_ms: reported.took_ms,
            body: reported.sent.clone(),
            again_at: became.again,
            given_up: became.given_up,
        });
    }

    /// A try, as it is kept; none where it is one of very many.
    fn attempt(&self, item: &Item, lanes: &Lanes, reported: &Reported, now: Timestamp) -> Option<Attempt> {
        let served = reported.answer == Answered::Served;
        let number = lanes.failures(&item.chain) + 1;
        if !served && number > KEPT_FAILURES && !number.is_multiple_of(KEPT_FAILURES) {
            return None;
        }
        let most = if served { SERVED_BODY } else { FAILED_BODY };
        let said = String::from_utf8_lossy(reported.said.get(..most).unwrap_or(&reported.said));
        let to = match &self.errand.source {
            Source::Resends(to) if !to.is_empty() => Some(to.clone()),
            Source::Journal | Source::Resends(_) => None,
        };
        Some(Attempt {
            app: self.errand.app,
            place: self.place(item),
            at: now,
            number,
            status: reported.status,
            duration_ms: u32::try_from(reported.took_ms).unwrap_or(u32::MAX),
            error: (!served).then(|| reported.reason.as_str().into()),
            body_start: said.into(),
            to,
        })
    }

    fn place(&self, item: &Item) -> Place {
        Place { stream: item.chain.stream(self.shared.store.streams()), position: item.row.position }
    }

    /// How the app does, by this answer; who listens is told when it fails for long, when nothing more is sent to it
    /// for that, and when it answers again.
    fn note_health(&self, reported: &Reported, now: Timestamp) {
        if !self.errand.is_apps_own() {
            return;
        }
        let served = reported.answer == Answered::Served;
        let told = {
            let mut all = self.shared.delivery.health();
            let health = all.entry(self.errand.app).or_default();
            if served {
                served_again(health, now)
            } else {
                let error = reported.reason.as_str().into();
                health.last_failure = Some(LastFailure { at: now.0, status: reported.status, error });
                failed_again(health, self.shared.policy.profile, now, self.shared.clock.lived_ms())
            }
        };
        if let Some((standing, reason)) = told {
            let app = self.errand.app;
            match standing {
                Standing::Alerted | Standing::Disabled | Standing::Expired => {
                    tracing::warn!(%app, reason, "delivery to an app fails");
                }
                Standing::Recovered | Standing::Resumed => tracing::info!(%app, reason, "delivery to an app"),
            }
            self.shared.tell(ActivityKind::Standing { app, standing, reason: reason.into() });
        }
    }

    /// Records where delivery stands without waiting for it: what is not recorded when the process dies is
    /// sent twice.
    fn settle(&mut self) {
        let Some(round) = self.unrecorded() else { return };
        let (shared, reports) = (Arc::clone(&self.shared), self.reports.clone());
        self.shared.tasks.spawn(async move {
            let settled = shared.store.settle(Round::clone(&round)).await;
            // The loop may have ended with the engine.
            let _ = reports.send(Report::Settled(settled));
        });
    }

    /// What is to be recorded now, if anything is.
    fn unrecorded(&self) -> Option<Arc<Round>> {
        let mut books = self.books();
        let books = &mut *books;
        if let Some(round) = books.lanes.as_mut().and_then(Lanes::take_round) {
            books.unsettled.add(round);
        }
        let unsettled = &mut books.unsettled;
        let later = unsettled.again.is_some_and(|again| self.shared.clock.now() < again);
        if unsettled.under_way.is_some() || later || unsettled.is_empty() {
            return None;
        }
        let mut round = unsettled.round.take().unwrap_or_default();
        if std::mem::take(&mut unsettled.health) {
            let health = self.shared.delivery.health().get(&self.errand.app).cloned();
            round.health.extend(health.map(|health| (self.errand.app, health)));
        }
        let round = Arc::new(round);
        (unsettled.under_way, unsettled.again) = (Some(Arc::clone(&round)), None);
        Some(round)
    }

    /// Records what is left before the loop ends. The next one starts there and repeats nothing.
    async fn flush(&mut self) {
        let now = self.shared.clock.now();
        self.lanes(|lanes| lanes.stop(now));
        self.settle();
        loop {
            let (empty, under_way, again) = {
                let unsettled = &self.books().unsettled;
                (unsettled.is_empty(), unsettled.under_way.is_some(), unsettled.again)
            };
            if empty {
                return;
            }
            if under_way {
                self.next_report().await;
            } else if !self.wait(again.unwrap_or(self.shared.clock.now())).await {
                // The engine stops and the store cannot: some webhooks are sent twice.
                return;
            }
            self.settle();
        }
    }

    /// From memory near the head, else from the store; no further than to the head as it is known here: what this node is
    /// just committing may stand in the store, and listeners are to hear of it before of its delivery.
    async fn read(&self, stream: Stream, after: Position, limit: usize) -> Result<Slice, StoreError> {
        let app = self.errand.app;
        match &self.errand.source {
            Source::Journal => match self.shared.recent(app, stream, after, limit) {
                Some(slice) => Ok(slice),
                None => {
                    let slice = self.shared.store.read(app, stream, after, limit).await?;
                    Ok(slice.up_to(self.shared.head(stream)))
                }
            },
            Source::Resends(to) => self.shared.store.resends(app, to, stream, after, limit).await,
        }
    }

    /// A parked conversation's next rows.
    async fn walk(
        &self,
        chain: &Chain,
        range: (Position, Position),
        pieces: &mut Pieces,
    ) -> Result<Vec<Arc<JournalRow>>, StoreError> {
        pieces.next(self.errand.app, range, |newest| self.shared.store.chain(chain, newest, PIECE)).await
    }

    /// Whether the app's address is verified, asking it again where it is not.
    async fn verified(&self, app: &App) -> bool {
        app.verified || verify(&self.shared, self.errand.app, self.shared.draw()).await.is_none()
    }

    fn post(&self, app: &App, items: Vec<Item>) {
        let settings = self.shared.store.settings();
        let (streams, now) = (self.shared.store.streams(), self.shared.clock.now());
        let Webhook { url, mut headers, body } = Webhook::of(&settings, app, &items, streams, now);
        if let Some(first) = items.first().filter(|_| self.shared.policy.traces) {
            let trace = Trace::of(&self.shared.key, &first.chain, first.row.at);
            headers.push(("traceparent", trace.parent()));
        }
        let (shared, reports) = (Arc::clone(&self.shared), self.reports.clone());
        self.shared.tasks.spawn(async move {
            let watch = Stopwatch::start();
            let result = shared.transport.post(&url, headers, body.clone()).await;
            let took_ms = watch.elapsed_ms();
            let (answer, status, reason, said) = match result {
                Ok(answer) if (200..300).contains(&answer.status) => {
                    (Answered::Served, Some(answer.status), String::new(), answer.body)
                }
                Ok(answer) => {
                    let (status, reason) = (answer.status, wrong(answer.status));
                    let answered = match (status, answer.retry_after) {
                        (429 | 503, Some(seconds)) => Answered::Busy(i64::from(seconds) * 1000),
                        _ => Answered::Status(status),
                    };
                    (answered, Some(status), reason, answer.body)
                }
                Err(error) => (Answered::Nothing, None, error.to_string(), Bytes::new()),
            };
            // The loop that asked may have ended with the engine.
            let reported = Reported { items, answer, reason, status, took_ms, sent: body, said };
            let _ = reports.send(Report::Answer(Box::new(reported)));
        });
    }
}

fn wrong(status: u16) -> String {
    match status {
        300..=399 => format!("HTTP {status}: a redirect is not followed; give the address it leads to"),
        _ => format!("HTTP {status}"),
    }
}

/// A webhook arrived.
fn served_again(health: &mut DeliveryHealth, now: Timestamp) -> Option<(Standing, String)> {
    health.delivered_at = Some(now.0);
    (health.failing_since, health.failing_since_lived, health.failed_lived) = (None, None, None);
    let reason = "webhooks arrive again".to_owned();
    std::mem::take(&mut health.alerted).then_some((Standing::Recovered, reason))
}

/// One did not.
fn failed_again(
    health: &mut DeliveryHealth,
    profile: Profile,
    now: Timestamp,
    lived_ms: i64,
) -> Option<(Standing, String)> {
    health.failing_since.get_or_insert(now.0);
    let failing_ms = lived_ms - *health.failing_since_lived.get_or_insert(lived_ms);
    health.failed_lived = Some(lived_ms);
    let error = health.last_failure.as_ref().map(|last| last.error.to_string()).unwrap_or_default();
    let minutes = failing_ms / 60_000;
    if profile.disable_after_ms().is_some_and(|most| failing_ms >= most) && health.disabled.is_none() {
        let reason = format!("nothing but failures for {minutes} minutes; the last one: {error}");
        health.disabled = Some(Disabled { at: now.0, reason: reason.as_str().into() });
        health.alerted = true;
        return Some((Standing::Disabled, format!("{reason}; nothing is lost: resume it when it is mended")));
    }
    if failing_ms >= profile.alert_after_ms() && !std::mem::replace(&mut health.alerted, true) {
        return Some((
            Standing::Alerted,
            format!("nothing but failures for {minutes} minutes; the last one: {error}"),
        ));
    }
    None
}

/// Whether an app has the same address, by the same secrets.
fn is_reached_alike(app: &App, before: &App) -> bool {
    app.webhook_url == before.webhook_url
        && app.secret == before.secret
        && app.verify_token == before.verify_token
}

async fn sleep(shared: &Shared, until: Option<Timestamp>) {
    match until {
        Some(at) => shared.clock.sleep_until(at).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: i64 = 60_000;

    /// What is told of an app that fails at these minutes.
    fn told(profile: Profile, minutes: impl IntoIterator<Item = i64>) -> Vec<(i64, Standing)> {
        let mut health = DeliveryHealth::default();
        let mut told = Vec::new();
        for minute in minutes {
            // The virtual clock is a year ahead by an advance, which does not count.
            let now = Timestamp(minute * MINUTE + 365 * 24 * 60 * MINUTE * minute);
            let what = failed_again(&mut health, profile, now, minute * MINUTE);
            told.extend(what.map(|(standing, _)| (minute, standing)));
        }
        told
    }

    #[test]
    fn somebody_is_told_of_an_app_that_fails_for_long_and_then_it_is_stopped() {
        let every = || (0..=10_000).step_by(5);
        assert_eq!(told(Profile::Meta, every()), [(15, Standing::Alerted), (60, Standing::Disabled)]);
        assert_eq!(told(Profile::Patient, every()), [(60, Standing::Alerted), (2_160, Standing::Disabled)]);
        assert_eq!(told(Profile::NeverDisable, every()), [(15, Standing::Alerted)]);
        assert_eq!(told(Profile::Meta, [7, 100]), [(100, Standing::Disabled)]);
    }

    #[test]
    fn time_for_which_the_node_was_off_does_not_count() {
        let mut health = DeliveryHealth::default();
        for minute in [0, 10, 40] {
            failed_again(&mut health, Profile::Meta, Timestamp(0), minute * MINUTE);
        }
        health.back(10_000 * MINUTE);
        let mut told = |minute: i64| {
            let what = failed_again(&mut health, Profile::Meta, Timestamp(0), (10_000 + minute) * MINUTE);
            what.map(|(standing, _)| standing)
        };
        assert_eq!((told(0), told(19), told(20)), (None, None, Some(Standing::Disabled)));
        // What an earlier version kept does not say when the last failure was.
        let mut old = DeliveryHealth { failing_since_lived: Some(0), ..DeliveryHealth::default() };
        old.back(10_000 * MINUTE);
        assert_eq!(
            failed_again(&mut old, Profile::Meta, Timestamp(0), 10_059 * MINUTE).map(|(is, _)| is),
            Some(Standing::Alerted)
        );
    }

    #[test]
    fn one_that_arrives_begins_it_anew() {
        let mut health = DeliveryHealth::default();
        assert_eq!(failed_again(&mut health, Profile::Meta, Timestamp(0), 0), None);
        let alerted = failed_again(&mut health, Profile::Meta, Timestamp(0), 20 * MINUTE);
        assert_eq!(alerted.map(|(standing, _)| standing), Some(Standing::Alerted));
        let recovered = served_again(&mut health, Timestamp(7));
        assert_eq!(recovered.map(|(standing, _)| standing), Some(Standing::Recovered));
        assert_eq!((health.delivered_at, served_again(&mut health, Timestamp(8))), (Some(7), None));
        assert_eq!(failed_again(&mut health, Profile::Meta, Timestamp(9), 61 * MINUTE), None);
    }
}
