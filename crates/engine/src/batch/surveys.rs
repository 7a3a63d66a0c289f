//! Surveys that are held back until their thread is idle (HOP-SURVEY-1 to 5). They go out in the same batch as
//! whatever left the thread idle, before anything else of it: nobody can come in between. Only a lapse and a
//! change of settings happen without a batch; for them the rows are due.

use std::collections::{BTreeMap, HashMap};

use baton_rules::{Action, AppId, Ask, Decision, Send, Survey, ThreadKey, Timestamp, decide, standing};
use baton_store::{Due, Position};
use baton_wire::requests::{Call, Message};
use bytes::Bytes;
use serde_json::{Map, Value};

use super::{Decided, Work};
use crate::receipt::{Request, Requested};

/// How many surveys a thread holds back at most.
pub(super) const HELD: u16 = 50;
/// How long a survey may wait: as long as it may be sent (HOP-SURVEY-5).
const WINDOW_SECONDS: i64 = 7 * 24 * 3600;

/// What is held back of the threads of a batch.
#[derive(Default)]
pub(super) struct Holding(HashMap<ThreadKey, Held>);

/// Of one thread: what the store holds, and what it shall.
#[derive(Default)]
struct Held {
    before: BTreeMap<Position, Due>,
    now: BTreeMap<Position, Due>,
}

impl Work<'_> {
    fn held(&mut self, key: &ThreadKey) -> &mut Held {
        let kept = self.found.due.get(key);
        self.holding.0.entry(key.clone()).or_insert_with(|| {
            let before: BTreeMap<_, _> =
                kept.into_iter().flatten().map(|due| (due.number, due.clone())).collect();
            Held { now: before.clone(), before }
        })
    }

    /// A survey was accepted and is not sent yet.
    pub(super) fn hold(&mut self, request: &Request, by: AppId, number: Position) {
        let Requested::App { call: Call { message: Some(message), .. }, .. } = &request.what else { return };
        // A message is plain data: it cannot fail to be written as JSON.
        let content = serde_json::to_vec(&message.content).map(Bytes::from).unwrap_or_default();
        let thread = request.thread.clone();
        // When it is due is known when the batch is decided.
        let due = Due { thread: thread.clone(), number, at: self.found.now, by, content };
        self.held(&thread).now.insert(number, due);
    }

    /// Sends or gives up what a thread holds back, oldest first, as long as the rules say so.
    pub(super) fn surveys(&mut self, key: &ThreadKey) -> Vec<Decided> {
        let mut told = Vec::new();
        let holds = |work: &Self| work.thread(key).is_some_and(|kept| kept.thread.held > 0);
        while holds(self)
            && let Some(due) = self.held(key).now.values().next().cloned()
        {
            let settings = self.found.settings.clone();
            let (Some(page), Some(routing)) =
                (settings.page(key.page), settings.routing(key.page, key.surface))
            else {
                // The page is gone, and whoever asked with it.
                self.held(key).now.clear();
                if let Some(mut kept) = self.thread(key).cloned() {
                    kept.thread.held = 0;
                    self.threads.insert(key.clone(), kept);
                }
                break;
            };
            let Some(before) = self.thread(key).cloned() else { break };
            let action = Action::Due { by: due.by };
            let decision = decide(routing, &key.person, Some(&before.thread), &action, self.found.now);
            let Some(decision) = decision.ok().filter(|decision| decision.survey != Survey::Held) else {
                break;
            };
            told.push(self.send_held(&due, page, routing, &before, decision));
            self.held(key).now.remove(&due.number);
        }
        told
    }

    fn send_held(
        &mut self,
        due: &Due,
        page: &baton_store::Page,
        routing: &baton_rules::Routing,
        before: &baton_store::Remembered,
        decision: Decision,
    ) -> Decided {
        // Written by `hold`: an object.
        let content: Map<String, Value> = serde_json::from_slice(&due.content).unwrap_or_default();
        let call = Call {
            person: due.thread.person.clone(),
            ask: Ask::Send(Send { tag: None, control: None, survey: true }),
            metadata: None,
            message: Some(Message { content }),
        };
        let what = Requested::App { by: due.by, call };
        let request = Request { thread: due.thread.clone(), what, key: None };
        self.write(&request, page, routing, Some(before), decision, Some(due.number)).1
    }

    /// When what is still held back is to be looked at again: when control lapses. Where nobody has control,
    /// messaging is off, and it waits for a change of settings or the end of its window.
    pub(super) fn end_of_wait(&self, key: &ThreadKey) -> Option<Timestamp> {
        let routing = self.found.settings.routing(key.page, key.surface)?;
        let stands = standing(routing, &self.thread(key)?.thread, self.found.now);
        let window = stands.thread.last_heard.map(|heard| heard.plus_seconds(WINDOW_SECONDS));
        stands.expires_at.or(window).filter(|at| *at > self.found.now)
    }

    /// What the batch writes of all this.
    pub(super) fn settle_held(&mut self) {
        for (key, held) in std::mem::take(&mut self.holding.0) {
            // A look that finds nothing to do is not to be repeated at once.
            let at = self.end_of_wait(&key).unwrap_or_else(|| self.found.now.plus_seconds(60));
            for number in held.before.keys().filter(|number| !held.now.contains_key(number)) {
                self.batch.undue.push((key.clone(), *number));
            }
            for due in held.now.into_values().map(|due| Due { at, ..due }) {
                if held.before.get(&due.number) != Some(&due) {
                    self.batch.due.push(due);
                }
            }
        }
    }
}
