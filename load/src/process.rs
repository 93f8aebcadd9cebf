//! What the system says of a process.

use std::path::PathBuf;

use crate::kernel;

/// The figures of a process at one moment; zeros once it has ended.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Process {
    /// CPU seconds so far, user and system together, of all its threads.
    pub cpu_s: f64,
    /// The largest resident memory so far, in KiB.
    pub peak_kib: u64,
    /// The resident memory, in KiB.
    pub resident_kib: u64,
    /// The part of it that no file stands behind, in KiB.
    pub anonymous_kib: u64,
    /// Open descriptors.
    pub descriptors: usize,
    /// Threads.
    pub threads: u64,
}

impl Process {
    /// Of the process with this id.
    pub fn of(id: u32) -> Self {
        let folder = folder(id);
        let status = kernel::text(&folder.join("status"));
        let number = |name: &str| kernel::field(&status, name).unwrap_or(0);
        Self {
            cpu_s: cpu_s(&kernel::text(&folder.join("stat"))),
            peak_kib: number("VmHWM:"),
            resident_kib: number("VmRSS:"),
            anonymous_kib: number("RssAnon:"),
            descriptors: std::fs::read_dir(folder.join("fd")).map_or(0, Iterator::count),
            threads: number("Threads:"),
        }
    }

    /// The largest resident memory so far, in MiB.
    pub fn peak_mib(&self) -> f64 {
        self.peak_kib as f64 / 1_024.0
    }
}

/// What a process has open, by the names that the system gives, sorted.
pub fn open_names(id: u32) -> Vec<String> {
    let entries = std::fs::read_dir(folder(id).join("fd")).into_iter().flatten().flatten();
    let mut names: Vec<_> = entries
        .filter_map(|entry| Some(std::fs::read_link(entry.path()).ok()?.display().to_string()))
        .collect();
    names.sort();
    names
}

/// Allows this process, and those that it starts, so many descriptors, if the system lets it. Returns how many it may
/// have now.
pub fn raise_descriptors(wanted: u64) -> u64 {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let now = getrlimit(Resource::Nofile);
    let current = now.current.unwrap_or(u64::MAX);
    if current >= wanted {
        return current;
    }
    let maximum = now.maximum.map(|maximum| maximum.max(wanted));
    let raised = Rlimit { current: Some(wanted), maximum };
    let within = Rlimit { current: now.maximum.map(|maximum| maximum.min(wanted)), maximum: now.maximum };
    // Above the hard limit only with rights; then up to it.
    let _ = setrlimit(Resource::Nofile, raised).or_else(|_| setrlimit(Resource::Nofile, within));
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}

fn folder(id: u32) -> PathBuf {
    PathBuf::from(format!("/proc/{id}"))
}

/// Fields 14 and 15 of `/proc/PID/stat`; the name in the second one may have spaces and brackets.
fn cpu_s(stat: &str) -> f64 {
    let after = stat.rsplit_once(')').map_or("", |(_, after)| after);
    let ticks: u64 =
        after.split_whitespace().skip(11).take(2).filter_map(|word| word.parse::<u64>().ok()).sum();
    ticks as f64 / rustix::param::clock_ticks_per_second() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_figures_are_there() {
        let own = Process::of(std::process::id());
        assert!(
            own.peak_kib >= own.resident_kib
                && own.resident_kib > own.anonymous_kib
                && own.anonymous_kib > 100,
            "{own:?}"
        );
        assert!(own.descriptors >= 3 && own.threads >= 1, "{own:?}");
        assert!(!open_names(std::process::id()).is_empty());
        assert_eq!(Process::of(u32::MAX), Process::default());
    }

    #[test]
    fn cpu_seconds_are_found_behind_any_name() {
        let ticks = rustix::param::clock_ticks_per_second() as f64;
        let stat = "7 (a (b) c) S 1 7 7 0 -1 4194560 9 8 7 6 150 50 3 4 20 0 1 0 99";
        assert_eq!(cpu_s(stat), 200.0 / ticks);
    }
}
