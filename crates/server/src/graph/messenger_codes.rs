//! `POST /{page}/messenger_codes` (wire.md 1.7): a code that people scan to begin a conversation. Nothing draws one
//! here: `uri` is the link that it would lead to.

use baton_wire::GraphError;
use baton_wire::params::Params;
use serde_json::json;

use super::{Answer, Wrong};
use crate::caller::Caller;
use baton_rules::Edge;

/// The longest `ref` of a code, in characters.
const REF: usize = 250;

pub(super) fn post(caller: &Caller, params: &Params) -> Result<Answer, Wrong> {
    caller.may(caller.side(), Edge::Other)?;
    if params.text("type").is_some_and(|kind| kind != "standard") {
        return Err(GraphError::parameter("Param type must be one of {standard}").into());
    }
    let data = params.object("data")?.unwrap_or_default();
    let reference = data.get("ref").and_then(serde_json::Value::as_str);
    if reference.is_some_and(|reference| reference.chars().count() > REF) {
        let text = format!("Length of param data[ref] must be less than or equal to {REF}");
        return Err(GraphError::parameter(text).into());
    }
    let mut uri = format!("{}/{}", caller.shared().public_url, caller.node());
    if let Some(reference) = reference {
        let query =
            url::form_urlencoded::Serializer::new(String::new()).append_pair("ref", reference).finish();
        uri = format!("{uri}?{query}");
    }
    Ok(Answer::of(json!({"uri": uri})))
}
