//! The people who run Baton, and what they did: kept beside everything else, and decided about by the server.

use baton_store::{AuditLine, StoreError, Team};

use super::Engine;

impl Engine {
    /// Who may sign in.
    pub async fn team(&self) -> Result<Team, StoreError> {
        self.shared.store.team().await
    }

    /// Keeps who may sign in; durable when it returns.
    pub async fn keep_team(&self, team: Team) -> Result<(), StoreError> {
        self.shared.store.keep_team(team).await
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
