//! A way to PostgreSQL that breaks when it is told to: a socket of its own, which hands on what comes.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{UnixListener, UnixStream};

/// What the message that commits looks like.
const COMMIT: &[u8] = b"COMMIT\0";

/// How transactions are isolated that Baton begins, and how strictly they could be: in as many characters.
const ISOLATED: &[u8] = b"'read committed'";
const SERIALIZABLE: &[u8] = b"'serializable'  ";

/// Where the way breaks, once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Break {
    Nowhere,
    /// What holds the next commit does not arrive.
    BeforeCommit,
    /// The next commit arrives, and its answer does not.
    AfterCommit,
    /// No commit arrives, however often it is tried.
    BeforeEachCommit,
    /// The next commit stays where it is, as with a process that is paused, until the server ends the connection.
    HoldsCommit,
}

/// The way.
pub(crate) struct Proxy {
    folder: tempfile::TempDir,
    way: Way,
}

/// What happens on the way.
#[derive(Clone)]
struct Way {
    plan: Arc<AtomicU8>,
    is_serializable: bool,
}

impl Proxy {
    /// A way to the server whose socket is in a folder.
    pub(crate) fn to(server: PathBuf) -> Self {
        Self::new(server, false)
    }

    /// The same, to a server that lets nothing happen that could not have happened one after another, as others than
    /// PostgreSQL do that speak like it.
    pub(crate) fn serializable(server: PathBuf) -> Self {
        Self::new(server, true)
    }

    fn new(server: PathBuf, is_serializable: bool) -> Self {
        let folder = tempfile::tempdir_in("/tmp").unwrap();
        let listener = UnixListener::bind(folder.path().join(".s.PGSQL.5432")).unwrap();
        let way = Way { plan: Arc::new(AtomicU8::new(Break::Nowhere as u8)), is_serializable };
        let own = way.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(carry(client, server.join(".s.PGSQL.5432"), own.clone()));
            }
        });
        Self { folder, way }
    }

    /// The address of a database by this way.
    pub(crate) fn address(&self, database: &str) -> String {
        let folder = self.folder.path().display().to_string().replace('/', "%2F");
        format!("postgres://baton@{folder}/{database}")
    }

    pub(crate) fn break_at(&self, plan: Break) {
        self.way.plan.store(plan as u8, Ordering::SeqCst);
    }

    /// Whether it broke since it was told to.
    pub(crate) fn broke(&self) -> bool {
        self.way.plan.load(Ordering::SeqCst) == Break::Nowhere as u8
    }
}

async fn carry(client: UnixStream, server: PathBuf, way: Way) {
    let Ok(mut server) = UnixStream::connect(server).await else { return };
    let mut client = client;
    let (mut asked, mut answered) = (vec![0; 1 << 20], vec![0; 1 << 20]);
    // The end of what was handed on before, in case the word is cut in two.
    let mut seen = Vec::new();
    loop {
        tokio::select! {
            length = client.read(&mut asked) => {
                let Ok(length @ 1..) = length else { return };
                if way.is_serializable {
                    isolate(&mut asked[..length]);
                }
                let mut planned = Break::Nowhere as u8;
                if says_commit(&mut seen, &asked[..length]) {
                    planned = way.plan.load(Ordering::SeqCst);
                    if planned == Break::BeforeEachCommit as u8 {
                        return;
                    }
                    way.plan.store(Break::Nowhere as u8, Ordering::SeqCst);
                }
                if planned == Break::BeforeCommit as u8 {
                    return;
                }
                if planned == Break::HoldsCommit as u8 {
                    return stays(server).await;
                }
                if server.write_all(&asked[..length]).await.is_err() {
                    return;
                }
                if planned == Break::AfterCommit as u8 {
                    drop(client);
                    return ends(server).await;
                }
            }
            length = server.read(&mut answered) => {
                let Ok(length @ 1..) = length else { return };
                if client.write_all(&answered[..length]).await.is_err() {
                    return;
                }
            }
        }
    }
}

/// A server that cannot answer undoes: what it says is heard, up to that it committed.
async fn ends(mut server: UnixStream) {
    let (mut buffer, mut seen) = (vec![0; 1 << 16], Vec::new());
    while let Ok(length @ 1..) = server.read(&mut buffer).await {
        if says_commit(&mut seen, &buffer[..length]) {
            return;
        }
    }
}

/// What it says is heard, until it ends the connection.
async fn stays(mut server: UnixStream) {
    let mut buffer = vec![0; 1 << 16];
    while let Ok(1..) = server.read(&mut buffer).await {}
}

/// Isolates transactions as strictly as can be. A client says how in one go when it has connected.
fn isolate(asked: &mut [u8]) {
    if let Some(place) = asked.windows(ISOLATED.len()).position(|some| some == ISOLATED) {
        asked[place..place + ISOLATED.len()].copy_from_slice(SERIALIZABLE);
    }
}

fn says_commit(seen: &mut Vec<u8>, more: &[u8]) -> bool {
    let keep = seen.len().saturating_sub(COMMIT.len() - 1);
    seen.drain(..keep);
    seen.extend_from_slice(more);
    seen.windows(COMMIT.len()).any(|some| some == COMMIT)
}
