//! What one client does: what it says and how fast, how fast it takes the answer, and when it leaves.

use std::sync::Arc;
use std::time::Duration;

/// A paced client moves about so many pieces a second.
const PIECES_PER_SECOND: f64 = 4.0;
/// The largest piece, in bytes.
const PIECE_BYTES_MAX: f64 = 16_384.0;
/// Small, so that the server and not the kernel of the client paces; the kernel takes twice this.
pub(crate) const RECEIVE_BYTES: usize = 16 * 1024;

/// How fast bytes are moved.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Pace {
    /// As fast as they come.
    Free,
    /// So many bytes a second, in pieces at even times. A client that falls behind catches up by two pieces and no
    /// more, as a player with a small buffer would.
    PerSecond(f64),
}

impl Pace {
    /// One piece in bytes, and the time from one piece to the next.
    pub(crate) fn piece(self) -> (usize, Duration) {
        match self {
            Pace::Free => (usize::MAX, Duration::ZERO),
            Pace::PerSecond(rate) => {
                let bytes = (rate / PIECES_PER_SECOND).floor().clamp(1.0, PIECE_BYTES_MAX);
                (bytes as usize, Duration::from_secs_f64(bytes / rate.max(0.001)))
            }
        }
    }
}

/// The behaviour that clients of one kind share.
#[derive(Clone, Debug)]
pub struct Script {
    /// How fast the request is said.
    pub says: Pace,
    /// How fast the answer is taken.
    pub takes: Pace,
    /// The client breaks the connection with a reset after so many bytes, the head included.
    pub leaves_after_bytes: Option<u64>,
    /// The receive buffer asked of the kernel, which takes twice this.
    pub receive_bytes: usize,
    /// The body that a 200 must carry, byte by byte.
    pub expects: Option<Arc<Vec<u8>>>,
}

impl Script {
    /// Somebody who asks at once and takes the answer at this many bytes a second, as a player does.
    pub fn listener(bytes_per_second: f64) -> Self {
        Self {
            says: Pace::Free,
            takes: Pace::PerSecond(bytes_per_second),
            leaves_after_bytes: None,
            receive_bytes: RECEIVE_BYTES,
            expects: None,
        }
    }

    /// Somebody who takes the answer as fast as it comes.
    pub fn fast() -> Self {
        Self { takes: Pace::Free, ..Self::listener(1.0) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_add_up_to_the_rate_whatever_it_is() {
        for rate in [0.5, 1.0, 3.0, 1_000.0, 32_000.0, 1_000_000.0] {
            let (bytes, apart) = Pace::PerSecond(rate).piece();
            let reached = bytes as f64 / apart.as_secs_f64();
            assert!((reached / rate - 1.0).abs() < 0.001, "{rate} became {reached}");
            assert!((1..=16_384).contains(&bytes), "{bytes} bytes in a piece");
        }
    }
}
