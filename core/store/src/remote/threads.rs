//! Threads on which somebody waits for a network. They are nobody else's, so that a server that hangs takes none of those
//! that files, hashes and other servers need.

use std::time::Duration;

use budget::limits::S3_READER_IDLE_MS;
use tokio::runtime::{Builder, Handle, Runtime};

use crate::error::Error;

/// So many threads, each begun when it is needed and ended when it was not for a while. Who finds none waits in line, and
/// on no thread.
pub(crate) struct Threads(Option<Runtime>, Handle);

impl Threads {
    pub(crate) fn new(name: &str, threads_max: usize) -> Result<Self, Error> {
        // Only its threads that may block are used: nothing ever runs on it otherwise.
        let runtime = Builder::new_current_thread()
            .max_blocking_threads(threads_max)
            .thread_keep_alive(Duration::from_millis(S3_READER_IDLE_MS))
            .thread_name(name)
            .build()
            .map_err(|e| Error::io("no threads for who waits for a network", e))?;
        let handle = runtime.handle().clone();
        Ok(Threads(Some(runtime), handle))
    }

    pub(crate) fn handle(&self) -> &Handle {
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
