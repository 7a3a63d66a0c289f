//! `GET /{page}/conversations`: the page's conversations, the newest message first, each with who takes part and,
//! where Conversation Routing has it, whether this app is in control (thread-control.md 3.15, wire.md 5.5).

use baton_engine::{Filter, ThreadState};
use baton_rules::{Edge, PersonId, Surface, ThreadKey, Timestamp, is_owner, standard_open};
use baton_wire::GraphError;
use baton_wire::fields::Field;
use baton_wire::params::Params;
use serde_json::{Map, Value, json};

use super::paging::{Before, Found, Place, Shown, Wanted};
use super::{Answer, Wrong, said};
use crate::caller::{Caller, unavailable};

/// Conversations that are looked at in one turn.
const TURN: usize = 200;

pub(super) async fn get(caller: &Caller, params: &Params) -> Result<Answer, Wrong> {
    let surface = surface(caller, params)?;
    caller.may(surface, Edge::Other)?;
    let fields = params.fields()?;
    let wanted = Wanted::of(params)?;
    let found = match params.text("user_id") {
        Some(person) => of_person(caller, surface, &person, &wanted).await?,
        None => page(caller, surface, &wanted).await?,
    };
    let mut data = Vec::with_capacity(found.items.len());
    for state in &found.items {
        data.push(conversation(caller, &fields, state).await?);
    }
    let node = caller.node().to_string();
    let shown = Shown { caller, params, node: &node, edge: "conversations", limit: wanted.limit };
    Ok(Answer::of(shown.list(&found, &data, place)))
}

/// The conversation with one person: a list of one, or of none.
async fn of_person(
    caller: &Caller,
    surface: Surface,
    person: &str,
    wanted: &Wanted,
) -> Result<Found<ThreadState>, Wrong> {
    let key = person.parse::<PersonId>().ok().filter(|_| wanted.place == Place::First);
    let key = key.map(|person| ThreadKey { page: caller.page().id, surface, person });
    let found = match &key {
        Some(key) => state(caller, key).await?,
        None => None,
    };
    Ok(Found::forwards(found.into_iter().collect(), wanted))
}

/// A page of all, the newest first.
async fn page(caller: &Caller, surface: Surface, wanted: &Wanted) -> Result<Found<ThreadState>, Wrong> {
    let engine = &caller.shared().engine;
    let threads = async |after, limit| {
        let found = engine.threads(caller.page().id, surface, &Filter::default(), after, limit).await;
        found.map_err(|error| unavailable(&error))
    };
    let before = match &wanted.place {
        Place::First => return Ok(Found::forwards(threads(None, wanted.limit + 1).await?, wanted)),
        Place::After(text) => {
            let after = cursor(caller, surface, text, "after")?;
            return Ok(Found::forwards(threads(Some(after), wanted.limit + 1).await?, wanted));
        }
        Place::Before(text) => cursor(caller, surface, text, "before")?,
    };
    let (mut last, mut items) = (None, Before::new(wanted.limit));
    loop {
        let turn = threads(last, TURN).await?;
        let Some(end) = turn.last() else { return Ok(Found::backwards(items)) };
        last = Some((end.last_message_at, end.key.clone()));
        for one in turn {
            if (one.last_message_at, &one.key.person) <= (before.0, &before.1.person) {
                return Ok(Found::backwards(items));
            }
            items.push(one);
        }
    }
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
                let newest = said::newest(caller, &state.key, None, 1).await?;
                newest.first().map(|said| json!(said.snippet()))
            }
            "message_count" => said::count(caller, &state.key).await?.map(Value::from),
            "unread_count" => said::unread(caller, &state.key).await?.map(Value::from),
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
fn cursor(
    caller: &Caller,
    surface: Surface,
    text: &str,
    name: &str,
) -> Result<(Timestamp, ThreadKey), GraphError> {
    let read = || {
        let text = String::from_utf8(hex::decode(text).ok()?).ok()?;
        let (at, person) = text.split_once('/')?;
        let key = ThreadKey { page: caller.page().id, surface, person: person.parse().ok()? };
        Some((Timestamp(at.parse().ok()?), key))
    };
    read().ok_or_else(|| GraphError::parameter(format!("Param {name} must be a cursor of this list")))
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
