//! Sending again what was sent, or given up, because somebody wants it; and delivering to an app again.

use std::sync::Arc;

use baton_rules::{AppId, ThreadKey, Timestamp};
use baton_store::{Chain, JournalRow, Place, Resend, Round, StoreError, Stream};

use crate::activity::{ActivityKind, Standing};
use crate::deliveries::{Fate, Scan, judge, parked_rows};
use crate::delivery::{self, Errand};
use crate::engine::{Engine, Shared};
use crate::transport::SendError;
use crate::walk::PIECE;

/// Events that may be to be sent again for an app at once.
const MOST: usize = 100_000;
/// Addresses other than its own that events of an app are sent to again at once.
const MOST_ADDRESSES: usize = 16;
/// Events that are recorded at once: others write in between.
const AT_ONCE: usize = 1_000;
/// Rows that are looked at in a turn.
const ROWS: usize = 500;

/// Which events of an app are sent again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Which {
    /// These.
    These(Vec<Place>),
    /// All of a conversation.
    Of(ThreadKey),
    /// All that were committed at this moment and after it.
    Since(Timestamp),
}

/// What is sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resending {
    /// How many events, those that are only tried earlier among them.
    pub count: u64,
    /// Something that was asked for may be deleted: events before this moment are not kept.
    pub kept_since: Option<Timestamp>,
}

/// Why nothing is sent again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotResent {
    /// The app has no such events.
    #[error("the app has no event {}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))]
    Unknown(Vec<Place>),
    /// The address may not be posted to.
    #[error(transparent)]
    Address(#[from] SendError),
    /// There is nowhere to send them.
    #[error("the app has no webhook address: give it one, or say where to with `to`")]
    NoAddress,
    /// More than may be sent again at once.
    #[error(
        "more than {MOST} events would be to be sent again at once: ask for fewer, or wait until some are sent"
    )]
    TooMany,
    /// More addresses than may be sent to at once.
    #[error(
        "events of this app are being sent again to {MOST_ADDRESSES} other addresses already: wait for one of them"
    )]
    TooManyAddresses,
    /// The store could not.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Engine {
    /// Has events sent again: to the app, or to another address, which must be one that webhooks may go to. Returns
    /// what. Those that still wait for the app are tried at once instead. Durable; of one conversation they go out
    /// in order; each has the id that it had on its own.
    pub async fn resend(&self, app: AppId, which: &Which, to: Option<&str>) -> Result<Resending, NotResent> {
        let shared = self.shared();
        match to {
            Some(to) => shared.transport.vet(to).await?,
            None => {
                let settings = shared.store.settings();
                settings.app(app).and_then(|app| app.webhook_url.as_ref()).ok_or(NotResent::NoAddress)?;
            }
        }
        let to = to.unwrap_or_default();
        let state = shared.store.delivery_state(app).await?;
        let others = state.again.iter().filter(|(other, _)| !other.is_empty() && **other != *to).count();
        if !to.is_empty() && others >= MOST_ADDRESSES {
            return Err(NotResent::TooManyAddresses);
        }
        let queued: u64 = state.again.iter().map(|(_, count)| count).sum();
        let room = MOST.saturating_sub(usize::try_from(queued).unwrap_or(MOST));
        let (places, hastened) = self.chosen(app, which, to.is_empty(), room).await?;
        let mut count = hastened;
        for places in places.chunks(AT_ONCE) {
            let at = shared.clock.now();
            count += shared.store.resend(Resend { app, to: to.into(), places: places.to_vec(), at }).await?;
        }
        delivery::wake_for(shared, Errand::again(app, to));
        let kept_since = match which {
            Which::Since(since) => self.kept_since().await?.filter(|kept| since < kept),
            Which::These(_) | Which::Of(_) => None,
        };
        Ok(Resending { count, kept_since })
    }

    /// Since when all events are kept; none: nothing was deleted.
    async fn kept_since(&self) -> Result<Option<Timestamp>, StoreError> {
        let shared = self.shared();
        let oldest = shared.store.oldest().await?;
        // All of a stream may be gone: then what was said last in it is not known any more.
        let all_gone = Timestamp(shared.clock.now().0.saturating_sub(shared.policy.keep.events_ms));
        let heads = (0..).map(|stream| shared.head(Stream(stream)));
        let since = oldest.rows.iter().zip(heads).filter_map(|(first, head)| match first {
            Some((first, at)) => (first.0 > 1).then_some(*at),
            None => (head.0 > 0).then_some(all_gone),
        });
        Ok(since.max())
    }

    /// The events that are to be sent again, and how many are only tried earlier.
    async fn chosen(
        &self,
        app: AppId,
        which: &Which,
        to_app: bool,
        room: usize,
    ) -> Result<(Vec<Place>, u64), NotResent> {
        let mut chosen = Chosen { app, to_app, room, places: Vec::new(), waiting: Vec::new() };
        match which {
            Which::These(places) => {
                let mut unknown = Vec::new();
                for place in places {
                    match self.delivery(app, *place).await? {
                        Some(one) => chosen.add(one.place, &one.chain, one.fate)?,
                        None => unknown.push(*place),
                    }
                }
                if !unknown.is_empty() {
                    return Err(NotResent::Unknown(unknown));
                }
            }
            Which::Of(key) => {
                let mut newest = None;
                loop {
                    let rows = self.shared().store.chain(&key.clone().into(), newest, PIECE).await?;
                    newest = rows.last().and_then(|row| row.previous);
                    self.add_rows(&mut chosen, rows).await?;
                    if newest.is_none() {
                        break;
                    }
                }
            }
            Which::Since(since) => {
                let mut scan = Scan::after(self.shared(), app, None);
                loop {
                    scan.refresh();
                    let rows = scan.next(self.shared(), ROWS).await?;
                    let asked = rows.len();
                    let recent: Vec<_> =
                        rows.into_iter().map(|(_, row)| row).filter(|row| row.at >= *since).collect();
                    let older = recent.len() < asked;
                    self.add_rows(&mut chosen, recent).await?;
                    if older || scan.is_done() {
                        break;
                    }
                }
            }
        }
        let hastened = chosen.waiting.len() as u64;
        self.hasten(app, &chosen.waiting);
        chosen.places.sort_unstable();
        chosen.places.dedup();
        Ok((chosen.places, hastened))
    }

    async fn add_rows(&self, chosen: &mut Chosen, rows: Vec<Arc<JournalRow>>) -> Result<(), NotResent> {
        let streams = self.shared().store.streams();
        let mine = |row: &Arc<JournalRow>| row.notices.iter().any(|notice| notice.app == chosen.app);
        let place = |row: Arc<JournalRow>| {
            let stream = row.chain.as_ref()?.stream(streams);
            Some((Place { stream, position: row.position }, row))
        };
        let rows: Vec<_> = rows.into_iter().filter(mine).filter_map(place).collect();
        for one in judge(self.shared(), chosen.app, rows).await? {
            chosen.add(one.place, &one.chain, one.fate)?;
        }
        Ok(())
    }

    /// Has conversations tried at once.
    fn hasten(&self, app: AppId, chains: &[Chain]) {
        let shared = self.shared();
        if chains.is_empty() {
            return;
        }
        for errand in [Errand::news(app), Errand::again(app, "")] {
            shared.delivery.with_lanes(&errand, |lanes| chains.iter().for_each(|chain| lanes.hasten(chain)));
            delivery::wake_for(shared, errand);
        }
    }

    /// Delivers to an app again, at once: whatever stopped it, and whatever its events wait for. An address that has
    /// not verified itself is asked to.
    pub async fn resume(&self, app: AppId) -> Result<AppResumed, StoreError> {
        let shared = self.shared();
        let waited = self.app_health(app).await?.pending + parked(shared, app).await?;
        let changed = {
            let mut all = shared.delivery.health();
            let health = all.entry(app).or_default();
            let ended = health.disabled.take();
            (health.failing_since, health.failing_since_lived, health.failed_lived) = (None, None, None);
            health.alerted = false;
            // Also where nothing is known of a stop: another node may have just stopped it.
            health.resumed_at = Some(shared.clock.now().0);
            (ended.map(|ended| ended.reason), health.clone())
        };
        let (reason, health) = changed;
        if let Some(reason) = reason {
            let reason = format!("somebody resumed it; it had stopped for {reason}").into();
            shared.tell(ActivityKind::Standing { app, standing: Standing::Resumed, reason });
        }
        shared.store.settle(Round { health: vec![(app, health)], ..Round::default() }).await?;
        let known = shared.store.settings();
        let asks = known.app(app).is_some_and(|known| known.webhook_url.is_some() && !known.verified);
        let not_verified = if asks { self.verify(app).await } else { None };
        if !asks {
            delivery::resume(shared, app);
        }
        Ok(AppResumed { waited, not_verified })
    }
}

/// What came of delivering to an app again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppResumed {
    /// Events that waited.
    pub waited: u64,
    /// Why its address did not verify itself, where it did not: nothing is sent until it does.
    pub not_verified: Option<String>,
}

async fn parked(shared: &Arc<Shared>, app: AppId) -> Result<u64, StoreError> {
    Ok(parked_rows(shared, app).await?.len() as u64)
}

/// What is chosen so far.
struct Chosen {
    app: AppId,
    to_app: bool,
    room: usize,
    places: Vec<Place>,
    /// Conversations of events that wait for the app anyway.
    waiting: Vec<Chain>,
}

impl Chosen {
    fn add(&mut self, place: Place, chain: &Chain, fate: Fate) -> Result<(), NotResent> {
        match fate {
            Fate::Pending | Fate::Parked if self.to_app => self.waiting.push(chain.clone()),
            Fate::Pending | Fate::Parked | Fate::Delivered | Fate::Dead | Fate::Expired => {
                if self.places.len() >= self.room {
                    return Err(NotResent::TooMany);
                }
                self.places.push(place);
            }
        }
        Ok(())
    }
}
