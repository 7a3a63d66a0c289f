//! `baton openapi`: the description of Baton's own API, for whoever makes a client of it without a server at hand.

use std::io::Write;

use super::Failure;

pub(crate) fn run() -> Result<(), Failure> {
    let document = crate::openapi(env!("CARGO_PKG_VERSION"), None);
    let mut out = std::io::stdout().lock();
    let written = writeln!(out, "{document:#}").and_then(|()| out.flush());
    match written {
        // Whoever reads has read enough.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        written => written.map_err(|error| Failure::new("cannot write the description").why(error)),
    }
}
