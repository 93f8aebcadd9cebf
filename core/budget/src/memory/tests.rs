use super::*;
use crate::limits::{GROUP_PROCESSES_MAX, MIB};

type Files<'a> = &'a [(&'a str, &'a str)];

/// The given files in a folder of their own.
fn places(files: &[Files<'_>]) -> (tempfile::TempDir, Places) {
    let folder = tempfile::tempdir().unwrap();
    for (path, content) in files.iter().copied().flatten() {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }
    let places = Places { proc: folder.path().join("proc"), cgroup: folder.path().join("cgroup") };
    (folder, places)
}

const MACHINE: (&str, &str) = ("proc/meminfo", "MemTotal:        8388608 kB\nMemFree: 1 kB\n");
const V2: (&str, &str) = ("proc/self/cgroup", "0::/a/b\n");
const V1: (&str, &str) = ("proc/self/cgroup", "9:cpu,cpuacct:/x\n4:hugetlb,memory:/a\n0::/\n");

#[test]
fn the_limit_is_the_groups_or_a_quarter_of_the_machine() {
    let check = |name: &str, files: Files<'_>, expected_mib: u64| {
        let (_folder, places) = places(&[files]);
        assert_eq!(places.limit_bytes(), expected_mib * MIB, "{name}");
    };
    check("nothing is known", &[], 256);
    check("no group", &[MACHINE], 2048);
    check("version 2", &[MACHINE, V2, ("cgroup/a/b/memory.max", "536870912\n")], 512);
    check(
        "a parent is smaller",
        &[MACHINE, V2, ("cgroup/a/b/memory.max", "max\n"), ("cgroup/a/memory.max", "268435456\n")],
        256,
    );
    check("version 2 without limit", &[MACHINE, V2, ("cgroup/a/b/memory.max", "max\n")], 2048);
    check("the path is the host's", &[MACHINE, V2, ("cgroup/memory.max", "134217728\n")], 128);
    check("version 1", &[MACHINE, V1, ("cgroup/memory/a/memory.limit_in_bytes", "134217728\n")], 128);
    check(
        "version 1 without limit",
        &[MACHINE, V1, ("cgroup/memory/a/memory.limit_in_bytes", "9223372036854771712\n")],
        2048,
    );
    check("nonsense", &[MACHINE, V1, ("cgroup/memory/a/memory.limit_in_bytes", "lots\n")], 2048);
}

#[test]
fn the_configuration_comes_first_and_this_process_holds_something() {
    assert_eq!(limit_bytes(Some(77)), 77);
    assert!(limit_bytes(None) > 0);
    let memory = process();
    assert!(memory.resident_bytes > 0 && memory.peak_bytes >= memory.resident_bytes / 2, "{memory:?}");
    assert!(page_faults().minor > 0);
    assert!(usage(u64::MAX).used.anonymous_bytes > 0);
}

/// This process: 20 MiB and 4 threads.
const STATUS: (&str, &str) = (
    "proc/self/status",
    "Name:\tx\nPid:\t7\nPPid:\t1\nVmRSS:\t  29488 kB\nRssAnon:\t  18432 kB\nRssFile:\t 9000 kB\nRssShmem:\t 2048 kB\nVmPTE:\t 192 kB\nThreads:\t4\n",
);
/// 30 MiB anonymous, 10 of the kernel without its caches, 5 in sockets; and much that does not count.
const V2_STAT: &str = "anon 29360128\nfile 999999999\nkernel 31457280\nkernel_stack 1\nsock 5242880\nshmem 2097152\n\
    slab_reclaimable 20971520\nslab_unreclaimable 3\nanon_thp 77\n";
const V1_STAT: &str =
    "cache 99999999\nrss 7\nshmem 3\ntotal_cache 99999999\ntotal_rss 29360128\ntotal_shmem 2097152\n";

/// What is used in MiB (anonymous, kernel, sockets), of how many, and the group's limit.
type Expected = ((u64, u64, u64), u64, Option<u64>);

fn check_usage(name: &str, configured_mib: u64, files: Files<'_>, expected: Expected) {
    let (_folder, places) = places(&[&[MACHINE, STATUS], files]);
    let usage = places.usage(configured_mib * MIB);
    assert_eq!(usage.resident_bytes, 29_488 * KIB, "{name}");
    let used = usage.used;
    let mib = |bytes| {
        assert_eq!(bytes % MIB, 0, "{name}: {bytes}");
        bytes / MIB
    };
    let used = (mib(used.anonymous_bytes), mib(used.kernel_bytes), mib(used.sockets_bytes));
    assert_eq!((used, mib(usage.limit_bytes), usage.group_limit_bytes.map(mib)), expected, "{name}");
}

#[test]
fn without_a_group_the_process_itself_counts() {
    let own = (20, 0, 0);
    check_usage("no group", 100, &[], (own, 100, None));
    check_usage("the machine's group", 100, &[("proc/self/cgroup", "0::/\n")], (own, 100, None));
    let stat = ("cgroup/a/b/memory.stat", V2_STAT);
    check_usage("no limit", 100, &[V2, stat, ("cgroup/a/b/memory.max", "max\n")], (own, 100, None));
    check_usage("nonsense", 100, &[V2, stat, ("cgroup/a/b/memory.max", "-1\n")], (own, 100, None));
    check_usage(
        "no limit in version 1",
        100,
        &[
            V1,
            ("cgroup/memory/a/memory.stat", V1_STAT),
            ("cgroup/memory/a/memory.limit_in_bytes", "9223372036854771712\n"),
        ],
        (own, 100, None),
    );
    check_usage("no line is whole", 100, &[("proc/self/cgroup", "4:memory\n\n::\nx")], (own, 100, None));
}

#[test]
fn a_group_of_version_2_counts_what_cannot_be_taken_back() {
    let max = ("cgroup/a/b/memory.max", "134217728\n");
    let stat = ("cgroup/a/b/memory.stat", V2_STAT);
    let whole = (30, 10, 5);
    check_usage("as configured", 128, &[V2, max, stat], (whole, 128, Some(128)));
    check_usage("the group has less", 512, &[V2, max, stat], (whole, 128, Some(128)));
    let host = [V2, ("cgroup/memory.max", "134217728\n"), ("cgroup/memory.stat", V2_STAT)];
    check_usage("the path is the host's", 128, &host, (whole, 128, Some(128)));
    let unified = [V2, ("cgroup/unified/a/b/memory.max", "134217728\n")];
    let unified = [&unified[..], &[("cgroup/unified/a/b/memory.stat", V2_STAT)]].concat();
    check_usage("beside version 1", 128, &unified, (whole, 128, Some(128)));
    let older = "anon 29360128\nshmem 2097152\nsock 5242880\nkernel_stack 1048576\npagetables 1048576\npercpu 1048576\n\
        slab_reclaimable 20971520\nslab_unreclaimable 7340032\nslab 28311552\n";
    let older = [V2, max, ("cgroup/a/b/memory.stat", older)];
    check_usage("a kernel before 5.18", 128, &older, (whole, 128, Some(128)));
    let nonsense = [V2, max, ("cgroup/a/b/memory.stat", "anon much\nkernel\nsock -5\n\u{fffd}\n")];
    check_usage("nonsense", 128, &nonsense, ((20, 0, 0), 128, Some(128)));
}

#[test]
fn a_group_of_version_1_counts_its_sockets_and_not_its_caches() {
    let group = [
        V1,
        ("cgroup/memory/a/memory.limit_in_bytes", "134217728\n"),
        ("cgroup/memory/a/memory.stat", V1_STAT),
        ("cgroup/memory/a/memory.kmem.usage_in_bytes", "99999744\n"),
        ("cgroup/memory/a/memory.kmem.tcp.usage_in_bytes", "5242880\n"),
    ];
    let (_folder, places) = places(&[&[MACHINE, STATUS], &group]);
    let used = places.usage(128 * MIB).used;
    let expected =
        Used { anonymous_bytes: 30 * MIB, kernel_bytes: (192 + 4 * 16) * KIB, sockets_bytes: 5 * MIB };
    assert_eq!(used, expected);
    assert_eq!(used.total_bytes(), 35 * MIB + 256 * KIB);
}

#[test]
fn whichever_limit_is_nearer_counts() {
    let inner = [V2, ("cgroup/a/b/memory.max", "134217728\n"), ("cgroup/a/b/memory.stat", V2_STAT)];
    let outer = |stat| {
        [&inner[..], &[("cgroup/a/memory.max", "268435456\n"), ("cgroup/a/memory.stat", stat)]].concat()
    };
    check_usage("the outer is emptier", 512, &outer("anon 52428800\n"), ((30, 10, 5), 128, Some(128)));
    check_usage("the outer is fuller", 512, &outer("anon 209715200\n"), ((200, 0, 0), 256, Some(256)));
    // 45 of 128 in a group with others is more than 20 of 60; 20 of 50 is more than both.
    check_usage("the group is nearer", 60, &inner, ((30, 10, 5), 128, Some(128)));
    check_usage("the configured limit is nearer", 50, &inner, ((20, 0, 0), 50, Some(128)));
    let with = |procs| [&inner[..], &[("cgroup/a/b/cgroup.procs", procs)]].concat();
    let ours = ((30, 10, 5), 60, Some(128));
    let others = ((30, 10, 5), 128, Some(128));
    check_usage("nobody else is in the group", 60, &with("7\n"), ours);
    check_usage("somebody is", 60, &with("7\n8\n"), others);
    check_usage("nonsense", 60, &with("7\nx\n"), others);
    let many = "7\n".repeat(GROUP_PROCESSES_MAX + 1);
    check_usage("too many to look at", 60, &with(&many), others);
    let child = ("proc/8/status", "Name: y\nPid:\t8\nPPid:\t7\n");
    let stranger = ("proc/9/status", "Name: z\nPid:\t9\nPPid:\t1\n");
    check_usage("a child is", 60, &[&with("7\n8\n")[..], &[child]].concat(), ours);
    check_usage("a stranger is", 60, &[&with("7\n8\n9\n")[..], &[child, stranger]].concat(), others);
}

#[test]
fn stalls_are_the_groups_or_the_machines() {
    let check = |name: &str, files: Files<'_>, expected: f64| {
        let (_folder, places) = places(&[files]);
        assert_eq!(places.stall_percent(), expected, "{name}");
    };
    let machine =
        ("proc/pressure/memory", "some avg10=12.50 avg60=0.00 avg300=0.00 total=9\nfull avg10=3.00\n");
    let group = ("cgroup/a/b/memory.pressure", "some avg10=0.25 avg60=99.00 avg300=0.00 total=9\n");
    check("not counted", &[], 0.0);
    check("the machine's", &[machine, V1], 12.5);
    check("the group's", &[machine, V2, group], 0.25);
    check("nonsense", &[("proc/pressure/memory", "some avg10=nan avg60=1\n")], 0.0);
    check("a share above the whole", &[("proc/pressure/memory", "some avg10=101 avg60=1\n")], 0.0);
    let (_folder, places) = places(&[&[machine, ("proc/pressure/cpu", "some avg10=1.00 avg60=0\n")]]);
    let found: Vec<_> =
        places.stalls().into_iter().map(|stall| (stall.resource, stall.kind, stall.percent)).collect();
    assert_eq!(found, [("memory", "some", 12.5), ("memory", "full", 3.0), ("cpu", "some", 1.0)]);
}

#[test]
fn page_faults_are_found_behind_whatever_name() {
    let check = |stat: &str, minor, major| {
        let (_folder, places) = places(&[&[("proc/self/stat", stat)]]);
        assert_eq!(places.page_faults(), PageFaults { minor, major }, "{stat}");
    };
    check("7 (millpond) S 1 7 7 0 -1 4194560 1234 99 56 77 1 2", 1234, 56);
    check("7 (a ) b) (c) S 1 7 7 0 -1 4194560 1234 99 56 77 1 2", 1234, 56);
    check("7 (millpond) S 1", 0, 0);
    check("", 0, 0);
}

#[test]
fn a_child_is_in_the_list_for_as_long_as_it_is_held() {
    let mine = || children().into_iter().filter(|child| child.name == "of this test").collect::<Vec<_>>();
    let (one, other) = (Child::new("of this test"), Child::new("of this test"));
    one.has(3 * MIB);
    other.has(5 * MIB);
    one.has(4 * MIB);
    let seen: Vec<u64> = mine().iter().map(|child| child.own_bytes / MIB).collect();
    assert_eq!(seen, [4, 5]);
    drop(one);
    assert_eq!(mine(), [ChildMemory { name: "of this test", own_bytes: 5 * MIB }]);
    drop(other);
    assert_eq!(mine(), []);
}
