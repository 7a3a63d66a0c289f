//! `POST /{page}/messages`: the Send API, with and without `thread_control`, and `sender_action`.
//!
//! A sender action (typing, seen, a reaction) is asked as a send of nothing is: allowed to whoever may send now,
//! refused to others with a send's error. It changes nothing, and leaves no trace: the person's side has no screen yet.

use baton_rules::{Edge, Invited, PersonId};
use baton_store::{AssetKey, AssetKind};
use baton_wire::GraphError;
use baton_wire::params::Params;
use baton_wire::requests::{self, Call};
use serde_json::{Value, json};

use super::{Answer, Wrong, invited, message_attachments};
use crate::caller::{Caller, unavailable};

pub(super) async fn post(caller: &Caller, params: &mut Params) -> Result<Answer, Wrong> {
    let shared = caller.shared();
    shared.usage.of_send(caller.app().id, caller.page().id, shared.engine.now())?;
    if let Some(call) = requests::sender_action(params) {
        let about = requests::reacted_to(params).ok().flatten();
        let done = caller.would(Edge::Messages, call).await?;
        if let Some(mid) = about {
            let by = written_by(caller, &done.person, &mid).await?;
            by.ok_or_else(|| {
                GraphError::parameter("Param payload[message_id] is no message of this conversation")
            })?;
        }
        let body = json!({"recipient_id": done.person.as_str()});
        return Ok(Answer { body, rule: Some(done.receipt.rule.into()) });
    }
    // As it was asked: another comment or token, or another file, under the same key is another call.
    let key = caller.key(params);
    let invitation = invited::found(caller, params).await?;
    let call = requests::messages(params);
    let call = match (call, invitation) {
        (Ok(call), Some(invitation)) => invited::answering(call, invitation),
        (call, _) => call,
    };
    let call = answering(caller, call).await?;
    let call = under_a_persona(caller, call, params).await?;
    let (call, attachment) = message_attachments::placed(caller, call, params).await?;
    let done = caller.ask_once(Edge::Messages, call, key).await?;
    let mut body = json!({"recipient_id": done.person.as_str()});
    // Who is known by a checkbox alone has no id yet (wire.md 2.5).
    if invitation.is_some_and(|given| given.kind == Invited::Checkbox) {
        body = json!({});
    }
    if let Some(id) = done.receipt.message_id {
        body["message_id"] = Value::String(id);
    }
    if let Some(id) = attachment {
        body["attachment_id"] = Value::String(id);
    }
    Ok(Answer { body, rule: Some(done.receipt.rule.into()) })
}

/// The message that is answered (`reply_to`) must be one of the conversation; its echo says whose it was.
async fn answering(
    caller: &Caller,
    call: Result<Call, GraphError>,
) -> Result<Result<Call, GraphError>, Wrong> {
    let Ok(mut call) = call else { return Ok(call) };
    let content = call.message.as_mut().map(|message| &mut message.content);
    let Some(reply) = content.and_then(|content| content.get_mut("reply_to")) else { return Ok(Ok(call)) };
    let mid = reply["mid"].as_str().unwrap_or_default().to_owned();
    match written_by(caller, &call.person.clone(), &mid).await? {
        Some(Author::Business) => reply["is_self_reply"] = json!(true),
        Some(Author::Person) => reply["is_self_reply"] = json!(false),
        None => {
            return Ok(Err(GraphError::parameter("Param reply_to[mid] is no message of this conversation")));
        }
    }
    Ok(Ok(call))
}

/// Whose a message is.
enum Author {
    Person,
    Business,
}

/// Who wrote a message of a conversation; none if it is not one of it.
async fn written_by(caller: &Caller, person: &PersonId, mid: &str) -> Result<Option<Author>, Wrong> {
    let row = caller.shared().engine.message(mid).await.map_err(|error| unavailable(&error))?;
    let of_this = |row: &std::sync::Arc<baton_store::JournalRow>| {
        row.thread().is_some_and(|thread| thread.page == caller.page().id && thread.person == *person)
    };
    Ok(row.filter(of_this).map(|row| if row.by.is_some() { Author::Business } else { Author::Person }))
}

/// A persona must be one of the page's; who speaks under one is nothing that a webhook says.
async fn under_a_persona(
    caller: &Caller,
    call: Result<Call, GraphError>,
    params: &Params,
) -> Result<Result<Call, GraphError>, Wrong> {
    let (Ok(_), Some(id)) = (&call, params.text("persona_id").filter(|id| !id.is_empty())) else {
        return Ok(call);
    };
    let key = AssetKey { page: caller.page().id, kind: AssetKind::Persona, key: id.as_str().into() };
    let known = caller.shared().engine.asset(&key).await.map_err(|error| unavailable(&error))?;
    let wrong = || GraphError::parameter(format!("Param persona_id is no persona of this page: {id}"));
    Ok(if known.is_some() { call } else { Err(wrong()) })
}
