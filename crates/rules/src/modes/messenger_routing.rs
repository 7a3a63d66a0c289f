//! Conversation Routing on Messenger, rules MCR-*: a thread always has an owner. The default app owns by
//! fallback and without end; an ad, a link, a button or a pass gives control to another app for a time.
//!
//! Columns: event and state => rule, result; owner, expiry, hooks. The first row that fits decides.

use crate::action::{Ask, Desk, Did, MenuLevel, Send, Tag, ThreadControl, What};
use crate::decision::Survey;
use crate::ids::AppId;
use crate::invited;
use crate::refusal::Refusal::*;
use crate::row::{Case, Row, Way, no, ok, refer, signal};
use crate::window::{DAY, Expiry, LONGEST_EXTENSION};

const U_24H: Expiry = Expiry::User24h;
const U_W: Expiry = Expiry::UserW;
const N_24H: Expiry = Expiry::Now24h;

/// The State column: owned by the caller, by the default app (not the caller), by another app.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    C,
    D,
    O,
}
use State::{C, D, O};

fn state(c: &Case<'_>) -> State {
    match c.stands.owner {
        Some(owner) if owner == c.by => C,
        Some(owner) if owner == c.default_app() => D,
        Some(_) => O,
        None => D,
    }
}

/// MCR-EXP-2: the default app owns, and no user message arrived in the last 24 hours, or none ever (C-16).
fn dormant(c: &Case<'_>) -> bool {
    let heard_lately = c.thread().last_heard.is_some_and(|heard| c.now < heard.plus_seconds(DAY));
    c.owned_by(c.default_app()) && !heard_lately
}

/// What a person does.
#[rustfmt::skip]
pub(crate) fn person(c: &Case<'_>, did: &Did<'_>) -> Row {
    match (did.what, c.way(did)) {
        (What::Signal(_),              _)                           => signal(c),

        (What::GetStarted { .. },      Way::Ad(Some((a, days))))    => refer("MCR-GS-2", ad(c, did.what, a, days)),
        (_,                            Way::Ad(Some((a, days))))    => ad(c, did.what, a, days),

        (What::GetStarted { .. },      Way::Link(Some(a)))          => refer("MCR-GS-2", link(c, a)),
        (What::GetStarted { .. },      Way::Ad(None) | Way::Link(None) | Way::Organic) => get_started(c),

        (What::IceBreaker { .. },      Way::Link(Some(a)))          => link(c, a),
        (What::IceBreaker { .. },      Way::Ad(None) | Way::Link(None) | Way::Organic) if dormant(c) => refer("MCR-GS-3", get_started(c)),
        (What::IceBreaker { creator }, Way::Ad(None) | Way::Link(None) | Way::Organic) => refer("MCR-GS-3", postback(c, creator)),

        (What::Postback { creator },   Way::Ad(None) | Way::Link(_) | Way::Organic) => postback(c, creator),
        (What::Menu { creator, level: MenuLevel::Page, .. }, Way::Ad(None) | Way::Link(_) | Way::Organic) => refer("MCR-MENU-1", postback(c, creator)),
        (What::Menu { creator, level: MenuLevel::User, .. }, Way::Ad(None) | Way::Link(_) | Way::Organic) => refer("MCR-MENU-2", postback(c, creator)),

        (What::Message | What::QuickReply | What::Referral, Way::Ad(None))       => refer("MCR-AD-4", message(c)),
        (What::Message | What::QuickReply | What::Referral, Way::Link(Some(a)))  => link(c, a),
        (What::Message | What::QuickReply | What::Referral, Way::Link(None))     => refer("MCR-LINK-3", message(c)),
        (What::QuickReply,             Way::Organic)                => refer("MCR-QR-1", message(c)),
        (What::Message | What::Referral, Way::Organic)              => message(c),
    }
}

/// An organic user message.
#[rustfmt::skip]
fn message(c: &Case<'_>) -> Row {
    match (c.stands.lapse, c.organic_app()) {
        (Some(_), _)                                 => refer("MCR-MSG-4", new_message(c)),
        (None,    _) if dormant(c)                   => new_message(c),
        (None,    _)                                 => ok("MCR-MSG-3").expiry(U_W),
    }
}

/// An organic user message in a thread that is dormant.
#[rustfmt::skip]
fn new_message(c: &Case<'_>) -> Row {
    match c.organic_app() {
        r if r != c.default_app() => ok("MCR-MSG-2").owner(r).expiry(U_24H).pass_saying(""),
        _                    => ok("MCR-MSG-1"),
    }
}

/// An ad that names `a`.
#[rustfmt::skip]
fn ad(c: &Case<'_>, what: What, a: AppId, days: u8) -> Row {
    let expiry = Expiry::Ad { days };
    match what {
        _ if c.owned_by(a)  => ok("MCR-AD-3").expiry(expiry),
        What::Referral      => ok("MCR-AD-1").owner(a).expiry(expiry).pass_saying(""),
        What::Message       => ok("MCR-AD-5").owner(a).expiry(expiry).pass_saying(""),
        What::QuickReply | What::Postback { .. } | What::GetStarted { .. } | What::IceBreaker { .. } | What::Menu { .. } | What::Signal(_)
                            => ok("MCR-AD-2").owner(a).expiry(expiry).pass_saying(""),
    }
}

/// A link with a route to `a`.
#[rustfmt::skip]
fn link(c: &Case<'_>, a: AppId) -> Row {
    if c.owned_by(a) { ok("MCR-LINK-2").expiry(U_W) }
    else             { ok("MCR-LINK-1").owner(a).expiry(U_24H).pass_saying("") }
}

/// Get Started, and an ice breaker that opens the conversation.
#[rustfmt::skip]
fn get_started(c: &Case<'_>) -> Row {
    let r = c.organic_app();
    // For a new owner U+W is the row's U+24h; one whose ad still counts keeps its days (CLK-6).
    ok("MCR-GS-1").owner(r).expiry(U_W).pass_saying("").unless(r == c.default_app() || c.owned_by(r))
}

/// A button, made by `creator`.
#[rustfmt::skip]
fn postback(c: &Case<'_>, creator: Option<AppId>) -> Row {
    match c.connected(creator) {
        Some(a) if !c.owned_by(a) => ok("MCR-PB-1").owner(a).expiry(U_24H).pass_saying("").unless(a == c.default_app()),
        Some(_)                   => ok("MCR-PB-2").expiry(U_W),
        None                      => refer("MCR-PB-3", message(c)),
    }
}

/// What an app asks.
#[rustfmt::skip]
pub(crate) fn app(c: &Case<'_>, ask: Ask) -> Row {
    let d = c.default_app();
    match (ask, state(c)) {
        (Ask::Send(Send { control: None, tag, survey: true }), D | O) if !c.may_take() => refer("MCR-SURVEY-1", send(c, tag)),
        (Ask::Send(Send { control: None, tag, .. }), _)           => send(c, tag),
        (Ask::Send(Send { control: Some(control), tag, .. }), _)  => send_with_control(c, tag, control),
        (Ask::Answer(to), _)                              => invited::answer(c, to, send(c, None)),

        (Ask::Pass { to: Some(a) }, _) if !c.routing.reaches(a)   => no("MCR-PASS-5", UnknownApp),
        (Ask::Pass { .. },          O | D)                        => no("MCR-PASS-3", PassNotOwner),
        (Ask::Pass { to: Some(a) }, C) if a == c.by               => no("MCR-PASS-4", AlreadyOwner),
        (Ask::Pass { to: Some(a) }, C)                            => ok("MCR-PASS-2").owner(a).expiry(N_24H).pass(),
        (Ask::Pass { to: None },    C) if c.by == d               => no("MCR-PASS-4", AlreadyOwner),
        (Ask::Pass { to: None },    C)                            => ok("MCR-PASS-1").owner(d).pass(),

        (Ask::Take,                 C | D | O)                    => no("MCR-TAKE-1", HandoverDisabled),

        (Ask::Release,              C) if c.by == d               => ok("MCR-REL-2"),
        (Ask::Release,              C)                            => ok("MCR-REL-1").nobody(),
        (Ask::Release,              D | O)                        => no("MCR-REL-3", ReleaseNotOwner),

        (Ask::Request,              C | D | O)                    => no("MCR-REQ-1", HandoverDisabled),
        (Ask::Extend { duration: Some(1..=LONGEST_EXTENSION) }, C | D | O) => no("MCR-EXT-1", HandoverDisabled),
        (Ask::Extend { .. },        C | D | O)                    => no("API-10", Duration),
        (Ask::Metadata { .. },      C | D | O)                    => no("MCR-META-1", HandoverDisabled),

        (Ask::SetMenu { level: MenuLevel::Page }, _)              => ok("MCR-MENU-3"),
        (Ask::SetMenu { level: MenuLevel::User }, C)              => ok("MCR-MENU-3"),
        (Ask::SetMenu { level: MenuLevel::User }, O) if c.by == d     => ok("MCR-MENU-3"),
        (Ask::SetMenu { level: MenuLevel::User }, D | O)          => no("MCR-MENU-3", SendOther),
    }
}

/// A message of an app.
#[rustfmt::skip]
fn send(c: &Case<'_>, tag: Option<Tag>) -> Row {
    let human = tag == Some(Tag::HumanAgent);
    match state(c) {
        _     if human && !c.human_agent() => no("MCR-SEND-7", HumanAgentNotApproved),
        C     if human                     => ok("MCR-SEND-4"),
        C     if c.by == c.default_app()   => ok("MCR-SEND-8"),
        C                                  => ok("MCR-SEND-1"),
        D | O if human && c.may_take()     => refer("MCR-SEND-6", take_by_sending(c)),
        D | O if human                     => no("MCR-SEND-5", SendOther),
        D | O if c.may_take()              => take_by_sending(c),
        D | O                              => no("MCR-SEND-3", SendOther),
    }
}

/// A message of an app with the permission to take control.
#[rustfmt::skip]
fn take_by_sending(c: &Case<'_>) -> Row {
    ok("MCR-SEND-2").owner(c.by).expiry(N_24H).take_silently()
}

/// A message with `thread_control`. A row that refuses sends nothing and moves nothing (TC-10); to oneself nothing
/// moves either (TC-11).
#[rustfmt::skip]
fn send_with_control(c: &Case<'_>, tag: Option<Tag>, control: ThreadControl) -> Row {
    use ThreadControl::{Both, Pass, Release, Unknown};
    let d = c.default_app();
    let target = match control { Pass { to } => to.unwrap_or(d), Release => d, Both | Unknown => c.by };
    match (control, state(c)) {
        (_,       _) if tag == Some(Tag::HumanAgent) && !c.human_agent() => no("MCR-SEND-7", HumanAgentNotApproved),
        (Both,    _)                                              => no("MCR-TC-7", ThreadControlBoth),
        (Unknown, _)                                              => no("TC-8", ThreadControlValue),
        (Pass { to: Some(a) }, _) if !c.routing.reaches(a)        => no("TC-9", UnknownApp),

        (Pass { .. } | Release, C)     if target == c.by          => ok("MCR-TC-4"),
        (Pass { to: None },     C)                                => ok("MCR-TC-1").owner(d).then_pass(),
        (Pass { to: Some(a) },  C)                                => ok("MCR-TC-2").owner(a).expiry(N_24H).then_pass(),
        (Release,               C)                                => ok("MCR-TC-3").owner(d),

        (Pass { .. } | Release, D | O) if !c.may_take()           => refer("MCR-TC-5", send(c, tag)),
        (Pass { .. },           D | O)                            => ok("MCR-TC-6").owner(target).expiry(N_24H).take_silently().then_pass().then_unless(target == c.by),
        (Release,               D | O)                            => ok("MCR-TC-8").owner(d).take_silently().unless(c.owned_by(d)),
    }
}

/// What somebody does in the inbox.
#[rustfmt::skip]
pub(crate) fn inbox(c: &Case<'_>, desk: Desk) -> Row {
    match (desk, state(c)) {
        (Desk::Reply,      D | O)                   => ok("MCR-INBOX-1").owner(c.by).expiry(N_24H).take_silently(),
        (Desk::Reply,      C)                       => refer("MCR-INBOX-1", ok("MCR-SEND-1")),
        (Desk::MoveToMain, D | O)                   => ok("MCR-INBOX-2").owner(c.by).expiry(N_24H).take_silently(),
        (Desk::MoveToMain, C)                       => ok("MCR-INBOX-2"),
        (Desk::Done,       C) if c.by != c.default_app() => ok("MCR-INBOX-3").nobody(),
        (Desk::Done,       C | D | O)               => ok("MCR-INBOX-4"),
        (Desk::Pass { to } | Desk::Grant { to }, _) => app(c, Ask::Pass { to: Some(to) }),
    }
}

/// A survey that was held back before the page had a default app: there is no idle in which to deliver it.
pub(crate) fn survey() -> Row {
    refer("MCR-SURVEY-1", ok("HOP-SURVEY-5").survey(Survey::Dropped))
}
