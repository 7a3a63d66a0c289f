//! Who hears an event, on which channel, and how much of it: the SB rules, and the receivers of the WH rules.

use crate::action::{Did, Entry, Signal, What};
use crate::decision::{Channel, Event, EventKind, Form, Notice};
use crate::few::Few;
use crate::ids::{AppId, Surface};
use crate::routing::{ConnectedApp, Fields, Mode};
use crate::row::{Case, Hook};

/// A control event (section 4.2 to 4.6).
pub(crate) fn control_event(
    case: &Case<'_>,
    hook: Hook,
    before: Option<AppId>,
    after: Option<AppId>,
) -> Event {
    // WH-9: only subscribed apps are told, and the inbox is not. WH-1: in `messaging`.
    let hears = |app: &ConnectedApp| app.fields.has(Fields::MESSAGING_HANDOVERS);
    let notice = |app: AppId| Notice { app, channel: Channel::Messaging, form: Form::Whole, context: false };
    let only = |app: Option<AppId>| -> Few<Notice, 6> {
        let connected = app.and_then(|app| case.routing.app(app)).filter(|app| hears(app));
        connected.map(|app| notice(app.id)).into_iter().collect()
    };
    match hook {
        Hook::Pass(metadata) => {
            let to = after.unwrap_or(case.by);
            // WH-PASS-1, WH-PASS-5: the new owner and nobody else.
            Event { kind: EventKind::Passed { from: before, to, metadata }, notices: only(Some(to)) }
        }
        Hook::Take(metadata) => {
            let notices = if case.mode.is_handover() {
                // WH-TAKE-2: every subscribed app but the caller, also when the thread was idle.
                let others = case.routing.apps.iter().filter(|app| app.id != case.by && hears(app));
                others.map(|app| notice(app.id)).collect()
            } else {
                // WH-TAKE-1, WH-TAKE-3: the previous owner; nobody where the thread was idle.
                only(before)
            };
            Event { kind: EventKind::Taken { from: before, to: case.by, metadata }, notices }
        }
        Hook::Request(metadata) => {
            // WH-REQ-2: the owner. WH-REQ-1: and the primary receiver if it is neither owner nor caller. WH-REQ-3:
            // nobody where the inbox owns; its console shows the request.
            let roles = case.mode == Mode::HandoverPrimary;
            let primary = if roles { case.routing.primary_receiver() } else { None };
            let primary = primary.filter(|_| !case.owned_by(case.routing.inbox()));
            let mut notices = only(before);
            let primary = primary.filter(|app| Some(*app) != before && *app != case.by);
            notices.extend(only(primary).iter().copied());
            Event { kind: EventKind::Requested { by: case.by, metadata }, notices }
        }
        Hook::Metadata(to) => Event { kind: EventKind::Metadata { by: case.by }, notices: only(Some(to)) },
    }
}

/// The webhook field that a person's event belongs to, and whether standby carries it (SB-3).
fn field(what: What, surface: Surface) -> (Fields, bool) {
    match what {
        What::Message | What::QuickReply => (Fields::MESSAGES, true),
        What::Postback { .. } | What::Menu { .. } | What::GetStarted { .. } | What::IceBreaker { .. } => {
            (Fields::MESSAGING_POSTBACKS, true)
        }
        What::Referral => (Fields::MESSAGING_REFERRALS, true),
        What::Signal(signal) => match (signal, surface) {
            (Signal::Read, _) => (Fields::MESSAGE_READS, true),
            (Signal::Delivery, _) => (Fields::MESSAGE_DELIVERIES, true),
            (Signal::Reaction, _) => (Fields::MESSAGE_REACTIONS, false),
            (Signal::Optin, _) => (Fields::MESSAGING_OPTINS, false),
            (Signal::Edit, _) => (Fields::MESSAGE_EDITS, false),
            // On Messenger a message taken back is told as an edit is, by the field of its own kind; on
            // Instagram it is one of `messages`.
            (Signal::Unsend, Surface::Messenger) => (Fields::MESSAGE_EDITS, false),
            (Signal::Unsend, Surface::Instagram) => (Fields::MESSAGES, true),
            (Signal::AccountLinking, _) => (Fields::MESSAGING_ACCOUNT_LINKING, false),
            (Signal::Feedback, _) => (Fields::MESSAGING_FEEDBACK, false),
        },
    }
}

/// How a thread stands while a person's event is told.
#[derive(Clone, Copy)]
pub(crate) struct Speech {
    /// The owner.
    pub(crate) owner: Option<AppId>,
    /// Whose a button's payload is (SB-4).
    pub(crate) payload: Option<AppId>,
}

/// The person's event: `messaging` to the owner and to the maker of a button (SB-4), `standby` to the others
/// (SB-1), which are all apps where the inbox owns (SB-8); to all where nobody owns and nobody leads (SB-2). Standby
/// copies keep the entry's referral (SB-5) and a quick reply's payload (SB-6); the payload of an ad's button is for
/// the ad's app (AD-3).
pub(crate) fn said(case: &Case<'_>, did: &Did<'_>, speech: Speech) -> Event {
    let (field, in_standby) = field(did.what, case.routing.surface);
    let open = speech.owner.is_none() && case.mode.is_open();
    let leader = speech.owner.or_else(|| case.routing.leader(case.mode));
    let is_button = matches!(
        did.what,
        What::Postback { .. } | What::Menu { .. } | What::GetStarted { .. } | What::IceBreaker { .. }
    );
    let inside = matches!(did.what, What::Message | What::QuickReply)
        && matches!(did.entry, Some(Entry::Ad { .. } | Entry::Link { .. }));
    let notice = |app: &ConnectedApp| {
        let is_maker = is_button && speech.payload == Some(app.id);
        let addressed = open || leader == Some(app.id) || is_maker;
        // SB-2: an open thread has no standby copies, but for who has no other ear in the Handover Protocol.
        let overhears = if open { case.mode == Mode::HandoverOpen } else { leader != Some(app.id) };
        let channel = if addressed && app.fields.has(field) {
            Channel::Messaging
        } else if in_standby && overhears && listens(app) {
            Channel::Standby
        } else {
            return None;
        };
        let unsubscribed = channel == Channel::Messaging && !app.fields.has(Fields::MESSAGING_REFERRALS);
        let own_button = is_maker && channel == Channel::Messaging;
        let reduced = (is_button && !own_button) || (inside && unsubscribed);
        Some(Notice {
            app: app.id,
            channel,
            form: if reduced { Form::Reduced } else { Form::Whole },
            context: context(case, app.id, channel, speech.owner),
        })
    };
    Event { kind: EventKind::Said, notices: active_first(case, notice) }
}

/// SB-7: the echo goes to the sender in `messaging` and to the others in `standby`; in an idle thread in which
/// nobody leads, to all in `messaging`.
pub(crate) fn echo(case: &Case<'_>, owner: Option<AppId>) -> Event {
    let sender = case.by;
    let open = owner.is_none() && case.mode.is_open();
    let field = match case.routing.surface {
        Surface::Messenger => Fields::MESSAGE_ECHOES,
        Surface::Instagram => Fields::MESSAGES,
    };
    let notice = |app: &ConnectedApp| {
        if !app.fields.has(field) {
            return None;
        }
        let channel = if app.id == sender || open {
            Channel::Messaging
        } else if listens(app) {
            Channel::Standby
        } else {
            return None;
        };
        let context = context(case, app.id, channel, owner);
        Some(Notice { app: app.id, channel, form: Form::Whole, context })
    };
    Event { kind: EventKind::Echo, notices: active_first(case, notice) }
}

/// Whether an app reads along in conversations that others lead.
pub(crate) fn listens(app: &ConnectedApp) -> bool {
    app.standby && app.fields.has(Fields::STANDBY)
}

/// WH-HOP-1: on `messaging` deliveries to the owner that control was passed to, or that took it.
fn context(case: &Case<'_>, app: AppId, channel: Channel, owner: Option<AppId>) -> bool {
    case.mode.has_context()
        && channel == Channel::Messaging
        && owner == Some(app)
        && case.stands.owner == Some(app)
        && case.stands.thread.handed.is_some()
}

/// `messaging` before `standby`: whoever must act hears first.
fn active_first(case: &Case<'_>, notice: impl Fn(&ConnectedApp) -> Option<Notice>) -> Few<Notice, 6> {
    let on = |channel: Channel| {
        case.routing.apps.iter().filter_map(&notice).filter(move |notice| notice.channel == channel)
    };
    on(Channel::Messaging).chain(on(Channel::Standby)).collect()
}
