//! Every stored byte is read again from time to time, so that rot is found before somebody needs the file.

use std::time::Duration;

use budget::limits::{
    REAP_ROWS_MAX, SCRUB_AGAIN_FAR_MS, SCRUB_AGAIN_MS, SCRUB_BYTES_PER_SECOND, SCRUB_IDLE_MS, SCRUB_REST_MS,
};
use catalog::{BlobRow, UnixMs};
use store::{BlobId, BlobKey, Checked};
use tokio_util::sync::CancellationToken;

use crate::engine::{Engine, Ingest, now_ms};
use crate::error::Error;

impl Ingest {
    /// Does what [`Ingest::run`] does next for the scrub, as if it were this moment. Gives how long it rests then.
    #[doc(hidden)]
    pub async fn scrub_step(&self, now: UnixMs) -> Result<Duration, Error> {
        self.0.scrub_next(now).await
    }

    /// Looks at all blobs once, without rests. Gives how many are not sound.
    #[doc(hidden)]
    pub async fn scrub_once(&self) -> Result<u64, Error> {
        let (mut after, mut bad) = (None, 0);
        loop {
            let rows = self.0.catalog.blobs(after, REAP_ROWS_MAX).await?;
            let Some(last) = rows.last() else { return Ok(bad) };
            after = Some(last.id);
            for row in &rows {
                bad += u64::from(!self.0.scrub_one(row).await?);
            }
        }
    }
}

impl Engine {
    /// Looks for as long as the server runs at what was looked at longest ago, and at nothing again too soon.
    pub(crate) async fn scrub(&self, stopping: &CancellationToken) {
        loop {
            let rested = tokio::select! {
                () = stopping.cancelled() => return,
                rested = self.scrub_next(now_ms()) => rested,
            };
            let pause = rested.unwrap_or_else(|error| {
                tracing::warn!(%error, "the scrub goes on later");
                Duration::from_millis(SCRUB_IDLE_MS)
            });
            tokio::select! {
                () = stopping.cancelled() => return,
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// Looks at what readers complained about, and at one blob for which it is time. Gives how long to rest.
    async fn scrub_next(&self, now: UnixMs) -> Result<Duration, Error> {
        for key in self.blobs.reported() {
            if let Some(row) = self.blob_of(&key).await? {
                self.scrub_one(&row).await?;
            }
        }
        let again_ms = if self.blobs.is_remote() { SCRUB_AGAIN_FAR_MS } else { SCRUB_AGAIN_MS };
        let Some(row) = self.catalog.blob_to_check(now.saturating_sub_unsigned(again_ms)).await? else {
            return Ok(Duration::from_millis(SCRUB_IDLE_MS));
        };
        if let Err(error) = self.scrub_one(&row).await {
            if !self.blobs.is_remote() {
                // One that cannot be read must not keep the scrub from all the others.
                self.mark(row.id, row.bad).await?;
            }
            return Err(error);
        }
        let pace = Duration::from_millis(row.length.saturating_mul(1_000) / SCRUB_BYTES_PER_SECOND);
        Ok(Duration::from_millis(SCRUB_REST_MS) + pace)
    }

    async fn mark(&self, id: BlobId, bad: bool) -> Result<(), Error> {
        match self.catalog.mark_bad(id, bad).await {
            // It went meanwhile.
            Err(error) if error.kind() == catalog::ErrorKind::NotFound => Ok(()),
            marked => Ok(marked?),
        }
    }

    /// Whether a blob is sound. What it is, is written down.
    async fn scrub_one(&self, row: &BlobRow) -> Result<bool, Error> {
        let Some(key) = &row.key else { return Ok(true) };
        let turn = self.budget.background().await;
        let checked = self.blobs.check(key).await?;
        drop(turn);
        let (found, bad) = match checked {
            Checked::Sound => ("sound", false),
            Checked::Bad { block } => {
                tracing::error!(blob = %row.id, block, "a stored file is damaged; send it again, or restore it");
                ("bad", true)
            }
            Checked::Missing => {
                // It may have been removed while it was looked for.
                match self.catalog.blob(row.id).await {
                    Ok(now) if now.key == row.key => {}
                    _ => return Ok(true),
                }
                tracing::error!(blob = %row.id, "a stored file is gone; send it again, or restore it");
                ("missing", true)
            }
        };
        self.metrics.scrubbed(found, row.length);
        self.mark(row.id, bad).await?;
        Ok(!bad)
    }

    /// The blob of a key. Keys of a local store are hashes; for others the rows are gone through, which is rare.
    async fn blob_of(&self, key: &BlobKey) -> Result<Option<BlobRow>, Error> {
        if let Ok(id) = key.as_str().parse::<BlobId>() {
            return Ok(self.catalog.blob(id).await.ok());
        }
        let mut after = None;
        loop {
            let rows = self.catalog.blobs(after, REAP_ROWS_MAX).await?;
            let Some(last) = rows.last() else { return Ok(None) };
            after = Some(last.id);
            if let Some(row) = rows.into_iter().find(|row| row.key.as_ref() == Some(key)) {
                return Ok(Some(row));
            }
        }
    }
}
