//! `GET /pages/{page}/threads` and `GET /pages/{page}/threads/{person}`.

use std::sync::Arc;

use axum::extract::State;
use axum::http::Uri;
use baton_engine::{Filter, ThreadState};
use baton_rules::{Folder, ThreadKey, Timestamp};
use serde_json::{Value, json};

use super::input::{OnPage, OnThread};
use super::query::Query;
use super::{answer, cursor, time};
use crate::problem::{self, Problem};
use crate::serve::Shared;

const FOLDERS: &[(&str, Folder)] =
    &[("general", Folder::General), ("main", Folder::Main), ("done", Folder::Done)];

pub(super) async fn list(
    State(shared): State<Arc<Shared>>,
    OnPage { page, surface }: OnPage,
    uri: Uri,
) -> Result<axum::Json<Value>, Problem> {
    let mut query = Query::of(&uri, &["owner", "state", "folder", "limit", "after"]);
    let filter = Filter {
        owner: query.app("owner"),
        active: query.word("state", &[("idle", false), ("active", true)]),
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
    Ok(axum::Json(cursor::list(found.iter().map(thread).collect(), next)))
}

pub(super) async fn one(
    State(shared): State<Arc<Shared>>,
    OnThread(key): OnThread,
) -> Result<axum::Json<Value>, Problem> {
    Ok(axum::Json(thread(&existing(&shared, &key).await?)))
}

/// The thread, of a person who has written.
pub(super) async fn existing(shared: &Shared, key: &ThreadKey) -> Result<ThreadState, Problem> {
    let found = shared.engine.thread(key).await?;
    found.ok_or_else(|| {
        Problem::new(&problem::UNKNOWN_PERSON)
            .detail(format!("{} has never written to this page", key.person))
    })
}

fn thread(state: &ThreadState) -> Value {
    let (word, owner, expires_at) = answer::thread(&state.seen);
    let requests = state.thread.requests.iter().map(|waiting| {
        json!({
            "app_id": waiting.app.to_string(),
            "at": time::shown(waiting.at),
            "metadata": waiting.metadata,
        })
    });
    json!({
        "person_id": state.key.person.as_str(),
        "state": word,
        "owner_app_id": owner,
        "expires_at": expires_at,
        "folder": state.thread.folder.name(),
        "last_message_at": time::shown(state.last_message_at),
        "window_closes_at": state.thread.window_closes.map(time::shown),
        "requests": requests.collect::<Vec<Value>>(),
    })
}
