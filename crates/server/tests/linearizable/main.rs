//! Two operators change settings while eight apps pass, take, request, release and send on the same threads, and
//! people write: the recorded history is linearizable, every event went to the apps connected at its position, and no
//! two apps were ever both told that they own a thread.
//!
//! The same at three nodes over PostgreSQL, one of which is killed, paused or cut from the database in most windows. What is
//! then not answered was done at some moment, or not at all.
//!
//! A seed fixes what everybody asks, not how the machine interleaves it: play one that failed several times.
//! `LINEARIZABLE_SEEDS=500` plays seeds 1 to 500, `LINEARIZABLE_SEED=42` plays that one.

#![expect(clippy::unwrap_used, reason = "the helpers of a test may unwrap like the test")]

mod apps;
mod checker;
mod client;
mod crossed;
mod deliveries;
mod history;
mod journal;
mod model;
mod node;
mod nodes;
mod operators;
mod page;
mod people;
mod receivers;
mod settings;
mod stage;
mod story;
mod told;
mod way;
mod witness;
mod wrong;

/// Seeds that are played when nobody says how many.
const SEEDS: u64 = 4;
/// Windows of one story.
const WINDOWS: usize = 12;
/// The same at several nodes, which takes longer.
const SEEDS_AT_SEVERAL: u64 = 2;
const WINDOWS_AT_SEVERAL: usize = 8;

fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name}={text} is not a number")))
}

/// Plays seeds; `play` gives what is wrong.
fn each<F: Future<Output = Vec<String>>>(seeds: u64, name: &str, play: impl Fn(u64) -> F) {
    let seeds = match number("LINEARIZABLE_SEED") {
        Some(seed) => seed..=seed,
        None => 1..=number("LINEARIZABLE_SEEDS").unwrap_or(seeds),
    };
    for seed in seeds {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build().unwrap();
        let wrong = runtime.block_on(play(seed));
        let again = format!("LINEARIZABLE_SEED={seed} cargo test -p baton-server --test linearizable {name}");
        assert!(wrong.is_empty(), "seed {seed}; to play it again:\n  {again}\n\n{}", wrong.join("\n"));
    }
}

#[test]
fn settings_change_while_apps_contend() {
    each(SEEDS, "settings_change", |seed| {
        println!("seed {seed}");
        story::play(seed, WINDOWS)
    });
}

#[test]
fn the_same_at_several_nodes_while_one_is_in_trouble() {
    each(SEEDS_AT_SEVERAL, "several_nodes", |seed| {
        println!("seed {seed}");
        story::play_at_several(seed, WINDOWS_AT_SEVERAL)
    });
}
