//! What a change of settings means, one after another: the part of the model that is no thread's. What is accepted
//! is asked of `baton_rules::setup`, as the server does; everything else is said here a second time.

use std::sync::Arc;

use baton_rules::setup::{self, NotAccepted};
use baton_rules::{AppId, ConnectedApp, Fields, Routing};
use baton_server::routing_file::token_hash;
use serde_json::{Value, json};

use crate::history::{Change, Document, Item, Patch, Told, Wanted, Whole};
use crate::model::State;
use crate::page::PageState;

/// What the operator reads.
pub(crate) fn read(state: &State, item: &Item) -> Told {
    match document(state, item) {
        Some(body) => (200, body),
        None => (404, json!({"slug": "not-found", "rule": null})),
    }
}

/// Changes the settings, or refuses.
pub(crate) fn change(next: &mut State, change: &Change, if_match: Option<&Document>) -> Told {
    let item = item(change);
    let there = document(next, &item);
    if let Some(known) = if_match
        && there.as_ref() != Some(&known.body)
    {
        return (412, json!({"slug": "precondition-failed", "rule": null}));
    }
    if there.is_none() && matches!(change, Change::Disconnect { .. }) {
        return (404, json!({"slug": "not-found", "rule": null}));
    }
    match changed(next, change) {
        Err(refused) => (409, json!({"slug": "settings-refused", "rule": refused.rule.0})),
        Ok(pages) => {
            if pages != *next.pages {
                next.version += 1;
                next.pages = Arc::new(pages);
            }
            match change {
                Change::Disconnect { .. } => (204, Value::Null),
                Change::Routing { .. } => (200, Value::Null),
                Change::Connect { .. } if there.is_none() => (201, document(next, &item).unwrap()),
                Change::Connect { .. } | Change::Page { .. } => (200, document(next, &item).unwrap()),
            }
        }
    }
}

/// The document that a change is about.
pub(crate) fn item(change: &Change) -> Item {
    match change {
        Change::Page { page, .. } => Item::Page(*page),
        Change::Connect { page, app, .. } | Change::Disconnect { page, app } => Item::Connection(*page, *app),
        Change::Routing { .. } => Item::Routing,
    }
}

fn document(state: &State, item: &Item) -> Option<Value> {
    match item {
        Item::Page(page) => Some(state.page(*page).document()),
        Item::Connection(page, app) => state.page(*page).connection_document(*app),
        Item::Routing => Some(state.pages.iter().map(PageState::document).collect()),
    }
}

/// The pages as they become.
fn changed(state: &State, change: &Change) -> Result<Vec<PageState>, NotAccepted> {
    let mut pages = Vec::clone(&state.pages);
    let anew = u32::try_from(state.version + 1).unwrap();
    let mut each = |id, edit: &dyn Fn(&mut PageState)| {
        let page: &mut PageState = pages.iter_mut().find(|page| page.id == id).unwrap();
        let before = page.clone();
        edit(page);
        accepted(&before.routing, &page.routing)
    };
    match change {
        Change::Page { page, patch } => each(*page, &|page| patched(page, patch))?,
        Change::Connect { page, app, to } => each(*page, &|page| connect(page, *app, to, anew))?,
        Change::Disconnect { page, app } => each(*page, &|page| disconnect(page, *app))?,
        Change::Routing { pages } => {
            let refused = pages.iter().map(|(id, whole)| each(*id, &|page| replaced(page, whole, anew)));
            // Of several that are refused, the first one's rule is told.
            refused.collect::<Vec<_>>().into_iter().collect::<Result<(), _>>()?;
        }
    }
    Ok(pages)
}

fn patched(page: &mut PageState, patch: &Patch) {
    let routing = &mut page.routing;
    routing.default = patch.default.unwrap_or(routing.default);
    routing.primary = patch.primary.unwrap_or(routing.primary);
    routing.messaging_enabled = patch.enabled.unwrap_or(routing.messaging_enabled);
    routing.inbox_move_to_main = patch.move_to_main.unwrap_or(routing.inbox_move_to_main);
    if routing.default.is_some() && !page.had_default {
        // MODE-2
        page.had_default = true;
        for app in &mut routing.apps {
            app.fields = app.fields.with(Fields::STANDBY);
        }
    }
}

fn connect(page: &mut PageState, app: AppId, to: &Wanted, anew: u32) {
    page.tokens.retain(|(holder, _)| *holder != app);
    page.tokens.push((app, token_hash(&to.token)));
    let kept = page.routing.apps.iter_mut().find(|known| known.id == app);
    match kept {
        Some(known) => {
            (known.fields, known.standby, known.take_control) = (to.fields, to.standby, to.take_control);
        }
        None => page.routing.apps.push(ConnectedApp {
            id: app,
            connection: anew,
            fields: to.fields,
            standby: to.standby,
            take_control: to.take_control,
            human_agent: crate::apps::is_human_agent(app),
            testers: None,
        }),
    }
    in_order(page);
}

fn disconnect(page: &mut PageState, app: AppId) {
    page.tokens.retain(|(holder, _)| *holder != app);
    page.routing.apps.retain(|known| known.id != app);
    // MODE-4: what names an app that goes, goes with it.
    page.routing.default = page.routing.default.filter(|default| *default != app);
    page.routing.primary = page.routing.primary.filter(|primary| *primary != app);
}

fn replaced(page: &mut PageState, whole: &Whole, anew: u32) {
    let kept = std::mem::take(&mut page.routing.apps);
    page.tokens.clear();
    for (app, to) in &whole.connections {
        page.routing.apps.extend(kept.iter().find(|known| known.id == *app).cloned());
        connect(page, *app, to, anew);
    }
    let routing = &mut page.routing;
    (routing.default, routing.primary) = (whole.default, whole.primary);
    (routing.messaging_enabled, routing.inbox_move_to_main) = (whole.enabled, whole.move_to_main);
    page.had_default |= whole.default.is_some();
}

/// Tokens stand in the order of the connections.
fn in_order(page: &mut PageState) {
    let PageState { routing, tokens, .. } = page;
    tokens.sort_by_key(|(holder, _)| routing.apps.iter().position(|known| known.id == *holder));
}

/// SET-1 and SET-2, of what a change sets or disconnects.
fn accepted(was: &Routing, is: &Routing) -> Result<(), NotAccepted> {
    let lost = |was: Option<AppId>, named: Option<AppId>, is: Option<AppId>| {
        named.is_some() && was == named && is.is_none()
    };
    let default = was.default != is.default || lost(was.default_app(), is.default, is.default_app());
    let primary =
        was.primary != is.primary || lost(was.primary_receiver(), is.primary, is.primary_receiver());
    let both = is.primary.is_some() && is.default.is_some();
    if default && !(is.primary.is_some() && was.default.is_some()) {
        setup::default_app(is)
    } else if primary || both {
        setup::primary_receiver(is)
    } else {
        Ok(())
    }
}
