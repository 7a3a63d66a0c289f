//! Plain words for people, beside an error that a client's program reads: who is in control, until when, and
//! which call would have worked.

use baton_engine::ThreadSeen;
use baton_rules::{Refusal, Refused, Routing};
use baton_wire::GraphError;

use crate::api::time;

/// The error of a refusal with what this conversation needs said. `owner` is the name of the app in control,
/// where the caller may know it. Refusals that have nothing to do with who is in control keep their words.
pub(crate) fn in_plain_words(
    error: GraphError,
    refused: Refused,
    routing: &Routing,
    stands: &ThreadSeen,
    owner: Option<&str>,
) -> GraphError {
    let Some(works) = what_works(refused, routing, stands) else { return error };
    let Some((title, _)) = error.plain.clone() else { return error };
    let who = match (stands.owner, owner) {
        (None, _) => "No app controls this conversation".to_owned(),
        (Some(_), Some(name)) => format!("{name} controls this conversation"),
        (Some(_), None) => "Another app controls this conversation".to_owned(),
    };
    let who: String = who.chars().take(1).flat_map(char::to_uppercase).chain(who.chars().skip(1)).collect();
    let until = stands.expires_at.map(|at| format!(" until {}", time::text(at))).unwrap_or_default();
    error.with_plain(&title, &format!("{who}{until}. {works}"))
}

/// Which call would have worked; none where that does not depend on who is in control.
fn what_works(refused: Refused, routing: &Routing, stands: &ThreadSeen) -> Option<&'static str> {
    let mode = routing.mode();
    let handover = mode.is_handover();
    let is_primary = handover && refused.by.is_some() && routing.primary_receiver() == refused.by;
    let idle = stands.owner.is_none();
    let text = match refused.why {
        Refusal::SendOther | Refusal::PassNotOwner | Refusal::ExtendNotOwner if is_primary => {
            "This app is the primary receiver: take_thread_control takes control."
        }
        Refusal::ExtendNotOwner if handover && idle => {
            "take_thread_control gives this app control for 24 hours."
        }
        Refusal::PassNotOwner if !mode.is_routing() => {
            "Only the app in control passes it on. request_thread_control asks for control."
        }
        Refusal::ExtendNotOwner if !mode.is_routing() => {
            "Only the app in control extends it. request_thread_control asks for control."
        }
        Refusal::SendOther | Refusal::NotThreadOwner if !mode.is_routing() => {
            "request_thread_control asks for control; once it is released or has lapsed, every app may send."
        }
        Refusal::NotThreadOwner | Refusal::SendOther | Refusal::PassNotOwner | Refusal::ExtendNotOwner
            if idle && mode.is_routing() =>
        {
            "pass_thread_control with this app as target_app_id gives it control of an idle conversation."
        }
        Refusal::SendOther | Refusal::NotThreadOwner => {
            "It must pass or release control first. An app that an operator allows to take control of \
             conversations (take_control) takes control by sending."
        }
        Refusal::PassNotOwner => "Only the app in control can pass it on.",
        Refusal::ReleaseNotOwner => "This app has no control here, so there is nothing to release.",
        Refusal::TakeDenied if mode.is_routing() => {
            "Only an app that an operator allows to take control of conversations (take_control) takes it."
        }
        Refusal::TakeDenied => {
            "Only the primary receiver takes control from its owner. request_thread_control asks for it."
        }
        Refusal::AlreadyOwner => "That is this app: it can send, pass and release.",
        Refusal::ExtendNotOwner
        | Refusal::TakeOff
        | Refusal::RequestOff
        | Refusal::NoUserMenu
        | Refusal::NoSuchEdge
        | Refusal::HandoverDisabled
        | Refusal::UnknownApp
        | Refusal::UnknownPerson
        | Refusal::TargetMissing
        | Refusal::Duration
        | Refusal::ThreadControlBoth
        | Refusal::ThreadControlValue
        | Refusal::ThreadControlMode
        | Refusal::MenuPrimaryOnly
        | Refusal::NoRoles
        | Refusal::SecondariesHidden
        | Refusal::WindowClosed
        | Refusal::HumanAgentNotApproved
        | Refusal::RetiredTag
        | Refusal::Permission
        | Refusal::NotLive
        | Refusal::CommentInvalid
        | Refusal::AdNotAvailable => return None,
    };
    Some(text)
}
