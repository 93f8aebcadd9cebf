//! Renditions that stay open between two requests, so that their checked blocks stay known.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use budget::limits::{RENDITION_OPEN_MS, RENDITIONS_OPEN_MAX};

use catalog::UnixMs;

use super::Made;
use crate::recipe::Key;

/// A time that is longer by less than this is the same time.
const RENEWAL_MS_MIN: i64 = 1_000;

/// A few of them.
#[derive(Default)]
pub(super) struct Open(HashMap<Key, Standing>);

struct Standing {
    made: Made,
    /// What was true when it was opened; after a purge it may not be.
    age: u64,
    used: Instant,
}

impl Open {
    /// One that was opened in the present age.
    pub(super) fn get(&mut self, key: &Key, age: u64) -> Option<Made> {
        let standing = self.0.get_mut(key).filter(|standing| standing.age == age)?;
        standing.used = Instant::now();
        Some(standing.made.clone())
    }

    /// Keeps one open. Gives what is to be closed for it.
    pub(super) fn insert(&mut self, made: Made, age: u64) -> Option<Made> {
        let mut closed = None;
        if self.0.len() >= RENDITIONS_OPEN_MAX && !self.0.contains_key(&made.key) {
            let oldest = self.0.iter().min_by_key(|(_, standing)| standing.used).map(|(key, _)| *key);
            closed = oldest.and_then(|key| self.0.remove(&key)).map(|standing| standing.made);
        }
        let standing = Standing { age, used: Instant::now(), made };
        closed.or(self.0.insert(standing.made.key, standing).map(|standing| standing.made))
    }

    /// Lets one be fresh until then. False when it is so already, or not open.
    pub(super) fn renew(&mut self, key: &Key, until: UnixMs) -> bool {
        let Some(standing) = self.0.get_mut(key) else { return false };
        // Within the moment that this takes, everybody comes to nearly the same time.
        let is_news = standing.made.fresh_until + RENEWAL_MS_MIN < until;
        if is_news {
            standing.made.fresh_until = until;
        }
        is_news
    }

    /// Takes one out.
    pub(super) fn remove(&mut self, key: &Key) -> Option<Made> {
        self.0.remove(key).map(|standing| standing.made)
    }

    /// Takes all out.
    pub(super) fn clear(&mut self) -> Vec<Made> {
        self.0.drain().map(|(_, standing)| standing.made).collect()
    }

    /// Takes out what nobody asked for lately, and what is of an earlier age.
    pub(super) fn idle(&mut self, age: u64) -> Vec<Made> {
        let lately = Duration::from_millis(RENDITION_OPEN_MS);
        let is_idle = |standing: &Standing| standing.age != age || standing.used.elapsed() >= lately;
        let keys: Vec<Key> = self.0.iter().filter(|(_, one)| is_idle(one)).map(|(key, _)| *key).collect();
        keys.iter().filter_map(|key| self.remove(key)).collect()
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}
