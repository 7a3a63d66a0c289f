//! `POST /pages/{page}/people/{person}/events` and `POST /pages/{page}/events`: people do something. This is
//! how every channel brings events in.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use baton_engine::{CallersKey, Request, Requested};
use baton_rules::{PersonId, Surface, ThreadKey};
use baton_wire::inbound::{FieldError, PersonEvent};
use futures_util::{StreamExt, stream};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::answer::Decided;
use super::events;
use super::input::{Json, OnPage, OnThread};
use super::operation::Operation;
use super::threads::DECIDING;
use crate::door::{Needs, Recording};
use crate::problem::{self, Document, Problem};
use crate::serve::Shared;

/// People whose events are decided at once.
const PEOPLE_AT_ONCE: usize = 128;

/// The thread of the event.
const OF_THREAD: &[(&str, &str)] = &[("page", "$request.path.page"), ("person", "$request.path.person")];

/// What came of one of several events.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(untagged)]
#[schemars(rename = "DecisionOrProblem")]
enum Came {
    Decided(Decided),
    Problem(Document),
}

/// The answer of several events, or of one.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(untagged)]
#[schemars(inline)]
enum Answered {
    /// Of one event.
    One(Decided),
    /// Of an array of events, in the same order.
    Many(Vec<Came>),
}

impl IntoResponse for Answered {
    fn into_response(self) -> Response {
        match self {
            Self::One(decided) => decided.into_response(),
            Self::Many(_) => axum::Json(self).into_response(),
        }
    }
}

pub(super) fn operations() -> Vec<Operation> {
    let hello = json!({"type": "message", "message": {"text": "hello"}, "event_id": "order-7"});
    let mut of_ada = hello.clone();
    of_ada["person"] = json!("ada");
    let by_ad = json!({
        "type": "message",
        "message": {"text": "Is it still on?"},
        "entry": {"type": "ad", "ad_id": "9001"},
    });
    let tap = json!({"type": "postback", "postback": {"payload": "SIZE_M", "title": "Medium"}});
    let several = json!([of_ada, {"person": "ben", "type": "get_started"}]);
    vec![
        OnThread::named(Operation::post("/pages/{page}/people/{person}/events", "addEvent", one).needs(Needs::Operating).records(Recording::People))
            .says(
                "People",
                "A person does something",
                "How every channel brings events in: a message, a tap, a link or ad that was followed. It is \
                 answered when the decision and every webhook that it causes are on disk.\n\nWith an `event_id`, \
                 trying again is safe: the same one, for the same page and person, is taken once (for 72 hours), \
                 and a repeat gets the first answer.",
            )
            .takes_shape(
                events::event,
                vec![("a message", hello), ("a message by an ad", by_ad), ("a tap on a button", tap)],
            )
            .answers::<Decided>(StatusCode::OK, "What was decided.")
            .for_example(super::description::decision_example())
            .leads_to("getPerson", OF_THREAD)
            .leads_to("getThread", OF_THREAD)
            .leads_to("listHistory", OF_THREAD)
            .leads_to("listMessages", OF_THREAD)
            .leads_to("actInInbox", OF_THREAD)
            .refuses([&problem::REFUSED, &problem::EVENT_ID_REUSED])
            .refuses(DECIDING),
        OnPage::named(Operation::post("/pages/{page}/events", "addEvents", many).needs(Needs::Operating).records(Recording::People))
            .says(
                "People",
                "People do something",
                "The same for channels with many people: one event that says whose it is, or an array of up to \
                 1,000. Those of an array are independent of one another: the answer has, in the same order, what \
                 was decided of each, or a problem document, with its `status`.",
            )
            .takes_shape(events::one_or_many, vec![("one", of_ada), ("several", several)])
            .answers::<Answered>(StatusCode::OK, "What was decided, or of an array: what came of each.")
            .refuses([
                &problem::REFUSED,
                &problem::EVENT_ID_REUSED,
                &problem::TOO_MANY_EVENTS,
                &problem::UNKNOWN_PERSON,
            ])
            .refuses(DECIDING),
    ]
}

async fn one(
    State(shared): State<Arc<Shared>>,
    OnThread(thread): OnThread,
    Json(body): Json,
) -> Result<Decided, Problem> {
    let event = PersonEvent::parse(&body).and_then(|event| event.on(thread.surface));
    let event = event.map_err(Problem::bad_body)?;
    submit(&shared, thread, event, &body).await
}

async fn many(
    State(shared): State<Arc<Shared>>,
    page: OnPage,
    Json(body): Json,
) -> Result<Answered, Problem> {
    let Value::Array(items) = body else {
        let (person, event) = of_person(&body, page.surface).map_err(Problem::bad_body)?;
        return submit(&shared, thread(&page, person), event, &body).await.map(Answered::One);
    };
    let most = shared.limits.events;
    if items.len() > most {
        return Err(Problem::new(&problem::TOO_MANY_EVENTS)
            .detail(format!("{} events are more than {most} (limits.events)", items.len())));
    }
    let mut answers: Vec<(usize, Came)> = Vec::with_capacity(items.len());
    let mut people: Vec<(PersonId, Vec<(usize, PersonEvent)>)> = Vec::new();
    for (index, item) in items.iter().enumerate() {
        match of_person(item, page.surface) {
            Ok((person, event)) => match people.iter_mut().find(|(known, _)| *known == person) {
                Some((_, events)) => events.push((index, event)),
                None => people.push((person, vec![(index, event)])),
            },
            Err(wrong) => {
                let document = Problem::bad_body(wrong).document(&format!("/{index}"));
                answers.push((index, Came::Problem(document)));
            }
        }
    }
    // One person's events one after another, as they happened; different people's at once.
    let each = people.into_iter().map(|(person, events)| in_turn(&shared, &page, person, events, &items));
    let mut answered = stream::iter(each).buffer_unordered(PEOPLE_AT_ONCE);
    while let Some(part) = answered.next().await {
        answers.extend(part);
    }
    answers.sort_by_key(|(index, _)| *index);
    let answers = answers.into_iter().map(|(_, answer)| answer).collect();
    Ok(Answered::Many(answers))
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
) -> Vec<(usize, Came)> {
    let mut answers = Vec::with_capacity(events.len());
    for (index, event) in events {
        let answer = match submit(shared, thread(page, person.clone()), event, &items[index]).await {
            Ok(decided) => Came::Decided(decided),
            Err(problem) => Came::Problem(problem.document(&format!("/{index}"))),
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
    id_fits(shared, &event)?;
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

/// Whether an event's id is as short as it must be.
pub(super) fn id_fits(shared: &Shared, event: &PersonEvent) -> Result<(), Problem> {
    let most = shared.limits.event_id;
    match &event.event_id {
        Some(id) if id.chars().count() > most => Err(Problem::new(&problem::BAD_BODY)
            .error("/event_id", format!("is longer than {most} characters (limits.event_id)"))),
        Some(_) | None => Ok(()),
    }
}
