//! `/jobs/{id}`: how far a job is, what it made, and that it is not wanted any more.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header::CACHE_CONTROL;
use axum::http::{HeaderValue, StatusCode, request};
use axum::response::Response;
use budget::limits::MIB;
use catalog::{Job, JobId, JobState, StemSet};
use serde::Serialize;
use utoipa::ToSchema;

use super::separate::{addresses, word};
use super::{Asker, pieces};
use crate::App;
use crate::error::{Code, Detail, Error};
use crate::events::{self as live, Told};
use crate::json::{self, Id};

/// How far a job is.
#[derive(Serialize, ToSchema)]
pub(crate) struct StatusAnswer {
    /// Always `ok`: the question was answered. How the job is stands below.
    status: &'static str,
    job: JobAnswer,
}

/// A job.
#[derive(Serialize, ToSchema)]
pub(crate) struct JobAnswer {
    job_id: String,
    /// `pending`, `processing`, `completed`, `failed` or `cancelled`. The last three stay for ever.
    status: &'static str,
    /// How many stems.
    stems: usize,
    /// The share of the song that is done, from 0 to 1, measured; null while nobody knows how long it is.
    progress: Option<f64>,
    /// As RFC 3339.
    created_at: String,
    /// When it was begun with, the last time.
    started_at: Option<String>,
    completed_at: Option<String>,
    /// Why it failed.
    error: Option<String>,
    /// What took it apart: `spectral`, `spleeter` or `htdemucs`.
    engine: Option<String>,
    /// What else is to be said about how.
    notes: Vec<String>,
    /// Where the stems are.
    result_url: Option<String>,
    /// What they weigh together, in MiB.
    result_size_mb: Option<f64>,
    /// How long it took, of one that ended.
    processing_time_seconds: Option<f64>,
    /// How long it has been worked at, of one that is.
    elapsed_time_seconds: Option<f64>,
}

impl JobAnswer {
    pub(super) fn of(job: &Job, set: Option<&StemSet>, result_url: Option<String>) -> JobAnswer {
        let seconds = |from: i64, to: i64| (to.saturating_sub(from)).max(0) as f64 / 1_000.0;
        let took = job.started.zip(job.finished).map(|(started, finished)| seconds(started, finished));
        let is_running = job.state == JobState::Running;
        JobAnswer {
            job_id: job.id.to_string(),
            status: word(job.state),
            stems: job.wish.count.number(),
            progress: match job.state {
                JobState::Done => Some(1.0),
                JobState::Queued => Some(0.0),
                _ => job.of.filter(|of| *of > 0).map(|of| (job.done as f64 / of as f64).min(1.0)),
            },
            created_at: json::moment(job.created),
            started_at: job.started.map(json::moment),
            completed_at: job.finished.map(json::moment),
            error: job.error.as_ref().map(|error| error.reason.clone()),
            engine: job.engine.clone(),
            notes: job.notes.clone(),
            result_url: result_url.filter(|_| job.state == JobState::Done),
            result_size_mb: set.map(|set| {
                let bytes: u64 = set.stems().map(|file| file.length_bytes).sum();
                bytes as f64 / MIB as f64
            }),
            processing_time_seconds: took,
            elapsed_time_seconds: job
                .started
                .filter(|_| is_running)
                .map(|started| seconds(started, json::now())),
        }
    }
}

impl From<&Job> for JobAnswer {
    /// Without the address of its stems, which may be gone by now.
    fn from(job: &Job) -> JobAnswer {
        JobAnswer::of(job, None, None)
    }
}

/// What there is of a job that has no stems yet.
#[derive(Serialize, ToSchema)]
pub(crate) struct NotReadyAnswer {
    /// Always `not_ready`.
    status: &'static str,
    /// `pending` or `processing`.
    current_status: &'static str,
    progress: Option<f64>,
    /// A sentence for people.
    message: &'static str,
}

/// The job of this id, if it is his to see.
async fn seen(app: &App, asker: &Asker, id: JobId) -> Result<Job, Error> {
    let job = app.splitter.job(id).await?;
    if asker.sees(&job) { Ok(job) } else { Err(Error::new(Code::NotFound, "there is no such job")) }
}

async fn shown(app: &App, head: &request::Parts, job: &Job) -> Response {
    // What a finished job made may be gone by now.
    let set = match job.state {
        JobState::Done => app.splitter.set_of(job.id).await.ok(),
        _ => None,
    };
    let [_, result_url] = addresses(app, head, job);
    let result_url = set.is_some().then_some(result_url);
    let answer = StatusAnswer { status: "ok", job: JobAnswer::of(job, set.as_ref(), result_url) };
    let mut answer = json::answer(StatusCode::OK, &answer);
    answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}

/// See a job
#[utoipa::path(get, path = "/jobs/{id}/status", tag = "stems", params(("id" = String, Path)),
    responses((status = 200, description = "how far it is", body = StatusAnswer),
        (status = 404, description = "there is no such job, or it was long ago")))]
pub(crate) async fn status(
    State(app): State<Arc<App>>,
    asker: Asker,
    id: Result<Id<JobId>, Error>,
    head: request::Parts,
) -> Result<Response, Detail> {
    let Id(id) = id?;
    let job = seen(&app, &asker, id).await?;
    Ok(shown(&app, &head, &job).await)
}

/// Fetch the stems of a job
///
/// A zip with a length and with ranges. Of a job that goes on, 202; of one that failed, why.
#[utoipa::path(get, path = "/jobs/{id}/result", tag = "stems", params(("id" = String, Path)),
    responses((status = 200, description = "the stems", body = Vec<u8>, content_type = "application/zip", headers(
            ("x-stems-engine" = String, description = "what took it apart: spectral, spleeter or htdemucs"),
            ("x-stems-note" = String, description = "what else is to be said about how; once for each note"))),
        (status = 206, description = "a part of it", body = Vec<u8>, content_type = "application/zip"),
        (status = 202, description = "not yet", body = NotReadyAnswer),
        (status = 404, description = "there is no such job, or its stems are gone"),
        (status = 422, description = "it failed, and why"),
        (status = 507, description = "it failed because it needs more room than it may ever have")))]
pub(crate) async fn result(
    State(app): State<Arc<App>>,
    asker: Asker,
    id: Result<Id<JobId>, Error>,
    head: request::Parts,
) -> Result<Response, Detail> {
    let Id(id) = id?;
    let job = seen(&app, &asker, id).await?;
    if !job.state.is_end() {
        let JobAnswer { status, progress, .. } = JobAnswer::of(&job, None, None);
        let message = "the stems are not there yet";
        let answer = NotReadyAnswer { status: "not_ready", current_status: status, progress, message };
        return Ok(json::answer(StatusCode::ACCEPTED, &answer));
    }
    let place = app.strangers.place(&asker)?;
    Ok(pieces::send_zip(&app, &asker, &head, &job, place).await?)
}

/// Follow a job
///
/// Server-sent events: each is named `progress` and has the job as its status has it. The stream ends with the job, and when
/// the server stops.
#[utoipa::path(get, path = "/jobs/{id}/events", tag = "stems", params(("id" = String, Path)),
    responses((status = 200, description = "events", body = JobAnswer, content_type = "text/event-stream")))]
pub(crate) async fn events(
    State(app): State<Arc<App>>,
    asker: Asker,
    id: Result<Id<JobId>, Error>,
    head: request::Parts,
) -> Result<Response, Detail> {
    let Id(id) = id?;
    let job = seen(&app, &asker, id).await?;
    let slot = app.watchers.take(asker.account().number).map_err(Error::from)?;
    let [_, result_url] = addresses(&app, &head, &job);
    let source = app.splitter.follow(id).await?;
    Ok(live::answer(&app, slot, source, move |job: &Job| Told {
        event: live::text(Some("progress"), &JobAnswer::of(job, None, Some(result_url.clone()))),
        is_last: job.state.is_end(),
    }))
}

/// Cancel a job
///
/// When this is answered, nobody works for it any more. One that ended stays what it is.
#[utoipa::path(delete, path = "/jobs/{id}", tag = "stems", params(("id" = String, Path)),
    responses((status = 200, description = "what it is now", body = StatusAnswer),
        (status = 404, description = "there is no such job")))]
pub(crate) async fn cancel(
    State(app): State<Arc<App>>,
    asker: Asker,
    id: Result<Id<JobId>, Error>,
    head: request::Parts,
) -> Result<Response, Detail> {
    let Id(id) = id?;
    seen(&app, &asker, id).await?;
    let job = app.splitter.cancel(id).await?;
    Ok(shown(&app, &head, &job).await)
}
