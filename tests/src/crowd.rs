//! Many paced listeners in one thread: each takes bytes at the rate of its music and no faster, as players do.

use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use crate::http;
use crate::wait::wait_until;

/// How often every listener is looked at.
const TICK: Duration = Duration::from_millis(50);
/// The kernel keeps at least twice this for each listener; small, so that the server and not the kernel paces.
const RECEIVE_BYTES: usize = 16 * 1024;

/// One listener: a request, and what came of it.
#[derive(Debug)]
pub struct Listener {
    /// The status code, once the head has come; 0 before.
    pub status: u16,
    /// Bytes received, the head included.
    pub received: u64,
    /// The longest time that it wanted bytes and got none.
    pub longest_stall: Duration,
    /// Whether the server ended the connection.
    pub ended: bool,
    socket: TcpStream,
    head: Vec<u8>,
    allowed: f64,
    moved: Instant,
}

/// All of them.
#[derive(Debug, Default)]
pub struct Crowd {
    /// In the order in which they came.
    pub listeners: Vec<Listener>,
}

impl Crowd {
    /// Nobody yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// One more listener, from this address, with a GET request for the target.
    ///
    /// # Panics
    /// When the server does not accept the connection.
    pub fn join(&mut self, from: IpAddr, to: SocketAddr, target: &str, fields: http::Fields<'_>) {
        let mut socket =
            http::socket(Some(from), to, Some(RECEIVE_BYTES)).expect("the server accepts a listener");
        socket.write_all(http::request_head("GET", target, fields).as_bytes()).expect("the request is taken");
        socket.set_nonblocking(true).expect("a socket of ours");
        self.listeners.push(Listener {
            status: 0,
            received: 0,
            longest_stall: Duration::ZERO,
            ended: false,
            socket,
            head: Vec::new(),
            allowed: 0.0,
            moved: Instant::now(),
        });
    }

    /// Listens for a while, everybody at this rate.
    pub fn listen(&mut self, bytes_per_second: f64, time: Duration) {
        let start = Instant::now();
        let mut last = start;
        for listener in &mut self.listeners {
            listener.moved = start;
        }
        while last.duration_since(start) < time {
            // Nothing is waited for but the clock: this is the pace.
            wait_until(last + TICK, || false);
            let now = Instant::now();
            let share = bytes_per_second * now.duration_since(last).as_secs_f64();
            for listener in &mut self.listeners {
                listener.take(share, now);
            }
            last = now;
        }
    }

    /// The longest stall of anybody.
    pub fn longest_stall(&self) -> Duration {
        self.listeners.iter().map(|listener| listener.longest_stall).max().unwrap_or_default()
    }

    /// How many have this status.
    pub fn with_status(&self, status: u16) -> usize {
        self.listeners.iter().filter(|listener| listener.status == status).count()
    }
}

impl Listener {
    fn take(&mut self, share: f64, now: Instant) {
        // What could not be taken in time is not asked for later in one gulp: a player has a small buffer.
        self.allowed = (self.allowed + share).min(64.0 * 1024.0);
        let mut buffer = [0; 4096];
        while self.allowed >= 1.0 && !self.ended {
            let wanted = (self.allowed as usize).min(buffer.len());
            match self.socket.read(&mut buffer[..wanted]) {
                Ok(0) => self.ended = true,
                Ok(count) => {
                    self.allowed -= count as f64;
                    self.received += count as u64;
                    self.moved = now;
                    self.read_status(&buffer[..count]);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.longest_stall = self.longest_stall.max(now.duration_since(self.moved));
                    return;
                }
                Err(_) => self.ended = true,
            }
        }
    }

    fn read_status(&mut self, bytes: &[u8]) {
        if self.status != 0 {
            return;
        }
        self.head.extend_from_slice(bytes);
        let code = self.head.get(9..12).and_then(|code| std::str::from_utf8(code).ok());
        self.status = code.and_then(|code| code.parse().ok()).unwrap_or(0);
    }
}
