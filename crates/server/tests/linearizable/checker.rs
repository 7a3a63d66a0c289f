//! The known checker: Wing and Gong's search with Lowe's memory, as `todc-utils` has it. This file says the model
//! in its words, and cuts the history into windows. Between two windows nobody asks anything, so how things stand
//! there can be read: a window begins with what the one before ended with, and the parts are linearizable if and
//! only if the whole is.

use std::cell::Cell;
use std::fmt::Write;

use todc_utils::linearizability::WGLChecker;
use todc_utils::linearizability::history::{Action, History};
use todc_utils::specifications::Specification;

use crate::history::{Asked, Done, Talk, Told};
use crate::model::{self, State, unknown};

/// Steps of one search, at most. Of a window that is linearizable it takes thousands.
const STEPS: u32 = 2_000_000;

thread_local! {
    /// Steps of the search that runs on this thread.
    static TAKEN: Cell<u32> = const { Cell::new(0) };
}

/// The model, as the checker asks it.
struct Sequential;

impl Specification for Sequential {
    type State = State;
    type Operation = (Asked, Told);

    fn init() -> State {
        State::nothing()
    }

    fn apply((asked, told): &(Asked, Told), state: &State) -> (bool, State) {
        let taken = TAKEN.get() + 1;
        TAKEN.set(taken);
        assert!(taken < STEPS, "after {STEPS} steps it is not known whether the window is linearizable");
        match model::answer(state, asked) {
            Some((next, foretold)) if foretold == *told || *told == unknown() => (true, next),
            Some(_) | None => (false, state.clone()),
        }
    }
}

/// Operations of a window at most of which nobody knows whether they were done.
const MOST_UNKNOWN: usize = 12;

/// Whether there is an order in which one operation after another, each at some moment between its call and its
/// answer, would have been answered as these were. Of those without an answer each was done until the window's end, or not.
pub(crate) fn is_linearizable(window: &[Done]) -> bool {
    let (open, known): (Vec<Done>, Vec<Done>) =
        window.iter().cloned().partition(|done| done.told == unknown());
    assert!(
        open.len() <= MOST_UNKNOWN,
        "of {} operations it is not known whether they were done",
        open.len()
    );
    let ends = known.iter().filter(|done| matches!(done.asked, Asked::End(_)));
    let until = ends.map(|end| end.from).max().unwrap_or(u64::MAX);
    // Whoever asked has asked other things since.
    let alone = known.iter().map(|done| done.by).max().unwrap_or(0) + 1;
    (0..1_u32 << open.len()).any(|done| {
        let were = open.iter().enumerate().filter(|(number, _)| done & (1 << number) != 0);
        let were = were.map(|(number, one)| Done { by: alone + number, until, ..one.clone() });
        is_possible(&known.iter().cloned().chain(were).collect::<Vec<_>>())
    })
}

fn is_possible(window: &[Done]) -> bool {
    TAKEN.set(0);
    let mut moments: Vec<(u64, bool, &Done)> = Vec::new();
    for done in window {
        moments.push((done.from, true, done));
        moments.push((done.until, false, done));
    }
    moments.sort_by_key(|(at, is_call, _)| (*at, *is_call));
    // Calls without an answer between them are in no order. The search tries the first one first, and what was
    // answered first was most likely done first.
    for calls in moments.chunk_by_mut(|(_, a, _), (_, b, _)| *a && *b) {
        calls.sort_by_key(|(.., done)| done.until);
    }
    let action = |(_, is_call, done): (u64, bool, &Done)| {
        let operation = (done.asked.clone(), done.told.clone());
        (done.by, if is_call { Action::Call(operation) } else { Action::Response(operation) })
    };
    WGLChecker::<Sequential>::is_linearizable(History::from_actions(
        moments.into_iter().map(action).collect(),
    ))
}

/// The smallest part of a window that is not linearizable: what concerns one thread, with all that concerns
/// settings, else all of it; nothing where it is. The whole would do; a part is sooner known to be wrong.
pub(crate) fn not_linearizable(window: &[Done]) -> Option<Vec<Done>> {
    let mut talks: Vec<&Talk> = window.iter().filter_map(|done| done.asked.talk()).collect();
    talks.sort();
    talks.dedup();
    let parts = talks.into_iter().map(|talk| part(window, talk));
    let wrong = parts.filter(|part| !is_linearizable(part)).min_by_key(Vec::len);
    wrong.or_else(|| (!is_linearizable(window)).then(|| window.to_vec()))
}

fn part(window: &[Done], talk: &Talk) -> Vec<Done> {
    let only = |state: &State| {
        let mut state = state.clone();
        state.threads.retain(|other, _| other == talk);
        state
    };
    let concerned = window.iter().filter(|done| done.asked.talk().is_none_or(|other| other == talk));
    let mut part: Vec<Done> = concerned.cloned().collect();
    for done in &mut part {
        match &mut done.asked {
            Asked::Begin(state) | Asked::End(state) => *state = only(state),
            _ => {}
        }
    }
    part
}

/// A window for people to read.
pub(crate) fn shown(window: &[Done]) -> String {
    let mut text = String::new();
    let mut window: Vec<&Done> = window.iter().collect();
    window.sort_by_key(|done| done.from);
    for done in window {
        let Done { by, asked, told, from, until } = done;
        let asked = match asked {
            Asked::Begin(state) => format!("begins with {}", standing(state)),
            Asked::End(state) => format!("ends with {}", standing(state)),
            other => format!("{other:?}"),
        };
        writeln!(text, "{from:>5}-{until:<5} client {by:>2}: {asked}\n{:>24} {} {}", "->", told.0, told.1)
            .unwrap();
    }
    text
}

fn standing(state: &State) -> String {
    let mut text = format!("settings {} at {}", state.version, state.now.0);
    for page in state.pages.iter() {
        write!(text, "\n{:>24} {}", page.id, page.document()).unwrap();
    }
    for (talk, thread) in &state.threads {
        write!(text, "\n{:>24}/{} {thread:?}", talk.0, talk.1).unwrap();
    }
    text
}
