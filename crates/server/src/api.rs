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

mod activity;
mod ad_counts;
mod answer;
mod apps;
mod change;
mod clock;
mod conversations;
mod cursor;
mod dry_run;
mod fields;
mod history;
mod inbox;
mod input;
mod messages;
mod pages;
mod people;
mod person;
mod practice;
mod query;
mod routing;
mod rules;
mod threads;
pub(crate) mod time;
mod tokens;

/// Where it is.
pub(crate) const ROOT: &str = "/baton/v1";

/// The table.
pub(crate) fn routes(shared: &Arc<Shared>) -> Router<Arc<Shared>> {
    let mut router = Router::new()
        .route("/pages/{page}/people/{person}/events", post(people::one))
        .route("/pages/{page}/people/{person}", get(person::get).put(person::put))
        .route("/pages/{page}/events", post(people::many))
        .route("/pages/{page}/threads", get(threads::list))
        .route("/pages/{page}/threads/{person}", get(threads::one))
        .route("/pages/{page}/threads/{person}/history", get(history::list))
        .route("/pages/{page}/threads/{person}/messages", get(messages::list))
        .route("/pages/{page}/threads/{person}/inbox", post(inbox::act))
        .route("/pages/{page}/conversations/{person}", get(conversations::one))
        .route("/conversations", get(conversations::list))
        .route("/conversations/counts", get(conversations::counts))
        .route("/rules/{name}", get(rules::one))
        .route("/apps", get(apps::list).post(apps::create))
        .route("/apps/{app}", get(apps::show).patch(apps::patch).delete(apps::remove))
        .route("/pages", get(pages::list).post(pages::create))
        .route("/pages/{page}", get(pages::show).patch(pages::patch).delete(pages::remove))
        .route(
            "/pages/{page}/connections/{app}",
            get(pages::show_connection).put(pages::put_connection).delete(pages::remove_connection),
        )
        .route("/pages/{page}/connections/{app}/tokens", post(tokens::create))
        .route(
            "/pages/{page}/links/{name}",
            get(pages::show_link).put(pages::put_link).delete(pages::remove_link),
        )
        .route("/pages/{page}/ads/{name}", get(pages::show_ad).put(pages::put_ad).delete(pages::remove_ad))
        .route("/pages/{page}/threads/{person}/dry-run", post(dry_run::post))
        .route("/activity", get(activity::get))
        .route("/routing", get(routing::get).put(routing::put))
        .route("/clock", get(clock::get).post(clock::post));
    for path in NOT_BUILT {
        router = router.route(path, any(not_built));
    }
    // SET-3: settings are an operator's to change, as everything here is an operator's.
    let auth = middleware::from_fn_with_state(Arc::clone(shared), operator);
    router.method_not_allowed_fallback(wrong_method).fallback(nothing).layer(auth)
}

/// What the contract describes and this version does not have.
const NOT_BUILT: &[&str] = &["/apps/{app}/deliveries", "/apps/{app}/resend", "/apps/{app}/resume"];

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
