//! A whole engine over a store in memory, with receivers that are down, then up, or never answer.

#![expect(clippy::unwrap_used, reason = "the helpers of a test may unwrap like the test")]

use std::sync::atomic::Ordering;
use std::time::Duration;

use baton_engine::{Clock, Failure, Profile, Which};
use baton_rules::Timestamp;
use baton_rules::build::app;
use baton_store::Store;
use baton_store::memory::MemoryStore;
use tokio::time::timeout;

mod node;
mod retention;

use node::{File, NOW, disk, node, node_by, of, thread};

#[tokio::test(start_paused = true)]
async fn a_receiver_that_was_down_gets_everything_in_order() {
    let disk = disk().await;
    let mut node = node(&disk, NOW).await;
    for (name, text) in [("ann", "1"), ("bob", "2"), ("ann", "3"), ("ann", "4"), ("bob", "5")] {
        node.say(name, text).await.unwrap();
    }
    for _ in 0..6 {
        let (_, text) = node.next().await;
        assert!(["1", "2"].contains(&&*text), "{text} is behind what was not served");
    }
    node.receiver.up.store(true, Ordering::SeqCst);
    let served = node.served(5).await;
    assert_eq!(of("ann", &served), ["1", "3", "4"]);
    assert_eq!(of("bob", &served), ["2", "5"]);
    node.engine.stop(Duration::from_secs(10)).await;
}

#[tokio::test(start_paused = true)]
async fn what_was_served_is_not_served_again_after_a_stop() {
    let disk = disk().await;
    let mut first = node(&disk, NOW).await;
    first.receiver.up.store(true, Ordering::SeqCst);
    first.say("ann", "1").await.unwrap();
    first.served(1).await;
    first.engine.stop(Duration::from_secs(10)).await;
    assert!(matches!(first.say("ann", "2").await, Err(Failure::Stopping)));

    let mut second = node(&disk, first.clock.now()).await;
    second.receiver.up.store(true, Ordering::SeqCst);
    second.say("ann", "3").await.unwrap();
    assert_eq!(second.next().await.1, "3");
    second.engine.stop(Duration::from_secs(10)).await;
}

#[tokio::test(start_paused = true)]
async fn what_was_served_of_a_parked_conversation_is_not_served_again_after_a_stop() {
    let disk = disk().await;
    let mut first = node(&disk, NOW).await;
    first.receiver.up.store(true, Ordering::SeqCst);
    *first.receiver.refused.lock().unwrap() = Some("ann");
    for (name, text) in [("ann", "1"), ("bob", "2"), ("ann", "3"), ("ann", "4"), ("ann", "5")] {
        first.say(name, text).await.unwrap();
    }
    while first.store.parked(app("bot")).await.unwrap().is_empty() {
        first.next().await;
    }
    // It walks on, and the stop comes while the third of its events is under way.
    *first.receiver.refused.lock().unwrap() = None;
    *first.receiver.held.lock().unwrap() = Some("4");
    while first.next().await.1 != "4" {}
    let stopping = first.engine.clone();
    let stop = tokio::spawn(async move { stopping.stop(Duration::from_secs(10)).await });
    tokio::task::yield_now().await;
    first.receiver.gate.notify_one();
    stop.await.unwrap();

    let mut second = node(&disk, first.clock.now()).await;
    second.receiver.up.store(true, Ordering::SeqCst);
    assert_eq!(second.next().await, ("ann".to_owned(), "5".to_owned()));
    second.engine.stop(Duration::from_secs(10)).await;
}

#[tokio::test(start_paused = true)]
async fn a_receiver_that_hangs_does_not_hold_up_the_end() {
    let disk = disk().await;
    let mut first = node(&disk, NOW).await;
    first.receiver.silent.store(true, Ordering::SeqCst);
    first.say("ann", "1").await.unwrap();
    first.next().await;
    let grace = Duration::from_secs(10);
    let stop = first.engine.stop(grace);
    timeout(grace + Duration::from_secs(1), stop).await.expect("it stops within the grace");
    let kept = first.store.cursors(app("bot")).await.unwrap();
    assert!(kept.iter().any(|cursor| cursor.served < disk_head(&disk, cursor.stream.0)), "{kept:?}");

    let mut second = node(&disk, first.clock.now()).await;
    second.receiver.up.store(true, Ordering::SeqCst);
    assert_eq!(second.next().await.1, "1", "what was not served is sent after the next start");
    second.engine.stop(grace).await;
}

fn disk_head(disk: &MemoryStore, stream: u16) -> baton_store::Position {
    let heads = futures_util::FutureExt::now_or_never(disk.heads()).unwrap().unwrap();
    heads[usize::from(stream)]
}

#[tokio::test(start_paused = true)]
async fn a_stop_with_nothing_under_way_is_quick() {
    let disk = disk().await;
    let node = node(&disk, NOW).await;
    node.say("ann", "1").await.unwrap();
    // The receiver is down and the clock stands still: the retry would come in a second that never comes.
    timeout(Duration::from_secs(1), node.engine.stop(Duration::from_secs(10))).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_app_that_fails_for_too_long_is_stopped_and_gets_everything_when_it_is_resumed() {
    const HOUR: i64 = 3_600_000;
    let disk = disk().await;
    let mut node = node_by(&disk, NOW, Profile::Meta).await;
    for text in ["one", "two"] {
        node.say("ann", text).await.unwrap();
    }
    assert_eq!(node.next().await.1, "one");
    // The failure is heard after it was tried.
    while node.engine.app_health(app("bot")).await.unwrap().kept.failing_since.is_none() {
        tokio::task::yield_now().await;
    }
    node.clock.lived_ms.store(HOUR, Ordering::SeqCst);
    assert_eq!(node.next().await.1, "one");
    while node.engine.app_health(app("bot")).await.unwrap().kept.disabled.is_none() {
        tokio::task::yield_now().await;
    }
    node.say("ann", "three").await.unwrap();
    node.clock.set(Timestamp(NOW.0 + 48 * HOUR)).unwrap();
    assert!(timeout(Duration::from_secs(60), node.tried.recv()).await.is_err(), "nothing more is tried");
    // Also not by another process.
    node.engine.stop(Duration::from_secs(1)).await;
    let mut node = node_by(&disk, Timestamp(NOW.0 + 49 * HOUR), Profile::Meta).await;
    assert!(timeout(Duration::from_secs(60), node.tried.recv()).await.is_err(), "nothing more is tried");
    node.receiver.up.store(true, Ordering::SeqCst);
    assert_eq!(node.engine.resume(app("bot")).await.unwrap().waited, 3);
    assert_eq!(of("ann", &node.served(3).await), ["one", "two", "three"]);
}

#[tokio::test(start_paused = true)]
async fn what_is_to_be_sent_again_is_sent_by_the_next_process() {
    let disk = disk().await;
    let mut node = node(&disk, NOW).await;
    node.receiver.up.store(true, Ordering::SeqCst);
    for text in ["one", "two", "three"] {
        node.say("ann", text).await.unwrap();
    }
    node.say("bob", "else").await.unwrap();
    node.served(4).await;
    node.receiver.up.store(false, Ordering::SeqCst);
    let which = Which::Of(thread("ann"));
    assert_eq!(node.engine.resend(app("bot"), &which, None).await.unwrap().count, 3);
    assert_eq!(node.next().await.1, "one");
    node.engine.stop(Duration::from_secs(1)).await;
    let mut node = node_by(&disk, node.clock.now(), Profile::NeverDisable).await;
    node.receiver.up.store(true, Ordering::SeqCst);
    assert_eq!(of("ann", &node.served(3).await), ["one", "two", "three"]);
    node.engine.stop(Duration::from_secs(1)).await;
    let mut node = node_by(&disk, node.clock.now(), Profile::NeverDisable).await;
    assert!(timeout(Duration::from_secs(60), node.tried.recv()).await.is_err(), "and only once");
}

#[tokio::test]
async fn a_backup_in_the_databases_place_sends_what_was_outstanding_when_it_was_made() {
    let file = File::new().await;
    let mut first = file.node(NOW, None).await;
    first.receiver.up.store(true, Ordering::SeqCst);
    *first.receiver.refused.lock().unwrap() = Some("ann");
    for (name, text) in [("ann", "1"), ("bob", "2"), ("ann", "3"), ("bob", "4")] {
        first.say(name, text).await.unwrap();
    }
    while first.store.parked(app("bot")).await.unwrap().is_empty() {
        first.next().await;
    }
    let copy = file.copy();
    *first.receiver.refused.lock().unwrap() = None;
    first.say("bob", "after").await.unwrap();
    while first.next().await.1 != "3" {}
    let now = first.clock.now();
    first.engine.stop(Duration::from_secs(10)).await;

    let mut second = copy.node(now, None).await;
    second.receiver.up.store(true, Ordering::SeqCst);
    second.say("cyd", "new").await.unwrap();
    let mut served = Vec::new();
    while of("ann", &served).len() < 2 || of("cyd", &served).is_empty() {
        served.push(second.next().await);
    }
    assert_eq!(of("ann", &served), ["1", "3"], "in order, although the original sent them later");
    assert!(!of("bob", &served).contains(&"after".to_owned()), "it was said after the copy was made");
    second.engine.stop(Duration::from_secs(10)).await;
}
