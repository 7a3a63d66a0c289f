//! `baton man`: manual pages, written from the same commands as the help.

use std::io::Write;
use std::path::PathBuf;

use clap::{Args, ValueHint};

use super::Failure;

/// Print the manual page, or write those of every command
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  baton man | man -l -\n  baton man --out /usr/local/share/man/man1")]
pub(crate) struct Arguments {
    /// Write the pages of every command into this directory, as baton.1, baton-send.1 and so on
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    out: Option<PathBuf>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let Some(directory) = &arguments.out else {
        let mut page = Vec::new();
        let rendered = clap_mangen::Man::new(super::command()).render(&mut page);
        let mut out = std::io::stdout().lock();
        let written = rendered.and_then(|()| out.write_all(&page)).and_then(|()| out.flush());
        return written.map_err(|error| Failure::new("cannot write the page").why(error));
    };
    std::fs::create_dir_all(directory)
        .and_then(|()| clap_mangen::generate_to(super::command(), directory))
        .map_err(|error| Failure::new(format!("cannot write to {}", directory.display())).why(error))
}
