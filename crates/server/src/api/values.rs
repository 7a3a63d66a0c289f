//! The small values of answers: each a type, so that it looks the same wherever it stands, and is described
//! once. What they are as text is said here and nowhere else.

use std::borrow::Cow;

use baton_rules::{AppId, Cause, Channel, Folder, PageId, PersonId, Surface, ThreadKey, Timestamp};
use baton_store::Chain;
use baton_wire::GraphError;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Serialize, Serializer};

use super::time;

/// What an app's id looks like: below 2^53.
pub(crate) const APP_ID: &str = "^([1-9][0-9]{0,14}|[1-8][0-9]{15})$";
/// What a page's id, or an Instagram account's, looks like.
pub(crate) const PAGE_ID: &str = "^[1-9][0-9]{0,17}$";
/// What a person's id looks like.
pub(crate) const PERSON_ID: &str = "^[A-Za-z0-9_-]{1,64}$";

/// A moment as it is shown.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment(pub(crate) Timestamp);

/// An app's id as it is shown.
#[derive(Clone, Copy, Debug)]
pub(crate) struct App(pub(crate) u64);

impl From<AppId> for App {
    fn from(app: AppId) -> Self {
        Self(app.number())
    }
}

/// A page's id as it is shown.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Page(pub(crate) PageId);

/// A person's id as it is shown.
#[derive(Clone, Debug)]
pub(crate) struct Person(pub(crate) PersonId);

/// Why a thread changed, as it is shown.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Why(pub(crate) Cause);

macro_rules! shown_as_text {
    ($($name:ident, $schema:literal, |$value:ident| $text:expr, $describe:expr;)*) => {$(
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                let Self($value) = self;
                to.collect_str(&$text)
            }
        }

        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                $schema.into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                $describe
            }
        }
    )*};
}

shown_as_text! {
    Moment, "Moment", |at| time::text(at.0), json_schema!({
        "type": "string",
        "format": "date-time",
        "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{3}Z$",
        "description": "A moment: RFC 3339 in UTC, with milliseconds.",
        "examples": ["2026-01-01T00:00:00.000Z"],
    });
    App, "AppId", |app| app, json_schema!({
        "type": "string",
        "pattern": APP_ID,
        "description": "An app's id. The Inbox is 263902037430900 on Messenger, 1217981644879628 on Instagram.",
        "examples": ["1278416343931139"],
    });
    Page, "PageId", |page| page, json_schema!({
        "type": "string",
        "pattern": PAGE_ID,
        "description": "A page's id.",
        "examples": ["2001"],
    });
    Person, "PersonId", |person| person, json_schema!({
        "type": "string",
        "pattern": PERSON_ID,
        "description": "A person, as one page knows them.",
        "examples": ["ada"],
    });
    Why, "Cause", |cause| cause.name(), {
        let names: Vec<&str> = Cause::ALL.iter().map(|(_, name)| *name).collect();
        json_schema!({
            "type": "string",
            "enum": names,
            "description": "What a person, an app, somebody in the Inbox or time did.",
        })
    };
}

/// Whether somebody is in control.
#[derive(Clone, Copy, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "ThreadState")]
pub(crate) enum State {
    /// Nobody is in control.
    Idle,
    /// An app, or the Inbox, is in control.
    Active,
}

/// Where an app hears of something.
#[derive(Clone, Copy, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "Channel")]
pub(crate) enum Heard {
    /// The app may act on it.
    Messaging,
    /// The app reads along.
    Standby,
    /// It is no part of a conversation: a comment under a post.
    Changes,
}

impl From<Channel> for Heard {
    fn from(channel: Channel) -> Self {
        match channel {
            Channel::Messaging => Self::Messaging,
            Channel::Standby => Self::Standby,
            Channel::Changes => Self::Changes,
        }
    }
}

/// Which of a page's two sides.
#[derive(Clone, Copy, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "Surface")]
pub(crate) enum On {
    /// The page's own conversations.
    Messenger,
    /// Those of its Instagram account.
    Instagram,
}

impl From<Surface> for On {
    fn from(surface: Surface) -> Self {
        match surface {
            Surface::Messenger => Self::Messenger,
            Surface::Instagram => Self::Instagram,
        }
    }
}

/// Where a thread lies in the Inbox.
#[derive(Clone, Copy, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "Folder")]
pub(crate) enum Lies {
    /// Nobody has moved it.
    General,
    /// Somebody looks after it.
    Main,
    /// It is done.
    Done,
}

impl From<Folder> for Lies {
    fn from(folder: Folder) -> Self {
        match folder {
            Folder::General => Self::General,
            Folder::Main => Self::Main,
            Folder::Done => Self::Done,
        }
    }
}

/// Whose.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(crate) struct Whose {
    pub(crate) page_id: Page,
    pub(crate) on: On,
    pub(crate) person_id: Person,
}

impl From<&ThreadKey> for Whose {
    fn from(thread: &ThreadKey) -> Self {
        Self {
            page_id: Page(thread.page),
            on: thread.surface.into(),
            person_id: Person(thread.person.clone()),
        }
    }
}

/// Whose, or of a page itself.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(crate) struct Of {
    pub(crate) page_id: Page,
    pub(crate) on: On,
    /// Null: it is about the page itself.
    pub(crate) person_id: Option<Person>,
}

impl From<&Chain> for Of {
    fn from(chain: &Chain) -> Self {
        Self {
            page_id: Page(chain.page()),
            on: chain.surface().into(),
            person_id: chain.thread().map(|thread| Person(thread.person.clone())),
        }
    }
}

/// The platform's error that an app sees, or would see, in the Graph API. Both are null where a rule refused that
/// this version does not know any more.
#[derive(Clone, Copy, Debug, Serialize, JsonSchema)]
pub(crate) struct Codes {
    /// `error.code`.
    pub(crate) code: Option<u32>,
    /// `error.error_subcode`; null where there is none.
    pub(crate) subcode: Option<u32>,
}

impl From<&GraphError> for Codes {
    fn from(error: &GraphError) -> Self {
        Self { code: Some(error.code), subcode: error.subcode }
    }
}

/// The id of the message that an event has or is about.
pub(crate) fn message_id(item: &[u8]) -> Option<String> {
    let item: serde_json::Value = serde_json::from_slice(item).ok()?;
    let mut contents = item.as_object()?.values();
    contents.find_map(|content| content["mid"].as_str()).map(str::to_owned)
}
