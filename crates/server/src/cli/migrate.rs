//! `baton migrate`: brings the database to this version's schema, without a server.

use std::path::PathBuf;

use baton_store::Migration;
use baton_store::postgres::PostgresStore;
use baton_store::sqlite::{Options, SqliteStore};
use clap::{Args, ValueHint};
use serde_json::json;

use super::{Common, Failure, look, settings};
use crate::config::Config;
use crate::start::{Location, Place, cannot_open, postgres_options};

/// Bring the database to this version's schema, without serving
#[derive(Debug, Args)]
#[command(
    after_help = "`serve` does the same when it starts. The database is the one that `serve` would take with this \
        -c and --data; where there is none, it is made. No server may use a file meanwhile; over PostgreSQL nodes go on, and \
        one of several that come at once does it. There is no way back to an older schema: keep a copy."
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
    let at = if arguments.dry_run {
        Place::database(&Place::directory(common)?, &config.database, Place::SERVED)
    } else {
        Place::kept(common, &config.database, Place::SERVED)?.database
    };
    let migration = migrated(&at, &config, arguments.dry_run).await?;
    let Migration { from, to, known, steps } = migration;
    if common.json {
        look::json(&json!({
            "database": at.to_string(), "from": from, "to": to, "steps": steps, "dry_run": arguments.dry_run,
        }));
        return Ok(());
    }
    let database = &at;
    let (brought, made) = if arguments.dry_run { ("would bring", "would make") } else { ("brought", "made") };
    look::line(match from {
        Some(_) if to > known => {
            format!(
                "{database} has schema {to}, of a newer version; this one knows {known}, and goes on: nothing to do"
            )
        }
        Some(from) if from == to => {
            format!("{database} has schema {to}, which is this version's: nothing to do")
        }
        Some(from) => format!("{brought} {database} from schema {from} to {to}: {}", steps.join(", ")),
        None => format!("{made} {database}, with schema {to}"),
    });
    Ok(())
}

/// Does it, or looks what would be done.
async fn migrated(at: &Location, config: &Config, dry_run: bool) -> Result<Migration, Failure> {
    match at {
        Location::File(path) => {
            let (file, options) =
                (path.clone(), Options { streams: config.streams, lagging: config.limits.lagging });
            let work = move || {
                if dry_run { SqliteStore::pending(&file) } else { SqliteStore::migrate(&file, options) }
            };
            match tokio::task::spawn_blocking(work).await {
                Ok(Ok(migration)) => Ok(migration),
                Ok(Err(error)) => Err(cannot_open(at, error)),
                Err(error) => Err(cannot_open(at, error)),
            }
        }
        Location::Postgres(address) => {
            let migrated = if dry_run {
                PostgresStore::pending(address).await
            } else {
                PostgresStore::migrate(address, postgres_options(config)).await
            };
            migrated.map_err(|error| cannot_open(at, error))
        }
    }
}
