//! What is deleted for its age, with apps that have it, are down for a while, or never take it.

use std::sync::atomic::Ordering;
use std::time::Duration;

use baton_engine::{ActivityKind, Clock, Keep, Profile, Standing, Which};
use baton_rules::build::app;
use baton_rules::{Cause, Timestamp};
use baton_store::Store;
use baton_store::memory::MemoryStore;
use tokio::time::timeout;

use crate::node::{NOW, Node, disk, node, node_by, node_keeping, of, thread};

const DAY: i64 = 86_400_000;

/// How many rows are kept.
async fn kept(store: &MemoryStore) -> usize {
    let mut rows = 0;
    for (stream, head) in (0..).map(baton_store::Stream).zip(store.heads().await.unwrap()) {
        for position in 1..=head.0 {
            rows += usize::from(store.row(stream, baton_store::Position(position)).await.unwrap().is_some());
        }
    }
    rows
}

async fn measured(node: &Node, line: &str) -> Option<String> {
    let page = node.engine.metrics().await.unwrap();
    page.lines().find_map(|one| one.strip_prefix(line)).map(|value| value.trim().to_owned())
}

#[tokio::test(start_paused = true)]
async fn what_every_app_has_is_gone_after_a_month_and_who_was_in_control_is_known_for_a_year() {
    let disk = disk().await;
    let mut node = node(&disk, NOW).await;
    node.receiver.up.store(true, Ordering::SeqCst);
    for (name, text) in [("ann", "1"), ("bob", "2"), ("ann", "3")] {
        node.say(name, text).await.unwrap();
    }
    node.served(3).await;
    let before = kept(&disk).await;
    // It must be recorded that they are served.
    while node.engine.app_health(app("bot")).await.unwrap().pending > 0 {
        node.clock.set(Timestamp(node.clock.now().0 + 1_000)).unwrap();
        tokio::task::yield_now().await;
    }
    node.engine.stop(Duration::from_secs(1)).await;
    let mut node = node_by(&disk, node.clock.now(), Profile::NeverDisable).await;
    node.receiver.up.store(true, Ordering::SeqCst);
    let history = node.engine.history(&thread("ann"), None, None, 10).await.unwrap();
    node.engine.set_clock(Timestamp(NOW.0 + 30 * DAY - 1)).await.unwrap();
    assert_eq!(kept(&disk).await, before, "a month is not over");
    node.engine.set_clock(Timestamp(NOW.0 + 31 * DAY)).await.unwrap();
    assert_eq!(kept(&disk).await, 0);
    assert_eq!(node.engine.conversation(&thread("ann"), None, 10).await.unwrap(), []);
    assert_eq!(measured(&node, "baton_deleted_total{what=\"events\"}").await, Some(before.to_string()));

    // The thread is there, with the lapse that nobody has found yet, and its history as it was.
    let state = node.engine.thread(&thread("ann")).await.unwrap().unwrap();
    assert_eq!(state.seen.owner, None);
    let now = node.engine.history(&thread("ann"), None, None, 10).await.unwrap();
    assert_eq!(now[0].cause, Cause::Expiry.name());
    assert_eq!(now[1..], history);
    node.say("ann", "4").await.unwrap();
    assert_eq!(node.served(1).await[0].1, "4");
    let later = node.engine.history(&thread("ann"), None, None, 10).await.unwrap();
    assert_eq!(later.len(), now.len() + 1, "{later:#?}");
    node.engine.set_clock(Timestamp(NOW.0 + 366 * DAY)).await.unwrap();
    let after = node.engine.history(&thread("ann"), None, None, 10).await.unwrap();
    let was = |entry: &baton_engine::HistoryEntry| entry.at <= Timestamp(NOW.0 + DAY);
    assert!(later.iter().any(was) && !after.is_empty() && !after.iter().any(was), "{after:#?}");
    node.engine.stop(Duration::from_secs(1)).await;
}

#[tokio::test(start_paused = true)]
async fn an_app_that_is_down_for_a_while_loses_nothing_however_far_the_clock_is_moved() {
    let disk = disk().await;
    let mut node = node(&disk, NOW).await;
    for text in ["1", "2", "3"] {
        node.say("ann", text).await.unwrap();
    }
    node.next().await;
    let before = kept(&disk).await;
    node.engine.set_clock(Timestamp(NOW.0 + 400 * DAY)).await.unwrap();
    assert!(kept(&disk).await >= 3, "{before} rows were kept");
    node.receiver.up.store(true, Ordering::SeqCst);
    let heard = timeout(Duration::from_secs(60), async {
        let mut heard = Vec::new();
        while heard.last().map(String::as_str) != Some("3") {
            heard.push(node.next().await.1);
        }
        heard
    });
    let mut heard = heard.await.unwrap();
    heard.dedup();
    assert_eq!(heard, ["1", "2", "3"]);
    node.engine.stop(Duration::from_secs(1)).await;
}

#[tokio::test(start_paused = true)]
async fn what_an_app_that_was_stopped_does_not_take_is_deleted_after_a_month_and_said() {
    const HOUR: i64 = 3_600_000;
    let disk = disk().await;
    let keep = Keep { events_ms: 10 * DAY, ..Keep::default() };
    let mut node = node_keeping(&disk, NOW, Profile::Meta, keep).await;
    for text in ["1", "2"] {
        node.say("ann", text).await.unwrap();
    }
    node.next().await;
    while node.engine.app_health(app("bot")).await.unwrap().kept.failing_since.is_none() {
        tokio::task::yield_now().await;
    }
    node.clock.lived_ms.store(HOUR, Ordering::SeqCst);
    node.next().await;
    while node.engine.app_health(app("bot")).await.unwrap().kept.disabled.is_none() {
        tokio::task::yield_now().await;
    }
    node.engine.set_clock(Timestamp(NOW.0 + 20 * DAY)).await.unwrap();
    node.say("bob", "3").await.unwrap();
    assert_eq!(
        node.engine.conversation(&thread("ann"), None, 10).await.unwrap().len(),
        2,
        "it waits for them"
    );
    let mut told = node.engine.activity();
    node.engine.set_clock(Timestamp(NOW.0 + 31 * DAY)).await.unwrap();
    assert_eq!(node.engine.conversation(&thread("ann"), None, 10).await.unwrap(), []);
    let said = std::iter::from_fn(|| told.try_recv().ok()).find_map(|line| match &line.kind {
        ActivityKind::Standing { app, standing: Standing::Expired, reason } => Some((*app, reason.clone())),
        _ => None,
    });
    let (of_app, reason) = said.unwrap();
    assert!(of_app == app("bot") && reason.starts_with("2 webhooks"), "{reason}");
    let line = format!("baton_app_deleted_untaken_events_total{{app=\"{}\"}}", app("bot"));
    assert_eq!(measured(&node, &line).await.as_deref(), Some("2"));

    while node.tried.try_recv().is_ok() {}
    // It gets what is left, and whoever wants all since the beginning is told that it is not all there.
    node.receiver.up.store(true, Ordering::SeqCst);
    assert_eq!(node.engine.resume(app("bot")).await.unwrap().waited, 1);
    assert_eq!(of("bob", &node.served(1).await), ["3"]);
    let resent = node.engine.resend(app("bot"), &Which::Since(NOW), None).await.unwrap();
    assert_eq!(resent.count, 1);
    assert!(resent.kept_since.is_some_and(|since| since > NOW), "{resent:?}");
    let recent = Which::Since(node.clock.now());
    assert_eq!(node.engine.resend(app("bot"), &recent, None).await.unwrap().kept_since, None);
    node.engine.stop(Duration::from_secs(1)).await;
}
