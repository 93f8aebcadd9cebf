//! One kept-alive connection, one request after the other, everything read as fast as it comes.

use std::io::{Error, ErrorKind, Read, Result, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// Under strace the server is slow, but no answer takes this long.
const ANSWER_WITHIN: Duration = Duration::from_secs(60);
/// Set, so that the kernel does not size the buffer by how fast we happen to read; the system cuts it to what it allows.
const RECEIVE_BYTES: usize = 4 * 1024 * 1024;
const READ_BYTES: usize = 1024 * 1024;
const HEAD_BYTES_MAX: usize = 64 * 1024;

pub(super) struct Client {
    stream: TcpStream,
    buffer: Vec<u8>,
}

/// What came back: the status, how many bytes the body had, and the first of them.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body_bytes: u64,
    pub(super) start: Vec<u8>,
    /// From the request to the first byte of the answer, and to its last one.
    pub(super) first: Duration,
    pub(super) took: Duration,
}

impl Client {
    pub(super) fn connect(to: SocketAddr) -> Result<Client> {
        let stream = TcpStream::connect(to)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(ANSWER_WITHIN))?;
        stream.set_write_timeout(Some(ANSWER_WITHIN))?;
        rustix::net::sockopt::set_socket_recv_buffer_size(&stream, RECEIVE_BYTES)?;
        Ok(Client { stream, buffer: vec![0; READ_BYTES] })
    }

    /// Sends a GET with these further lines of the head, and reads the answer to its end.
    pub(super) fn get(&mut self, target: &str, fields: &str) -> Result<Answer> {
        let request = format!("GET {target} HTTP/1.1\r\nHost: bench\r\n{fields}\r\n");
        let began = Instant::now();
        self.stream.write_all(request.as_bytes())?;
        let (mut head, mut first) = (Vec::new(), None);
        let end = loop {
            let count = self.read()?;
            first.get_or_insert_with(|| began.elapsed());
            head.extend_from_slice(&self.buffer[..count]);
            if let Some(end) = head.windows(4).position(|four| four == b"\r\n\r\n") {
                break end + 4;
            }
            if head.len() > HEAD_BYTES_MAX {
                return Err(broken("the head has no end"));
            }
        };
        let start = head.split_off(end);
        let head = String::from_utf8_lossy(&head).to_ascii_lowercase();
        let status = head.get(9..12).and_then(|status| status.parse().ok());
        let status = status.ok_or_else(|| broken("this is no answer"))?;
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
        let body_bytes = match length {
            Some(length) => self.rest(start.len() as u64, length)?,
            None if head.contains("transfer-encoding: chunked") => self.chunked(&start)?,
            None => return Err(broken("the answer has no length")),
        };
        let took = began.elapsed();
        Ok(Answer { status, body_bytes, start, first: first.unwrap_or(took), took })
    }

    fn read(&mut self) -> Result<usize> {
        match self.stream.read(&mut self.buffer)? {
            0 => Err(ErrorKind::UnexpectedEof.into()),
            count => Ok(count),
        }
    }

    /// Reads up to a known length.
    fn rest(&mut self, mut have: u64, length: u64) -> Result<u64> {
        while have < length {
            have += self.read()? as u64;
        }
        if have > length { Err(broken("more bytes than the head said")) } else { Ok(have) }
    }

    /// Reads up to the last chunk. The texts that come so end in `}`, so that nothing of theirs looks like one.
    fn chunked(&mut self, start: &[u8]) -> Result<u64> {
        const LAST: &[u8] = b"\r\n0\r\n\r\n";
        let (mut have, mut tail) = (start.len() as u64, start.to_vec());
        while !tail.ends_with(LAST) {
            let count = self.read()?;
            have += count as u64;
            tail.extend_from_slice(&self.buffer[..count]);
            tail.drain(..tail.len().saturating_sub(LAST.len()));
        }
        Ok(have)
    }
}

fn broken(what: &str) -> Error {
    Error::new(ErrorKind::InvalidData, what)
}
