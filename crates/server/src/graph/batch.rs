//! Several calls in one: `POST /` with `batch` (wire.md 1.6). The items are answered one after the other, each as if
//! it had come alone; what one comes to changes nothing for those that do not need it.

use std::collections::HashMap;
use std::sync::OnceLock;

use baton_wire::GraphError;
use baton_wire::batch::{Item, items};
use serde_json::{Value, json};

use super::usage::Seen;
use super::{Answer, Asked, Wrong, labels, limits, split};
use crate::caller::Caller;

/// What became of an item.
struct Ran {
    code: u16,
    body: String,
    /// The answer, where it succeeded, for items that need it.
    answer: Option<Value>,
    trace: String,
    version: String,
    seen: Seen,
}

/// The answers in the order of the items: 200, whatever became of each.
pub(super) async fn answer(batch: &Asked<'_>) -> Result<Answer, Wrong> {
    if let Some(token) = batch.token.as_deref() {
        // A token that is nobody's is one mistake and not fifty; and it comes before parameters (API-10).
        Caller::is_somebodys(batch.shared, token, &batch.params).await?;
    }
    let items = items(&batch.params, limits(batch.shared))?;
    let headers = batch.params.text("include_headers").is_none_or(|text| text != "false" && text != "0")
        && batch.params.get("include_headers") != Some(&Value::Bool(false));
    let needed: Vec<&String> = items.iter().flatten().flat_map(|item| &item.needs).collect();
    let mut named: HashMap<String, Option<Value>> = HashMap::new();
    let mut answers = Vec::with_capacity(items.len());
    for (index, item) in items.iter().enumerate() {
        let ran = match item {
            Ok(item) => run(batch, item, &named, index).await,
            Err(wrong) => refused(batch, wrong, batch.version),
        };
        let name = item.as_ref().ok().and_then(|item| item.name.clone());
        let quiet = item.as_ref().ok().and_then(|item| item.quiet);
        let is_needed = name.as_ref().is_some_and(|name| needed.contains(&name));
        answers.push(if ran.code == 200 && quiet.unwrap_or(is_needed) {
            Value::Null
        } else {
            shown(&ran, headers)
        });
        if let Some(name) = name {
            named.insert(name, ran.answer);
        }
    }
    Ok(Answer::of(Value::Array(answers)))
}

async fn run(batch: &Asked<'_>, item: &Item, named: &HashMap<String, Option<Value>>, index: usize) -> Ran {
    let failed = |name: &&String| matches!(named.get(*name), Some(None));
    let wrong = |error: &GraphError| refused(batch, error, batch.version);
    if let Some(name) = item.needs.iter().find(failed) {
        return wrong(&GraphError::parameter(format!(
            "The item {name} of the batch failed, and this one needs it"
        )));
    }
    if let Some(name) = item.needs.iter().find(|name| !named.contains_key(*name)) {
        return wrong(&GraphError::parameter(format!(
            "No item before this one in the batch has the name {name}"
        )));
    }
    let answer = |name: &str| named.get(name).and_then(Option::as_ref);
    let item = match item.with_answers(answer, limits(batch.shared)) {
        Ok(item) => item,
        Err(error) => return wrong(&error),
    };
    if item.params.get("batch").is_some() {
        return wrong(&GraphError::parameter("A batch within a batch is not allowed"));
    }
    let (version, components) = split(&item.path);
    let once = batch.once.as_ref().map(|once| once.of_item(index));
    let seen = OnceLock::new();
    let asked = Asked {
        shared: batch.shared,
        method: &item.method,
        components,
        version,
        token: item.token.clone().or_else(|| batch.token.clone()),
        once,
        params: item.params.clone(),
        seen: &seen,
    };
    let trace = batch.shared.ids.trace();
    match asked.remembered(&trace).await {
        Ok(Answer { body, .. }) => Ran {
            code: 200,
            body: body.to_string(),
            answer: Some(body),
            trace,
            version: version.to_owned(),
            seen: seen.into_inner().unwrap_or_default(),
        },
        Err(Wrong { error, .. }) => {
            let seen = seen.into_inner().unwrap_or_default();
            let error = if seen.instagram { error.of_instagram() } else { error };
            Ran { seen, ..refused_as(trace, &error, version) }
        }
    }
}

fn refused(batch: &Asked<'_>, error: &GraphError, version: &str) -> Ran {
    refused_as(batch.shared.ids.trace(), error, version)
}

fn refused_as(trace: String, error: &GraphError, version: &str) -> Ran {
    // An item's trace is not the request's, whose line of the log says nothing of it.
    tracing::info!(
        trace_id = trace,
        code = error.code,
        subcode = error.subcode,
        "an item of a batch was refused"
    );
    let body = String::from_utf8_lossy(&error.body(&trace)).into_owned();
    let seen = Seen::default();
    Ran { code: error.status, body, answer: None, trace, version: version.to_owned(), seen }
}

fn shown(ran: &Ran, headers: bool) -> Value {
    let mut shown = json!({"code": ran.code});
    if headers {
        let all = labels(&ran.version, &ran.trace, &ran.seen);
        shown["headers"] = all.map(|(name, value)| json!({"name": name, "value": value})).collect();
    }
    shown["body"] = json!(ran.body);
    shown
}
