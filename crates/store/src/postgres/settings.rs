//! The settings: known to every node, changed by any of them. A stream's row names the version that its next decision
//! goes by, so a node that knows an older one notices before it decides.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use baton_rules::{PageId, Timestamp};
use deadpool_postgres::ClientWrapper;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio_postgres::Row;

use super::Time;
use super::commit::{Head, end_of_chain, journal};
use super::row::{self, big, number};
use super::trouble::Trouble;
use super::work::{Lock, Work, Write, statement};
use crate::rows::damaged;
use crate::settings::has_first_address;
use crate::{
    Announce, App, Chain, Change, Changing, Configured, JournalRow, Page, Position, Settings,
    SettingsRefused, StoreError, Stream, check,
};

/// What this process knows of the settings.
#[derive(Debug)]
pub(super) struct Published {
    settings: RwLock<Arc<Settings>>,
}

impl Published {
    pub(super) fn new(settings: Settings) -> Self {
        Self { settings: RwLock::new(Arc::new(settings)) }
    }

    pub(super) fn settings(&self) -> Arc<Settings> {
        Arc::clone(&self.settings.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The settings of a version that cannot change meanwhile: from memory, or read anew.
    pub(super) async fn at(&self, version: u64, client: &ClientWrapper) -> Result<Arc<Settings>, Trouble> {
        let known = self.settings();
        if known.version == version {
            return Ok(known);
        }
        let read = load(client).await?;
        if read.version == version {
            return Ok(self.publish(&read));
        }
        let wrong = format!("is {version}, and the settings are of version {}", read.version);
        Err(damaged("streams", "settings", "?", wrong).into())
    }

    /// Makes settings known that are newer than what is known; returns what is known then.
    pub(super) fn publish(&self, read: &Settings) -> Arc<Settings> {
        let mut known = self.settings.write().unwrap_or_else(PoisonError::into_inner);
        if read.version > known.version {
            let Settings { version, apps, pages, .. } = read;
            // What only a process knows follows from what it knew.
            *known = Arc::new(Settings::new(*version, apps.clone(), pages.clone()).following(&known));
        }
        Arc::clone(&known)
    }
}

/// Reads all settings. Whoever asks sees to it that they do not change between the statements.
pub(super) async fn load(client: &ClientWrapper) -> Result<Settings, Trouble> {
    let version = client.prepare_cached("SELECT settings_version FROM baton.facts").await?;
    let version = client.query_one(&version, &[]).await?;
    let apps = documents::<App>(client, "SELECT id, document FROM baton.apps ORDER BY ord", "apps").await?;
    let pages =
        documents::<Page>(client, "SELECT id, document FROM baton.pages ORDER BY ord", "pages").await?;
    Ok(Settings::new(number(&version, 0)?, apps, pages))
}

async fn documents<T: DeserializeOwned>(
    client: &ClientWrapper,
    sql: &str,
    table: &str,
) -> Result<Vec<Arc<T>>, Trouble> {
    let statement = client.prepare_cached(sql).await?;
    let rows = client.query(&statement, &[]).await?;
    let documents = rows.iter().map(|row| {
        let id = number(row, 0)?;
        let document = serde_json::from_str(row.try_get(1)?);
        Ok(Arc::new(document.map_err(|error| damaged(table, "document", id, error))?))
    });
    documents.collect()
}

/// A change of settings that is wanted.
pub(super) struct Configure {
    pub(super) now: Timestamp,
    pub(super) time: Time,
    pub(super) change: Change,
    pub(super) announce: Announce,
    pub(super) published: Arc<Published>,
}

impl Work for Configure {
    /// Where the chains of pages end.
    type Found = HashMap<Chain, Position>;
    type Done = Result<Configured, Vec<SettingsRefused>>;

    fn lock(&self) -> Lock {
        Lock::Everything
    }

    async fn look(&self, client: &ClientWrapper) -> Result<Self::Found, Trouble> {
        let statement = client.prepare_cached("SELECT chain, last FROM baton.page_chains").await?;
        let rows = client.query(&statement, &[]).await?;
        rows.iter().map(|row| Ok((row::chain_in(row, 0, "page_chains")?, row::position(row, 1)?))).collect()
    }

    async fn decide(
        &self,
        client: &ClientWrapper,
        locked: Vec<Row>,
        ends: Self::Found,
    ) -> Result<(Self::Done, Vec<Write>), Trouble> {
        let heads: Vec<Head> = locked.iter().map(Head::of).collect::<Result<_, _>>()?;
        let version = heads.first().map_or(0, |head| head.settings);
        let before = self.published.at(version, client).await?;
        let wanted = match (self.change)(&before) {
            Ok(wanted) => wanted,
            Err(refused) => return Ok((Err(refused), Vec::new())),
        };
        let Some(after) = check::changed(&before, wanted)? else {
            let after = Arc::clone(&before);
            return Ok((
                Ok(Configured { before, after, positions: Vec::new(), told: Vec::new() }),
                Vec::new(),
            ));
        };
        let after = Arc::new(after);
        let mut rows = Vec::with_capacity(heads.len());
        let streams = u16::try_from(heads.len()).unwrap_or(u16::MAX);
        for head in &heads {
            let at = head.now(self.time, Some(self.now));
            let change = Changing { before: &before, after: &after, stream: head.stream, streams, at };
            let last = |chain: &Chain| Ok::<_, StoreError>(ends.get(chain).copied());
            let own = check::settings_rows(&change, head.position, &self.announce, last)?;
            rows.push((head.stream, at, head.position.next(), own));
        }
        let now = heads.first().map_or(self.now, |head| head.now(self.time, Some(self.now)));
        let writes = writes(&before, &after, now, &rows)?;
        let positions = rows.iter().map(|(_, _, position, _)| *position).collect();
        let said = rows.iter().flat_map(|(stream, _, _, own)| own.iter().map(move |row| (*stream, row)));
        let told = said.filter(|(_, row)| row.chain.is_some()).map(|(stream, row)| (stream, Arc::clone(row)));
        let told = told.collect();
        Ok((Ok(Configured { before, after, positions, told }), writes))
    }
}

/// What a change leaves in a stream: when, where it stands, and its rows.
type Left = (Stream, Timestamp, Position, Vec<Arc<JournalRow>>);

fn writes(
    before: &Settings,
    after: &Settings,
    now: Timestamp,
    left: &[Left],
) -> Result<Vec<Write>, StoreError> {
    let mut writes = documents_that_changed(before, after)?;
    for (stream, _, _, rows) in left {
        writes.push(journal(*stream, rows)?);
        for row in rows.iter().filter(|row| row.chain.is_some()) {
            writes.push(end_of_chain(*stream, row));
        }
    }
    for app in &after.apps {
        writes.push(begin(app.id.number(), has_first_address(before, app), left));
        if has_first_address(before, app) {
            writes.extend(forget_delivery(app.id.number()));
        }
    }
    let rerouted = check::rerouted(before, after);
    if !rerouted.is_empty() {
        writes.push(statement!(
            "INSERT INTO baton.changes (stream, version, position, at)
             SELECT stream, $1, position, at FROM unnest($2::integer[], $3::bigint[], $4::bigint[])
                 AS new (stream, position, at)",
            big(after.version),
            streams(left),
            places(left),
            times(left),
        ));
    }
    for page in rerouted {
        writes.extend(reroute(before, after, now, page)?);
    }
    let heads = left.iter().map(|(_, _, position, rows)| rows.last().map_or(*position, |row| row.position));
    writes.push(statement!(
        "UPDATE baton.streams SET head = new.head, last_at = new.at, settings = $1
         FROM unnest($2::integer[], $3::bigint[], $4::bigint[]) AS new (stream, head, at)
         WHERE streams.stream = new.stream",
        big(after.version),
        streams(left),
        heads.map(|head| big(head.0)).collect::<Vec<_>>(),
        times(left),
    ));
    Ok(writes)
}

fn streams(left: &[Left]) -> Vec<i32> {
    left.iter().map(|(stream, ..)| row::stream(*stream)).collect()
}

fn places(left: &[Left]) -> Vec<i64> {
    left.iter().map(|(_, _, position, _)| big(position.0)).collect()
}

fn times(left: &[Left]) -> Vec<i64> {
    left.iter().map(|(_, at, ..)| at.0).collect()
}

/// An app that has no cursors begins at the change, and so does one that is served anew.
fn begin(app: u64, anew: bool, left: &[Left]) -> Write {
    let sql = if anew {
        "INSERT INTO baton.cursors (stream, app, served, start)
         SELECT stream, $1, position, position FROM unnest($2::integer[], $3::bigint[]) AS new (stream, position)
         ON CONFLICT (stream, app) DO UPDATE SET served = excluded.served, start = excluded.start"
    } else {
        "INSERT INTO baton.cursors (stream, app, served, start)
         SELECT stream, $1, position, position FROM unnest($2::integer[], $3::bigint[]) AS new (stream, position)
         ON CONFLICT (stream, app) DO NOTHING"
    };
    statement!(sql, big(app), streams(left), places(left))
}

/// A page on which control may stand otherwise: what it was, and nothing waits any more.
fn reroute(
    before: &Settings,
    after: &Settings,
    now: Timestamp,
    page: PageId,
) -> Result<[Write; 2], StoreError> {
    let document = |settings: &Settings| settings.page(page).map(written).transpose();
    let past = statement!(
        "INSERT INTO baton.past_pages (page, version, before, after) VALUES ($1, $2, $3, $4)",
        big(page.number()),
        big(after.version),
        document(before)?,
        document(after)?,
    );
    // The keys of a page's threads begin with its number and a slash, and a zero comes after the slash.
    let due = statement!(
        "UPDATE baton.due SET at = least(at, $1) WHERE thread >= $2 AND thread < $3",
        now.0,
        format!("{page}/"),
        format!("{page}0"),
    );
    Ok([past, due])
}

/// Writes the documents that changed, and takes away what is gone.
fn documents_that_changed(before: &Settings, after: &Settings) -> Result<Vec<Write>, StoreError> {
    let apps = |settings: &Settings| -> Vec<_> {
        settings.apps.iter().map(|app| (app.id.number(), Arc::clone(app))).collect()
    };
    let pages = |settings: &Settings| -> Vec<_> {
        settings.pages.iter().map(|page| (page.id.number(), Arc::clone(page))).collect()
    };
    let mut writes = Vec::new();
    let app = "INSERT INTO baton.apps (id, ord, document) VALUES ($1, $2, $3)
               ON CONFLICT (id) DO UPDATE SET ord = excluded.ord, document = excluded.document";
    for gone in replace(&mut writes, app, &apps(before), &apps(after))? {
        // What the app had not heard yet is heard by nobody: making dead letters of it is a scan of every
        // stream, and is not built.
        writes.push(statement!("DELETE FROM baton.apps WHERE id = $1", big(gone)));
        writes.push(statement!("DELETE FROM baton.cursors WHERE app = $1", big(gone)));
        writes.extend(forget_delivery(gone));
    }
    let page = "INSERT INTO baton.pages (id, ord, document) VALUES ($1, $2, $3)
                ON CONFLICT (id) DO UPDATE SET ord = excluded.ord, document = excluded.document";
    for gone in replace(&mut writes, page, &pages(before), &pages(after))? {
        writes.push(statement!("DELETE FROM baton.pages WHERE id = $1", big(gone)));
        writes.push(statement!("DELETE FROM baton.assets WHERE page = $1", big(gone)));
    }
    writes.push(statement!("UPDATE baton.facts SET settings_version = $1", big(after.version)));
    Ok(writes)
}

/// Writes what is new, changed or moved, by a statement of (id, ord, document); returns what is gone.
fn replace<T: PartialEq + Serialize>(
    writes: &mut Vec<Write>,
    sql: &'static str,
    before: &[(u64, T)],
    after: &[(u64, T)],
) -> Result<Vec<u64>, StoreError> {
    let mut rest: HashMap<u64, (usize, &T)> =
        before.iter().enumerate().map(|(ord, (id, document))| (*id, (ord, document))).collect();
    for (ord, (id, document)) in after.iter().enumerate() {
        if rest.remove(id) != Some((ord, document)) {
            let place = i32::try_from(ord).unwrap_or(i32::MAX);
            writes.push(statement!(sql, big(*id), place, written(document)?));
        }
    }
    Ok(rest.into_keys().collect())
}

/// Forgets what is kept of the delivery to an app, but its cursors. How tries went is forgotten with the rows that
/// they were for.
fn forget_delivery(app: u64) -> [Write; 4] {
    [
        statement!("DELETE FROM baton.parked WHERE app = $1", big(app)),
        statement!("DELETE FROM baton.dead_letters WHERE app = $1", big(app)),
        statement!("DELETE FROM baton.resends WHERE app = $1", big(app)),
        statement!("DELETE FROM baton.delivery_health WHERE app = $1", big(app)),
    ]
}

/// A document, as it is kept.
pub(super) fn written(document: &impl Serialize) -> Result<String, StoreError> {
    let text = serde_json::to_string(document);
    text.map_err(|error| StoreError::Unavailable(format!("this cannot be written: {error}")))
}
