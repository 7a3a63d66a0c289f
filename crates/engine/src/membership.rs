//! Being one of several nodes: says again and again that it is there, takes its share of the streams, stops to deliver what
//! it shall let go, and hears what only other nodes know.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use baton_store::{Beat, Beaten, Node, Settings, StoreError, Stream};
use tokio::sync::watch;

use crate::clock::{Stopwatch, pause};
use crate::delivery::{self, Errand};
use crate::engine::{Engine, Shared};

/// Beats in the time for which one holds.
const BEATS: u32 = 6;
/// How often what is known of apps is put together, in beats.
const HEALTH: u64 = 3;

/// What a node says of itself.
#[derive(Clone, Debug)]
pub struct Member {
    /// What people call it.
    pub name: Box<str>,
    /// The version of the program.
    pub version: Box<str>,
    /// Whether no other may be there: its clock is its own.
    pub alone: bool,
    /// How long after it was last heard of others deliver in its place.
    pub lease: Duration,
    /// Names what other nodes changed of the settings, as whoever changes them here does
    /// ([`Engine::configure_telling`](crate::Engine::configure_telling)).
    pub names: fn(&Settings, &Settings) -> Vec<Box<str>>,
}

impl Default for Member {
    fn default() -> Self {
        Self {
            name: "node".into(),
            version: "".into(),
            alone: false,
            lease: Duration::from_secs(10),
            names: |_, _| Vec::new(),
        }
    }
}

impl Member {
    /// How long a beat holds: so much shorter that whoever looks next still does so within the lease.
    fn lasting(&self) -> Duration {
        self.lease * 3 / 4
    }

    /// How long to wait between two beats.
    fn between(&self) -> Duration {
        self.lasting() / BEATS
    }
}

/// What this node knows of the others.
pub(crate) struct Membership {
    pub(crate) member: Member,
    surplus: Mutex<BTreeSet<Stream>>,
    /// Changes when another node changed who may sign in.
    team: watch::Sender<Box<str>>,
}

impl Membership {
    pub(crate) fn new(member: Member) -> Self {
        Self { member, surplus: Mutex::default(), team: watch::Sender::default() }
    }
}

/// Beats until the engine stops.
pub(crate) async fn run(shared: Arc<Shared>) {
    let between_ms = u64::try_from(shared.membership.member.between().as_millis()).unwrap_or(u64::MAX);
    let (mut beats, mut is_told) = (0_u64, false);
    loop {
        tokio::select! {
            biased;
            () = shared.stopping.cancelled() => return,
            () = pause(between_ms) => {}
        }
        beats += 1;
        match beat(&shared).await {
            Ok(()) if is_told => {
                tracing::info!("this node is there again");
                is_told = false;
            }
            Ok(()) => {}
            Err(error) if !is_told => {
                tracing::warn!(%error, "this node cannot say that it is there, and soon delivers nothing");
                is_told = true;
            }
            Err(_) => {}
        }
        if !is_told
            && beats.is_multiple_of(HEALTH)
            && let Err(error) = put_together(&shared).await
        {
            tracing::debug!(%error, "what other nodes know of apps was not read");
        }
    }
}

/// Says once that this node is there, and does what follows from the answer.
pub(crate) async fn beat(shared: &Arc<Shared>) -> Result<(), StoreError> {
    let Some(nodes) = shared.store.nodes() else { return Ok(()) };
    let Membership { member, surplus, .. } = &shared.membership;
    // Before it is asked: what it holds by its own watch ends before it ends by the database's.
    let since = Stopwatch::start();
    let in_lanes = shared.delivery.streams();
    let to_go = surplus.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let delivered = shared.holding.streams();
    let (waiting, oldest) = shared.delivery.waiting();
    let asked_at = shared.own_time();
    let beat = Beat {
        name: member.name.clone(),
        version: member.version.clone(),
        alone: member.alone,
        lasting: member.lasting(),
        ended: to_go.iter().copied().filter(|stream| !in_lanes.contains(stream)).collect(),
        shunned: in_lanes.iter().copied().filter(|stream| !delivered.contains(stream)).collect(),
        waiting,
        oldest,
        lived_ms: shared.clock.lived_ms(),
    };
    let Beaten { held, surplus: too_much, team, now, back, .. } = nodes.beat(beat).await?;
    if let (Some(agreed), Some(asked_at), Some(now)) = (&shared.agreed, asked_at, now) {
        agreed.heard(asked_at, now, agreed.own());
    }
    if let Some(lived) = back {
        // Before anything is begun: what was known here counts that time.
        shared.delivery.health().values_mut().for_each(|health| health.back(lived));
    }
    let streams: BTreeSet<Stream> = held.difference(&too_much).copied().collect();
    *surplus.lock().unwrap_or_else(PoisonError::into_inner) = too_much;
    let lasting_ms = u64::try_from(member.lasting().as_millis()).unwrap_or(u64::MAX);
    if *delivered != streams {
        tracing::info!(before = delivered.len(), now = streams.len(), "this node delivers other streams");
    }
    if shared.holding.set(streams, since, lasting_ms) {
        shared.dues.news.notify_one();
        shared.store.settings().apps.iter().for_each(|app| delivery::wake(shared, app.id));
    }
    shared.membership.team.send_if_modified(|known| {
        let changed = *known != team;
        *known = team;
        changed
    });
    // Whoever asked for something to be sent again may have asked another node.
    for (app, to) in shared.store.errands().await? {
        let errand = Errand::again(app, &to);
        if shared.delivery.books(&errand).is_none() {
            delivery::wake_for(shared, errand);
        }
    }
    Ok(())
}

/// Hears how apps do elsewhere.
async fn put_together(shared: &Arc<Shared>) -> Result<(), StoreError> {
    let Some(nodes) = shared.store.nodes() else { return Ok(()) };
    let mut resumed = Vec::new();
    {
        let kept = nodes.health().await?;
        let mut all = shared.delivery.health();
        for (app, kept) in kept {
            let known = all.entry(app).or_default();
            let was_disabled = known.disabled.is_some();
            *known = known.and(&kept);
            if was_disabled && known.disabled.is_none() {
                resumed.push(app);
            }
        }
    }
    resumed.into_iter().for_each(|app| delivery::resume(shared, app));
    Ok(())
}

impl Engine {
    /// The nodes that use the database; none where it is one process' alone.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the store cannot be asked.
    pub async fn nodes(&self) -> Result<Option<Vec<Node>>, StoreError> {
        match self.shared().store.nodes() {
            Some(nodes) => nodes.nodes().await.map(Some),
            None => Ok(None),
        }
    }

    /// Changes when another node changed who may sign in.
    pub fn team_news(&self) -> watch::Receiver<Box<str>> {
        self.shared().membership.team.subscribe()
    }

    /// Whether several nodes may use the database.
    pub fn shares_its_database(&self) -> bool {
        self.shared().store.nodes().is_some()
    }

    /// How many streams there are.
    pub fn streams(&self) -> u16 {
        self.shared().store.streams()
    }
}
