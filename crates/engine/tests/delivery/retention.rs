//! What is deleted for its age, with apps that have it, are down for a while, or never take it.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use std::time::Duration;

use baton_engine::{ActivityKind, Clock, Keep, Profile, Standing, Which};
use baton_rules::build::app;
use baton_rules::{Cause, Timestamp};
use baton_store::Store;
use baton_store::memory::MemoryStore;
use tokio::time::timeout;

use crate::node::{File, NOW, Node, disk, node, node_by, node_keeping, of, thread};

const DAY: i64 = 86_400_000;
const HOUR: i64 = 3_600_000;

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

#[tokio::test(start_paused = true)]
async fn what_is_deleted_is_not_sent_from_memory_either() {
    let disk = disk().await;
    let mut node = node(&disk, NOW).await;
    for (name, text) in [("ann", "1"), ("bob", "2"), ("ann", "3"), ("cyd", "4")] {
        node.say(name, text).await.unwrap();
    }
    node.next().await;
    while node.engine.app_health(app("bot")).await.unwrap().kept.failing_since.is_none() {
        tokio::task::yield_now().await;
    }
    // It has failed for so long that somebody was told, and what it waits for is too old.
    node.clock.lived_ms.store(HOUR, Ordering::SeqCst);
    node.engine.set_clock(Timestamp(NOW.0 + 31 * DAY)).await.unwrap();
    let line = format!("baton_app_deleted_untaken_events_total{{app=\"{}\"}}", app("bot"));
    assert_eq!(measured(&node, &line).await.as_deref(), Some("4"));
    node.say("bob", "5").await.unwrap();
    while node.tried.try_recv().is_ok() {}
    node.receiver.up.store(true, Ordering::SeqCst);
    assert_eq!(node.served(1).await, [("bob".to_owned(), "5".to_owned())]);
    assert!(timeout(Duration::from_secs(60), node.tried.recv()).await.is_err(), "nothing else is tried");
    node.engine.stop(Duration::from_secs(1)).await;
}

/// What ann and bob say in turns, 32 kB each, an event an hour, to an app that is down.
async fn said_by_the_hour(hours: i64) -> File {
    let file = File::new().await;
    let node = file.node(NOW, None).await;
    for hour in 0..hours {
        node.clock.set(Timestamp(NOW.0 + hour * HOUR)).unwrap();
        let who = if hour % 2 == 0 { "ann" } else { "bob" };
        node.say(who, &format!("{hour}{}", ".".repeat(32_000))).await.unwrap();
    }
    node.engine.stop(Duration::from_secs(10)).await;
    file
}

/// The hours of which something is left, the oldest first.
async fn left(node: &Node) -> Vec<i64> {
    let mut hours = Vec::new();
    for name in ["ann", "bob"] {
        let rows = node.engine.conversation(&thread(name), None, 1000).await.unwrap();
        hours.extend(rows.iter().filter(|row| !row.whole.is_empty()).map(|row| (row.at.0 - NOW.0) / HOUR));
    }
    hours.sort_unstable();
    hours
}

/// Moves the clock; brings how many webhooks listeners were told that the app will not get, and what metrics say of it.
async fn expired_until(node: &Node, to: Timestamp) -> (u64, u64) {
    let mut told = node.engine.activity();
    node.engine.set_clock(to).await.unwrap();
    let mut count = 0;
    while let Ok(line) = told.try_recv() {
        if let ActivityKind::Standing { app: of, standing: Standing::Expired, reason } = &line.kind {
            assert_eq!(*of, app("bot"));
            assert!(reason.contains("the database too large"), "{reason}");
            count += reason.split(' ').next().unwrap().parse::<u64>().unwrap();
        }
    }
    let line = format!("baton_app_deleted_untaken_events_total{{app=\"{}\"}}", app("bot"));
    (count, measured(node, &line).await.map_or(0, |text| text.parse().unwrap()))
}

/// The app is there again; what it gets until it has the last hour, each once, by hours.
async fn caught_up(node: &mut Node, last: i64) -> Vec<i64> {
    while node.tried.try_recv().is_ok() {}
    node.receiver.up.store(true, Ordering::SeqCst);
    node.engine.resume(app("bot")).await.unwrap();
    let mut heard: Vec<(String, i64)> = Vec::new();
    let all = async {
        while !heard.iter().any(|(_, hour)| *hour == last) || !heard.iter().any(|(_, hour)| *hour == last - 1)
        {
            let (who, text) = node.next().await;
            heard.push((who, text.trim_end_matches('.').parse().unwrap()));
        }
    };
    timeout(Duration::from_secs(60), all).await.unwrap();
    for name in ["ann", "bob"] {
        let own = heard.iter().filter(|(who, _)| who == name).map(|(_, hour)| *hour);
        assert!(own.is_sorted(), "{heard:?}");
    }
    heard.dedup();
    heard.iter().map(|(_, hour)| *hour).collect()
}

#[tokio::test]
async fn a_database_that_is_too_large_loses_its_oldest_and_no_more_than_that() {
    const HOURS: i64 = 60;
    let file = said_by_the_hour(HOURS).await;
    let whole = file.bytes().await;
    // So that about a third has to go.
    let most = whole - 20 * 32_000;
    let node = file.node(Timestamp(NOW.0 + (HOURS - 1) * HOUR), None).await;
    assert_eq!(expired_until(&node, Timestamp(NOW.0 + HOURS * HOUR + DAY)).await, (0, 0), "no bound is set");
    node.engine.stop(Duration::from_secs(10)).await;
    let mut node = file.node(Timestamp(NOW.0), Some(most)).await;
    let gone = expired_until(&node, Timestamp(NOW.0 + HOURS * HOUR + DAY)).await;
    let left = left(&node).await;
    let first = left[0];
    assert_eq!(left, (first..HOURS).collect::<Vec<_>>(), "the oldest go first");
    // An hour at a time; the log of the database counts too.
    assert!((20..=45).contains(&first), "{first} of {HOURS} hours are gone");
    assert_eq!(gone, (first.unsigned_abs(), first.unsigned_abs()), "what the app waited for is told");
    let size = node.store.size().await.unwrap();
    assert!(size.bytes - size.free <= most, "{size:?} and {most}");
    assert_eq!(
        expired_until(&node, Timestamp(NOW.0 + HOURS * HOUR + 2 * DAY)).await.0,
        0,
        "it is small enough"
    );

    let heard = caught_up(&mut node, HOURS - 1).await;
    let kept: Vec<i64> = heard.into_iter().filter(|hour| *hour >= first).collect();
    assert_eq!(BTreeSet::from_iter(kept), BTreeSet::from_iter(first..HOURS), "the rest is delivered");
    node.engine.stop(Duration::from_secs(10)).await;
}

#[tokio::test]
async fn however_large_a_database_is_nothing_of_the_last_day_goes() {
    const HOURS: i64 = 40;
    let file = said_by_the_hour(HOURS).await;
    let mut node = file.node(NOW, Some(1)).await;
    let now = Timestamp(NOW.0 + (HOURS - 1) * HOUR);
    let gone = expired_until(&node, now).await;
    // What is a day old to the minute goes; the next is an hour younger.
    assert_eq!(left(&node).await, (HOURS - 24..HOURS).collect::<Vec<_>>());
    assert_eq!(gone, (16, 16));
    let heard = caught_up(&mut node, HOURS - 1).await;
    let kept: BTreeSet<i64> = heard.into_iter().filter(|hour| *hour >= HOURS - 24).collect();
    assert_eq!(kept, BTreeSet::from_iter(HOURS - 24..HOURS), "the last day is delivered");
    node.engine.stop(Duration::from_secs(10)).await;
}

#[tokio::test]
async fn what_an_app_has_goes_for_the_databases_size_without_a_word() {
    const HOURS: i64 = 30;
    let file = said_by_the_hour(HOURS).await;
    let mut node = file.node(Timestamp(NOW.0 + HOURS * HOUR), None).await;
    caught_up(&mut node, HOURS - 1).await;
    node.engine.stop(Duration::from_secs(10)).await;
    let node = file.node(Timestamp(NOW.0 + HOURS * HOUR), Some(1)).await;
    assert_eq!(expired_until(&node, Timestamp(NOW.0 + HOURS * HOUR + DAY)).await, (0, 0));
    assert_eq!(left(&node).await, Vec::<i64>::new(), "all of it is older than a day");
    node.engine.stop(Duration::from_secs(10)).await;
}
