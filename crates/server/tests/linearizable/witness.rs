//! A store that writes down every change of settings with its place in each stream, and jostles: before each call it
//! lets others run for a while, so that what can be interrupted is.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use baton_rules::{AppId, PageId, Surface, ThreadKey, Timestamp};
use baton_store::{
    AdCounts, Announce, Asset, AssetChange, AssetKey, AssetKind, AuditLine, Batch, Chain, Change,
    ConfigureError, Configured, ControlPlace, ControlRow, Cursor, DeadLetter, Decide, DeliveryState, Due,
    Forgotten, JournalRow, KeptClock, Lag, Listed, Nodes, Oldest, Parked, PastPage, Person, Place, Position,
    Remembered, Resend, Round, Settings, Size, Slice, Store, StoreError, Stream, Team, TooOld, Tried, Wanted,
};
use futures_util::future::BoxFuture;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

/// How often others may run before a call, at most.
const MOST_TURNS: u64 = 24;

/// The settings as somebody last wanted them to be from a version on. Where that was committed nobody wanted it otherwise
/// later: changes are decided one after another, whichever node decides.
pub(crate) type Versions = Arc<Mutex<BTreeMap<u64, Arc<Settings>>>>;

/// Something that happens in the middle of a call.
pub(crate) type Meanwhile = Mutex<Option<BoxFuture<'static, ()>>>;

/// The store under it, and what it saw.
pub(crate) struct Witness {
    store: Arc<dyn Store>,
    /// Happens once, when the next thread is about to be read.
    pub(crate) before_thread: Meanwhile,
    /// The same for the next commit.
    pub(crate) before_commit: Meanwhile,
    changes: Mutex<Vec<(Vec<Position>, Arc<Settings>)>>,
    wanted: Versions,
    random: AtomicU64,
}

impl Witness {
    pub(crate) fn new(store: Arc<dyn Store>, seed: u64, wanted: Versions) -> Self {
        Self {
            store,
            before_thread: Mutex::default(),
            before_commit: Mutex::default(),
            changes: Mutex::default(),
            wanted,
            random: AtomicU64::new(seed),
        }
    }

    /// Every change, oldest first: its places by stream, and the settings from there on.
    pub(crate) fn changes(&self) -> Vec<(Vec<Position>, Arc<Settings>)> {
        let mut changes = self.changes.lock().unwrap().clone();
        changes.sort_by(|(a, _), (b, _)| a.cmp(b));
        changes
    }

    async fn meanwhile(what: &Meanwhile) {
        let what = what.lock().unwrap().take();
        if let Some(what) = what {
            what.await;
        }
    }

    async fn jostle(&self) {
        let seed = self.random.fetch_add(1, Ordering::Relaxed);
        for _ in 0..SmallRng::seed_from_u64(seed).random_range(0..MOST_TURNS) {
            tokio::task::yield_now().await;
        }
    }
}

/// Calls that are handed on as they are.
macro_rules! handed_on {
    ($(fn $name:ident($($given:ident: $type:ty),*) -> $answer:ty;)*) => {$(
        fn $name(&self $(, $given: $type)*) -> BoxFuture<'_, Result<$answer, StoreError>> {
            let call = self.store.$name($($given),*);
            Box::pin(async move {
                self.jostle().await;
                call.await
            })
        }
    )*};
}

impl Store for Witness {
    fn streams(&self) -> u16 {
        self.store.streams()
    }

    fn side_by_side(&self) -> usize {
        self.store.side_by_side()
    }

    fn settings(&self) -> Arc<Settings> {
        self.store.settings()
    }

    fn key(&self) -> [u8; 32] {
        self.store.key()
    }

    fn nodes(&self) -> Option<&dyn Nodes> {
        self.store.nodes()
    }

    fn configure(
        &self,
        now: Timestamp,
        change: Change,
        announce: Announce,
    ) -> BoxFuture<'_, Result<Configured, ConfigureError>> {
        Box::pin(async move {
            self.jostle().await;
            let wanted = Arc::clone(&self.wanted);
            let change: Change = Box::new(move |before| {
                let (after, version) = (change(before)?, before.version + 1);
                let kept = Settings::new(version, after.apps.clone(), after.pages.clone());
                wanted.lock().unwrap().insert(version, Arc::new(kept));
                Ok(after)
            });
            let configured = self.store.configure(now, change, announce).await?;
            if !configured.positions.is_empty() {
                let change = (configured.positions.clone(), Arc::clone(&configured.after));
                self.changes.lock().unwrap().push(change);
            }
            Ok(configured)
        })
    }

    fn commit(
        &self,
        stream: Stream,
        wanted: Wanted,
        decide: Decide,
    ) -> BoxFuture<'_, Result<Batch, StoreError>> {
        Box::pin(async move {
            Self::meanwhile(&self.before_commit).await;
            self.jostle().await;
            self.store.commit(stream, wanted, decide).await
        })
    }

    fn thread(&self, key: &ThreadKey) -> BoxFuture<'_, Result<Option<Remembered>, StoreError>> {
        let call = self.store.thread(key);
        Box::pin(async move {
            Self::meanwhile(&self.before_thread).await;
            self.jostle().await;
            call.await
        })
    }

    handed_on! {
        fn heads() -> Vec<Position>;
        fn read(app: AppId, stream: Stream, after: Position, limit: usize) -> Slice;
        fn cursors(app: AppId) -> Vec<Cursor>;
        fn parked(app: AppId) -> Vec<Parked>;
        fn dead_letters(app: AppId, before: Option<(Timestamp, Place)>, limit: usize) -> Vec<DeadLetter>;
        fn read_back(app: AppId, stream: Stream, before: Position, limit: usize) -> Slice;
        fn lag(app: AppId, stream: Stream, after: Position, limit: usize) -> Lag;
        fn tried(app: AppId, places: Vec<Place>) -> Vec<Tried>;
        fn delivery_state(app: AppId) -> DeliveryState;
        fn resend(resend: Resend) -> u64;
        fn resends(app: AppId, to: &str, stream: Stream, after: Position, limit: usize) -> Slice;
        fn errands() -> Vec<(AppId, Box<str>)>;
        fn settle(round: Round) -> ();
        fn row(stream: Stream, position: Position) -> Option<Arc<JournalRow>>;
        fn threads(page: PageId, surface: Surface, after: Option<(Timestamp, ThreadKey)>, limit: usize) -> Vec<Listed>;
        fn conversation(key: &ThreadKey, before: Option<Position>, limit: usize) -> Vec<Arc<JournalRow>>;
        fn chain(chain: &Chain, newest: Option<Position>, limit: usize) -> Vec<Arc<JournalRow>>;
        fn ad_counts(page: PageId, surface: Surface) -> HashMap<Box<str>, AdCounts>;
        fn asset(key: &AssetKey) -> Option<Asset>;
        fn assets(page: PageId, kind: AssetKind, after: &str, limit: usize) -> Vec<Asset>;
        fn change_assets(change: AssetChange) -> ();
        fn control(key: &ThreadKey, before: Option<ControlPlace>, limit: usize) -> Vec<ControlRow>;
        fn past_pages(page: PageId, stream: Stream, before: (Timestamp, Position), limit: usize) -> Vec<PastPage>;
        fn person(key: &ThreadKey) -> Person;
        fn keep_person(key: &ThreadKey, person: Person) -> ();
        fn due(until: Timestamp, limit: usize) -> Vec<Due>;
        fn team() -> Team;
        fn keep_team(team: Team) -> ();
        fn audit(line: AuditLine) -> ();
        fn audited(before: Option<u64>, limit: usize) -> Vec<(u64, AuditLine)>;
        fn kept_clock() -> Option<KeptClock>;
        fn keep_clock(clock: KeptClock) -> ();
        fn forget(stream: Stream, old: TooOld, limit: usize) -> Forgotten;
        fn forget_history(until: Timestamp, now: Timestamp, limit: usize) -> u64;
        fn oldest() -> Oldest;
        fn size() -> Size;
        fn close() -> ();
    }
}
