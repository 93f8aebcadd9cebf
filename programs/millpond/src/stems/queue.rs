//! The line: which job comes next, with what memory, and what becomes of it.
//!
//! One task looks at the line, so that jobs are begun with in their order: it waits until a child may run, looks which job
//! comes next, finds its memory, and claims it. A job that waits for memory keeps those behind it waiting too: a large one
//! would otherwise never find all of the small ones gone.

use std::sync::Arc;
use std::time::{Duration, Instant};

use budget::limits::{JOB_CLAIM_MS, JOB_FILE_WAIT_MS, JOB_LOOK_MS, JOB_MEMORY_WAIT_MS, JOB_RETRY_MS};
use budget::{Fault, Pool};
use catalog::{Job, JobError, JobFault, JobRetry, JobSource, JobState};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

use super::plan::Plan;
use super::running::{Work, Working};
use super::warm::Seat;
use super::work::Trouble;
use super::{Inner, Stems, in_ms, now_ms};

/// A job that is claimed, and what it is done with.
struct Turn {
    job: Job,
    plan: Plan,
    seat: Seat,
    working: Working,
}

impl Stems {
    /// Works until it is time to stop; then no child is left, and what was begun with is as if it had not been.
    pub(crate) async fn run(self, stop: impl Future<Output = ()>) {
        let inner = self.0;
        // Nobody else has this data folder: whatever is said to run does not.
        match inner.catalog.take_up_jobs().await {
            Ok(0) => {}
            Ok(reaped) => tracing::info!(reaped, "songs that were being taken apart are begun with again"),
            Err(error) => tracing::error!(%error, "jobs of before cannot be taken up"),
        }
        let over = CancellationToken::new();
        let (lane, upkeep) = (Arc::clone(&inner), Arc::clone(&inner));
        let (of_line, of_upkeep) = (over.clone(), over.clone());
        inner.tasks.spawn(async move { lane.line(&of_line).await });
        inner.tasks.spawn(async move {
            of_upkeep.run_until_cancelled(upkeep.keep_up()).await;
        });
        stop.await;
        over.cancel();
        inner.tasks.close();
        inner.tasks.wait().await;
        for seat in inner.warm.clear() {
            seat.end().await;
        }
        if let Some(workers) = inner.workers.get() {
            workers.settled().await;
        }
    }
}

impl Inner {
    async fn line(self: &Arc<Self>, over: &CancellationToken) {
        let lanes = Arc::new(Semaphore::new(self.rules.workers));
        while !over.is_cancelled() {
            let lane = over.run_until_cancelled(Arc::clone(&lanes).acquire_owned()).await;
            let Some(Ok(lane)) = lane else { return };
            let begun = over.run_until_cancelled(self.next()).await;
            match begun {
                None => return,
                Some(Ok(Some(turn))) => self.begin(turn, lane, over),
                Some(Ok(None)) => {}
                Some(Err(error)) => {
                    tracing::warn!(%error, "the line of jobs is looked at later");
                    over.run_until_cancelled(tokio::time::sleep(Duration::from_millis(JOB_RETRY_MS))).await;
                }
            }
        }
    }

    /// The next job, claimed, with its memory; none when there is something else to look at first.
    async fn next(&self) -> Result<Option<Turn>, catalog::Error> {
        let Some(job) = self.catalog.next_job(now_ms()).await? else {
            self.quiet().await?;
            return Ok(None);
        };
        let plan = match self.plan(job.wish, &job.source).await {
            Ok(plan) => plan,
            Err(unfit) => {
                if self.catalog.claim_job(self.me, job.id, in_ms(JOB_CLAIM_MS)).await?.is_some() {
                    self.failed(&job, &unfit.into(), JobRetry::Never).await?;
                }
                return Ok(None);
            }
        };
        let work = match job.source {
            JobSource::Track(track) => Some((track, plan.clone())),
            JobSource::Blob { .. } => None,
        };
        if let Some(work) = &work
            && self.is_done_for_another(&job, work).await?
        {
            return Ok(None);
        }
        let Some(seat) = self.seat(&plan).await else { return Ok(None) };
        // Before it is claimed, so that who cancels it right afterwards finds whom to stop.
        let working = self.running.begin(job.id, work);
        match self.catalog.claim_job(self.me, job.id, in_ms(JOB_CLAIM_MS)).await {
            Ok(Some(job)) => Ok(Some(Turn { job, plan, seat, working })),
            // Somebody cancelled it before.
            Ok(None) => {
                self.put_back(seat).await;
                Ok(None)
            }
            Err(e) => {
                self.put_back(seat).await;
                Err(e)
            }
        }
    }

    /// Whether there is nothing to do for a job of a track: what it wishes was made for another one meanwhile, with which it
    /// ends, or is being made for one, for which it waits.
    async fn is_done_for_another(&self, job: &Job, work: &Work) -> Result<bool, catalog::Error> {
        if self.running.makes(work) {
            self.catalog.put_off_job(job.id, in_ms(JOB_RETRY_MS)).await?;
            return Ok(true);
        }
        let (track, plan) = work;
        if self.catalog.stems_of(*track).await?.is_empty() {
            return Ok(false);
        }
        // Whatever is wrong with the track, its try says so; those behind it in the line do not wait for its file.
        let patience = Duration::from_millis(JOB_FILE_WAIT_MS);
        let Ok(Ok(file)) = tokio::time::timeout(patience, self.source_of(*track)).await else {
            return Ok(false);
        };
        let Ok(Some(set)) = self.made_before(*track, &file, plan).await else { return Ok(false) };
        let is_settled = self.catalog.settle_job(job.id, set.id).await?;
        if is_settled {
            self.is_over(job, JobState::Done).await?;
        }
        Ok(is_settled)
    }

    /// Waits until there is something in the line.
    async fn quiet(&self) -> Result<(), catalog::Error> {
        let due_ms = self.catalog.job_due().await?.map(|due| due.saturating_sub(now_ms()));
        let wait_ms =
            due_ms.and_then(|ms| u64::try_from(ms.max(0)).ok()).unwrap_or(JOB_LOOK_MS).min(JOB_LOOK_MS);
        let _ = tokio::time::timeout(Duration::from_millis(wait_ms.max(1)), self.wake.notified()).await;
        Ok(())
    }

    /// Memory for a job: that of a child that has its model, or as much as is free, for which those give way that have
    /// nothing to do. None when there was none for a while.
    async fn seat(&self, plan: &Plan) -> Option<Seat> {
        if let Some(seat) = self.warm.take(&plan.way) {
            return Some(seat);
        }
        loop {
            match self.budget.take(Pool::Stems, plan.reserve_bytes) {
                Ok(permit) => return Some(self.warm.seat(plan.way.clone(), permit)),
                Err(refused) if refused.fault == Fault::Never => return None,
                Err(_) => match self.warm.oldest() {
                    Some(seat) => seat.end().await,
                    None => break,
                },
            };
        }
        let patience = Duration::from_millis(JOB_MEMORY_WAIT_MS);
        let waited = tokio::select! {
            waited = self.budget.wait_within(Pool::Stems, plan.reserve_bytes, patience) => waited,
            // Another job may come before this one now, or this one may be gone.
            () = self.wake.notified() => return None,
        };
        match waited {
            Ok(permit) => Some(self.warm.seat(plan.way.clone(), permit)),
            Err(_) => {
                // Under pressure nobody is even let into the line.
                let pause = Duration::from_millis(JOB_RETRY_MS);
                let _ = tokio::time::timeout(pause, self.wake.notified()).await;
                None
            }
        }
    }

    /// A child that is free again.
    async fn put_back(&self, seat: Seat) {
        if let Some(seat) = self.warm.keep(seat) {
            seat.end().await;
        }
    }

    fn begin(self: &Arc<Self>, turn: Turn, lane: OwnedSemaphorePermit, over: &CancellationToken) {
        let (inner, over) = (Arc::clone(self), over.clone());
        let Turn { job, plan, seat, working } = turn;
        self.running.tell(job.id, |shown| shown.clone_from(&job));
        self.tasks.spawn(async move {
            inner.count().await;
            if let Err(error) = inner.one(&job, &plan, seat, &working, &over).await {
                tracing::error!(job = %job.id, %error, "how a job ended could not be written down; it is begun with again");
            }
            drop(working);
            drop(lane);
            inner.count().await;
            inner.wake.notify_one();
        });
    }

    /// One try of one job, to its end.
    async fn one(
        &self,
        job: &Job,
        plan: &Plan,
        mut seat: Seat,
        working: &Working,
        over: &CancellationToken,
    ) -> Result<(), catalog::Error> {
        let begun = Instant::now();
        let mut decoded = None;
        let tried = tokio::select! {
            biased;
            () = over.cancelled() => None,
            () = working.stop.cancelled() => Some(Err(Trouble::Lost)),
            filled = self.carry_out(job, plan, &mut seat, &mut decoded) => Some(filled),
        };
        let tried = match tried {
            Some(Ok(filled)) => Some(self.publish(job, filled).await),
            Some(Err(trouble)) => Some(Err(trouble)),
            None => None,
        };
        if let Some(flight) = decoded {
            let key = flight.key();
            flight.leave().await;
            self.release(key).await;
        }
        let peak_bytes = seat.worker.as_ref().map_or(0, |worker| worker.child().peak_bytes());
        match tried {
            Some(Ok(())) => {
                self.put_back(seat).await;
                self.figures.took(begun.elapsed(), peak_bytes);
                (self.told)(begun.elapsed(), peak_bytes);
                tracing::info!(job = %job.id, engine = plan.engine(), seconds = begun.elapsed().as_secs_f64(),
                    peak_bytes, "a song was taken apart");
                self.is_over(job, JobState::Done).await
            }
            // A child that was given up in the middle is at it still.
            None => {
                seat.end().await;
                self.catalog.return_job(self.me, job.id).await
            }
            Some(Err(Trouble::Lost)) => {
                seat.end().await;
                Ok(())
            }
            Some(Err(Trouble::Never(error))) => {
                self.after_trouble(seat, &error).await;
                self.failed(job, &error, JobRetry::Never).await
            }
            Some(Err(Trouble::Again(error))) => {
                self.after_trouble(seat, &error).await;
                let due = in_ms(JOB_RETRY_MS.saturating_mul(u64::from(job.attempts)));
                self.failed(job, &error, JobRetry::At(due)).await
            }
        }
    }

    /// A child that said itself that a song is none is as good as before; any other one is ended.
    async fn after_trouble(&self, seat: Seat, error: &JobError) {
        match error.fault {
            JobFault::Song => self.put_back(seat).await,
            JobFault::Wish | JobFault::Room | JobFault::Server => {
                seat.end().await;
            }
        }
    }

    /// A try failed.
    async fn failed(&self, job: &Job, error: &JobError, retry: JobRetry) -> Result<(), catalog::Error> {
        let state = self.catalog.fail_job(self.me, job.id, error, retry).await?;
        tracing::warn!(job = %job.id, reason = error.reason, fault = error.fault.word(),
            state = state.map_or("not ours", |state| state.word()), "a song was not taken apart");
        match state {
            Some(JobState::Queued) => {
                self.figures.retried();
                let job = self.catalog.job(job.id).await?;
                self.running.tell(job.id, |shown| shown.clone_from(&job));
                Ok(())
            }
            Some(state) => self.is_over(job, state).await,
            None => Ok(()),
        }
    }

    /// A job has ended: who watches it is told, and the song that was sent for it goes.
    pub(super) async fn is_over(&self, job: &Job, state: JobState) -> Result<(), catalog::Error> {
        self.figures.ended(state);
        let job = self.catalog.job(job.id).await?;
        self.end(&job).await;
        Ok(())
    }

    /// Tells those who watch, and lets go of the song.
    pub(super) async fn end(&self, job: &Job) {
        if let Some(song) = self.running.end(job) {
            self.let_go(song).await;
        }
    }
}
