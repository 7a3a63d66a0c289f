//! Something that was found in a file, or in what a server was sent: where, and what.

use std::fmt;

use baton_store::SettingsRefused;
use serde::Serialize;
use serde_json::Value;

use crate::config::Wrong;
use crate::routing_file::Warning;

/// An error or a warning, with its place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Finding {
    /// The file, the variable of the environment or the flag, if it is known.
    pub(crate) file: Option<String>,
    /// The line of the file, from 1 on.
    pub(crate) line: Option<usize>,
    /// The place within: a JSON pointer, or a setting's path.
    pub(crate) at: Option<String>,
    /// The rule of the specification, if one says so.
    pub(crate) rule: Option<String>,
    /// What, and what would be right.
    pub(crate) detail: String,
}

impl Finding {
    /// One of the file as a whole.
    pub(crate) fn of_file(file: &str, line: Option<usize>, detail: impl Into<String>) -> Self {
        Self { file: Some(file.to_owned()), line, at: None, rule: None, detail: detail.into() }
    }

    /// An entry of a problem document's `errors`, or of `warnings`.
    pub(crate) fn of_answer(entry: &Value) -> Self {
        let text = |key: &str| entry[key].as_str().map(str::to_owned);
        let at = text("pointer").filter(|pointer| !pointer.is_empty());
        Self { file: None, line: None, at, rule: text("rule"), detail: text("detail").unwrap_or_default() }
    }
}

impl From<Wrong> for Finding {
    fn from(wrong: Wrong) -> Self {
        let Wrong { place, line, key, detail } = wrong;
        Self { file: Some(place), line, at: key, rule: None, detail }
    }
}

impl From<SettingsRefused> for Finding {
    fn from(refused: SettingsRefused) -> Self {
        let SettingsRefused { rule, pointer, detail } = refused;
        Self { file: None, line: None, at: Some(pointer).filter(|at| !at.is_empty()), rule, detail }
    }
}

impl From<Warning> for Finding {
    fn from(warning: Warning) -> Self {
        let Warning { rule, pointer, detail } = warning;
        Self { file: None, line: None, at: Some(pointer), rule: rule.map(str::to_owned), detail }
    }
}

impl Finding {
    /// The file and the line, with what separates them from the rest.
    pub(crate) fn file(&self) -> String {
        let line = self.line.map(|line| format!(":{line}")).unwrap_or_default();
        self.file.as_ref().map(|file| format!("{file}{line}: ")).unwrap_or_default()
    }

    /// The place within the file, and what is to be said of it.
    pub(crate) fn what(&self) -> String {
        let at = self.at.as_ref().map(|at| format!("{at}: ")).unwrap_or_default();
        let rule = self.rule.as_ref().map(|rule| format!(" ({rule})")).unwrap_or_default();
        format!("{at}{}{rule}", self.detail)
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.file(), self.what())
    }
}
