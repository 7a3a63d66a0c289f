//! Gathers the schemas that a description refers to. What is read and what is answered are described apart: a
//! field that may be left out of the one is always there in the other.

use schemars::generate::{SchemaGenerator, SchemaSettings};
use schemars::transform::RecursiveTransform;
use schemars::{JsonSchema, Schema};
use serde_json::{Map, Value, json};

use crate::problem::Document;

/// The schemas so far.
pub(crate) struct Schemas {
    requests: SchemaGenerator,
    answers: SchemaGenerator,
    written: Map<String, Value>,
}

impl Schemas {
    pub(crate) fn new() -> Self {
        let settings = || {
            SchemaSettings::draft2020_12().with(|settings| {
                settings.definitions_path = "/components/schemas".into();
                settings.meta_schema = None;
                settings.transforms.push(Box::new(RecursiveTransform(reference_alone)));
            })
        };
        let answers = settings().for_serialize().with_transform(RecursiveTransform(absent_not_null));
        Self {
            requests: settings().for_deserialize().into_generator(),
            answers: answers.into_generator(),
            written: Map::new(),
        }
    }

    /// The schema of something that is read.
    pub(crate) fn request<T: JsonSchema>(&mut self) -> Value {
        plain(self.requests.subschema_for::<T>())
    }

    /// The same, without a name.
    pub(crate) fn request_whole<T: JsonSchema>(&mut self) -> Value {
        plain(T::json_schema(&mut self.requests))
    }

    /// The schema of something that is answered.
    pub(crate) fn answer<T: JsonSchema>(&mut self) -> Value {
        plain(self.answers.subschema_for::<T>())
    }

    /// The schema of a problem document.
    pub(crate) fn problem(&mut self) -> Value {
        self.answer::<Document>()
    }

    /// A schema under a name, made once.
    pub(crate) fn written(&mut self, name: &str, make: impl FnOnce(&mut Self) -> Value) -> Value {
        if !self.written.contains_key(name) {
            // It may refer to itself.
            self.written.insert(name.to_owned(), Value::Null);
            let schema = make(self);
            self.written.insert(name.to_owned(), schema);
        }
        json!({"$ref": format!("#/components/schemas/{name}")})
    }

    /// Whether an object without members is one of what is read: then no body is needed.
    pub(crate) fn asks_for_nothing(&self, schema: &Value) -> bool {
        let named = schema["$ref"].as_str().and_then(|path| path.rsplit('/').next());
        let found = match named {
            Some(name) => self.written.get(name).or_else(|| self.requests.definitions().get(name)),
            None => Some(schema),
        };
        found.is_some_and(|schema| {
            let has = |key: &str| schema.get(key).is_some_and(|asked| *asked != Value::Array(Vec::new()));
            schema["type"] == "object" && !["required", "oneOf", "anyOf", "allOf"].into_iter().any(has)
        })
    }

    /// All of them by name.
    pub(crate) fn all(mut self) -> Map<String, Value> {
        let mut all = self.requests.take_definitions(true);
        all.extend(self.answers.take_definitions(true));
        all.extend(self.written);
        all.sort_keys();
        all
    }

    /// Names that mean one thing where it is read and another where it is answered: there must be none.
    #[cfg(test)]
    pub(crate) fn clashes(&self) -> Vec<String> {
        let (requests, answers) = (self.requests.definitions(), self.answers.definitions());
        let twice = |name: &&String| {
            let all = [requests.get(*name), answers.get(*name), self.written.get(*name)];
            let mut there = all.into_iter().flatten();
            let first = there.next();
            there.any(|other| Some(other) != first)
        };
        requests.keys().chain(answers.keys()).filter(twice).cloned().collect()
    }
}

/// Words that say something about a schema, and nothing about a value.
const REMARKS: [&str; 4] = ["title", "description", "examples", "default"];

/// A reference has nothing that binds beside it: most generators of clients pass over what stands there.
fn reference_alone(schema: &mut Schema) {
    let Some(table) = schema.as_object_mut() else { return };
    if !table.contains_key("$ref") || table.keys().all(|key| key == "$ref" || REMARKS.contains(&&**key)) {
        return;
    }
    let (remarks, binding): (Map<String, Value>, Map<String, Value>) =
        std::mem::take(table).into_iter().partition(|(key, _)| REMARKS.contains(&&**key));
    let (reference, beside): (Map<String, Value>, Map<String, Value>) =
        binding.into_iter().partition(|(key, _)| key == "$ref");
    *table = remarks;
    table.insert("allOf".to_owned(), json!([reference, beside]));
}

/// What may be absent from an answer is there if it is something: it is never null.
fn absent_not_null(schema: &mut Schema) {
    let required = schema.get("required").and_then(Value::as_array).cloned().unwrap_or_default();
    let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) else { return };
    for (_, property) in properties.iter_mut().filter(|(name, _)| !required.contains(&json!(name))) {
        let Some(property) = property.as_object_mut() else { continue };
        if let Some(words) = property.get_mut("enum").and_then(Value::as_array_mut) {
            words.retain(|word| !word.is_null());
        }
        let types = property.get_mut("type").and_then(Value::as_array_mut).map(|types| {
            types.retain(|name| name != "null");
            types.clone()
        });
        if let Some([only]) = types.as_deref() {
            property.insert("type".to_owned(), only.clone());
        }
        let choices = property.get_mut("anyOf").and_then(Value::as_array_mut).map(|choices| {
            choices.retain(|choice| choice["type"] != "null");
            choices.clone()
        });
        if let Some([Value::Object(only)]) = choices.as_deref() {
            property.shift_remove("anyOf");
            property.extend(only.clone());
        }
    }
}

fn plain(schema: Schema) -> Value {
    schema.to_value()
}

/// An object with these members and no others.
pub(crate) fn closed(title: &str, properties: &Value, required: &[&str]) -> Value {
    json!({
        "type": "object",
        "title": title,
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    })
}
