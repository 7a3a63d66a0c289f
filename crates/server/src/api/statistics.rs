//! `GET /statistics`: how conversations went in a while. Counted from what is kept of each conversation, of the newest
//! ones and no more, so that asking costs the same however much there is.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use axum::http::{StatusCode, Uri};
use baton_engine::{Engine, Filter, HistoryEntry, ThreadState};
use baton_rules::{AppId, Surface, ThreadKey, Timestamp};
use baton_store::JournalRow;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;

use super::conversations::{on_page, sides};
use super::operation::Operation;
use super::query::Query;
use super::time;
use super::values::{App, Moment};
use crate::door::Needs;
use crate::problem::{self, Problem};
use crate::serve::Shared;

/// Conversations that are looked at, the newest of each side.
const LOOKED: usize = 1_000;
/// Of these so many are read for how long an answer took.
const READ: usize = 300;
/// Entries of a conversation's history, and rows of it, that are looked at.
const ENTRIES: usize = 200;
const ROWS: usize = 100;
/// The longest while, in seconds.
const LONGEST: i64 = 30 * 24 * 60 * 60;
/// Up to how many milliseconds an answer took, in the steps that are counted; then there are those above.
const STEPS: [i64; 9] = [1_000, 2_000, 5_000, 15_000, 60_000, 300_000, 900_000, 3_600_000, 14_400_000];

/// How conversations went in a while.
#[derive(Debug, Serialize, JsonSchema)]
struct Statistics {
    since: Moment,
    until: Moment,
    /// Conversations that something happened in.
    conversations: u64,
    /// Who is in control now, of all conversations that were looked at.
    owners: Vec<Owned>,
    /// In how many an app waits for control.
    waiting: u64,
    /// In how many the Inbox has control that ends within the hour.
    ending_soon: u64,
    /// Who control went from and to.
    changes: Vec<Changed>,
    /// How long the first answer took, of conversations in which somebody wrote and was answered.
    first_answer: FirstAnswer,
    /// What was refused.
    refusals: Vec<RefusedBy>,
    /// Whether there is more than was looked at: the newest 1,000 conversations of each side, 300 of these for their
    /// answers.
    at_least: bool,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Owned {
    /// Null: nobody.
    app_id: Option<App>,
    count: u64,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Changed {
    /// Null: nobody.
    from_app_id: Option<App>,
    /// Null: nobody.
    to_app_id: Option<App>,
    count: u64,
}

#[derive(Debug, Default, Serialize, JsonSchema)]
struct FirstAnswer {
    count: u64,
    /// Half were quicker; null: there was none.
    median_ms: Option<i64>,
    /// Nine of ten were quicker.
    p90_ms: Option<i64>,
    /// The median of those that somebody in the Inbox gave.
    inbox_median_ms: Option<i64>,
    steps: Vec<Step>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Step {
    /// Up to how long; null: longer than all of these.
    up_to_ms: Option<i64>,
    count: u64,
}

#[derive(Debug, Serialize, JsonSchema)]
struct RefusedBy {
    /// The row of the specification.
    rule: String,
    /// Null: a person.
    app_id: Option<App>,
    count: u64,
}

pub(super) fn operations() -> Vec<Operation> {
    vec![
        on_page(Operation::get("/statistics", "getStatistics", get).needs(Needs::Looking).says(
            "Threads",
            "How conversations went",
            "Who is in control, where control went, how long first answers took, and what was refused; in the newest \
             1,000 conversations of each side.",
        ))
        .query(
            "range",
            "How long back: as in `24h` or `7d`, up to 30 days.",
            |_| json!({"type": "string", "default": "24h"}),
        )
        .answers::<Statistics>(StatusCode::OK, "Counts.")
        .refuses([&problem::UNAVAILABLE, &problem::STOPPING]),
    ]
}

async fn get(State(shared): State<Arc<Shared>>, uri: Uri) -> Result<axum::Json<Statistics>, Problem> {
    let mut query = Query::of(&uri, &["page", "range"]);
    let sides = sides(&mut query, &*shared.engine.newest_settings().await?);
    let range = query.parsed("range", |text| {
        let seconds = time::duration(text)? / 1_000;
        if (1..=LONGEST).contains(&seconds) { Ok(seconds) } else { Err("is up to 30 days".to_owned()) }
    });
    query.done()?;
    // One is counted at a time: who asks often waits for themselves.
    let _turn = shared.counting.acquire().await.map_err(|_| Problem::new(&problem::STOPPING))?;
    let until = shared.engine.now();
    let since = until.plus_seconds(-range.unwrap_or(24 * 60 * 60));
    let mut tally = Tally::default();
    for side in sides {
        tally.of_side(&shared.engine, (side.page, side.surface), since).await?;
    }
    Ok(axum::Json(tally.told(since, until)))
}

/// What was counted so far.
#[derive(Default)]
struct Tally {
    conversations: u64,
    waiting: u64,
    ending_soon: u64,
    at_least: bool,
    owners: BTreeMap<Option<u64>, u64>,
    changes: BTreeMap<(Option<u64>, Option<u64>), u64>,
    refusals: BTreeMap<(String, Option<u64>), u64>,
    /// How long first answers took, in milliseconds, and whether the Inbox gave them.
    answers: Vec<(i64, bool)>,
}

impl Tally {
    async fn of_side(
        &mut self,
        engine: &Engine,
        (page, surface): (baton_rules::PageId, Surface),
        since: Timestamp,
    ) -> Result<(), Problem> {
        let threads = engine.threads(page, surface, &Filter::default(), None, LOOKED + 1).await?;
        self.at_least |= threads.len() > LOOKED;
        for (place, state) in threads.iter().take(LOOKED).enumerate() {
            self.stands(state, engine.now());
            // A change of control may come after the last message: history decides what lies in the while.
            let entries = engine.history(&state.key, None, None, ENTRIES).await?;
            let within = entries.iter().filter(|entry| entry.at >= since);
            let count = within.clone().count();
            self.at_least |= count == ENTRIES;
            within.for_each(|entry| self.happened(entry));
            let wrote = state.last_message_at >= since;
            self.conversations += u64::from(wrote || count > 0);
            if wrote && place < READ {
                self.answered(engine, &state.key, since).await?;
            }
            self.at_least |= wrote && place >= READ;
        }
        Ok(())
    }

    fn stands(&mut self, state: &ThreadState, now: Timestamp) {
        *self.owners.entry(state.seen.owner).or_default() += 1;
        self.waiting += u64::from(!state.thread.requests.is_empty());
        let is_desk = state.seen.owner.and_then(AppId::new).is_some_and(AppId::is_inbox);
        let soon = state.seen.expires_at.is_some_and(|at| at <= now.plus_seconds(60 * 60).0);
        self.ending_soon += u64::from(is_desk && soon);
    }

    fn happened(&mut self, entry: &HistoryEntry) {
        let number = |app: Option<AppId>| app.map(AppId::number);
        if entry.refused.is_some() {
            *self.refusals.entry((entry.rule.to_string(), number(entry.by))).or_default() += 1;
        } else if entry.from != entry.to {
            *self.changes.entry((number(entry.from), number(entry.to))).or_default() += 1;
        }
    }

    /// How long the first answer took.
    async fn answered(&mut self, engine: &Engine, key: &ThreadKey, since: Timestamp) -> Result<(), Problem> {
        let rows = engine.conversation(key, None, ROWS).await?;
        let within = rows.iter().rev().filter(|row| row.at >= since);
        if let Some(found) = first_answer(within.map(AsRef::as_ref)) {
            self.answers.push(found);
        }
        Ok(())
    }

    fn told(mut self, since: Timestamp, until: Timestamp) -> Statistics {
        let app = |id: Option<u64>| id.map(App);
        let mut owners: Vec<Owned> =
            self.owners.into_iter().map(|(id, count)| Owned { app_id: app(id), count }).collect();
        owners.sort_by_key(|one| std::cmp::Reverse(one.count));
        let changes = self.changes.into_iter().map(|((from, to), count)| Changed {
            from_app_id: app(from),
            to_app_id: app(to),
            count,
        });
        let refusals = self.refusals.into_iter();
        let mut refusals: Vec<RefusedBy> =
            refusals.map(|((rule, by), count)| RefusedBy { rule, app_id: app(by), count }).collect();
        refusals.sort_by_key(|one| std::cmp::Reverse(one.count));
        self.answers.sort_unstable();
        Statistics {
            since: Moment(since),
            until: Moment(until),
            conversations: self.conversations,
            owners,
            waiting: self.waiting,
            ending_soon: self.ending_soon,
            changes: changes.collect(),
            first_answer: first_answers(&self.answers),
            refusals,
            at_least: self.at_least,
        }
    }
}

/// From the first thing that the person said to the first that was said to them; whether by the Inbox. Oldest first.
fn first_answer<'a>(rows: impl Iterator<Item = &'a JournalRow>) -> Option<(i64, bool)> {
    let mut asked = None;
    for row in rows {
        match (asked, row.by, row.event.as_deref()) {
            (None, None, Some("messages" | "messaging_postbacks")) => asked = Some(row.at),
            (Some(at), Some(by), Some("message_echoes")) => {
                return Some(((row.at.0 - at.0).max(0), by.is_inbox()));
            }
            _ => {}
        }
    }
    None
}

/// What there is to say of durations, sorted.
fn first_answers(sorted: &[(i64, bool)]) -> FirstAnswer {
    let at =
        |of: &[i64], share: usize| of.get((of.len() * share / 100).min(of.len().saturating_sub(1))).copied();
    let all: Vec<i64> = sorted.iter().map(|(took, _)| *took).collect();
    let by_inbox: Vec<i64> = sorted.iter().filter(|(_, inbox)| *inbox).map(|(took, _)| *took).collect();
    let count = |from: i64, to: i64| -> u64 {
        u64::try_from(all.iter().filter(|took| (from..to).contains(*took)).count()).unwrap_or_default()
    };
    let edges = STEPS.into_iter().map(Some).chain([None]);
    let from = [0].into_iter().chain(STEPS);
    let step = |(up_to, from): (Option<i64>, i64)| Step {
        up_to_ms: up_to,
        count: count(from, up_to.unwrap_or(i64::MAX)),
    };
    FirstAnswer {
        count: u64::try_from(all.len()).unwrap_or_default(),
        median_ms: at(&all, 50),
        p90_ms: at(&all, 90),
        inbox_median_ms: at(&by_inbox, 50),
        steps: edges.zip(from).map(step).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_counted_in_steps_without_a_gap() {
        let told =
            first_answers(&[(0, false), (999, false), (1_000, true), (20_000, true), (99_999_999, false)]);
        assert_eq!((told.count, told.median_ms, told.p90_ms), (5, Some(1_000), Some(99_999_999)));
        assert_eq!(told.inbox_median_ms, Some(20_000));
        let counts: Vec<u64> = told.steps.iter().map(|step| step.count).collect();
        assert_eq!(counts, [2, 1, 0, 0, 1, 0, 0, 0, 0, 1]);
        assert_eq!(told.steps.last().map(|step| step.up_to_ms), Some(None));
        let none = first_answers(&[]);
        assert_eq!((none.count, none.median_ms, none.steps.len()), (0, None, 10));
    }
}
