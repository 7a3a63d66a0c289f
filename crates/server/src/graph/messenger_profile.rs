//! `/{page}/messenger_profile` (wire.md 5.1): what a page says before anybody has said anything. Every app of the page
//! sets it; who may set its menu is a rule (HOP-MENU-3 to 5, MCR-MENU-3), and whoever set it hears its taps.

use baton_rules::{Edge, MenuLevel, Surface};
use baton_store::AssetKey;
use baton_wire::params::Params;
use baton_wire::{GraphError, profile};
use serde_json::{Map, Value, json};
use tokio::sync::MutexGuard;

use super::{Answer, Wrong, kept};
use crate::caller::Caller;

const MENU: &str = "persistent_menu";
const GET_STARTED: &str = "get_started";

/// `platform` says Instagram on the page's own path too.
pub(super) fn surface(caller: &Caller, params: &Params) -> Result<Surface, Wrong> {
    let said = params.text("platform").map(|text| text.trim().to_ascii_lowercase());
    let surface = match said.as_deref() {
        None | Some("") => caller.side(),
        Some("instagram") => Surface::Instagram,
        Some("messenger") if caller.side() == Surface::Messenger => Surface::Messenger,
        Some(_) => return Err(GraphError::parameter("Param platform must be messenger or instagram").into()),
    };
    if caller.routing(surface).is_none() {
        return Err(GraphError::no_instagram().into());
    }
    caller.may(surface, Edge::Other)?;
    Ok(surface)
}

pub(super) fn key(caller: &Caller, surface: Surface, name: &str) -> AssetKey {
    AssetKey::property(caller.page().id, surface, name)
}

pub(super) async fn get(caller: &Caller, params: &Params) -> Result<Answer, Wrong> {
    let surface = surface(caller, params)?;
    let mut names = params.list("fields").unwrap_or_default();
    if names.is_empty() {
        names = profile::properties(surface).map(str::to_owned).collect();
    }
    let mut set = Map::new();
    for name in profile::properties(surface).filter(|known| names.iter().any(|name| name == known)) {
        if let Some(value) = kept::read(caller, &key(caller, surface, name)).await? {
            set.insert(name.to_owned(), value);
        }
    }
    // Ice breakers by locale are the list itself, where nothing else is asked for.
    let by_locale = set.get("ice_breakers").filter(|value| value[0].get("call_to_actions").is_some());
    let data = match by_locale {
        Some(value) if names.len() == 1 => value.clone(),
        _ if set.is_empty() => json!([]),
        _ => json!([Value::Object(set)]),
    };
    Ok(Answer::of(json!({"data": data})))
}

pub(super) async fn post(caller: &Caller, params: &Params) -> Result<Answer, Wrong> {
    let surface = surface(caller, params)?;
    let properties = profile::set(params, surface)?;
    keep(caller, surface, properties, &kept::turn(caller).await).await
}

/// Sets properties that are well formed, in the caller's turn.
pub(super) async fn keep(
    caller: &Caller,
    surface: Surface,
    properties: Vec<(&'static str, Value)>,
    _: &MutexGuard<'_, ()>,
) -> Result<Answer, Wrong> {
    let sets = |name: &str| properties.iter().any(|(known, _)| *known == name);
    let rule = if sets(MENU) { Some(caller.set_menu(surface, MenuLevel::Page, None).await?) } else { None };
    if sets(MENU) && !sets(GET_STARTED) && surface == Surface::Messenger {
        let started = kept::read(caller, &key(caller, surface, GET_STARTED)).await?;
        started.ok_or_else(|| {
            GraphError::parameter("You must set a Get Started button if you also wish to use persistent menu")
        })?;
    }
    let keep = properties.into_iter().map(|(name, value)| (key(caller, surface, name), value)).collect();
    kept::change(caller, keep, Vec::new()).await?;
    Ok(Answer { body: json!({"result": "success"}), rule })
}

pub(super) async fn delete(caller: &Caller, params: &Params) -> Result<Answer, Wrong> {
    let surface = surface(caller, params)?;
    let names = profile::named(params, "fields", surface)?;
    if names.is_empty() {
        return Err(GraphError::required("fields").into());
    }
    forget(caller, surface, names, &kept::turn(caller).await).await
}

/// Unsets properties, in the caller's turn.
pub(super) async fn forget(
    caller: &Caller,
    surface: Surface,
    names: Vec<&'static str>,
    _: &MutexGuard<'_, ()>,
) -> Result<Answer, Wrong> {
    let rule = if names.contains(&MENU) {
        Some(caller.set_menu(surface, MenuLevel::Page, None).await?)
    } else {
        None
    };
    if names.contains(&GET_STARTED) && !names.contains(&MENU) {
        let menu = kept::read(caller, &key(caller, surface, MENU)).await?;
        if menu.is_some() {
            let text = "You must delete the persistent menu before you delete the Get Started button";
            return Err(GraphError::parameter(text).into());
        }
    }
    let forget = names.into_iter().map(|name| key(caller, surface, name)).collect();
    kept::change(caller, Vec::new(), forget).await?;
    Ok(Answer { body: json!({"result": "success"}), rule })
}
