//! `GET /explain/{id}` and `GET /calls`: why an app was told, or was not, and why a call was answered as it was. Every
//! reason is asked of the rules; nothing is decided here.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{StatusCode, Uri};
use baton_engine::{Request, WebhookId};
use baton_rules::{AppId, Heard as Told, Routing, Thread, ThreadKey, Timestamp, Unheard, standing, unheard};
use baton_store::{Chain, JournalRow, Place};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::cursor::{self, List};
use super::deliveries::Delivery;
use super::dry_run;
use super::input::{Named, app_id};
use super::operation::Operation;
use super::query::{Query, in_parts};
use super::threads::READING;
use super::values::{App, Codes, Heard, Moment, PERSON_ID, Whose, Why};
use crate::calls;
use crate::door::Needs;
use crate::problem::{self, Problem};
use crate::serve::Shared;

/// Entries of a history that are looked at for when control began.
const LOOKED: usize = 200;
/// Calls that an app may make for control, as they are in the Graph API, and for `dry-run`.
const CALLS: [(&str, &str); 3] =
    [("messages", "send"), ("take_thread_control", "take"), ("request_thread_control", "request")];

/// A message or a call, and why it came out as it did.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Explanation")]
struct Explained {
    /// What was asked about.
    id: String,
    /// Whose conversation it is a part of; null: of none that is known.
    thread: Option<Whose>,
    /// The call of the Graph API; null: it was asked about something else.
    call: Option<Call>,
    /// The event; null: the call made none.
    event: Option<Event>,
    /// Who was in control when it was decided.
    then: Option<Control>,
    /// Who is in control now.
    now: Option<Control>,
    /// Every app of the page, and those that were told.
    apps: Vec<OfApp>,
}

/// A call of the Graph API that was answered. Without its token and what it said.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "GraphCall")]
struct Call {
    /// The `fbtrace_id` of the answer.
    #[schemars(example = &"A8fLxVHWkyQ8Tn1nEBtCYqA")]
    trace_id: String,
    at: Moment,
    method: String,
    /// The edge; empty: a node itself.
    #[schemars(example = &"messages")]
    edge: String,
    /// Whose token it was; null: nobody's.
    app_id: Option<App>,
    /// Whose conversation it was about; null: none that can be read.
    thread: Option<Whose>,
    /// The HTTP status.
    status: u16,
    /// The platform's error; null: there was none.
    refused: Option<Codes>,
    /// The row of the specification that decided, where one did.
    rule: Option<String>,
    /// The message that it made.
    message_id: Option<String>,
}

/// An event of a conversation.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "ExplainedEvent")]
struct Event {
    at: Moment,
    /// The platform's name of it; null: there was nothing to be told.
    event: Option<String>,
    cause: Why,
    /// The app that acted; null: a person, or time.
    by_app_id: Option<App>,
    /// The row of the specification that decided.
    rule: String,
    /// The row that this rule refers to.
    via: Option<String>,
    /// The object of the webhook, with the platform's fields.
    content: Map<String, Value>,
}

/// Who is in control, and since when.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "ControlSince")]
struct Control {
    /// Who; null: nobody.
    owner_app_id: Option<App>,
    /// When it lapses.
    expires_at: Option<Moment>,
    /// Who is in control when it lapses; null: nobody, or it does not.
    lapses_to_app_id: Option<App>,
    /// Since when; null: control never changed, or longer ago than was looked.
    since: Option<Moment>,
    /// The row of the specification by which it began.
    rule: Option<String>,
    cause: Option<Why>,
    /// The app by whose call it began; null: a person, or time.
    by_app_id: Option<App>,
}

/// What an app was told, or why it was not.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "ExplainedApp")]
struct OfApp {
    app_id: App,
    /// Where it was told; null: it was not.
    channel: Option<Heard>,
    /// The id of the webhook that tells it.
    webhook_id: Option<String>,
    /// What came of it; null: it was not told, or is not there any more.
    delivery: Option<Delivery>,
    /// Why it was not told, by the settings as they are; null: it was.
    unheard: Option<Reason>,
    /// The field that it would have to be subscribed to.
    field: Option<&'static str>,
    /// The row of the specification that keeps it from it.
    rule: Option<&'static str>,
    /// Which of `messages`, `take_thread_control` and `request_thread_control` would succeed if this app called it
    /// now.
    could: Vec<&'static str>,
}

/// Why an app was not told.
#[derive(Clone, Copy, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "WhyNotTold")]
enum Reason {
    /// It is not connected to the page.
    NotConnected,
    /// It is told to those whom it concerns.
    NotConcerned,
    /// It is not subscribed to the field.
    NotSubscribed,
    /// It does not lead the conversation, and standby does not carry this kind of event.
    NotInStandby,
    /// It does not lead the conversation, and its connection has no access to standby.
    StandbyOff,
    /// It does not lead the conversation, and is not subscribed to the field `standby`.
    NotSubscribedToStandby,
    /// It would be told now: the settings were others then.
    NotAnyMore,
}

pub(super) fn operations() -> Vec<Operation> {
    let explain = Operation::get("/explain/{name}", "explain", get).needs(Needs::Looking)
        .says(
            "Activity",
            "Why it came out so",
            "Of a message, a webhook or a call of the Graph API: what was decided by which rule, who was in control \
             since when, what each app was told or why it was not, what came of it, and which calls would give it control now.",
        )
        .named(
            "name",
            "The id of a message (`m_…`, `aWdf…`), of a webhook (`msg_…`), or the `fbtrace_id` of one of the last \
             1,000 calls since the server started.",
            |_| json!({"type": "string", "minLength": 1}),
        )
        .answers::<Explained>(StatusCode::OK, "What is known.")
        .refuses([&problem::NOTHING_KNOWN])
        .refuses(READING);
    let calls = Operation::get("/calls", "listCalls", list)
        .needs(Needs::Looking)
        .says(
            "Activity",
            "The last calls of the Graph API",
            "The last 1,000 since the server started, in memory: without tokens and without what was said.",
        )
        .query("app", "Those with a token of this app.", |_| app_id())
        .query("person", "Those about this person.", |_| json!({"type": "string", "pattern": PERSON_ID}))
        .answers::<List<Call>>(StatusCode::OK, "Calls.");
    vec![explain, in_parts(calls)]
}

async fn list(State(shared): State<Arc<Shared>>, uri: Uri) -> Result<axum::Json<List<Call>>, Problem> {
    let mut query = Query::of(&uri, &["limit", "after", "app", "person"]);
    let limit = query.limit();
    let app = query.app("app");
    let person = query
        .parsed("person", |text| text.parse::<baton_rules::PersonId>().map_err(|wrong| wrong.to_string()));
    let after = query.after("calls", |parts| match parts {
        [_, trace] => Some(trace.clone()),
        _ => None,
    });
    query.done()?;
    let kept = shared.calls.newest();
    let seen =
        after.map(|trace| kept.iter().position(|call| *call.trace == *trace).map_or(kept.len(), |at| at + 1));
    let fits = |call: &&Arc<calls::Call>| {
        app.is_none_or(|app| call.asked.app == Some(app))
            && person.as_ref().is_none_or(|person| {
                call.asked.thread.as_ref().is_some_and(|thread| thread.person == *person)
            })
    };
    let mut found: Vec<&Arc<calls::Call>> =
        kept.iter().skip(seen.unwrap_or_default()).filter(fits).take(limit + 1).collect();
    let more = found.len() > limit;
    found.truncate(limit);
    let next = found.last().filter(|_| more).map(|last| cursor::written(&["calls", &last.trace]));
    Ok(axum::Json(List::new(found.into_iter().map(|call| Call::from(&**call)).collect(), next)))
}

async fn get(State(shared): State<Arc<Shared>>, Named(id): Named) -> Result<axum::Json<Explained>, Problem> {
    let call = shared.calls.find(&id);
    let named = call.as_ref().map_or(Some(&id), |call| call.message_id.as_ref());
    let row = match named {
        Some(named) => shared.engine.row_of(named).await?,
        None => None,
    };
    if call.is_none() && row.is_none() {
        return Err(
            Problem::new(&problem::NOTHING_KNOWN).detail(format!("nothing is known by the id {id:?}"))
        );
    }
    let key = row.as_ref().and_then(|(_, row)| row.thread().cloned());
    let key = key.or_else(|| call.as_ref()?.asked.thread.clone());
    let at = row.as_ref().map(|(_, row)| row.at).or_else(|| call.as_ref().map(|call| call.at));
    let (then, now) = match (&key, at) {
        (Some(key), Some(at)) => controls(&shared, key, row.as_ref().map(|(_, row)| &**row), at).await?,
        (None, _) | (_, None) => (None, None),
    };
    let own = key.clone().map(Chain::from).or_else(|| row.as_ref().and_then(|(_, row)| row.chain.clone()));
    let apps = match &own {
        Some(own) => {
            apps(&shared, own, row.as_ref().map(|(place, row)| (*place, &**row)), call.as_deref()).await?
        }
        None => Vec::new(),
    };
    Ok(axum::Json(Explained {
        id,
        thread: key.as_ref().map(Whose::from),
        call: call.as_deref().map(Call::from),
        event: row.as_ref().map(|(_, row)| Event::from(&**row)),
        then,
        now,
        apps,
    }))
}

/// Who was in control at a moment, and who is now.
async fn controls(
    shared: &Shared,
    key: &ThreadKey,
    row: Option<&JournalRow>,
    at: Timestamp,
) -> Result<(Option<Control>, Option<Control>), Problem> {
    let settings = shared.engine.settings();
    let Some(routing) = settings.routing(key.page, key.surface) else { return Ok((None, None)) };
    let Some(state) = shared.engine.thread(key).await? else { return Ok((None, None)) };
    let after: Option<Thread> = match row {
        Some(row) => Some(row.after.clone()),
        None => {
            let rows = shared.engine.conversation(key, None, LOOKED).await?;
            rows.into_iter().find(|row| row.at <= at).map(|row| row.after.clone())
        }
    };
    let then = match after {
        Some(after) => Some(control(shared, key, routing, &after, at).await?),
        None => None,
    };
    let now = control(shared, key, routing, &state.kept, shared.engine.now()).await?;
    Ok((then, Some(now)))
}

async fn control(
    shared: &Shared,
    key: &ThreadKey,
    routing: &Routing,
    thread: &Thread,
    at: Timestamp,
) -> Result<Control, Problem> {
    let stands = standing(routing, thread, at);
    let history = shared.engine.history(key, Some(at), None, LOOKED).await?;
    let changes = history.iter().filter(|entry| entry.refused.is_none());
    let own = changes.take_while(|entry| entry.to == stands.owner);
    let began = own.filter(|entry| entry.from != entry.to).last();
    Ok(Control {
        owner_app_id: stands.owner.map(App::from),
        expires_at: stands.expires_at.map(Moment),
        lapses_to_app_id: stands
            .expires_at
            .and_then(|lapse| standing(routing, thread, lapse).owner)
            .map(App::from),
        since: began.map(|entry| Moment(entry.at)),
        rule: began.map(|entry| entry.rule.to_string()),
        cause: began.and_then(|entry| {
            baton_rules::Cause::ALL
                .iter()
                .find(|(_, name)| *name == entry.cause)
                .map(|(cause, _)| Why(*cause))
        }),
        by_app_id: began.and_then(|entry| entry.by).map(App::from),
    })
}

/// What each app was told, or why not.
async fn apps(
    shared: &Shared,
    own: &Chain,
    row: Option<(Place, &JournalRow)>,
    call: Option<&calls::Call>,
) -> Result<Vec<OfApp>, Problem> {
    let settings = shared.engine.settings();
    let Some(routing) = settings.routing(own.page(), own.surface()) else { return Ok(Vec::new()) };
    let connected = routing.apps.iter().map(|app| app.id);
    let told = row.into_iter().flat_map(|(_, row)| row.notices.iter().map(|notice| notice.app));
    // A call that made nothing concerns whoever made it.
    let caller = call.and_then(|call| call.asked.app);
    let mut ids: Vec<AppId> =
        if row.is_some() { connected.chain(told).collect() } else { caller.into_iter().collect() };
    let mut seen = std::collections::HashSet::new();
    ids.retain(|id| seen.insert(*id));
    let mut all = Vec::new();
    for app in ids {
        let notice = row.and_then(|(_, row)| row.notices.iter().find(|notice| notice.app == app));
        let why = row.filter(|(_, row)| notice.is_none() && row.event.is_some()).map(|(_, row)| {
            let owner = standing(routing, &row.after, row.at).owner;
            let event = row.event.as_deref().unwrap_or_default();
            unheard(routing, app, Told { event, by: row.by, owner })
        });
        let field = match why {
            Some(Unheard::NotSubscribed(field)) => Some(field),
            Some(Unheard::NotSubscribedToStandby) => Some("standby"),
            Some(_) | None => None,
        };
        let delivery = match row.filter(|_| notice.is_some()) {
            Some((place, _)) => shared.engine.delivery(app, place).await?.map(Delivery::from),
            None => None,
        };
        all.push(OfApp {
            app_id: app.into(),
            delivery,
            channel: notice.map(|notice| notice.channel.into()),
            webhook_id: notice.and(row).map(|(place, _)| WebhookId::single(app, place).to_string()),
            unheard: why.map(Reason::from),
            field,
            rule: why.and_then(Unheard::rule).map(|rule| rule.0),
            could: match own.thread() {
                Some(key) => could(shared, key, routing, app).await,
                None => Vec::new(),
            },
        });
    }
    Ok(all)
}

/// Which calls would succeed if an app made them now.
async fn could(shared: &Shared, key: &ThreadKey, routing: &Routing, app: AppId) -> Vec<&'static str> {
    let mut could = Vec::new();
    if routing.app(app).is_none() {
        return could;
    }
    for (edge, name) in CALLS {
        let mut parameters = Map::new();
        if name == "send" {
            parameters.insert("message".to_owned(), json!({"text": "…"}));
        }
        let Some(what) = dry_run::asked(shared, key, app, name, parameters) else { continue };
        if shared.engine.dry_run(Request { thread: key.clone(), what, key: None }).await.is_ok() {
            could.push(edge);
        }
    }
    could
}

impl From<Unheard> for Reason {
    fn from(why: Unheard) -> Self {
        match why {
            Unheard::NotConnected => Self::NotConnected,
            Unheard::NotConcerned => Self::NotConcerned,
            Unheard::NotSubscribed(_) => Self::NotSubscribed,
            Unheard::NotInStandby => Self::NotInStandby,
            Unheard::StandbyOff => Self::StandbyOff,
            Unheard::NotSubscribedToStandby => Self::NotSubscribedToStandby,
            Unheard::NotAnyMore => Self::NotAnyMore,
        }
    }
}

impl From<&calls::Call> for Call {
    fn from(call: &calls::Call) -> Self {
        Self {
            trace_id: call.trace.to_string(),
            at: Moment(call.at),
            method: call.asked.method.to_string(),
            edge: call.asked.edge.to_string(),
            app_id: call.asked.app.map(App::from),
            thread: call.asked.thread.as_ref().map(Whose::from),
            status: call.status,
            refused: call.error.map(|(code, subcode)| Codes { code: Some(code), subcode }),
            rule: call.rule.as_deref().map(str::to_owned),
            message_id: call.message_id.clone(),
        }
    }
}

impl From<&JournalRow> for Event {
    fn from(row: &JournalRow) -> Self {
        let item: Value = serde_json::from_slice(&row.whole).unwrap_or_default();
        let mut content = item.as_object().cloned().unwrap_or_default();
        content.retain(|name, _| !["sender", "recipient", "timestamp"].contains(&name.as_str()));
        Self {
            at: Moment(row.at),
            event: row.event.as_deref().map(str::to_owned),
            cause: Why(row.cause),
            by_app_id: row.by.map(App::from),
            rule: row.rule.to_string(),
            via: row.via.as_deref().map(str::to_owned),
            content,
        }
    }
}
