//! Batches of different streams that wait at the same moment are written together: a transaction costs as much as some dozens of
//! events, and a node with little in flight in each of its streams would pay for one by a handful.

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::future::join_all;
use tokio::sync::oneshot;

use super::commit::{Commit, Together};
use super::work::{Work as _, Writer};
use crate::{Batch, StoreError, Stream};

/// Transactions of decisions that a node has under way at once. What comes meanwhile waits, and goes with the next.
const ABREAST: usize = 2;

/// Threads and keys in one transaction at most: beyond this it adds waiting and nothing else.
const MOST: usize = 512;

/// A batch that waits, and where what becomes of it is told.
struct Asked {
    commit: Commit,
    reply: oneshot::Sender<Result<Batch, StoreError>>,
}

/// What waits to be written.
#[derive(Default)]
pub(super) struct Gathering {
    waiting: Mutex<Waiting>,
}

#[derive(Default)]
struct Waiting {
    asked: VecDeque<Asked>,
    /// Streams of which a batch is under way: the next one of them waits for it.
    busy: BTreeSet<Stream>,
    /// How many carry something to the database.
    carriers: usize,
}

impl Waiting {
    /// What goes next, at most one batch of each stream; the order of a stream's batches stays.
    fn take(&mut self) -> Vec<Asked> {
        let (mut taken, mut left) = (Vec::new(), VecDeque::new());
        let (mut room, mut passed) = (MOST, BTreeSet::new());
        for asked in self.asked.drain(..) {
            let (stream, wanted) = (asked.commit.stream, &asked.commit.wanted);
            let size = wanted.threads.len() + wanted.seen.len();
            let fits = size <= room || taken.is_empty();
            if fits && !self.busy.contains(&stream) && !passed.contains(&stream) {
                self.busy.insert(stream);
                room = room.saturating_sub(size);
                taken.push(asked);
            } else {
                passed.insert(stream);
                left.push_back(asked);
            }
        }
        self.asked = left;
        // As they are locked.
        taken.sort_by_key(|asked| asked.commit.stream);
        taken
    }
}

impl Gathering {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has a batch written, and says what became of it.
    pub(super) async fn write(
        self: &Arc<Self>,
        writer: &Arc<Writer>,
        commit: Commit,
    ) -> Result<Batch, StoreError> {
        let (reply, answer) = oneshot::channel();
        let goes = {
            let mut waiting = self.waiting();
            waiting.asked.push_back(Asked { commit, reply });
            let goes = waiting.carriers < ABREAST;
            waiting.carriers += usize::from(goes);
            goes
        };
        if goes {
            // A task of its own: whoever asked may go, and the others' batches are in it too.
            tokio::spawn(Arc::clone(self).carry(Arc::clone(writer)));
        }
        answer.await.unwrap_or_else(|_| gone())
    }

    /// Writes what waits until nothing does.
    async fn carry(self: Arc<Self>, writer: Arc<Writer>) {
        loop {
            let taken = {
                let mut waiting = self.waiting();
                let taken = waiting.take();
                if taken.is_empty() {
                    // What waits for a stream that is busy is taken by who has that.
                    waiting.carriers -= 1;
                    return;
                }
                taken
            };
            let streams: Vec<Stream> = taken.iter().map(|asked| asked.commit.stream).collect();
            write(&writer, taken).await;
            self.waiting().busy.retain(|stream| !streams.contains(stream));
        }
    }
}

/// Writes batches in one transaction. Where that is refused, or somebody else has one of the streams for long, each goes in its
/// own, so that none fails or waits for another one's sake.
async fn write(writer: &Writer, taken: Vec<Asked>) {
    let (commits, replies): (Vec<_>, Vec<_>) =
        taken.into_iter().map(|asked| (asked.commit, asked.reply)).unzip();
    let together = Together { commits };
    let ended = match writer.written(&together).await {
        Ok(done) => done,
        Err(unwritten) if unwritten.surely && together.has_parts() => {
            let alone = together.commits.into_iter().zip(replies).map(|(commit, reply)| async move {
                let done = writer.write(Together { commits: vec![commit] }).await;
                // Whoever asked may be gone; what was decided stands.
                let _ = reply.send(done.and_then(|done| done.into_iter().next().unwrap_or_else(gone)));
            });
            join_all(alone).await;
            return;
        }
        Err(unwritten) => replies.iter().map(|_| Err(unwritten.error.clone())).collect(),
    };
    for (reply, ended) in replies.into_iter().zip(ended) {
        let _ = reply.send(ended);
    }
}

fn gone() -> Result<Batch, StoreError> {
    Err(StoreError::Unavailable("the program ends".to_owned()))
}
