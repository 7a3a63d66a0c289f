//! `GET /pages/{page}/threads/{person}/history`: why somebody had control.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{StatusCode, Uri};
use baton_engine::HistoryEntry;
use baton_rules::{Refusal, Surface, Timestamp};
use baton_store::{ControlPlace, Position};
use baton_wire::GraphError;
use schemars::JsonSchema;
use serde::Serialize;

use super::cursor::{self, List};
use super::input::{OnThread, moment};
use super::operation::Operation;
use super::query::{Query, in_parts};
use super::threads::{self, READING};
use super::values::{App, Codes, Moment};
use crate::door::Needs;
use crate::problem::{self, Problem};
use crate::serve::Shared;

/// A change of control, a refusal, or a lapse.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "HistoryEntry")]
struct Entry {
    at: Moment,
    /// The row of the specification.
    #[schemars(example = &"HOP-PASS-1")]
    rule: String,
    /// The row that this rule refers to.
    via: Option<String>,
    #[schemars(with = "super::values::Why")]
    cause: &'static str,
    /// The app that acted; null: a person, or time.
    by_app_id: Option<App>,
    /// Who was in control before.
    from_app_id: Option<App>,
    /// Who is in control after.
    to_app_id: Option<App>,
    /// When control lapses, as it was then.
    expires_at: Option<Moment>,
    /// What the call said.
    metadata: Option<String>,
    /// The platform's error, where it was refused; null: it was not.
    refused: Option<Codes>,
}

pub(super) fn operations() -> Vec<Operation> {
    let list = OnThread::named(Operation::get("/pages/{page}/threads/{person}/history", "listHistory", list).needs(Needs::SignedIn))
        .says(
            "Threads",
            "Why somebody had control",
            "Every change of control, refusal and lapse, with its rule, newest first. Calls that are malformed are \
             none. A lapse is dated when it \
             happened, also where nobody has looked since.",
        )
        .query("at", "As it was at this moment: what came later is left out.", |_| moment())
        .answers::<List<Entry>>(StatusCode::OK, "The history, or a part of it.")
        .refuses([&problem::UNKNOWN_PERSON])
        .refuses(READING);
    vec![in_parts(list)]
}

async fn list(
    State(shared): State<Arc<Shared>>,
    OnThread(key): OnThread,
    uri: Uri,
) -> Result<axum::Json<List<Entry>>, Problem> {
    let mut query = Query::of(&uri, &["at", "limit", "after"]);
    let at = query.moment("at");
    let limit = query.limit();
    let after = query.after("history", place);
    query.done()?;
    threads::existing(&shared, &key).await?;
    let mut found = shared.engine.history(&key, at, after, limit + 1).await?;
    let more = found.len() > limit;
    found.truncate(limit);
    let next = found.last().filter(|_| more).map(|last| {
        let (at, position, number) = last.place;
        cursor::written(&["history", &at.0.to_string(), &position.0.to_string(), &number.to_string()])
    });
    let data = found.iter().map(|one| Entry::of(one, key.surface)).collect();
    Ok(axum::Json(List::new(data, next)))
}

/// Where the part before ended.
fn place(parts: &[String]) -> Option<ControlPlace> {
    let [_, at, position, number] = parts else { return None };
    Some((Timestamp(at.parse().ok()?), Position(position.parse().ok()?), number.parse().ok()?))
}

impl Entry {
    fn of(entry: &HistoryEntry, surface: Surface) -> Self {
        Self {
            at: Moment(entry.at),
            rule: entry.rule.to_string(),
            via: entry.via.as_deref().map(str::to_owned),
            cause: entry.cause,
            by_app_id: entry.by.map(App::from),
            from_app_id: entry.from.map(App::from),
            to_app_id: entry.to.map(App::from),
            expires_at: entry.expires_at.map(Moment),
            metadata: entry.metadata.as_deref().map(str::to_owned),
            refused: entry.refused.as_deref().map(|id| refused(id, surface)),
        }
    }
}

/// The code that the app saw.
fn refused(id: &str, surface: Surface) -> Codes {
    let found = Refusal::ALL.iter().find(|(_, name)| *name == id).map(|(refusal, _)| *refusal);
    let error = found.map(|refusal| GraphError::of(refusal, surface));
    error.map_or(Codes { code: None, subcode: None }, |error| (&error).into())
}
