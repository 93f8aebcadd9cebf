//! `POST /separate`: a song in, its stems out.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{CONTENT_LOCATION, LOCATION};
use axum::http::{HeaderValue, StatusCode, request};
use axum::response::Response;
use budget::Slot;
use catalog::{Job, JobError, JobFault, JobId, JobPriority, JobState};
use serde::Serialize;
use utoipa::ToSchema;

use super::song::{Sent, receive};
use super::{Asker, Submit, pieces};
use crate::App;
use crate::error::{Code, Detail, Error};
use crate::{caller, json};

/// What the form has.
#[derive(ToSchema)]
#[expect(dead_code, reason = "the parts are read one by one; they stand here for the description")]
pub(crate) struct SeparateForm {
    /// The song: mp3, wav, ogg, flac or m4a, by its name.
    #[schema(value_type = String, format = Binary)]
    file: Vec<u8>,
    /// 2 (vocals, accompaniment), 4 (vocals, drums, bass, other) or 5 (with piano). It may be in the address instead.
    #[schema(default = 2)]
    stems: Option<u8>,
    /// Whether to answer at once with a job, and not with the stems.
    #[schema(default = false)]
    async_mode: Option<bool>,
    /// `spectral`, `spleeter` or `htdemucs`; the best one whose model is here otherwise.
    engine: Option<String>,
    /// `average` or `zeros`: what is done above 11 kHz, where Spleeter's networks hear nothing.
    mask_extension: Option<String>,
}

/// The song is in line.
#[derive(Serialize, ToSchema)]
pub(crate) struct AcceptedAnswer {
    #[schema(example = "5f0c3a1d9b7e4c2f8a6d0e1b3c5a7f92")]
    job_id: String,
    /// As the job's status says it.
    status: &'static str,
    /// A sentence for people.
    message: &'static str,
    /// Where to ask how far it is.
    status_url: String,
    /// Where its stems will be.
    result_url: String,
}

/// Take a song apart
///
/// Answers with a zip that has the stems as WAV at its root, or at once with a job where `async_mode` is true. Nothing of
/// the song is kept longer than its job. Errors are `{"detail"}`.
#[utoipa::path(post, path = "/separate", tag = "stems",
    request_body(content = SeparateForm, content_type = "multipart/form-data"),
    params(("stems" = Option<u8>, Query, description = "as in the form"),
        ("async_mode" = Option<bool>, Query, description = "as in the form")),
    responses((status = 200, description = "the stems", body = Vec<u8>, content_type = "application/zip", headers(
            ("x-stems-engine" = String, description = "what took it apart: spectral, spleeter or htdemucs"),
            ("x-stems-note" = String, description = "what else is to be said about how; once for each note"))),
        (status = 202, description = "a job does it", body = AcceptedAnswer),
        (status = 400, description = "the name, or the file, is none of a song"),
        (status = 413, description = "too large"),
        (status = 422, description = "it cannot be had: there is no such model, or the song cannot be taken apart"),
        (status = 429, description = "too many songs"),
        (status = 507, description = "there is no room for it")))]
pub(crate) async fn separate(
    State(app): State<Arc<App>>,
    asker: Asker,
    request: Request,
) -> Result<Response, Detail> {
    Ok(Box::pin(take_apart(&app, &asker, request)).await?)
}

async fn take_apart(app: &Arc<App>, asker: &Asker, request: Request) -> Result<Response, Error> {
    app.strangers.count(asker)?;
    let (place, turn) = (app.strangers.place(asker)?, app.strangers.turn(asker)?);
    let (head, body) = request.into_parts();
    // The body is read with a head of its own, because this one is needed for the answer.
    let mut form = Request::new(body);
    *form.uri_mut() = head.uri.clone();
    *form.headers_mut() = head.headers.clone();
    let Sent { song, wish } = receive(app, asker, form).await?;
    let priority = match asker {
        Asker::Stranger(_) => JobPriority::Beside,
        Asker::User(_) if wish.is_async() => JobPriority::Asked,
        Asker::User(_) => JobPriority::Waited,
    };
    let job = song.submit(Submit { owner: asker.user(), wish: wish.whole(), priority }).await?;
    if wish.is_async() {
        if let Some(turn) = turn {
            keep_turn(app, job.id, turn);
        }
        return Ok(accepted(app, &head, &job));
    }
    let waiting = Waiting { app: Arc::clone(app), job: Some(job.id) };
    let job = wait(app, job.id).await?;
    waiting.end();
    let mut answer = pieces::send_zip(app, asker, &head, &job, place).await?;
    let address = HeaderValue::try_from(addresses(app, &head, &job)[1].as_str());
    if let Ok(address) = address {
        answer.headers_mut().insert(CONTENT_LOCATION, address);
    }
    Ok(answer)
}

/// A stranger's turn is his until his job has ended.
fn keep_turn(app: &Arc<App>, job: JobId, turn: Slot<IpAddr>) {
    let Some(transforms) = &app.transforms else { return };
    let app = Arc::clone(app);
    transforms.beside(async move {
        if let Err(error) = wait(&app, job).await {
            tracing::debug!(%job, ?error, "nobody knows when a stranger's job ends");
        }
        drop(turn);
    });
}

/// 202 with the job's addresses.
pub(super) fn accepted(app: &App, head: &request::Parts, job: &Job) -> Response {
    let [status_url, result_url] = addresses(app, head, job);
    let location = HeaderValue::try_from(status_url.as_str());
    let answer = AcceptedAnswer {
        job_id: job.id.to_string(),
        status: word(job.state),
        message: "the song is in line; status_url says how far it is",
        status_url,
        result_url,
    };
    let mut answer = json::answer(StatusCode::ACCEPTED, &answer);
    if let Ok(location) = location {
        answer.headers_mut().insert(LOCATION, location);
    }
    answer
}

/// Where a job's status and its result are, as this client knows us.
pub(super) fn addresses(app: &App, head: &request::Parts, job: &Job) -> [String; 2] {
    let base = app.base_url.seen_by(&caller::client(head), head);
    ["status", "result"].map(|what| format!("{base}/jobs/{}/{what}", job.id))
}

/// A state in the words of the splitter's clients.
pub(crate) fn word(state: JobState) -> &'static str {
    match state {
        JobState::Queued => "pending",
        JobState::Running => "processing",
        JobState::Done => "completed",
        JobState::Failed => "failed",
        JobState::Cancelled => "cancelled",
    }
}

/// A job that somebody waits for with his connection open. When he goes, nobody wants it any more.
struct Waiting {
    app: Arc<App>,
    job: Option<JobId>,
}

impl Waiting {
    fn end(mut self) {
        self.job = None;
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let Some(job) = self.job else { return };
        let Some(transforms) = &self.app.transforms else { return };
        let app = Arc::clone(&self.app);
        transforms.beside(async move {
            if let Err(error) = app.splitter.cancel(job).await {
                tracing::debug!(%job, said = error.said, "a job that nobody waits for goes on");
            }
        });
    }
}

/// Waits for the end of a job.
async fn wait(app: &App, id: JobId) -> Result<Job, Error> {
    let mut follow = app.splitter.follow(id).await?;
    let ended = async { follow.wait_for(|job| job.state.is_end()).await.map(|job| job.clone()).ok() };
    match app.stop.run_until_cancelled(ended).await {
        Some(Some(job)) => Ok(job),
        // Whoever told of it has nothing more to tell: the row has the end.
        Some(None) => Ok(app.splitter.job(id).await?),
        None => Err(Error::new(Code::Busy, "the server stops").retry_after(budget::limits::RETRY_AFTER)),
    }
}

/// Why there are no stems of a job that ended without any.
pub(super) fn failure(job: &Job) -> Error {
    match &job.error {
        _ if job.state == JobState::Cancelled => Error::new(Code::NotFound, "the job was cancelled"),
        Some(JobError { reason, fault: JobFault::Song | JobFault::Wish }) => {
            Error::new(Code::Missing, format!("the job failed: {reason}"))
        }
        Some(JobError { reason, fault: JobFault::Room }) => {
            Error::new(Code::NeverFits, format!("the job failed: {reason}"))
        }
        Some(JobError { reason, fault: JobFault::Server }) => {
            Error::new(Code::Broken, format!("the job failed: {reason}"))
        }
        None => Error::new(Code::Broken, "the job failed"),
    }
}
