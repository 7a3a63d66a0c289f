//! Conversation Routing on Instagram, rules ICR-*: a thread is idle, or one app controls it. An idle thread's
//! next message is the organic route's or the default app's; an ad, a link, a button, a pass or a take gives
//! control to another app for a time. In the profile `2026` nobody requests control.
//!
//! Columns: event and state => rule, result; owner, expiry, hooks. The first row that fits decides.

use crate::action::{Ask, Desk, Did, MenuLevel, Send, Tag, ThreadControl, What};
use crate::decision::Metadata;
use crate::ids::AppId;
use crate::invited;
use crate::refusal::Refusal::*;
use crate::routing::Profile;
use crate::row::{Case, Row, Way, no, ok, refer, signal};
use crate::window::{Expiry, LONGEST_EXTENSION};

const U_24H: Expiry = Expiry::User24h;
const U_W: Expiry = Expiry::UserW;
const N_24H: Expiry = Expiry::Now24h;

/// The State column: idle; owned by the caller, by the default app (not the caller), by another app.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Idle,
    C,
    D,
    O,
}
use State::{C, D, Idle, O};

fn state(c: &Case<'_>) -> State {
    match c.stands.owner {
        None => Idle,
        Some(owner) if owner == c.by => C,
        Some(owner) if owner == c.default_app() => D,
        Some(_) => O,
    }
}

fn idle(c: &Case<'_>) -> bool {
    c.stands.owner.is_none()
}

/// What a person does.
#[rustfmt::skip]
pub(crate) fn person(c: &Case<'_>, did: &Did<'_>) -> Row {
    match (did.what, c.way(did)) {
        (What::Signal(_),              _)                                  => signal(c),

        (_,                            Way::Ad(Some((a, days))))           => ad(c, a, days),

        // A button, and an ice breaker without a routed link, goes by its own rows: AD-1, SB-4.
        (What::Postback { creator },   Way::Ad(None) | Way::Link(_) | Way::Organic) => postback(c, creator),
        (What::Menu { creator, .. },   Way::Ad(None) | Way::Link(_) | Way::Organic) => refer("ICR-MENU-1", postback(c, creator)),

        (_,                            Way::Link(Some(a))) if !c.owned_by(a) => ok("ICR-LINK-1").owner(a).expiry(U_24H).pass_saying(""),
        (_,                            Way::Link(Some(_)))                 => refer("ICR-LINK-2", message(c)),

        (What::IceBreaker { creator } | What::GetStarted { creator }, Way::Ad(None) | Way::Link(None) | Way::Organic) => ice_breaker(c, creator),

        (What::Message | What::QuickReply | What::Referral, Way::Ad(None)) => refer("ICR-AD-3", message(c)),
        (What::Message | What::QuickReply | What::Referral, Way::Link(None)) => refer("ICR-LINK-2", message(c)),
        (What::QuickReply,             Way::Organic)                       => refer("ICR-QR-1", message(c)),
        (What::Message | What::Referral, Way::Organic)                     => message(c),
    }
}

/// An organic user message.
#[rustfmt::skip]
fn message(c: &Case<'_>) -> Row {
    match c.organic_app() {
        _ if !idle(c)          => ok("ICR-MSG-3").expiry(U_W),
        r if r != c.default_app() => ok("ICR-MSG-2").owner(r).expiry(U_24H).pass_saying(""),
        d                      => ok("ICR-MSG-1").owner(d).expiry(U_24H),
    }
}

/// An ad that names `a`.
#[rustfmt::skip]
fn ad(c: &Case<'_>, a: AppId, days: u8) -> Row {
    if c.owned_by(a) { ok("ICR-AD-2").expiry(Expiry::Ad { days }) }
    else             { ok("ICR-AD-1").owner(a).expiry(Expiry::Ad { days }).pass_saying("") }
}

/// An ice breaker, Instagram's Get Started, set by `creator`: in an idle thread it opens the conversation.
#[rustfmt::skip]
fn ice_breaker(c: &Case<'_>, creator: Option<AppId>) -> Row {
    let r = c.organic_app();
    if idle(c) { ok("ICR-GS-1").owner(r).expiry(U_24H).pass_saying("").unless(r == c.default_app()) }
    else       { refer("ICR-GS-2", postback(c, creator)) }
}

/// A button, made by `creator`.
#[rustfmt::skip]
fn postback(c: &Case<'_>, creator: Option<AppId>) -> Row {
    match c.connected(creator) {
        Some(a) if !c.owned_by(a) => ok("ICR-PB-1").owner(a).expiry(U_24H).pass_saying("").unless(idle(c) && a == c.default_app()),
        Some(_)                   => ok("ICR-PB-2").expiry(U_W),
        None                      => refer("ICR-PB-3", message(c)),
    }
}

/// What an app asks.
#[rustfmt::skip]
pub(crate) fn app(c: &Case<'_>, ask: Ask) -> Row {
    let d = c.default_app();
    match (ask, state(c)) {
        (Ask::Send(Send { control: None, tag, survey: true }), _) if send(c, tag).refusal.is_some() => refer("MCR-SURVEY-1", send(c, tag)),
        (Ask::Send(Send { control: None, tag, .. }), _)             => send(c, tag),
        (Ask::Send(Send { control: Some(control), tag, .. }), _)    => send_with_control(c, tag, control),
        (Ask::Answer(to), _)                                => invited::answer(c, to, send(c, None)),

        (Ask::Pass { to: Some(a) }, _) if !c.routing.reaches(a)     => no("ICR-PASS-6", UnknownApp),
        (Ask::Pass { .. },          O | D)                          => no("ICR-PASS-4", NotThreadOwner),
        (Ask::Pass { to: Some(a) }, C) if a == c.by                 => no("ICR-PASS-5", AlreadyOwner),
        (Ask::Pass { to: None },    C) if c.by == d                 => no("ICR-PASS-5", AlreadyOwner),
        (Ask::Pass { to: Some(a) }, C)                              => ok("ICR-PASS-1").owner(a).expiry(N_24H).pass(),
        (Ask::Pass { to: None },    C)                              => ok("ICR-PASS-2").owner(d).expiry(N_24H).pass(),
        (Ask::Pass { to },          Idle)                           => ok("ICR-PASS-3").owner(to.unwrap_or(d)).expiry(N_24H).pass(),

        (Ask::Take,                 Idle | C | O | D) if !c.may_take() => no("ICR-TAKE-3", TakeDenied),
        (Ask::Take,                 O | D)                          => ok("ICR-TAKE-1").owner(c.by).expiry(N_24H).take(),
        (Ask::Take,                 Idle)                           => ok("ICR-TAKE-2").owner(c.by).expiry(N_24H).take(),
        (Ask::Take,                 C)                              => no("ICR-TAKE-4", AlreadyOwner),

        (Ask::Release,              C)                              => ok("ICR-REL-1").nobody(),
        (Ask::Release,              Idle | O | D)                   => no("ICR-REL-2", NotThreadOwner),

        (Ask::Request,              Idle | C | O | D) if c.routing.profile == Profile::Page2026 => no("ICR-REQ-4", RequestOff),
        (Ask::Request,              O | D)                          => ok("ICR-REQ-1").request(Metadata::Given),
        (Ask::Request,              Idle)                           => ok("ICR-REQ-2").owner(c.by).expiry(N_24H).pass(),
        (Ask::Request,              C)                              => no("ICR-REQ-3", AlreadyOwner),

        (Ask::Extend { duration: Some(duration @ 1..=LONGEST_EXTENSION) }, C) => ok("ICR-EXT-1").expiry(Expiry::Extend { duration }),
        (Ask::Extend { duration: Some(1..=LONGEST_EXTENSION) }, Idle | O | D) => no("ICR-EXT-2", NotThreadOwner),
        (Ask::Extend { .. },        Idle | C | O | D)               => no("ICR-EXT-3", Duration),

        (Ask::Metadata { .. },      Idle | C | O | D)               => no("ICR-META-1", NoSuchEdge),

        (Ask::SetMenu { level: MenuLevel::Page }, Idle | C | O | D) => ok("ICR-MENU-3"),
        (Ask::SetMenu { level: MenuLevel::User }, Idle | C | O | D) => no("ICR-MENU-2", NoUserMenu),
    }
}

/// A message of an app.
#[rustfmt::skip]
fn send(c: &Case<'_>, tag: Option<Tag>) -> Row {
    let human = tag == Some(Tag::HumanAgent);
    let leads = c.by == c.default_app();
    match state(c) {
        _     if human && !c.human_agent() => no("ICR-SEND-10", HumanAgentNotApproved),

        C     if human                     => ok("ICR-SEND-7"),
        C                                  => ok("ICR-SEND-1"),

        Idle  if human && leads            => ok("ICR-SEND-7"),
        Idle  if leads                     => ok("ICR-SEND-2"),
        Idle  if c.may_take()              => no("ICR-SEND-4", NotThreadOwner),
        Idle  if human                     => no("ICR-SEND-8", NotThreadOwner),
        Idle                               => no("ICR-SEND-3", NotThreadOwner),

        O | D if human && c.may_take()     => refer("ICR-SEND-9", take_by_sending(c)),
        O | D if c.may_take()              => take_by_sending(c),
        O | D if human                     => no("ICR-SEND-8", NotThreadOwner),
        O | D                              => no("ICR-SEND-6", NotThreadOwner),
    }
}

/// A message of an app with the permission to take control.
#[rustfmt::skip]
fn take_by_sending(c: &Case<'_>) -> Row {
    ok("ICR-SEND-5").owner(c.by).expiry(N_24H).take_silently()
}

/// A message with `thread_control`, in either of its forms (TC-13).
#[rustfmt::skip]
fn send_with_control(c: &Case<'_>, tag: Option<Tag>, control: ThreadControl) -> Row {
    use ThreadControl::{Both, Pass, Release, Unknown};
    let d = c.default_app();
    let target = match control { Pass { to } => to.unwrap_or(d), Release | Both | Unknown => d };
    match (control, state(c)) {
        (_,       _) if tag == Some(Tag::HumanAgent) && !c.human_agent() => no("ICR-SEND-10", HumanAgentNotApproved),
        (Both,    _)                                        => no("TC-7", ThreadControlBoth),
        (Unknown, _)                                        => no("TC-8", ThreadControlValue),
        (Pass { to: Some(a) }, _) if !c.routing.reaches(a)  => no("TC-9", UnknownApp),

        (Pass { .. } | Release, _) if send(c, tag).refusal.is_some() => refer("ICR-TC-8", send(c, tag)),

        (Pass { .. }, C | Idle) if target == c.by           => ok("TC-11"),
        (Pass { to: None },     C)                          => ok("ICR-TC-1").owner(d).expiry(N_24H).then_pass(),
        (Pass { to: Some(a) },  C)                          => ok("ICR-TC-2").owner(a).expiry(N_24H).then_pass(),
        (Release,               C)                          => ok("ICR-TC-3").nobody(),
        // Of those who do not own, the default app alone may send into an idle thread.
        (Pass { .. },           Idle)                       => ok("ICR-TC-4").owner(target).expiry(N_24H).then_pass(),
        (Release,               Idle)                       => ok("ICR-TC-5"),

        (Pass { .. },           O | D)                      => ok("ICR-TC-6").owner(target).expiry(N_24H).take_silently().then_pass().then_unless(target == c.by),
        (Release,               O | D)                      => ok("ICR-TC-7").nobody().take_silently(),
    }
}

/// What somebody does in the inbox.
#[rustfmt::skip]
pub(crate) fn inbox(c: &Case<'_>, desk: Desk) -> Row {
    match (desk, state(c)) {
        (Desk::Reply,      O | D)                             => ok("ICR-INBOX-1").owner(c.by).expiry(N_24H).take_silently(),
        (Desk::Reply,      C)                                 => refer("ICR-INBOX-1", ok("ICR-SEND-1")),
        (Desk::Reply,      Idle) if c.by == c.default_app()   => ok("ICR-INBOX-2"),
        (Desk::Reply,      Idle)                              => ok("ICR-INBOX-2").owner(c.by).expiry(N_24H).take_silently(),

        (Desk::MoveToMain, Idle | O | D)                      => ok("ICR-INBOX-3").owner(c.by).expiry(N_24H).take_silently(),
        (Desk::MoveToMain, C)                                 => ok("ICR-INBOX-3"),

        (Desk::Done,       C)                                 => ok("ICR-INBOX-4").nobody(),
        (Desk::Done,       Idle | O | D)                      => ok("ICR-INBOX-5"),

        (Desk::Pass { to } | Desk::Grant { to }, _)           => app(c, Ask::Pass { to: Some(to) }),
    }
}
