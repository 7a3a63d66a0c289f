//! Who keeps a node busy: people who write, apps that send and move control, and somebody at the inbox. Each is
//! a task with chances of its own.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use baton_engine::{CallersKey, Clock, DeskAct, Engine, Failure, Request, Requested};
use baton_rules::build::{app, name, person};
use baton_rules::{AppId, Ask, Desk, PageId, Send, Surface, Tag, ThreadControl, ThreadKey, Timestamp};
use baton_wire::inbound::{EntryPoint, Kind, PersonEvent};
use baton_wire::requests::{Call, Message};
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use serde_json::{Map, Value, json};

use crate::clock::SimClock;
use crate::record::{Outcome, Record};
use crate::settings::{HANDOVER, ROUTING, apps_of};

/// Something to ask, and what has been made of it.
#[derive(Clone, Debug)]
pub struct Question {
    /// Its number in the record.
    pub op: usize,
    request: Request,
}

/// What callers remember while nodes come and go.
#[derive(Debug, Default)]
pub struct Memory {
    /// Asked with a key and not answered: to be asked again. By number.
    open: BTreeMap<usize, Question>,
    /// Answered: may be asked again all the same.
    done: Vec<Question>,
}

/// Everybody outside of one life of a node.
#[derive(Clone)]
pub struct Crowd {
    /// The node.
    pub engine: Engine,
    /// The time.
    pub clock: Arc<SimClock>,
    /// What is seen.
    pub record: Arc<Record>,
    /// What callers remember.
    pub memory: Arc<Mutex<Memory>>,
    /// How many people write to each page.
    pub people: usize,
    /// The longest pause between two questions of one caller, in milliseconds.
    pub think: i64,
}

/// The text by which a question is known again, wherever it turns up.
fn token(op: usize) -> String {
    format!("op-{op:06}-")
}

/// The numbers of the questions that a text speaks of.
pub fn tokens(text: &[u8]) -> impl Iterator<Item = usize> {
    text.windows(10).filter_map(|window| {
        let digits = window.strip_prefix(b"op-")?.strip_suffix(b"-")?;
        std::str::from_utf8(digits).ok()?.parse().ok()
    })
}

/// The people of a page: every third writes to its Instagram account.
pub fn thread(page: PageId, number: usize) -> ThreadKey {
    let side = if page == HANDOVER { "h" } else { "r" };
    let surface = if number % 3 == 2 { Surface::Instagram } else { Surface::Messenger };
    ThreadKey { page, surface, person: person(&format!("{side}{number}")) }
}

fn pick<T: Copy>(random: &mut SmallRng, all: &[T]) -> Option<T> {
    (!all.is_empty()).then(|| random.random_range(0..all.len())).and_then(|at| all.get(at)).copied()
}

impl Crowd {
    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One caller: asks, one thing after another, until the end.
    pub async fn call(self, seed: u64, end: Timestamp) {
        let mut random = SmallRng::seed_from_u64(seed);
        while self.clock.lived() < end {
            let pause = if random.random_bool(0.3) { 0 } else { random.random_range(0..=self.think) };
            self.clock.sleep(pause).await;
            let again = random.random_bool(0.15).then(|| self.again(&mut random)).flatten();
            match again {
                Some(question) => {
                    let other_body = random.random_bool(0.1);
                    self.ask(question, other_body, &mut random).await;
                }
                None => {
                    let question = self.question(&mut random);
                    self.ask(question, false, &mut random).await;
                }
            }
        }
    }

    /// Something that was asked before, with its key.
    fn again(&self, random: &mut SmallRng) -> Option<Question> {
        let memory = self.memory();
        let open = memory.open.len();
        if open > 0 && random.random_bool(0.8) {
            return memory.open.values().nth(random.random_range(0..open)).cloned();
        }
        let recent = memory.done.len().saturating_sub(20);
        let recent = memory.done.get(recent..).unwrap_or_default();
        (!recent.is_empty())
            .then(|| random.random_range(0..recent.len()))
            .and_then(|at| recent.get(at))
            .cloned()
    }

    /// Asks everything again that has no answer yet.
    pub async fn insist(&self) {
        let open: Vec<_> = self.memory().open.values().cloned().collect();
        let mut random = SmallRng::seed_from_u64(0);
        for question in open {
            self.ask_to_the_end(question, false, &mut random).await;
        }
    }

    async fn ask(&self, question: Question, other_body: bool, random: &mut SmallRng) {
        let leaves = random.random_bool(0.03).then(|| random.random_range(0..30));
        let op = question.op;
        tokio::select! {
            biased;
            () = self.ask_to_the_end(question, other_body, random) => {}
            () = self.clock.sleep(leaves.unwrap_or_default()), if leaves.is_some() => {
                self.record.note(self.clock.now(), format_args!("whoever asked {} leaves", token(op)));
            }
        }
    }

    async fn ask_to_the_end(&self, question: Question, other_body: bool, random: &mut SmallRng) {
        let mut request = question.request.clone();
        let op = question.op;
        if let (true, Some(key)) = (other_body, &mut request.key) {
            key.fingerprint[0] ^= 1;
        } else if request.key.is_some() {
            self.memory().open.insert(op, question.clone());
        }
        let time = self.record.asked(op, other_body);
        let keyed = request.key.is_some();
        let answer = self.engine.submit(request).await;
        let outcome = match answer {
            Ok(receipt) => Outcome::Done(Box::new(receipt)),
            Err(Failure::Refused { refused, .. }) => Outcome::Refused(refused.rule.0),
            Err(Failure::KeyReused) => Outcome::KeyReused,
            Err(
                Failure::NoPage | Failure::SettingsChanged | Failure::ControlMoved { .. } | Failure::Busy,
            ) => Outcome::NotDone,
            Err(Failure::Store(_) | Failure::Stopping) => Outcome::Unknown,
        };
        let told = match &outcome {
            Outcome::Done(receipt) => format!("done by {} at {}", receipt.rule, receipt.at),
            other => format!("{other:?}"),
        };
        self.record.note(self.clock.now(), format_args!("{}{time} {told}", token(op)));
        if keyed && !other_body {
            match &outcome {
                Outcome::Unknown | Outcome::NotDone if random.random_bool(0.9) => {}
                Outcome::Done(_) => {
                    let mut memory = self.memory();
                    memory.open.remove(&op);
                    memory.done.push(question);
                }
                Outcome::Unknown | Outcome::NotDone | Outcome::Refused(_) | Outcome::KeyReused => {
                    self.memory().open.remove(&op);
                }
            }
        }
        self.record.answered(op, time, outcome);
    }

    /// Something new.
    fn question(&self, random: &mut SmallRng) -> Question {
        let thread = somebodys(random, self.people);
        let op = self.record.op(&thread, String::new());
        let request = asked(random, thread, op);
        let text = describe(&request.what);
        let sure = if request.key.is_some() { "" } else { " (no key)" };
        self.record
            .note(self.clock.now(), format_args!("{} of {}: {text}{sure}", token(op), request.thread.person));
        if let Some(known) = self.record.seen().ops.get_mut(op) {
            known.what = text;
        }
        Question { op, request }
    }
}

/// The conversation of one of so many people of either page.
pub fn somebodys(random: &mut SmallRng, people: usize) -> ThreadKey {
    let page = if random.random_bool(0.5) { HANDOVER } else { ROUTING };
    thread(page, random.random_range(0..people))
}

/// What somebody asks about a conversation; known again by a number, and where it came with a key by that.
pub fn asked(random: &mut SmallRng, thread: ThreadKey, op: usize) -> Request {
    let (what, sure) = match random.random_range(0..100) {
        0..45 => (Requested::Person(event(random, thread.page, op)), true),
        45..70 => (sending(random, &thread, op), random.random_bool(0.5)),
        70..95 => (controlling(random, &thread, op), random.random_bool(0.2)),
        _ => (Requested::Inbox(desk(random, op)), random.random_bool(0.2)),
    };
    let key = sure.then(|| {
        let mut fingerprint = [0; 32];
        fingerprint[..8].copy_from_slice(&op.to_be_bytes());
        CallersKey { key: token(op), fingerprint }
    });
    Request { thread, what, key }
}

fn describe(what: &Requested) -> String {
    match what {
        Requested::Person(event) => format!("{:?} by {:?}", event.kind, event.entry),
        Requested::App { by, call } => format!("{} asks {:?}", name(*by), call.ask),
        Requested::Inbox(act) => format!("the inbox {:?}", act.desk),
    }
}

fn texts(pairs: &[(&str, String)]) -> Map<String, Value> {
    pairs.iter().map(|(key, text)| ((*key).to_owned(), Value::from(text.as_str()))).collect()
}

fn event(random: &mut SmallRng, page: PageId, op: usize) -> PersonEvent {
    let text = token(op);
    let entry = match random.random_range(0..10) {
        0 => Some(EntryPoint::Link { reference: "spring".to_owned() }),
        1 => Some(EntryPoint::Ad { id: "1001".to_owned() }),
        2 => Some(EntryPoint::Organic),
        _ => None,
    };
    // Who has a default app has ads and links; elsewhere an ad that is not there is refused, which is fine.
    let entry = entry.filter(|_| page == ROUTING || random.random_bool(0.2));
    let (kind, content, entry) = match random.random_range(0..20) {
        0 => (Kind::Reaction, texts(&[("reaction", "other".to_owned()), ("emoji", text)]), None),
        1 => (Kind::Postback, texts(&[("title", text), ("payload", "MORE".to_owned())]), None),
        2 => (Kind::GetStarted, texts(&[("title", text), ("payload", "START".to_owned())]), entry),
        _ => (Kind::Message, texts(&[("text", text)]), entry),
    };
    PersonEvent { event_id: Some(token(op)), kind, entry, level: baton_rules::MenuLevel::Page, content }
}

fn caller(random: &mut SmallRng, page: PageId) -> AppId {
    pick(random, apps_of(page)).map_or(AppId::PAGE_INBOX, app)
}

fn target(random: &mut SmallRng, thread: &ThreadKey) -> Option<AppId> {
    match random.random_range(0..10) {
        0 => None,
        1 => Some(thread.surface.inbox()),
        _ => Some(caller(random, thread.page)),
    }
}

fn sending(random: &mut SmallRng, thread: &ThreadKey, op: usize) -> Requested {
    let by = caller(random, thread.page);
    let mut message = Message::of_text(&token(op));
    if random.random_bool(0.1) {
        let replies = json!([{"content_type": "text", "title": "More", "payload": "MORE"}]);
        message.content.insert("quick_replies".to_owned(), replies);
    }
    let control = match random.random_range(0..20) {
        0 | 1 if thread.page == ROUTING => Some(ThreadControl::Pass { to: target(random, thread) }),
        2 if thread.page == ROUTING => Some(ThreadControl::Release),
        3 => Some(ThreadControl::Both),
        _ => None,
    };
    let survey = random.random_bool(0.2);
    let tag = random.random_bool(0.15).then_some(Tag::HumanAgent);
    let ask = Ask::Send(Send { tag, control, survey });
    let call = Call { person: thread.person.clone(), ask, metadata: None, message: Some(message) };
    Requested::App { by, call }
}

fn controlling(random: &mut SmallRng, thread: &ThreadKey, op: usize) -> Requested {
    let by = caller(random, thread.page);
    let ask = match random.random_range(0..25) {
        0..9 => Ask::Pass { to: target(random, thread) },
        9..14 => Ask::Take,
        14..18 => Ask::Request,
        18..22 => Ask::Release,
        22 | 23 => Ask::Extend { duration: Some(random.random_range(1..700_000)) },
        _ => Ask::Metadata { to: caller(random, thread.page) },
    };
    let call = Call { person: thread.person.clone(), ask, metadata: Some(token(op)), message: None };
    Requested::App { by, call }
}

fn desk(random: &mut SmallRng, op: usize) -> DeskAct {
    let to = caller(random, HANDOVER);
    let desk = match random.random_range(0..6) {
        0 | 1 => Desk::Reply,
        2 => Desk::MoveToMain,
        3 => Desk::Done,
        4 => Desk::Pass { to },
        _ => Desk::Grant { to },
    };
    let message = (desk == Desk::Reply).then(|| Message::of_text(&token(op)));
    DeskAct { desk, message, metadata: Some(token(op)), if_owner: None }
}
