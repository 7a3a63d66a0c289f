//! A batch, decided. Pure: what was found and what is asked go in; rows, thread states and answers come
//! out. Requests are decided in order, and each sees what the earlier ones of its thread came to.

use std::collections::HashMap;
use std::sync::Arc;

use baton_rules::{
    Action, AdCount, AppId, Cause, Decision, Desk, EventKind, Lack, Lapse, Metadata, Refused, Routing,
    Surface, Survey, Thread, ThreadKey, Timestamp, decide, standing,
};
use baton_store::{
    AdCounts, Batch, ControlRow, Counted, Found, JournalRow, Page, Position, Remembered, Seen, SeenKey,
    Stream,
};
use baton_wire::MessageId;
use baton_wire::inbound::{EntryPoint, Kind};
use baton_wire::requests::Message;
use baton_wire::webhook::{self, Between, Item};
use bytes::Bytes;

use self::surveys::{HELD, Holding};
use crate::optins;
use crate::receipt::{CallersKey, DeskAct, Failure, NoticeSeen, Receipt, Request, Requested, ThreadSeen};

mod surveys;

/// A request with what had to be looked up for it beforehand.
#[derive(Clone, Debug)]
pub(crate) struct Prepared {
    pub(crate) request: Request,
    /// The app that made the tapped button.
    pub(crate) creator: Option<AppId>,
    /// The version of the settings by which the caller was let in: it is decided by these or not at all.
    pub(crate) under: Option<u64>,
    /// What the caller's token lacks for this: it is refused.
    pub(crate) lack: Option<Lack>,
}

/// What became of one request.
#[derive(Clone, Debug)]
pub(crate) struct Outcome {
    pub(crate) answer: Result<Receipt, Failure>,
    /// What was decided anew: surveys that were due before it, the decision itself, surveys that it set free.
    pub(crate) decided: Vec<Decided>,
}

/// A decision, as listeners are told of it.
#[derive(Clone, Debug)]
pub(crate) struct Decided {
    pub(crate) thread: ThreadKey,
    pub(crate) from: Option<AppId>,
    pub(crate) to: Option<AppId>,
    pub(crate) expires_at: Option<Timestamp>,
    /// Its rows, as a range of the batch's.
    pub(crate) rows: std::ops::Range<usize>,
}

impl From<Failure> for Outcome {
    fn from(failure: Failure) -> Self {
        Self { answer: Err(failure), decided: Vec::new() }
    }
}

/// Decides a batch of one stream: first of the threads that are `due`, then what is asked. `key` signs message
/// ids. Returns what is written, what became of each thread that was due, and of each request.
pub(crate) fn decide_batch(
    found: &Found,
    due: &[ThreadKey],
    requests: &[Prepared],
    stream: Stream,
    key: &[u8; 32],
) -> (Batch, Vec<Vec<Decided>>, Vec<Outcome>) {
    let mut work = Work {
        found,
        stream,
        key,
        head: found.head,
        batch: Batch::default(),
        threads: HashMap::new(),
        seen: HashMap::new(),
        holding: Holding::default(),
    };
    let told = due.iter().map(|thread| work.surveys(thread)).collect();
    let outcomes = requests.iter().map(|prepared| work.take(prepared)).collect();
    work.settle_held();
    let mut batch = work.batch;
    batch.threads = work.threads.into_iter().collect();
    batch.seen = work.seen.into_iter().collect();
    (batch, told, outcomes)
}

struct Work<'a> {
    found: &'a Found,
    stream: Stream,
    key: &'a [u8; 32],
    head: Position,
    batch: Batch,
    threads: HashMap<ThreadKey, Remembered>,
    seen: HashMap<SeenKey, Seen>,
    holding: Holding,
}

impl Work<'_> {
    fn take(&mut self, prepared: &Prepared) -> Outcome {
        let request = &prepared.request;
        if prepared.under.is_some_and(|version| version != self.found.settings.version) {
            return Failure::SettingsChanged.into();
        }
        if let Some(key) = &request.key
            && let Some(outcome) = self.repeated(&request.thread, key)
        {
            return outcome;
        }
        // Control may have lapsed with nobody there to see it: what waited for that comes first.
        let mut decided = self.surveys(&request.thread);
        let mut outcome = self.ask(prepared);
        decided.append(&mut outcome.decided);
        decided.append(&mut self.surveys(&request.thread));
        Outcome { decided, ..outcome }
    }

    /// A thread as it is after what was decided so far.
    fn thread(&self, key: &ThreadKey) -> Option<&Remembered> {
        self.threads.get(key).or_else(|| self.found.threads.get(key))
    }

    fn ask(&mut self, prepared: &Prepared) -> Outcome {
        let request = &prepared.request;
        let settings = self.found.settings.clone();
        let (page, surface) = (request.thread.page, request.thread.surface);
        let (Some(page), Some(routing)) = (settings.page(page), settings.routing(page, surface)) else {
            return Failure::NoPage.into();
        };
        let before = self.thread(&request.thread).cloned();
        let now = self.found.now;
        if let Requested::Inbox(DeskAct { if_owner: Some(expected), .. }) = &request.what {
            let stands = before.as_ref().map(|known| standing(routing, &known.thread, now));
            let thread = stands.map(|stands| ThreadSeen::of(stands.owner, stands.expires_at));
            let thread = thread.unwrap_or_default();
            if thread.owner != expected.map(AppId::number) {
                return Failure::ControlMoved { thread }.into();
            }
        }
        let action = action(prepared);
        let thread = before.as_ref().map(|remembered| &remembered.thread);
        let decided = match prepared.lack {
            Some(lack) => Err(lack.refuses(&action)),
            None => decide(routing, &request.thread.person, thread, &action, now),
        };
        match decided {
            Err(refused) => self.refuse(request, routing, before.as_ref(), refused),
            Ok(decision) if decision.survey == Survey::Held && decision.thread.held > HELD => {
                Failure::Busy.into()
            }
            Ok(decision) => {
                let (receipt, decided) = self.write(request, page, routing, before.as_ref(), decision, None);
                self.remember_answer(request, &receipt);
                Outcome { answer: Ok(receipt), decided: vec![decided] }
            }
        }
    }

    /// The first answer again, or a refusal where the key came with another body.
    fn repeated(&self, thread: &ThreadKey, key: &CallersKey) -> Option<Outcome> {
        let seen_key = (thread.clone(), key.key.as_str().into());
        let seen = self.seen.get(&seen_key).or_else(|| self.found.seen.get(&seen_key))?;
        if seen.fingerprint != key.fingerprint {
            return Some(Failure::KeyReused.into());
        }
        let receipt = serde_json::from_slice(&seen.answer).ok()?;
        Some(Outcome { answer: Ok(receipt), decided: Vec::new() })
    }

    fn refuse(
        &mut self,
        request: &Request,
        routing: &Routing,
        before: Option<&Remembered>,
        refused: Refused,
    ) -> Outcome {
        let now = self.found.now;
        let stands = before.map(|remembered| standing(routing, &remembered.thread, now));
        // A person who never wrote has no history. A malformed call is none of a thread's, and one that would pass on
        // nothing but words has nothing to do with control.
        if stands.is_some() && !refused.why.is_malformed() && refused.cause != Cause::Metadata {
            self.batch.control.push(ControlRow {
                thread: request.thread.clone(),
                position: self.head,
                number: 0,
                at: now,
                rule: refused.rule.0.into(),
                via: None,
                cause: refused.cause,
                by: refused.by,
                from: None,
                to: None,
                expires_at: None,
                metadata: said_with(request).map(Into::into),
                refused: Some(refused.why.id().into()),
            });
        }
        let thread = stands.map(|stands| ThreadSeen::of(stands.owner, stands.expires_at)).unwrap_or_default();
        Failure::Refused { refused, surface: request.thread.surface, thread }.into()
    }

    /// Writes a decision. A message that was accepted before has its id by that place.
    fn write(
        &mut self,
        request: &Request,
        page: &Page,
        routing: &Routing,
        before: Option<&Remembered>,
        decision: Decision,
        accepted: Option<Position>,
    ) -> (Receipt, Decided) {
        let first = self.batch.rows.len();
        let now = self.found.now;
        let mut previous = before.map(|remembered| remembered.last);
        if let Some(lapse) = decision.lapse {
            let ended = before.map(|remembered| standing(routing, &remembered.thread, now).thread);
            self.lapse(&request.thread, lapse, ended.unwrap_or_default(), &mut previous);
        }
        let mut message_id = None;
        let mut notices = Vec::new();
        let mut talked = false;
        for event in &decision.events {
            let position = self.head.next();
            let place = accepted.unwrap_or(position);
            let mid = MessageId::mint(self.key, request.thread.surface, self.stream.0, place.0);
            let item = render(request, page, now, &mid, event.kind);
            let context = event.notices.iter().find(|notice| notice.context).map(|notice| {
                let handed = before.and_then(|remembered| remembered.thread.handed.as_deref());
                webhook::hop_context(notice.app, handed.unwrap_or_default())
            });
            if is_message(request, event.kind) || decision.survey == Survey::Held {
                message_id = Some(mid.as_str().to_owned());
            }
            talked |= is_message(request, event.kind);
            let name = item.as_ref().map(|item| item.event);
            notices.extend(event.notices.iter().map(|notice| NoticeSeen {
                app: notice.app.number(),
                standby: notice.channel == baton_rules::Channel::Standby,
                event: name.unwrap_or_default().to_owned(),
            }));
            let (whole, reduced) = item.map(|item| (item.whole, item.reduced)).unwrap_or_default();
            self.push(JournalRow {
                position,
                chain: Some(request.thread.clone().into()),
                previous,
                at: now,
                rule: decision.rule.0.into(),
                via: decision.via.map(|via| via.0.into()),
                cause: decision.cause,
                by: decision.by,
                event: name.map(Into::into),
                notices: event.notices.iter().copied().collect(),
                whole,
                reduced,
                context,
                after: decision.thread.clone(),
            });
            previous = Some(position);
        }
        self.keep(request, &decision);
        if let Requested::Person(event) = &request.what {
            optins::keep(&request.thread, event, now, &mut self.batch.assets);
        }
        let receipt = Receipt {
            message_id,
            at: now.0,
            rule: decision.rule.0.to_owned(),
            via: decision.via.map(|via| via.0.to_owned()),
            thread: ThreadSeen::of(decision.to, decision.expires_at),
            notices,
        };
        self.remember(request, before, decision.thread, talked);
        let rows = first..self.batch.rows.len();
        let decided = Decided {
            thread: request.thread.clone(),
            from: decision.from,
            to: decision.to,
            expires_at: decision.expires_at,
            rows,
        };
        (receipt, decided)
    }

    /// What follows from a decision beside its rows: a survey that is held back, an entry in the history.
    fn keep(&mut self, request: &Request, decision: &Decision) {
        if let (Survey::Held, Some(by)) = (decision.survey, decision.by) {
            self.hold(request, by, self.head);
        }
        if decision.concerns_control() {
            self.batch.control.push(control(request, decision, self.head, self.found.now));
        }
        self.batch.counted.extend(decision.counts.iter().map(|count| counted(&request.thread, count)));
    }

    fn remember(&mut self, request: &Request, before: Option<&Remembered>, thread: Thread, talked: bool) {
        let now = self.found.now;
        let last_message_at = match before {
            Some(remembered) if !talked => remembered.last_message_at,
            Some(_) | None => now,
        };
        self.threads.insert(request.thread.clone(), Remembered { thread, last: self.head, last_message_at });
    }

    fn remember_answer(&mut self, request: &Request, receipt: &Receipt) {
        if let Some(key) = &request.key {
            // A receipt is plain data: it cannot fail to be written as JSON.
            let answer = serde_json::to_vec(receipt).map(Bytes::from).unwrap_or_default();
            let seen = Seen { fingerprint: key.fingerprint, answer, at: self.found.now };
            self.seen.insert((request.thread.clone(), key.key.as_str().into()), seen);
        }
    }

    /// Control that lapsed gets a row of its own, dated when it happened.
    fn lapse(&mut self, thread: &ThreadKey, lapse: Lapse, after: Thread, previous: &mut Option<Position>) {
        let position = self.head.next();
        self.push(JournalRow {
            position,
            chain: Some(thread.clone().into()),
            previous: *previous,
            at: lapse.at,
            rule: lapse.rule.0.into(),
            via: None,
            cause: Cause::Expiry,
            by: None,
            event: None,
            notices: Vec::new(),
            whole: Bytes::new(),
            reduced: None,
            context: None,
            after,
        });
        self.batch.control.push(ControlRow {
            thread: thread.clone(),
            position,
            at: lapse.at,
            rule: lapse.rule.0.into(),
            via: None,
            cause: Cause::Expiry,
            by: None,
            from: Some(lapse.from),
            to: lapse.to,
            expires_at: None,
            metadata: None,
            refused: None,
            number: 0,
        });
        *previous = Some(position);
    }

    fn push(&mut self, row: JournalRow) {
        self.head = row.position;
        self.batch.rows.push(Arc::new(row));
    }
}

fn action(prepared: &Prepared) -> Action<'_> {
    match &prepared.request.what {
        Requested::Person(event) => event.action(prepared.creator),
        Requested::App { by, call } => {
            Action::App { by: *by, ask: call.ask, metadata: call.metadata.as_deref() }
        }
        Requested::Inbox(act) => Action::Inbox { desk: act.desk, metadata: act.metadata.as_deref() },
    }
}

fn said_with(request: &Request) -> Option<&str> {
    match &request.what {
        Requested::Person(_) => None,
        Requested::App { call, .. } => call.metadata.as_deref(),
        Requested::Inbox(act) => act.metadata.as_deref(),
    }
}

fn control(request: &Request, decision: &Decision, position: Position, now: Timestamp) -> ControlRow {
    // What a rule says for the caller (HOP-INBOX-7) is what was said.
    let fixed = decision.events.iter().find_map(|event| match event.kind {
        EventKind::Passed { metadata: Metadata::Fixed(text), .. } if !text.is_empty() => Some(text),
        EventKind::Quiet
        | EventKind::Said
        | EventKind::Echo
        | EventKind::Passed { .. }
        | EventKind::Taken { .. }
        | EventKind::Requested { .. }
        | EventKind::Metadata { .. } => None,
    });
    ControlRow {
        thread: request.thread.clone(),
        position,
        at: now,
        rule: decision.rule.0.into(),
        via: decision.via.map(|via| via.0.into()),
        cause: decision.cause,
        by: decision.by,
        from: decision.from,
        to: decision.to,
        expires_at: decision.expires_at,
        metadata: said_with(request).or(fixed).map(Into::into),
        refused: None,
        number: 0,
    }
}

fn counted(thread: &ThreadKey, count: &AdCount) -> Counted {
    Counted {
        page: thread.page,
        surface: thread.surface,
        ad: count.ad.clone(),
        counts: AdCounts { entries: count.entries, conversations: count.conversations },
    }
}

/// Whether an event is one that a `mid` names.
fn is_message(request: &Request, kind: EventKind) -> bool {
    match (&request.what, kind) {
        (_, EventKind::Echo) => true,
        (Requested::Person(event), EventKind::Said) => match event.kind {
            Kind::Message | Kind::Postback | Kind::Menu | Kind::GetStarted | Kind::IceBreaker => true,
            Kind::Referral
            | Kind::Optin
            | Kind::Read
            | Kind::Delivery
            | Kind::Reaction
            | Kind::Edit
            | Kind::Unsend
            | Kind::AccountLinking
            | Kind::Feedback => false,
        },
        (Requested::App { .. } | Requested::Inbox(_) | Requested::Person(_), _) => false,
    }
}

fn render(request: &Request, page: &Page, now: Timestamp, mid: &MessageId, kind: EventKind) -> Option<Item> {
    let account = match request.thread.surface {
        Surface::Messenger => page.id,
        Surface::Instagram => page.instagram.as_ref().map_or(page.id, |instagram| instagram.id),
    };
    let surface = request.thread.surface;
    let between = Between { page: account, surface, person: &request.thread.person, at: now };
    let given = said_with(request).unwrap_or_default();
    let text = |metadata: Metadata| match metadata {
        Metadata::Given => given,
        Metadata::Fixed(text) => text,
    };
    match kind {
        EventKind::Quiet => None,
        EventKind::Said => match &request.what {
            Requested::Person(event) => {
                Some(webhook::said(between, mid, event, ad_title(page, surface, event.entry.as_ref())))
            }
            Requested::App { .. } | Requested::Inbox(_) => None,
        },
        EventKind::Echo => {
            let (by, message) = sent(request)?;
            Some(webhook::echo(between, mid, by, &message))
        }
        EventKind::Passed { from, to, metadata } => Some(webhook::passed(between, from, to, text(metadata))),
        EventKind::Taken { from, to, metadata } => Some(webhook::taken(between, from, to, text(metadata))),
        EventKind::Requested { by, metadata } => Some(webhook::requested(between, by, text(metadata))),
        EventKind::Metadata { by } => Some(webhook::metadata(between, by, given)),
    }
}

/// Who sends, and what.
fn sent(request: &Request) -> Option<(AppId, Message)> {
    match &request.what {
        Requested::Person(_) => None,
        Requested::App { by, call } => Some((*by, call.message.clone()?)),
        Requested::Inbox(act) => {
            debug_assert!(act.desk == Desk::Reply, "only a reply is sent");
            Some((request.thread.surface.inbox(), act.message.clone()?))
        }
    }
}

fn ad_title<'a>(page: &'a Page, surface: Surface, entry: Option<&EntryPoint>) -> Option<&'a str> {
    match entry {
        Some(EntryPoint::Ad { id }) => {
            let mut ads = page.ads.iter().filter(|ad| Surface::from(ad.on) == surface);
            ads.find(|ad| ad.id == *id).map(|ad| ad.name.as_str())
        }
        Some(EntryPoint::Link { .. } | EntryPoint::Organic) | None => None,
    }
}

#[cfg(test)]
mod tests;
