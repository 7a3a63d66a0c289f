//! `baton send`: be the person.

use clap::Args;
use serde_json::{Value, json};

use super::client::{Client, part};
use super::names::Names;
use super::{Common, Failure, look, outcome};

/// Be the person: say something, or use an entry point
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    baton send 2001 you \"hello\"\n  \
    baton send 2001 you \"is it still on?\" --ad 9001\n  \
    baton send 2001 you --get-started")]
pub(crate) struct Arguments {
    /// The page's id or name
    page: String,
    /// The person's id: any of A-Z a-z 0-9 _ and -
    person: String,
    /// What the person says; with --postback the button's title
    text: Option<String>,
    /// Come by this ad
    #[arg(long, value_name = "ID")]
    ad: Option<String>,
    /// Come by the m.me link with this ref
    #[arg(long, value_name = "REF", conflicts_with = "ad")]
    link: Option<String>,
    /// Tap Get Started
    #[arg(long, conflicts_with_all = ["quick_reply", "postback", "text"])]
    get_started: bool,
    /// Tap the quick reply with this payload
    #[arg(long, value_name = "PAYLOAD", conflicts_with = "postback")]
    quick_reply: Option<String>,
    /// Tap the button with this payload
    #[arg(long, value_name = "PAYLOAD")]
    postback: Option<String>,
}

pub(crate) async fn run(common: &Common, arguments: &Arguments) -> Result<(), Failure> {
    let event = event(arguments)?;
    let client = Client::find(common)?;
    let mut names = Names::of(&client).await?;
    let page = names.page_id(&arguments.page)?;
    let path = format!("/pages/{}/people/{}/events", part(&page), part(&arguments.person));
    let answer = client.post(&path, &event).await?;
    if common.json {
        look::json(&answer);
    } else {
        outcome::shown(&client, &mut names, &arguments.person, &page, &answer).await;
    }
    Ok(())
}

fn event(arguments: &Arguments) -> Result<Value, Failure> {
    let text = arguments.text.as_deref();
    let entry = match (&arguments.ad, &arguments.link) {
        (Some(ad), _) => Some(json!({"type": "ad", "ad_id": ad})),
        (None, Some(reference)) => Some(json!({"type": "link", "ref": reference})),
        (None, None) => None,
    };
    let mut event = if arguments.get_started {
        json!({"type": "get_started"})
    } else if let Some(payload) = &arguments.postback {
        json!({"type": "postback", "postback": {"title": text.unwrap_or(payload), "payload": payload}})
    } else if let Some(payload) = &arguments.quick_reply {
        let message = json!({"text": text.unwrap_or(payload), "quick_reply": {"payload": payload}});
        json!({"type": "message", "message": message})
    } else if let Some(text) = text {
        json!({"type": "message", "message": {"text": text}})
    } else if entry.is_some() {
        json!({"type": "referral"})
    } else {
        return Err(Failure::usage("there is nothing to send")
            .advice("give a text, as in: baton send 2001 you \"hello\"; `baton send --help` has the rest"));
    };
    if let Some(entry) = entry {
        event["entry"] = entry;
    }
    Ok(event)
}
