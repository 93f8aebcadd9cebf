//! `/scan`: how far a scan is, and a new one on demand.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use catalog::scan::{Scanner, Status};
use serde::Serialize;
use tokio::task::JoinSet;
use utoipa::ToSchema;

use crate::{App, json};

/// The scan that was asked for here. At most one, because a second request joins it; it is aborted with the router,
/// which is safe at every point: what a scan wrote is committed batch by batch.
#[derive(Default)]
pub(crate) struct Started(Mutex<JoinSet<()>>);

impl Started {
    /// Starts a scan unless one runs, started here or elsewhere.
    fn start(&self, scanner: &Scanner) {
        let mut scans = self.lock();
        if !scans.is_empty() || scanner.status().running {
            return;
        }
        let scanner = scanner.clone();
        scans.spawn(async move {
            if let Err(error) = scanner.scan().await {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "the scan that was asked for failed"
                );
            }
        });
    }

    /// Whether one that was started here has not ended, be it that it has not begun.
    fn runs(&self) -> bool {
        !self.lock().is_empty()
    }

    /// The tasks that have not ended.
    fn lock(&self) -> MutexGuard<'_, JoinSet<()>> {
        let mut scans = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        while scans.try_join_next().is_some() {}
        scans
    }
}

/// How far it is, a scan that is about to begin included.
fn answer(app: &App) -> ScanAnswer {
    let about_to = app.scans.runs();
    let answer = ScanAnswer::from(app.scanner.status());
    ScanAnswer { running: answer.running || about_to, ..answer }
}

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
    json::answer(StatusCode::OK, &answer(&app))
}

/// Scan the libraries
///
/// Starts a scan and does not wait for it; while one runs this is how to see that.
#[utoipa::path(post, path = "/scan", tag = "server",
    responses((status = 202, description = "a scan runs", body = ScanAnswer)))]
pub(crate) async fn start(State(app): State<Arc<App>>) -> Response {
    app.scans.start(&app.scanner);
    json::answer(StatusCode::ACCEPTED, &answer(&app))
}
