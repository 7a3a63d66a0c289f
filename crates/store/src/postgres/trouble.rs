//! What can go wrong inside, before it is known what it means for the callers.

use std::error::Error as _;
use std::fmt::Write as _;

use deadpool_postgres::{HookError, PoolError};
use tokio_postgres::Error;
use tokio_postgres::error::SqlState;

use crate::StoreError;

/// An error of PostgreSQL or of the way to it, or one that already has its words.
#[derive(Debug)]
pub(crate) enum Trouble {
    Postgres(Error),
    /// It took longer than anything may.
    TooLong,
    Store(StoreError),
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        Trouble::Postgres(error)
    }
}

impl From<StoreError> for Trouble {
    fn from(error: StoreError) -> Self {
        Trouble::Store(error)
    }
}

impl From<PoolError> for Trouble {
    fn from(error: PoolError) -> Self {
        match error {
            PoolError::Backend(error) | PoolError::PostCreateHook(HookError::Backend(error)) => {
                Trouble::Postgres(error)
            }
            PoolError::Timeout(_) => Trouble::TooLong,
            PoolError::Closed => Trouble::Store(StoreError::Closed),
            other => Trouble::Store(StoreError::Unavailable(other.to_string())),
        }
    }
}

impl Trouble {
    /// What the callers are told.
    pub(crate) fn into_error(self) -> StoreError {
        match self {
            Trouble::Store(error) => error,
            Trouble::TooLong => StoreError::Unavailable("the database did not answer in time".to_owned()),
            Trouble::Postgres(error) if is_damage(&error) => StoreError::Damaged(told(&error)),
            Trouble::Postgres(error) => StoreError::Unavailable(told(&error)),
        }
    }

    /// Whether the same may go well when it is done again: it met another's work, or the connection broke.
    pub(super) fn may_pass(&self) -> bool {
        match self {
            Trouble::Store(_) | Trouble::TooLong => false,
            Trouble::Postgres(error) => self.breaks_connection() || error.code().is_some_and(is_conflict),
        }
    }

    /// Whether the connection is not to be used any more: it is gone, or leads to a server that does not write.
    pub(super) fn breaks_connection(&self) -> bool {
        match self {
            Trouble::Store(_) => false,
            Trouble::TooLong => true,
            Trouble::Postgres(error) => match error.code() {
                None => !is_damage(error),
                Some(code) => {
                    let leaves = [
                        SqlState::ADMIN_SHUTDOWN,
                        SqlState::CRASH_SHUTDOWN,
                        SqlState::CANNOT_CONNECT_NOW,
                        SqlState::READ_ONLY_SQL_TRANSACTION,
                        SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT,
                    ];
                    code.code().starts_with("08") || leaves.contains(code)
                }
            },
        }
    }
}

pub(super) fn is_conflict(code: &SqlState) -> bool {
    let conflicts =
        [SqlState::T_R_SERIALIZATION_FAILURE, SqlState::T_R_DEADLOCK_DETECTED, SqlState::LOCK_NOT_AVAILABLE];
    conflicts.contains(code)
}

/// A value that is not of its column's type, or a page that PostgreSQL itself cannot read.
fn is_damage(error: &Error) -> bool {
    match error.code() {
        Some(code) => [SqlState::DATA_CORRUPTED, SqlState::INDEX_CORRUPTED].contains(code),
        // The driver has no other way to tell this.
        None => error.source().is_some_and(|source| {
            source.is::<tokio_postgres::types::WrongType>() || source.is::<tokio_postgres::types::WasNull>()
        }),
    }
}

/// The words of an error and of what caused it. A statement's values are in neither.
pub(super) fn told(error: &Error) -> String {
    if let Some(said) = error.as_db_error() {
        return format!("{} ({})", said.message(), said.code().code());
    }
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        // A string that is written to does not fail.
        let _ = write!(text, ": {error}");
        cause = error.source();
    }
    text
}
