//! Credentials that were checked a short while ago, under a keyed hash: never a secret itself.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use budget::BoundedMap;
use budget::limits::{CREDENTIAL_REMEMBERED_MS, CREDENTIALS_REMEMBERED_MAX};
use prometheus_client::registry::Registry;

use super::Identity;
use super::keyed::Keyed;

/// Which age of the credentials a check began in. What it finds is worth nothing in a later one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ticket(u64);

/// The bounded memory of checked credentials.
pub(super) struct Remembered {
    key: Keyed,
    age: AtomicU64,
    map: BoundedMap<[u8; 32], (Ticket, Identity)>,
}

impl Remembered {
    pub(super) fn new() -> Self {
        let lifetime = Duration::from_millis(CREDENTIAL_REMEMBERED_MS);
        let map = BoundedMap::new("credentials", CREDENTIALS_REMEMBERED_MAX, lifetime);
        Remembered { key: Keyed::fresh(), age: AtomicU64::new(0), map }
    }

    /// Under what a credential is remembered.
    pub(super) fn fingerprint(&self, kind: &'static str, parts: &[&str]) -> [u8; 32] {
        let parts: Vec<&[u8]> = parts.iter().map(|part| part.as_bytes()).collect();
        self.key.tag(kind, &parts)
    }

    pub(super) fn get(&self, print: &[u8; 32]) -> Option<Identity> {
        let (ticket, identity) = self.map.get(print)?;
        (ticket == self.ticket()).then_some(identity)
    }

    /// To be taken before the database is read.
    pub(super) fn ticket(&self) -> Ticket {
        Ticket(self.age.load(Ordering::Acquire))
    }

    /// Remembers what a check found that began with this ticket. If everything was forgotten meanwhile, the entry is
    /// never found: the check may have read what was changed.
    pub(super) fn keep(&self, print: [u8; 32], ticket: Ticket, identity: Identity) {
        self.map.insert(print, (ticket, identity));
    }

    /// Forgets everything, and whatever a check that runs now will find.
    pub(super) fn forget(&self) {
        self.age.fetch_add(1, Ordering::AcqRel);
        self.map.clear();
    }

    pub(super) fn register(&self, registry: &mut Registry) {
        self.map.register(registry);
    }
}
