//! What survives a crash. One trait, [`Store`], in the words of the domain: SQLite behind it for one
//! machine ([`sqlite`]), PostgreSQL for several ([`postgres`]), and a store in memory for simulation ([`memory`]). `tests/conformance` is what
//! both must show.
//!
//! A store keeps, for each *stream* (the unit of order), a *journal*: one row for each webhook event, with
//! the thread's state after it and the position of the previous row of the same [`Chain`]. There is one way to
//! write a decision, [`Store::commit`]: the store reads what a batch needs, runs the pure decision, writes
//! what it says and makes it durable, all or nothing.

use std::collections::HashMap;
use std::sync::Arc;

use baton_rules::{AppId, Cause, Notice, PageId, Surface, Thread, ThreadKey, Timestamp};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};

mod asset;
mod attempt;
mod chain;
mod check;
mod copying;
mod delivery;
pub mod memory;
mod migration;
mod nodes;
pub mod postgres;
mod retention;
mod rows;
mod settings;
pub mod sqlite;
mod team;
mod text_id;

pub use asset::{Asset, AssetChange, AssetKey, AssetKind};
pub use attempt::Attempt;
pub use chain::Chain;
pub use copying::{Copied, End, copy};
pub use delivery::{
    Cursor, DeadLetter, DeliveryHealth, DeliveryState, Disabled, Errands, Lag, LastFailure, NoPlace, Parked,
    Place, Resend, Resent, Round, Slice, Tried,
};
pub use migration::Migration;
pub use nodes::{Beat, Beaten, Node, Nodes};
pub use retention::{Forgotten, Oldest, Size, TooOld};
pub use settings::{
    Ad, App, Configured, Connection, Granting, InstagramSide, KeptMoveToMain, KeptSurface, Link, Page,
    PastPage, Secret, Settings, SettingsRefused, Side, Token, routing,
};
pub use team::{AUDIT_LINES, AuditLine, Invitation, Member, Role, Session, Team};

/// The unit of order, of locking and of delivery: a thread is in one stream for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Stream(pub u16);

/// A place in a stream. Gap-free, in commit order; the first row is 1, 0 stands before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Position(pub u64);

impl Position {
    /// The place after this one.
    #[must_use]
    pub const fn next(self) -> Position {
        Position(self.0 + 1)
    }

    /// The place before this one; of 0, 0.
    #[must_use]
    pub const fn previous(self) -> Position {
        Position(self.0.saturating_sub(1))
    }
}

/// The stream of a thread: [`Chain::stream`].
pub fn stream_of(key: &ThreadKey, streams: u16) -> Stream {
    Chain::Thread(key.clone()).stream(streams)
}

/// One webhook event, with everything that is remembered about it.
#[derive(Clone, Debug, PartialEq)]
pub struct JournalRow {
    /// Where it stands.
    pub position: Position,
    /// What it is a part of; none for a change of settings, which nobody hears.
    pub chain: Option<Chain>,
    /// The same chain's previous row.
    pub previous: Option<Position>,
    /// When it was committed; a lapse: when control ended.
    pub at: Timestamp,
    /// The rule that decided.
    pub rule: Box<str>,
    /// The rule that it refers to.
    pub via: Option<Box<str>>,
    /// Why the thread changed.
    pub cause: Cause,
    /// Who acted; none for a person.
    pub by: Option<AppId>,
    /// The platform's name of the event (`messages`, `pass_thread_control`, …); none where nothing is to
    /// be heard.
    pub event: Option<Box<str>>,
    /// Who hears it, in order.
    pub notices: Vec<Notice>,
    /// The item of `messaging` or `standby`, rendered once; empty where nothing is to be heard.
    pub whole: Bytes,
    /// The item for those who see less of it ([`baton_rules::Form::Reduced`]).
    pub reduced: Option<Bytes>,
    /// `hop_context`, rendered, for the notices that have it beside the event.
    pub context: Option<Bytes>,
    /// The thread after it; of a row without a thread, a new one.
    pub after: Thread,
}

impl JournalRow {
    /// What it takes in memory, about, in bytes.
    #[must_use]
    pub fn weight(&self) -> usize {
        size_of::<Self>() + self.whole.len() + self.reduced.as_ref().map_or(0, Bytes::len)
    }

    /// Whose conversation it is a part of.
    pub fn thread(&self) -> Option<&ThreadKey> {
        self.chain.as_ref().and_then(Chain::thread)
    }
}

/// Where an entry stands in a thread's history: when, after which position of its stream, and which of those there.
pub type ControlPlace = (Timestamp, Position, u32);

/// An entry of a thread's history, a change of control or a refused ask; kept for longer than the journal.
#[derive(Clone, Debug, PartialEq)]
pub struct ControlRow {
    /// Whose.
    pub thread: ThreadKey,
    /// The journal row of the same decision; of a refusal, which has none, the stream's last one before it.
    pub position: Position,
    /// Tells refusals at one place apart, counting from 1; 0 for a change of control. A store counts them itself,
    /// whatever stands here.
    pub number: u32,
    /// When.
    pub at: Timestamp,
    /// The rule.
    pub rule: Box<str>,
    /// The rule that it refers to.
    pub via: Option<Box<str>>,
    /// Why.
    pub cause: Cause,
    /// Who acted; none for a person or a lapse.
    pub by: Option<AppId>,
    /// The owner before.
    pub from: Option<AppId>,
    /// The owner after.
    pub to: Option<AppId>,
    /// When control lapses.
    pub expires_at: Option<Timestamp>,
    /// What the call said.
    pub metadata: Option<Box<str>>,
    /// Why it was refused, as an identifier of the error catalogue ([`baton_rules::Refusal::id`]); none: it was not.
    pub refused: Option<Box<str>>,
}

impl ControlRow {
    /// Where it stands.
    pub const fn place(&self) -> ControlPlace {
        (self.at, self.position, self.number)
    }
}

/// What is known of a person beside their conversation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are the platform's, described in its user profile")]
pub struct Person {
    pub name: Option<String>,
    pub first_name: Option<String>,
    pub last_name: Option<String>,
    pub username: Option<String>,
    pub profile_pic: Option<String>,
}

/// What a caller's own key was answered with, so that a repeat gets the same answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Seen {
    /// SHA-256 of what was asked: another body under the same key is refused.
    pub fingerprint: [u8; 32],
    /// The answer, as the engine wrote it.
    pub answer: Bytes,
    /// When; kept for 72 hours.
    pub at: Timestamp,
}

/// A caller's key within a thread.
pub type SeenKey = (ThreadKey, Box<str>);

/// Something that must happen by itself: a survey that is held back.
#[derive(Clone, Debug, PartialEq)]
pub struct Due {
    /// Whose.
    pub thread: ThreadKey,
    /// The position of the row by which it was accepted: tells due rows of a thread apart, in the order of their
    /// making.
    pub number: Position,
    /// When; for a survey, when control lapses.
    pub at: Timestamp,
    /// The app that wants it.
    pub by: AppId,
    /// What it needs then, as the engine wrote it.
    pub content: Bytes,
}

/// What was counted for an ad (AD-6).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AdCounts {
    /// How often people entered by it.
    pub entries: u64,
    /// Conversations that were opened while its app had control by such an entry.
    pub conversations: u64,
}

/// What a decision adds to the counts of an ad.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counted {
    /// The page of the ad.
    pub page: PageId,
    /// The surface.
    pub surface: Surface,
    /// The ad.
    pub ad: Box<str>,
    /// How much.
    pub counts: AdCounts,
}

/// What a batch needs to know before it can decide.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// The time, by the caller's clock.
    pub now: Option<Timestamp>,
    /// The threads.
    pub threads: Vec<ThreadKey>,
    /// Callers' keys.
    pub seen: Vec<SeenKey>,
    /// Chains of pages, whose ends are needed.
    pub chains: Vec<Chain>,
    /// What is kept of the pages of these chains.
    pub assets: Vec<AssetKey>,
}

/// What was found.
#[derive(Clone, Debug)]
pub struct Found {
    /// The time that decides: the wanted one, but never before the stream's last row. A store with a clock
    /// of its own (several nodes over one database) gives that clock's.
    pub now: Timestamp,
    /// The settings: they cannot change before this batch is committed.
    pub settings: Arc<Settings>,
    /// The stream's last position; new rows stand right after it.
    pub head: Position,
    /// The threads that exist, and where each one's last row stands.
    pub threads: HashMap<ThreadKey, Remembered>,
    /// What was answered to keys that were seen.
    pub seen: HashMap<SeenKey, Seen>,
    /// What must happen by itself of those threads that hold something back, in the order of its making.
    pub due: HashMap<ThreadKey, Vec<Due>>,
    /// The last row of each chain of a page that has one.
    pub ends: HashMap<Chain, Position>,
    /// The assets that are kept.
    pub assets: HashMap<AssetKey, Asset>,
}

/// A thread as it is kept.
#[derive(Clone, Debug, PartialEq)]
pub struct Remembered {
    /// Its state.
    pub thread: Thread,
    /// Its last row.
    pub last: Position,
    /// When the last message of either side was.
    pub last_message_at: Timestamp,
}

/// What a batch writes.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// New rows, their positions right after the head, without gaps.
    pub rows: Vec<Arc<JournalRow>>,
    /// The threads as they are after the last of these rows.
    pub threads: Vec<(ThreadKey, Remembered)>,
    /// Changes of control, and refused asks, in the order in which they happened.
    pub control: Vec<ControlRow>,
    /// Answers to callers' keys.
    pub seen: Vec<(SeenKey, Seen)>,
    /// What must happen by itself from now on, or at another time than it was to.
    pub due: Vec<Due>,
    /// What no longer must: (thread, number).
    pub undue: Vec<(ThreadKey, Position)>,
    /// What is counted for ads.
    pub counted: Vec<Counted>,
    /// What is kept of pages, and forgotten.
    pub assets: AssetChange,
}

/// The pure decision of a batch. It may be run more than once; the last run is the one that counts.
pub type Decide = Box<dyn Fn(&Found) -> Batch + Send + Sync>;

/// A change of settings: from the present ones to others, or a refusal that changes nothing.
pub type Change = Box<dyn Fn(&Settings) -> Result<Settings, Vec<SettingsRefused>> + Send + Sync>;

/// What a change of settings tells apps, one stream after another: decided by the caller, like a batch, and
/// written with the change or not at all.
pub type Announce = Box<dyn Fn(&Changing<'_>) -> Vec<Announcement> + Send + Sync>;

/// A change of settings in one stream.
#[derive(Clone, Copy, Debug)]
pub struct Changing<'a> {
    /// The settings before.
    pub before: &'a Settings,
    /// The settings from now on.
    pub after: &'a Settings,
    /// The stream: only chains of it can be told of anything.
    pub stream: Stream,
    /// How many streams there are.
    pub streams: u16,
    /// When, in this stream.
    pub at: Timestamp,
}

/// Something that a page's apps are told because the settings changed.
#[derive(Clone, Debug, PartialEq)]
pub struct Announcement {
    /// The page's chain.
    pub chain: Chain,
    /// The rule.
    pub rule: Box<str>,
    /// The platform's name of the event.
    pub event: Box<str>,
    /// Who hears it.
    pub notices: Vec<Notice>,
    /// The item, rendered.
    pub whole: Bytes,
}

/// A thread in a page's list.
#[derive(Clone, Debug, PartialEq)]
pub struct Listed {
    /// Whose.
    pub key: ThreadKey,
    /// Its state, and when the last message was.
    pub remembered: Remembered,
}

/// Why a store did not do it.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum StoreError {
    /// Try again later: the disk is full, the database is away. Nothing was done, unless it was the commit
    /// itself that failed: then it may show after a restart.
    #[error("the store cannot write now: {0}")]
    Unavailable(String),
    /// What is stored is not what it should be; nothing is repaired silently.
    #[error("the database is damaged: {0}")]
    Damaged(String),
    /// It cannot be opened; the text says why and what to do.
    #[error("{0}")]
    CannotOpen(String),
    /// The store has been closed.
    #[error("the store is closed")]
    Closed,
}

/// Why a change of settings did not happen.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum ConfigureError {
    /// The change itself refused.
    #[error("the settings were refused")]
    Refused(Vec<SettingsRefused>),
    /// The store could not.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The virtual clock, as it is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeptClock {
    /// Milliseconds that the clock is ahead of the system's.
    pub offset: i64,
    /// The moment at which it stands still.
    pub frozen: Option<Timestamp>,
}

/// What survives a crash. Whatever a method reports as done is on disk.
pub trait Store: Send + Sync + 'static {
    /// How many streams there are; chosen when the database was made.
    fn streams(&self) -> u16;

    /// How many batches, each of another stream, are worth committing at once. What is asked meanwhile gathers for one
    /// larger batch of its stream.
    fn side_by_side(&self) -> usize;

    /// The settings as they were last committed.
    fn settings(&self) -> Arc<Settings>;

    /// A secret of this database, made with it: message ids are signed with it.
    fn key(&self) -> [u8; 32];

    /// One batch of one stream, all or nothing: reads what is wanted, decides, writes, makes it durable.
    /// Returns what was written.
    fn commit(
        &self,
        stream: Stream,
        wanted: Wanted,
        decide: Decide,
    ) -> BoxFuture<'_, Result<Batch, StoreError>>;

    /// Changes the settings, with a row in every stream, so that no decision crosses the change. The cursor
    /// of an app that is new, or has its first address, starts at that row. What the change tells apps stands
    /// right after it. On a page whose routing changes, what must happen by itself is due at once: its owner may
    /// be gone.
    fn configure(
        &self,
        now: Timestamp,
        change: Change,
        announce: Announce,
    ) -> BoxFuture<'_, Result<Configured, ConfigureError>>;

    /// The last position of each stream, by number.
    fn heads(&self) -> BoxFuture<'_, Result<Vec<Position>, StoreError>>;

    /// Rows of a stream that an app must hear, after a position: at most `limit` rows are looked at, fewer where they
    /// are large. Where none is kept after it, the stream has been looked at up to its head.
    fn read(
        &self,
        app: AppId,
        stream: Stream,
        after: Position,
        limit: usize,
    ) -> BoxFuture<'_, Result<Slice, StoreError>>;

    /// Where an app has been served up to, in every stream where it has a cursor.
    fn cursors(&self, app: AppId) -> BoxFuture<'_, Result<Vec<Cursor>, StoreError>>;

    /// The conversations of an app that are parked, the one due first at the front.
    fn parked(&self, app: AppId) -> BoxFuture<'_, Result<Vec<Parked>, StoreError>>;

    /// Events that were given up for an app, newest first; `before` is the last one of the page before.
    fn dead_letters(
        &self,
        app: AppId,
        before: Option<(Timestamp, Place)>,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<DeadLetter>, StoreError>>;

    /// Rows of a stream that an app hears, newest first, before a position: at most `limit` rows are looked at.
    /// Those from before delivery to the app began are nobody's, and not looked at.
    fn read_back(
        &self,
        app: AppId,
        stream: Stream,
        before: Position,
        limit: usize,
    ) -> BoxFuture<'_, Result<Slice, StoreError>>;

    /// How much an app has to hear of a stream after a position, as [`read`](Self::read) would find it: at most `limit`
    /// rows are looked at.
    fn lag(
        &self,
        app: AppId,
        stream: Stream,
        after: Position,
        limit: usize,
    ) -> BoxFuture<'_, Result<Lag, StoreError>>;

    /// What became of events of an app, in the order in which they are asked about.
    fn tried(&self, app: AppId, places: Vec<Place>) -> BoxFuture<'_, Result<Vec<Tried>, StoreError>>;

    /// How the delivery to an app stands: what is kept of its health, and how much is parked, given up and to be
    /// sent again.
    fn delivery_state(&self, app: AppId) -> BoxFuture<'_, Result<DeliveryState, StoreError>>;

    /// Has events sent again; returns how many of them were not to be sent there again already. Those of apps that
    /// the settings do not have are passed over.
    fn resend(&self, resend: Resend) -> BoxFuture<'_, Result<u64, StoreError>>;

    /// Rows of a stream that are to be sent again to a destination ([`Resend::to`]), in order, after a position.
    fn resends(
        &self,
        app: AppId,
        to: &str,
        stream: Stream,
        after: Position,
        limit: usize,
    ) -> BoxFuture<'_, Result<Slice, StoreError>>;

    /// The apps that something is to be sent again for, and where to.
    fn errands(&self) -> BoxFuture<'_, Result<Errands, StoreError>>;

    /// Records the outcome of a delivery round. It may wait up to a tenth of a second for a commit to ride in.
    /// A cursor never goes back. Cursors and parked conversations of apps that the settings do not have (any
    /// more) are passed over, and so is what was parked before delivery to an app began anew. The same holds for what is
    /// of a stream that another node delivers by now. How an app does is put together with what other nodes said of it
    /// ([`DeliveryHealth::and`]).
    fn settle(&self, round: Round) -> BoxFuture<'_, Result<(), StoreError>>;

    /// One row; none where it is not kept any more.
    fn row(
        &self,
        stream: Stream,
        position: Position,
    ) -> BoxFuture<'_, Result<Option<Arc<JournalRow>>, StoreError>>;

    /// A thread, if the person ever wrote.
    fn thread(&self, key: &ThreadKey) -> BoxFuture<'_, Result<Option<Remembered>, StoreError>>;

    /// A page's threads, the one with the newest message first; `after` is the last one of the page before.
    fn threads(
        &self,
        page: PageId,
        surface: Surface,
        after: Option<(Timestamp, ThreadKey)>,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<Listed>, StoreError>>;

    /// A conversation's rows, newest first, before a position, as far as they are kept.
    fn conversation(
        &self,
        key: &ThreadKey,
        before: Option<Position>,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<Arc<JournalRow>>, StoreError>>;

    /// A chain's rows, newest first: from one of them on, that one included, or from its newest.
    fn chain(
        &self,
        chain: &Chain,
        newest: Option<Position>,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<Arc<JournalRow>>, StoreError>>;

    /// A thread's changes of control and refused asks, newest first, before a place.
    fn control(
        &self,
        key: &ThreadKey,
        before: Option<ControlPlace>,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<ControlRow>, StoreError>>;

    /// Changes of a page's settings that may have moved control, newest first, before a place in a stream.
    fn past_pages(
        &self,
        page: PageId,
        stream: Stream,
        before: (Timestamp, Position),
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<PastPage>, StoreError>>;

    /// What was counted for the ads of a page's surface, by their ids; an ad is there once somebody entered by it.
    fn ad_counts(
        &self,
        page: PageId,
        surface: Surface,
    ) -> BoxFuture<'_, Result<HashMap<Box<str>, AdCounts>, StoreError>>;

    /// What is known of a person; nothing where nobody ever said.
    fn person(&self, key: &ThreadKey) -> BoxFuture<'_, Result<Person, StoreError>>;

    /// The same of several, in their order. A store that reads them together says so.
    fn people(&self, keys: Vec<ThreadKey>) -> BoxFuture<'_, Result<Vec<Person>, StoreError>> {
        Box::pin(async move {
            let mut people = Vec::with_capacity(keys.len());
            for key in &keys {
                people.push(self.person(key).await?);
            }
            Ok(people)
        })
    }

    /// Keeps what is known of a person. Whether there is such a person is the caller's to know.
    fn keep_person(&self, key: &ThreadKey, person: Person) -> BoxFuture<'_, Result<(), StoreError>>;

    /// One of a page's assets, with its bytes.
    fn asset(&self, key: &AssetKey) -> BoxFuture<'_, Result<Option<Asset>, StoreError>>;

    /// A page's assets of a kind, without bytes, in the order of their keys, after a key.
    fn assets(
        &self,
        page: PageId,
        kind: AssetKind,
        after: &str,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<Asset>, StoreError>>;

    /// Keeps and forgets assets.
    fn change_assets(&self, change: AssetChange) -> BoxFuture<'_, Result<(), StoreError>>;

    /// Who may sign in; nobody in a new database.
    fn team(&self) -> BoxFuture<'_, Result<Team, StoreError>>;

    /// Keeps who may sign in, in the place of who might before.
    fn keep_team(&self, team: Team) -> BoxFuture<'_, Result<(), StoreError>>;

    /// Adds what somebody did; of more than [`AUDIT_LINES`] lines the oldest goes.
    fn audit(&self, line: AuditLine) -> BoxFuture<'_, Result<(), StoreError>>;

    /// What was done, newest first, each with its number; before a number.
    fn audited(
        &self,
        before: Option<u64>,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<(u64, AuditLine)>, StoreError>>;

    /// What is due up to a moment, in due order.
    fn due(&self, until: Timestamp, limit: usize) -> BoxFuture<'_, Result<Vec<Due>, StoreError>>;

    /// The virtual clock as it was last kept; none in a new database.
    fn kept_clock(&self) -> BoxFuture<'_, Result<Option<KeptClock>, StoreError>>;

    /// Keeps the virtual clock.
    fn keep_clock(&self, clock: KeptClock) -> BoxFuture<'_, Result<(), StoreError>>;

    /// Deletes the oldest rows of a stream, as far as they are too old and nobody waits for them, at most `limit`; and
    /// with them tries at them, dead letters and what of them is to be sent again. Whoever reads on meanwhile finds
    /// them gone: chains and streams begin later.
    fn forget(
        &self,
        stream: Stream,
        old: TooOld,
        limit: usize,
    ) -> BoxFuture<'_, Result<Forgotten, StoreError>>;

    /// Deletes the oldest entries of histories, of `until` and before, and answers to keys that no longer count: at most
    /// `limit` of each. Returns how many.
    fn forget_history(
        &self,
        until: Timestamp,
        now: Timestamp,
        limit: usize,
    ) -> BoxFuture<'_, Result<u64, StoreError>>;

    /// What is oldest.
    fn oldest(&self) -> BoxFuture<'_, Result<Oldest, StoreError>>;

    /// What it takes on the disk; nothing for one that has none.
    fn size(&self) -> BoxFuture<'_, Result<Size, StoreError>>;

    /// What it can be asked as the store of several processes; none: it is one process' alone.
    fn nodes(&self) -> Option<&dyn Nodes> {
        None
    }

    /// Writes what is still to be written and closes; afterwards everything is [`StoreError::Closed`].
    fn close(&self) -> BoxFuture<'_, Result<(), StoreError>>;
}
