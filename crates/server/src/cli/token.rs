//! `baton token`: a page access token for an app, or a new operator token. A token is told once, on standard
//! output and alone, so that a script can take it.

use clap::builder::PossibleValuesParser;
use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

use super::client::{Client, part};
use super::names::Names;
use super::{Common, Failure, look, server_file};
use crate::routing_file::{Mint, PERMISSIONS, TASKS};
use crate::start::Place;

/// Credentials
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make a page access token for an app on a page; it is told only this once
    Create(Create),
    /// Make a new operator token, which a server takes when it is started the next time
    #[command(
        after_help = "It is kept in the data directory, in the place of the last one, and printed only this once. A \
            server that runs goes on with its token until it is started again. A server that is started with \
            BATON_OPERATOR_TOKEN takes that one and not the one that is kept."
    )]
    Operator,
}

impl Command {
    /// Whether it has nothing to do with a server that runs.
    pub(super) const fn is_alone(&self) -> bool {
        matches!(self, Self::Operator)
    }
}

#[derive(Debug, Args)]
#[command(after_help = "The app must be connected to the page. Its other tokens go on working.\n\n\
    Examples:\n  baton token create --app \"Sales bot\" --page 2001\n  \
    PAGE_TOKEN=$(baton token create --app 111 --page 2001 --permissions pages_messaging)")]
pub(crate) struct Create {
    /// The app's id or name
    #[arg(long)]
    app: String,
    /// The page's id or name
    #[arg(long)]
    page: String,
    /// What the token may do, with commas between; everything when absent
    #[arg(long, value_name = "TASK", value_delimiter = ',', value_parser = PossibleValuesParser::new(TASKS))]
    tasks: Option<Vec<String>>,
    /// Where the token may do it, with commas between; both when absent
    #[arg(long, value_name = "PERMISSION", value_delimiter = ',', value_parser = PossibleValuesParser::new(PERMISSIONS))]
    permissions: Option<Vec<String>>,
}

pub(crate) async fn run(common: &Common, command: &Command) -> Result<(), Failure> {
    match command {
        Command::Create(arguments) => create(common, arguments).await,
        Command::Operator => operator(common),
    }
}

async fn create(common: &Common, arguments: &Create) -> Result<(), Failure> {
    let client = Client::find(common)?;
    let names = Names::of(&client).await?;
    let (page, app) = (names.page_id(&arguments.page)?, names.app_id(&arguments.app)?);
    let given = [("tasks", &arguments.tasks), ("permissions", &arguments.permissions)];
    let body: Map<String, Value> =
        given.into_iter().filter_map(|(key, words)| Some((key.to_owned(), json!(words.as_ref()?)))).collect();
    let path = format!("/pages/{}/connections/{}/tokens", part(&page), part(&app));
    let made = client.post(&path, &Value::Object(body)).await?;
    if common.json {
        look::json(&made);
        return Ok(());
    }
    look::line(made["token"].as_str().unwrap_or_default());
    let words = |key: &str| {
        let words = made[key].as_array().into_iter().flatten().filter_map(Value::as_str);
        words.collect::<Vec<_>>().join(", ")
    };
    look::note(format!(
        "a page access token of {} on {}, told only this once\n  tasks        {}\n  permissions  {}",
        look::styled(look::APP, names.app(&app)),
        look::styled(look::STRONG, names.page(&page)),
        words("tasks"),
        words("permissions"),
    ));
    Ok(())
}

fn operator(common: &Common) -> Result<(), Failure> {
    let mut mint = Mint::drawn().map_err(|error| Failure::new("no random numbers").why(error))?;
    let directory = Place::directory(common)?;
    server_file::make_private(&directory)?;
    let token = mint.operator_token();
    let path = server_file::operator_token_path(&directory);
    server_file::write_private(&path, &token)?;
    if common.json {
        look::json(&json!({"operator_token": token, "kept_in": path}));
    } else {
        look::line(&token);
        look::note(format!(
            "the operator token of a server that is started with the data directory {} from now on;\n\
             one that runs goes on with its token until it is started again",
            directory.display()
        ));
    }
    if common.token.is_some() {
        look::warning(
            "BATON_OPERATOR_TOKEN (or --token) is set here: a server that is started with it takes that one",
        );
    }
    Ok(())
}
