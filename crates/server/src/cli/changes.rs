//! How a change of settings is told: a line for each value, names instead of ids, and the conversations that
//! get another owner by it.

use serde_json::Value;

use super::look;
use super::names::Names;

/// Conversations that are listed before it is said how many more there are.
const LISTED: usize = 20;
/// The longest value that is shown whole.
const WIDTH: usize = 60;

/// Learns the names of apps and pages that come by this change.
pub(super) fn learn_names(answer: &Value, names: &mut Names) {
    for change in answer["changes"].as_array().into_iter().flatten() {
        let mut parts = change["pointer"].as_str().unwrap_or_default().split('/').skip(1);
        if let (Some(kind), Some(id), None) = (parts.next(), parts.next(), parts.next())
            && let Some(name) = change["to"]["name"].as_str()
        {
            names.learn(kind, id, name);
        }
    }
}

/// Shows the change.
pub(super) fn shown(answer: &Value, dry_run: bool, names: &Names) {
    let changes = answer["changes"].as_array().cloned().unwrap_or_default();
    if changes.is_empty() {
        look::line("nothing changes: the server is as the file says");
        return;
    }
    changes.iter().for_each(|change| look::line(change_line(change, names)));
    let would = if dry_run { "would change" } else { "changed" };
    look::line(format!("{} {would}", counted(changes.len() as u64, "value", "values")));
    let moved = answer["threads_moved"].as_u64().unwrap_or_default();
    if moved == 0 {
        look::line(format!("no live conversation {would} owner"));
        return;
    }
    look::line(format!("{} {would} owner:", counted(moved, "live conversation", "live conversations")));
    let listed: Vec<&Value> = answer["moved"].as_array().into_iter().flatten().take(LISTED).collect();
    listed.iter().for_each(|thread| look::line(moved_line(thread, names)));
    let more = moved.saturating_sub(listed.len() as u64);
    if more > 0 {
        look::line(format!("  and {more} more"));
    }
}

fn counted(many: u64, one: &str, several: &str) -> String {
    if many == 1 { format!("1 {one}") } else { format!("{many} {several}") }
}

fn moved_line(thread: &Value, names: &Names) -> String {
    let person = thread["person_id"].as_str().unwrap_or_default();
    let page = names.page(thread["page_id"].as_str().unwrap_or_default());
    let owner = |key: &str| names.app_of(&thread[key]).unwrap_or_else(|| "nobody".to_owned());
    let on = look::styled(look::DIM, format!(" on {page}"));
    let (from, to) = (owner("from_app_id"), look::styled(look::APP, owner("to_app_id")));
    format!("  {}  {from} → {to}{on}", look::column(look::PERSON, person, 16))
}

fn change_line(change: &Value, names: &Names) -> String {
    let pointer = change["pointer"].as_str().unwrap_or_default();
    let (from, to) = (&change["from"], &change["to"]);
    let (sign, what) = match (from.is_null(), to.is_null()) {
        (true, _) => (look::styled(look::PERSON, "+"), brief(pointer, to, names)),
        (false, true) => (look::styled(look::BAD, "-"), brief(pointer, from, names)),
        (false, false) => (look::styled(look::WARNING, "~"), both(pointer, from, to, names)),
    };
    let about = about(pointer, names).filter(|about| !what.contains(about.as_str()));
    let about = about.map(|about| look::styled(look::DIM, format!("  ({about})"))).unwrap_or_default();
    format!("{sign} {pointer}  {what}{about}")
}

/// Whose value it is, by name.
fn about(pointer: &str, names: &Names) -> Option<String> {
    let parts: Vec<&str> = pointer.split('/').skip(1).collect();
    match parts.as_slice() {
        ["apps", app, _, ..] => Some(names.app(app)),
        ["pages", _, "connections", app, ..] => Some(names.app(app)),
        _ => None,
    }
}

/// A value that changes. Of a list, what comes and what goes.
fn both(pointer: &str, from: &Value, to: &Value, names: &Names) -> String {
    let (Some(was), Some(is)) = (from.as_array(), to.as_array()) else {
        return format!("{} → {}", brief(pointer, from, names), brief(pointer, to, names));
    };
    let told = |sign: char, value: &Value| {
        value.as_str().map_or_else(|| format!("{sign}{value}"), |text| format!("{sign}{text}"))
    };
    let gone = was.iter().filter(|value| !is.contains(value)).map(|value| told('-', value));
    let new = is.iter().filter(|value| !was.contains(value)).map(|value| told('+', value));
    let parts: Vec<String> = gone.chain(new).collect();
    if parts.is_empty() { "in another order".to_owned() } else { parts.join(" ") }
}

/// A value in few words: an app by its name, a table by what it is about.
fn brief(pointer: &str, value: &Value, names: &Names) -> String {
    let key = pointer.rsplit('/').next().unwrap_or_default();
    let names_an_app = matches!(key, "default_app" | "primary_receiver" | "organic_app" | "app");
    match value {
        Value::String(text) if text == "inbox" && names_an_app => "Inbox".to_owned(),
        Value::String(id) if names_an_app => names.app(id),
        // Of a secret only the fact is told.
        Value::String(text) if text == "(old)" || text == "(new)" => text.clone(),
        Value::Object(table) => {
            let text = |key: &str| table.get(key).and_then(Value::as_str);
            match (text("name"), text("app")) {
                (Some(name), _) => name.to_owned(),
                (None, Some(app)) if text("ref").is_some() => format!("→ {}", names.app(app)),
                (None, Some(app)) => names.app(app),
                (None, None) => look::cut(&value.to_string(), WIDTH),
            }
        }
        Value::Array(items) if items.iter().all(Value::is_string) => {
            let texts: Vec<&str> = items.iter().filter_map(Value::as_str).collect();
            look::cut(&texts.join(", "), WIDTH)
        }
        other => look::cut(&other.to_string(), WIDTH),
    }
}
