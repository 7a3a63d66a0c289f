//! Persons who write, and the human desk that works in the inbox.

use baton_rules::{AppId, Desk};
use rand::Rng;
use rand::rngs::SmallRng;

use crate::apps::APPS;
use crate::client::Client;
use crate::history::{Asked, Talk};

/// A person writes.
pub(crate) async fn write(client: &Client, talk: Talk) {
    client.ask(Asked::Write { talk }).await;
}

/// Somebody at the desk acts, or looks.
pub(crate) async fn desk(client: &Client, talk: Talk, random: &mut SmallRng) {
    let to = AppId::new(100 + random.random_range(1..=APPS)).unwrap();
    let desk = match random.random_range(0..6) {
        0 => Desk::Reply,
        1 => Desk::MoveToMain,
        2 => Desk::Done,
        3 => Desk::Pass { to },
        4 => Desk::Grant { to },
        _ => {
            client.ask(Asked::Look { talk }).await;
            return;
        }
    };
    client.ask(Asked::Desk { talk, desk }).await;
}
