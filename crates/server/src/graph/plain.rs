//! Plain words for people, beside an error that a client's program reads: who is in control, until when, and
//! which call would have worked.

use baton_engine::ThreadSeen;
use baton_rules::{Mode, Profile, Refusal, Refused, Routing};
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
        Refusal::HandoverDisabled if refused.by.is_some_and(|by| stands.owner == Some(by.number())) => {
            "That is this app: it can send, pass_thread_control and release_thread_control."
        }
        Refusal::SendOther
        | Refusal::NotThreadOwner
        | Refusal::PassNotOwner
        | Refusal::HandoverDisabled
        | Refusal::RequestOff => how_to_get_it(refused, routing),
        Refusal::ExtendNotOwner if mode.is_routing() => how_to_get_it(refused, routing),
        Refusal::ReleaseNotOwner => "This app has no control here, so there is nothing to release.",
        Refusal::TakeDenied if mode.is_routing() => how_to_get_it(refused, routing),
        Refusal::TakeOff if idle => "request_thread_control gives this app control at once.",
        Refusal::TakeOff => "request_thread_control asks for control.",
        Refusal::TakeDenied => {
            "Only the primary receiver takes control from its owner. request_thread_control asks for it."
        }
        Refusal::AlreadyOwner => "That is this app: it can send, pass and release.",
        Refusal::ExtendNotOwner
        | Refusal::NoUserMenu
        | Refusal::NoSuchEdge
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
        | Refusal::NotifiedLately
        | Refusal::NotificationsStopped
        | Refusal::AdNotAvailable => return None,
    };
    Some(text)
}

/// How an app that has no control of an owned conversation gets it where Conversation Routing is on. On Messenger it is
/// taken by sending alone (MCR-TAKE-1, MCR-REQ-1); elsewhere there is a call, and on Instagram one may ask too.
fn how_to_get_it(refused: Refused, routing: &Routing) -> &'static str {
    let mut own = routing.apps.iter().filter(|app| Some(app.id) == refused.by);
    let may_take = own.any(|app| app.take_control);
    match (routing.mode(), routing.profile, may_take) {
        (Mode::MessengerRouting, _, true) => {
            "This app is allowed to take control of conversations (take_control): a message that it sends takes control."
        }
        (Mode::MessengerRouting, _, false) => {
            "It must pass or release control first. An app that an operator allows to take control of \
             conversations (take_control) takes control by sending."
        }
        (_, _, true) => {
            "This app is allowed to take control of conversations (take_control): take_thread_control takes it."
        }
        (Mode::InstagramRouting, Profile::Documents | Profile::Page2025 | Profile::Legacy, false) => {
            "request_thread_control asks for control. An app that an operator allows to take control of conversations \
             (take_control) takes it with take_thread_control."
        }
        (_, _, false) => {
            "It must pass or release control first. An app that an operator allows to take control of \
             conversations (take_control) takes it with take_thread_control."
        }
    }
}

#[cfg(test)]
mod tests {
    use baton_rules::build::{account, app, page};
    use baton_rules::{Cause, Rule};

    use super::*;

    /// What an app is told that asks for control of a conversation which another one has.
    fn told(why: Refusal, routing: &Routing) -> &'static str {
        let by = Some(app("desk"));
        let refused = Refused { rule: Rule("API-8"), via: None, why, cause: Cause::Request, by };
        let stands = ThreadSeen { owner: Some(app("bot").number()), expires_at: None };
        what_works(refused, routing, &stands).unwrap()
    }

    #[test]
    fn each_mode_names_the_call_that_works_there() {
        let desk = |page: baton_rules::build::Page, may_take: bool| {
            page.app("bot").app_with("desk", |app| app.take_control = may_take).default_app("bot").routing()
        };
        let table = [
            (desk(page(), true), "a message that it sends takes control"),
            (desk(page(), false), "takes control by sending"),
            (desk(account(), true), "take_thread_control takes it."),
            (desk(account(), false), "request_thread_control asks for control."),
            (desk(account().profile(Profile::Page2026), false), "takes it with take_thread_control"),
            (desk(page().profile(Profile::Page2025), true), "take_thread_control takes it."),
            (desk(page().profile(Profile::Page2025), false), "takes it with take_thread_control"),
        ];
        let ways =
            [Refusal::SendOther, Refusal::NotThreadOwner, Refusal::PassNotOwner, Refusal::HandoverDisabled];
        for (routing, words) in &table {
            for why in
                ways.into_iter().chain([Refusal::RequestOff, Refusal::ExtendNotOwner, Refusal::TakeDenied])
            {
                let said = told(why, routing);
                assert!(said.contains(words), "{:?} {why:?}: {said}", routing.mode());
            }
            let asks = told(Refusal::SendOther, routing).contains("request_thread_control");
            let may_ask = routing.mode() == Mode::InstagramRouting && routing.profile != Profile::Page2026;
            assert!(!asks || may_ask, "a call that is refused there: {:?}", routing.mode());
        }
        let nobody_leads = account().app("bot").app("desk").routing();
        assert_eq!(told(Refusal::TakeOff, &nobody_leads), "request_thread_control asks for control.");
    }
}
