//! The parameters of a Graph call, from wherever a client put them: the query string, a JSON body, a form
//! (JSON texts or brackets as values), a multipart body. One small reader, not one for each endpoint (API-2).

use baton_rules::PersonId;
use bytes::Bytes;
use serde_json::{Map, Value};

use crate::errors::GraphError;
use crate::fields::Field;
use crate::{fields, lenient};

use form::Form;

mod form;
mod multipart;

/// How much is read at most (contract.md, Limits).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    /// Nesting of JSON and of brackets.
    pub depth: usize,
    /// Fields of a form.
    pub fields: usize,
    /// Characters of a control call's `metadata` (API-8).
    pub metadata: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { depth: 64, fields: 1000, metadata: 2000 }
    }
}

/// The parameters of one call.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Params {
    values: Map<String, Value>,
    limits: Limits,
    /// The files of a multipart body, with the names of their parts. Only a batch may bring several.
    uploads: Vec<(String, Upload)>,
}

/// A file that came with a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upload {
    /// What its part says it is (`Content-Type`), without parameters, in lower case; a guess of the client's.
    pub mime: String,
    /// Its name on the client's side.
    pub file_name: Option<String>,
    /// What is in it.
    pub bytes: Bytes,
}

impl Params {
    /// Whether a body of this type may bring a file, so that it may be larger than others.
    pub fn may_upload(content_type: Option<&str>) -> bool {
        essence(content_type).starts_with("multipart/")
    }

    /// Reads query string and body. `content_type` is the header's value.
    pub fn read(
        query: &str,
        content_type: Option<&str>,
        body: &Bytes,
        limits: Limits,
    ) -> Result<Self, GraphError> {
        let mut form = Form::new(limits);
        form.read("query string", query.as_bytes())?;
        let mut values = form.take();
        // What stands in an address is no field of the form.
        form.begin();
        let essence = essence(content_type);
        let is_json = essence == "application/json" || essence.ends_with("+json");
        let mut uploads = Vec::new();
        let given = if body.iter().all(u8::is_ascii_whitespace) {
            // Several clients send a JSON content type with nothing.
            Map::new()
        } else if essence.starts_with("multipart/") {
            uploads = multipart::read(content_type.unwrap_or_default(), body, &mut form)?;
            form.take()
        } else if is_json || body.trim_ascii_start().starts_with(b"{") {
            // No form begins with a brace; JSON comes as text/plain, as a form (curl -d) and without a type.
            json(body, limits)?
        } else {
            form.read("body", body)?;
            form.take()
        };
        // The body wins, unless what it says is nothing.
        values.extend(given.into_iter().filter(|(_, value)| !value.is_null()));
        Ok(Self { values, limits, uploads })
    }

    /// Parameters that are an object already: an item of a batch, a dry run.
    pub fn from_object(values: Map<String, Value>, limits: Limits) -> Self {
        Self { values, limits, uploads: Vec::new() }
    }

    /// How much is read at most.
    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// Says who is meant, where that had to be looked up.
    pub fn set_recipient(&mut self, person: &PersonId) {
        self.values.insert("recipient".to_owned(), serde_json::json!({"id": person.as_str()}));
    }

    /// The file that came with the call.
    pub fn upload(&self) -> Option<&Upload> {
        self.uploads.first().map(|(_, upload)| upload)
    }

    /// Takes the file out, so that it is held no longer than needed.
    pub fn take_upload(&mut self) -> Option<Upload> {
        self.uploads.pop().map(|(_, upload)| upload)
    }

    /// A call takes one file, unless it is a batch, whose items take one each.
    pub fn has_one_upload(&self) -> Result<(), GraphError> {
        match self.uploads.len() {
            0 | 1 => Ok(()),
            _ => Err(GraphError::parameter("There is more than one file in the multipart body")),
        }
    }

    /// The file whose part has this name, of those that came with a batch.
    pub(crate) fn upload_named(&self, name: &str) -> Option<&Upload> {
        self.uploads.iter().find(|(known, _)| known == name).map(|(_, upload)| upload)
    }

    /// The same parameters with a file.
    #[must_use]
    pub(crate) fn with_upload(self, upload: Option<Upload>) -> Self {
        Self { uploads: upload.into_iter().map(|upload| (String::new(), upload)).collect(), ..self }
    }

    /// A parameter; `null` is absent.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.values.get(name).filter(|value| !value.is_null())
    }

    /// A parameter that is a text, or a number taken as its digits.
    pub fn text(&self, name: &str) -> Option<String> {
        text_of(self.get(name)?)
    }

    /// A parameter that is a whole number, or a text that spells one.
    pub fn integer(&self, name: &str) -> Option<i64> {
        match self.get(name)? {
            Value::Number(number) => number.as_i64(),
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        }
    }

    /// A parameter that is an object, or the JSON text of one (lenient). A text of nothing is absent.
    pub fn object(&self, name: &str) -> Result<Option<Map<String, Value>>, GraphError> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::String(text)) if text.trim().is_empty() => Ok(None),
            Some(value) => match self.object_of(value) {
                Some(object) => Ok(Some(object)),
                None => Err(GraphError::parameter(format!("Param {name} must be a JSON object"))),
            },
        }
    }

    /// A parameter that lists texts: an array, the JSON text of one, or `a,b` with or without spaces
    /// (wire.md 1.4).
    pub fn list(&self, name: &str) -> Option<Vec<String>> {
        let value = self.get(name)?;
        if let Some(array) = self.array_of(value) {
            return Some(array.iter().filter_map(text_of).collect());
        }
        let text = text_of(value)?;
        Some(text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned).collect())
    }

    /// `fields`, with what is asked below each; empty where there is no such parameter.
    pub fn fields(&self) -> Result<Vec<Field>, GraphError> {
        fields::parse(&self.list("fields").unwrap_or_default().join(","), self.limits.depth)
    }

    /// `access_token`, from query or body; the header is the caller's business.
    pub fn access_token(&self) -> Option<&str> {
        self.get("access_token").and_then(Value::as_str)
    }

    /// All of them.
    pub fn as_object(&self) -> &Map<String, Value> {
        &self.values
    }

    /// A value as an object: one, or the JSON text of one. PHP writes an empty one as it writes an empty list.
    pub(crate) fn object_of(&self, value: &Value) -> Option<Map<String, Value>> {
        match value {
            Value::Object(object) => Some(object.clone()),
            Value::Array(array) if array.is_empty() => Some(Map::new()),
            Value::String(text) if text.trim() == "[]" => Some(Map::new()),
            Value::String(text) => match self.value_of(text, '{')? {
                Value::Object(object) => Some(object),
                _ => None,
            },
            _ => None,
        }
    }

    /// A value as an array: one, or the JSON text of one.
    pub(crate) fn array_of(&self, value: &Value) -> Option<Vec<Value>> {
        match value {
            Value::Array(array) => Some(array.clone()),
            Value::String(text) => match self.value_of(text, '[')? {
                Value::Array(array) => Some(array),
                _ => None,
            },
            _ => None,
        }
    }

    fn value_of(&self, text: &str, begins: char) -> Option<Value> {
        let text = text.trim();
        if !text.starts_with(begins) {
            return None;
        }
        // Real JSON by the real reader, which knows better about numbers; the lenient one minds its depth.
        let strict =
            if lenient::depth_of(text) <= self.limits.depth { serde_json::from_str(text).ok() } else { None };
        strict.or_else(|| lenient::parse(text, self.limits.depth))
    }
}

/// A text, or a number taken as its digits.
pub(crate) fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// A content type without its parameters, in lower case.
fn essence(content_type: Option<&str>) -> String {
    let essence = content_type.unwrap_or_default().split(';').next().unwrap_or_default();
    essence.trim().to_ascii_lowercase()
}

fn json(body: &[u8], limits: Limits) -> Result<Map<String, Value>, GraphError> {
    let text = std::str::from_utf8(body).map_err(|_| GraphError::parameter("The body is not valid UTF-8"))?;
    if lenient::depth_of(text) > limits.depth {
        return Err(too_deep(limits));
    }
    match serde_json::from_str(text) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err(GraphError::parameter("The body must be a JSON object")),
        Err(wrong) => Err(GraphError::parameter(format!("The body is not valid JSON: {wrong}"))),
    }
}

fn too_deep(limits: Limits) -> GraphError {
    GraphError::parameter(format!("The body nests deeper than {} levels (limits.depth)", limits.depth))
}
