//! What one request held at its peak.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use crate::limits::ACCOUNT_BUCKETS_BYTES;

tokio::task_local! {
    static CURRENT: Arc<Account>;
}

/// Adds up the permits of one request and records its peak when the request and all it left behind are gone.
///
/// Permits taken inside [`Account::scope`] are charged by themselves, and a permit that a body took along keeps the
/// account open. What a request hands to `spawn_blocking` or another task is not seen, unless its permit was taken here.
pub struct Account {
    class: &'static str,
    held_bytes: AtomicU64,
    peak_bytes: AtomicU64,
    peaks: Peaks,
}

impl Account {
    /// Opens an account for a request of this class of route, a small fixed set of names.
    pub fn open(class: &'static str, peaks: &Peaks) -> Arc<Account> {
        Arc::new(Account {
            class,
            held_bytes: AtomicU64::new(0),
            peak_bytes: AtomicU64::new(0),
            peaks: peaks.clone(),
        })
    }

    /// Runs `work` with this account as the current one.
    pub async fn scope<F: Future>(self: Arc<Self>, work: F) -> F::Output {
        CURRENT.scope(self, work).await
    }

    /// The account in whose scope the caller runs.
    pub fn current() -> Option<Arc<Account>> {
        CURRENT.try_with(Arc::clone).ok()
    }

    /// The class of route that the request belongs to.
    pub fn class(&self) -> &'static str {
        self.class
    }

    /// Bytes of all permits that the request holds now.
    pub fn held_bytes(&self) -> u64 {
        self.held_bytes.load(Ordering::Relaxed)
    }

    /// The most bytes that the request held at once.
    pub fn peak_bytes(&self) -> u64 {
        self.peak_bytes.load(Ordering::Relaxed)
    }
}

impl Drop for Account {
    fn drop(&mut self) {
        let peak = *self.peak_bytes.get_mut();
        self.peaks.family.get_or_create(&Class { class: self.class }).observe(peak as f64);
    }
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Account")
            .field("class", &self.class)
            .field("peak_bytes", &self.peak_bytes())
            .finish_non_exhaustive()
    }
}

/// What a permit put on an account; dropping it takes it off again.
pub(crate) struct Charge {
    account: Arc<Account>,
    bytes: u64,
}

impl Charge {
    /// Charges the current account, if there is one.
    pub(crate) fn current(bytes: u64) -> Option<Charge> {
        let account = Account::current()?;
        let held = account.held_bytes.fetch_add(bytes, Ordering::Relaxed) + bytes;
        account.peak_bytes.fetch_max(held, Ordering::Relaxed);
        Some(Charge { account, bytes })
    }

    /// Takes a part of the charge off again.
    pub(crate) fn shrink(&mut self, spare: u64) {
        self.bytes -= spare;
        self.account.held_bytes.fetch_sub(spare, Ordering::Relaxed);
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.account.held_bytes.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Class {
    class: &'static str,
}

/// The histogram `request_memory_peak_bytes{class}`. Clones are the same histogram.
#[derive(Clone, Debug)]
pub struct Peaks {
    family: Family<Class, Histogram, fn() -> Histogram>,
}

impl Peaks {
    /// An empty histogram.
    pub fn new() -> Peaks {
        Peaks { family: Family::new_with_constructor(|| Histogram::new(ACCOUNT_BUCKETS_BYTES)) }
    }

    /// Shows `request_memory_peak_bytes{class}`.
    pub fn register(&self, registry: &mut Registry) {
        let help = "The most bytes of permits that one request held at once, by class of route";
        registry.register("request_memory_peak_bytes", help, self.family.clone());
    }
}

impl Default for Peaks {
    fn default() -> Self {
        Peaks::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Budget, Pool, limits::MIB};

    #[tokio::test]
    async fn a_request_records_its_peak_when_its_last_permit_goes() {
        let (budget, peaks) = (Budget::new(256 * MIB).unwrap(), Peaks::new());
        let kept = Account::open("media", &peaks)
            .scope(async {
                let first = budget.take(Pool::Streams, 3_000).unwrap();
                let second = budget.take(Pool::Listings, 2_000).unwrap();
                drop(first);
                assert_eq!(Account::current().map(|account| account.held_bytes()), Some(2_000));
                second
            })
            .await;
        let outside = budget.take(Pool::Streams, 9_000).unwrap();
        let text = |peaks: &Peaks| {
            let mut registry = Registry::default();
            peaks.register(&mut registry);
            let mut text = String::new();
            prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
            text
        };
        assert!(!text(&peaks).contains("_count"), "a permit keeps the account open");
        drop((kept, outside));
        let text = text(&peaks);
        assert!(text.contains("request_memory_peak_bytes_sum{class=\"media\"} 5000.0"), "{text}");
        assert!(text.contains("request_memory_peak_bytes_count{class=\"media\"} 1"), "{text}");
        assert!(Account::current().is_none());
    }
}
