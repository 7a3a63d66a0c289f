//! `GET /pages/{page}/threads/{person}/history`: why somebody had control.

use std::sync::Arc;

use axum::extract::State;
use axum::http::Uri;
use baton_engine::HistoryEntry;
use baton_rules::{AppId, Refusal, Surface, Timestamp};
use baton_wire::GraphError;
use serde_json::{Value, json};

use super::input::OnThread;
use super::query::Query;
use super::{cursor, threads, time};
use crate::problem::Problem;
use crate::serve::Shared;

pub(super) async fn list(
    State(shared): State<Arc<Shared>>,
    OnThread(key): OnThread,
    uri: Uri,
) -> Result<axum::Json<Value>, Problem> {
    let mut query = Query::of(&uri, &["at", "limit", "after"]);
    let at = query.moment("at");
    let limit = query.limit();
    let after = query.after("history", |parts| match parts {
        [_, until, skip] => Some((Timestamp(until.parse().ok()?), skip.parse::<usize>().ok()?)),
        _ => None,
    });
    query.done()?;
    threads::existing(&shared, &key).await?;
    // The whole list is as of its first part, so that what happens meanwhile shifts nothing.
    let (until, skip) = after.unwrap_or_else(|| (at.unwrap_or_else(|| shared.engine.now()), 0));
    let mut found = shared.engine.history(&key, Some(until), skip, limit + 1).await?;
    let more = found.len() > limit;
    found.truncate(limit);
    let skipped = (skip + limit).to_string();
    let next = more.then(|| cursor::written(&["history", &until.0.to_string(), &skipped]));
    let data = found.iter().map(|one| entry(one, key.surface)).collect();
    Ok(axum::Json(cursor::list(data, next)))
}

fn entry(entry: &HistoryEntry, surface: Surface) -> Value {
    let app = |app: Option<AppId>| app.map(|app| app.to_string());
    json!({
        "at": time::shown(entry.at),
        "rule": entry.rule,
        "via": entry.via,
        "cause": entry.cause,
        "by_app_id": app(entry.by),
        "from_app_id": app(entry.from),
        "to_app_id": app(entry.to),
        "expires_at": entry.expires_at.map(time::shown),
        "metadata": entry.metadata,
        "refused": entry.refused.as_deref().map(|id| refused(id, surface)),
    })
}

/// The code that the app saw.
fn refused(id: &str, surface: Surface) -> Value {
    let found = Refusal::ALL.iter().find(|(_, name)| *name == id).map(|(refusal, _)| *refusal);
    match found.map(|refusal| GraphError::of(refusal, surface)) {
        Some(error) => json!({"code": error.code, "subcode": error.subcode}),
        None => json!({"code": null, "subcode": null}),
    }
}
