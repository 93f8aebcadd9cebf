//! What a start finds, and what becomes of it: the database says which uploads there are, the spool how far each is.

use std::sync::Arc;

use budget::limits::{IO_THREADS, REAP_ROWS_MAX};
use catalog::{Phase, UploadChange, UploadRow};
use futures_util::StreamExt as _;
use futures_util::stream;

use crate::engine::{Engine, Ingest};
use crate::error::{Error, ErrorKind};
use crate::metrics::Ended;
use crate::table::Entry;

impl Ingest {
    /// Makes the uploads of before the start go on: what lies behind the acknowledged bytes of each is cut off, one whose
    /// acknowledged bytes are gone has failed, room is reserved for what is still to come, and those whose bytes are all
    /// there are left to [`Ingest::run`] to complete. To be called before the first request.
    ///
    /// # Errors
    /// `Catalog`. A file that cannot be looked at now is looked at again when somebody asks for its upload.
    pub async fn recover(&self) -> Result<(), Error> {
        let engine = &self.0;
        let mut after = None;
        loop {
            let rows = engine.catalog.open_uploads(after, REAP_ROWS_MAX).await?;
            let Some(last) = rows.last() else { return Ok(()) };
            after = Some(last.id);
            let adopt = |row: UploadRow| async move { engine.adopt(&row).await };
            let adopted: Vec<_> = stream::iter(rows).map(adopt).buffer_unordered(IO_THREADS).collect().await;
            for error in adopted.into_iter().filter_map(Result::err) {
                match error.kind {
                    ErrorKind::Catalog => return Err(error),
                    _ => tracing::error!(%error, "an upload could not be taken up again"),
                }
            }
        }
    }
}

impl Engine {
    /// Makes an entry for an upload that is under way and has none.
    pub(crate) async fn adopt(&self, row: &UploadRow) -> Result<Arc<Entry>, Error> {
        let (spool, id) = (self.spool.clone(), row.id.0);
        let reopened = self.io.run(move || spool.reopen(id).map(|spooled| spooled.acked())).await?;
        let offset = match reopened {
            Ok(offset) => offset,
            Err(error) if matches!(error.kind(), store::ErrorKind::Lost | store::ErrorKind::NotFound) => {
                // A local blob of it may be there.
                match (row.phase, row.length) {
                    (Phase::Publishing, Some(length)) => length,
                    _ => return Err(self.is_lost(row, error).await),
                }
            }
            Err(error) => return Err(self.not_synced(error)),
        };
        let rest = row.length.map_or(0, |length| length.saturating_sub(offset));
        let room = self.room.clone();
        // Without room it asks again when bytes come.
        let reserved = self.io.run(move || room.reserve(rest).ok()).await?;
        let slot = self.slots.take(row.owner).ok();
        let entry = Arc::new(Entry::new(row, offset, reserved, slot, Arc::clone(&self.wake)));
        Ok(self.enter(entry))
    }

    /// Acknowledged bytes are gone: the upload must never be gone on with.
    async fn is_lost(&self, row: &UploadRow, error: store::Error) -> Error {
        tracing::error!(upload = %row.id, %error, "acknowledged bytes of an upload are gone");
        let lost = Error::gone("the bytes of this upload were lost").because(error);
        match self.catalog.change_upload(row.id, &[row.phase], &UploadChange::failed(lost.said.clone())).await
        {
            Ok(row) => {
                self.metrics.ended(Ended::Failed(lost.kind.slug()), row.length, None);
                self.discard(&row).await;
                lost
            }
            Err(error) => error.into(),
        }
    }
}
