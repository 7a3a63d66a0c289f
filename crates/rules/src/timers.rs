//! Timers as policy, an extension that is off unless settings say so (TIMER rules): an owner that does not answer loses
//! control, and a request is granted at once between two apps that the settings name.

use crate::action::{Action, Ask, Desk};
use crate::decision::Metadata;
use crate::ids::{AppId, Timestamp};
use crate::row::{Case, Hook, Row, refer};
use crate::thread::{Grant, Thread};
use crate::window::Expiry;

/// A request that the settings have granted at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Granted {
    /// The app that has control.
    pub from: AppId,
    /// The app that asks, and gets it.
    pub to: AppId,
}

/// TIMER-1: when control ends: with its time, or sooner without an answer.
pub(crate) fn ends(grant: &Grant, answer_by: Option<Timestamp>) -> Timestamp {
    answer_by.map_or(grant.until, |by| by.min(grant.until))
}

/// TIMER-2: until when whoever has control now must have answered. The time begins with control, and again with what the
/// person says first after an answer; an answer ends it. It is settled when something happens, so that other settings
/// never date a lapse before what was decided meanwhile.
pub(crate) fn answer_by(
    case: &Case<'_>,
    action: &Action<'_>,
    thread: &Thread,
    new_owner: bool,
) -> Option<Timestamp> {
    let within = case.routing.answer_within?;
    let owner = thread.control?.app;
    let due = case.now.plus_seconds(within).whole_second();
    let speaks = match action {
        Action::App { by, ask: Ask::Send(_) | Ask::Answer(_), .. } => Some(*by),
        Action::Inbox { desk: Desk::Reply, .. } => Some(case.by),
        Action::App { .. } | Action::Inbox { .. } | Action::Person(_) | Action::Due { .. } => None,
    };
    let is_said = matches!(action, Action::Person(did) if did.what.is_user_message());
    match thread.answer_by {
        _ if speaks == Some(owner) => None,
        _ if new_owner => Some(due),
        None if is_said => Some(due),
        before => before,
    }
}

/// TIMER-3: a request that the mode allows is granted at once where the settings name both apps.
pub(crate) fn granted(case: &Case<'_>, row: Row) -> Row {
    let asks = row.refusal.is_none() && matches!(row.first, Some(Hook::Request(_)));
    let listed = |owner: AppId| case.routing.granted.contains(&Granted { from: owner, to: case.by });
    if asks && case.stands.owner.is_some_and(listed) {
        let given = refer("TIMER-3", row).owner(case.by).expiry(Expiry::Now24h);
        Row { then: Some(Hook::Pass(Metadata::Given)), ..given }
    } else {
        row
    }
}
