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
/// System calls of our own for each answer. One more is a whole 1, as above; what the server does by the clock (it looks
/// at its health and at the credentials, and opens a file again after a second) comes in between, and is less.
const CALLS_MORE: f64 = 0.5;

/// Where a figure cannot be exact, by path and figure, with the share of the baseline that it may vary by on top.
const INEXACT: &[(&str, &str, f64)] = &[
    // Rows come from the database's threads, and how often one waits for the other decides how many wakers are made.
    // Seen: 1 in 2,000 on a busy machine. One allocation more for each song is 1.5 %, for every fifth still too much.
    ("listing_500", "allocations", 0.002),
    // A window that is sent too slowly is looked at again. One call more for each window is 25 % and more.
    ("answer_whole_5_mb", "calls", 0.05),
    ("answer_whole_50_mb", "calls", 0.05),
    // How many writes a long answer needs depends on how much room the socket has each time, and that on how fast the
    // client and the kernel take it. Seen for 50 MB: 157 to 326 by the same build. To send 32 KiB at a time, as without
    // the wire, takes 1,526; 5 MB take 20, or 153.
    ("answer_whole_5_mb", "transfers", 0.25),
    ("answer_whole_50_mb", "transfers", 1.5),
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
