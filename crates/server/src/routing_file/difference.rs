//! What a change of settings changes, one line for each value. A pointer names things by their ids and not
//! by their places in a list, which move: `/pages/2001/connections/1278416343931139/take_control`. Links and
//! ads are named by `ref` and id, those on Instagram under the account (`/pages/2001/instagram/links/spring`): the same
//! name may stand on both surfaces. Of a secret only the fact is told.

use baton_store::{Connection, KeptSurface, Page, Secret, Settings};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::Change;
use super::input::escaped;
use super::render::{ad_table, app_table, connection_table, link_table, page_table};

/// Keys whose values are never told.
const SECRET: [&str; 3] = ["secret", "verify_token", "token"];

/// The changes from some settings to others.
pub(super) fn changes(before: &Settings, after: &Settings) -> Vec<Change> {
    let mut found = Vec::new();
    compare("", &Value::Object(by_id(before)), &Value::Object(by_id(after)), &mut found);
    found
}

/// How many are named: who listens wants to know what it was about.
const NAMED: usize = 20;

/// Which values change, as JSON pointers, without them.
pub(crate) fn changed(before: &Settings, after: &Settings) -> Vec<Box<str>> {
    changes(before, after).into_iter().take(NAMED).map(|one| one.pointer.into()).collect()
}

/// Everything under its id, and each secret by its hash: so a change of it is seen, and the secret is not.
fn by_id(settings: &Settings) -> Map<String, Value> {
    let apps = settings.apps.iter().map(|app| {
        let mut table = app_table(app);
        table.insert("secret".to_owned(), json!(hash(&app.secret)));
        if let Some(token) = &app.verify_token {
            table.insert("verify_token".to_owned(), json!(hash(token)));
        }
        (app.id.to_string(), Value::Object(table))
    });
    let pages = settings.pages.iter().map(|page| {
        let mut table = page_table(page);
        let connections = page.connections.iter().map(|one| (one.app.to_string(), connection(one)));
        table.insert("connections".to_owned(), Value::Object(connections.collect()));
        table.extend(entry_points(page, KeptSurface::Messenger));
        if let Some(Value::Object(account)) = table.get_mut("instagram") {
            account.extend(entry_points(page, KeptSurface::Instagram));
        }
        (page.id.to_string(), Value::Object(table))
    });
    let (apps, pages) = (Value::Object(apps.collect()), Value::Object(pages.collect()));
    [("apps".to_owned(), apps), ("pages".to_owned(), pages)].into_iter().collect()
}

/// A page's links and ads on one surface.
fn entry_points(page: &Page, on: KeptSurface) -> Map<String, Value> {
    let links = page.links.iter().filter(|link| link.on == on);
    let links = links.map(|link| (link.reference.clone(), Value::Object(link_table(link))));
    let ads = page.ads.iter().filter(|ad| ad.on == on);
    let ads = ads.map(|ad| (ad.id.clone(), Value::Object(ad_table(ad))));
    let (links, ads) = (Value::Object(links.collect()), Value::Object(ads.collect()));
    [("links".to_owned(), links), ("ads".to_owned(), ads)].into_iter().collect()
}

fn connection(connection: &Connection) -> Value {
    let mut table = connection_table(connection);
    if let Some(token) = connection.tokens.first() {
        table.insert("token".to_owned(), json!(token.hash));
    }
    Value::Object(table)
}

fn hash(secret: &Secret) -> String {
    hex::encode(Sha256::digest(secret.reveal().as_bytes()))
}

fn compare(pointer: &str, before: &Value, after: &Value, found: &mut Vec<Change>) {
    let (Value::Object(was), Value::Object(is)) = (before, after) else {
        if before != after {
            found.push(told(pointer, before, after));
        }
        return;
    };
    let gone = was.keys().filter(|key| !is.contains_key(*key));
    for key in is.keys().chain(gone) {
        let (was, is) = (was.get(key).unwrap_or(&Value::Null), is.get(key).unwrap_or(&Value::Null));
        compare(&format!("{pointer}/{}", escaped(key)), was, is, found);
    }
}

fn told(pointer: &str, before: &Value, after: &Value) -> Change {
    let key = pointer.rsplit('/').next().unwrap_or_default();
    let tell = |value: &Value, word: &str| match value {
        Value::Null => Value::Null,
        _ if SECRET.contains(&key) => json!(word),
        other => without_secrets(other),
    };
    Change { pointer: pointer.to_owned(), from: tell(before, "(old)"), to: tell(after, "(new)") }
}

fn without_secrets(value: &Value) -> Value {
    match value {
        Value::Object(table) => {
            let told = table.iter().filter(|(key, _)| !SECRET.contains(&key.as_str()));
            Value::Object(told.map(|(key, value)| (key.clone(), without_secrets(value))).collect())
        }
        Value::Array(items) => Value::Array(items.iter().map(without_secrets).collect()),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
    }
}
