//! What a copy needs of a file: to read it while nobody else uses it, and to make a new one.

use std::fs::File;
use std::path::{Path, PathBuf};

use rusqlite::Connection;

use super::{Options, open};
use crate::StoreError;

/// A file to read, and the lock that keeps servers away.
pub(crate) fn read_alone(path: &Path) -> Result<(Connection, File), StoreError> {
    let lock = open::lock(path)?;
    Ok((open::reader(path)?, lock))
}

/// Makes a file with everything that is in a new database, beside where it will be.
pub(crate) fn draft(path: &Path, options: Options) -> Result<PathBuf, StoreError> {
    if path.try_exists().unwrap_or(true) {
        let text = format!("{} is there already: a copy is written into a new file", path.display());
        return Err(StoreError::CannotOpen(text));
    }
    open::draft(path, options)
}

/// Opens what [`draft`] made.
pub(crate) fn open_draft(draft: &Path) -> Result<Connection, StoreError> {
    open::writable(draft)
}

/// Gives it its name.
pub(crate) fn publish(draft: &Path, path: &Path) -> Result<(), StoreError> {
    let sync = File::open(draft).and_then(|file| file.sync_all());
    sync.map_err(|error| StoreError::Unavailable(format!("{}: {error}", draft.display())))?;
    open::take_place(draft, path)
}

/// Takes away what was not finished.
pub(crate) fn discard(draft: &Path) {
    if let Err(error) = open::remove_draft(draft) {
        tracing::warn!(%error, path = %draft.display(), "what was begun stays");
    }
}

/// What SQLite says.
pub(crate) fn told(error: &rusqlite::Error) -> StoreError {
    StoreError::Unavailable(error.to_string())
}
