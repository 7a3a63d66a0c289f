//! A change of one app, page, connection, link or ad, said as a file: what is there is written in the file's
//! own form, changed, and goes the way of every file. So there is one place that knows what is accepted.

use baton_rules::{AppId, PageId, Surface};
use baton_store::{Page, Settings, SettingsRefused};
use serde_json::{Map, Value, json};

use super::entries::kept;
use super::input::{RoutingInput, refused};
use super::render::{
    ad_table, app_name, app_table, connection_table, link_table, page_table, render, surface_name,
};
use super::{Mint, Plan, apply};

/// One table of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Item {
    App(AppId),
    Page(PageId),
    Connection { page: PageId, app: AppId },
    Link { page: PageId, on: Surface, reference: String },
    Ad { page: PageId, on: Surface, id: String },
}

/// What happens to it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Edit {
    /// It becomes what is given.
    Put(Value),
    /// A part of it becomes what is given; null takes a value away (RFC 7396).
    Patch(Value),
    /// It goes.
    Remove,
}

/// The table as it is, without what is secret.
pub(crate) fn table_of(settings: &Settings, item: &Item) -> Option<Map<String, Value>> {
    match item {
        Item::App(id) => settings.app(*id).map(|app| app_table(app)),
        Item::Page(id) => settings.page(*id).map(|page| page_table(page)),
        Item::Connection { page, app } => {
            let mut connections = settings.page(*page)?.connections.iter();
            connections.find(|one| one.app == *app).map(connection_table)
        }
        Item::Link { page, on, reference } => {
            let mut links = settings.page(*page)?.links.iter();
            links.find(|one| one.on == kept(*on) && one.reference == *reference).map(link_table)
        }
        Item::Ad { page, on, id } => {
            let mut ads = settings.page(*page)?.ads.iter();
            ads.find(|one| one.on == kept(*on) && one.id == *id).map(ad_table)
        }
    }
}

/// The table as it became, with what was made up for it: told this once.
pub(crate) fn told(plan: &Plan, item: &Item) -> Option<Map<String, Value>> {
    let mut table = table_of(&plan.settings, item)?;
    let generated = &plan.generated;
    let token = |page: PageId, app: &str| {
        let page = page.to_string();
        let tokens = generated.pages.iter().filter(|made| made.id == page).flat_map(|made| &made.connections);
        tokens.into_iter().find(|made| made.app == app).map(|made| json!(made.token))
    };
    match item {
        Item::App(id) => {
            let made = generated.apps.iter().find(|made| made.id == id.to_string());
            if let Some(secret) = made.and_then(|made| made.secret.as_ref()) {
                table.insert("secret".to_owned(), json!(secret));
            }
        }
        Item::Page(id) => {
            let connections = table.get_mut("connections").and_then(Value::as_array_mut);
            for connection in connections.into_iter().flatten() {
                let made = connection["app"].as_str().and_then(|app| token(*id, app));
                if let Some(made) = made {
                    connection["token"] = made;
                }
            }
        }
        Item::Connection { page, app } => {
            if let Some(made) = token(*page, &app.to_string()) {
                table.insert("token".to_owned(), made);
            }
        }
        Item::Link { .. } | Item::Ad { .. } => {}
    }
    Some(table)
}

/// What the settings become by a new app (`apps`) or page (`pages`).
pub(crate) fn create(
    kind: &str,
    given: &Value,
    settings: &Settings,
    mint: &mut Mint,
) -> Result<Plan, Vec<SettingsRefused>> {
    planned(&json!({kind: [given]}), &format!("/{kind}/0"), false, settings, mint)
}

/// What the settings become by a change of one table.
pub(crate) fn change(
    item: &Item,
    edit: &Edit,
    settings: &Settings,
    mint: &mut Mint,
) -> Result<Plan, Vec<SettingsRefused>> {
    let (given, whole) = match edit {
        Edit::Put(given) => (given, true),
        Edit::Patch(given) => (given, false),
        Edit::Remove => return planned(&without(item, settings), "", true, settings, mint),
    };
    let Value::Object(given) = given else {
        return Err(vec![refused("", "an object belongs here")]);
    };
    match item {
        Item::App(id) => {
            let own = |text: &str| text == id.to_string();
            let table = settings.app(*id).map(|app| app_table(app)).unwrap_or_default();
            let table = edited(table, given, whole, ("id", &id.to_string()), own)?;
            planned(&json!({"apps": [table]}), "/apps/0", false, settings, mint)
        }
        Item::Page(id) => {
            let own = |text: &str| text == id.to_string();
            let table = settings.page(*id).map(|page| bare(page)).unwrap_or_default();
            let table = edited(table, given, whole, ("id", &id.to_string()), own)?;
            planned(&json!({"pages": [table]}), "/pages/0", false, settings, mint)
        }
        Item::Connection { page, app } => {
            let name = settings.app(*app).map(|app| app.name.clone());
            let own = |text: &str| text == app.to_string() || Some(text) == name.as_deref();
            let found = |one: &Value| one["app"] == *app_name(*app);
            let id = app.to_string();
            part(settings, *page, "connections", &found, (given, whole), ("app", &id), &own, mint)
        }
        Item::Link { page, on, reference } => {
            let found = |one: &Value| one["ref"] == **reference && one["on"] == *surface_name(kept(*on));
            let given = &on_surface(given, *on)?;
            let own = |text: &str| text == reference;
            part(settings, *page, "links", &found, (given, whole), ("ref", reference), &own, mint)
        }
        Item::Ad { page, on, id } => {
            let found = |one: &Value| one["id"] == **id && one["on"] == *surface_name(kept(*on));
            let given = &on_surface(given, *on)?;
            let own = |text: &str| text == id;
            part(settings, *page, "ads", &found, (given, whole), ("id", id), &own, mint)
        }
    }
}

/// A page's table in which a connection does not name its fields: a change that names them means them
/// (MODE-2), and one of something else does not.
fn bare(page: &Page) -> Map<String, Value> {
    let mut table = page_table(page);
    without_fields(table.get_mut("connections"));
    table
}

fn without_fields(connections: Option<&mut Value>) {
    for connection in connections.and_then(Value::as_array_mut).into_iter().flatten() {
        if let Some(connection) = connection.as_object_mut() {
            connection.shift_remove("fields");
        }
    }
}

/// One entry of a page's list, changed or added.
#[expect(clippy::too_many_arguments, reason = "the three kinds of entries differ in just these")]
fn part(
    settings: &Settings,
    page: PageId,
    list: &str,
    found: &dyn Fn(&Value) -> bool,
    (given, whole): (&Map<String, Value>, bool),
    key: (&str, &str),
    own: &dyn Fn(&str) -> bool,
    mint: &mut Mint,
) -> Result<Plan, Vec<SettingsRefused>> {
    let Some(mut table) = settings.page(page).map(|page| bare(page)) else {
        return Err(vec![refused("", "there is no such page")]);
    };
    let mut entries = match table.shift_remove(list) {
        Some(Value::Array(entries)) => entries,
        Some(_) | None => Vec::new(),
    };
    let index = entries.iter().position(found).unwrap_or(entries.len());
    let before = entries.get(index).and_then(Value::as_object).cloned().unwrap_or_default();
    let entry = Value::Object(edited(before, given, whole, key, own)?);
    match entries.get_mut(index) {
        Some(place) => *place = entry,
        None => entries.push(entry),
    }
    table.insert(list.to_owned(), Value::Array(entries));
    planned(&json!({"pages": [table]}), &format!("/pages/0/{list}/{index}"), false, settings, mint)
}

/// A table after a change. Its name is the path's: another one in the body is refused.
fn edited(
    before: Map<String, Value>,
    given: &Map<String, Value>,
    whole: bool,
    (key, named): (&str, &str),
    own: impl Fn(&str) -> bool,
) -> Result<Map<String, Value>, Vec<SettingsRefused>> {
    let mut table = if whole { Map::new() } else { before };
    match given.get(key) {
        None => {}
        Some(Value::String(text)) if own(text) => {}
        Some(_) => {
            return Err(vec![refused(format!("/{key}"), format!("the path says {named:?}: leave this out"))]);
        }
    }
    if whole {
        table.extend(given.iter().map(|(key, value)| (key.clone(), value.clone())));
        table.retain(|_, value| !value.is_null());
    } else {
        merge(&mut table, given);
        if given.get("verify_token").is_some_and(Value::is_null) {
            // One that is not said is kept; an empty one is none.
            table.insert("verify_token".to_owned(), json!(""));
        }
    }
    table.insert(key.to_owned(), json!(named));
    Ok(table)
}

/// RFC 7396.
fn merge(table: &mut Map<String, Value>, patch: &Map<String, Value>) {
    for (key, value) in patch {
        match (table.get_mut(key), value) {
            (_, Value::Null) => {
                table.shift_remove(key);
            }
            (Some(Value::Object(inner)), Value::Object(patch)) => merge(inner, patch),
            (Some(place), value) => *place = value.clone(),
            (None, value) => {
                table.insert(key.clone(), value.clone());
            }
        }
    }
}

/// A link or ad on the surface that the path means.
fn on_surface(given: &Map<String, Value>, on: Surface) -> Result<Map<String, Value>, Vec<SettingsRefused>> {
    let name = surface_name(kept(on));
    if given.get("on").is_some_and(|given| *given != *name) {
        let detail = format!("the path's page is the one on {name}: leave this out");
        return Err(vec![refused("/on", detail)]);
    }
    let mut given = given.clone();
    given.insert("on".to_owned(), json!(name));
    Ok(given)
}

/// A file that has everything but this. What names an app that goes, goes with it: a surface whose default
/// app or primary receiver is disconnected has none (MODE-4).
fn without(item: &Item, settings: &Settings) -> Value {
    let mut file = render(settings);
    let keep = |list: Option<&mut Value>, keep: &dyn Fn(&Value) -> bool| {
        if let Some(entries) = list.and_then(Value::as_array_mut) {
            entries.retain(keep);
        }
    };
    let forget = |page: &mut Value, app: AppId, keys: &[&str]| {
        for surface in ["messenger", "instagram"] {
            if let Some(side) = page.get_mut(surface).and_then(Value::as_object_mut) {
                side.retain(|key, value| !(keys.contains(&key.as_str()) && *value == *app_name(app)));
                keep(side.get_mut("grant"), &|one| {
                    one["from"] != *app_name(app) && one["to"] != *app_name(app)
                });
            }
        }
    };
    if let Item::App(id) = item {
        keep(file.get_mut("apps"), &|app| app["id"] != *id.to_string());
    }
    if let Item::Page(id) = item {
        keep(file.get_mut("pages"), &|page| page["id"] != *id.to_string());
    }
    for page in file.get_mut("pages").and_then(Value::as_array_mut).into_iter().flatten() {
        without_fields(page.get_mut("connections"));
        let here = |id: PageId| page["id"] == *id.to_string();
        match item {
            Item::App(app) => {
                keep(page.get_mut("connections"), &|one| one["app"] != *app_name(*app));
                keep(page.get_mut("links"), &|one| one["app"] != *app_name(*app));
                forget(page, *app, &["default_app", "primary_receiver", "organic_app"]);
            }
            Item::Connection { page: id, app } if here(*id) => {
                keep(page.get_mut("connections"), &|one| one["app"] != *app_name(*app));
                forget(page, *app, &["default_app", "primary_receiver"]);
            }
            Item::Link { page: id, on, reference } if here(*id) => {
                let on = surface_name(kept(*on));
                keep(page.get_mut("links"), &|one| one["ref"] != **reference || one["on"] != *on);
            }
            Item::Ad { page: id, on, id: ad } if here(*id) => {
                let on = surface_name(kept(*on));
                keep(page.get_mut("ads"), &|one| one["id"] != **ad || one["on"] != *on);
            }
            Item::Page(_) | Item::Connection { .. } | Item::Link { .. } | Item::Ad { .. } => {}
        }
    }
    file
}

/// The file's plan. Pointers say where in what was given: `at` is where that stands in the file.
fn planned(
    file: &Value,
    at: &str,
    prune: bool,
    settings: &Settings,
    mint: &mut Mint,
) -> Result<Plan, Vec<SettingsRefused>> {
    let plan = RoutingInput::from_json(file).and_then(|input| apply(&input, settings, prune, mint));
    plan.map_err(|mut problems| {
        for problem in &mut problems {
            problem.pointer = problem.pointer.strip_prefix(at).unwrap_or_default().to_owned();
        }
        problems
    })
}
