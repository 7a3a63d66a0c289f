//! What can go wrong inside, before it is known what it means for the callers.

use rusqlite::ffi;
use rusqlite::{Error, ErrorCode};

use crate::StoreError;

/// An error of SQLite, or one that already has its words.
#[derive(Debug)]
pub(super) enum Trouble {
    Sqlite(Error),
    Store(StoreError),
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        Trouble::Sqlite(error)
    }
}

impl From<StoreError> for Trouble {
    fn from(error: StoreError) -> Self {
        Trouble::Store(error)
    }
}

impl Trouble {
    /// What the callers are told.
    pub(super) fn into_error(self) -> StoreError {
        match self {
            Trouble::Store(error) => error,
            Trouble::Sqlite(error) => match error.sqlite_error_code() {
                Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => {
                    StoreError::Damaged(error.to_string())
                }
                Some(_) => StoreError::Unavailable(error.to_string()),
                // Not from SQLite itself: a column holds what its type does not allow.
                None => StoreError::Damaged(error.to_string()),
            },
        }
    }

    /// Whether nobody's job can be done now, whichever met it: no room, no disk, no memory.
    pub(super) fn is_everybodys(&self) -> bool {
        let Trouble::Sqlite(error) = self else { return false };
        matches!(
            error.sqlite_error_code(),
            Some(
                ErrorCode::DiskFull
                    | ErrorCode::SystemIoFailure
                    | ErrorCode::CannotOpen
                    | ErrorCode::ReadOnly
                    | ErrorCode::PermissionDenied
                    | ErrorCode::OutOfMemory
                    | ErrorCode::DatabaseBusy
            )
        )
    }

    /// Whether the disk lost something that it had taken. After a failed sync nobody knows what is on it, and
    /// the next sync may succeed without having written it: only a restart reads what is really there.
    pub(super) fn is_final(&self) -> bool {
        let Trouble::Sqlite(Error::SqliteFailure(error, _)) = self else { return false };
        match error.code {
            ErrorCode::SystemIoFailure => !matches!(
                error.extended_code,
                // The shared index is memory: what fails there (no room, as a rule) is made again.
                ffi::SQLITE_IOERR_SHMOPEN
                    | ffi::SQLITE_IOERR_SHMSIZE
                    | ffi::SQLITE_IOERR_SHMLOCK
                    | ffi::SQLITE_IOERR_SHMMAP
                    | ffi::SQLITE_IOERR_NOMEM
            ),
            _ => false,
        }
    }
}
