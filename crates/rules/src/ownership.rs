//! Who may see who is in control and who has which role: the answers of `thread_owner` (OWN rules),
//! `is_owner` (3.15) and `secondary_receivers` (3.9), and what a change of settings tells apps of their roles
//! (HOP-ROLE-1).

use crate::ids::{AppId, Timestamp};
use crate::refusal::Refusal;
use crate::routing::{Fields, Mode, Routing};
use crate::row::Rule;
use crate::thread::{Thread, standing};
use crate::window::DAY;

/// What `thread_owner` answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OwnerSeen {
    /// The row.
    pub rule: Rule,
    /// The list's one element, if it has one.
    pub element: Option<OwnerElement>,
}

/// The element of the answer's list. Who waits for control is no part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OwnerElement {
    /// The owner, where the caller may know.
    pub app: Option<AppId>,
    /// When control lapses.
    pub expiration: Option<Timestamp>,
}

/// What `caller` sees of the owner of a thread.
pub fn thread_owner(routing: &Routing, thread: &Thread, caller: AppId, now: Timestamp) -> OwnerSeen {
    let stands = standing(routing, thread, now);
    let seen = |rule, app, expiration| OwnerSeen {
        rule: Rule(rule),
        element: Some(OwnerElement { app, expiration }),
    };
    let nothing = |rule| OwnerSeen { rule: Rule(rule), element: None };
    match routing.mode() {
        Mode::HandoverPrimary | Mode::HandoverOpen => match stands.owner {
            Some(owner) => seen("OWN-5", Some(owner), stands.expires_at),
            None => nothing("OWN-6"),
        },
        Mode::MessengerRouting | Mode::InstagramRouting | Mode::MessengerRouting2025 => {
            let default = routing.default_app();
            let knows = stands.owner == Some(caller) || default == Some(caller);
            if routing.fallback(routing.mode()).is_some() && stands.owner == default {
                // OWN-4: this control does not lapse; what is reported is the last user message + 24 h.
                let reported = thread.last_heard.map(|heard| heard.plus_seconds(DAY).whole_second());
                let running = reported.filter(|until| now < *until);
                return match (knows, running) {
                    (true, _) => seen("OWN-4", default, reported),
                    (false, Some(until)) => seen("OWN-4", None, Some(until)),
                    (false, None) => nothing("OWN-4"),
                };
            }
            match stands.owner {
                Some(owner) if knows => seen("OWN-1", Some(owner), stands.expires_at),
                Some(_) => seen("OWN-2", None, stands.expires_at),
                None => nothing("OWN-3"),
            }
        }
        Mode::ZeroConfig | Mode::MessengerZeroConfig => match stands.owner {
            Some(owner) if owner == caller => seen("OWN-7", Some(owner), stands.expires_at),
            Some(_) => seen("OWN-7", None, stands.expires_at),
            None => nothing("OWN-6"),
        },
    }
}

/// `is_owner` of a conversation (3.15): whether `caller` controls it. None where there is no Conversation Routing:
/// the field is not there.
pub fn is_owner(routing: &Routing, thread: &Thread, caller: AppId, now: Timestamp) -> Option<bool> {
    routing.mode().is_routing().then(|| standing(routing, thread, now).owner == Some(caller))
}

/// `secondary_receivers` (3.9): every app but the primary receiver that is connected here, the inbox included,
/// for the primary receiver alone. A refusal names the entry of the catalogue that stands for its row.
pub fn secondary_receivers(routing: &Routing, caller: AppId) -> Result<Vec<AppId>, (Rule, Refusal)> {
    let denied = |rule, why| Err((Rule(rule), why));
    if routing.app(caller).is_none() {
        return denied("API-13", Refusal::Permission);
    }
    match routing.mode() {
        Mode::MessengerRouting => denied("E-HOP-DISABLED", Refusal::HandoverDisabled),
        Mode::HandoverOpen
        | Mode::InstagramRouting
        | Mode::ZeroConfig
        | Mode::MessengerRouting2025
        | Mode::MessengerZeroConfig => denied("E-ROLE", Refusal::NoRoles),
        Mode::HandoverPrimary if routing.primary_receiver() != Some(caller) => {
            denied("E-SECVIS", Refusal::SecondariesHidden)
        }
        Mode::HandoverPrimary => {
            let others = routing.apps.iter().map(|app| app.id).filter(|app| *app != caller);
            Ok(others.chain([routing.inbox()]).collect())
        }
    }
}

/// A role in the Handover Protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// `primary_receiver`.
    Primary,
    /// `secondary_receiver`.
    Secondary,
}

impl Role {
    /// The platform's name.
    pub const fn name(self) -> &'static str {
        match self {
            Role::Primary => "primary_receiver",
            Role::Secondary => "secondary_receiver",
        }
    }
}

/// HOP-ROLE-1, WH-ROLE-1, WH-ROLE-2: which connected and subscribed apps' roles a change of settings changed,
/// with the roles they have now. No role: the roles ended with the removal of the primary receiver.
pub fn roles_changed(before: &Routing, after: &Routing) -> Vec<(AppId, Option<Role>)> {
    let role = |routing: &Routing, app: AppId| match routing.mode() {
        Mode::HandoverPrimary if routing.primary_receiver() == Some(app) => Some(Role::Primary),
        Mode::HandoverPrimary if routing.app(app).is_some() => Some(Role::Secondary),
        Mode::HandoverPrimary
        | Mode::HandoverOpen
        | Mode::MessengerRouting
        | Mode::InstagramRouting
        | Mode::ZeroConfig
        | Mode::MessengerRouting2025
        | Mode::MessengerZeroConfig => None,
    };
    if !after.mode().is_handover() {
        return Vec::new();
    }
    let subscribed = after.apps.iter().filter(|app| app.fields.has(Fields::MESSAGING_HANDOVERS));
    subscribed
        .map(|app| app.id)
        .map(|app| (app, role(before, app), role(after, app)))
        .filter(|(_, was, is)| was != is)
        .map(|(app, _, is)| (app, is))
        .collect()
}
