//! Two operators change settings while eight apps pass, take, request, release and send on the same threads, and
//! people write: the recorded history is linearizable, every event went to the apps connected at its position, and no
//! two apps were ever both told that they own a thread.
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
mod operators;
mod page;
mod people;
mod receivers;
mod settings;
mod story;
mod told;
mod witness;
mod wrong;

/// Seeds that are played when nobody says how many.
const SEEDS: u64 = 4;
/// Windows of one story.
const WINDOWS: usize = 12;

fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name}={text} is not a number")))
}

#[test]
fn settings_change_while_apps_contend() {
    let seeds = match number("LINEARIZABLE_SEED") {
        Some(seed) => seed..=seed,
        None => 1..=number("LINEARIZABLE_SEEDS").unwrap_or(SEEDS),
    };
    for seed in seeds {
        println!("seed {seed}");
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build().unwrap();
        let wrong = runtime.block_on(story::play(seed, WINDOWS));
        let again = format!("LINEARIZABLE_SEED={seed} cargo test -p baton-server --test linearizable");
        assert!(wrong.is_empty(), "seed {seed}; to play it again:\n  {again}\n\n{}", wrong.join("\n"));
    }
}
