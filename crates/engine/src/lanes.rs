//! What to deliver next, and what an answer means. Pure: positions, rows, answers and times go in; steps
//! come out. One [`Lanes`] for each app with something pending.
//!
//! An app has a *lane* for each stream: rows are read in order past the cursor and sorted into *talks*, one
//! for each chain: a conversation, or what the app is told of a page itself. Within a talk one webhook is
//! under way at a time, in order; talks do not wait for one another. The cursor follows the oldest row that is neither served nor given up. A talk that keeps
//! failing while others succeed is *parked*: the cursor passes it, and it walks on by itself. When the app
//! fails altogether nothing is parked, and one probe at a time is sent.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use baton_rules::{AppId, Channel, Notice, Surface, Timestamp};
use baton_store::{
    Chain, Cursor, DeadLetter, JournalRow, Parked, Place, Position, Resent, Round, Slice, Stream,
};

use crate::retry::{HOPELESS_TRIES, MOST_RETRY_AFTER_MS, Profile, delay_ms, failures_within, is_hopeless};
use crate::walk::Pieces;

mod gone;
mod health;
mod parked;
mod room;

use health::Health;
use parked::Walk;
use room::Amount;

/// Failures in a row after which an app is taken to fail altogether.
const FAILING: u32 = 3;
/// Rows that a lane reads at once, where its bound allows: it does not read one for each that is served.
const PIECE: u64 = 256;
/// What an event is taken to weigh before any was seen, in bytes.
const TYPICAL: u64 = 4_096;

/// Where the rows come from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Source {
    /// The journal, past the app's cursors.
    Journal,
    /// What is to be sent again, to this address; empty: the app's own. Nothing waits behind a row but what is to be
    /// sent again with it, so none is parked, and one that is answered wrongly so often is given up whatever becomes
    /// of others.
    Resends(Box<str>),
}

/// Bounds of an app's delivery.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// Webhooks under way at once.
    pub(crate) in_flight: usize,
    /// Positions that a stream is read past what is served, and events of all streams in memory.
    pub(crate) read_ahead: u64,
    /// What the events in memory weigh, in bytes; beyond it one of each stream, and each that is under way.
    pub(crate) bytes: u64,
    /// Events in one webhook.
    pub(crate) max_batch: usize,
    pub(crate) profile: Profile,
    /// Whether what is new has what failed tried again at once, whatever it waits for.
    pub(crate) eager: bool,
}

/// What to do next.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// Send these events in one webhook, and report the answer.
    Post(Vec<Item>),
    /// Read a stream after a position, and report the rows.
    Read { stream: Stream, after: Position, limit: usize },
    /// Read a parked conversation's own rows in (after, until], the oldest first, and report them with what was
    /// learnt of its pieces.
    Walk { chain: Chain, after: Position, until: Position, pieces: Pieces },
    /// Nothing until that moment, an answer, or news.
    Wait(Option<Timestamp>),
}

/// One event on its way.
#[derive(Clone, Debug)]
pub(crate) struct Item {
    pub(crate) chain: Chain,
    pub(crate) row: Arc<JournalRow>,
    pub(crate) notice: Notice,
}

/// How a webhook was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answered {
    /// 2xx.
    Served,
    /// Another status.
    Status(u16),
    /// 429 or 503, and for how many milliseconds the receiver wants to be left alone.
    Busy(i64),
    /// No answer: no connection, or none in time.
    Nothing,
}

impl Answered {
    /// Whether more tries will not change it.
    fn is_hopeless(&self) -> bool {
        matches!(self, Answered::Status(status) if is_hopeless(*status))
    }
}

/// What became of a webhook by its answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Became {
    /// When it is tried again, where it failed.
    pub(crate) again: Option<Timestamp>,
    /// An event of it is not tried any more.
    pub(crate) given_up: Option<GivenUp>,
}

/// Why an event is not tried any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GivenUp {
    /// For how it was answered.
    Dead,
    /// It was too old.
    Expired,
}

/// How an event stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stands {
    /// It is behind: served, or given up.
    Behind,
    /// It was read, and waits: until this moment, if not for others.
    Waits(Option<Timestamp>),
    /// It waits in a conversation that is parked, until this moment at least.
    Parked(Option<Timestamp>),
    /// It was not read yet.
    Ahead,
}

/// An app's delivery.
pub(crate) struct Lanes {
    app: AppId,
    source: Source,
    bounds: Bounds,
    lanes: Vec<Lane>,
    talks: HashMap<Chain, Talk>,
    ready: VecDeque<Chain>,
    waiting: BTreeSet<(Timestamp, Chain)>,
    under_way: usize,
    /// What is in memory of parked conversations.
    walking: Amount,
    /// What an event weighs, as a rule: the mean of those that were read last.
    typical: u64,
    health: Health,
    round: Round,
}

struct Lane {
    stream: Stream,
    served: Position,
    read_to: Position,
    /// Rows that were read and are neither served, parked nor given up.
    open: BTreeMap<Position, Arc<JournalRow>>,
    /// What they take.
    held: Amount,
    /// The last row that was served or given up, whatever is open before it.
    ahead: Position,
    /// Everything up to here is deleted.
    gone: Position,
}

#[derive(Default)]
struct Talk {
    stream: usize,
    queue: VecDeque<Arc<JournalRow>>,
    busy: bool,
    failures: u32,
    /// How many of them were answers that more tries will not change; those before a restart do not count.
    hopeless: u32,
    since: Option<Timestamp>,
    /// How many events of the app had been served when this talk began to fail.
    served_then: u64,
    /// The same when the row that fails was first sent.
    served_before: u64,
    parked: Option<Walk>,
}

impl Lanes {
    /// Takes up where the cursors and parked conversations stand.
    pub(crate) fn new(
        app: AppId,
        source: Source,
        bounds: Bounds,
        cursors: &[Cursor],
        parked: Vec<Parked>,
    ) -> Self {
        let mut lanes: Vec<Lane> = (cursors.iter())
            .map(|cursor| Lane {
                stream: cursor.stream,
                served: cursor.served,
                read_to: cursor.served,
                open: BTreeMap::new(),
                held: Amount::default(),
                ahead: cursor.served,
                gone: Position(0),
            })
            .collect();
        lanes.sort_by_key(|lane| lane.stream);
        let mut this = Self {
            app,
            source,
            bounds,
            lanes,
            talks: HashMap::new(),
            ready: VecDeque::new(),
            waiting: BTreeSet::new(),
            under_way: 0,
            walking: Amount::default(),
            typical: TYPICAL,
            health: Health::default(),
            round: Round::default(),
        };
        for parked in parked {
            let Some(stream) = this.lane(parked.stream) else { continue };
            let passed = this.lanes[stream].served;
            let done = Position(parked.next.0.saturating_sub(1));
            let walk = Walk { done, passed, recorded: parked.next, pieces: Pieces::default() };
            let talk = Talk {
                stream,
                failures: parked.attempts,
                since: (parked.attempts > 0).then_some(parked.since),
                parked: Some(walk),
                ..Talk::default()
            };
            this.talks.insert(parked.chain.clone(), talk);
            this.waiting.insert((parked.due, parked.chain));
        }
        this
    }

    /// Bounds may change with the app's settings.
    pub(crate) fn set_max_batch(&mut self, max_batch: usize) {
        self.bounds.max_batch = max_batch.max(1);
    }

    fn lane(&self, stream: Stream) -> Option<usize> {
        self.lanes.iter().position(|lane| lane.stream == stream)
    }

    /// Webhooks under way.
    pub(crate) const fn under_way(&self) -> usize {
        self.under_way
    }

    /// Events that were read and wait, those of parked conversations excepted; when the oldest was committed.
    pub(crate) fn waiting(&self) -> (u64, Option<Timestamp>) {
        let open = self.lanes.iter().map(|lane| lane.open.len() as u64).sum();
        let fronts = self.talks.values().filter(|talk| talk.parked.is_none());
        (open, fronts.filter_map(|talk| talk.queue.front()).map(|row| row.at).min())
    }

    /// The streams.
    pub(crate) fn streams(&self) -> impl Iterator<Item = Stream> {
        self.lanes.iter().map(|lane| lane.stream)
    }

    /// Up to where streams have been read.
    pub(crate) fn read_to(&self) -> impl Iterator<Item = (Stream, Position)> {
        self.lanes.iter().map(|lane| (lane.stream, lane.read_to))
    }

    /// When conversations that wait out a failure are tried again.
    pub(crate) fn dues(&self) -> HashMap<&Chain, Timestamp> {
        let held = self.health.held_until();
        self.waiting.iter().map(|(due, chain)| (chain, held.map_or(*due, |held| held.max(*due)))).collect()
    }

    /// How an event of a conversation stands, by these [`dues`](Self::dues).
    pub(crate) fn stands(&self, chain: &Chain, place: Place, dues: &HashMap<&Chain, Timestamp>) -> Stands {
        let Some(at) = self.lane(place.stream) else { return Stands::Ahead };
        let lane = &self.lanes[at];
        let due = dues.get(chain).copied();
        match self.talks.get(chain) {
            Some(Talk { parked: Some(walk), .. }) if place.position <= walk.passed => {
                if place.position > walk.done { Stands::Parked(due) } else { Stands::Behind }
            }
            _ if lane.open.contains_key(&place.position) => Stands::Waits(due.or(self.health.held_until())),
            _ if place.position <= lane.read_to => Stands::Behind,
            _ => Stands::Ahead,
        }
    }

    /// How often the event that a conversation stands at has been tried.
    pub(crate) fn failures(&self, chain: &Chain) -> u32 {
        self.talks.get(chain).map_or(0, |talk| talk.failures)
    }

    /// Has a conversation tried again at once, whatever it waits for.
    pub(crate) fn hasten(&mut self, chain: &Chain) {
        (self.health.pause, self.health.busy_until) = (None, None);
        let waits = self.waiting.iter().find(|(_, waits)| waits == chain).cloned();
        if let Some(due) = waits
            && self.waiting.remove(&due)
        {
            self.ready.push_back(due.1);
        }
    }

    /// Has everything tried again at once, as if nothing had failed so far.
    pub(crate) fn resume(&mut self) {
        self.health = Health { served: self.health.served, ..Health::default() };
        self.ready.extend(std::mem::take(&mut self.waiting).into_iter().map(|(_, chain)| chain));
    }

    /// Whether nothing is under way and nothing is pending up to these heads.
    pub(crate) fn is_idle(&self, head: impl Fn(Stream) -> Position) -> bool {
        self.under_way == 0
            && self.talks.is_empty()
            && self.lanes.iter().all(|lane| lane.read_to >= head(lane.stream))
    }

    /// What to do now. Every step but `Wait` must be answered by its report.
    pub(crate) fn next(&mut self, now: Timestamp, head: impl Fn(Stream) -> Position) -> Step {
        while let Some((due, _)) = self.waiting.first()
            && *due <= now
            && let Some((_, chain)) = self.waiting.pop_first()
        {
            self.ready.push_back(chain);
        }
        if let Some(read) = self.read(head) {
            return read;
        }
        if let Some(until) = self.health.busy_until.filter(|until| now < *until) {
            return Step::Wait(Some(until));
        }
        if self.health.fails_altogether()
            && let Some(wait) = self.probe(now)
        {
            return wait;
        }
        if self.under_way < self.bounds.in_flight
            && let Some(step) = self.start()
        {
            return step;
        }
        Step::Wait(self.waiting.first().map(|(due, _)| *due))
    }

    /// The next read, if a lane is behind its head and may read further: of the lane that holds least.
    fn read(&self, head: impl Fn(Stream) -> Position) -> Option<Step> {
        let is_behind = |at: &usize| self.lanes[*at].read_to < head(self.lanes[*at].stream);
        let mut behind = (0..self.lanes.len()).filter(is_behind).peekable();
        // As a rule none is: then nothing is reckoned.
        behind.peek()?;
        let free = self.free();
        let rooms = behind.map(|at| (at, self.room(at, free))).filter(|(_, room)| *room > 0);
        let (at, room) = rooms.min_by_key(|(at, _)| self.lanes[*at].held.rows)?;
        let (lane, limit) = (&self.lanes[at], usize::try_from(room).unwrap_or(usize::MAX));
        Some(Step::Read { stream: lane.stream, after: lane.read_to, limit })
    }

    /// Takes the next talk that is ready, and others with it where a webhook may hold several events.
    fn start(&mut self) -> Option<Step> {
        let chain = loop {
            let chain = self.ready.pop_front()?;
            if self.drop_gone(&chain) {
                break chain;
            }
        };
        let talk = self.talks.get_mut(&chain)?;
        if let (true, Some(walk)) = (talk.queue.is_empty(), &mut talk.parked) {
            talk.busy = true;
            self.under_way += 1;
            let pieces = std::mem::take(&mut walk.pieces);
            return Some(Step::Walk { chain, after: walk.done, until: walk.passed, pieces });
        }
        let single = talk.failures > 0 || self.health.failures > 0;
        let mut items = Vec::new();
        let room = if single { 1 } else { self.bounds.max_batch };
        let kind = gather(self.app, &chain, talk, None, room, &mut items)?;
        talk.send(self.health.served);
        self.under_way += 1;
        if !single {
            self.fill(kind, &mut items);
        }
        Some(Step::Post(items))
    }

    /// Adds other talks whose next event is of the same kind; the rest keep their turn.
    fn fill(&mut self, kind: (Surface, Channel), items: &mut Vec<Item>) {
        let mut passed = Vec::new();
        while items.len() < self.bounds.max_batch && passed.len() < self.bounds.max_batch {
            let Some(chain) = self.ready.pop_front() else { break };
            let room = self.bounds.max_batch - items.len();
            self.drop_gone(&chain);
            let Some(talk) = self.talks.get_mut(&chain) else { continue };
            let fits =
                talk.failures == 0 && gather(self.app, &chain, talk, Some(kind), room, items).is_some();
            if fits {
                talk.send(self.health.served);
            } else {
                passed.push(chain);
            }
        }
        for chain in passed.into_iter().rev() {
            self.ready.push_front(chain);
        }
    }

    /// Rows of a stream, as asked for by [`Step::Read`].
    pub(crate) fn loaded(&mut self, stream: Stream, slice: &Slice) {
        let Some(at) = self.lane(stream) else { return };
        let (mut left, mut taken, mut scanned) = (self.left(at), false, slice.scanned);
        if !slice.rows.is_empty() {
            let all: usize = slice.rows.iter().map(|row| row.weight()).sum();
            self.typical = (all / slice.rows.len()).max(1) as u64;
        }
        for row in &slice.rows {
            let Some(chain) = &row.chain else { continue };
            let lane = &mut self.lanes[at];
            // It may have been deleted while it was read.
            if row.position <= lane.read_to.max(lane.gone) {
                continue;
            }
            let mut talk = self.talks.entry(chain.clone());
            if let Entry::Occupied(known) = &mut talk
                && let Some(walk) = &mut known.get_mut().parked
            {
                walk.passed = walk.passed.max(row.position);
                continue;
            }
            let bytes = row.weight() as u64;
            if taken && !left.fits(bytes) {
                // The rest is read again when there is room for it.
                scanned = Position(row.position.0 - 1);
                break;
            }
            left.remove(bytes);
            taken = true;
            let talk = talk.or_default();
            let new = talk.queue.is_empty() && !talk.busy;
            talk.stream = at;
            talk.queue.push_back(Arc::clone(row));
            lane.held.add(bytes);
            lane.open.insert(row.position, Arc::clone(row));
            if new {
                self.ready.push_back(chain.clone());
            }
        }
        let lane = &mut self.lanes[at];
        lane.read_to = lane.read_to.max(scanned);
        self.advance(at);
        self.crowded();
        if self.bounds.eager {
            slice.rows.iter().filter_map(|row| row.chain.as_ref()).for_each(|chain| self.hasten(chain));
        }
    }

    /// The answer to a webhook.
    pub(crate) fn answered(
        &mut self,
        items: &[Item],
        answer: &Answered,
        reason: &str,
        now: Timestamp,
        jitter: f64,
    ) -> Became {
        self.under_way = self.under_way.saturating_sub(1);
        if *answer == Answered::Served {
            if self.health.fails_altogether() {
                self.release();
            }
            self.health = Health { served: self.health.served + items.len() as u64, ..Health::default() };
            for item in items {
                self.served(item);
            }
            self.crowded();
            return Became::default();
        }
        let mut chains: Vec<&Chain> = items.iter().map(|item| &item.chain).collect();
        chains.dedup();
        self.health.failures = self.health.failures.saturating_add(1);
        self.health.since.get_or_insert(now);
        let known = self.health.first.get_or_insert_with(|| chains[0].clone());
        // What is sent again was answered wrongly before, as a rule: that several are says nothing of the app.
        let tells = self.source == Source::Journal || !answer.is_hopeless();
        self.health.several |= tells && chains.iter().any(|chain| *chain != known);
        self.health.silent |= *answer == Answered::Nothing;
        self.health.last = Some(now);
        if let Answered::Busy(ms) = answer
            && !chains.iter().any(|chain| self.others_succeed(chain))
        {
            self.health.busy_until = self.health.busy_until.max(Some(left_alone(now, *ms)));
        }
        let mut became = Became::default();
        for chain in chains {
            let this = self.failed(chain, answer, reason, now, jitter);
            became.again = this.again.or(became.again);
            became.given_up = this.given_up.or(became.given_up);
        }
        self.crowded();
        if self.health.fails_altogether() {
            // What was under way together fails together: that is no reason to wait as after so many tries.
            let failing_ms = now.0.saturating_sub(self.health.since.unwrap_or(now).0);
            let profile = self.bounds.profile;
            let failures = (self.health.failures - FAILING + 1).min(failures_within(profile, failing_ms));
            let pause = Timestamp(now.0 + delay_ms(profile, failures, false, jitter));
            self.health.pause = Some(pause);
            became.again = Some(pause);
        }
        became.again = became.again.max(became.again.and(self.health.busy_until));
        became
    }

    /// The app's address does not verify: as if it did not answer.
    pub(crate) fn unverified(&mut self, items: &[Item], now: Timestamp, jitter: f64) -> Became {
        self.health.failures = self.health.failures.max(FAILING - 1);
        self.answered(items, &Answered::Nothing, "the address is not verified", now, jitter)
    }

    fn served(&mut self, item: &Item) {
        let Some(talk) = self.talks.get_mut(&item.chain) else { return };
        talk.busy = false;
        talk.recovered();
        talk.queue.pop_front();
        let at = talk.stream;
        self.record_resent(at, item.row.position, true);
        self.done_with(&item.chain, &item.row);
        self.advance(at);
    }

    /// What was to be sent again no longer is.
    fn record_resent(&mut self, at: usize, position: Position, arrived: bool) {
        if let Source::Resends(to) = &self.source {
            let place = Place { stream: self.lanes[at].stream, position };
            self.round.resent.push(Resent { app: self.app, to: to.clone(), place, arrived });
        }
    }

    /// A row is behind its talk: on with the next, or the talk ends.
    fn done_with(&mut self, chain: &Chain, row: &JournalRow) {
        let Some(talk) = self.talks.get_mut(chain) else { return };
        let (position, bytes) = (row.position, row.weight() as u64);
        let lane = &mut self.lanes[talk.stream];
        // Of a parked conversation too: it may be back in its lane when the app's delivery stops.
        lane.ahead = lane.ahead.max(position);
        match &mut talk.parked {
            Some(walk) => {
                walk.done = position;
                self.walking.remove(bytes);
            }
            None if lane.open.remove(&position).is_some() => lane.held.remove(bytes),
            None => {}
        }
        // Of a webhook with several events of one talk, only the last one's leaves it ready.
        if self.ready.back() == Some(chain) {
            self.ready.pop_back();
        }
        if talk.queue.is_empty() && talk.parked.is_none() {
            self.talks.remove(chain);
        } else {
            self.ready.push_back(chain.clone());
        }
    }

    fn failed(
        &mut self,
        chain: &Chain,
        answer: &Answered,
        reason: &str,
        now: Timestamp,
        jitter: f64,
    ) -> Became {
        let (app, served, profile) = (self.app, self.health.served, self.bounds.profile);
        let (fails_altogether, others_succeed) = (self.health.fails_altogether(), self.others_succeed(chain));
        let Some(talk) = self.talks.get_mut(chain) else { return Became::default() };
        talk.busy = false;
        talk.failures = talk.failures.saturating_add(1);
        if talk.since.is_none() {
            talk.since = Some(now);
            talk.served_then = served;
        }
        let mut hopeless = answer.is_hopeless();
        talk.hopeless += u32::from(hopeless);
        hopeless &= others_succeed || self.source != Source::Journal;
        let at = talk.stream;
        let expires = profile.expires_after_ms().filter(|_| !fails_altogether);
        let alone = self.source != Source::Journal;
        let too_old = |since: Timestamp| expires.is_some_and(|most| now.0 - since.0 >= most);
        let expired = (others_succeed || alone) && talk.since.is_some_and(too_old);
        if expired || hopeless && talk.hopeless >= HOPELESS_TRIES && !fails_altogether {
            let Some(row) = talk.queue.pop_front() else { return Became::default() };
            let (attempts, stream, since) = (talk.failures, self.lanes[at].stream, talk.since);
            talk.recovered();
            // What stands behind one that was too old is as old, as a rule: each gets a try, until one arrives.
            talk.since = since.filter(|_| expired);
            let dead = DeadLetter {
                app,
                stream,
                position: row.position,
                chain: chain.clone(),
                at: now,
                attempts,
                reason: reason.into(),
                expired,
            };
            self.give_up(at, dead);
            self.done_with(chain, &row);
            // What was given up is not tried again after a restart.
            self.record_progress(now);
            self.advance(at);
            let given_up = if expired { GivenUp::Expired } else { GivenUp::Dead };
            return Became { again: None, given_up: Some(given_up) };
        }
        let began = talk.since.unwrap_or(now);
        let tries = if hopeless {
            talk.hopeless
        } else {
            talk.failures.min(failures_within(profile, now.0.saturating_sub(began.0)))
        };
        let mut due = Timestamp(now.0 + delay_ms(profile, tries, hopeless, jitter));
        if let Answered::Busy(ms) = answer {
            due = due.max(left_alone(now, *ms));
        }
        if talk.parked.is_some() || (others_succeed && talk.failures >= 2) {
            self.park(chain, due);
        }
        self.waiting.insert((due, chain.clone()));
        Became { again: Some(due), given_up: None }
    }

    /// A row is not tried any more. One that was sent elsewhere is not the app's to miss.
    fn give_up(&mut self, at: usize, dead: DeadLetter) {
        self.record_resent(at, dead.position, false);
        if !matches!(&self.source, Source::Resends(to) if !to.is_empty()) {
            self.round.dead.push(dead);
        }
    }

    /// Moves a lane's cursor up to its oldest open row.
    fn advance(&mut self, at: usize) {
        let lane = &mut self.lanes[at];
        let served = lane.open.keys().next().map_or(lane.read_to, |oldest| Position(oldest.0 - 1));
        if served > lane.served {
            lane.served = served;
            if self.source != Source::Journal {
                return;
            }
            let cursor = Cursor { app: self.app, stream: lane.stream, served };
            match self.round.cursors.iter_mut().find(|moved| moved.stream == cursor.stream) {
                Some(moved) => *moved = cursor,
                None => self.round.cursors.push(cursor),
            }
        }
    }

    /// What must be recorded since the last call.
    pub(crate) fn take_round(&mut self) -> Option<Round> {
        let round = &self.round;
        let empty = round.cursors.is_empty()
            && round.park.is_empty()
            && round.unpark.is_empty()
            && round.resent.is_empty()
            && round.dead.is_empty();
        (!empty).then(|| std::mem::take(&mut self.round))
    }
}

impl Talk {
    /// The row that failed is behind it.
    fn recovered(&mut self) {
        self.failures = 0;
        self.hopeless = 0;
        self.since = None;
    }

    /// Its next events are on their way; `served` is how many of the app's had been served so far.
    fn send(&mut self, served: u64) {
        self.busy = true;
        if self.failures == 0 {
            self.served_before = served;
        }
    }
}

/// Until when a receiver is left alone that wants to be, for so many milliseconds.
fn left_alone(now: Timestamp, ms: i64) -> Timestamp {
    Timestamp(now.0 + ms.clamp(0, MOST_RETRY_AFTER_MS))
}

/// Adds a talk's next events of one kind; the kind is that of its first, or the given one.
fn gather(
    app: AppId,
    chain: &Chain,
    talk: &Talk,
    kind: Option<(Surface, Channel)>,
    room: usize,
    items: &mut Vec<Item>,
) -> Option<(Surface, Channel)> {
    let mut kind = kind;
    let mut added = false;
    for row in talk.queue.iter().take(room) {
        let notice = *row.notices.iter().find(|notice| notice.app == app)?;
        let this = (chain.surface(), notice.channel);
        if *kind.get_or_insert(this) != this {
            break;
        }
        items.push(Item { chain: chain.clone(), row: Arc::clone(row), notice });
        added = true;
    }
    if added { kind } else { None }
}

#[cfg(test)]
mod tests;
