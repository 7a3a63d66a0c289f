//! `GET /{app-id}` and `GET /debug_token`, with an app access token or one of the app's page access tokens: what
//! clients ask at start-up (wire.md 1.7).

use baton_store::App;

use baton_wire::GraphError;
use baton_wire::params::Params;
use serde_json::json;

use super::{Answer, Wrong};
use crate::routing_file::token_hash;
use crate::serve::Shared;

pub(super) fn get(shared: &Shared, app: &App) -> Answer {
    let link = super::link(&shared.public_url, app.id);
    Answer::of(json!({"name": app.name, "link": link, "id": app.id.to_string()}))
}

/// What a page access token of this app is for. Others are not valid here, so that nobody tries tokens on
/// somebody else's account.
pub(super) fn debug_token(shared: &Shared, app: &App, params: &Params) -> Result<Answer, Wrong> {
    let token = params.text("input_token").ok_or_else(|| GraphError::required("input_token"))?;
    let settings = shared.engine.settings();
    let found = settings.token(&token_hash(&token)).filter(|(_, connection, _)| connection.app == app.id);
    let data = match found {
        Some((page, _, held)) => json!({
            "app_id": app.id.to_string(),
            "type": "PAGE",
            "application": app.name,
            "data_access_expires_at": 0,
            "expires_at": 0,
            "is_valid": true,
            "scopes": held.permissions,
            "profile_id": page.id.to_string(),
            "user_id": page.id.to_string(),
        }),
        None => json!({
            "error": {"code": 190, "message": "Invalid OAuth access token - Cannot parse access token"},
            "is_valid": false,
            "scopes": [],
        }),
    };
    Ok(Answer::of(json!({"data": data})))
}
