//! `baton trigger`: every event that a person can cause, by name, with a body that works without being told.

use clap::Args;
use serde_json::{Value, json};

use super::client::{Client, part};
use super::names::Names;
use super::{Common, Failure, look, outcome, webhook};
use crate::routing_file::nearest;

/// Cause an event of a person, by name
#[derive(Debug, Args)]
#[command(
    after_help = "An event about a message (reaction, edit, unsend, read, delivery) is about the newest one that \
    it can be about; a tap is one on the newest button.\n\n\
    Examples:\n  \
    baton trigger --list\n  \
    baton trigger message.image 2001 you\n  \
    baton trigger message 2001 you --set message.text=\"good morning\"\n  \
    baton trigger reaction 2001 you --set reaction.emoji=👍 --app \"Support bot\""
)]
pub(crate) struct Arguments {
    /// The event
    #[arg(required_unless_present = "list")]
    event: Option<String>,
    /// The page's id or name
    #[arg(required_unless_present = "list")]
    page: Option<String>,
    /// The person's id
    #[arg(required_unless_present = "list")]
    person: Option<String>,
    /// Another text in the body, as in message.text=hi; path:=json for what is no text
    #[arg(long, value_name = "PATH=TEXT", value_parser = setting)]
    set: Vec<Setting>,
    /// Show the webhook that this app gets for it
    #[arg(long)]
    app: Option<String>,
    /// Print the body that would be sent, and send nothing
    #[arg(long)]
    print: bool,
    /// List the events
    #[arg(long, conflicts_with_all = ["event", "set", "app", "print"])]
    list: bool,
}

/// A part of a body that is set.
#[derive(Clone, Debug, PartialEq)]
struct Setting {
    path: Vec<String>,
    value: Value,
}

fn setting(text: &str) -> Result<Setting, String> {
    let wrong = || "write it as in message.text=hello, or message.attachments:='[…]' for JSON".to_owned();
    let (path, value) = text.split_once('=').ok_or_else(wrong)?;
    let (path, value) = match path.strip_suffix(':') {
        Some(path) => (path, serde_json::from_str(value).map_err(|error| format!("no JSON: {error}"))?),
        None => (path, json!(value)),
    };
    let path: Vec<String> = path.split('.').map(str::to_owned).collect();
    if path.iter().any(String::is_empty) { Err(wrong()) } else { Ok(Setting { path, value }) }
}

/// What of the conversation an event is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum About {
    /// Nothing that was said.
    Nothing,
    /// The newest message of an app, put here in the body.
    OfApp(&'static str),
    /// The newest message of the person, put here.
    OfPerson(&'static str),
    /// Messages of an app, put here as a list.
    OfApps(&'static str),
    /// The newest button.
    Button,
    /// The newest quick reply.
    QuickReply,
}

/// An event that can be caused.
struct Event {
    name: &'static str,
    about: About,
    says: &'static str,
    body: fn() -> Value,
}

macro_rules! events {
    ($($name:literal, $about:expr, $says:literal, $body:tt;)*) => {
        &[$(Event { name: $name, about: $about, says: $says, body: || json!($body) }),*]
    };
}

/// Those that there are: each type of event, and what else it is used for.
const EVENTS: &[Event] = events! {
    "message", About::Nothing, "says something",
        {"type": "message", "message": {"text": "hello"}};
    "message.image", About::Nothing, "sends a picture",
        {"type": "message", "message": {"attachments": [
            {"type": "image", "payload": {"url": "https://example.com/picture.png"}},
        ]}};
    "message.location", About::Nothing, "sends a place",
        {"type": "message", "message": {"attachments": [
            {"type": "location", "payload": {"coordinates": {"lat": 52.52, "long": 13.405}}},
        ]}};
    "message.quick_reply", About::QuickReply, "taps the newest quick reply",
        {"type": "message", "message": {"text": "Yes", "quick_reply": {"payload": "YES"}}};
    "message.reply", About::OfApp("/message/reply_to/mid"), "answers a message",
        {"type": "message", "message": {"text": "about this one", "reply_to": {"mid": ""}}};
    "message.ad", About::Nothing, "writes after tapping an ad",
        {"type": "message", "message": {"text": "is it still on?"}, "entry": {"type": "ad", "ad_id": "9001"}};
    "message.link", About::Nothing, "writes after opening an m.me or ig.me link",
        {"type": "message", "message": {"text": "hello"}, "entry": {"type": "link", "ref": "spring"}};
    "message.organic", About::Nothing, "writes without an ad or a link, where that has a route",
        {"type": "message", "message": {"text": "hello"}, "entry": {"type": "organic"}};
    "postback", About::Button, "taps the newest button",
        {"type": "postback", "postback": {"title": "Start", "payload": "START"}};
    "menu", About::Nothing, "chooses an item of the persistent menu",
        {"type": "menu", "menu": {"title": "Help", "payload": "HELP"}};
    "menu.url", About::Nothing, "opens an address of the persistent menu",
        {"type": "menu", "menu": {"title": "Shop", "url": "https://example.com/"}};
    "get_started", About::Nothing, "taps Get Started",
        {"type": "get_started"};
    "ice_breaker", About::Nothing, "taps a question that begins a conversation",
        {"type": "ice_breaker", "ice_breaker": {"title": "When are you open?", "payload": "OPEN_WHEN"}};
    "referral", About::Nothing, "uses an entry point in a conversation, and says nothing",
        {"type": "referral"};
    "referral.ad", About::Nothing, "taps an ad in a conversation, and says nothing",
        {"type": "referral", "entry": {"type": "ad", "ad_id": "9001"}};
    "referral.link", About::Nothing, "opens a link in a conversation, and says nothing",
        {"type": "referral", "entry": {"type": "link", "ref": "spring"}};
    "optin", About::Nothing, "agrees to be written to",
        {"type": "optin", "optin": {"ref": "checkout"}};
    "optin.notifications", About::Nothing, "subscribes to notification messages",
        {"type": "optin", "optin": {
            "type": "notification_messages", "payload": "NEWS", "notification_messages_token": "4711",
            "notification_messages_frequency": "DAILY",
        }};
    "read", About::OfApp("/read/mid"), "has read up to the newest message",
        {"type": "read", "read": {"mid": ""}};
    "delivery", About::OfApps("/delivery/mids"), "has received the newest message",
        {"type": "delivery", "delivery": {"mids": []}};
    "reaction", About::OfApp("/reaction/mid"), "reacts to a message",
        {"type": "reaction", "reaction": {"mid": "", "action": "react", "reaction": "love", "emoji": "\u{2764}\u{fe0f}"}};
    "reaction.unreact", About::OfApp("/reaction/mid"), "takes a reaction back",
        {"type": "reaction", "reaction": {"mid": "", "action": "unreact"}};
    "edit", About::OfPerson("/edit/mid"), "changes a message of their own",
        {"type": "edit", "edit": {"mid": "", "text": "what I meant"}};
    "unsend", About::OfPerson("/unsend/mid"), "takes a message of their own back",
        {"type": "unsend", "unsend": {"mid": ""}};
    "account_linking", About::Nothing, "links an account",
        {"type": "account_linking", "account_linking": {"status": "linked", "authorization_code": "4711"}};
    "account_linking.unlink", About::Nothing, "unlinks it",
        {"type": "account_linking", "account_linking": {"status": "unlinked"}};
    "feedback", About::Nothing, "answers a survey",
        {"type": "feedback", "feedback": {"feedback_screens": [{
            "screen_id": 0,
            "questions": {"q1": {"type": "csat", "payload": "4", "follow_up": {"type": "free_form", "payload": "Good"}}},
        }]}};
};

pub(crate) async fn run(common: &Common, arguments: &Arguments) -> Result<(), Failure> {
    if arguments.list {
        list(common);
        return Ok(());
    }
    let (Some(name), Some(page), Some(person)) = (&arguments.event, &arguments.page, &arguments.person)
    else {
        return Err(Failure::usage("an event, a page and a person are needed"));
    };
    let event = EVENTS.iter().find(|event| event.name == name).ok_or_else(|| unknown(name))?;
    let client = Client::find(common)?;
    let mut names = Names::of(&client).await?;
    let page = names.page_id(page)?;
    let app = arguments.app.as_deref().map(|app| names.app_id(app)).transpose()?;
    let mut body = (event.body)();
    if event.about != About::Nothing {
        let said = said(&client, &page, person).await?;
        about(event, &mut body, &said, &arguments.set).map_err(|failure| {
            failure.advice(format!(
                "name one with --set, or say something first: baton send {page} {person} \"hello\""
            ))
        })?;
    }
    for set in &arguments.set {
        put(&mut body, set)?;
    }
    if arguments.print {
        look::json(&body);
        return Ok(());
    }
    let path = format!("/pages/{}/people/{}/events", part(&page), part(person));
    let answer = client.post(&path, &body).await?;
    let heard = match &app {
        Some(app) => Some(heard(&client, app, person, &answer).await?),
        None => None,
    };
    if common.json {
        let mut whole = answer;
        if let Some(heard) = heard {
            whole["webhook"] = heard.unwrap_or_default();
        }
        look::json(&whole);
        return Ok(());
    }
    outcome::shown(&client, &mut names, person, &page, &answer).await;
    match heard {
        Some(Some(heard)) => webhook::body(&heard).iter().for_each(look::line),
        Some(None) => look::line(format!(
            "  {} is not told",
            look::styled(look::APP, names.app(app.as_deref().unwrap_or_default()))
        )),
        None => {}
    }
    Ok(())
}

fn list(common: &Common) {
    if common.json {
        let each = |event: &Event| json!({"event": event.name, "says": event.says, "body": (event.body)()});
        look::json(&EVENTS.iter().map(each).collect::<Vec<_>>());
        return;
    }
    for event in EVENTS {
        let is_variant = event.name.contains('.');
        let style = if is_variant { anstyle::Style::new() } else { look::STRONG };
        look::line(format!(
            "{}  {}",
            look::column(style, event.name, 22),
            look::styled(look::DIM, event.says)
        ));
    }
}

fn unknown(name: &str) -> Failure {
    let failure = Failure::usage(format!("there is no event \"{name}\""));
    match nearest(name, EVENTS.iter().map(|event| event.name)) {
        Some(near) => {
            failure.advice(format!("perhaps \"{near}\" is meant; `baton trigger --list` has them all"))
        }
        None => failure.advice("`baton trigger --list` has them all"),
    }
}

/// What was said in a conversation, newest first; nothing where it has not begun.
async fn said(client: &Client, page: &str, person: &str) -> Result<Vec<Value>, Failure> {
    let threads =
        client.get(&format!("/pages/{}/threads/{}/messages?limit=200", part(page), part(person))).await;
    match threads {
        Ok(list) => Ok(list["data"].as_array().cloned().unwrap_or_default()),
        // Who never wrote has said nothing.
        Err(failure) if failure.what.contains("has never written") => Ok(Vec::new()),
        Err(failure) => Err(failure),
    }
}

/// Puts into the body what of the conversation it is about, unless that is set.
fn about(event: &Event, body: &mut Value, said: &[Value], set: &[Setting]) -> Result<(), Failure> {
    let is_set = |pointer: &str| {
        let path = pointer.trim_start_matches('/').replace('/', ".");
        set.iter().any(|set| set.path.join(".") == path)
    };
    let newest = |of_app: bool| {
        let found =
            said.iter().find(|one| one["app_id"].is_string() == of_app && one["message_id"].is_string());
        found.map(|one| one["message_id"].clone())
    };
    let (pointer, found, what) = match event.about {
        About::Nothing => return Ok(()),
        About::OfApp(pointer) => {
            (pointer, newest(true), "no app has said anything yet that it could be about")
        }
        About::OfPerson(pointer) => {
            (pointer, newest(false), "they have said nothing yet that it could be about")
        }
        About::OfApps(pointer) => (
            pointer,
            newest(true).map(|mid| json!([mid])),
            "no app has said anything yet that it could be about",
        ),
        About::Button => {
            if let Some(button) = said.iter().find_map(button) {
                body["postback"] = button;
            }
            return Ok(());
        }
        About::QuickReply => {
            if let Some(reply) = said.iter().find_map(|one| one["content"]["quick_replies"].get(0)) {
                body["message"] =
                    json!({"text": reply["title"], "quick_reply": {"payload": reply["payload"]}});
            }
            return Ok(());
        }
    };
    if is_set(pointer) {
        return Ok(());
    }
    let found = found.ok_or_else(|| Failure::new(what))?;
    if let Some(place) = body.pointer_mut(pointer) {
        *place = found;
    }
    Ok(())
}

/// The first button of a message that has a payload, as a tap on it.
fn button(message: &Value) -> Option<Value> {
    let attachments = message["content"]["attachments"].as_array()?;
    let templates = attachments.iter().map(|attachment| &attachment["payload"]);
    let holders = templates.flat_map(|template| {
        let elements = template["elements"].as_array().map(Vec::as_slice).unwrap_or_default();
        std::iter::once(template).chain(elements)
    });
    let mut buttons = holders.filter_map(|holder| holder["buttons"].as_array()).flatten();
    let button = buttons.find(|button| button["payload"].is_string())?;
    Some(json!({"title": button["title"], "payload": button["payload"], "mid": message["message_id"]}))
}

/// Sets a part of the body, and makes what holds it where it is not there.
fn put(body: &mut Value, set: &Setting) -> Result<(), Failure> {
    let mut place = body;
    for (depth, name) in set.path.iter().enumerate() {
        if place.is_null() {
            *place = json!({});
        }
        let next = match place {
            Value::Object(fields) => Some(fields.entry(name.clone()).or_insert(Value::Null)),
            Value::Array(items) => name.parse::<usize>().ok().and_then(|index| items.get_mut(index)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
        };
        place = next.ok_or_else(|| {
            Failure::usage(format!("there is nothing to set at {}", set.path.join(".")))
                .why(format!("{} holds no \"{name}\"", set.path.get(..depth).unwrap_or_default().join(".")))
                .advice("`--print` shows the body as it would be sent")
        })?;
    }
    *place = set.value.clone();
    Ok(())
}

/// The webhook that an app gets for an event, if it is told.
async fn heard(client: &Client, app: &str, person: &str, answer: &Value) -> Result<Option<Value>, Failure> {
    let at = answer["at"].as_str().unwrap_or_default();
    let list = client.get(&format!("/apps/{}/webhooks?since={}", part(app), part(at))).await?;
    let event = answer["notices"].as_array().and_then(|notices| {
        notices.iter().rfind(|notice| notice["app_id"] == app).map(|notice| notice["event"].clone())
    });
    let mut webhooks = list["data"].as_array().cloned().unwrap_or_default().into_iter();
    Ok(event.and_then(|event| {
        webhooks.find(|one| one["event"] == event && one["person_id"] == person && one["at"] == at)
    }))
}

#[cfg(test)]
mod tests {
    use baton_wire::inbound::{Kind, PersonEvent};

    use super::*;

    #[test]
    fn every_type_of_event_can_be_caused_and_every_body_is_taken() {
        for (_, word) in Kind::ALL {
            assert!(EVENTS.iter().any(|event| event.name == *word), "{word} cannot be caused");
        }
        let said = [
            json!({"message_id": "m_app", "app_id": "111", "content": {"mid": "m_app"}}),
            json!({"message_id": "m_own", "app_id": null, "content": {"mid": "m_own"}}),
        ];
        for event in EVENTS {
            let mut body = (event.body)();
            about(event, &mut body, &said, &[]).unwrap();
            let read = PersonEvent::parse(&body).unwrap_or_else(|wrong| panic!("{}: {wrong:?}", event.name));
            assert!(
                event.name == read.kind.name() || event.name.starts_with(&format!("{}.", read.kind.name()))
            );
        }
    }

    #[test]
    fn what_an_event_is_about_is_the_newest_that_fits() {
        let button = json!({"title": "Yes", "payload": "YES"});
        let said = [
            json!({"message_id": "m_3", "app_id": null, "content": {"mid": "m_3"}}),
            json!({"message_id": "m_2", "app_id": "111", "content": {"attachments": [
                {"type": "template", "payload": {"elements": [{"buttons": [{"url": "x"}, button]}]}},
            ]}}),
        ];
        let made = |name: &str, set: &[&str]| {
            let event = EVENTS.iter().find(|event| event.name == name).unwrap();
            let set: Vec<Setting> = set.iter().map(|text| setting(text).unwrap()).collect();
            let mut body = (event.body)();
            about(event, &mut body, &said, &set)?;
            set.iter().try_for_each(|set| put(&mut body, set))?;
            Ok::<_, Failure>(body)
        };
        assert_eq!(made("reaction", &[]).unwrap()["reaction"]["mid"], "m_2");
        assert_eq!(made("edit", &["edit.text=so"]).unwrap()["edit"], json!({"mid": "m_3", "text": "so"}));
        assert_eq!(made("delivery", &[]).unwrap()["delivery"]["mids"], json!(["m_2"]));
        let tapped = json!({"title": "Yes", "payload": "YES", "mid": "m_2"});
        assert_eq!(made("postback", &[]).unwrap()["postback"], tapped);
        let entry = made("message", &["entry.type=ad", "entry.ad_id=9001"]).unwrap();
        assert_eq!(entry["entry"], json!({"type": "ad", "ad_id": "9001"}));
        let picture =
            made("message.image", &["message.attachments.0.type=video", "message.sticker_id:=7"]).unwrap();
        assert_eq!(
            (&picture["message"]["attachments"][0]["type"], &picture["message"]["sticker_id"]),
            (&json!("video"), &json!(7))
        );
        assert!(made("message", &["message.text.deep=x"]).unwrap_err().usage);
        let nothing = EVENTS.iter().find(|event| event.name == "unsend").unwrap();
        assert!(about(nothing, &mut (nothing.body)(), &said[1..], &[]).is_err());
        for wrong in ["message.text", "=x", "a..b=x", "a:=nonsense"] {
            assert!(setting(wrong).is_err(), "{wrong}");
        }
    }
}
