//! The only HTTP client code: webhooks to apps. Addresses are vetted on what a name resolves to, at the
//! moment of connecting; redirects are not followed; the environment's proxies are ignored.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use http_body_util::{BodyExt, Full};
use hyper::header::{self, HeaderValue};
use hyper::http::response::Parts;
use hyper::{Method, Request, Uri};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::Name;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use ipnet::IpNet;
use percent_encoding::percent_decode_str;
use rustls::CertificateError;
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

impl tower::Service<Name> for VettedResolver {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = SendError;
    type Future = BoxFuture<'static, Result<Self::Response, SendError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let vetted = self.clone();
        async move { Ok(vetted.resolved(name.as_str()).await?.into_iter()) }.boxed()
    }
}

/// An address, as requests to it need it.
struct Destination {
    uri: Uri,
    /// What a name and a password in it become.
    authorization: Option<HeaderValue>,
    /// What is to be resolved, where it is not written as numbers.
    name: Option<Box<str>>,
}

impl Destination {
    fn of(url: &Url) -> Result<Self, SendError> {
        let failed = |error: &dyn std::error::Error| SendError::Failed(error.to_string());
        if !matches!(url.scheme(), "http" | "https") {
            return Err(SendError::Failed(format!("{}: is neither http: nor https:", url.scheme())));
        }
        let (name, password) = (url.username(), url.password().unwrap_or_default());
        let authorization = match (name, password) {
            ("", "") => None,
            _ => {
                let decoded = |text| percent_decode_str(text).collect::<Vec<u8>>();
                let both = [decoded(name), decoded(password)].join(&b':');
                let value = HeaderValue::try_from(format!("Basic {}", BASE64_STANDARD.encode(both)));
                let mut value = value.map_err(|error| failed(&error))?;
                value.set_sensitive(true);
                Some(value)
            }
        };
        let whole = &url[url::Position::BeforeHost..url::Position::AfterQuery];
        let uri = Uri::try_from(format!("{}://{whole}", url.scheme())).map_err(|error| failed(&error))?;
        let name = match url.host() {
            Some(url::Host::Domain(name)) => Some(name.into()),
            Some(_) | None => None,
        };
        Ok(Self { uri, authorization, name })
    }
}

/// Webhooks over HTTP.
pub struct HttpTransport {
    // Connections that are idle are kept, however many: apps on one host have as many as may be under way to each, and
    // one that is not kept is made anew for the next webhook.
    client: Client<HttpsConnector<HttpConnector<VettedResolver>>, Full<Bytes>>,
    resolver: VettedResolver,
    timeout: Duration,
    /// Addresses that may be reached as far as they say so themselves: the same few come again and again.
    vetted: Mutex<HashMap<Box<str>, Arc<Destination>>>,
}

/// What requests to apps say they come from, as the platform's do.
pub const USER_AGENT: &str = "facebookexternalua";
/// How long a connection is kept that nothing is sent over.
const IDLE: Duration = Duration::from_secs(90);
/// How often the system asks whether the other side of a quiet connection is still there.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
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
        let mut tcp = HttpConnector::new_with_resolver(resolver.clone());
        tcp.set_nodelay(true);
        tcp.set_keepalive(Some(KEEP_ALIVE));
        // Shared by the addresses of a name: one that is silent does not keep the others from being tried.
        tcp.set_connect_timeout(Some(timeout));
        tcp.enforce_http(false);
        let connector = HttpsConnectorBuilder::new()
            .with_provider_and_platform_verifier(rustls::crypto::aws_lc_rs::default_provider())
            .map_err(|error| SendError::Failed(error.to_string()))?
            .https_or_http()
            .enable_http1()
            .wrap_connector(tcp);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .build(connector);
        Ok(Self { client, resolver, timeout, vetted: Mutex::default() })
    }

    /// A resolver is not asked for addresses that are written as numbers: those are vetted here.
    fn vet_numbers(&self, text: &str) -> Result<Arc<Destination>, SendError> {
        let mut vetted = self.vetted.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = vetted.get(text) {
            return Ok(Arc::clone(known));
        }
        let url = Url::parse(text).map_err(|error| SendError::Failed(error.to_string()))?;
        if let Some(address) = self.resolver.vetting.forbids(&url) {
            return Err(SendError::Forbidden(address.to_string()));
        }
        let destination = Arc::new(Destination::of(&url)?);
        if vetted.len() >= VETTED {
            vetted.clear();
        }
        vetted.insert(text.into(), Arc::clone(&destination));
        Ok(destination)
    }

    async fn ask(
        &self,
        method: Method,
        to: &Destination,
        headers: Vec<(&'static str, String)>,
        body: Bytes,
    ) -> Result<Answer, SendError> {
        let mut request = Request::builder()
            .method(method)
            .uri(to.uri.clone())
            .header(header::ACCEPT, HeaderValue::from_static("*/*"))
            .header(header::USER_AGENT, HeaderValue::from_static(USER_AGENT));
        if let Some(value) = &to.authorization {
            request = request.header(header::AUTHORIZATION, value.clone());
        }
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let request = request.body(Full::new(body)).map_err(|error| SendError::Failed(error.to_string()))?;
        let mut heard = None;
        let asked = tokio::time::timeout(self.timeout, self.exchange(request, &mut heard)).await;
        match (heard, asked) {
            // Its status has said it: a body that is endless, late, or breaks off, changes nothing about that.
            (Some(heard), _) => Ok(heard.answer()),
            (None, Ok(Err(error))) => Err(error),
            (None, Ok(Ok(())) | Err(_)) => Err(SendError::Timeout(self.timeout)),
        }
    }

    /// Sends, and hears as much of the answer as is kept.
    async fn exchange(
        &self,
        request: Request<Full<Bytes>>,
        heard: &mut Option<Heard>,
    ) -> Result<(), SendError> {
        let response = self.client.request(request).await.map_err(|error| self.explain(&error))?;
        let (head, mut incoming) = response.into_parts();
        let heard = heard.insert(Heard { head, body: Vec::new() });
        let mut read = 0;
        while read <= ANSWER_LIMIT
            && let Some(Ok(frame)) = incoming.frame().await
        {
            let Ok(chunk) = frame.into_data() else { continue };
            read += chunk.len();
            heard.body.extend(chunk.iter().take(BODY_START - heard.body.len().min(BODY_START)));
        }
        Ok(())
    }

    fn explain(&self, error: &(dyn std::error::Error + 'static)) -> SendError {
        let mut cause = error;
        loop {
            if let Some(forbidden) = cause.downcast_ref::<SendError>() {
                return forbidden.clone();
            }
            let io = cause.downcast_ref::<std::io::Error>();
            if io.is_some_and(|error| error.kind() == std::io::ErrorKind::TimedOut) {
                return SendError::Timeout(self.timeout);
            }
            if let Some(wrong) = wrong_certificate(cause) {
                return SendError::Failed(format!("{}: {wrong}", what_is_wrong(wrong)));
            }
            match cause.source() {
                Some(source) => cause = source,
                // What is above the bottom says little.
                None => return SendError::Failed(cause.to_string()),
            }
        }
    }
}

/// The certificate that an error is about, however often it is wrapped as one of a connection.
fn wrong_certificate<'a>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a CertificateError> {
    if let Some(rustls::Error::InvalidCertificate(wrong)) = error.downcast_ref() {
        return Some(wrong);
    }
    wrong_certificate(error.downcast_ref::<std::io::Error>()?.get_ref()?)
}

/// What is wrong with a receiver's certificate, in the words of whoever has to mend it.
fn what_is_wrong(certificate: &CertificateError) -> &'static str {
    match certificate {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "the receiver's certificate has expired"
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "the receiver's certificate is for another name"
        }
        CertificateError::UnknownIssuer => {
            "the receiver's certificate comes from nobody whom this machine trusts (it is self-signed, or its chain is not whole)"
        }
        _ => "the receiver's certificate is not valid",
    }
}

/// What came of an answer so far: its head, and how its body begins.
struct Heard {
    head: Parts,
    body: Vec<u8>,
}

impl Heard {
    fn answer(self) -> Answer {
        let retry_after = self.head.headers.get(header::RETRY_AFTER).and_then(|value| value.to_str().ok());
        Answer {
            status: self.head.status.as_u16(),
            retry_after: retry_after.and_then(|text| text.trim().parse().ok()),
            body: self.body.into(),
        }
    }
}

impl Transport for HttpTransport {
    fn post(
        &self,
        url: &str,
        headers: Vec<(&'static str, String)>,
        body: Bytes,
    ) -> BoxFuture<'_, Result<Answer, SendError>> {
        let to = self.vet_numbers(url);
        async move { self.ask(Method::POST, &*to?, headers, body).await }.boxed()
    }

    fn is_forbidden(&self, url: &str) -> Option<SendError> {
        self.vet_numbers(url).err()
    }

    fn vet(&self, url: &str) -> BoxFuture<'_, Result<(), SendError>> {
        let to = self.vet_numbers(url);
        async move {
            match &to?.name {
                Some(name) => self.resolver.resolved(name).await.map(|_| ()),
                None => Ok(()),
            }
        }
        .boxed()
    }

    fn get(&self, url: &str) -> BoxFuture<'_, Result<Answer, SendError>> {
        let to = self.vet_numbers(url);
        async move { self.ask(Method::GET, &*to?, Vec::new(), Bytes::new()).await }.boxed()
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
