//! What the rules say of a change: SET-1, SET-2, SET-4, asked of `rules::setup` for every page of the file,
//! and answered in words that say what to do. Also what no rule of the protocol says: a token names one
//! connection.

use std::collections::HashMap;

use baton_rules::setup::{self, NotAccepted, Why};
use baton_rules::{AppId, PageId, Routing, Surface};
use baton_store::{KeptSurface, Page, Settings, SettingsRefused};

use super::input::{At, PageInput, RoutingInput, refused};

/// Why settings may not become what a file makes of them; nothing when they may.
pub(super) fn refusals(input: &RoutingInput, before: &Settings, after: &Settings) -> Vec<SettingsRefused> {
    let mut problems = Vec::new();
    for at in &input.pages {
        if let Some(page) = named(at, after) {
            surface(at, page, before, after, &mut problems);
        }
    }
    problems.extend(shared_tokens(input, after));
    problems
}

fn named<'a>(at: &At<PageInput>, settings: &'a Settings) -> Option<&'a Page> {
    let id = at.table.page.id.as_ref().and_then(|id| id.parse::<PageId>().ok());
    let by_name = || settings.pages.iter().find(|page| Some(&page.name) == at.table.page.name.as_ref());
    id.map_or_else(by_name, |id| settings.page(id)).map(|page| &**page)
}

fn surface(
    at: &At<PageInput>,
    page: &Page,
    before: &Settings,
    after: &Settings,
    problems: &mut Vec<SettingsRefused>,
) {
    let none = Routing::new(Surface::Messenger);
    let was = before.routing(page.id, Surface::Messenger).map_or(&none, |routing| &**routing);
    let Some(is) = after.routing(page.id, Surface::Messenger) else { return };
    let mut check = |verdict: Result<(), NotAccepted>, key: String| {
        if let Err(not) = verdict {
            let pointer = format!("{}/{key}", at.pointer);
            let rule = Some(not.rule.0.to_owned());
            problems.push(SettingsRefused { rule, pointer, detail: advice(not.why).to_owned() });
        }
    };
    // Accepting is about a change. One that stays is looked at again only when this change disconnects it.
    let lost = |was: Option<AppId>, named: Option<AppId>, is: Option<AppId>| {
        named.is_some() && was == named && is.is_none()
    };
    let default = was.default != is.default || lost(was.default_app(), is.default, is.default_app());
    let primary =
        was.primary != is.primary || lost(was.primary_receiver(), is.primary, is.primary_receiver());
    // Of two that exclude each other, the one that is new is refused.
    if default && !(is.primary.is_some() && was.default.is_some()) {
        check(setup::default_app(is), "messenger/default_app".to_owned());
    } else if primary || (is.primary.is_some() && is.default.is_some()) {
        check(setup::primary_receiver(is), "messenger/primary_receiver".to_owned());
    }
    check(setup::route(is, was.organic, is.organic), "messenger/organic_app".to_owned());
    let links = page.links.iter().filter(|link| link.on == KeptSurface::Messenger);
    for (index, link) in links.enumerate() {
        let old = was.links.iter().find(|old| *old.reference == *link.reference).map(|old| old.app);
        check(setup::route(is, old, Some(link.app)), format!("links/{index}"));
    }
}

/// What to do about it.
const fn advice(why: Why) -> &'static str {
    match why {
        Why::DefaultNotConnected => {
            "the default app must be connected to the page with the permission `pages_messaging`: \
             add it to `connections`, or name another app or \"inbox\""
        }
        Why::DefaultHearsNothing => {
            "the default app must be subscribed to a messaging field: add \"messages\" to its `fields`"
        }
        Why::MessagingOff => "a default app needs a page with messaging on: set `messaging_enabled = true`",
        Why::NobodyConnected => {
            "a default app needs a page with at least one connected app: add `connections`"
        }
        Why::PrimaryIsInbox => {
            "the Inbox cannot be the primary receiver: name a connected app, or use `default_app = \"inbox\"`"
        }
        Why::PrimaryNotConnected => {
            "the primary receiver must be connected to the page with the permission `pages_messaging`: \
             add it to `connections`, or name another app"
        }
        Why::DefaultAndPrimary => {
            "a page has a default app (Conversation Routing) or a primary receiver (Handover Protocol), \
             never both: remove one of the two"
        }
        Why::RouteWithoutDefault => {
            "a link route or organic route needs a default app on the page: set `default_app` too"
        }
    }
}

fn shared_tokens(input: &RoutingInput, after: &Settings) -> Vec<SettingsRefused> {
    let mut owners: HashMap<&str, usize> = HashMap::new();
    for page in &after.pages {
        for token in page.connections.iter().flat_map(|connection| &connection.tokens) {
            *owners.entry(token.hash.as_str()).or_default() += 1;
        }
    }
    let connections = input.pages.iter().flat_map(|page| &page.table.connections);
    let given = connections.filter_map(|at| Some((at, super::token_hash(at.table.token.as_ref()?))));
    let shared = given.filter(|(_, hash)| owners.get(hash.as_str()).is_some_and(|owners| *owners > 1));
    shared
        .map(|(at, _)| {
            let detail = "another connection has this token too: a token names one app on one page";
            refused(format!("{}/token", at.pointer), detail)
        })
        .collect()
}
