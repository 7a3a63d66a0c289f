//! The arithmetic of expiry (CLK rules) and of the messaging window (WIN rules), and nothing else. What counts as
//! activity is the Exp column of the tables: more in the Handover Protocol (CLK-1) than elsewhere (CLK-2). An expiry
//! moves control and never the window (WIN-8).

use crate::action::Tag;
use crate::ids::Timestamp;
use crate::refusal::Refusal;
use crate::routing::Mode;
use crate::row::Rule;
use crate::thread::Thread;

pub(crate) const DAY: i64 = 24 * 60 * 60;
/// The longest extension (E-DUR).
pub(crate) const LONGEST_EXTENSION: i64 = 7 * DAY;

/// What a row's Exp column says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expiry {
    /// `=`
    Same,
    /// `N+24h`, after a control action or a send that counts as activity.
    Now24h,
    /// `U+24h`, after a user message.
    User24h,
    /// `U+W`, after a user message in a thread that keeps its owner (CLK-3).
    UserW,
    /// An ad's days: `W` is set from them, then `U+W` (CLK-6).
    Ad {
        /// The days, in range.
        days: u8,
    },
    /// CLK-5.
    Extend {
        /// Seconds, in range.
        duration: i64,
    },
}

/// The new window length in days, and the new expiration.
pub(crate) fn expiry(
    before: Option<Timestamp>,
    length_days: i64,
    says: Expiry,
    new_owner: bool,
    now: Timestamp,
) -> (u8, Option<Timestamp>) {
    // CLK-9: whenever the owner changes other than by an ad, W is 1 day again.
    let length = if new_owner { 1 } else { length_days };
    // CLK-4: a new owner's expiration replaces the old one; for the same owner it is never shortened.
    let kept = if new_owner { None } else { before };
    let later = |seconds: i64| Some(latest(kept, now.plus_seconds(seconds).whole_second()));
    let (length, until) = match says {
        Expiry::Same => (length, before),
        Expiry::Now24h | Expiry::User24h => (length, later(DAY)),
        Expiry::UserW => (length, later(length * DAY)),
        Expiry::Ad { days } => (i64::from(days), later(i64::from(days) * DAY)),
        Expiry::Extend { duration } if length > 1 => {
            (1, Some(now.plus_seconds(duration.max(DAY)).whole_second()))
        }
        Expiry::Extend { duration } => (1, later(duration)),
    };
    (u8::try_from(length).unwrap_or(u8::MAX), until)
}

fn latest(kept: Option<Timestamp>, candidate: Timestamp) -> Timestamp {
    kept.map_or(candidate, |kept| kept.max(candidate))
}

/// AD-2: the days an ad gives control for; anything but an integer in range gives one.
pub(crate) fn ad_days(given: Option<i64>, most: u8) -> u8 {
    given.and_then(|days| u8::try_from(days).ok()).filter(|days| (1..=most).contains(days)).unwrap_or(1)
}

/// The rule by which control lapses.
pub(crate) fn lapse_rule(mode: Mode) -> Rule {
    match mode {
        Mode::HandoverPrimary | Mode::HandoverOpen => Rule("HOP-EXP-1"),
        Mode::MessengerRouting => Rule("MCR-EXP-1"),
        Mode::InstagramRouting => Rule("ICR-EXP-1"),
        Mode::MessengerRouting2025 => Rule("M25-2"),
        Mode::ZeroConfig | Mode::MessengerZeroConfig => Rule("ZC-EXP-1"),
    }
}

/// Whether the standard window is open (WIN-1).
pub fn standard_open(thread: &Thread, now: Timestamp) -> bool {
    thread.window_closes.is_some_and(|closes| now < closes)
}

/// When the human agent window closes, in which the inbox answers too: 7 days from the last user message (WIN-3,
/// WIN-12). None where the person never sent one.
pub fn human_closes(thread: &Thread) -> Option<Timestamp> {
    thread.last_heard.map(|heard| heard.plus_seconds(7 * DAY))
}

/// Whether the human agent window is open.
pub(crate) fn human_open(thread: &Thread, now: Timestamp) -> bool {
    human_closes(thread).is_some_and(|closes| now < closes)
}

/// Whether a message may be sent now, ownership apart (WIN-6), in an idle thread too (WIN-9). Calls that are no messages need no window (WIN-7).
pub(crate) fn check(thread: &Thread, tag: Option<Tag>, now: Timestamp) -> Result<(), (Rule, Refusal)> {
    match tag {
        Some(Tag::HumanAgent | Tag::CustomerFeedback) if human_open(thread, now) => Ok(()),
        Some(Tag::HumanAgent | Tag::CustomerFeedback) => Err((Rule("WIN-3"), Refusal::WindowClosed)),
        Some(Tag::Retired) | None if standard_open(thread, now) => Ok(()),
        Some(Tag::Retired) | None => Err((Rule("WIN-4"), Refusal::WindowClosed)),
    }
}

/// WIN-12: the inbox answers within the human agent window without a tag.
pub(crate) fn check_inbox(thread: &Thread, now: Timestamp) -> Result<(), (Rule, Refusal)> {
    if human_open(thread, now) { Ok(()) } else { Err((Rule("WIN-12"), Refusal::WindowClosed)) }
}
