//! `GET/PUT /pages/{page}/people/{person}`: what is known of a person beside the conversation. A person exists
//! from the first event on, or from when something was said of them.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use baton_rules::ThreadKey;
use baton_store::Person;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::fields::Fields;
use super::input::{Json, OnThread};
use super::operation::Operation;
use super::threads::READING;
use crate::door::Needs;
use crate::problem::{self, Problem};
use crate::serve::Shared;

/// What may be known, and how many characters it has at most.
const KNOWN: [(&str, usize); 5] =
    [("name", 200), ("first_name", 200), ("last_name", 200), ("username", 200), ("profile_pic", 2048)];

/// What is known of a person; null: nobody has said.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Profile {
    name: Option<String>,
    first_name: Option<String>,
    last_name: Option<String>,
    username: Option<String>,
    /// The address of a picture.
    profile_pic: Option<String>,
}

pub(super) fn operations() -> Vec<Operation> {
    let ada = json!({"name": "Ada Lovelace", "first_name": "Ada", "last_name": "Lovelace"});
    vec![
        OnThread::named(
            Operation::get("/pages/{page}/people/{person}", "getPerson", get).needs(Needs::SignedIn),
        )
        .says("People", "What is known of a person", "A person exists from the first event on, or from when something was said of them.")
        .answers::<Profile>(StatusCode::OK, "What is known.")
        .refuses([&problem::UNKNOWN_PERSON])
        .refuses(READING),
        OnThread::named(
            Operation::put("/pages/{page}/people/{person}", "putPerson", put).needs(Needs::Operating),
        )
        .says(
            "People",
            "Say what is known of a person",
            "It replaces what was known: what is left out, or null, is known no longer. Whoever has not written yet is \
             known by it too; a conversation begins with the first event.",
        )
        .takes_shape(|schemas| schemas.written("NewProfile", |_| new_profile()), vec![("Ada", ada)])
        .answers::<Profile>(StatusCode::OK, "What is known now.")
        .refuses(READING),
    ]
}

fn new_profile() -> Value {
    let fields = KNOWN
        .iter()
        .map(|(name, most)| ((*name).to_owned(), json!({"type": ["string", "null"], "maxLength": most})));
    json!({
        "type": "object",
        "description": "What is to be known of a person.",
        "properties": fields.collect::<Map<_, _>>(),
        "additionalProperties": false,
    })
}

async fn get(
    State(shared): State<Arc<Shared>>,
    OnThread(key): OnThread,
) -> Result<axum::Json<Profile>, Problem> {
    let person = shared.engine.person(&key).await?.ok_or_else(|| unknown(&key))?;
    Ok(axum::Json(person.into()))
}

async fn put(
    State(shared): State<Arc<Shared>>,
    OnThread(key): OnThread,
    Json(body): Json,
) -> Result<axum::Json<Profile>, Problem> {
    let person = read(&body)?;
    shared.engine.keep_person(&key, person.clone()).await?;
    Ok(axum::Json(person.into()))
}

fn read(body: &Value) -> Result<Person, Problem> {
    let mut fields = Fields::of(body)?;
    let [name, first_name, last_name, username, profile_pic] =
        KNOWN.map(|(name, most)| fields.text(name, most).map(str::to_owned));
    fields.done(
        &KNOWN.map(|(name, _)| name),
        Some(Person { name, first_name, last_name, username, profile_pic }),
    )
}

impl From<Person> for Profile {
    fn from(person: Person) -> Self {
        let Person { name, first_name, last_name, username, profile_pic } = person;
        Self { name, first_name, last_name, username, profile_pic }
    }
}

fn unknown(key: &ThreadKey) -> Problem {
    let detail = format!("{} has never written to this page, and nothing was said of them", key.person);
    Problem::new(&problem::UNKNOWN_PERSON).detail(detail)
}
