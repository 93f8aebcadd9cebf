//! What holds a process: it can be killed by its number only while that number is certainly its own.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, WaitOptions, WaitStatus};
use tokio::time::Instant;

/// What the handle, the output and the task of one child share.
#[derive(Debug)]
pub(super) struct Leash {
    held: Mutex<Held>,
    since: Instant,
    moved_ms: AtomicU64,
    /// What it may have of memory of its own.
    own_bytes_max: AtomicU64,
    /// Whether to be at work is to move.
    is_silent: AtomicBool,
}

#[derive(Debug)]
struct Held {
    state: State,
    /// Whether we killed it.
    is_cut: bool,
}

#[derive(Clone, Copy, Debug)]
enum State {
    /// It is not there yet.
    Starting,
    /// It is there, or dead and not reaped: nobody else can have its number.
    There(Pid),
    /// It was reaped, or never came.
    Over,
}

impl Leash {
    pub(super) fn new() -> Leash {
        Leash {
            held: Mutex::new(Held { state: State::Starting, is_cut: false }),
            since: Instant::now(),
            moved_ms: AtomicU64::new(0),
            own_bytes_max: AtomicU64::new(u64::MAX),
            is_silent: AtomicBool::new(false),
        }
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Kills the process and all of its group, now or as soon as it is there.
    pub(super) fn cut(&self) {
        let mut held = self.held();
        match held.state {
            State::Over => return,
            State::Starting => {}
            State::There(pid) => kill(pid),
        }
        held.is_cut = true;
    }

    /// The process is there.
    pub(super) fn attach(&self, pid: Pid) {
        let mut held = self.held();
        held.state = State::There(pid);
        if held.is_cut {
            kill(pid);
        }
    }

    /// Whether we killed it.
    pub(super) fn is_cut(&self) -> bool {
        self.held().is_cut
    }

    /// Its number; 0 when there is none.
    pub(super) fn id(&self) -> u32 {
        self.pid().map_or(0, |pid| pid.as_raw_pid().unsigned_abs())
    }

    /// The process, while it is there.
    pub(super) fn pid(&self) -> Option<Pid> {
        match self.held().state {
            State::There(pid) => Some(pid),
            State::Starting | State::Over => None,
        }
    }

    /// Reaps the process if it is dead. What it left behind in its group is killed first, while the number is still
    /// the group's.
    pub(super) fn reap(&self) -> rustix::io::Result<Option<WaitStatus>> {
        let mut held = self.held();
        let State::There(pid) = held.state else { return Ok(None) };
        let look = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        if rustix::process::waitid(WaitId::Pid(pid), look)?.is_none() {
            return Ok(None);
        }
        kill(pid);
        let reaped = rustix::process::waitpid(Some(pid), WaitOptions::NOHANG)?;
        held.state = State::Over;
        Ok(reaped.map(|(_, status)| status))
    }

    /// Kills the process and waits until it is gone, which is as long as the kernel takes to do so.
    pub(super) fn end(&self) {
        let mut held = self.held();
        if let State::There(pid) = held.state {
            kill(pid);
            held.is_cut = true;
            while matches!(rustix::process::waitpid(Some(pid), WaitOptions::empty()), Err(Errno::INTR)) {}
        }
        held.state = State::Over;
    }

    /// So much memory of its own it may have.
    pub(super) fn hold_to(&self, own_bytes_max: u64) {
        self.own_bytes_max.store(own_bytes_max, Ordering::Relaxed);
    }

    pub(super) fn own_bytes_max(&self) -> u64 {
        self.own_bytes_max.load(Ordering::Relaxed)
    }

    /// It makes nothing before its end: to be at work is to move.
    pub(super) fn be_silent(&self) {
        self.is_silent.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_silent(&self) -> bool {
        self.is_silent.load(Ordering::Relaxed)
    }

    /// Something was made.
    pub(super) fn moved(&self) {
        self.moved_ms.store(milliseconds(self.since.elapsed()), Ordering::Relaxed);
    }

    /// For how long nothing was.
    pub(super) fn idle(&self) -> Duration {
        let moved = Duration::from_millis(self.moved_ms.load(Ordering::Relaxed));
        self.since.elapsed().saturating_sub(moved)
    }

    /// How long it has been there, in milliseconds.
    pub(super) fn age_ms(&self) -> u64 {
        milliseconds(self.since.elapsed())
    }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// A group that has nobody left to be killed is as good as killed.
fn kill(pid: Pid) {
    let _ = rustix::process::kill_process_group(pid, Signal::KILL);
}
