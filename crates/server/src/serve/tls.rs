//! HTTPS, for clients that speak nothing else: a second address, the same router behind it. The certificate comes from
//! files, or is one that `baton dev` makes for this machine ([`make`]).

use std::net::IpAddr;
use std::sync::Arc;

use jiff::Timestamp;
use rcgen::{
    BasicConstraints, CertificateParams, CidrSubnet, DnType, ExtendedKeyUsagePurpose, GeneralSubtree, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, NameConstraints, SanType,
};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::server::TlsStream;
use x509_cert::Certificate;
use x509_cert::der::Decode;

/// The first year after those in which a certificate of Baton's own is valid.
const LAST_YEAR: i32 = 2100;

/// An address where HTTPS is spoken.
pub struct Door {
    pub(super) listener: TcpListener,
    shown: Shown,
}

/// What makes TLS of a connection.
#[derive(Clone)]
pub struct Acceptor {
    acceptor: TlsAcceptor,
    ends: Timestamp,
}

/// What whoever connects is shown, until another takes its place: a certificate that was renewed.
#[derive(Clone)]
pub struct Shown(Arc<watch::Sender<Acceptor>>);

impl Shown {
    /// Shows this to whoever connects from now on.
    pub fn replace(&self, acceptor: Acceptor) {
        self.0.send_replace(acceptor);
    }
}

impl Door {
    /// A listener, and what it shows to who connects.
    pub fn new(listener: TcpListener, acceptor: Acceptor) -> Self {
        Self { listener, shown: Shown(Arc::new(watch::Sender::new(acceptor))) }
    }

    /// What it shows.
    pub fn shown(&self) -> Shown {
        self.shown.clone()
    }

    pub(super) fn acceptor(&self) -> Acceptor {
        self.shown.0.borrow().clone()
    }
}

impl Acceptor {
    /// Of a chain of certificates and the private key of the first, both PEM.
    pub fn new(certificate: &[u8], key: &[u8]) -> Result<Self, Unusable> {
        let chain: Vec<CertificateDer<'static>> =
            CertificateDer::pem_slice_iter(certificate).collect::<Result<_, _>>().map_err(Unusable::of)?;
        let Some(first) = chain.first() else {
            return Err(Unusable("there is no certificate in the file: it must be PEM".to_owned()));
        };
        let read = Certificate::from_der(first).map_err(Unusable::of)?;
        let ends = read.tbs_certificate.validity.not_after.to_system_time();
        let ends = Timestamp::try_from(ends).map_err(Unusable::of)?;
        let key = PrivateKeyDer::from_pem_slice(key).map_err(Unusable::of)?;
        let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(Unusable::of)?
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .map_err(Unusable::of)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self { acceptor: TlsAcceptor::from(Arc::new(config)), ends })
    }

    /// When its certificate runs out.
    pub const fn ends(&self) -> Timestamp {
        self.ends
    }

    pub(super) async fn accept(self, stream: TcpStream) -> std::io::Result<TlsStream<TcpStream>> {
        self.acceptor.accept(stream).await
    }
}

/// A certificate, or its key, that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unusable(String);

impl Unusable {
    fn of(why: impl std::fmt::Display) -> Self {
        Self(why.to_string())
    }
}

/// A certificate of Baton's own.
pub struct Made {
    /// Its authority's certificate, which clients must trust. PEM.
    pub authority: String,
    /// The certificate, and its authority's after it. PEM.
    pub chain: String,
    /// The certificate's private key. PEM.
    pub key: String,
}

/// Makes a certificate for `localhost`, this machine's own addresses and some more names, and an authority for it. The
/// authority is for these names only, and its key is thrown away: whoever trusts it trusts this one certificate.
pub fn make(names: &[String], addresses: &[IpAddr]) -> Result<Made, Unusable> {
    let names: Vec<String> = names.iter().cloned().chain(["localhost".to_owned()]).collect();
    let mut authority = params("Baton, local development")?;
    authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let by_name = names.iter().cloned().map(GeneralSubtree::DnsName);
    let by_address = addresses.iter().map(|address| GeneralSubtree::IpAddress(alone(*address)));
    authority.name_constraints = Some(NameConstraints {
        permitted_subtrees: by_name.chain(by_address).collect(),
        excluded_subtrees: Vec::new(),
    });
    let authority_key = KeyPair::generate().map_err(Unusable::of)?;
    let authority_certificate = authority.self_signed(&authority_key).map_err(Unusable::of)?;
    let issuer = Issuer::new(authority, authority_key);

    let mut own = params("Baton")?;
    own.use_authority_key_identifier_extension = true;
    own.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    own.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    for name in &names {
        own.subject_alt_names.push(SanType::DnsName(name.as_str().try_into().map_err(Unusable::of)?));
    }
    own.subject_alt_names.extend(addresses.iter().map(|address| SanType::IpAddress(*address)));
    let key = KeyPair::generate().map_err(Unusable::of)?;
    let certificate = own.signed_by(&key, &issuer).map_err(Unusable::of)?;
    let authority = authority_certificate.pem();
    let chain = format!("{}{authority}", certificate.pem());
    Ok(Made { authority, chain, key: key.serialize_pem() })
}

fn params(name: &str) -> Result<CertificateParams, Unusable> {
    let mut params = CertificateParams::new(Vec::new()).map_err(Unusable::of)?;
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = rcgen::date_time_ymd(2024, 1, 1);
    params.not_after = rcgen::date_time_ymd(LAST_YEAR, 1, 1);
    Ok(params)
}

/// The network that is this one address.
fn alone(address: IpAddr) -> CidrSubnet {
    match address {
        IpAddr::V4(address) => CidrSubnet::V4(address.octets(), [255; 4]),
        IpAddr::V6(address) => CidrSubnet::V6(address.octets(), [255; 16]),
    }
}
