//! `GET /{psid}`: what is known of a person who writes to the page (wire.md 5.4). Fields that are not known, and
//! those that Baton does not have, are left out, as deployed clients need (clients.md 10).

use baton_rules::{PersonId, Surface, ThreadKey};
use baton_store::Person;
use baton_wire::GraphError;
use baton_wire::params::Params;
use serde_json::{Map, Value, json};

use super::{Answer, Wrong};
use crate::caller::{Caller, Edge, unavailable};

/// What is told where no fields are named.
const USUAL: [&str; 3] = ["first_name", "last_name", "profile_pic"];
const USUAL_ON_INSTAGRAM: [&str; 3] = ["name", "username", "profile_pic"];

pub(super) async fn get(caller: &Caller, params: &Params, person: PersonId) -> Result<Answer, Wrong> {
    let surface = caller.surface(Some(&person)).await?;
    caller.may(surface, Edge::Profile)?;
    let key = ThreadKey { page: caller.page().id, surface, person };
    let found = caller.shared().engine.person(&key).await.map_err(|error| unavailable(&error))?;
    // Somebody who never wrote to this page is like nobody: nobody learns who writes to others.
    let known = found.ok_or_else(|| GraphError::unknown_node("GET", key.person.as_str()))?;
    if known == Person::default() {
        return Err(GraphError::no_profile().into());
    }
    let wanted = super::node::fields(&params.list("fields").unwrap_or_default().join(","));
    let usual = match surface {
        Surface::Messenger => USUAL,
        Surface::Instagram => USUAL_ON_INSTAGRAM,
    };
    let wanted = if wanted.is_empty() { usual.map(str::to_owned).to_vec() } else { wanted };
    let mut body = Map::new();
    for field in wanted {
        if let Some(value) = value(&known, surface, &field) {
            body.insert(field, json!(value));
        }
    }
    body.insert("id".to_owned(), json!(key.person.as_str()));
    Ok(Answer { body: Value::Object(body), rule: None })
}

/// On Messenger a person has a first and a last name, on Instagram a user name.
fn value<'a>(known: &'a Person, surface: Surface, field: &str) -> Option<&'a str> {
    match (field, surface) {
        ("name", _) => known.name.as_deref(),
        ("profile_pic", _) => known.profile_pic.as_deref(),
        ("first_name", Surface::Messenger) => known.first_name.as_deref(),
        ("last_name", Surface::Messenger) => known.last_name.as_deref(),
        ("username", Surface::Instagram) => known.username.as_deref(),
        (_, Surface::Messenger | Surface::Instagram) => None,
    }
}
