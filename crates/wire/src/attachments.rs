//! Files and stickers in messages: by an address, by the id of one that was kept, or with the call itself.

use serde_json::{Map, Value, json};

use crate::errors::GraphError;
use crate::params::{Params, text_of};
use crate::requests::object;

/// The longest address of a file, in bytes.
const ADDRESS: usize = 4096;

/// A sticker of the platform's: a number.
pub(crate) fn sticker(value: &Value) -> Result<Value, GraphError> {
    let number = text_of(value).and_then(|text| text.trim().parse::<u64>().ok());
    let number = number.ok_or_else(|| GraphError::parameter("Param message[sticker_id] must be a number"))?;
    Ok(json!({"type": "sticker", "payload": {"sticker_id": number}}))
}

/// A file: an address, the id of one that was kept, or the one that comes with the call. What comes of it is
/// `{type, payload: {url} or {attachment_id} or {}}`, with `is_reusable` where it shall be kept.
pub(crate) fn file(
    params: &Params,
    name: &str,
    kind: &str,
    payload: Option<&Value>,
) -> Result<Value, GraphError> {
    let name = format!("{name}[payload]");
    let given =
        payload.filter(|value| !value.is_null()).map(|value| object(params, &name, value)).transpose()?;
    let given = given.unwrap_or_default();
    let text = |key: &str| given.get(key).and_then(text_of).filter(|text| !text.is_empty());
    let is_reusable = match given.get("is_reusable") {
        Some(Value::Bool(is)) => *is,
        other => other.and_then(text_of).is_some_and(|word| word == "true" || word == "1"),
    };
    let mut kept = Map::new();
    match (text("attachment_id"), text("url"), params.upload()) {
        (Some(id), None, None) => drop(kept.insert("attachment_id".to_owned(), Value::String(id))),
        (None, Some(url), None) => drop(kept.insert("url".to_owned(), Value::String(address(&name, url)?))),
        (None, None, Some(_)) => {}
        (None, None, None) => {
            let text = format!(
                "Param {name} must have a url or an attachment_id, or filedata must come with the call"
            );
            return Err(GraphError::parameter(text));
        }
        (..) => {
            let text = format!("Param {name} must have one of url, attachment_id and filedata, not several");
            return Err(GraphError::parameter(text));
        }
    }
    if is_reusable {
        kept.insert("is_reusable".to_owned(), Value::Bool(true));
    }
    let attachment = [("type".to_owned(), Value::from(kind)), ("payload".to_owned(), Value::Object(kept))];
    Ok(Value::Object(Map::from_iter(attachment)))
}

/// How many images one message on Instagram has at most.
const IMAGES: usize = 10;

/// Images by their addresses, on Instagram: a list, or one alone.
pub(crate) fn images(params: &Params, name: &str, value: &Value) -> Result<Vec<Value>, GraphError> {
    let given = match params.object_of(value) {
        Some(one) if !one.is_empty() => vec![Value::Object(one)],
        Some(_) => Vec::new(),
        None => crate::requests::list(params, name, value, IMAGES)?,
    };
    if given.is_empty() {
        return Err(GraphError::required(name));
    }
    let one = |(index, image): (usize, &Value)| {
        let name = format!("{name}[{index}]");
        let image = object(params, &name, image)?;
        if image.get("type").and_then(text_of).is_none_or(|kind| !kind.eq_ignore_ascii_case("image")) {
            return Err(GraphError::parameter(format!("Param {name}[type] must be one of {{image}}")));
        }
        let url = image.get("payload").and_then(|payload| params.object_of(payload)).unwrap_or_default();
        let url = url.get("url").and_then(text_of).unwrap_or_default();
        let url = address(&format!("{name}[payload]"), url)?;
        Ok(json!({"type": "image", "payload": {"url": url}}))
    };
    given.iter().enumerate().map(one).collect()
}

/// A post of the account's own, on Instagram, by its id.
pub(crate) fn post(params: &Params, name: &str, payload: Option<&Value>) -> Result<Value, GraphError> {
    let name = format!("{name}[payload]");
    let given = payload.ok_or_else(|| GraphError::required(&name))?;
    let given = object(params, &name, given)?;
    let id = given.get("id").and_then(text_of).filter(|id| !id.is_empty());
    let id = id.ok_or_else(|| GraphError::required(&format!("{name}[id]")))?;
    Ok(json!({"type": "media_share", "payload": {"id": id}}))
}

/// An address that a person's app can show.
fn address(name: &str, url: String) -> Result<String, GraphError> {
    let lower = url.trim_start().get(..8).unwrap_or_default().to_ascii_lowercase();
    let is_web = lower == "https://" || lower.starts_with("http://");
    if !is_web || url.len() > ADDRESS || url.contains(char::is_whitespace) {
        return Err(GraphError::parameter(format!("Param {name}[url] must be a web address")));
    }
    Ok(url)
}
