//! What other nodes write, as this one hears of it: by looking at the heads of the streams, and reading what stands between
//! what it wrote itself. Whoever waits for rows is woken by them as by its own.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use baton_rules::{AppId, Cause, ThreadKey, Timestamp, standing};
use baton_store::{Chain, JournalRow, Position, Settings, StoreError, Stream};
use baton_wire::webhook;

use crate::activity::ActivityKind;
use crate::clock::pause;
use crate::delivery;
use crate::engine::{Engine, Shared};

/// How long to wait between two looks, in milliseconds: where nothing came, and where something did.
const QUIET_MS: u64 = 100;
const BUSY_MS: u64 = 20;
/// The same when the store cannot be asked.
const STORE_MS: u64 = 500;
/// Rows that are read at once.
const PIECE: u64 = 512;

/// Up to where each stream is known without a gap, and which settings are.
pub(crate) struct Followed {
    streams: Vec<Stretch>,
    /// What listeners were told of last. Held by whoever changes the settings, until it is known what they became: else
    /// that would be taken for another node's.
    settings: tokio::sync::Mutex<Arc<Settings>>,
    /// How many asked for the newest settings.
    asked: AtomicU64,
    /// How many of them are served by the looks so far. Held by who looks.
    served: tokio::sync::Mutex<u64>,
}

struct Stretch {
    known: Mutex<Known>,
    /// Held by whoever decides, until it is known what was written: else its own rows would be taken for another node's.
    turn: tokio::sync::Mutex<()>,
}

struct Known {
    up_to: Position,
    /// What this node wrote beyond that: from each position up to another.
    own: BTreeMap<Position, Position>,
}

impl Known {
    /// What was written by others, up to a head: after a position, up to another.
    fn gap(&self, head: Position) -> Option<(Position, Position)> {
        let until = self.own.keys().next().map_or(head, |own| own.previous());
        (until > self.up_to).then_some((self.up_to, until))
    }

    fn reach(&mut self, up_to: Position) {
        self.up_to = self.up_to.max(up_to);
        while let Some(own) = self.own.first_entry()
            && *own.key() <= self.up_to.next()
        {
            self.up_to = self.up_to.max(own.remove());
        }
    }
}

impl Followed {
    /// Streams that are known up to here, and settings.
    pub(crate) fn from(heads: &[Position], settings: Arc<Settings>) -> Self {
        let known = |head: &Position| Mutex::new(Known { up_to: *head, own: BTreeMap::new() });
        let stretch = |head| Stretch { known: known(head), turn: tokio::sync::Mutex::default() };
        let settings = tokio::sync::Mutex::new(settings);
        let streams = heads.iter().map(stretch).collect();
        Self { streams, settings, asked: AtomicU64::new(0), served: tokio::sync::Mutex::new(0) }
    }

    /// The settings that listeners were told of last. Held from before they are changed until it is known what they became.
    pub(crate) async fn settings(&self) -> tokio::sync::MutexGuard<'_, Arc<Settings>> {
        self.settings.lock().await
    }

    /// Held from before something is written until [`wrote`](Self::wrote) says what.
    pub(crate) async fn turn(&self, stream: Stream) -> Option<tokio::sync::MutexGuard<'_, ()>> {
        Some(self.streams.get(usize::from(stream.0))?.turn.lock().await)
    }

    fn known(&self, stream: Stream) -> Option<MutexGuard<'_, Known>> {
        let stretch = self.streams.get(usize::from(stream.0))?;
        Some(stretch.known.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// This node itself wrote these.
    pub(crate) fn wrote(&self, stream: Stream, first: Position, last: Position) {
        if let Some(mut known) = self.known(stream) {
            known.own.insert(first, last);
            let up_to = known.up_to;
            known.reach(up_to);
        }
    }

    fn gap(&self, stream: Stream, head: Position) -> Option<(Position, Position)> {
        self.known(stream)?.gap(head)
    }

    fn reach(&self, stream: Stream, up_to: Position) {
        if let Some(mut known) = self.known(stream) {
            known.reach(up_to);
        }
    }
}

impl Engine {
    /// The settings as they are now, also where another node has just changed them. However many ask at once, one look
    /// serves all who came before it.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the store cannot be asked.
    pub async fn newest_settings(&self) -> Result<Arc<Settings>, StoreError> {
        let shared = self.shared();
        if let Some(followed) = &shared.followed {
            let own = followed.asked.fetch_add(1, Ordering::AcqRel);
            let mut served = followed.served.lock().await;
            if own >= *served {
                let serves = followed.asked.load(Ordering::Acquire);
                shared.store.heads().await?;
                *served = serves;
            }
        }
        Ok(shared.store.settings())
    }

    /// What is found in the settings; where it is not, in those of this moment: another node may just have made it.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the store cannot be asked.
    pub async fn find<T>(&self, find: impl Fn(&Settings) -> Option<T>) -> Result<Option<T>, StoreError> {
        match find(&self.settings()) {
            Some(found) => Ok(Some(found)),
            None => Ok(find(&*self.newest_settings().await?)),
        }
    }
}

/// Looks until the engine stops.
pub(crate) async fn run(shared: Arc<Shared>) {
    let mut seen = 0;
    let mut is_told = false;
    loop {
        let looked = look(&shared, &mut seen).await;
        let wait_ms = match &looked {
            Ok(true) => BUSY_MS,
            Ok(false) => QUIET_MS,
            Err(_) => STORE_MS,
        };
        match looked {
            Err(error) if !is_told => tracing::warn!(%error, "what other nodes write is not seen now"),
            Ok(_) if is_told => tracing::info!("what other nodes write is seen again"),
            Ok(_) | Err(_) => {}
        }
        is_told = wait_ms == STORE_MS;
        tokio::select! {
            biased;
            () = shared.stopping.cancelled() => return,
            () = pause(wait_ms) => {}
        }
    }
}

/// Looks once, by the version of the settings that was seen before; whether anything was new.
async fn look(shared: &Arc<Shared>, seen: &mut u64) -> Result<bool, StoreError> {
    let (Some(nodes), Some(followed)) = (shared.store.nodes(), &shared.followed) else { return Ok(false) };
    // It makes settings known too that another node changed.
    let heads = shared.store.heads().await?;
    if shared.store.settings().version > *seen {
        let mut known = followed.settings().await;
        changed_elsewhere(shared, &mut known, &shared.store.settings());
        *seen = known.version;
    }
    let mut is_new = false;
    for (stream, head) in (0..).map(Stream).zip(heads) {
        if followed.gap(stream, head).is_some() {
            // What this node is just writing is known after that.
            drop(followed.turn(stream).await);
        }
        let mut is_known = false;
        while let Some((after, until)) = followed.gap(stream, head) {
            is_new = true;
            if !shared.holding.has(stream) && !shared.has_listeners() {
                // Nobody here waits for what it says.
                shared.went_on(stream, until);
                followed.reach(stream, until);
                continue;
            }
            let limit = usize::try_from((until.0 - after.0).min(PIECE)).unwrap_or(usize::MAX);
            let rows = nodes.rows(stream, after, limit).await?;
            let rows: Vec<_> = rows.into_iter().filter(|row| row.position <= until).collect();
            if !is_known && rows.iter().any(|row| row.cause == Cause::Settings) {
                // What this node is just changing of the settings is known after that to be its own.
                drop(followed.settings().await);
                is_known = true;
                continue;
            }
            // What is not there any more was deleted for its age.
            let last = rows.last().map_or(until, |row| row.position);
            if rows.is_empty() {
                shared.went_on(stream, until);
            } else {
                shared.wrote(stream, &rows);
                if rows.iter().any(|row| row.after.held > 0) {
                    shared.dues.news.notify_one();
                }
            }
            followed.reach(stream, last);
            // Delivery has begun by now, and waits for no listener.
            if shared.has_listeners()
                && let Err(error) = tell(shared, stream, &rows).await
            {
                tracing::warn!(stream = stream.0, %error, "listeners are not told what another node decided");
            }
        }
    }
    Ok(is_new)
}

/// Makes settings known that other nodes changed, if these are newer.
pub(crate) fn changed_elsewhere(shared: &Arc<Shared>, known: &mut Arc<Settings>, newer: &Arc<Settings>) {
    if newer.version <= known.version {
        return;
    }
    let before = std::mem::replace(known, Arc::clone(newer));
    // What was learnt of an app's address says nothing of another one.
    let address = |settings: &Settings, app| Some(settings.app(app)?.webhook_url.clone());
    shared.delivery.health().retain(|app, _| address(&before, *app) == address(newer, *app));
    shared.dues.news.notify_one();
    before.apps.iter().chain(&newer.apps).for_each(|app| delivery::wake(shared, app.id));
    let changed = (shared.membership.member.names)(&before, newer);
    // What apps are told by it stands in the journal, and is told as it is read there.
    shared.heard(ActivityKind::Settings { version: newer.version, changed, told: Vec::new() });
}

/// Tells listeners what was decided elsewhere: neighbouring rows of a thread as one decision, a comment, what apps are told
/// of their roles.
async fn tell(shared: &Shared, stream: Stream, rows: &[Arc<JournalRow>]) -> Result<(), StoreError> {
    let mut stood: HashMap<ThreadKey, Option<AppId>> = HashMap::new();
    for same in rows.chunk_by(|one, other| one.thread().is_some() && one.thread() == other.thread()) {
        let (Some(first), Some(last)) = (same.first(), same.last()) else { continue };
        let Some(thread) = first.thread() else {
            first.chain.iter().for_each(|chain| of_page(shared, chain, first));
            continue;
        };
        let from = match (stood.get(thread), first.previous) {
            (Some(owner), _) => *owner,
            (None, None) => None,
            (None, Some(previous)) => {
                let before = shared.store.row(stream, previous).await?;
                before.and_then(|row| stands(shared, thread, &row, first.at).0)
            }
        };
        let (to, expires_at) = stands(shared, thread, last, last.at);
        stood.insert(thread.clone(), to);
        let thread = thread.clone();
        shared.heard(ActivityKind::Decision { thread, from, to, expires_at, rows: same.to_vec() });
    }
    Ok(())
}

/// Tells listeners of a row that is no conversation's but its page's.
fn of_page(shared: &Shared, chain: &Chain, row: &Arc<JournalRow>) {
    let row = Arc::clone(row);
    shared.heard(match webhook::commenter(&row.whole) {
        Some(person) => {
            let by = ThreadKey { page: chain.page(), surface: chain.surface(), person };
            ActivityKind::Comment { by, row }
        }
        None => {
            let version = shared.store.settings().version;
            ActivityKind::Settings { version, changed: Vec::new(), told: vec![row] }
        }
    });
}

/// Who controls a thread after a row, and until when.
fn stands(
    shared: &Shared,
    thread: &ThreadKey,
    row: &JournalRow,
    at: Timestamp,
) -> (Option<AppId>, Option<Timestamp>) {
    let settings = shared.store.settings();
    let Some(routing) = settings.routing(thread.page, thread.surface) else { return (None, None) };
    let stands = standing(routing, &row.after, at);
    (stands.owner, stands.expires_at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gap(known: &Known, head: u64) -> Option<(u64, u64)> {
        known.gap(Position(head)).map(|(after, until)| (after.0, until.0))
    }

    #[test]
    fn what_others_wrote_stands_between_what_was_written_here() {
        let followed = Followed::from(&[Position(10)], Arc::new(Settings::default()));
        let known = || followed.known(Stream(0)).unwrap();
        assert_eq!(gap(&known(), 10), None);
        followed.wrote(Stream(0), Position(11), Position(12));
        assert_eq!(gap(&known(), 12), None, "it is known already");
        followed.wrote(Stream(0), Position(15), Position(15));
        assert_eq!(gap(&known(), 17), Some((12, 14)));
        followed.reach(Stream(0), Position(13));
        assert_eq!(gap(&known(), 17), Some((13, 14)));
        followed.reach(Stream(0), Position(14));
        assert_eq!(gap(&known(), 17), Some((15, 17)), "and then what comes after its own");
        followed.reach(Stream(0), Position(17));
        let known = known();
        assert_eq!((gap(&known, 17), known.own.len()), (None, 0));
    }

    #[test]
    fn what_is_seen_before_it_is_known_to_be_its_own_is_no_gap_later() {
        let followed = Followed::from(&[Position(0)], Arc::new(Settings::default()));
        followed.reach(Stream(0), Position(3));
        followed.wrote(Stream(0), Position(2), Position(3));
        assert_eq!(gap(&followed.known(Stream(0)).unwrap(), 3), None);
    }
}
