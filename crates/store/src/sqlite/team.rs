//! The statements about the people who run Baton, and what they did.

use rusqlite::{Connection, OptionalExtension, params};

use super::trouble::Trouble;
use crate::rows::damaged;
use crate::{AUDIT_LINES, AuditLine, StoreError, Team};

pub(super) fn team(db: &Connection) -> Result<Team, Trouble> {
    let text = db.query_row("SELECT document FROM team", [], |row| row.get::<_, String>(0)).optional()?;
    let Some(text) = text else { return Ok(Team::default()) };
    Ok(serde_json::from_str(&text).map_err(|error| damaged("team", "document", 1, error))?)
}

pub(super) fn keep(db: &Connection, team: &Team) -> Result<(), Trouble> {
    let text = written(team)?;
    db.prepare_cached("INSERT OR REPLACE INTO team (one, document) VALUES (1, ?1)")?.execute([text])?;
    Ok(())
}

pub(super) fn audit(db: &Connection, line: &AuditLine) -> Result<(), Trouble> {
    let sql = "INSERT INTO audit (at, document) VALUES (?1, ?2)";
    db.prepare_cached(sql)?.execute(params![line.at.0, written(line)?])?;
    let sql = "DELETE FROM audit WHERE number <= (SELECT max(number) FROM audit) - ?1";
    db.prepare_cached(sql)?.execute([AUDIT_LINES])?;
    Ok(())
}

pub(super) fn audited(
    db: &Connection,
    before: Option<u64>,
    limit: usize,
) -> Result<Vec<(u64, AuditLine)>, Trouble> {
    let sql = "SELECT number, document FROM audit WHERE number < ?1 ORDER BY number DESC LIMIT ?2";
    let mut statement = db.prepare_cached(sql)?;
    let before = before.and_then(|before| i64::try_from(before).ok()).unwrap_or(i64::MAX);
    let mut rows = statement.query(params![before, i64::try_from(limit).unwrap_or(i64::MAX)])?;
    let mut lines = Vec::new();
    while let Some(row) = rows.next()? {
        let (number, text): (u64, String) = (row.get(0)?, row.get(1)?);
        let line =
            serde_json::from_str(&text).map_err(|error| damaged("audit", "document", number, error))?;
        lines.push((number, line));
    }
    Ok(lines)
}

fn written<T: serde::Serialize>(value: &T) -> Result<String, Trouble> {
    serde_json::to_string(value)
        .map_err(|error| StoreError::Unavailable(format!("this cannot be written: {error}")).into())
}
