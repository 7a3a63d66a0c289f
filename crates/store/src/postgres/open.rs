//! Opening a database: whether it can be used, whose it is, whether this program is new enough for it, and whether its
//! parts agree. Whoever comes first makes what is not there; others wait for that.

use std::sync::OnceLock;
use std::time::Duration;

use deadpool_postgres::{ClientWrapper, Pool};
use rand::TryRngCore;
use sha2::{Digest, Sha256};
use tokio_postgres::error::SqlState;

use super::Options;
use super::connect::{Address, Lent};
use super::row::{self, number, position, stream_in};
use super::settings;
use super::trouble::{Trouble, is_conflict};
use super::work::pause;
use crate::rows::damaged;
use crate::{Migration, Settings, StoreError};

/// The schema, oldest first. What is here is never changed: a change is one more.
///
/// Two versions of the program may use a database at once while nodes are replaced one after another. So a step only
/// adds, and what an older program needs goes in a later version. `needs` is the oldest schema whose program goes on
/// with this one: it grows where a step cannot be lived with by a program that does not know it.
const STEPS: &[Step] = &[Step {
    name: "0001_initial",
    sql: include_str!("../../migrations/postgres/0001_initial.sql"),
    needs: 1,
}];

/// A step of the schema.
#[derive(Debug)]
pub struct Step {
    /// Its number and what it is about.
    pub name: &'static str,
    /// What it does.
    pub sql: &'static str,
    /// The oldest schema whose program goes on with this one.
    pub needs: i32,
}

/// What a version that is yet to come would add: this one has no newer to be shown beside.
static FURTHER: OnceLock<Vec<Step>> = OnceLock::new();

/// Makes this process the program of a version that is yet to come, once and before anything is opened.
#[doc(hidden)]
pub fn go_further(steps: Vec<Step>) {
    // A second time would be another version: it stays what it is.
    let _ = FURTHER.set(steps);
}

/// The steps that this program knows, oldest first.
fn steps() -> impl Iterator<Item = &'static Step> {
    STEPS.iter().chain(FURTHER.get().into_iter().flatten())
}

/// Two that would make the schema at once take turns by this number; it says "BTON".
const TURN: i64 = 0x4254_4F4E;

/// How often the schema is begun with again where others are in the way, and how long they have it to themselves before.
const TRIES: u32 = 20;
const PAUSE: Duration = Duration::from_secs(1);

/// PostgreSQL's version, as it tells it.
const OLDEST_SERVER: i32 = 150_000;

/// The same as for any other kind of database.
const MOST_STREAMS: u16 = 4096;

/// A database that is ready to be used.
pub(super) struct Opened {
    pub(super) streams: u16,
    pub(super) key: [u8; 32],
    pub(super) settings: Settings,
    pub(super) migration: Migration,
}

/// Opens, and makes what is not there.
pub(super) async fn open(pool: &Pool, address: &Address, options: Options) -> Result<Opened, StoreError> {
    if !(1..=MOST_STREAMS).contains(&options.streams) {
        return Err(cannot(address, format!("the number of streams is 1 to {MOST_STREAMS}")));
    }
    let opened = async {
        let lent = Lent::from(pool).await?;
        let client = lent.client()?;
        fits(client, address).await?;
        let migration = bring_up(client, address, options).await?;
        let (streams, key, settings) = load(client, address).await?;
        lent.give_back();
        Ok(Opened { streams, key, settings, migration })
    };
    opened.await.map_err(|trouble| opening(address, trouble))
}

/// What [`open`] would do to the schema, from looking alone.
pub(super) async fn look(pool: &Pool, address: &Address) -> Result<Migration, StoreError> {
    let looked = async {
        let lent = Lent::from(pool).await?;
        let client = lent.client()?;
        fits(client, address).await?;
        let from = schema(client, address).await?;
        lent.give_back();
        Ok(migration(from))
    };
    looked.await.map_err(|trouble| opening(address, trouble))
}

fn migration(from: Option<usize>) -> Migration {
    let known = steps().count();
    let steps = steps().skip(from.unwrap_or(0)).map(|step| step.name).collect();
    Migration { from, to: from.unwrap_or(0).max(known), known, steps }
}

/// Whether this is a server that can be built upon.
async fn fits(client: &ClientWrapper, address: &Address) -> Result<(), Trouble> {
    let sql = "SELECT current_setting('server_version_num')::integer, current_setting('server_version'),
                   current_setting('server_encoding'), current_setting('fsync')";
    let row = client.query_one(sql, &[]).await?;
    let (version, name): (i32, &str) = (row.try_get(0)?, row.try_get(1)?);
    if version < OLDEST_SERVER {
        return Err(cannot(address, format!("it is PostgreSQL {name}, and Baton needs 15 or newer")).into());
    }
    let encoding: &str = row.try_get(2)?;
    if encoding != "UTF8" {
        return Err(cannot(address, format!("its encoding is {encoding}, and Baton needs UTF8")).into());
    }
    if row.try_get::<_, &str>(3)? == "off" {
        tracing::warn!(%address, "fsync is off: what this server confirms does not survive a power cut");
    }
    Ok(())
}

/// Makes the schema, or brings it up to this program's, in one transaction. Nodes that go on meanwhile, or a backup, may be in
/// its way: then it is begun anew, so that nobody waits behind it for long.
async fn bring_up(client: &ClientWrapper, address: &Address, options: Options) -> Result<Migration, Trouble> {
    let mut tries = 0;
    loop {
        let brought = async {
            let migration = begin(client, address, options).await?;
            client.batch_execute("COMMIT").await?;
            Ok(migration)
        };
        match brought.await {
            Err(Trouble::Postgres(error)) if tries < TRIES && error.code().is_some_and(is_conflict) => {
                tracing::info!(%address, %error, "others use the tables: the schema is brought up in a moment");
                client.batch_execute("ROLLBACK").await?;
                tries += 1;
                pause(PAUSE).await;
            }
            brought => return brought,
        }
    }
}

/// The same in a transaction that stays open.
pub(super) async fn begin(
    client: &ClientWrapper,
    address: &Address,
    options: Options,
) -> Result<Migration, Trouble> {
    // Others may be at it, and a step may take its time.
    client.batch_execute("BEGIN; SET LOCAL lock_timeout = '60s'; SET LOCAL statement_timeout = 0").await?;
    client.execute("SELECT pg_advisory_xact_lock($1)", &[&TURN]).await?;
    let from = schema(client, address).await?;
    if from.is_some_and(|from| from < steps().count()) {
        // Whoever writes takes this table first: none is in the middle then, and waits for a table that a step has while the
        // step waits for one of its own.
        let alone = "SET LOCAL lock_timeout = '2s'; LOCK TABLE baton.streams IN ACCESS EXCLUSIVE MODE";
        client.batch_execute(alone).await?;
    }
    if from.is_none() {
        client.batch_execute("CREATE SCHEMA IF NOT EXISTS baton").await?;
        client
            .batch_execute(
                "CREATE TABLE baton.migrations (
                     number   integer NOT NULL PRIMARY KEY,
                     name     text    NOT NULL,
                     checksum bytea   NOT NULL,
                     needs    integer NOT NULL
                 )",
            )
            .await?;
    }
    for (number, step) in (1_i32..).zip(steps()).skip(from.unwrap_or(0)) {
        client.batch_execute(step.sql).await?;
        let sql = "INSERT INTO baton.migrations (number, name, checksum, needs) VALUES ($1, $2, $3, $4)";
        client.execute(sql, &[&number, &step.name, &digest(step.sql), &step.needs]).await?;
    }
    if from.is_none() {
        fill(client, address, options).await?;
    }
    Ok(migration(from))
}

/// Puts the facts of a new database in their place.
async fn fill(client: &ClientWrapper, address: &Address, options: Options) -> Result<(), Trouble> {
    let mut key = [0; 32];
    rand::rngs::OsRng
        .try_fill_bytes(&mut key)
        .map_err(|error| cannot(address, format!("the system has no randomness: {error}")))?;
    let streams = i32::from(options.streams);
    let facts = "INSERT INTO baton.facts (one, streams, key, settings_version, last_audit) VALUES (true, $1, $2, 0, 0)";
    client.execute(facts, &[&streams, &key.as_slice()]).await?;
    let of_streams = "INSERT INTO baton.streams (stream, head, last_at, settings)
                      SELECT stream, 0, 0, 0 FROM generate_series(0, $1 - 1) AS stream";
    client.execute(of_streams, &[&streams]).await?;
    let leases =
        "INSERT INTO baton.leases (stream, epoch) SELECT stream, 0 FROM generate_series(0, $1 - 1) AS stream";
    client.execute(leases, &[&streams]).await?;
    Ok(())
}

/// The schema of a database, if this program can use it; none where there is none.
async fn schema(client: &ClientWrapper, address: &Address) -> Result<Option<usize>, Trouble> {
    let sql = "SELECT to_regclass('baton.migrations') IS NOT NULL,
                   EXISTS (SELECT FROM pg_class WHERE relnamespace = to_regnamespace('baton'))";
    let row = client.query_one(sql, &[]).await?;
    let (is_own, is_used): (bool, bool) = (row.try_get(0)?, row.try_get(1)?);
    if !is_own {
        return if is_used {
            let text =
                "its schema \"baton\" is another program's: choose another database; nothing was changed";
            Err(cannot(address, text).into())
        } else {
            Ok(None)
        };
    }
    let sql = "SELECT number, name, checksum, needs FROM baton.migrations ORDER BY number";
    let applied = client.query(sql, &[]).await?;
    for (index, row) in applied.iter().enumerate() {
        let (number, name, checksum): (i32, &str, &[u8]) =
            (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        let needs: i32 = row.try_get(3)?;
        let is_known = match steps().nth(index) {
            Some(step) => name == step.name && checksum == digest(step.sql),
            None => true,
        };
        if !is_known || usize::try_from(number) != Ok(index + 1) {
            let text = format!(
                "it has another schema than this baton (step {number}, {name}): it was made by a version that was \
                 never released; nothing was changed"
            );
            return Err(cannot(address, text).into());
        }
        let known = steps().count();
        if usize::try_from(needs).is_ok_and(|needs| needs > known) {
            let text = format!(
                "it was made by a newer baton (schema {}, and this one knows {known}): use that version or a newer one; \
                 nothing was changed",
                applied.len(),
            );
            return Err(cannot(address, text).into());
        }
    }
    Ok(Some(applied.len()))
}

fn digest(sql: &str) -> Vec<u8> {
    Sha256::digest(sql.as_bytes()).to_vec()
}

/// Reads what is kept in memory, as it stood at one moment, and sees on the way whether the parts agree.
async fn load(client: &ClientWrapper, address: &Address) -> Result<(u16, [u8; 32], Settings), Trouble> {
    client.batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?;
    let facts = client.query_opt("SELECT streams, key FROM baton.facts", &[]).await?;
    let facts = facts.ok_or_else(|| damaged("facts", "one", true, "is missing"))?;
    let streams: i32 = facts.try_get(0)?;
    let key = <[u8; 32]>::try_from(facts.try_get::<_, &[u8]>(1)?)
        .map_err(|_| damaged("facts", "key", address, "is not 32 bytes long"))?;
    let heads = "SELECT stream, head, settings, (SELECT max(position) FROM baton.journal
                     WHERE journal.stream = streams.stream)
                 FROM baton.streams ORDER BY stream";
    let heads = client.query(heads, &[]).await?;
    let read = settings::load(client).await?;
    for (expected, row) in heads.iter().enumerate() {
        let stream = stream_in(row, 0)?;
        if usize::from(stream.0) != expected {
            return Err(damaged("streams", "stream", stream.0, "is not the next one").into());
        }
        // The journal ends where the head says, unless all of a stream was given up for its age.
        let (head, last) = (position(row, 1)?, row::number_or_none(row, 3)?);
        if last.is_some_and(|last| last != head.0) {
            let wrong = format!("is {}, and the journal ends at {}", head.0, last.unwrap_or_default());
            return Err(damaged("streams", "head", stream.0, wrong).into());
        }
        if number(row, 2)? != read.version {
            let wrong = format!("is not {}", read.version);
            return Err(damaged("streams", "settings", stream.0, wrong).into());
        }
    }
    let count = u16::try_from(streams).ok().filter(|count| (1..=MOST_STREAMS).contains(count));
    let count = count.filter(|count| usize::from(*count) == heads.len()).ok_or_else(|| {
        damaged(
            "facts",
            "streams",
            address,
            format!("is {streams}, and the table of streams has {}", heads.len()),
        )
    })?;
    client.batch_execute("COMMIT").await?;
    Ok((count, key, read))
}

pub(super) fn cannot(address: &Address, why: impl std::fmt::Display) -> StoreError {
    StoreError::CannotOpen(format!("cannot open {address}: {why}"))
}

/// The database's name is part of what is wrong.
pub(super) fn opening(address: &Address, trouble: Trouble) -> StoreError {
    let code = match &trouble {
        Trouble::Postgres(error) => error.code().cloned(),
        Trouble::TooLong | Trouble::Store(_) => None,
    };
    match trouble.into_error() {
        StoreError::Damaged(what) => StoreError::Damaged(format!("{address}: {what}")),
        StoreError::Unavailable(what) if code == Some(SqlState::INSUFFICIENT_PRIVILEGE) => cannot(
            address,
            format!(
                "{what}: grant its user CREATE on the database, or make a schema \"baton\" that is the user's"
            ),
        ),
        StoreError::Unavailable(what) if code == Some(SqlState::LOCK_NOT_AVAILABLE) => cannot(
            address,
            format!("{what}: something holds its tables, a backup for one: start when it has ended"),
        ),
        StoreError::Unavailable(what) if code == Some(SqlState::UNDEFINED_DATABASE) => {
            cannot(address, format!("{what}: make it first, with createdb"))
        }
        StoreError::Unavailable(what) => cannot(address, what),
        other @ (StoreError::CannotOpen(_) | StoreError::Closed) => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What an older program could not live with, or what rewrites a table while it wants to use it.
    fn takes_away(sql: &str) -> Vec<&str> {
        let words = [
            "DROP ",
            "RENAME ",
            "ALTER COLUMN ",
            "TYPE ",
            "STORED",
            "SET NOT NULL",
            "TRUNCATE ",
            "ADD CONSTRAINT",
            "UNIQUE INDEX",
            "TRIGGER ",
        ];
        words.into_iter().filter(|word| sql.to_uppercase().contains(word)).collect()
    }

    #[test]
    fn a_step_only_adds_because_two_versions_use_a_database_at_once() {
        for step in STEPS.iter().skip(1) {
            assert_eq!(takes_away(step.sql), Vec::<&str>::new(), "{}", step.name);
        }
        assert_eq!(
            takes_away("CREATE TABLE baton.new (one boolean); CREATE INDEX new_one ON baton.new (one);")
                .len(),
            0
        );
        assert_eq!(takes_away("drop index baton.threads_recent"), ["DROP "]);
        assert_eq!(takes_away("ALTER TABLE baton.threads RENAME COLUMN last TO newest"), ["RENAME "]);
    }
}
