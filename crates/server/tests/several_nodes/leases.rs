//! Streams that go from one node to another, and time for which no node was there.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use baton_engine::{Clock, Engine, Request, Requested, SystemClock, Which};
use baton_pgtest::Server as Postgres;
use baton_rules::build::app;
use baton_rules::{MenuLevel, ThreadKey, Timestamp};
use baton_store::postgres::Time;
use baton_store::{DeliveryHealth, Disabled, Position, Round, Store, Stream, stream_of};
use baton_testkit::people::thread;
use baton_testkit::settings::HANDOVER;
use baton_wire::inbound::{Kind, PersonEvent};
use serde_json::{Map, json};

use super::cluster::{Ahead, Inbox, Mood, STREAMS, begins, conversation, entries, item, postgres, start};

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(60);
/// Beats that are enough to let something go that should not, and for another to take it.
const BEATS: usize = 3;
const HOUR_MS: i64 = 3_600_000;

/// Looks until it is so.
async fn until(what: &str, is_so: impl AsyncFn() -> bool) {
    let looks = async {
        while !is_so().await {
            SystemClock.sleep_until(Timestamp(SystemClock.now().0 + 5)).await;
        }
    };
    assert!(tokio::time::timeout(PATIENCE, looks).await.is_ok(), "{what}");
}

/// A person says something.
async fn says(node: &Engine, thread: &ThreadKey, text: &str) {
    let content = Map::from_iter([("text".to_owned(), json!(text))]);
    let event =
        PersonEvent { event_id: None, kind: Kind::Message, entry: None, level: MenuLevel::Page, content };
    let request = Request { thread: thread.clone(), what: Requested::Person(event), key: None };
    node.submit(request).await.unwrap();
}

/// How many streams a node delivers, as every node is told, and for how long more it is there.
async fn stands(node: &Engine) -> (usize, i64) {
    let nodes = node.nodes().await.unwrap().unwrap();
    let own = nodes.iter().find(|one| one.is_this).unwrap();
    (own.streams.len(), own.there_for_ms)
}

/// Waits until a node has said a few times more that it is there.
async fn beats(node: &Engine) {
    for _ in 0..BEATS {
        let mut left = i64::MAX;
        let again = async {
            loop {
                let (_, now) = stands(node).await;
                if now > left {
                    return;
                }
                left = now;
                SystemClock.sleep_until(Timestamp(SystemClock.now().0 + 5)).await;
            }
        };
        tokio::time::timeout(PATIENCE, again).await.unwrap();
    }
}

/// Events that apps are owed by what is written.
async fn owed(eye: &dyn Store) -> usize {
    let mut notices = 0;
    for (stream, head) in (0..).map(Stream).zip(eye.heads().await.unwrap()) {
        for position in 1..=head.0 {
            notices += eye.row(stream, Position(position)).await.unwrap().unwrap().notices.len();
        }
    }
    notices
}

/// Waits until apps were sent all that they are owed.
async fn all_is_sent(eye: &dyn Store, inbox: &Inbox) {
    let owed = owed(eye).await;
    until("something is not sent", async || entries(inbox).len() >= owed).await;
}

/// What was said, as it was sent: by app and conversation, in order.
fn sent(inbox: &Inbox) -> BTreeMap<(String, String), Vec<String>> {
    let mut sent: BTreeMap<_, Vec<String>> = BTreeMap::new();
    for (app, entry) in entries(inbox) {
        if let Some(text) = item(&entry)["message"]["text"].as_str() {
            sent.entry((app, conversation(&entry))).or_default().push(text.to_owned());
        }
    }
    sent
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_too_much_keeps_it_until_nothing_of_it_is_under_way() {
    let database = Postgres::shared().database();
    let inbox = Arc::new(Inbox::default());
    let eye = postgres(&database, Time::Database).await;
    let one = start(postgres(&database, Time::Database).await, Arc::new(SystemClock), &inbox).await;
    one.configure(Box::new(|_| Ok(begins()))).await.unwrap();
    all_is_sent(&*eye, &inbox).await;
    // A conversation in each stream, with more to say than is under way at once; and apps that do not answer.
    let people = one_in_each_stream();
    inbox.answers(Mood::Holds);
    for text in ["first", "second"] {
        for thread in &people {
            says(&one, thread, text).await;
        }
    }
    // More than its share will be: something of a stream that it shall let go is among it.
    let under_way = async || one.app_health(app("bot")).await.unwrap().in_flight == 4;
    until("not as much is under way as may be", under_way).await;
    let two = start(postgres(&database, Time::Database).await, Arc::new(SystemClock), &inbox).await;
    let is_told = async || !one.metrics().await.unwrap().contains("baton_delivered_streams 5\n");
    until("it is not told that it has too much", is_told).await;
    beats(&one).await;
    beats(&two).await;
    let (has, gets) = (stands(&one).await.0, stands(&two).await.0);
    assert_eq!((has, gets), (usize::from(STREAMS), 0), "it let go what is under way");
    for (whose, texts) in sent(&inbox) {
        assert_eq!(texts, ["first"], "{whose:?}");
    }
    // Once it is answered, the other has its share, and goes on where this one stopped.
    inbox.answers(Mood::Takes);
    let is_shared = async || stands(&one).await.0 < 4 && stands(&two).await.0 > 1;
    until("nothing is let go", is_shared).await;
    for thread in &people {
        says(&one, thread, "third").await;
    }
    all_is_sent(&*eye, &inbox).await;
    one.stop(PATIENCE).await;
    two.stop(PATIENCE).await;
    assert_eq!(entries(&inbox).len(), owed(&*eye).await, "nothing was sent twice");
    let sent = sent(&inbox);
    assert!(sent.len() >= people.len(), "{sent:?}");
    for (whose, texts) in sent {
        assert_eq!(texts, ["first", "second", "third"], "{whose:?}");
    }
}

/// Two nodes that share the streams.
async fn two_that_share(database: &str, inbox: &Arc<Inbox>) -> (Engine, Engine) {
    let one = start(postgres(database, Time::Database).await, Arc::new(SystemClock), inbox).await;
    one.configure(Box::new(|_| Ok(begins()))).await.unwrap();
    let two = start(postgres(database, Time::Database).await, Arc::new(SystemClock), inbox).await;
    until("they do not share", async || stands(&two).await.0 > 1).await;
    (one, two)
}

/// A conversation in each stream.
fn one_in_each_stream() -> Vec<ThreadKey> {
    let people = (0..STREAMS).map(|stream| {
        let lies_there = |thread: &ThreadKey| stream_of(thread, STREAMS) == Stream(stream);
        (0..).map(|number| thread(HANDOVER, number)).find(lies_there).unwrap()
    });
    people.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_asked_for_again_at_one_node_is_sent_by_whoever_delivers_it() {
    let database = Postgres::shared().database();
    let inbox = Arc::new(Inbox::default());
    let (one, two) = two_that_share(&database, &inbox).await;
    for thread in one_in_each_stream() {
        says(&one, &thread, "Hello").await;
    }
    all_is_sent(&*postgres(&database, Time::Database).await, &inbox).await;
    let url = one.settings().app(app("bot")).unwrap().webhook_url.clone().unwrap();
    let (address, _) = url.split_once(".test/").unwrap();
    let sent = || entries(&inbox).iter().filter(|(to, _)| to == address).count();
    let once = sent();
    // What is just recorded as served is not sent again by itself.
    let is_recorded = async || one.app_health(app("bot")).await.unwrap().pending == 0;
    until("it is not recorded", is_recorded).await;
    one.resend(app("bot"), &Which::Since(Timestamp(0)), None).await.unwrap();
    until("not everything is sent again", async || sent() >= 2 * once).await;
    one.stop(PATIENCE).await;
    two.stop(PATIENCE).await;
    assert_eq!(sent(), 2 * once);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_let_go_on_at_one_node_is_sent_what_waits_at_the_others() {
    let database = Postgres::shared().database();
    let inbox = Arc::new(Inbox::default());
    let (one, two) = two_that_share(&database, &inbox).await;
    let eye = postgres(&database, Time::Database).await;
    all_is_sent(&*eye, &inbox).await;
    // Whoever stopped it wrote that down.
    let stopped = Disabled { at: one.now().0, reason: "nothing but failures".into() };
    let health = DeliveryHealth { disabled: Some(stopped), ..DeliveryHealth::default() };
    eye.settle(Round { health: vec![(app("bot"), health)], ..Round::default() }).await.unwrap();
    let is_stopped = async |node: &Engine| node.app_health(app("bot")).await.unwrap().kept.disabled.is_some();
    until("they do not hear of it", async || is_stopped(&one).await && is_stopped(&two).await).await;
    for thread in one_in_each_stream() {
        says(&one, &thread, "Hello").await;
    }
    one.resume(app("bot")).await.unwrap();
    all_is_sent(&*eye, &inbox).await;
    one.stop(PATIENCE).await;
    two.stop(PATIENCE).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn time_for_which_no_node_was_there_counts_against_no_app() {
    let postgresql = Postgres::shared();
    let database = postgresql.database();
    let inbox = Arc::new(Inbox::default());
    let clock = Arc::new(Ahead::default());
    let eye = postgres(&database, Time::Caller).await;
    let store = postgres(&database, Time::Caller).await;
    let node = start(store, Arc::clone(&clock) as Arc<dyn Clock>, &inbox).await;
    node.configure(Box::new(|_| Ok(begins()))).await.unwrap();
    all_is_sent(&*eye, &inbox).await;
    let bot = app("bot");
    let health = async || node.app_health(bot).await.unwrap().kept;
    // An app fails, and is just asked again when three hours go by without any node.
    inbox.answers(Mood::Refuses);
    says(&node, &thread(HANDOVER, 0), "Hello").await;
    until("it does not fail", async || health().await.failed_lived.is_some()).await;
    let url = node.settings().app(bot).unwrap().webhook_url.clone().unwrap();
    let asked_again = async || {
        let before = inbox.answers(Mood::Holds);
        until("it is not asked again", async || inbox.all()[before..].iter().any(|(to, _)| *to == url)).await;
        health().await
    };
    let before: DeliveryHealth = asked_again().await;
    assert!(!before.alerted && before.back_lived.is_none());
    clock.0.fetch_add(3 * HOUR_MS, Ordering::AcqRel);
    // And nobody wrote down how apps do. No beat is in the middle while its table is locked.
    let nobody = "LOCK TABLE baton.nodes; TRUNCATE baton.delivery_health;
                  UPDATE baton.nodes SET there_until = now() - interval '1 second'";
    postgresql.tell(database.rsplit('/').next().unwrap(), nobody);
    until("it does not hear that nobody was there", async || health().await.back_lived.is_some()).await;
    let fails_after = async |before: &DeliveryHealth| {
        inbox.answers(Mood::Refuses);
        until("it does not fail again", async || health().await.last_failure != before.last_failure).await;
        health().await
    };
    let after = fails_after(&before).await;
    assert!(!after.alerted, "nobody's time was counted: {after:?}");
    assert_eq!(after.failing_since, before.failing_since);
    // Time for which somebody is there does count.
    let before = asked_again().await;
    clock.0.fetch_add(3 * HOUR_MS, Ordering::AcqRel);
    let after = fails_after(&before).await;
    assert!(after.alerted, "{after:?}");
    inbox.answers(Mood::Takes);
    node.stop(PATIENCE).await;
}
