//! `GET /pages/{page}/threads/{person}/messages`: the conversation, newest first. It shows what was said; what
//! became of control is in the history.

use std::sync::Arc;

use axum::extract::State;
use axum::http::Uri;
use baton_store::{JournalRow, Position};
use serde_json::{Value, json};

use super::input::OnThread;
use super::query::Query;
use super::{cursor, threads, time};
use crate::problem::Problem;
use crate::serve::Shared;

/// Rows that are looked at for one answer, in turns of this many.
const ROWS: usize = 200;
const TURNS: usize = 20;
/// Events that are not part of what is said.
const UNSAID: &[&str] = &[
    "pass_thread_control",
    "take_thread_control",
    "request_thread_control",
    "pass_thread_metadata",
    "app_roles",
    "message_reads",
    "message_deliveries",
];

pub(super) async fn list(
    State(shared): State<Arc<Shared>>,
    OnThread(key): OnThread,
    uri: Uri,
) -> Result<axum::Json<Value>, Problem> {
    let mut query = Query::of(&uri, &["limit", "after"]);
    let limit = query.limit();
    let mut before = query.after("messages", |parts| match parts {
        [_, position] => Some(Position(position.parse().ok()?)),
        _ => None,
    });
    query.done()?;
    threads::existing(&shared, &key).await?;
    let mut data = Vec::new();
    let mut next = None;
    'turns: for _ in 0..TURNS {
        let rows = shared.engine.conversation(&key, before, ROWS).await?;
        for row in &rows {
            let Some(item) = item(row) else { continue };
            if data.len() == limit {
                next = before;
                break 'turns;
            }
            data.push(item);
            before = Some(row.position);
        }
        let Some(last) = rows.last().filter(|_| rows.len() == ROWS) else {
            next = None;
            break;
        };
        before = Some(last.position);
        next = before;
    }
    let next = next.map(|Position(at)| cursor::written(&["messages", &at.to_string()]));
    Ok(axum::Json(cursor::list(data, next)))
}

/// A row as it is shown, if something was said.
fn item(row: &JournalRow) -> Option<Value> {
    let event = row.event.as_deref().filter(|event| !UNSAID.contains(event))?;
    let item: Value = serde_json::from_slice(&row.whole).ok()?;
    let around = ["sender", "recipient", "timestamp"];
    let (kind, content) = item.as_object()?.iter().find(|(name, _)| !around.contains(&name.as_str()))?;
    let from = match row.by {
        None => "person",
        Some(app) if app.is_inbox() => "inbox",
        Some(_) => "app",
    };
    Some(json!({
        "message_id": content.get("mid"),
        "at": time::shown(row.at),
        "from": from,
        "app_id": row.by.map(|app| app.to_string()),
        "event": event,
        "rule": row.rule,
        "kind": kind,
        "content": content,
    }))
}
