//! `GET /pages/{page}/people/{person}/menu`: the persistent menu that a person sees: their own where an app made them
//! one, else the page's. Whoever plays a person needs it to tap on.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use baton_store::AssetKey;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::input::OnThread;
use super::operation::Operation;
use crate::door::Needs;
use crate::problem::{self, Problem};
use crate::serve::Shared;

/// A person's menu.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "PersonMenu")]
struct Menu {
    /// As the platform's profile has it, one for each locale; null: there is none.
    menu: Option<Value>,
}

pub(super) fn operations() -> Vec<Operation> {
    let path = "/pages/{page}/people/{person}/menu";
    vec![
        OnThread::named(Operation::get(path, "getMenu", get).needs(Needs::SignedIn))
            .says("People", "The persistent menu that a person sees", "Their own, or the page's.")
            .answers::<Menu>(StatusCode::OK, "The menu.")
            .refuses([&problem::UNAVAILABLE, &problem::STOPPING]),
    ]
}

async fn get(
    State(shared): State<Arc<Shared>>,
    OnThread(key): OnThread,
) -> Result<axum::Json<Menu>, Problem> {
    let pages = AssetKey::property(key.page, key.surface, "persistent_menu");
    for known in [AssetKey::menu(&key), pages] {
        if let Some(asset) = shared.engine.asset(&known).await? {
            let mut document: Value = serde_json::from_str(&asset.document).unwrap_or_default();
            let menu = document.get_mut("value").map(Value::take);
            return Ok(axum::Json(Menu { menu }));
        }
    }
    Ok(axum::Json(Menu { menu: None }))
}
