//! `GET /activity`: what happens. As a list, newest first, of what is kept in memory; or live, as server-sent
//! events, from a line on that a listener has seen (`Last-Event-ID`). A slow listener misses lines, is told how
//! many, and holds nothing up.

use std::collections::VecDeque;
use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::sse::Event;
use axum::response::{IntoResponse, Response};
use baton_engine::{Activity, ActivityKind, Carried};
use baton_rules::{AppId, Cause, Refused, ThreadKey, Timestamp};
use baton_store::{Chain, JournalRow, Role};
use baton_wire::GraphError;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::broadcast::{Receiver, error::RecvError};
use tokio_util::sync::CancellationToken;

use super::answer::Notice;
use super::cursor::{self, List};
use super::live;
use super::operation::Operation;
use super::query::{Query, in_parts};
use super::schemas::Schemas;
use super::values::{App, Codes, Heard, Moment, Of, Whose, Why};
use crate::door::{Caller, Needs};
use crate::problem::{self, Problem};
use crate::serve::Shared;

/// Something that happened. Nothing of it is secret.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Happening")]
pub(crate) struct Happening {
    /// Which; of one that came live, what `Last-Event-ID` takes.
    #[schemars(example = &"00f1e2d3c4b5a697-17")]
    id: String,
    at: Moment,
    #[serde(flatten)]
    what: What,
}

/// What happened.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(tag = "event", rename_all = "snake_case")]
enum What {
    /// Something was decided, and is on disk.
    Decision(Decision),
    /// Something was refused.
    Refusal(Refusal),
    /// A webhook was tried.
    Delivery(Delivery),
    /// The settings changed, or an address was asked to verify itself.
    Settings(Settings),
    /// A comment came, was changed or was taken back.
    Comment(Comment),
    /// The virtual clock was moved.
    Clock(Clock),
}

/// Something was decided, and is on disk.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "DecisionHappening")]
struct Decision {
    #[serde(flatten)]
    whose: Whose,
    /// The row of the specification.
    rule: Option<String>,
    /// The row that this rule refers to.
    via: Option<String>,
    cause: Option<Why>,
    /// The app that acted; null: a person, or time.
    by_app_id: Option<App>,
    /// Who was in control before.
    from_app_id: Option<App>,
    /// Who is in control after.
    to_app_id: Option<App>,
    /// When control lapses.
    expires_at: Option<Moment>,
    /// A lapse that was found on the way.
    lapse: Option<Lapse>,
    /// Who hears what, in the order in which each app receives it.
    events: Vec<Notice>,
}

/// Control that had lapsed.
#[derive(Debug, Serialize, JsonSchema)]
struct Lapse {
    /// The row of the specification.
    rule: String,
    /// When it did.
    at: Moment,
}

/// Something was refused.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "RefusalHappening")]
struct Refusal {
    #[serde(flatten)]
    whose: Whose,
    /// The row of the specification.
    rule: &'static str,
    /// The row that this rule refers to.
    via: Option<&'static str>,
    cause: Why,
    /// The app that asked; null: a person.
    by_app_id: Option<App>,
    /// Who is in control.
    owner_app_id: Option<App>,
    refused: Codes,
}

/// A webhook was tried.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "DeliveryHappening")]
struct Delivery {
    app_id: App,
    /// The events in it.
    events: Vec<Sent>,
    channel: Heard,
    /// The HTTP status; null: there was no answer.
    status: Option<u16>,
    /// What went wrong.
    error: Option<String>,
    duration_ms: u64,
    /// When it is tried again; null: it is not, or it arrived.
    next_attempt_at: Option<Moment>,
    /// It is not tried any more; null: it arrived, or is tried again.
    given_up: Option<GivenUp>,
}

/// Why an event is not tried any more.
#[derive(Clone, Copy, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "GivenUpFor")]
enum GivenUp {
    /// For how it was answered: it is a dead letter.
    Dead,
    /// It was too old.
    Expired,
}

/// An event in a webhook.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "SentEvent")]
struct Sent {
    #[serde(flatten)]
    of: Of,
    /// The platform's name of it.
    event: String,
}

/// The settings changed, an address was asked to verify itself, or how the delivery to an app stands has changed.
#[derive(Debug, Default, Serialize, JsonSchema)]
#[schemars(rename = "SettingsHappening")]
struct Settings {
    /// Counts changes; null: it was something else.
    version: Option<u64>,
    /// Which settings changed, the first 20 of them; things are named by their ids
    /// (`/pages/2001/messenger/default_app`).
    changed: Vec<String>,
    verification: Option<Verification>,
    delivery: Option<AppDelivery>,
    /// What apps are told of a page itself, because of this change.
    events: Vec<Announced>,
}

/// What an app is told of a page itself.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Announced {
    #[serde(flatten)]
    of: Of,
    #[serde(flatten)]
    notice: Notice,
}

/// How the delivery to an app stands has changed.
#[derive(Debug, Serialize, JsonSchema)]
struct AppDelivery {
    app_id: App,
    state: Standing,
    /// Why, for people.
    reason: String,
}

/// How the delivery to an app stands.
#[derive(Clone, Copy, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "AppDeliveryState")]
enum Standing {
    /// It has failed for long.
    Failing,
    /// It was stopped, until somebody resumes it.
    Disabled,
    /// Somebody let it go on.
    Resumed,
    /// Webhooks arrive again, after an alert.
    Recovered,
    /// Webhooks that it had not taken were deleted for their age.
    Expired,
}

/// An address was asked to verify itself.
#[derive(Debug, Serialize, JsonSchema)]
struct Verification {
    app_id: App,
    verified: bool,
    /// Why not.
    error: Option<String>,
}

/// A comment under a post came, was changed or was taken back.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "CommentHappening")]
struct Comment {
    /// Of which page, by whom: they may have no conversation.
    #[serde(flatten)]
    whose: Whose,
    /// The row of the specification.
    rule: String,
    /// Who hears of it.
    events: Vec<Notice>,
}

/// The virtual clock was moved.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "ClockHappening")]
struct Clock {
    now: Moment,
    /// The time before.
    was: Moment,
}

/// A listener did not get everything. Has no id.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Missed")]
struct Missed {
    event: MissedWord,
    /// How many lines; null: nobody knows.
    missed: Option<u64>,
    /// Why, and where it can be read.
    detail: &'static str,
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
enum MissedWord {
    Missed,
}

pub(super) fn operations() -> Vec<Operation> {
    let activity = Operation::get("/activity", "watchActivity", get).needs(Needs::SignedIn)
        .says(
            "Activity",
            "What happens",
            "The newest lines, of the last 1,000 that are kept in memory; or, with `Accept: text/event-stream`, what \
             happens from now on, as server-sent events without an end (then without query parameters). The name of \
             each (`event:`) is `decision`, `refusal`, `delivery`, `settings`, `comment` or `clock`, and its data are the line \
             as in the list. `Last-Event-ID` takes the id of the last line that was seen: then it goes on after it. \
             What can no longer be told is told as an event `missed`, which has no id. A comment comes every 15 \
             seconds, so that a dead connection is noticed.",
        )
        .header("Last-Event-ID", "With `Accept: text/event-stream`: the id of the last line that was seen.", |_| {
            json!({"type": "string"})
        })
        .answers::<List<Happening>>(StatusCode::OK, "What happened, or happens.")
        .answers_as(StatusCode::OK, "", "text/event-stream", stream_shape)
        .refuses([&problem::TOO_MANY_LISTENERS]);
    vec![in_parts(activity)]
}

/// Each event of the stream, in the words of the standard: its name, its id, and its data as JSON.
fn stream_shape(schemas: &mut Schemas) -> Value {
    let (line, missed) = (schemas.answer::<Happening>(), schemas.answer::<Missed>());
    let data = schemas.written(
        "StreamedData",
        |_| json!({"description": "The data of an event of the stream, as JSON.", "anyOf": [line, missed]}),
    );
    json!({
        "type": "string",
        "description": "Server-sent events: `id`, `event` and `data`, which is a `StreamedData` as JSON on one line.",
        "contentMediaType": "text/event-stream",
        "x-event-data": data,
    })
}

/// Whether somebody in this role is told: who answers people hears of conversations, not of webhooks.
fn is_told(role: Role, kind: &ActivityKind) -> bool {
    match kind {
        ActivityKind::Delivery { .. } | ActivityKind::Verification { .. } | ActivityKind::Standing { .. } => {
            role != Role::Agent
        }
        ActivityKind::Decision { .. }
        | ActivityKind::Refusal { .. }
        | ActivityKind::Settings { .. }
        | ActivityKind::Comment { .. }
        | ActivityKind::Clock { .. } => true,
    }
}

async fn get(
    State(shared): State<Arc<Shared>>,
    caller: Caller,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, Problem> {
    if live::is_wanted(&headers) {
        Query::of(&uri, &[]).done()?;
        listen(&shared, caller, &headers)
    } else {
        list(&shared, caller.role(), &uri).map(IntoResponse::into_response)
    }
}

fn list(shared: &Shared, role: Role, uri: &Uri) -> Result<axum::Json<List<Happening>>, Problem> {
    let mut query = Query::of(uri, &["limit", "after"]);
    let limit = query.limit();
    let run = format!("{:016x}", shared.engine.run());
    let after = query.after("activity", |parts| match parts {
        [_, of, number] if *of == run => number.parse::<u64>().ok(),
        _ => None,
    });
    query.done()?;
    let (kept, _) = shared.engine.activity_so_far();
    let older =
        |line: &&Arc<Activity>| after.is_none_or(|after| line.number < after) && is_told(role, &line.kind);
    let mut found: Vec<&Arc<Activity>> = kept.iter().rev().filter(older).take(limit + 1).collect();
    let more = found.len() > limit;
    found.truncate(limit);
    let last = found.last().filter(|_| more);
    let next = last.map(|last| cursor::written(&["activity", &run, &last.number.to_string()]));
    let data = found.into_iter().map(|line| happening(shared.engine.run(), line)).collect();
    Ok(axum::Json(List::new(data, next)))
}

fn listen(shared: &Arc<Shared>, caller: Caller, headers: &HeaderMap) -> Result<Response, Problem> {
    let place = live::place(shared)?;
    let (run, role) = (shared.engine.run(), caller.role());
    let (kept, lines) = shared.engine.activity_so_far();
    let (missed, kept) = match live::last_seen(headers) {
        None => (None, VecDeque::new()),
        Some(seen) => resumed(run, seen, kept),
    };
    let stopping = shared.stopping.clone();
    let listener = Listener { run, role, missed, kept, lines, stopping, _place: place };
    Ok(live::streamed(shared, caller, listener))
}

/// What a listener missed for good, and what it gets of what is kept.
fn resumed(run: u64, seen: &[u8], kept: Vec<Arc<Activity>>) -> (Option<Event>, VecDeque<Arc<Activity>>) {
    let number = std::str::from_utf8(seen).ok().and_then(|seen| {
        let (of, number) = seen.trim().split_once('-')?;
        (u64::from_str_radix(of, 16).ok()? == run).then(|| number.parse::<u64>().ok())?
    });
    let newest = kept.last().map_or(0, |line| line.number);
    let Some(number) = number.filter(|number| *number <= newest) else {
        let why = "the server was started since then: what happened before is in each thread's history";
        return (Some(missed(None, why)), kept.into());
    };
    let oldest = kept.first().map_or(number, |line| line.number.saturating_sub(1));
    let gone = oldest.checked_sub(number).filter(|gone| *gone > 0);
    let why = "that much is kept no longer: it is in each thread's history";
    let kept = kept.into_iter().filter(|line| line.number > number).collect();
    (gone.map(|gone| missed(Some(gone), why)), kept)
}

/// How many lines a listener missed, where that is known. Has no id, so resuming goes on where it was.
fn missed(missed: Option<u64>, detail: &'static str) -> Event {
    let data = json!(Missed { event: MissedWord::Missed, missed, detail });
    Event::default().event("missed").data(data.to_string())
}

/// What comes to a listener.
enum Next {
    Line(Arc<Activity>),
    /// That some did not.
    Missed(Event),
}

/// Who listens.
struct Listener {
    run: u64,
    role: Role,
    missed: Option<Event>,
    kept: VecDeque<Arc<Activity>>,
    lines: Receiver<Arc<Activity>>,
    stopping: CancellationToken,
    _place: OwnedSemaphorePermit,
}

impl live::Listens for Listener {
    /// The next event; none when the server stops.
    async fn next(&mut self) -> Option<Event> {
        loop {
            match self.line().await? {
                Next::Line(line) if !is_told(self.role, &line.kind) => {}
                Next::Line(line) => return Some(self.event(&line)),
                Next::Missed(event) => return Some(event),
            }
        }
    }
}

impl Listener {
    async fn line(&mut self) -> Option<Next> {
        if self.stopping.is_cancelled() {
            return None;
        }
        if let Some(missed) = self.missed.take() {
            return Some(Next::Missed(missed));
        }
        if let Some(line) = self.kept.pop_front() {
            return Some(Next::Line(line));
        }
        tokio::select! {
            biased;
            () = self.stopping.cancelled() => None,
            line = self.lines.recv() => match line {
                Ok(line) => Some(Next::Line(line)),
                Err(RecvError::Lagged(count)) => {
                    Some(Next::Missed(missed(Some(count), "this listener was too slow for them")))
                }
                Err(RecvError::Closed) => None,
            },
        }
    }

    fn event(&self, line: &Activity) -> Event {
        let happening = happening(self.run, line);
        let (id, event) = (happening.id.clone(), happening.what.name());
        Event::default().id(id).event(event).data(json!(happening).to_string())
    }
}

impl What {
    const fn name(&self) -> &'static str {
        match self {
            Self::Decision(_) => "decision",
            Self::Refusal(_) => "refusal",
            Self::Delivery(_) => "delivery",
            Self::Settings(_) => "settings",
            Self::Comment(_) => "comment",
            Self::Clock(_) => "clock",
        }
    }
}

/// A line, as it is told: in the list, live, and by `baton dev --json`.
pub(crate) fn happening(run: u64, line: &Activity) -> Happening {
    let what = match &line.kind {
        ActivityKind::Decision { thread, from, to, expires_at, rows } => {
            What::Decision(decision(thread, (*from, *to, *expires_at), rows))
        }
        ActivityKind::Refusal { thread, refused, owner } => What::Refusal(refusal(thread, refused, *owner)),
        ActivityKind::Delivery {
            app,
            events,
            channel,
            status,
            error,
            duration_ms,
            body: _,
            again_at,
            given_up,
        } => {
            let sent = |one: &Carried| Sent { of: (&one.chain).into(), event: one.event.to_string() };
            What::Delivery(Delivery {
                app_id: (*app).into(),
                events: events.iter().map(sent).collect(),
                channel: (*channel).into(),
                status: *status,
                error: error.as_deref().map(str::to_owned),
                duration_ms: *duration_ms,
                next_attempt_at: again_at.map(Moment),
                given_up: given_up.map(|given_up| match given_up {
                    baton_engine::GivenUp::Dead => GivenUp::Dead,
                    baton_engine::GivenUp::Expired => GivenUp::Expired,
                }),
            })
        }
        ActivityKind::Verification { app, error } => {
            let error = error.as_deref().map(str::to_owned);
            let verification = Verification { app_id: (*app).into(), verified: error.is_none(), error };
            What::Settings(Settings { verification: Some(verification), ..Settings::default() })
        }
        ActivityKind::Standing { app, standing, reason } => {
            let state = match standing {
                baton_engine::Standing::Alerted => Standing::Failing,
                baton_engine::Standing::Disabled => Standing::Disabled,
                baton_engine::Standing::Resumed => Standing::Resumed,
                baton_engine::Standing::Recovered => Standing::Recovered,
                baton_engine::Standing::Expired => Standing::Expired,
            };
            let delivery = AppDelivery { app_id: (*app).into(), state, reason: reason.to_string() };
            What::Settings(Settings { delivery: Some(delivery), ..Settings::default() })
        }
        ActivityKind::Settings { version, changed, told } => {
            let (events, changed) =
                (announced(told), changed.iter().map(|one| String::from(&**one)).collect());
            What::Settings(Settings { version: Some(*version), changed, events, ..Settings::default() })
        }
        ActivityKind::Comment { by, row } => {
            What::Comment(Comment { whose: by.into(), rule: row.rule.to_string(), events: heard(row) })
        }
        ActivityKind::Clock { was } => What::Clock(Clock { now: Moment(line.at), was: Moment(*was) }),
    };
    // Numbers count anew with every start, so an id names the run too.
    Happening { id: format!("{run:016x}-{}", line.number), at: Moment(line.at), what }
}

/// What apps are told of a page itself, because its settings changed.
pub(super) fn announced(told: &[Arc<JournalRow>]) -> Vec<Announced> {
    let of_row = |row: &Arc<JournalRow>| row.chain.clone().map(|chain| (chain, heard(row)));
    let of_each = |(chain, heard): (Chain, Vec<Notice>)| {
        heard.into_iter().map(move |notice| Announced { of: (&chain).into(), notice }).collect::<Vec<_>>()
    };
    told.iter().filter_map(of_row).flat_map(of_each).collect()
}

/// Who hears a row, and how.
fn heard(row: &JournalRow) -> Vec<Notice> {
    let notices = row.notices.iter().map(|notice| Notice {
        app_id: notice.app.into(),
        channel: notice.channel.into(),
        event: row.event.as_deref().map(str::to_owned),
    });
    notices.collect()
}

fn decision(
    thread: &ThreadKey,
    (from, to, expires_at): (Option<AppId>, Option<AppId>, Option<Timestamp>),
    rows: &[Arc<JournalRow>],
) -> Decision {
    let last = rows.last();
    // A lapse that was found on the way stands before the decision itself.
    let lapse = rows.first().filter(|row| row.cause == Cause::Expiry);
    let events = rows.iter().flat_map(|row| heard(row)).collect();
    Decision {
        whose: thread.into(),
        rule: last.map(|row| row.rule.to_string()),
        via: last.and_then(|row| row.via.as_deref().map(str::to_owned)),
        cause: last.map(|row| Why(row.cause)),
        by_app_id: last.and_then(|row| row.by).map(App::from),
        from_app_id: from.map(App::from),
        to_app_id: to.map(App::from),
        expires_at: expires_at.map(Moment),
        lapse: lapse.map(|row| Lapse { rule: row.rule.to_string(), at: Moment(row.at) }),
        events,
    }
}

fn refusal(thread: &ThreadKey, refused: &Refused, owner: Option<AppId>) -> Refusal {
    Refusal {
        whose: thread.into(),
        rule: refused.rule.0,
        via: refused.via.map(|via| via.0),
        cause: Why(refused.cause),
        by_app_id: refused.by.map(App::from),
        owner_app_id: owner.map(App::from),
        refused: (&GraphError::of(refused.why, thread.surface)).into(),
    }
}
