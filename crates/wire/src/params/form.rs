//! A form, or a query string, which is one too: `a=1`, `a[b]=1`, `a[]=1`, `a[0][b]=1`.

use serde_json::{Map, Value};

use super::{Limits, too_deep};
use crate::errors::GraphError;

/// Parameters that are lists, and that some clients say several times rather than once with commas.
const REPEATED: &[&str] = &["fields", "ids", "params", "subscribed_fields"];

pub(super) struct Form {
    limits: Limits,
    /// How many fields there were so far.
    fields: usize,
    values: Map<String, Value>,
}

impl Form {
    pub(super) fn new(limits: Limits) -> Self {
        Self { limits, fields: 0, values: Map::new() }
    }

    /// Reads `a=1&b=2`.
    pub(super) fn read(&mut self, whence: &str, bytes: &[u8]) -> Result<(), GraphError> {
        for field in bytes.split(|byte| *byte == b'&').filter(|field| !field.is_empty()) {
            self.count()?;
            let end = field.iter().position(|byte| *byte == b'=').unwrap_or(field.len());
            let name = decoded(&field[..end]);
            let value = decoded(field.get(end + 1..).unwrap_or_default());
            let (Ok(name), Ok(value)) = (name.as_deref(), value) else {
                let name =
                    name.unwrap_or_else(|wrong| String::from_utf8_lossy(wrong.as_bytes()).into_owned());
                let text = format!("Param {name} of the {whence} is not valid UTF-8");
                return Err(GraphError::parameter(text));
            };
            self.put(name, value)?;
        }
        Ok(())
    }

    /// What follows has its own count.
    pub(super) fn begin(&mut self) {
        self.fields = 0;
    }

    /// One more field.
    pub(super) fn count(&mut self) -> Result<(), GraphError> {
        self.fields += 1;
        if self.fields > self.limits.fields {
            let text = format!("There are more than {} form fields (limits.form_fields)", self.limits.fields);
            return Err(GraphError::parameter(text));
        }
        Ok(())
    }

    /// Puts a value where its name says.
    pub(super) fn put(&mut self, name: &str, value: String) -> Result<(), GraphError> {
        match path(name) {
            Some(path) if path.len() > self.limits.depth => return Err(too_deep(self.limits)),
            Some(path) => plant(&mut self.values, &path, Value::String(value)),
            None => match self.values.get_mut(name).filter(|_| REPEATED.contains(&name)) {
                Some(Value::Array(several)) => several.push(Value::String(value)),
                Some(one) => *one = Value::Array(vec![one.take(), Value::String(value)]),
                None => {
                    self.values.insert(name.to_owned(), Value::String(value));
                }
            },
        }
        Ok(())
    }

    /// What was read so far.
    pub(super) fn take(&mut self) -> Map<String, Value> {
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
