//! `/scan`: how far a scan is, and a new one on demand.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use catalog::scan::Status;
use serde::Serialize;
use utoipa::ToSchema;

use crate::caller::Caller;
use crate::error::Error;
use crate::{App, events, json};

/// How far a scan is; when none runs, how far the last one came.
#[derive(Serialize, ToSchema)]
pub(crate) struct ScanAnswer {
    running: bool,
    /// Files looked at.
    seen: u64,
    /// Files that were new.
    added: u64,
    /// Files that were different.
    changed: u64,
    /// Files that are gone.
    missing: u64,
    /// Files that were gone and are there again.
    back: u64,
    /// Files that could not be read.
    failed: u64,
    /// When the last scan ended that did not fail, as RFC 3339.
    ended: Option<String>,
    /// What the last scan failed with.
    failure: Option<String>,
}

impl From<Status> for ScanAnswer {
    fn from(status: Status) -> Self {
        ScanAnswer {
            running: status.running,
            seen: status.counts.seen,
            added: status.counts.added,
            changed: status.counts.changed,
            missing: status.counts.missing,
            back: status.counts.back,
            failed: status.counts.failed,
            ended: status.ended.map(json::moment),
            failure: status.failure,
        }
    }
}

/// See how far a scan is
#[utoipa::path(get, path = "/scan", tag = "server",
    responses((status = 200, description = "how far it is", body = ScanAnswer)))]
pub(crate) async fn status(State(app): State<Arc<App>>) -> Response {
    json::answer(StatusCode::OK, &ScanAnswer::from(app.scanner.status()))
}

/// Follow a scan
///
/// Server-sent events: each is named `scan` and says how far it is. The stream ends with the scan, and when the server
/// stops; while none runs, it is one event long.
#[utoipa::path(get, path = "/scan/events", tag = "server",
    responses((status = 200, description = "events", body = ScanAnswer, content_type = "text/event-stream")))]
pub(crate) async fn follow(State(app): State<Arc<App>>, caller: Caller) -> Result<Response, Error> {
    let slot = app.watchers.take(caller.identity.user.id.0)?;
    let tell = |status: &Status| events::Told {
        event: events::text(Some("scan"), &ScanAnswer::from(status.clone())),
        is_last: !status.running,
    };
    Ok(events::answer(&app, slot, app.scanner.follow(), tell))
}

/// Scan the libraries
///
/// Starts a scan and does not wait for it; while one runs this is how to see that.
#[utoipa::path(post, path = "/scan", tag = "server",
    responses((status = 202, description = "a scan runs", body = ScanAnswer)))]
pub(crate) async fn start(State(app): State<Arc<App>>) -> Response {
    app.scanner.ask();
    json::answer(StatusCode::ACCEPTED, &ScanAnswer::from(app.scanner.status()))
}
