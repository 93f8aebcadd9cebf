//! The memory groups that we are in, as version 2 and version 1 of the kernel's control groups tell of them.

use std::path::{Path, PathBuf};

use super::{Places, Used, kib_of, number, stall, text};
use crate::limits::{GROUP_PROCESSES_MAX, KIB};

/// A group with a limit.
pub(super) struct Group {
    folder: PathBuf,
    version: Version,
    pub(super) limit_bytes: u64,
}

/// Which files a group has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Version {
    One,
    Two,
}

impl Version {
    fn limit_file(self) -> &'static str {
        match self {
            Version::One => "memory.limit_in_bytes",
            Version::Two => "memory.max",
        }
    }
}

impl Places {
    /// The groups with a limit that we are in, from the innermost out: a parent's limit binds its children. A number
    /// as large as the machine is no limit, which is how version 1 says "none".
    pub(super) fn groups(&self) -> Vec<Group> {
        let machine_bytes = self.machine_bytes().unwrap_or(u64::MAX);
        let limited = |(folder, version): (PathBuf, Version)| {
            let limit_bytes = number(&folder.join(version.limit_file()))?;
            (limit_bytes < machine_bytes).then_some(Group { folder, version, limit_bytes })
        };
        self.folders().into_iter().filter_map(limited).collect()
    }

    /// The folders of our groups. Each line of `/proc/self/cgroup` is `number:controllers:path`; version 2 has number 0
    /// and no controllers (cgroups(7)). In a container the path is often that of the host and does not exist here; the
    /// root's own files are then ours.
    fn folders(&self) -> Vec<(PathBuf, Version)> {
        let mut found = Vec::new();
        for line in text(&self.proc.join("self/cgroup")).unwrap_or_default().lines() {
            let mut fields = line.splitn(3, ':');
            let (Some(number), Some(controllers), Some(path)) = (fields.next(), fields.next(), fields.next())
            else {
                continue;
            };
            let mut from = |root: PathBuf, version| {
                let relative = Path::new(path.trim_start_matches('/'));
                found.extend(relative.ancestors().map(|folder| (root.join(folder), version)));
            };
            if number == "0" && controllers.is_empty() {
                from(self.cgroup.clone(), Version::Two);
                from(self.cgroup.join("unified"), Version::Two);
            } else if controllers.split(',').any(|name| name == "memory") {
                from(self.cgroup.join("memory"), Version::One);
            }
        }
        found
    }

    /// What a group uses, in bytes. `status` is that of this process.
    pub(super) fn used_by(&self, group: &Group, status: &str) -> Used {
        let stat = text(&group.folder.join("memory.stat")).unwrap_or_default();
        let of = |name: &str| line_of(&stat, name);
        let sum = |names: &[&str]| names.iter().filter_map(|name| of(name)).sum::<u64>();
        match group.version {
            Version::Two => Used {
                anonymous_bytes: sum(&["anon", "shmem"]),
                // Names and inodes of files are a cache like the pages of files: the kernel drops them before it runs
                // short, and a scan of a large library leaves a hundred megabytes of them.
                kernel_bytes: match of("kernel") {
                    Some(all) => all.saturating_sub(of("slab_reclaimable").unwrap_or(0)),
                    // Kernels before 5.18 have only the parts.
                    None => sum(&["kernel_stack", "pagetables", "percpu", "slab_unreclaimable"]),
                },
                sockets_bytes: of("sock").unwrap_or(0),
            },
            Version::One => Used {
                anonymous_bytes: match of("total_rss") {
                    Some(rss) => rss.saturating_add(of("total_shmem").unwrap_or(0)),
                    None => sum(&["rss", "shmem"]),
                },
                // `memory.kmem.usage_in_bytes` cannot be told apart from the cache of names and inodes in it (27 MB
                // after 20,000 files, measured), so only what this process surely has is counted.
                kernel_bytes: tables_and_stacks_bytes(status),
                sockets_bytes: number(&group.folder.join("memory.kmem.tcp.usage_in_bytes")).unwrap_or(0),
            },
        }
    }

    /// Whether a group has nobody in it but this process and its children.
    pub(super) fn is_ours(&self, group: &Group) -> bool {
        let Some(own) = id_of(&self.status(), "Pid:") else { return false };
        let processes = text(&group.folder.join("cgroup.procs")).unwrap_or_default();
        let is_ours = |word: &str| {
            let Ok(id) = word.parse::<u64>() else { return false };
            let parent = || id_of(&text(&self.proc.join(word).join("status")).ok()?, "PPid:");
            id == own || parent() == Some(own)
        };
        let mut words = processes.split_whitespace().peekable();
        // An outer group of ours has its processes in inner ones; whose they are is not looked for.
        words.peek().is_some() && processes.lines().count() <= GROUP_PROCESSES_MAX && words.all(is_ours)
    }

    /// The share of the last ten seconds in which a task stood still for want of memory: in our group of version 2 if
    /// it tells, else on the machine.
    pub(super) fn stall_percent(&self) -> f64 {
        let some = |path: &Path| stall(&text(path).ok()?, "some");
        let mut groups = self.folders().into_iter().filter(|(_, version)| *version == Version::Two);
        let of_group = groups.find_map(|(folder, _)| some(&folder.join("memory.pressure")));
        of_group.or_else(|| some(&self.proc.join("pressure/memory"))).unwrap_or(0.0)
    }
}

/// What the kernel holds for the page tables and the stacks of this process: 16 KiB for each thread on the machines
/// that we run on.
fn tables_and_stacks_bytes(status: &str) -> u64 {
    let tables_bytes = kib_of(status, "VmPTE:").unwrap_or(0);
    let threads = id_of(status, "Threads:").unwrap_or(0);
    tables_bytes.saturating_add(threads.saturating_mul(16 * KIB))
}

/// The number after `name` in lines like `Pid:  1234`.
fn id_of(status: &str, name: &str) -> Option<u64> {
    status.lines().find_map(|line| line.strip_prefix(name))?.trim().parse().ok()
}

/// The number of the line `name 1234`.
fn line_of(stat: &str, name: &str) -> Option<u64> {
    stat.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))?.trim().parse().ok()
}
