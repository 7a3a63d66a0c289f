//! `GET /{page}/thread_owner`: who has control, as far as the caller may know (OWN rules).

use baton_rules::{Edge, Timestamp};
use baton_wire::params::Params;
use baton_wire::requests;
use serde_json::{Map, Value, json};

use super::{Answer, Wrong};
use crate::caller::Caller;

pub(super) async fn get(caller: &Caller, params: &Params) -> Result<Answer, Wrong> {
    let person = requests::thread_owner(params);
    let seen = caller.owner(Edge::Owner, person).await?;
    let element = seen.element.map(|element| {
        let app = element.app.map(baton_rules::AppId::number);
        self::element(caller, app, element.expiration.map(Timestamp::seconds))
    });
    let data: Vec<Value> = element.into_iter().collect();
    Ok(Answer { body: json!({"data": data}), rule: Some(seen.rule.0.into()) })
}

/// `{"thread_owner": {…}}`; what is not known is left out. App ids are texts, unless the caller's app wants
/// numbers (OWN-8, C-10).
pub(super) fn element(caller: &Caller, app: Option<u64>, expiration: Option<i64>) -> Value {
    let mut owner = Map::new();
    if let Some(app) = app {
        let id = if caller.wants_numbers() { json!(app) } else { json!(app.to_string()) };
        owner.insert("app_id".to_owned(), id);
    }
    if let Some(expiration) = expiration {
        owner.insert("expiration".to_owned(), json!(expiration));
    }
    json!({"thread_owner": owner})
}
