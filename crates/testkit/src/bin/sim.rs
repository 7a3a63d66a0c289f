//! Runs simulated stories, one for each seed, and says which of them broke a promise and how to see it again.

use std::io::{self, Write};
use std::process::ExitCode;

use baton_testkit::world::{Told, tell};

const HELP: &str = "sim: simulated nodes with crashes, faulty disks and rude receivers

  --seeds N     run N seeds (200)
  --from S      begin with this one (1)
  --seed S      run this one alone, and print all of its trace
  --minutes M   minutes of trouble in each story (4)
";

/// Every seed whose number is divisible by this is run twice: the same seed must tell the same story.
const TWICE: u64 = 10;

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

fn run(options: &Options, out: &mut impl Write) -> anyhow::Result<bool> {
    let (mut passed, mut crashes, mut asked, mut sent, mut forgotten) =
        (0_u64, 0_u64, 0_usize, 0_usize, 0_u64);
    for seed in options.from..options.from.saturating_add(options.seeds) {
        say_what_to_do_after_a_panic(seed, options.minutes);
        let mut told = tell(seed, options.minutes, options.verbose)?;
        if seed.is_multiple_of(TWICE) || options.verbose {
            let again = tell(seed, options.minutes, false)?;
            if again.hash != told.hash {
                told.broken
                    .push("the same seed told another story: something in it is not determined".to_owned());
            }
        }
        crashes += u64::from(told.crashes);
        asked += told.asked;
        sent += told.sent;
        forgotten += told.forgotten;
        if told.broken.is_empty() {
            passed += 1;
        }
        if options.verbose || !told.broken.is_empty() {
            report(&told, options, out)?;
        }
    }
    writeln!(
        out,
        "sim: {} seeds, {passed} passed ({crashes} crashes, {asked} questions, {sent} events sent, {forgotten} rows deleted)",
        options.seeds
    )?;
    Ok(passed == options.seeds)
}

/// A panic ends the program: whoever reads it must know the seed.
fn say_what_to_do_after_a_panic(seed: u64, minutes: i64) {
    std::panic::set_hook(Box::new(move |what| {
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
