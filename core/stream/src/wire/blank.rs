//! Slices that stand for bytes of a file and are never read.

use std::sync::LazyLock;

use bytes::Bytes;

/// How many places there are, which is also the longest blank. The place of a byte is its offset modulo this number.
const PLACES: usize = 4 * 1024 * 1024;

/// Address space that is allocated and never touched, so that it has no memory: a fresh allocation of this size comes
/// from the kernel, which keeps one page of zeros for all that nobody has written to.
static PLACE: LazyLock<&'static [u8]> = LazyLock::new(|| {
    let places: &'static mut [u8] = Box::leak(vec![0; PLACES].into_boxed_slice());
    tripwire::lay(places);
    places
});

/// The place of the byte at this offset.
pub(super) fn place(offset: u64) -> usize {
    // The remainder is smaller than a usize.
    (offset % PLACES as u64) as usize
}

/// A blank for `count` bytes from `offset`, or for as many as there are places in a row.
pub(super) fn blank(offset: u64, count: u64) -> Bytes {
    let start = place(offset);
    let room = PLACES - start;
    let count = usize::try_from(count).unwrap_or(usize::MAX).min(room);
    Bytes::from_static(&PLACE[start..start + count])
}

/// The place where a slice begins, if it is a blank.
pub(super) fn place_of(slice: &[u8]) -> Option<usize> {
    let distance = slice.as_ptr().addr().wrapping_sub(PLACE.as_ptr().addr());
    (distance < PLACES && !slice.is_empty()).then_some(distance)
}

/// In builds with debug assertions, whoever reads a blank dies. A release build would send zeros in place of bytes,
/// which the test at start would have found; there the pages stay readable, because a slice that cannot be read is more
/// than the language allows.
#[cfg(all(debug_assertions, target_os = "linux"))]
mod tripwire {
    #![expect(unsafe_code, reason = "protection of pages has no safe form; test builds only")]

    use rustix::mm::{MprotectFlags, mprotect};

    pub(super) fn lay(places: &mut [u8]) {
        let page = rustix::param::page_size();
        let skip = places.as_ptr().align_offset(page);
        let whole = (places.len() - skip) / page * page;
        // SAFETY: the pages lie inside an allocation that is leaked and of which nobody reads or writes a byte, so that
        // no access is made invalid; the allocator's own notes lie outside of the slice, and partial pages are left out.
        let laid = unsafe { mprotect(places[skip..].as_mut_ptr().cast(), whole, MprotectFlags::empty()) };
        debug_assert!(laid.is_ok(), "pages cannot be protected: {laid:?}");
    }
}

#[cfg(not(all(debug_assertions, target_os = "linux")))]
mod tripwire {
    pub(super) fn lay(_: &mut [u8]) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blank_says_which_offset_it_stands_for() {
        for offset in [0, 1, 4096, PLACES as u64 - 1, PLACES as u64, u64::MAX - 1, 5_000_000_000] {
            let blank = blank(offset, u64::MAX);
            assert_eq!(place_of(&blank), Some(place(offset)), "{offset}");
            assert_eq!(blank.len(), PLACES - place(offset));
            let rest = blank.slice(blank.len() - 1..);
            assert_eq!(place_of(&rest), Some(PLACES - 1), "a part stands for its own offset");
        }
        assert_eq!(blank(10, 7).len(), 7);
    }

    #[test]
    fn ordinary_bytes_are_no_blanks() {
        for slice in [&b""[..], b"head", &[0; 100], &vec![0; 2 * PLACES]] {
            assert_eq!(place_of(slice), None);
        }
    }
}
