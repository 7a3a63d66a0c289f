//! Asks an app's receiver something that nobody did, to see what it answers: `baton doctor`. Nothing of it is in the
//! journal, and nothing is sent again.

use baton_rules::{AppId, Channel, PageId, Surface};
use baton_wire::envelope::{Entry, envelope};
use baton_wire::signature::{sign, standard};
use bytes::Bytes;

use crate::clock::Stopwatch;
use crate::engine::Engine;
use crate::transport::SendError;
use crate::verification::Question;

/// How a webhook is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signed {
    /// With the app's secret.
    Right,
    /// With another one.
    Wrong,
    /// Not at all.
    Not,
}

/// What a receiver is asked.
#[derive(Clone, Debug)]
pub enum Probe {
    /// To verify itself: with its verify token, or another.
    Handshake {
        /// Whether the token is its own.
        is_right: bool,
    },
    /// To take a webhook.
    Webhook {
        /// What it is an event of: the page's id, or the Instagram account's.
        account: PageId,
        /// Which of the two.
        surface: Surface,
        /// The array in which the event stands.
        channel: Channel,
        /// The event, rendered.
        item: Bytes,
        /// How it is signed.
        signed: Signed,
        /// The id of the webhook: the same for the same event.
        id: String,
    },
}

/// What a receiver answered.
#[derive(Clone, Debug, PartialEq)]
pub struct Probed {
    /// The status and how the body begins; else why there was no answer.
    pub answer: Result<(u16, Bytes), SendError>,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
    /// Whether the body is the challenge, of a handshake.
    pub is_challenge: Option<bool>,
}

impl Engine {
    /// Asks an app's receiver, or another address by the app's secrets. None: there is no such app, or no address.
    pub async fn probe(&self, app: AppId, to: Option<&str>, probe: Probe) -> Option<Probed> {
        let shared = self.shared();
        let settings = self.settings();
        let app = settings.app(app)?;
        let url = to.map(str::to_owned).or_else(|| app.webhook_url.clone())?;
        let watch = Stopwatch::start();
        let (answer, is_challenge) = match probe {
            Probe::Handshake { is_right } => {
                let token = app.verify_token.as_ref().map(baton_store::Secret::reveal).unwrap_or_default();
                let token = if is_right { token.to_owned() } else { format!("not-{token}") };
                let question = Question::drawn(&url, &token, shared.draw());
                let answer = shared.transport.get(&question.url).await;
                let is_challenge = answer.as_ref().ok().map(|answer| question.is_answered_by(&answer.body));
                (answer, is_challenge)
            }
            Probe::Webhook { account, surface, channel, item, signed, id } => {
                let both = app.compat.iter().any(|switch| switch == "empty-messaging-beside-standby");
                let time = self.now().0;
                let entry = Entry { id: account, time, channel, both, item: &item, context: None };
                let body = envelope(surface, &[entry]);
                let mut headers = vec![("content-type", "application/json".to_owned())];
                if signed != Signed::Not {
                    let own = app.secret.reveal();
                    let secret = if signed == Signed::Right { own.to_owned() } else { format!("not-{own}") };
                    let signatures = sign(&secret, &body);
                    let timestamp = self.now().seconds().to_string();
                    let signature = standard(&secret, &id, &timestamp, &body);
                    headers.push(("x-hub-signature", signatures.sha1));
                    headers.push(("x-hub-signature-256", signatures.sha256));
                    headers.push(("webhook-id", id));
                    headers.push(("webhook-timestamp", timestamp));
                    headers.push(("webhook-signature", signature));
                }
                (shared.transport.post(&url, headers, body).await, None)
            }
        };
        let took_ms = watch.elapsed_ms();
        Some(Probed { answer: answer.map(|answer| (answer.status, answer.body)), took_ms, is_challenge })
    }
}
