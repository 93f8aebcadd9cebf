//! What is looked at now and then: children without work, jobs that nobody beats for, what ended long ago, and sets whose
//! files were put out of the cache.

use std::time::{Duration, Instant};

use budget::Level;
use budget::limits::{JOB_KEPT_MS, STEM_SETS_LOOK_MS, STEM_SETS_PAGE_ROWS};
use catalog::{StemSet, StemSetId};
use transform::Key;

use super::{Inner, now_ms};

impl Inner {
    /// Never returns.
    pub(super) async fn keep_up(&self) {
        let mut looks = tokio::time::interval(self.warm.next_look());
        looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut looked_at_sets: Option<(Instant, u64)> = None;
        loop {
            looks.tick().await;
            let scarce = self.budget.pressure() >= Level::High;
            let seats = if scarce { self.warm.oldest().into_iter().collect() } else { self.warm.expired() };
            for seat in seats {
                seat.end().await;
            }
            if let Err(error) = self.jobs().await {
                tracing::warn!(%error, "jobs are tidied up later");
            }
            let gone = self.transforms.cache().gone_total();
            let is_due = |(at, before): (Instant, u64)| {
                gone != before || at.elapsed() >= Duration::from_millis(STEM_SETS_LOOK_MS)
            };
            if looked_at_sets.is_none_or(is_due) {
                looked_at_sets = Some((Instant::now(), gone));
                if let Err(error) = self.sets().await {
                    tracing::warn!(%error, "sets of stems are looked at later");
                }
            }
        }
    }

    async fn jobs(&self) -> Result<(), catalog::Error> {
        if self.catalog.reap_jobs(now_ms()).await? > 0 {
            self.wake.notify_one();
        }
        let long_ago = now_ms().saturating_sub_unsigned(JOB_KEPT_MS);
        for key in self.catalog.forget_jobs(long_ago, STEM_SETS_PAGE_ROWS).await? {
            self.release(Key::from_bytes(key)).await;
        }
        self.look_after().await?;
        self.count().await;
        Ok(())
    }

    /// Ends what is held for jobs that ended without anybody at work: given up after their last try, or gone with their
    /// owner or their track.
    async fn look_after(&self) -> Result<(), catalog::Error> {
        for id in self.running.unattended() {
            match self.catalog.job(id).await {
                Ok(job) if job.state.is_end() => self.end(&job).await,
                Ok(_) => {}
                Err(e) if e.kind() == catalog::ErrorKind::NotFound => {
                    if let Some(song) = self.running.forget(id) {
                        self.let_go(song).await;
                    }
                }
                Err(e) => return Err(e),
            }
        }
        Ok(())
    }

    /// Brings the figures of the line up to date. They are looked at again soon, so a failure is nobody's.
    pub(super) async fn count(&self) {
        if let Ok((queued, running)) = self.catalog.open_jobs().await {
            self.figures.line(queued, running, self.warm.count(), self.songs.held_bytes());
        }
    }

    /// Forgets sets of which a file is gone: the rest of them is of no use. Those of a song that was sent go when their job
    /// has: it went with its owner then.
    async fn sets(&self) -> Result<(), catalog::Error> {
        let mut after: Option<StemSetId> = None;
        loop {
            let sets = self.catalog.stem_sets(after, STEM_SETS_PAGE_ROWS).await?;
            let Some(last) = sets.last() else { return Ok(()) };
            after = Some(last.id);
            for set in &sets {
                if !self.is_whole(set) || self.is_nobodys(set).await? {
                    self.forget(set.id).await?;
                }
            }
        }
    }

    async fn is_nobodys(&self, set: &StemSet) -> Result<bool, catalog::Error> {
        if set.track.is_some() {
            return Ok(false);
        }
        match self.catalog.job(set.job).await {
            Ok(_) => Ok(false),
            Err(e) if e.kind() == catalog::ErrorKind::NotFound => Ok(true),
            Err(e) => Err(e),
        }
    }

    /// Whether the cache has every file of a set.
    pub(super) fn is_whole(&self, set: &StemSet) -> bool {
        set.made.files.iter().all(|file| self.transforms.cache().has(&Key::from_bytes(file.key)))
    }

    /// Forgets a set, and lets go of its files. Files that are made again have the same keys: whoever publishes them keeps
    /// this waiting, and then the set is none any more.
    pub(super) async fn forget(&self, set: StemSetId) -> Result<(), catalog::Error> {
        let _turn = self.publishing.acquire().await;
        for key in self.catalog.drop_stem_set(set).await? {
            self.release(Key::from_bytes(key)).await;
        }
        Ok(())
    }
}
