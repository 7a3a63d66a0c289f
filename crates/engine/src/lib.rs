//! Makes it happen. *Committers* turn arriving actions into committed decisions, many to a transaction;
//! *delivery* turns journal rows into webhooks, in order. Between the two lies only the store: wherever the
//! process dies, what was committed is delivered, and what was not committed was never acknowledged.
//!
//! [`Engine`] is the handle that the server holds; [`Engine::submit`] is the one way to make a decision.

mod activity;
mod announce;
mod batch;
mod clock;
mod committer;
mod delivery;
mod due;
mod engine;
mod history;
mod lanes;
mod receipt;
mod retry;
mod transport;
mod walk;

pub use activity::{Activity, ActivityKind};
pub use clock::{Clock, ClockRefused, ClockState, SystemClock, VirtualClock};
pub use engine::{Applied, ClockFailure, Engine, Filter, Parts, Policy, ThreadState};
pub use history::{HistoryEntry, HistoryPlace};
pub use receipt::{CallersKey, DeskAct, Failure, NoticeSeen, Receipt, Request, Requested, ThreadSeen};
pub use retry::Profile;
pub use transport::{Answer, HttpTransport, SendError, Transport, Vetting};
