//! What happens, as it happens: for the terminal, the console and whoever listens. Lossy on purpose: a slow
//! listener misses lines, and never holds anything up. What happened last is kept in memory, without
//! large bodies.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use baton_rules::{AppId, Channel, Refused, ThreadKey, Timestamp};
use baton_store::{Chain, JournalRow};
use bytes::Bytes;
use tokio::sync::broadcast;

use crate::lanes::GivenUp;

/// How much of what happened is kept.
const KEPT: usize = 1_000;
/// Lines that a listener may be behind before it misses some.
const BEHIND: usize = 1_024;
/// Bytes of bodies in a line that are kept with it: to leave them out takes a copy of every row, and so few of them
/// are not worth that.
const LIGHT: usize = 2_048;

/// Tells listeners what happens, and remembers the last of it.
pub(crate) struct Activities {
    lines: broadcast::Sender<Arc<Activity>>,
    /// The same without what happened on other nodes: who listens here has nothing read for it.
    own: broadcast::Sender<Arc<Activity>>,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    /// The number of the last line.
    last: u64,
    /// Oldest first, numbered without a gap.
    lines: VecDeque<Arc<Activity>>,
}

impl Default for Activities {
    fn default() -> Self {
        Self {
            lines: broadcast::channel(BEHIND).0,
            own: broadcast::channel(BEHIND).0,
            kept: Mutex::default(),
        }
    }
}

impl Activities {
    /// Something happened. Listeners hear it in the order of its numbers.
    pub(crate) fn tell(&self, at: Timestamp, kind: ActivityKind) {
        self.add(at, kind, false);
    }

    /// The same, of what happened on another node.
    pub(crate) fn heard(&self, at: Timestamp, kind: ActivityKind) {
        self.add(at, kind, true);
    }

    fn add(&self, at: Timestamp, kind: ActivityKind, elsewhere: bool) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.last += 1;
        let whole = Arc::new(Activity { number: kept.last, at, elsewhere, kind });
        let light = whole.weight() <= LIGHT;
        kept.lines.push_back(if light { Arc::clone(&whole) } else { Arc::new(whole.without_bodies()) });
        if kept.lines.len() > KEPT {
            kept.lines.pop_front();
        }
        // Nobody listening is no error. Under the lock, or two lines might change places on their way.
        if !elsewhere && self.own.receiver_count() > 0 {
            let _ = self.own.send(Arc::clone(&whole));
        }
        if self.lines.receiver_count() > 0 {
            let _ = self.lines.send(whole);
        }
    }

    /// Whether anybody listens to what happens on whichever node.
    pub(crate) fn has_listeners(&self) -> bool {
        self.lines.receiver_count() > 0
    }

    /// What happens from now on.
    pub(crate) fn listen(&self) -> broadcast::Receiver<Arc<Activity>> {
        self.lines.subscribe()
    }

    /// What happens on this node from now on.
    pub(crate) fn listen_to_own(&self) -> broadcast::Receiver<Arc<Activity>> {
        self.own.subscribe()
    }

    /// What is kept, oldest first, and what happens from then on: nothing is missing in between.
    pub(crate) fn listen_from(&self) -> (Vec<Arc<Activity>>, broadcast::Receiver<Arc<Activity>>) {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        (kept.lines.iter().cloned().collect(), self.lines.subscribe())
    }
}

/// Something that happened.
#[derive(Clone, Debug)]
pub struct Activity {
    /// Counts from 1 with every start of the engine.
    pub number: u64,
    /// When.
    pub at: Timestamp,
    /// Whether another node did it, which tells its own listeners too.
    pub elsewhere: bool,
    /// What.
    pub kind: ActivityKind,
}

impl Activity {
    /// What its bodies take.
    fn weight(&self) -> usize {
        let bodies = |row: &Arc<JournalRow>| {
            let others = [&row.reduced, &row.context].into_iter().flatten();
            row.whole.len() + others.map(Bytes::len).sum::<usize>()
        };
        match &self.kind {
            ActivityKind::Decision { rows, .. } | ActivityKind::Settings { told: rows, .. } => {
                rows.iter().map(bodies).sum()
            }
            ActivityKind::Comment { row, .. } => bodies(row),
            ActivityKind::Delivery { body, .. } => body.len(),
            ActivityKind::Refusal { .. }
            | ActivityKind::Verification { .. }
            | ActivityKind::Standing { .. }
            | ActivityKind::Clock { .. } => 0,
        }
    }

    /// What is kept of one with much in it: bodies may be large, and are in the database.
    fn without_bodies(&self) -> Self {
        let mut activity = self.clone();
        let slim = |row: &Arc<JournalRow>| {
            let nothing = (Bytes::new(), None, None);
            let (whole, reduced, context) = nothing;
            Arc::new(JournalRow { whole, reduced, context, ..JournalRow::clone(row) })
        };
        match &mut activity.kind {
            ActivityKind::Decision { rows, .. } | ActivityKind::Settings { told: rows, .. } => {
                *rows = rows.iter().map(slim).collect();
            }
            ActivityKind::Comment { row, .. } => *row = slim(row),
            ActivityKind::Delivery { body, .. } => *body = Bytes::new(),
            ActivityKind::Refusal { .. }
            | ActivityKind::Verification { .. }
            | ActivityKind::Standing { .. }
            | ActivityKind::Clock { .. } => {}
        }
        activity
    }
}

/// An event in a webhook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Carried {
    /// What it is a part of.
    pub chain: Chain,
    /// The platform's name.
    pub event: Box<str>,
    /// When it was committed.
    pub at: Timestamp,
}

/// How the delivery to an app stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It has failed for long.
    Alerted,
    /// It was stopped.
    Disabled,
    /// Somebody let it go on.
    Resumed,
    /// It arrives again, after an alert.
    Recovered,
    /// Events that it had not taken were deleted for their age.
    Expired,
}

/// The kinds of happenings.
#[derive(Clone, Debug)]
pub enum ActivityKind {
    /// A decision was committed: its rows, in order. The last row's rule is the decision's; a first row with
    /// cause `expiry` is a lapse that was found on the way.
    Decision {
        /// Whose.
        thread: ThreadKey,
        /// The owner before.
        from: Option<AppId>,
        /// The owner after.
        to: Option<AppId>,
        /// When control lapses.
        expires_at: Option<Timestamp>,
        /// Its rows.
        rows: Vec<Arc<JournalRow>>,
    },
    /// An ask was refused.
    Refusal {
        /// Whose.
        thread: ThreadKey,
        /// The row and the refusal.
        refused: Refused,
        /// Who is in control.
        owner: Option<AppId>,
    },
    /// A webhook was tried.
    Delivery {
        /// The app.
        app: AppId,
        /// The events in it.
        events: Vec<Carried>,
        /// The array of the webhook in which they stand.
        channel: Channel,
        /// The HTTP status; none where there was no answer.
        status: Option<u16>,
        /// What went wrong.
        error: Option<Box<str>>,
        /// How long it took, in milliseconds.
        duration_ms: u64,
        /// The body that was sent.
        body: Bytes,
        /// When it is tried again.
        again_at: Option<Timestamp>,
        /// It is not tried any more, and why.
        given_up: Option<GivenUp>,
    },
    /// An app's address was asked to verify itself.
    Verification {
        /// The app.
        app: AppId,
        /// Why it failed; none when it did not.
        error: Option<Box<str>>,
    },
    /// How the delivery to an app stands has changed.
    Standing {
        /// The app.
        app: AppId,
        /// How it stands.
        standing: Standing,
        /// Why, for people.
        reason: Box<str>,
    },
    /// The settings changed.
    Settings {
        /// The new version.
        version: u64,
        /// Which, as JSON pointers; as many as whoever changed them said.
        changed: Vec<Box<str>>,
        /// What apps are told because of it (`app_roles`).
        told: Vec<Arc<JournalRow>>,
    },
    /// A comment under a post was committed.
    Comment {
        /// Whose it is: of which side of the page, and by whom. They may have no conversation.
        by: ThreadKey,
        /// Its row.
        row: Arc<JournalRow>,
    },
    /// The virtual clock was moved.
    Clock {
        /// The time before.
        was: Timestamp,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A webhook with so large a body is told; what is kept of it.
    fn kept(size: usize) -> Arc<Activity> {
        let activities = Activities::default();
        let mut listener = activities.listen();
        activities.tell(
            Timestamp(0),
            ActivityKind::Delivery {
                app: AppId::PAGE_INBOX,
                events: Vec::new(),
                channel: Channel::Messaging,
                status: Some(200),
                error: None,
                duration_ms: 1,
                body: vec![b'x'; size].into(),
                again_at: None,
                given_up: None,
            },
        );
        assert_eq!(listener.try_recv().unwrap().weight(), size, "who listens gets all of it");
        let (lines, _) = activities.listen_from();
        Arc::clone(&lines[0])
    }

    #[test]
    fn who_listens_to_this_node_hears_no_other_and_has_nothing_read_for_it() {
        let activities = Activities::default();
        let mut own = activities.listen_to_own();
        assert!(!activities.has_listeners());
        activities.heard(Timestamp(1), ActivityKind::Clock { was: Timestamp(0) });
        activities.tell(Timestamp(2), ActivityKind::Clock { was: Timestamp(1) });
        assert_eq!(own.try_recv().unwrap().number, 2);
        assert!(own.try_recv().is_err());
        let mut all = activities.listen();
        activities.heard(Timestamp(3), ActivityKind::Clock { was: Timestamp(2) });
        assert!(activities.has_listeners() && all.try_recv().unwrap().elsewhere && own.try_recv().is_err());
    }

    #[test]
    fn large_bodies_are_not_kept_and_small_ones_cost_no_copy() {
        assert_eq!(kept(LIGHT).weight(), LIGHT);
        assert_eq!(kept(LIGHT + 1).weight(), 0);
    }
}
