//! Where each kind of store keeps its things, over one process and the next.

use std::sync::Arc;

use baton_store::Store;
use baton_store::memory::MemoryStore;
use baton_store::sqlite::{Options, SqliteStore};

use crate::made::STREAMS;

/// What outlives a handle on a store.
pub(crate) enum Disk {
    /// SQLite, and how far its table of threads lags behind ([`Options::lagging`]).
    Sqlite(tempfile::TempDir, u32),
    Memory(MemoryStore),
}

impl Disk {
    pub(crate) fn sqlite() -> Self {
        Disk::Sqlite(tempfile::tempdir().unwrap(), Options::default().lagging)
    }

    /// SQLite with a table of threads that follows at once, so that a few changes bring about everything that it does.
    pub(crate) fn folding() -> Self {
        Disk::Sqlite(tempfile::tempdir().unwrap(), 2)
    }

    pub(crate) fn memory() -> Self {
        Disk::Memory(MemoryStore::new(STREAMS, [7; 32]))
    }

    /// Opens it, as a process does that starts.
    #[expect(clippy::unused_async, reason = "a store behind a network opens with a wait")]
    pub(crate) async fn open(&self) -> Arc<dyn Store> {
        match self {
            Disk::Sqlite(folder, lagging) => {
                let path = folder.path().join("baton.db");
                let options = Options { streams: STREAMS, lagging: *lagging };
                Arc::new(SqliteStore::open(&path, options).unwrap())
            }
            Disk::Memory(store) => Arc::new(store.reopen()),
        }
    }
}
