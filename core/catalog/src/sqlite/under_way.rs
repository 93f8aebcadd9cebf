//! What goes on just now.

use async_trait::async_trait;
use store::SpoolId;

use super::columns::row;
use super::jobs::{bytes, damaged};
use super::readers::Query;
use super::rows::unsigned;
use super::{Result, Sqlite, limit, offset as at};
use crate::database::UnderWay;
use crate::error::Error;
use crate::model::{JobId, JobUnderWay, StemCount, TrackId, UploadId, UploadUnderWay, UserId};

macro_rules! uploads {
    ($($which:literal),*) => {
        concat!(
            "SELECT u.id, u.owner, w.name AS owner_name, u.filename, u.phase, u.length, u.created
            FROM uploads u INDEXED BY ", $($which,)* " LIMIT ?1 OFFSET ?2"
        )
    };
}

macro_rules! jobs {
    ($condition:literal) => {
        concat!(
            "SELECT j.id, j.owner, w.name AS owner_name, coalesce(t.title_set, t.title, j.name, '') AS what, j.track,
                j.state, j.count, j.wished, j.done, j.total, j.created, j.started
            FROM jobs j INDEXED BY jobs_open LEFT JOIN users w ON w.id = j.owner LEFT JOIN tracks t ON t.id = j.track
            WHERE j.finished IS NULL",
            $condition,
            " ORDER BY j.created, j.id LIMIT ?1 OFFSET ?2"
        )
    };
}

/// Of everybody there may be very many, and no index has them by time.
pub(super) const UPLOADS: &str =
    uploads!("uploads_open CROSS JOIN users w ON w.id = u.owner WHERE u.ended IS NULL ORDER BY u.id");
/// One user may have few at once, which are sorted.
const UPLOADS_OF: &str = uploads!(
    "uploads_open_by_owner CROSS JOIN users w ON w.id = u.owner WHERE u.ended IS NULL AND u.owner = ?3",
    " ORDER BY u.created, u.id"
);
/// No more jobs are in line than can be sorted at any time.
const JOBS: &str = jobs!("");
const JOBS_OF: &str = jobs!(" AND j.owner = ?3");
/// Both are counted in the indexes of what is open, which hold no more than is let in at once.
const COUNTS: &str = "SELECT (SELECT count(*) FROM uploads INDEXED BY uploads_open WHERE ended IS NULL),
    (SELECT count(*) FROM jobs INDEXED BY jobs_open WHERE finished IS NULL)";
const COUNTS_OF: &str =
    "SELECT (SELECT count(*) FROM uploads INDEXED BY uploads_open_by_owner WHERE ended IS NULL AND owner = ?1),
    (SELECT count(*) FROM jobs INDEXED BY jobs_open WHERE finished IS NULL AND owner = ?1)";

row! {
    struct UploadUnderWayRow {
        id: Vec<u8>,
        owner: i64,
        owner_name: String,
        filename: String,
        phase: String,
        length: Option<i64>,
        created: i64,
    }
}

impl TryFrom<UploadUnderWayRow> for UploadUnderWay {
    type Error = Error;

    fn try_from(row: UploadUnderWayRow) -> Result<UploadUnderWay> {
        Ok(UploadUnderWay {
            id: UploadId(SpoolId::from_bytes(bytes(row.id)?)),
            owner: UserId(row.owner),
            owner_name: row.owner_name,
            filename: row.filename,
            phase: row.phase.parse().map_err(|_| damaged("the phase of an upload is none"))?,
            length: row.length.map(unsigned),
            created: row.created,
        })
    }
}

row! {
    struct JobUnderWayRow {
        id: Vec<u8>,
        owner: Option<i64>,
        owner_name: Option<String>,
        what: String,
        track: Option<i64>,
        state: String,
        count: i64,
        wished: Option<String>,
        done: i64,
        total: Option<i64>,
        created: i64,
        started: Option<i64>,
    }
}

impl TryFrom<JobUnderWayRow> for JobUnderWay {
    type Error = Error;

    fn try_from(row: JobUnderWayRow) -> Result<JobUnderWay> {
        let engine = row.wished.map(|name| name.parse()).transpose();
        Ok(JobUnderWay {
            id: JobId(bytes(row.id)?),
            owner: row.owner.map(UserId),
            owner_name: row.owner_name,
            what: row.what,
            track: row.track.map(TrackId),
            state: row.state.parse().map_err(|_| damaged("the state of a job is none"))?,
            count: StemCount::of(row.count).ok_or_else(|| damaged("the stems of a job are none"))?,
            engine: engine.map_err(|_| damaged("the wish of a job is none"))?,
            done: unsigned(row.done),
            of: row.total.map(unsigned),
            created: row.created,
            started: row.started,
        })
    }
}

/// The statement for one or for all, with what it is about.
fn query([of_all, of_one]: [&'static str; 2], owner: Option<UserId>, offset: u64, rows_max: usize) -> Query {
    let query = Query::new(if owner.is_some() { of_one } else { of_all });
    let query = query.bind(limit(rows_max)).bind(at(offset));
    match owner {
        Some(owner) => query.bind(owner.0),
        None => query,
    }
}

#[async_trait]
impl UnderWay for Sqlite {
    async fn uploads_under_way(
        &self,
        owner: Option<UserId>,
        offset: u64,
        rows_max: usize,
    ) -> Result<Vec<UploadUnderWay>> {
        let query = query([UPLOADS, UPLOADS_OF], owner, offset, rows_max);
        let found: Vec<UploadUnderWayRow> = self.readers.all(query).await?;
        found.into_iter().map(TryFrom::try_from).collect()
    }

    async fn jobs_under_way(
        &self,
        owner: Option<UserId>,
        offset: u64,
        rows_max: usize,
    ) -> Result<Vec<JobUnderWay>> {
        let query = query([JOBS, JOBS_OF], owner, offset, rows_max);
        let found: Vec<JobUnderWayRow> = self.readers.all(query).await?;
        found.into_iter().map(TryFrom::try_from).collect()
    }

    async fn under_way(&self, owner: Option<UserId>) -> Result<(u64, u64)> {
        let query = owner.map_or(Query::new(COUNTS), |owner| Query::new(COUNTS_OF).bind(owner.0));
        let (uploads, jobs): (i64, i64) = self.readers.one(query).await?;
        Ok((unsigned(uploads), unsigned(jobs)))
    }
}
