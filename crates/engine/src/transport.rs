//! The only HTTP client code: webhooks to apps. Addresses are vetted on what a name resolves to, at the
//! moment of connecting; redirects are not followed; the environment's proxies are ignored.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::{FutureExt, StreamExt};
use ipnet::IpNet;
use url::Url;

/// What a receiver answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// How its body begins.
    pub body: Bytes,
    /// For how many seconds it wants to be left alone (`Retry-After`, where that is a number).
    pub retry_after: Option<u32>,
}

/// Why there was no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// It took too long.
    #[error("no answer within {} ms", .0.as_millis())]
    Timeout(Duration),
    /// The address may not be reached.
    #[error("the address {0} is not public: `delivery.allow_addresses` lists the networks that are allowed")]
    Forbidden(String),
    /// No connection, or it broke.
    #[error("{0}")]
    Failed(String),
}

/// To apps.
pub trait Transport: Send + Sync + 'static {
    /// Posts a webhook.
    fn post(
        &self,
        url: &str,
        headers: Vec<(&'static str, String)>,
        body: Bytes,
    ) -> BoxFuture<'_, Result<Answer, SendError>>;

    /// Whether an address may be posted to, as far as it says so itself: one that is written as numbers.
    fn is_forbidden(&self, url: &str) -> Option<SendError>;

    /// Whether an address may be posted to, as far as can be said without connecting.
    fn vet(&self, url: &str) -> BoxFuture<'_, Result<(), SendError>>;

    /// Asks an address to verify itself.
    fn get(&self, url: &str) -> BoxFuture<'_, Result<Answer, SendError>>;
}

/// Which addresses may be reached.
#[derive(Clone, Debug, Default)]
pub struct Vetting {
    /// Networks that are allowed although they are not public.
    pub allowed: Vec<IpNet>,
}

impl Vetting {
    /// Whether an address may be connected to.
    pub fn allows(&self, address: IpAddr) -> bool {
        is_public(address)
            || self.allowed.iter().any(|net| net.contains(&canonical(address)) || net.contains(&address))
    }

    /// Whether no webhook may go to an address, as far as it says so itself: one that is written as numbers, or names
    /// this machine. Other names are looked at whenever they are connected to.
    pub fn forbids(&self, url: &Url) -> Option<IpAddr> {
        let said = literal(url);
        said.first().copied().filter(|_| !said.iter().any(|address| self.allows(*address)))
    }
}

/// The addresses that an address says itself: numbers, or this machine's own name.
fn literal(url: &Url) -> Vec<IpAddr> {
    match url.host() {
        Some(url::Host::Ipv4(address)) => vec![address.into()],
        Some(url::Host::Ipv6(address)) => vec![address.into()],
        Some(url::Host::Domain(name)) => {
            let name = name.trim_end_matches('.');
            let own = name == "localhost" || name.ends_with(".localhost");
            if own { vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()] } else { Vec::new() }
        }
        None => Vec::new(),
    }
}

fn canonical(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(v6) => v6.to_ipv4_mapped().map_or(address, IpAddr::V4),
        IpAddr::V4(_) => address,
    }
}

/// Networks that are not for strangers' addresses.
const NOT_PUBLIC: &[&str] = &[
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.88.99.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/4",
    "240.0.0.0/4",
    "::/96",
    "::1/128",
    "64:ff9b::/96",
    "64:ff9b:1::/48",
    "100::/64",
    "2001::/23",
    "2001:db8::/32",
    "2002::/16",
    "3fff::/20",
    "5f00::/16",
    "fc00::/7",
    "fe80::/10",
    "fec0::/10",
    "ff00::/8",
];

fn is_public(address: IpAddr) -> bool {
    let address = canonical(address);
    !NOT_PUBLIC.iter().filter_map(|net| net.parse::<IpNet>().ok()).any(|net| net.contains(&address))
}

/// Finds the addresses of a name.
pub trait Names: Send + Sync + 'static {
    /// Every address that the name has now.
    fn addresses(&self, name: &str) -> BoxFuture<'static, std::io::Result<Vec<IpAddr>>>;
}

/// The system's resolver.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemNames;

impl Names for SystemNames {
    fn addresses(&self, name: &str) -> BoxFuture<'static, std::io::Result<Vec<IpAddr>>> {
        let name = name.to_owned();
        async move { Ok(tokio::net::lookup_host((name, 0)).await?.map(|at| at.ip()).collect()) }.boxed()
    }
}

/// Resolves names and leaves out what may not be reached, so that the address that was checked is the one
/// that is connected to.
#[derive(Clone)]
struct VettedResolver {
    vetting: Vetting,
    names: Arc<dyn Names>,
}

impl VettedResolver {
    /// The addresses of a name that may be reached.
    async fn resolved(&self, name: &str) -> Result<Vec<SocketAddr>, SendError> {
        let found = self.names.addresses(name).await;
        let found =
            found.map_err(|error| SendError::Failed(format!("{name} cannot be resolved: {error}")))?;
        let allowed = found.into_iter().filter(|at| self.vetting.allows(*at));
        let allowed: Vec<SocketAddr> = allowed.map(|at| SocketAddr::new(at, 0)).collect();
        if allowed.is_empty() { Err(SendError::Forbidden(name.to_owned())) } else { Ok(allowed) }
    }
}

impl reqwest::dns::Resolve for VettedResolver {
    fn resolve(&self, name: reqwest::dns::Name) -> reqwest::dns::Resolving {
        let vetted = self.clone();
        async move {
            let addresses: reqwest::dns::Addrs = Box::new(vetted.resolved(name.as_str()).await?.into_iter());
            Ok(addresses)
        }
        .boxed()
    }
}

/// Webhooks over HTTP.
pub struct HttpTransport {
    // Connections that are idle are kept, however many: apps on one host have as many as may be under way to each, and
    // one that is not kept is made anew for the next webhook.
    client: reqwest::Client,
    resolver: VettedResolver,
    timeout: Duration,
    /// Addresses that may be reached as far as they say so themselves: the same few come again and again.
    vetted: Mutex<HashMap<Box<str>, Url>>,
}

/// What requests to apps say they come from, as the platform's do.
pub const USER_AGENT: &str = "facebookexternalua";
/// Addresses that are remembered as vetted.
const VETTED: usize = 1_024;
/// How much of an answer is read.
const ANSWER_LIMIT: usize = 64 * 1024;
/// How much of it is kept.
const BODY_START: usize = 512;

impl HttpTransport {
    /// A transport to allowed addresses; `timeout` covers connecting, sending and the answer.
    pub fn new(vetting: Vetting, timeout: Duration) -> Result<Self, SendError> {
        Self::resolving(vetting, timeout, Arc::new(SystemNames))
    }

    /// The same, with names resolved otherwise than by the system.
    pub fn resolving(vetting: Vetting, timeout: Duration, names: Arc<dyn Names>) -> Result<Self, SendError> {
        let resolver = VettedResolver { vetting, names };
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .dns_resolver(Arc::new(resolver.clone()))
            .timeout(timeout)
            .connect_timeout(timeout)
            .tcp_nodelay(true)
            .http1_only()
            .user_agent(USER_AGENT)
            .build()
            .map_err(|error| SendError::Failed(innermost(&error)))?;
        Ok(Self { client, resolver, timeout, vetted: Mutex::default() })
    }

    /// A resolver is not asked for addresses that are written as numbers: those are vetted here.
    fn vet_numbers(&self, text: &str) -> Result<Url, SendError> {
        let mut vetted = self.vetted.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(url) = vetted.get(text) {
            return Ok(url.clone());
        }
        let url = Url::parse(text).map_err(|error| SendError::Failed(error.to_string()))?;
        if let Some(address) = self.resolver.vetting.forbids(&url) {
            return Err(SendError::Forbidden(address.to_string()));
        }
        if vetted.len() >= VETTED {
            vetted.clear();
        }
        vetted.insert(text.into(), url.clone());
        Ok(url)
    }

    async fn answer(&self, request: reqwest::RequestBuilder) -> Result<Answer, SendError> {
        let response = request.send().await.map_err(|error| self.explain(&error))?;
        let status = response.status().as_u16();
        let retry_after = response.headers().get("retry-after").and_then(|value| value.to_str().ok());
        let retry_after = retry_after.and_then(|text| text.trim().parse().ok());
        let mut body = Vec::new();
        let mut read = 0;
        let mut stream = response.bytes_stream();
        // The status has said it: a body that is endless, or breaks off, changes nothing about it.
        while let Some(Ok(chunk)) = stream.next().await {
            read += chunk.len();
            body.extend(chunk.iter().take(BODY_START - body.len().min(BODY_START)));
            if read > ANSWER_LIMIT {
                break;
            }
        }
        Ok(Answer { status, body: body.into(), retry_after })
    }

    fn explain(&self, error: &reqwest::Error) -> SendError {
        if error.is_timeout() {
            return SendError::Timeout(self.timeout);
        }
        let mut cause: &dyn std::error::Error = error;
        while let Some(source) = cause.source() {
            if let Some(forbidden) = source.downcast_ref::<SendError>() {
                return forbidden.clone();
            }
            cause = source;
        }
        SendError::Failed(cause.to_string())
    }
}

/// What is at the bottom of an error: what is above it says little.
fn innermost(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

impl Transport for HttpTransport {
    fn post(
        &self,
        url: &str,
        headers: Vec<(&'static str, String)>,
        body: Bytes,
    ) -> BoxFuture<'_, Result<Answer, SendError>> {
        let url = self.vet_numbers(url);
        async move {
            let mut request = self.client.post(url?).body(body);
            for (name, value) in headers {
                request = request.header(name, value);
            }
            self.answer(request).await
        }
        .boxed()
    }

    fn is_forbidden(&self, url: &str) -> Option<SendError> {
        self.vet_numbers(url).err()
    }

    fn vet(&self, url: &str) -> BoxFuture<'_, Result<(), SendError>> {
        let url = self.vet_numbers(url);
        async move {
            let url = url?;
            match url.host() {
                Some(url::Host::Domain(name)) => self.resolver.resolved(name).await.map(|_| ()),
                Some(_) | None => Ok(()),
            }
        }
        .boxed()
    }

    fn get(&self, url: &str) -> BoxFuture<'_, Result<Answer, SendError>> {
        let url = self.vet_numbers(url);
        async move { self.answer(self.client.get(url?)).await }.boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_and_reserved_addresses_are_refused_however_they_are_written() {
        let strict = Vetting::default();
        for address in [
            "127.0.0.1",
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "169.254.169.254",
            "172.16.0.1",
            "192.168.1.1",
            "198.18.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "::1",
            "::",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "64:ff9b::7f00:1",
            "fe80::1",
            "fd00::1",
            "ff02::1",
            "2002:7f00:1::",
        ] {
            assert!(!strict.allows(address.parse().unwrap()), "{address}");
        }
        for address in ["1.1.1.1", "8.8.8.8", "2606:4700::1111"] {
            assert!(strict.allows(address.parse().unwrap()), "{address}");
        }
    }

    #[test]
    fn what_is_allowed_is_allowed_in_its_mapped_form_too() {
        let local = Vetting { allowed: vec!["127.0.0.0/8".parse().unwrap(), "::1/128".parse().unwrap()] };
        for address in ["127.0.0.1", "::1", "::ffff:127.0.0.1"] {
            assert!(local.allows(address.parse().unwrap()), "{address}");
        }
        assert!(!local.allows("10.0.0.1".parse().unwrap()));
    }
}
