//! How much memory there is, and how much of it is in use, by the kernel's own count.

mod children;
mod group;
#[cfg(test)]
#[cfg(not(loom))]
mod tests;

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

pub use children::{Child, ChildMemory, children};

use crate::limits::{KIB, MEMORY_UNKNOWN_BYTES, PROC_FILE_BYTES_MAX};

/// The memory of this process as the kernel counts it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProcessMemory {
    /// Resident now (`VmRSS`), in bytes.
    pub resident_bytes: u64,
    /// The most that was resident (`VmHWM`), in bytes.
    pub peak_bytes: u64,
}

/// Pages that this process touched and that were not mapped, since its start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PageFaults {
    /// The page was in memory.
    pub minor: u64,
    /// The page had to be read.
    pub major: u64,
}

/// How long tasks stood still for want of something ("pressure stall information" of the kernel).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stall {
    /// What they wanted: `"memory"`, `"cpu"`, `"io"`.
    pub resource: &'static str,
    /// `"some"`: at least one task stood still; `"full"`: all did.
    pub kind: &'static str,
    /// The share of the last ten seconds, in per cent.
    pub percent: f64,
}

/// What cannot be taken back from those who use it: page cache and the kernel's own caches do not count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Used {
    /// Memory without a file behind it, shared memory included.
    pub anonymous_bytes: u64,
    /// The kernel's own for us: page tables, stacks, and structures that it cannot drop.
    pub kernel_bytes: u64,
    /// Bytes in sockets.
    pub sockets_bytes: u64,
}

impl Used {
    /// All together.
    pub fn total_bytes(&self) -> u64 {
        self.anonymous_bytes.saturating_add(self.kernel_bytes).saturating_add(self.sockets_bytes)
    }
}

/// What is used, and what it is measured against.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Usage {
    /// What is used.
    pub used: Used,
    /// What this process itself has, pages of files included (`VmRSS`), in bytes.
    pub resident_bytes: u64,
    /// How much of it there may be, in bytes.
    pub limit_bytes: u64,
    /// The limit of our memory group, if it has one.
    pub group_limit_bytes: Option<u64>,
    /// The share of the last ten seconds in which a task stood still for want of memory, in per cent.
    pub stall_percent: f64,
}

/// The memory limit to start with, in bytes: `memory.limit` of the configuration, else the smallest limit of the
/// control groups that we are in (version 2 or 1), else a quarter of the machine.
pub fn limit_bytes(configured: Option<u64>) -> u64 {
    configured.unwrap_or_else(|| Places::default().limit_bytes())
}

/// What this process holds, from `/proc/self/status`; zeros where there is no such file.
pub fn process() -> ProcessMemory {
    Places::default().process()
}

/// The page faults of this process, from `/proc/self/stat`; zeros where there is no such file.
pub fn page_faults() -> PageFaults {
    Places::default().page_faults()
}

/// The stalls of the machine, from `/proc/pressure`; none where the kernel does not count them.
pub fn stalls() -> Vec<Stall> {
    Places::default().stalls()
}

/// What is used of `limit_bytes`, or of our memory group, whichever is nearer to its end.
///
/// Where our group has a limit, its figures are measured against it, and against `limit_bytes` too when nobody else is
/// in it. This process alone is measured against `limit_bytes` in any case: what is configured may be less than what the
/// group has, and the group may be somebody else's too.
///
/// Reads some small files of the kernel. The group's figures are added up over all processors for that, behind a lock
/// of the kernel, so it is no work for a thread that must not block.
pub fn usage(limit_bytes: u64) -> Usage {
    Places::default().usage(limit_bytes)
}

/// Where the kernel tells these things; tests put other folders here.
struct Places {
    proc: PathBuf,
    cgroup: PathBuf,
}

impl Default for Places {
    fn default() -> Self {
        Places { proc: PathBuf::from("/proc"), cgroup: PathBuf::from("/sys/fs/cgroup") }
    }
}

impl Places {
    fn limit_bytes(&self) -> u64 {
        let group = self.groups().into_iter().map(|group| group.limit_bytes).min();
        group.unwrap_or_else(|| self.machine_bytes().unwrap_or(MEMORY_UNKNOWN_BYTES) / 4)
    }

    fn machine_bytes(&self) -> Option<u64> {
        kib_of(&text(&self.proc.join("meminfo")).ok()?, "MemTotal:")
    }

    fn process(&self) -> ProcessMemory {
        let status = self.status();
        ProcessMemory {
            resident_bytes: kib_of(&status, "VmRSS:").unwrap_or(0),
            peak_bytes: kib_of(&status, "VmHWM:").unwrap_or(0),
        }
    }

    fn status(&self) -> String {
        text(&self.proc.join("self/status")).unwrap_or_default()
    }

    /// Fields 10 and 12 (proc_pid_stat(5)). The second is a name that may have blanks and brackets in it, so counting
    /// starts behind its end.
    fn page_faults(&self) -> PageFaults {
        let stat = text(&self.proc.join("self/stat")).unwrap_or_default();
        let behind_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
        let field = |number: usize| {
            behind_name.split_whitespace().nth(number - 3).and_then(|word| word.parse().ok()).unwrap_or(0)
        };
        PageFaults { minor: field(10), major: field(12) }
    }

    fn stalls(&self) -> Vec<Stall> {
        let mut stalls = Vec::new();
        for resource in ["memory", "cpu", "io"] {
            let text = text(&self.proc.join("pressure").join(resource)).unwrap_or_default();
            let found = ["some", "full"].into_iter().filter_map(|kind| Some((kind, stall(&text, kind)?)));
            stalls.extend(found.map(|(kind, percent)| Stall { resource, kind, percent }));
        }
        stalls
    }

    fn usage(&self, limit_bytes: u64) -> Usage {
        let status = self.status();
        let of = |name| kib_of(&status, name).unwrap_or(0);
        let own = Used { anonymous_bytes: of("RssAnon:") + of("RssShmem:"), ..Used::default() };
        let resident_bytes = of("VmRSS:");
        let mut fullest = Usage { used: own, resident_bytes, limit_bytes, ..Usage::default() };
        let groups = self.groups();
        for group in &groups {
            let bound_bytes = match group.limit_bytes > limit_bytes && self.is_ours(group) {
                true => limit_bytes,
                false => group.limit_bytes,
            };
            let used = self.used_by(group, &status);
            let here = Usage {
                used,
                limit_bytes: bound_bytes,
                group_limit_bytes: Some(group.limit_bytes),
                ..fullest
            };
            if here.is_nearer_its_end_than(&fullest) {
                fullest = here;
            }
        }
        fullest.group_limit_bytes =
            fullest.group_limit_bytes.or_else(|| groups.first().map(|g| g.limit_bytes));
        fullest.stall_percent = self.stall_percent();
        fullest
    }
}

impl Usage {
    fn is_nearer_its_end_than(&self, other: &Usage) -> bool {
        let share = |one: &Usage, of: &Usage| u128::from(one.used.total_bytes()) * u128::from(of.limit_bytes);
        share(self, other) >= share(other, self)
    }
}

/// `avg10` of the line `some avg10=0.12 avg60=…` or `full …`.
fn stall(text: &str, kind: &str) -> Option<f64> {
    let line = text.lines().find_map(|line| line.strip_prefix(kind))?;
    let percent =
        line.split_whitespace().find_map(|word| word.strip_prefix("avg10="))?.parse::<f64>().ok()?;
    (0.0..=100.0).contains(&percent).then_some(percent)
}

/// The number after `name` in lines like `VmRSS:  1234 kB`, in bytes.
fn kib_of(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse::<u64>().ok()?.checked_mul(KIB)
}

/// The number in a file that has nothing else.
fn number(path: &Path) -> Option<u64> {
    text(path).ok()?.trim().parse().ok()
}

/// A small file of the kernel.
#[expect(clippy::disallowed_methods, reason = "bounded by take; the kernel's own files are a few kilobytes")]
fn text(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?.take(PROC_FILE_BYTES_MAX).read_to_string(&mut text)?;
    Ok(text)
}
