//! How the C library's allocator gives memory back. The only unsafe code of this crate.
//!
//! glibc serves a large block by a mapping of its own, which goes back to the system when the block is freed. But the
//! first such block that is freed raises the size from which it does so, up to 32 MiB; from then on large blocks come
//! from per-thread arenas, which keep them. The 19 MiB of one password check then stay behind in every thread that ever
//! made one. Measured with 60 refused sign-ins, eight at a time: 746 MB resident afterwards as glibc has it, 5 MB with
//! the size fixed.

/// Blocks from this size on are mappings of their own: glibc's initial value, which setting it makes final.
const MMAP_THRESHOLD_BYTES: libc::c_int = 128 * 1024;
/// Fixes how memory is given back. Called once, before any other thread is there.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[expect(unsafe_code, reason = "the C library has no safe way to be told")]
pub(crate) fn settle() {
    // SAFETY: mallopt takes two numbers, keeps no pointer, and is called while this is the only thread.
    let settled = unsafe { libc::mallopt(libc::M_MMAP_THRESHOLD, MMAP_THRESHOLD_BYTES) };
    debug_assert!(settled == 1, "mallopt knows the parameter");
}

/// Other C libraries return large blocks as they are.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub(crate) fn settle() {}
