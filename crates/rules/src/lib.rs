//! Who owns the thread. Pure: no IO, no clock, no randomness, no dependencies.
//!
//! [`decide`] answers every question of control. The rules are tables in `modes/`, one file for each mode;
//! each row carries the identifier that it has in `docs/protocol/thread-control.md`.

mod access;
mod action;
mod ads;
pub mod build;
mod commented;
mod decision;
mod few;
mod hearing;
mod ids;
mod invited;
mod modes;
mod notices;
mod ownership;
pub mod practice;
mod refusal;
mod routing;
mod row;
mod settle;
pub mod setup;
mod thread;
mod timers;
mod window;

pub use access::{Edge, Lack, lacks};
pub use action::{
    Action, Ask, Cause, Desk, Did, Entry, Invitation, Invited, MenuLevel, Send, Signal, Tag, ThreadControl,
    What,
};
pub use ads::AdCount;
pub use commented::{CommentTold, Verb, commented};
pub use decision::{Channel, Decision, Event, EventKind, Form, Metadata, Notice, Refused, Survey};
pub use few::Few;
pub use hearing::{Heard, Unheard, unheard};
pub use ids::{AppId, NotAnId, PageId, PersonId, Surface, ThreadKey, Timestamp};
pub use invited::UNKNOWN_COMMENT;
pub use ownership::{
    OwnerElement, OwnerSeen, Role, is_owner, roles_changed, secondary_receivers, thread_owner,
};
pub use refusal::Refusal;
pub use routing::{Ad, ConnectedApp, Fields, Link, Mode, MoveToMain, Profile, Routing};
pub use row::Rule;
pub use thread::{
    Answered, Entered, Folder, Grant, Lapse, Resettled, Standing, Thread, Waiting, resettled, standing,
};
pub use timers::Granted;
pub use window::{human_closes, standard_open};

use row::{Case, Row, no, ok};
use settle::settle;
use thread::standing_in;

/// Decides what an action means.
///
/// `thread` is what is remembered of the thread; none where the person has never written (API-9). The
/// answer depends on nothing but the arguments, and a refusal changes nothing (API-7).
pub fn decide(
    routing: &Routing,
    person: &PersonId,
    thread: Option<&Thread>,
    action: &Action<'_>,
    now: Timestamp,
) -> Result<Decision, Refused> {
    let by = match action {
        Action::Person(_) | Action::Inbox { .. } => routing.inbox(),
        Action::App { by, .. } | Action::Due { by } => *by,
    };
    let caller = if matches!(action, Action::Person(_)) { None } else { Some(by) };
    let new = Thread::default();
    let mode = routing.mode();
    let stands = standing_in(mode, routing, thread.unwrap_or(&new), now);
    let case = Case { routing, mode, person, is_new: thread.is_none(), stands, now, by };

    let is_due = matches!(action, Action::Due { .. });
    if !routing.messaging_enabled
        && !is_due
        && (caller.is_none() || matches!(action.cause(), Cause::Send | Cause::InboxReply))
    {
        return settle(&case, action, no("SET-1", Refusal::Permission));
    }
    // API-13: settings and thread are read at one moment, so a connection that just ended is seen here.
    if matches!(action, Action::App { .. }) && case.caller().is_none() {
        return settle(&case, action, no("API-13", Refusal::Permission));
    }
    if matches!(action, Action::App { ask: Ask::Send(_) | Ask::Answer(_), .. })
        && case.caller().is_some_and(|app| !app.may_reach(person))
    {
        return settle(&case, action, no("API-14", Refusal::NotLive));
    }
    let row = match action {
        Action::Person(did) => case.barred(did).unwrap_or_else(|| modes::person(&case, did)),
        // A retired tag is a wrong parameter, and parameters come before ownership (API-10).
        Action::App { ask: Ask::Send(Send { tag: Some(Tag::Retired), .. }), .. } => {
            no("WIN-5", Refusal::RetiredTag)
        }
        Action::App { ask, .. } => {
            let row = modes::app(&case, *ask);
            match ask {
                Ask::Send(message) if row.survey == Survey::None => {
                    within_window(row, window::check(case.thread(), message.tag, now))
                }
                Ask::Request => timers::granted(&case, row),
                Ask::Send(_)
                | Ask::Pass { .. }
                | Ask::Take
                | Ask::Release
                | Ask::Extend { .. }
                | Ask::Metadata { .. }
                | Ask::Answer(_)
                | Ask::SetMenu { .. } => row,
            }
        }
        Action::Inbox { desk, .. } => {
            let row = modes::inbox(&case, *desk);
            match desk {
                Desk::Reply => within_window(row, window::check_inbox(case.thread(), now)),
                Desk::MoveToMain => timers::granted(&case, row),
                Desk::Done | Desk::Pass { .. } | Desk::Grant { .. } => row,
            }
        }
        // Whoever is not connected any more cannot send.
        Action::Due { .. } if case.caller().is_none() => ok("API-13").survey(Survey::Dropped),
        Action::Due { .. } => modes::survey(&case),
    };
    // A survey that is only held on or given up is no send.
    let barred = is_due && !routing.messaging_enabled && row.survey == Survey::None;
    let row = if barred { no("SET-1", Refusal::Permission) } else { row };
    let row = if thread.is_none() { to_nobody(row, action) } else { row };
    settle(&case, action, row)
}

/// API-9: a call about a person who has never written. API-10: the caller's right and the call's parameters
/// are looked at before the recipient, everything else after it.
fn to_nobody(row: Row, action: &Action<'_>) -> Row {
    let has_recipient = match action {
        // A person's event makes the thread, and so does a message by an invitation; the page's menu is about no person.
        Action::Person(_)
        | Action::App { ask: Ask::SetMenu { level: MenuLevel::Page } | Ask::Answer(_), .. } => false,
        Action::App { .. } | Action::Inbox { .. } | Action::Due { .. } => true,
    };
    if has_recipient && !row.refusal.is_some_and(Refusal::precedes_recipient) {
        no("API-9", Refusal::UnknownPerson)
    } else {
        row
    }
}

/// WIN-6: ownership is checked before the window.
fn within_window(row: Row, window: Result<(), (Rule, Refusal)>) -> Row {
    match (row.refusal, window) {
        (None, Err((rule, why))) => no(rule.0, why),
        (Some(_), _) | (None, Ok(())) => row,
    }
}
