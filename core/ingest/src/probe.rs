//! A look at something that may hang, such as a disk of another machine.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use budget::limits;
use tokio::sync::watch;

/// What a look sends when it is done.
type Seen<T> = watch::Receiver<Option<T>>;

/// At most one look at one thing. While it hangs, everybody who asks waits for the same one, and no further thread is
/// lost to it.
pub(super) struct Probe<T>(Mutex<Option<Seen<T>>>);

impl<T> Default for Probe<T> {
    fn default() -> Self {
        Probe(Mutex::new(None))
    }
}

impl<T: Clone + Send + Sync + 'static> Probe<T> {
    /// What `look` finds, on a thread that may block, or what a look that is already under way finds. `None` when it
    /// does not answer within [`limits::HEALTH_CHECK_MS`].
    pub(super) async fn ask(&self, look: impl FnOnce() -> T + Send + 'static) -> Option<T> {
        let mut seen = self.running_or(look);
        let done = seen.wait_for(Option::is_some);
        let done = tokio::time::timeout(Duration::from_millis(limits::HEALTH_CHECK_MS), done).await;
        // A look that panicked gives no answer either.
        done.ok()?.ok()?.clone()
    }

    /// Whether a look has not come back.
    pub(super) fn is_running(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).as_ref().is_some_and(is_running)
    }

    fn running_or(&self, look: impl FnOnce() -> T + Send + 'static) -> Seen<T> {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(seen) = last.as_ref().filter(|seen| is_running(seen)) {
            return seen.clone();
        }
        let (tell, seen) = watch::channel(None);
        tokio::task::spawn_blocking(move || tell.send_replace(Some(look())));
        last.insert(seen).clone()
    }
}

/// The sender lives as long as the look.
fn is_running<T>(seen: &Seen<T>) -> bool {
    seen.has_changed().is_ok() && seen.borrow().is_none()
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::{Arc, mpsc};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn p07_a_disk_that_hangs_costs_one_thread_however_often_it_is_asked() {
        let (probe, started) = (Probe::default(), Arc::new(AtomicUsize::new(0)));
        let (release, hang) = mpsc::sync_channel::<()>(0);
        let hang = Arc::new(Mutex::new(hang));
        let look = || {
            let (hang, started) = (Arc::clone(&hang), Arc::clone(&started));
            move || {
                started.fetch_add(1, Ordering::SeqCst);
                hang.lock().unwrap().recv().is_ok()
            }
        };
        let late = Duration::from_millis(limits::HEALTH_CHECK_MS + 1);
        for _ in 0..20 {
            let (first, second, ()) =
                tokio::join!(probe.ask(look()), probe.ask(look()), tokio::time::advance(late));
            assert_eq!((first, second), (None, None));
            assert!(probe.is_running());
        }
        drop(release);
        while probe.is_running() {
            tokio::task::yield_now().await;
        }
        assert_eq!(started.load(Ordering::SeqCst), 1);
        assert_eq!(probe.ask(|| true).await, Some(true), "the next look is a new one");
    }

    #[tokio::test]
    async fn a_look_that_panics_is_no_answer_and_does_not_stay() {
        let probe = Probe::default();
        assert_eq!(probe.ask(|| -> bool { panic!("for the test") }).await, None);
        assert_eq!(probe.ask(|| true).await, Some(true));
    }
}
