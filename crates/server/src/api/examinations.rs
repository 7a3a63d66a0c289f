//! `POST /apps/{app}/examinations`: what is wrong with an app's receiver.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use super::fields::Fields;
use super::input::{Json, OnApp};
use super::operation::Operation;
use super::schemas::Schemas;
use super::time;
use crate::door::Needs;
use crate::examination::{Check, Examination, NoAddress};
use crate::problem::{self, Problem};
use crate::serve::Shared;

/// How long is waited for what the bot answers in the Graph API, where nobody says.
const PATIENCE_MS: i64 = 3_000;
/// And at most.
const LONGEST_MS: i64 = 30_000;

/// What was found of a receiver.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Examination")]
struct Examined {
    /// Where it is.
    url: String,
    /// In the order in which it was looked at. Where something was wrong that makes the rest worthless, the rest is
    /// not there.
    checks: Vec<Check>,
}

pub(super) fn operations() -> Vec<Operation> {
    vec![
        OnApp::named(Operation::post("/apps/{app}/examinations", "examineReceiver", post).needs(Needs::Operating))
            .says(
                "Deliveries",
                "Examine an app's receiver",
                "Sends it one of everything, with right and wrong signatures, and judges its answers: `baton doctor`. \
                 The events are those of a person who is in no conversation, and are in no journal: nothing that the \
                 bot answers to them reaches anybody. It takes as long as the receiver does.",
            )
            .takes_shape(
                shape,
                vec![("as it is", json!({})), ("another address", json!({"url": "http://127.0.0.1:3000/webhook"}))],
            )
            .answers::<Examined>(StatusCode::OK, "What was looked at, and what is wrong.")
            .refuses([&problem::NO_ADDRESS]),
    ]
}

/// What [`post`] reads.
fn shape(schemas: &mut Schemas) -> Value {
    schemas.written("ExaminationWanted", |_| {
        let url = json!({"type": ["string", "null"], "description": "Another address than the app's own."});
        let patience = json!({
            "type": ["string", "null"],
            "description": "How long to wait for what the bot answers in the Graph API: a duration, 30s at most.",
            "default": "3s",
        });
        json!({
            "type": "object",
            "description": "What is examined, and how.",
            "properties": {"url": url, "patience": patience},
            "additionalProperties": false,
        })
    })
}

async fn post(
    State(shared): State<Arc<Shared>>,
    OnApp(app): OnApp,
    Json(body): Json,
) -> Result<axum::Json<Examined>, Problem> {
    let mut fields = Fields::of(&body)?;
    let url = fields.text("url", 2048).map(str::to_owned);
    let patience = match fields.text("patience", 64).map(time::duration) {
        None => PATIENCE_MS,
        Some(Ok(patience)) if patience <= LONGEST_MS => patience,
        Some(Ok(_)) => {
            fields.wrong("patience", "is longer than 30s");
            PATIENCE_MS
        }
        Some(Err(wrong)) => {
            fields.wrong("patience", wrong);
            PATIENCE_MS
        }
    };
    let patience = fields.done(&["url", "patience"], Some(patience))?;
    let settings = shared.engine.settings();
    let own = settings.app(app).and_then(|app| app.webhook_url.as_deref().map(str::to_owned));
    let at = url.clone().or(own).ok_or(NoAddress)?;
    let checks = Examination::of(&shared, app, url.as_deref(), patience)?.made().await?;
    Ok(axum::Json(Examined { url: at, checks }))
}

impl From<NoAddress> for Problem {
    fn from(_: NoAddress) -> Self {
        Self::new(&problem::NO_ADDRESS)
    }
}
