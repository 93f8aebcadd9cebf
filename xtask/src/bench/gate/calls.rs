//! System calls as strace writes them down, sorted by what they say about us.
//!
//! A run under strace is divided by marks: requests for `/mark-PATH-N`, which show in the trace as what was read from
//! the connection. Between two of them lie so many requests of one kind. There are several such blocks, and the median
//! counts: what happens once, or by the clock, falls into one of them and is no request's cost.

use std::collections::BTreeMap;

/// The calls between two marks, by name.
pub(super) type Counts = BTreeMap<String, u64>;

/// The target that marks a place.
pub(super) fn mark(path: &str, number: u8) -> String {
    format!("/mark-{path}-{number}")
}

/// Calls that are not ours to count, because when and how often they happen is decided by the scheduler: which worker
/// sleeps when work comes, and who must wake it. The same build moves them by half from run to run.
const WAITS: &[&str] = &[
    "clock_nanosleep",
    "epoll_pwait",
    "epoll_pwait2",
    "epoll_wait",
    "futex",
    "nanosleep",
    "poll",
    "ppoll",
    "restart_syscall",
    "sched_yield",
    // The allocator asks for pages when an arena grows, which depends on which thread freed what before; allocations
    // themselves are counted by dhat.
    "brk",
    "madvise",
    "mmap",
    "mprotect",
    "munmap",
];

/// Calls that give bytes to a socket. They are summed apart, because a long answer needs as many as the socket has room
/// for at a time, and that is decided by the kernel and the client.
const TRANSFERS: &[&str] = &["sendfile", "sendmsg", "sendto", "write", "writev"];

/// How many blocks of requests there are of each kind.
pub(super) const BLOCKS: u8 = 5;

/// Figures of what happened between the marks of one path: `transfers` and all other `calls`, then `call NAME` for each
/// of both and `wait NAME` for the rest, all for one request. `None` when a mark is missing.
pub(super) fn figures(trace: &str, path: &str, requests: u64) -> Option<BTreeMap<String, f64>> {
    let blocks = (0..BLOCKS).map(|block| between(trace, &mark(path, block), &mark(path, block + 1)));
    let blocks: Vec<Counts> = blocks.collect::<Option<_>>()?;
    let mut figures = BTreeMap::new();
    for name in blocks.iter().flat_map(Counts::keys) {
        let mut counts: Vec<u64> = blocks.iter().map(|block| block.get(name).copied().unwrap_or(0)).collect();
        counts.sort_unstable();
        let median = counts.get(counts.len() / 2).copied().unwrap_or(0);
        if median > 0 {
            figures.insert(name.clone(), median as f64 / requests as f64);
        }
    }
    let sum = |transfers: bool| {
        let named = figures.iter().filter_map(|(name, each)| Some((name.strip_prefix("call ")?, each)));
        named.filter(|(name, _)| TRANSFERS.contains(name) == transfers).map(|(_, each)| each).sum()
    };
    let sums: [(&str, f64); 2] = [("calls", sum(false)), ("transfers", sum(true))];
    figures.extend(sums.map(|(name, sum)| (name.to_owned(), sum)));
    Some(figures)
}

fn between(trace: &str, from: &str, to: &str) -> Option<Counts> {
    let place = |mark: &str| trace.find(&format!("\"GET {mark} "));
    let section = trace.get(place(from)?..place(to)?)?;
    let mut counts = Counts::new();
    // The first line is the rest of that of the mark, the last one the beginning of the other's.
    let mut lines: Vec<&str> = section.lines().skip(1).collect();
    lines.pop();
    for name in lines.into_iter().filter_map(named) {
        *counts.entry(name).or_default() += 1;
    }
    Some(counts)
}

/// The figure that a line counts for: `PID NAME(ARGUMENTS) = RESULT`. A call that another thread interrupted has two
/// lines, of which the first counts.
fn named(line: &str) -> Option<String> {
    let (_, call) = line.split_once(' ')?;
    let (name, arguments) = call.trim_start().split_once('(')?;
    if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
        return None;
    }
    // The runtime wakes a sleeping worker by an eventfd.
    let first = arguments.split(',').next().unwrap_or_default();
    if WAITS.contains(&name) || first.contains("[eventfd]") {
        return Some(format!("wait {name}"));
    }
    // The server looks at its own memory and health by the clock.
    let by_the_clock = ["</proc/", "</sys/", "\"/proc/", "\"/sys/"];
    if by_the_clock.iter().any(|place| arguments.contains(place)) {
        return None;
    }
    Some(format!("call {name}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_counts_for_one_figure_or_none() {
        for (line, figure) in [
            ("71 recvfrom(9<TCP:[1->2]>, \"GET /health\", 8192, 0, NULL, NULL) = 71", Some("call recvfrom")),
            ("71    fstat(12</music/a.flac>, {st_mode=S_IFREG|0644}) = 0", Some("call fstat")),
            ("71 preadv2(12</music/a.flac>,  <unfinished ...>", Some("call preadv2")),
            ("71 <... preadv2 resumed>[{iov_base=\"a\"}], 1, 4096, RWF_NOWAIT) = 1024", None),
            ("71 futex(0x7f, FUTEX_WAKE_PRIVATE, 1) = 1", Some("wait futex")),
            ("71 write(5<anon_inode:[eventfd]>, \"\\1\\0\", 8) = 8", Some("wait write")),
            ("71 write(5<TCP:[1->2]>, \"[eventfd]\", 9) = 9", Some("call write")),
            ("71 openat(AT_FDCWD</data>, \"/proc/self/status\", O_RDONLY) = 14", None),
            ("71 read(14</proc/71/status>, \"Name\", 4096) = 1024", None),
            ("71 --- SIGTERM {si_signo=SIGTERM} ---", None),
            ("71 +++ exited with 0 +++", None),
            ("", None),
        ] {
            assert_eq!(named(line).as_deref(), figure, "{line}");
        }
    }

    #[test]
    fn the_median_of_blocks_is_what_a_request_costs() {
        let mark = |number| format!("7 recvfrom(9, \"GET {} HTTP/1.1\", 80) = 40\n", mark("small", number));
        let block = "7 recvfrom(9, \"GET /tracks\", 80) = 40\n7 fstat(3) = 0\n7 fstat(3) = 0\n".repeat(10);
        let once = "7 openat(AT_FDCWD, \"/music/a\") = 3\n7 writev(9, 404) = 5\n".repeat(40);
        let waits = "7 futex(1) = 0\n".repeat(5);
        let mut trace = [mark(0), once].concat();
        for number in 1..=BLOCKS {
            trace += &[block.as_str(), &waits, &mark(number)].concat();
        }
        let figures = figures(&trace, "small", 10).unwrap();
        let expected = [
            ("call fstat", 2.0),
            ("call recvfrom", 1.0),
            ("calls", 3.0),
            ("transfers", 0.0),
            ("wait futex", 0.5),
        ];
        assert_eq!(figures.iter().map(|(name, each)| (name.as_str(), *each)).collect::<Vec<_>>(), expected);
        assert!(super::figures(&trace, "large", 10).is_none(), "there is no such mark");
    }
}
