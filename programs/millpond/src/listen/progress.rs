//! Whether the client of one HTTP/2 stream takes its answer.
//!
//! The pulse of a connection cannot see this: a client may grant one stream no window while others move. Hyper asks a
//! body for its next frame when there is window for it, so a body that gave a frame and is not asked again is stalled.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use stream::Peer;
use tokio::time::{Instant, sleep, sleep_until};

tokio::task_local! {
    /// The progress of the stream whose task this is; HTTP/1 has none.
    static CURRENT: Arc<Progress>;
}

/// When the body of one answer was last waiting for its client.
pub(crate) struct Progress {
    started: Instant,
    /// In milliseconds since the start plus one; 0 while nothing waits for the client.
    offered_ms: AtomicU64,
    /// The stream as the registry of streams knows it: who cuts it, cuts it alone.
    peer: Arc<Peer>,
}

impl Progress {
    /// Runs the task of one stream until it is done, its client took nothing for `stall_max`, or `peer` was cut.
    pub(crate) async fn watch<T>(
        stream: impl Future<Output = T>,
        stall_max: Duration,
        peer: Arc<Peer>,
    ) -> Option<T> {
        let progress = Arc::new(Progress { started: Instant::now(), offered_ms: AtomicU64::new(0), peer });
        let stream = CURRENT.scope(Arc::clone(&progress), stream);
        tokio::select! {
            biased;
            done = stream => Some(done),
            () = progress.stalled(stall_max) => None,
            () = progress.peer.cut_asked() => None,
        }
    }

    /// That of the stream whose task this is.
    pub(crate) fn current() -> Option<Arc<Self>> {
        CURRENT.try_with(Arc::clone).ok()
    }

    /// The stream as the registry of streams knows it.
    pub(crate) fn peer(&self) -> Arc<Peer> {
        Arc::clone(&self.peer)
    }

    /// A frame is there for the client.
    pub(crate) fn offered(&self) {
        let now_ms = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX - 1) + 1;
        self.offered_ms.store(now_ms, Ordering::Relaxed);
    }

    /// The client is not to blame: the next frame is not there yet, or there is none.
    pub(crate) fn nothing_to_offer(&self) {
        self.offered_ms.store(0, Ordering::Relaxed);
    }

    /// Ready when a frame has waited for the client for `stall_max`.
    async fn stalled(&self, stall_max: Duration) {
        loop {
            match self.offered_ms.load(Ordering::Relaxed) {
                0 => sleep(stall_max).await,
                offered_ms => {
                    let late = self.started + Duration::from_millis(offered_ms - 1) + stall_max;
                    if late <= Instant::now() {
                        return;
                    }
                    sleep_until(late).await;
                }
            }
        }
    }
}
