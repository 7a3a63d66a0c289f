//! `GET /{page}/secondary_receivers`: the other apps of the Handover Protocol, for the primary receiver
//! (thread-control.md 3.9).

use baton_rules::{AppId, Edge, Refusal, Rule, secondary_receivers};
use baton_wire::GraphError;
use baton_wire::params::Params;
use serde_json::{Map, Value, json};

use super::{Answer, Wrong};
use crate::caller::Caller;

pub(super) fn get(caller: &Caller, params: &Params) -> Result<Answer, Wrong> {
    let surface = caller.side();
    caller.may(surface, Edge::Secondaries)?;
    let wrong =
        |(rule, why): (Rule, Refusal)| Wrong { error: GraphError::of(why, surface), rule: Some(rule) };
    let unknown = || GraphError::unknown_node("GET", &caller.node().to_string());
    let routing = caller.routing(surface).ok_or_else(unknown)?;
    let receivers = secondary_receivers(routing, caller.app().id).map_err(wrong)?;
    let wanted = params.fields()?;
    let shown =
        |name: &str| name == "id" || wanted.is_empty() || wanted.iter().any(|field| field.name == name);
    let one = |id: AppId| {
        let name = match caller.settings().app(id) {
            Some(app) => app.name.clone(),
            None => "Page Inbox".to_owned(),
        };
        let link = super::link(&caller.shared().public_url, id);
        let all = [("id", json!(id.to_string())), ("name", json!(name)), ("link", json!(link))];
        let kept = all.into_iter().filter(|(name, _)| shown(name));
        Value::Object(kept.map(|(name, value)| (name.to_owned(), value)).collect::<Map<_, _>>())
    };
    let data: Vec<Value> = receivers.into_iter().map(one).collect();
    Ok(Answer { body: json!({"data": data}), rule: Some("3.9".into()) })
}
