//! Who delivers a stream. A lease is a node's for a while, by the database's clock, and longer if it renews it; its
//! epoch grows when it goes to another. What delivery writes is checked against the epoch in the same transaction
//! ([`super::settle`]), so a node that was paused and does not know that it lost a stream writes nothing of it.

use std::collections::BTreeMap;
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use deadpool_postgres::ClientWrapper;
use tokio_postgres::Row;

use super::row::{self, stream_in};
use super::trouble::Trouble;
use super::work::{Lock, Work, Write, statement};
use crate::Stream;

/// The epochs of what this process holds. Nobody has ever held a stream whose epoch is 0, so in a database without
/// leases everybody may write.
#[derive(Debug, Default)]
pub(super) struct Held(RwLock<BTreeMap<Stream, i64>>);

impl Held {
    pub(super) fn epoch(&self, stream: Stream) -> i64 {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(&stream).copied().unwrap_or(0)
    }

    pub(super) fn streams(&self) -> Vec<Stream> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).keys().copied().collect()
    }

    pub(super) fn set(&self, held: BTreeMap<Stream, i64>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = held;
    }
}

/// Takes, of some streams, those that are free, and renews those that are this node's; all others that it had are
/// another's now, or let go.
pub(super) struct Claim {
    pub(super) node: String,
    pub(super) wanted: Vec<Stream>,
    pub(super) lasting: Duration,
}

impl Work for Claim {
    /// Streams that can be had, each with its epoch and whether it is this node's already.
    type Found = Vec<(Stream, i64, bool)>;
    type Done = BTreeMap<Stream, i64>;

    fn lock(&self) -> Lock {
        Lock::Beside(Stream(0))
    }

    async fn look(&self, client: &ClientWrapper) -> Result<Self::Found, Trouble> {
        let sql = "SELECT stream, epoch, node = $2 AND held_until > clock_timestamp() FROM baton.leases
                   WHERE stream = ANY ($1)
                       AND (node IS NULL OR node = $2 OR held_until IS NULL OR held_until <= clock_timestamp())
                   ORDER BY stream FOR UPDATE";
        let wanted: Vec<i32> = self.wanted.iter().map(|stream| row::stream(*stream)).collect();
        let statement = client.prepare_cached(sql).await?;
        let rows = client.query(&statement, &[&wanted, &self.node]).await?;
        let found = rows.iter().map(|row| {
            let own: Option<bool> = row.try_get(2)?;
            Ok((stream_in(row, 0)?, row.try_get(1)?, own.unwrap_or(false)))
        });
        found.collect()
    }

    async fn decide(
        &self,
        _: &ClientWrapper,
        _: Vec<Row>,
        found: Self::Found,
    ) -> Result<(Self::Done, Vec<Write>), Trouble> {
        let epoch = |epoch: i64, own: bool| if own { epoch } else { epoch + 1 };
        let held: BTreeMap<_, _> =
            found.into_iter().map(|(stream, last, own)| (stream, epoch(last, own))).collect();
        let left = statement!(
            "UPDATE baton.leases SET node = NULL, held_until = NULL WHERE node = $1 AND stream <> ALL ($2)",
            self.node.clone(),
            held.keys().map(|stream| row::stream(*stream)).collect::<Vec<_>>(),
        );
        let milliseconds = i64::try_from(self.lasting.as_millis()).unwrap_or(i64::MAX);
        let taken = statement!(
            "UPDATE baton.leases SET epoch = new.epoch, node = $3,
                 held_until = clock_timestamp() + $4::bigint * interval '1 millisecond'
             FROM unnest($1::integer[], $2::bigint[]) AS new (stream, epoch) WHERE leases.stream = new.stream",
            held.keys().map(|stream| row::stream(*stream)).collect::<Vec<_>>(),
            held.values().copied().collect::<Vec<_>>(),
            self.node.clone(),
            milliseconds,
        );
        Ok((held, vec![left, taken]))
    }
}

/// Lets go of what this process holds, so that others need not wait.
pub(super) fn release(held: &[(Stream, i64)]) -> Write {
    statement!(
        "UPDATE baton.leases SET node = NULL, held_until = NULL
         FROM unnest($1::integer[], $2::bigint[]) AS own (stream, epoch)
         WHERE leases.stream = own.stream AND leases.epoch = own.epoch",
        held.iter().map(|(stream, _)| row::stream(*stream)).collect::<Vec<_>>(),
        held.iter().map(|(_, epoch)| *epoch).collect::<Vec<_>>(),
    )
}
