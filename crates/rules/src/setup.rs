//! What a change of a page's settings may do: the rules SET-1, SET-2, SET-4, MODE-1 and MODE-2. Pure, like every
//! rule: the settings as they would be go in, a verdict comes out. What the settings then mean is derived
//! from them alone ([`Routing::mode`]).

use crate::ids::{AppId, Surface};
use crate::routing::{Fields, Profile, Routing};
use crate::row::Rule;

/// A setting that was not accepted; nothing changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAccepted {
    /// The rule.
    pub rule: Rule,
    /// Which part of it.
    pub why: Why,
}

/// Why a setting was not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Why {
    /// The default app is neither the inbox nor connected (its token's permission included, API-13).
    DefaultNotConnected,
    /// The default app hears nothing: it is subscribed to no messaging field.
    DefaultHearsNothing,
    /// Messaging is off.
    MessagingOff,
    /// No app is connected.
    NobodyConnected,
    /// The primary receiver is an inbox.
    PrimaryIsInbox,
    /// The primary receiver is not connected.
    PrimaryNotConnected,
    /// There is a default app and a primary receiver.
    DefaultAndPrimary,
    /// A default app in the profile `legacy`, which is the Handover Protocol.
    DefaultInLegacy,
    /// A primary receiver where there is no Handover Protocol: on Instagram without the profile `legacy`, on
    /// Messenger in the profile `2025`.
    PrimaryWithoutHandover,
    /// A link route or the organic route, without a default app.
    RouteWithoutDefault,
}

impl Why {
    /// Every reason with its rule.
    pub const ALL: &'static [(Why, Rule)] = &[
        (Why::DefaultNotConnected, Rule("SET-1")),
        (Why::DefaultHearsNothing, Rule("SET-1")),
        (Why::MessagingOff, Rule("SET-1")),
        (Why::NobodyConnected, Rule("SET-1")),
        (Why::PrimaryIsInbox, Rule("SET-2")),
        (Why::PrimaryNotConnected, Rule("SET-2")),
        (Why::DefaultAndPrimary, Rule("SET-2")),
        (Why::DefaultInLegacy, Rule("MODE-1")),
        (Why::PrimaryWithoutHandover, Rule("MODE-1")),
        (Why::RouteWithoutDefault, Rule("SET-4")),
    ];

    fn refuse(self) -> Result<(), NotAccepted> {
        let rule = Self::ALL.iter().find(|(why, _)| *why == self).map_or(Rule("SET-1"), |(_, rule)| *rule);
        Err(NotAccepted { rule, why: self })
    }
}

/// SET-1, SET-2, MODE-1: whether a surface may get its default app. `after` is the surface as it would be.
pub fn default_app(after: &Routing) -> Result<(), NotAccepted> {
    let Some(default) = after.default else { return Ok(()) };
    if (after.surface, after.profile) == (Surface::Instagram, Profile::Legacy) {
        return Why::DefaultInLegacy.refuse();
    }
    if after.primary.is_some() {
        return Why::DefaultAndPrimary.refuse();
    }
    if !after.messaging_enabled {
        return Why::MessagingOff.refuse();
    }
    if default != after.inbox() {
        match after.app(default) {
            None => return Why::DefaultNotConnected.refuse(),
            Some(app) if !hears_messages(app.fields) => return Why::DefaultHearsNothing.refuse(),
            Some(_) => {}
        }
    }
    if after.apps.is_empty() { Why::NobodyConnected.refuse() } else { Ok(()) }
}

/// A messaging field is any but `standby`, which is no field of its own but another way to hear them.
fn hears_messages(fields: Fields) -> bool {
    let mut known = Fields::ALL.iter().map(|(field, _)| *field);
    known.any(|field| field != Fields::STANDBY && fields.has(field))
}

/// SET-2, MODE-1: whether a surface may get its primary receiver. `after` is the surface as it would be.
pub fn primary_receiver(after: &Routing) -> Result<(), NotAccepted> {
    let has_handover = match after.surface {
        Surface::Messenger => after.profile != Profile::Page2025,
        Surface::Instagram => after.profile == Profile::Legacy,
    };
    match after.primary {
        None => Ok(()),
        Some(_) if !has_handover => Why::PrimaryWithoutHandover.refuse(),
        Some(primary) if primary.is_inbox() => Why::PrimaryIsInbox.refuse(),
        Some(_) if after.default.is_some() => Why::DefaultAndPrimary.refuse(),
        Some(primary) if after.app(primary).is_none() => Why::PrimaryNotConnected.refuse(),
        Some(_) => Ok(()),
    }
}

/// SET-4: whether a link route or the organic route may be this app: without a default app only as it was
/// before, where it has no effect.
pub fn route(after: &Routing, before: Option<AppId>, wanted: Option<AppId>) -> Result<(), NotAccepted> {
    if wanted.is_none() || wanted == before || after.default_app().is_some() {
        Ok(())
    } else {
        Why::RouteWithoutDefault.refuse()
    }
}

/// MODE-2: the fields of a connection after a change, where `first_default` says that the change sets a
/// default app on a page that never had one. A change that names the fields means them.
#[must_use]
pub fn subscribed(kept: Fields, named: Option<Fields>, first_default: bool) -> Fields {
    match named {
        Some(named) => named,
        None if first_default => kept.with(Fields::STANDBY),
        None => kept,
    }
}
