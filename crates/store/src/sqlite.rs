//! The store of one machine: an SQLite file. One thread writes for all streams and commits what came while
//! the last commit was under way, together; a few read-only connections look, and never wait for it.

mod assets;
mod checkpointer;
pub(crate) mod copying;
mod delivery;
mod folding;
mod lagging;
mod open;
mod read;
mod readers;
mod retention;
mod team;
#[cfg(test)]
mod tests;
mod threads;
mod trouble;
mod write;
mod writer;

use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::thread::JoinHandle;

use baton_rules::{AppId, PageId, Surface, ThreadKey, Timestamp};
use futures_util::future::BoxFuture;
use rusqlite::Connection;
use tokio::sync::{Semaphore, oneshot};

use crate::rows::side;
use crate::{
    AdCounts, Announce, Asset, AssetChange, AssetKey, AssetKind, AuditLine, Batch, Chain, Change,
    ConfigureError, Configured, ControlPlace, ControlRow, Cursor, DeadLetter, Decide, DeliveryState, Due,
    Errands, Forgotten, JournalRow, KeptClock, Lag, Listed, Migration, Oldest, Parked, PastPage, Person,
    Place, Position, Remembered, Resend, Round, Settings, Size, Slice, Store, StoreError, Stream, Team,
    TooOld, Tried, Wanted,
};
use checkpointer::Checkpointer;
use lagging::Lagging;
use readers::Readers;
use trouble::Trouble;
use write::Tx;
use writer::{Job, Task, Writer};

/// Jobs that may wait for the writer; who comes later waits before it hands its job over.
const MOST_JOBS: usize = 1024;

/// What is chosen when a database is made.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// The number of streams, at most 4,096; an existing database keeps its own.
    pub streams: u16,
    /// Changes of threads that are kept in memory, at least 1, until the table of threads follows them: up to twice as
    /// many, each some 300 bytes, and read anew at a start after a crash.
    pub lagging: u32,
}

impl Default for Options {
    fn default() -> Self {
        Self { streams: 16, lagging: 131_072 }
    }
}

/// A store in one SQLite file. Its reads run on the blocking threads of the Tokio runtime that polls them.
#[derive(Debug)]
pub struct SqliteStore {
    streams: u16,
    key: [u8; 32],
    published: Arc<Published>,
    lagging: Arc<Lagging>,
    readers: Readers,
    jobs: Mutex<Option<mpsc::Sender<Job>>>,
    room: Arc<Semaphore>,
    writer: Mutex<Option<JoinHandle<()>>>,
    closed: AtomicBool,
}

/// What the writer tells after each commit, before it answers anybody.
#[derive(Debug)]
struct Published {
    settings: RwLock<Arc<Settings>>,
    heads: RwLock<Vec<Position>>,
    commits: AtomicU64,
}

impl SqliteStore {
    /// Opens a database, or makes it where there is none (the folder must be there). Blocks.
    ///
    /// # Errors
    /// [`StoreError::CannotOpen`] when it is in use, foreign, newer or out of reach, and
    /// [`StoreError::Damaged`] when it is not whole; the file is left as it was.
    pub fn open(path: &Path, options: Options) -> Result<SqliteStore, StoreError> {
        let (opened, _) = open::open(path, options)?;
        let lagging = opened.threads.lagging();
        let readers = Readers::open(path)?;
        let published = Arc::new(Published {
            settings: RwLock::new(Arc::clone(&opened.state.settings)),
            heads: RwLock::new(opened.state.positions()),
            commits: AtomicU64::new(0),
        });
        let (streams, key) = (opened.streams, opened.key);
        let (jobs, received) = mpsc::channel();
        let writer = Writer::new(opened, received, Arc::clone(&published), Checkpointer::start(path)?)?;
        let thread = std::thread::Builder::new()
            .name("baton-store".to_owned())
            .spawn(move || writer.run())
            .map_err(|error| StoreError::CannotOpen(format!("no thread for the store: {error}")))?;
        Ok(SqliteStore {
            streams,
            key,
            published,
            lagging,
            readers,
            jobs: Mutex::new(Some(jobs)),
            room: Arc::new(Semaphore::new(MOST_JOBS)),
            writer: Mutex::new(Some(thread)),
            closed: AtomicBool::new(false),
        })
    }

    /// Brings a database to this version's schema, or makes it where there is none, and closes it again. Blocks.
    ///
    /// # Errors
    /// As [`SqliteStore::open`].
    pub fn migrate(path: &Path, options: Options) -> Result<Migration, StoreError> {
        open::bring_up(path, options)
    }

    /// What [`SqliteStore::migrate`] would do; nothing is changed. A database that is in use is no error. Blocks.
    ///
    /// # Errors
    /// As [`SqliteStore::open`].
    pub fn pending(path: &Path) -> Result<Migration, StoreError> {
        open::look(path)
    }

    /// Copies a database, as it stands at one moment, into a new file that can take its place; also while another
    /// process writes it. Returns the size of the copy in bytes. Blocks.
    ///
    /// # Errors
    /// As [`SqliteStore::open`]; where the new file is there already, or cannot be written, nothing is left of it.
    pub fn copy(path: &Path, to: &Path) -> Result<u64, StoreError> {
        open::copy(path, to)
    }

    /// How many transactions were made durable since opening; commits that came together share one.
    pub fn commits(&self) -> u64 {
        self.published.commits.load(Ordering::Relaxed)
    }

    /// Has the writer do something inside of its next transaction, and waits until that is durable.
    async fn write<T: Send + 'static>(
        &self,
        weight: usize,
        urgent: bool,
        run: impl FnMut(&mut Tx<'_>) -> Result<T, Trouble> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.still_open()?;
        let room = Arc::clone(&self.room).acquire_owned().await.map_err(|_| StoreError::Closed)?;
        let (answer, answered) = oneshot::channel();
        let task = Box::new(Task::new(run, answer));
        self.hand_over(Job::Write { task, weight, urgent, room })?;
        match answered.await {
            Ok(answer) => answer,
            Err(_) => Err(self.gone()),
        }
    }

    fn stream(&self, key: &ThreadKey) -> Stream {
        crate::stream_of(key, self.streams)
    }

    fn hand_over(&self, job: Job) -> Result<(), StoreError> {
        let jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        let sent = jobs.as_ref().ok_or(StoreError::Closed)?.send(job);
        sent.map_err(|_| self.gone())
    }

    /// Why the writer did not answer.
    fn gone(&self) -> StoreError {
        match self.still_open() {
            Ok(()) => StoreError::Unavailable("the writer has stopped".to_owned()),
            Err(closed) => closed,
        }
    }

    fn still_open(&self) -> Result<(), StoreError> {
        if self.closed.load(Ordering::Acquire) { Err(StoreError::Closed) } else { Ok(()) }
    }

    /// Looks something up on a connection of its own.
    fn look<T: Send + 'static>(
        &self,
        query: impl FnOnce(&Connection) -> Result<T, Trouble> + Send + 'static,
    ) -> BoxFuture<'_, Result<T, StoreError>> {
        Box::pin(async move {
            self.still_open()?;
            self.readers.look(query).await
        })
    }

    async fn shut(&self) -> Result<(), StoreError> {
        if self.closed.swap(true, Ordering::AcqRel) {
            return Err(StoreError::Closed);
        }
        // The writer's connection goes last, because the last one folds the log into the file.
        self.readers.close().await;
        let (answer, answered) = oneshot::channel();
        self.hand_over(Job::Close { answer })?;
        let answer = answered.await;
        self.join();
        answer.unwrap_or_else(|_| Err(StoreError::Unavailable("the writer has stopped".to_owned())))
    }

    /// Lets the writer end, and waits for that: afterwards the file can be opened again.
    fn join(&self) {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner).take();
        let thread = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread
            && thread.join().is_err()
        {
            tracing::error!("the store's writer ended in a panic");
        }
    }
}

impl Drop for SqliteStore {
    fn drop(&mut self) {
        self.readers.drop_idle();
        self.join();
    }
}

impl Store for SqliteStore {
    fn streams(&self) -> u16 {
        self.streams
    }

    /// The writer gathers whatever has come into one transaction.
    fn side_by_side(&self) -> usize {
        usize::from(Store::streams(self))
    }

    fn settings(&self) -> Arc<Settings> {
        Arc::clone(&self.published.settings.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn key(&self) -> [u8; 32] {
        self.key
    }

    fn commit(
        &self,
        stream: Stream,
        wanted: Wanted,
        decide: Decide,
    ) -> BoxFuture<'_, Result<Batch, StoreError>> {
        let weight = wanted.threads.len();
        Box::pin(self.write(weight, true, move |tx| tx.commit(stream, &wanted, &decide)))
    }

    fn configure(
        &self,
        now: Timestamp,
        change: Change,
        announce: Announce,
    ) -> BoxFuture<'_, Result<Configured, ConfigureError>> {
        Box::pin(async move {
            let configured = self.write(1, true, move |tx| tx.configure(now, &change, &announce)).await?;
            configured.map_err(ConfigureError::Refused)
        })
    }

    fn heads(&self) -> BoxFuture<'_, Result<Vec<Position>, StoreError>> {
        Box::pin(async move {
            self.still_open()?;
            Ok(self.published.heads.read().unwrap_or_else(PoisonError::into_inner).clone())
        })
    }

    fn read(
        &self,
        app: AppId,
        stream: Stream,
        after: Position,
        limit: usize,
    ) -> BoxFuture<'_, Result<Slice, StoreError>> {
        self.look(move |db| read::slice(db, app, stream, after, limit))
    }

    fn cursors(&self, app: AppId) -> BoxFuture<'_, Result<Vec<Cursor>, StoreError>> {
        self.look(move |db| delivery::cursors(db, app))
    }

    fn parked(&self, app: AppId) -> BoxFuture<'_, Result<Vec<Parked>, StoreError>> {
        self.look(move |db| delivery::parked(db, app))
    }

    fn dead_letters(
        &self,
        app: AppId,
        before: Option<(Timestamp, Place)>,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<DeadLetter>, StoreError>> {
        self.look(move |db| delivery::dead_letters(db, app, before, limit))
    }

    fn read_back(
        &self,
        app: AppId,
        stream: Stream,
        before: Position,
        limit: usize,
    ) -> BoxFuture<'_, Result<Slice, StoreError>> {
        self.look(move |db| delivery::read_back(db, app, stream, before, limit))
    }

    fn lag(
        &self,
        app: AppId,
        stream: Stream,
        after: Position,
        limit: usize,
    ) -> BoxFuture<'_, Result<Lag, StoreError>> {
        self.look(move |db| delivery::lag(db, app, stream, after, limit))
    }

    fn tried(&self, app: AppId, places: Vec<Place>) -> BoxFuture<'_, Result<Vec<Tried>, StoreError>> {
        self.look(move |db| delivery::tried(db, app, &places))
    }

    fn delivery_state(&self, app: AppId) -> BoxFuture<'_, Result<DeliveryState, StoreError>> {
        self.look(move |db| delivery::state(db, app))
    }

    fn resend(&self, resend: Resend) -> BoxFuture<'_, Result<u64, StoreError>> {
        Box::pin(self.write(1, true, move |tx| tx.resend(&resend)))
    }

    fn resends(
        &self,
        app: AppId,
        to: &str,
        stream: Stream,
        after: Position,
        limit: usize,
    ) -> BoxFuture<'_, Result<Slice, StoreError>> {
        let to = to.to_owned();
        self.look(move |db| delivery::resends(db, app, &to, stream, after, limit))
    }

    fn errands(&self) -> BoxFuture<'_, Result<Errands, StoreError>> {
        self.look(delivery::errands)
    }

    fn settle(&self, round: Round) -> BoxFuture<'_, Result<(), StoreError>> {
        // Who asks again for what has just been sent again means it: that it was is known at once.
        let urgent = !round.resent.is_empty();
        Box::pin(self.write(1, urgent, move |tx| tx.settle(&round)))
    }

    fn row(
        &self,
        stream: Stream,
        position: Position,
    ) -> BoxFuture<'_, Result<Option<Arc<JournalRow>>, StoreError>> {
        self.look(move |db| Ok(read::row(db, stream, position)?.map(Arc::new)))
    }

    fn thread(&self, key: &ThreadKey) -> BoxFuture<'_, Result<Option<Remembered>, StoreError>> {
        let (key, stream, lagging) = (key.clone(), self.stream(key), Arc::clone(&self.lagging));
        self.look(move |db| threads::thread(db, &lagging, stream, &key))
    }

    fn threads(
        &self,
        page: PageId,
        surface: Surface,
        after: Option<(Timestamp, ThreadKey)>,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<Listed>, StoreError>> {
        let (streams, lagging) = (self.streams, Arc::clone(&self.lagging));
        self.look(move |db| threads::list(db, &lagging, streams, side(page, surface), after, limit))
    }

    fn conversation(
        &self,
        key: &ThreadKey,
        before: Option<Position>,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<Arc<JournalRow>>, StoreError>> {
        let (key, stream, lagging) = (key.clone(), self.stream(key), Arc::clone(&self.lagging));
        self.look(move |db| read::conversation(db, &lagging, stream, &key, before, limit))
    }

    fn chain(
        &self,
        chain: &Chain,
        newest: Option<Position>,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<Arc<JournalRow>>, StoreError>> {
        let (chain, stream, lagging) = (chain.clone(), chain.stream(self.streams), Arc::clone(&self.lagging));
        self.look(move |db| read::chain(db, &lagging, stream, &chain, newest, limit))
    }

    fn control(
        &self,
        key: &ThreadKey,
        before: Option<ControlPlace>,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<ControlRow>, StoreError>> {
        let (key, stream) = (key.clone(), self.stream(key));
        self.look(move |db| read::control(db, stream, &key, before, limit))
    }

    fn due(&self, until: Timestamp, limit: usize) -> BoxFuture<'_, Result<Vec<Due>, StoreError>> {
        self.look(move |db| read::due(db, until, limit))
    }

    fn past_pages(
        &self,
        page: PageId,
        stream: Stream,
        before: (Timestamp, Position),
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<PastPage>, StoreError>> {
        self.look(move |db| read::past_pages(db, page, stream, before, limit))
    }

    fn ad_counts(
        &self,
        page: PageId,
        surface: Surface,
    ) -> BoxFuture<'_, Result<HashMap<Box<str>, AdCounts>, StoreError>> {
        self.look(move |db| read::ad_counts(db, page, surface))
    }

    fn person(&self, key: &ThreadKey) -> BoxFuture<'_, Result<Person, StoreError>> {
        let (key, stream) = (key.clone(), self.stream(key));
        self.look(move |db| read::person(db, stream, &key))
    }

    fn people(&self, keys: Vec<ThreadKey>) -> BoxFuture<'_, Result<Vec<Person>, StoreError>> {
        let streams = self.streams;
        self.look(move |db| {
            keys.iter().map(|key| read::person(db, crate::stream_of(key, streams), key)).collect()
        })
    }

    fn keep_person(&self, key: &ThreadKey, person: Person) -> BoxFuture<'_, Result<(), StoreError>> {
        let (key, stream) = (key.clone(), self.stream(key));
        Box::pin(self.write(1, true, move |tx| tx.keep_person(stream, &key, &person)))
    }

    fn asset(&self, key: &AssetKey) -> BoxFuture<'_, Result<Option<Asset>, StoreError>> {
        let key = key.clone();
        self.look(move |db| assets::asset(db, &key))
    }

    fn assets(
        &self,
        page: PageId,
        kind: AssetKind,
        after: &str,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<Asset>, StoreError>> {
        let after = after.to_owned();
        self.look(move |db| assets::assets(db, page, kind, &after, limit))
    }

    fn change_assets(&self, change: AssetChange) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(self.write(1, true, move |tx| tx.change_assets(&change)))
    }

    fn team(&self) -> BoxFuture<'_, Result<Team, StoreError>> {
        self.look(team::team)
    }

    fn keep_team(&self, team: Team) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(self.write(1, true, move |tx| team::keep(tx.db, &team)))
    }

    fn audit(&self, line: AuditLine) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(self.write(1, true, move |tx| team::audit(tx.db, &line)))
    }

    fn audited(
        &self,
        before: Option<u64>,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<(u64, AuditLine)>, StoreError>> {
        self.look(move |db| team::audited(db, before, limit))
    }

    fn kept_clock(&self) -> BoxFuture<'_, Result<Option<KeptClock>, StoreError>> {
        self.look(read::clock)
    }

    fn keep_clock(&self, clock: KeptClock) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(self.write(1, true, move |tx| tx.keep_clock(clock)))
    }

    fn forget(
        &self,
        stream: Stream,
        old: TooOld,
        limit: usize,
    ) -> BoxFuture<'_, Result<Forgotten, StoreError>> {
        Box::pin(self.write(1, false, move |tx| tx.forget(stream, &old, limit)))
    }

    fn forget_history(
        &self,
        until: Timestamp,
        now: Timestamp,
        limit: usize,
    ) -> BoxFuture<'_, Result<u64, StoreError>> {
        Box::pin(self.write(1, false, move |tx| tx.forget_history(until, now, limit)))
    }

    fn oldest(&self) -> BoxFuture<'_, Result<Oldest, StoreError>> {
        let streams = self.streams;
        self.look(move |db| retention::oldest(db, streams))
    }

    fn size(&self) -> BoxFuture<'_, Result<Size, StoreError>> {
        self.look(retention::size)
    }

    fn close(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(self.shut())
    }
}
