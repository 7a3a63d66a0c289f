//! Folds the log into the file, on a thread and a connection of its own: the writer goes on meanwhile. What came while
//! it folded is little, and the writer folds that itself, so that the log begins anew.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use rusqlite::Connection;

use super::open;
use super::trouble::Trouble;
use crate::StoreError;

/// A pass that folds fewer pages than this leaves little enough to the writer.
const FEW_PAGES: i64 = 512;
/// Passes in a row: a writer that is faster than this thread gets the rest to do, and so waits for it.
const MOST_PASSES: u32 = 16;

/// The thread's handle, which the writer has.
pub(super) struct Checkpointer {
    asked: SyncSender<()>,
    said: Arc<Said>,
    thread: JoinHandle<()>,
}

/// What the thread says.
#[derive(Default)]
struct Said {
    done: AtomicBool,
    failed: Mutex<Option<Trouble>>,
}

impl Checkpointer {
    /// Starts it; it does nothing until it is asked.
    pub(super) fn start(path: &Path) -> Result<Self, StoreError> {
        let db = open::writable(path)?;
        let (asked, asks) = sync_channel(1);
        let said = Arc::new(Said::default());
        let says = Arc::clone(&said);
        let thread = std::thread::Builder::new()
            .name("baton-log".to_owned())
            .spawn(move || run(&db, &asks, &says))
            .map_err(|error| StoreError::CannotOpen(format!("no thread for the store: {error}")))?;
        Ok(Self { asked, said, thread })
    }

    /// Has the log folded, if that is not under way.
    pub(super) fn ask(&self) {
        // One that was asked already will see all there is.
        let _ = self.asked.try_send(());
    }

    /// Whether it has folded what there was since this was last called.
    pub(super) fn is_done(&self) -> bool {
        self.said.done.swap(false, Ordering::AcqRel)
    }

    /// Why it could not, since this was last called.
    pub(super) fn failure(&self) -> Option<Trouble> {
        self.said.failed.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Ends it, and waits for that.
    pub(super) fn end(self) {
        let Self { asked, thread, .. } = self;
        drop(asked);
        if thread.join().is_err() {
            tracing::error!("the thread that folds the log ended in a panic");
        }
    }
}

fn run(db: &Connection, asks: &Receiver<()>, says: &Said) {
    while asks.recv().is_ok() {
        match passes(db) {
            Ok(()) => says.done.store(true, Ordering::Release),
            Err(trouble) => {
                *says.failed.lock().unwrap_or_else(PoisonError::into_inner) = Some(trouble);
            }
        }
    }
}

/// Pass after pass, until one finds little to do.
fn passes(db: &Connection) -> Result<(), Trouble> {
    let mut before = 0;
    for _ in 0..MOST_PASSES {
        let folded = pass(db)?;
        if folded - before < FEW_PAGES {
            return Ok(());
        }
        before = folded;
    }
    Ok(())
}

/// Folds what is in the log now, as far as no reader needs the file as it was. Returns how many of the log's pages are
/// folded.
pub(super) fn pass(db: &Connection) -> Result<i64, Trouble> {
    Ok(db.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |row| row.get(2))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_that_cannot_be_folded_is_told() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), vec![7; 8192]).unwrap();
        let (asked, asks) = sync_channel(1);
        asked.send(()).unwrap();
        drop(asked);
        let says = Said::default();
        run(&Connection::open(file.path()).unwrap(), &asks, &says);
        assert!(!says.done.into_inner());
        let failed = says.failed.into_inner().unwrap().map(Trouble::into_error);
        assert!(matches!(failed, Some(StoreError::Damaged(_))), "{failed:?}");
    }
}
