//! The `baton` program as a library: HTTP in, command line, demo. The binary is one call into [`cli`]; tests
//! start the real router with [`serve::run`].

mod api;
mod caller;
mod calls;
pub mod cli;
pub mod config;
mod console;
pub mod demo;
mod dev;
pub mod door;
mod examination;
mod graph;
mod media;
mod presence;
mod problem;
pub mod routing_file;
mod scenario;
pub mod serve;
mod source;
mod start;
mod traces;

pub use api::description::document as openapi;
