//! What takes room on the disk beside the entries of the index: what is being made, and what was removed but is still
//! read. A file without a name takes room until its last reader is gone, and is counted for so long.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

/// The sum of it, and which entries are read at the moment.
#[derive(Default)]
pub(super) struct Ground {
    beside_bytes: AtomicU64,
    /// By slot; only those that somebody holds.
    held: Mutex<HashMap<i64, Weak<Hold>>>,
}

/// One file, for as long as anybody has it open. The store drops it after the file.
pub(super) struct Hold {
    ground: Arc<Ground>,
    state: Mutex<State>,
}

#[derive(Clone, Copy)]
enum State {
    /// So many bytes are reserved for it, or still taken by it, and the index does not speak of them.
    Beside(u64),
    /// It is the entry in this slot, which cannot be evicted now.
    Kept(i64),
}

impl Ground {
    /// What is taken beside the entries, in bytes.
    pub(super) fn beside_bytes(&self) -> u64 {
        self.beside_bytes.load(Ordering::SeqCst)
    }

    /// So many bytes more are taken by something new.
    pub(super) fn begin(self: &Arc<Self>, bytes: u64) -> Arc<Hold> {
        self.beside_bytes.fetch_add(bytes, Ordering::SeqCst);
        Arc::new(Hold { ground: Arc::clone(self), state: Mutex::new(State::Beside(bytes)) })
    }

    /// Holds the entry in a slot, which must be there.
    pub(super) fn hold(self: &Arc<Self>, slot: i64) -> Arc<Hold> {
        let mut held = self.held();
        if let Some(hold) = held.get(&slot).and_then(Weak::upgrade) {
            return hold;
        }
        let hold = Arc::new(Hold { ground: Arc::clone(self), state: Mutex::new(State::Kept(slot)) });
        held.insert(slot, Arc::downgrade(&hold));
        hold
    }

    /// Whether somebody holds the entry in a slot.
    pub(super) fn is_held(&self, slot: i64) -> bool {
        self.held().get(&slot).is_some_and(|hold| hold.strong_count() > 0)
    }

    /// The slots of all entries that somebody holds.
    pub(super) fn held_slots(&self) -> Vec<i64> {
        self.held().iter().filter(|(_, hold)| hold.strong_count() > 0).map(|(slot, _)| *slot).collect()
    }

    /// The entry in a slot is none any more. True when somebody holds its file, whose bytes are counted here from now on.
    pub(super) fn part(&self, slot: i64, bytes: u64) -> bool {
        let hold = self.held().remove(&slot).and_then(|hold| hold.upgrade());
        let Some(hold) = hold else { return false };
        self.beside_bytes.fetch_add(bytes, Ordering::SeqCst);
        *hold.state() = State::Beside(bytes);
        true
    }

    fn held(&self) -> MutexGuard<'_, HashMap<i64, Weak<Hold>>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Hold {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// It takes so many bytes more.
    pub(super) fn grow(&self, bytes: u64) {
        let mut state = self.state();
        if let State::Beside(taken) = *state {
            self.ground.beside_bytes.fetch_add(bytes, Ordering::SeqCst);
            *state = State::Beside(taken + bytes);
        }
    }

    /// It becomes the entry in a slot, which nobody else holds by now. What was reserved for it is free.
    pub(super) fn keep(self: &Arc<Self>, slot: i64) {
        self.ground.held().insert(slot, Arc::downgrade(self));
        let before = std::mem::replace(&mut *self.state(), State::Kept(slot));
        if let State::Beside(bytes) = before {
            self.ground.beside_bytes.fetch_sub(bytes, Ordering::SeqCst);
        }
    }

    /// Whether it is an entry still.
    pub(super) fn is_kept(&self) -> bool {
        matches!(*self.state(), State::Kept(_))
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        match *self.state() {
            State::Beside(bytes) => {
                self.ground.beside_bytes.fetch_sub(bytes, Ordering::SeqCst);
            }
            State::Kept(slot) => {
                let mut held = self.ground.held();
                // Somebody may hold it anew already.
                if held.get(&slot).is_some_and(|hold| hold.strong_count() == 0) {
                    held.remove(&slot);
                }
            }
        }
    }
}
