//! The vocabulary of a table row, and `settle`, the one place that turns a row into a decision.
//!
//! A row says *what*: who owns the thread, until when, which control event is due. `settle` says *how*,
//! once for all modes: it applies the clock rules, addresses events to the owner and to standby, leaves out
//! what an app has not subscribed to, and puts control events before or after the message (WH-8).

use crate::action::{Action, Desk, Did, Entry, Signal, What};
use crate::ads;
use crate::decision::{Channel, Decision, Event, EventKind, Form, Metadata, Notice, Refused, Survey};
use crate::ids::{AppId, PersonId, Timestamp};
use crate::refusal::Refusal;
use crate::routing::{ConnectedApp, Fields, Mode, MoveToMain, Routing};
use crate::thread::{Folder, Grant, Standing, Thread, Waiting};
use crate::window::{self, DAY, Expiry};

/// A row of the specification, by its identifier.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Rule(pub &'static str);

impl std::fmt::Debug for Rule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0)
    }
}

impl std::fmt::Display for Rule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0)
    }
}

/// What a row says of the owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    /// `=`
    Same,
    /// An app.
    App(AppId),
    /// None; in Conversation Routing on Messenger that is the default app.
    Nobody,
}

/// A control event that a row causes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hook {
    /// PASS to the new owner.
    Pass(Metadata),
    /// TAKE by the caller; who hears it is the mode's business (WH-TAKE-*).
    Take(Metadata),
    /// REQ to the owner, and to the primary receiver.
    Request(Metadata),
    /// `pass_thread_metadata` to an app.
    Metadata(AppId),
}

/// One row of a table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row {
    pub(crate) rule: Rule,
    pub(crate) via: Option<Rule>,
    pub(crate) refusal: Option<Refusal>,
    pub(crate) owner: Owner,
    pub(crate) expiry: Expiry,
    /// Before the message.
    pub(crate) first: Option<Hook>,
    /// After the message: a pass in the same call (WH-8).
    pub(crate) then: Option<Hook>,
    pub(crate) survey: Survey,
}

/// A row that allows.
pub(crate) const fn ok(rule: &'static str) -> Row {
    Row {
        rule: Rule(rule),
        via: None,
        refusal: None,
        owner: Owner::Same,
        expiry: Expiry::Same,
        first: None,
        then: None,
        survey: Survey::None,
    }
}

/// A row that refuses.
pub(crate) const fn no(rule: &'static str, why: Refusal) -> Row {
    let mut row = ok(rule);
    row.refusal = Some(why);
    row
}

/// A row that says "as" another.
pub(crate) const fn refer(rule: &'static str, mut other: Row) -> Row {
    other.via = match other.via {
        // The row that decides in the end is the one to name.
        Some(last) => Some(last),
        None => Some(other.rule),
    };
    other.rule = Rule(rule);
    other
}

impl Row {
    pub(crate) const fn owner(mut self, app: AppId) -> Row {
        self.owner = Owner::App(app);
        self
    }

    pub(crate) const fn nobody(mut self) -> Row {
        self.owner = Owner::Nobody;
        self
    }

    pub(crate) const fn expiry(mut self, expiry: Expiry) -> Row {
        self.expiry = expiry;
        self
    }

    /// PASS by the call, with its metadata (WH-PASS-1): a pass, or a request of an idle thread (WH-PASS-3).
    pub(crate) const fn pass(mut self) -> Row {
        self.first = Some(Hook::Pass(Metadata::Given));
        self
    }

    /// PASS caused by something else than a pass (WH-PASS-2). A row without a hook tells nobody (WH-PASS-4).
    pub(crate) const fn pass_saying(mut self, metadata: &'static str) -> Row {
        self.first = Some(Hook::Pass(Metadata::Fixed(metadata)));
        self
    }

    /// TAKE by the call, with its metadata.
    pub(crate) const fn take(mut self) -> Row {
        self.first = Some(Hook::Take(Metadata::Given));
        self
    }

    /// TAKE by sending or by the inbox: its metadata is empty (WH-TAKE-4).
    pub(crate) const fn take_silently(mut self) -> Row {
        self.first = Some(Hook::Take(Metadata::Fixed("")));
        self
    }

    pub(crate) const fn request(mut self, metadata: Metadata) -> Row {
        self.first = Some(Hook::Request(metadata));
        self
    }

    pub(crate) const fn tell(mut self, app: AppId) -> Row {
        self.first = Some(Hook::Metadata(app));
        self
    }

    /// PASS after the message of the same call.
    pub(crate) const fn then_pass(mut self) -> Row {
        self.then = Some(Hook::Pass(Metadata::Fixed("")));
        self
    }

    pub(crate) const fn survey(mut self, survey: Survey) -> Row {
        self.survey = survey;
        self
    }

    /// A hook only under a condition that the row's Hooks column names.
    pub(crate) const fn unless(mut self, condition: bool) -> Row {
        if condition {
            self.first = None;
        }
        self
    }

    /// The same for the hook after the message.
    pub(crate) const fn then_unless(mut self, condition: bool) -> Row {
        if condition {
            self.then = None;
        }
        self
    }
}

/// What a row is chosen by.
pub(crate) struct Case<'a> {
    pub(crate) routing: &'a Routing,
    pub(crate) mode: Mode,
    pub(crate) person: &'a PersonId,
    /// Where the thread stands, lapse applied.
    pub(crate) stands: Standing,
    pub(crate) now: Timestamp,
    /// The caller; for a person's event the surface's inbox, which is never looked at.
    pub(crate) by: AppId,
}

/// An entry point, resolved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// By an ad: the app that it names, and its days; none when it names none that counts (AD-1).
    Ad(Option<(AppId, u8)>),
    /// By a link: the app that it is routed to.
    Link(Option<AppId>),
    /// By nothing in particular.
    Organic,
}

impl Case<'_> {
    pub(crate) fn thread(&self) -> &Thread {
        &self.stands.thread
    }

    pub(crate) fn owned_by(&self, app: AppId) -> bool {
        self.stands.owner == Some(app)
    }

    pub(crate) fn caller(&self) -> Option<&ConnectedApp> {
        self.routing.app(self.by)
    }

    pub(crate) fn human_agent(&self) -> bool {
        self.caller().is_some_and(|app| app.human_agent)
    }

    pub(crate) fn may_take(&self) -> bool {
        self.caller().is_some_and(|app| app.take_control)
    }

    /// The app that is connected and made a button, menu or ice breaker.
    pub(crate) fn connected(&self, creator: Option<AppId>) -> Option<AppId> {
        creator.filter(|app| self.routing.reaches(*app))
    }

    pub(crate) fn asks_for_main(&self) -> bool {
        self.routing.inbox_move_to_main == MoveToMain::Request
    }

    pub(crate) fn done(&self) -> bool {
        self.thread().folder == Folder::Done
    }

    /// Resolves the entry point.
    pub(crate) fn way(&self, did: &Did<'_>) -> Way {
        match did.entry {
            None | Some(Entry::Organic) => Way::Organic,
            Some(Entry::Link { reference }) => Way::Link(self.routing.link_route(reference)),
            Some(Entry::Ad { id }) => {
                let ad = self.routing.ad(id);
                let app = ad.and_then(|ad| ad.app).filter(|app| self.routing.reaches(*app));
                let days = window::ad_days(ad.and_then(|ad| ad.days), self.routing.ad_max_days);
                Way::Ad(app.map(|app| (app, days)))
            }
        }
    }

    /// AD-4 and AD-5: an ad that cannot be entered is not there.
    pub(crate) fn barred(&self, did: &Did<'_>) -> Option<Row> {
        let Some(Entry::Ad { id }) = did.entry else { return None };
        match self.routing.ad(id) {
            Some(ad) if !ad.published => Some(no("AD-4", Refusal::AdNotAvailable)),
            Some(ad) if !ad.audience.is_empty() && !ad.audience.contains(self.person) => {
                Some(no("AD-5", Refusal::AdNotAvailable))
            }
            Some(_) => None,
            None => Some(no("AD-4", Refusal::AdNotAvailable)),
        }
    }
}

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
    let fallback = match case.mode {
        Mode::MessengerRouting => case.routing.default_app(),
        Mode::HandoverPrimary | Mode::HandoverOpen => None,
    };
    let after = match row.owner {
        Owner::Same => before,
        Owner::App(app) => Some(app),
        Owner::Nobody => fallback,
    };
    // A take and a pass in one call: control went through the sender, so it is new even if it came back.
    let new_owner = after != before || (row.first.is_some() && row.then.is_some());

    let mut thread = case.stands.thread.clone();
    let granted = after.filter(|app| Some(*app) != fallback);
    let (length, until) =
        window::expiry(case.stands.expires_at, thread.length(), row.expiry, new_owner, case.now);
    // Where the row says nothing of the time, control that is there keeps its own. A row that gives control
    // and no time gives it for none, so that a forgotten column shows.
    thread.control = granted.map(|app| Grant {
        app,
        connection: case.routing.connection(app).unwrap_or_default(),
        until: until.unwrap_or(case.now.whole_second()),
    });
    thread.length_days = if thread.control.is_some() { length } else { 1 };

    hear(case, action, &mut thread);
    folder(case, action, &mut thread, after, new_owner);
    queue(case, action, &row, &mut thread, after);
    surveys(action, &row, &mut thread);

    let mut events = Vec::with_capacity(2);
    if let Some(hook) = row.first {
        events.push(control_event(case, hook, before, after));
    }
    let message = match action {
        Action::Person(Did { what: What::Menu { url: true, .. }, .. }) => None,
        Action::Person(did) => Some(said(case, did, after)),
        Action::App { ask: crate::Ask::Send(_), .. }
        | Action::Inbox { desk: Desk::Reply, .. }
        | Action::Due { .. } => (row.survey == Survey::None).then(|| echo(case, before, row.first, after)),
        Action::App { .. } | Action::Inbox { .. } => None,
    };
    events.extend(message);
    if let Some(hook) = row.then {
        // A pass in the same call comes from the sender: it owned the thread when the message went out.
        events.push(control_event(case, hook, Some(case.by), after));
    }
    if events.is_empty() {
        events.push(Event { kind: EventKind::Quiet, notices: Vec::new() });
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
        expires_at: thread.control.map(|grant| grant.until),
        thread,
        events,
        survey: row.survey,
        counts,
    })
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
    if !case.mode.is_handover() {
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

fn control_event(case: &Case<'_>, hook: Hook, before: Option<AppId>, after: Option<AppId>) -> Event {
    // WH-9: only subscribed apps are told, and the inbox is not. WH-1: in `messaging`.
    let hears = |app: &ConnectedApp| app.fields.has(Fields::MESSAGING_HANDOVERS);
    let notice = |app: AppId| Notice { app, channel: Channel::Messaging, form: Form::Whole, context: false };
    let only = |app: Option<AppId>| -> Vec<Notice> {
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
                // WH-TAKE-3: the previous owner.
                only(before)
            };
            Event { kind: EventKind::Taken { from: before, to: case.by, metadata }, notices }
        }
        Hook::Request(metadata) => {
            // WH-REQ-2: the owner. WH-REQ-1: and the primary receiver if it is neither owner nor caller. WH-REQ-3:
            // nobody where the inbox owns; its console shows the request.
            let primary = match case.mode {
                Mode::HandoverPrimary => case.routing.primary_receiver(),
                Mode::HandoverOpen | Mode::MessengerRouting => None,
            };
            let primary = primary.filter(|_| !case.owned_by(case.routing.inbox()));
            let mut notices = only(before);
            notices.extend(only(primary.filter(|app| Some(*app) != before && *app != case.by)));
            Event { kind: EventKind::Requested { by: case.by, metadata }, notices }
        }
        Hook::Metadata(to) => Event { kind: EventKind::Metadata { by: case.by }, notices: only(Some(to)) },
    }
}

/// The webhook field that a person's event belongs to, and whether standby carries it (SB-3).
fn field(what: What) -> (Fields, bool) {
    match what {
        What::Message | What::QuickReply => (Fields::MESSAGES, true),
        What::Postback { .. } | What::Menu { .. } | What::GetStarted { .. } | What::IceBreaker { .. } => {
            (Fields::MESSAGING_POSTBACKS, true)
        }
        What::Referral => (Fields::MESSAGING_REFERRALS, true),
        What::Signal(signal) => match signal {
            Signal::Read => (Fields::MESSAGE_READS, true),
            Signal::Delivery => (Fields::MESSAGE_DELIVERIES, true),
            Signal::Reaction => (Fields::MESSAGE_REACTIONS, false),
            Signal::Optin => (Fields::MESSAGING_OPTINS, false),
            Signal::Edit => (Fields::MESSAGE_EDITS, false),
            // On Messenger a message taken back is told as an edit is, by the field of its own kind.
            Signal::Unsend => (Fields::MESSAGE_EDITS, false),
            Signal::AccountLinking => (Fields::MESSAGING_ACCOUNT_LINKING, false),
            Signal::Feedback => (Fields::MESSAGING_FEEDBACK, false),
        },
    }
}

/// The person's event: `messaging` to the owner, `standby` to the others (SB-1), which are all apps where the inbox
/// owns (SB-8); to all where nobody owns and nobody leads (SB-2). Standby copies keep the entry's referral (SB-5)
/// and a quick reply's payload (SB-6); the payload of a button is for its maker alone (SB-4), of an ad's button for
/// the ad's app (AD-3).
fn said(case: &Case<'_>, did: &Did<'_>, after: Option<AppId>) -> Event {
    let (field, in_standby) = field(did.what);
    let open = after.is_none() && case.mode == Mode::HandoverOpen;
    let leader = after.or_else(|| case.routing.primary_receiver());
    let is_button = matches!(
        did.what,
        What::Postback { .. } | What::Menu { .. } | What::GetStarted { .. } | What::IceBreaker { .. }
    );
    let inside = matches!(did.what, What::Message | What::QuickReply)
        && matches!(did.entry, Some(Entry::Ad { .. } | Entry::Link { .. }));
    let notices = case.routing.apps.iter().filter_map(|app| {
        let listens = app.standby && app.fields.has(Fields::STANDBY) && in_standby;
        let channel = if open {
            if app.fields.has(field) {
                Channel::Messaging
            } else if listens {
                Channel::Standby
            } else {
                return None;
            }
        } else if leader == Some(app.id) {
            if !app.fields.has(field) {
                return None;
            }
            Channel::Messaging
        } else if listens {
            Channel::Standby
        } else {
            return None;
        };
        let unsubscribed = channel == Channel::Messaging && !app.fields.has(Fields::MESSAGING_REFERRALS);
        let reduced = (is_button && after != Some(app.id)) || (inside && unsubscribed);
        Some(Notice {
            app: app.id,
            channel,
            form: if reduced { Form::Reduced } else { Form::Whole },
            context: context(case, app.id, channel, after),
        })
    });
    Event { kind: EventKind::Said, notices: owner_first(notices.collect()) }
}

/// SB-7: the echo goes to the sender in `messaging` and to the others in `standby`; in an idle thread
/// without a primary receiver, to all in `messaging`.
fn echo(case: &Case<'_>, before: Option<AppId>, first: Option<Hook>, after: Option<AppId>) -> Event {
    let sender = case.by;
    // A pass in the same call moves control after the message: the echo is seen with the sender in control.
    let owner = if first.is_some() { Some(sender) } else { before.or(after) };
    let open = owner.is_none() && case.mode == Mode::HandoverOpen;
    let notices =
        case.routing.apps.iter().filter(|app| app.fields.has(Fields::MESSAGE_ECHOES)).filter_map(|app| {
            let channel = if app.id == sender || open {
                Channel::Messaging
            } else if app.standby && app.fields.has(Fields::STANDBY) {
                Channel::Standby
            } else {
                return None;
            };
            Some(Notice {
                app: app.id,
                channel,
                form: Form::Whole,
                context: context(case, app.id, channel, owner),
            })
        });
    Event { kind: EventKind::Echo, notices: owner_first(notices.collect()) }
}

/// WH-HOP-1: on `messaging` deliveries to the owner that control was passed to, or that took it.
fn context(case: &Case<'_>, app: AppId, channel: Channel, owner: Option<AppId>) -> bool {
    case.mode.is_handover()
        && channel == Channel::Messaging
        && owner == Some(app)
        && case.stands.owner == Some(app)
        && case.stands.thread.handed.is_some()
}

/// `messaging` before `standby`: whoever must act hears first.
fn owner_first(mut notices: Vec<Notice>) -> Vec<Notice> {
    notices.sort_by_key(|notice| notice.channel == Channel::Standby);
    notices
}

/// What is delivered and moves nothing, in every mode: reads, deliveries, reactions and their like.
pub(crate) fn signal(case: &Case<'_>) -> Row {
    match case.stands.owner {
        Some(_) => ok("SB-1"),
        None => ok("SB-2"),
    }
}
