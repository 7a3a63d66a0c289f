//! What one thing after another would have meant: the sequential specification that histories are checked against.
//! Threads go by `baton_rules::decide`, and settings are part of the state.

use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use baton_rules::{
    Action, AppId, Ask, Decision, Desk, Did, EventKind, PageId, PersonId, Refusal, Refused, Surface, Thread,
    Timestamp, What, decide, standing, thread_owner,
};
use baton_server::routing_file::token_hash;
use baton_wire::GraphError;
use serde_json::{Value, json};

use crate::history::{Asked, Talk, Told};
use crate::page::PageState;
use crate::settings;

/// Everything that an answer can depend on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct State {
    pub(crate) now: Timestamp,
    /// How many changes of settings there were.
    pub(crate) version: u64,
    pub(crate) pages: Arc<Vec<PageState>>,
    pub(crate) threads: BTreeMap<Talk, Arc<Thread>>,
}

impl Hash for State {
    // A part of it: states that are equal hash alike, and whether they are equal is looked at whole.
    fn hash<H: Hasher>(&self, into: &mut H) {
        (self.now, self.version).hash(into);
        for (talk, thread) in &self.threads {
            let control = thread.control.map(|grant| (grant.app, grant.connection, grant.until));
            (talk, control, thread.requests.len(), thread.folder).hash(into);
        }
    }
}

impl State {
    /// Before anything is known.
    pub(crate) fn nothing() -> Self {
        Self { now: Timestamp(0), version: 0, pages: Arc::default(), threads: BTreeMap::new() }
    }

    pub(crate) fn page(&self, id: PageId) -> &PageState {
        self.pages.iter().find(|page| page.id == id).unwrap()
    }

    /// The page and app that a token is for.
    fn caller(&self, token: &str) -> Option<(&PageState, AppId)> {
        let hash = token_hash(token);
        self.pages.iter().find_map(|page| Some((page, page.holder(&hash)?)))
    }

    /// Decides, and is changed by it.
    fn decided(&mut self, talk: &Talk, action: &Action<'_>) -> Result<Decision, Refused> {
        let routing = &self.page(talk.0).routing;
        let thread = self.threads.get(talk).map(|thread| &**thread);
        let decision = decide(routing, &talk.1, thread, action, self.now)?;
        self.threads.insert(talk.clone(), Arc::new(decision.thread.clone()));
        Ok(decision)
    }
}

/// The answer to something that is asked in this state, and the state that follows; none where it cannot be
/// asked here at all.
pub(crate) fn answer(state: &State, asked: &Asked) -> Option<(State, Told)> {
    let mut next = state.clone();
    let told = match asked {
        Asked::Begin(begin) => {
            next = begin.clone();
            nothing()
        }
        Asked::End(end) => {
            if end != state {
                return None;
            }
            nothing()
        }
        Asked::Clock(by) => {
            next.now = Timestamp(state.now.0 + by);
            (200, json!(time(next.now)))
        }
        Asked::Act { token, talk, ask, metadata } => {
            act(&mut next, token, &talk.1, *ask, metadata.as_deref())
        }
        Asked::Owner { token, talk } => owner(state, token, &talk.1),
        Asked::Write { talk } => {
            let what = Action::Person(Did { what: What::Message, entry: None });
            receipt(next.decided(talk, &what))
        }
        Asked::Desk { talk, desk } => desk_act(&mut next, talk, *desk),
        Asked::Look { talk } => look(state, talk),
        Asked::Read { item } => settings::read(state, item),
        Asked::Change { change, if_match } => settings::change(&mut next, change, if_match.as_ref()),
    };
    Some((next, told))
}

/// What is said where nothing was asked.
pub(crate) const fn nothing() -> Told {
    (0, Value::Null)
}

/// A moment, as Baton's own API writes it.
fn time(at: Timestamp) -> String {
    let at = jiff::Timestamp::from_millisecond(at.0).unwrap();
    at.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

/// What is said of something of which nobody knows whether it was done: its node went without an answer, or could not say.
pub(crate) fn unknown() -> Told {
    (0, json!("unknown"))
}

fn error(error: &GraphError) -> Told {
    (error.status, json!({"code": error.code, "subcode": error.subcode}))
}

fn act(next: &mut State, token: &str, person: &PersonId, ask: Ask, metadata: Option<&str>) -> Told {
    let Some((page, by)) = next.caller(token) else { return error(&GraphError::token()) };
    let talk = (page.id, person.clone());
    match next.decided(&talk, &Action::App { by, ask, metadata }) {
        Ok(_) if matches!(ask, Ask::Send(_)) => (200, json!({"recipient_id": person.as_str()})),
        // A take tells of the owner as `thread_owner` does.
        Ok(decision) if ask == Ask::Take => {
            let owner = shown_to_apps(decision.to, decision.expires_at);
            (200, json!({"success": true, "data": [owner]}))
        }
        Ok(_) => (200, json!({"success": true})),
        Err(refused) => error(&GraphError::of(refused.why, Surface::Messenger)),
    }
}

fn owner(state: &State, token: &str, person: &PersonId) -> Told {
    let Some((page, by)) = state.caller(token) else { return error(&GraphError::token()) };
    let Some(thread) = state.threads.get(&(page.id, person.clone())) else {
        return error(&GraphError::of(Refusal::UnknownPerson, Surface::Messenger));
    };
    let seen = thread_owner(&page.routing, thread, by, state.now);
    let element = seen.element.map(|element| shown_to_apps(element.app, element.expiration));
    (200, json!({"data": element.into_iter().collect::<Vec<_>>()}))
}

fn shown_to_apps(app: Option<AppId>, until: Option<Timestamp>) -> Value {
    let mut owner = json!({});
    if let Some(app) = app {
        owner["app_id"] = json!(app.to_string());
    }
    if let Some(until) = until {
        owner["expiration"] = json!(until.seconds());
    }
    json!({"thread_owner": owner})
}

fn unknown_person(rule: Option<&str>) -> Told {
    (404, json!({"slug": "unknown-person", "rule": rule}))
}

fn desk_act(next: &mut State, talk: &Talk, desk: Desk) -> Told {
    if next.threads.contains_key(talk) {
        receipt(next.decided(talk, &Action::Inbox { desk, metadata: None }))
    } else {
        unknown_person(None)
    }
}

fn look(state: &State, talk: &Talk) -> Told {
    let Some(thread) = state.threads.get(talk) else { return unknown_person(None) };
    let stands = standing(&state.page(talk.0).routing, thread, state.now);
    let requests: Vec<Value> = (stands.thread.requests.iter())
        .map(|waiting| {
            json!({"app_id": waiting.app.to_string(), "at": time(waiting.at), "metadata": waiting.metadata})
        })
        .collect();
    let folder = stands.thread.folder.name();
    let thread = shown(stands.owner, stands.expires_at);
    (200, json!({"thread": thread, "folder": folder, "requests": requests}))
}

fn shown(owner: Option<AppId>, until: Option<Timestamp>) -> Value {
    let state = if owner.is_some() { "active" } else { "idle" };
    json!({
        "state": state,
        "owner_app_id": owner.map(|app| app.to_string()),
        "expires_at": until.map(time),
    })
}

/// What Baton's own API says of a decision.
fn receipt(decided: Result<Decision, Refused>) -> Told {
    let decision = match decided {
        Ok(decision) => decision,
        Err(refused) if refused.why == Refusal::UnknownPerson => return unknown_person(Some(refused.rule.0)),
        Err(refused) => return (409, json!({"slug": "refused", "rule": refused.rule.0})),
    };
    let notices: Vec<Value> = (decision.events.iter())
        .flat_map(|event| event.notices.iter().map(|notice| (event_name(event.kind), notice)))
        .map(|(event, notice)| {
            let channel = match notice.channel {
                baton_rules::Channel::Messaging => "messaging",
                baton_rules::Channel::Standby => "standby",
                baton_rules::Channel::Changes => "changes",
            };
            json!({"app_id": notice.app.to_string(), "channel": channel, "event": event})
        })
        .collect();
    let thread = shown(decision.to, decision.expires_at);
    let via = decision.via.map(|rule| rule.0);
    (200, json!({"rule": decision.rule.0, "via": via, "thread": thread, "notices": notices}))
}

const fn event_name(kind: EventKind) -> &'static str {
    match kind {
        EventKind::Quiet => "",
        EventKind::Said => "messages",
        EventKind::Echo => "message_echoes",
        EventKind::Passed { .. } => "pass_thread_control",
        EventKind::Taken { .. } => "take_thread_control",
        EventKind::Requested { .. } => "request_thread_control",
        EventKind::Metadata { .. } => "pass_thread_metadata",
    }
}
