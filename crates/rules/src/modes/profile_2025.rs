//! Messenger by the page of 2025, rules M25-* and ZCM-*: the tables of Instagram with Messenger's errors and
//! menus. A thread may be idle, and apps with the permission take.
//!
//! Each row says which rule of section 5.5 brings it, and by which row of sections 5.3 or 5.4 it is decided.

use crate::action::Ask;
use crate::refusal::Refusal;
use crate::row::{Case, Row, no, ok};

/// M25-1, ZCM-1: what Messenger says where Instagram says E-IG-NOTOWNER.
fn with_messengers_error(ask: Ask, mut row: Row) -> Row {
    if row.refusal == Some(Refusal::NotThreadOwner) {
        row.refusal = Some(match ask {
            Ask::Pass { .. } => Refusal::PassNotOwner,
            Ask::Release => Refusal::ReleaseNotOwner,
            Ask::Extend { .. } => Refusal::ExtendNotOwner,
            Ask::Send(_)
            | Ask::Answer(_)
            | Ask::Take
            | Ask::Request
            | Ask::Metadata { .. }
            | Ask::SetMenu { .. } => Refusal::SendOther,
        });
    }
    row
}

/// A menu of one person's own: anybody's while the thread is idle, then the owner's, and the default app's.
#[rustfmt::skip]
fn user_menu(c: &Case<'_>) -> Row {
    match c.stands.owner {
        None                                               => ok("M25-6"),
        Some(owner) if owner == c.by                       => ok("M25-6"),
        Some(_) if c.routing.default_app() == Some(c.by)   => ok("M25-6"),
        Some(_)                                            => no("M25-6", Refusal::SendOther),
    }
}

/// MCR25: Conversation Routing.
pub(crate) mod routing {
    use super::{user_menu, with_messengers_error};
    use crate::action::{Ask, Desk, Did, MenuLevel, What};
    use crate::modes::instagram_routing as instagram;
    use crate::refusal::Refusal;
    use crate::row::{Case, Row, Way, no, ok, refer, signal};
    use crate::window::Expiry;

    /// What a person does.
    #[rustfmt::skip]
    pub(crate) fn person(c: &Case<'_>, did: &Did<'_>) -> Row {
        match (did.what, c.way(did)) {
            (What::Signal(_),         _)                                              => signal(c),
            (What::GetStarted { .. }, Way::Ad(None) | Way::Link(None) | Way::Organic) => refer("M25-4", get_started(c)),
            (_,                       _)                                              => refer("M25-1", instagram::person(c, did)),
        }
    }

    /// Get Started: as in Conversation Routing on Messenger the organic route's, whoever owns.
    #[rustfmt::skip]
    fn get_started(c: &Case<'_>) -> Row {
        let r = c.organic_app();
        ok("MCR-GS-1").owner(r).expiry(Expiry::UserW).pass_saying("").unless(r == c.default_app() || c.owned_by(r))
    }

    /// What an app asks.
    #[rustfmt::skip]
    pub(crate) fn app(c: &Case<'_>, ask: Ask) -> Row {
        let row = with_messengers_error(ask, instagram::app(c, ask));
        match ask {
            Ask::Request                              => no("M25-3", Refusal::RequestOff),
            Ask::Take | Ask::Extend { .. }            => refer("M25-3", row),
            Ask::Release                              => refer("M25-2", row),
            Ask::SetMenu { level: MenuLevel::User }   => user_menu(c),
            Ask::Answer(_)                    => row,
            Ask::Send(_) | Ask::Pass { .. } | Ask::Metadata { .. } | Ask::SetMenu { level: MenuLevel::Page }
                                                      => refer("M25-1", row),
        }
    }

    /// What somebody does in the inbox.
    #[rustfmt::skip]
    pub(crate) fn inbox(c: &Case<'_>, desk: Desk) -> Row {
        match desk {
            Desk::Reply | Desk::MoveToMain            => refer("M25-5", instagram::inbox(c, desk)),
            Desk::Done                                => refer("M25-2", instagram::inbox(c, desk)),
            Desk::Pass { to } | Desk::Grant { to }    => app(c, Ask::Pass { to: Some(to) }),
        }
    }
}

/// ZC-M: no default app.
pub(crate) mod zero_config {
    use super::{user_menu, with_messengers_error};
    use crate::action::{Ask, Desk, Did, MenuLevel, What};
    use crate::modes::zero_config as instagram;
    use crate::row::{Case, Row, refer, signal};

    /// What a person does.
    #[rustfmt::skip]
    pub(crate) fn person(c: &Case<'_>, did: &Did<'_>) -> Row {
        match did.what {
            What::Signal(_) => signal(c),
            _               => refer("ZCM-1", instagram::person(c, did)),
        }
    }

    /// What an app asks.
    #[rustfmt::skip]
    pub(crate) fn app(c: &Case<'_>, ask: Ask) -> Row {
        match ask {
            Ask::SetMenu { level: MenuLevel::User }   => user_menu(c),
            Ask::Answer(_)                    => with_messengers_error(ask, instagram::app(c, ask)),
            Ask::Send(_) | Ask::Pass { .. } | Ask::Take | Ask::Request | Ask::Release | Ask::Extend { .. } | Ask::Metadata { .. } | Ask::SetMenu { level: MenuLevel::Page }
                                                      => refer("ZCM-1", with_messengers_error(ask, instagram::app(c, ask))),
        }
    }

    /// What somebody does in the inbox.
    #[rustfmt::skip]
    pub(crate) fn inbox(c: &Case<'_>, desk: Desk) -> Row {
        match desk {
            Desk::Pass { to } | Desk::Grant { to }    => app(c, Ask::Pass { to: Some(to) }),
            Desk::Reply | Desk::MoveToMain | Desk::Done => refer("ZCM-1", instagram::inbox(c, desk)),
        }
    }
}
