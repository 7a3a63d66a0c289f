//! `POST /pages/{page}/threads/{person}/dry-run`: what would be decided of an event, an act in the inbox or an
//! app's call, as things are. Nothing is done and nothing is remembered.

use std::sync::Arc;

use axum::extract::State;
use baton_engine::{Request, Requested};
use baton_rules::{AppId, ThreadKey};
use baton_wire::GraphError;
use baton_wire::inbound::PersonEvent;
use baton_wire::params::{Limits, Params};
use baton_wire::requests::{self, Call};
use serde_json::{Map, Value, json};

use super::answer::Decided;
use super::fields::Fields;
use super::input::{Json, OnThread};
use super::{inbox, threads};
use crate::problem::{self, Problem};
use crate::serve::Shared;

type Read = fn(&Params) -> Result<Call, GraphError>;

/// The calls, and what reads their parameters: the same as on the Graph API.
const CALLS: &[(&str, Read)] = &[
    ("send", requests::messages),
    ("pass", requests::pass_thread_control),
    ("take", requests::take_thread_control),
    ("request", requests::request_thread_control),
    ("release", requests::release_thread_control),
    ("extend", requests::extend_thread_control),
    ("metadata", requests::pass_thread_metadata),
];

pub(super) async fn post(
    State(shared): State<Arc<Shared>>,
    OnThread(thread): OnThread,
    Json(body): Json,
) -> Result<Decided, Problem> {
    let fields = Fields::of(&body)?;
    let given = (fields.get("event"), fields.get("inbox"), fields.get("app_id"));
    let what = match given {
        (Some(event), None, None) => {
            fields.done(&["event"], Some(()))?;
            let event = PersonEvent::parse(event).and_then(|event| event.on(thread.surface));
            let event = event.map_err(|wrong| Problem::bad_body(wrong).within("/event"))?;
            Requested::Person(event)
        }
        (None, Some(act), None) => {
            fields.done(&["inbox"], Some(()))?;
            let act = inbox::read(act).map_err(|wrong| wrong.within("/inbox"))?;
            threads::existing(&shared, &thread).await?;
            Requested::Inbox(act)
        }
        (None, None, Some(_)) => call(&shared, &thread, fields)?,
        _ => {
            return Err(Problem::new(&problem::BAD_BODY)
                .error("", "exactly one of `event`, `inbox` and `app_id` (with `call` and `parameters`)"));
        }
    };
    let event_id = match &what {
        Requested::Person(event) => json!(event.event_id),
        Requested::App { .. } | Requested::Inbox(_) => Value::Null,
    };
    let receipt = shared.engine.dry_run(Request { thread, what, key: None }).await?;
    let mut decided = Decided::of("", &receipt);
    // There is no such event, and no such message.
    decided.body["event_id"] = event_id;
    decided.body["message_id"] = Value::Null;
    Ok(decided)
}

fn call(shared: &Shared, thread: &ThreadKey, mut fields: Fields<'_>) -> Result<Requested, Problem> {
    let app = fields.app("app_id");
    let known = || CALLS.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
    let read = match fields.required_text("call", 64) {
        Some(name) => {
            let found = CALLS.iter().find(|(known, _)| *known == name);
            if found.is_none() {
                fields.wrong("call", format!("{name:?} is not one of {}", known()));
            }
            found
        }
        None => None,
    };
    let parameters = match fields.get("parameters") {
        None => Map::new(),
        Some(Value::Object(given)) => given.clone(),
        Some(_) => {
            fields.wrong("parameters", "must be an object: the parameters of the call");
            Map::new()
        }
    };
    if let Some(app) = app {
        let settings = shared.engine.settings();
        let routing = settings.routing(thread.page, thread.surface);
        if routing.and_then(|routing| routing.app(app)).is_none() {
            fields.wrong("app_id", "this app is not connected to the page");
        }
    }
    let all = ["app_id", "call", "parameters"];
    let (app, (name, read)) = fields.done(&all, app.zip(read))?;
    let call = called(shared, thread, *read, parameters)
        .map_err(|wrong| Problem::new(&problem::BAD_BODY).error("/parameters", wrong.message))?;
    if call.person != thread.person {
        let detail = "the path names another person: leave this out";
        return Err(Problem::new(&problem::BAD_BODY).error("/parameters/recipient", detail));
    }
    if *name == "send" && !reaches(shared, app, thread) {
        return Err(Problem::refused_before("API-14", GraphError::not_live()));
    }
    Ok(Requested::App { by: app, call })
}

/// The call, read. The path says whom it is about.
fn called(
    shared: &Shared,
    thread: &ThreadKey,
    read: Read,
    mut parameters: Map<String, Value>,
) -> Result<Call, GraphError> {
    parameters.entry("recipient").or_insert_with(|| json!({"id": thread.person.as_str()}));
    let limits = Limits { depth: shared.limits.depth, fields: shared.limits.form_fields };
    read(&Params::from_object(parameters, limits))
}

/// API-14.
fn reaches(shared: &Shared, app: AppId, thread: &ThreadKey) -> bool {
    shared.engine.settings().app(app).is_none_or(|app| app.reaches(&thread.person))
}
