//! Where a store keeps its things, over one process and the next: a database.

use std::sync::Arc;

use baton_pgtest::Server;
use baton_store::Store;
use baton_store::postgres::{Address, Options, PostgresStore, Time};

use crate::made::STREAMS;

/// What outlives a handle on a store.
pub(crate) struct Disk(Address);

impl Disk {
    pub(crate) fn postgres() -> Self {
        Disk(Server::shared().database().parse().unwrap())
    }

    /// Opens it, as a process does that starts.
    pub(crate) async fn open(&self) -> Arc<dyn Store> {
        let options = Options { streams: STREAMS, connections: 8, time: Time::Caller };
        Arc::new(PostgresStore::open(&self.0, options).await.unwrap())
    }
}
