//! The only place that reads the time. One [`Clock`] is handed down to everything that needs it.

use std::sync::Mutex;
use std::time::Duration;

use baton_rules::Timestamp;
use baton_store::KeptClock;
use futures_util::future::BoxFuture;
use tokio::sync::Notify;

/// The time, and waiting for it.
pub trait Clock: Send + Sync + 'static {
    /// The time.
    fn now(&self) -> Timestamp;

    /// Waits until the clock shows a moment; ready at once if it already does.
    fn sleep_until(&self, at: Timestamp) -> BoxFuture<'_, ()>;

    /// Milliseconds that passed by themselves, since some moment: what an advance adds does not count.
    fn lived_ms(&self) -> i64;

    /// The clock as one that can be moved, if it can.
    fn as_virtual(&self) -> Option<&VirtualClock> {
        None
    }
}

/// The system's clock.
#[derive(Debug, Default)]
pub struct SystemClock;

pub(crate) fn system_now() -> Timestamp {
    #[expect(clippy::disallowed_methods, reason = "this is the clock that everything else is given")]
    let now = std::time::SystemTime::now();
    let since = now.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// Real time to wait; long waits are cut, so that a system clock that jumps is noticed.
async fn real_sleep(milliseconds: i64) {
    let wait = Duration::from_millis(u64::try_from(milliseconds).unwrap_or_default());
    #[expect(clippy::disallowed_methods, reason = "this is the clock that everything else is given")]
    tokio::time::sleep(wait.min(Duration::from_secs(60))).await;
}

/// Waits in real time, whatever the clock shows: for what other processes do.
pub(crate) async fn pause(milliseconds: u64) {
    real_sleep(i64::try_from(milliseconds).unwrap_or(i64::MAX)).await;
}

/// Sleeps as a look at a clock says, and looks again whenever the clock was moved; a look that says nothing ends it.
pub(crate) async fn sleep_looking<F: Future<Output = ()>>(moved: &Notify, look: impl Fn() -> Option<F>) {
    loop {
        let moved = moved.notified();
        tokio::pin!(moved);
        // Registered before the time is read, so that no move falls between.
        moved.as_mut().enable();
        let Some(left) = look() else { return };
        tokio::select! {
            biased;
            () = moved => {}
            () = left => {}
        }
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        system_now()
    }

    fn lived_ms(&self) -> i64 {
        system_now().0
    }

    fn sleep_until(&self, at: Timestamp) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            loop {
                let left = at.0 - system_now().0;
                if left <= 0 {
                    return;
                }
                real_sleep(left).await;
            }
        })
    }
}

/// The last moment that every calendar and every sum of ours can hold.
const LAST: Timestamp = Timestamp(253_402_300_799_000);

/// System time plus an offset, or frozen. It never goes back.
#[derive(Debug)]
pub struct VirtualClock {
    state: Mutex<Inner>,
    moved: Notify,
}

#[derive(Debug)]
struct Inner {
    kept: KeptClock,
    /// The latest time that was shown: a system clock that steps back does not take it back.
    shown: Timestamp,
}

/// A clock's state, as it is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockState {
    /// The time.
    pub now: Timestamp,
    /// Whether it stands still.
    pub frozen: bool,
    /// Milliseconds ahead of the system's clock.
    pub offset: i64,
}

/// Why the clock was not moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClockRefused {
    /// It is the system's.
    #[error("the clock is the system's: only a virtual clock can be moved")]
    NotVirtual,
    /// It would go back.
    #[error("the clock never goes back")]
    Back,
    /// It would go beyond the year 9999.
    #[error("the clock ends with the year 9999")]
    TooFar,
}

impl VirtualClock {
    /// A clock as it was kept.
    pub fn new(kept: KeptClock) -> Self {
        let shown = kept.frozen.unwrap_or(Timestamp(i64::MIN));
        Self { state: Mutex::new(Inner { kept, shown }), moved: Notify::new() }
    }

    fn locked(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// What it shows, and how.
    pub fn state(&self) -> ClockState {
        let mut inner = self.locked();
        let now = inner.show();
        ClockState { now, frozen: inner.kept.frozen.is_some(), offset: inner.kept.offset }
    }

    /// What must be kept to make it again.
    pub fn kept(&self) -> KeptClock {
        self.locked().kept
    }

    /// Moves it forward, to a moment.
    pub fn set(&self, to: Timestamp) -> Result<(), ClockRefused> {
        self.turn(|_| to)
    }

    /// Moves it forward by a number of milliseconds.
    pub fn advance(&self, by_ms: i64) -> Result<(), ClockRefused> {
        self.turn(|now| Timestamp(now.0.saturating_add(by_ms)))
    }

    /// Whether it may be moved to a moment now.
    pub(crate) fn may_be_set(&self, to: Timestamp) -> Result<(), ClockRefused> {
        may_go(self.now(), to)
    }

    /// Moves it forward to a moment, unless it is there already: it may run meanwhile.
    pub(crate) fn set_at_least(&self, to: Timestamp) -> Result<(), ClockRefused> {
        self.turn(|now| now.max(to))
    }

    fn turn(&self, to: impl FnOnce(Timestamp) -> Timestamp) -> Result<(), ClockRefused> {
        let mut inner = self.locked();
        let now = inner.show();
        let to = to(now);
        may_go(now, to)?;
        inner.kept.offset = to.0.saturating_sub(system_now().0);
        if inner.kept.frozen.is_some() {
            inner.kept.frozen = Some(to);
        }
        drop(inner);
        self.moved.notify_waiters();
        Ok(())
    }

    /// Stops it.
    pub fn freeze(&self) {
        let mut inner = self.locked();
        let now = inner.show();
        inner.kept.frozen = Some(now);
    }

    /// Lets it run on from where it stands.
    pub fn run(&self) {
        let mut inner = self.locked();
        if let Some(stood) = inner.kept.frozen.take() {
            inner.kept.offset = stood.0 - system_now().0;
        }
        drop(inner);
        self.moved.notify_waiters();
    }
}

fn may_go(now: Timestamp, to: Timestamp) -> Result<(), ClockRefused> {
    if to > LAST {
        return Err(ClockRefused::TooFar);
    }
    if to < now { Err(ClockRefused::Back) } else { Ok(()) }
}

impl Inner {
    fn show(&mut self) -> Timestamp {
        let now =
            self.kept.frozen.unwrap_or_else(|| Timestamp(system_now().0.saturating_add(self.kept.offset)));
        self.shown = self.shown.max(now);
        self.shown
    }
}

impl Clock for VirtualClock {
    fn now(&self) -> Timestamp {
        self.locked().show()
    }

    fn lived_ms(&self) -> i64 {
        system_now().0
    }

    fn sleep_until(&self, at: Timestamp) -> BoxFuture<'_, ()> {
        Box::pin(sleep_looking(&self.moved, move || {
            let state = self.state();
            let left = (!state.frozen).then_some(at.0 - state.now.0);
            (state.now < at).then_some(async move {
                match left {
                    Some(left) => real_sleep(left).await,
                    None => std::future::pending().await,
                }
            })
        }))
    }

    fn as_virtual(&self) -> Option<&VirtualClock> {
        Some(self)
    }
}

/// Real time between two moments, for telling how long something took; never for deciding.
pub(crate) struct Stopwatch(std::time::Instant);

impl Stopwatch {
    pub(crate) fn start() -> Self {
        #[expect(clippy::disallowed_methods, reason = "a duration that is shown and decides nothing")]
        let now = std::time::Instant::now();
        Self(now)
    }

    /// In milliseconds, with their fractions.
    pub(crate) fn elapsed_ms_exact(&self) -> f64 {
        self.0.elapsed().as_secs_f64() * 1000.0
    }

    pub(crate) fn elapsed_ms(&self) -> u64 {
        u64::try_from(self.0.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}
