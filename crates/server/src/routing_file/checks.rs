//! What the rules say of a change: SET-1, SET-2, SET-4, asked of `rules::setup` for every page of the file,
//! and answered in words that say what to do. Also what no rule of the protocol says: a token names one
//! connection.

use std::collections::HashMap;

use baton_rules::setup::{self, NotAccepted, Why};
use baton_rules::{AppId, PageId, Routing, Surface};
use baton_store::{Page, Settings, SettingsRefused};

use super::entries::kept;
use super::input::{At, PageInput, RoutingInput, refused};

/// Why settings may not become what a file makes of them; nothing when they may.
pub(super) fn refusals(input: &RoutingInput, before: &Settings, after: &Settings) -> Vec<SettingsRefused> {
    let mut problems = Vec::new();
    for at in &input.pages {
        let Some(page) = named(at, after) else { continue };
        for side in [Surface::Messenger, Surface::Instagram] {
            surface(at, page, side, (before, after), &mut problems);
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
    side: Surface,
    (before, after): (&Settings, &Settings),
    problems: &mut Vec<SettingsRefused>,
) {
    let none = Routing::new(side);
    let was = before.routing(page.id, side).map_or(&none, |routing| &**routing);
    let Some(is) = after.routing(page.id, side) else { return };
    let name = side.name();
    let mut check = |verdict: Result<(), NotAccepted>, key: String| {
        if let Err(not) = verdict {
            let pointer = format!("{}/{key}", at.pointer);
            let rule = Some(not.rule.0.to_owned());
            problems.push(SettingsRefused { rule, pointer, detail: advice(not.why, side) });
        }
    };
    // Accepting is about a change. One that stays is looked at again only when this change disconnects it.
    let lost = |was: Option<AppId>, named: Option<AppId>, is: Option<AppId>| {
        named.is_some() && was == named && is.is_none()
    };
    let turned = was.profile != is.profile;
    let default =
        turned || was.default != is.default || lost(was.default_app(), is.default, is.default_app());
    let primary = turned
        || was.primary != is.primary
        || lost(was.primary_receiver(), is.primary, is.primary_receiver());
    // Of two that exclude each other, the one that is new is refused.
    let both = is.primary.is_some() && is.default.is_some();
    if default && !(both && was.default.is_some()) {
        check(setup::default_app(is), format!("{name}/default_app"));
    }
    if (primary || both) && !(both && default && was.default.is_none()) {
        check(setup::primary_receiver(is), format!("{name}/primary_receiver"));
    }
    check(setup::route(is, was.organic, is.organic), format!("{name}/organic_app"));
    for (index, link) in page.links.iter().enumerate().filter(|(_, link)| link.on == kept(side)) {
        let old = was.links.iter().find(|old| *old.reference == *link.reference).map(|old| old.app);
        check(setup::route(is, old, Some(link.app)), format!("links/{index}"));
    }
}

/// What to do about it.
fn advice(why: Why, side: Surface) -> String {
    let permission = side.permission();
    let text = match why {
        Why::DefaultNotConnected => {
            return format!(
                "the default app must be connected to the page with the permission `{permission}`: \
                 add it to `connections`, or name another app or \"inbox\""
            );
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
            return format!(
                "the primary receiver must be connected to the page with the permission `{permission}`: \
                 add it to `connections`, or name another app"
            );
        }
        Why::DefaultAndPrimary => {
            "a page has a default app (Conversation Routing) or a primary receiver (Handover Protocol), \
             never both: remove one of the two"
        }
        Why::DefaultInLegacy => {
            "the profile \"legacy\" is the Handover Protocol, which has no default app: remove one of the two"
        }
        Why::PrimaryWithoutHandover => match side {
            Surface::Messenger => {
                "the profile \"2025\" has no Handover Protocol, so no primary receiver: remove one of the two"
            }
            Surface::Instagram => {
                "a primary receiver is the Handover Protocol's, which Instagram has in the profile \"legacy\" \
                 alone: set `profile = \"legacy\"`, or use `default_app`"
            }
        },
        Why::RouteWithoutDefault => {
            "a link route or organic route needs a default app on the page: set `default_app` too"
        }
    };
    text.to_owned()
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
