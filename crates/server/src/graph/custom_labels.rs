//! `/{page}/custom_labels`, `/{label}`, `/{label}/label` and `/{person}/custom_labels` (wire.md 1.7): labels of a page,
//! and who has them.

use baton_rules::{Edge, PersonId};
use baton_store::AssetKind;
use baton_wire::GraphError;
use baton_wire::params::Params;
use serde_json::{Value, json};

use super::paging::{Shown, Wanted};
use super::{Answer, Wrong, kept, node};
use crate::caller::Caller;

/// The longest name, and how many labels a page has at most.
const NAME: usize = 80;
const MOST: usize = 1000;
/// Rows that are looked at in one turn.
const TURN: usize = 500;

/// A label of a name that is there already is that one.
pub(super) async fn post(caller: &Caller, params: &Params) -> Result<Answer, Wrong> {
    caller.may(caller.side(), Edge::Other)?;
    let name = params.text("page_label_name").or_else(|| params.text("name")).filter(|name| !name.is_empty());
    let name = name.ok_or_else(|| GraphError::required("page_label_name"))?;
    if name.chars().count() > NAME {
        let text = format!("Length of param page_label_name must be less than or equal to {NAME}");
        return Err(GraphError::parameter(text).into());
    }
    let _turn = kept::turn(caller).await;
    let known = kept::list(caller, AssetKind::Label, "", MOST).await?;
    if let Some((id, _)) = known.iter().find(|(_, value)| value["name"] == name) {
        return Ok(Answer::of(json!({"id": id})));
    }
    if known.len() == MOST {
        return Err(GraphError::parameter(format!("A page has at most {MOST} labels")).into());
    }
    let id = caller.shared().ids.number();
    let label = (kept::key(caller, AssetKind::Label, &id), kept::object([("name", name)]));
    kept::change(caller, vec![label], Vec::new()).await?;
    Ok(Answer::of(json!({"id": id})))
}

pub(super) async fn list(caller: &Caller, params: &Params) -> Result<Answer, Wrong> {
    caller.may(caller.side(), Edge::Other)?;
    let fields = params.fields()?;
    let one = |id: &str, value: &Value| shown(&fields, id, value);
    Ok(Answer::of(kept::answer(caller, params, AssetKind::Label, "custom_labels", one).await?))
}

fn shown(fields: &[baton_wire::fields::Field], id: &str, value: &Value) -> Value {
    node::shown(fields, &["page_label_name"], id, |field| match field.name.as_str() {
        "name" | "page_label_name" => value.get("name").cloned(),
        _ => None,
    })
}

/// The label itself, and who has it; none where there is no such label, or no such call of one.
pub(super) async fn one(
    caller: &Caller,
    params: &Params,
    method: &str,
    id: &str,
    edge: &str,
) -> Result<Option<Answer>, Wrong> {
    let key = kept::key(caller, AssetKind::Label, id);
    let _turn = if method == "GET" { None } else { Some(kept::turn(caller).await) };
    let Some(value) = kept::read(caller, &key).await? else { return Ok(None) };
    caller.may(caller.side(), Edge::Other)?;
    match (method, edge) {
        ("GET", "") => return Ok(Some(Answer::of(shown(&params.fields()?, id, &value)))),
        ("DELETE", "") => {
            let mut gone = who_has(caller, id).await?;
            gone.push(key);
            kept::change(caller, Vec::new(), gone).await?;
        }
        ("POST" | "DELETE", "label") => {
            let person = params.text("user").ok_or_else(|| GraphError::required("user"))?;
            let person = caller.known_person(&person).await?;
            let held = kept::key(caller, AssetKind::Labelled, &format!("{person}/{id}"));
            if method == "POST" {
                kept::change(caller, vec![(held, Value::Null)], Vec::new()).await?;
            } else {
                kept::change(caller, Vec::new(), vec![held]).await?;
            }
        }
        _ => return Ok(None),
    }
    Ok(Some(Answer::of(json!({"success": true}))))
}

/// That a label is had, by whom ever.
async fn who_has(caller: &Caller, label: &str) -> Result<Vec<baton_store::AssetKey>, Wrong> {
    let (mut found, mut after) = (Vec::new(), String::new());
    loop {
        let turn = kept::list(caller, AssetKind::Labelled, &after, TURN).await?;
        let Some((last, _)) = turn.last() else { return Ok(found) };
        after.clone_from(last);
        let of_it = turn.iter().filter(|(key, _)| key.rsplit('/').next() == Some(label));
        found.extend(of_it.map(|(key, _)| kept::key(caller, AssetKind::Labelled, key)));
    }
}

/// The labels of a person.
pub(super) async fn of(caller: &Caller, params: &Params, person: &PersonId) -> Result<Answer, Wrong> {
    let wanted = Wanted::of(params)?;
    let fields = params.fields()?;
    let found = kept::page(caller, AssetKind::Labelled, &format!("{person}/"), &wanted).await?;
    let mut data = Vec::with_capacity(found.items.len());
    for (id, _) in &found.items {
        if let Some(value) = kept::read(caller, &kept::key(caller, AssetKind::Label, id)).await? {
            data.push(self::shown(&fields, id, &value));
        }
    }
    let shown = Shown { caller, params, node: person.as_str(), edge: "custom_labels", limit: wanted.limit };
    Ok(Answer::of(shown.list(&found, &data, |(id, _)| id.clone())))
}
