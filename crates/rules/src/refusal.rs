//! Every way to be told no: one variant for each entry of the specification's error catalogue (3.1).
//! When one applies is a row of a mode's table; what it looks like to a client is `wire`'s business.

/// An ask that was denied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// E-SEND-OTHER: another app controls the thread.
    SendOther,
    /// E-PASS-NOTOWNER: pass by a non-owner.
    PassNotOwner,
    /// E-REL-NOTOWNER: release by a non-owner, or when idle.
    ReleaseNotOwner,
    /// E-EXT-NOTOWNER: extend by a non-owner, or when idle.
    ExtendNotOwner,
    /// E-IG-NOTOWNER: Instagram's answer to whoever acts without control.
    NotThreadOwner,
    /// E-TAKE-OFF: take without Conversation Routing.
    TakeOff,
    /// E-REQ-OFF: request with Conversation Routing, by the later pages.
    RequestOff,
    /// E-HOP-DISABLED: the page has a default app.
    HandoverDisabled,
    /// E-TAKE-DENIED: only the primary receiver takes an owned thread; in Conversation Routing only an app with the
    /// permission takes any.
    TakeDenied,
    /// E-SELF: the caller already owns the thread.
    AlreadyOwner,
    /// E-APPID: the target is neither a connected app nor an inbox.
    UnknownApp,
    /// E-NOUSER: no such person.
    UnknownPerson,
    /// E-PARAM for `target_app_id`: no target where one is required.
    TargetMissing,
    /// E-PARAM for a menu of one person's own, which Instagram does not have.
    NoUserMenu,
    /// E-PARAM for an edge that only the Handover Protocol has.
    NoSuchEdge,
    /// E-DUR: `duration` is missing, or not between 1 and 604800.
    Duration,
    /// E-TC-BOTH: `payload` together with `app_id` or `control_type`.
    ThreadControlBoth,
    /// E-TC-VALUE: an unknown or empty `thread_control`.
    ThreadControlValue,
    /// E-TC-MODE: `thread_control` without Conversation Routing.
    ThreadControlMode,
    /// E-MENU: only the primary receiver changes the page-level menu.
    MenuPrimaryOnly,
    /// E-ROLE: the page has no primary receiver, so it has no roles.
    NoRoles,
    /// E-SECVIS: only the primary receiver sees the secondary ones.
    SecondariesHidden,
    /// E-WINDOW: outside of the allowed window.
    WindowClosed,
    /// E-HA: the tag without the feature.
    HumanAgentNotApproved,
    /// E-TAG: a retired tag.
    RetiredTag,
    /// E-PERM: messaging is switched off, or the token may not.
    Permission,
    /// The app is not live, and the person is none of its testers (API-14).
    NotLive,
    /// A comment that is not to be answered in private, or not any more (WIN-11).
    CommentInvalid,
    /// A topic of which the person was notified too lately (WIN-15).
    NotifiedLately,
    /// A topic of which the person does not want to hear any more (WIN-16).
    NotificationsStopped,
    /// An entry by an ad that is not published, not known, or not meant for this person (AD-4, AD-5).
    AdNotAvailable,
}

impl Refusal {
    /// Every refusal with a name of its own: its identifier in the catalogue, or, where the catalogue has one
    /// entry for several, the rule that refuses.
    pub const ALL: &'static [(Refusal, &'static str)] = &[
        (Refusal::SendOther, "E-SEND-OTHER"),
        (Refusal::PassNotOwner, "E-PASS-NOTOWNER"),
        (Refusal::ReleaseNotOwner, "E-REL-NOTOWNER"),
        (Refusal::ExtendNotOwner, "E-EXT-NOTOWNER"),
        (Refusal::NotThreadOwner, "E-IG-NOTOWNER"),
        (Refusal::TakeOff, "E-TAKE-OFF"),
        (Refusal::RequestOff, "E-REQ-OFF"),
        (Refusal::HandoverDisabled, "E-HOP-DISABLED"),
        (Refusal::TakeDenied, "E-TAKE-DENIED"),
        (Refusal::AlreadyOwner, "E-SELF"),
        (Refusal::UnknownApp, "E-APPID"),
        (Refusal::UnknownPerson, "E-NOUSER"),
        (Refusal::TargetMissing, "E-PARAM"),
        (Refusal::NoUserMenu, "ICR-MENU-2"),
        (Refusal::NoSuchEdge, "ICR-META-1"),
        (Refusal::Duration, "E-DUR"),
        (Refusal::ThreadControlBoth, "E-TC-BOTH"),
        (Refusal::ThreadControlValue, "E-TC-VALUE"),
        (Refusal::ThreadControlMode, "E-TC-MODE"),
        (Refusal::MenuPrimaryOnly, "E-MENU"),
        (Refusal::NoRoles, "E-ROLE"),
        (Refusal::SecondariesHidden, "E-SECVIS"),
        (Refusal::WindowClosed, "E-WINDOW"),
        (Refusal::HumanAgentNotApproved, "E-HA"),
        (Refusal::RetiredTag, "E-TAG"),
        (Refusal::Permission, "E-PERM"),
        (Refusal::NotLive, "API-14"),
        (Refusal::CommentInvalid, "WIN-11"),
        (Refusal::NotifiedLately, "WIN-15"),
        (Refusal::NotificationsStopped, "WIN-16"),
        (Refusal::AdNotAvailable, "AD-4"),
    ];

    /// Whether this is found before the recipient is looked for (API-10): the caller may not, or a parameter
    /// is wrong whatever the thread. Whether a well-formed app id names a connected app is no such question.
    pub(crate) const fn precedes_recipient(self) -> bool {
        match self {
            Refusal::Permission
            | Refusal::NotLive
            | Refusal::HumanAgentNotApproved
            | Refusal::RetiredTag
            | Refusal::TargetMissing
            | Refusal::NoUserMenu
            | Refusal::NoSuchEdge
            | Refusal::Duration
            | Refusal::ThreadControlBoth
            | Refusal::ThreadControlValue => true,
            Refusal::SendOther
            | Refusal::PassNotOwner
            | Refusal::ReleaseNotOwner
            | Refusal::ExtendNotOwner
            | Refusal::NotThreadOwner
            | Refusal::TakeOff
            | Refusal::RequestOff
            | Refusal::HandoverDisabled
            | Refusal::TakeDenied
            | Refusal::AlreadyOwner
            | Refusal::UnknownApp
            | Refusal::UnknownPerson
            | Refusal::ThreadControlMode
            | Refusal::MenuPrimaryOnly
            | Refusal::NoRoles
            | Refusal::SecondariesHidden
            | Refusal::WindowClosed
            | Refusal::CommentInvalid
            | Refusal::NotifiedLately
            | Refusal::NotificationsStopped
            | Refusal::AdNotAvailable => false,
        }
    }

    /// Whether the call itself is wrong, whatever the thread: such calls are no part of a thread's history.
    pub const fn is_malformed(self) -> bool {
        matches!(
            self,
            Refusal::TargetMissing
                | Refusal::NoUserMenu
                | Refusal::NoSuchEdge
                | Refusal::Duration
                | Refusal::ThreadControlBoth
                | Refusal::ThreadControlValue
                | Refusal::RetiredTag
        )
    }

    /// The identifier in the catalogue.
    pub fn id(self) -> &'static str {
        Self::ALL.iter().find(|(refusal, _)| *refusal == self).map_or("", |(_, id)| id)
    }
}
