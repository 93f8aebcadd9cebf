//! Jobs that have not ended, as this server knows them beside their rows: who watches them, what is held for them, and how
//! the one that works for them is stopped.
//!
//! Each has an entry from its submission or first look to its end, so there are no more than jobs in line.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use catalog::{Job, JobId, TrackId};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use transform::Made;

use super::plan::Plan;
use super::songs::Held;

/// All of them.
#[derive(Clone, Default)]
pub(super) struct Running(Arc<Mutex<HashMap<JobId, Open>>>);

#[derive(Default)]
struct Open {
    watchers: Option<watch::Sender<Job>>,
    /// The song that was sent for it: while it is open it cannot be put out of the cache.
    song: Option<Held>,
    at_work: Option<AtWork>,
}

/// What is made of a track, and how.
pub(super) type Work = (TrackId, Plan);

#[derive(Clone)]
struct AtWork {
    /// What is made, of a track: others may wish the same.
    work: Option<Work>,
    stop: CancellationToken,
    over: watch::Receiver<()>,
}

/// Somebody works for a job. Dropped, nobody does any more.
pub(super) struct Working {
    running: Running,
    id: JobId,
    /// Cancelled when nobody wants the job any more.
    pub(super) stop: CancellationToken,
    over: watch::Sender<()>,
}

impl Running {
    fn all(&self) -> MutexGuard<'_, HashMap<JobId, Open>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Somebody begins to work for a job.
    pub(super) fn begin(&self, id: JobId, work: Option<Work>) -> Working {
        let (over, is_over) = watch::channel(());
        let stop = CancellationToken::new();
        let at_work = AtWork { work, stop: stop.clone(), over: is_over };
        self.all().entry(id).or_default().at_work = Some(at_work);
        Working { running: self.clone(), id, stop, over }
    }

    /// Whether somebody makes this at the moment.
    pub(super) fn makes(&self, work: &Work) -> bool {
        let at_work =
            |open: &Open| open.at_work.as_ref().is_some_and(|at_work| at_work.work.as_ref() == Some(work));
        self.all().values().any(at_work)
    }

    /// Has whoever works for a job stop, and returns when nobody does.
    pub(super) async fn stop(&self, id: JobId) {
        let at_work = self.all().get(&id).and_then(|open| open.at_work.clone());
        let Some(AtWork { stop, mut over, .. }) = at_work else { return };
        stop.cancel();
        // It is an error when the sender is gone, which is what is waited for.
        while over.changed().await.is_ok() {}
    }

    /// Holds the song that was sent for a job.
    pub(super) fn hold(&self, id: JobId, song: Held) {
        self.all().entry(id).or_default().song = Some(song);
    }

    /// The song that is held for a job.
    pub(super) fn song(&self, id: JobId) -> Option<Made> {
        self.all().get(&id).and_then(|open| open.song.as_ref().map(|song| song.made.clone()))
    }

    /// A job is no more: nothing is held for it. The song that was.
    pub(super) fn forget(&self, id: JobId) -> Option<Held> {
        self.all().remove(&id)?.song
    }

    /// Those that nobody works for.
    pub(super) fn unattended(&self) -> Vec<JobId> {
        self.all().iter().filter(|(_, open)| open.at_work.is_none()).map(|(id, _)| *id).collect()
    }

    /// How far a job is that somebody watches.
    pub(super) fn far(&self, id: JobId) -> Option<(u64, Option<u64>)> {
        let all = self.all();
        let job = all.get(&id)?.watchers.as_ref()?.borrow();
        Some((job.done, job.of))
    }

    /// Watches a job that has not ended.
    pub(super) fn watch(&self, job: &Job) -> watch::Receiver<Job> {
        let mut all = self.all();
        let watchers = &mut all.entry(job.id).or_default().watchers;
        watchers.get_or_insert_with(|| watch::Sender::new(job.clone())).subscribe()
    }

    /// Changes what those see who watch a job.
    pub(super) fn tell(&self, id: JobId, change: impl FnOnce(&mut Job)) {
        if let Some(watchers) = self.all().get(&id).and_then(|open| open.watchers.as_ref()) {
            watchers.send_modify(change);
        }
    }

    /// A job has ended: those who watch it see that, and nothing is held for it any more. The song that was.
    pub(super) fn end(&self, job: &Job) -> Option<Held> {
        let mut all = self.all();
        let open = all.get_mut(&job.id)?;
        if let Some(watchers) = open.watchers.take() {
            watchers.send_replace(job.clone());
        }
        let song = open.song.take();
        if open.at_work.is_none() {
            all.remove(&job.id);
        }
        song
    }
}

impl Drop for Working {
    fn drop(&mut self) {
        let mut all = self.running.all();
        if let Some(open) = all.get_mut(&self.id) {
            // A claim that ran out may have gone to another by now, who is still at work.
            let over = self.over.subscribe();
            open.at_work.take_if(|at_work| at_work.over.same_channel(&over));
            if open.at_work.is_none() && open.watchers.is_none() && open.song.is_none() {
                all.remove(&self.id);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    #[tokio::test]
    async fn who_stops_a_job_waits_for_whoever_works_for_it() {
        let (running, id) = (Running::default(), JobId([1; 16]));
        running.stop(id).await;
        let working = running.begin(id, None);
        let mut stopped = std::pin::pin!(running.stop(id));
        assert!(stopped.as_mut().now_or_never().is_none() && working.stop.is_cancelled());
        drop(working);
        stopped.await;
        assert_eq!(running.unattended(), []);
    }

    #[tokio::test]
    async fn who_lost_a_job_does_not_hide_who_works_for_it_now() {
        let (running, id) = (Running::default(), JobId([1; 16]));
        let (former, now) = (running.begin(id, None), running.begin(id, None));
        drop(former);
        let mut stopped = std::pin::pin!(running.stop(id));
        assert!(stopped.as_mut().now_or_never().is_none() && now.stop.is_cancelled());
        drop(now);
        stopped.await;
    }
}
