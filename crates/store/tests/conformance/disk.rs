//! Where each kind of store keeps its things, over one process and the next.

use std::sync::Arc;

use baton_store::Store;
use baton_store::memory::MemoryStore;
use baton_store::sqlite::{Options, SqliteStore};

use crate::made::STREAMS;

/// What outlives a handle on a store.
pub(crate) enum Disk {
    Sqlite(tempfile::TempDir),
    Memory(MemoryStore),
}

impl Disk {
    pub(crate) fn sqlite() -> Self {
        Disk::Sqlite(tempfile::tempdir().unwrap())
    }

    pub(crate) fn memory() -> Self {
        Disk::Memory(MemoryStore::new(STREAMS, [7; 32]))
    }

    /// Opens it, as a process does that starts.
    #[expect(clippy::unused_async, reason = "a store behind a network opens with a wait")]
    pub(crate) async fn open(&self) -> Arc<dyn Store> {
        match self {
            Disk::Sqlite(folder) => {
                let path = folder.path().join("baton.db");
                Arc::new(SqliteStore::open(&path, Options { streams: STREAMS }).unwrap())
            }
            Disk::Memory(store) => Arc::new(store.reopen()),
        }
    }
}
