//! Histories for the checker.

use std::sync::Arc;

use baton_rules::{AppId, Ask, Fields, PageId, Routing, Surface, Timestamp};
use serde_json::json;

use crate::checker::is_linearizable;
use crate::client::person;
use crate::history::{Asked, Change, Document, Done, Item, Patch, Talk, Told, Wanted};
use crate::model::{self, State, nothing};
use crate::page::PageState;

fn app(number: u64) -> AppId {
    AppId::new(number).unwrap()
}

fn talk() -> Talk {
    (PageId::new(2003).unwrap(), person("ann"))
}

fn asks(number: u64, ask: Ask) -> Asked {
    Asked::Act { token: format!("token-{number}"), talk: talk(), ask, metadata: None }
}

fn pass(from: u64, to: u64) -> Asked {
    asks(from, Ask::Pass { to: Some(app(to)) })
}

fn owner(number: u64) -> Asked {
    Asked::Owner { token: format!("token-{number}"), talk: talk() }
}

fn enable(enabled: bool, if_match: Option<Document>) -> Asked {
    let patch = Patch { enabled: Some(enabled), ..Patch::default() };
    Asked::Change { change: Change::Page { page: talk().0, patch }, if_match }
}

fn disconnect(number: u64) -> Asked {
    Asked::Change { change: Change::Disconnect { page: talk().0, app: app(number) }, if_match: None }
}

/// A page in the Handover Protocol without a primary receiver, where app 101 owns ann's thread.
fn owned() -> State {
    let routing = Routing::new(Surface::Messenger);
    let page = PageState {
        id: talk().0,
        name: "Theatre".to_owned(),
        routing,
        had_default: false,
        tokens: Vec::new(),
    };
    let mut state = State { now: Timestamp(1_000), pages: Arc::new(vec![page]), ..State::nothing() };
    for number in [101, 102, 103] {
        let to = Wanted {
            token: format!("token-{number}"),
            fields: Fields::MESSAGES.with(Fields::MESSAGING_HANDOVERS),
            standby: false,
            take_control: false,
        };
        let change = Change::Connect { page: talk().0, app: app(number), to };
        state = foretold(&state, &Asked::Change { change, if_match: None }).0;
    }
    state = foretold(&state, &Asked::Write { talk: talk() }).0;
    foretold(&state, &asks(101, Ask::Take)).0
}

fn foretold(state: &State, asked: &Asked) -> (State, Told) {
    model::answer(state, asked).unwrap()
}

/// The answer to something that is asked after other things.
fn after(before: &[Asked], asked: &Asked) -> Told {
    let state = before.iter().fold(owned(), |state, asked| foretold(&state, asked).0);
    foretold(&state, asked).1
}

/// A history that begins in [`owned`]: each operation with its client, its answer and its time.
fn history(operations: Vec<(usize, Asked, Told, u64, u64)>) -> bool {
    let begin = Done { by: 0, asked: Asked::Begin(owned()), told: nothing(), from: 0, until: 1 };
    let operations =
        operations.into_iter().map(|(by, asked, told, from, until)| Done { by, asked, told, from, until });
    is_linearizable(&[begin].into_iter().chain(operations).collect::<Vec<_>>())
}

/// The same, one after another.
fn in_turn(operations: Vec<(Asked, Told)>) -> bool {
    let timed =
        (1..).zip(operations).map(|(number, (asked, told))| (0, asked, told, 2 * number, 2 * number + 1));
    history(timed.collect())
}

#[test]
fn an_owner_passes_once() {
    let (first, second) = (pass(101, 102), pass(101, 103));
    let (done, refused) = (after(&[], &first), after(std::slice::from_ref(&first), &second));
    assert_eq!((done.0, refused.0), (200, 400));
    assert!(in_turn(vec![(first.clone(), done.clone()), (second.clone(), refused.clone())]));
    assert!(!in_turn(vec![(first.clone(), done.clone()), (second.clone(), done.clone())]), "two owners");
    // Both at once: whichever came first, only one of them did it.
    let at_once = |one: &Told, other: &Told| {
        history(vec![(1, first.clone(), one.clone(), 2, 4), (2, second.clone(), other.clone(), 3, 5)])
    };
    assert!(at_once(&done, &refused) && at_once(&refused, &done));
    assert!(!at_once(&done, &done), "both did it");
    // One after the other, the second one cannot have come first.
    assert!(!in_turn(vec![(first, refused), (second, done)]), "refused before there was a reason");
}

#[test]
fn what_was_answered_is_done() {
    let release = asks(101, Ask::Release);
    let done = after(&[], &release);
    let (before, then) = (after(&[], &owner(102)), after(std::slice::from_ref(&release), &owner(102)));
    assert_ne!(before, then);
    assert!(in_turn(vec![(release.clone(), done.clone()), (owner(102), then.clone())]));
    assert!(
        !in_turn(vec![(release.clone(), done.clone()), (owner(102), before.clone())]),
        "too early an answer"
    );
    // While it is under way, either is seen; who saw it done does not see it undone.
    let seen = |first: &Told, second: &Told| {
        history(vec![
            (1, release.clone(), done.clone(), 2, 10),
            (2, owner(102), first.clone(), 3, 4),
            (2, owner(102), second.clone(), 5, 6),
        ])
    };
    assert!(seen(&before, &before) && seen(&before, &then) && seen(&then, &then));
    assert!(!seen(&then, &before), "it was seen and then not");
}

#[test]
fn settings_count_from_their_answer_on() {
    let (gone, take) = (disconnect(102), asks(102, Ask::Request));
    let (done, asked) = (after(&[], &gone), after(&[], &take));
    let refused = after(std::slice::from_ref(&gone), &take);
    assert_eq!((done.0, asked.0, refused.0), (204, 200, 400));
    assert!(in_turn(vec![(gone.clone(), done.clone()), (take.clone(), refused)]));
    assert!(in_turn(vec![(take.clone(), asked.clone()), (gone.clone(), done.clone())]));
    assert!(!in_turn(vec![(gone.clone(), done.clone()), (take.clone(), asked.clone())]), "by old settings");
    // It cannot be old in one place and new in another.
    let heard =
        after(std::slice::from_ref(&gone), &Asked::Read { item: Item::Connection(talk().0, app(102)) });
    assert_eq!(heard.0, 404);
    let reads = Asked::Read { item: Item::Connection(talk().0, app(102)) };
    let crossing = history(vec![(1, gone, done, 2, 10), (2, reads, heard, 3, 4), (3, take, asked, 5, 6)]);
    assert!(!crossing, "a change was seen, and then a decision crossed it");
}

#[test]
fn a_condition_holds_for_one_of_two() {
    let body = owned().pages[0].document();
    let known = Some(Document { tag: "tag".to_owned(), body });
    let (first, second) = (enable(false, known.clone()), enable(true, known));
    let done = after(&[], &first);
    let failed = after(std::slice::from_ref(&first), &second);
    assert_eq!((done.0, failed.0), (200, 412));
    assert!(in_turn(vec![(first.clone(), done.clone()), (second.clone(), failed)]));
    let overwritten = after(&[], &second);
    assert!(!in_turn(vec![(first, done), (second, overwritten)]), "a change was lost");
}

#[test]
fn what_is_kept_is_what_was_done() {
    let release = asks(101, Ask::Release);
    let (then, done) = foretold(&owned(), &release);
    let ends = |state: State| in_turn(vec![(release.clone(), done.clone()), (Asked::End(state), nothing())]);
    assert!(ends(then));
    assert!(!ends(owned()), "it was answered, and nothing is kept of it");
    assert!(!in_turn(vec![(release.clone(), (200, json!({"success": false})))]), "another answer");
}
