//! A person's event, as Baton's own API takes it (contract.md, "A person's event"): shape checked, fields
//! kept as they are for the webhook, turned into an [`Action`] for the rules.

use baton_rules::{Action, AppId, Did, Entry, MenuLevel, PersonId, Signal, Surface, What};
use serde_json::{Map, Value};

use crate::shape::Shape;

/// The longest message text, in characters (Messenger).
const TEXT: usize = 2000;
/// The longest payload, in characters.
const PAYLOAD: usize = 1000;
/// The longest `ref`, in characters.
const REF: usize = 2083;
/// What an opt-in has that is a text, of at most as many characters as a `ref` has.
pub const OPTIN_TEXTS: &[&str] =
    &["ref", "user_ref", "type", "payload", "title", "one_time_notif_token", "notification_messages_token"];
/// The longest id or title of something that Baton only hands on, in characters.
const SHORT: usize = 512;

/// A field that is not as it must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldError {
    /// JSON pointer.
    pub pointer: String,
    /// What is wrong, and what would be right.
    pub detail: String,
}

/// The kinds of event (`type`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names are the contract's")]
pub enum Kind {
    Message,
    Postback,
    Menu,
    GetStarted,
    IceBreaker,
    Referral,
    Optin,
    Read,
    Delivery,
    Reaction,
    Edit,
    Unsend,
    AccountLinking,
    Feedback,
}

impl Kind {
    /// Every kind with its name.
    pub const ALL: &'static [(Kind, &'static str)] = &[
        (Kind::Message, "message"),
        (Kind::Postback, "postback"),
        (Kind::Menu, "menu"),
        (Kind::GetStarted, "get_started"),
        (Kind::IceBreaker, "ice_breaker"),
        (Kind::Referral, "referral"),
        (Kind::Optin, "optin"),
        (Kind::Read, "read"),
        (Kind::Delivery, "delivery"),
        (Kind::Reaction, "reaction"),
        (Kind::Edit, "edit"),
        (Kind::Unsend, "unsend"),
        (Kind::AccountLinking, "account_linking"),
        (Kind::Feedback, "feedback"),
    ];

    /// The name, as in `type`.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(kind, _)| *kind == self).map_or("", |(_, name)| name)
    }

    /// The kind with this name.
    pub fn named(name: &str) -> Option<Kind> {
        Self::ALL.iter().find(|(_, text)| *text == name).map(|(kind, _)| *kind)
    }

    /// What the object named like the type may hold: the platform's webhook fields.
    const fn fields(self) -> &'static [&'static str] {
        match self {
            Kind::Message => &[
                "text",
                "attachments",
                "quick_reply",
                "reply_to",
                "is_unsupported",
                "sticker_id",
                "nlp",
                "commands",
            ],
            Kind::Postback => &["payload", "title", "mid"],
            Kind::Menu => &["payload", "url", "title"],
            Kind::GetStarted | Kind::IceBreaker => &["payload", "title"],
            Kind::Referral => &[
                "ref",
                "ad_id",
                "source",
                "type",
                "ads_context_data",
                "referer_uri",
                "is_guest_user",
                "product",
            ],
            Kind::Optin => &[
                "ref",
                "user_ref",
                "type",
                "payload",
                "title",
                "source",
                "one_time_notif_token",
                "notification_messages_token",
                "notification_messages_frequency",
                "notification_messages_timezone",
                "notification_messages_status",
                "token_expiry_timestamp",
                "user_token_status",
            ],
            Kind::Read => &["watermark", "mid", "seq"],
            Kind::Delivery => &["mids", "watermark", "seq"],
            Kind::Reaction => &["mid", "action", "reaction", "emoji"],
            Kind::Edit => &["mid", "text", "num_edit"],
            Kind::Unsend => &["mid"],
            Kind::AccountLinking => &["status", "authorization_code"],
            Kind::Feedback => &["feedback_screens"],
        }
    }

    /// Whether the object named like the type may be left out.
    const fn stands_alone(self) -> bool {
        matches!(self, Kind::GetStarted | Kind::Referral)
    }

    /// Whether this may come by an entry point: what is a user message may.
    pub const fn has_entry(self) -> bool {
        match self {
            Kind::Message
            | Kind::Postback
            | Kind::Menu
            | Kind::GetStarted
            | Kind::IceBreaker
            | Kind::Referral => true,
            Kind::Optin
            | Kind::Read
            | Kind::Delivery
            | Kind::Reaction
            | Kind::Edit
            | Kind::Unsend
            | Kind::AccountLinking
            | Kind::Feedback => false,
        }
    }
}

/// The way in (`entry`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EntryPoint {
    /// `{"type": "ad", "ad_id"}`
    Ad {
        /// The ad.
        id: String,
    },
    /// `{"type": "link", "ref"}`
    Link {
        /// The link's `ref`.
        reference: String,
    },
    /// `{"type": "organic"}`
    Organic,
}

/// What a person did.
#[derive(Clone, Debug, PartialEq)]
pub struct PersonEvent {
    /// The caller's key.
    pub event_id: Option<String>,
    /// `type`.
    pub kind: Kind,
    /// `entry`.
    pub entry: Option<EntryPoint>,
    /// Whose menu it was, where one was used: the page's, unless this person has one with that item.
    pub level: MenuLevel,
    /// The object named like the type, as given (`{}` where none is needed).
    pub content: Map<String, Value>,
}

/// A button that was tapped, by which the app that made it is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Button<'a> {
    /// Its payload.
    pub payload: &'a str,
    /// The message it stands in.
    pub mid: Option<&'a str>,
}

impl PersonEvent {
    /// A message of nothing but text: what a simple channel brings.
    pub fn of_text(text: &str) -> Self {
        let content = Map::from_iter([("text".to_owned(), Value::from(text))]);
        Self { event_id: None, kind: Kind::Message, entry: None, level: MenuLevel::Page, content }
    }

    /// Reads an event; reports every wrong field at once. Unknown fields are refused.
    pub fn parse(value: &Value) -> Result<Self, Vec<FieldError>> {
        let mut shape = Shape::default();
        let event = Self::read(&mut shape, value, &[]);
        shape.done(event)
    }

    /// Reads an event that says with `person` whose it is (`POST /pages/{page}/events`).
    pub fn parse_with_person(value: &Value) -> Result<(PersonId, Self), Vec<FieldError>> {
        let mut shape = Shape::default();
        let event = Self::read(&mut shape, value, &["person"]);
        let person = value.as_object().and_then(|object| {
            let text = shape.required_text("", object, "person", SHORT)?;
            text.parse().map_err(|wrong| shape.wrong("/person", format!("{wrong}"))).ok()
        });
        shape.done(person.zip(event))
    }

    fn read(shape: &mut Shape, value: &Value, more: &[&str]) -> Option<Self> {
        let Some(object) = value.as_object() else {
            shape.wrong("", "an event is an object with a `type`");
            return None;
        };
        let kind = shape.required_text("", object, "type", SHORT).and_then(|name| {
            let kind = Kind::named(name);
            if kind.is_none() {
                let names: Vec<_> = Kind::ALL.iter().map(|(_, name)| *name).collect();
                shape.wrong("/type", format!("{name:?} is not one of {}", names.join(", ")));
            }
            kind
        });
        // How long it may be is the receiver's to say.
        let event_id = shape.text("", object, "event_id", usize::MAX).map(str::to_owned);
        if event_id.as_deref() == Some("") {
            shape.wrong("/event_id", "must not be empty");
        }
        let entry = entry(shape, object, kind);
        // Without a kind, what else may be there is not known.
        let kind = kind?;
        let mut known = vec!["type", "entry", "event_id", kind.name()];
        known.extend(more);
        shape.known("", object, &known);
        let content = content(shape, object, kind)?;
        Some(Self { event_id, kind, entry, level: MenuLevel::Page, content })
    }

    /// The event, if a person can do this on a surface: Instagram tells of no deliveries, links no accounts, and
    /// has no surveys (wire.md 4.1).
    pub fn on(self, surface: Surface) -> Result<Self, Vec<FieldError>> {
        let missing = matches!(self.kind, Kind::Delivery | Kind::AccountLinking | Kind::Feedback);
        if surface == Surface::Instagram && missing {
            let detail = format!("there is no {} on Instagram", self.kind.name());
            return Err(vec![FieldError { pointer: "/type".to_owned(), detail }]);
        }
        Ok(self)
    }

    /// The button, for a postback.
    pub fn button(&self) -> Option<Button<'_>> {
        if self.kind != Kind::Postback {
            return None;
        }
        let text = |key| self.content.get(key).and_then(Value::as_str);
        Some(Button { payload: text("payload")?, mid: text("mid") })
    }

    /// What the rules are asked. `creator` is the app that made the button, menu, …
    pub fn action(&self, creator: Option<AppId>) -> Action<'_> {
        let what = match self.kind {
            Kind::Message if self.content.contains_key("quick_reply") => What::QuickReply,
            Kind::Message => What::Message,
            Kind::Postback => What::Postback { creator },
            Kind::Menu => What::Menu { creator, level: self.level, url: self.content.contains_key("url") },
            Kind::GetStarted => What::GetStarted { creator },
            Kind::IceBreaker => What::IceBreaker { creator },
            Kind::Referral => What::Referral,
            Kind::Optin => What::Signal(Signal::Optin),
            Kind::Read => What::Signal(Signal::Read),
            Kind::Delivery => What::Signal(Signal::Delivery),
            Kind::Reaction => What::Signal(Signal::Reaction),
            Kind::Edit => What::Signal(Signal::Edit),
            Kind::Unsend => What::Signal(Signal::Unsend),
            Kind::AccountLinking => What::Signal(Signal::AccountLinking),
            Kind::Feedback => What::Signal(Signal::Feedback),
        };
        let entry = self.entry.as_ref().map(|entry| match entry {
            EntryPoint::Ad { id } => Entry::Ad { id },
            EntryPoint::Link { reference } => Entry::Link { reference },
            EntryPoint::Organic => Entry::Organic,
        });
        Action::Person(Did { what, entry })
    }
}

/// `entry`, which only user messages have.
fn entry(shape: &mut Shape, object: &Map<String, Value>, kind: Option<Kind>) -> Option<EntryPoint> {
    let entry = shape.object("", object, "entry")?;
    if let Some(kind) = kind.filter(|kind| !kind.has_entry()) {
        shape.wrong("/entry", format!("a {} does not come by an entry point", kind.name()));
        return None;
    }
    match shape.required_text("/entry", entry, "type", SHORT)? {
        "ad" => {
            shape.known("/entry", entry, &["type", "ad_id"]);
            let id = shape.required_text("/entry", entry, "ad_id", SHORT)?;
            Some(EntryPoint::Ad { id: id.to_owned() })
        }
        "link" => {
            shape.known("/entry", entry, &["type", "ref"]);
            let reference = shape.required_text("/entry", entry, "ref", REF)?;
            Some(EntryPoint::Link { reference: reference.to_owned() })
        }
        "organic" => {
            shape.known("/entry", entry, &["type"]);
            Some(EntryPoint::Organic)
        }
        other => {
            shape.wrong("/entry/type", format!("{other:?} is not one of ad, link, organic"));
            None
        }
    }
}

/// The object named like the type, without what is null or says nothing.
fn content(shape: &mut Shape, object: &Map<String, Value>, kind: Kind) -> Option<Map<String, Value>> {
    let given = shape.object("", object, kind.name());
    let at = format!("/{}", kind.name());
    let mut content = match given {
        Some(given) => given.clone(),
        None if kind.stands_alone() => return Some(Map::new()),
        None => {
            if object.get(kind.name()).is_none_or(Value::is_null) {
                shape.wrong(&at, format!("a {} needs this object", kind.name()));
            }
            return None;
        }
    };
    content.retain(|_, value| !value.is_null());
    shape.known(&at, &content, kind.fields());
    check(shape, &at, &content, kind);
    if kind == Kind::Message {
        content.retain(|key, value| match key.as_str() {
            "text" => value != "",
            "attachments" => value.as_array().is_none_or(|all| !all.is_empty()),
            _ => true,
        });
    }
    Some(content)
}

/// What each kind needs.
fn check(shape: &mut Shape, at: &str, content: &Map<String, Value>, kind: Kind) {
    let mut texts = |names: &[&str], max| {
        for name in names {
            shape.text(at, content, name, max);
        }
    };
    match kind {
        Kind::Message => message(shape, at, content),
        Kind::Postback | Kind::IceBreaker => {
            texts(&["title", "mid"], SHORT);
            shape.required_text(at, content, "payload", PAYLOAD);
        }
        Kind::Menu => {
            texts(&["title"], SHORT);
            texts(&["payload"], PAYLOAD);
            texts(&["url"], REF);
            if content.contains_key("payload") == content.contains_key("url") {
                shape.wrong(at, "needs either `payload` or `url`");
            }
        }
        Kind::GetStarted => {
            texts(&["title"], SHORT);
            texts(&["payload"], PAYLOAD);
        }
        Kind::Referral => texts(&["ref", "source", "type", "ad_id", "referer_uri"], REF),
        Kind::Optin => texts(OPTIN_TEXTS, REF),
        Kind::Read | Kind::Delivery => watermark(shape, at, content, kind),
        Kind::Reaction => {
            texts(&["reaction", "emoji"], SHORT);
            shape.required_text(at, content, "mid", SHORT);
            shape.one_of(at, content, "action", &["react", "unreact"]);
        }
        Kind::Edit => {
            shape.required_text(at, content, "mid", SHORT);
            shape.required_text(at, content, "text", TEXT);
            shape.number(at, content, "num_edit");
        }
        Kind::Unsend => {
            shape.required_text(at, content, "mid", SHORT);
        }
        Kind::AccountLinking => {
            texts(&["authorization_code"], REF);
            shape.one_of(at, content, "status", &["linked", "unlinked"]);
        }
        Kind::Feedback => {
            if shape.array(at, content, "feedback_screens").is_none_or(<[_]>::is_empty) {
                shape.wrong(&format!("{at}/feedback_screens"), "needs the screens that were answered");
            }
        }
    }
}

/// A message: text or attachments, and what hangs on them.
fn message(shape: &mut Shape, at: &str, content: &Map<String, Value>) {
    let text = shape.text(at, content, "text", TEXT);
    let attachments = shape.array(at, content, "attachments");
    let unsupported = content.get("is_unsupported");
    if unsupported.is_some_and(|value| !value.is_boolean()) {
        shape.wrong(&format!("{at}/is_unsupported"), "must be true or false");
    }
    let nothing = text.is_none_or(str::is_empty)
        && attachments.is_none_or(<[_]>::is_empty)
        && unsupported != Some(&Value::Bool(true));
    // A wrong `text` has been reported as that.
    let wrong = |key: &str, read: bool| content.contains_key(key) && !read;
    if nothing && !wrong("text", text.is_some()) && !wrong("attachments", attachments.is_some()) {
        shape.wrong(at, "a message needs `text` or `attachments`, or `is_unsupported`");
    }
    for (index, attachment) in attachments.unwrap_or_default().iter().enumerate() {
        let at = format!("{at}/attachments/{index}");
        match attachment.as_object() {
            Some(attachment) => {
                shape.required_text(&at, attachment, "type", SHORT);
            }
            None => shape.wrong(&at, "an attachment is an object with `type` and `payload`"),
        }
    }
    if let Some(reply) = shape.object(at, content, "quick_reply") {
        let at = format!("{at}/quick_reply");
        shape.known(&at, reply, &["payload"]);
        // An empty payload is a payload: of a quick reply that is only a picture.
        shape.present_text(&at, reply, "payload", PAYLOAD);
    }
    if let Some(to) = shape.object(at, content, "reply_to") {
        let at = format!("{at}/reply_to");
        shape.known(&at, to, &["mid", "is_self_reply", "story"]);
        if shape.text(&at, to, "mid", SHORT).is_none() && !to.contains_key("story") && !to.contains_key("mid")
        {
            shape.wrong(&format!("{at}/mid"), "needs the `mid` of the message that is answered");
        }
    }
}

/// How far somebody read or received: Messenger says a moment, Instagram a message.
fn watermark(shape: &mut Shape, at: &str, content: &Map<String, Value>, kind: Kind) {
    let watermark = shape.number(at, content, "watermark");
    let message = match kind {
        Kind::Delivery => {
            for (index, mid) in shape.array(at, content, "mids").unwrap_or_default().iter().enumerate() {
                if !mid.is_string() {
                    shape.wrong(&format!("{at}/mids/{index}"), "must be a string");
                }
            }
            "mids"
        }
        _ => {
            shape.text(at, content, "mid", SHORT);
            "mid"
        }
    };
    if watermark.is_none() && !content.contains_key("watermark") && !content.contains_key(message) {
        let detail = format!("needs `watermark` (milliseconds since 1970), or `{message}`");
        shape.wrong(&format!("{at}/watermark"), detail);
    }
}
