use std::fs;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;

use super::*;

fn source(file: &Path) -> Source {
    Source::of(File::open(file).unwrap(), "a").unwrap()
}

fn holding(bytes: &[u8]) -> (tempfile::TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a");
    fs::write(&file, bytes).unwrap();
    (folder, file)
}

#[test]
fn a_source_reads_its_bytes_from_anywhere_and_none_behind_its_end() {
    let (_folder, file) = holding(b"0123456789");
    let source = source(&file);
    assert_eq!(source.len(), 10);
    // buffer, offset, bytes
    let cases: &[(usize, u64, &[u8])] =
        &[(4, 0, b"0123"), (4, 8, b"89"), (4, 10, b""), (4, u64::MAX, b""), (0, 3, b"")];
    for &(room, offset, expected) in cases {
        let mut buffer = vec![0; room];
        let count = source.read_at(&mut buffer, offset).unwrap();
        assert_eq!(&buffer[..count], expected, "{room} at {offset}");
        // Just written: in the page cache wherever the file system can tell.
        match source.read_resident(&mut buffer, offset) {
            Ok(count) => assert_eq!(&buffer[..count], expected, "{room} at {offset}, resident"),
            Err(e) => assert_eq!(e.kind(), io::ErrorKind::WouldBlock),
        }
    }
}

#[test]
fn p02_a_file_that_shrinks_is_an_error_and_one_that_grows_shows_nothing_new() {
    let (_folder, file) = holding(b"0123456789");
    let source = source(&file);
    let mut buffer = [0; 20];

    let mut writer = fs::OpenOptions::new().append(true).open(&file).unwrap();
    writer.write_all(b"abc").unwrap();
    assert_eq!(source.read_at(&mut buffer, 0).unwrap(), 10);
    assert_eq!(source.read_at(&mut buffer, 10).unwrap(), 0);
    assert_eq!(source.check_unchanged().unwrap_err().kind, ErrorKind::Changed);

    writer.set_len(4).unwrap();
    assert_eq!(source.read_at(&mut buffer, 4).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    assert_eq!(source.read_resident(&mut buffer, 4).unwrap_err().kind(), io::ErrorKind::WouldBlock);
    assert_eq!(source.check_unchanged().unwrap_err().kind, ErrorKind::Changed);
}

#[test]
fn a_file_that_is_renamed_or_removed_still_has_its_bytes() {
    let (folder, file) = holding(b"old");
    let source = source(&file);
    fs::rename(&file, folder.path().join("b")).unwrap();
    source.check_unchanged().unwrap();
    fs::remove_file(folder.path().join("b")).unwrap();
    source.check_unchanged().unwrap();
    assert!(!source.is_as_opened(), "its name is gone, which the open-file cache must see");
    let mut buffer = [0; 3];
    source.read_at(&mut buffer, 0).unwrap();
    assert_eq!(&buffer, b"old");
}

#[test]
fn a_folder_is_no_source() {
    let folder = tempfile::tempdir().unwrap();
    let error = Source::of(File::open(folder.path()).unwrap(), "a").unwrap_err();
    assert_eq!(error.kind, ErrorKind::NotAFile);
}

#[test]
fn p02_a_validator_is_strong_only_when_the_last_change_is_old_enough_to_be_told_from_the_next() {
    const SETTLE_NS: i64 = VALIDATOR_SETTLE_MS as i64 * 1_000_000;
    let opened_ns = 1_700_000_000_000_000_000;
    // modified, changed, strong
    let cases = [
        (opened_ns - 2 * SETTLE_NS, opened_ns - 2 * SETTLE_NS, true),
        (opened_ns - SETTLE_NS, opened_ns - SETTLE_NS, true),
        (opened_ns - SETTLE_NS + 1, opened_ns - SETTLE_NS - 1, false),
        (opened_ns - 9 * SETTLE_NS, opened_ns - SETTLE_NS + 1, false),
        (opened_ns, opened_ns, false),
        // A clock that was set back.
        (opened_ns - 9 * SETTLE_NS, opened_ns + SETTLE_NS, false),
        // `touch` with a date to come, long ago.
        (opened_ns + 9 * SETTLE_NS, opened_ns - 9 * SETTLE_NS, true),
        (i64::MIN, i64::MIN, true),
    ];
    for (modified_ns, changed_ns, strong) in cases {
        let stamp = Stamp { length: 1, modified_ns, changed_ns, inode: 2 };
        assert_eq!(Validator::of(&stamp, opened_ns).is_strong(), strong, "{modified_ns} {changed_ns}");
    }
}

#[test]
fn a_validator_tells_every_part_of_a_stamp_apart() {
    let stamp = Stamp { length: 10, modified_ns: 11, changed_ns: 12, inode: 13 };
    let others = [
        Stamp { length: 99, ..stamp },
        Stamp { modified_ns: 99, ..stamp },
        Stamp { changed_ns: 99, ..stamp },
        Stamp { inode: 99, ..stamp },
    ];
    let validator = Validator::of(&stamp, i64::MAX);
    assert_eq!(validator.tag(), "d-a-b-c");
    for other in others {
        assert_ne!(Validator::of(&other, i64::MAX), validator);
    }
    let slice = validator.derived("12-90");
    assert_eq!((slice.tag(), slice.is_strong()), ("d-a-b-c-12-90", true));
}

#[test]
fn a_time_before_1970_is_a_time() {
    let stamp = Stamp { length: 0, modified_ns: -1_500_000_000, changed_ns: 0, inode: 0 };
    assert_eq!(stamp.modified(), UNIX_EPOCH - Duration::from_millis(1_500));
}

#[test]
fn a_reader_jumps_within_and_behind_the_file_but_not_before_it() {
    let (_folder, file) = holding(b"0123456789");
    let mut reader = source(&file).reader();
    let mut two = [0; 2];
    for (to, position, bytes) in
        [(SeekFrom::Start(3), 3, b"34"), (SeekFrom::Current(1), 6, b"67"), (SeekFrom::End(-2), 8, b"89")]
    {
        assert_eq!(reader.seek(to).unwrap(), position);
        reader.read_exact(&mut two).unwrap();
        assert_eq!(&two, bytes);
    }
    assert_eq!(reader.seek(SeekFrom::End(5)).unwrap(), 15);
    assert_eq!(reader.read(&mut two).unwrap(), 0);
    assert!(reader.seek(SeekFrom::End(-11)).is_err());
    assert!(reader.seek(SeekFrom::Current(-16)).is_err());
}
