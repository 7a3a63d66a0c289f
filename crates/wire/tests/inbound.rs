//! A person's event: what is taken, what is refused and with which pointers, and what the rules are asked.

#![expect(clippy::unwrap_used, reason = "the helpers of a test may unwrap like the test")]

use baton_rules::{Action, AppId, Did, Entry, MenuLevel, Signal, Surface, What};
use baton_wire::inbound::{Button, EntryPoint, Kind, PersonEvent};
use proptest::prelude::*;
use serde_json::{Value, json};

fn parse(value: &Value) -> PersonEvent {
    PersonEvent::parse(value).unwrap_or_else(|wrong| panic!("{value}: {wrong:?}"))
}

fn pointers(value: &Value) -> Vec<String> {
    PersonEvent::parse(value).unwrap_err().into_iter().map(|wrong| wrong.pointer).collect()
}

#[test]
fn the_contracts_own_example_is_taken() {
    let event = parse(&json!({
        "type": "message",
        "message": {"text": "hello", "attachments": [], "quick_reply": {"payload": "SIZE_M"}, "reply_to": {"mid": "…"}},
        "entry": {"type": "ad", "ad_id": "9001"},
        "event_id": "any-string-of-the-caller"
    }));
    assert_eq!(event.event_id.as_deref(), Some("any-string-of-the-caller"));
    assert_eq!(event.entry, Some(EntryPoint::Ad { id: "9001".to_owned() }));
    let content = json!({"text": "hello", "quick_reply": {"payload": "SIZE_M"}, "reply_to": {"mid": "…"}});
    assert_eq!(Value::Object(event.content.clone()), content, "an empty list says nothing");
    let did = Did { what: What::QuickReply, entry: Some(Entry::Ad { id: "9001" }) };
    assert_eq!(event.action(None), Action::Person(did));
}

#[test]
fn every_kind_asks_the_rules_its_own_question() {
    let creator = AppId::new(111);
    let level = MenuLevel::Page;
    let table = [
        (json!({"type": "message", "message": {"text": "x"}}), What::Message),
        (json!({"type": "message", "message": {"attachments": [{"type": "image"}]}}), What::Message),
        (json!({"type": "postback", "postback": {"payload": "P"}}), What::Postback { creator }),
        (json!({"type": "menu", "menu": {"payload": "P"}}), What::Menu { creator, level, url: false }),
        (json!({"type": "menu", "menu": {"url": "https://x"}}), What::Menu { creator, level, url: true }),
        (json!({"type": "get_started"}), What::GetStarted { creator }),
        (json!({"type": "get_started", "get_started": {"payload": "GO"}}), What::GetStarted { creator }),
        (json!({"type": "ice_breaker", "ice_breaker": {"payload": "P"}}), What::IceBreaker { creator }),
        (json!({"type": "referral", "entry": {"type": "organic"}}), What::Referral),
        (json!({"type": "optin", "optin": {"ref": "R"}}), What::Signal(Signal::Optin)),
        (json!({"type": "read", "read": {"watermark": 5}}), What::Signal(Signal::Read)),
        (json!({"type": "delivery", "delivery": {"mids": ["m_1"]}}), What::Signal(Signal::Delivery)),
        (
            json!({"type": "reaction", "reaction": {"mid": "m_1", "action": "unreact"}}),
            What::Signal(Signal::Reaction),
        ),
        (json!({"type": "edit", "edit": {"mid": "m_1", "text": "y"}}), What::Signal(Signal::Edit)),
        (json!({"type": "unsend", "unsend": {"mid": "m_1"}}), What::Signal(Signal::Unsend)),
        (
            json!({"type": "account_linking", "account_linking": {"status": "unlinked"}}),
            What::Signal(Signal::AccountLinking),
        ),
        (json!({"type": "feedback", "feedback": {"feedback_screens": [{}]}}), What::Signal(Signal::Feedback)),
    ];
    for (value, what) in &table {
        let entry = value.get("entry").map(|_| Entry::Organic);
        assert_eq!(parse(value).action(creator), Action::Person(Did { what: *what, entry }), "{value}");
    }
    for (kind, name) in Kind::ALL {
        assert!(table.iter().any(|(value, _)| value["type"] == *name), "{name} is in the table");
        assert_eq!((Kind::named(name), kind.name()), (Some(*kind), *name));
    }
}

#[test]
fn a_postback_names_its_button() {
    let event = parse(&json!({"type": "postback", "postback": {"payload": "P", "mid": "m_1", "title": "t"}}));
    assert_eq!(event.button(), Some(Button { payload: "P", mid: Some("m_1") }));
    let event = parse(&json!({"type": "postback", "postback": {"payload": "P"}}));
    assert_eq!(event.button(), Some(Button { payload: "P", mid: None }));
    assert_eq!(parse(&json!({"type": "menu", "menu": {"payload": "P"}})).button(), None);
}

#[test]
fn wrong_events_say_where() {
    let text = |length: usize| json!({"type": "message", "message": {"text": "ä".repeat(length)}});
    assert!(PersonEvent::parse(&text(2000)).is_ok());
    for (value, expected) in [
        (json!([]), &[""] as &[&str]),
        (json!({}), &["/type"]),
        (json!({"type": 5}), &["/type"]),
        (json!({"type": "massage", "x": 1}), &["/type"]),
        (json!({"type": "message"}), &["/message"]),
        (json!({"type": "message", "message": null}), &["/message"]),
        (json!({"type": "message", "message": "hi"}), &["/message"]),
        (json!({"type": "message", "message": {}}), &["/message"]),
        (json!({"type": "message", "message": {"text": ""}}), &["/message"]),
        (json!({"type": "message", "message": {"text": 5}}), &["/message/text"]),
        (json!({"type": "message", "message": {"is_unsupported": false}}), &["/message"]),
        (
            json!({"type": "message", "message": {"text": "a", "is_unsupported": 1}}),
            &["/message/is_unsupported"],
        ),
        (text(2001), &["/message/text"]),
        (
            json!({"type": "message", "message": {"attachments": [1, {"payload": {}}]}}),
            &["/message/attachments/0", "/message/attachments/1/type"],
        ),
        (
            json!({"type": "message", "message": {"text": "a", "quick_reply": {}, "reply_to": {}}}),
            &["/message/quick_reply/payload", "/message/reply_to/mid"],
        ),
        (
            json!({"type": "message", "message": {"text": "a", "a/b~c": 1}, "postback": {}}),
            &["/postback", "/message/a~1b~0c"],
        ),
        (json!({"type": "postback", "postback": {}}), &["/postback/payload"]),
        (json!({"type": "postback", "postback": {"payload": ""}}), &["/postback/payload"]),
        (json!({"type": "menu", "menu": {}}), &["/menu"]),
        (json!({"type": "menu", "menu": {"payload": "P", "url": "u"}}), &["/menu"]),
        (json!({"type": "read", "read": {}}), &["/read/watermark"]),
        (json!({"type": "read", "read": {"watermark": "5"}}), &["/read/watermark"]),
        (json!({"type": "delivery", "delivery": {"mids": [1]}}), &["/delivery/mids/0"]),
        (json!({"type": "reaction", "reaction": {"action": "like"}}), &["/reaction/mid", "/reaction/action"]),
        (json!({"type": "edit", "edit": {}}), &["/edit/mid", "/edit/text"]),
        (
            json!({"type": "account_linking", "account_linking": {"status": "x"}}),
            &["/account_linking/status"],
        ),
        (json!({"type": "feedback", "feedback": {}}), &["/feedback/feedback_screens"]),
        (json!({"type": "get_started", "get_started": 1}), &["/get_started"]),
        (json!({"type": "get_started", "event_id": ""}), &["/event_id"]),
        (json!({"type": "get_started", "event_id": 7}), &["/event_id"]),
        (json!({"type": "get_started", "person": "4001"}), &["/person"]),
        (json!({"type": "get_started", "entry": {"type": "ad"}}), &["/entry/ad_id"]),
        (json!({"type": "get_started", "entry": {"type": "ad", "ad_id": 9001}}), &["/entry/ad_id"]),
        (
            json!({"type": "get_started", "entry": {"type": "link", "ref": "r", "ad_id": "1"}}),
            &["/entry/ad_id"],
        ),
        (json!({"type": "get_started", "entry": {"type": "bus"}}), &["/entry/type"]),
        (json!({"type": "get_started", "entry": []}), &["/entry"]),
        (json!({"type": "read", "read": {"watermark": 5}, "entry": {"type": "organic"}}), &["/entry"]),
        (
            json!({"type": "postback", "entry": {"type": "x"}, "event_id": "", "postback": {"title": 1}, "z": 0}),
            &["/event_id", "/entry/type", "/z", "/postback/title", "/postback/payload"],
        ),
    ] {
        assert_eq!(pointers(&value), expected, "{value}");
    }
}

#[test]
fn an_event_of_many_people_says_whose_it_is() {
    let value = json!({"person": "4001", "type": "message", "message": {"text": "hi"}});
    let (person, event) = PersonEvent::parse_with_person(&value).unwrap();
    assert_eq!(person.as_str(), "4001");
    assert_eq!(event, PersonEvent::of_text("hi"));
    for (person, pointer) in [(json!(null), "/person"), (json!("a b"), "/person"), (json!(4001), "/person")] {
        let value = json!({"person": person, "type": "message", "message": {"text": "hi"}});
        let wrong = PersonEvent::parse_with_person(&value).unwrap_err();
        assert_eq!(wrong.len(), 1);
        assert_eq!(wrong[0].pointer, pointer);
    }
}

/// Any small JSON, with the words that events are made of.
fn anything() -> impl Strategy<Value = Value> {
    let word = prop_oneof![
        Just("type"),
        Just("message"),
        Just("postback"),
        Just("entry"),
        Just("ad"),
        Just("ad_id"),
        Just("text"),
        Just("payload"),
        Just("menu"),
        Just("url"),
        Just("attachments"),
        Just("event_id"),
        Just("read"),
        Just("mid"),
        Just("quick_reply"),
        Just("referral"),
        Just("feedback"),
        Just(""),
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        word.clone().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 6, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::vec((word.clone(), inner), 0..6).prop_map(|fields| {
                Value::Object(fields.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
            }),
        ]
    })
}

proptest! {
    #[test]
    fn parse_never_panics_and_never_refuses_without_a_reason(value in anything()) {
        match PersonEvent::parse(&value) {
            Ok(event) => {
                let _ = event.action(None);
            }
            Err(wrong) => prop_assert!(!wrong.is_empty()),
        }
        let _ = PersonEvent::parse_with_person(&value);
    }
}

#[test]
fn instagram_has_no_deliveries_linked_accounts_or_surveys() {
    let events = [
        json!({"type": "delivery", "delivery": {"mids": ["m_1"]}}),
        json!({"type": "account_linking", "account_linking": {"status": "unlinked"}}),
        json!({"type": "feedback", "feedback": {"feedback_screens": [{}]}}),
    ];
    for event in events {
        assert!(parse(&event).on(Surface::Messenger).is_ok(), "{event}");
        let wrong = parse(&event).on(Surface::Instagram).unwrap_err();
        assert_eq!(wrong[0].pointer, "/type", "{event}");
    }
    let seen = json!({"type": "read", "read": {"mid": "aWdf1"}});
    assert!(parse(&seen).on(Surface::Instagram).is_ok());
}
