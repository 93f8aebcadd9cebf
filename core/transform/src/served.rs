//! A source given to one child by ranges, over a socket in that child's own network.
//!
//! It speaks as much HTTP as ffmpeg does: GET and HEAD, one range, one connection after another kept open when that is
//! asked. Whatever the address says, the answer is the one source. When the source cannot be read, the connection is cut,
//! so that a part is never taken for the whole, and the child is ended by whoever waits for [`serve`].

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use budget::limits::{SERVED_CONNECTIONS_MAX, SERVED_HEAD_BYTES_MAX, SERVED_READ_BYTES, SERVED_SEND_BYTES};
use store::Source;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// Answers until the source fails, and returns how. Dropping it cuts all connections.
pub(crate) async fn serve(listener: TcpListener, source: Source, served_bytes: Arc<AtomicU64>) -> io::Error {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept(), if connections.len() < SERVED_CONNECTIONS_MAX => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(converse(stream, source.clone(), Arc::clone(&served_bytes)));
                }
                Err(e) => return e,
            },
            Some(done) = connections.join_next() => match done {
                Ok(Ok(())) => {}
                Ok(Err(e)) => return e,
                Err(e) => return io::Error::other(e),
            },
        }
    }
}

/// One connection. The error is the source's: a child may hang up when it likes.
async fn converse(mut stream: TcpStream, source: Source, served_bytes: Arc<AtomicU64>) -> io::Result<()> {
    // What a child asks for is the rest of the file, and then it goes somewhere else: what waits in a queue by then was
    // read in vain.
    let _ = rustix::net::sockopt::set_socket_send_buffer_size(&stream, SERVED_SEND_BYTES);
    let mut head = Vec::with_capacity(1_024);
    loop {
        let Some(end) = read_head(&mut stream, &mut head).await else { return Ok(()) };
        let asked = Asked::read(head.get(..end).unwrap_or_default(), source.len());
        head.drain(..end);
        let Some(asked) = asked else {
            let _ = stream.write_all(BAD.as_bytes()).await;
            return Ok(());
        };
        if stream.write_all(asked.head(source.len()).as_bytes()).await.is_err() {
            return Ok(());
        }
        if !asked.is_head && !give(&mut stream, &source, asked.body(), &served_bytes).await? {
            return Ok(());
        }
        if asked.is_last {
            return Ok(());
        }
    }
}

/// Reads until a head is whole: where it ends; none when the child hung up, or says too much.
async fn read_head(stream: &mut TcpStream, head: &mut Vec<u8>) -> Option<usize> {
    loop {
        if let Some(at) = head.windows(4).position(|four| four == b"\r\n\r\n") {
            return Some(at + 4);
        }
        if head.len() >= SERVED_HEAD_BYTES_MAX {
            return None;
        }
        if stream.read_buf(head).await.ok()? == 0 {
            return None;
        }
    }
}

/// Gives these bytes; whether all of them were taken.
async fn give(
    stream: &mut TcpStream,
    source: &Source,
    body: std::ops::Range<u64>,
    served_bytes: &AtomicU64,
) -> io::Result<bool> {
    let mut at = body.start;
    let mut buffer = vec![0; SERVED_READ_BYTES];
    while at < body.end {
        let wanted = usize::try_from(body.end - at).unwrap_or(usize::MAX).min(SERVED_READ_BYTES);
        let resident = source.read_resident(buffer.get_mut(..wanted).unwrap_or_default(), at);
        let count = match resident {
            Ok(count) => count,
            Err(_) => {
                let (read, back) = read(source, buffer, at, wanted).await?;
                buffer = back;
                read
            }
        };
        if count == 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the source is shorter than it said"));
        }
        if stream.write_all(buffer.get(..count).unwrap_or_default()).await.is_err() {
            return Ok(false);
        }
        at += count as u64;
        served_bytes.fetch_add(count as u64, Ordering::Relaxed);
    }
    Ok(true)
}

/// Reads on a thread that may wait, and gives the buffer back.
async fn read(source: &Source, mut buffer: Vec<u8>, at: u64, wanted: usize) -> io::Result<(usize, Vec<u8>)> {
    let reader = source.clone();
    let work = move || {
        let count = reader.read_at(buffer.get_mut(..wanted).unwrap_or_default(), at)?;
        Ok((count, buffer))
    };
    source.run(at, wanted as u64, work).await.map_err(io::Error::other)?
}

const BAD: &str = "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

/// What a request asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Asked {
    is_head: bool,
    /// Whether the connection ends behind the answer.
    is_last: bool,
    range: Wanted,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Wanted {
    Whole(u64),
    Part(std::ops::Range<u64>),
    /// What does not exist.
    Nothing,
}

impl Asked {
    /// Reads a whole head for a source of this length; none when it makes no sense.
    fn read(head: &[u8], length: u64) -> Option<Asked> {
        let head = std::str::from_utf8(head).ok()?;
        let mut lines = head.split("\r\n");
        let mut request = lines.next()?.split(' ');
        let is_head = match request.next()? {
            "GET" => false,
            "HEAD" => true,
            _ => return None,
        };
        let version = request.nth(1)?;
        if !version.starts_with("HTTP/1.") {
            return None;
        }
        let mut asked = Asked { is_head, is_last: version == "HTTP/1.0", range: Wanted::Whole(length) };
        for (name, value) in lines.filter_map(|line| line.split_once(':')) {
            let value = value.trim();
            if name.eq_ignore_ascii_case("range") {
                asked.range = range(value, length);
            } else if name.eq_ignore_ascii_case("connection") {
                asked.is_last = value.eq_ignore_ascii_case("close");
            }
        }
        Some(asked)
    }

    fn body(&self) -> std::ops::Range<u64> {
        match &self.range {
            Wanted::Whole(length) => 0..*length,
            Wanted::Part(part) => part.clone(),
            Wanted::Nothing => 0..0,
        }
    }

    fn head(&self, length: u64) -> String {
        let status = match &self.range {
            Wanted::Whole(_) => "200 OK".to_owned(),
            Wanted::Part(part) => {
                let (start, last) = (part.start, part.end - 1);
                format!("206 Partial Content\r\nContent-Range: bytes {start}-{last}/{length}")
            }
            Wanted::Nothing => format!("416 Range Not Satisfiable\r\nContent-Range: bytes */{length}"),
        };
        let body = self.body();
        let (count, connection) = (body.end - body.start, if self.is_last { "close" } else { "keep-alive" });
        format!(
            "HTTP/1.1 {status}\r\nContent-Length: {count}\r\nContent-Type: application/octet-stream\r\n\
             Accept-Ranges: bytes\r\nConnection: {connection}\r\n\r\n"
        )
    }
}

/// One range (RFC 9110 section 14.2). What is no range, or more than one, is not heeded.
fn range(value: &str, length: u64) -> Wanted {
    let Some((first, last)) = value.strip_prefix("bytes=").and_then(|value| value.split_once('-')) else {
        return Wanted::Whole(length);
    };
    let part = match (first.parse::<u64>(), last.parse::<u64>()) {
        (Ok(first), Ok(last)) if first <= last => first..last.saturating_add(1).min(length),
        (Ok(first), Err(_)) if last.is_empty() => first..length,
        (Err(_), Ok(count)) if first.is_empty() => length.saturating_sub(count)..length,
        _ => return Wanted::Whole(length),
    };
    if part.start < part.end { Wanted::Part(part) } else { Wanted::Nothing }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_read_as_far_as_it_matters() {
        let check = |lines: &str, expected: Option<(&str, bool)>| {
            let head = format!("{}\r\n\r\n", lines.replace('|', "\r\n"));
            let asked = Asked::read(head.as_bytes(), 1_000);
            let found = asked.map(|asked| {
                let head = asked.head(1_000);
                let shown = head.split("\r\nContent-Type").next().unwrap_or_default();
                (shown.trim_start_matches("HTTP/1.1 ").replace("\r\n", "|"), asked.is_last)
            });
            assert_eq!(found, expected.map(|(text, last)| (text.to_owned(), last)), "{lines}");
        };
        let whole = "200 OK|Content-Length: 1000";
        check("GET / HTTP/1.1|Host: x", Some((whole, false)));
        check("HEAD /any HTTP/1.0|Host: x", Some((whole, true)));
        check("GET / HTTP/1.1|CONNECTION: Close", Some((whole, true)));
        let part = |from: u64, to: u64| {
            format!(
                "206 Partial Content|Content-Range: bytes {from}-{to}/1000|Content-Length: {}",
                to - from + 1
            )
        };
        for (value, from, to) in [
            ("bytes=0-", 0, 999),
            ("bytes=999-", 999, 999),
            ("bytes=10-19", 10, 19),
            ("bytes=990-18446744073709551615", 990, 999),
            ("bytes=-10", 990, 999),
            ("bytes=-2000", 0, 999),
        ] {
            check(&format!("GET / HTTP/1.1|range: {value}"), Some((&part(from, to), false)));
        }
        let nothing = "416 Range Not Satisfiable|Content-Range: bytes */1000|Content-Length: 0";
        for value in ["bytes=1000-", "bytes=1000-1001", "bytes=-0"] {
            check(&format!("GET / HTTP/1.1|Range: {value}"), Some((nothing, false)));
        }
        for value in ["bytes=5-4", "bytes=1-2,5-6", "items=1-2", "bytes=a-b", "bytes=-", "-"] {
            check(&format!("GET / HTTP/1.1|Range: {value}"), Some((whole, false)));
        }
        for bad in ["POST / HTTP/1.1", "GET /", "GET / HTTP/2", "", "GET"] {
            check(bad, None);
        }
    }
}
