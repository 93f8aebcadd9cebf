use std::os::unix::fs::FileExt;
use std::sync::Mutex;

use budget::limits::BLOB_CHECK_BYTES;

use super::*;
use crate::source::{Source, Validator};

const BLOCK: u64 = BLOB_BLOCK_BYTES;
const LENGTH: u64 = 2 * BLOCK + 1_000;
const LONG: Duration = Duration::from_secs(3_600);

/// Checksums of what the file should be, and every block that was looked up or found bad.
#[derive(Default)]
struct Books {
    sums: Vec<u32>,
    asked: Mutex<Vec<u64>>,
    bad: Mutex<Vec<u64>>,
}

impl Ledger for Books {
    fn sum(&self, block: u64) -> io::Result<u32> {
        self.asked.lock().unwrap().push(block);
        Ok(self.sums[block as usize])
    }

    fn is_bad(&self, block: u64) {
        self.bad.lock().unwrap().push(block);
    }
}

fn bytes() -> Vec<u8> {
    (0..LENGTH).map(|at| (at * 7 / 16) as u8).collect()
}

/// A file whose pages are all in memory, as those of a file are that was written just now.
fn open(lifetime: Duration) -> (File, Source, Arc<Books>) {
    let file = tempfile::tempfile().unwrap();
    file.write_all_at(&bytes(), 0).unwrap();
    let sums = bytes().chunks(BLOCK as usize).map(crc32c::crc32c).collect();
    let books = Arc::new(Books { sums, ..Books::default() });
    let chunks = Chunks::new(BLOB_CHECK_BYTES, 1);
    let source = Source::checked(file.try_clone().unwrap(), "x", Validator::fixed("x"), |stamp| {
        Sums::new(stamp.length, lifetime, chunks, Arc::clone(&books))
    });
    (file, source.unwrap(), books)
}

fn read(source: &Source, offset: u64, count: usize) -> io::Result<Vec<u8>> {
    let mut buffer = vec![0; count];
    let count = source.read_at(&mut buffer, offset)?;
    buffer.truncate(count);
    Ok(buffer)
}

#[test]
fn p02_what_nobody_checked_is_not_resident_whatever_the_page_cache_holds() {
    let (_file, source, books) = open(LONG);
    let resident = |offset| source.read_resident(&mut [0; 100], offset).map_err(|e| e.kind());
    assert_eq!(resident(BLOCK), Err(io::ErrorKind::WouldBlock));
    assert!(!source.is_resident(BLOCK, 1) && !source.is_checked(BLOCK, 1));
    assert_eq!(read(&source, BLOCK + 5, 100).unwrap(), bytes()[BLOCK as usize + 5..][..100]);
    assert_eq!(resident(BLOCK), Ok(100));
    assert_eq!(resident(2 * BLOCK - 10), Ok(10), "up to the next block, which nobody checked");
    assert_eq!(resident(BLOCK - 1), Err(io::ErrorKind::WouldBlock));
    let cases = [
        (BLOCK, BLOCK, true),
        (BLOCK, BLOCK + 1, false),
        (BLOCK - 1, 2, false),
        (2 * BLOCK - 1, 1, true),
        (2 * BLOCK, 1_000, false),
    ];
    for (offset, count, expected) in cases {
        assert_eq!(source.is_checked(offset, count), expected, "{offset} {count}");
        assert_eq!(source.is_resident(offset, count), expected, "{offset} {count}");
    }
    read(&source.clone(), 0, 1).unwrap();
    assert!(source.is_resident(0, 2 * BLOCK), "a clone shares what was checked");
    read(&source, 2 * BLOCK, 2_000).unwrap();
    assert_eq!(read(&source, 0, LENGTH as usize + 9).unwrap(), bytes(), "one read over all of them");
    assert_eq!(*books.asked.lock().unwrap(), [1, 0, 2], "each once");
    assert_eq!(*books.bad.lock().unwrap(), [0; 0]);
}

#[test]
fn reads_of_any_place_and_length_give_the_same_bytes_with_and_without_checking() {
    for count in [1, 1_000, BLOB_CHECK_BYTES, BLOB_CHECK_BYTES + 1, LENGTH as usize] {
        for offset in [0, 1, BLOB_CHECK_BYTES as u64 - 1, BLOCK - 1, BLOCK, BLOCK + 70_000, LENGTH - 1] {
            let (_file, source, _) = open(LONG);
            for turn in ["checking", "checked"] {
                let got = read(&source, offset, count).unwrap();
                assert!(
                    !got.is_empty() && got == bytes()[offset as usize..][..got.len()],
                    "{turn} {offset} {count}"
                );
            }
        }
    }
}

#[test]
fn p02_a_flipped_byte_is_never_given_and_its_neighbours_are() {
    let (file, source, books) = open(LONG);
    file.write_all_at(&[bytes()[BLOCK as usize + 9] ^ 64], BLOCK + 9).unwrap();
    for (offset, is_sound) in
        [(BLOCK, false), (BLOCK + 500_000, false), (2 * BLOCK - 1, false), (0, true), (2 * BLOCK, true)]
    {
        let mut buffer = [1; 64];
        let got = source.read_at(&mut buffer, offset).map_err(|e| e.kind());
        if is_sound {
            assert!(got.is_ok(), "{offset}");
        } else {
            assert_eq!(got, Err(io::ErrorKind::InvalidData), "{offset}");
            assert_eq!(buffer, [0; 64], "not even in the buffer");
            assert!(!source.is_resident(offset, 1));
        }
    }
    assert_eq!(*books.bad.lock().unwrap(), [1, 1, 1]);
}

#[test]
fn p02_checks_hold_for_a_while_and_are_then_made_again() {
    let (file, source, books) = open(Duration::ZERO);
    for _ in 0..2 {
        read(&source, 0, 10).unwrap();
        assert!(!source.is_resident(0, 1), "with no time at all no check holds");
    }
    assert_eq!(*books.asked.lock().unwrap(), [0, 0]);
    drop((file, source));
    let (file, source, books) = open(LONG);
    read(&source, 0, 10).unwrap();
    source.clone().forget_checked();
    file.write_all_at(&[77], 3).unwrap();
    assert_eq!(read(&source, 0, 10).unwrap_err().kind(), io::ErrorKind::InvalidData);
    assert_eq!(*books.asked.lock().unwrap(), [0, 0]);
}

#[test]
fn a_file_that_shrinks_under_a_check_is_an_error_and_not_bad() {
    let (file, source, books) = open(LONG);
    file.set_len(BLOCK + 10).unwrap();
    assert_eq!(read(&source, BLOCK, 5).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    assert_eq!(*books.bad.lock().unwrap(), [0; 0]);
}
