//! How much may wait in the kernel for one client.
//!
//! What a socket holds is memory too, and version 2 of control groups charges it. Without a bound it is megabytes for
//! each slow client; with one that is too small for a fast client, the line runs dry. So the bound follows what the
//! client takes: little for the slow, more for the fast, and the smallest under pressure.

use budget::{Budget, Level, Permit, Pool, limits};
use tokio::time::Instant;

/// The bound of one connection, and what it follows.
pub(crate) struct Queue {
    budget: Budget,
    unsent_bytes: u32,
    /// When the client last left us waiting, after a measurement.
    marked: Instant,
    /// What it took since.
    moved_bytes: u64,
    /// What it took since it last left us waiting.
    unhindered_bytes: u64,
    /// The memory of a bound that a stream's own permit does not cover.
    more: Option<Permit>,
}

impl Queue {
    /// The bound of a client that is not known yet.
    pub(crate) fn new(budget: Budget) -> Self {
        Queue {
            budget,
            unsent_bytes: limits::SOCKET_UNSENT_BYTES,
            marked: Instant::now(),
            moved_bytes: 0,
            unhindered_bytes: 0,
            more: None,
        }
    }

    /// Nothing waits, and nothing is sent for a while: as with a client that is not known yet. The new bound, if it is
    /// another one.
    pub(crate) fn rest(&mut self) -> Option<u32> {
        let before = self.unsent_bytes;
        *self = Queue::new(self.budget.clone());
        (self.unsent_bytes != before).then_some(self.unsent_bytes)
    }

    /// How much is worth handing to the kernel at once.
    pub(crate) fn unsent_bytes(&self) -> u32 {
        self.unsent_bytes
    }

    /// The kernel took bytes. The new bound, if there is one: a client that takes all of it without a pause is fast.
    pub(crate) fn took(&mut self, count: usize) -> Option<u32> {
        self.moved_bytes += count as u64;
        self.unhindered_bytes += count as u64;
        if self.unhindered_bytes < 2 * u64::from(self.unsent_bytes) {
            return None;
        }
        self.unhindered_bytes = 0;
        self.change(self.unsent_bytes.saturating_mul(2))
    }

    /// The kernel has no room. The new bound, if it is time for one.
    pub(crate) fn full(&mut self) -> Option<u32> {
        self.unhindered_bytes = 0;
        let took_ms = u64::try_from(self.marked.elapsed().as_millis()).unwrap_or(u64::MAX);
        if took_ms < limits::SOCKET_RATE_MS {
            return None;
        }
        let in_time = self.moved_bytes.saturating_mul(limits::SOCKET_UNSENT_MS) / took_ms;
        (self.marked, self.moved_bytes) = (Instant::now(), 0);
        self.change(u32::try_from(in_time).unwrap_or(u32::MAX))
    }

    /// The bound for what a client takes in [`limits::SOCKET_UNSENT_MS`]: a power of two, so that it changes rarely.
    fn change(&mut self, wanted_bytes: u32) -> Option<u32> {
        let wanted = match self.budget.pressure() {
            Level::Calm | Level::Raised => wanted_bytes,
            Level::High | Level::Full => limits::SOCKET_UNSENT_BYTES_MIN,
        };
        let wanted = wanted.clamp(limits::SOCKET_UNSENT_BYTES_MIN, limits::SOCKET_UNSENT_BYTES_MAX);
        let mut bound = 1 << wanted.ilog2();
        if bound == self.unsent_bytes {
            return None;
        }
        self.more = None;
        if bound > limits::SOCKET_COVERED_BYTES {
            match self.budget.take_spare(Pool::Streams, u64::from(bound)) {
                Some(permit) => self.more = Some(permit),
                None => bound = limits::SOCKET_COVERED_BYTES,
            }
        }
        (bound != std::mem::replace(&mut self.unsent_bytes, bound)).then_some(bound)
    }
}

#[cfg(test)]
mod tests;
