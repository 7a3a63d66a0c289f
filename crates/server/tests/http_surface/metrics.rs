//! What is measured, as Prometheus reads it.

use baton_store::{DeliveryHealth, Disabled, Round};
use serde_json::json;

use crate::world::{OPERATOR, START, VIEWER, World};

/// The value of a line that begins so; none where there is no such line.
fn value(page: &str, line: &str) -> Option<f64> {
    let mut found = page.lines().filter_map(|one| one.strip_prefix(line)?.strip_prefix(' '));
    let value = found.next()?.parse().unwrap();
    assert_eq!(found.next(), None, "{line} stands there twice");
    Some(value)
}

async fn page(w: &World) -> String {
    let reply = w.get("/metrics").await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    assert_eq!(reply.header("content-type"), "application/openmetrics-text; version=1.0.0; charset=utf-8");
    assert!(reply.text.ends_with("# EOF\n"), "{}", reply.text);
    reply.text
}

#[tokio::test]
async fn what_is_decided_committed_and_waits_is_counted() {
    let w = World::start().await;
    let before = value(&page(&w).await, "baton_commits_total").unwrap();
    for _ in 0..3 {
        let said = json!({"type": "message", "message": {"text": "hello"}});
        let reply = w.post("/baton/v1/pages/2002/people/ann/events", said).await;
        assert_eq!(reply.status, 200, "{}", reply.text);
    }
    let draft =
        json!({"type": "message", "message": {"text": "hello"}, "entry": {"type": "ad", "ad_id": "9002"}});
    let refused = w.post("/baton/v1/pages/2001/people/ann/events", draft).await;
    assert_eq!(refused.status, 409, "{}", refused.text);
    let page = page(&w).await;
    assert_eq!(value(&page, "baton_events_total{event=\"messages\"}"), Some(3.0));
    let counted = page.lines().filter(|line| line.starts_with("baton_decisions_total{rule="));
    let counted: f64 = counted.map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap()).sum();
    assert!((counted - 3.0).abs() < 0.5, "{page}");
    let rule = refused.json()["rule"].as_str().unwrap().to_owned();
    assert_eq!(value(&page, &format!("baton_refusals_total{{rule=\"{rule}\"}}")), Some(1.0), "{page}");
    assert!(value(&page, "baton_commits_total").unwrap() >= before + 3.0);
    assert!(value(&page, "baton_commit_requests_sum").unwrap() >= 3.0);
    assert_eq!(value(&page, "baton_commit_seconds_count"), value(&page, "baton_commits_total"));
    // A store in memory takes nothing.
    assert_eq!(value(&page, "baton_database_bytes"), Some(0.0));
}

#[tokio::test]
async fn how_each_app_does_is_there() {
    let w = World::start().await;
    let disabled = Some(Disabled { at: START, reason: "nothing but failures".into() });
    let health = vec![("111".parse().unwrap(), DeliveryHealth { disabled, ..DeliveryHealth::default() })];
    let w = w.again_with(Round { health, ..Round::default() }).await;
    let said = json!({"type": "message", "message": {"text": "hello"}});
    assert_eq!(w.post("/baton/v1/pages/2002/people/ann/events", said).await.status, 200);
    assert_eq!(w.post("/baton/v1/clock", json!({"advance": "90s"})).await.status, 200);
    let page = page(&w).await;
    let of = |name: &str| value(&page, &format!("baton_app_{name}{{app=\"111\"}}"));
    // The other one is what it is told of its page.
    assert_eq!((of("disabled"), of("pending_events"), of("lag_seconds")), (Some(1.0), Some(2.0), Some(90.0)));
    let none = ["parked_conversations", "dead_letters", "expired_events", "in_flight", "resending_events"];
    assert!(none.into_iter().all(|name| of(name) == Some(0.0)), "{page}");
    assert_eq!(value(&page, "baton_app_disabled{app=\"222\"}"), Some(0.0));
}

#[tokio::test]
async fn nothing_of_it_is_secret_and_nobody_else_reads_it() {
    let w = World::start().await;
    let said = json!({"type": "message", "message": {"text": "hello"}});
    w.post("/baton/v1/pages/2002/people/ann-of-the-garage/events", said).await;
    let page = page(&w).await;
    for secret in ["test_secret", "garage-bot", OPERATOR, "ann-of-the-garage", "hello", "Sales bot"] {
        assert!(!page.contains(secret), "{secret} is there");
    }
    for token in [None, Some("garage-bot"), Some("wrong")] {
        let request = w.client.get(w.url("/metrics"));
        let request = match token {
            Some(token) => request.bearer_auth(token),
            None => request,
        };
        assert_eq!(w.send(request).await.status, 401, "{token:?}");
    }
}

#[tokio::test]
async fn the_viewer_token_looks_and_changes_nothing() {
    let w = World::start().await;
    let get = |path: &str| w.client.get(w.url(path)).bearer_auth(VIEWER);
    let measured = w.send(get("/metrics")).await;
    assert_eq!(measured.status, 200, "{}", measured.text);
    let untaken = value(&measured.text, "baton_app_deleted_untaken_events_total{app=\"111\"}");
    assert_eq!(untaken, Some(0.0), "from the start, or an alert misses the first");
    assert_eq!(w.send(get("/baton/v1/apps/111/health")).await.status, 200);
    for path in ["/baton/v1/members", "/baton/v1/pages/2001/connections/111/tokens"] {
        assert_eq!(w.send(get(path)).await.status, 403, "{path}");
    }
    let change =
        w.client.patch(w.url("/baton/v1/apps/111")).bearer_auth(VIEWER).json(&json!({"name": "Mine"}));
    let refused = w.send(change).await;
    assert_eq!(refused.status, 403, "{}", refused.text);
    assert!(refused.text.contains("your role is viewer"), "{}", refused.text);
    assert_eq!(w.send(w.client.get(w.url("/metrics")).bearer_auth("viewer-token")).await.status, 401);
    w.stop().await;
}
