//! Instagram without a default app, rules ZC-*: an idle thread is everybody's, and nobody takes. A pass, a
//! request or an ad gives control to one app for a time; then it alone sends, and the others are in standby.
//!
//! Columns: event and state => rule, result; owner, expiry, hooks. The first row that fits decides.

use crate::action::{Ask, Desk, Did, MenuLevel, Send, Tag, ThreadControl, What};
use crate::decision::Metadata;
use crate::ids::AppId;
use crate::invited;
use crate::refusal::Refusal::*;
use crate::row::{Case, Row, Way, no, ok, refer, signal};
use crate::window::{Expiry, LONGEST_EXTENSION};

const U_W: Expiry = Expiry::UserW;
const N_24H: Expiry = Expiry::Now24h;

/// The State column: idle; owned by the caller, by another app.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Idle,
    C,
    O,
}
use State::{C, Idle, O};

fn state(c: &Case<'_>) -> State {
    match c.stands.owner {
        None => Idle,
        Some(owner) if owner == c.by => C,
        Some(_) => O,
    }
}

/// What a person does.
#[rustfmt::skip]
pub(crate) fn person(c: &Case<'_>, did: &Did<'_>) -> Row {
    match (did.what, c.way(did)) {
        (What::Signal(_),              _)                                  => signal(c),

        (_,                            Way::Ad(Some((a, days))))           => ok("ZC-AD-1").owner(a).expiry(Expiry::Ad { days }).pass_saying("").unless(c.owned_by(a)),

        // An ad that names no app that counts is no entry of its own (AD-1): a button goes by who made it.
        (What::Postback { creator } | What::Menu { creator, .. } | What::IceBreaker { creator } | What::GetStarted { creator },
                                       Way::Ad(None) | Way::Link(_) | Way::Organic) => postback(c, creator),

        (What::Message | What::QuickReply | What::Referral, Way::Ad(None)) => refer("ZC-AD-2", message(c)),
        (What::Message | What::QuickReply | What::Referral, Way::Link(_))  => refer("ZC-LINK-1", message(c)),
        (What::QuickReply,             Way::Organic)                       => refer("ZC-QR-1", message(c)),
        (What::Message | What::Referral, Way::Organic)                     => message(c),
    }
}

/// An organic user message.
#[rustfmt::skip]
fn message(c: &Case<'_>) -> Row {
    match c.stands.owner {
        None    => ok("ZC-MSG-1"),
        Some(_) => ok("ZC-MSG-2").expiry(U_W),
    }
}

/// A button, ice breaker or menu item, made by `creator`: control stays where it is, the payload is its maker's.
#[rustfmt::skip]
fn postback(c: &Case<'_>, creator: Option<AppId>) -> Row {
    match (c.connected(creator), c.stands.owner) {
        (Some(a), None)    => ok("ZC-PB-1").payload(a),
        (Some(a), Some(_)) => ok("ZC-PB-2").expiry(U_W).payload(a),
        (None,    _)       => refer("ZC-PB-3", message(c)),
    }
}

/// What an app asks.
#[rustfmt::skip]
pub(crate) fn app(c: &Case<'_>, ask: Ask) -> Row {
    match (ask, state(c)) {
        (Ask::Send(message),        _)                          => send(c, message),
        (Ask::Answer(to),   _)                          => invited::answer(c, to, send(c, Send::default())),

        (Ask::Pass { to: None },    Idle | C | O)               => no("ZC-PASS-4", TargetMissing),
        (Ask::Pass { to: Some(a) }, _) if !c.routing.reaches(a) => no("ZC-PASS-6", UnknownApp),
        (Ask::Pass { to: Some(_) }, O)                          => no("ZC-PASS-3", NotThreadOwner),
        (Ask::Pass { to: Some(a) }, C) if a == c.by             => no("ZC-PASS-5", AlreadyOwner),
        (Ask::Pass { to: Some(a) }, C)                          => ok("ZC-PASS-2").owner(a).expiry(N_24H).pass(),
        (Ask::Pass { to: Some(a) }, Idle)                       => ok("ZC-PASS-1").owner(a).expiry(N_24H).pass(),

        (Ask::Take,                 Idle | C | O)               => no("ZC-TAKE-1", TakeOff),

        (Ask::Request,              Idle)                       => ok("ZC-REQ-1").owner(c.by).expiry(N_24H).pass(),
        (Ask::Request,              O)                          => ok("ZC-REQ-2").request(Metadata::Given),
        (Ask::Request,              C)                          => no("ZC-REQ-3", AlreadyOwner),

        (Ask::Release,              C)                          => ok("ZC-REL-1").nobody(),
        (Ask::Release,              Idle | O)                   => no("ZC-REL-1", NotThreadOwner),

        (Ask::Extend { duration: Some(duration @ 1..=LONGEST_EXTENSION) }, C) => ok("ZC-EXT-1").expiry(Expiry::Extend { duration }),
        (Ask::Extend { duration: Some(1..=LONGEST_EXTENSION) }, Idle | O) => no("ZC-EXT-1", NotThreadOwner),
        (Ask::Extend { .. },        Idle | C | O)               => no("ZC-EXT-2", Duration),

        (Ask::Metadata { .. },      Idle | C | O)               => no("ZC-META-1", NoSuchEdge),

        (Ask::SetMenu { level: MenuLevel::Page }, Idle | C | O) => ok("ZC-MENU-1"),
        (Ask::SetMenu { level: MenuLevel::User }, Idle | C | O) => no("ICR-MENU-2", NoUserMenu),
    }
}

/// A message of an app. The tag of a human agent changes the window and nothing else.
#[rustfmt::skip]
fn send(c: &Case<'_>, message: Send) -> Row {
    let human = message.tag == Some(Tag::HumanAgent);
    match (message.control, state(c)) {
        (_, _)    if human && !c.human_agent()                         => no("ZC-SEND-4", HumanAgentNotApproved),
        (Some(ThreadControl::Both),    _)                              => no("TC-7", ThreadControlBoth),
        (Some(ThreadControl::Unknown), _)                              => no("TC-8", ThreadControlValue),
        (Some(ThreadControl::Pass { .. } | ThreadControl::Release), _) => no("ZC-SEND-5", ThreadControlMode),

        (None, Idle)                                                   => ok("ZC-SEND-1"),
        (None, C)                                                      => ok("ZC-SEND-2"),
        (None, O) if message.survey                                    => refer("MCR-SURVEY-1", no("ZC-SEND-3", NotThreadOwner)),
        (None, O)                                                      => no("ZC-SEND-3", NotThreadOwner),
    }
}

/// What somebody does in the inbox.
#[rustfmt::skip]
pub(crate) fn inbox(c: &Case<'_>, desk: Desk) -> Row {
    match (desk, state(c)) {
        (Desk::Reply,      Idle)                    => ok("ZC-INBOX-1"),
        (Desk::Reply,      C)                       => refer("ZC-INBOX-2", ok("ZC-SEND-2")),
        (Desk::MoveToMain, Idle)                    => ok("ZC-INBOX-5"),
        (Desk::MoveToMain, C)                       => ok("ZC-INBOX-2"),
        (Desk::Reply | Desk::MoveToMain, O)         => ok("ZC-INBOX-2").owner(c.by).expiry(N_24H).take_silently(),

        (Desk::Done,       C)                       => ok("ZC-INBOX-3").nobody(),
        (Desk::Done,       Idle | O)                => ok("ZC-INBOX-4"),

        (Desk::Pass { to } | Desk::Grant { to }, _) => app(c, Ask::Pass { to: Some(to) }),
    }
}
