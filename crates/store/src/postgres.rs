//! The store of several machines: PostgreSQL. Any number of processes may use one database. Decisions of one stream are
//! made one after another, whichever process makes them, because each locks the stream's row first and reads
//! everything that it goes by behind that lock; those of different streams are made side by side. Nothing about a
//! thread is remembered from one transaction to the next.

mod assets;
mod commit;
mod connect;
pub(crate) mod copying;
mod delivery;
mod leases;
mod open;
mod read;
mod retention;
mod row;
mod settings;
mod settle;
mod team;
mod trouble;
mod work;

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use baton_rules::{AppId, PageId, Surface, ThreadKey, Timestamp};
use futures_util::future::BoxFuture;
use futures_util::stream::{self, StreamExt as _};
use rand::TryRngCore;

use crate::rows::thread_text;
use crate::{
    AUDIT_LINES, AdCounts, Announce, Asset, AssetChange, AssetKey, AssetKind, AuditLine, Batch, Beat, Beaten,
    Chain, Change, ConfigureError, Configured, ControlPlace, ControlRow, Cursor, DeadLetter, Decide,
    DeliveryHealth, DeliveryState, Due, Errands, Forgotten, JournalRow, KeptClock, Lag, Listed, Migration,
    Node, Nodes, Oldest, Parked, PastPage, Person, Place, Position, Remembered, Resend, Round, Settings,
    Size, Slice, Store, StoreError, Stream, Team, TooOld, Tried, Wanted, stream_of,
};
use assets::asset_writes;
use commit::Commit;
pub use connect::Address;
pub(crate) use connect::Lent;
use leases::{Held, Present};
#[doc(hidden)]
pub use open::{Step, go_further};
use read::{Reader, stream_of_page};
use retention::{Forget, ForgetHistory};
use row::big;
use settings::{Configure, Published, written};
use settle::{Again, Settle};
pub(crate) use trouble::Trouble;
use work::{PAUSES, Plain, Write, Writer, pause, statement};

/// Parts of a delivery round that are written side by side.
const PARTS: usize = 4;

/// How long a round that says how far delivery has come waits before it is written: each of its streams is a transaction, and while one round waits, what
/// follows it gathers for the next. What was not recorded when the process dies is sent again.
const GATHERING: Duration = Duration::from_millis(200);

/// What is chosen when a store is opened.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// The number of streams, at most 4,096; an existing database keeps its own.
    pub streams: u16,
    /// Connections at most: half of them write, of which half commit batches, and half of them look.
    pub connections: usize,
    /// Whose time decides.
    pub time: Time,
}

/// Whose time decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Time {
    /// The database's, which is one for all nodes.
    Database,
    /// That of whoever asks: a virtual clock, or a test's.
    Caller,
}

impl Default for Options {
    fn default() -> Self {
        Self { streams: 16, connections: 16, time: Time::Database }
    }
}

/// A store in a PostgreSQL database, in its schema `baton`.
pub struct PostgresStore {
    key: [u8; 32],
    streams: u16,
    /// What this process is called where it leaves marks and holds leases.
    process: [u8; 16],
    published: Arc<Published>,
    reader: Reader,
    writer: Writer,
    /// Half of the connections that write: what delivery records, and settings, find one of the others.
    side_by_side: usize,
    held: Held,
    time: Time,
    closed: AtomicBool,
}

impl fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresStore").field("streams", &self.streams).finish_non_exhaustive()
    }
}

impl PostgresStore {
    /// Opens a database, and makes its schema where there is none.
    ///
    /// # Errors
    /// [`StoreError::CannotOpen`] when it is out of reach, foreign, newer or not fit, and [`StoreError::Damaged`] when
    /// it is not whole; nothing of it was changed then.
    pub async fn open(address: &Address, options: Options) -> Result<PostgresStore, StoreError> {
        let half = (options.connections / 2).max(2);
        let (looking, writing) = (connect::pool(address, half)?, connect::pool(address, half)?);
        let opened = open::open(&writing, address, options).await?;
        let mut process = [0; 16];
        rand::rngs::OsRng
            .try_fill_bytes(&mut process)
            .map_err(|error| open::cannot(address, format!("the system has no randomness: {error}")))?;
        let streams = opened.streams;
        let store = Self {
            key: opened.key,
            streams,
            process,
            published: Arc::new(Published::new(opened.settings)),
            reader: Reader { pool: looking, streams },
            writer: Writer::new(writing, process, streams),
            side_by_side: half.div_ceil(2),
            held: Held::default(),
            time: options.time,
            closed: AtomicBool::new(false),
        };
        let mut pauses = PAUSES.into_iter();
        while let Err(trouble) = store.sign_in().await {
            // A newer version may be bringing up the schema; each try waits for a lock for seconds.
            match pauses.next().filter(|_| trouble.may_pass()) {
                Some(time) => pause(time).await,
                None => return Err(open::opening(address, trouble)),
            }
        }
        Ok(store)
    }

    /// Brings a database to this version's schema, or makes it where there is none.
    ///
    /// # Errors
    /// As [`PostgresStore::open`].
    pub async fn migrate(address: &Address, options: Options) -> Result<Migration, StoreError> {
        let pool = connect::pool(address, 1)?;
        Ok(open::open(&pool, address, options).await?.migration)
    }

    /// What [`PostgresStore::migrate`] would do; nothing is changed.
    ///
    /// # Errors
    /// As [`PostgresStore::open`].
    pub async fn pending(address: &Address) -> Result<Migration, StoreError> {
        open::look(&connect::pool(address, 1)?, address).await
    }

    /// Makes the place of this process' marks, and takes away those of processes that are long gone.
    async fn sign_in(&self) -> Result<(), Trouble> {
        let lent = Lent::from(&self.reader.pool).await?;
        let client = lent.client()?;
        client.execute("DELETE FROM baton.marks WHERE since < now() - interval '7 days'", &[]).await?;
        let sql = "INSERT INTO baton.marks (stream, process, lane, number)
                   SELECT stream, $1, lane, 0 FROM baton.streams, generate_series(0, 1) AS lane";
        client.execute(sql, &[&self.process.as_slice()]).await?;
        lent.give_back();
        Ok(())
    }

    /// What this process is called.
    fn name(&self) -> String {
        self.process.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn still_open(&self) -> Result<(), StoreError> {
        if self.closed.load(Ordering::Acquire) { Err(StoreError::Closed) } else { Ok(()) }
    }

    /// A look, unless the store is closed.
    fn look<'a, T: 'a>(
        &'a self,
        looked: impl Future<Output = Result<T, Trouble>> + Send + 'a,
    ) -> BoxFuture<'a, Result<T, StoreError>> {
        Box::pin(async move {
            self.still_open()?;
            looked.await.map_err(Trouble::into_error)
        })
    }

    /// Writes that are known before.
    async fn plain(
        &self,
        stream: Stream,
        writes: impl Fn() -> Vec<Write> + Send + Sync + 'static,
    ) -> Result<(), StoreError> {
        self.still_open()?;
        self.writer.write(Plain { stream, writes: Arc::new(writes) }).await
    }

    /// The heads; and where another process changed the settings, they are known from then on too.
    async fn known_heads(&self) -> Result<Vec<Position>, Trouble> {
        let (heads, version) = self.reader.heads().await?;
        if version > self.published.settings().version {
            let lent = Lent::from(&self.reader.pool).await?;
            let client = lent.client()?;
            client.batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?;
            let settings = settings::load(client).await?;
            client.batch_execute("COMMIT").await?;
            lent.give_back();
            self.published.publish(&settings);
        }
        Ok(heads)
    }

    async fn record(&self, round: Round) -> Result<(), StoreError> {
        self.still_open()?;
        // The leases by which it was delivered, and not those of later.
        let epochs = self.held.epochs();
        if !round.cursors.is_empty() {
            pause(GATHERING).await;
        }
        let parts = settle::parts(round).into_iter().map(|(stream, part)| {
            let epoch = epochs.get(&stream).copied().unwrap_or(0);
            self.writer.write(Settle { stream, epoch, part: Arc::new(part) })
        });
        // Each part stands for itself: what goes wrong with one is told when all were tried.
        let ended: Vec<_> = stream::iter(parts).buffer_unordered(PARTS).collect().await;
        let are_own: Vec<bool> = ended.into_iter().collect::<Result<_, _>>()?;
        let lost = are_own.iter().filter(|is_own| !**is_own).count();
        if lost > 0 {
            self.held.lose();
            tracing::info!(
                lost,
                "another node delivers by now what was delivered here: nothing is recorded of it"
            );
        }
        Ok(())
    }

    async fn shut(&self) -> Result<(), StoreError> {
        if self.closed.swap(true, Ordering::AcqRel) {
            return Err(StoreError::Closed);
        }
        let (node, held) = (self.name(), self.held.epochs());
        let signed_out = Plain { stream: Stream(0), writes: Arc::new(move || leases::leave(&node, &held)) };
        self.writer.drain().await;
        let ended = self.writer.write(signed_out).await;
        let lent = Lent::from(&self.reader.pool).await;
        if let Ok(lent) = lent
            && let Ok(client) = lent.client()
            && let Err(error) = client
                .execute("DELETE FROM baton.marks WHERE process = $1", &[&self.process.as_slice()])
                .await
        {
            tracing::debug!(%error, "the marks of this process stay for a week");
        }
        self.writer.close();
        self.reader.pool.close();
        ended
    }
}

impl Store for PostgresStore {
    fn streams(&self) -> u16 {
        self.streams
    }

    fn side_by_side(&self) -> usize {
        self.side_by_side
    }

    fn settings(&self) -> Arc<Settings> {
        self.published.settings()
    }

    fn key(&self) -> [u8; 32] {
        self.key
    }

    fn commit(
        &self,
        stream: Stream,
        wanted: Wanted,
        decide: Decide,
    ) -> BoxFuture<'_, Result<Batch, StoreError>> {
        Box::pin(async move {
            self.still_open()?;
            let (streams, time, published) = (self.streams, self.time, Arc::clone(&self.published));
            self.writer.write(Commit { stream, streams, time, wanted, decide, published }).await
        })
    }

    fn configure(
        &self,
        now: Timestamp,
        change: Change,
        announce: Announce,
    ) -> BoxFuture<'_, Result<Configured, ConfigureError>> {
        Box::pin(async move {
            self.still_open()?;
            let published = Arc::clone(&self.published);
            let time = self.time;
            let configured = self.writer.write(Configure { now, time, change, announce, published }).await?;
            let configured = configured.map_err(ConfigureError::Refused)?;
            self.published.publish(&configured.after);
            Ok(configured)
        })
    }

    fn heads(&self) -> BoxFuture<'_, Result<Vec<Position>, StoreError>> {
        self.look(self.known_heads())
    }

    fn read(
        &self,
        app: AppId,
        stream: Stream,
        after: Position,
        limit: usize,
    ) -> BoxFuture<'_, Result<Slice, StoreError>> {
        self.look(self.reader.slice(app, stream, after, limit))
    }

    fn cursors(&self, app: AppId) -> BoxFuture<'_, Result<Vec<Cursor>, StoreError>> {
        self.look(self.reader.cursors(app))
    }

    fn parked(&self, app: AppId) -> BoxFuture<'_, Result<Vec<Parked>, StoreError>> {
        self.look(self.reader.parked(app))
    }

    fn dead_letters(
        &self,
        app: AppId,
        before: Option<(Timestamp, Place)>,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<DeadLetter>, StoreError>> {
        self.look(self.reader.dead_letters(app, before, limit))
    }

    fn read_back(
        &self,
        app: AppId,
        stream: Stream,
        before: Position,
        limit: usize,
    ) -> BoxFuture<'_, Result<Slice, StoreError>> {
        self.look(self.reader.read_back(app, stream, before, limit))
    }

    fn lag(
        &self,
        app: AppId,
        stream: Stream,
        after: Position,
        limit: usize,
    ) -> BoxFuture<'_, Result<Lag, StoreError>> {
        self.look(self.reader.lag(app, stream, after, limit))
    }

    fn tried(&self, app: AppId, places: Vec<Place>) -> BoxFuture<'_, Result<Vec<Tried>, StoreError>> {
        self.look(async move { self.reader.tried(app, &places).await })
    }

    fn delivery_state(&self, app: AppId) -> BoxFuture<'_, Result<DeliveryState, StoreError>> {
        self.look(self.reader.state(app))
    }

    fn resend(&self, resend: Resend) -> BoxFuture<'_, Result<u64, StoreError>> {
        Box::pin(async move {
            self.still_open()?;
            self.writer.write(Again { resend }).await
        })
    }

    fn resends(
        &self,
        app: AppId,
        to: &str,
        stream: Stream,
        after: Position,
        limit: usize,
    ) -> BoxFuture<'_, Result<Slice, StoreError>> {
        let to = to.to_owned();
        self.look(async move { self.reader.resends(app, &to, stream, after, limit).await })
    }

    fn errands(&self) -> BoxFuture<'_, Result<Errands, StoreError>> {
        self.look(self.reader.errands(self.held.streams()))
    }

    fn settle(&self, round: Round) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(self.record(round))
    }

    fn row(
        &self,
        stream: Stream,
        position: Position,
    ) -> BoxFuture<'_, Result<Option<Arc<JournalRow>>, StoreError>> {
        self.look(self.reader.row(stream, position))
    }

    fn thread(&self, key: &ThreadKey) -> BoxFuture<'_, Result<Option<Remembered>, StoreError>> {
        let key = key.clone();
        self.look(async move { self.reader.thread(&key).await })
    }

    fn threads(
        &self,
        page: PageId,
        surface: Surface,
        after: Option<(Timestamp, ThreadKey)>,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<Listed>, StoreError>> {
        self.look(self.reader.threads(page, surface, after, limit))
    }

    fn conversation(
        &self,
        key: &ThreadKey,
        before: Option<Position>,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<Arc<JournalRow>>, StoreError>> {
        let key = key.clone();
        self.look(async move { self.reader.conversation(&key, before, limit).await })
    }

    fn chain(
        &self,
        chain: &Chain,
        newest: Option<Position>,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<Arc<JournalRow>>, StoreError>> {
        let chain = chain.clone();
        self.look(async move { self.reader.chain(&chain, newest, limit).await })
    }

    fn control(
        &self,
        key: &ThreadKey,
        before: Option<ControlPlace>,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<ControlRow>, StoreError>> {
        let key = key.clone();
        self.look(async move { self.reader.control(&key, before, limit).await })
    }

    fn past_pages(
        &self,
        page: PageId,
        stream: Stream,
        before: (Timestamp, Position),
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<PastPage>, StoreError>> {
        self.look(self.reader.past_pages(page, stream, before, limit))
    }

    fn ad_counts(
        &self,
        page: PageId,
        surface: Surface,
    ) -> BoxFuture<'_, Result<HashMap<Box<str>, AdCounts>, StoreError>> {
        self.look(self.reader.ad_counts(page, surface))
    }

    fn person(&self, key: &ThreadKey) -> BoxFuture<'_, Result<Person, StoreError>> {
        let key = key.clone();
        self.look(async move { self.reader.person(&key).await })
    }

    fn people(&self, keys: Vec<ThreadKey>) -> BoxFuture<'_, Result<Vec<Person>, StoreError>> {
        self.look(async move { self.reader.people(&keys).await })
    }

    fn keep_person(&self, key: &ThreadKey, person: Person) -> BoxFuture<'_, Result<(), StoreError>> {
        let (stream, text) = (stream_of(key, self.streams), thread_text(key));
        Box::pin(async move {
            let document = written(&person)?;
            let write = move || {
                vec![statement!(
                    "INSERT INTO baton.people (stream, thread, document) VALUES ($1, $2, $3)
                     ON CONFLICT (stream, thread) DO UPDATE SET document = excluded.document",
                    row::stream(stream),
                    text.clone(),
                    document.clone(),
                )]
            };
            self.plain(stream, write).await
        })
    }

    fn asset(&self, key: &AssetKey) -> BoxFuture<'_, Result<Option<Asset>, StoreError>> {
        let key = key.clone();
        self.look(async move { self.reader.asset(&key).await })
    }

    fn assets(
        &self,
        page: PageId,
        kind: AssetKind,
        after: &str,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<Asset>, StoreError>> {
        let after = after.to_owned();
        self.look(async move { self.reader.assets(page, kind, &after, limit).await })
    }

    fn change_assets(&self, change: AssetChange) -> BoxFuture<'_, Result<(), StoreError>> {
        let streams = self.streams;
        let first = change.keep.first().map(|asset| &asset.key).or(change.forget.first());
        let stream = first.map_or(Stream(0), |key| stream_of_page(key.page, streams));
        Box::pin(self.plain(stream, move || asset_writes(&change, streams)))
    }

    fn team(&self) -> BoxFuture<'_, Result<Team, StoreError>> {
        self.look(self.reader.team())
    }

    fn keep_team(&self, team: Team) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async move {
            let document = written(&team)?;
            self.plain(Stream(0), move || vec![team::write(&document)]).await
        })
    }

    fn audit(&self, line: AuditLine) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async move {
            let (at, document) = (line.at.0, written(&line)?);
            let write = move || {
                vec![
                    statement!("UPDATE baton.facts SET last_audit = last_audit + 1"),
                    statement!(
                        "INSERT INTO baton.audit (number, at, document) SELECT last_audit, $1, $2 FROM baton.facts",
                        at,
                        document.clone(),
                    ),
                    statement!(
                        "DELETE FROM baton.audit WHERE number <= (SELECT last_audit FROM baton.facts) - $1",
                        big(AUDIT_LINES),
                    ),
                ]
            };
            self.plain(Stream(0), write).await
        })
    }

    fn audited(
        &self,
        before: Option<u64>,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<(u64, AuditLine)>, StoreError>> {
        self.look(self.reader.audited(before, limit))
    }

    fn due(&self, until: Timestamp, limit: usize) -> BoxFuture<'_, Result<Vec<Due>, StoreError>> {
        self.look(self.reader.due(until, self.held.streams(), limit))
    }

    fn kept_clock(&self) -> BoxFuture<'_, Result<Option<KeptClock>, StoreError>> {
        self.look(self.reader.clock())
    }

    fn keep_clock(&self, clock: KeptClock) -> BoxFuture<'_, Result<(), StoreError>> {
        let write = move || {
            let frozen = clock.frozen.map(|at| at.0);
            vec![statement!(
                "UPDATE baton.facts SET clock_offset = $1, clock_frozen = $2",
                clock.offset,
                frozen
            )]
        };
        Box::pin(self.plain(Stream(0), write))
    }

    fn forget(
        &self,
        stream: Stream,
        old: TooOld,
        limit: usize,
    ) -> BoxFuture<'_, Result<Forgotten, StoreError>> {
        Box::pin(async move {
            self.still_open()?;
            let published = Arc::clone(&self.published);
            self.writer.write(Forget { stream, old, limit, published }).await
        })
    }

    fn forget_history(
        &self,
        until: Timestamp,
        now: Timestamp,
        limit: usize,
    ) -> BoxFuture<'_, Result<u64, StoreError>> {
        Box::pin(async move {
            self.still_open()?;
            self.writer.write(ForgetHistory { until, now, limit }).await
        })
    }

    fn oldest(&self) -> BoxFuture<'_, Result<Oldest, StoreError>> {
        self.look(self.reader.oldest())
    }

    fn size(&self) -> BoxFuture<'_, Result<Size, StoreError>> {
        self.look(self.reader.size())
    }

    fn nodes(&self) -> Option<&dyn Nodes> {
        Some(self)
    }

    fn close(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(self.shut())
    }
}

impl Nodes for PostgresStore {
    fn beat(&self, beat: Beat) -> BoxFuture<'_, Result<Beaten, StoreError>> {
        Box::pin(async move {
            self.still_open()?;
            let present = Present { node: self.name(), beat, known: self.held.epochs(), time: self.time };
            let (beaten, held) = self.writer.write(present).await?;
            self.held.set(held);
            Ok(beaten)
        })
    }

    fn nodes(&self) -> BoxFuture<'_, Result<Vec<Node>, StoreError>> {
        self.look(async move {
            let rows = self.reader.rows(leases::NODES, &[]).await?;
            rows.iter().map(|row| leases::node(row, &self.name())).collect()
        })
    }

    fn has_lost(&self) -> bool {
        self.held.has_lost()
    }

    fn rows(
        &self,
        stream: Stream,
        after: Position,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<Arc<JournalRow>>, StoreError>> {
        self.look(self.reader.all(stream, after, limit))
    }

    fn health(&self) -> BoxFuture<'_, Result<Vec<(AppId, DeliveryHealth)>, StoreError>> {
        self.look(async move {
            let rows = self.reader.rows("SELECT app, document FROM baton.delivery_health", &[]).await?;
            rows.iter().map(settle::health_in).collect()
        })
    }

    fn change_team(&self, before: Team, after: Team) -> BoxFuture<'_, Result<bool, StoreError>> {
        Box::pin(async move {
            self.still_open()?;
            self.writer.write(team::ChangeTeam { before, after }).await
        })
    }
}
