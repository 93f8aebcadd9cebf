//! What takes room on the disk beside the entries of the index: what is being made, and what was removed but is still
//! read. A file without a name takes room until its last reader is gone, and is counted for so long.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

/// The sum of it, and which entries are read at the moment.
#[derive(Default)]
pub(super) struct Ground {
    beside_bytes: AtomicU64,
    /// What of that is promised and not on the disk yet.
    unwritten_bytes: AtomicU64,
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
    /// So many bytes are reserved for it, of which some are not written yet, or still taken by it, and the index does not
    /// speak of them.
    Beside { bytes: u64, unwritten_bytes: u64 },
    /// It is the entry in this slot, which cannot be evicted now.
    Kept(i64),
}

impl Ground {
    /// What is taken beside the entries, in bytes.
    pub(super) fn beside_bytes(&self) -> u64 {
        self.beside_bytes.load(Ordering::SeqCst)
    }

    /// What of that nobody has written yet, in bytes.
    pub(super) fn unwritten_bytes(&self) -> u64 {
        self.unwritten_bytes.load(Ordering::SeqCst)
    }

    /// So many bytes more are taken by something new.
    pub(super) fn begin(self: &Arc<Self>, bytes: u64) -> Arc<Hold> {
        let state = State::Beside { bytes: 0, unwritten_bytes: 0 };
        let hold = Hold { ground: Arc::clone(self), state: Mutex::new(state) };
        hold.grow(bytes);
        Arc::new(hold)
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
        *hold.state() = State::Beside { bytes, unwritten_bytes: 0 };
        true
    }

    fn held(&self) -> MutexGuard<'_, HashMap<i64, Weak<Hold>>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// What is beside the entries is nothing any more.
    fn give_back(self, ground: &Ground) {
        if let State::Beside { bytes, unwritten_bytes } = self {
            ground.beside_bytes.fetch_sub(bytes, Ordering::SeqCst);
            ground.unwritten_bytes.fetch_sub(unwritten_bytes, Ordering::SeqCst);
        }
    }
}

impl Hold {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What it takes beside the entries, in bytes.
    pub(super) fn beside_bytes(&self) -> u64 {
        match *self.state() {
            State::Beside { bytes, .. } => bytes,
            State::Kept(_) => 0,
        }
    }

    /// It takes so many bytes more.
    pub(super) fn grow(&self, bytes: u64) {
        if let State::Beside { bytes: taken, unwritten_bytes } = &mut *self.state() {
            self.ground.beside_bytes.fetch_add(bytes, Ordering::SeqCst);
            self.ground.unwritten_bytes.fetch_add(bytes, Ordering::SeqCst);
            *taken += bytes;
            *unwritten_bytes += bytes;
        }
    }

    /// So many bytes of what was promised are on the disk.
    pub(super) fn wrote(&self, bytes: u64) {
        if let State::Beside { unwritten_bytes, .. } = &mut *self.state() {
            let bytes = bytes.min(*unwritten_bytes);
            self.ground.unwritten_bytes.fetch_sub(bytes, Ordering::SeqCst);
            *unwritten_bytes -= bytes;
        }
    }

    /// It becomes the entry in a slot, which nobody else holds by now. What was reserved for it is free.
    pub(super) fn keep(self: &Arc<Self>, slot: i64) {
        self.ground.held().insert(slot, Arc::downgrade(self));
        let before = std::mem::replace(&mut *self.state(), State::Kept(slot));
        before.give_back(&self.ground);
    }

    /// Whether it is an entry still.
    pub(super) fn is_kept(&self) -> bool {
        matches!(*self.state(), State::Kept(_))
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        match *self.state() {
            state @ State::Beside { .. } => state.give_back(&self.ground),
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
