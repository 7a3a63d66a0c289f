//! `GET /apps/{app}/webhooks`: what an app is told, whether or not it has an address or answers: the bytes of each
//! webhook with their signatures, as a list, newest first, or live from the journal as it grows. From an id that was
//! seen (`Last-Event-ID`) nothing is left out, also over a restart of the server.

use std::collections::VecDeque;
use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::sse::Event;
use axum::response::{IntoResponse, Response};
use baton_engine::{Engine, Places, Told, USER_AGENT};
use baton_rules::AppId;
use baton_store::Position;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value, json};
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio_util::sync::CancellationToken;

use super::cursor::{self, List};
use super::input::OnApp;
use super::live;
use super::operation::Operation;
use super::query::{Query, in_parts};
use super::schemas::Schemas;
use super::threads::READING;
use super::values::{App, Heard, Moment, Of, Why, message_id};
use crate::door::Caller;
use crate::door::Needs;
use crate::problem::{self, Problem};
use crate::serve::Shared;

/// A webhook: what it tells, and how it is posted. Without the app's secret.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Webhook")]
struct Shown {
    /// What its header `webhook-id` says: the same over retries.
    #[schemars(example = &"msg_1278416343931139-3-17-1")]
    webhook_id: String,
    /// Its `id` among the app's deliveries.
    #[schemars(example = &"3-17")]
    delivery_id: String,
    /// When it was decided.
    at: Moment,
    #[serde(flatten)]
    of: Of,
    channel: Heard,
    /// The platform's name of the event.
    #[schemars(example = &"messages")]
    event: String,
    /// The message's id; null: it is about none.
    message_id: Option<String>,
    /// The row of the specification that decided.
    rule: String,
    cause: Why,
    /// The app that acted; null: a person, or time.
    by_app_id: Option<App>,
    /// The headers of the POST. Signatures are as of now: the moment is a part of one of them. An app without a secret
    /// has none.
    #[schemars(with = "std::collections::BTreeMap<String, String>")]
    headers: Map<String, Value>,
    /// The body of the POST, byte for byte. It is ASCII.
    body: String,
}

/// What could not be told. Has no id.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "WebhooksMissed")]
struct Missed {
    /// Why, and from where on it is told.
    detail: &'static str,
}

pub(super) fn operations() -> Vec<Operation> {
    let list = OnApp::named(Operation::get("/apps/{app}/webhooks", "listWebhooks", get).needs(Needs::Looking))
        .says(
            "Deliveries",
            "What an app is told",
            "The webhooks of an app, as they were decided: also of one without an address, and of one that is down. \
             With `Accept: text/event-stream` live, as they are committed, as server-sent events without an end (then \
             without `limit` and `after`). Each is an event `webhook` whose data are as in the list. `Last-Event-ID` \
             takes the id of the last one that was seen: then it goes on after it, and leaves nothing out. A comment \
             comes every 15 seconds. What an app answered is another question: that is in its deliveries.",
        )
        .query(
            "since",
            "Those since a moment (`2026-01-01T00:00:00Z`), or not older than a duration (`30s`) by the server's clock. \
             Live: begin with these, the newest 10,000 of them.",
            |_| json!({"type": "string"}),
        )
        .header(
            "Last-Event-ID",
            "With `Accept: text/event-stream`: the id of the last webhook that was seen.",
            |_| json!({"type": "string"}),
        )
        .answers::<List<Shown>>(StatusCode::OK, "Webhooks. There may be fewer than `limit` although more follow.")
        .answers_as(StatusCode::OK, "", "text/event-stream", stream_shape)
        .refuses([&problem::TOO_MANY_LISTENERS])
        .refuses(READING);
    vec![in_parts(list)]
}

fn stream_shape(schemas: &mut Schemas) -> Value {
    let (line, missed) = (schemas.answer::<Shown>(), schemas.answer::<Missed>());
    let data = schemas.written(
        "StreamedWebhook",
        |_| json!({"description": "The data of an event of the stream, as JSON.", "anyOf": [line, missed]}),
    );
    json!({
        "type": "string",
        "description": "Server-sent events: `id`, `event` and `data`, which is a `StreamedWebhook` as JSON on one line.",
        "contentMediaType": "text/event-stream",
        "x-event-data": data,
    })
}

async fn get(
    State(shared): State<Arc<Shared>>,
    OnApp(app): OnApp,
    caller: Caller,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, Problem> {
    if live::is_wanted(&headers) {
        listen(&shared, (app, caller), &headers, &uri).await
    } else {
        list(&shared, app, &uri).await.map(IntoResponse::into_response)
    }
}

async fn list(shared: &Shared, app: AppId, uri: &Uri) -> Result<axum::Json<List<Shown>>, Problem> {
    let mut query = Query::of(uri, &["limit", "after", "since"]);
    let limit = query.limit();
    let since = query.moment_or_ago("since", shared.engine.now());
    let after = query.after("webhooks", |parts| match parts {
        [_, places] => places_of(&shared.engine, places),
        _ => None,
    });
    query.done()?;
    let from = after.unwrap_or_else(|| shared.engine.heads());
    let found = shared.engine.webhooks_before(app, &from, limit).await?;
    let is_in = |webhook: &&Told| since.is_none_or(|since| webhook.row.at >= since);
    let ends = found.webhooks.iter().any(|webhook| !is_in(&webhook));
    let data = found.webhooks.iter().take_while(is_in).map(shown).collect();
    let next = found.next.filter(|_| !ends).map(|places| cursor::written(&["webhooks", &id_of(&places)]));
    Ok(axum::Json(List::new(data, next)))
}

async fn listen(
    shared: &Arc<Shared>,
    (app, caller): (AppId, Caller),
    headers: &HeaderMap,
    uri: &Uri,
) -> Result<Response, Problem> {
    let mut query = Query::of(uri, &["since"]);
    let since = query.moment_or_ago("since", shared.engine.now());
    query.done()?;
    let place = live::place(shared)?;
    // Before anything is read: what is committed meanwhile is news.
    let commits = shared.engine.commits();
    let seen = live::last_seen(headers)
        .map(|seen| std::str::from_utf8(seen).ok().and_then(|seen| places_of(&shared.engine, seen.trim())));
    let is_lost = seen == Some(None);
    let places = match (seen.flatten(), since) {
        (Some(places), _) => places,
        (None, Some(since)) => shared.engine.places_since(app, since).await?,
        (None, None) => shared.engine.heads(),
    };
    let told = places.clone();
    let listener = Listener {
        engine: shared.engine.clone(),
        app,
        is_lost,
        places,
        told,
        waiting: VecDeque::new(),
        commits,
        stopping: shared.stopping.clone(),
        _place: place,
    };
    Ok(live::streamed(shared, caller, listener))
}

/// Places as an id: numbers, one for each stream.
fn id_of(places: &Places) -> String {
    let each: Vec<String> = places.iter().map(|place| place.0.to_string()).collect();
    each.join(".")
}

/// The places that an id names, if they are of this database.
fn places_of(engine: &Engine, id: &str) -> Option<Places> {
    let places: Option<Places> = id.split('.').map(|place| place.parse().ok().map(Position)).collect();
    let heads = engine.heads();
    places.filter(|places| {
        places.len() == heads.len() && places.iter().zip(&heads).all(|(place, head)| place <= head)
    })
}

/// Who listens.
struct Listener {
    engine: Engine,
    app: AppId,
    /// It asked to go on where nothing is known of.
    is_lost: bool,
    /// Up to where the journal was read.
    places: Places,
    /// Up to where it was told.
    told: Places,
    waiting: VecDeque<Told>,
    commits: watch::Receiver<()>,
    stopping: CancellationToken,
    _place: OwnedSemaphorePermit,
}

impl live::Listens for Listener {
    /// The next event; none when the server stops, the app is gone, or the journal cannot be read: whoever asks again
    /// goes on where this ended.
    async fn next(&mut self) -> Option<Event> {
        if std::mem::take(&mut self.is_lost) {
            let detail = "the id is not one of this database: what is told begins now";
            return Some(Event::default().event("missed").data(json!(Missed { detail }).to_string()));
        }
        loop {
            if let Some(webhook) = self.waiting.pop_front() {
                if let Some(told) = self.told.get_mut(usize::from(webhook.place.stream.0)) {
                    *told = webhook.row.position;
                }
                let data = json!(shown(&webhook)).to_string();
                return Some(Event::default().id(id_of(&self.told)).event("webhook").data(data));
            }
            if self.stopping.is_cancelled() || self.engine.settings().app(self.app).is_none() {
                return None;
            }
            self.commits.mark_unchanged();
            self.told.clone_from(&self.places);
            let before = self.places.clone();
            match self.engine.webhooks_after(self.app, &mut self.places).await {
                Ok(webhooks) => self.waiting = webhooks.into(),
                Err(error) => {
                    tracing::warn!(app = %self.app, %error, "who listens to its webhooks is told no more");
                    return None;
                }
            }
            if !self.waiting.is_empty() || self.places != before {
                continue;
            }
            tokio::select! {
                biased;
                () = self.stopping.cancelled() => return None,
                changed = self.commits.changed() => changed.ok()?,
            }
        }
    }
}

/// A webhook, as it is told: in the list and live.
fn shown(told: &Told) -> Shown {
    let (row, webhook) = (&told.row, &told.webhook);
    let own = webhook.headers.iter().map(|(name, value)| (*name, value.as_str()));
    let headers = std::iter::once(("user-agent", USER_AGENT)).chain(own);
    Shown {
        webhook_id: told.id().to_string(),
        delivery_id: told.place.to_string(),
        at: Moment(row.at),
        of: (&told.chain).into(),
        channel: told.notice.channel.into(),
        event: row.event.as_deref().unwrap_or_default().to_owned(),
        message_id: message_id(&row.whole),
        rule: row.rule.to_string(),
        cause: Why(row.cause),
        by_app_id: row.by.map(App::from),
        headers: headers.map(|(name, value)| (name.to_owned(), json!(value))).collect(),
        body: String::from_utf8_lossy(&webhook.body).into_owned(),
    }
}
