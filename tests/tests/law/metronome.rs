//! How late the machine itself is. Listeners, loads and the server share its cores, and what waits for a core is not the
//! server's doing.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use load::Spread;
use tests::wait_until;

/// How long it sleeps at a time.
const BEAT: Duration = Duration::from_millis(10);

/// Sleeps beside everybody else until it is dropped, and sees how late it wakes.
pub(crate) struct Metronome {
    over: Arc<AtomicBool>,
    late: Arc<Mutex<Vec<Duration>>>,
}

impl Metronome {
    pub(crate) fn start() -> Metronome {
        let metronome = Metronome { over: Arc::default(), late: Arc::default() };
        let (over, late) = (Arc::clone(&metronome.over), Arc::clone(&metronome.late));
        std::thread::spawn(move || {
            while !over.load(Ordering::Acquire) {
                let due = Instant::now() + BEAT;
                wait_until(due, || false);
                late.lock().expect("nobody panics here").push(due.elapsed());
            }
        });
        metronome
    }

    /// By how much it was late at most, but for one time in a hundred.
    pub(crate) fn late(&self) -> Duration {
        Spread::of(self.late.lock().expect("nobody panics here").clone()).percentile(99.0)
    }
}

impl Drop for Metronome {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Release);
    }
}
