//! The server's settings as they are kept: apps, pages, connections, links, ads. One immutable value; a
//! change makes another. What the rules read of it is a [`Routing`], made once for each page and surface.

use std::collections::HashMap;
use std::sync::Arc;

use baton_rules::{
    AppId, ConnectedApp, Fields, Granted, MoveToMain, PageId, PersonId, Profile, Routing, Surface, Timestamp,
};
use serde::{Deserialize, Serialize};

use crate::text_id;
use crate::{JournalRow, Position, Stream};

/// A text that is never shown: `Debug` prints nothing of it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Wraps a secret text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The secret, for the few places that need it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// An app: a client of Baton with a webhook address.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of routing.toml, described in the settings reference")]
pub struct App {
    #[serde(with = "text_id")]
    pub id: AppId,
    pub name: String,
    pub secret: Secret,
    pub webhook_url: Option<String>,
    pub verify_token: Option<Secret>,
    /// Whether `webhook_url` answered the handshake with this `verify_token`, or needs none.
    pub verified: bool,
    pub human_agent: bool,
    pub live: bool,
    pub testers: Vec<String>,
    pub max_batch: u16,
    pub compat: Vec<String>,
    /// What the app itself subscribed to (`/{app-id}/subscriptions`): the fields of a page that it subscribes to
    /// without naming any. Not in routing.toml.
    #[serde(default)]
    pub subscribed: Vec<String>,
}

/// A page with its surfaces and everything connected to it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of routing.toml, described in the settings reference")]
pub struct Page {
    #[serde(with = "text_id")]
    pub id: PageId,
    pub name: String,
    pub messaging_enabled: bool,
    pub inbox_move_to_main: KeptMoveToMain,
    pub messenger: Side,
    pub instagram: Option<InstagramSide>,
    pub connections: Vec<Connection>,
    pub links: Vec<Link>,
    pub ads: Vec<Ad>,
    /// Whether a default app was ever set on the page (MODE-2).
    pub had_default: bool,
}

/// One surface's own settings.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of routing.toml, described in the settings reference")]
pub struct Side {
    #[serde(with = "text_id::option")]
    pub default_app: Option<AppId>,
    #[serde(with = "text_id::option")]
    pub primary_receiver: Option<AppId>,
    #[serde(with = "text_id::option")]
    pub organic_app: Option<AppId>,
    pub ad_max_days: u8,
    pub ad_window_days: u8,
    pub profile: Option<String>,
    /// Seconds.
    #[serde(default)]
    pub answer_within: Option<i64>,
    #[serde(default)]
    pub grant: Vec<Granting>,
}

/// A request that is granted at once (TIMER-3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of routing.toml, described in the settings reference")]
pub struct Granting {
    #[serde(with = "text_id")]
    pub from: AppId,
    #[serde(with = "text_id")]
    pub to: AppId,
}

/// The Instagram surface: an account of its own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of routing.toml, described in the settings reference")]
pub struct InstagramSide {
    #[serde(with = "text_id")]
    pub id: PageId,
    pub username: String,
    pub side: Side,
}

/// What "move to Main" does, as it is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the two values of routing.toml")]
pub enum KeptMoveToMain {
    #[default]
    Take,
    Request,
}

/// An app's connection to a page.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of routing.toml, described in the settings reference")]
pub struct Connection {
    #[serde(with = "text_id")]
    pub app: AppId,
    /// Tells this connection from an earlier one of the same app and page (MODE-5). Counts from 1.
    pub generation: u32,
    pub tokens: Vec<Token>,
    pub fields: Vec<String>,
    pub standby_messenger: bool,
    pub standby_instagram: bool,
    pub take_control: bool,
}

/// A page access token: its hash, and what it may do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Token {
    /// SHA-256 of the token, in lower-case hex. The token itself is not kept.
    pub hash: String,
    /// The tasks of the person who asked for it (API-12).
    pub tasks: Vec<String>,
    /// Its permissions (API-13).
    pub permissions: Vec<String>,
}

/// A link route.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of routing.toml, described in the settings reference")]
pub struct Link {
    pub on: KeptSurface,
    pub reference: String,
    #[serde(with = "text_id")]
    pub app: AppId,
}

/// A surface, as it is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the two surfaces")]
pub enum KeptSurface {
    Messenger,
    Instagram,
}

impl From<KeptSurface> for Surface {
    fn from(kept: KeptSurface) -> Self {
        match kept {
            KeptSurface::Messenger => Surface::Messenger,
            KeptSurface::Instagram => Surface::Instagram,
        }
    }
}

/// An ad and its message template.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of routing.toml, described in the settings reference")]
pub struct Ad {
    pub on: KeptSurface,
    pub id: String,
    pub name: String,
    /// `published`, `draft` or `paused`.
    pub status: String,
    pub audience: Vec<String>,
    /// The template's JSON, as it was given.
    pub template: String,
    /// `receiving_app_id` of the template, when it is an app id.
    #[serde(with = "text_id::option")]
    pub receiving_app: Option<AppId>,
    /// `receiving_app_control_expiration` of the template, when it is a JSON integer.
    pub control_days: Option<i64>,
}

/// All settings, at one moment.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Grows by one with every change.
    pub version: u64,
    /// The apps, oldest first.
    pub apps: Vec<Arc<App>>,
    /// The pages, oldest first.
    pub pages: Vec<Arc<Page>>,
    routings: HashMap<(PageId, Surface), Arc<Routing>>,
    tokens: HashMap<String, (PageId, AppId)>,
    begun: HashMap<AppId, u64>,
    places: Places,
}

/// Where each thing stands in its list: there may be thousands, and every call asks.
#[derive(Clone, Debug, Default)]
struct Places {
    apps: HashMap<AppId, usize>,
    pages: HashMap<PageId, usize>,
    /// Pages by their Instagram accounts.
    accounts: HashMap<PageId, usize>,
}

impl Places {
    fn of(apps: &[Arc<App>], pages: &[Arc<Page>]) -> Self {
        let mut places = Self::default();
        for (place, app) in apps.iter().enumerate() {
            places.apps.entry(app.id).or_insert(place);
        }
        for (place, page) in pages.iter().enumerate() {
            places.pages.entry(page.id).or_insert(place);
            if let Some(account) = &page.instagram {
                places.accounts.entry(account.id).or_insert(place);
            }
        }
        places
    }
}

impl Settings {
    /// Settings of these apps and pages, with what is derived from them.
    pub fn new(version: u64, apps: Vec<Arc<App>>, pages: Vec<Arc<Page>>) -> Self {
        let places = Places::of(&apps, &pages);
        let settings = Self { version, apps, pages, places, ..Self::default() };
        let mut routings = HashMap::new();
        let mut tokens = HashMap::new();
        for page in &settings.pages {
            let linked = page.instagram.as_ref().map(|_| Surface::Instagram);
            for surface in [Some(Surface::Messenger), linked].into_iter().flatten() {
                routings.insert((page.id, surface), Arc::new(routing(page, surface, &settings)));
            }
            for connection in &page.connections {
                for token in &connection.tokens {
                    tokens.insert(token.hash.clone(), (page.id, connection.app));
                }
            }
        }
        Self { routings, tokens, ..settings }
    }

    /// The same settings, which follow others.
    pub(crate) fn following(mut self, before: &Settings) -> Self {
        let begun = self.apps.iter().map(|app| {
            let anew = before.app(app.id).is_none() || has_first_address(before, app);
            (app.id, if anew { self.version } else { before.begun(app.id) })
        });
        self.begun = begun.collect();
        self
    }

    /// Tells delivery to an app from what it was before the app was deleted and made again, or had an address:
    /// the version with which it began, where this process saw that.
    pub fn begun(&self, app: AppId) -> u64 {
        self.begun.get(&app).copied().unwrap_or_default()
    }

    /// The app with this id.
    pub fn app(&self, id: AppId) -> Option<&Arc<App>> {
        self.apps.get(*self.places.apps.get(&id)?)
    }

    /// The page with this id.
    pub fn page(&self, id: PageId) -> Option<&Arc<Page>> {
        self.pages.get(*self.places.pages.get(&id)?)
    }

    /// The page and surface that an id in a path names: the page's own, or its Instagram account's.
    pub fn surface(&self, id: PageId) -> Option<(&Arc<Page>, Surface)> {
        if let Some(page) = self.page(id) {
            return Some((page, Surface::Messenger));
        }
        let page = self.pages.get(*self.places.accounts.get(&id)?)?;
        Some((page, Surface::Instagram))
    }

    /// What the rules read of a page's surface.
    pub fn routing(&self, page: PageId, surface: Surface) -> Option<&Arc<Routing>> {
        self.routings.get(&(page, surface))
    }

    /// The connection whose token has this hash (SHA-256, lower-case hex).
    pub fn token(&self, hash: &str) -> Option<(&Arc<Page>, &Connection, &Token)> {
        let (page, app) = self.tokens.get(hash)?;
        let page = self.page(*page)?;
        let connection = page.connections.iter().find(|connection| connection.app == *app)?;
        let token = connection.tokens.iter().find(|token| token.hash == hash)?;
        Some((page, connection, token))
    }
}

/// Whether an app that was there without an address has one now: it got nothing until then, and is served
/// from the change on.
pub(crate) fn has_first_address(before: &Settings, app: &App) -> bool {
    app.webhook_url.is_some() && before.app(app.id).is_some_and(|before| before.webhook_url.is_none())
}

/// A page as it was before a change of settings that may have moved control, and after it; none where there was, or is,
/// no such page.
#[derive(Clone, Debug, PartialEq)]
pub struct PastPage {
    /// When it changed, in the stream.
    pub at: Timestamp,
    /// Where the change stands in the stream.
    pub position: Position,
    /// The page before.
    pub before: Option<Arc<Page>>,
    /// The page after.
    pub after: Option<Arc<Page>>,
}

/// What the rules read of a page's surface. An app that is not there in the settings any more has no features.
pub fn routing(page: &Page, surface: Surface, settings: &Settings) -> Routing {
    let (side, kept) = match surface {
        Surface::Messenger => (Some(&page.messenger), KeptSurface::Messenger),
        Surface::Instagram => (page.instagram.as_ref().map(|i| &i.side), KeptSurface::Instagram),
    };
    let mut routing = Routing::new(surface);
    routing.messaging_enabled = page.messaging_enabled;
    routing.inbox_move_to_main = match page.inbox_move_to_main {
        KeptMoveToMain::Take => MoveToMain::Take,
        KeptMoveToMain::Request => MoveToMain::Request,
    };
    if let Some(side) = side {
        let named = side.profile.as_deref().and_then(|name| Profile::named(surface, name));
        routing.profile = named.unwrap_or_default();
        routing.default = side.default_app;
        routing.primary = side.primary_receiver;
        routing.organic = side.organic_app;
        routing.ad_max_days = side.ad_max_days;
        routing.ad_window_days = side.ad_window_days;
        routing.answer_within = side.answer_within;
        let granted = side.grant.iter();
        routing.granted = granted.map(|one| Granted { from: one.from, to: one.to }).collect();
    }
    routing.links = (page.links.iter().filter(|link| link.on == kept))
        .map(|link| baton_rules::Link { reference: link.reference.as_str().into(), app: link.app })
        .collect();
    routing.ads = (page.ads.iter().filter(|ad| ad.on == kept))
        .map(|ad| baton_rules::Ad {
            id: ad.id.as_str().into(),
            published: ad.status == "published",
            audience: ad.audience.iter().filter_map(|id| id.parse::<PersonId>().ok()).collect(),
            app: ad.receiving_app,
            days: ad.control_days,
        })
        .collect();
    // API-13: an app whose tokens all lack the surface's permission is not connected there.
    let permitted = |connection: &&Connection| {
        connection
            .tokens
            .iter()
            .any(|token| token.permissions.iter().any(|held| held == surface.permission()))
    };
    routing.apps = (page.connections.iter().filter(permitted))
        .map(|connection| {
            let app = settings.app(connection.app);
            let fields = connection.fields.iter().filter_map(|name| Fields::named(name));
            ConnectedApp {
                id: connection.app,
                connection: connection.generation,
                fields: fields.fold(Fields::NONE, Fields::with),
                standby: match surface {
                    Surface::Messenger => connection.standby_messenger,
                    Surface::Instagram => connection.standby_instagram,
                },
                take_control: connection.take_control,
                human_agent: app.is_some_and(|app| app.human_agent),
                testers: app
                    .filter(|app| !app.live)
                    .map(|app| app.testers.iter().filter_map(|id| id.parse().ok()).collect()),
            }
        })
        .collect();
    routing
}

/// A change of settings that was refused, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingsRefused {
    /// The rule, where one refuses (SET-*).
    pub rule: Option<String>,
    /// JSON pointer into what was given.
    pub pointer: String,
    /// What is wrong and what to do.
    pub detail: String,
}

/// What came of a change of settings.
#[derive(Clone, Debug)]
pub struct Configured {
    /// The settings before.
    pub before: Arc<Settings>,
    /// The settings now.
    pub after: Arc<Settings>,
    /// Where in each stream the change stands: no decision crosses it. Empty when nothing changed.
    pub positions: Vec<Position>,
    /// What it tells apps: rows right after it, with their streams.
    pub told: Vec<(Stream, Arc<JournalRow>)>,
}
