//! What came of scenarios: lines for people, JSON for programs, JUnit's XML for CI.

use std::path::Path;

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};
use serde_json::{Value, json};

use super::file::Scenario;
use super::judge::Difference;
use super::play::{Played, StepPlayed};
use crate::api::time;
use crate::cli::{Failure, look};

const WORDS: usize = 52;
const RULE: usize = 13;

/// A scenario begins.
pub(crate) fn title(scenario: &Scenario) -> String {
    format!(
        "{}  {}",
        look::styled(look::STRONG, &scenario.title),
        look::styled(look::DIM, scenario.path.display())
    )
}

/// A step that was played.
pub(crate) fn step(step: &StepPlayed, day: &mut Option<i64>) -> Vec<String> {
    let mut lines = Vec::new();
    let today = step.at.div_euclid(86_400_000);
    if day.replace(today) != Some(today) {
        lines.push(format!("  {}", look::styled(look::DIM, look::day(step.at))));
    }
    let mark = if step.differences.is_empty() {
        look::styled(look::PERSON, "✓")
    } else {
        look::styled(look::BAD, "✗")
    };
    let rule = step.rule.as_deref().unwrap_or_default();
    let line = format!(
        "  {mark} {}  {} {} {}",
        look::styled(look::DIM, look::clock_time(step.at)),
        look::column(anstyle::Style::new(), &step.words, WORDS),
        look::column(look::RULE, rule, RULE),
        step.control.as_deref().unwrap_or_default(),
    );
    lines.push(line.trim_end().to_owned());
    lines
}

/// What is wrong with a scenario, with the place to look at.
pub(crate) fn trouble(scenario: &Scenario, played: &Played) -> Vec<String> {
    let mut lines = Vec::new();
    for step in played.steps.iter().filter(|step| !step.differences.is_empty()) {
        lines.push(format!("    {}:{}  {}", scenario.path.display(), step.line, step.words));
        for difference in &step.differences {
            lines.extend(told(difference, step.rule.as_deref()));
        }
    }
    if let Some(failure) = &played.failure {
        lines.push(format!("    {} {}", look::styled(look::BAD, "error:"), failure.what));
        lines.extend(failure.why.iter().flat_map(|why| why.lines()).map(|why| format!("           {why}")));
        lines.extend(failure.at.iter().map(|at| format!("           {at}")));
        lines.extend(failure.advice.iter().map(|advice| format!("       do: {advice}")));
    }
    let left = scenario.steps.len().saturating_sub(played.steps.len());
    if left > 0 {
        let steps = if left == 1 { "step was" } else { "steps were" };
        lines.push(look::styled(look::DIM, format!("    {left} {steps} not played")));
    }
    lines
}

fn told(difference: &Difference, rule: Option<&str>) -> Vec<String> {
    let word = |word: &str| look::column(look::DIM, word, 9);
    let rule = rule.filter(|rule| !difference.got.contains(rule));
    let by = rule.map(|rule| look::styled(look::DIM, format!("  ({rule})"))).unwrap_or_default();
    vec![
        format!("      {} {}", word(difference.what), difference.expected),
        format!("      {} {}{by}", word("got"), look::styled(look::BAD, &difference.got)),
        format!("      {} {}", word("to pass"), difference.advice),
    ]
}

/// A scenario as JSON.
pub(crate) fn json(scenario: &Scenario, played: &Played) -> Value {
    let steps = played.steps.iter().map(|step| {
        let differences = step.differences.iter().map(|difference| {
            json!({
                "what": difference.what,
                "expected": difference.expected,
                "got": difference.got,
                "advice": difference.advice,
            })
        });
        json!({
            "line": step.line,
            "step": step.words,
            "at": time::text(step.at),
            "rule": step.rule,
            "control": step.control,
            "differences": differences.collect::<Vec<Value>>(),
        })
    });
    json!({
        "file": scenario.path,
        "title": scenario.title,
        "passed": played.passed(),
        "error": played.failure.as_ref().map(sentence),
        "steps": steps.collect::<Vec<Value>>(),
        "not_played": scenario.steps.len().saturating_sub(played.steps.len()),
    })
}

fn sentence(failure: &Failure) -> String {
    let mut parts = vec![failure.what.clone()];
    parts.extend(failure.why.iter().cloned());
    parts.extend(failure.at.iter().map(ToString::to_string));
    parts.join(": ")
}

/// Writes JUnit's XML: a suite for each file, a case for each step.
pub(crate) fn junit(file: &Path, all: &[(Scenario, Played)]) -> Result<(), Failure> {
    let mut report = Report::new("baton test");
    for (scenario, played) in all {
        let mut suite = TestSuite::new(scenario.path.display().to_string());
        for step in &played.steps {
            let name = format!("line {}: {}", step.line, step.words);
            let mut status = TestCaseStatus::success();
            if let Some(first) = step.differences.first() {
                status = TestCaseStatus::non_success(NonSuccessKind::Failure);
                status.set_message(format!("expected {}: {}; got {}", first.what, first.expected, first.got));
                let whole = step.differences.iter().map(|difference| {
                    let Difference { what, expected, got, advice } = difference;
                    format!("{what}: expected {expected}\n  got {got}\n  to pass: {advice}\n")
                });
                status.set_description(whole.collect::<String>());
            }
            suite.add_test_case(case(scenario, name, status));
        }
        if let Some(failure) = &played.failure {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
            status.set_message(sentence(failure));
            suite.add_test_case(case(scenario, "the scenario could go on".to_owned(), status));
        }
        for _ in played.steps.len()..scenario.steps.len() {
            suite.add_test_case(case(scenario, "not played".to_owned(), TestCaseStatus::skipped()));
        }
        report.add_test_suite(suite);
    }
    let cannot = |why: String| Failure::new(format!("cannot write {}", file.display())).why(why);
    let text = report.to_string().map_err(|error| cannot(error.to_string()))?;
    std::fs::write(file, text).map_err(|error| cannot(error.to_string()))
}

fn case(scenario: &Scenario, name: String, status: TestCaseStatus) -> TestCase {
    let mut case = TestCase::new(name, status);
    case.set_classname(scenario.title.clone());
    case
}
