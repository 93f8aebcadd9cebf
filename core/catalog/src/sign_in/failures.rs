//! Failed sign-ins, by address and user, and by address alone. Only failures count. Tokens of shares that are none count as
//! those of one more user.

use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use budget::limits::{
    SIGN_IN_FAILURES_MAX, SIGN_IN_FAILURES_PER_ADDRESS_MAX, SIGN_IN_TRACKED_MAX, SIGN_IN_WINDOW_MS,
};
use budget::{BoundedMap, network_of};
use prometheus_client::registry::Registry;
use sha2::{Digest, Sha256};
use tokio::time::Instant;

use super::Refusal;
use crate::fold;

const WINDOW: Duration = Duration::from_millis(SIGN_IN_WINDOW_MS);

/// An address, and what was tried there: the hash of a folded user name, or one of these two.
type Key = (IpAddr, [u8; 32]);

/// All names, and shares, together.
const ALL: [u8; 32] = [0; 32];
/// All shares together: whoever guesses tokens names none.
const SHARES: [u8; 32] = [1; 32];

/// What somebody tries to get in by.
#[derive(Clone, Copy)]
pub(super) enum Tried<'a> {
    /// The name of a user, with a secret.
    Name(&'a str),
    /// The token of a share.
    Share,
}

#[derive(Clone, Copy)]
struct Count {
    failures: u32,
    since: Instant,
}

/// The bounded memory of failures.
pub(super) struct Failures {
    counts: BoundedMap<Key, Count>,
    /// Reading and raising a count is one step.
    step: Mutex<()>,
}

fn keys(from: IpAddr, tried: Tried<'_>) -> [(Key, u32); 2] {
    let network = network_of(from);
    let tried = match tried {
        Tried::Name(name) => Sha256::digest(fold::key(name).as_bytes()).into(),
        Tried::Share => SHARES,
    };
    [((network, tried), SIGN_IN_FAILURES_MAX), ((network, ALL), SIGN_IN_FAILURES_PER_ADDRESS_MAX)]
}

impl Failures {
    pub(super) fn new() -> Self {
        Failures {
            counts: BoundedMap::new("sign_in_failures", SIGN_IN_TRACKED_MAX, WINDOW),
            step: Mutex::new(()),
        }
    }

    /// Whether this address may try this now.
    pub(super) fn admit(&self, from: IpAddr, tried: Tried<'_>) -> Result<(), Refusal> {
        for (key, failures_max) in keys(from, tried) {
            let Some(count) = self.counts.get(&key) else { continue };
            let left = WINDOW.saturating_sub(count.since.elapsed());
            if count.failures >= failures_max && !left.is_zero() {
                return Err(Refusal::TooManyFailures { retry_after: left });
            }
        }
        Ok(())
    }

    /// Counts a failure. The window begins with the first one.
    pub(super) fn count(&self, from: IpAddr, tried: Tried<'_>) {
        let _step = self.step.lock().unwrap_or_else(PoisonError::into_inner);
        for (key, _) in keys(from, tried) {
            let running = self.counts.get(&key).filter(|count| count.since.elapsed() < WINDOW);
            let before = running.unwrap_or(Count { failures: 0, since: Instant::now() });
            self.counts.insert(key, Count { failures: before.failures.saturating_add(1), ..before });
        }
    }

    pub(super) fn register(&self, registry: &mut Registry) {
        self.counts.register(registry);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn ten_failures_close_the_door_for_one_address_and_user_until_the_window_ends() {
        let failures = Failures::new();
        let from = address("192.0.2.1");
        for _ in 0..SIGN_IN_FAILURES_MAX {
            failures.admit(from, Tried::Name("ann")).unwrap();
            failures.count(from, Tried::Name("ANN"));
        }
        let Err(Refusal::TooManyFailures { retry_after }) = failures.admit(from, Tried::Name("Ann")) else {
            panic!("the door is open")
        };
        assert_eq!(retry_after, WINDOW);
        failures.admit(from, Tried::Name("bob")).unwrap();
        failures.admit(from, Tried::Share).unwrap();
        failures.admit(address("192.0.2.2"), Tried::Name("ann")).unwrap();
        tokio::time::advance(WINDOW).await;
        failures.admit(from, Tried::Name("ann")).unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn one_address_cannot_go_through_all_names() {
        let failures = Failures::new();
        let from = address("192.0.2.1");
        for n in 0..SIGN_IN_FAILURES_PER_ADDRESS_MAX {
            failures.admit(from, Tried::Name(&format!("name {n}"))).unwrap();
            failures.count(from, Tried::Name(&format!("name {n}")));
        }
        assert!(failures.admit(from, Tried::Name("yet another")).is_err());
        assert!(failures.admit(from, Tried::Share).is_err());
        failures.admit(address("192.0.2.2"), Tried::Name("yet another")).unwrap();
    }

    #[test]
    fn an_ipv6_customer_is_one_address_and_a_mapped_ipv4_is_itself() {
        let check = |one: &str, other: &str, same: bool| {
            let keys = |from| keys(address(from), Tried::Name("ann"));
            assert_eq!(keys(one) == keys(other), same, "{one} {other}");
        };
        check("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", true);
        check("2001:db8:1:2::1", "2001:db8:1:3::1", false);
        check("::ffff:192.0.2.1", "192.0.2.1", true);
        check("192.0.2.1", "192.0.2.2", false);
    }
}
