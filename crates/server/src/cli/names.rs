//! What apps and pages are called, so that people read names and not ids.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use super::client::Client;
use super::{Failure, receiving};
use crate::routing_file::nearest;

/// The inboxes' ids.
const INBOXES: [&str; 2] = ["263902037430900", "1217981644879628"];

/// Things that a message names before it says how many more there are.
const LISTED: usize = 5;

/// Names by id.
#[derive(Debug, Default)]
pub(crate) struct Names {
    apps: HashMap<String, KnownApp>,
    pages: Vec<(String, String, Option<String>)>,
}

/// What is known of an app.
#[derive(Debug)]
struct KnownApp {
    name: String,
    /// What is wrong with the delivery to it, in words.
    trouble: Option<String>,
}

impl Names {
    /// Reads them from a server.
    pub(crate) async fn of(client: &Client) -> Result<Self, Failure> {
        let routing = client.get("/routing").await?;
        let text = |table: &Value, key: &str| table[key].as_str().map(str::to_owned);
        let list = |key: &str| routing[key].as_array().cloned().unwrap_or_default();
        let known = |app: &Value| KnownApp {
            name: text(app, "name").unwrap_or_default(),
            trouble: app["webhook_url"].is_null().then(|| "no webhook_url".to_owned()),
        };
        let apps = list("apps").iter().filter_map(|app| Some((text(app, "id")?, known(app)))).collect();
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
        self.apps.get(id).map_or_else(|| format!("app {id}"), |app| app.name.clone())
    }

    /// Why an app does not get what it is told, as far as the settings say so, or it was asked.
    pub(crate) fn trouble(&self, app: &str) -> Option<&str> {
        self.apps.get(app)?.trouble.as_deref()
    }

    /// Asks how the delivery to these apps does now.
    pub(crate) async fn ask_for_trouble(&mut self, client: &Client, apps: impl IntoIterator<Item = &str>) {
        let mut asked = HashSet::new();
        for app in apps {
            if let Some(known) = self.apps.get_mut(app).filter(|_| asked.insert(app)) {
                known.trouble = receiving::trouble(client, app).await;
            }
        }
    }

    /// Whether a page is known.
    pub(crate) fn knows_page(&self, id: &str) -> bool {
        self.pages.iter().any(|(page, _, _)| page == id)
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
    pub(crate) fn page_id(&self, text: &str) -> Result<String, Failure> {
        let known = self.pages.iter().map(|(id, name, _)| (id.as_str(), name.as_str()));
        find("page", text, known)
    }

    /// The id of an app that is named by its id or its name.
    pub(crate) fn app_id(&self, text: &str) -> Result<String, Failure> {
        find("app", text, self.apps.iter().map(|(id, app)| (id.as_str(), app.name.as_str())))
    }

    /// Adds names of things that are not on the server yet, or under another name.
    pub(crate) fn learn(&mut self, kind: &str, id: &str, name: &str) {
        if kind == "apps" {
            self.apps.insert(id.to_owned(), KnownApp { name: name.to_owned(), trouble: None });
        } else if !self.pages.iter().any(|(page, _, _)| page == id) {
            self.pages.push((id.to_owned(), name.to_owned(), None));
        }
    }
}

/// The id of what is named. What reads like an id is one: the server knows what there is.
fn find<'a>(
    kind: &str,
    text: &str,
    known: impl Iterator<Item = (&'a str, &'a str)> + Clone,
) -> Result<String, Failure> {
    if let Some((id, _)) = known.clone().find(|(_, name)| *name == text) {
        return Ok(id.to_owned());
    }
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(text.to_owned());
    }
    let mut there: Vec<(&str, &str)> = known.collect();
    there.sort_unstable();
    let listed = there.iter().take(LISTED).map(|(id, name)| format!("{id} ({name})"));
    let mut listed: Vec<String> = listed.collect();
    if there.len() > LISTED {
        listed.push(format!("{} more", there.len() - LISTED));
    }
    let failure = Failure::new(format!("there is no {kind} with the id or the name \"{text}\""));
    let near = nearest(text, there.iter().map(|(_, name)| *name));
    Err(match (near, listed.is_empty()) {
        (Some(near), _) => failure.advice(format!("perhaps \"{near}\" is meant")),
        (None, false) => failure.advice(format!("name one of {}", listed.join(", "))),
        (None, true) => failure.advice("apply a routing file first: baton apply -f routing.toml"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_named_is_found_by_its_name_or_taken_for_an_id() {
        let known = [("2001", "Shop"), ("2002", "Garage")].into_iter();
        assert_eq!(find("page", "Garage", known.clone()).unwrap(), "2002");
        assert_eq!(find("page", "77", known.clone()).unwrap(), "77");
        let near = find("page", "garge", known.clone()).unwrap_err();
        assert_eq!(near.advice.unwrap(), "perhaps \"Garage\" is meant");
        let far = find("page", "qqq", known).unwrap_err();
        assert_eq!(far.advice.unwrap(), "name one of 2001 (Shop), 2002 (Garage)");
        assert!(find("page", "", [].into_iter()).unwrap_err().advice.unwrap().contains("baton apply"));
    }
}
