//! Everything that is kept of delivery: cursors, what is parked, given up and to be sent again, and how tries went.

use std::sync::Arc;

use baton_rules::{AppId, Timestamp};
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::read::{self, JOURNAL, all, at_most, chain_in, journal_id, journal_row, position_of};
use super::trouble::Trouble;
use super::write::Tx;
use crate::rows::{chain_text, damaged, hears};
use crate::{
    Attempt, Cursor, DeadLetter, DeliveryHealth, DeliveryState, JournalRow, Lag, Parked, Place, Position,
    Resend, Resent, Round, Slice, Stream, Tried, attempt,
};

pub(super) fn cursors(db: &Connection, app: AppId) -> Result<Vec<Cursor>, Trouble> {
    let sql = "SELECT cursors.stream, served FROM streams JOIN cursors
                   ON cursors.stream = streams.stream AND cursors.app = ?1
               ORDER BY streams.stream";
    all(db, sql, [app.number()], |row| {
        Ok(Cursor { app, stream: Stream(row.get(0)?), served: Position(row.get(1)?) })
    })
}

pub(super) fn parked(db: &Connection, app: AppId) -> Result<Vec<Parked>, Trouble> {
    let sql = "SELECT stream, chain, next, attempts, since, due FROM parked
               WHERE app = ?1 ORDER BY due, stream, chain";
    all(db, sql, [app.number()], |row| {
        Ok(Parked {
            app,
            stream: Stream(row.get(0)?),
            chain: chain_in(row, 1, "parked")?,
            next: Position(row.get(2)?),
            attempts: row.get(3)?,
            since: Timestamp(row.get(4)?),
            due: Timestamp(row.get(5)?),
        })
    })
}

pub(super) fn dead_letters(
    db: &Connection,
    app: AppId,
    before: Option<(Timestamp, Place)>,
    limit: usize,
) -> Result<Vec<DeadLetter>, Trouble> {
    let newest = "SELECT stream, chain, position, at, attempts, reason, expired FROM dead_letters
                  WHERE app = ?1 ORDER BY at DESC, stream DESC, position DESC LIMIT ?2";
    let older = "SELECT stream, chain, position, at, attempts, reason, expired FROM dead_letters
                 WHERE app = ?1 AND (at, stream, position) < (?3, ?4, ?5)
                 ORDER BY at DESC, stream DESC, position DESC LIMIT ?2";
    let (id, most) = (app.number(), at_most(limit));
    match before {
        None => all(db, newest, params![id, most], |row| dead_letter(app, row)),
        Some((at, Place { stream, position })) => {
            all(db, older, params![id, most, at.0, stream.0, position.0], |row| dead_letter(app, row))
        }
    }
}

fn dead_letter(app: AppId, row: &Row<'_>) -> Result<DeadLetter, Trouble> {
    Ok(DeadLetter {
        app,
        stream: Stream(row.get(0)?),
        chain: chain_in(row, 1, "dead_letters")?,
        position: Position(row.get(2)?),
        at: Timestamp(row.get(3)?),
        attempts: row.get(4)?,
        reason: row.get(5)?,
        expired: row.get(6)?,
    })
}

/// Where delivery to an app began in a stream; none where it did not.
fn start(db: &Connection, app: AppId, stream: Stream) -> Result<Option<Position>, Trouble> {
    let mut statement = db.prepare_cached("SELECT start FROM cursors WHERE stream = ?1 AND app = ?2")?;
    let start = statement.query_row(params![stream.0, app.number()], |row| row.get(0)).optional()?;
    Ok(start.map(Position))
}

pub(super) fn read_back(
    db: &Connection,
    app: AppId,
    stream: Stream,
    before: Position,
    limit: usize,
) -> Result<Slice, Trouble> {
    let Some(start) = start(db, app, stream)? else {
        return Ok(Slice { rows: Vec::new(), scanned: Position(0) });
    };
    let sql = format!("SELECT {JOURNAL} FROM journal WHERE id > ?1 AND id < ?2 ORDER BY id DESC LIMIT ?3");
    let mut statement = db.prepare_cached(&sql)?;
    let range = (journal_id(stream, start), journal_id(stream, before));
    let mut rows = statement.query(params![range.0, range.1, at_most(limit)])?;
    let mut slice = Slice { rows: Vec::new(), scanned: before };
    let mut looked = 0;
    while let Some(row) = rows.next()? {
        if is_for(app, row)? {
            slice.rows.push(Arc::new(journal_row(row)?));
        }
        slice.scanned = position_of(row.get(0)?);
        looked += 1;
    }
    if looked < limit {
        slice.scanned = Position(0);
    }
    Ok(slice)
}

/// Whether a row, its id and its meta first, is for an app to hear.
fn is_for(app: AppId, row: &Row<'_>) -> Result<bool, Trouble> {
    let id: u64 = row.get(0)?;
    let meta = row.get_ref(1)?.as_blob().unwrap_or_default();
    Ok(hears(meta, app).map_err(|wrong| damaged("journal", "meta", read::place(id), wrong))?)
}

pub(super) fn lag(
    db: &Connection,
    app: AppId,
    stream: Stream,
    after: Position,
    limit: usize,
) -> Result<Lag, Trouble> {
    let sql = "SELECT id, meta, at FROM journal WHERE id > ?1 AND id < ?2 ORDER BY id LIMIT ?3";
    let mut statement = db.prepare_cached(sql)?;
    let end = journal_id(Stream(stream.0 + 1), Position(0));
    let mut rows = statement.query(params![journal_id(stream, after), end, at_most(limit)])?;
    let mut lag = Lag { scanned: after, ..Lag::default() };
    while let Some(row) = rows.next()? {
        if is_for(app, row)? {
            lag.events += 1;
            lag.oldest = lag.oldest.or(Some(Timestamp(row.get(2)?)));
        }
        lag.scanned = position_of(row.get(0)?);
    }
    if lag.scanned == after {
        lag.scanned = read::deleted_up_to(db, stream, after)?;
    }
    Ok(lag)
}

pub(super) fn tried(db: &Connection, app: AppId, places: &[Place]) -> Result<Vec<Tried>, Trouble> {
    let dead = "SELECT stream, chain, position, at, attempts, reason, expired FROM dead_letters
                WHERE stream = ?1 AND app = ?2 AND position = ?3";
    let again = "SELECT 1 FROM resends
                 WHERE app = ?1 AND destination = '' AND stream = ?2 AND position = ?3";
    let mut found = Vec::with_capacity(places.len());
    for place in places {
        let (stream, position) = (place.stream, place.position);
        let mut attempts = attempts(db, app, stream, attempt::bucket(position))?;
        attempts.retain(|attempt| attempt.place == *place);
        let key = params![stream.0, app.number(), position.0];
        let dead = all(db, dead, key, |row| dead_letter(app, row))?.pop();
        let again = db.prepare_cached(again)?.exists(params![app.number(), stream.0, position.0])?;
        found.push(Tried { place: *place, attempts, dead, again });
    }
    Ok(found)
}

fn attempts(db: &Connection, app: AppId, stream: Stream, bucket: u64) -> Result<Vec<Attempt>, Trouble> {
    let sql = "SELECT number, tries FROM attempts
               WHERE stream = ?1 AND app = ?2 AND bucket = ?3 ORDER BY number";
    let some = all(db, sql, params![stream.0, app.number(), bucket], |row| {
        let number: u64 = row.get(0)?;
        let tries = row.get_ref(1)?.as_blob().unwrap_or_default();
        let id = || format!("{}/{app}/{bucket}/{number}", stream.0);
        Ok(attempt::decode(app, stream, bucket, tries)
            .map_err(|wrong| damaged("attempts", "tries", id(), wrong))?)
    })?;
    Ok(some.into_iter().flatten().collect())
}

pub(super) fn state(db: &Connection, app: AppId) -> Result<DeliveryState, Trouble> {
    let id = app.number();
    let count = |sql: &str| -> Result<u64, Trouble> {
        Ok(db.prepare_cached(sql)?.query_row([id], |row| row.get(0))?)
    };
    let again = "SELECT destination, count(*) FROM resends WHERE app = ?1 GROUP BY destination";
    Ok(DeliveryState {
        health: health(db, app)?,
        parked: count("SELECT count(*) FROM parked WHERE app = ?1")?,
        dead: count("SELECT count(*) FROM dead_letters WHERE app = ?1 AND expired = 0")?,
        expired: count("SELECT count(*) FROM dead_letters WHERE app = ?1 AND expired = 1")?,
        again: all(db, again, [id], |row| Ok((row.get(0)?, row.get(1)?)))?,
    })
}

fn health(db: &Connection, app: AppId) -> Result<DeliveryHealth, Trouble> {
    let mut statement = db.prepare_cached("SELECT document FROM delivery_health WHERE app = ?1")?;
    let document: Option<String> = statement.query_row([app.number()], |row| row.get(0)).optional()?;
    let Some(document) = document else { return Ok(DeliveryHealth::default()) };
    Ok(serde_json::from_str(&document).map_err(|wrong| damaged("delivery_health", "document", app, wrong))?)
}

pub(super) fn resends(
    db: &Connection,
    app: AppId,
    to: &str,
    stream: Stream,
    after: Position,
    limit: usize,
) -> Result<Slice, Trouble> {
    let sql = "SELECT position FROM resends
               WHERE app = ?1 AND destination = ?2 AND stream = ?3 AND position > ?4
               ORDER BY position LIMIT ?5";
    let key = params![app.number(), to, stream.0, after.0, at_most(limit)];
    let positions = all(db, sql, key, |row| Ok(Position(row.get(0)?)))?;
    let mut slice = Slice { rows: Vec::new(), scanned: after };
    let mut bytes = 0;
    for position in positions {
        // One that is not there any more was given up for its age.
        let row = read::row(db, stream, position)?;
        bytes += row.as_ref().map_or(0, JournalRow::weight);
        slice.rows.extend(row.map(Arc::new));
        slice.scanned = position;
        if bytes >= read::SLICE_BYTES {
            break;
        }
    }
    Ok(slice)
}

pub(super) fn errands(db: &Connection) -> Result<Vec<(AppId, Box<str>)>, Trouble> {
    let sql = "SELECT DISTINCT app, destination FROM resends";
    all(db, sql, [], |row| {
        let number: u64 = row.get(0)?;
        let app = AppId::new(number).ok_or_else(|| damaged("resends", "app", number, "is not an app id"))?;
        Ok((app, row.get(1)?))
    })
}

impl Tx<'_> {
    /// The outcome of a delivery round. An app that was deleted meanwhile gets nothing again; of one that was
    /// made again, what was before is passed over.
    pub(super) fn settle(&mut self, round: &Round) -> Result<(), Trouble> {
        let settings = Arc::clone(&self.state.settings);
        let known = |app: AppId| settings.app(app).is_some();
        round
            .cursors
            .iter()
            .filter(|cursor| known(cursor.app))
            .try_for_each(|cursor| self.move_to(cursor))?;
        for (app, stream, chain) in &round.unpark {
            let sql = "DELETE FROM parked WHERE stream = ?1 AND app = ?2 AND chain = ?3";
            self.run(sql, params![stream.0, app.number(), chain_text(chain)])?;
        }
        round.park.iter().filter(|parked| known(parked.app)).try_for_each(|parked| self.park(parked))?;
        round.resent.iter().try_for_each(|resent| self.resent(resent))?;
        round.dead.iter().filter(|dead| known(dead.app)).try_for_each(|dead| self.dead_letter(dead))?;
        for ((app, stream, bucket), attempts) in attempt::sorted(&round.attempts) {
            let sql = "INSERT INTO attempts (stream, app, bucket, number, tries)
                       SELECT ?1, ?2, ?3, coalesce(max(number), 0) + 1, ?4 FROM attempts
                       WHERE stream = ?1 AND app = ?2 AND bucket = ?3";
            let tries = attempt::encode(&attempts)?;
            self.run(sql, params![stream.0, app.number(), bucket, tries])?;
        }
        for (app, health) in round.health.iter().filter(|(app, _)| known(*app)) {
            // Plain data: it cannot fail to be written as JSON.
            let document = serde_json::to_string(health).unwrap_or_default();
            let sql = "INSERT OR REPLACE INTO delivery_health (app, document) VALUES (?1, ?2)";
            self.run(sql, params![app.number(), document])?;
        }
        Ok(())
    }

    fn move_to(&self, cursor: &Cursor) -> Result<(), Trouble> {
        let sql = "INSERT INTO cursors (stream, app, served) VALUES (?1, ?2, ?3)
                   ON CONFLICT (stream, app) DO UPDATE SET served = max(served, excluded.served)";
        self.run(sql, params![cursor.stream.0, cursor.app.number(), cursor.served.0])
    }

    fn park(&self, parked: &Parked) -> Result<(), Trouble> {
        let sql = "INSERT OR REPLACE INTO parked (stream, app, chain, next, attempts, since, due)
                   SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7 WHERE ?4 > coalesce(
                       (SELECT start FROM cursors WHERE stream = ?1 AND app = ?2), 0)";
        self.run(
            sql,
            params![
                parked.stream.0,
                parked.app.number(),
                chain_text(&parked.chain),
                parked.next.0,
                parked.attempts,
                parked.since.0,
                parked.due.0,
            ],
        )
    }

    fn dead_letter(&self, dead: &DeadLetter) -> Result<(), Trouble> {
        let sql =
            "INSERT OR REPLACE INTO dead_letters (stream, app, position, chain, at, attempts, reason, expired)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
        self.run(
            sql,
            params![
                dead.stream.0,
                dead.app.number(),
                dead.position.0,
                chain_text(&dead.chain),
                dead.at.0,
                dead.attempts,
                dead.reason,
                dead.expired,
            ],
        )
    }

    fn resent(&self, resent: &Resent) -> Result<(), Trouble> {
        let (app, place) = (resent.app.number(), resent.place);
        let sql = "DELETE FROM resends
                   WHERE app = ?1 AND destination = ?2 AND stream = ?3 AND position = ?4";
        self.run(sql, params![app, resent.to, place.stream.0, place.position.0])?;
        if resent.arrived && resent.to.is_empty() {
            let sql = "DELETE FROM dead_letters WHERE stream = ?1 AND app = ?2 AND position = ?3";
            self.run(sql, params![place.stream.0, app, place.position.0])?;
        }
        Ok(())
    }

    pub(super) fn resend(&mut self, resend: &Resend) -> Result<u64, Trouble> {
        if self.state.settings.app(resend.app).is_none() {
            return Ok(0);
        }
        let sql = "INSERT INTO resends (app, destination, stream, position, at) VALUES (?1, ?2, ?3, ?4, ?5)
                   ON CONFLICT DO NOTHING";
        let mut statement = self.db.prepare_cached(sql)?;
        let mut new = 0;
        for Place { stream, position } in &resend.places {
            let row = params![resend.app.number(), resend.to, stream.0, position.0, resend.at.0];
            new += u64::try_from(statement.execute(row)?).unwrap_or_default();
        }
        Ok(new)
    }

    /// Forgets what is kept of the delivery to an app, but its cursors. How tries went is forgotten with the rows
    /// that they were for.
    pub(super) fn forget_delivery(&self, app: u64) -> Result<(), Trouble> {
        self.run("DELETE FROM parked WHERE app = ?1", [app])?;
        self.run("DELETE FROM dead_letters WHERE app = ?1", [app])?;
        self.run("DELETE FROM resends WHERE app = ?1", [app])?;
        self.run("DELETE FROM delivery_health WHERE app = ?1", [app])
    }
}
