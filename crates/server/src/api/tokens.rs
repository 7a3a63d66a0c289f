//! `POST /pages/{page}/connections/{app}/tokens`: a new page access token, shown once.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use baton_store::Settings;
use serde_json::json;

use super::change;
use super::input::{Json, OnApp, OnPage};
use super::operation::Operation;
use super::settings::CHANGING;
use crate::door::Needs;
use crate::problem::{self, Problem};
use crate::routing_file::{Mint, TokenMade, TokenTable, add_token};
use crate::serve::Shared;

pub(super) fn operations() -> Vec<Operation> {
    let path = "/pages/{page}/connections/{app}/tokens";
    vec![
        OnApp::named(OnPage::named(Operation::post(path, "createToken", create).needs(Needs::Operating)))
            .says(
                "Settings",
                "A new page access token",
                "Beside those that the connection has. It is told this once: Baton keeps only its hash. All tokens of \
                 a connection go with the connection. By the id of an Instagram account it is the account's, which begins \
                 with IGAA: to its calls `me` is the account.",
            )
            .takes::<TokenTable>(vec![
                ("of a person who may do everything", json!({})),
                ("of one who may only write", json!({"tasks": ["MESSAGING"]})),
            ])
            .answers::<TokenMade>(StatusCode::CREATED, "The token.")
            .refuses([&problem::NOT_FOUND])
            .refuses(CHANGING),
    ]
}

async fn create(
    State(shared): State<Arc<Shared>>,
    at: OnPage,
    OnApp(app): OnApp,
    Json(body): Json,
) -> Result<(StatusCode, axum::Json<TokenMade>), Problem> {
    let (page, surface) = (at.page, at.surface);
    let plan = move |settings: &Settings, mint: &mut Mint| {
        let made = add_token((page, surface, app), &body, settings, mint).ok_or_else(|| {
            Problem::new(&problem::NOT_FOUND).detail(format!("app {app} is not connected to page {page}"))
        })?;
        Ok(made?)
    };
    let answer = change::change(&shared, shared.mint(), plan).await?.what;
    Ok((StatusCode::CREATED, axum::Json(answer)))
}
