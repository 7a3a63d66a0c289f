//! Who the demo's apps are: ids, secrets and tokens, kept by them and not by the server, in a file that only
//! its owner reads.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::characters::Character;
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

/// Those of last time, if there was one.
pub(super) fn load(file: &Path) -> io::Result<Option<Vec<Credentials>>> {
    let text = match fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let kept: Vec<Credentials> = serde_json::from_str(&text)?;
    Ok((kept.len() == Character::ALL.len()).then_some(kept))
}

/// Keeps them.
pub(super) fn save(file: &Path, kept: &[Credentials]) -> io::Result<()> {
    let text = serde_json::to_string_pretty(kept)?;
    let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(file)?;
    file.write_all(text.as_bytes())
}
