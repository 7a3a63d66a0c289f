//! `GET /{app-id}` and `GET /debug_token`, with an app access token: what clients ask at start-up (wire.md 1.7).

use baton_wire::GraphError;
use baton_wire::params::Params;
use serde_json::json;

use super::{Answer, Wrong};
use crate::caller::AppCaller;
use crate::routing_file::token_hash;

pub(super) fn get(caller: &AppCaller) -> Answer {
    let app = caller.app();
    let link = super::link(&caller.shared().public_url, app.id);
    Answer { body: json!({"name": app.name, "link": link, "id": app.id.to_string()}), rule: None }
}

/// What a page access token of this app is for. Others are not valid here, so that nobody tries tokens on
/// somebody else's account.
pub(super) fn debug_token(caller: &AppCaller, params: &Params) -> Result<Answer, Wrong> {
    let token = params.text("input_token").ok_or_else(|| GraphError::required("input_token"))?;
    let settings = caller.shared().engine.settings();
    let app = caller.app();
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
    Ok(Answer { body: json!({"data": data}), rule: None })
}
