//! The threads that wait for disks.

mod carry;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;

use budget::limits::DISK_BUCKETS_SECONDS;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use tokio::sync::Semaphore;

use crate::error::{Error, ErrorKind};

pub use carry::Carried;

/// Runs work that blocks on a disk, so much of it at a time and the rest in line. A clone is the same line.
#[derive(Clone, Debug)]
pub struct Io(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    threads: Arc<Semaphore>,
    waiting: Gauge,
    seconds: Histogram,
}

impl Io {
    /// At most so many pieces of work at a time, and at least one.
    pub fn new(threads: usize) -> Io {
        let threads = Arc::new(Semaphore::new(threads.clamp(1, Semaphore::MAX_PERMITS)));
        Io(Arc::new(Shared {
            threads,
            waiting: Gauge::default(),
            seconds: Histogram::new(DISK_BUCKETS_SECONDS),
        }))
    }

    /// Runs `work` on a thread that may block. Work that has begun goes on to its end also when nobody waits for it any
    /// more, and keeps its turn until then. Who is [carried](Io::carry) does it where he is.
    ///
    /// # Errors
    /// [`ErrorKind::Io`] when the work broke down or the runtime stops.
    pub async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Error> {
        if Io::is_here() {
            let begun = Instant::now();
            let done = catch_unwind(AssertUnwindSafe(work));
            self.0.seconds.observe(begun.elapsed().as_secs_f64());
            return done.map_err(|_| stopped());
        }
        let in_line = InLine::of(&self.0.waiting);
        let turn = Arc::clone(&self.0.threads).acquire_owned().await.map_err(|_| stopped())?;
        drop(in_line);
        let seconds = self.0.seconds.clone();
        let done = tokio::task::spawn_blocking(move || {
            let begun = Instant::now();
            let done = work();
            seconds.observe(begun.elapsed().as_secs_f64());
            drop(turn);
            done
        });
        done.await.map_err(|_| stopped())
    }

    /// Adds how much waits and how long pieces of work take to the metrics.
    pub fn register(&self, registry: &mut Registry) {
        registry.register(
            "disk_work_waiting",
            "Pieces of work that wait for a disk thread",
            self.0.waiting.clone(),
        );
        registry.register("disk_work_seconds", "How long pieces of work took", self.0.seconds.clone());
    }
}

fn stopped() -> Error {
    Error::new(ErrorKind::Io, "work with the disk was stopped")
}

/// Counts one who waits, also when he goes away.
struct InLine<'a>(&'a Gauge);

impl<'a> InLine<'a> {
    fn of(waiting: &'a Gauge) -> Self {
        waiting.inc();
        InLine(waiting)
    }
}

impl Drop for InLine<'_> {
    fn drop(&mut self) {
        self.0.dec();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::sync_channel;

    use super::*;

    #[tokio::test]
    async fn so_much_work_runs_at_a_time_and_the_rest_waits_in_line() {
        let io = Io::new(1);
        let (go, gone) = sync_channel::<()>(1);
        let first = tokio::spawn({
            let io = io.clone();
            async move { io.run(move || gone.recv().is_ok()).await }
        });
        while io.0.threads.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        let second = tokio::spawn({
            let io = io.clone();
            async move { io.run(|| 2).await }
        });
        while io.0.waiting.get() == 0 {
            tokio::task::yield_now().await;
        }
        assert!(!second.is_finished());
        go.send(()).unwrap();
        assert!(first.await.unwrap().unwrap());
        assert_eq!(second.await.unwrap().unwrap(), 2);
        assert_eq!(io.0.waiting.get(), 0);
    }

    #[tokio::test]
    async fn one_who_goes_away_no_longer_waits_and_takes_no_turn() {
        let io = Io::new(1);
        let turn = Arc::clone(&io.0.threads).acquire_owned().await.unwrap();
        {
            let waits = io.run(|| ());
            tokio::pin!(waits);
            let polled =
                std::future::poll_fn(|context| std::task::Poll::Ready(waits.as_mut().poll(context))).await;
            assert!(polled.is_pending());
            assert_eq!(io.0.waiting.get(), 1);
        }
        assert_eq!(io.0.waiting.get(), 0);
        drop(turn);
        io.run(|| ()).await.unwrap();
    }

    #[tokio::test]
    async fn work_that_breaks_down_is_an_error_and_gives_its_turn_back() {
        let io = Io::new(1);
        assert_eq!(io.run(|| panic!("broken")).await.unwrap_err().kind, ErrorKind::Io);
        assert_eq!(io.run(|| 3).await.unwrap(), 3);
    }
}
