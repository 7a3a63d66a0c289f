//! `baton completions`: a script by which a shell completes commands and flags.

use std::io::Write;

use clap::Args;
use clap_complete::Shell;

use super::Failure;

/// Print a script that completes commands and flags
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    bash  source <(baton completions bash)\n  \
    zsh   baton completions zsh > ~/.zfunc/_baton      # a directory of $fpath\n  \
    fish  baton completions fish > ~/.config/fish/completions/baton.fish")]
pub(crate) struct Arguments {
    /// The shell
    shell: Shell,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut super::command(), "baton", &mut script);
    let mut out = std::io::stdout().lock();
    let written = out.write_all(&script).and_then(|()| out.flush());
    written.map_err(|error| Failure::new("cannot write the script").why(error))
}
