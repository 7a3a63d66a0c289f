//! Where the next part of a list begins: opaque to clients, so that what it says may change.

use serde_json::Value;

/// A cursor of these parts; the first says for which list it is.
pub(super) fn written(parts: &[&str]) -> String {
    hex::encode(parts.join("\n"))
}

/// The parts of a cursor, if it is of this list.
pub(super) fn read(list: &str, cursor: &str) -> Option<Vec<String>> {
    let text = String::from_utf8(hex::decode(cursor).ok()?).ok()?;
    let parts: Vec<String> = text.split('\n').map(str::to_owned).collect();
    (parts.first()? == list).then_some(parts)
}

/// A list as it is answered.
pub(super) fn list(data: Vec<Value>, next: Option<String>) -> Value {
    let fields = [("data", Value::Array(data)), ("next", next.map_or(Value::Null, Value::String))];
    Value::Object(fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}
