//! Keeps files of messages, and finds them again: an address is kept as it is and fetched by nobody here; a file that
//! somebody brings is kept in the database and lies at an address that nobody can guess.
//!
//! A file's id follows from what is in it: the same file brought again is the same asset, and a call that is repeated
//! leaves nothing behind.

use baton_rules::{PageId, Timestamp};
use baton_store::{Asset, AssetChange, AssetKey, AssetKind, StoreError};
use baton_wire::{file_address, signature};
use bytes::Bytes;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::{KEPT, PURPOSE, ROOT, is_kept};
use crate::serve::Shared;

/// The largest image, and the largest file of another kind, in bytes.
const IMAGE: usize = 8 * 1024 * 1024;
const FILE: usize = 25 * 1024 * 1024;

/// A file that is kept.
pub(crate) struct Kept {
    pub(crate) id: String,
    /// `image`, `video`, `audio` or `file`.
    pub(crate) kind: String,
    /// Where it lies.
    pub(crate) url: String,
}

/// What is to be kept.
#[derive(Clone, Copy)]
pub(crate) enum What<'a> {
    File { mime: &'a str, bytes: &'a Bytes },
    Address(&'a str),
}

/// Why it was not kept.
pub(crate) enum Unkept {
    Empty,
    TooLarge,
    /// It does not say that it is of the kind that it is kept as.
    OfAnotherKind,
    Store(StoreError),
}

impl From<StoreError> for Unkept {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl Kept {
    fn of(shared: &Shared, page: PageId, id: u64, document: &Value) -> Self {
        let url = match document["url"].as_str() {
            Some(url) => url.to_owned(),
            None => {
                let name = file_address::mint(&shared.engine.secret(PURPOSE), page, id);
                format!("{}/{ROOT}/{name}", shared.public_url)
            }
        };
        Self { id: id.to_string(), kind: document["type"].as_str().unwrap_or_default().to_owned(), url }
    }
}

/// A page's file, by its id.
pub(crate) async fn find(shared: &Shared, page: PageId, id: &str) -> Result<Option<Kept>, StoreError> {
    let engine = &shared.engine;
    // A list goes without the files' bytes, of which nothing is wanted here: the first after the number before.
    let Some(number) = id.parse::<u64>().ok().filter(|number| number.to_string() == id) else {
        return Ok(None);
    };
    let before = number.saturating_sub(1).to_string();
    let listed = engine.assets(page, AssetKind::Attachment, &before, 1).await?;
    let asset = listed.into_iter().find(|asset| &*asset.key.key == id);
    let asset = asset.filter(|asset| is_kept(asset, engine.now()));
    let document = asset.and_then(|asset| serde_json::from_str::<Value>(&asset.document).ok());
    Ok(document.map(|document| Kept::of(shared, page, number, &document)))
}

/// Keeps a file, or an address, as one of a kind. What was kept before is kept for 90 more days.
pub(crate) async fn keep(shared: &Shared, page: PageId, kind: &str, what: What<'_>) -> Result<Kept, Unkept> {
    let mut document = Map::from_iter([("type".to_owned(), json!(kind))]);
    let digest = match what {
        What::File { mime, bytes } => {
            check(kind, mime, bytes)?;
            document.insert("mime".to_owned(), json!(mime));
            Sha256::new().chain_update("file\0").chain_update(mime).chain_update("\0").chain_update(bytes)
        }
        What::Address(url) => {
            document.insert("url".to_owned(), json!(url));
            Sha256::new().chain_update("url\0").chain_update(url)
        }
    };
    let digest = hex::encode(digest.chain_update("\0").chain_update(kind).finalize());
    document.insert("digest".to_owned(), json!(digest));
    let engine = &shared.engine;
    let key = |id: u64| AssetKey { page, kind: AssetKind::Attachment, key: id.to_string().into() };
    let _turn = shared.turns.of(page).await;
    let mut id = first_id(shared, page, &digest);
    // Two files of one id are as good as impossible, and still neither may take the other's place.
    while let Some(taken) = engine.asset(&key(id)).await? {
        let known = serde_json::from_str::<Value>(&taken.document).unwrap_or_default();
        if known["digest"] == digest {
            break;
        }
        id += 1;
    }
    let now = engine.now();
    let document = Value::Object(document);
    let content = match what {
        What::File { bytes, .. } => Some(bytes.clone()),
        What::Address(_) => None,
    };
    let asset = Asset { key: key(id), at: now, document: document.to_string().into(), content };
    let expire = Some((AssetKind::Attachment, Timestamp(now.0 - KEPT * 1000)));
    engine.change_assets(AssetChange { keep: vec![asset], forget: Vec::new(), expire }).await?;
    Ok(Kept::of(shared, page, id, &document))
}

fn check(kind: &str, mime: &str, bytes: &Bytes) -> Result<(), Unkept> {
    if bytes.is_empty() {
        return Err(Unkept::Empty);
    }
    let most = if kind == "image" { IMAGE } else { FILE };
    if bytes.len() > most {
        return Err(Unkept::TooLarge);
    }
    let family = mime.split('/').next().unwrap_or_default();
    // Sound comes in the containers of video, too.
    let fits = match kind {
        "image" | "video" => family == kind,
        "audio" => family == "audio" || family == "video" || mime == "application/ogg",
        _ => true,
    };
    let unsaid = mime.is_empty() || mime == "application/octet-stream";
    if fits || unsaid { Ok(()) } else { Err(Unkept::OfAnotherKind) }
}

/// 16 digits, exact in a JSON number, that follow from what is kept.
fn first_id(shared: &Shared, page: PageId, digest: &str) -> u64 {
    let secret = shared.engine.secret("attachment ids");
    let drawn = signature::derived(&secret, &format!("{page}/{digest}"));
    let drawn = drawn.first_chunk::<8>().map_or(0, |bytes| u64::from_be_bytes(*bytes));
    1_000_000_000_000_000 + drawn % 8_000_000_000_000_000
}
