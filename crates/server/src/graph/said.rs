//! What was said in a conversation, as Graph nodes show it (wire.md 5.5): each message with what became of it since.

use std::collections::{HashMap, HashSet};

use baton_rules::{Edge, ThreadKey, Timestamp};
use baton_store::{JournalRow, Position};
use baton_wire::GraphError;
use baton_wire::fields::Field;
use baton_wire::params::Params;
use serde_json::{Map, Value, json};

use super::paging::{Before, Found, Place, Shown, Wanted};
use super::{Answer, Wrong, conversations, node};
use crate::caller::{Caller, unavailable};

/// Rows that are looked at in one turn, and turns above a place that is asked for.
const ROWS: usize = 200;
const TURNS: usize = 20;
/// Turns in which a conversation's messages are counted.
const COUNTED: usize = 5;
/// How many of a conversation's newest messages are shown one by one (wire.md 5.5).
const NEWEST: usize = 20;
/// The longest snippet, in characters.
const SNIPPET: usize = 80;

/// A message.
pub(super) struct Said {
    mid: String,
    position: Position,
    at: Timestamp,
    by_page: bool,
    text: String,
    attachments: Vec<Value>,
    reply_to: Option<Value>,
    reactions: Vec<Value>,
}

impl Said {
    pub(super) fn snippet(&self) -> String {
        self.text.chars().take(SNIPPET).collect()
    }

    /// What a row says, if it is a message.
    fn of(row: &JournalRow, item: &Value) -> Option<Self> {
        let (content, text) = match row.event.as_deref()? {
            "messages" | "message_echoes" => (item.get("message")?, "text"),
            "messaging_postbacks" => (item.get("postback")?, "title"),
            _ => return None,
        };
        let attachments = content.get("attachments").and_then(Value::as_array).cloned().unwrap_or_default();
        let text = content.get(text).and_then(Value::as_str).unwrap_or_default();
        Some(Self {
            mid: content.get("mid")?.as_str()?.to_owned(),
            position: row.position,
            at: row.at,
            by_page: row.by.is_some(),
            text: text.to_owned(),
            attachments,
            reply_to: content.get("reply_to").cloned(),
            reactions: Vec::new(),
        })
    }
}

/// What became of messages that are older than what was read so far.
#[derive(Default)]
struct Since {
    texts: HashMap<String, String>,
    gone: HashSet<String>,
    reactions: HashMap<String, Option<Value>>,
}

impl Since {
    fn take(&mut self, person: &str, item: &Value) {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        if let (Some(mid), Some(new)) =
            (text(&item["message_edit"]["mid"]), text(&item["message_edit"]["text"]))
        {
            // The newest is read first.
            self.texts.entry(mid).or_insert(new);
        }
        let reaction = &item["reaction"];
        if let Some(mid) = text(&reaction["mid"]) {
            let name =
                reaction.get("reaction").or(reaction.get("emoji")).filter(|_| reaction["action"] == "react");
            let shown = name.map(|name| json!({"reaction": name, "users": [{"id": person}]}));
            self.reactions.entry(mid).or_insert(shown);
        }
        if item["message"]["is_deleted"] == true {
            self.gone.extend(text(&item["message"]["mid"]));
        }
    }

    fn apply(&self, said: &mut Said) {
        if let Some(text) = self.texts.get(&said.mid) {
            said.text.clone_from(text);
        }
        said.reactions.extend(self.reactions.get(&said.mid).cloned().flatten());
    }
}

/// Reads a conversation from its newest row to its oldest, and knows what became of each message meanwhile.
struct Walk<'a> {
    caller: &'a Caller,
    key: &'a ThreadKey,
    since: Since,
    from: Option<Position>,
    over: bool,
}

impl<'a> Walk<'a> {
    fn new(caller: &'a Caller, key: &'a ThreadKey) -> Self {
        Self { caller, key, since: Since::default(), from: None, over: false }
    }

    /// The messages among the next rows; none when the conversation is over.
    async fn turn(&mut self) -> Result<Option<Vec<Said>>, Wrong> {
        if self.over {
            return Ok(None);
        }
        let rows = self.caller.shared().engine.conversation(self.key, self.from, ROWS).await;
        let rows = rows.map_err(|error| unavailable(&error))?;
        let mut found = Vec::new();
        for row in &rows {
            let Ok(item) = serde_json::from_slice::<Value>(&row.whole) else { continue };
            self.since.take(self.key.person.as_str(), &item);
            let said = Said::of(row, &item).filter(|said| !self.since.gone.contains(&said.mid));
            found.extend(said.map(|mut said| {
                self.since.apply(&mut said);
                said
            }));
        }
        self.over = rows.len() < ROWS;
        self.from = rows.last().map(|last| last.position).or(self.from);
        Ok(Some(found))
    }

    /// Goes on right behind a place. What became of messages there is known from so many turns above them: whoever
    /// asks for the depths of a long conversation does not read all of it.
    async fn down_to(&mut self, place: Position) -> Result<Vec<Said>, Wrong> {
        for _ in 0..TURNS {
            match self.turn().await? {
                Some(found) if self.from.is_none_or(|from| from > place) => drop(found),
                Some(mut found) => {
                    found.retain(|said| said.position < place);
                    return Ok(found);
                }
                None => return Ok(Vec::new()),
            }
        }
        self.from = Some(place);
        Ok(Vec::new())
    }
}

/// So many messages of a conversation, newest first, after a place in that order.
pub(super) async fn newest(
    caller: &Caller,
    key: &ThreadKey,
    after: Option<Position>,
    limit: usize,
) -> Result<Vec<Said>, Wrong> {
    let mut walk = Walk::new(caller, key);
    let mut found = match after {
        Some(place) => walk.down_to(place).await?,
        None => Vec::new(),
    };
    while found.len() < limit {
        let Some(more) = walk.turn().await? else { break };
        found.extend(more);
    }
    found.truncate(limit);
    Ok(found)
}

/// How many messages a conversation has; none where there are too many to count while somebody waits.
pub(super) async fn count(caller: &Caller, key: &ThreadKey) -> Result<Option<usize>, Wrong> {
    let (mut walk, mut all) = (Walk::new(caller, key), 0);
    for _ in 0..COUNTED {
        match walk.turn().await? {
            Some(turn) => all += turn.len(),
            None => return Ok(Some(all)),
        }
    }
    Ok(None)
}

/// How many messages the person wrote since the page last said something: whoever answers has read. None as above.
pub(super) async fn unread(caller: &Caller, key: &ThreadKey) -> Result<Option<usize>, Wrong> {
    let (mut walk, mut all) = (Walk::new(caller, key), 0);
    for _ in 0..COUNTED {
        let Some(turn) = walk.turn().await? else { return Ok(Some(all)) };
        let since = turn.iter().take_while(|said| !said.by_page).count();
        all += since;
        if since < turn.len() {
            return Ok(Some(all));
        }
    }
    Ok(None)
}

/// A page of the messages.
async fn page(caller: &Caller, key: &ThreadKey, wanted: &Wanted) -> Result<Found<Said>, Wrong> {
    let place = |text: &str, name: &str| {
        let wrong = |_| GraphError::parameter(format!("Param {name} must be a cursor of this list"));
        text.parse().map(Position).map_err(wrong)
    };
    let before = match &wanted.place {
        Place::First => {
            let items = newest(caller, key, None, wanted.limit + 1).await?;
            return Ok(Found::forwards(items, wanted));
        }
        Place::After(text) => {
            let items = newest(caller, key, Some(place(text, "after")?), wanted.limit + 1).await?;
            return Ok(Found::forwards(items, wanted));
        }
        Place::Before(text) => place(text, "before")?,
    };
    let (mut walk, mut items) = (Walk::new(caller, key), Before::new(wanted.limit));
    while let Some(turn) = walk.turn().await? {
        for said in turn {
            if said.position <= before {
                return Ok(Found::backwards(items));
            }
            items.push(said);
        }
    }
    Ok(Found::backwards(items))
}

/// The messages of a conversation as a list: an edge of its own, and a field of the conversation.
pub(super) async fn list(caller: &Caller, key: &ThreadKey, field: &Field) -> Result<Value, Wrong> {
    let limit = field.argument("limit").map(|text| text.parse().ok());
    let argument = |name| field.argument(name).map(str::to_owned);
    let wanted = Wanted::said(limit, argument("after"), argument("before"))?;
    let found = page(caller, key, &wanted).await?;
    let parties = conversations::participants(caller, key).await?;
    let data: Vec<Value> = found.items.iter().map(|said| shown(said, &field.fields, &parties)).collect();
    let fields = baton_wire::fields::written(&field.fields);
    let fields = (!fields.is_empty()).then(|| ("fields".to_owned(), Value::String(fields)));
    let params = Params::from_object(Map::from_iter(fields), super::limits(caller.shared()));
    let node = conversations::id(key);
    let shown = Shown { caller, params: &params, node: &node, edge: "messages", limit: wanted.limit };
    Ok(shown.list(&found, &data, |said| said.position.0.to_string()))
}

/// `GET /{message}`; none where there is no such message of this page.
pub(super) async fn one(caller: &Caller, params: &Params, mid: &str) -> Result<Option<Answer>, Wrong> {
    let row = caller.shared().engine.message(mid).await.map_err(|error| unavailable(&error))?;
    let Some(key) =
        row.as_ref().and_then(|row| row.thread().cloned()).filter(|key| key.page == caller.page().id)
    else {
        return Ok(None);
    };
    caller.may(key.surface, Edge::Other)?;
    let found = newest(caller, &key, None, NEWEST).await?;
    let said = found.iter().find(|said| said.mid == mid).ok_or_else(GraphError::message_gone)?;
    let parties = conversations::participants(caller, &key).await?;
    Ok(Some(Answer::of(shown(said, &params.fields()?, &parties))))
}

/// A message's node. `parties` are the person and the page.
fn shown(said: &Said, fields: &[Field], parties: &[Value; 2]) -> Value {
    let [person, page] = parties;
    let (from, to) = if said.by_page { (page, person) } else { (person, page) };
    node::shown(fields, &["created_time"], &said.mid, |field| match field.name.as_str() {
        "created_time" => Some(json!(conversations::time(said.at))),
        "from" => Some(from.clone()),
        "to" => Some(json!({"data": [to]})),
        // What templates say is in their attachment.
        "message" => Some(json!(said.text)),
        "attachments" if !said.attachments.is_empty() => {
            let all: Vec<Value> =
                (0..).zip(&said.attachments).map(|(at, one)| attachment(said, at, one)).collect();
            Some(json!({"data": all}))
        }
        "reply_to" => said.reply_to.clone(),
        "reactions" if !said.reactions.is_empty() => Some(json!({"data": said.reactions})),
        _ => None,
    })
}

/// An attachment's node: what is known of it, which is its address or what its template says.
fn attachment(said: &Said, index: usize, given: &Value) -> Value {
    let (kind, payload) = (given["type"].as_str().unwrap_or_default(), &given["payload"]);
    let url = &payload["url"];
    let (name, value) = match kind {
        "image" | "sticker" => {
            let is_sticker = kind == "sticker";
            ("image_data", json!({"url": url, "preview_url": url, "render_as_sticker": is_sticker}))
        }
        "video" => ("video_data", json!({"url": url, "preview_url": url})),
        "template" => {
            let first = payload["elements"].get(0).unwrap_or(payload);
            let title = first.get("title").or(first.get("text")).cloned().unwrap_or_default();
            let (subtitle, image) = (first.get("subtitle"), first.get("image_url"));
            ("generic_template", json!({"title": title, "subtitle": subtitle, "media_url": image}))
        }
        _ => ("file_url", url.clone()),
    };
    json!({"id": format!("{}:{index}", said.mid), name: value})
}
