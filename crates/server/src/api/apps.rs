//! `GET/POST /apps` and `GET/PATCH/DELETE /apps/{id}`: apps, as tables of `routing.toml`.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use axum::response::Response;
use serde_json::Value;

use super::input::{Json, OnApp};
use super::query::Query;
use super::{change, cursor};
use crate::problem::Problem;
use crate::routing_file::{Edit, Item, table_of};
use crate::serve::Shared;

pub(super) async fn list(State(shared): State<Arc<Shared>>, uri: Uri) -> Result<axum::Json<Value>, Problem> {
    let settings = shared.engine.settings();
    let items = settings.apps.iter().map(|app| (app.id.to_string(), Item::App(app.id)));
    part("apps", items.collect(), &uri, |item| table_of(&settings, item).map(Value::Object))
}

/// A part of a list of settings, newest first.
pub(super) fn part(
    name: &'static str,
    mut items: Vec<(String, Item)>,
    uri: &Uri,
    show: impl Fn(&Item) -> Option<Value>,
) -> Result<axum::Json<Value>, Problem> {
    let mut query = Query::of(uri, &["limit", "after"]);
    let limit = query.limit();
    let after = query.after(name, |parts| parts.get(1).cloned());
    query.done()?;
    items.reverse();
    if let Some(after) = after {
        // What was removed since then ends the list.
        let last = items.iter().position(|(id, _)| *id == after).map_or(items.len(), |index| index + 1);
        items.drain(..last);
    }
    let more = items.len() > limit;
    items.truncate(limit);
    let next = items.last().filter(|_| more).map(|(id, _)| cursor::written(&[name, id]));
    Ok(axum::Json(cursor::list(items.iter().filter_map(|(_, item)| show(item)).collect(), next)))
}

pub(super) async fn create(State(shared): State<Arc<Shared>>, Json(body): Json) -> Result<Response, Problem> {
    change::create(&shared, "apps", body).await
}

pub(super) async fn show(State(shared): State<Arc<Shared>>, OnApp(app): OnApp) -> Result<Response, Problem> {
    change::show(&shared, &Item::App(app)).await
}

pub(super) async fn patch(
    State(shared): State<Arc<Shared>>,
    OnApp(app): OnApp,
    headers: HeaderMap,
    Json(body): Json,
) -> Result<Response, Problem> {
    change::edit(&shared, &headers, Item::App(app), Edit::Patch(body)).await
}

pub(super) async fn remove(
    State(shared): State<Arc<Shared>>,
    OnApp(app): OnApp,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    change::edit(&shared, &headers, Item::App(app), Edit::Remove).await
}
