//! Facts that are shown beside what tables say: what was counted for ads (AD-6: `entries` and `conversations`), and
//! whether an app's address is `verified`. They are no settings: an `ETag` is made without them, and in what is given
//! they are passed over, so that what was read can be put.

use std::collections::HashMap;

use baton_engine::Engine;
use baton_rules::Surface;
use baton_store::AdCounts;
use serde_json::{Map, Value, json};

use crate::problem::Problem;
use crate::routing_file::Item;

const COUNTS: [&str; 2] = ["entries", "conversations"];

/// Adds the facts to a table, and to those within it.
pub(super) async fn told(
    engine: &Engine,
    item: &Item,
    table: &mut Map<String, Value>,
) -> Result<(), Problem> {
    match item {
        Item::Ad { page, on, .. } => count(&engine.ad_counts(*page, *on).await?, table),
        Item::Page(page) if table.contains_key("ads") => {
            let messenger = engine.ad_counts(*page, Surface::Messenger).await?;
            let instagram = engine.ad_counts(*page, Surface::Instagram).await?;
            let ads = table.get_mut("ads").and_then(Value::as_array_mut).into_iter().flatten();
            for ad in ads.filter_map(Value::as_object_mut) {
                let there = ad.get("on").is_some_and(|on| on == "instagram");
                count(if there { &instagram } else { &messenger }, ad);
            }
        }
        Item::App(id) => {
            let verified = engine.settings().app(*id).is_some_and(|app| app.verified);
            table.insert("verified".to_owned(), json!(verified));
        }
        Item::Page(_) | Item::Connection { .. } | Item::Link { .. } => {}
    }
    Ok(())
}

fn count(all: &HashMap<Box<str>, AdCounts>, ad: &mut Map<String, Value>) {
    let id = ad.get("id").and_then(Value::as_str).unwrap_or_default();
    let counts = all.get(id).copied().unwrap_or_default();
    for (name, count) in COUNTS.into_iter().zip([counts.entries, counts.conversations]) {
        ad.insert(name.to_owned(), json!(count));
    }
}
