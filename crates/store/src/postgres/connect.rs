//! The way to the database: what its address says, TLS, and a bounded number of connections, each of which is
//! whole when it is lent again.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::{
    ClientWrapper, Hook, HookError, Manager, ManagerConfig, Object, Pool, RecyclingMethod, Runtime, Timeouts,
};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode, TargetSessionAttrs};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::trouble::Trouble;
use crate::StoreError;

/// How long making a connection may take, and waiting for one that is free.
const CONNECTING: Duration = Duration::from_secs(2);

/// What every connection is told first: nothing waits for a lock, runs or stands open for long, so that a node
/// that is gone keeps nobody; and what is committed is on disk, whatever the server's own setting is. And every table is
/// read by its key: to read all of it looks better while it is small, and PostgreSQL would stay with that when it is not. Where
/// all of it is read nevertheless, that looks so dear to it that it would compile the statement first, for seconds.
const PREPARE: &str = "SET lock_timeout = '3s'; SET statement_timeout = '5s';
    SET idle_in_transaction_session_timeout = '5s'; SET default_transaction_isolation = 'read committed';
    SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off; SET jit = off;
    SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'";

/// Where a database is: `postgres://user:password@host:port/name`, with options of libpq after a `?`.
/// What it prints has no password.
#[derive(Clone, PartialEq, Eq)]
pub struct Address {
    config: Config,
    /// A file with the certificates that may sign the server's; none: those of the system.
    authorities: Option<String>,
}

impl Address {
    /// Whether a text means such an address, right or wrong.
    pub fn is_meant(text: &str) -> bool {
        text.starts_with("postgres://") || text.starts_with("postgresql://")
    }
}

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if !Self::is_meant(text) {
            return Err("it does not begin with postgres://".to_owned());
        }
        let (address, options) = text.split_once('?').unwrap_or((text, ""));
        let (mut kept, mut authorities) = (Vec::new(), None);
        for option in options.split('&').filter(|option| !option.is_empty()) {
            match option.split_once('=') {
                Some(("sslrootcert", file)) => authorities = Some(file.replace("%2F", "/")),
                // A certificate is always checked, and so is its name.
                Some(("sslmode", "verify-full" | "verify-ca")) => kept.push("sslmode=require"),
                _ => kept.push(option),
            }
        }
        let text = if kept.is_empty() { address.to_owned() } else { format!("{address}?{}", kept.join("&")) };
        // The driver's words name an option, not its value.
        let mut config: Config =
            text.parse().map_err(|error: tokio_postgres::Error| super::trouble::told(&error))?;
        if config.get_hosts().is_empty() {
            return Err("it names no host".to_owned());
        }
        if config.get_dbname().is_none_or(str::is_empty) {
            return Err(
                "it names no database: write it after the host, as in postgres://host/baton".to_owned()
            );
        }
        config.application_name("baton").connect_timeout(CONNECTING).keepalives_idle(Duration::from_secs(10));
        // Of several servers, the one that writes.
        config.tcp_user_timeout(Duration::from_secs(5)).target_session_attrs(TargetSessionAttrs::ReadWrite);
        Ok(Self { config, authorities })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("postgres://")?;
        if let Some(user) = self.config.get_user() {
            write!(f, "{user}@")?;
        }
        for (index, host) in self.config.get_hosts().iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            match host {
                Host::Tcp(name) => write!(f, "{comma}{name}")?,
                Host::Unix(path) => write!(f, "{comma}{}", path.display())?,
            }
            let ports = self.config.get_ports();
            if let Some(port) = ports.get(index).or(ports.first()) {
                write!(f, ":{port}")?;
            }
        }
        write!(f, "/{}", self.config.get_dbname().unwrap_or_default())
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({self})")
    }
}

/// Connections, at most so many.
pub(super) fn pool(address: &Address, most: usize) -> Result<Pool, StoreError> {
    let cannot = |why: &dyn fmt::Display| StoreError::CannotOpen(format!("cannot open {address}: {why}"));
    let tls = match address.config.get_ssl_mode() {
        // It is asked for nothing then.
        SslMode::Disable => RootCertStore::empty(),
        _ => authorities(address).map_err(|why| cannot(&why))?,
    };
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let tls = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| cannot(&error))?
        .with_root_certificates(tls)
        .with_no_client_auth();
    let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
    let manager = Manager::from_config(address.config.clone(), MakeRustlsConnect::new(tls), recycling);
    let prepare = Hook::async_fn(|client: &mut ClientWrapper, _| {
        Box::pin(async move { client.batch_execute(PREPARE).await.map_err(HookError::Backend) })
    });
    let patience =
        Timeouts { wait: Some(CONNECTING), create: Some(CONNECTING * 2), recycle: Some(CONNECTING) };
    let pool = Pool::builder(manager).max_size(most).runtime(Runtime::Tokio1).timeouts(patience);
    pool.post_create(prepare).build().map_err(|error| cannot(&error))
}

fn authorities(address: &Address) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    match &address.authorities {
        Some(file) => {
            let cannot =
                |error: rustls::pki_types::pem::Error| format!("the certificates in {file}: {error}");
            for certificate in CertificateDer::pem_file_iter(file).map_err(cannot)? {
                roots.add(certificate.map_err(cannot)?).map_err(|error| format!("{file}: {error}"))?;
            }
        }
        // A system without any is met when a server wants TLS.
        None => drop(roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs)),
    }
    Ok(roots)
}

/// A connection on loan. One that is given up in the middle of something is closed, and with it goes what it began.
pub(crate) struct Lent(Option<Object>);

impl Lent {
    pub(crate) async fn from(pool: &Pool) -> Result<Self, Trouble> {
        Ok(Self(Some(pool.get().await?)))
    }

    /// The connection, as long as it was not given back.
    pub(crate) fn client(&self) -> Result<&ClientWrapper, Trouble> {
        self.0.as_deref().ok_or(Trouble::Store(StoreError::Closed))
    }

    /// It is whole: the next one may have it.
    pub(crate) fn give_back(mut self) {
        drop(self.0.take());
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if let Some(object) = self.0.take() {
            drop(Object::take(object));
        }
    }
}
