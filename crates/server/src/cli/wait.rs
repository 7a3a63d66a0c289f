//! `baton wait`: until an app is told something. For scripts, which otherwise ask again and again or sleep too long.

use std::time::Duration;

use clap::Args;
use serde_json::{Value, json};

use super::client::{Client, part};
use super::live::{Came, Live};
use super::names::Names;
use super::{Common, Failure, look, webhook};

/// Wait until an app is told something; for scripts
#[derive(Debug, Args)]
#[command(
    after_help = "Ends with 0 when the app was told such an event, and prints it; with 1 when the time is over, \
    and prints what the app was told instead. It looks back first: what a command before it in the script caused has \
    often happened already. By the server's clock, so that moving the clock makes everything before it old.\n\n\
    Told means decided, and on disk: the webhook is on its way, whether or not the app answers it.\n\n\
    Examples:\n  \
    baton wait --app \"Human desk\" --event pass_thread_control --person you --timeout 5s\n  \
    baton wait --app \"Support bot\" --event messages --channel standby --since 0s"
)]
pub(crate) struct Arguments {
    /// The app's id or name
    #[arg(long)]
    app: String,
    /// The event, by the platform's name of it, as in messages, messaging_postbacks or pass_thread_control
    #[arg(long)]
    event: String,
    /// Of this person
    #[arg(long)]
    person: Option<String>,
    /// On this page: its id or name
    #[arg(long)]
    page: Option<String>,
    /// On this channel
    #[arg(long, value_parser = ["messaging", "standby"])]
    channel: Option<String>,
    /// Whose text, payload or other content has this in it
    #[arg(long, value_name = "TEXT")]
    containing: Option<String>,
    /// How long to wait
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = duration)]
    timeout: String,
    /// How far to look back by the server's clock, or since when; 0s: not at all
    #[arg(long, value_name = "AGO", default_value = "30s")]
    since: String,
}

/// Webhooks that are shown where the wanted one did not come.
const SHOWN: usize = 10;

/// A duration that somebody typed, if it is one.
fn duration(text: &str) -> Result<String, String> {
    match crate::config::milliseconds(text) {
        Some(_) => Ok(text.to_owned()),
        None => Err("a duration looks like 5s or 1m30s".to_owned()),
    }
}

pub(crate) async fn run(common: &Common, arguments: &Arguments) -> Result<(), Failure> {
    let client = Client::find(common)?;
    let names = Names::of(&client).await?;
    let app = names.app_id(&arguments.app)?;
    let page = arguments.page.as_deref().map(|page| names.page_id(page)).transpose()?;
    let path = format!("/apps/{}/webhooks", part(&app));
    // Not at all is not "now": what happened a moment ago may have happened now by a clock that stands still.
    let looks_back = crate::config::milliseconds(&arguments.since) != Some(0);
    let since = if looks_back { format!("?since={}", part(&arguments.since)) } else { String::new() };
    let mut live = Live::open(common, &path, &since).await?;
    let patience = crate::config::milliseconds(&arguments.timeout).and_then(|ms| u64::try_from(ms).ok());
    let patience = Duration::from_millis(patience.unwrap_or_default());
    let mut others = Vec::new();
    let found = tokio::time::timeout(patience, async {
        loop {
            match live.next().await {
                Came::Event(name, webhook) if name == "webhook" => {
                    if is_wanted(&webhook, arguments, page.as_deref()) {
                        return webhook;
                    }
                    others.push(webhook);
                }
                Came::Event(..) | Came::Lost | Came::Back => {}
            }
        }
    });
    match found.await {
        Ok(webhook) if common.json => look::json(&webhook),
        Ok(webhook) => look::line(webhook::line(&webhook, &names).trim_end()),
        Err(_) => return Err(missed(common, arguments, &names, &app, &others)),
    }
    Ok(())
}

fn is_wanted(webhook: &Value, arguments: &Arguments, page: Option<&str>) -> bool {
    let is = |key: &str, wanted: Option<&str>| wanted.is_none_or(|wanted| webhook[key] == wanted);
    is("event", Some(&arguments.event))
        && is("person_id", arguments.person.as_deref())
        && is("page_id", page)
        && is("channel", arguments.channel.as_deref())
        && arguments.containing.as_deref().is_none_or(|text| holds(&webhook::item(webhook), text))
}

/// Whether a text of it, however deep, has this in it.
fn holds(value: &Value, part: &str) -> bool {
    match value {
        Value::String(text) => text.contains(part),
        Value::Array(all) => all.iter().any(|one| holds(one, part)),
        Value::Object(all) => all.values().any(|one| holds(one, part)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

/// The time is over: what came instead.
fn missed(common: &Common, arguments: &Arguments, names: &Names, app: &str, others: &[Value]) -> Failure {
    let last = others.get(others.len().saturating_sub(SHOWN)..).unwrap_or_default();
    let what = format!("{} was not told {} within {}", names.app(app), wanted(arguments), arguments.timeout);
    if common.json {
        look::json(&json!({"found": null, "instead": last}));
    }
    let failure = Failure::new(what);
    if others.is_empty() {
        let failure =
            failure.why(format!("it was told nothing at all, and nothing since {} before", arguments.since));
        return failure.advice(format!(
            "`baton listen --app \"{}\"` shows what it is told; an app is told the fields that its connection to the \
             page has, of other apps' conversations only with standby",
            names.app(app)
        ));
    }
    let failure = failure.why(if others.len() > last.len() {
        format!("it was told {} other events, the last of them:", others.len())
    } else {
        "it was told:".to_owned()
    });
    last.iter().fold(failure, |failure, webhook| failure.why(webhook::line(webhook, names).trim_end()))
}

/// What is waited for, in words.
fn wanted(arguments: &Arguments) -> String {
    let mut words = arguments.event.clone();
    if let Some(channel) = &arguments.channel {
        words += &format!(" on {channel}");
    }
    if let Some(text) = &arguments.containing {
        words += &format!(" with \"{text}\"");
    }
    if let Some(person) = &arguments.person {
        words += &format!(" of {person}");
    }
    if let Some(page) = &arguments.page {
        words += &format!(" on {page}");
    }
    words
}
