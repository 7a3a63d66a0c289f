//! Nodes that are neither the token's page nor its account: what an id names, and the edges of it. Ids of other pages'
//! things are like ids of nothing.

use baton_wire::GraphError;
use baton_wire::fields::Field;
use baton_wire::params::Params;

use super::{Answer, Wrong, app, conversations, custom_labels, edges, person, personas, said};
use crate::caller::Caller;
use baton_rules::Edge;

/// The longest name of a page on the platform.
const LONGEST_ALIAS: usize = 50;

pub(super) async fn route(
    caller: &Caller,
    params: &Params,
    method: &str,
    node: &str,
    edge: &str,
) -> Result<Answer, Wrong> {
    match (method, node, edge) {
        ("GET", "debug_token", "") => return app::debug_token(caller.shared(), caller.app(), params).await,
        ("GET", id, "") if id == caller.app().id.to_string() => {
            return Ok(app::get(caller.shared(), caller.app()));
        }
        (_, id, edge) if id == caller.app().id.to_string() && edges::is_report(method, edge) => {
            return Ok(Answer::of(super::success()));
        }
        _ => {}
    }
    if let Some(answer) = named(caller, params, method, node, edge).await? {
        return Ok(answer);
    }
    Err(if is_alias(node) && method == "GET" && edge.is_empty() {
        GraphError::unknown_alias(node).into()
    } else {
        GraphError::unknown_node(method, node).into()
    })
}

/// Whether a node is named as pages are on the platform (`jaspers.market`): none is here. A name without a dot may be a
/// person's id.
fn is_alias(node: &str) -> bool {
    node.starts_with(|first: char| first.is_ascii_alphabetic())
        && node.len() <= LONGEST_ALIAS
        && node.contains('.')
        && node.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'.')
}

async fn named(
    caller: &Caller,
    params: &Params,
    method: &str,
    node: &str,
    edge: &str,
) -> Result<Option<Answer>, Wrong> {
    if let Some(key) = conversations::read_id(caller, node) {
        let Some(state) = conversations::state(caller, &key).await? else { return Ok(None) };
        caller.may(key.surface, Edge::Other)?;
        return match (method, edge) {
            ("GET", "") => {
                let fields = params.fields()?;
                Ok(Some(Answer::of(conversations::conversation(caller, &fields, &state).await?)))
            }
            ("GET", "messages") => {
                let arguments = ["limit", "after", "before"].into_iter();
                let arguments =
                    arguments.filter_map(|name| Some((name.to_owned(), params.text(name)?))).collect();
                let field = Field { arguments, fields: params.fields()?, ..Field::named("messages") };
                Ok(Some(Answer::of(said::list(caller, &key, &field).await?)))
            }
            _ => Ok(None),
        };
    }
    if edge.is_empty()
        && method == "GET"
        && let Some(answer) = said::one(caller, params, node).await?
    {
        return Ok(Some(answer));
    }
    if edge.is_empty()
        && let Some(answer) = personas::one(caller, params, method, node).await?
    {
        return Ok(Some(answer));
    }
    if let Some(answer) = custom_labels::one(caller, params, method, node, edge).await? {
        return Ok(Some(answer));
    }
    let Some(thread) = caller.find_person(node).await? else { return Ok(None) };
    match (method, edge) {
        ("GET", "") => person::get(caller, params, &thread).await.map(Some),
        ("GET", "custom_labels") => {
            caller.may(thread.surface, Edge::Other)?;
            custom_labels::of(caller, params, &thread.person).await.map(Some)
        }
        _ => Ok(None),
    }
}
