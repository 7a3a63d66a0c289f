//! `thread_settings`: how a page's profile was set before there was `messenger_profile`. Deployed libraries still do, and
//! each of its settings is a property of the profile.

use baton_rules::Surface;
use serde_json::{Map, Value, json};

use crate::errors::GraphError;
use crate::params::Params;
use crate::profile;

/// What a call does to a property.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// It becomes this.
    Set(Value),
    /// These are of its list from now on.
    Add(Vec<String>),
    /// These are not any more.
    Remove(Vec<String>),
}

/// The property that `setting_type` means, and `thread_state` with it.
pub fn property(params: &Params) -> Result<&'static str, GraphError> {
    let word = |name: &str| params.text(name).map(|text| text.trim().to_ascii_lowercase());
    match word("setting_type").as_deref() {
        None | Some("") => Err(GraphError::required("setting_type")),
        Some("greeting") => Ok("greeting"),
        Some("domain_whitelisting") => Ok("whitelisted_domains"),
        Some("account_linking") => Ok("account_linking_url"),
        Some("call_to_actions") => match word("thread_state").as_deref() {
            Some("new_thread") => Ok("get_started"),
            Some("existing_thread") => Ok("persistent_menu"),
            _ => {
                Err(GraphError::parameter("Param thread_state must be one of {new_thread, existing_thread}"))
            }
        },
        Some(_) => {
            let words = "greeting, call_to_actions, domain_whitelisting, account_linking";
            Err(GraphError::parameter(format!("Param setting_type must be one of {{{words}}}")))
        }
    }
}

/// `POST /{page}/thread_settings`: the property, and what becomes of it, checked as the profile's own call is.
pub fn set(params: &Params) -> Result<(&'static str, Change), GraphError> {
    let property = property(params)?;
    let given = |name: &str| params.get(name).cloned().ok_or_else(|| GraphError::required(name));
    let value = match property {
        "greeting" => {
            let greeting = params.object("greeting")?.ok_or_else(|| GraphError::required("greeting"))?;
            json!([{"locale": "default", "text": greeting.get("text")}])
        }
        "get_started" => {
            let tapped = given("call_to_actions")?;
            let first = params.array_of(&tapped).and_then(|all| all.into_iter().next());
            first.ok_or_else(|| GraphError::required("call_to_actions"))?
        }
        "persistent_menu" => json!([{"locale": "default", "call_to_actions": given("call_to_actions")?}]),
        name => given(name)?,
    };
    let as_profile = Params::from_object(Map::from_iter([(property.to_owned(), value)]), params.limits());
    let checked = profile::set(&as_profile, Surface::Messenger)?.pop();
    let (_, value) = checked.ok_or_else(GraphError::internal)?;
    if property != "whitelisted_domains" {
        return Ok((property, Change::Set(value)));
    }
    let domains = as_profile.list(property).unwrap_or_default();
    match params.text("domain_action_type").map(|text| text.trim().to_ascii_lowercase()).as_deref() {
        Some("add") => Ok((property, Change::Add(domains))),
        Some("remove") => Ok((property, Change::Remove(domains))),
        _ => Err(GraphError::parameter("Param domain_action_type must be one of {add, remove}")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{Change, property, set};
    use crate::params::{Limits, Params};

    fn params(value: &Value) -> Params {
        Params::from_object(value.as_object().cloned().unwrap(), Limits::default())
    }

    #[test]
    fn each_setting_is_a_property_of_the_profile() {
        let domains = vec!["https://x.test".to_owned()];
        let item = json!({"type": "postback", "title": "Talk", "payload": "P"});
        for (given, name, change) in [
            (
                json!({"setting_type": "greeting", "greeting": {"text": "Hi"}}),
                "greeting",
                Change::Set(json!([{"locale": "default", "text": "Hi"}])),
            ),
            (
                json!({"setting_type": "call_to_actions", "thread_state": "new_thread", "call_to_actions": [{"payload": "P"}]}),
                "get_started",
                Change::Set(json!({"payload": "P"})),
            ),
            (
                json!({"setting_type": "call_to_actions", "thread_state": "existing_thread", "call_to_actions": json!([item]).to_string()}),
                "persistent_menu",
                Change::Set(json!([{"locale": "default", "call_to_actions": [item]}])),
            ),
            (
                json!({"setting_type": "domain_whitelisting", "domain_action_type": "add", "whitelisted_domains": domains}),
                "whitelisted_domains",
                Change::Add(domains.clone()),
            ),
            (
                json!({"setting_type": "domain_whitelisting", "domain_action_type": "REMOVE", "whitelisted_domains": domains}),
                "whitelisted_domains",
                Change::Remove(domains),
            ),
            (
                json!({"setting_type": "account_linking", "account_linking_url": "https://x.test/login"}),
                "account_linking_url",
                Change::Set(json!("https://x.test/login")),
            ),
        ] {
            assert_eq!(set(&params(&given)), Ok((name, change)), "{given}");
            assert_eq!(property(&params(&given)), Ok(name));
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (given, part) in [
            (json!({}), "setting_type is required"),
            (json!({"setting_type": "payment"}), "setting_type must be one of"),
            (json!({"setting_type": "call_to_actions"}), "thread_state must be one of"),
            (json!({"setting_type": "greeting"}), "greeting is required"),
            (json!({"setting_type": "greeting", "greeting": {}}), "greeting[0][text]"),
            (
                json!({"setting_type": "call_to_actions", "thread_state": "new_thread", "call_to_actions": []}),
                "call_to_actions is required",
            ),
            (
                json!({"setting_type": "domain_whitelisting", "whitelisted_domains": ["https://x.test"]}),
                "domain_action_type must be one of",
            ),
            (json!({"setting_type": "account_linking"}), "account_linking_url is required"),
        ] {
            let wrong = set(&params(&given)).unwrap_err();
            assert!(wrong.code == 100 && wrong.message.contains(part), "{given}: {wrong}");
        }
    }
}
