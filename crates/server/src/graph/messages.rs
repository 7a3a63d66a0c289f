//! `POST /{page}/messages`: the Send API, with and without `thread_control`, and `sender_action`.
//!
//! A sender action (typing, seen) is asked as a send of nothing is: allowed to whoever may send now, refused to
//! others with a send's error. It changes nothing, and leaves no trace: the person's side has no screen yet.

use baton_wire::params::Params;
use baton_wire::requests;
use serde_json::{Value, json};

use super::{Answer, Wrong};
use crate::caller::{Caller, Edge};

pub(super) async fn post(caller: &Caller, params: &Params) -> Result<Answer, Wrong> {
    if let Some(call) = requests::sender_action(params) {
        let done = caller.would(Edge::Messages, call).await?;
        let body = json!({"recipient_id": done.person.as_str()});
        return Ok(Answer { body, rule: Some(done.receipt.rule.into()) });
    }
    let call = requests::messages(params);
    let done = caller.ask_once(Edge::Messages, call, params).await?;
    let mut body = json!({"recipient_id": done.person.as_str()});
    if let Some(id) = done.receipt.message_id {
        body["message_id"] = Value::String(id);
    }
    Ok(Answer { body, rule: Some(done.receipt.rule.into()) })
}
