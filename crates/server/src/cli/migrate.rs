//! `baton migrate`: brings the database to this version's schema, without a server.

use std::path::PathBuf;

use baton_store::Migration;
use baton_store::sqlite::{Options, SqliteStore};
use clap::{Args, ValueHint};
use serde_json::json;

use super::{Common, Failure, look, settings};
use crate::config::Config;
use crate::start::{Place, cannot_open};

/// Bring the database to this version's schema, without serving
#[derive(Debug, Args)]
#[command(
    after_help = "`serve` does the same when it starts. The database is the one that `serve` would take with this \
        -c and --data; where there is none, it is made. No server may use it meanwhile. There is no way back to an \
        older schema: keep a copy of the file."
)]
pub(crate) struct Arguments {
    /// The server's settings, which may name the database
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    config: Option<PathBuf>,
    /// Say what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,
}

pub(crate) async fn run(common: &Common, arguments: &Arguments) -> Result<(), Failure> {
    let config = settings::read(Config::default(), arguments.config.as_deref(), Vec::new())?;
    let path = if arguments.dry_run {
        Place::database(&Place::directory(common)?, &config.database, Place::SERVED)
    } else {
        Place::kept(common, &config.database, Place::SERVED)?.database
    };
    let (file, dry_run) = (path.clone(), arguments.dry_run);
    let options = Options { streams: config.streams };
    let work =
        move || if dry_run { SqliteStore::pending(&file) } else { SqliteStore::migrate(&file, options) };
    let migration = match tokio::task::spawn_blocking(work).await {
        Ok(Ok(migration)) => migration,
        Ok(Err(error)) => return Err(cannot_open(&path, error)),
        Err(error) => return Err(cannot_open(&path, error)),
    };
    let Migration { from, to, steps } = migration;
    if common.json {
        look::json(&json!({
            "database": path, "from": from, "to": to, "steps": steps, "dry_run": arguments.dry_run,
        }));
        return Ok(());
    }
    let database = path.display();
    let (brought, made) = if arguments.dry_run { ("would bring", "would make") } else { ("brought", "made") };
    look::line(match from {
        Some(from) if from == to => {
            format!("{database} has schema {to}, which is this version's: nothing to do")
        }
        Some(from) => format!("{brought} {database} from schema {from} to {to}: {}", steps.join(", ")),
        None => format!("{made} {database}, with schema {to}"),
    });
    Ok(())
}
