//! Rendering: a notice and its content become one item of `messaging` or `standby`.

use baton_rules::{AppId, PageId, PersonId, Role, Surface, Timestamp, Verb};
use bytes::Bytes;
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::{Map, Value, json};

use crate::envelope::escaped;
use crate::inbound::{EntryPoint, Kind, PersonEvent};
use crate::message_id::MessageId;
use crate::requests::Message;

/// What Get Started says when nobody has configured it.
const GET_STARTED: (&str, &str) = ("Get Started", "GET_STARTED");

/// Between whom an event is.
#[derive(Clone, Copy, Debug)]
pub struct Between<'a> {
    /// The page's id, or the Instagram account's.
    pub page: PageId,
    /// Which of the two: a few fields are called otherwise on Instagram (wire.md 3.7).
    pub surface: Surface,
    /// The person.
    pub person: &'a PersonId,
    /// When.
    pub at: Timestamp,
}

/// An event, rendered once for everybody.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    /// The platform's name of the field's event: `messages`, `message_echoes`, `messaging_postbacks`, …
    pub event: &'static str,
    /// All of it.
    pub whole: Bytes,
    /// What those see who see less (`Form::Reduced`): a postback without `payload`, a message without
    /// `referral`. None where nothing would be missing.
    pub reduced: Option<Bytes>,
}

/// What a person did (`message`, `postback`, `referral`, `read`, …; wire.md 3.6). `ad_title` stands in the
/// referral of an ad. The `mid` is that of the message or postback.
pub fn said(between: Between<'_>, mid: &MessageId, event: &PersonEvent, ad_title: Option<&str>) -> Item {
    let mid = Value::from(mid.as_str());
    let referral = event.entry.as_ref().and_then(|entry| referral(between.surface, entry, ad_title));
    let (name, key) = place(between.surface, event.kind);
    let plain = |body: &Fields<'_>| Item { event: name, whole: between.by_person(key, body), reduced: None };
    let mut body = Fields::default();
    match event.kind {
        Kind::Message => {
            body.put("mid", &mid).all(&event.content);
            let reduced = referral.is_some().then(|| between.by_person(key, &body));
            body.maybe("referral", referral.as_ref());
            Item { reduced, ..plain(&body) }
        }
        Kind::Postback | Kind::Menu | Kind::GetStarted | Kind::IceBreaker => {
            tapped(between, &mid, event, referral.as_ref())
        }
        Kind::Referral => {
            // A link without a `ref`, or one that nobody named.
            let bare = json!({"source": link_source(between.surface), "type": "OPEN_THREAD"});
            match (&referral, event.content.is_empty()) {
                (Some(referral), _) => plain(body.members(referral)),
                (None, true) => plain(body.members(&bare)),
                (None, false) => plain(body.all(&event.content)),
            }
        }
        Kind::Unsend => plain(body.all(&event.content).put("is_deleted", &Value::Bool(true))),
        Kind::Edit => {
            let first = Value::from(1);
            let number = event.content.get("num_edit").unwrap_or(&first);
            plain(body.all(&event.content).put("num_edit", number))
        }
        Kind::Optin if event.content.contains_key("user_ref") => {
            // Who ticked a checkbox on a web page is not known yet: the platform sends no `sender`.
            let whole = between.frame(None, &between.page.to_string(), key, &event.content);
            Item { event: name, whole, reduced: None }
        }
        Kind::Optin
        | Kind::Read
        | Kind::Delivery
        | Kind::Reaction
        | Kind::AccountLinking
        | Kind::Feedback => plain(body.all(&event.content)),
    }
}

/// A button: `mid`, `title`, `payload`, `referral`.
fn tapped(between: Between<'_>, mid: &Value, event: &PersonEvent, referral: Option<&Value>) -> Item {
    let (name, key) = place(between.surface, event.kind);
    let defaults = (Value::from(GET_STARTED.0), Value::from(GET_STARTED.1));
    let default = (event.kind == Kind::GetStarted).then_some(&defaults);
    let mut body = Fields::default();
    body.put("mid", mid);
    body.maybe("title", event.content.get("title").or(default.map(|(title, _)| title)));
    body.maybe("payload", event.content.get("payload").or(default.map(|(_, payload)| payload)));
    body.maybe("referral", referral);
    let reduced = body.has("payload").then(|| between.by_person(key, &body.without("payload")));
    Item { event: name, whole: between.by_person(key, &body), reduced }
}

/// The field of an event, and the key under which it stands.
const fn place(surface: Surface, kind: Kind) -> (&'static str, &'static str) {
    match kind {
        Kind::Read if matches!(surface, Surface::Instagram) => ("messaging_seen", "read"),
        Kind::Edit if matches!(surface, Surface::Instagram) => ("message_edit", "message_edit"),
        Kind::Message | Kind::Unsend => ("messages", "message"),
        Kind::Postback | Kind::Menu | Kind::GetStarted | Kind::IceBreaker => {
            ("messaging_postbacks", "postback")
        }
        Kind::Referral => ("messaging_referrals", "referral"),
        Kind::Optin => ("messaging_optins", "optin"),
        Kind::Read => ("message_reads", "read"),
        Kind::Delivery => ("message_deliveries", "delivery"),
        Kind::Reaction => ("message_reactions", "reaction"),
        Kind::Edit => ("message_edits", "message_edit"),
        Kind::AccountLinking => ("messaging_account_linking", "account_linking"),
        Kind::Feedback => ("messaging_feedback", "messaging_feedback"),
    }
}

/// What the referral of a link says of where it came from: m.me or ig.me.
const fn link_source(surface: Surface) -> &'static str {
    match surface {
        Surface::Messenger => "SHORTLINK",
        Surface::Instagram => "IGME-SOURCE-LINK",
    }
}

/// The referral of an entry point; an organic one has none.
fn referral(surface: Surface, entry: &EntryPoint, ad_title: Option<&str>) -> Option<Value> {
    match entry {
        EntryPoint::Ad { id } => {
            let mut referral = json!({"ad_id": id, "source": "ADS", "type": "OPEN_THREAD"});
            if let Some(title) = ad_title {
                referral["ads_context_data"] = json!({"ad_title": title});
            }
            Some(referral)
        }
        EntryPoint::Link { reference } => {
            Some(json!({"ref": reference, "source": link_source(surface), "type": "OPEN_THREAD"}))
        }
        EntryPoint::Organic => None,
    }
}

/// What the business said: `message` with `is_echo`, `app_id` as a number; sender and recipient swapped.
pub fn echo(between: Between<'_>, mid: &MessageId, app: AppId, message: &Message) -> Item {
    let (mid, is_echo, app_id) = (Value::from(mid.as_str()), Value::Bool(true), Value::from(app.number()));
    let content = &message.content;
    // A sent `attachment` is one of the echo's `attachments`; a template's has an empty title and no address.
    let attachments = content.get("attachment").map(|attachment| match attachment.get("type") {
        Some(Value::String(kind)) if kind == "template" => {
            let payload = attachment.get("payload").unwrap_or(&Value::Null);
            json!([{"title": "", "url": null, "type": "template", "payload": payload}])
        }
        _ => json!([attachment]),
    });
    let mut body = Fields::default();
    body.put("mid", &mid).put("is_echo", &is_echo).put("app_id", &app_id);
    for key in ["metadata", "text"] {
        body.maybe(key, content.get(key));
    }
    body.maybe("attachments", attachments.as_ref());
    for (key, value) in content {
        if !matches!(key.as_str(), "metadata" | "text" | "attachment") {
            body.put(key, value);
        }
    }
    let (page, person) = (between.page.to_string(), between.person.as_str());
    let whole = between.frame(Some(&page), person, "message", &body);
    // Instagram has no field of its own for echoes (SB-7).
    let event = match between.surface {
        Surface::Messenger => "message_echoes",
        Surface::Instagram => "messages",
    };
    Item { event, whole, reduced: None }
}

/// `pass_thread_control`. App ids are texts in these events (WH-5).
pub fn passed(between: Between<'_>, from: Option<AppId>, to: AppId, metadata: &str) -> Item {
    between.moved("pass_thread_control", from, to, metadata)
}

/// `take_thread_control`.
pub fn taken(between: Between<'_>, from: Option<AppId>, to: AppId, metadata: &str) -> Item {
    between.moved("take_thread_control", from, to, metadata)
}

/// `request_thread_control`.
pub fn requested(between: Between<'_>, by: AppId, metadata: &str) -> Item {
    let body = json!({"requested_owner_app_id": by.to_string(), "metadata": metadata});
    between.control("request_thread_control", &body)
}

/// `pass_thread_metadata`: `sender_app_id` and `metadata` (WH-META-1).
pub fn metadata(between: Between<'_>, by: AppId, metadata: &str) -> Item {
    let body = json!({"sender_app_id": by.to_string(), "metadata": metadata});
    between.control("pass_thread_metadata", &body)
}

/// `app_roles` (WH-ROLE-1): no sender, and an empty list where the roles ended.
pub fn app_roles(page: PageId, app: AppId, role: Option<Role>, at: Timestamp) -> Item {
    let mut roles = Map::new();
    roles.insert(app.to_string(), role.map(Role::name).into_iter().collect());
    let frame =
        Frame { sender: None, recipient: &page.to_string(), timestamp: at.0, key: "app_roles", body: &roles };
    Item { event: "app_roles", whole: escaped(&frame).into(), reduced: None }
}

/// A comment under a post, as it is told.
#[derive(Clone, Copy, Debug)]
pub struct Comment<'a> {
    /// Which side of the page: the two say it in other words.
    pub surface: Surface,
    /// Its id.
    pub id: &'a str,
    /// Who wrote it.
    pub person: &'a PersonId,
    /// What they are called, where that is known: on Instagram their user name.
    pub name: Option<&'a str>,
    /// What became of it.
    pub verb: Verb,
    /// What it says.
    pub text: Option<&'a str>,
    /// The post, where that is known.
    pub post: Option<&'a str>,
    /// The comment that it answers.
    pub parent: Option<&'a str>,
    /// Whether the post is a live broadcast.
    pub live: bool,
    /// When it was written.
    pub at: Timestamp,
}

/// An item of `changes` (wire.md 3.8): the field and its value.
pub fn commented(field: &'static str, comment: &Comment<'_>) -> Item {
    let Comment { id, person, post, parent, text, .. } = comment;
    let person = person.as_str();
    let value = match comment.surface {
        Surface::Messenger => present(json!({
            "item": "comment",
            "verb": comment.verb.name(),
            "comment_id": id,
            "post_id": post,
            // What answers no other comment hangs under the post itself.
            "parent_id": parent.or(*post),
            "from": present(json!({"id": person, "name": comment.name})),
            "created_time": comment.at.seconds(),
            "message": text.filter(|_| comment.verb != Verb::Remove),
        })),
        Surface::Instagram => present(json!({
            "id": id,
            "parent_id": parent,
            "from": present(json!({"id": person, "username": comment.name})),
            "text": text,
            "media": post.map(|post| {
                json!({"id": post, "media_product_type": if comment.live { "LIVE" } else { "FEED" }})
            }),
        })),
    };
    Item { event: field, whole: escaped(&json!({"field": field, "value": value})).into(), reduced: None }
}

/// Who commented, if that is what a rendered item tells of ([`commented`]).
pub fn commenter(item: &[u8]) -> Option<PersonId> {
    let item: Value = serde_json::from_slice(item).ok()?;
    item["value"]["from"]["id"].as_str()?.parse().ok()
}

/// An object without what is null in it.
fn present(mut value: Value) -> Value {
    if let Value::Object(object) = &mut value {
        object.retain(|_, value| !value.is_null());
    }
    value
}

/// The value of `hop_context` beside an event (WH-HOP-1): `[{"app_id":N,"metadata":"…"}]`.
pub fn hop_context(owner: AppId, metadata: &str) -> Bytes {
    escaped(&json!([{"app_id": owner.number(), "metadata": metadata}])).into()
}

/// A rendered event with its app ids as numbers (WH-5), for receivers that compare them so.
pub fn with_numbers(item: &[u8]) -> Vec<u8> {
    let mut rest = item;
    let mut out = Vec::with_capacity(item.len());
    while let Some((byte, after)) = rest.split_first() {
        // In a text of somebody's, every quote has a backslash before it: none of these begins there.
        let key = OWNERS.iter().find_map(|key| rest.strip_prefix(key.as_bytes()).map(|after| (key, after)));
        let digits =
            key.map_or(0, |(_, after)| after.iter().take_while(|byte| byte.is_ascii_digit()).count());
        match key {
            Some((key, after)) if digits > 0 && after.get(digits) == Some(&b'"') => {
                out.extend(key.bytes().take(key.len() - 1));
                out.extend_from_slice(&after[..digits]);
                rest = &after[digits + 1..];
            }
            _ => {
                out.push(*byte);
                rest = after;
            }
        }
    }
    out
}

/// The keys of events whose values are app ids, with the quote that opens the value.
const OWNERS: &[&str] = &[
    r#""previous_owner_app_id":""#,
    r#""new_owner_app_id":""#,
    r#""requested_owner_app_id":""#,
    r#""sender_app_id":""#,
];

/// Whether a rendered echo has a button (or a quick reply) with this payload: who made a button is found
/// by walking the conversation.
pub fn has_button(item: &[u8], payload: &str) -> bool {
    let item: Value = serde_json::from_slice(item).unwrap_or_default();
    item["message"]["is_echo"] == true && offers(&item["message"], payload)
}

/// The same of an ad's message template.
pub fn template_has_button(template: &str, payload: &str) -> bool {
    let template: Value = serde_json::from_str(template).unwrap_or_default();
    offers(&template["message"], payload)
}

/// The ad by which a person came, if that is what a rendered event tells.
pub fn ad_of(item: &[u8]) -> Option<String> {
    let item: Value = serde_json::from_slice(item).ok()?;
    let holders = [&item, &item["message"], &item["postback"]];
    let ad = holders.into_iter().find_map(|holder| holder["referral"]["ad_id"].as_str())?;
    Some(ad.to_owned())
}

/// Whether a message offers a button or a quick reply with this payload.
fn offers(message: &Value, payload: &str) -> bool {
    let within = |holder: &Value, key: &str| {
        let buttons = holder[key].as_array();
        buttons.is_some_and(|buttons| buttons.iter().any(|button| is_button(button, payload)))
    };
    let template = |attachment: &Value| {
        let template = &attachment["payload"];
        let elements = template["elements"].as_array();
        within(template, "buttons")
            || elements.is_some_and(|elements| elements.iter().any(|element| within(element, "buttons")))
    };
    // A template has its one `attachment` as it was sent, an echo a list.
    let attachments = message["attachments"].as_array();
    within(message, "quick_replies")
        || template(&message["attachment"])
        || attachments.is_some_and(|all| all.iter().any(template))
}

/// Whether a button carries a payload that comes back. A `phone_number` button has one too, but that is
/// what to call and never a postback. Quick replies have no `type`.
fn is_button(button: &Value, payload: &str) -> bool {
    let comes_back = match button.get("type").and_then(Value::as_str) {
        Some(kind) => kind == "postback",
        None => true,
    };
    comes_back
        && match button.get("payload") {
            Some(Value::String(text)) => text == payload,
            Some(Value::Number(number)) => number.to_string() == payload,
            _ => false,
        }
}

impl Between<'_> {
    fn moved(self, key: &'static str, from: Option<AppId>, to: AppId, metadata: &str) -> Item {
        let body = json!({
            "previous_owner_app_id": from.map(|app| app.to_string()),
            "new_owner_app_id": to.to_string(),
            "metadata": metadata,
        });
        self.control(key, &body)
    }

    fn control(self, key: &'static str, body: &Value) -> Item {
        Item { event: key, whole: self.by_person(key, body), reduced: None }
    }

    fn by_person(self, key: &str, body: &impl Serialize) -> Bytes {
        self.frame(Some(self.person.as_str()), &self.page.to_string(), key, body)
    }

    /// `sender`, `recipient`, `timestamp` in milliseconds (WH-4), and the event under its key. The sender is the
    /// person, the recipient the page or its account (WH-3); an echo goes the other way.
    fn frame(self, sender: Option<&str>, recipient: &str, key: &str, body: &impl Serialize) -> Bytes {
        escaped(&Frame { sender, recipient, timestamp: self.at.0, key, body }).into()
    }
}

/// An event, with keys in the platform's order.
struct Frame<'a, T> {
    sender: Option<&'a str>,
    recipient: &'a str,
    timestamp: i64,
    key: &'a str,
    body: &'a T,
}

impl<T: Serialize> Serialize for Frame<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        if let Some(id) = self.sender {
            map.serialize_entry("sender", &Party { id })?;
        }
        map.serialize_entry("recipient", &Party { id: self.recipient })?;
        map.serialize_entry("timestamp", &self.timestamp)?;
        map.serialize_entry(self.key, self.body)?;
        map.end()
    }
}

/// `{"id":"…"}`
#[derive(serde::Serialize)]
struct Party<'a> {
    id: &'a str,
}

/// An object put together from parts that stay where they are, in the order in which they were put.
#[derive(Clone, Default)]
struct Fields<'a>(Vec<(&'a str, &'a Value)>);

impl<'a> Fields<'a> {
    /// Puts a part last; one of the same name goes.
    fn put(&mut self, key: &'a str, value: &'a Value) -> &mut Self {
        self.0.retain(|(name, _)| *name != key);
        self.0.push((key, value));
        self
    }

    fn maybe(&mut self, key: &'a str, value: Option<&'a Value>) {
        self.0.extend(value.map(|value| (key, value)));
    }

    fn all(&mut self, object: &'a Map<String, Value>) -> &mut Self {
        self.0.extend(object.iter().map(|(key, value)| (key.as_str(), value)));
        self
    }

    fn members(&mut self, value: &'a Value) -> &mut Self {
        if let Value::Object(object) = value {
            self.all(object);
        }
        self
    }

    fn has(&self, key: &str) -> bool {
        self.0.iter().any(|(name, _)| *name == key)
    }

    fn without(&self, key: &str) -> Self {
        Self(self.0.iter().filter(|(name, _)| *name != key).copied().collect())
    }
}

impl Serialize for Fields<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().copied())
    }
}
