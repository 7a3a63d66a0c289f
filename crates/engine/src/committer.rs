//! The write loop, one for each stream: gathers what arrived while the last commit was in flight, has it
//! decided and committed, answers, and wakes delivery. A thread is in one stream, so its changes are applied one after
//! another, and of two that want the same the first is the one that gets it (API-11).

use std::sync::{Arc, Mutex, PoisonError};

use baton_rules::Timestamp;
use baton_store::{Decide, Stream, Wanted};
use tokio::sync::{mpsc, oneshot};

use crate::activity::ActivityKind;
use crate::batch::{Outcome, Prepared, decide_batch};
use crate::engine::Shared;
use crate::receipt::{Failure, Receipt};

/// Requests in one commit at most: beyond this a batch adds waiting and nothing else.
const BATCH: usize = 256;

/// How long after a failure to look whether it was written all the same.
const LOOK_MS: i64 = 1_000;

/// A request on its way, and where its answer goes.
pub(crate) struct Job {
    pub(crate) prepared: Prepared,
    pub(crate) reply: oneshot::Sender<Result<Receipt, Failure>>,
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
                doubt |= !commit(&shared, stream, std::mem::take(&mut gathered)).await;
            }
            () = shared.clock.sleep_until(look), if doubt => doubt = shared.catch_up().await.is_err(),
        }
    }
}

/// Decides and commits; false: the store could not.
async fn commit(shared: &Arc<Shared>, stream: Stream, jobs: Vec<Job>) -> bool {
    let (requests, replies): (Vec<_>, Vec<_>) = jobs.into_iter().map(|job| (job.prepared, job.reply)).unzip();
    let wanted = wanted(shared, &requests);
    let requests = Arc::new(requests);
    let outcomes: Arc<Mutex<Vec<Outcome>>> = Arc::default();
    let decide: Decide = {
        let (requests, outcomes, key) = (Arc::clone(&requests), Arc::clone(&outcomes), shared.key);
        Box::new(move |found| {
            let (batch, decided) = decide_batch(found, &requests, stream, &key);
            // The store may run this again; the last run is the one that counts.
            *outcomes.lock().unwrap_or_else(PoisonError::into_inner) = decided;
            batch
        })
    };
    let committed = shared.store.commit(stream, wanted, decide).await;
    let outcomes = std::mem::take(&mut *outcomes.lock().unwrap_or_else(PoisonError::into_inner));
    let done = committed.is_ok();
    match committed {
        Ok(batch) => {
            // Before delivery hears of it: listeners are told the cause before its effect.
            for outcome in &outcomes {
                tell(shared, &batch.rows, outcome);
            }
            shared.committed(stream, &batch.rows);
            for (outcome, reply) in outcomes.into_iter().zip(replies) {
                // Whoever asked may be gone; what was decided stands.
                let _ = reply.send(outcome.answer);
            }
        }
        Err(error) => {
            tracing::warn!(stream = stream.0, %error, "a batch was not committed");
            for reply in replies {
                let _ = reply.send(Err(Failure::Store(error.clone())));
            }
        }
    }
    done
}

fn wanted(shared: &Shared, requests: &[Prepared]) -> Wanted {
    let mut wanted = Wanted { now: Some(shared.clock.now()), ..Wanted::default() };
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
fn tell(shared: &Shared, rows: &[Arc<baton_store::JournalRow>], outcome: &Outcome) {
    if let Some(decided) = &outcome.decided {
        let rows = rows.get(decided.rows.clone()).unwrap_or_default().to_vec();
        shared.tell(ActivityKind::Decision {
            thread: decided.thread.clone(),
            from: decided.from,
            to: decided.to,
            expires_at: decided.expires_at,
            rows,
        });
    }
}
