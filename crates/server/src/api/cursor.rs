//! Lists, and where the next part of one begins: opaque to clients, so that what it says may change.

use schemars::JsonSchema;
use serde::Serialize;

/// A part of a list, newest first.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "{T}List")]
pub(super) struct List<T> {
    /// Newest first.
    pub(super) data: Vec<T>,
    /// The `after` of the next part; null: there is none.
    pub(super) next: Option<String>,
}

impl<T> List<T> {
    pub(super) const fn new(data: Vec<T>, next: Option<String>) -> Self {
        Self { data, next }
    }
}

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
