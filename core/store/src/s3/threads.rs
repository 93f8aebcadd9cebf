//! The threads on which readers wait for the bucket. They are its own, so that a bucket that hangs takes none of those that
//! files, hashes and the names of hosts need.

use std::time::Duration;

use budget::limits::{S3_READER_IDLE_MS, S3_READERS_MAX};
use tokio::runtime::{Builder, Handle, Runtime};

use crate::error::Error;

/// So many threads, each begun when it is needed and ended when it was not for a while. Who finds none waits in line, and
/// on no thread.
pub(super) struct Threads(Option<Runtime>, Handle);

impl Threads {
    pub(super) fn new() -> Result<Self, Error> {
        // Only its threads that may block are used: nothing ever runs on it otherwise.
        let runtime = Builder::new_current_thread()
            .max_blocking_threads(S3_READERS_MAX)
            .thread_keep_alive(Duration::from_millis(S3_READER_IDLE_MS))
            .thread_name("millpond-bucket")
            .build()
            .map_err(|e| Error::io("no threads for readers of the bucket", e))?;
        let handle = runtime.handle().clone();
        Ok(Threads(Some(runtime), handle))
    }

    pub(super) fn handle(&self) -> &Handle {
        &self.1
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        // Whoever drops it may not wait.
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}
