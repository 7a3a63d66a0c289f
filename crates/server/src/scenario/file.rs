//! A scenario as its file tells it.

use std::path::{Path, PathBuf};

use baton_rules::Surface;
use serde::Deserialize;
use serde_json::Value;
use toml::Spanned;

use super::step::{Place, Step, surface_named};
use super::told::Told;
use crate::cli::Failure;
use crate::cli::document::Document;
use crate::routing_file::look_up_in;

/// When a scenario starts if it does not say so.
const STARTS: &str = "2026-01-01T09:00:00.000Z";

/// A story, and what must come of it.
#[derive(Debug)]
pub(crate) struct Scenario {
    /// Where it was read.
    pub(crate) path: PathBuf,
    /// What it is about.
    pub(crate) title: String,
    /// The time at which it starts, in milliseconds since 1970.
    pub(crate) starts: i64,
    /// What runs on the server: a routing file as JSON.
    pub(crate) settings: Value,
    /// What happens, in order.
    pub(crate) steps: Vec<Step>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    title: String,
    starts: Option<String>,
    page: Option<String>,
    on: Option<String>,
    settings: Settings,
    #[serde(default)]
    steps: Vec<Spanned<Told>>,
}

/// What runs on the server: written here, or in a file of its own.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Settings {
    /// The name of a routing file, seen from the scenario's place.
    InFile(String),
    /// What a routing file would say.
    Here(toml::Table),
}

impl Settings {
    /// As the JSON of a routing file.
    pub(super) fn read(self, beside: &Path) -> Result<Value, Failure> {
        match self {
            Self::InFile(name) => {
                Ok(Document::read(&beside.join(name).to_string_lossy())?.with_environment().value)
            }
            Self::Here(table) => {
                let mut value = serde_json::to_value(table)
                    .map_err(|error| Failure::new("the settings cannot be read").why(error))?;
                look_up_in(&mut value, &|name| std::env::var(name).ok());
                Ok(value)
            }
        }
    }
}

impl Scenario {
    /// Reads a file. Everything that can be known to be wrong without playing it is said now.
    pub(crate) fn read(path: &Path) -> Result<Self, Failure> {
        let name = path.display();
        let text = std::fs::read_to_string(path)
            .map_err(|error| Failure::usage(format!("cannot read {name}")).why(error))?;
        Self::of(path, &text).map_err(|failure| {
            let what = format!("{name} is no scenario: {}", failure.what);
            Failure { what, usage: true, ..failure }
        })
    }

    /// Whether an app has an address, and so plays itself.
    pub(crate) fn has_apps_of_its_own(&self) -> bool {
        let mut apps = self.settings["apps"].as_array().into_iter().flatten();
        apps.any(|app| app.get("webhook_url").is_some())
    }

    fn of(path: &Path, text: &str) -> Result<Self, Failure> {
        let file: File = toml::from_str(text).map_err(|error| unreadable(&error))?;
        let beside = path.parent().unwrap_or(Path::new("."));
        let settings = file.settings.read(beside)?;
        let starts = file.starts.as_deref().unwrap_or(STARTS);
        let starts = crate::api::time::moment(starts).map_err(|why| Failure::new("starts").why(why))?.0;
        let surface = file.on.as_deref().map_or(Ok(Surface::Messenger), surface_named);
        let surface = surface.map_err(|why| Failure::new("on").why(why))?;
        let mut place = Place { page: file.page.or_else(|| only_page(&settings)), surface, last: None };
        let mut steps = Vec::new();
        for told in file.steps {
            let line = 1 + text.get(..told.span().start).unwrap_or_default().matches('\n').count();
            steps.push(Step::of(told.into_inner(), line, &mut place, beside)?);
        }
        if steps.is_empty() {
            return Err(Failure::new("nothing happens in it").advice("add a step: [[steps]]"));
        }
        Ok(Self { path: path.to_owned(), title: file.title, starts, settings, steps })
    }
}

/// The nearest word of a long list says more than the list.
fn unreadable(error: &toml::de::Error) -> Failure {
    let text = error.to_string();
    let mut words = text.split('`').skip(1).step_by(2);
    let near = match (text.contains("unknown field"), words.next()) {
        (true, Some(unknown)) => crate::routing_file::nearest(unknown, words),
        _ => None,
    };
    let text = text.split(", expected one of").next().unwrap_or_default().trim_end();
    let failure = Failure::new("it cannot be read").why(text);
    match near {
        Some(near) => failure.advice(format!("is `{near}` meant?")),
        None => failure.advice("docs/scenarios.md has every word that a scenario may use"),
    }
}

/// The page that is meant where a scenario has only one: its id, for there is none to mix it up with.
fn only_page(settings: &Value) -> Option<String> {
    match settings["pages"].as_array()?.as_slice() {
        [page] => page["id"].as_str().or(page["name"].as_str()).map(str::to_owned),
        _ => None,
    }
}
