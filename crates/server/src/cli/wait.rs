//! `baton wait`: until an app is told something. For scripts, which otherwise ask again and again or sleep too long.

use std::time::Duration;

use baton_engine::{Clock, SystemClock};
use baton_rules::Timestamp;
use clap::Args;
use serde_json::{Value, json};

use super::client::{Client, part};
use super::live::{Came, Live};
use super::names::Names;
use super::{Common, Failure, look, receiving, webhook};

/// Wait until an app is told something; for scripts
#[derive(Debug, Args)]
#[command(
    after_help = "Ends with 0 when the app was told such an event, and prints it; with 1 when the time is over, \
    and prints what the app was told instead. It looks back first: what a command before it in the script caused has \
    often happened already. By the server's clock, so that moving the clock makes everything before it old.\n\n\
    Told means decided, and on disk: the webhook is on its way, whether or not the app answers it. With --delivered it \
    is waited until the app has answered with a 2xx.\n\n\
    Examples:\n  \
    baton wait --app \"Human desk\" --event pass_thread_control --person you --timeout 5s\n  \
    baton wait --app \"Support bot\" --event messages --person you --delivered\n  \
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
    /// Until the app has answered it with a 2xx
    #[arg(long)]
    delivered: bool,
    /// How long to wait
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = duration)]
    timeout: String,
    /// How far to look back by the server's clock, or since when; 0s: not at all
    #[arg(long, value_name = "AGO", default_value = "30s")]
    since: String,
}

/// Webhooks that are shown where the wanted one did not come.
const SHOWN: usize = 10;
/// How often what came of one is looked at, in milliseconds.
const LOOK_AGAIN_MS: i64 = 100;

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
    let mut waiting = Waiting {
        live: Live::open(common, &path, &since).await?,
        client: &client,
        arguments,
        app: &app,
        page: page.as_deref(),
        others: Vec::new(),
        told: Vec::new(),
    };
    let patience = crate::config::milliseconds(&arguments.timeout).and_then(|ms| u64::try_from(ms).ok());
    let patience = Duration::from_millis(patience.unwrap_or_default());
    let found = tokio::time::timeout(patience, waiting.found()).await;
    let Waiting { others, told, .. } = waiting;
    let Ok(found) = found else {
        return Err(Missed { common, arguments, names, app: &app, others, told }.failure(&client).await);
    };
    let webhook = found?;
    if common.json {
        look::json(&webhook);
        return Ok(());
    }
    let line = webhook::line(&webhook, &names);
    let came = webhook.get("delivery").map(|delivery| format!("  {}", receiving::came(delivery, None)));
    look::line(format!("{line}{}", came.unwrap_or_default()).trim_end());
    Ok(())
}

/// Somebody who waits.
struct Waiting<'a> {
    live: Live<'a>,
    client: &'a Client,
    arguments: &'a Arguments,
    app: &'a str,
    page: Option<&'a str>,
    /// What the app was told instead.
    others: Vec<Value>,
    /// What it was told and has not answered, with what came of it so far.
    told: Vec<Value>,
}

impl Waiting<'_> {
    /// What is waited for.
    async fn found(&mut self) -> Result<Value, Failure> {
        let clock = SystemClock;
        loop {
            let again = async {
                if self.told.is_empty() {
                    std::future::pending::<()>().await;
                } else {
                    clock.sleep_until(Timestamp(clock.now().0 + LOOK_AGAIN_MS)).await;
                }
            };
            let came = tokio::select! {
                came = self.live.next() => Some(came),
                () = again => None,
            };
            match came {
                Some(Came::Event(name, webhook)) if name == "webhook" => {
                    if !is_wanted(&webhook, self.arguments, self.page) {
                        self.others.push(webhook);
                    } else if self.arguments.delivered {
                        self.told.push(webhook);
                    } else {
                        return Ok(webhook);
                    }
                }
                Some(Came::Event(..) | Came::Lost | Came::Back) => continue,
                None => {}
            }
            if let Some(found) = self.delivered().await? {
                return Ok(found);
            }
        }
    }

    /// The first of those that it was told that has arrived. Only the last ones are looked at.
    async fn delivered(&mut self) -> Result<Option<Value>, Failure> {
        let first = self.told.len().saturating_sub(SHOWN);
        for webhook in self.told.iter_mut().skip(first) {
            let id = webhook["delivery_id"].as_str().unwrap_or_default();
            let path = format!("/apps/{}/deliveries/{}", part(self.app), part(id));
            let mut delivery = self.client.get(&path).await?;
            // The request is what the webhook has already.
            delivery.as_object_mut().map(|delivery| delivery.remove("request"));
            let is_delivered = delivery["state"] == "delivered";
            webhook["delivery"] = delivery;
            if is_delivered {
                return Ok(Some(webhook.clone()));
            }
        }
        Ok(None)
    }
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

/// The time is over.
struct Missed<'a> {
    common: &'a Common,
    arguments: &'a Arguments,
    names: Names,
    app: &'a str,
    others: Vec<Value>,
    told: Vec<Value>,
}

impl Missed<'_> {
    /// Says what came instead.
    async fn failure(mut self, client: &Client) -> Failure {
        let is_told = !self.told.is_empty();
        let seen = if is_told { &self.told } else { &self.others };
        let last = seen.get(seen.len().saturating_sub(SHOWN)..).unwrap_or_default();
        if self.common.json {
            look::json(&json!({"found": null, "instead": last}));
        }
        let (app, wanted, timeout) =
            (self.names.app(self.app), wanted(self.arguments), &self.arguments.timeout);
        if is_told {
            self.names.ask_for_trouble(client, [self.app]).await;
            let failure = Failure::new(format!("{app} did not answer {wanted} with a 2xx within {timeout}"));
            return last.iter().fold(failure, |failure, webhook| self.not_answered(failure, webhook)).advice(
                format!("`baton deliveries list \"{app}\"` has every try; `baton doctor \"{app}\"` tries its address"),
            );
        }
        let failure = Failure::new(format!("{app} was not told {wanted} within {timeout}"));
        if seen.is_empty() {
            let since = &self.arguments.since;
            return failure
                .why(format!("it was told nothing at all, and nothing since {since} before"))
                .advice(format!(
                    "`baton listen --app \"{app}\"` shows what it is told; an app is told the fields that its \
                     connection to the page has, of other apps' conversations only with standby"
                ));
        }
        let failure = failure.why(if seen.len() > last.len() {
            format!("it was told {} other events, the last of them:", seen.len())
        } else {
            "it was told:".to_owned()
        });
        let line = |webhook: &Value| webhook::line(webhook, &self.names).trim_end().to_owned();
        last.iter().fold(failure, |failure, webhook| failure.why(line(webhook)))
    }

    fn not_answered(&self, failure: Failure, webhook: &Value) -> Failure {
        let came = receiving::came(&webhook["delivery"], self.names.trouble(self.app));
        failure.why(webhook::line(webhook, &self.names).trim_end()).why(format!("  {came}"))
    }
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
