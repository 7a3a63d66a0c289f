//! The read loops: journal after cursor, signed, posted, settled. One task for each app with something
//! pending; an app with nothing pending has none. What to do next is decided in `lanes`, which is pure.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use baton_rules::{AppId, Channel, Timestamp};
use baton_store::{
    App, Chain, JournalRow, Position, Round, Settings, SettingsRefused, Slice, StoreError, Stream,
};
use bytes::Bytes;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use tokio::sync::{Notify, mpsc};

use crate::activity::ActivityKind;
use crate::clock::Stopwatch;
use crate::engine::Shared;
use crate::lanes::{Answered, Bounds, Item, Lanes, Step};
use crate::transport::SendError;
use crate::walk::{PIECE, Pieces};
use crate::webhook::Webhook;

/// How long an app's task stays when nothing is pending, so that a trickle does not start it anew each time.
const LINGER_MS: i64 = 2_000;
/// How long to wait when the store cannot do what is asked of it.
const STORE_MS: i64 = 1_000;

/// Which apps have a task.
#[derive(Default)]
pub(crate) struct Delivery {
    tasks: Mutex<HashMap<AppId, Task>>,
}

struct Task {
    wake: Arc<Notify>,
    /// News came since the task last looked: it may not end.
    news: bool,
}

impl Delivery {
    fn tasks(&self) -> std::sync::MutexGuard<'_, HashMap<AppId, Task>> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Wakes an app's task, or starts it.
pub(crate) fn wake(shared: &Arc<Shared>, app: AppId) {
    if shared.stopping.is_cancelled() {
        return;
    }
    let mut tasks = shared.delivery.tasks();
    if let Some(task) = tasks.get_mut(&app) {
        task.news = true;
        task.wake.notify_one();
        return;
    }
    let wake = Arc::new(Notify::new());
    tasks.insert(app, Task { wake: Arc::clone(&wake), news: false });
    drop(tasks);
    let shared = Arc::clone(shared);
    let seed = shared.draw();
    shared.clone().tasks.spawn(async move {
        let worker = Worker::new(shared, app, wake, seed);
        worker.run().await;
    });
}

struct Worker {
    shared: Arc<Shared>,
    app: AppId,
    wake: Arc<Notify>,
    random: SmallRng,
    reports: mpsc::UnboundedSender<Report>,
    reported: mpsc::UnboundedReceiver<Report>,
    unsettled: Unsettled,
}

/// What comes back to the loop.
enum Report {
    Answer(Box<Reported>),
    Settled(Result<(), (Round, StoreError)>),
}

/// A webhook's answer.
struct Reported {
    items: Vec<Item>,
    answer: Answered,
    reason: String,
    status: Option<u16>,
    took_ms: u64,
    body: Bytes,
}

/// Rounds are recorded one after another, and what was not recorded comes before what is newer: a cursor
/// that is recorded without the parked conversation it passed would lose that conversation.
#[derive(Default)]
struct Unsettled {
    round: Option<Round>,
    under_way: bool,
    /// Not before this: the store could not.
    again: Option<Timestamp>,
}

impl Unsettled {
    fn add(&mut self, newer: Round) {
        self.round = Some(match self.round.take() {
            Some(older) => joined(older, newer),
            None => newer,
        });
    }

    fn put_back(&mut self, older: Round) {
        self.round = Some(match self.round.take() {
            Some(newer) => joined(older, newer),
            None => older,
        });
    }

    fn is_empty(&self) -> bool {
        self.round.is_none() && !self.under_way
    }
}

/// Two rounds as one. A store takes away what is no longer parked before it adds what is.
fn joined(mut older: Round, newer: Round) -> Round {
    for cursor in newer.cursors {
        match older.cursors.iter_mut().find(|moved| moved.stream == cursor.stream) {
            Some(moved) => *moved = cursor,
            None => older.cursors.push(cursor),
        }
    }
    for (app, stream, chain) in newer.unpark {
        older.park.retain(|parked| parked.chain != chain);
        older.unpark.push((app, stream, chain));
    }
    for parked in newer.park {
        older.park.retain(|before| before.chain != parked.chain);
        older.park.push(parked);
    }
    older.dead.extend(newer.dead);
    older
}

impl Worker {
    fn new(shared: Arc<Shared>, app: AppId, wake: Arc<Notify>, seed: u64) -> Self {
        let (reports, reported) = mpsc::unbounded_channel();
        let (random, unsettled) = (SmallRng::seed_from_u64(seed), Unsettled::default());
        Self { shared, app, wake, random, reports, reported, unsettled }
    }

    async fn run(mut self) {
        loop {
            if let Some(task) = self.shared.delivery.tasks().get_mut(&self.app) {
                // What came until now is seen by what follows.
                task.news = false;
            }
            match self.deliver().await {
                Ok(()) => {
                    let mut tasks = self.shared.delivery.tasks();
                    match tasks.get_mut(&self.app) {
                        Some(task) if task.news && !self.shared.stopping.is_cancelled() => {}
                        Some(_) | None => {
                            tasks.remove(&self.app);
                            return;
                        }
                    }
                }
                Err(error) => {
                    tracing::warn!(app = %self.app, %error, "delivery waits for the store");
                    if !self.wait(self.later()).await {
                        self.shared.delivery.tasks().remove(&self.app);
                        return;
                    }
                }
            }
        }
    }

    /// Delivers until nothing is pending, or the engine stops. Fails only before anything is under way.
    async fn deliver(&mut self) -> Result<(), StoreError> {
        let Some((app, begun)) = self.deliverable() else { return Ok(()) };
        let bounds = Bounds {
            in_flight: self.shared.policy.in_flight.max(1),
            read_ahead: self.shared.policy.read_ahead.max(1),
            max_batch: usize::from(app.max_batch.max(1)),
            profile: self.shared.policy.profile,
        };
        let cursors = self.shared.store.cursors(self.app).await?;
        let parked = self.shared.store.parked(self.app).await?;
        let mut lanes = Lanes::new(self.app, bounds, &cursors, parked);
        while self.step(&mut lanes, (&app, begun)).await {}
        self.flush(&mut lanes).await;
        Ok(())
    }

    /// One step. False: nothing is under way, and nothing is to be done now. Once the app is reached otherwise
    /// than when delivery `began`, nothing new is begun: what was learnt of the old address says nothing of
    /// the new one, and an app that was deleted and made again has nothing of the old one's.
    async fn step(&mut self, lanes: &mut Lanes, began: (&App, u64)) -> bool {
        while let Ok(report) = self.reported.try_recv() {
            self.take(lanes, report);
        }
        self.settle(lanes);
        let app = self.deliverable().filter(|_| !self.shared.stopping.is_cancelled());
        let app = app.filter(|(app, begun)| is_reached_alike(app, began.0) && *begun == began.1);
        let Some((app, _)) = app else {
            if lanes.under_way() == 0 {
                return false;
            }
            self.next_report(lanes).await;
            return true;
        };
        lanes.set_max_batch(usize::from(app.max_batch));
        let shared = Arc::clone(&self.shared);
        match lanes.next(shared.clock.now(), |stream| shared.head(stream)) {
            Step::Post(items) => {
                if self.verified(&app).await {
                    self.post(&app, items);
                } else {
                    let (now, jitter) = (self.shared.clock.now(), self.random.random());
                    lanes.unverified(&items, now, jitter);
                }
            }
            Step::Read { stream, after, limit } => match self.read(stream, after, limit).await {
                Ok(slice) => lanes.loaded(stream, &slice),
                Err(error) => {
                    tracing::warn!(app = %self.app, %error, "delivery waits for the store");
                    self.pause(lanes, self.later(), false).await;
                }
            },
            Step::Walk { chain, after, until, mut pieces } => {
                match self.walk(&chain, (after, until), &mut pieces).await {
                    Ok(rows) => lanes.walked(&chain, until, rows, pieces),
                    Err(error) => {
                        tracing::warn!(app = %self.app, %error, "a parked conversation waits for the store");
                        lanes.not_walked(&chain, self.later());
                    }
                }
            }
            Step::Wait(due) => {
                let idle = lanes.is_idle(|stream| shared.head(stream)) && self.unsettled.is_empty();
                return self.pause(lanes, due, idle).await;
            }
        }
        true
    }

    fn later(&self) -> Timestamp {
        Timestamp(self.shared.clock.now().0 + STORE_MS)
    }

    /// The app and when delivery to it began, if there is anywhere to deliver to: an app without an address gets
    /// nothing.
    fn deliverable(&self) -> Option<(Arc<App>, u64)> {
        let settings = self.shared.store.settings();
        let app = settings.app(self.app)?;
        let waits = !app.verified && !self.shared.policy.verify_again;
        (app.webhook_url.is_some() && !waits).then(|| (Arc::clone(app), settings.begun(self.app)))
    }

    /// Waits for news, an answer or a moment. False: nothing came of a long wait with nothing pending.
    async fn pause(&mut self, lanes: &mut Lanes, due: impl Into<Option<Timestamp>>, idle: bool) -> bool {
        let due: Option<Timestamp> = due.into();
        let until = match self.unsettled.again {
            _ if idle => Some(Timestamp(self.shared.clock.now().0 + LINGER_MS)),
            Some(again) => Some(due.map_or(again, |due| due.min(again))),
            None => due,
        };
        tokio::select! {
            biased;
            Some(report) = self.reported.recv() => {
                self.take(lanes, report);
                true
            }
            () = self.wake.notified() => true,
            () = self.shared.stopping.cancelled(), if lanes.under_way() == 0 => true,
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

    async fn next_report(&mut self, lanes: &mut Lanes) {
        if let Some(report) = self.reported.recv().await {
            self.take(lanes, report);
        }
    }

    fn take(&mut self, lanes: &mut Lanes, report: Report) {
        match report {
            Report::Answer(reported) => self.answered(lanes, &reported),
            Report::Settled(Ok(())) => self.unsettled.under_way = false,
            Report::Settled(Err((round, error))) => {
                tracing::warn!(app = %self.app, %error, "where delivery stands was not recorded");
                self.unsettled.under_way = false;
                self.unsettled.again = Some(self.later());
                self.unsettled.put_back(round);
            }
        }
    }

    fn answered(&mut self, lanes: &mut Lanes, reported: &Reported) {
        let (now, jitter) = (self.shared.clock.now(), self.random.random());
        let again_at = lanes.answered(&reported.items, &reported.answer, &reported.reason, now, jitter);
        let events = (reported.items.iter())
            .map(|item| (item.chain.clone(), item.row.event.clone().unwrap_or_default()))
            .collect();
        self.shared.tell(ActivityKind::Delivery {
            app: self.app,
            events,
            standby: reported.items.first().is_some_and(|item| item.notice.channel == Channel::Standby),
            status: reported.status,
            error: (reported.answer != Answered::Served).then(|| reported.reason.as_str().into()),
            duration_ms: reported.took_ms,
            body: reported.body.clone(),
            again_at,
        });
    }

    /// Records where delivery stands without waiting for it: what is not recorded when the process dies is
    /// sent twice.
    fn settle(&mut self, lanes: &mut Lanes) {
        if let Some(round) = lanes.take_round() {
            self.unsettled.add(round);
        }
        let later = self.unsettled.again.is_some_and(|again| self.shared.clock.now() < again);
        if self.unsettled.under_way || later {
            return;
        }
        let Some(round) = self.unsettled.round.take() else { return };
        (self.unsettled.under_way, self.unsettled.again) = (true, None);
        let (shared, reports) = (Arc::clone(&self.shared), self.reports.clone());
        self.shared.tasks.spawn(async move {
            let settled = shared.store.settle(round.clone()).await.map_err(|error| (round, error));
            // The loop may have ended with the engine.
            let _ = reports.send(Report::Settled(settled));
        });
    }

    /// Records what is left before the loop ends. The next one starts there and repeats nothing.
    async fn flush(&mut self, lanes: &mut Lanes) {
        lanes.stop(self.shared.clock.now());
        self.settle(lanes);
        while !self.unsettled.is_empty() {
            if self.unsettled.under_way {
                self.next_report(lanes).await;
            } else if !self.wait(self.unsettled.again.unwrap_or(self.shared.clock.now())).await {
                // The engine stops and the store cannot: some webhooks are sent twice.
                return;
            }
            self.settle(lanes);
        }
    }

    /// From memory near the head, else from the store.
    async fn read(&self, stream: Stream, after: Position, limit: usize) -> Result<Slice, StoreError> {
        match self.shared.recent(self.app, stream, after, limit) {
            Some(slice) => Ok(slice),
            None => self.shared.store.read(self.app, stream, after, limit).await,
        }
    }

    /// A parked conversation's next rows.
    async fn walk(
        &self,
        chain: &Chain,
        range: (Position, Position),
        pieces: &mut Pieces,
    ) -> Result<Vec<Arc<JournalRow>>, StoreError> {
        pieces.next(self.app, range, |newest| self.shared.store.chain(chain, newest, PIECE)).await
    }

    /// Whether the app's address is verified, asking it again where the policy says so.
    async fn verified(&self, app: &App) -> bool {
        app.verified || verify(&self.shared, self.app, self.shared.draw()).await.is_none()
    }

    fn post(&self, app: &App, items: Vec<Item>) {
        let settings = self.shared.store.settings();
        let (streams, now) = (self.shared.store.streams(), self.shared.clock.now());
        let Webhook { url, headers, body } = Webhook::of(&settings, app, &items, streams, now);
        let (shared, reports) = (Arc::clone(&self.shared), self.reports.clone());
        self.shared.tasks.spawn(async move {
            let watch = Stopwatch::start();
            let result = shared.transport.post(&url, headers, body.clone()).await;
            let took_ms = watch.elapsed_ms();
            let (answer, status, reason) = match result {
                Ok(answer) if (200..300).contains(&answer.status) => {
                    (Answered::Served, Some(answer.status), String::new())
                }
                Ok(answer) => (Answered::Status(answer.status), Some(answer.status), wrong(answer.status)),
                Err(error) => (Answered::Nothing, None, error.to_string()),
            };
            // The loop that asked may have ended with the engine.
            let reported = Reported { items, answer, reason, status, took_ms, body };
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

/// The handshake (wire.md 3.1): asks an app's address for a challenge back. None: it verified; else why not.
pub(crate) async fn verify(shared: &Arc<Shared>, app: AppId, seed: u64) -> Option<String> {
    let settings = shared.store.settings();
    let Some(known) = settings.app(app) else { return Some("there is no such app".to_owned()) };
    let Some(url) = known.webhook_url.clone() else { return Some("the app has no webhook_url".to_owned()) };
    let mut error = match known.verify_token.as_ref() {
        None => None,
        Some(token) => handshake(shared, &url, token.reveal(), seed).await,
    };
    if error.is_none() && !known.verified {
        let (url, token) = (known.webhook_url.clone(), known.verify_token.clone());
        let change = Box::new(move |settings: &Settings| -> Result<Settings, Vec<SettingsRefused>> {
            let mut apps = settings.apps.clone();
            for known in &mut apps {
                // The address may have been changed again meanwhile.
                if known.id == app && known.webhook_url == url && known.verify_token == token {
                    Arc::make_mut(known).verified = true;
                }
            }
            Ok(Settings::new(settings.version, apps, settings.pages.clone()))
        });
        match shared.configure(change).await {
            Ok(_) => {}
            Err(failed) => {
                tracing::warn!(%app, error = %failed, "the verified address was not recorded");
                error = Some(format!("it verified, but that was not recorded: {failed}"));
            }
        }
    }
    shared.tell(ActivityKind::Verification { app, error: error.as_deref().map(Into::into) });
    error
}

/// Whether an address answers the verification request: `None`, or why not.
pub(crate) async fn handshake(shared: &Shared, url: &str, token: &str, seed: u64) -> Option<String> {
    let challenge = SmallRng::seed_from_u64(seed).random_range(100_000_000_u32..2_000_000_000).to_string();
    let encoded: String = url::form_urlencoded::byte_serialize(token.as_bytes()).collect();
    let joint = if url.contains('?') { '&' } else { '?' };
    let asked =
        format!("{url}{joint}hub.mode=subscribe&hub.challenge={challenge}&hub.verify_token={encoded}");
    match shared.transport.get(&asked).await {
        Ok(answer) if answer.status != 200 => Some(format!(
            "HTTP {} to the verification request: answer 200 with the value of hub.challenge",
            answer.status
        )),
        Ok(answer) if answer.body.trim_ascii() != challenge.as_bytes() => Some(
            "the answer is not the challenge: compare hub.verify_token, and answer hub.challenge as it is"
                .to_owned(),
        ),
        Ok(_) => None,
        Err(error @ (SendError::Timeout(_) | SendError::Forbidden(_) | SendError::Failed(_))) => {
            Some(error.to_string())
        }
    }
}
