//! Long random walks, each mode's of ten thousand steps, held against a model that is written another way: a list of
//! facts, and what each mode is like (`walk/foretell.rs`), where the code has tables. Time passes, settings change and
//! people are new among the steps. `WALK_STEPS=1000000 cargo test --release -p baton-rules --test walk` walks further.

#![expect(clippy::unwrap_used, reason = "the helpers of a test may unwrap like the test")]

#[path = "walk/facts.rs"]
mod facts;
#[path = "walk/foretell.rs"]
mod foretell;
mod histories;

use baton_rules::build::{name, person};
use baton_rules::{Channel, Decision, EventKind, Form, Mode, Routing, Thread, Timestamp, decide, standing};
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use facts::Facts;
use foretell::{Heard, Moment, Outcome};
use histories::{Step, pages, step};

const STEPS: usize = 10_000;
/// How many steps one person's conversation has.
const CONVERSATION: usize = 100;

/// What is seen of a decision, in the model's words.
fn seen(decision: &Decision) -> Outcome {
    let events = decision.events.iter().filter(|event| event.kind != EventKind::Quiet);
    let heard = events.map(|event| {
        let what = match event.kind {
            EventKind::Quiet => String::new(),
            EventKind::Said => "said".to_owned(),
            EventKind::Echo => "echo".to_owned(),
            EventKind::Passed { from, to, .. } => format!("pass {from:?} {to:?}"),
            EventKind::Taken { from, to, .. } => format!("take {from:?} {to:?}"),
            EventKind::Requested { by, .. } => format!("request {by:?}"),
            EventKind::Metadata { by } => format!("metadata {by:?}"),
        };
        let mut heard = Heard { what, ..Heard::default() };
        for notice in &event.notices {
            match notice.channel {
                Channel::Messaging => heard.messaging.insert(notice.app),
                Channel::Standby => heard.standby.insert(notice.app),
                Channel::Changes => panic!("no decision about a conversation is told in `changes`"),
            };
            if notice.form == Form::Reduced {
                heard.partly.insert(notice.app);
            }
        }
        heard
    });
    Outcome {
        owner: decision.to,
        until: decision.expires_at.map(|at| at.0),
        events: heard.collect(),
        waiting: decision.thread.requests.iter().map(|waiting| waiting.app).collect(),
        folder: decision.thread.folder,
        held: usize::from(decision.thread.held),
        window: decision.thread.window_closes.map(|at| at.0),
    }
}

/// A page in this mode.
fn page_in(mode: Mode, runner: &mut TestRunner) -> Routing {
    loop {
        let page = pages().new_tree(runner).unwrap().current();
        if page.mode() == mode {
            return page;
        }
    }
}

/// Where the conversation stands between two steps.
fn stands(page: &Routing, thread: &Thread, facts: &Facts, now: Timestamp) {
    let seen = standing(page, thread, now);
    assert_eq!(seen.owner, facts.owner(page, now.0), "who is in control");
    let control = facts.control(page, now.0).map(|(_, until, _)| until);
    assert_eq!(seen.expires_at.map(|at| at.0), control, "until when");
    let waiting: Vec<_> = seen.thread.requests.iter().map(|waiting| waiting.app).collect();
    assert_eq!(waiting, facts.waiting(page, now.0), "who waits");
}

fn walk(mode: Mode) {
    let mut seed = [0; 32];
    seed[..mode.name().len()].copy_from_slice(mode.name().as_bytes());
    let random = TestRng::from_seed(RngAlgorithm::ChaCha, &seed);
    let mut runner = TestRunner::new_with_rng(Config::default(), random);
    let steps = std::env::var("WALK_STEPS").map_or(STEPS, |steps| steps.parse().unwrap());
    let pat = person("pat");
    let mut now = Timestamp(1_700_000_000_123);
    let mut page = page_in(mode, &mut runner);
    let (mut thread, mut facts) = (None::<Thread>, Facts::default());
    let (mut allowed, mut refused, mut changed) = (0_usize, 0_usize, 0_usize);
    for number in 0..steps {
        if number % CONVERSATION == 0 {
            (thread, facts) = (None, Facts::default());
            page = page_in(mode, &mut runner);
        }
        match step().new_tree(&mut runner).unwrap().current() {
            Step::Wait(milliseconds) => now = Timestamp(now.0 + milliseconds),
            // Mostly to other settings of the same mode, now and then to whatever comes.
            Step::Settings(other) => {
                page = if changed % 4 == 0 { other } else { page_in(mode, &mut runner) };
                changed += 1;
            }
            Step::Act(action) => {
                let moment = Moment { page: &page, facts: &facts, person: &pat, now: now.0 };
                let foretold = moment.foretell(&action);
                let decided = decide(&page, &pat, thread.as_ref(), &action, now);
                let told = || {
                    let owner = facts.owner(&page, now.0).map(name);
                    format!(
                        "step {number} in {}, {owner:?} in control: {action:?}\n{page:#?}",
                        page.mode().name()
                    )
                };
                match (foretold, decided) {
                    (Err(foretold), Err(decided)) => {
                        assert_eq!(decided.why, foretold, "{}: {decided:?}", told());
                        refused += 1;
                    }
                    (Ok((foretold, new)), Ok(decided)) => {
                        assert_eq!(seen(&decided), foretold, "{}: {decided:?}", told());
                        allowed += 1;
                        new.into_iter().for_each(|fact| facts.add(now.0, fact));
                        thread = Some(decided.thread);
                    }
                    (foretold, decided) => {
                        panic!("{}\nforetold: {foretold:?}\ndecided: {decided:?}", told())
                    }
                }
            }
        }
        if let Some(thread) = &thread {
            stands(&page, thread, &facts, now);
        }
    }
    // A walk that was only refused, or never saw other settings, has shown nothing.
    assert!(
        allowed > steps / 5 && refused > steps / 20 && changed > steps / 100,
        "{allowed} {refused} {changed}"
    );
}

#[test]
fn hop_p() {
    walk(Mode::HandoverPrimary);
}

#[test]
fn hop_n() {
    walk(Mode::HandoverOpen);
}

#[test]
fn mcr() {
    walk(Mode::MessengerRouting);
}

#[test]
fn icr() {
    walk(Mode::InstagramRouting);
}

#[test]
fn zc() {
    walk(Mode::ZeroConfig);
}

#[test]
fn routing_of_2025() {
    walk(Mode::MessengerRouting2025);
}

#[test]
fn zero_config_of_2025() {
    walk(Mode::MessengerZeroConfig);
}
