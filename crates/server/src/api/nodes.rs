//! `GET /nodes`: who uses the database, and which streams each delivers.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use baton_store::Node;
use schemars::JsonSchema;
use serde::Serialize;

use super::operation::Operation;
use super::values::Moment;
use crate::door::Needs;
use crate::problem::{self, Problem};
use crate::serve::Shared;

/// The nodes that use the database.
#[derive(Debug, Serialize, JsonSchema)]
struct Nodes {
    /// By name; one that is gone is here for an hour more, or until one of its name is there.
    nodes: Vec<OneNode>,
    /// Streams that no node delivers now.
    undelivered: Vec<u16>,
}

/// A node.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Node")]
struct OneNode {
    /// Drawn at its start.
    id: String,
    name: String,
    /// Of its program.
    version: String,
    /// Whether it is the one that answers.
    this: bool,
    /// Whether it was heard of within its lease.
    there: bool,
    /// When it started.
    since: Moment,
    /// The streams that it delivers.
    streams: Vec<u16>,
    /// Webhook events that it has read and not delivered yet, as it said last.
    waiting: u64,
    /// When the oldest of these was committed.
    #[serde(skip_serializing_if = "Option::is_none")]
    oldest_waiting: Option<Moment>,
}

impl From<Node> for OneNode {
    fn from(node: Node) -> Self {
        Self {
            id: node.id.into(),
            name: node.name.into(),
            version: node.version.into(),
            this: node.is_this,
            there: node.there_for_ms > 0,
            since: Moment(node.since),
            streams: node.streams.into_iter().map(|stream| stream.0).collect(),
            waiting: node.waiting,
            oldest_waiting: node.oldest.map(Moment),
        }
    }
}

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation::get("/nodes", "listNodes", list)
            .needs(Needs::SignedIn)
            .says(
                "Server",
                "Who uses the database",
                "Several nodes may use one PostgreSQL database. Each answers every call; each stream is delivered by \
                 one of them. Only with PostgreSQL.",
            )
            .answers::<Nodes>(StatusCode::OK, "The nodes.")
            .refuses([&problem::ONE_NODE, &problem::UNAVAILABLE]),
    ]
}

async fn list(State(shared): State<Arc<Shared>>) -> Result<Json<Nodes>, Problem> {
    let Some(nodes) = shared.engine.nodes().await? else {
        return Err(Problem::new(&problem::ONE_NODE));
    };
    let held = |stream: u16| nodes.iter().any(|node| node.streams.iter().any(|held| held.0 == stream));
    let undelivered = (0..shared.engine.streams()).filter(|stream| !held(*stream)).collect();
    Ok(Json(Nodes { nodes: nodes.into_iter().map(OneNode::from).collect(), undelivered }))
}
