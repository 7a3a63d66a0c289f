//! Identifiers as types: what is a page is never an app, and each is checked once, where it enters.

use std::fmt;
use std::str::FromStr;

/// Why a text is not an identifier; the message is made to be shown to whoever sent it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotAnId(pub &'static str);

impl fmt::Display for NotAnId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for NotAnId {}

macro_rules! numeric_id {
    ($(#[$doc:meta])* $name:ident, $max:expr, $wrong:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(u64);

        impl $name {
            /// The identifier with this number; zero and numbers above the limit are none.
            pub const fn new(number: u64) -> Option<Self> {
                if number == 0 || number > $max { None } else { Some(Self(number)) }
            }

            /// The number that the digits spell.
            pub const fn number(self) -> u64 {
                self.0
            }
        }

        impl FromStr for $name {
            type Err = NotAnId;

            fn from_str(text: &str) -> Result<Self, NotAnId> {
                let plain = !text.starts_with('0') && text.bytes().all(|b| b.is_ascii_digit());
                let number = if plain { text.parse().ok() } else { None };
                number.and_then(Self::new).ok_or(NotAnId($wrong))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}", self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), self.0)
            }
        }
    };
}

numeric_id!(
    /// An app. Below 2^53, because deployed clients read app ids as JSON numbers (API-3).
    AppId,
    (1 << 53) - 1,
    "an app id is a number of at most 16 digits without leading zeros, below 9007199254740992"
);
numeric_id!(
    /// A page, or the Instagram account that is a page's other surface.
    PageId,
    999_999_999_999_999_999,
    "a page id is a number of at most 18 digits without leading zeros"
);

impl AppId {
    /// The Page Inbox, as an app (C-22).
    pub const PAGE_INBOX: AppId = AppId(263_902_037_430_900);
    /// The Instagram Inbox, as an app.
    pub const INSTAGRAM_INBOX: AppId = AppId(1_217_981_644_879_628);

    /// Whether this is one of the two built-in human inboxes.
    pub const fn is_inbox(self) -> bool {
        self.0 == Self::PAGE_INBOX.0 || self.0 == Self::INSTAGRAM_INBOX.0
    }
}

/// A person as one page knows them (PSID, IGSID): 1 to 64 of `[A-Za-z0-9_-]`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PersonId(Box<str>);

impl PersonId {
    /// The identifier as it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for PersonId {
    type Err = NotAnId;

    fn from_str(text: &str) -> Result<Self, NotAnId> {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
        if (1..=64).contains(&text.len()) && text.bytes().all(allowed) {
            Ok(Self(text.into()))
        } else {
            Err(NotAnId("a person id is 1 to 64 of the characters A-Z a-z 0-9 _ -"))
        }
    }
}

impl fmt::Display for PersonId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for PersonId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PersonId({})", self.0)
    }
}

/// One of a page's two sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Surface {
    /// People are PSIDs, the webhook's `object` is `page`.
    Messenger,
    /// People are IGSIDs, the webhook's `object` is `instagram`.
    Instagram,
}

impl Surface {
    /// API-13: the permission that a token needs on this side.
    pub const fn permission(self) -> &'static str {
        match self {
            Surface::Messenger => "pages_messaging",
            Surface::Instagram => "instagram_manage_messages",
        }
    }

    /// The inbox of this surface, as an app.
    pub const fn inbox(self) -> AppId {
        match self {
            Surface::Messenger => AppId::PAGE_INBOX,
            Surface::Instagram => AppId::INSTAGRAM_INBOX,
        }
    }

    /// The name that files and Baton's own API use.
    pub const fn name(self) -> &'static str {
        match self {
            Surface::Messenger => "messenger",
            Surface::Instagram => "instagram",
        }
    }
}

/// The one conversation of one person with one page on one surface.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ThreadKey {
    /// The page (for both surfaces, the page itself).
    pub page: PageId,
    /// Which side of the page.
    pub surface: Surface,
    /// Who writes.
    pub person: PersonId,
}

/// Milliseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// This moment and a number of seconds more; saturates at the end of time.
    pub const fn plus_seconds(self, seconds: i64) -> Self {
        Self(self.0.saturating_add(seconds.saturating_mul(1000)))
    }

    /// Rounded down to a whole second (CLK-8).
    pub const fn whole_second(self) -> Self {
        Self(self.0.div_euclid(1000) * 1000)
    }

    /// Whole seconds since 1970, as the Graph API counts.
    pub const fn seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }
}
