//! What apps keep about a page, and single messages: read and written beside the streams, by nobody's turn.

use std::sync::Arc;

use baton_rules::PageId;
use baton_store::{Asset, AssetChange, AssetKey, AssetKind, JournalRow, Position, StoreError, Stream};
use baton_wire::{MessageId, signature};

use super::Engine;

impl Engine {
    /// One of a page's assets, with its bytes.
    pub async fn asset(&self, key: &AssetKey) -> Result<Option<Asset>, StoreError> {
        self.shared.store.asset(key).await
    }

    /// A page's assets of a kind, without bytes, in the order of their keys, after a key.
    pub async fn assets(
        &self,
        page: PageId,
        kind: AssetKind,
        after: &str,
        limit: usize,
    ) -> Result<Vec<Asset>, StoreError> {
        self.shared.store.assets(page, kind, after, limit).await
    }

    /// Keeps and forgets assets; durable when it returns.
    pub async fn change_assets(&self, change: AssetChange) -> Result<(), StoreError> {
        self.shared.store.change_assets(change).await
    }

    /// The row of the message that a `mid` names; none if this database never made it.
    pub async fn message(&self, mid: &str) -> Result<Option<Arc<JournalRow>>, StoreError> {
        let Some((stream, position)) = MessageId::place(&self.shared.key, mid) else { return Ok(None) };
        self.shared.store.row(Stream(stream), Position(position)).await
    }

    /// A secret of this database for one purpose, the same over every restart.
    pub fn secret(&self, purpose: &str) -> [u8; 32] {
        signature::derived(&self.shared.key, purpose)
    }
}
