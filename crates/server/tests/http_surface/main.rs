//! Both HTTP surfaces from outside: the real router over loopback, a real engine over a store in memory, and
//! a clock that stands still, so that whole answers can be compared.

#![expect(clippy::unwrap_used, reason = "the helpers of a test may unwrap like the test")]

mod activity;
mod apps;
mod baton;
mod bounds;
mod conversations;
mod dry_run;
mod graph;
mod hop_context;
mod once;
mod receiver;
mod routing;
mod settings;
mod transports;
mod world;
