//! What happens on a server, as it happens: server-sent events, gone on with where they broke off, also over a restart
//! of the server.

use baton_engine::{Clock, SystemClock};
use baton_rules::Timestamp;
use serde_json::Value;

use super::client::Client;
use super::{Common, Failure};

/// How long to wait before the server is looked for again.
const AGAIN_MS: i64 = 1_000;

/// What came.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Came {
    /// An event: its name and its data.
    Event(String, Value),
    /// The connection broke: it is being looked for.
    Lost,
    /// It is there again.
    Back,
}

/// A listener.
pub(crate) struct Live<'a> {
    common: &'a Common,
    path: String,
    /// How the path goes on for the first time: later the last id says where to go on.
    first: String,
    seen: Option<String>,
    open: Option<reqwest::Response>,
    read: Vec<u8>,
    is_lost: bool,
}

impl<'a> Live<'a> {
    /// Begins to listen: fails where the server is not there, or refuses.
    pub(crate) async fn open(common: &'a Common, path: &str, first: &str) -> Result<Self, Failure> {
        let mut live = Self {
            common,
            path: path.to_owned(),
            first: first.to_owned(),
            seen: None,
            open: None,
            read: Vec::new(),
            is_lost: false,
        };
        live.connect().await?;
        Ok(live)
    }

    async fn connect(&mut self) -> Result<(), Failure> {
        // The server may have come back elsewhere, with another token.
        let client = Client::find(self.common)?;
        let first = if self.seen.is_none() { self.first.as_str() } else { "" };
        self.read.clear();
        self.open = Some(client.listen(&format!("{}{first}", self.path), self.seen.as_deref()).await?);
        Ok(())
    }

    /// What comes next. Dropped while it waits, it loses nothing.
    pub(crate) async fn next(&mut self) -> Came {
        loop {
            if let Some(event) = self.whole() {
                return event;
            }
            let Some(open) = &mut self.open else {
                if !self.is_lost {
                    self.is_lost = true;
                    return Came::Lost;
                }
                let clock = SystemClock;
                clock.sleep_until(Timestamp(clock.now().0 + AGAIN_MS)).await;
                if self.connect().await.is_ok() {
                    self.is_lost = false;
                    return Came::Back;
                }
                continue;
            };
            match open.chunk().await {
                Ok(Some(bytes)) => self.read.extend_from_slice(&bytes),
                Ok(None) | Err(_) => self.open = None,
            }
        }
    }

    /// The next event that was read whole.
    fn whole(&mut self) -> Option<Came> {
        loop {
            let end = self.read.windows(2).position(|two| two == b"\n\n")?;
            let one: Vec<u8> = self.read.drain(..end + 2).collect();
            let text = String::from_utf8_lossy(&one);
            let field =
                |name: &str| text.lines().find_map(|line| line.strip_prefix(name)).map(str::trim_start);
            if let Some(id) = field("id:") {
                self.seen = Some(id.to_owned());
            }
            // A comment has no data.
            let Some(data) = field("data:") else { continue };
            let data = serde_json::from_str(data).unwrap_or_default();
            return Some(Came::Event(field("event:").unwrap_or_default().to_owned(), data));
        }
    }
}
