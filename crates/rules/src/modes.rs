//! One file for each rule book; each reads like its table in `docs/protocol/thread-control.md`, row by row.
//! A new mode is a file here, a variant of `Mode`, and the arms the compiler then asks for.

mod handover;
mod instagram_routing;
mod messenger_routing;
mod profile_2025;
mod zero_config;

use crate::action::{Ask, Desk, Did};
use crate::routing::Mode;
use crate::row::{Case, Row};

/// What a person does.
pub(crate) fn person(c: &Case<'_>, did: &Did<'_>) -> Row {
    match c.mode {
        Mode::HandoverPrimary | Mode::HandoverOpen => handover::person(c, did),
        Mode::MessengerRouting => messenger_routing::person(c, did),
        Mode::InstagramRouting => instagram_routing::person(c, did),
        Mode::ZeroConfig => zero_config::person(c, did),
        Mode::MessengerRouting2025 => profile_2025::routing::person(c, did),
        Mode::MessengerZeroConfig => profile_2025::zero_config::person(c, did),
    }
}

/// What an app asks.
pub(crate) fn app(c: &Case<'_>, ask: Ask) -> Row {
    match c.mode {
        Mode::HandoverPrimary | Mode::HandoverOpen => handover::app(c, ask),
        Mode::MessengerRouting => messenger_routing::app(c, ask),
        Mode::InstagramRouting => instagram_routing::app(c, ask),
        Mode::ZeroConfig => zero_config::app(c, ask),
        Mode::MessengerRouting2025 => profile_2025::routing::app(c, ask),
        Mode::MessengerZeroConfig => profile_2025::zero_config::app(c, ask),
    }
}

/// What somebody does in the inbox.
pub(crate) fn inbox(c: &Case<'_>, desk: Desk) -> Row {
    match c.mode {
        Mode::HandoverPrimary | Mode::HandoverOpen => handover::inbox(c, desk),
        Mode::MessengerRouting => messenger_routing::inbox(c, desk),
        Mode::InstagramRouting => instagram_routing::inbox(c, desk),
        Mode::ZeroConfig => zero_config::inbox(c, desk),
        Mode::MessengerRouting2025 => profile_2025::routing::inbox(c, desk),
        Mode::MessengerZeroConfig => profile_2025::zero_config::inbox(c, desk),
    }
}

/// A survey that was held back, now that it is due. Only the Handover Protocol holds surveys; one that it held waits
/// by its rules wherever there is an idle to wait for.
pub(crate) fn survey(c: &Case<'_>) -> Row {
    match c.mode {
        Mode::HandoverPrimary
        | Mode::HandoverOpen
        | Mode::InstagramRouting
        | Mode::ZeroConfig
        | Mode::MessengerRouting2025
        | Mode::MessengerZeroConfig => handover::survey(c),
        Mode::MessengerRouting => messenger_routing::survey(),
    }
}
