//! `POST /pages/{page}/connections/{app}/tokens`: a new page access token, shown once.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use baton_store::Settings;

use super::change;
use super::input::{Json, OnApp, OnPage};
use crate::problem::{self, Problem};
use crate::routing_file::{Mint, add_token};
use crate::serve::Shared;

pub(super) async fn create(
    State(shared): State<Arc<Shared>>,
    at: OnPage,
    OnApp(app): OnApp,
    Json(body): Json,
) -> Result<Response, Problem> {
    let page = at.page;
    let plan = move |settings: &Settings, mint: &mut Mint| {
        let made = add_token((page, app), &body, settings, mint).ok_or_else(|| {
            Problem::new(&problem::NOT_FOUND).detail(format!("app {app} is not connected to page {page}"))
        })?;
        Ok(made?)
    };
    let answer = change::change(&shared, shared.mint(), plan).await?.what;
    Ok((StatusCode::CREATED, axum::Json(answer)).into_response())
}
