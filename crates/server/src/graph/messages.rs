//! `POST /{page}/messages`: the Send API, with and without `thread_control`.

use baton_wire::params::Params;
use baton_wire::requests;
use serde_json::{Value, json};

use super::{Answer, Wrong};
use crate::caller::{Caller, Edge};

pub(super) async fn post(caller: &Caller, params: &Params) -> Result<Answer, Wrong> {
    let call = requests::messages(params);
    let done = caller.ask(Edge::Messages, call).await?;
    let mut body = json!({"recipient_id": done.person.as_str()});
    if let Some(id) = done.receipt.message_id {
        body["message_id"] = Value::String(id);
    }
    Ok(Answer { body, rule: Some(done.receipt.rule.into()) })
}
