//! `GET /apps/{id}/deliveries`, `POST /apps/{id}/resend` and `POST /apps/{id}/resume`: described, and not built in
//! this version.

use axum::extract::Request;

use super::ROOT;
use super::input::{APP, app_shape};
use super::operation::Operation;
use crate::problem::{self, Problem};

const TAG: &str = "Deliveries";

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation::get("/apps/{app}/deliveries", "listDeliveries", not_built)
            .says(TAG, "Webhooks of an app, as they were tried", "Not built in this version.")
            .named("app", APP, app_shape)
            .refuses([&problem::NOT_BUILT]),
        Operation::post("/apps/{app}/resend", "resendDeliveries", not_built)
            .says(TAG, "Send webhooks again", "Not built in this version.")
            .named("app", APP, app_shape)
            .refuses([&problem::NOT_BUILT]),
        Operation::post("/apps/{app}/resume", "resumeDeliveries", not_built)
            .says(TAG, "Deliver to an app again", "Not built in this version.")
            .named("app", APP, app_shape)
            .refuses([&problem::NOT_BUILT]),
    ]
}

async fn not_built(request: Request) -> Problem {
    let (method, path) = (request.method(), request.uri().path());
    Problem::new(&problem::NOT_BUILT).detail(format!("{method} {ROOT}{path} is not built yet"))
}
