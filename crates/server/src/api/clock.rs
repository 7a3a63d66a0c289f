//! `GET /clock` and `POST /clock`: the virtual clock.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use baton_engine::{ClockFailure, ClockRefused, ClockState};
use baton_rules::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use super::fields::Fields;
use super::input::{Json, moment};
use super::operation::Operation;
use super::schemas::Schemas;
use super::threads::READING;
use super::time;
use super::values::Moment;
use crate::door::Needs;
use crate::problem::{self, Problem};
use crate::serve::Shared;

/// What is asked of the clock.
enum Turn {
    Advance(i64),
    Set(Timestamp),
    Freeze(bool),
}

/// The virtual clock.
#[derive(Debug, Serialize, JsonSchema)]
struct Clock {
    now: Moment,
    /// Whether it stands still.
    frozen: bool,
}

/// The virtual clock after it was moved.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "ClockMoved")]
struct Moved {
    now: Moment,
    /// The time before.
    was: Moment,
    /// Whether it stands still.
    frozen: bool,
    /// How much that was due on the way was done.
    ran: u64,
}

pub(super) fn operations() -> Vec<Operation> {
    let only = "Only where the clock is virtual: `baton dev`, or `clock = \"virtual\"`.";
    vec![
        Operation::get("/clock", "getClock", get).needs(Needs::SignedIn)
            .says("Clock", "What time it is", only)
            .answers::<Clock>(StatusCode::OK, "The clock.")
            .refuses([&problem::CLOCK_NOT_VIRTUAL]),
        Operation::post("/clock", "moveClock", post).needs(Needs::Operating)
            .says(
                "Clock",
                "Move the clock, or freeze it",
                "Only where the clock is virtual. It never goes back. It is answered when what the move caused is \
                 on disk.",
            )
            .takes_shape(
                shape,
                vec![
                    ("a day later", json!({"advance": "24h"})),
                    ("a moment", json!({"set": "2030-01-01T09:00:00Z"})),
                    ("stand still", json!({"freeze": true})),
                ],
            )
            .answers::<Moved>(StatusCode::OK, "The clock, as it is now.")
            .refuses([&problem::CLOCK_NOT_VIRTUAL, &problem::CLOCK_BACK, &problem::CLOCK_TOO_FAR])
            .refuses(READING),
    ]
}

/// What [`read`] reads.
fn shape(schemas: &mut Schemas) -> Value {
    let one = |name: &str, schema: Value| {
        json!({
            "type": "object",
            "title": name,
            "properties": {name: schema},
            "required": [name],
            "additionalProperties": false,
        })
    };
    let duration = schemas.written("Duration", |_| {
        json!({
            "type": "string",
            "pattern": "^([0-9]{1,9}(ms|s|m|h|d|w)){1,5}$",
            "description": "A duration, in parts that are added up.",
            "examples": ["24h", "7d", "90s", "1h30m"],
        })
    });
    schemas.written("ClockTurn", |_| {
        json!({
            "description": "What becomes of the clock: one of these.",
            "oneOf": [
                one("advance", duration),
                one("set", moment()),
                one("freeze", json!({"type": "boolean"})),
            ],
        })
    })
}

async fn get(State(shared): State<Arc<Shared>>) -> Result<axum::Json<Clock>, Problem> {
    let state = shared.engine.clock()?;
    Ok(axum::Json(Clock { now: Moment(state.now), frozen: state.frozen }))
}

async fn post(State(shared): State<Arc<Shared>>, Json(body): Json) -> Result<axum::Json<Moved>, Problem> {
    let turn = read(&body)?;
    let was = shared.engine.clock()?;
    let (state, ran) = match turn {
        Turn::Advance(by) => shared.engine.advance_clock(by).await?,
        Turn::Set(to) => shared.engine.set_clock(to).await?,
        Turn::Freeze(frozen) => (shared.engine.freeze_clock(frozen).await?, 0),
    };
    Ok(axum::Json(turned(was, state, ran)))
}

fn turned(was: ClockState, is: ClockState, ran: u64) -> Moved {
    Moved { now: Moment(is.now), was: Moment(was.now), frozen: is.frozen, ran }
}

fn read(body: &Value) -> Result<Turn, Problem> {
    const KNOWN: &[&str] = &["advance", "set", "freeze"];
    let mut fields = Fields::of(body)?;
    let mut given = KNOWN.iter().copied().filter(|name| fields.get(name).is_some());
    let (name, another) = (given.next(), given.next());
    let turn = match (name, another) {
        (Some("advance"), None) => {
            fields.text("advance", 64).map(time::duration).map(|read| read.map(Turn::Advance))
        }
        (Some("set"), None) => fields.text("set", 64).map(time::moment).map(|read| read.map(Turn::Set)),
        (Some(_), None) => match fields.get("freeze").and_then(Value::as_bool) {
            Some(frozen) => Some(Ok(Turn::Freeze(frozen))),
            None => Some(Err("must be true or false".to_owned())),
        },
        (None, _) => {
            fields.wrong("", "one of advance, set, freeze is required");
            None
        }
        (Some(_), Some(another)) => {
            fields.wrong(another, "only one of advance, set, freeze at once");
            None
        }
    };
    let turn = match turn {
        Some(Err(wrong)) => {
            fields.wrong(name.unwrap_or_default(), wrong);
            None
        }
        Some(Ok(turn)) => Some(turn),
        None => None,
    };
    fields.done(KNOWN, turn)
}

impl From<ClockRefused> for Problem {
    fn from(refused: ClockRefused) -> Self {
        match refused {
            ClockRefused::NotVirtual => Self::new(&problem::CLOCK_NOT_VIRTUAL),
            ClockRefused::Back => Self::new(&problem::CLOCK_BACK),
            ClockRefused::TooFar => Self::new(&problem::CLOCK_TOO_FAR),
        }
    }
}

impl From<ClockFailure> for Problem {
    fn from(failure: ClockFailure) -> Self {
        match failure {
            ClockFailure::Refused(refused) => refused.into(),
            ClockFailure::Store(error) => error.into(),
        }
    }
}
