//! What is asked of the engine, and what whoever asked is told.

use std::sync::Arc;

use baton_rules::{AppId, Desk, Refused, Surface, ThreadKey, Timestamp};
use baton_store::{Settings, StoreError};
use baton_wire::inbound::PersonEvent;
use baton_wire::requests::{Call, Message};
use serde::{Deserialize, Serialize};

/// Something to be decided about a thread.
#[derive(Clone, Debug)]
pub struct Request {
    /// Whose.
    pub thread: ThreadKey,
    /// What.
    pub what: Requested,
    /// The caller's own key, by which a repeat is known.
    pub key: Option<CallersKey>,
}

/// As what things are taken to be, where something is only tried out.
#[derive(Clone, Debug, Default)]
pub struct Supposed {
    /// Other settings.
    pub settings: Option<Arc<Settings>>,
    /// A later time.
    pub at: Option<Timestamp>,
}

/// What is asked.
#[derive(Clone, Debug)]
pub enum Requested {
    /// The person does something.
    Person(PersonEvent),
    /// An app calls the Graph API.
    App {
        /// The app.
        by: AppId,
        /// Its call.
        call: Call,
    },
    /// Somebody uses the inbox.
    Inbox(DeskAct),
}

/// What somebody does in the inbox.
#[derive(Clone, Debug)]
pub struct DeskAct {
    /// The action.
    pub desk: Desk,
    /// What a reply says.
    pub message: Option<Message>,
    /// What is said with a pass or a grant.
    pub metadata: Option<String>,
    /// Done only if this one has control when it is decided (inside, none: nobody); else
    /// [`Failure::ControlMoved`].
    pub if_owner: Option<Option<AppId>>,
}

/// A caller's own key, within a thread.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallersKey {
    /// The key (`event_id`).
    pub key: String,
    /// SHA-256 of the body, in a form in which the same request is the same bytes.
    pub fingerprint: [u8; 32],
}

/// What a successful caller is told. Sent only when it is durable.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Receipt {
    /// The message's `mid`, where a message or postback came of it.
    pub message_id: Option<String>,
    /// When it was decided, in milliseconds since 1970.
    pub at: i64,
    /// The rule.
    pub rule: String,
    /// The rule that it refers to.
    pub via: Option<String>,
    /// The thread afterwards.
    pub thread: ThreadSeen,
    /// Who hears what, in the order in which each app receives it.
    pub notices: Vec<NoticeSeen>,
}

/// Who controls a thread, as it is shown.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ThreadSeen {
    /// The owner; none: the thread is idle.
    pub owner: Option<u64>,
    /// When control lapses, in milliseconds since 1970; none where there is no owner or no end.
    pub expires_at: Option<i64>,
}

impl ThreadSeen {
    /// `active` or `idle`.
    pub const fn state(&self) -> &'static str {
        if self.owner.is_some() { "active" } else { "idle" }
    }

    pub(crate) fn of(owner: Option<AppId>, expires_at: Option<Timestamp>) -> Self {
        Self { owner: owner.map(AppId::number), expires_at: expires_at.map(|at| at.0) }
    }
}

/// That an app hears something.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NoticeSeen {
    /// The app.
    pub app: u64,
    /// Whether in `standby` rather than in `messaging`.
    pub standby: bool,
    /// The platform's name of the event.
    pub event: String,
}

/// Why something was not done. Nothing changed.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Failure {
    /// A rule refuses.
    #[error("refused by {}", .refused.rule)]
    Refused {
        /// The row, and the refusal.
        refused: Refused,
        /// The surface, on which some texts depend.
        surface: Surface,
        /// Who is in control, for an error that says so.
        thread: ThreadSeen,
    },
    /// There is no such page, or it has no such surface.
    #[error("no such page")]
    NoPage,
    /// Another one has control than the caller said.
    #[error("control has moved")]
    ControlMoved {
        /// Who is in control.
        thread: ThreadSeen,
    },
    /// The caller's key was used before, with another body.
    #[error("the key was used before with another body")]
    KeyReused,
    /// The store cannot write now.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The settings are no longer those by which the caller was let in: look again who it is.
    #[error("the settings have changed meanwhile")]
    SettingsChanged,
    /// More is waiting than is kept waiting: try again later.
    #[error("too much is waiting")]
    Busy,
    /// The server is stopping.
    #[error("the server is stopping")]
    Stopping,
}
