//! A batch of decisions in one stream: what is read for it behind the stream's lock, and what it writes.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use baton_rules::{AppId, ThreadKey, Timestamp};
use bytes::Bytes;
use deadpool_postgres::ClientWrapper;
use tokio_postgres::Row;

use super::Time;
use super::assets::{ASSET, asset, asset_writes};
use super::read::{due_row, stream_of_page};
use super::row::{self, Raw, big, free, number, position, remembered, stream_in, thread_in, time};
use super::settings::Published;
use super::trouble::Trouble;
use super::work::{Lock, Work, Write, statement};
use crate::rows::{chain_text, damaged, encode_meta, encode_thread, side, thread_text};
use crate::{
    AssetKey, Batch, ControlRow, Counted, Decide, Due, Found, JournalRow, Position, Remembered, Seen,
    SeenKey, StoreError, Stream, Wanted, check,
};

/// Where a stream ends, and the settings that it goes by; as long as its row is locked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) stream: Stream,
    pub(super) position: Position,
    pub(super) last_at: Timestamp,
    pub(super) settings: u64,
    /// The time by the database's clock, when this was read.
    database_at: Timestamp,
}

impl Head {
    pub(super) fn of(row: &Row) -> Result<Self, Trouble> {
        Ok(Self {
            stream: stream_in(row, 0)?,
            position: position(row, 1)?,
            last_at: time(row, 2)?,
            settings: number(row, 3)?,
            database_at: time(row, 4)?,
        })
    }

    /// The time that decides: not before the stream's last row.
    pub(super) fn now(&self, whose: Time, callers: Option<Timestamp>) -> Timestamp {
        match whose {
            Time::Database => self.database_at.max(self.last_at),
            Time::Caller => callers.map_or(self.last_at, |now| now.max(self.last_at)),
        }
    }
}

/// A batch that is wanted.
pub(super) struct Commit {
    pub(super) stream: Stream,
    pub(super) streams: u16,
    pub(super) time: Time,
    pub(super) wanted: Wanted,
    pub(super) decide: Decide,
    pub(super) published: Arc<Published>,
}

/// What is read for a batch, as it came.
pub(super) struct Rows {
    threads: Vec<Row>,
    seen: Vec<Row>,
    ends: Vec<Row>,
    assets: Vec<(AssetKey, Row)>,
}

impl Work for Commit {
    type Found = Rows;
    type Done = Batch;

    fn lock(&self) -> Lock {
        Lock::Stream(self.stream)
    }

    /// A list stands in a `SELECT` of its own where a table is joined to it: of one that it sees the planner counts the values, and
    /// plans for them at each execution, which takes longer than to run it.
    ///
    /// Each row is looked up by its whole key, because `OFFSET 0` keeps the planner from joining the other way around: while
    /// it knows nothing of a table yet, to read all of a stream's rows looks as good to it.
    async fn look(&self, client: &ClientWrapper) -> Result<Rows, Trouble> {
        let stream = row::stream(self.stream);
        let texts: Vec<String> = self.wanted.threads.iter().map(thread_text).collect();
        let threads = async {
            if texts.is_empty() {
                return Ok(Vec::new());
            }
            let sql =
                "SELECT kept.thread, last, last_message_at, state FROM unnest((SELECT $2::text[])) AS wanted (thread)
                       CROSS JOIN LATERAL (SELECT thread, last, last_message_at, state FROM baton.threads
                           WHERE stream = $1 AND threads.thread = wanted.thread OFFSET 0) AS kept";
            let statement = client.prepare_cached(sql).await?;
            client.query(&statement, &[&stream, &texts]).await
        };
        let seen = async {
            if self.wanted.seen.is_empty() {
                return Ok(Vec::new());
            }
            let sql = "SELECT kept.thread, kept.key, at, fingerprint, answer
                       FROM unnest((SELECT $2::text[]), (SELECT $3::bytea[])) AS wanted (thread, key)
                       CROSS JOIN LATERAL (SELECT thread, key, at, fingerprint, answer FROM baton.seen
                           WHERE stream = $1 AND seen.thread = wanted.thread AND seen.key = wanted.key OFFSET 0) AS kept";
            let statement = client.prepare_cached(sql).await?;
            let (threads, keys): (Vec<_>, Vec<_>) =
                self.wanted.seen.iter().map(|(thread, key)| (thread_text(thread), free(key))).unzip();
            client.query(&statement, &[&stream, &threads, &keys]).await
        };
        let ends = async {
            if self.wanted.chains.is_empty() {
                return Ok(Vec::new());
            }
            let sql = "SELECT chain, last FROM baton.page_chains WHERE stream = $1 AND chain = ANY ($2)";
            let statement = client.prepare_cached(sql).await?;
            let chains: Vec<String> = self.wanted.chains.iter().map(chain_text).collect();
            client.query(&statement, &[&stream, &chains]).await
        };
        let (threads, seen, ends) = futures_util::join!(threads, seen, ends);
        let assets = self.assets(client).await?;
        Ok(Rows { threads: threads?, seen: seen?, ends: ends?, assets })
    }

    async fn decide(
        &self,
        client: &ClientWrapper,
        locked: Vec<Row>,
        rows: Rows,
    ) -> Result<(Batch, Vec<Write>), Trouble> {
        let head = locked.first().map(Head::of).transpose()?;
        let head = head.ok_or_else(|| damaged("streams", "stream", self.stream.0, "is missing"))?;
        let settings = self.published.at(head.settings, client).await?;
        let now = head.now(self.time, self.wanted.now);
        let threads = threads(&rows.threads)?;
        let due = self.due(client, &threads).await?;
        let seen = seen(&rows.seen, now)?;
        let ends = rows
            .ends
            .iter()
            .map(|row| Ok::<_, Trouble>((row::chain_in(row, 0, "page_chains")?, position(row, 1)?)));
        let ends = ends.collect::<Result<_, _>>()?;
        let assets = rows.assets.iter().map(|(key, row)| Ok::<_, Trouble>((key.clone(), asset(key, row)?)));
        let assets = assets.collect::<Result<_, _>>()?;
        let found = Found { now, settings, head: head.position, threads, seen, due, ends, assets };
        let batch = (self.decide)(&found);
        check::batch(&batch, self.stream, self.streams, head.position)?;
        if check::is_empty(&batch) {
            return Ok((batch, Vec::new()));
        }
        let mut writes = writes(self.stream, &batch, &found)?;
        writes.extend(asset_writes(&batch.assets, self.streams));
        Ok((batch, writes))
    }
}

impl Commit {
    /// The assets that are wanted and kept: hardly any batch wants one.
    async fn assets(&self, client: &ClientWrapper) -> Result<Vec<(AssetKey, Row)>, Trouble> {
        let mut found = Vec::new();
        for key in &self.wanted.assets {
            let statement = client.prepare_cached(ASSET).await?;
            let stream = row::stream(stream_of_page(key.page, self.streams));
            let (page, kind, name) = (big(key.page.number()), key.kind.name(), free(&key.key));
            let rows = client.query(&statement, &[&stream, &page, &kind, &name]).await?;
            found.extend(rows.into_iter().map(|row| (key.clone(), row)));
        }
        Ok(found)
    }

    /// What the threads hold back, of those that do: hardly any does, so mostly nothing is asked.
    async fn due(
        &self,
        client: &ClientWrapper,
        threads: &HashMap<ThreadKey, Remembered>,
    ) -> Result<HashMap<ThreadKey, Vec<Due>>, Trouble> {
        let holds = threads.iter().filter(|(_, kept)| kept.thread.held > 0);
        let mut found: HashMap<ThreadKey, Vec<Due>> =
            holds.map(|(key, _)| (key.clone(), Vec::new())).collect();
        if found.is_empty() {
            return Ok(found);
        }
        let sql = "SELECT thread, number, at, app, content FROM baton.due
                   WHERE stream = $1 AND thread = ANY ($2) ORDER BY thread, number";
        let statement = client.prepare_cached(sql).await?;
        let texts: Vec<String> = found.keys().map(thread_text).collect();
        for row in &client.query(&statement, &[&row::stream(self.stream), &texts]).await? {
            let due = due_row(row)?;
            if let Some(own) = found.get_mut(&due.thread) {
                own.push(due);
            }
        }
        Ok(found)
    }
}

fn threads(rows: &[Row]) -> Result<HashMap<ThreadKey, Remembered>, Trouble> {
    let threads = rows.iter().map(|row| {
        let text: &str = row.try_get(0)?;
        Ok((thread_in(row, 0, "threads")?, remembered(row, 1, text)?))
    });
    threads.collect()
}

fn seen(rows: &[Row], now: Timestamp) -> Result<HashMap<SeenKey, Seen>, Trouble> {
    let mut found = HashMap::with_capacity(rows.len());
    for row in rows {
        let key = (thread_in(row, 0, "seen")?, row::text_in(row, 1, "seen")?);
        let fingerprint: &[u8] = row.try_get(3)?;
        let wrong = || damaged("seen", "fingerprint", thread_text(&key.0), "is not 32 bytes long");
        let fingerprint = <[u8; 32]>::try_from(fingerprint).map_err(|_| wrong())?;
        let seen = Seen { fingerprint, answer: row::bytes(row, 4)?, at: time(row, 2)? };
        if check::seen_counts(seen.at, now) {
            found.insert(key, seen);
        }
    }
    Ok(found)
}

/// What a batch writes, in the order in which it is written; the stream's head last.
fn writes(stream: Stream, batch: &Batch, found: &Found) -> Result<Vec<Write>, StoreError> {
    let mut writes = Vec::new();
    if !batch.rows.is_empty() {
        writes.push(journal(stream, &batch.rows)?);
    }
    if !batch.threads.is_empty() {
        writes.extend(remember(stream, &batch.threads, found)?);
    }
    if !batch.control.is_empty() {
        writes.push(control(stream, &batch.control));
    }
    if !batch.seen.is_empty() {
        writes.push(answers(stream, &batch.seen));
        writes.push(forget_answers(stream, found.now, batch.seen.len()));
    }
    if !batch.due.is_empty() {
        writes.push(hold(stream, &batch.due));
    }
    if !batch.undue.is_empty() {
        writes.push(release(stream, &batch.undue));
    }
    if !batch.counted.is_empty() {
        writes.push(count(stream, &batch.counted));
    }
    writes.extend(check::page_rows(batch).map(|row| end_of_chain(stream, row)));
    let position = batch.rows.last().map_or(found.head, |row| row.position);
    let last_at = batch.rows.iter().map(|row| row.at).fold(found.now, Timestamp::max);
    writes.push(statement!(
        "UPDATE baton.streams SET head = $2, last_at = $3 WHERE stream = $1",
        row::stream(stream),
        big(position.0),
        last_at.0,
    ));
    Ok(writes)
}

/// A page's chain ends with this row.
pub(super) fn end_of_chain(stream: Stream, row: &JournalRow) -> Write {
    statement!(
        "INSERT INTO baton.page_chains (stream, chain, last) VALUES ($1, $2, $3)
         ON CONFLICT (stream, chain) DO UPDATE SET last = excluded.last",
        row::stream(stream),
        row.chain.as_ref().map(chain_text),
        big(row.position.0),
    )
}

/// Lists that are taken apart where they are selected are not put together once more as a table before they are written.
pub(super) fn journal(stream: Stream, rows: &[Arc<JournalRow>]) -> Result<Write, StoreError> {
    let each = |value: fn(&JournalRow) -> i64| -> Vec<i64> { rows.iter().map(|row| value(row)).collect() };
    let chains: Vec<_> = rows.iter().map(|row| row.chain.as_ref().map(chain_text)).collect();
    let previous: Vec<_> = rows.iter().map(|row| row.previous.map(|previous| big(previous.0))).collect();
    let metas: Result<Vec<_>, _> = rows.iter().map(|row| encode_meta(row)).collect();
    let whole: Vec<_> = rows.iter().map(|row| Raw(row.whole.clone())).collect();
    let perhaps = |bytes: fn(&JournalRow) -> &Option<Bytes>| -> Vec<_> {
        rows.iter().map(|row| bytes(row).clone().map(Raw)).collect()
    };
    Ok(statement!(
        "INSERT INTO baton.journal (stream, position, chain, previous, at, meta, whole, reduced, context)
         SELECT $1, unnest($2::bigint[]), unnest($3::text[]), unnest($4::bigint[]), unnest($5::bigint[]),
             unnest($6::bytea[]), unnest($7::bytea[]), unnest($8::bytea[]), unnest($9::bytea[])",
        row::stream(stream),
        each(|row| big(row.position.0)),
        chains,
        previous,
        each(|row| row.at.0),
        metas?,
        whole,
        perhaps(|row| &row.reduced),
        perhaps(|row| &row.context),
    ))
}

/// The last of each: a statement writes a row once.
fn last_of_each<K: Ord, T>(all: impl Iterator<Item = (K, T)>) -> Vec<(K, T)> {
    all.collect::<BTreeMap<_, _>>().into_iter().collect()
}

/// Threads as they are now. Those that were found are changed, which costs half of asking whether they are there.
fn remember(
    stream: Stream,
    threads: &[(ThreadKey, Remembered)],
    found: &Found,
) -> Result<Vec<Write>, StoreError> {
    let own = last_of_each(threads.iter().map(|(key, kept)| (thread_text(key), (key, kept))));
    let (known, new): (Vec<_>, Vec<_>) =
        own.into_iter().partition(|(_, (key, _))| found.threads.contains_key(*key));
    let mut writes = Vec::new();
    if !known.is_empty() {
        let (threads, kept) = columns(known)?;
        writes.push(statement!(
            "UPDATE baton.threads AS kept SET last = new.last, last_message_at = new.at, state = new.state
             FROM (SELECT unnest((SELECT $2::text[])) AS thread, unnest((SELECT $3::bigint[])) AS last,
                 unnest((SELECT $4::bigint[])) AS at, unnest((SELECT $5::bytea[])) AS state) AS new
             WHERE kept.stream = $1 AND kept.thread = new.thread",
            row::stream(stream),
            threads,
            kept.last,
            kept.last_message_at,
            kept.state,
        ));
    }
    if !new.is_empty() {
        let sides: Vec<_> = new.iter().map(|(_, (key, _))| big(side(key.page, key.surface))).collect();
        let (threads, kept) = columns(new)?;
        writes.push(statement!(
            "INSERT INTO baton.threads (stream, thread, side, last, last_message_at, state)
             SELECT $1, unnest($2::text[]), unnest($3::bigint[]), unnest($4::bigint[]), unnest($5::bigint[]),
                 unnest($6::bytea[])
             ON CONFLICT (stream, thread) DO UPDATE SET
                 last = excluded.last, last_message_at = excluded.last_message_at, state = excluded.state",
            row::stream(stream),
            threads,
            sides,
            kept.last,
            kept.last_message_at,
            kept.state,
        ));
    }
    Ok(writes)
}

/// What is written of threads, a list for each column.
#[derive(Default)]
struct Columns {
    last: Vec<i64>,
    last_message_at: Vec<i64>,
    state: Vec<Vec<u8>>,
}

fn columns(threads: Vec<(String, (&ThreadKey, &Remembered))>) -> Result<(Vec<String>, Columns), StoreError> {
    let mut columns = Columns::default();
    let mut texts = Vec::with_capacity(threads.len());
    for (text, (_, kept)) in threads {
        texts.push(text);
        columns.last.push(big(kept.last.0));
        columns.last_message_at.push(kept.last_message_at.0);
        columns.state.push(encode_thread(&kept.thread)?);
    }
    Ok((texts, columns))
}

fn control(stream: Stream, rows: &[ControlRow]) -> Write {
    let app = |of: fn(&ControlRow) -> Option<AppId>| -> Vec<Option<i64>> {
        rows.iter().map(|row| of(row).map(|app| big(app.number()))).collect()
    };
    let text = |of: fn(&ControlRow) -> &Option<Box<str>>| -> Vec<Option<String>> {
        rows.iter().map(|row| of(row).as_deref().map(str::to_owned)).collect()
    };
    statement!(
        "INSERT INTO baton.control (stream, thread, at, position, number, rule, via, cause, by, owner_from, owner_to,
             expires_at, metadata, refused)
         SELECT $1, thread, at, position,
             CASE WHEN refused IS NULL THEN 0 ELSE
                 row_number() OVER (PARTITION BY thread, at, position, refused IS NULL ORDER BY turn)
                 + coalesce((SELECT max(number) FROM baton.control AS kept WHERE kept.stream = $1
                     AND kept.thread = new.thread AND kept.at = new.at AND kept.position = new.position), 0)
             END,
             rule, via, cause, by, owner_from, owner_to, expires_at, metadata, refused
         FROM unnest($2::text[], $3::bigint[], $4::bigint[], $5::text[], $6::text[], $7::text[], $8::bigint[],
             $9::bigint[], $10::bigint[], $11::bigint[], $12::bytea[], $13::text[]) WITH ORDINALITY
             AS new (thread, at, position, rule, via, cause, by, owner_from, owner_to, expires_at, metadata, refused,
                 turn)",
        row::stream(stream),
        rows.iter().map(|row| thread_text(&row.thread)).collect::<Vec<_>>(),
        rows.iter().map(|row| row.at.0).collect::<Vec<_>>(),
        rows.iter().map(|row| big(row.position.0)).collect::<Vec<_>>(),
        rows.iter().map(|row| row.rule.to_string()).collect::<Vec<_>>(),
        text(|row| &row.via),
        rows.iter().map(|row| row.cause.name()).collect::<Vec<_>>(),
        app(|row| row.by),
        app(|row| row.from),
        app(|row| row.to),
        rows.iter().map(|row| row.expires_at.map(|at| at.0)).collect::<Vec<_>>(),
        rows.iter().map(|row| row.metadata.as_deref().map(free)).collect::<Vec<_>>(),
        text(|row| &row.refused),
    )
}

fn answers(stream: Stream, seen: &[(SeenKey, Seen)]) -> Write {
    let own = last_of_each(seen.iter().map(|((thread, key), seen)| ((thread_text(thread), free(key)), seen)));
    let (keys, kept): (Vec<_>, Vec<_>) = own.into_iter().unzip();
    let (threads, keys): (Vec<_>, Vec<_>) = keys.into_iter().unzip();
    statement!(
        "INSERT INTO baton.seen (stream, thread, key, at, fingerprint, answer)
         SELECT $1, * FROM unnest($2::text[], $3::bytea[], $4::bigint[], $5::bytea[], $6::bytea[])
         ON CONFLICT (stream, thread, key) DO UPDATE SET
             at = excluded.at, fingerprint = excluded.fingerprint, answer = excluded.answer",
        row::stream(stream),
        threads,
        keys,
        kept.iter().map(|seen| seen.at.0).collect::<Vec<_>>(),
        kept.iter().map(|seen| seen.fingerprint.to_vec()).collect::<Vec<_>>(),
        kept.iter().map(|seen| Raw(seen.answer.clone())).collect::<Vec<_>>(),
    )
}

/// Forgets answers that are too old: more than came, so that it keeps up, and few enough not to be felt.
fn forget_answers(stream: Stream, now: Timestamp, came: usize) -> Write {
    statement!(
        "DELETE FROM baton.seen WHERE stream = $1 AND (thread, key) IN
             (SELECT thread, key FROM baton.seen WHERE stream = $1 AND at <= $2 ORDER BY at LIMIT $3)",
        row::stream(stream),
        check::seen_until(now).0,
        row::at_most(2 * came + 8),
    )
}

fn hold(stream: Stream, due: &[Due]) -> Write {
    let own = last_of_each(due.iter().map(|due| ((thread_text(&due.thread), big(due.number.0)), due)));
    let (places, due): (Vec<_>, Vec<_>) = own.into_iter().unzip();
    let (threads, numbers): (Vec<_>, Vec<_>) = places.into_iter().unzip();
    statement!(
        "INSERT INTO baton.due (stream, thread, number, at, app, content)
         SELECT $1, * FROM unnest($2::text[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bytea[])
         ON CONFLICT (stream, thread, number) DO UPDATE SET
             at = excluded.at, app = excluded.app, content = excluded.content",
        row::stream(stream),
        threads,
        numbers,
        due.iter().map(|due| due.at.0).collect::<Vec<_>>(),
        due.iter().map(|due| big(due.by.number())).collect::<Vec<_>>(),
        due.iter().map(|due| Raw(due.content.clone())).collect::<Vec<_>>(),
    )
}

fn release(stream: Stream, undue: &[(ThreadKey, Position)]) -> Write {
    statement!(
        "DELETE FROM baton.due USING unnest($2::text[], $3::bigint[]) AS gone (thread, number)
         WHERE due.stream = $1 AND due.thread = gone.thread AND due.number = gone.number",
        row::stream(stream),
        undue.iter().map(|(key, _)| thread_text(key)).collect::<Vec<_>>(),
        undue.iter().map(|(_, number)| big(number.0)).collect::<Vec<_>>(),
    )
}

fn count(stream: Stream, counted: &[Counted]) -> Write {
    statement!(
        "INSERT INTO baton.ad_counts AS kept (stream, side, ad, entries, conversations)
         SELECT $1, side, ad, sum(entries), sum(conversations)
         FROM unnest($2::bigint[], $3::bytea[], $4::bigint[], $5::bigint[]) AS new (side, ad, entries, conversations)
         GROUP BY side, ad
         ON CONFLICT (stream, side, ad) DO UPDATE SET
             entries = kept.entries + excluded.entries,
             conversations = kept.conversations + excluded.conversations",
        row::stream(stream),
        counted.iter().map(|one| big(side(one.page, one.surface))).collect::<Vec<_>>(),
        counted.iter().map(|one| free(&one.ad)).collect::<Vec<_>>(),
        counted.iter().map(|one| big(one.counts.entries)).collect::<Vec<_>>(),
        counted.iter().map(|one| big(one.counts.conversations)).collect::<Vec<_>>(),
    )
}
