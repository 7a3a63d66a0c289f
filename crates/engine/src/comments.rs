//! What people say under posts of a page: no message and no part of a conversation. It is kept so that an app can
//! answer it in private (WIN-11), and told to the apps that are subscribed to it (WH-CMT-1), in the chain of the page:
//! both in one transaction, or neither. The decision is pure.

use std::collections::HashMap;
use std::sync::Arc;

use baton_rules::{
    Cause, Invitation, Invited, PageId, PersonId, Surface, Thread, ThreadKey, Timestamp, Verb, commented,
};
use baton_store::{
    Asset, AssetKey, AssetKind, Batch, Chain, Found, JournalRow, Position, StoreError, Wanted,
};
use baton_wire::webhook;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tokio::sync::{mpsc, oneshot};

use crate::committer::Job;
use crate::engine::Engine;

/// How long one is kept, in milliseconds. Whoever answers too late is told by the rules, and the history has it.
const KEPT: i64 = 30 * 24 * 60 * 60 * 1000;
/// The longest id.
const LONGEST_ID: usize = 128;

/// Which comment.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CommentId {
    page: PageId,
    surface: Surface,
    id: Box<str>,
}

/// What somebody says under a post.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remark {
    /// Who: a [`PersonId`].
    pub person: Box<str>,
    /// What; none: nobody has said.
    pub message: Option<String>,
    /// Under which post.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub post: Option<String>,
    /// The comment that it answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
    /// Whether the post is a live broadcast.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub live: bool,
}

/// A comment as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptComment {
    /// When it came.
    pub at: Timestamp,
    /// What was said.
    pub said: Remark,
}

/// What is to become of a comment.
#[derive(Clone, Debug)]
pub(crate) struct Commented {
    id: CommentId,
    /// What it says now; none: it is taken back.
    said: Option<Remark>,
    /// What the person is called.
    name: Option<String>,
}

/// Why nothing became of it.
#[derive(Clone, Debug, thiserror::Error)]
pub enum CommentFailure {
    /// There is no such page, or it has no such side.
    #[error("no such page")]
    NoPage,
    /// It is somebody else's.
    #[error("the comment is another person's, and stays theirs")]
    NotTheirs,
    /// None came by this id, or too long ago.
    #[error("no such comment came within 30 days")]
    Unknown,
    /// The store cannot write now.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// More is waiting than is kept waiting: try again later.
    #[error("too much is waiting")]
    Busy,
    /// The server is stopping.
    #[error("the server is stopping")]
    Stopping,
}

/// What became of it: as it is kept now, and the row that tells of it.
#[derive(Clone, Debug)]
pub(crate) struct Came {
    pub(crate) answer: Result<KeptComment, CommentFailure>,
    /// Whose, and which of the batch's rows.
    pub(crate) told: Option<(ThreadKey, usize)>,
}

impl CommentId {
    /// The id of a comment on a page's side, if it can be one: 1 to 128 of `A-Z`, `a-z`, `0-9`, `_ . : -`.
    pub fn of(page: PageId, surface: Surface, id: &str) -> Option<Self> {
        let plain = id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.:-".contains(&byte));
        let fits = plain && (1..=LONGEST_ID).contains(&id.len());
        fits.then(|| Self { page, surface, id: id.into() })
    }

    /// The id itself.
    pub fn as_str(&self) -> &str {
        &self.id
    }

    /// The comment, as the rules know it.
    pub fn at(&self, at: Timestamp) -> Invitation {
        Invitation { digest: short(&Sha256::digest(self.id.as_bytes())), at, kind: Invited::Comment }
    }

    /// The conversation that an answer in private goes to.
    pub fn thread(&self, person: PersonId) -> ThreadKey {
        ThreadKey { page: self.page, surface: self.surface, person }
    }

    fn key(&self) -> AssetKey {
        let key = format!("{}/{}", self.surface.name(), self.id);
        AssetKey { page: self.page, kind: AssetKind::Comment, key: key.into() }
    }

    fn chain(&self) -> Chain {
        Chain::Page(self.page, self.surface)
    }
}

/// The number by which the rules know something that has this digest.
pub(crate) fn short(digest: &[u8]) -> u64 {
    digest.iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte))
}

impl Remark {
    /// Who says it.
    pub fn person(&self) -> Option<PersonId> {
        self.person.parse().ok()
    }

    /// The post, as the webhook names it: the one that was given, else the one that ids of the platform begin with
    /// (`POST_COMMENT`).
    fn post(&self, id: &CommentId) -> Option<String> {
        let named = || match id.surface {
            Surface::Messenger => id.id.split_once('_').map(|(post, _)| format!("{}_{post}", id.page)),
            Surface::Instagram => None,
        };
        self.post.clone().or_else(named)
    }
}

impl KeptComment {
    fn of(asset: &Asset, now: Timestamp) -> Option<Self> {
        let fresh = now.0 < asset.at.0.saturating_add(KEPT);
        let said = serde_json::from_str(&asset.document).ok();
        said.filter(|_| fresh).map(|said| Self { at: asset.at, said })
    }
}

impl Engine {
    /// A comment; none where it never came, or came too long ago.
    pub async fn comment(&self, id: &CommentId) -> Result<Option<KeptComment>, StoreError> {
        let found = self.asset(&id.key()).await?;
        Ok(found.and_then(|asset| KeptComment::of(&asset, self.now())))
    }

    /// Somebody comments, or changes what they said. Apps are told if it is new or says something else; durable when it
    /// returns.
    pub async fn commented(&self, id: CommentId, said: Remark) -> Result<KeptComment, CommentFailure> {
        let name = self.name(&id, &said).await?;
        self.about(Commented { id, said: Some(said), name }).await
    }

    /// Somebody takes a comment back: it is forgotten, and cannot be answered any more. Returns what it was.
    pub async fn uncommented(&self, id: CommentId) -> Result<KeptComment, CommentFailure> {
        let name = match self.comment(&id).await? {
            Some(known) => self.name(&id, &known.said).await?,
            None => None,
        };
        self.about(Commented { id, said: None, name }).await
    }

    /// What whoever says something is called, in the word of that side of the page.
    async fn name(&self, id: &CommentId, said: &Remark) -> Result<Option<String>, StoreError> {
        let Some(person) = said.person() else { return Ok(None) };
        let known = self.shared().store.person(&id.thread(person)).await?;
        Ok(match id.surface {
            Surface::Messenger => known.name,
            Surface::Instagram => known.username,
        })
    }

    async fn about(&self, commented: Commented) -> Result<KeptComment, CommentFailure> {
        let times = self.shared().standstill.times();
        let stream = commented.id.chain().stream(self.shared().store.streams());
        let jobs = self.committer(stream).ok_or(CommentFailure::Stopping)?;
        let (reply, answer) = oneshot::channel();
        let job = Job::Comment { commented: Box::new(commented), times, reply };
        jobs.try_send(job).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => CommentFailure::Busy,
            mpsc::error::TrySendError::Closed(_) => CommentFailure::Stopping,
        })?;
        drop(jobs);
        answer.await.unwrap_or(Err(CommentFailure::Stopping))
    }
}

/// What must be known for these comments.
pub(crate) fn want(commented: &[Commented], wanted: &mut Wanted) {
    for one in commented {
        if !wanted.chains.contains(&one.id.chain()) {
            wanted.chains.push(one.id.chain());
        }
        wanted.assets.push(one.id.key());
    }
}

/// Decides about comments, in order, behind everything else of the batch.
pub(crate) fn decide(found: &Found, commented: &[Commented], batch: &mut Batch) -> Vec<Came> {
    let (mut kept, mut ends) = (HashMap::new(), HashMap::new());
    for (key, asset) in &found.assets {
        kept.insert(key.clone(), KeptComment::of(asset, found.now));
    }
    let came: Vec<Came> = commented
        .iter()
        .map(|one| {
            let key = one.id.key();
            let before = kept.get(&key).cloned().flatten();
            let came = take(found, one, before.as_ref(), &mut ends, batch);
            if came.answer.is_ok() {
                let at = before.map_or(found.now, |before| before.at);
                kept.insert(key, one.said.clone().map(|said| KeptComment { at, said }));
            }
            came
        })
        .collect();
    if commented.is_empty() {
        return came;
    }
    for (key, now) in kept {
        match now {
            Some(comment) => {
                // Plain texts: they cannot fail to be written as JSON.
                let document = serde_json::to_string(&comment.said).unwrap_or_default().into();
                let asset = Asset { key, at: comment.at, document, content: None };
                let same = found.assets.get(&asset.key).is_some_and(|known| *known == asset);
                batch.assets.keep.extend((!same).then_some(asset));
            }
            None if found.assets.contains_key(&key) => batch.assets.forget.push(key),
            None => {}
        }
    }
    if batch.assets.keep.iter().any(|asset| asset.key.kind == AssetKind::Comment) {
        batch.assets.expire = Some((AssetKind::Comment, Timestamp(found.now.0 - KEPT)));
    }
    came
}

/// One comment: what it is now, and the row that tells of it.
fn take(
    found: &Found,
    one: &Commented,
    before: Option<&KeptComment>,
    ends: &mut HashMap<Chain, Position>,
    batch: &mut Batch,
) -> Came {
    let refused = |why| Came { answer: Err(why), told: None };
    let (page, surface) = (one.id.page, one.id.surface);
    let Some(routing) = found.settings.routing(page, surface) else {
        return refused(CommentFailure::NoPage);
    };
    let (now, verb) = match (&one.said, before) {
        (None, None) => return refused(CommentFailure::Unknown),
        (Some(said), Some(before)) if said.person != before.said.person => {
            return refused(CommentFailure::NotTheirs);
        }
        (None, Some(before)) => (before.clone(), Some(Verb::Remove)),
        (Some(said), None) => (KeptComment { at: found.now, said: said.clone() }, Some(Verb::Add)),
        (Some(said), Some(before)) => {
            let edited = said.message != before.said.message;
            (KeptComment { at: before.at, said: said.clone() }, edited.then_some(Verb::Edited))
        }
    };
    let told = verb.and_then(|verb| Some((verb, commented(routing, verb, now.said.live)?)));
    let (Some((verb, told)), Some(person)) = (told, now.said.person()) else {
        return Came { answer: Ok(now), told: None };
    };
    let post = now.said.post(&one.id);
    let item = webhook::commented(
        told.field,
        &webhook::Comment {
            surface,
            id: one.id.as_str(),
            person: &person,
            name: one.name.as_deref(),
            verb,
            text: now.said.message.as_deref(),
            post: post.as_deref(),
            parent: now.said.parent.as_deref(),
            live: now.said.live,
            at: now.at,
        },
    );
    let chain = one.id.chain();
    let position = batch.rows.last().map_or(found.head, |row| row.position).next();
    let end = ends.insert(chain.clone(), position);
    batch.rows.push(Arc::new(JournalRow {
        position,
        previous: end.or_else(|| found.ends.get(&chain).copied()),
        chain: Some(chain),
        at: found.now,
        rule: told.rule.0.into(),
        via: None,
        cause: Cause::Signal,
        by: None,
        event: Some(item.event.into()),
        notices: told.notices,
        whole: item.whole,
        reduced: None,
        context: None,
        after: Thread::default(),
    }));
    let told = Some((one.id.thread(person), batch.rows.len() - 1));
    Came { answer: Ok(now), told }
}
