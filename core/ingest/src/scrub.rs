//! Every stored byte is read again from time to time, so that rot is found before somebody needs the file.

use std::time::Duration;

use budget::limits::{REAP_ROWS_MAX, SCRUB_BYTES_PER_SECOND, SCRUB_REST_MS};
use catalog::BlobRow;
use store::{BlobId, BlobKey, Checked, SpoolId};
use tokio_util::sync::CancellationToken;

use crate::engine::{Engine, Ingest};
use crate::error::Error;

impl Ingest {
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
    /// Goes round for as long as the server runs. It begins anywhere, so that a server that is started often does not
    /// look at the same blobs each time.
    pub(crate) async fn scrub(&self, stopping: &CancellationToken) {
        let mut after = anywhere();
        loop {
            let rested = tokio::select! {
                () = stopping.cancelled() => return,
                rested = self.scrub_next(&mut after) => rested,
            };
            let pause = rested.unwrap_or_else(|error| {
                tracing::warn!(%error, "the scrub goes on later");
                Duration::from_secs(60)
            });
            tokio::select! {
                () = stopping.cancelled() => return,
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// Looks at one blob: one that a reader complained about, else the next. Gives how long to rest.
    async fn scrub_next(&self, after: &mut Option<BlobId>) -> Result<Duration, Error> {
        for key in self.blobs.reported() {
            if let Some(row) = self.blob_of(&key).await? {
                self.scrub_one(&row).await?;
            }
        }
        let rest = Duration::from_millis(SCRUB_REST_MS);
        let Some(row) = self.catalog.blobs(*after, 1).await?.pop() else {
            *after = None;
            return Ok(rest);
        };
        *after = Some(row.id);
        self.scrub_one(&row).await?;
        let pace = Duration::from_millis(row.length.saturating_mul(1_000) / SCRUB_BYTES_PER_SECOND);
        Ok(rest + pace)
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
        if bad != row.bad {
            self.catalog.mark_bad(row.id, bad).await?;
        }
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

fn anywhere() -> Option<BlobId> {
    let start = SpoolId::random().ok()?;
    let mut bytes = [0; 32];
    bytes[..16].copy_from_slice(start.as_bytes());
    Some(BlobId::from_bytes(bytes))
}
