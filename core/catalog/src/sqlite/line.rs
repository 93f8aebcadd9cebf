//! The line in front of the one connection that writes.
//!
//! A commit waits until the disk has it, and a disk that takes in uploads may need a second for that. So a change waits
//! its turn, first come, first served, and is refused only when the line is full or the wait is over. The small changes
//! of uploads, of which many come at once, do not wait for each other: those that stand in line together go into one
//! transaction, each behind a savepoint of its own, and one wait for the disk is enough for all of them.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use budget::limits::{DATABASE_GROUP_MAX, DATABASE_LINE_MAX, DATABASE_LINE_MS};
use store::BlobKey;
use tokio::sync::{Semaphore, SemaphorePermit, oneshot};
use tokio_util::task::TaskTracker;

use super::playing::Write;
use super::{Result, Sqlite};
use crate::error::{Error, ErrorKind};
use crate::model::{Begun, BlobRow, Phase, TrackId, UploadChange, UploadId, UploadRow};
use crate::scan::Tags;

/// A small change of an upload.
pub(super) enum Job {
    /// With what its owner may have.
    Add(Box<UploadRow>, Option<u64>),
    Change(UploadId, Vec<Phase>, Box<UploadChange>),
    Begin(UploadId, Box<BlobRow>),
    Commit(UploadId, BlobKey, Option<Box<Tags>>),
}

/// What a job gives.
pub(super) enum Done {
    Added,
    Changed(Box<UploadRow>),
    Begun(Box<Begun>),
    Committed(Option<TrackId>),
}

struct Waiting {
    job: Job,
    answer: oneshot::Sender<Result<Done>>,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Waiting>,
    /// A task takes from it.
    served: bool,
}

/// Who waits. Clones are the same line.
#[derive(Clone)]
pub(super) struct Line {
    places: Arc<Semaphore>,
    queue: Arc<Mutex<Queue>>,
    /// Those that do the jobs: at most one that has some, and perhaps one that just saw that there are none.
    pub(super) servers: TaskTracker,
}

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Line").field("waiting", &self.waiting()).finish()
    }
}

fn full() -> Error {
    Error::new(ErrorKind::Busy, "too many changes wait for the database")
}

impl Line {
    pub(super) fn new() -> Self {
        let places = Arc::new(Semaphore::new(DATABASE_LINE_MAX));
        Line { places, queue: Arc::default(), servers: TaskTracker::new() }
    }

    /// A place among those who wait for the connection by themselves.
    pub(super) fn place(&self) -> Result<SemaphorePermit<'_>> {
        self.places.try_acquire().map_err(|_| full())
    }

    /// How many jobs wait.
    pub(super) fn waiting(&self) -> usize {
        self.with(|queue| queue.waiting.len())
    }

    fn with<T>(&self, f: impl FnOnce(&mut Queue) -> T) -> T {
        f(&mut self.queue.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether somebody has to be sent to serve the line.
    fn enter(&self, waiting: Waiting) -> Result<bool> {
        self.with(|queue| {
            if queue.waiting.len() >= DATABASE_LINE_MAX {
                // Who went away needs no place.
                queue.waiting.retain(|waiting| !waiting.answer.is_closed());
            }
            if queue.waiting.len() >= DATABASE_LINE_MAX {
                return Err(full());
            }
            queue.waiting.push_back(waiting);
            Ok(!std::mem::replace(&mut queue.served, true))
        })
    }

    /// The next jobs, without those for which nobody waits any more.
    fn take(&self) -> Vec<Waiting> {
        self.with(|queue| {
            let mut group = Vec::new();
            while group.len() < DATABASE_GROUP_MAX
                && let Some(waiting) = queue.waiting.pop_front()
            {
                if !waiting.answer.is_closed() {
                    group.push(waiting);
                }
            }
            group
        })
    }
}

/// Serves the line until it is empty.
struct Server {
    line: Line,
    finished: bool,
}

impl Server {
    fn is_needed(&mut self) -> bool {
        self.finished = self.line.with(|queue| {
            queue.served = !queue.waiting.is_empty();
            !queue.served
        });
        !self.finished
    }
}

impl Drop for Server {
    /// One that was ended from outside sends everybody away; the next one who comes gets a new server.
    fn drop(&mut self) {
        if !self.finished {
            drop(self.line.with(std::mem::take));
        }
    }
}

impl Sqlite {
    /// Has a job done, together with others if there are some, and waits until it is on the disk. A caller who goes away
    /// before takes it back as long as it is not begun.
    pub(super) async fn in_line(&self, job: Job) -> Result<Done> {
        let (answer, told) = oneshot::channel();
        if self.line.enter(Waiting { job, answer })? {
            let database = self.clone();
            let server = Server { line: self.line.clone(), finished: false };
            self.line.servers.spawn(async move { database.serve(server).await });
        }
        match tokio::time::timeout(Duration::from_millis(DATABASE_LINE_MS), told).await {
            Ok(Ok(done)) => done,
            Ok(Err(_)) => Err(Error::new(ErrorKind::Unavailable, "the database was closed meanwhile")),
            Err(_) => Err(Error::new(ErrorKind::Busy, "the line before the database did not move in time")),
        }
    }

    async fn serve(&self, mut server: Server) {
        while server.is_needed() {
            let opened = self.write().await;
            // Whoever came while this waited goes along.
            let group = server.line.take();
            match opened {
                Ok(tx) => Box::pin(do_all(tx, group)).await,
                Err(error) => {
                    for waiting in group {
                        // One who went away misses nothing.
                        let _ = waiting.answer.send(Err(error.again()));
                    }
                }
            }
        }
    }
}

/// Does jobs in one transaction, and tells each how it went when all is on the disk.
async fn do_all(mut tx: Write, group: Vec<Waiting>) {
    let mut done = Vec::with_capacity(group.len());
    let mut broken = None;
    for Waiting { job, answer } in group {
        let result = match &broken {
            Some(error) => Err(Error::again(error)),
            None => match apart(&mut tx, job).await {
                Ok(result) => result,
                Err(error) => Err(broken.insert(error).again()),
            },
        };
        done.push((answer, result));
    }
    let committed = match broken {
        Some(error) => Err(error),
        None => tx.commit().await,
    };
    for (answer, result) in done {
        let result = match &committed {
            Ok(()) => result,
            Err(error) => result.and_then(|_| Err(error.again())),
        };
        // One who went away finds it done.
        let _ = answer.send(result);
    }
}

/// Does one job so that its failure undoes it alone. The outer error is the transaction's own: nothing of it can stay.
async fn apart(tx: &mut Write, job: Job) -> Result<Result<Done>> {
    sqlx::query("SAVEPOINT job").execute(&mut **tx).await?;
    let result = one(tx, job).await;
    if result.is_err() {
        sqlx::query("ROLLBACK TO job").execute(&mut **tx).await?;
    }
    sqlx::query("RELEASE job").execute(&mut **tx).await?;
    Ok(result)
}

async fn one(tx: &mut Write, job: Job) -> Result<Done> {
    match job {
        Job::Add(row, bytes_max) => {
            super::uploads::add(tx, &row, bytes_max).await?;
            Ok(Done::Added)
        }
        Job::Change(id, from, to) => {
            let row = super::uploads::change(tx, id, &from, &to).await?;
            Ok(Done::Changed(Box::new(row)))
        }
        Job::Begin(id, row) => {
            let begun = super::uploads::begin(tx, id, &row).await?;
            Ok(Done::Begun(Box::new(begun)))
        }
        Job::Commit(id, key, found) => {
            let track = Box::pin(super::uploads::commit(tx, id, &key, found.as_deref())).await?;
            Ok(Done::Committed(track))
        }
    }
}

#[cfg(test)]
mod tests {
    use budget::limits::DATABASE_WAIT_MS;
    use futures_util::future::join_all;
    use store::SpoolId;
    use tempfile::TempDir;

    use super::*;
    use crate::database::{Uploads, Users};
    use crate::model::{Asked, Role, UserId};

    fn row(owner: UserId, n: usize) -> UploadRow {
        let mut id = [7; 16];
        id[..8].copy_from_slice(&n.to_be_bytes());
        UploadRow {
            id: UploadId(SpoolId::from_bytes(id)),
            owner,
            phase: Phase::Receiving,
            is_part: false,
            length: Some(1_000),
            metadata: String::new(),
            ask: Asked::default(),
            created: 1,
            expires: i64::MAX,
            blob: None,
            track: None,
            failure: None,
            suffix: None,
            content_type: None,
        }
    }

    async fn fresh() -> (TempDir, Sqlite, UserId) {
        let folder = tempfile::tempdir().unwrap();
        let database = Sqlite::open(&folder.path().join("test.db")).await.unwrap();
        let ann = database.add_user("ann", Role::User, "hash").await.unwrap();
        (folder, database, ann.id)
    }

    async fn until_waiting(database: &Sqlite, count: usize) {
        while database.line.waiting() < count {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn many_small_changes_outwait_a_slow_disk_and_share_its_syncs() {
        let (_folder, database, ann) = fresh().await;
        let slow = database.write().await.unwrap();
        let rows: Vec<UploadRow> = (0..50).map(|n| row(ann, n)).collect();
        let adds = join_all(rows.iter().map(|row| database.add_upload(row)));
        let disk = async {
            until_waiting(&database, 50).await;
            let others = || async {
                for _ in 0..100 {
                    tokio::task::yield_now().await;
                }
            };
            others().await;
            let before = database.playing.age();
            // Longer than any statement may wait.
            tokio::time::pause();
            tokio::time::advance(Duration::from_millis(DATABASE_WAIT_MS * 2)).await;
            tokio::time::resume();
            others().await;
            assert_eq!(database.line.waiting(), 50, "nobody was sent away");
            slow.commit().await.unwrap();
            before
        };
        let (added, before) = tokio::join!(adds, disk);
        for added in added {
            added.unwrap();
        }
        assert_eq!(database.open_uploads_of(ann).await.unwrap(), 50);
        let commits = database.playing.age() - before;
        assert!(commits <= 3, "{commits} commits for the slow change and fifty small ones");
        database.close().await;
    }

    #[tokio::test]
    async fn a_job_that_fails_undoes_itself_alone() {
        let (_folder, database, ann) = fresh().await;
        let slow = database.write().await.unwrap();
        let (first, again, last) = (row(ann, 1), row(ann, 1), row(ann, 2));
        let cancelled = UploadChange::to(Phase::Cancelled);
        let jobs = async {
            tokio::join!(
                database.add_upload(&first),
                database.add_upload(&again),
                database.change_upload(first.id, &[Phase::Publishing], &cancelled),
                database.add_upload(&last),
            )
        };
        let disk = async {
            until_waiting(&database, 4).await;
            drop(slow);
        };
        let ((first, again, changed, last), ()) = tokio::join!(jobs, disk);
        assert!(first.is_ok() && last.is_ok());
        assert_eq!(again.unwrap_err().kind(), ErrorKind::Exists);
        assert_eq!(changed.unwrap_err().kind(), ErrorKind::NotAllowed);
        assert_eq!(database.open_uploads_of(ann).await.unwrap(), 2);
    }

    #[tokio::test]
    async fn the_line_has_an_end_and_who_leaves_it_changes_nothing() {
        let (_folder, database, ann) = fresh().await;
        let slow = database.write().await.unwrap();
        let rows: Vec<UploadRow> = (0..DATABASE_LINE_MAX).map(|n| row(ann, n)).collect();
        let adds = join_all(rows.iter().map(|row| database.add_upload(row)));
        let refused = async {
            until_waiting(&database, DATABASE_LINE_MAX).await;
            database.add_upload(&row(ann, DATABASE_LINE_MAX)).await.unwrap_err()
        };
        // All leave when one is refused.
        let refused = tokio::select! {
            _ = adds => panic!("somebody else writes"),
            refused = refused => refused,
        };
        assert_eq!(refused.kind(), ErrorKind::Busy);
        drop(slow);
        database.add_upload(&row(ann, DATABASE_LINE_MAX)).await.unwrap();
        assert_eq!(database.open_uploads_of(ann).await.unwrap(), 1);
    }
}
