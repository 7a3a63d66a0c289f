//! What is counted while the engine runs, for `/metrics`. Everything that is told to listeners is counted where it is
//! told; what is a state and no event is looked up when somebody asks. Nothing of it is secret: ids of apps, and rules.

use std::sync::Arc;

use baton_rules::AppId;
use baton_store::{JournalRow, StoreError};
use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

use crate::activity::ActivityKind;
use crate::deliveries::AppHealth;
use crate::engine::Engine;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByRule {
    rule: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByEvent {
    event: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByApp {
    app: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByResult {
    app: String,
    result: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByWhat {
    what: &'static str,
}

type Seconds = Family<ByApp, Histogram, fn() -> Histogram>;

/// From a millisecond up to some seconds, which is what receivers take.
fn seconds() -> Histogram {
    Histogram::new(exponential_buckets(0.001, 2.0, 14))
}

/// What is counted.
pub(crate) struct Measures {
    events: Family<ByEvent, Counter>,
    decisions: Family<ByRule, Counter>,
    refusals: Family<ByRule, Counter>,
    commits: Counter,
    commit_requests: Histogram,
    commit_seconds: Histogram,
    webhooks: Family<ByResult, Counter>,
    webhook_seconds: Seconds,
    deleted: Family<ByWhat, Counter>,
    expired: Family<ByApp, Counter>,
}

impl Default for Measures {
    fn default() -> Self {
        Self {
            events: Family::default(),
            decisions: Family::default(),
            refusals: Family::default(),
            commits: Counter::default(),
            commit_requests: Histogram::new(exponential_buckets(1.0, 2.0, 9)),
            commit_seconds: Histogram::new(exponential_buckets(0.0001, 2.0, 16)),
            webhooks: Family::default(),
            webhook_seconds: Family::new_with_constructor(seconds),
            deleted: Family::default(),
            expired: Family::default(),
        }
    }
}

impl Measures {
    /// Something happened.
    pub(crate) fn count(&self, kind: &ActivityKind) {
        match kind {
            ActivityKind::Decision { rows, .. } => {
                // The last row's rule is the decision's.
                if let Some(row) = rows.last() {
                    self.decisions.get_or_create(&ByRule { rule: row.rule.to_string() }).inc();
                }
                self.committed_events(rows);
            }
            ActivityKind::Refusal { refused, .. } => {
                self.refusals.get_or_create(&ByRule { rule: refused.rule.0.to_owned() }).inc();
            }
            ActivityKind::Delivery { app, status, error, duration_ms, .. } => {
                let result = match (error, status) {
                    (None, _) => "delivered",
                    (Some(_), Some(_)) => "refused",
                    (Some(_), None) => "no_answer",
                };
                let app = app.to_string();
                #[expect(clippy::cast_precision_loss, reason = "a webhook takes few milliseconds")]
                let took = *duration_ms as f64 / 1000.0;
                self.webhook_seconds.get_or_create(&ByApp { app: app.clone() }).observe(took);
                self.webhooks.get_or_create(&ByResult { app, result }).inc();
            }
            ActivityKind::Comment { row, .. } => {
                self.decisions.get_or_create(&ByRule { rule: row.rule.to_string() }).inc();
                self.committed_events(std::slice::from_ref(row));
            }
            ActivityKind::Settings { told, .. } => self.committed_events(told),
            ActivityKind::Verification { .. }
            | ActivityKind::Standing { .. }
            | ActivityKind::Clock { .. } => {}
        }
    }

    fn committed_events(&self, rows: &[Arc<JournalRow>]) {
        for event in rows.iter().filter_map(|row| row.event.as_deref()) {
            self.events.get_or_create(&ByEvent { event: event.to_owned() }).inc();
        }
    }

    /// A stream's batch was committed.
    pub(crate) fn committed(&self, requests: usize, took_ms: f64) {
        self.commits.inc();
        #[expect(clippy::cast_precision_loss, reason = "a batch has few requests")]
        self.commit_requests.observe(requests as f64);
        self.commit_seconds.observe(took_ms / 1000.0);
    }

    /// Something was deleted for its age.
    pub(crate) fn deleted(&self, what: &'static str, count: u64) {
        self.deleted.get_or_create(&ByWhat { what }).inc_by(count);
    }

    /// Of that, an app had not taken so much.
    pub(crate) fn expired(&self, app: AppId, events: u64) {
        self.expired.get_or_create(&ByApp { app: app.to_string() }).inc_by(events);
    }

    fn register(&self, registry: &mut Registry) {
        let deleted =
            "What was deleted for its age: events, or entries of histories and answers to callers' keys";
        registry.register("deleted", deleted, self.deleted.clone());
        let expired = "Events that were deleted and had not been taken, by app";
        registry.register("app_deleted_untaken_events", expired, self.expired.clone());
        registry.register("events", "Webhook events that were committed, by name", self.events.clone());
        registry.register("decisions", "Decisions that were committed, by rule", self.decisions.clone());
        registry.register("refusals", "Asks that were refused, by rule", self.refusals.clone());
        registry.register("commits", "Batches of streams that were committed", self.commits.clone());
        registry.register("commit_requests", "Requests in a batch", self.commit_requests.clone());
        let commit = "From handing a batch to the store until it was durable";
        registry.register_with_unit("commit", commit, Unit::Seconds, self.commit_seconds.clone());
        let result = "Webhooks that were tried, by app and result: delivered, refused or no_answer";
        registry.register("webhooks", result, self.webhooks.clone());
        let took = "From sending a webhook until its answer";
        registry.register_with_unit("webhook", took, Unit::Seconds, self.webhook_seconds.clone());
    }
}

/// How apps do, as gauges.
#[derive(Default)]
struct Standings {
    pending: Family<ByApp, Gauge>,
    lag: Family<ByApp, Gauge>,
    in_flight: Family<ByApp, Gauge>,
    parked: Family<ByApp, Gauge>,
    dead: Family<ByApp, Gauge>,
    expired: Family<ByApp, Gauge>,
    resending: Family<ByApp, Gauge>,
    disabled: Family<ByApp, Gauge>,
}

impl Standings {
    fn add(&self, app: AppId, health: &AppHealth, now_ms: i64) {
        let by = ByApp { app: app.to_string() };
        let set = |family: &Family<ByApp, Gauge>, value: u64| {
            family.get_or_create(&by).set(i64::try_from(value).unwrap_or(i64::MAX));
        };
        let lag = health.oldest_pending.map_or(0, |oldest| (now_ms - oldest.0).max(0) / 1000);
        set(&self.pending, health.pending);
        set(&self.lag, lag.unsigned_abs());
        set(&self.in_flight, health.in_flight);
        set(&self.parked, health.parked);
        set(&self.dead, health.dead);
        set(&self.expired, health.expired);
        set(&self.resending, health.resending);
        set(&self.disabled, u64::from(health.kept.disabled.is_some()));
    }

    fn register(&self, registry: &mut Registry) {
        let pending =
            "Events that wait, those of parked conversations excepted; counting ends at some ten thousand";
        registry.register("app_pending_events", pending, self.pending.clone());
        registry.register("app_lag_seconds", "Age of the oldest event that waits", self.lag.clone());
        registry.register("app_in_flight", "Webhooks under way", self.in_flight.clone());
        registry.register("app_parked_conversations", "Conversations that are parked", self.parked.clone());
        registry.register(
            "app_dead_letters",
            "Events given up for how they were answered",
            self.dead.clone(),
        );
        registry.register("app_expired_events", "Events given up for their age", self.expired.clone());
        registry.register("app_resending_events", "Events that are to be sent again", self.resending.clone());
        registry.register("app_disabled", "1 where delivery was stopped", self.disabled.clone());
    }
}

impl Engine {
    /// Everything that is measured, as OpenMetrics has it.
    pub async fn metrics(&self) -> Result<String, StoreError> {
        let mut registry = Registry::with_prefix("baton");
        self.shared().measures.register(&mut registry);
        let standings = Standings::default();
        let now = self.now();
        for app in &self.settings().apps {
            // An alert on an increase sees none from nothing.
            self.shared().measures.expired(app.id, 0);
            standings.add(app.id, &self.app_health(app.id).await?, now.0);
        }
        standings.register(&mut registry);
        let size = self.shared().store.size().await?;
        let gauge = |value: u64| -> Gauge {
            let gauge: Gauge = Gauge::default();
            gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
            gauge
        };
        let (all, free) = ("What the database takes on the disk", "What of that is free to be used again");
        registry.register_with_unit("database", all, Unit::Bytes, gauge(size.bytes));
        registry.register_with_unit("database_free", free, Unit::Bytes, gauge(size.free));
        let delivered = self.shared().holding.now().map_or(0, |(_, streams)| streams.len());
        let text = "Streams that this node delivers: all, where no other uses the database";
        registry.register("delivered_streams", text, gauge(delivered as u64));
        let mut page = String::new();
        // Writing into a text does not fail.
        let _ = text::encode(&mut page, &registry);
        Ok(page)
    }
}
