//! `POST /{page}/message_attachments`, and the files of messages that apps send.

use baton_rules::Edge;
use baton_wire::GraphError;
use baton_wire::params::{Params, Upload};
use baton_wire::requests::{self, Call};
use serde_json::{Value, json};

use super::{Answer, Wrong};
use crate::caller::{Caller, unavailable};
use crate::media::kept::{self, Kept, Unkept, What};

pub(super) async fn post(caller: &Caller, params: &mut Params) -> Result<Answer, Wrong> {
    caller.may(caller.side(), Edge::Other)?;
    let attachment = requests::message_attachment(params)?;
    let file = params.take_upload();
    let kept = keep(caller, &attachment, file).await?;
    Ok(Answer::of(json!({"attachment_id": kept.id})))
}

/// A message's file in its place: what was kept is found, what is new is kept, and what is left is an address. With
/// it goes the id, where the message asks that the file can be used again.
pub(super) async fn placed(
    caller: &Caller,
    call: Result<Call, GraphError>,
    params: &mut Params,
) -> Result<(Result<Call, GraphError>, Option<String>), Wrong> {
    let mut call = match call {
        Ok(call) => call,
        Err(wrong) => return Ok((Err(wrong), None)),
    };
    let content = call.message.as_mut().map(|message| &mut message.content);
    let Some(attachment) = content.and_then(|content| content.get_mut("attachment")) else {
        return Ok((Ok(call), None));
    };
    if attachment["type"] == "template" {
        let wrong = media_element(caller, attachment).await?;
        return Ok((wrong.map_or(Ok(call), Err), None));
    }
    if attachment["type"] == "sticker" {
        return Ok((Ok(call), None));
    }
    if let Some(id) = attachment["payload"]["attachment_id"].as_str() {
        let found = found(caller, id).await?;
        return Ok(match found {
            Some(file) if attachment["type"] == file.kind => {
                attachment["payload"] = json!({"url": file.url});
                (Ok(call), None)
            }
            Some(_) => (Err(mismatch()), None),
            None => (Err(GraphError::unknown_attachment()), None),
        });
    }
    let is_reusable = attachment["payload"]["is_reusable"] == true;
    let file = params.take_upload();
    if !is_reusable && file.is_none() {
        return Ok((Ok(call), None));
    }
    // Whoever may not send at all keeps nothing.
    caller.may(caller.side(), Edge::Messages)?;
    let kept = keep(caller, attachment, file).await?;
    attachment["payload"] = json!({"url": kept.url});
    Ok((Ok(call), is_reusable.then_some(kept.id)))
}

/// The kept file of a media template, as its echo has it: by a number.
async fn media_element(caller: &Caller, attachment: &mut Value) -> Result<Option<GraphError>, Wrong> {
    let elements = attachment["payload"].get_mut("elements").and_then(Value::as_array_mut);
    let Some(element) = elements.and_then(|elements| elements.first_mut()) else { return Ok(None) };
    let id = match element.get("attachment_id") {
        Some(Value::String(id)) => id.clone(),
        Some(Value::Number(id)) => id.to_string(),
        Some(_) => return Ok(Some(GraphError::unknown_attachment())),
        None => return Ok(None),
    };
    Ok(match found(caller, &id).await? {
        Some(file) if element["media_type"] == file.kind => {
            element["attachment_id"] = json!(id.parse::<u64>().unwrap_or_default());
            None
        }
        Some(_) => Some(mismatch()),
        None => Some(GraphError::unknown_attachment()),
    })
}

fn mismatch() -> GraphError {
    GraphError::attachment_failed("The media type does not match type of file provided")
}

async fn found(caller: &Caller, id: &str) -> Result<Option<Kept>, Wrong> {
    kept::find(caller.shared(), caller.page().id, id).await.map_err(|error| unavailable(&error))
}

/// Keeps a file, or an address.
async fn keep(caller: &Caller, attachment: &Value, file: Option<Upload>) -> Result<Kept, Wrong> {
    let kind = attachment["type"].as_str().unwrap_or_default();
    let what = match &file {
        Some(file) => What::File { mime: &file.mime, bytes: &file.bytes },
        None => What::Address(attachment["payload"]["url"].as_str().unwrap_or_default()),
    };
    let kept = kept::keep(caller.shared(), caller.page().id, kind, what).await;
    kept.map_err(|unkept| match unkept {
        Unkept::Empty => GraphError::attachment_failed("The file is empty").into(),
        Unkept::TooLarge => GraphError::attachment_too_large().into(),
        Unkept::OfAnotherKind => mismatch().into(),
        Unkept::Store(error) => unavailable(&error),
    })
}
