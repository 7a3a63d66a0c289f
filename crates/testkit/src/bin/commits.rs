//! How many events a second the PostgreSQL store commits with nothing before it and nothing behind it: batches as a committer
//! hands them over, from some streams side by side. `bench/store_alone.py` runs it; one line of JSON says what came of it.

use std::collections::HashMap;
use std::io::{self, Write as _};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow};
use baton_rules::{
    AppId, Cause, Channel, Folder, Form, Grant, Mode, Notice, PageId, Surface, Thread, ThreadKey, Timestamp,
};
use baton_store::postgres::{Address, Options as Opening, PostgresStore};
use baton_store::{
    Batch, Decide, Found, JournalRow, Position, Remembered, Store, Stream, TooOld, Wanted, stream_of,
};
use bytes::Bytes;
use rand::rngs::SmallRng;
use rand::{Rng as _, SeedableRng as _};

const HELP: &str = "commits: batches into a PostgreSQL store, as fast as it takes them

  --database URL  where; the schema is made where there is none
  --streams N     the number of streams of a database that is made (16)
  --drivers N     so many of the streams are written to at once (4)
  --connections N of the store (16)
  --batch N       events in a batch (256)
  --threads N     conversations, written to in random order (10000)
  --seconds N     how long (3)
  --fill          give each of these conversations its first row, and end; --from N: those before are there
  --forget        meanwhile delete what was there before, as retention does
";

/// Rows of a slice that is deleted at once: what the engine's retention takes.
const SLICE: usize = 200;
const FIRST_PERSON: u64 = 1_000_000_000_000_000;
const TEXT: &str = "Hello, I ordered two pairs of shoes last week and one of them is in the wrong size. \
                    Could you tell me how I can change it for the next one up? #";

struct Options {
    database: Address,
    streams: u16,
    drivers: u16,
    connections: usize,
    batch: usize,
    threads: u64,
    from: u64,
    seconds: f64,
    fill: bool,
    forget: bool,
}

fn options() -> anyhow::Result<Option<Options>> {
    let mut words = std::env::args().skip(1);
    let mut named = HashMap::new();
    while let Some(word) = words.next() {
        let value = match word.as_str() {
            "--help" | "-h" => return Ok(None),
            "--fill" | "--forget" => String::new(),
            _ => words.next().with_context(|| format!("{word} needs a value\n\n{HELP}"))?,
        };
        named.insert(word, value);
    }
    let mut take = |name: &str, default: &str| named.remove(name).unwrap_or_else(|| default.to_owned());
    let database = take("--database", "");
    let read = Options {
        database: database.parse().map_err(|wrong| anyhow!("--database: {wrong}\n\n{HELP}"))?,
        streams: take("--streams", "16").parse()?,
        drivers: take("--drivers", "4").parse()?,
        connections: take("--connections", "16").parse()?,
        batch: take("--batch", "256").parse()?,
        threads: take("--threads", "10000").parse()?,
        from: take("--from", "0").parse()?,
        seconds: take("--seconds", "3").parse()?,
        fill: named.remove("--fill").is_some(),
        forget: named.remove("--forget").is_some(),
    };
    match named.into_keys().next() {
        Some(word) => Err(anyhow!("{word} is not known\n\n{HELP}")),
        None => Ok(Some(read)),
    }
}

fn main() -> ExitCode {
    let done = options().and_then(|options| match options {
        None => Ok(HELP.to_owned()),
        Some(options) => tokio::runtime::Runtime::new()?.block_on(run(options)),
    });
    // Nobody is left to tell when even this cannot be written.
    let (said, code) = match done {
        Ok(words) => (writeln!(io::stdout(), "{words}"), ExitCode::SUCCESS),
        Err(error) => (writeln!(io::stderr(), "{error:#}"), ExitCode::from(2)),
    };
    drop(said);
    code
}

async fn run(options: Options) -> anyhow::Result<String> {
    let opening =
        Opening { streams: options.streams, connections: options.connections, ..Opening::default() };
    let store = Arc::new(PostgresStore::open(&options.database, opening).await?);
    let people = Arc::new(people(&options, store.streams())?);
    let options = Arc::new(options);
    let told = if options.fill {
        fill(&store, &people, &options).await?
    } else {
        drive(&store, &people, &options).await?
    };
    store.close().await?;
    Ok(told)
}

/// The numbers of those who write, for each stream that is written to.
fn people(options: &Options, streams: u16) -> anyhow::Result<Vec<Vec<u64>>> {
    let drivers = if options.fill { streams } else { options.drivers.min(streams) };
    let mut people = vec![Vec::new(); usize::from(drivers)];
    for number in options.from..options.threads {
        if let Some(own) = people.get_mut(usize::from(stream_of(&person(number)?, streams).0)) {
            own.push(number);
        }
    }
    Ok(people)
}

fn person(number: u64) -> anyhow::Result<ThreadKey> {
    let page = PageId::new(2001).context("a page")?;
    let person = (FIRST_PERSON + number).to_string().parse().map_err(|_| anyhow!("person {number}"))?;
    Ok(ThreadKey { page, surface: Surface::Messenger, person })
}

/// Reads the clock: what is measured is how long something really took.
#[expect(clippy::disallowed_methods, reason = "it measures, beside any clock that decides")]
fn watch() -> Instant {
    Instant::now()
}

/// A first row for everybody.
async fn fill(
    store: &Arc<PostgresStore>,
    people: &Arc<Vec<Vec<u64>>>,
    options: &Arc<Options>,
) -> anyhow::Result<String> {
    let began = watch();
    let mut filling = tokio::task::JoinSet::new();
    for (stream, place) in (0..).map(Stream).zip(0..people.len()) {
        let (store, people, options) = (Arc::clone(store), Arc::clone(people), Arc::clone(options));
        filling.spawn(async move {
            for numbers in people.get(place).into_iter().flat_map(|own| own.chunks(options.batch)) {
                commit(&store, stream, numbers).await?;
            }
            anyhow::Ok(())
        });
    }
    while let Some(filled) = filling.join_next().await {
        filled??;
    }
    Ok(format!(r#"{{"threads":{},"seconds":{:.1}}}"#, options.threads, began.elapsed().as_secs_f64()))
}

/// Batches from each driver's stream until the time is over.
async fn drive(
    store: &Arc<PostgresStore>,
    people: &Arc<Vec<Vec<u64>>>,
    options: &Arc<Options>,
) -> anyhow::Result<String> {
    let ended = Arc::new(AtomicBool::new(false));
    let forgetting = options.forget.then(|| tokio::spawn(forget(Arc::clone(store), Arc::clone(&ended))));
    let (began, lasts) = (watch(), Duration::from_secs_f64(options.seconds));
    let mut driving = tokio::task::JoinSet::new();
    for (stream, place) in (0..).map(Stream).zip(0..people.len()) {
        let (store, people, options) = (Arc::clone(store), Arc::clone(people), Arc::clone(options));
        driving.spawn(async move {
            let own = people.get(place).filter(|own| !own.is_empty()).context("a stream has nobody")?;
            let mut chance = SmallRng::seed_from_u64(u64::from(stream.0) + options.threads);
            let mut took = Vec::new();
            while began.elapsed() < lasts {
                let numbers: Vec<u64> = (0..options.batch)
                    .filter_map(|_| own.get(chance.random_range(0..own.len())).copied())
                    .collect();
                let one = watch();
                commit(&store, stream, &numbers).await?;
                took.push(one.elapsed());
            }
            anyhow::Ok(took)
        });
    }
    let mut took = Vec::new();
    while let Some(driven) = driving.join_next().await {
        took.extend(driven??);
    }
    let seconds = began.elapsed().as_secs_f64();
    ended.store(true, Ordering::Relaxed);
    let forgotten = match forgetting {
        Some(forgetting) => forgetting.await??,
        None => 0,
    };
    took.sort_unstable();
    let micros = |share: f64| {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a place in a list")]
        let place = (took.len() as f64 * share) as usize;
        took.get(place.min(took.len().saturating_sub(1))).map_or(0, Duration::as_micros)
    };
    let (events, per_second) = (took.len() * options.batch, |count: usize| count as f64 / seconds);
    Ok(format!(
        r#"{{"events_s":{:.1},"commits_s":{:.1},"p50_us":{},"p99_us":{},"max_us":{},"forgotten_s":{:.1}}}"#,
        per_second(events),
        per_second(took.len()),
        micros(0.5),
        micros(0.99),
        micros(1.0),
        per_second(usize::try_from(forgotten)?),
    ))
}

/// Deletes what was there when it began, the oldest of each stream, a slice at a time; how many rows.
async fn forget(store: Arc<PostgresStore>, ended: Arc<AtomicBool>) -> anyhow::Result<u64> {
    let heads = store.heads().await?;
    let mut youngest = Vec::new();
    for (stream, head) in (0..).map(Stream).zip(heads) {
        youngest.push((stream, store.row(stream, head).await?.map(|row| row.at)));
    }
    let mut rows = 0;
    for (stream, at) in youngest {
        let Some(at) = at else { continue };
        let mut more = true;
        while more && !ended.load(Ordering::Relaxed) {
            let gone = store.forget(stream, TooOld { rows: at, held: (at, Vec::new()) }, SLICE).await?;
            rows += gone.rows;
            more = gone.more;
        }
    }
    Ok(rows)
}

/// A message of each of these people.
async fn commit(store: &PostgresStore, stream: Stream, numbers: &[u64]) -> anyhow::Result<()> {
    let keys: Vec<ThreadKey> = numbers.iter().map(|number| person(*number)).collect::<Result<_, _>>()?;
    let mut threads = keys.clone();
    threads.sort_unstable_by(|one, other| one.person.cmp(&other.person));
    threads.dedup();
    let decide: Decide = Box::new(move |found| messages(&keys, found));
    store.commit(stream, Wanted { threads, ..Wanted::default() }, decide).await?;
    Ok(())
}

fn messages(keys: &[ThreadKey], found: &Found) -> Batch {
    let mut threads: HashMap<&ThreadKey, Remembered> = HashMap::with_capacity(keys.len());
    let (mut batch, mut head) = (Batch::default(), found.head);
    for key in keys {
        head = head.next();
        let kept = threads.get(key).or_else(|| found.threads.get(key));
        let row = row(key, head, kept.map(|kept| kept.last), found.now);
        let kept = Remembered { thread: row.after.clone(), last: head, last_message_at: found.now };
        threads.insert(key, kept);
        batch.rows.push(Arc::new(row));
    }
    batch.threads = threads.into_iter().map(|(key, kept)| (key.clone(), kept)).collect();
    batch
}

/// A person's message as the engine renders it, heard by the page's primary receiver, who is in control.
fn row(key: &ThreadKey, position: Position, previous: Option<Position>, now: Timestamp) -> JournalRow {
    let app = AppId::new(700);
    let notice = |app| Notice { app, channel: Channel::Messaging, form: Form::Whole, context: false };
    let until = now.plus_seconds(86_400).whole_second();
    let whole = format!(
        r#"{{"sender":{{"id":"{}"}},"recipient":{{"id":"{}"}},"timestamp":{},"message":{{"mid":"m_5uhSFZq9vBQ0kPNVRZ1RZq1N2v2yxrrXQ8d1gEUGQCQ","text":"{TEXT}{:016}"}}}}"#,
        key.person.as_str(),
        key.page,
        now.0,
        position.0
    );
    JournalRow {
        position,
        chain: Some(key.clone().into()),
        previous,
        at: now,
        rule: "HOP-MSG-1".into(),
        via: None,
        cause: Cause::Message,
        by: None,
        event: Some("messages".into()),
        notices: app.map(notice).into_iter().collect(),
        whole: Bytes::from(whole),
        reduced: None,
        context: None,
        after: Thread {
            control: app.map(|app| Grant { app, connection: 1, until }),
            length_days: 1,
            last_heard: Some(now),
            window_closes: Some(now.plus_seconds(86_400)),
            folder: Folder::Main,
            mode: Some(Mode::HandoverPrimary),
            ..Thread::default()
        },
    }
}
