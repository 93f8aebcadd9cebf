//! A memory group of one's own: version 1 of the controller, which counts socket memory apart.
//!
//! Version 2 charges a group with anonymous memory, the kernel's structures and socket buffers alike, and with page
//! cache, which it takes back before it kills. Version 1 has two counters: `memory` (which has the kernel's structures
//! in it) and `memory.kmem.tcp`. A proof limits both, so that together they are what version 2 would be given, and
//! samples the sum of what nobody can take back.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::{Error, Result, kernel};

/// Where version 1 of the memory controller is.
const HOME: &str = "/sys/fs/cgroup/memory";
/// How often the sum is taken.
const SAMPLE_EVERY: Duration = Duration::from_millis(100);
/// A group whose processes were ended is empty soon.
const EMPTY_WITHIN: Duration = Duration::from_secs(5);

/// How much a group may have, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// For memory, with the kernel's structures and the page cache.
    pub memory_bytes: u64,
    /// For socket buffers; `None` is no limit.
    pub sockets_bytes: Option<u64>,
}

/// What a group is charged with, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Charged {
    /// Anonymous and shared memory.
    pub anonymous: u64,
    /// The kernel's structures: sockets without their buffers, descriptors, stacks, names of files.
    pub kernel: u64,
    /// Socket buffers.
    pub sockets: u64,
    /// Page cache, which the kernel takes back when it needs memory.
    pub cache: u64,
}

impl Charged {
    /// What version 2 would charge and could not take back.
    pub fn lasting(&self) -> u64 {
        self.anonymous + self.kernel + self.sockets
    }
}

/// The largest figures of a group since it was made, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Peaks {
    /// Of the memory counter, page cache included, as the kernel keeps it.
    pub memory: u64,
    /// Of socket buffers, as the kernel keeps it.
    pub sockets: u64,
    /// The sample with the largest [`Charged::lasting`].
    pub lasting: Charged,
    /// Charges to the socket counter that its limit refused; a connection waits for each.
    pub sockets_refused: u64,
    /// Charges to the memory counter that its limit refused; page cache made room, or somebody was killed.
    pub memory_refused: u64,
    /// Processes that the kernel killed for want of memory.
    pub killed: u64,
}

/// A memory group, removed when the last handle is dropped; end its processes before.
#[derive(Clone, Debug)]
pub struct Group(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    folder: PathBuf,
    room: Room,
    lasting: Arc<Peak>,
    stop: Option<SyncSender<()>>,
    sampler: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Peak {
    bytes: AtomicU64,
    at: Mutex<Charged>,
}

impl Group {
    /// Makes a group with so much room.
    ///
    /// # Errors
    /// When there is no version 1 of the memory controller here or no right to make a group. A proof that asks for a
    /// group fails then: without one it would prove nothing.
    pub fn new(room: Room) -> Result<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let home = Path::new(HOME);
        if !home.join("memory.kmem.tcp.limit_in_bytes").is_file() {
            return Err(Error::new(format!(
                "this proof needs version 1 of the memory controller at {HOME}, with `memory.kmem.tcp`: it is not there"
            )));
        }
        sweep(home);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let folder = home.join(format!("millpond-{}-{number}", std::process::id()));
        std::fs::create_dir(&folder).map_err(|error| {
            Error::io(
                format!("this proof needs the right to make the memory group {}", folder.display()),
                error,
            )
        })?;
        let mut inner = Inner { folder, room, lasting: Arc::default(), stop: None, sampler: None };
        inner.limit("memory.limit_in_bytes", room.memory_bytes)?;
        if let Some(bytes) = room.sockets_bytes {
            inner.limit("memory.kmem.tcp.limit_in_bytes", bytes)?;
        }
        inner.sample()?;
        Ok(Self(Arc::new(inner)))
    }

    /// The same command, run inside the group from its first instruction. Set input and output on the result.
    pub fn within(&self, command: &Command) -> Command {
        let mut inside = Command::new("sh");
        // The shell joins the group and becomes the program, so that the process id is the program's.
        inside.args(["-c", r#"echo $$ > "$0" && exec "$@""#]).arg(self.0.folder.join("cgroup.procs"));
        inside.arg(command.get_program()).args(command.get_args());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => inside.env(name, value),
                None => inside.env_remove(name),
            };
        }
        if let Some(folder) = command.get_current_dir() {
            inside.current_dir(folder);
        }
        inside
    }

    /// What the group was given.
    pub fn room(&self) -> Room {
        self.0.room
    }

    /// What the group is charged with now.
    pub fn charged(&self) -> Charged {
        charged(&self.0.folder)
    }

    /// The largest figures so far.
    pub fn peaks(&self) -> Peaks {
        let number = |name: &str| kernel::number(&self.0.folder.join(name)).unwrap_or(0);
        let killed = kernel::field(&kernel::text(&self.0.folder.join("memory.oom_control")), "oom_kill");
        Peaks {
            memory: number("memory.max_usage_in_bytes"),
            sockets: number("memory.kmem.tcp.max_usage_in_bytes"),
            lasting: *self.0.lasting.at.lock().unwrap_or_else(PoisonError::into_inner),
            sockets_refused: number("memory.kmem.tcp.failcnt"),
            memory_refused: number("memory.failcnt"),
            killed: killed.unwrap_or(0),
        }
    }

    /// The ids of the processes inside.
    pub fn processes(&self) -> Vec<u32> {
        processes(&self.0.folder)
    }
}

impl Inner {
    fn limit(&self, name: &str, bytes: u64) -> Result<()> {
        let path = self.folder.join(name);
        std::fs::write(&path, bytes.to_string())
            .map_err(|error| Error::io(format!("limiting {} to {bytes} bytes", path.display()), error))
    }

    fn sample(&mut self) -> Result<()> {
        let (stop, stopped) = sync_channel::<()>(0);
        let (folder, lasting) = (self.folder.clone(), Arc::clone(&self.lasting));
        let sampler = std::thread::Builder::new().name("group-sampler".to_owned()).spawn(move || {
            while stopped.recv_timeout(SAMPLE_EVERY) == Err(RecvTimeoutError::Timeout) {
                let now = charged(&folder);
                if lasting.bytes.fetch_max(now.lasting(), Ordering::Relaxed) < now.lasting() {
                    *lasting.at.lock().unwrap_or_else(PoisonError::into_inner) = now;
                }
            }
        });
        self.sampler =
            Some(sampler.map_err(|error| Error::io("starting the sampler of a memory group", error))?);
        self.stop = Some(stop);
        Ok(())
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(sampler) = self.sampler.take() {
            let _ = sampler.join();
        }
        let deadline = Instant::now() + EMPTY_WITHIN;
        while std::fs::remove_dir(&self.folder).is_err() && self.folder.exists() {
            if Instant::now() > deadline {
                eprintln!(
                    "the memory group {} stays, with {:?} in it",
                    self.folder.display(),
                    processes(&self.folder)
                );
                return;
            }
            std::thread::park_timeout(Duration::from_millis(10));
        }
    }
}

fn charged(folder: &Path) -> Charged {
    let stat = kernel::text(&folder.join("memory.stat"));
    let field = |name: &str| kernel::field(&stat, name).unwrap_or(0);
    let number = |name: &str| kernel::number(&folder.join(name)).unwrap_or(0);
    Charged {
        anonymous: field("rss") + field("shmem"),
        kernel: number("memory.kmem.usage_in_bytes"),
        sockets: number("memory.kmem.tcp.usage_in_bytes"),
        cache: field("cache").saturating_sub(field("shmem")),
    }
}

fn processes(folder: &Path) -> Vec<u32> {
    kernel::text(&folder.join("cgroup.procs")).lines().filter_map(|line| line.parse().ok()).collect()
}

/// Removes empty groups of test runs that were killed.
fn sweep(home: &Path) {
    for entry in std::fs::read_dir(home).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let owner =
            name.strip_prefix("millpond-").and_then(|rest| rest.split('-').next()?.parse::<u32>().ok());
        if owner.is_some_and(|id| !Path::new("/proc").join(id.to_string()).exists()) {
            // One that has processes yet stays.
            let _ = std::fs::remove_dir(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::process::Stdio;

    use super::*;

    const ROOM: Room = Room { memory_bytes: 32 << 20, sockets_bytes: Some(16 << 20) };

    #[test]
    fn a_program_in_a_group_is_charged_and_killed_when_it_takes_too_much() {
        let group = Group::new(ROOM).unwrap();
        let folder = group.0.folder.clone();
        let mut modest = Command::new("sh");
        modest.args(["-c", "test \"$SAID\" = word"]).env("SAID", "word");
        assert!(group.within(&modest).status().unwrap().success());
        assert_eq!(group.peaks().killed, 0);
        // A buffer of 64 MiB, filled.
        let mut greedy = Command::new("dd");
        greedy.args(["if=/dev/zero", "of=/dev/null", "bs=64M", "count=1"]);
        let mut child = group.within(&greedy).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        assert!(!child.wait().unwrap().success());
        let peaks = group.peaks();
        assert_eq!(peaks.killed, 1, "{peaks:?}");
        assert!(peaks.memory > 30 << 20 && peaks.memory <= 32 << 20, "{peaks:?}");
        drop(group);
        assert!(!folder.exists(), "the group is removed");
    }
}
