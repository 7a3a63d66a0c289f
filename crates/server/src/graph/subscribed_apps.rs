//! `/{page}/subscribed_apps`: what the token's app hears of the page (wire.md 4.2). It changes the fields of the
//! app's connection as the routing file does; what else the connection says is an operator's.

use std::sync::Arc;

use baton_rules::{Edge, Fields};
use baton_store::{Page, Settings, SettingsRefused};
use baton_wire::GraphError;
use baton_wire::params::Params;
use serde_json::json;

use super::{Answer, Wrong};
use crate::caller::{Caller, configure};
use crate::routing_file::{USUAL_FIELDS, with_others};

/// Fields that an app may name, and letters of a name.
const MOST: usize = 100;

pub(super) fn get(caller: &Caller) -> Result<Answer, Wrong> {
    caller.may(caller.side(), Edge::Other)?;
    let app = caller.app();
    let fields = caller.connection().map(|connection| connection.fields.clone()).unwrap_or_default();
    let data = if fields.is_empty() {
        json!([])
    } else {
        json!([{
            "category": "Business",
            "link": super::link(&caller.shared().public_url, app.id),
            "name": app.name,
            "id": app.id.to_string(),
            "subscribed_fields": fields,
        }])
    };
    Ok(Answer { body: json!({"data": data}), rule: None })
}

/// Replaces the fields. Without any named, what the app subscribed to itself, else what is there stays, else
/// the usual ones. Names that no webhook here has are kept too (wire.md 4.2): nothing of theirs ever happens.
pub(super) async fn post(caller: &Caller, params: &Params) -> Result<Answer, Wrong> {
    caller.may(caller.side(), Edge::Other)?;
    let named = match params.get("subscribed_fields") {
        None => None,
        Some(_) => {
            let wrong = || GraphError::parameter("Param subscribed_fields must be an array of fields");
            Some(params.list("subscribed_fields").ok_or_else(wrong)?)
        }
    };
    let own = &caller.app().subscribed;
    let named = named.or_else(|| Some(own.clone()).filter(|own| !own.is_empty()));
    let named = named.map(|names| names.iter().map(|name| name.trim().to_owned()).collect::<Vec<_>>());
    if named.iter().flatten().any(|name| !is_name(name)) || named.iter().flatten().count() > MOST {
        return Err(GraphError::parameter(format!("Param subscribed_fields has at most {MOST} names")).into());
    }
    let named = named.map(|names| with_others(known(&names), &names));
    let usual = USUAL_FIELDS.into_iter().fold(Fields::NONE, Fields::with);
    subscribe(caller, move |kept| match &named {
        Some(named) => named.clone(),
        None if kept.is_empty() => with_others(usual, &[]),
        None => kept.to_vec(),
    })
    .await
}

/// Takes all fields away: the app stays connected, and hears nothing.
pub(super) async fn delete(caller: &Caller) -> Result<Answer, Wrong> {
    caller.may(caller.side(), Edge::Other)?;
    subscribe(caller, |_| Vec::new()).await
}

fn is_name(name: &str) -> bool {
    (1..=MOST).contains(&name.len())
        && name.bytes().all(|letter| letter.is_ascii_alphanumeric() || letter == b'_')
}

fn known(names: &[String]) -> Fields {
    names.iter().filter_map(|name| Fields::named(name)).fold(Fields::NONE, Fields::with)
}

async fn subscribe(
    caller: &Caller,
    become_of: impl Fn(&[String]) -> Vec<String> + Send + Sync + 'static,
) -> Result<Answer, Wrong> {
    let (page, app) = (caller.page().id, caller.app().id);
    let change = move |settings: &Settings| -> Result<Settings, Vec<SettingsRefused>> {
        let mut pages = settings.pages.clone();
        for page in pages.iter_mut().filter(|known| known.id == page) {
            let mut connections = page.connections.clone();
            for connection in connections.iter_mut().filter(|connection| connection.app == app) {
                connection.fields = become_of(&connection.fields);
            }
            if connections != page.connections {
                *page = Arc::new(Page { connections, ..Page::clone(page) });
            }
        }
        Ok(Settings::new(settings.version + 1, settings.apps.clone(), pages))
    };
    configure(&caller.shared().engine, Box::new(change)).await?;
    Ok(Answer { body: json!({"success": true}), rule: None })
}
