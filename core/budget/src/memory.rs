//! How much memory there is, and how much this process holds.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::limits::{KIB, MEMORY_UNKNOWN_BYTES, PROC_FILE_BYTES_MAX};

/// The memory of this process as the kernel counts it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProcessMemory {
    /// Resident now (`VmRSS`), in bytes.
    pub resident_bytes: u64,
    /// The most that was resident (`VmHWM`), in bytes.
    pub peak_bytes: u64,
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
        let machine = self.machine_bytes();
        // Version 1 says "no limit" by a number larger than any machine.
        let group = self.group_bytes().filter(|&bytes| machine.is_none_or(|machine| bytes < machine));
        group.unwrap_or_else(|| machine.unwrap_or(MEMORY_UNKNOWN_BYTES) / 4)
    }

    fn machine_bytes(&self) -> Option<u64> {
        kib_of(&text(&self.proc.join("meminfo")).ok()?, "MemTotal:")
    }

    fn process(&self) -> ProcessMemory {
        let status = text(&self.proc.join("self/status")).unwrap_or_default();
        ProcessMemory {
            resident_bytes: kib_of(&status, "VmRSS:").unwrap_or(0),
            peak_bytes: kib_of(&status, "VmHWM:").unwrap_or(0),
        }
    }

    /// The smallest limit of our memory groups. Each line of `/proc/self/cgroup` is `number:controllers:path`; version 2
    /// has number 0 and no controllers (cgroups(7)).
    fn group_bytes(&self) -> Option<u64> {
        let groups = text(&self.proc.join("self/cgroup")).ok()?;
        let mut smallest = None;
        for line in groups.lines() {
            let mut fields = line.splitn(3, ':');
            let (Some(number), Some(controllers), Some(path)) = (fields.next(), fields.next(), fields.next())
            else {
                continue;
            };
            let found = if number == "0" && controllers.is_empty() {
                let hybrid = smallest_up(&self.cgroup.join("unified"), path, "memory.max");
                smallest_up(&self.cgroup, path, "memory.max").or(hybrid)
            } else if controllers.split(',').any(|name| name == "memory") {
                smallest_up(&self.cgroup.join("memory"), path, "memory.limit_in_bytes")
            } else {
                None
            };
            smallest = [smallest, found].into_iter().flatten().min();
        }
        smallest
    }
}

/// The smallest number in the files `name` from the group `path` up to `root`: a parent's limit binds its children.
/// In a container the path is often that of the host and does not exist here; the root's own file is then ours.
fn smallest_up(root: &Path, path: &str, name: &str) -> Option<u64> {
    let relative = Path::new(path.trim_start_matches('/'));
    let number = |folder: &Path| text(&root.join(folder).join(name)).ok()?.trim().parse::<u64>().ok();
    relative.ancestors().filter_map(number).min()
}

/// The number after `name` in lines like `VmRSS:  1234 kB`, in bytes.
fn kib_of(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse::<u64>().ok()?.checked_mul(KIB)
}

/// A small file of the kernel.
#[expect(clippy::disallowed_methods, reason = "bounded by take; the kernel's own files are a few kilobytes")]
fn text(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?.take(PROC_FILE_BYTES_MAX).read_to_string(&mut text)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = KIB * KIB;

    /// Writes the given files into a folder of their own and asks for the limit.
    fn check(name: &str, files: &[(&str, &str)], expected_mib: u64) {
        let folder = tempfile::tempdir().unwrap();
        for (path, content) in files {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, content).unwrap();
        }
        let places = Places { proc: folder.path().join("proc"), cgroup: folder.path().join("cgroup") };
        assert_eq!(places.limit_bytes(), expected_mib * MIB, "{name}");
    }

    #[test]
    fn the_limit_is_the_groups_or_a_quarter_of_the_machine() {
        let machine = ("proc/meminfo", "MemTotal:        8388608 kB\nMemFree: 1 kB\n");
        let v2 = ("proc/self/cgroup", "0::/a/b\n");
        let v1 = ("proc/self/cgroup", "9:cpu,cpuacct:/x\n4:hugetlb,memory:/a\n0::/\n");
        check("nothing is known", &[], 256);
        check("no group", &[machine], 2048);
        check("version 2", &[machine, v2, ("cgroup/a/b/memory.max", "536870912\n")], 512);
        check(
            "a parent is smaller",
            &[machine, v2, ("cgroup/a/b/memory.max", "max\n"), ("cgroup/a/memory.max", "268435456\n")],
            256,
        );
        check("version 2 without limit", &[machine, v2, ("cgroup/a/b/memory.max", "max\n")], 2048);
        check("the path is the host's", &[machine, v2, ("cgroup/memory.max", "134217728\n")], 128);
        check("version 1", &[machine, v1, ("cgroup/memory/a/memory.limit_in_bytes", "134217728\n")], 128);
        check(
            "version 1 without limit",
            &[machine, v1, ("cgroup/memory/a/memory.limit_in_bytes", "9223372036854771712\n")],
            2048,
        );
        check("nonsense", &[machine, v1, ("cgroup/memory/a/memory.limit_in_bytes", "lots\n")], 2048);
    }

    #[test]
    fn the_configuration_comes_first_and_this_process_holds_something() {
        assert_eq!(limit_bytes(Some(77)), 77);
        assert!(limit_bytes(None) > 0);
        let memory = process();
        assert!(memory.resident_bytes > 0 && memory.peak_bytes >= memory.resident_bytes / 2, "{memory:?}");
    }
}
