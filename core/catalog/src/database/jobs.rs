//! Jobs, from the wish to the end, and the stems that come of them.

use async_trait::async_trait;

use super::Result;
use crate::model::{
    Job, JobAdded, JobBounds, JobError, JobId, JobRetry, JobState, MadeSet, NewJob, StemSet, StemSetId,
    TrackId, UnixMs, UserId, WorkerId,
};

/// Songs that are to be taken apart. A job waits, is claimed by a worker, which says again and again that it is there,
/// and ends once. What a worker claimed and does not speak of is anybody's after a while.
#[async_trait]
pub trait Jobs: Send + Sync + 'static {
    /// Adds a job within these bounds; the same owner's same wish is one job while it has not ended. `NotFound` when the
    /// track is gone.
    async fn add_job(&self, job: &NewJob, bounds: JobBounds) -> Result<JobAdded>;
    /// Adds a job that is done already: its stems are those of this set. `NotFound` when the set or the track is gone.
    async fn add_done_job(&self, job: &NewJob, set: StemSetId) -> Result<()>;
    /// One job; `NotFound` otherwise. Whose it is, it says itself.
    async fn job(&self, id: JobId) -> Result<Job>;
    /// The jobs of an owner, last asked for first; at most a page.
    async fn jobs(&self, owner: UserId, rows_max: usize) -> Result<Vec<Job>>;
    /// How many jobs wait, and how many run.
    async fn open_jobs(&self) -> Result<(u64, u64)>;

    /// The job that comes next, if any is due: first by priority, then by when it was asked for.
    async fn next_job(&self, now: UnixMs) -> Result<Option<Job>>;
    /// Lets a job that waits wait until then at least.
    async fn put_off_job(&self, id: JobId, due: UnixMs) -> Result<()>;
    /// Ends a job that waits with stems that were made for another one. `false`, and nothing is changed, when it does not wait any
    /// more, or the set is gone.
    async fn settle_job(&self, id: JobId, set: StemSetId) -> Result<bool>;
    /// When the next job is due, if any waits.
    async fn job_due(&self) -> Result<Option<UnixMs>>;
    /// Begins with a job that waits; it is this worker's until then. `None` when it does not wait any more.
    async fn claim_job(&self, worker: WorkerId, id: JobId, until: UnixMs) -> Result<Option<Job>>;
    /// Says that the worker is at it until then, and how far. `false` when it is not its job any more: it was cancelled, or
    /// is somebody else's.
    async fn beat_job(
        &self,
        worker: WorkerId,
        id: JobId,
        progress: (u64, Option<u64>),
        until: UnixMs,
    ) -> Result<bool>;
    /// Ends a job well, with what was made of it, in one transaction. Of a track, the same wish's former sets go. `false`,
    /// and nothing is kept, when it is not this worker's job any more.
    async fn finish_job(&self, worker: WorkerId, id: JobId, made: &MadeSet) -> Result<bool>;
    /// Ends a try that did not succeed, and says how the job is now; `None` when it is not this worker's any more.
    async fn fail_job(
        &self,
        worker: WorkerId,
        id: JobId,
        error: &JobError,
        retry: JobRetry,
    ) -> Result<Option<JobState>>;
    /// Puts a job back in its place, as if it had not been begun with: the server stops.
    async fn return_job(&self, worker: WorkerId, id: JobId) -> Result<()>;
    /// Ends a job that nobody wants any more, unless it ended before; says how it is now. `NotFound` otherwise.
    async fn cancel_job(&self, id: JobId) -> Result<JobState>;
    /// Puts all jobs back that run, whose server ended. That is no try of theirs; those in the middle of which one ended
    /// [`JOB_SERVER_ENDS_MAX`](budget::limits::JOB_SERVER_ENDS_MAX) times have failed. Says how many.
    async fn take_up_jobs(&self) -> Result<u64>;
    /// Puts jobs back of which nothing was heard until now; those that were begun with as often as may be have failed. Says
    /// how many.
    async fn reap_jobs(&self, now: UnixMs) -> Result<u64>;
    /// The songs that were sent for jobs that have not ended: the job, its owner, and what the rendition cache has the song
    /// under; at most so many.
    async fn sent_songs(&self, rows_max: usize) -> Result<Vec<(JobId, Option<UserId>, [u8; 32])>>;
    /// Forgets jobs that ended before, at most so many. Gives what the rendition cache has of them under these keys: songs
    /// that were sent for them, and their stems. Sets of tracks stay.
    async fn forget_jobs(&self, ended_before: UnixMs, rows_max: usize) -> Result<Vec<[u8; 32]>>;
}

/// What songs were taken apart into.
#[async_trait]
pub trait Stems: Send + Sync + 'static {
    /// What a job made, while its files are there.
    async fn stem_set(&self, job: JobId) -> Result<Option<StemSet>>;
    /// The sets of a track, last made first. Who may see the track was found before.
    async fn stems_of(&self, track: TrackId) -> Result<Vec<StemSet>>;
    /// All sets by their ids behind `after`.
    async fn stem_sets(&self, after: Option<StemSetId>, rows_max: usize) -> Result<Vec<StemSet>>;
    /// Forgets a set, one of whose files is gone. Gives the keys of all its files; none when it was gone already.
    async fn drop_stem_set(&self, id: StemSetId) -> Result<Vec<[u8; 32]>>;
}
