//! Both HTTP surfaces from outside: the real router over loopback, a real engine over a store in memory, and
//! a clock that stands still, so that whole answers can be compared.

#![expect(clippy::unwrap_used, reason = "the helpers of a test may unwrap like the test")]

mod activity;
mod ads;
mod app_roles;
mod apps;
mod asked;
mod attachments;
mod baton;
mod bounds;
mod calls;
mod comments;
mod compat;
mod conversations;
mod deliveries;
mod dry_run;
mod explain;
mod faults;
mod fuzz;
mod graph;
mod handshake;
mod hop_context;
mod https;
mod instagram;
mod listener;
mod members;
mod metrics;
mod modes;
mod old_clients;
mod once;
mod openapi;
mod optins;
mod paging;
mod person;
mod printed;
mod profile;
mod random_walk;
mod receiver;
mod retention;
mod routing;
mod rules;
mod settings;
mod stage;
mod statistics;
mod surveys;
mod timers;
mod transports;
mod usage;
mod webhooks;
mod what_differs;
mod worked;
mod world;
