//! `baton test`: plays scenario files, each on a server of its own, and says what is not as they tell.

use std::collections::BTreeMap;
use std::path::PathBuf;

use baton_store::postgres::Address;
use clap::Args;
use serde_json::{Value, json};

use super::{Common, Failure, look};
use crate::config::{Config, Database};
use crate::scenario::file::Scenario;
use crate::scenario::{play, report};
use crate::start::start_log;

/// Play scenario files: stories, and what must come of them
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    baton test examples/scenarios/*.toml\n  \
    baton test handover.toml --app \"Sales bot=http://127.0.0.1:5001/webhook\" --junit report.xml\n\n\
    Apps without an address are played by the scenario. One with an address plays itself; it reaches the Graph \
    API where --listen says.")]
pub(crate) struct Arguments {
    /// The scenarios
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Write a report that CI systems read
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// An app that plays itself, by name or id, and its webhook address
    #[arg(long = "app", value_name = "APP=URL", value_parser = own)]
    own: Vec<(String, String)>,
    /// Where the server listens while a scenario is played [default: 127.0.0.1:4300 if an app plays itself,
    /// else any free port]
    #[arg(long, value_name = "ADDR")]
    listen: Option<String>,
    /// A PostgreSQL database that is empty, to play one scenario in; else a file that is gone afterwards
    #[arg(long, value_name = "URL")]
    database: Option<Address>,
}

fn own(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((app, url)) if !app.is_empty() && url.starts_with("http") => {
            Ok((app.to_owned(), url.to_owned()))
        }
        _ => Err("write it as in \"Sales bot=http://127.0.0.1:5001/webhook\"".to_owned()),
    }
}

pub(crate) async fn run(common: &Common, arguments: &Arguments) -> Result<(), Failure> {
    let own: BTreeMap<String, String> = arguments.own.iter().cloned().collect();
    let scenarios: Vec<Scenario> =
        arguments.files.iter().map(|file| Scenario::read(file)).collect::<Result<_, _>>()?;
    start_log(&Config { log: quiet(), ..Config::dev() });
    let mut all = Vec::new();
    for scenario in scenarios {
        let config = config(arguments, &scenario, &own)?;
        if !common.json {
            look::line(report::title(&scenario));
        }
        let mut day = None;
        let played = play::play(&scenario, &config, &own, |step| {
            if !common.json {
                report::step(step, &mut day).iter().for_each(look::line);
            }
        })
        .await;
        if !common.json {
            report::trouble(&scenario, &played).iter().for_each(look::line);
            look::line("");
        }
        all.push((scenario, played));
    }
    if let Some(file) = &arguments.junit {
        report::junit(file, &all)?;
    }
    let failed = all.iter().filter(|(_, played)| !played.passed()).count();
    let passed = all.len() - failed;
    if common.json {
        let whole: Vec<Value> = all.iter().map(|(scenario, played)| report::json(scenario, played)).collect();
        look::json(&json!({"passed": passed, "failed": failed, "scenarios": whole}));
    } else {
        look::line(format!("{passed} passed, {failed} failed"));
    }
    if failed == 0 { Ok(()) } else { Err(Failure::told()) }
}

fn quiet() -> crate::config::Log {
    crate::config::Log { level: "error".to_owned(), json: false }
}

fn config(
    arguments: &Arguments,
    scenario: &Scenario,
    own: &BTreeMap<String, String>,
) -> Result<Config, Failure> {
    let usual =
        if own.is_empty() && !scenario.has_apps_of_its_own() { "127.0.0.1:0" } else { "127.0.0.1:4300" };
    let at = arguments.listen.as_deref().unwrap_or(usual);
    let listen = at.parse().map_err(|_| {
        Failure::usage(format!("{at} is no address to listen on")).advice("as in --listen 127.0.0.1:4300")
    })?;
    let database = match &arguments.database {
        Some(_) if arguments.files.len() > 1 => {
            return Err(Failure::usage("several scenarios, and one database: each begins with an empty one"));
        }
        Some(address) => Database::Postgres(Box::new(address.clone())),
        None => Database::InDataDirectory,
    };
    Ok(Config { listen, log: quiet(), database, ..Config::dev() })
}
