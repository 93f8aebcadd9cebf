use budget::Chunks;

use super::*;

/// Memory that begins like a page.
fn page_memory(length: usize) -> budget::Chunk {
    let mut chunk = Chunks::aligned(length, SPOOL_PAGE_BYTES, 0).lend();
    chunk.iter_mut().enumerate().for_each(|(at, byte)| *byte = (at * 7 / 5) as u8);
    chunk
}

#[test]
fn whole_pages_go_past_the_page_cache_and_what_is_around_them_through_it() {
    const P: usize = SPOOL_PAGE_BYTES;
    const FAR: u64 = 3 * BLOB_BLOCK_BYTES;
    let memory = page_memory(20 * P);
    // Where in memory and in the file the bytes begin and how many they are; how many go how.
    let table = [
        (0, FAR, 10 * P, (10 * P, true)),
        (0, FAR, 10 * P + 9, (10 * P, true)),
        (0, FAR, P - 1, (P - 1, false)),
        (7, FAR + 7, 10 * P, (P - 7, false)),
        (7, FAR + 7, P, (P, false)),
        (7, FAR, 10 * P, (10 * P, false)),
        (0, FAR + 7, 10 * P, (10 * P, false)),
        (P, FAR + P as u64, 3 * P, (3 * P, true)),
        (0, 0, 10 * P, (10 * P, false)),
        (0, BLOB_BLOCK_BYTES - 1, P, (P, false)),
        (0, BLOB_BLOCK_BYTES, P, (P, true)),
    ];
    for (from, at, length, expected) in table {
        let bytes = &memory[from..from + length];
        assert_eq!(Way::default().next(bytes, at), expected, "{length} bytes from {from} to {at}");
        let closed = Way { is_closed: true, ..Way::default() };
        assert_eq!(closed.next(bytes, at), (length, false));
    }
}

#[test]
fn a_slow_disk_gets_the_rest_through_the_page_cache() {
    for (milliseconds, closed) in [(1, false), (100, false), (1_000, true)] {
        let mut way = Way::default();
        way.took(SPOOL_FLUSH_BYTES as usize - 1, Duration::ZERO);
        assert!(!way.is_closed);
        way.took(1, Duration::from_millis(milliseconds));
        assert_eq!((way.is_closed, way.direct_bytes), (closed, 0), "{milliseconds} ms");
    }
}

/// A file in memory has no disk to be written to past the page cache; one in a folder may.
#[test]
fn what_is_written_is_there_on_any_file_system() {
    let memory = rustix::fs::memfd_create("data", rustix::fs::MemfdFlags::empty()).unwrap();
    for file in [File::from(memory), tempfile::tempfile().unwrap()] {
        let (mut way, bytes) = (Way::default(), page_memory(5 * SPOOL_PAGE_BYTES + 100));
        let (mut done, start) = (0, BLOB_BLOCK_BYTES);
        while done < bytes.len() {
            done += way.write(&file, &bytes[done..], start + done as u64).unwrap();
        }
        let mut found = vec![0; bytes.len()];
        file.read_exact_at(&mut found, start).unwrap();
        assert!(found[..] == bytes[..]);
    }
}
