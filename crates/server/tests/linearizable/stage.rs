//! Where a story is played: at one node over a file, or at several over PostgreSQL, which get into trouble.

use std::sync::Arc;

use rand::rngs::SmallRng;
use serde_json::Value;

use crate::history::{Recorder, Talk};
use crate::journal::Journal;
use crate::model::State;
use crate::node::Node;
use crate::nodes::Nodes;

/// It.
pub(crate) enum Stage {
    One(Node),
    Several(Nodes),
}

impl Stage {
    /// Whether what was taken may be sent again.
    pub(crate) const fn repeats(&self) -> bool {
        matches!(self, Stage::Several(_))
    }

    /// The nodes.
    pub(crate) fn bases(&self) -> Arc<[String]> {
        match self {
            Stage::One(node) => [node.base.clone()].into(),
            Stage::Several(nodes) => nodes.bases(),
        }
    }

    pub(crate) async fn set_up(&self, file: Value) {
        match self {
            Stage::One(node) => node.set_up(file).await,
            Stage::Several(nodes) => nodes.set_up(&file).await,
        }
    }

    pub(crate) async fn stands(&self, talks: &[Talk]) -> State {
        match self {
            Stage::One(node) => node.stands(talks).await,
            Stage::Several(nodes) => nodes.stands(talks).await,
        }
    }

    pub(crate) async fn advance(&self, by_ms: i64) {
        match self {
            Stage::One(node) => node.advance(by_ms).await,
            Stage::Several(nodes) => nodes.advance(by_ms).await,
        }
    }

    pub(crate) async fn journal(&self) -> Journal {
        match self {
            Stage::One(node) => node.journal().await,
            Stage::Several(nodes) => nodes.journal().await,
        }
    }

    /// What befalls nodes while everybody asks.
    pub(crate) async fn trouble(&mut self, recorder: &Recorder, random: &mut SmallRng) {
        match self {
            Stage::One(_) => {}
            Stage::Several(nodes) => nodes.trouble(recorder, random).await,
        }
    }

    pub(crate) async fn stop(self) {
        match self {
            Stage::One(node) => node.stop().await,
            Stage::Several(nodes) => nodes.stop().await,
        }
    }
}
