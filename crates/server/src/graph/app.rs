//! `GET /{app-id}` and `GET /debug_token`, with an app access token or one of the app's page access tokens: what
//! clients ask at start-up (wire.md 1.7).

use std::sync::Arc;

use baton_store::App;
use baton_wire::GraphError;
use baton_wire::params::Params;
use serde_json::json;

use super::{Answer, Wrong};
use crate::caller::{AppCaller, unavailable};
use crate::routing_file::token_hash;
use crate::serve::Shared;

pub(super) fn get(shared: &Shared, app: &App) -> Answer {
    let link = super::link(&shared.public_url, app.id);
    Answer::of(json!({"name": app.name, "link": link, "id": app.id.to_string()}))
}

/// What a token of this app is for: a page access token, or its app access token. Others are not valid here, so that nobody tries tokens on
/// somebody else's account.
pub(super) async fn debug_token(shared: &Arc<Shared>, app: &App, params: &Params) -> Result<Answer, Wrong> {
    let token = params.text("input_token").ok_or_else(|| GraphError::required("input_token"))?;
    let settings = shared.engine.newest_settings().await.map_err(|error| unavailable(&error))?;
    let found = settings.token(&token_hash(&token)).filter(|(_, connection, _)| connection.app == app.id);
    let data = match found {
        Some((page, _, held)) => json!({
            "app_id": app.id.to_string(),
            "type": "PAGE",
            "application": app.name,
            "data_access_expires_at": 0,
            "expires_at": 0,
            "is_valid": true,
            // Baton does not know when: an operator wrote it.
            "issued_at": 0,
            "scopes": held.permissions,
            "profile_id": page.id.to_string(),
            "user_id": page.id.to_string(),
        }),
        None if AppCaller::of(shared, &token)
            .is_some_and(|own| own.is_ok_and(|own| own.app().id == app.id)) =>
        {
            json!({
                "app_id": app.id.to_string(),
                "type": "APP",
                "application": app.name,
                "is_valid": true,
                "scopes": [],
            })
        }
        None => json!({
            "error": {"code": 190, "message": "Invalid OAuth access token - Cannot parse access token"},
            "is_valid": false,
            "scopes": [],
        }),
    };
    Ok(Answer::of(json!({"data": data})))
}
