//! The template `customer_feedback`, a survey: its shape and limits. Passed on as it is.

use serde_json::{Map, Value};

use super::{limited, list, object};
use crate::errors::GraphError;
use crate::params::{Params, text_of};

/// The longest texts, in characters.
const TEXTS: [(&str, usize); 3] = [("title", 65), ("subtitle", 80), ("button_title", 20)];
/// How long the survey can be answered, in days.
const DAYS: std::ops::RangeInclusive<u64> = 1..=7;
const TYPES: [&str; 4] = ["csat", "nps", "ces", "free_form"];

pub(super) fn check(params: &Params, name: &str, template: &Map<String, Value>) -> Result<(), GraphError> {
    for (key, most) in TEXTS {
        if let Some(text) = template.get(key) {
            limited(&format!("{name}[{key}]"), text, most)?;
        }
    }
    needed(name, template, "title")?;
    let screen = only(params, name, template, "feedback_screens")?;
    let screens = format!("{name}[feedback_screens][0]");
    let question = only(params, &screens, &screen, "questions")?;
    let asked = format!("{screens}[questions][0]");
    needed(&asked, &question, "id")?;
    let kind = needed(&asked, &question, "type")?;
    if !TYPES.contains(&kind.to_ascii_lowercase().as_str()) {
        let text = format!("Param {asked}[type] must be one of {{{}}}", TYPES.join(", "));
        return Err(GraphError::parameter(text));
    }
    let privacy = format!("{name}[business_privacy]");
    let given = template.get("business_privacy").ok_or_else(|| GraphError::required(&privacy))?;
    needed(&privacy, &object(params, &privacy, given)?, "url")?;
    let days = template.get("expires_in_days").filter(|days| !days.is_null());
    if days.is_some_and(|days| {
        !text_of(days).and_then(|days| days.parse().ok()).is_some_and(|days| DAYS.contains(&days))
    }) {
        let text = format!("Param {name}[expires_in_days] must be an integer between 1 and 7");
        return Err(GraphError::parameter(text));
    }
    Ok(())
}

/// A text that must be there.
fn needed(name: &str, of: &Map<String, Value>, key: &str) -> Result<String, GraphError> {
    let text = of.get(key).and_then(text_of).filter(|text| !text.is_empty());
    text.ok_or_else(|| GraphError::required(&format!("{name}[{key}]")))
}

/// The one element of a list that must have one.
fn only(
    params: &Params,
    name: &str,
    of: &Map<String, Value>,
    key: &str,
) -> Result<Map<String, Value>, GraphError> {
    let name = format!("{name}[{key}]");
    let given = of.get(key).ok_or_else(|| GraphError::required(&name))?;
    let all = list(params, &name, given, 1)?;
    object(params, &format!("{name}[0]"), all.first().ok_or_else(|| GraphError::required(&name))?)
}
