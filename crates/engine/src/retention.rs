//! Deletes what is kept for long enough. One task for the whole node: it asks the store what is oldest, deletes in
//! slices that ride in others' commits, and sleeps until the next is old enough. What an app still waits for stays,
//! unless the app has long been failing or stopped: then it does not fill the disk for all.

use std::collections::BTreeMap;

use baton_rules::{AppId, Timestamp};
use baton_store::{Oldest, Size, StoreError, Stream, TooOld};
use tokio::sync::Mutex;

use crate::activity::{ActivityKind, Standing};
use crate::engine::{Engine, Shared};

/// Rows of a slice. A slice is a part of somebody's commit: it must not be felt there.
const SLICE: usize = 200;
/// How long to wait at least before looking again.
const PAUSE_MS: i64 = 3_600_000;
/// The same where the size of the database is bounded: it may grow fast.
const WATCH_MS: i64 = 60_000;
/// How long to wait when the store cannot do what is asked of it.
const STORE_MS: i64 = 60_000;
/// What is younger is never deleted, however large the database is.
const DAY_MS: i64 = 86_400_000;
/// How long answers to callers' keys are kept: the store's own number, to know when to look.
const SEEN_MS: i64 = 3 * DAY_MS;

/// How long things are kept, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keep {
    /// What was said, decided and sent: the journal, with the tries at its events.
    pub events_ms: i64,
    /// The same for an app that has failed for long, or was stopped, and does not have it yet; at least as long.
    pub undelivered_ms: i64,
    /// Who was in control, since when and why.
    pub control_ms: i64,
    /// Bytes from which on the oldest is deleted although it is not old enough, whoever waits for it; none: any number.
    pub database_bytes: Option<u64>,
}

impl Default for Keep {
    fn default() -> Self {
        let (events_ms, undelivered_ms, control_ms) = (30 * DAY_MS, 30 * DAY_MS, 365 * DAY_MS);
        Self { events_ms, undelivered_ms, control_ms, database_bytes: None }
    }
}

/// Who deletes.
#[derive(Default)]
pub(crate) struct Retention {
    /// One at a time: the task, or whoever moves the clock.
    turn: Mutex<()>,
}

/// Runs until the engine stops.
pub(crate) async fn run(engine: Engine) {
    let shared = engine.shared();
    let mut commits = shared.commits.subscribe();
    loop {
        commits.borrow_and_update();
        let next = sweep(shared).await.unwrap_or_else(|error| {
            tracing::warn!(%error, "what is too old was not deleted");
            Some(Timestamp(shared.clock.now().0 + STORE_MS))
        });
        let something = async {
            match next {
                Some(at) => shared.clock.sleep_until(at).await,
                // Nothing is there that could grow old. Without a sender the engine is gone, and so is this.
                None => _ = commits.changed().await,
            }
        };
        tokio::select! {
            biased;
            () = shared.stopping.cancelled() => return,
            () = something => {}
        }
    }
}

/// Deletes all that is too old by now. Returns when to look again; none: not before something is written.
pub(crate) async fn sweep(shared: &Shared) -> Result<Option<Timestamp>, StoreError> {
    let _turn = shared.retention.turn.lock().await;
    let mut expired = BTreeMap::new();
    let swept = sweep_into(shared, &mut expired).await;
    // Also where it ended half-way: what is gone is gone.
    for (app, events) in expired {
        tell(shared, app, events);
    }
    swept
}

/// The same; adds what apps will not get any more.
async fn sweep_into(
    shared: &Shared,
    expired: &mut BTreeMap<AppId, u64>,
) -> Result<Option<Timestamp>, StoreError> {
    let (keep, now) = (shared.policy.keep, shared.clock.now());
    let oldest = shared.store.oldest().await?;
    let until = Timestamp(now.0.saturating_sub(keep.events_ms));
    let held = Timestamp(now.0.saturating_sub(keep.undelivered_ms.max(keep.events_ms)));
    let old = TooOld { rows: until, held: (held, hopeless(shared)) };
    forget(shared, &oldest, &old, expired).await?;
    history(shared, &oldest, now).await?;
    if let Some(most) = keep.database_bytes {
        shrink(shared, most, now, expired).await?;
    }
    let due = next(&shared.store.oldest().await?, &keep);
    Ok(due.map(|due| match keep.database_bytes {
        Some(_) => Timestamp(now.0 + WATCH_MS),
        None => due.max(Timestamp(now.0 + (keep.events_ms / 24).clamp(1_000, PAUSE_MS))),
    }))
}

/// When the next of what is kept now is old enough.
fn next(oldest: &Oldest, keep: &Keep) -> Option<Timestamp> {
    let after = |at: Timestamp, ms: i64| Timestamp(at.0.saturating_add(ms));
    let rows = oldest.rows.iter().flatten().map(|(_, at)| after(*at, keep.events_ms));
    let control = oldest.control.map(|at| after(at, keep.control_ms));
    rows.chain(control).chain(oldest.seen.map(|at| after(at, SEEN_MS))).min()
}

/// Apps that have failed for so long that somebody was told, or were stopped, or never said that they are there: what
/// they do not have is kept for a while only.
fn hopeless(shared: &Shared) -> Vec<AppId> {
    let (settings, lived) = (shared.store.settings(), shared.clock.lived_ms());
    let alert = shared.policy.profile.alert_after_ms();
    let health = shared.delivery.health();
    let fails = |id: &AppId| {
        health.get(id).is_some_and(|health| {
            health.disabled.is_some()
                || health.failing_since_lived.is_some_and(|since| lived - since >= alert)
        })
    };
    let absent = !shared.policy.eager;
    settings.apps.iter().filter(|app| fails(&app.id) || absent && !app.verified).map(|app| app.id).collect()
}

/// Deletes rows of every stream.
async fn forget(
    shared: &Shared,
    oldest: &Oldest,
    old: &TooOld,
    expired: &mut BTreeMap<AppId, u64>,
) -> Result<(), StoreError> {
    // A stream is its holder's to look after.
    let own = (0..).map(Stream).zip(&oldest.rows).filter(|(stream, _)| shared.holding.has(*stream));
    for (stream, first) in own {
        let mut more = first.is_some_and(|(_, at)| at <= old.rows);
        while more && !shared.stopping.is_cancelled() {
            let gone = shared.store.forget(stream, old.clone(), SLICE).await?;
            shared.measures.deleted("events", gone.rows);
            if let Some(up_to) = gone.up_to {
                shared.forgot(stream, up_to);
            }
            for (app, events) in gone.expired {
                *expired.entry(app).or_default() += events;
            }
            more = gone.more;
        }
    }
    Ok(())
}

/// Deletes entries of histories and answers to keys.
async fn history(shared: &Shared, oldest: &Oldest, now: Timestamp) -> Result<(), StoreError> {
    if !shared.holding.has(Stream(0)) {
        // Of all streams at once, so that one node does it.
        return Ok(());
    }
    let until = Timestamp(now.0.saturating_sub(shared.policy.keep.control_ms));
    let mut more = oldest.control.is_some_and(|at| at <= until)
        || oldest.seen.is_some_and(|at| now.0.saturating_sub(at.0) >= SEEN_MS);
    while more && !shared.stopping.is_cancelled() {
        let gone = shared.store.forget_history(until, now, SLICE).await?;
        shared.measures.deleted("history", gone);
        more = gone > 0;
    }
    Ok(())
}

/// Deletes the oldest, an hour at a time and whoever waits for it, until the database is small enough.
async fn shrink(
    shared: &Shared,
    most: u64,
    now: Timestamp,
    expired: &mut BTreeMap<AppId, u64>,
) -> Result<(), StoreError> {
    let youngest = Timestamp(now.0.saturating_sub(DAY_MS));
    let all: Vec<AppId> = shared.store.settings().apps.iter().map(|app| app.id).collect();
    loop {
        let Size { bytes, free } = shared.store.size().await?;
        let oldest = shared.store.oldest().await?;
        let own = (0..).map(Stream).zip(&oldest.rows).filter(|(stream, _)| shared.holding.has(*stream));
        let first = own.filter_map(|(_, row)| row.map(|(_, at)| at)).min();
        let Some(first) = first.filter(|first| *first <= youngest) else { return Ok(()) };
        if bytes.saturating_sub(free) <= most || shared.stopping.is_cancelled() {
            return Ok(());
        }
        let until = Timestamp(first.0.saturating_add(PAUSE_MS).min(youngest.0));
        forget(shared, &oldest, &TooOld { rows: until, held: (until, all.clone()) }, expired).await?;
    }
}

fn tell(shared: &Shared, app: AppId, events: u64) {
    let days = shared.policy.keep.undelivered_ms.max(shared.policy.keep.events_ms) / DAY_MS;
    let reason = format!(
        "{events} webhooks that it had not taken are deleted: they were too old ({days} days), or the database too large"
    );
    tracing::warn!(%app, reason, "delivery to an app");
    shared.measures.expired(app, events);
    shared.tell(ActivityKind::Standing { app, standing: Standing::Expired, reason: reason.into() });
}
