//! What is removed because somebody says so, and what was being made meanwhile.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::sync::{MutexGuard, PoisonError};
use std::time::Duration;

use budget::limits::{CACHE_PURGES_KEPT_MAX, PURGE_ASKED_MS, PURGE_WATCH_MS};
use catalog::cache::{Index, Row, Select};
use store::{DataFolder, Io, RenditionId, Renditions};

use super::{Cache, DATABASE_FILE, now_ms};
use crate::error::Error;

/// What a purge came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Purged {
    /// Renditions that were removed.
    pub renditions: u64,
    /// What they took of the disk, in bytes. It is free when the last of those who read them is gone.
    pub bytes: u64,
}

impl std::ops::AddAssign for Purged {
    fn add_assign(&mut self, more: Purged) {
        self.renditions += more.renditions;
        self.bytes += more.bytes;
    }
}

/// Somebody who is told of each purge before it begins, so that he forgets what he believes of the sources.
pub type OnPurge = Box<dyn Fn(Select) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync>;

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

    /// Says who is told of purges from now on. Only the first one who says so is.
    pub fn tell_of_purges(&self, on_purge: OnPurge) {
        // There is one who knows sources.
        let _ = self.0.on_purge.set(on_purge);
    }

    /// Removes all such renditions. None of them is found when this returns, and what was being made of them is given to
    /// those who wait for it and not kept. The version of a path is raised, so that this holds from the moment at which
    /// that is written down, whatever happens after.
    ///
    /// # Errors
    /// Of the disk and the database; it can be called again.
    pub async fn purge(&self, what: &Select) -> Result<Purged, Error> {
        if let Some(on_purge) = self.0.on_purge.get() {
            on_purge(what.clone()).await;
        }
        let turn = self.turn().await?;
        if let Select::Path { origin, path } = what {
            self.0.index.raise(origin, path, now_ms()).await?;
        }
        self.purges().record(what);
        self.0.failures.clear();
        self.grow_older();
        drop(turn);
        let purged = self.remove_all(what).await;
        tracing::info!(?what, ?purged, "renditions were purged");
        purged
    }

    /// The version of a path: 0 until it was purged.
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
                return Ok(purged);
            }
            for slot in slots {
                purged += Purged { renditions: 1, bytes: self.books().forget(slot) };
            }
            self.settle().await?;
            // Whoever read a row before it went does not keep it open.
            self.grow_older();
        }
    }

    /// What is open may not be what is kept any more.
    pub(super) fn grow_older(&self) {
        self.0.age.fetch_add(1, Ordering::SeqCst);
        let closed = self.standing().clear();
        drop(closed);
    }

    /// Does what other processes ask to be purged.
    pub(super) async fn obey_purges(&self) -> Result<(), Error> {
        let since = now_ms().saturating_sub_unsigned(PURGE_ASKED_MS);
        while let Some(asked) = self.0.index.asked_purge(since).await? {
            let Purged { renditions, bytes } = self.purge(&asked.what).await?;
            self.0.index.purge_is_done(asked.id, renditions, bytes).await?;
        }
        Ok(())
    }
}

/// Purges the renditions of a data folder that nobody serves.
///
/// # Errors
/// Of the disk and the database; it can be called again.
pub async fn purge_unserved(data: &DataFolder, whats: &[Select]) -> Result<Purged, Error> {
    let index = Index::open(&data.path().join(DATABASE_FILE)).await?;
    let renditions = Renditions::open(data, Io::new(1))?;
    let mut purged = Purged::default();
    for what in whats {
        if let Select::Path { origin, path } = what {
            index.raise(origin, path, now_ms()).await?;
        }
        loop {
            let slots = index.select(what).await?;
            if slots.is_empty() {
                break;
            }
            purged += Purged { renditions: slots.len() as u64, bytes: index.room_bytes(&slots).await? };
            let files: Vec<[u8; 32]> = index.files(&slots).await?.into_iter().map(|(_, file)| file).collect();
            // In this order, so that nothing is found that is not there.
            index.remove(&files).await?;
            renditions.remove(files.into_iter().map(RenditionId::from_bytes).collect()).await?;
        }
    }
    index.close().await;
    Ok(purged)
}

/// Asks the server of a data folder for purges, and waits until they are done; nothing when it does not do them in time.
///
/// # Errors
/// Of the database.
pub async fn ask_to_purge(data: &DataFolder, whats: &[Select]) -> Result<Option<Purged>, Error> {
    ask_within(Duration::from_millis(PURGE_ASKED_MS), data, whats).await
}

pub(super) async fn ask_within(
    within: Duration,
    data: &DataFolder,
    whats: &[Select],
) -> Result<Option<Purged>, Error> {
    let index = Index::open(&data.path().join(DATABASE_FILE)).await?;
    let asked = async {
        let (now, mut purged) = (now_ms(), Purged::default());
        for what in whats {
            let id = index.ask_purge(what, now, now.saturating_sub_unsigned(PURGE_ASKED_MS)).await?;
            let (renditions, bytes) = loop {
                if let Some(done) = index.done_purge(id).await? {
                    break done;
                }
                tokio::time::sleep(Duration::from_millis(PURGE_WATCH_MS)).await;
            };
            purged += Purged { renditions, bytes };
        }
        Ok::<_, Error>(purged)
    };
    let done = tokio::time::timeout(within, asked).await;
    index.close().await;
    done.ok().transpose()
}
