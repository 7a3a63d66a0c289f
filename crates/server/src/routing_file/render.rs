//! Settings in the form of the file. What is secret is left out: what is rendered can be applied again, and
//! then changes nothing.

use baton_rules::AppId;
use baton_store::{
    Ad, App, Connection, InstagramSide, KeptMoveToMain, KeptSurface, Link, Page, Settings, Side,
};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::entries::STATUSES;
use super::{Warning, input};

/// An app of the settings.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "App")]
pub(crate) struct AppShown {
    id: String,
    name: String,
    /// Where its webhooks go; absent: nowhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    webhook_url: Option<String>,
    /// Whether it has the Human Agent feature.
    human_agent: bool,
    /// False: it reaches only its testers.
    live: bool,
    /// Whom it reaches while it is not live.
    testers: Vec<String>,
    /// Events in one webhook at most.
    max_batch: u16,
    /// Switches for clients that rely on the platform's older ways.
    #[schemars(schema_with = "input::switches")]
    compat: Vec<String>,
    /// Whether its address answered the verification request, or needs none: else nothing is delivered to it. Absent
    /// from the routing as a whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    verified: Option<bool>,
    /// Its secret, if this answer's call had it made: told this once.
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
    /// If its address did not verify by this answer's call: that, and why.
    #[serde(skip_serializing_if = "Option::is_none")]
    warnings: Option<Vec<Warning>>,
}

/// A page of the settings.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Page")]
pub(crate) struct PageShown {
    id: String,
    name: String,
    messaging_enabled: bool,
    /// What moving a conversation to Main does: the Inbox takes control, or asks for it.
    #[schemars(extend("enum" = ["take", "request"]))]
    inbox_move_to_main: &'static str,
    messenger: SideShown,
    /// Its Instagram account; absent: it has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    instagram: Option<AccountShown>,
    connections: Vec<ConnectionShown>,
    links: Vec<LinkShown>,
    ads: Vec<AdShown>,
}

/// One of a page's two sides: who gets its conversations.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Side")]
struct SideShown {
    /// The default app: an app's id, or `inbox`. With one, the page uses Conversation Routing.
    #[serde(skip_serializing_if = "Option::is_none")]
    default_app: Option<String>,
    /// The primary receiver, for the Handover Protocol: an app's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    primary_receiver: Option<String>,
    /// Who gets conversations that begin by neither ad nor link: an app's id, or `inbox`.
    #[serde(skip_serializing_if = "Option::is_none")]
    organic_app: Option<String>,
    /// Days that an ad may give control for at most.
    ad_max_days: u8,
    /// Days that control by an ad lasts when the ad does not say.
    ad_window_days: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    profile: Option<String>,
    /// Within which whoever was given control must answer, or lose it.
    #[serde(skip_serializing_if = "Option::is_none")]
    answer_within: Option<String>,
    /// Requests for control that are granted at once.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    grant: Vec<GrantShown>,
}

/// A request for control that is granted at once: while one app has control, to another that asks.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Grant")]
struct GrantShown {
    from: String,
    to: String,
}

/// A page's Instagram account.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Account")]
struct AccountShown {
    id: String,
    username: String,
    #[serde(flatten)]
    side: SideShown,
}

/// An app on a page.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Connection")]
pub(crate) struct ConnectionShown {
    /// The app's id.
    app: String,
    /// What the app is subscribed to.
    fields: Vec<String>,
    /// Whether it reads along: on both sides, or side by side.
    standby: StandbyShown,
    /// Whether it may take control of conversations.
    take_control: bool,
    /// The tasks of its first token.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "input::tasks")]
    tasks: Option<Vec<String>>,
    /// The permissions of its first token.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "input::permissions")]
    permissions: Option<Vec<String>>,
    /// Its token, if this answer's call had it made: told this once.
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
}

/// Whether an app reads along.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(untagged)]
#[schemars(inline)]
enum StandbyShown {
    Both(bool),
    Each { messenger: bool, instagram: bool },
}

/// A route for a link.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Link")]
pub(crate) struct LinkShown {
    /// Which of the page's two sides.
    #[schemars(extend("enum" = ["messenger", "instagram"]))]
    on: &'static str,
    r#ref: String,
    /// Who gets conversations that begin by it: an app's id, or `inbox`.
    app: String,
}

/// An ad.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Ad")]
pub(crate) struct AdShown {
    /// Which of the page's two sides.
    #[schemars(extend("enum" = ["messenger", "instagram"]))]
    on: &'static str,
    id: String,
    name: String,
    /// Whether people may enter by it.
    #[schemars(extend("enum" = STATUSES))]
    status: String,
    /// Who may enter by it; empty: everybody.
    audience: Vec<String>,
    /// Its template, as JSON in a text.
    #[serde(skip_serializing_if = "Option::is_none")]
    template: Option<String>,
    /// How often people entered by it; absent from the routing as a whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    entries: Option<u64>,
    /// Conversations that were opened while its app had control by such an entry; absent from the routing as a whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    conversations: Option<u64>,
}

/// Everything that runs on a server.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Routing")]
pub(crate) struct RoutingShown {
    apps: Vec<AppShown>,
    pages: Vec<PageShown>,
}

/// The settings as `routing.toml` would have them, as JSON; secrets and tokens left out.
pub fn render(settings: &Settings) -> Value {
    json!(shown(settings))
}

/// The same, typed.
pub(crate) fn shown(settings: &Settings) -> RoutingShown {
    let apps = settings.apps.iter().map(|app| AppShown::from(&**app));
    let pages = settings.pages.iter().map(|page| PageShown::from(&**page));
    RoutingShown { apps: apps.collect(), pages: pages.collect() }
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

fn table(shown: &impl Serialize) -> Map<String, Value> {
    match json!(shown) {
        Value::Object(table) => table,
        _ => Map::new(),
    }
}

pub(super) fn app_table(app: &App) -> Map<String, Value> {
    table(&AppShown::from(app))
}

pub(super) fn page_table(page: &Page) -> Map<String, Value> {
    table(&PageShown::from(page))
}

pub(super) fn connection_table(connection: &Connection) -> Map<String, Value> {
    table(&ConnectionShown::from(connection))
}

pub(super) fn link_table(link: &Link) -> Map<String, Value> {
    table(&LinkShown::from(link))
}

pub(super) fn ad_table(ad: &Ad) -> Map<String, Value> {
    table(&AdShown::from(ad))
}

impl From<&App> for AppShown {
    fn from(app: &App) -> Self {
        Self {
            id: app.id.to_string(),
            name: app.name.clone(),
            webhook_url: app.webhook_url.clone(),
            human_agent: app.human_agent,
            live: app.live,
            testers: app.testers.clone(),
            max_batch: app.max_batch,
            compat: app.compat.clone(),
            verified: None,
            secret: None,
            warnings: None,
        }
    }
}

impl From<&Page> for PageShown {
    fn from(page: &Page) -> Self {
        Self {
            id: page.id.to_string(),
            name: page.name.clone(),
            messaging_enabled: page.messaging_enabled,
            inbox_move_to_main: match page.inbox_move_to_main {
                KeptMoveToMain::Take => "take",
                KeptMoveToMain::Request => "request",
            },
            messenger: (&page.messenger).into(),
            instagram: page.instagram.as_ref().map(Into::into),
            connections: page.connections.iter().map(Into::into).collect(),
            links: page.links.iter().map(Into::into).collect(),
            ads: page.ads.iter().map(Into::into).collect(),
        }
    }
}

impl From<&InstagramSide> for AccountShown {
    fn from(account: &InstagramSide) -> Self {
        Self { id: account.id.to_string(), username: account.username.clone(), side: (&account.side).into() }
    }
}

impl From<&Side> for SideShown {
    fn from(side: &Side) -> Self {
        Self {
            default_app: side.default_app.map(app_name),
            primary_receiver: side.primary_receiver.map(app_name),
            organic_app: side.organic_app.map(app_name),
            ad_max_days: side.ad_max_days,
            ad_window_days: side.ad_window_days,
            profile: side.profile.clone(),
            answer_within: side.answer_within.map(lasting),
            grant: side
                .grant
                .iter()
                .map(|one| GrantShown { from: app_name(one.from), to: app_name(one.to) })
                .collect(),
        }
    }
}

/// Seconds as a duration, in the largest unit that fits.
fn lasting(seconds: i64) -> String {
    let units = [(24 * 60 * 60, 'd'), (60 * 60, 'h'), (60, 'm')];
    let unit = units.into_iter().find(|(length, _)| seconds % length == 0);
    unit.map_or(format!("{seconds}s"), |(length, letter)| format!("{}{letter}", seconds / length))
}

impl From<&Connection> for ConnectionShown {
    fn from(connection: &Connection) -> Self {
        let (messenger, instagram) = (connection.standby_messenger, connection.standby_instagram);
        let token = connection.tokens.first();
        Self {
            app: app_name(connection.app),
            fields: connection.fields.clone(),
            standby: if messenger == instagram {
                StandbyShown::Both(messenger)
            } else {
                StandbyShown::Each { messenger, instagram }
            },
            take_control: connection.take_control,
            tasks: token.map(|token| token.tasks.clone()),
            permissions: token.map(|token| token.permissions.clone()),
            token: None,
        }
    }
}

impl From<&Link> for LinkShown {
    fn from(link: &Link) -> Self {
        Self { on: surface_name(link.on), r#ref: link.reference.clone(), app: app_name(link.app) }
    }
}

impl From<&Ad> for AdShown {
    fn from(ad: &Ad) -> Self {
        Self {
            on: surface_name(ad.on),
            id: ad.id.clone(),
            name: ad.name.clone(),
            status: ad.status.clone(),
            audience: ad.audience.clone(),
            template: Some(ad.template.clone()).filter(|template| !template.is_empty()),
            entries: None,
            conversations: None,
        }
    }
}
