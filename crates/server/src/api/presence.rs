//! `GET` and `PUT /pages/{page}/conversations/{person}/presence`: which colleagues look at a conversation just now.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use super::fields::Fields;
use super::input::{Json, OnThread};
use super::operation::Operation;
use super::schemas::Schemas;
use super::values::Moment;
use crate::door::{Caller, Needs, Recording};
use crate::presence::{Doing, There, Who};
use crate::problem::Problem;
use crate::serve::Shared;

/// Who is there.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Presence")]
struct Present {
    data: Vec<Colleague>,
}

/// Somebody who looks at a conversation. Times are the system's clock's.
#[derive(Debug, Serialize, JsonSchema)]
struct Colleague {
    name: String,
    doing: DoingShown,
    since: Moment,
}

/// What somebody does there.
#[derive(Clone, Copy, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "PresenceDoing")]
enum DoingShown {
    /// Has it open.
    Looking,
    /// Has begun an answer.
    Writing,
}

const WORDS: &[(&str, Option<Doing>)] =
    &[("looking", Some(Doing::Looking)), ("writing", Some(Doing::Writing)), ("left", None)];

pub(super) fn operations() -> Vec<Operation> {
    let path = "/pages/{page}/conversations/{person}/presence";
    let of_here = "Of whoever is signed in at this server in a browser. It is kept in memory for 15 seconds and \
                   decides nothing.";
    vec![
        OnThread::named(Operation::get(path, "getPresence", get).needs(Needs::SignedIn))
            .says("Threads", "Who looks at a conversation", of_here)
            .answers::<Present>(StatusCode::OK, "Who is there."),
        OnThread::named(Operation::put(path, "setPresence", put).needs(Needs::SignedIn))
            .says(
                "Threads",
                "Say that one looks at a conversation",
                "Answers who else is there. Somebody who says nothing for 15 seconds is taken to have left; a program \
                 with the operator token is never there.",
            )
            .takes_shape(shape, vec![("an answer is begun", json!({"doing": "writing"}))])
            .records(Recording::Nothing)
            .answers::<Present>(StatusCode::OK, "Who else is there."),
    ]
}

/// What [`put`] reads.
fn shape(schemas: &mut Schemas) -> Value {
    let words: Vec<&str> = WORDS.iter().map(|(word, _)| *word).collect();
    schemas.written("PresenceTold", |_| {
        json!({
            "type": "object",
            "description": "What whoever asks does there.",
            "properties": {"doing": {"type": "string", "enum": words}},
            "required": ["doing"],
            "additionalProperties": false,
        })
    })
}

async fn get(State(shared): State<Arc<Shared>>, OnThread(thread): OnThread) -> axum::Json<Present> {
    shown(shared.presence.of(&thread, shared.wall.now()))
}

async fn put(
    State(shared): State<Arc<Shared>>,
    caller: Caller,
    OnThread(thread): OnThread,
    Json(body): Json,
) -> Result<axum::Json<Present>, Problem> {
    let mut fields = Fields::of(&body)?;
    if fields.get("doing").is_none() {
        fields.wrong("doing", "is required");
    }
    let doing = fields.word("doing", WORDS);
    let doing = fields.done(&["doing"], doing)?;
    let now = shared.wall.now();
    Ok(shown(match Who::of(&caller) {
        Some(who) => shared.presence.say(&thread, (&who, caller.name()), doing, now),
        None => shared.presence.of(&thread, now),
    }))
}

fn shown(there: Vec<There>) -> axum::Json<Present> {
    let data = there.into_iter().map(|one| Colleague {
        name: one.name,
        doing: match one.doing {
            Doing::Looking => DoingShown::Looking,
            Doing::Writing => DoingShown::Writing,
        },
        since: Moment(one.since),
    });
    axum::Json(Present { data: data.collect() })
}
