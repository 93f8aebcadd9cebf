//! How much more a path may cost than in the baseline. The only place with such numbers.

/// Instructions executed, as callgrind counts them; a share of the baseline. The same build gives the same count to
/// within one in ten thousand, a new compiler moves it by some in a hundred.
const INSTRUCTIONS_SHARE: f64 = 0.10;
/// Bytes allocated, as dhat counts them; a share of the baseline.
const ALLOCATED_BYTES_SHARE: f64 = 0.05;
/// …and so many on top: nothing of an allocation, only room for the fraction that a mean can have.
const ALLOCATED_BYTES_MORE: f64 = 1.0;
/// Allocations. One more for each run of the path is a whole 1, half of it is room for the fraction of a mean: what
/// happens once in a while, like the growth of a map, is less.
const ALLOCATIONS_MORE: f64 = 0.5;
/// System calls of our own for each answer, and apart from them those that give bytes to the socket. One more is a whole
/// 1, as above; what the server does by the clock (it looks at its health and at the credentials, and opens a file again
/// after a second) comes in between, and is less.
const CALLS_MORE: f64 = 0.5;

/// Where a figure cannot be exact, by path and figure, with the share of the baseline that it may vary by on top.
const INEXACT: &[(&str, &str, f64)] = &[
    // Rows come from the database's threads, and how often one waits for the other decides how many wakers are made.
    // Seen: 1 in 2,000 on a busy machine. One allocation more for each song is 1.5 %, for every fifth still too much.
    ("listing_500", "allocations", 0.002),
    // How many calls give a long answer to the socket depends on how much room it has each time, and that on how fast
    // the client and the kernel take it; some of them look at the file again. Seen by the same build: 25 to 52 for
    // 50 MB, 3.5 to 5.2 for 5 MB. To send 32 KiB at a time, as without the wire, takes 1,526 and 153, and one more look
    // at each window is a third more calls.
    ("answer_whole_5_mb", "calls", 0.2),
    ("answer_whole_50_mb", "calls", 0.2),
    ("answer_whole_5_mb", "transfers", 1.0),
    ("answer_whole_50_mb", "transfers", 2.0),
];

/// The figure that passes just so; `None` for one that is shown and not judged.
pub(super) fn most(path: &str, figure: &str, before: f64) -> Option<f64> {
    let most = match figure {
        "instructions" => before * (1.0 + INSTRUCTIONS_SHARE),
        "allocated_bytes" => before * (1.0 + ALLOCATED_BYTES_SHARE) + ALLOCATED_BYTES_MORE,
        "allocations" => before + ALLOCATIONS_MORE,
        "calls" | "transfers" => before + CALLS_MORE,
        _ => return None,
    };
    let inexact = INEXACT.iter().find(|row| (row.0, row.1) == (path, figure));
    Some(most + inexact.map_or(0.0, |row| row.2 * before))
}
