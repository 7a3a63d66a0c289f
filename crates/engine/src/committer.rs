//! The write loop, one for each stream: gathers what arrived while the last commit was in flight, has it
//! decided and committed, answers, and wakes delivery. A thread is in one stream, so its changes are applied one after
//! another, and of two that want the same the first is the one that gets it (API-11).

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use baton_rules::{ThreadKey, Timestamp};
use baton_store::{Decide, StoreError, Stream, Wanted};
use tokio::sync::{Semaphore, SemaphorePermit, mpsc, oneshot};

use crate::activity::ActivityKind;
use crate::batch::{Decided, Outcome, Prepared, decide_batch};
use crate::clock::Stopwatch;
use crate::comments::{self, Came, CommentFailure, Commented, KeptComment};
use crate::engine::Shared;
use crate::receipt::{Failure, Receipt};

/// Requests in one commit at most: beyond this a batch adds waiting and nothing else.
const BATCH: usize = 256;

/// How long a batch waits for its turn: many times what a commit takes, and little beside what the store gives one that is held up.
const LONGEST_TURN: Duration = Duration::from_millis(200);

/// How long after a failure to look whether it was written all the same.
const LOOK_MS: i64 = 1_000;

/// What a committer has to do, and where its answer goes. `times`: how often this node had stood still when it was asked.
pub(crate) enum Job {
    /// A request on its way.
    Ask { prepared: Box<Prepared>, times: u64, reply: oneshot::Sender<Result<Receipt, Failure>> },
    /// A comment under a post.
    Comment {
        commented: Box<Commented>,
        times: u64,
        reply: oneshot::Sender<Result<KeptComment, CommentFailure>>,
    },
    /// A thread of which something is due. The answer is how much of it ran.
    Due { thread: ThreadKey, reply: oneshot::Sender<Result<u64, StoreError>> },
}

/// What became of each thread that was due, of each request, and of each comment.
type Became = (Vec<Vec<Decided>>, Vec<Outcome>, Vec<Came>);

/// Where the answers of a batch go, in the order of what was asked.
#[derive(Default)]
struct Replies {
    asked: Vec<oneshot::Sender<Result<Receipt, Failure>>>,
    due: Vec<oneshot::Sender<Result<u64, StoreError>>>,
    commented: Vec<oneshot::Sender<Result<KeptComment, CommentFailure>>>,
}

impl Replies {
    const fn count(&self) -> usize {
        self.asked.len() + self.due.len() + self.commented.len()
    }

    /// Whoever asked may be gone; what was decided stands.
    fn answer(self, (ran, outcomes, commented): Became) {
        for (ran, reply) in ran.into_iter().zip(self.due) {
            let _ = reply.send(Ok(ran.len() as u64));
        }
        for (outcome, reply) in outcomes.into_iter().zip(self.asked) {
            let _ = reply.send(outcome.answer);
        }
        for (came, reply) in commented.into_iter().zip(self.commented) {
            let _ = reply.send(came.answer);
        }
    }

    fn fail(self, error: &StoreError) {
        for reply in self.asked {
            let _ = reply.send(Err(Failure::Store(error.clone())));
        }
        for reply in self.due {
            let _ = reply.send(Err(error.clone()));
        }
        for reply in self.commented {
            let _ = reply.send(Err(CommentFailure::Store(error.clone())));
        }
    }
}

/// Runs until the engine drops its sender and everything taken is answered.
pub(crate) async fn run(shared: Arc<Shared>, stream: Stream, mut jobs: mpsc::Receiver<Job>) {
    let mut gathered = Vec::with_capacity(BATCH);
    // Whether the store failed, so that what it holds is not known.
    let mut doubt = false;
    loop {
        let look = Timestamp(shared.clock.now().0 + LOOK_MS);
        tokio::select! {
            biased;
            taken = jobs.recv_many(&mut gathered, BATCH) => {
                if taken == 0 {
                    return;
                }
                let _turn = turn(&shared.committing, &mut jobs, &mut gathered).await;
                doubt |= !commit(&shared, stream, std::mem::take(&mut gathered)).await;
            }
            () = shared.clock.sleep_until(look), if doubt => doubt = shared.catch_up().await.is_err(),
        }
    }
}

/// A turn to commit. Whoever waits for it does not commit the little that woke it, but all that came meanwhile. None: the
/// others take too long, which may be their streams' own trouble, and none of this one's.
async fn turn<'a, T>(
    turns: &'a Semaphore,
    jobs: &mut mpsc::Receiver<T>,
    gathered: &mut Vec<T>,
) -> Option<SemaphorePermit<'a>> {
    let turn = tokio::time::timeout(LONGEST_TURN, turns.acquire()).await;
    while gathered.len() < BATCH
        && let Ok(job) = jobs.try_recv()
    {
        gathered.push(job);
    }
    turn.ok()?.ok()
}

/// Decides and commits; false: the store could not.
async fn commit(shared: &Arc<Shared>, stream: Stream, jobs: Vec<Job>) -> bool {
    let (mut requests, mut due, mut commented) = (Vec::with_capacity(jobs.len()), Vec::new(), Vec::new());
    let mut replies = Replies::default();
    let stood_still = shared.standstill.times();
    for job in jobs {
        match job {
            Job::Ask { times, reply, .. } if times != stood_still => {
                let _ = reply.send(Err(Failure::Busy));
            }
            Job::Comment { times, reply, .. } if times != stood_still => {
                let _ = reply.send(Err(CommentFailure::Busy));
            }
            Job::Ask { prepared, reply, .. } => {
                requests.push(*prepared);
                replies.asked.push(reply);
            }
            Job::Comment { commented: one, reply, .. } => {
                commented.push(*one);
                replies.commented.push(reply);
            }
            Job::Due { thread, reply } => {
                due.push(thread);
                replies.due.push(reply);
            }
        }
    }
    if replies.count() == 0 {
        return true;
    }
    let mut wanted = wanted(shared, &due, &requests);
    comments::want(&commented, &mut wanted);
    let asked = Arc::new((due, requests, commented));
    let came: Arc<Mutex<Became>> = Arc::default();
    let decide: Decide = {
        let (asked, came, key) = (Arc::clone(&asked), Arc::clone(&came), shared.key);
        Box::new(move |found| {
            let (mut batch, told, outcomes) = decide_batch(found, &asked.0, &asked.1, stream, &key);
            let commented = comments::decide(found, &asked.2, &mut batch);
            // The store may run this again; the last run is the one that counts.
            *came.lock().unwrap_or_else(PoisonError::into_inner) = (told, outcomes, commented);
            batch
        })
    };
    let _turn = match &shared.followed {
        Some(followed) => followed.turn(stream).await,
        None => None,
    };
    let watch = Stopwatch::start();
    let committed = shared.store.commit(stream, wanted, decide).await;
    let (told, outcomes, commented) =
        std::mem::take(&mut *came.lock().unwrap_or_else(PoisonError::into_inner));
    let done = committed.is_ok();
    match committed {
        Ok(batch) => {
            shared.measures.committed(replies.count(), watch.elapsed_ms_exact());
            // Before delivery hears of it: listeners are told the cause before its effect.
            told.iter().flatten().for_each(|decided| tell(shared, &batch.rows, decided));
            outcomes.iter().flat_map(|one| &one.decided).for_each(|one| tell(shared, &batch.rows, one));
            for (by, row) in commented.iter().filter_map(|came| came.told.as_ref()) {
                if let Some(row) = batch.rows.get(*row).map(Arc::clone) {
                    shared.tell(ActivityKind::Comment { by: by.clone(), row });
                }
            }
            shared.committed(stream, &batch);
            replies.answer((told, outcomes, commented));
        }
        Err(error) => {
            tracing::warn!(stream = stream.0, %error, "a batch was not committed");
            replies.fail(&error);
        }
    }
    done
}

fn wanted(shared: &Shared, due: &[ThreadKey], requests: &[Prepared]) -> Wanted {
    let mut wanted = Wanted { now: Some(shared.clock.now()), threads: due.to_vec(), ..Wanted::default() };
    for prepared in requests {
        let thread = &prepared.request.thread;
        if !wanted.threads.contains(thread) {
            wanted.threads.push(thread.clone());
        }
        if let Some(key) = &prepared.request.key {
            wanted.seen.push((thread.clone(), key.key.as_str().into()));
        }
    }
    wanted
}

/// Tells listeners.
fn tell(shared: &Shared, rows: &[Arc<baton_store::JournalRow>], decided: &Decided) {
    let rows = rows.get(decided.rows.clone()).unwrap_or_default().to_vec();
    shared.tell(ActivityKind::Decision {
        thread: decided.thread.clone(),
        from: decided.from,
        to: decided.to,
        expires_at: decided.expires_at,
        rows,
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_comes_while_a_batch_waits_for_its_turn_goes_with_it() {
        let (turns, (jobs, mut taken)) = (Semaphore::new(1), mpsc::channel(2 * BATCH));
        let mut gathered = vec![0];
        let others = turns.acquire().await;
        let ended = async {
            for job in 1..=BATCH {
                jobs.send(job).await.unwrap();
            }
            drop(others);
        };
        let (turn, ()) = tokio::join!(turn(&turns, &mut taken, &mut gathered), ended);
        assert_eq!((turn.is_some(), turns.available_permits()), (true, 0));
        assert_eq!(gathered, (0..BATCH).collect::<Vec<_>>(), "as many as go into a batch");
        assert_eq!(taken.try_recv(), Ok(BATCH), "and the next one waits");
    }

    #[tokio::test(start_paused = true)]
    async fn a_batch_does_not_wait_for_long_for_others_that_are_held_up() {
        let (turns, (jobs, mut taken)) = (Semaphore::new(1), mpsc::channel(2));
        let mut gathered = vec![0];
        let _others = turns.acquire().await;
        jobs.send(1).await.unwrap();
        assert!(turn(&turns, &mut taken, &mut gathered).await.is_none(), "it goes without one");
        assert_eq!(gathered, [0, 1]);
    }
}
