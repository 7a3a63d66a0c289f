//! What delivery writes. A round of an app is of several streams: each stream's part is a transaction of its own, so
//! that losing the lease of one holds up no other, and each is checked against its lease.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use baton_rules::AppId;
use deadpool_postgres::ClientWrapper;
use tokio_postgres::Row;

use super::row::{self, big, free};
use super::settings::written;
use super::trouble::Trouble;
use super::work::{Lock, Work, Write, statement};
use crate::rows::{chain_text, damaged};
use crate::{DeliveryHealth, Resend, Round, StoreError, Stream, attempt};

/// The part of a round that is one stream's.
pub(super) struct Settle {
    pub(super) stream: Stream,
    /// The lease by which this process delivers the stream.
    pub(super) epoch: i64,
    pub(super) part: Arc<Round>,
}

/// What is found out before a part is written.
pub(super) struct Standing {
    /// The stream's lease.
    epoch: i64,
    /// How apps do as it is kept, by whichever node.
    health: HashMap<AppId, DeliveryHealth>,
}

/// The parts of a round, by stream; what is no stream's is a part of its first, or of stream 0.
pub(super) fn parts(round: Round) -> BTreeMap<Stream, Round> {
    let mut parts: BTreeMap<Stream, Round> = BTreeMap::new();
    let Round { cursors, park, unpark, dead, resent, attempts, health } = round;
    for cursor in cursors {
        parts.entry(cursor.stream).or_default().cursors.push(cursor);
    }
    for parked in park {
        parts.entry(parked.stream).or_default().park.push(parked);
    }
    for gone in unpark {
        parts.entry(gone.1).or_default().unpark.push(gone);
    }
    for dead in dead {
        parts.entry(dead.stream).or_default().dead.push(dead);
    }
    for resent in resent {
        parts.entry(resent.place.stream).or_default().resent.push(resent);
    }
    for attempt in attempts {
        parts.entry(attempt.place.stream).or_default().attempts.push(attempt);
    }
    if !health.is_empty() {
        match parts.values_mut().next() {
            Some(first) => first.health = health,
            None => parts.entry(Stream(0)).or_default().health = health,
        }
    }
    parts
}

impl Work for Settle {
    type Found = Standing;
    /// Whether the stream still is this process'; else nothing of it was written.
    type Done = bool;

    fn lock(&self) -> Lock {
        Lock::Beside(self.stream)
    }

    /// The stream's lease, which cannot go to another before this is committed.
    async fn look(&self, client: &ClientWrapper) -> Result<Standing, Trouble> {
        let sql = "SELECT epoch FROM baton.leases WHERE stream = $1 FOR SHARE";
        let statement = client.prepare_cached(sql).await?;
        let epoch = client.query_one(&statement, &[&row::stream(self.stream)]).await?.try_get(0)?;
        if self.part.health.is_empty() {
            return Ok(Standing { epoch, health: HashMap::new() });
        }
        let sql =
            "SELECT app, document FROM baton.delivery_health WHERE app = ANY ($1) ORDER BY app FOR UPDATE";
        let statement = client.prepare_cached(sql).await?;
        let apps: Vec<i64> = self.part.health.iter().map(|(app, _)| big(app.number())).collect();
        let rows = client.query(&statement, &[&apps]).await?;
        Ok(Standing { epoch, health: rows.iter().map(health_in).collect::<Result<_, _>>()? })
    }

    async fn decide(
        &self,
        _: &ClientWrapper,
        _: Vec<Row>,
        found: Standing,
    ) -> Result<(bool, Vec<Write>), Trouble> {
        // How apps do is no stream's, and can be told by whoever knows it.
        let of_stream = writes(self.stream, &self.part)?;
        let is_own = found.epoch == self.epoch || of_stream.is_empty();
        let mut writes = if is_own { of_stream } else { Vec::new() };
        for (app, health) in &self.part.health {
            writes.push(health_write(*app, health, found.health.get(app))?);
        }
        Ok((is_own, writes))
    }
}

/// How an app does, as it is kept.
pub(super) fn health_in(row: &Row) -> Result<(AppId, DeliveryHealth), Trouble> {
    let app = row::app_in(row, 0, "delivery_health")?;
    let app = app.ok_or_else(|| damaged("delivery_health", "app", "?", "is missing"))?;
    let health = serde_json::from_str(row.try_get(1)?);
    Ok((app, health.map_err(|wrong| damaged("delivery_health", "document", app, wrong))?))
}

/// Together with what is kept. What says nothing makes what is kept be forgotten.
fn health_write(
    app: AppId,
    health: &DeliveryHealth,
    kept: Option<&DeliveryHealth>,
) -> Result<Write, StoreError> {
    let forgets = *health == DeliveryHealth::default();
    let together = kept.filter(|_| !forgets).map(|kept| kept.and(health));
    Ok(statement!(
        "INSERT INTO baton.delivery_health (app, document)
         SELECT $1, $2 WHERE EXISTS (SELECT FROM baton.apps WHERE id = $1)
         ON CONFLICT (app) DO UPDATE SET document = excluded.document",
        big(app.number()),
        written(together.as_ref().unwrap_or(health))?,
    ))
}

/// An app that was deleted meanwhile gets nothing again; of one that was made again, what was before is passed over.
fn writes(stream: Stream, part: &Round) -> Result<Vec<Write>, StoreError> {
    let mut writes = Vec::new();
    if !part.cursors.is_empty() {
        writes.push(cursors(stream, part));
    }
    for (app, _, chain) in &part.unpark {
        writes.push(statement!(
            "DELETE FROM baton.parked WHERE stream = $1 AND app = $2 AND chain = $3",
            row::stream(stream),
            big(app.number()),
            chain_text(chain),
        ));
    }
    if !part.park.is_empty() {
        writes.push(park(stream, part));
    }
    for resent in &part.resent {
        let (app, place) = (big(resent.app.number()), big(resent.place.position.0));
        writes.push(statement!(
            "DELETE FROM baton.resends WHERE stream = $1 AND app = $2 AND destination = $3 AND position = $4",
            row::stream(stream),
            app,
            free(&resent.to),
            place,
        ));
        if resent.arrived && resent.to.is_empty() {
            writes.push(statement!(
                "DELETE FROM baton.dead_letters WHERE stream = $1 AND app = $2 AND position = $3",
                row::stream(stream),
                app,
                place,
            ));
        }
    }
    if !part.dead.is_empty() {
        writes.push(give_up(stream, part));
    }
    for ((app, _, bucket), attempts) in attempt::sorted(&part.attempts) {
        writes.push(statement!(
            "INSERT INTO baton.attempts (stream, app, bucket, number, tries)
             SELECT $1, $2, $3, coalesce(max(number), 0) + 1, $4 FROM baton.attempts
             WHERE stream = $1 AND app = $2 AND bucket = $3",
            row::stream(stream),
            big(app.number()),
            big(bucket),
            attempt::encode(&attempts)?,
        ));
    }
    Ok(writes)
}

fn cursors(stream: Stream, part: &Round) -> Write {
    let mut furthest: BTreeMap<AppId, u64> = BTreeMap::new();
    for cursor in &part.cursors {
        let served = furthest.entry(cursor.app).or_default();
        *served = cursor.served.0.max(*served);
    }
    statement!(
        "INSERT INTO baton.cursors AS kept (stream, app, served, start)
         SELECT $1, app, served, 0 FROM unnest((SELECT $2::bigint[]), (SELECT $3::bigint[])) AS new (app, served)
         WHERE EXISTS (SELECT FROM baton.apps WHERE id = app)
         ON CONFLICT (stream, app) DO UPDATE SET served = greatest(kept.served, excluded.served)",
        row::stream(stream),
        furthest.keys().map(|app| big(app.number())).collect::<Vec<_>>(),
        furthest.values().map(|served| big(*served)).collect::<Vec<_>>(),
    )
}

fn park(stream: Stream, part: &Round) -> Write {
    let last = part.park.iter().map(|parked| ((big(parked.app.number()), chain_text(&parked.chain)), parked));
    let (keys, parked): (Vec<_>, Vec<_>) = last.collect::<BTreeMap<_, _>>().into_iter().unzip();
    let (apps, chains): (Vec<_>, Vec<_>) = keys.into_iter().unzip();
    statement!(
        "INSERT INTO baton.parked (stream, app, chain, next, attempts, since, due)
         SELECT $1, new.* FROM unnest($2::bigint[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[])
             AS new (app, chain, next, attempts, since, due)
         WHERE EXISTS (SELECT FROM baton.apps WHERE id = new.app) AND next > coalesce(
             (SELECT start FROM baton.cursors WHERE cursors.stream = $1 AND cursors.app = new.app), 0)
         ON CONFLICT (stream, app, chain) DO UPDATE SET
             next = excluded.next, attempts = excluded.attempts, since = excluded.since, due = excluded.due",
        row::stream(stream),
        apps,
        chains,
        parked.iter().map(|parked| big(parked.next.0)).collect::<Vec<_>>(),
        parked.iter().map(|parked| i64::from(parked.attempts)).collect::<Vec<_>>(),
        parked.iter().map(|parked| parked.since.0).collect::<Vec<_>>(),
        parked.iter().map(|parked| parked.due.0).collect::<Vec<_>>(),
    )
}

fn give_up(stream: Stream, part: &Round) -> Write {
    let last = part.dead.iter().map(|dead| ((big(dead.app.number()), big(dead.position.0)), dead));
    let (keys, dead): (Vec<_>, Vec<_>) = last.collect::<BTreeMap<_, _>>().into_iter().unzip();
    let (apps, positions): (Vec<_>, Vec<_>) = keys.into_iter().unzip();
    statement!(
        "INSERT INTO baton.dead_letters (stream, app, position, chain, at, attempts, reason, expired)
         SELECT $1, new.* FROM unnest($2::bigint[], $3::bigint[], $4::text[], $5::bigint[], $6::bigint[], $7::bytea[],
             $8::boolean[]) AS new (app, position, chain, at, attempts, reason, expired)
         WHERE EXISTS (SELECT FROM baton.apps WHERE id = new.app)
         ON CONFLICT (stream, app, position) DO UPDATE SET chain = excluded.chain, at = excluded.at,
             attempts = excluded.attempts, reason = excluded.reason, expired = excluded.expired",
        row::stream(stream),
        apps,
        positions,
        dead.iter().map(|dead| chain_text(&dead.chain)).collect::<Vec<_>>(),
        dead.iter().map(|dead| dead.at.0).collect::<Vec<_>>(),
        dead.iter().map(|dead| i64::from(dead.attempts)).collect::<Vec<_>>(),
        dead.iter().map(|dead| free(&dead.reason)).collect::<Vec<_>>(),
        dead.iter().map(|dead| dead.expired).collect::<Vec<_>>(),
    )
}

/// Events that somebody wants to be sent again.
pub(super) struct Again {
    pub(super) resend: Resend,
}

impl Again {
    fn places(&self) -> (Vec<i32>, Vec<i64>) {
        let mut places = self.resend.places.clone();
        places.sort_unstable();
        places.dedup();
        places.iter().map(|place| (row::stream(place.stream), big(place.position.0))).unzip()
    }
}

impl Work for Again {
    type Found = u64;
    type Done = u64;

    fn lock(&self) -> Lock {
        Lock::Beside(self.resend.places.first().map_or(Stream(0), |place| place.stream))
    }

    /// How many are not to be sent there already.
    async fn look(&self, client: &ClientWrapper) -> Result<u64, Trouble> {
        let sql = "SELECT count(*) FROM unnest($1::integer[], $2::bigint[]) AS new (stream, position)
                   WHERE EXISTS (SELECT FROM baton.apps WHERE id = $3) AND NOT EXISTS (
                       SELECT FROM baton.resends AS kept WHERE kept.stream = new.stream AND kept.app = $3
                           AND kept.destination = $4 AND kept.position = new.position)";
        let (streams, positions) = self.places();
        let statement = client.prepare_cached(sql).await?;
        let (app, to) = (big(self.resend.app.number()), free(&self.resend.to));
        row::number(&client.query_one(&statement, &[&streams, &positions, &app, &to]).await?, 0)
    }

    async fn decide(&self, _: &ClientWrapper, _: Vec<Row>, new: u64) -> Result<(u64, Vec<Write>), Trouble> {
        if new == 0 {
            return Ok((0, Vec::new()));
        }
        let (streams, positions) = self.places();
        let write = statement!(
            "INSERT INTO baton.resends (stream, app, destination, position, at)
             SELECT stream, $3, $4, position, $5 FROM unnest($1::integer[], $2::bigint[]) AS new (stream, position)
             ON CONFLICT DO NOTHING",
            streams,
            positions,
            big(self.resend.app.number()),
            free(&self.resend.to),
            self.resend.at.0,
        );
        Ok((new, vec![write]))
    }
}
