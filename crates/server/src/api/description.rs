//! The description of everything that is not the Graph API: an OpenAPI 3.1 document, made from the same operations
//! as the routes.

use serde_json::{Map, Value, json};

use super::operation::Operation;
use super::schemas::Schemas;
use super::{ROOT, operations};
use crate::{problem, serve};

const INTRODUCTION: &str = include_str!("description/introduction.md");

/// What operations are about, in the order in which they are read.
const TAGS: &[(&str, &str)] = &[
    ("People", "What people do comes in here; and what is known of them."),
    ("Threads", "Conversations: who is in control, why, and what was said."),
    ("Settings", "Apps, pages, and what is between them."),
    ("Clock", "The virtual clock."),
    ("Deliveries", "Webhooks to apps."),
    ("Faults", "What goes wrong on purpose, for development."),
    ("Activity", "What happens, as it happens."),
    ("Members", "Who may sign in to the console, as what, and what they did."),
    ("Server", "The server itself: whether it lives, what it is, and what its problems mean."),
];

/// The document. `server`: the address at which the server is reached, where that is known.
pub fn document(version: &str, server: Option<&str>) -> Value {
    let (paths, schemas) = described();
    let tags = TAGS.iter().map(|(name, about)| json!({"name": name, "description": about}));
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Baton",
            "version": version,
            "summary": "A self-hosted conversation router that speaks Meta's Messenger Platform API.",
            "description": INTRODUCTION,
            "license": {"name": "Apache License 2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": server.unwrap_or("http://127.0.0.1:4300"), "description": "This server."}],
        "security": [{"operator": []}],
        "tags": tags.collect::<Vec<Value>>(),
        "paths": paths,
        "components": {
            "securitySchemes": {
                "operator": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "The operator token: in `server.json` in the data directory, or what \
                                    `BATON_OPERATOR_TOKEN` said when the server started.",
                },
            },
            "headers": headers(),
            "examples": problem::ALL.iter().map(|kind| {
                (kind.slug().to_owned(), json!({"summary": kind.title(), "value": kind.example()}))
            }).collect::<Map<_, _>>(),
            "schemas": schemas.all(),
        },
    })
}

/// Every operation, under its path and its method, and the schemas that they refer to.
fn described() -> (Map<String, Value>, Schemas) {
    let mut schemas = Schemas::new();
    let mut paths = Map::new();
    let mut add = |root: &str, operation: &Operation| {
        let (path, method) = operation.place(root);
        let described = operation.described(&mut schemas);
        let at = paths.entry(path).or_insert_with(|| json!({}));
        at[method] = described;
    };
    operations().iter().for_each(|operation| add(ROOT, operation));
    serve::operations().iter().for_each(|operation| add("", operation));
    (paths, schemas)
}

/// Headers of answers.
fn headers() -> Value {
    let header =
        |about: &str, schema: Value| json!({"description": about, "required": true, "schema": schema});
    json!({
        "X-Request-Id": header(
            "By this the request is found in the server's log.",
            json!({"type": "string", "minLength": 1, "maxLength": 128}),
        ),
        "ETag": header(
            "What `If-Match` takes: it names the table as it is.",
            json!({"type": "string", "pattern": "^\"[0-9a-f]{32}\"$"}),
        ),
        "Location": header("Where it is.", json!({"type": "string", "format": "uri-reference"})),
        "Set-Cookie": header("The session, for the browser to keep.", json!({"type": "string"})),
        "Retry-After": header("Seconds to wait.", json!({"type": "string", "pattern": "^[0-9]+$"})),
        "WWW-Authenticate": header("What to authenticate with.", json!({"type": "string"})),
    })
}

/// A decision, for whoever reads.
pub(super) fn decision_example() -> Value {
    json!({
        "event_id": "order-7",
        "message_id": "m_AAAAAAAAAAE",
        "at": "2026-01-01T00:00:00.000Z",
        "rule": "MCR-AD-5",
        "via": null,
        "thread": {
            "state": "active",
            "owner_app_id": "1278416343931139",
            "expires_at": "2026-01-02T00:00:00.000Z",
        },
        "notices": [
            {"app_id": "1278416343931139", "channel": "messaging", "event": "pass_thread_control"},
            {"app_id": "1278416343931139", "channel": "messaging", "event": "messages"},
        ],
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn every<'a>(value: &'a Value, key: &str, found: &mut Vec<&'a str>) {
        match value {
            Value::Object(table) => {
                for (name, inner) in table {
                    if name == key {
                        found.extend(inner.as_str());
                    }
                    every(inner, key, found);
                }
            }
            Value::Array(items) => items.iter().for_each(|item| every(item, key, found)),
            _ => {}
        }
    }

    fn operations_of(document: &Value) -> Vec<&Value> {
        let paths = document["paths"].as_object().unwrap().values();
        paths.flat_map(|methods| methods.as_object().unwrap().values()).collect()
    }

    #[test]
    fn a_name_means_one_schema() {
        assert_eq!(described().1.clashes(), Vec::<String>::new());
    }

    fn every_schema<'a>(value: &'a Value, look: &mut impl FnMut(&'a Map<String, Value>)) {
        match value {
            Value::Object(table) => {
                look(table);
                table.values().for_each(|inner| every_schema(inner, look));
            }
            Value::Array(items) => items.iter().for_each(|item| every_schema(item, look)),
            _ => {}
        }
    }

    #[test]
    fn nothing_that_binds_stands_beside_a_reference() {
        let document = document("0.0.0", None);
        let mut found = Vec::new();
        every_schema(&document["components"]["schemas"], &mut |schema| {
            let binds = ["type", "properties", "required", "enum", "const", "pattern"];
            if schema.contains_key("$ref") && binds.iter().any(|key| schema.contains_key(*key)) {
                found.push(schema);
            }
        });
        assert!(found.is_empty(), "{found:?}");
        let what = &document["components"]["schemas"]["Happening"]["oneOf"][0]["allOf"];
        assert_eq!(what[0]["$ref"], "#/components/schemas/DecisionHappening");
        assert_eq!(what[1]["properties"]["event"]["const"], "decision");
    }

    #[test]
    fn what_may_be_absent_from_an_answer_is_never_null() {
        let document = document("0.0.0", None);
        let of =
            |name: &str, property: &str| &document["components"]["schemas"][name]["properties"][property];
        assert_eq!(of("Page", "instagram")["$ref"], "#/components/schemas/Account");
        assert_eq!(of("Side", "default_app")["type"], "string");
        assert_eq!(of("Connection", "tasks")["type"], "array");
        // What is always there may be null, and so may what is read.
        assert_eq!(of("Profile", "name")["type"], json!(["string", "null"]));
        assert_eq!(of("NewSide", "default_app")["type"], json!(["string", "null"]));
    }

    #[test]
    fn whatever_is_referred_to_is_there() {
        let document = document("0.0.0", None);
        let mut found = Vec::new();
        every(&document, "$ref", &mut found);
        assert!(found.len() > 500);
        for reference in found {
            assert!(document.pointer(reference.strip_prefix('#').unwrap()).is_some(), "{reference}");
        }
    }

    #[test]
    fn operations_have_names_of_their_own_and_say_what_they_do() {
        let document = document("0.0.0", None);
        let mut names = BTreeSet::new();
        for operation in operations_of(&document) {
            let id = operation["operationId"].as_str().unwrap();
            assert!(names.insert(id), "{id} twice");
            assert!(!operation["summary"].as_str().unwrap().is_empty(), "{id}");
            let tag = operation["tags"][0].as_str().unwrap();
            assert!(TAGS.iter().any(|(known, _)| *known == tag), "{id}: {tag}");
            let links = operation["responses"].as_object().unwrap().values();
            let mut targets = Vec::new();
            links.for_each(|response| every(&response["links"], "operationId", &mut targets));
            for target in targets {
                let known = operations_of(&document);
                assert!(known.iter().any(|one| one["operationId"] == target), "{id} leads to {target}");
            }
        }
    }

    #[test]
    fn every_kind_of_problem_is_some_operations() {
        let document = document("0.0.0", None);
        let text = json!(document["paths"]).to_string();
        // What any path may answer is said in the introduction.
        for kind in problem::ALL {
            let address = kind.address();
            assert!(
                text.contains(&format!("\"{address}\"")) || INTRODUCTION.contains(&*address),
                "{address}"
            );
        }
    }

    #[test]
    fn examples_of_bodies_are_taken() {
        let document = document("0.0.0", None);
        let body =
            |path: &str| &document["paths"][path]["post"]["requestBody"]["content"]["application/json"];
        let events = body("/baton/v1/pages/{page}/people/{person}/events")["examples"].as_object().unwrap();
        for (name, example) in events {
            let read = baton_wire::inbound::PersonEvent::parse(&example["value"]);
            assert!(read.is_ok(), "{name}: {read:?}");
        }
    }
}
