//! The `baton` program from outside: what it prints, where, with which exit code, and a whole session of it.

#![expect(clippy::unwrap_used, reason = "a helper that does not get what it needs fails the test")]
#![expect(clippy::disallowed_methods, reason = "the program runs in real time")]

mod bot;
mod copy;
mod deliveries;
mod docs;
mod doctor;
mod examples;
mod logs;
mod reference;
mod scenarios;
mod screens;
mod serve;
mod session;
mod shells;
mod support;
mod terminal;
mod tools;
mod traces;
mod transcript;
mod usage;
