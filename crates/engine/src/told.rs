//! The webhooks of one app as somebody reads them who is not the app: from the journal, forwards as they are
//! committed or backwards from the newest, whether or not the app has an address or answers. Nothing is delivered by
//! it, and nothing waits for whoever reads.

use std::collections::VecDeque;
use std::sync::Arc;

use baton_rules::{AppId, Notice, Timestamp};
use baton_store::{Chain, JournalRow, Position, StoreError, Stream};
use baton_wire::MessageId;
use tokio::sync::watch;

use crate::engine::Engine;
use crate::lanes::Item;
use crate::webhook::Webhook;

/// Rows of a stream that are looked at at once.
const ROWS: usize = 500;
/// How often one reading backwards looks: an app that hears little is not looked for through the whole journal.
const LOOKS: usize = 200;
/// Webhooks that may be caught up with, at most.
const CAUGHT_UP: usize = 10_000;

/// A place in every stream, by its number.
pub type Places = Vec<Position>;

/// An event as an app is told of it, ready to be posted.
#[derive(Clone, Debug)]
pub struct Told {
    /// What it is a part of.
    pub chain: Chain,
    /// The stream.
    pub stream: Stream,
    /// The event.
    pub row: Arc<JournalRow>,
    /// How the app hears it.
    pub notice: Notice,
    /// The request.
    pub webhook: Webhook,
}

impl Told {
    /// The id that it is delivered with, on its own.
    pub fn id(&self) -> String {
        format!("msg_{}-{}-{}-1", self.notice.app, self.stream.0, self.row.position.0)
    }
}

/// Webhooks, newest first.
#[derive(Clone, Debug)]
pub struct Newest {
    /// They.
    pub webhooks: Vec<Told>,
    /// From where to read on; none at the beginning of the journal.
    pub next: Option<Places>,
}

impl Engine {
    /// Where every stream ends now.
    pub fn heads(&self) -> Places {
        let shared = self.shared();
        (0..shared.store.streams()).map(|stream| shared.head(Stream(stream))).collect()
    }

    /// Changes whenever something is committed.
    pub fn commits(&self) -> watch::Receiver<()> {
        self.shared().commits.subscribe()
    }

    /// The webhooks of an app after these places, oldest first, and moves the places past all that was looked at:
    /// empty where nothing follows, or the app is gone.
    pub async fn webhooks_after(&self, app: AppId, places: &mut Places) -> Result<Vec<Told>, StoreError> {
        let shared = self.shared();
        let mut found = Vec::new();
        for (stream, place) in (0..).map(Stream).zip(places.iter_mut()) {
            let head = shared.head(stream);
            while *place < head {
                let slice = match shared.recent(app, stream, *place, ROWS) {
                    Some(slice) => slice,
                    None => shared.store.read(app, stream, *place, ROWS).await?,
                };
                // Where nothing is kept any more, nothing follows before the head.
                *place = if slice.scanned > *place { slice.scanned } else { head };
                if !slice.rows.is_empty() {
                    found.push((stream, VecDeque::from(slice.rows)));
                    break;
                }
            }
        }
        Ok(merged(found, |at, than| at < than)
            .filter_map(|(stream, row)| self.told(app, stream, row))
            .collect())
    }

    /// The webhooks of an app up to these places, newest first. There may be fewer than `limit` although more
    /// follow: an app that hears little is not looked for without an end.
    pub async fn webhooks_before(
        &self,
        app: AppId,
        places: &Places,
        limit: usize,
    ) -> Result<Newest, StoreError> {
        let mut back: Vec<Back> =
            (0..).map(Stream).zip(places).map(|(stream, place)| Back::of(stream, *place)).collect();
        let (mut looks, mut webhooks) = (LOOKS, Vec::new());
        while webhooks.len() < limit {
            for one in &mut back {
                while one.rows.is_empty() && one.unread > Position(0) && looks > 0 {
                    looks -= 1;
                    one.read(self, app).await?;
                }
            }
            // What is not read yet may be newer than what is.
            if back.iter().any(|one| one.rows.is_empty() && one.unread > Position(0)) {
                break;
            }
            let newest = back.iter_mut().filter(|one| !one.rows.is_empty());
            let Some(one) = newest.max_by_key(|one| one.rows.front().map(|row| row.at)) else { break };
            let (stream, row) = (one.stream, one.rows.pop_front());
            webhooks.extend(row.and_then(|row| self.told(app, stream, row)));
        }
        let next: Places = back.iter().map(Back::place).collect();
        let more = next.iter().any(|place| *place > Position(0));
        Ok(Newest { webhooks, next: more.then_some(next) })
    }

    /// Where every stream stood before the webhooks of an app since a moment, the newest 10,000 of them.
    pub async fn places_since(&self, app: AppId, since: Timestamp) -> Result<Places, StoreError> {
        let mut places = self.heads();
        let (mut next, mut seen) = (Some(places.clone()), 0);
        while let Some(from) = next.filter(|_| seen < CAUGHT_UP) {
            let newest = self.webhooks_before(app, &from, ROWS).await?;
            for webhook in &newest.webhooks {
                if webhook.row.at < since {
                    return Ok(places);
                }
                seen += 1;
                if let Some(place) = places.get_mut(usize::from(webhook.stream.0)) {
                    *place = Position(webhook.row.position.0.saturating_sub(1));
                }
            }
            next = newest.next;
        }
        Ok(places)
    }

    /// The row that the id of a message, or of a webhook, names; none where it is not of this database, or is kept no
    /// longer.
    pub async fn row_of(&self, id: &str) -> Result<Option<(Stream, Arc<JournalRow>)>, StoreError> {
        let shared = self.shared();
        let Some((stream, position)) = MessageId::place(&shared.key, id).or_else(|| place(id)) else {
            return Ok(None);
        };
        if stream >= shared.store.streams() {
            return Ok(None);
        }
        let row = shared.store.row(Stream(stream), Position(position)).await?;
        Ok(row.map(|row| (Stream(stream), row)))
    }

    /// A row as an app hears it; none where it does not, or is gone.
    fn told(&self, app: AppId, stream: Stream, row: Arc<JournalRow>) -> Option<Told> {
        let settings = self.settings();
        let chain = row.chain.clone()?;
        let notice = *row.notices.iter().find(|notice| notice.app == app)?;
        let item = Item { chain, row, notice };
        let streams = self.shared().store.streams();
        let only = std::slice::from_ref(&item);
        let webhook = Webhook::of(&settings, settings.app(app)?, only, streams, self.now());
        let Item { chain, row, notice } = item;
        Some(Told { chain, stream, row, notice, webhook })
    }
}

/// The place that the id of a webhook names: `msg_APP-STREAM-POSITION-COUNT`.
fn place(id: &str) -> Option<(u16, u64)> {
    let mut parts = id.strip_prefix("msg_")?.split('-').skip(1);
    let (stream, position) = (parts.next()?, parts.next()?);
    Some((stream.parse().ok()?, position.parse().ok()?))
}

/// Rows of several streams as one list: of each stream in its order, those of different streams by their time.
fn merged(
    mut found: Vec<(Stream, VecDeque<Arc<JournalRow>>)>,
    comes_first: impl Fn(Timestamp, Timestamp) -> bool,
) -> impl Iterator<Item = (Stream, Arc<JournalRow>)> {
    std::iter::from_fn(move || {
        let mut first: Option<(usize, Timestamp)> = None;
        for (index, (_, rows)) in found.iter().enumerate() {
            let Some(at) = rows.front().map(|row| row.at) else { continue };
            if first.is_none_or(|(_, than)| comes_first(at, than)) {
                first = Some((index, at));
            }
        }
        let (stream, rows) = found.get_mut(first?.0)?;
        rows.pop_front().map(|row| (*stream, row))
    })
}

/// A stream, read backwards.
struct Back {
    stream: Stream,
    /// What was read and not taken, newest first.
    rows: VecDeque<Arc<JournalRow>>,
    /// Up to here nothing was read.
    unread: Position,
}

impl Back {
    fn of(stream: Stream, place: Position) -> Self {
        Self { stream, rows: VecDeque::new(), unread: place }
    }

    async fn read(&mut self, engine: &Engine, app: AppId) -> Result<(), StoreError> {
        let from = Position(self.unread.0.saturating_sub(ROWS as u64));
        let slice = engine.shared().store.read(app, self.stream, from, ROWS).await?;
        let own = slice.rows.into_iter().filter(|row| row.position <= self.unread);
        self.rows = own.rev().collect();
        self.unread = from;
        Ok(())
    }

    /// Everything after it was taken.
    fn place(&self) -> Position {
        self.rows.front().map_or(self.unread, |row| row.position)
    }
}
