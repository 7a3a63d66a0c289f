//! What people say under posts of a page, as a channel brings it: no message, kept so that an app can answer it in
//! private (WIN-11).

use baton_engine::Engine;
use baton_rules::{Comment, PageId, PersonId, Surface, Timestamp};
use baton_store::{Asset, AssetChange, AssetKey, AssetKind, StoreError};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// How long one may be answered, in milliseconds.
pub(crate) const OPEN: i64 = Comment::OPEN * 1000;
/// How long one is kept, in milliseconds. Whoever answers too late is told by the rules, and the history has it.
const KEPT: i64 = 30 * 24 * 60 * 60 * 1000;
/// The longest id.
const LONGEST_ID: usize = 128;

/// Which comment.
#[derive(Clone, Debug)]
pub(crate) struct Id {
    pub(crate) page: PageId,
    pub(crate) surface: Surface,
    pub(crate) id: String,
}

/// A comment.
#[derive(Clone, Debug)]
pub(crate) struct Kept {
    pub(crate) at: Timestamp,
    pub(crate) said: Said,
}

/// Who said what.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Said {
    pub(crate) person: String,
    pub(crate) message: Option<String>,
}

impl Id {
    /// A comment's id, if it can be one.
    pub(crate) fn of(page: PageId, surface: Surface, id: &str) -> Option<Self> {
        let is_plain = id.bytes().all(|letter| letter.is_ascii_alphanumeric() || b"_-.:".contains(&letter));
        let fits = is_plain && (1..=LONGEST_ID).contains(&id.len());
        fits.then(|| Self { page, surface, id: id.to_owned() })
    }

    fn key(&self) -> AssetKey {
        let key = format!("{}/{}", self.surface.name(), self.id);
        AssetKey { page: self.page, kind: AssetKind::Comment, key: key.into() }
    }

    /// The comment, as the rules know it.
    pub(crate) fn at(&self, at: Timestamp) -> Comment {
        let digest = Sha256::digest(self.id.as_bytes());
        let digest = digest.iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte));
        Comment { digest, at }
    }

    /// What is known of it; none where it never came, or came too long ago.
    pub(crate) async fn find(&self, engine: &Engine) -> Result<Option<Kept>, StoreError> {
        let found = engine.asset(&self.key()).await?;
        let found = found.filter(|asset| engine.now().0 < asset.at.0.saturating_add(KEPT));
        Ok(found
            .and_then(|asset| Some(Kept { at: asset.at, said: serde_json::from_str(&asset.document).ok()? })))
    }

    /// Keeps it, and forgets those that came long ago. Durable when it returns.
    pub(crate) async fn keep(&self, engine: &Engine, comment: &Kept) -> Result<(), StoreError> {
        let Kept { at, said } = comment;
        // Plain texts: they cannot fail to be written as JSON.
        let document = serde_json::to_string(said).unwrap_or_default().into();
        let asset = Asset { key: self.key(), at: *at, document, content: None };
        let expire = Some((AssetKind::Comment, Timestamp(engine.now().0 - KEPT)));
        engine.change_assets(AssetChange { keep: vec![asset], forget: Vec::new(), expire }).await
    }
}

impl Kept {
    /// Who said it.
    pub(crate) fn person(&self) -> Option<PersonId> {
        self.said.person.parse().ok()
    }
}
