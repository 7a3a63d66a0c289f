//! Everything that is kept of delivery: cursors, what is parked, given up and to be sent again, and how tries went.

use std::collections::BTreeMap;
use std::sync::Arc;

use baton_rules::{AppId, Timestamp};
use tokio_postgres::Row;

use super::read::{Reader, Values};
use super::row::{self, JOURNAL, app_in, at_most, big, chain_in, number, position, stream_in, text_in, time};
use super::trouble::Trouble;
use crate::rows::{damaged, hears};
use crate::{
    Attempt, Cursor, DeadLetter, DeliveryHealth, DeliveryState, Errands, JournalRow, Lag, Parked, Place,
    Position, Slice, Stream, Tried, attempt,
};

impl Reader {
    /// Rows of a stream that an app hears, after a position.
    pub(super) async fn slice(
        &self,
        app: AppId,
        stream: Stream,
        after: Position,
        limit: usize,
    ) -> Result<Slice, Trouble> {
        let sql = format!(
            "SELECT {JOURNAL} FROM baton.journal WHERE stream = $1 AND position > $2 ORDER BY position LIMIT $3"
        );
        let rows = self.rows(&sql, &[&row::stream(stream), &big(after.0), &at_most(limit)]).await?;
        let scanned = match last_of(&rows)? {
            Some(last) => last,
            None => self.deleted_up_to(stream, after).await?,
        };
        Ok(Slice { rows: heard_by(app, stream, &rows)?, scanned })
    }

    /// Up to where everything after a position is deleted: the stream's head, or the position itself where rows follow.
    async fn deleted_up_to(&self, stream: Stream, after: Position) -> Result<Position, Trouble> {
        // One statement, so that nothing is committed between its parts.
        let sql = "SELECT greatest(head, $2) FROM baton.streams WHERE stream = $1
                       AND NOT EXISTS (SELECT FROM baton.journal WHERE stream = $1 AND position > $2)";
        let rows = self.rows(sql, &[&row::stream(stream), &big(after.0)]).await?;
        Ok(last_of(&rows)?.unwrap_or(after))
    }

    pub(super) async fn read_back(
        &self,
        app: AppId,
        stream: Stream,
        before: Position,
        limit: usize,
    ) -> Result<Slice, Trouble> {
        // One that delivery never began for has no start, and no row stands after that.
        let sql = format!(
            "SELECT {JOURNAL} FROM baton.journal WHERE stream = $1 AND position < $2
                 AND position > (SELECT start FROM baton.cursors WHERE stream = $1 AND app = $3)
             ORDER BY position DESC LIMIT $4"
        );
        let end = i64::try_from(before.0).unwrap_or(i64::MAX);
        let values: Values<'_> = &[&row::stream(stream), &end, &big(app.number()), &at_most(limit)];
        let rows = self.rows(&sql, values).await?;
        let last = last_of(&rows)?.filter(|_| rows.len() >= limit);
        let scanned = if limit == 0 { before } else { last.unwrap_or(Position(0)) };
        Ok(Slice { rows: heard_by(app, stream, &rows)?, scanned })
    }

    pub(super) async fn lag(
        &self,
        app: AppId,
        stream: Stream,
        after: Position,
        limit: usize,
    ) -> Result<Lag, Trouble> {
        let sql = "SELECT position, meta, at FROM baton.journal WHERE stream = $1 AND position > $2
                   ORDER BY position LIMIT $3";
        let rows = self.rows(sql, &[&row::stream(stream), &big(after.0), &at_most(limit)]).await?;
        let scanned = match last_of(&rows)? {
            Some(last) => last,
            None => self.deleted_up_to(stream, after).await?,
        };
        let mut lag = Lag { scanned, ..Lag::default() };
        for row in &rows {
            if is_for(app, stream, row)? {
                lag.events += 1;
                lag.oldest = lag.oldest.or(Some(time(row, 2)?));
            }
        }
        Ok(lag)
    }

    pub(super) async fn cursors(&self, app: AppId) -> Result<Vec<Cursor>, Trouble> {
        let sql = "SELECT stream, served FROM baton.cursors WHERE app = $1 ORDER BY stream";
        let rows = self.rows(sql, &[&big(app.number())]).await?;
        let cursors =
            rows.iter().map(|row| Ok(Cursor { app, stream: stream_in(row, 0)?, served: position(row, 1)? }));
        cursors.collect()
    }

    pub(super) async fn parked(&self, app: AppId) -> Result<Vec<Parked>, Trouble> {
        let sql = "SELECT stream, chain, next, attempts, since, due FROM baton.parked
                   WHERE app = $1 ORDER BY due, stream, chain";
        let rows = self.rows(sql, &[&big(app.number())]).await?;
        let parked = rows.iter().map(|row| {
            Ok(Parked {
                app,
                stream: stream_in(row, 0)?,
                chain: chain_in(row, 1, "parked")?,
                next: position(row, 2)?,
                attempts: tries(row, 3)?,
                since: time(row, 4)?,
                due: time(row, 5)?,
            })
        });
        parked.collect()
    }

    pub(super) async fn dead_letters(
        &self,
        app: AppId,
        before: Option<(Timestamp, Place)>,
        limit: usize,
    ) -> Result<Vec<DeadLetter>, Trouble> {
        let newest = "SELECT stream, chain, position, at, attempts, reason, expired FROM baton.dead_letters
                      WHERE app = $1 ORDER BY at DESC, stream DESC, position DESC LIMIT $2";
        let older = "SELECT stream, chain, position, at, attempts, reason, expired FROM baton.dead_letters
                     WHERE app = $1 AND (at, stream, position) < ($3, $4, $5)
                     ORDER BY at DESC, stream DESC, position DESC LIMIT $2";
        let (id, most) = (big(app.number()), at_most(limit));
        let rows = match before {
            None => self.rows(newest, &[&id, &most]).await?,
            Some((at, Place { stream, position })) => {
                let place = (row::stream(stream), big(position.0));
                self.rows(older, &[&id, &most, &at.0, &place.0, &place.1]).await?
            }
        };
        rows.iter().map(|row| dead_letter(app, row)).collect()
    }

    /// What became of events: three questions, however many events.
    pub(super) async fn tried(&self, app: AppId, places: &[Place]) -> Result<Vec<Tried>, Trouble> {
        let id = big(app.number());
        let streams: Vec<i32> = places.iter().map(|place| row::stream(place.stream)).collect();
        let positions: Vec<i64> = places.iter().map(|place| big(place.position.0)).collect();
        let buckets: Vec<i64> = places.iter().map(|place| big(attempt::bucket(place.position))).collect();
        let attempts = "SELECT DISTINCT attempts.stream, attempts.bucket, number, tries
                        FROM unnest($2::integer[], $3::bigint[]) AS asked (stream, bucket)
                        JOIN baton.attempts ON attempts.stream = asked.stream AND app = $1
                            AND attempts.bucket = asked.bucket
                        ORDER BY number";
        let dead = "SELECT dead.stream, chain, dead.position, at, attempts, reason, expired
                    FROM unnest($2::integer[], $3::bigint[]) AS asked (stream, position)
                    JOIN baton.dead_letters AS dead ON dead.stream = asked.stream AND app = $1
                        AND dead.position = asked.position";
        let again = "SELECT resends.stream, resends.position
                     FROM unnest($2::integer[], $3::bigint[]) AS asked (stream, position)
                     JOIN baton.resends ON resends.stream = asked.stream AND app = $1 AND destination = ''
                         AND resends.position = asked.position";
        let attempts = self.rows(attempts, &[&id, &streams, &buckets]).await?;
        let dead = self.rows(dead, &[&id, &streams, &positions]).await?;
        let again = self.rows(again, &[&id, &streams, &positions]).await?;
        let mut found: BTreeMap<Place, Tried> = BTreeMap::new();
        for place in places {
            let none = Tried { place: *place, attempts: Vec::new(), dead: None, again: false };
            found.insert(*place, none);
        }
        for row in &attempts {
            for one in decode_attempts(app, row)? {
                found.entry(one.place).and_modify(|tried| tried.attempts.push(one));
            }
        }
        for row in &dead {
            let dead = dead_letter(app, row)?;
            found.entry(dead.place()).and_modify(|tried| tried.dead = Some(dead));
        }
        for row in &again {
            let place = Place { stream: stream_in(row, 0)?, position: position(row, 1)? };
            found.entry(place).and_modify(|tried| tried.again = true);
        }
        Ok(places.iter().filter_map(|place| found.get(place).cloned()).collect())
    }

    pub(super) async fn state(&self, app: AppId) -> Result<DeliveryState, Trouble> {
        let id = big(app.number());
        let counts = "SELECT (SELECT count(*) FROM baton.parked WHERE app = $1),
                          count(*) FILTER (WHERE NOT expired), count(*) FILTER (WHERE expired)
                      FROM baton.dead_letters WHERE app = $1";
        let again = "SELECT destination, count(*) FROM baton.resends WHERE app = $1
                     GROUP BY destination ORDER BY destination";
        let health = "SELECT document FROM baton.delivery_health WHERE app = $1";
        let counts = self.rows(counts, &[&id]).await?;
        let again = self.rows(again, &[&id]).await?;
        let health = self.rows(health, &[&id]).await?;
        let mut state = DeliveryState::default();
        if let Some(row) = counts.first() {
            (state.parked, state.dead, state.expired) = (number(row, 0)?, number(row, 1)?, number(row, 2)?);
        }
        for row in &again {
            state.again.push((text_in(row, 0, "resends")?, number(row, 1)?));
        }
        if let Some(row) = health.first() {
            let health = serde_json::from_str::<DeliveryHealth>(row.try_get(0)?);
            state.health = health.map_err(|wrong| damaged("delivery_health", "document", app, wrong))?;
        }
        Ok(state)
    }

    pub(super) async fn resends(
        &self,
        app: AppId,
        to: &str,
        stream: Stream,
        after: Position,
        limit: usize,
    ) -> Result<Slice, Trouble> {
        // One that is not there any more was given up for its age; it is passed over all the same.
        let sql = "SELECT asked.position, meta, chain, previous, at, whole, reduced, context
                   FROM (SELECT position FROM baton.resends
                       WHERE stream = $1 AND app = $2 AND destination = $3 AND position > $4
                       ORDER BY position LIMIT $5) AS asked
                   LEFT JOIN baton.journal ON stream = $1 AND journal.position = asked.position
                   ORDER BY asked.position";
        let (id, to) = (big(app.number()), row::free(to));
        let values: Values<'_> = &[&row::stream(stream), &id, &to, &big(after.0), &at_most(limit)];
        let rows = self.rows(sql, values).await?;
        let mut slice = Slice { rows: Vec::new(), scanned: last_of(&rows)?.unwrap_or(after) };
        for row in &rows {
            if row.try_get::<_, Option<&[u8]>>(1)?.is_some() {
                slice.rows.push(Arc::new(row::journal(stream, row)?));
            }
        }
        Ok(slice)
    }

    /// What is to be sent again, in the streams that this process delivers.
    pub(super) async fn errands(&self, held: Option<Vec<Stream>>) -> Result<Errands, Trouble> {
        let sql = "SELECT DISTINCT app, destination FROM baton.resends
                   WHERE $1::integer[] IS NULL OR stream = ANY ($1)";
        let rows = self.rows(sql, &[&row::streams(held)]).await?;
        let errands = rows.iter().map(|row| {
            let app = app_in(row, 0, "resends")?;
            let app = app.ok_or_else(|| damaged("resends", "app", "?", "is missing"))?;
            Ok((app, text_in(row, 1, "resends")?))
        });
        errands.collect()
    }
}

fn last_of(rows: &[Row]) -> Result<Option<Position>, Trouble> {
    rows.last().map(|row| position(row, 0)).transpose()
}

/// Those of some rows that an app hears. Most are other apps': they are passed over without being read.
fn heard_by(app: AppId, stream: Stream, rows: &[Row]) -> Result<Vec<Arc<JournalRow>>, Trouble> {
    let mut heard = Vec::new();
    for row in rows {
        if is_for(app, stream, row)? {
            heard.push(Arc::new(row::journal(stream, row)?));
        }
    }
    Ok(heard)
}

/// Whether a row, its position and its meta first, is for an app to hear.
fn is_for(app: AppId, stream: Stream, row: &Row) -> Result<bool, Trouble> {
    let position = position(row, 0)?;
    let place = Place { stream, position };
    Ok(hears(row.try_get(1)?, app).map_err(|wrong| damaged("journal", "meta", place, wrong))?)
}

fn tries(row: &Row, column: usize) -> Result<u32, Trouble> {
    Ok(u32::try_from(number(row, column)?).unwrap_or(u32::MAX))
}

fn dead_letter(app: AppId, row: &Row) -> Result<DeadLetter, Trouble> {
    Ok(DeadLetter {
        app,
        stream: stream_in(row, 0)?,
        chain: chain_in(row, 1, "dead_letters")?,
        position: position(row, 2)?,
        at: time(row, 3)?,
        attempts: tries(row, 4)?,
        reason: text_in(row, 5, "dead_letters")?,
        expired: row.try_get(6)?,
    })
}

fn decode_attempts(app: AppId, row: &Row) -> Result<Vec<Attempt>, Trouble> {
    let (stream, bucket) = (stream_in(row, 0)?, number(row, 1)?);
    let place = || format!("{}/{app}/{bucket}", stream.0);
    let attempts = attempt::decode(app, stream, bucket, row.try_get(3)?);
    Ok(attempts.map_err(|wrong| damaged("attempts", "tries", place(), wrong))?)
}
