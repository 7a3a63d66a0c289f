//! `GET /{person}`: the user profile (wire.md 5.4). What nobody ever said of a person is left out.

use baton_rules::ThreadKey;
use baton_wire::params::Params;
use serde_json::Value;

use super::{Answer, Wrong, node};
use crate::caller::{Caller, Edge, unavailable};

pub(super) async fn get(caller: &Caller, params: &Params, thread: &ThreadKey) -> Result<Answer, Wrong> {
    caller.may(thread.surface, Edge::Conversations)?;
    let known = caller.shared().engine.person(thread).await.map_err(|error| unavailable(&error))?;
    let known = known.unwrap_or_default();
    let usual: &[&str] = match thread.surface {
        baton_rules::Surface::Messenger => &["first_name", "last_name", "profile_pic"],
        baton_rules::Surface::Instagram => &["name", "username", "profile_pic"],
    };
    let body = node::shown(&params.fields()?, usual, thread.person.as_str(), |field| {
        let text = match field.name.as_str() {
            "name" => known.name.clone().or_else(|| joined(&known)),
            "first_name" => known.first_name.clone(),
            "last_name" => known.last_name.clone(),
            "username" => known.username.clone(),
            "profile_pic" => known.profile_pic.clone(),
            _ => None,
        };
        text.map(Value::String)
    });
    Ok(Answer::of(body))
}

/// The whole name, where only its parts are known.
fn joined(known: &baton_store::Person) -> Option<String> {
    let parts: Vec<&str> =
        [&known.first_name, &known.last_name].into_iter().flatten().map(String::as_str).collect();
    (!parts.is_empty()).then(|| parts.join(" "))
}
