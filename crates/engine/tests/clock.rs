//! The virtual clock: it can be moved, frozen and kept, wakes whoever waits, and never goes back.

use std::sync::Arc;

use baton_engine::{Clock, ClockRefused, VirtualClock};
use baton_rules::Timestamp;
use baton_store::KeptClock;
use tokio::task::{JoinHandle, yield_now};

const HOUR: i64 = 3_600_000;
/// More than any test takes.
const MINUTE: i64 = 60_000;

fn frozen_at(at: i64) -> Arc<VirtualClock> {
    Arc::new(VirtualClock::new(KeptClock { offset: 0, frozen: Some(Timestamp(at)) }))
}

fn wait(clock: &Arc<VirtualClock>, at: i64) -> JoinHandle<Timestamp> {
    let clock = Arc::clone(clock);
    tokio::spawn(async move {
        clock.sleep_until(Timestamp(at)).await;
        clock.now()
    })
}

/// Lets every task that can go on do so.
async fn settle() {
    for _ in 0..10 {
        yield_now().await;
    }
}

#[tokio::test]
async fn a_frozen_clock_stands_still_until_it_is_moved() {
    let clock = frozen_at(1_000);
    let waits = wait(&clock, 1_000 + HOUR);
    settle().await;
    assert_eq!(clock.now(), Timestamp(1_000));
    assert!(!waits.is_finished());
    clock.set(Timestamp(1_000 + HOUR - 1)).unwrap();
    settle().await;
    assert!(!waits.is_finished(), "not yet");
    clock.set(Timestamp(1_000 + HOUR)).unwrap();
    assert_eq!(waits.await.unwrap(), Timestamp(1_000 + HOUR));
    assert!(clock.state().frozen);
}

#[tokio::test]
async fn moving_a_clock_that_runs_wakes_whoever_waits() {
    let clock = Arc::new(VirtualClock::new(KeptClock::default()));
    let from = clock.now().0;
    let soon = wait(&clock, from + HOUR);
    let late = wait(&clock, from + 100 * HOUR);
    settle().await;
    clock.set(Timestamp(from + 2 * HOUR)).unwrap();
    assert!(soon.await.unwrap().0 >= from + 2 * HOUR);
    settle().await;
    assert!(!late.is_finished());
    let state = clock.state();
    assert!(!state.frozen && (2 * HOUR - MINUTE..=2 * HOUR).contains(&state.offset), "{state:?}");
}

#[tokio::test]
async fn what_is_past_is_not_waited_for() {
    let clock = frozen_at(5_000);
    clock.sleep_until(Timestamp(5_000)).await;
    clock.sleep_until(Timestamp(0)).await;
}

#[test]
fn it_never_goes_back() {
    let clock = frozen_at(5_000);
    assert_eq!(clock.set(Timestamp(4_999)), Err(ClockRefused::Back));
    assert_eq!(clock.now(), Timestamp(5_000));
    let clock = VirtualClock::new(KeptClock { offset: HOUR, frozen: None });
    let before = clock.now();
    assert_eq!(clock.set(Timestamp(before.0 - 1)), Err(ClockRefused::Back));
    assert!(clock.now() >= before);
}

#[test]
fn it_is_kept_over_a_restart() {
    let clock = VirtualClock::new(KeptClock::default());
    let start = clock.now().0;
    clock.set(Timestamp(start + 10 * HOUR)).unwrap();
    let again = VirtualClock::new(clock.kept());
    assert!((0..MINUTE).contains(&(again.now().0 - start - 10 * HOUR)), "it runs on where it was");
    again.freeze();
    let stood = again.now();
    let third = VirtualClock::new(again.kept());
    assert_eq!(third.now(), stood);
    assert!(third.state().frozen);
}

#[test]
fn it_runs_on_from_where_it_stood() {
    let clock = VirtualClock::new(KeptClock::default());
    clock.freeze();
    let stood = clock.now();
    clock.set(Timestamp(stood.0 + HOUR)).unwrap();
    clock.run();
    assert!((0..MINUTE).contains(&(clock.now().0 - stood.0 - HOUR)));
    assert!(!clock.state().frozen);
}

#[tokio::test]
async fn freezing_and_running_wakes_nobody_early() {
    let clock = Arc::new(VirtualClock::new(KeptClock::default()));
    let waits = wait(&clock, clock.now().0 + HOUR);
    for _ in 0..3 {
        clock.freeze();
        settle().await;
        clock.run();
        settle().await;
    }
    assert!(!waits.is_finished());
    clock.freeze();
    clock.set(Timestamp(clock.now().0 + HOUR)).unwrap();
    waits.await.unwrap();
}
