//! `GET /oauth/access_token`: tokens by an app's id and secret (wire.md 1.7). People do not log in here, so there is
//! no code to exchange: an app gets its own access token, or one of its page access tokens back, which never expire.

use std::sync::Arc;

use baton_wire::GraphError;
use baton_wire::params::Params;
use serde_json::json;

use super::{Answer, Wrong};
use crate::caller::{AppCaller, Caller};
use crate::serve::Shared;

pub(super) fn access_token(shared: &Arc<Shared>, params: &Params) -> Result<Answer, Wrong> {
    let required = |name: &str| params.text(name).ok_or_else(|| GraphError::required(name));
    let own = format!("{}|{}", required("client_id")?, required("client_secret")?);
    let app = AppCaller::of(shared, &own).and_then(Result::ok).ok_or_else(GraphError::wrong_secret)?;
    let token = match params.text("grant_type").as_deref() {
        Some("client_credentials") => own,
        Some("fb_exchange_token") => {
            let given = required("fb_exchange_token")?;
            let known = Caller::known(shared, &given, &Params::default())?;
            if known.app_id() != app.app().id {
                return Err(GraphError::token().into());
            }
            given
        }
        Some(_) | None => {
            let text = "Param grant_type must be one of {client_credentials, fb_exchange_token}";
            return Err(GraphError::parameter(text).into());
        }
    };
    Ok(Answer::of(json!({"access_token": token, "token_type": "bearer"})))
}
