//! `GET /clock` and `POST /clock`: the virtual clock.

use std::sync::Arc;

use axum::extract::State;
use baton_engine::{ClockFailure, ClockRefused, ClockState};
use baton_rules::Timestamp;
use serde_json::{Value, json};

use super::fields::Fields;
use super::input::Json;
use super::time;
use crate::problem::{self, Problem};
use crate::serve::Shared;

/// What is asked of the clock.
enum Turn {
    Advance(i64),
    Set(Timestamp),
    Freeze(bool),
}

pub(super) async fn get(State(shared): State<Arc<Shared>>) -> Result<axum::Json<Value>, Problem> {
    let state = shared.engine.clock()?;
    Ok(axum::Json(json!({"now": time::shown(state.now), "frozen": state.frozen})))
}

pub(super) async fn post(
    State(shared): State<Arc<Shared>>,
    Json(body): Json,
) -> Result<axum::Json<Value>, Problem> {
    let turn = read(&body)?;
    let was = shared.engine.clock()?;
    let (state, ran) = match turn {
        Turn::Advance(by) => shared.engine.advance_clock(by).await?,
        Turn::Set(to) => shared.engine.set_clock(to).await?,
        Turn::Freeze(frozen) => (shared.engine.freeze_clock(frozen).await?, 0),
    };
    Ok(axum::Json(turned(was, state, ran)))
}

fn turned(was: ClockState, is: ClockState, ran: u64) -> Value {
    json!({"now": time::shown(is.now), "was": time::shown(was.now), "frozen": is.frozen, "ran": ran})
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
