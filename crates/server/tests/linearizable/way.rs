//! The way of a node to the database, which can be cut: a socket of its own that hands on what comes.

use std::path::PathBuf;

use tokio::net::{UnixListener, UnixStream};
use tokio::sync::watch;

/// The way.
pub(crate) struct Way {
    folder: tempfile::TempDir,
    cut: watch::Sender<bool>,
}

impl Way {
    /// A way to the server whose socket is in a folder.
    pub(crate) fn to(server: PathBuf) -> Self {
        let folder = tempfile::tempdir_in("/tmp").unwrap();
        let listener = UnixListener::bind(folder.path().join(".s.PGSQL.5432")).unwrap();
        let cut = watch::Sender::new(false);
        let is_cut = cut.subscribe();
        tokio::spawn(async move {
            while let Ok((node, _)) = listener.accept().await {
                tokio::spawn(carry(node, server.join(".s.PGSQL.5432"), is_cut.clone()));
            }
        });
        Self { folder, cut }
    }

    /// The address of a database by this way.
    pub(crate) fn address(&self, database: &str) -> String {
        let folder = self.folder.path().display().to_string().replace('/', "%2F");
        format!("postgres://baton@{folder}/{database}")
    }

    /// From now on nothing gets through and nobody is told so; or what is begun anew does.
    pub(crate) fn cut(&self, is_cut: bool) {
        self.cut.send_replace(is_cut);
    }
}

async fn carry(mut node: UnixStream, server: PathBuf, mut cut: watch::Receiver<bool>) {
    let Ok(mut server) = UnixStream::connect(server).await else { return };
    tokio::select! {
        _ = tokio::io::copy_bidirectional(&mut node, &mut server) => {}
        _ = cut.wait_for(|cut| *cut) => {}
    }
    // Where it was cut, both sides find the connection broken when the way is there again.
    let _ = cut.wait_for(|cut| !cut).await;
}
