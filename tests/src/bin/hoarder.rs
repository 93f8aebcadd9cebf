//! A server that is plainly wrong, for the control of the memory proof: it reads each file whole for each client and
//! holds it until the client has taken it. `hoarder PORT FOLDER` serves the files of one folder.
//!
//! **Promise.** An unbounded buffer for every client. A proof of memory that passes this server proves nothing.
//!
//! **Flow.** A thread for each connection: request line, whole file, answer.
//!
//! **Not here.** Anything that a server should have, but for a bound on what waits in its sockets: it is wrong in one way,
//! so that a report of anything else is a fault of the proof.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};

use socket2::SockRef;

/// What may wait in a socket, in bytes; the kernel allows twice as much.
const SEND_BUFFER_BYTES: usize = 16 * 1024;

fn main() -> std::io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [port, folder] = arguments.as_slice() else { return Err(std::io::ErrorKind::InvalidInput.into()) };
    let listener = TcpListener::bind(format!("127.0.0.1:{port}"))?;
    let folder = PathBuf::from(folder);
    for socket in listener.incoming().flatten() {
        let folder = folder.clone();
        // A client that leaves ends its thread with an error that nobody needs.
        std::thread::spawn(move || answer(socket, &folder));
    }
    Ok(())
}

fn answer(mut socket: TcpStream, folder: &Path) -> std::io::Result<()> {
    SockRef::from(&socket).set_send_buffer_size(SEND_BUFFER_BYTES)?;
    let mut line = String::new();
    let mut request = BufReader::new(socket.try_clone()?);
    request.read_line(&mut line)?;
    let mut rest = String::new();
    while request.read_line(&mut rest)? > 2 {
        rest.clear();
    }
    let name = line.split(' ').nth(1).unwrap_or("/").trim_start_matches('/').replace("%20", " ");
    #[expect(clippy::disallowed_methods, reason = "this is the fault that the control is about")]
    let whole = std::fs::read(folder.join(name))?;
    write!(socket, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", whole.len())?;
    socket.write_all(&whole)
}
