//! `GET /apps/{id}/deliveries`, `POST /apps/{id}/resend`, `POST /apps/{id}/resume` and `GET /apps/{id}/health`: what
//! an app was told, what became of it, and telling it again.

use std::sync::Arc;

use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use axum::http::{StatusCode, Uri};
use baton_engine::{AppResumed, Bookmark, Fate, NotResent, Which};
use baton_rules::{ThreadKey, Timestamp};
use baton_store::{Place, Position, Settings};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use super::cursor::{self, List};
use super::fields::Fields;
use super::input::{self, Json, OnApp, moment};
use super::operation::Operation;
use super::query::{Query, in_parts};
use super::schemas::{Schemas, closed};
use super::threads::READING;
use super::time;
use super::values::{App, Heard, Moment, Of, PAGE_ID, PERSON_ID, message_id};
use crate::door::Needs;
use crate::problem::{self, Problem};
use crate::serve::Shared;

const TAG: &str = "Deliveries";
/// Events that a body may name.
const MOST_IDS: usize = 1_000;
/// Characters of an address.
const MOST_ADDRESS: usize = 2_000;
/// The list's name in its cursors.
const LIST: &str = "deliveries";

/// How an event stands with an app.
#[derive(Clone, Copy, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "DeliveryState")]
enum Stands {
    /// It waits, or is under way.
    Pending,
    /// It arrived.
    Delivered,
    /// It waits in a conversation that keeps failing while others succeed.
    Parked,
    /// It was given up for how it was answered; it can be sent again.
    Dead,
    /// It was given up because it was too old.
    Expired,
}

const STATES: &[(&str, Fate)] = &[
    ("pending", Fate::Pending),
    ("delivered", Fate::Delivered),
    ("parked", Fate::Parked),
    ("dead", Fate::Dead),
    ("expired", Fate::Expired),
];

/// A webhook event of an app, and what became of it.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Delivery")]
pub(super) struct Delivery {
    #[schemars(example = &"3-41")]
    id: String,
    #[serde(flatten)]
    of: Of,
    /// When it was committed.
    at: Moment,
    /// The platform's name of the event.
    #[schemars(example = &"messages")]
    event: String,
    channel: Heard,
    /// The id of the message, or of the tap; null where there is none.
    message_id: Option<String>,
    /// The row of the specification that decided who hears it.
    rule: String,
    state: Stands,
    /// When it is tried next; null: as soon as may be, or not at all.
    next_attempt_at: Option<Moment>,
    /// The tries that are kept, oldest first: the first 20 that failed, every twentieth after them, and the one that
    /// arrived. Kept as long as the event is.
    attempts: Vec<Attempt>,
    /// Why it was given up; null: it was not.
    given_up: Option<GivenUp>,
}

/// A try to deliver an event.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "DeliveryAttempt")]
struct Attempt {
    /// When it was answered, or ended without an answer.
    at: Moment,
    /// The HTTP status; null: there was no answer.
    status: Option<u16>,
    duration_ms: u32,
    /// What went wrong; null: it arrived.
    error: Option<String>,
    /// How the body of the answer begins.
    body_start: String,
    /// Where it was sent, if not to the app's own address.
    to: Option<String>,
}

/// Why an event was given up.
#[derive(Debug, Serialize, JsonSchema)]
struct GivenUp {
    at: Moment,
    /// How the last try ended.
    reason: String,
    /// How many tries it got.
    attempts: u32,
}

/// An event of an app, with the request that carries it.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "WholeDelivery")]
struct Whole {
    #[serde(flatten)]
    delivery: Delivery,
    request: Request,
}

/// The request that carries an event to the app on its own: the same whenever it is sent, but for
/// `webhook-timestamp` and `webhook-signature`, which are of the last try.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "WebhookRequest")]
struct Request {
    /// The app's address now; null: it has none.
    url: Option<String>,
    headers: Vec<Header>,
    /// The bytes that are signed.
    body: String,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "WebhookHeader")]
struct Header {
    name: &'static str,
    value: String,
}

/// What is sent again.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Resent")]
struct Resent {
    /// How many events.
    count: u64,
    /// Some that were asked for may be deleted: what was before this moment is not kept.
    kept_since: Option<Moment>,
}

/// What came of delivering to an app again.
#[derive(Debug, Serialize, JsonSchema)]
struct Resumed {
    /// How many events waited.
    count: u64,
    /// Why the app's address did not verify itself, where it did not: nothing is sent to it until it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    not_verified: Option<String>,
}

/// How the delivery to an app does.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "AppHealth")]
struct Health {
    app_id: App,
    state: Does,
    /// Whether its address has verified itself.
    verified: bool,
    /// Webhooks under way.
    in_flight: u64,
    /// Events that wait, those of parked conversations excepted.
    pending: u64,
    /// Whether more wait than that: counting ends somewhere.
    pending_is_more: bool,
    /// When the oldest of them was committed.
    oldest_pending_at: Option<Moment>,
    /// How long ago that was.
    lag_seconds: u64,
    /// Conversations that are parked.
    parked: u64,
    /// Events that were given up for how they were answered.
    dead: u64,
    /// Events that were given up because they were too old.
    expired: u64,
    /// Events that are to be sent again, to the app or elsewhere.
    resending: u64,
    /// When the next try is due; null: nothing waits for a moment.
    next_attempt_at: Option<Moment>,
    /// When a webhook last arrived.
    last_delivered_at: Option<Moment>,
    /// Since when there have been nothing but failures.
    failing_since: Option<Moment>,
    last_error: Option<LastError>,
    disabled: Option<Disabled>,
    /// Milliseconds within which half of the last 256 answers came; null: there were none since the start.
    p50_ms: Option<u32>,
    /// The same for 95 of a hundred.
    p95_ms: Option<u32>,
}

/// How the delivery to an app does, in a word.
#[derive(Clone, Copy, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "AppHealthState")]
enum Does {
    /// Nothing is wrong.
    Ok,
    /// The last try failed.
    Failing,
    /// Delivery was stopped, and waits for somebody to resume it.
    Disabled,
    /// The address has not verified itself: nothing is sent to it.
    Unverified,
    /// The app has no address.
    NoAddress,
}

/// The last failure.
#[derive(Debug, Serialize, JsonSchema)]
struct LastError {
    at: Moment,
    /// The HTTP status; null: there was no answer.
    status: Option<u16>,
    error: String,
}

/// Why delivery was stopped.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "DeliveryDisabled")]
struct Disabled {
    since: Moment,
    reason: String,
}

pub(super) fn operations() -> Vec<Operation> {
    let list = OnApp::named(Operation::get("/apps/{app}/deliveries", "listDeliveries", list).needs(Needs::Looking))
        .says(
            TAG,
            "What an app was told",
            "Every webhook event of the app, newest first, with what became of it; those with `state=dead` or \
             `expired` in the order in which they were given up. An event is in the list from the moment at which it \
             was committed. With a state that is rare a part may be short, or empty, and have a `next` all the same.",
        )
        .query("state", "Only these.", |_| {
            let words: Vec<&str> = STATES.iter().map(|(word, _)| *word).collect();
            json!({"type": "string", "enum": words})
        })
        .answers::<List<Delivery>>(StatusCode::OK, "The events, or a part of them.")
        .refuses(READING);
    let one = OnApp::named(
        Operation::get("/apps/{app}/deliveries/{delivery}", "getDelivery", one).needs(Needs::Looking),
    )
    .says(TAG, "One event of an app, with the request that carries it", "")
    .named("delivery", "The event's `id`.", |_| json!({"type": "string", "pattern": "^[0-9]+-[0-9]+$"}))
    .answers::<Whole>(StatusCode::OK, "The event.")
    .refuses([&problem::UNKNOWN_DELIVERY])
    .refuses(READING);
    let resend = OnApp::named(Operation::post("/apps/{app}/resend", "resendDeliveries", resend).needs(Needs::Operating))
        .says(
            TAG,
            "Send events again",
            "Those with these ids, of a person (of the page's Instagram account, where `page_id` is the account's), or \
             of all since a moment; to the app, or to another address, which must be one that webhooks may go to. The \
             bytes and `webhook-id` are those that each has on its own; a receiver may see what it has seen. It is \
             answered when it is on disk: a restart changes nothing. Of one conversation they go out in order, beside \
             what is new. What still waits for the app is tried at once, and counted. At most 100,000 events of an app \
             can be waiting to be sent again.",
        )
        .takes_shape(
            shape,
            vec![
                ("some", json!({"ids": ["3-41", "3-42"]})),
                ("of a person", json!({"page_id": "2001", "person_id": "ada"})),
                ("since a moment, elsewhere", json!({"since": "2026-01-01T09:00:00Z", "to": "http://127.0.0.1:5001/"})),
            ],
        )
        .answers::<Resent>(StatusCode::OK, "How many are sent.")
        .refuses([&problem::NO_ADDRESS, &problem::TOO_MANY_RESENDS])
        .refuses(READING);
    let resume = OnApp::named(Operation::post("/apps/{app}/resume", "resumeDeliveries", resume).needs(Needs::Operating))
        .says(
            TAG,
            "Deliver to an app again",
            "At once, whatever stopped it, and whatever its events wait for. An address that has not verified itself \
             is asked to do so.",
        )
        .answers::<Resumed>(StatusCode::OK, "How many events waited, and whether they still do.")
        .refuses(READING);
    let health =
        OnApp::named(Operation::get("/apps/{app}/health", "getAppHealth", health).needs(Needs::Looking))
            .says(
                TAG,
                "How the delivery to an app does",
                "Whether anything is wrong, what waits, and since when.",
            )
            .answers::<Health>(StatusCode::OK, "How it does.")
            .refuses(READING);
    vec![in_parts(list), one, resend, resume, health]
}

async fn list(
    State(shared): State<Arc<Shared>>,
    OnApp(app): OnApp,
    uri: Uri,
) -> Result<axum::Json<List<Delivery>>, Problem> {
    let mut query = Query::of(&uri, &["state", "limit", "after"]);
    let fate = query.word("state", STATES);
    let limit = query.limit();
    let after = query.after(LIST, bookmark);
    query.done()?;
    let (found, next) = shared.engine.deliveries(app, fate, after, limit).await?;
    let data = found.into_iter().map(Delivery::from).collect();
    Ok(axum::Json(List::new(data, next.map(|next| written(&next)))))
}

/// A bookmark as a cursor.
fn written(bookmark: &Bookmark) -> String {
    match bookmark {
        Bookmark::Before(positions) => {
            let texts: Vec<String> = positions.iter().map(|at| at.0.to_string()).collect();
            cursor::written(&[LIST, "before", &texts.join(".")])
        }
        Bookmark::After(at, place) => {
            cursor::written(&[LIST, "after", &at.0.to_string(), &place.to_string()])
        }
    }
}

/// A cursor as a bookmark.
fn bookmark(parts: &[String]) -> Option<Bookmark> {
    match parts {
        [_, kind, positions] if kind == "before" => {
            let positions: Result<Vec<Position>, _> =
                positions.split('.').map(|text| text.parse().map(Position)).collect();
            positions.ok().map(Bookmark::Before)
        }
        [_, kind, at, place] if kind == "after" => {
            Some(Bookmark::After(Timestamp(at.parse().ok()?), place.parse().ok()?))
        }
        _ => None,
    }
}

/// An event, from `{delivery}`; whether the app has it is another question.
struct OnDelivery(Option<Place>, String);

impl FromRequestParts<Arc<Shared>> for OnDelivery {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, shared: &Arc<Shared>) -> Result<Self, Problem> {
        let text = input::parameter(parts, shared, "delivery").await?;
        Ok(Self(text.parse().ok(), text))
    }
}

async fn one(
    State(shared): State<Arc<Shared>>,
    OnApp(app): OnApp,
    OnDelivery(place, text): OnDelivery,
) -> Result<axum::Json<Whole>, Problem> {
    let unknown = || {
        Problem::new(&problem::UNKNOWN_DELIVERY)
            .detail(format!("the app {app} has no event with the id {text:?}"))
    };
    let found = shared.engine.delivery(app, place.ok_or_else(unknown)?).await?.ok_or_else(unknown)?;
    let webhook = shared.engine.webhook(app, &found).ok_or_else(unknown)?;
    let headers = webhook.headers.into_iter().map(|(name, value)| Header { name, value }).collect();
    let request = Request {
        url: (!webhook.url.is_empty()).then_some(webhook.url),
        headers,
        body: String::from_utf8_lossy(&webhook.body).into_owned(),
    };
    Ok(axum::Json(Whole { delivery: found.into(), request }))
}

/// What [`read`] reads.
fn shape(schemas: &mut Schemas) -> Value {
    let one = |title: &str, mut properties: Value, required: &[&str]| {
        properties["to"] = json!({
            "type": ["string", "null"],
            "format": "uri",
            "maxLength": MOST_ADDRESS,
            "description": "Another address than the app's own.",
        });
        closed(title, &properties, required)
    };
    let id = json!({"type": "string", "pattern": "^[0-9]+-[0-9]+$"});
    let ids = json!({"type": "array", "items": id, "minItems": 1, "maxItems": MOST_IDS});
    let (page, person) =
        (json!({"type": "string", "pattern": PAGE_ID}), json!({"type": "string", "pattern": PERSON_ID}));
    schemas.written("Resend", |_| {
        json!({
            "description": "Which events are sent again: one of these.",
            "oneOf": [
                one("ids", json!({"ids": ids}), &["ids"]),
                one("person", json!({"page_id": page, "person_id": person}), &["page_id", "person_id"]),
                one("since", json!({"since": moment()}), &["since"]),
            ],
        })
    })
}

async fn resend(
    State(shared): State<Arc<Shared>>,
    OnApp(app): OnApp,
    Json(body): Json,
) -> Result<axum::Json<Resent>, Problem> {
    let settings = shared.engine.newest_settings().await?;
    let (which, to) = read(&settings, &body)?;
    match shared.engine.resend(app, &which, to.as_deref()).await {
        Ok(found) => Ok(axum::Json(Resent { count: found.count, kept_since: found.kept_since.map(Moment) })),
        Err(not) => Err(refused(not, &which)),
    }
}

fn refused(not: NotResent, which: &Which) -> Problem {
    let text = not.to_string();
    match not {
        NotResent::Unknown(places) => {
            let named: &[Place] = if let Which::These(named) = which { named } else { &[] };
            places.iter().fold(Problem::new(&problem::BAD_BODY), |problem, place| {
                let at = named.iter().position(|named| named == place).unwrap_or_default();
                problem.error(&format!("/ids/{at}"), format!("the app has no event {place}"))
            })
        }
        NotResent::Address(_) => Problem::new(&problem::BAD_BODY).error("/to", text),
        NotResent::NoAddress => Problem::new(&problem::NO_ADDRESS),
        NotResent::TooMany | NotResent::TooManyAddresses => {
            Problem::new(&problem::TOO_MANY_RESENDS).detail(text)
        }
        NotResent::Store(error) => error.into(),
    }
}

fn read(settings: &Settings, body: &Value) -> Result<(Which, Option<String>), Problem> {
    const KNOWN: &[&str] = &["ids", "page_id", "person_id", "since", "to"];
    let mut fields = Fields::of(body)?;
    let to = fields.text("to", MOST_ADDRESS).map(str::to_owned);
    let has = |fields: &Fields<'_>, name: &str| fields.get(name).is_some();
    let of_person = has(&fields, "page_id") || has(&fields, "person_id");
    let ways = [has(&fields, "ids"), of_person, has(&fields, "since")];
    if ways.iter().filter(|given| **given).count() != 1 {
        fields.wrong("", "must have `ids`, or `page_id` and `person_id`, or `since`, and one of them only");
        return fields.done(KNOWN, None);
    }
    let which = if ways[0] {
        ids(&mut fields).map(Which::These)
    } else if of_person {
        thread(settings, &mut fields).map(Which::Of)
    } else {
        let given = fields.required_text("since", 64);
        match given.map(time::moment) {
            Some(Ok(since)) => Some(Which::Since(since)),
            Some(Err(wrong)) => {
                fields.wrong("since", wrong);
                None
            }
            None => None,
        }
    };
    fields.done(KNOWN, which.map(|which| (which, to)))
}

fn ids(fields: &mut Fields<'_>) -> Option<Vec<Place>> {
    let Some(Value::Array(given)) = fields.get("ids") else {
        fields.wrong("ids", "must be an array of ids");
        return None;
    };
    if given.is_empty() || given.len() > MOST_IDS {
        fields.wrong("ids", format!("must have 1 to {MOST_IDS} ids"));
        return None;
    }
    let mut places = Vec::with_capacity(given.len());
    for (at, id) in given.iter().enumerate() {
        match id.as_str().map(str::parse::<Place>) {
            Some(Ok(place)) => places.push(place),
            Some(Err(_)) | None => fields.wrong(&format!("ids/{at}"), "is not the id of a delivery"),
        }
    }
    Some(places)
}

fn thread(settings: &Settings, fields: &mut Fields<'_>) -> Option<ThreadKey> {
    let (page, person) = (fields.required_text("page_id", 64), fields.required_text("person_id", 64));
    let (page, person) = (page?, person?);
    let found = page.parse().ok().and_then(|id| settings.surface(id));
    if found.is_none() {
        fields.wrong("page_id", "no page and no Instagram account has this id");
    }
    match person.parse() {
        Ok(person) => found.map(|(page, surface)| ThreadKey { page: page.id, surface, person }),
        Err(wrong) => {
            fields.wrong("person_id", format!("{wrong}"));
            None
        }
    }
}

async fn resume(
    State(shared): State<Arc<Shared>>,
    OnApp(app): OnApp,
) -> Result<axum::Json<Resumed>, Problem> {
    let AppResumed { waited, not_verified } = shared.engine.resume(app).await?;
    Ok(axum::Json(Resumed { count: waited, not_verified }))
}

async fn health(State(shared): State<Arc<Shared>>, OnApp(app): OnApp) -> Result<axum::Json<Health>, Problem> {
    let settings = shared.engine.settings();
    let known = settings.app(app).ok_or_else(|| super::change::unknown_app(&app.to_string()))?;
    let found = shared.engine.app_health(app).await?;
    let now = shared.engine.now();
    let at = |at: i64| Moment(Timestamp(at));
    let state = match &found.kept {
        _ if known.webhook_url.is_none() => Does::NoAddress,
        kept if kept.disabled.is_some() => Does::Disabled,
        _ if !known.verified => Does::Unverified,
        kept if kept.failing_since.is_some() => Does::Failing,
        _ => Does::Ok,
    };
    let behind = found.oldest_pending.map_or(0, |oldest| (now.0 - oldest.0).max(0) / 1000);
    let kept = found.kept;
    Ok(axum::Json(Health {
        app_id: app.into(),
        state,
        verified: known.webhook_url.is_some() && known.verified,
        in_flight: found.in_flight,
        pending: found.pending,
        pending_is_more: found.more_pending,
        oldest_pending_at: found.oldest_pending.map(Moment),
        lag_seconds: behind.unsigned_abs(),
        parked: found.parked,
        dead: found.dead,
        expired: found.expired,
        resending: found.resending,
        next_attempt_at: found.next_attempt_at.map(Moment),
        last_delivered_at: kept.delivered_at.map(at),
        failing_since: kept.failing_since.map(at),
        last_error: kept.last_failure.map(|last| LastError {
            at: at(last.at),
            status: last.status,
            error: last.error.into(),
        }),
        disabled: kept
            .disabled
            .map(|disabled| Disabled { since: at(disabled.at), reason: disabled.reason.into() }),
        p50_ms: found.answers_ms.map(|(half, _)| half),
        p95_ms: found.answers_ms.map(|(_, most)| most),
    }))
}

impl From<baton_engine::Delivery> for Delivery {
    fn from(delivery: baton_engine::Delivery) -> Self {
        let row = &delivery.row;
        Self {
            id: delivery.place.to_string(),
            of: (&delivery.chain).into(),
            at: Moment(row.at),
            event: row.event.as_deref().unwrap_or_default().to_owned(),
            channel: delivery.channel.into(),
            message_id: message_id(&row.whole),
            rule: row.rule.to_string(),
            state: match delivery.fate {
                Fate::Pending => Stands::Pending,
                Fate::Delivered => Stands::Delivered,
                Fate::Parked => Stands::Parked,
                Fate::Dead => Stands::Dead,
                Fate::Expired => Stands::Expired,
            },
            next_attempt_at: delivery.next_attempt_at.map(Moment),
            attempts: delivery.attempts.into_iter().map(Attempt::from).collect(),
            given_up: delivery.given_up.map(|dead| GivenUp {
                at: Moment(dead.at),
                reason: dead.reason.into(),
                attempts: dead.attempts,
            }),
        }
    }
}

impl From<baton_store::Attempt> for Attempt {
    fn from(attempt: baton_store::Attempt) -> Self {
        Self {
            at: Moment(attempt.at),
            status: attempt.status,
            duration_ms: attempt.duration_ms,
            error: attempt.error.map(Into::into),
            body_start: attempt.body_start.into(),
            to: attempt.to.map(Into::into),
        }
    }
}
