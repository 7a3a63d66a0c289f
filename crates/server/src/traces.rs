//! Traces for OpenTelemetry, where the settings name a collector: a span for each decision, and under it one for each try
//! of each webhook that it caused. They are made of what is told to listeners, so that nothing waits for them: a
//! collector that is away or slow loses spans, and nothing else.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use baton_engine::{Activity, ActivityKind, Carried, Engine, Trace};
use baton_rules::{AppId, Channel, ThreadKey, Timestamp};
use baton_store::{Chain, JournalRow};
use bytes::Bytes;
use opentelemetry::trace::{Link, SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState};
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_http::{HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanExporter as _, SpanLinks};
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use tokio::sync::broadcast::error::RecvError;
use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use crate::cli::Failure;
use crate::cli::client::{builder, cannot_make, innermost, is_local};

/// Spans in one request at most.
const BATCH: usize = 512;
/// How long a span waits for others.
const EVERY: Duration = Duration::from_secs(1);
/// How long a collector may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Sends what happens to a collector (OTLP over HTTP, protobuf), until it is told to end: then what is left.
pub(crate) fn start(
    engine: Engine,
    endpoint: &str,
    seed: u64,
    ending: CancellationToken,
) -> Result<JoinHandle<()>, Failure> {
    let address = format!("{}/v1/traces", endpoint.trim_end_matches('/'));
    let http =
        builder(is_local(endpoint)).timeout(PATIENCE).redirect(reqwest::redirect::Policy::none()).build();
    let http = http.map_err(|error| cannot_make("traces", innermost(&error)))?;
    let exporter = SpanExporter::builder().with_http().with_http_client(Http(http)).with_endpoint(&address);
    let cannot = |error| Failure::new("cannot send traces to the `otlp_endpoint`").why(error);
    let mut exporter = exporter.with_timeout(PATIENCE).build().map_err(cannot)?;
    exporter.set_resource(
        &Resource::builder()
            .with_service_name("baton")
            .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
            .build(),
    );
    let spans = Spans { engine, random: SmallRng::seed_from_u64(seed) };
    Ok(tokio::spawn(run(spans, exporter, ending)))
}

async fn run(mut make: Spans, exporter: SpanExporter, ending: CancellationToken) {
    // What happens on other nodes they send themselves.
    let mut lines = make.engine.own_activity();
    let mut spans = Vec::new();
    let mut tick = tokio::time::interval(EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // What is said of the collector is said once, and again when it has changed.
    let mut fails = false;
    loop {
        let over = tokio::select! {
            biased;
            line = lines.recv() => match line {
                Ok(line) => {
                    spans.extend(make.of(&line));
                    false
                }
                Err(RecvError::Lagged(lines)) => {
                    tracing::warn!(lines, "more happened than was traced: spans are missing");
                    false
                }
                Err(RecvError::Closed) => true,
            },
            _ = tick.tick() => !spans.is_empty(),
            () = ending.cancelled() => true,
        };
        if over && spans.is_empty() {
            return;
        }
        if over || spans.len() >= BATCH {
            let sent = exporter.export(std::mem::take(&mut spans)).await;
            match (&sent, fails) {
                (Err(error), false) => tracing::warn!(%error, "the collector does not take traces"),
                (Ok(()), true) => tracing::info!("the collector takes traces again"),
                (Err(_), true) | (Ok(()), false) => {}
            }
            fails = sent.is_err();
        }
    }
}

/// Makes spans of what happens.
struct Spans {
    engine: Engine,
    random: SmallRng,
}

impl Spans {
    fn of(&mut self, line: &Activity) -> Vec<SpanData> {
        match &line.kind {
            ActivityKind::Decision { thread, from, to, rows, .. } => {
                let Some(last) = rows.last() else { return Vec::new() };
                let name = last.event.as_deref().unwrap_or_else(|| last.cause.name());
                let mut attributes = of_thread(thread);
                attributes.push(KeyValue::new("baton.rule", last.rule.to_string()));
                let owner = |app: &Option<AppId>| app.map_or_else(String::new, |app| app.to_string());
                attributes.push(KeyValue::new("baton.owner.before", owner(from)));
                attributes.push(KeyValue::new("baton.owner", owner(to)));
                if let Some(by) = last.by {
                    attributes.push(KeyValue::new("baton.app", by.to_string()));
                }
                let trace = self.engine.trace(&thread.clone().into(), last.at);
                vec![decided(trace, name.to_owned(), last.at, attributes)]
            }
            ActivityKind::Refusal { thread, refused, .. } => {
                let mut attributes = of_thread(thread);
                attributes.push(KeyValue::new("baton.rule", refused.rule.0));
                let trace = self.engine.trace(&thread.clone().into(), line.at);
                vec![decided(trace, "refused".to_owned(), line.at, attributes)]
            }
            ActivityKind::Comment { row, .. } => {
                let (Some(chain), Some(event)) = (&row.chain, &row.event) else { return Vec::new() };
                let mut attributes = of_chain(chain);
                attributes.push(KeyValue::new("baton.rule", row.rule.to_string()));
                vec![decided(self.engine.trace(chain, row.at), event.to_string(), row.at, attributes)]
            }
            ActivityKind::Settings { told, .. } => {
                let of_row = |row: &Arc<JournalRow>| {
                    let (chain, event) = (row.chain.as_ref()?, row.event.as_deref()?);
                    Some(decided(self.engine.trace(chain, row.at), event.to_owned(), row.at, of_chain(chain)))
                };
                told.iter().filter_map(of_row).collect()
            }
            ActivityKind::Delivery { app, events, channel, status, error, duration_ms, again_at, .. } => {
                let Some(first) = events.first() else { return Vec::new() };
                let own = self.random.random_range(1..=u64::MAX);
                let trace = |one: &Carried| self.engine.trace(&one.chain, one.at);
                let mut attributes = of_chain(&first.chain);
                attributes.push(KeyValue::new("http.request.method", "POST"));
                attributes.push(KeyValue::new("baton.app", app.to_string()));
                attributes.push(KeyValue::new("baton.standby", *channel == Channel::Standby));
                attributes
                    .push(KeyValue::new("baton.events", i64::try_from(events.len()).unwrap_or(i64::MAX)));
                attributes.extend(
                    status.map(|status| KeyValue::new("http.response.status_code", i64::from(status))),
                );
                attributes.extend(again_at.map(|again| KeyValue::new("baton.again_at_ms", again.0)));
                let took = i64::try_from(*duration_ms).unwrap_or(i64::MAX);
                let name = format!("webhook {}", first.event);
                let root = trace(first);
                let mut span = span(root, (own, root.root), (SpanKind::Client, name), attributes);
                span.start_time = moment(Timestamp(line.at.0.saturating_sub(took)));
                span.end_time = moment(line.at);
                // A webhook of several events is a part of the first one's trace, and points at the others'.
                span.links = links(events.iter().skip(1).map(trace));
                if let Some(error) = error {
                    span.status = Status::error(error.to_string());
                }
                vec![span]
            }
            ActivityKind::Verification { .. }
            | ActivityKind::Standing { .. }
            | ActivityKind::Clock { .. } => Vec::new(),
        }
    }
}

/// A span at the root of a trace. How long a decision took is not told apart: it is a moment.
fn decided(trace: Trace, name: String, at: Timestamp, attributes: Vec<KeyValue>) -> SpanData {
    let root = span(trace, (trace.root, 0), (SpanKind::Producer, name), attributes);
    SpanData { start_time: moment(at), end_time: moment(at), ..root }
}

/// A span with its own id and that of the one above it; 0: there is none.
fn span(
    trace: Trace,
    (own, above): (u64, u64),
    (span_kind, name): (SpanKind, String),
    attributes: Vec<KeyValue>,
) -> SpanData {
    SpanData {
        span_context: context(&trace, SpanId::from(own)),
        parent_span_id: SpanId::from(above),
        parent_span_is_remote: false,
        span_kind,
        name: name.into(),
        start_time: UNIX_EPOCH,
        end_time: UNIX_EPOCH,
        attributes,
        dropped_attributes_count: 0,
        events: SpanEvents::default(),
        links: SpanLinks::default(),
        status: Status::Unset,
        instrumentation_scope: InstrumentationScope::builder("baton").build(),
    }
}

fn context(trace: &Trace, span: SpanId) -> SpanContext {
    SpanContext::new(TraceId::from(trace.id), span, TraceFlags::SAMPLED, false, TraceState::NONE)
}

fn links(traces: impl Iterator<Item = Trace>) -> SpanLinks {
    let mut links = SpanLinks::default();
    links.links = traces.map(|trace| Link::with_context(context(&trace, SpanId::from(trace.root)))).collect();
    links
}

fn of_thread(thread: &ThreadKey) -> Vec<KeyValue> {
    vec![
        KeyValue::new("baton.page", thread.page.to_string()),
        KeyValue::new("baton.surface", thread.surface.name()),
        KeyValue::new("baton.person", thread.person.to_string()),
    ]
}

fn of_chain(chain: &Chain) -> Vec<KeyValue> {
    match chain {
        Chain::Thread(thread) => of_thread(thread),
        Chain::Page(page, surface) => vec![
            KeyValue::new("baton.page", page.to_string()),
            KeyValue::new("baton.surface", surface.name()),
        ],
    }
}

/// By Baton's clock, which may be a virtual one.
fn moment(at: Timestamp) -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(u64::try_from(at.0).unwrap_or_default())
}

/// What the exporter sends by.
#[derive(Debug)]
struct Http(reqwest::Client);

#[async_trait::async_trait]
impl HttpClient for Http {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let answer = self.0.execute(request.try_into()?).await?;
        let mut response = Response::builder().status(answer.status());
        if let Some(headers) = response.headers_mut() {
            headers.clone_from(answer.headers());
        }
        Ok(response.body(answer.bytes().await?)?)
    }
}
