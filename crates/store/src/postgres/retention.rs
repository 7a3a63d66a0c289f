//! Deletes what is too old, a stream at a time and so much at once. PostgreSQL uses the room again by itself.

use std::collections::HashMap;
use std::sync::Arc;

use baton_rules::{AppId, Timestamp};
use deadpool_postgres::ClientWrapper;
use tokio_postgres::Row;

use super::commit::Head;
use super::read::Reader;
use super::row::{self, app_in, at_most, big, number, number_or_none, position, time};
use super::settings::Published;
use super::trouble::Trouble;
use super::work::{Lock, Work, Write, statement};
use crate::check::seen_until;
use crate::retention::{Forgotten, Oldest, Sieve, Size, Standings, TooOld};
use crate::rows::{damaged, heard_by};
use crate::{Place, Position, Settings, Stream, attempt};

impl Reader {
    /// The first row of each stream, entry of a history, answer to a key.
    pub(super) async fn oldest(&self) -> Result<Oldest, Trouble> {
        let first = "SELECT first.position, first.at FROM baton.streams LEFT JOIN LATERAL
                         (SELECT position, at FROM baton.journal WHERE journal.stream = streams.stream
                          ORDER BY position LIMIT 1) AS first ON true
                     ORDER BY streams.stream";
        let mut oldest = Oldest::default();
        for row in &self.rows(first, &[]).await? {
            let at: Option<i64> = row.try_get(1)?;
            let place = number_or_none(row, 0)?.zip(at);
            oldest.rows.push(place.map(|(position, at)| (Position(position), Timestamp(at))));
        }
        let others = "SELECT min((SELECT min(at) FROM baton.control WHERE control.stream = streams.stream)),
                          min((SELECT min(at) FROM baton.seen WHERE seen.stream = streams.stream))
                      FROM baton.streams";
        if let Some(row) = self.rows(others, &[]).await?.first() {
            oldest.control = row.try_get::<_, Option<i64>>(0)?.map(Timestamp);
            oldest.seen = row.try_get::<_, Option<i64>>(1)?.map(Timestamp);
        }
        Ok(oldest)
    }

    /// All tables, with their indexes. What of them is free nobody knows without reading them.
    pub(super) async fn size(&self) -> Result<Size, Trouble> {
        let sql = "SELECT coalesce(sum(pg_total_relation_size(pg_class.oid)), 0)::bigint FROM pg_class
                   JOIN pg_namespace ON pg_namespace.oid = relnamespace
                   WHERE nspname = 'baton' AND relkind IN ('r', 'p', 'm')";
        let rows = self.rows(sql, &[]).await?;
        let bytes = rows.first().map_or(Ok(0), |row| number(row, 0))?;
        Ok(Size { bytes, free: 0 })
    }
}

/// The oldest rows of a stream are to go.
pub(super) struct Forget {
    pub(super) stream: Stream,
    pub(super) old: TooOld,
    pub(super) limit: usize,
    pub(super) published: Arc<Published>,
}

/// What decides which rows go, as it came.
pub(super) struct Rows {
    journal: Vec<Row>,
    cursors: Vec<Row>,
    parked: Vec<Row>,
}

impl Work for Forget {
    type Found = Rows;
    type Done = Forgotten;

    fn lock(&self) -> Lock {
        Lock::Alone(self.stream)
    }

    async fn look(&self, client: &ClientWrapper) -> Result<Rows, Trouble> {
        let stream = row::stream(self.stream);
        let journal = "SELECT position, meta, at, chain FROM baton.journal WHERE stream = $1
                       ORDER BY position LIMIT $2";
        let journal = client.prepare_cached(journal).await?;
        let journal = client.query(&journal, &[&stream, &at_most(self.limit)]).await?;
        let cursors =
            client.prepare_cached("SELECT app, served FROM baton.cursors WHERE stream = $1").await?;
        let cursors = client.query(&cursors, &[&stream]).await?;
        let parked =
            client.prepare_cached("SELECT app, next, chain FROM baton.parked WHERE stream = $1").await?;
        let parked = client.query(&parked, &[&stream]).await?;
        Ok(Rows { journal, cursors, parked })
    }

    async fn decide(
        &self,
        client: &ClientWrapper,
        locked: Vec<Row>,
        rows: Rows,
    ) -> Result<(Forgotten, Vec<Write>), Trouble> {
        let head = locked.first().map(Head::of).transpose()?;
        let head = head.ok_or_else(|| damaged("streams", "stream", self.stream.0, "is missing"))?;
        let settings = self.published.at(head.settings, client).await?;
        let standings = standings(&settings, &rows)?;
        let mut sieve = Sieve::new(&self.old, &standings);
        let mut looked = 0;
        for row in &rows.journal {
            let place = Place { stream: self.stream, position: position(row, 0)? };
            let apps = heard_by(row.try_get(1)?).map_err(|wrong| damaged("journal", "meta", place, wrong))?;
            if !sieve.goes((place.position, time(row, 2)?), row.try_get(3)?, &apps) {
                break;
            }
            looked += 1;
        }
        let mut forgotten = sieve.forgotten;
        forgotten.more = looked == self.limit;
        let Some(gone) = forgotten.up_to else { return Ok((forgotten, Vec::new())) };
        let again =
            "SELECT app, count(*) FROM baton.resends WHERE stream = $1 AND position <= $2 GROUP BY app";
        let again = client.prepare_cached(again).await?;
        for row in &client.query(&again, &[&row::stream(self.stream), &big(gone.0)]).await? {
            if let Some(app) = app_in(row, 0, "resends")? {
                *forgotten.expired.entry(app).or_default() += number(row, 1)?;
            }
        }
        Ok((forgotten, writes(self.stream, gone)))
    }
}

/// Where apps with an address stand.
fn standings(settings: &Settings, rows: &Rows) -> Result<Standings, Trouble> {
    let is_reached = |app: &AppId| settings.app(*app).is_some_and(|app| app.webhook_url.is_some());
    let mut served = HashMap::new();
    for row in &rows.cursors {
        if let Some(app) = app_in(row, 0, "cursors")?.filter(is_reached) {
            served.insert(app, position(row, 1)?);
        }
    }
    let mut parked = HashMap::new();
    for row in &rows.parked {
        if let Some(app) = app_in(row, 0, "parked")?.filter(is_reached) {
            parked.insert((app, row.try_get(2)?), position(row, 1)?);
        }
    }
    Ok(Standings { served, parked })
}

/// Deletes rows up to one, and what is kept of delivery about them.
fn writes(stream: Stream, gone: Position) -> Vec<Write> {
    let (stream, last) = (row::stream(stream), big(gone.0));
    vec![
        statement!("DELETE FROM baton.journal WHERE stream = $1 AND position <= $2", stream, last),
        statement!("DELETE FROM baton.dead_letters WHERE stream = $1 AND position <= $2", stream, last),
        // Only what has nothing of a row that stays.
        statement!(
            "DELETE FROM baton.attempts WHERE stream = $1 AND bucket < $2",
            stream,
            big(attempt::bucket(gone.next())),
        ),
        statement!(
            "UPDATE baton.parked SET next = $2 + 1, attempts = 0 WHERE stream = $1 AND next <= $2",
            stream,
            last,
        ),
        statement!("DELETE FROM baton.resends WHERE stream = $1 AND position <= $2", stream, last),
    ]
}

/// The oldest entries of histories are to go, and answers to keys that no longer count.
pub(super) struct ForgetHistory {
    pub(super) until: Timestamp,
    pub(super) now: Timestamp,
    pub(super) limit: usize,
}

impl Work for ForgetHistory {
    type Found = [u64; 2];
    type Done = u64;

    fn lock(&self) -> Lock {
        Lock::Beside(Stream(0))
    }

    /// How many there are, as far as they may go.
    async fn look(&self, client: &ClientWrapper) -> Result<[u64; 2], Trouble> {
        let mut found = [0; 2];
        let counts = [
            (
                "SELECT count(*) FROM (SELECT FROM baton.streams, LATERAL (SELECT FROM baton.control
                     WHERE control.stream = streams.stream AND at <= $1 LIMIT $2) AS own LIMIT $2) AS old",
                self.until,
            ),
            (
                "SELECT count(*) FROM (SELECT FROM baton.streams, LATERAL (SELECT FROM baton.seen
                     WHERE seen.stream = streams.stream AND at <= $1 LIMIT $2) AS own LIMIT $2) AS old",
                seen_until(self.now),
            ),
        ];
        for (count, (sql, until)) in found.iter_mut().zip(counts) {
            let statement = client.prepare_cached(sql).await?;
            let row = client.query_one(&statement, &[&until.0, &at_most(self.limit)]).await?;
            *count = number(&row, 0)?;
        }
        Ok(found)
    }

    async fn decide(
        &self,
        _: &ClientWrapper,
        _: Vec<Row>,
        found: [u64; 2],
    ) -> Result<(u64, Vec<Write>), Trouble> {
        let [entries, keys] = found;
        let mut writes = Vec::new();
        if entries > 0 {
            writes.push(statement!(
                "DELETE FROM baton.control WHERE (stream, thread, at, position, number) IN
                     (SELECT own.* FROM baton.streams, LATERAL (SELECT stream, thread, at, position, number
                          FROM baton.control WHERE control.stream = streams.stream AND at <= $1
                          ORDER BY at LIMIT $2) AS own ORDER BY at LIMIT $2)",
                self.until.0,
                big(entries),
            ));
        }
        if keys > 0 {
            writes.push(statement!(
                "DELETE FROM baton.seen WHERE (stream, thread, key) IN
                     (SELECT own.stream, own.thread, own.key FROM baton.streams, LATERAL (SELECT stream, thread, key, at
                          FROM baton.seen WHERE seen.stream = streams.stream AND at <= $1
                          ORDER BY at LIMIT $2) AS own ORDER BY own.at LIMIT $2)",
                seen_until(self.now).0,
                big(keys),
            ));
        }
        Ok((entries + keys, writes))
    }
}
