//! What a token needs before any thread is looked at (API-10): a task and a permission (API-12, API-13).

use crate::action::Action;
use crate::decision::Refused;
use crate::ids::Surface;
use crate::refusal::Refusal;
use crate::routing::Mode;
use crate::row::Rule;

/// What is called, as far as the right to call it depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edge {
    /// A message.
    Messages,
    /// A message with `thread_control`.
    ThreadControl,
    /// `pass_thread_control`.
    Pass,
    /// `take_thread_control`.
    Take,
    /// `request_thread_control`.
    Request,
    /// `release_thread_control`.
    Release,
    /// `extend_thread_control`.
    Extend,
    /// `pass_thread_metadata`.
    Metadata,
    /// `thread_owner`.
    Owner,
    /// `secondary_receivers`.
    Secondaries,
    /// Everything that has nothing to do with control.
    Other,
}

/// What a token lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lack {
    /// A permission (API-13).
    Permission(&'static str),
    /// A task (API-12).
    Task(&'static str),
}

/// What a token with these permissions and tasks lacks for a call under a mode; none: it may call.
pub fn lacks(
    (mode, surface): (Mode, Surface),
    edge: Edge,
    permissions: &[String],
    tasks: &[String],
) -> Option<Lack> {
    let has = |held: &[String], wanted: &str| held.iter().any(|one| one == wanted);
    let permission = surface.permission();
    if !has(permissions, permission) {
        return Some(Lack::Permission(permission));
    }
    task(mode, edge).filter(|task| !has(tasks, task)).map(Lack::Task)
}

/// API-12: the task that a call needs.
#[rustfmt::skip]
const fn task(mode: Mode, edge: Edge) -> Option<&'static str> {
    let (handover, messenger, other) = match edge {
        Edge::Messages | Edge::Other                => (None,             None,           None),
        Edge::ThreadControl                         => (None,             Some("MANAGE"), Some("MANAGE")),
        Edge::Pass | Edge::Release | Edge::Owner    => (Some("MODERATE"), Some("MANAGE"), Some("MANAGE")),
        // Conversation Routing on Messenger has none of these: the rules of threads say so to everybody.
        Edge::Take | Edge::Request | Edge::Extend   => (Some("MODERATE"), None,           Some("MANAGE")),
        Edge::Metadata | Edge::Secondaries          => (Some("MODERATE"), None,           None),
    };
    match mode {
        Mode::HandoverPrimary | Mode::HandoverOpen => handover,
        Mode::MessengerRouting => messenger,
        Mode::InstagramRouting
        | Mode::ZeroConfig
        | Mode::MessengerRouting2025
        | Mode::MessengerZeroConfig => other,
    }
}

impl Lack {
    /// The rule by which it is refused.
    pub const fn rule(self) -> Rule {
        match self {
            Lack::Task(_) => Rule("API-12"),
            Lack::Permission(_) => Rule("API-13"),
        }
    }

    /// The refusal of what was asked.
    pub const fn refuses(self, action: &Action<'_>) -> Refused {
        let by = match action {
            Action::App { by, .. } | Action::Due { by } => Some(*by),
            Action::Person(_) | Action::Inbox { .. } => None,
        };
        Refused { rule: self.rule(), via: None, why: Refusal::Permission, cause: action.cause(), by }
    }
}
