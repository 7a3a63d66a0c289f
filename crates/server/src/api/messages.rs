//! `GET /pages/{page}/threads/{person}/messages`: the conversation, newest first. It shows what was said; what
//! became of control is in the history.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{StatusCode, Uri};
use baton_store::{JournalRow, Position};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::cursor::{self, List};
use super::input::OnThread;
use super::operation::Operation;
use super::query::{Query, in_parts};
use super::threads::{self, READING};
use super::values::{App, Moment};
use crate::door::Needs;
use crate::problem::{self, Problem};
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

/// Who said it.
#[derive(Clone, Copy, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "Speaker")]
pub(super) enum Speaker {
    /// The person.
    Person,
    /// An app.
    App,
    /// Somebody in the Inbox.
    Inbox,
}

/// Something that was said.
#[derive(Debug, Serialize, JsonSchema)]
struct Message {
    /// Its id; null where it has none.
    message_id: Option<String>,
    at: Moment,
    from: Speaker,
    /// The app that said it; null: the person.
    app_id: Option<App>,
    /// The platform's name of the event.
    #[schemars(example = &"messages")]
    event: String,
    /// The row of the specification that decided who hears it.
    rule: String,
    /// The name of the object that the webhook has for it: `message`, `postback`, `reaction`, …
    #[schemars(example = &"message")]
    kind: String,
    /// That object, with the platform's fields.
    #[schemars(example = json!({"mid": "m_…", "text": "hello"}))]
    content: Map<String, Value>,
}

pub(super) fn operations() -> Vec<Operation> {
    let path = "/pages/{page}/threads/{person}/messages";
    let list = OnThread::named(Operation::get(path, "listMessages", list).needs(Needs::SignedIn))
        .says(
            "Threads",
            "The conversation",
            "What was said, newest first. What became of control is in the history.",
        )
        .answers::<List<Message>>(StatusCode::OK, "The conversation, or a part of it.")
        .refuses([&problem::UNKNOWN_PERSON])
        .refuses(READING);
    vec![in_parts(list)]
}

async fn list(
    State(shared): State<Arc<Shared>>,
    OnThread(key): OnThread,
    uri: Uri,
) -> Result<axum::Json<List<Message>>, Problem> {
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
    Ok(axum::Json(List::new(data, next)))
}

/// A row as it is shown, if something was said.
fn item(row: &JournalRow) -> Option<Message> {
    let event = row.event.as_deref().filter(|event| !UNSAID.contains(event))?;
    let item: Value = serde_json::from_slice(&row.whole).ok()?;
    let around = ["sender", "recipient", "timestamp"];
    let (kind, content) = item.as_object()?.iter().find(|(name, _)| !around.contains(&name.as_str()))?;
    let from = match row.by {
        None => Speaker::Person,
        Some(app) if app.is_inbox() => Speaker::Inbox,
        Some(_) => Speaker::App,
    };
    let content = content.as_object()?.clone();
    Some(Message {
        message_id: content.get("mid").and_then(Value::as_str).map(str::to_owned),
        at: Moment(row.at),
        from,
        app_id: row.by.map(App::from),
        event: event.to_owned(),
        rule: row.rule.to_string(),
        kind: kind.clone(),
        content,
    })
}
