//! What was decided, as it is answered.

use axum::response::{IntoResponse, Response};
use baton_engine::{Receipt, ThreadSeen};
use baton_rules::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use super::values::{App, Heard, Moment, State};
use crate::serve::log::Note;

/// What was decided of an event, of an act in the Inbox, or of a call that is only asked about.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "Decision")]
pub(super) struct Decided {
    /// The event's id: the caller's, else one that was made for it; null for a dry run of what has none.
    pub(super) event_id: Option<String>,
    /// The id of the message, or of the tap; null where there is none.
    pub(super) message_id: Option<String>,
    /// When it was decided.
    at: Moment,
    /// The row of the specification that decided.
    #[schemars(example = &"MCR-AD-5")]
    rule: String,
    /// The row that this rule refers to.
    #[schemars(example = &"MCR-MSG-3")]
    via: Option<String>,
    /// The thread afterwards.
    thread: Control,
    /// Who hears what, in the order in which each app receives it.
    notices: Vec<Notice>,
}

/// Who is in control of a thread.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "Control")]
pub(super) struct Control {
    state: State,
    /// Who is in control; null: nobody.
    owner_app_id: Option<App>,
    /// When control lapses; null: nobody is in control, or it does not lapse.
    expires_at: Option<Moment>,
}

/// A webhook event that an app gets.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "Notice")]
pub(super) struct Notice {
    pub(super) app_id: App,
    pub(super) channel: Heard,
    /// The platform's name of the event.
    #[schemars(example = &"messages")]
    pub(super) event: Option<String>,
}

impl Decided {
    pub(super) fn of(event_id: &str, receipt: &Receipt) -> Self {
        let notices = receipt.notices.iter().map(|notice| Notice {
            app_id: App(notice.app),
            channel: if notice.standby { Heard::Standby } else { Heard::Messaging },
            event: Some(notice.event.clone()),
        });
        Self {
            event_id: Some(event_id.to_owned()),
            message_id: receipt.message_id.clone(),
            at: Moment(Timestamp(receipt.at)),
            rule: receipt.rule.clone(),
            via: receipt.via.clone(),
            thread: (&receipt.thread).into(),
            notices: notices.collect(),
        }
    }
}

impl From<&ThreadSeen> for Control {
    fn from(seen: &ThreadSeen) -> Self {
        Self {
            state: if seen.owner.is_some() { State::Active } else { State::Idle },
            owner_app_id: seen.owner.map(App),
            expires_at: seen.expires_at.map(|at| Moment(Timestamp(at))),
        }
    }
}

impl IntoResponse for Decided {
    fn into_response(self) -> Response {
        let rule: Box<str> = self.rule.as_str().into();
        let mut response = axum::Json(self).into_response();
        response.extensions_mut().insert(Note { rule: Some(rule), trace: None });
        response
    }
}
