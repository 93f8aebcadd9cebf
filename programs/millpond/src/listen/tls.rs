//! TLS for TCP listeners, from two PEM files, and how files go out over it.

use std::io::{self, IoSlice};
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use rustls::ServerConfig;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use store::Source;
use stream::wire::{More, Outlet};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::socket::Socket;
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

/// A TLS connection.
pub(crate) struct Secure(TlsStream<Socket>);

impl Secure {
    /// The handshake.
    ///
    /// # Errors
    /// What the peer or the network did wrong.
    pub(crate) async fn accept(acceptor: &TlsAcceptor, socket: Socket) -> io::Result<Self> {
        acceptor.accept(socket).await.map(Secure)
    }

    /// Nothing is sent for a while.
    pub(crate) fn rest(&mut self) {
        self.0.get_mut().0.rest();
    }
}

impl AsyncRead for Secure {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, into)
    }
}

impl AsyncWrite for Secure {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.0.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

/// A TLS connection has nothing to hand a file to: bytes are read when the last ones are sent, and encrypted.
impl Outlet for Secure {
    fn poll_head(
        &mut self,
        context: &mut Context<'_>,
        head: &[IoSlice<'_>],
        _: More,
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write_vectored(context, head)
    }

    fn poll_file(&mut self, _: &mut Context<'_>, _: &Source, _: u64, _: usize) -> Poll<io::Result<usize>> {
        Poll::Ready(Err(io::ErrorKind::Unsupported.into()))
    }

    fn piece_bytes(&self) -> usize {
        self.0.get_ref().0.piece_bytes()
    }

    /// Ready when all that was encrypted is with the kernel: a slow client then holds what one call encrypted, and no
    /// bytes in clear.
    fn poll_room(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_copy(&mut self, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }
}
