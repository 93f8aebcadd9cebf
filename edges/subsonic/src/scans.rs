//! Scans that clients ask for. They run on when the answer is sent, and end with the face.

use std::sync::{Mutex, PoisonError};

use catalog::scan::Scanner;
use tokio::task::JoinHandle;

/// The scan that runs because somebody asked, if one does. Dropping it ends the scan: what it has recorded stays.
#[derive(Default)]
pub(crate) struct Scans {
    running: Mutex<Option<JoinHandle<()>>>,
}

impl Scans {
    /// Starts a scan of all libraries unless one that was asked for here still runs.
    pub(crate) fn start(&self, scanner: &Scanner) {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        if running.as_ref().is_some_and(|scan| !scan.is_finished()) {
            return;
        }
        let scanner = scanner.clone();
        *running = Some(tokio::spawn(async move {
            if let Err(error) = scanner.scan().await {
                tracing::warn!(%error, "a scan that a client asked for failed");
            }
        }));
    }
}

impl Drop for Scans {
    fn drop(&mut self) {
        let running = self.running.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some(scan) = running.take() {
            scan.abort();
        }
    }
}
