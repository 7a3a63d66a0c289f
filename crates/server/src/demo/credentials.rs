//! Who the demo's apps are: ids, secrets and tokens, kept by them and not by the server, in a file that only
//! its owner reads.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::characters::Character;
use crate::cli::Failure;
use crate::cli::server_file::write_private;
use crate::routing_file::Mint;

/// What an app knows of itself.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Credentials {
    pub(super) app: String,
    pub(super) secret: String,
    pub(super) verify_token: String,
    pub(super) token: String,
    pub(super) port: u16,
    /// The ids of the other apps, by name: whom it may pass to.
    pub(super) colleagues: BTreeMap<String, String>,
}

/// New ones, in the order of the cast.
pub(super) fn made(mint: &mut Mint) -> Vec<Credentials> {
    let ids: BTreeMap<String, String> =
        Character::ALL.iter().map(|who| (who.name().to_owned(), mint.id().to_string())).collect();
    let one = |who: &Character| Credentials {
        app: ids[who.name()].clone(),
        secret: mint.secret(),
        verify_token: mint.secret(),
        token: mint.token(),
        port: 0,
        colleagues: ids.clone(),
    };
    Character::ALL.iter().map(one).collect()
}

/// Those of last time, if they can be read; who cannot read them makes new ones.
pub(super) fn load(file: &Path) -> Option<Vec<Credentials>> {
    let kept: Vec<Credentials> = serde_json::from_str(&fs::read_to_string(file).ok()?).ok()?;
    (kept.len() == Character::ALL.len()).then_some(kept)
}

/// Keeps them.
pub(super) fn save(file: &Path, kept: &[Credentials]) -> Result<(), Failure> {
    // Plain data: it cannot fail to be written as JSON.
    write_private(file, &serde_json::to_string_pretty(kept).unwrap_or_default())
}
