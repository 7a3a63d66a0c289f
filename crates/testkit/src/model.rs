//! What must have happened, in a few lines, whatever the node did to get there: what was acknowledged is
//! there, once; what was refused is not; each app got everything that was decided for it, in order; each
//! change of owner is told as it was.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use baton_engine::Receipt;
use baton_rules::{AppId, Cause, Surface, Thread, ThreadKey, Timestamp, build, standing};
use baton_store::memory::MemoryStore;
use baton_store::{Chain, ControlRow, JournalRow, Page, Position, Settings, Store, Stream, stream_of};
use baton_wire::MessageId;
use futures_util::FutureExt;
use serde_json::{Value, json};

use crate::people::tokens;
use crate::record::{Asked, Changed, Op, Outcome, Place, Seen};

/// A repeat is known for 72 hours.
const REMEMBERED: i64 = 72 * 3_600_000;
/// Tries that a row gets before it is given up.
const TRIES: usize = 6;

/// What is looked at when a story has ended.
#[derive(Debug)]
pub struct Model<'a> {
    /// What was seen from outside.
    pub seen: &'a Seen,
    /// What is on the disk.
    pub disk: &'a MemoryStore,
    /// Conversations of which an app takes nothing for ever.
    pub poison: &'a BTreeSet<(AppId, ThreadKey)>,
}

/// What became of one row at one app.
#[derive(Debug, Default)]
struct Fate {
    /// When each attempt was sent, and in which webhook.
    sent: Vec<(u64, u64)>,
    acked: Option<u64>,
    /// Every time that it was accepted.
    acks: Vec<u64>,
    /// Answers that more tries will not change.
    hopeless: usize,
}

type Rows<'a> = Vec<(Stream, &'a Arc<JournalRow>)>;

impl Model<'_> {
    /// Everything that is wrong.
    pub fn check(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        self.journal(&mut wrong);
        self.deliveries(&mut wrong);
        self.questions(&mut wrong);
        self.control(&mut wrong);
        self.roles(&mut wrong);
        self.begins(&mut wrong);
        self.stops(&mut wrong);
        self.surveys(&mut wrong);
        wrong.truncate(20);
        wrong
    }

    /// What is not delivered yet although it must be: app and place.
    pub fn pending(&self) -> Vec<(AppId, Place)> {
        let fates = self.fates();
        let mut pending = Vec::new();
        for (app, talks) in self.decided() {
            let dead = self.dead(app);
            for (chain, rows) in talks {
                if self.is_poisoned(app, &chain) {
                    continue;
                }
                let places = rows.iter().map(|(stream, row)| (*stream, row.position));
                let open = places.filter(|place| self.counts(app, *place)).filter(|place| {
                    let acked = fates.get(&(app, *place)).is_some_and(|fate| fate.acked.is_some());
                    !acked && !dead.contains_key(place)
                });
                pending.extend(open.map(|place| (app, place)));
            }
        }
        pending
    }

    /// The change with which delivery to an app began, as it is now.
    fn begin(&self, app: AppId) -> Option<&Changed> {
        self.seen.settings.iter().rev().find(|change| change.begins(app))
    }

    /// Whether a place is behind the change with which delivery to an app began: nothing before it is the app's.
    fn counts(&self, app: AppId, place: Place) -> bool {
        let begin = self.begin(app).and_then(|change| change.positions.get(usize::from(place.0.0)));
        begin.is_some_and(|begin| place.1 > *begin)
    }

    /// What was before an app's delivery began anew is not sent any more.
    fn begins(&self, wrong: &mut Vec<String>) {
        for attempt in &self.seen.tries {
            let late = self.seen.settings.iter().filter(|change| change.begins(attempt.app)).find(|change| {
                let at = change.positions.get(usize::from(attempt.place.0.0));
                // A webhook that was on its way just then may arrive.
                at.is_some_and(|at| attempt.place.1 <= *at)
                    && change.count < attempt.sent
                    && change.at < attempt.at
            });
            if let Some(change) = late {
                let (app, place) = (build::name(attempt.app), attempt.place);
                wrong.push(format!("{app} is sent {place:?} after it began anew at {:?}", change.positions));
            }
        }
    }

    /// What was accepted in a life that ended with a stop is not sent again after it.
    fn stops(&self, wrong: &mut Vec<String>) {
        for ((app, place), fate) in self.fates() {
            let again = self.seen.stopped.iter().any(|(born, stop)| {
                let acked = fate.acks.iter().any(|acked| acked > born && acked < stop);
                acked && fate.sent.iter().any(|(sent, _)| sent > stop)
            });
            if again {
                wrong.push(format!("{} is sent {place:?} again after a stop", build::name(app)));
            }
        }
    }

    fn is_poisoned(&self, app: AppId, chain: &Chain) -> bool {
        chain.thread().is_some_and(|thread| self.poison.contains(&(app, thread.clone())))
    }

    /// The disk holds what it took, without gaps, and each conversation is a chain.
    fn journal(&self, wrong: &mut Vec<String>) {
        let mut last: BTreeMap<&Chain, Position> = BTreeMap::new();
        let heads = self.disk.heads().now_or_never().and_then(Result::ok).unwrap_or_default();
        let oldest = self.disk.oldest().now_or_never().and_then(Result::ok).unwrap_or_default();
        for (stream, rows) in &self.seen.rows {
            // What is deleted for its age goes from the oldest on.
            let first = oldest.rows.get(usize::from(stream.0)).copied().flatten();
            let first = first.map_or(Position(u64::MAX), |(first, _)| first);
            let changes =
                self.seen.settings.iter().filter_map(|change| change.positions.get(usize::from(stream.0)));
            let mut places: BTreeSet<Position> = changes.copied().collect();
            for row in rows {
                if !places.insert(row.position) {
                    wrong.push(format!("{stream:?} {:?} was written twice", row.position));
                }
                let kept = self.disk.row(*stream, row.position).now_or_never().and_then(Result::ok).flatten();
                if kept.as_ref() != Some(row).filter(|row| row.position >= first) {
                    wrong.push(format!("{stream:?} {:?} is not what was written", row.position));
                }
                if let Some(chain) = &row.chain
                    && last.insert(chain, row.position) != row.previous
                {
                    wrong.push(format!("{stream:?} {:?} does not follow {:?}", row.position, row.previous));
                }
            }
            let head = heads.get(usize::from(stream.0)).copied().unwrap_or_default();
            if places.len() as u64 != head.0 || places.last().is_some_and(|last| *last != head) {
                wrong.push(format!("{stream:?} has gaps before {head:?}"));
            }
        }
    }

    /// The rows that each app must hear, by conversation (or page), in order.
    fn decided(&self) -> BTreeMap<AppId, BTreeMap<Chain, Rows<'_>>> {
        let mut decided: BTreeMap<AppId, BTreeMap<Chain, Rows<'_>>> = BTreeMap::new();
        for (stream, rows) in &self.seen.rows {
            for row in rows {
                for (notice, chain) in row.notices.iter().zip(std::iter::repeat(&row.chain)) {
                    if let Some(chain) = chain {
                        let talks = decided.entry(notice.app).or_default();
                        talks.entry(chain.clone()).or_default().push((*stream, row));
                    }
                }
            }
        }
        decided
    }

    fn fates(&self) -> BTreeMap<(AppId, Place), Fate> {
        let mut fates: BTreeMap<(AppId, Place), Fate> = BTreeMap::new();
        for attempt in &self.seen.tries {
            let fate = fates.entry((attempt.app, attempt.place)).or_default();
            fate.sent.push((attempt.sent, attempt.webhook));
            fate.acked = fate.acked.or(attempt.acked);
            fate.acks.extend(attempt.acked);
            let hopeless = |status: u16| status >= 400 && ![408, 425, 429, 503].contains(&status);
            fate.hopeless += usize::from(attempt.status.is_some_and(hopeless));
        }
        fates
    }

    /// What was given up, and whether for its age.
    fn dead(&self, app: AppId) -> BTreeMap<Place, bool> {
        let dead = self.seen.dead.iter().filter(|((of, _), _)| *of == app);
        dead.map(|((_, place), expired)| (*place, *expired)).collect()
    }

    /// Every app got everything, or it was given up for a reason; in each conversation a row is sent only when
    /// the one before it is behind.
    fn deliveries(&self, wrong: &mut Vec<String>) {
        let fates = self.fates();
        for (app, talks) in self.decided() {
            let dead = self.dead(app);
            let role = build::name(app);
            for (chain, rows) in talks {
                let poisoned = self.is_poisoned(app, &chain);
                let mut before: Option<(Place, &Fate)> = None;
                for (stream, row) in rows {
                    let place = (stream, row.position);
                    if !self.counts(app, place) {
                        continue;
                    }
                    let Some(fate) = fates.get(&(app, place)) else {
                        if !poisoned {
                            wrong.push(format!("{role} never heard of {place:?}"));
                        }
                        continue;
                    };
                    if dead.get(&place) == Some(&false) && fate.hopeless < TRIES {
                        wrong.push(format!("{role}'s {place:?} was given up after {} tries", fate.hopeless));
                    }
                    if fate.acked.is_none() && !dead.contains_key(&place) && !poisoned {
                        wrong.push(format!("{role} never accepted {place:?}"));
                    }
                    if let Some((earlier, behind)) = before
                        && let Some((first, webhook)) = fate.sent.first()
                    {
                        let given_up = dead.get(&earlier) == Some(&true)
                            || behind.sent.iter().filter(|(sent, _)| sent < first).count() >= TRIES;
                        let together = behind.sent.iter().any(|(sent, with)| with == webhook && sent < first);
                        if behind.acked.is_none_or(|acked| acked > *first) && !given_up && !together {
                            wrong.push(format!("{role} was sent {place:?} before {earlier:?} was behind"));
                        }
                    }
                    before = Some((place, fate));
                }
            }
        }
    }

    /// What a question left behind: rows that speak of it, and changes of control.
    fn traces(&self) -> BTreeMap<usize, Vec<Place>> {
        let mut traces: BTreeMap<usize, BTreeSet<Place>> = BTreeMap::new();
        for (stream, rows) in &self.seen.rows {
            for row in rows {
                for op in tokens(&row.whole) {
                    traces.entry(op).or_default().insert((*stream, row.position));
                }
            }
        }
        for thread in self.threads() {
            for row in self.kept(thread) {
                let place = (stream_of(thread, self.disk.streams()), row.position);
                for op in row.metadata.iter().flat_map(|text| tokens(text.as_bytes()).collect::<Vec<_>>()) {
                    traces.entry(op).or_default().insert(place);
                }
            }
        }
        traces.into_iter().map(|(op, places)| (op, places.into_iter().collect())).collect()
    }

    fn threads(&self) -> BTreeSet<&ThreadKey> {
        self.seen.rows.values().flatten().filter_map(|row| row.thread()).collect()
    }

    /// A thread's changes of control, oldest first.
    fn kept(&self, thread: &ThreadKey) -> Vec<ControlRow> {
        let rows = self.disk.control(thread, None, usize::MAX).now_or_never().and_then(Result::ok);
        let mut rows: Vec<_> =
            rows.unwrap_or_default().into_iter().filter(|row| row.refused.is_none()).collect();
        rows.sort_by_key(|row| row.position);
        rows
    }

    fn row(&self, place: Place) -> Option<&Arc<JournalRow>> {
        let rows = self.seen.rows.get(&place.0)?;
        rows.binary_search_by_key(&place.1, |row| row.position).ok().and_then(|at| rows.get(at))
    }

    /// What was asked happened once or not at all, as the caller was told, and in the order of time.
    fn questions(&self, wrong: &mut Vec<String>) {
        let traces = self.traces();
        // Of each conversation: where it stands, when it was first asked, when it was answered.
        let mut order: BTreeMap<&ThreadKey, Vec<(Position, u64, u64)>> = BTreeMap::new();
        for (number, op) in self.seen.ops.iter().enumerate() {
            let places = traces.get(&number).map(Vec::as_slice).unwrap_or_default();
            let done = done(op);
            if let Some(repeated) = self.decisions(places).windows(2).find(|pair| {
                let at = |place: Place| self.row(place).map_or(0, |row| row.at.0);
                at(pair[1]) - at(pair[0]) < REMEMBERED
            }) {
                wrong.push(format!("op {number} ({}) was done twice: {repeated:?}", op.what));
            }
            let told = |asked: &Asked| asked.answer.as_ref().map(|(_, outcome)| outcome.clone());
            let sure = op.asked.iter().all(|asked| {
                matches!(told(asked), Some(Outcome::Refused(_) | Outcome::NotDone | Outcome::KeyReused))
            });
            if sure && !places.is_empty() {
                wrong.push(format!("op {number} ({}) was refused and left a trace: {places:?}", op.what));
            }
            // What becomes of one that is held back is looked at by its conversation.
            let held = done.iter().any(|(_, receipt)| receipt.rule == "HOP-SURVEY-1");
            if !done.is_empty() && places.is_empty() && !held {
                wrong.push(format!("op {number} ({}) was acknowledged and is not there", op.what));
            }
            self.repeats(number, op, wrong);
            for (_, receipt) in &done {
                self.receipt(number, op, receipt, wrong);
            }
            let asked = op.asked.first().map(|asked| asked.at);
            if let (Some((answered, _)), Some(asked), [.., place], false) =
                (done.first(), asked, places, held)
            {
                order.entry(&op.thread).or_default().push((place.1, asked, *answered));
            }
        }
        for (thread, mut questions) in order {
            questions.sort_unstable();
            let mut later = u64::MAX;
            for (position, asked, answered) in questions.into_iter().rev() {
                if later < asked {
                    wrong.push(format!(
                        "{thread:?}: {position:?} was asked after something behind it was answered"
                    ));
                }
                later = later.min(answered);
            }
        }
    }

    /// Places of different decisions: those that do not follow one another directly.
    fn decisions(&self, places: &[Place]) -> Vec<Place> {
        let mut first = Vec::new();
        let mut last: Option<Place> = None;
        for place in places {
            let follows = last.is_some_and(|last| {
                let same = |a: &JournalRow, b: &JournalRow| a.at == b.at && a.rule == b.rule && a.by == b.by;
                last.0 == place.0
                    && place.1.0 - last.1.0 <= 2
                    && self.row(last).zip(self.row(*place)).is_some_and(|(a, b)| same(a, b))
            });
            if !follows {
                first.push(*place);
            }
            last = Some(*place);
        }
        first
    }

    /// A repeat gets the first answer; a key that comes with another body is refused.
    fn repeats(&self, number: usize, op: &Op, wrong: &mut Vec<String>) {
        let answers = op.asked.iter().filter_map(|asked| match &asked.answer {
            Some((_, Outcome::Done(receipt))) => Some((asked.other_body, receipt)),
            Some(_) | None => None,
        });
        let answers: Vec<_> = answers.collect();
        for pair in answers.windows(2) {
            let (a, b) = (pair[0], pair[1]);
            let soon = (b.1.at - a.1.at).abs() < REMEMBERED;
            if soon && (a.1 != b.1 || a.0 != b.0) {
                wrong.push(format!("op {number} ({}) was answered in two ways", op.what));
            }
        }
        for asked in &op.asked {
            let Some((answered, Outcome::KeyReused)) = asked.answer else { continue };
            let other = |with: &Asked| with.other_body != asked.other_body && with.at < answered;
            if !op.asked.iter().any(other) {
                wrong.push(format!("op {number} ({}) was refused for a key that was new", op.what));
            }
        }
    }

    /// A receipt says what the journal says.
    fn receipt(&self, number: usize, op: &Op, receipt: &Receipt, wrong: &mut Vec<String>) {
        let Some(mid) = &receipt.message_id else { return };
        let place = MessageId::place(&self.disk.key(), mid);
        let place = place.map(|(stream, position)| (Stream(stream), Position(position)));
        let Some((place, row)) = place.and_then(|place| Some((place, self.row(place)?))) else {
            wrong.push(format!("op {number}: {mid} names no row"));
            return;
        };
        let owner = self.owner(place, &row.after, row);
        if row.thread() != Some(&op.thread)
            || *row.rule != *receipt.rule
            || row.at.0 != receipt.at
            || (receipt.rule != "HOP-SURVEY-1" && !tokens(&row.whole).any(|token| token == number))
            || owner != receipt.thread.owner.and_then(AppId::new)
        {
            wrong.push(format!("op {number} ({}): the receipt does not say what {place:?} says", op.what));
        }
        let near = (place.1.0.saturating_sub(1)..=place.1.0 + 1)
            .filter_map(|position| self.row((place.0, Position(position))))
            .filter(|near| near.chain == row.chain && near.at == row.at);
        let heard: Vec<_> =
            near.flat_map(|row| row.notices.iter().map(move |notice| (row, notice))).collect();
        for notice in &receipt.notices {
            let there = heard.iter().any(|(row, heard)| {
                heard.app.number() == notice.app
                    && (heard.channel == baton_rules::Channel::Standby) == notice.standby
                    && row.event.as_deref() == Some(&*notice.event)
            });
            if !there {
                wrong.push(format!("op {number}: the receipt promises {notice:?}, and nobody heard it"));
            }
        }
    }

    fn settings(&self, place: Place) -> Option<&Arc<Settings>> {
        let before = |change: &&Changed| {
            change.positions.get(usize::from(place.0.0)).is_some_and(|change| *change < place.1)
        };
        self.seen.settings.iter().rev().find(before).map(|change| &change.after)
    }

    /// Who owns a thread in this state, under the settings of that place, at a row's moment.
    fn owner(&self, place: Place, thread: &Thread, row: &JournalRow) -> Option<AppId> {
        let key = row.thread()?;
        let routing = self.settings(place)?.routing(key.page, key.surface)?;
        standing(routing, thread, row.at).owner
    }

    /// HOP-SURVEY-1 to 5: what was accepted and held back was sent once, by its id and oldest first; or it was
    /// given up and the history says so; or it still waits, and for something. No thread stays idle and holds.
    fn surveys(&self, wrong: &mut Vec<String>) {
        let due = self.disk.due(Timestamp(i64::MAX), usize::MAX).now_or_never().and_then(Result::ok);
        let due = due.unwrap_or_default();
        for thread in self.threads() {
            let stream = stream_of(thread, self.disk.streams());
            let rows = self.seen.rows.get(&stream).into_iter().flatten();
            let rows: Vec<_> = rows.filter(|row| row.thread() == Some(thread)).collect();
            let accepted: Vec<Position> =
                rows.iter().filter(|row| &*row.rule == "HOP-SURVEY-1").map(|row| row.position).collect();
            let sent: Vec<Position> = rows
                .iter()
                .filter(|row| &*row.rule == "HOP-SURVEY-3")
                .filter_map(|row| self.named(row))
                .collect();
            let mut left = accepted.iter();
            if !sent.iter().all(|mid| left.any(|position| position == mid)) {
                wrong.push(format!("{thread:?} sent the surveys {sent:?} of {accepted:?}"));
            }
            let kept = self.kept(thread);
            let gone = |row: &&ControlRow| {
                row.cause == Cause::Send
                    && (matches!(&*row.rule, "HOP-SURVEY-5" | "API-13")
                        || row.via.as_deref() == Some("HOP-SURVEY-5"))
            };
            let given_up = kept.iter().filter(gone).count();
            let waiting = due.iter().filter(|due| due.thread == *thread).count();
            if accepted.len() != sent.len() + given_up + waiting {
                wrong.push(format!(
                    "{thread:?} held {} surveys back: {} sent, {given_up} given up, {waiting} waiting",
                    accepted.len(),
                    sent.len()
                ));
            }
            let idle = |row: &JournalRow| {
                row.after.held > 0
                    && row.after.control.is_none()
                    && row.after.mode.is_some_and(baton_rules::Mode::is_handover)
            };
            let settles = |row: &JournalRow| row.rule.starts_with("HOP-SURVEY-") || &*row.rule == "API-13";
            for pair in rows.windows(2) {
                // Rows of one decision look alike; what comes after it must be the survey.
                if idle(pair[0])
                    && !same_decision(pair[0], pair[1])
                    && !settles(pair[1])
                    && pair[1].cause != Cause::Expiry
                {
                    wrong.push(format!("{stream:?} {:?} leaves an idle thread holding", pair[0].position));
                }
            }
            if rows.last().is_some_and(|row| idle(row)) {
                wrong.push(format!("{thread:?} is idle and holds {waiting} surveys back"));
            }
        }
        // At the end nobody has had control for days.
        wrong.extend(due.iter().map(|due| format!("{due:?} was due and did not run")));
    }

    /// The place that the message in a row names as its own.
    fn named(&self, row: &JournalRow) -> Option<Position> {
        let item: Value = serde_json::from_slice(&row.whole).ok()?;
        let mid = item.get("message")?.get("mid")?.as_str()?;
        MessageId::place(&self.disk.key(), mid).map(|(_, position)| Position(position))
    }

    /// At no time two owners: each PASS and TAKE says who had control and who has it, and each change of
    /// owner has one row that explains it.
    fn control(&self, wrong: &mut Vec<String>) {
        for thread in self.threads() {
            let kept = self.kept(thread);
            let stream = stream_of(thread, self.disk.streams());
            let rows = self.seen.rows.get(&stream).into_iter().flatten();
            let rows: Vec<_> = rows.filter(|row| row.thread() == Some(thread)).collect();
            let mut before = Thread::default();
            for decision in rows.chunk_by(|a, b| same_decision(a, b)) {
                if let (Some(first), Some(last)) = (decision.first(), decision.last()) {
                    if first.cause == Cause::Expiry {
                        self.lapse(stream, &before, first, wrong);
                    } else {
                        self.moves(stream, &before, decision, &kept, wrong);
                    }
                    before = last.after.clone();
                }
            }
        }
    }

    /// HOP-ROLE-1: each change of settings is followed by what it tells apps of their roles, and by no more.
    fn roles(&self, wrong: &mut Vec<String>) {
        let mut left: BTreeSet<Place> = BTreeSet::new();
        for (stream, rows) in &self.seen.rows {
            let own = rows.iter().filter(|row| row.chain.is_some() && row.thread().is_none());
            left.extend(own.map(|row| (*stream, row.position)));
        }
        // The first settings are the world's, told to nobody.
        for Changed { positions, before, after, .. } in self.seen.settings.iter().skip(1) {
            for page in &after.pages {
                let chain = Chain::Page(page.id, Surface::Messenger);
                let stream = chain.stream(self.disk.streams());
                let Some(change) = positions.get(usize::from(stream.0)) else { continue };
                let follows = (1..).map_while(|next| {
                    let place = (stream, Position(change.0 + next));
                    Some((place, self.row(place).filter(|row| left.contains(&place) && row.at.0 > 0)?))
                });
                let mut told = BTreeMap::new();
                let follows: Vec<_> = follows.filter(|(_, row)| row.chain.as_ref() == Some(&chain)).collect();
                for (place, row) in follows {
                    left.remove(&place);
                    let item: Value = serde_json::from_slice(&row.whole).unwrap_or_default();
                    told.extend(row.notices.iter().map(|notice| (notice.app, (item.clone(), row.at.0))));
                }
                let at = told.values().next().map(|(_, at)| *at).unwrap_or_default();
                let told: BTreeMap<_, _> = told.into_iter().map(|(app, (item, _))| (app, item)).collect();
                let due = roles_told(before, after, page, at);
                if told != due {
                    wrong.push(format!("{stream:?} {change:?} tells {told:?} and not {due:?}"));
                }
            }
        }
        wrong.extend(left.into_iter().map(|place| format!("{place:?} tells of a page, and nothing changed")));
    }

    fn lapse(&self, stream: Stream, before: &Thread, row: &JournalRow, wrong: &mut Vec<String>) {
        let place = (stream, row.position);
        if before
            .control
            .is_none_or(|grant| before.answer_by.map_or(grant.until, |by| by.min(grant.until)) != row.at)
            || row.after.control.is_some()
        {
            wrong.push(format!("{place:?} is no lapse of what was before"));
        }
    }

    fn moves(
        &self,
        stream: Stream,
        before: &Thread,
        decision: &[&Arc<JournalRow>],
        kept: &[ControlRow],
        wrong: &mut Vec<String>,
    ) {
        let [first, ..] = decision else { return };
        let [.., last] = decision else { return };
        let place = (stream, first.position);
        let from = self.owner(place, before, first);
        let to = self.owner((stream, last.position), &last.after, last);
        let mut owner = from;
        let mut sent = false;
        let mut told = false;
        for row in decision {
            sent |= is_echo(row);
            let Some((was, is)) = handed(row) else { continue };
            // A pass in the same call comes from whoever sent the message.
            if was != owner && !(sent && was == row.by) {
                wrong.push(format!("{place:?} takes control from {was:?}, and {owner:?} had it"));
            }
            (owner, told) = (is, true);
        }
        // Whoever took control by sending may release it in the same call, which nobody is told of.
        let released = sent && owner == first.by;
        if told && owner != to && !released {
            wrong.push(format!("{place:?} tells of {owner:?}, and {to:?} has control"));
        }
        let range = first.position..=last.position;
        let explained = kept.iter().filter(|row| range.contains(&row.position));
        if from != to && !explained.clone().any(|row| row.to == to) {
            wrong.push(format!("{place:?} moves control from {from:?} to {to:?}, and nothing explains it"));
        }
        if decision.len() == 1 && explained.clone().any(|row| row.from != from || row.to != to) {
            wrong.push(format!("{place:?} moves control from {from:?} to {to:?}, and it is kept otherwise"));
        }
    }
}

/// Whether a row is what the business said; on Instagram that is one of `messages`.
fn is_echo(row: &JournalRow) -> bool {
    let item: Value = serde_json::from_slice(&row.whole).unwrap_or_default();
    item["message"]["is_echo"] == true
}

/// Whether an app is there, with a token of the page.
fn is_connected(settings: &Settings, page: &Page, app: AppId) -> bool {
    settings.app(app).is_some()
        && page.connections.iter().any(|connection| connection.app == app && !connection.tokens.is_empty())
}

/// The role of each app that is connected to a page, where the page has roles.
fn roles(settings: &Settings, page: &Page) -> BTreeMap<AppId, &'static str> {
    let connected = page.connections.iter().map(|connection| connection.app);
    let connected: Vec<AppId> = connected.filter(|app| is_connected(settings, page, *app)).collect();
    let default = page.messenger.default_app.filter(|app| connected.contains(app));
    let primary = page.messenger.primary_receiver.filter(|app| connected.contains(app));
    match (default, primary) {
        (None, Some(primary)) => {
            let role = |app: AppId| if app == primary { "primary_receiver" } else { "secondary_receiver" };
            connected.into_iter().map(|app| (app, role(app))).collect()
        }
        (_, _) => BTreeMap::new(),
    }
}

/// What apps are told of their roles, because a page's settings changed.
fn roles_told(before: &Settings, after: &Settings, page: &Page, at: i64) -> BTreeMap<AppId, Value> {
    let was = before.page(page.id).map(|page| roles(before, page)).unwrap_or_default();
    let is = roles(after, page);
    if page.messenger.default_app.is_some_and(|app| is_connected(after, page, app)) {
        return BTreeMap::new();
    }
    let subscribed = page.connections.iter().filter(|connection| {
        is_connected(after, page, connection.app)
            && connection.fields.iter().any(|field| field == "messaging_handovers")
    });
    let changed = subscribed.map(|connection| connection.app).filter(|app| was.get(app) != is.get(app));
    let told = changed.map(|app| {
        let own = json!({app.to_string(): is.get(&app).into_iter().collect::<Vec<_>>()});
        let recipient = json!({"id": page.id.to_string()});
        (app, json!({"recipient": recipient, "timestamp": at, "app_roles": own}))
    });
    told.collect()
}

/// The answers by which a caller knows that it is done, and when they came.
fn done(op: &Op) -> Vec<(u64, &Receipt)> {
    let answers = op.asked.iter().filter_map(|asked| asked.answer.as_ref());
    let done = answers.filter_map(|(at, outcome)| match outcome {
        Outcome::Done(receipt) => Some((*at, &**receipt)),
        Outcome::Refused(_) | Outcome::NotDone | Outcome::KeyReused | Outcome::Unknown => None,
    });
    done.collect()
}

/// Whether two rows of a thread that follow one another are of one decision, or of two that look alike.
fn same_decision(a: &JournalRow, b: &JournalRow) -> bool {
    b.position == a.position.next()
        && (a.at, &a.rule, a.by, a.cause) == (b.at, &b.rule, b.by, b.cause)
        && a.after == b.after
}

/// The owners that a PASS or TAKE names: before and after.
fn handed(row: &JournalRow) -> Option<(Option<AppId>, Option<AppId>)> {
    let name = row.event.as_deref()?;
    if !matches!(name, "pass_thread_control" | "take_thread_control") {
        return None;
    }
    let item: Value = serde_json::from_slice(&row.whole).ok()?;
    let app = |key: &str| item.get(name)?.get(key)?.as_str()?.parse().ok();
    Some((app("previous_owner_app_id"), app("new_owner_app_id")))
}
