//! What a row follows: rows of one thread are a chain, in which an app hears one after another; so are the
//! rows by which a page's apps are told of the page itself (`app_roles`).

use baton_rules::{PageId, Surface, ThreadKey};

use crate::Stream;

/// A chain of rows, all in one stream.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Chain {
    /// A conversation.
    Thread(ThreadKey),
    /// What the apps of a page's surface are told of the page itself: rows without a thread.
    Page(PageId, Surface),
}

impl Chain {
    /// The page.
    pub const fn page(&self) -> PageId {
        match self {
            Chain::Thread(key) => key.page,
            Chain::Page(page, _) => *page,
        }
    }

    /// The page's side.
    pub const fn surface(&self) -> Surface {
        match self {
            Chain::Thread(key) => key.surface,
            Chain::Page(_, surface) => *surface,
        }
    }

    /// The conversation, where it is one.
    pub const fn thread(&self) -> Option<&ThreadKey> {
        match self {
            Chain::Thread(key) => Some(key),
            Chain::Page(..) => None,
        }
    }

    /// Its stream: FNV-1a (64 bits) of `page/surface/person`, or of `page/surface`, modulo the number of
    /// streams. The same in every store, and never changed, for it says where existing rows are.
    pub fn stream(&self, streams: u16) -> Stream {
        let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
        let mut eat = |bytes: &[u8]| {
            for byte in bytes {
                hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
            }
        };
        eat(self.page().to_string().as_bytes());
        eat(b"/");
        eat(self.surface().name().as_bytes());
        if let Chain::Thread(key) = self {
            eat(b"/");
            eat(key.person.as_str().as_bytes());
        }
        Stream(u16::try_from(hash % u64::from(streams.max(1))).unwrap_or_default())
    }
}

impl From<ThreadKey> for Chain {
    fn from(key: ThreadKey) -> Self {
        Chain::Thread(key)
    }
}
