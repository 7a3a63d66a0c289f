//! `baton copy`: everything from a file into PostgreSQL, or back, while no server uses either.

use std::path::PathBuf;

use baton_store::{Copied, End};
use clap::{Args, ValueHint};
use serde_json::json;

use super::{Common, Failure, look, settings};
use crate::config::{Config, Database};
use crate::start::{Location, Place};

/// Rows of a table after which it is said how many there are.
const STEP: u64 = 1_000_000;

/// Copy everything from an SQLite file into PostgreSQL, or back, while no server uses them
#[derive(Debug, Args)]
#[command(
    after_help = "What it is copied into is a file that is not there yet, or a database without Baton's tables. Streams, \
        positions, ids, tokens and cursors stay what they are: a server that is pointed at the copy goes on where the \
        other one stopped. All of it is read back and compared before the copy is there at all; what is broken off leaves \
        none. From then on start only one of the two: both would send what is not delivered yet. The copy has tokens' \
        hashes and apps' secrets in it.\n\nAn end that is not named is the database of the settings: there, or in \
        BATON_DATABASE, a password is seen by nobody who lists processes.\n\n\
        Examples:\n  baton copy --from sqlite:///var/lib/baton/baton.db --to postgres://baton@db.example/baton\n  \
        BATON_DATABASE=postgres://baton:…@db.example/baton baton copy --to sqlite:///var/lib/baton/baton.db"
)]
pub(crate) struct Arguments {
    /// What is copied
    #[arg(long, value_name = "ADDRESS", value_parser = Database::named)]
    from: Option<Database>,
    /// Where to
    #[arg(long, value_name = "ADDRESS", value_parser = Database::named)]
    to: Option<Database>,
    /// The server's settings, which may name one of them
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    config: Option<PathBuf>,
}

pub(crate) async fn run(common: &Common, arguments: &Arguments) -> Result<(), Failure> {
    if arguments.from.is_none() && arguments.to.is_none() {
        return Err(
            Failure::usage("from where, and where to?").advice("name one of them with --from or --to")
        );
    }
    let config = settings::read(Config::default(), arguments.config.as_deref(), Vec::new())?;
    let directory = Place::directory(common)?;
    let end = |named: &Option<Database>| {
        let named = named.as_ref().unwrap_or(&config.database);
        match Place::database(&directory, named, Place::SERVED) {
            Location::File(path) => End::File(path),
            Location::Postgres(address) => End::Postgres(address),
        }
    };
    let (from, to) = (end(&arguments.from), end(&arguments.to));
    let mut shown = ("", 0);
    let told = |table: &'static str, rows: u64| {
        let step = (table, rows / STEP);
        if !common.json && step != shown {
            shown = step;
            look::note(if step.1 == 0 { table.to_owned() } else { format!("{table}: {rows} rows") });
        }
    };
    let copied = baton_store::copy(&from, &to, told).await;
    let Copied { streams, tables } =
        copied.map_err(|error| Failure::new(format!("{from} was not copied")).why(error))?;
    if common.json {
        let tables: serde_json::Map<_, _> =
            tables.into_iter().map(|(table, rows)| (table.to_owned(), json!(rows))).collect();
        look::json(
            &json!({"from": from.to_string(), "to": to.to_string(), "streams": streams, "rows": tables}),
        );
    } else {
        let rows: u64 = tables.iter().map(|(_, rows)| rows).sum();
        look::line(format!(
            "copied {from} to {to}: {rows} rows in {streams} streams, read back and compared"
        ));
    }
    Ok(())
}
