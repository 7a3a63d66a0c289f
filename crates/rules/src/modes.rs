//! One file for each rule book; each reads like its table in `docs/protocol/thread-control.md`, row by row.
//! A new mode is a file here, a variant of `Mode`, and the arms the compiler then asks for.

pub(crate) mod handover;
pub(crate) mod messenger_routing;
