//! Runs simulated stories, one for each seed, and says which of them broke a promise and how to see it again.

use std::cell::Cell;
use std::io::{self, Write};
use std::num::NonZero;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::thread;

use baton_testkit::world::{Told, tell};

const HELP: &str = "sim: simulated nodes with crashes, faulty disks and rude receivers

  --seeds N     run N seeds (200), on as many threads as there are processors
  --from S      begin with this one (1)
  --seed S      run this one alone, and print all of its trace
  --minutes M   minutes of trouble in each story (4)
";

/// Every seed whose number is divisible by this is run twice: the same seed must tell the same story.
const TWICE: u64 = 10;

thread_local! {
    /// The seed whose story this thread tells.
    static SEED: Cell<u64> = const { Cell::new(0) };
}

struct Options {
    from: u64,
    seeds: u64,
    minutes: i64,
    verbose: bool,
}

fn options() -> Result<Option<Options>, String> {
    let mut options = Options { from: 1, seeds: 200, minutes: 4, verbose: false };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        if matches!(word.as_str(), "--help" | "-h") {
            return Ok(None);
        }
        let number = words.next().and_then(|text| text.parse::<u64>().ok());
        let number = number.ok_or_else(|| format!("{word} needs a number\n\n{HELP}"))?;
        match word.as_str() {
            "--seeds" => options.seeds = number,
            "--from" => options.from = number,
            "--minutes" => options.minutes = i64::try_from(number.clamp(1, 100_000)).unwrap_or(4),
            "--seed" => (options.from, options.seeds, options.verbose) = (number, 1, true),
            _ => return Err(format!("{word} is not known\n\n{HELP}")),
        }
    }
    Ok(Some(options))
}

fn main() -> ExitCode {
    let mut out = io::stdout().lock();
    let done = match options() {
        Ok(None) => out.write_all(HELP.as_bytes()).map_err(anyhow::Error::from).map(|()| true),
        Ok(Some(options)) => run(&options, &mut out),
        Err(wrong) => Err(anyhow::anyhow!(wrong)),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            // Nobody is left to tell when even this cannot be written.
            let _ = writeln!(io::stderr(), "{error}");
            ExitCode::from(2)
        }
    }
}

/// Tells the stories, on all processors, and reports them as they end.
fn run(options: &Options, out: &mut impl Write) -> anyhow::Result<bool> {
    let (mut passed, mut crashes, mut asked, mut sent, mut forgotten) =
        (0_u64, 0_u64, 0_usize, 0_usize, 0_u64);
    say_what_to_do_after_a_panic(options.minutes);
    let (next, threads) = (AtomicU64::new(0), thread::available_parallelism().map_or(1, NonZero::get));
    let (ended, stories) = channel();
    thread::scope(|scope| {
        for _ in 0..threads {
            let (next, ended) = (&next, ended.clone());
            scope.spawn(move || tell_in_turn(options, next, &ended));
        }
        drop(ended);
        for told in stories {
            let told = told?;
            crashes += u64::from(told.crashes);
            asked += told.asked;
            sent += told.sent;
            forgotten += told.forgotten;
            passed += u64::from(told.broken.is_empty());
            if options.verbose || !told.broken.is_empty() {
                report(&told, options, out)?;
            }
        }
        anyhow::Ok(())
    })?;
    writeln!(
        out,
        "sim: {} seeds, {passed} passed ({crashes} crashes, {asked} questions, {sent} events sent, {forgotten} rows deleted)",
        options.seeds
    )?;
    Ok(passed == options.seeds)
}

/// Tells the story of one seed after another that no other thread has taken, until none is left or nobody listens.
fn tell_in_turn(options: &Options, next: &AtomicU64, ended: &Sender<anyhow::Result<Told>>) {
    loop {
        let number = next.fetch_add(1, Ordering::Relaxed);
        if number >= options.seeds {
            return;
        }
        if ended.send(story(options.from.saturating_add(number), options)).is_err() {
            return;
        }
    }
}

/// The story of a seed; of some of them told twice.
fn story(seed: u64, options: &Options) -> anyhow::Result<Told> {
    SEED.set(seed);
    let mut told = tell(seed, options.minutes, options.verbose)?;
    if seed.is_multiple_of(TWICE) || options.verbose {
        let again = tell(seed, options.minutes, false)?;
        if again.hash != told.hash {
            told.broken
                .push("the same seed told another story: something in it is not determined".to_owned());
        }
    }
    Ok(told)
}

/// A panic ends the program: whoever reads it must know the seed.
fn say_what_to_do_after_a_panic(minutes: i64) {
    std::panic::set_hook(Box::new(move |what| {
        let seed = SEED.get();
        // Nobody is left to tell when even this cannot be written.
        let _ =
            writeln!(io::stderr(), "{what}\nseed {seed} ended here: sim --seed {seed} --minutes {minutes}");
        // A runtime would take a task's panic for its end, and the story would go on.
        std::process::exit(101);
    }));
}

fn report(told: &Told, options: &Options, out: &mut impl Write) -> io::Result<()> {
    let from = if options.verbose { 0 } else { told.trace.len().saturating_sub(60) };
    for line in told.trace.iter().skip(from) {
        writeln!(out, "{line}")?;
    }
    writeln!(out, "seed {}: trace {:016x}, {} crashes", told.seed, told.hash, told.crashes)?;
    if told.broken.is_empty() {
        return Ok(());
    }
    for broken in &told.broken {
        writeln!(out, "seed {} broke: {broken}", told.seed)?;
    }
    writeln!(out, "replay: sim --seed {} --minutes {}", told.seed, options.minutes)
}
