//! What people give in an opt-in by which a message may reach them: the `user_ref` of the checkbox plugin, and tokens to
//! be notified (WIN-13 to WIN-16). It is kept with the event that brings it, in one transaction, and looked up when an app
//! sends by it; whether that may be is a rule.

use baton_rules::{Invitation, Invited, PageId, PersonId, Surface, ThreadKey, Timestamp};
use baton_store::{Asset, AssetChange, AssetKey, AssetKind, StoreError};
use baton_wire::inbound::{Kind, PersonEvent};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::comments::short;
use crate::engine::Engine;

const DAY: i64 = 24 * 60 * 60;
/// How long one is kept, in milliseconds: a day longer than any counts, so that who is too late is told that.
const KEPT: i64 = (366 + 1) * DAY * 1000;
/// Numbers of `token_expiry_timestamp` from here on are milliseconds, those below it seconds.
const MILLISECONDS: i64 = 100_000_000_000;

/// What it is, by its name in the event and as a recipient.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Checkbox,
    Once,
    Topic,
}

impl Way {
    const ALL: [(Way, &'static str); 3] = [
        (Way::Checkbox, "user_ref"),
        (Way::Once, "one_time_notif_token"),
        (Way::Topic, "notification_messages_token"),
    ];
}

/// Which one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OptinId {
    page: PageId,
    surface: Surface,
    way: Way,
    name: &'static str,
    digest: [u8; 32],
}

/// What is kept of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Kept {
    person: Box<str>,
    /// For a topic: how many seconds there are between two messages at least.
    every: i64,
    /// For a topic: when the token ends, in milliseconds.
    until: i64,
    /// For a topic: whether the person has stopped it.
    stopped: bool,
}

impl OptinId {
    /// The one with this token, as a recipient names it; none if opt-ins have no such thing.
    pub fn of(page: PageId, surface: Surface, name: &str, token: &str) -> Option<Self> {
        let (way, name) = Way::ALL.into_iter().find(|(_, known)| *known == name)?;
        Some(Self { page, surface, way, name, digest: Sha256::digest(token.as_bytes()).into() })
    }

    fn key(&self) -> AssetKey {
        let digest: String = self.digest.iter().map(|byte| format!("{byte:02x}")).collect();
        let key = format!("{}/{}/{digest}", self.surface.name(), self.name);
        AssetKey { page: self.page, kind: AssetKind::Optin, key: key.into() }
    }

    /// What the rules know of it, and whose it is.
    fn invitation(&self, asset: &Asset) -> Option<(PersonId, Invitation)> {
        let kept: Kept = serde_json::from_str(&asset.document).ok()?;
        let kind = match self.way {
            Way::Checkbox => Invited::Checkbox,
            Way::Once => Invited::Once,
            Way::Topic => {
                Invited::Topic { every: kept.every, until: Timestamp(kept.until), stopped: kept.stopped }
            }
        };
        let invitation = Invitation { digest: short(&self.digest), at: asset.at, kind };
        Some((kept.person.parse().ok()?, invitation))
    }
}

impl Kept {
    fn of(person: &PersonId, content: &Map<String, Value>, now: Timestamp) -> Self {
        let text = |name: &str| content.get(name).and_then(Value::as_str).unwrap_or_default().to_uppercase();
        let days = match text("notification_messages_frequency").as_str() {
            "MONTHLY" => 30,
            "WEEKLY" => 7,
            _ => 1,
        };
        let ends = content.get("token_expiry_timestamp").and_then(Value::as_i64);
        let ends = ends.map(|at| if at < MILLISECONDS { at.saturating_mul(1000) } else { at });
        Self {
            person: person.as_str().into(),
            every: days * DAY,
            until: ends.unwrap_or(now.plus_seconds(Invitation::ONCE).0),
            stopped: text("notification_messages_status").starts_with("STOP"),
        }
    }
}

/// What a person's event brings is kept, in the place of what had the same token.
pub(crate) fn keep(thread: &ThreadKey, event: &PersonEvent, now: Timestamp, assets: &mut AssetChange) {
    if event.kind != Kind::Optin {
        return;
    }
    for (_, name) in Way::ALL {
        let token = event.content.get(name).and_then(Value::as_str).filter(|token| !token.is_empty());
        let id = token.and_then(|token| OptinId::of(thread.page, thread.surface, name, token));
        let Some(key) = id.map(|id| id.key()) else { continue };
        let kept = Kept::of(&thread.person, &event.content, now);
        // Plain texts and numbers: they cannot fail to be written as JSON.
        let document = serde_json::to_string(&kept).unwrap_or_default().into();
        assets.keep.retain(|asset| asset.key != key);
        assets.keep.push(Asset { key, at: now, document, content: None });
        assets.expire = Some((AssetKind::Optin, Timestamp(now.0 - KEPT)));
    }
}

impl Engine {
    /// Whose a token is, and what may be sent by it; none if nobody gave it.
    pub async fn optin(&self, id: &OptinId) -> Result<Option<(PersonId, Invitation)>, StoreError> {
        Ok(self.asset(&id.key()).await?.and_then(|asset| id.invitation(&asset)))
    }
}
