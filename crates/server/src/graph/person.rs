//! `GET /{person}`: the user profile (wire.md 5.4). What is not known of a person, and what Baton does not have, is
//! left out, as deployed clients need (clients.md 10): of somebody of whom nothing is known there is the id alone.

use baton_rules::{Edge, Surface, ThreadKey};
use baton_store::Person;
use baton_wire::params::Params;
use serde_json::Value;

use super::{Answer, Wrong, node};
use crate::caller::{Caller, unavailable};

pub(super) async fn get(caller: &Caller, params: &Params, thread: &ThreadKey) -> Result<Answer, Wrong> {
    caller.may(thread.surface, Edge::Other)?;
    let known = caller.shared().engine.person(thread).await.map_err(|error| unavailable(&error))?;
    let known = known.unwrap_or_default();
    let usual: &[&str] = match thread.surface {
        Surface::Messenger => &["first_name", "last_name", "profile_pic"],
        Surface::Instagram => &["name", "username", "profile_pic"],
    };
    let body = node::shown(&params.fields()?, usual, thread.person.as_str(), |field| {
        value(&known, thread.surface, &field.name).map(Value::String)
    });
    Ok(Answer::of(body))
}

/// On Messenger a person has a first and a last name, on Instagram a user name.
fn value(known: &Person, surface: Surface, field: &str) -> Option<String> {
    match (field, surface) {
        ("name", _) => known.name.clone().or_else(|| joined(known)),
        ("profile_pic", _) => known.profile_pic.clone(),
        ("first_name", Surface::Messenger) => known.first_name.clone(),
        ("last_name", Surface::Messenger) => known.last_name.clone(),
        ("username", Surface::Instagram) => known.username.clone(),
        (_, Surface::Messenger | Surface::Instagram) => None,
    }
}

/// The whole name, where only its parts are known.
fn joined(known: &Person) -> Option<String> {
    let parts: Vec<&str> =
        [&known.first_name, &known.last_name].into_iter().flatten().map(String::as_str).collect();
    (!parts.is_empty()).then(|| parts.join(" "))
}
