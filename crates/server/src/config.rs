//! The server's own settings (`baton.toml`). [`Config::read`] is their table: each one's key, how its value is
//! read, its default. A flag wins over the environment (`BATON_` and the path in
//! capitals, `__` between levels), the environment over the file, the file over the defaults. Every problem
//! is reported, all at once.

use std::net::SocketAddr;
use std::time::Duration;

use baton_engine::Profile;
use ipnet::IpNet;
use toml::{Table, Value};

use crate::routing_file::nearest;

/// Every setting with its default and its meaning, as the file would have them.
pub const DEFAULT_FILE: &str = include_str!("../../../baton.default.toml");

/// The settings.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Where it listens.
    pub listen: SocketAddr,
    /// The address by which clients reach it; none: `http://` and the listening address.
    pub public_url: Option<String>,
    /// Where everything is kept.
    pub database: Database,
    /// Streams of a new database.
    pub streams: u16,
    /// Which clock it goes by.
    pub clock: ClockKind,
    /// How much is taken from a client.
    pub limits: Limits,
    /// How webhooks are delivered.
    pub delivery: Delivery,
    /// What is logged.
    pub log: Log,
}

/// Where everything is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Database {
    /// A file of its own in the data directory.
    InDataDirectory,
    /// This SQLite file.
    Sqlite(std::path::PathBuf),
}

/// Which clock it goes by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClockKind {
    /// The system's.
    System,
    /// One that can be moved.
    Virtual,
}

/// How much is taken from a client at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a body.
    pub body: usize,
    /// Bytes of a body that brings a file.
    pub upload: usize,
    /// Nesting of JSON and of brackets.
    pub depth: usize,
    /// Fields of a form.
    pub form_fields: usize,
    /// Connections at once.
    pub connections: usize,
    /// Actions that wait for a stream's next commit.
    pub waiting: usize,
    /// Programs that listen to what happens at once.
    pub listeners: usize,
}

impl Default for Limits {
    fn default() -> Self {
        let (connections, waiting, listeners) = (4096, 4096, 64);
        // 25 MB of file, and what stands around it.
        let upload = 26 * 1024 * 1024;
        Self { body: 1024 * 1024, upload, depth: 64, form_fields: 1000, connections, waiting, listeners }
    }
}

/// How webhooks are delivered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// How long a receiver may take to answer.
    pub timeout: Duration,
    /// How patient delivery is.
    pub profile: Profile,
    /// Webhooks to one app under way at once.
    pub in_flight: usize,
    /// Positions that delivery reads past what is served.
    pub read_ahead: u64,
    /// Networks that receivers may be in although they are not public.
    pub allow_addresses: Vec<IpNet>,
}

/// What is logged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// A level, or levels by module, as `tracing` has them.
    pub level: String,
    /// Whether as JSON, one object a line.
    pub json: bool,
}

impl Default for Config {
    /// What `baton serve` goes by.
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 4300)),
            public_url: None,
            database: Database::InDataDirectory,
            streams: 16,
            clock: ClockKind::System,
            limits: Limits::default(),
            delivery: Delivery {
                timeout: Duration::from_secs(5),
                profile: Profile::Patient,
                in_flight: 64,
                read_ahead: 4096,
                allow_addresses: Vec::new(),
            },
            log: Log { level: "info".to_owned(), json: false },
        }
    }
}

impl Config {
    /// What `baton dev` goes by: a clock that can be moved, receivers on this machine that come and go.
    pub fn dev() -> Self {
        let networks = ["127.0.0.0/8", "::1/128"];
        let usual = Self::default();
        Self {
            clock: ClockKind::Virtual,
            delivery: Delivery {
                profile: Profile::NeverDisable,
                allow_addresses: networks.iter().filter_map(|network| network.parse().ok()).collect(),
                ..usual.delivery
            },
            log: Log { level: "warn".to_owned(), ..usual.log },
            ..usual
        }
    }

    /// These settings, with what sources say in their place. Every problem is reported.
    pub fn read(self, sources: &Sources) -> Result<Read, Vec<String>> {
        let mut reader = Reader::of(sources);
        let config = self.of(&mut reader);
        let warnings = reader.finish();
        if reader.problems.is_empty() { Ok(Read { config, warnings }) } else { Err(reader.problems) }
    }

    /// The table of the settings.
    fn of(self, reader: &mut Reader<'_>) -> Self {
        let limit = |value: &Value| whole(value, 1..=1 << 40);
        reader.value("tls_listen", (), |_| {
            Err("HTTPS is not built yet: remove this setting, and put a proxy with TLS in front".to_owned())
        });
        Self {
            listen: reader.value("listen", self.listen, address),
            public_url: reader.value("public_url", self.public_url, |value| public_url(value).map(Some)),
            database: reader.value("database", self.database, database),
            streams: reader.value("streams", self.streams, |value| whole(value, 1..=1024)),
            clock: reader.value("clock", self.clock, |value| word(value, CLOCKS)),
            limits: Limits {
                body: reader.value("limits.body", self.limits.body, limit),
                upload: reader.value("limits.upload", self.limits.upload, limit),
                depth: reader.value("limits.depth", self.limits.depth, limit),
                form_fields: reader.value("limits.form_fields", self.limits.form_fields, limit),
                connections: reader.value("limits.connections", self.limits.connections, limit),
                waiting: reader.value("limits.waiting", self.limits.waiting, limit),
                listeners: reader.value("limits.listeners", self.limits.listeners, limit),
            },
            delivery: Delivery {
                timeout: reader.value("delivery.timeout", self.delivery.timeout, duration),
                profile: reader
                    .value("delivery.profile", self.delivery.profile, |value| word(value, Profile::ALL)),
                in_flight: reader.value("delivery.in_flight", self.delivery.in_flight, limit),
                read_ahead: reader.value("delivery.read_ahead", self.delivery.read_ahead, |value| {
                    whole(value, 1..=1 << 20)
                }),
                allow_addresses: reader.value(
                    "delivery.allow_addresses",
                    self.delivery.allow_addresses,
                    networks,
                ),
            },
            log: Log {
                level: reader.value("log.level", self.log.level, level),
                json: reader.value("log.format", self.log.json, |value| {
                    word(value, &[(false, "text"), (true, "json")])
                }),
            },
        }
    }
}

/// Settings, and what should be said about them.
#[derive(Clone, Debug, PartialEq)]
pub struct Read {
    /// The settings.
    pub config: Config,
    /// What is probably a mistake, and is no setting.
    pub warnings: Vec<String>,
}

/// Where settings come from, the later the stronger.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// A file: its name and what it says.
    pub file: Option<(String, String)>,
    /// The environment.
    pub environment: Vec<(String, String)>,
    /// Flags: the setting's key, the flag's name, its value.
    pub flags: Vec<(&'static str, &'static str, String)>,
}

/// Variables of the environment that start with `BATON_` and are no settings of a server.
const OTHER_VARIABLES: [&str; 4] = ["BATON_SERVER", "BATON_TOKEN", "BATON_OPERATOR_TOKEN", "BATON_DATA"];

const CLOCKS: &[(ClockKind, &str)] = &[(ClockKind::System, "system"), (ClockKind::Virtual, "virtual")];

/// A value, and where it was said.
struct Said {
    value: Value,
    place: String,
}

/// Reads values by key, and remembers which keys there are.
struct Reader<'a> {
    sources: &'a Sources,
    file: Table,
    known: Vec<&'static str>,
    problems: Vec<String>,
}

impl<'a> Reader<'a> {
    fn of(sources: &'a Sources) -> Self {
        let (mut file, mut problems) = (Table::new(), Vec::new());
        if let Some((name, text)) = &sources.file {
            match text.parse::<Table>() {
                Ok(table) => file = table,
                Err(error) => {
                    problems.push(format!("{name}: this is not TOML: {}", error.to_string().trim_end()));
                }
            }
        }
        Self { sources, file, known: Vec::new(), problems }
    }

    fn value<T>(&mut self, key: &'static str, default: T, read: impl Fn(&Value) -> Result<T, String>) -> T {
        self.known.push(key);
        let Some(said) = self.said(key) else { return default };
        read(&said.value).unwrap_or_else(|problem| {
            self.problems.push(format!("{}: {problem}", said.place));
            default
        })
    }

    fn said(&self, key: &str) -> Option<Said> {
        if let Some((_, flag, text)) = self.sources.flags.iter().find(|(of, _, _)| *of == key) {
            return Some(Said { value: Value::String(text.clone()), place: (*flag).to_owned() });
        }
        let name = variable(key);
        if let Some((_, text)) = self.sources.environment.iter().find(|(of, _)| *of == name) {
            return Some(Said { value: of_text(text), place: name });
        }
        let mut parts = key.split('.');
        let first = self.file.get(parts.next()?)?;
        let value = parts.try_fold(first, |value, part| value.get(part))?;
        let file = self.sources.file.as_ref().map_or("", |(name, _)| name.as_str());
        Some(Said { value: value.clone(), place: format!("{file}: `{key}`") })
    }

    /// Unknown keys of the file are problems; unknown variables are warnings, for others name theirs too.
    fn finish(&mut self) -> Vec<String> {
        let mut unknown = Vec::new();
        unknown_keys(&self.file, "", &self.known, &mut unknown);
        let file = self.sources.file.as_ref().map_or("", |(name, _)| name.as_str());
        for key in unknown {
            self.problems.push(format!("{file}: {}", unknown_key(&key, &self.known)));
        }
        let known: Vec<String> = self.known.iter().map(|key| variable(key)).collect();
        let known: Vec<&str> = known.iter().map(String::as_str).chain(OTHER_VARIABLES).collect();
        let given = self.sources.environment.iter().map(|(name, _)| name.as_str());
        let stray = given.filter(|name| name.starts_with("BATON_") && !known.contains(name));
        let stray = stray.filter_map(|name| Some((name, nearest(name, known.iter().copied())?)));
        stray
            .map(|(name, nearest)| {
                format!("{name} is no setting and is ignored; the nearest one is {nearest}")
            })
            .collect()
    }
}

/// The variable of a setting: `BATON_DELIVERY__TIMEOUT`.
fn variable(key: &str) -> String {
    format!("BATON_{}", key.replace('.', "__").to_uppercase())
}

/// The environment has texts only: what reads as a value of TOML is one, everything else is a text.
fn of_text(text: &str) -> Value {
    let read = format!("value = {text}").parse::<Table>().ok();
    read.and_then(|mut table| table.remove("value")).unwrap_or_else(|| Value::String(text.to_owned()))
}

fn unknown_keys(table: &Table, above: &str, known: &[&str], unknown: &mut Vec<String>) {
    for (key, value) in table {
        let path = if above.is_empty() { key.clone() } else { format!("{above}.{key}") };
        let inner = format!("{path}.");
        match value {
            Value::Table(table) if known.iter().any(|known| known.starts_with(&inner)) => {
                unknown_keys(table, &path, known, unknown);
            }
            _ if known.contains(&path.as_str()) => {}
            _ => unknown.push(path),
        }
    }
}

fn unknown_key(key: &str, known: &[&str]) -> String {
    let sections: Vec<&str> =
        known.iter().filter_map(|known| known.split_once('.').map(|(first, _)| first)).collect();
    match nearest(key, known.iter().copied().chain(sections)) {
        Some(nearest) => format!("there is no setting `{key}`; the nearest one is `{nearest}`"),
        None => format!("there is no setting `{key}`; `baton.default.toml` describes them all"),
    }
}

fn text(value: &Value) -> Result<&str, String> {
    value.as_str().ok_or_else(|| format!("a text belongs here, not {value}"))
}

fn whole<T: TryFrom<i64>>(value: &Value, range: std::ops::RangeInclusive<i64>) -> Result<T, String> {
    let number = value.as_integer().or_else(|| value.as_str()?.parse().ok());
    let fits = number.filter(|number| range.contains(number)).and_then(|number| T::try_from(number).ok());
    fits.ok_or_else(|| {
        format!("a whole number from {} to {} belongs here, not {value}", range.start(), range.end())
    })
}

fn word<T: Copy>(value: &Value, known: &[(T, &str)]) -> Result<T, String> {
    let given = value.as_str().unwrap_or_default();
    let names = || known.iter().map(|(_, name)| format!("\"{name}\"")).collect::<Vec<_>>().join(" or ");
    let found = known.iter().find(|(_, name)| *name == given).map(|(meaning, _)| *meaning);
    found.ok_or_else(|| format!("{} belongs here, not {value}", names()))
}

fn address(value: &Value) -> Result<SocketAddr, String> {
    let wrong = || format!("an address and a port belong here, as in \"127.0.0.1:4300\", not {value}");
    let text = text(value)?;
    let of_port = text.strip_prefix(':').map(|port| format!("127.0.0.1:{port}"));
    let text = of_port.as_deref().unwrap_or(text).replace("localhost:", "127.0.0.1:");
    text.parse().map_err(|_| wrong())
}

fn public_url(value: &Value) -> Result<String, String> {
    let text = text(value)?.trim_end_matches('/');
    match url::Url::parse(text) {
        Ok(url) if matches!(url.scheme(), "http" | "https") && url.query().is_none() => Ok(text.to_owned()),
        Ok(_) | Err(_) => {
            Err(format!("an address that starts with http:// or https:// belongs here, not {value}"))
        }
    }
}

fn database(value: &Value) -> Result<Database, String> {
    let text = text(value)?;
    if text.starts_with("postgres://") || text.starts_with("postgresql://") {
        return Err("PostgreSQL is not built yet: use \"sqlite:///path/to/baton.db\"".to_owned());
    }
    match text.strip_prefix("sqlite://") {
        Some(path) if path.starts_with('/') && !path.ends_with('/') => Ok(Database::Sqlite(path.into())),
        Some(_) | None => {
            Err(format!("\"sqlite:///path/to/baton.db\" belongs here, with the whole path, not {value}"))
        }
    }
}

fn networks(value: &Value) -> Result<Vec<IpNet>, String> {
    let wrong =
        |given: &dyn std::fmt::Display| format!("networks belong here, as in [\"10.0.0.0/8\"], not {given}");
    let texts: Vec<&str> = match value {
        Value::String(text) => text.split(',').map(str::trim).filter(|text| !text.is_empty()).collect(),
        Value::Array(items) => {
            let texts: Option<Vec<&str>> = items.iter().map(Value::as_str).collect();
            texts.ok_or_else(|| wrong(value))?
        }
        other => return Err(wrong(other)),
    };
    let one =
        |text: &str| text.parse().or_else(|_| text.parse().map(|address: std::net::IpAddr| address.into()));
    texts.into_iter().map(|text| one(text).map_err(|_| wrong(&text))).collect()
}

fn level(value: &Value) -> Result<String, String> {
    let text = text(value)?;
    match tracing_subscriber::EnvFilter::try_new(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(_) => Err(format!("a level belongs here (error, warn, info, debug, trace), not {value}")),
    }
}

fn duration(value: &Value) -> Result<Duration, String> {
    let found = milliseconds(text(value)?).filter(|span| *span > 0).and_then(|span| u64::try_from(span).ok());
    found
        .map(Duration::from_millis)
        .ok_or_else(|| format!("a duration belongs here, as in \"5s\", not {value}"))
}

/// Reads a duration (`"24h"`, `"7d"`, `"90s"`, `"1h30m"`) as milliseconds.
pub fn milliseconds(text: &str) -> Option<i64> {
    let (mut rest, mut total) = (text, 0_i64);
    while !rest.is_empty() {
        let (number, after) = rest.split_at(rest.find(|letter: char| !letter.is_ascii_digit())?);
        let (unit, after) =
            after.split_at(after.find(|letter: char| letter.is_ascii_digit()).unwrap_or(after.len()));
        let each = match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            "w" => 604_800_000,
            _ => return None,
        };
        total = total.checked_add(number.parse::<i64>().ok()?.checked_mul(each)?)?;
        rest = after;
    }
    (!text.is_empty()).then_some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &str) -> Sources {
        Sources { file: Some(("baton.toml".to_owned(), text.to_owned())), ..Sources::default() }
    }

    fn read(sources: &Sources) -> Config {
        Config::default().read(sources).unwrap().config
    }

    fn problems(sources: &Sources) -> Vec<String> {
        Config::default().read(sources).unwrap_err()
    }

    #[test]
    fn the_default_file_says_what_the_defaults_are() {
        assert_eq!(read(&file(DEFAULT_FILE)), Config::default());
        assert_eq!(Config::default().read(&file(DEFAULT_FILE)).unwrap().warnings, Vec::<String>::new());
    }

    #[test]
    fn the_default_file_describes_every_setting() {
        // What has no default stands in a comment: `# key = value`.
        let uncommented: Vec<&str> = DEFAULT_FILE
            .lines()
            .map(|line| line.strip_prefix("# ").filter(|text| text.contains(" = ")).unwrap_or(line))
            .collect();
        let table: Table = uncommented.join("\n").parse().unwrap();
        let mut keys = Vec::new();
        unknown_keys(&table, "", &["limits.", "delivery.", "log."], &mut keys);
        keys.sort();
        let none = Sources::default();
        let mut reader = Reader::of(&none);
        Config::default().of(&mut reader);
        let mut known = reader.known;
        known.retain(|key| *key != "tls_listen");
        known.sort_unstable();
        assert_eq!(keys, known);
    }

    #[test]
    fn an_unknown_key_names_the_nearest_known_one_and_all_problems_come_at_once() {
        let found = problems(&file(
            "lissten = \"x\"\nclock = \"sundial\"\nstreams = 0\n[delivery]\ntimout = \"5s\"\n[zzz]\na = 1\n",
        ));
        assert_eq!(found.len(), 5, "{found:#?}");
        let all = found.join("\n");
        for part in [
            "baton.toml: there is no setting `lissten`; the nearest one is `listen`",
            "`delivery.timout`; the nearest one is `delivery.timeout`",
            "there is no setting `zzz`",
            "`clock`: \"system\" or \"virtual\" belongs here, not \"sundial\"",
            "`streams`: a whole number from 1 to 1024",
        ] {
            assert!(all.contains(part), "{part}\nin\n{all}");
        }
    }

    #[test]
    fn flags_win_over_the_environment_over_the_file_over_defaults() {
        let mut sources = file("listen = \"127.0.0.1:1\"\nstreams = 2\n[delivery]\nin_flight = 3\n");
        let variable = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        sources.environment =
            vec![variable("BATON_LISTEN", "127.0.0.1:4"), variable("BATON_DELIVERY__IN_FLIGHT", "5")];
        sources.flags = vec![("listen", "--listen", "127.0.0.1:6".to_owned())];
        let config = read(&sources);
        assert_eq!((config.listen.port(), config.delivery.in_flight, config.streams), (6, 5, 2));
        assert_eq!(config.limits, Limits::default());
    }

    #[test]
    fn the_environment_has_every_kind_of_value() {
        let given = |name: &str, value: &str| {
            let environment = vec![(name.to_owned(), value.to_owned())];
            Sources { environment, ..Sources::default() }
        };
        assert_eq!(read(&given("BATON_CLOCK", "virtual")).clock, ClockKind::Virtual);
        assert_eq!(
            read(&given("BATON_DELIVERY__TIMEOUT", "1m30s")).delivery.timeout,
            Duration::from_secs(90)
        );
        let path = Database::Sqlite("/var/lib/baton/baton.db".into());
        assert_eq!(read(&given("BATON_DATABASE", "sqlite:///var/lib/baton/baton.db")).database, path);
        for text in ["10.0.0.0/8, ::1/128", "[\"10.0.0.0/8\", \"::1/128\"]"] {
            assert_eq!(
                read(&given("BATON_DELIVERY__ALLOW_ADDRESSES", text)).delivery.allow_addresses.len(),
                2
            );
        }
        let wrong = problems(&given("BATON_STREAMS", "many"));
        assert!(wrong[0].starts_with("BATON_STREAMS: a whole number"), "{wrong:?}");
        let stray = Config::default().read(&given("BATON_LISTN", "x")).unwrap().warnings;
        assert!(stray[0].contains("BATON_LISTEN"), "{stray:?}");
    }

    #[test]
    fn what_is_not_built_says_so() {
        let found = problems(&file("tls_listen = \"x\"\ndatabase = \"postgres://x\"\n")).join("\n");
        assert!(
            found.contains("HTTPS is not built yet") && found.contains("PostgreSQL is not built yet"),
            "{found}"
        );
    }

    #[test]
    fn a_file_that_is_no_toml_says_where() {
        let found = problems(&file("listen = \n"));
        assert!(
            found[0].contains("baton.toml: this is not TOML") && found[0].contains("line 1"),
            "{found:?}"
        );
    }

    #[test]
    fn durations_are_read_in_parts() {
        assert_eq!(milliseconds("24h"), Some(86_400_000));
        assert_eq!(milliseconds("1h30m"), Some(5_400_000));
        assert_eq!(milliseconds("250ms"), Some(250));
        for wrong in ["", "5", "s", "5 s", "-5s", "5y", "99999999999999999999d", "9223372036854775807d"] {
            assert_eq!(milliseconds(wrong), None, "{wrong}");
        }
    }
}
