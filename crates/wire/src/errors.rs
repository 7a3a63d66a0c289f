//! The only error table: what a refusal looks like to a client of the Graph API (thread-control.md 3.1,
//! wire.md 6). Every refusal is one line of [`GraphError::of`]; the constructors below it are for calls that
//! never come so far as to be decided.

use baton_rules::{Refusal, Surface};
use serde::Serialize;

/// The type of nearly every error.
const OAUTH: &str = "OAuthException";
/// The type of errors about the call itself.
const METHOD: &str = "GraphMethodException";

/// The type of errors to whoever calls with a token of an Instagram account.
const INSTAGRAM: &str = "IGApiException";

/// An error of the Graph API.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct GraphError {
    /// The HTTP status.
    pub status: u16,
    /// `code`.
    pub code: u32,
    /// `error_subcode`; left out where there is none.
    pub subcode: Option<u32>,
    /// `type`.
    pub kind: &'static str,
    /// `message`, with its `(#code) ` where the platform has it.
    pub message: String,
    /// `is_transient`.
    pub transient: bool,
    /// `error_user_title` and `error_user_msg`: plain words for people.
    pub plain: Option<(String, String)>,
}

impl GraphError {
    /// The error of a refusal.
    ///
    /// A line has code, subcode (0: none), the text behind `(#code) `, and plain words for people: a title,
    /// and which call would work. The status is 400 (API-6).
    #[rustfmt::skip]
    pub fn of(refusal: Refusal, surface: Surface) -> Self {
        use Refusal as R;
        use Surface::{Instagram, Messenger};
        let (code, subcode, text, title, plain) = match (refusal, surface) {
            // E-SEND-OTHER: S4 How It Works, D-ERR, P-PYM, D-HOPIG
            (R::SendOther, _) => (10, 2018300, "Message failed to send because another app is controlling this thread now.",
                "Another app controls this conversation",
                "Wait until this app gets control, or ask for it with request_thread_control; the primary receiver may use take_thread_control. GET thread_owner tells who has control."),
            // E-PASS-NOTOWNER: P-FIELD
            (R::PassNotOwner, _) => (100, 0, "The calling app is not the thread owner.",
                "Only the owner passes control",
                "Only the app that controls the conversation can pass it. Ask for control with request_thread_control first."),
            // E-REL-NOTOWNER: P-FIELD; D-ICRAPI
            (R::ReleaseNotOwner, _) => (100, 0, "Only the current thread owner can release thread control.",
                "Only the owner releases control",
                "This app does not control the conversation, so there is nothing to release. GET thread_owner tells who has control."),
            // E-EXT-NOTOWNER: D-ICRAPI
            (R::ExtendNotOwner, _) => (100, 0, "Only the current thread owner can extend thread control.",
                "Only the owner extends control",
                "This app does not control the conversation. Ask for control with request_thread_control first."),
            // E-IG-NOTOWNER: D-ERR; C-8
            (R::NotThreadOwner, _) => (100, 2534037, "The action is invalid since it's not the thread owner.",
                "This app does not control the conversation",
                "Wait until this app gets control, or ask for it with request_thread_control. GET thread_owner tells until when another app has control."),
            // E-TAKE-OFF: P-27, P-FIELD; S0
            (R::TakeOff, _) => (27, 0, "Take thread control is not supported when Conversation Routing is not enabled.",
                "Nobody takes control here",
                "The account has no default app. Ask with request_thread_control: in an idle conversation it gives control at once."),
            // E-REQ-OFF: D-ICRAPI
            (R::RequestOff, _) => (27, 0, "Request thread control is not supported when Conversation Routing is enabled.",
                "Nobody asks for control here",
                "The page has a default app. An app that an operator allows to take control of conversations (take_control) uses take_thread_control."),
            // E-HOP-DISABLED: S2 first note
            (R::HandoverDisabled, _) => (100, 0, "Handover Protocol APIs disabled for this page.",
                "This page uses Conversation Routing",
                "Here nobody calls take_thread_control, request_thread_control or extend_thread_control. Control is passed and released with thread_control in the Send API, or with pass_thread_control and release_thread_control; an app that an operator allows to take control of conversations (take_control) takes it by sending."),
            // E-TAKE-DENIED: S4, S0
            (R::TakeDenied, _) => (10, 0, "The app is not allowed to take control of this thread.",
                "This app may not take control",
                "Another app controls the conversation and only the primary receiver may take it. Use request_thread_control to ask the owner for it."),
            // E-SELF: D-ICRAPI, P-MSBLOG
            (R::AlreadyOwner, _) => (100, 0, "The app is already the thread owner.",
                "This app already controls the conversation",
                "Nothing has to be done: this app can send, pass and release."),
            // E-APPID: D-ERR
            (R::UnknownApp, _) => (100, 2018164, "Incorrect App ID.",
                "There is no such app on this page",
                "Give the id of an app that is connected to this page, or of the inbox (263902037430900 on Messenger, 1217981644879628 on Instagram)."),
            // E-NOUSER: D-ERR
            (R::UnknownPerson, Messenger) => (100, 2018001, "No matching user found",
                "This person has never written to the page",
                "Give the id from sender.id of a webhook of this page. A person is known from their first message on."),
            (R::UnknownPerson, Instagram) => (100, 2534014, "No matching Instagram user",
                "This person has never written to the account",
                "Give the id from sender.id of a webhook of this account. A person is known from their first message on."),
            // E-PARAM: D-TAKEREF
            (R::TargetMissing, _) => (100, 0, "The parameter target_app_id is required",
                "To whom shall control pass?",
                "This page has no app to which control passes by itself: name one with target_app_id."),
            // E-PARAM: Instagram's persistent menu has one level
            (R::NoUserMenu, _) => (100, 0, "Invalid parameter: there is no menu of one person's own on Instagram",
                "Instagram has the page's menu alone",
                "Set the menu of the account with messenger_profile."),
            // E-PARAM, unknown edge: 3.7
            (R::NoSuchEdge, _) => (100, 0, "Invalid parameter: pass_thread_metadata is only available in the Handover Protocol",
                "This page does not use the Handover Protocol",
                "Say it with control instead: pass_thread_control and request_thread_control have metadata."),
            // E-DUR: S0, S4, D-ICRAPI
            (R::Duration, _) => (100, 0, "Param duration must be an integer between 1 and 604800",
                "The duration is not allowed",
                "Control can be extended by 1 to 604800 seconds, which is up to seven days."),
            // E-TC-BOTH: S2
            (R::ThreadControlBoth, _) => (100, 0, "Param thread_control cannot have both payload and app_id",
                "thread_control says two things",
                "Give either payload, or app_id and control_type. Nothing was sent."),
            // E-TC-VALUE: our reading
            (R::ThreadControlValue, _) => (100, 0, "Invalid value for thread_control",
                "thread_control was not understood",
                "Give {\"payload\":\"pass_thread_control\"}, {\"payload\":\"release_thread_control\"}, or app_id with control_type \"pass\" or \"release\". Nothing was sent."),
            // E-TC-MODE: D-ICRAPI
            (R::ThreadControlMode, _) => (100, 0, "thread_control is only available when Conversation Routing is enabled",
                "This page does not use Conversation Routing",
                "Send without thread_control, then use pass_thread_control or release_thread_control. Nothing was sent."),
            // E-MENU: S4
            (R::MenuPrimaryOnly, _) => (10, 2018171, "Only the primary receiver can change the page level menu.",
                "The menu belongs to the primary receiver",
                "This app can set the menu of a person whose conversation it controls, with custom_user_settings."),
            // E-ROLE: D-ERR
            (R::NoRoles, _) => (10, 2018171, "Only available to Primary and Secondary Receivers.",
                "This page has no primary receiver",
                "Roles exist in the Handover Protocol while the page has a primary receiver: an operator sets one."),
            // E-SECVIS: D-ERR, P-MSBLOG
            (R::SecondariesHidden, _) => (10, 2018234, "Denying visibility of any secondary receiver to another secondary receiver other than itself.",
                "Only the primary receiver sees this",
                "This app is a secondary receiver. The page's primary receiver may list the others."),
            // E-WINDOW: D-ERR
            (R::WindowClosed, Messenger) => (10, 2018278, "This message is sent outside of allowed window. Learn more about the new policy here: https://developers.facebook.com/docs/messenger-platform/policy-overview",
                "It is too late to answer",
                "The person's last message is too old: 24 hours, or 7 days with the tag HUMAN_AGENT of an approved app. Wait until they write again."),
            (R::WindowClosed, Instagram) => (10, 2534022, "This message is sent outside of allowed window.",
                "It is too late to answer",
                "The person's last message is too old: 24 hours, or 7 days with the tag HUMAN_AGENT of an approved app. Wait until they write again."),
            // E-HA: P-FIELD
            (R::HumanAgentNotApproved, _) => (100, 2018276, "Cannot tag messages with 'HUMAN_AGENT' without prior approval.",
                "This app is not approved for human agents",
                "Set human_agent for the app in the routing settings, or send without the tag within 24 hours."),
            // E-TAG: erxes PR 9177
            (R::RetiredTag, _) => (100, 0, "Invalid parameter",
                "This tag is no more",
                "The platform retired this message tag on 27 April 2026. Send without a tag within 24 hours, or with HUMAN_AGENT."),
            // E-PERM: S4 Access Tokens, D-TAKEREF
            (R::Permission, _) => (200, 0, "Permissions error",
                "This token may not do that",
                "Messaging is switched off for the page, or the token lacks the task or the permission for this call."),
            // API-14: S4 App Review; wire.md 6.2
            (R::NotLive, _) => (200, 2018028,
                "Cannot message users who are not admins, developers or testers of the app until \
                 pages_messaging permission is reviewed and the app is live.",
                "This app is not live",
                "An app that is not live reaches its testers only: add the person to `testers`, or make the app live."),
            // WIN-11: wire.md 6.2
            (R::CommentInvalid, _) => (100, 2534025, "The comment is invalid for a private reply",
                "This comment cannot be answered in private",
                "A comment is answered in private once, and within 7 days. Later, write when the person has answered."),
            // WIN-15, WIN-16: wire.md 6.3
            (R::NotifiedLately, _) => (4, 2018354, "There is a minimum delay between 2 notifications of the same topic.",
                "The person was notified of this a short while ago",
                "Wait for as long as the person chose when they opted in: a day, a week or a month after the last message."),
            (R::NotificationsStopped, _) => (10, 1893015, "This user has currently stopped notification messages for this topic",
                "The person does not want to hear of this any more",
                "Wait until they resume it: messaging_optins tells of that."),
            // AD-4, AD-5: S2 Assign a marketing app
            (R::AdNotAvailable, _) => (100, 0, "The ad is not available to this person",
                "This ad cannot be entered",
                "The ad is unknown, not published, or has an audience without this person."),
        };
        let subcode = if subcode == 0 { None } else { Some(subcode) };
        let message = format!("(#{code}) {text}");
        Self { subcode, plain: Some((title.to_owned(), plain.to_owned())), ..Self::bare(400, code, message) }
    }

    /// E-PARAM with its own words; `(#100) ` is put before them.
    pub fn parameter(text: impl AsRef<str>) -> Self {
        Self::bare(400, 100, format!("(#100) {}", text.as_ref()))
    }

    /// E-PARAM: a parameter is missing.
    pub fn required(name: &str) -> Self {
        Self::parameter(format!("The parameter {name} is required"))
    }

    /// Something that the platform has and Baton does not have yet. Says so, rather than doing half of it.
    pub fn not_built(what: &str) -> Self {
        Self::parameter(format!("{what} is not built yet in this version of Baton"))
    }

    /// A way to say who is meant that means nobody here (wire.md 2.2): the platform's own error of each.
    pub fn unknown_recipient(way: &str) -> Self {
        let to = "Write to the id in sender.id of a webhook";
        match way {
            "phone_number" => {
                let text = "(#200) Cannot message users who are not admins, developers or testers of the app until \
                            pages_messaging_phone_number permission is reviewed and the app is live.";
                let error = Self { subcode: Some(2_018_027), ..Self::bare(400, 200, text.to_owned()) };
                error.with_plain(
                    "Nobody is known by their number",
                    &format!("Customer matching is no part of Baton. {to}."),
                )
            }
            "post_id" => Self::of(Refusal::CommentInvalid, Surface::Messenger).with_plain(
                "A post cannot be answered in private",
                "Comments can: give recipient[comment_id], once and within 7 days.",
            ),
            other => {
                let error = Self { subcode: Some(2_018_001), ..Self::parameter("No matching user found") };
                let text = format!("Nobody gave this recipient[{other}] in an opt-in to this page. {to}.");
                error.with_plain("This names nobody here", &text)
            }
        }
    }

    /// `message` and `sender_action` in one call.
    pub fn message_and_action() -> Self {
        let text = "Cannot send both message and state at the same time.";
        Self { subcode: Some(2018014), ..Self::parameter(text) }
    }

    /// An attachment id that is nobody's, another page's, or older than 90 days.
    pub fn unknown_attachment() -> Self {
        let text = "Possible invalid ID or you do not own the attachment.";
        Self { subcode: Some(2018074), ..Self::parameter(text) }
    }

    /// A file that is larger than its kind may be.
    pub fn attachment_too_large() -> Self {
        Self { subcode: Some(2018109), ..Self::parameter("Attachment size exceeds allowable limit") }
    }

    /// A file that is not what it is said to be.
    pub fn attachment_failed(why: &str) -> Self {
        Self { subcode: Some(2018047), ..Self::parameter(format!("Upload attachment failure. {why}")) }
    }

    /// A message that was taken back, or that is older than what is shown one by one.
    pub fn message_gone() -> Self {
        let text = "This Message has been deleted by the user or the business.";
        Self::bare(400, 9_000_001, format!("(#9000001) {text}"))
    }

    /// The page has no account on Instagram.
    pub fn no_instagram() -> Self {
        Self { subcode: Some(2534013), ..Self::parameter("The page is not linked to an Instagram account") }
    }

    /// E-TOKEN: the token is not one of ours, has expired or was revoked.
    pub fn token() -> Self {
        Self::bare(400, 190, "Invalid OAuth access token - Cannot parse access token".to_owned())
    }

    /// No token at all.
    pub fn no_token() -> Self {
        Self::bare(400, 104, "An access token is required to request this resource.".to_owned())
    }

    /// E-PERM: the token lacks a permission or a task.
    pub fn permission() -> Self {
        Self::of(Refusal::Permission, Surface::Messenger)
    }

    /// `appsecret_proof` that is not the token's.
    pub fn wrong_proof() -> Self {
        let text = "Invalid appsecret_proof provided in the API argument";
        Self { kind: METHOD, ..Self::bare(400, 100, text.to_owned()) }
    }

    /// No object with this id, or none that this token may see, or none that knows the call. `method` is
    /// the HTTP method.
    pub fn unknown_node(method: &str, id: &str) -> Self {
        let method = method.to_ascii_lowercase();
        let message = format!(
            "Unsupported {method} request. Object with ID '{id}' does not exist, cannot be loaded due to missing \
             permissions, or does not support this operation. Please read the Graph API documentation at \
             https://developers.facebook.com/docs/graph-api"
        );
        Self { kind: METHOD, subcode: Some(33), ..Self::bare(400, 100, message) }
    }

    /// A node that is named by a word (wire.md 6.2: 404, as the only one).
    pub fn unknown_alias(name: &str) -> Self {
        let text = format!("(#803) Some of the aliases you requested do not exist: {name}");
        Self::bare(404, 803, text)
    }

    /// A path that no edge has. `components` starts with `/`.
    pub fn unknown_path(components: &str) -> Self {
        Self::bare(400, 2500, format!("Unknown path components: {components}"))
    }

    /// An `account_linking_token` that is none, or that is used up.
    pub fn account_linking_token() -> Self {
        Self::bare(400, 10303, "(#10303) Invalid account_linking_token".to_owned())
    }

    /// An edge or a field that a node of this kind does not have.
    pub fn no_field(name: &str, node: &str) -> Self {
        Self::parameter(format!("Tried accessing nonexisting field ({name}) on node type ({node})"))
    }

    /// An app's id with a secret that is not its own.
    pub fn wrong_secret() -> Self {
        Self::bare(400, 1, "Error validating client secret.".to_owned())
    }

    /// Something that is written in a language of the platform's own, and wrongly.
    pub fn syntax(text: &str) -> Self {
        Self::bare(400, 2500, text.to_owned())
    }

    /// `me` with a token that is nobody's.
    pub fn no_current_user() -> Self {
        let text = "An active access token must be used to query information about the current user.";
        Self::bare(400, 2500, text.to_owned())
    }

    /// An app's webhook address did not answer the handshake (wire.md 3.1).
    pub fn callback(why: &str) -> Self {
        Self::bare(
            400,
            2200,
            format!("(#2200) Callback verification failed with the following errors: {why}"),
        )
    }

    /// E-RATE.
    pub fn rate() -> Self {
        Self::bare(400, 613, "(#613) Calls to this api have exceeded the rate limit.".to_owned())
    }

    /// An app has made too many calls. 403, as the only one of its kind (wire.md 6.2).
    pub fn app_limit() -> Self {
        let text = "(#4) Application request limit reached".to_owned();
        Self { transient: true, ..Self::bare(403, 4, text) }
    }

    /// There were too many calls about one page, or about one account.
    pub fn page_limit(surface: Surface) -> Self {
        let (code, what) = match surface {
            Surface::Messenger => (80006, "messenger"),
            Surface::Instagram => (80002, "Instagram"),
        };
        let text = format!(
            "(#{code}) There have been too many calls to this {what} account. Wait a bit and try again. For more \
             info, please refer to https://developers.facebook.com/docs/graph-api/overview/rate-limiting."
        );
        Self { transient: true, ..Self::bare(400, code, text) }
    }

    /// Nothing was done, and the same call may work soon. 500 and never 503, which some clients take for a
    /// broken network (wire.md, section 0).
    pub fn transient() -> Self {
        let text = "An unexpected error has occurred. Please retry your request later.";
        Self { transient: true, ..Self::bare(500, 2, text.to_owned()) }
    }

    /// Something is wrong inside.
    pub fn internal() -> Self {
        Self { subcode: Some(99), ..Self::bare(500, 1, "An unknown error occurred.".to_owned()) }
    }

    /// The same error as graph.instagram.com has it (wire.md 1.1).
    #[must_use]
    pub fn of_instagram(mut self) -> Self {
        if self.kind == OAUTH {
            self.kind = INSTAGRAM;
        }
        self
    }

    /// An error that somebody wanted, to see what a client makes of it: the platform's own where that code has one.
    pub fn on_purpose(code: u32) -> Self {
        let error = match code {
            1 => Self::internal(),
            2 => Self::transient(),
            190 => Self::token(),
            613 => Self::rate(),
            _ => Self::bare(400, code, format!("(#{code}) This call was to fail.")),
        };
        error.with_plain("A fault on purpose", "An operator lets calls of this app fail (faults).")
    }

    /// The same error with plain words for people.
    #[must_use]
    pub fn with_plain(mut self, title: &str, text: &str) -> Self {
        self.plain = Some((title.to_owned(), text.to_owned()));
        self
    }

    fn bare(status: u16, code: u32, message: String) -> Self {
        Self { status, code, subcode: None, kind: OAUTH, message, transient: false, plain: None }
    }

    /// One of each that no rule gives, in the order of their constructors: what the golden files show.
    pub fn every() -> Vec<Self> {
        vec![
            Self::parameter("Invalid parameter"),
            Self::required("recipient"),
            Self::not_built("message[template]"),
            Self::unknown_recipient("user_ref"),
            Self::unknown_recipient("phone_number"),
            Self::unknown_recipient("post_id"),
            Self::message_and_action(),
            Self::unknown_attachment(),
            Self::attachment_too_large(),
            Self::attachment_failed("The file is empty"),
            Self::message_gone(),
            Self::no_instagram(),
            Self::token(),
            Self::token().of_instagram(),
            Self::no_token(),
            Self::permission(),
            Self::wrong_proof(),
            Self::wrong_proof().of_instagram(),
            Self::unknown_node("POST", "77"),
            Self::unknown_alias("jaspers.market"),
            Self::unknown_path("/x"),
            Self::account_linking_token(),
            Self::no_field("accounts", "Page"),
            Self::wrong_secret(),
            Self::syntax("Syntax error \"Expected end of string\" at character 1"),
            Self::no_current_user(),
            Self::callback("HTTP Status Code = 403; HTTP Message = Forbidden"),
            Self::rate(),
            Self::app_limit(),
            Self::page_limit(Surface::Messenger),
            Self::page_limit(Surface::Instagram),
            Self::transient(),
            Self::internal(),
            Self::on_purpose(190),
            Self::on_purpose(551),
        ]
    }

    /// `{"error":{…}}`, `error` first, without leading space.
    pub fn body(&self, trace_id: &str) -> Vec<u8> {
        let plain = self.plain.as_ref();
        let error = Body {
            message: &self.message,
            kind: self.kind,
            code: self.code,
            error_subcode: self.subcode,
            is_transient: self.transient.then_some(true),
            error_user_title: plain.map(|(title, _)| title),
            error_user_msg: plain.map(|(_, text)| text),
            fbtrace_id: trace_id,
        };
        // Texts and numbers in a struct: serde can always write them.
        serde_json::to_vec(&Outer { error }).unwrap_or_default()
    }
}

#[derive(Serialize)]
struct Outer<'a> {
    error: Body<'a>,
}

#[derive(Serialize)]
struct Body<'a> {
    message: &'a str,
    #[serde(rename = "type")]
    kind: &'static str,
    code: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_subcode: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    is_transient: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_user_title: Option<&'a String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_user_msg: Option<&'a String>,
    fbtrace_id: &'a str,
}
