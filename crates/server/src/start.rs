//! Starting and stopping a server: what `baton dev` and `baton serve` do alike. Everything is opened before
//! anything is announced, so a server that says where it is can be used.

use std::fmt;
use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use baton_engine::{Clock, Engine, HttpTransport, Member, Parts, Policy, SystemClock, Vetting, VirtualClock};
use baton_rules::Timestamp;
use baton_store::postgres::{self, Address, PostgresStore};
use baton_store::sqlite::{Options, SqliteStore};
use baton_store::{KeptClock, Secret, Store};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::cli::server_file::{
    ServerFile, data_directory, make_own, make_private, operator_token_path, runtime_directory, write_private,
};
use crate::cli::{Common, Failure, client};
use crate::config::{ClockKind, Config, Database};
use crate::door::StartLink;
use crate::routing_file::{self, Mint};
use crate::{serve, traces};

pub(crate) mod https;

pub(crate) use https::Https;

/// How long a stop waits for the collector of traces.
const LAST_SPANS: Duration = Duration::from_secs(2);
/// How long deliveries that are under way may take when the server stops. Requests before have 8 seconds.
const LAST_DELIVERIES: Duration = Duration::from_millis(1_500);

/// Starts the log, on standard error.
pub(crate) fn start_log(config: &Config) {
    use tracing_subscriber::EnvFilter;
    let filter = EnvFilter::try_new(&config.log.level).unwrap_or_default();
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // A second start in one process keeps the first one's log.
    let _ = if config.log.json {
        builder.json().try_init()
    } else {
        let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let terminal = std::io::IsTerminal::is_terminal(&std::io::stderr());
        builder.with_ansi(terminal && !plain).try_init()
    };
}

/// Where a database is.
#[derive(Clone, Debug)]
pub(crate) enum Location {
    /// An SQLite file.
    File(PathBuf),
    /// A PostgreSQL database.
    Postgres(Box<Address>),
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Location::File(path) => path.display().fmt(f),
            Location::Postgres(address) => address.fmt(f),
        }
    }
}

/// Where a server keeps things, and says where it is.
#[derive(Debug)]
pub(crate) struct Place {
    /// Where `server.json` lies, and whatever else is kept beside the database.
    pub(crate) directory: PathBuf,
    /// Where `server.json` lies too.
    also: Option<PathBuf>,
    /// The database.
    pub(crate) database: Location,
    /// What is removed at the end.
    scratch: Option<PathBuf>,
    /// A server that was there before, and is what commands find where nothing else is said.
    pub(crate) beside: Option<String>,
}

impl Place {
    /// What the database of `baton serve` is called.
    pub(crate) const SERVED: &str = "baton.db";

    /// The data directory; it may not be there yet.
    pub(crate) fn directory(common: &Common) -> Result<PathBuf, Failure> {
        common.data.clone().or_else(data_directory).ok_or_else(|| {
            Failure::new("there is no data directory on this system")
                .advice("name one with --data or BATON_DATA")
        })
    }

    /// The database: a file of this name in the data directory, unless the settings name another.
    pub(crate) fn database(directory: &Path, database: &Database, name: &str) -> Location {
        match database {
            Database::InDataDirectory => Location::File(directory.join(name)),
            Database::Sqlite(path) => Location::File(path.clone()),
            Database::Postgres(address) => Location::Postgres(address.clone()),
        }
    }

    /// The data directory, made if need be.
    pub(crate) fn kept(common: &Common, database: &Database, name: &str) -> Result<Self, Failure> {
        let directory = Self::directory(common)?;
        make_private(&directory)?;
        let database = Self::database(&directory, database, name);
        Ok(Self { directory, also: None, database, scratch: None, beside: None })
    }

    /// A place that is gone when the server stops.
    pub(crate) fn ephemeral(common: &Common) -> Result<Self, Failure> {
        let runtime = runtime_directory();
        make_own(&runtime)?;
        let scratch = runtime.join(format!("ephemeral-{}", std::process::id()));
        // One that was killed may have had the same number: nothing is kept of it.
        match std::fs::remove_dir_all(&scratch) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(Failure::new(format!("cannot remove {}", scratch.display())).why(error));
            }
            Ok(()) | Err(_) => make_private(&scratch)?,
        }
        if let Some(data) = &common.data {
            make_private(data)?;
        }
        let database = Location::File(scratch.join("baton.db"));
        let beside = ServerFile::read(&runtime).map(|file| file.url).filter(|url| answers(url));
        let directory = if beside.is_some() { scratch.clone() } else { runtime };
        Ok(Self { directory, also: common.data.clone(), database, scratch: Some(scratch), beside })
    }

    /// The same, with what is kept in PostgreSQL if the settings name such a database: that stays.
    pub(crate) fn with(self, database: &Database) -> Self {
        match database {
            Database::Postgres(address) => Self { database: Location::Postgres(address.clone()), ..self },
            Database::InDataDirectory | Database::Sqlite(_) => self,
        }
    }

    /// Whether it is gone when the server stops.
    pub(crate) const fn is_ephemeral(&self) -> bool {
        self.scratch.is_some()
    }

    /// Where this server's own files are kept.
    pub(crate) fn private_directory(&self) -> &Path {
        self.scratch.as_ref().unwrap_or(&self.directory)
    }

    /// One of this server's own files.
    pub(crate) fn private_file(&self, name: &str) -> PathBuf {
        self.private_directory().join(name)
    }

    fn announce(&self, file: &ServerFile) -> Result<(), Failure> {
        self.also.iter().chain([&self.directory]).try_for_each(|directory| file.write(directory))
    }

    fn leave(&self, file: &ServerFile) {
        self.also.iter().chain([&self.directory]).for_each(|directory| file.remove(directory));
        if let Some(scratch) = &self.scratch
            && let Err(error) = std::fs::remove_dir_all(scratch)
        {
            tracing::warn!(%error, path = %scratch.display(), "what was kept for a while stays");
        }
    }
}

/// How long a server on this machine may take to be there.
const PATIENCE: Duration = Duration::from_millis(200);

/// Whether somebody listens there.
fn answers(url: &str) -> bool {
    let addresses = url::Url::parse(url).ok().and_then(|url| url.socket_addrs(|| None).ok());
    let mut addresses = addresses.into_iter().flatten();
    addresses.any(|at| std::net::TcpStream::connect_timeout(&at, PATIENCE).is_ok())
}

/// What is special about a server.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Wishes<'a> {
    /// Its operator token; none: the one that is kept, or a new one.
    pub(crate) token: Option<&'a str>,
    /// For a developer: an app that is not verified is asked again when something is to be delivered, and there is a
    /// link that signs in to the console.
    pub(crate) dev: bool,
    /// Where a virtual clock that is new stands still; none: it shows the system's time.
    pub(crate) frozen_at: Option<Timestamp>,
}

/// A server that runs.
pub(crate) struct Server {
    /// What decides.
    pub(crate) engine: Engine,
    /// Its address on this machine.
    pub(crate) url: String,
    /// Its address for clients.
    pub(crate) public_url: String,
    /// Where it speaks HTTPS too.
    pub(crate) https: Option<Https>,
    /// The operator token.
    pub(crate) operator_token: String,
    /// What makes ids, secrets and tokens.
    pub(crate) mint: Mint,
    /// The code of the link to the console that works once: it is printed.
    pub(crate) console_link: Option<String>,
    /// Where it keeps things.
    pub(crate) place: Place,
    serving: JoinHandle<std::io::Result<()>>,
    started: Arc<AtomicBool>,
    stopping: CancellationToken,
    /// What tells the tracer to end, and the tracer.
    tracing: (CancellationToken, Option<JoinHandle<()>>),
}

impl Server {
    /// Opens everything and begins to serve.
    pub(crate) async fn start(config: &Config, place: Place, wishes: Wishes<'_>) -> Result<Self, Failure> {
        let mut mint = Mint::drawn().map_err(|error| Failure::new("no random numbers").why(error))?;
        let (listener, address) = listen(config.listen, "--listen").await?;
        let (tls, https) = match &config.tls {
            Some(tls) => {
                let kept = wishes.dev.then(|| place.private_directory());
                let (door, https) = https::open(tls, kept).await?;
                (Some(door), Some(https))
            }
            None => (None, None),
        };
        let operator_token = operator_token(wishes.token, &place, &mut mint)?;
        let store = open(&place.database, config).await?;
        let member = member(config, &place.database, address);
        let engine = engine(config, store, mint.seed(), member, &wishes).await?;
        let (ending, mut tracing) = (CancellationToken::new(), None);
        if let Some(endpoint) = &config.traces {
            tracing = Some(traces::start(engine.clone(), endpoint, mint.seed(), ending.clone())?);
        }
        let url = format!("http://{address}");
        let public_url = config.public_url.clone().unwrap_or_else(|| url.clone());
        let started = Arc::new(AtomicBool::new(false));
        let has_members =
            !engine.team().await.map_err(|error| cannot_open(&place.database, error))?.members.is_empty();
        // Nobody can sign in yet: whoever reads the terminal may become the first who can.
        let console_link = (wishes.dev || !has_members).then(|| mint.console_link());
        let link = |code: &String| StartLink { code: Secret::new(code.clone()), signs_in: wishes.dev };
        let state = serve::State {
            engine: engine.clone(),
            operator_token: Secret::new(operator_token.clone()),
            viewer_token: config.viewer_token.clone(),
            limits: config.limits,
            public_url: public_url.clone(),
            version: env!("CARGO_PKG_VERSION"),
            started: Arc::clone(&started),
            mint: mint.clone(),
            start_link: console_link.as_ref().map(link),
            wall: Arc::new(SystemClock),
            tls,
        };
        // The server's generator goes another way from here than this one.
        mint = Mint::drawn().map_err(|error| Failure::new("no random numbers").why(error))?;
        let stopping = CancellationToken::new();
        let shutdown = stopping.clone();
        let serving =
            tokio::spawn(async move { serve::run(listener, state, shutdown.cancelled_owned()).await });
        Ok(Self {
            engine,
            url,
            public_url,
            https,
            operator_token,
            mint,
            console_link,
            place,
            serving,
            started,
            stopping,
            tracing: (ending, tracing),
        })
    }

    /// It is ready: `/readyz` says so.
    pub(crate) fn ready(&self) {
        self.started.store(true, Ordering::Release);
    }

    /// It is ready: says so, and where it is, in `server.json`.
    pub(crate) fn announce(&self) -> Result<(), Failure> {
        self.ready();
        self.place.announce(&self.file())
    }

    /// Itself, as its clients know it.
    pub(crate) fn file(&self) -> ServerFile {
        ServerFile { url: self.url.clone(), operator_token: self.operator_token.clone() }
    }

    /// Waits until serving ends by itself, which it does not do without a reason.
    pub(crate) async fn ended(&mut self) -> Failure {
        let why = match (&mut self.serving).await {
            Ok(Ok(())) => "it was told to".to_owned(),
            Ok(Err(error)) => error.to_string(),
            Err(error) => error.to_string(),
        };
        Failure::new("the server stopped").why(why)
    }

    /// Ends what is under way, within 10 seconds, and goes.
    pub(crate) async fn stop(self) {
        let file = self.file();
        self.stopping.cancel();
        if !self.serving.is_finished()
            && let Err(error) = self.serving.await
        {
            tracing::warn!(%error, "serving did not end well");
        }
        self.engine.stop(LAST_DELIVERIES).await;
        let (ending, tracer) = self.tracing;
        ending.cancel();
        if let Some(tracer) = tracer {
            // It waits for the collector no longer than that.
            let _ = tokio::time::timeout(LAST_SPANS, tracer).await;
        }
        self.place.leave(&file);
    }
}

/// Listens. `name` is what says where, for whoever must say something else.
async fn listen(at: SocketAddr, name: &str) -> Result<(TcpListener, SocketAddr), Failure> {
    let cannot = |error: std::io::Error| {
        let failure = Failure::new(format!("cannot listen on {at}"));
        match error.kind() {
            ErrorKind::AddrInUse => failure
                .why("something listens there already, perhaps another Baton")
                .advice(format!("stop it, or take another port: {name} 127.0.0.1:0 takes any that is free")),
            ErrorKind::PermissionDenied => {
                failure.why(error).advice(format!("take a port above 1023, as in {name} 127.0.0.1:4300"))
            }
            ErrorKind::AddrNotAvailable => failure
                .why(error)
                .advice(format!("name an address of this machine, as in {name} 127.0.0.1:4300")),
            _ => failure.why(error),
        }
    };
    let listener = TcpListener::bind(at).await.map_err(cannot)?;
    let mut address = listener.local_addr().map_err(cannot)?;
    // "Everywhere" is no address to connect to.
    match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => address.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(ip) if ip.is_unspecified() => address.set_ip(Ipv6Addr::LOCALHOST.into()),
        IpAddr::V4(_) | IpAddr::V6(_) => {}
    }
    Ok((listener, address))
}

/// The given token, else the one that is kept, else a new one that is kept from now on.
fn operator_token(given: Option<&str>, place: &Place, mint: &mut Mint) -> Result<String, Failure> {
    if let Some(token) = given.filter(|token| !token.is_empty()) {
        return Ok(token.to_owned());
    }
    let path = operator_token_path(place.private_directory());
    match std::fs::read_to_string(&path) {
        Ok(token) if !token.trim().is_empty() => Ok(token.trim().to_owned()),
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(Failure::new(format!("cannot read {}", path.display())).why(error))
        }
        Ok(_) | Err(_) => {
            let token = mint.operator_token();
            write_private(&path, &token)?;
            Ok(token)
        }
    }
}

async fn open(at: &Location, config: &Config) -> Result<Arc<dyn Store>, Failure> {
    match at {
        Location::File(path) => {
            let options = Options { streams: config.streams, lagging: config.limits.lagging };
            let file = path.clone();
            let opened = tokio::task::spawn_blocking(move || SqliteStore::open(&file, options)).await;
            match opened {
                Ok(Ok(store)) => Ok(Arc::new(store)),
                Ok(Err(error)) => Err(cannot_open(at, error)),
                Err(error) => Err(cannot_open(at, error)),
            }
        }
        Location::Postgres(address) => {
            let opened = PostgresStore::open(address, postgres_options(config)).await;
            Ok(Arc::new(opened.map_err(|error| cannot_open(at, error))?))
        }
    }
}

/// How a PostgreSQL database is opened by these settings.
pub(crate) fn postgres_options(config: &Config) -> postgres::Options {
    let time = match config.clock {
        ClockKind::System => postgres::Time::Database,
        ClockKind::Virtual => postgres::Time::Caller,
    };
    postgres::Options { streams: config.streams, connections: config.connections, time }
}

/// What this node says of itself to those that use the same database.
fn member(config: &Config, at: &Location, address: SocketAddr) -> Member {
    let named_after = || {
        let machine = rustix::system::uname();
        format!("{}:{}", machine.nodename().to_string_lossy(), address.port())
    };
    Member {
        name: config.node.clone().unwrap_or_else(named_after).into(),
        version: env!("CARGO_PKG_VERSION").into(),
        alone: config.clock == ClockKind::Virtual && matches!(at, Location::Postgres(_)),
        lease: config.lease,
        names: routing_file::changed,
    }
}

/// Why a database cannot be used.
pub(crate) fn cannot_open(at: &Location, why: impl fmt::Display) -> Failure {
    Failure::new(format!("cannot open the database {at}")).why(why)
}

async fn engine(
    config: &Config,
    store: Arc<dyn Store>,
    seed: u64,
    member: Member,
    wishes: &Wishes<'_>,
) -> Result<Engine, Failure> {
    let cannot = |why: String| Failure::new("cannot start").why(why);
    let clock: Arc<dyn Clock> = match config.clock {
        ClockKind::System => Arc::new(SystemClock),
        ClockKind::Virtual => {
            let kept = store.kept_clock().await.map_err(|error| cannot(error.to_string()))?;
            let first = KeptClock { offset: 0, frozen: wishes.frozen_at };
            Arc::new(VirtualClock::new(kept.unwrap_or(first)))
        }
    };
    let delivery = &config.delivery;
    let vetting = Vetting { allowed: delivery.allow_addresses.clone() };
    let transport = HttpTransport::new(vetting, delivery.timeout)
        .map_err(|error| client::cannot_make("webhooks", error))?;
    let policy = Policy {
        profile: delivery.profile,
        in_flight: delivery.in_flight,
        read_ahead: delivery.read_ahead,
        waiting: config.limits.waiting,
        eager: wishes.dev,
        keep: config.retention,
        traces: config.traces.is_some(),
    };
    let parts = Parts { store, clock, transport: Arc::new(transport), policy, seed, member };
    Engine::start(parts).await.map_err(|error| cannot(error.to_string()))
}

/// Signals closer together than this are one wish: whatever started the program may hand a signal on to a
/// whole group, and then again.
const ONE_WISH: Duration = Duration::from_secs(1);

/// Somebody wants files to be read again: SIGHUP, which would end the program if nobody listened.
pub(crate) struct Hangups {
    #[cfg(unix)]
    hangup: tokio::signal::unix::Signal,
}

impl Hangups {
    /// Listens from now on.
    pub(crate) fn listen() -> Result<Self, Failure> {
        #[cfg(unix)]
        {
            use tokio::signal::unix::{SignalKind, signal};
            let hangup = signal(SignalKind::hangup())
                .map_err(|error| Failure::new("cannot listen to signals").why(error))?;
            Ok(Self { hangup })
        }
        #[cfg(not(unix))]
        Ok(Self {})
    }

    /// The next one.
    pub(crate) async fn next(&mut self) {
        #[cfg(unix)]
        if self.hangup.recv().await.is_some() {
            return;
        }
        std::future::pending::<()>().await;
    }
}

/// Somebody wants the program to end: Ctrl-C, or SIGTERM.
pub(crate) struct Signals {
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
}

impl Signals {
    /// Listens from now on.
    pub(crate) fn listen() -> Result<Self, Failure> {
        #[cfg(unix)]
        {
            use tokio::signal::unix::{SignalKind, signal};
            let cannot = |error| Failure::new("cannot listen to signals").why(error);
            let terminate = signal(SignalKind::terminate()).map_err(cannot)?;
            let interrupt = signal(SignalKind::interrupt()).map_err(cannot)?;
            Ok(Self { terminate, interrupt })
        }
        #[cfg(not(unix))]
        Ok(Self {})
    }

    /// Somebody insists: another one, not right after the last.
    pub(crate) async fn again(self) {
        drop(self);
        #[expect(clippy::disallowed_methods, reason = "people and their shells are in real time")]
        tokio::time::sleep(ONE_WISH).await;
        match Self::listen() {
            Ok(mut signals) => signals.next().await,
            Err(_) => std::future::pending().await,
        }
    }

    /// The next one.
    pub(crate) async fn next(&mut self) {
        #[cfg(unix)]
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
        #[cfg(not(unix))]
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
