//! `GET/PUT /pages/{page}/people/{person}`: what is known of a person beside the conversation. A person exists
//! from the first event on.

use std::sync::Arc;

use axum::extract::State;
use baton_rules::ThreadKey;
use baton_store::Person;
use serde_json::{Value, json};

use super::fields::Fields;
use super::input::{Json, OnThread};
use crate::problem::{self, Problem};
use crate::serve::Shared;

/// The longest name, in characters.
const NAME: usize = 200;
/// The longest address of a picture, in characters.
const ADDRESS: usize = 2048;

pub(super) async fn get(
    State(shared): State<Arc<Shared>>,
    OnThread(key): OnThread,
) -> Result<axum::Json<Value>, Problem> {
    let person = shared.engine.person(&key).await?.ok_or_else(|| unknown(&key))?;
    Ok(axum::Json(shown(&person)))
}

pub(super) async fn put(
    State(shared): State<Arc<Shared>>,
    OnThread(key): OnThread,
    Json(body): Json,
) -> Result<axum::Json<Value>, Problem> {
    let person = read(&body)?;
    if shared.engine.keep_person(&key, person.clone()).await? {
        Ok(axum::Json(shown(&person)))
    } else {
        Err(unknown(&key))
    }
}

fn read(body: &Value) -> Result<Person, Problem> {
    let mut fields = Fields::of(body)?;
    let mut text = |name, most| fields.text(name, most).map(str::to_owned);
    let person = Person {
        name: text("name", NAME),
        first_name: text("first_name", NAME),
        last_name: text("last_name", NAME),
        username: text("username", NAME),
        profile_pic: text("profile_pic", ADDRESS),
    };
    fields.done(&["name", "first_name", "last_name", "username", "profile_pic"], Some(person))
}

fn shown(person: &Person) -> Value {
    json!({
        "name": person.name,
        "first_name": person.first_name,
        "last_name": person.last_name,
        "username": person.username,
        "profile_pic": person.profile_pic,
    })
}

fn unknown(key: &ThreadKey) -> Problem {
    let detail = format!("{} has never written to this page", key.person);
    Problem::new(&problem::UNKNOWN_PERSON).detail(detail)
}
