//! Several calls in one (wire.md 1.6): what the items ask, and what one takes from the answer of another.

use bytes::Bytes;
use serde_json::Value;

use crate::errors::GraphError;
use crate::lenient;
use crate::params::{Limits, Params, Upload, text_of};

/// How many items at most.
const MOST: usize = 50;

/// One call of a batch.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    /// The HTTP method, in upper case.
    pub method: String,
    /// Its path, without the query string.
    pub path: String,
    /// Its parameters: query string and body.
    pub params: Params,
    /// By which others know it.
    pub name: Option<String>,
    /// The names of those that must have succeeded before.
    pub needs: Vec<String>,
    /// Whether its answer is left out where it succeeds; unsaid: where others need it.
    pub quiet: Option<bool>,
    /// Its own token.
    pub token: Option<String>,
}

/// The items of a batch, in order; one that cannot be read is an error of its own.
pub fn items(params: &Params, limits: Limits) -> Result<Vec<Result<Item, GraphError>>, GraphError> {
    let given = params.get("batch").ok_or_else(|| GraphError::required("batch"))?;
    let given =
        params.array_of(given).ok_or_else(|| GraphError::parameter("Param batch must be an array"))?;
    if given.len() > MOST {
        let text = format!("Too many requests in batch message. Maximum batch size is {MOST}");
        return Err(GraphError::parameter(text));
    }
    Ok(given.iter().map(|item| Item::read(params, item, limits)).collect())
}

impl Item {
    fn read(batch: &Params, given: &Value, limits: Limits) -> Result<Self, GraphError> {
        let given = batch.object_of(given);
        let mut given = given.ok_or_else(|| GraphError::parameter("An item of a batch must be an object"))?;
        given.retain(|_, value| !value.is_null());
        let text = |name: &str| given.get(name).and_then(text_of).filter(|text| !text.is_empty());
        let files = text("attached_files").or_else(|| text("attachedFiles"));
        let upload = files.map(|names| attached(batch, &names)).transpose()?;
        let url = text("relative_url").ok_or_else(|| GraphError::required("relative_url"))?;
        let (path, query) = url.split_once('?').unwrap_or((url.as_str(), ""));
        let params = parameters(query, given.get("body"), limits)?.with_upload(upload);
        let mut needs: Vec<String> = text("depends_on").into_iter().collect();
        for name in names(path).chain(params.as_object().values().flat_map(names_in)) {
            if !needs.contains(&name) {
                needs.push(name);
            }
            if needs.len() > MOST {
                return Err(GraphError::parameter("An item of a batch needs more items than there can be"));
            }
        }
        let quiet = match given.get("omit_response_on_success") {
            Some(Value::Bool(quiet)) => Some(*quiet),
            other => other.and_then(text_of).map(|text| text == "true" || text == "1"),
        };
        Ok(Self {
            method: text("method").unwrap_or_else(|| "GET".to_owned()).trim().to_ascii_uppercase(),
            path: path.to_owned(),
            token: text("access_token").or_else(|| params.access_token().map(str::to_owned)),
            params,
            name: text("name"),
            needs,
            quiet,
        })
    }

    /// The same item with what it takes from the answers of others. `answer` is a named item's.
    pub fn with_answers<'a>(
        &self,
        answer: impl Fn(&str) -> Option<&'a Value>,
        limits: Limits,
    ) -> Result<Self, GraphError> {
        let mut values = self.params.as_object().clone();
        values.values_mut().try_for_each(|value| replace(value, &answer))?;
        let path = replaced(&self.path, &answer)?;
        let params = Params::from_object(values, limits).with_upload(self.params.upload().cloned());
        Ok(Self { path, params, ..self.clone() })
    }
}

/// The file that an item says is its own, by the name of its part.
fn attached(batch: &Params, names: &str) -> Result<Upload, GraphError> {
    let mut names = names.split(',').map(str::trim).filter(|name| !name.is_empty());
    let name = names.next().unwrap_or_default();
    if names.next().is_some() {
        return Err(GraphError::parameter("An item of a batch takes one file (attached_files)"));
    }
    let found = batch.upload_named(name).cloned();
    found.ok_or_else(|| GraphError::parameter(format!("No file came with the batch under the name {name}")))
}

/// Query string and body. The body is a form whose values may be raw JSON: one library escapes nothing.
fn parameters(query: &str, body: Option<&Value>, limits: Limits) -> Result<Params, GraphError> {
    let body = match body {
        None => return Params::read(query, None, &Bytes::new(), limits),
        Some(Value::Object(object)) => Value::Object(object.clone()).to_string(),
        Some(Value::String(text)) => text.clone(),
        Some(_) => return Err(GraphError::parameter("The body of a batch's item must be a string")),
    };
    let (raw, form) = apart(&body, limits)?;
    let params = Params::read(query, None, &Bytes::from(form), limits)?;
    if raw.is_empty() {
        return Ok(params);
    }
    let mut values = params.as_object().clone();
    values.extend(raw.into_iter().map(|(name, text)| (name.to_owned(), Value::from(text))));
    Ok(Params::from_object(values, limits))
}

/// A field of a form and its raw JSON.
type Raw<'a> = (&'a str, &'a str);

/// The fields of a form whose values are raw JSON, and the form without them. Looking for the end of a JSON text may
/// read everything, so it ends after some that have none.
fn apart(body: &str, limits: Limits) -> Result<(Vec<Raw<'_>>, String), GraphError> {
    // A body that is JSON as a whole is no form.
    if body.trim_start().starts_with('{') {
        return Ok((Vec::new(), body.to_owned()));
    }
    let (mut raw, mut form) = (Vec::new(), Vec::new());
    let (mut rest, mut looks) = (body, LOOKS);
    while !rest.is_empty() {
        if raw.len() + form.len() == limits.fields {
            return Err(GraphError::parameter("There are too many form fields (limits.form_fields)"));
        }
        let end = rest.find('&').unwrap_or(rest.len());
        let sign = rest.get(..end).and_then(|field| field.find('='));
        let value = sign.and_then(|sign| rest.get(sign + 1..)).unwrap_or_default();
        let json = Some(value).filter(|value| looks > 0 && value.starts_with(['{', '['])).and_then(|value| {
            let json = lenient::first_json(value).filter(|json| {
                let after = value.get(json.len()..).unwrap_or_default();
                after.is_empty() || after.starts_with('&')
            });
            looks -= u32::from(json.is_none());
            json
        });
        let taken = match (sign, json) {
            (Some(sign), Some(json)) => {
                raw.push((rest.get(..sign).unwrap_or_default(), json));
                sign + 1 + json.len()
            }
            _ => {
                form.push(rest.get(..end).unwrap_or_default());
                end
            }
        };
        rest = rest.get(taken..).unwrap_or_default();
        rest = rest.strip_prefix('&').unwrap_or(rest);
    }
    Ok((raw, form.join("&")))
}

/// How many values that begin as JSON and do not end so are looked at in one body.
const LOOKS: u32 = 16;
/// Bytes that a text may become by what it takes from other answers.
const MOST_TEXT: usize = 1024 * 1024;
/// What begins a reference to another item's answer: `{result=name:$.id}`.
const REFERENCE: &str = "{result=";

/// The references in a text: where each stands, the item's name, and the path into its answer.
fn references(text: &str) -> impl Iterator<Item = (std::ops::Range<usize>, &str, &str)> {
    text.match_indices(REFERENCE).filter_map(move |(at, _)| {
        let inner = text.get(at + REFERENCE.len()..)?;
        let end = inner.find('}')?;
        let (name, path) = inner.get(..end)?.split_once(':')?;
        Some((at..at + REFERENCE.len() + end + 1, name.trim(), path.trim()))
    })
}

fn names(text: &str) -> impl Iterator<Item = String> {
    references(text).map(|(_, name, _)| name.to_owned())
}

fn names_in(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => names(text).collect(),
        Value::Array(items) => items.iter().flat_map(names_in).collect(),
        Value::Object(object) => object.values().flat_map(names_in).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) => Vec::new(),
    }
}

fn replace<'a>(value: &mut Value, answer: &impl Fn(&str) -> Option<&'a Value>) -> Result<(), GraphError> {
    match value {
        Value::String(text) => {
            *text = replaced(text, answer)?;
            Ok(())
        }
        Value::Array(items) => items.iter_mut().try_for_each(|item| replace(item, answer)),
        Value::Object(object) => object.values_mut().try_for_each(|value| replace(value, answer)),
        Value::Null | Value::Bool(_) | Value::Number(_) => Ok(()),
    }
}

fn replaced<'a>(text: &str, answer: &impl Fn(&str) -> Option<&'a Value>) -> Result<String, GraphError> {
    let (mut out, mut from) = (String::new(), 0);
    for (place, name, path) in references(text) {
        let found = answer(name).and_then(|value| at_path(value, path)).filter(|found| !found.is_empty());
        let found = found.ok_or_else(|| {
            let text = format!("The batch has no answer for {{result={name}:{path}}} at this place");
            GraphError::parameter(text)
        })?;
        out.push_str(text.get(from..place.start).unwrap_or_default());
        out.push_str(&found);
        if out.len() > MOST_TEXT {
            return Err(GraphError::parameter("What a batch's item takes from other answers is too long"));
        }
        from = place.end;
    }
    out.push_str(text.get(from..).unwrap_or_default());
    Ok(out)
}

/// The texts that a path (`$.id`, `$.data.*.id`, `$.data[0].id`) finds, with commas between; none where it is no
/// path of this kind.
fn at_path(value: &Value, path: &str) -> Option<String> {
    let steps = path.strip_prefix('$')?.replace('[', ".").replace(']', "");
    let mut found = vec![value];
    for step in steps.split('.').filter(|step| !step.is_empty()) {
        found = found.into_iter().flat_map(|value| below(value, step)).collect();
    }
    Some(found.into_iter().filter_map(text_of).collect::<Vec<_>>().join(","))
}

fn below<'a>(value: &'a Value, step: &str) -> Vec<&'a Value> {
    match (step, value) {
        ("*", Value::Array(items)) => items.iter().collect(),
        ("*", Value::Object(object)) => object.values().collect(),
        (index, Value::Array(items)) => {
            index.parse().ok().and_then(|at: usize| items.get(at)).into_iter().collect()
        }
        (key, Value::Object(object)) => object.get(key).into_iter().collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    //! What libraries send, what one item takes from another, and that nothing breaks it.

    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::{Item, apart, at_path, items};
    use crate::GraphError;
    use crate::params::{Limits, Params};

    fn read(batch: &Value) -> Vec<Result<Item, GraphError>> {
        let given = json!({"batch": batch}).as_object().cloned().unwrap();
        items(&Params::from_object(given, Limits::default()), Limits::default()).unwrap()
    }

    fn one(item: &Value) -> Item {
        read(&json!([item])).remove(0).unwrap()
    }

    #[test]
    fn what_a_stranger_sends_is_bounded() {
        let limits = Limits::default();
        assert!(apart(&"a=[&".repeat(limits.fields + 1), limits).is_err());
        let often = format!("{}z={{}}", "a=[&".repeat(20));
        let (raw, form) = apart(&often, limits).unwrap();
        assert!(raw.is_empty() && form.ends_with("&z={}"), "it has looked often enough: {form}");
        // Many references to one long answer.
        let long = json!({"x": "y".repeat(100_000)});
        let item =
            json!({"method": "POST", "relative_url": "me", "body": {"t": "{result=a:$.x}".repeat(50)}});
        let item = read(&json!([item])).pop().unwrap().unwrap();
        assert!(item.with_answers(|_| Some(&long), limits).is_err());
    }

    #[test]
    fn bodies_are_read_however_they_are_written() {
        let meant = json!({"recipient": {"id": "1"}, "message": {"text": "50% & more = {x}"}});
        for body in [
            "recipient=%7B%22id%22%3A%221%22%7D&message=%7B%22text%22%3A%2250%25+%26+more+%3D+%7Bx%7D%22%7D",
            "recipient={\"id\":\"1\"}&message={\"text\":\"50% & more = {x}\"}",
            "message={\"text\":\"50% & more = {x}\"}&recipient[id]=1",
            "{\"recipient\":{\"id\":\"1\"},\"message\":{\"text\":\"50% & more = {x}\"}}",
        ] {
            let item =
                one(&json!({"method": "post", "relative_url": "/me/messages?access_token=T", "body": body}));
            assert_eq!((item.method.as_str(), item.path.as_str()), ("POST", "/me/messages"));
            assert_eq!(item.token.as_deref(), Some("T"));
            for name in ["recipient", "message"] {
                let object = item.params.object(name).unwrap().map(Value::Object);
                assert_eq!(object.as_ref(), Some(&meant[name]), "{body}");
            }
        }
        let plain = one(&json!({"relative_url": "me?fields=id"}));
        assert_eq!((plain.method.as_str(), plain.params.text("fields").as_deref()), ("GET", Some("id")));
        let (raw, form) = apart("a={b&c={\"d\":1}e&f=[1]&g", Limits::default()).unwrap();
        assert_eq!((raw, form.as_str()), (vec![("f", "[1]")], "a={b&c={\"d\":1}e&g"));
    }

    #[test]
    fn an_item_that_cannot_be_read_is_an_error_of_its_own() {
        let batch = json!([{"method": "GET"}, {"relative_url": "me", "attached_files": "f"}, {"relative_url": "me"}, 5,
            {"relative_url": "me", "body": 5}]);
        let texts: Vec<String> = read(&batch)
            .into_iter()
            .map(|item| item.map_or_else(|wrong| wrong.message, |_| "read".to_owned()))
            .collect();
        assert_eq!(
            texts,
            [
                "(#100) The parameter relative_url is required",
                "(#100) No file came with the batch under the name f",
                "read",
                "(#100) An item of a batch must be an object",
                "(#100) The body of a batch's item must be a string",
            ]
        );
        let whole = |value: Value| {
            let given = value.as_object().cloned().unwrap();
            items(&Params::from_object(given, Limits::default()), Limits::default())
                .map(|all| all.len())
                .map_err(|wrong| wrong.message)
        };
        assert_eq!(whole(json!({"batch": vec![json!({"relative_url": "me"}); 50]})), Ok(50));
        let many = "(#100) Too many requests in batch message. Maximum batch size is 50".to_owned();
        assert_eq!(whole(json!({"batch": vec![json!({}); 51]})), Err(many));
        assert_eq!(whole(json!({"batch": "[{\"relative_url\":\"me\"}]"})), Ok(1));
        assert!(whole(json!({"batch": "x"})).is_err());
    }

    #[test]
    fn an_item_takes_from_the_answers_of_others() {
        let item =
            one(&json!({"method": "POST", "relative_url": "{result=label:$.id}/label?x={result=other:$.a}",
            "body": "user={result=people:$.data.*.id}", "depends_on": "first"}));
        assert_eq!(item.needs, ["first", "label", "other", "people"]);
        let (label, other, people) =
            (json!({"id": "7"}), json!({"a": 5}), json!({"data": [{"id": "1"}, {"id": "2"}]}));
        let answer = |name: &str| match name {
            "label" => Some(&label),
            "other" => Some(&other),
            "people" => Some(&people),
            _ => None,
        };
        let ready = item.with_answers(answer, Limits::default()).unwrap();
        assert_eq!(ready.path, "7/label");
        assert_eq!(
            (ready.params.text("x"), ready.params.text("user")),
            (Some("5".into()), Some("1,2".into()))
        );
        assert!(item.with_answers(|_| None, Limits::default()).unwrap_err().message.contains("{result="));
    }

    #[test]
    fn paths_lead_to_texts() {
        let value = json!({"id": "7", "data": [{"id": "1", "n": 5}, {"id": "2"}], "o": {"a": "x", "b": "y"}});
        for (path, expected) in [
            ("$.id", "7"),
            ("$.data[1].id", "2"),
            ("$.data.0.n", "5"),
            ("$.data.*.id", "1,2"),
            ("$.data[*].id", "1,2"),
            ("$.o.*", "x,y"),
            ("$.none", ""),
            ("$.data[9].id", ""),
            ("$", ""),
        ] {
            assert_eq!(at_path(&value, path).as_deref(), Some(expected), "{path}");
        }
        assert_eq!(at_path(&value, "id"), None);
    }

    proptest! {
        #[test]
        fn nothing_breaks_it(text in "[a{}\"'=&:$.\\[\\]ä%]{0,40}", path in "[$.*\\[\\]0a]{0,10}") {
            let item = json!({"relative_url": text, "body": format!("a={{result=x:{path}}}&{text}")});
            if let Ok(item) = read(&json!([item])).remove(0) {
                let _ = item.with_answers(|_| Some(&Value::Null), Limits::default());
            }
        }
    }
}
