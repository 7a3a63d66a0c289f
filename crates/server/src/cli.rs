//! The command line: arguments in, one function called, an exit code out (0 done, 1 failed, 2 wrong usage).
//! To add a command: a file in `cli/` with its arguments and its `run`, a line in [`Command`] and one in
//! [`run`].

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

pub(crate) mod apply;
pub(crate) mod client;
mod clock;
mod failure;
pub(crate) mod look;
pub(crate) mod names;
mod send;
mod serve;
pub(crate) mod server_file;
mod test;
mod thread;

pub(crate) use failure::Failure;

/// Several apps share a page, one of them controls each conversation: Baton decides which, and shows why.
///
/// Try `baton dev`, and in a second terminal `baton send 2001 you "hello"`.
#[derive(Debug, Parser)]
#[command(name = "baton", version, disable_help_subcommand = true, max_term_width = 100)]
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
    /// The server's address; else the one in server.json
    #[arg(long, global = true, env = "BATON_SERVER", value_name = "URL")]
    pub(crate) server: Option<String>,
    /// The operator token; else the one in server.json
    #[arg(long, global = true, env = "BATON_OPERATOR_TOKEN", value_name = "TOKEN", hide_env_values = true)]
    pub(crate) token: Option<String>,
    /// The data directory
    #[arg(long, global = true, env = "BATON_DATA", value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// Print JSON, and nothing else, on standard output
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// A complete local platform with a clock that can be moved, and a demo
    Dev(crate::dev::Arguments),
    /// The server
    Serve(serve::Arguments),
    /// Be the person: say or tap something
    Send(send::Arguments),
    /// Who controls a conversation, and why
    #[command(subcommand)]
    Thread(thread::Command),
    /// The virtual clock
    Clock(clock::Arguments),
    /// Make the server's apps and pages be what a file says
    Apply(apply::Arguments),
    /// Play scenario files: stories, and what must come of them
    Test(test::Arguments),
}

/// Runs the program with the process's arguments.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help is asked for and goes to stdout, a wrong usage goes to stderr. A closed terminal is no
            // reason to say anything else.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    match run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            if !failure.told {
                look::error(&failure);
            }
            ExitCode::from(failure.exit_code())
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
            Command::Thread(command) => thread::run(&common, &command).await,
            Command::Clock(arguments) => clock::run(&common, &arguments).await,
            Command::Apply(arguments) => apply::run(&common, &arguments).await,
            Command::Test(arguments) => test::run(&common, &arguments).await,
        }
    })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_commands_are_well_formed() {
        super::Cli::command().debug_assert();
    }
}
