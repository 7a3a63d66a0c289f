//! Who delivers a stream. A lease is a node's for a while, by the database's clock, and longer if it renews it; its
//! epoch grows when it goes to another. What delivery writes is checked against the epoch in the same transaction
//! ([`super::settle`]), so a node that was paused and does not know that it lost a stream writes nothing of it.
//!
//! Each node wants its share by its place among those that are there. Nodes say that they are there one after another, so
//! all go by the same list; who has too much stops to deliver it before letting it go.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{PoisonError, RwLock};

use baton_rules::Timestamp;
use deadpool_postgres::ClientWrapper;
use tokio_postgres::Row;

use super::Time;
use super::row::{self, big, number, stream_in, time};
use super::settings::written;
use super::settle::health_in;
use super::trouble::Trouble;
use super::work::{Lock, Work, Write, statement};
use crate::{Beat, Beaten, Node, StoreError, Stream};

/// Nodes say that they are there one after another, by this number; it says "BEAT".
pub(super) const TURN: i64 = 0x4245_4154;

/// The epochs of what this process holds. Nobody has ever held a stream whose epoch is 0, so in a database without
/// leases everybody may write.
#[derive(Debug, Default)]
pub(super) struct Held {
    epochs: RwLock<Option<BTreeMap<Stream, i64>>>,
    /// Something of it turned out to be another's.
    has_lost: AtomicBool,
}

impl Held {
    /// What is held, if this process ever asked for anything.
    pub(super) fn streams(&self) -> Option<Vec<Stream>> {
        let held = self.epochs.read().unwrap_or_else(PoisonError::into_inner);
        held.as_ref().map(|held| held.keys().copied().collect())
    }

    pub(super) fn epochs(&self) -> BTreeMap<Stream, i64> {
        self.epochs.read().unwrap_or_else(PoisonError::into_inner).clone().unwrap_or_default()
    }

    pub(super) fn set(&self, held: BTreeMap<Stream, i64>) {
        *self.epochs.write().unwrap_or_else(PoisonError::into_inner) = Some(held);
        self.has_lost.store(false, Ordering::Release);
    }

    /// Another process has something of it.
    pub(super) fn lose(&self) {
        self.has_lost.store(true, Ordering::Release);
    }

    pub(super) fn has_lost(&self) -> bool {
        self.has_lost.load(Ordering::Acquire)
    }
}

/// A node says that it is there.
pub(super) struct Present {
    pub(super) node: String,
    pub(super) beat: Beat,
    /// What it holds as far as it knows.
    pub(super) known: BTreeMap<Stream, i64>,
    /// Whose time decides.
    pub(super) time: Time,
}

/// What was found: each stream's epoch, whose it is, and whether that still holds; who is there; the time.
pub(super) struct Standing {
    leases: Vec<Lease>,
    nodes: BTreeSet<String>,
    /// Whether anybody was there, this node included, before it says so now.
    somebody: bool,
    others_must_be_alone: bool,
    now: Timestamp,
    team: Box<str>,
}

#[derive(Clone, Debug)]
struct Lease {
    stream: Stream,
    epoch: i64,
    node: Option<String>,
    holds: bool,
}

impl Work for Present {
    type Found = Standing;
    type Done = (Beaten, BTreeMap<Stream, i64>);

    fn lock(&self) -> Lock {
        Lock::Beside(Stream(0))
    }

    async fn look(&self, client: &ClientWrapper) -> Result<Standing, Trouble> {
        // A node that is paused in here holds up the others for no longer than this.
        client.batch_execute("SET LOCAL idle_in_transaction_session_timeout = '1s'").await?;
        let turn = client.prepare_cached("SELECT pg_advisory_xact_lock($1)").await?;
        client.execute(&turn, &[&TURN]).await?;
        let nodes = "SELECT node, alone FROM baton.nodes WHERE there_until > clock_timestamp()";
        let nodes = client.prepare_cached(nodes).await?;
        let nodes = client.query(&nodes, &[]).await?;
        let leases = "SELECT stream, epoch, node, coalesce(held_until > clock_timestamp(), false),
                          (extract(epoch FROM clock_timestamp()) * 1000)::bigint,
                          coalesce((SELECT md5(document) FROM baton.team), '')
                      FROM baton.leases ORDER BY stream";
        let leases = client.prepare_cached(leases).await?;
        let leases = client.query(&leases, &[]).await?;
        let mut standing = Standing {
            leases: Vec::with_capacity(leases.len()),
            nodes: BTreeSet::from([self.node.clone()]),
            somebody: !nodes.is_empty(),
            others_must_be_alone: false,
            now: Timestamp(0),
            team: Box::default(),
        };
        for row in &nodes {
            let is_other = standing.nodes.insert(row.try_get(0)?);
            standing.others_must_be_alone |= is_other && row.try_get::<_, bool>(1)?;
        }
        for row in &leases {
            standing.leases.push(Lease {
                stream: stream_in(row, 0)?,
                epoch: row.try_get(1)?,
                node: row.try_get(2)?,
                holds: row.try_get(3)?,
            });
            (standing.now, standing.team) = (time(row, 4)?, row.try_get::<_, &str>(5)?.into());
        }
        Ok(standing)
    }

    async fn decide(
        &self,
        client: &ClientWrapper,
        _: Vec<Row>,
        found: Standing,
    ) -> Result<(Self::Done, Vec<Write>), Trouble> {
        let others = found.nodes.len() - 1;
        if found.others_must_be_alone || (self.beat.alone && others > 0) {
            let text = "another Baton uses this database, and one of the two must be alone: with a virtual clock a \
                        node shares nothing";
            return Err(StoreError::CannotOpen(text.to_owned()).into());
        }
        let mut shares = shares(&self.node, &self.beat, &self.known, &found);
        shares.taken = self.free_of(client, &shares.taken).await?;
        let epochs: BTreeMap<Stream, i64> = (found.leases.iter())
            .filter_map(|lease| match () {
                () if shares.kept.contains(&lease.stream) => Some((lease.stream, lease.epoch)),
                () if shares.taken.contains(&lease.stream) => Some((lease.stream, lease.epoch + 1)),
                () => None,
            })
            .collect();
        let now = (self.time == Time::Database).then_some(found.now);
        let mut writes = self.writes(&epochs);
        let back = (!found.somebody).then(|| now.map_or(self.beat.lived_ms, |now| now.0));
        if let Some(lived) = back {
            writes.extend(come_back(client, lived).await?);
        }
        let beaten = Beaten {
            held: epochs.keys().copied().collect(),
            surplus: shares.surplus,
            nodes: found.nodes.len(),
            now,
            back,
            team: found.team,
        };
        Ok(((beaten, epochs), writes))
    }
}

impl Present {
    /// Those that nobody is just recording anything of: a node that was paused in the middle of that keeps a stream until
    /// the database ends it, and everybody else goes on.
    async fn free_of(
        &self,
        client: &ClientWrapper,
        wanted: &BTreeSet<Stream>,
    ) -> Result<BTreeSet<Stream>, Trouble> {
        if wanted.is_empty() {
            return Ok(BTreeSet::new());
        }
        let sql = "SELECT stream FROM baton.leases WHERE stream = ANY ($1) FOR UPDATE SKIP LOCKED";
        let wanted: Vec<i32> = wanted.iter().map(|stream| row::stream(*stream)).collect();
        let statement = client.prepare_cached(sql).await?;
        let rows = client.query(&statement, &[&wanted]).await?;
        rows.iter().map(|row| stream_in(row, 0)).collect()
    }

    fn writes(&self, epochs: &BTreeMap<Stream, i64>) -> Vec<Write> {
        let lasting = i64::try_from(self.beat.lasting.as_millis()).unwrap_or(i64::MAX);
        let streams: Vec<i32> = epochs.keys().map(|stream| row::stream(*stream)).collect();
        vec![
            statement!(
                "UPDATE baton.leases SET node = NULL, held_until = NULL WHERE node = $1 AND stream <> ALL ($2)",
                self.node.clone(),
                streams.clone(),
            ),
            statement!(
                "UPDATE baton.leases SET epoch = new.epoch, node = $3,
                     held_until = clock_timestamp() + $4::bigint * interval '1 millisecond'
                 FROM unnest($1::integer[], $2::bigint[]) AS new (stream, epoch) WHERE leases.stream = new.stream",
                streams,
                epochs.values().copied().collect::<Vec<_>>(),
                self.node.clone(),
                lasting,
            ),
            statement!(
                "INSERT INTO baton.nodes (node, name, version, alone, there_until, waiting, oldest)
                 VALUES ($1, $2, $3, $4, clock_timestamp() + $5::bigint * interval '1 millisecond', $6, $7)
                 ON CONFLICT (node) DO UPDATE SET
                     there_until = excluded.there_until, waiting = excluded.waiting, oldest = excluded.oldest",
                self.node.clone(),
                self.beat.name.to_string(),
                self.beat.version.to_string(),
                self.beat.alone,
                lasting,
                big(self.beat.waiting),
                self.beat.oldest.map(|at| at.0),
            ),
            // One that is gone and came back by its name is not told of twice.
            statement!(
                "DELETE FROM baton.nodes WHERE there_until < now() - interval '1 hour'
                     OR name = $1 AND node <> $2 AND there_until < clock_timestamp()",
                self.beat.name.to_string(),
                self.node.clone(),
            ),
        ]
    }
}

/// Somebody is there again: what apps did until then does not count the time between.
async fn come_back(client: &ClientWrapper, lived: i64) -> Result<Vec<Write>, Trouble> {
    let sql = "SELECT app, document FROM baton.delivery_health ORDER BY app FOR UPDATE";
    let statement = client.prepare_cached(sql).await?;
    let mut writes = Vec::new();
    for row in &client.query(&statement, &[]).await? {
        let (app, mut health) = health_in(row)?;
        let before = health.clone();
        health.back(lived);
        if health != before {
            writes.push(statement!(
                "UPDATE baton.delivery_health SET document = $2 WHERE app = $1",
                big(app.number()),
                written(&health)?,
            ));
        }
    }
    Ok(writes)
}

/// What a node does about the streams.
#[derive(Debug, Default, PartialEq, Eq)]
struct Shares {
    /// It has them and renews them.
    kept: BTreeSet<Stream>,
    /// Those among them that are more than its share.
    surplus: BTreeSet<Stream>,
    /// Nobody has them.
    taken: BTreeSet<Stream>,
}

/// By how many streams there are, how many nodes, and which of them this is.
fn shares(own: &str, beat: &Beat, known: &BTreeMap<Stream, i64>, found: &Standing) -> Shares {
    let (streams, nodes) = (found.leases.len(), found.nodes.len());
    let place = found.nodes.iter().position(|node| node == own).unwrap_or(0);
    let share = streams / nodes + usize::from(place < streams % nodes);
    let is_own = |lease: &&Lease| lease.node.as_deref() == Some(own);
    // What another had in between is not the same any more, also where it is nobody's now.
    let is_known = |lease: &&Lease| known.get(&lease.stream) == Some(&lease.epoch);
    let kept: BTreeSet<Stream> = (found.leases.iter())
        .filter(|lease| is_own(lease) && is_known(lease) && !beat.ended.contains(&lease.stream))
        .map(|lease| lease.stream)
        .collect();
    let surplus = kept.iter().copied().skip(share).collect();
    let free = |lease: &&Lease| !lease.holds || lease.node.is_none();
    let strange = |stream: &Stream| {
        beat.ended.contains(stream) || beat.shunned.contains(stream) || known.contains_key(stream)
    };
    let taken = (found.leases.iter())
        .filter(|lease| free(lease) && !strange(&lease.stream))
        .map(|lease| lease.stream)
        .take(share.saturating_sub(kept.len()))
        .collect();
    Shares { kept, surplus, taken }
}

/// A node and what it delivers, a row for each; of those that are gone, nothing.
pub(super) const NODES: &str = "SELECT nodes.node, name, version, (extract(epoch FROM since) * 1000)::bigint,
        (extract(epoch FROM there_until - clock_timestamp()) * 1000)::bigint, waiting, oldest,
        ARRAY (SELECT stream FROM baton.leases
               WHERE leases.node = nodes.node AND held_until > clock_timestamp() ORDER BY stream)
    FROM baton.nodes ORDER BY name, since, nodes.node";

pub(super) fn node(row: &Row, own: &str) -> Result<Node, Trouble> {
    let id: &str = row.try_get(0)?;
    let streams: Vec<i32> = row.try_get(7)?;
    let oldest: Option<i64> = row.try_get(6)?;
    Ok(Node {
        id: id.into(),
        name: row.try_get::<_, &str>(1)?.into(),
        version: row.try_get::<_, &str>(2)?.into(),
        since: time(row, 3)?,
        there_for_ms: row.try_get(4)?,
        is_this: id == own,
        streams: streams.into_iter().filter_map(|stream| u16::try_from(stream).ok().map(Stream)).collect(),
        waiting: number(row, 5)?,
        oldest: oldest.map(Timestamp),
    })
}

/// Lets go of what this process holds, and takes it from the list, so that others need not wait.
pub(super) fn leave(node: &str, held: &BTreeMap<Stream, i64>) -> Vec<Write> {
    vec![
        statement!(
            "UPDATE baton.leases SET node = NULL, held_until = NULL
             FROM unnest($1::integer[], $2::bigint[]) AS own (stream, epoch)
             WHERE leases.stream = own.stream AND leases.epoch = own.epoch",
            held.keys().map(|stream| row::stream(*stream)).collect::<Vec<_>>(),
            held.values().copied().collect::<Vec<_>>(),
        ),
        statement!("DELETE FROM baton.nodes WHERE node = $1", node.to_owned()),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lease(stream: u16, epoch: i64, node: Option<&str>, holds: bool) -> Lease {
        Lease { stream: Stream(stream), epoch, node: node.map(str::to_owned), holds }
    }

    fn found(nodes: &[&str], leases: Vec<Lease>) -> Standing {
        let nodes = nodes.iter().map(|node| (*node).to_owned()).collect();
        Standing {
            leases,
            nodes,
            somebody: true,
            others_must_be_alone: false,
            now: Timestamp(0),
            team: Box::default(),
        }
    }

    fn set(streams: &[u16]) -> BTreeSet<Stream> {
        streams.iter().copied().map(Stream).collect()
    }

    fn known(streams: &[(u16, i64)]) -> BTreeMap<Stream, i64> {
        streams.iter().map(|(stream, epoch)| (Stream(*stream), *epoch)).collect()
    }

    #[test]
    fn shares_are_even_and_add_up() {
        let free = || (0..16).map(|stream| lease(stream, 0, None, false)).collect();
        let nodes = ["a", "b", "c"];
        let each =
            nodes.map(|node| shares(node, &Beat::default(), &known(&[]), &found(&nodes, free())).taken.len());
        assert_eq!(each, [6, 5, 5]);
        assert_eq!(shares("a", &Beat::default(), &known(&[]), &found(&["a"], free())).taken.len(), 16);
    }

    #[test]
    fn what_is_too_much_is_kept_until_its_delivery_has_ended() {
        let all = || vec![lease(0, 1, Some("a"), true), lease(1, 1, Some("a"), true)];
        let held = known(&[(0, 1), (1, 1)]);
        let first = shares("a", &Beat::default(), &held, &found(&["a", "b"], all()));
        assert_eq!((first.kept, first.surplus), (set(&[0, 1]), set(&[1])));
        let other = shares("b", &Beat::default(), &known(&[]), &found(&["a", "b"], all()));
        assert_eq!(other, Shares::default(), "nothing is free yet");
        let ended = Beat { ended: set(&[1]), ..Beat::default() };
        let then = shares("a", &ended, &held, &found(&["a", "b"], all()));
        assert_eq!((then.kept, then.surplus, then.taken), (set(&[0]), set(&[]), set(&[])));
    }

    #[test]
    fn what_another_had_in_between_is_lost_first_and_taken_anew_later() {
        // It was another's, which is gone too.
        let gone = || vec![lease(0, 7, Some("b"), false)];
        let lost = shares("a", &Beat::default(), &known(&[(0, 5)]), &found(&["a"], gone()));
        assert_eq!(lost, Shares::default());
        let shunned = Beat { shunned: set(&[0]), ..Beat::default() };
        assert_eq!(shares("a", &shunned, &known(&[]), &found(&["a"], gone())), Shares::default());
        let anew = shares("a", &Beat::default(), &known(&[]), &found(&["a"], gone()));
        assert_eq!(anew.taken, set(&[0]));
        // Its own by an epoch that it does not know, because what it was told of that never arrived, is let go.
        let own = || vec![lease(0, 7, Some("a"), true)];
        for heard in [known(&[]), known(&[(0, 5)])] {
            let unheard = shares("a", &Beat::default(), &heard, &found(&["a"], own()));
            assert_eq!(unheard, Shares::default());
        }
        // What ran out and nobody took is kept as it was.
        let late = shares(
            "a",
            &Beat::default(),
            &known(&[(0, 7)]),
            &found(&["a"], vec![lease(0, 7, Some("a"), false)]),
        );
        assert_eq!(late.kept, set(&[0]));
    }
}
