//! Nodes that are neither the token's page nor its account: what an id names, and the edges of it. Ids of other pages'
//! things are like ids of nothing.

use baton_wire::GraphError;
use baton_wire::fields::Field;
use baton_wire::params::Params;

use super::{Answer, Wrong, app, conversations, custom_labels, person, personas, said};
use crate::caller::{Caller, Edge};

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
    if let Some(answer) = named(caller, params, method, node, edge).await? {
        return Ok(answer);
    }
    Err(GraphError::unknown_node(method, node).into())
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
        caller.may(key.surface, Edge::Conversations)?;
        return match (method, edge) {
            ("GET", "") => {
                let fields = params.fields()?;
                Ok(Some(Answer::of(conversations::conversation(caller, &fields, &state).await?)))
            }
            ("GET", "messages") => {
                let arguments = ["limit", "after"].into_iter();
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
            caller.may(thread.surface, Edge::Profile)?;
            custom_labels::of(caller, params, &thread.person).await.map(Some)
        }
        _ => Ok(None),
    }
}
