//! The rules, row by row: every line of every `.table` is played, and all of it must be as written. How to read a line: `story/mod.rs`. To write one, leave the columns after the
//! action out and run: the failure prints the line as it was decided.

#![expect(clippy::unwrap_used, reason = "the helpers of a test may unwrap like the test")]

mod story;

use story::{Outcome, Story};

/// The one check: plays a table and compares each row with what was decided.
fn check(file: &str, table: &str) {
    let mut wrong = Vec::new();
    let mut rows = 0;
    let (mut settings, mut names) = (String::new(), "");
    let mut story = Story::on("");
    for (number, line) in table.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') || line.starts_with("thread ") {
            continue;
        }
        if let Some(title) = line.strip_prefix("== ") {
            names = title;
            continue;
        }
        if let Some(page) = line.strip_prefix("page:") {
            settings = match page.trim().strip_prefix("same") {
                Some(more) => format!("{settings};{more}"),
                None => page.trim().to_owned(),
            };
            story = Story::on(&settings);
            continue;
        }
        let columns: Vec<&str> = line.split('|').map(str::trim).collect();
        let [thread, action, expected @ ..] = &columns[..] else {
            panic!("{file}:{}: no row: {line}", number + 1)
        };
        rows += 1;
        let decided = story.play(thread, action);
        let decided = written(&decided, expected.first().copied().unwrap_or_default());
        let expected: Vec<&str> = expected.iter().copied().filter(|column| !column.is_empty()).collect();
        if decided != expected {
            wrong.push(format!(
                "{file}:{}: {names}\n  row     {thread} | {action} | {}\n  decided {thread} | {action} | {}",
                number + 1,
                expected.join(" | "),
                decided.join(" | "),
            ));
        }
    }
    assert!(wrong.is_empty(), "{} of {rows} rows are wrong\n\n{}\n", wrong.len(), wrong.join("\n\n"));
}

/// An outcome as columns. A rule in parentheses is one that the row shows without a decision that could carry
/// its name: there the table's word stands.
fn written(outcome: &Outcome, named: &str) -> Vec<String> {
    let rule = if outcome.rule == "-" && named.starts_with('(') { named } else { &outcome.rule };
    let columns = [rule, &outcome.owner, &outcome.expires, &outcome.hears, &outcome.leaves];
    columns.into_iter().filter(|column| !column.is_empty()).map(str::to_owned).collect()
}

#[test]
fn handover() {
    check("handover.table", include_str!("handover.table"));
}

#[test]
fn messenger_routing() {
    check("messenger_routing.table", include_str!("messenger_routing.table"));
}

#[test]
fn instagram_routing() {
    check("instagram_routing.table", include_str!("instagram_routing.table"));
}

#[test]
fn zero_config() {
    check("zero_config.table", include_str!("zero_config.table"));
}

#[test]
fn profile_2025() {
    check("profile_2025.table", include_str!("profile_2025.table"));
}
