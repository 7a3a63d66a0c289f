//! The profile of a page (wire.md 5.1) and what else apps keep about one: menus of single people, personas, labels.
//! Checked for shape and limits, kept as they were given.

use baton_rules::Surface;
use serde_json::{Map, Value};

use crate::errors::GraphError;
use crate::params::{Params, text_of};
use crate::requests::{limited, list, object};

/// The properties, and whether Instagram has them too. The last three are retired; they are taken and kept.
const PROPERTIES: &[(&str, bool)] = &[
    ("greeting", false),
    ("get_started", false),
    ("persistent_menu", true),
    ("ice_breakers", true),
    ("whitelisted_domains", false),
    ("account_linking_url", false),
    ("commands", false),
    ("home_url", false),
    ("target_audience", false),
    ("payment_settings", false),
];
/// The longest greeting, payload, title of a menu's item, question and address, in characters.
const GREETING: usize = 160;
const PAYLOAD: usize = 1000;
const ITEM_TITLE: usize = 30;
const QUESTION: usize = 80;
const ADDRESS: usize = 4096;
/// How many items a menu has, ice breakers, commands, domains, and locales, at most.
const ITEMS: usize = 20;
const ICE_BREAKERS: usize = 4;
/// How deep menus lie in menus, at most.
const NESTED: usize = 2;
const COMMANDS: usize = 100;
const DOMAINS: usize = 50;
const LOCALES: usize = 100;

/// The properties that a surface has.
pub fn properties(surface: Surface) -> impl Iterator<Item = &'static str> {
    let has =
        move |(name, both): &(&'static str, bool)| (*both || surface == Surface::Messenger).then_some(*name);
    PROPERTIES.iter().filter_map(has)
}

/// The properties that a call sets, each with what it becomes.
pub fn set(params: &Params, surface: Surface) -> Result<Vec<(&'static str, Value)>, GraphError> {
    let mut given = Vec::new();
    for (name, _) in PROPERTIES {
        let Some(value) = params.get(name) else { continue };
        if !properties(surface).any(|known| known == *name) {
            return Err(GraphError::parameter(format!("Param {name} is not available on Instagram")));
        }
        given.push((*name, property(params, name, value)?));
    }
    if given.is_empty() {
        let known: Vec<&str> = properties(surface).collect();
        return Err(GraphError::parameter(format!("Requires one of the params: {}", known.join(", "))));
    }
    Ok(given)
}

/// The properties that a call names (`fields`), to be read or deleted; empty where it names none.
pub fn named(params: &Params, name: &str, surface: Surface) -> Result<Vec<&'static str>, GraphError> {
    let known = |word: &String| properties(surface).find(|known| known == word);
    let wrong = || {
        let all: Vec<&str> = properties(surface).collect();
        GraphError::parameter(format!("Param {name} must be one or more of {{{}}}", all.join(", ")))
    };
    let words = params.list(name).unwrap_or_default();
    words.iter().map(|word| known(word).ok_or_else(wrong)).collect()
}

fn property(params: &Params, name: &str, value: &Value) -> Result<Value, GraphError> {
    match name {
        "greeting" => each(params, name, value, LOCALES, |at, entry| {
            needs(at, entry, "locale", PAYLOAD)?;
            needs(at, entry, "text", GREETING)
        }),
        "get_started" => {
            let mut given = object(params, name, value)?;
            needs(name, &mut given, "payload", PAYLOAD)?;
            Ok(Value::Object(given))
        }
        "persistent_menu" => menu(params, name, value),
        "ice_breakers" => ice_breakers(params, name, value),
        "whitelisted_domains" => {
            let domains = params.list(name).unwrap_or_default();
            if domains.is_empty() || domains.len() > DOMAINS {
                return Err(GraphError::parameter(format!("Param {name} must have 1 to {DOMAINS} elements")));
            }
            domains.iter().try_for_each(|domain| web(name, domain))?;
            Ok(Value::from(domains))
        }
        "account_linking_url" => {
            let url = limited(name, value, ADDRESS)?;
            web(name, &url)?;
            Ok(Value::String(url))
        }
        "commands" => each(params, name, value, LOCALES, |at, entry| {
            let name = format!("{at}[commands]");
            let commands = entry.get("commands").ok_or_else(|| GraphError::required(&name))?;
            let commands = each(params, &name, commands, COMMANDS, |at, command| {
                needs(at, command, "name", 32)?;
                needs(at, command, "description", 64)
            })?;
            entry.insert("commands".to_owned(), commands);
            Ok(())
        }),
        "home_url" => {
            let mut given = object(params, name, value)?;
            needs(name, &mut given, "url", ADDRESS)?;
            Ok(Value::Object(given))
        }
        _ => object(params, name, value).map(Value::Object),
    }
}

/// A menu: for each locale what it offers; one for everybody else (`default`) must be there.
pub fn menu(params: &Params, name: &str, value: &Value) -> Result<Value, GraphError> {
    let menu = each(params, name, value, LOCALES, |at, entry| {
        needs(at, entry, "locale", PAYLOAD)?;
        let name = format!("{at}[call_to_actions]");
        if let Some(items) = entry.get("call_to_actions") {
            let items = each(params, &name, items, ITEMS, |at, entry| item(params, at, entry, NESTED))?;
            entry.insert("call_to_actions".to_owned(), items);
        }
        Ok(())
    })?;
    let is_default = |entry: &Value| entry["locale"] == "default";
    if !menu.as_array().is_some_and(|entries| entries.iter().any(is_default)) {
        return Err(GraphError::parameter(format!("Param {name} must have an entry for the locale default")));
    }
    Ok(menu)
}

/// An item: an address, a payload, or (retired, and still sent) a menu of its own, `deeper` levels at most.
fn item(params: &Params, at: &str, item: &mut Map<String, Value>, deeper: usize) -> Result<(), GraphError> {
    needs(at, item, "type", PAYLOAD)?;
    needs(at, item, "title", ITEM_TITLE)?;
    match item["type"].as_str() {
        Some("nested") if deeper > 0 => {
            let name = format!("{at}[call_to_actions]");
            let items = item.get("call_to_actions").ok_or_else(|| GraphError::required(&name))?;
            let items =
                each(params, &name, items, ITEMS, |at, entry| self::item(params, at, entry, deeper - 1))?;
            item.insert("call_to_actions".to_owned(), items);
            Ok(())
        }
        Some("postback") => needs(at, item, "payload", PAYLOAD),
        Some("web_url") => {
            needs(at, item, "url", ADDRESS)?;
            web(&format!("{at}[url]"), item["url"].as_str().unwrap_or_default())
        }
        _ => Err(GraphError::parameter(format!("Param {at}[type] must be one of {{web_url, postback}}"))),
    }
}

/// Ice breakers in either form: questions, or questions for each locale.
fn ice_breakers(params: &Params, name: &str, value: &Value) -> Result<Value, GraphError> {
    let question = |at: &str, entry: &mut Map<String, Value>| {
        needs(at, entry, "question", QUESTION)?;
        needs(at, entry, "payload", PAYLOAD)
    };
    let given = list(params, name, value, LOCALES)?;
    let by_locale = given
        .iter()
        .any(|entry| params.object_of(entry).is_some_and(|entry| entry.contains_key("call_to_actions")));
    if !by_locale {
        return each(params, name, value, ICE_BREAKERS, question);
    }
    each(params, name, value, LOCALES, |at, entry| {
        let name = format!("{at}[call_to_actions]");
        let asked = entry.get("call_to_actions").ok_or_else(|| GraphError::required(&name))?;
        let asked = each(params, &name, asked, ICE_BREAKERS, question)?;
        entry.insert("call_to_actions".to_owned(), asked);
        Ok(())
    })
}

/// A list that is not empty, each element an object that is checked.
fn each(
    params: &Params,
    name: &str,
    value: &Value,
    most: usize,
    check: impl Fn(&str, &mut Map<String, Value>) -> Result<(), GraphError>,
) -> Result<Value, GraphError> {
    let given = list(params, name, value, most)?;
    if given.is_empty() {
        return Err(GraphError::required(name));
    }
    let mut checked = Vec::with_capacity(given.len());
    for (index, entry) in given.iter().enumerate() {
        let at = format!("{name}[{index}]");
        let mut entry = object(params, &at, entry)?;
        check(&at, &mut entry)?;
        checked.push(Value::Object(entry));
    }
    Ok(Value::Array(checked))
}

/// A text that must be there; a number becomes one.
fn needs(at: &str, entry: &mut Map<String, Value>, key: &str, most: usize) -> Result<(), GraphError> {
    let name = format!("{at}[{key}]");
    let value = entry.get(key).ok_or_else(|| GraphError::required(&name))?;
    let text = limited(&name, value, most)?;
    if text.is_empty() {
        return Err(GraphError::required(&name));
    }
    entry.insert(key.to_owned(), Value::String(text));
    Ok(())
}

fn web(name: &str, url: &str) -> Result<(), GraphError> {
    let lower = url.get(..8).unwrap_or(url).to_ascii_lowercase();
    if lower.starts_with("http://") || lower.starts_with("https://") {
        Ok(())
    } else {
        Err(GraphError::parameter(format!("Param {name} must be a web address")))
    }
}

/// The item of a menu, or the question of ice breakers, that a tap was on: by its payload, or by its address.
pub fn tapped<'a>(value: &'a Value, payload: Option<&str>, url: Option<&str>) -> Option<&'a Value> {
    value.as_array()?.iter().find_map(|entry| {
        let is = |key: &str, wanted: Option<&str>| {
            wanted.is_some_and(|wanted| entry.get(key).and_then(text_of).as_deref() == Some(wanted))
        };
        if is("payload", payload) || is("url", url) {
            return Some(entry);
        }
        // Checked when it was set: these lists lie in locales, and in one another no deeper than `NESTED`.
        entry.get("call_to_actions").and_then(|items| tapped(items, payload, url))
    })
}

#[cfg(test)]
mod tests {
    //! What a page can say about itself, and what is wrong with what it says.

    use baton_rules::Surface;
    use serde_json::{Value, json};

    use super::{named, set, tapped};
    use crate::params::{Limits, Params};

    fn params(value: &Value) -> Params {
        Params::from_object(value.as_object().cloned().unwrap(), Limits::default())
    }

    #[test]
    fn what_is_well_formed_is_kept_as_it_was_given() {
        let menu = json!([{"locale": "default", "composer_input_disabled": true, "call_to_actions": [
            {"type": "postback", "title": "Talk", "payload": "P"}, {"type": "web_url", "title": "Shop", "url": "https://x.test", "webview_height_ratio": "full"}]}]);
        for (name, value) in [
            ("greeting", json!([{"locale": "default", "text": "Hello"}])),
            ("get_started", json!({"payload": "START"})),
            ("persistent_menu", menu.clone()),
            ("ice_breakers", json!([{"question": "Where?", "payload": "W"}])),
            (
                "ice_breakers",
                json!([{"call_to_actions": [{"question": "Where?", "payload": "W"}], "locale": "en_US"}]),
            ),
            ("whitelisted_domains", json!(["https://x.test"])),
            ("account_linking_url", json!("https://x.test/login")),
            (
                "commands",
                json!([{"locale": "default", "commands": [{"name": "flights", "description": "Find flights"}]}]),
            ),
            ("home_url", json!({"url": "https://x.test", "webview_height_ratio": "tall"})),
            ("target_audience", json!({"audience_type": "all"})),
            ("payment_settings", json!({"privacy_url": "https://x.test/privacy"})),
        ] {
            let given = params(&json!({name: value, "unknown": 1, "greeting_": null}));
            assert_eq!(set(&given, Surface::Messenger), Ok(vec![(name, value.clone())]));
            let text =
                params(&json!({name: value.as_str().map_or_else(|| value.to_string(), str::to_owned)}));
            assert_eq!(set(&text, Surface::Messenger), Ok(vec![(name, value.clone())]), "as a JSON text");
            let instagram = set(&given, Surface::Instagram).is_ok();
            assert_eq!(instagram, name == "persistent_menu" || name == "ice_breakers", "{name}");
        }
        let item = |payload, url| tapped(&menu, payload, url).map(|item| item["title"].clone());
        assert_eq!(item(Some("P"), None), Some(json!("Talk")));
        assert_eq!(item(None, Some("https://x.test")), Some(json!("Shop")));
        assert_eq!((item(Some("Q"), None), item(None, None)), (None, None));
    }

    /// An item that lies in so many menus.
    fn nested(deep: usize) -> Value {
        let innermost = json!({"type": "postback", "title": "Deep", "payload": "D"});
        (0..deep)
            .fold(innermost, |item, _| json!({"type": "nested", "title": "More", "call_to_actions": [item]}))
    }

    #[test]
    fn menus_lie_in_menus_and_are_tapped_there() {
        let menu = json!([{"locale": "default", "call_to_actions": [nested(2)]}]);
        let given = params(&json!({"persistent_menu": menu}));
        assert_eq!(set(&given, Surface::Messenger), Ok(vec![("persistent_menu", menu.clone())]));
        assert_eq!(tapped(&menu, Some("D"), None).map(|item| &item["title"]), Some(&json!("Deep")));
    }

    #[test]
    fn what_is_not_says_why() {
        let item =
            |item: Value| json!({"persistent_menu": [{"locale": "default", "call_to_actions": [item]}]});
        for (given, expected) in [
            (json!({"id": "1"}), "Requires one of the params: greeting, get_started"),
            (
                json!({"greeting": [{"locale": "default", "text": "t".repeat(161)}]}),
                "less than or equal to 160",
            ),
            (json!({"greeting": []}), "The parameter greeting is required"),
            (json!({"greeting": "hello"}), "must be an array"),
            (json!({"get_started": {"payload": ""}}), "get_started[payload] is required"),
            (json!({"persistent_menu": [{"locale": "de_DE"}]}), "entry for the locale default"),
            (
                item(json!({"type": "postback", "title": "t".repeat(31), "payload": "p"})),
                "less than or equal to 30",
            ),
            (item(json!({"type": "postback", "title": "t"})), "[payload] is required"),
            (
                item(json!({"type": "web_url", "title": "t", "url": "javascript:x"})),
                "[url] must be a web address",
            ),
            (item(json!({"type": "call", "title": "t"})), "must be one of {web_url, postback}"),
            (item(json!({"type": "nested", "title": "t"})), "[call_to_actions] is required"),
            (
                item(nested(3)),
                "[call_to_actions][0][call_to_actions][0][call_to_actions][0][type] must be one of",
            ),
            (
                json!({"persistent_menu": [{"locale": "default", "call_to_actions": vec![json!({}); 21]}]}),
                "at most 20 elements",
            ),
            (
                json!({"ice_breakers": vec![json!({"question": "q", "payload": "p"}); 5]}),
                "at most 4 elements",
            ),
            (json!({"ice_breakers": [{"question": "q"}]}), "[payload] is required"),
            (json!({"whitelisted_domains": ["x.test"]}), "must be a web address"),
            (
                json!({"commands": [{"locale": "default", "commands": [{"name": "n".repeat(33), "description": "d"}]}]}),
                "equal to 32",
            ),
        ] {
            let wrong = set(&params(&given), Surface::Messenger).unwrap_err();
            assert!(wrong.code == 100 && wrong.message.contains(expected), "{given}: {wrong}");
        }
    }

    #[test]
    fn fields_name_properties() {
        let of = |value: Value, surface| named(&params(&json!({"fields": value})), "fields", surface);
        assert_eq!(
            of(json!("get_started, greeting"), Surface::Messenger),
            Ok(vec!["get_started", "greeting"])
        );
        assert_eq!(of(json!(null), Surface::Messenger), Ok(vec![]));
        assert!(of(json!(["get_started"]), Surface::Instagram).is_err());
        assert!(of(json!(["x"]), Surface::Messenger).unwrap_err().message.contains("must be one or more of"));
    }
}
