//! Stems that are being written, under names that nobody looks for: all of them get their own together, or all go.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use stems::{Error, ErrorKind};
use tempfile::TempPath;

/// One of them. Dropped, it goes.
pub(super) struct Part {
    pub(super) file: TempPath,
    /// What it will be called.
    pub(super) name: PathBuf,
}

/// All of them, for whoever writes them and whoever hears that they are not wanted.
///
/// Who writes looks between two pieces of a song whether he is to stop, and a network may be at one piece for seconds. So the
/// files may also be taken away from him.
pub(super) struct Parts {
    is_to_stop: AtomicBool,
    state: Mutex<State>,
}

enum State {
    Written(Vec<Part>),
    /// They are whole, and get their names.
    Named,
    GivenUp,
}

impl Default for Parts {
    fn default() -> Parts {
        Parts { is_to_stop: AtomicBool::new(false), state: Mutex::new(State::Written(Vec::new())) }
    }
}

impl Parts {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks whoever writes to stop.
    pub(super) fn stop(&self) {
        self.is_to_stop.store(true, Ordering::Relaxed);
    }

    /// Whether that was asked.
    pub(super) fn is_to_stop(&self) -> bool {
        self.is_to_stop.load(Ordering::Relaxed)
    }

    /// Removes all that is written, and what is written after this is no stem. False when they get their names already.
    pub(super) fn give_up(&self) -> bool {
        let mut state = self.state();
        if matches!(*state, State::Named) {
            return false;
        }
        *state = State::GivenUp;
        true
    }

    /// One more is begun.
    ///
    /// # Errors
    /// [`ErrorKind::Stopped`] when they were given up.
    pub(super) fn add(&self, part: Part) -> Result<(), Error> {
        match &mut *self.state() {
            State::Written(parts) => parts.push(part),
            State::Named | State::GivenUp => return Err(stopped()),
        }
        Ok(())
    }

    /// All of them, to be named now that they are whole.
    ///
    /// # Errors
    /// [`ErrorKind::Stopped`] when they were given up.
    pub(super) fn whole(&self) -> Result<Vec<Part>, Error> {
        let mut state = self.state();
        match std::mem::replace(&mut *state, State::Named) {
            State::Written(parts) => Ok(parts),
            former @ (State::Named | State::GivenUp) => {
                *state = former;
                Err(stopped())
            }
        }
    }
}

fn stopped() -> Error {
    Error::new(ErrorKind::Stopped, "the work was stopped")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(folder: &tempfile::TempDir) -> Part {
        let file = tempfile::NamedTempFile::new_in(folder.path()).unwrap().into_temp_path();
        Part { file, name: PathBuf::from("vocals.wav") }
    }

    #[test]
    fn parts_that_are_given_up_are_gone_at_once_and_those_that_are_named_stay() {
        let folder = tempfile::tempdir().unwrap();
        let files = || std::fs::read_dir(folder.path()).unwrap().count();
        let parts = Parts::default();
        parts.add(part(&folder)).unwrap();
        parts.add(part(&folder)).unwrap();
        assert_eq!(files(), 2);
        assert!(parts.give_up());
        assert_eq!(files(), 0);
        assert_eq!(parts.add(part(&folder)).unwrap_err().kind(), ErrorKind::Stopped);
        assert_eq!(parts.whole().map(|_| ()).unwrap_err().kind(), ErrorKind::Stopped);
        assert_eq!(files(), 0, "what came later is gone too");

        let parts = Parts::default();
        parts.add(part(&folder)).unwrap();
        let whole = parts.whole().unwrap();
        assert!(!parts.give_up(), "whoever would give them up waits for their names");
        assert_eq!((whole.len(), files()), (1, 1));
    }
}
