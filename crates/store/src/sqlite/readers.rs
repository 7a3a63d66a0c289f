//! The connections that only look. Each query has one for itself, on a blocking thread, so that no look
//! waits for the writer and the writer waits for none.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;
use tokio::sync::Semaphore;

use super::open;
use super::trouble::Trouble;
use crate::StoreError;

/// How many looks there are at a time.
const READERS: u32 = 4;

/// A few connections, and as many permits.
#[derive(Debug)]
pub(super) struct Readers {
    path: PathBuf,
    idle: Arc<Mutex<Vec<Connection>>>,
    permits: Semaphore,
}

impl Readers {
    pub(super) fn open(path: &Path) -> Result<Self, StoreError> {
        let connections: Result<Vec<_>, _> = (0..READERS).map(|_| open::reader(path)).collect();
        Ok(Self {
            path: path.to_owned(),
            idle: Arc::new(Mutex::new(connections?)),
            permits: Semaphore::new(READERS as usize),
        })
    }

    pub(super) async fn look<T: Send + 'static>(
        &self,
        query: impl FnOnce(&Connection) -> Result<T, Trouble> + Send + 'static,
    ) -> Result<T, StoreError> {
        let permit = self.permits.acquire().await.map_err(|_| StoreError::Closed)?;
        let taken = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let connection = match taken {
            Some(connection) => connection,
            // A look that was given up half-way kept its connection until it ended.
            None => open::reader(&self.path)?,
        };
        let idle = Arc::clone(&self.idle);
        let looked = tokio::task::spawn_blocking(move || {
            let found = query(&connection);
            idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
            found.map_err(Trouble::into_error)
        });
        let found = looked.await;
        drop(permit);
        found.map_err(|error| StoreError::Unavailable(format!("a query did not end: {error}")))?
    }

    /// Waits for the looks under way, and lets nobody look any more.
    pub(super) async fn close(&self) {
        let all = self.permits.acquire_many(READERS).await;
        self.permits.close();
        drop(all);
        self.drop_idle();
    }

    pub(super) fn drop_idle(&self) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}
