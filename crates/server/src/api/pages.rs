//! `GET/POST /pages`, `GET/PATCH/DELETE /pages/{id}`, and what a page has: its connections, link routes and
//! ads. Tables of `routing.toml`.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use axum::response::Response;
use serde_json::Value;

use super::input::{Json, Named, OnApp, OnPage};
use super::{ad_counts, apps, change};
use crate::problem::Problem;
use crate::routing_file::{Edit, Item, table_of};
use crate::serve::Shared;

type Server = State<Arc<Shared>>;

pub(super) async fn list(State(shared): Server, uri: Uri) -> Result<axum::Json<Value>, Problem> {
    let settings = shared.engine.settings();
    let items = settings.pages.iter().map(|page| (page.id.to_string(), Item::Page(page.id)));
    let mut part =
        apps::part("pages", items.collect(), &uri, |item| table_of(&settings, item).map(Value::Object))?;
    for table in part.0["data"].as_array_mut().into_iter().flatten().filter_map(Value::as_object_mut) {
        let id = table.get("id").and_then(Value::as_str).and_then(|id| id.parse().ok());
        if let Some(id) = id {
            ad_counts::told(&shared.engine, &Item::Page(id), table).await?;
        }
    }
    Ok(part)
}

pub(super) async fn create(State(shared): Server, Json(body): Json) -> Result<Response, Problem> {
    change::create(&shared, "pages", body).await
}

pub(super) async fn show(State(shared): Server, at: OnPage) -> Result<Response, Problem> {
    change::show(&shared, &Item::Page(at.page)).await
}

pub(super) async fn patch(
    State(shared): Server,
    at: OnPage,
    headers: HeaderMap,
    Json(body): Json,
) -> Result<Response, Problem> {
    change::edit(&shared, &headers, Item::Page(at.page), Edit::Patch(body)).await
}

pub(super) async fn remove(
    State(shared): Server,
    at: OnPage,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    change::edit(&shared, &headers, Item::Page(at.page), Edit::Remove).await
}

const fn connection(at: &OnPage, app: &OnApp) -> Item {
    Item::Connection { page: at.page, app: app.0 }
}

pub(super) async fn show_connection(
    State(shared): Server,
    at: OnPage,
    app: OnApp,
) -> Result<Response, Problem> {
    change::show(&shared, &connection(&at, &app)).await
}

pub(super) async fn put_connection(
    State(shared): Server,
    at: OnPage,
    app: OnApp,
    headers: HeaderMap,
    Json(body): Json,
) -> Result<Response, Problem> {
    change::edit(&shared, &headers, connection(&at, &app), Edit::Put(body)).await
}

pub(super) async fn remove_connection(
    State(shared): Server,
    at: OnPage,
    app: OnApp,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    change::edit(&shared, &headers, connection(&at, &app), Edit::Remove).await
}

fn link(at: &OnPage, name: Named) -> Item {
    Item::Link { page: at.page, on: at.surface, reference: name.0 }
}

pub(super) async fn show_link(State(shared): Server, at: OnPage, name: Named) -> Result<Response, Problem> {
    change::show(&shared, &link(&at, name)).await
}

pub(super) async fn put_link(
    State(shared): Server,
    at: OnPage,
    name: Named,
    headers: HeaderMap,
    Json(body): Json,
) -> Result<Response, Problem> {
    change::edit(&shared, &headers, link(&at, name), Edit::Put(body)).await
}

pub(super) async fn remove_link(
    State(shared): Server,
    at: OnPage,
    name: Named,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    change::edit(&shared, &headers, link(&at, name), Edit::Remove).await
}

fn ad(at: &OnPage, name: Named) -> Item {
    Item::Ad { page: at.page, on: at.surface, id: name.0 }
}

pub(super) async fn show_ad(State(shared): Server, at: OnPage, name: Named) -> Result<Response, Problem> {
    change::show(&shared, &ad(&at, name)).await
}

pub(super) async fn put_ad(
    State(shared): Server,
    at: OnPage,
    name: Named,
    headers: HeaderMap,
    Json(body): Json,
) -> Result<Response, Problem> {
    change::edit(&shared, &headers, ad(&at, name), Edit::Put(body)).await
}

pub(super) async fn remove_ad(
    State(shared): Server,
    at: OnPage,
    name: Named,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    change::edit(&shared, &headers, ad(&at, name), Edit::Remove).await
}
