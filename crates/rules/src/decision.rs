//! What a decision says: the rule, the thread as it is now, and who must hear what, in order.

use crate::action::Cause;
use crate::ads::AdCount;
use crate::few::Few;
use crate::ids::AppId;
use crate::refusal::Refusal;
use crate::row::Rule;
use crate::thread::{Lapse, Thread};

/// An action that was allowed, and what follows from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// The row whose Event column matches most closely.
    pub rule: Rule,
    /// The row that it refers to.
    pub via: Option<Rule>,
    /// The word for the action.
    pub cause: Cause,
    /// Who acted; none for a person.
    pub by: Option<AppId>,
    /// Control that lapsed before this action, found on the way.
    pub lapse: Option<Lapse>,
    /// Who owned the thread before (after the lapse).
    pub from: Option<AppId>,
    /// Who owns it now.
    pub to: Option<AppId>,
    /// When control lapses.
    pub expires_at: Option<crate::Timestamp>,
    /// The thread as it is to be remembered.
    pub thread: Thread,
    /// One for each webhook event, in order. At least one, so that everything decided has a row.
    pub events: Few<Event, 2>,
    /// What becomes of a survey.
    pub survey: Survey,
    /// What is counted for ads (AD-6).
    pub counts: Vec<AdCount>,
}

impl Decision {
    /// Whether this belongs in the history of control: the owner changed, somebody acted on control, or a survey
    /// that was held back for control's sake was given up (HOP-SURVEY-5).
    pub fn concerns_control(&self) -> bool {
        let acted = match self.cause {
            Cause::Pass
            | Cause::Take
            | Cause::Request
            | Cause::Grant
            | Cause::Release
            | Cause::Extend
            | Cause::InboxMain
            | Cause::InboxDone => true,
            Cause::Message
            | Cause::Ad
            | Cause::Link
            | Cause::GetStarted
            | Cause::Postback
            | Cause::Menu
            | Cause::QuickReply
            | Cause::IceBreaker
            | Cause::Referral
            | Cause::Signal
            | Cause::Send
            | Cause::Metadata
            | Cause::SetMenu
            | Cause::InboxReply
            | Cause::Expiry
            | Cause::Settings => false,
        };
        // A message that takes and passes in one call may leave the owner who was there.
        let moved = self.events.iter().any(|event| match event.kind {
            EventKind::Passed { .. } | EventKind::Taken { .. } => true,
            EventKind::Quiet
            | EventKind::Said
            | EventKind::Echo
            | EventKind::Requested { .. }
            | EventKind::Metadata { .. } => false,
        });
        acted || moved || self.from != self.to || self.survey == Survey::Dropped
    }
}

/// One webhook event and everybody who hears it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// What it is.
    pub kind: EventKind,
    /// Who hears it; each app at most once.
    pub notices: Few<Notice, 6>,
}

/// What a webhook event is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventKind {
    /// Nothing to be heard: control was released or extended, a folder changed.
    Quiet,
    /// What the person did.
    Said,
    /// What the business said.
    Echo,
    /// `pass_thread_control`.
    Passed {
        /// The previous owner; none when the thread was idle (WH-7).
        from: Option<AppId>,
        /// The new owner.
        to: AppId,
        /// Where its `metadata` comes from.
        metadata: Metadata,
    },
    /// `take_thread_control`.
    Taken {
        /// The previous owner; none when the thread was idle (WH-7).
        from: Option<AppId>,
        /// The new owner.
        to: AppId,
        /// Where its `metadata` comes from.
        metadata: Metadata,
    },
    /// `request_thread_control`.
    Requested {
        /// Who asks.
        by: AppId,
        /// Where its `metadata` comes from.
        metadata: Metadata,
    },
    /// `pass_thread_metadata` (WH-META-1).
    Metadata {
        /// Who says it.
        by: AppId,
    },
}

/// Where the `metadata` of a control event comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Metadata {
    /// The call's own.
    Given,
    /// The rule's; empty where it has none (WH-6, WH-TAKE-4).
    Fixed(&'static str),
}

/// That an app must hear an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Notice {
    /// The app.
    pub app: AppId,
    /// How it hears it.
    pub channel: Channel,
    /// How much of it it sees.
    pub form: Form,
    /// Whether `hop_context` stands beside the event (WH-HOP-1).
    pub context: bool,
}

/// The array of the webhook's entry in which an event stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Channel {
    /// `messaging`.
    Messaging,
    /// `standby`.
    Standby,
    /// `changes`: what happens to the page outside of its conversations.
    Changes,
}

/// How much of an event an app sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Form {
    /// All of it.
    Whole,
    /// Without the payload of a button that is another app's (SB-4), or without the referral inside a
    /// message for an app that has not subscribed to referrals (MCR-AD-5).
    Reduced,
}

/// What becomes of a survey.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Survey {
    /// There is none in this action, or it is sent like any message.
    #[default]
    None,
    /// Kept until the thread is idle (HOP-SURVEY-1, HOP-SURVEY-4).
    Held,
    /// Given up (HOP-SURVEY-5).
    Dropped,
}

/// An action that was refused; nothing changed (API-7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The row that refuses.
    pub rule: Rule,
    /// The row that it refers to.
    pub via: Option<Rule>,
    /// The error.
    pub why: Refusal,
    /// The word for the action.
    pub cause: Cause,
    /// Who asked; none for a person.
    pub by: Option<AppId>,
}
