//! What came of something that a person did: the rule, who is in control, who hears it.

use serde_json::Value;

use super::client::Client;
use super::look;
use super::names::Names;

/// Shows it; and of the apps that hear it, which do not get it at the moment.
pub(crate) async fn shown(client: &Client, names: &mut Names, person: &str, page: &str, answer: &Value) {
    let person = look::styled(look::PERSON, person);
    look::line(format!("{person} → {}", look::styled(look::STRONG, names.page(page))));
    let rule = answer["rule"].as_str().unwrap_or_default();
    let via = answer["via"].as_str().map(|via| format!(" (as {via})")).unwrap_or_default();
    look::line(format!("  rule     {}{via}", look::styled(look::RULE, rule)));
    look::line(format!("  control  {}", control(&answer["thread"], &answer["at"], page, names)));
    let notices = answer["notices"].as_array().into_iter().flatten();
    names.ask_for_trouble(client, notices.filter_map(|notice| notice["app_id"].as_str())).await;
    for (index, notice) in answer["notices"].as_array().into_iter().flatten().enumerate() {
        let word = if index == 0 { "hears" } else { "" };
        let app = names.app_of(&notice["app_id"]).unwrap_or_default();
        let event = notice["event"].as_str().unwrap_or_default();
        let standby = if notice["channel"] == "standby" {
            look::styled(look::DIM, " on standby")
        } else {
            String::new()
        };
        let id = notice["app_id"].as_str().unwrap_or_default();
        let trouble = names.trouble(id).map(|why| look::styled(look::WARNING, format!("  {why}")));
        let trouble = trouble.unwrap_or_default();
        look::line(format!("  {word:<7}  {} {event}{standby}{trouble}", look::column(look::APP, &app, 16)));
    }
}

/// Who controls a thread, in words.
pub(crate) fn control(thread: &Value, now: &Value, page: &str, names: &Names) -> String {
    let Some(owner) = thread["owner_app_id"].as_str() else {
        return "nobody: the conversation is idle".to_owned();
    };
    let name = look::styled(look::APP, names.app(owner));
    let time = |value: &Value| value.as_str().and_then(look::milliseconds_of);
    match (time(&thread["expires_at"]), time(now)) {
        (Some(until), now) => format!("{name} until {}", look::moment(until, now.unwrap_or_default())),
        (None, _) if names.is_default(page, owner) => format!("{name}, the default app"),
        (None, _) => name,
    }
}
