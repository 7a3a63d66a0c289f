//! One page of the file: its surfaces, connections, links and ads, with the names of apps resolved.

use std::collections::HashSet;
use std::sync::Arc;

use baton_rules::{AppId, Fields, PageId, setup};
use baton_store::{Ad, App, Connection, KeptMoveToMain, KeptSurface, Link, Page, Side, Token};
use serde_json::{Value, json};

use super::input::{AdTable, At, ConnectionTable, LinkTable, PageInput, SideTable};
use super::plan::{Draft, one_of};
use super::{nearest, token_hash};

/// What a connection hears when nobody says: what the platform's documents recommend, and echoes.
pub(crate) const USUAL_FIELDS: [Fields; 6] = [
    Fields::MESSAGES,
    Fields::MESSAGING_POSTBACKS,
    Fields::MESSAGING_REFERRALS,
    Fields::MESSAGING_HANDOVERS,
    Fields::STANDBY,
    Fields::MESSAGE_ECHOES,
];
pub(crate) const TASKS: &[&str] = &["MODERATE", "MANAGE", "MESSAGING"];
pub(crate) const PERMISSIONS: &[&str] = &["pages_messaging", "instagram_manage_messages"];
const STATUSES: &[&str] = &["published", "draft", "paused"];

/// Reads a page against the apps as they become.
pub(super) fn page(draft: &mut Draft<'_>, at: &At<PageInput>, apps: &[Arc<App>]) -> Option<Page> {
    let (table, pointer) = (&at.table.page, &at.pointer);
    let given = match table.id.as_deref().map(str::parse::<PageId>) {
        Some(Ok(id)) => Some(id),
        Some(Err(wrong)) => {
            draft.refuse(format!("{pointer}/id"), wrong.0);
            return None;
        }
        None => None,
    };
    let before = draft.before;
    let kept = match given {
        Some(id) => before.page(id),
        None => before.pages.iter().find(|page| Some(&page.name) == table.name.as_ref()),
    };
    let Some(name) = table.name.clone().or_else(|| kept.map(|kept| kept.name.clone())) else {
        draft.refuse(format!("{pointer}/name"), "a new page needs a name");
        return None;
    };
    draft.check_name(&name, pointer);
    let known_id = given.or(kept.map(|kept| kept.id));
    let id = known_id.unwrap_or_else(|| new_page_id(draft));
    let mut part = Part { draft, apps, generated: Vec::new() };
    let messenger = part.side(&at.table.messenger, &format!("{pointer}/messenger"));
    let had_default = kept.is_some_and(|kept| kept.had_default);
    let first_default = !had_default && messenger.default_app.is_some();
    let connections = part.connections(&at.table.connections, kept, first_default);
    let links = part.links(&at.table.links);
    let ads = part.ads(&at.table.ads);
    let inbox_move_to_main = part.move_to_main(table.inbox_move_to_main.as_deref(), pointer);
    let generated = part.generated;
    if known_id.is_none() || !generated.is_empty() {
        draft.new_pages.push(json!({"id": id.to_string(), "name": name, "connections": generated}));
    }
    Some(Page {
        id,
        name,
        messaging_enabled: table.messaging_enabled,
        inbox_move_to_main,
        had_default: had_default || first_default,
        messenger,
        instagram: kept.and_then(|kept| kept.instagram.clone()),
        connections,
        links,
        ads,
    })
}

fn new_page_id(draft: &mut Draft<'_>) -> PageId {
    loop {
        let id = PageId::new(draft.mint.id());
        if let Some(id) = id.filter(|id| draft.before.surface(*id).is_none()) {
            return id;
        }
    }
}

struct Part<'d, 'a, 'b> {
    draft: &'d mut Draft<'a>,
    apps: &'b [Arc<App>],
    generated: Vec<Value>,
}

impl Part<'_, '_, '_> {
    /// The app that a text names: by id, by name, or the Inbox.
    fn app(&mut self, text: &str, pointer: String) -> Option<AppId> {
        let id = text.parse::<AppId>().ok();
        if text.eq_ignore_ascii_case("inbox") || id == Some(AppId::PAGE_INBOX) {
            return Some(AppId::PAGE_INBOX);
        }
        let found = self.apps.iter().find(|app| Some(app.id) == id || app.name == text);
        if found.is_none() {
            let detail = match nearest(text, self.apps.iter().map(|app| app.name.as_str())) {
                Some(nearest) => format!("there is no app `{text}`; the nearest name is `{nearest}`"),
                None => format!("there is no app `{text}`: add it to `apps`, or name one by its id or name"),
            };
            self.draft.refuse(pointer, detail);
        }
        found.map(|app| app.id)
    }

    fn side(&mut self, table: &SideTable, pointer: &str) -> Side {
        if table.profile.is_some() {
            let detail = "profiles are not built yet: remove this key; the documents' own rules apply";
            self.draft.refuse(format!("{pointer}/profile"), detail);
        }
        let mut app = |text: &Option<String>, key: &str| {
            text.as_ref().and_then(|text| self.app(text, format!("{pointer}/{key}")))
        };
        let default_app = app(&table.default_app, "default_app");
        let primary_receiver = app(&table.primary_receiver, "primary_receiver");
        let organic_app = app(&table.organic_app, "organic_app");
        let mut days = |given: Option<u8>, usual: u8, key: &str| match given {
            Some(days) if !(1..=7).contains(&days) => {
                self.draft.refuse(format!("{pointer}/{key}"), "on Messenger: 1 to 7 days");
                usual
            }
            Some(days) => days,
            None => usual,
        };
        let (ad_max_days, ad_window_days) =
            (days(table.ad_max_days, 7, "ad_max_days"), days(table.ad_window_days, 1, "ad_window_days"));
        Side { default_app, primary_receiver, organic_app, ad_max_days, ad_window_days, profile: None }
    }

    fn connections(
        &mut self,
        tables: &[At<ConnectionTable>],
        page: Option<&Arc<Page>>,
        first_default: bool,
    ) -> Vec<Connection> {
        let mut connections: Vec<Connection> = Vec::new();
        for at in tables {
            let pointer = format!("{}/app", at.pointer);
            let Some(app) = self.app(&at.table.app, pointer.clone()) else { continue };
            if app.is_inbox() {
                self.draft
                    .refuse(pointer, "the Inbox is connected to every page by itself: remove this entry");
            } else if connections.iter().any(|other| other.app == app) {
                self.draft.refuse(pointer, "this app is connected twice: keep one of the two");
            } else {
                let kept = page.and_then(|page| page.connections.iter().find(|other| other.app == app));
                connections.push(self.connection(at, app, kept, first_default));
            }
        }
        connections
    }

    fn connection(
        &mut self,
        at: &At<ConnectionTable>,
        app: AppId,
        kept: Option<&Connection>,
        first_default: bool,
    ) -> Connection {
        let (table, pointer) = (&at.table, &at.pointer);
        let standby = table.standby;
        // Counts changes of settings, so an app that is connected again never has an old number (MODE-5).
        let generation = u32::try_from(self.draft.before.version + 1).unwrap_or(u32::MAX);
        Connection {
            app,
            generation: kept.map_or(generation, |kept| kept.generation),
            tokens: self.tokens(at, app, kept),
            fields: self.fields(table.fields.as_deref(), pointer, kept, first_default),
            standby_messenger: standby.is_none_or(|standby| standby.messenger),
            standby_instagram: standby.is_none_or(|standby| standby.instagram),
            take_control: table.take_control,
        }
    }

    fn fields(
        &mut self,
        named: Option<&[String]>,
        pointer: &str,
        kept: Option<&Connection>,
        first_default: bool,
    ) -> Vec<String> {
        let set = |names: &[String]| {
            names.iter().filter_map(|name| Fields::named(name)).fold(Fields::NONE, Fields::with)
        };
        let known: Vec<&str> = Fields::ALL.iter().map(|(_, name)| *name).collect();
        for (index, name) in named.unwrap_or_default().iter().enumerate() {
            // What an app subscribed to itself stays, though no webhook here has it.
            let is_kept = kept.is_some_and(|kept| kept.fields.contains(name));
            if Fields::named(name).is_none() && !is_kept {
                self.draft.refuse(format!("{pointer}/fields/{index}"), one_of(name, &known));
            }
        }
        let usual = USUAL_FIELDS.into_iter().fold(Fields::NONE, Fields::with);
        let before = kept.map_or(usual, |kept| set(&kept.fields));
        let fields = setup::subscribed(before, named.map(set), first_default);
        with_others(fields, named.or(kept.map(|kept| &*kept.fields)).unwrap_or_default())
    }

    /// The first token is the file's; others were made for the connection later, and stay.
    fn tokens(&mut self, at: &At<ConnectionTable>, app: AppId, kept: Option<&Connection>) -> Vec<Token> {
        let (table, pointer) = (&at.table, &at.pointer);
        let tasks = self.words(table.tasks.as_deref(), TASKS, &format!("{pointer}/tasks"));
        let permissions =
            self.words(table.permissions.as_deref(), PERMISSIONS, &format!("{pointer}/permissions"));
        let mut others: Vec<Token> = kept.map(|kept| kept.tokens.clone()).unwrap_or_default();
        let own = if others.is_empty() { None } else { Some(others.remove(0).hash) };
        let hash = match (&table.token, own) {
            (Some(token), _) => {
                if token.is_empty()
                    || token.len() > 1000
                    || !token.bytes().all(|byte| byte.is_ascii_graphic())
                {
                    let detail =
                        "a token has 1 to 1000 visible ASCII characters: leave it out to have one generated";
                    self.draft.refuse(format!("{pointer}/token"), detail);
                }
                token_hash(token)
            }
            (None, Some(hash)) => hash,
            (None, None) => {
                let token = self.draft.mint.token();
                let name = self.apps.iter().find(|known| known.id == app).map(|known| known.name.as_str());
                self.generated.push(json!({"app": app.to_string(), "name": name, "token": token}));
                token_hash(&token)
            }
        };
        others.retain(|other| other.hash != hash);
        [Token { hash, tasks, permissions }].into_iter().chain(others).collect()
    }

    /// Known words; all of them when none are given.
    fn words(&mut self, given: Option<&[String]>, known: &[&str], pointer: &str) -> Vec<String> {
        let Some(given) = given else { return known.iter().map(|word| (*word).to_owned()).collect() };
        for (index, word) in given.iter().enumerate() {
            if !known.contains(&word.as_str()) {
                self.draft.refuse(format!("{pointer}/{index}"), one_of(word, known));
            }
        }
        given.to_vec()
    }

    fn surface(&mut self, on: Option<&str>, pointer: &str) -> KeptSurface {
        match on {
            None | Some("messenger") => {}
            Some("instagram") => {
                self.draft.refuse(format!("{pointer}/on"), "Instagram is not built yet: write \"messenger\"");
            }
            Some(other) => {
                self.draft.refuse(format!("{pointer}/on"), one_of(other, &["messenger"]));
            }
        }
        KeptSurface::Messenger
    }

    fn links(&mut self, tables: &[At<LinkTable>]) -> Vec<Link> {
        let (mut links, mut seen) = (Vec::new(), HashSet::new());
        for At { pointer, table } in tables {
            let on = self.surface(table.on.as_deref(), pointer);
            if table.reference.is_empty() || table.reference.len() > 2048 {
                self.draft.refuse(format!("{pointer}/ref"), "the ref of a link has 1 to 2048 bytes");
            } else if !seen.insert(&table.reference) {
                self.draft.refuse(format!("{pointer}/ref"), "this link is there twice: keep one of the two");
            }
            if let Some(app) = self.app(&table.app, format!("{pointer}/app")) {
                links.push(Link { on, reference: table.reference.clone(), app });
            }
        }
        links
    }

    fn ads(&mut self, tables: &[At<AdTable>]) -> Vec<Ad> {
        let (mut ads, mut seen) = (Vec::new(), HashSet::new());
        for At { pointer, table } in tables {
            let on = self.surface(table.on.as_deref(), pointer);
            if table.id.is_empty() || table.id.len() > 64 {
                self.draft.refuse(format!("{pointer}/id"), "the id of an ad has 1 to 64 bytes");
            } else if !seen.insert(&table.id) {
                self.draft.refuse(format!("{pointer}/id"), "this ad is there twice: keep one of the two");
            }
            let status = table.status.as_deref().unwrap_or("published");
            if !STATUSES.contains(&status) {
                self.draft.refuse(format!("{pointer}/status"), one_of(status, STATUSES));
            }
            self.draft.check_people(&table.audience, &format!("{pointer}/audience"));
            let (template, message) = self.template(table.template.as_ref(), &format!("{pointer}/template"));
            ads.push(Ad {
                on,
                id: table.id.clone(),
                name: table.name.clone().unwrap_or_else(|| table.id.clone()),
                status: status.to_owned(),
                audience: table.audience.clone(),
                template,
                receiving_app: message.get("receiving_app_id").and_then(app_id),
                // AD-2: a JSON integer; what is no integer counts as missing.
                control_days: message.get("receiving_app_control_expiration").and_then(Value::as_i64),
            });
        }
        ads
    }

    /// The template as text, and its `message`.
    fn template(&mut self, given: Option<&Value>, pointer: &str) -> (String, Value) {
        let (text, read) = match given {
            None | Some(Value::Null) => return (String::new(), Value::Null),
            Some(Value::String(text)) if text.is_empty() => return (String::new(), Value::Null),
            Some(Value::String(text)) => (text.clone(), serde_json::from_str(text)),
            Some(object) => (object.to_string(), Ok(object.clone())),
        };
        match read {
            Ok(Value::Object(mut table)) => (text, table.remove("message").unwrap_or_default()),
            Ok(_) => {
                self.draft.refuse(pointer.to_owned(), "a template is a JSON object: {\"message\": {…}}");
                (text, Value::Null)
            }
            Err(error) => {
                self.draft
                    .refuse(pointer.to_owned(), format!("a template is JSON, and this is not: {error}"));
                (text, Value::Null)
            }
        }
    }

    fn move_to_main(&mut self, word: Option<&str>, pointer: &str) -> KeptMoveToMain {
        match word {
            None | Some("take") => KeptMoveToMain::Take,
            Some("request") => KeptMoveToMain::Request,
            Some(other) => {
                let detail = one_of(other, &["take", "request"]);
                self.draft.refuse(format!("{pointer}/inbox_move_to_main"), detail);
                KeptMoveToMain::Take
            }
        }
    }
}

/// API-3: a JSON integer, or digits.
fn app_id(value: &Value) -> Option<AppId> {
    match value {
        Value::Number(number) => number.as_u64().and_then(AppId::new),
        Value::String(digits) => digits.parse().ok(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

/// A connection's fields as they are kept: those that webhooks here have, and behind them the others of some names.
pub(crate) fn with_others(fields: Fields, names: &[String]) -> Vec<String> {
    let mut all: Vec<String> = fields.names().map(str::to_owned).collect();
    for name in names.iter().filter(|name| Fields::named(name).is_none()) {
        if !all.contains(name) {
            all.push(name.clone());
        }
    }
    all
}
