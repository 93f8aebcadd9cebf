//! What goes on just now: streams, uploads and jobs that have not ended, the caller's own, or everybody's for admins.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use budget::{Pool, limits};
use catalog::{Action, JobState, JobUnderWay, UploadUnderWay, User, UserId, Verdict};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::App;
use crate::caller::Caller;
use crate::error::{Code, Error};
use crate::json::{self, Asked};
use crate::stems::word;
use crate::streams::{self, StreamsAnswer};

/// Whose work somebody sees: his own, or everybody's.
pub(crate) fn whose(user: &User) -> Option<UserId> {
    let is_admin = catalog::access::judge(Some(user), Action::Administer) == Verdict::Allowed;
    (!is_admin).then_some(user.id)
}

/// Which page of what goes on, and whose.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct UnderWayQuery {
    /// Rows, 1 to 500; 100 if it is not said. Of uploads and jobs there are at most 100 on a page.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<usize>,
    /// The `next` of the page before.
    after: Option<u64>,
    /// Of this user alone. Everybody may name himself, an admin anybody.
    #[param(example = "us-1")]
    user: Option<String>,
}

/// A page of what goes on.
pub(crate) struct Wanted {
    /// Whose; everybody's if nobody is named.
    pub(crate) whose: Option<UserId>,
    /// Where the page before ended.
    pub(crate) after: Option<u64>,
    pub(crate) rows: usize,
}

impl Wanted {
    /// The same with no more rows than this.
    fn at_most(self, rows_max: usize) -> Self {
        Wanted { rows: self.rows.min(rows_max), ..self }
    }
}

impl UnderWayQuery {
    /// What this user may have of it.
    pub(crate) fn wanted(&self, user: &User) -> Result<Wanted, Error> {
        let named = match &self.user {
            Some(text) => Some(text.parse().map_err(|_| {
                Error::new(Code::Invalid, "user is not the id of a user, which looks like us-1")
            })?),
            None => None,
        };
        let seen = whose(user);
        if named.is_some() && seen.is_some() && named != seen {
            return Err(Error::new(Code::NotAllowed, "what another user has going on is for admins"));
        }
        Ok(Wanted { whose: named.or(seen), after: self.after, rows: json::rows(self.limit)? })
    }
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

/// What goes on: the first page of each kind.
#[derive(Serialize, ToSchema)]
pub(crate) struct UnderWayAnswer {
    streams: StreamsAnswer,
    uploads: OpenUploadsAnswer,
    jobs: OpenJobsAnswer,
}

impl UnderWayAnswer {
    /// Of one user or of everybody, who has so many uploads and jobs. Where there are none, the database is not asked.
    pub(crate) async fn of(
        app: &App,
        whose: Option<UserId>,
        (uploads, jobs): (u64, u64),
        rows: usize,
    ) -> Result<Self, Error> {
        let wanted = Wanted { whose, after: None, rows };
        Ok(UnderWayAnswer {
            streams: streams::page(app, &wanted),
            uploads: OpenUploadsAnswer::of(app, &wanted, uploads).await?,
            jobs: OpenJobsAnswer::of(app, &wanted, jobs).await?,
        })
    }
}

/// Where the page behind this one starts, if there is one: rows may have ended since they were counted.
fn next(offset: u64, rows: usize, count: u64) -> Option<u64> {
    let end = offset.saturating_add(rows as u64);
    (rows > 0 && end < count).then_some(end)
}

/// Uploads that have not ended.
#[derive(Serialize, ToSchema)]
pub(crate) struct OpenUploadsAnswer {
    /// How many there are, on all pages.
    count: u64,
    uploads: Vec<OpenUploadAnswer>,
    /// What `after` is for the next page; null when this is the last.
    next: Option<u64>,
}

impl OpenUploadsAnswer {
    /// A page of as many as were counted.
    async fn of(app: &App, wanted: &Wanted, count: u64) -> Result<Self, Error> {
        let offset = wanted.after.unwrap_or_default();
        let found = match count {
            0 => Vec::new(),
            _ => app.catalog.uploads_under_way(wanted.whose, offset, wanted.rows).await?,
        };
        let next = next(offset, found.len(), count);
        let uploads = found.into_iter().map(|upload| OpenUploadAnswer::of(app, upload)).collect();
        Ok(OpenUploadsAnswer { count, uploads, next })
    }
}

/// List uploads under way
///
/// The caller's own; for admins everybody's.
#[utoipa::path(get, path = "/uploads", tag = "uploads", params(UnderWayQuery),
    responses((status = 200, description = "a page of those that have not ended", body = OpenUploadsAnswer)))]
pub(crate) async fn uploads(
    State(app): State<Arc<App>>,
    caller: Caller,
    Asked(query): Asked<UnderWayQuery>,
) -> Result<Response, Error> {
    let wanted = query.wanted(&caller.identity.user)?.at_most(limits::UNDER_WAY_ROWS_MAX);
    let _permit = app.budget.wait(Pool::Listings, limits::LISTING_BYTES).await?;
    let (count, _) = app.catalog.under_way(wanted.whose).await?;
    Ok(json::answer(StatusCode::OK, &OpenUploadsAnswer::of(&app, &wanted, count).await?))
}

/// Jobs that have not ended.
#[derive(Serialize, ToSchema)]
pub(crate) struct OpenJobsAnswer {
    /// How many there are, on all pages.
    count: u64,
    jobs: Vec<OpenJobAnswer>,
    /// What `after` is for the next page; null when this is the last.
    next: Option<u64>,
}

impl OpenJobsAnswer {
    /// A page of as many as were counted.
    async fn of(app: &App, wanted: &Wanted, count: u64) -> Result<Self, Error> {
        let offset = wanted.after.unwrap_or_default();
        let found = match count {
            0 => Vec::new(),
            _ => app.catalog.jobs_under_way(wanted.whose, offset, wanted.rows).await?,
        };
        let next = next(offset, found.len(), count);
        Ok(OpenJobsAnswer { count, jobs: found.into_iter().map(OpenJobAnswer::from).collect(), next })
    }
}

/// List jobs under way
///
/// Songs that are to be taken apart, in the order in which they were asked for: the caller's own; for admins everybody's.
#[utoipa::path(get, path = "/jobs", tag = "stems", params(UnderWayQuery),
    responses((status = 200, description = "a page of those that have not ended", body = OpenJobsAnswer)))]
pub(crate) async fn jobs(
    State(app): State<Arc<App>>,
    caller: Caller,
    Asked(query): Asked<UnderWayQuery>,
) -> Result<Response, Error> {
    let wanted = query.wanted(&caller.identity.user)?.at_most(limits::UNDER_WAY_ROWS_MAX);
    let _permit = app.budget.wait(Pool::Listings, limits::LISTING_BYTES).await?;
    let (_, count) = app.catalog.under_way(wanted.whose).await?;
    Ok(json::answer(StatusCode::OK, &OpenJobsAnswer::of(&app, &wanted, count).await?))
}
