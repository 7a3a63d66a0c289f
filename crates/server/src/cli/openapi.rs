//! `baton openapi`: the description of Baton's own API, for whoever makes a client of it without a server at hand.

use std::io::Write;

use serde_json::Value;

use super::Failure;

/// Columns of a line at most, where it can be broken.
const WIDTH: usize = 120;

pub(crate) fn run() -> Result<(), Failure> {
    let document = crate::openapi(env!("CARGO_PKG_VERSION"), None);
    let mut out = std::io::stdout().lock();
    let written = writeln!(out, "{}", laid_out(&document, 0, 0)).and_then(|()| out.flush());
    match written {
        // Whoever reads has read enough.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        written => written.map_err(|error| Failure::new("cannot write the description").why(error)),
    }
}

/// JSON with each value on a line of its own, or on one with those beside it where they are short: it is kept in files,
/// and its changes are read. `before` is what stands on the line already.
fn laid_out(value: &Value, deep: usize, before: usize) -> String {
    let whole = value.to_string();
    if before + whole.len() <= WIDTH {
        return whole;
    }
    let indent = "  ".repeat(deep + 1);
    let lines: Vec<String> = match value {
        Value::Array(items) => {
            items.iter().map(|item| format!("{indent}{}", laid_out(item, deep + 1, indent.len()))).collect()
        }
        Value::Object(table) => {
            let line = |(key, inner): (&String, &Value)| {
                let key = format!("{indent}{}: ", Value::from(key.as_str()));
                format!("{key}{}", laid_out(inner, deep + 1, key.len()))
            };
            table.iter().map(line).collect()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => return whole,
    };
    let (open, close) = if value.is_array() { ('[', ']') } else { ('{', '}') };
    format!("{open}\n{}\n{}{close}", lines.join(",\n"), "  ".repeat(deep))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_short_stays_on_a_line_and_nothing_is_lost() {
        let long = "x".repeat(WIDTH);
        let value = json!({"a": {"b": [1, null, "two"]}, "c": [{"d": long}], "e": {}});
        let text = laid_out(&value, 0, 0);
        assert_eq!(
            text,
            format!(
                "{{\n  \"a\": {{\"b\":[1,null,\"two\"]}},\n  \"c\": [\n    {{\n      \"d\": \"{long}\"\n    }}\n  ],\n  \"e\": {{}}\n}}"
            )
        );
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), value);
    }
}
