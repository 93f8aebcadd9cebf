//! The one place that waits.

use std::time::{Duration, Instant};

/// How often a condition is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// Looks at `condition` every few milliseconds until it holds; `false` when it did not hold before the deadline.
#[expect(
    clippy::disallowed_methods,
    reason = "the one poller: what is waited for happens in another process"
)]
pub fn wait_until(deadline: Instant, mut condition: impl FnMut() -> bool) -> bool {
    loop {
        if condition() {
            return true;
        }
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return false;
        }
        // sleep: the one poller of these tests, for what another process does
        std::thread::sleep(LOOK_EVERY.min(left));
    }
}

/// Fails the test with this sentence when the condition does not come true in time.
///
/// # Panics
/// When it does not.
pub fn eventually(what: &str, within: Duration, condition: impl FnMut() -> bool) {
    assert!(
        wait_until(Instant::now() + within, condition),
        "this did not come true within {within:?}: {what}"
    );
}
