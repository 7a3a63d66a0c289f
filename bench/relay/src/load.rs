//! The load: messages of many people over keep-alive connections, as fast as answers come, or so many a second. With
//! several addresses, which differ in the host alone, the connections take turns.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use memchr::memmem;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::http::split_url;
use crate::{Options, Result};

/// Sixteen `P` become the sender's number, sixteen `M` the message's.
const SENDER_SLOT: &str = "PPPPPPPPPPPPPPPP";
const MESSAGE_SLOT: &str = "MMMMMMMMMMMMMMMM";
const FIRST_SENDER: u64 = 1_000_000_000_000_000;
/// How long the sinks may be quiet before what is missing is taken to be lost.
const QUIET: Duration = Duration::from_secs(20);

/// A request as bytes, with the places in it that change from one to the next.
#[derive(Clone)]
struct Template {
    bytes: Vec<u8>,
    senders: Vec<usize>,
    messages: Vec<usize>,
}

impl Template {
    fn new(options: &Options, authority: &str, path: &str) -> Result<Self> {
        let body = std::fs::read_to_string(options.text("body", "body.json"))?;
        let mut head =
            format!("POST {path} HTTP/1.1\r\nhost: {authority}\r\ncontent-type: application/json\r\n");
        if let Some(header) = options.0.get("header") {
            head.push_str(&format!("{header}\r\n"));
        }
        let bytes = format!("{head}content-length: {}\r\n\r\n{body}", body.len()).into_bytes();
        let senders = memmem::find_iter(&bytes, SENDER_SLOT).collect();
        let messages = memmem::find_iter(&bytes, MESSAGE_SLOT).collect();
        Ok(Self { bytes, senders, messages })
    }

    fn fill(&mut self, plan: &Plan) {
        for &at in &self.messages {
            put_digits(&mut self.bytes[at..at + 16], plan.next_message.fetch_add(1, Relaxed));
        }
        for &at in &self.senders {
            let next = plan.next_sender.fetch_add(1, Relaxed);
            let next = if plan.in_turn { next } else { scatter(next) };
            put_digits(&mut self.bytes[at..at + 16], next % plan.senders + FIRST_SENDER);
        }
    }
}

/// Spreads successive numbers over the whole range (SplitMix64).
fn scatter(number: u64) -> u64 {
    let mut x = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

fn put_digits(slot: &mut [u8], mut number: u64) {
    for digit in slot.iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
}

/// What all connections of one run share.
struct Plan {
    authorities: Vec<String>,
    senders: u64,
    in_turn: bool,
    next_sender: AtomicU64,
    first_message: u64,
    next_message: AtomicU64,
    /// The number at which no more is sent.
    last_message: u64,
    /// Requests a second in all, or 0 for as fast as answers come back.
    rate: f64,
    connections: usize,
    start: Instant,
    warm: Instant,
    end: Instant,
    stop: AtomicBool,
}

impl Plan {
    fn new(options: &Options, authorities: Vec<String>) -> Result<Self> {
        let start = Instant::now();
        let warm = start + Duration::from_secs_f64(options.get("warm-up", 1.0)?);
        let seed: u64 = options.get("seed", std::process::id().into())?;
        let first_message = seed * 1_000_000_000;
        let in_turn = options.get("in-turn", false)?;
        Ok(Self {
            authorities,
            senders: options.get("senders", 100_000)?,
            in_turn,
            next_sender: AtomicU64::new(if in_turn { 0 } else { seed << 32 }),
            first_message,
            next_message: AtomicU64::new(first_message),
            last_message: first_message.saturating_add(options.get("messages", u64::MAX)?),
            rate: options.get("rate", 0.0)?,
            connections: options.get("connections", 32)?,
            start,
            warm,
            end: warm + Duration::from_secs_f64(options.get("seconds", 5.0)?),
            stop: AtomicBool::new(false),
        })
    }

    fn is_over(&self, due: Instant) -> bool {
        due >= self.end || self.stop.load(Relaxed) || self.next_message.load(Relaxed) >= self.last_message
    }
}

/// What one connection, or all of them, saw.
#[derive(Default)]
struct Tally {
    micros: Vec<u32>,
    /// Answers that were no 2xx; those while warming up too, for a message that was refused must not be missed.
    errors: u64,
    /// What those errors carried, added up.
    refused_sum: u64,
}

impl Tally {
    /// The latency that so many were not above; the latencies must be sorted.
    fn micros(&self, share: f64) -> u32 {
        let at = (self.micros.len() as f64 * share) as usize;
        self.micros.get(at.min(self.micros.len().saturating_sub(1))).copied().unwrap_or_default()
    }
}

pub(crate) async fn run(options: Options) -> Result<()> {
    let urls = options.text("url", "http://127.0.0.1:9000/").split(',');
    let (authorities, paths): (Vec<_>, Vec<_>) =
        urls.map(split_url).collect::<Result<Vec<_>>>()?.into_iter().unzip();
    let template = Template::new(&options, &authorities[0], &paths[0])?;
    let sinks: Vec<_> = options.text("sinks", "").split(',').filter(|url| !url.is_empty()).collect();
    let there = sink_events(&sinks).await?;
    let plan = Arc::new(Plan::new(&options, authorities)?);
    let clients: Vec<_> = (0..plan.connections)
        .map(|index| tokio::spawn(client_loop(plan.clone(), template.clone(), index)))
        .collect();
    let mut tally = Tally::default();
    for client in clients {
        let part = client.await??;
        tally.micros.extend(part.micros);
        tally.errors += part.errors;
        tally.refused_sum = tally.refused_sum.wrapping_add(part.refused_sum);
    }
    let answered = Instant::now();
    let events = template.messages.len() as u64;
    let sent = plan.next_message.load(Relaxed) - plan.first_message - tally.errors * events;
    let arrived = arrival(&sinks, there + sent * sinks.len() as u64).await?;
    let sent_sum = (plan.first_message..plan.next_message.load(Relaxed)).fold(0, u64::wrapping_add);
    let measured = answered.min(plan.end).saturating_duration_since(plan.warm).as_secs_f64();
    let answered_s = tally.micros.len() as f64 * events as f64 / measured.max(f64::MIN_POSITIVE);
    let routed_s = sent as f64 / (arrived - plan.start).as_secs_f64();
    tally.micros.sort_unstable();
    println!(
        concat!(
            r#"{{"sent":{},"sent_sum":{},"errors":{},"routed_s":{:.1},"answered_s":{:.1},"p50_us":{},"#,
            r#""p90_us":{},"p99_us":{},"p999_us":{},"max_us":{},"drain_ms":{}}}"#
        ),
        sent,
        sent_sum.wrapping_sub(tally.refused_sum),
        tally.errors,
        routed_s,
        answered_s,
        tally.micros(0.5),
        tally.micros(0.9),
        tally.micros(0.99),
        tally.micros(0.999),
        tally.micros(1.0),
        arrived.saturating_duration_since(answered).as_millis(),
    );
    Ok(())
}

/// One connection. With a rate, a request that falls due while the one before is still out counts from when it was
/// due, so a stalled server cannot hide its queue; one that falls due on an idle connection counts from when it is
/// sent, so this program's own timer (1 ms) does not count.
async fn client_loop(plan: Arc<Plan>, mut template: Template, index: usize) -> Result<Tally> {
    let mut tally = Tally::default();
    let mut stream = TcpStream::connect(&plan.authorities[index % plan.authorities.len()]).await?;
    stream.set_nodelay(true)?;
    let mut buffer = Vec::with_capacity(4096);
    let step = match plan.rate {
        rate if rate > 0.0 => plan.connections as f64 / rate,
        _ => 0.0,
    };
    let first = step * index as f64 / plan.connections as f64;
    for turn in 0u64.. {
        let mut due = match step {
            0.0 => Instant::now(),
            _ => plan.start + Duration::from_secs_f64(first + step * turn as f64),
        };
        if plan.is_over(due) {
            break;
        }
        if due > Instant::now() {
            tokio::time::sleep_until(due.into()).await;
            due = Instant::now();
        }
        template.fill(&plan);
        stream.write_all(&template.bytes).await?;
        match read_response(&mut stream, &mut buffer).await? {
            200..=299 if due >= plan.warm => tally.micros.push(due.elapsed().as_micros() as u32),
            200..=299 => {}
            _ => {
                tally.errors += 1;
                let numbers = template.messages.iter().map(|&at| &template.bytes[at..at + 16]);
                for number in numbers {
                    let number = std::str::from_utf8(number)?.parse()?;
                    tally.refused_sum = tally.refused_sum.wrapping_add(number);
                }
            }
        }
    }
    Ok(tally)
}

/// Reads one answer that states its length; leaves its body in `buffer`.
async fn read_response(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Result<u16> {
    buffer.clear();
    let head_end = loop {
        if stream.read_buf(buffer).await? == 0 {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        }
        if let Some(at) = memmem::find(buffer, b"\r\n\r\n") {
            break at;
        }
    };
    let head = std::str::from_utf8(&buffer[..head_end])?;
    let status = head.get(9..12).ok_or("short status line")?.parse()?;
    let length: usize = head
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .map_or(Ok(0), |(_, value)| value.trim().parse())?;
    while buffer.len() < head_end + 4 + length {
        if stream.read_buf(buffer).await? == 0 {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        }
    }
    buffer.drain(..head_end + 4);
    Ok(status)
}

async fn sink_events(sinks: &[&str]) -> Result<u64> {
    let mut total = 0;
    for url in sinks {
        let (authority, path) = split_url(url)?;
        let mut stream = TcpStream::connect(&authority).await?;
        stream.write_all(format!("GET {path} HTTP/1.1\r\nhost: {authority}\r\n\r\n").as_bytes()).await?;
        let mut buffer = Vec::new();
        read_response(&mut stream, &mut buffer).await?;
        let text = std::str::from_utf8(&buffer)?;
        let (_, rest) = text.split_once(r#""events":"#).ok_or("not a sink's counts")?;
        total += rest.split(',').next().unwrap_or_default().parse::<u64>()?;
    }
    Ok(total)
}

/// When the sinks had counted so many events; or, if they never do, when they counted the last one.
async fn arrival(sinks: &[&str], expected: u64) -> Result<Instant> {
    let mut changed = Instant::now();
    let mut last = 0;
    loop {
        let now = sink_events(sinks).await?;
        if now != last {
            (last, changed) = (now, Instant::now());
        }
        if now >= expected || changed.elapsed() > QUIET {
            return Ok(changed);
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
