//! `GET /{page}/conversations`: the page's conversations, the newest message first, each with who takes part and,
//! where Conversation Routing has it, whether this app is in control (thread-control.md 3.15, wire.md 5.5).

use baton_engine::{Filter, ThreadState};
use baton_rules::{PersonId, Surface, ThreadKey, Timestamp, is_owner};
use baton_wire::GraphError;
use baton_wire::params::Params;
use serde_json::{Map, Value, json};

use super::{Answer, Wrong};
use crate::caller::{Caller, Edge, unavailable};

/// Conversations of an answer when nobody says how many, and at most.
const LIMIT: usize = 25;
const MOST: usize = 100;

pub(super) async fn get(caller: &Caller, params: &Params) -> Result<Answer, Wrong> {
    let surface = surface(caller, params)?;
    caller.may(surface, Edge::Conversations)?;
    let wanted = params.fields()?.into_iter().map(|field| field.name).collect::<Vec<_>>();
    let limit = match params.get("limit").map(|_| params.integer("limit")) {
        None => LIMIT,
        Some(Some(limit)) if limit > 0 => usize::try_from(limit).unwrap_or(MOST).min(MOST),
        Some(_) => return Err(GraphError::parameter("Param limit must be a positive number").into()),
    };
    if params.get("before").is_some() {
        return Err(GraphError::not_built("Paging backwards (before)").into());
    }
    let after = params.text("after").filter(|text| !text.is_empty());
    let after = after.map(|text| cursor(caller, surface, &text)).transpose()?;
    let engine = &caller.shared().engine;
    let page = caller.page().id;
    let mut found = match params.text("user_id") {
        Some(person) => {
            let key = person.parse::<PersonId>().ok().map(|person| ThreadKey { page, surface, person });
            match key.filter(|_| after.is_none()) {
                Some(key) => engine.thread(&key).await.map(|found| found.into_iter().collect()),
                None => Ok(Vec::new()),
            }
        }
        None => engine.threads(page, surface, &Filter::default(), after, limit + 1).await,
    }
    .map_err(|error| unavailable(&error))?;
    let more = found.len() > limit;
    found.truncate(limit);
    let mut data = Vec::with_capacity(found.len());
    for state in &found {
        data.push(conversation(caller, &wanted, state).await?);
    }
    let mut body = json!({"data": data});
    // An empty page has no `paging`: some clients ask on and on where there is one (clients.md 15).
    if let (Some(first), Some(last)) = (found.first(), found.last()) {
        let (before, after) = (place(first), place(last));
        body["paging"] = json!({"cursors": {"before": before, "after": after}});
        if more {
            body["paging"]["next"] = json!(next(caller, params, surface, limit, &after));
        }
    }
    Ok(Answer { body, rule: None })
}

fn surface(caller: &Caller, params: &Params) -> Result<Surface, Wrong> {
    let platform = params.text("platform").map(|text| text.trim().to_ascii_lowercase());
    let surface = match platform.as_deref() {
        None | Some("") => caller.side(),
        Some("messenger") if caller.side() == Surface::Messenger => Surface::Messenger,
        Some("instagram") => Surface::Instagram,
        Some(_) => return Err(GraphError::parameter("Param platform must be messenger or instagram").into()),
    };
    if caller.routing(surface).is_none() {
        let text = "Param platform is instagram, and the page has no Instagram account";
        return Err(GraphError::parameter(text).into());
    }
    Ok(surface)
}

async fn conversation(caller: &Caller, wanted: &[String], state: &ThreadState) -> Result<Value, Wrong> {
    let usual = ["link".to_owned(), "updated_time".to_owned()];
    let mut body = Map::from_iter([("id".to_owned(), json!(id(&state.key)))]);
    for field in if wanted.is_empty() { &usual } else { wanted } {
        let value = match field.as_str() {
            "participants" | "senders" => Some(json!({"data": participants(caller, &state.key).await?})),
            _ => value(caller, field, state),
        };
        body.extend(value.map(|value| (field.clone(), value)));
    }
    Ok(Value::Object(body))
}

fn value(caller: &Caller, field: &str, state: &ThreadState) -> Option<Value> {
    let key = &state.key;
    match field {
        "link" => Some(json!(format!("/{}/inbox/{}", caller.node(), id(key)))),
        "updated_time" => Some(json!(time(state.last_message_at))),
        "is_owner" => {
            let routing = caller.routing(key.surface)?;
            let now = caller.shared().engine.now();
            is_owner(routing, &state.thread, caller.app().id, now).map(Value::Bool)
        }
        _ => None,
    }
}

/// The person and the page. Of whom nothing is known, the id stands for the name.
async fn participants(caller: &Caller, key: &ThreadKey) -> Result<[Value; 2], Wrong> {
    let known = caller.shared().engine.person(key).await.map_err(|error| unavailable(&error))?;
    let known = known.unwrap_or_default();
    let page = caller.page();
    let person = key.person.as_str();
    Ok(match (key.surface, &page.instagram) {
        (Surface::Instagram, Some(account)) => [
            json!({"username": known.username.as_deref().unwrap_or(person), "id": person}),
            json!({"username": account.username, "id": account.id.to_string()}),
        ],
        (Surface::Messenger | Surface::Instagram, _) => {
            let one =
                |name: &str, id: &str| json!({"name": name, "email": format!("{id}@facebook.com"), "id": id});
            let name = known.name.as_deref().unwrap_or(person);
            [one(name, person), one(&page.name, &page.id.to_string())]
        }
    })
}

/// A conversation's id: the same for the same thread, and opaque to clients.
fn id(key: &ThreadKey) -> String {
    let letter = match key.surface {
        Surface::Messenger => 'm',
        Surface::Instagram => 'i',
    };
    format!("t_{}", hex::encode(format!("{}/{letter}/{}", key.page, key.person)))
}

/// Where a conversation stands in the list.
fn place(state: &ThreadState) -> String {
    hex::encode(format!("{}/{}", state.last_message_at.0, state.key.person))
}

/// What [`place`] wrote.
fn cursor(caller: &Caller, surface: Surface, text: &str) -> Result<(Timestamp, ThreadKey), GraphError> {
    let read = || {
        let text = String::from_utf8(hex::decode(text).ok()?).ok()?;
        let (at, person) = text.split_once('/')?;
        let key = ThreadKey { page: caller.page().id, surface, person: person.parse().ok()? };
        Some((Timestamp(at.parse().ok()?), key))
    };
    read().ok_or_else(|| GraphError::parameter("Param after must be a cursor of this list"))
}

/// The address of the next page, for clients that follow it as it is: with the token in it, as the platform has
/// it (wire.md 1.5).
fn next(caller: &Caller, params: &Params, surface: Surface, limit: usize, after: &str) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    if let Some(token) = params.access_token() {
        query.append_pair("access_token", token);
    }
    if let Some(fields) = params.list("fields").filter(|fields| !fields.is_empty()) {
        query.append_pair("fields", &fields.join(","));
    }
    let platform = match surface {
        Surface::Messenger => "messenger",
        Surface::Instagram => "instagram",
    };
    query
        .append_pair("platform", platform)
        .append_pair("limit", &limit.to_string())
        .append_pair("after", after);
    let (base, node) = (&caller.shared().public_url, caller.node());
    format!("{base}/{}/{node}/conversations?{}", super::VERSION, query.finish())
}

/// Graph nodes write times without a colon in the offset (wire.md 5.5).
fn time(at: Timestamp) -> String {
    let shown = |at: jiff::Timestamp| at.strftime("%Y-%m-%dT%H:%M:%S+0000").to_string();
    jiff::Timestamp::from_millisecond(at.0).map_or_else(|_| at.0.to_string(), shown)
}
