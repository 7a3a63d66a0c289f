//! One page of the file: itself and its connections, with the names of apps resolved. Its surfaces are read in
//! `sides`, its links and ads in `entries`.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use baton_rules::{AppId, Fields, PageId, Surface, setup};
use baton_store::{App, Connection, KeptMoveToMain, Page, Token};

use super::input::{At, ConnectionTable, PageInput};
use super::plan::{Draft, GeneratedPage, GeneratedToken, one_of};
use super::{nearest, token_hash};

/// Fields of the platform that no webhook here has: an app may name them, and hears nothing of them (wire.md 4.3).
pub(super) const OTHER_FIELDS: &[&str] = &[
    "message_context",
    "message_mention",
    "messaging_optouts",
    "messaging_policy_enforcement",
    "messaging_customer_information",
    "messaging_game_plays",
    "messaging_payments",
    "messaging_pre_checkouts",
    "messaging_checkout_updates",
    "messaging_appointments",
    "messaging_direct_sends",
    "messaging_in_thread_lead_form_submit",
    "message_template_status_update",
    "response_feedback",
    "send_cart",
    "inbox_labels",
    "mention",
    "ratings",
    "leadgen",
    "conversations",
    "mentions",
    "story_insights",
];

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
pub(crate) const PERMISSIONS: &[&str] = &[Surface::Messenger.permission(), Surface::Instagram.permission()];

/// How many names of apps that are not there are compared with all that are: who mistook more mistook something else.
const COMPARED: usize = 20;

/// The apps as they become, to be found by id and by name.
pub(super) struct Apps<'a> {
    all: &'a [Arc<App>],
    by_id: HashMap<AppId, usize>,
    by_name: HashMap<&'a str, usize>,
}

impl<'a> Apps<'a> {
    pub(super) fn of(all: &'a [Arc<App>]) -> Self {
        let mut apps = Self { all, by_id: HashMap::new(), by_name: HashMap::new() };
        for (place, app) in all.iter().enumerate() {
            apps.by_id.entry(app.id).or_insert(place);
            apps.by_name.entry(&app.name).or_insert(place);
        }
        apps
    }

    fn with(&self, id: AppId) -> Option<&Arc<App>> {
        self.all.get(*self.by_id.get(&id)?)
    }

    /// The first that has this name, or this id.
    fn named(&self, text: &str, id: Option<AppId>) -> Option<&Arc<App>> {
        let by_id = id.and_then(|id| self.by_id.get(&id));
        let first = by_id.into_iter().chain(self.by_name.get(text)).min()?;
        self.all.get(*first)
    }
}

/// Reads a page against the apps as they become.
pub(super) fn page(draft: &mut Draft<'_>, at: &At<PageInput>, apps: &Apps<'_>) -> Option<Page> {
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
        None => table.name.as_deref().and_then(|name| draft.pages_before.get(name).copied()),
    };
    let Some(name) = table.name.clone().or_else(|| kept.map(|kept| kept.name.clone())) else {
        draft.refuse(format!("{pointer}/name"), "a new page needs a name");
        return None;
    };
    draft.check_name(&name, pointer);
    let known_id = given.or(kept.map(|kept| kept.id));
    let id = known_id.unwrap_or_else(|| new_page_id(draft));
    let mut part = Part { draft, apps, generated: Vec::new() };
    let messenger = part.messenger(&at.table.messenger, &format!("{pointer}/messenger"));
    let account = kept.and_then(|kept| kept.instagram.as_ref());
    let instagram = (at.table.instagram.as_ref())
        .and_then(|table| part.instagram(table, &format!("{pointer}/instagram"), account));
    let has_default =
        [Some(&messenger), instagram.as_ref().map(|account| &account.side)].into_iter().flatten();
    let has_default = has_default.into_iter().any(|side| side.default_app.is_some());
    let had_default = kept.is_some_and(|kept| kept.had_default);
    let first_default = !had_default && has_default;
    let connections = part.connections(&at.table.connections, kept, first_default);
    let linked = at.table.instagram.is_some();
    let links = part.links(&at.table.links, linked);
    let ads = part.ads(&at.table.ads, linked);
    let inbox_move_to_main = part.move_to_main(table.inbox_move_to_main.as_deref(), pointer);
    let generated = part.generated;
    if known_id.is_none() || !generated.is_empty() {
        draft.new_pages.push(GeneratedPage {
            id: id.to_string(),
            name: name.clone(),
            connections: generated,
        });
    }
    Some(Page {
        id,
        name,
        messaging_enabled: table.messaging_enabled,
        inbox_move_to_main,
        had_default: had_default || first_default,
        messenger,
        instagram,
        connections,
        links,
        ads,
    })
}

pub(super) fn new_page_id(draft: &mut Draft<'_>) -> PageId {
    loop {
        let id = PageId::new(draft.mint.id());
        if let Some(id) = id.filter(|id| draft.before.surface(*id).is_none()) {
            return id;
        }
    }
}

/// One page in the making.
pub(super) struct Part<'d, 'a, 'b> {
    pub(super) draft: &'d mut Draft<'a>,
    apps: &'b Apps<'b>,
    generated: Vec<GeneratedToken>,
}

impl Part<'_, '_, '_> {
    /// The app that a text names: by id, by name, or the surface's Inbox.
    pub(super) fn app(&mut self, text: &str, on: Surface, pointer: String) -> Option<AppId> {
        let id = text.parse::<AppId>().ok();
        if text.eq_ignore_ascii_case("inbox") || id == Some(on.inbox()) {
            return Some(on.inbox());
        }
        let found = self.apps.named(text, id);
        if found.is_none() {
            self.draft.compared += 1;
            let there = self.apps.all.iter().map(|app| app.name.as_str());
            let nearest = if self.draft.compared > COMPARED { None } else { nearest(text, there) };
            let detail = match nearest {
                Some(nearest) => format!("there is no app `{text}`; the nearest name is `{nearest}`"),
                None => format!("there is no app `{text}`: add it to `apps`, or name one by its id or name"),
            };
            self.draft.refuse(pointer, detail);
        }
        found.map(|app| app.id)
    }

    fn connections(
        &mut self,
        tables: &[At<ConnectionTable>],
        page: Option<&Arc<Page>>,
        first_default: bool,
    ) -> Vec<Connection> {
        let mut connections: Vec<Connection> = Vec::new();
        let mut connected = HashSet::new();
        for at in tables {
            let pointer = format!("{}/app", at.pointer);
            let Some(app) = self.app(&at.table.app, Surface::Messenger, pointer.clone()) else { continue };
            if app.is_inbox() {
                self.draft
                    .refuse(pointer, "the Inbox is connected to every page by itself: remove this entry");
            } else if !connected.insert(app) {
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
            let is_other = OTHER_FIELDS.contains(&name.as_str());
            if Fields::named(name).is_none() && !is_other && !is_kept {
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
                let name = self.apps.with(app).map(|known| known.name.clone());
                self.generated.push(GeneratedToken { app: app.to_string(), name, token: token.clone() });
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
