//! The people who run Baton: who may sign in to its console, as what, and what each of them did. Small enough to be
//! one value that changes as a whole; the line of audit that a change leaves is appended beside it.

use baton_rules::Timestamp;
use serde::{Deserialize, Serialize};

use crate::Secret;

/// Lines of audit that are kept; the oldest go.
pub const AUDIT_LINES: u64 = 100_000;

/// What a member may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Everything.
    Operator,
    /// Reads conversations and answers in the Inbox; nothing else.
    Agent,
    /// Reads; nothing else.
    Viewer,
}

impl Role {
    /// All of them.
    pub const ALL: [Role; 3] = [Role::Operator, Role::Agent, Role::Viewer];

    /// The word for it, in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Role::Operator => "operator",
            Role::Agent => "agent",
            Role::Viewer => "viewer",
        }
    }
}

/// Somebody who may sign in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// Never given to another.
    pub id: u64,
    /// What they sign in as, and are called.
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// The hash of their password, in PHC's form; none until they chose one.
    pub password: Option<Secret>,
    /// Since when they are a member, by Baton's clock.
    #[serde(with = "milliseconds")]
    pub since: Timestamp,
}

/// A link by which a member chooses a password, once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invitation {
    /// SHA-256 of its code.
    pub hash: [u8; 32],
    /// Whose.
    pub member: u64,
    /// Until when it works, by the system's clock.
    #[serde(with = "milliseconds")]
    pub until: Timestamp,
}

/// A browser in which a member is signed in. Times are the system's clock's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// What it is called; says nothing of its code.
    pub id: u64,
    /// SHA-256 of its code, which only the browser has.
    pub hash: [u8; 32],
    /// Whose.
    pub member: u64,
    /// When it began.
    #[serde(with = "milliseconds")]
    pub since: Timestamp,
    /// When it was last used, to the hour.
    #[serde(with = "milliseconds")]
    pub seen: Timestamp,
    /// What the browser called itself.
    pub browser: String,
}

/// Everybody who may sign in, and what they sign in with.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Team {
    /// The id that was given last, to a member or a session.
    pub last_id: u64,
    /// In the order of their coming.
    pub members: Vec<Member>,
    /// Links that were not used yet.
    pub invitations: Vec<Invitation>,
    /// Browsers that are signed in.
    pub sessions: Vec<Session>,
}

impl Team {
    /// A member.
    pub fn member(&self, id: u64) -> Option<&Member> {
        self.members.iter().find(|member| member.id == id)
    }

    /// An id that nobody had.
    pub fn new_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }
}

/// What somebody did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditLine {
    /// When, by Baton's clock.
    #[serde(with = "milliseconds")]
    pub at: Timestamp,
    /// The member; none for whoever has the operator token or the link of `baton dev`.
    pub member: Option<u64>,
    /// What they were called then.
    pub name: String,
    /// The operation, as Baton's own API names it.
    pub operation: String,
    /// Upon what: the path of the call, without the API's own.
    pub path: String,
    /// The HTTP status that it was answered with.
    pub status: u16,
}

/// A moment as a number: milliseconds since 1970.
mod milliseconds {
    use baton_rules::Timestamp;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(at: &Timestamp, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_i64(at.0)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Timestamp, D::Error> {
        i64::deserialize(from).map(Timestamp)
    }
}
