//! Work that waits for a socket and for a disk in turns, on one thread.
//!
//! A body that comes fast would wake a disk thread and be woken by it for each piece, which costs more than to write
//! the piece. So whoever takes it in goes to a disk thread himself, for as long as he keeps it busy.

use std::cell::Cell;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::{Duration, Instant};

use budget::limits::{RUSH_PATIENCE_MS, RUSH_WINDOW_MS};

use super::{Io, stopped};
use crate::error::Error;

thread_local! {
    /// Whether this thread carries somebody now, who may then block it.
    static CARRIES: Cell<bool> = const { Cell::new(false) };
    /// How long whoever it carries let it wait for something else than a disk.
    static WAITED: Cell<Duration> = const { Cell::new(Duration::ZERO) };
}

/// What became of a future that was carried.
#[derive(Debug)]
pub enum Carried<F: Future> {
    /// It ended.
    Over(F::Output),
    /// It goes on elsewhere: there is no turn for it, others wait for one, or it does not need one.
    Back(Pin<Box<F>>),
}

impl Io {
    /// Whether the caller is carried by this thread, and may block it.
    pub fn is_here() -> bool {
        CARRIES.get()
    }

    /// Has the thread that carries the caller wait for something else than a disk: for a moment only, since nothing else
    /// can wake him. It counts as time in which he does not need the thread.
    pub fn wait_here<T>(wait: impl FnOnce() -> T) -> T {
        let begun = Instant::now();
        let done = wait();
        WAITED.set(WAITED.get() + begun.elapsed());
        done
    }

    /// Polls a future on a disk thread, for as long as that keeps the thread busy and nobody else waits for a turn. There
    /// its work with disks ([`Io::run`]) is done at once. It takes a turn if there is one, and never waits for it. When
    /// the caller is dropped, the future is dropped as soon as its turn is over.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Io`] when the future broke down or the runtime stops; the future is gone.
    pub async fn carry<F>(&self, future: Pin<Box<F>>) -> Result<Carried<F>, Error>
    where
        F: Future + Send + 'static,
        F::Output: Send,
    {
        let Ok(turn) = Arc::clone(&self.0.threads).try_acquire_owned() else {
            return Ok(Carried::Back(future));
        };
        let io = self.clone();
        let carried = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            io.poll_here(future)
        });
        carried.await.map_err(|_| stopped())
    }

    fn poll_here<F: Future>(&self, mut future: Pin<Box<F>>) -> Carried<F> {
        let _carrying = Carrying::begin();
        let bell = Arc::new(Bell { rung: AtomicBool::new(false), thread: std::thread::current() });
        let waker = Waker::from(Arc::clone(&bell));
        let mut context = Context::from_waker(&waker);
        let window = Duration::from_millis(RUSH_WINDOW_MS);
        let (mut since, mut waited) = (Instant::now(), Duration::ZERO);
        loop {
            bell.rung.store(false, Ordering::Release);
            if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
                return Carried::Over(output);
            }
            if self.0.waiting.get() > 0 {
                return Carried::Back(future);
            }
            if !bell.rung.load(Ordering::Acquire) {
                let paused = Instant::now();
                // A bell that rings in between is remembered, and ends this at once. Who gets in line rings none.
                std::thread::park_timeout(Duration::from_millis(RUSH_PATIENCE_MS.unsigned_abs()));
                waited += paused.elapsed();
            }
            waited += WAITED.take();
            let passed = since.elapsed();
            if passed >= window && waited > passed / 2 {
                return Carried::Back(future);
            }
            if passed >= window {
                (since, waited) = (Instant::now(), Duration::ZERO);
            }
        }
    }
}

/// Wakes a thread that polls.
struct Bell {
    rung: AtomicBool,
    thread: Thread,
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.rung.store(true, Ordering::Release);
        self.thread.unpark();
    }
}

/// Marks this thread for as long as it lives.
struct Carrying;

impl Carrying {
    fn begin() -> Self {
        CARRIES.set(true);
        Carrying
    }
}

impl Drop for Carrying {
    fn drop(&mut self) {
        CARRIES.set(false);
    }
}

#[cfg(test)]
mod tests;
