//! What the settings become by a file. Entries match by id, else by name; what the file says of an app or a
//! page replaces what was there, and secrets and tokens that it does not say are kept or made up.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use baton_rules::{AppId, PageId};
use baton_store::{App, Page, Secret, Settings, SettingsRefused};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::difference::changes;
use super::input::{AppTable, At, RoutingInput, refused};
use super::{Mint, checks, nearest, pages, warnings};

/// What a file would make of the settings.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The settings as they become; those that are, when nothing changes.
    pub settings: Settings,
    /// What changes.
    pub changes: Vec<Change>,
    /// What is allowed and not advisable (CHK-*).
    pub warnings: Vec<Warning>,
    /// Ids, secrets and tokens that were made up, in the form of the file. They are told once.
    pub generated: Generated,
}

/// What was made up: told once.
#[derive(Clone, Debug, Default, PartialEq, Serialize, JsonSchema)]
pub struct Generated {
    /// Apps of which something was.
    pub apps: Vec<GeneratedApp>,
    /// Pages of which something was.
    pub pages: Vec<GeneratedPage>,
}

/// An app of which something was made up.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct GeneratedApp {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its secret; null: it was given, or there already.
    pub secret: Option<String>,
}

/// A page of which something was made up.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct GeneratedPage {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The connections whose tokens were.
    pub connections: Vec<GeneratedToken>,
}

/// A token that was made up.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct GeneratedToken {
    /// The app's id.
    pub app: String,
    /// The app's name.
    pub name: Option<String>,
    /// The token.
    pub token: String,
}

/// One value that changes.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Change {
    /// Which; things are named by their ids (`/apps/1278416343931139/name`).
    pub pointer: String,
    /// The value before; null where there was none.
    pub from: Value,
    /// The value now; null where there is none.
    pub to: Value,
}

/// Something that is allowed and not advisable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Warning {
    /// The recommendation (`CHK-1`); null: it is none of the platform's, but of Baton's own.
    pub rule: Option<&'static str>,
    /// Where; things are named by their ids.
    pub pointer: String,
    /// What, and what to do.
    pub detail: String,
}

/// Says what the settings become by a file. With `prune`, apps and pages that it does not name are removed.
pub fn apply(
    input: &RoutingInput,
    settings: &Settings,
    prune: bool,
    mint: &mut Mint,
) -> Result<Plan, Vec<SettingsRefused>> {
    let mut draft = Draft::of(settings, mint);
    let apps = draft.apps(input, prune);
    let pages = draft.pages(input, prune, &apps);
    if !draft.problems.is_empty() {
        return Err(draft.problems);
    }
    let generated = Generated { apps: draft.new_apps, pages: draft.new_pages };
    let same = settings.apps == apps && settings.pages == pages;
    let version = if same { settings.version } else { settings.version + 1 };
    let after = Settings::new(version, apps, pages);
    let problems = checks::refusals(input, settings, &after);
    if !problems.is_empty() {
        return Err(problems);
    }
    let (changes, warnings) = (changes(settings, &after), warnings::of(&after));
    Ok(Plan { settings: after, changes, warnings, generated })
}

/// Settings in the making.
pub(super) struct Draft<'a> {
    pub(super) before: &'a Settings,
    /// What there was by its name, the first of each: whoever gives no id means it.
    apps_before: HashMap<&'a str, &'a Arc<App>>,
    pub(super) pages_before: HashMap<&'a str, &'a Arc<Page>>,
    pub(super) mint: &'a mut Mint,
    pub(super) problems: Vec<SettingsRefused>,
    new_apps: Vec<GeneratedApp>,
    pub(super) new_pages: Vec<GeneratedPage>,
    /// How many names of apps that are not there were compared with all that are.
    pub(super) compared: usize,
}

impl<'a> Draft<'a> {
    fn of(before: &'a Settings, mint: &'a mut Mint) -> Self {
        // Of two of one name the first is put in last.
        let apps_before = before.apps.iter().rev().map(|app| (app.name.as_str(), app)).collect();
        let pages_before = before.pages.iter().rev().map(|page| (page.name.as_str(), page)).collect();
        let (problems, new_apps, new_pages) = (Vec::new(), Vec::new(), Vec::new());
        Self { before, apps_before, pages_before, mint, problems, new_apps, new_pages, compared: 0 }
    }

    pub(super) fn refuse(&mut self, pointer: String, detail: impl Into<String>) {
        self.problems.push(refused(pointer, detail));
    }

    fn apps(&mut self, input: &RoutingInput, prune: bool) -> Vec<Arc<App>> {
        let mut named: Vec<(String, App)> = Vec::new();
        let mut places = HashMap::new();
        for at in &input.apps {
            let Some(app) = self.app(at) else { continue };
            let place = *places.entry(app.id).or_insert(named.len());
            match named.get(place) {
                Some((other, _)) => {
                    let detail = format!("this is the same app as {other}: keep one of the two");
                    self.refuse(at.pointer.clone(), detail);
                }
                None => named.push((at.pointer.clone(), app)),
            }
        }
        let mut apps: Vec<Arc<App>> = Vec::new();
        for kept in &self.before.apps {
            match places.get(&kept.id).and_then(|place| named.get(*place)) {
                Some((_, app)) if *app == **kept => apps.push(Arc::clone(kept)),
                Some((_, app)) => apps.push(Arc::new(app.clone())),
                None if prune => {}
                None => apps.push(Arc::clone(kept)),
            }
        }
        let is_new = |app: &&App| self.before.app(app.id).is_none();
        apps.extend(named.iter().map(|(_, app)| app).filter(is_new).map(|app| Arc::new(app.clone())));
        let mut alike: HashMap<&str, Vec<AppId>> = HashMap::new();
        apps.iter().for_each(|app| alike.entry(&app.name).or_default().push(app.id));
        for (pointer, app) in &named {
            let twins = alike.get(app.name.as_str()).into_iter().flatten();
            if let Some(twin) = twins.into_iter().find(|other| **other != app.id) {
                let detail = format!("app {twin} has this name too: apps are named by it, so choose another");
                self.refuse(format!("{pointer}/name"), detail);
            }
        }
        apps
    }

    fn app(&mut self, at: &At<AppTable>) -> Option<App> {
        let table = &at.table;
        let given = match &table.id {
            Some(text) => Some(self.app_id(text, &at.pointer)?),
            None => None,
        };
        let before = self.before;
        let kept = match given {
            Some(id) => before.app(id),
            None => table.name.as_deref().and_then(|name| self.apps_before.get(name).copied()),
        };
        let Some(name) = table.name.clone().or_else(|| kept.map(|kept| kept.name.clone())) else {
            self.refuse(format!("{}/name", at.pointer), "a new app needs a name");
            return None;
        };
        self.check_name(&name, &at.pointer);
        self.check_app(at);
        let (mut is_new, mut made) = (false, None);
        let id = given.or(kept.map(|kept| kept.id)).unwrap_or_else(|| {
            let id = self.new_app_id();
            is_new = true;
            id
        });
        let secret = table.secret.clone().map(Secret::new).or_else(|| kept.map(|kept| kept.secret.clone()));
        let secret = secret.unwrap_or_else(|| {
            let secret = self.mint.secret();
            made = Some(secret.clone());
            Secret::new(secret)
        });
        if is_new || made.is_some() {
            self.new_apps.push(GeneratedApp { id: id.to_string(), name: name.clone(), secret: made });
        }
        // A verify token that is not said is kept, as a secret is; an empty one is none.
        let verify_token = match &table.verify_token {
            Some(text) => Some(text.clone()).filter(|text| !text.is_empty()).map(Secret::new),
            None => kept.and_then(|kept| kept.verify_token.clone()),
        };
        let same_address =
            |kept: &&Arc<App>| kept.webhook_url == table.webhook_url && kept.verify_token == verify_token;
        let verified = kept.filter(same_address).is_some_and(|kept| kept.verified);
        Some(App {
            id,
            name,
            secret,
            webhook_url: table.webhook_url.clone(),
            verified: verified || (table.webhook_url.is_some() && verify_token.is_none()),
            verify_token,
            human_agent: table.human_agent,
            live: table.live,
            testers: table.testers.clone(),
            max_batch: table.max_batch,
            compat: table.compat.clone(),
            subscribed: kept.map(|kept| kept.subscribed.clone()).unwrap_or_default(),
        })
    }

    fn app_id(&mut self, text: &str, pointer: &str) -> Option<AppId> {
        let pointer = format!("{pointer}/id");
        match text.parse::<AppId>() {
            Ok(id) if id.is_inbox() => {
                self.refuse(
                    pointer,
                    "this is the id of the Inbox, which is connected to every page by itself",
                );
                None
            }
            Ok(id) if text.len() <= 15 => Some(id),
            Ok(_) | Err(_) => {
                let detail = "an app id is a number of at most 15 digits without leading zeros, as text";
                self.refuse(pointer, detail);
                None
            }
        }
    }

    fn new_app_id(&mut self) -> AppId {
        loop {
            let id = AppId::new(self.mint.id()).filter(|id| !id.is_inbox());
            if let Some(id) = id.filter(|id| self.before.app(*id).is_none()) {
                return id;
            }
        }
    }

    pub(super) fn check_name(&mut self, name: &str, pointer: &str) {
        let wrong = if name.trim() != name || name.is_empty() || name.chars().count() > 200 {
            "a name has 1 to 200 characters and no space at either end"
        } else if name.chars().any(char::is_control) {
            "a name is one line of text"
        } else if name.eq_ignore_ascii_case("inbox") {
            "`inbox` is the name of the built-in Inbox: choose another"
        } else if name.bytes().all(|byte| byte.is_ascii_digit()) {
            "a name of digits alone reads like an id: choose another"
        } else {
            return;
        };
        self.refuse(format!("{pointer}/name"), wrong);
    }

    fn check_app(&mut self, at: &At<AppTable>) {
        let (table, pointer) = (&at.table, &at.pointer);
        if table.secret.as_ref().is_some_and(|secret| secret.trim().is_empty()) {
            self.refuse(
                format!("{pointer}/secret"),
                "a secret is not empty: leave it out to have one generated",
            );
        }
        if let Some(Err(wrong)) = table.webhook_url.as_deref().map(check_address) {
            self.refuse(format!("{pointer}/webhook_url"), wrong);
        }
        if !(1..=1000).contains(&table.max_batch) {
            self.refuse(format!("{pointer}/max_batch"), "1 to 1000 events to a webhook");
        }
        self.check_people(&table.testers, &format!("{pointer}/testers"));
        for (index, word) in table.compat.iter().enumerate() {
            let pointer = format!("{pointer}/compat/{index}");
            if !COMPAT.contains(&word.as_str()) {
                self.refuse(pointer, one_of(word, COMPAT));
            } else if table.compat[..index].contains(word) {
                self.refuse(pointer, "this switch is named twice");
            }
        }
    }

    pub(super) fn check_people(&mut self, ids: &[String], pointer: &str) {
        let mut seen = HashSet::new();
        for (index, id) in ids.iter().enumerate() {
            if let Err(wrong) = id.parse::<baton_rules::PersonId>() {
                self.refuse(format!("{pointer}/{index}"), wrong.0);
            } else if !seen.insert(id) {
                self.refuse(format!("{pointer}/{index}"), "this person is named twice");
            }
        }
    }

    fn pages(&mut self, input: &RoutingInput, prune: bool, apps: &[Arc<App>]) -> Vec<Arc<Page>> {
        let mut named: Vec<(String, Page)> = Vec::new();
        let (mut places, apps) = (HashMap::new(), pages::Apps::of(apps));
        for at in &input.pages {
            let Some(page) = pages::page(self, at, &apps) else { continue };
            let place = *places.entry(page.id).or_insert(named.len());
            match named.get(place) {
                Some((other, _)) => {
                    let detail = format!("this is the same page as {other}: keep one of the two");
                    self.refuse(at.pointer.clone(), detail);
                }
                None => named.push((at.pointer.clone(), page)),
            }
        }
        let mut pages: Vec<Arc<Page>> = Vec::new();
        for kept in &self.before.pages {
            match places.get(&kept.id).and_then(|place| named.get(*place)) {
                Some((_, page)) if *page == **kept => pages.push(Arc::clone(kept)),
                Some((_, page)) => pages.push(Arc::new(page.clone())),
                None if prune => {}
                None => pages.push(Arc::clone(kept)),
            }
        }
        let is_new = |page: &&Page| self.before.page(page.id).is_none();
        pages.extend(named.iter().map(|(_, page)| page).filter(is_new).map(|page| Arc::new(page.clone())));
        let (mut alike, mut ids): (HashMap<&str, Vec<PageId>>, Ids) = Default::default();
        for page in &pages {
            alike.entry(&page.name).or_default().push(page.id);
            ids.pages.insert(page.id);
            if let Some(account) = &page.instagram {
                ids.accounts.entry(account.id).or_default().push(page.id);
            }
        }
        for (pointer, page) in &named {
            let twins = alike.get(page.name.as_str()).into_iter().flatten();
            if let Some(twin) = twins.into_iter().find(|other| **other != page.id) {
                let detail =
                    format!("page {twin} has this name too: pages are named by it, so choose another");
                self.refuse(format!("{pointer}/name"), detail);
            }
            self.check_ids(page, pointer, &ids);
        }
        pages
    }

    /// Paths name a page and its Instagram account by their ids, so no two of them are alike.
    fn check_ids(&mut self, page: &Page, pointer: &str, ids: &Ids) {
        let account = page.instagram.as_ref().map(|account| account.id);
        let is_others =
            |id| ids.accounts.get(&id).into_iter().flatten().any(|holder: &PageId| *holder != page.id);
        if is_others(page.id) {
            self.refuse(format!("{pointer}/id"), "an Instagram account has this id: choose another");
        }
        // Its own id is among those of the pages.
        if account.is_some_and(|id| ids.pages.contains(&id) || is_others(id)) {
            let detail = "another page or account has this id: an account is linked to one page";
            self.refuse(format!("{pointer}/instagram/id"), detail);
        }
    }
}

/// The ids that paths may have, each account's with the pages that have it.
#[derive(Default)]
struct Ids {
    pages: HashSet<PageId>,
    accounts: HashMap<PageId, Vec<PageId>>,
}

/// Switches for clients that rely on the platform's older ways.
pub(super) const COMPAT: &[&str] = &[
    "empty-messaging-beside-standby",
    "retired-tags",
    "app-ids-as-numbers",
    "no-hop-context",
    "policy-enforcement-hyphen",
];

/// A refusal of a word that is none of the known ones.
pub(super) fn one_of(word: &str, known: &[&str]) -> String {
    match nearest(word, known.iter().copied()) {
        Some(nearest) => format!("`{word}` is not known here; the nearest is `{nearest}`"),
        None => format!("`{word}` is not known here; there are {}", known.join(", ")),
    }
}

fn check_address(text: &str) -> Result<(), String> {
    let url = url::Url::parse(text).map_err(|error| format!("this is no address: {error}"))?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none_or(str::is_empty) {
        return Err("an address of a webhook starts with http:// or https://".to_owned());
    }
    if url.fragment().is_some() {
        return Err("an address of a webhook has no `#` part: it would not be sent".to_owned());
    }
    Ok(())
}
