//! What happens, as it happens: for the terminal, the console and whoever listens. Lossy on purpose: a slow
//! listener misses lines, and never holds anything up.

use std::sync::Arc;

use baton_rules::{AppId, Refused, ThreadKey, Timestamp};
use baton_store::JournalRow;
use bytes::Bytes;

/// Something that happened.
#[derive(Clone, Debug)]
pub struct Activity {
    /// When.
    pub at: Timestamp,
    /// What.
    pub kind: ActivityKind,
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
        /// The events in it: whose, and the platform's name.
        events: Vec<(ThreadKey, Box<str>)>,
        /// Whether in `standby`.
        standby: bool,
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
    },
    /// An app's address was asked to verify itself.
    Verification {
        /// The app.
        app: AppId,
        /// Why it failed; none when it did not.
        error: Option<Box<str>>,
    },
    /// The settings changed.
    Settings {
        /// The new version.
        version: u64,
    },
    /// The virtual clock was moved.
    Clock {
        /// The time before.
        was: Timestamp,
    },
}
