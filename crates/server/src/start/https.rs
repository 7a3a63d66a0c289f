//! Opens the address where HTTPS is spoken, with a certificate from files; `baton dev` makes one for this machine and
//! keeps it, so that clients trust it once.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};

use baton_engine::{Clock, SystemClock};
use jiff::{SignedDuration, Timestamp};

use super::listen;
use crate::cli::Failure;
use crate::cli::server_file::{make_private, write_private};
use crate::config::{Tls, TlsFiles};
use crate::serve::tls::{Acceptor, Door, Shown, make};

/// Where a data directory keeps a certificate that `dev` made.
const DIRECTORY: &str = "tls";
/// The file that clients trust.
const AUTHORITY: &str = "authority.pem";

/// Where HTTPS is spoken.
pub(crate) struct Https {
    /// The address on this machine.
    pub(crate) url: String,
    /// What clients must trust, where Baton made it.
    pub(crate) authority: Option<PathBuf>,
    /// The files that settings name, and what shows what is in them.
    renewed: Option<(TlsFiles, Shown)>,
}

/// A certificate that runs out sooner than this is spoken of: whoever renews them does it earlier.
const SOON: SignedDuration = SignedDuration::from_hours(14 * 24);

impl Https {
    /// Reads the certificate again. Who is connected stays; one that cannot be used changes nothing.
    pub(crate) fn renew(&self) {
        let Some((files, shown)) = &self.renewed else { return };
        match read(files) {
            Ok(acceptor) => {
                tracing::info!(until = %acceptor.ends(), "the certificate was read again");
                warn_of(files, &acceptor);
                shown.replace(acceptor);
            }
            Err(failure) => {
                let why = failure.why.join("; ");
                tracing::error!(why, "{}: the one from before is still shown", failure.what);
            }
        }
    }
}

/// Opens it. `kept` is where a certificate is kept that is made here; none: one must be named.
pub(super) async fn open(tls: &Tls, kept: Option<&Path>) -> Result<(Door, Https), Failure> {
    let (listener, address) = listen(tls.listen, "tls_listen =").await?;
    let (files, authority) = match (&tls.files, kept) {
        (Some(files), _) => (files.clone(), None),
        (None, Some(kept)) => {
            let directory = kept.join(DIRECTORY);
            let files = own(&directory, &tls.names, address.ip())?;
            (files, Some(directory.join(AUTHORITY)))
        }
        (None, None) => return Err(none_named()),
    };
    let acceptor = read(&files)?;
    warn_of(&files, &acceptor);
    let door = Door::new(listener, acceptor);
    let renewed = tls.files.is_some().then(|| (files, door.shown()));
    Ok((door, Https { url: format!("https://{address}"), authority, renewed }))
}

/// What is to be said of the certificate that the settings must name: that it ran out, or that it soon will.
pub(crate) fn examine(tls: &Tls) -> Result<Option<String>, Failure> {
    let files = tls.files.as_ref().ok_or_else(none_named)?;
    Ok(running_out(files, &read(files)?))
}

fn warn_of(files: &TlsFiles, acceptor: &Acceptor) {
    if let Some(what) = running_out(files, acceptor) {
        tracing::warn!("{what}");
    }
}

fn running_out(files: &TlsFiles, acceptor: &Acceptor) -> Option<String> {
    // Certificates are compared with this machine's clock, as clients do, whatever clock conversations go by.
    let now = Timestamp::from_millisecond(SystemClock.now().0).unwrap_or(Timestamp::MAX);
    let ends = acceptor.ends();
    let (file, day) = (files.certificate.display(), ends.strftime("%-d %b %Y"));
    if ends <= now {
        Some(format!("the certificate {file} ran out on {day}: clients refuse it until it is renewed"))
    } else if ends.duration_since(now) < SOON {
        Some(format!("the certificate {file} runs out on {day}: renew it, and send SIGHUP, or start again"))
    } else {
        None
    }
}

fn none_named() -> Failure {
    Failure::usage("HTTPS needs a certificate")
        .why("`tls_listen` is set, and `tls_certificate` and `tls_key` are not")
        .advice("name both; only `baton dev` makes a certificate of its own")
}

/// What whoever connects is shown.
fn read(files: &TlsFiles) -> Result<Acceptor, Failure> {
    let bytes = |path: &Path| {
        std::fs::read(path)
            .map_err(|error| Failure::new(format!("cannot read {}", path.display())).why(error))
    };
    Acceptor::new(&bytes(&files.certificate)?, &bytes(&files.key)?).map_err(|why| {
        let (certificate, key) = (files.certificate.display(), files.key.display());
        Failure::new(format!("cannot use the certificate {certificate} with the key {key}")).why(why)
    })
}

/// The certificate of a data directory: the one that is there, if it is for these names, else a new one.
fn own(directory: &Path, names: &[String], address: IpAddr) -> Result<TlsFiles, Failure> {
    make_private(directory)?;
    let file = |name: &str| directory.join(name);
    let files = TlsFiles { certificate: file("certificate.pem"), key: file("key.pem") };
    let local = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST), address];
    let addresses: Vec<IpAddr> = local.into_iter().collect::<BTreeSet<_>>().into_iter().collect();
    let of = addresses.iter().map(IpAddr::to_string).chain(names.iter().cloned());
    let of = of.collect::<Vec<_>>().join("\n");
    let is_there = std::fs::read_to_string(file("names")).is_ok_and(|known| known == of);
    if is_there && [&files.certificate, &files.key, &file(AUTHORITY)].iter().all(|path| path.exists()) {
        return Ok(files);
    }
    let made = make(names, &addresses).map_err(|why| Failure::new("cannot make a certificate").why(why))?;
    // Last of all what says that the others are there.
    write_private(&files.key, &made.key)?;
    write_private(&files.certificate, &made.chain)?;
    write_private(&file(AUTHORITY), &made.authority)?;
    write_private(&file("names"), &of)?;
    Ok(files)
}
