//! How a connection is opened: by name or number, with TLS or without, and never to an address that may not be asked.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};

use http::Uri;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Duration, Instant, timeout_at};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::guard::Private;
use super::names::Names;
use super::trouble::{Trouble, TroubleKind};

/// Whom a connection leads to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Site {
    pub(crate) secure: bool,
    /// A name in lower case or an address, that of IPv6 without brackets.
    pub(crate) host: String,
    pub(crate) port: u16,
}

impl Site {
    /// The site of an absolute address that somebody who is trusted wrote.
    pub(crate) fn of(uri: &Uri) -> Result<Self, Trouble> {
        let wrong = |said: &str| Trouble::new(TroubleKind::Address, said);
        let host = uri.host().ok_or_else(|| wrong("the address has no host"))?;
        let secure = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(wrong("the address is neither http nor https")),
        };
        let port = uri.port_u16().unwrap_or(if secure { 443 } else { 80 });
        // An IPv6 address stands in brackets in a URL, and without them everywhere else.
        let host = host.trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
        Ok(Site { secure, host, port })
    }

    /// What the `Host` field says: the port only when it is not the scheme's own, as signatures have it.
    pub(crate) fn host_field(&self) -> String {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        match (self.secure, self.port) {
            (true, 443) | (false, 80) => host,
            _ => format!("{host}:{}", self.port),
        }
    }
}

impl std::fmt::Display for Site {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let scheme = if self.secure { "https" } else { "http" };
        write!(f, "{scheme}://{}", self.host_field())
    }
}

/// Opens connections.
pub(crate) struct Transport {
    pub(crate) tls: Tls,
    pub(crate) names: Arc<Names>,
    /// Which addresses may be asked; `None` for whoever the configuration names, wherever that is.
    pub(crate) guard: Option<Private>,
    /// Within which time a connection must be open, all steps included.
    pub(crate) connect: Duration,
}

impl Transport {
    /// Opens a connection to exactly one of the addresses that the name had when it was asked for, and that was judged.
    pub(crate) async fn connect(&self, site: &Site) -> Result<Stream, Trouble> {
        let deadline = Instant::now() + self.connect;
        let late = |_| Trouble::late(&format!("the connection to {site}"));
        let addresses = match site.host.parse::<IpAddr>() {
            Ok(address) => vec![address],
            Err(_) => timeout_at(deadline, self.names.find(&site.host)).await.map_err(late)??,
        };
        let addresses = self.judged(site, addresses)?;
        let stream = reach(site, &addresses, deadline).await?;
        if !site.secure {
            return Ok(Stream::Plain(stream));
        }
        let failed = |e: &dyn std::error::Error| {
            Trouble::caused(TroubleKind::Connect, &format!("no TLS with {site}"), e)
        };
        let connector = self.tls.connector().map_err(|said| Trouble::new(TroubleKind::Connect, said))?;
        let name = ServerName::try_from(site.host.clone()).map_err(|e| failed(&e))?;
        let stream = timeout_at(deadline, connector.connect(name, stream)).await.map_err(late)?;
        Ok(Stream::Secure(Box::new(stream.map_err(|e| failed(&e))?)))
    }

    /// The addresses that may be asked; why not, when there is none.
    fn judged(&self, site: &Site, addresses: Vec<IpAddr>) -> Result<Vec<IpAddr>, Trouble> {
        let Some(guard) = &self.guard else { return Ok(addresses) };
        let mut why = None;
        let may = |address: &IpAddr| match guard.judge(*address) {
            Ok(()) => true,
            Err(trouble) => {
                why.get_or_insert(trouble);
                false
            }
        };
        let addresses: Vec<IpAddr> = addresses.into_iter().filter(may).collect();
        match why {
            Some(trouble) if addresses.is_empty() => {
                Err(Trouble::new(TroubleKind::Address, format!("{site}: {trouble}")))
            }
            _ => Ok(addresses),
        }
    }
}

/// Tries one address after the other, each within its part of the time that is left.
async fn reach(site: &Site, addresses: &[IpAddr], deadline: Instant) -> Result<TcpStream, Trouble> {
    let mut last = Trouble::late(&format!("the connection to {site}"));
    for (at, address) in addresses.iter().enumerate() {
        let left = deadline.saturating_duration_since(Instant::now());
        let share = left / u32::try_from(addresses.len() - at).unwrap_or(u32::MAX);
        let connecting = TcpStream::connect(SocketAddr::new(*address, site.port));
        match tokio::time::timeout(share, connecting).await {
            Ok(Ok(stream)) => {
                let set = stream.set_nodelay(true);
                set.map_err(|e| Trouble::caused(TroubleKind::Connect, &site.to_string(), &e))?;
                return Ok(stream);
            }
            Ok(Err(e)) => {
                last = Trouble::caused(TroubleKind::Connect, &format!("{site} cannot be reached"), &e);
            }
            Err(_) => last = Trouble::late(&format!("the connection to {site}")),
        }
    }
    Err(last)
}

/// Whom we trust when they say who they are. A clone is the same list, which is read when the first connection needs it.
#[derive(Clone, Default)]
pub(crate) struct Tls(Arc<OnceLock<Result<TlsConnector, String>>>);

impl Tls {
    /// Trusts the owners of these certificates alone.
    #[cfg(test)]
    pub(crate) fn trusting(roots: RootCertStore) -> Self {
        Tls(Arc::new(OnceLock::from(connector(roots))))
    }

    fn connector(&self) -> Result<&TlsConnector, String> {
        self.0.get_or_init(|| connector(roots())).as_ref().map_err(String::clone)
    }
}

/// Those whom the system trusts (`SSL_CERT_FILE` names others); in an image without a list of its own, those whom browsers
/// trust.
fn roots() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    for e in &found.errors {
        tracing::warn!(error = %e, "a list of trusted certificates cannot be read");
    }
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    roots
}

fn connector(roots: RootCertStore) -> Result<TlsConnector, String> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| e.to_string())?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

/// A connection's bytes.
pub(crate) enum Stream {
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
