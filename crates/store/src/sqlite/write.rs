//! Every statement that writes. All of it runs inside a transaction of the writer's.

use std::collections::HashMap;
use std::sync::Arc;

use baton_rules::{AppId, ThreadKey, Timestamp};
use rusqlite::{Connection, params};
use serde::Serialize;

use super::assets;
use super::folding::Threads;
use super::read;
use super::trouble::Trouble;
use crate::rows::{chain_text, encode_meta, side, thread_text};
use crate::settings::has_first_address;
use crate::{
    Announce, AssetChange, Batch, Chain, Change, Changing, Configured, ControlRow, Counted, Decide, Due,
    Found, JournalRow, KeptClock, Person, Position, Remembered, Seen, SeenKey, Settings, SettingsRefused,
    StoreError, Stream, Wanted, check,
};

/// What the writer knows without reading, inside of a transaction as after it.
#[derive(Clone, Debug)]
pub(super) struct State {
    pub(super) heads: Vec<Head>,
    pub(super) settings: Arc<Settings>,
}

/// Where a stream ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) position: Position,
    pub(super) last_at: Timestamp,
}

impl State {
    pub(super) fn positions(&self) -> Vec<Position> {
        self.heads.iter().map(|head| head.position).collect()
    }

    fn streams(&self) -> u16 {
        u16::try_from(self.heads.len()).unwrap_or(u16::MAX)
    }
}

/// An open transaction.
pub(super) struct Tx<'a> {
    pub(super) db: &'a Connection,
    pub(super) state: &'a mut State,
    pub(super) threads: &'a mut Threads,
}

impl Tx<'_> {
    /// Counts what is changed.
    pub(super) fn changes(&self) -> u64 {
        self.db.total_changes() + self.threads.changes()
    }

    /// Reads, decides, writes. What can be wrong with a decision is found before anything is written.
    pub(super) fn commit(
        &mut self,
        stream: Stream,
        wanted: &Wanted,
        decide: &Decide,
    ) -> Result<Batch, Trouble> {
        let index = usize::from(stream.0);
        let head = *self.state.heads.get(index).ok_or_else(|| no_stream(stream))?;
        let found = self.found(stream, head, wanted)?;
        let batch = decide(&found);
        check::batch(&batch, stream, self.state.streams(), head.position)?;
        if check::is_empty(&batch) {
            return Ok(batch);
        }
        self.write(stream, &batch, &found)?;
        let moved = Head {
            position: batch.rows.last().map_or(head.position, |row| row.position),
            last_at: batch.rows.iter().map(|row| row.at).fold(found.now, Timestamp::max),
        };
        if let Some(head) = self.state.heads.get_mut(index) {
            *head = moved;
        }
        Ok(batch)
    }

    fn found(&self, stream: Stream, head: Head, wanted: &Wanted) -> Result<Found, Trouble> {
        let now = wanted.now.unwrap_or(head.last_at).max(head.last_at);
        let mut threads = HashMap::with_capacity(wanted.threads.len());
        for key in &wanted.threads {
            if let Some(remembered) = self.threads.find(self.db, stream, key)? {
                threads.insert(key.clone(), remembered);
            }
        }
        let mut seen = HashMap::with_capacity(wanted.seen.len());
        for key in &wanted.seen {
            let kept = read::seen(self.db, stream, key)?;
            if let Some(kept) = kept.filter(|kept| check::seen_counts(kept.at, now)) {
                seen.insert(key.clone(), kept);
            }
        }
        let mut due = HashMap::new();
        // Hardly any thread holds something back, so hardly any is asked for.
        for (key, _) in threads.iter().filter(|(_, kept): &(_, &Remembered)| kept.thread.held > 0) {
            due.insert(key.clone(), read::due_of(self.db, stream, key)?);
        }
        let mut ends = HashMap::new();
        for chain in &wanted.chains {
            ends.extend(read::end(self.db, chain)?.map(|end| (chain.clone(), end)));
        }
        let mut kept = HashMap::new();
        for key in &wanted.assets {
            kept.extend(assets::asset(self.db, key)?.map(|asset| (key.clone(), asset)));
        }
        let settings = Arc::clone(&self.state.settings);
        Ok(Found { now, settings, head: head.position, threads, seen, due, ends, assets: kept })
    }

    fn write(&mut self, stream: Stream, batch: &Batch, found: &Found) -> Result<(), Trouble> {
        for row in &batch.rows {
            self.journal(stream, row)?;
        }
        for row in &batch.control {
            self.control(stream, row)?;
        }
        for (key, seen) in &batch.seen {
            self.seen(stream, key, seen)?;
        }
        if !batch.seen.is_empty() {
            self.forget_seen(found.now, batch.seen.len())?;
        }
        for due in &batch.due {
            self.due(stream, due)?;
        }
        for (key, number) in &batch.undue {
            self.undue(stream, key, *number)?;
        }
        for counted in &batch.counted {
            self.count(stream, counted)?;
        }
        for row in check::page_rows(batch) {
            self.end_of_chain(row)?;
        }
        assets::change(self.db, &batch.assets)?;
        // Last, because what failed must leave nothing of it.
        self.threads.change(self.db, stream, &batch.threads, found)
    }

    /// Writes the heads that moved in this transaction: once, however many batches moved them.
    pub(super) fn move_heads(&self, before: &State) -> Result<(), Trouble> {
        let moved = self.state.heads.iter().zip(&before.heads).enumerate();
        for (stream, (head, _)) in moved.filter(|(_, (now, before))| now != before) {
            let sql = "UPDATE streams SET head = ?2, last_at = ?3 WHERE stream = ?1";
            self.run(sql, params![stream, head.position.0, head.last_at.0])?;
        }
        Ok(())
    }

    pub(super) fn run(&self, sql: &str, values: impl rusqlite::Params) -> Result<(), Trouble> {
        self.db.prepare_cached(sql)?.execute(values)?;
        Ok(())
    }

    fn journal(&self, stream: Stream, row: &JournalRow) -> Result<(), Trouble> {
        let sql = "INSERT INTO journal (id, chain, previous, at, meta, whole, reduced, context)
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
        self.run(
            sql,
            params![
                read::journal_id(stream, row.position),
                row.chain.as_ref().map(chain_text),
                row.previous.map(|previous| previous.0),
                row.at.0,
                encode_meta(row)?,
                row.whole.as_ref(),
                row.reduced.as_deref(),
                row.context.as_deref(),
            ],
        )
    }

    fn control(&self, stream: Stream, row: &ControlRow) -> Result<(), Trouble> {
        let sql =
            "INSERT INTO control (stream, thread, at, position, rule, via, cause, by, owner_from, owner_to,
                       expires_at, metadata, refused, number)
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13,
                       iif(?13 IS NULL, 0, 1 + (SELECT coalesce(max(number), 0) FROM control
                           WHERE stream = ?1 AND thread = ?2 AND at = ?3 AND position = ?4)))";
        self.run(
            sql,
            params![
                stream.0,
                thread_text(&row.thread),
                row.at.0,
                row.position.0,
                row.rule,
                row.via,
                row.cause.name(),
                row.by.map(AppId::number),
                row.from.map(AppId::number),
                row.to.map(AppId::number),
                row.expires_at.map(|at| at.0),
                row.metadata,
                row.refused,
            ],
        )
    }

    fn seen(&self, stream: Stream, (thread, key): &SeenKey, seen: &Seen) -> Result<(), Trouble> {
        let sql = "INSERT INTO seen (stream, thread, key, at, fingerprint, answer)
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6)
                   ON CONFLICT (stream, thread, key) DO UPDATE SET
                       at = excluded.at, fingerprint = excluded.fingerprint, answer = excluded.answer";
        let values =
            params![stream.0, thread_text(thread), key, seen.at.0, seen.fingerprint, seen.answer.as_ref()];
        self.run(sql, values)
    }

    /// Forgets answers that are too old: more than came, so that it keeps up, and few enough not to be felt.
    fn forget_seen(&self, now: Timestamp, came: usize) -> Result<(), Trouble> {
        let sql = "DELETE FROM seen WHERE (stream, thread, key) IN
                       (SELECT stream, thread, key FROM seen WHERE at <= ?1 ORDER BY at LIMIT ?2)";
        self.run(sql, params![check::seen_until(now).0, 2 * came + 8])
    }

    fn due(&self, stream: Stream, due: &Due) -> Result<(), Trouble> {
        let sql = "INSERT INTO due (stream, thread, number, at, app, content) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
                   ON CONFLICT (stream, thread, number) DO UPDATE SET
                       at = excluded.at, app = excluded.app, content = excluded.content";
        let text = thread_text(&due.thread);
        let content = due.content.as_ref();
        self.run(sql, params![stream.0, text, due.number.0, due.at.0, due.by.number(), content])
    }

    fn undue(&self, stream: Stream, thread: &ThreadKey, number: Position) -> Result<(), Trouble> {
        let sql = "DELETE FROM due WHERE stream = ?1 AND thread = ?2 AND number = ?3";
        self.run(sql, params![stream.0, thread_text(thread), number.0])
    }

    fn count(&self, stream: Stream, counted: &Counted) -> Result<(), Trouble> {
        let sql =
            "INSERT INTO ad_counts (side, ad, stream, entries, conversations) VALUES (?1, ?2, ?3, ?4, ?5)
                   ON CONFLICT (side, ad, stream) DO UPDATE SET
                       entries = entries + excluded.entries,
                       conversations = conversations + excluded.conversations";
        let (side, counts) = (side(counted.page, counted.surface), counted.counts);
        self.run(sql, params![side, counted.ad, stream.0, counts.entries, counts.conversations])
    }

    /// Changes the settings, with a row in every stream and what it tells apps.
    pub(super) fn configure(
        &mut self,
        now: Timestamp,
        change: &Change,
        announce: &Announce,
    ) -> Result<Result<Configured, Vec<SettingsRefused>>, Trouble> {
        let before = Arc::clone(&self.state.settings);
        let wanted = match change(&before) {
            Ok(wanted) => wanted,
            Err(refused) => return Ok(Err(refused)),
        };
        let Some(after) = check::changed(&before, wanted)? else {
            let after = Arc::clone(&before);
            return Ok(Ok(Configured { before, after, positions: Vec::new(), told: Vec::new() }));
        };
        let after = Arc::new(after);
        self.documents(&before, &after)?;
        let mut heads = self.state.heads.clone();
        let (mut positions, mut told) = (Vec::with_capacity(heads.len()), Vec::new());
        for (stream, head) in (0..).map(Stream).zip(&mut heads) {
            let at = head.last_at.max(now);
            let streams = self.state.streams();
            let change = Changing { before: &before, after: &after, stream, streams, at };
            let last = |chain: &Chain| read::end(self.db, chain);
            let rows = check::settings_rows(&change, head.position, announce, last)?;
            let position = head.position.next();
            for row in rows {
                self.journal(stream, &row)?;
                head.position = row.position;
                if row.chain.is_some() {
                    self.end_of_chain(&row)?;
                    told.push((stream, row));
                }
            }
            head.last_at = at;
            positions.push(position);
            for app in &after.apps {
                let sql = "INSERT INTO cursors (stream, app, served, start) VALUES (?1, ?2, ?3, ?3)
                           ON CONFLICT (stream, app) DO NOTHING";
                let anew =
                    "INSERT OR REPLACE INTO cursors (stream, app, served, start) VALUES (?1, ?2, ?3, ?3)";
                let sql = if has_first_address(&before, app) { anew } else { sql };
                self.run(sql, params![stream.0, app.id.number(), position.0])?;
            }
        }
        for app in after.apps.iter().filter(|app| has_first_address(&before, app)) {
            self.forget_delivery(app.id.number())?;
        }
        let rerouted = check::rerouted(&before, &after);
        if !rerouted.is_empty() {
            for ((stream, position), head) in (0u16..).zip(&positions).zip(&heads) {
                let sql = "INSERT INTO changes (version, stream, position, at) VALUES (?1, ?2, ?3, ?4)";
                self.run(sql, params![after.version, stream, position.0, head.last_at.0])?;
            }
        }
        for page in rerouted {
            let document = |settings: &Settings| {
                settings.page(page).map(|document| written(page.number(), document)).transpose()
            };
            let sql = "INSERT INTO past_pages (page, version, before, after) VALUES (?1, ?2, ?3, ?4)";
            self.run(sql, params![page.number(), after.version, document(&before)?, document(&after)?])?;
            // The keys of a page's threads begin with its number and a slash, and a zero comes after the slash.
            let sql = "UPDATE due SET at = min(at, ?1) WHERE thread >= ?2 AND thread < ?3";
            self.run(sql, params![now.0, format!("{page}/"), format!("{page}0")])?;
        }
        self.state.heads = heads;
        self.state.settings = Arc::clone(&after);
        Ok(Ok(Configured { before, after, positions, told }))
    }

    /// A page's chain ends with this row.
    fn end_of_chain(&self, row: &JournalRow) -> Result<(), Trouble> {
        let sql = "INSERT OR REPLACE INTO page_chains (chain, last) VALUES (?1, ?2)";
        self.run(sql, params![row.chain.as_ref().map(chain_text), row.position.0])
    }

    /// Writes the documents that changed, and takes away what is gone.
    fn documents(&self, before: &Settings, after: &Settings) -> Result<(), Trouble> {
        let apps = |settings: &Settings| -> Vec<_> {
            settings.apps.iter().map(|app| (app.id.number(), Arc::clone(app))).collect()
        };
        let pages = |settings: &Settings| -> Vec<_> {
            settings.pages.iter().map(|page| (page.id.number(), Arc::clone(page))).collect()
        };
        let app = "INSERT INTO apps (id, ord, document) VALUES (?1, ?2, ?3)
                   ON CONFLICT (id) DO UPDATE SET ord = excluded.ord, document = excluded.document";
        let page = "INSERT INTO pages (id, ord, document) VALUES (?1, ?2, ?3)
                    ON CONFLICT (id) DO UPDATE SET ord = excluded.ord, document = excluded.document";
        for gone in self.replace(app, &apps(before), &apps(after))? {
            // What the app had not heard yet is heard by nobody: making dead letters of it is a scan of every
            // stream, and is not built.
            self.run("DELETE FROM apps WHERE id = ?1", [gone])?;
            self.run("DELETE FROM cursors WHERE app = ?1", [gone])?;
            self.forget_delivery(gone)?;
        }
        for gone in self.replace(page, &pages(before), &pages(after))? {
            self.run("DELETE FROM pages WHERE id = ?1", [gone])?;
            self.run("DELETE FROM assets WHERE page = ?1", [gone])?;
        }
        self.run("UPDATE meta SET value = ?1 WHERE name = 'settings_version'", [after.version])
    }

    /// Writes what is new, changed or moved, by a statement of (id, ord, document); returns what is gone.
    fn replace<T: PartialEq + Serialize>(
        &self,
        sql: &str,
        before: &[(u64, T)],
        after: &[(u64, T)],
    ) -> Result<Vec<u64>, Trouble> {
        let mut rest: HashMap<u64, (usize, &T)> =
            before.iter().enumerate().map(|(ord, (id, document))| (*id, (ord, document))).collect();
        for (ord, (id, document)) in after.iter().enumerate() {
            if rest.remove(id) != Some((ord, document)) {
                self.run(sql, params![id, ord, written(*id, document)?])?;
            }
        }
        Ok(rest.into_keys().collect())
    }

    pub(super) fn keep_person(
        &mut self,
        stream: Stream,
        key: &ThreadKey,
        person: &Person,
    ) -> Result<(), Trouble> {
        // A person is plain data: it cannot fail to be written as JSON.
        let document = serde_json::to_string(person).unwrap_or_default();
        let sql = "INSERT OR REPLACE INTO people (stream, thread, document) VALUES (?1, ?2, ?3)";
        self.run(sql, params![stream.0, thread_text(key), document])
    }

    pub(super) fn change_assets(&mut self, change: &AssetChange) -> Result<(), Trouble> {
        assets::change(self.db, change)
    }

    pub(super) fn keep_clock(&mut self, clock: KeptClock) -> Result<(), Trouble> {
        let sql = "INSERT OR REPLACE INTO meta (name, value) VALUES (?1, ?2)";
        self.run(sql, params!["clock_offset", clock.offset])?;
        match clock.frozen {
            Some(at) => self.run(sql, params!["clock_frozen", at.0]),
            None => self.run("DELETE FROM meta WHERE name = 'clock_frozen'", []),
        }
    }
}

/// The settings of an app or a page, as they are kept.
fn written(id: u64, document: &impl Serialize) -> Result<String, StoreError> {
    let text = serde_json::to_string(document);
    text.map_err(|error| StoreError::Unavailable(format!("settings of {id} cannot be written: {error}")))
}

fn no_stream(stream: Stream) -> StoreError {
    StoreError::Unavailable(format!("there is no stream {}", stream.0))
}
