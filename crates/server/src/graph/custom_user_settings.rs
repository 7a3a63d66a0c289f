//! `/{page}/custom_user_settings` (wire.md 5.2): one person's own menu, in the place of the page's. Who may set it is a
//! rule (HOP-MENU-6, HOP-MENU-7, MCR-MENU-3).

use baton_rules::{Edge, MenuLevel, PersonId, Surface, ThreadKey};
use baton_store::AssetKey;
use baton_wire::params::Params;
use baton_wire::{GraphError, profile};
use serde_json::json;

use super::{Answer, Wrong, kept};
use crate::caller::Caller;

const MENU: &str = "persistent_menu";

/// The person, and the key of their menu.
fn whose(caller: &Caller, params: &Params) -> Result<(PersonId, AssetKey), Wrong> {
    caller.may(caller.side(), Edge::Other)?;
    if caller.side() == Surface::Instagram {
        // ICR-MENU-2
        return Err(GraphError::parameter("Menus of single people are not available on Instagram").into());
    }
    let text = params.text("psid").ok_or_else(|| GraphError::required("psid"))?;
    let person: PersonId = text
        .trim()
        .parse()
        .map_err(|wrong| GraphError::parameter(format!("Invalid parameter psid: {wrong}")))?;
    let thread = ThreadKey { page: caller.page().id, surface: Surface::Messenger, person: person.clone() };
    Ok((person, AssetKey::menu(&thread)))
}

/// The person's menu, else the page's, which they see then.
pub(super) async fn get(caller: &Caller, params: &Params) -> Result<Answer, Wrong> {
    let (_, key) = whose(caller, params)?;
    let data = match kept::read(caller, &key).await? {
        Some(menu) => json!([{"user_level_persistent_menu": menu}]),
        None => {
            let page = AssetKey::property(caller.page().id, Surface::Messenger, MENU);
            match kept::read(caller, &page).await? {
                Some(menu) => json!([{"page_level_persistent_menu": menu}]),
                None => json!([]),
            }
        }
    };
    Ok(Answer::of(json!({"data": data})))
}

pub(super) async fn post(caller: &Caller, params: &Params) -> Result<Answer, Wrong> {
    let (person, key) = whose(caller, params)?;
    let menu = params.get(MENU).ok_or_else(|| GraphError::required(MENU))?;
    let menu = profile::menu(params, MENU, menu)?;
    let rule = caller.set_menu(Surface::Messenger, MenuLevel::User, Some(person)).await?;
    kept::change(caller, vec![(key, menu)], Vec::new()).await?;
    Ok(Answer { body: json!({"result": "success"}), rule: Some(rule) })
}

pub(super) async fn delete(caller: &Caller, params: &Params) -> Result<Answer, Wrong> {
    let (person, key) = whose(caller, params)?;
    let names = params.list("params").unwrap_or_default();
    if names.iter().any(|name| name != MENU) || names.is_empty() {
        return Err(GraphError::parameter("Param params must be [\"persistent_menu\"]").into());
    }
    let rule = caller.set_menu(Surface::Messenger, MenuLevel::User, Some(person)).await?;
    kept::change(caller, Vec::new(), vec![key]).await?;
    Ok(Answer { body: json!({"result": "success"}), rule: Some(rule) })
}
