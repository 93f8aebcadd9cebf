//! How the C library's allocator gives memory back, and what it holds. The only unsafe code of this crate.
//!
//! glibc serves a large block by a mapping of its own, which goes back to the system when the block is freed. But the
//! first such block that is freed raises the size from which it does so, up to 32 MiB; from then on large blocks come
//! from per-thread arenas, which keep them. The memory of one password check then stays behind in every thread that ever
//! made one. Measured with 60 refused sign-ins of 19 MiB each, eight at a time: 746 MB resident afterwards as glibc has it,
//! 5 MB with the size fixed.
//!
//! And glibc makes up to eight such arenas for each processor, of which each keeps what its threads freed. As many as
//! processors are enough: they are locked for moments, and no more threads run at once. Measured on two processors with 24
//! clients that page through lists: 18.9 MiB of anonymous memory afterwards instead of 27.6, and 14.2 s of CPU instead of
//! 16.2 (medians of three turns each).

/// Blocks from this size on are mappings of their own: glibc's initial value, which setting it makes final.
const MMAP_THRESHOLD_BYTES: libc::c_int = 128 * 1024;
/// Where there is one processor, a thread that waits for the disk keeps nobody from memory.
const ARENAS_MIN: libc::c_int = 2;

/// What the allocator holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Held {
    /// In blocks that the program has.
    pub(crate) live_bytes: u64,
    /// Taken from the system. Pages of it that were never touched are not in memory.
    pub(crate) resident_bytes: u64,
    /// Freed by the program and kept for later.
    pub(crate) retained_bytes: u64,
}

/// Fixes how memory is given back, and how many arenas there are. Called once, before any other thread is there.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[expect(unsafe_code, reason = "the C library has no safe way to be told")]
pub(crate) fn settle() {
    let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let arenas = libc::c_int::try_from(processors).unwrap_or(libc::c_int::MAX).max(ARENAS_MIN);
    for (parameter, value) in [(libc::M_MMAP_THRESHOLD, MMAP_THRESHOLD_BYTES), (libc::M_ARENA_MAX, arenas)] {
        // SAFETY: mallopt takes two numbers, keeps no pointer, and is called while this is the only thread.
        let settled = unsafe { libc::mallopt(parameter, value) };
        debug_assert!(settled == 1, "mallopt knows the parameter");
    }
}

/// Other C libraries return large blocks as they are.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub(crate) fn settle() {}

/// What the allocator holds now, over all threads. Locks each arena for as long as it takes to count its free blocks.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[expect(unsafe_code, reason = "the C library has no safe way to be asked")]
pub(crate) fn held() -> Option<Held> {
    // SAFETY: mallinfo2 takes nothing, returns numbers by value, and takes the allocator's own locks.
    let info = unsafe { libc::mallinfo2() };
    // Blocks that are mappings of their own (hblkhd) stand beside the arenas, and all of them are in use.
    let bytes = |arenas: usize, mappings: usize| (arenas as u64).saturating_add(mappings as u64);
    Some(Held {
        live_bytes: bytes(info.uordblks, info.hblkhd),
        resident_bytes: bytes(info.arena, info.hblkhd),
        retained_bytes: bytes(info.fordblks, 0),
    })
}

/// Other C libraries do not say.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub(crate) fn held() -> Option<Held> {
    None
}

/// Gives pages of which nothing is in use back to the system: glibc does that by itself only at the end of each
/// thread's memory, and one small block there keeps all before it. Locks each arena while it does so.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[expect(unsafe_code, reason = "the C library has no safe way to be told")]
pub(crate) fn trim() {
    // SAFETY: malloc_trim takes a number, touches only free blocks, and takes the allocator's own locks.
    let _ = unsafe { libc::malloc_trim(0) };
}

/// Other C libraries do so by themselves.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub(crate) fn trim() {}
