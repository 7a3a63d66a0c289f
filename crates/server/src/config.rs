//! The server's own settings (`baton.toml`). [`Config::read`] is their table: each one's key, how its value is
//! read, its default. A flag wins over the environment (`BATON_` and the path in
//! capitals, `__` between levels), the environment over the file, the file over the defaults. Every problem
//! is reported, all at once.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use baton_engine::{Keep, Profile};
use baton_store::Secret;
use baton_store::postgres::Address;
use ipnet::IpNet;
use toml::Value;

mod read;
#[cfg(test)]
mod tests;
mod values;

use read::Reader;
pub use read::{Read, Sources, Wrong};
pub use values::milliseconds;
use values::{
    address, age, collector, database, duration, host_names, lease, level, networks, node, path, public_url,
    viewer_token, whole, word,
};

/// Every setting with its default and its meaning, as the file would have them.
pub const DEFAULT_FILE: &str = include_str!("../../../baton.default.toml");

/// The settings.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Where it listens.
    pub listen: SocketAddr,
    /// Where it listens for HTTPS too.
    pub tls: Option<Tls>,
    /// The address by which clients reach it; none: `http://` and the listening address.
    pub public_url: Option<String>,
    /// Where everything is kept.
    pub database: Database,
    /// Streams of a new database.
    pub streams: u16,
    /// Connections to PostgreSQL at most.
    pub connections: usize,
    /// What this node is called where several use a database; none: after the machine, and where it listens.
    pub node: Option<String>,
    /// How long after a node was last heard of others deliver in its place.
    pub lease: Duration,
    /// Which clock it goes by.
    pub clock: ClockKind,
    /// How much is taken from a client.
    pub limits: Limits,
    /// How webhooks are delivered.
    pub delivery: Delivery,
    /// How long things are kept.
    pub retention: Keep,
    /// What is logged.
    pub log: Log,
    /// The token of programs that look and change nothing.
    pub viewer_token: Option<Secret>,
    /// The collector to which traces go.
    pub traces: Option<String>,
}

/// HTTPS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// Where it listens.
    pub listen: SocketAddr,
    /// What it shows; none: `dev` makes one.
    pub files: Option<TlsFiles>,
    /// Names beside this machine's that a certificate is for which `dev` makes.
    pub names: Vec<String>,
}

/// A certificate and its key, in PEM files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate, and those between it and its authority's.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// Where everything is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Database {
    /// A file of its own in the data directory.
    InDataDirectory,
    /// This SQLite file.
    Sqlite(PathBuf),
    /// This PostgreSQL database, which several nodes may use.
    Postgres(Box<Address>),
}

impl Database {
    /// What an address names, as a setting has it.
    pub(crate) fn named(address: &str) -> Result<Self, String> {
        database(&toml::Value::String(address.to_owned()))
    }
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
    /// Bytes of all such bodies at once; more wait.
    pub uploads: usize,
    /// Bytes of all other bodies that are being read at once, and again of those of strangers; more are refused.
    pub bodies: usize,
    /// Nesting of JSON and of brackets.
    pub depth: usize,
    /// Fields of a form.
    pub form_fields: usize,
    /// Characters of a control call's metadata.
    pub metadata: usize,
    /// Events that are brought in at once.
    pub events: usize,
    /// Characters of an `event_id`.
    pub event_id: usize,
    /// Connections at once.
    pub connections: usize,
    /// Actions that wait for a stream's next commit.
    pub waiting: usize,
    /// Programs that listen to what happens at once.
    pub listeners: usize,
    /// Changes of conversations in memory that are not in their table yet.
    pub lagging: u32,
    /// Calls of an app in an hour; 0: any number.
    pub app_calls: u64,
    /// Calls of an app about one page in an hour; 0: any number.
    pub page_calls: u64,
    /// Messages of an app for one page in a second; 0: any number.
    pub sends: u64,
}

impl Default for Limits {
    fn default() -> Self {
        let (connections, waiting, listeners, lagging) = (4096, 4096, 64, 131_072);
        // 25 MB of file, and what stands around it.
        let upload = 26 * 1024 * 1024;
        let (uploads, bodies) = (10 * upload, 64 * 1024 * 1024);
        let (app_calls, page_calls, sends) = (0, 0, 0);
        let (body, depth, form_fields) = (1024 * 1024, 64, 1000);
        let (metadata, events, event_id) = (2000, 1000, 256);
        Self {
            body,
            upload,
            uploads,
            bodies,
            depth,
            form_fields,
            metadata,
            events,
            event_id,
            connections,
            waiting,
            listeners,
            lagging,
            app_calls,
            page_calls,
            sends,
        }
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
            tls: None,
            public_url: None,
            database: Database::InDataDirectory,
            streams: 16,
            connections: 16,
            node: None,
            lease: Duration::from_secs(10),
            clock: ClockKind::System,
            limits: Limits::default(),
            delivery: Delivery {
                timeout: Duration::from_secs(5),
                profile: Profile::Patient,
                in_flight: 64,
                read_ahead: 4096,
                allow_addresses: Vec::new(),
            },
            retention: Keep::default(),
            log: Log { level: "info".to_owned(), json: false },
            viewer_token: None,
            traces: None,
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
            // Whose address does not verify is a line on the terminal already.
            log: Log { level: "warn,baton_server::api::change=error".to_owned(), ..usual.log },
            ..usual
        }
    }

    /// These settings, with what sources say in their place. Every problem is reported.
    pub fn read(self, sources: &Sources) -> Result<Read, Vec<Wrong>> {
        let mut reader = Reader::of(sources);
        let config = self.of(&mut reader);
        let warnings = reader.finish();
        if reader.problems.is_empty() { Ok(Read { config, warnings }) } else { Err(reader.problems) }
    }

    /// The variable of each setting: `BATON_DELIVERY__TIMEOUT`.
    pub fn variables() -> Vec<String> {
        let none = Sources::default();
        let mut reader = Reader::of(&none);
        Self::default().of(&mut reader);
        reader.known.iter().map(|key| read::variable(key)).collect()
    }

    /// The settings of HTTPS, which mean nothing one without the other.
    fn tls(reader: &mut Reader<'_>) -> Option<Tls> {
        let some_path = |value: &Value| path(value).map(Some);
        let listen = reader.value("tls_listen", None, |value| address(value).map(Some));
        let certificate = reader.value("tls_certificate", None, some_path);
        let key = reader.value("tls_key", None, some_path);
        let names = reader.value("tls_names", Vec::new(), host_names);
        let files = match (certificate, key) {
            (Some(certificate), Some(key)) => Some(TlsFiles { certificate, key }),
            (None, None) => None,
            (Some(_), None) => reader.lacks("tls_certificate", "`tls_key` must name its private key"),
            (None, Some(_)) => reader.lacks("tls_key", "`tls_certificate` must name its certificate"),
        };
        if listen.is_none() && files.is_some() {
            return reader.lacks("tls_certificate", "`tls_listen` must say where to listen for HTTPS");
        }
        listen.map(|listen| Tls { listen, files, names })
    }

    /// How long things are kept.
    fn retention(usual: Keep, reader: &mut Reader<'_>) -> Keep {
        let keep = Keep {
            events_ms: reader.value("retention.events", usual.events_ms, age),
            undelivered_ms: reader.value("retention.undelivered", usual.undelivered_ms, age),
            control_ms: reader.value("retention.control_history", usual.control_ms, age),
            database_bytes: reader.value("retention.database_bytes", usual.database_bytes, |value| {
                whole(value, 0..=1 << 50).map(|bytes| Some(bytes).filter(|bytes| *bytes > 0))
            }),
        };
        if keep.undelivered_ms < keep.events_ms {
            let shorter = "must be as long as `retention.events` at least: nothing goes before that";
            reader.lacks::<Keep>("retention.undelivered", shorter);
        }
        keep
    }

    /// The table of the settings.
    fn of(self, reader: &mut Reader<'_>) -> Self {
        let limit = |value: &Value| whole(value, 1..=1 << 40);
        let rate = |value: &Value| whole(value, 0..=1 << 40);
        Self {
            listen: reader.value("listen", self.listen, address),
            tls: Self::tls(reader),
            public_url: reader.value("public_url", self.public_url, |value| public_url(value).map(Some)),
            database: reader.value("database", self.database, database),
            viewer_token: reader
                .value("viewer_token", self.viewer_token, |value| viewer_token(value).map(Some)),
            traces: reader.value("otlp_endpoint", self.traces, |value| collector(value).map(Some)),
            streams: reader.value("streams", self.streams, |value| whole(value, 1..=1024)),
            connections: reader.value("connections", self.connections, |value| whole(value, 4..=1000)),
            node: reader.value("node", self.node, |value| node(value).map(Some)),
            lease: reader.value("lease", self.lease, lease),
            clock: reader.value("clock", self.clock, |value| word(value, CLOCKS)),
            limits: Limits {
                body: reader.value("limits.body", self.limits.body, limit),
                upload: reader.value("limits.upload", self.limits.upload, limit),
                uploads: reader.value("limits.uploads", self.limits.uploads, limit),
                bodies: reader.value("limits.bodies", self.limits.bodies, limit),
                depth: reader.value("limits.depth", self.limits.depth, limit),
                form_fields: reader.value("limits.form_fields", self.limits.form_fields, limit),
                // What the contract promises is the most.
                metadata: reader
                    .value("limits.metadata", self.limits.metadata, |value| whole(value, 1..=2000)),
                events: reader.value("limits.events", self.limits.events, |value| whole(value, 1..=1000)),
                event_id: reader
                    .value("limits.event_id", self.limits.event_id, |value| whole(value, 1..=256)),
                connections: reader.value("limits.connections", self.limits.connections, limit),
                waiting: reader.value("limits.waiting", self.limits.waiting, limit),
                listeners: reader.value("limits.listeners", self.limits.listeners, limit),
                lagging: reader
                    .value("limits.lagging", self.limits.lagging, |value| whole(value, 1..=1 << 24)),
                app_calls: reader.value("limits.app_calls", self.limits.app_calls, rate),
                page_calls: reader.value("limits.page_calls", self.limits.page_calls, rate),
                sends: reader.value("limits.sends", self.limits.sends, rate),
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
            retention: Self::retention(self.retention, reader),
            log: Log {
                level: reader.value("log.level", self.log.level, level),
                json: reader.value("log.format", self.log.json, |value| {
                    word(value, &[(false, "text"), (true, "json")])
                }),
            },
        }
    }
}

const CLOCKS: &[(ClockKind, &str)] = &[(ClockKind::System, "system"), (ClockKind::Virtual, "virtual")];
