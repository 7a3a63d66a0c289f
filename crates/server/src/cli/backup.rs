//! `baton backup`: the database as it stands, in a new file, while the server goes on.

use std::path::{Path, PathBuf};

use baton_store::sqlite::SqliteStore;
use clap::{Args, ValueHint};
use serde_json::json;

use super::{Common, Failure, look, settings};
use crate::config::{Config, Database};
use crate::start::{Location, Place};

/// Copy the database into a new file, while the server goes on
#[derive(Debug, Args)]
#[command(
    after_help = "The copy is whole and of one moment, and nothing that was acknowledged before is missing from it. It \
        is looked through before it gets its name. To restore: stop the server, put the file in the database's place, \
        take away the -wal and -shm files beside it, and start: webhooks that were not delivered when the copy was made \
        are delivered then, some of them again. It has tokens' hashes and apps' secrets in it: keep it as you keep them."
)]
pub(crate) struct Arguments {
    /// Where to: a file that is not there yet
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    to: PathBuf,
    /// The server's settings, which may name the database
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    config: Option<PathBuf>,
    /// The database. Else: that of `baton serve`, or, where that never ran, of `baton dev` (`dev.db`, or `demo.db`)
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    from: Option<PathBuf>,
}

/// The database of `baton serve`; where it never ran, that of `baton dev`.
fn found(directory: &Path, database: &Database) -> Result<PathBuf, Failure> {
    let served = Place::database(directory, database, Place::SERVED);
    let served = match served {
        Location::File(path) => path,
        Location::Postgres(address) => {
            return Err(Failure::usage("this copies SQLite files, and the database is in PostgreSQL")
                .why(address)
                .advice("use PostgreSQL's own tools: pg_dump for a copy, pg_basebackup and its log for every moment"));
        }
    };
    let other = |name: &&str| *database == Database::InDataDirectory && directory.join(name).exists();
    let others: Vec<&str> = ["dev.db", "demo.db"].into_iter().filter(other).collect();
    match others[..] {
        _ if served.exists() => Ok(served),
        [one] => Ok(directory.join(one)),
        [] => Ok(served),
        _ => {
            Err(Failure::new(format!("which database? {} has {}", directory.display(), others.join(" and ")))
                .advice("name one with --from"))
        }
    }
}

pub(crate) async fn run(common: &Common, arguments: &Arguments) -> Result<(), Failure> {
    let config = settings::read(Config::default(), arguments.config.as_deref(), Vec::new())?;
    let path = match &arguments.from {
        Some(from) => from.clone(),
        None => found(&Place::directory(common)?, &config.database)?,
    };
    let (from, to) = (path.clone(), arguments.to.clone());
    let failed = |why: String| Failure::new(format!("{} was not copied", path.display())).why(why);
    let copied = tokio::task::spawn_blocking(move || SqliteStore::copy(&from, &to)).await;
    let bytes =
        copied.map_err(|error| failed(error.to_string()))?.map_err(|error| failed(error.to_string()))?;
    let (database, to) = (path.display(), arguments.to.display());
    if common.json {
        look::json(&json!({"database": path, "file": arguments.to, "bytes": bytes}));
    } else {
        look::line(format!("copied {database} to {to}: {bytes} bytes"));
    }
    Ok(())
}
