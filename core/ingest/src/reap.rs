//! What is over goes: expired uploads, doomed blobs, files that belong to nothing. Everything is gated by age, so that
//! nothing is touched that is under way.

use std::time::{Duration, SystemTime};

use budget::limits::{
    BLOB_ORPHAN_MS, EXPIRED_EVERY_MS, QUARANTINE_MS, REAP_EVERY_MS, REAP_ROWS_MAX, REMOVAL_FAILURES_MAX,
    REMOVAL_RETRY_MS, REMOVAL_RETRY_MS_MAX, SPOOL_ORPHAN_MS, UPLOAD_REMEMBERED_MS,
};
use catalog::{DoomedBlob, Phase, TrackId, UploadChange, UploadId, Viewer};
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

    /// Does once what [`Ingest::run`] does every minute for what expired, and every hour for all else that is over.
    #[doc(hidden)]
    pub async fn reap_once(&self, now: SystemTime) -> Result<(), Error> {
        self.0.reap_expired(now).await?;
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
            if let Err(error) = &reaped {
                tracing::warn!(%error, "clearing up after uploads is tried again in a while");
            }
            let every = tokio::time::sleep(Duration::from_millis(REAP_EVERY_MS));
            tokio::pin!(every);
            let mut failures = u32::from(reaped.is_err());
            loop {
                let swept = tokio::select! {
                    () = stopping.cancelled() => return,
                    () = &mut every => break,
                    () = tokio::time::sleep(removal_pause(failures)), if failures > 0 => {
                        self.remove_doomed().await
                    }
                    () = self.sweep.notified() => self.remove_doomed().await,
                };
                match swept {
                    Ok(()) => failures = 0,
                    Err(error) => {
                        failures = failures.saturating_add(1);
                        tracing::warn!(%error, "doomed blobs are removed later");
                    }
                }
            }
        }
    }

    /// Ends what expired, soon after it did: until then it takes a slot, room and bytes from its sender.
    pub(crate) async fn expire(&self, stopping: &CancellationToken) {
        loop {
            let ended = tokio::select! {
                () = stopping.cancelled() => return,
                ended = self.reap_expired(SystemTime::now()) => ended,
            };
            if let Err(error) = ended {
                tracing::warn!(%error, "uploads that expired are ended later");
            }
            tokio::select! {
                () = stopping.cancelled() => return,
                () = tokio::time::sleep(Duration::from_millis(EXPIRED_EVERY_MS)) => {}
            }
        }
    }

    async fn reap_all(&self, now: SystemTime) -> Result<(), Error> {
        // One that fails is no reason to leave the others undone.
        let done = [
            self.forget_ended(now).await,
            self.reap_removed().await,
            self.reap_spool(now).await,
            self.remove_doomed().await,
            self.put_orphans_aside(now).await,
            self.empty_quarantine(now).await,
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
                // A request that still brings bytes, which are not synced before their checksum is right.
                if let Some(until) = self.lives_until(row.id).filter(|until| *until > unix_ms(now)) {
                    match self.expire_at(row.id, until).await {
                        Ok(_) => {}
                        Err(e) if e.kind() == catalog::ErrorKind::NotAllowed => {}
                        Err(e) => return Err(e.into()),
                    }
                    continue;
                }
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
                self.discard_unknown(id).await?;
                self.metrics.orphans("spool", 1);
                tracing::info!(%upload, "removed the files of an upload that is over");
            }
        }
    }

    /// Removes what nobody refers to any more; what no row ever knew is put aside for a person to look at. One that cannot
    /// be removed now is no reason to leave the others.
    async fn remove_doomed(&self) -> Result<(), Error> {
        let mut after: Option<DoomedBlob> = None;
        let mut failed = Vec::new();
        let mut first = Ok(());
        loop {
            let doomed = self.catalog.doomed_blobs(after.as_ref(), REAP_ROWS_MAX).await?;
            let Some(last) = doomed.last() else { return first };
            after = Some(last.clone());
            for blob in doomed {
                // Those that failed come last, so that they are met again.
                if failed.contains(&blob.key) {
                    continue;
                }
                if let Err(error) = self.remove_one(&blob).await {
                    tracing::warn!(key = %blob.key, %error, "a blob that nobody needs cannot be removed yet");
                    self.catalog.removal_failed(&blob.key).await?;
                    first = first.and(Err(error));
                    failed.push(blob.key);
                    if failed.len() >= REMOVAL_FAILURES_MAX {
                        return first;
                    }
                }
            }
        }
    }

    async fn remove_one(&self, blob: &DoomedBlob) -> Result<(), Error> {
        let key = &blob.key;
        if !self.catalog.begin_removal(key).await? {
            return Ok(());
        }
        if blob.is_known {
            self.blobs.remove(key).await?;
        } else {
            self.blobs.quarantine(key).await?;
            self.metrics.orphans("blob", 1);
            tracing::warn!(%key, "a stored file that no row knows was put into quarantine");
        }
        Ok(self.catalog.blob_gone(key).await?)
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
                self.remove_doomed().await?;
            }
        }
    }

    /// Nobody who did not come for a file in all this time comes for it later, and it takes room that no quota counts.
    async fn empty_quarantine(&self, now: SystemTime) -> Result<(), Error> {
        let Some(before) = now.checked_sub(Duration::from_millis(QUARANTINE_MS)) else { return Ok(()) };
        self.blobs.empty_quarantine(before).await?;
        Ok(())
    }
}

/// How long removals wait after they failed so often.
fn removal_pause(failures: u32) -> Duration {
    let doubled = REMOVAL_RETRY_MS.saturating_mul(1 << failures.saturating_sub(1).min(16));
    Duration::from_millis(doubled.min(REMOVAL_RETRY_MS_MAX))
}

fn is_older(now: SystemTime, written: SystemTime, age_ms: u64) -> bool {
    now.duration_since(written).is_ok_and(|age| age >= Duration::from_millis(age_ms))
}

fn unix_ms(time: SystemTime) -> i64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or_else(|_| now_ms())
}
