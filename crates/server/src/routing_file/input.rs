//! The file as it was written: read, checked for shape, names not resolved yet. One struct for each table of
//! the file; a key that no struct has is refused, and the nearest one that it has is named.

use std::borrow::Cow;

use baton_rules::{Fields, Profile, Surface};
use baton_store::SettingsRefused;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, DeserializeOwned, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use super::entries::STATUSES;
use super::nearest;
use super::pages::{OTHER_FIELDS, PERMISSIONS, TASKS};
use super::plan::COMPAT;

/// A routing file, or the same as JSON.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RoutingInput {
    pub(super) apps: Vec<At<AppTable>>,
    pub(super) pages: Vec<At<PageInput>>,
}

/// A table, and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct At<T> {
    pub(super) pointer: String,
    pub(super) table: T,
}

/// An app, as the file has it.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "NewApp")]
pub(crate) struct AppTable {
    /// At most 15 digits; made up where it is absent.
    #[schemars(regex(pattern = r"^[1-9][0-9]{0,14}$"))]
    pub(super) id: Option<String>,
    /// By this, too, the app is named; of a new app it is required. Not digits alone, and not `inbox`.
    #[schemars(length(min = 1, max = 200))]
    pub(super) name: Option<String>,
    /// The app secret, or `env:` and the name of a variable of the server's environment; kept, else made up, where
    /// it is absent.
    #[schemars(length(min = 1))]
    pub(super) secret: Option<String>,
    /// Where its webhooks go.
    #[schemars(url)]
    pub(super) webhook_url: Option<String>,
    /// What the address must answer the handshake for; without one, there is no handshake.
    pub(super) verify_token: Option<String>,
    /// Whether it has the Human Agent feature.
    #[serde(default)]
    pub(super) human_agent: bool,
    /// False: it reaches only its testers.
    #[serde(default = "yes")]
    pub(super) live: bool,
    /// Whom it reaches while it is not live.
    #[serde(default)]
    #[schemars(schema_with = "people")]
    pub(super) testers: Vec<String>,
    /// Events in one webhook at most.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 1000))]
    pub(super) max_batch: u16,
    /// Switches for clients that rely on the platform's older ways.
    #[serde(default)]
    #[schemars(schema_with = "switches")]
    pub(super) compat: Vec<String>,
    /// Passed over, so that what was read can be put: it is found out, and cannot be set.
    #[serde(default, rename = "verified")]
    _verified: Option<bool>,
}

/// A page, its inner tables read.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct PageInput {
    pub(super) page: PageTable,
    pub(super) messenger: SideTable,
    pub(super) instagram: Option<AccountTable>,
    pub(super) connections: Vec<At<ConnectionTable>>,
    pub(super) links: Vec<At<LinkTable>>,
    pub(super) ads: Vec<At<AdTable>>,
}

/// A page, as the file has it.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "NewPage")]
pub(crate) struct PageTable {
    /// At most 18 digits; made up where it is absent.
    #[schemars(regex(pattern = r"^[1-9][0-9]{0,17}$"))]
    pub(super) id: Option<String>,
    /// Of a new page it is required. Not digits alone, and not `inbox`.
    #[schemars(length(min = 1, max = 200))]
    pub(super) name: Option<String>,
    /// False: people's messages are refused.
    #[serde(default = "yes")]
    pub(super) messaging_enabled: bool,
    /// What moving a conversation to Main does: the Inbox takes control, or asks for it; it takes where this is
    /// absent.
    #[serde(default)]
    #[schemars(extend("enum" = ["take", "request", null]))]
    pub(super) inbox_move_to_main: Option<String>,
    #[schemars(with = "Option<SideTable>")]
    messenger: Option<Value>,
    /// Its Instagram account.
    #[schemars(with = "Option<AccountTable>")]
    instagram: Option<Value>,
    /// The apps on the page.
    #[serde(default)]
    #[schemars(with = "Vec<ConnectionTable>")]
    connections: Vec<Value>,
    /// Who gets conversations that begin by a link.
    #[serde(default)]
    #[schemars(with = "Vec<LinkTable>")]
    links: Vec<Value>,
    #[serde(default)]
    #[schemars(with = "Vec<AdTable>")]
    ads: Vec<Value>,
}

/// One of a page's two sides: who gets its conversations. Apps are named by id, by name, or as `inbox`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "NewSide")]
pub(super) struct SideTable {
    /// The default app. With one, the page uses Conversation Routing.
    pub(super) default_app: Option<String>,
    /// The primary receiver, for the Handover Protocol; never together with a default app, and never the Inbox.
    pub(super) primary_receiver: Option<String>,
    /// Who gets conversations that begin by neither ad nor link.
    pub(super) organic_app: Option<String>,
    /// Days that an ad may give control for at most; the most there may be where this is absent.
    #[schemars(range(min = 1, max = 7))]
    pub(super) ad_max_days: Option<u8>,
    /// Days that control by an ad lasts when the ad does not say; 1 where this is absent.
    #[schemars(range(min = 1, max = 7))]
    pub(super) ad_window_days: Option<u8>,
    /// Rules that the platform has had at another time, or will have; absent: those of its documents.
    #[serde(default)]
    #[schemars(schema_with = "messenger_profiles")]
    pub(super) profile: Option<String>,
    /// Minutes, hours or days (`"15m"`) within which whoever was given control must answer, or lose it; absent: any time.
    pub(super) answer_within: Option<String>,
    /// Requests for control that are granted at once.
    #[serde(default)]
    pub(super) grant: Vec<GrantTable>,
}

/// A request for control that is granted at once: while one app has control, to another that asks. Apps are named by
/// id, by name, or as `inbox`.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "NewGrant")]
pub(super) struct GrantTable {
    /// Who has control.
    pub(super) from: String,
    /// Who asks, and gets it.
    pub(super) to: String,
}

/// The Instagram account: what it is, and who gets its conversations. Apps are named by id, by name, or as `inbox`.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "NewAccount")]
pub(super) struct AccountTable {
    /// At most 18 digits; made up where it is absent.
    #[schemars(regex(pattern = r"^[1-9][0-9]{0,17}$"))]
    pub(super) id: Option<String>,
    /// Its name; its id where it has none.
    #[schemars(regex(pattern = r"^[A-Za-z0-9._]{1,30}$"))]
    pub(super) username: Option<String>,
    /// The default app. With one, the account uses Conversation Routing.
    default_app: Option<String>,
    /// The primary receiver, for the Handover Protocol; never together with a default app, and never the Inbox.
    primary_receiver: Option<String>,
    /// Who gets conversations that begin by neither ad nor link.
    organic_app: Option<String>,
    /// Days that an ad may give control for at most; the most there may be where this is absent.
    #[schemars(range(min = 1, max = 30))]
    ad_max_days: Option<u8>,
    /// Days that control by an ad lasts when the ad does not say; 1 where this is absent.
    #[schemars(range(min = 1, max = 7))]
    ad_window_days: Option<u8>,
    /// Rules that the platform has had at another time, or will have; absent: those of its documents.
    #[serde(default)]
    #[schemars(schema_with = "instagram_profiles")]
    profile: Option<String>,
    /// Minutes, hours or days (`"15m"`) within which whoever was given control must answer, or lose it; absent: any time.
    answer_within: Option<String>,
    /// Requests for control that are granted at once.
    #[serde(default)]
    grant: Vec<GrantTable>,
}

impl AccountTable {
    /// What every surface has.
    pub(super) fn side(&self) -> SideTable {
        SideTable {
            default_app: self.default_app.clone(),
            primary_receiver: self.primary_receiver.clone(),
            organic_app: self.organic_app.clone(),
            ad_max_days: self.ad_max_days,
            ad_window_days: self.ad_window_days,
            profile: self.profile.clone(),
            answer_within: self.answer_within.clone(),
            grant: self.grant.clone(),
        }
    }
}

/// An app on a page, as the file has it.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "NewConnection")]
pub(crate) struct ConnectionTable {
    /// The app: its id, or its name.
    pub(super) app: String,
    /// The page access token that the app uses, or `env:` and the name of a variable of the server's environment;
    /// kept, else made up, where it is absent.
    #[schemars(regex(pattern = r"^[!-~]{1,1000}$"))]
    pub(super) token: Option<String>,
    /// What the app is subscribed to; what the platform's documents recommend, and echoes, where this is absent.
    #[serde(default)]
    #[schemars(schema_with = "subscriptions")]
    pub(super) fields: Option<Vec<String>>,
    /// Whether it reads along; it does where this is absent.
    pub(super) standby: Option<Standby>,
    /// Whether it may take control of conversations.
    #[serde(default)]
    pub(super) take_control: bool,
    /// The tasks of the person who made the token; all where this is absent.
    #[serde(default)]
    #[schemars(schema_with = "tasks")]
    pub(super) tasks: Option<Vec<String>>,
    /// The permissions of the token; all where this is absent.
    #[serde(default)]
    #[schemars(schema_with = "permissions")]
    pub(super) permissions: Option<Vec<String>>,
}

/// `true`, or a table of surfaces.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Standby {
    pub(super) messenger: bool,
    pub(super) instagram: bool,
}

impl JsonSchema for Standby {
    fn schema_name() -> Cow<'static, str> {
        "Standby".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let sides = serde_json::json!({"messenger": {"type": "boolean"}, "instagram": {"type": "boolean"}});
        json_schema!({
            "description": "Whether an app reads along: on both sides, or side by side.",
            "anyOf": [
                {"type": "boolean"},
                {"type": "object", "properties": sides, "additionalProperties": false},
            ],
        })
    }
}

impl<'de> Deserialize<'de> for Standby {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let wrong = || de::Error::custom("it is true, false, or { messenger = true, instagram = false }");
        match Value::deserialize(from)? {
            Value::Bool(on) => Ok(Self { messenger: on, instagram: on }),
            Value::Object(table) => {
                let known = |key: &String| key == "messenger" || key == "instagram";
                let side = |name| table.get(name).map_or(Some(true), Value::as_bool).ok_or_else(wrong);
                if !table.keys().all(known) {
                    return Err(wrong());
                }
                Ok(Self { messenger: side("messenger")?, instagram: side("instagram")? })
            }
            _ => Err(wrong()),
        }
    }
}

/// A route for a link, as the file has it.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "NewLink")]
pub(crate) struct LinkTable {
    /// Which of the page's two sides; on `instagram` only where it has an account there.
    #[schemars(extend("enum" = ["messenger", "instagram", null]))]
    pub(super) on: Option<String>,
    /// The link's `ref`, as in `m.me/page?ref=spring`.
    #[serde(rename = "ref")]
    #[schemars(length(min = 1, max = 2048))]
    pub(super) reference: String,
    /// Who gets conversations that begin by it: an app's id, its name, or `inbox`.
    pub(super) app: String,
}

/// An ad, as the file has it.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "NewAd")]
pub(crate) struct AdTable {
    /// Which of the page's two sides; on `instagram` only where it has an account there.
    #[schemars(extend("enum" = ["messenger", "instagram", null]))]
    pub(super) on: Option<String>,
    /// What an event's entry names it by.
    #[schemars(length(min = 1, max = 64))]
    pub(super) id: String,
    /// What people call it; its id where it has none.
    pub(super) name: Option<String>,
    /// Whether people may enter by it; they may where this is absent.
    #[serde(default)]
    #[schemars(schema_with = "statuses")]
    pub(super) status: Option<String>,
    /// Who may enter by it; empty: everybody.
    #[serde(default)]
    #[schemars(schema_with = "people")]
    pub(super) audience: Vec<String>,
    /// Its template: an object, or the same as JSON in a text.
    #[serde(default)]
    #[schemars(schema_with = "template")]
    pub(super) template: Option<Value>,
    /// Passed over, so that what was read can be put: it is counted, and cannot be set.
    #[serde(default, rename = "entries")]
    _entries: Option<u64>,
    /// Passed over, as `entries`.
    #[serde(default, rename = "conversations")]
    _conversations: Option<u64>,
}

/// A token that is made beside a connection's first.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "NewToken")]
pub(crate) struct TokenTable {
    /// The tasks of the person who made it; all where this is absent.
    #[serde(default)]
    #[schemars(schema_with = "tasks")]
    pub(super) tasks: Option<Vec<String>>,
    /// Its permissions; all where this is absent.
    #[serde(default)]
    #[schemars(schema_with = "permissions")]
    pub(super) permissions: Option<Vec<String>>,
}

fn words(known: &[&str]) -> Schema {
    json_schema!({"type": ["array", "null"], "items": {"enum": known}})
}

pub(super) fn tasks(_: &mut SchemaGenerator) -> Schema {
    words(TASKS)
}

pub(super) fn permissions(_: &mut SchemaGenerator) -> Schema {
    words(PERMISSIONS)
}

fn subscriptions(_: &mut SchemaGenerator) -> Schema {
    let documents = ["messaging_handover", "messaging_referral"];
    let known = Fields::ALL.iter().map(|(_, name)| *name).chain(documents);
    let known: Vec<&str> = known.chain(OTHER_FIELDS.iter().copied()).collect();
    words(&known)
}

pub(super) fn switches(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "array", "items": {"enum": COMPAT}, "uniqueItems": true})
}

fn people(_: &mut SchemaGenerator) -> Schema {
    let person = crate::api::values::PERSON_ID;
    json_schema!({"type": "array", "items": {"type": "string", "pattern": person}, "uniqueItems": true})
}

fn messenger_profiles(_: &mut SchemaGenerator) -> Schema {
    profiles_of(Surface::Messenger)
}

fn instagram_profiles(_: &mut SchemaGenerator) -> Schema {
    profiles_of(Surface::Instagram)
}

fn profiles_of(side: Surface) -> Schema {
    let names = Profile::ALL.iter().filter(|(_, on, _)| *on == side).map(|(_, _, name)| Value::from(*name));
    let known: Vec<Value> = names.chain([Value::Null]).collect();
    json_schema!({"enum": known})
}

fn statuses(_: &mut SchemaGenerator) -> Schema {
    let known: Vec<Value> = STATUSES.iter().map(|word| Value::from(*word)).chain([Value::Null]).collect();
    json_schema!({"enum": known})
}

fn template(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": ["object", "string", "null"]})
}

/// Reads one table that stands alone.
pub(super) fn read_table<T: DeserializeOwned>(value: &Value) -> Result<T, Vec<SettingsRefused>> {
    let mut reader = Reader::new();
    let read = reader.table(value, "");
    read.filter(|_| reader.problems.is_empty()).ok_or(reader.problems)
}

const fn yes() -> bool {
    true
}

const fn one() -> u16 {
    1
}

/// Everything that runs on a server, as the file has it.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "RoutingFile")]
pub(crate) struct FileTable {
    #[serde(default)]
    #[schemars(with = "Vec<AppTable>")]
    apps: Vec<Value>,
    #[serde(default)]
    #[schemars(with = "Vec<PageTable>")]
    pages: Vec<Value>,
    /// What `GET /routing` tells beside the settings: it may stand here and changes nothing.
    #[serde(default, rename = "warnings")]
    _warnings: Vec<Value>,
}

impl RoutingInput {
    /// Reads a file. Every problem of it is reported.
    pub fn from_toml(text: &str) -> Result<Self, Vec<SettingsRefused>> {
        let value = toml::from_str::<Value>(text).map_err(|error| {
            let line =
                error.span().map_or(1, |span| 1 + text[..span.start.min(text.len())].matches('\n').count());
            vec![refused("", format!("line {line}: {}", error.message()))]
        })?;
        Self::from_json(&value)
    }

    /// Reads the same as JSON. `env:NAME` in a secret's place is looked up in this process's environment.
    pub fn from_json(value: &Value) -> Result<Self, Vec<SettingsRefused>> {
        Self::read(value, &|name| std::env::var(name).ok())
    }

    /// The same, to see what would be: `env:NAME` stands for some secret, and nothing is looked up.
    pub(crate) fn without_environment(value: &Value) -> Result<Self, Vec<SettingsRefused>> {
        Self::read(value, &|name| Some(format!("in the environment: {name}")))
    }

    fn read(value: &Value, look_up: &dyn Fn(&str) -> Option<String>) -> Result<Self, Vec<SettingsRefused>> {
        let (input, problems) = Self::read_on(value, look_up);
        input.filter(|_| problems.is_empty()).ok_or(problems)
    }

    /// Reads as much as can be read: keys that nobody knows and secrets that are not found are told and left
    /// out. Nothing is read when a value is not what it must be: what names it would seem to be wrong too.
    pub(super) fn read_on(
        value: &Value,
        look_up: &dyn Fn(&str) -> Option<String>,
    ) -> (Option<Self>, Vec<SettingsRefused>) {
        let mut reader = Reader::new();
        let file: Option<FileTable> = reader.table(value, "");
        let Some(file) = file else { return (None, reader.problems) };
        let apps = reader.tables(&file.apps, "/apps");
        let pages: Vec<At<PageTable>> = reader.tables(&file.pages, "/pages");
        let pages = pages.into_iter().map(|page| reader.page(page)).collect();
        let mut input = Self { apps, pages };
        input.look_up(look_up, &mut reader.problems);
        (reader.whole.then_some(input), reader.problems)
    }

    /// Where the file tells of an app, as a pointer.
    pub(crate) fn place_of(&self, app: &baton_store::App) -> Option<&str> {
        let id = app.id.to_string();
        let is = |at: &&At<AppTable>| {
            at.table.id.as_deref().map_or(at.table.name.as_deref() == Some(&app.name), |given| given == id)
        };
        self.apps.iter().find(is).map(|at| at.pointer.as_str())
    }

    /// Replaces each `env:NAME` by what is found.
    fn look_up(&mut self, look_up: &dyn Fn(&str) -> Option<String>, problems: &mut Vec<SettingsRefused>) {
        let mut replace = |text: &mut Option<String>, pointer: &str, key: &str| {
            let Some(name) = text.as_deref().and_then(|text| text.strip_prefix("env:")) else { return };
            match look_up(name) {
                Some(found) => *text = Some(found),
                None => problems.push(refused(
                    format!("{pointer}/{key}"),
                    format!(
                        "the environment variable `{name}` is not set: set it where this file is applied"
                    ),
                )),
            }
        };
        for app in &mut self.apps {
            replace(&mut app.table.secret, &app.pointer, "secret");
            replace(&mut app.table.verify_token, &app.pointer, "verify_token");
        }
        for connection in self.pages.iter_mut().flat_map(|page| &mut page.table.connections) {
            replace(&mut connection.table.token, &connection.pointer, "token");
        }
    }
}

/// Puts what `env:NAME` stands for into a file's JSON, where it is found: for whoever hands the file on to a
/// server, whose environment is another.
pub(crate) fn look_up_in(value: &mut Value, look_up: &dyn Fn(&str) -> Option<String>) {
    match value {
        Value::Object(table) => {
            for (key, inner) in table.iter_mut() {
                let name = inner.as_str().and_then(|text| text.strip_prefix("env:"));
                let is_secret = matches!(key.as_str(), "secret" | "verify_token" | "token");
                match name.filter(|_| is_secret).and_then(look_up) {
                    Some(found) => *inner = Value::String(found),
                    None => look_up_in(inner, look_up),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| look_up_in(item, look_up)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

pub(super) fn refused(pointer: impl Into<String>, detail: impl Into<String>) -> SettingsRefused {
    SettingsRefused { rule: None, pointer: pointer.into(), detail: detail.into() }
}

/// A key within a JSON pointer.
pub(super) fn escaped(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

struct Reader {
    problems: Vec<SettingsRefused>,
    /// Whether everything but keys that nobody knows was read.
    whole: bool,
}

impl Reader {
    const fn new() -> Self {
        Self { problems: Vec::new(), whole: true }
    }
}

impl Reader {
    fn tables<T: DeserializeOwned>(&mut self, values: &[Value], pointer: &str) -> Vec<At<T>> {
        let at = values.iter().enumerate().map(|(index, value)| (format!("{pointer}/{index}"), value));
        at.filter_map(|(pointer, value)| self.table(value, &pointer).map(|table| At { pointer, table }))
            .collect()
    }

    /// Reads one table: all its unknown keys are reported, and the first value that is not as it must be.
    fn table<T: DeserializeOwned>(&mut self, value: &Value, pointer: &str) -> Option<T> {
        let Value::Object(given) = value else {
            self.whole = false;
            self.problems.push(refused(pointer, "a table (in JSON: an object) belongs here"));
            return None;
        };
        let known = keys_of::<T>();
        let mut table = Map::new();
        for (key, value) in given {
            if known.contains(&key.as_str()) {
                table.insert(key.clone(), value.clone());
            } else {
                self.problems.push(unknown_key(pointer, key, known));
            }
        }
        match serde_path_to_error::deserialize(Value::Object(table)) {
            Ok(read) => Some(read),
            Err(error) => {
                self.whole = false;
                let inner = pointer_of(error.path());
                self.problems.push(refused(format!("{pointer}{inner}"), plain(&error.inner().to_string())));
                None
            }
        }
    }

    fn page(&mut self, page: At<PageTable>) -> At<PageInput> {
        let At { pointer, table: mut page } = page;
        let instagram = (page.instagram.take())
            .and_then(|value| self.table::<AccountTable>(&value, &format!("{pointer}/instagram")));
        let messenger = (page.messenger.take())
            .and_then(|value| self.table::<SideTable>(&value, &format!("{pointer}/messenger")))
            .unwrap_or_default();
        let connections =
            self.tables(&std::mem::take(&mut page.connections), &format!("{pointer}/connections"));
        let links = self.tables(&std::mem::take(&mut page.links), &format!("{pointer}/links"));
        let ads = self.tables(&std::mem::take(&mut page.ads), &format!("{pointer}/ads"));
        At { pointer, table: PageInput { page, messenger, instagram, connections, links, ads } }
    }
}

fn unknown_key(pointer: &str, key: &str, known: &[&str]) -> SettingsRefused {
    let detail = match nearest(key, known.iter().copied()) {
        Some(nearest) => format!("there is no key `{key}` here; the nearest one is `{nearest}`"),
        None => format!("there is no key `{key}` here; there are {}", known.join(", ")),
    };
    refused(format!("{pointer}/{}", escaped(key)), detail)
}

fn pointer_of(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;
    let mut pointer = String::new();
    for segment in path {
        match segment {
            Segment::Seq { index } => pointer.push_str(&format!("/{index}")),
            Segment::Map { key } => pointer.push_str(&format!("/{}", escaped(key))),
            Segment::Enum { .. } | Segment::Unknown => {}
        }
    }
    pointer
}

/// serde's words, for whoever wrote the file.
fn plain(message: &str) -> String {
    let message = message.replace("expected a sequence", "expected a list").replace("invalid type: ", "");
    if message.starts_with("integer") && message.ends_with("expected a string") {
        format!("{message}: write it in quotes")
    } else {
        message
    }
}

/// The keys of a struct, as serde knows them.
fn keys_of<T: DeserializeOwned>() -> &'static [&'static str] {
    let mut keys = &[][..];
    // It never succeeds: it only listens to what is asked for.
    let _ = T::deserialize(KeysOnly(&mut keys));
    keys
}

struct KeysOnly<'a>(&'a mut &'static [&'static str]);

impl<'de> Deserializer<'de> for KeysOnly<'_> {
    type Error = de::value::Error;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Self::Error> {
        Err(de::Error::custom("only structs have keys"))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        keys: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Self::Error> {
        *self.0 = keys;
        Err(de::Error::custom("only the keys are wanted"))
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit
        unit_struct newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(text: &str) -> Vec<(String, String)> {
        let problems = RoutingInput::from_toml(text).unwrap_err();
        problems.into_iter().map(|problem| (problem.pointer, problem.detail)).collect()
    }

    #[test]
    fn unknown_keys_are_named_with_the_nearest_known_one_all_at_once() {
        let found = problems(
            "[[apps]]\nname = \"a\"\nwebhook = \"x\"\n[[pages]]\nid = \"1\"\nmesaging_enabled = true\n\
             [pages.messenger]\ndefault = \"a\"\n[[pages.connections]]\napp = \"a\"\nqqq = 1\n[extra]\n",
        );
        let pointers: Vec<_> = found.iter().map(|(pointer, _)| pointer.as_str()).collect();
        assert_eq!(
            pointers,
            [
                "/extra",
                "/apps/0/webhook",
                "/pages/0/mesaging_enabled",
                "/pages/0/messenger/default",
                "/pages/0/connections/0/qqq"
            ]
        );
        assert!(found[1].1.contains("`webhook_url`"), "{found:?}");
        assert!(found[3].1.contains("`default_app`"), "{found:?}");
        assert!(found[4].1.contains("take_control"), "{found:?}");
    }

    #[test]
    fn wrong_values_are_pointed_at() {
        let found = problems("[[apps]]\nid = 12\n[[pages]]\nid = \"1\"\nlinks = 3\n");
        assert_eq!(found[0].0, "/apps/0/id");
        assert!(found[0].1.contains("write it in quotes"), "{found:?}");
        assert_eq!(found[1].0, "/pages/0/links");
        assert_eq!(problems("[[apps]]\nname = \"a\"\ntesters = [\"a\", 3]\n")[0].0, "/apps/0/testers/1");
    }

    #[test]
    fn a_file_that_is_not_toml_names_its_line() {
        let found = problems("[[apps]]\nname = \n");
        assert!(found[0].1.starts_with("line 2: "), "{found:?}");
    }

    #[test]
    fn standby_is_a_switch_or_one_for_each_surface() {
        let read = |text: &str| {
            let text = format!("[[pages]]\n[[pages.connections]]\napp = \"a\"\nstandby = {text}\n");
            RoutingInput::from_toml(&text).map(|input| input.pages[0].table.connections[0].table.standby)
        };
        assert_eq!(read("false").unwrap(), Some(Standby { messenger: false, instagram: false }));
        let one = Some(Standby { messenger: false, instagram: true });
        assert_eq!(read("{ messenger = false }").unwrap(), one);
        assert_eq!(read("{ mesenger = false }").unwrap_err()[0].pointer, "/pages/0/connections/0/standby");
        assert!(read("3").is_err());
    }

    #[test]
    fn the_environment_is_looked_up_for_secrets_only() {
        let given =
            serde_json::json!({"apps": [{"name": "env:A", "secret": "env:A", "verify_token": "env:B"}]});
        let none = RoutingInput::read(&given, &|_| None).unwrap_err();
        let pointers: Vec<_> = none.iter().map(|problem| problem.pointer.as_str()).collect();
        assert_eq!(pointers, ["/apps/0/secret", "/apps/0/verify_token"]);
        assert!(none[0].detail.contains("`A`"), "{none:?}");

        let found = |name: &str| Some(format!("found {name}"));
        let input = RoutingInput::read(&given, &found).unwrap();
        let app = &input.apps[0].table;
        assert_eq!(app.name.as_deref(), Some("env:A"));
        assert_eq!(app.secret.as_deref(), Some("found A"));
        let mut handed_on = given;
        look_up_in(&mut handed_on, &|name| (name == "A").then(|| "found A".to_owned()));
        assert_eq!(handed_on["apps"][0]["secret"], "found A");
        assert_eq!(handed_on["apps"][0]["verify_token"], "env:B");
    }
}
