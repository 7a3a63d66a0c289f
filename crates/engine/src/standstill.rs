//! Whether this node stood still, because its process was stopped or its machine slept. Whoever asked it for something before
//! that has given up by then, and may have asked another node: it is not begun any more.

use std::sync::{Arc, Mutex, PoisonError};

use baton_rules::Timestamp;

use crate::clock::{Stopwatch, pause, system_now};
use crate::engine::{Engine, Shared};

/// How often it is looked at, however little is asked.
const BEAT_MS: u64 = 500;
/// Longer than a busy machine holds up a process that goes on, and no longer than callers wait gladly.
const STILL_MS: u64 = 5_000;
/// For how long afterwards it is not known whether what comes in came before.
const WAKING_MS: u64 = 1_000;

/// What is known of it.
pub(crate) struct Standstill(Mutex<Known>);

struct Known {
    /// Since the last look, by a watch that stands still with the machine, and by a clock that does not.
    since: Stopwatch,
    at: Timestamp,
    times: u64,
    /// Since it was noticed last.
    awake: Option<Stopwatch>,
}

impl Default for Standstill {
    fn default() -> Self {
        let (since, at) = (Stopwatch::start(), system_now());
        Self(Mutex::new(Known { since, at, times: 0, awake: None }))
    }
}

/// Whether that long between two looks is a standstill: by the watch, and by the clock, which may also be set.
fn is_still(watch_ms: u64, clock_ms: i64) -> bool {
    watch_ms >= STILL_MS || u64::try_from(clock_ms).is_ok_and(|clock_ms| clock_ms >= STILL_MS)
}

impl Standstill {
    /// How often it stood still so far: what was asked at another number is not to be begun.
    pub(crate) fn times(&self) -> u64 {
        self.look().0
    }

    /// The same, and whether it has only just gone on.
    fn look(&self) -> (u64, bool) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = system_now();
        if is_still(known.since.elapsed_ms(), now.0 - known.at.0) {
            known.times += 1;
            known.awake = Some(Stopwatch::start());
            tracing::warn!("this node stood still: what was asked before is not begun");
        }
        (known.since, known.at) = (Stopwatch::start(), now);
        let is_waking = known.awake.as_ref().is_some_and(|awake| awake.elapsed_ms() < WAKING_MS);
        (known.times, is_waking)
    }
}

/// Looks until the engine stops, so that two looks are never far apart.
pub(crate) async fn run(shared: Arc<Shared>) {
    loop {
        tokio::select! {
            biased;
            () = shared.stopping.cancelled() => return,
            () = pause(BEAT_MS) => { shared.standstill.times(); }
        }
    }
}

impl Engine {
    /// Whether this node has only just gone on after it stood still: what comes in now may have been asked long ago.
    pub fn is_waking(&self) -> bool {
        self.shared().standstill.look().1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stood_still_is_known_by_the_watch_or_by_the_clock() {
        assert!(!is_still(900, 900) && !is_still(0, -60_000), "a clock that was set back says nothing");
        assert!(is_still(STILL_MS, 0) && is_still(0, 60_000));
        let standstill = Standstill::default();
        assert_eq!(standstill.look(), (0, false));
        standstill.0.lock().unwrap().at = Timestamp(0);
        assert_eq!((standstill.look(), standstill.times()), ((1, true), 1));
    }
}
