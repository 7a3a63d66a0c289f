//! Looks at the fields of a JSON object and gathers what is wrong with them, all of it at once, each with
//! its JSON pointer.

use serde_json::{Map, Value};

use crate::inbound::FieldError;

/// What was found wrong so far.
#[derive(Default)]
pub(crate) struct Shape(Vec<FieldError>);

type Object = Map<String, Value>;

impl Shape {
    /// What was read, if nothing was wrong.
    pub(crate) fn done<T>(self, read: Option<T>) -> Result<T, Vec<FieldError>> {
        match read {
            Some(read) if self.0.is_empty() => Ok(read),
            _ => Err(self.0),
        }
    }

    /// Something is wrong.
    pub(crate) fn wrong(&mut self, pointer: &str, detail: impl Into<String>) {
        self.0.push(FieldError { pointer: pointer.to_owned(), detail: detail.into() });
    }

    /// Refuses fields that are not known.
    pub(crate) fn known(&mut self, at: &str, object: &Object, names: &[&str]) {
        for name in object.keys().filter(|name| !names.contains(&name.as_str())) {
            self.wrong(&below(at, name), format!("unknown field; known here: {}", names.join(", ")));
        }
    }

    /// A text; `null` is absent, anything else is wrong.
    pub(crate) fn text<'a>(
        &mut self,
        at: &str,
        object: &'a Object,
        name: &str,
        max: usize,
    ) -> Option<&'a str> {
        let text = match given(object, name)? {
            Value::String(text) => text,
            other => {
                self.wrong(&below(at, name), format!("must be a string, not {}", kind(other)));
                return None;
            }
        };
        // Bytes bound characters from above: most texts needn't be counted.
        if text.len() > max && text.chars().count() > max {
            self.wrong(&below(at, name), format!("is longer than {max} characters"));
            return None;
        }
        Some(text)
    }

    /// A text that must be there.
    pub(crate) fn present_text<'a>(
        &mut self,
        at: &str,
        object: &'a Object,
        name: &str,
        max: usize,
    ) -> Option<&'a str> {
        if given(object, name).is_none() {
            self.wrong(&below(at, name), "is required");
        }
        self.text(at, object, name, max)
    }

    /// A text that must be there and not be empty.
    pub(crate) fn required_text<'a>(
        &mut self,
        at: &str,
        object: &'a Object,
        name: &str,
        max: usize,
    ) -> Option<&'a str> {
        let text = self.present_text(at, object, name, max)?;
        if text.is_empty() {
            self.wrong(&below(at, name), "must not be empty");
            return None;
        }
        Some(text)
    }

    /// A text that must be one of these.
    pub(crate) fn one_of(&mut self, at: &str, object: &Object, name: &str, words: &[&str]) {
        if let Some(word) = self.required_text(at, object, name, usize::MAX)
            && !words.contains(&word)
        {
            self.wrong(&below(at, name), format!("must be one of {}", words.join(", ")));
        }
    }

    /// A whole number that is not negative.
    pub(crate) fn number(&mut self, at: &str, object: &Object, name: &str) -> Option<u64> {
        let value = given(object, name)?;
        if value.as_u64().is_none() {
            self.wrong(&below(at, name), "must be a whole number");
        }
        value.as_u64()
    }

    /// An object.
    pub(crate) fn object<'a>(&mut self, at: &str, object: &'a Object, name: &str) -> Option<&'a Object> {
        let value = given(object, name)?;
        if !value.is_object() {
            self.wrong(&below(at, name), format!("must be an object, not {}", kind(value)));
        }
        value.as_object()
    }

    /// An array.
    pub(crate) fn array<'a>(&mut self, at: &str, object: &'a Object, name: &str) -> Option<&'a [Value]> {
        let value = given(object, name)?;
        if !value.is_array() {
            self.wrong(&below(at, name), format!("must be an array, not {}", kind(value)));
        }
        value.as_array().map(Vec::as_slice)
    }
}

/// A field; `null` is absent.
fn given<'a>(object: &'a Object, name: &str) -> Option<&'a Value> {
    object.get(name).filter(|value| !value.is_null())
}

/// The pointer of a field.
fn below(at: &str, name: &str) -> String {
    format!("{at}/{}", name.replace('~', "~0").replace('/', "~1"))
}

/// What a value is, in words.
fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}
