//! The one loop: what is due is claimed and begun, what is no longer wanted is called off, and nobody is asked while
//! nothing is due.

use std::collections::HashMap;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use budget::limits::{PODCAST_CLAIM_MS, PODCAST_DOWNLOADS_MAX, PODCAST_FEEDS_MAX, PODCAST_LOOK_MS};
use catalog::{EpisodeClaim, UnixMs};
use tokio::task::{Id, JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::{Follower, Podcasts, after, now_ms};

/// What is being done.
#[derive(Default)]
struct Jobs {
    tasks: JoinSet<()>,
    running: HashMap<Id, Job>,
}

enum Job {
    Feed,
    Episode(EpisodeClaim, CancellationToken),
}

impl Jobs {
    fn has_room_for_feed(&self) -> bool {
        self.running.values().filter(|job| matches!(job, Job::Feed)).count() < PODCAST_FEEDS_MAX
    }

    fn has_room_for_episode(&self) -> bool {
        self.running.values().filter(|job| matches!(job, Job::Episode(..))).count() < PODCAST_DOWNLOADS_MAX
    }

    fn begin(&mut self, job: Job, work: impl Future<Output = ()> + Send + 'static) {
        let id = self.tasks.spawn(work).id();
        self.running.insert(id, job);
    }

    fn ended(&mut self, ended: Result<(Id, ()), JoinError>) {
        let id = match ended {
            Ok((id, ())) => id,
            Err(error) => {
                tracing::error!(%error, "work on a podcast ended by itself");
                error.id()
            }
        };
        self.running.remove(&id);
    }
}

impl Podcasts {
    /// Follows the feeds until `stop`. What is on its way then is left as it is, and goes on after the next start.
    pub async fn run(self, stop: impl Future<Output = ()>) {
        let follower = self.0;
        let (mut jobs, mut stop) = (Jobs::default(), pin!(stop));
        if let Err(error) = follower.catalog.release_claims().await {
            tracing::warn!(%error, "podcasts of before wait until their claims are over");
        }
        loop {
            let wait = match follower.begin_what_is_due(&mut jobs).await {
                Ok(next) => until(next),
                Err(error) => {
                    tracing::warn!(%error, "nobody knows what is due of podcasts");
                    Duration::from_millis(PODCAST_LOOK_MS)
                }
            };
            tokio::select! {
                biased;
                () = &mut stop => break,
                () = follower.wake.notified() => follower.call_off(&jobs).await,
                Some(ended) = jobs.tasks.join_next_with_id() => jobs.ended(ended),
                () = tokio::time::sleep(wait) => {}
            }
        }
        jobs.tasks.shutdown().await;
    }
}

impl Follower {
    /// Begins as much as there is room for. Gives when the next is due that there is room for.
    async fn begin_what_is_due(self: &Arc<Self>, jobs: &mut Jobs) -> Result<Option<UnixMs>, catalog::Error> {
        let claim = || after(Duration::from_millis(PODCAST_CLAIM_MS));
        while jobs.has_room_for_feed()
            && let Some(channel) = self.catalog.claim_channel(now_ms(), claim()).await?
        {
            let follower = Arc::clone(self);
            jobs.begin(Job::Feed, async move { follower.refresh(channel).await });
        }
        while jobs.has_room_for_episode()
            && let Some(episode) = self.catalog.claim_episode(now_ms(), claim()).await?
        {
            let (follower, called_off) = (Arc::clone(self), CancellationToken::new());
            let job = Job::Episode(episode.claim, called_off.clone());
            jobs.begin(job, async move { follower.fetch(episode, called_off).await });
        }
        let feed = if jobs.has_room_for_feed() { self.catalog.channel_due().await? } else { None };
        let episode = if jobs.has_room_for_episode() { self.catalog.episode_due().await? } else { None };
        Ok(feed.into_iter().chain(episode).min())
    }

    /// Ends what nobody wants any more, and has the bytes of removed episodes go.
    async fn call_off(&self, jobs: &Jobs) {
        self.ingest.sweep_soon();
        for job in jobs.running.values() {
            let Job::Episode(claim, called_off) = job else { continue };
            // If nobody can be asked it goes on, and whether it is wanted is asked once more in the end.
            if let Ok(false) = self.catalog.is_wanted(*claim).await {
                called_off.cancel();
            }
        }
    }
}

/// How long nothing is due.
fn until(due: Option<UnixMs>) -> Duration {
    let look = Duration::from_millis(PODCAST_LOOK_MS);
    let Some(due) = due else { return look };
    Duration::from_millis(u64::try_from(due.saturating_sub(now_ms())).unwrap_or(0)).min(look)
}
