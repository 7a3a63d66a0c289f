//! Every statement that looks and writes nothing, but those about delivery.

use std::collections::HashMap;
use std::sync::Arc;

use baton_rules::{PageId, Surface, ThreadKey, Timestamp};
use deadpool_postgres::{Object, Pool};
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::assets::{ASSET, asset};
use super::row::{
    self, JOURNAL, app_in, at_most, big, bytes, number, position, remembered, text_in, thread_in, time,
};
use super::team::team_in;
use super::trouble::Trouble;
use super::work::TRY;
use crate::rows::{cause, chain_text, damaged, side, thread_key, thread_text};
use crate::{
    AdCounts, Asset, AssetKey, AssetKind, AuditLine, Chain, ControlPlace, ControlRow, Due, JournalRow,
    KeptClock, Listed, Page, PastPage, Person, Position, Remembered, StoreError, Stream, Team, stream_of,
};

/// Values of a statement.
pub(super) type Values<'a> = &'a [&'a (dyn ToSql + Sync)];

/// The connections that only look.
pub(super) struct Reader {
    pub(super) pool: Pool,
    pub(super) streams: u16,
}

impl Reader {
    /// The rows of a statement. Where the connection broke it is asked once more, on another one.
    pub(super) async fn rows(&self, sql: &str, values: Values<'_>) -> Result<Vec<Row>, Trouble> {
        match self.ask(sql, values).await {
            Err(trouble) if trouble.may_pass() => self.ask(sql, values).await,
            answer => answer,
        }
    }

    async fn ask(&self, sql: &str, values: Values<'_>) -> Result<Vec<Row>, Trouble> {
        let client = self.pool.get().await?;
        let answer = async {
            let statement = client.prepare_cached(sql).await?;
            Ok(client.query(&statement, values).await?)
        };
        match tokio::time::timeout(TRY, answer).await {
            Ok(answer) => answer,
            Err(_) => {
                // Whoever has it next would wait too.
                drop(Object::take(client));
                Err(Trouble::TooLong)
            }
        }
    }

    pub(super) async fn heads(&self) -> Result<(Vec<Position>, u64), Trouble> {
        let rows = self.rows("SELECT head, settings FROM baton.streams ORDER BY stream", &[]).await?;
        let mut version = 0;
        let mut heads = Vec::with_capacity(rows.len());
        for row in &rows {
            heads.push(position(row, 0)?);
            version = version.max(number(row, 1)?);
        }
        Ok((heads, version))
    }

    pub(super) async fn row(
        &self,
        stream: Stream,
        position: Position,
    ) -> Result<Option<Arc<JournalRow>>, Trouble> {
        let sql = format!("SELECT {JOURNAL} FROM baton.journal WHERE stream = $1 AND position = $2");
        let rows = self.rows(&sql, &[&row::stream(stream), &big(position.0)]).await?;
        rows.first().map(|row| row::journal(stream, row).map(Arc::new)).transpose()
    }

    pub(super) async fn thread(&self, key: &ThreadKey) -> Result<Option<Remembered>, Trouble> {
        let sql = "SELECT last, last_message_at, state FROM baton.threads WHERE stream = $1 AND thread = $2";
        let text = thread_text(key);
        let rows = self.rows(sql, &[&row::stream(stream_of(key, self.streams)), &text]).await?;
        rows.first().map(|row| remembered(row, 0, &text)).transpose()
    }

    pub(super) async fn threads(
        &self,
        page: PageId,
        surface: Surface,
        after: Option<(Timestamp, ThreadKey)>,
        limit: usize,
    ) -> Result<Vec<Listed>, Trouble> {
        // Read by the half minute, and sorted within each: as many of them as the limit needs.
        let sql = "SELECT thread, last, last_message_at, state FROM baton.threads
                   WHERE side = $1 AND half_minute <= $2::bigint >> 15 AND (last_message_at, thread) < ($2, $3)
                   ORDER BY half_minute DESC, last_message_at DESC, thread DESC LIMIT $4";
        let newest = "SELECT thread, last, last_message_at, state FROM baton.threads
                      WHERE side = $1 ORDER BY half_minute DESC, last_message_at DESC, thread DESC LIMIT $2";
        let (side, most) = (big(side(page, surface)), at_most(limit));
        let rows = match after {
            Some((at, key)) => self.rows(sql, &[&side, &at.0, &thread_text(&key), &most]).await?,
            None => self.rows(newest, &[&side, &most]).await?,
        };
        let listed = rows.iter().map(|row| {
            let text: &str = row.try_get(0)?;
            let key = thread_key(text).map_err(|wrong| damaged("threads", "thread", text, wrong))?;
            Ok(Listed { key, remembered: remembered(row, 1, text)? })
        });
        listed.collect()
    }

    /// A thread's rows, from its newest or from before one that is known.
    pub(super) async fn conversation(
        &self,
        key: &ThreadKey,
        before: Option<Position>,
        limit: usize,
    ) -> Result<Vec<Arc<JournalRow>>, Trouble> {
        let first = "coalesce(
            (SELECT previous FROM baton.journal WHERE stream = $1 AND position = $3 AND chain = $2),
            (SELECT last FROM baton.threads WHERE stream = $1 AND thread = $2
                AND NOT EXISTS (SELECT FROM baton.journal WHERE stream = $1 AND position = $3 AND chain = $2)))";
        let chain = Chain::Thread(key.clone());
        self.walk(&chain, first, before.map(|before| big(before.0)), before, limit).await
    }

    /// A chain's rows, from one of them on or from its newest.
    pub(super) async fn chain(
        &self,
        chain: &Chain,
        newest: Option<Position>,
        limit: usize,
    ) -> Result<Vec<Arc<JournalRow>>, Trouble> {
        let first = match chain {
            Chain::Thread(_) => {
                "coalesce($3::bigint, (SELECT last FROM baton.threads WHERE stream = $1 AND thread = $2))"
            }
            Chain::Page(..) => {
                "coalesce($3::bigint, (SELECT last FROM baton.page_chains WHERE stream = $1 AND chain = $2))"
            }
        };
        self.walk(chain, first, newest.map(|newest| big(newest.0)), None, limit).await
    }

    /// Walks from a row of a chain to the ones before it, in one question; leaves out those that are not before a
    /// position. A row that is not there any more was given up for its age: the chain begins after it.
    async fn walk(
        &self,
        chain: &Chain,
        first: &str,
        place: Option<i64>,
        before: Option<Position>,
        limit: usize,
    ) -> Result<Vec<Arc<JournalRow>>, Trouble> {
        let sql = format!(
            "WITH RECURSIVE walk AS (
                 SELECT * FROM baton.journal WHERE stream = $1 AND position = {first}
                 UNION ALL
                 SELECT journal.* FROM walk JOIN baton.journal
                     ON journal.stream = $1 AND journal.position = walk.previous
                 WHERE walk.previous < walk.position AND walk.chain = $2
             )
             SELECT {JOURNAL} FROM walk WHERE position < $4 LIMIT $5"
        );
        let stream = chain.stream(self.streams);
        let end = before.map_or(i64::MAX, |before| big(before.0));
        let text = chain_text(chain);
        let rows = self.rows(&sql, &[&row::stream(stream), &text, &place, &end, &at_most(limit)]).await?;
        let walked = rows.iter().map(|found| {
            let row = row::journal(stream, found)?;
            let is_astray =
                row.chain.as_ref() != Some(chain) || row.previous.is_some_and(|one| one >= row.position);
            if is_astray {
                let place = format!("{}/{}", stream.0, row.position.0);
                return Err(damaged("journal", "previous", place, "leads astray").into());
            }
            Ok(Arc::new(row))
        });
        walked.collect()
    }

    pub(super) async fn control(
        &self,
        key: &ThreadKey,
        before: Option<ControlPlace>,
        limit: usize,
    ) -> Result<Vec<ControlRow>, Trouble> {
        let sql = "SELECT at, position, rule, via, cause, by, owner_from, owner_to, expires_at, metadata, number, refused
                   FROM baton.control
                   WHERE stream = $1 AND thread = $2 AND (at, position, number) < ($3, $4, $5)
                   ORDER BY at DESC, position DESC, number DESC LIMIT $6";
        let (at, place, last) = before.map_or((i64::MAX, i64::MAX, i32::MAX), |(at, place, last)| {
            (at.0, big(place.0), i32::try_from(last).unwrap_or(i32::MAX))
        });
        let text = thread_text(key);
        let stream = row::stream(stream_of(key, self.streams));
        let rows = self.rows(sql, &[&stream, &text, &at, &place, &last, &at_most(limit)]).await?;
        rows.iter().map(|row| control_row(key, row)).collect()
    }

    pub(super) async fn past_pages(
        &self,
        page: PageId,
        stream: Stream,
        (at, place): (Timestamp, Position),
        limit: usize,
    ) -> Result<Vec<PastPage>, Trouble> {
        let sql = "SELECT changes.at, changes.position, past_pages.before, past_pages.after
                   FROM baton.past_pages JOIN baton.changes
                       ON changes.version = past_pages.version AND changes.stream = $2
                   WHERE page = $1 AND (changes.at, changes.position) < ($3, $4)
                   ORDER BY past_pages.version DESC LIMIT $5";
        let id = big(page.number());
        let values: Values<'_> = &[&id, &row::stream(stream), &at.0, &big(place.0), &at_most(limit)];
        let rows = self.rows(sql, values).await?;
        let past = rows.iter().map(|row| {
            let document = |column, name| -> Result<Option<Arc<Page>>, Trouble> {
                let text: Option<&str> = row.try_get(column)?;
                let read = text.map(|text| serde_json::from_str(text).map(Arc::new)).transpose();
                Ok(read.map_err(|wrong| damaged("past_pages", name, page.number(), wrong))?)
            };
            let (before, after) = (document(2, "before")?, document(3, "after")?);
            Ok(PastPage { at: time(row, 0)?, position: position(row, 1)?, before, after })
        });
        past.collect()
    }

    pub(super) async fn ad_counts(
        &self,
        page: PageId,
        surface: Surface,
    ) -> Result<HashMap<Box<str>, AdCounts>, Trouble> {
        let sql = "SELECT ad, sum(entries)::bigint, sum(conversations)::bigint FROM baton.ad_counts
                   WHERE side = $1 GROUP BY ad";
        let rows = self.rows(sql, &[&big(side(page, surface))]).await?;
        let counts = rows.iter().map(|row| {
            let counts = AdCounts { entries: number(row, 1)?, conversations: number(row, 2)? };
            Ok((text_in(row, 0, "ad_counts")?, counts))
        });
        counts.collect()
    }

    pub(super) async fn person(&self, key: &ThreadKey) -> Result<Person, Trouble> {
        let sql = "SELECT document FROM baton.people WHERE stream = $1 AND thread = $2";
        let text = thread_text(key);
        let rows = self.rows(sql, &[&row::stream(stream_of(key, self.streams)), &text]).await?;
        let Some(row) = rows.first() else { return Ok(Person::default()) };
        let person = serde_json::from_str(row.try_get(0)?);
        Ok(person.map_err(|wrong| damaged("people", "document", &text, wrong))?)
    }

    pub(super) async fn people(&self, keys: &[ThreadKey]) -> Result<Vec<Person>, Trouble> {
        let sql = "SELECT people.thread, document
                   FROM (SELECT DISTINCT * FROM unnest($1::integer[], $2::text[])) AS wanted (stream, thread)
                   JOIN baton.people ON people.stream = wanted.stream AND people.thread = wanted.thread";
        let streams: Vec<i32> = keys.iter().map(|key| row::stream(stream_of(key, self.streams))).collect();
        let texts: Vec<String> = keys.iter().map(thread_text).collect();
        let mut known: HashMap<String, Person> = HashMap::new();
        for row in &self.rows(sql, &[&streams, &texts]).await? {
            let text: String = row.try_get(0)?;
            let person = serde_json::from_str(row.try_get(1)?);
            let person = person.map_err(|wrong| damaged("people", "document", &text, wrong))?;
            known.insert(text, person);
        }
        Ok(texts.iter().map(|text| known.get(text).cloned().unwrap_or_default()).collect())
    }

    pub(super) async fn asset(&self, key: &AssetKey) -> Result<Option<Asset>, Trouble> {
        let stream = row::stream(stream_of_page(key.page, self.streams));
        let values: Values<'_> = &[&stream, &big(key.page.number()), &key.kind.name(), &row::free(&key.key)];
        let rows = self.rows(ASSET, values).await?;
        rows.first().map(|row| asset(key, row)).transpose()
    }

    pub(super) async fn assets(
        &self,
        page: PageId,
        kind: AssetKind,
        after: &str,
        limit: usize,
    ) -> Result<Vec<Asset>, Trouble> {
        let sql = "SELECT key, at, document FROM baton.assets
                   WHERE stream = $1 AND page = $2 AND kind = $3 AND key > $4 ORDER BY key LIMIT $5";
        let stream = row::stream(stream_of_page(page, self.streams));
        let id = big(page.number());
        let rows = self.rows(sql, &[&stream, &id, &kind.name(), &row::free(after), &at_most(limit)]).await?;
        let assets = rows.iter().map(|row| {
            let document: &str = row.try_get(2)?;
            let key = AssetKey { page, kind, key: text_in(row, 0, "assets")? };
            Ok(Asset { key, at: time(row, 1)?, document: document.into(), content: None })
        });
        assets.collect()
    }

    pub(super) async fn team(&self) -> Result<Team, Trouble> {
        let rows = self.rows("SELECT document FROM baton.team", &[]).await?;
        team_in(rows.first())
    }

    pub(super) async fn audited(
        &self,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<(u64, AuditLine)>, Trouble> {
        let sql = "SELECT number, document FROM baton.audit WHERE number < $1 ORDER BY number DESC LIMIT $2";
        let before = before.and_then(|before| i64::try_from(before).ok()).unwrap_or(i64::MAX);
        let rows = self.rows(sql, &[&before, &at_most(limit)]).await?;
        let lines = rows.iter().map(|row| {
            let number = number(row, 0)?;
            let line = serde_json::from_str(row.try_get(1)?);
            Ok((number, line.map_err(|wrong| damaged("audit", "document", number, wrong))?))
        });
        lines.collect()
    }

    /// What is due, in the streams that this process delivers.
    pub(super) async fn due(
        &self,
        until: Timestamp,
        held: Option<Vec<Stream>>,
        limit: usize,
    ) -> Result<Vec<Due>, Trouble> {
        let sql = "SELECT thread, number, at, app, content FROM baton.due
                   WHERE at <= $1 AND ($3::integer[] IS NULL OR stream = ANY ($3))
                   ORDER BY at, thread, number LIMIT $2";
        let rows = self.rows(sql, &[&until.0, &at_most(limit), &row::streams(held)]).await?;
        rows.iter().map(due_row).collect()
    }

    /// Rows of a stream, whoever hears them.
    pub(super) async fn all(
        &self,
        stream: Stream,
        after: Position,
        limit: usize,
    ) -> Result<Vec<Arc<JournalRow>>, Trouble> {
        let sql = format!(
            "SELECT {JOURNAL} FROM baton.journal WHERE stream = $1 AND position > $2 ORDER BY position LIMIT $3"
        );
        let rows = self.rows(&sql, &[&row::stream(stream), &big(after.0), &at_most(limit)]).await?;
        rows.iter().map(|found| row::journal(stream, found).map(Arc::new)).collect()
    }

    pub(super) async fn clock(&self) -> Result<Option<KeptClock>, Trouble> {
        let rows = self.rows("SELECT clock_offset, clock_frozen FROM baton.facts", &[]).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        let offset: Option<i64> = row.try_get(0)?;
        let frozen: Option<i64> = row.try_get(1)?;
        Ok(offset.map(|offset| KeptClock { offset, frozen: frozen.map(Timestamp) }))
    }
}

/// Where what is kept about a page stands.
pub(super) fn stream_of_page(page: PageId, streams: u16) -> Stream {
    Chain::Page(page, Surface::Messenger).stream(streams)
}

pub(super) fn due_row(row: &Row) -> Result<Due, Trouble> {
    let thread = thread_in(row, 0, "due")?;
    let by =
        app_in(row, 3, "due")?.ok_or_else(|| damaged("due", "app", thread_text(&thread), "is missing"))?;
    Ok(Due { thread, number: position(row, 1)?, at: time(row, 2)?, by, content: bytes(row, 4)? })
}

fn control_row(key: &ThreadKey, row: &Row) -> Result<ControlRow, Trouble> {
    let text = |column: usize| -> Result<Box<str>, Trouble> { Ok(row.try_get::<_, &str>(column)?.into()) };
    let perhaps = |column: usize| -> Result<Option<Box<str>>, Trouble> {
        Ok(row.try_get::<_, Option<&str>>(column)?.map(Into::into))
    };
    let metadata: Option<&[u8]> = row.try_get(9)?;
    let number: i32 = row.try_get(10)?;
    let expires_at: Option<i64> = row.try_get(8)?;
    let id = || thread_text(key);
    let wrong = |column, wrong: &dyn std::fmt::Display| damaged("control", column, id(), wrong);
    Ok(ControlRow {
        thread: key.clone(),
        position: position(row, 1)?,
        number: u32::try_from(number).map_err(|error| wrong("number", &error))?,
        at: time(row, 0)?,
        rule: text(2)?,
        via: perhaps(3)?,
        cause: cause(row.try_get(4)?).map_err(|error| wrong("cause", &error))?,
        by: app_in(row, 5, "control")?,
        from: app_in(row, 6, "control")?,
        to: app_in(row, 7, "control")?,
        expires_at: expires_at.map(Timestamp),
        metadata: match metadata {
            Some(_) => Some(text_in(row, 9, "control")?),
            None => None,
        },
        refused: perhaps(11)?,
    })
}

impl From<Trouble> for StoreError {
    fn from(trouble: Trouble) -> Self {
        trouble.into_error()
    }
}
