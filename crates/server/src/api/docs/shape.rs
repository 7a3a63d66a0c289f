//! A schema as HTML: in a line where it fits one, else as a table of its fields.

use std::fmt::Write;

use serde_json::Value;

use super::{entries, escaped, markdown, pretty, text};

/// A schema with its name.
pub(super) fn named(name: &str, schema: &Value) -> String {
    let name = escaped(name);
    format!(
        "<article class=\"shape\" id=\"schema-{name}\"><h3><a href=\"#schema-{name}\">{name}</a></h3>\n{}</article>\n",
        whole(schema)
    )
}

/// A schema where another one, or an operation, refers to it.
pub(super) fn inline(schema: &Value) -> String {
    if let Some(name) = reference(schema) {
        return format!("<a class=\"type\" href=\"#schema-{0}\">{0}</a>", escaped(name));
    }
    let is_large = schema["properties"].as_object().is_some_and(|fields| !fields.is_empty());
    if is_large || schema.get("allOf").is_some() {
        return whole(schema);
    }
    let mut html = format!("<span class=\"type\">{}</span>", kind(schema));
    html.push_str(&limits(schema));
    html
}

fn reference(schema: &Value) -> Option<&str> {
    schema["$ref"].as_str()?.rsplit('/').next()
}

fn whole(schema: &Value) -> String {
    let mut html = markdown::html(text(&schema["description"]));
    if schema["properties"].is_object() {
        html.push_str(&fields(schema));
    }
    for (key, word) in [("oneOf", "One of:"), ("anyOf", "One of:"), ("allOf", "All of:")] {
        let Some(each) = schema[key].as_array() else { continue };
        // What only narrows the fields above is said in words there.
        if schema["properties"].is_object() && key != "oneOf"
            || each.iter().all(|one| one.get("required").is_some() && one.get("type").is_none())
        {
            continue;
        }
        let _ = write!(html, "<p class=\"note\">{word}</p><ul class=\"choice\">");
        for one in each {
            let title = one["title"].as_str().filter(|_| reference(one).is_none());
            let title = title.map(|title| format!("<code>{}</code>", escaped(title))).unwrap_or_default();
            let _ = write!(html, "<li>{title}{}{}</li>", inline(one), about(one));
        }
        html.push_str("</ul>");
    }
    if !schema["properties"].is_object()
        && ["oneOf", "anyOf", "allOf"].iter().all(|key| schema.get(*key).is_none())
    {
        let _ = write!(html, "<p><span class=\"type\">{}</span>{}</p>", kind(schema), limits(schema));
        if let Some(example) = schema["examples"].as_array().and_then(|all| all.first()) {
            let _ = write!(
                html,
                "<p class=\"note\">For example <code>{}</code></p>",
                escaped(&example.to_string())
            );
        }
    }
    html
}

/// What is said of a choice that has no page of its own.
fn about(schema: &Value) -> String {
    let small = reference(schema).is_none() && !schema["properties"].is_object();
    let said = schema["description"].as_str().filter(|_| small);
    said.map(|said| format!("<span class=\"about\">{}</span>", escaped(said))).unwrap_or_default()
}

fn fields(schema: &Value) -> String {
    let mut html = String::from("<table>\n");
    let required: Vec<&str> =
        schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    for (name, field) in entries(&schema["properties"]) {
        let is_required = required.contains(&name);
        let mark = if is_required { "" } else { "<span class=\"place\">optional</span>" };
        let said = if reference(field).is_some() || !field["properties"].is_object() {
            markdown::html(text(&field["description"]))
        } else {
            String::new()
        };
        let _ = writeln!(
            html,
            "<tr><th><code>{}</code>{mark}</th><td>{}</td><td>{said}</td></tr>",
            escaped(name),
            inline(field),
        );
    }
    html.push_str("</table>\n");
    html
}

/// What kind of value it is, in a few words.
fn kind(schema: &Value) -> String {
    if let Some(name) = reference(schema) {
        return format!("<a href=\"#schema-{0}\">{0}</a>", escaped(name));
    }
    if let Some(value) = schema.get("const") {
        return format!("<code>{}</code>", escaped(&value.to_string()));
    }
    if let Some(values) = schema["enum"].as_array() {
        let each: Vec<String> =
            values.iter().map(|value| format!("<code>{}</code>", escaped(&value.to_string()))).collect();
        return each.join(" ");
    }
    for key in ["oneOf", "anyOf"] {
        if let Some(each) = schema[key].as_array() {
            return each.iter().map(kind).collect::<Vec<_>>().join(" or ");
        }
    }
    let of_one = |name: &str| match name {
        "array" => {
            match schema.get("items").filter(|items| items.as_object().is_some_and(|of| !of.is_empty())) {
                Some(items) => format!("list of {}", kind(items)),
                None => "list".to_owned(),
            }
        }
        other => other.to_owned(),
    };
    match &schema["type"] {
        Value::String(name) => of_one(name),
        Value::Array(names) => {
            names.iter().filter_map(Value::as_str).map(of_one).collect::<Vec<_>>().join(" or ")
        }
        _ => "anything".to_owned(),
    }
}

/// What else holds, in a few words.
fn limits(schema: &Value) -> String {
    let number = |key: &str| schema[key].as_u64();
    let mut said = Vec::new();
    match (number("minLength"), number("maxLength")) {
        (Some(least), Some(most)) => said.push(format!("{least} to {most} characters")),
        (Some(1), None) => said.push("not empty".to_owned()),
        (Some(least), None) => said.push(format!("at least {least} characters")),
        (None, Some(most)) => said.push(format!("at most {most} characters")),
        (None, None) => {}
    }
    match (number("minimum"), number("maximum")) {
        (Some(least), Some(most)) if most < u64::MAX => said.push(format!("{least} to {most}")),
        (Some(least), _) => said.push(format!("at least {least}")),
        (None, Some(most)) => said.push(format!("at most {most}")),
        (None, None) => {}
    }
    if let Some(most) = number("maxItems") {
        said.push(format!("at most {most}"));
    }
    if let Some(pattern) = schema["pattern"].as_str() {
        said.push(format!("<code class=\"pattern\">{}</code>", escaped(pattern)));
    }
    if let Some(usual) = schema.get("default") {
        said.push(format!("else <code>{}</code>", escaped(&pretty(usual))));
    }
    if said.is_empty() {
        String::new()
    } else {
        format!(" <span class=\"limits\">{}</span>", said.join(", "))
    }
}
