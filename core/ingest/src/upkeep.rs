//! What nobody waits for: files that dropped requests left open, publications, and clearing up after uploads that ended.

use std::sync::Arc;
use std::time::Duration;

use budget::limits::{
    PUBLISH_RETRY_MS, PUBLISHING_MAX, UPLOAD_CHORES_MAX, UPLOAD_PARKED_MAX, UPLOAD_PARKED_MS, UPLOAD_STOP_MS,
    UPLOAD_TEND_MS,
};
use catalog::{Phase, UploadChange};
use futures_util::StreamExt as _;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::engine::{Engine, Ingest, OPEN};
use crate::metrics::Ended;
use crate::table::{Chore, Entry, Held};

impl Ingest {
    /// Looks after uploads until `stop` is ready; then everything that came is synced, and what was being published is
    /// left for the next start. One call is enough for all clones.
    pub async fn run(self, stop: impl Future<Output = ()>) {
        let stopping = CancellationToken::new();
        let stopped = async {
            stop.await;
            stopping.cancel();
        };
        let (engine, stopping) = (&self.0, &stopping);
        tokio::join!(
            stopped,
            engine.tend(stopping),
            engine.reap(stopping),
            engine.expire(stopping),
            engine.scrub(stopping),
            engine.abandon(stopping)
        );
        self.0.completions.close();
        let patience = Duration::from_millis(UPLOAD_STOP_MS);
        if tokio::time::timeout(patience, self.0.completions.wait()).await.is_err() {
            tracing::warn!("uploads are still being completed; the next start goes on with them");
        }
        self.0.flush_all().await;
    }

    /// Does once what [`Ingest::run`] does all the time for open uploads, and waits until it is done.
    #[doc(hidden)]
    pub async fn tend_once(&self) {
        let mut tasks = Tasks::default();
        self.0.begin_chores(&mut tasks);
        while tasks.next().await.is_some() {}
        drop(tasks);
        self.0.abandon_waiting().await;
    }
}

/// What is being done for uploads at which nobody works. Completions may wait for a store that is away, and the others
/// do not wait behind them.
#[derive(Default)]
pub(crate) struct Tasks<'a> {
    pub(crate) completions: FuturesUnordered<BoxFuture<'a, ()>>,
    pub(crate) others: FuturesUnordered<BoxFuture<'a, ()>>,
}

impl Tasks<'_> {
    fn is_empty(&self) -> bool {
        self.completions.is_empty() && self.others.is_empty()
    }

    /// Waits until one is done; `None` when there is none.
    async fn next(&mut self) -> Option<()> {
        tokio::select! {
            Some(()) = self.completions.next(), if !self.completions.is_empty() => Some(()),
            Some(()) = self.others.next(), if !self.others.is_empty() => Some(()),
            else => None,
        }
    }
}

impl Engine {
    async fn tend(&self, stopping: &CancellationToken) {
        let mut tasks = Tasks::default();
        loop {
            self.begin_chores(&mut tasks);
            tokio::select! {
                () = stopping.cancelled() => return,
                () = self.wake.notified() => {}
                Some(()) = tasks.next(), if !tasks.is_empty() => {}
                () = tokio::time::sleep(Duration::from_millis(UPLOAD_TEND_MS)) => {}
            }
        }
    }

    /// Begins what is to be done now. An upload that is being looked after is held, so that it is not begun twice.
    pub(crate) fn begin_chores<'a>(&'a self, tasks: &mut Tasks<'a>) {
        let (now, entries) = (Instant::now(), self.table.all());
        let parked = entries.iter().filter(|entry| entry.is_parked()).count();
        let patience = Duration::from_millis(if parked > UPLOAD_PARKED_MAX { 0 } else { UPLOAD_PARKED_MS });
        for entry in entries {
            let Some(chore) = entry.chore(now, patience) else { continue };
            let (among, max) = match chore {
                Chore::Complete => (&mut tasks.completions, PUBLISHING_MAX),
                _ => (&mut tasks.others, UPLOAD_CHORES_MAX),
            };
            if among.len() >= max {
                continue;
            }
            let Some(held) = entry.free_baton() else { continue };
            among.push(Box::pin(self.do_chore(entry, held, chore)));
        }
    }

    async fn do_chore(&self, entry: Arc<Entry>, mut held: Held, chore: Chore) {
        match chore {
            Chore::Flush => {
                if let Err(error) = self.open(&mut held).await {
                    tracing::warn!(upload = %entry.id, %error, "what a request left could not be synced");
                }
            }
            Chore::Close => {
                let spooled = held.spooled.take();
                // Nobody waits for it, and a file that is closed has nothing left to fail.
                let _ = self.io.run(move || drop(spooled)).await;
            }
            Chore::Complete => {
                // What went wrong was told where it happened.
                let _ = self.complete(held, false).await;
            }
            Chore::TakeBack => self.take_back(held).await,
            Chore::GiveUp => self.give_up(&entry, held).await,
            Chore::LookUp => {
                if let Err(error) = self.look_up(&entry, held).await {
                    tracing::warn!(upload = %entry.id, %error, "it is looked up later whether an upload ended");
                }
            }
            Chore::Clear => match self.catalog.upload(None, entry.id).await {
                Ok(row) => self.clear(held, &row).await,
                Err(error) if error.kind() == catalog::ErrorKind::NotFound => {
                    self.vanish(&entry, Some(held)).await;
                }
                Err(error) => {
                    tracing::warn!(upload = %entry.id, %error, "an upload that ended is cleared later");
                }
            },
        }
    }

    /// Cancels an upload with which nobody can go on.
    async fn give_up(&self, entry: &Arc<Entry>, held: Held) {
        entry.desk().ending = true;
        let change = UploadChange::to(Phase::Cancelled);
        match self.catalog.change_upload(entry.id, &OPEN, &change).await {
            Ok(row) => {
                self.metrics.ended(Ended::Cancelled, row.length, None);
                self.close(entry, Some(held), &row).await;
            }
            Err(error) if error.kind() == catalog::ErrorKind::NotFound => {
                self.vanish(entry, Some(held)).await;
            }
            // It ended another way.
            Err(error) if error.kind() == catalog::ErrorKind::NotAllowed => {}
            Err(error) => {
                let mut desk = entry.desk();
                desk.ending = false;
                desk.retry_at = Some(Instant::now() + Duration::from_millis(PUBLISH_RETRY_MS));
                drop(desk);
                tracing::warn!(upload = %entry.id, %error, "an upload with which nobody can go on is cancelled later");
            }
        }
    }

    /// Finds out whether the end of an upload was written down. It is asked by a change of nothing: changes come one after
    /// the other, so that one which was dropped half-way is over by then.
    async fn look_up(&self, entry: &Arc<Entry>, held: Held) -> Result<(), catalog::Error> {
        match self.catalog.change_upload(entry.id, &OPEN, &UploadChange::default()).await {
            Ok(_) => entry.desk().ending = false,
            Err(error) if error.kind() == catalog::ErrorKind::NotAllowed => {
                let row = self.catalog.upload(None, entry.id).await?;
                self.close(entry, Some(held), &row).await;
            }
            Err(error) if error.kind() == catalog::ErrorKind::NotFound => {
                self.vanish(entry, Some(held)).await;
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Syncs what dropped requests left, and clears up after what ended, when the server stops.
    async fn flush_all(&self) {
        for entry in self.table.all() {
            if entry.desk().over {
                if let Some(held) = entry.free_baton() {
                    self.do_chore(entry, held, Chore::Clear).await;
                }
                continue;
            }
            if entry.chore(Instant::now(), Duration::MAX) == Some(Chore::GiveUp) {
                if let Some(held) = entry.free_baton() {
                    self.do_chore(entry, held, Chore::GiveUp).await;
                }
                continue;
            }
            if let Some(mut held) = entry.free_baton().filter(Held::is_dirty)
                && let Err(error) = self.open(&mut held).await
            {
                tracing::warn!(upload = %entry.id, %error, "what a request left could not be synced");
            }
        }
    }
}
