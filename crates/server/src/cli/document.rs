//! A routing file as a command reads it: its JSON for a server, and its lines for whoever wrote it.

use std::io::Read;

use serde_json::Value;

use super::Failure;
use super::finding::Finding;
use crate::routing_file::look_up_in;
use crate::source::Source;

/// A routing file.
#[derive(Clone, Debug)]
pub(crate) struct Document {
    /// What it is called.
    pub(crate) name: String,
    /// What it says; `env:NAME` in a secret's place is what this process's environment says.
    pub(crate) value: Value,
    /// Its text, when it is TOML.
    toml: Option<String>,
}

impl Document {
    /// Reads a file: JSON where its name ends so, else TOML; `-` is standard input.
    pub(crate) fn read(file: &str) -> Result<Self, Failure> {
        let text = if file == "-" {
            let mut text = String::new();
            std::io::stdin().read_to_string(&mut text).map(|_| text)
        } else {
            std::fs::read_to_string(file)
        };
        let text = text.map_err(|error| Failure::new(format!("cannot read {file}")).why(error))?;
        let name = if file == "-" { "standard input" } else { file };
        if file.ends_with(".json") {
            let value = serde_json::from_str(&text).map_err(|error: serde_json::Error| {
                Failure::new(format!("{name} is not JSON")).at(Finding::of_file(
                    name,
                    Some(error.line()),
                    error.to_string(),
                ))
            })?;
            return Ok(Self { name: name.to_owned(), value, toml: None });
        }
        let (_, broken) = Source::toml(&text);
        if !broken.is_empty() {
            let told = broken.into_iter().map(|one| Finding::of_file(name, Some(one.line), one.detail));
            return Err(told.fold(Failure::new(format!("{name} is not TOML")), Failure::at));
        }
        let value = toml::from_str(&text).map_err(|error| {
            Failure::new(format!("{name} is not TOML")).at(Finding::of_file(name, None, error.to_string()))
        })?;
        Ok(Self { name: name.to_owned(), value, toml: Some(text) })
    }

    /// One that nobody wrote.
    pub(crate) fn made(name: &str, value: Value) -> Self {
        Self { name: name.to_owned(), value, toml: None }
    }

    /// Puts what this process's environment says in the place of `env:NAME`, where it says anything.
    pub(crate) fn with_environment(mut self) -> Self {
        look_up_in(&mut self.value, &|name| std::env::var(name).ok());
        self
    }

    /// Says in which file and line each of these is.
    pub(crate) fn place(&self, findings: impl IntoIterator<Item = Finding>) -> Vec<Finding> {
        let source = self.toml.as_deref().map(|text| Source::toml(text).0);
        let placed = findings.into_iter().map(|finding| {
            let line = finding.at.as_deref().zip(source.as_ref());
            let line = line.and_then(|(at, source)| source.line_of_pointer(at));
            Finding { file: Some(self.name.clone()), line, ..finding }
        });
        let mut placed: Vec<Finding> = placed.collect();
        placed.sort_by_key(|finding| finding.line);
        placed
    }
}
