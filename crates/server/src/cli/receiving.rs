//! Whether an app receives what it is told, in words: what is wrong with the delivery to it, and what came of one
//! webhook.

use baton_engine::{Clock, SystemClock};
use baton_rules::Timestamp;
use serde_json::Value;

use super::client::{Client, part};
use super::look;

/// How long to wait for the answer to what was told a moment ago, and how often to look. An app that is not there is
/// known to be gone after a moment.
const PATIENCE_MS: i64 = 300;
const LOOK_AGAIN_MS: i64 = 20;

/// What is wrong with the delivery to an app, in words; none: nothing that is known. What was told it a moment ago may
/// still be on its way: a moment is waited for it.
pub(crate) async fn trouble(client: &Client, app: &str) -> Option<String> {
    let clock = SystemClock;
    let end = clock.now().0 + PATIENCE_MS;
    loop {
        // Somebody who may not look at deliveries is told nothing of them.
        let health = client.get(&format!("/apps/{}/health", part(app))).await.ok()?;
        // `dev` asks an address again to verify itself when something is to be delivered.
        let is_open = health["state"] == "ok" || health["state"] == "unverified";
        let is_under_way = is_open && health["pending"] != 0;
        if !is_under_way || clock.now().0 >= end {
            return what_is_wrong(&health);
        }
        clock.sleep_until(Timestamp(clock.now().0 + LOOK_AGAIN_MS)).await;
    }
}

fn what_is_wrong(health: &Value) -> Option<String> {
    let time = |value: &Value| value.as_str().and_then(look::milliseconds_of);
    let last = &health["last_error"];
    let how = last["error"].as_str().unwrap_or("no answer");
    Some(match health["state"].as_str()? {
        "no_address" => "no webhook_url".to_owned(),
        "unverified" => "its address has not verified itself: nothing is sent until it does".to_owned(),
        "disabled" => {
            let why = health["disabled"]["reason"].as_str().unwrap_or(how);
            format!("stopped, {why}: `baton deliveries resume` goes on")
        }
        "failing" => {
            let since = time(&health["failing_since"])
                .map(|since| format!(" since {}", look::moment(since, time(&last["at"]).unwrap_or(since))));
            format!("failing{}, {how}", since.unwrap_or_default())
        }
        _ => return None,
    })
}

/// What came of a webhook, as a sentence about its app.
pub(crate) fn came(delivery: &Value, trouble: Option<&str>) -> String {
    let time = |value: &Value| value.as_str().and_then(look::milliseconds_of);
    let at = time(&delivery["at"]).unwrap_or_default();
    // What was sent elsewhere says nothing of the app.
    let own = |attempt: &&Value| attempt["to"].is_null();
    let attempts: Vec<&Value> = delivery["attempts"].as_array().into_iter().flatten().filter(own).collect();
    let last = attempts.last().map(|last| answered(last)).unwrap_or_default();
    let tries = match delivery["given_up"]["attempts"].as_u64().unwrap_or(attempts.len() as u64) {
        1 => "tried once".to_owned(),
        many => format!("tried {many} times"),
    };
    let next = time(&delivery["next_attempt_at"]);
    let next = next.map(|next| format!(", next try at {}", look::moment_exactly(next, at)));
    let next = next.unwrap_or_default();
    match delivery["state"].as_str().unwrap_or_default() {
        "delivered" if last.is_empty() => look::styled(look::PERSON, "it arrived"),
        "delivered" => format!("{} {last}", look::styled(look::PERSON, "answered")),
        "dead" => format!("{}, {tries}: {last}", look::styled(look::BAD, "given up")),
        "expired" => look::styled(look::BAD, "given up, because it was too old"),
        "parked" => format!(
            "{}: its conversation keeps failing, {tries}: {last}{next}",
            look::styled(look::WARNING, "parked")
        ),
        _ if attempts.is_empty() => {
            let why = trouble.map(|trouble| format!(": {trouble}")).unwrap_or_default();
            format!("{}{why}{next}", look::styled(look::WARNING, "not asked yet"))
        }
        _ => format!("{}, {tries}: {last}{next}", look::styled(look::WARNING, "not answered yet")),
    }
}

/// How a try was answered: `200 in 8 ms`, `HTTP 500 in 8 ms`.
fn answered(attempt: &Value) -> String {
    let what = match (attempt["error"].as_str(), attempt["status"].as_u64()) {
        (Some(error), _) => error.to_owned(),
        (None, status) => status.unwrap_or_default().to_string(),
    };
    format!("{what} in {} ms", attempt["duration_ms"])
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn said(state: &str, attempts: &Value, next: Option<&str>, given_up: Option<u64>) -> String {
        let delivery = json!({
            "state": state, "at": "2030-01-01T09:00:00.000Z", "attempts": attempts, "next_attempt_at": next,
            "given_up": given_up.map(|attempts| json!({"attempts": attempts})),
        });
        anstream::adapter::strip_str(&came(&delivery, Some("no webhook_url"))).to_string()
    }

    #[test]
    fn what_came_of_a_webhook_is_a_sentence() {
        let tried = |to: Value, status: Option<u16>, error: Option<&str>| json!({"status": status, "duration_ms": 8, "error": error, "to": to});
        let served = json!([tried(Value::Null, Some(200), None)]);
        let failed = json!([
            tried(Value::Null, None, Some("Connection refused")),
            tried(Value::Null, Some(500), Some("HTTP 500")),
            tried(json!("http://elsewhere/"), Some(200), None),
        ]);
        let next = Some("2030-01-01T09:00:05.000Z");
        assert_eq!(said("delivered", &served, None, None), "answered 200 in 8 ms");
        assert_eq!(said("delivered", &json!([]), None, None), "it arrived");
        assert_eq!(said("pending", &json!([]), None, None), "not asked yet: no webhook_url");
        assert_eq!(
            said("pending", &failed, next, None),
            "not answered yet, tried 2 times: HTTP 500 in 8 ms, next try at 09:00:05"
        );
        assert_eq!(
            said("parked", &failed, Some("2030-01-02T09:00:05.000Z"), None),
            "parked: its conversation keeps failing, tried 2 times: HTTP 500 in 8 ms, next try at 2 Jan 09:00:05"
        );
        assert_eq!(said("dead", &failed, None, Some(6)), "given up, tried 6 times: HTTP 500 in 8 ms");
        assert_eq!(said("expired", &json!([]), None, None), "given up, because it was too old");
    }

    #[test]
    fn what_is_wrong_with_a_delivery_is_said_and_nothing_where_nothing_is() {
        let wrong = |health: Value| what_is_wrong(&health);
        assert_eq!(wrong(json!({"state": "ok"})), None);
        assert_eq!(wrong(json!({"state": "no_address"})).unwrap(), "no webhook_url");
        let failing = json!({
            "state": "failing", "failing_since": "2030-01-01T09:00:00.000Z",
            "last_error": {"at": "2030-01-01T09:05:00.000Z", "error": "HTTP 500"},
        });
        assert_eq!(wrong(failing).unwrap(), "failing since 09:00, HTTP 500");
        let stopped = json!({"state": "disabled", "disabled": {"reason": "answered 410"}});
        assert_eq!(wrong(stopped).unwrap(), "stopped, answered 410: `baton deliveries resume` goes on");
        assert!(wrong(json!({"state": "unverified"})).unwrap().contains("has not verified itself"));
    }
}
