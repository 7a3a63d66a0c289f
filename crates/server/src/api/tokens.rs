//! `/pages/{page}/connections/{app}/tokens`: a new page access token, shown once; which there are; and the end of one.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use baton_rules::AppId;
use baton_store::Settings;
use serde_json::json;

use super::change;
use super::cursor::List;
use super::input::{Json, Named, OnApp, OnPage};
use super::operation::Operation;
use super::settings::CHANGING;
use crate::door::Needs;
use crate::problem::{self, Problem};
use crate::routing_file::{
    Mint, NotEnded, TokenMade, TokenShown, TokenTable, add_token, end_token, tokens_of,
};
use crate::serve::Shared;

pub(super) fn operations() -> Vec<Operation> {
    let path = "/pages/{page}/connections/{app}/tokens";
    let on = |operation| OnApp::named(OnPage::named(operation));
    vec![
        on(Operation::get(path, "listTokens", list).needs(Needs::Operating))
            .says(
                "Settings",
                "The page access tokens of a connection",
                "All of them, the newest first, without themselves: by the beginning of their hash, which \
                 `printf %s TOKEN | sha256sum` prints of a token that somebody found.",
            )
            .answers::<List<TokenShown>>(StatusCode::OK, "Tokens.")
            .refuses([&problem::NOT_FOUND]),
        on(Operation::post(path, "createToken", create).needs(Needs::Operating))
            .says(
                "Settings",
                "A new page access token",
                "Beside those that the connection has. It is told this once: Baton keeps only its hash. All tokens of \
                 a connection go with the connection, or one by one. By the id of an Instagram account it is the account's, which begins \
                 with IGAA: to its calls `me` is the account.",
            )
            .takes::<TokenTable>(vec![
                ("of a person who may do everything", json!({})),
                ("of one who may only write", json!({"tasks": ["MESSAGING"]})),
            ])
            .answers::<TokenMade>(StatusCode::CREATED, "The token.")
            .refuses([&problem::NOT_FOUND])
            .refuses(CHANGING),
        on(Operation::delete("/pages/{page}/connections/{app}/tokens/{name}", "deleteToken", remove).needs(Needs::Operating))
            .named("name", "The token's id, as the list has it.", |_| json!({"type": "string", "pattern": "^[0-9a-f]{16}$"}))
            .says(
                "Settings",
                "End a page access token",
                "It is refused from now on, with the platform's error of a token that is not valid. A connection's only \
                 token cannot be ended: make another first, or disconnect the app. A token that stands in a \
                 file is there again when the file is applied.",
            )
            .answers_nothing(StatusCode::NO_CONTENT, "It is gone.")
            .refuses([&problem::NOT_FOUND, &problem::ONLY_TOKEN])
            .refuses(CHANGING),
    ]
}

async fn list(
    State(shared): State<Arc<Shared>>,
    at: OnPage,
    OnApp(app): OnApp,
) -> Result<axum::Json<List<TokenShown>>, Problem> {
    let settings = shared.engine.newest_settings().await?;
    let tokens = tokens_of((at.page, app), &settings);
    Ok(axum::Json(List::new(tokens.ok_or_else(|| not_connected(&at, app))?, None)))
}

async fn remove(
    State(shared): State<Arc<Shared>>,
    at: OnPage,
    OnApp(app): OnApp,
    Named(id): Named,
) -> Result<StatusCode, Problem> {
    let plan = move |settings: &Settings, _: &mut Mint| {
        let after = end_token((at.page, app), &id, settings).map_err(|why| match why {
            NotEnded::NotConnected => not_connected(&at, app),
            NotEnded::Unknown => Problem::new(&problem::NOT_FOUND)
                .detail(format!("app {app} has no token {id:?} for page {}", at.page)),
            NotEnded::Only => Problem::new(&problem::ONLY_TOKEN),
        })?;
        Ok((after, ()))
    };
    change::change(&shared, shared.mint(), plan).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn not_connected(at: &OnPage, app: AppId) -> Problem {
    Problem::new(&problem::NOT_FOUND).detail(format!("app {app} is not connected to page {}", at.page))
}

async fn create(
    State(shared): State<Arc<Shared>>,
    at: OnPage,
    OnApp(app): OnApp,
    Json(body): Json,
) -> Result<(StatusCode, axum::Json<TokenMade>), Problem> {
    let plan = move |settings: &Settings, mint: &mut Mint| {
        let made = add_token((at.page, at.surface, app), &body, settings, mint);
        Ok(made.ok_or_else(|| not_connected(&at, app))??)
    };
    let answer = change::change(&shared, shared.mint(), plan).await?.what;
    Ok((StatusCode::CREATED, axum::Json(answer)))
}
