//! Random walks through both HTTP surfaces, one for each mode, held step by step against `baton_rules::decide`: every
//! answer, who is told, and how the conversation stands. Among the steps time passes, settings change, and the server
//! is stopped and started again on what it had written. `WALK_STEPS=10000` walks further.

use std::collections::BTreeMap;
use std::sync::Arc;

use baton_rules::{
    Action, AppId, Ask, Channel, Decision, Desk, Did, Entry, EventKind, Mode, PageId, PersonId, Refused,
    Routing, Send, Signal, Surface, Tag, Thread, ThreadControl, Timestamp, What, decide, standing,
};
use baton_server::config::Limits;
use baton_wire::GraphError;
use rand::rngs::SmallRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};

use crate::world::{Reply, World};

/// Steps of one walk when nobody says how many.
const STEPS: usize = 400;
const PAGE: &str = "4001";
const ACCOUNT: &str = "17841400004001";
const APPS: [u64; 3] = [501, 502, 503];
const HOUR: i64 = 3_600_000;

fn id(number: u64) -> AppId {
    AppId::new(number).unwrap()
}

/// The settings of a page in this mode, some of them drawn.
fn file(mode: Mode, random: &mut SmallRng) -> Value {
    let leader = *APPS.choose(random).unwrap();
    let mut side = json!({});
    let leads = |side: &mut Value, role: &str| side[role] = json!(leader.to_string());
    let surface = match mode {
        Mode::HandoverPrimary => {
            leads(&mut side, "primary_receiver");
            Surface::Messenger
        }
        Mode::HandoverOpen => Surface::Messenger,
        Mode::MessengerRouting => {
            leads(&mut side, "default_app");
            Surface::Messenger
        }
        Mode::InstagramRouting => {
            leads(&mut side, "default_app");
            Surface::Instagram
        }
        Mode::ZeroConfig => Surface::Instagram,
        Mode::MessengerRouting2025 => {
            leads(&mut side, "default_app");
            side["profile"] = json!("2025");
            Surface::Messenger
        }
        Mode::MessengerZeroConfig => {
            side["profile"] = json!("2025");
            Surface::Messenger
        }
    };
    let (on, routed) = (surface.name(), mode.is_routing());
    if routed && random.random_bool(0.5) {
        side["organic_app"] = json!(APPS.choose(random).unwrap().to_string());
    }
    let mut links = json!([]);
    if routed {
        links = json!([{"on": on, "ref": "spring", "app": APPS.choose(random).unwrap().to_string()}]);
    }
    let connections: Vec<Value> = (APPS.iter())
        .filter(|app| **app == leader || random.random_bool(0.9))
        .collect::<Vec<_>>()
        .into_iter()
        .map(|app| {
            let standby = random.random_bool(0.8);
            json!({
                "app": app.to_string(),
                "token": format!("walk-{app}"),
                "take_control": random.random_bool(0.4),
                "standby": {on: standby},
            })
        })
        .collect();
    let apps: Vec<Value> = (APPS.iter())
        .map(|app| json!({"id": app.to_string(), "name": format!("App {app}"), "human_agent": *app == 503}))
        .collect();
    let template = |days: Value| {
        let message =
            json!({"text": "Sale", "receiving_app_id": 502, "receiving_app_control_expiration": days});
        json!({"message": message}).to_string()
    };
    let mut page = json!({
        "id": PAGE,
        "name": "Walk",
        "connections": connections,
        "links": links,
        "ads": [
            {"on": on, "id": "71", "name": "A day", "template": template(Value::Null)},
            {"on": on, "id": "72", "name": "Some days", "template": template(json!(5))},
            {"on": on, "id": "73", "name": "A draft", "status": "draft", "template": template(Value::Null)},
        ],
    });
    match surface {
        Surface::Messenger => page["messenger"] = side,
        Surface::Instagram => {
            side["id"] = json!(ACCOUNT);
            side["username"] = json!("walk");
            page["instagram"] = side;
        }
    }
    json!({"apps": apps, "pages": [page]})
}

/// What somebody does: what the rules are asked, and the request that says so.
struct Asked {
    person: &'static str,
    action: Action<'static>,
    /// Who calls; none where it is Baton's own API.
    token: Option<String>,
    path: String,
    body: Value,
}

/// A walk: the server, and what the rules would have made of everything so far.
struct Walk {
    w: World,
    mode: Mode,
    surface: Surface,
    routing: Arc<Routing>,
    threads: BTreeMap<&'static str, Thread>,
    /// Who sent a button to whom.
    made: Vec<(&'static str, AppId)>,
    random: SmallRng,
}

impl Walk {
    async fn start(mode: Mode) -> Self {
        let w = World::empty(Limits::default(), true).await;
        let mut random = SmallRng::seed_from_u64(mode.name().bytes().map(u64::from).sum());
        let surface = match mode {
            Mode::InstagramRouting | Mode::ZeroConfig => Surface::Instagram,
            _ => Surface::Messenger,
        };
        let first = file(mode, &mut random);
        let routing = Arc::new(Routing::new(surface));
        let mut walk = Self { w, mode, surface, routing, threads: BTreeMap::new(), made: Vec::new(), random };
        walk.settings(first).await;
        walk
    }

    fn now(&self) -> Timestamp {
        self.w.engine.now()
    }

    /// The id in paths.
    fn id(&self) -> &'static str {
        if self.surface == Surface::Messenger { PAGE } else { ACCOUNT }
    }

    async fn settings(&mut self, file: Value) {
        let put = self.w.put("/baton/v1/routing", "application/json", &file.to_string()).await;
        assert_eq!(put.status, 200, "{}", put.text);
        let page: PageId = PAGE.parse().unwrap();
        self.routing = Arc::clone(self.w.engine.settings().routing(page, self.surface).unwrap());
    }

    /// One step.
    async fn step(mut self, number: usize) -> Self {
        match self.random.random_range(0..100) {
            0..12 => {
                let by =
                    *[1, 999, 60_000, HOUR, 5 * HOUR, 23 * HOUR, 24 * HOUR].choose(&mut self.random).unwrap();
                let reply = self.w.post("/baton/v1/clock", json!({"advance": format!("{by}ms")})).await;
                assert_eq!(reply.status, 200, "{}", reply.text);
            }
            12..15 => {
                // Now and then another mode of the same side, and back with the next change.
                let others = Mode::ALL.iter().filter(|mode| surface_of(**mode) == self.surface);
                let others: Vec<Mode> = others.copied().collect();
                let mode = if self.random.random_bool(0.3) {
                    *others.choose(&mut self.random).unwrap()
                } else {
                    self.mode
                };
                let file = file(mode, &mut self.random);
                self.settings(file).await;
            }
            15 => {
                let before = self.now();
                self.w = self.w.again().await;
                assert_eq!(self.now(), before, "a stop does not move this clock");
            }
            _ => {
                let asked = self.something();
                self.ask(number, asked).await;
            }
        }
        for (person, thread) in &self.threads {
            let shown = self.w.get(&format!("/baton/v1/pages/{}/threads/{person}", self.id())).await.json();
            let stands = standing(&self.routing, thread, self.now());
            let told = |value: Option<String>| value.map_or(Value::Null, Value::from);
            assert_eq!(
                shown["owner_app_id"],
                told(stands.owner.map(|app| app.to_string())),
                "step {number}: {shown}"
            );
            assert_eq!(shown["expires_at"], told(stands.expires_at.map(time)), "step {number}: {shown}");
            assert_eq!(shown["folder"], stands.thread.folder.name(), "step {number}: {shown}");
            let waiting = stands.thread.requests.iter().map(|waiting| json!(waiting.app.to_string()));
            let seen = shown["requests"].as_array().unwrap().iter().map(|one| one["app_id"].clone());
            assert!(waiting.eq(seen), "step {number}: {shown} {:?}", stands.thread.requests);
        }
        self
    }

    async fn ask(&mut self, number: usize, asked: Asked) {
        let who: PersonId = asked.person.parse().unwrap();
        let known = self.threads.get(asked.person);
        let decided = decide(&self.routing, &who, known, &asked.action, self.now());
        let reply = match &asked.token {
            Some(token) => self.w.call(token, &asked.path, asked.body.clone()).await,
            None => self.w.post(&asked.path, asked.body.clone()).await,
        };
        let told = format!("step {number}: {:?}\n{decided:?}\n{}", asked.action, reply.text);
        match (&decided, &asked.token) {
            (Err(refused), Some(_)) => {
                let error = GraphError::of(refused.why, self.surface);
                let expected = (u64::from(error.code), error.subcode.map(u64::from));
                assert_eq!((reply.status, reply.code()), (error.status, expected), "{told}");
            }
            (Err(refused), None) => refused_by_own(refused, known.is_some(), &reply, &told),
            (Ok(_), Some(_)) => assert_eq!(reply.status, 200, "{told}"),
            (Ok(decision), None) => {
                assert_eq!(reply.status, 200, "{told}");
                let body = reply.json();
                assert_eq!(body["rule"], decision.rule.0, "{told}");
                assert_eq!(body["via"], json!(decision.via.map(|via| via.0)), "{told}");
                assert_eq!(
                    body["notices"].as_array().map(|all| heard(all)),
                    Some(notices(decision)),
                    "{told}"
                );
            }
        }
        if let Ok(decision) = decided {
            if let Action::App { by, ask: Ask::Send(_), .. } = asked.action {
                self.made.push((asked.person, by));
            }
            self.threads.insert(asked.person, decision.thread);
        }
    }

    /// Something that somebody does.
    fn something(&mut self) -> Asked {
        let person = *["ann", "bob"].choose(&mut self.random).unwrap();
        match self.random.random_range(0..10) {
            0..4 => self.person_does(person),
            4..9 => self.app_asks(person),
            _ => self.desk_does(person),
        }
    }

    fn person_does(&mut self, person: &'static str) -> Asked {
        let by = id(*APPS.choose(&mut self.random).unwrap());
        let creator = self.made.contains(&(person, by)).then_some(by);
        let tapped = format!("BY-{by}");
        let text = json!({"text": "hello"});
        let (what, mut body) = match self.random.random_range(0..12) {
            0..5 => (What::Message, json!({"type": "message", "message": text})),
            5 => {
                let reply = json!({"text": "More", "quick_reply": {"payload": "MORE"}});
                (What::QuickReply, json!({"type": "message", "message": reply}))
            }
            6 | 7 => {
                (What::Postback { creator }, json!({"type": "postback", "postback": {"payload": tapped}}))
            }
            8 => {
                let breaker = json!({"type": "ice_breaker", "ice_breaker": {"payload": "WHERE"}});
                (What::IceBreaker { creator: None }, breaker)
            }
            9 if self.surface == Surface::Messenger => {
                (What::GetStarted { creator: None }, json!({"type": "get_started"}))
            }
            9 | 10 => (What::Referral, json!({"type": "referral"})),
            _ => {
                let read = json!({"type": "reaction", "reaction": {"mid": "m", "action": "react", "reaction": "love"}});
                (What::Signal(Signal::Reaction), read)
            }
        };
        let (entry, said) = match (what, self.random.random_range(0..10)) {
            (What::Signal(_), _) => (None, Value::Null),
            (_, 0) => (Some(Entry::Ad { id: "71" }), json!({"type": "ad", "ad_id": "71"})),
            (_, 1) => (Some(Entry::Ad { id: "72" }), json!({"type": "ad", "ad_id": "72"})),
            (_, 2) => (Some(Entry::Ad { id: "73" }), json!({"type": "ad", "ad_id": "73"})),
            (_, 3) => (Some(Entry::Link { reference: "spring" }), json!({"type": "link", "ref": "spring"})),
            (What::Referral, _) => {
                (Some(Entry::Link { reference: "nowhere" }), json!({"type": "link", "ref": "nowhere"}))
            }
            (_, _) => (None, Value::Null),
        };
        if entry.is_some() {
            body["entry"] = said;
        }
        let path = format!("/baton/v1/pages/{}/people/{person}/events", self.id());
        Asked { person, action: Action::Person(Did { what, entry }), token: None, path, body }
    }

    fn target(&mut self) -> AppId {
        match self.random.random_range(0..10) {
            0 => self.surface.inbox(),
            1 => id(509),
            _ => id(*APPS.choose(&mut self.random).unwrap()),
        }
    }

    fn app_asks(&mut self, person: &'static str) -> Asked {
        // Whose connection is gone has no token, which is no question for the rules.
        let there: Vec<AppId> = self.routing.apps.iter().map(|app| app.id).collect();
        let by = *there.choose(&mut self.random).unwrap();
        let to = self.target();
        let named = self.random.random_bool(0.7).then_some(to);
        let target = |body: &mut Value, to: Option<AppId>| {
            if let Some(to) = to {
                body["target_app_id"] = json!(to.to_string());
            }
        };
        let mut body = json!({"recipient": {"id": person}});
        let (ask, edge) = match self.random.random_range(0..20) {
            0..7 => return self.app_sends(person, by, to),
            7..10 => {
                target(&mut body, named);
                (Ask::Pass { to: named }, "pass_thread_control")
            }
            10..13 => (Ask::Take, "take_thread_control"),
            13..15 => (Ask::Request, "request_thread_control"),
            15..17 => (Ask::Release, "release_thread_control"),
            17 | 18 => {
                let duration = *[0, 1, 7200, 604_800, 604_801].choose(&mut self.random).unwrap();
                body["duration"] = json!(duration);
                (Ask::Extend { duration: Some(duration) }, "extend_thread_control")
            }
            _ => {
                target(&mut body, Some(to));
                body["metadata"] = json!("m");
                (Ask::Metadata { to }, "pass_thread_metadata")
            }
        };
        let metadata = (edge == "pass_thread_metadata").then_some("m");
        let path = format!("/{}/{edge}", self.id());
        Asked {
            person,
            action: Action::App { by, ask, metadata },
            token: Some(format!("walk-{by}")),
            path,
            body,
        }
    }

    fn app_sends(&mut self, person: &'static str, by: AppId, to: AppId) -> Asked {
        let buttons = json!([{"type": "postback", "title": "Go", "payload": format!("BY-{by}")}]);
        let payload = json!({"template_type": "button", "text": "What next?", "buttons": buttons});
        let message = json!({"attachment": {"type": "template", "payload": payload}});
        let mut body = json!({"recipient": {"id": person}, "messaging_type": "RESPONSE", "message": message});
        let tag = self.random.random_bool(0.2).then_some(Tag::HumanAgent);
        if tag.is_some() {
            (body["messaging_type"], body["tag"]) = (json!("MESSAGE_TAG"), json!("HUMAN_AGENT"));
        }
        let control = match self.random.random_range(0..8) {
            0 => {
                body["thread_control"] = json!({"payload": "pass_thread_control"});
                Some(ThreadControl::Pass { to: None })
            }
            1 => {
                body["thread_control"] = json!({"control_type": "pass", "app_id": to.to_string()});
                Some(ThreadControl::Pass { to: Some(to) })
            }
            2 => {
                body["thread_control"] = json!({"control_type": "release"});
                Some(ThreadControl::Release)
            }
            3 => {
                body["thread_control"] =
                    json!({"payload": "release_thread_control", "app_id": to.to_string()});
                Some(ThreadControl::Both)
            }
            _ => None,
        };
        let ask = Ask::Send(Send { tag, control, survey: false });
        let path = format!("/{}/messages", self.id());
        let action = Action::App { by, ask, metadata: None };
        Asked { person, action, token: Some(format!("walk-{by}")), path, body }
    }

    fn desk_does(&mut self, person: &'static str) -> Asked {
        let to = id(*APPS.choose(&mut self.random).unwrap());
        let (desk, body) = match self.random.random_range(0..5) {
            0 => (Desk::Reply, json!({"action": "reply", "text": "a person"})),
            1 => (Desk::MoveToMain, json!({"action": "move_to_main"})),
            2 => (Desk::Done, json!({"action": "done"})),
            3 => (Desk::Pass { to }, json!({"action": "pass", "app_id": to.to_string()})),
            _ => (Desk::Grant { to }, json!({"action": "grant", "app_id": to.to_string()})),
        };
        let path = format!("/baton/v1/pages/{}/threads/{person}/inbox", self.id());
        Asked { person, action: Action::Inbox { desk, metadata: None }, token: None, path, body }
    }
}

const fn surface_of(mode: Mode) -> Surface {
    match mode {
        Mode::InstagramRouting | Mode::ZeroConfig => Surface::Instagram,
        _ => Surface::Messenger,
    }
}

/// What Baton's own API says of a refusal; a conversation that nobody has is not there.
fn refused_by_own(refused: &Refused, known: bool, reply: &Reply, told: &str) {
    if known || refused.by.is_none() {
        assert_eq!((reply.status, reply.json()["rule"].clone()), (409, json!(refused.rule.0)), "{told}");
    } else {
        assert_eq!((reply.status, reply.slug().as_str()), (404, "unknown-person"), "{told}");
    }
}

/// A moment, as Baton's own API writes it.
fn time(at: Timestamp) -> String {
    let at = jiff::Timestamp::from_millisecond(at.0).unwrap();
    at.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

/// Who hears what on which channel, in order; control events by their names.
fn notices(decision: &Decision) -> Vec<(String, String, String)> {
    let name = |kind: EventKind| match kind {
        EventKind::Passed { .. } => "pass_thread_control",
        EventKind::Taken { .. } => "take_thread_control",
        EventKind::Requested { .. } => "request_thread_control",
        EventKind::Metadata { .. } => "pass_thread_metadata",
        EventKind::Quiet | EventKind::Said | EventKind::Echo => "",
    };
    let all = decision.events.iter().flat_map(|event| {
        event.notices.iter().map(move |notice| {
            let channel = if notice.channel == Channel::Messaging { "messaging" } else { "standby" };
            (notice.app.to_string(), channel.to_owned(), name(event.kind).to_owned())
        })
    });
    all.collect()
}

fn heard(all: &[Value]) -> Vec<(String, String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let control = |event: String| if event.contains("_thread_") { event } else { String::new() };
    all.iter()
        .map(|one| (text(&one["app_id"]), text(&one["channel"]), control(text(&one["event"]))))
        .collect()
}

async fn walk(mode: Mode) {
    let steps = std::env::var("WALK_STEPS").map_or(STEPS, |steps| steps.parse().unwrap());
    let mut walk = Walk::start(mode).await;
    for number in 0..steps {
        walk = walk.step(number).await;
    }
    walk.w.stop().await;
}

#[tokio::test]
async fn hop_p() {
    walk(Mode::HandoverPrimary).await;
}

#[tokio::test]
async fn hop_n() {
    walk(Mode::HandoverOpen).await;
}

#[tokio::test]
async fn mcr() {
    walk(Mode::MessengerRouting).await;
}

#[tokio::test]
async fn icr() {
    walk(Mode::InstagramRouting).await;
}

#[tokio::test]
async fn zc() {
    walk(Mode::ZeroConfig).await;
}

#[tokio::test]
async fn routing_of_2025() {
    walk(Mode::MessengerRouting2025).await;
}

#[tokio::test]
async fn zero_config_of_2025() {
    walk(Mode::MessengerZeroConfig).await;
}
