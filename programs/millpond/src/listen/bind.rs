//! Opening the sockets to listen on.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use budget::{Budget, limits};
use stream::Peer;
use tokio::net::{TcpListener, TcpSocket, UnixListener};

use super::socket::{Remote, Socket};
use crate::error::{Error, Result};
use crate::settings::Address;

/// A socket that listens. A Unix socket's file is removed with it.
pub(crate) struct Bound {
    listener: Listener,
    address: Address,
}

enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener),
}

/// Opens a socket.
///
/// # Errors
/// One that names the address and says what to do: another port, more rights, an address of this machine.
pub(crate) fn bind(address: &Address) -> Result<Bound> {
    let bound = match address {
        Address::Tcp(address) => bind_tcp(*address),
        Address::Unix(path) => bind_unix(path),
    };
    bound.map_err(|e| explain(address, &e))
}

fn bind_tcp(address: SocketAddr) -> io::Result<Bound> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // A restart may take the port while connections of the last run are still fading; a running server is still refused.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    let listener = socket.listen(limits::LISTEN_BACKLOG)?;
    let address = Address::Tcp(listener.local_addr()?);
    Ok(Bound { listener: Listener::Tcp(listener), address })
}

/// A socket file that nobody listens to was left by a server that was killed, and is replaced.
fn bind_unix(path: &Path) -> io::Result<Bound> {
    if let Ok(found) = std::fs::symlink_metadata(path) {
        let abandoned = found.file_type().is_socket()
            && std::os::unix::net::UnixStream::connect(path)
                .is_err_and(|e| e.kind() == io::ErrorKind::ConnectionRefused);
        if !abandoned {
            return Err(io::ErrorKind::AddrInUse.into());
        }
        std::fs::remove_file(path)?;
    }
    let listener = UnixListener::bind(path)?;
    Ok(Bound { listener: Listener::Unix(listener), address: Address::Unix(path.to_owned()) })
}

fn explain(address: &Address, e: &io::Error) -> Error {
    let (what, hint) = match e.kind() {
        io::ErrorKind::AddrInUse => (
            format!("{address} is in use by another program"),
            "stop that program, or choose another address with --listen".to_owned(),
        ),
        io::ErrorKind::PermissionDenied => (
            format!("{address} may not be used: permission denied"),
            "ports below 1024 need a privilege; choose another with --listen, or put a proxy in front"
                .to_owned(),
        ),
        io::ErrorKind::AddrNotAvailable => (
            format!("{address} is no address of this machine"),
            "0.0.0.0:PORT listens on all addresses".to_owned(),
        ),
        io::ErrorKind::NotFound => (
            format!("{address} cannot be made: its folder is not there"),
            "create the folder, or choose another path with --listen".to_owned(),
        ),
        _ => (
            format!("{address} cannot be listened on: {e}"),
            "choose another address with --listen".to_owned(),
        ),
    };
    Error::failed(what).hint(hint)
}

impl Bound {
    /// The address that clients connect to; a port that was 0 is the one that was found.
    pub(crate) fn address(&self) -> &Address {
        &self.address
    }

    /// The next connection; what waits in its socket beyond the ordinary is taken from `budget`.
    pub(crate) async fn accept(&self, budget: &Budget) -> io::Result<(Socket, Remote, Arc<Peer>)> {
        let peer = Peer::new();
        match &self.listener {
            Listener::Tcp(listener) => {
                let (stream, from) = listener.accept().await?;
                let socket = Socket::tcp(stream, Arc::clone(&peer), budget.clone());
                Ok((socket, Remote::Tcp(from.ip().to_canonical()), peer))
            }
            Listener::Unix(listener) => {
                let (stream, _) = listener.accept().await?;
                let socket = Socket::unix(stream, Arc::clone(&peer));
                Ok((socket, Remote::Unix, peer))
            }
        }
    }

    fn socket_file(&self) -> Option<PathBuf> {
        match &self.address {
            Address::Unix(path) => Some(path.clone()),
            Address::Tcp(_) => None,
        }
    }
}

impl Drop for Bound {
    fn drop(&mut self) {
        if let Some(path) = self.socket_file() {
            // A file that is gone already is what is wanted.
            let _ = std::fs::remove_file(path);
        }
    }
}

impl fmt::Debug for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Bound({})", self.address)
    }
}
