//! Makes it happen. *Committers* turn arriving actions into committed decisions, many to a transaction;
//! *delivery* turns journal rows into webhooks, in order. Between the two lies only the store: wherever the
//! process dies, what was committed is delivered, and what was not committed was never acknowledged.
//!
//! [`Engine`] is the handle that the server holds; [`Engine::submit`] is the one way to make a decision.

mod activity;
mod agreed;
mod announce;
mod batch;
mod books;
mod clock;
mod comments;
mod committer;
mod deliveries;
mod delivery;
mod due;
mod engine;
mod faults;
mod following;
mod history;
mod holding;
mod lanes;
mod measures;
mod membership;
mod optins;
mod probe;
mod receipt;
mod resending;
mod retention;
mod retry;
mod standstill;
mod told;
mod trace;
mod transport;
mod verification;
mod walk;
mod webhook;

pub use activity::{Activity, ActivityKind, Carried, Standing};
pub use clock::{Clock, ClockRefused, ClockState, SystemClock, VirtualClock};
pub use comments::{CommentFailure, CommentId, KeptComment, Remark};
pub use deliveries::{AppHealth, Bookmark, Delivery, Fate};
pub use engine::{Applied, ClockFailure, Engine, Filter, Owner, Parts, Policy, ThreadState};
pub use faults::Faults;
pub use history::HistoryEntry;
pub use lanes::GivenUp;
pub use membership::Member;
pub use optins::OptinId;
pub use probe::{Probe, Probed, Signed};
pub use receipt::{
    CallersKey, DeskAct, Failure, NoticeSeen, Receipt, Request, Requested, Supposed, ThreadSeen,
};
pub use resending::{AppResumed, NotResent, Resending, Which};
pub use retention::Keep;
pub use retry::Profile;
pub use told::{Newest, Places, Told};
pub use trace::Trace;
pub use transport::{Answer, HttpTransport, Names, SendError, SystemNames, Transport, USER_AGENT, Vetting};
pub use webhook::{Webhook, WebhookId};
