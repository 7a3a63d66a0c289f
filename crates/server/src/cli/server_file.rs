//! `server.json` in the data directory: where a server runs, and its operator token. Whoever may read the
//! file may use the server; so only its owner may.

use std::io::Write;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::Failure;

/// What the file says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ServerFile {
    pub(crate) url: String,
    pub(crate) operator_token: String,
}

const NAME: &str = "server.json";

impl ServerFile {
    /// The file of a directory, if it is there and can be read.
    pub(crate) fn read(directory: &Path) -> Option<Self> {
        serde_json::from_slice(&std::fs::read(directory.join(NAME)).ok()?).ok()
    }

    pub(crate) fn write(&self, directory: &Path) -> Result<(), Failure> {
        let text = serde_json::to_string_pretty(self).unwrap_or_default();
        write_private(&directory.join(NAME), &text)
    }

    /// Removes the file, unless another server wrote it meanwhile.
    pub(crate) fn remove(&self, directory: &Path) {
        if Self::read(directory).as_ref() == Some(self)
            && let Err(error) = std::fs::remove_file(directory.join(NAME))
        {
            tracing::warn!(%error, "server.json stays");
        }
    }
}

/// Where a data directory keeps the operator token.
pub(crate) fn operator_token_path(directory: &Path) -> PathBuf {
    directory.join("operator-token")
}

/// The default data directory.
pub(crate) fn data_directory() -> Option<PathBuf> {
    dirs::data_dir().map(|data| data.join("baton"))
}

/// Where a server that keeps nothing says where it is.
pub(crate) fn runtime_directory() -> PathBuf {
    match dirs::runtime_dir() {
        Some(runtime) => runtime.join("baton"),
        // The directory for what is temporary is everybody's.
        None => std::env::temp_dir().join(format!("baton-{}", owner("/proc/self").unwrap_or_default())),
    }
}

fn owner(path: impl AsRef<Path>) -> Option<u32> {
    std::fs::metadata(path).ok().map(|known| std::os::unix::fs::MetadataExt::uid(&known))
}

/// Makes a directory for secrets in a place that others may write to: one that somebody else made, or that
/// others may enter, is refused.
pub(crate) fn make_own(directory: &Path) -> Result<(), Failure> {
    make_private(directory)?;
    let known = std::fs::symlink_metadata(directory);
    let is_own = known.is_ok_and(|known| {
        let mode = std::os::unix::fs::PermissionsExt::mode(&known.permissions());
        known.is_dir()
            && mode & 0o077 == 0
            && owner("/proc/self").is_none_or(|own| std::os::unix::fs::MetadataExt::uid(&known) == own)
    });
    if is_own {
        return Ok(());
    }
    Err(Failure::new(format!("{} is not this user's own", directory.display()))
        .why("somebody else made it, or others may enter it")
        .advice("remove it, or set XDG_RUNTIME_DIR to a directory that is yours alone"))
}

/// Makes a directory that only its owner may enter, unless it is there.
pub(crate) fn make_private(directory: &Path) -> Result<(), Failure> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(directory).map_err(|error| {
        Failure::new(format!("cannot make the directory {}", directory.display()))
            .why(error)
            .advice("name another one with --data")
    })
}

/// Writes a file that only its owner may read: whole, or not at all.
pub(crate) fn write_private(path: &Path, text: &str) -> Result<(), Failure> {
    let beside = path.with_extension(format!("{}.new", std::process::id()));
    let write = || {
        // A file that is left from before may be somebody else's to read.
        match std::fs::remove_file(&beside) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&beside)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        // Root writes for whom the directory belongs to: a server that runs as somebody else must be able to read it.
        #[cfg(unix)]
        if let Some(directory) = path.parent() {
            use std::os::unix::fs::MetadataExt;
            let (own, wanted) = (file.metadata()?, std::fs::metadata(directory)?);
            if own.uid() == 0 && wanted.uid() != 0 {
                std::os::unix::fs::fchown(&file, Some(wanted.uid()), Some(wanted.gid()))?;
            }
        }
        std::fs::rename(&beside, path)
    };
    write().map_err(|error| {
        Failure::new(format!("cannot write {}", path.display()))
            .why(error)
            .advice("name another directory with --data")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_its_owners_and_is_removed_only_by_its_writer() {
        let directory = tempfile::tempdir().unwrap();
        let one = ServerFile { url: "http://127.0.0.1:1".to_owned(), operator_token: "a".to_owned() };
        let other = ServerFile { url: "http://127.0.0.1:2".to_owned(), operator_token: "b".to_owned() };
        one.write(directory.path()).unwrap();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = std::fs::metadata(directory.path().join(NAME)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
        other.write(directory.path()).unwrap();
        one.remove(directory.path());
        assert_eq!(ServerFile::read(directory.path()), Some(other.clone()));
        other.remove(directory.path());
        assert_eq!(ServerFile::read(directory.path()), None);
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
    }

    #[cfg(unix)]
    #[test]
    fn what_root_writes_is_the_directorys_owners() {
        use std::os::unix::fs::{MetadataExt, chown};
        let directory = tempfile::tempdir().unwrap();
        // Who is not root may give nothing away, and then it stays their own.
        let _ = chown(directory.path(), Some(65534), Some(65534));
        let wanted = std::fs::metadata(directory.path()).unwrap();
        let path = directory.path().join("operator-token");
        write_private(&path, "token").unwrap();
        let written = std::fs::metadata(path).unwrap();
        assert_eq!((written.uid(), written.gid()), (wanted.uid(), wanted.gid()));
    }
}
