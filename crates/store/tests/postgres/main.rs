//! The suite of `tests/conformance` over PostgreSQL, and what only a database of several processes can be asked. A program
//! of its own, because starting a server forks, and what is forked holds the locks of SQLite's files for a moment.

#![expect(clippy::unwrap_used, reason = "the helpers of a test may unwrap like the test")]

/// The tests of a module, over PostgreSQL.
macro_rules! every_store {
    ($($name:ident)*) => {
        mod postgres {
            $(#[tokio::test] async fn $name() { super::$name(crate::disk::Disk::postgres()).await; })*
        }
    };
}

#[path = "../conformance/assets.rs"]
mod assets;
mod conflicts;
#[path = "../conformance/deliveries.rs"]
mod deliveries;
mod disk;
#[path = "../conformance/due.rs"]
mod due;
#[path = "../conformance/history.rs"]
mod history;
#[path = "../conformance/journal.rs"]
mod journal;
#[path = "../conformance/lifetime.rs"]
mod lifetime;
#[path = "../conformance/made.rs"]
mod made;
mod proxy;
#[path = "../conformance/retention.rs"]
mod retention;
#[path = "../conformance/settings.rs"]
mod settings;
mod several;
#[path = "../conformance/team.rs"]
mod team;
#[path = "../conformance/threads.rs"]
mod threads;
