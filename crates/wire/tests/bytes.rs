//! Exact bytes: message ids, signatures, escapes and the envelope.

use baton_rules::{AppId, Channel, PageId, Surface, Timestamp};
use baton_wire::envelope::{Entry, envelope, escaped};
use baton_wire::signature::{proof, sign, verify, verify_proof};
use baton_wire::webhook::{self, Between};
use baton_wire::{MessageId, signature};
use proptest::prelude::*;
use serde_json::{Value, json};

const KEY: [u8; 32] = [7; 32];

#[test]
fn ids_never_change() {
    // Made with Python's hmac: an id that was given out once is looked up for years.
    let messenger =
        "m_AQADAAAAAAAAAA5pLEkHDoaE0x-dhJ2FVhiGPzTyO0SOeUS-x7hMgi5G7sFBGey-nBhtxv-JC6pzSTwwA9VEUg";
    let instagram =
        "aWdfAQADAAAAAAAAAA6nQKwJGz9_jc6r0Ln5_G0WtskyRQ5J8Jji7IptpNkbkj-qGIYUnSfgon_at8CbGeArZijd9g";
    assert_eq!(MessageId::mint(&KEY, Surface::Messenger, 3, 14).as_str(), messenger);
    assert_eq!(MessageId::mint(&KEY, Surface::Instagram, 3, 14).as_str(), instagram);
    assert_eq!(messenger.len(), 2 + 86);
}

#[test]
fn ids_of_others_name_no_place() {
    let id = MessageId::mint(&KEY, Surface::Messenger, 3, 14);
    assert_eq!(MessageId::place(&KEY, id.as_str()), Some((3, 14)));
    assert_eq!(MessageId::place(&[8; 32], id.as_str()), None, "another key");
    for at in 0..id.as_str().len() {
        let mut bytes = id.as_str().as_bytes().to_vec();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        assert_eq!(MessageId::place(&KEY, std::str::from_utf8(&bytes).unwrap()), None, "at {at}");
    }
    let bare = &id.as_str()[2..];
    for other in ["", "m_", "m_AQ", "aWdf", "mid.1457764197618:41d102a3e1ae206a38", bare, &id.as_str()[..87]]
    {
        assert_eq!(MessageId::place(&KEY, other), None, "{other}");
    }
    assert_eq!(MessageId::place(&KEY, &format!("{}A", id.as_str())), None);
    // The same bytes as an Instagram id.
    let decoded =
        |text: &str| base64::Engine::decode(&base64::prelude::BASE64_URL_SAFE_NO_PAD, text).unwrap();
    let dressed = [b"ig_".as_slice(), &decoded(bare)].concat();
    let dressed = base64::Engine::encode(&base64::prelude::BASE64_URL_SAFE_NO_PAD, dressed);
    assert_eq!(MessageId::place(&KEY, &dressed), None);
}

proptest! {
    #[test]
    fn ids_name_their_place(stream: u16, position: u64, key: [u8; 32], instagram: bool) {
        let surface = if instagram { Surface::Instagram } else { Surface::Messenger };
        let id = MessageId::mint(&key, surface, stream, position);
        prop_assert_eq!(MessageId::place(&key, id.as_str()), Some((stream, position)));
        prop_assert!(id.as_str().bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-'));
        let start = if instagram { "aWdf" } else { "m_" };
        prop_assert!(id.as_str().starts_with(start));
    }

    #[test]
    fn no_text_breaks_an_id(text in "(m_|aWdf)?[A-Za-z0-9_=ä-]{0,100}") {
        prop_assert_eq!(MessageId::place(&KEY, &text), None);
    }
}

/// wire.md 3.3
const VECTOR: &str = r#"{"object":"page","entry":[{"time":1569262486134,"id":"100","messaging":[{"sender":{"id":"200"},"recipient":{"id":"100"},"timestamp":1569262485349,"message":{"mid":"m_x","text":"\u00e4\u00f6\u00e5 \ud83d\udc4d a\/b \u003Cc> d\u0040e 5\u0025 & 'q'"}}]}]}"#;

#[test]
fn signatures_are_the_platforms() {
    let signed = sign("test_secret", VECTOR.as_bytes());
    assert_eq!(signed.sha1, "sha1=8428f2fac35dd54127bb09ac6a09ba3841381e47");
    let sha256 = "sha256=638a654877e8a924bc9633e0c8d7b66f6121428cd38abc79b1a2d65c36a87bc8";
    assert_eq!(signed.sha256, sha256);
    // A secret longer than a block, and none at all (Python's hmac).
    let long = sign(&"a".repeat(131), b"body");
    assert_eq!(long.sha256, "sha256=9b7a61933a27660c82133b6b9f97de3d21437f52bce59ca24422ebb29e2cf456");
    assert_eq!(long.sha1, "sha1=35a129e3b7c53cf3c55a2343c0d09eaa32d46388");
    let none = "sha256=7ec3619ea7f921721b6d8bec83ea2d0c6d557e0b164daf577e62c8cc88ed74ae";
    assert_eq!(sign("", b"body").sha256, none);
}

#[test]
fn only_the_right_signature_is_accepted() {
    let signed = sign("test_secret", b"body");
    assert!(verify("test_secret", b"body", &signed.sha1));
    assert!(verify("test_secret", b"body", &signed.sha256));
    assert!(!verify("test_secret", b"body ", &signed.sha256));
    assert!(!verify("Test_secret", b"body", &signed.sha256));
    let (_, digits) = signed.sha256.split_once('=').unwrap();
    for header in
        ["", "sha256", "sha256=", "sha256=zz", digits, &format!("sha1={digits}"), &signed.sha256[..70]]
    {
        assert!(!verify("test_secret", b"body", header), "{header}");
    }
}

#[test]
fn proofs_are_the_platforms() {
    // wire.md 1.3
    let plain = "a95b96cd84f4da7c3ac376c2a703e492c9d5122b571009e2f2a26d0a6bade226";
    assert_eq!(proof("test_secret", "EAATESTTOKEN", None), plain);
    let timed = "bc9bad37ff3f2054dc31324b8cce7be82a5f733c54e78312aa50e04ec447788c";
    assert_eq!(proof("test_secret", "EAATESTTOKEN", Some("1700000000")), timed);
    assert!(verify_proof("test_secret", "EAATESTTOKEN", None, plain));
    assert!(!verify_proof("test_secret", "EAATESTTOKEN", None, timed));
    assert!(!verify_proof("test_secret", "EAATESTTOKEN", None, ""));
}

#[test]
fn an_empty_messaging_stands_beside_standby_for_who_looks_there() {
    let id = PageId::new(100).unwrap();
    let entry = |channel, both| Entry { id, time: 1, channel, both, item: b"{}", context: None };
    let text = |entry| String::from_utf8(envelope(Surface::Messenger, &[entry]).to_vec()).unwrap();
    assert_eq!(
        text(entry(Channel::Standby, true)),
        r#"{"object":"page","entry":[{"time":1,"id":"100","messaging":[],"standby":[{}]}]}"#
    );
    assert_eq!(
        text(entry(Channel::Standby, false)),
        r#"{"object":"page","entry":[{"time":1,"id":"100","standby":[{}]}]}"#
    );
}

#[test]
fn app_ids_become_numbers_where_they_are_app_ids_and_nowhere_else() {
    let person = "4001".parse().unwrap();
    let page = PageId::new(2001).unwrap();
    let between = Between { page, surface: Surface::Messenger, person: &person, at: Timestamp(1) };
    let said = r#"","new_owner_app_id":"7","#;
    let passed = webhook::passed(between, None, AppId::new(222).unwrap(), said);
    let text = String::from_utf8(webhook::with_numbers(&passed.whole)).unwrap();
    assert!(text.contains(r#""previous_owner_app_id":null,"new_owner_app_id":222,"metadata":"#), "{text}");
    let read: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(read["pass_thread_control"]["metadata"], said, "what somebody says stays as it is");
    for item in [
        webhook::requested(between, AppId::new(9).unwrap(), ""),
        webhook::metadata(between, AppId::new(9).unwrap(), ""),
    ] {
        let text = String::from_utf8(webhook::with_numbers(&item.whole)).unwrap();
        assert!(text.contains("_app_id\":9,"), "{text}");
    }
    let plain = br#"{"new_owner_app_id":"x","previous_owner_app_id":"12"#;
    assert_eq!(webhook::with_numbers(plain), plain);
}

#[test]
fn standard_webhooks_are_signed_as_their_documents_have_it() {
    // The vector of the reference libraries.
    let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let (id, timestamp, body) = ("msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", br#"{"test": 2432232314}"#);
    let expected = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
    assert_eq!(signature::standard(secret, id, timestamp, body), expected);
    // Any other secret is the key as it is.
    assert_ne!(signature::standard("test_secret", id, timestamp, body), expected);
    assert!(signature::standard("", id, timestamp, body).starts_with("v1,"));
}

#[test]
fn wh_10_the_envelope_is_the_platforms() {
    let item =
        escaped(&json!({"sender": {"id": "200"}, "recipient": {"id": "100"}, "timestamp": 1569262485349_i64,
        "message": {"mid": "m_x", "text": "äöå 👍 a/b <c> d@e 5% & 'q'"}}));
    let entry = Entry {
        id: PageId::new(100).unwrap(),
        time: 1_569_262_486_134,
        channel: Channel::Messaging,
        both: true,
        item: &item,
        context: None,
    };
    assert_eq!(envelope(Surface::Messenger, &[entry]).as_ref(), VECTOR.as_bytes());
}

#[test]
fn wh_11_several_entries_stand_side_by_side_and_never_both_arrays_in_one() {
    let id = PageId::new(100).unwrap();
    let first = Entry {
        id,
        time: 1,
        channel: Channel::Messaging,
        both: true,
        item: b"{}",
        context: Some(br#"[{"a":1}]"#),
    };
    let second =
        Entry { id, time: 2, channel: Channel::Standby, both: false, item: br#"{"b":2}"#, context: None };
    let whole = envelope(Surface::Instagram, &[first, second]);
    let expected = r#"{"object":"instagram","entry":[{"time":1,"id":"100","messaging":[{}],"hop_context":[{"a":1}]},{"time":2,"id":"100","standby":[{"b":2}]}]}"#;
    assert_eq!(std::str::from_utf8(&whole).unwrap(), expected);
}

#[test]
fn every_escape() {
    for (text, expected) in [
        ("", r#""""#),
        ("a\"b\\c", r#""a\"b\\c""#),
        ("\n\r\t\u{8}\u{c}\u{0}\u{1f}\u{7f}", "\"\\n\\r\\t\\b\\f\\u0000\\u001f\u{7f}\""),
        ("</script>", r#""\u003C\/script>""#),
        ("a@b 100% > & '", r#""a\u0040b 100\u0025 > & '""#),
        ("\u{80}\u{7ff}\u{800}\u{2028}\u{ffff}", r#""\u0080\u07ff\u0800\u2028\uffff""#),
        ("\u{10000}\u{10ffff}", r#""\ud800\udc00\udbff\udfff""#),
    ] {
        assert_eq!(String::from_utf8(escaped(&text)).unwrap(), expected);
    }
    assert_eq!(escaped(&json!({"a/b": [1, -2.5, null, true, {}]})), br#"{"a\/b":[1,-2.5,null,true,{}]}"#);
}

proptest! {
    #[test]
    fn escaped_is_ascii_and_means_the_same(texts in proptest::collection::vec(any::<String>(), 0..4)) {
        let value = json!({"texts": texts, "nested": {"key/ä": texts.first()}});
        let bytes = escaped(&value);
        prop_assert!(bytes.is_ascii());
        prop_assert_eq!(serde_json::from_slice::<Value>(&bytes).unwrap(), value);
    }
}
