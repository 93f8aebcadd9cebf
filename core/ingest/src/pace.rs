//! How fast a client must send.

use std::time::Duration;

use tokio::time::Instant;

use budget::limits::UPLOAD_RATE_WINDOW_MS;

/// Watches the speed of one request over windows of [`UPLOAD_RATE_WINDOW_MS`]. Only the time in which we wait for the
/// client counts: what the disk takes is not his fault.
#[derive(Debug)]
pub(crate) struct Pace {
    rate_bytes_min: u64,
    window_bytes: u64,
    waited: Duration,
}

impl Pace {
    pub(crate) fn new(rate_bytes_min: u64) -> Pace {
        Pace { rate_bytes_min, window_bytes: 0, waited: Duration::ZERO }
    }

    /// When the window ends, if we wait from `now` on.
    pub(crate) fn ends(&self, now: Instant) -> Instant {
        now + Duration::from_millis(UPLOAD_RATE_WINDOW_MS).saturating_sub(self.waited)
    }

    /// Counts bytes that came after waiting for so long.
    pub(crate) fn came(&mut self, bytes: usize, waited: Duration) {
        self.window_bytes = self.window_bytes.saturating_add(bytes as u64);
        self.waited = self.waited.saturating_add(waited);
    }

    /// Whether enough came in the window that ends now; the next one begins. At any speed, nothing is not enough.
    pub(crate) fn is_enough(&mut self) -> bool {
        let least = self.rate_bytes_min.saturating_mul(UPLOAD_RATE_WINDOW_MS / 1_000);
        let enough = self.window_bytes >= least.max(1);
        *self = Pace::new(self.rate_bytes_min);
        enough
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_needs_its_bytes_and_is_as_long_as_we_wait() {
        let check = |rate: u64, bytes: usize, enough: bool| {
            let (mut pace, now) = (Pace::new(rate), Instant::now());
            pace.came(bytes, Duration::from_secs(20));
            assert_eq!(pace.ends(now), now + Duration::from_secs(10), "twenty seconds were waited already");
            assert_eq!(pace.is_enough(), enough, "{bytes} bytes at {rate} bytes/s");
            assert_eq!(pace.ends(now), now + Duration::from_secs(30), "the next window is whole");
        };
        check(256, 256 * 30, true);
        check(256, 256 * 30 - 1, false);
        check(0, 1, true);
        check(0, 0, false);
        check(u64::MAX, 1 << 40, false);
    }
}
