//! The handshake by which an address shows that it is the app's (wire.md 3.1).

use std::sync::Arc;

use baton_rules::AppId;
use baton_store::{Settings, SettingsRefused};
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use crate::activity::ActivityKind;
use crate::engine::Shared;
use crate::transport::SendError;

/// Asks an app's address for a challenge back. None: it verified; else why not.
pub(crate) async fn verify(shared: &Arc<Shared>, app: AppId, seed: u64) -> Option<String> {
    let settings = shared.store.settings();
    let Some(known) = settings.app(app) else { return Some("there is no such app".to_owned()) };
    let Some(url) = known.webhook_url.clone() else { return Some("the app has no webhook_url".to_owned()) };
    let mut error = match known.verify_token.as_ref() {
        None => None,
        Some(token) => handshake(shared, &url, token.reveal(), seed).await,
    };
    if error.is_none() && !known.verified {
        let (url, token) = (known.webhook_url.clone(), known.verify_token.clone());
        let change = Box::new(move |settings: &Settings| -> Result<Settings, Vec<SettingsRefused>> {
            let mut apps = settings.apps.clone();
            for known in &mut apps {
                // The address may have been changed again meanwhile.
                if known.id == app && known.webhook_url == url && known.verify_token == token {
                    Arc::make_mut(known).verified = true;
                }
            }
            Ok(Settings::new(settings.version, apps, settings.pages.clone()))
        });
        match shared.configure(change).await {
            Ok(_) => {}
            Err(failed) => {
                tracing::warn!(%app, error = %failed, "the verified address was not recorded");
                error = Some(format!("it verified, but that was not recorded: {failed}"));
            }
        }
    }
    shared.tell(ActivityKind::Verification { app, error: error.as_deref().map(Into::into) });
    error
}

/// What an address is asked, and what it must answer.
pub(crate) struct Question {
    /// The address with the question.
    pub(crate) url: String,
    challenge: String,
}

impl Question {
    pub(crate) fn drawn(url: &str, token: &str, seed: u64) -> Self {
        let challenge =
            SmallRng::seed_from_u64(seed).random_range(100_000_000_u32..2_000_000_000).to_string();
        let token: String = url::form_urlencoded::byte_serialize(token.as_bytes()).collect();
        let joint = if url.contains('?') { '&' } else { '?' };
        let url =
            format!("{url}{joint}hub.mode=subscribe&hub.challenge={challenge}&hub.verify_token={token}");
        Self { url, challenge }
    }

    /// Whether a body is the challenge.
    pub(crate) fn is_answered_by(&self, body: &[u8]) -> bool {
        body.trim_ascii() == self.challenge.as_bytes()
    }
}

/// Whether an address answers the verification request: `None`, or why not.
pub(crate) async fn handshake(shared: &Shared, url: &str, token: &str, seed: u64) -> Option<String> {
    let question = Question::drawn(url, token, seed);
    match shared.transport.get(&question.url).await {
        Ok(answer) if answer.status != 200 => Some(format!(
            "HTTP {} to the verification request: answer 200 with the value of hub.challenge",
            answer.status
        )),
        Ok(answer) if !question.is_answered_by(&answer.body) => Some(
            "the answer is not the challenge: compare hub.verify_token, and answer hub.challenge as it is"
                .to_owned(),
        ),
        Ok(_) => None,
        Err(error @ (SendError::Timeout(_) | SendError::Forbidden(_) | SendError::Failed(_))) => {
            Some(error.to_string())
        }
    }
}
