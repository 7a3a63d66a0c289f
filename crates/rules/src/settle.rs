//! The one place that turns a row into a decision. A row says *what*; this says *how*, once for all modes: it
//! applies the clock rules, keeps window, folder and queue, and puts control events before or after the message
//! (WH-8). Who hears them is `notices`' part.

use crate::action::{Action, Ask, Desk, Did, Entry, Signal, What};
use crate::ads;
use crate::decision::{Decision, Event, EventKind, Metadata, Refused, Survey};
use crate::few::Few;
use crate::ids::AppId;
use crate::invited;
use crate::notices::{Speech, control_event, echo, said};
use crate::row::{Case, Hook, Owner, Row};
use crate::thread::{Folder, Grant, Thread, Waiting};
use crate::timers;
use crate::window::{self, DAY};

/// Turns a row into a decision.
pub(crate) fn settle(case: &Case<'_>, action: &Action<'_>, row: Row) -> Result<Decision, Refused> {
    let cause = action.cause();
    let by = match action {
        Action::Person(_) => None,
        Action::App { by, .. } | Action::Due { by } => Some(*by),
        Action::Inbox { .. } => Some(case.by),
    };
    if let Some(why) = row.refusal {
        return Err(Refused { rule: row.rule, via: row.via, why, cause, by });
    }

    let before = case.stands.owner;
    let fallback = case.routing.fallback(case.mode);
    let after = match row.owner {
        Owner::Same => before,
        Owner::App(app) => Some(app),
        Owner::Nobody => fallback,
    };
    // A take and a pass in one call: control went through the sender, so it is new even if it came back.
    let new_owner = after != before || (row.first.is_some() && row.then.is_some());

    let mut thread = case.stands.thread.clone();
    let granted = after.filter(|app| Some(*app) != fallback);
    control(case, &row, &mut thread, granted, new_owner);

    hear(case, action, &mut thread);
    folder(case, action, &mut thread, after, new_owner);
    queue(case, action, &row, &mut thread, after);
    surveys(action, &row, &mut thread);
    invited::remember(case, action, &mut thread);
    thread.answer_by = timers::answer_by(case, action, &thread, new_owner);

    // Who owns the thread while the message goes out: a take comes before it, a pass in the same call after it.
    let speaker = if matches!(row.first, None | Some(Hook::Request(_))) { before } else { Some(case.by) };
    let mut events = Few::default();
    if let Some(hook) = row.first {
        events.push(control_event(case, hook, before, after));
    }
    let message = match action {
        Action::Person(Did { what: What::Menu { url: true, .. }, .. }) => None,
        Action::Person(did) => Some(said(case, did, Speech { owner: after, payload: row.payload.or(after) })),
        Action::App { ask: Ask::Send(_) | Ask::Answer(_), .. }
        | Action::Inbox { desk: Desk::Reply, .. }
        | Action::Due { .. } => (row.survey == Survey::None).then(|| echo(case, speaker.or(after))),
        Action::App { .. } | Action::Inbox { .. } => None,
    };
    events.extend(message);
    if let Some(hook) = row.then {
        events.push(control_event(case, hook, speaker, after));
    }
    if events.is_empty() {
        events.push(Event { kind: EventKind::Quiet, notices: Few::default() });
    }
    handed(case, action, &row, &mut thread, new_owner);
    let counts = ads::count(case, action, &mut thread, after, new_owner);

    Ok(Decision {
        rule: row.rule,
        via: row.via,
        cause,
        by,
        lapse: case.stands.lapse,
        from: before,
        to: after,
        expires_at: thread.ends(),
        thread,
        events,
        survey: row.survey,
        counts,
    })
}

/// Who is given control, and until when.
fn control(case: &Case<'_>, row: &Row, thread: &mut Thread, granted: Option<AppId>, new_owner: bool) {
    let until = thread.control.map(|grant| grant.until);
    let (length, until) = window::expiry(until, thread.length(), row.expiry, new_owner, case.now);
    // Where the row says nothing of the time, control that is there keeps its own. A row that gives control
    // and no time gives it for none, so that a forgotten column shows.
    thread.control = granted.map(|app| Grant {
        app,
        connection: case.routing.connection(app).unwrap_or_default(),
        until: until.unwrap_or(case.now.whole_second()),
    });
    thread.length_days = if thread.control.is_some() { length } else { 1 };
}

/// Whether the message of this decision opens windows (WIN-1, WIN-2) and counts as heard.
fn hear(case: &Case<'_>, action: &Action<'_>, thread: &mut Thread) {
    let Action::Person(did) = action else { return };
    let open = |thread: &mut Thread, days: u8| {
        let closes = case.now.plus_seconds(i64::from(days.max(1)) * DAY);
        thread.window_closes = Some(thread.window_closes.map_or(closes, |now| now.max(closes)));
    };
    match did.what {
        What::Signal(Signal::Reaction) => open(thread, 1),
        What::Signal(_) => {}
        What::Referral if matches!(did.entry, Some(Entry::Ad { .. })) => {
            // An ad opens the window when it is followed by a message (WIN-1).
            thread.last_heard = Some(case.now);
        }
        What::Message
        | What::QuickReply
        | What::Postback { .. }
        | What::Menu { .. }
        | What::GetStarted { .. }
        | What::IceBreaker { .. }
        | What::Referral => {
            let by_ad = matches!(did.entry, Some(Entry::Ad { .. }));
            thread.last_heard = Some(case.now);
            open(thread, if by_ad { case.routing.ad_window_days } else { 1 });
        }
    }
}

/// FOLD-2: what brings a thread to `main`. FOLD-3: Done, and an answer there. FOLD-4: what the person says takes it
/// out of `done`.
fn folder(case: &Case<'_>, action: &Action<'_>, thread: &mut Thread, after: Option<AppId>, new_owner: bool) {
    let inbox_owns = after == Some(case.routing.inbox());
    thread.folder = match action {
        Action::Inbox { desk: Desk::MoveToMain, .. } => Folder::Main,
        Action::Inbox { desk: Desk::Done, .. } => Folder::Done,
        Action::Inbox { desk: Desk::Reply, .. } if thread.folder == Folder::Done => Folder::Done,
        Action::Inbox { desk: Desk::Reply, .. } => Folder::Main,
        Action::Person(did) if did.what.is_user_message() && inbox_owns => Folder::Main,
        Action::Person(did) if did.what.is_user_message() && thread.folder == Folder::Done => Folder::General,
        Action::Person(_) | Action::App { .. } | Action::Inbox { .. } | Action::Due { .. } => {
            if inbox_owns && new_owner { Folder::Main } else { thread.folder }
        }
    };
}

/// Who waits: Q-1 who asked, and Q-2 nobody else; Q-3 until it has control, Q-4 or nobody has. Who has it does not
/// come out of it.
fn queue(case: &Case<'_>, action: &Action<'_>, row: &Row, thread: &mut Thread, after: Option<AppId>) {
    if let Some(Hook::Request(says)) = row.first
        && case.by != case.routing.inbox()
    {
        let given = match action {
            Action::App { metadata, .. } => metadata.unwrap_or_default(),
            Action::Person(_) | Action::Inbox { .. } | Action::Due { .. } => "",
        };
        let metadata: Box<str> = match says {
            Metadata::Given => given.into(),
            Metadata::Fixed(text) => text.into(),
        };
        match thread.requests.iter_mut().find(|waiting| waiting.app == case.by) {
            Some(waiting) => {
                waiting.at = case.now;
                waiting.metadata = metadata;
            }
            None => thread.requests.push(Waiting { app: case.by, at: case.now, metadata }),
        }
    }
    thread.requests.retain(|waiting| Some(waiting.app) != after);
    if after.is_none() {
        thread.requests.clear();
    }
}

/// Counts the surveys that are held back.
fn surveys(action: &Action<'_>, row: &Row, thread: &mut Thread) {
    match (action, row.survey) {
        (Action::Due { .. }, Survey::Held) => {}
        (Action::Due { .. }, Survey::None | Survey::Dropped) => thread.held = thread.held.saturating_sub(1),
        (_, Survey::Held) => thread.held = thread.held.saturating_add(1),
        (_, Survey::None | Survey::Dropped) => {}
    }
}

/// Keeps what a pass or take said, for `hop_context` (WH-HOP-1).
fn handed(case: &Case<'_>, action: &Action<'_>, row: &Row, thread: &mut Thread, new_owner: bool) {
    if !case.mode.has_context() {
        thread.handed = None;
        return;
    }
    let says = match (row.then, row.first) {
        (Some(Hook::Pass(says)), _) | (None, Some(Hook::Pass(says) | Hook::Take(says))) => Some(says),
        (_, _) => None,
    };
    let given = match action {
        Action::App { metadata, .. } | Action::Inbox { metadata, .. } => metadata.unwrap_or_default(),
        Action::Person(_) | Action::Due { .. } => "",
    };
    match says {
        Some(Metadata::Given) if thread.control.is_some() => thread.handed = Some(given.into()),
        Some(Metadata::Fixed(text)) if thread.control.is_some() => thread.handed = Some(text.into()),
        Some(_) | None if new_owner || thread.control.is_none() => thread.handed = None,
        Some(_) | None => {}
    }
}
