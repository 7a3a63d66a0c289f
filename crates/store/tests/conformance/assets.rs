//! What is kept about a page beside its conversations.

use std::sync::{Arc, Mutex};

use baton_rules::{Surface, Thread, Timestamp};
use baton_store::{
    Asset, AssetChange, AssetKey, AssetKind, Batch, Chain, Decide, Found, JournalRow, Position, Store,
    StoreError, Wanted,
};
use bytes::Bytes;

use crate::disk::Disk;
use crate::made::{STREAMS, at, configure, page, person, row};

every_store! {
    assets_are_kept_by_page_kind_and_key
    what_is_too_old_goes_of_one_kind_only
    what_apps_kept_goes_with_its_page
    a_decision_keeps_what_belongs_to_its_rows
    a_decision_that_is_wrong_keeps_nothing
}

fn asset(of: u64, kind: AssetKind, key: &str, now: Timestamp) -> Asset {
    let key = AssetKey { page: page(of), kind, key: key.into() };
    Asset { key, at: now, document: "{\"name\":\"ä\"}".into(), content: None }
}

fn keeps(keep: Vec<Asset>) -> AssetChange {
    AssetChange { keep, ..AssetChange::default() }
}

async fn assets_are_kept_by_page_kind_and_key(disk: Disk) {
    use AssetKind::{Label, Persona};
    let store = disk.open().await;
    let file = Asset {
        content: Some(Bytes::from([0, 255, 10].repeat(100_000))),
        ..asset(104, AssetKind::Attachment, "7", at(1))
    };
    let all =
        [asset(104, Persona, "1", at(0)), asset(104, Label, "1", at(0)), asset(105, Persona, "1", at(0))];
    store.change_assets(keeps(all.to_vec())).await.unwrap();
    store.change_assets(keeps(vec![file.clone()])).await.unwrap();
    for asset in all.iter().chain([&file]) {
        assert_eq!(store.asset(&asset.key).await.unwrap().as_ref(), Some(asset));
    }
    assert_eq!(store.asset(&asset(104, Persona, "2", at(0)).key).await.unwrap(), None);
    let listed = store.assets(page(104), AssetKind::Attachment, "", 10).await.unwrap();
    assert_eq!(listed, [Asset { content: None, ..file.clone() }], "a list has no bytes");
    // In the order of keys, after one, so many.
    let more = ["3", "2", "4"].map(|key| asset(104, Persona, key, at(2)));
    store.change_assets(keeps(more.to_vec())).await.unwrap();
    let keys = async |after: &str, limit| -> Vec<String> {
        let listed = store.assets(page(104), Persona, after, limit).await.unwrap();
        listed.into_iter().map(|asset| asset.key.key.into()).collect()
    };
    assert_eq!(keys("", 9).await, ["1", "2", "3", "4"]);
    assert_eq!(keys("1", 2).await, ["2", "3"]);
    assert_eq!(keys("4", 2).await, Vec::<String>::new());
    // What has the same key takes the place; what is forgotten is gone, and nothing else is.
    let again = Asset { document: "{}".into(), ..asset(104, Persona, "2", at(3)) };
    let forget = vec![all[0].key.clone(), asset(104, Persona, "none", at(0)).key];
    store.change_assets(AssetChange { keep: vec![again.clone()], forget, expire: None }).await.unwrap();
    assert_eq!(keys("", 9).await, ["2", "3", "4"]);
    store.close().await.unwrap();
    drop(store);
    let store = disk.open().await;
    assert_eq!(store.asset(&again.key).await.unwrap(), Some(again));
    assert_eq!(store.asset(&file.key).await.unwrap(), Some(file));
    for kept in &all[1..] {
        assert_eq!(store.asset(&kept.key).await.unwrap().as_ref(), Some(kept));
    }
}

async fn what_apps_kept_goes_with_its_page(disk: Disk) {
    use AssetKind::Persona;
    let store = disk.open().await;
    configure(&*store, at(0), &[11], &[104, 105]).await;
    let both = [asset(104, Persona, "1", at(0)), asset(105, Persona, "1", at(0))];
    store.change_assets(keeps(both.to_vec())).await.unwrap();
    configure(&*store, at(1), &[11], &[105]).await;
    // Made again, it is another page: nothing of what was kept about the old one is its.
    configure(&*store, at(2), &[11], &[104, 105]).await;
    assert_eq!(store.asset(&both[0].key).await.unwrap(), None);
    assert_eq!(store.asset(&both[1].key).await.unwrap().as_ref(), Some(&both[1]));
}

async fn what_is_too_old_goes_of_one_kind_only(disk: Disk) {
    use AssetKind::{Attachment, Persona};
    let store = disk.open().await;
    let old = [
        asset(104, Attachment, "1", at(0)),
        asset(105, Attachment, "1", at(1)),
        asset(104, Persona, "1", at(0)),
    ];
    store.change_assets(keeps(old.to_vec())).await.unwrap();
    let keep = vec![asset(104, Attachment, "2", at(2))];
    store
        .change_assets(AssetChange { keep, forget: Vec::new(), expire: Some((Attachment, at(1))) })
        .await
        .unwrap();
    let mut left = Vec::new();
    for (of, kind) in [(104, Attachment), (105, Attachment), (104, Persona)] {
        left.push(store.assets(page(of), kind, "", 9).await.unwrap().len());
    }
    assert_eq!(left, [1, 0, 1]);
}

/// A row of a page's chain.
fn of_page(chain: &Chain, position: Position, previous: Option<Position>) -> Arc<JournalRow> {
    let row = row(&person(1), position, previous, at(1));
    Arc::new(JournalRow { chain: Some(chain.clone()), after: Thread::default(), ..row })
}

/// Writes what is made of what is found: where the page's chain ends, and one of its comments.
async fn decide(
    store: &dyn Store,
    chain: &Chain,
    key: &AssetKey,
    make: impl Fn(&Found) -> Batch + Send + Sync + 'static,
) -> (Result<Batch, StoreError>, Option<Position>, Option<Asset>) {
    let seen: Arc<Mutex<(Option<Position>, Option<Asset>)>> = Arc::default();
    let (to, of, which) = (Arc::clone(&seen), chain.clone(), key.clone());
    let decide: Decide = Box::new(move |found| {
        *to.lock().unwrap() = (found.ends.get(&of).copied(), found.assets.get(&which).cloned());
        make(found)
    });
    let wanted = Wanted {
        now: Some(at(1)),
        chains: vec![chain.clone()],
        assets: vec![key.clone()],
        ..Wanted::default()
    };
    let done = store.commit(chain.stream(STREAMS), wanted, decide).await;
    let (end, asset) = seen.lock().unwrap().clone();
    (done, end, asset)
}

async fn a_decision_keeps_what_belongs_to_its_rows(disk: Disk) {
    let store = disk.open().await;
    let chain = Chain::Page(page(104), Surface::Instagram);
    let kept = asset(104, AssetKind::Comment, "instagram/1", at(1));
    let old = asset(105, AssetKind::Comment, "messenger/1", at(-9));
    store.change_assets(keeps(vec![old.clone()])).await.unwrap();
    let (of, mine) = (chain.clone(), kept.clone());
    let (first, end, found) = decide(&*store, &chain, &kept.key, move |found| Batch {
        rows: vec![
            of_page(&of, found.head.next(), None),
            of_page(&of, found.head.next().next(), Some(found.head.next())),
        ],
        assets: AssetChange { expire: Some((AssetKind::Comment, at(-1))), ..keeps(vec![mine.clone()]) },
        ..Batch::default()
    })
    .await;
    assert_eq!((end, found), (None, None));
    let last = first.unwrap().rows[1].position;
    assert_eq!(store.asset(&old.key).await.unwrap(), None, "too old");
    drop(store);
    let store = disk.open().await;
    assert_eq!(store.chain(&chain, None, 10).await.unwrap().len(), 2);
    let (of, key) = (chain.clone(), kept.key.clone());
    let (next, end, found) = decide(&*store, &chain, &kept.key, move |found| Batch {
        rows: vec![of_page(&of, found.head.next(), found.ends.get(&of).copied())],
        assets: AssetChange { forget: vec![key.clone()], ..AssetChange::default() },
        ..Batch::default()
    })
    .await;
    assert_eq!((end, found), (Some(last), Some(kept.clone())));
    let rows = store.chain(&chain, None, 10).await.unwrap();
    assert_eq!(
        (rows.len(), rows[0].previous, rows[0].position),
        (3, Some(last), next.unwrap().rows[0].position)
    );
    assert_eq!(store.asset(&kept.key).await.unwrap(), None);
}

async fn a_decision_that_is_wrong_keeps_nothing(disk: Disk) {
    let store = disk.open().await;
    let chain = Chain::Page(page(104), Surface::Messenger);
    let kept = asset(104, AssetKind::Comment, "messenger/1", at(1));
    let other = (105..).map(|id| Chain::Page(page(id), Surface::Messenger));
    let other = other.into_iter().find(|other| other.stream(STREAMS) != chain.stream(STREAMS)).unwrap();
    let nobodys = JournalRow { chain: None, ..JournalRow::clone(&of_page(&chain, Position(1), None)) };
    for wrong in [of_page(&other, Position(1), None), Arc::new(nobodys)] {
        let mine = kept.clone();
        let make = move |_: &Found| Batch {
            rows: vec![Arc::clone(&wrong)],
            assets: keeps(vec![mine.clone()]),
            ..Batch::default()
        };
        assert!(decide(&*store, &chain, &kept.key, make).await.0.is_err());
        assert_eq!(store.asset(&kept.key).await.unwrap(), None);
    }
}
