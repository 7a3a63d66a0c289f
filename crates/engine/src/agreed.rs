//! The time that several nodes agree on: that of the store, by which everything is decided. A node goes by its own clock and
//! what that is off by, as it hears with every beat; so what it shows, waits for and records is by one clock at all nodes.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use baton_rules::Timestamp;
use futures_util::future::BoxFuture;
use tokio::sync::Notify;

use crate::clock::{Clock, sleep_looking};

/// The store's clock, as a node knows it.
pub(crate) struct AgreedClock {
    own: Arc<dyn Clock>,
    /// Milliseconds that the store is ahead of the node's own clock.
    ahead: AtomicI64,
    moved: Notify,
}

impl AgreedClock {
    pub(crate) fn by(own: Arc<dyn Clock>) -> Self {
        Self { own, ahead: AtomicI64::new(0), moved: Notify::new() }
    }

    /// What the node's own clock shows.
    pub(crate) fn own(&self) -> Timestamp {
        self.own.now()
    }

    fn ahead(&self) -> i64 {
        self.ahead.load(Ordering::Acquire)
    }

    /// The store said that it was `said`, at a moment after the node's own clock showed `before` and before it showed
    /// `after`. What fits that is left as it is, so that a slow answer moves nothing; else the least is taken: who thinks
    /// that it is later than it is asks for what is not due yet.
    pub(crate) fn heard(&self, before: Timestamp, said: Timestamp, after: Timestamp) {
        let (least, most) = (said.0 - after.0, said.0 - before.0);
        if !(least..=most).contains(&self.ahead()) {
            self.ahead.store(least, Ordering::Release);
            self.moved.notify_waiters();
        }
    }
}

impl Clock for AgreedClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.own.now().0.saturating_add(self.ahead()))
    }

    fn sleep_until(&self, at: Timestamp) -> BoxFuture<'_, ()> {
        Box::pin(sleep_looking(&self.moved, move || {
            let own = Timestamp(at.0.saturating_sub(self.ahead()));
            (self.now() < at).then(|| self.own.sleep_until(own))
        }))
    }

    fn lived_ms(&self) -> i64 {
        self.own.lived_ms().saturating_add(self.ahead())
    }
}

#[cfg(test)]
mod tests {
    use baton_store::KeptClock;
    use futures_util::FutureExt as _;

    use super::*;
    use crate::clock::VirtualClock;

    /// A node whose own clock stands at a moment.
    fn standing(at: i64) -> AgreedClock {
        AgreedClock::by(Arc::new(VirtualClock::new(KeptClock { offset: 0, frozen: Some(Timestamp(at)) })))
    }

    fn hear(clock: &AgreedClock, before: i64, said: i64, after: i64) -> i64 {
        clock.heard(Timestamp(before), Timestamp(said), Timestamp(after));
        clock.now().0
    }

    #[test]
    fn a_node_goes_by_the_stores_clock_and_is_never_ahead_of_it() {
        let clock = standing(5_000);
        assert_eq!(hear(&clock, 4_990, 1_000, 5_000), 1_000, "it was ahead by four seconds, or some more");
        assert_eq!(hear(&clock, 4_000, 1_500, 6_000), 1_000, "an answer that took long moves nothing");
        assert_eq!(hear(&clock, 4_999, 1_003, 5_000), 1_003);
        assert_eq!(hear(&clock, 4_999, 90_000, 5_000), 90_000, "the store has another clock now");
    }

    #[test]
    fn who_waits_is_woken_when_it_turns_out_to_be_later() {
        let clock = standing(5_000);
        let mut waits = clock.sleep_until(Timestamp(8_000));
        assert!((&mut waits).now_or_never().is_none());
        hear(&clock, 5_000, 7_999, 5_000);
        assert!((&mut waits).now_or_never().is_none());
        hear(&clock, 5_000, 8_000, 5_000);
        assert!((&mut waits).now_or_never().is_some());
    }
}
