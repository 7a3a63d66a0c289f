//! What apps keep about a page beside its conversations: each a small document with a key, a file with its bytes.

use baton_rules::{PageId, Surface, ThreadKey, Timestamp};
use bytes::Bytes;

/// The kinds, with what their keys are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum AssetKind {
    /// A file or an address that messages show; by attachment id.
    Attachment,
    /// A property of the page's profile; by surface and name.
    Property,
    /// One person's own menu; by surface and person.
    Menu,
    /// A name and picture that messages are sent under; by its id.
    Persona,
    /// A label for people; by its id.
    Label,
    /// That a person has a label; by `person/label`.
    Labelled,
    /// A comment on a post; by surface and its id.
    Comment,
    /// What a person gave in an opt-in; by surface, what it is, and a digest of the token.
    Optin,
}

impl AssetKind {
    /// The word for it in a database.
    pub const fn name(self) -> &'static str {
        match self {
            AssetKind::Attachment => "attachment",
            AssetKind::Property => "property",
            AssetKind::Menu => "menu",
            AssetKind::Persona => "persona",
            AssetKind::Label => "label",
            AssetKind::Labelled => "labelled",
            AssetKind::Comment => "comment",
            AssetKind::Optin => "optin",
        }
    }
}

/// One of a page's assets, by name.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AssetKey {
    /// Whose.
    pub page: PageId,
    /// What.
    pub kind: AssetKind,
    /// Which.
    pub key: Box<str>,
}

impl AssetKey {
    /// A property of a page's profile on a surface.
    pub fn property(page: PageId, surface: Surface, name: &str) -> Self {
        Self { page, kind: AssetKind::Property, key: format!("{}/{name}", surface.name()).into() }
    }

    /// A person's own menu.
    pub fn menu(thread: &ThreadKey) -> Self {
        let key = format!("{}/{}", thread.surface.name(), thread.person);
        Self { page: thread.page, kind: AssetKind::Menu, key: key.into() }
    }
}

/// One of a page's assets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asset {
    /// Its name.
    pub key: AssetKey,
    /// When it was kept last.
    pub at: Timestamp,
    /// What it is: JSON.
    pub document: Box<str>,
    /// A file's bytes. Lists leave them out.
    pub content: Option<Bytes>,
}

/// How many old ones go with one change at most.
pub(crate) const EXPIRING: i64 = 256;

/// What to write, all of it or nothing.
#[derive(Clone, Debug, Default)]
pub struct AssetChange {
    /// Kept, in the place of what has the same key.
    pub keep: Vec<Asset>,
    /// Forgotten, where there.
    pub forget: Vec<AssetKey>,
    /// Of this kind, what was kept at this moment or before is forgotten, of every page: some hundreds with each change.
    pub expire: Option<(AssetKind, Timestamp)>,
}
