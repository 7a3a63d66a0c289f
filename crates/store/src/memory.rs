//! A store in memory, for simulation: no threads, no time of its own, every future ready at once. What it
//! holds outlives the handle, as a disk outlives a process: [`MemoryStore::reopen`] is the restart.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::ops::Bound;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use baton_rules::{AppId, PageId, Surface, ThreadKey, Timestamp};
use futures_util::future::BoxFuture;

use crate::rows::thread_text;
use crate::settings::has_first_address;
use crate::{
    AUDIT_LINES, AdCounts, Announce, Asset, AssetChange, AssetKey, AssetKind, Attempt, AuditLine, Batch,
    Chain, Change, Changing, ConfigureError, Configured, ControlPlace, ControlRow, Cursor, DeadLetter,
    Decide, DeliveryHealth, DeliveryState, Due, Errands, Forgotten, Found, JournalRow, KeptClock, Lag,
    Listed, Oldest, Page, Parked, PastPage, Person, Place, Position, Remembered, Resend, Round, Seen,
    SeenKey, Settings, Size, Slice, Store, StoreError, Stream, Team, TooOld, Tried, Wanted, check, stream_of,
};

mod delivery;
mod retention;

/// One node's handle on what is kept in memory.
#[derive(Debug)]
pub struct MemoryStore {
    streams: u16,
    key: [u8; 32],
    image: Arc<Mutex<Image>>,
    closed: AtomicBool,
}

/// Everything that is kept: the disk of the simulation.
#[derive(Debug, Default)]
struct Image {
    settings: Arc<Settings>,
    logs: Vec<Log>,
    threads: HashMap<ThreadKey, Remembered>,
    control: BTreeMap<String, BTreeMap<ControlPlace, ControlRow>>,
    seen: HashMap<SeenKey, Seen>,
    seen_by_age: BTreeSet<(Timestamp, SeenKey)>,
    due: BTreeMap<(String, Position), Due>,
    cursors: BTreeMap<(AppId, Stream), Served>,
    parked: BTreeMap<(AppId, Stream, String), Parked>,
    dead: BTreeMap<(AppId, Place), DeadLetter>,
    attempts: BTreeMap<(AppId, Place), Vec<Attempt>>,
    resends: BTreeSet<(AppId, Box<str>, Place)>,
    health: BTreeMap<AppId, DeliveryHealth>,
    people: HashMap<ThreadKey, Person>,
    /// Where the chains of pages end.
    ends: HashMap<Chain, Position>,
    assets: BTreeMap<AssetKey, Asset>,
    ads: HashMap<(PageId, Surface), HashMap<Box<str>, AdCounts>>,
    clock: Option<KeptClock>,
    team: Team,
    /// What was done, and the number of the last line.
    audit: (u64, BTreeMap<u64, AuditLine>),
    /// Changes of settings that may have moved control, oldest first.
    past: Vec<Past>,
}

/// A change of settings that may have moved control.
#[derive(Debug)]
struct Past {
    /// When and where it stands, in each stream.
    places: Vec<(Timestamp, Position)>,
    /// Pages before and after.
    pages: HashMap<PageId, [Option<Arc<Page>>; 2]>,
}

/// Where an app stands in a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Served {
    served: Position,
    /// Where delivery to it began: nothing before it is the app's.
    start: Position,
}

/// A stream's journal, without a gap from the first row that is kept.
#[derive(Clone, Debug)]
struct Log {
    rows: VecDeque<Arc<JournalRow>>,
    /// Everything up to here was deleted for its age.
    gone: Position,
    last_at: Timestamp,
}

impl Default for Log {
    fn default() -> Self {
        Self { rows: VecDeque::new(), gone: Position(0), last_at: Timestamp(0) }
    }
}

impl Log {
    fn head(&self) -> Position {
        Position(self.gone.0 + self.rows.len() as u64)
    }

    fn row(&self, position: Position) -> Option<&Arc<JournalRow>> {
        let index = usize::try_from(position.0.checked_sub(self.gone.next().0)?).ok()?;
        self.rows.get(index)
    }
}

impl MemoryStore {
    /// A new, empty database.
    pub fn new(streams: u16, key: [u8; 32]) -> Self {
        let streams = streams.max(1);
        let image = Image { logs: vec![Log::default(); usize::from(streams)], ..Image::default() };
        Self { streams, key, image: Arc::new(Mutex::new(image)), closed: AtomicBool::new(false) }
    }

    /// Another handle on the same database, as a process has that is started again.
    #[must_use]
    pub fn reopen(&self) -> Self {
        let closed = AtomicBool::new(false);
        Self { streams: self.streams, key: self.key, image: Arc::clone(&self.image), closed }
    }

    /// What is kept, unless this handle was closed.
    fn open(&self) -> Result<MutexGuard<'_, Image>, StoreError> {
        if self.closed.load(Ordering::Acquire) { Err(StoreError::Closed) } else { Ok(self.image()) }
    }

    fn image(&self) -> MutexGuard<'_, Image> {
        // Nothing that runs under the lock leaves it half done: decisions run before anything is written.
        self.image.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A future that looks, or writes, when it is first asked.
    fn at_once<'a, T: Send + 'a>(
        &'a self,
        run: impl FnOnce(&mut Image) -> Result<T, StoreError> + Send + 'a,
    ) -> BoxFuture<'a, Result<T, StoreError>> {
        Box::pin(async move { run(&mut *self.open()?) })
    }
}

impl Image {
    fn log(&self, stream: Stream) -> Result<&Log, StoreError> {
        self.logs.get(usize::from(stream.0)).ok_or_else(|| no_stream(stream))
    }

    fn found(&self, log: &Log, wanted: &Wanted) -> Found {
        let now = wanted.now.unwrap_or(log.last_at).max(log.last_at);
        let thread = |key: &ThreadKey| Some((key.clone(), self.threads.get(key)?.clone()));
        let seen = |key: &SeenKey| {
            let seen = self.seen.get(key).filter(|seen| check::seen_counts(seen.at, now))?;
            Some((key.clone(), seen.clone()))
        };
        let end = |chain: &Chain| Some((chain.clone(), *self.ends.get(chain)?));
        let kept = |key: &AssetKey| Some((key.clone(), self.assets.get(key)?.clone()));
        let threads: HashMap<_, _> = wanted.threads.iter().filter_map(thread).collect();
        let holds = threads.iter().filter(|(_, remembered)| remembered.thread.held > 0);
        let due = holds.map(|(key, _)| {
            let text = thread_text(key);
            let own = self.due.range((text.clone(), Position(0))..=(text, Position(u64::MAX)));
            (key.clone(), own.map(|(_, due)| due.clone()).collect())
        });
        Found {
            now,
            settings: Arc::clone(&self.settings),
            head: log.head(),
            seen: wanted.seen.iter().filter_map(seen).collect(),
            due: due.collect(),
            ends: wanted.chains.iter().filter_map(end).collect(),
            assets: wanted.assets.iter().filter_map(kept).collect(),
            threads,
        }
    }

    fn commit(&mut self, stream: Stream, wanted: &Wanted, decide: &Decide) -> Result<Batch, StoreError> {
        let log = self.log(stream)?;
        let found = self.found(log, wanted);
        let batch = decide(&found);
        let streams = u16::try_from(self.logs.len()).unwrap_or(u16::MAX);
        check::batch(&batch, stream, streams, found.head)?;
        self.free_places(&batch)?;
        if !check::is_empty(&batch) {
            self.write(stream, &batch, found.now);
        }
        Ok(batch)
    }

    /// A change of control has a place of its own: a second one there would replace the first.
    fn free_places(&self, batch: &Batch) -> Result<(), StoreError> {
        let mut places = BTreeSet::new();
        for row in batch.control.iter().filter(|row| row.refused.is_none()) {
            let text = thread_text(&row.thread);
            let place = (row.at, row.position, 0);
            let taken = self.control.get(&text).is_some_and(|kept| kept.contains_key(&place));
            if taken || !places.insert((text, place)) {
                return Err(StoreError::Unavailable("two changes of control at one place".to_owned()));
            }
        }
        Ok(())
    }

    fn write(&mut self, stream: Stream, batch: &Batch, now: Timestamp) {
        if let Some(log) = self.logs.get_mut(usize::from(stream.0)) {
            log.last_at = batch.rows.iter().map(|row| row.at).fold(log.last_at.max(now), Timestamp::max);
            log.rows.extend(batch.rows.iter().cloned());
        }
        self.threads.extend(batch.threads.iter().cloned());
        for row in &batch.control {
            let rows = self.control.entry(thread_text(&row.thread)).or_default();
            let here = (row.at, row.position, 0)..=(row.at, row.position, u32::MAX);
            let last = rows.range(here).next_back().map_or(0, |((_, _, number), _)| *number);
            let number = if row.refused.is_some() { last.saturating_add(1) } else { 0 };
            let row = ControlRow { number, ..row.clone() };
            rows.insert(row.place(), row);
        }
        for (key, seen) in &batch.seen {
            if let Some(before) = self.seen.insert(key.clone(), seen.clone()) {
                self.seen_by_age.remove(&(before.at, key.clone()));
            }
            self.seen_by_age.insert((seen.at, key.clone()));
        }
        self.forget_seen(now);
        for due in &batch.due {
            self.due.insert((thread_text(&due.thread), due.number), due.clone());
        }
        for (key, number) in &batch.undue {
            self.due.remove(&(thread_text(key), *number));
        }
        for counted in &batch.counted {
            let ads = self.ads.entry((counted.page, counted.surface)).or_default();
            let sum = ads.entry(counted.ad.clone()).or_default();
            sum.entries += counted.counts.entries;
            sum.conversations += counted.counts.conversations;
        }
        for row in check::page_rows(batch) {
            self.ends.extend(row.chain.clone().map(|chain| (chain, row.position)));
        }
        self.change_assets(&batch.assets);
    }

    fn change_assets(&mut self, change: &AssetChange) {
        change.forget.iter().for_each(|key| drop(self.assets.remove(key)));
        if let Some((kind, until)) = change.expire {
            self.assets.retain(|key, asset| key.kind != kind || asset.at > until);
        }
        self.assets.extend(change.keep.iter().map(|asset| (asset.key.clone(), asset.clone())));
    }

    fn forget_seen(&mut self, now: Timestamp) {
        while let Some((at, _)) = self.seen_by_age.first() {
            if *at > check::seen_until(now) {
                break;
            }
            if let Some((_, key)) = self.seen_by_age.pop_first() {
                self.seen.remove(&key);
            }
        }
    }

    fn configure(
        &mut self,
        now: Timestamp,
        change: &Change,
        announce: &Announce,
    ) -> Result<Configured, ConfigureError> {
        let before = Arc::clone(&self.settings);
        let wanted = change(&before).map_err(ConfigureError::Refused)?;
        let Some(after) = check::changed(&before, wanted)? else {
            let after = Arc::clone(&before);
            return Ok(Configured { before, after, positions: Vec::new(), told: Vec::new() });
        };
        let after = Arc::new(after);
        // All that can go wrong goes wrong before anything is changed.
        let streams = u16::try_from(self.logs.len()).unwrap_or(u16::MAX);
        let mut written = Vec::with_capacity(self.logs.len());
        for (stream, log) in (0..).map(Stream).zip(&self.logs) {
            let at = log.last_at.max(now);
            let change = Changing { before: &before, after: &after, stream, streams, at };
            let last = |chain: &Chain| Ok::<_, StoreError>(self.ends.get(chain).copied());
            written.push(check::settings_rows(&change, log.head(), announce, last)?);
        }
        let (mut positions, mut told) = (Vec::with_capacity(written.len()), Vec::new());
        for ((stream, log), rows) in (0..).map(Stream).zip(&mut self.logs).zip(written) {
            let position = log.head().next();
            log.last_at = log.last_at.max(now);
            log.rows.extend(rows.iter().cloned());
            let said = rows.into_iter().filter(|row| row.chain.is_some());
            told.extend(said.map(|row| (stream, row)));
            for app in &after.apps {
                let begin = Served { served: position, start: position };
                let cursor = self.cursors.entry((app.id, stream)).or_insert(begin);
                if has_first_address(&before, app) {
                    *cursor = begin;
                }
            }
            positions.push(position);
        }
        self.cursors.retain(|(app, _), _| after.app(*app).is_some());
        let goes = |page: PageId| before.page(page).is_some() && after.page(page).is_none();
        self.assets.retain(|key, _| !goes(key.page));
        self.forget_delivery(|app| after.app(app).is_some_and(|app| !has_first_address(&before, app)));
        let rerouted = check::rerouted(&before, &after);
        for due in self.due.values_mut().filter(|due| rerouted.contains(&due.thread.page)) {
            due.at = due.at.min(now);
        }
        if !rerouted.is_empty() {
            let places = positions.iter().zip(&self.logs).map(|(position, log)| (log.last_at, *position));
            let page = |id: PageId| (id, [before.page(id).cloned(), after.page(id).cloned()]);
            let pages = rerouted.into_iter().map(page).collect();
            self.past.push(Past { places: places.collect(), pages });
        }
        for (_, row) in &told {
            self.ends.extend(row.chain.clone().map(|chain| (chain, row.position)));
        }
        self.settings = Arc::clone(&after);
        Ok(Configured { before, after, positions, told })
    }

    fn chain(
        &self,
        chain: &Chain,
        newest: Option<Position>,
        limit: usize,
    ) -> Result<Vec<Arc<JournalRow>>, StoreError> {
        let streams = u16::try_from(self.logs.len()).unwrap_or(u16::MAX);
        let log = self.log(chain.stream(streams))?;
        let end = match chain {
            Chain::Thread(key) => self.threads.get(key).map(|remembered| remembered.last),
            Chain::Page(..) => self.ends.get(chain).copied(),
        };
        let own = |position: Position| log.row(position).filter(|row| row.chain.as_ref() == Some(chain));
        let rows = std::iter::successors(newest.or(end).and_then(own), |row| row.previous.and_then(own));
        Ok(rows.take(limit).cloned().collect())
    }

    fn conversation(
        &self,
        key: &ThreadKey,
        before: Option<Position>,
        limit: usize,
    ) -> Result<Vec<Arc<JournalRow>>, StoreError> {
        let streams = u16::try_from(self.logs.len()).unwrap_or(u16::MAX);
        let log = self.log(stream_of(key, streams))?;
        let mut next = self.threads.get(key).map(|remembered| remembered.last);
        let mut rows = Vec::new();
        while let Some(row) = next.and_then(|position| log.row(position)) {
            if rows.len() == limit {
                break;
            }
            next = row.previous;
            if before.is_none_or(|before| row.position < before) {
                rows.push(Arc::clone(row));
            }
        }
        Ok(rows)
    }
}

fn no_stream(stream: Stream) -> StoreError {
    StoreError::Unavailable(format!("there is no stream {}", stream.0))
}

impl Store for MemoryStore {
    fn streams(&self) -> u16 {
        self.streams
    }

    fn side_by_side(&self) -> usize {
        usize::from(Store::streams(self))
    }

    fn settings(&self) -> Arc<Settings> {
        Arc::clone(&self.image().settings)
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
        self.at_once(move |image| image.commit(stream, &wanted, &decide))
    }

    fn configure(
        &self,
        now: Timestamp,
        change: Change,
        announce: Announce,
    ) -> BoxFuture<'_, Result<Configured, ConfigureError>> {
        Box::pin(async move { self.open()?.configure(now, &change, &announce) })
    }

    fn heads(&self) -> BoxFuture<'_, Result<Vec<Position>, StoreError>> {
        self.at_once(|image| Ok(image.logs.iter().map(Log::head).collect()))
    }

    fn read(
        &self,
        app: AppId,
        stream: Stream,
        after: Position,
        limit: usize,
    ) -> BoxFuture<'_, Result<Slice, StoreError>> {
        self.at_once(move |image| image.read(app, stream, after, limit))
    }

    fn cursors(&self, app: AppId) -> BoxFuture<'_, Result<Vec<Cursor>, StoreError>> {
        self.at_once(move |image| Ok(image.cursors(app)))
    }

    fn parked(&self, app: AppId) -> BoxFuture<'_, Result<Vec<Parked>, StoreError>> {
        self.at_once(move |image| Ok(image.parked(app)))
    }

    fn dead_letters(
        &self,
        app: AppId,
        before: Option<(Timestamp, Place)>,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<DeadLetter>, StoreError>> {
        self.at_once(move |image| Ok(image.dead_letters(app, before, limit)))
    }

    fn read_back(
        &self,
        app: AppId,
        stream: Stream,
        before: Position,
        limit: usize,
    ) -> BoxFuture<'_, Result<Slice, StoreError>> {
        self.at_once(move |image| image.read_back(app, stream, before, limit))
    }

    fn lag(
        &self,
        app: AppId,
        stream: Stream,
        after: Position,
        limit: usize,
    ) -> BoxFuture<'_, Result<Lag, StoreError>> {
        self.at_once(move |image| {
            let slice = image.read(app, stream, after, limit)?;
            let oldest = slice.rows.first().map(|row| row.at);
            Ok(Lag { events: slice.rows.len() as u64, oldest, scanned: slice.scanned })
        })
    }

    fn tried(&self, app: AppId, places: Vec<Place>) -> BoxFuture<'_, Result<Vec<Tried>, StoreError>> {
        self.at_once(move |image| Ok(places.iter().map(|place| image.tried(app, *place)).collect()))
    }

    fn delivery_state(&self, app: AppId) -> BoxFuture<'_, Result<DeliveryState, StoreError>> {
        self.at_once(move |image| Ok(image.delivery_state(app)))
    }

    fn settle(&self, round: Round) -> BoxFuture<'_, Result<(), StoreError>> {
        self.at_once(move |image| {
            image.settle(round);
            Ok(())
        })
    }

    fn resend(&self, resend: Resend) -> BoxFuture<'_, Result<u64, StoreError>> {
        self.at_once(move |image| Ok(image.resend(&resend)))
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
        self.at_once(move |image| image.resends(app, &to, stream, after, limit))
    }

    fn errands(&self) -> BoxFuture<'_, Result<Errands, StoreError>> {
        self.at_once(move |image| {
            let errands: BTreeSet<_> = image.resends.iter().map(|(app, to, _)| (*app, to.clone())).collect();
            Ok(errands.into_iter().collect())
        })
    }

    fn row(
        &self,
        stream: Stream,
        position: Position,
    ) -> BoxFuture<'_, Result<Option<Arc<JournalRow>>, StoreError>> {
        self.at_once(move |image| Ok(image.log(stream)?.row(position).cloned()))
    }

    fn thread(&self, key: &ThreadKey) -> BoxFuture<'_, Result<Option<Remembered>, StoreError>> {
        let key = key.clone();
        self.at_once(move |image| Ok(image.threads.get(&key).cloned()))
    }

    fn threads(
        &self,
        page: PageId,
        surface: Surface,
        after: Option<(Timestamp, ThreadKey)>,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<Listed>, StoreError>> {
        self.at_once(move |image| {
            let place = |key: &ThreadKey, at: Timestamp| (at, thread_text(key));
            let after = after.map(|(at, key)| place(&key, at));
            let mut listed: Vec<_> = (image.threads.iter())
                .filter(|(key, _)| key.page == page && key.surface == surface)
                .map(|(key, remembered)| (place(key, remembered.last_message_at), key, remembered))
                .filter(|(place, _, _)| after.as_ref().is_none_or(|after| place < after))
                .collect();
            listed.sort_by(|a, b| b.0.cmp(&a.0));
            let listed = listed.into_iter().take(limit);
            Ok(listed.map(|(_, key, kept)| Listed { key: key.clone(), remembered: kept.clone() }).collect())
        })
    }

    fn conversation(
        &self,
        key: &ThreadKey,
        before: Option<Position>,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<Arc<JournalRow>>, StoreError>> {
        let key = key.clone();
        self.at_once(move |image| image.conversation(&key, before, limit))
    }

    fn chain(
        &self,
        chain: &Chain,
        newest: Option<Position>,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<Arc<JournalRow>>, StoreError>> {
        let chain = chain.clone();
        self.at_once(move |image| image.chain(&chain, newest, limit))
    }

    fn control(
        &self,
        key: &ThreadKey,
        before: Option<ControlPlace>,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<ControlRow>, StoreError>> {
        let text = thread_text(key);
        self.at_once(move |image| {
            let rows = image.control.get(&text).into_iter().flatten().rev();
            let rows = rows.filter(|(place, _)| before.is_none_or(|before| **place < before));
            Ok(rows.take(limit).map(|(_, row)| row.clone()).collect())
        })
    }

    fn due(&self, until: Timestamp, limit: usize) -> BoxFuture<'_, Result<Vec<Due>, StoreError>> {
        self.at_once(move |image| {
            let due = image.due.iter().filter(|(_, due)| due.at <= until);
            let mut due: Vec<_> = due.collect();
            due.sort_by_key(|(key, due)| (due.at, *key));
            Ok(due.into_iter().take(limit).map(|(_, due)| due.clone()).collect())
        })
    }

    fn past_pages(
        &self,
        page: PageId,
        stream: Stream,
        before: (Timestamp, Position),
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<PastPage>, StoreError>> {
        self.at_once(move |image| {
            let past = image.past.iter().rev().filter_map(|past| {
                let (at, position) = *past.places.get(usize::from(stream.0))?;
                let [before, after] = past.pages.get(&page)?.clone();
                Some(PastPage { at, position, before, after })
            });
            Ok(past.filter(|past| (past.at, past.position) < before).take(limit).collect())
        })
    }

    fn ad_counts(
        &self,
        page: PageId,
        surface: Surface,
    ) -> BoxFuture<'_, Result<HashMap<Box<str>, AdCounts>, StoreError>> {
        self.at_once(move |image| Ok(image.ads.get(&(page, surface)).cloned().unwrap_or_default()))
    }

    fn person(&self, key: &ThreadKey) -> BoxFuture<'_, Result<Person, StoreError>> {
        let key = key.clone();
        self.at_once(move |image| Ok(image.people.get(&key).cloned().unwrap_or_default()))
    }

    fn keep_person(&self, key: &ThreadKey, person: Person) -> BoxFuture<'_, Result<(), StoreError>> {
        let key = key.clone();
        self.at_once(move |image| {
            image.people.insert(key, person);
            Ok(())
        })
    }

    fn asset(&self, key: &AssetKey) -> BoxFuture<'_, Result<Option<Asset>, StoreError>> {
        let key = key.clone();
        self.at_once(move |image| Ok(image.assets.get(&key).cloned()))
    }

    fn assets(
        &self,
        page: PageId,
        kind: AssetKind,
        after: &str,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<Asset>, StoreError>> {
        let first = AssetKey { page, kind, key: after.into() };
        self.at_once(move |image| {
            let following = image.assets.range((Bound::Excluded(first), Bound::Unbounded));
            let wanted = following.take_while(|(key, _)| key.page == page && key.kind == kind).take(limit);
            Ok(wanted.map(|(_, asset)| Asset { content: None, ..asset.clone() }).collect())
        })
    }

    fn change_assets(&self, change: AssetChange) -> BoxFuture<'_, Result<(), StoreError>> {
        self.at_once(move |image| {
            image.change_assets(&change);
            Ok(())
        })
    }

    fn team(&self) -> BoxFuture<'_, Result<Team, StoreError>> {
        self.at_once(|image| Ok(image.team.clone()))
    }

    fn keep_team(&self, team: Team) -> BoxFuture<'_, Result<(), StoreError>> {
        self.at_once(move |image| {
            image.team = team;
            Ok(())
        })
    }

    fn audit(&self, line: AuditLine) -> BoxFuture<'_, Result<(), StoreError>> {
        self.at_once(move |image| {
            let (last, lines) = &mut image.audit;
            *last += 1;
            lines.insert(*last, line);
            *lines = lines.split_off(&(last.saturating_sub(AUDIT_LINES) + 1));
            Ok(())
        })
    }

    fn audited(
        &self,
        before: Option<u64>,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<(u64, AuditLine)>, StoreError>> {
        self.at_once(move |image| {
            let lines = image.audit.1.range(..before.unwrap_or(u64::MAX)).rev().take(limit);
            Ok(lines.map(|(number, line)| (*number, line.clone())).collect())
        })
    }

    fn kept_clock(&self) -> BoxFuture<'_, Result<Option<KeptClock>, StoreError>> {
        self.at_once(|image| Ok(image.clock))
    }

    fn keep_clock(&self, clock: KeptClock) -> BoxFuture<'_, Result<(), StoreError>> {
        self.at_once(move |image| {
            image.clock = Some(clock);
            Ok(())
        })
    }

    fn forget(
        &self,
        stream: Stream,
        old: TooOld,
        limit: usize,
    ) -> BoxFuture<'_, Result<Forgotten, StoreError>> {
        self.at_once(move |image| image.forget(stream, &old, limit))
    }

    fn forget_history(
        &self,
        until: Timestamp,
        now: Timestamp,
        limit: usize,
    ) -> BoxFuture<'_, Result<u64, StoreError>> {
        self.at_once(move |image| Ok(image.forget_history(until, now, limit)))
    }

    fn oldest(&self) -> BoxFuture<'_, Result<Oldest, StoreError>> {
        self.at_once(|image| Ok(image.oldest()))
    }

    fn size(&self) -> BoxFuture<'_, Result<Size, StoreError>> {
        self.at_once(|_| Ok(Size::default()))
    }

    fn close(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async move {
            let was_closed = self.closed.swap(true, Ordering::AcqRel);
            if was_closed { Err(StoreError::Closed) } else { Ok(()) }
        })
    }
}
