//! Baton's own API, `/baton/v1`: the table of its routes. Every one of them takes the operator token.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::header;
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::{any, get, post};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::problem::{self, Problem};
use crate::serve::Shared;

mod answer;
mod clock;
mod cursor;
mod fields;
mod history;
mod inbox;
mod input;
mod messages;
mod people;
mod query;
mod routing;
mod threads;
pub(crate) mod time;

/// Where it is.
pub(crate) const ROOT: &str = "/baton/v1";

/// The table.
pub(crate) fn routes(shared: &Arc<Shared>) -> Router<Arc<Shared>> {
    let mut router = Router::new()
        .route("/pages/{page}/people/{person}/events", post(people::one))
        .route("/pages/{page}/events", post(people::many))
        .route("/pages/{page}/threads", get(threads::list))
        .route("/pages/{page}/threads/{person}", get(threads::one))
        .route("/pages/{page}/threads/{person}/history", get(history::list))
        .route("/pages/{page}/threads/{person}/messages", get(messages::list))
        .route("/pages/{page}/threads/{person}/inbox", post(inbox::act))
        .route("/routing", get(routing::get).put(routing::put))
        .route("/clock", get(clock::get).post(clock::post));
    for path in NOT_BUILT {
        router = router.route(path, any(not_built));
    }
    let auth = middleware::from_fn_with_state(Arc::clone(shared), operator);
    router.method_not_allowed_fallback(wrong_method).fallback(nothing).layer(auth)
}

/// What the contract describes and this version does not have.
const NOT_BUILT: &[&str] = &[
    "/pages/{page}/people/{person}",
    "/pages/{page}/threads/{person}/dry-run",
    "/apps",
    "/apps/{id}",
    "/pages",
    "/pages/{page}",
    "/pages/{page}/connections/{app}",
    "/pages/{page}/connections/{app}/tokens",
    "/pages/{page}/links/{ref}",
    "/pages/{page}/ads/{id}",
    "/apps/{id}/deliveries",
    "/apps/{id}/resend",
    "/apps/{id}/resume",
    "/activity",
];

async fn not_built(request: Request) -> Problem {
    let (method, path) = (request.method(), request.uri().path());
    Problem::new(&problem::NOT_BUILT).detail(format!("{method} {ROOT}{path} is not built yet"))
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
