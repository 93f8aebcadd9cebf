//! How long an upload lives: for `limits.upload_lifetime_ms` after its last byte came.

use catalog::{Phase, UnixMs, UploadChange, UploadId, UploadRow};

use crate::engine::{Engine, now_ms};
use crate::table::Entry;

impl Engine {
    fn lifetime_ms(&self) -> i64 {
        i64::try_from(self.limits.lifetime_ms).unwrap_or(i64::MAX)
    }

    /// Bytes came, so the upload lives on. It is written down only when a tenth of its time has gone; then this gives the
    /// new row.
    pub(crate) async fn prolong(&self, entry: &Entry) -> Option<UploadRow> {
        let lifetime_ms = self.lifetime_ms();
        let wanted = now_ms().saturating_add(lifetime_ms);
        let (expires, completing) = {
            let desk = entry.desk();
            (desk.expires, desk.completing)
        };
        // Once all bytes are there it does not expire.
        if completing || wanted.saturating_sub(expires) < lifetime_ms / 10 {
            return None;
        }
        match self.expire_at(entry.id, wanted).await {
            Ok(row) => Some(row),
            Err(error) => {
                tracing::warn!(upload = %entry.id, %error, "an upload could not be prolonged");
                None
            }
        }
    }

    /// Until when an upload lives whose request is running, whatever its row says: of bytes that wait for their checksum
    /// nothing is synced, and so nothing is written down.
    pub(crate) fn lives_until(&self, id: UploadId) -> Option<UnixMs> {
        let entry = self.table.get(id)?;
        if !entry.is_held() {
            return None;
        }
        let idle_ms = i64::try_from(entry.desk().active.elapsed().as_millis()).unwrap_or(i64::MAX);
        Some(now_ms().saturating_sub(idle_ms).saturating_add(self.lifetime_ms()))
    }

    /// Writes down when an upload expires.
    pub(crate) async fn expire_at(&self, id: UploadId, when: UnixMs) -> Result<UploadRow, catalog::Error> {
        let change = UploadChange { expires: Some(when), ..UploadChange::default() };
        let row = self.catalog.change_upload(id, &[Phase::Receiving], &change).await?;
        if let Some(entry) = self.table.get(id) {
            entry.desk().expires = row.expires;
        }
        Ok(row)
    }
}
