//! Every webhook as it goes out: body and both signatures, of each event, on both surfaces, in `messaging` and in
//! `standby`, whole and as those see it who see less. A new kind of event does not compile without a sample here.

#![expect(clippy::unwrap_used, reason = "the helpers of a test may unwrap like the test")]

use std::fmt::Write as _;

use baton_rules::{AppId, Channel, PageId, PersonId, Role, Surface, Timestamp, Verb};
use baton_wire::MessageId;
use baton_wire::envelope::{Entry, envelope};
use baton_wire::inbound::{Kind, PersonEvent};
use baton_wire::requests::Message;
use baton_wire::signature::sign;
use baton_wire::webhook::{self, Between, Comment, Item};
use serde_json::{Value, json};

const SECRET: &str = "test_secret";
const AT: i64 = 1_458_692_752_478;

/// What somebody may bring of a kind, in the forms that come out differently. A menu's item with an address is told to
/// nobody (HOP-MENU-8).
fn contents(kind: Kind) -> Vec<Value> {
    let all = match kind {
        Kind::Message => json!([
            {"text": "äöå 👍 a/b <c> d@e 5% & 'q'"},
            {"text": "M", "quick_reply": {"payload": "SIZE_M"}, "reply_to": {"mid": "m_x", "is_self_reply": false}},
            {"attachments": [{"type": "image", "payload": {"url": "https://cdn.test/a.png"}}, {"type": "ephemeral"}]},
            {"attachments": [{"type": "sticker", "payload": {"url": "https://cdn.test/s.png", "sticker_id": 369_239_263_222_822_u64}}], "sticker_id": 369_239_263_222_822_u64},
            {"is_unsupported": true},
            {"text": "x", "reply_to": {"story": {"url": "https://cdn.test/s", "id": "1"}}, "nlp": {"entities": {}}, "commands": [{"name": "flights"}]},
        ]),
        Kind::Postback => json!([{"title": "Start", "payload": "P"}]),
        Kind::Menu => json!([{"title": "Help", "payload": "HELP"}]),
        Kind::GetStarted => json!([{}, {"title": "Begin", "payload": "GS"}]),
        Kind::IceBreaker => json!([{"title": "Where?", "payload": "WHERE"}]),
        Kind::Referral => {
            json!([{}, {"ref": "r", "source": "CUSTOMER_CHAT_PLUGIN", "type": "OPEN_THREAD", "referer_uri": "https://x.test", "is_guest_user": false}])
        }
        Kind::Optin => json!([
            {"ref": "PASS_THROUGH"},
            {"ref": "r", "user_ref": "UNIQUE"},
            {"type": "one_time_notif_req", "payload": "P", "one_time_notif_token": "T"},
            {"type": "notification_messages", "payload": "P", "notification_messages_token": "T", "notification_messages_frequency": "DAILY", "notification_messages_timezone": "UTC", "token_expiry_timestamp": 1, "user_token_status": "NOT_REFRESHED", "title": "News"},
        ]),
        Kind::Read => json!([{"watermark": AT}, {"mid": "m_x"}]),
        Kind::Delivery => json!([{"mids": ["m_x"], "watermark": AT}]),
        Kind::Reaction => {
            json!([{"reaction": "love", "emoji": "❤️", "action": "react", "mid": "m_x"}, {"action": "unreact", "mid": "m_x"}])
        }
        Kind::Edit => json!([{"mid": "m_x", "text": "new"}, {"mid": "m_x", "text": "newer", "num_edit": 2}]),
        Kind::Unsend => json!([{"mid": "m_x"}]),
        Kind::AccountLinking => {
            json!([{"status": "linked", "authorization_code": "C"}, {"status": "unlinked"}])
        }
        Kind::Feedback => {
            json!([{"feedback_screens": [{"screen_id": 0, "questions": {"Q": {"type": "csat", "payload": "5"}}}]}])
        }
    };
    all.as_array().unwrap().clone()
}

/// What a person does, in every form, with a name; `on` a surface that has it.
fn done(kind: Kind, on: Surface) -> Vec<(String, PersonEvent)> {
    let name = kind.name();
    let mut entries = vec![Value::Null];
    if kind.has_entry() {
        entries.extend([json!({"type": "ad", "ad_id": "9001"}), json!({"type": "link", "ref": "spring"})]);
    }
    let mut all = Vec::new();
    for (number, content) in contents(kind).into_iter().enumerate() {
        for entry in &entries {
            // An entry shows in the same way beside every content.
            if number > 0 && !entry.is_null() {
                continue;
            }
            let event = json!({"type": name, name: content, "entry": entry});
            let way = entry["type"].as_str().map(|way| format!(" by {way}")).unwrap_or_default();
            let event = PersonEvent::parse(&event).unwrap().on(on);
            all.extend(event.map(|event| (format!("{name} {number}{way}"), event)));
        }
    }
    all
}

fn sent() -> Vec<(&'static str, Value)> {
    let button = json!({"template_type": "button", "text": "t", "buttons": [{"type": "postback", "title": "a", "payload": "P"}]});
    vec![
        (
            "a text",
            json!({"text": "hello", "metadata": "M", "quick_replies": [{"content_type": "text", "title": "a", "payload": "P"}]}),
        ),
        ("an answer", json!({"text": "yes", "reply_to": {"mid": "m_x", "is_self_reply": false}})),
        ("a file", json!({"attachment": {"type": "image", "payload": {"url": "https://cdn.test/a.png"}}})),
        ("a template", json!({"attachment": {"type": "template", "payload": button}})),
    ]
}

/// An item as it is posted: the field, then for each channel and form the body and its signatures.
fn posted(surface: Surface, page: PageId, name: &str, item: &Item, channels: &[Channel]) -> String {
    let mut text = format!("\n## {name} ({})\n", item.event);
    let forms = [Some(("", &item.whole)), item.reduced.as_ref().map(|reduced| (" reduced", reduced))];
    for (form, item) in forms.into_iter().flatten() {
        for channel in channels {
            let entry = Entry { id: page, time: AT + 1, channel: *channel, both: false, item, context: None };
            let body = envelope(surface, &[entry]);
            let signed = sign(SECRET, &body);
            let body = std::str::from_utf8(&body).unwrap();
            writeln!(text, "{channel:?}{form}\n{body}\n{}\n{}", signed.sha256, signed.sha1).unwrap();
        }
    }
    text
}

/// Comments under posts: with all that is known, and with nothing but whose it is.
fn comments(surface: Surface, person: &PersonId) -> Vec<(&'static str, Item)> {
    let bare = Comment {
        surface,
        id: "77_1",
        person,
        name: None,
        verb: Verb::Add,
        text: None,
        post: None,
        parent: None,
        live: false,
        at: Timestamp(AT),
    };
    let full = Comment {
        name: Some("Ada Ä"),
        text: Some("In 100% blau? <ä> a/b @c"),
        post: Some("2001_77"),
        parent: Some("77_0"),
        ..bare
    };
    let first = Comment { parent: None, ..full };
    match surface {
        Surface::Messenger => vec![
            ("a comment", webhook::commented("feed", &first)),
            ("an answer to a comment", webhook::commented("feed", &full)),
            ("a comment of somebody", webhook::commented("feed", &bare)),
            (
                "a comment that was changed",
                webhook::commented("feed", &Comment { verb: Verb::Edited, ..first }),
            ),
            ("a comment taken back", webhook::commented("feed", &Comment { verb: Verb::Remove, ..first })),
        ],
        Surface::Instagram => vec![
            ("a comment", webhook::commented("comments", &first)),
            ("an answer to a comment", webhook::commented("comments", &full)),
            ("a comment of somebody", webhook::commented("comments", &bare)),
            ("a live comment", webhook::commented("live_comments", &Comment { live: true, ..first })),
        ],
    }
}

fn every(surface: Surface) -> String {
    let page = PageId::new(if surface == Surface::Instagram { 17_841_400_000_001 } else { 2001 }).unwrap();
    let person: PersonId = "4001".parse().unwrap();
    let (bot, desk) = (AppId::new(111).unwrap(), AppId::new(222).unwrap());
    let between = Between { page, surface, person: &person, at: Timestamp(AT) };
    let mid = MessageId::mint(&[7; 32], surface, 3, 14);
    let both = [Channel::Messaging, Channel::Standby];
    let mut all = String::new();
    for (kind, _) in Kind::ALL {
        for (name, event) in done(*kind, surface) {
            let item = webhook::said(between, &mid, &event, Some("Spring sale"));
            all += &posted(surface, page, &name, &item, &both);
        }
    }
    for (name, content) in sent() {
        let message = Message { content: content.as_object().unwrap().clone() };
        all += &posted(
            surface,
            page,
            &format!("echo of {name}"),
            &webhook::echo(between, &mid, bot, &message),
            &both,
        );
    }
    let control = [
        ("passed", webhook::passed(between, Some(bot), desk, "over to you")),
        ("passed while idle", webhook::passed(between, None, desk, "")),
        ("taken", webhook::taken(between, Some(bot), desk, "mine")),
        ("requested", webhook::requested(between, desk, "please")),
        ("metadata", webhook::metadata(between, desk, "by the way")),
        ("role", webhook::app_roles(page, bot, Some(Role::Primary), Timestamp(AT))),
        ("no role", webhook::app_roles(page, bot, None, Timestamp(AT))),
    ];
    for (name, item) in control {
        all += &posted(surface, page, name, &item, &both[..1]);
    }
    for (name, item) in comments(surface, &person) {
        all += &posted(surface, page, name, &item, &[Channel::Changes]);
    }
    all
}

#[test]
fn every_post_to_a_page() {
    insta::assert_snapshot!(every(Surface::Messenger));
}

#[test]
fn every_post_to_an_account() {
    insta::assert_snapshot!(every(Surface::Instagram));
}
