//! How far an upload or a scan is, as it happens: server-sent events (the HTML standard, section 9.2). What is said is measured;
//! nobody guesses a percentage.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::http::header::CACHE_CONTROL;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::Response;
use budget::{Slot, limits};
use bytes::Bytes;
use catalog::{Phase, UploadId};
use futures_util::stream;
use ingest::Progress;
use serde::Serialize;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use utoipa::ToSchema;

use crate::App;
use crate::caller::Caller;
use crate::error::{Detail, Error};
use crate::json::{self, Id};
use crate::uploads::UploadAnswer;

/// Asks proxies not to hold events back until there are many.
pub(crate) const X_ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");
/// A line that means nothing, so that nobody on the way takes the connection for dead.
pub(crate) const HEARTBEAT: &[u8] = b": still here\n\n";

/// Follow an upload
///
/// Server-sent events: each is named `progress` and has JSON with the phase and the bytes that are on disk. The stream
/// ends with the upload, and when the server stops.
#[utoipa::path(get, path = "/uploads/{id}/events", tag = "uploads", params(("id" = String, Path)),
    responses((status = 200, description = "events", body = UploadAnswer, content_type = "text/event-stream")))]
pub(crate) async fn follow(
    State(app): State<Arc<App>>,
    caller: Caller,
    Id(id): Id<UploadId>,
) -> Result<Response, Error> {
    let own = move |progress: &Progress| text(Some("progress"), &UploadAnswer::of(id, progress));
    events(&app, &caller, id, own).await
}

/// What the audio platform says about an upload.
#[derive(Serialize, ToSchema)]
pub(crate) struct ProgressAnswer {
    upload_id: String,
    /// `pending`, `processing`, `completed` or `failed`.
    status: &'static str,
    /// One sentence for people.
    message: &'static str,
    /// Why it failed.
    error: Option<String>,
    /// `receiving`, `checking`, `publishing`, `ready`, `failed`, `cancelled` or `expired`.
    phase: &'static str,
    /// Always null: nobody knows how long the rest takes. `received_bytes` and `length` are measured.
    server_progress_pct: Option<f64>,
    received_bytes: u64,
    length: Option<u64>,
    track_id: Option<String>,
    file_id: Option<String>,
}

impl ProgressAnswer {
    fn of(id: UploadId, progress: &Progress) -> Self {
        let (status, message) = match progress.phase {
            Phase::Receiving => ("pending", "bytes are coming in"),
            Phase::Checking => ("processing", "all bytes are there and are looked at"),
            Phase::Publishing => ("processing", "the file is brought to where it is kept"),
            Phase::Ready => ("completed", "the track is in the library"),
            Phase::Failed => ("failed", "the upload failed"),
            Phase::Cancelled => ("failed", "the upload was cancelled"),
            Phase::Expired => ("failed", "nothing came for too long"),
        };
        ProgressAnswer {
            upload_id: id.to_string(),
            status,
            message,
            error: (status == "failed")
                .then(|| progress.failure.clone().unwrap_or_else(|| message.to_owned())),
            phase: progress.phase.word(),
            server_progress_pct: None,
            received_bytes: progress.received_bytes,
            length: progress.length,
            track_id: progress.track.map(|track| track.to_string()),
            file_id: progress.blob.map(|blob| blob.file_id().to_string()),
        }
    }
}

/// Follow an upload, as the audio platform says it
///
/// Server-sent events without a name. Errors are `{"detail"}`.
#[utoipa::path(get, path = "/tracks/uploads/{id}/progress", tag = "uploads", params(("id" = String, Path)),
    responses((status = 200, description = "events", body = ProgressAnswer, content_type = "text/event-stream")))]
pub(crate) async fn progress(
    State(app): State<Arc<App>>,
    caller: Caller,
    id: Result<Id<UploadId>, Error>,
) -> Result<Response, Detail> {
    let Id(id) = id?;
    let platforms = move |progress: &Progress| text(None, &ProgressAnswer::of(id, progress));
    Ok(events(&app, &caller, id, platforms).await?)
}

/// One event.
pub(crate) fn text<T: Serialize>(name: Option<&str>, what: &T) -> Bytes {
    // Serialising our own types cannot fail, and JSON has no line break outside of escapes.
    let json = serde_json::to_string(what).unwrap_or_default();
    let name = name.map(|name| format!("event: {name}\n")).unwrap_or_default();
    Bytes::from(format!("{name}data: {json}\n\n"))
}

/// What is said of how far something is.
pub(crate) struct Told {
    pub(crate) event: Bytes,
    /// Nothing will come after it.
    pub(crate) is_last: bool,
}

/// Whoever follows something.
struct Watching<T, W> {
    source: watch::Receiver<T>,
    tell: W,
    /// When the next event may go out: not each of a thousand changes a second is news.
    next: Instant,
    over: bool,
    stop: CancellationToken,
    _slot: Slot<i64>,
}

async fn events<W>(app: &App, caller: &Caller, id: UploadId, write: W) -> Result<Response, Error>
where
    W: Fn(&Progress) -> Bytes + Send + 'static,
{
    let user = &caller.identity.user;
    let slot = app.watchers.take(user.id.0)?;
    let upload = app.ingest.watch(user, id).await?;
    let tell = move |progress: &Progress| Told { event: write(progress), is_last: progress.phase.is_end() };
    Ok(answer(app, slot, upload, tell))
}

/// Says how far something is, at once and then as it goes on, for as long as the slot allows.
pub(crate) fn answer<T, W>(app: &App, slot: Slot<i64>, mut source: watch::Receiver<T>, tell: W) -> Response
where
    T: Send + Sync + 'static,
    W: Fn(&T) -> Told + Send + 'static,
{
    source.mark_changed();
    let watching =
        Watching { source, tell, next: Instant::now(), over: false, stop: app.stop.clone(), _slot: slot };
    let body = Body::from_stream(stream::unfold(watching, next));
    let mut answer = json::typed(StatusCode::OK, "text/event-stream", body);
    let headers = answer.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_ACCEL_BUFFERING, HeaderValue::from_static("no"));
    answer
}

/// The next event, or a heartbeat when nothing happens.
async fn next<T, W>(mut watching: Watching<T, W>) -> Option<(Result<Bytes, Infallible>, Watching<T, W>)>
where
    W: Fn(&T) -> Told,
{
    if watching.over {
        return None;
    }
    let heartbeat = Duration::from_millis(limits::EVENT_HEARTBEAT_MS);
    let (at, source) = (watching.next, &mut watching.source);
    let changed = async {
        sleep_until(at).await;
        timeout(heartbeat, source.changed()).await
    };
    // A server that stops lets answers finish, and this one would only finish with what it follows. Browsers ask again.
    let changed = watching.stop.run_until_cancelled(changed).await?;
    let event = match changed {
        Ok(Ok(())) => {
            let told = (watching.tell)(&watching.source.borrow_and_update());
            watching.over = told.is_last;
            told.event
        }
        // What is followed is let go of only when it has ended.
        Ok(Err(_)) => return None,
        Err(_) => Bytes::from_static(HEARTBEAT),
    };
    watching.next = Instant::now() + Duration::from_millis(limits::EVENT_GAP_MS);
    Some((Ok(event), watching))
}
