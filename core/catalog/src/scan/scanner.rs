//! Scans, one at a time: of everything, or of the parts of libraries in which something happened.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use budget::limits::{
    MEMORY_BASE_BYTES, MEMORY_LIMIT_BYTES_MIN, PASSWORD_HASH_BYTES, SCAN_BYTES, SCAN_READER_BYTES, Share,
    pool_share,
};
use budget::{Budget, Fault, Permit, Pool};
use prometheus_client::registry::Registry;
use store::{FolderId, Folders, Hearing, Part, Watch};
use tokio::sync::{Notify, watch};

use super::inventory::Inventory;
use super::pass::Pass;
use super::status::{Counts, Figures, Report, Status};
use super::wanted::Wanted;
use super::watch::Upkeep;
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
pub struct Scanner(pub(super) Arc<Shared>);

pub(super) struct Shared {
    pub(super) inventory: Arc<dyn Inventory>,
    pub(super) folders: Folders,
    pub(super) budget: Budget,
    state: Mutex<State>,
    status: watch::Sender<Status>,
    /// Wakes [`Scanner::run`] when somebody asked.
    asked: Notify,
    /// Folders in which this process has followed all moves: a scan that broke off may have left some.
    settled: Mutex<BTreeSet<FolderId>>,
    /// What hears changes, while they are heard.
    watch: Mutex<Option<Watch>>,
    hearing: Mutex<BTreeMap<FolderId, Hearing>>,
    /// Parts that were looked at too early.
    left: Mutex<Wanted>,
    is_left: Notify,
    pub(super) figures: Figures,
}

#[derive(Default)]
struct State {
    /// What the scan that runs looks at.
    runs: Option<Reach>,
    /// What was asked for and has not begun.
    wanted: Wanted,
}

/// How far a scan reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reach {
    Everything,
    Parts,
}

/// What became of asking for a scan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// One begins.
    Begins,
    /// One runs already, or is about to; it is as good as another.
    Runs,
}

impl Scanner {
    /// A scanner of these folders for this catalog, whose readers ask this budget.
    pub fn new(catalog: Arc<dyn Inventory>, folders: Folders, budget: Budget) -> Self {
        Scanner(Arc::new(Shared {
            inventory: catalog,
            folders,
            budget,
            state: Mutex::default(),
            status: watch::Sender::default(),
            asked: Notify::new(),
            settled: Mutex::default(),
            watch: Mutex::default(),
            hearing: Mutex::default(),
            left: Mutex::default(),
            is_left: Notify::new(),
            figures: Figures::default(),
        }))
    }

    /// Asks [`Scanner::run`] for a scan of everything and does not wait for it.
    pub fn ask(&self) -> Asked {
        let state = self.0.lock();
        if state.runs == Some(Reach::Everything) || state.wanted.is_everything() {
            return Asked::Runs;
        }
        drop(state);
        self.want(Wanted::everything());
        Asked::Begins
    }

    /// Asks for a look at these parts, after the scan that runs.
    pub(super) fn want(&self, wanted: Wanted) {
        let mut state = self.0.lock();
        state.wanted.add_all(wanted);
        if state.runs.is_none() && !state.wanted.is_empty() {
            // It has found nothing yet; what the one before it found is not its own.
            let is_everything = state.wanted.is_everything();
            self.0.status.send_modify(|status| *status = status.next(is_everything));
        }
        drop(state);
        self.0.asked.notify_one();
    }

    /// Scans everything at once, and then what somebody asks for and what `upkeep` says, until `stop` is ready, which
    /// ends a running scan between two files: what it recorded stays, and the next one goes on from there.
    pub async fn run(self, upkeep: Upkeep, stop: impl Future<Output = ()>) {
        let mut stop = pin!(stop);
        let listener = self.begin_to_hear(upkeep);
        self.ask();
        let work = async {
            tokio::join!(self.obey(), self.heed(listener), self.look_now_and_then(upkeep));
        };
        tokio::select! {
            () = &mut stop => {}
            () = work => {}
        }
        // Nobody will begin what was asked for now, nor hear anything.
        let mut state = self.0.lock();
        state.wanted = Wanted::default();
        self.0.status.send_modify(|status| status.running = state.runs.is_some());
        drop(state);
        self.0.set_watch(None);
    }

    /// Scans whenever somebody asks.
    async fn obey(&self) {
        loop {
            self.asked().await;
            if let Err(error) = Box::pin(self.scan_wanted(None)).await {
                let found = self.status();
                tracing::warn!(%error, ?found, "the scan is not whole; what it did not see stays as it was");
            }
        }
    }

    /// Waits until a scan is asked for that no other scan has answered.
    async fn asked(&self) {
        while self.0.lock().wanted.is_empty() {
            self.0.asked.notified().await;
        }
    }

    /// Looks through all folders. Dropping the future ends the scan; what it recorded stays.
    ///
    /// # Errors
    /// `Busy` while another scan runs. Otherwise the first folder's failure, after all others were looked through: a
    /// folder that is not there, or one without any file of which the catalog knows some, is named and nothing of it
    /// is marked missing.
    pub async fn scan(&self) -> Result<Report, Error> {
        self.scan_wanted(Some(Wanted::everything())).await
    }

    /// Looks at this, or at what was asked for.
    async fn scan_wanted(&self, wanted: Option<Wanted>) -> Result<Report, Error> {
        let (running, wanted) = self.begin(wanted)?;
        let scanned = self.by_library(wanted).await;
        running.end(scanned.as_ref().err());
        let passed_over = self.status().counts.passed_over;
        if running.reach == Reach::Everything && !passed_over.is_empty() {
            tracing::info!("{passed_over}");
        }
        match &scanned {
            // Who listens to the log wants to know what became of his library, not that somebody touched a file in it.
            Ok(report) if running.reach == Reach::Everything || report.counts.is_news() => {
                tracing::info!(?report, reach = ?running.reach, "the scan is done");
            }
            Ok(report) => tracing::debug!(?report, "the scan is done and found nothing"),
            Err(_) => {}
        }
        scanned
    }

    async fn by_library(&self, wanted: Wanted) -> Result<Report, Error> {
        let (started, is_everything) = (Instant::now(), wanted.is_everything());
        let permit = self.0.permit(SCAN_BYTES).await?;
        self.0.inventory.begin_scan().await?;
        let mut failure = None;
        let mut report = Report::default();
        for (folder, parts) in wanted.by_library(&self.0.folders.ids()) {
            self.0.status.send_modify(|status| status.folder = Some(folder));
            match Pass::run(&self.0, folder, parts.clone()).await {
                Ok(()) => report.folders += 1,
                Err(e) => {
                    tracing::error!(
                        folder = folder.0,
                        error = &e as &dyn std::error::Error,
                        "a folder was not scanned"
                    );
                    // What happened there is not told a second time; a library that could not be walked is looked at now
                    // and then, until it can.
                    if parts.iter().any(Part::is_all) {
                        self.0.hearing.lock().unwrap_or_else(PoisonError::into_inner).remove(&folder);
                    }
                    parts
                        .into_iter()
                        .filter(|part| !part.is_all())
                        .for_each(|part| self.0.leave(folder, part));
                    failure.get_or_insert(e);
                }
            }
        }
        drop(permit);
        self.0.count_watched();
        report.counts = self.0.status.borrow().counts;
        report.duration_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        if is_everything {
            self.0
                .figures
                .duration_seconds
                .set(i64::try_from(report.duration_ms / 1_000).unwrap_or(i64::MAX));
        }
        failure.map_or(Ok(report), Err)
    }

    /// How far the scan is, or what the last one found.
    pub fn status(&self) -> Status {
        self.0.status.borrow().clone()
    }

    /// The same as it changes.
    pub fn follow(&self) -> watch::Receiver<Status> {
        self.0.status.subscribe()
    }

    fn begin(&self, wanted: Option<Wanted>) -> Result<(Running<'_>, Wanted), Error> {
        let mut state = self.0.lock();
        // Whoever asked for a scan has one, be it this or the one that runs.
        let asked = std::mem::take(&mut state.wanted);
        if state.runs.is_some() {
            return Err(Error::new(ErrorKind::Busy, "a scan is running already"));
        }
        let wanted = wanted.unwrap_or(asked);
        let reach = if wanted.is_everything() { Reach::Everything } else { Reach::Parts };
        state.runs = Some(reach);
        self.0.status.send_modify(|status| *status = status.next(wanted.is_everything()));
        drop(state);
        self.0.figures.running.set(1);
        Ok((Running { shared: &self.0, reach }, wanted))
    }

    /// Adds what scans find to the metrics.
    pub fn register(&self, registry: &mut Registry) {
        self.0.figures.clone().register(registry);
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

    /// What hears changes, if anything does.
    pub(super) fn watch(&self) -> Option<Watch> {
        self.watch.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn set_watch(&self, watch: Option<Watch>) {
        *self.watch.lock().unwrap_or_else(PoisonError::into_inner) = watch;
    }

    /// How much is heard of a library; `None` when nobody tries to.
    pub(super) fn hearing(&self, id: FolderId) -> Option<Hearing> {
        self.hearing.lock().unwrap_or_else(PoisonError::into_inner).get(&id).copied()
    }

    /// Says how much is heard of a library, and how much was.
    pub(super) fn set_hearing(&self, id: FolderId, hearing: Hearing) -> Option<Hearing> {
        self.hearing.lock().unwrap_or_else(PoisonError::into_inner).insert(id, hearing)
    }

    /// Leaves a part for later.
    pub(super) fn leave(&self, id: FolderId, part: Part) {
        self.left.lock().unwrap_or_else(PoisonError::into_inner).add(id, part);
        self.is_left.notify_one();
    }

    /// Waits for parts that were left, and takes them.
    pub(super) async fn left(&self) -> Wanted {
        loop {
            let left = std::mem::take(&mut *self.left.lock().unwrap_or_else(PoisonError::into_inner));
            if !left.is_empty() {
                return left;
            }
            self.is_left.notified().await;
        }
    }

    /// Adds to what the running scan found.
    pub(super) fn count(&self, found: Counts) {
        self.status.send_modify(|status| status.counts.add(found));
        self.figures.count(found);
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
struct Running<'a> {
    shared: &'a Shared,
    reach: Reach,
}

impl Running<'_> {
    fn end(&self, failure: Option<&Error>) {
        if self.reach == Reach::Everything {
            self.shared.figures.last_failed.set(i64::from(failure.is_some()));
        }
        self.shared.status.send_modify(|status| match failure {
            Some(failure) if self.reach == Reach::Everything => status.failure = Some(failure.to_string()),
            Some(_) => {}
            None => {
                let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                status.ended = Some(UnixMs::try_from(since.as_millis()).unwrap_or(UnixMs::MAX));
            }
        });
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.runs = None;
        let is_next = !state.wanted.is_empty();
        self.shared.status.send_modify(|status| {
            status.running = is_next;
            status.folder = None;
        });
        drop(state);
        self.shared.figures.running.set(0);
    }
}

#[cfg(test)]
mod tests;
