//! Scans, one at a time: all folders, one after the other.

use std::collections::BTreeSet;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use budget::limits::{
    MEMORY_BASE_BYTES, MEMORY_LIMIT_BYTES_MIN, PASSWORD_HASH_BYTES, SCAN_BYTES, SCAN_READER_BYTES, Share,
    pool_share,
};
use budget::{Budget, Fault, Permit, Pool};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use store::{FolderId, Folders};
use tokio::sync::Notify;

use super::inventory::Inventory;
use super::pass::Pass;
use crate::error::{Error, ErrorKind};
use crate::model::UnixMs;

// A scan that has its own permit waits for one reader's, so both must fit the pool at the smallest limit too.
const _: () = {
    let shared = MEMORY_LIMIT_BYTES_MIN - MEMORY_BASE_BYTES - PASSWORD_HASH_BYTES;
    assert!(match pool_share(Pool::Scans) {
        Share::Percent { ceiling, .. } => SCAN_BYTES + SCAN_READER_BYTES <= shared * ceiling / 100,
        Share::Bytes { .. } => false,
    });
};

/// Looks for what changed in the library folders and tells the catalog. A clone is the same scanner.
#[derive(Clone)]
pub struct Scanner(Arc<Shared>);

pub(super) struct Shared {
    pub(super) inventory: Arc<dyn Inventory>,
    pub(super) folders: Folders,
    pub(super) budget: Budget,
    state: Mutex<State>,
    /// Wakes [`Scanner::run`] when somebody asked.
    wanted: Notify,
    /// Folders in which this process has followed all moves: a scan that broke off may have left some.
    settled: Mutex<BTreeSet<FolderId>>,
    figures: Figures,
}

#[derive(Default)]
struct State {
    status: Status,
    /// Whether somebody asked for a scan that has not begun.
    is_asked: bool,
}

/// What became of asking for a scan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// One begins.
    Begins,
    /// One runs already, or is about to; it is as good as another.
    Runs,
}

/// How far a scan is, or what the last one found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// Whether one runs now, or was asked for and is about to.
    pub running: bool,
    /// The folder that is being looked through.
    pub folder: Option<FolderId>,
    /// What it found, over all folders so far.
    pub counts: Counts,
    /// When the last scan ended that did not fail.
    pub ended: Option<UnixMs>,
    /// What the last scan failed with.
    pub failure: Option<String>,
}

/// What a scan found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Files with the name of an audio file.
    pub seen: u64,
    /// Tracks that are new.
    pub added: u64,
    /// Tracks whose files have other bytes than before.
    pub changed: u64,
    /// Tracks whose files were there before and are not.
    pub missing: u64,
    /// Tracks that were missing and are there again, unchanged.
    pub back: u64,
    /// Files that are no audio or could not be read.
    pub failed: u64,
}

/// What one scan found, and how long it took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Folders that were looked through.
    pub folders: u64,
    /// What was found in them.
    pub counts: Counts,
    /// From start to end.
    pub duration_ms: u64,
}

#[derive(Clone, Default)]
struct Figures {
    running: Gauge,
    seen: Counter,
    added: Counter,
    changed: Counter,
    missing: Counter,
    failed: Counter,
    duration_seconds: Gauge,
    last_failed: Gauge,
}

impl Scanner {
    /// A scanner of these folders for this catalog, whose readers ask this budget.
    pub fn new(catalog: Arc<dyn Inventory>, folders: Folders, budget: Budget) -> Self {
        let (state, wanted, settled, figures) = Default::default();
        Scanner(Arc::new(Shared { inventory: catalog, folders, budget, state, wanted, settled, figures }))
    }

    /// Asks [`Scanner::run`] for a scan and does not wait for it.
    pub fn ask(&self) -> Asked {
        let mut state = self.0.lock();
        if state.status.running || state.is_asked {
            return Asked::Runs;
        }
        state.is_asked = true;
        drop(state);
        self.0.wanted.notify_one();
        Asked::Begins
    }

    /// Scans at once, and then whenever somebody asks, until `stop` is ready, which ends a running scan between two
    /// files: what it recorded stays, and the next one goes on from there.
    pub async fn run(self, stop: impl Future<Output = ()>) {
        let mut stop = pin!(stop);
        self.ask();
        loop {
            tokio::select! {
                () = &mut stop => break,
                () = self.asked() => {}
            }
            let scanned = tokio::select! {
                () = &mut stop => break,
                scanned = self.scan() => scanned,
            };
            if let Err(error) = scanned {
                let found = self.status();
                tracing::warn!(%error, ?found, "the scan is not whole; what it did not see stays as it was");
            }
        }
        // Nobody will begin what was asked for now.
        self.0.lock().is_asked = false;
    }

    /// Waits until a scan is asked for that no other scan has answered.
    async fn asked(&self) {
        while !self.0.lock().is_asked {
            self.0.wanted.notified().await;
        }
    }

    /// Looks through all folders. Dropping the future ends the scan; what it recorded stays.
    ///
    /// # Errors
    /// `Busy` while another scan runs. Otherwise the first folder's failure, after all others were looked through: a
    /// folder that is not there, or one without any file of which the catalog knows some, is named and nothing of it
    /// is marked missing.
    pub async fn scan(&self) -> Result<Report, Error> {
        let running = self.begin()?;
        let scanned = self.all_folders().await;
        running.end(scanned.as_ref().err());
        if let Ok(report) = &scanned {
            tracing::info!(?report, "the scan is done");
        }
        scanned
    }

    async fn all_folders(&self) -> Result<Report, Error> {
        let started = Instant::now();
        let permit = self.0.permit(SCAN_BYTES).await?;
        let mut failure = None;
        let mut report = Report::default();
        for folder in self.0.folders.ids() {
            self.0.lock().status.folder = Some(folder);
            match Pass::run(&self.0, folder).await {
                Ok(()) => report.folders += 1,
                Err(e) => {
                    tracing::error!(
                        folder = folder.0,
                        error = &e as &dyn std::error::Error,
                        "a folder was not scanned"
                    );
                    failure.get_or_insert(e);
                }
            }
        }
        drop(permit);
        report.counts = self.0.lock().status.counts;
        report.duration_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.0.figures.duration_seconds.set(i64::try_from(report.duration_ms / 1_000).unwrap_or(i64::MAX));
        failure.map_or(Ok(report), Err)
    }

    /// How far the scan is, or what the last one found.
    pub fn status(&self) -> Status {
        let state = self.0.lock();
        if state.is_asked {
            // It has found nothing yet; what the one before it found is not its own.
            return Status { running: true, ended: state.status.ended, ..Status::default() };
        }
        state.status.clone()
    }

    fn begin(&self) -> Result<Running<'_>, Error> {
        let mut state = self.0.lock();
        // Whoever asked for a scan has one, be it this or the one that runs.
        state.is_asked = false;
        if state.status.running {
            return Err(Error::new(ErrorKind::Busy, "a scan is running already"));
        }
        state.status = Status { running: true, ended: state.status.ended, ..Status::default() };
        drop(state);
        self.0.figures.running.set(1);
        Ok(Running(&self.0))
    }

    /// Adds what scans find to the metrics.
    pub fn register(&self, registry: &mut Registry) {
        let Figures { running, seen, added, changed, missing, failed, duration_seconds, last_failed } =
            self.0.figures.clone();
        registry.register("scan_running", "Whether a scan runs now", running);
        registry.register("scan_files_seen", "Audio files that scans came by", seen);
        registry.register("scan_tracks_added", "Tracks that scans found new", added);
        registry.register("scan_tracks_changed", "Tracks whose files scans found changed", changed);
        registry.register("scan_tracks_missing", "Tracks whose files scans found gone", missing);
        registry.register("scan_files_failed", "Files that scans could not take for tracks", failed);
        registry.register("scan_last_duration_seconds", "How long the last scan took", duration_seconds);
        let help = "Whether the last scan failed: a folder could not be looked through";
        registry.register("scan_last_failed", help, last_failed);
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn is_unsettled(&self, folder: FolderId) -> bool {
        !self.settled.lock().unwrap_or_else(PoisonError::into_inner).contains(&folder)
    }

    pub(super) fn set_settled(&self, folder: FolderId, is_settled: bool) {
        let mut settled = self.settled.lock().unwrap_or_else(PoisonError::into_inner);
        if is_settled {
            settled.insert(folder)
        } else {
            settled.remove(&folder)
        };
    }

    /// Adds to what the running scan found.
    pub(super) fn count(&self, found: Counts) {
        let mut state = self.lock();
        let counts = &mut state.status.counts;
        counts.seen += found.seen;
        counts.added += found.added;
        counts.changed += found.changed;
        counts.missing += found.missing;
        counts.back += found.back;
        counts.failed += found.failed;
        drop(state);
        self.figures.seen.inc_by(found.seen);
        self.figures.added.inc_by(found.added);
        self.figures.changed.inc_by(found.changed);
        self.figures.missing.inc_by(found.missing);
        self.figures.failed.inc_by(found.failed);
    }

    /// A permit of the scans' pool. A scan has time: when the pool is full, it asks again.
    pub(super) async fn permit(&self, bytes: u64) -> Result<Permit, Error> {
        loop {
            match self.budget.wait(Pool::Scans, bytes).await {
                Ok(permit) => return Ok(permit),
                Err(refused) if refused.fault == Fault::Never => return Err(refused.into()),
                Err(refused) => tokio::time::sleep(refused.retry_after).await,
            }
        }
    }
}

/// A scan that runs, until this is dropped.
struct Running<'a>(&'a Shared);

impl Running<'_> {
    fn end(self, failure: Option<&Error>) {
        self.0.figures.last_failed.set(i64::from(failure.is_some()));
        let status = &mut self.0.lock().status;
        status.failure = failure.map(ToString::to_string);
        if failure.is_none() {
            let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            status.ended = Some(UnixMs::try_from(since.as_millis()).unwrap_or(UnixMs::MAX));
        }
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.status.running = false;
        state.status.folder = None;
        drop(state);
        self.0.figures.running.set(0);
    }
}

#[cfg(test)]
mod tests;
