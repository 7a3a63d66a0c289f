//! Reads settings by their keys from wherever they may stand, and remembers which keys there are: what is
//! none of them is a mistake, and the nearest one is named.

use std::fmt;

use serde::Serialize;
use toml::{Table, Value};

use super::Config;
use crate::routing_file::nearest;
use crate::source::{Source, Unreadable};

/// Settings, and what should be said about them.
#[derive(Clone, Debug, PartialEq)]
pub struct Read {
    /// The settings.
    pub config: Config,
    /// What is probably a mistake, and is no setting.
    pub warnings: Vec<Wrong>,
}

/// Where settings come from, the later the stronger.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// A file: its name and what it says.
    pub file: Option<(String, String)>,
    /// The environment.
    pub environment: Vec<(String, String)>,
    /// Flags: the setting's key, the flag's name, its value.
    pub flags: Vec<(&'static str, &'static str, String)>,
}

/// Something that is wrong with the settings, and where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Wrong {
    /// The file, the variable or the flag.
    pub place: String,
    /// The line of the file, from 1 on.
    pub line: Option<usize>,
    /// The setting, in a file: `delivery.timeout`.
    pub key: Option<String>,
    /// What, and what would be right.
    pub detail: String,
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.place)?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        match &self.key {
            Some(key) => write!(f, ": `{key}`: {}", self.detail),
            None => write!(f, ": {}", self.detail),
        }
    }
}

/// Variables of the environment that start with `BATON_` and are no settings of a server.
const OTHER_VARIABLES: [&str; 3] = ["BATON_SERVER", "BATON_OPERATOR_TOKEN", "BATON_DATA"];

/// A value, and where it was said.
struct Said {
    value: Value,
    place: String,
    line: Option<usize>,
    key: Option<String>,
}

/// Reads values by key, and remembers which keys there are.
pub(super) struct Reader<'a> {
    sources: &'a Sources,
    source: Source<'a>,
    file: Table,
    pub(super) known: Vec<&'static str>,
    pub(super) problems: Vec<Wrong>,
}

impl<'a> Reader<'a> {
    pub(super) fn of(sources: &'a Sources) -> Self {
        let (name, text) = sources.file.as_ref().map_or(("", ""), |(name, text)| (name, text));
        let (source, broken) = Source::toml(text);
        let mut problems = Vec::new();
        for Unreadable { line, detail } in broken {
            let detail = format!("this is not TOML: {detail}");
            problems.push(Wrong { place: name.to_owned(), line: Some(line), key: None, detail });
        }
        let file = if problems.is_empty() { text.parse().unwrap_or_default() } else { Table::new() };
        Self { sources, source, file, known: Vec::new(), problems }
    }

    /// The value of a setting: what the strongest source says, read by `read`, else the default.
    pub(super) fn value<T>(
        &mut self,
        key: &'static str,
        default: T,
        read: impl Fn(&Value) -> Result<T, String>,
    ) -> T {
        self.known.push(key);
        let Some(said) = self.said(key) else { return default };
        read(&said.value).unwrap_or_else(|detail| {
            let Said { place, line, key, value: _ } = said;
            self.problems.push(Wrong { place, line, key, detail });
            default
        })
    }

    /// A setting that means nothing without another one.
    pub(super) fn lacks<T>(&mut self, key: &'static str, detail: &str) -> Option<T> {
        if let Some(Said { place, line, key, value: _ }) = self.said(key) {
            self.problems.push(Wrong { place, line, key, detail: detail.to_owned() });
        }
        None
    }

    fn said(&self, key: &str) -> Option<Said> {
        let outside = |place: String, value| Said { value, place, line: None, key: None };
        if let Some((_, flag, text)) = self.sources.flags.iter().find(|(of, _, _)| *of == key) {
            return Some(outside((*flag).to_owned(), Value::String(text.clone())));
        }
        let name = variable(key);
        if let Some((_, text)) = self.sources.environment.iter().find(|(of, _)| *of == name) {
            return Some(outside(name, of_text(text)));
        }
        let mut parts = key.split('.');
        let first = self.file.get(parts.next()?)?;
        let value = parts.try_fold(first, |value, part| value.get(part))?.clone();
        let line = self.source.line(key.split('.'));
        Some(Said { value, place: self.name(), line, key: Some(key.to_owned()) })
    }

    fn name(&self) -> String {
        self.sources.file.as_ref().map(|(name, _)| name.clone()).unwrap_or_default()
    }

    /// Unknown keys of the file are problems; unknown variables are warnings, for others name theirs too.
    pub(super) fn finish(&mut self) -> Vec<Wrong> {
        let mut unknown = Vec::new();
        unknown_keys(&self.file, "", &self.known, &mut unknown);
        for key in unknown {
            let detail = unknown_key(&key, &self.known);
            let line = self.source.line(key.split('.'));
            self.problems.push(Wrong { place: self.name(), line, key: None, detail });
        }
        self.problems.sort_by_key(|wrong| wrong.line);
        let known: Vec<String> = self.known.iter().map(|key| variable(key)).collect();
        let known: Vec<&str> = known.iter().map(String::as_str).chain(OTHER_VARIABLES).collect();
        let given = self.sources.environment.iter().map(|(name, _)| name);
        let stray = given.filter(|name| name.starts_with("BATON_") && !known.contains(&name.as_str()));
        let stray = stray.filter_map(|name| Some((name, nearest(name, known.iter().copied())?)));
        stray
            .map(|(name, nearest)| Wrong {
                place: name.clone(),
                line: None,
                key: None,
                detail: format!("this is no setting and is ignored; the nearest one is {nearest}"),
            })
            .collect()
    }
}

/// The variable of a setting: `BATON_DELIVERY__TIMEOUT`.
pub(super) fn variable(key: &str) -> String {
    format!("BATON_{}", key.replace('.', "__").to_uppercase())
}

/// The environment has texts only: what reads as a value of TOML is one, everything else is a text.
fn of_text(text: &str) -> Value {
    let read = format!("value = {text}").parse::<Table>().ok();
    read.and_then(|mut table| table.remove("value")).unwrap_or_else(|| Value::String(text.to_owned()))
}

pub(super) fn unknown_keys(table: &Table, above: &str, known: &[&str], unknown: &mut Vec<String>) {
    for (key, value) in table {
        let path = if above.is_empty() { key.clone() } else { format!("{above}.{key}") };
        let inner = format!("{path}.");
        match value {
            Value::Table(table) if known.iter().any(|known| known.starts_with(&inner)) => {
                unknown_keys(table, &path, known, unknown);
            }
            _ if known.contains(&path.as_str()) => {}
            _ => unknown.push(path),
        }
    }
}

fn unknown_key(key: &str, known: &[&str]) -> String {
    let sections: Vec<&str> =
        known.iter().filter_map(|known| known.split_once('.').map(|(first, _)| first)).collect();
    match nearest(key, known.iter().copied().chain(sections)) {
        Some(nearest) => format!("there is no setting `{key}`; the nearest one is `{nearest}`"),
        None => format!("there is no setting `{key}`; `baton check --defaults` prints them all"),
    }
}
