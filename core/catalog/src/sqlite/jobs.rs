//! Jobs, and who is at them.
//!
//! Each change is one statement that names the state, and where it matters the worker, from which it goes: who comes late
//! changes nothing, and a job that ended stays as it is.

use async_trait::async_trait;
use budget::limits::{JOB_ATTEMPTS_MAX, JOB_SERVER_ENDS_MAX};
use sqlx::FromRow;
use sqlx::sqlite::SqliteConnection;

use super::columns::row;
use super::readers::Query;
use super::rows::{self, unsigned};
use super::{Result, Sqlite, limit, now, stems};
use crate::database::Jobs;
use crate::error::{Error, ErrorKind};
use crate::model::{
    Job, JobAdded, JobBounds, JobError, JobId, JobPriority, JobRetry, JobSource, JobState, MadeSet, NewJob,
    StemCount, StemSetId, StemsWish, TrackId, UnixMs, UserId, WorkerId,
};

/// Columns in the order of [`JobRow`].
macro_rules! columns {
    () => {
        "id, owner, track, blob, name, count, wished, extension, format, state, priority, done, total, attempts,
        created, started, finished, error, fault, engine, notes"
    };
}

const ONE: &str = concat!("SELECT ", columns!(), " FROM jobs WHERE id = ?1");
pub(super) const OF_OWNER: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM jobs INDEXED BY jobs_of_owner WHERE owner = ?1 ORDER BY created DESC, id DESC LIMIT ?2"
);
pub(super) const NEXT: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM jobs INDEXED BY jobs_queued WHERE state = 'queued' AND due <= ?1 ORDER BY priority, created, id LIMIT 1"
);
const DUE: &str = "SELECT min(due) FROM jobs INDEXED BY jobs_queued WHERE state = 'queued'";
const COUNTS: &str = "SELECT (SELECT count(*) FROM jobs INDEXED BY jobs_queued WHERE state = 'queued'),
    (SELECT count(*) FROM jobs INDEXED BY jobs_running WHERE state = 'running')";
const OPEN: &str =
    "SELECT (SELECT count(*) FROM jobs INDEXED BY jobs_open WHERE finished IS NULL AND owner IS ?1),
    (SELECT count(*) FROM jobs INDEXED BY jobs_open WHERE finished IS NULL)";
const SAME: &str =
    "SELECT id FROM jobs INDEXED BY jobs_open WHERE finished IS NULL AND owner IS ?1 AND track IS ?2
    AND blob IS ?3 AND count = ?4 AND wished IS ?5 AND extension = ?6 AND format = ?7 LIMIT 1";
const ADD: &str = "INSERT INTO jobs (id, owner, track, blob, name, count, wished, extension, format, state, priority, created)
    SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, 'queued', ?10, ?11
    WHERE ?3 IS NULL OR EXISTS (SELECT 1 FROM tracks WHERE id = ?3)";
const DONE_ALREADY: &str = "UPDATE jobs SET state = 'done', finished = ?3, started = ?3, set_id = ?2,
    engine = s.engine, notes = s.notes, done = s.samples, total = s.samples
    FROM stem_sets s WHERE s.id = ?2 AND jobs.id = ?1 AND jobs.state = 'queued'";
const PUT_OFF: &str = "UPDATE jobs SET due = ?2 WHERE id = ?1 AND state = 'queued'";
const CLAIM: &str = concat!(
    "UPDATE jobs SET state = 'running', worker = ?2, due = ?3, started = ?4, attempts = attempts + 1, done = 0,
        error = NULL, fault = NULL WHERE id = ?1 AND state = 'queued' RETURNING ",
    columns!()
);
/// Whose job it is now.
macro_rules! if_mine {
    () => {
        " WHERE id = ?1 AND worker = ?2 AND state = 'running'"
    };
}
const BEAT: &str = concat!("UPDATE jobs SET done = ?3, total = ?4, due = ?5", if_mine!());
const FINISH: &str = concat!(
    "UPDATE jobs SET state = 'done', worker = NULL, finished = ?3, set_id = ?4, engine = ?5, notes = ?6, done = ?7,
        total = ?7",
    if_mine!(),
    " RETURNING ",
    columns!()
);
const FAIL: &str = concat!(
    "UPDATE jobs SET worker = NULL, due = ?3, error = ?4, fault = ?5,
        state = iif(?6 AND attempts < ?7, 'queued', 'failed'),
        finished = iif(?6 AND attempts < ?7, NULL, ?8)",
    if_mine!(),
    " RETURNING state"
);
const RETURN: &str = concat!(
    "UPDATE jobs SET worker = NULL, due = 0, state = 'queued', attempts = attempts - 1, done = 0",
    if_mine!()
);
const CANCEL: &str = "UPDATE jobs SET state = 'cancelled', worker = NULL, finished = ?2
    WHERE id = ?1 AND finished IS NULL";
const TAKE_UP: &str = "UPDATE jobs INDEXED BY jobs_running SET worker = NULL, due = 0,
        attempts = attempts - 1, server_ends = server_ends + 1,
        state = iif(server_ends + 1 < ?1, 'queued', 'failed'),
        finished = iif(server_ends + 1 < ?1, NULL, ?2),
        error = 'the server ended before it was done, the ' || (server_ends + 1) || '. time', fault = 'server'
    WHERE state = 'running'";
pub(super) const REAP: &str = "UPDATE jobs INDEXED BY jobs_running SET worker = NULL, due = 0,
        state = iif(attempts < ?2, 'queued', 'failed'),
        finished = iif(attempts < ?2, NULL, ?3),
        error = 'nothing more was heard of it before it was done', fault = 'server'
    WHERE state = 'running' AND due <= ?1";
pub(super) const SENT: &str = "SELECT id, owner, blob FROM jobs INDEXED BY jobs_open WHERE finished IS NULL AND blob IS NOT NULL LIMIT ?1";
pub(super) const ENDED: &str =
    "SELECT id, blob, set_id FROM jobs INDEXED BY jobs_ended WHERE finished IS NOT NULL AND finished < ?1
    ORDER BY finished, id LIMIT ?2";
const FORGET: &str = "DELETE FROM jobs WHERE id = ?1";
/// Another job may have been sent the same song.
const IS_SENT: &str = "SELECT count(*) > 0 FROM jobs WHERE blob = ?1";

row! {
    #[derive(FromRow)]
    struct JobRow {
        id: Vec<u8>,
        owner: Option<i64>,
        track: Option<i64>,
        blob: Option<Vec<u8>>,
        name: Option<String>,
        #[sqlx(flatten)]
        wish: WishRow,
        state: String,
        priority: i64,
        done: i64,
        total: Option<i64>,
        attempts: i64,
        created: i64,
        started: Option<i64>,
        finished: Option<i64>,
        error: Option<String>,
        fault: Option<String>,
        engine: Option<String>,
        notes: String,
    }
}

row! {
    /// A song that was sent.
    struct SentRow {
        id: Vec<u8>,
        owner: Option<i64>,
        blob: Vec<u8>,
    }
}

row! {
    /// What was wished, as jobs and sets have it.
    #[derive(FromRow)]
    pub(super) struct WishRow {
        pub(super) count: i64,
        pub(super) wished: Option<String>,
        pub(super) extension: String,
        pub(super) format: String,
    }
}

pub(super) fn damaged(what: &'static str) -> Error {
    Error::new(ErrorKind::Unavailable, what)
}

impl TryFrom<WishRow> for StemsWish {
    type Error = Error;

    fn try_from(row: WishRow) -> Result<StemsWish> {
        let bad = |_| damaged("the wish of a job is none");
        Ok(StemsWish {
            count: StemCount::of(row.count).ok_or_else(|| damaged("the stems of a job are none"))?,
            engine: row.wished.map(|name| name.parse()).transpose().map_err(bad)?,
            extension: row.extension.parse().map_err(bad)?,
            format: row.format.parse().map_err(bad)?,
        })
    }
}

/// The bytes of an id or a key.
pub(super) fn bytes<const N: usize>(found: Vec<u8>) -> Result<[u8; N]> {
    found.try_into().map_err(|_| damaged("an id in the database has another length"))
}

/// Notes are kept as a JSON array.
pub(super) fn notes(text: &str) -> Result<Vec<String>> {
    serde_json::from_str(text).map_err(|e| damaged("the notes of a job are none").because(e))
}

pub(super) fn notes_text(notes: &[String]) -> Result<String> {
    serde_json::to_string(notes).map_err(|e| damaged("notes cannot be written").because(e))
}

impl TryFrom<JobRow> for Job {
    type Error = Error;

    fn try_from(row: JobRow) -> Result<Job> {
        let source = match (row.track, row.blob) {
            (Some(track), _) => JobSource::Track(TrackId(track)),
            (None, Some(key)) => JobSource::Blob { key: bytes(key)?, name: row.name.unwrap_or_default() },
            (None, None) => return Err(damaged("a job is of nothing")),
        };
        let fault = row.fault.map(|fault| fault.parse()).transpose();
        let fault = fault.map_err(|_| damaged("the fault of a job is nobody's"))?;
        let priority = usize::try_from(row.priority).ok().and_then(|at| JobPriority::ALL.get(at).copied());
        Ok(Job {
            id: JobId(bytes(row.id)?),
            owner: row.owner.map(UserId),
            source,
            wish: row.wish.try_into()?,
            state: row.state.parse().map_err(|_| damaged("the state of a job is none"))?,
            priority: priority.ok_or_else(|| damaged("the priority of a job is none"))?,
            done: unsigned(row.done),
            of: row.total.map(unsigned),
            attempts: rows::small(row.attempts),
            created: row.created,
            started: row.started,
            finished: row.finished,
            error: row.error.zip(fault).map(|(reason, fault)| JobError { reason, fault }),
            engine: row.engine,
            notes: notes(&row.notes)?,
        })
    }
}

/// The columns of a source: a track, or a key and a name.
fn source_of(source: &JobSource) -> (Option<i64>, Option<&[u8]>, Option<&str>) {
    match source {
        JobSource::Track(id) => (Some(id.0), None, None),
        JobSource::Blob { key, name } => (None, Some(&key[..]), Some(name)),
    }
}

async fn insert(tx: &mut SqliteConnection, job: &NewJob) -> Result<()> {
    let (track, blob, name) = source_of(&job.source);
    let added = sqlx::query(ADD)
        .bind(&job.id.0[..])
        .bind(job.owner.map(|owner| owner.0))
        .bind(track)
        .bind(blob)
        .bind(name)
        .bind(job.wish.count.number() as i64)
        .bind(job.wish.engine.map(|engine| engine.word()))
        .bind(job.wish.extension.word())
        .bind(job.wish.format.word())
        .bind(job.priority as i64)
        .bind(now())
        .execute(tx)
        .await?;
    if added.rows_affected() == 0 { Err(Error::not_found("track")) } else { Ok(()) }
}

/// Ends a job that waits with a set that is there.
async fn settle(tx: &mut SqliteConnection, job: JobId, set: StemSetId) -> Result<bool> {
    let query = sqlx::query(DONE_ALREADY).bind(&job.0[..]).bind(set.0).bind(now());
    Ok(query.execute(tx).await?.rows_affected() > 0)
}

/// The same owner's same wish that has not ended.
async fn same(tx: &mut SqliteConnection, job: &NewJob) -> Result<Option<JobId>> {
    let (track, blob, _) = source_of(&job.source);
    let found: Option<Vec<u8>> = sqlx::query_scalar(SAME)
        .bind(job.owner.map(|owner| owner.0))
        .bind(track)
        .bind(blob)
        .bind(job.wish.count.number() as i64)
        .bind(job.wish.engine.map(|engine| engine.word()))
        .bind(job.wish.extension.word())
        .bind(job.wish.format.word())
        .fetch_optional(tx)
        .await?;
    found.map(|id| bytes(id).map(JobId)).transpose()
}

fn count(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[async_trait]
impl Jobs for Sqlite {
    async fn add_job(&self, job: &NewJob, bounds: JobBounds) -> Result<JobAdded> {
        let mut tx = self.write().await?;
        if let Some(known) = same(&mut tx, job).await? {
            return Ok(JobAdded::Known(known));
        }
        let query = sqlx::query_as(OPEN).bind(job.owner.map(|owner| owner.0));
        let (of_owner, all): (i64, i64) = query.fetch_one(&mut *tx).await?;
        if of_owner >= count(bounds.of_owner_max) {
            return Ok(JobAdded::TooManyOfOwner);
        }
        if all >= count(bounds.all_max) {
            return Ok(JobAdded::TooMany);
        }
        insert(&mut tx, job).await?;
        tx.commit().await?;
        Ok(JobAdded::Queued)
    }

    async fn add_done_job(&self, job: &NewJob, set: StemSetId) -> Result<()> {
        let mut tx = self.write().await?;
        insert(&mut tx, job).await?;
        if !settle(&mut tx, job.id, set).await? {
            return Err(Error::not_found("stems"));
        }
        tx.commit().await
    }

    async fn put_off_job(&self, id: JobId, due: UnixMs) -> Result<()> {
        let mut tx = self.write().await?;
        sqlx::query(PUT_OFF).bind(&id.0[..]).bind(due).execute(&mut *tx).await?;
        tx.commit().await
    }

    async fn settle_job(&self, id: JobId, set: StemSetId) -> Result<bool> {
        let mut tx = self.write().await?;
        let is_settled = settle(&mut tx, id, set).await?;
        tx.commit().await?;
        Ok(is_settled)
    }

    async fn job(&self, id: JobId) -> Result<Job> {
        self.readers.noun::<JobRow, _>(Query::new(ONE).bind(id.0.to_vec()), "job").await
    }

    async fn jobs(&self, owner: UserId, rows_max: usize) -> Result<Vec<Job>> {
        let query = Query::new(OF_OWNER).bind(owner.0).bind(limit(rows_max));
        let found: Vec<JobRow> = self.readers.all(query).await?;
        rows::all(found)
    }

    async fn open_jobs(&self) -> Result<(u64, u64)> {
        let (queued, running): (i64, i64) = self.readers.one(Query::new(COUNTS)).await?;
        Ok((unsigned(queued), unsigned(running)))
    }

    async fn next_job(&self, now: UnixMs) -> Result<Option<Job>> {
        let found: Option<JobRow> = self.readers.optional(Query::new(NEXT).bind(now)).await?;
        found.map(Job::try_from).transpose()
    }

    async fn job_due(&self) -> Result<Option<UnixMs>> {
        self.readers.one(Query::new(DUE)).await
    }

    async fn claim_job(&self, worker: WorkerId, id: JobId, until: UnixMs) -> Result<Option<Job>> {
        let mut tx = self.write().await?;
        let query = sqlx::query_as(CLAIM).bind(&id.0[..]).bind(&worker.0[..]).bind(until).bind(now());
        let found: Option<JobRow> = query.fetch_optional(&mut *tx).await?;
        tx.commit().await?;
        found.map(Job::try_from).transpose()
    }

    async fn beat_job(
        &self,
        worker: WorkerId,
        id: JobId,
        (done, of): (u64, Option<u64>),
        until: UnixMs,
    ) -> Result<bool> {
        let mut tx = self.write().await?;
        let query = sqlx::query(BEAT).bind(&id.0[..]).bind(&worker.0[..]);
        let query = query.bind(count(done)).bind(of.map(count)).bind(until);
        let is_mine = query.execute(&mut *tx).await?.rows_affected() > 0;
        tx.commit().await?;
        Ok(is_mine)
    }

    async fn finish_job(&self, worker: WorkerId, id: JobId, made: &MadeSet) -> Result<bool> {
        let mut tx = self.write().await?;
        let query = sqlx::query_as(FINISH).bind(&id.0[..]).bind(&worker.0[..]).bind(now());
        let query = query.bind(None::<i64>).bind(&made.engine).bind(notes_text(&made.notes)?);
        let found: Option<JobRow> = query.bind(count(made.samples)).fetch_optional(&mut *tx).await?;
        let Some(job) = found.map(Job::try_from).transpose()? else { return Ok(false) };
        stems::put(&mut tx, &job, made).await?;
        tx.commit().await?;
        Ok(true)
    }

    async fn fail_job(
        &self,
        worker: WorkerId,
        id: JobId,
        error: &JobError,
        retry: JobRetry,
    ) -> Result<Option<JobState>> {
        let due = match retry {
            JobRetry::Never => None,
            JobRetry::At(due) => Some(due),
        };
        let mut tx = self.write().await?;
        let state: Option<String> = sqlx::query_scalar(FAIL)
            .bind(&id.0[..])
            .bind(&worker.0[..])
            .bind(due.unwrap_or(0))
            .bind(&error.reason)
            .bind(error.fault.word())
            .bind(due.is_some())
            .bind(i64::from(JOB_ATTEMPTS_MAX))
            .bind(now())
            .fetch_optional(&mut *tx)
            .await?;
        tx.commit().await?;
        state.map(|state| state.parse().map_err(|_| damaged("the state of a job is none"))).transpose()
    }

    async fn return_job(&self, worker: WorkerId, id: JobId) -> Result<()> {
        let mut tx = self.write().await?;
        sqlx::query(RETURN).bind(&id.0[..]).bind(&worker.0[..]).execute(&mut *tx).await?;
        tx.commit().await
    }

    async fn cancel_job(&self, id: JobId) -> Result<JobState> {
        let mut tx = self.write().await?;
        sqlx::query(CANCEL).bind(&id.0[..]).bind(now()).execute(&mut *tx).await?;
        let found: Vec<JobRow> = sqlx::query_as(ONE).bind(&id.0[..]).fetch_all(&mut *tx).await?;
        let job: Job = rows::one(found, "job")?;
        tx.commit().await?;
        Ok(job.state)
    }

    async fn take_up_jobs(&self) -> Result<u64> {
        let mut tx = self.write().await?;
        let query = sqlx::query(TAKE_UP).bind(i64::from(JOB_SERVER_ENDS_MAX)).bind(now());
        let taken_up = query.execute(&mut *tx).await?.rows_affected();
        tx.commit().await?;
        Ok(taken_up)
    }

    async fn reap_jobs(&self, silent_since: UnixMs) -> Result<u64> {
        let mut tx = self.write().await?;
        let query = sqlx::query(REAP).bind(silent_since).bind(i64::from(JOB_ATTEMPTS_MAX)).bind(now());
        let reaped = query.execute(&mut *tx).await?.rows_affected();
        tx.commit().await?;
        Ok(reaped)
    }

    async fn sent_songs(&self, rows_max: usize) -> Result<Vec<(JobId, Option<UserId>, [u8; 32])>> {
        let query = Query::new(SENT).bind(limit(rows_max));
        let found: Vec<SentRow> = self.readers.all(query).await?;
        let song = |row: SentRow| Ok((JobId(bytes(row.id)?), row.owner.map(UserId), bytes(row.blob)?));
        found.into_iter().map(song).collect()
    }

    async fn forget_jobs(&self, ended_before: UnixMs, rows_max: usize) -> Result<Vec<[u8; 32]>> {
        let mut tx = self.write().await?;
        let query = sqlx::query_as(ENDED).bind(ended_before).bind(limit(rows_max));
        let ended: Vec<(Vec<u8>, Option<Vec<u8>>, Option<i64>)> = query.fetch_all(&mut *tx).await?;
        let mut keys = Vec::new();
        for (id, blob, set) in ended {
            sqlx::query(FORGET).bind(id).execute(&mut *tx).await?;
            let Some(blob) = blob else { continue };
            let is_sent: bool = sqlx::query_scalar(IS_SENT).bind(&blob).fetch_one(&mut *tx).await?;
            if !is_sent {
                keys.push(bytes(blob)?);
            }
            if let Some(set) = set {
                keys.extend(stems::remove(&mut tx, StemSetId(set)).await?);
            }
        }
        tx.commit().await?;
        Ok(keys)
    }
}
