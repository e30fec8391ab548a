//! TLS towards visitors: a certificate that is exchanged while connections are open.
//!
//! # Invariants
//!
//! - A certificate that cannot be used never takes the place of one that can.
//! - TLS 1.2 and 1.3, by rustls with the provider given as a value; HTTP/2 is offered first (RFC 7301), HTTP/1.1 beside it.

use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::{Error as PemError, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::TlsAcceptor;

/// The site's certificate and key, and how visitors may connect. Clones share them.
#[derive(Clone, Debug)]
pub struct Tls(Arc<ArcSwap<ServerConfig>>);

/// Why there is no TLS.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// The certificates are not some.
    #[error(
        "expected certificates in PEM, the site's own first and those that vouch for it behind it, found {found}"
    )]
    Certificates {
        /// What was found.
        found: String,
    },
    /// The private key is not one.
    #[error("expected one private key in PEM (PKCS#8, PKCS#1 or SEC1, without a passphrase), found {found}")]
    Key {
        /// What was found.
        found: String,
    },
    /// The two do not go together, or the certificate is none.
    #[error(
        "expected a certificate that can be served with, and the private key that belongs to it, found others"
    )]
    Pair(#[source] rustls::Error),
    /// No certificate could be made.
    #[error("expected names that a certificate may hold, such as `localhost`")]
    SelfSigned(#[source] rcgen::Error),
}

impl Tls {
    /// Reads the certificates of a site, its own first, and its private key, both in PEM (RFC 7468).
    ///
    /// # Errors
    ///
    /// See [`TlsError`].
    pub fn from_pem(certificates: &[u8], key: &[u8]) -> Result<Self, TlsError> {
        let chain: Vec<_> = CertificateDer::pem_slice_iter(certificates)
            .collect::<Result<_, _>>()
            .map_err(|error| TlsError::Certificates { found: said(&error) })?;
        if chain.is_empty() {
            return Err(TlsError::Certificates { found: "none".to_owned() });
        }
        let key =
            PrivateKeyDer::from_pem_slice(key).map_err(|error| TlsError::Key { found: said(&error) })?;
        Self::new(chain, key)
    }

    /// Makes a certificate for trials that nobody vouches for: browsers warn of it.
    ///
    /// # Errors
    ///
    /// [`TlsError::SelfSigned`] when a name cannot stand in a certificate.
    pub fn self_signed(names: impl IntoIterator<Item = String>) -> Result<Self, TlsError> {
        let names: Vec<String> = names.into_iter().collect();
        let made = rcgen::generate_simple_self_signed(names).map_err(TlsError::SelfSigned)?;
        let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
        Self::new(vec![made.cert.der().clone()], key.into())
    }

    /// Takes over the certificate of another, for connections from now on.
    pub fn replace(&self, with: &Self) {
        self.0.store(with.0.load_full());
    }

    fn new(chain: Vec<CertificateDer<'static>>, key: PrivateKeyDer<'static>) -> Result<Self, TlsError> {
        let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(TlsError::Pair)?
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .map_err(TlsError::Pair)?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Self(Arc::new(ArcSwap::from_pointee(config))))
    }

    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(self.0.load_full())
    }
}

fn said(error: &PemError) -> String {
    match error {
        PemError::NoItemsFound => "none".to_owned(),
        PemError::MissingSectionEnd { .. } => "a section that does not end".to_owned(),
        PemError::Base64Decode(_) => "a section that is not base64".to_owned(),
        _ => "something else".to_owned(),
    }
}
