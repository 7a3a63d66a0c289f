//! `POST /{page}/message_attachments`, and the files of messages: an address is kept as it is and fetched by nobody
//! here; a file that comes with a call is kept in the database and lies at an address that nobody can guess.
//!
//! A file's id follows from what is in it: the same file sent again is the same asset, and a call that is repeated
//! leaves nothing behind.

use baton_rules::{Edge, Timestamp};
use baton_store::{Asset, AssetChange, AssetKey, AssetKind};
use baton_wire::params::{Params, Upload};
use baton_wire::requests::{self, Call};
use baton_wire::{GraphError, file_address, signature};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::{Answer, Wrong, kept};
use crate::caller::{Caller, unavailable};
use crate::media;

/// The largest image, and the largest file of another kind, in bytes.
const IMAGE: usize = 8 * 1024 * 1024;
const FILE: usize = 25 * 1024 * 1024;

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

/// A file that is kept.
struct Kept {
    id: String,
    kind: String,
    url: String,
}

impl Kept {
    fn of(caller: &Caller, id: &str, document: &Value) -> Option<Self> {
        let url = match document.get("url").and_then(Value::as_str) {
            Some(url) => url.to_owned(),
            None => url(caller, id.parse().ok()?),
        };
        Some(Self { id: id.to_owned(), kind: document["type"].as_str()?.to_owned(), url })
    }
}

/// Where a file of this page lies.
fn url(caller: &Caller, id: u64) -> String {
    let shared = caller.shared();
    let name = file_address::mint(&shared.engine.secret(media::PURPOSE), caller.page().id, id);
    format!("{}/{}/{name}", shared.public_url, media::ROOT)
}

fn key(caller: &Caller, id: &str) -> AssetKey {
    AssetKey { page: caller.page().id, kind: AssetKind::Attachment, key: id.into() }
}

async fn found(caller: &Caller, id: &str) -> Result<Option<Kept>, Wrong> {
    let engine = &caller.shared().engine;
    // A list goes without the files' bytes, of which nothing is wanted here: the first after the number before.
    let Some(before) = id.parse::<u64>().ok().filter(|number| number.to_string() == id) else {
        return Ok(None);
    };
    let before = before.saturating_sub(1).to_string();
    let listed = engine.assets(caller.page().id, AssetKind::Attachment, &before, 1).await;
    let listed = listed.map_err(|error| unavailable(&error))?;
    let asset = listed.into_iter().find(|asset| &*asset.key.key == id);
    let asset = asset.filter(|asset| media::is_kept(asset, engine.now()));
    let document = asset.and_then(|asset| serde_json::from_str::<Value>(&asset.document).ok());
    Ok(document.and_then(|document| Kept::of(caller, id, &document)))
}

/// Keeps a file, or an address. What was kept before is kept for 90 more days.
async fn keep(caller: &Caller, attachment: &Value, file: Option<Upload>) -> Result<Kept, Wrong> {
    let kind = attachment["type"].as_str().unwrap_or_default();
    let mut document = Map::from_iter([("type".to_owned(), json!(kind))]);
    let digest = match &file {
        Some(file) => {
            check(kind, file)?;
            document.insert("mime".to_owned(), json!(file.mime));
            Sha256::new()
                .chain_update("file\0")
                .chain_update(&file.mime)
                .chain_update("\0")
                .chain_update(&file.bytes)
        }
        None => {
            let url = attachment["payload"]["url"].as_str().unwrap_or_default();
            document.insert("url".to_owned(), json!(url));
            Sha256::new().chain_update("url\0").chain_update(url)
        }
    };
    let digest = hex::encode(digest.chain_update("\0").chain_update(kind).finalize());
    document.insert("digest".to_owned(), json!(digest));
    let engine = &caller.shared().engine;
    let _turn = kept::turn(caller).await;
    let mut id = first_id(caller, &digest);
    // Two files of one id are as good as impossible, and still neither may take the other's place.
    while let Some(taken) =
        engine.asset(&key(caller, &id.to_string())).await.map_err(|error| unavailable(&error))?
    {
        let known = serde_json::from_str::<Value>(&taken.document).unwrap_or_default();
        if known["digest"] == digest {
            break;
        }
        id += 1;
    }
    let id = id.to_string();
    let now = engine.now();
    let document = Value::Object(document);
    let asset = Asset {
        key: key(caller, &id),
        at: now,
        document: document.to_string().into(),
        content: file.map(|file| file.bytes),
    };
    let expire = Some((AssetKind::Attachment, Timestamp(now.0 - media::KEPT * 1000)));
    let change = AssetChange { keep: vec![asset], forget: Vec::new(), expire };
    engine.change_assets(change).await.map_err(|error| unavailable(&error))?;
    Kept::of(caller, &id, &document).ok_or_else(|| GraphError::internal().into())
}

fn check(kind: &str, file: &Upload) -> Result<(), GraphError> {
    if file.bytes.is_empty() {
        return Err(GraphError::attachment_failed("The file is empty"));
    }
    let most = if kind == "image" { IMAGE } else { FILE };
    if file.bytes.len() > most {
        return Err(GraphError::attachment_too_large());
    }
    let family = file.mime.split('/').next().unwrap_or_default();
    // Sound comes in the containers of video, too.
    let fits = match kind {
        "image" | "video" => family == kind,
        "audio" => family == "audio" || family == "video" || file.mime == "application/ogg",
        _ => true,
    };
    let unsaid = file.mime.is_empty() || file.mime == "application/octet-stream";
    if fits || unsaid { Ok(()) } else { Err(mismatch()) }
}

/// 16 digits, exact in a JSON number, that follow from what is kept.
fn first_id(caller: &Caller, digest: &str) -> u64 {
    let secret = caller.shared().engine.secret("attachment ids");
    let drawn = signature::derived(&secret, &format!("{}/{digest}", caller.page().id));
    let drawn = drawn.first_chunk::<8>().map_or(0, |bytes| u64::from_be_bytes(*bytes));
    1_000_000_000_000_000 + drawn % 8_000_000_000_000_000
}
