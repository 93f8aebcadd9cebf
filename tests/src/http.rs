//! HTTP/1.1 by hand: every byte of a request is the test's, every byte of an answer is kept.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use crate::wait::wait_until;

/// No test waits longer for a byte.
pub const ANSWER_WITHIN: Duration = Duration::from_secs(30);

/// Names and values of fields, as a request gives them.
pub type Fields<'a> = &'a [(&'a str, &'a str)];

/// One answer, whole.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// Names in lower case, values as sent, in order.
    pub headers: Vec<(String, String)>,
    /// The body without its framing.
    pub body: Vec<u8>,
    /// Whether the body ended where the framing said; `false` when the connection broke before.
    pub whole: bool,
}

impl Answer {
    /// The first value of a field, or an empty text.
    pub fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(have, _)| have.eq_ignore_ascii_case(name)).map_or("", |(_, value)| value)
    }

    /// Whether the field is there.
    pub fn has(&self, name: &str) -> bool {
        self.headers.iter().any(|(have, _)| have.eq_ignore_ascii_case(name))
    }

    /// The body as text; bytes that are none are replaced.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON; `Null` when it is none.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// What an answer in JSON calls its error; empty when there is none.
    pub fn code(&self) -> String {
        self.json()["error"]["code"].as_str().unwrap_or_default().to_owned()
    }

    /// Whether it is whole and fresh out of the cache.
    pub fn is_hit(&self) -> bool {
        self.header("cache-status") == "millpond; hit"
    }

    /// Waits for as long as a refusal asks for, or a second. Whether it said for how long.
    pub fn come_back(&self) -> bool {
        let seconds = self.header("retry-after").parse().ok();
        wait_until(Instant::now() + Duration::from_secs(seconds.unwrap_or(1)), || false);
        seconds.is_some()
    }

    /// Status, fields and the body's length, for messages.
    pub fn head(&self) -> String {
        format!("{} {:?} and {} bytes", self.status, self.headers, self.body.len())
    }

    fn length(&self) -> Option<u64> {
        self.header("content-length").parse().ok()
    }
}

/// One connection, kept open between requests.
#[derive(Debug)]
pub struct Connection {
    stream: BufReader<TcpStream>,
}

impl Connection {
    /// Connects from any address.
    ///
    /// # Errors
    /// What the system says.
    pub fn open(to: SocketAddr) -> io::Result<Self> {
        Self::over(TcpStream::connect_timeout(&to, Duration::from_secs(5))?)
    }

    /// Connects from this loopback address, so that one machine can be many clients.
    ///
    /// # Errors
    /// What the system says.
    pub fn open_from(from: IpAddr, to: SocketAddr) -> io::Result<Self> {
        Self::over(socket(Some(from), to, None)?)
    }

    /// Uses a socket that is already connected.
    ///
    /// # Errors
    /// What the system says.
    pub fn over(stream: TcpStream) -> io::Result<Self> {
        stream.set_read_timeout(Some(ANSWER_WITHIN))?;
        stream.set_write_timeout(Some(ANSWER_WITHIN))?;
        stream.set_nodelay(true)?;
        Ok(Connection { stream: BufReader::with_capacity(64 * 1024, stream) })
    }

    /// The socket, for tests that write or read by themselves.
    pub fn socket(&mut self) -> &mut TcpStream {
        self.stream.get_mut()
    }

    /// Lets the kernel take a lot at once from now on, after a start with a small receive buffer.
    pub fn widen(&mut self) {
        // A buffer that stays small costs time, never correctness.
        let _ = socket2::SockRef::from(self.stream.get_ref()).set_recv_buffer_size(4 << 20);
    }

    /// Sends bytes as they are.
    ///
    /// # Errors
    /// What the system says.
    pub fn send_raw(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.get_mut().write_all(bytes)
    }

    /// Sends one request; `Host` is added, and `Content-Length` when there is a body.
    ///
    /// # Errors
    /// What the system says.
    pub fn send(&mut self, method: &str, target: &str, fields: Fields<'_>, body: &[u8]) -> io::Result<()> {
        let mut head = request_head(method, target, fields);
        if !body.is_empty() {
            head.truncate(head.len() - 2);
            head += &format!("Content-Length: {}\r\n\r\n", body.len());
        }
        self.send_raw(head.as_bytes())?;
        self.send_raw(body)
    }

    /// Reads one answer; to a HEAD request, one without a body.
    ///
    /// # Errors
    /// What the system says; `InvalidData` when what comes is no HTTP; a body that breaks off is no error here.
    pub fn read(&mut self, to_head: bool) -> io::Result<Answer> {
        let mut answer = self.read_head()?;
        self.read_rest(&mut answer, to_head)?;
        Ok(answer)
    }

    /// Reads the body of an answer whose head was read.
    ///
    /// # Errors
    /// As [`Connection::read`].
    pub fn read_rest(&mut self, answer: &mut Answer, to_head: bool) -> io::Result<()> {
        if to_head || matches!(answer.status, 100..=199 | 204 | 304) {
            answer.whole = true;
        } else if answer.header("transfer-encoding").eq_ignore_ascii_case("chunked") {
            answer.whole = self.read_chunks(&mut answer.body).is_ok();
        } else if let Some(length) = answer.length() {
            let read = self.stream.by_ref().take(length).read_to_end(&mut answer.body);
            answer.whole = read.is_ok() && answer.body.len() as u64 == length;
        } else {
            answer.whole = self.stream.read_to_end(&mut answer.body).is_ok();
        }
        Ok(())
    }

    /// Reads status and fields of an answer and leaves its body where it is.
    ///
    /// # Errors
    /// As [`Connection::read`].
    pub fn read_head(&mut self) -> io::Result<Answer> {
        let mut answer = Answer { status: status_of(&self.line()?)?, ..Answer::default() };
        loop {
            let line = self.line()?;
            if line.is_empty() {
                return Ok(answer);
            }
            let (name, value) = line.split_once(':').ok_or_else(|| no_http(&line))?;
            answer.headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
    }

    /// Reads up to so many bytes of a body.
    ///
    /// # Errors
    /// What the system says.
    pub fn read_some(&mut self, bytes_max: usize) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; bytes_max];
        let count = self.stream.read(&mut bytes)?;
        bytes.truncate(count);
        Ok(bytes)
    }

    fn line(&mut self) -> io::Result<String> {
        let mut line = Vec::new();
        self.stream.by_ref().take(64 * 1024).read_until(b'\n', &mut line)?;
        if line.last() != Some(&b'\n') {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the connection ended in a head"));
        }
        Ok(String::from_utf8_lossy(&line).trim_end_matches(['\r', '\n']).to_owned())
    }

    fn read_chunks(&mut self, body: &mut Vec<u8>) -> io::Result<()> {
        loop {
            let line = self.line()?;
            let size = line.split(';').next().unwrap_or_default().trim();
            let size = u64::from_str_radix(size, 16).map_err(|_| no_http(&line))?;
            let read = self.stream.by_ref().take(size).read_to_end(body)?;
            if read as u64 != size || !self.line()?.is_empty() {
                return Err(no_http("a chunk broke off"));
            }
            if size == 0 {
                return Ok(());
            }
        }
    }
}

/// The head of a request, ready to send.
pub fn request_head(method: &str, target: &str, fields: Fields<'_>) -> String {
    let mut head = format!("{method} {target} HTTP/1.1\r\n");
    if !fields.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
        head += "Host: millpond.test\r\n";
    }
    for (name, value) in fields {
        head += &format!("{name}: {value}\r\n");
    }
    head + "\r\n"
}

/// One request on a connection of its own.
///
/// # Panics
/// When there is no answer.
pub fn send(to: SocketAddr, method: &str, target: &str, fields: Fields<'_>, body: &[u8]) -> Answer {
    let mut connection = Connection::open(to).expect("the server accepts a connection");
    let sent = connection.send(method, target, fields, body);
    let answer = connection.read(method == "HEAD");
    answer.unwrap_or_else(|error| panic!("no answer to {method} {target}: {error} (sending: {sent:?})"))
}

/// GET on a connection of its own.
pub fn get(to: SocketAddr, target: &str, fields: Fields<'_>) -> Answer {
    send(to, "GET", target, fields, b"")
}

/// A connected socket: from an address, and with a receive buffer of about so many bytes, if given.
///
/// # Errors
/// What the system says.
pub fn socket(from: Option<IpAddr>, to: SocketAddr, receive_bytes: Option<usize>) -> io::Result<TcpStream> {
    let socket = socket2::Socket::new(socket2::Domain::for_address(to), socket2::Type::STREAM, None)?;
    if let Some(bytes) = receive_bytes {
        socket.set_recv_buffer_size(bytes)?;
    }
    if let Some(from) = from {
        socket.bind(&SocketAddr::new(from, 0).into())?;
    }
    socket.connect_timeout(&to.into(), Duration::from_secs(5))?;
    Ok(socket.into())
}

/// Escapes a text for a query or a path segment.
pub fn escaped(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    text.bytes()
        .map(|byte| if plain(byte) { (byte as char).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

fn status_of(line: &str) -> io::Result<u16> {
    let status =
        line.strip_prefix("HTTP/1.").and_then(|rest| rest.get(2..5)).and_then(|code| code.parse().ok());
    status.ok_or_else(|| no_http(line))
}

fn no_http(line: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("this is no HTTP: {line:?}"))
}
