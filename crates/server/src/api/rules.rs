//! `GET /rules/{id}`: a row of the specification, as it stands in `docs/protocol/thread-control.md`. What explains
//! a decision is then the same text that the code was written from.

use axum::http::StatusCode;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;

use super::input::Named;
use super::operation::Operation;
use crate::door::Needs;
use crate::problem::{self, Problem};

/// The specification, of the version that was built.
const SPECIFICATION: &str = include_str!("../../../../docs/protocol/thread-control.md");

/// A rule.
#[derive(Debug, PartialEq, Serialize, JsonSchema)]
struct Rule {
    #[schemars(example = &"MCR-AD-5")]
    id: String,
    /// The heading that it stands under.
    section: String,
    cells: Vec<Cell>,
}

/// A cell of its row that is not empty.
#[derive(Debug, PartialEq, Serialize, JsonSchema)]
#[schemars(rename = "RuleCell")]
struct Cell {
    /// The title of its column.
    title: String,
    text: String,
}

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation::get("/rules/{name}", "getRule", one)
            .needs(Needs::SignedIn)
            .says(
                "Threads",
                "A rule",
                "A row of the specification, as the version that runs was built from it.",
            )
            .named(
                "name",
                "Its id, as decisions and histories name it.",
                |_| json!({"type": "string", "minLength": 1, "examples": ["MCR-AD-5"]}),
            )
            .answers::<Rule>(StatusCode::OK, "The rule.")
            .refuses([&problem::BAD_ID, &problem::NOT_FOUND]),
    ]
}

async fn one(Named(id): Named) -> Result<axum::Json<Rule>, Problem> {
    let unknown = || {
        Problem::new(&problem::NOT_FOUND).detail(format!("no rule of the specification has the id {id:?}"))
    };
    find(SPECIFICATION, &id).map(axum::Json).ok_or_else(unknown)
}

/// The row of a table whose first cell is the rule's id; its titles are those of the table's first row.
fn find(text: &str, id: &str) -> Option<Rule> {
    let (mut section, mut titles) = (String::new(), Vec::new());
    for line in text.lines() {
        if let Some(heading) = line.strip_prefix('#') {
            heading.trim_start_matches('#').trim().clone_into(&mut section);
        }
        let Some(row) = cells(line) else {
            titles.clear();
            continue;
        };
        if titles.is_empty() {
            titles = row;
        } else if row.first().is_some_and(|first| first == id) {
            let cells = titles.into_iter().zip(row).skip(1).filter(|(_, text)| !text.is_empty());
            let cells = cells.map(|(title, text)| Cell { title, text }).collect();
            return Some(Rule { id: id.to_owned(), section, cells });
        }
    }
    None
}

/// The cells of a table's row, without the marks of code.
fn cells(line: &str) -> Option<Vec<String>> {
    let inner = line.trim().strip_prefix('|')?.strip_suffix('|')?;
    Some(inner.split('|').map(|cell| cell.trim().replace('`', "")).collect())
}

#[cfg(test)]
mod tests {
    use super::{Cell, Rule, SPECIFICATION, find};

    #[test]
    fn a_row_is_found_with_the_titles_of_its_table() {
        let text = "# A\n\n| Rule | Text |\n| --- | --- |\n| X-1 | no |\n\n## B\n\n| Rule | Owner | Exp |\n| --- | --- | --- |\n| Y-1 | `A` | |\n";
        let cell = Cell { title: "Owner".to_owned(), text: "A".to_owned() };
        let rule = Rule { id: "Y-1".to_owned(), section: "B".to_owned(), cells: vec![cell] };
        assert_eq!(find(text, "Y-1"), Some(rule));
        assert_eq!(find(text, "Z-1"), None);
    }

    #[test]
    fn rules_that_decide_are_in_the_specification() {
        for id in ["HOP-MSG-1", "MCR-AD-5", "MCR-INBOX-1", "WIN-12", "ICR-PASS-1"] {
            assert!(find(SPECIFICATION, id).is_some_and(|rule| !rule.cells.is_empty()), "{id}");
        }
    }
}
