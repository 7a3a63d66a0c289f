//! Every action in every state of every mode, written out. The snapshots are read by people: a change of rules
//! shows as changed lines. They also prove that each rule in the source of `modes/` decides something.

#![expect(clippy::unwrap_used, reason = "the helpers of a test may unwrap like the test")]

mod story;

use std::collections::BTreeSet;
use std::fmt::Write as _;

use story::{Outcome, Story};

/// Three apps: `bot` leads and has the Human Agent feature, `desk` is an ordinary app, `care` has the feature and
/// may take over by sending.
const APPS: &str = "app bot human_agent; app desk; app care human_agent take_control";
const ROUTES: &str = "link spring desk; ad sale desk 3; ad home bot; ad plain nobody";

/// The modes, each with its settings and the states in which its threads are looked at.
const MODES: [(&str, &str, &[&str]); 11] = [
    ("HOP-P", "primary bot", &["idle", "bot", "desk", "care", "inbox", "care lapsed"]),
    ("HOP-N", "", &["idle", "bot", "desk", "care", "inbox"]),
    ("MCR", "default bot", &["bot", "desk", "care", "inbox", "bot dormant", "care lapsed"]),
    ("MCR-R", "default bot; organic desk", &["bot", "desk", "care", "bot dormant", "care lapsed"]),
    ("ICR", "instagram; default bot", ALL_STATES),
    ("ICR-R", "instagram; default bot; organic desk", &["idle", "bot", "desk", "care", "care lapsed"]),
    ("ICR26", "instagram; profile 2026; default bot", ALL_STATES),
    ("ZC", "instagram", ALL_STATES),
    ("MCR25", "profile 2025; default bot", ALL_STATES),
    ("ZC-M", "profile 2025", ALL_STATES),
    ("HOP-I", "instagram; profile legacy; primary bot", ALL_STATES),
];

const ALL_STATES: &[&str] = &["idle", "bot", "desk", "care", "inbox", "care lapsed"];

/// Modes that are another's with one row changed: shown where that row is asked for.
const VARIANTS: [(&str, &str); 2] = [("ICR26", "request"), ("HOP-I", "menu user")];

/// States in which only messages differ: outside of the window, and of the human agent's.
const LATE: [&str; 2] = ["late", "old"];

const DID: [&str; 28] = [
    "message",
    "message via link spring",
    "message via link nowhere",
    "message via ad sale",
    "message via ad home",
    "message via ad plain",
    "message via ad missing",
    "quick_reply",
    "quick_reply via ad sale",
    "referral",
    "referral via link spring",
    "referral via ad sale",
    "referral via ad plain",
    "postback by desk",
    "postback by bot",
    "postback",
    "postback by desk via ad sale",
    "ice_breaker by desk",
    "ice_breaker via ad sale",
    "get_started by desk",
    "get_started",
    "get_started via ad sale",
    "get_started via link spring",
    "menu page by desk",
    "menu user by desk",
    "menu page url by desk",
    "read",
    "reaction",
];

const CALLERS: [&str; 3] = ["bot", "desk", "care"];

const SENDS: [&str; 11] = [
    "send",
    "send human_agent",
    "send retired",
    "send survey",
    "send +pass",
    "send +pass=desk",
    "send +pass=gone",
    "send +release",
    "send +both",
    "send +unknown",
    "send human_agent +pass=desk",
];

const ASKS: [&str; 14] = [
    "pass",
    "pass bot",
    "pass desk",
    "pass inbox",
    "pass gone",
    "take",
    "request",
    "release",
    "extend 2d",
    "extend 0",
    "metadata desk",
    "metadata gone",
    "menu page",
    "menu user",
];

const DESK: [&str; 5] = ["reply", "move_to_main", "done", "pass desk", "grant gone"];

/// The table as it is written, and the rules that it met.
#[derive(Default)]
struct Table {
    text: String,
    met: BTreeSet<String>,
}

impl Table {
    /// One event in all modes: threads in which the same is decided share a line; `any` where all do.
    fn block<'a>(&mut self, event: &str, lines: impl IntoIterator<Item = (&'a str, String, Vec<String>)>) {
        let mut rows: Vec<(&str, String, Outcome)> = Vec::new();
        for (mode, settings, threads) in lines {
            let first = rows.len();
            for thread in threads {
                let outcome = Story::on(&settings).play(&thread, event);
                for rule in outcome.rule.split(" > ") {
                    self.met.insert(rule.to_owned());
                }
                match rows[first..].iter_mut().find(|(_, _, same)| *same == outcome) {
                    Some((_, threads, _)) => *threads += &format!(", {thread}"),
                    None => rows.push((mode, thread, outcome)),
                }
            }
            if let [(_, threads, _)] = &mut rows[first..] {
                "any".clone_into(threads);
            }
        }
        let width =
            |of: &dyn Fn(&(&str, String, Outcome)) -> usize| rows.iter().map(of).max().unwrap_or_default();
        let (thread, rule) = (width(&|row| row.1.len()), width(&|row| row.2.rule.len()));
        let (owner, expires) = (width(&|row| row.2.owner.len()), width(&|row| row.2.expires.len()));
        writeln!(self.text, "{event}").unwrap();
        for (mode, threads, o) in &rows {
            let line = format!(
                "  {mode:5} | {threads:thread$} | {:rule$} | {:owner$} | {:expires$} | {}{}{}",
                o.rule,
                o.owner,
                o.expires,
                o.hears,
                if o.leaves.is_empty() { "" } else { " | " },
                o.leaves,
            );
            writeln!(self.text, "{}", line.trim_end()).unwrap();
        }
        self.text.push('\n');
    }
}

/// The modes with their settings and states, the states varied. The organic route is about what people do.
fn modes(vary: impl Fn(&str) -> Vec<String>) -> Vec<Line> {
    every_mode(vary).into_iter().filter(|(mode, _, _)| !mode.ends_with("-R")).collect()
}

/// The same without what is another mode's but for one row.
fn every_mode(vary: impl Fn(&str) -> Vec<String>) -> Vec<Line> {
    modes_and_variants("", vary)
}

fn modes_and_variants(asked: &str, vary: impl Fn(&str) -> Vec<String>) -> Vec<Line> {
    let shown = |mode: &str| VARIANTS.iter().all(|(variant, row)| *variant != mode || *row == asked);
    let line = |(mode, settings, threads): &(&'static str, &str, &[&str])| {
        // The surface and its profile come first.
        let (surface, rest): (Vec<&str>, Vec<&str>) =
            settings.split("; ").partition(|word| *word == "instagram" || word.starts_with("profile"));
        let settings = [surface.join("; ").as_str(), APPS, ROUTES, rest.join("; ").as_str()].join("; ");
        let settings = settings.trim_start_matches("; ").to_owned();
        (*mode, settings, threads.iter().flat_map(|thread| vary(thread)).collect())
    };
    MODES.iter().filter(|(mode, _, _)| shown(mode)).map(line).collect()
}

/// A mode, its settings, and its threads.
type Line = (&'static str, String, Vec<String>);

fn as_is(thread: &str) -> Vec<String> {
    vec![thread.to_owned()]
}

/// Also late, where control has not lapsed.
fn and_late(thread: &str) -> Vec<String> {
    let mut threads = as_is(thread);
    if !thread.contains(' ') {
        threads.extend(LATE.iter().map(|late| format!("{thread} {late}")));
    }
    threads
}

fn and_done(thread: &str) -> Vec<String> {
    let mut threads = as_is(thread);
    if !thread.contains(' ') {
        threads.push(format!("{thread} done"));
    }
    threads
}

fn persons() -> Table {
    let mut table = Table::default();
    for did in DID {
        table.block(&format!("person: {did}"), every_mode(as_is));
    }
    table
}

fn messages() -> Table {
    let mut table = Table::default();
    for send in SENDS {
        for caller in CALLERS {
            table.block(&format!("{caller}: {send}"), modes(and_late));
        }
    }
    let held = |thread: &str| vec![format!("{thread} held=1"), format!("{thread} held=1 old")];
    let handover = modes(held).into_iter().filter(|(mode, _, _)| mode.starts_with("HOP"));
    table.block("desk: due", handover);
    table
}

fn calls() -> Table {
    let mut table = Table::default();
    for ask in ASKS {
        for caller in CALLERS {
            let lines =
                modes_and_variants(ask, as_is).into_iter().filter(|(mode, _, _)| !mode.ends_with("-R"));
            table.block(&format!("{caller}: {ask}"), lines);
        }
    }
    table
}

fn inbox() -> Table {
    let mut table = Table::default();
    for desk in DESK {
        table.block(&format!("inbox: {desk}"), modes(and_done));
    }
    let asking = modes(as_is)
        .into_iter()
        .map(|(mode, settings, threads)| (mode, format!("{settings}; main_requests"), threads));
    let asking = asking.filter(|(mode, _, _)| mode.starts_with("HOP"));
    table.text += "With `inbox_move_to_main = \"request\"`:\n";
    table.block("inbox: move_to_main", asking);
    table
}

#[test]
fn what_people_do() {
    insta::assert_snapshot!(persons().text);
}

#[test]
fn what_apps_send() {
    insta::assert_snapshot!(messages().text);
}

#[test]
fn what_apps_call() {
    insta::assert_snapshot!(calls().text);
}

#[test]
fn what_the_inbox_does() {
    insta::assert_snapshot!(inbox().text);
}

#[test]
fn every_rule_in_the_source_is_reached() {
    let mut met = BTreeSet::new();
    for table in [persons(), messages(), calls(), inbox()] {
        met.extend(table.met);
    }
    let sources = [
        include_str!("../src/modes/handover.rs"),
        include_str!("../src/modes/instagram_routing.rs"),
        include_str!("../src/modes/messenger_routing.rs"),
        include_str!("../src/modes/profile_2025.rs"),
        include_str!("../src/modes/zero_config.rs"),
    ];
    let mut unreached = Vec::new();
    let mut count = 0;
    for source in sources {
        for row in ["ok(\"", "no(\"", "refer(\""] {
            for rule in source.split(row).skip(1).filter_map(|rest| rest.split('"').next()) {
                count += 1;
                if !met.contains(rule) {
                    unreached.push(rule);
                }
            }
        }
    }
    assert!(unreached.is_empty(), "no action in no state reaches {unreached:?}");
    println!("{count} rows, all reached");
}
