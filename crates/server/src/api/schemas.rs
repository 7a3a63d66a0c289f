//! Gathers the schemas that a description refers to. What is read and what is answered are described apart: a
//! field that may be left out of the one is always there in the other.

use schemars::generate::{SchemaGenerator, SchemaSettings};
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
            })
        };
        Self {
            requests: settings().for_deserialize().into_generator(),
            answers: settings().for_serialize().into_generator(),
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
