//! One step of a scenario: somebody does something, and what must hold then. The words of a file are
//! [`Told`]; [`Step::of`] makes sense of them, and says what does not make sense.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};

use super::file::Settings;
use crate::cli::Failure;

/// The reserved name of the human desk.
pub(super) const INBOX: &str = "inbox";
/// Where a conversation may lie at the human desk.
const FOLDERS: [&str; 3] = ["general", "main", "done"];
/// How long an app that is waited for may take, in real time.
const WITHIN: Duration = Duration::from_secs(5);

/// A step in the file's words. Every word is optional; which go together is [`Step::of`]'s to say.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Told {
    // When.
    after: Option<String>,
    at: Option<String>,
    // Who acts.
    person: Option<String>,
    app: Option<String>,
    awaits: Option<String>,
    settings: Option<Settings>,
    // What a person does.
    writes: Option<String>,
    by_ad: Option<String>,
    by_link: Option<String>,
    taps: Option<String>,
    quick_reply: Option<String>,
    menu: Option<String>,
    ice_breaker: Option<String>,
    #[serde(default)]
    get_started: bool,
    does: Option<toml::Table>,
    // What an app or the inbox does.
    sends: Option<Sent>,
    tag: Option<String>,
    passes_to: Option<String>,
    #[serde(default)]
    passes: bool,
    #[serde(default)]
    takes: bool,
    #[serde(default)]
    requests: bool,
    #[serde(default)]
    releases: bool,
    extends: Option<String>,
    tells: Option<String>,
    metadata: Option<String>,
    #[serde(default)]
    moves_to_main: bool,
    #[serde(default)]
    done: bool,
    grants: Option<String>,
    // Where.
    with: Option<String>,
    page: Option<String>,
    within: Option<String>,
    // What must hold.
    rule: Option<String>,
    via: Option<String>,
    owner: Option<String>,
    until: Option<String>,
    folder: Option<String>,
    waiting: Option<Vec<String>>,
    heard: Option<BTreeMap<String, Vec<String>>>,
    refused: Option<Refused>,
}

/// What an app sends: a text, or the platform's message object.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Sent {
    Text(String),
    Message(toml::Table),
}

/// A refusal that is expected: by its rule, or by more.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Refused {
    pub(super) rule: Option<String>,
    pub(super) code: Option<u32>,
    pub(super) subcode: Option<u32>,
}

impl<'de> Deserialize<'de> for Refused {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "the rule as text, or a table of `rule`, `code` and `subcode`")]
        enum Form {
            Rule(String),
            Table(Table),
        }
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Table {
            rule: Option<String>,
            code: Option<u32>,
            subcode: Option<u32>,
        }
        Ok(match Form::deserialize(deserializer)? {
            Form::Rule(rule) => Self { rule: Some(rule), ..Self::default() },
            Form::Table(Table { rule, code, subcode }) => Self { rule, code, subcode },
        })
    }
}

/// A step that makes sense.
#[derive(Debug)]
pub(crate) struct Step {
    /// The line in the file where it begins.
    pub(crate) line: usize,
    /// The clock moves before it happens.
    pub(super) when: Option<When>,
    /// What happens.
    pub(super) act: Act,
    /// The page, by id or name; none where a step has none.
    pub(super) page: Option<String>,
    /// The person whose conversation it is.
    pub(super) person: Option<String>,
    /// What must hold then.
    pub(super) expect: Expect,
}

/// How the clock moves, in the words of Baton's API.
#[derive(Clone, Debug)]
pub(super) enum When {
    After(String),
    At(String),
}

/// What happens in a step.
#[derive(Debug)]
pub(super) enum Act {
    /// A person does something: the body of the event.
    Person(Value),
    /// An app calls the Graph API.
    App { app: String, call: Call },
    /// Somebody at the human desk does something: the body of the call, and the app that it names.
    Inbox { body: Value, app: Option<String> },
    /// An app that is not played by the scenario must do something by itself.
    Awaits { app: String, wanted: Wanted, within: Duration },
    /// Nothing but that time passes.
    Waits,
    /// The settings become what a routing file says.
    Settings(Value),
}

/// A call of the Graph API. App names in it are looked up when it is made.
#[derive(Debug)]
pub(super) struct Call {
    /// The edge of the page: `messages`, `pass_thread_control` …
    pub(super) edge: &'static str,
    /// Its parameters without the recipient.
    pub(super) body: Value,
    /// An app that the call names, and the parameter in which.
    pub(super) names: Option<(&'static str, String)>,
}

/// What an app that is waited for must do.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    /// It sends a message with this text; `*` stands for anything.
    pub(super) text: Option<String>,
    /// The history's word for it: `send`, `pass`, `take` …
    pub(super) cause: Option<&'static str>,
    /// The app that it passes control to.
    pub(super) passes_to: Option<String>,
}

/// What must hold after a step.
#[derive(Debug, Default)]
pub(super) struct Expect {
    pub(super) rule: Option<String>,
    pub(super) via: Option<String>,
    pub(super) owner: Option<String>,
    pub(super) until: Option<Until>,
    pub(super) folder: Option<String>,
    pub(super) waiting: Option<Vec<String>>,
    pub(super) heard: Option<BTreeMap<String, Vec<String>>>,
    pub(super) refused: Option<Refused>,
}

/// When control lapses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Until {
    /// It does not.
    NoEnd,
    /// So many milliseconds after the step.
    After(i64, String),
    /// Then, in milliseconds since 1970.
    At(i64, String),
}

impl Until {
    fn of(text: String) -> Result<Self, String> {
        if text == "no end" {
            return Ok(Self::NoEnd);
        }
        if let Ok(after) = crate::api::time::duration(&text) {
            return Ok(Self::After(after, text));
        }
        match crate::api::time::moment(&text) {
            Ok(at) => Ok(Self::At(at.0, text)),
            Err(_) => Err(format!(
                "{text:?} is no duration (\"24h\", from this step on), no time (\"2026-01-02T09:00:00Z\") and not \
                 \"no end\""
            )),
        }
    }
}

/// Who may use a word.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Actor {
    Person,
    App,
    Inbox,
    Awaited,
    Time,
    Settings,
}

impl Actor {
    const fn word(self) -> &'static str {
        match self {
            Actor::Person => "a person",
            Actor::App => "an app",
            Actor::Inbox => "the inbox",
            Actor::Awaited => "an app that is waited for",
            Actor::Time => "time that passes",
            Actor::Settings => "a change of settings",
        }
    }
}

impl Step {
    /// Makes sense of a step. `page`: the scenario's only page. `last`: the person of the step before, who is
    /// meant where a step does not name one.
    pub(super) fn of(
        told: Told,
        line: usize,
        page: Option<&str>,
        last: &mut Option<String>,
        beside: &Path,
    ) -> Result<Self, Failure> {
        let wrong = |why: String| Failure::new(format!("the step in line {line}")).why(why);
        let actor = told.actor().map_err(wrong)?;
        told.words_fit(actor).map_err(wrong)?;
        let person = told.person.clone().or_else(|| told.with.clone()).or_else(|| last.clone());
        last.clone_from(&person);
        let page = told.page.clone().or_else(|| page.map(str::to_owned));
        let when = told.when().map_err(wrong)?;
        let expect = told.expect().map_err(wrong)?;
        let acts = !matches!(actor, Actor::Time | Actor::Settings);
        if acts && page.is_none() {
            return Err(wrong("there are several pages: say which, with page = \"…\"".to_owned()));
        }
        if acts && person.is_none() {
            return Err(wrong("nobody has written yet: say whose conversation, with = \"…\"".to_owned()));
        }
        if expect.refused.is_some() && matches!(actor, Actor::Time | Actor::Settings) {
            return Err(wrong(format!("`refused` does not go with {}", actor.word())));
        }
        let act = match actor {
            Actor::Person => Act::Person(told.event().map_err(wrong)?),
            Actor::App => {
                Act::App { app: told.app.clone().unwrap_or_default(), call: told.call().map_err(wrong)? }
            }
            Actor::Inbox => told.inbox().map_err(wrong)?,
            Actor::Awaited => told.awaited().map_err(wrong)?,
            Actor::Time => Act::Waits,
            Actor::Settings => match told.settings {
                Some(settings) => Act::Settings(settings.read(beside)?),
                None => return Err(wrong("there are no settings".to_owned())),
            },
        };
        Ok(Self { line, when, act, page, person, expect })
    }
}

impl Told {
    fn actor(&self) -> Result<Actor, String> {
        let mut actors = Vec::new();
        let mut is = |given: bool, word: &'static str, actor: Actor| {
            if given {
                actors.push((word, actor));
            }
        };
        is(self.person.is_some(), "person", Actor::Person);
        let inbox = self.app.as_deref() == Some(INBOX);
        is(self.app.is_some(), "app", if inbox { Actor::Inbox } else { Actor::App });
        is(self.awaits.is_some(), "awaits", Actor::Awaited);
        is(self.settings.is_some(), "settings", Actor::Settings);
        match actors.as_slice() {
            [(_, actor)] => Ok(*actor),
            [] if self.after.is_some() || self.at.is_some() => Ok(Actor::Time),
            [] => {
                Err("nobody acts: name a `person`, an `app`, one that it `awaits`, or say `after` how long"
                    .to_owned())
            }
            [(one, _), (another, _), ..] if *one == "person" && *another == "app" => {
                Err("`person` and `app` both act: in an app's step the person is named by `with`".to_owned())
            }
            [(one, _), (another, _), ..] => {
                Err(format!("`{one}` and `{another}` do not go together: make two steps of it"))
            }
        }
    }

    /// The words that say what is done, and who may use them.
    fn words(&self) -> Vec<(&'static str, &'static [Actor])> {
        use Actor::{App, Awaited, Inbox, Person};
        let table: [(&'static str, bool, &'static [Actor]); 24] = [
            ("writes", self.writes.is_some(), &[Person]),
            ("by_ad", self.by_ad.is_some(), &[Person]),
            ("by_link", self.by_link.is_some(), &[Person]),
            ("taps", self.taps.is_some(), &[Person]),
            ("quick_reply", self.quick_reply.is_some(), &[Person]),
            ("menu", self.menu.is_some(), &[Person]),
            ("ice_breaker", self.ice_breaker.is_some(), &[Person]),
            ("get_started", self.get_started, &[Person]),
            ("does", self.does.is_some(), &[Person]),
            ("sends", self.sends.is_some(), &[App, Inbox, Awaited]),
            ("tag", self.tag.is_some(), &[App]),
            ("passes_to", self.passes_to.is_some(), &[App, Inbox, Awaited]),
            ("passes", self.passes, &[App, Awaited]),
            ("takes", self.takes, &[App, Awaited]),
            ("requests", self.requests, &[App, Awaited]),
            ("releases", self.releases, &[App, Awaited]),
            ("extends", self.extends.is_some(), &[App]),
            ("tells", self.tells.is_some(), &[App]),
            ("metadata", self.metadata.is_some(), &[App, Inbox]),
            ("moves_to_main", self.moves_to_main, &[Inbox]),
            ("done", self.done, &[Inbox]),
            ("grants", self.grants.is_some(), &[Inbox]),
            ("with", self.with.is_some(), &[App, Inbox, Awaited, Actor::Time, Actor::Settings]),
            ("within", self.within.is_some(), &[Awaited]),
        ];
        table.iter().filter(|(_, given, _)| *given).map(|(word, _, who)| (*word, *who)).collect()
    }

    fn when(&self) -> Result<Option<When>, String> {
        match (&self.after, &self.at) {
            (Some(_), Some(_)) => Err("`after` and `at` do not go together".to_owned()),
            (Some(after), None) => {
                crate::api::time::duration(after).map(|_| Some(When::After(after.clone())))
            }
            (None, Some(at)) => crate::api::time::moment(at).map(|_| Some(When::At(at.clone()))),
            (None, None) => Ok(None),
        }
    }

    fn words_fit(&self, actor: Actor) -> Result<(), String> {
        match self.words().into_iter().find(|(_, who)| !who.contains(&actor)) {
            Some((word, _)) => Err(format!("`{word}` is nothing that {} does", actor.word())),
            None => Ok(()),
        }
    }

    fn event(&self) -> Result<Value, String> {
        let text = self.writes.as_deref();
        let payload = [
            ("postback", self.taps.as_deref()),
            ("menu", self.menu.as_deref()),
            ("ice_breaker", self.ice_breaker.as_deref()),
        ];
        let mut ways: Vec<Value> = Vec::new();
        for (kind, payload) in payload {
            if let Some(payload) = payload {
                let mut said = json!({"payload": payload});
                if let (Some(title), "postback" | "ice_breaker") = (text, kind) {
                    said["title"] = title.into();
                }
                ways.push(json!({"type": kind, kind: said}));
            }
        }
        if self.get_started {
            ways.push(json!({"type": "get_started"}));
        }
        if let Some(payload) = &self.quick_reply {
            let message = json!({"text": text.unwrap_or(payload), "quick_reply": {"payload": payload}});
            ways.push(json!({"type": "message", "message": message}));
        }
        if let Some(event) = &self.does {
            ways.push(serde_json::to_value(event).map_err(|error| error.to_string())?);
        }
        if ways.len() > 1 {
            return Err("a person does one thing in a step: make two steps of it".to_owned());
        }
        let entry = match (&self.by_ad, &self.by_link) {
            (Some(_), Some(_)) => return Err("nobody comes by an ad and by a link at once".to_owned()),
            (Some(ad), None) => Some(json!({"type": "ad", "ad_id": ad})),
            (None, Some(reference)) => Some(json!({"type": "link", "ref": reference})),
            (None, None) => None,
        };
        let mut event = match (ways.pop(), text) {
            (Some(event), _) => event,
            (None, Some(text)) => json!({"type": "message", "message": {"text": text}}),
            (None, None) if entry.is_some() => json!({"type": "referral"}),
            (None, None) => {
                return Err("the person does nothing: say what, as in writes = \"hello\"".to_owned());
            }
        };
        if let Some(entry) = entry {
            event["entry"] = entry;
        }
        Ok(event)
    }

    fn message(&self) -> Result<Option<Value>, String> {
        match &self.sends {
            None => Ok(None),
            Some(Sent::Text(text)) => Ok(Some(json!({"text": text}))),
            Some(Sent::Message(table)) => {
                serde_json::to_value(table).map(Some).map_err(|error| error.to_string())
            }
        }
    }

    fn call(&self) -> Result<Call, String> {
        let message = self.message()?;
        let control = [
            ("pass_thread_control", self.passes || self.passes_to.is_some()),
            ("take_thread_control", self.takes),
            ("request_thread_control", self.requests),
            ("release_thread_control", self.releases),
            ("extend_thread_control", self.extends.is_some()),
            ("pass_thread_metadata", self.tells.is_some()),
        ];
        let mut control = control.into_iter().filter(|(_, given)| *given).map(|(edge, _)| edge);
        let (edge, more) = (control.next(), control.next());
        if more.is_some() {
            return Err("an app makes one call in a step: make two steps of it".to_owned());
        }
        if let Some(message) = message {
            return self.send(&message, edge);
        }
        if self.tag.is_some() {
            return Err("`tag` goes with `sends`".to_owned());
        }
        let Some(edge) = edge else {
            return Err("the app does nothing: say what, as in sends = \"hello\" or takes = true".to_owned());
        };
        let mut body = json!({});
        if let Some(metadata) = &self.metadata {
            body["metadata"] = metadata.as_str().into();
        }
        if let Some(duration) = &self.extends {
            body["duration"] = (crate::api::time::duration(duration)? / 1000).into();
        }
        let named = self.passes_to.as_ref().or(self.tells.as_ref());
        Ok(Call { edge, body, names: named.map(|app| ("target_app_id", app.clone())) })
    }

    /// A message, and what its `thread_control` says.
    fn send(&self, message: &Value, control: Option<&str>) -> Result<Call, String> {
        let mut body = json!({"messaging_type": "RESPONSE", "message": message});
        if let Some(tag) = &self.tag {
            body["messaging_type"] = "MESSAGE_TAG".into();
            body["tag"] = tag.as_str().into();
        }
        if self.metadata.is_some() {
            return Err("`metadata` does not go with `sends`: the Send API has none for control".to_owned());
        }
        let mut names = None;
        match (control, &self.passes_to) {
            (None, _) => {}
            (Some("pass_thread_control"), Some(app)) => {
                body["thread_control"] = json!({"control_type": "pass"});
                names = Some(("thread_control", app.clone()));
            }
            (Some(edge @ ("pass_thread_control" | "release_thread_control")), _) => {
                body["thread_control"] = json!({"payload": edge});
            }
            (Some(_), _) => {
                return Err("with a message an app can pass or release, nothing else: make two steps of it"
                    .to_owned());
            }
        }
        Ok(Call { edge: "messages", body, names })
    }

    fn inbox(&self) -> Result<Act, String> {
        let metadata = self.metadata.as_deref().unwrap_or_default();
        let mut acts: Vec<(Value, Option<String>)> = Vec::new();
        match &self.sends {
            Some(Sent::Text(text)) => acts.push((json!({"action": "reply", "text": text}), None)),
            Some(Sent::Message(_)) => return Err("the inbox sends texts".to_owned()),
            None => {}
        }
        if self.moves_to_main {
            acts.push((json!({"action": "move_to_main"}), None));
        }
        if self.done {
            acts.push((json!({"action": "done"}), None));
        }
        if let Some(app) = &self.passes_to {
            acts.push((json!({"action": "pass", "metadata": metadata}), Some(app.clone())));
        } else if !metadata.is_empty() {
            return Err("`metadata` goes with `passes_to`".to_owned());
        }
        if let Some(app) = &self.grants {
            acts.push((json!({"action": "grant"}), Some(app.clone())));
        }
        match (acts.pop(), acts.is_empty()) {
            (Some((body, app)), true) => Ok(Act::Inbox { body, app }),
            (Some(_), false) => Err("the inbox does one thing in a step: make two steps of it".to_owned()),
            (None, _) => {
                Err("the inbox does nothing: say what, as in sends = \"hello\" or done = true".to_owned())
            }
        }
    }

    fn awaited(&self) -> Result<Act, String> {
        let text = match &self.sends {
            Some(Sent::Text(text)) => Some(text.clone()),
            Some(Sent::Message(_)) => {
                return Err("what is waited for is a text; `*` stands for anything".to_owned());
            }
            None => None,
        };
        let causes = [
            ("send", text.is_some()),
            ("pass", text.is_none() && (self.passes || self.passes_to.is_some())),
            ("take", self.takes),
            ("request", self.requests),
            ("release", text.is_none() && self.releases),
        ];
        let mut causes = causes.into_iter().filter(|(_, given)| *given).map(|(cause, _)| cause);
        let (cause, more) = (causes.next(), causes.next());
        if more.is_some() {
            return Err("an app does one thing in a step: make two steps of it".to_owned());
        }
        if cause.is_none() {
            return Err("say what it must do, as in sends = \"*hello*\" or passes_to = \"…\"".to_owned());
        }
        let within = match &self.within {
            Some(text) => {
                let within = crate::api::time::duration(text)?;
                Duration::from_millis(u64::try_from(within).unwrap_or_default())
            }
            None => WITHIN,
        };
        let app = self.awaits.clone().unwrap_or_default();
        Ok(Act::Awaits { app, wanted: Wanted { text, cause, passes_to: self.passes_to.clone() }, within })
    }

    fn expect(&self) -> Result<Expect, String> {
        if let Some(folder) = self.folder.as_deref().filter(|folder| !FOLDERS.contains(folder)) {
            return Err(format!("there is no folder {folder:?}, only {}", FOLDERS.join(", ")));
        }
        Ok(Expect {
            rule: self.rule.clone(),
            via: self.via.clone(),
            owner: self.owner.clone(),
            until: self.until.clone().map(Until::of).transpose()?,
            folder: self.folder.clone(),
            waiting: self.waiting.clone(),
            heard: self.heard.clone(),
            refused: self.refused.clone(),
        })
    }
}
