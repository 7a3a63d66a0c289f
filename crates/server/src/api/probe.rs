//! `POST /apps/{app}/probe`: what an app's receiver answers to something that nobody did. `baton doctor` is made of it.
//! The secret stays here.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use baton_engine::{Probe, Signed};
use baton_rules::{AppId, Channel, PageId, Surface};
use baton_wire::envelope::escaped;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::fields::Fields;
use super::input::{Json, OnApp};
use super::operation::Operation;
use super::schemas::Schemas;
use crate::door::Needs;
use crate::problem::{self, Problem};
use crate::serve::Shared;

const SIGNED: &[(&str, Signed)] = &[("right", Signed::Right), ("wrong", Signed::Wrong), ("not", Signed::Not)];
const CHANNELS: &[(&str, Channel)] = &[("messaging", Channel::Messaging), ("standby", Channel::Standby)];

/// What a receiver answered.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Probed")]
struct Answered {
    /// The HTTP status; null: there was no answer.
    status: Option<u16>,
    /// Why there was no answer.
    error: Option<String>,
    duration_ms: u64,
    /// How the body begins.
    body_start: String,
    /// Whether the body is the challenge; null: it was not asked for one.
    is_challenge: Option<bool>,
}

pub(super) fn operations() -> Vec<Operation> {
    let item = json!({"sender": {"id": "nobody"}, "recipient": {"id": "2001"}, "timestamp": 1_767_225_600_000_i64,
        "message": {"mid": "m_probe", "text": "hello"}});
    vec![
        OnApp::named(Operation::post("/apps/{app}/probe", "probeReceiver", post).needs(Needs::Operating))
            .says(
                "Deliveries",
                "Ask an app's receiver",
                "Sends a webhook that tells of something that nobody did, or a verification request, and answers with \
                 what came of it. It is in no conversation, is not tried again, and is signed with the app's secret, or \
                 on purpose not. To another address than the app's own too, within `delivery.allow_addresses`.",
            )
            .takes_shape(
                shape,
                vec![
                    ("a webhook", json!({"webhook": item, "channel": "standby"})),
                    ("with a wrong signature", json!({"webhook": item, "signed": "wrong"})),
                    ("a verification request", json!({"handshake": "right"})),
                ],
            )
            .answers::<Answered>(StatusCode::OK, "What it answered, or why it did not.")
            .refuses([&problem::NO_ADDRESS]),
    ]
}

/// What [`post`] reads.
fn shape(schemas: &mut Schemas) -> Value {
    schemas.written("Probe", |_| {
        let url = json!({"type": ["string", "null"], "description": "Another address than the app's own."});
        let webhook = json!({
            "type": "object",
            "title": "webhook",
            "properties": {
                "url": url,
                "webhook": {"type": "object", "additionalProperties": true, "description": "The item of `messaging` or `standby`."},
                "channel": {"enum": ["messaging", "standby", null]},
                "signed": {"enum": ["right", "wrong", "not", null]},
                "webhook_id": {"type": ["string", "null"], "minLength": 1, "maxLength": 128},
            },
            "required": ["webhook"],
            "additionalProperties": false,
        });
        let handshake = json!({
            "type": "object",
            "title": "handshake",
            "properties": {"url": url, "handshake": {"enum": ["right", "wrong"]}},
            "required": ["handshake"],
            "additionalProperties": false,
        });
        json!({"description": "What a receiver is asked.", "oneOf": [webhook, handshake]})
    })
}

async fn post(
    State(shared): State<Arc<Shared>>,
    OnApp(app): OnApp,
    Json(body): Json,
) -> Result<axum::Json<Answered>, Problem> {
    let mut fields = Fields::of(&body)?;
    let url = fields.text("url", 2048).map(str::to_owned);
    let probe = if fields.get("handshake").is_some() {
        let is_right = fields.word("handshake", &[("right", true), ("wrong", false)]);
        let is_right = fields.done(&["url", "handshake"], is_right)?;
        Probe::Handshake { is_right }
    } else {
        webhook(&shared, app, fields)?
    };
    let probed = shared.engine.probe(app, url.as_deref(), probe).await;
    let probed = probed.ok_or_else(|| Problem::new(&problem::NO_ADDRESS))?;
    let (status, body, error) = match probed.answer {
        Ok((status, body)) => (Some(status), body, None),
        Err(error) => (None, bytes::Bytes::new(), Some(error.to_string())),
    };
    Ok(axum::Json(Answered {
        status,
        error,
        duration_ms: probed.took_ms,
        body_start: String::from_utf8_lossy(&body).into_owned(),
        is_challenge: probed.is_challenge,
    }))
}

fn webhook(shared: &Shared, app: AppId, mut fields: Fields<'_>) -> Result<Probe, Problem> {
    let item: Option<Map<String, Value>> = match fields.get("webhook") {
        Some(Value::Object(item)) => Some(item.clone()),
        Some(_) | None => {
            fields.wrong("webhook", "an object: the item of `messaging` or `standby`");
            None
        }
    };
    let channel = fields.word("channel", CHANNELS).unwrap_or(Channel::Messaging);
    let signed = fields.word("signed", SIGNED).unwrap_or(Signed::Right);
    let id = fields.text("webhook_id", 128).map(str::to_owned);
    let item = fields.done(&["url", "webhook", "channel", "signed", "webhook_id"], item)?;
    let id = id.unwrap_or_else(|| format!("msg_{app}-probe-{}", shared.ids.number()));
    let settings = shared.engine.settings();
    // Of a page that the app is on, where there is one.
    let page = settings.pages.iter().find(|page| page.connections.iter().any(|one| one.app == app));
    let account = page.map(|page| page.id).or_else(|| "1".parse::<PageId>().ok());
    let account = account.ok_or_else(|| Problem::new(&problem::NO_ADDRESS))?;
    Ok(Probe::Webhook {
        account,
        surface: Surface::Messenger,
        channel,
        item: escaped(&item).into(),
        signed,
        id,
    })
}
