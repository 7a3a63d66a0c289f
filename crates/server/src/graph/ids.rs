//! `GET /?ids=a,b`: several nodes at once, keyed by their ids (wire.md 1.4).

use baton_wire::GraphError;
use baton_wire::params::Params;
use serde_json::{Map, Value};

use super::{Answer, Asked, Wrong};

/// How many ids at most, as the platform has it.
const MOST: usize = 50;

/// Each as if it were asked for alone. The first that fails is the answer.
pub(super) async fn answer(asked: &Asked<'_>) -> Result<Answer, Wrong> {
    let ids = asked.params.list("ids").unwrap_or_default();
    if ids.is_empty() {
        return Err(GraphError::parameter("Param ids must be a list of ids").into());
    }
    if ids.len() > MOST {
        let text = format!("Too many IDs. Maximum: {MOST}. Provided: {}.", ids.len());
        return Err(GraphError::parameter(text).into());
    }
    let mut values = asked.params.as_object().clone();
    values.shift_remove("ids");
    let mut found = Map::new();
    for id in &ids {
        let one = Asked {
            components: vec![id.as_str()],
            method: "GET",
            params: Params::from_object(values.clone(), super::limits(asked.shared)),
            token: asked.token.clone(),
            once: None,
            ..*asked
        };
        found.insert(id.clone(), Box::pin(one.decide()).await?.body);
    }
    Ok(Answer::of(Value::Object(found)))
}
