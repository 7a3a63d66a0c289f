//! The bodies of the Graph endpoints: what they ask, checked for shape and limits, ready for the rules.
//! Unknown parameters are ignored, as the platform does; a `null` is absent.

use baton_rules::{AppId, Ask, PersonId, Refusal, Send, Surface, Tag, ThreadControl};
use serde_json::{Map, Value, json};

use crate::errors::GraphError;
use crate::params::{Params, text_of};
use crate::{attachments, templates};

mod feedback;

/// The longest message text, in characters (Messenger).
const TEXT: usize = 2000;
/// The longest message text on Instagram, in bytes.
const INSTAGRAM_TEXT: usize = 1000;
/// The longest reaction, in characters: an emoji may be made of several.
const REACTION: usize = 32;
/// The longest `metadata` of a message, in characters.
const MESSAGE_METADATA: usize = 1000;
/// The longest payload of a button or a quick reply, in characters.
const PAYLOAD: usize = 1000;
/// The longest title of a quick reply, in characters; what is longer is cut off.
const QUICK_REPLY_TITLE: usize = 20;
/// The longest text of a button template, in characters.
const BUTTON_TEXT: usize = 640;
/// How many quick replies a message has at most.
const QUICK_REPLIES: usize = 13;
/// How many buttons a template (or one of its elements) has at most.
const BUTTONS: usize = 3;
/// The longest title of a button, in characters.
const BUTTON_TITLE: usize = 20;
/// What a button can be (wire.md 2.4); the last three are retired and still taken.
const BUTTON_TYPES: &[&str] = &[
    "web_url",
    "postback",
    "phone_number",
    "account_link",
    "account_unlink",
    "game_play",
    "element_share",
    "nested",
    "payment",
];
const NOTIFICATION_TYPES: &[&str] = &["REGULAR", "SILENT_PUSH", "NO_PUSH"];
/// How many elements a generic template has at most.
const ELEMENTS: usize = 10;

/// The ways to say who is meant (wire.md 2.2).
const RECIPIENTS: &[&str] = &[
    "id",
    "user_ref",
    "phone_number",
    "comment_id",
    "post_id",
    "one_time_notif_token",
    "notification_messages_token",
    "live_chat_id",
];
const MESSAGING_TYPES: &[&str] = &["RESPONSE", "UPDATE", "MESSAGE_TAG", "UTILITY"];
/// Tags that ended on 27 April 2026 (WIN-5), and those that ended before.
const RETIRED_TAGS: &[&str] = &[
    "ACCOUNT_UPDATE",
    "CONFIRMED_EVENT_UPDATE",
    "POST_PURCHASE_UPDATE",
    "APPLICATION_UPDATE",
    "APPOINTMENT_UPDATE",
    "BUSINESS_PRODUCTIVITY",
    "COMMUNITY_ALERT",
    "CONFIRMED_EVENT_REMINDER",
    "FEATURE_FUNCTIONALITY_UPDATE",
    "GAME_EVENT",
    "ISSUE_RESOLUTION",
    "NON_PROMOTIONAL_SUBSCRIPTION",
    "PAIRING_UPDATE",
    "PAYMENT_UPDATE",
    "PERSONAL_FINANCE_UPDATE",
    "RESERVATION_UPDATE",
    "SHIPPING_UPDATE",
    "TICKET_UPDATE",
    "TRANSPORTATION_UPDATE",
];

/// A message, as the echo shows it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Message {
    /// `text`, `attachment`(s), `quick_replies`, `metadata`, … as given, checked.
    pub content: Map<String, Value>,
}

impl Message {
    /// A message of nothing but text.
    pub fn of_text(text: &str) -> Self {
        Self { content: Map::from_iter([("text".to_owned(), Value::from(text))]) }
    }

    /// A message of nothing but a file (`image`, `video`, `audio` or `file`) at an address.
    pub fn of_file(kind: &str, url: &str) -> Self {
        let attachment = json!({"type": kind, "payload": {"url": url}});
        Self { content: Map::from_iter([("attachment".to_owned(), attachment)]) }
    }
}

/// A call that a thread is asked.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// Whom it is about.
    pub person: PersonId,
    /// What is asked.
    pub ask: Ask,
    /// `metadata` of a control call.
    pub metadata: Option<String>,
    /// The message of a send.
    pub message: Option<Message>,
}

impl Call {
    fn control(params: &Params, person: PersonId, ask: Ask) -> Result<Self, GraphError> {
        let metadata = params
            .get("metadata")
            .map(|value| limited_by("metadata", value, params.limits().metadata, " (limits.metadata)"));
        Ok(Self { person, ask, metadata: metadata.transpose()?, message: None })
    }
}

/// `POST /{page}/messages`.
pub fn messages(params: &Params) -> Result<Call, GraphError> {
    let person = recipient(params)?;
    let tag = tag(params)?;
    let loudness = params.text("notification_type").map(|text| text.trim().to_ascii_uppercase());
    if loudness.is_some_and(|word| !word.is_empty() && !NOTIFICATION_TYPES.contains(&word.as_str())) {
        let words = NOTIFICATION_TYPES.join(", ");
        return Err(GraphError::parameter(format!("Param notification_type must be one of {{{words}}}")));
    }
    let control = params.get("thread_control").map(|value| thread_control(params, value)).transpose()?;
    let given = params.object("message")?;
    let Some(given) = given.filter(|message| message.values().any(|value| !value.is_null())) else {
        return Err(GraphError::parameter("param message must be non-empty."));
    };
    let mut message = message(params, &given)?;
    if let Some(to) = params.object("reply_to")? {
        let mid = to.get("mid").and_then(Value::as_str);
        let mid = mid.ok_or_else(|| GraphError::parameter("Param reply_to must have a mid"))?;
        let reply = Map::from_iter([("mid".to_owned(), Value::from(mid))]);
        message.content.insert("reply_to".to_owned(), Value::Object(reply));
    }
    let survey = is_survey(&message);
    if tag == Some(Tag::CustomerFeedback) && !survey {
        let text = "The tag CUSTOMER_FEEDBACK is only for messages with the customer_feedback template";
        return Err(GraphError::parameter(text));
    }
    let ask = Ask::Send(Send { tag, control, survey });
    Ok(Call { person, ask, metadata: None, message: Some(message) })
}

/// Whether a message is a survey (HOP-SURVEY-1).
fn is_survey(message: &Message) -> bool {
    let template = message.content.get("attachment").and_then(|attachment| attachment.get("payload"));
    let kind = template.and_then(|template| template.get("template_type")).and_then(text_of);
    kind.is_some_and(|kind| kind.eq_ignore_ascii_case("customer_feedback"))
}

/// `sender_action` in `POST /{page}/messages`: a send of nothing, asked as a send is. None where there is no
/// such parameter.
pub fn sender_action(params: &Params) -> Option<Result<Call, GraphError>> {
    let action = params.get("sender_action")?;
    let read = || {
        let person = recipient(params)?;
        if params.get("message").is_some() {
            return Err(GraphError::message_and_action());
        }
        // Unknown parameters are tolerated, and so is whatever goes with a message.
        match text_of(action).unwrap_or_default().trim().to_ascii_lowercase().as_str() {
            "typing_on" | "typing_off" | "mark_seen" => {
                let ask = Ask::Send(Send { tag: None, control: None, survey: false });
                Ok(Call { person, ask, metadata: None, message: None })
            }
            // Which message, is looked up where messages are.
            "react" => {
                reaction(params)?;
                let ask = Ask::Send(Send { tag: None, control: None, survey: false });
                Ok(Call { person, ask, metadata: None, message: None })
            }
            "unreact" => {
                reacted_to(params)?;
                let ask = Ask::Send(Send { tag: None, control: None, survey: false });
                Ok(Call { person, ask, metadata: None, message: None })
            }
            _ => {
                let names = "typing_on, typing_off, mark_seen, react, unreact";
                Err(GraphError::parameter(format!("Param sender_action must be one of {{{names}}}")))
            }
        }
    };
    Some(read())
}

/// The message that a `react` or `unreact` is about, from `payload`; none where there is none of them.
pub fn reacted_to(params: &Params) -> Result<Option<String>, GraphError> {
    let action = params.text("sender_action").unwrap_or_default().trim().to_ascii_lowercase();
    if action != "react" && action != "unreact" {
        return Ok(None);
    }
    let payload = params.object("payload")?.ok_or_else(|| GraphError::required("payload"))?;
    let mid = payload.get("message_id").and_then(text_of).filter(|mid| !mid.is_empty());
    mid.map(Some).ok_or_else(|| GraphError::required("payload[message_id]"))
}

fn reaction(params: &Params) -> Result<(), GraphError> {
    reacted_to(params)?;
    let payload = params.object("payload")?.unwrap_or_default();
    let name = "payload[reaction]";
    let reaction = payload.get("reaction").ok_or_else(|| GraphError::required(name))?;
    let reaction = limited(name, reaction, REACTION)?;
    if reaction.is_empty() { Err(GraphError::required(name)) } else { Ok(()) }
}

/// `POST /{page}/message_attachments`: the attachment that is to be kept, as a message would have it.
pub fn message_attachment(params: &Params) -> Result<Value, GraphError> {
    let message = params.object("message")?.ok_or_else(|| GraphError::required("message"))?;
    let name = "message[attachment]";
    let given = message.get("attachment").filter(|value| !value.is_null());
    let attachment = attachment(params, given.ok_or_else(|| GraphError::required(name))?)?;
    let payload = attachment.get("payload");
    let is_template = attachment.get("type").and_then(Value::as_str) == Some("template");
    if is_template || payload.is_some_and(|payload| payload.get("attachment_id").is_some()) {
        let text = format!("Param {name} must be a file: a url, or filedata");
        return Err(GraphError::parameter(text));
    }
    Ok(attachment)
}

/// What a surface does not take of a message that is well formed: the other surface takes it.
pub fn fits(call: &Call, surface: Surface) -> Result<(), GraphError> {
    let content = call.message.as_ref().map(|message| &message.content);
    let kind = content.and_then(|content| content.get("attachment")?.get("type")?.as_str());
    let several = content.is_some_and(|content| content.contains_key("attachments"));
    if surface == Surface::Messenger && (several || matches!(kind, Some("like_heart" | "media_share"))) {
        let name = if several { "message[attachments]" } else { kind.unwrap_or_default() };
        return Err(GraphError::parameter(format!("Invalid parameter: {name} is only for Instagram")));
    }
    let text = content.and_then(|content| content.get("text")?.as_str());
    match (surface, text) {
        (Surface::Instagram, Some(text)) if text.len() > INSTAGRAM_TEXT => {
            let text =
                format!("Length of param message[text] must be less than or equal to {INSTAGRAM_TEXT}");
            Err(GraphError::parameter(text))
        }
        (Surface::Instagram | Surface::Messenger, _) => Ok(()),
    }
}

/// `POST /{page}/pass_thread_control`.
pub fn pass_thread_control(params: &Params) -> Result<Call, GraphError> {
    let person = recipient(params)?;
    Call::control(params, person, Ask::Pass { to: target(params)? })
}

/// `POST /{page}/take_thread_control`.
pub fn take_thread_control(params: &Params) -> Result<Call, GraphError> {
    Call::control(params, recipient(params)?, Ask::Take)
}

/// `POST /{page}/request_thread_control`.
pub fn request_thread_control(params: &Params) -> Result<Call, GraphError> {
    Call::control(params, recipient(params)?, Ask::Request)
}

/// `POST /{page}/release_thread_control`.
pub fn release_thread_control(params: &Params) -> Result<Call, GraphError> {
    Call::control(params, recipient(params)?, Ask::Release)
}

/// `POST /{page}/extend_thread_control`.
pub fn extend_thread_control(params: &Params) -> Result<Call, GraphError> {
    Call::control(params, recipient(params)?, Ask::Extend { duration: params.integer("duration") })
}

/// `POST /{page}/pass_thread_metadata`.
pub fn pass_thread_metadata(params: &Params) -> Result<Call, GraphError> {
    let person = recipient(params)?;
    let to = target(params)?.ok_or_else(|| GraphError::required("target_app_id"))?;
    let call = Call::control(params, person, Ask::Metadata { to })?;
    if call.metadata.is_none() {
        return Err(GraphError::required("metadata"));
    }
    Ok(call)
}

/// `GET /{page}/thread_owner`: whom it is about.
pub fn thread_owner(params: &Params) -> Result<PersonId, GraphError> {
    match params.get("recipient") {
        Some(Value::String(text)) if !text.trim_start().starts_with('{') => person_id("recipient", text),
        Some(Value::Number(number)) => person_id("recipient", &number.to_string()),
        _ => recipient(params),
    }
}

/// The target of a call, from an id that may be a number or a text (API-3). Digits that no app can have are
/// an app that is not connected: E-APPID.
pub fn app_id(name: &str, value: &Value) -> Result<AppId, GraphError> {
    let text = match value {
        Value::String(text) => Some(text.trim().to_owned()),
        Value::Number(number) if number.is_u64() => Some(number.to_string()),
        _ => None,
    };
    let digits = text.filter(|text| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()));
    let digits = digits.ok_or_else(|| GraphError::parameter(format!("Param {name} must be an app id")))?;
    digits.parse().map_err(|_| GraphError::of(Refusal::UnknownApp, Surface::Messenger))
}

/// `target_app_id`.
fn target(params: &Params) -> Result<Option<AppId>, GraphError> {
    params.get("target_app_id").map(|value| app_id("target_app_id", value)).transpose()
}

/// The comment that `recipient` names (`comment_id`), where that is how it says who is meant.
pub fn comment(params: &Params) -> Option<String> {
    // What is no recipient at all is told where it is read.
    let recipient = params.object("recipient").ok().flatten()?;
    let given: Vec<&str> = ways(&recipient).collect();
    if given == ["comment_id"] { recipient.get("comment_id").and_then(text_of) } else { None }
}

/// The token that `recipient` has from an opt-in, with its name, where that is how it says who is meant.
pub fn optin(params: &Params) -> Option<(&'static str, String)> {
    let recipient = params.object("recipient").ok().flatten()?;
    let given: Vec<&str> = ways(&recipient).collect();
    match given.as_slice() {
        [name @ ("user_ref" | "one_time_notif_token" | "notification_messages_token")] => {
            let name = RECIPIENTS.iter().find(|known| *known == name)?;
            Some((name, recipient.get(*name).and_then(text_of)?))
        }
        _ => None,
    }
}

/// The ways in which a recipient says who is meant.
fn ways(recipient: &Map<String, Value>) -> impl Iterator<Item = &'static str> {
    RECIPIENTS.iter().copied().filter(|key| recipient.get(*key).is_some_and(|value| !value.is_null()))
}

/// `recipient`: exactly one way to say who; `id`, when it was looked up whom the others mean.
fn recipient(params: &Params) -> Result<PersonId, GraphError> {
    let recipient = params.object("recipient")?.ok_or_else(|| GraphError::required("recipient"))?;
    let given: Vec<&str> = ways(&recipient).collect();
    match given.as_slice() {
        ["id"] => {
            let id = recipient.get("id").and_then(text_of);
            person_id("recipient[id]", &id.unwrap_or_default())
        }
        [] => Err(GraphError::required("recipient[id]")),
        [other] => Err(GraphError::unknown_recipient(other)),
        several => {
            let several = several.join(", ");
            Err(GraphError::parameter(format!("Param recipient must have exactly one key, not {several}")))
        }
    }
}

fn person_id(name: &str, text: &str) -> Result<PersonId, GraphError> {
    text.trim().parse().map_err(|wrong| GraphError::parameter(format!("Invalid parameter {name}: {wrong}")))
}

/// `messaging_type` and `tag`, in any case: at least one client writes `Response`.
fn tag(params: &Params) -> Result<Option<Tag>, GraphError> {
    let word = |name: &str| match params.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.trim().to_ascii_uppercase())),
        Some(_) => Err(GraphError::parameter(format!("Param {name} must be a string"))),
    };
    let kind = word("messaging_type")?;
    if kind.as_deref().is_some_and(|kind| !MESSAGING_TYPES.contains(&kind)) {
        let text = format!("Param messaging_type must be one of {{{}}}", MESSAGING_TYPES.join(", "));
        return Err(GraphError::parameter(text));
    }
    match word("tag")?.as_deref() {
        None | Some("") if kind.as_deref() == Some("MESSAGE_TAG") => Err(GraphError::required("tag")),
        None | Some("") => Ok(None),
        Some("HUMAN_AGENT") => Ok(Some(Tag::HumanAgent)),
        Some("CUSTOMER_FEEDBACK") => Ok(Some(Tag::CustomerFeedback)),
        Some(tag) if RETIRED_TAGS.contains(&tag) => Ok(Some(Tag::Retired)),
        Some(_) => Err(GraphError::parameter("Param tag must be one of {HUMAN_AGENT, CUSTOMER_FEEDBACK}")),
    }
}

/// `thread_control` (TC-1 to TC-8). What it means is for the rules; only an `app_id` that is none is refused
/// here, as every malformed parameter is.
fn thread_control(params: &Params, value: &Value) -> Result<ThreadControl, GraphError> {
    let Some(mut given) = params.object_of(value) else { return Ok(ThreadControl::Unknown) };
    given.retain(|_, value| !value.is_null());
    let app = given.get("app_id").map(|value| app_id("thread_control[app_id]", value)).transpose();
    let payload = given.get("payload").map(Value::as_str);
    let control = given.get("control_type").map(Value::as_str);
    Ok(match (payload, control, app) {
        (Some(_), Some(_), _) | (Some(_), _, Ok(Some(_)) | Err(_)) => ThreadControl::Both,
        (Some(Some("pass_thread_control")), None, Ok(None)) => ThreadControl::Pass { to: None },
        (Some(Some("release_thread_control")), None, Ok(None)) => ThreadControl::Release,
        (Some(_), None, Ok(None)) => ThreadControl::Unknown,
        (None, Some(Some("pass")), app) => ThreadControl::Pass { to: app? },
        (None, Some(Some("release")), app) => {
            app?;
            ThreadControl::Release
        }
        (None, Some(_), _) | (None, None, Ok(None)) => ThreadControl::Unknown,
        // Release is what an `app_id` alone means (TC-6).
        (None, None, app) => {
            app?;
            ThreadControl::Release
        }
    })
}

/// `message`: what the echo will show, checked.
fn message(params: &Params, given: &Map<String, Value>) -> Result<Message, GraphError> {
    let field = |name: &str| given.get(name).filter(|value| !value.is_null());
    if field("template").is_some() {
        return Err(GraphError::not_built("message[template]"));
    }
    let text = field("text").map(|value| limited("message[text]", value, TEXT)).transpose()?;
    let text = text.filter(|text| !text.is_empty());
    let attachment = match (field("attachment"), field("sticker_id")) {
        (Some(_), Some(_)) => {
            return Err(GraphError::parameter("Param message cannot have both attachment and sticker_id"));
        }
        (Some(value), None) => Some(attachment(params, value)?),
        (None, Some(sticker)) => Some(attachments::sticker(sticker)?),
        (None, None) => None,
    };
    let mut content = Map::new();
    if let Some(given) = field("attachments") {
        if text.is_some() || attachment.is_some() {
            let wrong = "Param message can have only one of text, attachment, sticker_id and attachments";
            return Err(GraphError::parameter(wrong));
        }
        let images = attachments::images(params, "message[attachments]", given)?;
        content.insert("attachments".to_owned(), Value::Array(images));
        return Ok(Message { content: with_metadata(content, field("metadata"))? });
    }
    match (text, attachment) {
        (Some(text), None) => content.insert("text".to_owned(), Value::String(text)),
        (None, Some(attachment)) => content.insert("attachment".to_owned(), attachment),
        (None, None) => return Err(GraphError::parameter("param message must be non-empty.")),
        (Some(_), Some(_)) => {
            return Err(GraphError::parameter("Param message cannot have both text and attachment"));
        }
    };
    if let Some(replies) = field("quick_replies") {
        let replies = quick_replies(params, replies)?;
        if !replies.is_empty() {
            content.insert("quick_replies".to_owned(), Value::Array(replies));
        }
    }
    Ok(Message { content: with_metadata(content, field("metadata"))? })
}

/// `metadata`, which comes back in the echo.
fn with_metadata(
    mut content: Map<String, Value>,
    metadata: Option<&Value>,
) -> Result<Map<String, Value>, GraphError> {
    if let Some(metadata) = metadata {
        let metadata = limited("message[metadata]", metadata, MESSAGE_METADATA)?;
        content.insert("metadata".to_owned(), Value::String(metadata));
    }
    Ok(content)
}

fn quick_replies(params: &Params, value: &Value) -> Result<Vec<Value>, GraphError> {
    let name = "message[quick_replies]";
    let given = list(params, name, value, QUICK_REPLIES)?;
    let one = |(index, reply): (usize, &Value)| {
        let name = format!("{name}[{index}]");
        let mut reply = object(params, &name, reply)?;
        let kind = match reply.get("content_type") {
            None => "text".to_owned(),
            Some(kind) => text_of(kind).unwrap_or_default().to_ascii_lowercase(),
        };
        if !matches!(kind.as_str(), "text" | "user_phone_number" | "user_email" | "location") {
            let kinds = "text, user_phone_number, user_email";
            return Err(GraphError::parameter(format!(
                "Param {name}[content_type] must be one of {{{kinds}}}"
            )));
        }
        if kind == "text" {
            let title = reply.get("title").and_then(text_of).filter(|title| !title.is_empty());
            let title = title.ok_or_else(|| GraphError::required(&format!("{name}[title]")))?;
            let title: String = title.chars().take(QUICK_REPLY_TITLE).collect();
            reply.insert("title".to_owned(), Value::String(title));
            if !reply.contains_key("payload") && !reply.contains_key("image_url") {
                return Err(GraphError::required(&format!("{name}[payload]")));
            }
        }
        if let Some(payload) = reply.get("payload") {
            let payload = limited(&format!("{name}[payload]"), payload, PAYLOAD)?;
            reply.insert("payload".to_owned(), Value::String(payload));
        }
        reply.insert("content_type".to_owned(), Value::String(kind));
        Ok(Value::Object(reply))
    };
    given.iter().enumerate().map(one).collect()
}

/// `message.attachment`: the templates that are built.
fn attachment(params: &Params, value: &Value) -> Result<Value, GraphError> {
    let name = "message[attachment]";
    let given = object(params, name, value)?;
    let kind = given.get("type").and_then(text_of).unwrap_or_default().to_ascii_lowercase();
    match kind.as_str() {
        "template" => {}
        "" => return Err(GraphError::required(&format!("{name}[type]"))),
        "image" | "audio" | "video" | "file" => {
            return attachments::file(params, name, &kind, given.get("payload"));
        }
        "like_heart" => return Ok(serde_json::json!({"type": "like_heart"})),
        "media_share" => return attachments::post(params, name, given.get("payload")),
        _ => {
            let kinds = "image, audio, video, file, template";
            return Err(GraphError::parameter(format!("Param {name}[type] must be one of {{{kinds}}}")));
        }
    }
    let name = "message[attachment][payload]";
    let payload = given.get("payload").ok_or_else(|| GraphError::required(name))?;
    let mut payload = object(params, name, payload)?;
    let template = payload.get("template_type").and_then(text_of).unwrap_or_default().to_ascii_lowercase();
    match template.as_str() {
        "generic" => generic(params, name, &mut payload)?,
        "button" => {
            let text = payload.get("text").ok_or_else(|| GraphError::required(&format!("{name}[text]")))?;
            limited(&format!("{name}[text]"), text, BUTTON_TEXT)?;
            let all =
                payload.get("buttons").ok_or_else(|| GraphError::required(&format!("{name}[buttons]")))?;
            let all = buttons(params, name, all)?;
            if all.is_empty() {
                return Err(GraphError::required(&format!("{name}[buttons]")));
            }
            payload.insert("buttons".to_owned(), Value::Array(all));
        }
        "customer_feedback" => feedback::check(params, name, &payload)?,
        "" => return Err(GraphError::required(&format!("{name}[template_type]"))),
        other => templates::check(params, name, other, &mut payload)?,
    }
    let checked =
        [("type".to_owned(), Value::from("template")), ("payload".to_owned(), Value::Object(payload))];
    Ok(Value::Object(Map::from_iter(checked)))
}

/// A generic template: elements with a title, each with buttons of its own.
fn generic(params: &Params, name: &str, payload: &mut Map<String, Value>) -> Result<(), GraphError> {
    let name = format!("{name}[elements]");
    let elements = payload.get("elements").ok_or_else(|| GraphError::required(&name))?;
    let elements = list(params, &name, elements, ELEMENTS)?;
    if elements.is_empty() {
        return Err(GraphError::required(&name));
    }
    let one = |(index, element): (usize, &Value)| {
        let name = format!("{name}[{index}]");
        let mut element = object(params, &name, element)?;
        if element.get("title").and_then(text_of).is_none_or(|title| title.is_empty()) {
            return Err(GraphError::required(&format!("{name}[title]")));
        }
        for key in ["title", "subtitle"] {
            if let Some(text) = element.get(key) {
                limited(&format!("{name}[{key}]"), text, templates::ELEMENT_TEXT)?;
            }
        }
        let more = ["subtitle", "image_url", "default_action", "buttons"];
        if !more.iter().any(|key| element.get(*key).is_some_and(|value| value != "")) {
            let text = "Incomplete element data: title and at least one other field (image url, subtitle or \
                        buttons) is required with non-empty value";
            return Err(GraphError::parameter(text));
        }
        if let Some(all) = element.get("buttons") {
            let all = buttons(params, &name, all)?;
            element.insert("buttons".to_owned(), Value::Array(all));
        }
        Ok(Value::Object(element))
    };
    let elements = elements.iter().enumerate().map(one).collect::<Result<_, _>>()?;
    payload.insert("elements".to_owned(), Value::Array(elements));
    Ok(())
}

/// Buttons: passed on as they are, except that each must be able to do what its type says.
pub(crate) fn buttons(params: &Params, name: &str, value: &Value) -> Result<Vec<Value>, GraphError> {
    let name = format!("{name}[buttons]");
    let given = list(params, &name, value, BUTTONS)?;
    let one = |(index, button): (usize, &Value)| {
        let name = format!("{name}[{index}]");
        let mut button = object(params, &name, button)?;
        let need = |button: &Map<String, Value>, key: &str| match button.get(key).and_then(text_of) {
            Some(text) if !text.is_empty() => Ok(()),
            _ => Err(GraphError::required(&format!("{name}[{key}]"))),
        };
        need(&button, "type")?;
        let kind = button.get("type").and_then(text_of).unwrap_or_default().to_ascii_lowercase();
        if !BUTTON_TYPES.contains(&kind.as_str()) {
            let text = format!("Param {name}[type] must be one of {{{}}}", BUTTON_TYPES.join(", "));
            return Err(GraphError::parameter(text));
        }
        let needed: &[&str] = match kind.as_str() {
            "postback" | "phone_number" => &["title", "payload"],
            "web_url" => &["title", "url"],
            "account_link" => &["url"],
            "game_play" => &["title"],
            _ => &[],
        };
        needed.iter().try_for_each(|key| need(&button, key))?;
        if let Some(title) = button.get("title") {
            limited(&format!("{name}[title]"), title, BUTTON_TITLE)?;
        }
        if let Some(payload) = button.get("payload") {
            let payload = limited(&format!("{name}[payload]"), payload, PAYLOAD)?;
            button.insert("payload".to_owned(), Value::String(payload));
        }
        button.insert("type".to_owned(), Value::String(kind));
        Ok(Value::Object(button))
    };
    given.iter().enumerate().map(one).collect()
}

/// A text of limited length.
pub(crate) fn limited(name: &str, value: &Value, max: usize) -> Result<String, GraphError> {
    limited_by(name, value, max, "")
}

/// The same, where a setting says how long it may be.
fn limited_by(name: &str, value: &Value, max: usize, setting: &str) -> Result<String, GraphError> {
    let text =
        text_of(value).ok_or_else(|| GraphError::parameter(format!("Param {name} must be a string")))?;
    // Bytes bound characters from above: most texts needn't be counted.
    if text.len() > max && text.chars().count() > max {
        let text = format!("Length of param {name} must be less than or equal to {max}{setting}");
        return Err(GraphError::parameter(text));
    }
    Ok(text)
}

/// An object without what is null.
pub(crate) fn object(params: &Params, name: &str, value: &Value) -> Result<Map<String, Value>, GraphError> {
    let object = params.object_of(value);
    let mut object =
        object.ok_or_else(|| GraphError::parameter(format!("Param {name} must be a JSON object")))?;
    object.retain(|_, value| !value.is_null());
    Ok(object)
}

/// A list of limited length.
pub(crate) fn list(params: &Params, name: &str, value: &Value, max: usize) -> Result<Vec<Value>, GraphError> {
    let list = params.array_of(value);
    let list = list.ok_or_else(|| GraphError::parameter(format!("Param {name} must be an array")))?;
    if list.len() > max {
        return Err(GraphError::parameter(format!("Param {name} must have at most {max} elements")));
    }
    Ok(list)
}
