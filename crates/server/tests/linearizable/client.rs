//! Says an operation in HTTP, and keeps of the answer what the model foretells.

use std::sync::Arc;

use baton_rules::{AppId, Ask, Desk, PersonId, Send, Tag, ThreadControl};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::history::{Asked, Change, Document, Item, Patch, Recorder, Talk, Told, Wanted, Whole};
use crate::model::unknown;
use crate::page::{app_name, move_to_main};
use crate::settings;

/// Baton's own API.
const OWN: &str = "/baton/v1";

/// Somebody who asks one thing after another.
#[derive(Clone)]
pub(crate) struct Client {
    /// Tells clients apart in the history.
    pub(crate) number: usize,
    /// The nodes that are asked in turn, if there are several.
    pub(crate) bases: Arc<[String]>,
    pub(crate) operator_token: String,
    pub(crate) http: reqwest::Client,
    pub(crate) recorder: Arc<Recorder>,
}

impl Client {
    /// Asks, records, and gives the answer with its `ETag`.
    pub(crate) async fn ask(&self, asked: Asked) -> (Told, Option<String>) {
        let from = self.recorder.number();
        let answer = self.answer(&asked, from).await;
        let (told, tag) = answer.unwrap_or_else(|| (unknown(), None));
        // What changes nothing and was not answered is as if it had not been asked.
        if told != unknown() || asked.changes() {
            self.recorder.record(self.number, asked, told.clone(), from);
        }
        (told, tag)
    }

    /// What a node answers, which is another one each time; one that is gone is not asked. None: it went without an
    /// answer, or said that it does not know.
    async fn answer(&self, asked: &Asked, number: u64) -> Option<(Told, Option<String>)> {
        let count = self.bases.len();
        let first = self.number + usize::try_from(number).unwrap();
        for turn in 0..count {
            let request = self.request(asked, &self.bases[(first + turn) % count]);
            let response = match request.send().await {
                Ok(response) => response,
                Err(error) if error.is_connect() && turn + 1 < count => continue,
                Err(error) => {
                    assert!(count > 1, "{error}");
                    return None;
                }
            };
            let status = response.status().as_u16();
            let tag = response.headers().get("etag").map(|tag| tag.to_str().unwrap().to_owned());
            let text = match response.text().await {
                Ok(text) => text,
                Err(error) => {
                    assert!(count > 1, "{error}");
                    return None;
                }
            };
            let body = if text.is_empty() { Value::Null } else { serde_json::from_str(&text).unwrap() };
            if count > 1 && (status == 503 || body["error"]["code"] == 2) {
                return None;
            }
            return Some(((status, kept(asked, status, body)), tag));
        }
        None
    }

    fn request(&self, asked: &Asked, base: &str) -> RequestBuilder {
        let own = |method, path: &str| self.own(base, method, path);
        match asked {
            Asked::Begin(_) | Asked::End(_) => panic!("nobody asks for this"),
            Asked::Clock(by) => own(Method::POST, "/clock").json(&json!({"advance": format!("{by}ms")})),
            Asked::Act { token, talk: (_, person), ask, metadata } => {
                let (edge, mut body) = call(*ask);
                body["recipient"] = json!({"id": person.as_str()});
                if let Some(metadata) = metadata {
                    body["metadata"] = json!(metadata);
                }
                self.graph(base, Method::POST, edge, token).json(&body)
            }
            Asked::Owner { token, talk: (_, person) } => {
                self.graph(base, Method::GET, &format!("thread_owner?recipient={person}"), token)
            }
            Asked::Write { talk } => {
                let path = format!("/pages/{}/people/{}/events", talk.0, talk.1);
                let body = json!({"type": "message", "message": {"text": "hello"}});
                own(Method::POST, &path).json(&body)
            }
            Asked::Desk { talk, desk } => {
                own(Method::POST, &format!("{}/inbox", thread(talk))).json(&inbox(*desk))
            }
            Asked::Look { talk } => own(Method::GET, &thread(talk)),
            Asked::Read { item } => own(Method::GET, &path(item)),
            Asked::Change { change, if_match } => {
                let request = self.change(base, change);
                match if_match {
                    Some(known) => request.header("if-match", &known.tag),
                    None => request,
                }
            }
        }
    }

    fn change(&self, base: &str, change: &Change) -> RequestBuilder {
        let path = path(&settings::item(change));
        match change {
            Change::Page { patch, .. } => self.own(base, Method::PATCH, &path).json(&patched(patch)),
            Change::Connect { to, .. } => self.own(base, Method::PUT, &path).json(&connection(to)),
            Change::Disconnect { .. } => self.own(base, Method::DELETE, &path),
            Change::Routing { pages } => {
                let pages: Vec<Value> = pages
                    .iter()
                    .map(|(id, page)| {
                        let mut table = whole(page);
                        table["id"] = json!(id.to_string());
                        table
                    })
                    .collect();
                self.own(base, Method::PUT, &path).json(&json!({"pages": pages}))
            }
        }
    }

    fn own(&self, base: &str, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{base}{OWN}{path}")).bearer_auth(&self.operator_token)
    }

    fn graph(&self, base: &str, method: Method, edge: &str, token: &str) -> RequestBuilder {
        self.http.request(method, format!("{base}/v25.0/me/{edge}")).bearer_auth(token)
    }

    /// Reads a document, with its tag.
    pub(crate) async fn read(&self, item: Item) -> Option<Document> {
        match self.ask(Asked::Read { item }).await {
            ((200, body), Some(tag)) => Some(Document { tag, body }),
            _ => None,
        }
    }
}

fn thread((page, person): &Talk) -> String {
    format!("/pages/{page}/threads/{person}")
}

fn path(item: &Item) -> String {
    match item {
        Item::Page(page) => format!("/pages/{page}"),
        Item::Connection(page, app) => format!("/pages/{page}/connections/{app}"),
        Item::Routing => "/routing".to_owned(),
    }
}

/// The edge and the parameters of a call.
fn call(ask: Ask) -> (&'static str, Value) {
    match ask {
        Ask::Pass { to } => {
            let target = to.map_or(json!({}), |to| json!({"target_app_id": to.to_string()}));
            ("pass_thread_control", target)
        }
        Ask::Take => ("take_thread_control", json!({})),
        Ask::Request => ("request_thread_control", json!({})),
        Ask::Release => ("release_thread_control", json!({})),
        Ask::Extend { duration } => ("extend_thread_control", json!({"duration": duration})),
        Ask::Metadata { to } => ("pass_thread_metadata", json!({"target_app_id": to.to_string()})),
        Ask::Send(message) => ("messages", sent(message)),
        Ask::SetMenu { .. } | Ask::Answer(_) => panic!("no app here asks for it"),
    }
}

fn sent(message: Send) -> Value {
    let mut body = json!({"message": {"text": "hello"}});
    if message.tag == Some(Tag::HumanAgent) {
        body["tag"] = json!("HUMAN_AGENT");
    }
    match message.control {
        None => {}
        Some(ThreadControl::Release) => body["thread_control"] = json!({"control_type": "release"}),
        Some(ThreadControl::Pass { to: None }) => body["thread_control"] = json!({"control_type": "pass"}),
        Some(ThreadControl::Pass { to: Some(to) }) => {
            body["thread_control"] = json!({"control_type": "pass", "app_id": to.to_string()});
        }
        Some(ThreadControl::Both | ThreadControl::Unknown) => panic!("no app here asks for nonsense"),
    }
    body
}

fn inbox(desk: Desk) -> Value {
    match desk {
        Desk::Reply => json!({"action": "reply", "text": "hello"}),
        Desk::MoveToMain => json!({"action": "move_to_main"}),
        Desk::Done => json!({"action": "done"}),
        Desk::Pass { to } => json!({"action": "pass", "app_id": to.to_string()}),
        Desk::Grant { to } => json!({"action": "grant", "app_id": to.to_string()}),
    }
}

fn patched(patch: &Patch) -> Value {
    let mut body = json!({});
    let named = |app: Option<AppId>| app.map(app_name);
    if let Some(app) = patch.default {
        body["messenger"]["default_app"] = json!(named(app));
    }
    if let Some(app) = patch.primary {
        body["messenger"]["primary_receiver"] = json!(named(app));
    }
    if let Some(enabled) = patch.enabled {
        body["messaging_enabled"] = json!(enabled);
    }
    if let Some(what) = patch.move_to_main {
        body["inbox_move_to_main"] = json!(move_to_main(what));
    }
    body
}

fn connection(to: &Wanted) -> Value {
    json!({
        "token": to.token,
        "fields": to.fields.names().collect::<Vec<_>>(),
        "standby": to.standby,
        "take_control": to.take_control,
    })
}

fn whole(page: &Whole) -> Value {
    let connections = page.connections.iter().map(|(app, to)| {
        let mut table = connection(to);
        table["app"] = json!(app.to_string());
        table
    });
    let mut messenger = json!({});
    if let Some(app) = page.default {
        messenger["default_app"] = json!(app_name(app));
    }
    if let Some(app) = page.primary {
        messenger["primary_receiver"] = json!(app_name(app));
    }
    json!({
        "messaging_enabled": page.enabled,
        "inbox_move_to_main": move_to_main(page.move_to_main),
        "messenger": messenger,
        "connections": connections.collect::<Vec<_>>(),
    })
}

/// What the model foretells of a body.
fn kept(asked: &Asked, status: u16, body: Value) -> Value {
    let own = !matches!(asked, Asked::Act { .. } | Asked::Owner { .. });
    if status >= 400 && own {
        let slug = body["type"].as_str().and_then(|kind| kind.strip_prefix("/problems/"));
        return json!({"slug": slug, "rule": body["rule"]});
    }
    if status >= 400 {
        return json!({"code": body["error"]["code"], "subcode": body["error"]["error_subcode"]});
    }
    match asked {
        Asked::Clock(_) => body["now"].clone(),
        Asked::Act { ask: Ask::Send(_), .. } => json!({"recipient_id": body["recipient_id"]}),
        Asked::Write { .. } | Asked::Desk { .. } => json!({
            "rule": body["rule"], "via": body["via"], "thread": body["thread"], "notices": body["notices"],
        }),
        Asked::Look { .. } => json!({
            "thread": {
                "state": body["state"], "owner_app_id": body["owner_app_id"], "expires_at": body["expires_at"],
            },
            "folder": body["folder"],
            "requests": body["requests"],
        }),
        Asked::Read { item: Item::Routing } => body["pages"].clone(),
        Asked::Change { change: Change::Routing { .. }, .. } => Value::Null,
        Asked::Begin(_) | Asked::End(_) | Asked::Act { .. } | Asked::Owner { .. } => body,
        Asked::Read { .. } | Asked::Change { .. } => body,
    }
}

/// What clients speak HTTP with. Nothing is kept open: the server closes what is idle, and a judge may take longer
/// than that, so that a call would meet the end of its connection.
pub(crate) fn http() -> reqwest::Client {
    reqwest::Client::builder().pool_max_idle_per_host(0).build().unwrap()
}

/// A person by their id.
pub(crate) fn person(id: &str) -> PersonId {
    id.parse().unwrap()
}
