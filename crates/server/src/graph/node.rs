//! `GET /{page}`, `GET /me`: what clients ask of a page at start-up (wire.md 1.7), and Messaging Feature
//! Status (FS rules). Unknown fields are left out, as deployed clients need (clients.md 10).

use baton_rules::Surface;
use baton_wire::params::Params;
use serde_json::{Map, Value, json};

use super::{Answer, Wrong};
use crate::caller::Caller;

pub(super) fn get(caller: &Caller, params: &Params) -> Result<Answer, Wrong> {
    let wanted = fields(&params.list("fields").unwrap_or_default().join(","));
    let wanted = if wanted.is_empty() { vec!["name".to_owned()] } else { wanted };
    let mut body = Map::new();
    for field in &wanted {
        if let Some(value) = value(caller, field) {
            body.insert(field.clone(), value);
        }
    }
    // `id` is always there (wire.md 1.4, FS-4), and last, as the platform has it.
    body.remove("id");
    body.insert("id".to_owned(), json!(caller.node().to_string()));
    Ok(Answer { body: Value::Object(body), rule: None })
}

fn value(caller: &Caller, field: &str) -> Option<Value> {
    let page = caller.page();
    let account = page.instagram.as_ref();
    let itself = account.filter(|account| account.id == caller.node());
    match field {
        "name" => Some(json!(page.name)),
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

/// The names in `a,b{c,d},e.limit(5)`: what is nested below a field is not read.
pub(super) fn fields(text: &str) -> Vec<String> {
    let (mut names, mut name, mut depth) = (Vec::new(), String::new(), 0_u32);
    for letter in text.chars() {
        match letter {
            '{' | '(' => depth += 1,
            '}' | ')' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => names.push(std::mem::take(&mut name)),
            _ if depth == 0 => name.push(letter),
            _ => {}
        }
    }
    names.push(name);
    let bare = names.iter().map(|name| name.split('.').next().unwrap_or_default().trim().to_owned());
    bare.filter(|name| !name.is_empty()).collect()
}
