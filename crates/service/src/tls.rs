//! TLS for a listener: rustls on ring, HTTP/1.1 only, and a certificate that can be renewed while it runs.

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use rustls::ServerConfig;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use secrecy::zeroize::Zeroizing;
use tokio::net::TcpStream;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{MissedTickBehavior, interval};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::config::read_bounded;

/// How often the files are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(60);

/// Where certificate and key are, as PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate, then the authorities between it and the root.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// Which file cannot be used, and why. Holds nothing of a key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// The file of the certificate.
    #[error("{}: {problem}", path.display())]
    Certificate {
        /// The file.
        path: PathBuf,
        /// Why not.
        problem: String,
    },
    /// The file of the key.
    #[error("{}: {problem}", path.display())]
    Key {
        /// The file.
        path: PathBuf,
        /// Why not.
        problem: String,
    },
}

/// What a listener needs to speak TLS. Clones share the certificate.
#[derive(Clone)]
pub struct Tls {
    acceptor: TlsAcceptor,
    shown: Arc<Shown>,
    files: TlsFiles,
}

/// The certificate that new connections are shown.
#[derive(Debug)]
struct Shown(RwLock<Arc<CertifiedKey>>);

impl ResolvesServerCert for Shown {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current())
    }
}

impl Shown {
    fn current(&self) -> Arc<CertifiedKey> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Tls {
    /// Reads certificate and key, and sees that they belong together.
    ///
    /// # Errors
    /// [`TlsError`] names the file and what is wrong with it.
    pub fn load(files: TlsFiles) -> Result<Self, TlsError> {
        let provider = Arc::new(ring::default_provider());
        let shown = Arc::new(Shown(RwLock::new(Arc::new(certified(&files, &provider)?))));
        let unusable = |error: rustls::Error| TlsError::Certificate {
            path: files.certificate.clone(),
            problem: error.to_string(),
        };
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(unusable)?
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(&shown) as Arc<dyn ResolvesServerCert>);
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self { acceptor: TlsAcceptor::from(Arc::new(config)), shown, files })
    }

    pub(crate) async fn accept(&self, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        self.acceptor.accept(stream).await
    }

    /// Takes up a renewed certificate within a minute, and at once after SIGHUP, until the token is cancelled. One
    /// that cannot be used is logged, and the one before stays.
    pub async fn follow(self, shutdown: CancellationToken) {
        let mut hangup = match signal(SignalKind::hangup()) {
            Ok(hangup) => hangup,
            Err(error) => return warn!(%error, "a renewed certificate needs a restart"),
        };
        let mut ticks = interval(LOOK_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = shutdown.cancelled() => return,
                _ = ticks.tick() => {}
                _ = hangup.recv() => {}
            }
            self.renew();
        }
    }

    fn renew(&self) {
        match certified(&self.files, &ring::default_provider()) {
            Ok(renewed) if renewed.cert == self.shown.current().cert => {}
            Ok(renewed) => {
                *self.shown.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(renewed);
                info!("a renewed certificate is shown from now on");
            }
            Err(error) => warn!(%error, "the renewed certificate cannot be used; the one before stays"),
        }
    }
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tls").field("files", &self.files).finish_non_exhaustive()
    }
}

fn certified(files: &TlsFiles, provider: &CryptoProvider) -> Result<CertifiedKey, TlsError> {
    let certificate = |problem: &str| TlsError::Certificate {
        path: files.certificate.clone(),
        problem: problem.to_owned(),
    };
    let key = |problem: &str| TlsError::Key { path: files.key.clone(), problem: problem.to_owned() };
    let text =
        read_bounded(&files.certificate).map_err(|error| certificate(&format!("cannot be read: {error}")))?;
    let chain = CertificateDer::pem_slice_iter(text.as_bytes())
        .collect::<Result<Vec<_>, _>>()
        .map_err(|_| certificate("is not PEM"))?;
    if chain.is_empty() {
        return Err(certificate("holds no certificate in PEM"));
    }
    let text = read_bounded(&files.key)
        .map(Zeroizing::new)
        .map_err(|error| key(&format!("cannot be read: {error}")))?;
    // The parser's own words could quote the file.
    let private =
        PrivateKeyDer::from_pem_slice(text.as_bytes()).map_err(|_| key("holds no private key in PEM"))?;
    CertifiedKey::from_der(chain, private, provider).map_err(|error| match error {
        rustls::Error::InconsistentKeys(_) => key("is not the key of the certificate"),
        rustls::Error::InvalidCertificate(_) => certificate("holds no certificate that can be read"),
        _ => key("is no key that can be used"),
    })
}

#[cfg(test)]
mod tests {
    use test_support::{TestAuthority, TestCertificate};

    use super::*;

    fn write(folder: &tempfile::TempDir, files: &TestCertificate) -> TlsFiles {
        let place = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            path
        };
        TlsFiles { certificate: place("a.pem", &files.certificate), key: place("a.key", &files.key) }
    }

    #[tokio::test(start_paused = true)]
    async fn renewed_files_are_taken_up_within_a_minute() {
        let (folder, authority) = (tempfile::tempdir().unwrap(), TestAuthority::new());
        let tls = Tls::load(write(&folder, &authority.server())).unwrap();
        let old = tls.shown.current();
        let following = tokio::spawn(tls.clone().follow(CancellationToken::new()));
        tokio::time::sleep(LOOK_EVERY / 2).await;
        let renewed = authority.server();
        write(&folder, &renewed);
        tokio::time::sleep(LOOK_EVERY).await;
        assert_ne!(tls.shown.current().cert, old.cert);
        // Half a renewal changes nothing.
        write(&folder, &TestCertificate { key: authority.server().key, ..authority.server() });
        let now = tls.shown.current();
        tokio::time::sleep(LOOK_EVERY).await;
        assert_eq!(tls.shown.current().cert, now.cert);
        following.abort();
    }

    #[test]
    fn nothing_that_prints_holds_the_key() {
        let (folder, files) = (tempfile::tempdir().unwrap(), TestAuthority::new().server());
        let mut paths = write(&folder, &files);
        let printed = format!("{:?}", Tls::load(paths.clone()).unwrap());
        paths.certificate.clone_from(&paths.key);
        let error = Tls::load(paths).unwrap_err();
        let printed = printed + &format!("{error} {error:?}");
        assert!(files.key.lines().all(|line| !printed.contains(line)), "{printed}");
    }
}
