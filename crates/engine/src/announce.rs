//! What a change of settings tells apps: their roles in the Handover Protocol (HOP-ROLE-1). Pure.

use baton_rules::{Channel, Form, Notice, Routing, Surface, roles_changed};
use baton_store::{Announcement, Chain, Changing};
use baton_wire::webhook;

use crate::webhook::account;

/// One announcement for each app whose role changed on a page of this stream: each sees only its own.
pub(crate) fn roles(change: &Changing<'_>) -> Vec<Announcement> {
    let surfaces = [Surface::Messenger, Surface::Instagram];
    let pages = change.after.pages.iter().flat_map(|page| surfaces.map(|surface| (page.id, surface)));
    let mut told = Vec::new();
    for (page, surface) in pages {
        let chain = Chain::Page(page, surface);
        if chain.stream(change.streams) != change.stream {
            continue;
        }
        let Some(after) = change.after.routing(page, surface) else { continue };
        let new = Routing::new(surface);
        let before = change.before.routing(page, surface).map_or(&new, |before| before);
        let account = account(change.after, page, surface);
        for (app, role) in roles_changed(before, after) {
            let item = webhook::app_roles(account, app, role, change.at);
            told.push(Announcement {
                chain: chain.clone(),
                rule: "HOP-ROLE-1".into(),
                event: item.event.into(),
                notices: vec![Notice { app, channel: Channel::Messaging, form: Form::Whole, context: false }],
                whole: item.whole,
            });
        }
    }
    told
}
