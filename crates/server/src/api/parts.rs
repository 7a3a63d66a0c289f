//! What a table looks like where it is not one of a file: where the path names it and every value of it may be left out
//! or be null, as PUT and PATCH take it; and where it is new.

use schemars::JsonSchema;
use serde_json::{Value, json};

use super::schemas::Schemas;

/// The schema of a table whose name (`key`) the path has.
pub(super) fn of_a<T: JsonSchema>(schemas: &mut Schemas, name: &str, key: &str) -> Value {
    schemas.written(name, |schemas| {
        let mut table = schemas.request_whole::<T>();
        let required = table.as_object_mut().and_then(|table| table.shift_remove("required"));
        // What a table cannot do without, a PUT must say; a PATCH is of tables without such.
        let required: Vec<Value> = match required {
            Some(Value::Array(names)) => names.into_iter().filter(|name| *name != key).collect(),
            Some(_) | None => Vec::new(),
        };
        if let Some(properties) = table.get_mut("properties").and_then(Value::as_object_mut) {
            for (name, schema) in &mut *properties {
                if name == key {
                    *schema = json!({"type": "string", "description": "What the path says, or left out."});
                } else if !required.iter().any(|required| required == name) {
                    or_null(schema);
                }
            }
        }
        if !required.is_empty() {
            table["required"] = json!(required);
        }
        table
    })
}

/// The schema of a table of something new, which has a name.
pub(super) fn new<T: JsonSchema>(schemas: &mut Schemas, called: &str) -> Value {
    schemas.written(called, |schemas| {
        let mut table = schemas.request_whole::<T>();
        match table.get_mut("required").and_then(Value::as_array_mut) {
            Some(required) if required.iter().any(|known| known == "name") => {}
            Some(required) => required.push(json!("name")),
            None => table["required"] = json!(["name"]),
        }
        table
    })
}

/// A value that may be null: then it is as in a new table.
fn or_null(schema: &mut Value) {
    if let Some(schema) = schema.as_object_mut() {
        schema.shift_remove("default");
    }
    let null = json!("null");
    match schema.get_mut("type") {
        Some(Value::Array(types)) if types.contains(&null) => {}
        Some(name @ Value::String(_)) => *name = json!([name, "null"]),
        _ => {
            let has = |choice: &Value| choice["type"] == null;
            let choices = schema.get_mut("anyOf").and_then(Value::as_array_mut);
            match choices {
                Some(choices) if choices.iter().any(has) => {}
                Some(choices) => choices.push(json!({"type": "null"})),
                None => *schema = json!({"anyOf": [schema.take(), {"type": "null"}]}),
            }
        }
    }
}
