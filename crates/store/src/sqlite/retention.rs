//! Deletes what is too old. A file does not shrink by it: its pages are used again.

use std::collections::HashMap;

use baton_rules::{AppId, Timestamp};
use rusqlite::{Connection, OptionalExtension, params};

use super::read::{all, at_most, journal_id, place, position_of};
use super::trouble::Trouble;
use super::write::Tx;
use crate::attempt;
use crate::check::seen_until;
use crate::retention::{Forgotten, Oldest, Sieve, Size, Standings, TooOld};
use crate::rows::{damaged, heard_by};
use crate::{Position, Stream};

/// The first row of each stream, entry of a history, answer to a key.
pub(super) fn oldest(db: &Connection, streams: u16) -> Result<Oldest, Trouble> {
    let first = "SELECT id, at FROM journal WHERE id > ?1 AND id < ?2 ORDER BY id LIMIT 1";
    let mut rows = Vec::with_capacity(usize::from(streams));
    for stream in (0..streams).map(Stream) {
        let (begin, end) = ends(stream);
        let row = db.prepare_cached(first)?.query_row([begin, end], |row| Ok((row.get(0)?, row.get(1)?)));
        rows.push(row.optional()?.map(|(id, at)| (position_of(id), Timestamp(at))));
    }
    let time = |sql: &str| -> Result<Option<Timestamp>, Trouble> {
        let found: Option<i64> = db.prepare_cached(sql)?.query_row([], |row| row.get(0))?;
        Ok(found.map(Timestamp))
    };
    let (control, seen) = (time("SELECT min(at) FROM control")?, time("SELECT min(at) FROM seen")?);
    Ok(Oldest { rows, control, seen })
}

/// The file and the log that is not folded into it yet; what of the file is free.
pub(super) fn size(db: &Connection) -> Result<Size, Trouble> {
    let sql = "SELECT page_count * page_size, freelist_count * page_size
               FROM pragma_page_count(), pragma_page_size(), pragma_freelist_count()";
    let (file, free): (u64, u64) =
        db.prepare_cached(sql)?.query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let log = db.path().map(|path| format!("{path}-wal"));
    let log = log.and_then(|log| std::fs::metadata(log).ok()).map_or(0, |log| log.len());
    Ok(Size { bytes: file + log, free })
}

/// The ids between which a stream's rows are.
fn ends(stream: Stream) -> (u64, u64) {
    (journal_id(stream, Position(0)), journal_id(Stream(stream.0 + 1), Position(0)))
}

impl Tx<'_> {
    /// Deletes the oldest rows of a stream, as far as they are too old and nobody waits for them, and all that hangs on
    /// them.
    pub(super) fn forget(
        &mut self,
        stream: Stream,
        old: &TooOld,
        limit: usize,
    ) -> Result<Forgotten, Trouble> {
        let standings = self.standings(stream)?;
        let mut sieve = Sieve::new(old, &standings);
        let sql = "SELECT id, meta, at, chain FROM journal WHERE id > ?1 AND id < ?2 ORDER BY id LIMIT ?3";
        let (begin, end) = ends(stream);
        let mut looked = 0;
        let mut statement = self.db.prepare_cached(sql)?;
        let mut rows = statement.query(params![begin, end, at_most(limit)])?;
        while let Some(row) = rows.next()? {
            let id: u64 = row.get(0)?;
            let meta = row.get_ref(1)?.as_blob().unwrap_or_default();
            let apps = heard_by(meta).map_err(|wrong| damaged("journal", "meta", place(id), wrong))?;
            let chain = row.get_ref(3)?.as_str_or_null().unwrap_or_default();
            if !sieve.goes((position_of(id), Timestamp(row.get(2)?)), chain, &apps) {
                break;
            }
            looked += 1;
        }
        drop(rows);
        let mut forgotten = sieve.forgotten;
        forgotten.more = looked == limit;
        let Some(gone) = forgotten.up_to else { return Ok(forgotten) };
        self.run("DELETE FROM journal WHERE id > ?1 AND id <= ?2", params![begin, journal_id(stream, gone)])?;
        self.forget_with(stream, gone, &mut forgotten)?;
        Ok(forgotten)
    }

    /// Where apps with an address stand.
    fn standings(&self, stream: Stream) -> Result<Standings, Trouble> {
        let mut standings = Standings::default();
        let settings = &self.state.settings;
        let is_reached = |number: u64| {
            AppId::new(number).filter(|app| settings.app(*app).is_some_and(|app| app.webhook_url.is_some()))
        };
        let served = "SELECT app, served FROM cursors WHERE stream = ?1";
        for (app, served) in all(self.db, served, [stream.0], |row| Ok((row.get(0)?, row.get(1)?)))? {
            standings.served.extend(is_reached(app).map(|app| (app, Position(served))));
        }
        let parked = "SELECT app, chain, next FROM parked WHERE stream = ?1";
        let parked = all(self.db, parked, [stream.0], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
        for (app, chain, next) in parked {
            standings.parked.extend(is_reached(app).map(|app| ((app, chain), Position(next))));
        }
        Ok(standings)
    }

    /// Deletes what is kept of delivery about rows up to one.
    fn forget_with(&self, stream: Stream, gone: Position, forgotten: &mut Forgotten) -> Result<(), Trouble> {
        for app in self.each_app("dead_letters", stream)? {
            let sql = "DELETE FROM dead_letters WHERE stream = ?1 AND app = ?2 AND position <= ?3";
            self.run(sql, params![stream.0, app, gone.0])?;
        }
        for app in self.each_app("attempts", stream)? {
            // Only what has nothing of a row that stays.
            let sql = "DELETE FROM attempts WHERE stream = ?1 AND app = ?2 AND bucket < ?3";
            self.run(sql, params![stream.0, app, attempt::bucket(gone.next())])?;
        }
        let sql = "UPDATE parked SET next = ?2 + 1, attempts = 0 WHERE stream = ?1 AND next <= ?2";
        self.run(sql, params![stream.0, gone.0])?;
        let sql = "DELETE FROM resends WHERE stream = ?1 AND position <= ?2 RETURNING app";
        let mut resends: HashMap<AppId, u64> = HashMap::new();
        for app in all(self.db, sql, params![stream.0, gone.0], |row| Ok(row.get::<_, u64>(0)?))? {
            if let Some(app) = AppId::new(app) {
                *resends.entry(app).or_default() += 1;
            }
        }
        for (app, count) in resends {
            *forgotten.expired.entry(app).or_default() += count;
        }
        Ok(())
    }

    /// The apps of which a table has something in a stream, found without reading it all.
    fn each_app(&self, table: &str, stream: Stream) -> Result<Vec<u64>, Trouble> {
        let sql = format!("SELECT min(app) FROM {table} WHERE stream = ?1 AND app > ?2");
        let mut apps = Vec::new();
        loop {
            let after = apps.last().copied().unwrap_or(0);
            let next: Option<u64> =
                self.db.prepare_cached(&sql)?.query_row(params![stream.0, after], |row| row.get(0))?;
            match next {
                Some(next) => apps.push(next),
                None => return Ok(apps),
            }
        }
    }

    /// Deletes the oldest entries of histories, and answers to keys that no longer count.
    pub(super) fn forget_history(
        &mut self,
        until: Timestamp,
        now: Timestamp,
        limit: usize,
    ) -> Result<u64, Trouble> {
        let sql = "DELETE FROM control WHERE (stream, thread, at, position, number) IN
                       (SELECT stream, thread, at, position, number FROM control
                        WHERE at <= ?1 ORDER BY at LIMIT ?2)";
        let entries = self.db.prepare_cached(sql)?.execute(params![until.0, at_most(limit)])?;
        let sql = "DELETE FROM seen WHERE (stream, thread, key) IN
                       (SELECT stream, thread, key FROM seen WHERE at <= ?1 ORDER BY at LIMIT ?2)";
        let keys = self.db.prepare_cached(sql)?.execute(params![seen_until(now).0, at_most(limit)])?;
        Ok((entries + keys) as u64)
    }
}
