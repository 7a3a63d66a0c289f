//! `GET /{page}`, `GET /me`: what clients ask of a page at start-up (wire.md 1.7), and Messaging Feature
//! Status (FS rules). Unknown fields are left out, as deployed clients need (clients.md 10).

use baton_rules::Surface;
use baton_wire::GraphError;
use baton_wire::fields::Field;
use baton_wire::params::Params;
use serde_json::{Map, Value, json};

use super::{Answer, Wrong};
use crate::caller::Caller;

pub(super) fn get(caller: &Caller, params: &Params) -> Result<Answer, Wrong> {
    if let Some(token) = params.text("account_linking_token") {
        // No login page of anybody's is opened here, so none of these was ever made.
        tracing::debug!(length = token.len(), "an account linking token that nobody made");
        return Err(GraphError::account_linking_token().into());
    }
    let fields = params.fields()?;
    let id = caller.node().to_string();
    Ok(Answer::of(shown(&fields, &["name"], &id, |field| value(caller, &field.name))))
}

/// `GET /me/permissions`: what the token was granted.
pub(super) fn permissions(caller: &Caller) -> Answer {
    let granted = |name: &String| json!({"permission": name, "status": "granted"});
    Answer::of(json!({"data": caller.permissions().iter().map(granted).collect::<Vec<_>>()}))
}

/// The fields that are wanted, else the usual ones. What a node does not have is left out, as deployed clients need
/// (clients.md 10); `id` is always there (wire.md 1.4, FS-4), and last, as the platform has it.
pub(super) fn shown(
    wanted: &[Field],
    usual: &[&str],
    id: &str,
    value: impl Fn(&Field) -> Option<Value>,
) -> Value {
    let usual: Vec<Field> = usual.iter().map(|name| Field::named(name)).collect();
    let wanted = if wanted.is_empty() { &usual } else { wanted };
    let mut body = Map::new();
    for field in wanted.iter().filter(|field| field.name != "id") {
        body.extend(value(field).map(|value| (field.name.clone(), value)));
    }
    body.insert("id".to_owned(), Value::from(id));
    Value::Object(body)
}

fn value(caller: &Caller, field: &str) -> Option<Value> {
    let page = caller.page();
    let account = page.instagram.as_ref();
    let itself = account.filter(|account| account.id == caller.node());
    match field {
        "name" => Some(json!(page.name)),
        "access_token" => Some(json!(caller.token_text())),
        "link" => Some(json!(format!("{}/{}", caller.shared().public_url, caller.node()))),
        "username" => itself.map(|account| json!(account.username)),
        "user_id" => itself.map(|account| json!(account.id.to_string())),
        "instagram_business_account" if itself.is_none() => {
            account.map(|account| json!({"id": account.id.to_string()}))
        }
        "messaging_feature_status" => {
            // FS-1, FS-2, FS-3; for the account's own id the same (FS-5).
            let messenger = caller.has_default(Surface::Messenger);
            let instagram = caller.has_default(Surface::Instagram);
            Some(json!({"hop_v2": !messenger, "msgr_multi_app": messenger, "ig_multi_app": instagram}))
        }
        _ => None,
    }
}
