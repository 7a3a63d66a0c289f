//! One request, in every encoding that a client was seen to use, and what is no request in any.

#![expect(clippy::unwrap_used, reason = "the helpers of a test may unwrap like the test")]

use baton_wire::GraphError;
use baton_wire::params::{Limits, Params};
use bytes::Bytes;
use proptest::prelude::*;
use serde_json::{Value, json};

const FORM: Option<&str> = Some("application/x-www-form-urlencoded");
const JSON: Option<&str> = Some("application/json");
const MULTIPART: Option<&str> = Some("multipart/form-data; boundary=x");

fn read(query: &str, kind: Option<&str>, body: &str) -> Params {
    Params::read(query, kind, &Bytes::copy_from_slice(body.as_bytes()), Limits::default()).unwrap()
}

fn refused(query: &str, kind: Option<&str>, body: &[u8]) -> GraphError {
    let error = Params::read(query, kind, &Bytes::copy_from_slice(body), Limits::default()).unwrap_err();
    assert_eq!((error.status, error.code, error.subcode), (400, 100, None));
    assert!(error.message.starts_with("(#100) "), "{}", error.message);
    error
}

/// A text as a part of a multipart body, and its end.
fn part(name: &str, text: &str) -> String {
    format!("{}--x--\r\n", open_part(name, text))
}

fn open_part(name: &str, text: &str) -> String {
    format!("--x\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{text}\r\n")
}

fn parts(count: usize) -> String {
    let all: String = (0..count).map(|number| open_part(&format!("a{number}"), "1")).collect();
    format!("{all}--x--\r\n")
}

fn file(bytes: &str) -> String {
    format!(
        "--x\r\nContent-Disposition: form-data; name=\"filedata\"; filename=\"cat.PNG\"\r\nContent-Type: \
         Image/PNG; q=1\r\n\r\n{bytes}\r\n"
    )
}

#[test]
fn a_file_comes_with_texts_in_any_order() {
    let texts = [open_part("recipient", "{\"id\":\"4001\"}"), open_part("message[text]", "hi")];
    for body in [
        format!("{}{}{}--x--\r\n", file("\r\n\u{1}"), texts[0], texts[1]),
        format!("{}{}{}--x--\r\n", texts[0], file("\r\n\u{1}"), texts[1]),
        format!("{}{}{}--x--\r\n", texts[0], texts[1], file("\r\n\u{1}")),
    ] {
        let params = read("message={\"text\":\"not this\"}", MULTIPART, &body);
        assert_eq!(params.object("recipient").unwrap().unwrap()["id"], "4001");
        assert_eq!(params.object("message").unwrap().unwrap()["text"], "hi", "the body wins");
        let upload = params.upload().unwrap();
        assert_eq!((upload.mime.as_str(), upload.file_name.as_deref()), ("image/png", Some("cat.PNG")));
        assert_eq!(upload.bytes.as_ref(), b"\r\n\x01");
    }
    // A buffer has no name of its own; its part's name says that it is a file.
    let bare = "--x\r\nContent-Disposition: form-data; name=\"filedata\"\r\n\r\nbytes\r\n--x--\r\n";
    let upload = read("", MULTIPART, bare).take_upload().unwrap();
    assert_eq!(
        (upload.mime.as_str(), upload.file_name, upload.bytes.as_ref()),
        ("", None, b"bytes".as_ref())
    );
    assert_eq!(read("", MULTIPART, &part("a", "b")).upload(), None);
}

#[test]
fn api_2_one_send_in_every_encoding() {
    let json = r#"{"recipient":{"id":"4001"},"message":{"text":"hi ä"}}"#;
    for (client, query, kind, body) in [
        ("most", "", JSON, json),
        ("most, with a charset", "", Some("Application/JSON; charset=utf-8"), json),
        ("curl -d", "", FORM, json),
        ("a bare script", "", Some("text/plain"), json),
        ("no type", "", None, json),
        (
            "white space",
            "",
            None,
            " \n{\"recipient\":{\"id\":\"4001\"},\"message\":{\"text\":\"hi \\u00e4\"}}\n",
        ),
        ("pymessenger", "", JSON, r#"{"recipient":"{\"id\":\"4001\"}","message":"{\"text\":\"hi ä\"}"}"#),
        (
            "facebook-business-py",
            "",
            FORM,
            "recipient=%7B%22id%22%3A%224001%22%7D&message=%7B%22text%22%3A%22hi+%C3%A4%22%7D",
        ),
        ("fbgraph, no type", "", None, "recipient[id]=4001&message[text]=hi%20%c3%a4"),
        ("HTTParty", "", FORM, "recipient%5Bid%5D=4001&message%5Btext%5D=hi+ä"),
        ("the platform's samples", "recipient={'id':'4001'}", FORM, "message={text:'hi ä'}"),
        (
            "everything in the query",
            "recipient={\"id\":\"4001\"}&message=%7B%22text%22:%22hi%20%C3%A4%22}",
            JSON,
            "",
        ),
    ] {
        let params = read(query, kind, body);
        assert_eq!(params.object("recipient").unwrap().unwrap()["id"], "4001", "{client}");
        assert_eq!(params.object("message").unwrap().unwrap()["text"], "hi ä", "{client}");
    }
}

#[test]
fn the_body_wins_and_null_is_absent() {
    let params = read("a=1&b=2&c=3&access_token=EAAx", JSON, r#"{"a":"9","b":null,"d":null,"a":"10"}"#);
    assert_eq!(params.text("a").as_deref(), Some("10"), "the last of two");
    assert_eq!(params.text("b").as_deref(), Some("2"));
    assert_eq!(params.get("d"), None);
    assert_eq!(params.access_token(), Some("EAAx"));
    assert_eq!(read("", FORM, "a=1&a=2").text("a").as_deref(), Some("2"));
    let fbmq = read("", JSON, r#"{"message":null,"sender_action":"typing_on","tag":null}"#);
    assert_eq!(fbmq.object("message").unwrap(), None);
}

#[test]
fn nothing_is_no_error() {
    for kind in [None, JSON, FORM, Some("text/plain")] {
        assert_eq!(read("", kind, "").as_object().len(), 0);
        assert_eq!(read("", kind, " \r\n").as_object().len(), 0);
        assert_eq!(read("&&a", kind, "").as_object().len(), 1);
    }
    assert_eq!(read("", JSON, "{}").as_object().len(), 0);
}

#[test]
fn brackets_nest_and_number() {
    for (form, expected) in [
        ("a[b][c][d]=1&a[b][e]=2", json!({"b": {"c": {"d": "1"}, "e": "2"}})),
        ("a[]=x&a[]=y", json!(["x", "y"])),
        ("a[0]=x&a[1]=y", json!(["x", "y"])),
        ("a[1]=y&a[0]=x", json!(["x", "y"])),
        ("a[1]=y&a[2]=x", json!({"1": "y", "2": "x"})),
        ("a[][t]=1&a[][u]=2&a[][t]=3&a[][u]=4", json!([{"t": "1", "u": "2"}, {"t": "3", "u": "4"}])),
        ("a[0][t]=1&a[0][u]=2", json!([{"t": "1", "u": "2"}])),
        ("a[][b][c]=1&a[][b][d]=2&a[][b][c]=3", json!([{"b": {"c": "1", "d": "2"}}, {"b": {"c": "3"}}])),
        ("a=1&a[b]=2", json!({"b": "2"})),
        ("a[b]=2&a=1", json!("1")),
    ] {
        assert_eq!(read("", FORM, form).get("a"), Some(&expected), "{form}");
    }
    // Names that only look like it stay names.
    for form in ["a[b=1", "a]b=1", "a[b]c=1", "[b]=1", "a[b[c]]=1"] {
        let params = read("", FORM, form);
        let name = form.strip_suffix("=1").unwrap();
        assert_eq!(params.text(name).as_deref(), Some("1"), "{form}");
    }
}

#[test]
fn values_are_read_as_what_they_are_asked_for() {
    let params = read(
        "",
        JSON,
        r#"{"n":7,"t":"7","f":7.5,"big":123456789012345678901234567890,"neg":"-7","l":["a",1],"o":"[1]","e":""}"#,
    );
    for name in ["n", "t"] {
        assert_eq!(params.text(name).as_deref(), Some("7"));
        assert_eq!(params.integer(name), Some(7));
    }
    assert_eq!(params.integer("neg"), Some(-7));
    for name in ["f", "big", "l", "e", "absent"] {
        assert_eq!(params.integer(name), None, "{name}");
    }
    assert_eq!(params.list("l"), Some(vec!["a".to_owned(), "1".to_owned()]));
    assert_eq!(params.text("l"), None);
    assert_eq!(params.object("e").unwrap(), None, "a text of nothing");
    let php = read("", JSON, r#"{"list":[],"text":" [] "}"#);
    for name in ["list", "text"] {
        assert_eq!(
            php.object(name).unwrap(),
            Some(serde_json::Map::new()),
            "an object of nothing, as PHP writes it"
        );
    }
    for name in ["n", "t", "l", "o"] {
        let error = params.object(name).unwrap_err();
        assert_eq!(error.message, format!("(#100) Param {name} must be a JSON object"));
    }
    for fields in [
        "fields=a,b",
        "fields=a,%20b",
        "fields=[\"a\",\"b\"]",
        "fields[]=a&fields[]=b",
        "fields=['a',b]",
        "fields=a&fields=b",
    ] {
        assert_eq!(
            read(fields, None, "").list("fields"),
            Some(vec!["a".to_owned(), "b".to_owned()]),
            "{fields}"
        );
    }
}

#[test]
fn what_is_no_request_says_why() {
    let deep = |levels: usize| format!("{}1{}", "{\"a\":".repeat(levels), "}".repeat(levels));
    let brackets = |levels: usize| format!("a{}=1", "[b]".repeat(levels));
    let fields = |count: usize| "a=1&".repeat(count);
    assert!(Params::read("", JSON, &deep(64).into(), Limits::default()).is_ok());
    assert!(Params::read("", FORM, &brackets(63).into(), Limits::default()).is_ok());
    for (kind, body, word) in [
        (JSON, b"[1]".as_slice(), "must be a JSON object"),
        (JSON, b"\"x\"", "must be a JSON object"),
        (JSON, b"{\"a\":", "not valid JSON"),
        (JSON, b"{\"a\":1}x", "not valid JSON"),
        (JSON, b"a=1", "not valid JSON"),
        (FORM, b"{'a':1}", "not valid JSON"),
        (JSON, br#"{"a":"\ud800"}"#, "hex escape"),
        (JSON, br#"{"a":"\ud800\u0041"}"#, "lone leading surrogate"),
        (JSON, b"{\"a\":\"\xff\"}", "not valid UTF-8"),
        (None, b"{\"a\":\"\xff\"}", "not valid UTF-8"),
        (FORM, b"b=1&a=%ff", "Param a of the body is not valid UTF-8"),
        (FORM, b"\xff=1", "not valid UTF-8"),
        (JSON, deep(65).as_bytes(), "limits.depth"),
        (JSON, "[".repeat(1 << 20).as_bytes(), "limits.depth"),
        (FORM, brackets(64).as_bytes(), "limits.depth"),
        (FORM, fields(1001).as_bytes(), "limits.form_fields"),
        (Some("multipart/form-data"), b"--x", "multipart body cannot be read"),
        (MULTIPART, b"--x", "multipart body cannot be read"),
        (MULTIPART, b"a=1", "multipart body cannot be read"),
        (
            MULTIPART,
            b"--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n\xff\r\n--x--\r\n",
            "Param a of the multipart body is not valid UTF-8",
        ),
        (MULTIPART, parts(1001).as_bytes(), "limits.form_fields"),
        (MULTIPART, part(&format!("a{}", "[b]".repeat(64)), "1").as_bytes(), "limits.depth"),
    ] {
        let error = refused("", kind, body);
        assert!(error.message.contains(word), "{} has {word}", error.message);
    }
    // Several files are a batch's, whose items take one each.
    let several = format!("{}{}--x--\r\n", file("one"), file("two"));
    let several = Params::read("", MULTIPART, &Bytes::from(several), Limits::default()).unwrap();
    assert!(several.has_one_upload().unwrap_err().message.contains("more than one file"));
    let error = refused("a=%ff", None, b"");
    assert!(error.message.contains("Param a of the query string"), "{}", error.message);
    // What stands in the address is no field of the form, and is bounded by itself.
    assert!(Params::read("access_token=x", FORM, &fields(1000).into(), Limits::default()).is_ok());
    let error = refused(&fields(1001), FORM, b"a=1");
    assert!(error.message.contains("form fields"), "{}", error.message);
}

/// What a form in brackets can say: texts, and what is made of them.
fn sayable() -> impl Strategy<Value = Value> {
    let text = "[^\\r\\n\"\\[\\{ \\u{0}-\\u{1f}][^\\r\\n\\u{0}-\\u{1f}]{0,8}".prop_map(Value::from);
    text.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 1..4).prop_map(Value::from),
            proptest::collection::hash_map("[a-z]{1,4}", inner, 1..4)
                .prop_map(|object| Value::Object(object.into_iter().collect())),
        ]
    })
}

/// `name=text` for each text in a value, with brackets.
fn bracketed(name: &str, value: &Value, out: &mut Vec<(String, String)>) {
    match value {
        Value::Object(object) => {
            object.iter().for_each(|(key, value)| bracketed(&format!("{name}[{key}]"), value, out));
        }
        Value::Array(array) => {
            (0..)
                .zip(array)
                .for_each(|(index, value): (usize, _)| bracketed(&format!("{name}[{index}]"), value, out));
        }
        Value::String(text) => out.push((name.to_owned(), text.clone())),
        other => panic!("{other} cannot be said in a form"),
    }
}

fn form(pairs: &[(String, String)]) -> String {
    let mut form = String::new();
    for (name, value) in pairs {
        let encoded: String = value.bytes().map(|byte| format!("%{byte:02X}")).collect();
        form.push_str(&format!("&{name}={encoded}"));
    }
    form
}

fn multipart(pairs: &[(String, String)]) -> String {
    let all: String = pairs.iter().map(|(name, value)| open_part(name, value)).collect();
    format!("{all}--x--\r\n")
}

/// A value as it is meant, JSON texts read.
fn meant(params: &Params, name: &str) -> Value {
    if let Ok(Some(object)) = params.object(name) {
        return Value::Object(object);
    }
    let value = params.get(name).cloned().unwrap_or_default();
    match &value {
        Value::String(text) if text.starts_with('[') => serde_json::from_str(text).unwrap_or(value),
        _ => value,
    }
}

proptest! {
    #[test]
    fn every_transport_means_the_same(values in proptest::collection::vec(sayable(), 1..4)) {
        let named: Vec<(String, &Value)> =
            values.iter().enumerate().map(|(index, value)| (format!("p{index}"), value)).collect();
        let json = Value::Object(named.iter().map(|(name, value)| (name.clone(), (*value).clone())).collect());
        let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let texts: Vec<(String, String)> =
            named.iter().map(|(name, value)| (name.clone(), text(value))).collect();
        let json_in_json = json!(texts.iter().cloned().collect::<std::collections::HashMap<_, _>>()).to_string();
        let mut brackets = Vec::new();
        named.iter().for_each(|(name, value)| bracketed(name, value, &mut brackets));
        for (transport, params) in [
            ("JSON", read("", JSON, &json.to_string())),
            ("JSON without a type", read("", None, &json.to_string())),
            ("JSON in JSON", read("", JSON, &json_in_json)),
            ("form", read("", FORM, &form(&texts))),
            ("form without a type", read("", None, &form(&texts))),
            ("brackets", read("", FORM, &form(&brackets))),
            ("query", read(&form(&texts), JSON, "")),
            ("query, in brackets", read(&form(&brackets), None, "")),
            ("multipart", read("", MULTIPART, &multipart(&texts))),
            ("multipart, in brackets", read("", MULTIPART, &multipart(&brackets))),
            ("the body before the query", read(&form(&[("p0".to_owned(), "not this".to_owned())]), FORM, &form(&texts))),
            ("nothing in the body", read(&form(&texts), JSON, "{\"p0\":null}")),
        ] {
            for (name, value) in &named {
                prop_assert_eq!(&&meant(&params, name), value, "{} {}", transport, name);
            }
        }
    }

    #[test]
    fn nothing_breaks_a_multipart_body(
        body in "(--x|\r\n|--|Content-Disposition: form-data; name=\"a\"|\r\n\r\n|[a-z]|\u{0}){0,20}",
        boundary in "[x\";= ]{0,4}",
    ) {
        let kind = format!("multipart/form-data; boundary={boundary}");
        let _ = Params::read("", Some(&kind), &body.into(), Limits { depth: 4, fields: 20, ..Limits::default() });
    }

    #[test]
    fn nothing_breaks_the_reader(
        query in "[a-c\\[\\]=&%{}'\":,0-9f+]{0,40}",
        kind in prop_oneof![Just(None), Just(JSON), Just(FORM), Just(MULTIPART)],
        body in proptest::collection::vec(any::<u8>(), 0..60),
    ) {
        if let Ok(params) = Params::read(&query, kind, &body.into(), Limits { depth: 4, fields: 20, ..Limits::default() }) {
            let names: Vec<String> = params.as_object().keys().cloned().collect();
            for name in names {
                let _ = (params.object(&name), params.list(&name), params.integer(&name), params.text(&name));
                let _ = params.fields();
            }
        }
    }

    #[test]
    fn what_a_form_says_is_what_is_read(text in any::<String>()) {
        let encoded: String = text.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let params = read(&format!("a={encoded}"), FORM, &format!("b[c]={encoded}"));
        prop_assert_eq!(params.get("a"), Some(&Value::from(text.as_str())));
        prop_assert_eq!(params.get("b"), Some(&json!({"c": text})));
    }
}
