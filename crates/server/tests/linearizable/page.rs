//! A page's settings as the model keeps them, and the documents in which the operator sees them.

use baton_rules::{AppId, ConnectedApp, MoveToMain, PageId, Routing, Surface};
use baton_store::{Page, Settings};
use serde_json::{Value, json};

/// One page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PageState {
    pub(crate) id: PageId,
    pub(crate) name: String,
    pub(crate) routing: Routing,
    /// Whether it ever had a default app (MODE-2).
    pub(crate) had_default: bool,
    /// Whose a token is, by its hash.
    pub(crate) tokens: Vec<(AppId, String)>,
}

impl PageState {
    /// As the server keeps it.
    pub(crate) fn of(settings: &Settings, page: &Page) -> Self {
        let tokens = page.connections.iter().flat_map(|connection| {
            connection.tokens.iter().map(|token| (connection.app, token.hash.clone()))
        });
        let routing = settings.routing(page.id, Surface::Messenger).unwrap();
        Self {
            id: page.id,
            name: page.name.clone(),
            routing: Routing::clone(routing),
            had_default: page.had_default,
            tokens: tokens.collect(),
        }
    }

    /// The app whose token has this hash.
    pub(crate) fn holder(&self, hash: &str) -> Option<AppId> {
        self.tokens.iter().find(|(_, known)| known == hash).map(|(app, _)| *app)
    }

    /// The table of `routing.toml`.
    pub(crate) fn document(&self) -> Value {
        let mut messenger =
            json!({"ad_max_days": self.routing.ad_max_days, "ad_window_days": self.routing.ad_window_days});
        if let Some(app) = self.routing.default {
            messenger["default_app"] = json!(app_name(app));
        }
        if let Some(app) = self.routing.primary {
            messenger["primary_receiver"] = json!(app_name(app));
        }
        let connections: Vec<Value> = self.routing.apps.iter().map(connection).collect();
        json!({
            "id": self.id.to_string(),
            "name": self.name,
            "messaging_enabled": self.routing.messaging_enabled,
            "inbox_move_to_main": move_to_main(self.routing.inbox_move_to_main),
            "messenger": messenger,
            "connections": connections,
            "links": [],
            "ads": [],
        })
    }

    /// The same of one connection.
    pub(crate) fn connection_document(&self, app: AppId) -> Option<Value> {
        self.routing.app(app).map(connection)
    }
}

fn connection(app: &ConnectedApp) -> Value {
    json!({
        "app": app.id.to_string(),
        "fields": app.fields.names().collect::<Vec<_>>(),
        "standby": app.standby,
        "take_control": app.take_control,
        "tasks": ["MODERATE", "MANAGE", "MESSAGING"],
        "permissions": ["pages_messaging", "instagram_manage_messages"],
    })
}

/// How the file names an app.
pub(crate) fn app_name(app: AppId) -> String {
    if app == AppId::PAGE_INBOX { "inbox".to_owned() } else { app.to_string() }
}

/// How the file says what "move to Main" does.
pub(crate) const fn move_to_main(what: MoveToMain) -> &'static str {
    match what {
        MoveToMain::Take => "take",
        MoveToMain::Request => "request",
    }
}
