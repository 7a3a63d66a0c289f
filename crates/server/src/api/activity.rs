//! `GET /activity`: what happens. As a list, newest first, of what is kept in memory; or live, as server-sent
//! events, from a line on that a listener has seen (`Last-Event-ID`). A slow listener misses lines, is told how
//! many, and holds nothing up.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Uri, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use baton_engine::{Activity, ActivityKind};
use baton_rules::{AppId, Cause, Channel, Refused, Surface, ThreadKey, Timestamp};
use baton_store::{Chain, JournalRow};
use baton_wire::GraphError;
use futures_util::stream;
use serde_json::{Value, json};
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::broadcast::{Receiver, error::RecvError};
use tokio_util::sync::CancellationToken;

use super::query::Query;
use super::{cursor, time};
use crate::problem::{self, Problem};
use crate::serve::Shared;

/// How often a connection on which nothing happens shows that it lives.
const HEARTBEAT: Duration = Duration::from_secs(15);

pub(super) async fn get(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, Problem> {
    let accepted = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    if accepted.into_iter().any(|value| value.to_ascii_lowercase().contains("text/event-stream")) {
        Query::of(&uri, &[]).done()?;
        live(&shared, &headers)
    } else {
        list(&shared, &uri).map(IntoResponse::into_response)
    }
}

fn list(shared: &Shared, uri: &Uri) -> Result<axum::Json<Value>, Problem> {
    let mut query = Query::of(uri, &["limit", "after"]);
    let limit = query.limit();
    let run = format!("{:016x}", shared.engine.run());
    let after = query.after("activity", |parts| match parts {
        [_, of, number] if *of == run => number.parse::<u64>().ok(),
        _ => None,
    });
    query.done()?;
    let (kept, _) = shared.engine.activity_so_far();
    let older = |line: &&Arc<Activity>| after.is_none_or(|after| line.number < after);
    let mut found: Vec<&Arc<Activity>> = kept.iter().rev().filter(older).take(limit + 1).collect();
    let more = found.len() > limit;
    found.truncate(limit);
    let last = found.last().filter(|_| more);
    let next = last.map(|last| cursor::written(&["activity", &run, &last.number.to_string()]));
    let data = found.into_iter().map(|line| shown(shared.engine.run(), line).1).collect();
    Ok(axum::Json(cursor::list(data, next)))
}

fn live(shared: &Arc<Shared>, headers: &HeaderMap) -> Result<Response, Problem> {
    let place = Arc::clone(&shared.listeners).try_acquire_owned().map_err(|_| {
        let most = shared.limits.listeners;
        Problem::new(&problem::TOO_MANY_LISTENERS).detail(format!("{most} listen already (limits.listeners)"))
    })?;
    let run = shared.engine.run();
    let (kept, lines) = shared.engine.activity_so_far();
    let (missed, kept) = match headers.get("last-event-id").map(HeaderValue::as_bytes) {
        None | Some(b"") => (None, VecDeque::new()),
        Some(seen) => resumed(run, seen, kept),
    };
    let stopping = shared.stopping.clone();
    let listener = Listener { run, missed, kept, lines, stopping, _place: place };
    let events = stream::unfold(listener, |mut listener| async {
        let event = listener.next().await?;
        Some((Ok::<_, Infallible>(event), listener))
    });
    let alive = KeepAlive::new().interval(HEARTBEAT).text("alive");
    let mut response = Sse::new(events).keep_alive(alive).into_response();
    let unbuffered = HeaderName::from_static("x-accel-buffering");
    response.headers_mut().insert(unbuffered, HeaderValue::from_static("no"));
    Ok(response)
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
fn missed(count: Option<u64>, why: &str) -> Event {
    let data = json!({"event": "missed", "missed": count, "detail": why});
    Event::default().event("missed").data(data.to_string())
}

/// Who listens.
struct Listener {
    run: u64,
    missed: Option<Event>,
    kept: VecDeque<Arc<Activity>>,
    lines: Receiver<Arc<Activity>>,
    stopping: CancellationToken,
    _place: OwnedSemaphorePermit,
}

impl Listener {
    /// The next event; none when the server stops.
    async fn next(&mut self) -> Option<Event> {
        if self.stopping.is_cancelled() {
            return None;
        }
        if let Some(missed) = self.missed.take() {
            return Some(missed);
        }
        if let Some(line) = self.kept.pop_front() {
            return Some(self.event(&line));
        }
        tokio::select! {
            biased;
            () = self.stopping.cancelled() => None,
            line = self.lines.recv() => match line {
                Ok(line) => Some(self.event(&line)),
                Err(RecvError::Lagged(count)) => Some(missed(Some(count), "this listener was too slow for them")),
                Err(RecvError::Closed) => None,
            },
        }
    }

    fn event(&self, line: &Activity) -> Event {
        let (event, data) = shown(self.run, line);
        Event::default().id(id(self.run, line)).event(event).data(data.to_string())
    }
}

/// Numbers count anew with every start, so an id names the run too.
fn id(run: u64, line: &Activity) -> String {
    format!("{run:016x}-{}", line.number)
}

/// A line: its kind, and what is said of it. Nothing of it is secret.
fn shown(run: u64, line: &Activity) -> (&'static str, Value) {
    let (event, said) = match &line.kind {
        ActivityKind::Decision { thread, from, to, expires_at, rows } => {
            ("decision", decision(thread, (*from, *to, *expires_at), rows))
        }
        ActivityKind::Refusal { thread, refused, owner } => ("refusal", refusal(thread, refused, *owner)),
        ActivityKind::Delivery { app, events, standby, status, error, duration_ms, body: _, again_at } => {
            let events: Vec<Value> =
                events.iter().map(|(chain, event)| of_chain(chain, json!({"event": event}))).collect();
            let said = json!({
                "app_id": app.to_string(),
                "events": events,
                "channel": if *standby { "standby" } else { "messaging" },
                "status": status,
                "error": error,
                "duration_ms": duration_ms,
                "next_attempt_at": again_at.map(time::shown),
            });
            ("delivery", said)
        }
        ActivityKind::Verification { app, error } => {
            let verification =
                json!({"app_id": app.to_string(), "verified": error.is_none(), "error": error});
            ("settings", json!({"version": null, "verification": verification, "events": []}))
        }
        ActivityKind::Settings { version, told } => {
            ("settings", json!({"version": version, "verification": null, "events": announced(told)}))
        }
        ActivityKind::Clock { was } => {
            ("clock", json!({"now": time::shown(line.at), "was": time::shown(*was)}))
        }
    };
    let mut data = json!({"id": id(run, line), "event": event, "at": time::shown(line.at)});
    if let (Value::Object(data), Value::Object(said)) = (&mut data, said) {
        data.extend(said);
    }
    (event, data)
}

/// What apps are told of a page itself, because its settings changed.
pub(super) fn announced(told: &[Arc<JournalRow>]) -> Vec<Value> {
    let of_row = |row: &Arc<JournalRow>| row.chain.clone().map(|chain| (chain, heard(row)));
    let events = told.iter().filter_map(of_row);
    events.flat_map(|(chain, heard)| heard.into_iter().map(move |event| of_chain(&chain, event))).collect()
}

/// Who hears a row, and how.
fn heard(row: &JournalRow) -> Vec<Value> {
    let notices = row.notices.iter().map(|notice| {
        let channel = match notice.channel {
            Channel::Messaging => "messaging",
            Channel::Standby => "standby",
        };
        json!({"app_id": notice.app.to_string(), "channel": channel, "event": row.event})
    });
    notices.collect()
}

fn of_thread(thread: &ThreadKey, said: Value) -> Value {
    of_chain(&Chain::Thread(thread.clone()), said)
}

/// What is told of a page itself is about no person.
fn of_chain(chain: &Chain, said: Value) -> Value {
    let on = match chain.surface() {
        Surface::Messenger => "messenger",
        Surface::Instagram => "instagram",
    };
    let (page, person) = (chain.page().to_string(), chain.thread().map(|thread| thread.person.as_str()));
    let mut all = json!({"page_id": page, "on": on, "person_id": person});
    if let (Value::Object(all), Value::Object(said)) = (&mut all, said) {
        all.extend(said);
    }
    all
}

fn app(id: Option<AppId>) -> Option<String> {
    id.map(|id| id.to_string())
}

fn decision(
    thread: &ThreadKey,
    (from, to, expires_at): (Option<AppId>, Option<AppId>, Option<Timestamp>),
    rows: &[Arc<JournalRow>],
) -> Value {
    let last = rows.last();
    // A lapse that was found on the way stands before the decision itself.
    let lapse = rows.first().filter(|row| row.cause == Cause::Expiry);
    let events: Vec<Value> = rows.iter().flat_map(|row| heard(row)).collect();
    let said = json!({
        "rule": last.map(|row| &row.rule),
        "via": last.and_then(|row| row.via.as_ref()),
        "cause": last.map(|row| row.cause.name()),
        "by_app_id": app(last.and_then(|row| row.by)),
        "from_app_id": app(from),
        "to_app_id": app(to),
        "expires_at": expires_at.map(time::shown),
        "lapse": lapse.map(|row| json!({"rule": row.rule, "at": time::shown(row.at)})),
        "events": events,
    });
    of_thread(thread, said)
}

fn refusal(thread: &ThreadKey, refused: &Refused, owner: Option<AppId>) -> Value {
    let error = GraphError::of(refused.why, thread.surface);
    let said = json!({
        "rule": refused.rule.0,
        "via": refused.via.map(|via| via.0),
        "cause": refused.cause.name(),
        "by_app_id": app(refused.by),
        "owner_app_id": app(owner),
        "refused": {"code": error.code, "subcode": error.subcode},
    });
    of_thread(thread, said)
}
