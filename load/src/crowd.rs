//! Thousands of clients in one thread: epoll says whose socket is ready, a timetable says whose time has come.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::event::Timespec;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};

use crate::client::{Client, End, Next, Visit};
use crate::script::Script;
use crate::spread::Spread;
use crate::{Error, Result};

/// The caller's condition is looked at this often.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// Events taken from the kernel at a time.
const EVENTS: usize = 512;

/// Many clients, each of which does what its script says.
pub struct Crowd {
    epoll: OwnedFd,
    clients: Vec<Client>,
    timetable: BinaryHeap<Reverse<(Instant, usize)>>,
    events: Vec<epoll::Event>,
    buffer: Vec<u8>,
    latest: Duration,
    gone: usize,
}

impl std::fmt::Debug for Crowd {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Crowd")
            .field("clients", &self.clients.len())
            .field("gone", &self.gone)
            .finish_non_exhaustive()
    }
}

impl Crowd {
    /// Nobody yet.
    ///
    /// # Errors
    /// When the system has no descriptor left.
    pub fn new() -> Result<Self> {
        let epoll = epoll::create(CreateFlags::CLOEXEC)
            .map_err(|error| Error::io("making an epoll", error.into()))?;
        Ok(Self {
            epoll,
            clients: Vec::new(),
            timetable: BinaryHeap::new(),
            events: Vec::with_capacity(EVENTS),
            buffer: vec![0; 64 * 1024],
            latest: Duration::ZERO,
            gone: 0,
        })
    }

    /// One more client, from this address if one is given, who says `request`; an empty one says nothing at all.
    /// The connection is begun here and made while the crowd runs.
    ///
    /// # Errors
    /// When the system gives no socket; a connection that is refused is a figure of the client.
    pub fn join(
        &mut self,
        from: Option<IpAddr>,
        to: SocketAddr,
        request: impl Into<Arc<[u8]>>,
        script: &Arc<Script>,
    ) -> Result<usize> {
        let failed = |error| Error::io(format!("client {} of the crowd", self.clients.len()), error);
        let client = Client::begin(from, to, request.into(), Arc::clone(script)).map_err(failed)?;
        let number = self.clients.len();
        if let Some(socket) = client.socket() {
            let flags = EventFlags::OUT | EventFlags::ONESHOT;
            epoll::add(&self.epoll, socket, EventData::new_u64(number as u64), flags)
                .map_err(|error| failed(error.into()))?;
        }
        self.clients.push(client);
        Ok(number)
    }

    /// Runs for so long.
    ///
    /// # Errors
    /// When epoll fails.
    pub fn run(&mut self, time: Duration) -> Result<()> {
        self.run_until(Instant::now() + time, |_| false).map(|_| ())
    }

    /// Runs until `done` says so or the time has come; whether it was `done`. It is looked at each 20 ms and may let
    /// further clients join.
    ///
    /// # Errors
    /// When epoll fails.
    pub fn run_until(&mut self, deadline: Instant, mut done: impl FnMut(&mut Self) -> bool) -> Result<bool> {
        let mut look = Instant::now();
        loop {
            let now = Instant::now();
            if now >= look {
                if done(self) {
                    self.settle(now);
                    return Ok(true);
                }
                look = now + LOOK_EVERY;
            }
            if now >= deadline {
                self.settle(now);
                return Ok(false);
            }
            self.due(now)?;
            let next = self.timetable.peek().map_or(look, |Reverse((at, _))| (*at).min(look)).min(deadline);
            self.ready(next.saturating_duration_since(Instant::now()))?;
        }
    }

    /// What every client saw so far, in the order in which they joined.
    pub fn visits(&self) -> impl Iterator<Item = &Visit> {
        self.clients.iter().map(|client| &client.visit)
    }

    /// How many joined.
    pub fn len(&self) -> usize {
        self.clients.len()
    }

    /// Whether nobody joined.
    pub fn is_empty(&self) -> bool {
        self.clients.is_empty()
    }

    /// How many connections have ended, by whomever.
    pub fn gone(&self) -> usize {
        self.gone
    }

    /// How late the crowd itself was at its worst: a machine without time for its own clients measures itself.
    pub fn latest(&self) -> Duration {
        self.latest
    }

    /// How many have this status.
    pub fn with_status(&self, status: u16) -> usize {
        self.visits().filter(|visit| visit.status == status).count()
    }

    /// How many ended like this.
    pub fn ended(&self, end: End) -> usize {
        self.visits().filter(|visit| visit.end == Some(end)).count()
    }

    /// The longest stall of anybody.
    pub fn longest_stall(&self) -> Duration {
        self.visits().map(|visit| visit.longest_stall).max().unwrap_or_default()
    }

    /// Bytes of bodies that came to everybody.
    pub fn body_bytes(&self) -> u64 {
        self.visits().map(|visit| visit.body).sum()
    }

    /// The times to the first byte of those who got one.
    pub fn first_bytes(&self) -> Spread {
        Spread::of(self.visits().filter_map(|visit| visit.first_byte).collect())
    }

    fn settle(&mut self, now: Instant) {
        self.clients.iter_mut().for_each(|client| client.settle(now));
    }

    /// Steps those whose time has come.
    fn due(&mut self, now: Instant) -> Result<()> {
        while let Some(Reverse((at, number))) =
            self.timetable.peek().copied().filter(|Reverse((at, _))| *at <= now)
        {
            self.timetable.pop();
            self.latest = self.latest.max(now.duration_since(at));
            self.step(number)?;
        }
        Ok(())
    }

    /// Waits for sockets and steps those that are ready.
    fn ready(&mut self, wait: Duration) -> Result<()> {
        let timeout = Timespec { tv_sec: wait.as_secs() as i64, tv_nsec: i64::from(wait.subsec_nanos()) };
        let mut events = std::mem::take(&mut self.events);
        events.clear();
        match epoll::wait(&self.epoll, rustix::buffer::spare_capacity(&mut events), Some(&timeout)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(Error::io("waiting for sockets", error.into())),
        }
        for event in &events {
            let number = event.data.u64();
            self.step(number as usize)?;
        }
        self.events = events;
        Ok(())
    }

    fn step(&mut self, number: usize) -> Result<()> {
        let Some(client) = self.clients.get_mut(number) else { return Ok(()) };
        match client.step(&mut self.buffer) {
            Next::At(at) => self.timetable.push(Reverse((at, number))),
            Next::Ready(flags) => {
                if let Some(socket) = client.socket() {
                    let data = EventData::new_u64(number as u64);
                    epoll::modify(&self.epoll, socket, data, flags | EventFlags::ONESHOT)
                        .map_err(|error| Error::io("watching a socket", error.into()))?;
                }
            }
            Next::Gone => self.gone += 1,
        }
        Ok(())
    }
}

/// Address number `number` of the network `127.NET.0.0/16`, so that one machine is many clients. Networks 0 and 255 and
/// more than 50,000 addresses of one are no good.
pub fn loopback(net: u8, number: usize) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(127, net, (number / 200) as u8, (number % 200 + 1) as u8))
}

#[cfg(test)]
mod tests;
