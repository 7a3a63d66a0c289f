//! `GET /{page}/conversations`: the page's conversations, the newest message first, each with who takes part and,
//! where Conversation Routing has it, whether this app is in control (thread-control.md 3.15, wire.md 5.5).

use baton_engine::{Filter, ThreadState};
use baton_rules::{PersonId, Surface, ThreadKey, Timestamp, is_owner, standard_open};
use baton_wire::GraphError;
use baton_wire::fields::Field;
use baton_wire::params::Params;
use serde_json::{Map, Value, json};

use super::{Answer, Wrong, paging, said};
use crate::caller::{Caller, Edge, unavailable};

pub(super) async fn get(caller: &Caller, params: &Params) -> Result<Answer, Wrong> {
    let surface = surface(caller, params)?;
    caller.may(surface, Edge::Conversations)?;
    let fields = params.fields()?;
    let wanted = paging::Wanted::of(params)?;
    let after = wanted.after.as_deref().map(|text| cursor(caller, surface, text)).transpose()?;
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
        None => engine.threads(page, surface, &Filter::default(), after, wanted.limit + 1).await,
    }
    .map_err(|error| unavailable(&error))?;
    let more = found.len() > wanted.limit;
    found.truncate(wanted.limit);
    let mut data = Vec::with_capacity(found.len());
    for state in &found {
        data.push(conversation(caller, &fields, state).await?);
    }
    let ends = found.first().zip(found.last()).map(|(first, last)| (place(first), place(last)));
    let node = caller.node().to_string();
    let next = ends.as_ref().filter(|_| more);
    let next = next.map(|(_, last)| paging::next(caller, params, &node, "conversations", wanted.limit, last));
    Ok(Answer::of(paging::list(&data, ends, next)))
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

pub(super) async fn conversation(
    caller: &Caller,
    wanted: &[Field],
    state: &ThreadState,
) -> Result<Value, Wrong> {
    let usual = ["link", "updated_time"].map(Field::named);
    let mut body = Map::from_iter([("id".to_owned(), json!(id(&state.key)))]);
    for field in if wanted.is_empty() { usual.as_slice() } else { wanted } {
        let value = match field.name.as_str() {
            "participants" | "senders" => Some(json!({"data": participants(caller, &state.key).await?})),
            "messages" => Some(said::list(caller, &state.key, field).await?),
            "snippet" => {
                let (newest, _) = said::newest(caller, &state.key, None, 1).await?;
                newest.first().map(|said| json!(said.snippet()))
            }
            name => value(caller, name, state),
        };
        body.extend(value.map(|value| (field.name.clone(), value)));
    }
    Ok(Value::Object(body))
}

fn value(caller: &Caller, field: &str, state: &ThreadState) -> Option<Value> {
    let key = &state.key;
    match field {
        "link" => Some(json!(format!("/{}/inbox/{}", caller.node(), id(key)))),
        "updated_time" => Some(json!(time(state.last_message_at))),
        "former_participants" => Some(json!({"data": []})),
        "is_subscribed" => Some(json!(true)),
        "can_reply" => Some(json!(standard_open(&state.thread, caller.shared().engine.now()))),
        "is_owner" => {
            let routing = caller.routing(key.surface)?;
            let now = caller.shared().engine.now();
            is_owner(routing, &state.thread, caller.app().id, now).map(Value::Bool)
        }
        _ => None,
    }
}

/// The person and the page. Of whom nothing is known, the id stands for the name.
pub(super) async fn participants(caller: &Caller, key: &ThreadKey) -> Result<[Value; 2], Wrong> {
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
pub(super) fn id(key: &ThreadKey) -> String {
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

/// The conversation that an id names, if it is one of this page's.
pub(super) fn read_id(caller: &Caller, text: &str) -> Option<ThreadKey> {
    let text = String::from_utf8(hex::decode(text.strip_prefix("t_")?).ok()?).ok()?;
    let mut parts = text.splitn(3, '/');
    let page = parts.next()?.parse().ok().filter(|page| *page == caller.page().id)?;
    let surface = match parts.next()? {
        "m" => Surface::Messenger,
        "i" => Surface::Instagram,
        _ => return None,
    };
    Some(ThreadKey { page, surface, person: parts.next()?.parse().ok()? })
}

/// A conversation as it stands; none where the person never wrote.
pub(super) async fn state(caller: &Caller, key: &ThreadKey) -> Result<Option<ThreadState>, Wrong> {
    caller.shared().engine.thread(key).await.map_err(|error| unavailable(&error))
}

/// Graph nodes write times without a colon in the offset (wire.md 5.5).
pub(super) fn time(at: Timestamp) -> String {
    let shown = |at: jiff::Timestamp| at.strftime("%Y-%m-%dT%H:%M:%S+0000").to_string();
    jiff::Timestamp::from_millisecond(at.0).map_or_else(|_| at.0.to_string(), shown)
}
