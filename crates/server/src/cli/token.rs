//! `baton token`: the page access tokens of an app, or a new operator token. A token is told once, on standard
//! output and alone, so that a script can take it.

use std::io::Read;

use clap::builder::PossibleValuesParser;
use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

use super::client::{Client, part};
use super::names::Names;
use super::{Common, Failure, look, server_file};
use crate::routing_file::{Mint, PERMISSIONS, TASKS, token_hash, token_id};
use crate::start::Place;

/// How much of standard input is read for a token, in bytes.
const LONGEST_TOKEN: u64 = 4096;

/// Credentials
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make a page access token for an app on a page; it is told only this once
    Create(Create),
    /// The page access tokens of an app on a page, without themselves
    List(On),
    /// End a page access token: calls with it are refused from then on
    Revoke(Revoke),
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

/// Whose tokens
#[derive(Debug, Args)]
pub(crate) struct On {
    /// The app's id or name
    #[arg(long)]
    app: String,
    /// The page's id or name
    #[arg(long)]
    page: String,
}

#[derive(Debug, Args)]
#[command(
    after_help = "To change a token without a gap: create another, give it to the app, then revoke the old one. An app's only token \
    on a page cannot be revoked. A token that stands in a routing file comes back when the file is applied.\n\n\
    Examples:\n  baton token revoke --app \"Sales bot\" --page 2001 9f86d081884c7d65\n  \
    baton token revoke --app 111 --page 2001 - < leaked-token.txt"
)]
pub(crate) struct Revoke {
    #[command(flatten)]
    on: On,
    /// The token's id, as `baton token list` has it; `-`: the token itself is read from standard input
    #[arg(value_name = "ID")]
    which: String,
}

pub(crate) async fn run(common: &Common, command: &Command) -> Result<(), Failure> {
    match command {
        Command::Create(arguments) => create(common, arguments).await,
        Command::List(on) => list(common, on).await,
        Command::Revoke(arguments) => revoke(common, arguments).await,
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
    look::note(format!(
        "a page access token of {} on {}, told only this once\n  tasks        {}\n  permissions  {}",
        look::styled(look::APP, names.app(&app)),
        look::styled(look::STRONG, names.page(&page)),
        words(&made["tasks"]),
        words(&made["permissions"]),
    ));
    Ok(())
}

fn words(list: &Value) -> String {
    list.as_array().into_iter().flatten().filter_map(Value::as_str).collect::<Vec<_>>().join(", ")
}

/// An app's tokens on a page: their path, and what the two are called.
struct Tokens {
    client: Client,
    path: String,
    app: String,
    page: String,
}

impl Tokens {
    async fn on(common: &Common, on: &On) -> Result<Self, Failure> {
        let client = Client::find(common)?;
        let names = Names::of(&client).await?;
        let (page, app) = (names.page_id(&on.page)?, names.app_id(&on.app)?);
        let path = format!("/pages/{}/connections/{}/tokens", part(&page), part(&app));
        Ok(Self { client, path, app: names.app(&app), page: names.page(&page) })
    }
}

async fn list(common: &Common, on: &On) -> Result<(), Failure> {
    let tokens = Tokens::on(common, on).await?;
    let list = tokens.client.get(&tokens.path).await?;
    if common.json {
        look::json(&list);
        return Ok(());
    }
    for token in list["data"].as_array().into_iter().flatten() {
        look::line(format!(
            "{}  {}  {}",
            look::styled(look::STRONG, token["id"].as_str().unwrap_or_default()),
            words(&token["tasks"]),
            words(&token["permissions"]),
        ));
    }
    look::note(format!(
        "page access tokens of {} on {}, the newest first; of a token that somebody found, `printf %s TOKEN | sha256sum` \
         begins with its id",
        look::styled(look::APP, tokens.app),
        look::styled(look::STRONG, tokens.page),
    ));
    Ok(())
}

async fn revoke(common: &Common, arguments: &Revoke) -> Result<(), Failure> {
    let tokens = Tokens::on(common, &arguments.on).await?;
    let id = if arguments.which == "-" { of_standard_input()? } else { arguments.which.clone() };
    tokens.client.delete(&format!("{}/{}", tokens.path, part(&id))).await?;
    if common.json {
        look::json(&json!({"revoked": id}));
        return Ok(());
    }
    look::line(format!(
        "revoked: {id} of {} on {}",
        look::styled(look::APP, tokens.app),
        look::styled(look::STRONG, tokens.page),
    ));
    Ok(())
}

/// The id of a token that is given itself, so that it is in no shell's history.
fn of_standard_input() -> Result<String, Failure> {
    let mut text = String::new();
    let read = std::io::stdin().take(LONGEST_TOKEN).read_to_string(&mut text);
    read.map_err(|error| Failure::new("there is no token on standard input").why(error))?;
    Ok(token_id(&token_hash(text.trim())).to_owned())
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
