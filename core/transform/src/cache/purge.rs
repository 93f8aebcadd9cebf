//! What is removed because somebody says so, and what was being made meanwhile.

use std::collections::VecDeque;
use std::sync::atomic::Ordering;
use std::sync::{MutexGuard, PoisonError};

use budget::limits::CACHE_PURGES_KEPT_MAX;
use catalog::cache::{Row, Select};

use super::{Cache, now_ms};
use crate::error::Error;

/// What a purge came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Purged {
    /// Renditions that were removed, or made stale.
    pub renditions: u64,
}

/// The last purges, for what was begun before them and ends after them: it was made of bytes that were meant to go.
#[derive(Default)]
pub(super) struct Purges {
    next: u64,
    /// In order, the last of which has the number before the next.
    last: VecDeque<Select>,
}

impl Purges {
    /// The number of the purge that comes next.
    pub(super) fn next(&self) -> u64 {
        self.next
    }

    fn record(&mut self, what: &Select) {
        self.next += 1;
        self.last.push_back(what.clone());
        if self.last.len() > CACHE_PURGES_KEPT_MAX {
            self.last.pop_front();
        }
    }

    /// Whether a purge since this one meant such a row. Of too many in between, one is taken to have meant it.
    pub(super) fn concern(&self, since: u64, row: &Row) -> bool {
        let first = self.next - self.last.len() as u64;
        let seen = usize::try_from(since.saturating_sub(first)).unwrap_or(usize::MAX);
        since < first
            || self.last.iter().skip(seen).any(|one| one.matches(&row.key, &row.tags, &row.origin, &row.path))
    }
}

impl Cache {
    pub(super) fn purges(&self) -> MutexGuard<'_, Purges> {
        self.0.purges.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Removes all such renditions. None of them is found when this returns, and what was being made of them is given to
    /// those who wait for it and not kept.
    ///
    /// # Errors
    /// Of the disk and the database; it can be called again.
    pub async fn purge(&self, what: &Select) -> Result<Purged, Error> {
        self.purges().record(what);
        self.0.failures.clear();
        let purged = self.remove_all(what).await;
        tracing::info!(?what, ?purged, "renditions were purged");
        purged
    }

    /// Makes all such renditions stale: they are given while they are made anew.
    ///
    /// # Errors
    /// Of the database; it can be called again.
    pub async fn make_stale(&self, what: &Select) -> Result<Purged, Error> {
        let (now, mut purged) = (now_ms(), Purged::default());
        loop {
            let turn = self.turn().await?;
            let made_stale = self.0.index.make_stale(what, now).await?;
            drop(turn);
            if made_stale == 0 {
                break;
            }
            purged.renditions += made_stale;
            self.grow_older();
        }
        Ok(purged)
    }

    /// Raises the version of a path: from the moment at which that is written down, nothing is found that was made of it
    /// before. Gives the version, which no path ever had.
    ///
    /// # Errors
    /// Of the disk and the database. When the version was raised, renditions of the one before may lie there, unfindable.
    pub async fn raise_version(&self, origin: &str, path: &str) -> Result<i64, Error> {
        let turn = self.turn().await?;
        let what = Select::Path { origin: origin.to_owned(), path: path.to_owned() };
        let version = self.0.index.raise(origin, path, now_ms()).await?;
        self.purges().record(&what);
        self.grow_older();
        drop(turn);
        self.purge(&what).await?;
        Ok(version)
    }

    /// The version of a path: 0 until it was raised.
    ///
    /// # Errors
    /// Of the database.
    pub async fn version(&self, origin: &str, path: &str) -> Result<i64, Error> {
        Ok(self.0.index.version(origin, path).await?)
    }

    pub(super) async fn remove_all(&self, what: &Select) -> Result<Purged, Error> {
        let mut purged = Purged::default();
        loop {
            // Nothing is put between the look and the removal.
            let _turn = self.turn().await?;
            self.settle().await?;
            let slots = self.0.index.select(what).await?;
            if slots.is_empty() {
                break;
            }
            slots.iter().for_each(|slot| self.books().forget(*slot));
            self.settle().await?;
            // Whoever read a row before it went does not keep it open.
            self.grow_older();
            purged.renditions += slots.len() as u64;
        }
        self.0.figures.show(self);
        Ok(purged)
    }

    /// What is open may not be what is kept any more.
    pub(super) fn grow_older(&self) {
        self.0.age.fetch_add(1, Ordering::SeqCst);
        let closed = self.standing().clear();
        drop(closed);
    }
}
