//! What must happen by itself: surveys that are held back until control lapses, or until a change of settings
//! takes their thread's owner away. One task for the whole node, asleep until the next of them is due; a thread
//! that holds nothing back has no part in it.

use baton_rules::{ThreadKey, Timestamp};
use baton_store::{StoreError, Stream, stream_of};
use tokio::sync::{Mutex, Notify, oneshot};

use crate::committer::Job;
use crate::engine::Engine;

/// How many are looked at at once.
const PIECE: usize = 100;
/// How long to wait when the store cannot do what is asked of it.
const STORE_MS: i64 = 1_000;

/// Who runs what is due.
#[derive(Default)]
pub(crate) struct Dues {
    /// Something may be due earlier than was known.
    pub(crate) news: Notify,
    /// One at a time: the task, or whoever moves the clock.
    pub(crate) turn: Mutex<()>,
}

/// Runs what is due, when it is due, until the engine stops.
pub(crate) async fn run(engine: Engine) {
    let shared = engine.shared();
    loop {
        let ran = {
            let _turn = shared.dues.turn.lock().await;
            run_due(&engine, shared.clock.now()).await
        };
        let next = match ran {
            Ok(_) => next(&engine).await,
            Err(error) => Err(error),
        };
        let until = next.unwrap_or_else(|error| {
            tracing::warn!(%error, "what is due waits for the store");
            Some(Timestamp(shared.clock.now().0 + STORE_MS))
        });
        let sleep = async {
            match until {
                Some(at) => shared.clock.sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            () = shared.stopping.cancelled() => return,
            () = shared.dues.news.notified() => {}
            () = sleep => {}
        }
    }
}

/// When the next is due.
pub(crate) async fn next(engine: &Engine) -> Result<Option<Timestamp>, StoreError> {
    let due = engine.shared().store.due(Timestamp(i64::MAX), 1).await?;
    Ok(due.first().map(|due| due.at))
}

/// Runs what is due up to a moment, in due order. Returns how much ran.
pub(crate) async fn run_due(engine: &Engine, until: Timestamp) -> Result<u64, StoreError> {
    let (mut ran, mut last) = (0, Vec::new());
    loop {
        let due = engine.shared().store.due(until, PIECE).await?;
        let mut threads: Vec<ThreadKey> = due.into_iter().map(|due| due.thread).collect();
        threads.dedup();
        if threads.is_empty() {
            return Ok(ran);
        }
        if threads == last {
            // Each look either runs what is due or puts it off; what does neither is not looked at for ever.
            let wrong = format!("what is due of {:?} neither runs nor is put off", threads.first());
            return Err(StoreError::Unavailable(wrong));
        }
        // All at once: those of a stream wait for its committer in due order, and share its commits.
        let looks = threads.iter().map(|thread| look(engine, thread));
        ran += futures_util::future::try_join_all(looks).await?.into_iter().sum::<u64>();
        last = threads;
    }
}

/// Has a thread looked at by its committer.
async fn look(engine: &Engine, thread: &ThreadKey) -> Result<u64, StoreError> {
    let stream: Stream = stream_of(thread, engine.shared().store.streams());
    let Some(jobs) = engine.committer(stream) else { return Err(StoreError::Closed) };
    let (reply, answer) = oneshot::channel();
    if jobs.send(Job::Due { thread: thread.clone(), reply }).await.is_err() {
        return Err(StoreError::Closed);
    }
    drop(jobs);
    answer.await.unwrap_or(Err(StoreError::Closed))
}
