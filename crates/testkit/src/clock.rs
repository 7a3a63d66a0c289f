//! Time that passes only when nothing else can happen: a runtime with nothing to do moves the clock to the
//! next moment that something waits for. No real time, no threads: a story takes as long as its work.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

use baton_engine::Clock;
use baton_rules::Timestamp;
use futures_util::future::BoxFuture;
use tokio::runtime::{Builder, Runtime};

/// The clock of a simulated machine.
#[derive(Debug)]
pub struct SimClock(Mutex<Inner>);

#[derive(Debug)]
struct Inner {
    now: Timestamp,
    jumped: i64,
    made: u64,
    timers: BTreeMap<(Timestamp, u64), Waker>,
}

impl SimClock {
    /// A clock that shows this moment.
    pub fn starting_at(now: Timestamp) -> Arc<Self> {
        Self::going_on(now, now)
    }

    /// A clock that shows this moment, where [`SimClock::lived`] shows another: in an earlier life there were jumps.
    pub fn going_on(now: Timestamp, lived: Timestamp) -> Arc<Self> {
        let jumped = now.0 - lived.0;
        Arc::new(Self(Mutex::new(Inner { now, jumped, made: 0, timers: BTreeMap::new() })))
    }

    /// A runtime of one thread, for one life of a node. Whenever it has nothing to do, the clock moves on.
    pub fn runtime(self: &Arc<Self>) -> std::io::Result<Runtime> {
        let clock = Arc::clone(self);
        Builder::new_current_thread().enable_time().on_thread_park(move || clock.move_on()).build()
    }

    fn locked(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Moves to the next moment that something waits for.
    fn move_on(&self) {
        let next = self.locked().timers.first_key_value().map(|((at, _), _)| *at);
        if let Some(next) = next {
            self.show(next);
        }
    }

    /// Jumps forward.
    pub fn jump(&self, milliseconds: i64) {
        let to = {
            let mut inner = self.locked();
            inner.jumped += milliseconds.max(0);
            Timestamp(inner.now.0.saturating_add(milliseconds.max(0)))
        };
        self.show(to);
    }

    /// The time without the jumps: how long a life has lasted is told by it.
    pub fn lived(&self) -> Timestamp {
        let inner = self.locked();
        Timestamp(inner.now.0 - inner.jumped)
    }

    /// Waits until [`SimClock::lived`] shows a moment: a jump brings it no nearer.
    pub async fn live_until(&self, at: Timestamp) {
        loop {
            let left = at.0 - self.lived().0;
            if left <= 0 {
                return;
            }
            self.sleep(left).await;
        }
    }

    fn show(&self, to: Timestamp) {
        let due = {
            let mut inner = self.locked();
            inner.now = inner.now.max(to);
            let later = (Timestamp(inner.now.0.saturating_add(1)), 0);
            let later = inner.timers.split_off(&later);
            std::mem::replace(&mut inner.timers, later)
        };
        // Woken in the order in which they were due.
        due.into_values().for_each(Waker::wake);
    }

    /// Waits for so many milliseconds.
    pub async fn sleep(&self, milliseconds: i64) {
        if milliseconds > 0 {
            self.sleep_until(Timestamp(self.now().0.saturating_add(milliseconds))).await;
        }
    }
}

/// A timer that is forgotten when nobody waits for it any more.
struct Timer<'a> {
    clock: &'a SimClock,
    key: (Timestamp, u64),
}

impl Drop for Timer<'_> {
    fn drop(&mut self) {
        self.clock.locked().timers.remove(&self.key);
    }
}

impl Clock for SimClock {
    fn now(&self) -> Timestamp {
        self.locked().now
    }

    fn lived_ms(&self) -> i64 {
        self.lived().0
    }

    fn sleep_until(&self, at: Timestamp) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            let number = {
                let mut inner = self.locked();
                inner.made += 1;
                inner.made
            };
            let timer = Timer { clock: self, key: (at, number) };
            poll_fn(|context| {
                let mut inner = timer.clock.locked();
                if inner.now >= at {
                    return Poll::Ready(());
                }
                inner.timers.insert(timer.key, context.waker().clone());
                Poll::Pending
            })
            .await;
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_passes_only_when_everybody_waits_and_wakes_in_order() {
        let clock = SimClock::starting_at(Timestamp(1_000));
        let order = Arc::new(Mutex::new(Vec::new()));
        let runtime = clock.runtime().unwrap();
        runtime.block_on(async {
            for wait in [300, 100, 200] {
                let (clock, order) = (Arc::clone(&clock), Arc::clone(&order));
                tokio::spawn(async move {
                    clock.sleep(wait).await;
                    order.lock().unwrap().push((wait, clock.now().0));
                });
            }
            clock.sleep(250).await;
            assert_eq!(*order.lock().unwrap(), [(100, 1_100), (200, 1_200)]);
            clock.jump(3_600_000);
            clock.sleep(1).await;
        });
        assert_eq!(order.lock().unwrap().last(), Some(&(300, 3_601_250)));
    }

    #[test]
    fn a_jump_is_not_lived() {
        let clock = SimClock::starting_at(Timestamp(0));
        let runtime = clock.runtime().unwrap();
        runtime.block_on(async {
            let other = Arc::clone(&clock);
            tokio::spawn(async move {
                other.sleep(10).await;
                other.jump(1_000);
            });
            clock.live_until(Timestamp(100)).await;
        });
        assert_eq!((clock.now(), clock.lived()), (Timestamp(1_100), Timestamp(100)));
    }

    #[test]
    fn what_nobody_waits_for_does_not_move_the_clock() {
        let clock = SimClock::starting_at(Timestamp(0));
        let runtime = clock.runtime().unwrap();
        runtime.block_on(async {
            tokio::select! {
                biased;
                () = clock.sleep(10) => {}
                () = clock.sleep(5) => {}
            }
            clock.sleep(100).await;
        });
        assert_eq!(clock.now(), Timestamp(105));
    }
}
