//! TLS of the server: a certificate for loopback, signed by an authority of its own.

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use std::sync::Arc;
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::ring,
        pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
    },
};

/// How the server encrypts.
#[derive(Clone)]
pub enum SinkEncryption {
    /// Not at all.
    None,
    /// Where a client asks for it by STARTTLS.
    StartTls(TestAuthority),
    /// From the first byte.
    Implicit(TestAuthority),
}

/// An authority that has signed a certificate for 127.0.0.1.
#[derive(Clone)]
pub struct TestAuthority {
    pem: String,
    pub(super) acceptor: TlsAcceptor,
}

impl TestAuthority {
    /// A new one, which nobody trusts yet.
    ///
    /// # Panics
    /// Never: what it makes certificates of is fixed.
    #[must_use]
    pub fn new() -> Self {
        let mut authority = CertificateParams::new(Vec::new()).expect("no names");
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().expect("a key"))
            .expect("an authority");
        let key = KeyPair::generate().expect("a key");
        let server = CertificateParams::new(vec!["127.0.0.1".to_owned()]).expect("a name");
        let certificate = server.signed_by(&key, &authority).expect("a certificate");
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("the usual versions")
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .expect("a key that fits its certificate");
        Self { pem: authority.pem(), acceptor: TlsAcceptor::from(Arc::new(config)) }
    }

    /// Its certificate in PEM, for those who shall trust it.
    #[must_use]
    pub fn pem(&self) -> &str {
        &self.pem
    }
}

impl Default for TestAuthority {
    fn default() -> Self {
        Self::new()
    }
}
