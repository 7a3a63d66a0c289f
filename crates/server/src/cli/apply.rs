//! `baton apply`: make the server's apps, pages, connections, routes and ads be what a file says.

use std::io::Read;

use clap::Args;
use serde_json::Value;

use super::client::Client;
use super::names::Names;
use super::{Common, Failure, look};
use crate::routing_file::look_up_in;

/// Make the server's apps and pages be what a file says; the same file again changes nothing
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The file: TOML, or JSON where its name ends in .json; - reads TOML from standard input
    #[arg(short, long, value_name = "FILE")]
    file: String,
    /// Say what would change, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Remove apps and pages that the file does not name
    #[arg(long)]
    prune: bool,
}

pub(crate) async fn run(common: &Common, arguments: &Arguments) -> Result<(), Failure> {
    let given = read(&arguments.file)?;
    let client = Client::find(common)?;
    let query = format!("?dry_run={}&prune={}", arguments.dry_run, arguments.prune);
    let answer = put(&client, &arguments.file, &given, &query).await?;
    if common.json {
        look::json(&answer);
    } else {
        shown(&answer, arguments.dry_run, &Names::of(&client).await?);
    }
    Ok(())
}

/// Hands a file's JSON to a server.
pub(crate) async fn put(client: &Client, file: &str, given: &Value, query: &str) -> Result<Value, Failure> {
    client.put(&format!("/routing{query}"), given).await.map_err(|failure| {
        let what = format!("{file} was not applied, and nothing changed: {}", failure.what);
        Failure { what, ..failure }
    })
}

/// The file as JSON, with what this process's environment says put in the place of `env:NAME`.
pub(crate) fn read(file: &str) -> Result<Value, Failure> {
    let text = if file == "-" {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).map(|_| text)
    } else {
        std::fs::read_to_string(file)
    };
    let text = text.map_err(|error| Failure::new(format!("cannot read {file}")).why(error))?;
    let wrong = |kind: &str, why: String| Failure::new(format!("{file} is not {kind}")).why(why.trim_end());
    let mut given: Value = if file.ends_with(".json") {
        serde_json::from_str(&text).map_err(|error| wrong("JSON", error.to_string()))?
    } else {
        toml::from_str(&text).map_err(|error| wrong("TOML", error.to_string()))?
    };
    look_up_in(&mut given, &|name| std::env::var(name).ok());
    Ok(given)
}

fn shown(answer: &Value, dry_run: bool, names: &Names) {
    let changes = answer["changes"].as_array().cloned().unwrap_or_default();
    for change in &changes {
        look::line(change_line(change));
    }
    let moved = answer["threads_moved"].as_u64().unwrap_or_default();
    let would = if dry_run { "would change" } else { "changed" };
    let values = if changes.len() == 1 { "value" } else { "values" };
    look::line(match changes.len() {
        0 => "nothing changes: the server is as the file says".to_owned(),
        many => format!("{many} {values} {would}; {moved} live conversations {would} owner"),
    });
    if dry_run {
        warnings(answer, names);
    } else {
        outcome(answer, names);
    }
}

/// What was made up, and warnings.
pub(crate) fn outcome(answer: &Value, names: &Names) {
    generated(&answer["generated"]);
    warnings(answer, names);
}

fn warnings(answer: &Value, names: &Names) {
    for warning in answer["warnings"].as_array().into_iter().flatten() {
        let text = |key: &str| warning[key].as_str().unwrap_or_default();
        let rule = warning["rule"].as_str().map(|rule| format!(" ({rule})")).unwrap_or_default();
        // An app is known by its name, and the pointer has its id.
        let about = text("pointer").strip_prefix("/apps/").and_then(|rest| rest.split('/').next());
        let about = about.map(|id| names.app(id)).filter(|name| !text("detail").contains(name.as_str()));
        let about = about.map(|name| format!("{name}: ")).unwrap_or_default();
        look::warning(format!("{about}{}{rule}", text("detail")));
    }
}

fn change_line(change: &Value) -> String {
    let pointer = change["pointer"].as_str().unwrap_or_default();
    let (from, to) = (&change["from"], &change["to"]);
    let brief = |value: &Value| match value["name"].as_str() {
        Some(name) => name.to_owned(),
        None => look::cut(&value.to_string(), 60),
    };
    match (from.is_null(), to.is_null()) {
        (true, _) => format!("{} {pointer}  {}", look::styled(look::PERSON, "+"), brief(to)),
        (false, true) => format!("{} {pointer}  {}", look::styled(look::BAD, "-"), brief(from)),
        (false, false) => {
            format!("{} {pointer}  {} → {}", look::styled(look::WARNING, "~"), brief(from), brief(to))
        }
    }
}

/// Secrets and tokens that were made up. They are told once: nobody can read them later.
fn generated(generated: &Value) {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let text = |value: &Value, key: &str| value[key].as_str().unwrap_or_default().to_owned();
    let (apps, pages) = (list(&generated["apps"]), list(&generated["pages"]));
    if apps.is_empty() && pages.is_empty() {
        return;
    }
    look::line(look::styled(look::STRONG, "  made up, and told only this once:"));
    let row = |word: &str, id: &str, name: &str, secret: &str| {
        look::line(format!("    {word:<7} {id:<16} {}  {secret}", look::column(look::APP, name, 18)));
    };
    for app in apps {
        row("secret", &text(&app, "id"), &text(&app, "name"), &text(&app, "secret"));
    }
    for page in pages {
        for connection in list(&page["connections"]) {
            row("token", &text(&connection, "app"), &text(&connection, "name"), &text(&connection, "token"));
        }
        if list(&page["connections"]).is_empty() {
            row("page", &text(&page, "id"), &text(&page, "name"), "");
        }
    }
}
