//! What apps and pages are called, so that people read names and not ids.

use std::collections::HashMap;

use serde_json::Value;

use super::Failure;
use super::client::Client;

/// The inboxes' ids.
const INBOXES: [&str; 2] = ["263902037430900", "1217981644879628"];

/// Names by id.
#[derive(Debug, Default)]
pub(crate) struct Names {
    apps: HashMap<String, String>,
    pages: Vec<(String, String, Option<String>)>,
}

impl Names {
    /// Reads them from a server.
    pub(crate) async fn of(client: &Client) -> Result<Self, Failure> {
        let routing = client.get("/routing").await?;
        let text = |table: &Value, key: &str| table[key].as_str().map(str::to_owned);
        let list = |key: &str| routing[key].as_array().cloned().unwrap_or_default();
        let apps =
            list("apps").iter().filter_map(|app| Some((text(app, "id")?, text(app, "name")?))).collect();
        let pages = list("pages");
        let page = |page: &Value| {
            Some((text(page, "id")?, text(page, "name")?, text(&page["messenger"], "default_app")))
        };
        Ok(Self { apps, pages: pages.iter().filter_map(page).collect() })
    }

    /// An app's name.
    pub(crate) fn app(&self, id: &str) -> String {
        if INBOXES.contains(&id) {
            return "Inbox".to_owned();
        }
        self.apps.get(id).cloned().unwrap_or_else(|| format!("app {id}"))
    }

    /// An app's name, of a value that may be null.
    pub(crate) fn app_of(&self, value: &Value) -> Option<String> {
        value.as_str().map(|id| self.app(id))
    }

    /// A page's name.
    pub(crate) fn page(&self, id: &str) -> String {
        let found = self.pages.iter().find(|(page, _, _)| page == id);
        found.map_or_else(|| format!("page {id}"), |(_, name, _)| name.clone())
    }

    /// Whether an app is a page's default app.
    pub(crate) fn is_default(&self, page: &str, app: &str) -> bool {
        let found =
            self.pages.iter().find(|(id, _, _)| id == page).and_then(|(_, _, default)| default.as_deref());
        found.is_some_and(|default| default == app || (default == "inbox" && INBOXES.contains(&app)))
    }

    /// The id of a page that is named by its id or its name.
    pub(crate) fn page_id(&self, text: &str) -> String {
        let found = self.pages.iter().find(|(_, name, _)| name == text);
        found.map_or_else(|| text.to_owned(), |(id, _, _)| id.clone())
    }
}
