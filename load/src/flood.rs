//! Clients that take whatever comes as fast as they can, and one that asks for something tiny all the time.
//!
//! Both are meant for measuring a server on the same machine: bodies are discarded inside the kernel (`MSG_TRUNC`), so
//! that no client copies a byte, and every answer is checked by its status and its length. A flood does not break off:
//! at the end it asks for nothing more and takes what is on its way, so that every byte the server has sent is counted.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::event::epoll;
use rustix::net::{RecvFlags, SendFlags};

mod answer;

use answer::{Head, Step};

/// The most that one look at a socket discards. Never touched, so it costs address space alone.
const DISCARD_BYTES: usize = 4 * 1024 * 1024;
/// Sockets that one look at the poller may name.
const EVENTS: usize = 256;
/// An answer on its way at the end of a flood may take this long to come.
const FINISH: Duration = Duration::from_secs(20);
/// A tiny answer may take this long.
const PROBE: Duration = Duration::from_secs(60);

/// What each client asks for, over and over.
#[derive(Clone, Copy, Debug)]
pub enum Ask {
    /// The whole file.
    Whole,
    /// This range of bytes, both ends included.
    Range(u64, u64),
    /// Another range each time: so many bytes somewhere in the first so many.
    Anywhere {
        /// The length of each range.
        bytes: u64,
        /// The length of the file.
        of: u64,
    },
}

/// A crowd without patience.
#[derive(Clone, Copy, Debug)]
pub struct Flood<'a> {
    /// The server.
    pub address: SocketAddr,
    /// Paths with their queries; the clients take them in turn.
    pub targets: &'a [String],
    /// What of them.
    pub ask: Ask,
    /// How many clients there are.
    pub connections: usize,
    /// For how long they ask; what is on its way then is still taken.
    pub lasts: Duration,
    /// Whether what is on its way at the end is taken, or left.
    pub finish: bool,
    /// Whether the clients look for answers without ever sleeping. A server on the same machine pays for waking who
    /// sleeps, and the quicker one, whose clients are always behind, would pay less: no network does that.
    pub awake: bool,
}

/// What a flood got.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tally {
    /// Bytes of bodies.
    pub bytes: u64,
    /// Answers that came whole.
    pub answers: u64,
    /// Clients that ended because of an answer that was not what they asked for, or of a lost connection.
    pub errors: u64,
    /// What the first of them said.
    pub first_error: Option<String>,
    /// From the first request to the last byte, in seconds.
    pub seconds: f64,
}

/// Lets a crowd loose and waits until it has had enough.
///
/// # Errors
/// When a connection cannot be opened at all. What goes wrong later is in the [`Tally`].
pub fn flood(plan: &Flood<'_>) -> io::Result<Tally> {
    let poller = epoll::create(epoll::CreateFlags::CLOEXEC)?;
    let mut clients = (0..plan.connections)
        .map(|number| Client::open(plan, number).map(Some))
        .collect::<io::Result<Vec<_>>>()?;
    let mut tally = Tally::default();
    let mut discard = vec![0; DISCARD_BYTES];
    let start = Instant::now();
    for (number, client) in clients.iter_mut().enumerate() {
        if let Some(client) = client {
            client.ask(plan)?;
            epoll::add(
                &poller,
                &client.socket,
                epoll::EventData::new_u64(number as u64),
                epoll::EventFlags::IN,
            )?;
        }
    }
    let end = start + plan.lasts;
    let last = end + if plan.finish { FINISH } else { Duration::ZERO };
    let mut events = Vec::with_capacity(EVENTS);
    let mut left = clients.len();
    while left > 0 && Instant::now() < last {
        events.clear();
        let wait = rustix::event::Timespec { tv_sec: 0, tv_nsec: if plan.awake { 0 } else { 20_000_000 } };
        match epoll::wait(&poller, rustix::buffer::spare_capacity(&mut events), Some(&wait)) {
            Err(rustix::io::Errno::INTR) => continue,
            outcome => outcome?,
        };
        let more = Instant::now() < end;
        for event in &events {
            let number = event.data.u64() as usize;
            let Some(place) = clients.get_mut(number) else { continue };
            let Some(client) = place else { continue };
            let goes_on = client.turn(plan, more, &mut discard, &mut tally).unwrap_or_else(|error| {
                tally.errors += 1;
                tally.first_error.get_or_insert_with(|| error.to_string());
                false
            });
            if !goes_on {
                *place = None;
                left -= 1;
            }
        }
    }
    if plan.finish && left > 0 {
        tally.errors += left as u64;
        tally.first_error.get_or_insert_with(|| format!("{left} answers did not come to their end"));
    }
    tally.seconds = start.elapsed().as_secs_f64();
    Ok(tally)
}

/// One connection, asking again and again.
struct Client {
    socket: TcpStream,
    target: usize,
    random: u64,
    expected: u64,
    head: Head,
}

impl Client {
    fn open(plan: &Flood<'_>, number: usize) -> io::Result<Client> {
        let socket = TcpStream::connect(plan.address)?;
        socket.set_nodelay(true)?;
        socket.set_nonblocking(true)?;
        let random = (number as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        Ok(Client { socket, target: number, random, expected: 0, head: Head::default() })
    }

    fn ask(&mut self, plan: &Flood<'_>) -> io::Result<()> {
        let target = plan.targets.get(self.target % plan.targets.len().max(1)).map_or("/", String::as_str);
        let range = match plan.ask {
            Ask::Whole => None,
            Ask::Range(first, last) => Some((first, last)),
            Ask::Anywhere { bytes, of } => {
                let first = self.next_random() % of.saturating_sub(bytes).max(1);
                Some((first, first + bytes - 1))
            }
        };
        self.expected = range.map_or(0, |(first, last)| last - first + 1);
        self.head = Head::default();
        let request = request(target, range);
        let sent = rustix::net::send(self.socket.as_fd(), request.as_bytes(), SendFlags::NOSIGNAL)?;
        if sent == request.len() {
            Ok(())
        } else {
            Err(io::Error::other("a request did not fit into a socket"))
        }
    }

    /// Takes what is there. False when this client is done.
    fn turn(
        &mut self,
        plan: &Flood<'_>,
        more: bool,
        discard: &mut [u8],
        tally: &mut Tally,
    ) -> io::Result<bool> {
        let step = match self.head.take(self.socket.as_fd(), discard) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(true),
            outcome => outcome?,
        };
        tally.bytes += step.body_bytes();
        let Step::Whole { length, .. } = step else { return Ok(true) };
        if self.expected != 0 && self.expected != length {
            return Err(io::Error::other(format!("{length} bytes came, {} were asked for", self.expected)));
        }
        tally.answers += 1;
        if more {
            self.ask(plan)?;
        }
        Ok(more)
    }

    /// A step of xorshift64.
    fn next_random(&mut self) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random
    }
}

/// A request as a player sends it, with this range of bytes if one is given.
pub fn request(target: &str, range: Option<(u64, u64)>) -> String {
    let range = range.map_or_else(String::new, |(first, last)| format!("Range: bytes={first}-{last}\r\n"));
    format!("GET {target} HTTP/1.1\r\nHost: bench\r\n{range}\r\n")
}

/// Asks for two bytes again and again, `every` so long after the last answer, until it is told to stop. Gives the time
/// of each answer, from the request to its last byte.
///
/// # Errors
/// When the server answers with something else, not at all within a minute, or closes the connection.
pub fn probe(
    address: SocketAddr,
    target: &str,
    every: Duration,
    stop: &AtomicBool,
) -> io::Result<Vec<Duration>> {
    let socket = TcpStream::connect(address)?;
    socket.set_nodelay(true)?;
    socket.set_read_timeout(Some(PROBE))?;
    let request = request(target, Some((1000, 1001)));
    let mut times = Vec::new();
    let mut discard = vec![0; 64];
    while !stop.load(Ordering::Relaxed) {
        let start = Instant::now();
        rustix::net::send(socket.as_fd(), request.as_bytes(), SendFlags::NOSIGNAL)?;
        let mut head = Head::default();
        while !matches!(head.take(socket.as_fd(), &mut discard)?, Step::Whole { .. }) {}
        times.push(start.elapsed());
        #[expect(
            clippy::disallowed_methods,
            reason = "a client with a thread of its own, which waits between requests"
        )]
        std::thread::sleep(every);
    }
    Ok(times)
}

/// Reads `bytes` from a socket's queue without copying them; 0 when the other side has closed.
fn discarded(socket: impl AsFd, discard: &mut [u8]) -> io::Result<usize> {
    match rustix::net::recv(socket, discard, RecvFlags::TRUNC) {
        Ok((_, length)) => Ok(length),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests;
