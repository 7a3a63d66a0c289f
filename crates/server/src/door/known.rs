//! Who may sign in, as this node knows it. Other nodes of the database change it too: whoever comes with something of it is
//! judged by what it is at that moment, and what this node knows is for what asks nobody (lists, streams that are open).

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use baton_engine::{Clock, Engine};
use baton_rules::Timestamp;
use baton_store::{StoreError, Team};
use tokio::sync::{Mutex, watch};
use tokio_util::sync::CancellationToken;

use crate::problem::{self, Problem};

/// How often a change of the team is tried that other nodes were faster with.
const CHANGES: usize = 5;
/// How long after a failure to ask once more who may sign in, in milliseconds.
const AGAIN_MS: i64 = 1_000;

/// Who may sign in.
pub(super) struct Known {
    engine: Engine,
    team: watch::Sender<Arc<Team>>,
    /// How many asked for the newest.
    asked: AtomicU64,
    /// How many of them are served by the looks so far. Held by who looks, and by who changes it: one at a time, each on
    /// disk before the next.
    turn: Mutex<u64>,
}

impl Known {
    pub(super) async fn of(engine: Engine) -> Result<Self, StoreError> {
        let (team, _) = watch::channel(Arc::new(engine.team().await?));
        Ok(Self { engine, team, asked: AtomicU64::new(0), turn: Mutex::default() })
    }

    /// What was known last.
    pub(super) fn team(&self) -> Arc<Team> {
        Arc::clone(&self.team.borrow())
    }

    /// Says when it is another.
    pub(super) fn news(&self) -> watch::Receiver<Arc<Team>> {
        self.team.subscribe()
    }

    /// Who may sign in at this moment. However many ask at once, strangers with what they made up among them, one look
    /// serves all who came before it.
    pub(super) async fn newest(&self) -> Result<Arc<Team>, StoreError> {
        if !self.engine.shares_its_database() {
            return Ok(self.team());
        }
        let own = self.asked.fetch_add(1, Ordering::AcqRel);
        let mut served = self.turn.lock().await;
        if own >= *served {
            let serves = self.asked.load(Ordering::Acquire);
            self.look().await?;
            *served = serves;
        }
        Ok(self.team())
    }

    /// Changes the team, as it is now: on disk first, and then for everybody. Another node may be faster: then once more,
    /// by what it is then.
    pub(super) async fn change<T>(
        &self,
        make: impl Fn(&mut Team) -> Result<T, Problem>,
    ) -> Result<T, Problem> {
        let _turn = self.turn.lock().await;
        for _ in 0..CHANGES {
            self.look().await?;
            let known = Team::clone(&self.team());
            let mut team = known.clone();
            let made = make(&mut team)?;
            if self.engine.change_team(known, team.clone()).await? {
                self.publish(team);
                return Ok(made);
            }
        }
        Err(Problem::new(&problem::UNAVAILABLE))
    }

    /// Looks whenever another node says that it changed something, until the server stops: nobody need ask for what is
    /// open to end.
    pub(super) async fn follow(&self, wall: &dyn Clock, stopping: CancellationToken) {
        let mut news = self.engine.team_news();
        loop {
            let again = match self.newest().await {
                Ok(_) => None,
                Err(error) => {
                    tracing::warn!(%error, "who may sign in was not read");
                    Some(Timestamp(wall.now().0 + AGAIN_MS))
                }
            };
            tokio::select! {
                biased;
                () = stopping.cancelled() => return,
                // Whoever was sent away must not stay until the next news.
                () = wall.sleep_until(again.unwrap_or(Timestamp(i64::MAX))), if again.is_some() => {}
                changed = news.changed() => if changed.is_err() { return },
            }
        }
    }

    /// Reads it, where somebody else may have changed it. Only in one's turn: what is read later is newer.
    async fn look(&self) -> Result<(), StoreError> {
        if self.engine.shares_its_database() {
            self.publish(self.engine.team().await?);
        }
        Ok(())
    }

    fn publish(&self, team: Team) {
        self.team.send_if_modified(|known| {
            let is_other = **known != team;
            if is_other {
                *known = Arc::new(team);
            }
            is_other
        });
    }
}
