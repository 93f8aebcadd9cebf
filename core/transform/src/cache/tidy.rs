//! What the cache does beside: it writes down what was used, removes what is too old, and looks at its bytes.

use std::collections::HashSet;
use std::sync::PoisonError;
use std::time::Duration;

use budget::limits::{
    CACHE_TIDY_MS, PURGE_WATCH_MS, SCRUB_AGAIN_MS, SCRUB_BYTES_PER_SECOND, SCRUB_IDLE_MS, SCRUB_REST_MS,
    STALE_MS,
};
use catalog::UnixMs;
use catalog::cache::{ByKind, Select};
use store::{Checked, RenditionId};

use super::{Cache, now_ms};
use crate::error::Error;
use crate::recipe::Key;

impl Cache {
    /// Keeps the cache in order until it is time to stop; then it is closed, after what is being published.
    pub async fn run(&self, stop: impl Future<Output = ()>) {
        // None of them ends.
        let tidies = async {
            loop {
                tokio::time::sleep(Duration::from_millis(CACHE_TIDY_MS)).await;
                if let Err(error) = self.tidy().await {
                    tracing::warn!(%error, words = %error.words, "the cache is tidied later");
                }
            }
        };
        let scrubs = async {
            loop {
                let rest = self.scrub(now_ms()).await.unwrap_or_else(|error| {
                    tracing::warn!(%error, words = %error.words, "the scrub of the cache goes on later");
                    Duration::from_millis(SCRUB_IDLE_MS)
                });
                tokio::time::sleep(rest).await;
            }
        };
        tokio::select! {
            () = stop => {}
            _ = tidies => {}
            _ = scrubs => {}
            () = self.obey() => {}
        }
        self.0.tasks.close();
        self.0.tasks.wait().await;
        if let Err(error) = self.write_uses().await {
            tracing::warn!(%error, words = %error.words, "the last uses of renditions are not known");
        }
        self.0.index.close().await;
    }

    /// Lets go of all that is kept of a kind but of what is under these keys. Gives how many there were.
    ///
    /// # Errors
    /// Of the disk and the database; the rest is there still.
    pub async fn release_others(&self, mode: &str, wanted: &HashSet<Key>) -> Result<usize, Error> {
        let mut released = 0;
        let mut after: Option<ByKind> = None;
        loop {
            let page = self.0.index.of_kind(mode, after.as_ref()).await?;
            let Some(last) = page.last() else { return Ok(released) };
            after = Some(*last);
            for key in page.iter().map(|row| Key::from_bytes(row.key)).filter(|key| !wanted.contains(key)) {
                self.release(key).await?;
                released += 1;
            }
        }
    }

    /// Does at once what is done now and then.
    ///
    /// # Errors
    /// Of the disk and the database; the rest is done the next time.
    pub(super) async fn tidy(&self) -> Result<(), Error> {
        let age = self.age();
        let idle = self.standing().idle(age);
        drop(idle);
        self.write_uses().await?;
        self.remove_all(&Select::Older(now_ms().saturating_sub_unsigned(STALE_MS))).await?;
        Ok(())
    }

    async fn write_uses(&self) -> Result<(), Error> {
        let mut uses = {
            let mut waiting = self.0.uses.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::take(&mut *waiting)
        };
        uses.sort_unstable();
        uses.dedup();
        Ok(self.0.index.touch(&uses, now_ms()).await?)
    }

    /// Does soon what others ask for: readers who met bytes that had changed, and processes that want a purge.
    pub(super) async fn obey(&self) {
        let mut looks = tokio::time::interval(Duration::from_millis(PURGE_WATCH_MS));
        looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            looks.tick().await;
            if let Err(error) = self.obey_once().await {
                tracing::warn!(%error, words = %error.words, "what was asked of the cache is done later");
            }
        }
    }

    pub(super) async fn obey_once(&self) -> Result<(), Error> {
        let bad = self.0.renditions.reported();
        if !bad.is_empty() {
            self.forget_files(&bad).await?;
        }
        self.obey_purges().await
    }

    /// Looks at the bytes that were looked at longest ago. Gives how long to rest.
    pub(super) async fn scrub(&self, now: UnixMs) -> Result<Duration, Error> {
        let before = now.saturating_sub_unsigned(SCRUB_AGAIN_MS);
        let Some((slot, file, bytes)) = self.0.index.to_check(before).await? else {
            return Ok(Duration::from_millis(SCRUB_IDLE_MS));
        };
        // Also one that cannot be read, so that it does not keep the scrub from the others.
        self.0.index.mark_checked(&[slot], now).await?;
        let id = RenditionId::from_bytes(file);
        let turn = self.0.budget.background().await;
        let checked = self.0.renditions.check(id).await?;
        drop(turn);
        if checked != Checked::Sound {
            self.forget_files(&[id]).await?;
        }
        let pace = Duration::from_millis(bytes.saturating_mul(1_000) / SCRUB_BYTES_PER_SECOND);
        Ok(Duration::from_millis(SCRUB_REST_MS) + pace)
    }

    /// Bytes that are not what they were are removed, and made again when somebody asks.
    async fn forget_files(&self, files: &[RenditionId]) -> Result<(), Error> {
        let names: Vec<[u8; 32]> = files.iter().map(|file| *file.as_bytes()).collect();
        let slots = self.0.index.slots(&names).await?;
        self.0.figures.rotten(slots.len());
        tracing::warn!(?files, "renditions whose bytes had changed are removed");
        self.forget(&slots).await?;
        self.grow_older();
        Ok(())
    }
}
