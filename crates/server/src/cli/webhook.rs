//! A webhook as a line for people: when, what, of whom, what was said.

use serde_json::Value;

use super::look;
use super::names::Names;

const EVENT: usize = 24;
const WHO: usize = 24;
const SAID: usize = 38;

/// `09:00:00  messages  ada, Shop  "hello"`, in columns.
pub(crate) fn line(webhook: &Value, names: &Names) -> String {
    let said = said(&item(webhook), names);
    format!("{}  {}", place(webhook, names), look::column(anstyle::Style::new(), &said, SAID))
}

/// `09:00:00  messages  ada, Shop`, in columns: when, what, whose.
pub(crate) fn place(webhook: &Value, names: &Names) -> String {
    let text = |key: &str| webhook[key].as_str().unwrap_or_default();
    let time = look::milliseconds_of(text("at")).map_or_else(String::new, look::clock_time);
    let page = names.page(text("page_id"));
    let who =
        webhook["person_id"].as_str().map_or_else(|| page.clone(), |person| format!("{person}, {page}"));
    let event = if webhook["channel"] == "standby" {
        let standby = " standby";
        let name = look::cut(text("event"), EVENT - standby.len());
        let fill = " ".repeat((EVENT - standby.len()).saturating_sub(name.chars().count()));
        format!("{name}{}{fill}", look::styled(look::DIM, standby))
    } else {
        look::column(look::STRONG, text("event"), EVENT)
    };
    format!("{}  {event}  {}", look::styled(look::DIM, time), look::column(look::PERSON, &who, WHO))
}

/// The body, indented, for people.
pub(crate) fn body(webhook: &Value) -> Vec<String> {
    let body = webhook["body"].as_str().unwrap_or_default();
    let parsed: Value = serde_json::from_str(body).unwrap_or_default();
    let pretty = serde_json::to_string_pretty(&parsed).unwrap_or_default();
    pretty.lines().map(|line| format!("          {}", look::styled(look::DIM, line))).collect()
}

/// The event of a webhook: the item of `messaging`, `standby` or `changes`.
pub(crate) fn item(webhook: &Value) -> Value {
    let body: Value = serde_json::from_str(webhook["body"].as_str().unwrap_or_default()).unwrap_or_default();
    let entry = &body["entry"][0];
    let lists = ["messaging", "standby", "changes"].into_iter();
    lists.map(|list| &entry[list][0]).find(|item| item.is_object()).cloned().unwrap_or_default()
}

/// What an event says, in a few words.
pub(crate) fn said(item: &Value, names: &Names) -> String {
    let app = |value: &Value| match value {
        Value::String(id) => names.app(id),
        Value::Number(id) => names.app(&id.to_string()),
        _ => "nobody".to_owned(),
    };
    let has = |name: &str| item.get(name).filter(|content| content.is_object());
    if let Some(comment) = has("value").filter(|_| item.get("field").is_some()) {
        let text = comment["message"].as_str().or_else(|| comment["text"].as_str());
        let verb = comment["verb"].as_str().filter(|verb| *verb != "add");
        return text.map(|text| format!("{text:?}")).or(verb.map(str::to_owned)).unwrap_or_default();
    }
    if let Some(message) = has("message") {
        return message_said(message);
    }
    if let Some(content) = has("postback") {
        return format!(
            "taps \"{}\"",
            content["title"].as_str().or(content["payload"].as_str()).unwrap_or("…")
        );
    }
    if let Some(content) = has("pass_thread_control") {
        let from = app(&content["previous_owner_app_id"]);
        return format!("from {from} to {}", app(&content["new_owner_app_id"]));
    }
    if let Some(content) = has("take_thread_control") {
        return format!(
            "by {} from {}",
            app(&content["new_owner_app_id"]),
            app(&content["previous_owner_app_id"])
        );
    }
    if let Some(content) = has("request_thread_control") {
        return format!("by {}", app(&content["requested_owner_app_id"]));
    }
    if let Some(content) = has("reaction") {
        let word = content["emoji"].as_str().or(content["reaction"].as_str()).unwrap_or_default();
        return format!("{} {word}", content["action"].as_str().unwrap_or_default());
    }
    has("referral").map(by).unwrap_or_default()
}

fn message_said(message: &Value) -> String {
    let mut said = match (message["text"].as_str(), message["attachments"][0]["type"].as_str()) {
        (Some(text), _) => format!("\"{text}\""),
        (None, Some(kind)) => format!("[{kind}]"),
        (None, None) if message["is_deleted"] == true => "takes it back".to_owned(),
        (None, None) => "…".to_owned(),
    };
    if message["is_echo"] == true {
        said = format!("echo {said}");
    }
    let way = message.get("referral").map(by).filter(|way| !way.is_empty());
    way.map_or(said.clone(), |way| format!("{way}: {said}"))
}

/// By which way somebody came.
fn by(referral: &Value) -> String {
    let text = |key: &str| referral[key].as_str().filter(|text| !text.is_empty());
    match (text("ad_id"), text("ref")) {
        (Some(ad), _) => format!("by ad {ad}"),
        (None, Some(link)) => format!("by link {link}"),
        (None, None) => String::new(),
    }
}
