//! What was decided, as it is answered.

use axum::response::{IntoResponse, Response};
use baton_engine::{Receipt, ThreadSeen};
use serde_json::{Value, json};

use super::time;
use crate::serve::log::Note;

/// The answer of an event or of an act in the inbox.
pub(super) struct Decided {
    rule: Box<str>,
    pub(super) body: Value,
}

impl Decided {
    pub(super) fn of(event_id: &str, receipt: &Receipt) -> Self {
        let notices = receipt.notices.iter().map(|notice| {
            json!({
                "app_id": notice.app.to_string(),
                "channel": if notice.standby { "standby" } else { "messaging" },
                "event": notice.event,
            })
        });
        let notices: Vec<Value> = notices.collect();
        let (state, owner, expires_at) = thread(&receipt.thread);
        let body = json!({
            "event_id": event_id,
            "message_id": receipt.message_id,
            "at": time::text(receipt.at),
            "rule": receipt.rule,
            "via": receipt.via,
            "thread": {"state": state, "owner_app_id": owner, "expires_at": expires_at},
            "notices": notices,
        });
        Self { rule: receipt.rule.as_str().into(), body }
    }
}

/// `state`, `owner_app_id`, `expires_at`.
pub(super) fn thread(seen: &ThreadSeen) -> (&'static str, Option<String>, Option<String>) {
    (seen.state(), seen.owner.map(|app| app.to_string()), seen.expires_at.map(time::text))
}

impl IntoResponse for Decided {
    fn into_response(self) -> Response {
        let mut response = axum::Json(self.body).into_response();
        response.extensions_mut().insert(Note { rule: Some(self.rule), trace: None });
        response
    }
}
