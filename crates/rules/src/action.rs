//! What happened: a person did something, an app asked for something, somebody used the inbox.
//! Unresolved on purpose: which app an ad or a link names, and whether that counts, is a rule.

use crate::ids::{AppId, Timestamp};
use crate::window::DAY;

/// Something that a decision is asked about. Borrows its texts, so that asking costs nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action<'a> {
    /// The person did something.
    Person(Did<'a>),
    /// An app called the Graph API.
    App {
        /// The calling app.
        by: AppId,
        /// What it asks.
        ask: Ask,
        /// The call's `metadata`, none when it gave none.
        metadata: Option<&'a str>,
    },
    /// Somebody used the inbox.
    Inbox {
        /// What they did.
        desk: Desk,
        /// What they said with a pass.
        metadata: Option<&'a str>,
    },
    /// A survey that was held back is due.
    Due {
        /// The app that sent it.
        by: AppId,
    },
}

/// What a person did, and by which way in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Did<'a> {
    /// The kind of event.
    pub what: What,
    /// The entry point, when the event came by one.
    pub entry: Option<Entry<'a>>,
}

/// The kinds of a person's event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// A message: text or attachments.
    Message,
    /// A quick reply was tapped.
    QuickReply,
    /// A button was tapped.
    Postback {
        /// The app that made the button, when that is known.
        creator: Option<AppId>,
    },
    /// An item of a persistent menu was chosen.
    Menu {
        /// The app that made the menu, when that is known.
        creator: Option<AppId>,
        /// Whether the menu is the page's or this person's own.
        level: MenuLevel,
        /// A `web_url` item: control moves, and there is no event to deliver (HOP-MENU-8).
        url: bool,
    },
    /// Get Started was tapped.
    GetStarted {
        /// The app that set it, when that is known.
        creator: Option<AppId>,
    },
    /// An ice breaker was tapped.
    IceBreaker {
        /// The app that set it, when that is known.
        creator: Option<AppId>,
    },
    /// An entry point was used in an existing conversation, with no message.
    Referral,
    /// Something that is not a user message: it is delivered and moves nothing.
    Signal(Signal),
}

/// Events of a person that are not user messages (section 1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// The person read up to a moment.
    Read,
    /// Messages arrived on the person's device.
    Delivery,
    /// A reaction to a message; opens the messaging window (WIN-1).
    Reaction,
    /// An opt-in.
    Optin,
    /// A message was edited.
    Edit,
    /// A message was taken back.
    Unsend,
    /// An account was linked or unlinked.
    AccountLinking,
    /// A survey was answered.
    Feedback,
}

/// Whose menu it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MenuLevel {
    /// The page's.
    Page,
    /// This person's.
    User,
}

/// The way in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry<'a> {
    /// A click-to-message ad.
    Ad {
        /// The ad's id.
        id: &'a str,
    },
    /// An m.me or ig.me link.
    Link {
        /// The link's `ref`.
        reference: &'a str,
    },
    /// No entry point in particular.
    Organic,
}

/// What an app asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    /// Send a message.
    Send(Send),
    /// Pass control; none: to the mode's default target.
    Pass {
        /// `target_app_id`.
        to: Option<AppId>,
    },
    /// Take control.
    Take,
    /// Ask for control.
    Request,
    /// Give control up.
    Release,
    /// Keep control longer.
    Extend {
        /// Seconds; none when missing or not an integer.
        duration: Option<i64>,
    },
    /// Say something to another app without moving control.
    Metadata {
        /// `target_app_id`.
        to: AppId,
    },
    /// Send a message by what the person gave for it (WIN-11, WIN-13 to WIN-16).
    Answer(Invitation),
    /// Set or delete a persistent menu.
    SetMenu {
        /// The page's, or one person's.
        level: MenuLevel,
    },
}

/// What a person gave by which a message may reach them, whatever the messaging window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Invitation {
    /// A number that stands for its id, or for its token.
    pub digest: u64,
    /// When it was given.
    pub at: Timestamp,
    /// What it is.
    pub kind: Invited,
}

/// The ways in which a person gives that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Invited {
    /// They said something under a post of the page: no message, and it can be answered in private (WIN-11).
    Comment,
    /// They ticked the checkbox plugin, and are known by its `user_ref` (WIN-13).
    Checkbox,
    /// They let themselves be notified once, of one thing (WIN-14).
    Once,
    /// They want to hear of a topic, again and again (WIN-15).
    Topic {
        /// How often at most: seconds between two messages.
        every: i64,
        /// When their token ends.
        until: Timestamp,
        /// Whether they have stopped it.
        stopped: bool,
    },
}

impl Invitation {
    /// How long a comment may be answered, in seconds (WIN-11).
    pub const COMMENT: i64 = 7 * DAY;
    /// How long whoever ticked the checkbox may be written to, in seconds (WIN-13).
    pub const CHECKBOX: i64 = DAY;
    /// How long a one-time token counts, in seconds (WIN-14).
    pub const ONCE: i64 = 365 * DAY;

    /// From when on nothing can be sent by it.
    pub fn closes(&self) -> Timestamp {
        match self.kind {
            Invited::Comment => self.at.plus_seconds(Self::COMMENT),
            Invited::Checkbox => self.at.plus_seconds(Self::CHECKBOX),
            Invited::Once => self.at.plus_seconds(Self::ONCE),
            Invited::Topic { until, .. } => until,
        }
    }
}

/// A message that an app wants to send.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Send {
    /// The message tag.
    pub tag: Option<Tag>,
    /// The Send API's `thread_control`.
    pub control: Option<ThreadControl>,
    /// A `customer_feedback` template (HOP-SURVEY-*).
    pub survey: bool,
}

/// A message tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tag {
    /// `HUMAN_AGENT`.
    HumanAgent,
    /// `CUSTOMER_FEEDBACK`: a survey may be sent for 7 days.
    CustomerFeedback,
    /// One of the tags that ended on 2026-04-27 (WIN-5).
    Retired,
}

/// The Send API's `thread_control`, as given (TC-1 to TC-8).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ThreadControl {
    /// Send, then pass (TC-3); none: to the default app (TC-1, TC-4).
    Pass {
        /// `app_id`.
        to: Option<AppId>,
    },
    /// Send, then release (TC-2, TC-5, TC-6).
    Release,
    /// `payload` beside `app_id` or `control_type` (TC-7).
    Both,
    /// An unknown value, or an empty object (TC-8).
    Unknown,
}

/// What somebody did in the inbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Desk {
    /// Answered.
    Reply,
    /// Moved the thread to Main.
    MoveToMain,
    /// Marked the thread as done.
    Done,
    /// Passed control to an app.
    Pass {
        /// The app.
        to: AppId,
    },
    /// Gave control to an app that asked for it.
    Grant {
        /// The app.
        to: AppId,
    },
}

/// Why a thread changed, in one word; the names are those of Baton's own API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "each is explained by the action of the same name")]
pub enum Cause {
    Message,
    Ad,
    Link,
    GetStarted,
    Postback,
    Menu,
    QuickReply,
    IceBreaker,
    Referral,
    Signal,
    Send,
    Pass,
    Take,
    Request,
    Grant,
    Release,
    Extend,
    Metadata,
    SetMenu,
    InboxReply,
    InboxMain,
    InboxDone,
    Expiry,
    Settings,
}

impl Cause {
    /// Every cause with its name.
    pub const ALL: &'static [(Cause, &'static str)] = &[
        (Cause::Message, "message"),
        (Cause::Ad, "ad"),
        (Cause::Link, "link"),
        (Cause::GetStarted, "get_started"),
        (Cause::Postback, "postback"),
        (Cause::Menu, "menu"),
        (Cause::QuickReply, "quick_reply"),
        (Cause::IceBreaker, "ice_breaker"),
        (Cause::Referral, "referral"),
        (Cause::Signal, "signal"),
        (Cause::Send, "send"),
        (Cause::Pass, "pass"),
        (Cause::Take, "take"),
        (Cause::Request, "request"),
        (Cause::Grant, "grant"),
        (Cause::Release, "release"),
        (Cause::Extend, "extend"),
        (Cause::Metadata, "metadata"),
        (Cause::SetMenu, "set_menu"),
        (Cause::InboxReply, "inbox_reply"),
        (Cause::InboxMain, "inbox_main"),
        (Cause::InboxDone, "inbox_done"),
        (Cause::Expiry, "expiry"),
        (Cause::Settings, "settings"),
    ];

    /// The name.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(cause, _)| *cause == self).map_or("", |(_, name)| name)
    }

    /// The cause with this name.
    pub fn named(name: &str) -> Option<Cause> {
        Self::ALL.iter().find(|(_, text)| *text == name).map(|(cause, _)| *cause)
    }
}

impl What {
    /// Whether this counts as a user message (section 1): it opens or continues the conversation.
    pub const fn is_user_message(self) -> bool {
        match self {
            What::Message
            | What::QuickReply
            | What::Postback { .. }
            | What::Menu { .. }
            | What::GetStarted { .. }
            | What::IceBreaker { .. }
            | What::Referral => true,
            What::Signal(_) => false,
        }
    }
}

impl Action<'_> {
    /// The word for this action in a thread's history. An ad or a link is named before what was done by it.
    pub const fn cause(&self) -> Cause {
        match self {
            Action::Person(Did { entry: Some(Entry::Ad { .. }), .. }) => Cause::Ad,
            Action::Person(Did { entry: Some(Entry::Link { .. }), .. }) => Cause::Link,
            Action::Person(Did { what, .. }) => match what {
                What::Message => Cause::Message,
                What::QuickReply => Cause::QuickReply,
                What::Postback { .. } => Cause::Postback,
                What::Menu { .. } => Cause::Menu,
                What::GetStarted { .. } => Cause::GetStarted,
                What::IceBreaker { .. } => Cause::IceBreaker,
                What::Referral => Cause::Referral,
                What::Signal(_) => Cause::Signal,
            },
            Action::App { ask, .. } => match ask {
                Ask::Send(_) | Ask::Answer(_) => Cause::Send,
                Ask::Pass { .. } => Cause::Pass,
                Ask::Take => Cause::Take,
                Ask::Request => Cause::Request,
                Ask::Release => Cause::Release,
                Ask::Extend { .. } => Cause::Extend,
                Ask::Metadata { .. } => Cause::Metadata,
                Ask::SetMenu { .. } => Cause::SetMenu,
            },
            Action::Inbox { desk, .. } => match desk {
                Desk::Reply => Cause::InboxReply,
                Desk::MoveToMain => Cause::InboxMain,
                Desk::Done => Cause::InboxDone,
                Desk::Pass { .. } => Cause::Pass,
                Desk::Grant { .. } => Cause::Grant,
            },
            Action::Due { .. } => Cause::Send,
        }
    }
}
