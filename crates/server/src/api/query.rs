//! The parameters of a query string. What is wrong is reported all at once, and what is unknown is refused:
//! a misspelt filter would otherwise answer with everything.

use axum::http::Uri;
use baton_engine::Owner;
use baton_rules::{AppId, Timestamp};
use serde_json::{Value, json};

use super::operation::Operation;
use super::schemas::Schemas;
use super::values::APP_ID;
use super::{cursor, time};
use crate::problem::{self, Problem};

/// Items of a list when nobody says how many.
const LIMIT: usize = 50;
/// Items of a list at most.
const MOST: usize = 200;

/// An operation whose answer is a part of a list: what [`Query::limit`] and [`Query::after`] read.
pub(super) fn in_parts(operation: Operation) -> Operation {
    operation
        .query(
            "limit",
            "How many at most.",
            |_| json!({"type": "integer", "minimum": 1, "maximum": MOST, "default": LIMIT}),
        )
        .query(
            "after",
            "Where the part begins: the `next` of the part before it, as it was.",
            |_| json!({"type": "string"}),
        )
}

/// What [`Query::owner`] reads.
pub(super) fn owner(_: &mut Schemas) -> Value {
    json!({"anyOf": [{"type": "string", "pattern": APP_ID}, {"const": "inbox"}]})
}

/// Reads parameters one after another.
pub(super) struct Query {
    given: Vec<(String, String)>,
    wrong: Vec<(&'static str, String)>,
    unknown: Vec<String>,
}

impl Query {
    pub(super) fn of(uri: &Uri, known: &[&str]) -> Self {
        let pairs = url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
        let given: Vec<(String, String)> = pairs.into_owned().collect();
        let unknown = given.iter().map(|(name, _)| name).filter(|name| !known.contains(&name.as_str()));
        let unknown = unknown.map(|name| format!("{name:?} is not one of {}", known.join(", "))).collect();
        Self { given, wrong: Vec::new(), unknown }
    }

    fn text(&self, name: &str) -> Option<String> {
        self.given.iter().rev().find(|(key, _)| key == name).map(|(_, value)| value.clone())
    }

    pub(super) fn parsed<T>(
        &mut self,
        name: &'static str,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        match parse(&self.text(name)?) {
            Ok(value) => Some(value),
            Err(wrong) => {
                self.wrong.push((name, wrong));
                None
            }
        }
    }

    /// `limit`.
    pub(super) fn limit(&mut self) -> usize {
        let parse = |text: &str| match text.parse::<usize>() {
            Ok(limit @ 1..=MOST) => Ok(limit),
            Ok(_) | Err(_) => Err(format!("must be a number from 1 to {MOST}")),
        };
        self.parsed("limit", parse).unwrap_or(LIMIT)
    }

    /// `after`: a cursor of a list, read.
    pub(super) fn after<T>(&mut self, list: &str, read: impl FnOnce(&[String]) -> Option<T>) -> Option<T> {
        self.parsed("after", |text| {
            let parts = cursor::read(list, text);
            parts.and_then(|parts| read(&parts)).ok_or_else(|| "is not a `next` of this list".to_owned())
        })
    }

    /// A moment.
    pub(super) fn moment(&mut self, name: &'static str) -> Option<Timestamp> {
        self.parsed(name, time::moment)
    }

    /// A moment, or how long ago it was.
    pub(super) fn moment_or_ago(&mut self, name: &'static str, now: Timestamp) -> Option<Timestamp> {
        self.parsed(name, |text| {
            let ago = time::duration(text).map(|ago| Timestamp(now.0.saturating_sub(ago)));
            ago.or_else(|_| time::moment(text)).map_err(|_| {
                format!(
                    "{text:?} is neither a duration like \"30s\" nor a time like \"2026-01-01T00:00:00Z\""
                )
            })
        })
    }

    /// An app.
    pub(super) fn app(&mut self, name: &'static str) -> Option<AppId> {
        self.parsed(name, |text| text.parse().map_err(|wrong| format!("{wrong}")))
    }

    /// Whose conversations are wanted: an app's, or the Inbox's.
    pub(super) fn owner(&mut self) -> Option<Owner> {
        self.parsed("owner", |text| match text {
            "inbox" => Ok(Owner::Inbox),
            text => text.parse().map(Owner::App).map_err(|wrong| format!("{wrong}, nor \"inbox\"")),
        })
    }

    /// One of some words, and what it means.
    pub(super) fn word<T: Copy>(&mut self, name: &'static str, words: &[(&str, T)]) -> Option<T> {
        self.parsed(name, |text| {
            let found = words.iter().find(|(word, _)| *word == text).map(|(_, means)| *means);
            let names: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            found.ok_or_else(|| format!("{text:?} is not one of {}", names.join(", ")))
        })
    }

    /// `true` or `false`, as `1` or `0` too; false when absent.
    pub(super) fn is(&mut self, name: &'static str) -> bool {
        let words = [("true", true), ("false", false), ("1", true), ("0", false)];
        self.word(name, &words).unwrap_or_default()
    }

    /// A problem, if anything was wrong.
    pub(super) fn done(self) -> Result<(), Problem> {
        if self.wrong.is_empty() && self.unknown.is_empty() {
            return Ok(());
        }
        let mut problem = Problem::new(&problem::BAD_PARAMETER);
        for text in self.unknown {
            problem = problem.error("", format!("unknown parameter: {text}"));
        }
        Err(self.wrong.into_iter().fold(problem, |all, (name, text)| all.error(&format!("/{name}"), text)))
    }
}
