//! `/{page}/personas` and `/{persona}`: names and pictures that messages are sent under (wire.md 5.3).

use baton_store::AssetKind;
use baton_wire::GraphError;
use baton_wire::params::Params;
use serde_json::{Value, json};

use super::{Answer, Wrong, kept, node};
use crate::caller::Caller;
use baton_rules::Edge;

/// The longest name, and the longest address of a picture.
const NAME: usize = 50;
const ADDRESS: usize = 4096;

pub(super) async fn post(caller: &Caller, params: &Params) -> Result<Answer, Wrong> {
    caller.may(caller.side(), Edge::Other)?;
    let text = |name: &str, most: usize| {
        let text = params.text(name).filter(|text| !text.is_empty());
        let text = text.ok_or_else(|| GraphError::required(name))?;
        if text.chars().count() > most {
            let text = format!("Length of param {name} must be less than or equal to {most}");
            return Err(GraphError::parameter(text));
        }
        Ok(text)
    };
    let (name, picture) = (text("name", NAME)?, text("profile_picture_url", ADDRESS)?);
    if !picture.starts_with("https://") && !picture.starts_with("http://") {
        return Err(GraphError::parameter("Param profile_picture_url must be a web address").into());
    }
    let id = caller.shared().ids.number();
    let value = kept::object([("name", name), ("profile_picture_url", picture)]);
    kept::change(caller, vec![(kept::key(caller, AssetKind::Persona, &id), value)], Vec::new()).await?;
    Ok(Answer::of(json!({"id": id})))
}

pub(super) async fn list(caller: &Caller, params: &Params) -> Result<Answer, Wrong> {
    caller.may(caller.side(), Edge::Other)?;
    let fields = params.fields()?;
    let one = |id: &str, value: &Value| shown(&fields, id, value);
    Ok(Answer::of(kept::answer(caller, params, AssetKind::Persona, "personas", one).await?))
}

fn shown(fields: &[baton_wire::fields::Field], id: &str, value: &Value) -> Value {
    node::shown(fields, &["name", "profile_picture_url"], id, |field| value.get(&field.name).cloned())
}

/// `GET` and `DELETE` of one; none where there is no such persona.
pub(super) async fn one(
    caller: &Caller,
    params: &Params,
    method: &str,
    id: &str,
) -> Result<Option<Answer>, Wrong> {
    let key = kept::key(caller, AssetKind::Persona, id);
    let Some(value) = kept::read(caller, &key).await? else { return Ok(None) };
    caller.may(caller.side(), Edge::Other)?;
    match method {
        "GET" => Ok(Some(Answer::of(shown(&params.fields()?, id, &value)))),
        "DELETE" => {
            kept::change(caller, Vec::new(), vec![key]).await?;
            Ok(Some(Answer::of(json!({"success": true}))))
        }
        _ => Ok(None),
    }
}
