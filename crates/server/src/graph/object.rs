//! Nodes that are neither the token's page nor its account: what an id names, and the edges of it.
//!
//! Ids of other pages' things are like ids of nothing.

use baton_wire::GraphError;
use baton_wire::params::Params;

use super::{Answer, Wrong, app};
use crate::caller::Caller;

pub(super) async fn route(
    caller: &Caller,
    params: &Params,
    method: &str,
    node: &str,
    edge: &str,
) -> Result<Answer, Wrong> {
    match (method, node, edge) {
        ("GET", "debug_token", "") => return app::debug_token(caller.shared(), caller.app(), params),
        ("GET", id, "") if id == caller.app().id.to_string() => {
            return Ok(app::get(caller.shared(), caller.app()));
        }
        _ => {}
    }
    Err(GraphError::unknown_node(method, node).into())
}
