//! What a remote store has of uploads that ended goes in the background: nobody who cancels waits for it, and its notes
//! stay in the spool until it is gone, so that a store that is away is asked again, also after a restart.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use budget::limits::{ABANDONED_WAITING_MAX, ABANDONING_MAX};
use catalog::UploadRow;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use store::{Publication, SpoolId, Suffix};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::complete::publication;
use crate::engine::Engine;

/// Uploads of which the store is to forget what it has. Of too many the rest is found later by what is in the spool.
#[derive(Default)]
pub(crate) struct Abandoned {
    waiting: Mutex<VecDeque<Publication>>,
    came: Notify,
}

impl Abandoned {
    fn add(&self, job: Publication) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() < ABANDONED_WAITING_MAX && !waiting.iter().any(|other| other.spool == job.spool) {
            waiting.push_back(job);
            self.came.notify_one();
        }
    }

    fn take(&self) -> Option<Publication> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }
}

impl Engine {
    /// Removes what an upload that ended has in the spool, and leaves what a remote store has of it to
    /// [`Engine::abandon`].
    pub(crate) async fn discard(&self, row: &UploadRow) {
        let job = (!row.is_part).then(|| publication(row, None));
        if let Err(error) = self.discard_files(row.id.0, job).await {
            tracing::warn!(upload = %row.id, %error, "the files of an upload could not be removed; they will be found");
        }
    }

    /// The same for what is in the spool of an upload that no row knows any more.
    pub(crate) async fn discard_unknown(&self, id: SpoolId) -> Result<(), store::Error> {
        // Only its id counts for what is abandoned.
        let (suffix, content_type) = (Suffix::ALL[0], "application/octet-stream");
        let job = Publication { spool: id, suffix, content_type, length: None, names: Vec::new() };
        self.discard_files(id, Some(job)).await
    }

    async fn discard_files(&self, id: SpoolId, job: Option<Publication>) -> Result<(), store::Error> {
        let spool = self.spool.clone();
        match job.filter(|_| self.blobs.is_remote()) {
            Some(job) => {
                let removed = self.io.run(move || spool.remove_bytes(id)).await;
                self.abandoned.add(job);
                removed?
            }
            None => self.io.run(move || spool.remove(id)).await?,
        }
    }

    /// Has the store forget uploads that ended, a few at a time, until it is told to stop.
    pub(crate) async fn abandon(&self, stopping: &CancellationToken) {
        let mut tasks = FuturesUnordered::new();
        loop {
            while tasks.len() < ABANDONING_MAX
                && let Some(job) = self.abandoned.take()
            {
                tasks.push(self.abandon_one(job));
            }
            tokio::select! {
                () = stopping.cancelled() => return,
                Some(()) = tasks.next(), if !tasks.is_empty() => {}
                () = self.abandoned.came.notified() => {}
            }
        }
    }

    /// Does what [`Engine::abandon`] has to do now, and ends.
    pub(crate) async fn abandon_waiting(&self) {
        while let Some(job) = self.abandoned.take() {
            self.abandon_one(job).await;
        }
    }

    async fn abandon_one(&self, job: Publication) {
        let id = job.spool;
        if let Err(error) = self.blobs.abandon(&job).await {
            tracing::warn!(upload = %id, %error, "the store is asked later to forget the parts of an upload");
            return;
        }
        let spool = self.spool.clone();
        match self.io.run(move || spool.remove(id)).await.and_then(|removed| removed) {
            Ok(()) => {}
            Err(error) => {
                tracing::warn!(upload = %id, %error, "notes of an upload could not be removed; they will be found")
            }
        }
    }
}
