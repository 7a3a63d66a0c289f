//! An app's webhook events as they stand: read from the journal and from what is kept of delivery, with what its
//! tasks know and have not recorded yet. Nothing of it is written anywhere for the purpose: an event that nobody
//! asks about costs nothing.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, PoisonError};

use baton_rules::{AppId, Channel, Timestamp};
use baton_store::{
    Attempt, Chain, DeadLetter, DeliveryHealth, JournalRow, Place, Position, Resent, StoreError, Stream,
    Tried,
};

use crate::delivery::Errand;
use crate::engine::{Engine, Shared};
use crate::lanes::{Item, Stands};
use crate::walk::PIECE;
use crate::webhook::Webhook;

/// Rows that are looked at for one part of a list: one that asks for what is rare gets fewer events than it wants,
/// and where to go on.
const LOOKED: usize = 20_000;
/// Rows of a stream that are looked at to count what waits in it.
const COUNTED: usize = 10_000;
/// Rows of a stream that are read at once.
const ROWS: usize = 128;

/// How an event stands with an app.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It waits, or is under way.
    Pending,
    /// It arrived.
    Delivered,
    /// It waits in a conversation that keeps failing while others succeed.
    Parked,
    /// It was given up for how it was answered.
    Dead,
    /// It was given up because it was too old.
    Expired,
}

/// An event, and what became of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Delivery {
    /// Which.
    pub place: Place,
    /// Its row.
    pub row: Arc<JournalRow>,
    /// What it is a part of.
    pub chain: Chain,
    /// Where it is told.
    pub channel: Channel,
    /// How it stands.
    pub fate: Fate,
    /// When it is tried next; none: as soon as may be, or not at all.
    pub next_attempt_at: Option<Timestamp>,
    /// The tries that are kept, oldest first.
    pub attempts: Vec<Attempt>,
    /// Why it was given up.
    pub given_up: Option<DeadLetter>,
}

/// Where a part of a list of deliveries ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Bookmark {
    /// Positions of streams by number: what comes is before them.
    Before(Vec<Position>),
    /// The last one: what comes is older.
    After(Timestamp, Place),
}

/// How the delivery to an app does.
#[derive(Clone, Debug, PartialEq)]
pub struct AppHealth {
    /// What is kept.
    pub kept: DeliveryHealth,
    /// Webhooks under way.
    pub in_flight: u64,
    /// Events that wait, those of parked conversations excepted.
    pub pending: u64,
    /// There are more than that: counting stopped.
    pub more_pending: bool,
    /// When the oldest of them was committed.
    pub oldest_pending: Option<Timestamp>,
    /// Conversations that are parked.
    pub parked: u64,
    /// Events that were given up for how they were answered.
    pub dead: u64,
    /// Events that were given up because they were too old.
    pub expired: u64,
    /// Events that are to be sent again, to the app or elsewhere.
    pub resending: u64,
    /// When the next try is due; none: nothing waits for a moment.
    pub next_attempt_at: Option<Timestamp>,
    /// Milliseconds within which half of the last 256 answers came, and 95 of a hundred.
    pub answers_ms: Option<(u32, u32)>,
}

impl Engine {
    /// An app's events, newest first, after where the part before ended; and where this one ended, if there may be
    /// more. Where a fate is wanted that is rare, there may be fewer than `limit`, and none, and yet more after them.
    pub async fn deliveries(
        &self,
        app: AppId,
        fate: Option<Fate>,
        after: Option<Bookmark>,
        limit: usize,
    ) -> Result<(Vec<Delivery>, Option<Bookmark>), StoreError> {
        match (fate, after) {
            (Some(fate @ (Fate::Dead | Fate::Expired)), after) => {
                self.given_up(app, fate, after, limit).await
            }
            (Some(Fate::Parked), after) => self.parked_deliveries(app, after, limit).await,
            (fate @ (Some(Fate::Pending | Fate::Delivered) | None), after) => {
                self.scanned(app, fate, after, limit).await
            }
        }
    }

    /// One of an app's events.
    pub async fn delivery(&self, app: AppId, place: Place) -> Result<Option<Delivery>, StoreError> {
        let store = &self.shared().store;
        if place.stream.0 >= store.streams() {
            return Ok(None);
        }
        // What an app of the same id had before it was deleted is not this one's.
        let slice = store.read_back(app, place.stream, place.position.next(), 1).await?;
        let row = slice.rows.into_iter().find(|row| row.position == place.position);
        Ok(judge(self.shared(), app, row.into_iter().map(|row| (place, row)).collect()).await?.pop())
    }

    /// The request by which an event is sent to an app now, on its own; none where there is no such app.
    pub fn webhook(&self, app: AppId, delivery: &Delivery) -> Option<Webhook> {
        let shared = self.shared();
        let settings = shared.store.settings();
        let item = Item {
            chain: delivery.chain.clone(),
            row: Arc::clone(&delivery.row),
            notice: *delivery.row.notices.iter().find(|notice| notice.app == app)?,
        };
        let last = delivery.attempts.last().map_or_else(|| shared.clock.now(), |attempt| attempt.at);
        Some(Webhook::of(&settings, settings.app(app)?, &[item], shared.store.streams(), last))
    }

    /// Events in the order in which they were committed, backwards.
    async fn scanned(
        &self,
        app: AppId,
        fate: Option<Fate>,
        after: Option<Bookmark>,
        limit: usize,
    ) -> Result<(Vec<Delivery>, Option<Bookmark>), StoreError> {
        let mut scan = Scan::after(self.shared(), app, after);
        let mut found: Vec<Delivery> = Vec::new();
        loop {
            let wanted = limit - found.len();
            let rows = scan.next(self.shared(), wanted).await?;
            let judged = judge(self.shared(), app, rows).await?;
            found.extend(judged.into_iter().filter(|one| fate.is_none_or(|fate| fate == one.fate)));
            if found.len() == limit || scan.is_spent() || scan.is_done() {
                return Ok((found, scan.bookmark()));
            }
        }
    }

    async fn given_up(
        &self,
        app: AppId,
        fate: Fate,
        after: Option<Bookmark>,
        limit: usize,
    ) -> Result<(Vec<Delivery>, Option<Bookmark>), StoreError> {
        let mut before = match after {
            Some(Bookmark::After(at, place)) => Some((at, place)),
            Some(Bookmark::Before(_)) | None => None,
        };
        let store = &self.shared().store;
        let mut found = Vec::new();
        loop {
            let letters = store.dead_letters(app, before, ROWS).await?;
            let last = letters.len() < ROWS;
            let mut rows = Vec::with_capacity(letters.len());
            for letter in &letters {
                let place = letter.place();
                rows.extend(store.row(place.stream, place.position).await?.map(|row| (place, row)));
            }
            let judged = judge(self.shared(), app, rows).await?;
            let mut by_place: HashMap<Place, Delivery> =
                judged.into_iter().map(|delivery| (delivery.place, delivery)).collect();
            for letter in &letters {
                let delivery = by_place.remove(&letter.place()).filter(|delivery| delivery.fate == fate);
                if delivery.is_some() && found.len() == limit {
                    return Ok((found, before.map(|(at, place)| Bookmark::After(at, place))));
                }
                found.extend(delivery);
                before = Some((letter.at, letter.place()));
            }
            if last {
                return Ok((found, None));
            }
        }
    }

    async fn parked_deliveries(
        &self,
        app: AppId,
        after: Option<Bookmark>,
        limit: usize,
    ) -> Result<(Vec<Delivery>, Option<Bookmark>), StoreError> {
        let older = |row: &JournalRow, place: Place| match &after {
            Some(Bookmark::After(at, last)) => (row.at, place) < (*at, *last),
            Some(Bookmark::Before(_)) | None => true,
        };
        let mut rows = parked_rows(self.shared(), app).await?;
        rows.retain(|(place, row)| older(row, *place));
        rows.sort_by_key(|(place, row)| std::cmp::Reverse((row.at, *place)));
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next = rows.last().filter(|_| more).map(|(place, row)| Bookmark::After(row.at, *place));
        let mut found = judge(self.shared(), app, rows).await?;
        found.retain(|delivery| delivery.fate == Fate::Parked);
        Ok((found, next))
    }

    /// How the delivery to an app does.
    pub async fn app_health(&self, app: AppId) -> Result<AppHealth, StoreError> {
        let shared = self.shared();
        let mut health = AppHealth {
            kept: shared.delivery.health().get(&app).cloned().unwrap_or_default(),
            in_flight: 0,
            pending: 0,
            more_pending: false,
            oldest_pending: None,
            parked: 0,
            dead: 0,
            expired: 0,
            resending: 0,
            next_attempt_at: None,
            answers_ms: None,
        };
        let mut read_to: HashMap<Stream, Position> = HashMap::new();
        let mut parked = None;
        for errand in [Errand::news(app), Errand::again(app, "")] {
            let Some(books) = shared.delivery.books(&errand) else { continue };
            let books = books.lock().unwrap_or_else(PoisonError::into_inner);
            let Some(lanes) = &books.lanes else { continue };
            health.in_flight += lanes.under_way() as u64;
            let due = lanes.dues().into_values().min();
            health.next_attempt_at = [health.next_attempt_at, due].into_iter().flatten().min();
            if errand == Errand::news(app) {
                (health.pending, health.oldest_pending) = lanes.waiting();
                read_to = lanes.read_to().collect();
                // What is parked in streams of other nodes is known by what they recorded.
                parked = shared.followed.is_none().then(|| lanes.parked().count() as u64);
                health.answers_ms = books.percentile_ms(50).zip(books.percentile_ms(95));
            }
        }
        let state = shared.store.delivery_state(app).await?;
        health.parked = parked.unwrap_or(state.parked);
        (health.dead, health.expired) = (state.dead, state.expired);
        health.resending = state.again.iter().map(|(_, count)| count).sum();
        if read_to.len() < usize::from(shared.store.streams()) {
            for cursor in shared.store.cursors(app).await? {
                read_to.entry(cursor.stream).or_insert(cursor.served);
            }
        }
        for (stream, after) in read_to.into_iter().filter(|(stream, after)| *after < shared.head(*stream)) {
            let lag = shared.store.lag(app, stream, after, COUNTED).await?;
            health.pending += lag.events;
            health.oldest_pending = [health.oldest_pending, lag.oldest].into_iter().flatten().min();
            health.more_pending |= lag.scanned < shared.head(stream);
        }
        Ok(health)
    }
}

/// Every event of an app that waits in a parked conversation.
pub(crate) async fn parked_rows(
    shared: &Arc<Shared>,
    app: AppId,
) -> Result<Vec<(Place, Arc<JournalRow>)>, StoreError> {
    let running = shared.delivery.books(&Errand::news(app)).and_then(|books| {
        let books = books.lock().unwrap_or_else(PoisonError::into_inner);
        let lanes = books.lanes.as_ref().filter(|_| shared.followed.is_none())?;
        Some(lanes.parked().map(|(chain, done, passed)| (chain.clone(), done, passed)).collect::<Vec<_>>())
    });
    let walks = match running {
        Some(walks) => walks,
        None => {
            let cursors = shared.store.cursors(app).await?;
            let served =
                |stream| cursors.iter().find(|cursor| cursor.stream == stream).map(|kept| kept.served);
            let parked = shared.store.parked(app).await?.into_iter();
            let walk = |parked: baton_store::Parked| {
                let done = Position(parked.next.0.saturating_sub(1));
                Some((parked.chain, done, served(parked.stream)?))
            };
            parked.filter_map(walk).collect()
        }
    };
    let mut found = Vec::new();
    for (chain, done, passed) in walks {
        let stream = chain.stream(shared.store.streams());
        let mut newest = None;
        loop {
            let rows = shared.store.chain(&chain, newest, PIECE).await?;
            newest = rows.last().and_then(|row| row.previous).filter(|previous| *previous > done);
            let mine = |row: &Arc<JournalRow>| {
                row.position > done
                    && row.position <= passed
                    && row.notices.iter().any(|notice| notice.app == app)
            };
            let mine = rows.into_iter().filter(mine);
            found.extend(mine.map(|row| (Place { stream, position: row.position }, row)));
            if newest.is_none() {
                break;
            }
        }
    }
    Ok(found)
}

/// What the tasks of an app know of some events, at one moment.
#[derive(Default)]
struct Known {
    /// How they stand in the order in which they were asked about; none: the app has no task, or not in this stream.
    stands: Option<Vec<Option<Stands>>>,
    /// Until when those that are sent again wait.
    again: HashMap<Place, Option<Timestamp>>,
    /// What is not recorded yet.
    attempts: Vec<Attempt>,
    dead: Vec<DeadLetter>,
    resent: Vec<Resent>,
}

impl Known {
    fn of(shared: &Shared, app: AppId, rows: &[(Place, Arc<JournalRow>)]) -> Self {
        let mut known = Self::default();
        let asked = |place: &Place| rows.iter().any(|(of, _)| of == place);
        for errand in [Errand::news(app), Errand::again(app, "")] {
            let Some(books) = shared.delivery.books(&errand) else { continue };
            let books = books.lock().unwrap_or_else(PoisonError::into_inner);
            for round in books.unsettled.rounds() {
                known.attempts.extend(round.attempts.iter().filter(|one| asked(&one.place)).cloned());
                known.dead.extend(round.dead.iter().filter(|one| asked(&one.place())).cloned());
                known.resent.extend(round.resent.iter().filter(|one| asked(&one.place)).cloned());
            }
            let Some(lanes) = &books.lanes else { continue };
            let dues = lanes.dues();
            let delivered: HashSet<Stream> = lanes.streams().collect();
            let each = rows.iter().filter_map(|(place, row)| Some((*place, row.chain.as_ref()?)));
            let stands = each.map(|(place, chain)| (place, lanes.stands(chain, place, &dues)));
            if errand == Errand::news(app) {
                known.stands = Some(
                    stands
                        .map(|(place, stands)| delivered.contains(&place.stream).then_some(stands))
                        .collect(),
                );
            } else {
                known.again.extend(stands.filter_map(|(place, stands)| match stands {
                    Stands::Waits(due) => Some((place, due)),
                    Stands::Behind | Stands::Parked(_) | Stands::Ahead => None,
                }));
            }
        }
        known
    }

    /// The fate of an event that stands so with what is new, and when it is tried.
    fn fate(&self, tried: &Tried, stands: Stands) -> (Fate, Option<Timestamp>, Option<DeadLetter>) {
        let resent = self.resent.iter().rev().find(|resent| resent.place == tried.place);
        if tried.again && resent.is_none() {
            return (Fate::Pending, self.again.get(&tried.place).copied().flatten(), None);
        }
        if resent.is_some_and(|resent| resent.arrived) {
            return (Fate::Delivered, None, None);
        }
        let dead = self.dead.iter().rev().find(|dead| dead.place() == tried.place).or(tried.dead.as_ref());
        if let Some(dead) = dead {
            let fate = if dead.expired { Fate::Expired } else { Fate::Dead };
            return (fate, None, Some(dead.clone()));
        }
        match stands {
            Stands::Behind => (Fate::Delivered, None, None),
            Stands::Waits(due) => (Fate::Pending, due, None),
            Stands::Parked(due) => (Fate::Parked, due, None),
            Stands::Ahead => (Fate::Pending, None, None),
        }
    }
}

/// What became of these events.
pub(crate) async fn judge(
    shared: &Arc<Shared>,
    app: AppId,
    mut rows: Vec<(Place, Arc<JournalRow>)>,
) -> Result<Vec<Delivery>, StoreError> {
    rows.retain(|(_, row)| row.chain.is_some());
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    // What the tasks know is looked at first: what they record meanwhile is then seen twice, and not missed.
    let mut known = Known::of(shared, app, &rows);
    let stands = match known.stands.take() {
        Some(stands) if stands.iter().all(Option::is_some) => stands.into_iter().flatten().collect(),
        some => {
            let known = some.unwrap_or_else(|| vec![None; rows.len()]);
            let kept = kept_stands(shared, app, &rows).await?;
            known.into_iter().zip(kept).map(|(known, kept)| known.unwrap_or(kept)).collect::<Vec<_>>()
        }
    };
    let tried = shared.store.tried(app, rows.iter().map(|(place, _)| *place).collect()).await?;
    let mut judged = Vec::with_capacity(rows.len());
    for (((place, row), stands), tried) in rows.into_iter().zip(stands).zip(tried) {
        let (fate, next_attempt_at, given_up) = known.fate(&tried, stands);
        let mut attempts = tried.attempts;
        for new in known.attempts.iter().filter(|new| new.place == place) {
            if !attempts.iter().any(|old| old.key() == new.key()) {
                attempts.push(new.clone());
            }
        }
        let notice = row.notices.iter().find(|notice| notice.app == app);
        let channel = notice.map_or(Channel::Messaging, |notice| notice.channel);
        let Some(chain) = row.chain.clone() else { continue };
        judged.push(Delivery { place, row, chain, channel, fate, next_attempt_at, attempts, given_up });
    }
    Ok(judged)
}

/// How events of an app stand that has no task.
async fn kept_stands(
    shared: &Arc<Shared>,
    app: AppId,
    rows: &[(Place, Arc<JournalRow>)],
) -> Result<Vec<Stands>, StoreError> {
    let served: HashMap<Stream, Position> =
        shared.store.cursors(app).await?.into_iter().map(|cursor| (cursor.stream, cursor.served)).collect();
    let parked: HashMap<Chain, (Position, Timestamp)> = (shared.store.parked(app).await?.into_iter())
        .map(|kept| (kept.chain, (kept.next, kept.due)))
        .collect();
    let stands = |(place, row): &(Place, Arc<JournalRow>)| {
        let served = served.get(&place.stream).copied().unwrap_or_default();
        let waits = row.chain.as_ref().and_then(|chain| parked.get(chain));
        match waits {
            _ if place.position > served => Stands::Ahead,
            Some((next, due)) if place.position >= *next => Stands::Parked(Some(*due)),
            Some(_) | None => Stands::Behind,
        }
    };
    Ok(rows.iter().map(stands).collect())
}

/// An app's rows of all streams, newest first.
pub(crate) struct Scan {
    app: AppId,
    streams: Vec<Backwards>,
    looked: usize,
}

/// A stream, read backwards.
struct Backwards {
    stream: Stream,
    /// What was read and not handed out, newest first.
    rows: VecDeque<Arc<JournalRow>>,
    /// Everything at this position and after it was read; 0: everything was.
    scanned: Position,
}

impl Backwards {
    /// What comes is before this position.
    fn before(&self) -> Position {
        self.rows.front().map_or(self.scanned, |row| row.position.next())
    }
}

impl Scan {
    /// From the newest rows on, or from where a part ended.
    pub(crate) fn after(shared: &Shared, app: AppId, after: Option<Bookmark>) -> Self {
        let kept = match after {
            Some(Bookmark::Before(positions)) => positions,
            Some(Bookmark::After(..)) | None => Vec::new(),
        };
        let backwards = |stream: u16| {
            let head = shared.head(Stream(stream)).next();
            let before = kept.get(usize::from(stream)).map_or(head, |kept| head.min(*kept));
            Backwards { stream: Stream(stream), rows: VecDeque::new(), scanned: before }
        };
        Self { app, streams: (0..shared.store.streams()).map(backwards).collect(), looked: 0 }
    }

    /// The next rows, at most so many; fewer, or none, where enough was looked at.
    pub(crate) async fn next(
        &mut self,
        shared: &Shared,
        limit: usize,
    ) -> Result<Vec<(Place, Arc<JournalRow>)>, StoreError> {
        let mut found = Vec::new();
        while found.len() < limit {
            for stream in &mut self.streams {
                while stream.rows.is_empty() && stream.scanned.0 > 0 {
                    if self.looked >= LOOKED {
                        return Ok(found);
                    }
                    let (before, read) = (stream.scanned, shared.store.as_ref());
                    let slice = read.read_back(self.app, stream.stream, before, ROWS).await?;
                    let passed = before.0 - slice.scanned.0.max(1).min(before.0);
                    self.looked += usize::try_from(passed).unwrap_or(ROWS).min(ROWS);
                    (stream.rows, stream.scanned) = (slice.rows.into(), slice.scanned);
                }
            }
            let place = |stream: &Backwards| {
                let row = stream.rows.front()?;
                Some((row.at, Place { stream: stream.stream, position: row.position }))
            };
            let newest = self.streams.iter_mut().filter_map(|stream| Some((place(stream)?, stream)));
            let Some(((_, place), stream)) = newest.max_by_key(|(key, _)| *key) else { break };
            found.extend(stream.rows.pop_front().map(|row| (place, row)));
        }
        Ok(found)
    }

    /// Whether enough was looked at for once.
    pub(crate) const fn is_spent(&self) -> bool {
        self.looked >= LOOKED
    }

    /// Looks at as much again.
    pub(crate) const fn refresh(&mut self) {
        self.looked = 0;
    }

    /// Whether there is nothing more.
    pub(crate) fn is_done(&self) -> bool {
        self.streams.iter().all(|stream| stream.rows.is_empty() && stream.scanned.0 == 0)
    }

    /// For each stream, before which position what comes is; none where there is nothing more.
    pub(crate) fn before(&self) -> Option<impl Iterator<Item = Position>> {
        (!self.is_done()).then(|| self.streams.iter().map(Backwards::before))
    }

    /// Where to go on; none where there is nothing more.
    fn bookmark(&self) -> Option<Bookmark> {
        self.before().map(|before| Bookmark::Before(before.collect()))
    }
}
