//! What a node knows that happens, or stands, at others.

use std::sync::Arc;
use std::time::Duration;

use baton_engine::{Activity, ActivityKind, Clock, CommentId, Remark, SystemClock};
use baton_pgtest::Server as Postgres;
use baton_rules::Surface;
use baton_rules::build::person;
use baton_store::postgres::Time;
use baton_testkit::settings::{HANDOVER, ROUTING};
use tokio::sync::broadcast::Receiver;

use super::cluster::{Ahead, Inbox, begins, postgres, start, start_for, versions};

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(60);

/// The next line that is wanted.
async fn next<T>(lines: &mut Receiver<Arc<Activity>>, wanted: impl Fn(&Activity) -> Option<T>) -> T {
    let found = async {
        loop {
            if let Some(found) = wanted(&lines.recv().await.unwrap()) {
                return found;
            }
        }
    };
    tokio::time::timeout(PATIENCE, found).await.unwrap()
}

/// A change of settings as it is told: whether elsewhere, what, and what apps are told.
fn change(line: &Activity) -> Option<(bool, Vec<Box<str>>, usize)> {
    match &line.kind {
        ActivityKind::Settings { changed, told, .. } => Some((line.elsewhere, changed.clone(), told.len())),
        _ => None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn comments_and_changes_of_settings_are_told_at_every_node() {
    let database = Postgres::shared().database();
    let inbox = Arc::new(Inbox::default());
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let one = start(postgres(&database, Time::Database).await, Arc::clone(&clock), &inbox).await;
    let two = start(postgres(&database, Time::Database).await, clock, &inbox).await;
    let (mut at_one, mut at_two) = (one.activity(), two.activity());
    let mut own_of_two = two.own_activity();
    one.configure_telling(Box::new(|_| Ok(begins())), versions).await.unwrap();
    let (elsewhere, changed, told) = next(&mut at_one, change).await;
    assert_eq!((elsewhere, changed), (false, vec!["0..1".into()]));
    assert!(told > 0, "apps are told of their roles");
    assert_eq!(next(&mut at_two, change).await, (true, vec!["0..1".into()], 0));
    for _ in 0..told {
        assert_eq!(next(&mut at_two, change).await, (true, Vec::new(), 1));
    }
    // One that follows on the other's, and is told so: nothing of it is told twice.
    two.configure_telling(
        Box::new(|settings| {
            let mut next = settings.clone();
            Arc::make_mut(next.apps.first_mut().unwrap()).max_batch += 1;
            Ok(next)
        }),
        versions,
    )
    .await
    .unwrap();
    assert_eq!(next(&mut at_two, change).await, (false, vec!["1..2".into()], 0));
    assert_eq!(next(&mut at_one, change).await, (true, vec!["1..2".into()], 0));
    // A comment, and then a message: nothing else of settings comes between.
    let id = CommentId::of(ROUTING, Surface::Messenger, "9_1").unwrap();
    let said = Remark {
        person: "ada".into(),
        message: Some("Is it open?".to_owned()),
        post: None,
        parent: None,
        live: false,
    };
    one.commented(id.clone(), said).await.unwrap();
    let by = next(&mut at_two, |line| match &line.kind {
        ActivityKind::Comment { by, row } => Some((line.elsewhere, by.clone(), row.event.clone())),
        ActivityKind::Settings { .. } => panic!("{line:?}"),
        _ => None,
    });
    assert_eq!(by.await, (true, id.thread(person("ada")), Some("feed".into())));
    assert_eq!(next(&mut own_of_two, change).await, (false, vec!["1..2".into()], 0), "and no other's");
    one.stop(PATIENCE).await;
    two.stop(PATIENCE).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_whose_clock_is_wrong_goes_by_the_databases() {
    let database = Postgres::shared().database();
    let inbox = Arc::new(Inbox::default());
    let day = 24 * 3_600_000;
    let store = postgres(&database, Time::Database).await;
    let wrong = start(store, Arc::new(Ahead((2 * day).into())), &inbox).await;
    assert!((wrong.now().0 - SystemClock.now().0).abs() < day);
    wrong.configure(Box::new(|_| Ok(begins()))).await.unwrap();
    // Control lapses after a day: what it decides, and what it says of it, are by one clock.
    let thread = baton_testkit::people::thread(HANDOVER, 0);
    let mut random = <rand::rngs::SmallRng as rand::SeedableRng>::seed_from_u64(1);
    let mut receipts = Vec::new();
    for op in 0..40 {
        let request = baton_testkit::people::asked(&mut random, thread.clone(), op);
        receipts.extend(wrong.submit(request).await);
    }
    let owned = receipts.iter().filter(|receipt| receipt.thread.owner.is_some()).count();
    let shown = wrong.thread(&thread).await.unwrap().unwrap();
    assert!(owned > 0 && shown.seen == receipts.last().unwrap().thread, "{shown:?}");
    wrong.stop(PATIENCE).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_told_that_a_stream_is_anothers_begins_nothing_more() {
    let postgresql = Postgres::shared();
    let database = postgresql.database();
    let inbox = Arc::new(Inbox::default());
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    // As in a machine that slept: by its own watch it goes on for long, and says nothing before that.
    let long = Duration::from_secs(24 * 3_600);
    let node = start_for(long, postgres(&database, Time::Database).await, clock, &inbox).await;
    node.configure(Box::new(|_| Ok(begins()))).await.unwrap();
    let delivers = async || !node.metrics().await.unwrap().contains("baton_delivered_streams 0\n");
    assert!(delivers().await);
    let name = database.rsplit('/').next().unwrap();
    let taken =
        "UPDATE baton.leases SET epoch = epoch + 1, node = 'another', held_until = now() + interval '1 day'";
    postgresql.tell(name, taken);
    let mut random = <rand::rngs::SmallRng as rand::SeedableRng>::seed_from_u64(1);
    for op in 0..40 {
        let thread = baton_testkit::people::thread(HANDOVER, 0);
        let _ = node.submit(baton_testkit::people::asked(&mut random, thread, op)).await;
    }
    let ends = async { while delivers().await {} };
    tokio::time::timeout(PATIENCE, ends).await.unwrap();
    node.stop(PATIENCE).await;
}
