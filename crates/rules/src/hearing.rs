//! Why an app is not told of an event: what `notices` decides, looked at from the side of those who hear nothing.

use crate::ids::{AppId, Surface};
use crate::notices::listens;
use crate::routing::{Fields, Mode, Routing};
use crate::row::Rule;

/// Why an app is not told, by the settings as they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Unheard {
    /// It is not connected to the page.
    NotConnected,
    /// A control event is told to those whom it concerns, and to nobody else (WH-9).
    NotConcerned,
    /// It is not subscribed to the field of this event.
    NotSubscribed(&'static str),
    /// It does not lead, and standby does not carry this kind of event (SB-3).
    NotInStandby,
    /// It does not lead, and has no access to standby (SB-1).
    StandbyOff,
    /// It does not lead, has access to standby, and is not subscribed to the field `standby` (SB-1).
    NotSubscribedToStandby,
    /// Nothing of the settings as they are keeps it from it: they, or who was in control, were others then.
    NotAnyMore,
}

impl Unheard {
    /// The row of the specification that says so.
    pub const fn rule(self) -> Option<Rule> {
        match self {
            Unheard::NotConnected | Unheard::NotAnyMore => None,
            Unheard::NotConcerned => Some(Rule("WH-9")),
            Unheard::NotInStandby => Some(Rule("SB-3")),
            Unheard::NotSubscribed(_) | Unheard::StandbyOff | Unheard::NotSubscribedToStandby => {
                Some(Rule("SB-1"))
            }
        }
    }
}

/// An event that was told to some.
#[derive(Clone, Copy, Debug)]
pub struct Heard<'a> {
    /// The platform's name of it.
    pub event: &'a str,
    /// The app that spoke; none: a person.
    pub by: Option<AppId>,
    /// Who was in control when it was told.
    pub owner: Option<AppId>,
}

/// Fields of what happens to the page outside of its conversations.
const PAGES_OWN: [Fields; 3] = [Fields::FEED, Fields::COMMENTS, Fields::LIVE_COMMENTS];

/// Why an app is not told of an event by which nobody else is kept from it.
pub fn unheard(routing: &Routing, app: AppId, heard: Heard<'_>) -> Unheard {
    let Some(connected) = routing.app(app) else { return Unheard::NotConnected };
    let Some(field) = Fields::named(heard.event) else { return Unheard::NotConcerned };
    let name = Fields::ALL.iter().find(|(known, _)| *known == field).map_or("", |(_, name)| *name);
    if PAGES_OWN.contains(&field) {
        // WH-CMT-1: no conversation, so nobody leads.
        let lacks = !connected.fields.has(field);
        return if lacks { Unheard::NotSubscribed(name) } else { Unheard::NotAnyMore };
    }
    let is_echo = heard.by.is_some();
    let leads = heard.by.or(heard.owner).or(routing.leader(routing.mode())) == Some(app);
    let open = heard.owner.is_none() && routing.mode().is_open();
    let lacks = !connected.fields.has(field);
    let carried = in_standby(field, is_echo, routing.surface);
    if is_echo && lacks {
        return Unheard::NotSubscribed(name);
    }
    if leads || open {
        // SB-2: who has no other ear in the Handover Protocol overhears an open thread.
        let overhears = open && routing.mode() == Mode::HandoverOpen && carried && listens(connected);
        return if lacks && !overhears { Unheard::NotSubscribed(name) } else { Unheard::NotAnyMore };
    }
    if !carried {
        return Unheard::NotInStandby;
    }
    if !connected.standby {
        return Unheard::StandbyOff;
    }
    if !connected.fields.has(Fields::STANDBY) {
        return Unheard::NotSubscribedToStandby;
    }
    Unheard::NotAnyMore
}

/// Whether standby carries the events of a field (SB-3, SB-7).
fn in_standby(field: Fields, is_echo: bool, surface: Surface) -> bool {
    let carried = Fields::MESSAGES
        .with(Fields::MESSAGING_POSTBACKS)
        .with(Fields::MESSAGING_REFERRALS)
        .with(Fields::MESSAGE_READS)
        .with(Fields::MESSAGE_DELIVERIES);
    let echoes = match surface {
        Surface::Messenger => Fields::MESSAGE_ECHOES,
        Surface::Instagram => Fields::MESSAGES,
    };
    if is_echo { echoes.has(field) } else { carried.has(field) }
}
