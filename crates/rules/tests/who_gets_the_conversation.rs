//! `docs/who-gets-the-conversation.md` is what [`baton_rules::decide`] says, in words: this writes it, and fails where
//! the document says something else. `BATON_WRITE_REFERENCE=1 cargo test -p baton-rules --test who_gets_the_conversation`
//! writes it anew.

#![expect(clippy::unwrap_used, reason = "the helpers of a test may unwrap like the test")]

#[path = "who_gets_the_conversation/modes.rs"]
mod modes;
mod story;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

use modes::{APPS, CALLS, DESK, DID, MODES, Mode, SPOKEN, Who};
use story::{Outcome, Story};

const SPECIFICATION: &str = include_str!("../../../docs/protocol/thread-control.md");

/// What stands before the tables, by people.
const INTRODUCTION: &str = include_str!("who_gets_the_conversation/introduction.txt");

/// What came of something, as the document says it. Situations that read alike share a row.
#[derive(PartialEq, Eq)]
struct Row {
    after: String,
    lasts: String,
    hears: String,
    overhears: String,
    told: String,
    rule: String,
}

/// The role of an app, in words.
fn spoken(mode: &Mode, app: &str) -> String {
    if app == "bot" {
        return mode.leader.to_owned();
    }
    SPOKEN.iter().find(|(name, _)| *name == app).map(|(_, words)| (*words).to_owned()).unwrap()
}

/// The application that is in control of a thread as the table's language writes it; `idle` for none.
fn owner_of(thread: &str) -> &str {
    thread.split_whitespace().next().unwrap()
}

/// How long control lasts from now on.
fn lasts(outcome: &Outcome, thread: &str) -> String {
    let nobody = outcome.owner == "idle";
    match outcome.expires.as_str() {
        "=" => "as before".to_owned(),
        "-" if outcome.owner == owner_of(thread) => "as before".to_owned(),
        "-" if nobody => "–".to_owned(),
        "-" => "no end".to_owned(),
        // Control of the threads here lapses in 23 hours before anything happens.
        "+23h" if outcome.owner == owner_of(thread) => "as before".to_owned(),
        hours => {
            let hours: u32 = hours.trim_start_matches('+').trim_end_matches('h').parse().unwrap();
            if hours > 24 { format!("{} days", hours / 24) } else { format!("{hours} h") }
        }
    }
}

/// A list of apps in words: those in control first.
fn apps(
    mode: &Mode,
    who: &BTreeSet<&str>,
    owner: &str,
    all: &BTreeSet<&str>,
    rest: &BTreeSet<&str>,
) -> String {
    if who.is_empty() {
        return "–".to_owned();
    }
    if who == all {
        return "all apps".to_owned();
    }
    if who == rest && who.len() > 1 {
        return "all others".to_owned();
    }
    let mut words: Vec<String> = Vec::new();
    if who.contains(owner) {
        words.push("the app in control".to_owned());
    }
    words.extend(who.iter().filter(|app| **app != owner).map(|app| spoken(mode, app)));
    words.join(", ")
}

/// `organic`: the page has one app more, to which everybody else is led.
fn row(mode: &Mode, thread: &str, outcome: &Outcome, organic: bool) -> Row {
    let before = owner_of(thread);
    let mut connected: BTreeSet<&str> =
        APPS.iter().copied().filter(|app| *app != "bot" || mode.led).collect();
    connected.extend(organic.then_some("welcome"));
    let (mut hears, mut overhears, mut partly) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    let mut told: Vec<(String, BTreeSet<&str>)> = Vec::new();
    let refused = outcome.hears.strip_prefix("refused ");
    for word in heard(&outcome.hears) {
        let Some((app, what)) = word.split_once('=') else { continue };
        match what.trim_end_matches("+context") {
            "said" | "echo" => {
                hears.insert(app);
            }
            "said-payload" => {
                hears.insert(app);
                partly.insert(app);
            }
            "standby" | "standby-payload" | "standby-echo" => {
                overhears.insert(app);
            }
            event => {
                let event = event.split('(').next().unwrap().to_lowercase();
                let event = if event == "req" { "request".to_owned() } else { event };
                if app != "nobody" {
                    match told.iter_mut().find(|(known, _)| *known == event) {
                        Some((_, who)) => {
                            who.insert(app);
                        }
                        None => told.push((event, [app].into())),
                    }
                }
            }
        }
    }
    let owner = if refused.is_some() { before } else { outcome.owner.as_str() };
    let rest: BTreeSet<&str> = connected.iter().copied().filter(|app| !hears.contains(app)).collect();
    let others: BTreeSet<&str> = connected.iter().copied().filter(|app| *app != owner).collect();
    let after = match owner {
        owner if owner == before => "as before".to_owned(),
        "idle" => "nobody".to_owned(),
        owner => spoken(mode, owner),
    };
    let said = |event: &str, who: &BTreeSet<&str>| {
        format!("{event} → {}", apps(mode, who, owner, &connected, &others))
    };
    let told: Vec<String> = told.iter().map(|(event, who)| said(event, who)).collect();
    let mut hears_words = apps(mode, &hears, owner, &connected, &rest);
    if !partly.is_empty() {
        hears_words +=
            if partly == hears { ", without the payload" } else { ", the payload its maker alone" };
    }
    Row {
        after: refused.map_or(after, |error| format!("refused: {error}")),
        lasts: if refused.is_some() { String::new() } else { lasts(outcome, thread) },
        hears: if refused.is_some() { "–".to_owned() } else { hears_words },
        overhears: apps(mode, &overhears, owner, &connected, &rest),
        told: if told.is_empty() { "–".to_owned() } else { told.join("; ") },
        rule: outcome.rule.split(" > ").map(link).collect::<Vec<_>>().join(" › "),
    }
}

/// The words of a list in which `PASS(idle>shop "")` is one.
fn heard(text: &str) -> Vec<&str> {
    let (mut words, mut from, mut depth) = (Vec::new(), 0, 0);
    for (at, letter) in text.char_indices() {
        match letter {
            '(' => depth += 1,
            ')' => depth -= 1,
            ' ' if depth == 0 => {
                words.push(&text[from..at]);
                from = at + 1;
            }
            _ => {}
        }
    }
    words.push(&text[from..]);
    words
}

/// The rule, linked at the end of the document.
fn link(rule: &str) -> String {
    format!("[{rule}]")
}

/// Where each linked rule stands: the section of the specification in which it is a row.
fn links(text: &str) -> String {
    let (mut section, mut found) = ("", BTreeMap::new());
    for line in SPECIFICATION.lines() {
        if line.starts_with('#') {
            section = line.trim_start_matches('#').trim();
        }
        if let Some((rule, _)) = line.strip_prefix("| ").and_then(|row| row.split_once(" |")) {
            found.entry(rule).or_insert(section);
        }
    }
    let linked =
        text.split('[').filter_map(|part| part.split_once(']')).filter(|(_, rest)| !rest.starts_with('('));
    let linked: BTreeSet<&str> =
        linked.map(|(rule, _)| rule).filter(|rule| rule.contains('-') && !rule.contains(' ')).collect();
    let line = |rule: &&str| {
        let section = found.get(rule).unwrap_or_else(|| panic!("{rule} is no row of the specification"));
        format!("[{rule}]: protocol/thread-control.md#{}\n", anchor(section))
    };
    linked.iter().map(line).collect()
}

/// How GitHub makes an anchor of a heading.
fn anchor(heading: &str) -> String {
    let kept = heading.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.collect::<String>().to_lowercase().replace(' ', "-")
}

/// A row for each different outcome, with all the situations in which it is the outcome.
fn rows(text: &mut String, what: &str, lines: Vec<(String, Row)>, shown: impl Fn(&Row) -> Vec<&str>) {
    let mut merged: Vec<(Vec<String>, Row)> = Vec::new();
    let many = lines.len();
    for (when, row) in lines {
        match merged.iter_mut().find(|(_, same)| *same == row) {
            Some((all, _)) => all.push(when),
            None => merged.push((vec![when], row)),
        }
    }
    for (number, (when, row)) in merged.iter().enumerate() {
        let what = if number == 0 { what } else { "" };
        let when = if when.len() == many && many > 1 { "whoever".to_owned() } else { when.join("; ") };
        writeln!(text, "| {what} | {when} | {} |", shown(row).join(" | ")).unwrap();
    }
}

/// What people do.
fn people(text: &mut String, mode: &Mode) {
    text.push_str("| The person | Before, in control is | Then in control is | For | Hears it | On standby | Told of control | Rule |\n");
    text.push_str("| --- | --- | --- | --- | --- | --- | --- | --- |\n");
    for did in DID.iter().filter(|did| (did.only)(mode)) {
        let settings =
            format!("{}{}", mode.settings, if did.organic { "; app welcome; organic welcome" } else { "" });
        let named = did.event.contains("shop") || did.event.contains("sale") || did.event.contains("spring");
        let mut lines = Vec::new();
        for (thread, words) in mode.threads.iter().filter(|(thread, _)| named || *thread != "shop") {
            let outcome = Story::on(&settings).play(thread, &format!("person: {}", did.event));
            lines.push(((*words).to_owned(), row(mode, thread, &outcome, did.organic)));
        }
        rows(text, did.words, lines, |row| {
            vec![&row.after, &row.lasts, &row.hears, &row.overhears, &row.told, &row.rule]
        });
    }
    text.push('\n');
}

/// What apps ask for.
fn calls(text: &mut String, mode: &Mode) {
    text.push_str("| An app | Which, and when | Then in control is | For | Told of control | Rule |\n| --- | --- | --- | --- | --- | --- |\n");
    for (call, words) in CALLS.iter().filter(|(call, _)| mode.asks(call)) {
        let lines = mode.callers.iter().map(|Who { app, thread, words }| {
            let outcome = Story::on(mode.settings).play(thread, &format!("{app}: {call}"));
            ((*words).to_owned(), row(mode, thread, &outcome, false))
        });
        rows(text, words, lines.collect(), |row| vec![&row.after, &row.lasts, &row.told, &row.rule]);
    }
    text.push('\n');
}

/// What is done at the inbox.
fn desk(text: &mut String, mode: &Mode) {
    text.push_str("| Somebody at the inbox | Before, in control is | Then in control is | For | Told of control | Rule |\n| --- | --- | --- | --- | --- | --- |\n");
    let inbox = [("inbox", "the inbox")];
    for (act, words) in DESK {
        let threads = mode.threads.iter().chain(&inbox).filter(|(thread, _)| *thread != "shop");
        let lines = threads.map(|(thread, words)| {
            let outcome = Story::on(mode.settings).play(thread, &format!("inbox: {act}"));
            ((*words).to_owned(), row(mode, thread, &outcome, false))
        });
        rows(text, words, lines.collect(), |row| vec![&row.after, &row.lasts, &row.told, &row.rule]);
    }
    text.push('\n');
}

/// What becomes of control when its time is up.
fn time(text: &mut String, mode: &Mode) {
    let outcome = Story::on(mode.settings).play("other lapsed", "clock");
    let owner = if outcome.owner == "idle" { "nobody".to_owned() } else { spoken(mode, &outcome.owner) };
    let rule = link(&outcome.rule);
    writeln!(text, "When the time is up, **{owner}** is in control, and nobody is told ({rule}).\n").unwrap();
}

fn document() -> String {
    let mut text = INTRODUCTION.to_owned();
    for mode in &MODES {
        write!(text, "\n## {}\n\n{}\n\n", mode.heading, mode.says).unwrap();
        time(&mut text, mode);
        text.push_str("### What people do\n\n");
        people(&mut text, mode);
        text.push_str("### What apps ask for\n\n");
        calls(&mut text, mode);
        text.push_str("### What is done at the inbox\n\n");
        desk(&mut text, mode);
    }
    let links = links(&text);
    text + &links
}

#[test]
fn the_document_says_what_is_decided() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/who-gets-the-conversation.md");
    let text = document();
    if std::env::var_os("BATON_WRITE_REFERENCE").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    let differs = written.lines().zip(text.lines()).position(|(written, made)| written != made);
    let differs = differs.or((written != text).then(|| written.lines().count().min(text.lines().count())));
    if let Some(line) = differs {
        panic!(
            "{}:{} says\n  {}\nand what is decided is\n  {}\n\
             BATON_WRITE_REFERENCE=1 cargo test -p baton-rules --test who_gets_the_conversation writes it anew",
            path.display(),
            line + 1,
            written.lines().nth(line).unwrap_or_default(),
            text.lines().nth(line).unwrap_or_default()
        );
    }
}
