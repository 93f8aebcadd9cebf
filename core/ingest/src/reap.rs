//! What is over goes: expired uploads, doomed blobs, files that belong to nothing. Everything is gated by age, so that
//! nothing is touched that is under way.

use std::collections::HashSet;
use std::time::{Duration, SystemTime};

use budget::limits::{BLOB_ORPHAN_MS, REAP_EVERY_MS, REAP_ROWS_MAX, SPOOL_ORPHAN_MS, UPLOAD_REMEMBERED_MS};
use catalog::{Phase, TrackId, UploadChange, UploadId, Viewer};
use store::BlobKey;
use tokio_util::sync::CancellationToken;

use crate::engine::{Engine, Ingest, now_ms};
use crate::error::{Error, ErrorKind};
use crate::metrics::Ended;

impl Ingest {
    /// Removes a track of the library of uploads. Its bytes go soon, if nothing else refers to them.
    ///
    /// # Errors
    /// `NotFound` for everyone but its owner and admins who manage; `NotAllowed` for a file of a library's folder.
    pub async fn remove_track(&self, viewer: &Viewer, id: TrackId) -> Result<(), Error> {
        self.0.catalog.remove_track(viewer, id).await?;
        self.sweep_soon();
        Ok(())
    }

    /// Says that blobs may have been doomed, by a change that took the last reference to one away. Their bytes are removed
    /// in the background.
    pub fn sweep_soon(&self) {
        self.0.sweep.notify_one();
    }

    /// Does once what [`Ingest::run`] does every hour.
    #[doc(hidden)]
    pub async fn reap_once(&self, now: SystemTime) -> Result<(), Error> {
        self.0.reap_all(now).await
    }
}

impl Engine {
    pub(crate) async fn reap(&self, stopping: &CancellationToken) {
        loop {
            let reaped = tokio::select! {
                () = stopping.cancelled() => return,
                reaped = self.reap_all(SystemTime::now()) => reaped,
            };
            if let Err(error) = reaped {
                tracing::warn!(%error, "clearing up after uploads is tried again in a while");
            }
            let every = tokio::time::sleep(Duration::from_millis(REAP_EVERY_MS));
            tokio::pin!(every);
            loop {
                let swept = tokio::select! {
                    () = stopping.cancelled() => return,
                    () = &mut every => break,
                    () = self.sweep.notified() => self.remove_doomed(&HashSet::new()).await,
                };
                if let Err(error) = swept {
                    tracing::warn!(%error, "doomed blobs are removed later");
                }
            }
        }
    }

    async fn reap_all(&self, now: SystemTime) -> Result<(), Error> {
        // One that fails is no reason to leave the others undone.
        let done = [
            self.reap_expired(now).await,
            self.forget_ended(now).await,
            self.reap_spool(now).await,
            self.remove_doomed(&HashSet::new()).await,
            self.put_orphans_aside(now).await,
        ];
        done.into_iter().collect()
    }

    async fn reap_expired(&self, now: SystemTime) -> Result<(), Error> {
        loop {
            let rows = self.catalog.expired_uploads(unix_ms(now), REAP_ROWS_MAX).await?;
            if rows.is_empty() {
                return Ok(());
            }
            for row in rows {
                match self.end(&row, UploadChange::to(Phase::Expired), Ended::Expired).await {
                    Ok(()) => {}
                    Err(error) if error.kind == ErrorKind::Gone => {}
                    Err(error) => return Err(error),
                }
            }
        }
    }

    async fn forget_ended(&self, now: SystemTime) -> Result<(), Error> {
        let before = unix_ms(now).saturating_sub_unsigned(UPLOAD_REMEMBERED_MS);
        while self.catalog.forget_uploads(before, REAP_ROWS_MAX).await? >= REAP_ROWS_MAX as u64 {}
        Ok(())
    }

    /// Spool files of no upload that is under way.
    async fn reap_spool(&self, now: SystemTime) -> Result<(), Error> {
        let mut after = None;
        loop {
            let spool = self.spool.clone();
            let found = self.io.run(move || spool.list(after, REAP_ROWS_MAX)).await??;
            let Some((last, _)) = found.last() else { return Ok(()) };
            after = Some(*last);
            for (id, written) in found {
                let upload = UploadId(id);
                if self.table.get(upload).is_some() {
                    continue;
                }
                match self.catalog.upload(None, upload).await {
                    Ok(row) if !row.phase.is_end() => continue,
                    // Its row says that it ended, so nothing can be under way.
                    Ok(_) => {}
                    Err(e) if e.kind() == catalog::ErrorKind::NotFound => {
                        if !is_older(now, written, SPOOL_ORPHAN_MS) {
                            continue;
                        }
                    }
                    Err(e) => return Err(e.into()),
                }
                let spool = self.spool.clone();
                self.io.run(move || spool.remove(id)).await??;
                self.metrics.orphans("spool", 1);
                tracing::info!(%upload, "removed the files of an upload that is over");
            }
        }
    }

    /// Removes what nobody refers to any more; what no row ever knew is put aside for a person to look at.
    async fn remove_doomed(&self, unknown: &HashSet<BlobKey>) -> Result<(), Error> {
        loop {
            let doomed = self.catalog.doomed_blobs(REAP_ROWS_MAX).await?;
            if doomed.is_empty() {
                return Ok(());
            }
            for key in doomed {
                if unknown.contains(&key) {
                    self.blobs.quarantine(&key).await?;
                    self.metrics.orphans("blob", 1);
                    tracing::warn!(%key, "a stored file that no row knows was put into quarantine");
                } else {
                    self.blobs.remove(&key).await?;
                }
                self.catalog.blob_gone(&key).await?;
            }
        }
    }

    /// Blobs that are there and that the database does not know: after a crash between the two, or when an older database
    /// was restored, which is why they are not removed.
    async fn put_orphans_aside(&self, now: SystemTime) -> Result<(), Error> {
        let mut after: Option<BlobKey> = None;
        loop {
            let listed = self.blobs.list(after.as_ref(), REAP_ROWS_MAX).await?;
            let Some(last) = listed.last() else { return Ok(()) };
            after = Some(last.key.clone());
            let old = listed.into_iter().filter(|listed| is_older(now, listed.modified, BLOB_ORPHAN_MS));
            let keys: Vec<BlobKey> = old.map(|listed| listed.key).collect();
            if !keys.is_empty() && self.catalog.doom_unknown(&keys).await? > 0 {
                self.remove_doomed(&keys.into_iter().collect()).await?;
            }
        }
    }
}

fn is_older(now: SystemTime, written: SystemTime, age_ms: u64) -> bool {
    now.duration_since(written).is_ok_and(|age| age >= Duration::from_millis(age_ms))
}

fn unix_ms(time: SystemTime) -> i64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or_else(|_| now_ms())
}
