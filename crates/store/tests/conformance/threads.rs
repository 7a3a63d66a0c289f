//! A page's threads in a list, and what is kept beside them: people, ads, the clock.

use std::collections::{BTreeSet, HashMap};

use baton_rules::{Surface, ThreadKey};
use baton_store::{AdCounts, Batch, Counted, KeptClock, Person, Stream};

use crate::disk::Disk;
use crate::made::{at, counted, page, person, say, streams, write};

every_store! {
    threads_are_listed_newest_first
    what_is_known_of_a_person_is_kept
    counts_of_ads_are_summed_over_streams
    the_clock_is_kept
}

async fn threads_are_listed_newest_first(disk: Disk) {
    let store = disk.open().await;
    for number in 0..30 {
        say(&*store, at((number as i64 * 7) % 11), &[person(number)]).await;
    }
    say(&*store, at(90), &[person(4)]).await;
    let elsewhere = [
        ThreadKey { page: page(105), ..person(1) },
        ThreadKey { surface: Surface::Instagram, ..person(1) },
        ThreadKey { page: page(1041), ..person(1) },
    ];
    for key in &elsewhere {
        say(&*store, at(200), std::slice::from_ref(key)).await;
    }
    let list = async |after, limit| store.threads(page(104), Surface::Messenger, after, limit).await.unwrap();
    let all = list(None, 100).await;
    assert_eq!(all.len(), 30);
    assert_eq!(all[0].key, person(4));
    assert!(all.is_sorted_by_key(|listed| std::cmp::Reverse(listed.remembered.last_message_at)));
    for listed in &all {
        assert_eq!(store.thread(&listed.key).await.unwrap().as_ref(), Some(&listed.remembered));
    }
    let mut paged = Vec::new();
    let mut after = None;
    loop {
        let some = list(after, 7).await;
        let Some(last) = some.last() else { break };
        after = Some((last.remembered.last_message_at, last.key.clone()));
        paged.extend(some);
    }
    assert_eq!(paged, all);
    assert_eq!(paged.iter().map(|listed| listed.key.clone()).collect::<BTreeSet<_>>().len(), 30);
    let instagram = store.threads(page(104), Surface::Instagram, None, 100).await.unwrap();
    assert_eq!(instagram.iter().map(|listed| &listed.key).collect::<Vec<_>>(), [&elsewhere[1]]);
}

async fn the_clock_is_kept(disk: Disk) {
    let store = disk.open().await;
    for clock in [
        KeptClock { offset: 86_400_000, frozen: Some(at(7)) },
        KeptClock { offset: -5, frozen: None },
        KeptClock::default(),
    ] {
        store.keep_clock(clock).await.unwrap();
        assert_eq!(store.kept_clock().await.unwrap(), Some(clock));
    }
}

async fn what_is_known_of_a_person_is_kept(disk: Disk) {
    let store = disk.open().await;
    let (one, other) = (person(1), person(2));
    let full = Person {
        name: Some("Zoë Ångström".to_owned()),
        first_name: Some("Zoë".to_owned()),
        last_name: Some("Ångström".to_owned()),
        username: Some(String::new()),
        profile_pic: None,
    };
    assert_eq!(store.person(&one).await.unwrap(), Person::default());
    store.keep_person(&one, full.clone()).await.unwrap();
    assert_eq!(store.person(&one).await.unwrap(), full);
    assert_eq!(store.person(&other).await.unwrap(), Person::default());
    // The same id on the other surface is another person.
    let elsewhere = ThreadKey { surface: Surface::Instagram, ..one.clone() };
    assert_eq!(store.person(&elsewhere).await.unwrap(), Person::default());
    let together = store.people(vec![other, one.clone(), elsewhere, one.clone()]).await.unwrap();
    assert_eq!(together, [Person::default(), full.clone(), Person::default(), full.clone()]);
    assert_eq!(store.people(Vec::new()).await.unwrap(), []);
    store.keep_person(&one, Person { name: None, ..full.clone() }).await.unwrap();
    assert_eq!(store.person(&one).await.unwrap(), Person { name: None, ..full });
}

async fn counts_of_ads_are_summed_over_streams(disk: Disk) {
    let store = disk.open().await;
    let none = store.ad_counts(page(104), Surface::Messenger).await.unwrap();
    assert_eq!(none, HashMap::new());
    for stream in streams() {
        let counted =
            vec![counted(104, "9001", 1, 0), counted(104, "9001", 1, 1), counted(104, "9002", 0, 1)];
        write(&*store, at(0), stream, Batch { counted, ..Batch::default() }).await.unwrap();
    }
    let other = vec![
        counted(105, "9001", 7, 0),
        Counted { surface: Surface::Instagram, ..counted(104, "9001", 5, 0) },
    ];
    write(&*store, at(0), Stream(0), Batch { counted: other, ..Batch::default() }).await.unwrap();
    let sums = store.ad_counts(page(104), Surface::Messenger).await.unwrap();
    let sum = |entries, conversations| AdCounts { entries, conversations };
    assert_eq!(sums, HashMap::from([("9001".into(), sum(8, 4)), ("9002".into(), sum(0, 4))]));
    let sums = store.ad_counts(page(104), Surface::Instagram).await.unwrap();
    assert_eq!(sums, HashMap::from([("9001".into(), sum(5, 0))]));
}
