//! Handover Protocol, rules HOP-*: a thread is idle, or one app controls it for 24 hours after the last
//! activity. With a primary receiver (HOP-P) an idle thread's next message is the primary's; without one
//! (HOP-N) everybody hears it.
//!
//! Columns: event and state => rule, result; owner, expiry, hooks. The first row that fits decides.

use crate::action::{Ask, Desk, Did, MenuLevel, Send, Tag, ThreadControl, What};
use crate::decision::{Metadata, Survey};
use crate::ids::AppId;
use crate::invited;
use crate::refusal::Refusal::*;
use crate::row::{Case, Row, Way, no, ok, refer, signal};
use crate::window::{Expiry, LONGEST_EXTENSION, human_open};

const U_24H: Expiry = Expiry::User24h;
const N_24H: Expiry = Expiry::Now24h;

/// HOP-INBOX-7: what the Page Inbox says when it hands a finished thread back.
const DONE_METADATA: &str = "Pass thread control from Page Inbox";

/// The State column: idle; owned by the caller, by another app, by the primary receiver (not the caller).
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Idle,
    C,
    O,
    P,
}
use State::{C, Idle, O, P};

fn state(c: &Case<'_>) -> State {
    match c.stands.owner {
        None => Idle,
        Some(owner) if owner == c.by => C,
        Some(owner) if c.routing.primary_receiver() == Some(owner) => P,
        Some(_) => O,
    }
}

/// To whom a pass without a target goes: from a secondary receiver to the primary receiver.
fn heir(c: &Case<'_>) -> Option<AppId> {
    c.routing.primary_receiver().filter(|primary| *primary != c.by)
}

/// The primary receiver leads a thread.
fn leads(c: &Case<'_>) -> bool {
    c.routing.primary_receiver() == Some(c.by)
}

/// What a person does.
#[rustfmt::skip]
pub(crate) fn person(c: &Case<'_>, did: &Did<'_>) -> Row {
    match (did.what, c.way(did)) {
        (What::Signal(_),              _)                              => signal(c),

        (_,                            Way::Ad(Some((a, _)))) if !c.owned_by(a) => ok("HOP-AD-1").owner(a).expiry(U_24H).pass_saying(""),
        (_,                            Way::Ad(Some(_)))               => ok("HOP-AD-2").expiry(U_24H),

        // An ad that names no app that counts is no entry of its own (AD-1): a button goes by who made it.
        (What::GetStarted { creator }, Way::Ad(None) | Way::Link(_) | Way::Organic) => refer("HOP-GS-1", postback(c, creator)),
        (What::IceBreaker { creator }, Way::Ad(None) | Way::Link(_) | Way::Organic) => postback(c, creator),
        (What::Postback { creator },   Way::Ad(None) | Way::Link(_) | Way::Organic) => postback(c, creator),

        (What::Menu { creator, url: true, .. }, Way::Ad(None) | Way::Link(_) | Way::Organic) => menu_url(c, creator),
        (What::Menu { creator, level: MenuLevel::Page, .. }, Way::Ad(None) | Way::Link(_) | Way::Organic) => refer("HOP-MENU-1", postback(c, creator)),
        (What::Menu { creator, level: MenuLevel::User, .. }, Way::Ad(None) | Way::Link(_) | Way::Organic) => refer("HOP-MENU-2", postback(c, creator)),

        (What::Message | What::QuickReply | What::Referral, Way::Ad(None)) => refer("HOP-AD-3", message(c)),
        (What::Message | What::QuickReply | What::Referral, Way::Link(_)) => refer("HOP-LINK-1", message(c)),
        (What::QuickReply,             Way::Organic)                   => refer("HOP-QR-1", message(c)),
        (What::Message | What::Referral, Way::Organic)                 => message(c),
    }
}

/// An organic user message.
#[rustfmt::skip]
fn message(c: &Case<'_>) -> Row {
    match (c.stands.owner, c.routing.primary_receiver()) {
        (None,    Some(p)) => ok("HOP-MSG-1").owner(p).expiry(U_24H),
        (None,    None)    => ok("HOP-MSG-2"),
        (Some(_), _)       => ok("HOP-MSG-3").expiry(U_24H),
    }
}

/// A button, made by `creator`.
#[rustfmt::skip]
fn postback(c: &Case<'_>, creator: Option<AppId>) -> Row {
    match c.connected(creator) {
        Some(a) if !c.owned_by(a) => ok("HOP-PB-1").owner(a).expiry(U_24H).pass_saying(""),
        Some(_)                   => ok("HOP-PB-2").expiry(U_24H),
        None                      => refer("HOP-PB-3", message(c)),
    }
}

/// A `web_url` item of a menu, made by `creator`.
#[rustfmt::skip]
fn menu_url(c: &Case<'_>, creator: Option<AppId>) -> Row {
    match c.connected(creator) {
        Some(a) => ok("HOP-MENU-8").owner(a).expiry(U_24H).pass_saying("").unless(c.owned_by(a)),
        None    => refer("HOP-PB-3", message(c)),
    }
}

/// What an app asks.
#[rustfmt::skip]
pub(crate) fn app(c: &Case<'_>, ask: Ask) -> Row {
    match (ask, state(c)) {
        (Ask::Send(message),          _)                           => send(c, message),
        (Ask::Answer(to),     _)                           => invited::answer(c, to, send(c, Send::default())),

        (Ask::Pass { to: Some(a) },   _) if !c.routing.reaches(a)  => no("HOP-PASS-7", UnknownApp),
        (Ask::Pass { to: Some(_) },   O | P)                       => no("HOP-PASS-5", PassNotOwner),
        (Ask::Pass { to: Some(a) },   C) if a == c.by              => no("HOP-PASS-6", AlreadyOwner),
        (Ask::Pass { to: Some(a) },   C)                           => ok("HOP-PASS-1").owner(a).expiry(N_24H).pass(),
        (Ask::Pass { to: Some(a) },   Idle)                        => ok("HOP-PASS-4").owner(a).expiry(N_24H).pass(),
        (Ask::Pass { to: None },      C)                           => match heir(c) {
            Some(p)                                                => ok("HOP-PASS-2").owner(p).expiry(N_24H).pass(),
            None                                                   => no("HOP-PASS-3", TargetMissing),
        },
        // A missing parameter comes before ownership (API-10).
        (Ask::Pass { to: None },      O | P)                       => match heir(c) {
            Some(_)                                                => no("HOP-PASS-5", PassNotOwner),
            None                                                   => no("HOP-PASS-3", TargetMissing),
        },
        (Ask::Pass { to: None },      Idle)                        => match heir(c) {
            Some(p)                                                => ok("HOP-PASS-8").owner(p).expiry(N_24H).pass(),
            None                                                   => no("HOP-PASS-9", TargetMissing),
        },

        (Ask::Take,                   Idle)                        => ok("HOP-TAKE-1").owner(c.by).expiry(N_24H).take(),
        (Ask::Take,                   O) if leads(c)               => ok("HOP-TAKE-2").owner(c.by).expiry(N_24H).take(),
        (Ask::Take,                   O | P)                       => no("HOP-TAKE-3", TakeDenied),
        (Ask::Take,                   C)                           => ok("HOP-TAKE-4"),

        (Ask::Release,                C)                           => ok("HOP-REL-1").nobody(),
        (Ask::Release,                Idle | O | P)                => no("HOP-REL-2", ReleaseNotOwner),

        (Ask::Request,                Idle)                        => ok("HOP-REQ-1").owner(c.by).expiry(N_24H).pass(),
        (Ask::Request,                O | P)                       => ok("HOP-REQ-2").request(Metadata::Given),
        (Ask::Request,                C)                           => no("HOP-REQ-3", AlreadyOwner),

        (Ask::Extend { duration: Some(duration @ 1..=LONGEST_EXTENSION) }, C) => ok("HOP-EXT-1").expiry(Expiry::Extend { duration }),
        (Ask::Extend { duration: Some(1..=LONGEST_EXTENSION) }, Idle | O | P) => no("HOP-EXT-2", ExtendNotOwner),
        (Ask::Extend { .. },          Idle | C | O | P)            => no("HOP-EXT-3", Duration),

        (Ask::Metadata { to },        _) if !c.routing.reaches(to) => refer("HOP-META-1", no("HOP-PASS-7", UnknownApp)),
        (Ask::Metadata { to },        Idle | C | O | P)            => ok("HOP-META-1").tell(to),

        (Ask::SetMenu { level: MenuLevel::Page }, _) => match c.routing.primary_receiver() {
            Some(p) if p == c.by                                   => ok("HOP-MENU-3"),
            Some(_)                                                => no("HOP-MENU-4", MenuPrimaryOnly),
            None                                                   => ok("HOP-MENU-5"),
        },
        (Ask::SetMenu { level: MenuLevel::User }, Idle | C | O | P) if c.on_instagram() => no("ICR-MENU-2", NoUserMenu),
        (Ask::SetMenu { level: MenuLevel::User }, Idle | C)        => ok("HOP-MENU-6"),
        (Ask::SetMenu { level: MenuLevel::User }, O | P)           => no("HOP-MENU-7", SendOther),
    }
}

/// A message of an app. With `thread_control` it is refused (TC-12).
#[rustfmt::skip]
fn send(c: &Case<'_>, message: Send) -> Row {
    let human = message.tag == Some(Tag::HumanAgent);
    match (message.control, state(c)) {
        (_, _)               if human && !c.human_agent()              => no("HOP-SEND-6", HumanAgentNotApproved),
        (Some(ThreadControl::Both),    _)                              => no("TC-7", ThreadControlBoth),
        (Some(ThreadControl::Unknown), _)                              => no("TC-8", ThreadControlValue),
        (Some(ThreadControl::Pass { .. } | ThreadControl::Release), _) => no("HOP-SEND-7", ThreadControlMode),

        (None, _)            if human && !human_open(c.thread(), c.now) => no("HOP-SEND-8", WindowClosed),
        (None, O | P)        if human                                  => ok("HOP-SEND-4").owner(c.by).expiry(N_24H).take_silently(),
        (None, C)            if human                                  => ok("HOP-SEND-5").expiry(N_24H),
        (None, Idle)         if human                                  => ok("HOP-SEND-5"),

        (None, O | P)        if message.survey                         => ok("HOP-SURVEY-1").survey(Survey::Held),
        (None, C)            if message.survey                         => refer("HOP-SURVEY-2", ok("HOP-SEND-1").expiry(N_24H)),
        (None, Idle)         if message.survey                         => refer("HOP-SURVEY-2", ok("HOP-SEND-2")),

        (None, C)                                                      => ok("HOP-SEND-1").expiry(N_24H),
        (None, Idle)                                                   => ok("HOP-SEND-2"),
        (None, O | P)                                                  => no("HOP-SEND-3", SendOther),
    }
}

/// What somebody does in the inbox.
#[rustfmt::skip]
pub(crate) fn inbox(c: &Case<'_>, desk: Desk) -> Row {
    match (desk, state(c)) {
        (Desk::Reply,      C)                          => ok("HOP-INBOX-2").expiry(N_24H),
        (Desk::Reply,      O | P) if c.done()          => ok("HOP-INBOX-3"),
        (Desk::Reply,      Idle)  if c.done()          => match c.routing.primary_receiver() {
            Some(p)                                    => ok("HOP-INBOX-4").owner(p).expiry(N_24H),
            None                                       => ok("HOP-INBOX-4"),
        },
        (Desk::Reply,      Idle | O | P)               => ok("HOP-INBOX-1").owner(c.by).expiry(N_24H).take_silently(),

        (Desk::MoveToMain, O | P) if c.asks_for_main() => ok("HOP-INBOX-6").request(Metadata::Fixed("")),
        (Desk::MoveToMain, Idle | O | P)               => ok("HOP-INBOX-5").owner(c.by).expiry(N_24H).take_silently(),
        (Desk::MoveToMain, C)                          => refer("HOP-INBOX-5", ok("HOP-TAKE-4")),

        (Desk::Done,       C)                          => match c.routing.primary_receiver() {
            Some(p)                                    => ok("HOP-INBOX-7").owner(p).expiry(N_24H).pass_saying(DONE_METADATA),
            None                                       => ok("HOP-INBOX-8").nobody(),
        },
        (Desk::Done,       Idle | O | P)               => ok("HOP-INBOX-9"),

        (Desk::Pass { to } | Desk::Grant { to }, _)    => app(c, Ask::Pass { to: Some(to) }),
    }
}

/// A survey that was held back, now that it is due.
#[rustfmt::skip]
pub(crate) fn survey(c: &Case<'_>) -> Row {
    match state(c) {
        Idle if human_open(c.thread(), c.now) => ok("HOP-SURVEY-3"),
        Idle                                  => ok("HOP-SURVEY-5").survey(Survey::Dropped),
        C | O | P                             => ok("HOP-SURVEY-4").survey(Survey::Held),
    }
}
