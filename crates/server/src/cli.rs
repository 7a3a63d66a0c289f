//! The command line: arguments in, one function called, an exit code out (0 done, 1 failed, 2 wrong usage).
//! To add a command: a file in `cli/` with its arguments and its `run`, a line in [`Command`] and one in
//! [`run`].

use std::path::PathBuf;
use std::process::ExitCode;

use clap::parser::ValueSource;
use clap::{ArgMatches, Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueHint};

pub(crate) mod apply;
mod backup;
mod changes;
mod check;
pub(crate) mod client;
mod clock;
mod comment;
mod completions;
mod copy;
mod deliveries;
mod doctor;
pub(crate) mod document;
mod explain;
mod failure;
mod faults;
mod finding;
mod health;
mod keys;
mod listen;
mod live;
pub(crate) mod look;
mod man;
mod migrate;
pub(crate) mod names;
mod nodes;
mod openapi;
mod outcome;
mod receiving;
mod send;
mod serve;
pub(crate) mod server_file;
pub(crate) mod settings;
mod test;
mod thread;
mod token;
mod trigger;
mod wait;
mod webhook;

pub(crate) use failure::Failure;

/// Several apps share a page, one controls each conversation: Baton decides which, and shows why
#[derive(Debug, Parser)]
#[command(
    name = "baton",
    version,
    // A release says of which commit it is.
    long_version = option_env!("BATON_RELEASE").unwrap_or(env!("CARGO_PKG_VERSION")),
    disable_help_subcommand = true,
    max_term_width = 100,
    after_help = "Try `baton dev`, and in a second terminal `baton send 2001 you \"hello\"`."
)]
struct Cli {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    command: Command,
}

/// What every command takes.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Options of every command")]
pub(crate) struct Common {
    /// The server to talk to; else the one that server.json names
    #[arg(long, global = true, env = "BATON_SERVER", hide_env_values = true, value_name = "URL")]
    pub(crate) server: Option<String>,
    /// The operator token; else the one in server.json
    #[arg(long, global = true, env = "BATON_OPERATOR_TOKEN", value_name = "TOKEN", hide_env_values = true)]
    pub(crate) token: Option<String>,
    /// The data directory: the database, and server.json
    #[arg(long, global = true, env = "BATON_DATA", hide_env_values = true, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) data: Option<PathBuf>,
    /// Print JSON, and nothing else, on standard output
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// A complete local platform with a clock that can be moved, and a demo
    Dev(crate::dev::Arguments),
    /// Serve, with the defaults of production
    Serve(serve::Arguments),
    /// Be the person: say or tap something
    Send(send::Arguments),
    /// Comment under a post
    Comment(comment::Arguments),
    /// Cause an event of a person, by name
    Trigger(trigger::Arguments),
    /// An app's webhooks live; forward them, signed, to a local receiver
    Listen(listen::Arguments),
    /// What became of an app's webhooks, and sending them again
    #[command(subcommand)]
    Deliveries(deliveries::Command),
    /// Send an app's receiver one of everything, and judge its answers
    Doctor(doctor::Arguments),
    /// Wait until an app is told something; for scripts
    Wait(wait::Arguments),
    /// Who controls a conversation, and why
    #[command(subcommand)]
    Thread(thread::Command),
    /// Why an app did not get a message, or was refused
    Explain(explain::Arguments),
    /// Let things go wrong for an app on purpose; only with a virtual clock
    Faults(faults::Arguments),
    /// The virtual clock
    Clock(clock::Arguments),
    /// Make the server's apps and pages be what a file says
    Apply(apply::Arguments),
    /// Play scenario files: stories, and what must come of them
    Test(test::Arguments),
    /// Make a page access token, or a new operator token
    #[command(subcommand)]
    Token(token::Command),
    /// Find what is wrong with the settings and the routing file, and change nothing
    Check(check::Arguments),
    /// Who uses the database, and which streams each delivers; only with PostgreSQL
    Nodes,
    /// Whether the server is ready: exit code 0, or 1
    Health,
    /// Bring the database to this version's schema, without serving
    Migrate(migrate::Arguments),
    /// Copy the database into a new file, while the server goes on
    Backup(backup::Arguments),
    /// Copy everything from an SQLite file into PostgreSQL, or back, while no server uses them
    Copy(copy::Arguments),
    /// Print the description of Baton's own API (OpenAPI 3.1), as a server has it at /openapi.json
    Openapi,
    /// Print a script by which a shell completes commands and flags
    Completions(completions::Arguments),
    /// Print the manual page, or write those of every command
    Man(man::Arguments),
}

/// The commands, as `docs/reference/commands.md` describes them.
pub fn command() -> clap::Command {
    Cli::command()
}

/// Runs the program with the process's arguments.
pub fn main() -> ExitCode {
    let parsed = command().try_get_matches().and_then(|given| {
        let cli = Cli::from_arg_matches(&given)?;
        Ok((cli, names_a_server(&given)))
    });
    let (cli, names_a_server) = match parsed {
        Ok(parsed) => parsed,
        Err(error) => {
            // Help is asked for and goes to stdout, a wrong usage goes to stderr. A closed terminal is no
            // reason to say anything else.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    let done = if names_a_server && cli.command.is_alone() {
        Err(Failure::usage("this command talks to no server, and --server names one")
            .advice("leave out --server; where a server listens is said with --listen"))
    } else {
        run(cli)
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            if !failure.told {
                look::error(&failure);
            }
            ExitCode::from(failure.exit_code())
        }
    }
}

/// Whether `--server` was given; the environment may name one for other commands.
fn names_a_server(given: &ArgMatches) -> bool {
    let inner = given.subcommand().is_some_and(|(_, inner)| names_a_server(inner));
    inner || given.value_source("server") == Some(ValueSource::CommandLine)
}

impl Command {
    /// Whether it has nothing to do with a server that runs.
    const fn is_alone(&self) -> bool {
        match self {
            Self::Dev(_)
            | Self::Serve(_)
            | Self::Test(_)
            | Self::Migrate(_)
            | Self::Backup(_)
            | Self::Copy(_)
            | Self::Openapi
            | Self::Completions(_)
            | Self::Man(_) => true,
            Self::Token(command) => command.is_alone(),
            Self::Send(_)
            | Self::Comment(_)
            | Self::Trigger(_)
            | Self::Listen(_)
            | Self::Deliveries(_)
            | Self::Doctor(_)
            | Self::Faults(_)
            | Self::Wait(_)
            | Self::Thread(_)
            | Self::Explain(_)
            | Self::Clock(_)
            | Self::Apply(_)
            | Self::Check(_)
            | Self::Nodes
            | Self::Health => false,
        }
    }
}

fn run(cli: Cli) -> Result<(), Failure> {
    let Cli { common, command } = cli;
    let serves = matches!(command, Command::Dev(_) | Command::Serve(_) | Command::Test(_));
    let mut builder = if serves {
        tokio::runtime::Builder::new_multi_thread()
    } else {
        tokio::runtime::Builder::new_current_thread()
    };
    let runtime = builder.enable_all().build();
    let runtime = runtime.map_err(|error| Failure::new("cannot start").why(error))?;
    runtime.block_on(async {
        match command {
            Command::Dev(arguments) => crate::dev::run(&common, &arguments).await,
            Command::Serve(arguments) => serve::run(&common, &arguments).await,
            Command::Send(arguments) => send::run(&common, &arguments).await,
            Command::Comment(arguments) => comment::run(&common, &arguments).await,
            Command::Trigger(arguments) => trigger::run(&common, &arguments).await,
            Command::Listen(arguments) => listen::run(&common, &arguments).await,
            Command::Faults(arguments) => faults::run(&common, &arguments).await,
            Command::Deliveries(command) => deliveries::run(&common, &command).await,
            Command::Doctor(arguments) => doctor::run(&common, &arguments).await,
            Command::Wait(arguments) => wait::run(&common, &arguments).await,
            Command::Thread(command) => thread::run(&common, &command).await,
            Command::Explain(arguments) => explain::run(&common, &arguments).await,
            Command::Clock(arguments) => clock::run(&common, &arguments).await,
            Command::Apply(arguments) => apply::run(&common, &arguments).await,
            Command::Test(arguments) => test::run(&common, &arguments).await,
            Command::Token(command) => token::run(&common, &command).await,
            Command::Check(arguments) => check::run(&common, &arguments).await,
            Command::Nodes => nodes::run(&common).await,
            Command::Health => health::run(&common).await,
            Command::Migrate(arguments) => migrate::run(&common, &arguments).await,
            Command::Backup(arguments) => backup::run(&common, &arguments).await,
            Command::Copy(arguments) => copy::run(&common, &arguments).await,
            Command::Openapi => openapi::run(),
            Command::Completions(arguments) => completions::run(&arguments),
            Command::Man(arguments) => man::run(&arguments),
        }
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_commands_are_well_formed() {
        super::command().debug_assert();
    }
}
