//! `POST /pages/{page}/threads/{person}/inbox`: the human desk. Decided with the inbox as caller.

use std::sync::Arc;

use axum::extract::State;
use baton_engine::{DeskAct, Request, Requested};
use baton_rules::Desk;
use serde_json::Value;

use super::answer::Decided;
use super::fields::Fields;
use super::input::{Json, OnThread};
use super::threads;
use crate::problem::Problem;
use crate::serve::Shared;

/// The longest reply, in characters (Messenger).
const TEXT: usize = 2000;
/// The longest metadata, in characters (API-8).
const METADATA: usize = 2000;

pub(super) async fn act(
    State(shared): State<Arc<Shared>>,
    OnThread(thread): OnThread,
    Json(body): Json,
) -> Result<Decided, Problem> {
    let act = read(&body)?;
    threads::existing(&shared, &thread).await?;
    let request = Request { thread, what: Requested::Inbox(act), key: None };
    let receipt = shared.engine.submit(request).await?;
    Ok(Decided::of(&shared.ids.uuid(), &receipt))
}

pub(super) fn read(body: &Value) -> Result<DeskAct, Problem> {
    let mut fields = Fields::of(body)?;
    let plain = |desk| Some(DeskAct { desk, text: None, metadata: None });
    let (known, act): (&[&str], _) = match fields.required_text("action", 64) {
        Some("reply") => {
            let text = fields.required_text("text", TEXT).map(str::to_owned);
            let act = text.map(|text| DeskAct { desk: Desk::Reply, text: Some(text), metadata: None });
            (&["action", "text"], act)
        }
        Some("move_to_main") => (&["action"], plain(Desk::MoveToMain)),
        Some("done") => (&["action"], plain(Desk::Done)),
        Some("pass") => {
            let metadata = fields.text("metadata", METADATA).map(str::to_owned);
            let act =
                fields.app("app_id").map(|to| DeskAct { desk: Desk::Pass { to }, text: None, metadata });
            (&["action", "app_id", "metadata"], act)
        }
        Some("grant") => {
            (&["action", "app_id"], fields.app("app_id").and_then(|to| plain(Desk::Grant { to })))
        }
        Some(other) => {
            fields.wrong("action", format!("{other:?} is not one of reply, move_to_main, done, pass, grant"));
            (&["action", "text", "app_id", "metadata"], None)
        }
        None => (&["action", "text", "app_id", "metadata"], None),
    };
    fields.done(known, act)
}
