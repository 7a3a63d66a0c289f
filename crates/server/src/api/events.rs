//! A person's event as Baton's own API takes it, described. `wire::inbound` reads it; the tests below hold the two
//! together.

use baton_wire::inbound::{Kind, OPTIN_TEXTS};
use serde_json::{Map, Value, json};

use super::schemas::Schemas;
use super::values::PERSON_ID;

/// Characters of an `event_id`, a message, a payload, a `ref` or address, and of anything else, at most.
const EVENT_ID: usize = 256;
const TEXT: usize = 2000;
const PAYLOAD: usize = 1000;
const REF: usize = 2083;
const SHORT: usize = 512;

/// An event of the person that the path names.
pub(super) fn event(schemas: &mut Schemas) -> Value {
    any_kind(schemas, "Event", "What a person does.", "", &json!({}))
}

/// An event that says whose it is.
fn event_of(schemas: &mut Schemas) -> Value {
    let person = json!({"person": {"type": "string", "pattern": PERSON_ID, "description": "Whose it is."}});
    any_kind(schemas, "EventOfPerson", "What a person does, and who it is.", "OfPerson", &person)
}

/// An event that says whose it is, or an array of them.
pub(super) fn one_or_many(schemas: &mut Schemas) -> Value {
    let one = event_of(schemas);
    json!({
        "anyOf": [
            one,
            {
                "type": "array",
                "maxItems": 1000,
                "description": "One that is not as it must be is answered with a problem document; the others are taken.",
                "items": one,
            },
        ],
    })
}

fn any_kind(schemas: &mut Schemas, name: &str, about: &str, suffix: &str, more: &Value) -> Value {
    schemas.written(name, |schemas| {
        let mut mapping = Map::new();
        let each: Vec<Value> = Kind::ALL
            .iter()
            .map(|(kind, word)| {
                let event = of_kind(schemas, *kind, word, suffix, more);
                mapping.insert((*word).to_owned(), event["$ref"].clone());
                event
            })
            .collect();
        json!({
            "description": about,
            "oneOf": each,
            "discriminator": {"propertyName": "type", "mapping": mapping},
        })
    })
}

fn of_kind(schemas: &mut Schemas, kind: Kind, word: &str, suffix: &str, more: &Value) -> Value {
    let title: String = word.split('_').map(capital).collect();
    let of_content = content(kind);
    let content = schemas.written(&format!("{title}Content"), |_| of_content);
    let entry = kind.has_entry().then(|| entry(schemas));
    schemas.written(&format!("{title}Event{suffix}"), |_| {
        let mut properties = Map::new();
        properties.insert("type".to_owned(), json!({"const": word}));
        properties.extend(more.as_object().cloned().unwrap_or_default());
        let stands_alone = matches!(kind, Kind::GetStarted | Kind::Referral);
        let content = if stands_alone { or_null(&content) } else { content };
        properties.insert(word.to_owned(), content);
        if let Some(entry) = entry {
            properties.insert("entry".to_owned(), or_null(&entry));
        }
        properties.insert("event_id".to_owned(), event_id());
        let mut required: Vec<&str> = vec!["type"];
        required.extend(more.as_object().into_iter().flat_map(|more| more.keys()).map(String::as_str));
        if !stands_alone {
            required.push(word);
        }
        json!({
            "type": "object",
            "title": word,
            "properties": properties,
            "required": required,
            "additionalProperties": false,
        })
    })
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).collect()
}

fn event_id() -> Value {
    json!({
        "type": ["string", "null"],
        "minLength": 1,
        "maxLength": EVENT_ID,
        "description": "The caller's own id of it: a repeat, for the same page and person, gets the first answer \
                        (for 72 hours). Null or absent: one is made.",
    })
}

fn entry(schemas: &mut Schemas) -> Value {
    let way = |way: &str, more: Option<(&str, usize)>| {
        let mut properties = json!({"type": {"const": way}});
        let mut required = vec!["type"];
        if let Some((key, most)) = more {
            properties[key] = json!({"type": "string", "minLength": 1, "maxLength": most});
            required.push(key);
        }
        json!({
            "type": "object",
            "title": way,
            "properties": properties,
            "required": required,
            "additionalProperties": false,
        })
    };
    schemas.written("Entry", |_| {
        json!({
            "description": "The entry point by which the person came: an ad, a link with a `ref`, or none of these.",
            "oneOf": [way("ad", Some(("ad_id", SHORT))), way("link", Some(("ref", REF))), way("organic", None)],
        })
    })
}

fn or_null(schema: &Value) -> Value {
    json!({"anyOf": [schema, {"type": "null"}]})
}

fn text(most: usize) -> Value {
    json!({"type": ["string", "null"], "maxLength": most})
}

fn said(most: usize) -> Value {
    json!({"type": "string", "minLength": 1, "maxLength": most})
}

fn whole() -> Value {
    let about = "Written as a whole number: 7, and not 7.0.";
    json!({"type": ["integer", "null"], "minimum": 0, "maximum": u64::MAX, "description": about})
}

fn object(properties: Value, required: &[&str]) -> Value {
    let mut all = json!({"type": "object"});
    all["properties"] = properties;
    if !required.is_empty() {
        all["required"] = json!(required);
    }
    all["additionalProperties"] = json!(false);
    all
}

/// The object named like the kind: the platform's webhook fields. Null is absent.
fn content(kind: Kind) -> Value {
    match kind {
        Kind::Message => message(),
        Kind::Postback => {
            object(json!({"payload": said(PAYLOAD), "title": text(SHORT), "mid": text(SHORT)}), &["payload"])
        }
        Kind::IceBreaker => object(json!({"payload": said(PAYLOAD), "title": text(SHORT)}), &["payload"]),
        Kind::GetStarted => object(json!({"payload": text(PAYLOAD), "title": text(SHORT)}), &[]),
        Kind::Menu => menu(),
        Kind::Referral => {
            let properties = json!({
                "ref": text(REF), "ad_id": text(REF), "source": text(REF), "type": text(REF),
                "referer_uri": text(REF), "ads_context_data": {}, "is_guest_user": {}, "product": {},
            });
            object(properties, &[])
        }
        Kind::Optin => optin(),
        Kind::Read => far("mid", &text(SHORT), &json!({"mid": {"type": "string"}})),
        Kind::Delivery => {
            let mids = json!({"type": ["array", "null"], "items": {"type": "string"}});
            far("mids", &mids, &json!({"mids": {"type": "array"}}))
        }
        Kind::Reaction => {
            let properties = json!({
                "mid": said(SHORT), "action": {"enum": ["react", "unreact"]},
                "reaction": text(SHORT), "emoji": text(SHORT),
            });
            object(properties, &["mid", "action"])
        }
        Kind::Edit => {
            object(json!({"mid": said(SHORT), "text": said(TEXT), "num_edit": whole()}), &["mid", "text"])
        }
        Kind::Unsend => object(json!({"mid": said(SHORT)}), &["mid"]),
        Kind::AccountLinking => {
            let properties =
                json!({"status": {"enum": ["linked", "unlinked"]}, "authorization_code": text(REF)});
            object(properties, &["status"])
        }
        Kind::Feedback => {
            object(json!({"feedback_screens": {"type": "array", "minItems": 1}}), &["feedback_screens"])
        }
    }
}

fn message() -> Value {
    let attachment = json!({
        "type": "object",
        "properties": {"type": said(SHORT), "payload": {}},
        "required": ["type"],
    });
    let reply_to = json!({
        "type": ["object", "null"],
        "properties": {"mid": text(SHORT), "is_self_reply": {}, "story": {}},
        "anyOf": [{"required": ["mid"]}, {"required": ["story"]}, {"type": "null"}],
        "additionalProperties": false,
    });
    let quick_reply = json!({
        "type": ["object", "null"],
        "properties": {"payload": {"type": "string", "maxLength": PAYLOAD}},
        "required": ["payload"],
        "additionalProperties": false,
    });
    let properties = json!({
        "text": text(TEXT),
        "attachments": {"type": ["array", "null"], "items": attachment},
        "quick_reply": quick_reply,
        "reply_to": reply_to,
        "is_unsupported": {"type": ["boolean", "null"]},
        "sticker_id": {}, "nlp": {}, "commands": {},
    });
    let mut all = object(properties, &[]);
    all["description"] =
        json!("A message: a text, attachments, or both; or one that Instagram does not tell of.");
    all["anyOf"] = json!([
        {"required": ["text"], "properties": {"text": {"type": "string", "minLength": 1}}},
        {"required": ["attachments"], "properties": {"attachments": {"type": "array", "minItems": 1}}},
        {"required": ["is_unsupported"], "properties": {"is_unsupported": {"const": true}}},
    ]);
    all
}

fn menu() -> Value {
    let mut all = object(json!({"payload": text(PAYLOAD), "url": text(REF), "title": text(SHORT)}), &[]);
    all["description"] = json!("An item of the persistent menu: a payload or an address.");
    let only = |one: &str, other: &str| json!({"required": [one], "properties": {one: {"type": "string"}, other: {"type": "null"}}});
    all["oneOf"] = json!([only("payload", "url"), only("url", "payload")]);
    all
}

fn optin() -> Value {
    let texts = OPTIN_TEXTS.iter().map(|name| ((*name).to_owned(), text(REF)));
    let others = [
        "source",
        "notification_messages_frequency",
        "notification_messages_timezone",
        "notification_messages_status",
        "token_expiry_timestamp",
        "user_token_status",
    ];
    let others = others.map(|name| (name.to_owned(), json!({})));
    object(Value::Object(texts.chain(others).collect()), &[])
}

/// How far somebody read or received: up to a moment, or messages.
fn far(message: &str, schema: &Value, is_there: &Value) -> Value {
    let mut all = object(json!({"watermark": whole(), message: schema, "seq": {}}), &[]);
    all["description"] = json!("Up to a moment (milliseconds since 1970), or up to messages.");
    all["anyOf"] = json!([
        {"required": ["watermark"], "properties": {"watermark": {"type": "integer"}}},
        {"required": [message], "properties": is_there},
    ]);
    all
}

#[cfg(test)]
mod tests {
    use baton_wire::inbound::PersonEvent;

    use super::*;

    /// What the reader says of a content, by pointer.
    fn wrong(word: &str, content: &Value) -> Vec<(String, String)> {
        let wrong = PersonEvent::parse(&json!({"type": word, word: content})).err().unwrap_or_default();
        wrong.into_iter().map(|wrong| (wrong.pointer, wrong.detail)).collect()
    }

    #[test]
    fn each_content_has_the_fields_that_are_read() {
        for (kind, word) in Kind::ALL {
            let wrong = wrong(word, &json!({"nobody_knows_this": 1}));
            let (_, detail) = wrong.iter().find(|(at, _)| at.ends_with("/nobody_knows_this")).unwrap();
            let known = detail.strip_prefix("unknown field; known here: ").unwrap();
            let mut known: Vec<&str> = known.split(", ").collect();
            let described = content(*kind);
            let mut described: Vec<&str> =
                described["properties"].as_object().unwrap().keys().map(String::as_str).collect();
            known.sort_unstable();
            described.sort_unstable();
            assert_eq!(described, known, "{word}");
        }
    }

    #[test]
    fn each_content_says_how_long_texts_may_be() {
        for (kind, word) in Kind::ALL {
            for (name, schema) in content(*kind)["properties"].as_object().unwrap() {
                let at = format!("/{word}/{name}");
                let longer = |length: usize| {
                    let given = json!({name.as_str(): "x".repeat(length)});
                    wrong(word, &given)
                        .iter()
                        .any(|(pointer, detail)| *pointer == at && detail.contains("longer"))
                };
                match schema["maxLength"].as_u64().and_then(|most| usize::try_from(most).ok()) {
                    Some(most) => assert!(!longer(most) && longer(most + 1), "{at}: {most}"),
                    None => assert!(!longer(10_000), "{at} has a limit"),
                }
            }
        }
    }

    #[test]
    fn each_content_says_what_is_required() {
        for (kind, word) in Kind::ALL {
            let found = wrong(word, &json!({}));
            for name in content(*kind)["required"].as_array().into_iter().flatten() {
                let at = format!("/{word}/{}", name.as_str().unwrap());
                assert!(found.iter().any(|(pointer, _)| *pointer == at), "{at} is not required");
            }
            let conditional = content(*kind).get("anyOf").is_some() || content(*kind).get("oneOf").is_some();
            let required = content(*kind)["required"].as_array().map_or(0, Vec::len);
            assert_eq!(found.len(), required + usize::from(conditional), "{word}: {found:?}");
        }
    }

    #[test]
    fn an_entry_is_for_those_that_the_reader_takes_it_for() {
        for (kind, word) in Kind::ALL {
            let event = json!({"type": word, "entry": {"type": "organic"}, *word: {}});
            let wrong = PersonEvent::parse(&event).err().unwrap_or_default();
            assert_eq!(kind.has_entry(), !wrong.iter().any(|wrong| wrong.pointer == "/entry"), "{word}");
        }
    }
}
