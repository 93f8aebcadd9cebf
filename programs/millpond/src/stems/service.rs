//! What faces may do with jobs.

use ::stems::Stem;
use async_trait::async_trait;
use budget::limits::{JOBS_OPEN_MAX, RETRY_AFTER, SEPARATE_STRANGERS_JOBS_MAX};
use catalog::{
    Job, JobAdded, JobBounds, JobId, JobSource, JobState, NewJob, StemFile, StemSet, TrackId, UserId, Viewer,
};
use store::Source;
use tokio::sync::watch;
use transform::Key;
use web::{Cleared, LoadedModel, SplitError, SplitErrorKind, Splitter, Submit, Taking};

use super::plan::{Plan, Unfit};
use super::{Inner, Stems, taking};

type Result<T> = std::result::Result<T, SplitError>;

fn not_found(what: &str) -> SplitError {
    SplitError::new(SplitErrorKind::NotFound, what)
}

fn of_catalog(error: catalog::Error) -> SplitError {
    match error.kind() {
        catalog::ErrorKind::NotFound => not_found("there is no such job or track"),
        catalog::ErrorKind::Busy => {
            SplitError::new(SplitErrorKind::Busy { retry_after: RETRY_AFTER }, error.public())
        }
        _ => {
            tracing::error!(%error, "a job cannot be looked at");
            SplitError::new(SplitErrorKind::Broken, error.public())
        }
    }
}

fn of_transform(error: transform::Error) -> SplitError {
    let kind = match error.kind {
        transform::ErrorKind::Busy { retry_after, .. } => SplitErrorKind::Busy { retry_after },
        _ => SplitErrorKind::Broken,
    };
    tracing::warn!(%error, words = %error.words, "a stem cannot be opened");
    SplitError::new(kind, error.to_string())
}

impl From<Unfit> for SplitError {
    fn from(unfit: Unfit) -> SplitError {
        match unfit {
            Unfit::NoModel(said) => SplitError::new(SplitErrorKind::NoModel, said),
            Unfit::NeverFits(said) => SplitError::new(SplitErrorKind::NeverFits, said),
        }
    }
}

impl Inner {
    /// The file of a track as it is now.
    pub(super) async fn source_of(&self, track: TrackId) -> Result<Source> {
        // The face has judged whose song it is: what a job may be of was found when it was asked for.
        let track = self.catalog.track(&Viewer::server(), track).await.map_err(of_catalog)?;
        let gone = |e: store::Error| match e.kind {
            store::ErrorKind::NotFound | store::ErrorKind::NotAFile => {
                not_found("the track's file is not there")
            }
            _ => SplitError::new(SplitErrorKind::Broken, e.to_string()),
        };
        self.shelf.open(&track.place()).await.map_err(gone)
    }

    /// The sets of a track that are whole, and of the bytes that it has now; others are forgotten.
    async fn whole_sets(&self, track: TrackId) -> Result<Vec<StemSet>> {
        let sets = self.catalog.stems_of(track).await.map_err(of_catalog)?;
        if sets.is_empty() {
            return Ok(sets);
        }
        let source = self.source_of(track).await?;
        let mut whole = Vec::new();
        for set in sets {
            if set.made.source_tag == source.validator().tag() && self.is_whole(&set) {
                whole.push(set);
            } else {
                self.forget(set.id).await.map_err(of_catalog)?;
            }
        }
        Ok(whole)
    }

    /// Stems that are there already and are made as they would be now, whoever wished them in whatever words.
    pub(super) async fn made_before(
        &self,
        track: TrackId,
        source: &Source,
        plan: &Plan,
    ) -> Result<Option<StemSet>> {
        // They may have been made while the file was young.
        let validators = [source.validator().clone(), source.validator().weakened()];
        let is_of = |file: &StemFile, stem: &Stem| {
            validators.iter().any(|validator| Key::from_bytes(file.key) == plan.key(*stem, validator))
        };
        let has = |set: &StemSet, stem: &Stem| set.made.files.iter().any(|file| is_of(file, stem));
        let is_such = |set: &StemSet| plan.stems().iter().all(|stem| has(set, stem));
        Ok(self.whole_sets(track).await?.into_iter().find(is_such))
    }

    /// Adds a job.
    pub(super) async fn add(&self, asked: Submit, source: JobSource) -> Result<JobId> {
        let new = new_job(asked, source)?;
        // Strangers are counted by address where they come in; here they are one, who must leave room for users.
        let (who, of_owner_max) = match new.owner {
            Some(_) => ("you have", self.rules.jobs_per_user),
            None => ("strangers have", SEPARATE_STRANGERS_JOBS_MAX as u64),
        };
        let bounds = JobBounds { of_owner_max, all_max: JOBS_OPEN_MAX };
        match self.catalog.add_job(&new, bounds).await.map_err(of_catalog)? {
            JobAdded::Queued => Ok(new.id),
            JobAdded::Known(id) => Ok(id),
            JobAdded::TooManyOfOwner => {
                let said = format!("{who} {of_owner_max} jobs in line: wait until one is done");
                Err(SplitError::new(SplitErrorKind::TooMany { retry_after: RETRY_AFTER }, said))
            }
            JobAdded::TooMany => {
                let said = format!("there are {JOBS_OPEN_MAX} jobs in line");
                Err(SplitError::new(SplitErrorKind::Busy { retry_after: RETRY_AFTER }, said))
            }
        }
    }

    /// A job is in line now: whoever looks at the line is told. The job.
    pub(super) async fn is_in_line(&self, id: JobId) -> Result<Job> {
        self.wake.notify_one();
        self.count().await;
        self.catalog.job(id).await.map_err(of_catalog)
    }
}

fn new_job(Submit { owner, wish, priority }: Submit, source: JobSource) -> Result<NewJob> {
    let mut id = [0; 16];
    getrandom::fill(&mut id)
        .map_err(|e| SplitError::new(SplitErrorKind::Broken, format!("no random bytes: {e}")))?;
    Ok(NewJob { id: JobId(id), owner, source, wish, priority })
}

#[async_trait]
impl Splitter for Stems {
    async fn begin_song(
        &self,
        owner: Option<UserId>,
        name: &str,
        bytes: Option<u64>,
    ) -> Result<Box<dyn Taking>> {
        Ok(Box::new(taking::begin(&self.0, owner, name, bytes).await?))
    }

    async fn submit(&self, track: TrackId, asked: Submit) -> Result<Job> {
        let inner = &self.0;
        let source = JobSource::Track(track);
        let plan = inner.plan(asked.wish, &source).await?;
        let file = inner.source_of(track).await?;
        if let Some(set) = inner.made_before(track, &file, &plan).await? {
            let done = new_job(asked, source)?;
            inner.catalog.add_done_job(&done, set.id).await.map_err(of_catalog)?;
            return inner.catalog.job(done.id).await.map_err(of_catalog);
        }
        let id = inner.add(asked, source).await?;
        inner.is_in_line(id).await
    }

    async fn job(&self, id: JobId) -> Result<Job> {
        let mut job = self.0.catalog.job(id).await.map_err(of_catalog)?;
        // The row is a second behind.
        if job.state == JobState::Running
            && let Some((done, of)) = self.0.running.far(id)
            && done > job.done
        {
            (job.done, job.of) = (done, of);
        }
        Ok(job)
    }

    async fn follow(&self, id: JobId) -> Result<watch::Receiver<Job>> {
        let job = self.job(id).await?;
        if job.state.is_end() {
            return Ok(watch::channel(job).1);
        }
        let receiver = self.0.running.watch(&job);
        // It may have ended between the look and the watch, and nobody would ever say so.
        let now = self.job(id).await?;
        if now.state.is_end() {
            self.0.end(&now).await;
        }
        Ok(receiver)
    }

    async fn cancel(&self, id: JobId) -> Result<Job> {
        let before = self.job(id).await?;
        if before.state.is_end() {
            return Ok(before);
        }
        let state = self.0.catalog.cancel_job(id).await.map_err(of_catalog)?;
        self.0.running.stop(id).await;
        let job = self.0.catalog.job(id).await.map_err(of_catalog)?;
        if state == JobState::Cancelled {
            self.0.figures.ended(state);
        }
        self.0.end(&job).await;
        self.0.count().await;
        self.0.wake.notify_one();
        Ok(job)
    }

    async fn set_of(&self, job: JobId) -> Result<StemSet> {
        let set = self.0.catalog.stem_set(job).await.map_err(of_catalog)?;
        let set = set.ok_or_else(|| not_found("the job has no stems, or they were put out of the cache"))?;
        if !self.0.is_whole(&set) {
            self.0.forget(set.id).await.map_err(of_catalog)?;
            return Err(not_found("the stems were put out of the cache: ask for them again"));
        }
        Ok(set)
    }

    async fn stems_of(&self, track: TrackId) -> Result<Vec<StemSet>> {
        self.0.whole_sets(track).await
    }

    async fn open(&self, file: &StemFile) -> Result<Source> {
        let made = self.0.transforms.cache().get(Key::from_bytes(file.key)).await.map_err(of_transform)?;
        made.map(|made| made.source)
            .ok_or_else(|| not_found("the stem was put out of the cache: ask for it again"))
    }

    fn models(&self) -> Vec<LoadedModel> {
        self.0.warm.list()
    }

    async fn clear_models(&self) -> Result<Cleared> {
        let (mut workers, mut bytes) = (0, 0);
        for seat in self.0.warm.clear() {
            bytes += seat.end().await;
            workers += 1;
        }
        Ok(Cleared { workers, bytes })
    }
}
