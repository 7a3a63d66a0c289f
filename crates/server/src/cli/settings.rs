//! The settings of a server as a command is given them: flags over environment over file over defaults.

use std::path::Path;

use super::{Failure, look};
use crate::config::{Config, Sources};

/// Where the settings come from, for a command with this file and these flags.
pub(crate) fn sources(
    file: Option<&Path>,
    flags: Vec<(&'static str, &'static str, String)>,
) -> Result<Sources, Failure> {
    let file = match file {
        Some(path) => {
            let name = path.display().to_string();
            let text = std::fs::read_to_string(path)
                .map_err(|error| Failure::new(format!("cannot read {name}")).why(error))?;
            Some((name, text))
        }
        None => {
            if Path::new("baton.toml").exists() {
                look::note("note: baton.toml in this directory is not read unless you say so: -c baton.toml");
            }
            None
        }
    };
    let environment = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .filter(|(name, _)| name.starts_with("BATON_"))
        .collect();
    Ok(Sources { file, environment, flags })
}

/// Reads the settings, on top of `defaults`.
pub(crate) fn read(
    defaults: Config,
    file: Option<&Path>,
    flags: Vec<(&'static str, &'static str, String)>,
) -> Result<Config, Failure> {
    let read = defaults.read(&sources(file, flags)?).map_err(|wrong| {
        let what = match wrong.len() {
            1 => "a setting is wrong".to_owned(),
            many => format!("{many} settings are wrong"),
        };
        wrong.into_iter().fold(Failure::usage(what), |failure, wrong| failure.at(wrong.into()))
    })?;
    read.warnings.iter().for_each(look::warning);
    Ok(read.config)
}
