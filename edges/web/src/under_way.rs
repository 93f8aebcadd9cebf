//! What goes on just now: streams, uploads and jobs that have not ended, the caller's own, or everybody's for admins.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use budget::{Pool, limits};
use catalog::{Action, JobState, JobUnderWay, UploadUnderWay, User, UserId, Verdict};
use serde::Serialize;
use utoipa::ToSchema;

use crate::App;
use crate::caller::Caller;
use crate::error::Error;
use crate::json;
use crate::stems::word;
use crate::streams::{self, StreamsAnswer};

/// Whose work somebody sees: his own, or everybody's.
pub(crate) fn whose(user: &User) -> Option<UserId> {
    let is_admin = catalog::access::judge(Some(user), Action::Administer) == Verdict::Allowed;
    (!is_admin).then_some(user.id)
}

/// An upload that has not ended.
#[derive(Serialize, ToSchema)]
pub(crate) struct OpenUploadAnswer {
    #[schema(example = "5f0c3a1d9b7e4c2f8a6d0e1b3c5a7f92")]
    id: String,
    /// The name of whoever sends it.
    user: String,
    #[schema(example = "us-1")]
    user_id: String,
    /// What the sender calls the file.
    name: String,
    /// `receiving`, `checking` or `publishing`.
    phase: &'static str,
    /// Whether a request brings bytes just now.
    sending: bool,
    /// Bytes that are on disk and never have to be sent again.
    received_bytes: u64,
    /// How many there will be; null while nobody has said it.
    length: Option<u64>,
    /// Since when, as RFC 3339.
    since: String,
}

impl OpenUploadAnswer {
    fn of(app: &App, upload: UploadUnderWay) -> Self {
        let far = app.ingest.far(upload.id);
        OpenUploadAnswer {
            id: upload.id.to_string(),
            user: upload.owner_name,
            user_id: upload.owner.to_string(),
            name: upload.filename,
            phase: upload.phase.word(),
            sending: far.is_some_and(|far| far.is_held),
            received_bytes: far.map_or(0, |far| far.received_bytes),
            length: upload.length,
            since: json::moment(upload.created),
        }
    }
}

/// A job that has not ended.
#[derive(Serialize, ToSchema)]
pub(crate) struct OpenJobAnswer {
    job_id: String,
    /// The name of whoever asked for it; null for a stranger.
    user: Option<String>,
    #[schema(example = "us-1")]
    user_id: Option<String>,
    /// The title of the song, or the name of the file that was sent.
    name: String,
    /// The track, if it is of one.
    #[schema(example = "tr-17")]
    track_id: Option<String>,
    /// `pending` or `processing`.
    status: &'static str,
    /// How many stems.
    stems: usize,
    /// `spectral`, `spleeter` or `htdemucs`, if somebody wished for one.
    engine: Option<&'static str>,
    /// The share of the song that is done, from 0 to 1, measured; null while nobody knows how long it is.
    progress: Option<f64>,
    /// As RFC 3339.
    created_at: String,
    /// When it was begun with, the last time.
    started_at: Option<String>,
}

impl From<JobUnderWay> for OpenJobAnswer {
    fn from(job: JobUnderWay) -> Self {
        let share = |of: u64| (job.done as f64 / of as f64).min(1.0);
        OpenJobAnswer {
            job_id: job.id.to_string(),
            user: job.owner_name,
            user_id: job.owner.map(|owner| owner.to_string()),
            name: job.what,
            track_id: job.track.map(|track| track.to_string()),
            status: word(job.state),
            stems: job.count.number(),
            engine: job.engine.map(|engine| engine.word()),
            progress: match job.state {
                JobState::Queued => Some(0.0),
                _ => job.of.filter(|of| *of > 0).map(share),
            },
            created_at: json::moment(job.created),
            started_at: job.started.map(json::moment),
        }
    }
}

/// What goes on, at most so many rows of each kind.
#[derive(Serialize, ToSchema)]
pub(crate) struct UnderWayAnswer {
    /// The first of the running streams.
    streams: StreamsAnswer,
    uploads: Vec<OpenUploadAnswer>,
    jobs: Vec<OpenJobAnswer>,
}

impl UnderWayAnswer {
    /// Of one user or of everybody.
    pub(crate) async fn of(app: &App, whose: Option<UserId>, rows: usize) -> Result<Self, Error> {
        Ok(UnderWayAnswer {
            streams: streams::page(app, whose, None, rows),
            uploads: open_uploads(app, whose, rows).await?,
            jobs: open_jobs(app, whose, rows).await?,
        })
    }
}

async fn open_uploads(app: &App, whose: Option<UserId>, rows: usize) -> Result<Vec<OpenUploadAnswer>, Error> {
    let found = app.catalog.uploads_under_way(whose, rows).await?;
    Ok(found.into_iter().map(|upload| OpenUploadAnswer::of(app, upload)).collect())
}

async fn open_jobs(app: &App, whose: Option<UserId>, rows: usize) -> Result<Vec<OpenJobAnswer>, Error> {
    let found = app.catalog.jobs_under_way(whose, rows).await?;
    Ok(found.into_iter().map(OpenJobAnswer::from).collect())
}

/// Uploads that have not ended.
#[derive(Serialize, ToSchema)]
pub(crate) struct OpenUploadsAnswer {
    uploads: Vec<OpenUploadAnswer>,
}

/// List uploads under way
///
/// The caller's own; for admins everybody's. At most 100.
#[utoipa::path(get, path = "/uploads", tag = "uploads",
    responses((status = 200, description = "those that have not ended", body = OpenUploadsAnswer)))]
pub(crate) async fn uploads(State(app): State<Arc<App>>, caller: Caller) -> Result<Response, Error> {
    let _permit = app.budget.wait(Pool::Listings, limits::LISTING_BYTES).await?;
    let uploads = open_uploads(&app, whose(&caller.identity.user), limits::UNDER_WAY_ROWS_MAX).await?;
    Ok(json::answer(StatusCode::OK, &OpenUploadsAnswer { uploads }))
}

/// Jobs that have not ended.
#[derive(Serialize, ToSchema)]
pub(crate) struct OpenJobsAnswer {
    jobs: Vec<OpenJobAnswer>,
}

/// List jobs under way
///
/// Songs that are to be taken apart, in the order in which they were asked for: the caller's own; for admins everybody's. At
/// most 100.
#[utoipa::path(get, path = "/jobs", tag = "stems",
    responses((status = 200, description = "those that have not ended", body = OpenJobsAnswer)))]
pub(crate) async fn jobs(State(app): State<Arc<App>>, caller: Caller) -> Result<Response, Error> {
    let _permit = app.budget.wait(Pool::Listings, limits::LISTING_BYTES).await?;
    let jobs = open_jobs(&app, whose(&caller.identity.user), limits::UNDER_WAY_ROWS_MAX).await?;
    Ok(json::answer(StatusCode::OK, &OpenJobsAnswer { jobs }))
}
