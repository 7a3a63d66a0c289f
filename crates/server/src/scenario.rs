//! Scenarios: files that tell a story and say what must come of it (`baton test`). A file is read into
//! [`file::Scenario`]; [`play`] plays it on a server of its own, over HTTP as everybody else would; [`judge`]
//! compares what came of a step with what the file expects; [`report`] tells people and programs.
//!
//! What a file may say is `docs/scenarios.md`.

mod expect;
pub(crate) mod file;
mod judge;
pub(crate) mod play;
mod receiver;
pub(crate) mod report;
mod stage;
mod step;
mod told;
mod watch;
