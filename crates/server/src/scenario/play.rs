//! Plays a scenario step by step: does what a step says, over HTTP, waits until everybody heard of it, and
//! gathers what came of it. The first step that does not end as the file says ends the scenario.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use baton_engine::{Activity, ActivityKind};
use baton_rules::{AppId, Cause, Channel, ThreadKey, Timestamp};
use baton_store::JournalRow;
use serde_json::{Value, json};

use super::file::Scenario;
use super::judge::{self, Difference};
use super::stage::Stage;
use super::step::{Act, Call, OWN_SETTINGS, PROFILE, Step, Wanted, When};
use super::watch::{Mark, Trouble};
use crate::api::time;
use crate::cli::Failure;
use crate::cli::client::part;
use crate::config::Config;

/// How long receivers may take for what one step causes, in real time.
const HEARING: Duration = Duration::from_secs(10);
/// The row by which a survey goes out that was held back.
const HELD_SURVEY: &str = "HOP-SURVEY-3";
/// How long the server may take to say what it decided, in real time.
const DECIDING: Duration = Duration::from_secs(10);

/// What came of a scenario.
#[derive(Debug)]
pub(crate) struct Played {
    /// Each step that was played, in order.
    pub(crate) steps: Vec<StepPlayed>,
    /// Why it could not begin, or could not go on.
    pub(crate) failure: Option<Failure>,
}

impl Played {
    /// Whether everything was as the file says.
    pub(crate) fn passed(&self) -> bool {
        self.failure.is_none() && self.steps.iter().all(|step| step.differences.is_empty())
    }
}

/// What came of a step.
#[derive(Debug)]
pub(crate) struct StepPlayed {
    /// The line in the file.
    pub(crate) line: usize,
    /// The step in words.
    pub(crate) words: String,
    /// When it happened, in milliseconds since 1970.
    pub(crate) at: i64,
    /// The rule that decided.
    pub(crate) rule: Option<String>,
    /// Who is in control then, in words.
    pub(crate) control: Option<String>,
    /// What is not as the file says.
    pub(crate) differences: Vec<Difference>,
}

/// What came of what was done.
#[derive(Debug, Default)]
pub(super) struct Came {
    /// When, in milliseconds since 1970.
    pub(super) at: i64,
    pub(super) refused: Option<Refusal>,
    pub(super) rule: Option<String>,
    pub(super) via: Option<String>,
    /// What each app heard, in order, by what it is called: `messages`, `standby messages`.
    pub(super) heard: BTreeMap<String, Vec<String>>,
    /// Receivers that did not take it, in words.
    pub(super) troubles: Vec<String>,
    /// What an app that was waited for did instead, in words.
    pub(super) instead: Option<String>,
    /// The conversation as Baton's API shows it; null where there is none.
    pub(super) thread: Value,
    /// What was decided: who is in control since, and until when. An app that plays itself may have done more by the
    /// time that the conversation is looked at.
    pub(super) since: Option<(Option<AppId>, Option<Timestamp>)>,
}

/// A refusal as a client sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) rule: Option<String>,
    pub(super) code: Option<u32>,
    pub(super) subcode: Option<u32>,
    pub(super) message: String,
}

/// Plays a scenario; `told` hears of each step when it is over.
pub(crate) async fn play(
    scenario: &Scenario,
    config: &Config,
    own: &BTreeMap<String, String>,
    mut told: impl FnMut(&StepPlayed),
) -> Played {
    let mut stage = match Stage::set(scenario, config, own).await {
        Ok(stage) => stage,
        Err(failure) => return Played { steps: Vec::new(), failure: Some(failure) },
    };
    let mut played = Played { steps: Vec::new(), failure: None };
    let mut taken = BTreeMap::new();
    for step in &scenario.steps {
        match one(&mut stage, step, &mut taken).await {
            Ok(one) => {
                told(&one);
                let goes_on = one.differences.is_empty();
                played.steps.push(one);
                if !goes_on {
                    break;
                }
            }
            Err(failure) => {
                let what = format!("the step in line {}: {}", step.line, failure.what);
                played.failure = Some(Failure { what, ..failure });
                break;
            }
        }
    }
    stage.strike().await;
    played
}

async fn one(
    stage: &mut Stage,
    step: &Step,
    taken: &mut BTreeMap<String, Mark>,
) -> Result<StepPlayed, Failure> {
    let mut came = act(stage, step, taken).await?;
    came.at = stage.now()?.0;
    came.thread = thread(stage, step).await?;
    if let Some((owner, until)) = came.since.filter(|_| came.thread.is_object()) {
        came.thread["owner_app_id"] = json!(owner.map(|app| app.to_string()));
        came.thread["expires_at"] = json!(until.map(|at| time::text(at.0)));
    }
    let differences = judge::differences(step, &came, stage)?;
    Ok(StepPlayed {
        line: step.line,
        words: judge::words(step),
        at: came.at,
        control: judge::outcome(&came, stage),
        rule: came.rule,
        differences,
    })
}

async fn act(stage: &mut Stage, step: &Step, taken: &mut BTreeMap<String, Mark>) -> Result<Came, Failure> {
    let person = step.person.as_deref().unwrap_or_default();
    let from = stage.watch.mark()?;
    match &step.when {
        Some(When::After(after)) => stage.client.post("/clock", &json!({"advance": after})).await?,
        Some(When::At(at)) => stage.client.post("/clock", &json!({"set": at})).await?,
        None => Value::Null,
    };
    match &step.act {
        Act::Waits => passed(stage, step, from).await,
        Act::Settings(settings) => {
            stage.apply(settings).await?;
            passed(stage, step, from).await
        }
        Act::Person(event) => {
            let path = format!("/pages/{}/people/{}/events", part(&stage.side(step)?), part(person));
            api(stage, step, &path, event, None).await
        }
        Act::Inbox { body, app } => {
            let mut body = body.clone();
            if let Some(app) = app {
                body["app_id"] = stage.app_on(app, step.surface)?.into();
            }
            let path = format!("/pages/{}/threads/{}/inbox", part(&stage.side(step)?), part(person));
            api(stage, step, &path, &body, Some(step.surface.inbox())).await
        }
        Act::App { app, call } => graph(stage, step, app, call).await,
        Act::Awaits { app, wanted, within } => awaited(stage, step, app, wanted, *within, taken).await,
    }
}

/// A call of Baton's own API by a person or at the human desk.
async fn api(
    stage: &mut Stage,
    step: &Step,
    path: &str,
    body: &Value,
    by: Option<AppId>,
) -> Result<Came, Failure> {
    let thread = stage.thread(step)?;
    let from = stage.watch.mark()?;
    let (status, answer) = stage.post(path, body).await?;
    let text = |key: &str| answer[key].as_str().map(str::to_owned);
    match status {
        200 => decided(stage, &thread, from, by).await,
        409 if answer["rule"].is_string() => {
            let message = text("detail").or_else(|| text("title")).unwrap_or_default();
            let rule = text("rule");
            let refused = Refusal { rule: rule.clone(), message, ..Refusal::default() };
            Ok(Came { rule, refused: Some(refused), ..Came::default() })
        }
        _ => {
            let mut failure = Failure::new(text("title").unwrap_or_else(|| format!("HTTP {status}")));
            let errors = answer["errors"].as_array().cloned().unwrap_or_default();
            if let Some(detail) = text("detail").filter(|_| errors.is_empty()) {
                failure = failure.why(detail);
            }
            for error in errors {
                let text = |key: &str| error[key].as_str().unwrap_or_default();
                failure = failure.why(format!("{}: {}", text("pointer"), text("detail")));
            }
            Err(failure)
        }
    }
}

/// A call of the Graph API by an app that the scenario plays.
async fn graph(stage: &mut Stage, step: &Step, app: &str, call: &Call) -> Result<Came, Failure> {
    let by = stage.app(app)?;
    let mut body = call.body.clone();
    match call.edge {
        PROFILE => {}
        OWN_SETTINGS => body["psid"] = json!(step.person),
        _ => body["recipient"] = json!({"id": step.person}),
    }
    match &call.names {
        Some(("thread_control", target)) => {
            body["thread_control"]["app_id"] = stage.app_on(target, step.surface)?.into();
        }
        Some((parameter, target)) => body[parameter] = stage.app_on(target, step.surface)?.into(),
        None => {}
    }
    let page = step.page.as_deref().unwrap_or_default();
    let url = format!("{}/v25.0/{}/{}", stage.url(), part(&stage.side(step)?), call.edge);
    let token = stage.token_of(page, &by)?.to_owned();
    let from = stage.watch.mark()?;
    let by: AppId = by.parse().map_err(|_| Failure::new(format!("{by} is no app's id")))?;
    let sent = stage.http.post(url).bearer_auth(token).json(&body).send().await;
    let answer = sent.map_err(|error| Failure::new("the Graph API did not answer").why(error))?;
    // What a page has before anybody writes is about no conversation: nothing is decided in one, and nobody hears.
    if answer.status().is_success() && matches!(call.edge, PROFILE | OWN_SETTINGS) {
        return Ok(Came::default());
    }
    if answer.status().is_success() {
        let thread = stage.thread(step)?;
        return decided(stage, &thread, from, Some(by)).await;
    }
    let answer: Value = answer
        .json()
        .await
        .map_err(|error| Failure::new("the Graph API's answer cannot be read").why(error))?;
    let error = &answer["error"];
    let number = |key: &str| error[key].as_u64().and_then(|number| u32::try_from(number).ok());
    // A malformed call is no refusal of the rules, and has none.
    stage.watch.mark()?;
    let rule = stage
        .watch
        .all(from, |line| match &line.kind {
            ActivityKind::Refusal { refused, .. } if refused.by == Some(by) => {
                Some(refused.rule.0.to_owned())
            }
            _ => None,
        })
        .pop();
    let refused = Refusal {
        rule: rule.clone(),
        code: number("code"),
        subcode: number("error_subcode"),
        message: error["message"].as_str().unwrap_or_default().to_owned(),
    };
    Ok(Came { rule, refused: Some(refused), ..Came::default() })
}

/// What was decided, and that everybody heard of it.
async fn decided(
    stage: &mut Stage,
    thread: &ThreadKey,
    from: Mark,
    by: Option<AppId>,
) -> Result<Came, Failure> {
    let found = stage
        .watch
        .find(from, DECIDING, |line| match &line.kind {
            ActivityKind::Decision { thread: of, rows, to, expires_at, .. } if of == thread => {
                let last = rows.last();
                let ours = last.is_none() || last.and_then(|row| row.by) == by;
                ours.then(|| (rows.clone(), (*to, *expires_at)))
            }
            _ => None,
        })
        .await?;
    let Some(((rows, since), _)) = found else {
        return Err(Failure::new("the server did not say what it decided"));
    };
    let last = rows.last();
    let mut came = Came {
        rule: last.map(|row| row.rule.to_string()),
        via: last.and_then(|row| row.via.as_ref()).map(ToString::to_string),
        since: Some(since),
        ..Came::default()
    };
    told(stage, thread, from, rows, &mut came).await?;
    Ok(came)
}

/// What everybody heard: of what was decided, and of the surveys that went out with it since they were held back until
/// nobody is in control.
async fn told(
    stage: &mut Stage,
    thread: &ThreadKey,
    from: Mark,
    decided: Vec<Arc<JournalRow>>,
    came: &mut Came,
) -> Result<(), Failure> {
    stage.watch.mark()?;
    let surveys = stage.watch.all(from, |line| match &line.kind {
        ActivityKind::Decision { thread: of, rows, .. } if of == thread => {
            rows.last().filter(|row| &*row.rule == HELD_SURVEY).map(|_| rows.clone())
        }
        _ => None,
    });
    let mut apps = Vec::new();
    for row in
        decided.into_iter().chain(surveys.into_iter().flatten()).filter(|row| row.cause != Cause::Expiry)
    {
        for notice in &row.notices {
            let event = row.event.as_deref().unwrap_or_default();
            let heard = match notice.channel {
                Channel::Messaging => event.to_owned(),
                Channel::Standby => format!("standby {event}"),
                Channel::Changes => format!("changes {event}"),
            };
            came.heard.entry(stage.called(&notice.app.to_string())).or_default().push(heard);
            apps.push(notice.app);
        }
    }
    let (troubles, open) = stage.watch.settle(thread, &apps, HEARING).await?;
    came.troubles = troubles.iter().map(|trouble| trouble_in_words(stage, trouble)).collect();
    for (app, event) in open {
        let app = stage.called(&app.to_string());
        came.troubles.push(format!("{app} did not answer {event} within {} seconds", HEARING.as_secs()));
    }
    Ok(())
}

/// What came of time that passed, or of other settings: nobody did anything, and what was held back may have gone out.
async fn passed(stage: &mut Stage, step: &Step, from: Mark) -> Result<Came, Failure> {
    let mut came = Came::default();
    if step.person.is_some() && step.page.is_some() {
        let thread = stage.thread(step)?;
        told(stage, &thread, from, Vec::new(), &mut came).await?;
    }
    Ok(came)
}

fn trouble_in_words(stage: &Stage, trouble: &Trouble) -> String {
    let app = stage.called(&trouble.app.to_string());
    let standby = if trouble.channel == Channel::Standby { " on standby" } else { "" };
    let events: Vec<&str> = trouble.events.iter().map(|event| &**event).collect();
    format!(
        "{app} did not take {}{standby}: {} after {} ms",
        events.join(", "),
        trouble.error,
        trouble.duration_ms
    )
}

/// Waits for what an app does by itself.
async fn awaited(
    stage: &mut Stage,
    step: &Step,
    app: &str,
    wanted: &Wanted,
    within: Duration,
    taken: &mut BTreeMap<String, Mark>,
) -> Result<Came, Failure> {
    let thread = stage.thread(step)?;
    let id = stage.app(app)?;
    let by: AppId = id.parse().map_err(|_| Failure::new(format!("{id} is no app's id")))?;
    let from = taken.get(&id).copied().unwrap_or_default();
    let found = stage
        .watch
        .find(from, within, |line: &Activity| match &line.kind {
            ActivityKind::Decision { thread: of, rows, to, .. } if *of == thread => {
                rows.last().filter(|row| row.by == Some(by)).map(|_| Did::Acted(rows.clone(), *to))
            }
            ActivityKind::Refusal { thread: of, refused, .. } if *of == thread && refused.by == Some(by) => {
                Some(Did::Refused(refused.cause, refused.rule.0))
            }
            _ => None,
        })
        .await?;
    let Some((did, after)) = found else {
        let instead = format!("{app} did nothing within {within:?}");
        return Ok(Came { instead: Some(instead), ..Came::default() });
    };
    taken.insert(id, after);
    match did {
        Did::Refused(cause, rule) => {
            let message = format!("{app} tried: {}", cause.name());
            let rule = Some(rule.to_owned());
            let refused = Refusal { rule: rule.clone(), message, ..Refusal::default() };
            Ok(Came { rule, refused: Some(refused), ..Came::default() })
        }
        Did::Acted(rows, owner) => {
            let rows: Vec<&JournalRow> = rows.iter().map(|row| &**row).collect();
            let instead = judge::another(wanted, &rows, owner, stage)?;
            let mut came = decided(stage, &thread, after.before(), Some(by)).await?;
            came.instead = instead.map(|did| format!("{app} {did}"));
            Ok(came)
        }
    }
}

/// What an app that was waited for did.
enum Did {
    /// Something that was decided; who is in control since.
    Acted(Vec<Arc<JournalRow>>, Option<AppId>),
    Refused(Cause, &'static str),
}

/// The conversation as it is now, if there is one.
async fn thread(stage: &Stage, step: &Step) -> Result<Value, Failure> {
    let (Some(_), Some(person)) = (&step.page, &step.person) else { return Ok(Value::Null) };
    let path = format!("/pages/{}/threads/{}", part(&stage.side(step)?), part(person));
    let (status, answer) = stage.get(&path).await?;
    Ok(if status == 200 { answer } else { Value::Null })
}
