//! How much may wait in the kernel for one client.
//!
//! What a socket holds is memory too, and version 2 of control groups charges it. Without a bound it is megabytes for
//! each slow client; with one that is too small for a fast client, the line runs dry and each call moves little. So the
//! kernel is handed a piece when nearly all of the last one is sent, and the size of the pieces follows what the client
//! takes: small for the slow, larger for the fast, and the smallest under pressure.

use budget::{Budget, Level, Permit, Pool, limits};
use tokio::time::Instant;

/// The size of one connection's pieces, and what it follows.
pub(crate) struct Queue {
    budget: Budget,
    piece_bytes: u32,
    /// When the client last left us waiting, after a measurement.
    marked: Instant,
    /// What it took since.
    moved_bytes: u64,
    /// What it took since it last left us waiting.
    unhindered_bytes: u64,
    /// The memory of larger pieces: the smallest is part of the permit of what is sent.
    more: Option<Permit>,
}

impl Queue {
    /// For a client that is not known yet.
    pub(crate) fn new(budget: Budget) -> Self {
        Queue {
            budget,
            piece_bytes: limits::SOCKET_PIECE_BYTES_MIN,
            marked: Instant::now(),
            moved_bytes: 0,
            unhindered_bytes: 0,
            more: None,
        }
    }

    /// Nothing waits, and nothing is sent for a while: as with a client that is not known yet. The new size, if it is
    /// another one.
    pub(crate) fn rest(&mut self) -> Option<u32> {
        let before = self.piece_bytes;
        *self = Queue::new(self.budget.clone());
        (self.piece_bytes != before).then_some(self.piece_bytes)
    }

    /// How much is worth handing to the kernel at once.
    pub(crate) fn piece_bytes(&self) -> u32 {
        self.piece_bytes
    }

    /// The kernel took bytes. The new size of pieces, if there is one: a client that takes many without a pause is
    /// fast.
    pub(crate) fn took(&mut self, count: usize) -> Option<u32> {
        self.moved_bytes += count as u64;
        self.unhindered_bytes += count as u64;
        if self.unhindered_bytes < limits::SOCKET_PIECES_UNHINDERED * u64::from(self.piece_bytes) {
            return None;
        }
        self.unhindered_bytes = 0;
        self.change(self.piece_bytes.saturating_mul(2))
    }

    /// The kernel has no room. The new size, if it is time for one.
    pub(crate) fn full(&mut self) -> Option<u32> {
        self.unhindered_bytes = 0;
        let took_ms = u64::try_from(self.marked.elapsed().as_millis()).unwrap_or(u64::MAX);
        if took_ms < limits::SOCKET_RATE_MS {
            return None;
        }
        let in_time = self.moved_bytes.saturating_mul(limits::SOCKET_PIECE_MS) / took_ms;
        (self.marked, self.moved_bytes) = (Instant::now(), 0);
        self.change(u32::try_from(in_time).unwrap_or(u32::MAX))
    }

    /// The piece for what a client takes in [`limits::SOCKET_PIECE_MS`]: a power of two, so that it changes rarely.
    fn change(&mut self, wanted_bytes: u32) -> Option<u32> {
        let wanted = match self.budget.pressure() {
            Level::Calm | Level::Raised => wanted_bytes,
            Level::High | Level::Full => limits::SOCKET_PIECE_BYTES_MIN,
        };
        let wanted = wanted.clamp(limits::SOCKET_PIECE_BYTES_MIN, limits::SOCKET_PIECE_BYTES_MAX);
        let mut piece = 1 << wanted.ilog2();
        if piece == self.piece_bytes {
            return None;
        }
        self.more = None;
        while piece > limits::SOCKET_PIECE_BYTES_MIN {
            self.more = self.budget.take_spare(Pool::Streams, u64::from(piece));
            if self.more.is_some() {
                break;
            }
            // What there is no memory for twice, there may be for once.
            piece /= 2;
        }
        (piece != std::mem::replace(&mut self.piece_bytes, piece)).then_some(piece)
    }
}

#[cfg(test)]
mod tests;
