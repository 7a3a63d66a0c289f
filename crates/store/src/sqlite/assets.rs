//! The statements about a page's assets.

use baton_rules::{PageId, Timestamp};
use bytes::Bytes;
use rusqlite::{Connection, OptionalExtension, params};

use super::trouble::Trouble;
use crate::asset::EXPIRING;
use crate::{Asset, AssetChange, AssetKey, AssetKind};

pub(super) fn asset(db: &Connection, key: &AssetKey) -> Result<Option<Asset>, Trouble> {
    let sql = "SELECT at, document, content FROM assets WHERE page = ?1 AND kind = ?2 AND key = ?3";
    let mut statement = db.prepare_cached(sql)?;
    let found = statement.query_row(params![key.page.number(), key.kind.name(), key.key], |row| {
        let content: Option<Vec<u8>> = row.get(2)?;
        let at = Timestamp(row.get(0)?);
        Ok(Asset { key: key.clone(), at, document: row.get(1)?, content: content.map(Bytes::from) })
    });
    Ok(found.optional()?)
}

pub(super) fn assets(
    db: &Connection,
    page: PageId,
    kind: AssetKind,
    after: &str,
    limit: usize,
) -> Result<Vec<Asset>, Trouble> {
    let sql = "SELECT key, at, document FROM assets WHERE page = ?1 AND kind = ?2 AND key > ?3
               ORDER BY key LIMIT ?4";
    let mut statement = db.prepare_cached(sql)?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let rows = statement.query_map(params![page.number(), kind.name(), after, limit], |row| {
        let key = AssetKey { page, kind, key: row.get(0)? };
        Ok(Asset { key, at: Timestamp(row.get(1)?), document: row.get(2)?, content: None })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

pub(super) fn change(db: &Connection, change: &AssetChange) -> Result<(), Trouble> {
    for key in &change.forget {
        let sql = "DELETE FROM assets WHERE page = ?1 AND kind = ?2 AND key = ?3";
        db.prepare_cached(sql)?.execute(params![key.page.number(), key.kind.name(), key.key])?;
    }
    if let Some((kind, until)) = change.expire {
        // A few at a time: this is a part of a commit that others wait for. The next one goes on.
        let sql = "DELETE FROM assets WHERE (page, kind, key) IN
                       (SELECT page, kind, key FROM assets WHERE kind = ?1 AND at <= ?2 LIMIT ?3)";
        db.prepare_cached(sql)?.execute(params![kind.name(), until.0, EXPIRING])?;
    }
    for asset in &change.keep {
        let sql = "INSERT OR REPLACE INTO assets (page, kind, key, at, document, content)
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
        db.prepare_cached(sql)?.execute(params![
            asset.key.page.number(),
            asset.key.kind.name(),
            asset.key.key,
            asset.at.0,
            asset.document,
            asset.content.as_deref(),
        ])?;
    }
    Ok(())
}
