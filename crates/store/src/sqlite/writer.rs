//! The one thread that writes. It takes what waits, does it all in one transaction, commits once, and only
//! then answers: nobody hears of anything that a crash could undo.

use std::fs::File;
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use rusqlite::Connection;
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::Published;
use super::folder::{self, Folder};
use super::open::Opened;
use super::trouble::Trouble;
use super::write::{State, Tx};
use crate::StoreError;

/// Requests that share a commit, at most: beyond that, latency grows and throughput does not.
const MOST_WEIGHT: usize = 256;

/// How long a delivery round waits for a commit to ride in. Each further round that comes halves what is
/// left, so that no stream of rounds puts them all off: nobody waits for more than twice this.
const LONGEST_WAIT: Duration = Duration::from_millis(50);

/// Pages in the log from which on it is folded into the file (64 MiB), and the growth after which that is
/// asked for again, in case a reader was in the way.
const FOLD_PAGES: i32 = 16_384;
const FOLD_AGAIN: i32 = 2_048;

/// What the writer is asked.
pub(super) enum Job {
    /// Something to be done inside of a transaction.
    Write {
        task: Box<dyn Work>,
        /// Requests in it.
        weight: usize,
        /// Whether somebody waits for it; else it waits for company.
        urgent: bool,
        /// Its place among the jobs that may wait.
        room: OwnedSemaphorePermit,
    },
    /// Finish what came before, and end.
    Close { answer: oneshot::Sender<Result<(), StoreError>> },
}

/// A job whatever its answer's type.
pub(super) trait Work: Send {
    /// Does it, perhaps more than once. An error means that some of it may have been written, and that the
    /// transaction must go; a refusal that wrote nothing is kept for the answer.
    fn perform(&mut self, tx: &mut Tx<'_>) -> Result<(), Trouble>;

    /// Answers whoever asked, once it is known whether the transaction is durable.
    fn answer(self: Box<Self>, committed: Result<(), StoreError>);
}

/// A job with its outcome and whom to tell.
pub(super) struct Task<T, F> {
    run: F,
    outcome: Option<Result<T, StoreError>>,
    answer: oneshot::Sender<Result<T, StoreError>>,
}

impl<T, F> Task<T, F> {
    pub(super) fn new(run: F, answer: oneshot::Sender<Result<T, StoreError>>) -> Self {
        Self { run, outcome: None, answer }
    }
}

impl<T, F> Work for Task<T, F>
where
    T: Send,
    F: FnMut(&mut Tx<'_>) -> Result<T, Trouble> + Send,
{
    fn perform(&mut self, tx: &mut Tx<'_>) -> Result<(), Trouble> {
        let before = tx.db.total_changes();
        self.outcome = match (self.run)(tx) {
            Ok(outcome) => Some(Ok(outcome)),
            Err(trouble) if !trouble.is_everybodys() && tx.db.total_changes() == before => {
                Some(Err(trouble.into_error()))
            }
            Err(trouble) => return Err(trouble),
        };
        Ok(())
    }

    fn answer(self: Box<Self>, committed: Result<(), StoreError>) {
        let answer = match (committed, self.outcome) {
            (_, Some(Err(error))) | (Err(error), _) => Err(error),
            (Ok(()), Some(Ok(outcome))) => Ok(outcome),
            (Ok(()), None) => Err(StoreError::Unavailable("the writer passed it over".to_owned())),
        };
        // Whoever asked may have gone; what was committed stays.
        let _ = self.answer.send(answer);
    }
}

/// Jobs that share a transaction.
#[derive(Default)]
struct Group {
    tasks: Vec<(Box<dyn Work>, OwnedSemaphorePermit)>,
    weight: usize,
    urgent: bool,
    /// How long it may still wait for company; none while there is nothing in it.
    patience: Option<Duration>,
    close: Option<oneshot::Sender<Result<(), StoreError>>>,
}

impl Group {
    fn take(&mut self, job: Job) {
        match job {
            Job::Write { task, weight, urgent, room } => {
                self.tasks.push((task, room));
                self.weight += weight.max(1);
                self.urgent |= urgent;
            }
            Job::Close { answer } => self.close = Some(answer),
        }
    }

    fn is_full(&self) -> bool {
        self.weight >= MOST_WEIGHT || self.close.is_some()
    }

    fn must_go(&self) -> bool {
        self.urgent || self.is_full()
    }
}

/// The thread's own things.
pub(super) struct Writer {
    db: Connection,
    lock: File,
    state: State,
    jobs: Receiver<Job>,
    published: Arc<Published>,
    /// Why nothing is written any more.
    broken: Option<StoreError>,
    /// Pages in the log after the last commit, as SQLite tells it.
    log_pages: Arc<AtomicI32>,
    fold_at: i32,
    folder: Folder,
}

impl Writer {
    pub(super) fn new(
        opened: Opened,
        jobs: Receiver<Job>,
        published: Arc<Published>,
        folder: Folder,
    ) -> Result<Self, StoreError> {
        let Opened { mut db, lock, state, .. } = opened;
        let log_pages = Arc::new(AtomicI32::new(0));
        let told = Arc::clone(&log_pages);
        // In place of SQLite's own checkpoints: those keep a commit's callers waiting, and hide a failed sync.
        db.wal_hook(Some(move |_: &mut rusqlite::hooks::Wal, pages| {
            told.store(pages, Ordering::Relaxed);
            Ok(())
        }))
        .map_err(|error| Trouble::from(error).into_error())?;
        Ok(Self { db, lock, state, jobs, published, broken: None, log_pages, fold_at: FOLD_PAGES, folder })
    }

    /// Runs until it is closed, or until nobody is left to ask.
    pub(super) fn run(mut self) {
        let mut group = Group::default();
        loop {
            match self.next(&group) {
                Ok(job) => {
                    group.patience = Some(group.patience.map_or(LONGEST_WAIT, |left| left / 2));
                    group.take(job);
                }
                Err(RecvTimeoutError::Timeout) => group.urgent = true,
                Err(RecvTimeoutError::Disconnected) => break,
            }
            while !group.is_full()
                && let Ok(job) = self.jobs.try_recv()
            {
                group.take(job);
            }
            if !group.must_go() {
                continue;
            }
            let group = std::mem::take(&mut group);
            self.write(group.tasks);
            if let Some(answer) = group.close {
                // Whoever closes may have stopped waiting.
                let _ = answer.send(self.end());
                return;
            }
            self.fold_log();
        }
        self.write(group.tasks);
        if let Err(error) = self.end() {
            tracing::error!(%error, "the database was not closed cleanly");
        }
    }

    /// The next job; rounds that wait for company do so only for a while.
    fn next(&self, group: &Group) -> Result<Job, RecvTimeoutError> {
        match group.patience {
            None => self.jobs.recv().map_err(|_| RecvTimeoutError::Disconnected),
            Some(left) => self.jobs.recv_timeout(left),
        }
    }

    /// Does all of it in one transaction, and answers. A job that cannot be done takes no other with it: then
    /// each is done in a transaction of its own, which decisions allow, being pure.
    fn write(&mut self, mut tasks: Vec<(Box<dyn Work>, OwnedSemaphorePermit)>) {
        if tasks.is_empty() {
            return;
        }
        if let Some(trouble) = self.folder.failure() {
            // What it did not fold is still in the log.
            self.give_up(trouble);
        }
        let done = match &self.broken {
            Some(error) => Err(error.clone()),
            None => match self.transaction(&mut tasks) {
                Err(trouble) if tasks.len() > 1 && !trouble.is_everybodys() => {
                    tasks.into_iter().for_each(|task| self.write(vec![task]));
                    return;
                }
                Err(trouble) => Err(self.give_up(trouble)),
                Ok(()) => Ok(()),
            },
        };
        for (task, room) in tasks {
            drop(room);
            task.answer(done.clone());
        }
    }

    /// One transaction: all of it is on disk, or none of it happened.
    fn transaction(&mut self, tasks: &mut [(Box<dyn Work>, OwnedSemaphorePermit)]) -> Result<(), Trouble> {
        let before = self.state.clone();
        let changes = self.db.total_changes();
        let done = self.attempt(tasks, &before);
        if done.is_err() {
            self.state = before;
            self.roll_back();
        } else if self.db.total_changes() != changes {
            self.publish();
        }
        done
    }

    fn attempt(
        &mut self,
        tasks: &mut [(Box<dyn Work>, OwnedSemaphorePermit)],
        before: &State,
    ) -> Result<(), Trouble> {
        self.db.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        let mut tx = Tx { db: &self.db, state: &mut self.state };
        for (task, _) in tasks {
            task.perform(&mut tx)?;
        }
        tx.move_heads(before)?;
        self.db.prepare_cached("COMMIT")?.execute([])?;
        Ok(())
    }

    fn publish(&self) {
        *self.published.settings.write().unwrap_or_else(PoisonError::into_inner) =
            Arc::clone(&self.state.settings);
        *self.published.heads.write().unwrap_or_else(PoisonError::into_inner) = self.state.positions();
        self.published.commits.fetch_add(1, Ordering::Relaxed);
    }

    /// Ends a failed transaction, unless SQLite has done so.
    fn roll_back(&mut self) {
        if self.db.is_autocommit() {
            return;
        }
        if let Err(error) = self.db.execute_batch("ROLLBACK") {
            let text = format!("a failed transaction cannot be undone ({error}); restart baton");
            tracing::error!(text);
            self.broken = Some(StoreError::Unavailable(text));
        }
    }

    /// The answer for a transaction that failed; after some failures nothing more is written.
    fn give_up(&mut self, trouble: Trouble) -> StoreError {
        let is_final = trouble.is_final();
        let error = trouble.into_error();
        if is_final {
            let text = format!("the disk failed ({error}); check it, then restart baton");
            tracing::error!(text, "nothing is written any more");
            let error = StoreError::Unavailable(text);
            self.broken = Some(error.clone());
            return error;
        }
        tracing::warn!(%error, "a transaction failed; nothing of it was written");
        error
    }

    /// Has the log folded into the file when it has grown. Once that is done, what came meanwhile is folded here, so
    /// that the next commit begins the log anew: after the answers, so that nobody waits for it who came before.
    fn fold_log(&mut self) {
        let pages = self.log_pages.load(Ordering::Relaxed);
        if pages < FOLD_PAGES {
            self.fold_at = FOLD_PAGES;
        }
        if self.broken.is_some() {
            return;
        }
        if self.folder.is_done() {
            if let Err(trouble) = folder::pass(&self.db) {
                self.give_up(trouble);
            }
        } else if pages >= self.fold_at {
            self.fold_at = pages.saturating_add(FOLD_AGAIN);
            self.folder.ask();
        }
    }

    /// Closes the file and lets go of it, in this order.
    fn end(self) -> Result<(), StoreError> {
        let Writer { db, lock, folder, .. } = self;
        folder.end();
        let closed = db.close().map_err(|(_, error)| Trouble::from(error).into_error());
        drop(lock);
        closed
    }
}
