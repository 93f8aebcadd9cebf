//! `/health`: whether everything that the server leans on holds, and in words what does not.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::extract::State;
use axum::http::header::CACHE_CONTROL;
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use budget::{Budget, limits, memory};
use catalog::Catalog;
use catalog::scan::Scanner;
use futures_util::future::join_all;
use rustix::fs::{Access, StatVfsMountFlags};
use serde::Serialize;
use store::{Deaf, FolderId, Folders};
use tokio::time::Instant;
use utoipa::ToSchema;

use crate::{App, json};

mod probe;

use probe::Probe;

/// What `/health` looks at. Clones share the last report, which is given out again while it is fresh.
#[derive(Clone)]
pub struct Health(Arc<Inner>);

struct Inner {
    data: PathBuf,
    catalog: Arc<dyn Catalog>,
    budget: Budget,
    folders: Folders,
    scanner: Scanner,
    last: Mutex<Last>,
    disk: Probe<Check>,
    has_ffmpeg: Box<dyn Fn() -> bool + Send + Sync>,
    libraries: Mutex<Probes>,
}

/// The looks at library folders, one for each, so that one that hangs hides no other.
type Probes = BTreeMap<FolderId, Arc<Probe<bool>>>;

/// The last report, and whether somebody makes a newer one. Never locked across an await.
#[derive(Default)]
struct Last {
    report: Option<(Instant, Arc<Report>)>,
    in_progress: bool,
}

/// What `/health` says.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Report {
    /// `ok`, or `degraded` when any check is.
    status: Status,
    version: &'static str,
    checks: Checks,
}

/// Whether something holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Status {
    /// All is well.
    Ok,
    /// It works less well than it should; `why` says what is missing.
    Degraded,
}

/// Every check by name.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Checks {
    /// The disk of the data folder.
    disk: Check,
    /// The catalog's database.
    database: Check,
    /// The program that transcodes.
    ffmpeg: Check,
    /// Our own memory against its limit.
    memory: Check,
    /// The library folders.
    libraries: Check,
    /// Whether changes in the library folders are heard.
    watch: Check,
}

/// One check.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Check {
    status: Status,
    /// What is wrong, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    free_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resident_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    limit_bytes: Option<u64>,
}

impl Check {
    fn new(why: Option<String>) -> Self {
        let status = if why.is_some() { Status::Degraded } else { Status::Ok };
        Check { status, why, free_bytes: None, resident_bytes: None, limit_bytes: None }
    }
}

impl Health {
    /// Looks at the disk of this data folder, at this catalog, at the memory limit of this budget and at these library
    /// folders, of which `scanner` hears changes. `has_ffmpeg` says whether there is one that can be kept apart, as far as is known.
    pub fn new(
        data: PathBuf,
        catalog: Arc<dyn Catalog>,
        budget: Budget,
        folders: Folders,
        scanner: Scanner,
        has_ffmpeg: impl Fn() -> bool + Send + Sync + 'static,
    ) -> Self {
        Health(Arc::new(Inner {
            data,
            catalog,
            budget,
            folders,
            scanner,
            last: Mutex::default(),
            disk: Probe::default(),
            has_ffmpeg: Box::new(has_ffmpeg),
            libraries: Mutex::default(),
        }))
    }

    /// A report that is at most a little old. One caller at a time makes a new one; the others get the last.
    pub(crate) async fn report(&self) -> Arc<Report> {
        {
            let mut last = self.last();
            if let Some((at, report)) = &last.report {
                let fresh = at.elapsed() < Duration::from_millis(limits::HEALTH_FRESH_MS);
                if fresh || last.in_progress {
                    return Arc::clone(report);
                }
            }
            last.in_progress = true;
        }
        let turn = Turn(self);
        let report = Arc::new(self.check().await);
        self.last().report = Some((Instant::now(), Arc::clone(&report)));
        drop(turn);
        report
    }

    fn last(&self) -> std::sync::MutexGuard<'_, Last> {
        self.0.last.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn check(&self) -> Report {
        let (disk, libraries, database) = tokio::join!(
            self.check_disk(),
            check_libraries(&self.0.folders, &self.0.libraries),
            self.check_database()
        );
        let ffmpeg = check_ffmpeg((self.0.has_ffmpeg)());
        let memory = check_memory(memory::process().resident_bytes, self.0.budget.limit_bytes());
        let watch = check_watch(&self.0.scanner.unwatched());
        let all = [&disk, &database, &ffmpeg, &memory, &libraries, &watch];
        let degraded = all.iter().any(|check| check.status == Status::Degraded);
        let status = if degraded { Status::Degraded } else { Status::Ok };
        let version = env!("CARGO_PKG_VERSION");
        Report { status, version, checks: Checks { disk, database, ffmpeg, memory, libraries, watch } }
    }

    async fn check_disk(&self) -> Check {
        let data = self.0.data.clone();
        self.0.disk.ask(move || look_at_disk(&data)).await.unwrap_or_else(no_answer)
    }

    async fn check_database(&self) -> Check {
        let asked = self.0.catalog.credential_epoch();
        match tokio::time::timeout(Duration::from_millis(limits::HEALTH_CHECK_MS), asked).await {
            Ok(Ok(_)) => Check::new(None),
            Ok(Err(error)) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "the database fails its health check"
                );
                Check::new(Some(error.public().to_owned()))
            }
            Err(_) => Check::new(Some("the database does not answer".to_owned())),
        }
    }
}

/// The right to make the next report; given back also when the request that makes it goes away.
struct Turn<'a>(&'a Health);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.last().in_progress = false;
    }
}

/// Whether every library folder can be reached. Which one cannot is for the log: everybody may read this.
async fn check_libraries(folders: &Folders, probes: &Mutex<Probes>) -> Check {
    let ids = folders.ids();
    let asked: Vec<_> = {
        let mut probes = probes.lock().unwrap_or_else(PoisonError::into_inner);
        // A look that hangs is remembered for as long as it does, also when its library was taken away.
        probes.retain(|id, probe| ids.contains(id) || probe.is_running());
        ids.iter().map(|id| (*id, Arc::clone(probes.entry(*id).or_default()))).collect()
    };
    let looks = asked.into_iter().map(|(id, probe)| {
        let folders = folders.clone();
        async move { probe.ask(move || folders.reopen(id).is_ok()).await == Some(true) }
    });
    let gone = join_all(looks).await.into_iter().filter(|is_there| !is_there).count();
    let why = format!("{gone} of {} libraries cannot be read; what is in them cannot be played", ids.len());
    Check::new((gone > 0).then_some(why))
}

/// Whether changes are heard wherever they should be. Of which library they are not is for the log.
fn check_watch(unwatched: &[(FolderId, Deaf)]) -> Check {
    let mut reasons: Vec<&str> = unwatched.iter().map(|(_, why)| why.words()).collect();
    reasons.sort_unstable();
    reasons.dedup();
    let why = || {
        let (many, reasons) = (unwatched.len(), reasons.join(", and "));
        format!(
            "changes in {many} libraries are not heard, which are looked through each scan.rescan_ms instead: {reasons}"
        )
    };
    Check::new((!unwatched.is_empty()).then(why))
}

/// Of what did not come back in time.
fn no_answer() -> Check {
    Check::new(Some("the disk does not answer".to_owned()))
}

/// Whether the data folder can be written and its disk has room. Nothing is written to find out.
fn look_at_disk(data: &Path) -> Check {
    let figures = match rustix::fs::statvfs(data) {
        Ok(figures) => figures,
        Err(error) => return Check::new(Some(format!("the data folder cannot be looked at: {error}"))),
    };
    let free_bytes = figures.f_bavail.saturating_mul(figures.f_frsize);
    let read_only = figures.f_flag.contains(StatVfsMountFlags::RDONLY)
        || rustix::fs::access(data, Access::WRITE_OK | Access::EXEC_OK).is_err();
    let why = if read_only {
        Some("the data folder cannot be written: sign-ins, scans and play state are not kept".to_owned())
    } else if free_bytes < limits::DISK_FREE_BYTES_MIN {
        Some(format!(
            "less than {} MiB are free on the disk of the data folder",
            limits::DISK_FREE_BYTES_MIN / limits::MIB
        ))
    } else {
        None
    };
    Check { free_bytes: Some(free_bytes), ..Check::new(why) }
}

/// What was found at the start, since that is what children are started with.
fn check_ffmpeg(is_there: bool) -> Check {
    let why = "ffmpeg and ffprobe were not found at the start, or cannot be kept apart here: renditions of videos and \
               sound are not available; `millpond doctor` says which";
    Check::new((!is_there).then(|| why.to_owned()))
}

fn check_memory(resident_bytes: u64, limit_bytes: u64) -> Check {
    let high = resident_bytes > limit_bytes / 100 * limits::MEMORY_HIGH_PERCENT;
    let why = high.then(|| format!("more than {} % of memory.limit is in use", limits::MEMORY_HIGH_PERCENT));
    Check { resident_bytes: Some(resident_bytes), limit_bytes: Some(limit_bytes), ..Check::new(why) }
}

/// How the server is
///
/// `ok`, or `degraded` with the reason at the check that has it. The status is 200 either way: the server answers.
#[utoipa::path(get, path = "/health", tag = "server", security(()),
    responses((status = 200, description = "ok or degraded, and why", body = Report)))]
pub(crate) async fn report(State(app): State<Arc<App>>) -> Response {
    let report = app.health.report().await;
    let mut answer = json::answer(StatusCode::OK, &*report);
    answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}

#[cfg(test)]
mod tests;
