//! The statements about a page's assets: used by themselves, and in the transaction of a decision that keeps one.

use tokio_postgres::Row;

use super::read::stream_of_page;
use super::row::{self, big, free, time};
use super::trouble::Trouble;
use super::work::{Write, statement};
use crate::asset::EXPIRING;
use crate::{Asset, AssetChange, AssetKey};

/// One of a page's assets, by its stream, page, kind and key.
pub(super) const ASSET: &str = "SELECT at, document, content FROM baton.assets
                                WHERE stream = $1 AND page = $2 AND kind = $3 AND key = $4";

/// A row of [`ASSET`].
pub(super) fn asset(key: &AssetKey, row: &Row) -> Result<Asset, Trouble> {
    let document: &str = row.try_get(1)?;
    let content: Option<&[u8]> = row.try_get(2)?;
    let content = content.map(bytes::Bytes::copy_from_slice);
    Ok(Asset { key: key.clone(), at: time(row, 0)?, document: document.into(), content })
}

pub(super) fn asset_writes(change: &AssetChange, streams: u16) -> Vec<Write> {
    let mut writes = Vec::new();
    for key in &change.forget {
        writes.push(statement!(
            "DELETE FROM baton.assets WHERE stream = $1 AND page = $2 AND kind = $3 AND key = $4",
            row::stream(stream_of_page(key.page, streams)),
            big(key.page.number()),
            key.kind.name(),
            free(&key.key),
        ));
    }
    if let Some((kind, until)) = change.expire {
        // A few at a time: this is a part of a commit that others wait for. The next one goes on.
        let sql = "DELETE FROM baton.assets WHERE (stream, page, kind, key) IN
                       (SELECT stream, page, kind, key FROM baton.assets WHERE kind = $1 AND at <= $2 LIMIT $3)";
        writes.push(statement!(sql, kind.name(), until.0, EXPIRING));
    }
    for asset in &change.keep {
        writes.push(statement!(
            "INSERT INTO baton.assets (stream, page, kind, key, at, document, content)
             VALUES ($1, $2, $3, $4, $5, $6, $7)
             ON CONFLICT (stream, page, kind, key) DO UPDATE SET
                 at = excluded.at, document = excluded.document, content = excluded.content",
            row::stream(stream_of_page(asset.key.page, streams)),
            big(asset.key.page.number()),
            asset.key.kind.name(),
            free(&asset.key.key),
            asset.at.0,
            asset.document.to_string(),
            asset.content.clone().map(row::Raw),
        ));
    }
    writes
}
