//! Models that stay in memory between songs.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::folder::Folder;
use super::weights::Weights;
use super::{Choice, Model};
use crate::Result;

/// Models that stay in memory: no more than so many bytes, none longer than it is of use.
///
/// A model that a song is using is never dropped. Of the others the one that was used the longest ago goes first.
pub struct Cache {
    folder: Folder,
    bytes_max: u64,
    idle: Duration,
    /// Models that stay whatever happens, until somebody clears the cache.
    pinned: Vec<&'static str>,
    held: Mutex<Vec<Held>>,
}

struct Held {
    model: &'static Model,
    /// The list of its files' hashes: a model that was replaced is another one.
    sums: String,
    weights: Weights,
    used: Instant,
}

impl Cache {
    /// An empty cache of the models in a folder.
    pub fn new(folder: Folder, bytes_max: u64, idle: Duration, pinned: Vec<&'static str>) -> Self {
        Cache { folder, bytes_max, idle, pinned, held: Mutex::new(Vec::new()) }
    }

    /// The weights that a choice needs, read from the disk if they are not in memory; none for an engine without a model.
    ///
    /// # Errors
    /// Those of [`Folder::load`].
    pub fn weights(&self, choice: &Choice, now: Instant) -> Result<Option<Weights>> {
        let Some(installed) = &choice.installed else { return Ok(None) };
        let mut held = self.held();
        let is_it = |held: &Held| held.model == installed.model && held.sums == installed.sums;
        if let Some(found) = held.iter_mut().find(|held| is_it(held)) {
            found.used = now;
            return Ok(Some(found.weights.clone()));
        }
        held.retain(|held| held.model != installed.model);
        self.shrink(&mut held, self.bytes_max.saturating_sub(installed.bytes));
        let weights = self.folder.load(installed.model)?;
        held.push(Held {
            model: installed.model,
            sums: installed.sums.clone(),
            weights: weights.clone(),
            used: now,
        });
        Ok(Some(weights))
    }

    /// Drops what nobody used for so long; what is held after that, in bytes.
    pub fn expire(&self, now: Instant) -> u64 {
        let mut held = self.held();
        held.retain(|held| {
            held.weights.is_in_use()
                || self.is_pinned(held)
                || now.saturating_duration_since(held.used) < self.idle
        });
        self.shrink(&mut held, self.bytes_max);
        bytes(&held)
    }

    /// Drops all models, pinned ones too; how many bytes that gives back. Songs that use one keep it to their end.
    pub fn clear(&self) -> u64 {
        let dropped = std::mem::take(&mut *self.held());
        dropped.iter().filter(|held| !held.weights.is_in_use()).map(|held| held.weights.bytes()).sum()
    }

    /// What is held, in bytes.
    pub fn bytes(&self) -> u64 {
        bytes(&self.held())
    }

    /// Drops models that nobody uses, the oldest first, until there are no more bytes than that.
    fn shrink(&self, held: &mut Vec<Held>, bytes_max: u64) {
        while bytes(held) > bytes_max {
            let idle = held
                .iter()
                .enumerate()
                .filter(|(_, held)| !held.weights.is_in_use() && !self.is_pinned(held));
            let Some((oldest, _)) = idle.min_by_key(|(_, held)| held.used) else { return };
            held.remove(oldest);
        }
    }

    fn is_pinned(&self, held: &Held) -> bool {
        self.pinned.contains(&held.model.name)
    }

    fn held(&self) -> MutexGuard<'_, Vec<Held>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn bytes(held: &[Held]) -> u64 {
    held.iter().map(|held| held.weights.bytes()).sum()
}
