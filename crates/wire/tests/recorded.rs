//! Every recorded sample, byte for byte: the shapes that deployed receivers read.

#![expect(clippy::unwrap_used, reason = "the helpers of a test may unwrap like the test")]

use std::fs;
use std::path::Path;

use baton_rules::{AppId, PageId, Surface, Timestamp};
use baton_wire::MessageId;
use baton_wire::envelope::escaped;
use baton_wire::inbound::PersonEvent;
use baton_wire::params::{Limits, Params};
use baton_wire::requests::{self, Message};
use baton_wire::webhook::{self, Between, Item};
use serde_json::{Value, json};

const APP: u64 = 1_517_776_481_860_111;

fn app(sample: &Value, key: &str) -> Option<AppId> {
    sample[key].as_str().map(|id| id.parse().unwrap())
}

fn render(sample: &Value, mid: &MessageId) -> Item {
    let person = "4001".parse().unwrap();
    let surface = if sample["object"] == "instagram" { Surface::Instagram } else { Surface::Messenger };
    let between = Between {
        page: PageId::new(2001).unwrap(),
        surface,
        person: &person,
        at: Timestamp(1_458_692_752_478),
    };
    if !sample["person"].is_null() {
        let event = PersonEvent::parse(&sample["person"]).unwrap();
        return webhook::said(between, mid, &event, sample["ad_title"].as_str());
    }
    if !sample["sent"].is_null() {
        let call = json!({"recipient": {"id": "4001"}, "message": sample["sent"]});
        let params = Params::from_object(call.as_object().unwrap().clone(), Limits::default());
        let message = requests::messages(&params).unwrap().message.unwrap();
        return webhook::echo(between, mid, AppId::new(APP).unwrap(), &message);
    }
    let metadata = sample["metadata"].as_str().unwrap();
    let to = app(sample, "to").unwrap();
    match sample["control"].as_str().unwrap() {
        "pass" => webhook::passed(between, app(sample, "from"), to, metadata),
        "take" => webhook::taken(between, app(sample, "from"), to, metadata),
        "request" => webhook::requested(between, to, metadata),
        "metadata" => webhook::metadata(between, to, metadata),
        other => panic!("{other}"),
    }
}

#[test]
fn every_sample_comes_out_as_it_was_seen() {
    let mid = MessageId::mint(&[7; 32], Surface::Messenger, 3, 14);
    let expected = |value: &Value| {
        let bytes = String::from_utf8(escaped(value)).unwrap();
        bytes.replace("\"MID\"", &format!("\"{}\"", mid.as_str()))
    };
    let mut seen = 0;
    for file in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recorded")).unwrap() {
        let path = file.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        let name = path.file_stem().unwrap().to_str().unwrap();
        let sample: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        assert!(sample["source"].is_array(), "{name} says where it comes from");
        let item = render(&sample, &mid);
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        assert_eq!(text(&item.whole), expected(&sample["event"]), "{name}");
        let reduced = item.reduced.as_deref().map(text);
        let less = &sample["reduced"];
        assert_eq!(reduced, (!less.is_null()).then(|| expected(less)), "{name}, reduced");
        assert_eq!(item.event, sample["field"], "{name}");
        seen += 1;
    }
    assert_eq!(seen, 30, "samples");
}

#[test]
fn a_person_with_a_user_ref_only_and_a_bare_referral_have_their_own_shapes() {
    let mid = MessageId::mint(&[7; 32], Surface::Messenger, 3, 14);
    let sample = json!({"person": {"type": "referral"}});
    let whole: Value = serde_json::from_slice(&render(&sample, &mid).whole).unwrap();
    assert_eq!(whole["referral"], json!({"source": "SHORTLINK", "type": "OPEN_THREAD"}));
    let sample = json!({"person": {"type": "referral", "entry": {"type": "organic"},
        "referral": {"source": "CUSTOMER_CHAT_PLUGIN", "type": "OPEN_THREAD", "referer_uri": "https://x"}}});
    let whole: Value = serde_json::from_slice(&render(&sample, &mid).whole).unwrap();
    assert_eq!(whole["referral"]["source"], "CUSTOMER_CHAT_PLUGIN");
}

#[test]
fn a_button_is_found_in_what_was_sent() {
    let mid = MessageId::mint(&[7; 32], Surface::Messenger, 3, 14);
    let button = |payload: &str| json!({"type": "postback", "title": "t", "payload": payload});
    let generic = json!({"sent": {"attachment": {"type": "template", "payload": {"template_type": "generic",
        "elements": [{"title": "a", "subtitle": "s"}, {"title": "b", "buttons": [button("DEEP/ä")]}]}}}});
    let flat = json!({"sent": {"attachment": {"type": "template", "payload": {"template_type": "button",
        "text": "t", "buttons": [button("FLAT"), {"type": "phone_number", "title": "call", "payload": "+1"}]}}}});
    let quick = json!({"sent": {"text": "which?", "quick_replies": [
        {"content_type": "text", "title": "one", "payload": 1}]}});
    let has = |sample: &Value, payload| webhook::has_button(&render(sample, &mid).whole, payload);
    assert!(has(&generic, "DEEP/ä"));
    assert!(has(&flat, "FLAT"));
    assert!(has(&quick, "1"));
    for (sample, payload) in [(&generic, "DEEP"), (&flat, "+1"), (&flat, "which?"), (&quick, "2")] {
        assert!(!has(sample, payload), "{payload}");
    }
    let said = json!({"person": {"type": "postback", "postback": {"payload": "FLAT"}}});
    assert!(!has(&said, "FLAT"), "what a person tapped is no button");
    assert!(!webhook::has_button(b"no json", "FLAT"));
}

#[test]
fn the_inbox_speaks_with_its_own_id_and_hop_context_is_a_list() {
    let mid = MessageId::mint(&[7; 32], Surface::Messenger, 3, 14);
    let person = "4001".parse().unwrap();
    let between = Between {
        page: PageId::new(2001).unwrap(),
        surface: Surface::Messenger,
        person: &person,
        at: Timestamp(5),
    };
    let echo = webhook::echo(between, &mid, AppId::PAGE_INBOX, &Message::of_text("hello"));
    let echo: Value = serde_json::from_slice(&echo.whole).unwrap();
    assert_eq!(echo["message"]["app_id"], json!(263_902_037_430_900_u64));
    assert_eq!(echo["sender"]["id"], "2001");
    let context = webhook::hop_context(AppId::PAGE_INBOX, "a/b");
    assert_eq!(context.as_ref(), br#"[{"app_id":263902037430900,"metadata":"a\/b"}]"#);
}
