//! What apps keep about a page: how an edge reads and writes it. A document says which app keeps it and what.

use baton_rules::PageId;
use baton_store::{Asset, AssetChange, AssetKey, AssetKind};
use baton_wire::params::Params;
use serde_json::{Map, Value, json};

use super::Wrong;
use super::paging::{Before, Found, Place, Shown, Wanted};
use crate::caller::{Caller, unavailable};

/// Rows that are looked at in one turn.
const TURN: usize = 500;
/// How many pages can be changed at once.
const TURNS: usize = 64;

/// Turns of those who look at what is kept of a page and change it then: between the two nobody else changes it. This
/// process is the only one that does.
pub(crate) struct Turns([tokio::sync::Mutex<()>; TURNS]);

impl Default for Turns {
    fn default() -> Self {
        Self(std::array::from_fn(|_| tokio::sync::Mutex::default()))
    }
}

impl Turns {
    /// The turn of whoever changes what is kept of this page, which ends when this is dropped.
    pub(crate) async fn of(&self, page: PageId) -> tokio::sync::MutexGuard<'_, ()> {
        let Self(turns) = self;
        let [first, ..] = turns;
        let place = page.number() % u64::try_from(TURNS).unwrap_or(1);
        usize::try_from(place).ok().and_then(|place| turns.get(place)).unwrap_or(first).lock().await
    }
}

/// The caller's turn, which ends when this is dropped.
pub(super) async fn turn(caller: &Caller) -> tokio::sync::MutexGuard<'_, ()> {
    caller.shared().turns.of(caller.page().id).await
}

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

/// What is kept under keys that begin so: a page of it, keys without that beginning.
pub(super) async fn page(
    caller: &Caller,
    kind: AssetKind,
    prefix: &str,
    wanted: &Wanted,
) -> Result<Found<(String, Value)>, Wrong> {
    let within =
        |(key, value): (String, Value)| key.strip_prefix(prefix).map(|rest| (rest.to_owned(), value));
    let before = match &wanted.place {
        Place::Before(before) => before,
        Place::First | Place::After(_) => {
            let Wanted { place, limit } = wanted;
            let after = if let Place::After(after) = place { after } else { "" };
            let found = list(caller, kind, &format!("{prefix}{after}"), limit + 1).await?;
            let items = found.into_iter().map_while(within).collect();
            return Ok(Found::forwards(items, wanted));
        }
    };
    let (mut last, mut items) = (prefix.to_owned(), Before::new(wanted.limit));
    loop {
        let turn = list(caller, kind, &last, TURN).await?;
        let Some((end, _)) = turn.last() else { return Ok(Found::backwards(items)) };
        last.clone_from(end);
        for item in turn {
            match within(item).filter(|(key, _)| key < before) {
                Some(item) => items.push(item),
                None => return Ok(Found::backwards(items)),
            }
        }
    }
}

/// An answer's list of what is kept of a kind. `shown` is what becomes of a key and a value.
pub(super) async fn answer(
    caller: &Caller,
    params: &Params,
    kind: AssetKind,
    edge: &str,
    shown: impl Fn(&str, &Value) -> Value,
) -> Result<Value, Wrong> {
    let wanted = Wanted::of(params)?;
    let found = page(caller, kind, "", &wanted).await?;
    let data: Vec<Value> = found.items.iter().map(|(key, value)| shown(key, value)).collect();
    let shown = Shown { caller, params, node: &caller.node().to_string(), edge, limit: wanted.limit };
    Ok(shown.list(&found, &data, |(key, _)| key.clone()))
}

/// An object of texts.
pub(super) fn object<const N: usize>(pairs: [(&str, String); N]) -> Value {
    Value::Object(
        pairs.into_iter().map(|(name, text)| (name.to_owned(), Value::String(text))).collect::<Map<_, _>>(),
    )
}
