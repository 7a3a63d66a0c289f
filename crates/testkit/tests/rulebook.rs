//! The rule book: every rule of `docs/protocol/thread-control.md`, whether it is built, and whether a test that
//! names it fails without it. No rule is forgotten, none is made up, none is only claimed.
//!
//! `make rules` prints the table. A rule is *specified* where a row of a table of rules begins with it, or a
//! paragraph does; *built* where the code that does it names it; *tested* where a failure shows it: in the name
//! of a test (`api_7_…`, `wh_hop_1_…`), or in a row or heading of the tables of `crates/rules/tests`. The rows of
//! the decision tables (those with a State column) are held harder: built is only what decides, tested only what
//! a row of the tables is decided by.
//!
//! When a mode is built: take its rules from [`NOT_BUILT`], and follow what this test then says.

#![expect(clippy::unwrap_used, reason = "the helpers of a test may unwrap like the test")]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

/// Rules that are specified and not built, and why: a rule, or a family with `*`.
const NOT_BUILT: &[(&str, &str)] = &[("LEAD-*", "the lead ad flow, which the specification leaves open")];

/// Rows of the decision tables that no decision carries: they are shown by what follows from them.
const UNDECIDED: [&str; 2] = ["HOP-ROLE-1", "MCR-EXP-2"];

/// Scenarios: what they show is done by the rules that they are made of, and by no code of their own.
const SCENARIOS: &str = "SCN";

/// A file: its path from the root, with `/`, and its text.
struct File {
    path: String,
    text: String,
}

/// A rule as it is specified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Rule {
    /// Its place in the document.
    line: usize,
    /// Whether it is a row of a decision table.
    decided: bool,
}

/// What is known of every rule.
struct Book {
    rules: BTreeMap<String, Rule>,
    /// Where each is named by the code that does it.
    built: BTreeMap<String, Vec<String>>,
    /// What tests name each.
    tested: BTreeMap<String, Vec<String>>,
    /// Identifiers that stand somewhere and are no rules.
    made_up: BTreeSet<String>,
}

/// The words of a text that look like identifiers of rules: `WH-TAKE-2`, `M25-1`.
fn identifiers(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_ascii_uppercase() && !c.is_ascii_digit() && c != '-').filter(|word| {
        let number = word.rsplit_once('-').map(|(family, number)| (family.as_bytes(), number));
        number.is_some_and(|(family, number)| {
            family.first().is_some_and(u8::is_ascii_uppercase)
                && !number.is_empty()
                && number.bytes().all(|digit| digit.is_ascii_digit())
        })
    })
}

/// `WH` of `WH-TAKE-2`.
fn family(rule: &str) -> &str {
    rule.split('-').next().unwrap_or(rule)
}

/// The rules of the specification: the first column of tables whose first column is `Rule`, and paragraphs that
/// begin with one in backticks.
fn specified(document: &str) -> BTreeMap<String, Rule> {
    let mut rules = BTreeMap::new();
    // Whether these are the rows of a table of rules, and of a decision table.
    let mut table = None;
    for (number, line) in document.lines().enumerate() {
        let line = line.trim();
        let mut add = |name: &str, decided| {
            let again = rules.insert(name.to_owned(), Rule { line: number + 1, decided });
            assert!(again.is_none(), "{name} is specified twice: a rule has one place");
        };
        if let Some(row) = line.strip_prefix("| ") {
            let first = row.split('|').next().unwrap_or_default().trim();
            if first == "Rule" {
                table = Some(row.contains("| State |"));
            } else if let (Some(decided), Some(name)) = (table, identifiers(first).next()) {
                add(name, decided);
            }
        } else {
            // The line below a header has no space.
            table = table.filter(|_| line.starts_with('|'));
            let name = line.strip_prefix('`').and_then(|rest| rest.split_once('`')).map(|(name, _)| name);
            if let Some(name) = name.filter(|name| identifiers(name).next() == Some(name)) {
                add(name, false);
            }
        }
    }
    rules
}

/// What a source file says outside of its tests.
fn code(file: &File) -> &str {
    if file.path.ends_with("tests.rs") {
        return "";
    }
    file.text.split("#[cfg(test)]").next().unwrap_or_default()
}

/// The rules that a line of code decides by: the texts between quotation marks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    code.flat_map(|line| line.split('"').skip(1).step_by(2)).flat_map(identifiers)
}

/// The names of the tests in a file.
fn tests(text: &str) -> Vec<&str> {
    let (mut names, mut is_test) = (Vec::new(), false);
    for line in text.lines().map(str::trim) {
        if line.starts_with("#[test]") || line.starts_with("#[tokio::test") {
            is_test = true;
        }
        // The attribute may stand in the same line.
        if let Some((_, rest)) = line.split_once("fn ").filter(|_| is_test) {
            names.push(rest.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next().unwrap_or(rest));
            is_test = false;
        }
    }
    names
}

/// The identifiers that a test's name begins with: `fs_1_fs_2_the_flags_…` has two. `families` tells them from
/// other words.
fn named(test: &str, families: &BTreeSet<&str>) -> Vec<String> {
    let mut found = Vec::new();
    let mut words: Vec<String> = test.split('_').map(str::to_ascii_uppercase).collect();
    loop {
        let number = words.iter().position(|word| word.bytes().all(|digit| digit.is_ascii_digit()));
        let Some(number) = number.filter(|at| (1..=2).contains(at)) else { break };
        if !families.contains(words[0].as_str()) {
            break;
        }
        found.push(words[..=number].join("-"));
        words.drain(..=number);
    }
    found
}

impl Book {
    fn read(document: &str, sources: &[File], tables: &[File], test_files: &[File]) -> Self {
        let rules = specified(document);
        let families: BTreeSet<&str> = rules.keys().map(|rule| family(rule)).collect();
        let (mut built, mut tested) = (BTreeMap::new(), BTreeMap::new());
        let mut made_up = BTreeSet::new();
        let decides =
            |name: &str| rules.get(name).is_some_and(|rule| rule.decided) && !UNDECIDED.contains(&name);
        let mut note = |into: &mut BTreeMap<String, Vec<String>>, name: &str, place: String| {
            if rules.contains_key(name) {
                let places = into.entry(name.to_owned()).or_default();
                if places.last() != Some(&place) {
                    places.push(place);
                }
            } else if families.contains(family(name)) {
                made_up.insert(format!("{name} in {place}"));
            }
        };
        for file in sources {
            let text = code(file);
            let in_rules = file.path.starts_with("crates/rules/");
            for name in quoted(text).filter(|name| decides(name) && in_rules) {
                note(&mut built, name, file.path.clone());
            }
            for name in identifiers(text).filter(|name| !decides(name)) {
                note(&mut built, name, file.path.clone());
            }
        }
        for file in tables {
            for (number, line) in file.text.lines().enumerate() {
                let place = || format!("{}:{}", file.path, number + 1);
                if let Some(heading) = line.strip_prefix("==") {
                    identifiers(heading)
                        .filter(|name| !decides(name))
                        .for_each(|name| note(&mut tested, name, place()));
                } else if let Some(column) = line.split('|').nth(2).filter(|_| !line.starts_with('#')) {
                    identifiers(column).for_each(|name| note(&mut tested, name, place()));
                }
            }
        }
        for file in test_files {
            for test in tests(&file.text) {
                for name in named(test, &families).iter().filter(|name| !decides(name)) {
                    note(&mut tested, name, format!("{}: {test}", file.path));
                }
            }
        }
        Self { rules, built, tested, made_up }
    }

    /// Why a rule is not built, where it is not meant to be.
    fn later(&self, rule: &str) -> Option<&'static str> {
        let is = |entry: &str| match entry.strip_suffix("-*") {
            Some(whole) => family(rule) == whole,
            None => entry == rule,
        };
        NOT_BUILT.iter().find(|(entry, _)| is(entry)).map(|(_, why)| *why)
    }

    /// A scenario is built when it is played.
    fn is_built(&self, rule: &str) -> bool {
        self.built.contains_key(rule) || (family(rule) == SCENARIOS && self.tested.contains_key(rule))
    }

    /// Everything that is wrong, a line for each rule.
    fn wrong(&self) -> Vec<String> {
        let mut wrong: Vec<String> =
            self.made_up.iter().map(|name| format!("{name} is no rule of the specification")).collect();
        for (name, rule) in &self.rules {
            let (built, tested) = (self.is_built(name), self.tested.contains_key(name));
            let place = format!("{name} (docs/protocol/thread-control.md:{})", rule.line);
            match (self.later(name), built, tested) {
                (Some(_), true, true) => {
                    wrong.push(format!("{place} is built and tested: take it from NOT_BUILT"));
                }
                (Some(_), _, _) | (None, true, true) => {}
                (None, false, false) => wrong.push(format!("{place} is neither built nor tested")),
                (None, false, true) => wrong.push(format!("{place} is named by no code")),
                (None, true, false) => wrong.push(format!("{place} is named by no test")),
            }
        }
        for (entry, why) in NOT_BUILT {
            let known = |rule: &String| self.later(rule) == Some(why);
            if !self.rules.keys().any(known) {
                wrong.push(format!("NOT_BUILT has {entry}, of which the specification has nothing"));
            }
        }
        wrong
    }

    /// `specified / built / tested` by family, and below it what is not built yet, by name.
    fn table(&self) -> String {
        let mut counts: BTreeMap<&str, [usize; 4]> = BTreeMap::new();
        let mut later: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for name in self.rules.keys() {
            let count = counts.entry(family(name)).or_default();
            count[0] += 1;
            match self.later(name) {
                Some(why) => {
                    count[3] += 1;
                    later.entry(why).or_default().push(name);
                }
                None => {
                    count[1] += usize::from(self.is_built(name));
                    count[2] += usize::from(self.tested.contains_key(name));
                }
            }
        }
        let mut text = format!(
            "{:8}{:>10}{:>8}{:>8}{:>15}\n",
            "family", "specified", "built", "tested", "not built yet"
        );
        let mut row = |name: &str, [specified, built, tested, later]: [usize; 4]| {
            writeln!(text, "{name:8}{specified:>10}{built:>8}{tested:>8}{later:>15}").unwrap();
        };
        counts.iter().for_each(|(name, count)| row(name, *count));
        row("all", counts.values().fold([0; 4], |sum, count| std::array::from_fn(|at| sum[at] + count[at])));
        for (why, names) in later {
            writeln!(text, "\nnot built yet: {why}\n  {}", wrapped(&names)).unwrap();
        }
        text
    }

    /// Each rule with where it is built and tested.
    fn places(&self) -> String {
        let mut text = String::new();
        for name in self.rules.keys().filter(|name| self.later(name).is_none()) {
            let list = |of: &BTreeMap<String, Vec<String>>| {
                of.get(name).map_or("nowhere".to_owned(), |places| places.join(", "))
            };
            writeln!(text, "{name}\n  built   {}\n  tested  {}", list(&self.built), list(&self.tested))
                .unwrap();
        }
        text
    }
}

/// Words in lines of a hundred letters.
fn wrapped(words: &[&str]) -> String {
    let (mut text, mut width) = (String::new(), 0);
    for word in words {
        if width > 100 {
            text.push_str("\n  ");
            width = 0;
        }
        text.push_str(word);
        text.push(' ');
        width += word.len() + 1;
    }
    text.trim_end().to_owned()
}

/// The files below a folder of the repository that have this ending.
fn files(folder: &str, ending: &str) -> Vec<File> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap();
    let (mut found, mut folders) = (Vec::new(), vec![root.join(folder)]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.to_string_lossy().ends_with(ending) {
                let text = fs::read_to_string(&path).unwrap();
                let path = path.strip_prefix(&root).unwrap().to_string_lossy().replace('\\', "/");
                found.push(File { path, text });
            }
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

/// The book of this repository.
fn book() -> Book {
    let product = ["rules", "wire", "store", "engine", "server"];
    let sources: Vec<File> =
        product.iter().flat_map(|name| files(&format!("crates/{name}/src"), ".rs")).collect();
    let tests: Vec<File> =
        files("crates", ".rs").into_iter().filter(|file| !file.path.ends_with("tests/rulebook.rs")).collect();
    let specification = include_str!("../../../docs/protocol/thread-control.md");
    Book::read(specification, &sources, &files("crates/rules/tests", ".table"), &tests)
}

#[test]
fn every_rule_is_built_and_tested_by_name() {
    let book = book();
    println!("{}", book.table());
    if std::env::var_os("RULES").is_some_and(|what| what == "all") {
        println!("{}", book.places());
    }
    let wrong = book.wrong();
    assert!(wrong.is_empty(), "\n{} rules are not held:\n  {}\n", wrong.len(), wrong.join("\n  "));
}

mod reading {
    use super::*;

    const DOCUMENT: &str = "\
`MODE-1` Baton computes it, as `MODE-2` does not say.

| Rule | Event | State | Result |
| --- | --- | --- | --- |
| HOP-PASS-1 | pass | C | OK, as HOP-PASS-9 |
| HOP-PASS-2 | pass | idle | OK |

| Rule | Text |
| --- | --- |
| LEAD-1 | see WH-9 |
| SCN-1 | a story |

| ID | code |
| --- | --- |
| C-1 | no rule |
";

    fn file(path: &str, text: &str) -> Vec<File> {
        vec![File { path: path.to_owned(), text: text.to_owned() }]
    }

    fn book(source: &str, table: &str, tests: &str) -> Book {
        let source = file("crates/rules/src/modes/x.rs", source);
        Book::read(DOCUMENT, &source, &file("x.table", table), &file("crates/rules/tests/x.rs", tests))
    }

    /// What is wrong without the complaint that the entries of [`NOT_BUILT`] are in another document.
    fn wrong(book: &Book) -> Vec<String> {
        book.wrong().into_iter().filter(|line| !line.starts_with("NOT_BUILT")).collect()
    }

    const SOURCE: &str = "/// MODE-1\nok(\"HOP-PASS-1\"), ok(\"HOP-PASS-2\")\n";
    const TABLE: &str = "== SCN-1: it goes\nx | y | HOP-PASS-1 > HOP-PASS-2 | z\n";
    const TESTS: &str = "#[test]\nfn mode_1_holds() {}\n";

    #[test]
    fn rules_are_the_first_columns_of_tables_of_rules_and_paragraphs() {
        let rules = specified(DOCUMENT);
        let names: Vec<&str> = rules.keys().map(String::as_str).collect();
        assert_eq!(names, ["HOP-PASS-1", "HOP-PASS-2", "LEAD-1", "MODE-1", "SCN-1"]);
        assert!(rules["HOP-PASS-1"].decided && !rules["LEAD-1"].decided);
    }

    #[test]
    fn what_is_named_everywhere_is_held() {
        let book = book(SOURCE, TABLE, TESTS);
        assert_eq!(wrong(&book), [""; 0]);
        let table = book.table();
        assert!(table.contains("HOP              2       2       2              0"), "{table}");
        assert!(table.contains("LEAD             1       0       0              1"), "{table}");
    }

    #[test]
    fn what_is_missing_somewhere_is_named() {
        let is_said = |source: &str, table: &str, tests: &str, what: &str| {
            let said = wrong(&book(source, table, tests));
            assert!(said.len() == 1 && said[0].contains(what), "{said:?}");
        };
        is_said(
            SOURCE,
            TABLE,
            "fn mode_1_is_no_test() {}",
            "MODE-1 (docs/protocol/thread-control.md:1) is named by no test",
        );
        is_said(
            SOURCE,
            TABLE,
            "#[test]\nfn mode_10_is_another() {}\n#[test]\nfn mode_1() {}",
            "MODE-10 in crates/rules/tests/x.rs",
        );
        is_said("ok(\"HOP-PASS-1\") ok(\"HOP-PASS-2\")", TABLE, TESTS, "is named by no code");
        // A row is built by what decides, and not by what is said of it; tested by a row, and not by its heading.
        is_said("// MODE-1 HOP-PASS-2\nok(\"HOP-PASS-1\")", TABLE, TESTS, "HOP-PASS-2");
        is_said(SOURCE, "== HOP-PASS-2 SCN-1\nx | y | HOP-PASS-1 | z", TESTS, "is named by no test");
        is_said(&format!("{SOURCE} ok(\"HOP-PASS-3\") // HOP-PASS-3"), TABLE, TESTS, "HOP-PASS-3 in");
        is_said(SOURCE, "x | y | HOP-PASS-1 > HOP-PASS-2 | z", TESTS, "SCN-1");
        is_said(
            &format!("{SOURCE} // LEAD-1"),
            &format!("== LEAD-1\n{TABLE}"),
            TESTS,
            "take it from NOT_BUILT",
        );
    }
}
