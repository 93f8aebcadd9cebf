//! Credentials that were checked a short while ago, under a keyed hash: never a secret itself.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use budget::BoundedMap;
use budget::limits::{CREDENTIAL_REMEMBERED_MS, CREDENTIALS_REMEMBERED_MAX};
use prometheus_client::registry::Registry;

use super::Identity;
use super::keyed::Keyed;
use crate::model::UserId;

/// Which age of the credentials a check began in. What it finds is worth nothing once its user was forgotten later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Ticket(u64);

/// The bounded memory of checked credentials.
pub(super) struct Remembered {
    key: Keyed,
    /// What the fingerprints of users begin with, whose proof was checked elsewhere: no tag of a credential is likely to.
    of_users: [u8; 24],
    ages: RwLock<Ages>,
    map: BoundedMap<[u8; 32], (Ticket, Identity)>,
}

/// From which age on credentials count: everybody's, and those of users that were forgotten since.
#[derive(Default)]
struct Ages {
    now: u64,
    all: u64,
    users: HashMap<UserId, u64>,
}

impl Ages {
    fn next(&mut self) -> u64 {
        self.now += 1;
        self.now
    }

    fn forget_all(&mut self) {
        self.all = self.next();
        self.users.clear();
    }

    /// From which age on the credentials of this user count.
    fn of(&self, user: UserId) -> u64 {
        self.users.get(&user).copied().unwrap_or(0).max(self.all)
    }

    fn counts(&self, ticket: Ticket, user: UserId) -> bool {
        ticket.0 >= self.of(user)
    }
}

impl Remembered {
    pub(super) fn new() -> Self {
        let lifetime = Duration::from_millis(CREDENTIAL_REMEMBERED_MS);
        let map = BoundedMap::new("credentials", CREDENTIALS_REMEMBERED_MAX, lifetime);
        let key = Keyed::fresh();
        let mut of_users = [0; 24];
        of_users.copy_from_slice(&key.tag("users", &[])[..24]);
        Remembered { key, of_users, ages: RwLock::default(), map }
    }

    /// Under what a credential is remembered.
    pub(super) fn fingerprint(&self, kind: &'static str, parts: &[&str]) -> [u8; 32] {
        let parts: Vec<&[u8]> = parts.iter().map(|part| part.as_bytes()).collect();
        self.key.tag(kind, &parts)
    }

    /// Under what a user is remembered whose proof is no secret of his, and was checked.
    pub(super) fn fingerprint_of(&self, user: UserId) -> [u8; 32] {
        let mut print = [0; 32];
        let (prefix, number) = print.split_at_mut(self.of_users.len());
        prefix.copy_from_slice(&self.of_users);
        number.copy_from_slice(&user.0.to_le_bytes());
        print
    }

    pub(super) fn get(&self, print: &[u8; 32]) -> Option<Identity> {
        let (ticket, identity) = self.map.get(print)?;
        self.read().counts(ticket, identity.user.id).then_some(identity)
    }

    /// To be taken before the database is read.
    pub(super) fn ticket(&self) -> Ticket {
        Ticket(self.read().now)
    }

    /// Remembers what a check found that began with this ticket. If its user was forgotten meanwhile, the entry is
    /// never found: the check may have read what was changed.
    pub(super) fn keep(&self, print: [u8; 32], ticket: Ticket, identity: Identity) {
        if self.read().counts(ticket, identity.user.id) {
            self.map.insert(print, (ticket, identity));
        }
    }

    /// Forgets everything, and whatever a check that runs now will find.
    pub(super) fn forget(&self) {
        self.write().forget_all();
        self.map.clear();
    }

    /// Forgets one user's credentials, and whatever a check of one of them that runs now will find.
    pub(super) fn forget_user(&self, user: UserId) {
        let mut ages = self.write();
        // Each user has one number. Where so many changed that they are no small table, all are forgotten at once.
        if ages.users.len() >= CREDENTIALS_REMEMBERED_MAX && !ages.users.contains_key(&user) {
            ages.forget_all();
        }
        let now = ages.next();
        ages.users.insert(user, now);
    }

    /// From which age on the credentials of this user count.
    pub(super) fn age_of(&self, user: UserId) -> u64 {
        self.read().of(user)
    }

    fn read(&self) -> RwLockReadGuard<'_, Ages> {
        self.ages.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Ages> {
        self.ages.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn register(&self, registry: &mut Registry) {
        self.map.register(registry);
    }
}
