//! `GET`, `PUT` and `DELETE /apps/{app}/faults`: what goes wrong on purpose for an app. Only beside a virtual clock.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use baton_engine::Faults;
use baton_wire::GraphError;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use super::fields::Fields;
use super::input::{Json, OnApp};
use super::operation::Operation;
use super::schemas::Schemas;
use super::time;
use crate::door::Needs;
use crate::problem::{self, Problem};
use crate::serve::Shared;

const PATH: &str = "/apps/{app}/faults";
const TAG: &str = "Faults";
/// The longest delay, in milliseconds: a day.
const LONGEST: i64 = 86_400_000;
/// The error of a call where nobody says which: a service that is away for a moment.
const ERROR: u32 = 2;
/// The chances, by name: what each means.
const CHANCES: &[(&str, &str, Field)] = &[
    ("duplicates", "A webhook is sent a second time.", |faults| &mut faults.duplicates),
    ("lost", "A webhook arrives, and its answer counts as lost: it is sent again later.", |faults| {
        &mut faults.lost
    }),
    ("reorder", "A webhook is held back, so that those of other conversations overtake it.", |faults| {
        &mut faults.reorder
    }),
    ("delay", "A webhook is sent later, by `delay_by`.", |faults| &mut faults.delay),
    ("slow", "A webhook's answer arrives later, by `slow_by`.", |faults| &mut faults.slow),
    ("errors", "A call of the Graph API is answered with `error_code`, before it is decided.", |faults| {
        &mut faults.errors
    }),
];

type Field = fn(&mut Faults) -> &mut f64;

/// What goes wrong on purpose. Chances are from 0 (never) to 1 (always).
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Faults")]
struct Shown {
    duplicates: f64,
    lost: f64,
    reorder: f64,
    delay: f64,
    /// In milliseconds of the server's clock.
    delay_by_ms: i64,
    slow: f64,
    /// In milliseconds of the server's clock.
    slow_by_ms: i64,
    errors: f64,
    /// The platform's code.
    error_code: u32,
    /// What the draws began with.
    seed: u64,
}

impl From<Faults> for Shown {
    fn from(faults: Faults) -> Self {
        let Faults { duplicates, lost, reorder, delay, delay_ms, slow, slow_ms, errors, error_code, seed } =
            faults;
        Self {
            duplicates,
            lost,
            reorder,
            delay,
            delay_by_ms: delay_ms,
            slow,
            slow_by_ms: slow_ms,
            errors,
            error_code,
            seed,
        }
    }
}

pub(super) fn operations() -> Vec<Operation> {
    let about = "For development: refused unless the clock is virtual. In memory: a new start has none.";
    vec![
        OnApp::named(Operation::get(PATH, "getFaults", get).needs(Needs::Looking))
            .says(TAG, "What goes wrong on purpose", about)
            .answers::<Shown>(StatusCode::OK, "What goes wrong.")
            .refuses([&problem::FAULTS_OFF]),
        OnApp::named(Operation::put(PATH, "putFaults", put).needs(Needs::Operating))
            .says(
                TAG,
                "Let things go wrong",
                "So that an app can be shown to bear what happens to apps: webhooks twice, late, out of order with those \
                 of other conversations, answers that are lost, calls that are refused. By seeded chance: the same seed \
                 draws the same again. For development: refused unless the clock is virtual. In memory: a new start has \
                 none. Delays are by the server's clock.",
            )
            .takes_shape(
                shape,
                vec![
                    ("some webhooks twice", json!({"duplicates": 0.2})),
                    ("the platform is away now and then", json!({"errors": 0.1, "error_code": 2})),
                ],
            )
            .answers::<Shown>(StatusCode::OK, "What goes wrong from now on.")
            .refuses([&problem::FAULTS_OFF]),
        OnApp::named(Operation::delete(PATH, "deleteFaults", remove).needs(Needs::Operating))
            .says(TAG, "Let nothing go wrong any more", "")
            .answers_nothing(StatusCode::NO_CONTENT, "Nothing goes wrong on purpose.")
            .refuses([&problem::FAULTS_OFF]),
    ]
}

/// What [`put`] reads.
fn shape(schemas: &mut Schemas) -> Value {
    schemas.written("FaultsPut", |_| {
        let mut properties = json!({
            "delay_by": {"type": ["string", "null"], "description": "As in `2s`; a day at most."},
            "slow_by": {"type": ["string", "null"], "description": "As in `2s`; a day at most."},
            "error_code": {"type": ["integer", "null"], "minimum": 1, "maximum": 100_000},
            "seed": {"type": ["integer", "null"], "minimum": 0, "maximum": u64::MAX},
        });
        for (name, about, _) in CHANCES {
            properties[*name] =
                json!({"type": ["number", "null"], "minimum": 0, "maximum": 1, "description": about});
        }
        json!({
            "type": "object",
            "description": "What goes wrong: what is absent does not.",
            "properties": properties,
            "additionalProperties": false,
        })
    })
}

type Server = State<Arc<Shared>>;

async fn get(State(shared): Server, OnApp(app): OnApp) -> Result<axum::Json<Shown>, Problem> {
    is_virtual(&shared)?;
    Ok(axum::Json(
        shared.engine.faults(app).unwrap_or(Faults { error_code: ERROR, ..Faults::default() }).into(),
    ))
}

async fn put(
    State(shared): Server,
    OnApp(app): OnApp,
    Json(body): Json,
) -> Result<axum::Json<Shown>, Problem> {
    is_virtual(&shared)?;
    let faults = read(&body, || shared.ids.number().parse().unwrap_or_default())?;
    shared.engine.set_faults(app, faults).map_err(|_| Problem::new(&problem::FAULTS_OFF))?;
    Ok(axum::Json(faults.into()))
}

async fn remove(State(shared): Server, OnApp(app): OnApp) -> Result<StatusCode, Problem> {
    shared.engine.set_faults(app, Faults::default()).map_err(|_| Problem::new(&problem::FAULTS_OFF))?;
    Ok(StatusCode::NO_CONTENT)
}

fn is_virtual(shared: &Shared) -> Result<(), Problem> {
    shared.engine.clock().map(|_| ()).map_err(|_| Problem::new(&problem::FAULTS_OFF))
}

fn read(body: &Value, seed: impl Fn() -> u64) -> Result<Faults, Problem> {
    let mut fields = Fields::of(body)?;
    let mut faults = Faults { error_code: ERROR, ..Faults::default() };
    let mut known: Vec<&str> = vec!["delay_by", "slow_by", "error_code", "seed"];
    for (name, _, field) in CHANCES {
        known.push(name);
        match fields.get(name).map(Value::as_f64) {
            None => {}
            Some(Some(chance)) if (0.0..=1.0).contains(&chance) => *field(&mut faults) = chance,
            Some(_) => fields.wrong(name, "must be a number from 0 (never) to 1 (always)"),
        }
    }
    faults.delay_ms = delay(&mut fields, "delay_by", faults.delay > 0.0);
    faults.slow_ms = delay(&mut fields, "slow_by", faults.slow > 0.0);
    match fields.get("error_code").map(Value::as_u64) {
        None => {}
        Some(Some(code @ 1..=100_000)) => faults.error_code = u32::try_from(code).unwrap_or(ERROR),
        Some(_) => fields.wrong("error_code", "must be a code of the platform's, as in 2 or 613"),
    }
    match fields.get("seed").map(Value::as_u64) {
        None => faults.seed = seed(),
        Some(Some(seed)) => faults.seed = seed,
        Some(None) => fields.wrong("seed", "must be a whole number"),
    }
    fields.done(&known, Some(faults))
}

/// A delay; it is needed where its chance is not zero.
fn delay(fields: &mut Fields<'_>, name: &str, is_needed: bool) -> i64 {
    match fields.text(name, 64).map(time::duration) {
        Some(Ok(by @ 0..=LONGEST)) => by,
        Some(Ok(_)) => {
            fields.wrong(name, "a day at most");
            0
        }
        Some(Err(wrong)) => {
            fields.wrong(name, wrong);
            0
        }
        None if is_needed => {
            fields.wrong(name, "by how much: a duration like \"2s\"");
            0
        }
        None => 0,
    }
}

/// The error by which a call of an app goes wrong, if it does now.
pub(crate) fn of_call(shared: &Shared, app: baton_rules::AppId) -> Option<GraphError> {
    shared.engine.faulty_call(app).map(GraphError::on_purpose)
}
