//! `POST /pages/{page}/people/{person}/events` and `POST /pages/{page}/events`: people do something. This is
//! how every channel brings events in.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use baton_engine::{CallersKey, Request, Requested};
use baton_rules::{PersonId, Surface, ThreadKey};
use baton_wire::inbound::{FieldError, PersonEvent};
use futures_util::{StreamExt, stream};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::answer::Decided;
use super::input::{Json, OnPage, OnThread};
use crate::problem::{self, Problem};
use crate::serve::Shared;

/// Events in one request.
const MOST: usize = 1000;
/// People whose events are decided at once.
const PEOPLE_AT_ONCE: usize = 128;

pub(super) async fn one(
    State(shared): State<Arc<Shared>>,
    OnThread(thread): OnThread,
    Json(body): Json,
) -> Result<Decided, Problem> {
    let event = PersonEvent::parse(&body).and_then(|event| event.on(thread.surface));
    let event = event.map_err(Problem::bad_body)?;
    submit(&shared, thread, event, &body).await
}

pub(super) async fn many(
    State(shared): State<Arc<Shared>>,
    page: OnPage,
    Json(body): Json,
) -> Result<Response, Problem> {
    let Value::Array(items) = body else {
        let (person, event) = of_person(&body, page.surface).map_err(Problem::bad_body)?;
        return Ok(submit(&shared, thread(&page, person), event, &body).await?.into_response());
    };
    if items.len() > MOST {
        return Err(Problem::new(&problem::TOO_MANY_EVENTS)
            .detail(format!("{} events are more than {MOST}", items.len())));
    }
    let mut answers = vec![Value::Null; items.len()];
    let mut people: Vec<(PersonId, Vec<(usize, PersonEvent)>)> = Vec::new();
    for (index, item) in items.iter().enumerate() {
        match of_person(item, page.surface) {
            Ok((person, event)) => match people.iter_mut().find(|(known, _)| *known == person) {
                Some((_, events)) => events.push((index, event)),
                None => people.push((person, vec![(index, event)])),
            },
            Err(wrong) => answers[index] = Problem::bad_body(wrong).document(&format!("/{index}")),
        }
    }
    // One person's events one after another, as they happened; different people's at once.
    let each = people.into_iter().map(|(person, events)| in_turn(&shared, &page, person, events, &items));
    let mut answered = stream::iter(each).buffer_unordered(PEOPLE_AT_ONCE);
    while let Some(part) = answered.next().await {
        for (index, answer) in part {
            answers[index] = answer;
        }
    }
    Ok(axum::Json(answers).into_response())
}

/// An event that names its person.
fn of_person(value: &Value, surface: Surface) -> Result<(PersonId, PersonEvent), Vec<FieldError>> {
    let (person, event) = PersonEvent::parse_with_person(value)?;
    Ok((person, event.on(surface)?))
}

async fn in_turn(
    shared: &Shared,
    page: &OnPage,
    person: PersonId,
    events: Vec<(usize, PersonEvent)>,
    items: &[Value],
) -> Vec<(usize, Value)> {
    let mut answers = Vec::with_capacity(events.len());
    for (index, event) in events {
        let answer = match submit(shared, thread(page, person.clone()), event, &items[index]).await {
            Ok(decided) => decided.body,
            Err(problem) => problem.document(&format!("/{index}")),
        };
        answers.push((index, answer));
    }
    answers
}

fn thread(page: &OnPage, person: PersonId) -> ThreadKey {
    ThreadKey { page: page.page, surface: page.surface, person }
}

async fn submit(
    shared: &Shared,
    thread: ThreadKey,
    event: PersonEvent,
    body: &Value,
) -> Result<Decided, Problem> {
    let key = event.event_id.clone().map(|key| CallersKey { key, fingerprint: fingerprint(body) });
    let event_id = event.event_id.clone().unwrap_or_else(|| shared.ids.uuid());
    let request = Request { thread, what: Requested::Person(event), key };
    let receipt = shared.engine.submit(request).await?;
    Ok(Decided::of(&event_id, &receipt))
}

/// The same for the same event, however its fields are ordered and by whichever of the two paths it comes.
fn fingerprint(body: &Value) -> [u8; 32] {
    let mut body = body.clone();
    if let Value::Object(fields) = &mut body {
        fields.shift_remove("person");
    }
    body.sort_all_objects();
    Sha256::digest(body.to_string().as_bytes()).into()
}
