//! What every store must show, whatever it is made of: one suite, run over each; over PostgreSQL in
//! `tests/postgres`.

#![expect(clippy::unwrap_used, reason = "the helpers of a test may unwrap like the test")]

/// The tests of a module, over each store.
macro_rules! every_store {
    ($($name:ident)*) => {
        mod sqlite {
            $(#[tokio::test] async fn $name() { super::$name(crate::disk::Disk::sqlite()).await; })*
        }
        mod folding {
            $(#[tokio::test] async fn $name() { super::$name(crate::disk::Disk::folding()).await; })*
        }
        mod memory {
            $(#[tokio::test] async fn $name() { super::$name(crate::disk::Disk::memory()).await; })*
        }
    };
}

mod assets;
mod deliveries;
mod disk;
mod due;
mod history;
mod journal;
mod lagging;
mod lifetime;
mod made;
mod retention;
mod settings;
mod team;
mod threads;
