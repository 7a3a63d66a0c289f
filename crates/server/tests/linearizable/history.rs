//! What was asked, what was answered, and in what order: one counter numbers every call as it goes out and every
//! answer as it comes in, so that "before" means before for everybody.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use baton_rules::{AppId, Ask, Desk, MoveToMain, PageId, PersonId};
use serde_json::Value;

use crate::model::State;

/// A status, and as much of the body as the model foretells.
pub(crate) type Told = (u16, Value);

/// A thread: every page here has one surface.
pub(crate) type Talk = (PageId, PersonId);

/// Something that is asked.
#[derive(Clone, Debug)]
pub(crate) enum Asked {
    /// Nothing: this is how things stood when nobody was asking. Every window of the history begins with it.
    Begin(State),
    /// The same at a window's end.
    End(State),
    /// The clock goes on by this many milliseconds.
    Clock(i64),
    /// An app acts on a thread of the page that its token is for.
    Act { token: String, talk: Talk, ask: Ask, metadata: Option<String> },
    /// An app asks who owns the thread.
    Owner { token: String, talk: Talk },
    /// A person writes.
    Write { talk: Talk },
    /// Somebody uses the inbox.
    Desk { talk: Talk, desk: Desk },
    /// The operator looks at a thread.
    Look { talk: Talk },
    /// The operator reads settings.
    Read { item: Item },
    /// The operator changes settings, where `if_match` says what must be there.
    Change { change: Change, if_match: Option<Document> },
}

impl Asked {
    /// Whether it may change anything.
    pub(crate) const fn changes(&self) -> bool {
        match self {
            Asked::Clock(_)
            | Asked::Act { .. }
            | Asked::Write { .. }
            | Asked::Desk { .. }
            | Asked::Change { .. } => true,
            Asked::Begin(_)
            | Asked::End(_)
            | Asked::Owner { .. }
            | Asked::Look { .. }
            | Asked::Read { .. } => false,
        }
    }

    /// The thread that this is about; none for what is about settings or about everything.
    pub(crate) const fn talk(&self) -> Option<&Talk> {
        match self {
            Asked::Act { talk, .. }
            | Asked::Owner { talk, .. }
            | Asked::Write { talk }
            | Asked::Desk { talk, .. }
            | Asked::Look { talk } => Some(talk),
            Asked::Begin(_) | Asked::End(_) | Asked::Clock(_) | Asked::Read { .. } | Asked::Change { .. } => {
                None
            }
        }
    }
}

/// A document of the settings.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Item {
    /// `/pages/{page}`
    Page(PageId),
    /// `/pages/{page}/connections/{app}`
    Connection(PageId, AppId),
    /// `/routing`
    Routing,
}

/// A document as it was read, with its tag.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Document {
    pub(crate) tag: String,
    pub(crate) body: Value,
}

/// A change of settings.
#[derive(Clone, Debug)]
pub(crate) enum Change {
    /// `PATCH /pages/{page}`
    Page { page: PageId, patch: Patch },
    /// `PUT /pages/{page}/connections/{app}`
    Connect { page: PageId, app: AppId, to: Wanted },
    /// `DELETE /pages/{page}/connections/{app}`
    Disconnect { page: PageId, app: AppId },
    /// `PUT /routing`
    Routing { pages: Vec<(PageId, Whole)> },
}

/// A part of a page; what is none stays.
#[derive(Clone, Debug, Default)]
pub(crate) struct Patch {
    pub(crate) default: Option<Option<AppId>>,
    pub(crate) primary: Option<Option<AppId>>,
    pub(crate) enabled: Option<bool>,
    pub(crate) move_to_main: Option<MoveToMain>,
}

/// A page as a file has it.
#[derive(Clone, Debug)]
pub(crate) struct Whole {
    pub(crate) enabled: bool,
    pub(crate) move_to_main: MoveToMain,
    pub(crate) default: Option<AppId>,
    pub(crate) primary: Option<AppId>,
    pub(crate) connections: Vec<(AppId, Wanted)>,
}

/// A connection as it is put.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    pub(crate) token: String,
    pub(crate) fields: baton_rules::Fields,
    pub(crate) standby: bool,
    pub(crate) take_control: bool,
}

/// An operation from call to answer.
#[derive(Clone, Debug)]
pub(crate) struct Done {
    /// Who asked: nobody asks twice at once.
    pub(crate) by: usize,
    pub(crate) asked: Asked,
    pub(crate) told: Told,
    /// When the call went out, and when the answer had come.
    pub(crate) from: u64,
    pub(crate) until: u64,
}

/// Takes it all down.
#[derive(Default)]
pub(crate) struct Recorder {
    count: AtomicU64,
    done: Mutex<Vec<Done>>,
}

impl Recorder {
    /// The next number.
    pub(crate) fn number(&self) -> u64 {
        self.count.fetch_add(1, Ordering::SeqCst)
    }

    /// How far it is numbered.
    pub(crate) fn so_far(&self) -> u64 {
        self.count.load(Ordering::SeqCst)
    }

    /// An operation whose call went out at `from`, and was answered just now.
    pub(crate) fn record(&self, by: usize, asked: Asked, told: Told, from: u64) {
        let until = self.number();
        self.done.lock().unwrap().push(Done { by, asked, told, from, until });
    }

    /// What was recorded since the last time.
    pub(crate) fn take(&self) -> Vec<Done> {
        std::mem::take(&mut self.done.lock().unwrap())
    }
}
