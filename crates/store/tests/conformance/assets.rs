//! What is kept about a page beside its conversations.

use baton_rules::Timestamp;
use baton_store::{Asset, AssetChange, AssetKey, AssetKind};
use bytes::Bytes;

use crate::disk::Disk;
use crate::made::{at, configure, page};

every_store! {
    assets_are_kept_by_page_kind_and_key
    what_is_too_old_goes_of_one_kind_only
    what_apps_kept_goes_with_its_page
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
