//! TLS for TCP listeners, from two PEM files.

use std::path::Path;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

use crate::error::{Error, Result};

/// Reads the certificate chain and its key.
///
/// # Errors
/// A usage error that names the key of the configuration whose file is wrong.
pub(crate) fn acceptor(cert: &Path, key: &Path) -> Result<TlsAcceptor> {
    let wrong = |name: &str, path: &Path, why: String| {
        Error::usage(format!("{name}: {} cannot be used: {why}", path.display()))
            .hint("both files must be PEM, readable by the user that runs the server, and belong together")
    };
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(cert)
        .and_then(Iterator::collect)
        .map_err(|e| wrong("server.tls_cert", cert, e.to_string()))?;
    if chain.is_empty() {
        return Err(wrong("server.tls_cert", cert, "there is no certificate in it".to_owned()));
    }
    let secret =
        PrivateKeyDer::from_pem_file(key).map_err(|e| wrong("server.tls_key", key, e.to_string()))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| Error::failed(format!("TLS cannot be set up: {e}")))?
        .with_no_client_auth()
        .with_single_cert(chain, secret)
        .map_err(|e| wrong("server.tls_key", key, e.to_string()))?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}
