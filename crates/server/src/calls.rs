//! The last calls of the Graph API, by their `fbtrace_id`: what an app that got an error can be told about it. In
//! memory, bounded, and without tokens or what was said.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use baton_rules::{AppId, PersonId, ThreadKey, Timestamp};
use baton_wire::GraphError;
use baton_wire::params::Params;
use serde_json::Value;

use crate::routing_file::token_hash;
use crate::serve::Shared;

/// How many are kept.
const KEPT: usize = 1_000;

/// A call that was answered.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    /// The `fbtrace_id`.
    pub(crate) trace: Box<str>,
    /// When.
    pub(crate) at: Timestamp,
    /// What was asked.
    pub(crate) asked: Asked,
    /// How it was answered.
    pub(crate) status: u16,
    /// The platform's error: code and subcode. Its message may repeat what the caller wrote, tokens included.
    pub(crate) error: Option<(u32, Option<u32>)>,
    /// The row of the specification that decided.
    pub(crate) rule: Option<Box<str>>,
    /// The message that it made.
    pub(crate) message_id: Option<String>,
}

/// What a call asked, as far as that is known without deciding it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Asked {
    /// The method.
    pub(crate) method: Box<str>,
    /// The edge, or the node where there is none.
    pub(crate) edge: Box<str>,
    /// Whose token it was.
    pub(crate) app: Option<AppId>,
    /// Whose conversation it was about.
    pub(crate) thread: Option<ThreadKey>,
}

impl Asked {
    /// Of a call: its token and its parameters are looked at, and not kept.
    pub(crate) fn of(
        shared: &Shared,
        (method, components): (&str, &[&str]),
        token: Option<&str>,
        params: &Params,
    ) -> Self {
        let settings = shared.engine.settings();
        let by_page = token.and_then(|token| settings.token(&token_hash(token)));
        let app = by_page.map(|(_, connection, _)| connection.app);
        // An app's own token is its id and its secret.
        let by_app = || token?.split_once('|')?.0.parse().ok().filter(|id| settings.app(*id).is_some());
        let node = components.first().and_then(|node| node.parse().ok());
        let surface = node.and_then(|node| settings.surface(node)).map(|(_, surface)| surface);
        let thread = by_page.zip(person(params)).map(|((page, _, _), person)| ThreadKey {
            page: page.id,
            surface: surface.unwrap_or(baton_rules::Surface::Messenger),
            person,
        });
        let edge = components.get(1).or(components.first()).copied().unwrap_or_default();
        // A node may be a token by mistake, and a person's id is in `thread`.
        let edge = if components.len() < 2 && edge != "me" { "" } else { edge };
        Self { method: method.into(), edge: edge.into(), app: app.or_else(by_app), thread }
    }
}

/// The person that a call is about.
fn person(params: &Params) -> Option<PersonId> {
    let id = |value: &Value| match value {
        Value::String(text) => text.parse().ok(),
        Value::Number(number) => number.to_string().parse().ok(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    };
    let named = ["recipient", "user_id", "psid", "user"].into_iter().filter_map(|name| params.get(name));
    let mut named = named.filter_map(|value| match value {
        Value::Object(fields) => fields.get("id").and_then(id),
        // Forms carry it as a text.
        Value::String(text) if text.starts_with('{') => {
            serde_json::from_str::<Value>(text).ok().as_ref().and_then(|fields| id(&fields["id"]))
        }
        other => id(other),
    });
    named.next()
}

/// The last calls.
#[derive(Default)]
pub(crate) struct Calls(Mutex<VecDeque<Arc<Call>>>);

impl Calls {
    /// Remembers one that was answered with a body or an error, by the rule that decided; forgets the oldest.
    pub(crate) fn remember(
        &self,
        (trace, at, asked): (&str, Timestamp, Asked),
        answered: Result<&Value, &GraphError>,
        rule: Option<&str>,
    ) {
        let (status, error, message_id) = match answered {
            Ok(body) => (200, None, body["message_id"].as_str().map(str::to_owned)),
            Err(error) => (error.status, Some((error.code, error.subcode)), None),
        };
        let rule = rule.map(Into::into);
        let call = Call { trace: trace.into(), at, asked, status, error, rule, message_id };
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() == KEPT {
            kept.pop_front();
        }
        kept.push_back(Arc::new(call));
    }

    /// The call with this trace.
    pub(crate) fn find(&self, trace: &str) -> Option<Arc<Call>> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.iter().rev().find(|call| &*call.trace == trace).cloned()
    }

    /// All that are kept, newest first.
    pub(crate) fn newest(&self) -> Vec<Arc<Call>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().rev().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_are_forgotten() {
        let calls = Calls::default();
        for number in 0..=KEPT {
            let asked = Asked { method: "GET".into(), ..Asked::default() };
            calls.remember((&number.to_string(), Timestamp(0), asked), Ok(&Value::Null), None);
        }
        assert!(calls.find("0").is_none() && calls.find("1").is_some());
        let newest = calls.newest();
        assert_eq!((newest.len(), &*newest[0].trace), (KEPT, KEPT.to_string().as_str()));
    }
}
