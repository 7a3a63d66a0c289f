//! A disk that cannot, a disk that does it and does not say so, and a machine that dies at just that moment:
//! a [`Store`] around the one in memory. What is once written stays written, as on a disk.

use std::collections::HashMap;
use std::future::{pending, ready};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use baton_engine::Clock;
use baton_rules::{AppId, PageId, Surface, ThreadKey, Timestamp};
use baton_store::memory::MemoryStore;
use baton_store::{
    AdCounts, Announce, Asset, AssetChange, AssetKey, AssetKind, AuditLine, Batch, Chain, Change,
    ConfigureError, Configured, ControlPlace, ControlRow, Cursor, DeadLetter, Decide, DeliveryState, Due,
    Errands, Forgotten, JournalRow, KeptClock, Lag, Listed, Oldest, Parked, PastPage, Person, Place,
    Position, Remembered, Resend, Round, Settings, Size, Slice, Store, StoreError, Stream, Team, TooOld,
    Tried, Wanted,
};
use futures_util::future::BoxFuture;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use tokio::sync::Notify;

use crate::clock::SimClock;
use crate::record::Record;

/// How often a call goes wrong, and how.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rates {
    /// It fails before anything was done.
    pub fails: f64,
    /// It is done, and an error is answered.
    pub lost: f64,
    /// The machine dies before it is done.
    pub dies_before: f64,
    /// The machine dies when it is done and not answered.
    pub dies_after: f64,
    /// How long it takes at most, in milliseconds.
    pub slow: i64,
}

/// The death of a machine.
#[derive(Debug, Default)]
pub struct Crash {
    dead: AtomicBool,
    told: Notify,
}

impl Crash {
    /// The machine dies now.
    pub fn now(&self) {
        self.dead.store(true, Ordering::Release);
        self.told.notify_one();
    }

    /// Waits for the machine to die.
    pub async fn came(&self) {
        self.told.notified().await;
    }
}

/// What becomes of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Fine,
    Fails,
    Lost,
    DiesBefore,
    DiesAfter,
}

/// One node's handle on the disk.
#[derive(Debug)]
pub struct FaultyStore {
    disk: MemoryStore,
    clock: Arc<SimClock>,
    record: Arc<Record>,
    crash: Arc<Crash>,
    rates: Rates,
    random: Mutex<SmallRng>,
}

impl FaultyStore {
    /// A handle for one life of a node.
    pub fn new(
        disk: &MemoryStore,
        clock: &Arc<SimClock>,
        record: &Arc<Record>,
        crash: &Arc<Crash>,
        rates: Rates,
        seed: u64,
    ) -> Self {
        Self {
            disk: disk.reopen(),
            clock: Arc::clone(clock),
            record: Arc::clone(record),
            crash: Arc::clone(crash),
            rates,
            random: Mutex::new(SmallRng::seed_from_u64(seed)),
        }
    }

    /// What becomes of the next call, and how long it takes before it is done and until it is answered.
    fn draw(&self, writes: bool) -> (Fate, i64, i64) {
        let mut random = self.random.lock().unwrap_or_else(PoisonError::into_inner);
        let slow = if writes { self.rates.slow } else { self.rates.slow / 4 };
        let mut wait = || if random.random_bool(0.4) { 0 } else { random.random_range(0..=slow) };
        let (before, after) = (wait(), wait());
        let at = random.random::<f64>();
        let rates = self.rates;
        let (mut fate, mut up_to) = (Fate::Fine, 0.0);
        for (rate, which) in [
            (rates.fails, Fate::Fails),
            (rates.lost, Fate::Lost),
            (rates.dies_before, Fate::DiesBefore),
            (rates.dies_after, Fate::DiesAfter),
        ] {
            up_to += rate;
            if fate == Fate::Fine && at < up_to {
                fate = which;
            }
        }
        match fate {
            Fate::Lost | Fate::DiesBefore | Fate::DiesAfter if !writes => (Fate::Fine, before, after),
            Fate::Fine | Fate::Fails | Fate::Lost | Fate::DiesBefore | Fate::DiesAfter => {
                (fate, before, after)
            }
        }
    }

    /// The machine dies; nothing of it ever goes on.
    async fn die<T>(&self, what: &str) -> T {
        self.record.note(self.clock.now(), format_args!("crash: {what}"));
        self.crash.now();
        pending().await
    }

    /// Runs a call as fate has it.
    async fn run<T>(
        &self,
        what: &str,
        writes: bool,
        call: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        self.run_or(what, writes, call, ready(())).await
    }

    /// The same; where the call comes to nothing, this much of it is done.
    async fn run_or<T>(
        &self,
        what: &str,
        writes: bool,
        call: impl Future<Output = Result<T, StoreError>>,
        nothing: impl Future<Output = ()>,
    ) -> Result<T, StoreError> {
        if self.crash.dead.load(Ordering::Acquire) {
            return pending().await;
        }
        let (fate, before, after) = self.draw(writes);
        self.clock.sleep(before).await;
        if matches!(fate, Fate::Fails | Fate::DiesBefore) {
            nothing.await;
        }
        match fate {
            Fate::Fails => {
                self.record.note(self.clock.now(), format_args!("the store fails: {what}"));
                return Err(StoreError::Unavailable("the disk is full".to_owned()));
            }
            Fate::DiesBefore => return self.die(what).await,
            Fate::Fine | Fate::Lost | Fate::DiesAfter => {}
        }
        let done = call.await;
        match fate {
            Fate::DiesAfter => return self.die(what).await,
            Fate::Lost => {
                self.record.note(self.clock.now(), format_args!("the answer is lost: {what}"));
                return Err(StoreError::Unavailable("the answer is lost".to_owned()));
            }
            Fate::Fine | Fate::Fails | Fate::DiesBefore => {}
        }
        self.clock.sleep(after).await;
        done
    }
}

impl Store for FaultyStore {
    fn streams(&self) -> u16 {
        self.disk.streams()
    }

    /// Fewer than could: some wait for their turn.
    fn side_by_side(&self) -> usize {
        usize::from(self.disk.streams().div_ceil(2))
    }

    fn settings(&self) -> Arc<Settings> {
        self.disk.settings()
    }

    fn key(&self) -> [u8; 32] {
        self.disk.key()
    }

    fn commit(
        &self,
        stream: Stream,
        wanted: Wanted,
        decide: Decide,
    ) -> BoxFuture<'_, Result<Batch, StoreError>> {
        // As a database does that finds that it must begin anew: the last run is the one that counts.
        let decide = Arc::new(decide);
        let again = Arc::clone(&decide);
        let twice: Decide = Box::new(move |found| {
            drop(again(found));
            again(found)
        });
        // What is not written may have been decided all the same.
        let unwritten: Decide = Box::new(move |found| {
            drop(decide(found));
            Batch::default()
        });
        let same = wanted.clone();
        let nothing = async move { drop(self.disk.commit(stream, same, unwritten).await) };
        let commit = async move {
            let batch = self.disk.commit(stream, wanted, twice).await?;
            self.record.wrote(stream, &batch.rows);
            Ok(batch)
        };
        Box::pin(self.run_or("commit", true, commit, nothing))
    }

    fn configure(
        &self,
        now: Timestamp,
        change: Change,
        announce: Announce,
    ) -> BoxFuture<'_, Result<Configured, ConfigureError>> {
        Box::pin(async move {
            let call = async {
                match self.disk.configure(now, change, announce).await {
                    Ok(configured) => {
                        self.record.configured(self.clock.now(), &configured);
                        Ok(Ok(configured))
                    }
                    Err(ConfigureError::Store(error)) => Err(error),
                    Err(refused @ ConfigureError::Refused(_)) => Ok(Err(refused)),
                }
            };
            self.run("configure", true, call).await?
        })
    }

    fn heads(&self) -> BoxFuture<'_, Result<Vec<Position>, StoreError>> {
        Box::pin(self.run("heads", false, self.disk.heads()))
    }

    fn read(
        &self,
        app: AppId,
        stream: Stream,
        after: Position,
        limit: usize,
    ) -> BoxFuture<'_, Result<Slice, StoreError>> {
        Box::pin(self.run("read", false, self.disk.read(app, stream, after, limit)))
    }

    fn cursors(&self, app: AppId) -> BoxFuture<'_, Result<Vec<Cursor>, StoreError>> {
        Box::pin(self.run("cursors", false, self.disk.cursors(app)))
    }

    fn parked(&self, app: AppId) -> BoxFuture<'_, Result<Vec<Parked>, StoreError>> {
        Box::pin(self.run("parked", false, self.disk.parked(app)))
    }

    fn dead_letters(
        &self,
        app: AppId,
        before: Option<(Timestamp, Place)>,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<DeadLetter>, StoreError>> {
        Box::pin(self.run("dead letters", false, self.disk.dead_letters(app, before, limit)))
    }

    fn read_back(
        &self,
        app: AppId,
        stream: Stream,
        before: Position,
        limit: usize,
    ) -> BoxFuture<'_, Result<Slice, StoreError>> {
        Box::pin(self.run("read back", false, self.disk.read_back(app, stream, before, limit)))
    }

    fn lag(
        &self,
        app: AppId,
        stream: Stream,
        after: Position,
        limit: usize,
    ) -> BoxFuture<'_, Result<Lag, StoreError>> {
        Box::pin(self.run("lag", false, self.disk.lag(app, stream, after, limit)))
    }

    fn tried(&self, app: AppId, places: Vec<Place>) -> BoxFuture<'_, Result<Vec<Tried>, StoreError>> {
        Box::pin(self.run("tried", false, self.disk.tried(app, places)))
    }

    fn delivery_state(&self, app: AppId) -> BoxFuture<'_, Result<DeliveryState, StoreError>> {
        Box::pin(self.run("delivery state", false, self.disk.delivery_state(app)))
    }

    fn resend(&self, resend: Resend) -> BoxFuture<'_, Result<u64, StoreError>> {
        Box::pin(self.run("resend", true, self.disk.resend(resend)))
    }

    fn resends(
        &self,
        app: AppId,
        to: &str,
        stream: Stream,
        after: Position,
        limit: usize,
    ) -> BoxFuture<'_, Result<Slice, StoreError>> {
        Box::pin(self.run("resends", false, self.disk.resends(app, to, stream, after, limit)))
    }

    fn errands(&self) -> BoxFuture<'_, Result<Errands, StoreError>> {
        Box::pin(self.run("errands", false, self.disk.errands()))
    }

    fn settle(&self, round: Round) -> BoxFuture<'_, Result<(), StoreError>> {
        let settle = async move {
            let dead = round.dead.clone();
            self.disk.settle(round).await?;
            self.record.gave_up(&dead);
            Ok(())
        };
        Box::pin(self.run("settle", true, settle))
    }

    fn row(
        &self,
        stream: Stream,
        position: Position,
    ) -> BoxFuture<'_, Result<Option<Arc<JournalRow>>, StoreError>> {
        Box::pin(self.run("row", false, self.disk.row(stream, position)))
    }

    fn thread(&self, key: &ThreadKey) -> BoxFuture<'_, Result<Option<Remembered>, StoreError>> {
        Box::pin(self.run("thread", false, self.disk.thread(key)))
    }

    fn threads(
        &self,
        page: PageId,
        surface: Surface,
        after: Option<(Timestamp, ThreadKey)>,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<Listed>, StoreError>> {
        Box::pin(self.run("threads", false, self.disk.threads(page, surface, after, limit)))
    }

    fn conversation(
        &self,
        key: &ThreadKey,
        before: Option<Position>,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<Arc<JournalRow>>, StoreError>> {
        Box::pin(self.run("conversation", false, self.disk.conversation(key, before, limit)))
    }

    fn chain(
        &self,
        chain: &Chain,
        newest: Option<Position>,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<Arc<JournalRow>>, StoreError>> {
        Box::pin(self.run("chain", false, self.disk.chain(chain, newest, limit)))
    }

    fn control(
        &self,
        key: &ThreadKey,
        before: Option<ControlPlace>,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<ControlRow>, StoreError>> {
        Box::pin(self.run("control", false, self.disk.control(key, before, limit)))
    }

    fn due(&self, until: Timestamp, limit: usize) -> BoxFuture<'_, Result<Vec<Due>, StoreError>> {
        Box::pin(self.run("due", false, self.disk.due(until, limit)))
    }

    fn past_pages(
        &self,
        page: PageId,
        stream: Stream,
        before: (Timestamp, Position),
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<PastPage>, StoreError>> {
        Box::pin(self.run("past_pages", false, self.disk.past_pages(page, stream, before, limit)))
    }

    fn ad_counts(
        &self,
        page: PageId,
        surface: Surface,
    ) -> BoxFuture<'_, Result<HashMap<Box<str>, AdCounts>, StoreError>> {
        Box::pin(self.run("ad counts", false, self.disk.ad_counts(page, surface)))
    }

    fn person(&self, key: &ThreadKey) -> BoxFuture<'_, Result<Person, StoreError>> {
        Box::pin(self.run("person", false, self.disk.person(key)))
    }

    fn keep_person(&self, key: &ThreadKey, person: Person) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(self.run("keep person", true, self.disk.keep_person(key, person)))
    }

    fn asset(&self, key: &AssetKey) -> BoxFuture<'_, Result<Option<Asset>, StoreError>> {
        Box::pin(self.run("asset", false, self.disk.asset(key)))
    }

    fn assets(
        &self,
        page: PageId,
        kind: AssetKind,
        after: &str,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<Asset>, StoreError>> {
        Box::pin(self.run("assets", false, self.disk.assets(page, kind, after, limit)))
    }

    fn change_assets(&self, change: AssetChange) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(self.run("change assets", true, self.disk.change_assets(change)))
    }

    fn team(&self) -> BoxFuture<'_, Result<Team, StoreError>> {
        Box::pin(self.run("team", false, self.disk.team()))
    }

    fn keep_team(&self, team: Team) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(self.run("keep team", true, self.disk.keep_team(team)))
    }

    fn audit(&self, line: AuditLine) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(self.run("audit", true, self.disk.audit(line)))
    }

    fn audited(
        &self,
        before: Option<u64>,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<(u64, AuditLine)>, StoreError>> {
        Box::pin(self.run("audited", false, self.disk.audited(before, limit)))
    }

    fn kept_clock(&self) -> BoxFuture<'_, Result<Option<KeptClock>, StoreError>> {
        Box::pin(self.run("kept clock", false, self.disk.kept_clock()))
    }

    fn keep_clock(&self, clock: KeptClock) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(self.run("keep clock", true, self.disk.keep_clock(clock)))
    }

    fn forget(
        &self,
        stream: Stream,
        old: TooOld,
        limit: usize,
    ) -> BoxFuture<'_, Result<Forgotten, StoreError>> {
        let forget = async move {
            let gone = self.disk.forget(stream, old, limit).await?;
            self.record.forgot(self.clock.now(), stream, &gone);
            Ok(gone)
        };
        Box::pin(self.run("forget", true, forget))
    }

    fn forget_history(
        &self,
        until: Timestamp,
        now: Timestamp,
        limit: usize,
    ) -> BoxFuture<'_, Result<u64, StoreError>> {
        Box::pin(self.run("forget history", true, self.disk.forget_history(until, now, limit)))
    }

    fn oldest(&self) -> BoxFuture<'_, Result<Oldest, StoreError>> {
        Box::pin(self.run("oldest", false, self.disk.oldest()))
    }

    fn size(&self) -> BoxFuture<'_, Result<Size, StoreError>> {
        Box::pin(self.run("size", false, self.disk.size()))
    }

    fn close(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        self.disk.close()
    }
}
