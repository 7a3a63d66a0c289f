//! The people who run Baton, and what they did: kept beside everything else, and decided about by the server.

use baton_store::{AuditLine, StoreError, Team};

use super::Engine;

impl Engine {
    /// Who may sign in.
    pub async fn team(&self) -> Result<Team, StoreError> {
        self.shared.store.team().await
    }

    /// Keeps who may sign in, if it still is who could `before`; durable when it returns. False: another node changed it.
    pub async fn change_team(&self, before: Team, after: Team) -> Result<bool, StoreError> {
        match self.shared.store.nodes() {
            Some(nodes) => nodes.change_team(before, after).await,
            // Nobody else is there to change it.
            None => self.shared.store.keep_team(after).await.map(|()| true),
        }
    }

    /// Adds what somebody did; durable when it returns.
    pub async fn audit(&self, line: AuditLine) -> Result<(), StoreError> {
        self.shared.store.audit(line).await
    }

    /// What was done, newest first, each with its number; before a number.
    pub async fn audited(
        &self,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<(u64, AuditLine)>, StoreError> {
        self.shared.store.audited(before, limit).await
    }
}
