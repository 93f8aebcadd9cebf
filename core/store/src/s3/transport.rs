//! How a connection is opened: by name or number, with TLS or without.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;

use budget::limits::S3_CONNECT_MS;
use http::Uri;
use object_store::client::{HttpError, HttpErrorKind};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::connections::broken;

/// Whom a connection leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Origin {
    secure: bool,
    host: String,
    port: u16,
}

impl Origin {
    /// The origin of an absolute address.
    pub(super) fn of(uri: &Uri) -> Result<Self, HttpError> {
        let unknown = || broken(HttpErrorKind::Unknown, "the address of the bucket has no host");
        let host = uri.host().ok_or_else(unknown)?.to_owned();
        let secure = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => {
                return Err(broken(
                    HttpErrorKind::Unknown,
                    "the address of the bucket is neither http nor https",
                ));
            }
        };
        let port = uri.port_u16().unwrap_or(if secure { 443 } else { 80 });
        Ok(Origin { secure, host, port })
    }

    /// What the `Host` field says: the port only when it is not the scheme's own, as the signature has it.
    pub(super) fn host_field(&self) -> String {
        match (self.secure, self.port) {
            (true, 443) | (false, 80) => self.host.clone(),
            _ => format!("{}:{}", self.host, self.port),
        }
    }

    /// An IPv6 address stands in brackets in a URL, and without them everywhere else.
    fn bare_host(&self) -> &str {
        self.host.trim_start_matches('[').trim_end_matches(']')
    }
}

/// Opens connections.
pub(super) struct Transport {
    tls: OnceLock<Result<TlsConnector, String>>,
}

impl Transport {
    pub(super) fn new() -> Self {
        Transport { tls: OnceLock::new() }
    }

    /// Opens one, within [`S3_CONNECT_MS`].
    pub(super) async fn connect(&self, origin: &Origin) -> Result<Stream, HttpError> {
        let connecting = tokio::time::timeout(Duration::from_millis(S3_CONNECT_MS), self.connected(origin));
        match connecting.await {
            Ok(connected) => connected.map_err(|e| HttpError::new(HttpErrorKind::Connect, e)),
            Err(_) => Err(broken(HttpErrorKind::Connect, "no connection within the time for it")),
        }
    }

    async fn connected(&self, origin: &Origin) -> io::Result<Stream> {
        let stream = TcpStream::connect((origin.bare_host(), origin.port)).await?;
        stream.set_nodelay(true)?;
        if !origin.secure {
            return Ok(Stream::Plain(stream));
        }
        let connector = match self.tls.get_or_init(connector) {
            Ok(connector) => connector,
            Err(said) => return Err(io::Error::other(said.clone())),
        };
        let name = ServerName::try_from(origin.bare_host().to_owned()).map_err(io::Error::other)?;
        let stream = connector.connect(name, stream).await?;
        Ok(Stream::Secure(Box::new(stream)))
    }
}

/// TLS that trusts whom the system trusts (`SSL_CERT_FILE` names others); in an image without a list of its own, whom
/// browsers trust.
fn connector() -> Result<TlsConnector, String> {
    let mut roots = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    for e in &found.errors {
        tracing::warn!(error = %e, "a list of trusted certificates cannot be read");
    }
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| e.to_string())?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

/// A connection's bytes.
pub(super) enum Stream {
    Plain(TcpStream),
    Secure(Box<TlsStream<TcpStream>>),
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Plain(stream) => Pin::new(stream).poll_read(cx, buffer),
            Stream::Secure(stream) => Pin::new(stream).poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Stream::Plain(stream) => Pin::new(stream).poll_write(cx, bytes),
            Stream::Secure(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Stream::Secure(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Stream::Secure(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
