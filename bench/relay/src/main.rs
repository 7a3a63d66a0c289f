//! Three small programs in one, for measuring a webhook router on one machine:
//!
//! * `sink`  counts what apps receive, and can verify signatures or answer slowly;
//! * `relay` signs every body it gets and posts it to N apps. No state, no disk: it is the ceiling that a durable
//!   router is compared with in the same run;
//! * `load`  posts messages over keep-alive connections and prints one JSON line.
//!
//! Options are `--name value`; `README.md` lists them.

mod http;
mod load;
mod relay;
mod sink;

use std::collections::HashMap;

type Error = Box<dyn std::error::Error + Send + Sync>;
type Result<T> = std::result::Result<T, Error>;

const DEFAULT_SECRET: &str = "app-secret";

fn main() -> Result<()> {
    let mut args = std::env::args().skip(1);
    let command = args.next().unwrap_or_default();
    let options = Options::parse(args)?;
    let threads: usize = options.get("threads", 2)?;
    let mut runtime = match threads {
        0 | 1 => tokio::runtime::Builder::new_current_thread(),
        _ => tokio::runtime::Builder::new_multi_thread(),
    };
    let runtime = runtime.worker_threads(threads.max(1)).enable_all().build()?;
    match command.as_str() {
        "relay" => runtime.block_on(relay::run(options)),
        "sink" => runtime.block_on(sink::run(options)),
        "load" => runtime.block_on(load::run(options)),
        _ => Err("usage: bare-relay relay|sink|load [--name value]...".into()),
    }
}

/// `--name value` pairs.
struct Options(HashMap<String, String>);

impl Options {
    fn parse(mut args: impl Iterator<Item = String>) -> Result<Self> {
        let mut map = HashMap::new();
        while let Some(name) = args.next() {
            let name = name.strip_prefix("--").ok_or("options begin with --")?;
            let value = args.next().ok_or_else(|| format!("--{name} needs a value"))?;
            map.insert(name.to_owned(), value);
        }
        Ok(Self(map))
    }

    fn get<T: std::str::FromStr>(&self, name: &str, default: T) -> Result<T> {
        match self.0.get(name) {
            None => Ok(default),
            Some(text) => text.parse().map_err(|_| format!("--{name}: bad value {text}").into()),
        }
    }

    fn text<'a>(&'a self, name: &str, default: &'a str) -> &'a str {
        self.0.get(name).map_or(default, String::as_str)
    }
}
