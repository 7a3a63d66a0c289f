//! An app of the demo on the wire: a webhook address that checks signatures, and a client of the Graph API.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::get;
use baton_wire::signature;
use bytes::Bytes;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::characters::{Character, Does, Heard};
use super::credentials::Credentials;

/// Webhooks that an app remembers: one that comes again among them is not worked on twice.
const REMEMBERED: usize = 256;

/// An app.
pub(super) struct Bot {
    who: Credentials,
    character: Character,
    base: String,
    client: reqwest::Client,
    /// The `webhook-id`s of late, oldest first.
    heard: Mutex<VecDeque<String>>,
}

impl Bot {
    pub(super) fn new(who: Credentials, character: Character, base: String) -> Self {
        let heard = Mutex::new(VecDeque::with_capacity(REMEMBERED));
        Self { who, character, base, client: super::client(), heard }
    }

    /// Whether a webhook has not come before: Baton delivers at least once.
    fn is_new(&self, id: &str) -> bool {
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        if heard.iter().any(|known| known == id) {
            return false;
        }
        if heard.len() == REMEMBERED {
            heard.pop_front();
        }
        heard.push_back(id.to_owned());
        true
    }
}

/// Answers webhooks until the process ends.
pub(super) async fn serve(listener: TcpListener, bot: Bot) {
    let router = Router::new().route("/webhook", get(handshake).post(webhook)).with_state(Arc::new(bot));
    if let Err(error) = axum::serve(listener, router).await {
        tracing::warn!(%error, "an app of the demo ended");
    }
}

async fn handshake(
    State(bot): State<Arc<Bot>>,
    Query(query): Query<HashMap<String, String>>,
) -> Result<String, StatusCode> {
    let given = |name: &str| query.get(name).map(String::as_str).unwrap_or_default();
    if signature::verify_text(&bot.who.verify_token, given("hub.verify_token")) {
        Ok(given("hub.challenge").to_owned())
    } else {
        Err(StatusCode::FORBIDDEN)
    }
}

async fn webhook(State(bot): State<Arc<Bot>>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let signed = header("x-hub-signature-256");
    if !signature::verify(&bot.who.secret, &body, signed) {
        return StatusCode::FORBIDDEN;
    }
    let Ok(body) = serde_json::from_slice::<Value>(&body) else { return StatusCode::BAD_REQUEST };
    if !bot.is_new(header("webhook-id")) {
        return StatusCode::OK;
    }
    // Answered first and worked on afterwards, as the platform asks of its receivers.
    tokio::spawn(async move { bot.work(&body).await });
    StatusCode::OK
}

impl Bot {
    async fn work(&self, body: &Value) {
        let entries = body["entry"].as_array().into_iter().flatten();
        for event in entries.flat_map(|entry| entry["messaging"].as_array().into_iter().flatten()) {
            let Some(heard) = heard(event) else { continue };
            let person = event["sender"]["id"].as_str().unwrap_or_default();
            for does in self.character.answer(&heard) {
                self.act(person, does).await;
            }
        }
    }

    async fn act(&self, person: &str, does: Does) {
        let recipient = json!({"id": person});
        let (edge, body) = match does {
            Does::Say(text) => (
                "messages",
                json!({"recipient": recipient, "messaging_type": "RESPONSE", "message": {"text": text}}),
            ),
            Does::SayAndPass(text) => ("messages", with_control(&recipient, &text, "pass_thread_control")),
            Does::SayAndRelease(text) => {
                ("messages", with_control(&recipient, &text, "release_thread_control"))
            }
            Does::Pass { to, metadata } => {
                let Some(target) = self.who.colleagues.get(to.name()) else { return };
                (
                    "pass_thread_control",
                    json!({"recipient": recipient, "target_app_id": target, "metadata": metadata}),
                )
            }
        };
        let url = format!("{}/v21.0/me/{edge}", self.base);
        let sent = self.client.post(url).bearer_auth(&self.who.token).json(&body).send().await;
        if let Err(error) = sent {
            tracing::warn!(app = self.character.name(), %error, "the Graph API was not reached");
        }
    }
}

fn with_control(recipient: &Value, text: &str, payload: &str) -> Value {
    json!({
        "recipient": recipient,
        "messaging_type": "RESPONSE",
        "message": {"text": text},
        "thread_control": {"payload": payload},
    })
}

/// What an event of `messaging` is to an app; none for its own echoes and for what it does not act on.
fn heard(event: &Value) -> Option<Heard<'_>> {
    if let Some(pass) = event.get("pass_thread_control") {
        return Some(Heard::Given {
            from: pass["previous_owner_app_id"].as_str(),
            metadata: pass["metadata"].as_str().unwrap_or_default(),
        });
    }
    if let Some(postback) = event.get("postback") {
        let text = postback["title"].as_str().or(postback["payload"].as_str()).unwrap_or_default();
        return Some(Heard::Said { text, by_ad: postback["referral"]["source"] == "ADS" });
    }
    let message = event.get("message").filter(|message| message["is_echo"] != true)?;
    let text = message["text"].as_str().unwrap_or_default();
    Some(Heard::Said { text, by_ad: message["referral"]["source"] == "ADS" })
}
