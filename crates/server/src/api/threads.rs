//! `GET /pages/{page}/threads` and `GET /pages/{page}/threads/{person}`.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{StatusCode, Uri};
use baton_engine::{Filter, ThreadState};
use baton_rules::{Folder, ThreadKey, Timestamp};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;

use super::answer::Control;
use super::cursor::{self, List};
use super::input::{OnPage, OnThread};
use super::operation::Operation;
use super::query::{Query, in_parts, owner};
use super::values::{App, Lies, Moment, Person};
use crate::door::Needs;
use crate::problem::{self, Kind, Problem};
use crate::serve::Shared;

pub(super) const FOLDERS: &[(&str, Folder)] =
    &[("general", Folder::General), ("main", Folder::Main), ("done", Folder::Done)];
pub(super) const STATES: &[(&str, bool)] = &[("idle", false), ("active", true)];

/// What whatever reads the store may be refused for.
pub(super) const READING: [&Kind; 2] = [&problem::UNAVAILABLE, &problem::STOPPING];
/// What whatever decides may be refused for.
pub(super) const DECIDING: [&Kind; 3] = [&problem::UNAVAILABLE, &problem::STOPPING, &problem::BUSY];

/// The conversation of one person with a page.
#[derive(Debug, Serialize, JsonSchema)]
struct Thread {
    person_id: Person,
    #[serde(flatten)]
    stands: Stands,
}

/// How a conversation stands.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Stands {
    #[serde(flatten)]
    control: Control,
    folder: Lies,
    /// When the last message of either side was.
    last_message_at: Moment,
    /// Until when apps may answer what the person said; null: there is no such end.
    window_closes_at: Option<Moment>,
    /// Apps that wait for control, the one that has waited longest first.
    requests: Vec<Waiting>,
}

/// An app that waits for control.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "ControlRequest")]
pub(super) struct Waiting {
    app_id: App,
    /// Since when.
    at: Moment,
    /// What the call said; empty: nothing.
    metadata: String,
}

pub(super) fn operations() -> Vec<Operation> {
    let list =
        OnPage::named(Operation::get("/pages/{page}/threads", "listThreads", list).needs(Needs::SignedIn))
            .says("Threads", "Threads of a page", "The one with the newest message first.")
            .query("owner", "Those that this app, or the `inbox`, is in control of.", owner)
            .query("state", "Those in this state.", |_| json!({"type": "string", "enum": words(STATES)}))
            .query(
                "folder",
                "Those in this folder of the Inbox.",
                |_| json!({"type": "string", "enum": words(FOLDERS)}),
            )
            .answers::<List<Thread>>(StatusCode::OK, "Threads.")
            .refuses(READING);
    let one = OnThread::named(
        Operation::get("/pages/{page}/threads/{person}", "getThread", one).needs(Needs::SignedIn),
    )
    .says("Threads", "A thread", "Who is in control until when, and who waits.")
    .answers::<Thread>(StatusCode::OK, "The thread.")
    .refuses([&problem::UNKNOWN_PERSON])
    .refuses(READING);
    vec![in_parts(list), one]
}

pub(super) fn words<T>(known: &[(&'static str, T)]) -> Vec<&'static str> {
    known.iter().map(|(word, _)| *word).collect()
}

async fn list(
    State(shared): State<Arc<Shared>>,
    OnPage { page, surface }: OnPage,
    uri: Uri,
) -> Result<axum::Json<List<Thread>>, Problem> {
    let mut query = Query::of(&uri, &["owner", "state", "folder", "limit", "after"]);
    let filter = Filter {
        owner: query.owner(),
        active: query.word("state", STATES),
        folder: query.word("folder", FOLDERS),
    };
    let limit = query.limit();
    let after = query.after("threads", |parts| match parts {
        [_, at, person] => {
            let person = person.parse().ok()?;
            Some((Timestamp(at.parse().ok()?), ThreadKey { page, surface, person }))
        }
        _ => None,
    });
    query.done()?;
    let mut found = shared.engine.threads(page, surface, &filter, after, limit + 1).await?;
    let more = found.len() > limit;
    found.truncate(limit);
    let last = found.last().filter(|_| more);
    let next = last.map(|last| {
        cursor::written(&["threads", &last.last_message_at.0.to_string(), last.key.person.as_str()])
    });
    Ok(axum::Json(List::new(found.iter().map(Thread::from).collect(), next)))
}

async fn one(
    State(shared): State<Arc<Shared>>,
    OnThread(key): OnThread,
) -> Result<axum::Json<Thread>, Problem> {
    Ok(axum::Json((&existing(&shared, &key).await?).into()))
}

/// The thread, of a person who has written.
pub(super) async fn existing(shared: &Shared, key: &ThreadKey) -> Result<ThreadState, Problem> {
    let found = shared.engine.thread(key).await?;
    found.ok_or_else(|| {
        Problem::new(&problem::UNKNOWN_PERSON)
            .detail(format!("{} has never written to this page", key.person))
    })
}

impl From<&baton_rules::Waiting> for Waiting {
    fn from(waiting: &baton_rules::Waiting) -> Self {
        Self { app_id: waiting.app.into(), at: Moment(waiting.at), metadata: waiting.metadata.to_string() }
    }
}

impl From<&ThreadState> for Thread {
    fn from(state: &ThreadState) -> Self {
        Self { person_id: Person(state.key.person.clone()), stands: state.into() }
    }
}

impl From<&ThreadState> for Stands {
    fn from(state: &ThreadState) -> Self {
        let requests = state.thread.requests.iter().map(Waiting::from);
        Self {
            control: (&state.seen).into(),
            folder: state.thread.folder.into(),
            last_message_at: Moment(state.last_message_at),
            window_closes_at: state.thread.window_closes.map(Moment),
            requests: requests.collect(),
        }
    }
}
