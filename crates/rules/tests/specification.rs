//! The specification, the code and the tables name the same rules: no rule is forgotten, none is made up, and
//! none is only claimed. Identifiers are never reused, so a mistyped one shows here too.

#![expect(clippy::unwrap_used, reason = "the helpers of a test may unwrap like the test")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

const SPECIFICATION: &str = include_str!("../../../docs/protocol/thread-control.md");
const TABLES: [&str; 5] = [
    include_str!("handover.table"),
    include_str!("messenger_routing.table"),
    include_str!("instagram_routing.table"),
    include_str!("zero_config.table"),
    include_str!("profile_2025.table"),
];

/// The families of rules that this crate decides by tables.
const DECIDED: [&str; 6] = ["HOP-", "MCR-", "ICR-", "ZC-", "M25-", "ZCM-"];

/// Rows that no decision carries, with the function that does what they say and must name them.
const UNDECIDED: [(&str, &str); 2] = [("HOP-ROLE-1", "pub fn roles_changed("), ("MCR-EXP-2", "fn dormant(")];

/// Rules of the other families that are not this crate's, and whose they are.
const ELSEWHERE: &[(&str, &str)] = &[
    ("OWN-8", "the shape of an answer"),
    ("AD-6", "counting, beside the decision"),
    ("WH-1", "the shape of a webhook"),
    ("WH-3", "the shape of a webhook"),
    ("WH-4", "the shape of a webhook"),
    ("WH-5", "the shape of a webhook"),
    ("WH-10", "the shape of a webhook"),
    ("WH-11", "the shape of a webhook"),
    ("Q-6", "who may look at the queue"),
    ("WIN-11", "private replies, which have no thread"),
];

/// The words of a text that look like identifiers of one of these families.
fn identifiers<'a>(text: &'a str, families: &[&str]) -> BTreeSet<&'a str> {
    text.split(|c: char| !c.is_ascii_uppercase() && !c.is_ascii_digit() && c != '-')
        .filter(|word| word.ends_with(|c: char| c.is_ascii_digit()))
        .filter(|word| families.iter().any(|family| word.starts_with(family)))
        .collect()
}

/// The first column of the rows of a section and of those below it.
fn specified<'a>(section: &str, families: &[&str]) -> BTreeSet<&'a str> {
    let title = format!("# {section} ");
    let (_, rest) = SPECIFICATION.split_once(&title).unwrap_or_else(|| panic!("no section {section}"));
    let depth = section.split('.').filter(|part| !part.is_empty()).count() + 1;
    let end = rest.lines().skip(1).find(|line| {
        let hashes = line.bytes().take_while(|b| *b == b'#').count();
        (2..=depth).contains(&hashes)
    });
    let text = end.map_or(rest, |end| rest.split(&format!("\n{end}")).next().unwrap());
    let first = text.lines().filter_map(|line| line.strip_prefix("| ")?.split('|').next());
    first.flat_map(|column| identifiers(column.trim(), families)).collect()
}

/// Every source file of this crate with its text.
fn sources() -> Vec<(PathBuf, String)> {
    fn below(folder: &Path, found: &mut Vec<(PathBuf, String)>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                below(&path, found);
            } else {
                found.push((path.clone(), fs::read_to_string(&path).unwrap()));
            }
        }
    }
    let mut found = Vec::new();
    below(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut found);
    found
}

/// The rules that decide something: the texts between quotation marks.
fn coded(text: &str) -> BTreeSet<&str> {
    let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    code.flat_map(|line| line.split('"').skip(1).step_by(2))
        .flat_map(|quoted| identifiers(quoted, &DECIDED))
        .collect()
}

/// The rule column of the tables, the row that it refers to included.
fn tabled() -> BTreeSet<&'static str> {
    let rows = TABLES.iter().flat_map(|table| table.lines());
    let rules = rows.filter(|line| !line.starts_with(['#', '='])).filter_map(|line| line.split('|').nth(2));
    rules.flat_map(|column| identifiers(column, &DECIDED)).collect()
}

#[test]
fn specification_code_and_tables_name_the_same_rules() {
    let sections = ["5.1", "5.2", "5.3", "5.4", "5.5", "5.7"];
    let specified_rules: BTreeSet<&str> =
        sections.iter().flat_map(|section| specified(section, &DECIDED)).collect();

    let sources = sources();
    let mut coded_rules: BTreeSet<&str> = sources.iter().flat_map(|(_, text)| coded(text)).collect();
    for (rule, function) in UNDECIDED {
        let named = sources.iter().any(|(_, text)| {
            let above = text.split_once(function).map(|(above, _)| above);
            let comment = above.map(|above| above.lines().rev().take_while(|line| line.starts_with("///")));
            comment.is_some_and(|mut comment| comment.any(|line| identifiers(line, &DECIDED).contains(rule)))
        });
        assert!(named, "{rule}: the comment of `{function}…)` does not name it");
        assert!(!coded_rules.contains(rule), "{rule} decides something: it is no longer undecided");
        coded_rules.insert(rule);
    }

    let places = [
        ("docs/protocol/thread-control.md", specified_rules),
        ("crates/rules/src", coded_rules),
        ("crates/rules/tests/*.table", tabled()),
    ];
    let mut missing = Vec::new();
    let all: BTreeSet<&str> = places.iter().flat_map(|(_, rules)| rules.iter().copied()).collect();
    for rule in &all {
        for (place, rules) in &places {
            if !rules.contains(rule) {
                missing.push(format!("{rule} is missing in {place}"));
            }
        }
    }
    assert!(missing.is_empty(), "\n{}\n", missing.join("\n"));
    println!("{} rules are specified, coded and tabled", all.len());
}

#[test]
fn every_other_rule_of_control_is_tested_by_name() {
    let families = ["MODE-", "CLK-", "OWN-", "TC-", "AD-", "WH-", "SB-", "Q-", "FOLD-", "WIN-", "SCN-"];
    let mut rules = BTreeSet::from(["API-9", "API-10", "SET-1", "SET-5"]);
    for section in ["2.1", "2.3", "3.8", "3.12", "3.13", "4.", "5.6", "5.7", "7."] {
        rules.extend(specified(section, &families));
    }
    // Rules that stand in the text and not in a table's first column.
    rules.extend(identifiers("MODE-1 MODE-2 MODE-3 MODE-4 MODE-5 WH-META-1 WH-HOP-1", &families));

    // A name counts where a failure shows it: the headings and rules of the tables, the tests' own words.
    let mut named = BTreeMap::new();
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let tables = ["handover", "messenger_routing", "instagram_routing", "zero_config", "profile_2025"];
    let tables = tables.map(|table| format!("{table}.table"));
    for file in tables.iter().map(String::as_str).chain(["settings.rs", "setup.rs", "properties.rs"]) {
        let text = fs::read_to_string(tests.join(file)).unwrap();
        for line in text.lines().map(str::trim_start) {
            if line.starts_with('#') || line.starts_with("//") {
                continue;
            }
            // A test's name names its rule too: `set_1_…` is SET-1.
            let name = line.strip_prefix("fn ").map(|name| name.to_ascii_uppercase().replace('_', "-"));
            for rule in &rules {
                if name
                    .as_ref()
                    .and_then(|name| name.strip_prefix(rule))
                    .is_some_and(|rest| rest.starts_with('-'))
                {
                    named.insert(*rule, file);
                }
            }
            for word in identifiers(line, &[""]) {
                if let Some(rule) = rules.get(word) {
                    named.insert(*rule, file);
                }
            }
        }
    }
    let mut wrong = Vec::new();
    for rule in &rules {
        match (named.get(rule), ELSEWHERE.iter().find(|(elsewhere, _)| elsewhere == rule)) {
            (None, None) => wrong.push(format!("{rule} is named by no test")),
            (Some(file), Some((_, whose))) => {
                wrong.push(format!("{rule} is named by {file}, and said to be {whose}"));
            }
            (Some(_), None) | (None, Some(_)) => {}
        }
    }
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
    println!("{} other rules, {} of them not this crate's", rules.len(), ELSEWHERE.len());
}
