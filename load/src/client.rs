//! One client as a state machine: it is stepped when its time has come or its socket is ready, and never waits.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::event::epoll::EventFlags;
use socket2::{Domain, Socket, Type};

use crate::head::Head;
use crate::script::{Pace, Script};

/// A client that reads freely gives the others a turn after so many reads.
const READS_PER_TURN: usize = 16;

/// How a client's connection came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The whole answer came.
    Whole,
    /// The server closed before the answer was whole.
    Cut,
    /// The client left, as its script says.
    Left,
    /// The system reported an error, a reset for one.
    Failed(ErrorKind),
}

/// What one client saw.
#[derive(Clone, Debug, Default)]
pub struct Visit {
    /// The status code; 0 before it came.
    pub status: u16,
    /// What a refusal said of when to come back, in seconds.
    pub retry_after_s: Option<u64>,
    /// From the first packet of the connection to the first byte of the answer.
    pub first_byte: Option<Duration>,
    /// Bytes received, the head included.
    pub received: u64,
    /// Bytes of the body received.
    pub body: u64,
    /// The longest time that it wanted bytes and none came, the wait for the first one included.
    pub longest_stall: Duration,
    /// Where the body first differed from what was expected.
    pub wrong_at: Option<u64>,
    /// How it ended, once it has.
    pub end: Option<End>,
}

/// What the client needs next.
pub(crate) enum Next {
    /// To be stepped at this time.
    At(Instant),
    /// To be stepped when its socket is ready for this.
    Ready(EventFlags),
    /// Nothing: its connection is closed.
    Gone,
}

enum State {
    Connecting,
    Saying { said: usize },
    Taking { wanted: usize },
}

pub(crate) struct Client {
    pub(crate) visit: Visit,
    socket: Option<Socket>,
    script: Arc<Script>,
    request: Arc<[u8]>,
    head: Head,
    state: State,
    began: Instant,
    /// Since when it wants bytes that do not come.
    hungry: Option<Instant>,
    /// When the next piece is due.
    due: Instant,
}

impl Client {
    /// Begins a connection without waiting for it.
    pub(crate) fn begin(
        from: Option<IpAddr>,
        to: SocketAddr,
        request: Arc<[u8]>,
        script: Arc<Script>,
    ) -> io::Result<Self> {
        let socket = Socket::new(Domain::for_address(to), Type::STREAM, None)?;
        socket.set_recv_buffer_size(script.receive_bytes)?;
        socket.set_nonblocking(true)?;
        socket.set_tcp_nodelay(true)?;
        if let Some(from) = from {
            socket.bind(&SocketAddr::from((from, 0)).into())?;
        }
        let now = Instant::now();
        match socket.connect(&to.into()) {
            Err(error) if error.raw_os_error() != Some(rustix::io::Errno::INPROGRESS.raw_os_error()) => {
                return Err(error);
            }
            _ => {}
        }
        Ok(Self {
            visit: Visit::default(),
            socket: Some(socket),
            script,
            request,
            head: Head::default(),
            state: State::Connecting,
            began: now,
            hungry: None,
            due: now,
        })
    }

    pub(crate) fn socket(&self) -> Option<&Socket> {
        self.socket.as_ref()
    }

    /// The time that it is hungry now belongs to its figures too.
    pub(crate) fn settle(&mut self, now: Instant) {
        if let Some(since) = self.hungry {
            self.visit.longest_stall = self.visit.longest_stall.max(now.duration_since(since));
        }
    }

    /// Does what can be done now.
    pub(crate) fn step(&mut self, buffer: &mut [u8]) -> Next {
        let Some(socket) = self.socket.take() else { return Next::Gone };
        let next = match self.advance(&socket, buffer) {
            Ok(next) => next,
            Err(error) => self.end(End::Failed(error.kind())),
        };
        match next {
            Next::Gone if self.visit.end == Some(End::Left) => {
                // A reset, as of a client that was killed; without it the kernel would say goodbye in order.
                let _ = socket.set_linger(Some(Duration::ZERO));
            }
            Next::Gone => {}
            _ => self.socket = Some(socket),
        }
        next
    }

    fn end(&mut self, end: End) -> Next {
        self.settle(Instant::now());
        self.hungry = None;
        self.visit.end = Some(end);
        Next::Gone
    }

    fn advance(&mut self, socket: &Socket, buffer: &mut [u8]) -> io::Result<Next> {
        if matches!(self.state, State::Connecting) {
            if let Some(error) = socket.take_error()? {
                return Err(error);
            }
            self.state = State::Saying { said: 0 };
            self.due = Instant::now();
        }
        if let State::Saying { said } = self.state
            && let Some(next) = self.say(socket, said)?
        {
            // Somebody who speaks slowly sees, too, that he is answered or left.
            return Ok(if self.look(socket, buffer)? { Next::Gone } else { next });
        }
        self.take(socket, buffer)
    }

    /// Says the next piece; `None` once all is said.
    fn say(&mut self, mut socket: &Socket, mut said: usize) -> io::Result<Option<Next>> {
        let (piece, apart) = self.script.says.piece();
        let end = said.saturating_add(piece).min(self.request.len());
        let mut blocked = false;
        while said < end && !blocked {
            match socket.write(self.request.get(said..end).unwrap_or_default()) {
                Ok(count) => said += count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => blocked = true,
                Err(error) => return Err(error),
            }
        }
        self.state = State::Saying { said };
        if blocked {
            return Ok(Some(Next::Ready(EventFlags::OUT)));
        }
        if said < self.request.len() {
            return Ok(Some(Next::At(self.next_due(apart))));
        }
        let now = Instant::now();
        (self.due, self.hungry) = (now, Some(now));
        self.state = State::Taking { wanted: self.script.takes.piece().0 };
        Ok(None)
    }

    /// Reads what is there before all is said; whether that was the end.
    fn look(&mut self, mut socket: &Socket, buffer: &mut [u8]) -> io::Result<bool> {
        match socket.read(buffer) {
            Ok(0) => {
                self.end(End::Cut);
                Ok(true)
            }
            Ok(count) => Ok(self.received(buffer.get(..count).unwrap_or_default())),
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn take(&mut self, mut socket: &Socket, buffer: &mut [u8]) -> io::Result<Next> {
        let State::Taking { mut wanted } = self.state else { return Ok(Next::Gone) };
        for _ in 0..READS_PER_TURN {
            if wanted == 0 {
                break;
            }
            let room = wanted.min(buffer.len());
            match socket.read(buffer.get_mut(..room).unwrap_or_default()) {
                Ok(0) => return Ok(self.end(End::Cut)),
                Ok(count) => {
                    if self.script.takes != Pace::Free {
                        wanted -= count;
                    }
                    self.state = State::Taking { wanted };
                    if self.received(buffer.get(..count).unwrap_or_default()) {
                        return Ok(Next::Gone);
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.hungry.get_or_insert_with(Instant::now);
                    return Ok(Next::Ready(EventFlags::IN));
                }
                Err(error) => return Err(error),
            }
        }
        let (piece, apart) = self.script.takes.piece();
        if wanted > 0 {
            return Ok(Next::At(Instant::now()));
        }
        self.state = State::Taking { wanted: piece };
        Ok(Next::At(self.next_due(apart)))
    }

    /// Even times, and not more than two pieces behind.
    fn next_due(&mut self, apart: Duration) -> Instant {
        let now = Instant::now();
        let earliest = now.checked_sub(apart * 2).unwrap_or(now);
        self.due = (self.due + apart).max(earliest);
        self.due
    }

    /// Counts what came; whether that was the end of the visit.
    fn received(&mut self, bytes: &[u8]) -> bool {
        let now = Instant::now();
        self.settle(now);
        self.hungry = None;
        self.visit.first_byte.get_or_insert_with(|| now.duration_since(self.began));
        self.visit.received += bytes.len() as u64;
        let body = self.head.take(bytes);
        self.visit.status = self.head.status;
        self.visit.retry_after_s = self.head.retry_after_s;
        self.compare(body);
        self.visit.body += body.len() as u64;
        if self.head.length.is_some_and(|length| self.visit.body >= length) {
            self.end(End::Whole);
            return true;
        }
        if self.script.leaves_after_bytes.is_some_and(|bytes| self.visit.received >= bytes) {
            self.end(End::Left);
            return true;
        }
        false
    }

    fn compare(&mut self, body: &[u8]) {
        let Some(expected) = self.script.expects.as_ref().filter(|_| self.visit.status == 200) else {
            return;
        };
        let at = self.visit.body as usize;
        let same = expected.get(at..at.saturating_add(body.len())) == Some(body);
        if !same && !body.is_empty() {
            self.visit.wrong_at.get_or_insert(self.visit.body);
        }
    }
}
