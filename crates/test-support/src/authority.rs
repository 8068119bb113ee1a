//! A certificate authority of a test's own.

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};

/// Signs certificates for servers on 127.0.0.1. Nobody trusts it who is not told to.
#[derive(Debug)]
pub struct TestAuthority {
    issuer: Issuer<'static, KeyPair>,
    certificate: String,
}

/// A certificate and its private key, as PEM.
#[derive(Debug, Clone)]
pub struct TestCertificate {
    /// The certificate.
    pub certificate: String,
    /// The key.
    pub key: String,
}

impl TestAuthority {
    /// A new one, unlike any other.
    ///
    /// # Panics
    /// When no key can be made.
    #[expect(clippy::new_without_default, reason = "each is another one")]
    pub fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let certificate = params.self_signed(&key).expect("a certificate").pem();
        Self { issuer: Issuer::new(params, key), certificate }
    }

    /// Its own certificate, as PEM: what a client must trust.
    pub fn certificate(&self) -> &str {
        &self.certificate
    }

    /// A certificate for a server on 127.0.0.1.
    ///
    /// # Panics
    /// When no key can be made.
    pub fn server(&self) -> TestCertificate {
        self.issue("127.0.0.1")
    }

    /// A certificate for a server with this name or address.
    ///
    /// # Panics
    /// When it is neither.
    pub fn issue(&self, name: &str) -> TestCertificate {
        let params = CertificateParams::new([name.to_owned()]).expect("a name or an address");
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate").pem();
        TestCertificate { certificate, key: key.serialize_pem() }
    }
}
