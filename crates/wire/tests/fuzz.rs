//! Whatever a stranger sends to the readers: an error or a value, never a panic, and never more than was sent.
//! `FUZZ_SECONDS` says how long it looks for each (`make soak`); else it is a moment.

#![expect(clippy::unwrap_used, reason = "the helpers of a test may unwrap like the test")]

use std::time::{Duration, Instant};

use baton_rules::{AppId, PageId, Surface, Timestamp};
use baton_wire::MessageId;
use baton_wire::batch;
use baton_wire::fields;
use baton_wire::inbound::{Kind, PersonEvent};
use baton_wire::params::{Limits, Params};
use baton_wire::profile;
use baton_wire::requests::{self, Message};
use baton_wire::thread_settings;
use baton_wire::webhook::{self, Between};
use bytes::Bytes;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Map, Value, json};

/// Tries what a strategy makes: 256 times, or for as long as somebody says.
fn tries<S: Strategy>(strategy: &S, mut holds: impl FnMut(S::Value)) {
    let seconds = std::env::var("FUZZ_SECONDS").ok().and_then(|text| text.parse().ok());
    let mut runner = TestRunner::new(Config::default());
    #[expect(clippy::disallowed_methods, reason = "whoever looks longer says for how long in real time")]
    let begun = Instant::now();
    let mut tried = 0;
    while match seconds {
        Some(seconds) => begun.elapsed() < Duration::from_secs(seconds),
        None => tried < 256,
    } {
        holds(strategy.new_tree(&mut runner).unwrap().current());
        tried += 1;
    }
}

/// Words that readers look for, and what stands between them.
fn pieces() -> impl Strategy<Value = String> {
    let words = prop::sample::select(vec![
        "recipient",
        "message",
        "text",
        "attachment",
        "payload",
        "template_type",
        "elements",
        "buttons",
        "id",
        "batch",
        "relative_url",
        "body",
        "fields",
        "{result=a:$.x}",
        "quick_replies",
        "thread_control",
        "app_id",
        "sender_action",
        "react",
        "type",
        "user_ref",
        "attached_files",
        "--x\r\n",
        "--x--",
        "Content-Disposition: form-data; name=\"a\"",
        "Content-Disposition: form-data; name=\"f\"; filename=\"f\"",
        "\r\n\r\n",
        "{",
        "}",
        "[",
        "]",
        "\"",
        "'",
        ":",
        ",",
        "=",
        "&",
        "%",
        "%7",
        "+",
        "\\",
        "\\u",
        "\\ud83d",
        "null",
        "true",
        "0",
        "-1",
        "1e999",
        "9007199254740993",
        "ä",
        "👍",
        "\0",
        " ",
        "\n",
        "generic",
        "button",
        "image",
        ".limit(",
        ")",
        "$.",
        "*",
    ]);
    let piece = prop_oneof![4 => words.prop_map(str::to_owned), 1 => "\\PC{0,6}"];
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

/// A JSON value whose names are those of the platform.
fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        pieces().prop_map(Value::from),
        prop::sample::select(vec!["image", "template", "generic", "button", "message", "postback", "react"])
            .prop_map(Value::from),
    ];
    let names = prop::sample::select(vec![
        "recipient",
        "id",
        "message",
        "text",
        "attachment",
        "attachments",
        "type",
        "payload",
        "template_type",
        "elements",
        "title",
        "buttons",
        "url",
        "quick_replies",
        "content_type",
        "thread_control",
        "app_id",
        "control_type",
        "sender_action",
        "tag",
        "messaging_type",
        "metadata",
        "persona_id",
        "reply_to",
        "mid",
        "batch",
        "method",
        "relative_url",
        "body",
        "name",
        "depends_on",
        "persistent_menu",
        "locale",
        "call_to_actions",
        "greeting",
        "get_started",
        "ice_breakers",
        "question",
        "entry",
        "ad_id",
        "ref",
        "event_id",
        "postback",
        "read",
        "watermark",
        "reaction",
        "feedback_screens",
        "user_ref",
        "is_reusable",
    ]);
    leaf.prop_recursive(6, 64, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::vec((names.clone(), inner), 0..6)
                .prop_map(|pairs| Value::Object(pairs.into_iter().map(|(k, v)| (k.to_owned(), v)).collect())),
        ]
    })
}

/// How much a value holds: its letters, and a word for each part of it.
fn weight(value: &Value) -> usize {
    8 + match value {
        Value::String(text) => text.len(),
        Value::Array(all) => all.iter().map(weight).sum(),
        Value::Object(all) => all.iter().map(|(name, value)| name.len() + weight(value)).sum(),
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
    }
}

/// What is held of a call, its files apart, and its file.
fn held(params: &Params) -> (usize, usize) {
    let file = params.upload().map_or(0, |file| file.bytes.len());
    (weight(&Value::Object(params.as_object().clone())), file)
}

/// Everything that a call may be asked, of the same parameters.
fn read_all(params: &Params) {
    let limits = Limits::default();
    let call = requests::messages(params);
    if let Ok(call) = &call {
        for surface in [Surface::Messenger, Surface::Instagram] {
            let _ = requests::fits(call, surface);
        }
        let content = call.message.as_ref().map_or(0, |message| json!(message.content).to_string().len());
        let given = Value::Object(params.as_object().clone()).to_string().len();
        assert!(content <= given * 8 + 256, "{content} bytes of {given}");
    }
    drop(requests::sender_action(params));
    let _ = requests::reacted_to(params);
    let _ = requests::message_attachment(params);
    let _ = requests::pass_thread_control(params);
    let _ = requests::extend_thread_control(params);
    let _ = requests::pass_thread_metadata(params);
    let _ = requests::thread_owner(params);
    for surface in [Surface::Messenger, Surface::Instagram] {
        let _ = profile::set(params, surface);
        let _ = profile::named(params, "fields", surface);
    }
    let _ = thread_settings::set(params);
    let _ = requests::comment(params);
    let _ = params.fields();
    let (given, _) = held(params);
    let mut read = 0;
    for item in batch::items(params, limits).into_iter().flatten().flatten() {
        read += held(&item.params).0;
        let _ = item.with_answers(|_| Some(&Value::Null), limits);
    }
    assert!(read <= given * 16 + 256, "the items of a batch hold {read} of {given}");
}

#[test]
fn any_bytes_of_any_type() {
    let kinds = prop::sample::select(vec![
        None,
        Some("application/json"),
        Some("application/x-www-form-urlencoded"),
        Some("multipart/form-data; boundary=x"),
        Some("multipart/form-data; boundary="),
        Some("multipart/mixed"),
        Some("text/plain; charset=nonsense"),
        Some("\u{1}"),
    ]);
    let body = prop_oneof![
        pieces().prop_map(String::into_bytes),
        prop::collection::vec(any::<u8>(), 0..64),
        value().prop_map(|value| value.to_string().into_bytes()),
    ];
    tries(&(pieces(), kinds, body), |(query, kind, body)| {
        let sent = query.len() + body.len();
        if let Ok(params) = Params::read(&query, kind, &Bytes::from(body), Limits::default()) {
            let (params_held, file) = held(&params);
            assert!(params_held <= sent * 16 + 64 && file <= sent, "{params_held} and {file} of {sent}");
            read_all(&params);
        }
    });
}

/// Bodies that are nearly multipart: parts with names, file names and types, and borders that are cut, doubled or gone.
#[test]
fn any_multipart() {
    let name = prop::sample::select(vec![
        "message",
        "recipient",
        "filedata",
        "batch",
        "access_token",
        "a[b]",
        "",
        "\"",
        "ä",
    ]);
    let file = prop::sample::select(vec![
        "",
        "; filename=\"f.png\"",
        "; filename=",
        "; filename*=UTF-8''%ff",
        "; FileName=x",
    ]);
    let kind = prop::sample::select(vec![
        "",
        "Content-Type: image/png\r\n",
        "Content-Type: \u{1}\r\n",
        "content-type:video/mp4;x\r\n",
    ]);
    let end = prop::sample::select(vec![
        "\r\n--x\r\n",
        "\r\n--x",
        "\r\n--x--",
        "\n--x\n",
        "--x\r\n",
        "\r\n--x--\r\n--x\r\n",
        "",
    ]);
    let said = prop_oneof![pieces(), value().prop_map(|value| value.to_string())];
    let part = (name, file, kind, said, end).prop_map(|(name, file, kind, said, end)| {
        format!("Content-Disposition: form-data; name=\"{name}\"{file}\r\n{kind}\r\n{said}{end}")
    });
    let body = (prop::collection::vec(part, 0..6), any::<bool>())
        .prop_map(|(parts, begins)| format!("{}{}", if begins { "--x\r\n" } else { "" }, parts.concat()));
    tries(&body, |body| {
        let sent = body.len();
        let kind = Some("multipart/form-data; boundary=x");
        if let Ok(params) = Params::read("", kind, &Bytes::from(body), Limits::default()) {
            let (params_held, file) = held(&params);
            assert!(params_held <= sent * 16 + 64 && file <= sent, "{params_held} and {file} of {sent}");
            read_all(&params);
        }
    });
}

/// Batches whose items are nearly calls.
#[test]
fn any_batch() {
    let method = prop::sample::select(vec!["POST", "get", "DELETE", "", "PATCH"]);
    let url = prop_oneof![
        prop::sample::select(vec!["me/messages", "/v25.0/me", "{result=a:$.id}", "me?fields=a{", "?", ""])
            .prop_map(str::to_owned),
        pieces(),
    ];
    let body = prop_oneof![
        Just(Value::Null),
        pieces().prop_map(Value::from),
        value(),
        value().prop_map(|value| Value::from(format!("recipient={{\"id\":\"1\"}}&message={value}"))),
    ];
    let name = prop::option::of(prop::sample::select(vec!["a", "b", "a,b"]));
    let item = (method, url, body, name.clone(), name).prop_map(|(method, url, body, name, needs)| {
        json!({"method": method, "relative_url": url, "body": body, "name": name, "depends_on": needs})
    });
    let items = prop::collection::vec(prop_oneof![9 => item, 1 => value()], 0..8);
    tries(&(items, any::<bool>()), |(items, as_text)| {
        let batch = if as_text { Value::from(json!(items).to_string()) } else { json!(items) };
        read_all(&Params::from_object(Map::from_iter([("batch".to_owned(), batch)]), Limits::default()));
    });
}

/// What a webhook shows is JSON in ASCII, no larger than its escapes make it, and read again without a fault.
#[test]
fn any_webhook() {
    let person = "5001".parse().unwrap();
    let page = PageId::new(2001).unwrap();
    let app = AppId::new(111).unwrap();
    let check = |item: &Bytes, given: usize| {
        assert!(item.is_ascii() && item.len() <= given * 12 + 512, "{} of {given}", item.len());
        let read: Value = serde_json::from_slice(item).unwrap();
        assert_eq!(read["timestamp"], 1);
        let _ = (webhook::has_button(item, "x"), webhook::ad_of(item));
        assert!(serde_json::from_slice::<Value>(&webhook::with_numbers(item)).is_ok());
    };
    tries(&(value(), pieces()), |(value, said)| {
        for surface in [Surface::Messenger, Surface::Instagram] {
            let between = Between { page, surface, person: &person, at: Timestamp(1) };
            let mid = MessageId::mint(&[7; 32], surface, 3, 14);
            for (kind, name) in Kind::ALL {
                let mut event = json!({"type": name, *name: value.clone()});
                if kind.has_entry() {
                    event["entry"] = json!({"type": "link", "ref": said});
                }
                if let Ok(event) = PersonEvent::parse(&event) {
                    let item = webhook::said(between, &mid, &event, Some(&said));
                    let given = json!(event.content).to_string().len() + said.len();
                    item.reduced.iter().chain([&item.whole]).for_each(|item| check(item, given));
                }
            }
            let content = value.as_object().cloned().unwrap_or_default();
            let given = json!(content).to_string().len();
            check(&webhook::echo(between, &mid, app, &Message { content }).whole, given);
            check(&webhook::passed(between, None, app, &said).whole, said.len());
            check(&webhook::requested(between, app, &said).whole, said.len());
        }
    });
}

#[test]
fn any_parameters() {
    tries(&value(), |value| {
        let object = value.as_object().cloned().unwrap_or_default();
        let texts: Map<String, Value> =
            object.iter().map(|(name, value)| (name.clone(), Value::from(value.to_string()))).collect();
        for given in [object, texts] {
            read_all(&Params::from_object(given, Limits::default()));
        }
    });
}

#[test]
fn any_event_of_a_person() {
    tries(&value(), |value| {
        let _ = PersonEvent::parse(&value);
        let _ = PersonEvent::parse_with_person(&value);
        for (kind, name) in baton_wire::inbound::Kind::ALL {
            let event = json!({"type": name, *name: value.clone()});
            if let Ok(event) = PersonEvent::parse(&event) {
                assert_eq!(event.kind, *kind);
                let _ = event.action(None);
            }
        }
    });
}

#[test]
fn any_list_of_fields() {
    tries(&"[a-c.,(){} ]{0,60}", |text| {
        if let Ok(found) = fields::parse(&text, 8) {
            assert_eq!(fields::parse(&fields::written(&found), 8).as_ref(), Ok(&found), "{text}");
        }
    });
}
