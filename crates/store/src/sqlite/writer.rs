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
use super::checkpointer::{self, Checkpointer};
use super::folding::Threads;
use super::open::Opened;
use super::trouble::Trouble;
use super::write::{State, Tx};
use crate::StoreError;

/// Requests that share a commit, at most: beyond that, latency grows and throughput does not.
const MOST_WEIGHT: usize = 256;

/// How long delivery rounds wait while nothing comes, and how many wait at most: each app has one under way, so no stream
/// of them puts them all off.
const LONGEST_WAIT: Duration = Duration::from_millis(50);
const MOST_ROUNDS: usize = 64;

/// Commits that leave without the rounds that wait: to record how far delivery has come touches pages for each app and
/// stream, which with every commit was half of what was written. What was not recorded when the process dies is sent
/// again, so it is not put off for longer than this many commits, each within [`LONGEST_WAIT`] of the one before.
const MOST_MISSED: u32 = 16;

/// Pages in the log from which on it is folded into the file (64 MiB), and the growth after which that is
/// asked for again, in case a reader was in the way.
const CHECKPOINT_PAGES: i32 = 16_384;
const CHECKPOINT_AGAIN: i32 = 2_048;

/// What the writer is asked.
pub(super) enum Job {
    /// Something to be done inside of a transaction.
    Write {
        task: Box<dyn Work>,
        /// Requests in it.
        weight: usize,
        /// Whether somebody waits for it; else it waits for a commit to ride in.
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
        let before = tx.changes();
        self.outcome = match (self.run)(tx) {
            Ok(outcome) => Some(Ok(outcome)),
            Err(trouble) if !trouble.is_everybodys() && tx.changes() == before => {
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

type Waiting = (Box<dyn Work>, OwnedSemaphorePermit);

/// Jobs that wait for a transaction.
#[derive(Default)]
struct Group {
    urgent: Vec<Waiting>,
    weight: usize,
    /// Those that wait for company.
    rounds: Vec<Waiting>,
    /// Commits that left without the rounds.
    missed: u32,
    /// How long the rounds may still wait for a commit; none while there are none.
    patience: Option<Duration>,
    close: Option<oneshot::Sender<Result<(), StoreError>>>,
}

impl Group {
    fn take(&mut self, job: Job) {
        match job {
            Job::Write { task, weight, urgent: true, room } => {
                self.urgent.push((task, room));
                self.weight += weight.max(1);
            }
            Job::Write { task, urgent: false, room, .. } => {
                self.rounds.push((task, room));
                self.patience.get_or_insert(LONGEST_WAIT);
            }
            Job::Close { answer } => self.close = Some(answer),
        }
    }

    fn is_full(&self) -> bool {
        self.weight >= MOST_WEIGHT || self.close.is_some()
    }

    /// Whether the rounds do not wait any longer.
    fn has_waited(&self) -> bool {
        let no_more = self.patience.is_some_and(|left| left.is_zero());
        no_more || self.missed >= MOST_MISSED || self.rounds.len() >= MOST_ROUNDS || self.close.is_some()
    }

    /// What is done now, together; the rounds stay for one of the next commits, unless they have waited.
    fn leave(&mut self) -> Vec<Waiting> {
        let mut tasks = std::mem::take(&mut self.urgent);
        self.weight = 0;
        if self.has_waited() {
            tasks.append(&mut self.rounds);
            (self.missed, self.patience) = (0, None);
        } else if !tasks.is_empty() && !self.rounds.is_empty() {
            self.missed += 1;
        }
        tasks
    }
}

/// The thread's own things.
pub(super) struct Writer {
    db: Connection,
    lock: File,
    state: State,
    threads: Threads,
    jobs: Receiver<Job>,
    published: Arc<Published>,
    /// Why nothing is written any more.
    broken: Option<StoreError>,
    /// Pages in the log after the last commit, as SQLite tells it.
    log_pages: Arc<AtomicI32>,
    checkpoint_at: i32,
    checkpointer: Checkpointer,
}

impl Writer {
    pub(super) fn new(
        opened: Opened,
        jobs: Receiver<Job>,
        published: Arc<Published>,
        checkpointer: Checkpointer,
    ) -> Result<Self, StoreError> {
        let Opened { mut db, lock, state, threads, .. } = opened;
        let log_pages = Arc::new(AtomicI32::new(0));
        let told = Arc::clone(&log_pages);
        // In place of SQLite's own checkpoints: those keep a commit's callers waiting, and hide a failed sync.
        db.wal_hook(Some(move |_: &mut rusqlite::hooks::Wal, pages| {
            told.store(pages, Ordering::Relaxed);
            Ok(())
        }))
        .map_err(|error| Trouble::from(error).into_error())?;
        let checkpoint_at = CHECKPOINT_PAGES;
        Ok(Self {
            db,
            lock,
            state,
            threads,
            jobs,
            published,
            broken: None,
            log_pages,
            checkpoint_at,
            checkpointer,
        })
    }

    /// Runs until it is closed, or until nobody is left to ask.
    pub(super) fn run(mut self) {
        let mut group = Group::default();
        loop {
            match self.next(&group) {
                Ok(job) => group.take(job),
                Err(RecvTimeoutError::Timeout) => group.patience = Some(Duration::ZERO),
                Err(RecvTimeoutError::Disconnected) => break,
            }
            while !group.is_full()
                && let Ok(job) = self.jobs.try_recv()
            {
                group.take(job);
            }
            let tasks = group.leave();
            if tasks.is_empty() && group.close.is_none() {
                continue;
            }
            self.write(tasks);
            if let Some(answer) = group.close {
                // Whoever closes may have stopped waiting.
                let _ = answer.send(self.end());
                return;
            }
            self.checkpoint();
        }
        let Group { mut urgent, mut rounds, .. } = group;
        urgent.append(&mut rounds);
        self.write(urgent);
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
    fn write(&mut self, mut tasks: Vec<Waiting>) {
        if tasks.is_empty() {
            return;
        }
        if let Some(trouble) = self.checkpointer.failure() {
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
    fn transaction(&mut self, tasks: &mut [Waiting]) -> Result<(), Trouble> {
        let before = self.state.clone();
        let changes = self.db.total_changes();
        let done = self.attempt(tasks, &before);
        if done.is_err() {
            self.state = before;
            self.threads.undo();
            self.roll_back();
        } else if self.db.total_changes() != changes {
            self.publish();
        }
        done
    }

    fn attempt(&mut self, tasks: &mut [Waiting], before: &State) -> Result<(), Trouble> {
        self.db.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        let mut tx = Tx { db: &self.db, state: &mut self.state, threads: &mut self.threads };
        for (task, _) in tasks {
            task.perform(&mut tx)?;
        }
        tx.move_heads(before)?;
        self.threads.write(&self.db)?;
        self.db.prepare_cached("COMMIT")?.execute([])?;
        Ok(())
    }

    fn publish(&mut self) {
        self.threads.publish();
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
    fn checkpoint(&mut self) {
        let pages = self.log_pages.load(Ordering::Relaxed);
        if pages < CHECKPOINT_PAGES {
            self.checkpoint_at = CHECKPOINT_PAGES;
        }
        if self.broken.is_some() {
            return;
        }
        if self.checkpointer.is_done() {
            if let Err(trouble) = checkpointer::pass(&self.db) {
                self.give_up(trouble);
            }
        } else if pages >= self.checkpoint_at {
            self.checkpoint_at = pages.saturating_add(CHECKPOINT_AGAIN);
            self.checkpointer.ask();
        }
    }

    /// Closes the file and lets go of it, in this order.
    fn end(mut self) -> Result<(), StoreError> {
        if self.broken.is_none()
            && let Err(trouble) = self.threads.fold_all(&self.db)
        {
            // What is not folded is in its log.
            self.roll_back();
            self.give_up(trouble);
        }
        let Writer { db, lock, checkpointer, .. } = self;
        checkpointer.end();
        let closed = db.close().map_err(|(_, error)| Trouble::from(error).into_error());
        drop(lock);
        closed
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::sync::Semaphore;

    use super::*;

    fn job(urgent: bool) -> Job {
        let (answer, _) = oneshot::channel();
        let task = Box::new(Task::new(|_: &mut Tx<'_>| Ok(()), answer));
        let room = Arc::new(Semaphore::new(1)).try_acquire_owned().unwrap();
        Job::Write { task, weight: 1, urgent, room }
    }

    #[test]
    fn rounds_miss_some_commits_and_ride_in_one() {
        let mut group = Group::default();
        group.take(job(false));
        assert!(group.leave().is_empty(), "it waits for company");
        for _ in 0..MOST_MISSED {
            group.take(job(true));
            assert_eq!(group.leave().len(), 1);
        }
        group.take(job(false));
        group.take(job(true));
        assert_eq!(group.leave().len(), 3, "both rounds ride");
        assert!(group.patience.is_none() && group.leave().is_empty());
        // So many go by themselves, and so does one when nobody comes.
        (0..MOST_ROUNDS).for_each(|_| group.take(job(false)));
        assert_eq!(group.leave().len(), MOST_ROUNDS);
        group.take(job(false));
        group.patience = Some(Duration::ZERO);
        assert_eq!(group.leave().len(), 1);
        // It closes: nothing waits.
        group.take(job(false));
        let (answer, _) = oneshot::channel();
        group.take(Job::Close { answer });
        assert_eq!(group.leave().len(), 1);
    }
}
