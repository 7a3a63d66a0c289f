//! Lists in pages (wire.md 1.5): so many at once, cursors, and the address of the next page as clients follow it.

use baton_wire::GraphError;
use baton_wire::params::Params;
use serde_json::{Value, json};

use crate::caller::Caller;

/// Items of an answer when nobody says how many, and at most.
const USUAL: usize = 25;
const MOST: usize = 100;
/// Parameters that the address of the next page does not repeat.
const NOT_REPEATED: &[&str] =
    &["access_token", "appsecret_proof", "appsecret_time", "limit", "after", "before", "method", "batch"];

/// Which page is wanted.
pub(super) struct Wanted {
    pub(super) limit: usize,
    pub(super) after: Option<String>,
}

impl Wanted {
    pub(super) fn of(params: &Params) -> Result<Self, GraphError> {
        if params.get("before").is_some() {
            return Err(GraphError::not_built("Paging backwards (before)"));
        }
        let after = params.text("after").filter(|text| !text.is_empty());
        Ok(Self { limit: limit(params.get("limit").map(|_| params.integer("limit")))?, after })
    }
}

/// A number of items, as somebody said it.
pub(super) fn limit(said: Option<Option<i64>>) -> Result<usize, GraphError> {
    match said {
        None => Ok(USUAL),
        Some(Some(limit)) if limit > 0 => Ok(usize::try_from(limit).unwrap_or(MOST).min(MOST)),
        Some(_) => Err(GraphError::parameter("Param limit must be a positive number")),
    }
}

/// A list. `ends` are the cursors of its first and last item; `next` is asked for where there is more.
pub(super) fn list(data: &[Value], ends: Option<(String, String)>, next: Option<String>) -> Value {
    let mut body = json!({"data": data});
    // An empty page has no `paging`: some clients ask on and on where there is one (clients.md 15).
    if let Some((before, after)) = ends {
        body["paging"] = json!({"cursors": {"before": before, "after": after}});
        if let Some(next) = next {
            body["paging"]["next"] = json!(next);
        }
    }
    body
}

/// The address of the page after a cursor: with the token in it, as the platform has it.
pub(super) fn next(
    caller: &Caller,
    params: &Params,
    node: &str,
    edge: &str,
    limit: usize,
    after: &str,
) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.append_pair("access_token", caller.token_text());
    for (name, value) in params.as_object() {
        if !NOT_REPEATED.contains(&name.as_str()) && !value.is_null() {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            query.append_pair(name, &text);
        }
    }
    query.append_pair("limit", &limit.to_string()).append_pair("after", after);
    format!("{}/{}/{node}/{edge}?{}", caller.shared().public_url, super::VERSION, query.finish())
}
