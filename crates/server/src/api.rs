//! Baton's own API, `/baton/v1`: the list of its operations. Every one of them takes the operator token.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::header;
use axum::middleware::{self, Next};
use axum::response::Response;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::problem::{self, Problem};
use crate::serve::Shared;

mod activity;
mod answer;
mod change;
mod clock;
mod conversations;
mod cursor;
mod deliveries;
pub(crate) mod description;
pub(crate) mod docs;
mod dry_run;
mod events;
mod explain;
mod facts;
pub(crate) mod faults;
mod fields;
mod history;
mod inbox;
mod input;
mod live;
mod messages;
pub(crate) mod operation;
mod parts;
mod people;
mod person;
mod practice;
mod probe;
mod query;
mod routing;
mod rules;
pub(crate) mod schemas;
mod settings;
mod threads;
pub(crate) mod time;
mod tokens;
pub(crate) mod values;
mod webhooks;

pub(crate) use activity::happening;
use operation::Operation;

/// Where it is.
pub(crate) const ROOT: &str = "/baton/v1";

/// Everything that it does, in the order in which it is read about.
fn operations() -> Vec<Operation> {
    let all = [
        people::operations(),
        person::operations(),
        threads::operations(),
        history::operations(),
        messages::operations(),
        inbox::operations(),
        conversations::operations(),
        rules::operations(),
        dry_run::operations(),
        settings::operations(),
        tokens::operations(),
        routing::operations(),
        clock::operations(),
        deliveries::operations(),
        webhooks::operations(),
        probe::operations(),
        faults::operations(),
        activity::operations(),
        explain::operations(),
    ];
    all.into_iter().flatten().collect()
}

/// The routes.
pub(crate) fn routes() -> Router<Arc<Shared>> {
    let router = operations().into_iter().fold(Router::new(), |router, operation| operation.routed(router));
    router.method_not_allowed_fallback(wrong_method).fallback(nothing)
}

/// The same, for the operator and nobody else (SET-3: settings, as everything here, are an operator's to change).
pub(crate) fn guarded(routes: Router<Arc<Shared>>, shared: &Arc<Shared>) -> Router<Arc<Shared>> {
    routes.layer(middleware::from_fn_with_state(Arc::clone(shared), operator))
}

async fn nothing(request: Request) -> Problem {
    Problem::new(&problem::NOT_FOUND).detail(format!("there is nothing at {ROOT}{}", request.uri().path()))
}

async fn wrong_method(request: Request) -> Problem {
    problem::wrong_method(request.method(), &format!("{ROOT}{}", request.uri().path()))
}

/// Lets the operator in and nobody else.
async fn operator(
    State(shared): State<Arc<Shared>>,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let given = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token = given.and_then(|text| {
        let (scheme, token) = text.trim().split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
    });
    let Some(token) = token else {
        return Err(Problem::new(&problem::UNAUTHORIZED));
    };
    let hash: [u8; 32] = Sha256::digest(token.as_bytes()).into();
    if bool::from(hash.ct_eq(&shared.operator)) {
        Ok(next.run(request).await)
    } else {
        Err(Problem::new(&problem::UNAUTHORIZED))
    }
}
