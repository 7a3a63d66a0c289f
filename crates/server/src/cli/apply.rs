//! `baton apply`: make the server's apps, pages, connections, routes and ads be what a file says.

use clap::{Args, ValueHint};
use serde_json::Value;

use super::client::Client;
use super::document::Document;
use super::finding::Finding;
use super::names::Names;
use super::{Common, Failure, changes, look};

/// Make the server's apps and pages be what a file says; the same file again changes nothing
#[derive(Debug, Args)]
#[command(
    after_help = "Prints what changes, and which conversations that are alive get another owner by it.\n\n\
    Examples:\n  baton apply -f routing.toml --dry-run\n  baton apply -f routing.toml"
)]
pub(crate) struct Arguments {
    /// The file: TOML, or JSON where its name ends in .json; - reads TOML from standard input
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    file: String,
    /// Say what would change, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Remove apps and pages that the file does not name
    #[arg(long)]
    prune: bool,
}

pub(crate) async fn run(common: &Common, arguments: &Arguments) -> Result<(), Failure> {
    let document = Document::read(&arguments.file)?.with_environment();
    let client = Client::find(common)?;
    // What goes away has its name only before.
    let mut names = Names::of(&client).await?;
    let query = format!("?dry_run={}&prune={}", arguments.dry_run, arguments.prune);
    let answer = put(&client, &document, &query).await?;
    if common.json {
        look::json(&answer);
        return Ok(());
    }
    changes::learn_names(&answer, &mut names);
    changes::shown(&answer, arguments.dry_run, &names);
    if arguments.dry_run {
        warnings(&answer, &names);
    } else {
        outcome(&answer, &names);
    }
    Ok(())
}

/// Hands a file to a server.
pub(crate) async fn put(client: &Client, document: &Document, query: &str) -> Result<Value, Failure> {
    client.put(&format!("/routing{query}"), &document.value).await.map_err(|failure| {
        let what = format!("{} was not applied, and nothing changed", document.name);
        if failure.at.is_empty() {
            return Failure { what: format!("{what}: {}", failure.what), ..failure };
        }
        // What is wrong is in the file, and its lines say it.
        Failure { what, why: Vec::new(), at: document.place(failure.at), ..failure }
    })
}

/// What was made up, and warnings.
pub(crate) fn outcome(answer: &Value, names: &Names) {
    generated(&answer["generated"]);
    warnings(answer, names);
}

fn warnings(answer: &Value, names: &Names) {
    for warning in answer["warnings"].as_array().into_iter().flatten() {
        let found = Finding::of_answer(warning);
        // An app is known by its name, and the pointer has its id.
        let at = found.at.as_deref().unwrap_or_default();
        let app = at.strip_prefix("/apps/").and_then(|at| at.split('/').next()).map(|id| names.app(id));
        let about = app.as_ref().filter(|name| !found.detail.contains(name.as_str()));
        let about = about.map(|name| format!("{name}: ")).unwrap_or_default();
        let rule = found.rule.as_ref().map(|rule| format!(" ({rule})")).unwrap_or_default();
        look::warning(format!("{about}{}{rule}", found.detail));
        if let Some(app) = app.filter(|_| at.ends_with("/webhook_url")) {
            look::note(format!(
                "         once it answers, `baton deliveries resume \"{app}\"` asks it at once"
            ));
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
    look::line(look::styled(look::STRONG, "made up, and told only this once:"));
    let row = |word: &str, id: &str, name: &str, secret: &str| {
        let row = format!("  {word:<7} {id:<16} {}  {secret}", look::column(look::APP, name, 18));
        look::line(row.trim_end());
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
