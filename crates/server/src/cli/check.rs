//! `baton check`: what `serve` and `apply` would say of the files, without starting or changing anything.

use std::cell::RefCell;
use std::path::{Path, PathBuf};

use baton_engine::Vetting;
use clap::{Args, ValueHint};
use serde::Serialize;
use serde_json::{Value, json};

use super::client::Client;
use super::document::Document;
use super::finding::Finding;
use super::{Common, Failure, look, settings};
use crate::config::{Config, DEFAULT_FILE};
use crate::routing_file::{Examined, examine};
use crate::start::https;

/// Find what is wrong with the settings and the routing file, and change nothing
#[derive(Debug, Args)]
#[command(after_help = "Without -c and -f: the settings in the environment.\n\n\
    The routing file is looked at as on a new server: every error, and the warnings CHK-1 to CHK-5. With -c, so are its\n\
    addresses: those that the settings do not let webhooks go to are errors.\n\
    With --server, that server is asked what it would say of the file, with CHK-6 and CHK-7.\n\n\
    Exit code 0: no errors, though perhaps warnings. 1: errors.\n\n\
    Examples:\n  baton check --defaults > baton.toml\n  baton check -c baton.toml -f routing.toml\n  baton check -f routing.toml --json")]
pub(crate) struct Arguments {
    /// The server's settings, with those of the environment, as `serve` reads them
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    config: Option<PathBuf>,
    /// What runs on it, as `apply` reads it
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    file: Option<String>,
    /// Print every setting with its default and its meaning, as a file to begin with, and check nothing
    #[arg(long, conflicts_with_all = ["config", "file"])]
    defaults: bool,
}

/// What was looked at, and what was found.
#[derive(Debug, Default, Serialize)]
struct Report {
    /// The settings: where they come from. None: not looked at.
    settings: Option<Value>,
    /// The routing: its file, and the server that was asked. None: not looked at.
    routing: Option<Value>,
    errors: Vec<Finding>,
    warnings: Vec<Finding>,
}

pub(crate) async fn run(common: &Common, arguments: &Arguments) -> Result<(), Failure> {
    if arguments.defaults {
        return defaults(common.json);
    }
    let mut report = Report::default();
    // Settings that nobody names may be those of another server than the file is for.
    let mut allowed = None;
    if arguments.config.is_some() || arguments.file.is_none() {
        let vetting = report.settings(arguments.config.as_deref());
        allowed = vetting.filter(|_| arguments.config.is_some());
    }
    if let Some(file) = &arguments.file {
        match (Document::read(file), &common.server) {
            (Err(failure), _) => report.unread(file, failure),
            (Ok(document), None) => report.routing_alone(&document, allowed.as_ref()),
            (Ok(document), Some(server)) => {
                report.routing_on(&Client::find(common)?, server, document.with_environment()).await?;
            }
        }
    }
    if common.json {
        look::json(&report);
    } else {
        report.errors.iter().for_each(|one| look::finding(look::BAD, "error:", one));
        report.warnings.iter().for_each(|one| look::finding(look::WARNING, "warning:", one));
        report.checked().iter().for_each(look::line);
    }
    if report.errors.is_empty() { Ok(()) } else { Err(Failure::new(report.counted())) }
}

fn defaults(as_json: bool) -> Result<(), Failure> {
    if as_json {
        let table: Value = toml::from_str(DEFAULT_FILE)
            .map_err(|error| Failure::new("the default settings cannot be read").why(error))?;
        look::json(&table);
    } else {
        look::line(DEFAULT_FILE.trim_end());
    }
    Ok(())
}

impl Report {
    /// Reads the settings; answers which addresses they let webhooks go to.
    fn settings(&mut self, file: Option<&Path>) -> Option<Vetting> {
        let sources = match settings::sources(file, Vec::new()) {
            Ok(sources) => sources,
            Err(failure) => {
                let file = file.map(|file| file.display().to_string()).unwrap_or_default();
                self.unread(&file, failure);
                return None;
            }
        };
        let vetting = match Config::default().read(&sources) {
            Ok(read) => {
                self.warnings.extend(read.warnings.into_iter().map(Finding::from));
                let (name, _) = sources.file.clone().unwrap_or_default();
                match read.config.tls.as_ref().map(https::examine) {
                    None | Some(Ok(None)) => {}
                    Some(Ok(Some(what))) => self.warnings.push(Finding::of_file(&name, None, what)),
                    Some(Err(failure)) => {
                        let detail =
                            [failure.what].into_iter().chain(failure.why).collect::<Vec<_>>().join(": ");
                        self.errors.push(Finding::of_file(&name, None, detail));
                    }
                }
                Some(Vetting { allowed: read.config.delivery.allow_addresses })
            }
            Err(wrong) => {
                self.errors.extend(wrong.into_iter().map(Finding::from));
                None
            }
        };
        let known = Config::variables();
        let names = sources.environment.iter().map(|(name, _)| name.as_str());
        let mut variables: Vec<&str> = names.filter(|name| known.iter().any(|known| known == name)).collect();
        variables.sort_unstable();
        self.settings = Some(json!({
            "file": sources.file.as_ref().map(|(name, _)| name),
            "variables": variables,
        }));
        vetting
    }

    /// A file that cannot be read is one more thing that is wrong.
    fn unread(&mut self, file: &str, failure: Failure) {
        if failure.at.is_empty() {
            let why = failure.why.join(": ");
            self.errors.push(Finding::of_file(file, None, format!("it cannot be read: {why}")));
        }
        self.errors.extend(failure.at);
    }

    fn routing_alone(&mut self, document: &Document, allowed: Option<&Vetting>) {
        // A variable that is not set here may be the server's: what it stands for is as good as any other text.
        let unset = RefCell::new(Vec::new());
        let look_up = |name: &str| {
            std::env::var(name).ok().or_else(|| {
                unset.borrow_mut().push(name.to_owned());
                Some(format!("the value of {name}"))
            })
        };
        let Examined { problems, warnings } = examine(&document.value, &look_up);
        let closed = allowed.map(|allowed| not_reached(&document.value, allowed)).unwrap_or_default();
        let problems = problems.into_iter().map(Finding::from).chain(closed);
        self.errors.extend(document.place(problems));
        self.warnings.extend(document.place(warnings.into_iter().map(Finding::from)));
        self.warnings.extend(unset.into_inner().into_iter().map(|name| {
            let detail = format!("`{name}` is not set here: the server that the file is applied to must have it, from its start");
            Finding::of_file(&document.name, None, detail)
        }));
        self.routing = Some(json!({"file": document.name, "server": null}));
    }

    async fn routing_on(&mut self, client: &Client, url: &str, document: Document) -> Result<(), Failure> {
        let asked = client.put("/routing?dry_run=true", &document.value).await;
        match asked {
            Ok(answer) => {
                let warnings = answer["warnings"].as_array().into_iter().flatten();
                // They name things by the server's ids, which are no places in the file.
                self.warnings.extend(warnings.map(Finding::of_answer));
            }
            Err(failure) if failure.at.is_empty() => return Err(failure),
            Err(failure) => self.errors.extend(document.place(failure.at)),
        }
        self.routing = Some(json!({"file": document.name, "server": url}));
        Ok(())
    }

    fn counted(&self) -> String {
        let count = |many: usize, word: &str| match many {
            0 => format!("no {word}s"),
            1 => format!("1 {word}"),
            many => format!("{many} {word}s"),
        };
        format!("{}, {}", count(self.errors.len(), "error"), count(self.warnings.len(), "warning"))
    }

    /// What was looked at, in words; and the result when it is a good one.
    fn checked(&self) -> Vec<String> {
        let mut lines = Vec::new();
        if let Some(settings) = &self.settings {
            let variables = settings["variables"].as_array().into_iter().flatten().filter_map(Value::as_str);
            let from: Vec<&str> = settings["file"].as_str().into_iter().chain(variables).collect();
            let from = if from.is_empty() { "the defaults".to_owned() } else { from.join(", ") };
            lines.push(format!("checked the settings: {from}"));
        }
        if let Some(routing) = &self.routing {
            let file = routing["file"].as_str().unwrap_or_default();
            let how = match routing["server"].as_str() {
                Some(server) => format!("as {server} would take it"),
                None => "as a new server would take it".to_owned(),
            };
            lines.push(format!("checked the routing: {file}, {how}"));
        }
        if self.errors.is_empty() {
            lines.push(self.counted());
        }
        lines
    }
}

/// Webhook addresses that the settings do not let anything go to, as far as they say so themselves.
fn not_reached(routing: &Value, allowed: &Vetting) -> Vec<Finding> {
    let mut found = Vec::new();
    for (index, app) in routing["apps"].as_array().into_iter().flatten().enumerate() {
        let url = app["webhook_url"].as_str().and_then(|url| url::Url::parse(url).ok());
        if let Some(address) = url.and_then(|url| allowed.forbids(&url)) {
            let detail = format!(
                "webhooks do not go to {address}, which is not public: add its network to delivery.allow_addresses"
            );
            let mut finding = Finding::of_file("", None, detail);
            finding.at = Some(format!("/apps/{index}/webhook_url"));
            found.push(finding);
        }
    }
    found
}
