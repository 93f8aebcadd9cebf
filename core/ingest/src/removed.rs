//! Uploads of users who were removed, which another process may have done: their rows went with them, and whatever else
//! there is of them follows.

use std::sync::Arc;

use catalog::Phase;

use crate::engine::Engine;
use crate::error::Error;
use crate::table::{Entry, Held};

impl Engine {
    /// Ends what is open and has no row any more.
    pub(crate) async fn reap_removed(&self) -> Result<(), Error> {
        for entry in self.table.all() {
            // One that begins has no row yet.
            if entry.desk().beginning {
                continue;
            }
            match self.catalog.upload(None, entry.id).await {
                Ok(_) => {}
                Err(e) if e.kind() == catalog::ErrorKind::NotFound => {
                    entry.claim();
                    self.blobs.stop(entry.id.0);
                    let held = entry.baton().await;
                    self.vanish(&entry, held).await;
                }
                Err(e) => return Err(e.into()),
            }
        }
        Ok(())
    }

    /// Whether its row is gone, with its user.
    pub(crate) async fn is_forgotten(&self, entry: &Entry) -> bool {
        let row = self.catalog.upload(None, entry.id).await;
        row.is_err_and(|e| e.kind() == catalog::ErrorKind::NotFound)
    }

    /// Ends an upload whose row is gone. Without the baton the entry stays until its holder lets go.
    pub(crate) async fn vanish(&self, entry: &Arc<Entry>, held: Option<Held>) {
        entry.release();
        entry.progress.send_modify(|progress| progress.phase = Phase::Cancelled);
        let Some(mut held) = held else {
            self.wake.notify_one();
            return;
        };
        let spooled = held.spooled.take();
        // Nobody waits for it, and a file that is closed has nothing left to fail.
        let _ = self.io.run(move || drop(spooled)).await;
        if let Err(error) = self.discard_unknown(entry.id.0).await {
            tracing::warn!(upload = %entry.id, %error, "the files of an upload could not be removed; they will be found");
        }
        self.table.remove(entry.id);
        self.metrics.open(self.table.len());
    }
}
