//! What apps keep about a page: how an edge reads and writes it. A document says which app keeps it and what.

use baton_store::{Asset, AssetChange, AssetKey, AssetKind};
use serde_json::{Map, Value, json};

use super::{Wrong, paging};
use crate::caller::{Caller, unavailable};

/// A page's asset of this name.
pub(super) fn key(caller: &Caller, kind: AssetKind, key: &str) -> AssetKey {
    AssetKey { page: caller.page().id, kind, key: key.into() }
}

/// What is kept under a name.
pub(super) async fn read(caller: &Caller, key: &AssetKey) -> Result<Option<Value>, Wrong> {
    let asset = caller.shared().engine.asset(key).await.map_err(|error| unavailable(&error))?;
    Ok(asset.map(|asset| document(&asset)["value"].take()))
}

fn document(asset: &Asset) -> Value {
    serde_json::from_str(&asset.document).unwrap_or_default()
}

/// Keeps and forgets, all or nothing.
pub(super) async fn change(
    caller: &Caller,
    keep: Vec<(AssetKey, Value)>,
    forget: Vec<AssetKey>,
) -> Result<(), Wrong> {
    let (engine, app) = (&caller.shared().engine, caller.app().id.to_string());
    let asset = |(key, value): (AssetKey, Value)| Asset {
        key,
        at: engine.now(),
        document: json!({"app": app, "value": value}).to_string().into(),
        content: None,
    };
    let keep = keep.into_iter().map(asset).collect();
    let change = AssetChange { keep, forget, expire: None };
    engine.change_assets(change).await.map_err(|error| unavailable(&error))
}

/// A page of what is kept of a kind, in the order of keys: key and value.
pub(super) async fn list(
    caller: &Caller,
    kind: AssetKind,
    after: &str,
    limit: usize,
) -> Result<Vec<(String, Value)>, Wrong> {
    let page = caller.page().id;
    let found = caller.shared().engine.assets(page, kind, after, limit).await;
    let found = found.map_err(|error| unavailable(&error))?;
    Ok(found.into_iter().map(|asset| (asset.key.key.to_string(), document(&asset)["value"].take())).collect())
}

/// An answer's list of what is kept of a kind. `shown` is what becomes of a key and a value.
pub(super) async fn answer(
    caller: &Caller,
    params: &baton_wire::params::Params,
    kind: AssetKind,
    edge: &str,
    shown: impl Fn(&str, &Value) -> Value,
) -> Result<Value, Wrong> {
    let wanted = paging::Wanted::of(params)?;
    let mut found = list(caller, kind, wanted.after.as_deref().unwrap_or_default(), wanted.limit + 1).await?;
    let more = found.len() > wanted.limit;
    found.truncate(wanted.limit);
    let ends = found.first().zip(found.last()).map(|((first, _), (last, _))| (first.clone(), last.clone()));
    let node = caller.node().to_string();
    let next = ends.as_ref().filter(|_| more);
    let next = next.map(|(_, last)| paging::next(caller, params, &node, edge, wanted.limit, last));
    let data: Vec<Value> = found.iter().map(|(key, value)| shown(key, value)).collect();
    Ok(paging::list(&data, ends, next))
}

/// An object of texts.
pub(super) fn object<const N: usize>(pairs: [(&str, String); N]) -> Value {
    Value::Object(
        pairs.into_iter().map(|(name, text)| (name.to_owned(), Value::String(text))).collect::<Map<_, _>>(),
    )
}
