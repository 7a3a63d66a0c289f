//! Settings in the form of the file, without what is secret. What is rendered can be applied again, and
//! then changes nothing.

use baton_rules::AppId;
use baton_store::{
    Ad, App, Connection, InstagramSide, KeptMoveToMain, KeptSurface, Link, Page, Settings, Side,
};
use serde_json::{Map, Value, json};

/// The settings as `routing.toml` would have them, as JSON; secrets and tokens left out.
pub fn render(settings: &Settings) -> Value {
    let apps: Vec<Value> = settings.apps.iter().map(|app| Value::Object(app_table(app))).collect();
    let pages: Vec<Value> = settings.pages.iter().map(|page| Value::Object(page_table(page))).collect();
    json!({"apps": apps, "pages": pages})
}

/// How the file names an app.
pub(super) fn app_name(app: AppId) -> String {
    if app.is_inbox() { "inbox".to_owned() } else { app.to_string() }
}

pub(super) const fn surface_name(on: KeptSurface) -> &'static str {
    match on {
        KeptSurface::Messenger => "messenger",
        KeptSurface::Instagram => "instagram",
    }
}

fn table<const N: usize>(entries: [(&str, Option<Value>); N]) -> Map<String, Value> {
    let given = entries.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?)));
    given.collect()
}

pub(super) fn app_table(app: &App) -> Map<String, Value> {
    table([
        ("id", Some(json!(app.id.to_string()))),
        ("name", Some(json!(app.name))),
        ("webhook_url", app.webhook_url.as_ref().map(|url| json!(url))),
        ("human_agent", Some(json!(app.human_agent))),
        ("live", Some(json!(app.live))),
        ("testers", Some(json!(app.testers))),
        ("max_batch", Some(json!(app.max_batch))),
        ("compat", Some(json!(app.compat))),
    ])
}

pub(super) fn page_table(page: &Page) -> Map<String, Value> {
    let connections: Vec<Map<String, Value>> = page.connections.iter().map(connection_table).collect();
    let links: Vec<Map<String, Value>> = page.links.iter().map(link_table).collect();
    let ads: Vec<Map<String, Value>> = page.ads.iter().map(ad_table).collect();
    let move_to_main = match page.inbox_move_to_main {
        KeptMoveToMain::Take => "take",
        KeptMoveToMain::Request => "request",
    };
    table([
        ("id", Some(json!(page.id.to_string()))),
        ("name", Some(json!(page.name))),
        ("messaging_enabled", Some(json!(page.messaging_enabled))),
        ("inbox_move_to_main", Some(json!(move_to_main))),
        ("messenger", Some(Value::Object(side_table(&page.messenger)))),
        ("instagram", page.instagram.as_ref().map(|account| Value::Object(account_table(account)))),
        ("connections", Some(json!(connections))),
        ("links", Some(json!(links))),
        ("ads", Some(json!(ads))),
    ])
}

fn account_table(account: &InstagramSide) -> Map<String, Value> {
    let own = [("id", account.id.to_string()), ("username", account.username.clone())];
    let own = own.into_iter().map(|(key, text)| (key.to_owned(), json!(text)));
    own.chain(side_table(&account.side)).collect()
}

fn side_table(side: &Side) -> Map<String, Value> {
    let app = |app: Option<AppId>| app.map(|app| json!(app_name(app)));
    table([
        ("default_app", app(side.default_app)),
        ("primary_receiver", app(side.primary_receiver)),
        ("organic_app", app(side.organic_app)),
        ("ad_max_days", Some(json!(side.ad_max_days))),
        ("ad_window_days", Some(json!(side.ad_window_days))),
        ("profile", side.profile.as_ref().map(|profile| json!(profile))),
    ])
}

pub(super) fn connection_table(connection: &Connection) -> Map<String, Value> {
    let (messenger, instagram) = (connection.standby_messenger, connection.standby_instagram);
    let standby = if messenger == instagram {
        json!(messenger)
    } else {
        json!({"messenger": messenger, "instagram": instagram})
    };
    let token = connection.tokens.first();
    table([
        ("app", Some(json!(app_name(connection.app)))),
        ("fields", Some(json!(connection.fields))),
        ("standby", Some(standby)),
        ("take_control", Some(json!(connection.take_control))),
        ("tasks", token.map(|token| json!(token.tasks))),
        ("permissions", token.map(|token| json!(token.permissions))),
    ])
}

pub(super) fn link_table(link: &Link) -> Map<String, Value> {
    table([
        ("on", Some(json!(surface_name(link.on)))),
        ("ref", Some(json!(link.reference))),
        ("app", Some(json!(app_name(link.app)))),
    ])
}

pub(super) fn ad_table(ad: &Ad) -> Map<String, Value> {
    table([
        ("on", Some(json!(surface_name(ad.on)))),
        ("id", Some(json!(ad.id))),
        ("name", Some(json!(ad.name))),
        ("status", Some(json!(ad.status))),
        ("audience", Some(json!(ad.audience))),
        ("template", (!ad.template.is_empty()).then(|| json!(ad.template))),
    ])
}
