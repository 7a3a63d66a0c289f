//! The webhooks of one app as somebody reads them who is not the app: from the journal, forwards as they are
//! committed or backwards from the newest, whether or not the app has an address or answers. Nothing is delivered by
//! it, and nothing waits for whoever reads.

use std::collections::VecDeque;
use std::sync::Arc;

use baton_rules::{AppId, Notice, Timestamp};
use baton_store::{Chain, JournalRow, Place, Position, StoreError, Stream};
use baton_wire::MessageId;
use tokio::sync::watch;

use crate::deliveries::{Bookmark, Scan};
use crate::engine::Engine;
use crate::lanes::Item;
use crate::webhook::{Webhook, WebhookId};

/// Rows of a stream that are looked at at once.
const ROWS: usize = 500;
/// Webhooks that may be caught up with, at most.
const CAUGHT_UP: usize = 10_000;

/// A place in every stream, by its number.
pub type Places = Vec<Position>;

/// An event as an app is told of it, ready to be posted.
#[derive(Clone, Debug)]
pub struct Told {
    /// What it is a part of.
    pub chain: Chain,
    /// Where it stands.
    pub place: Place,
    /// The event.
    pub row: Arc<JournalRow>,
    /// How the app hears it.
    pub notice: Notice,
    /// The request.
    pub webhook: Webhook,
}

impl Told {
    /// The id that it is delivered with, on its own.
    pub const fn id(&self) -> WebhookId {
        WebhookId::single(self.notice.app, self.place)
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
                *place = slice.scanned;
                if !slice.rows.is_empty() {
                    found.push((stream, VecDeque::from(slice.rows)));
                    break;
                }
            }
        }
        Ok(merged(found).filter_map(|(place, row)| self.told(app, place, row)).collect())
    }

    /// The webhooks of an app up to these places, newest first. There may be fewer than `limit` although more
    /// follow: an app that hears little is not looked for without an end.
    pub async fn webhooks_before(
        &self,
        app: AppId,
        places: &Places,
        limit: usize,
    ) -> Result<Newest, StoreError> {
        let before = places.iter().map(|place| place.next()).collect();
        let mut scan = Scan::after(self.shared(), app, Some(Bookmark::Before(before)));
        let rows = scan.next(self.shared(), limit).await?;
        let webhooks = rows.into_iter().filter_map(|(place, row)| self.told(app, place, row)).collect();
        let next = scan.before().map(|before| before.map(Position::previous).collect());
        Ok(Newest { webhooks, next })
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
                if let Some(place) = places.get_mut(usize::from(webhook.place.stream.0)) {
                    *place = webhook.place.position.previous();
                }
            }
            next = newest.next;
        }
        Ok(places)
    }

    /// The row that the id of a message, or of a webhook, names; none where it is not of this database, or is kept no
    /// longer.
    pub async fn row_of(&self, id: &str) -> Result<Option<(Place, Arc<JournalRow>)>, StoreError> {
        let shared = self.shared();
        let of_message = MessageId::place(&shared.key, id)
            .map(|(stream, position)| Place { stream: Stream(stream), position: Position(position) });
        let named = of_message.or_else(|| WebhookId::read(id).map(|id| id.first));
        let Some(place) = named.filter(|place| place.stream.0 < shared.store.streams()) else {
            return Ok(None);
        };
        let row = shared.store.row(place.stream, place.position).await?;
        Ok(row.map(|row| (place, row)))
    }

    /// A row as an app hears it; none where it does not, or is gone.
    fn told(&self, app: AppId, place: Place, row: Arc<JournalRow>) -> Option<Told> {
        let settings = self.settings();
        let chain = row.chain.clone()?;
        let notice = *row.notices.iter().find(|notice| notice.app == app)?;
        let item = Item { chain, row, notice };
        let streams = self.shared().store.streams();
        let only = std::slice::from_ref(&item);
        let webhook = Webhook::of(&settings, settings.app(app)?, only, streams, self.now());
        let Item { chain, row, notice } = item;
        Some(Told { chain, place, row, notice, webhook })
    }
}

/// Rows of several streams as one list: of each stream in its order, those of different streams by their time.
fn merged(
    mut found: Vec<(Stream, VecDeque<Arc<JournalRow>>)>,
) -> impl Iterator<Item = (Place, Arc<JournalRow>)> {
    std::iter::from_fn(move || {
        let fronts = found.iter_mut().filter(|(_, rows)| !rows.is_empty());
        let (stream, rows) = fronts.min_by_key(|(_, rows)| rows.front().map(|row| row.at))?;
        rows.pop_front().map(|row| (Place { stream: *stream, position: row.position }, row))
    })
}
