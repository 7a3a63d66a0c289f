//! The parameters of a Graph call, from wherever a client put them: the query string, a JSON body, a form
//! (JSON texts or brackets as values). One small reader, not one for each endpoint (API-2).

use serde_json::{Map, Value};

use crate::errors::GraphError;
use crate::lenient;

/// How much is read at most (contract.md, Limits).
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Nesting of JSON and of brackets.
    pub depth: usize,
    /// Fields of a form.
    pub fields: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { depth: 64, fields: 1000 }
    }
}

/// The parameters of one call.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Params {
    values: Map<String, Value>,
    /// How deep a value may nest that is a JSON text.
    depth: usize,
}

impl Params {
    /// Reads query string and body. `content_type` is the header's value.
    pub fn read(
        query: &str,
        content_type: Option<&str>,
        body: &[u8],
        limits: Limits,
    ) -> Result<Self, GraphError> {
        let mut form = Form { limits, fields: 0, values: Map::new() };
        form.read("query string", query.as_bytes())?;
        let mut values = form.take();
        let essence = content_type.unwrap_or_default().split(';').next().unwrap_or_default();
        let essence = essence.trim().to_ascii_lowercase();
        if essence.starts_with("multipart/") {
            return Err(GraphError::not_built("A multipart body"));
        }
        let is_json = essence == "application/json" || essence.ends_with("+json");
        let given = if body.iter().all(u8::is_ascii_whitespace) {
            // Several clients send a JSON content type with nothing.
            Map::new()
        } else if is_json || body.trim_ascii_start().starts_with(b"{") {
            // No form begins with a brace; JSON comes as text/plain, as a form (curl -d) and without a type.
            json(body, limits)?
        } else {
            form.read("body", body)?;
            form.take()
        };
        // The body wins, unless what it says is nothing.
        values.extend(given.into_iter().filter(|(_, value)| !value.is_null()));
        Ok(Self { values, depth: limits.depth })
    }

    /// Parameters that are an object already: an item of a batch, a dry run.
    pub fn from_object(values: Map<String, Value>, limits: Limits) -> Self {
        Self { values, depth: limits.depth }
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

    /// `access_token`, from query or body; the header is the caller's business.
    pub fn access_token(&self) -> Option<&str> {
        self.get("access_token").and_then(Value::as_str)
    }

    /// All of them.
    pub fn as_object(&self) -> &Map<String, Value> {
        &self.values
    }

    /// A value as an object: one, or the JSON text of one.
    pub(crate) fn object_of(&self, value: &Value) -> Option<Map<String, Value>> {
        match value {
            Value::Object(object) => Some(object.clone()),
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
            if lenient::depth_of(text) <= self.depth { serde_json::from_str(text).ok() } else { None };
        strict.or_else(|| lenient::parse(text, self.depth))
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

/// A form, or a query string, which is one too.
struct Form {
    limits: Limits,
    /// How many fields there were so far, query string and body together.
    fields: usize,
    values: Map<String, Value>,
}

impl Form {
    fn read(&mut self, whence: &str, bytes: &[u8]) -> Result<(), GraphError> {
        for field in bytes.split(|byte| *byte == b'&').filter(|field| !field.is_empty()) {
            self.fields += 1;
            if self.fields > self.limits.fields {
                let text =
                    format!("There are more than {} form fields (limits.form_fields)", self.limits.fields);
                return Err(GraphError::parameter(text));
            }
            let end = field.iter().position(|byte| *byte == b'=').unwrap_or(field.len());
            let name = decoded(&field[..end]);
            let value = decoded(field.get(end + 1..).unwrap_or_default());
            let (Ok(name), Ok(value)) = (name.as_deref(), value) else {
                let name =
                    name.unwrap_or_else(|wrong| String::from_utf8_lossy(wrong.as_bytes()).into_owned());
                let text = format!("Param {name} of the {whence} is not valid UTF-8");
                return Err(GraphError::parameter(text));
            };
            match path(name) {
                Some(path) if path.len() > self.limits.depth => return Err(too_deep(self.limits)),
                Some(path) => plant(&mut self.values, &path, Value::String(value)),
                None => {
                    self.values.insert(name.to_owned(), Value::String(value));
                }
            }
        }
        Ok(())
    }

    fn take(&mut self) -> Map<String, Value> {
        let mut values = std::mem::take(&mut self.values);
        values.values_mut().for_each(make_lists);
        values
    }
}

/// `+` is a space and `%XX` a byte; a `%` that is no escape is itself.
fn decoded(bytes: &[u8]) -> Result<String, std::string::FromUtf8Error> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        let escaped = after.get(..2).filter(|_| *byte == b'%');
        match escaped.and_then(|digits| hex::decode(digits).ok()) {
            Some(decoded) => {
                out.extend(decoded);
                rest = &after[2..];
            }
            None => out.push(if *byte == b'+' { b' ' } else { *byte }),
        }
    }
    String::from_utf8(out)
}

/// The parts of `a[b][0][]`; none for a name without brackets, or with some that make no sense.
fn path(name: &str) -> Option<Vec<&str>> {
    let (root, rest) = name.split_once('[')?;
    let inner = rest.strip_suffix(']')?;
    let mut path = vec![root];
    path.extend(inner.split("]["));
    let plain = |part: &str| !part.contains(['[', ']']);
    (!root.is_empty() && path.iter().all(|part| plain(part))).then_some(path)
}

/// Puts a value where a path says. Lists are objects with indices as keys until [`make_lists`].
fn plant(values: &mut Map<String, Value>, path: &[&str], value: Value) {
    let [part, rest @ ..] = path else { return };
    let key = if part.is_empty() { next(values, rest) } else { (*part).to_owned() };
    if rest.is_empty() {
        values.insert(key, value);
        return;
    }
    let below = values.entry(key).or_insert(Value::Null);
    if !below.is_object() {
        *below = Value::Object(Map::new());
    }
    if let Value::Object(below) = below {
        plant(below, rest, value);
    }
}

/// The index that `[]` means. `a[][x]=1&a[][y]=2` are one element and `a[][x]=1&a[][x]=2` are two, as Rack
/// and PHP's neighbours have it.
fn next(values: &Map<String, Value>, rest: &[&str]) -> String {
    let mut index = values.len();
    let last = index.checked_sub(1).map(|last| last.to_string());
    if let Some(last) = last.filter(|last| !rest.is_empty() && values.get(last).is_some_and(Value::is_object))
    {
        let mut found = values.get(&last);
        for part in rest {
            found = found.and_then(|value| value.get(*part));
        }
        if found.is_none() {
            return last;
        }
    }
    while values.contains_key(&index.to_string()) {
        index += 1;
    }
    index.to_string()
}

/// Makes arrays of objects whose keys are 0, 1, 2, … in any order.
fn make_lists(value: &mut Value) {
    let Value::Object(object) = value else { return };
    object.values_mut().for_each(make_lists);
    let length = object.len();
    if length > 0 && (0..length).all(|index| object.contains_key(&index.to_string())) {
        let items = (0..length).filter_map(|index| object.swap_remove(&index.to_string()));
        *value = Value::Array(items.collect());
    }
}
