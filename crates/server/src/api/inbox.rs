//! `POST /pages/{page}/threads/{person}/inbox`: the human desk. Decided with the inbox as caller.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use baton_engine::{DeskAct, Request, Requested};
use baton_rules::{Desk, ThreadKey};
use baton_wire::requests::{self, Message};
use serde_json::{Map, Value, json};

use super::answer::Decided;
use super::dry_run;
use super::fields::Fields;
use super::input::{Json, OnThread, app_id};
use super::operation::Operation;
use super::schemas::Schemas;
use super::threads::{self, DECIDING};
use super::values::APP_ID;
use crate::door::Needs;
use crate::media::kept;
use crate::problem::{self, Problem};
use crate::serve::Shared;

/// The longest reply, in characters (Messenger).
const TEXT: usize = 2000;
/// The longest attachment id, in characters.
const ID: usize = 20;
/// The longest metadata, in characters (API-8).
const METADATA: usize = 2000;

pub(super) fn operations() -> Vec<Operation> {
    let path = "/pages/{page}/threads/{person}/inbox";
    vec![
        OnThread::named(Operation::post(path, "actInInbox", act))
            .says(
                "Threads",
                "Somebody does something in the Inbox",
                "The human desk: it replies (which takes control) with a text, with a message as an app's would be (a template, \
                 quick replies) or with a file that was kept, moves the thread to Main, marks it as done, passes control to an app, or grants a request. Decided with the Inbox as caller; answered as a \
                 person's event is. With `if_owner` it is done only while control is where whoever acts saw it.",
            )
            .takes_shape(
                shape,
                vec![
                    ("reply", json!({"action": "reply", "text": "I am here to help."})),
                    (
                        "reply with quick replies",
                        json!({"action": "reply", "message": {"text": "Which size?", "quick_replies": [
                            {"content_type": "text", "title": "Small", "payload": "S"},
                            {"content_type": "text", "title": "Large", "payload": "L"},
                        ]}}),
                    ),
                    ("done", json!({"action": "done"})),
                    ("pass", json!({"action": "pass", "app_id": "111", "metadata": "wants a refund"})),
                ],
            )
            .needs(Needs::Answering)
            .answers::<Decided>(StatusCode::OK, "What was decided.")
            .refuses([&problem::NOTHING_KNOWN, &problem::UNKNOWN_PERSON, &problem::REFUSED, &problem::CONTROL_MOVED])
            .refuses(DECIDING),
    ]
}

/// What [`read`] reads.
pub(super) fn shape(schemas: &mut Schemas) -> Value {
    let act = |action: &str, required: &[&str], more: Value| {
        let mut properties = json!({"action": {"const": action}, "if_owner": if_owner()});
        if let (Some(properties), Value::Object(more)) = (properties.as_object_mut(), more) {
            properties.extend(more);
        }
        let required = [&["action"], required].concat();
        json!({
            "type": "object",
            "title": action,
            "properties": properties,
            "required": required,
            "additionalProperties": false,
        })
    };
    let text = json!({"type": "string", "minLength": 1, "maxLength": TEXT});
    let metadata = json!({"type": ["string", "null"], "maxLength": METADATA});
    let id = json!({
        "type": "string",
        "minLength": 1,
        "maxLength": ID,
        "description": "What `POST /pages/{page}/attachments` answered.",
    });
    let mut file = act("reply", &["attachment_id"], json!({"attachment_id": id}));
    file["title"] = json!("reply with a file");
    let message = json!({
        "type": "object",
        "minProperties": 1,
        "additionalProperties": true,
        "description": "`message` as `POST /me/messages` of the Graph API takes it.",
    });
    let mut whole = act("reply", &["message"], json!({"message": message}));
    whole["title"] = json!("reply with a message");
    schemas.written("InboxAct", |_| {
        json!({
            "description": "What somebody does in the Inbox.",
            "oneOf": [
                act("reply", &["text"], json!({"text": text})),
                file,
                whole,
                act("move_to_main", &[], json!({})),
                act("done", &[], json!({})),
                act("pass", &["app_id"], json!({"app_id": app_id(), "metadata": metadata})),
                act("grant", &["app_id"], json!({"app_id": app_id()})),
            ],
        })
    })
}

async fn act(
    State(shared): State<Arc<Shared>>,
    OnThread(thread): OnThread,
    Json(body): Json,
) -> Result<Decided, Problem> {
    let act = read(&shared, &thread, &body).await?;
    threads::existing(&shared, &thread).await?;
    let request = Request { thread, what: Requested::Inbox(act), key: None };
    let receipt = shared.engine.submit(request).await?;
    Ok(Decided::of(&shared.ids.uuid(), &receipt))
}

/// Whom the act takes to be in control.
fn if_owner() -> Value {
    json!({
        "type": ["string", "null"],
        "pattern": APP_ID,
        "description": "Do it only if this app has control; null: only if nobody has. Absent: whoever has.",
    })
}

const ALL: [&str; 7] = ["action", "if_owner", "text", "message", "attachment_id", "app_id", "metadata"];
const REPLY: [&str; 5] = ["action", "if_owner", "text", "message", "attachment_id"];

/// What somebody replies with.
enum Reply {
    Text(String),
    /// A message as an app's would be.
    Message(Map<String, Value>),
    /// A file, by its id.
    File(String),
}

/// Reads an act, and finds the file that it sends.
pub(super) async fn read(shared: &Shared, thread: &ThreadKey, body: &Value) -> Result<DeskAct, Problem> {
    let (mut act, reply) = fields(body, shared.limits.metadata)?;
    act.message = match reply {
        None => None,
        Some(Reply::Text(text)) => Some(Message::of_text(&text)),
        Some(Reply::Message(message)) => Some(whole(shared, thread, message)?),
        Some(Reply::File(id)) => {
            let found = kept::find(shared, thread.page, &id).await?;
            let file = found.ok_or_else(|| {
                let detail = "this page keeps no such file, or no longer: bring it again";
                Problem::new(&problem::NOTHING_KNOWN).error("/attachment_id", detail)
            })?;
            Some(Message::of_file(&file.kind, &file.url))
        }
    };
    Ok(act)
}

fn fields(body: &Value, metadata: usize) -> Result<(DeskAct, Option<Reply>), Problem> {
    let mut fields = Fields::of(body)?;
    let if_owner = fields.app_or_nobody("if_owner");
    let plain = |desk| Some((DeskAct { desk, message: None, metadata: None, if_owner }, None));
    let (known, act): (&[&str], _) = match fields.required_text("action", 64) {
        Some("reply") => {
            let act = DeskAct { desk: Desk::Reply, message: None, metadata: None, if_owner };
            (&REPLY, reply(&mut fields).map(|reply| (act, Some(reply))))
        }
        Some("move_to_main") => (&["action", "if_owner"], plain(Desk::MoveToMain)),
        Some("done") => (&["action", "if_owner"], plain(Desk::Done)),
        Some("pass") => {
            let metadata = fields.limited_text("metadata", metadata, "limits.metadata").map(str::to_owned);
            let pass = |to| (DeskAct { desk: Desk::Pass { to }, message: None, metadata, if_owner }, None);
            (&["action", "if_owner", "app_id", "metadata"], fields.app("app_id").map(pass))
        }
        Some("grant") => {
            (&["action", "if_owner", "app_id"], fields.app("app_id").and_then(|to| plain(Desk::Grant { to })))
        }
        Some(other) => {
            fields.wrong("action", format!("{other:?} is not one of reply, move_to_main, done, pass, grant"));
            (&ALL, None)
        }
        None => (&ALL, None),
    };
    fields.done(known, act)
}

/// A message, as the Graph API reads an app's.
fn whole(shared: &Shared, thread: &ThreadKey, message: Map<String, Value>) -> Result<Message, Problem> {
    let parameters = Map::from_iter([("message".to_owned(), Value::Object(message))]);
    let wrong = |detail: String| Problem::new(&problem::BAD_BODY).error("/message", detail);
    let call = dry_run::called(shared, thread, requests::messages, parameters)
        .map_err(|refused| wrong(refused.message))?;
    call.message.ok_or_else(|| wrong("says nothing".to_owned()))
}

/// A text, a message or a file: one of them.
fn reply(fields: &mut Fields<'_>) -> Option<Reply> {
    let mut given = ["message", "attachment_id"].into_iter().filter(|name| fields.get(name).is_some());
    let (one, another) = (given.next(), given.next());
    if let Some(one) = one {
        let second = another.or(fields.get("text").map(|_| "text"));
        if let Some(second) = second {
            fields.wrong(second, format!("not together with `{one}`: reply twice"));
        }
    }
    match (one, fields.get("message")) {
        (None, _) => fields.required_text("text", TEXT).map(|text| Reply::Text(text.to_owned())),
        (_, Some(Value::Object(message))) => Some(Reply::Message(message.clone())),
        (_, Some(_)) => {
            fields.wrong("message", "must be an object: a message as the Graph API takes it");
            None
        }
        (_, None) => fields.required_text("attachment_id", ID).map(|id| Reply::File(id.to_owned())),
    }
}
