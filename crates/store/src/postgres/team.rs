//! Who may sign in: one document, which several nodes may want to change at once.

use deadpool_postgres::ClientWrapper;
use tokio_postgres::Row;

use super::settings::written;
use super::trouble::Trouble;
use super::work::{Lock, Work, Write, statement};
use crate::rows::damaged;
use crate::{Stream, Team};

/// A change of a team that is known, into another one.
pub(super) struct ChangeTeam {
    pub(super) before: Team,
    pub(super) after: Team,
}

impl Work for ChangeTeam {
    type Found = Team;
    /// Whether it still was what was known.
    type Done = bool;

    /// There may be no document yet to lock: a stream's row is there, and the change is rare.
    fn lock(&self) -> Lock {
        Lock::Alone(Stream(0))
    }

    async fn look(&self, client: &ClientWrapper) -> Result<Team, Trouble> {
        let statement = client.prepare_cached("SELECT document FROM baton.team").await?;
        team_in(client.query_opt(&statement, &[]).await?.as_ref())
    }

    async fn decide(
        &self,
        _: &ClientWrapper,
        _: Vec<Row>,
        kept: Team,
    ) -> Result<(bool, Vec<Write>), Trouble> {
        if kept != self.before {
            return Ok((false, Vec::new()));
        }
        Ok((true, vec![write(&written(&self.after)?)]))
    }
}

pub(super) fn write(document: &str) -> Write {
    statement!(
        "INSERT INTO baton.team (one, document) VALUES (true, $1)
         ON CONFLICT (one) DO UPDATE SET document = excluded.document",
        document.to_owned(),
    )
}

/// Nobody, where there is no document.
pub(super) fn team_in(row: Option<&Row>) -> Result<Team, Trouble> {
    let Some(row) = row else { return Ok(Team::default()) };
    let team = serde_json::from_str(row.try_get(0)?);
    Ok(team.map_err(|wrong| damaged("team", "document", 1, wrong))?)
}
