//! A thread as it is remembered, and as it stands at a given moment: control lapses by comparison with
//! `now`, so that nothing has to run for a thread nobody touches.

use crate::ids::{AppId, Timestamp};
use crate::routing::{Mode, Routing};
use crate::row::Rule;
use crate::{timers, window};

/// What is remembered of a thread between two events.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Thread {
    /// Who was given control; none in Conversation Routing on Messenger means the default app (MODE-5).
    pub control: Option<Grant>,
    /// The window length `W` in days; 0 reads as 1.
    pub length_days: u8,
    /// When the person last sent something that counts as a user message.
    pub last_heard: Option<Timestamp>,
    /// When the standard messaging window closes, for the page and whoever owns the thread (WIN-1, WIN-10); a
    /// reaction moves this and not `last_heard`.
    pub window_closes: Option<Timestamp>,
    /// Where the inbox shows the thread.
    pub folder: Folder,
    /// Apps that asked for control, oldest first.
    pub requests: Vec<Waiting>,
    /// How many surveys are held back until the thread is idle (HOP-SURVEY-1): there are due rows.
    pub held: u16,
    /// What the last pass or take said to the owner (WH-HOP-1); none when control came otherwise.
    pub handed: Option<Box<str>>,
    /// The ad by which its owner has it, as long as that is so (AD-6).
    pub entered: Option<Entered>,
    /// Until when its owner must have answered, where the settings want that (TIMER-1).
    pub answer_by: Option<Timestamp>,
    /// By which invitations of the person something was sent, while that keeps anything else from being sent by them
    /// (WIN-11, WIN-13 to WIN-16).
    pub answered: Vec<Answered>,
    /// The mode that last decided about this thread: a change of mode drops the queue.
    pub mode: Option<Mode>,
}

/// That something was sent by an invitation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answered {
    /// The invitation's.
    pub digest: u64,
    /// Until when nothing more can be sent by it.
    pub until: Timestamp,
}

/// Control of a thread by an app, until a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grant {
    /// The owner.
    pub app: AppId,
    /// The connection that was given control; a later connection of the same app has none of it (MODE-5).
    pub connection: u32,
    /// At this moment control has lapsed. Whole seconds.
    pub until: Timestamp,
}

/// That an app controls a thread by an ad's entry (AD-6).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entered {
    /// The ad.
    pub ad: Box<str>,
    /// The app that the ad names.
    pub app: AppId,
    /// Whether the person has said something since.
    pub opened: bool,
}

/// An app that asked for control and waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// Who asked.
    pub app: AppId,
    /// When it last asked.
    pub at: Timestamp,
    /// What it said; empty when it said nothing.
    pub metadata: Box<str>,
}

/// Where the inbox shows a thread (FOLD-1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Folder {
    /// Where every thread starts.
    #[default]
    General,
    /// The inbox is, or is meant to be, at work on it.
    Main,
    /// Marked as done.
    Done,
}

impl Folder {
    /// The name in Baton's own API.
    pub const fn name(self) -> &'static str {
        match self {
            Folder::General => "general",
            Folder::Main => "main",
            Folder::Done => "done",
        }
    }
}

/// Control that ended by itself, found when the thread was next looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lapse {
    /// The mode's rule for it.
    pub rule: Rule,
    /// Who had control.
    pub from: AppId,
    /// Who has it since; none where the thread became idle.
    pub to: Option<AppId>,
    /// When it ended.
    pub at: Timestamp,
}

/// Who controls a thread at a moment, as everybody outside reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The owner, the default app's fallback included; none: the thread is idle.
    pub owner: Option<AppId>,
    /// When control lapses; none where there is no owner, or where control does not lapse (CLK-7).
    pub expires_at: Option<Timestamp>,
    /// Control that lapsed since the thread was last decided about.
    pub lapse: Option<Lapse>,
    /// The thread with the lapse, lost connections and a change of mode applied.
    pub thread: Thread,
}

impl Thread {
    /// When control that was given ends by itself.
    pub(crate) fn ends(&self) -> Option<Timestamp> {
        self.control.map(|grant| timers::ends(&grant, self.answer_by))
    }

    /// The window length `W` in days (CLK-3).
    pub(crate) fn length(&self) -> i64 {
        i64::from(self.length_days.max(1))
    }
}

/// What a change of settings did to a thread that nobody asked anything of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resettled {
    /// The rule.
    pub rule: Rule,
    /// The owner before.
    pub from: Option<AppId>,
    /// The owner after.
    pub to: Option<AppId>,
    /// When control of the owner after lapses.
    pub expires_at: Option<Timestamp>,
}

/// Whether a change of settings at `now` gave a thread another owner: one that is disconnected loses it (MODE-4), what the
/// default app has by itself is the next default app's (MODE-5), and only in Conversation Routing on Messenger is nothing
/// idle (MODE-3).
pub fn resettled(before: &Routing, after: &Routing, thread: &Thread, now: Timestamp) -> Option<Resettled> {
    let (was, is) = (standing(before, thread, now), standing(after, thread, now));
    if was.owner == is.owner {
        return None;
    }
    let disconnected = was.owner.is_some_and(|owner| after.connection(owner) != before.connection(owner));
    let rule = match (disconnected, before.fallback(before.mode()), after.fallback(after.mode())) {
        (true, ..) => Rule("MODE-4"),
        (false, Some(_), Some(_)) => Rule("MODE-5"),
        (false, ..) => Rule("MODE-3"),
    };
    Some(Resettled { rule, from: was.owner, to: is.owner, expires_at: is.expires_at })
}

/// Where a thread stands at `now` under the page's present settings. A change of mode moves nothing by itself: owned
/// threads keep owner and time, and in Conversation Routing on Messenger an idle one is the default app's (MODE-3).
pub fn standing(routing: &Routing, thread: &Thread, now: Timestamp) -> Standing {
    standing_in(routing.mode(), routing, thread, now)
}

/// The same where the mode is known: it follows from the settings, and is asked for more than once in a decision.
pub(crate) fn standing_in(mode: Mode, routing: &Routing, thread: &Thread, now: Timestamp) -> Standing {
    let mut thread = thread.clone();
    if thread.mode.is_some_and(|before| before != mode) {
        thread.requests.clear();
    }
    thread.mode = Some(mode);
    thread.requests.retain(|waiting| routing.app(waiting.app).is_some());

    let held = thread.control;
    let valid = held.filter(|grant| routing.connection(grant.app) == Some(grant.connection));
    let answer_by = thread.answer_by;
    let live = valid.filter(|grant| now < timers::ends(grant, answer_by));
    let fallback = routing.fallback(mode);
    let lapse = match (valid, live) {
        (Some(grant), None) => {
            let at = timers::ends(&grant, answer_by);
            let rule = if at < grant.until { Rule("TIMER-1") } else { window::lapse_rule(mode) };
            Some(Lapse { rule, from: grant.app, to: fallback, at })
        }
        (Some(_) | None, _) => None,
    };
    // In Conversation Routing the default app's control is stored as none, whoever the default app is now.
    let live = live.filter(|grant| Some(grant.app) != fallback);
    thread.control = live;
    if live.is_none() {
        thread.answer_by = None;
        thread.length_days = 1;
        thread.handed = None;
        if fallback.is_none() {
            thread.requests.clear();
        }
    }
    // The default app's control does not lapse: what it has by an ad ends with the day (AD-6).
    let heard_lately = thread.last_heard.is_some_and(|heard| now < heard.plus_seconds(window::DAY));
    let holds = live.map(|grant| grant.app).or(fallback.filter(|_| heard_lately));
    thread.entered = thread.entered.filter(|entered| holds == Some(entered.app));
    Standing {
        owner: live.map(|grant| grant.app).or(fallback),
        expires_at: live.map(|grant| timers::ends(&grant, answer_by)),
        lapse: lapse.filter(|lapse| Some(lapse.from) != fallback),
        thread,
    }
}
