//! What happens, as JSON: one object for each happening, for programs that read `baton dev --json`.

use baton_engine::{Activity, ActivityKind};
use baton_rules::{AppId, Channel, Refused, ThreadKey, Timestamp};
use baton_store::{Chain, JournalRow};
use serde_json::{Value, json};

/// A happening.
pub(super) fn event(activity: &Activity) -> Value {
    let mut event = match &activity.kind {
        ActivityKind::Decision { thread, from, to, expires_at, rows } => {
            let rows: Vec<&JournalRow> = rows.iter().map(|row| &**row).collect();
            decision(thread, (*from, *to, *expires_at), &rows)
        }
        ActivityKind::Refusal { thread, refused, owner } => refusal(thread, refused, *owner),
        ActivityKind::Delivery { app, events, standby, status, error, duration_ms, body: _, again_at } => {
            json!({
                "event": "delivery",
                "app_id": app.to_string(),
                "channel": if *standby { "standby" } else { "messaging" },
                "events": heard(events),
                "status": status,
                "error": error,
                "duration_ms": duration_ms,
                "again_at": again_at.map(time),
            })
        }
        ActivityKind::Verification { app, error } => {
            json!({"event": "verification", "app_id": app.to_string(), "error": error})
        }
        ActivityKind::Settings { version, told } => {
            let told = told.iter().filter_map(|row| row.chain.as_ref().zip(Some(row)));
            let told = told.flat_map(|(chain, row)| notices(row).into_iter().map(|notice| of(chain, notice)));
            json!({"event": "settings", "version": version, "notices": told.collect::<Vec<_>>()})
        }
        ActivityKind::Clock { was } => json!({"event": "clock", "was": time(*was)}),
    };
    event["at"] = json!(time(activity.at));
    event
}

fn heard(events: &[(Chain, Box<str>)]) -> Vec<Value> {
    events.iter().map(|(chain, event)| of(chain, json!({"event": event}))).collect()
}

fn time(at: Timestamp) -> String {
    crate::api::time::text(at.0)
}

fn id(app: Option<AppId>) -> Option<String> {
    app.map(|app| app.to_string())
}

fn with(thread: &ThreadKey, value: Value) -> Value {
    of(&Chain::Thread(thread.clone()), value)
}

/// What is told of a page itself is about no person.
fn of(chain: &Chain, mut value: Value) -> Value {
    value["page_id"] = json!(chain.page().to_string());
    value["person_id"] = json!(chain.thread().map(|thread| thread.person.as_str()));
    value
}

/// Who hears a row, and how.
fn notices(row: &JournalRow) -> Vec<Value> {
    let notices = row.notices.iter().map(|notice| {
        let channel = match notice.channel {
            Channel::Messaging => "messaging",
            Channel::Standby => "standby",
        };
        json!({"app_id": notice.app.to_string(), "channel": channel, "event": row.event})
    });
    notices.collect()
}

fn decision(
    thread: &ThreadKey,
    (from, to, expires_at): (Option<AppId>, Option<AppId>, Option<Timestamp>),
    rows: &[&JournalRow],
) -> Value {
    let last = rows.last();
    let notices: Vec<Value> = rows.iter().flat_map(|row| notices(row)).collect();
    let decision = json!({
        "event": "decision",
        "rule": last.map(|row| &row.rule),
        "via": last.and_then(|row| row.via.as_ref()),
        "cause": last.map(|row| row.cause.name()),
        "by_app_id": id(last.and_then(|row| row.by)),
        "from_app_id": id(from),
        "to_app_id": id(to),
        "expires_at": expires_at.map(time),
        "notices": notices,
    });
    with(thread, decision)
}

fn refusal(thread: &ThreadKey, refused: &Refused, owner: Option<AppId>) -> Value {
    let error = baton_wire::GraphError::of(refused.why, thread.surface);
    let refusal = json!({
        "event": "refusal",
        "rule": refused.rule.0,
        "via": refused.via.map(|via| via.0),
        "cause": refused.cause.name(),
        "by_app_id": id(refused.by),
        "owner_app_id": id(owner),
        "refused": {"code": error.code, "subcode": error.subcode},
    });
    with(thread, refusal)
}
