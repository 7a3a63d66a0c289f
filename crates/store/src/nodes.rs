//! Several processes over one store: who is there, and which of them delivers a stream.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use baton_rules::{AppId, Timestamp};
use futures_util::future::BoxFuture;

use crate::{DeliveryHealth, JournalRow, Position, StoreError, Stream, Team};

/// What a store of several processes can be asked beside everything else.
///
/// Every stream is delivered by one node at a time, which *holds* it: for a while, by the store's own clock, and longer if
/// it says so again. What a node records of the delivery of a stream that it does not hold any more is passed over.
pub trait Nodes: Send + Sync {
    /// Says that this node is there, takes its share of the streams, and renews what it has.
    ///
    /// # Errors
    /// [`StoreError::CannotOpen`] where one of the nodes must be alone and is not.
    fn beat(&self, beat: Beat) -> BoxFuture<'_, Result<Beaten, StoreError>>;

    /// Who is there, or was until an hour ago, by name.
    fn nodes(&self) -> BoxFuture<'_, Result<Vec<Node>, StoreError>>;

    /// Whether something that this node recorded since it last said that it is there was passed over, because another one
    /// holds the stream by then.
    fn has_lost(&self) -> bool;

    /// Rows of a stream after a position, whoever hears them: at most `limit`.
    fn rows(
        &self,
        stream: Stream,
        after: Position,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<Arc<JournalRow>>, StoreError>>;

    /// How all apps do, as nodes recorded it.
    fn health(&self) -> BoxFuture<'_, Result<Vec<(AppId, DeliveryHealth)>, StoreError>>;

    /// Keeps who may sign in, if it still is who could `before`; false: another node changed it.
    fn change_team(&self, before: Team, after: Team) -> BoxFuture<'_, Result<bool, StoreError>>;
}

/// What a node says of itself.
#[derive(Clone, Debug, Default)]
pub struct Beat {
    /// What people call it.
    pub name: Box<str>,
    /// The version of its program.
    pub version: Box<str>,
    /// Whether no other may be there.
    pub alone: bool,
    /// For how long this holds.
    pub lasting: Duration,
    /// Streams that it has stopped to deliver: they are let go.
    pub ended: BTreeSet<Stream>,
    /// Streams that it does not take: something of an earlier time is still under way.
    pub shunned: BTreeSet<Stream>,
    /// Events that it has read and not delivered.
    pub waiting: u64,
    /// When the oldest of them was committed.
    pub oldest: Option<Timestamp>,
    /// How long its clock has lived, in milliseconds, where the store does not go by a clock of its own.
    pub lived_ms: i64,
}

/// What a node is told in return.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Beaten {
    /// Streams that it holds from now on.
    pub held: BTreeSet<Stream>,
    /// Those among them that it shall stop to deliver, so that others get their share.
    pub surplus: BTreeSet<Stream>,
    /// Nodes that are there, itself included.
    pub nodes: usize,
    /// The time that decides, where that is the store's own; none: it is that of whoever asks.
    pub now: Option<Timestamp>,
    /// Nobody was there until now, this node included: since when that is over, by the clock that no advance moves. What is
    /// kept of how apps do has that time left out already.
    pub back: Option<i64>,
    /// Changes when who may sign in does.
    pub team: Box<str>,
}

/// A node, as it last said of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Drawn at its start.
    pub id: Box<str>,
    /// What people call it.
    pub name: Box<str>,
    /// The version of its program.
    pub version: Box<str>,
    /// Since when.
    pub since: Timestamp,
    /// For how many milliseconds more it is taken to be there; negative: it is gone for so long.
    pub there_for_ms: i64,
    /// Whether it is the one that is asked.
    pub is_this: bool,
    /// What it delivers.
    pub streams: Vec<Stream>,
    /// Events that it has read and not delivered.
    pub waiting: u64,
    /// When the oldest of them was committed.
    pub oldest: Option<Timestamp>,
}
