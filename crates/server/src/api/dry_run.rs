//! `POST /pages/{page}/threads/{person}/dry-run`: what would be decided of an event, an act in the inbox or an
//! app's call: as things are, or as they would be under other settings or at a later time. Nothing is done and nothing
//! is remembered.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use baton_engine::{Request, Requested, Supposed};
use baton_rules::{AppId, ThreadKey};
use baton_store::Settings;
use baton_wire::GraphError;
use baton_wire::inbound::PersonEvent;
use baton_wire::params::Params;
use baton_wire::requests::{self, Call};
use serde_json::{Map, Value, json};

use super::answer::Decided;
use super::fields::Fields;
use super::input::{Json, OnThread, app_id, moment};
use super::operation::Operation;
use super::schemas::{Schemas, closed};
use super::threads::{self, DECIDING};
use super::{events, inbox, people, time};
use crate::door::{Needs, Recording};
use crate::graph;
use crate::problem::{self, Problem};
use crate::routing_file::{FileTable, RoutingInput, apply};
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

pub(super) fn operations() -> Vec<Operation> {
    let path = "/pages/{page}/threads/{person}/dry-run";
    let write = json!({"event": {"type": "message", "message": {"text": "hello"}}});
    let pass = json!({"app_id": "111", "call": "pass", "parameters": {"target_app_id": "222"}});
    vec![
        OnThread::named(Operation::post(path, "dryRun", post))
            .says(
                "Threads",
                "What would be decided",
                "Of a person's event, of an act in the Inbox, or of an app's call in the Graph API: as things are, or \
                 with `at` at a later time if nothing else happens until then, and with `routing` under the settings \
                 that `PUT /routing` would make of that. Nothing is done, nobody is told, nothing is remembered. The \
                 parameters of a call are those that it has in the Graph API, without the recipient, whom the path \
                 names.",
            )
            .takes_shape(
                shape,
                vec![
                    ("an event", write),
                    ("an act in the Inbox", json!({"inbox": {"action": "done"}})),
                    ("a call", pass),
                    (
                        "an event under other settings",
                        json!({
                            "event": {"type": "message", "message": {"text": "hello"}},
                            "routing": {"pages": [{"id": "2001", "name": "Shop", "messenger": {"default_app": "inbox"}}]},
                        }),
                    ),
                ],
            )
            .answers::<Decided>(StatusCode::OK, "What would be decided.")
            .needs(Needs::SignedIn)
            .records(Recording::Nothing)
            .refuses([&problem::NOTHING_KNOWN, &problem::UNKNOWN_PERSON, &problem::REFUSED, &problem::CONTROL_MOVED])
            .refuses(DECIDING),
    ]
}

/// What [`post`] reads.
fn shape(schemas: &mut Schemas) -> Value {
    let (event, inbox) = (events::event(schemas), inbox::shape(schemas));
    let calls: Vec<&str> = CALLS.iter().map(|(name, _)| *name).collect();
    let file = schemas.request::<FileTable>();
    let supposing = |mut properties: Value| {
        properties["at"] = moment();
        properties["routing"] = file.clone();
        properties
    };
    let call = supposing(json!({
        "app_id": app_id(),
        "call": {"type": "string", "enum": calls},
        "parameters": {"type": ["object", "null"], "additionalProperties": true},
    }));
    let (event, inbox) = (supposing(json!({"event": event})), supposing(json!({"inbox": inbox})));
    schemas.written("DryRun", |_| {
        json!({
            "description": "What is asked about; `at` and `routing` say under which circumstances.",
            "oneOf": [
                closed("event", &event, &["event"]),
                closed("inbox", &inbox, &["inbox"]),
                closed("call", &call, &["app_id", "call"]),
            ],
        })
    })
}

async fn post(
    State(shared): State<Arc<Shared>>,
    OnThread(thread): OnThread,
    Json(body): Json,
) -> Result<Decided, Problem> {
    let mut fields = Fields::of(&body)?;
    let now = shared.engine.newest_settings().await?;
    let supposed = supposed(&shared, &now, &mut fields)?;
    let given = (fields.get("event"), fields.get("inbox"), fields.get("app_id"));
    let what = match given {
        (Some(event), None, None) => {
            fields.done(&["event", "at", "routing"], Some(()))?;
            let event = PersonEvent::parse(event).and_then(|event| event.on(thread.surface));
            let event = event.map_err(Problem::bad_body);
            let event = event.and_then(|event| people::id_fits(&shared, &event).map(|()| event));
            let event = event.map_err(|wrong| wrong.within("/event"))?;
            Requested::Person(event)
        }
        (None, Some(act), None) => {
            fields.done(&["inbox", "at", "routing"], Some(()))?;
            let act = inbox::read(&shared, &thread, act).await.map_err(|wrong| wrong.within("/inbox"))?;
            threads::existing(&shared, &thread).await?;
            Requested::Inbox(act)
        }
        (None, None, Some(_)) => {
            call(&shared, &thread, fields, supposed.settings.as_deref().unwrap_or(&now))?
        }
        _ => {
            return Err(Problem::new(&problem::BAD_BODY)
                .error("", "exactly one of `event`, `inbox` and `app_id` (with `call` and `parameters`)"));
        }
    };
    let event_id = match &what {
        Requested::Person(event) => event.event_id.clone(),
        Requested::App { .. } | Requested::Inbox(_) => None,
    };
    let request = Request { thread, what, key: None };
    let receipt = shared.engine.dry_run_supposing(request, supposed).await?;
    let mut decided = Decided::of("", &receipt);
    // There is no such event, and no such message.
    (decided.event_id, decided.message_id) = (event_id, None);
    Ok(decided)
}

/// Under which circumstances. Of the environment nothing is looked at: a secret that stands there decides nothing.
fn supposed(shared: &Shared, now: &Settings, fields: &mut Fields<'_>) -> Result<Supposed, Problem> {
    let at = match fields.text("at", 64).map(time::moment) {
        Some(Ok(at)) if at < shared.engine.now() => {
            fields.wrong("at", "is over: what happened is in the history");
            None
        }
        Some(Ok(at)) => Some(at),
        Some(Err(wrong)) => {
            fields.wrong("at", wrong);
            None
        }
        None => None,
    };
    let Some(file) = fields.get("routing") else { return Ok(Supposed { settings: None, at }) };
    let within = |problem: Problem| problem.within("/routing");
    let input = RoutingInput::without_environment(file).map_err(Problem::from).map_err(within)?;
    let plan = apply(&input, now, false, &mut shared.mint()).map_err(Problem::from).map_err(within)?;
    Ok(Supposed { settings: Some(Arc::new(plan.settings)), at })
}

fn call(
    shared: &Shared,
    thread: &ThreadKey,
    mut fields: Fields<'_>,
    settings: &Settings,
) -> Result<Requested, Problem> {
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
        let routing = settings.routing(thread.page, thread.surface);
        if routing.and_then(|routing| routing.app(app)).is_none() {
            fields.wrong("app_id", "this app is not connected to the page");
        }
    }
    let all = ["app_id", "call", "parameters", "at", "routing"];
    let (app, (_, read)) = fields.done(&all, app.zip(read))?;
    let call = called(shared, thread, *read, parameters)
        .map_err(|wrong| Problem::new(&problem::BAD_BODY).error("/parameters", wrong.message))?;
    if call.person != thread.person {
        let detail = "the path names another person: leave this out";
        return Err(Problem::new(&problem::BAD_BODY).error("/parameters/recipient", detail));
    }
    Ok(Requested::App { by: app, call })
}

/// A call of an app, by its name here; none where there is no such call, or its parameters are not as they must be.
pub(super) fn asked(
    shared: &Shared,
    thread: &ThreadKey,
    app: AppId,
    name: &str,
    parameters: Map<String, Value>,
) -> Option<Requested> {
    let (_, read) = CALLS.iter().find(|(known, _)| *known == name)?;
    let call = called(shared, thread, *read, parameters).ok()?;
    Some(Requested::App { by: app, call })
}

/// The call, read. The path says whom it is about.
pub(super) fn called(
    shared: &Shared,
    thread: &ThreadKey,
    read: Read,
    mut parameters: Map<String, Value>,
) -> Result<Call, GraphError> {
    parameters.entry("recipient").or_insert_with(|| json!({"id": thread.person.as_str()}));
    read(&Params::from_object(parameters, graph::limits(shared)))
}
