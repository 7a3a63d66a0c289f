//! The words of a step, as a file may say them: which go together, who may use them, and what they ask for.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};

use super::expect::{Expect, Refused, Until};
use super::file::Settings;
use super::step::{Act, Call, INBOX, OWN_SETTINGS, PROFILE, Wanted, When};

/// Where a conversation may lie at the human desk.
const FOLDERS: [&str; 3] = ["general", "main", "done"];
/// How long an app that is waited for may take, in real time.
const WITHIN: Duration = Duration::from_secs(5);

/// Whether it passes control to whoever the mode says; an app is named by another word.
fn passes<'de, D: Deserializer<'de>>(from: D) -> Result<bool, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Said {
        Whether(bool),
        To(String),
    }
    match Said::deserialize(from) {
        Ok(Said::Whether(whether)) => Ok(whether),
        Ok(Said::To(app)) => Err(D::Error::custom(format!("say to whom with passes_to = {app:?}"))),
        Err(_) => Err(D::Error::custom("passes = true passes control to whoever the mode says")),
    }
}

/// A step in the file's words. Every word is optional; which go together is [`Step::of`]'s to say.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Told {
    // When.
    pub(super) after: Option<String>,
    pub(super) at: Option<String>,
    // Who acts.
    pub(super) person: Option<String>,
    pub(super) app: Option<String>,
    pub(super) awaits: Option<String>,
    pub(super) settings: Option<Settings>,
    // What a person does.
    pub(super) writes: Option<String>,
    pub(super) by_ad: Option<String>,
    pub(super) by_link: Option<String>,
    pub(super) taps: Option<String>,
    pub(super) quick_reply: Option<String>,
    pub(super) menu: Option<String>,
    pub(super) ice_breaker: Option<String>,
    #[serde(default)]
    pub(super) get_started: bool,
    pub(super) does: Option<toml::Table>,
    // What an app or the inbox does.
    pub(super) sends: Option<Sent>,
    pub(super) tag: Option<String>,
    pub(super) passes_to: Option<String>,
    #[serde(default, deserialize_with = "passes")]
    pub(super) passes: bool,
    #[serde(default)]
    pub(super) takes: bool,
    #[serde(default)]
    pub(super) requests: bool,
    #[serde(default)]
    pub(super) releases: bool,
    pub(super) extends: Option<String>,
    pub(super) tells: Option<String>,
    pub(super) sets: Option<toml::Table>,
    pub(super) sets_for_person: Option<toml::Table>,
    pub(super) metadata: Option<String>,
    #[serde(default)]
    pub(super) moves_to_main: bool,
    #[serde(default)]
    pub(super) done: bool,
    pub(super) grants: Option<String>,
    // Where.
    pub(super) with: Option<String>,
    pub(super) page: Option<String>,
    pub(super) on: Option<String>,
    pub(super) within: Option<String>,
    // What must hold.
    pub(super) rule: Option<String>,
    pub(super) via: Option<String>,
    pub(super) owner: Option<String>,
    pub(super) until: Option<String>,
    pub(super) folder: Option<String>,
    pub(super) waiting: Option<Vec<String>>,
    pub(super) heard: Option<BTreeMap<String, Vec<String>>>,
    pub(super) refused: Option<Refused>,
}

/// What an app sends: a text, or the platform's message object.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Sent {
    Text(String),
    Message(toml::Table),
}

/// Who may use a word.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Actor {
    Person,
    App,
    Inbox,
    Awaited,
    Time,
    Settings,
}

impl Actor {
    pub(super) const fn word(self) -> &'static str {
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

impl Told {
    pub(super) fn actor(&self) -> Result<Actor, String> {
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
        let table: [(&'static str, bool, &'static [Actor]); 26] = [
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
            ("sets", self.sets.is_some(), &[App]),
            ("sets_for_person", self.sets_for_person.is_some(), &[App]),
            ("metadata", self.metadata.is_some(), &[App, Inbox]),
            ("moves_to_main", self.moves_to_main, &[Inbox]),
            ("done", self.done, &[Inbox]),
            ("grants", self.grants.is_some(), &[Inbox]),
            ("with", self.with.is_some(), &[App, Inbox, Awaited, Actor::Time, Actor::Settings]),
            ("within", self.within.is_some(), &[Awaited]),
        ];
        table.iter().filter(|(_, given, _)| *given).map(|(word, _, who)| (*word, *who)).collect()
    }

    pub(super) fn when(&self) -> Result<Option<When>, String> {
        match (&self.after, &self.at) {
            (Some(_), Some(_)) => Err("`after` and `at` do not go together".to_owned()),
            (Some(after), None) => {
                crate::api::time::duration(after).map(|_| Some(When::After(after.clone())))
            }
            (None, Some(at)) => crate::api::time::moment(at).map(|_| Some(When::At(at.clone()))),
            (None, None) => Ok(None),
        }
    }

    pub(super) fn words_fit(&self, actor: Actor) -> Result<(), String> {
        match self.words().into_iter().find(|(_, who)| !who.contains(&actor)) {
            Some((word, _)) => Err(format!("`{word}` is nothing that {} does", actor.word())),
            None => Ok(()),
        }
    }

    pub(super) fn event(&self) -> Result<Value, String> {
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

    pub(super) fn call(&self) -> Result<Call, String> {
        let message = self.message()?;
        let control = [
            ("pass_thread_control", self.passes || self.passes_to.is_some()),
            ("take_thread_control", self.takes),
            ("request_thread_control", self.requests),
            ("release_thread_control", self.releases),
            ("extend_thread_control", self.extends.is_some()),
            ("pass_thread_metadata", self.tells.is_some()),
            (PROFILE, self.sets.is_some()),
            (OWN_SETTINGS, self.sets_for_person.is_some()),
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
        let set = self.sets.as_ref().or(self.sets_for_person.as_ref());
        let mut body = match set {
            Some(set) => serde_json::to_value(set).map_err(|error| error.to_string())?,
            None => json!({}),
        };
        if set.is_some() && self.metadata.is_some() {
            return Err("`metadata` goes with a call about control".to_owned());
        }
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

    pub(super) fn inbox(&self) -> Result<Act, String> {
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

    pub(super) fn awaited(&self) -> Result<Act, String> {
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

    pub(super) fn expect(&self) -> Result<Expect, String> {
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
